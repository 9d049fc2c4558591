//! When was a line written, by its own words: a time near its start, a time field of its JSON object, else what its
//! innermost wrapper says. How times are spelled is `stamp.rs`.

use std::borrow::Cow;

use crate::event::Millis;

use super::lines::{line_end, trim_end};
use super::{ansi, stamp, wrappers};

/// How far into a text a time is looked for, and how far into an object a time field.
const TEXT_BYTES_MAX: usize = 200;
const OBJECT_BYTES_MAX: usize = 4096;
const WRAPPERS_MAX: usize = 4;

/// `event` is raw, with its wrappers. `year_hint` is for syslog and klog, whose times name no year; without it they
/// give none. A time without zone is UTC. `None` where nothing is found or no calendar has it.
pub fn timestamp(event: &[u8], year_hint: Option<i16>) -> Option<Millis> {
    let first = trim_end(&event[..line_end(event, 0)]);
    let mut text = Cow::Borrowed(first.strip_prefix(b"\xef\xbb\xbf").unwrap_or(first));
    let mut wrapper = None;
    for _ in 0..WRAPPERS_MAX {
        let Some(layer) = wrappers::peel(&text) else { break };
        wrapper = layer.time.and_then(|time| stamped(&text[time], year_hint)).or(wrapper);
        text = layer.inner.of(text);
    }
    written(&text, event, year_hint).or(wrapper)
}

/// The time in a text without wrappers; `event` has the lines that an object goes on over.
fn written(text: &[u8], event: &[u8], year_hint: Option<i16>) -> Option<Millis> {
    let shown = ansi::strip(Cow::Borrowed(&text[..text.len().min(OBJECT_BYTES_MAX)]));
    match shown.trim_ascii() {
        b"{" => field(&event[..event.len().min(OBJECT_BYTES_MAX)]),
        [b'{', ..] => field(&shown),
        _ => in_text(&shown, year_hint).or_else(|| field(&shown)),
    }
}

/// The first time in the first bytes of a text.
fn in_text(text: &[u8], year_hint: Option<i16>) -> Option<Millis> {
    let last = text.len().min(TEXT_BYTES_MAX);
    (0..last)
        .filter(|at| begins_time(text, *at))
        .find_map(|at| stamped(&text[at..], year_hint.filter(|_| at < 8)).or_else(|| logfmt_epoch(text, at)))
}

/// A digit, month or klog letter at the start of a word that no other sentence claims.
fn begins_time(text: &[u8], at: usize) -> bool {
    let Some(before) = at.checked_sub(1) else { return true };
    let here = text[at];
    if !(here.is_ascii_digit() || here.is_ascii_uppercase() && at < 8) {
        return false;
    }
    match text[before] {
        b'=' => is_time_key(key_before(text, before)),
        b'"' if before > 0 => text[before - 1] == b'=' && is_time_key(key_before(text, before - 1)),
        b' ' => !is_about_another(key_before(text, before)),
        byte => b"[(|<>\t\"".contains(&byte),
    }
}

fn key_before(text: &[u8], end: usize) -> &[u8] {
    let length = text[..end].iter().rev().take(24).take_while(|byte| is_key_byte(**byte)).count();
    &text[end - length..end]
}

fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_@.-:".contains(&byte)
}

/// `valid until 2027-01-01 00:00:00` is not when the line was written.
fn is_about_another(word: &[u8]) -> bool {
    const WORDS: [&str; 9] =
        ["until", "since", "expires", "expired", "expiry", "before", "after", "from", "to"];
    let word = word.strip_suffix(b":").unwrap_or(word);
    WORDS.iter().any(|other| word.eq_ignore_ascii_case(other.as_bytes()))
}

fn is_time_key(key: &[u8]) -> bool {
    const KEYS: [&str; 10] =
        ["ts", "time", "timestamp", "@timestamp", "published", "t", "@t", "datetime", "eventtime", "date"];
    KEYS.iter().any(|known| key.eq_ignore_ascii_case(known.as_bytes()))
}

/// A time at the very start of `text`.
fn stamped(text: &[u8], year_hint: Option<i16>) -> Option<Millis> {
    let dated = || stamp::iso(text).or_else(|| stamp::clf(text));
    let yearless = || year_hint.and_then(|year| stamp::bsd(text, year).or_else(|| stamp::klog(text, year)));
    dated().or_else(yearless)?.0.millis()
}

fn logfmt_epoch(text: &[u8], at: usize) -> Option<Millis> {
    (at > 0 && text[at - 1] == b'=').then(|| epoch(&text[at..]))?
}

/// The value of a time field in JSON; one of the outermost object before any deeper one.
fn field(text: &[u8]) -> Option<Millis> {
    let mut deeper = None;
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(step) = memchr::memchr3(b'"', b'{', b'}', &text[at..]) {
        at += step;
        match text[at] {
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            _ => {
                let Some(end) = string_end(text, at + 1) else { break };
                let found = value_of(text, &text[at + 1..end], end + 1);
                if found.is_some() && depth <= 1 {
                    return found;
                }
                deeper = deeper.or(found);
                at = end;
            }
        }
        at += 1;
    }
    deeper
}

fn string_end(text: &[u8], begin: usize) -> Option<usize> {
    let mut at = begin;
    loop {
        at += memchr::memchr2(b'"', b'\\', text.get(at..)?)?;
        if text[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}

/// The time behind `key` and a colon.
fn value_of(text: &[u8], key: &[u8], after_key: usize) -> Option<Millis> {
    if !is_time_key(key) {
        return None;
    }
    let value = text[after_key..].trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
    let value = value.strip_prefix(b"\"").unwrap_or(value);
    stamped(value, None).or_else(|| epoch(value))
}

/// Seconds, milliseconds, microseconds or nanoseconds since 1970, told by their size; of the years 2001 to 2286.
fn epoch(text: &[u8]) -> Option<Millis> {
    let digits = text.iter().take(20).take_while(|byte| byte.is_ascii_digit()).count();
    let whole = text[..digits]
        .iter()
        .fold(0_i64, |sum, digit| sum.saturating_mul(10).saturating_add(i64::from(digit - b'0')));
    match digits {
        10 => Some(Millis(whole * 1000 + fraction_millis(&text[digits..]))),
        13 => Some(Millis(whole)),
        16 => Some(Millis(whole / 1000)),
        19 => Some(Millis(whole / 1_000_000)),
        _ => None,
    }
}

fn fraction_millis(text: &[u8]) -> i64 {
    let Some(digits) = text.strip_prefix(b".") else { return 0 };
    let digits = digits.iter().take_while(|byte| byte.is_ascii_digit());
    digits.zip([100, 10, 1]).map(|(digit, weight)| i64::from(digit - b'0') * weight).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str) -> Option<String> {
        let Millis(millis) = timestamp(line.as_bytes(), Some(2026))?;
        Some(jiff::Timestamp::from_millisecond(millis).expect("in range").to_string())
    }

    #[test]
    fn a_line_says_when_it_was_written() {
        let table = [
            ("2026-11-20T09:14:08.901Z x", "2026-11-20T09:14:08.901Z"),
            ("2026-11-20 09:14:08,901 ERROR x", "2026-11-20T09:14:08.901Z"),
            ("2026-11-20T09:14:08.1234567+01:00 x", "2026-11-20T08:14:08.123Z"),
            ("2026-11-20 09:14:08 -0330 x", "2026-11-20T12:44:08Z"),
            ("2026-11-20,09:14:08,license,MDRM-517", "2026-11-20T09:14:08Z"),
            ("2026-11-20 09:14:08 UTC x", "2026-11-20T09:14:08Z"),
            ("2026-11-20 09:14:08 -12 x", "2026-11-20T09:14:08Z"),
            ("[2026/11/20 09:14:06] x", "2026-11-20T09:14:06Z"),
            ("10.0.0.1 - al [20/Nov/2026:09:14:10 +0100] \"GET /", "2026-11-20T08:14:10Z"),
            ("Nov 21 10:00:00 h a: x", "2026-11-21T10:00:00Z"),
            ("<11>Nov  1 10:00:00 h a: x", "2026-11-01T10:00:00Z"),
            ("<11>1 2026-11-20T09:14:38.500Z h a - - - x", "2026-11-20T09:14:38.5Z"),
            ("E1121 10:00:02.100000 1 a.go:1] x", "2026-11-21T10:00:02.1Z"),
            ("\x1b[2m2026-11-20T09:14:08Z\x1b[0m x", "2026-11-20T09:14:08Z"),
            ("level=error ts=2026-11-20T09:14:08Z", "2026-11-20T09:14:08Z"),
            ("level=error time=\"2026-11-20T09:14:08Z\"", "2026-11-20T09:14:08Z"),
            ("ts=1795166048.5 x", "2026-11-20T09:14:08.5Z"),
            ("ERROR until 2030-01-01 00:00:00 at 2026-11-20 09:14:08", "2026-11-20T09:14:08Z"),
            (r#"{"ts":1795166048.901,"a":1}"#, "2026-11-20T09:14:08.901Z"),
            (r#"{"time":1795166048901}"#, "2026-11-20T09:14:08.901Z"),
            (r#"{"time":"1795166048901000"}"#, "2026-11-20T09:14:08.901Z"),
            (r#"{"time":1795166048901000000}"#, "2026-11-20T09:14:08.901Z"),
            (
                r#"{"e":{"time":"2020-01-01T00:00:00Z"},"@timestamp" : "2026-11-20T09:14:08Z"}"#,
                "2026-11-20T09:14:08Z",
            ),
            (r#"{"e":{"published":"2026-11-20T09:14:08Z"}}"#, "2026-11-20T09:14:08Z"),
            (r#"okta: {"published":"2026-11-20T09:14:08Z"}"#, "2026-11-20T09:14:08Z"),
            ("{\n  \"timestamp\": \"2026-11-20T09:14:08Z\"\n}", "2026-11-20T09:14:08Z"),
            // The wrapper's time, where the text has none; the text's own before it.
            ("2026-11-20T09:14:32.5Z stderr F plain", "2026-11-20T09:14:32.5Z"),
            ("2026-11-20T09:14:32.5Z stderr F 2026-11-20 09:14:08 x", "2026-11-20T09:14:08Z"),
            (r#"{"log":"plain\n","stream":"stdout","time":"2026-11-20T09:14:08Z"}"#, "2026-11-20T09:14:08Z"),
            ("2026-11-20T09:14:60Z leap", "2026-11-20T09:14:59Z"),
            ("2024-02-29 00:00:00 leap", "2024-02-29T00:00:00Z"),
        ];
        for (line, expected) in table {
            assert_eq!(shown(line).as_deref(), Some(expected), "{line}");
        }
    }

    #[test]
    fn what_is_no_time_gives_none() {
        let lines = [
            "",
            "plain",
            "2026-02-30 10:00:00 x",
            "2026-13-01 10:00:00 x",
            "2026-11-20 24:00:00 x",
            "2026-11-20 x",
            "expires=2030-01-01T00:00:00Z x",
            "cert expires 2030-01-01T00:00:00Z",
            r#"{"time":12,"expires":"2030-01-01T00:00:00Z"}"#,
            r#"{"time":99999999999999999999999}"#,
            r#"{"time":"#,
            r#"{"time"#,
            "{",
            "Feb 30 10:00:00 h a: x",
        ];
        for line in lines {
            assert_eq!(shown(line), None, "{line}");
        }
        assert_eq!(timestamp(b"Nov 21 10:00:00 h a: x", None), None);
    }
}
