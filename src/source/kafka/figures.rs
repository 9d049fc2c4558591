//! What is exposed of a Kafka source: levels and counts of the process's own life, as metric families.
//!
//! Errors of providers are none of it: those are counted in the ledger. Labels are bounded: topics and partitions are
//! those that are assigned (`per_partition: false` leaves them out), codes and reasons are of short lists. Lag is counted
//! from the position, to where a reader of committed transactions has to stop, and never taken from librdkafka.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::reports::{Reports, Snapshot};
use crate::positions::{DropReason, ResetReason, Saved, TopicPartition};
use crate::telemetry::Gathered;

/// Of one consumer, as its worker knows it. Times are seconds since 1970 unless they say otherwise.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    pub records: u64,
    pub bytes: u64,
    pub tombstones: u64,
    /// By reason.
    pub undecodable: BTreeMap<&'static str, u64>,
    /// By what it was: `assign`, `revoke`, `lost`.
    pub rebalances: BTreeMap<&'static str, u64>,
    /// By `ok` or librdkafka's name of the error.
    pub commits: BTreeMap<String, u64>,
    pub corrupt_batches: u64,
    /// Records that came again although they lie before the position, and were left out.
    pub refused_records: u64,
    /// When offsets were accepted last, while there was something to accept.
    pub committed_at: f64,
    pub polled_at: f64,
    pub partitions: BTreeMap<TopicPartition, PartitionFigures>,
    /// By topic and partition and kept when it goes to somebody else: what is lost stays lost.
    pub lost_records: BTreeMap<TopicPartition, u64>,
    /// By reason.
    pub resets: BTreeMap<&'static str, u64>,
    /// Pending counts that another owner will count, by reason.
    pub pending_dropped: BTreeMap<&'static str, u64>,
}

/// Of a partition that is assigned.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct PartitionFigures {
    pub position: i64,
    pub committed: Option<i64>,
    pub log_start: Option<i64>,
    pub log_end: Option<i64>,
    /// Records between the position and the end, if the end is known.
    pub lag: Option<u64>,
    pub committed_lag: Option<u64>,
    /// How old the last record was when it was read; 0 without lag.
    pub time_lag_seconds: f64,
    /// Read and counted, and not accepted by the group yet.
    pub pending_records: u64,
    pub is_stalled: bool,
}

impl Figures {
    /// What outlives the process, of all partitions of the ledger.
    pub fn show_saved(&mut self, saved: &[(TopicPartition, Saved)]) {
        self.lost_records.clear();
        let (mut resets, mut dropped) = (BTreeMap::new(), BTreeMap::new());
        for (at, Saved { state, .. }) in saved {
            if state.lost_records > 0 {
                self.lost_records.insert(at.clone(), state.lost_records);
            }
            for (reason, count) in ResetReason::ALL.iter().zip(state.resets) {
                *resets.entry(reason.name()).or_default() += count;
            }
            for (reason, count) in DropReason::ALL.iter().zip(state.dropped) {
                *dropped.entry(reason.name()).or_default() += count;
            }
        }
        (self.resets, self.pending_dropped) = (resets, dropped);
    }
}

/// What one consumer shows.
#[derive(Debug)]
pub struct Panel {
    pub reports: Arc<Reports>,
    figures: Mutex<Figures>,
}

impl Panel {
    pub fn new(reports: Arc<Reports>) -> Panel {
        Panel { reports, figures: Mutex::default() }
    }

    pub fn figures(&self) -> MutexGuard<'_, Figures> {
        self.figures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The consumers of one source.
#[derive(Debug, Clone)]
pub struct Panels {
    /// The value of the label `source`.
    pub source: String,
    pub per_partition: bool,
    pub consumers: Vec<Arc<Panel>>,
}

impl Panels {
    /// Why nothing flows, if nothing does: a source is as well as its worst consumer.
    pub fn why_not(&self) -> Option<String> {
        self.consumers.iter().find_map(|panel| panel.reports.why_not())
    }

    /// All families, at the time `now` in seconds since 1970.
    pub fn gather(&self, now: f64) -> Vec<Gathered> {
        let consumers: Vec<(Figures, Snapshot)> =
            self.consumers.iter().map(|panel| (panel.figures().clone(), panel.reports.snapshot())).collect();
        let mut sheet = Sheet { source: &self.source, families: Vec::new() };
        self.counters(&consumers, &mut sheet);
        self.levels(&consumers, now, &mut sheet);
        self.partitions(&consumers, &mut sheet);
        sheet.families
    }

    fn counters(&self, consumers: &[(Figures, Snapshot)], sheet: &mut Sheet<'_>) {
        let sum =
            |of: fn(&Figures) -> u64| consumers.iter().map(|(figures, _)| of(figures)).sum::<u64>() as f64;
        sheet.counter("records_total", "Records read.", sum(|f| f.records));
        sheet.counter("bytes_total", "Bytes of the values of records read.", sum(|f| f.bytes));
        let tombstones = [("tombstone", sum(|f| f.tombstones))];
        sheet.by("skipped_records_total", "Records without a value, passed over.", "reason", tombstones);
        sheet.counter(
            "refused_records_total",
            "Records that came again from before the position, and were left out.",
            sum(|f| f.refused_records),
        );
        sheet.counter("corrupt_batches_total", "Batches that cannot be read.", sum(|f| f.corrupt_batches));
        let named = |of: fn(&Figures) -> &BTreeMap<&'static str, u64>, known: &[&'static str]| {
            let mut sums: BTreeMap<&str, f64> = known.iter().map(|name| (*name, 0.0)).collect();
            for (name, count) in consumers.iter().flat_map(|(figures, _)| of(figures)) {
                *sums.entry(name).or_default() += *count as f64;
            }
            sums
        };
        sheet.by(
            "decode_errors_total",
            "Records that cannot be taken apart as configured.",
            "reason",
            named(|f| &f.undecodable, &["confluent_wire", "compressed", "json_array"]),
        );
        sheet.by(
            "rebalances_total",
            "Changes of what is assigned to this process.",
            "kind",
            named(|f| &f.rebalances, &["assign", "revoke", "lost"]),
        );
        sheet.by(
            "offset_resets_total",
            "Partitions whose position was given up for another, by reason.",
            "reason",
            named(|f| &f.resets, &ResetReason::ALL.map(ResetReason::name)),
        );
        sheet.by(
            "pending_dropped_total",
            "Pending counts that were given up because another owner counts them, in records.",
            "reason",
            named(|f| &f.pending_dropped, &DropReason::ALL.map(DropReason::name)),
        );
        let mut commits: BTreeMap<&str, f64> = BTreeMap::from([("ok", 0.0)]);
        let mut errors: BTreeMap<&str, f64> = BTreeMap::new();
        for (figures, snapshot) in consumers {
            figures.commits.iter().for_each(|(name, n)| *commits.entry(name).or_default() += *n as f64);
            snapshot.errors.iter().for_each(|(name, n)| *errors.entry(name).or_default() += *n as f64);
        }
        sheet.by("commits_total", "Offsets sent to the group, by what it answered.", "result", commits);
        sheet.by("broker_errors_total", "Errors of the client and of brokers.", "code", errors);
        let refusals = consumers.iter().map(|(_, snapshot)| snapshot.refusals).sum::<u64>();
        sheet.counter("auth_failures_total", "Times that we were refused.", refusals as f64);
    }

    fn levels(&self, consumers: &[(Figures, Snapshot)], now: f64, sheet: &mut Sheet<'_>) {
        let most = |of: &dyn Fn(&(Figures, Snapshot)) -> f64| consumers.iter().map(of).fold(0.0, f64::max);
        let sum = |of: &dyn Fn(&(Figures, Snapshot)) -> f64| consumers.iter().map(of).sum::<f64>();
        let age = |at: f64| if at > 0.0 { (now - at).max(0.0) } else { 0.0 };
        let flag = |is: bool| f64::from(u8::from(is));
        let of_queues = |(_, s): &(Figures, Snapshot)| {
            s.statistics.partitions.values().fold((0, 0), |(records, bytes), one| {
                (records + one.queued_records, bytes + one.queued_bytes)
            })
        };
        sheet.gauge(
            "up",
            "1 where data can flow: brokers answer, the group is joined, nothing is refused.",
            flag(self.why_not().is_none()),
        );
        sheet.gauge(
            "brokers_up",
            "Brokers that are connected.",
            most(&|(_, s)| s.statistics.brokers_up as f64),
        );
        sheet.gauge(
            "broker_rtt_seconds",
            "Mean round trip to the slowest broker.",
            most(&|(_, s)| s.statistics.round_trip_seconds),
        );
        sheet.gauge(
            "assigned_partitions",
            "Partitions that this process reads.",
            sum(&|(f, _)| f.partitions.len() as f64),
        );
        sheet.gauge(
            "stalled_partitions",
            "Partitions with records to read and no progress.",
            sum(&|(f, _)| f.partitions.values().filter(|one| one.is_stalled).count() as f64),
        );
        sheet.gauge("fetch_queue_records", "Records read ahead.", sum(&|one| of_queues(one).0 as f64));
        sheet.gauge("fetch_queue_bytes", "Their bytes.", sum(&|one| of_queues(one).1 as f64));
        sheet.gauge(
            "commit_age_seconds",
            "Since the group accepted offsets last; 0 where there is nothing to accept.",
            most(&|(f, _)| age(f.committed_at)),
        );
        sheet.gauge(
            "poll_age_seconds",
            "Since the client was polled last.",
            most(&|(f, _)| age(f.polled_at)),
        );
        sheet.gauge(
            "topic_missing",
            "1 where a topic that is asked for is not there.",
            flag(consumers.iter().any(|(_, s)| s.is_topic_missing)),
        );
        sheet.gauge(
            "fatal",
            "1 where the client has failed for good.",
            flag(consumers.iter().any(|(_, s)| s.is_fatal)),
        );
    }

    fn partitions(&self, consumers: &[(Figures, Snapshot)], sheet: &mut Sheet<'_>) {
        let all = || consumers.iter().flat_map(|(figures, _)| &figures.partitions);
        let mut each = |name, help, of: fn(&PartitionFigures) -> Option<f64>, is_sum: bool| {
            if self.per_partition {
                let known = all().filter_map(|(partition, one)| Some((partition, of(one)?)));
                sheet.by_partition(name, help, known, false);
            } else if is_sum {
                sheet.gauge(name, help, all().filter_map(|(_, one)| of(one)).sum());
            }
        };
        each("lag_records", "Records between the position and the end.", |p| p.lag.map(|n| n as f64), true);
        each(
            "committed_lag_records",
            "Records between the group's offset and the end.",
            |p| p.committed_lag.map(|n| n as f64),
            true,
        );
        each(
            "pending_records",
            "Records read whose counts wait for the group.",
            |p| Some(p.pending_records as f64),
            true,
        );
        each("position", "Offset of the next record to read.", |p| Some(p.position as f64), false);
        each("committed_offset", "Offset that the group holds.", |p| p.committed.map(|n| n as f64), false);
        each("log_start_offset", "First offset of the log.", |p| p.log_start.map(|n| n as f64), false);
        each("log_end_offset", "One past the last offset.", |p| p.log_end.map(|n| n as f64), false);
        let oldest = all().map(|(_, one)| one.time_lag_seconds).fold(0.0, f64::max);
        match self.per_partition {
            true => {
                let known = all().map(|(partition, one)| (partition, one.time_lag_seconds));
                sheet.by_partition("time_lag_seconds", TIME_LAG, known, false);
            }
            false => sheet.gauge("time_lag_seconds", TIME_LAG, oldest),
        }
        let lost = consumers.iter().flat_map(|(figures, _)| &figures.lost_records);
        match self.per_partition {
            true => {
                let mut sums: BTreeMap<&TopicPartition, f64> =
                    all().map(|(partition, _)| (partition, 0.0)).collect();
                lost.for_each(|(partition, count)| *sums.entry(partition).or_default() += *count as f64);
                sheet.by_partition("lost_records_total", LOST, sums, true);
            }
            false => sheet.counter("lost_records_total", LOST, lost.map(|(_, count)| *count as f64).sum()),
        }
    }
}

const TIME_LAG: &str = "Age of the last record when it was read; 0 without lag.";
const LOST: &str = "Records that were deleted before they were read.";

/// Families in the making.
struct Sheet<'s> {
    source: &'s str,
    families: Vec<Gathered>,
}

impl Sheet<'_> {
    fn add(&mut self, name: &str, help: &str, is_counter: bool, samples: Vec<(Vec<(String, String)>, f64)>) {
        let (name, help) = (format!("faultline_kafka_{name}"), help.to_owned());
        self.families.push(Gathered { name, help, is_counter, samples });
    }

    fn labels(&self, more: &[(&str, &str)]) -> Vec<(String, String)> {
        let source = [("source", self.source)];
        let mut labels: Vec<_> =
            source.iter().chain(more).map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        labels.sort();
        labels
    }

    fn counter(&mut self, name: &str, help: &str, value: f64) {
        self.add(name, help, true, vec![(self.labels(&[]), value)]);
    }

    fn gauge(&mut self, name: &str, help: &str, value: f64) {
        self.add(name, help, false, vec![(self.labels(&[]), value)]);
    }

    /// A counter by one label.
    fn by<'v>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = (&'v str, f64)>,
    ) {
        let values = values.into_iter();
        let samples = values.map(|(value, count)| (self.labels(&[(label, value)]), count)).collect();
        self.add(name, help, true, samples);
    }

    fn by_partition<'p>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (&'p TopicPartition, f64)>,
        is_counter: bool,
    ) {
        let values = values.into_iter();
        let samples = values.map(|(partition, value)| {
            let number = partition.partition.to_string();
            (self.labels(&[("topic", &partition.topic), ("partition", &number)]), value)
        });
        let samples = samples.collect();
        self.add(name, help, is_counter, samples);
    }
}
