//! The truth as metric families, for an encoder that knows a text format and nothing of what it writes.
//!
//! Families come sorted by name, series in the order of their birth, label blocks ready. The names, types and meanings
//! of everything that is counted from input stand in this file. Another format is another [`Encoder`]. What a scraper
//! has not seen at 0 yet it is shown at 0 (see `scrapers`): one comparison of numbers for each counter.

use super::Ledger;
use super::births::{Birth, Births};
use super::family::{Family, Key, Row};
use super::labels::block;
use super::sources::Source;
use crate::event::{Millis, SkipReason, TenantRefusal};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
}

/// A metric family without its samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    pub name: &'static str,
    pub kind: Kind,
    pub help: &'static str,
}

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

const ERRORS: &str = "faultline_errors_total";
const TENANT_ERRORS: &str = "faultline_tenant_errors_total";
const AMBIGUOUS: &str = "faultline_ambiguous_total";

const fn counter(name: &'static str, help: &'static str) -> Head {
    Head { name, kind: Kind::Counter, help }
}

const fn gauge(name: &'static str, help: &'static str) -> Head {
    Head { name, kind: Kind::Gauge, help }
}

impl Ledger {
    /// Walks all families; counters that were born after `shown` are shown as 0. The truth does not change meanwhile:
    /// the caller holds it.
    pub fn encode(&self, shown: Births, to: &mut impl Encoder) {
        let to = &mut Out { to, shown, started: self.register.started };
        self.encode_ambiguous_to_bytes(to);
        self.encode_codes(to);
        to.family(counter(ERRORS, "Errors that were matched to one code of one provider."));
        rows(to, &self.errors);
        self.encode_foreign_to_pending(to);
        self.encode_series(to);
        self.encode_skipped_to_up(to);
        to.family(counter(TENANT_ERRORS, "Matched errors by the tenant that they hit."));
        rows(to, &self.tenants);
        to.family(counter(
            "faultline_tenant_rejected_total",
            "Records whose tenant value did not become a label, by reason.",
        ));
        for (reason, count) in TenantRefusal::ALL.into_iter().zip(self.tenant_refused) {
            to.count(&block(&[("reason", reason.name())]), count, self.own_birth);
        }
        self.count_per_source(to, UNDECODABLE, |source| source.counts.undecodable);
        self.count_per_source(to, UNMATCHED, |source| source.counts.unmatched);
    }

    fn encode_ambiguous_to_bytes(&self, to: &mut Out<'_, impl Encoder>) {
        self.count_per_source(to, AMBIGUOUS_LINES, |source| source.counts.ambiguous_lines);
        to.family(counter(
            AMBIGUOUS,
            "Errors whose provider or code is not settled; the unsettled part is _open.",
        ));
        rows(to, &self.ambiguous);
        self.count_per_source(to, BYTES, |source| source.counts.bytes);
    }

    fn encode_codes(&self, to: &mut Out<'_, impl Encoder>) {
        to.family(gauge("faultline_code_info", "Attributes of each code that was seen; the value is 1."));
        self.code_info_blocks.iter().for_each(|block| to.gauge(block, Value::Whole(1)));
        to.family(gauge("faultline_error_first_seen_timestamp_seconds", "When a code was seen first."));
        self.codes.rows().iter().for_each(|row| time(to, &row.block, row.seen.first));
        to.family(gauge("faultline_error_last_seen_timestamp_seconds", "When a code was seen last."));
        self.codes.rows().iter().for_each(|row| time(to, &row.block, row.seen.last));
    }

    fn encode_foreign_to_pending(&self, to: &mut Out<'_, impl Encoder>) {
        self.count_per_source(to, FOREIGN_LINES, |source| source.counts.foreign_lines);
        to.family(counter(
            "faultline_foreign_total",
            "Look-alike errors of somebody whose catalogue is not loaded.",
        ));
        to.count("", self.foreign, self.own_birth);
        to.family(counter(
            "faultline_label_overflow_total",
            "Counts that found no room under their own label value and went to _other.",
        ));
        for (metric, label, count) in [
            (AMBIGUOUS, "code", self.ambiguous.overflow()),
            (ERRORS, "code", self.errors.overflow()),
            (TENANT_ERRORS, "tenant", self.tenants.overflow()),
        ] {
            to.count(&block(&[("metric", metric), ("label", label)]), count, self.own_birth);
        }
        self.count_per_source(to, LINES, |source| source.counts.lines);
        self.count_per_source(to, MATCHED, |source| source.counts.matched);
        self.count_per_source(to, OVERSIZED, |source| source.counts.oversized);
        self.per_source(to, PENDING, |source| Some(Value::Whole(source.pending_bytes)));
    }

    fn encode_series(&self, to: &mut Out<'_, impl Encoder>) {
        to.family(gauge("faultline_series", "Series of a limited metric."));
        for (metric, series) in [
            (AMBIGUOUS, self.ambiguous.rows().len()),
            (ERRORS, self.errors.rows().len()),
            (TENANT_ERRORS, self.tenants.rows().len()),
        ] {
            to.gauge(&block(&[("metric", metric)]), Value::Whole(series as u64));
        }
        to.family(gauge(
            "faultline_series_limit",
            "Series that a limited metric may have before _other takes the rest.",
        ));
        for metric in [AMBIGUOUS, ERRORS, TENANT_ERRORS] {
            to.gauge(&block(&[("metric", metric)]), Value::Whole(self.limits.series_max as u64));
        }
    }

    fn encode_skipped_to_up(&self, to: &mut Out<'_, impl Encoder>) {
        to.family(counter("faultline_skipped_bytes_total", "Bytes read and not looked at, by reason."));
        for source in self.sources.rows().values() {
            for (place, block) in source.skipped_blocks.iter().enumerate().take(SkipReason::ALL.len()) {
                to.count(block, source.counts.skipped[place], source.birth);
            }
        }
        self.per_source(to, LAST_EVENT, |source| source.last_event.map(Value::Time));
        self.per_source(to, UP, |source| Some(Value::Whole(source.up.into())));
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

const AMBIGUOUS_LINES: Head =
    counter("faultline_ambiguous_lines_total", "Records with an ambiguous error and no matched one.");
const BYTES: Head = counter("faultline_bytes_total", "Bytes read.");
const FOREIGN_LINES: Head = counter("faultline_foreign_lines_total", "Records with foreign errors only.");
const LINES: Head = counter("faultline_lines_total", "Physical lines; records where a source has no lines.");
const MATCHED: Head =
    counter("faultline_matched_total", "Records with a matched error, counted at their first line.");
const OVERSIZED: Head = counter("faultline_oversized_total", "Lines that were cut at the line limit.");
const PENDING: Head = gauge("faultline_pending_bytes", "Bytes read whose record is not complete yet.");
const LAST_EVENT: Head = gauge(
    "faultline_source_last_event_timestamp_seconds",
    "When the last record with an error arrived or says it was written.",
);
const UP: Head = gauge("faultline_source_up", "1 when the source can be read, else 0.");
const UNDECODABLE: Head =
    counter("faultline_undecodable_total", "Lines that the source could not turn into text.");
const UNMATCHED: Head =
    counter("faultline_unmatched_total", "Lines without an error, and further lines of records.");

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
