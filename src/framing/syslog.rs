//! Syslog headers: RFC 5424 (`<11>1 time host app 77 - [meta k="v"] text`), RFC 3164 (`<11>Nov 21 10:00:00 host
//! app[77]: text`, the priority optional) and the latter with an ISO time. Many programs begin a line with an ISO
//! time and two words, so a header without priority needs a tag with a numeric pid there, and a level is never a host
//! or tag: a line of an application has to stay whole, its words are evidence.

use std::ops::Range;

use crate::event::Envelope;

use super::levels::is_level_word;
use super::stamp;

/// Bounds of RFC 5424, section 6.
const HOST_BYTES_MAX: usize = 255;
const APP_BYTES_MAX: usize = 48;
const PROCID_BYTES_MAX: usize = 128;
const MSGID_BYTES_MAX: usize = 32;
/// More parameters than these are read over.
pub(super) const STRUCTURED_MAX: usize = 64;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Syslog {
    pub(super) time: Option<Range<usize>>,
    pub(super) envelope: Envelope,
    /// Where the text begins.
    pub(super) text: usize,
}

/// `line` without its line end.
pub(super) fn syslog(line: &[u8]) -> Option<Syslog> {
    let mut read = Reader { line, at: 0 };
    match line.first()? {
        b'<' => {
            let priority = read.priority()?;
            let failing = Some(priority % 8 <= 4);
            let mut found =
                if read.skip(b"1 ") { rfc5424(&mut read) } else { rfc3164(&mut read, Priority::Written) }?;
            found.envelope.failing = failing;
            Some(found)
        }
        b'0'..=b'9' | b'A'..=b'Z' => rfc3164(&mut read, Priority::Absent),
        _ => None,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Priority {
    Written,
    Absent,
}

fn rfc5424(read: &mut Reader<'_>) -> Option<Syslog> {
    let time = read.word(64)?;
    if read.line[time.clone()] != *b"-" && stamp::iso(&read.line[time.clone()]).is_none() {
        return None;
    }
    read.word(HOST_BYTES_MAX)?;
    let app = read.word(APP_BYTES_MAX)?;
    read.word(PROCID_BYTES_MAX)?;
    read.word(MSGID_BYTES_MAX)?;
    let structured = read.structured()?;
    if read.at < read.line.len() && !read.skip(b" ") {
        return None;
    }
    read.skip(b"\xef\xbb\xbf");
    let app = (read.line[app.clone()] != *b"-").then(|| lossy(&read.line[app]));
    Some(Syslog { time: Some(time), envelope: Envelope { app, failing: None, structured }, text: read.at })
}

fn rfc3164(read: &mut Reader<'_>, priority: Priority) -> Option<Syslog> {
    let begin = read.at;
    let rest = &read.line[begin..];
    let (length, pid_needed) = match stamp::bsd(rest, 2000) {
        Some((_, length)) => (length, false),
        None => (iso_with_zone(rest)?, priority == Priority::Absent),
    };
    read.at += length;
    let time = Some(begin..read.at);
    if !read.skip(b" ") {
        return None;
    }
    let after_time = read.at;
    let tag = read.tag(pid_needed).or_else(|| {
        read.at = after_time;
        let host = read.word(HOST_BYTES_MAX).filter(|host| is_host(&read.line[host.clone()]))?;
        (host.end < read.line.len()).then(|| read.tag(pid_needed))?
    });
    let tag = match tag {
        Some(tag) => Some(lossy(&read.line[tag])),
        // A relay wrote a priority and a time: those are no text, the rest may be.
        None if priority == Priority::Written => None,
        None => return None,
    };
    if tag.is_none() {
        read.at = after_time;
    }
    Some(Syslog { time, envelope: Envelope { app: tag, ..Envelope::default() }, text: read.at })
}

fn iso_with_zone(rest: &[u8]) -> Option<usize> {
    let (stamp, length) = stamp::iso(rest)?;
    stamp.offset?;
    (rest[10] == b'T' && !rest[..length].contains(&b' ')).then_some(length)
}

fn is_host(word: &[u8]) -> bool {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b".-_:%".contains(byte);
    word.first().is_some_and(u8::is_ascii_alphanumeric)
        && word.iter().all(allowed)
        && word.last() != Some(&b':')
        && !is_level_word(word)
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

struct Reader<'a> {
    line: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a [u8] {
        &self.line[self.at..]
    }

    fn skip(&mut self, text: &[u8]) -> bool {
        let found = self.rest().starts_with(text);
        self.at += if found { text.len() } else { 0 };
        found
    }

    /// `<0>` to `<191>`, without leading zeros.
    fn priority(&mut self) -> Option<u8> {
        let digits = self.rest().get(1..)?;
        let length = digits.iter().take(4).take_while(|byte| byte.is_ascii_digit()).count();
        let value = digits[..length].iter().fold(0_u32, |sum, digit| sum * 10 + u32::from(digit - b'0'));
        let canonical = length == 1 || (length > 1 && digits[0] != b'0');
        let closed = digits.get(length) == Some(&b'>');
        self.at += 1 + length + 1;
        (canonical && closed && value <= 191).then_some(value as u8)
    }

    /// Printable bytes up to the next blank, which is consumed, or to the end of the line.
    fn word(&mut self, bytes_max: usize) -> Option<Range<usize>> {
        let rest = self.rest();
        let length = rest.iter().take(bytes_max + 1).take_while(|byte| byte.is_ascii_graphic()).count();
        if length == 0 || length > bytes_max || rest.get(length).is_some_and(|byte| *byte != b' ') {
            return None;
        }
        let word = self.at..self.at + length;
        self.at = (word.end + 1).min(self.line.len());
        Some(word)
    }

    /// `app[77]: ` or, where no pid is needed, `app: `.
    fn tag(&mut self, pid_needed: bool) -> Option<Range<usize>> {
        let rest = self.rest();
        let allowed = |byte: &&u8| byte.is_ascii_alphanumeric() || b"._/-()@+".contains(byte);
        let length = rest.iter().take(APP_BYTES_MAX + 1).take_while(allowed).count();
        let (name, mut after) = rest.split_at(length);
        if length == 0 || length > APP_BYTES_MAX || is_level_word(name) || !name[0].is_ascii_alphanumeric() {
            return None;
        }
        let mut pid_found = false;
        if let Some(bracket) = after.strip_prefix(b"[") {
            let pid = bracket
                .iter()
                .take(32)
                .take_while(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(byte));
            let pid = &bracket[..pid.count()];
            pid_found = pid.iter().all(u8::is_ascii_digit) && !pid.is_empty();
            after = bracket[pid.len()..].strip_prefix(b"]")?;
        }
        after = after.strip_prefix(b":")?;
        if pid_needed && !pid_found || after.first().is_some_and(|byte| *byte != b' ') {
            return None;
        }
        let begin = self.at;
        self.at = self.line.len() - after.strip_prefix(b" ").unwrap_or(after).len();
        Some(begin..begin + length)
    }

    /// `-`, or one element after the other. The parameters are returned, the element ids left out.
    fn structured(&mut self) -> Option<Vec<(String, String)>> {
        let mut parameters = Vec::new();
        if self.skip(b"-") {
            return Some(parameters);
        }
        if !self.rest().starts_with(b"[") {
            return None;
        }
        while self.skip(b"[") {
            self.name()?;
            while self.skip(b" ") {
                let name = self.name()?;
                let value = self.value()?;
                if parameters.len() < STRUCTURED_MAX {
                    parameters.push((lossy(&self.line[name]), value));
                }
            }
            if !self.skip(b"]") {
                return None;
            }
        }
        Some(parameters)
    }

    fn name(&mut self) -> Option<Range<usize>> {
        let allowed = |byte: &&u8| byte.is_ascii_graphic() && !b"=]\"".contains(byte);
        let length = self.rest().iter().take(256).take_while(allowed).count();
        let name = self.at..self.at + length;
        self.at = name.end;
        (length > 0).then_some(name)
    }

    /// `="text"`, where `\"`, `\\` and `\]` stand for the second byte and any other backslash for itself.
    fn value(&mut self) -> Option<String> {
        if !self.skip(b"=\"") {
            return None;
        }
        let mut value = Vec::new();
        loop {
            let rest = self.rest();
            let stop = memchr::memchr2(b'"', b'\\', rest)?;
            value.extend_from_slice(&rest[..stop]);
            self.at += stop + 1;
            if rest[stop] == b'"' {
                return Some(lossy(&value));
            }
            match rest.get(stop + 1) {
                Some(byte @ (b'"' | b'\\' | b']')) => {
                    value.push(*byte);
                    self.at += 1;
                }
                _ => value.push(b'\\'),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Option<(Option<String>, Option<bool>, &str)> {
        let found = syslog(line.as_bytes())?;
        Some((found.envelope.app, found.envelope.failing, &line[found.text..]))
    }

    #[test]
    fn headers_are_taken_off() {
        let table = [
            (
                "Nov 21 10:00:09 host1 bankid-csc[991]: signHash failed",
                Some("bankid-csc"),
                None,
                "signHash failed",
            ),
            (
                "Nov  1 10:00:00 h kernel: [510.401] eth0: link up",
                Some("kernel"),
                None,
                "[510.401] eth0: link up",
            ),
            (
                "<131>Nov 21 11:00:00 gw okta-agent: token error=x",
                Some("okta-agent"),
                Some(true),
                "token error=x",
            ),
            ("<30>Nov 21 11:00:00 app[12]: x", Some("app"), Some(false), "x"),
            ("<30>Nov 21 11:00:00 host just text", None, Some(false), "host just text"),
            ("2026-11-21T10:00:03Z app-1 payments[77]: level=warn", Some("payments"), None, "level=warn"),
            ("2026-11-21T10:00:03.123456+0100 h systemd[1]:", Some("systemd"), None, ""),
            ("<11>2026-11-21T10:00:03Z h pay: x", Some("pay"), Some(true), "x"),
            (
                "<11>1 2026-11-20T09:14:38.500Z node7 ast-ca 2211 - - 510-50020",
                Some("ast-ca"),
                Some(true),
                "510-50020",
            ),
            ("<14>1 - - - - - -", None, Some(false), ""),
            ("<14>1 - h a p m [x]\u{20}\u{feff}text", Some("a"), Some(false), "text"),
        ];
        for (line, app, failing, text) in table {
            assert_eq!(read(line), Some((app.map(String::from), failing, text)), "{line}");
        }
    }

    #[test]
    fn ordinary_lines_are_left_whole() {
        let lines = [
            "2026-11-20 09:14:08,901 ERROR [okta-sync] c.a.sync.GroupJob - sync failed",
            "2026-11-20T09:14:32Z ERROR crm request rejected: 510-4001",
            "2026-11-20T09:14:32Z ERROR crm[12]: request rejected",
            "2026-11-20T09:14:32Z okta-sync token: invalid_grant",
            "2026-11-20T09:14:32Z client[okta]: invalid_grant",
            "2026-11-20T09:14:07.412Z ERROR 1 --- [nio-8080-exec-3] c.a.web.GlobalErrorHandler : x",
            "2026-11-20 10:00:03Z app-1 payments[77]: x",
            "Nov 20, 2026 9:14:08 AM com.acme.Job run",
            "Nov 21 10:00:00 ERROR okta: x",
            "Nov 21 10:00:00 host ERROR: x",
            "Nov 21 10:00:00 INFO: x",
            "<1111>Nov 21 10:00:00 h a: x",
            "<192>1 - - - - - - x",
            "<011>1 - - - - - - x",
            "<11>text",
            "<11>1 - - - - - [a b=\"c] x",
            "<11>1 yesterday h a - - - x",
            "<ErrorResponse><service>bankid</service></ErrorResponse>",
            "<",
            "<1",
            "",
        ];
        for line in lines {
            assert_eq!(read(line), None, "{line}");
        }
    }

    #[test]
    fn structured_data_gives_its_parameters() {
        let line = r#"<11>1 - - app - - [a@1 tenant="acme" q="say \"x\" \] \\ \n"][b][c org="Ø"] text"#;
        let found = syslog(line.as_bytes()).expect("a header");
        let expected = [("tenant", "acme"), ("q", "say \"x\" ] \\ \\n"), ("org", "Ø")];
        assert_eq!(found.envelope.structured, expected.map(|(name, value)| (name.into(), value.into())));
        assert_eq!(&line[found.text..], "text");
    }
}
