//! How many different tenants were seen within a window of time: exact while they are few, estimated when they are many.
//!
//! [`Recent`] keeps when each of the last [`NAMES_MAX`] tenants was seen last. When they are more, the oldest leave in
//! batches, and a sketch that knows all of them answers for windows that reach back to who has left. A ledger has one
//! for each provider and one for all verdicts ([`Windows`]). Time is what deltas say, never later than the last tick.

use std::collections::HashMap;

use super::labels::block;
use crate::event::{Delta, Label, Millis, Sketch, reserved};

/// Tenants up to which a window is exact.
pub(super) const NAMES_MAX: usize = 4_096;
/// How many of them leave at once.
const BATCH: usize = NAMES_MAX / 4;
/// Providers with windows of their own; the rest shares those of `_other`.
pub(super) const PROVIDERS_MAX: usize = 32;

/// The label `window`, and its milliseconds.
pub(super) const WINDOWS: [(&str, i64); 3] = [("5m", 300_000), ("1h", 3_600_000), ("24h", 86_400_000)];

#[derive(Debug, Clone, Default)]
pub(super) struct Recent {
    last: HashMap<Label, Millis, foldhash::fast::RandomState>,
    /// Everybody, since the names were too many for the first time.
    sketch: Option<Sketch>,
    /// Nobody who was seen after this has left, or never had a name here.
    exact_after: Option<Millis>,
}

impl Recent {
    pub fn note(&mut self, tenant: &Label, at: Millis) {
        if let Some(sketch) = &mut self.sketch {
            sketch.note(tenant, at);
        }
        if let Some(last) = self.last.get_mut(tenant) {
            *last = at.max(*last);
            return;
        }
        self.last.insert(tenant.clone(), at);
        if self.last.len() > NAMES_MAX {
            self.let_the_oldest_leave();
        }
    }

    /// Tenants of whom nobody knows the names.
    pub fn merge(&mut self, unnamed: &Sketch) {
        let Some(latest) = unnamed.latest() else { return };
        self.sketch().merge(unnamed);
        // A sketch knows the second only.
        self.exact_after = self.exact_after.max(Some(Millis(latest.0.saturating_add(999))));
    }

    /// Different tenants seen after a time, and up to the last note.
    pub fn since(&self, after: Millis) -> u64 {
        match &self.sketch {
            Some(sketch) if self.exact_after > Some(after) => sketch.estimate(after),
            _ => self.last.values().filter(|last| **last > after).count() as u64,
        }
    }

    #[cfg(test)]
    pub fn names(&self) -> usize {
        self.last.len()
    }

    /// Nobody was seen in the future.
    fn step_back(&mut self, now: Millis) {
        self.last.values_mut().for_each(|last| *last = now.min(*last));
        self.exact_after = self.exact_after.min(Some(now));
        if let Some(sketch) = &mut self.sketch {
            sketch.step_back(now);
        }
    }

    fn sketch(&mut self) -> &mut Sketch {
        self.sketch.get_or_insert_with(|| {
            let mut sketch = Sketch::default();
            self.last.iter().for_each(|(tenant, last)| sketch.note(tenant, *last));
            sketch
        })
    }

    fn let_the_oldest_leave(&mut self) {
        self.sketch();
        let mut times: Vec<Millis> = self.last.values().copied().collect();
        let (.., newest_leaving, _) = times.select_nth_unstable(BATCH - 1);
        let newest_leaving = *newest_leaving;
        // Of those who were seen at that very time some leave and some stay, which makes no difference.
        let mut leaving = BATCH;
        self.last.retain(|_, last| {
            let leaves = leaving > 0 && *last <= newest_leaving;
            leaving -= usize::from(leaves);
            !leaves
        });
        self.exact_after = self.exact_after.max(Some(newest_leaving));
    }
}

/// Tenants by provider whom a matched error hit, and those of any verdict.
#[derive(Debug, Clone)]
pub(super) struct Windows {
    pub affected: Vec<Affected>,
    places: HashMap<Label, usize>,
    active: Recent,
    active_blocks: [Box<str>; WINDOWS.len()],
    /// For a ledger that is not ticked.
    latest: Option<Millis>,
}

#[derive(Debug, Clone)]
pub(super) struct Affected {
    recent: Recent,
    blocks: [Box<str>; WINDOWS.len()],
}

impl Windows {
    pub fn new() -> Windows {
        Windows {
            affected: Vec::new(),
            places: HashMap::new(),
            active: Recent::default(),
            active_blocks: WINDOWS.map(|(window, _)| block(&[("window", window)])),
            latest: None,
        }
    }

    /// Puts a provider on the books: its series are there from now on.
    pub fn open(&mut self, provider: &Label) {
        self.of(provider);
    }

    /// Providers with windows of their own, and `_other`, in the order in which they were opened.
    pub fn opened(&self) -> Vec<Label> {
        let mut names: Vec<(usize, &Label)> =
            self.places.iter().map(|(name, place)| (*place, name)).collect();
        names.sort_unstable();
        names.into_iter().map(|(_, name)| name.clone()).collect()
    }

    /// Empty ones.
    pub fn opening<'n>(names: impl Iterator<Item = &'n Label>) -> Windows {
        let mut windows = Windows::new();
        names.for_each(|name| windows.open(name));
        windows
    }

    /// `now` is the last tick: nothing was seen later.
    pub fn commit(&mut self, delta: &mut Delta, now: Option<Millis>) {
        let not_later = |at: Millis| now.map_or(at, |now| now.min(at));
        for (key, seen) in delta.tenants.iter() {
            let is_named = ![reserved::NO_TENANT, reserved::OTHER].contains(&&*key.tenant);
            if let Some(at) = seen.last.filter(|_| is_named).map(not_later) {
                self.of(&key.provider).note(&key.tenant, at);
                self.active.note(&key.tenant, at);
                self.latest = self.latest.max(Some(at));
            }
        }
        for (tenant, at) in delta.tenants_unmatched.drain() {
            let at = not_later(at);
            self.active.note(&tenant, at);
            self.latest = self.latest.max(Some(at));
        }
        for (provider, mut sketch) in std::mem::take(&mut delta.tenants_folded) {
            if let Some(now) = now {
                sketch.step_back(now);
            }
            if &*provider != reserved::OPEN {
                self.of(&provider).merge(&sketch);
            }
            self.active.merge(&sketch);
            self.latest = self.latest.max(sketch.latest());
        }
    }

    /// The clock stepped back.
    pub fn step_back(&mut self, now: Millis) {
        self.active.step_back(now);
        self.affected.iter_mut().for_each(|affected| affected.recent.step_back(now));
    }

    /// Label blocks and how many tenants, at the time of the last tick, or of the last note without one.
    pub fn active(&self, now: Option<Millis>) -> impl Iterator<Item = (&str, u64)> {
        counts(&self.active_blocks, &self.active, now.or(self.latest))
    }

    /// The same by provider, in the order in which they were opened.
    pub fn affected(&self, now: Option<Millis>) -> impl Iterator<Item = (&str, u64)> {
        let now = now.or(self.latest);
        self.affected.iter().flat_map(move |affected| counts(&affected.blocks, &affected.recent, now))
    }

    fn of(&mut self, provider: &Label) -> &mut Recent {
        let mut place = self.places.get(provider).copied();
        if place.is_none() {
            let is_full = self.affected.len() >= PROVIDERS_MAX;
            let name = if is_full { reserved::OTHER.into() } else { provider.clone() };
            place = Some(*self.places.entry(name).or_insert_with_key(|name| {
                let blocks = WINDOWS.map(|(window, _)| block(&[("provider", name), ("window", window)]));
                self.affected.push(Affected { recent: Recent::default(), blocks });
                self.affected.len() - 1
            }));
        }
        &mut self.affected[place.expect("found or made above")].recent
    }
}

fn counts<'w>(
    blocks: &'w [Box<str>; WINDOWS.len()],
    recent: &'w Recent,
    now: Option<Millis>,
) -> impl Iterator<Item = (&'w str, u64)> {
    blocks.iter().zip(WINDOWS).map(move |(block, (_, millis))| {
        let count = now.map_or(0, |Millis(now)| recent.since(Millis(now.saturating_sub(millis))));
        (&**block, count)
    })
}
