//! Where the partitions of Kafka sources stand, as a state directory keeps them.

use serde::Serialize;

use super::super::output::grouped;
use super::super::table::{Align, Heading, render};
use super::escaped;
use crate::ledger::store::Look;
use crate::worker::kafka;

/// Partitions of the page; `export` has all.
const SHOWN: usize = 50;

#[derive(Debug, Serialize)]
pub(super) struct Partition {
    source: String,
    topic: String,
    partition: i32,
    /// The next record to read.
    position: i64,
    /// Records that were read and whose counts wait for the group.
    pending: u64,
    /// Records that were deleted before they were read.
    lost: u64,
}

/// In order of source, topic and number.
pub(super) fn of(look: &Look) -> Vec<Partition> {
    let kept = kafka::all_kept(look.ledger.marks(kafka::MARKS));
    let partition =
        |(source, at, saved): (String, crate::positions::TopicPartition, crate::positions::Saved)| {
            Partition {
                source,
                topic: at.topic.to_string(),
                partition: at.partition,
                position: saved.state.position,
                pending: saved.pending.iter().map(|span| span.offsets()).sum(),
                lost: saved.state.lost_records,
            }
        };
    kept.into_iter().map(partition).collect()
}

pub(super) fn page(partitions: &[Partition], heading: Heading) -> String {
    let columns = [
        ("topic", Align::Left),
        ("partition", Align::Right),
        ("source", Align::Left),
        ("position", Align::Right),
        ("pending", Align::Right),
        ("lost", Align::Right),
    ];
    let rows = partitions.iter().take(SHOWN).map(|one| {
        vec![
            escaped(&one.topic),
            one.partition.to_string(),
            escaped(&one.source),
            grouped(u64::try_from(one.position).unwrap_or(0)),
            grouped(one.pending),
            grouped(one.lost),
        ]
    });
    let mut text = render(&columns, rows, heading);
    if partitions.len() > SHOWN {
        text.push_str(&format!("and {} more\n", grouped((partitions.len() - SHOWN) as u64)));
    }
    text
}
