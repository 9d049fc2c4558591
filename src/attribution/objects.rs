//! JSON objects in a text: strict JSON wherever it stands, and JSON escaped inside text.
//!
//! simd-json reads; what it refuses goes through the tolerant reader (`printed`), and both give the same tree. Failed
//! attempts draw on the record's patience, so hostile text costs linear time.

use simd_json::{Buffers, Node as Tape, StaticNode};

use super::views::{Format, NodeId, OBJECT_DEPTH_MAX, Place, Span, Views, mask};

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
