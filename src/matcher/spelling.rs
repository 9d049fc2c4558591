//! Does the literal stand here in some encoding? The raw text around a window, compared run by run.
//!
//! Runs of plain bytes are never changed by an encoding, so they must be there letter for letter. What stands between
//! them may be spelled in many ways: a space as `+` or `%20`, a quote behind backslashes, as `\u0027` or `&#39;`. Yes may
//! be wrong (the decoded view decides), no never is.

use std::ops::Range;

use super::window::{Entry, Target, is_plain, runs};
use crate::catalogue::Catalogue;
use crate::catalogue::compile::Kind;
use crate::catalogue::pattern::is_word;

/// How far backslashes before a character are followed, in bytes.
const BACKSLASHES_MAX: usize = 64;

/// Whether the text of `entry` may stand around its window at `start` of `text`.
pub fn plausible(catalogue: &Catalogue, entry: &Entry, text: &[u8], start: usize) -> bool {
    let Some(at) = start.checked_sub(entry.offset - entry.run.start) else { return false };
    let run = entry.run.clone();
    if !neighbours_fit(&entry.text, &run, text, at)
        || text.get(at..at + run.len()) != Some(&entry.text[run.clone()])
    {
        return false;
    }
    let (first, last) = match entry.target {
        Target::Always => return true,
        Target::Syntax => return left_free(text, start),
        Target::Field => (true, true),
        Target::Literal { id, piece } => {
            let literal = &catalogue.literals[id];
            let bounded = !matches!(literal.kind, Kind::Symptom(..));
            (bounded && piece == 0, bounded && piece + 1 == literal.pattern.pieces().len())
        }
    };
    let piece = &*entry.text;
    backward(piece, run.start, text, at)
        .is_some_and(|at| !first || !is_plain_first(piece) || left_free(text, at))
        && forward(piece, run.end, text, at + run.len())
            .is_some_and(|end| !last || !is_plain_last(piece) || !is_word(text.get(end).copied()))
}

/// The letters across a plain blank on either side of the run: one byte each refuses nearly all of what common words
/// bring up, before anything longer is compared.
fn neighbours_fit(piece: &[u8], run: &Range<usize>, text: &[u8], at: usize) -> bool {
    if let Some([far, b' ']) = run.start.checked_sub(2).map(|i| [piece[i], piece[i + 1]])
        && let Some([there, b' ']) = at.checked_sub(2).map(|i| [text[i], text[i + 1]])
        && is_plain(far)
        && there != far
    {
        return false;
    }
    let end = at + run.len();
    let (near, there) = (piece.get(run.end..run.end + 2), text.get(end..end + 2));
    !matches!((near, there), (Some([b' ', near]), Some([b' ', there])) if is_plain(*near) && near != there)
}

fn is_plain_first(piece: &[u8]) -> bool {
    piece.first().is_some_and(|b| is_plain(*b))
}

fn is_plain_last(piece: &[u8]) -> bool {
    piece.last().is_some_and(|b| is_plain(*b))
}

/// `piece[..to]` spelled so that it ends at `at`; gives where it begins. Outer bytes that are not plain are not looked at.
fn backward(piece: &[u8], to: usize, text: &[u8], mut at: usize) -> Option<usize> {
    let mut left = to;
    while let Some(run) = run_before(piece, left) {
        for &byte in piece[run.end..left].iter().rev() {
            at = byte_before(byte, text, at)?;
        }
        at = at.checked_sub(run.len()).filter(|&at| text[at..at + run.len()] == piece[run.clone()])?;
        left = run.start;
    }
    Some(at)
}

/// `piece[from..]` spelled from `at`; gives where its last run ends.
fn forward(piece: &[u8], from: usize, text: &[u8], mut at: usize) -> Option<usize> {
    let mut right = from;
    while let Some(run) = runs(&piece[right..]).next().map(|r| r.start + right..r.end + right) {
        for &byte in &piece[right..run.start] {
            at = byte_after(byte, text, at)?;
        }
        text[at..].starts_with(&piece[run.clone()]).then_some(())?;
        at += run.len();
        right = run.end;
    }
    Some(at)
}

fn run_before(piece: &[u8], to: usize) -> Option<Range<usize>> {
    let end = piece[..to].iter().rposition(|b| is_plain(*b))? + 1;
    let start = end - piece[..end].iter().rev().take_while(|b| is_plain(**b)).count();
    Some(start..end)
}

/// A byte of the literal, spelled so that it ends before `at`: where its spelling begins.
fn byte_before(byte: u8, text: &[u8], at: usize) -> Option<usize> {
    let last = *text.get(at.checked_sub(1)?)?;
    if last == byte || (last == b'+' && byte == b' ') {
        return Some(strip_backslashes(text, at - 1));
    }
    // A character of several bytes may be one escape: its first bytes then stand for nothing.
    if byte >= 0x80 && !last.is_ascii_hexdigit() && last != b';' {
        return Some(at);
    }
    let start = match last {
        b';' => memchr::memrchr(b'&', &text[at.saturating_sub(10)..at]).map(|i| at.saturating_sub(10) + i)?,
        b if b.is_ascii_hexdigit() => {
            let escape = &text[at.saturating_sub(14)..at];
            let mark = escape.iter().rposition(|b| matches!(b, b'%' | b'\\'))?;
            at - escape.len() + mark
        }
        _ => return None,
    };
    Some(strip_backslashes(text, start))
}

/// A byte of the literal, spelled from `at`: where its spelling ends.
fn byte_after(byte: u8, text: &[u8], at: usize) -> Option<usize> {
    let from = at;
    let at = after_backslashes(text, at);
    let first = *text.get(at)?;
    let escaped = at > from;
    if first == byte || (first == b'+' && byte == b' ') || (byte == b'\\' && escaped) {
        return Some(if first == byte || byte == b' ' { at + 1 } else { at });
    }
    match first {
        b'u' if escaped => Some(at + 5).filter(|end| *end <= text.len()),
        b'&' => memchr::memchr(b';', &text[at..text.len().min(at + 10)]).map(|i| at + i + 1),
        b'%' => {
            let deep = text[at + 1..].chunks(2).take(4).take_while(|pair| *pair == b"25").count();
            Some(at + 3 + 2 * deep).filter(|end| *end <= text.len())
        }
        _ if byte >= 0x80 => Some(at),
        _ => None,
    }
}

/// Behind the backslashes at `at`, which may be percent-encoded themselves.
fn after_backslashes(text: &[u8], mut at: usize) -> usize {
    let most = (at + BACKSLASHES_MAX).min(text.len());
    while at < most {
        match text[at] {
            b'\\' => at += 1,
            b'%' => {
                let deep = text[at + 1..].chunks(2).take(4).take_while(|pair| *pair == b"25").count();
                let end = at + 3 + 2 * deep;
                if !text.get(end - 2..end).is_some_and(|code| code.eq_ignore_ascii_case(b"5c")) {
                    break;
                }
                at = end;
            }
            _ => break,
        }
    }
    at
}

/// Before the backslashes that end at `at`, which may be percent-encoded themselves.
fn strip_backslashes(text: &[u8], mut at: usize) -> usize {
    let floor = at.saturating_sub(BACKSLASHES_MAX);
    while at > floor {
        if text[at - 1] == b'\\' {
            at -= 1;
        } else if at >= 3 && text[at - 2..at].eq_ignore_ascii_case(b"5c") {
            let head = &text[..at - 2];
            let deep = head.rchunks(2).take(4).take_while(|pair| *pair == b"25").count();
            let mark = (at - 2).checked_sub(2 * deep + 1).filter(|&i| text[i] == b'%');
            let Some(mark) = mark else { break };
            at = mark;
        } else {
            break;
        }
    }
    at
}

/// No word character before `at`, unless it may be the end of an escape (`%22`, `\n`, `\u0022`, a colour).
fn left_free(text: &[u8], at: usize) -> bool {
    let before = |n: usize| at.checked_sub(n).map(|i| text[i]);
    if !is_word(before(1)) {
        return true;
    }
    let hex = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_hexdigit());
    let escaped_letter = before(2) == Some(b'\\');
    let percent =
        hex(before(1)) && hex(before(2)) && matches!(before(3), Some(b'%')) || percent_of_percent(text, at);
    let unicode = (1..=4).all(|n| hex(before(n))) && before(5) == Some(b'u') && before(6) == Some(b'\\');
    escaped_letter || percent || unicode || ends_colour(&text[..at])
}

/// The end of a terminal sequence: `\x1b[1;31m`.
fn ends_colour(text: &[u8]) -> bool {
    let Some((last, head)) = text.split_last() else { return false };
    let digits =
        head.iter().rev().take(16).take_while(|b| b.is_ascii_digit() || matches!(b, b';' | b'?')).count();
    last.is_ascii_alphabetic() && head[..head.len() - digits].last() == Some(&b'[')
}

/// `%2522` and deeper.
fn percent_of_percent(text: &[u8], at: usize) -> bool {
    let tail = &text[at.saturating_sub(12)..at];
    memchr::memrchr(b'%', tail)
        .is_some_and(|p| tail.len() - p > 3 && tail[p + 1..].iter().all(u8::is_ascii_hexdigit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stands(piece: &str, text: &str) -> bool {
        let piece = piece.as_bytes();
        let run = runs(piece).max_by_key(|r| r.len()).expect("a run");
        let text = text.as_bytes();
        memchr::memmem::find_iter(text, &piece[run.clone()]).any(|at| {
            backward(piece, run.start, text, at).is_some()
                && forward(piece, run.end, text, at + run.len()).is_some()
        })
    }

    #[test]
    fn every_spelling_of_what_stands_between_runs_is_found() {
        let literal = "The 'login_hint' is \"bad\".";
        for text in [
            "The 'login_hint' is \"bad\".",
            "The+%27login_hint%27+is+%22bad%22.",
            "The%20%27login_hint%27%20is%20%22bad%22",
            "The%2520%2527login_hint%2527%2520is%2520%2522bad%2522",
            r"The \u0027login_hint\u0027 is \u0022bad\u0022.",
            r"The \\u0027login_hint\\u0027 is \\\u0022bad",
            r"The 'login_hint' is \\\\\\\x22bad".replace(r"\x22", "\"").as_str(),
            "The+%5Cu0027login_hint%5Cu0027+is+%5C%22bad%255C%2522.",
            "The &#39;login_hint&#39; is &quot;bad&quot;.",
            r"The \'login_hint\' is \'bad".replace(r"is \'", "is \\\"").as_str(),
        ] {
            assert!(stands(literal, text), "{text}");
        }
        for text in ["The login_hint is bad", "A 'login_hint' is \"bad\"", "The 'login_hint' was \"bad\""] {
            assert!(!stands(literal, text), "{text}");
        }
    }

    #[test]
    fn a_character_of_several_bytes_may_be_one_escape() {
        let literal = "Policy’s rules";
        for text in
            ["Policy’s rules", r"Policy\u2019s rules", "Policy%E2%80%99s rules", "Policy&#8217;s rules"]
        {
            assert!(stands(literal, text), "{text}");
        }
    }
}
