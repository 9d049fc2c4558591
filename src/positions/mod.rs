//! Where each partition of a topic stands and which of its counts may be shown: the rules of exactness, as values.
//!
//! A count goes *fresh* (memory) → *pending* (the ledger) → *folded* (exposed, once the group has accepted its entry). A
//! [`Book`] holds the partitions of one ledger; its methods say what to write, to send and where to start, and do nothing
//! of it. Knows no client, no clock and no file; what is counted is a [`Sum`]. [`stamp`] is what the group keeps for us,
//! `look` what a look at it means; read these two first.
//!
//! It rests on four things outside of it: transactions of one partition become durable in order, a commit of an old
//! generation is refused, a commit in flight is waited for before its worker joins again, and counting is deterministic.

pub mod stamp;
mod answer;
mod book;
mod look;
mod partition;
mod saved;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use answer::{
    Appeared, Assignment, Commit, Found, GroupOffset, Left, Note, Refused, Start, Transaction, Write,
};
pub use book::{Book, Damage};
pub use saved::{DropReason, ResetReason, Saved, Seen, Span, State};
pub use stamp::{LedgerId, Stamp};

/// What is counted. All that a record adds has to be in it, so that it is folded or dropped as one.
pub trait Sum: Clone + Default {
    /// Adds what was counted behind this.
    fn merge(&mut self, later: Self);

    fn is_nothing(&self) -> bool;
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TopicPartition {
    pub topic: Arc<str>,
    pub partition: i32,
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.topic, self.partition)
    }
}

/// The broker's name for one life of a topic: a topic that is made again gets another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TopicId(pub u128);

/// One assignment of a partition to a worker. No two of a book are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Epoch(pub u64);
