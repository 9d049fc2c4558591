//! One assigned partition: its messages are read in batches, taken apart as configured and judged, and what they gave is
//! counted apart from all others until it is handed in with the position.
//!
//! Small messages are copied behind one another, so that one scan serves many; from [`LARGE_BYTES`] on a message is
//! scanned where it lies. Nothing is kept of a message when its batch is over.

use std::ffi::CString;

use super::Reading;
use super::corrupt::Search;
use crate::aggregation::Tally;
use crate::event::{Millis, Origin, SkipReason};
use crate::framing::{Wrapping, json};
use crate::pipeline::{Batch, Framing, Messages as Shape, Pipeline};
use crate::positions::{Epoch, TopicId, TopicPartition};
use crate::source::kafka::{self, Envelope, Figures, Messages, Setting, TenantFrom};

/// From here on a message has a scan of its own: slower at 1 KB, 1.15 times as fast at 4 KB (processor time of the thread
/// in `cargo bench --bench kafka -- 3 4KB`, with this and with a larger value).
const LARGE_BYTES: usize = 2 << 10;
/// A batch is judged when it is so large.
const BATCH_BYTES: usize = 256 << 10;

/// What is the same for all partitions of a source.
pub struct Shapes {
    framing: kafka::Framing,
    wrapping: Wrapping,
    tenant: Option<Tenant>,
}

enum Tenant {
    Header(CString),
    Key,
    Topic,
    Field(String),
}

impl Shapes {
    pub fn of(setting: &Setting) -> Shapes {
        let tenant = setting.tenant.as_ref().map(|tenant| match tenant {
            TenantFrom::Header(name) => Tenant::Header(CString::new(name.as_str()).unwrap_or_default()),
            TenantFrom::Key => Tenant::Key,
            TenantFrom::Topic => Tenant::Topic,
            TenantFrom::Field(path) => Tenant::Field(path.clone()),
        });
        let wrapping = match setting.envelope {
            Envelope::Auto => Wrapping::Auto,
            Envelope::Raw => Wrapping::Raw,
            Envelope::Filebeat => Wrapping::Filebeat,
            Envelope::Fluentbit => Wrapping::Fluentbit,
            Envelope::Vector => Wrapping::Vector,
        };
        Shapes { framing: setting.framing, wrapping, tenant }
    }
}

pub struct Lane {
    pub at: TopicPartition,
    pub epoch: Epoch,
    /// The group knows where reading began.
    pub may_read: bool,
    /// The life of the topic that is read, where the broker told.
    pub topic_id: Option<TopicId>,
    tally: Tally,
    origin: Origin,
    /// That the topic's name names.
    tenant: Option<String>,
    /// Everything before it was read.
    pub next: i64,
    /// What the client said of the position right after the assignment: it may be that of an older one.
    pub stale: Option<i64>,
    /// The client takes an error for a message: its position is behind one, or behind whatever offset the error names,
    /// until the next message is read.
    pub is_doubted: bool,
    /// Where a batch stands that cannot be read, when that was said.
    pub corrupt_at: Option<i64>,
    /// The end of that batch is being looked for; what is read meanwhile is not counted.
    pub search: Option<Search>,
    /// When the last record that was read was written. Milliseconds since 1970.
    pub written: Option<i64>,
}

impl Lane {
    pub fn new(
        at: TopicPartition,
        epoch: Epoch,
        next: i64,
        topic_id: Option<TopicId>,
        tally: Tally,
        tenant: Option<String>,
    ) -> Lane {
        let origin = Origin { topic: Some(at.topic.to_string()), ..Origin::default() };
        Lane {
            at,
            epoch,
            may_read: false,
            topic_id,
            tally,
            origin,
            tenant,
            next,
            stale: None,
            is_doubted: false,
            corrupt_at: None,
            search: None,
            written: None,
        }
    }

    /// Judges and counts all messages. What stands in a message's place is given back: the error, and where.
    pub fn take(
        &mut self,
        messages: &Messages,
        shapes: &Shapes,
        batch: &mut Batch,
        pipeline: &mut Pipeline,
        figures: &mut Figures,
        now: Millis,
    ) -> Reading {
        pipeline.swap_tally(&mut self.tally);
        let topic_tenant = self.tenant.as_deref();
        let tenant = |message: usize, text: &[u8]| -> Option<String> {
            let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            match shapes.tenant.as_ref()? {
                Tenant::Header(name) => messages.get(message).header(name.as_c_str()).map(lossy),
                Tenant::Key => messages.get(message).key().map(lossy),
                Tenant::Topic => topic_tenant.map(str::to_owned),
                Tenant::Field(path) => json::field(text, path),
            }
        };
        let shape = Shape {
            framing: match shapes.framing {
                kafka::Framing::Newline => Framing::Lines,
                kafka::Framing::None | kafka::Framing::JsonArray => Framing::Whole,
            },
            wrapping: shapes.wrapping,
            origin: &self.origin,
            tenant: &tenant,
            now,
        };
        let mut reading = Reading::default();
        for (place, message) in messages.iter().enumerate() {
            if let Some(code) = message.error() {
                // The first is the cause, and others follow from it.
                reading.error.get_or_insert(code);
                self.is_doubted = true;
                continue;
            }
            if self.search.is_some() {
                reading.found_readable = true;
                break;
            }
            if message.offset() < self.next {
                figures.refused_records += 1;
                continue;
            }
            self.next = message.offset() + 1;
            (self.stale, self.is_doubted) = (None, false);
            figures.records += 1;
            reading.records += 1;
            let Some(payload) = message.payload().filter(|payload| !payload.is_empty()) else {
                figures.tombstones += 1;
                continue;
            };
            figures.bytes += payload.len() as u64;
            match unreadable(payload) {
                Some(reason) => {
                    *figures.undecodable.entry(reason).or_default() += 1;
                    give_up(pipeline, payload.len());
                }
                None if shapes.framing == kafka::Framing::JsonArray => {
                    if !take_elements(payload, place, batch, pipeline, &shape) {
                        *figures.undecodable.entry("json_array").or_default() += 1;
                    }
                }
                None if payload.len() >= LARGE_BYTES => pipeline.push_message(payload, place, &shape),
                None => batch.push(payload, place),
            }
            if batch.len() >= BATCH_BYTES {
                pipeline.push_batch(batch, &shape);
            }
        }
        pipeline.push_batch(batch, &shape);
        if reading.records > 0 {
            self.written = messages.get(messages.len() - 1).timestamp().or(self.written);
        }
        pipeline.swap_tally(&mut self.tally);
        reading
    }

    /// What was counted since the last time.
    pub fn counts(&mut self) -> crate::event::Delta {
        self.tally.take()
    }
}

/// What no text begins with.
fn unreadable(payload: &[u8]) -> Option<&'static str> {
    match payload {
        // Confluent's wire format: 0 and the number of a schema.
        [0, _, _, _, _, ..] => Some("confluent_wire"),
        [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x04, 0x22, 0x4d, 0x18, ..] => Some("compressed"),
        _ => None,
    }
}

fn give_up(pipeline: &mut Pipeline, bytes: usize) {
    let tally = pipeline.tally();
    tally.undecodable_lines(1);
    tally.bytes_read(bytes as u64);
    tally.bytes_skipped(SkipReason::Undecodable, bytes as u64);
}

/// Each element of an array as a record; `false` where the payload is none from some place on, which is judged as it is.
fn take_elements(
    payload: &[u8],
    place: usize,
    batch: &mut Batch,
    pipeline: &mut Pipeline,
    shape: &Shape<'_>,
) -> bool {
    let mut done = 0;
    for element in json::elements(payload) {
        match element {
            Ok(value) => {
                let record = value.record(payload);
                done = value.end();
                match record.len() >= LARGE_BYTES {
                    true => pipeline.push_message(&record, place, shape),
                    false => batch.push(&record, place),
                }
            }
            Err(json::Broken) => {
                pipeline.push_batch(batch, shape);
                pipeline.push_message(&payload[done..], place, shape);
                return false;
            }
        }
    }
    true
}
