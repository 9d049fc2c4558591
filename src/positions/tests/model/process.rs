//! One process: its ledger on the disk, its book in memory, its workers.

use std::collections::{BTreeMap, VecDeque};

use super::group::Group;
use crate::positions::{Book, Commit, Epoch, GroupOffset, LedgerId, Saved, Sum, TopicPartition, Transaction};

/// The offsets of records, by the log that they stand in.
#[derive(Clone, Default, Debug, PartialEq)]
pub struct Ranges(pub Vec<(usize, i64, i64)>);

impl Ranges {
    /// Records alone; nothing where only markers stand.
    pub fn read(group: &Group, log: usize, from: i64, to: i64) -> Ranges {
        let mut ranges = Ranges::default();
        for offset in (from..to).filter(|offset| group.logs[log].is_record[*offset as usize]) {
            ranges.push((log, offset, offset + 1));
        }
        ranges
    }

    fn push(&mut self, next: (usize, i64, i64)) {
        match self.0.last_mut() {
            Some(last) if (last.0, last.2) == (next.0, next.1) => last.2 = next.2,
            _ => self.0.push(next),
        }
    }
}

impl Sum for Ranges {
    fn merge(&mut self, later: Ranges) {
        later.0.into_iter().for_each(|range| self.push(range));
    }

    fn is_nothing(&self) -> bool {
        self.0.is_empty()
    }
}

#[derive(Clone)]
pub struct Disk {
    pub id: LedgerId,
    pub saved: BTreeMap<TopicPartition, (Saved, BTreeMap<u64, Ranges>)>,
    pub exposed: Ranges,
}

impl Disk {
    pub fn new(number: u64) -> Disk {
        let id = LedgerId::new(&format!("ledger-{number}")).expect("a good name");
        Disk { id, saved: BTreeMap::new(), exposed: Ranges::default() }
    }

    pub fn apply(&mut self, transaction: Transaction<Ranges>) {
        self.exposed.merge(transaction.folded);
        for write in transaction.writes {
            let kept = self.saved.entry(write.at).or_default();
            kept.0 = write.saved;
            for seq in write.removed {
                kept.1.remove(&seq);
            }
            kept.1.extend(write.entry);
        }
    }

    pub fn book(&self) -> Book<Ranges> {
        let all = self.saved.iter().map(|(at, (saved, counts))| (at.clone(), saved.clone(), counts.clone()));
        Book::restore(self.id.clone(), all).expect("a whole ledger")
    }
}

pub struct Held {
    pub epoch: Epoch,
    /// What the client fetches next.
    pub next: i64,
    /// The log that the client believes to read.
    pub log: usize,
    pub is_leaving: bool,
}

/// A commit that is not answered.
pub enum Flight {
    /// The client holds it back, and sends it with the generation of that moment.
    Deferred(Vec<Commit>),
    Travelling {
        member: u32,
        generation: u64,
        commits: Vec<Commit>,
    },
    /// What the group took of it.
    Answered(Vec<Commit>),
}

#[derive(Default)]
pub struct Worker {
    pub member: Option<u32>,
    pub generation: u64,
    pub held: BTreeMap<usize, Held>,
    pub flight: Option<Flight>,
}

pub struct Process {
    pub disk: Disk,
    pub backup: Option<Disk>,
    pub is_static: bool,
    pub is_up: bool,
    pub book: Book<Ranges>,
    pub workers: Vec<Worker>,
    /// Handed to the ledger and not durable.
    pub queue: VecDeque<(usize, Transaction<Ranges>)>,
    /// Workers whose transaction is durable and who do not know it.
    pub confirmed: Vec<usize>,
    pub looks: Vec<(TopicPartition, Epoch, GroupOffset)>,
}

impl Process {
    pub fn new(number: u64, workers: usize, is_static: bool) -> Process {
        let disk = Disk::new(number);
        let book = disk.book();
        let workers = (0..workers).map(|_| Worker::default()).collect();
        let (queue, confirmed, looks) = (VecDeque::new(), Vec::new(), Vec::new());
        Process { disk, backup: None, is_static, is_up: true, book, workers, queue, confirmed, looks }
    }

    pub fn write(&mut self, transactions: usize) {
        for (worker, transaction) in self.queue.drain(..transactions) {
            self.disk.apply(transaction);
            self.confirmed.push(worker);
        }
    }

    pub fn is_settled(&self) -> bool {
        let is_quiet = |worker: &Worker| worker.flight.is_none();
        self.queue.is_empty()
            && self.confirmed.is_empty()
            && self.looks.is_empty()
            && self.book.unsettled().is_empty()
            && self.workers.iter().all(is_quiet)
            && (0..self.workers.len()).all(|worker| self.book.is_settled(worker))
    }
}

impl Process {
    /// What others do: everything that was counted is shown, and reading resumes where the group says.
    pub fn expose_pending(&mut self, at: &TopicPartition) {
        if let Some((_, counts)) = self.disk.saved.get_mut(at) {
            counts.values_mut().for_each(|counts| self.disk.exposed.merge(std::mem::take(counts)));
        }
    }
}
