//! What fails, on librdkafka's own broker: it comes and goes in milliseconds and errs as it is told.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use super::{Ground, Source};
use crate::kafka::batch::Checksum;
use crate::kafka::mock::Mock;
use crate::kafka::noted::{Counts, Shape};
use crate::kafka::producer::Producer;

fn producer(mock: &Mock, topic: &str, partitions: i32) -> Producer {
    mock.create_topic(topic, partitions);
    Producer::new(&mock.client(), topic, partitions, Shape::default())
}

#[test]
fn without_brokers_it_serves_says_why_and_reads_on_when_they_are_back() {
    let mock = Mock::start(1);
    let mut producer = producer(&mock, "down", 2);
    producer.write(200);
    producer.flush();
    mock.down(1);
    let source = Source::new(&mock.bootstrap(), "down");
    let ground = Ground::new();
    let daemon = ground.start(&source);
    daemon.wait_for_reason(&["refused"]);
    let sheet = daemon.sheet();
    assert_eq!((sheet.sum("faultline_kafka_brokers_up", ""), sheet.sum("faultline_kafka_up", "")), (0, 0));

    let (other, impatient) = (Ground::new(), Ground::new());
    let short = other.start(&source);
    short.wait_for_reason(&["refused"]);
    let left = short.stop();
    assert!(left < Duration::from_secs(5), "{left:?}");
    let (status, said) = impatient.ends(std::slice::from_ref(&source), &["--require-broker"]);
    assert!(status != 0 && said.contains("refused"), "{status}: {said}");

    mock.up(1);
    let sheet = daemon.counted(&producer.noted().counts());
    daemon.wait_until_ready();
    assert_eq!(sheet.sum("faultline_kafka_up", ""), 1);
    assert_eq!(sheet.sum("faultline_kafka_rebalances_total", "lost"), 0);

    mock.down(1);
    daemon.wait_for_reason(&["refused"]);
    // Longer than a session.
    daemon.wait("partitions are lost", |sheet| sheet.sum("faultline_kafka_rebalances_total", "lost") > 0);
    assert!(daemon.why_not().is_some());
    mock.up(1);
    producer.write(200);
    daemon.counted(&producer.noted().counts());
    daemon.wait_until_ready();
    mock.down(1);
    let left = daemon.stop();
    assert!(left < Duration::from_secs(5), "{left:?}");
}

#[test]
fn another_coordinator_and_another_leader_are_no_event() {
    let mock = Mock::start(2);
    let mut producer = producer(&mock, "moved", 2);
    mock.coordinate("moved", 1);
    let ground = Ground::new();
    let daemon = ground.start(&Source::new(&mock.bootstrap(), "moved"));
    producer.write(100);
    let before = daemon.counted(&producer.noted().counts());
    mock.coordinate("moved", 2);
    producer.write(100);
    daemon.counted(&producer.noted().counts());
    mock.lead("moved", 0, 2);
    producer.write(100);
    let after = daemon.counted(&producer.noted().counts());
    let commits =
        |sheet: &crate::proofs::scrape::Sheet| sheet.sum("faultline_kafka_commits_total", "result=\"ok\"");
    assert!(commits(&after) > commits(&before));
    assert_eq!(after.sum("faultline_kafka_rebalances_total", "lost"), 0);
    daemon.wait_until_ready();
}

#[test]
fn who_may_not_join_the_group_says_so_until_data_flows() {
    use RDKafkaRespErr::RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED as DENIED;
    let mock = Mock::start(1);
    let mut producer = producer(&mock, "grouped", 1);
    producer.write(50);
    mock.fail(RDKafkaApiKey::FindCoordinator, &[DENIED; 10_000]);
    let ground = Ground::new();
    let daemon = ground.start(&Source::new(&mock.bootstrap(), "grouped"));
    assert_stays_refused(&daemon, "Group authorization failed");
    mock.heal(RDKafkaApiKey::FindCoordinator);
    daemon.counted(&producer.noted().counts());
    daemon.wait_until_ready();
}

#[test]
fn who_may_not_read_the_topic_says_so_until_data_flows() {
    use RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED as DENIED;
    let mock = Mock::start(1);
    let mut producer = producer(&mock, "denied", 1);
    producer.write(50);
    producer.flush();
    mock.topic_error("denied", DENIED);
    let ground = Ground::new();
    let daemon = ground.start(&Source::new(&mock.bootstrap(), "denied"));
    assert_stays_refused(&daemon, "Topic authorization failed");
    assert!(daemon.why_not().unwrap().contains("denied"), "it names the topic");
    mock.topic_error("denied", RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR);
    daemon.counted(&producer.noted().counts());
    daemon.wait_until_ready();
}

/// librdkafka says it once and is silent then.
#[track_caller]
fn assert_stays_refused(daemon: &super::Daemon, reason: &str) {
    daemon.wait_for_reason(&[reason]);
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(3) {
        assert!(daemon.why_not().is_some_and(|why| why.contains(reason)), "{:?}", daemon.why_not());
        std::thread::sleep(Duration::from_millis(50));
    }
    let sheet = daemon.sheet();
    assert!(sheet.sum("faultline_kafka_auth_failures_total", "") > 0);
    assert_eq!(sheet.sum("faultline_kafka_up", ""), 0);
    let said = daemon.life.said();
    let said = said.iter().filter(|line| line.contains("WARN") && line.contains(reason));
    assert_eq!(said.count(), 1, "one line a change of state");
}

#[test]
fn what_the_log_dropped_before_it_was_read_is_counted_as_lost() {
    let mock = Mock::start(1);
    let mut producer = producer(&mock, "dropped", 1);
    let (ground, source) = (Ground::new(), Source::new(&mock.bootstrap(), "dropped"));
    producer.write(10);
    let daemon = ground.start(&source);
    daemon.counted(&producer.noted().counts());
    daemon.stop();
    // The mock keeps 5 MB of a partition.
    let mut large = Producer::new(
        mock.client().set("batch.num.messages", "100"),
        "dropped",
        1,
        Shape { line_bytes: 1_000, writer: 1, ..Shape::default() },
    );
    large.write(8_000);
    let large = large.noted();
    let client: BaseConsumer = mock.client().set("group.id", "watermarks").create().unwrap();
    let (low, high) = client.fetch_watermarks("dropped", 0, Duration::from_secs(10)).unwrap();
    assert!(low > 10 && high == 8_010, "{low}..{high}");
    let daemon = ground.start(&source);
    let left = large.counts_where(|entry| entry.offset >= low);
    let sheet = daemon.counted(&super::both(&producer.noted().counts(), &left));
    assert_eq!(sheet.sum("faultline_kafka_lost_records_total", ""), u64::try_from(low - 10).unwrap());
    assert_eq!(sheet.sum("faultline_kafka_offset_resets_total", "lost"), 1);
    daemon.wait_until_ready();
}

#[test]
fn of_a_record_that_is_larger_than_an_answer_may_be_the_setting_is_named() {
    let mock = Mock::start(1);
    let mut producer = producer(&mock, "large", 1);
    producer.write(10);
    producer.flush();
    let huge = Shape { line_bytes: 900_000, writer: 1, ..Shape::default() };
    let mut huge = Producer::new(&mock.client(), "large", 1, huge);
    huge.write(1);
    let all = super::both(&producer.noted().counts(), &huge.noted().counts());
    let (ground, source) = (Ground::new(), Source::new(&mock.bootstrap(), "large"));
    let small = source.clone().set("message.max.bytes", "50000").set("fetch.message.max.bytes", "50000");
    let small = small.set("fetch.max.bytes", "50000").set("receive.message.max.bytes", "500000");
    let daemon = ground.start(&small.with("stall_after: 2s"));
    daemon.wait_for_reason(&["receive.message.max.bytes"]);
    daemon.stop();
    let daemon = ground.start(&source);
    daemon.counted(&all);
    daemon.wait_until_ready();
}

#[test]
fn a_batch_with_a_wrong_sum_stops_its_partition_or_is_passed_over() {
    let mock = Mock::start(1);
    let line = |number: usize| format!("ERROR drm licence failed: MDRM-501 seq={number} tenant=t0");
    let put = |topic: &str, from: usize, records: usize, sum| {
        let lines: Vec<String> = (from..from + records).map(line).collect();
        mock.produce(topic, 0, &lines.iter().map(String::as_bytes).collect::<Vec<_>>(), sum)
    };
    for topic in ["stops", "skips"] {
        mock.create_topic(topic, 1);
        put(topic, 0, 5, Checksum::Right);
        put(topic, 5, 7, Checksum::Wrong);
        put(topic, 12, 6, Checksum::Right);
        put(topic, 18, 6, Checksum::Right);
    }
    let source = |topic, what: &str| {
        let source = Source::new(&mock.bootstrap(), topic).set("check.crcs", "true");
        source.with("stall_after: 2s").with(&format!("on_corrupt: {what}"))
    };
    let (still, on) = (Ground::new(), Ground::new());
    let (stops, skips) = (still.start(&source("stops", "stop")), on.start(&source("skips", "skip")));
    let lines = |sheet: &crate::proofs::scrape::Sheet| sheet.sum("faultline_lines_total", "");
    let sheet = skips.wait("17 lines are counted", |sheet| lines(sheet) >= 17 && super::is_quiet(sheet));
    assert_eq!(lines(&sheet), 17);
    assert_eq!(sheet.sum("faultline_kafka_lost_records_total", ""), 7);
    assert_eq!(sheet.sum("faultline_kafka_corrupt_batches_total", ""), 1);
    assert_eq!(sheet.sum("faultline_kafka_stalled_partitions", ""), 0);
    put("skips", 24, 1, Checksum::Right);
    skips.wait("one more", |sheet| lines(sheet) == 18);

    let sheet = stops.wait("it is stalled", |s| s.sum("faultline_kafka_stalled_partitions", "") == 1);
    assert_eq!(lines(&sheet), 5);
    assert_eq!(sheet.sum("faultline_kafka_corrupt_batches_total", ""), 1);
    assert_eq!(sheet.sum("faultline_kafka_lost_records_total", ""), 0);
    assert_eq!(sheet.sum("faultline_kafka_position", ""), 5);
    // What it has is still there when the operator decides otherwise.
    stops.stop();
    let stops = still.start(&source("stops", "skip"));
    let sheet = stops.wait("17 lines are counted", |sheet| lines(sheet) >= 17 && super::is_quiet(sheet));
    assert_eq!((lines(&sheet), sheet.sum("faultline_kafka_lost_records_total", "")), (17, 7));
}

#[test]
fn who_was_away_for_too_long_joins_again_and_counts_nothing_twice() {
    let mock = Mock::start(1);
    let mut producer = producer(&mock, "away", 2);
    let source = Source::new(&mock.bootstrap(), "away").set("max.poll.interval.ms", "6000");
    let ground = Ground::new();
    let daemon = ground.start(&source);
    producer.write(500);
    daemon.counted(&producer.noted().counts());
    producer.write(500);
    daemon.life.signal("-STOP");
    // What passes here is the time itself.
    std::thread::sleep(Duration::from_secs(7));
    producer.write(500);
    producer.flush();
    daemon.life.signal("-CONT");
    daemon.wait("partitions are lost", |sheet| sheet.sum("faultline_kafka_rebalances_total", "lost") > 0);
    daemon.counted(&producer.noted().counts());
    daemon.wait_until_ready();
}

#[test]
fn a_topic_that_is_not_there_is_named_and_read_when_it_is_made() {
    let mock = Mock::start(1);
    let ground = Ground::new();
    let daemon = ground.start(&Source::new(&mock.bootstrap(), "later"));
    daemon.wait_for_reason(&["later"]);
    let sheet = daemon.wait("it is missing", |sheet| sheet.sum("faultline_kafka_topic_missing", "") == 1);
    assert_eq!(sheet.sum("faultline_kafka_up", ""), 0);
    let mut producer = producer(&mock, "later", 2);
    producer.write(100);
    let sheet = daemon.counted(&producer.noted().counts());
    assert_eq!(sheet.sum("faultline_kafka_topic_missing", ""), 0);
    daemon.wait_until_ready();
    assert_ne!(Counts::default(), producer.noted().counts());
}

#[test]
fn a_quick_start_needs_no_file() {
    let mock = Mock::start(1);
    let mut producer = producer(&mock, "quick", 1);
    producer.write(50);
    let ground = Ground::new();
    let flags = [
        ("--kafka.brokers", mock.bootstrap()),
        ("--kafka.topics", "quick".to_owned()),
        ("--kafka.group", "of-the-quick".to_owned()),
        ("--kafka.start", "earliest".to_owned()),
        ("--kafka.set", "statistics.interval.ms=300".to_owned()),
        ("--state.dir", ground.text("state")),
    ];
    let args: Vec<String> = flags.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value]).collect();
    let daemon = ground.start_with(&args);
    daemon.counted(&producer.noted().counts());
    daemon.wait_until_ready();
}
