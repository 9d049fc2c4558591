//! What was read per source and what became of it; one row a source, in the order of their names.
//!
//! Sources come from settings, not from input, but a glob or a topic list may name many: their number is limited too,
//! and those without room share the row `_other`.

use std::collections::BTreeMap;

use super::births::{Birth, Register};
use super::labels;
use super::saved::{SavedBirth, SavedCounts, SavedSource, millis};
use super::view::Value;
use crate::aggregation::clean_name;
use crate::event::{Delta, Label, LossReason, Millis, SkipReason, SourceCounts, Standing, reserved};

#[derive(Debug, Clone)]
pub(super) struct Source {
    pub block: Box<str>,
    /// The row of all who found no room.
    is_shared: bool,
    /// By [`SkipReason`] in the order of `ALL`.
    pub skipped_blocks: [Box<str>; SkipReason::ALL.len()],
    /// By [`LossReason`] in the order of `ALL`.
    pub lost_blocks: [Box<str>; LossReason::ALL.len()],
    /// Of all of its counters.
    pub birth: Birth,
    pub counts: SourceCounts,
    pub standing: Standing,
    pub up: bool,
    pub last_event: Option<Millis>,
    /// The tick before its last delta.
    pub committed: Option<Millis>,
}

impl Source {
    fn new(source: &Label, birth: Birth) -> Source {
        Source {
            block: labels::block(&[("source", source)]),
            is_shared: &**source == reserved::OTHER,
            skipped_blocks: SkipReason::ALL
                .map(|reason| labels::block(&[("source", source), ("reason", reason.name())])),
            lost_blocks: LossReason::ALL
                .map(|reason| labels::block(&[("source", source), ("reason", reason.name())])),
            birth,
            counts: SourceCounts::default(),
            standing: Standing::default(),
            up: true,
            last_event: None,
            committed: None,
        }
    }

    /// A value of this source at present; none of those that share a row, which have one each.
    pub fn gauge(&self, value: u64) -> Option<Value> {
        (!self.is_shared).then_some(Value::Whole(value))
    }
}

#[derive(Debug, Clone)]
pub(super) struct Sources {
    rows: BTreeMap<Label, Source>,
    sources_max: usize,
}

impl Sources {
    pub fn new(sources_max: usize) -> Sources {
        Sources { rows: BTreeMap::new(), sources_max }
    }

    pub fn set_sources_max(&mut self, sources_max: usize) {
        self.sources_max = sources_max;
    }

    /// Lines of sources that found no room.
    pub fn overflow(&self) -> u64 {
        self.rows.get(reserved::OTHER).map_or(0, |other| other.counts.lines)
    }

    pub fn rows(&self) -> &BTreeMap<Label, Source> {
        &self.rows
    }

    /// The row of a source as it is configured; born if need be.
    pub fn named(&mut self, source: &str, register: &mut Register) -> &mut Source {
        self.row(clean_name(source), register)
    }

    pub fn commit(&mut self, delta: &Delta, register: &mut Register) {
        let now = register.now;
        let source = self.row(delta.source.clone(), register);
        source.counts.merge(&delta.counts);
        source.standing = delta.standing;
        source.committed = now;
        source.last_event = source.last_event.max(delta.last_event);
    }

    fn row(&mut self, mut source: Label, register: &mut Register) -> &mut Source {
        if self.rows.len() >= self.sources_max && !self.rows.contains_key(&source) {
            source = reserved::OTHER.into();
        }
        self.rows.entry(source).or_insert_with_key(|source| Source::new(source, register.next()))
    }

    pub fn saved(&self) -> Vec<SavedSource> {
        let rows = self.rows.iter().map(|(name, source)| SavedSource {
            name: name.clone(),
            birth: SavedBirth::of(source.birth),
            counts: SavedCounts::of(&source.counts),
            last_event: millis(source.last_event),
            committed: millis(source.committed),
        });
        rows.collect()
    }

    pub fn restored(sources_max: usize, saved: Vec<SavedSource>) -> Sources {
        let rows = saved.into_iter().map(|saved| {
            let mut source = Source::new(&saved.name, saved.birth.birth());
            source.counts = saved.counts.counts();
            source.last_event = saved.last_event.map(Millis);
            source.committed = saved.committed.map(Millis);
            (saved.name, source)
        });
        Sources { rows: rows.collect(), sources_max }
    }

    /// Nobody reads any of them until it is opened.
    pub fn forget_levels(&mut self) {
        for source in self.rows.values_mut() {
            (source.up, source.standing) = (false, Standing::default());
        }
    }

    /// Is up where the other's are, and has their rows.
    pub fn follow(&mut self, other: &Sources, register: &mut Register) {
        for (name, theirs) in &other.rows {
            self.row(name.clone(), register).up = theirs.up;
        }
    }
}
