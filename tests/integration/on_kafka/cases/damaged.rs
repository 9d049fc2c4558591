//! Batches that went bad on a broker's disk.

use super::{Ground, Source};
use crate::kafka::batch::{CRC, RECORDS};
use crate::kafka::broker::{Cluster, Options};
use crate::kafka::corrupt::batches;
use crate::kafka::noted::Shape;
use crate::kafka::producer::Producer;
use crate::kafka::properties::Listener;

#[test]
fn a_damaged_batch_stops_its_partition_alone_or_is_passed_over_and_counted() {
    let test = "a_damaged_batch_stops_its_partition_alone_or_is_passed_over_and_counted";
    let Some(kafka) = Cluster::start(test, 1, &Options::default()) else { return };
    // What is flipped: the head of what lz4 packed, or the sum.
    let topics = ["packed", "summed"];
    let mut producers = topics.map(|topic| {
        kafka.create_topic(topic, 2, &[]);
        let mut config = kafka.client(Listener::Plain);
        config.set("compression.type", "lz4").set("batch.num.messages", "10").set("linger.ms", "1000");
        let mut producer = Producer::new(&config, topic, 2, Shape::default());
        (0..100).for_each(|_| (0..2).for_each(|partition| producer.write_to(partition)));
        producer.flush();
        producer
    });
    kafka.stop(1);
    let damaged = topics.map(|topic| {
        let batch = batches(&kafka, 1, topic, 1)[5].clone();
        batch.flip_at(if topic == "packed" { RECORDS } else { CRC });
        assert!(batch.first > 0 && batch.end < 100);
        batch
    });
    kafka.start_node(1);
    let start = |topic: &str, what: &str| {
        let source = Source::new(&kafka.bootstrap(Listener::Plain), topic).group(&format!("{topic}-{what}"));
        let checks = if topic == "summed" { "true" } else { "false" };
        let ground = Ground::new();
        let source = source.set("check.crcs", checks).with("stall_after: 2s");
        let daemon = ground.start(&source.with(&format!("on_corrupt: {what}")));
        (ground, daemon)
    };
    let daemons = topics.map(|topic| (start(topic, "stop"), start(topic, "skip")));
    for (n, ((_, stops), (_, skips))) in daemons.iter().enumerate() {
        let (noted, bad) = (producers[n].noted(), &damaged[n]);
        let sheet = skips.counted(&noted.counts_where(|e| e.partition == 0 || !bad.holds(e.offset)));
        let lost = u64::try_from(bad.end - bad.first).unwrap();
        assert_eq!(sheet.sum("faultline_kafka_lost_records_total", "partition=\"1\""), lost);
        assert_eq!(sheet.sum("faultline_kafka_lost_records_total", ""), lost);
        assert_eq!(sheet.sum("faultline_kafka_corrupt_batches_total", ""), 1);

        let left = noted.counts_where(|e| e.partition == 0 || e.offset < bad.first);
        let sheet = stops.wait(&format!("{} is stalled", topics[n]), |sheet| {
            sheet.sum("faultline_kafka_stalled_partitions", "") == 1
                && sheet.sum("faultline_lines_total", "") >= left.lines
        });
        assert_eq!(sheet.sum("faultline_lines_total", ""), left.lines);
        assert_eq!(sheet.by("faultline_errors_total", "code"), left.codes());
        assert_eq!(sheet.sum("faultline_kafka_corrupt_batches_total", ""), 1);
        assert_eq!(sheet.sum("faultline_kafka_lost_records_total", ""), 0);
        let position = sheet.sum("faultline_kafka_position", "partition=\"1\"");
        assert_eq!(position, u64::try_from(bad.first).unwrap());
        // The other partition goes on.
        producers[n].write_to(0);
        producers[n].flush();
        stops.wait("the other one goes on", |s| s.sum("faultline_lines_total", "") == left.lines + 1);
    }
}
