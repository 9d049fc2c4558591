//! All partitions of one ledger, which workers share: who owns which, and since which assignment. One ledger is one
//! owner for the group, however many workers it has.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::look::Sight;
use super::partition::{Change, Partition};
use super::saved::Saved;
use super::stamp::LedgerId;
use super::{
    Appeared, Assignment, Commit, Epoch, GroupOffset, Left, Note, Refused, Start, Sum, TopicId,
    TopicPartition, Transaction, Write,
};

/// A ledger that cannot be read on from: an entry without counts, or counts without an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    pub at: TopicPartition,
    pub seq: u64,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the ledger's entry {} of partition {} is not whole", self.seq, self.at)
    }
}

impl std::error::Error for Damage {}

#[derive(Debug, Clone)]
pub struct Book<T> {
    me: LedgerId,
    partitions: BTreeMap<TopicPartition, Partition<T>>,
    /// Workers that wait for the ledger.
    waiting: BTreeSet<usize>,
    last_epoch: Epoch,
}

impl<T: Sum> Book<T> {
    pub fn new(me: LedgerId) -> Book<T> {
        Book { me, partitions: BTreeMap::new(), waiting: BTreeSet::new(), last_epoch: Epoch(0) }
    }

    /// From what the transactions wrote: the last `saved` of each partition and the counts of its entries by number.
    pub fn restore(
        me: LedgerId,
        partitions: impl IntoIterator<Item = (TopicPartition, Saved, BTreeMap<u64, T>)>,
    ) -> Result<Book<T>, Damage> {
        let mut book = Book::new(me);
        for (at, saved, mut counts) in partitions {
            let taken: Result<Vec<T>, u64> =
                saved.pending.iter().map(|span| counts.remove(&span.seq).ok_or(span.seq)).collect();
            match (taken, counts.keys().next()) {
                (Ok(taken), None) => book.partitions.insert(at, Partition::restored(saved, taken)),
                (Err(seq), _) | (Ok(_), Some(&seq)) => return Err(Damage { at, seq }),
            };
        }
        Ok(book)
    }

    pub fn ledger_id(&self) -> &LedgerId {
        &self.me
    }

    /// All partitions as the ledger has them or will have them: for metrics.
    pub fn saved(&self) -> impl Iterator<Item = (&TopicPartition, Saved)> {
        self.partitions.iter().map(|(at, partition)| (at, partition.saved()))
    }

    /// `worker` owns the partition now; `group` was read after that, `topic` after `group`. Whoever had it in this
    /// process before is refused from here on.
    pub fn assign(
        &mut self,
        worker: usize,
        at: &TopicPartition,
        group: GroupOffset,
        topic: Option<TopicId>,
        appeared: Appeared,
    ) -> Assignment {
        let epoch = self.next_epoch();
        let partition = self.partitions.entry(at.clone()).or_insert_with(Partition::unknown);
        (partition.epoch, partition.owner) = (epoch, Some(worker));
        let (start, note) = partition.assigned(Sight { me: &self.me, group, topic, appeared });
        Assignment { epoch, start, note }
    }

    /// Answers [`Start::Policy`] and [`Start::Earliest`]. Nothing may be read before [`Book::may_read`].
    pub fn resolved(&mut self, at: &TopicPartition, epoch: Epoch, offset: i64) -> Result<(), Refused> {
        let partition = self.owned(at, epoch)?;
        let position = partition.position();
        let unresolved = partition.unresolved.ok_or(Refused::BeforePosition { position })?;
        partition.resolve(unresolved, offset.max(0));
        Ok(())
    }

    /// Whether the group knows where reading began.
    pub fn may_read(&self, at: &TopicPartition, epoch: Epoch) -> bool {
        self.partitions.get(at).is_some_and(|partition| partition.is_owned(epoch) && partition.may_read())
    }

    /// The next offset to be read in this assignment.
    pub fn position(&self, at: &TopicPartition, epoch: Epoch) -> Option<i64> {
        let partition = self.partitions.get(at)?;
        let is_current = partition.is_owned(epoch) && partition.unresolved.is_none();
        is_current.then(|| partition.position())
    }

    /// Everything between the position and `next_offset` was read and gave `counts`; nothing, where only markers stood.
    pub fn count(
        &mut self,
        at: &TopicPartition,
        epoch: Epoch,
        next_offset: i64,
        counts: T,
    ) -> Result<(), Refused> {
        self.owned(at, epoch)?.count(next_offset, counts)
    }

    /// What `worker` has to hand to the ledger, also for partitions that nobody owns. `None` when there is nothing or
    /// when its last transaction is not durable yet.
    pub fn transact(&mut self, worker: usize) -> Option<Transaction<T>> {
        if self.waiting.contains(&worker) {
            return None;
        }
        let mut transaction = Transaction { folded: T::default(), writes: Vec::new() };
        let wanting = self.partitions.iter_mut().filter(|(_, partition)| partition.wants_transaction(worker));
        for (at, partition) in wanting {
            let Change { folded, saved, entry, removed } = partition.write(worker);
            folded.into_iter().for_each(|counts| transaction.folded.merge(counts));
            transaction.writes.push(Write { at: at.clone(), saved, entry, removed });
        }
        if transaction.writes.is_empty() {
            return None;
        }
        self.waiting.insert(worker);
        Some(transaction)
    }

    /// The worker's transaction is durable: what it wrote may be sent.
    pub fn durable(&mut self, worker: usize) {
        self.waiting.remove(&worker);
        self.partitions.values_mut().for_each(|partition| partition.confirm(worker));
    }

    /// What the group should be told now of the worker's partitions. From here on that counts as sent: the same is
    /// answered again until it is accepted. For a worker with a commit in flight, wait for its result first.
    pub fn commits(&mut self, worker: usize, wanted: impl Fn(&TopicPartition) -> bool) -> Vec<Commit> {
        let mut commits = Vec::new();
        for (at, partition) in &mut self.partitions {
            if partition.owner != Some(worker) || !wanted(at) {
                continue;
            }
            let Some((seq, offset)) = partition.due() else { continue };
            let metadata = partition.stamp(&self.me, seq).to_string();
            commits.push(Commit { at: at.clone(), epoch: partition.epoch, seq, offset, metadata });
        }
        commits
    }

    /// The group took a commit. One that it refused, or never answered, needs no word: it is due again.
    pub fn accepted(&mut self, commit: &Commit) -> Result<(), Refused> {
        self.owned(&commit.at, commit.epoch)?.accept(commit.seq, commit.offset);
        Ok(())
    }

    /// A graceful end, after the last transaction and commit. Fresh counts that are left are dropped, as when it is lost.
    pub fn release(&mut self, worker: usize, at: &TopicPartition) -> Option<Left> {
        let partition = self.partitions.get_mut(at).filter(|partition| partition.owner == Some(worker))?;
        let unread = partition.leave();
        let pending = partition.unaccepted().count();
        if partition.is_new {
            self.partitions.remove(at);
        }
        Some(Left { at: at.clone(), unread, pending })
    }

    /// The group gave them to others already. What is pending stays until a look settles it.
    pub fn lost(&mut self, worker: usize, all: &[TopicPartition]) -> Vec<Left> {
        all.iter().filter_map(|at| self.release(worker, at)).collect()
    }

    /// Partitions that nobody here owns and whose pending counts wait for a look at the group.
    pub fn unsettled(&self) -> Vec<(TopicPartition, Epoch)> {
        let waits =
            |partition: &Partition<T>| partition.owner.is_none() && partition.unaccepted().next().is_some();
        let all = self.partitions.iter().filter(|(_, partition)| waits(partition));
        all.map(|(at, partition)| (at.clone(), partition.epoch)).collect()
    }

    /// A later look. Refused when the partition was assigned since `epoch` was answered: the look may be older than that.
    pub fn settle(&mut self, at: &TopicPartition, epoch: Epoch, group: GroupOffset) -> Result<Note, Refused> {
        let partition = self.partitions.get_mut(at).ok_or(Refused::OldEpoch)?;
        match partition.owner {
            _ if partition.epoch != epoch => Err(Refused::OldEpoch),
            Some(_) => Err(Refused::Owned),
            None => Ok(partition.settled(&self.me, group)),
        }
    }

    /// The topic has another id than at the assignment. What was read of the old one and not counted yet is refused.
    pub fn recreated(
        &mut self,
        at: &TopicPartition,
        epoch: Epoch,
        topic: TopicId,
    ) -> Result<Assignment, Refused> {
        self.reassign(at, epoch, |partition| partition.recreated(Some(topic)))
    }

    /// The broker has no record at the position; its log goes from `low` to `high`. Count everything that was read first.
    pub fn out_of_range(
        &mut self,
        at: &TopicPartition,
        epoch: Epoch,
        (low, high): (i64, i64),
        topic: Option<TopicId>,
    ) -> Result<Assignment, Refused> {
        if self.owned(at, epoch)?.unresolved.is_some() {
            return Err(Refused::NoPosition);
        }
        self.reassign(at, epoch, |partition| partition.out_of_range(low.max(0), high.max(0), topic))
    }

    /// Nothing to hand to the ledger and nothing that it still has to confirm.
    pub fn wants_nothing(&self, worker: usize) -> bool {
        let waits = self.waiting.contains(&worker);
        !waits && !self.partitions.values().any(|partition| partition.wants_transaction(worker))
    }

    /// Besides, everything that the worker counted is folded: it can leave and nothing is open.
    pub fn is_settled(&self, worker: usize) -> bool {
        let of_it = self.partitions.values().filter(|partition| partition.owner == Some(worker));
        self.wants_nothing(worker) && of_it.into_iter().all(Partition::is_settled)
    }

    fn reassign(
        &mut self,
        at: &TopicPartition,
        epoch: Epoch,
        change: impl FnOnce(&mut Partition<T>) -> (Start, Note),
    ) -> Result<Assignment, Refused> {
        let next = self.next_epoch();
        let partition = self.owned(at, epoch)?;
        partition.epoch = next;
        let (start, note) = change(partition);
        Ok(Assignment { epoch: next, start, note })
    }

    fn owned(&mut self, at: &TopicPartition, epoch: Epoch) -> Result<&mut Partition<T>, Refused> {
        let partition = self.partitions.get_mut(at).filter(|partition| partition.is_owned(epoch));
        partition.ok_or(Refused::OldEpoch)
    }

    fn next_epoch(&mut self) -> Epoch {
        self.last_epoch.0 += 1;
        self.last_epoch
    }
}
