//! A tick, and what follows from it: counts and positions to the ledger, positions to the group once the ledger has them,
//! and what the group accepted to the ledger again, to be shown.

use std::time::Duration;

use super::{KafkaWorker, marks};
use crate::positions::Commit;
use crate::source::Stop;
use crate::source::kafka::{Code, Offered, Reply, Topic, name_of};
use crate::world::Moment;

/// After a refusal the group is asked again so much later.
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// Pending counts of partitions that went to others are looked at so often.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const LOOK_WITHIN: Duration = Duration::from_secs(1);
/// Whether topics are still the same ones.
pub(super) const IDS_EVERY: Duration = Duration::from_secs(5);

/// Refusals that no second try changes: others own the partitions already.
const FENCED: [Code; 4] =
    [Code::IllegalGeneration, Code::UnknownMemberId, Code::FencedMemberEpoch, Code::FencedInstanceId];

/// What became of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Accepted,
    Refused { is_fenced: bool },
}

impl KafkaWorker {
    pub(super) fn tick(&mut self, now: Moment) {
        self.hand_in();
        self.transact();
        self.show(now);
        self.member.panel.figures().polled_at = now.wall.0 as f64 / 1_000.0;
    }

    /// What every partition gave since the last time, with the position that belongs to it.
    pub(super) fn hand_in(&mut self) {
        // Every message that was handed out is counted, so the client's position is ours; it is past control records too.
        let positions = self.member.client.positions();
        let mut book = self.member.positions.book();
        for lane in self.lanes.iter_mut().filter(|lane| lane.may_read && lane.search.is_none()) {
            let known = positions.iter().find(|(at, _)| *at == lane.at).map(|(_, offset)| *offset);
            if known != lane.stale && !lane.is_doubted {
                lane.stale = None;
                lane.next = lane.next.max(known.unwrap_or(lane.next));
            }
            let counts = lane.counts();
            if let Err(refused) = book.count(&lane.at, lane.epoch, lane.next, counts) {
                // Another assignment has it by now and reads these records again.
                tracing::debug!(partition = %lane.at, ?refused, "counts of an older assignment are left out");
            }
        }
    }

    /// Hands what is there to the ledger, unless it still has the last transaction to make durable.
    pub(super) fn transact(&mut self) {
        let mut book = self.member.positions.book();
        if self.ticket.is_none()
            && let Some(transaction) = book.transact(self.member.number)
        {
            drop(book);
            let mut delta = marks::delta_of(&self.member.positions.source, transaction);
            delta.standing.last_read = self.last_read;
            self.ticket = Some(self.member.shared.deliver(delta));
            (self.member.hurry)();
        }
    }

    /// Does what has become possible since.
    pub(super) fn move_on(&mut self, now: Moment) {
        if self.lanes.iter().any(|lane| !lane.may_read) {
            self.see_who_may_read();
        }
        if self.is_durable(Duration::ZERO) && self.in_flight.is_none() && now.steady >= self.retry_at {
            self.send(now, |_| true);
        }
        if self.member.number == 0 && now.steady >= self.look_at {
            self.look_at = now.steady + LOOK_EVERY;
            self.settle_what_nobody_owns();
        }
        if now.steady >= self.ids_at && !self.lanes.is_empty() {
            // Another question follows the answer.
            self.ids_at = now.steady + 6 * IDS_EVERY;
            self.ask_for_ids();
        }
    }

    /// Whether the ledger has everything that was handed to it.
    pub(super) fn is_durable(&mut self, patience: Duration) -> bool {
        let Some(ticket) = self.ticket else { return true };
        let is_durable = self.member.shared.is_durable(ticket, patience);
        if is_durable {
            self.ticket = None;
            self.member.positions.book().durable(self.member.number);
        }
        is_durable
    }

    /// Tells the group what the ledger has. At most one commit is under way.
    pub(super) fn send(&mut self, now: Moment, wanted: impl Fn(&crate::positions::TopicPartition) -> bool) {
        let commits = self.member.positions.book().commits(self.member.number, wanted);
        if commits.is_empty() {
            return;
        }
        let offered = |commit: &Commit| Offered {
            partition: commit.at.clone(),
            offset: commit.offset,
            metadata: commit.metadata.clone(),
        };
        match self.member.client.commit(&commits.iter().map(offered).collect::<Vec<_>>()) {
            Ok(()) => self.in_flight = Some((commits, now.steady)),
            Err(code) => self.refused(code, now),
        }
    }

    fn refused(&mut self, code: Code, now: Moment) {
        self.retry_at = now.steady + RETRY_AFTER;
        *self.member.panel.figures().commits.entry(name_of(code)).or_default() += 1;
        tracing::debug!(source = &*self.member.positions.source, ?code, "the group did not take a commit");
    }

    /// Everything that has come back so far.
    pub(super) fn take_replies(&mut self, now: Moment, stop: &Stop) {
        while let Some(reply) = self.member.client.next_reply(Duration::ZERO) {
            match reply {
                Reply::Committed { error, partitions } => {
                    self.committed(error, &partitions, now);
                }
                Reply::Topics(topics) => self.compare_ids(topics, now, stop),
            }
        }
    }

    /// Waits for the answer to the commit that is under way, if one is.
    pub(super) fn await_answer(&mut self, patience: Duration) -> Option<Answer> {
        let until = self.now().steady + patience;
        while self.in_flight.is_some() {
            let now = self.now();
            let left = until.saturating_sub(now.steady);
            match self.member.client.next_reply(left) {
                Some(Reply::Committed { error, partitions }) => {
                    return Some(self.committed(error, &partitions, now));
                }
                Some(Reply::Topics(topics)) => self.note_topics(topics),
                None if left.is_zero() => return None,
                None => {}
            }
        }
        None
    }

    /// The list has an error for each partition: the commit as a whole may have failed while some were taken.
    pub(super) fn committed(
        &mut self,
        error: Option<Code>,
        partitions: &[(Offered, Option<Code>)],
        now: Moment,
    ) -> Answer {
        let (commits, _) = self.in_flight.take().unwrap_or_default();
        let mut refusal = error.filter(|_| partitions.is_empty());
        let mut book = self.member.positions.book();
        for (offered, failure) in partitions {
            let commit = commits.iter().find(|commit| {
                commit.at == offered.partition
                    && commit.offset == offered.offset
                    && commit.metadata == offered.metadata
            });
            match (failure.or(error), commit) {
                (None, Some(commit)) => {
                    // Refused where the partition went to another assignment: that one looks at the group itself.
                    let _ = book.accepted(commit);
                }
                (Some(code), _) => refusal = refusal.or(Some(code)),
                (None, None) => {}
            }
        }
        drop(book);
        match refusal {
            None => {
                let mut figures = self.member.panel.figures();
                *figures.commits.entry("ok".to_owned()).or_default() += 1;
                figures.committed_at = now.wall.0 as f64 / 1_000.0;
                Answer::Accepted
            }
            Some(code) => {
                self.refused(code, now);
                Answer::Refused { is_fenced: FENCED.contains(&code) }
            }
        }
    }

    /// Pending counts of partitions that others read now: the group knows what became of them.
    fn settle_what_nobody_owns(&mut self) {
        let open = self.member.positions.book().unsettled();
        if open.is_empty() {
            return;
        }
        let partitions: Vec<_> = open.iter().map(|(at, _)| at.clone()).collect();
        let Ok(found) = self.member.client.group_offsets(&partitions, LOOK_WITHIN) else { return };
        for (at, group) in found {
            let Some((_, epoch)) = open.iter().find(|(partition, _)| *partition == at) else { continue };
            let settled = self.member.positions.book().settle(&at, *epoch, group);
            if let Ok(note) = settled {
                self.tell(&at, &note, "settled");
            }
        }
    }

    fn ask_for_ids(&self) {
        let mut topics: Vec<_> = self.lanes.iter().map(|lane| lane.at.topic.clone()).collect();
        topics.dedup();
        self.member.client.ask_for_ids(&topics);
    }

    pub(super) fn note_topics(&mut self, topics: Vec<Topic>) {
        for topic in topics {
            self.topics.insert(topic.name.clone(), topic);
        }
    }

    /// A topic that was deleted and made again has another id: reading on from the old position would skip its beginning.
    fn compare_ids(&mut self, topics: Vec<Topic>, now: Moment, stop: &Stop) {
        self.ids_at = now.steady + IDS_EVERY;
        for topic in &topics {
            let Some(id) = topic.id else { continue };
            let is_other = |lane: &&super::Lane| {
                *lane.at.topic == *topic.name && lane.topic_id.is_some_and(|known| known != id)
            };
            let changed: Vec<_> = self.lanes.iter().filter(is_other).map(|lane| lane.at.clone()).collect();
            for at in changed {
                self.recreated(&at, id, stop);
            }
        }
        self.note_topics(topics);
    }
}
