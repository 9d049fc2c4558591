//! What one source read and what became of it, how it stands at the moment, and what it keeps for its next life.

use super::Millis;

/// Why bytes were read and not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SkipReason {
    /// Behind the line limit; the head of the line was matched.
    Oversized,
    /// Behind the limit of what a compressed input may unpack to.
    Expansion,
    /// A source could not turn them into text.
    Undecodable,
    /// Zeros where a file was never written, or not yet.
    Hole,
}

impl SkipReason {
    pub const ALL: [SkipReason; 4] =
        [SkipReason::Oversized, SkipReason::Expansion, SkipReason::Undecodable, SkipReason::Hole];

    pub fn name(self) -> &'static str {
        match self {
            SkipReason::Oversized => "oversized",
            SkipReason::Expansion => "expansion",
            SkipReason::Undecodable => "undecodable",
            SkipReason::Hole => "hole",
        }
    }
}

/// Why bytes that were written were never read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LossReason {
    /// The file was cut off before they were read.
    Truncated,
    /// The file was deleted before they were read.
    Deleted,
    /// They are compressed bytes that cannot be unpacked.
    Damaged,
}

impl LossReason {
    pub const ALL: [LossReason; 3] = [LossReason::Truncated, LossReason::Deleted, LossReason::Damaged];

    pub fn name(self) -> &'static str {
        match self {
            LossReason::Truncated => "truncated",
            LossReason::Deleted => "deleted",
            LossReason::Damaged => "damaged",
        }
    }
}

/// What was read from one source and what became of it.
///
/// `lines = matched + ambiguous_lines + foreign_lines + undecodable + unmatched`, and
/// `bytes = consumed + skipped`: both sums are held by tests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceCounts {
    /// Physical lines; of `-0` input, records.
    pub lines: u64,
    /// Bytes that were judged or skipped; those that wait for the rest of their record are not among them yet.
    pub bytes: u64,
    /// Bytes read and not looked at, by [`SkipReason`] in the order of `ALL`.
    pub skipped: [u64; SkipReason::ALL.len()],
    /// Records that hold a match, counted at their first line.
    pub matched: u64,
    pub ambiguous_lines: u64,
    pub foreign_lines: u64,
    pub undecodable: u64,
    pub unmatched: u64,
    /// Lines that were cut at the line limit.
    pub oversized: u64,
    /// Bytes that were written and never read, by [`LossReason`] in the order of `ALL`.
    pub lost: [u64; LossReason::ALL.len()],
    /// Times that a file was renamed or replaced and another took its path.
    pub rotations: u64,
    /// Times that a file was cut off before the place up to which it was read.
    pub truncations: u64,
}

impl SourceCounts {
    pub fn merge(&mut self, other: &SourceCounts) {
        for (mine, theirs) in self.skipped.iter_mut().zip(other.skipped) {
            *mine = mine.saturating_add(theirs);
        }
        for (mine, theirs) in self.lost.iter_mut().zip(other.lost) {
            *mine = mine.saturating_add(theirs);
        }
        for (mine, theirs) in [
            (&mut self.rotations, other.rotations),
            (&mut self.truncations, other.truncations),
            (&mut self.lines, other.lines),
            (&mut self.bytes, other.bytes),
            (&mut self.matched, other.matched),
            (&mut self.ambiguous_lines, other.ambiguous_lines),
            (&mut self.foreign_lines, other.foreign_lines),
            (&mut self.undecodable, other.undecodable),
            (&mut self.unmatched, other.unmatched),
            (&mut self.oversized, other.oversized),
        ] {
            *mine = mine.saturating_add(theirs);
        }
    }
}

/// How a source stands: levels, not counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// Bytes read whose record is not complete yet.
    pub pending_bytes: u64,
    /// When bytes were read last.
    pub last_read: Option<Millis>,
    /// All 0 where a source has no files.
    pub files: FilesStanding,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FilesStanding {
    /// Files that are followed.
    pub followed: u64,
    /// Those of them that are open.
    pub open: u64,
    /// Files that are there and cannot be read.
    pub unreadable: u64,
    /// Bytes that are there and not read yet.
    pub behind_bytes: u64,
}

/// Something that one part of the program keeps in the ledger and nobody else reads, such as the position of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Begins with the name of the part that it belongs to, then `/`.
    pub key: Box<str>,
    /// `None` takes it away.
    pub value: Option<Box<[u8]>>,
}
