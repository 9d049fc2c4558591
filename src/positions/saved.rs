//! What the ledger keeps of a partition. The counts of its entries are kept apart, each under its number, so that a
//! change of the position does not write them again.

use serde::{Deserialize, Serialize};

use super::TopicId;
use super::stamp::Owner;

/// Why reading did not go on where it had ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ResetReason {
    /// The log begins behind the position.
    Retention,
    /// The topic was deleted and made again.
    Recreated,
    /// The log of the same topic ends before the position: a leader lost its end.
    Truncated,
    /// Somebody moved the group's offset.
    Operator,
    /// The group forgot its offset.
    Expired,
}

impl ResetReason {
    pub const ALL: [ResetReason; 5] = [
        ResetReason::Retention,
        ResetReason::Recreated,
        ResetReason::Truncated,
        ResetReason::Operator,
        ResetReason::Expired,
    ];

    pub fn name(self) -> &'static str {
        match self {
            ResetReason::Retention => "lost",
            ResetReason::Recreated => "recreated",
            ResetReason::Truncated => "truncated",
            ResetReason::Operator => "operator",
            ResetReason::Expired => "expired",
        }
    }
}

/// Why pending counts were never shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DropReason {
    /// The group never accepted them and another ledger reads these records.
    Overtaken,
    Recreated,
    Truncated,
    Operator,
    /// The group forgot its offset, and this ledger was not its last owner.
    Expired,
}

impl DropReason {
    pub const ALL: [DropReason; 5] = [
        DropReason::Overtaken,
        DropReason::Recreated,
        DropReason::Truncated,
        DropReason::Operator,
        DropReason::Expired,
    ];

    pub fn name(self) -> &'static str {
        match self {
            DropReason::Overtaken => "overtaken",
            DropReason::Recreated => "recreated",
            DropReason::Truncated => "truncated",
            DropReason::Operator => "operator",
            DropReason::Expired => "expired",
        }
    }
}

/// A commit of the group, by which it is known again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    pub offset: i64,
    /// `None` without a stamp.
    pub owner: Option<Owner>,
    pub topic: Option<TopicId>,
}

/// Everything of a partition that outlives the process, but for its entries.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The next offset to read: everything before it is folded, pending, or somebody else's.
    pub position: i64,
    /// The newest entry's number; never used again, also when its entry was dropped.
    pub seq: u64,
    /// This ledger was the last owner that it knows of.
    pub is_mine: bool,
    /// The owners before, as this ledger stamps them.
    pub before: Vec<Owner>,
    /// What the group held when the partition was assigned to this ledger last.
    pub seen: Option<Seen>,
    /// The life of the topic that `position` belongs to.
    pub topic: Option<TopicId>,
    /// Offsets that were deleted before they were read.
    pub lost_records: u64,
    /// By [`ResetReason`] in the order of `ALL`.
    pub resets: [u64; ResetReason::ALL.len()],
    /// Offsets behind dropped entries (a marker is one too), by [`DropReason`] in the order of `ALL`.
    pub dropped: [u64; DropReason::ALL.len()],
}

/// An entry without its counts: the offsets `from..to`, `lost` of which were deleted before they were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    pub seq: u64,
    pub from: i64,
    pub to: i64,
    pub lost: u64,
}

impl Span {
    /// How many of its offsets were read.
    pub fn offsets(&self) -> u64 {
        self.to.abs_diff(self.from).saturating_sub(self.lost)
    }
}

/// One partition as the ledger keeps it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    pub state: State,
    /// Oldest first.
    pub pending: Vec<Span>,
}
