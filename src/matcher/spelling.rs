//! Could the literal stand here in some encoding? A cheap look at the neighbours of a window in raw text.
//!
//! Runs of plain bytes are never changed by an encoding, what stands between them may be: a space as `+` or `%20`, a
//! quote behind backslashes, as `\u0027` or `&#39;`. So the run around the window must be there letter for letter, and
//! the next run on either side must follow within the room that the longest spelling needs. Yes may be wrong, no never is.

use memchr::memmem;

use super::window::{Entry, Target, is_plain, runs};
use crate::catalogue::Catalogue;
use crate::catalogue::compile::Kind;
use crate::catalogue::pattern::is_word;

/// The longest spelling of one byte: `\\\\\\\\u0027`, `%252527`, `&#x00027;`, or a quote behind 15 backslashes.
const SPELLING_MAX: usize = 24;

/// Whether the text of `entry` may stand around its window at `start` of `text`.
pub fn plausible(catalogue: &Catalogue, entry: &Entry, text: &[u8], start: usize) -> bool {
    let (first, last) = match entry.target {
        Target::Always => return true,
        Target::Syntax => return left_free(text, start),
        Target::Field => (true, true),
        Target::Literal { id, piece } => {
            let literal = &catalogue.literals[id];
            let whole = !matches!(literal.kind, Kind::Symptom(..));
            (whole && piece == 0, whole && piece + 1 == literal.pattern.pieces().len())
        }
    };
    let piece = &*entry.text;
    let Some(run) = runs(piece).find(|run| run.contains(&entry.offset)) else { return true };
    let Some(at) = start.checked_sub(entry.offset - run.start) else { return false };
    let end = at + run.len();
    if text.get(at..end) != Some(&piece[run.clone()]) {
        return false;
    }
    let left =
        if run.start == 0 { !first || left_free(text, at) } else { run_before(piece, run.start, text, at) };
    left && if run.end == piece.len() {
        !last || !text.get(end).is_some_and(|&b| is_word(Some(b)))
    } else {
        run_after(piece, run.end, text, end)
    }
}

/// The run of `piece` that ends before `from` stands in `text` close before `at`.
fn run_before(piece: &[u8], from: usize, text: &[u8], at: usize) -> bool {
    let head = &piece[..from];
    let gap = head.iter().rev().take_while(|b| !is_plain(**b)).count();
    let run_end = from - gap;
    let run_start = run_end - piece[..run_end].iter().rev().take_while(|b| is_plain(**b)).count();
    if text[..at].ends_with(&piece[run_start..from]) {
        return true;
    }
    let room = gap * SPELLING_MAX + (run_end - run_start);
    run_start == run_end
        || memmem::find(&text[at.saturating_sub(room)..at], &piece[run_start..run_end]).is_some()
}

fn run_after(piece: &[u8], from: usize, text: &[u8], at: usize) -> bool {
    let gap = piece[from..].iter().take_while(|b| !is_plain(**b)).count();
    let run_start = from + gap;
    let run_end = run_start + piece[run_start..].iter().take_while(|b| is_plain(**b)).count();
    if text[at..].starts_with(&piece[from..run_end]) {
        return true;
    }
    let room = gap * SPELLING_MAX + (run_end - run_start);
    run_start == run_end
        || memmem::find(&text[at..text.len().min(at + room)], &piece[run_start..run_end]).is_some()
}

/// No word character before `at`, unless it may be the end of an escape (`%22`, `\n`, `\u0022`).
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
