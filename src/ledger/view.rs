//! The truth as metric families, for an encoder that knows a text format and nothing of what it writes.
//!
//! Families come sorted by name, series in the order of their birth, label blocks ready. Their names and
//! meanings stand in `heads`. Another format is another [`Encoder`]. What a scraper
//! has not seen at 0 yet it is shown at 0 (see `scrapers`): one comparison of numbers for each counter.

use super::Ledger;
use super::births::{Birth, Births};
use super::family::{Family, Key, Row};
use super::heads::*;
use super::labels::block;
use super::sources::Source;
use crate::event::{Millis, SkipReason, TenantRefusal};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    Whole(u64),
    /// A point in time, exposed in seconds.
    Time(Millis),
}

/// A text format.
pub trait Encoder {
    /// The samples that follow belong to this family. A family without samples may be left out.
    fn family(&mut self, head: Head);
    /// `block` is empty or `{name="value",…}`, escaped.
    fn sample(&mut self, block: &str, value: Value);
    /// The counter of the sample just given was born then, to the second.
    fn created(&mut self, _block: &str, _born: Millis) {}
}

/// Rows of `faultline_series`, and of `faultline_label_overflow_total`.
pub(super) const TABLES: usize = 5;
pub(super) const OVERFLOWS: usize = 4;

impl Ledger {
    /// Walks all families; counters that were born after `shown` are shown as 0. The truth does not change meanwhile:
    /// the caller holds it.
    pub fn encode(&self, shown: Births, to: &mut impl Encoder) {
        let to = &mut Out { to, shown, started: self.register.started };
        self.encode_ambiguous_to_bytes(to);
        self.encode_catalogue(to);
        self.encode_codes(to);
        to.family(ERRORS);
        rows(to, &self.errors);
        self.encode_foreign_to_pending(to);
        self.encode_series(to);
        self.encode_skipped_to_up(to);
        to.family(TENANT_ERRORS);
        rows(to, &self.tenants);
        to.family(TENANT_REJECTED);
        for (reason, count) in TenantRefusal::ALL.into_iter().zip(self.tenant_refused) {
            to.count(&block(&[("reason", reason.name())]), count, self.own_birth);
        }
        to.family(TENANTS_ACTIVE);
        self.windows
            .active(self.register.now)
            .for_each(|(block, count)| to.gauge(block, Value::Whole(count)));
        to.family(TENANTS_AFFECTED);
        self.windows
            .affected(self.register.now)
            .for_each(|(block, count)| to.gauge(block, Value::Whole(count)));
        self.count_per_source(to, UNDECODABLE, |source| source.counts.undecodable);
        self.count_per_source(to, UNMATCHED, |source| source.counts.unmatched);
    }

    fn encode_ambiguous_to_bytes(&self, to: &mut Out<'_, impl Encoder>) {
        self.count_per_source(to, AMBIGUOUS_LINES, |source| source.counts.ambiguous_lines);
        to.family(AMBIGUOUS);
        rows(to, &self.ambiguous);
        self.count_per_source(to, BYTES, |source| source.counts.bytes);
    }

    fn encode_catalogue(&self, to: &mut Out<'_, impl Encoder>) {
        to.family(CATALOGUE_INFO);
        self.catalogue_block.iter().for_each(|block| to.gauge(block, Value::Whole(1)));
    }

    fn encode_codes(&self, to: &mut Out<'_, impl Encoder>) {
        to.family(CODE_INFO);
        self.code_info_blocks.iter().flatten().for_each(|block| to.gauge(block, Value::Whole(1)));
        to.family(FIRST_SEEN);
        self.codes.rows().iter().for_each(|row| time(to, &row.block, row.seen.first));
        to.family(LAST_SEEN);
        self.codes.rows().iter().for_each(|row| time(to, &row.block, row.seen.last));
    }

    fn encode_foreign_to_pending(&self, to: &mut Out<'_, impl Encoder>) {
        self.count_per_source(to, FOREIGN_LINES, |source| source.counts.foreign_lines);
        to.family(FOREIGN);
        to.count("", self.foreign, self.own_birth);
        to.family(OVERFLOW);
        let overflows: [_; OVERFLOWS] = [
            (AMBIGUOUS.name, "code", self.ambiguous.overflow()),
            (ERRORS.name, "code", self.errors.overflow()),
            (TENANT_ERRORS.name, "tenant", self.tenants.overflow()),
            (LINES.name, "source", self.sources.overflow()),
        ];
        for (metric, label, count) in overflows {
            to.count(&block(&[("metric", metric), ("label", label)]), count, self.own_birth);
        }
        to.family(LABEL_VALUES);
        to.gauge(r#"{label="tenant"}"#, Value::Whole(self.tenants_admitted.len() as u64));
        to.family(LABEL_VALUES_LIMIT);
        to.gauge(r#"{label="tenant"}"#, Value::Whole(self.limits.tenants_max as u64));
        self.count_per_source(to, LINES, |source| source.counts.lines);
        self.count_per_source(to, MATCHED, |source| source.counts.matched);
        self.count_per_source(to, OVERSIZED, |source| source.counts.oversized);
        self.per_source(to, PENDING, |source| source.gauge(source.standing.pending_bytes));
    }

    fn encode_series(&self, to: &mut Out<'_, impl Encoder>) {
        let series_max = self.limits.series_max;
        let tables: [_; TABLES] = [
            (AMBIGUOUS.name, self.ambiguous.rows().len(), series_max),
            (LAST_SEEN.name, self.codes.rows().len(), series_max),
            (ERRORS.name, self.errors.rows().len(), series_max),
            (LINES.name, self.sources.rows().len(), self.limits.sources_max),
            (TENANT_ERRORS.name, self.tenants.rows().len(), series_max),
        ];
        to.family(SERIES);
        for (metric, series, _) in tables {
            to.gauge(&block(&[("metric", metric)]), Value::Whole(series as u64));
        }
        to.family(SERIES_LIMIT);
        for (metric, _, limit) in tables {
            to.gauge(&block(&[("metric", metric)]), Value::Whole(limit as u64));
        }
    }

    fn encode_skipped_to_up(&self, to: &mut Out<'_, impl Encoder>) {
        to.family(SKIPPED);
        for source in self.sources.rows().values() {
            for (place, block) in source.skipped_blocks.iter().enumerate().take(SkipReason::ALL.len()) {
                to.count(block, source.counts.skipped[place], source.birth);
            }
        }
        self.encode_source(to);
    }

    fn encode_source(&self, to: &mut Out<'_, impl Encoder>) {
        self.per_source(to, BEHIND, |source| source.gauge(source.standing.files.behind_bytes));
        self.per_source(to, FILES, |source| source.gauge(source.standing.files.followed));
        self.per_source(to, LAST_EVENT, |source| source.last_event.map(Value::Time));
        self.per_source(to, LAST_READ, |source| source.standing.last_read.map(Value::Time));
        to.family(LOST);
        for source in self.sources.rows().values() {
            for (block, count) in source.lost_blocks.iter().zip(source.counts.lost) {
                to.count(block, count, source.birth);
            }
        }
        self.per_source(to, OPEN_FILES, |source| source.gauge(source.standing.files.open));
        self.per_source(to, POSITION, |source| source.committed.map(Value::Time));
        self.count_per_source(to, ROTATIONS, |source| source.counts.rotations);
        self.count_per_source(to, TRUNCATIONS, |source| source.counts.truncations);
        self.per_source(to, UNREADABLE, |source| source.gauge(source.standing.files.unreadable));
        self.per_source(to, UP, |source| source.gauge(source.up.into()));
    }

    fn count_per_source(&self, to: &mut Out<'_, impl Encoder>, head: Head, count: impl Fn(&Source) -> u64) {
        to.family(head);
        for source in self.sources.rows().values() {
            to.count(&source.block, count(source), source.birth);
        }
    }

    fn per_source(
        &self,
        to: &mut Out<'_, impl Encoder>,
        head: Head,
        value: impl Fn(&Source) -> Option<Value>,
    ) {
        to.family(head);
        for source in self.sources.rows().values() {
            if let Some(value) = value(source) {
                to.gauge(&source.block, value);
            }
        }
    }
}

/// An encoder, and who is to see what it writes.
struct Out<'e, E> {
    to: &'e mut E,
    shown: Births,
    started: Option<Millis>,
}

impl<E: Encoder> Out<'_, E> {
    fn family(&mut self, head: Head) {
        self.to.family(head);
    }

    fn gauge(&mut self, block: &str, value: Value) {
        self.to.sample(block, value);
    }

    fn count(&mut self, block: &str, count: u64, birth: Birth) {
        self.to.sample(block, Value::Whole(birth.shows(count, self.shown)));
        if let Some(born) = birth.at.or(self.started) {
            self.to.created(block, born);
        }
    }
}

fn rows<K: Key>(to: &mut Out<'_, impl Encoder>, family: &Family<K>) {
    for Row { block, birth, seen, .. } in family.rows() {
        to.count(block, seen.count, *birth);
    }
}

fn time(to: &mut Out<'_, impl Encoder>, block: &str, time: Option<Millis>) {
    if let Some(time) = time {
        to.gauge(block, Value::Time(time));
    }
}
