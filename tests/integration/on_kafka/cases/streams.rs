//! How records come: in transactions, slowly, all at once.

use std::time::Duration;

use super::{Ground, Source, both, series};
use crate::kafka::broker::{Cluster, Options, Way, shared};
use crate::kafka::noted::Shape;
use crate::kafka::producer::{Outcome, Producer};
use crate::kafka::properties::Listener;

#[test]
fn what_was_aborted_never_counts_and_a_hung_transaction_holds_what_is_behind_it() {
    let test = "what_was_aborted_never_counts_and_a_hung_transaction_holds_what_is_behind_it";
    let Some(kafka) = shared(test) else { return };
    let topic = kafka.topic("transacted", 2);
    let mut config = kafka.client(Listener::Plain);
    config.set("transactional.id", &topic).set("transaction.timeout.ms", "6000");
    let mut producer = Producer::new(&config, &topic, 2, Shape::default());
    let ground = Ground::new();
    let source = Source::new(&kafka.bootstrap(Listener::Plain), &topic);
    let daemon = ground.start(&source);
    let mut turn = |outcomes: &[Outcome]| {
        for outcome in outcomes {
            producer.begin();
            producer.write(50);
            producer.end(*outcome);
        }
        producer.noted().counts()
    };
    use Outcome::{Abort, Commit};
    // It ends with markers, and with an aborted batch behind the last record.
    daemon.counted(&turn(&[Commit, Abort, Commit, Abort, Commit]));
    daemon.counted(&turn(&[Abort, Abort]));
    daemon.stop();
    let expected = turn(&[Abort, Commit, Abort]);
    let daemon = ground.start(&source);
    daemon.counted(&expected);
    assert_eq!(ends(kafka, &topic), daemon.sheet().sum("faultline_kafka_position", ""));

    producer.begin();
    producer.write(50);
    let mut hung = producer.hang();
    let behind = Shape { writer: 1, ..Shape::default() };
    let mut plain = Producer::new(&kafka.client(Listener::Plain), &topic, 2, behind);
    plain.write(80);
    let all = both(&expected, &plain.noted().counts());
    let held = daemon.wait("the end is seen, and not reached", |sheet| {
        sheet.sum("faultline_kafka_log_end_offset", "") > sheet.sum("faultline_kafka_position", "")
            || sheet.sum("faultline_lines_total", "") == all.lines
    });
    assert!(held.sum("faultline_lines_total", "") == expected.lines, "it was not held: {:?}", held.series);
    assert_eq!(held.sum("faultline_kafka_lag_records", ""), 0, "to where a reader may go");
    // The broker ends it.
    let sheet = daemon.counted(&all);
    assert_eq!(sheet.sum("faultline_kafka_lost_records_total", ""), 0);
    assert_eq!(sheet.sum("faultline_kafka_stalled_partitions", ""), 0);
    assert_eq!(hung.noted().counts(), expected);
    // Aborted as well; uncommitted readers see what others do not.
    let (curious, ground) =
        (source.group("curious").set("isolation.level", "read_uncommitted"), Ground::new());
    let daemon = ground.start(&curious);
    daemon.counted(&both(&all, &hung.aborted().counts()));
}

/// The sum of the ends of both partitions.
fn ends(kafka: &Cluster, topic: &str) -> u64 {
    (0..2).map(|partition| u64::try_from(kafka.watermarks(topic, partition).1).unwrap()).sum()
}

#[test]
fn a_slow_way_to_the_broker_is_seen_as_lag_and_moves_no_partition() {
    let test = "a_slow_way_to_the_broker_is_seen_as_lag_and_moves_no_partition";
    let Some(kafka) = Cluster::start(test, 1, &Options { way: Way::Proxied, ..Options::default() }) else {
        return;
    };
    kafka.create_topic("slow", 2, &[]);
    let mut config = kafka.client(Listener::Plain);
    config.set("batch.size", "20000");
    let shape = Shape { line_bytes: 200, ..Shape::default() };
    let mut producer = Producer::new(&config, "slow", 2, shape);
    let ground = Ground::new();
    let source = Source::new(&kafka.bootstrap(Listener::Proxied), "slow");
    let source = source.set("fetch.message.max.bytes", "20000").set("session.timeout.ms", "20000");
    let daemon = ground.start(&source);
    daemon.wait_until_assigned(2);
    kafka.proxy(1).delay(Duration::from_millis(500));
    producer.write(2_000);
    producer.flush();
    let lag = |sheet: &crate::proofs::scrape::Sheet| sheet.sum("faultline_kafka_lag_records", "");
    daemon.wait("lag rises", |sheet| lag(sheet) > 200);
    let sheet = daemon.counted(&producer.noted().counts());
    assert_eq!(lag(&sheet), 0);
    let rebalances = |kind| sheet.sum("faultline_kafka_rebalances_total", kind);
    assert_eq!((rebalances("assign"), rebalances("revoke"), rebalances("lost")), (1, 0, 0));
    // Of the last third of a second, in which nobody may have answered.
    let rtt = "faultline_kafka_broker_rtt_seconds{source=\"kafka\"}";
    daemon.wait("the way is seen to be slow", |sheet| sheet.series[rtt] > 0.1);
    daemon.wait_until_ready();
    // And a way that breaks again and again.
    kafka.proxy(1).delay(Duration::from_millis(20));
    for round in 1..=3 {
        producer.write(1_000);
        producer.flush();
        daemon.wait("it goes on", |sheet| sheet.sum("faultline_lines_total", "") >= 1_000 + round * 1_000);
        kafka.proxy(1).cut();
    }
    let sheet = daemon.counted(&producer.noted().counts());
    assert_eq!(sheet.sum("faultline_kafka_refused_records_total", ""), 0);
    assert_eq!(sheet.sum("faultline_kafka_rebalances_total", "lost"), 0);
    daemon.wait_until_ready();
}

#[test]
fn a_backlog_takes_no_more_memory_than_was_said() {
    let Some(kafka) = shared("a_backlog_takes_no_more_memory_than_was_said") else { return };
    let (topic, empty) = (kafka.topic("backlog", 4), kafka.topic("empty", 4));
    let shape = Shape { line_bytes: 1_000, hits: 100, ..Shape::default() };
    let mut producer = Producer::new(&kafka.client(Listener::Plain), &topic, 4, shape);
    producer.write(120_000);
    producer.flush();
    let source = |topic| {
        let source = Source::new(&kafka.bootstrap(Listener::Plain), topic).set("fetch.wait.max.ms", "10");
        source.with("prefetch_bytes_max: 1MiB")
    };
    let grounds = [Ground::new(), Ground::new()];
    let idle = grounds[0].start(&source(&empty));
    idle.wait_until_assigned(4);
    let idle = idle.life.memory_kb("VmHWM:");
    let daemon = grounds[1].start(&source(&topic));
    let sheet = daemon.counted(&producer.noted().counts());
    assert_eq!(series(&sheet, "faultline_kafka_position"), 4);
    let busy = daemon.life.memory_kb("VmHWM:");
    // deploy/kafka.md: partitions × (prefetch_bytes_max + one fetch of 4 MiB); the rest is what the allocator keeps.
    let bound = idle + (4 * (1 + 4) + 40) * 1024;
    crate::kafka::say(&format!("kafka: 120 MB of backlog, {idle} kB idle, {busy} kB at most"));
    assert!(busy < bound, "{busy} kB, and {idle} kB without records: more than {bound} kB");
}
