//! The outermost level of a JSON text: the elements of an array, the fields of an object, without a tree and without
//! recursion. What is nested is passed over by counting brackets outside of strings, so that a text of any depth costs
//! one walk. Nothing is checked that is not needed to find the bounds. Next: `messages.rs`.

use std::borrow::Cow;
use std::ops::Range;

use super::docker;

/// Fields of an object that are looked at.
const FIELDS_MAX: usize = 512;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Between the quotes, still escaped.
    Text(Range<usize>),
    /// Anything else, brackets included.
    Other(Range<usize>),
}

impl Value {
    /// One past its last byte; of a string, the quote that ends it.
    pub fn end(&self) -> usize {
        match self {
            Value::Text(range) => range.end + 1,
            Value::Other(range) => range.end,
        }
    }

    /// What stands there as a record: a string's own text, everything else as it is written.
    pub fn record<'t>(&self, text: &'t [u8]) -> Cow<'t, [u8]> {
        match self {
            Value::Text(range) => docker::decode(&text[range.clone()], usize::MAX),
            Value::Other(range) => Cow::Borrowed(&text[range.clone()]),
        }
    }
}

/// The text ends, or goes on, where it may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken;

/// Each element of an array, or that the text is none from here on. Nothing after that.
pub fn elements(text: &[u8]) -> Elements<'_> {
    let mut walk = Walk { text, at: 0 };
    let is_array = walk.byte(b'[');
    Elements { walk, state: if is_array { State::First } else { State::Broken } }
}

#[derive(Debug)]
pub struct Elements<'t> {
    walk: Walk<'t>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    First,
    Next,
    Broken,
    Done,
}

impl Iterator for Elements<'_> {
    type Item = Result<Value, Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        let before = std::mem::replace(&mut self.state, State::Done);
        let is_over = before == State::Done
            || (before == State::First || before == State::Next) && self.walk.byte(b']');
        if is_over {
            let is_whole = before == State::Done || self.walk.is_at_end();
            return (!is_whole).then_some(Err(Broken));
        }
        let goes_on = before == State::First || before == State::Next && self.walk.byte(b',');
        match self.walk.value().filter(|_| goes_on) {
            None => Some(Err(Broken)),
            Some(value) => {
                self.state = State::Next;
                Some(Ok(value))
            }
        }
    }
}

/// The fields of an object in their order; `None` where the text is no object.
pub fn fields(text: &[u8]) -> Option<Vec<(Range<usize>, Value)>> {
    let mut walk = Walk { text, at: 0 };
    let mut found = Vec::new();
    if !walk.byte(b'{') {
        return None;
    }
    while !walk.byte(b'}') {
        if found.len() == FIELDS_MAX || !(found.is_empty() || walk.byte(b',')) {
            return None;
        }
        let Value::Text(key) = walk.value()? else { return None };
        if !walk.byte(b':') {
            return None;
        }
        found.push((key, walk.value()?));
    }
    walk.is_at_end().then_some(found)
}

/// The text, or the number, under a path of keys such as `labels.tenant`. A key with a dot in it is found as well.
pub fn field(text: &[u8], path: &str) -> Option<String> {
    let (mut text, mut path) = (text, path);
    loop {
        let fields = fields(text)?;
        let value = |name: &str| {
            let named = fields.iter().rev().find(|(key, _)| text[key.clone()] == *name.as_bytes());
            named.map(|(_, value)| value.clone())
        };
        if let Some(value) = value(path) {
            let record = value.record(text);
            let is_scalar = !matches!(record.first(), Some(b'{' | b'[')) || matches!(value, Value::Text(_));
            let is_null = matches!(value, Value::Other(_)) && *record == *b"null";
            return (is_scalar && !is_null).then(|| String::from_utf8_lossy(&record).into_owned());
        }
        let (first, rest) = path.split_once('.')?;
        let Value::Other(range) = value(first)? else { return None };
        (text, path) = (&text[range], rest);
    }
}

#[derive(Debug)]
struct Walk<'t> {
    text: &'t [u8],
    at: usize,
}

impl Walk<'_> {
    fn blanks(&mut self) {
        while matches!(self.text.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn is_at_end(&mut self) -> bool {
        self.blanks();
        self.at == self.text.len()
    }

    /// Over this byte, if it is the next one.
    fn byte(&mut self, byte: u8) -> bool {
        self.blanks();
        let is_next = self.text.get(self.at) == Some(&byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn value(&mut self) -> Option<Value> {
        self.blanks();
        let begin = self.at;
        match self.text.get(begin)? {
            b'"' => Some(Value::Text(self.string()?)),
            b'{' | b'[' => {
                self.nested()?;
                Some(Value::Other(begin..self.at))
            }
            _ => {
                let is_part = |byte: &u8| !byte.is_ascii_whitespace() && !b",]}:\"{[".contains(byte);
                let len = self.text[begin..].iter().take_while(|byte| is_part(byte)).count();
                self.at += len;
                (len > 0).then_some(Value::Other(begin..self.at))
            }
        }
    }

    /// What stands between two quotes.
    fn string(&mut self) -> Option<Range<usize>> {
        self.at += 1;
        let begin = self.at;
        loop {
            self.at += memchr::memchr2(b'"', b'\\', self.text.get(self.at..)?)?;
            if self.text[self.at] == b'"' {
                self.at += 1;
                return Some(begin..self.at - 1);
            }
            self.at += 2;
        }
    }

    /// Over brackets and everything in them.
    fn nested(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            match self.text.get(self.at)? {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return Some(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn records(text: &str) -> Vec<Result<String, Broken>> {
        let text = text.as_bytes();
        let record = |value: Value| String::from_utf8_lossy(&value.record(text)).into_owned();
        elements(text).map(|element| element.map(record)).collect()
    }

    fn ok(texts: &[&str]) -> Vec<Result<String, Broken>> {
        texts.iter().map(|text| Ok((*text).to_owned())).collect()
    }

    #[test]
    fn an_array_has_its_elements_as_records() {
        assert_eq!(
            records(r#" ["a\nb", {"x":["]",1]} , 7 ,null,[] ] "#),
            ok(&["a\nb", r#"{"x":["]",1]}"#, "7", "null", "[]"])
        );
        assert_eq!(records("[]"), []);
        assert_eq!(records("[\"\"]"), ok(&[""]));
    }

    #[test]
    fn what_is_no_array_is_broken_from_there_on_and_once() {
        for (text, whole) in [
            ("", 0),
            ("{}", 0),
            ("[", 0),
            ("[1", 1),
            ("[1,", 1),
            ("[1,]", 1),
            ("[1 2]", 1),
            ("[,1]", 0),
            ("[1]x", 1),
            ("[\"a", 0),
            ("[\"a\\", 0),
            ("[{\"a\":1]", 1),
            ("[1}", 1),
            ("[\"a\"\"b\"]", 1),
        ] {
            let found = records(text);
            assert_eq!(found.iter().filter(|element| element.is_ok()).count(), whole, "{text}: {found:?}");
            assert_eq!(found.last(), Some(&Err(Broken)), "{text}");
            assert_eq!(found.iter().filter(|element| element.is_err()).count(), 1, "{text}");
        }
    }

    #[test]
    fn a_field_is_found_by_its_path() {
        let text = br#"{"a":{"b":"x\"y","n":7,"o":{}},"a.c":"dotted","z":null,"t":"first","t":"last"}"#;
        let found = |path| field(text, path);
        assert_eq!(found("a.b").as_deref(), Some("x\"y"));
        assert_eq!(found("a.n").as_deref(), Some("7"));
        assert_eq!(found("a.c").as_deref(), Some("dotted"));
        assert_eq!(found("t").as_deref(), Some("last"));
        for nothing in ["a", "a.o", "z", "q", "a.b.c", ""] {
            assert_eq!(found(nothing), None, "{nothing}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_walked_to_an_end(text in proptest::collection::vec(prop_oneof![Just(b'['), Just(b']'), Just(b'"'), Just(b','), Just(b'{'), Just(b'}'), Just(b':'), Just(b'\\'), any::<u8>()], 0..64)) {
            let count = elements(&text).count();
            prop_assert!(count <= text.len() + 1);
            let _ = fields(&text);
            let _ = field(&text, "a.b");
        }
    }
}
