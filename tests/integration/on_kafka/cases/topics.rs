//! What operators do to topics while somebody reads them, or while nobody does.

use super::{Ground, Source, both};
use crate::kafka::broker::{Cluster, shared};
use crate::kafka::noted::{Counts, Noted, Shape};
use crate::kafka::producer::Producer;
use crate::kafka::properties::Listener;

fn producer(kafka: &Cluster, topic: &str, partitions: i32, writer: u64) -> Producer {
    let shape = Shape { writer, ..Shape::default() };
    Producer::new(&kafka.client(Listener::Plain), topic, partitions, shape)
}

fn source(kafka: &Cluster, topic: &str) -> Source {
    Source::new(&kafka.bootstrap(Listener::Plain), topic)
}

#[test]
fn latest_is_looked_up_once_and_partitions_that_are_added_are_read_from_their_beginning() {
    let test = "latest_is_looked_up_once_and_partitions_that_are_added_are_read_from_their_beginning";
    let Some(kafka) = shared(test) else { return };
    let topic = kafka.topic("latest", 2);
    let mut before = producer(kafka, &topic, 2, 0);
    before.write(100);
    before.flush();
    let (ground, source) = (Ground::new(), source(kafka, &topic).with("start: latest"));
    let daemon = ground.start(&source);
    daemon.wait_until_assigned(2);
    // Between two starts, before anything was ever read.
    daemon.stop();
    let mut after = producer(kafka, &topic, 2, 1);
    after.write(60);
    after.flush();
    let daemon = ground.start(&source);
    daemon.counted(&after.noted().counts());
    // Nobody knows of these when they get their first records.
    kafka.add_partitions(&topic, 4);
    after.set_partitions(4);
    after.write(200);
    assert!((0..4).all(|p| after.noted().entries.iter().any(|entry| entry.partition == p)));
    daemon.counted(&after.noted().counts());
    daemon.stop();
    // The same while nobody reads.
    kafka.add_partitions(&topic, 6);
    after.set_partitions(6);
    after.write(200);
    let daemon = ground.start(&source);
    let sheet = daemon.counted(&after.noted().counts());
    assert_eq!(sheet.sum("faultline_kafka_assigned_partitions", ""), 6);
    assert_eq!(sheet.sum("faultline_kafka_lost_records_total", ""), 0);
}

#[test]
fn earliest_begins_with_what_is_there_and_deleted_records_are_lost_to_the_last_one() {
    let test = "earliest_begins_with_what_is_there_and_deleted_records_are_lost_to_the_last_one";
    let Some(kafka) = shared(test) else { return };
    let topic = kafka.topic("deleted", 2);
    let mut producer = producer(kafka, &topic, 2, 0);
    let write = |producer: &mut Producer, each: u32| {
        (0..each).for_each(|_| (0..2).for_each(|partition| producer.write_to(partition)));
        producer.flush();
    };
    write(&mut producer, 100);
    let (ground, source) = (Ground::new(), source(kafka, &topic));
    // What went before the first start was never ours to lose.
    kafka.delete_records(&topic, 0, 30);
    let daemon = ground.start(&source);
    let sheet = daemon.counted(&left(&producer.noted(), &[(0, 0, 30)]));
    assert_eq!(sheet.sum("faultline_kafka_lost_records_total", ""), 0);
    daemon.stop();
    write(&mut producer, 100);
    kafka.delete_records(&topic, 1, 170);
    let daemon = ground.start(&source);
    let gone = [(0, 0, 30), (1, 100, 170)];
    let sheet = daemon.counted(&left(&producer.noted(), &gone));
    assert_eq!(sheet.sum("faultline_kafka_lost_records_total", "partition=\"0\""), 0);
    assert_eq!(sheet.sum("faultline_kafka_lost_records_total", "partition=\"1\""), 70);
    assert_eq!(sheet.sum("faultline_kafka_offset_resets_total", "lost"), 1);
    // What was read already is no loss when it goes.
    kafka.delete_records(&topic, 0, 200);
    write(&mut producer, 10);
    daemon.counted(&left(&producer.noted(), &gone));
    daemon.stop();
    // All of it: the log begins where it ends.
    write(&mut producer, 5);
    kafka.delete_records(&topic, 0, 215);
    kafka.delete_records(&topic, 1, 215);
    let daemon = ground.start(&source);
    let gone = [(0, 0, 30), (1, 100, 170), (0, 210, 215), (1, 210, 215)];
    let sheet = daemon.counted(&left(&producer.noted(), &gone));
    let lost = daemon.wait("10 more are lost", |s| s.sum("faultline_kafka_lost_records_total", "") == 80);
    assert_eq!(lost.sum("faultline_kafka_position", ""), 430, "{:?}", sheet.series);
    write(&mut producer, 1);
    daemon.counted(&left(&producer.noted(), &gone));
    daemon.wait_until_ready();
}

/// Without these offsets of these partitions.
fn left(noted: &Noted, gone: &[(i32, i64, i64)]) -> Counts {
    noted.counts_where(|entry| {
        !gone.iter().any(|(p, from, to)| *p == entry.partition && (*from..*to).contains(&entry.offset))
    })
}

#[test]
fn a_topic_that_was_made_again_is_read_from_its_beginning_whoever_saw_it_go() {
    let test = "a_topic_that_was_made_again_is_read_from_its_beginning_whoever_saw_it_go";
    let Some(kafka) = shared(test) else { return };
    let topics = [kafka.topic("again-short", 1), kafka.topic("again-long", 1)];
    let mut counts = Counts::default();
    let mut write = |writer: u64, records: [u64; 2]| {
        for (topic, records) in topics.iter().zip(records) {
            let mut producer = producer(kafka, topic, 1, writer);
            producer.write(records);
            counts = both(&counts, &producer.noted().counts());
        }
        counts.clone()
    };
    let again = || {
        for topic in &topics {
            kafka.delete_topic(topic);
            kafka.create_topic(topic, 1, &[]);
        }
    };
    let (ground, source) = (Ground::new(), source(kafka, &topics[0]).topic(&topics[1]));
    let daemon = ground.start(&source);
    daemon.counted(&write(0, [200, 200]));
    daemon.stop();
    again();
    let expected = write(1, [50, 500]);
    let daemon = ground.start(&source);
    let sheet = daemon.counted(&expected);
    assert_eq!(sheet.sum("faultline_kafka_offset_resets_total", "recreated"), 2);
    again();
    let expected = write(2, [20, 900]);
    let sheet = daemon.counted(&expected);
    assert_eq!(sheet.sum("faultline_kafka_offset_resets_total", "recreated"), 4);
    assert_eq!(sheet.sum("faultline_kafka_lost_records_total", ""), 0);
    assert_eq!(sheet.sum("faultline_kafka_topic_missing", ""), 0);
    daemon.wait_until_ready();
    // Gone for a while, and missed.
    kafka.delete_topic(&topics[0]);
    daemon.wait("it is missing", |sheet| sheet.sum("faultline_kafka_topic_missing", "") == 1);
    daemon.wait_for_reason(&[&topics[0]]);
    kafka.create_topic(&topics[0], 1, &[]);
    let expected = write(3, [30, 30]);
    daemon.counted(&expected);
    daemon.wait_until_ready();
}

#[test]
fn an_operator_may_move_the_offsets_of_a_group_that_nobody_is_in() {
    let test = "an_operator_may_move_the_offsets_of_a_group_that_nobody_is_in";
    let Some(kafka) = shared(test) else { return };
    let topic = kafka.topic("moved", 1);
    let mut producer = producer(kafka, &topic, 1, 0);
    let (ground, source) = (Ground::new(), source(kafka, &topic));
    producer.write(100);
    let daemon = ground.start(&source);
    daemon.counted(&producer.noted().counts());
    daemon.stop();
    while kafka.members(&topic) > 0 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let back = crate::kafka::admin::Committed { offset: 40, metadata: String::new() };
    kafka.commit(&topic, &topic, 0, &back);
    let daemon = ground.start(&source);
    let noted = producer.noted();
    // Asked for: read again, counted again.
    let sheet = daemon.counted(&both(&noted.counts(), &noted.counts_where(|entry| entry.offset >= 40)));
    assert_eq!(sheet.sum("faultline_kafka_offset_resets_total", "operator"), 1);
}
