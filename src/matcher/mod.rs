//! Text → hits: where literals of the packs stand.
//!
//! Two faces on one set of short windows. [`Matcher::candidates`] runs over whole chunks of raw input and gives
//! places where a literal may stand in some encoding; it is the only code that sees every byte. [`Matcher::find`] runs
//! over the decoded text of a view and gives the literals that do stand there. Knows no records, fields or evidence.
//! Read `window` for what is looked for, `prefilter` for the scan and its engines, `spelling` for what an encoding may
//! change.

mod window;
mod prefilter;
mod sieve;
mod simd;
mod classes;
mod sample;
mod spelling;
#[cfg(test)]
mod tests;

pub use prefilter::{Candidate, Prefilter};
pub use window::first_bytes;

use crate::catalogue::Catalogue;
use crate::catalogue::compile::{Kind, LiteralId};
use crate::catalogue::pattern::is_word;
use prefilter::Scanner;
use window::{Target, Windows};

/// Finds literals in decoded text. The seam at which the tests put a plain search in the automaton's place.
pub trait Find {
    /// Literals that stand whole in `text`, with their boundaries, in order of start, end and id; `out` is cleared.
    fn find(&self, catalogue: &Catalogue, text: &[u8], out: &mut Vec<Found>);
}

/// The literals of a catalogue, ready to be found.
pub struct Matcher {
    windows: Windows,
    scanner: Scanner,
}

/// A literal that stands whole in a decoded text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    pub literal: LiteralId,
    pub start: usize,
    pub end: usize,
}

impl Matcher {
    pub fn new(catalogue: &Catalogue) -> Matcher {
        let windows = Windows::of(catalogue);
        let scanner = Scanner::new(windows.texts());
        Matcher { windows, scanner }
    }

    /// Places of `text` (raw input, any encoding) where a literal may stand, ascending; `out` is cleared.
    /// Never misses one; may name places where nothing stands.
    pub fn candidates(&self, catalogue: &Catalogue, text: &[u8], out: &mut Vec<Candidate>) {
        self.scanner.scan(text, out);
        out.retain(|c| {
            self.windows
                .entries(c.window)
                .iter()
                .any(|entry| spelling::plausible(catalogue, entry, text, c.start))
        });
        out.sort_unstable();
    }

    /// The text of a window, for diagnosis.
    pub fn window_text(&self, window: usize) -> String {
        String::from_utf8_lossy(&self.windows.texts()[window]).into_owned()
    }

    /// How many windows are looked for.
    pub fn windows(&self) -> usize {
        self.windows.texts().len()
    }
}

impl Matcher {
    /// The same without a look at the boundaries, for diagnosis: what stands there as a part of something longer too.
    pub fn find_loosely(&self, catalogue: &Catalogue, text: &[u8], out: &mut Vec<Found>) {
        self.find_where(catalogue, text, out, |_, _, _| true);
    }

    fn find_where(
        &self,
        catalogue: &Catalogue,
        text: &[u8],
        out: &mut Vec<Found>,
        bounded: impl Fn(Kind, usize, usize) -> bool,
    ) {
        out.clear();
        self.scanner.each(text, |window, start| {
            for entry in self.windows.entries(window) {
                let Target::Literal { id, piece } = entry.target else { continue };
                let Some(at) = start.checked_sub(entry.offset) else { continue };
                let literal = &catalogue.literals[id];
                let Some((start, end)) = literal.pattern.match_at(text, piece, at) else { continue };
                if bounded(literal.kind, start, end) {
                    out.push(Found { literal: id, start, end });
                }
            }
        });
        out.sort_unstable_by_key(|f| (f.start, f.end, f.literal));
        out.dedup();
    }
}

impl Find for Matcher {
    fn find(&self, catalogue: &Catalogue, text: &[u8], out: &mut Vec<Found>) {
        self.find_where(catalogue, text, out, |kind, start, end| bounded(kind, text, start, end));
    }
}

/// Whether a literal of this kind may stand at `start..end`.
pub fn bounded(kind: Kind, text: &[u8], start: usize, end: usize) -> bool {
    match kind {
        Kind::Token => token_bounded(text, start, end),
        Kind::Message | Kind::Symptom(..) => message_bounded(text, start, end),
    }
}

/// No `[A-Za-z0-9_]` on either side; no `-` or `.` on a side where an alphanumeric follows it.
pub fn token_bounded(text: &[u8], start: usize, end: usize) -> bool {
    let before = |n: usize| start.checked_sub(n).map(|i| text[i]);
    let joined = |mark: Option<u8>, next: Option<u8>| matches!(mark, Some(b'-' | b'.')) && is_word(next);
    !is_word(before(1))
        && !is_word(text.get(end).copied())
        && !joined(before(1), before(2))
        && !joined(text.get(end).copied(), text.get(end + 1).copied())
}

fn message_bounded(text: &[u8], start: usize, end: usize) -> bool {
    !is_word(start.checked_sub(1).map(|i| text[i])) && !is_word(text.get(end).copied())
}
