//! Objects in a text: JSON wherever it stands, JSON escaped inside text, and objects as Node, Python and Ruby print them.
//!
//! Strict JSON goes through simd-json; what that refuses (single quotes, bare keys, a cut end) through a tolerant reader
//! of our own. Both give the same tree. Failed attempts draw on the record's patience, so hostile text costs linear time.

use simd_json::{Buffers, Node as Tape, StaticNode};

use super::views::{Format, MASK, NodeId, OBJECT_DEPTH_MAX, Place, Span, Views, mask};

/// Reused buffers of the JSON reader.
#[derive(Default)]
pub(super) struct Scratch {
    input: Vec<u8>,
    buffers: Option<Buffers>,
}

impl std::fmt::Debug for Scratch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scratch")
    }
}

/// Levels of backslashes that an object in running text may stand behind.
const ESCAPES_MAX: usize = 4;
/// How far an escaped object is followed, in bytes.
const ESCAPED_MAX: usize = 64 << 10;
/// Array elements that make bare scalars a list of codes.
pub(super) const LIST_MIN: usize = 3;

impl Views {
    /// JSON objects anywhere in `work`; what was read is masked.
    pub(super) fn strict_objects(&mut self, text: NodeId, work: &mut [u8], depth: usize) {
        let mut at = 0;
        while let Some(open) = memchr::memchr(b'{', &work[at..]).map(|i| at + i) {
            at = open + 1;
            if self.full() || !may_open_json(&work[at..]) {
                continue;
            }
            let Some(end) = self.balanced_end(work, open) else { continue };
            // What is no strict JSON but whole is read here too: the objects inside it must not be taken for its siblings.
            let whole = self.json(text, &work[open..end], open, depth)
                || self.printed(text, &work[open..end], open, depth, false) == Some(end - open);
            if whole {
                mask(work, open, end);
                at = end;
            }
        }
    }

    /// `{\"error\":…` in running text: the backslashes are taken off level by level until it reads as an object.
    pub(super) fn escaped_objects(&mut self, text: NodeId, work: &mut [u8], depth: usize) {
        let mut at = 0;
        while let Some(open) = memchr::memchr(b'{', &work[at..]).map(|i| at + i) {
            at = open + 1;
            let opens = work[at..].iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'\\');
            if self.full() || !opens {
                continue;
            }
            let end = plain_end(work, open).unwrap_or(work.len()).min(open + ESCAPED_MAX);
            self.patience = self.patience.saturating_sub((end - open) * ESCAPES_MAX);
            if self.patience == 0 {
                return;
            }
            let mut plain = work[open..end].to_vec();
            for _ in 0..ESCAPES_MAX {
                plain = unescape_once(&plain);
                if self.json(text, &plain, open, depth)
                    || self.printed(text, &plain, open, depth, false).is_some()
                {
                    mask(work, open, end);
                    at = end;
                    break;
                }
            }
        }
    }

    /// `{ k: v, 'k': 'v', :k => "v" }` and JSON that is cut at the end of the text.
    pub(super) fn printed_objects(&mut self, text: NodeId, work: &mut [u8], place: Place) {
        let mut at = 0;
        while let Some(open) = memchr::memchr(b'{', &work[at..]).map(|i| at + i) {
            at = open + 1;
            if self.full() || self.patience == 0 {
                return;
            }
            if let Some(end) = self.printed(text, &work[open..], open, place.depth, true) {
                mask(work, open, open + end);
                at = open + end;
            }
        }
    }

    fn printed(
        &mut self,
        text: NodeId,
        bytes: &[u8],
        at: usize,
        depth: usize,
        may_be_cut: bool,
    ) -> Option<usize> {
        let mut reader = Reader { bytes, at: 0, cut: false, pairs: 0 };
        let object = reader.object(0);
        self.patience = self.patience.saturating_sub(reader.at + 1);
        let object = object.filter(|_| reader.pairs > 0 && (may_be_cut || !reader.cut))?;
        let id = self.object(Some(text), Span::default(), at, Format::Object);
        self.add_printed(id, object, depth);
        Some(reader.at)
    }

    /// The end of the object that opens at `open`, quotes and escapes observed.
    fn balanced_end(&mut self, work: &[u8], open: usize) -> Option<usize> {
        let (mut depth, mut quoted, mut at) = (0usize, false, open);
        while at < work.len() {
            if self.patience == 0 {
                return None;
            }
            match work[at] {
                b'\\' if quoted => at += 1,
                b'"' => quoted = !quoted,
                b'{' if !quoted => depth += 1,
                b'}' if !quoted => {
                    depth -= 1;
                    if depth == 0 {
                        return Some(at + 1);
                    }
                }
                _ => {}
            }
            at += 1;
        }
        self.patience = self.patience.saturating_sub(work.len() - open);
        None
    }

    /// Reads `json` as one object below `text`; false if it is none, or empty.
    fn json(&mut self, text: NodeId, json: &[u8], at: usize, depth: usize) -> bool {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.input.clear();
        scratch.input.extend_from_slice(json);
        let mut buffers = scratch.buffers.take().unwrap_or_else(|| Buffers::new(4096));
        let done = match simd_json::to_tape_with_buffers(&mut scratch.input, &mut buffers) {
            Ok(tape) => match tape.0.first() {
                Some(Tape::Object { len, .. }) if *len > 0 => {
                    let id = self.object(Some(text), Span::default(), at, Format::Object);
                    self.add_tape(id, &tape.0, depth);
                    true
                }
                _ => false,
            },
            Err(_) => {
                self.patience = self.patience.saturating_sub(json.len());
                false
            }
        };
        scratch.buffers = Some(buffers);
        self.scratch = scratch;
        done
    }

    /// The pairs of the object at the head of `tape`. Walks with its own stack: nesting costs no recursion.
    fn add_tape(&mut self, object: NodeId, tape: &[Tape<'_>], depth: usize) {
        let Some(Tape::Object { len, .. }) = tape.first() else { return };
        let mut stack = vec![Frame { object, left: *len, array_key: None, listed: false }];
        let mut at = 1;
        while let Some(frame) = stack.last_mut() {
            if frame.left == 0 || at >= tape.len() {
                stack.pop();
                continue;
            }
            frame.left -= 1;
            let (object, listed) = (frame.object, frame.listed);
            let key = match frame.array_key {
                Some(key) => key,
                None => {
                    let Tape::String(key) = tape[at] else { return };
                    at += 1;
                    key
                }
            };
            let deep = stack.len() >= OBJECT_DEPTH_MAX || self.full();
            match tape[at] {
                Tape::String(value) => self.string_field(
                    object,
                    key.as_bytes(),
                    value.as_bytes(),
                    Place { depth: depth + 1, listed, ..Place::default() },
                ),
                Tape::Static(value) => self.static_field(object, key, value, listed),
                Tape::Object { count, .. } | Tape::Array { count, .. } if deep => at += count,
                Tape::Object { len, .. } => {
                    let span = self.field(object, key.as_bytes(), None, false);
                    let id = self.object(Some(object), span, 0, Format::Object);
                    stack.push(Frame { object: id, left: len, array_key: None, listed: false });
                }
                Tape::Array { len, .. } => stack.push(Frame {
                    object,
                    left: len,
                    array_key: Some(key),
                    listed: is_list(&tape[at + 1..], len),
                }),
            }
            at += 1;
        }
    }

    fn static_field(&mut self, object: NodeId, key: &str, value: StaticNode, listed: bool) {
        let text = match value {
            StaticNode::I64(n) => Some(n.to_string()),
            StaticNode::U64(n) => Some(n.to_string()),
            StaticNode::F64(n) => Some(n.to_string()),
            StaticNode::Bool(_) | StaticNode::Null => None,
        };
        self.field(object, key.as_bytes(), text.as_deref().map(str::as_bytes), listed);
    }

    fn add_printed(&mut self, object: NodeId, value: Vec<(Vec<u8>, Value)>, depth: usize) {
        for (key, value) in value {
            if self.full() {
                return;
            }
            match value {
                Value::Object(inner) => {
                    let span = self.field(object, &key, None, false);
                    let id = self.object(Some(object), span, 0, Format::Object);
                    self.add_printed(id, inner, depth);
                }
                Value::Bare(text) => {
                    let value = if matches!(
                        &text[..],
                        b"undefined" | b"None" | b"nil" | b"true" | b"false" | b"True" | b"False"
                    ) {
                        None
                    } else {
                        Some(&text[..])
                    };
                    self.field(object, &key, value, false);
                }
                Value::Text { text, cut } => self.string_field(
                    object,
                    &key,
                    &text,
                    Place { depth: depth + 1, cut, ..Place::default() },
                ),
                Value::List(items) => {
                    let listed = items.iter().filter(|i| !matches!(i, Value::Object(_))).count() >= LIST_MIN;
                    for item in items {
                        match item {
                            Value::Text { text, cut } => self.string_field(
                                object,
                                &key,
                                &text,
                                Place { depth: depth + 1, cut, listed, ..Place::default() },
                            ),
                            Value::Bare(text) => drop(self.field(object, &key, Some(&text), listed)),
                            Value::Object(inner) => {
                                self.add_printed(object, vec![(key.clone(), Value::Object(inner))], depth)
                            }
                            Value::List(_) => {}
                        }
                    }
                }
            }
        }
    }
}

struct Frame<'a> {
    object: NodeId,
    left: usize,
    /// Elements of an array belong to the array's field.
    array_key: Option<&'a str>,
    listed: bool,
}

/// Three or more scalars in an array of `len` elements.
fn is_list(tape: &[Tape<'_>], len: usize) -> bool {
    let mut at = 0;
    let mut scalars = 0;
    for _ in 0..len {
        match tape.get(at) {
            Some(Tape::Object { count, .. } | Tape::Array { count, .. }) => at += count,
            Some(Tape::String(_) | Tape::Static(_)) => scalars += 1,
            None => break,
        }
        at += 1;
    }
    scalars >= LIST_MIN
}

/// After `{`: a quote or an end.
fn may_open_json(rest: &[u8]) -> bool {
    matches!(rest.iter().find(|b| !b.is_ascii_whitespace()), Some(b'"'))
}

/// The `}` that closes the `{` at `open` when quotes are not looked at, plus one.
fn plain_end(work: &[u8], open: usize) -> Option<usize> {
    let mut depth = 0usize;
    for (at, byte) in work[open..].iter().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => {
                depth -= 1;
                if depth == 0 {
                    return Some(open + at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

/// Takes one level of backslashes off, as a JSON string reader would.
pub(super) fn unescape_once(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        at += 1;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let Some(&escaped) = text.get(at) else {
            out.push(byte);
            break;
        };
        at += 1;
        match escaped {
            b'n' => out.push(b'\n'),
            b't' => out.push(b'\t'),
            b'r' => out.push(b'\r'),
            b'"' | b'\\' | b'/' | b'\'' => out.push(escaped),
            b'u' => match unicode_escape(&text[at..]) {
                Some((c, len)) => {
                    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                    at += len;
                }
                None => out.extend_from_slice(b"\\u"),
            },
            other => out.extend_from_slice(&[b'\\', other]),
        }
    }
    out
}

/// Four hex digits, or a surrogate pair with its second `\u`.
fn unicode_escape(rest: &[u8]) -> Option<(char, usize)> {
    let unit = |at: usize| -> Option<u16> {
        let digits = rest.get(at..at + 4)?;
        digits
            .iter()
            .all(u8::is_ascii_hexdigit)
            .then(|| u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok())?
    };
    let first = unit(0)?;
    if let Some(c) = char::from_u32(u32::from(first)) {
        return Some((c, 4));
    }
    let second = rest[4..].starts_with(b"\\u").then(|| unit(6)).flatten()?;
    let c = char::decode_utf16([first, second]).next()?.ok()?;
    Some((c, 10))
}

/// A value of a printed object.
enum Value {
    Text { text: Vec<u8>, cut: bool },
    Bare(Vec<u8>),
    Object(Vec<(Vec<u8>, Value)>),
    List(Vec<Value>),
}

/// The tolerant reader: bounded depth, each byte looked at once.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The text ended inside the object.
    cut: bool,
    pairs: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(|b| b.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    /// `{ key sep value, … }`; `None` if it is no object. A cut object must have a quoted first key to count.
    fn object(&mut self, depth: usize) -> Option<Vec<(Vec<u8>, Value)>> {
        self.at += 1;
        let mut pairs = Vec::new();
        let mut quoted_key = false;
        loop {
            self.blanks();
            while self.peek() == Some(b',') {
                self.at += 1;
                self.blanks();
            }
            match self.peek() {
                Some(b'}') => {
                    self.at += 1;
                    return Some(pairs);
                }
                None => {
                    self.cut = true;
                    return quoted_key.then_some(pairs);
                }
                Some(_) => {}
            }
            let quote = matches!(self.peek(), Some(b'"' | b'\''));
            let Some(key) = self.key() else { return (self.cut && quoted_key).then_some(pairs) };
            quoted_key |= quote;
            let Some(value) = self.value(depth) else { return (self.cut && quoted_key).then_some(pairs) };
            self.pairs += 1;
            pairs.push((key, value));
            if self.cut {
                return quoted_key.then_some(pairs);
            }
        }
    }

    /// A key with its `:`, `=>` or `=`.
    fn key(&mut self) -> Option<Vec<u8>> {
        if self.peek() == Some(b':') {
            self.at += 1;
        }
        let key = match self.peek()? {
            quote @ (b'"' | b'\'') => self.string(quote).0,
            b if b.is_ascii_alphabetic() || b == b'_' || b == b'$' || b == b'@' => {
                let start = self.at;
                while self.peek().is_some_and(|b| {
                    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$' | b'.' | b'-' | b'@')
                }) {
                    self.at += 1;
                }
                self.bytes[start..self.at].to_vec()
            }
            _ => return None,
        };
        self.blanks();
        match (self.peek(), self.bytes.get(self.at + 1)) {
            (Some(b'='), Some(b'>')) => self.at += 2,
            (Some(b':' | b'='), _) => self.at += 1,
            (None, _) => {
                self.cut = true;
                return None;
            }
            _ => return None,
        }
        Some(key)
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        self.blanks();
        match self.peek() {
            None => {
                self.cut = true;
                None
            }
            Some(b'{') if depth + 1 < OBJECT_DEPTH_MAX => self.object(depth + 1).map(Value::Object),
            Some(b'[') if depth + 1 < OBJECT_DEPTH_MAX => self.list(depth + 1),
            Some(b'{' | b'[') => None,
            Some(quote @ (b'"' | b'\'' | b'`')) => {
                let (text, cut) = self.string(quote);
                Some(Value::Text { text, cut })
            }
            // `u'text'` and `b'text'` of older Pythons.
            Some(b'u' | b'b') if matches!(self.bytes.get(self.at + 1), Some(b'\'' | b'"')) => {
                self.at += 1;
                self.value(depth)
            }
            Some(_) => self.bare(),
        }
    }

    fn bare(&mut self) -> Option<Value> {
        let start = self.at;
        while self.peek().is_some_and(|b| !matches!(b, b',' | b'{' | b'}' | b'[' | b']' | b'\n' | MASK)) {
            self.at += 1;
        }
        if self.at == self.bytes.len() {
            self.cut = true;
        }
        let text = self.bytes[start..self.at].trim_ascii();
        (!text.is_empty() && self.peek() != Some(MASK))
            .then(|| Value::Text { text: text.to_vec(), cut: self.cut })
            .map(|v| match v {
                Value::Text { text, cut: false }
                    if text.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'.' || *b == b'-') =>
                {
                    Value::Bare(text)
                }
                other => other,
            })
    }

    fn list(&mut self, depth: usize) -> Option<Value> {
        self.at += 1;
        let mut items = Vec::new();
        loop {
            self.blanks();
            match self.peek() {
                Some(b']') => {
                    self.at += 1;
                    return Some(Value::List(items));
                }
                Some(b',') => self.at += 1,
                None => {
                    self.cut = true;
                    return Some(Value::List(items));
                }
                Some(_) => {
                    let before = self.at;
                    let value = self.value(depth);
                    if self.at == before {
                        return None;
                    }
                    items.extend(value);
                }
            }
        }
    }

    /// A quoted text, one level of escapes taken off; true if the end is missing.
    fn string(&mut self, quote: u8) -> (Vec<u8>, bool) {
        let start = self.at + 1;
        let mut at = start;
        while let Some(&byte) = self.bytes.get(at) {
            match byte {
                b'\\' => at += 1,
                b if b == quote => {
                    self.at = at + 1;
                    return (unescape_once(&self.bytes[start..at]), false);
                }
                _ => {}
            }
            at += 1;
        }
        self.at = self.bytes.len();
        self.cut = true;
        (unescape_once(&self.bytes[start.min(self.bytes.len())..]), true)
    }
}
