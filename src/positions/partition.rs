//! One partition in memory: its state, its pending entries, and the counts that the ledger does not have yet.
//!
//! What may have been sent to the group is never changed again: the group may hold its number and its end, and the next
//! look has to find an entry that ends exactly there. So an entry is *sealed* when it is offered to the group, the newest
//! sealed one is offered until the group takes it, and everything newer becomes one entry behind it.

use super::saved::{DropReason, ResetReason, Saved, Span, State};
use super::stamp::{LedgerId, Owner, Stamp};
use super::{Epoch, Refused, Sum, TopicId};

/// Entries of one partition. In one life there are three at most (accepted, sealed, open); each life that the group takes
/// nothing from leaves two. At the limit new counts wait in memory.
pub(super) const PENDING_MAX: usize = 64;

#[derive(Debug, Clone)]
pub(super) struct Entry<T> {
    pub(super) span: Span,
    pub(super) counts: T,
}

/// Counted behind the state's position and not in the ledger.
#[derive(Debug, Clone, Default)]
struct Fresh<T> {
    counts: T,
    to: i64,
    lost: u64,
}

/// A start that the worker has to look up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unresolved {
    pub(super) topic: Option<TopicId>,
    pub(super) reset: Option<ResetReason>,
}

/// A transaction that the ledger has not confirmed.
#[derive(Debug, Clone, Copy)]
struct Outstanding {
    worker: usize,
    wrote: Option<u64>,
}

/// What a transaction takes from a partition.
pub(super) struct Change<T> {
    pub(super) folded: Option<T>,
    pub(super) saved: Saved,
    pub(super) entry: Option<(u64, T)>,
    pub(super) removed: Vec<u64>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Partition<T> {
    pub(super) epoch: Epoch,
    pub(super) owner: Option<usize>,
    /// With everything that was handed to the ledger, confirmed or not.
    pub(super) state: State,
    pub(super) pending: Vec<Entry<T>>,
    /// Never written, and no position yet.
    pub(super) is_new: bool,
    pub(super) unresolved: Option<Unresolved>,
    /// A start that the group has to have before the first record: number and offset.
    pub(super) start_commit: Option<(u64, i64)>,
    /// Entries up to this are sealed.
    pub(super) sent: u64,
    /// Entries up to this are in the group and wait for the next transaction.
    pub(super) accepted: u64,
    pub(super) is_dirty: bool,
    fresh: Fresh<T>,
    removed: Vec<u64>,
    outstanding: Option<Outstanding>,
}

impl<T: Sum> Partition<T> {
    pub(super) fn unknown() -> Partition<T> {
        Partition { is_new: true, ..Partition::default() }
    }

    pub(super) fn restored(saved: Saved, counts: Vec<T>) -> Partition<T> {
        let pending =
            saved.pending.into_iter().zip(counts).map(|(span, counts)| Entry { span, counts }).collect();
        let sent = saved.state.seq; // an earlier life may have sent each of them
        Partition { state: saved.state, pending, sent, ..Partition::default() }
    }

    pub(super) fn saved(&self) -> Saved {
        Saved { state: self.state.clone(), pending: self.pending.iter().map(|entry| entry.span).collect() }
    }

    /// The next offset to be read.
    pub(super) fn position(&self) -> i64 {
        self.state.position.max(self.fresh.to)
    }

    pub(super) fn is_owned(&self, epoch: Epoch) -> bool {
        self.epoch == epoch && self.owner.is_some()
    }

    /// Nothing counted that is not folded.
    pub(super) fn is_settled(&self) -> bool {
        self.pending.is_empty() && self.fresh.to <= self.state.position && self.may_read()
    }

    pub(super) fn may_read(&self) -> bool {
        self.unresolved.is_none() && self.start_commit.is_none()
    }

    pub(super) fn count(&mut self, next_offset: i64, counts: T) -> Result<(), Refused> {
        if self.unresolved.is_some() {
            return Err(Refused::NoPosition);
        }
        let position = self.position();
        if next_offset < position || (next_offset == position && !counts.is_nothing()) {
            return Err(Refused::BeforePosition { position });
        }
        self.fresh.counts.merge(counts);
        self.fresh.to = next_offset;
        Ok(())
    }

    /// The log begins at `low` now.
    pub(super) fn skip_deleted(&mut self, low: i64) -> u64 {
        let lost = low.abs_diff(self.position());
        self.fresh.lost = self.fresh.lost.saturating_add(lost);
        self.fresh.to = low;
        lost
    }

    /// How many offsets go.
    pub(super) fn drop_fresh(&mut self) -> u64 {
        let offsets = self.position().abs_diff(self.state.position).saturating_sub(self.fresh.lost);
        self.fresh = Fresh::default();
        offsets
    }

    /// All entries after `seq`, never to be shown.
    pub(super) fn drop_pending_after(&mut self, seq: u64, reason: DropReason) {
        for entry in self.pending.extract_if(.., |entry| entry.span.seq > seq) {
            self.removed.push(entry.span.seq);
            let dropped = &mut self.state.dropped[reason as usize];
            *dropped = dropped.saturating_add(entry.span.offsets());
            self.is_dirty = true;
        }
    }

    /// The group has everything up to `seq`.
    pub(super) fn accept_up_to(&mut self, seq: u64) {
        self.accepted = self.accepted.max(seq);
        self.state.seq = self.state.seq.max(seq);
    }

    pub(super) fn accept(&mut self, seq: u64, offset: i64) {
        self.accept_up_to(seq);
        self.is_dirty |= !self.state.is_mine;
        self.state.is_mine = true;
        if self.start_commit.is_some_and(|start| start == (seq, offset) || start.0 < seq) {
            self.start_commit = None;
        }
    }

    /// Everybody who counted for it is gone. Answers how many fresh offsets went.
    pub(super) fn leave(&mut self) -> u64 {
        self.owner = None;
        self.unresolved = None;
        self.start_commit = None;
        self.drop_fresh()
    }

    pub(super) fn unaccepted(&self) -> impl DoubleEndedIterator<Item = &Entry<T>> {
        self.pending.iter().filter(|entry| entry.span.seq > self.accepted)
    }

    /// Offsets of accepted entries that no transaction has taken yet.
    pub(super) fn foldable_offsets(&self) -> u64 {
        let accepted = self.pending.iter().filter(|entry| entry.span.seq <= self.accepted);
        accepted.map(|entry| entry.span.offsets()).sum()
    }

    /// Number and end of what the group should be told now; that is sealed from here on.
    pub(super) fn due(&mut self) -> Option<(u64, i64)> {
        if self.unresolved.is_some() {
            return None;
        }
        if let Some(start) = self.start_commit {
            let is_durable = !self.is_dirty && self.outstanding.is_none();
            return is_durable.then_some(start);
        }
        let span = self.to_send()?;
        self.sent = self.sent.max(span.seq);
        Some((span.seq, span.to))
    }

    /// The newest sealed entry that the group has not taken, else the open one; none that the ledger may still lose.
    fn to_send(&self) -> Option<Span> {
        let unconfirmed = self.outstanding.and_then(|outstanding| outstanding.wrote);
        let durable = || self.unaccepted().filter(|entry| Some(entry.span.seq) != unconfirmed);
        let sealed = durable().rfind(|entry| entry.span.seq <= self.sent);
        sealed.or_else(|| durable().next_back()).map(|entry| entry.span)
    }

    pub(super) fn stamp(&self, me: &LedgerId, seq: u64) -> Stamp {
        let owner = Owner { ledger: me.clone(), seq };
        Stamp { owner, before: self.state.before.clone(), topic: self.state.topic }
    }

    /// Whether a transaction of `worker` would change something here.
    pub(super) fn wants_transaction(&self, worker: usize) -> bool {
        let is_open =
            self.owner.is_none_or(|owner| owner == worker) && self.unresolved.is_none() && !self.is_new;
        let has_accepted = self.pending.first().is_some_and(|entry| entry.span.seq <= self.accepted);
        is_open && self.outstanding.is_none() && (self.is_dirty || has_accepted || self.has_writable())
    }

    /// Folds what is accepted, writes what is fresh.
    pub(super) fn write(&mut self, worker: usize) -> Change<T> {
        let folded = self.fold();
        let wrote = if self.has_writable() { Some(self.write_fresh()) } else { None };
        self.outstanding = Some(Outstanding { worker, wrote });
        self.is_dirty = false;
        let entry = wrote.and_then(|seq| self.pending.last().map(|entry| (seq, entry.counts.clone())));
        Change { folded, saved: self.saved(), entry, removed: std::mem::take(&mut self.removed) }
    }

    pub(super) fn is_outstanding(&self, worker: usize) -> bool {
        self.outstanding.is_some_and(|outstanding| outstanding.worker == worker)
    }

    pub(super) fn confirm(&mut self, worker: usize) {
        if self.is_outstanding(worker) {
            self.outstanding = None;
        }
    }

    fn fold(&mut self) -> Option<T> {
        let mut folded: Option<T> = None;
        for entry in self.pending.extract_if(.., |entry| entry.span.seq <= self.accepted) {
            self.removed.push(entry.span.seq);
            self.state.lost_records = self.state.lost_records.saturating_add(entry.span.lost);
            folded.get_or_insert_default().merge(entry.counts);
        }
        folded
    }

    /// The last entry, while nobody but the ledger can know of it.
    fn open_entry(&self) -> Option<usize> {
        self.pending.last().filter(|entry| entry.span.seq > self.sent.max(self.accepted))?;
        self.pending.len().checked_sub(1)
    }

    fn has_writable(&self) -> bool {
        let has_room = self.pending.len() < PENDING_MAX || self.open_entry().is_some();
        self.fresh.to > self.state.position && has_room
    }

    /// The number of the entry that has the fresh counts now.
    fn write_fresh(&mut self) -> u64 {
        let Fresh { counts, to, lost } = std::mem::take(&mut self.fresh);
        let from = std::mem::replace(&mut self.state.position, to);
        if lost > 0 {
            self.state.resets[ResetReason::Retention as usize] += 1;
        }
        if let Some(entry) = self.open_entry().map(|last| &mut self.pending[last]) {
            entry.span.to = to;
            entry.span.lost = entry.span.lost.saturating_add(lost);
            entry.counts.merge(counts);
            return entry.span.seq;
        }
        self.state.seq += 1;
        let span = Span { seq: self.state.seq, from, to, lost };
        self.pending.push(Entry { span, counts });
        span.seq
    }
}
