//! What waits for the next commit: the deltas of workers, and what scrapers fetched.
//!
//! One delta a source: later ones are merged into it, so that a disk that hangs costs no more than the tables of one delta
//! may hold. Rows that find no room are folded as everywhere; totals stay right.

use std::collections::HashMap;
use std::hash::Hash;

use crate::aggregation;
use crate::event::{AmbiguousKey, Counts, Delta, ErrorKey, Mark, Millis, TenantKey, reserved};
use crate::ledger::{Births, Reader};

/// Readers whose answers are remembered; a scraper beyond them is shown zeros for longer.
const READERS_MAX: usize = 1_024;

#[derive(Debug, Default)]
pub struct Queue {
    deltas: Vec<Delta>,
    answers: Vec<(Reader, Births)>,
    /// How many deltas were ever delivered, and how many of them had been when they were taken last.
    delivered: u64,
    taken: u64,
}

impl Queue {
    /// Gives the number of the delta, from 1: it was taken when [`Queue::taken`] is no less.
    pub fn deliver(&mut self, delta: Delta) -> u64 {
        self.delivered += 1;
        match self.deltas.iter_mut().find(|waiting| waiting.source == delta.source) {
            None => self.deltas.push(delta),
            Some(waiting) => merge(waiting, delta, &aggregation::Limits::default()),
        }
        self.delivered
    }

    /// The number of the last delta that was taken.
    pub fn taken(&self) -> u64 {
        self.taken
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
        self.taken = self.delivered;
        (std::mem::take(&mut self.deltas), std::mem::take(&mut self.answers))
    }

    /// Whether anything in it would be missed.
    pub fn has_counts(&self) -> bool {
        !self.answers.is_empty()
            || self.deltas.iter().any(|delta| delta.has_counts() || !delta.marks.is_empty())
    }
}

/// Adds what was counted later. Rows that find no room become one; totals stay right.
pub fn merge_bounded(mine: &mut Delta, theirs: Delta) {
    merge(mine, theirs, &aggregation::Limits::default());
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
