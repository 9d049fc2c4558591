//! What the group gives and takes: where each partition begins, what has to be right before it is let go, and how a
//! partition that librdkafka gave up is read again.
//!
//! The group waits for us meanwhile, so everything here has an end in time. What is not done by then is no error: the
//! stamp that every commit carries tells the next look what became of it.

use std::sync::Arc;
use std::time::Duration;

use super::settling::Answer;
use super::{KafkaWorker, LEAVE_WITHIN, Lane};
use crate::positions::{Appeared, Assignment, Found, GroupOffset, Note, Start, TopicId, TopicPartition};
use crate::source::Stop;
use crate::source::kafka::{self, Change, Code, Polled, Reply};

/// For one question to the brokers.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(5);
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(250);
/// How long a graceful revocation may keep the group waiting.
const REVOKE_WITHIN: Duration = Duration::from_secs(4);
/// A commit of a lost assignment is waited for before the client may join again: it would pass as one of the new.
const LOST_WITHIN: Duration = Duration::from_secs(10);

impl KafkaWorker {
    pub(super) fn change(&mut self, change: Change, stop: &Stop) {
        let kind = match &change {
            Change::Assigned(_) => "assign",
            Change::Revoked { is_lost: false, .. } => "revoke",
            Change::Revoked { is_lost: true, .. } => "lost",
        };
        *self.member.panel.figures().rebalances.entry(kind).or_default() += 1;
        match change {
            Change::Assigned(partitions) => self.assigned(&partitions, stop),
            Change::Revoked { partitions, is_lost } => {
                match is_lost {
                    true => self.lost(),
                    false => self.revoke(&partitions),
                }
                self.let_go(&partitions);
            }
        }
    }

    /// Looks up where each one begins, writes it down, and reads from there.
    fn assigned(&mut self, partitions: &[TopicPartition], stop: &Stop) {
        let source = self.member.positions.source.clone();
        tracing::info!(
            source = &*source,
            "{} partitions were assigned: {}",
            partitions.len(),
            names(partitions)
        );
        // The group's offsets first: an id that is asked for later is of the log that will be read.
        let Some(group) = self.group_offsets(partitions, stop) else { return };
        let topics: Vec<Arc<str>> = topics_of(partitions);
        self.learn_ids(&topics);
        let mut starts = Vec::new();
        for (at, group) in group {
            let topic_id = self.topics.get(&*at.topic).and_then(|topic| topic.id);
            let appeared = self.appeared(&at);
            let number = self.member.number;
            let assignment = self.member.positions.book().assign(number, &at, group, topic_id, appeared);
            self.tell(&at, &assignment.note, "assigned");
            if let Some(start) = self.begin(&at, &assignment, topic_id, stop) {
                starts.push((at, start));
            }
        }
        self.keep_first_partitions(&topics);
        match self.member.client.assign(&starts) {
            Ok(()) => self.member.panel.reports.joined(),
            Err(why) => tracing::error!(source = &*source, "the assignment was not taken: {why}"),
        }
        self.mistrust_positions(partitions);
        self.open_lanes();
    }

    /// The lane of an assignment, and its first offset.
    fn begin(
        &mut self,
        at: &TopicPartition,
        assignment: &Assignment,
        topic_id: Option<TopicId>,
        stop: &Stop,
    ) -> Option<i64> {
        let epoch = assignment.epoch;
        let start = match assignment.start {
            Start::At(offset) => offset,
            Start::Policy | Start::Earliest => {
                let (low, high) = self.watermarks(at, stop)?;
                let is_latest =
                    assignment.start == Start::Policy && self.member.setting.start == kafka::Start::Latest;
                let offset = if is_latest { high } else { low };
                self.member.positions.book().resolved(at, epoch, offset).ok()?;
                offset
            }
        };
        let tenant = self.member.setting.tenant_of_topic(&at.topic).map(str::to_owned);
        let tally = self.member.pipeline.new_tally();
        self.lanes.retain(|lane| lane.at != *at);
        self.lanes.push(Lane::new(at.clone(), epoch, start, topic_id, tally, tenant));
        Some(start)
    }

    /// A start that was looked up is in the ledger and in the group before the first record is read.
    fn open_lanes(&mut self) {
        self.transact();
        self.is_durable(ANSWER_WITHIN);
        self.transact();
        self.is_durable(ANSWER_WITHIN);
        let now = self.now();
        if self.in_flight.is_none() {
            self.send(now, |_| true);
        }
        self.see_who_may_read();
    }

    pub(super) fn see_who_may_read(&mut self) {
        let book = self.member.positions.book();
        for lane in &mut self.lanes {
            lane.may_read = lane.may_read || book.may_read(&lane.at, lane.epoch);
        }
    }

    /// Asked until it is answered: without it nobody knows where to begin. The group gives up on us before we do.
    fn group_offsets(
        &mut self,
        partitions: &[TopicPartition],
        stop: &Stop,
    ) -> Option<Vec<(TopicPartition, GroupOffset)>> {
        while !stop.is_asked() {
            match self.member.client.group_offsets(partitions, ANSWER_WITHIN) {
                Ok(found) => return Some(found),
                Err(code) => self.member.panel.reports.refused(code, "the group's offsets cannot be read"),
            }
            stop.sleep(ASK_AGAIN_AFTER);
        }
        None
    }

    /// A topic that was made a moment ago has no leader yet.
    fn watermarks(&mut self, at: &TopicPartition, stop: &Stop) -> Option<(i64, i64)> {
        while !stop.is_asked() {
            match self.member.client.watermarks(at, ANSWER_WITHIN) {
                Ok(marks) => return Some(marks),
                Err(code) => {
                    let what = format!("the log of {at} cannot be looked at");
                    self.member.panel.reports.refused(code, &what);
                }
            }
            stop.sleep(ASK_AGAIN_AFTER);
        }
        None
    }

    /// An old broker, or one that refuses, leaves them unknown.
    fn learn_ids(&mut self, topics: &[Arc<str>]) {
        self.member.client.ask_for_ids(topics);
        let until = self.now().steady + self.ids_within;
        loop {
            let now = self.now();
            match self.member.client.next_reply(until.saturating_sub(now.steady)) {
                Some(Reply::Topics(found)) => {
                    self.ids_within = ANSWER_WITHIN;
                    return self.note_topics(found);
                }
                Some(Reply::Committed { error, partitions }) => {
                    self.committed(error, &partitions, now);
                }
                None if now.steady >= until => {
                    // Who was silent once is not waited for as long again.
                    self.ids_within = ASK_AGAIN_AFTER;
                    return topics.iter().for_each(|topic| drop(self.topics.remove(&**topic)));
                }
                None => {}
            }
        }
    }

    fn appeared(&self, at: &TopicPartition) -> Appeared {
        let first = self.member.positions.first_partitions();
        match first.get(&*at.topic) {
            Some(first) if usize::try_from(at.partition).is_ok_and(|number| number >= *first) => {
                Appeared::Later
            }
            _ => Appeared::WithTopic,
        }
    }

    fn keep_first_partitions(&mut self, topics: &[Arc<str>]) {
        let mut first = self.member.positions.first_partitions();
        for topic in topics {
            let count = self.topics.get(&**topic).map_or(0, |topic| topic.partitions);
            if count > 0 && !first.contains_key(&**topic) {
                first.insert(topic.to_string(), count);
                let mark = super::marks::first_partitions_mark(&self.member.positions.source, topic, count);
                let delta = crate::event::Delta {
                    source: self.member.positions.source.clone(),
                    marks: vec![mark],
                    ..Default::default()
                };
                self.member.shared.deliver(delta);
            }
        }
    }

    /// Drains: what was read goes to the ledger, then to the group, then is folded. Bounded in time.
    fn revoke(&mut self, partitions: &[TopicPartition]) {
        tracing::info!(
            source = &*self.member.positions.source,
            "{} partitions were revoked: {}",
            partitions.len(),
            names(partitions)
        );
        self.drain(REVOKE_WITHIN, partitions);
    }

    /// Whether nothing of the partitions waits any more.
    fn drain(&mut self, within: Duration, partitions: &[TopicPartition]) {
        let until = self.now().steady + within;
        let left = |worker: &KafkaWorker| until.saturating_sub(worker.now().steady);
        self.hand_in();
        self.await_answer(left(self));
        // The transaction that waits already, and the one with everything that was read.
        for _ in 0..2 {
            if !self.is_durable(left(self)) {
                return;
            }
            self.transact();
        }
        if !self.is_durable(left(self)) {
            return;
        }
        while self.in_flight.is_none() && !left(self).is_zero() {
            let now = self.now();
            self.send(now, |at| partitions.contains(at));
            if self.in_flight.is_none() {
                break;
            }
            match self.await_answer(left(self)) {
                Some(Answer::Accepted) => {}
                // Asking again would only keep the group waiting.
                Some(Answer::Refused { is_fenced: true }) | None => break,
                Some(Answer::Refused { is_fenced: false }) => {
                    std::thread::sleep(Duration::from_millis(20));
                }
            }
        }
        self.transact();
    }

    fn lost(&mut self) {
        tracing::warn!(
            source = &*self.member.positions.source,
            "the group gave our partitions to others: what was read and not committed is read again by them"
        );
    }

    fn let_go(&mut self, partitions: &[TopicPartition]) {
        self.await_answer(LOST_WITHIN);
        let mut book = self.member.positions.book();
        for left in book.lost(self.member.number, partitions) {
            tracing::debug!(partition = %left.at, unread = left.unread, pending = left.pending, "let go");
        }
        drop(book);
        self.lanes.retain(|lane| !partitions.contains(&lane.at));
        self.watched.retain(|at, _| !partitions.contains(at));
        self.member.panel.figures().partitions.retain(|at, _| !partitions.contains(at));
        if let Err(why) = self.member.client.unassign(partitions) {
            tracing::debug!(source = &*self.member.positions.source, "not unassigned: {why}");
        }
    }

    /// What stood in a message's place.
    pub(super) fn partition_failed(&mut self, at: &TopicPartition, code: Code) {
        match code {
            Code::AutoOffsetReset | Code::OffsetOutOfRange => self.out_of_range(at),
            Code::BadMessage | Code::BadCompression | Code::InvalidMessage => self.corrupt(at, code),
            code => {
                let what = format!("{at} cannot be read");
                self.member.panel.reports.refused(code, &what);
            }
        }
    }

    /// librdkafka has given the partition up: there is no record at the position.
    fn out_of_range(&mut self, at: &TopicPartition) {
        // Behind a batch that cannot be checked librdkafka takes rubbish for an offset; the batch is what is wrong.
        match self.lane(at) {
            Some(lane) if lane.search.is_some() => return self.search_again(at),
            Some(lane) if lane.corrupt_at != Some(lane.next) => {}
            _ => return,
        }
        self.hand_in();
        let Ok((low, high)) = self.member.client.watermarks(at, ANSWER_WITHIN) else {
            return self.revive_later(at);
        };
        self.learn_ids(std::slice::from_ref(&at.topic));
        let topic_id = self.topics.get(&*at.topic).and_then(|topic| topic.id);
        let Some(epoch) = self.lane(at).map(|lane| lane.epoch) else { return };
        let changed = self.member.positions.book().out_of_range(at, epoch, (low, high), topic_id);
        let Ok(assignment) = changed else { return };
        self.tell(at, &assignment.note, "found out of range");
        self.read_from(at, &assignment, (low, high), topic_id);
    }

    /// The topic was deleted and made again while it was read.
    pub(super) fn recreated(&mut self, at: &TopicPartition, id: TopicId, stop: &Stop) {
        let Some(epoch) = self.lane(at).map(|lane| lane.epoch) else { return };
        let Some(marks) = self.watermarks(at, stop) else { return };
        let changed = self.member.positions.book().recreated(at, epoch, id);
        let Ok(assignment) = changed else { return };
        self.tell(at, &assignment.note, "found to be made again");
        self.read_from(at, &assignment, marks, Some(id));
    }

    /// A dead partition is not revived by a seek: it is given back and taken again.
    fn read_from(
        &mut self,
        at: &TopicPartition,
        assignment: &Assignment,
        (low, _): (i64, i64),
        topic_id: Option<TopicId>,
    ) {
        let start = match assignment.start {
            Start::At(offset) => offset,
            Start::Policy | Start::Earliest => {
                if self.member.positions.book().resolved(at, assignment.epoch, low).is_err() {
                    return;
                }
                low
            }
        };
        self.await_answer(LOST_WITHIN);
        if let Some(lane) = self.lane(at) {
            drop(lane.counts());
            (lane.epoch, lane.next, lane.topic_id, lane.may_read) =
                (assignment.epoch, start, topic_id, false);
        }
        self.reassign(at, start);
        self.open_lanes();
    }

    pub(super) fn reassign(&mut self, at: &TopicPartition, start: i64) {
        let client = &mut self.member.client;
        let again =
            client.unassign(std::slice::from_ref(at)).and_then(|()| client.assign(&[(at.clone(), start)]));
        if let Err(why) = again {
            tracing::warn!(source = &*self.member.positions.source, partition = %at, "not read again: {why}");
        }
        self.mistrust_positions(std::slice::from_ref(at));
    }

    /// librdkafka forgets the position of an older assignment some time after it has begun a new one.
    fn mistrust_positions(&mut self, partitions: &[TopicPartition]) {
        let positions = self.member.client.positions();
        for lane in self.lanes.iter_mut().filter(|lane| partitions.contains(&lane.at)) {
            lane.stale = positions.iter().find(|(at, _)| *at == lane.at).map(|(_, offset)| *offset);
            lane.is_doubted = false;
        }
    }

    /// Where even the log's ends are not told, the same offset is tried again, and fails again, until they are.
    fn revive_later(&mut self, at: &TopicPartition) {
        let next = self.lane(at).map(|lane| lane.next);
        if let Some(next) = next {
            std::thread::sleep(ASK_AGAIN_AFTER);
            self.reassign(at, next);
        }
    }

    /// Goes on at `good`; what lies before it is lost.
    pub(super) fn pass_over(&mut self, at: &TopicPartition, good: i64) {
        let Some((epoch, topic_id)) = self.lane(at).map(|lane| (lane.epoch, lane.topic_id)) else { return };
        let ends = (good, i64::MAX);
        let changed = self.member.positions.book().out_of_range(at, epoch, ends, topic_id);
        let Ok(assignment) = changed else { return };
        self.tell(at, &assignment.note, "passed over");
        self.read_from(at, &assignment, ends, topic_id);
    }

    /// What a look at the group, or at the log, has shown.
    pub(super) fn tell(&self, at: &TopicPartition, note: &Note, when: &str) {
        let source = &*self.member.positions.source;
        let Note { found, folded, dropped, unread } = note;
        match found {
            Found::First | Found::Added | Found::Own => {
                tracing::debug!(source, partition = %at, ?found, folded, dropped, unread, when);
            }
            Found::Other(ledger) => tracing::info!(
                source, partition = %at, %ledger, folded, dropped,
                "another instance read it meanwhile: goes on where that one was"
            ),
            Found::Expired => tracing::warn!(
                source, partition = %at, dropped, "the group has forgotten its offset"
            ),
            Found::Operator => tracing::warn!(
                source, partition = %at, dropped, "somebody moved the group's offset: goes on there"
            ),
            Found::SetBack => tracing::error!(
                source, partition = %at,
                "the group is ahead of the ledger: the state directory was set back. It is read again from the ledger's place"
            ),
            Found::Recreated => tracing::warn!(
                source, partition = %at, dropped, "the topic was deleted and made again: read from its beginning"
            ),
            Found::Deleted(lost) => tracing::error!(
                source, partition = %at, lost, when, "records are lost: they were deleted, or damaged, before they were read"
            ),
            Found::Truncated => tracing::error!(
                source, partition = %at, "the log ends before the position: brokers have lost its end"
            ),
        }
    }

    /// The end: everything that was read is counted, then the group is left. What there is no time for, the stamp settles.
    pub(super) fn leave(&mut self) {
        let until = self.now().steady + LEAVE_WITHIN;
        let mine: Vec<TopicPartition> = self.lanes.iter().map(|lane| lane.at.clone()).collect();
        self.drain(LEAVE_WITHIN / 2, &mine);
        self.member.positions.book().lost(self.member.number, &mine);
        if self.member.client.begin_to_close().is_err() {
            return;
        }
        while !self.member.client.is_closed() && self.now().steady < until {
            let polled = self.member.client.poll(Duration::from_millis(10));
            if let Polled::Changed(Change::Revoked { partitions, .. }) = polled {
                let _ = self.member.client.unassign(&partitions);
            }
        }
    }
}

fn names(partitions: &[TopicPartition]) -> String {
    const SHOWN: usize = 20;
    let shown = partitions.iter().take(SHOWN).map(ToString::to_string);
    let more = partitions.len().saturating_sub(SHOWN);
    let shown = shown.collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

fn topics_of(partitions: &[TopicPartition]) -> Vec<Arc<str>> {
    let mut topics: Vec<Arc<str>> = partitions.iter().map(|at| at.topic.clone()).collect();
    topics.sort();
    topics.dedup();
    topics
}
