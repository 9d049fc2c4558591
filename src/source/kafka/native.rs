//! The calls of librdkafka that its Rust wrapper lacks, behind a safe face: reading a partition's own queue in batches,
//! commits whose answers come to a queue of ours, and the ids of topics.
//!
//! Reading in batches takes 95 to 155 ns a message where `BaseConsumer::poll` takes 305 (librdkafka 2.12, Kafka 4.1, 200 B): the thread
//! that reads is the one that scans, so this is what pays for the scan. All `unsafe` of the program's Kafka input is
//! here. What holds for all of it: librdkafka's handles may be used from any thread; a [`Queue`] is destroyed before the
//! client that it is of ([`super::Client`] holds both in that order); messages are valid until they are destroyed.
#![expect(
    unsafe_code,
    reason = "see above: twice the speed of the safe calls, and calls that have no safe form"
)]

use std::ffi::{CStr, CString};
use std::ptr;
use std::slice;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::bindings as rd;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::types::{RDKafkaErrorCode, RDKafkaRespErr};
use rdkafka::{Offset, TopicPartitionList};

use crate::positions::{TopicId, TopicPartition};

/// A queue of librdkafka's.
#[derive(Debug)]
struct Queue(*mut rd::rd_kafka_queue_t);

// SAFETY: queues have their own locks; any thread may use them.
unsafe impl Send for Queue {}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: it is ours and destroyed once; the client is still there (see the head of the file).
        unsafe { rd::rd_kafka_queue_destroy(self.0) }
    }
}

/// The messages of one partition, apart from all others.
#[derive(Debug)]
pub(super) struct PartitionQueue(Queue);

impl PartitionQueue {
    /// To be made before the partition is assigned, so that no message goes anywhere else.
    pub fn of<C: ConsumerContext>(consumer: &BaseConsumer<C>, partition: &TopicPartition) -> PartitionQueue {
        let topic = c_string(&partition.topic);
        let client = consumer.client().native_ptr();
        // SAFETY: the client lives, the name is a C string; the call gives a queue of its own reference for any name.
        let queue = unsafe { rd::rd_kafka_queue_get_partition(client, topic.as_ptr(), partition.partition) };
        assert!(!queue.is_null(), "a consumer has a queue for each partition");
        // SAFETY: a queue that was just made; without a target it keeps its messages for itself.
        unsafe { rd::rd_kafka_queue_forward(queue, ptr::null_mut()) };
        PartitionQueue(Queue(queue))
    }
}

/// Messages that were read at one go, at most as many as it was made for. Reading again lets go of those before.
#[derive(Debug)]
pub struct Messages {
    /// Room; what `held` counts is valid.
    slots: Vec<*mut rd::rd_kafka_message_t>,
    held: usize,
}

// SAFETY: messages are not bound to the thread that read them.
unsafe impl Send for Messages {}

impl Drop for Messages {
    fn drop(&mut self) {
        self.let_go();
    }
}

impl Messages {
    pub fn with_room_for(messages: usize) -> Messages {
        Messages { slots: vec![ptr::null_mut(); messages], held: 0 }
    }

    /// Takes what is there; waits for nothing. Gives their number.
    pub(super) fn read(&mut self, queue: &PartitionQueue) -> usize {
        self.let_go();
        // SAFETY: the queue lives, the slots have the room that is named. A negative answer says that nothing was read.
        let read = unsafe {
            rd::rd_kafka_consume_batch_queue(queue.0.0, 0, self.slots.as_mut_ptr(), self.slots.len())
        };
        self.held = usize::try_from(read).unwrap_or(0).min(self.slots.len());
        self.held
    }

    pub fn len(&self) -> usize {
        self.held
    }

    pub fn is_empty(&self) -> bool {
        self.held == 0
    }

    /// Panics where there are fewer.
    pub fn get(&self, place: usize) -> Message<'_> {
        // SAFETY: the first `held` slots were filled by librdkafka, and are valid as long as this is borrowed.
        Message(unsafe { &*self.slots[..self.held][place] })
    }

    pub fn iter(&self) -> impl Iterator<Item = Message<'_>> {
        (0..self.held).map(|place| self.get(place))
    }

    /// Forgets what it holds. To be done before the client that they are of goes: it waits for them without end.
    pub fn let_go(&mut self) {
        for slot in &self.slots[..std::mem::take(&mut self.held)] {
            // SAFETY: each was given to us and is destroyed once: nothing is held any more.
            unsafe { rd::rd_kafka_message_destroy(*slot) };
        }
    }
}

/// One message, or what went wrong in its place.
#[derive(Clone, Copy)]
pub struct Message<'m>(&'m rd::rd_kafka_message_t);

impl<'m> Message<'m> {
    /// With an error it is no message: its payload says what is wrong, and its offset where.
    pub fn error(&self) -> Option<RDKafkaErrorCode> {
        match self.0.err {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR => None,
            error => Some(error.into()),
        }
    }

    pub fn offset(&self) -> i64 {
        self.0.offset
    }

    /// `None` of a tombstone.
    pub fn payload(&self) -> Option<&'m [u8]> {
        // SAFETY: librdkafka's own pair of a pointer and a length.
        unsafe { bytes(self.0.payload.cast(), self.0.len) }
    }

    pub fn key(&self) -> Option<&'m [u8]> {
        // SAFETY: as of the payload.
        unsafe { bytes(self.0.key.cast(), self.0.key_len) }
    }

    /// When it was written as far as the broker or its writer says so. Milliseconds since 1970.
    pub fn timestamp(&self) -> Option<i64> {
        // SAFETY: a message that is held; its type is not asked for.
        let timestamp = unsafe { rd::rd_kafka_message_timestamp(self.0, ptr::null_mut()) };
        (timestamp > 0).then_some(timestamp)
    }

    /// The last header of this name.
    pub fn header(&self, name: &CStr) -> Option<&'m [u8]> {
        let mut headers = ptr::null_mut();
        // SAFETY: a message that is held; headers are parsed inside of it and live as long.
        let found = unsafe { rd::rd_kafka_message_headers(self.0, &mut headers) };
        if found != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
            return None;
        }
        let (mut value, mut len) = (ptr::null(), 0);
        // SAFETY: headers of a message that is held, a C string, and two places to write to.
        let found = unsafe { rd::rd_kafka_header_get_last(headers, name.as_ptr(), &mut value, &mut len) };
        // SAFETY: librdkafka's own pair of a pointer and a length.
        (found == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR).then(|| unsafe { bytes(value.cast(), len) })?
    }
}

/// SAFETY: `len` bytes at `start` live as long as `'m`; a null pointer is nothing.
unsafe fn bytes<'m>(start: *const u8, len: usize) -> Option<&'m [u8]> {
    // SAFETY: as the caller says.
    (!start.is_null()).then(|| unsafe { slice::from_raw_parts(start, len) })
}

/// An offset to store in the group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offered {
    pub partition: TopicPartition,
    /// Of the next message to read.
    pub offset: i64,
    pub metadata: String,
}

/// What came back.
#[derive(Debug)]
pub enum Reply {
    /// What became of a commit, a partition each. Where all of it failed there may be none.
    Committed { error: Option<RDKafkaErrorCode>, partitions: Vec<(Offered, Option<RDKafkaErrorCode>)> },
    /// What topics are now.
    Topics(Vec<Topic>),
}

/// A topic as the brokers have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    pub name: String,
    /// `None` where the topic is not there, or the broker does not say.
    pub id: Option<TopicId>,
    /// 0 where it is not there.
    pub partitions: usize,
}

/// A queue that nothing but the answers to our own questions comes to.
#[derive(Debug)]
pub(super) struct Replies(Queue);

impl Replies {
    pub fn of<C: ConsumerContext>(consumer: &BaseConsumer<C>) -> Replies {
        // SAFETY: the client lives.
        let queue = unsafe { rd::rd_kafka_queue_new(consumer.client().native_ptr()) };
        assert!(!queue.is_null(), "a client has queues");
        Replies(Queue(queue))
    }

    /// Sends offsets to the group; the answer comes as [`Reply::Committed`].
    pub fn commit<C: ConsumerContext>(
        &self,
        consumer: &BaseConsumer<C>,
        offered: &[Offered],
    ) -> Result<(), RDKafkaErrorCode> {
        let mut list = TopicPartitionList::with_capacity(offered.len());
        for Offered { partition, offset, metadata } in offered {
            let mut entry = list.add_partition(&partition.topic, partition.partition);
            entry.set_offset(Offset::Offset(*offset)).map_err(|_| RDKafkaErrorCode::InvalidArgument)?;
            entry.set_metadata(metadata);
        }
        let client = consumer.client().native_ptr();
        // SAFETY: client, list and queue live; the list is copied. Without a callback the answer is an event.
        let error = unsafe { rd::rd_kafka_commit_queue(client, list.ptr(), self.0.0, None, ptr::null_mut()) };
        if error == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR { Ok(()) } else { Err(error.into()) }
    }

    /// Asks for the ids of topics; the answer comes as [`Reply::Topics`].
    pub fn ask_for_ids<C: ConsumerContext>(&self, consumer: &BaseConsumer<C>, topics: &[Arc<str>]) {
        let names: Vec<CString> = topics.iter().map(|topic| c_string(topic)).collect();
        let mut pointers: Vec<_> = names.iter().map(|name| name.as_ptr()).collect();
        // SAFETY: C strings that live over the calls; the collection copies them and is destroyed once.
        unsafe {
            let topics = rd::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len());
            let client = consumer.client().native_ptr();
            rd::rd_kafka_DescribeTopics(client, topics, ptr::null(), self.0.0);
            rd::rd_kafka_TopicCollection_destroy(topics);
        }
    }

    /// The next answer; waits at most `patience`.
    pub fn next(&self, patience: Duration) -> Option<Reply> {
        let millis = i32::try_from(patience.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: the queue lives; an event is ours until it is destroyed.
        let event = unsafe { rd::rd_kafka_queue_poll(self.0.0, millis) };
        if event.is_null() {
            return None;
        }
        // SAFETY: an event that lives; what it holds is read before it is destroyed, once.
        unsafe {
            let reply = match rd::rd_kafka_event_type(event) {
                rd::RD_KAFKA_EVENT_OFFSET_COMMIT => Some(committed(event)),
                rd::RD_KAFKA_EVENT_DESCRIBETOPICS_RESULT => Some(described(event)),
                _ => None,
            };
            rd::rd_kafka_event_destroy(event);
            reply
        }
    }
}

/// SAFETY: the event of a commit, alive.
unsafe fn committed(event: *mut rd::rd_kafka_event_t) -> Reply {
    // SAFETY: as the caller says.
    let (error, list) =
        unsafe { (rd::rd_kafka_event_error(event), rd::rd_kafka_event_topic_partition_list(event)) };
    let code = |error: RDKafkaRespErr| {
        (error != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR).then(|| RDKafkaErrorCode::from(error))
    };
    let mut partitions = Vec::new();
    if !list.is_null() {
        // SAFETY: the list belongs to the event, with `cnt` elements.
        let elements = unsafe { elements(&*list) };
        for element in elements {
            // SAFETY: a name that ends with a 0, and metadata with its length or none at all.
            let (topic, metadata) = unsafe {
                (CStr::from_ptr(element.topic), bytes(element.metadata.cast(), element.metadata_size))
            };
            let topic = topic.to_string_lossy().as_ref().into();
            let offered = Offered {
                partition: TopicPartition { topic, partition: element.partition },
                offset: element.offset,
                metadata: String::from_utf8_lossy(metadata.unwrap_or_default()).into_owned(),
            };
            partitions.push((offered, code(element.err)));
        }
    }
    Reply::Committed { error: code(error), partitions }
}

/// SAFETY: a list of librdkafka's, alive as long as it is borrowed.
unsafe fn elements(list: &rd::rd_kafka_topic_partition_list_t) -> &[rd::rd_kafka_topic_partition_t] {
    match usize::try_from(list.cnt) {
        // SAFETY: as the caller says.
        Ok(count) if count > 0 => unsafe { slice::from_raw_parts(list.elems, count) },
        _ => &[],
    }
}

/// SAFETY: the event of a description of topics, alive.
unsafe fn described(event: *mut rd::rd_kafka_event_t) -> Reply {
    let mut topics = Vec::new();
    // SAFETY: all of it belongs to the event: an array of `count` descriptions, each with a name and an id.
    unsafe {
        let result = rd::rd_kafka_event_DescribeTopics_result(event);
        let mut count = 0;
        let found = match result.is_null() {
            true => ptr::null_mut(),
            false => rd::rd_kafka_DescribeTopics_result_topics(result, &mut count),
        };
        for place in 0..if found.is_null() { 0 } else { count } {
            let topic = *found.add(place);
            let name = CStr::from_ptr(rd::rd_kafka_TopicDescription_name(topic));
            let id = rd::rd_kafka_TopicDescription_topic_id(topic);
            let id = (!id.is_null()).then(|| {
                let high = rd::rd_kafka_Uuid_most_significant_bits(id).cast_unsigned();
                let low = rd::rd_kafka_Uuid_least_significant_bits(id).cast_unsigned();
                u128::from(high) << 64 | u128::from(low)
            });
            let mut partitions = 0;
            rd::rd_kafka_TopicDescription_partitions(topic, &mut partitions);
            topics.push(Topic {
                name: name.to_string_lossy().into_owned(),
                // All zeros is the broker's way to say that it has none.
                id: id.filter(|id| *id != 0).map(TopicId),
                partitions,
            });
        }
    }
    Reply::Topics(topics)
}

/// Topic names come from a broker or from a configuration that refuses control characters: a 0 stands in none.
fn c_string(text: &str) -> CString {
    CString::new(text.replace('\0', "")).expect("there is no 0 in it")
}
