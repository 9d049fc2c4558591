//! One table of series: rows in the order of their birth, found by exact key, limited in number.
//!
//! The index hashes a key and then compares it by value, so that no two label sets ever share a row, whatever their
//! hashes or their joined texts are. A key that finds no room is folded: its last label becomes `_other`, and what was
//! folded is counted. A row is never removed and its place never changes (its place is the number of its birth).

use std::collections::HashMap;
use std::hash::Hash;

use super::births::{Birth, Register};
use super::labels;
use super::saved::{SavedBirth, SavedFamily, SavedKey, SavedSeen};
use crate::event::{AmbiguousKey, ErrorKey, Label, Seen, TenantKey, reserved};

/// Rows of folded keys that may come on top of the limit before providers and categories are folded as well. Only a
/// catalogue with more pairs of them than this gets there.
pub(super) const FOLDED_ROWS_MAX: usize = 1_000;

/// The label set of a series.
pub(super) trait Key: Clone + Eq + Hash {
    fn block(&self) -> Box<str>;
    /// The same with its last label folded.
    fn folded(&self) -> Self;
    fn is_folded(&self) -> bool;
    /// Every label folded.
    fn nobody() -> Self;
}

#[derive(Debug, Clone)]
pub(super) struct Row<K> {
    pub key: K,
    /// See [`labels::block`].
    pub block: Box<str>,
    pub birth: Birth,
    pub seen: Seen,
}

#[derive(Debug, Clone)]
pub(super) struct Family<K> {
    rows: Vec<Row<K>>,
    index: HashMap<K, usize, foldhash::fast::RandomState>,
    rows_max: usize,
    rows_folded: usize,
    /// Counts that went to folded rows.
    overflow: u64,
}

impl<K: Key> Family<K> {
    pub fn new(rows_max: usize) -> Self {
        Family { rows: Vec::new(), index: HashMap::default(), rows_max, rows_folded: 0, overflow: 0 }
    }

    pub fn set_rows_max(&mut self, rows_max: usize) {
        self.rows_max = rows_max;
    }

    pub fn rows(&self) -> &[Row<K>] {
        &self.rows
    }

    pub fn contains(&self, key: &K) -> bool {
        self.index.contains_key(key)
    }

    pub fn overflow(&self) -> u64 {
        self.overflow
    }

    pub fn has_room(&self) -> bool {
        self.rows.len() < self.rows_max
    }

    /// Adds to the key's row, born if there is room for it, else to the row of what is folded. Tells which row it was.
    pub fn add(&mut self, key: K, seen: &Seen, register: &mut Register) -> &Row<K> {
        match self.index.get(&key) {
            Some(&place) => self.add_at(place, seen),
            None if key.is_folded() || !self.has_room() => self.add_folded(key, seen, register),
            None => {
                let place = self.bear(key, register);
                self.add_at(place, seen)
            }
        }
    }

    /// Adds to the row of what is folded, whether or not there is room.
    pub fn add_folded(&mut self, key: K, seen: &Seen, register: &mut Register) -> &Row<K> {
        let mut key = key.folded();
        if self.rows_folded >= FOLDED_ROWS_MAX && !self.index.contains_key(&key) {
            key = K::nobody();
        }
        let place = match self.index.get(&key) {
            Some(&place) => place,
            None => {
                self.rows_folded += 1;
                self.bear(key, register)
            }
        };
        self.add_at(place, seen)
    }

    pub fn saved(&self) -> SavedFamily<K::Saved>
    where
        K: SavedKey,
    {
        let rows = self.rows.iter();
        SavedFamily {
            rows: rows
                .map(|row| (row.key.saved(), SavedBirth::of(row.birth), SavedSeen::of(&row.seen)))
                .collect(),
            rows_folded: self.rows_folded as u64,
            overflow: self.overflow,
        }
    }

    /// `None` where a key has two rows.
    pub fn restored(rows_max: usize, saved: SavedFamily<K::Saved>) -> Option<Self>
    where
        K: SavedKey,
    {
        let mut family = Family::new(rows_max);
        family.rows_folded = usize::try_from(saved.rows_folded).ok()?;
        family.overflow = saved.overflow;
        for (key, birth, seen) in saved.rows {
            let key = K::restored(key);
            if family.index.insert(key.clone(), family.rows.len()).is_some() {
                return None;
            }
            family.rows.push(Row { block: key.block(), key, birth: birth.birth(), seen: seen.seen() });
        }
        Some(family)
    }

    fn bear(&mut self, key: K, register: &mut Register) -> usize {
        let place = self.rows.len();
        self.index.insert(key.clone(), place);
        self.rows.push(Row { block: key.block(), key, birth: register.next(), seen: Seen::default() });
        place
    }

    fn add_at(&mut self, place: usize, seen: &Seen) -> &Row<K> {
        let row = &mut self.rows[place];
        row.seen.merge(seen);
        if row.key.is_folded() {
            self.overflow = self.overflow.saturating_add(seen.count);
        }
        row
    }
}

/// One code of one provider, whatever its category: the key of its attributes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct CodeKey {
    pub provider: Label,
    pub code: Label,
}

fn other() -> Label {
    reserved::OTHER.into()
}

impl Key for ErrorKey {
    fn block(&self) -> Box<str> {
        labels::block(&[("provider", &self.provider), ("category", &self.category), ("code", &self.code)])
    }

    fn folded(&self) -> Self {
        ErrorKey { code: other(), ..self.clone() }
    }

    fn is_folded(&self) -> bool {
        &*self.code == reserved::OTHER
    }

    fn nobody() -> Self {
        ErrorKey { provider: other(), category: other(), code: other() }
    }
}

impl Key for TenantKey {
    fn block(&self) -> Box<str> {
        labels::block(&[("provider", &self.provider), ("category", &self.category), ("tenant", &self.tenant)])
    }

    fn folded(&self) -> Self {
        TenantKey { tenant: other(), ..self.clone() }
    }

    fn is_folded(&self) -> bool {
        &*self.tenant == reserved::OTHER
    }

    fn nobody() -> Self {
        TenantKey { provider: other(), category: other(), tenant: other() }
    }
}

impl Key for AmbiguousKey {
    fn block(&self) -> Box<str> {
        labels::block(&[("provider", &self.provider), ("code", &self.code)])
    }

    fn folded(&self) -> Self {
        AmbiguousKey { code: other(), ..self.clone() }
    }

    fn is_folded(&self) -> bool {
        &*self.code == reserved::OTHER
    }

    fn nobody() -> Self {
        AmbiguousKey { provider: other(), code: other() }
    }
}

impl Key for CodeKey {
    fn block(&self) -> Box<str> {
        labels::block(&[("provider", &self.provider), ("code", &self.code)])
    }

    fn folded(&self) -> Self {
        CodeKey { code: other(), ..self.clone() }
    }

    fn is_folded(&self) -> bool {
        &*self.code == reserved::OTHER
    }

    fn nobody() -> Self {
        CodeKey { provider: other(), code: other() }
    }
}
