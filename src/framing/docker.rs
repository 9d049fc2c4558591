//! Lines of docker's json-file driver: `{"log":"text\n","stream":"stdout","time":"…"}`. Only an object whose keys are
//! all of log, stream, time and attrs is one; a collector's object with further keys (Kubernetes metadata) stays JSON.
//! The driver cuts what a container writes into parts of 16 KiB; a part without a final newline goes on in the next.

use std::borrow::Cow;
use std::ops::Range;

use super::cri::Stream;

/// No line of the driver is longer: 16 KiB of text, each byte escaped as `\u0000`, and attributes.
const LINE_BYTES_MAX: usize = 256 * 1024;
/// What the driver reads at once; a shorter text without a newline is a last line, not a part.
const PART_BYTES: usize = 16 * 1024;
const ATTRS_DEPTH_MAX: usize = 8;

/// Ranges into the line, without the quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Docker {
    /// Still escaped.
    pub(super) log: Range<usize>,
    pub(super) stream: Option<Stream>,
    pub(super) time: Option<Range<usize>>,
    /// The next line of the stream carries on.
    pub(super) partial: bool,
}

/// `line` without its line end.
pub(super) fn docker(line: &[u8]) -> Option<Docker> {
    if !line.starts_with(b"{") || !line.ends_with(b"}") || line.len() > LINE_BYTES_MAX {
        return None;
    }
    let (mut log, mut stream, mut time) = (None, None, None);
    let mut read = Reader { line, at: 1 };
    loop {
        let key = read.string()?;
        read.byte(b':')?;
        match &line[key] {
            b"log" if log.is_none() => log = Some(read.string()?),
            b"stream" if stream.is_none() => stream = Some(Stream::named(&line[read.string()?])?),
            b"time" if time.is_none() => time = Some(read.string()?),
            b"attrs" => read.object()?,
            _ => return None,
        }
        if read.byte(b',').is_none() {
            break;
        }
    }
    read.byte(b'}')?;
    read.blanks();
    let log = log.filter(|_| read.at == line.len() && (stream.is_some() || time.is_some()))?;
    let partial = log.len() >= PART_BYTES && !ends_with_newline(&line[log.clone()]);
    Some(Docker { log, stream, time, partial })
}

/// The text of a JSON string, at least `bytes_max` of it where there is more. Escapes that JSON does not know stay as they are.
pub(super) fn decode(escaped: &[u8], bytes_max: usize) -> Cow<'_, [u8]> {
    let Some(first) = memchr::memchr(b'\\', escaped) else { return Cow::Borrowed(escaped) };
    let mut text = escaped[..first].to_vec();
    let mut rest = &escaped[first..];
    while !rest.is_empty() && text.len() < bytes_max {
        rest = &rest[decode_escape(rest, &mut text)..];
        let plain = memchr::memchr(b'\\', rest).unwrap_or(rest.len());
        text.extend_from_slice(&rest[..plain]);
        rest = &rest[plain..];
    }
    Cow::Owned(text)
}

/// The whole text of a log string, without its line end.
pub(super) fn text(escaped: &[u8]) -> Cow<'_, [u8]> {
    let body = if ends_with_newline(escaped) { &escaped[..escaped.len() - 2] } else { escaped };
    decode(body, usize::MAX)
}

fn ends_with_newline(escaped: &[u8]) -> bool {
    let Some(body) = escaped.strip_suffix(b"n") else { return false };
    body.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

/// `rest` begins with a backslash; how many bytes of it were read.
fn decode_escape(rest: &[u8], text: &mut Vec<u8>) -> usize {
    let byte = match rest.get(1) {
        Some(b'n') => b'\n',
        Some(b't') => b'\t',
        Some(b'r') => b'\r',
        Some(b'b') => 0x08,
        Some(b'f') => 0x0c,
        Some(byte @ (b'"' | b'\\' | b'/')) => *byte,
        Some(b'u') => return decode_unicode(rest, text),
        _ => {
            text.push(b'\\');
            return 1;
        }
    };
    text.push(byte);
    2
}

fn decode_unicode(rest: &[u8], text: &mut Vec<u8>) -> usize {
    let Some(unit) = hex(rest.get(2..6)) else {
        text.push(b'\\');
        return 1;
    };
    let low = (0xd800..0xdc00).contains(&unit).then(|| rest.get(6..8)).flatten();
    let low = low.filter(|mark| *mark == b"\\u").and_then(|_| hex(rest.get(8..12)));
    let (value, used) = match low.filter(|low| (0xdc00..0xe000).contains(low)) {
        Some(low) => (0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00), 12),
        None => (unit, 6),
    };
    let letter = char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER);
    text.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
    used
}

fn hex(digits: Option<&[u8]>) -> Option<u32> {
    digits?.iter().try_fold(0, |sum, digit| Some(sum * 16 + char::from(*digit).to_digit(16)?))
}

struct Reader<'a> {
    line: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn blanks(&mut self) {
        while matches!(self.line.get(self.at), Some(b' ' | b'\t')) {
            self.at += 1;
        }
    }

    fn byte(&mut self, byte: u8) -> Option<()> {
        self.blanks();
        (self.line.get(self.at) == Some(&byte)).then(|| self.at += 1)
    }

    /// What stands between two quotes.
    fn string(&mut self) -> Option<Range<usize>> {
        self.byte(b'"')?;
        let begin = self.at;
        loop {
            self.at += memchr::memchr2(b'"', b'\\', self.line.get(self.at..)?)?;
            if self.line[self.at] == b'"' {
                self.at += 1;
                return Some(begin..self.at - 1);
            }
            self.at += 2;
        }
    }

    /// Over an object of strings and objects.
    fn object(&mut self) -> Option<()> {
        self.byte(b'{')?;
        let mut depth = 1;
        while depth > 0 {
            self.blanks();
            match self.line.get(self.at)? {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' if depth == ATTRS_DEPTH_MAX => return None,
                b'{' => depth += 1,
                b'}' => depth -= 1,
                _ => {}
            }
            self.at += 1;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_drivers_own_objects_are_unwrapped() {
        let read = |line: &str| {
            docker(line.as_bytes()).map(|docker| {
                String::from_utf8(text(&line.as_bytes()[docker.log]).into_owned()).expect("UTF-8")
            })
        };
        let table = [
            (r#"{"log":"a\n","stream":"stdout","time":"2026-11-21T10:00:28Z"}"#, Some("a")),
            (r#"{"stream": "stderr", "time": "t", "log": "say \"x\"\tC:\\n"}"#, Some("say \"x\"\tC:\\n")),
            (
                r#"{"log":"\u001b[31mf\u00e9e \ud83d\ude00 \ud83d \q\r\n","attrs":{"a":"}"},"time":"t"}"#,
                Some("\x1b[31mfée 😀 \u{fffd} \\q\r"),
            ),
            (r#"{"log":"a\n","stream":"stdout","time":"t","kubernetes":{"pod_name":"ast-ca-0"}}"#, None),
            (r#"{"log":"a\n"}"#, None),
            (r#"{"log":"a\n","stream":"file"}"#, None),
            (r#"{"log":"a\n","stream":"stdout""#, None),
            (r#"{"log":"a\n","stream":"stdout"} }"#, None),
            (r#"{"log":{"a":1},"stream":"stdout"}"#, None),
            (r#"{"log":"a","log":"b","time":"t"}"#, None),
            (r#"{"level":"error","log":"a"}"#, None),
            ("{\"log\":\"\\}", None),
            ("{}", None),
            ("{", None),
        ];
        for (line, expected) in table {
            assert_eq!(read(line).as_deref(), expected, "{line}");
        }
    }

    #[test]
    fn a_part_is_long_and_has_no_newline() {
        let line = |log: &str| format!(r#"{{"log":"{log}","stream":"stdout"}}"#);
        let partial = |log: &str| docker(line(log).as_bytes()).expect("the driver's object").partial;
        assert!(partial(&"a".repeat(PART_BYTES)));
        assert!(!partial(&("a".repeat(PART_BYTES) + "\\n")));
        assert!(partial(&("a".repeat(PART_BYTES) + "\\\\n")));
        assert!(!partial("a"));
    }
}
