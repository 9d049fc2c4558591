//! A member of a consumer group: librdkafka's consumer, its partitions' queues, and what it says of itself.
//!
//! A change of the assignment is not acted upon inside of librdkafka's callback: it is handed to whoever polls, as a
//! [`Change`], who says where to begin ([`Client::assign`]) or lets go ([`Client::unassign`]) when its books are right.
//! The rest of the group waits for that, librdkafka too. Knows nothing of counts. Read next: `native`, `reports`.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::util::Timeout;
use rdkafka::{Offset, TopicPartitionList};

use super::native::{Messages, Offered, PartitionQueue, Replies, Reply};
use super::reports::Reports;
use super::setting::TokenFrom;
use super::token;
use super::value::Secret;
use crate::positions::{GroupOffset, TopicPartition};

/// Reports that are taken in between two questions.
const REPORTS_AT_ONCE: usize = 64;

/// What the group wants.
#[derive(Debug, PartialEq, Eq)]
pub enum Change {
    Assigned(Vec<TopicPartition>),
    Revoked {
        partitions: Vec<TopicPartition>,
        /// The group gave them to somebody else already.
        is_lost: bool,
    },
}

/// What a poll brought.
#[derive(Debug)]
pub enum Polled {
    Nothing,
    Changed(Change),
    /// This client will never work again.
    Fatal(String),
}

#[derive(Debug)]
struct Context {
    reports: Arc<Reports>,
    tokens: Option<TokenFrom>,
    change: Mutex<Option<Change>>,
    /// Nobody will act on a change any more.
    is_abandoned: AtomicBool,
}

impl ClientContext for Context {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.reports.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown);
        self.reports.error(code, reason);
    }

    fn stats_raw(&self, statistics: &[u8]) {
        self.reports.statistics(statistics);
    }

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        let tokens = self.tokens.as_ref().ok_or("no token was configured")?;
        token::next(tokens).inspect_err(|why| self.reports.no_token(&why.to_string())).map_err(Into::into)
    }
}

impl ConsumerContext for Context {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, error: RDKafkaRespErr, list: &mut TopicPartitionList) {
        if self.is_abandoned.load(Ordering::Acquire) {
            // Only on the way out, when positions are safe already.
            if error == RDKafkaRespErr::RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS {
                let _ = consumer.incremental_unassign(list);
            }
            return;
        }
        let partitions = partitions(list);
        let change = match error {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => Change::Assigned(partitions),
            _ => Change::Revoked { partitions, is_lost: consumer.assignment_lost() },
        };
        let before = self.change.lock().unwrap_or_else(PoisonError::into_inner).replace(change);
        debug_assert!(before.is_none(), "a poll brings one change: {before:?}");
    }
}

fn partitions(list: &TopicPartitionList) -> Vec<TopicPartition> {
    let elements = list.elements();
    let named = |topic: &str, partition| TopicPartition { topic: topic.into(), partition };
    elements.iter().map(|element| named(element.topic(), element.partition())).collect()
}

fn listed<'p>(partitions: impl IntoIterator<Item = &'p TopicPartition>) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for partition in partitions {
        list.add_partition(&partition.topic, partition.partition);
    }
    list
}

/// Queues first: they go before the client does.
#[derive(Debug)]
pub struct Client {
    queues: BTreeMap<TopicPartition, PartitionQueue>,
    replies: Replies,
    consumer: Consuming,
}

struct Consuming(BaseConsumer<Context>);

impl std::fmt::Debug for Consuming {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Consuming")
    }
}

impl Client {
    /// Connects to nobody yet. An error names the key that librdkafka does not take, never its value.
    pub fn new(
        properties: &[(String, Secret)],
        tokens: Option<TokenFrom>,
        reports: Arc<Reports>,
    ) -> Result<Client, String> {
        let mut config = ClientConfig::new();
        // What it logs comes to `Reports`, which decides what people see.
        config.set_log_level(RDKafkaLogLevel::Info);
        for (key, value) in properties {
            config.set(key, value.reveal());
        }
        let (change, is_abandoned) = Default::default();
        let context = Context { reports: reports.clone(), tokens, change, is_abandoned };
        let consumer: BaseConsumer<Context> =
            config.create_with_context(context).map_err(|error| match error {
                KafkaError::ClientConfig(_, why, key, _) => format!("{key}: {}", reports.clean(&why)),
                KafkaError::ClientCreation(why) => of_file(properties, reports.clean(&why)),
                error => reports.clean(&error.to_string()),
            })?;
        let replies = Replies::of(&consumer);
        Ok(Client { queues: BTreeMap::new(), replies, consumer: Consuming(consumer) })
    }

    /// Joins the group for these topics; a name that begins with `^` is a regular expression of librdkafka's.
    pub fn subscribe(&self, topics: &[&str]) -> Result<(), String> {
        self.consumer.0.subscribe(topics).map_err(|error| error.to_string())
    }

    /// What happens to the client and in the group; at most one change. Has to be called again and again.
    pub fn poll(&self, patience: Duration) -> Polled {
        let polled = self.consumer.0.poll(patience);
        let context = self.consumer.0.client().context();
        if let Some(change) = context.change.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Polled::Changed(change);
        }
        match polled {
            Some(Err(KafkaError::MessageConsumptionFatal(code))) => Polled::Fatal(code.to_string()),
            // Messages come to the queues of their partitions; other errors were reported by the context.
            Some(_) | None => Polled::Nothing,
        }
    }

    /// Begins to read these partitions at these offsets.
    pub fn assign(&mut self, starts: &[(TopicPartition, i64)]) -> Result<(), String> {
        let mut list = TopicPartitionList::new();
        for (partition, offset) in starts {
            let queue = PartitionQueue::of(&self.consumer.0, partition);
            self.queues.insert(partition.clone(), queue);
            list.add_partition_offset(&partition.topic, partition.partition, Offset::Offset(*offset))
                .map_err(|error| error.to_string())?;
        }
        self.consumer.0.incremental_assign(&list).map_err(|error| error.to_string())
    }

    /// Reads these partitions no more; what was read ahead of them is gone.
    pub fn unassign(&mut self, partitions: &[TopicPartition]) -> Result<(), String> {
        partitions.iter().for_each(|partition| drop(self.queues.remove(partition)));
        self.consumer.0.incremental_unassign(&listed(partitions)).map_err(|error| error.to_string())
    }

    /// Takes messages of the partition that are there; none of one that is not assigned.
    pub fn read(&self, partition: &TopicPartition, messages: &mut Messages) -> usize {
        self.queues.get(partition).map_or(0, |queue| messages.read(queue))
    }

    /// Where the next messages of the assigned partitions will be from, control records passed over.
    pub fn positions(&self) -> Vec<(TopicPartition, i64)> {
        let Ok(list) = self.consumer.0.position() else { return Vec::new() };
        let known = list.elements().into_iter().filter_map(|element| {
            let topic = element.topic().into();
            let Offset::Offset(offset) = element.offset() else { return None };
            Some((TopicPartition { topic, partition: element.partition() }, offset))
        });
        known.collect()
    }

    /// What the group holds for these partitions, whoever reads them.
    pub fn group_offsets(
        &self,
        partitions: &[TopicPartition],
        patience: Duration,
    ) -> Result<Vec<(TopicPartition, GroupOffset)>, RDKafkaErrorCode> {
        let found = self.consumer.0.committed_offsets(listed(partitions), Timeout::After(patience));
        let found = found.map_err(|error| error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown))?;
        let one = |element: &rdkafka::topic_partition_list::TopicPartitionListElem<'_>| {
            if let Err(error) = element.error() {
                return Err(error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown));
            }
            let partition = TopicPartition { topic: element.topic().into(), partition: element.partition() };
            let held = match element.offset() {
                Offset::Offset(offset) => {
                    GroupOffset::Some { offset, metadata: element.metadata().to_owned() }
                }
                _ => GroupOffset::None,
            };
            Ok((partition, held))
        };
        found.elements().iter().map(one).collect()
    }

    /// The first offset of the partition's log, and one past the last.
    pub fn watermarks(
        &self,
        partition: &TopicPartition,
        patience: Duration,
    ) -> Result<(i64, i64), RDKafkaErrorCode> {
        let marks = self.consumer.0.fetch_watermarks(&partition.topic, partition.partition, patience);
        marks.map_err(|error| error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown))
    }

    /// The answer comes as a [`Reply`].
    pub fn commit(&self, offered: &[Offered]) -> Result<(), RDKafkaErrorCode> {
        self.replies.commit(&self.consumer.0, offered)
    }

    /// The answer comes as a [`Reply`].
    pub fn ask_for_ids(&self, topics: &[Arc<str>]) {
        self.replies.ask_for_ids(&self.consumer.0, topics);
    }

    pub fn next_reply(&self, patience: Duration) -> Option<Reply> {
        self.replies.next(patience)
    }

    /// Whether any broker answers. Waits at most `patience`.
    pub fn is_answered(&self, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            // Why nobody answers stands in what is reported meanwhile.
            for _ in 0..REPORTS_AT_ONCE {
                let _ = self.consumer.0.poll(Duration::ZERO);
            }
            if self.consumer.0.fetch_metadata(None, left.min(Duration::from_secs(1))).is_ok() {
                return true;
            }
            if left.is_zero() {
                return false;
            }
        }
    }

    /// Asks to leave the group. Changes go on to come until [`Client::is_closed`].
    pub fn begin_to_close(&self) -> Result<(), String> {
        self.consumer.0.close_queue().map_err(|error| error.to_string())
    }

    pub fn is_closed(&self) -> bool {
        self.consumer.0.closed()
    }
}

/// librdkafka names the property whose file it cannot use, and neither the file nor why.
fn of_file(properties: &[(String, Secret)], why: String) -> String {
    let is_named = |key: &str| key.ends_with(".location") && why.starts_with(key);
    let Some((_, path)) = properties.iter().find(|(key, _)| is_named(key)) else { return why };
    match File::open(path.reveal()) {
        Ok(_) => format!("{why}: {:?}", path.reveal()),
        Err(error) => format!("{why}: {:?}: {error}", path.reveal()),
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.queues.clear();
        self.consumer.0.client().context().is_abandoned.store(true, Ordering::Release);
    }
}
