//! What records are made of: codecs, frames, the objects of shippers, nothing at all, and too much.

use super::{Ground, Source, both};
use crate::kafka::broker::{Cluster, shared};
use crate::kafka::noted::{Counts, Framing, Shape};
use crate::kafka::odd::{Odd, put};
use crate::kafka::producer::Producer;
use crate::kafka::properties::Listener;

fn source(kafka: &Cluster, topic: &str) -> Source {
    Source::new(&kafka.bootstrap(Listener::Plain), topic)
}

#[test]
fn every_codec_is_read_and_topics_that_a_regex_names_are_found() {
    let test = "every_codec_is_read_and_topics_that_a_regex_names_are_found";
    let Some(kafka) = shared(test) else { return };
    let prefix = kafka.topic("codec", 1);
    let ground = Ground::new();
    let mut counts = Counts::default();
    let mut daemon = None;
    for (writer, codec) in ["none", "gzip", "snappy", "lz4", "zstd"].into_iter().enumerate() {
        let topic = format!("{prefix}-{codec}");
        kafka.create_topic(&topic, 2, &[]);
        let shape = Shape { line_bytes: 300, hits: 300, writer: writer as u64, ..Shape::default() };
        let mut config = kafka.client(Listener::Plain);
        config.set("compression.type", codec).set("linger.ms", "50");
        let mut producer = Producer::new(&config, &topic, 2, shape);
        producer.write(500);
        counts = both(&counts, &producer.noted().counts());
        // The others are made while it looks on.
        daemon.get_or_insert_with(|| ground.start(&source(kafka, &format!("^{prefix}-[a-z0-9]+$"))));
    }
    let daemon = daemon.expect("it was started");
    let sheet = daemon.counted(&counts);
    assert_eq!(sheet.sum("faultline_kafka_assigned_partitions", ""), 10);
    daemon.wait_until_ready();
}

#[test]
fn records_hold_one_line_or_many_or_an_array_of_them() {
    let test = "records_hold_one_line_or_many_or_an_array_of_them";
    let Some(kafka) = shared(test) else { return };
    let of = |framing| Shape { framing, hits: 200, line_bytes: 120, tombstones: 50, ..Shape::default() };
    let cases = [
        ("none", of(Framing::None)),
        ("newline", of(Framing::Newline(40))),
        ("json_array", of(Framing::JsonArray(25))),
    ];
    let daemons = cases.map(|(name, shape)| {
        let topic = kafka.topic("framed", 2);
        let mut producer = Producer::new(&kafka.client(Listener::Plain), &topic, 2, shape);
        producer.write(200);
        let ground = Ground::new();
        let daemon = ground.start(&source(kafka, &topic).with(&format!("framing: {name}")));
        (name, ground, daemon, producer.noted().counts())
    });
    for (name, _, daemon, counts) in &daemons {
        let sheet = daemon.counted(counts);
        assert!(counts.tombstones > 0, "{name}");
        assert_eq!(
            sheet.sum("faultline_kafka_skipped_records_total", "tombstone"),
            counts.tombstones,
            "{name}"
        );
        assert_eq!(sheet.sum("faultline_kafka_records_total", ""), counts.records, "{name}");
        assert_eq!(sheet.sum("faultline_kafka_bytes_total", ""), counts.bytes, "{name}");
        assert_eq!(sheet.sum("faultline_kafka_decode_errors_total", ""), 0, "{name}");
    }
}

/// A line of Verimatrix's in the object that a shipper makes of it.
fn shipped(shipper: &str, line: &str) -> String {
    let line = serde_json::to_string(line).unwrap();
    match shipper {
        "filebeat" => format!(
            r#"{{"@timestamp":"2026-11-21T10:00:00.000Z","@metadata":{{"beat":"filebeat","type":"_doc"}},"agent":{{"type":"filebeat","version":"9.1.0"}},"ecs":{{"version":"8.0.0"}},"host":{{"name":"h"}},"log":{{"offset":7,"file":{{"path":"/var/log/a.log"}}}},"message":{line}}}"#
        ),
        "fluentbit" => format!(
            r#"{{"@timestamp":1763719200.123,"log":{line},"stream":"stderr","kubernetes":{{"pod_name":"p-1","namespace_name":"prod"}}}}"#
        ),
        "vector" => format!(
            r#"{{"file":"/var/log/a.log","host":"h","message":{line},"source_type":"file","timestamp":"2026-11-21T10:00:00Z"}}"#
        ),
        _ => unreachable!(),
    }
}

#[test]
fn lines_of_every_shipper_are_taken_out_of_their_objects_named_or_not() {
    let test = "lines_of_every_shipper_are_taken_out_of_their_objects_named_or_not";
    let Some(kafka) = shared(test) else { return };
    let line = |number: u64| {
        let tenant = format!("t{}", number % 3);
        format!("ERROR drm \"licence\" failed: MDRM-503 path=\\a seq={number} tenant={tenant}")
    };
    let shippers = ["filebeat", "fluentbit", "vector"];
    let mixed = kafka.topic("shipped-mixed", 1);
    let mut topics = Vec::new();
    let mut all = Vec::new();
    for (n, shipper) in shippers.into_iter().enumerate() {
        let topic = kafka.topic("shipped", 1);
        let objects: Vec<String> =
            (0..30).map(|number| shipped(shipper, &line(30 * n as u64 + number))).collect();
        let records = |objects: &[String]| {
            let odd = objects.iter().map(|object| Odd { payload: Some(object.as_bytes()), ..Odd::default() });
            put(&kafka.client(Listener::Plain), &topic, &odd.collect::<Vec<_>>());
        };
        records(&objects);
        topics.push((topic, shipper));
        all.extend(objects);
    }
    all.push(line(90));
    let odd: Vec<Odd<'_>> =
        all.iter().map(|object| Odd { payload: Some(object.as_bytes()), ..Odd::default() }).collect();
    put(&kafka.client(Listener::Plain), &mixed, &odd);
    topics.push((mixed, "auto"));
    let daemons: Vec<_> = topics
        .iter()
        .map(|(topic, envelope)| {
            let ground = Ground::new();
            let daemon = ground.start(&source(kafka, topic).with(&format!("envelope: {envelope}")));
            (envelope, ground, daemon)
        })
        .collect();
    for (envelope, _, daemon) in &daemons {
        let records = if *envelope == &"auto" { 91 } else { 30 };
        let sheet = daemon.wait(&format!("{envelope}: {records} lines"), |sheet| {
            sheet.sum("faultline_lines_total", "") >= records && super::is_quiet(sheet)
        });
        assert_eq!(sheet.sum("faultline_lines_total", ""), records, "{envelope}");
        assert_eq!(sheet.by("faultline_errors_total", "code"), [("MDRM-503".to_owned(), records)].into());
        let tenants = sheet.by("faultline_tenant_errors_total", "tenant");
        assert_eq!(tenants.keys().collect::<Vec<_>>(), ["t0", "t1", "t2"], "{envelope}");
        assert_eq!(tenants.values().sum::<u64>(), records, "{envelope}");
    }
}

#[test]
fn nothing_too_much_and_rubbish_are_passed_over_counted_and_followed_by_the_next_record() {
    let test = "nothing_too_much_and_rubbish_are_passed_over_counted_and_followed_by_the_next_record";
    let Some(kafka) = shared(test) else { return };
    let topic = kafka.topic("odd-payloads", 1);
    kafka.delete_topic(&topic);
    kafka.create_topic(&topic, 1, &[("max.message.bytes", "20000000")]);
    let line = |number: usize| format!("ERROR drm licence failed: MDRM-508 seq={number} tenant=t1");
    let mut huge = line(1).into_bytes();
    huge.resize(10 << 20, b'x');
    let after = line(2);
    let payload = |bytes| Odd { payload: Some(bytes), ..Odd::default() };
    let odd = [
        payload(&huge[..]),
        payload(b""),
        Odd { key: Some(b"gone"), ..Odd::default() },
        payload(b"\0\0\0\0\x07avro"),
        payload(b"\x1f\x8b\x08gzip"),
        payload(b"\xff\xfe\x00not text\x00\"} 1\n"),
        payload(after.as_bytes()),
    ];
    put(&kafka.client(Listener::Plain), &topic, &odd);
    let ground = Ground::new();
    let daemon = ground.start(&source(kafka, &topic).with("prefetch_bytes_max: 1MiB"));
    let sheet = daemon.wait("both are counted", |sheet| {
        sheet.sum("faultline_errors_total", "MDRM-508") >= 2 && super::is_quiet(sheet)
    });
    assert_eq!(sheet.sum("faultline_errors_total", ""), 2);
    assert_eq!(sheet.sum("faultline_kafka_records_total", ""), 7);
    assert_eq!(sheet.sum("faultline_kafka_skipped_records_total", "tombstone"), 2);
    assert_eq!(sheet.sum("faultline_kafka_decode_errors_total", "confluent_wire"), 1);
    assert_eq!(sheet.sum("faultline_kafka_decode_errors_total", "compressed"), 1);
    let peak = daemon.life.memory_kb("VmHWM:");
    assert!(peak < 200 << 10, "{peak} kB for a record of 10 MiB");
    daemon.wait_until_ready();
}

#[test]
fn a_bomb_is_not_unpacked_and_can_be_passed_over() {
    let test = "a_bomb_is_not_unpacked_and_can_be_passed_over";
    let Some(kafka) = shared(test) else { return };
    let topic = kafka.topic("bomb", 1);
    let before = Shape { writer: 1, ..Shape::default() };
    let mut producer = Producer::new(&kafka.client(Listener::Plain), &topic, 1, before);
    producer.write(10);
    producer.flush();
    let zeros = vec![b'x'; 10 << 20];
    let mut config = kafka.client(Listener::Plain);
    // One batch, however long it takes to hand it in: a flush does not wait.
    config.set("compression.type", "zstd").set("linger.ms", "60000");
    put(&config, &topic, &[Odd { payload: Some(&zeros), ..Odd::default() }; 20]);
    producer.write(10);
    let ground = Ground::new();
    let daemon = ground.start(&source(kafka, &topic).with("on_corrupt: skip"));
    let sheet = daemon.counted(&producer.noted().counts());
    assert_eq!(sheet.sum("faultline_kafka_lost_records_total", ""), 20);
    assert_eq!(sheet.sum("faultline_kafka_corrupt_batches_total", ""), 1);
    let peak = daemon.life.memory_kb("VmHWM:");
    assert!(peak < 300 << 10, "{peak} kB for a batch of 200 MiB");
    daemon.wait_until_ready();
}

#[test]
fn time_of_records_may_be_anything() {
    let test = "time_of_records_may_be_anything";
    let Some(kafka) = shared(test) else { return };
    let topic = kafka.topic("times", 1);
    kafka.delete_topic(&topic);
    kafka.create_topic(&topic, 1, &[("message.timestamp.after.max.ms", "9000000000000")]);
    let line = "ERROR drm licence failed: MDRM-510 tenant=t2";
    let at = |time| Odd { payload: Some(line.as_bytes()), timestamp: Some(time), ..Odd::default() };
    let times = [0, 1, 9_000_000_000_000, 1_700_000_000_000, 4_102_444_800_000];
    let ground = Ground::new();
    let daemon = ground.start(&source(kafka, &topic));
    for (n, time) in times.into_iter().enumerate() {
        put(&kafka.client(Listener::Plain), &topic, &[at(time); 50]);
        let lines = 50 * (n as u64 + 1);
        let sheet = daemon.wait(&format!("{lines} lines"), |sheet| {
            let lags =
                sheet.series.iter().filter(|(name, _)| name.starts_with("faultline_kafka_time_lag_seconds"));
            lags.for_each(|(name, lag)| assert!(*lag >= 0.0, "{name} {lag}"));
            sheet.sum("faultline_errors_total", "MDRM-510") >= lines && super::is_quiet(sheet)
        });
        assert_eq!(sheet.sum("faultline_errors_total", "MDRM-510"), lines);
        assert_eq!(sheet.sum("faultline_kafka_time_lag_seconds", ""), 0, "without lag there is none in time");
    }
}
