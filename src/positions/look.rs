//! What a look at the group means for a partition: at an assignment, later for one that nobody here owns, and when the
//! log turns out to be another than was thought.
//!
//! | the group has | this ledger |
//! |---|---|
//! | its own stamp | folds what that covers, keeps the rest, goes on where it was |
//! | another's stamp | folds what its list says, drops the rest, starts at the offset |
//! | an offset without a stamp | drops what is pending, starts there: an operator moved it |
//! | nothing | goes on when it was the last owner that it knows of, else the policy |
//! | anything of another life of the topic | folds nothing, drops all, starts at the earliest |

use super::partition::{Partition, Unresolved};
use super::saved::{DropReason, ResetReason, Seen};
use super::stamp::{LedgerId, Stamp};
use super::{Appeared, Found, GroupOffset, Note, Start, Sum, TopicId};

/// What is known when a partition is assigned.
pub(super) struct Sight<'a> {
    pub(super) me: &'a LedgerId,
    pub(super) group: GroupOffset,
    /// The life of the topic, `None` where the broker would not say.
    pub(super) topic: Option<TopicId>,
    pub(super) appeared: Appeared,
}

impl<T: Sum> Partition<T> {
    pub(super) fn assigned(&mut self, sight: Sight<'_>) -> (Start, Note) {
        self.noted(|partition| {
            partition.unresolved = None;
            partition.start_commit = None;
            let unread = partition.drop_fresh();
            partition.state.seen = match &sight.group {
                GroupOffset::Some { offset, metadata } => Some(seen(*offset, Stamp::parse(metadata))),
                GroupOffset::None => None,
            };
            let (start, found) = partition.judge(sight);
            (start, found, unread)
        })
    }

    /// Of a partition without an owner. Nothing fences a commit that an earlier life has sent: only what the group did
    /// not hold yet when this ledger was assigned the partition shows that another took over and it can no longer arrive.
    pub(super) fn settled(&mut self, me: &LedgerId, group: GroupOffset) -> Note {
        let (_, note) = self.noted(|partition| match group {
            GroupOffset::Some { offset, metadata } if partition.learns_from(me, offset, &metadata) => {
                let (start, found) = partition.judge_offset(me, offset, &metadata, None);
                (start, found, 0)
            }
            _ => (Start::At(partition.state.position), Found::Own, 0),
        });
        note
    }

    fn learns_from(&self, me: &LedgerId, offset: i64, metadata: &str) -> bool {
        let stamp = Stamp::parse(metadata);
        let own = stamp.as_ref().filter(|stamp| stamp.owner.ledger == *me);
        let is_of_another_life = own.is_some_and(|stamp| differ(stamp.topic, self.state.topic));
        let is_known = self.state.seen == Some(seen(offset, stamp));
        offset >= 0 && !is_known && !is_of_another_life
    }

    /// The topic is another one: nothing that was told to the group can be trusted to be of this log.
    pub(super) fn recreated(&mut self, topic: Option<TopicId>) -> (Start, Note) {
        self.noted(|partition| {
            let unread = partition.drop_fresh();
            let (start, found) = partition.start_over(topic);
            (start, found, unread)
        })
    }

    /// The position is not in the log, which goes from `low` to `high`. An end before the position of a topic that is
    /// known to be the same was lost by the broker: to start at the earliest would count all of it again.
    pub(super) fn out_of_range(&mut self, low: i64, high: i64, topic: Option<TopicId>) -> (Start, Note) {
        let position = self.position();
        let is_same = topic.is_some() && topic == self.state.topic;
        if differ(self.state.topic, topic) || (position > high && !is_same) {
            return self.recreated(topic);
        }
        self.noted(|partition| match position {
            _ if position > high => {
                let unread = partition.drop_fresh();
                let (start, found) = partition.truncated(high);
                (start, found, unread)
            }
            _ if position < low => (Start::At(low), Found::Deleted(partition.skip_deleted(low)), 0),
            _ => (Start::At(position), Found::Own, 0),
        })
    }

    fn noted(&mut self, change: impl FnOnce(&mut Self) -> (Start, Found, u64)) -> (Start, Note) {
        let state = self.state.clone();
        let foldable = self.foldable_offsets();
        let (start, found, unread) = change(self);
        self.is_dirty |= self.state != state;
        let folded = self.foldable_offsets().saturating_sub(foldable);
        let dropped = self.state.dropped.iter().sum::<u64>() - state.dropped.iter().sum::<u64>();
        (start, Note { found, folded, dropped, unread })
    }

    fn judge(&mut self, sight: Sight<'_>) -> (Start, Found) {
        match sight.group {
            GroupOffset::Some { offset, metadata } if offset >= 0 => {
                self.judge_offset(sight.me, offset, &metadata, sight.topic)
            }
            _ => self.judge_nothing(sight.topic, sight.appeared),
        }
    }

    fn judge_offset(
        &mut self,
        me: &LedgerId,
        offset: i64,
        metadata: &str,
        topic: Option<TopicId>,
    ) -> (Start, Found) {
        let Some(stamp) = Stamp::parse(metadata) else {
            return self.moved(offset, topic);
        };
        let is_own = stamp.owner.ledger == *me;
        if differ(stamp.topic, topic) || (is_own && differ(self.state.topic, topic)) {
            return self.start_over(topic);
        }
        if is_own { self.own(offset, stamp, topic) } else { self.overtaken(me, offset, stamp, topic) }
    }

    fn own(&mut self, offset: i64, stamp: Stamp, topic: Option<TopicId>) -> (Start, Found) {
        let is_ahead = offset > self.state.position || stamp.owner.seq > self.state.seq;
        self.accept_up_to(stamp.owner.seq);
        self.state.before = stamp.before;
        self.state.is_mine = true;
        self.state.topic = topic.or(self.state.topic);
        if self.is_new {
            self.place(offset); // where the lost ledger had begun is not known
        }
        (Start::At(self.state.position), if is_ahead { Found::SetBack } else { Found::Own })
    }

    /// Dropping is safe: a new owner is there only once the old generation is fenced.
    fn overtaken(
        &mut self,
        me: &LedgerId,
        offset: i64,
        stamp: Stamp,
        topic: Option<TopicId>,
    ) -> (Start, Found) {
        self.accept_up_to(stamp.accepted(me));
        self.drop_pending_after(self.accepted, DropReason::Overtaken);
        self.state.topic = topic.or(stamp.topic).or(self.state.topic);
        self.state.is_mine = false;
        self.place(offset);
        let other = stamp.owner.ledger.clone();
        self.state.before = stamp.handed_on(me);
        (Start::At(offset), Found::Other(other))
    }

    fn moved(&mut self, offset: i64, topic: Option<TopicId>) -> (Start, Found) {
        self.drop_pending_after(self.accepted, DropReason::Operator);
        if self.state.is_mine || self.is_new || self.state.position != offset {
            self.count_reset(ResetReason::Operator);
        }
        self.state.topic = topic.or(self.state.topic);
        self.state.is_mine = false;
        self.place(offset);
        (Start::At(offset), Found::Operator)
    }

    fn judge_nothing(&mut self, topic: Option<TopicId>, appeared: Appeared) -> (Start, Found) {
        if differ(self.state.topic, topic) {
            return self.start_over(topic);
        }
        if self.is_new {
            self.unresolved = Some(Unresolved { topic, reset: None });
            return match appeared {
                Appeared::WithTopic => (Start::Policy, Found::First),
                Appeared::Later => (Start::Earliest, Found::Added),
            };
        }
        if !self.state.is_mine {
            self.drop_pending_after(self.accepted, DropReason::Expired);
            self.unresolved = Some(Unresolved { topic, reset: Some(ResetReason::Expired) });
            return (Start::Policy, Found::Expired);
        }
        self.state.topic = topic.or(self.state.topic);
        if self.unaccepted().next().is_none() {
            self.start_commit = Some((self.state.seq, self.state.position));
        }
        (Start::At(self.state.position), Found::Expired)
    }

    fn start_over(&mut self, topic: Option<TopicId>) -> (Start, Found) {
        self.drop_pending_after(0, DropReason::Recreated);
        self.start_commit = None;
        self.unresolved = Some(Unresolved { topic, reset: Some(ResetReason::Recreated) });
        (Start::Earliest, Found::Recreated)
    }

    fn truncated(&mut self, high: i64) -> (Start, Found) {
        self.drop_pending_after(self.accepted, DropReason::Truncated);
        self.count_reset(ResetReason::Truncated);
        self.place(high);
        self.start_commit = Some((self.state.seq, high));
        (Start::At(high), Found::Truncated)
    }

    /// The start that was asked for. The group has to have it before the first record, or the next owner looks it up
    /// again and finds another.
    pub(super) fn resolve(&mut self, unresolved: Unresolved, offset: i64) {
        self.unresolved = None;
        if let Some(reason) = unresolved.reset {
            self.count_reset(reason);
        }
        self.state.topic = unresolved.topic.or(self.state.topic);
        self.state.is_mine = true;
        self.place(offset);
        self.start_commit = Some((self.state.seq, offset));
        self.is_dirty = true;
    }

    fn place(&mut self, offset: i64) {
        self.state.position = offset;
        self.is_new = false;
    }

    fn count_reset(&mut self, reason: ResetReason) {
        self.state.resets[reason as usize] += 1;
    }
}

fn seen(offset: i64, stamp: Option<Stamp>) -> Seen {
    let topic = stamp.as_ref().and_then(|stamp| stamp.topic);
    Seen { offset, owner: stamp.map(|stamp| stamp.owner), topic }
}

/// Two names that are known and not the same.
fn differ(one: Option<TopicId>, other: Option<TopicId>) -> bool {
    one.zip(other).is_some_and(|(one, other)| one != other)
}
