//! One stream of bytes as far as it is not judged yet: the last event, the line that is not finished, and what was left
//! out of them because a line grew too long or was no text at all.
//!
//! A worker has one pipeline and as many streams as it reads files. What a stream holds says where it stands: bytes
//! given to it minus [`Stream::pending`] are judged and counted, and nothing behind them is. Read next: `super`, which
//! judges.

use std::collections::VecDeque;

use crate::aggregation::Tally;
use crate::event::{Origin, SkipReason};

/// What a stream holds and what it has left out on the way, in its text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pending {
    pub bytes: u64,
    /// UTF-16 units of that text.
    pub units: u64,
}

/// Bytes that were given and are not in the buffer.
#[derive(Debug, Clone, Copy)]
struct Gap {
    /// The byte of the buffer that follows it.
    at: usize,
    bytes: u64,
    units: u64,
    kind: GapKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum GapKind {
    /// The rest of a line over the limit; the line is cut here.
    Cut,
    /// More of a rest whose line was judged before its end came.
    Rest,
    /// Zeros between lines.
    Hole,
}

#[derive(Debug, Default)]
pub struct Stream {
    pub(super) origin: Origin,
    /// Begins with an event; holds what is not judged yet.
    pub(super) buffer: Vec<u8>,
    /// Where the unfinished last line of the buffer begins.
    pub(super) line_start: usize,
    /// The rest of a line over the limit is being passed over.
    skipping: bool,
    gaps: VecDeque<Gap>,
    pub(super) lines_done: u64,
}

impl Stream {
    /// `origin` is where its records come from.
    pub fn new(origin: Origin) -> Stream {
        Stream { origin, ..Stream::default() }
    }

    pub fn pending(&self) -> Pending {
        let mut pending = Pending { bytes: self.pending_bytes(), units: units_of(&self.buffer) };
        self.gaps.iter().for_each(|gap| pending.units += gap.units);
        pending
    }

    /// [`Pending::bytes`], without a look at the text.
    pub fn pending_bytes(&self) -> u64 {
        self.buffer.len() as u64 + self.gaps.iter().map(|gap| gap.bytes).sum::<u64>()
    }

    /// Whether everything it was given is complete lines.
    pub fn is_at_line_end(&self) -> bool {
        self.line_start == self.buffer.len() && !self.skipping
    }

    /// Whether complete lines wait in it.
    pub fn has_lines(&self) -> bool {
        self.line_start > 0
    }

    /// Forgets the line that is not finished; says how many bytes of it there were.
    pub fn drop_unfinished(&mut self) -> u64 {
        let before = self.pending_bytes();
        self.buffer.truncate(self.line_start);
        while self.gaps.back().is_some_and(|gap| gap.kind != GapKind::Hole && gap.at >= self.line_start) {
            self.gaps.pop_back();
        }
        self.skipping = false;
        before - self.pending_bytes()
    }

    /// Memory that it holds.
    pub fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    /// Whether the line that ends before `end` was cut.
    pub(super) fn is_cut_at(&self, end: usize) -> bool {
        self.gaps.iter().any(|gap| gap.kind == GapKind::Cut && gap.at == end)
    }

    /// Zeros that stand here instead of text.
    pub(super) fn leave_out_hole(&mut self, bytes: u64) {
        self.gaps.push_back(Gap { at: self.buffer.len(), bytes, units: 0, kind: GapKind::Hole });
    }

    /// Appends `slice` (no longer than a line may be), lines over the limit cut. Only the line that was unfinished
    /// before can grow over the limit here, and the one that stays unfinished.
    pub(super) fn take_in(&mut self, slice: &[u8], line_bytes_max: usize) {
        let mut rest = slice;
        if let Some(end) = memchr::memchr(b'\n', rest) {
            self.extend_line(&rest[..end], line_bytes_max);
            self.skipping = false;
            self.buffer.push(b'\n');
            rest = &rest[end + 1..];
            let last = memchr::memrchr(b'\n', rest).map_or(0, |i| i + 1);
            self.buffer.extend_from_slice(&rest[..last]);
            self.line_start = self.buffer.len();
            rest = &rest[last..];
        }
        self.extend_line(rest, line_bytes_max);
    }

    /// Adds to the unfinished line as far as it may grow.
    fn extend_line(&mut self, part: &[u8], line_bytes_max: usize) {
        let room = line_bytes_max.saturating_sub(self.buffer.len() - self.line_start);
        let kept = if self.skipping { 0 } else { part.len().min(room) };
        self.buffer.extend_from_slice(&part[..kept]);
        let left_out = &part[kept..];
        if left_out.is_empty() {
            return;
        }
        let at = self.buffer.len();
        let goes_on =
            self.skipping && self.gaps.back().is_some_and(|gap| gap.at == at && gap.kind != GapKind::Hole);
        if !goes_on {
            let kind = if self.skipping { GapKind::Rest } else { GapKind::Cut };
            self.gaps.push_back(Gap { at, bytes: 0, units: 0, kind });
            self.skipping = true;
        }
        let gap = self.gaps.back_mut().expect("it goes on, or was just pushed");
        gap.bytes += left_out.len() as u64;
        gap.units += units_of(left_out);
    }

    /// `buffer[..end]` is judged: counts its bytes and what was left out of it, and lets all of it go.
    pub(super) fn let_go(&mut self, end: usize, tally: &mut Tally) {
        let is_all = end == self.buffer.len();
        self.buffer.drain(..end);
        self.line_start = self.line_start.saturating_sub(end);
        tally.bytes_read(end as u64);
        while let Some(gap) = self.gaps.front().copied().filter(|gap| gap.at < end || is_all) {
            self.gaps.pop_front();
            tally.bytes_read(gap.bytes);
            match gap.kind {
                GapKind::Hole => tally.bytes_skipped(SkipReason::Hole, gap.bytes),
                GapKind::Rest => tally.bytes_skipped(SkipReason::Oversized, gap.bytes),
                GapKind::Cut => {
                    tally.bytes_skipped(SkipReason::Oversized, gap.bytes);
                    tally.oversized_lines(1);
                }
            }
        }
        self.gaps.iter_mut().for_each(|gap| gap.at -= end);
    }
}

/// How many units UTF-16 would take, also for a text that was cut inside a character: each is counted at its first byte.
fn units_of(text: &[u8]) -> u64 {
    text.iter().map(|byte| u64::from(byte & 0xC0 != 0x80) + u64::from(*byte >= 0xF0)).sum()
}

#[cfg(test)]
mod tests {
    use super::units_of;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn units_are_those_of_utf16_wherever_the_text_is_cut(text in "\\PC{0,40}", cut in 0usize..200) {
            let bytes = text.as_bytes();
            let (head, rest) = bytes.split_at(cut.min(bytes.len()));
            prop_assert_eq!(units_of(head) + units_of(rest), text.encode_utf16().count() as u64);
        }
    }
}
