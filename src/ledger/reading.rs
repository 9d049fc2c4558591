//! The truth as rows for people: tables of `scan` and `demo`, totals at the exit.
//!
//! Rows that have counted nothing yet are left out. Keys are label values, that is cleaned of control characters; who
//! prints them on a page still escapes them there.

use std::ops::Bound;

use super::Ledger;
use crate::event::{
    AmbiguousKey, CodeInfo, ErrorKey, Label, Millis, Seen, SourceCounts, TenantKey, TenantRefusal,
};

/// One source and what became of what was read from it.
#[derive(Debug, Clone, Copy)]
pub struct SourceRow<'a> {
    pub name: &'a Label,
    pub counts: &'a SourceCounts,
    pub pending_bytes: u64,
    pub up: bool,
    pub last_event: Option<Millis>,
}

/// Sums over everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// The first tick; with a state directory that of the first process.
    pub since: Option<Millis>,
    /// Of all sources.
    pub counts: SourceCounts,
    /// Matches: verdicts, not lines.
    pub errors: u64,
    /// Ambiguous verdicts.
    pub ambiguous: u64,
    /// Foreign verdicts.
    pub foreign: u64,
    /// Tenant values that did not become a label.
    pub tenants_refused: u64,
    /// Tenants with series of their own.
    pub tenants: u64,
}

impl Ledger {
    pub fn errors(&self) -> impl Iterator<Item = (&ErrorKey, &Seen)> {
        self.errors.rows().iter().map(|row| (&row.key, &row.seen)).filter(|(_, seen)| seen.count > 0)
    }

    pub fn tenants(&self) -> impl Iterator<Item = (&TenantKey, &Seen)> {
        self.tenants.rows().iter().map(|row| (&row.key, &row.seen)).filter(|(_, seen)| seen.count > 0)
    }

    pub fn ambiguous(&self) -> impl Iterator<Item = (&AmbiguousKey, &Seen)> {
        self.ambiguous.rows().iter().map(|row| (&row.key, &row.seen)).filter(|(_, seen)| seen.count > 0)
    }

    /// Foreign verdicts.
    pub fn foreign(&self) -> u64 {
        self.foreign
    }

    /// Every reason with its count, zeros too.
    pub fn tenants_refused(&self) -> impl Iterator<Item = (TenantRefusal, u64)> {
        TenantRefusal::ALL.into_iter().zip(self.tenant_refused)
    }

    pub fn sources(&self) -> impl Iterator<Item = SourceRow<'_>> {
        self.sources.rows().iter().map(|(name, source)| SourceRow {
            name,
            counts: &source.counts,
            pending_bytes: source.standing.pending_bytes,
            up: source.up,
            last_event: source.last_event,
        })
    }

    /// What the catalogue says of a code; nothing of `_unknown` and `_other`.
    pub fn code_info(&self, provider: &Label, code: &Label) -> Option<&CodeInfo> {
        self.code_book.get(&(provider.clone(), code.clone()))
    }

    /// What is kept under keys that begin so, in the order of the keys.
    pub fn marks<'l>(&'l self, prefix: &'l str) -> impl Iterator<Item = (&'l str, &'l [u8])> {
        let from = (Bound::Included(prefix), Bound::Unbounded);
        let marks = self.marks.range::<str, _>(from).map(|(key, value)| (&**key, &**value));
        marks.take_while(move |(key, _)| key.starts_with(prefix))
    }

    pub fn totals(&self) -> Totals {
        let mut totals = Totals {
            since: self.register.started,
            errors: sum(self.errors().map(|(_, seen)| seen.count)),
            ambiguous: sum(self.ambiguous().map(|(_, seen)| seen.count)),
            foreign: self.foreign,
            tenants_refused: sum(self.tenant_refused.into_iter()),
            tenants: self.tenants_admitted.len() as u64,
            ..Totals::default()
        };
        for source in self.sources() {
            totals.counts.merge(source.counts);
        }
        totals
    }
}

fn sum(counts: impl Iterator<Item = u64>) -> u64 {
    counts.fold(0, u64::saturating_add)
}
