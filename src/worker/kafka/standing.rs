//! How far behind each partition is, and whether one has stopped without a word.
//!
//! Lag is counted from our own position to where a reader of committed transactions has to stop. Ends of logs come with
//! fetches; of a partition that brings none they are asked for, since a stalled one looks like one that is caught up.

use std::time::Duration;

use super::KafkaWorker;
use crate::positions::TopicPartition;
use crate::source::kafka::PartitionFigures;
use crate::world::Moment;

/// Ends of a quiet partition's log are asked for so often.
const ENDS_EVERY: Duration = Duration::from_secs(30);
const ENDS_WITHIN: Duration = Duration::from_secs(1);

/// What is remembered of a partition from one tick to the next.
#[derive(Debug, Clone, Copy)]
pub(super) struct Watched {
    position: i64,
    /// When it got there.
    since: Duration,
    /// When the ends were asked for last, and what they were.
    asked: Duration,
    ends: Option<(i64, i64)>,
    was_stalled: bool,
}

impl KafkaWorker {
    /// Everything that is exposed of the partitions, and of the counts that outlive the process.
    pub(super) fn show(&mut self, now: Moment) {
        self.ask_for_ends(now);
        let statistics = self.member.panel.reports.snapshot().statistics;
        let saved: Vec<_> = {
            let book = self.member.positions.book();
            book.saved().map(|(at, saved)| (at.clone(), saved)).collect()
        };
        let lanes: Vec<(TopicPartition, i64, Option<i64>)> =
            self.lanes.iter().map(|lane| (lane.at.clone(), lane.next, lane.written)).collect();
        let mut shown = Vec::with_capacity(lanes.len());
        for (at, position, written) in lanes {
            let known = statistics.partitions.get(&at).copied().unwrap_or_default();
            let watched = self.watch(&at, position, now);
            let log_start = watched.ends.map(|ends| ends.0).max(known.log_start);
            // Reading is never past the end: a number that is older than the position says that there is no lag.
            let end = [known.stable_end, watched.ends.map(|ends| ends.1)].into_iter().flatten().max();
            let lag = end.map(|end| u64::try_from(end - position).unwrap_or(0));
            let is_stalled = lag.is_some_and(|lag| lag > 0)
                && now.steady.saturating_sub(watched.since) >= self.member.setting.stall_after;
            self.say_if_stalled(&at, is_stalled, lag);
            let state = saved.iter().find(|(partition, _)| *partition == at).map(|(_, saved)| saved);
            let pending: u64 = state.map_or(0, |saved| saved.pending.iter().map(|span| span.offsets()).sum());
            let committed =
                state.map(|saved| saved.pending.first().map_or(saved.state.position, |span| span.from));
            let age = written.map(|written| (now.wall.0 - written).max(0) as f64 / 1_000.0);
            shown.push((
                at,
                PartitionFigures {
                    position,
                    committed,
                    log_start,
                    log_end: [known.log_end, watched.ends.map(|ends| ends.1)].into_iter().flatten().max(),
                    lag,
                    committed_lag: end.zip(committed).map(|(end, at)| u64::try_from(end - at).unwrap_or(0)),
                    time_lag_seconds: age.filter(|_| lag.is_some_and(|lag| lag > 0)).unwrap_or(0.0),
                    pending_records: pending,
                    is_stalled,
                },
            ));
        }
        let has_pending = shown.iter().any(|(_, one)| one.pending_records > 0);
        let mut figures = self.member.panel.figures();
        figures.partitions = shown.into_iter().collect();
        if !has_pending {
            figures.committed_at = 0.0;
        } else if figures.committed_at == 0.0 {
            figures.committed_at = now.wall.0 as f64 / 1_000.0;
        }
        // One consumer of several shows what the ledger knows of all.
        if self.member.number == 0 {
            figures.show_saved(&saved);
        }
    }

    fn watch(&mut self, at: &TopicPartition, position: i64, now: Moment) -> Watched {
        let fresh =
            Watched { position, since: now.steady, asked: now.steady, ends: None, was_stalled: false };
        let watched = self.watched.entry(at.clone()).or_insert(fresh);
        if watched.position != position {
            *watched = Watched { ends: watched.ends, was_stalled: watched.was_stalled, ..fresh };
        }
        *watched
    }

    /// Asks for the ends of the quiet partition that was asked for longest ago, where that is long enough: one a tick, so
    /// that brokers which do not answer keep nobody waiting for long.
    fn ask_for_ends(&mut self, now: Moment) {
        if self.member.panel.reports.why_not().is_some() {
            return;
        }
        let every = ENDS_EVERY.min(self.member.setting.stall_after / 2);
        let is_due = |watched: &Watched| now.steady.saturating_sub(watched.since.max(watched.asked)) >= every;
        let due = self.watched.iter_mut().filter(|(_, watched)| is_due(watched));
        let Some((at, watched)) = due.min_by_key(|(_, watched)| watched.asked) else { return };
        watched.asked = now.steady;
        if let Ok(ends) = self.member.client.watermarks(at, ENDS_WITHIN) {
            watched.ends = Some(ends);
        }
    }

    fn say_if_stalled(&mut self, at: &TopicPartition, is_stalled: bool, lag: Option<u64>) {
        let Some(watched) = self.watched.get_mut(at) else { return };
        if std::mem::replace(&mut watched.was_stalled, is_stalled) != is_stalled {
            let source = &*self.member.positions.source;
            match is_stalled {
                true => tracing::error!(source, partition = %at, lag, "has records and makes no progress"),
                false => tracing::info!(source, partition = %at, "makes progress again"),
            }
        }
    }
}
