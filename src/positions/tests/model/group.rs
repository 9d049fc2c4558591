//! The broker: logs, the group's members and their generations, the group's offsets.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::dice::Dice;
use crate::positions::{Commit, GroupOffset, Stamp, TopicId, TopicPartition};

/// One life of a partition.
pub struct Log {
    pub topic: TopicId,
    pub low: i64,
    /// Whether an offset is a record; a transaction's marker is none.
    pub is_record: Vec<bool>,
    /// The first offset that the group ever had for it.
    pub start: Option<i64>,
    /// The first offset that anybody read.
    pub first_read: Option<i64>,
    pub is_current: bool,
}

impl Log {
    pub fn high(&self) -> i64 {
        self.is_record.len() as i64
    }
}

/// What the group holds for a partition.
#[derive(Clone)]
pub struct Stored {
    pub offset: i64,
    pub metadata: String,
    /// Where the owner of the stamp took over.
    pub taken_over: i64,
}

#[derive(Default)]
pub struct Group {
    pub generation: u64,
    pub members: BTreeSet<u32>,
    pub last_member: u32,
    pub partitions: Vec<Slot>,
    pub logs: Vec<Log>,
}

pub struct Slot {
    pub at: TopicPartition,
    pub owner: Option<u32>,
    /// The group wants it back from its owner.
    pub is_called_back: bool,
    pub stored: Option<Stored>,
    /// Index of its present log.
    pub log: usize,
    /// Added to a known topic.
    pub is_added: bool,
    pub is_there: bool,
}

impl Group {
    pub fn new(partitions: usize, topic: TopicId) -> Group {
        let mut group = Group::default();
        for partition in 0..partitions {
            let at = TopicPartition { topic: Arc::from("t"), partition: partition as i32 };
            let log = group.begin_log(topic);
            let slot = Slot {
                at,
                log,
                owner: None,
                is_called_back: false,
                stored: None,
                is_added: false,
                is_there: true,
            };
            group.partitions.push(slot);
        }
        group
    }

    fn begin_log(&mut self, topic: TopicId) -> usize {
        self.logs.push(Log {
            topic,
            low: 0,
            is_record: Vec::new(),
            start: None,
            first_read: None,
            is_current: true,
        });
        self.logs.len() - 1
    }

    pub fn log(&mut self, partition: usize) -> &mut Log {
        let log = self.partitions[partition].log;
        &mut self.logs[log]
    }

    /// Deleting a topic deletes the group's offsets.
    pub fn recreate(&mut self, topic: TopicId) {
        for partition in 0..self.partitions.len() {
            self.log(partition).is_current = false;
            self.partitions[partition].log = self.begin_log(topic);
            self.partitions[partition].stored = None;
        }
    }

    pub fn join(&mut self) -> u32 {
        self.last_member += 1;
        self.generation += 1;
        self.members.insert(self.last_member);
        self.last_member
    }

    /// A static member comes back under its name: what it had it has, and the old one is fenced.
    pub fn replace(&mut self, old: u32) -> Option<u32> {
        if !self.members.remove(&old) {
            return None;
        }
        self.last_member += 1;
        self.members.insert(self.last_member);
        let mine = self.partitions.iter_mut().filter(|slot| slot.owner == Some(old));
        mine.for_each(|slot| slot.owner = Some(self.last_member));
        Some(self.last_member)
    }

    pub fn kick(&mut self, member: u32) {
        if self.members.remove(&member) {
            self.generation += 1;
        }
        let mine = self.partitions.iter_mut().filter(|slot| slot.owner == Some(member));
        mine.for_each(|slot| (slot.owner, slot.is_called_back) = (None, false));
    }

    pub fn give(&mut self, partition: usize, member: u32) {
        self.generation += 1;
        self.partitions[partition].owner = Some(member);
        self.partitions[partition].is_called_back = false;
    }

    pub fn unassigned(&mut self, partition: usize, member: u32) {
        let slot = &mut self.partitions[partition];
        if slot.owner == Some(member) {
            (slot.owner, slot.is_called_back) = (None, false);
        }
    }

    /// The broker asks for the generation and nothing else; not even whether the partition is the member's.
    pub fn commit(&mut self, member: u32, generation: u64, commit: &Commit) -> bool {
        if !self.members.contains(&member) || generation != self.generation {
            return false;
        }
        let partition = commit.at.partition as usize;
        let before = self.partitions[partition].stored.take();
        let owner = |metadata: &str| Stamp::parse(metadata).map(|stamp| stamp.owner.ledger);
        let taken_over = match &before {
            Some(stored) if owner(&stored.metadata) == owner(&commit.metadata) => stored.taken_over,
            Some(stored) => stored.offset,
            None => 0,
        };
        assert!(commit.metadata.len() < 4_000);
        self.log(partition).start.get_or_insert(commit.offset);
        let metadata = commit.metadata.clone();
        self.partitions[partition].stored = Some(Stored { offset: commit.offset, metadata, taken_over });
        true
    }

    pub fn look(&self, partition: usize) -> GroupOffset {
        match &self.partitions[partition].stored {
            Some(stored) => GroupOffset::Some { offset: stored.offset, metadata: stored.metadata.clone() },
            None => GroupOffset::None,
        }
    }

    pub fn produce(&mut self, partition: usize, markers: u64, dice: &mut Dice) {
        for _ in 0..1 + dice.below(5) {
            let is_record = !dice.percent(markers);
            self.log(partition).is_record.push(is_record);
        }
    }
}
