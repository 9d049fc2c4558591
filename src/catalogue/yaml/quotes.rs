//! Quoted texts in a text of YAML that did not parse: where they begin and end, and which of their escapes is none. The
//! parser tells where it gave up; this finds where a person would look.

use super::syntax::Fault;

/// A quote and, where it is closed, the place behind its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Quote {
    pub(super) start: usize,
    pub(super) end: Option<usize>,
}

/// The quoted texts that begin between two offsets, in order. Quotes in comments and inside words are none.
pub(super) fn quotes(text: &str, from: usize, to: usize) -> Vec<Quote> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = from;
    while at < to {
        let opens = at == 0 || b" \t\r\n[{,:-?".contains(&bytes[at - 1]);
        match bytes[at] {
            b'#' if opens => at += memchr::memchr2(b'\n', b'\r', &bytes[at..]).unwrap_or(bytes.len() - at),
            b'"' | b'\'' if opens => {
                let end = end_of(bytes, at);
                found.push(Quote { start: at, end });
                at = end.unwrap_or(to).max(at + 1);
            }
            _ => at += 1,
        }
    }
    found
}

fn end_of(bytes: &[u8], start: usize) -> Option<usize> {
    let mark = bytes[start];
    let mut at = start + 1;
    loop {
        at += memchr::memchr2(mark, b'\\', bytes.get(at..)?)?;
        match bytes[at] {
            b'\\' if mark == b'"' => at += 2,
            b'\\' => at += 1,
            _ if mark == b'\'' && bytes.get(at + 1) == Some(&b'\'') => at += 2,
            _ => return Some(at + 1),
        }
    }
}

/// Whether what stands behind the end of a quoted text may stand there.
pub(super) fn ends_well(text: &str, end: usize) -> bool {
    let rest = text[end..].trim_start_matches([' ', '\t']);
    rest.is_empty() || rest.starts_with(['\n', '\r', ',', ']', '}', ':', '#'])
}

/// The first escape that is none in the double quotes that begin at `start`.
pub(super) fn wrong_escape(text: &str, start: usize) -> Option<Fault> {
    let mut at = start + 1;
    loop {
        at += memchr::memchr2(b'\\', b'"', text.as_bytes().get(at..)?)?;
        if text.as_bytes()[at] == b'"' {
            return None;
        }
        let escape = &text[at..];
        let Some(name) = escape[1..].chars().next() else {
            return Some(Fault::new(at, "nothing stands behind the `\\`".to_string()));
        };
        let digits = match name {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ if "0abt\tnvfre \"/\\N_LP\n\r".contains(name) => 0,
            _ => {
                let message = format!("`\\{}` is no escape", name.escape_debug());
                let hint = "write the text in single quotes, or `\\\\` for a backslash";
                return Some(Fault::new(at, message).hint(hint));
            }
        };
        if let Err(message) = check_digits(escape, digits) {
            return Some(Fault::new(at, message).hint("write `\\\\` for a backslash"));
        }
        let is_first = digits == 4 && half(escape).is_some_and(|code| code < 0xdc00);
        at += 1 + name.len_utf8() + digits + if is_first { 6 } else { 0 };
    }
}

fn check_digits(escape: &str, digits: usize) -> Result<(), String> {
    if digits == 0 {
        return Ok(());
    }
    let name = &escape[..2];
    let hex = escape.get(2..2 + digits).filter(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let Some(hex) = hex else { return Err(format!("`{name}` needs {digits} hexadecimal digits")) };
    let shown = format!("`{name}{hex}`");
    if let Some(code) = half(escape) {
        let second = escape.get(6..).and_then(half).filter(|code| *code >= 0xdc00);
        return match (code < 0xdc00, second) {
            (true, Some(_)) => Ok(()),
            _ => Err(format!("{shown} is half of a surrogate pair, and the other half is not beside it")),
        };
    }
    let code = u32::from_str_radix(hex, 16).ok().and_then(char::from_u32);
    code.map(drop).ok_or_else(|| format!("{shown} is no character"))
}

/// The code of a `\u` escape that is half of a surrogate pair.
fn half(escape: &str) -> Option<u32> {
    let hex = escape.strip_prefix("\\u")?.get(..4)?;
    u32::from_str_radix(hex, 16).ok().filter(|code| (0xd800..0xe000).contains(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        let quotes = quotes(text, 0, text.len());
        quotes.iter().map(|quote| &text[quote.start..quote.end.unwrap_or(text.len())]).collect()
    }

    #[test]
    fn quotes_are_found_where_they_open_a_text() {
        assert_eq!(found(r#"a: "b\"" # don't"#), [r#""b\"""#]);
        assert_eq!(found("don't: ['it''s', \"x"), ["'it''s'", "\"x"]);
        assert_eq!(found("'"), ["'"]);
        assert_eq!(found("\"\\"), ["\"\\"]);
    }

    #[test]
    fn the_first_wrong_escape_is_found() {
        let at = |text: &str| wrong_escape(text, 0).map(|fault| fault.byte);
        assert_eq!(at(r#""a\n\x41\u00e9\ud83d\ude00\U0001f600\d""#), Some(36));
        assert_eq!(at(r#""\ud83d\u0041""#), Some(1));
        assert_eq!(at(r#""\x4""#), Some(1));
        assert_eq!(at("\"\\"), Some(1));
        assert_eq!(at(r#""é\é""#), Some(3));
        assert_eq!(at(r#""\\d""#), None);
        assert_eq!(at("\"a"), None);
    }
}
