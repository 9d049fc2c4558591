//! The few numbers that are wanted of librdkafka's statistics, which it gives as JSON every ten seconds.
//!
//! `consumer_lag` is not among them: it counts from the offset that the group holds and is -1 before the first commit.
//! Source of the names: librdkafka's STATISTICS.md.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::positions::TopicPartition;

/// At one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Statistics {
    pub brokers_up: u64,
    /// Of the slowest broker, the mean over the last interval.
    pub round_trip_seconds: f64,
    /// The member has joined, and is not about to do so again.
    pub is_steady: bool,
    pub partitions: BTreeMap<TopicPartition, PartitionStatistics>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PartitionStatistics {
    /// Messages, and their bytes, that were read ahead.
    pub queued_records: u64,
    pub queued_bytes: u64,
    /// As far as a fetch has told.
    pub log_start: Option<i64>,
    pub log_end: Option<i64>,
    /// Where a reader of committed transactions has to stop.
    pub stable_end: Option<i64>,
}

#[derive(Deserialize)]
struct Raw {
    #[serde(default)]
    brokers: BTreeMap<String, RawBroker>,
    #[serde(default)]
    topics: BTreeMap<String, RawTopic>,
    cgrp: Option<RawGroup>,
}

#[derive(Deserialize)]
struct RawBroker {
    nodeid: i64,
    state: String,
    rtt: Option<RawWindow>,
}

#[derive(Deserialize)]
struct RawWindow {
    avg: i64,
    cnt: i64,
}

#[derive(Deserialize)]
struct RawTopic {
    partitions: BTreeMap<String, RawPartition>,
}

#[derive(Deserialize)]
struct RawPartition {
    partition: i32,
    fetchq_cnt: i64,
    fetchq_size: i64,
    lo_offset: i64,
    hi_offset: i64,
    ls_offset: i64,
}

#[derive(Deserialize)]
struct RawGroup {
    state: String,
    join_state: String,
}

impl Statistics {
    pub(super) fn read(json: &[u8]) -> Option<Statistics> {
        let raw: Raw = serde_json::from_slice(json).ok()?;
        let up = raw.brokers.values().filter(|broker| broker.state == "UP" && broker.nodeid >= 0);
        let trips = raw.brokers.values().filter_map(|broker| broker.rtt.as_ref()).filter(|rtt| rtt.cnt > 0);
        let slowest = trips.map(|rtt| rtt.avg).max().unwrap_or(0);
        let mut partitions = BTreeMap::new();
        for (name, topic) in raw.topics {
            let name: std::sync::Arc<str> = name.into();
            for raw in topic.partitions.into_values().filter(|raw| raw.partition >= 0) {
                let key = TopicPartition { topic: name.clone(), partition: raw.partition };
                partitions.insert(key, raw.read());
            }
        }
        Some(Statistics {
            brokers_up: up.count() as u64,
            round_trip_seconds: slowest as f64 / 1e6,
            is_steady: raw.cgrp.is_some_and(|group| group.state == "up" && group.join_state == "steady"),
            partitions,
        })
    }

    /// Has joined its group.
    pub fn is_member(&self) -> bool {
        self.is_steady
    }

    /// Whether some partition's end moved, or became known.
    pub(super) fn has_fetched_more_than(&self, before: &Statistics) -> bool {
        self.partitions.iter().any(|(partition, now)| {
            let end = before.partitions.get(partition).and_then(|before| before.log_end);
            now.log_end.is_some() && now.log_end != end
        })
    }
}

impl RawPartition {
    fn read(&self) -> PartitionStatistics {
        let known = |offset: i64| (offset >= 0).then_some(offset);
        PartitionStatistics {
            queued_records: u64::try_from(self.fetchq_cnt).unwrap_or(0),
            queued_bytes: u64::try_from(self.fetchq_size).unwrap_or(0),
            log_start: known(self.lo_offset),
            log_end: known(self.hi_offset),
            stable_end: known(self.ls_offset),
        }
    }
}
