//! What a journal keeps of a ledger: the types that are written, and nothing but them.
//!
//! These are the file format. A change that old bytes cannot be read with is a new [`super::store::FORMAT`]; lists by
//! reason may grow at their end, what is missing is 0. Windows, distinct tenants and levels are left out: they fill
//! anew. Label blocks are rendered again. `restore` turns a ledger into a [`Snapshot`] and back, `store` writes bytes.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::event::{
    AmbiguousKey, CodeInfo, Counts, Delta, ErrorKey, Label, LossReason, Mark, Millis, Seen, SkipReason,
    SourceCounts, TenantKey, TenantRefusal,
};

use super::Reader;
use super::births::{Birth, Births};

/// One record of a journal.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Record {
    /// The first of each file: everything.
    Snapshot(Box<Snapshot>),
    /// What one tick committed.
    Changes(Box<Changes>),
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Snapshot {
    pub limits: [u64; 3],
    pub births: u64,
    pub started: Option<i64>,
    pub now: Option<i64>,
    pub own_birth: SavedBirth,
    pub scrapers: SavedScrapers,
    pub errors: SavedFamily<[Label; 3]>,
    pub tenants: SavedFamily<[Label; 3]>,
    pub ambiguous: SavedFamily<[Label; 2]>,
    pub codes: SavedFamily<[Label; 2]>,
    /// By row of `codes`; nothing where no catalogue knew the code.
    pub infos: Vec<Option<SavedInfo>>,
    /// Providers with windows, in the order in which these were opened.
    pub windows: Vec<Label>,
    /// Sorted.
    pub tenants_admitted: Vec<Label>,
    pub foreign: u64,
    pub tenant_refused: Vec<u64>,
    pub sources: Vec<SavedSource>,
    pub marks: Vec<(Box<str>, Box<[u8]>)>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Changes {
    pub now: i64,
    /// Attributes of codes that these deltas bring for the first time.
    pub described: Vec<([Label; 2], SavedInfo)>,
    pub deltas: Vec<SavedDelta>,
    pub answers: Vec<(SavedReader, u64)>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct SavedBirth {
    pub number: u64,
    pub at: Option<i64>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct SavedSeen {
    pub count: u64,
    pub first: Option<i64>,
    pub last: Option<i64>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SavedFamily<K> {
    pub rows: Vec<(K, SavedBirth, SavedSeen)>,
    pub rows_folded: u64,
    pub overflow: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SavedInfo {
    pub category: Label,
    pub severity: Label,
    pub fault: Label,
    pub retryable: Label,
    pub title: Label,
    pub remediation: Label,
}

/// A key, and what is under it from now on.
pub(super) type SavedMark = (Box<str>, Option<Box<[u8]>>);

/// The address and the user agent of a scraper.
pub(super) type SavedReader = (IpAddr, Box<str>);

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SavedScrapers {
    pub zero_first: SavedZeroFirst,
    /// Reader, births, and the tick of the last answer.
    pub entries: Vec<(SavedReader, u64, i64)>,
    pub shared: u64,
    pub grown: u64,
    pub young: Vec<(u64, i64)>,
    pub last_tick: Option<i64>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) enum SavedZeroFirst {
    Scrapers,
    Always,
    Never,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SavedSource {
    pub name: Label,
    pub birth: SavedBirth,
    pub counts: SavedCounts,
    pub last_event: Option<i64>,
    pub committed: Option<i64>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SavedCounts {
    pub lines: u64,
    pub bytes: u64,
    pub skipped: Vec<u64>,
    pub matched: u64,
    pub ambiguous_lines: u64,
    pub foreign_lines: u64,
    pub undecodable: u64,
    pub unmatched: u64,
    pub oversized: u64,
    pub lost: Vec<u64>,
    pub rotations: u64,
    pub truncations: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SavedDelta {
    pub source: Label,
    /// Nothing where nothing was counted.
    pub counts: Option<SavedCounts>,
    pub marks: Vec<SavedMark>,
    pub errors: Vec<([Label; 3], SavedSeen)>,
    pub tenants: Vec<([Label; 3], SavedSeen)>,
    pub ambiguous: Vec<([Label; 2], SavedSeen)>,
    pub foreign: u64,
    pub tenant_refused: Vec<u64>,
    /// Providers whose unnamed tenants are in a sketch, which is not kept.
    pub folded: Vec<Label>,
    pub last_event: Option<i64>,
}

pub(super) fn millis(at: Option<Millis>) -> Option<i64> {
    at.map(|Millis(at)| at)
}

/// A list by reason as long as this program has reasons; what an older one did not know is 0.
fn by_reason<const N: usize>(saved: &[u64]) -> [u64; N] {
    std::array::from_fn(|place| saved.get(place).copied().unwrap_or(0))
}

pub(super) fn refused(saved: &[u64]) -> [u64; TenantRefusal::ALL.len()] {
    by_reason(saved)
}

impl SavedBirth {
    pub fn of(birth: Birth) -> SavedBirth {
        SavedBirth { number: birth.number.0, at: millis(birth.at) }
    }

    pub fn birth(self) -> Birth {
        Birth { number: Births(self.number), at: self.at.map(Millis) }
    }
}

impl SavedSeen {
    pub fn of(seen: &Seen) -> SavedSeen {
        SavedSeen { count: seen.count, first: millis(seen.first), last: millis(seen.last) }
    }

    pub fn seen(self) -> Seen {
        Seen { count: self.count, first: self.first.map(Millis), last: self.last.map(Millis) }
    }
}

impl SavedInfo {
    pub fn of(info: &CodeInfo) -> SavedInfo {
        let CodeInfo { category, severity, fault, retryable, title, remediation } = info.clone();
        SavedInfo { category, severity, fault, retryable, title, remediation }
    }

    pub fn info(self) -> CodeInfo {
        let SavedInfo { category, severity, fault, retryable, title, remediation } = self;
        CodeInfo { category, severity, fault, retryable, title, remediation }
    }
}

impl SavedCounts {
    pub fn of(counts: &SourceCounts) -> SavedCounts {
        SavedCounts {
            lines: counts.lines,
            bytes: counts.bytes,
            skipped: counts.skipped.to_vec(),
            matched: counts.matched,
            ambiguous_lines: counts.ambiguous_lines,
            foreign_lines: counts.foreign_lines,
            undecodable: counts.undecodable,
            unmatched: counts.unmatched,
            oversized: counts.oversized,
            lost: counts.lost.to_vec(),
            rotations: counts.rotations,
            truncations: counts.truncations,
        }
    }

    pub fn counts(&self) -> SourceCounts {
        SourceCounts {
            lines: self.lines,
            bytes: self.bytes,
            skipped: by_reason::<{ SkipReason::ALL.len() }>(&self.skipped),
            matched: self.matched,
            ambiguous_lines: self.ambiguous_lines,
            foreign_lines: self.foreign_lines,
            undecodable: self.undecodable,
            unmatched: self.unmatched,
            oversized: self.oversized,
            lost: by_reason::<{ LossReason::ALL.len() }>(&self.lost),
            rotations: self.rotations,
            truncations: self.truncations,
        }
    }
}

/// A key as its label values in order.
pub(super) trait SavedKey: Sized {
    type Saved;
    fn saved(&self) -> Self::Saved;
    fn restored(saved: Self::Saved) -> Self;
}

impl SavedKey for ErrorKey {
    type Saved = [Label; 3];

    fn saved(&self) -> [Label; 3] {
        [&self.provider, &self.category, &self.code].map(Label::clone)
    }

    fn restored([provider, category, code]: [Label; 3]) -> Self {
        ErrorKey { provider, category, code }
    }
}

impl SavedKey for TenantKey {
    type Saved = [Label; 3];

    fn saved(&self) -> [Label; 3] {
        [&self.provider, &self.category, &self.tenant].map(Label::clone)
    }

    fn restored([provider, category, tenant]: [Label; 3]) -> Self {
        TenantKey { provider, category, tenant }
    }
}

impl SavedKey for AmbiguousKey {
    type Saved = [Label; 2];

    fn saved(&self) -> [Label; 2] {
        [&self.provider, &self.code].map(Label::clone)
    }

    fn restored([provider, code]: [Label; 2]) -> Self {
        AmbiguousKey { provider, code }
    }
}

fn rows<K: SavedKey>(counts: &Counts<K>) -> Vec<(K::Saved, SavedSeen)> {
    counts.iter().map(|(key, seen)| (key.saved(), SavedSeen::of(seen))).collect()
}

fn counts<K>(rows: Vec<(K::Saved, SavedSeen)>) -> Counts<K>
where
    K: SavedKey + Clone + Eq + std::hash::Hash,
{
    let mut counts = Counts::default();
    rows.into_iter().for_each(|(key, seen)| counts.add(K::restored(key), &seen.seen()));
    counts
}

impl SavedDelta {
    pub fn of(delta: &Delta) -> SavedDelta {
        SavedDelta {
            source: delta.source.clone(),
            counts: (delta.counts != SourceCounts::default()).then(|| SavedCounts::of(&delta.counts)),
            marks: delta.marks.iter().map(|mark| (mark.key.clone(), mark.value.clone())).collect(),
            errors: rows(&delta.errors),
            tenants: rows(&delta.tenants),
            ambiguous: rows(&delta.ambiguous),
            foreign: delta.foreign,
            tenant_refused: delta.tenant_refused.to_vec(),
            folded: delta.tenants_folded.keys().cloned().collect(),
            last_event: millis(delta.last_event),
        }
    }

    pub fn delta(self) -> Delta {
        let marks = self.marks.into_iter().map(|(key, value)| Mark { key, value });
        Delta {
            source: self.source,
            counts: self.counts.map(|saved| saved.counts()).unwrap_or_default(),
            marks: marks.collect(),
            errors: counts(self.errors),
            tenants: counts(self.tenants),
            ambiguous: counts(self.ambiguous),
            foreign: self.foreign,
            tenant_refused: refused(&self.tenant_refused),
            tenants_folded: self.folded.into_iter().map(|provider| (provider, Default::default())).collect(),
            last_event: self.last_event.map(Millis),
            ..Delta::default()
        }
    }
}

/// Only scrapers are known by a name.
pub(super) fn saved_reader(reader: &Reader) -> Option<SavedReader> {
    match reader {
        Reader::Truth => None,
        Reader::Scraper { address, user_agent } => Some((*address, user_agent.clone())),
    }
}

pub(super) fn reader((address, user_agent): SavedReader) -> Reader {
    Reader::Scraper { address, user_agent }
}
