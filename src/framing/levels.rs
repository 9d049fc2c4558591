//! Is a line the head of a log entry, and how bad does it say it is? Times, syslog priorities, klog letters and level
//! words; the spellings are those of the usual loggers. Knows one line's text; who asks is `shapes.rs`, `starts.rs`.

use super::stamp;

/// How far into a line a level is looked for.
const LEVEL_BYTES_MAX: usize = 200;

/// What a log line says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Severity {
    Unsaid,
    /// Up to notice.
    Calm,
    /// Warn or worse.
    Failing,
}

/// Begins with a time, a syslog priority, `{` or a level: nothing carries on so.
pub(super) fn is_head(body: &[u8]) -> bool {
    body[0] == b'{' || begins_with_time(body) || begins_with_priority(body) || begins_with_level(body)
}

/// A log line, and how bad it says it is; `None` for other text. Objects are whole by themselves and no log lines here.
pub(super) fn log_line(text: &[u8]) -> Option<Severity> {
    let body = text.trim_ascii_start();
    if body
        .first()
        .is_none_or(|byte| b"{[".contains(byte) && body.get(1).is_none_or(|next| b"\"{} ".contains(next)))
    {
        return None;
    }
    if let Some(severity) = priority(body).or_else(|| klog(body)) {
        return Some(severity);
    }
    match level(body) {
        Some(severity) => Some(severity),
        None => begins_with_time(body).then_some(Severity::Unsaid),
    }
}

fn begins_with_time(body: &[u8]) -> bool {
    let body = match body[0] {
        b'[' | b'(' => &body[1..],
        _ => body,
    };
    match body.first() {
        Some(b'0'..=b'9') => {
            stamp::iso(body).is_some() || stamp::clf(body).is_some() || stamp::is_clock(body)
        }
        Some(b'A'..=b'Z') => {
            stamp::bsd(body, 2000).is_some() || stamp::klog(body, 2000).is_some() || stamp::is_long_date(body)
        }
        _ => false,
    }
}

fn begins_with_priority(body: &[u8]) -> bool {
    priority(body).is_some()
}

fn priority(body: &[u8]) -> Option<Severity> {
    let digits = body.strip_prefix(b"<")?;
    let length = digits.iter().take(4).take_while(|byte| byte.is_ascii_digit()).count();
    if length == 0 || length > 3 || digits.get(length) != Some(&b'>') {
        return None;
    }
    let value = digits[..length].iter().fold(0_u32, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    (value <= 191).then_some(if value % 8 <= 4 { Severity::Failing } else { Severity::Calm })
}

fn klog(body: &[u8]) -> Option<Severity> {
    stamp::klog(body, 2000)?;
    Some(if body[0] == b'I' { Severity::Calm } else { Severity::Failing })
}

/// `ERROR …`, `[warn] …`, `error: …`, `level=error …`
fn begins_with_level(body: &[u8]) -> bool {
    if body.starts_with(b"level=") || begins_with_padded_level(body) {
        return true;
    }
    let open = matches!(body[0], b'[' | b'(');
    let word = first_word(&body[usize::from(open)..]);
    let after = body.get(usize::from(open) + word.len());
    let closed = if open { matches!(after, Some(b']' | b')')) } else { after == Some(&b':') };
    closed && is_level_word(word) && (open || word[0].is_ascii_lowercase())
}

/// `WARN x`, `INFO: x`
pub(super) fn begins_with_padded_level(body: &[u8]) -> bool {
    let word = first_word(body);
    let ends = body.get(word.len()).is_none_or(|byte| b" \t:|[](),".contains(byte));
    ends && is_level_word(word) && word.iter().all(u8::is_ascii_uppercase)
}

fn first_word(text: &[u8]) -> &[u8] {
    &text[..text.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count()]
}

/// The first level of the line: a word in capitals, or one that brackets or a key mark.
fn level(body: &[u8]) -> Option<Severity> {
    let body = &body[..body.len().min(LEVEL_BYTES_MAX)];
    let mut at = 0;
    while at < body.len() {
        let word = first_word(&body[at..]);
        if let Some(severity) = severity_of(word) {
            let before = at.checked_sub(1).map(|before| body[before]);
            let after = body.get(at + word.len());
            let marked =
                matches!(before, Some(b'[' | b'(' | b'=' | b'|' | b'"')) || (at == 0 && after == Some(&b':'));
            if marked || word.iter().all(u8::is_ascii_uppercase) {
                return Some(severity);
            }
        }
        at += word.len().max(1);
    }
    None
}

/// A word that names a level, whatever its case.
pub(super) fn is_level_word(word: &[u8]) -> bool {
    severity_of(word).is_some()
}

fn severity_of(word: &[u8]) -> Option<Severity> {
    const CALM: [&str; 13] = [
        "trace",
        "debug",
        "info",
        "notice",
        "information",
        "verbose",
        "finer",
        "finest",
        "trce",
        "dbug",
        "inf",
        "dbg",
        "vrb",
    ];
    const FAILING: [&str; 16] = [
        "warn",
        "warning",
        "error",
        "err",
        "critical",
        "crit",
        "fatal",
        "severe",
        "alert",
        "emerg",
        "emergency",
        "panic",
        "dpanic",
        "fail",
        "wrn",
        "ftl",
    ];
    let among = |words: &[&str]| words.iter().any(|name| word.eq_ignore_ascii_case(name.as_bytes()));
    if !(3..=11).contains(&word.len()) {
        return None;
    }
    if among(&CALM) {
        return Some(Severity::Calm);
    }
    among(&FAILING).then_some(Severity::Failing)
}

#[cfg(test)]
mod tests {
    use super::super::shapes::{Shape, shape};
    use super::*;

    #[test]
    fn heads_begin_with_a_time_a_priority_a_level_or_an_object() {
        let heads = [
            "2026-11-20 09:14:08,901 ERROR x",
            "[2026/11/20 09:14:06] x",
            "09:14:08.901 [main] INFO x",
            "Nov 21 10:00:00 h a: x",
            "Nov 20, 2026 9:14:08 AM com.acme.Job run",
            "20/Nov/2026:09:14:10 +0000 x",
            "E1121 10:00:02.100000 1 a.go:1] x",
            "<11>1 - - - - - - x",
            "{\"a\":1}",
            "ERROR x",
            "WARN: x",
            "[error] x",
            "fail: x",
            "level=error msg=x",
            " INFO [main] x",
            "  2026-11-20T09:14:08Z ERROR x",
        ];
        for text in heads {
            assert_eq!(shape(text.as_bytes()), Shape::Head, "{text:?}");
        }
        for text in ["ERRORS x", "Error: x", "Warning: x", "<1234>x", "20 users", "   INFO x", "\tERROR x"] {
            assert_ne!(shape(text.as_bytes()), Shape::Head, "{text:?}");
        }
    }

    #[test]
    fn the_first_level_of_a_line_counts() {
        let table = [
            ("2026-11-20 09:14:08 INFO x after an ERROR", Some(Severity::Calm)),
            ("2026-11-20 09:14:08 [main] ERROR x", Some(Severity::Failing)),
            ("ERROR:root:x", Some(Severity::Failing)),
            ("time=1 level=warn x", Some(Severity::Failing)),
            ("2026/11/20 09:14:08 [error] 7#7: x", Some(Severity::Failing)),
            ("2026/11/20 09:14:08 an error came", Some(Severity::Unsaid)),
            ("error: x", Some(Severity::Failing)),
            ("<14>x", Some(Severity::Calm)),
            ("E1121 10:00:02.1 x", Some(Severity::Failing)),
            ("an error came", None),
            ("{\"level\":\"error\"}", None),
            ("[{\"level\":\"error\"}]", None),
        ];
        for (text, expected) in table {
            assert_eq!(log_line(text.as_bytes()), expected, "{text:?}");
        }
    }
}
