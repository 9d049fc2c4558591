//! Objects as Node, Python and Ruby print them, and JSON that is broken or cut: the tolerant reader.
//!
//! Single quotes, bare keys, `=>`, a missing end. It gives the same tree as the JSON reader in `objects`. Depth is
//! bounded and each byte looked at once; what was read draws on the record's patience.

use super::objects::{LIST_MIN, unescape_once};
use super::views::{Format, MASK, NodeId, OBJECT_DEPTH_MAX, Place, Span, Views, mask};

impl Views {
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

    pub(super) fn printed(
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
