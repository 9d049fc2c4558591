//! What is asked of a book and what it answers: plain values, for the worker to act on and to log.

use super::saved::Saved;
use super::stamp::LedgerId;
use super::{Epoch, TopicPartition};

/// What the group holds for a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupOffset {
    None,
    /// `offset` is the next one to read; negative is as good as `None`.
    Some {
        offset: i64,
        metadata: String,
    },
}

/// Whether a partition that nobody has an offset for was there when its topic was seen first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appeared {
    WithTopic,
    /// Added to a topic that was known: all of it is news, whatever the policy.
    Later,
}

/// Where to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    At(i64),
    /// Where the user's policy says; tell the book by `resolved`.
    Policy,
    /// At the first record that there is; tell the book by `resolved`.
    Earliest,
}

/// What a look at the group showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// No offset and nothing in the ledger: the policy.
    First,
    /// No offset, and the partition was added to a known topic.
    Added,
    /// This ledger's own stamp, or nothing to learn.
    Own,
    /// This ledger's own stamp, ahead of the ledger: the ledger was set back. It wins, its totals are one pass.
    SetBack,
    /// Another ledger owned it meanwhile.
    Other(LedgerId),
    /// No offset any more.
    Expired,
    /// An offset without a stamp.
    Operator,
    /// Another life of the topic.
    Recreated,
    /// The log begins behind the position: so many offsets were never read.
    Deleted(u64),
    /// The log ends before the position.
    Truncated,
}

/// For the log and the metrics. Numbers are offsets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    pub found: Found,
    /// Accepted, as the look showed: exposed with the next transaction.
    pub folded: u64,
    /// Pending counts that will never be shown. They are in [`super::State::dropped`] too.
    pub dropped: u64,
    /// Counts that were not in the ledger yet; their records are read again.
    pub unread: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// Goes with everything that is told of this partition from now on.
    pub epoch: Epoch,
    pub start: Start,
    pub note: Note,
}

/// Why something was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The partition is assigned anew, or to nobody.
    OldEpoch,
    /// The records lie before the position: they are counted already.
    BeforePosition { position: i64 },
    /// `resolved` was not told yet.
    NoPosition,
    /// Of a later look: somebody owns the partition.
    Owned,
}

/// One transaction of the ledger: all of it or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction<T> {
    /// Exposed once it is durable.
    pub folded: T,
    pub writes: Vec<Write<T>>,
}

/// What changes of one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write<T> {
    pub at: TopicPartition,
    /// Takes the place of the older one.
    pub saved: Saved,
    /// The counts of an entry, by its number; they take the place of the older ones.
    pub entry: Option<(u64, T)>,
    /// Entries whose counts go.
    pub removed: Vec<u64>,
}

/// What to tell the group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    pub at: TopicPartition,
    pub epoch: Epoch,
    pub seq: u64,
    pub offset: i64,
    pub metadata: String,
}

/// What a partition that went left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    pub at: TopicPartition,
    /// Offsets that were counted and not in the ledger yet. Not a loss: the next owner reads them.
    pub unread: u64,
    /// Entries that a later look at the group has to settle.
    pub pending: usize,
}
