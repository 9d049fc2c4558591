//! Words of running text: levels, failure words, statuses, clauses, lists of codes.
//!
//! Everything is a bounded look at bytes; nothing knows providers. `position` decides with it where an error stands.

use super::names;
use super::views::MASK;
use crate::catalogue::pattern::is_word;

/// How far into a line a level is looked for, in bytes.
pub const LEVEL_WITHIN: usize = 160;

/// A level word of a line: whether it says that something failed, and where it stands.
pub fn level(line: &[u8]) -> Option<(bool, std::ops::Range<usize>)> {
    let head = &line[..line.len().min(LEVEL_WITHIN)];
    if let Some(failing) = klog(head) {
        return Some((failing, 0..5));
    }
    let mut first = true;
    for word in words(head) {
        let text = &head[word.clone()];
        if let Some(failing) = level_word(head, text, &word, first) {
            return Some((failing, word));
        }
        first = false;
    }
    None
}

/// `E1121 10:00:02`
fn klog(line: &[u8]) -> Option<bool> {
    let line = line.trim_ascii_start();
    let digits =
        |range: std::ops::Range<usize>| line.get(range).is_some_and(|d| d.iter().all(u8::is_ascii_digit));
    let shaped = digits(1..5) && line.get(5) == Some(&b' ') && digits(6..8) && line.get(8) == Some(&b':');
    match line.first() {
        Some(b'W' | b'E' | b'F') if shaped => Some(true),
        Some(b'I') if shaped => Some(false),
        _ => None,
    }
}

fn level_word(line: &[u8], word: &[u8], at: &std::ops::Range<usize>, first: bool) -> Option<bool> {
    let failing = spoken_level(word)?;
    let before = at.start.checked_sub(1).map(|i| line[i]);
    let after = line.get(at.end).copied();
    let bracketed = matches!(before, Some(b'[' | b'(' | b'<')) && matches!(after, Some(b']' | b')' | b'>'));
    let upper = word.iter().all(u8::is_ascii_uppercase);
    let free = !matches!(before, Some(b'.' | b'/' | b'-')) && !matches!(after, Some(b'=' | b'/' | b'-'));
    let opens = first
        && line[..at.start].trim_ascii().is_empty()
        && after.is_none_or(|b| b.is_ascii_whitespace() || matches!(b, b':' | b'-'));
    (bracketed || (upper && free) || opens).then_some(failing)
}

fn spoken_level(word: &[u8]) -> Option<bool> {
    (word.len() >= 3 && word[0].is_ascii_alphabetic()).then(|| names::level(word)).flatten()
}

/// `[A-Za-z0-9_]+` runs.
pub fn words(text: &[u8]) -> impl Iterator<Item = std::ops::Range<usize>> + '_ {
    let is_word = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text[at..].iter().position(is_word)?;
        let len = text[start..].iter().take_while(|b| is_word(b)).count();
        at = start + len;
        Some(start..at)
    })
}

/// A word that says that something failed, or the name of an exception or error.
pub fn says_failure(text: &[u8]) -> bool {
    failure_word(text).is_some()
}

/// The first of them.
pub fn failure_word(text: &[u8]) -> Option<std::ops::Range<usize>> {
    const FAILURES: [&[u8]; 10] = [
        b"error",
        b"failed",
        b"failure",
        b"rejected",
        b"refused",
        b"denied",
        b"exception",
        b"panic",
        b"unable",
        b"cannot",
    ];
    words(text).find(|word| {
        let word = &text[word.clone()];
        FAILURES.iter().any(|f| word.eq_ignore_ascii_case(f))
            || word.ends_with(b"Exception")
            || word.ends_with(b"Error")
    })
}

/// HTTP statuses that a text names as such: `HTTP/1.1" 401`, `status code: 401`, `-> 401`, `401 from`; the first 16.
pub fn statuses(text: &[u8], out: &mut Vec<u16>) {
    let mut at = 0;
    let digits = std::iter::from_fn(|| {
        // None of the three places up to a byte that is no digit begins three of them.
        while !text.get(at + 2)?.is_ascii_digit() {
            at += 3;
        }
        at += 1;
        Some(at - 1)
    });
    out.extend(digits.filter_map(|at| named_status(text, at)).take(16));
}

/// The status at `at`: three digits that no word character follows, with a word or arrow beside them.
fn named_status(text: &[u8], at: usize) -> Option<u16> {
    let &[hundreds @ b'1'..=b'5', tens @ b'0'..=b'9', ones @ b'0'..=b'9'] = &text[at..at + 3] else {
        return None;
    };
    if is_word(text.get(at + 3).copied()) || !(is_behind_word(&text[..at]) || is_before_from(text, at)) {
        return None;
    }
    let digit = |b: u8| u16::from(b - b'0');
    Some(100 * digit(hundreds) + 10 * digit(tens) + digit(ones))
}

/// A word or arrow behind which a status stands.
fn is_behind_word(before: &[u8]) -> bool {
    const WORDS: [&[u8]; 4] = [b"status", b"status code", b"upstream", b"answered"];
    let blank = |b: &u8| b.is_ascii_whitespace() || *b == 0x0b;
    let before = &before[..before.iter().rposition(|b| !blank(b)).map_or(0, |i| i + 1)];
    let stands =
        |text: &[u8], word: &[u8]| text.strip_suffix(word).is_some_and(|head| !is_word(head.last().copied()));
    match before.last() {
        Some(b'>') => before.ends_with(b"->") || before.ends_with(b"=>"),
        Some(mark @ (b':' | b'=')) => {
            let word = &before[..before.len() - 1];
            WORDS[..2].iter().any(|w| stands(word, w)) || (*mark == b':' && word.ends_with(b"Response Code"))
        }
        Some(b's' | b'e' | b'm' | b'd') => WORDS.iter().any(|w| stands(before, w)),
        Some(b'P' | b'"' | b'0'..=b'9') => {
            let text = before.strip_suffix(b"\"").unwrap_or(before);
            let version = text.iter().rev().take_while(|b| b.is_ascii_digit() || **b == b'.').count();
            let (head, version) = text.split_at(text.len() - version);
            match version {
                [] => before.len() == text.len() && stands(head, b"HTTP"),
                [b'0'..=b'9'] | [b'0'..=b'9', b'.', b'0'..=b'9'] => stands(head, b"HTTP/"),
                _ => false,
            }
        }
        _ => false,
    }
}

/// `401 from`
fn is_before_from(text: &[u8], at: usize) -> bool {
    matches!(text[at], b'4' | b'5')
        && !is_word(at.checked_sub(1).map(|i| text[i]))
        && text[at + 3..].strip_prefix(b" from").is_some_and(|rest| !is_word(rest.first().copied()))
}

/// The lines of `text` that hold the hit: one, unless a message goes over the end of a line.
pub fn line_around(text: &[u8], hit: std::ops::Range<usize>) -> std::ops::Range<usize> {
    let start = memchr::memrchr(b'\n', &text[..hit.start]).map_or(0, |i| i + 1);
    let end = memchr::memchr(b'\n', &text[hit.end..]).map_or(text.len(), |i| hit.end + i);
    start..end
}

/// Whether `start..end` is a clause of its own: nothing but separators and what was read as something else around it,
/// and no status number before it.
pub fn fills_clause(text: &[u8], start: usize, end: usize) -> bool {
    let ends = |b: u8| {
        matches!(
            b,
            b':' | b';' | b',' | b'|' | b'(' | b')' | b'[' | b']' | b'\n' | b'"' | b'\'' | b'{' | b'}' | MASK
        )
    };
    let blank = |b: &&u8| matches!(b, b' ' | b'\t' | b'\r');
    let before = &text[..start - text[..start].iter().rev().take_while(blank).count()];
    let after = text[end..].strip_prefix(b".").unwrap_or(&text[end..]);
    let after = &after[after.iter().take_while(blank).count()..];
    let free_before = before.last().is_none_or(|b| ends(*b))
        || before.ends_with(b" -")
        || before.ends_with(b"->")
        || before.ends_with(b"=>");
    let free_after =
        after.first().is_none_or(|b| ends(*b)) || after.starts_with(b"- ") || after.starts_with(b"->");
    free_before && free_after
}

/// A status number of 400 or more right before `start`: what follows is its reason phrase.
pub fn behind_status(text: &[u8], start: usize) -> bool {
    let head = text[..start].trim_ascii_end();
    let spaced = head.len() < start;
    let digits = head.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    let bounded = !head[..head.len() - digits]
        .last()
        .is_some_and(|b| b.is_ascii_alphabetic() || matches!(b, b'_' | b'-'));
    spaced && digits == 3 && bounded && matches!(head[head.len() - 3], b'4' | b'5')
}

/// The text around `start..end` as far as its clause goes, at most `before` and `after` bytes.
pub fn clause_around(text: &[u8], start: usize, end: usize, before: usize, after: usize) -> &[u8] {
    let ends = |at: usize| matches!(text[at], b';' | b'\n') || text[at..].starts_with(b"->");
    let from = (start.saturating_sub(before)..start)
        .rev()
        .find(|&at| ends(at))
        .map_or(start.saturating_sub(before), |at| at + 1);
    let to = (end..text.len().min(end + after)).find(|&at| ends(at)).unwrap_or(text.len().min(end + after));
    &text[from..to]
}

/// `0 invalid_grant errors`, `no access_denied`, `without …`
pub fn negated(text: &[u8], start: usize) -> bool {
    let before = text[..start].strip_suffix(b"\"").unwrap_or(&text[..start]);
    let trimmed = before.trim_ascii_end();
    if trimmed.len() == before.len() {
        return false;
    }
    let Some(word) = last_word(trimmed) else { return false };
    let word = &trimmed[word];
    word == b"0" || word.eq_ignore_ascii_case(b"no") || word.eq_ignore_ascii_case(b"without")
}

/// The word that ends `text`.
pub fn last_word(text: &[u8]) -> Option<std::ops::Range<usize>> {
    let len = text.iter().rev().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
    (len > 0).then(|| text.len() - len..text.len())
}

/// Only blanks, commas, brackets, quotes and at most one and/or between two codes of a list, or further single words
/// between commas.
pub fn is_list_gap(gap: &[u8]) -> bool {
    if gap.iter().filter(|b| **b == b',').count() < 2 {
        return is_separator(gap);
    }
    let mut items = gap.split(|b| *b == b',');
    let ends = items.next().is_some_and(is_separator) && items.next_back().is_some_and(is_separator);
    ends && items.all(|item| {
        let word = item.trim_ascii().iter().filter(|b| !matches!(b, b'"' | b'\''));
        word.clone().count() > 0
            && word.clone().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b':'))
    })
}

fn is_separator(gap: &[u8]) -> bool {
    let is_mark = |b: &u8| {
        b.is_ascii_whitespace() || matches!(b, b',' | b';' | b'|' | b'[' | b']' | b'"' | b'\'' | b'(' | b')')
    };
    let start = gap.iter().take_while(|b| is_mark(b)).count();
    let end = gap.len() - gap[start..].iter().rev().take_while(|b| is_mark(b)).count();
    matches!(&gap[start..end], b"" | b"and" | b"or")
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;
    use regex::bytes::Regex;

    use super::*;

    #[test]
    fn the_lines_around_a_hit_hold_all_of_it() {
        let text = b"one\ntwo\nthree\nfour";
        assert_eq!(line_around(text, 5..6), 4..7);
        assert_eq!(line_around(text, 4..7), 4..7);
        assert_eq!(line_around(text, 5..10), 4..13);
        assert_eq!(line_around(text, 0..text.len()), 0..text.len());
    }

    #[test]
    fn levels_stand_in_many_places() {
        for (line, failing) in [
            ("2026-11-20T09:14:07Z ERROR 1 --- [x] c.a.B : y", Some(true)),
            ("[warn] okta callback", Some(true)),
            ("Error: Invalid key", Some(true)),
            ("E1121 10:00:02.1 1 x.go:1] y", Some(true)),
            ("I1121 10:00:02.1 1 x.go:1] y", Some(false)),
            ("2026 INFO job error done", Some(false)),
            ("an error happened", None),
            ("x level=error", None),
            ("/ERROR/x", None),
        ] {
            assert_eq!(level(line.as_bytes()).map(|l| l.0), failing, "{line}");
        }
    }

    #[test]
    fn a_status_needs_a_word_or_arrow_before_it() {
        let mut out = Vec::new();
        statuses(b"GET /x -> 401, status=403 took 500 ms; HTTP/1.1\" 302 17; 400 from upstream", &mut out);
        assert_eq!(out, [401, 403, 302, 400]);
    }

    /// What such texts are made of, one a bar.
    const PARTS: &str = "HTTP|/|1|1.1|2|.|\"|status| code|:|=|->|=>|upstream|answered|Response Code| |\t|\x0b|401|503|200|640|9| from|x|_|-";

    static RULE: LazyLock<Regex> = LazyLock::new(|| {
        let text = concat!(
            r#"(?-u)(?:\bHTTP(?:/[0-9](?:\.[0-9])?"?)?|\bstatus(?: code)?[:=]?|->|=>|\bupstream|\banswered|Response Code:)\s*([1-5][0-9][0-9])\b"#,
            r"|\b([45][0-9][0-9]) from\b",
        );
        Regex::new(text).expect("a constant that compiles")
    });

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 50 } else { 50_000 }))]

        #[test]
        fn statuses_are_those_of_the_rule_as_an_expression(
            parts in prop::collection::vec(prop::sample::select(PARTS.split('|').collect::<Vec<_>>()), 1..9)
        ) {
            let text = parts.concat();
            let digits = RULE.captures_iter(text.as_bytes()).filter_map(|c| c.get(1).or(c.get(2)));
            let expected: Vec<&[u8]> = digits.map(|m| m.as_bytes()).collect();
            let mut found = Vec::new();
            statuses(text.as_bytes(), &mut found);
            let found: Vec<String> = found.iter().map(u16::to_string).collect();
            prop_assert_eq!(found.iter().map(|s| s.as_bytes()).collect::<Vec<_>>(), expected, "{}", text);
        }
    }

    #[test]
    fn a_clause_is_what_separators_leave() {
        let text = b"issue failed: KeyNotFound \x01\x01; 403 Forbidden";
        assert!(fills_clause(text, 14, 25));
        assert!(!fills_clause(text, 34, 43));
    }

    #[test]
    fn zero_no_and_without_negate() {
        assert!(negated(b"saw 0 invalid", 6));
        assert!(negated(b"without \"x", 9));
        assert!(!negated(b"10 x", 3));
    }
}
