//! The one object grammar: JSON, and what Node, Python and Ruby print like it; cut or broken objects keep what they had.
//!
//! `{ key: value, … }` with keys in double quotes, single quotes or bare, `:` or `=>` between, values quoted, bare,
//! objects or arrays. Where the grammar breaks (a cut line, a stray quote) every open level ends there.

/// Levels of objects and arrays inside one another.
const NESTED_MAX: usize = 64;

#[derive(Debug, Clone)]
pub enum Value {
    /// Quoted; `cut` when the closing quote is missing.
    Text {
        text: String,
        cut: bool,
    },
    Bare(String),
    Object(Vec<(String, Value)>),
    Array(Vec<Value>),
}

pub struct ObjectRead {
    pub members: Vec<(String, Value)>,
    pub end: usize,
    /// Ended with its own bracket.
    pub whole: bool,
}

/// An object at byte `at`, which holds `{`; none where not even one member can be read.
pub fn object(text: &str, at: usize) -> Option<ObjectRead> {
    if !text[at..].starts_with('{') {
        return None;
    }
    let mut reader = Reader { text, at, broken: false };
    let members = reader.object(0);
    (!members.is_empty()).then_some(ObjectRead { members, end: reader.at, whole: !reader.broken })
}

/// `"key": value` at byte `at`, outside of any object we could read.
pub fn loose_member(text: &str, at: usize) -> Option<((String, Value), usize)> {
    let mut reader = Reader { text, at, broken: false };
    let member = reader.member(0)?;
    Some((member, reader.at))
}

/// A quoted text whose opening quote is at byte `at`: decoded text, end, and whether the closing quote is missing.
pub fn quoted(text: &str, at: usize) -> (String, usize, bool) {
    let quote = text[at..].chars().next().expect("at a quote");
    let mut decoded = String::new();
    let mut at = at + 1;
    while let Some(next) = text[at..].chars().next() {
        at += next.len_utf8();
        if next == quote {
            return (decoded, at, false);
        }
        if next == '\\' {
            at += escape(&text[at..], &mut decoded);
        } else {
            decoded.push(next);
        }
    }
    (decoded, at, true)
}

/// One escape, the backslash already read: appends what it stands for, returns how much of `rest` it took.
fn escape(rest: &str, out: &mut String) -> usize {
    let Some(letter) = rest.chars().next() else {
        out.push('\\');
        return 0;
    };
    match letter {
        'n' => out.push('\n'),
        't' => out.push('\t'),
        'r' => out.push('\r'),
        'b' => out.push('\u{8}'),
        'f' => out.push('\u{c}'),
        '"' | '\'' | '\\' | '/' => out.push(letter),
        'u' => {
            let Some(unit) = hex4(&rest[1..]) else {
                out.push_str("\\u");
                return 1;
            };
            let low = rest[5..].strip_prefix("\\u").and_then(hex4);
            if let (0xD800..=0xDBFF, Some(low @ 0xDC00..=0xDFFF)) = (unit, low) {
                let wide = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
                out.push(char::from_u32(wide).unwrap_or('\u{fffd}'));
                return 11;
            }
            out.push(char::from_u32(unit).unwrap_or('\u{fffd}'));
            return 5;
        }
        other => {
            out.push('\\');
            out.push(other);
        }
    }
    letter.len_utf8()
}

fn hex4(text: &str) -> Option<u32> {
    let digits = text.get(..4).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    u32::from_str_radix(digits, 16).ok()
}

/// One level of backslash escapes taken off a whole text, with the place each byte came from (and the end).
pub fn unescape(text: &str) -> (String, Vec<usize>) {
    let (mut out, mut from, mut at) = (String::new(), Vec::new(), 0);
    while let Some(next) = text[at..].chars().next() {
        let start = at;
        at += next.len_utf8();
        if next == '\\' {
            at += escape(&text[at..], &mut out);
        } else {
            out.push(next);
        }
        from.resize(out.len(), start);
    }
    from.push(text.len());
    (out, from)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    broken: bool,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn skip_blanks(&mut self) {
        while let Some(next) = self.peek().filter(|next| next.is_ascii_whitespace()) {
            self.at += next.len_utf8();
        }
    }

    fn take(&mut self, wanted: char) -> bool {
        let there = self.peek() == Some(wanted);
        self.at += if there { wanted.len_utf8() } else { 0 };
        there
    }

    /// At `{`. Sets `broken` where the grammar ends before the bracket.
    fn object(&mut self, nested: usize) -> Vec<(String, Value)> {
        self.at += 1;
        let mut members = Vec::new();
        loop {
            self.skip_blanks();
            if self.take('}') {
                return members;
            }
            match self.member(nested) {
                Some(member) => members.push(member),
                None => self.broken = true,
            }
            if self.broken {
                return members;
            }
            self.skip_blanks();
            if !self.take(',') && self.peek() != Some('}') {
                self.broken = true;
                return members;
            }
        }
    }

    fn member(&mut self, nested: usize) -> Option<(String, Value)> {
        let start = self.at;
        let name = match self.peek()? {
            '"' | '\'' => {
                let (name, end, cut) = quoted(self.text, self.at);
                self.at = end;
                (!cut && !name.is_empty()).then_some(name)
            }
            _ => self.bare_name(),
        };
        self.skip_blanks();
        let separated =
            self.take(':') || (self.text[self.at..].starts_with("=>") && self.take('=') && self.take('>'));
        self.skip_blanks();
        match (name, separated) {
            (Some(name), true) => match self.value(nested) {
                Some(value) => Some((name, value)),
                None => {
                    self.at = start;
                    None
                }
            },
            _ => {
                self.at = start;
                None
            }
        }
    }

    fn bare_name(&mut self) -> Option<String> {
        self.take(':');
        let rest = &self.text[self.at..];
        let first =
            rest.chars().next().filter(|first| first.is_ascii_alphabetic() || "_$@".contains(*first))?;
        let end =
            rest.find(|c: char| !(c.is_ascii_alphanumeric() || "_$@.-".contains(c))).unwrap_or(rest.len());
        debug_assert!(end >= first.len_utf8());
        self.at += end;
        Some(rest[..end].to_string())
    }

    fn value(&mut self, nested: usize) -> Option<Value> {
        match self.peek()? {
            '"' | '\'' => {
                let (text, end, cut) = quoted(self.text, self.at);
                (self.at, self.broken) = (end, self.broken || cut);
                Some(Value::Text { text, cut })
            }
            '{' | '[' if nested >= NESTED_MAX => None,
            '{' => Some(Value::Object(self.object(nested + 1))),
            '[' => Some(Value::Array(self.array(nested + 1))),
            _ => {
                let rest = &self.text[self.at..];
                let end = rest.find([',', '{', '}', '[', ']', '"', '\'', '\n']).unwrap_or(rest.len());
                self.at += end;
                let bare = rest[..end].trim();
                (!bare.is_empty()).then(|| Value::Bare(bare.to_string()))
            }
        }
    }

    /// At `[`.
    fn array(&mut self, nested: usize) -> Vec<Value> {
        self.at += 1;
        let mut values = Vec::new();
        loop {
            self.skip_blanks();
            if self.take(']') {
                return values;
            }
            match self.value(nested) {
                Some(value) => values.push(value),
                None => self.broken = true,
            }
            if self.broken {
                return values;
            }
            self.skip_blanks();
            if !self.take(',') && self.peek() != Some(']') {
                self.broken = true;
                return values;
            }
        }
    }
}
