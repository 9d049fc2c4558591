//! What waits for the next commit: the deltas of workers, and what scrapers fetched.
//!
//! One delta a source: later ones are merged into it, so that a disk that hangs costs no more than the tables of one delta
//! may hold. Rows that find no room are folded as everywhere; totals stay right.

use std::collections::HashMap;
use std::hash::Hash;

use crate::aggregation;
use crate::event::{AmbiguousKey, Counts, Delta, ErrorKey, Mark, Millis, SourceCounts, TenantKey, reserved};
use crate::ledger::{Births, Reader};

/// Readers whose answers are remembered; a scraper beyond them is shown zeros for longer.
const READERS_MAX: usize = 1_024;

#[derive(Debug, Default)]
pub struct Queue {
    deltas: Vec<Delta>,
    answers: Vec<(Reader, Births)>,
}

impl Queue {
    pub fn deliver(&mut self, delta: Delta) {
        match self.deltas.iter_mut().find(|waiting| waiting.source == delta.source) {
            None => self.deltas.push(delta),
            Some(waiting) => merge(waiting, delta, &aggregation::Limits::default()),
        }
    }

    /// A reader fetched an answer in full.
    pub fn answered(&mut self, reader: Reader, births: Births) {
        if let Some((_, seen)) = self.answers.iter_mut().find(|(waiting, _)| *waiting == reader) {
            *seen = births.max(*seen);
        } else if self.answers.len() < READERS_MAX {
            self.answers.push((reader, births));
        }
    }

    pub fn take(&mut self) -> (Vec<Delta>, Vec<(Reader, Births)>) {
        (std::mem::take(&mut self.deltas), std::mem::take(&mut self.answers))
    }

    /// Whether anything in it would be missed.
    pub fn has_counts(&self) -> bool {
        !self.answers.is_empty() || self.deltas.iter().any(counts)
    }
}

/// Whether it says more than how a source stands.
fn counts(delta: &Delta) -> bool {
    delta.counts != SourceCounts::default()
        || !delta.marks.is_empty()
        || !delta.errors.is_empty()
        || !delta.tenants.is_empty()
        || !delta.ambiguous.is_empty()
        || delta.foreign > 0
        || delta.tenant_refused != [0; 5]
}

fn merge(mine: &mut Delta, mut theirs: Delta, limits: &aggregation::Limits) {
    let other = || reserved::OTHER.into();
    fold(&mine.errors, &mut theirs.errors, limits, |key| ErrorKey { code: other(), ..key });
    fold(&mine.tenants, &mut theirs.tenants, limits, |key| TenantKey { tenant: other(), ..key });
    fold(&mine.ambiguous, &mut theirs.ambiguous, limits, |key| AmbiguousKey { code: other(), ..key });
    if mine.tenants_unmatched.len() + theirs.tenants_unmatched.len() > limits.tenants_max {
        theirs.tenants_unmatched.retain(|tenant, _: &mut Millis| mine.tenants_unmatched.contains_key(tenant));
    }
    mine.merge(theirs);
    compact(&mut mine.marks);
}

/// Rows that `mine` has no room for become one.
fn fold<K: Clone + Eq + Hash>(
    mine: &Counts<K>,
    theirs: &mut Counts<K>,
    limits: &aggregation::Limits,
    folded: impl Fn(K) -> K,
) {
    if mine.len() + theirs.len() <= limits.rows_max {
        return;
    }
    for (key, seen) in std::mem::take(theirs) {
        let is_known = mine.get(&key).is_some();
        theirs.add(if is_known { key } else { folded(key) }, &seen);
    }
}

/// Of marks with one key the last stays.
fn compact(marks: &mut Vec<Mark>) {
    let mut last = HashMap::with_capacity(marks.len());
    for (place, mark) in marks.iter().enumerate() {
        last.insert(mark.key.clone(), place);
    }
    if last.len() < marks.len() {
        let mut place = 0;
        marks.retain(|mark| {
            place += 1;
            last.get(&mark.key) == Some(&(place - 1))
        });
    }
}
