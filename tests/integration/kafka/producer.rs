//! Writes numbered records and notes where the broker put them: idempotent, acknowledged by all replicas, patient enough
//! for a broker that is killed and comes back. A record is noted exactly when the broker has it.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer as _, ProducerContext, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode;

use super::noted::{Entry, Noted, Shape, Tenant, mixed};

/// Longer than any outage that a test makes.
const PATIENCE: Duration = Duration::from_secs(300);

/// What the broker said to each record so far.
#[derive(Default)]
pub struct Acknowledged {
    entries: Mutex<Vec<Entry>>,
    refused: Mutex<Vec<String>>,
}

impl Acknowledged {
    /// What it took since the last time; it refused nothing.
    #[track_caller]
    pub fn take(&self) -> Vec<Entry> {
        assert_eq!(*self.refused.lock().unwrap(), Vec::<String>::new());
        std::mem::take(&mut *self.entries.lock().unwrap())
    }
}

impl ClientContext for Acknowledged {}

impl ProducerContext for Acknowledged {
    /// The record's number.
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, record: usize) {
        match result {
            Ok(message) => self.entries.lock().unwrap().push(Entry {
                partition: message.partition(),
                offset: message.offset(),
                record: record as u64,
            }),
            Err((error, _)) => self.refused.lock().unwrap().push(format!("record {record}: {error}")),
        }
    }
}

/// How a transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Commit,
    Abort,
}

/// Numbers its records from 0.
pub struct Producer {
    client: ThreadedProducer<Acknowledged>,
    topic: String,
    partitions: i32,
    shape: Shape,
    next: u64,
    noted: Vec<Entry>,
    aborted: Vec<Entry>,
}

impl Producer {
    /// `config` says the way to the brokers, and whatever else producers are told: `compression.type`, `linger.ms`,
    /// `batch.num.messages`, `transactional.id`.
    pub fn new(config: &ClientConfig, topic: &str, partitions: i32, shape: Shape) -> Producer {
        let mut config = config.clone();
        let is_transactional = config.get("transactional.id").is_some();
        config.set("enable.idempotence", "true").set("queue.buffering.max.messages", "200000");
        config.set("reconnect.backoff.max.ms", "500");
        config.set("message.timeout.ms", PATIENCE.as_millis().to_string());
        if is_transactional && config.get("transaction.timeout.ms").is_none() {
            config.set("transaction.timeout.ms", PATIENCE.as_millis().to_string());
        } else if let Some(timeout) = config.get("transaction.timeout.ms").map(str::to_owned) {
            config.set("message.timeout.ms", timeout);
        }
        let client = ThreadedProducer::from_config_and_context(&config, Acknowledged::default()).unwrap();
        if is_transactional {
            client.init_transactions(PATIENCE).unwrap();
        }
        let (noted, aborted) = (Vec::new(), Vec::new());
        Producer { client, topic: topic.to_owned(), partitions, shape, next: 0, noted, aborted }
    }

    /// So many records as fast as may be, on all partitions by chance; returns before the broker has them.
    pub fn write(&mut self, records: u64) {
        for _ in 0..records {
            let partition = mixed(self.next, 4) % u64::try_from(self.partitions).unwrap();
            self.write_to(i32::try_from(partition).unwrap());
        }
    }

    /// One record.
    pub fn write_to(&mut self, partition: i32) {
        let (record, shape) = (self.next, self.shape);
        self.next += 1;
        let payload = shape.payload(record);
        let key = match shape.tenant {
            Tenant::Key => shape.tenant(record),
            _ => format!("k{}", record % 1000),
        };
        let number = usize::try_from(record).unwrap();
        let mut message = BaseRecord::with_opaque_to(&self.topic, number).partition(partition).key(&key);
        if let Some(payload) = &payload {
            message = message.payload(payload);
        }
        if let Tenant::Header(name) = shape.tenant {
            let tenant = shape.tenant(record);
            message = message.headers(OwnedHeaders::new().insert(Header { key: name, value: Some(&tenant) }));
        }
        while let Err((error, again)) = self.client.send(message) {
            let is_full = error == KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull);
            assert!(is_full, "record {record}: {error}");
            message = again;
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// More partitions, or fewer, from here on.
    pub fn set_partitions(&mut self, partitions: i32) {
        // The client learns of them now, not at its next refresh.
        self.client.client().fetch_metadata(Some(&self.topic), PATIENCE).unwrap();
        self.partitions = partitions;
    }

    /// Until the broker has all of it.
    #[track_caller]
    pub fn flush(&mut self) {
        let acknowledged = self.acknowledged();
        self.noted.extend(acknowledged);
    }

    #[track_caller]
    fn acknowledged(&self) -> Vec<Entry> {
        self.client.flush(PATIENCE).unwrap();
        self.client.context().take()
    }

    pub fn begin(&self) {
        self.client.begin_transaction().unwrap();
    }

    /// What was written since `begin` is on the broker, and then is committed or not. To leave it hanging, do not call
    /// this: `Producer::hang`.
    pub fn end(&mut self, outcome: Outcome) {
        let acknowledged = self.acknowledged();
        match outcome {
            Outcome::Commit => {
                self.client.commit_transaction(PATIENCE).unwrap();
                self.noted.extend(acknowledged);
            }
            Outcome::Abort => {
                self.client.abort_transaction(PATIENCE).unwrap();
                self.aborted.extend(acknowledged);
            }
        }
    }

    /// Leaves a transaction open, all of it on the broker; the broker aborts it after `transaction.timeout.ms`.
    pub fn hang(mut self) -> Producer {
        let acknowledged = self.acknowledged();
        self.aborted.extend(acknowledged);
        self
    }

    /// What the broker has and readers should get. Flushed first.
    #[track_caller]
    pub fn noted(&mut self) -> Noted {
        self.flush();
        Noted { shape: self.shape, entries: self.noted.clone() }
    }

    /// What the broker has and no reader should get.
    pub fn aborted(&self) -> Noted {
        Noted { shape: self.shape, entries: self.aborted.clone() }
    }

    /// Writes until it is told to stop, then flushes and gives itself back.
    pub fn run(mut self, load: &Load) -> JoinHandle<Producer> {
        let load = load.clone();
        std::thread::spawn(move || {
            let begun = Instant::now();
            let mut written = 0;
            while !load.is_over.load(Ordering::Relaxed) {
                let due = (begun.elapsed().as_secs_f64() * load.records_per_second as f64) as u64;
                let records = due.saturating_sub(written).min(1_000);
                self.write(records);
                written += records;
                std::thread::sleep(Duration::from_millis(5));
            }
            self.flush();
            self
        })
    }
}

/// How busy a producer is, and until when.
#[derive(Debug, Clone)]
pub struct Load {
    pub is_over: Arc<AtomicBool>,
    pub records_per_second: u64,
}

impl Load {
    pub fn new(records_per_second: u64) -> Load {
        Load { is_over: Arc::default(), records_per_second }
    }

    pub fn finish(&self, producer: JoinHandle<Producer>) -> Producer {
        self.is_over.store(true, Ordering::Relaxed);
        producer.join().unwrap()
    }
}
