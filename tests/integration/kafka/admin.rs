//! What an operator does to a cluster: topics, partitions, records, offsets of groups, rights, users.
//!
//! All of it comes in by the plain listener, whose clients may do anything. What rdkafka has no call for goes by `wire`.

use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::{Offset, TopicPartitionList};

use super::broker::Cluster;
use super::certificates;
use super::client::{PATIENCE, base64_url};
use super::properties::Listener;
use super::wire::{Answer, Body, Form, Wire};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i8)]
pub enum Resource {
    Topic = 2,
    Group = 3,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i8)]
pub enum Operation {
    Read = 3,
    Write = 4,
    Describe = 8,
}

/// An offset of a group, and what it was committed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    pub offset: i64,
    pub metadata: String,
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// One thing was asked for, and it was done.
#[track_caller]
fn done<T, E: std::fmt::Debug>(all: rdkafka::error::KafkaResult<Vec<Result<T, E>>>) {
    all.unwrap().into_iter().for_each(|each| drop(each.unwrap()));
}

impl Cluster {
    fn admin(&self) -> AdminClient<DefaultClientContext> {
        self.client(Listener::Plain).create().unwrap()
    }

    fn group(&self, group: &str) -> BaseConsumer {
        let mut config = self.client(Listener::Plain);
        config.set("group.id", group).set("enable.auto.commit", "false").create().unwrap()
    }

    /// A new topic with all its leaders; gives its name, which no other test has.
    pub fn topic(&self, name: &str, partitions: i32) -> String {
        static NUMBER: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let topic = format!("{name}-{number}");
        self.create_topic(&topic, partitions, &[]);
        topic
    }

    /// With settings of the topic: `("max.message.bytes", "20000000")`.
    pub fn create_topic(&self, topic: &str, partitions: i32, settings: &[(&str, &str)]) {
        let replicas = i32::try_from(self.nodes()).unwrap();
        let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(replicas));
        let new = settings.iter().fold(new, |new, (key, value)| new.set(key, value));
        done(block_on(self.admin().create_topics([&new], &options())));
        self.wait_for_leaders(topic, partitions);
    }

    fn wait_for_leaders(&self, topic: &str, partitions: i32) {
        let (consumer, begun) = (self.group("watermarks"), Instant::now());
        let leads = |p: i32| consumer.fetch_watermarks(topic, p, Duration::from_secs(1)).is_ok();
        while !(0..partitions).all(leads) {
            assert!(begun.elapsed() < PATIENCE, "{topic} has no leaders");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn add_partitions(&self, topic: &str, partitions: i32) {
        let more = NewPartitions::new(topic, usize::try_from(partitions).unwrap());
        done(block_on(self.admin().create_partitions([&more], &options())));
        self.wait_for_leaders(topic, partitions);
    }

    /// The offsets that groups have there go with it.
    pub fn delete_topic(&self, topic: &str) {
        done(block_on(self.admin().delete_topics(&[topic], &options())));
    }

    /// What is before `offset`, as retention does.
    pub fn delete_records(&self, topic: &str, partition: i32, offset: i64) {
        let mut before = TopicPartitionList::new();
        before.add_partition_offset(topic, partition, Offset::Offset(offset)).unwrap();
        let deleted = block_on(self.admin().delete_records(&before, &options())).unwrap();
        deleted.elements().iter().for_each(|each| each.error().unwrap());
    }

    /// The first offset, and the one behind the last.
    pub fn watermarks(&self, topic: &str, partition: i32) -> (i64, i64) {
        self.group("watermarks").fetch_watermarks(topic, partition, PATIENCE).unwrap()
    }

    /// As it is printed, 22 characters.
    pub fn topic_id(&self, topic: &str) -> String {
        let body = Body::default().count(1).raw(&[0; 16]).compact(topic.as_bytes()).tags().i8(0).i8(0).tags();
        let mut answer = self.wire(1).ask(3, 12, Form::Flexible, &body);
        answer.i32();
        for _ in 0..answer.count().expect("brokers") {
            answer.i32();
            answer.compact();
            answer.i32();
            answer.compact();
            answer.i8();
        }
        answer.compact();
        answer.i32();
        assert_eq!(answer.count(), Some(1));
        assert_eq!(answer.i16(), 0, "{topic}");
        assert_eq!(answer.compact().as_deref(), Some(topic));
        base64_url(&answer.take::<16>())
    }

    /// `None` where the group has committed nothing.
    pub fn committed(&self, group: &str, topic: &str, partition: i32) -> Option<Committed> {
        let mut asked = TopicPartitionList::new();
        asked.add_partition(topic, partition);
        let known = self.group(group).committed_offsets(asked, PATIENCE).unwrap();
        let known = known.find_partition(topic, partition).unwrap();
        let Offset::Offset(offset) = known.offset() else { return None };
        Some(Committed { offset, metadata: known.metadata().to_owned() })
    }

    /// As an operator does, or another instance with a stamp of its own; refused while the group has members.
    pub fn commit(&self, group: &str, topic: &str, partition: i32, to: &Committed) {
        let mut offsets = TopicPartitionList::new();
        let mut set = offsets.add_partition(topic, partition);
        set.set_offset(Offset::Offset(to.offset)).unwrap();
        set.set_metadata(&to.metadata);
        self.group(group).commit(&offsets, CommitMode::Sync).unwrap();
    }

    /// Refused while the group has members that read the topic.
    pub fn delete_offset(&self, group: &str, topic: &str, partition: i32) {
        let body = Body::default().string(group).i32(1).string(topic).i32(1).i32(partition);
        let mut error = 0;
        for node in (1..=self.nodes()).filter(|&node| self.is_running(node)) {
            let mut answer = self.wire(node).ask(47, 0, Form::Classic, &body);
            error = answer.i16();
            if error == 0 {
                return;
            }
        }
        panic!("no node deletes offsets of {group}: error {error}");
    }

    /// How many members a classic group has; 0 while it settles who reads what.
    pub fn members(&self, group: &str) -> usize {
        let known = self.group("members").fetch_group_list(Some(group), PATIENCE).unwrap();
        let stable = known.groups().iter().filter(|known| known.name() == group && known.state() == "Stable");
        stable.map(|known| known.members().len()).sum()
    }

    pub fn allow(&self, principal: &str, operation: Operation, resource: Resource, name: &str) {
        let body = Body::default().i32(1).i8(resource as i8).string(name).i8(LITERAL);
        let body = body.string(principal).string("*").i8(operation as i8).i8(ALLOW);
        let mut answer = self.wire(1).ask(30, 1, Form::Classic, &body);
        all_is_well(&mut answer);
    }

    /// Takes a right away that was given.
    pub fn disallow(&self, principal: &str, operation: Operation, resource: Resource, name: &str) {
        let body = Body::default().i32(1).i8(resource as i8).string(name).i8(LITERAL);
        let body = body.string(principal).string("*").i8(operation as i8).i8(ALLOW);
        let mut answer = self.wire(1).ask(31, 1, Form::Classic, &body);
        all_is_well(&mut answer);
        assert_eq!(answer.i32(), 1, "there was no such right");
    }

    /// Adds a user for SCRAM-SHA-256 or gives one another password.
    pub fn set_user(&self, user: &str, password: &str) {
        let (salt, iterations) = (b"sixteen bytes it", 4096);
        let salted = certificates::run(&[
            "kdf",
            "-keylen",
            "32",
            "-kdfopt",
            "digest:SHA256",
            "-kdfopt",
            &format!("pass:{password}"),
            "-kdfopt",
            "salt:sixteen bytes it",
            "-kdfopt",
            &format!("iter:{iterations}"),
            "PBKDF2",
        ]);
        let salted = salted.trim().split(':').map(|hex| u8::from_str_radix(hex, 16).unwrap());
        let salted: Vec<u8> = salted.collect();
        let body = Body::default().count(0).count(1).compact(user.as_bytes()).i8(SHA_256).i32(iterations);
        self.alter_users(&body.compact(salt).compact(&salted).tags().tags());
    }

    pub fn delete_user(&self, user: &str) {
        let body = Body::default().count(1).compact(user.as_bytes()).i8(SHA_256).tags().count(0).tags();
        self.alter_users(&body);
    }

    fn alter_users(&self, body: &Body) {
        let mut answer = self.wire(1).ask(51, 0, Form::Flexible, body);
        answer.i32();
        assert_eq!(answer.count(), Some(1));
        let (user, error, message) = (answer.compact(), answer.i16(), answer.compact());
        assert_eq!(error, 0, "{user:?}: {message:?}");
    }

    /// Kafka's own words to a node.
    pub fn wire(&self, id: usize) -> Wire {
        Wire::connect(&self.address(id, Listener::Plain))
    }
}

const LITERAL: i8 = 3;
const ALLOW: i8 = 3;
const SHA_256: i8 = 1;

fn options() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(PATIENCE)).request_timeout(Some(PATIENCE))
}

/// Of an answer about rights to one thing.
#[track_caller]
fn all_is_well(answer: &mut Answer) {
    answer.i32();
    assert_eq!(answer.i32(), 1);
    let (error, message) = (answer.i16(), answer.string());
    assert_eq!(error, 0, "{message:?}");
}
