//! The fixture, proved: what the tests of the daemon stand on.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::types::{RDKafkaApiKey, RDKafkaErrorCode, RDKafkaRespErr};

use crate::kafka::admin::{Committed, Operation, Resource};
use crate::kafka::batch::{CRC, Checksum};
use crate::kafka::broker::{Cluster, Options, Security, Way, shared};
use crate::kafka::client::{Bearer, PATIENCE, Read, read, read_as, unsecured_token};
use crate::kafka::corrupt::batches;
use crate::kafka::mock::Mock;
use crate::kafka::noted::{Counts, Framing, Noted, Shape, Tenant};
use crate::kafka::odd::{Odd, put};
use crate::kafka::producer::{Load, Outcome, Producer};
use crate::kafka::properties::Listener;

/// What was read is what was noted, record by record.
#[track_caller]
fn assert_read(read: &[Read], noted: &Noted) {
    let read: Vec<_> = read.iter().map(|read| (read.partition, read.offset, read.payload.clone())).collect();
    assert_eq!(read, noted.payloads());
}

/// Codes of lines by plain search.
fn codes_in(read: &[Read]) -> BTreeMap<String, u64> {
    let mut codes = BTreeMap::new();
    for payload in read.iter().filter_map(|read| read.payload.as_deref()) {
        let text = std::str::from_utf8(payload).unwrap();
        for rest in text.split("MDRM-").skip(1) {
            let code: String = rest.chars().take_while(char::is_ascii_digit).collect();
            *codes.entry(format!("MDRM-{code}")).or_default() += 1;
        }
    }
    codes
}

#[test]
fn records_go_round_and_are_what_was_noted_in_each_shape_and_codec() {
    let test = "records_go_round_and_are_what_was_noted_in_each_shape_and_codec";
    let Some(kafka) = shared(test) else { return };
    let line = Shape { line_bytes: 200, hits: 500, tombstones: 100, ..Shape::default() };
    let framed =
        Shape { framing: Framing::Newline(20), tenant: Tenant::Header("x-tenant"), writer: 1, ..line };
    let array = Shape { framing: Framing::JsonArray(5), tenant: Tenant::Key, writer: 2, ..line };
    for (shape, codec) in [(line, "none"), (framed, "zstd"), (array, "lz4"), (line, "gzip"), (line, "snappy")]
    {
        let topic = kafka.topic("round", 3);
        let mut config = kafka.client(Listener::Plain);
        let mut producer = Producer::new(config.set("compression.type", codec), &topic, 3, shape);
        producer.write(300);
        let noted = producer.noted();
        let read = read(&kafka.client(Listener::Plain), &topic).unwrap();
        assert_read(&read, &noted);
        let counts = noted.counts();
        assert_eq!(counts.codes(), codes_in(&read), "{codec}");
        assert_eq!((counts.records, counts.lines), (300, (300 - counts.tombstones) * shape.lines()));
        let payloads = read.iter().filter_map(|read| read.payload.as_ref());
        assert_eq!(counts.bytes, payloads.map(|payload| payload.len() as u64).sum::<u64>());
        assert!((10..60).contains(&counts.tombstones), "{}", counts.tombstones);
        for (read, entry) in read.iter().zip(sorted(&noted)) {
            let tenant = shape.tenant(entry).into_bytes();
            match shape.tenant {
                Tenant::Header(name) => assert_eq!(read.headers, [(name.to_owned(), tenant)]),
                Tenant::Key => assert_eq!(read.key, Some(tenant)),
                Tenant::Line => assert!(read.headers.is_empty()),
            }
        }
        let tenants: u64 = counts.tenants().values().sum();
        assert_eq!(tenants, counts.codes().values().sum::<u64>());
        assert!(counts.tenants().len() == 5 && counts.tenants().contains_key(&shape.tenant(0)));
        let mut twice = Counts::default();
        twice.add(&counts);
        assert_eq!(twice, counts);
    }
}

fn sorted(noted: &Noted) -> Vec<u64> {
    let mut entries = noted.entries.clone();
    entries.sort_unstable();
    entries.into_iter().map(|entry| entry.record).collect()
}

#[test]
fn what_was_acknowledged_survives_kills_stops_pauses_and_cut_connections() {
    let test = "what_was_acknowledged_survives_kills_stops_pauses_and_cut_connections";
    let options = Options { way: Way::Proxied, ..Options::default() };
    let begun = Instant::now();
    let Some(kafka) = Cluster::start(test, 1, &options) else { return };
    let up = begun.elapsed();
    kafka.create_topic("numbers", 2, &[]);
    let load = Load::new(2_000);
    let producer = Producer::new(&kafka.client(Listener::Proxied), "numbers", 2, Shape::default()).run(&load);
    std::thread::sleep(Duration::from_millis(500));
    kafka.kill(1);
    assert!(!kafka.is_running(1) && kafka.nodes_up(1).is_empty());
    let killed = kafka.start_node(1);
    let stopped = kafka.stop(1);
    let started = kafka.start_node(1);
    kafka.pause(1);
    assert!(kafka.nodes_up(1).is_empty());
    kafka.resume(1);
    kafka.proxy(1).delay(Duration::from_millis(50));
    std::thread::sleep(Duration::from_millis(500));
    kafka.proxy(1).delay(Duration::ZERO);
    while kafka.proxy(1).cut() == 0 {
        std::thread::sleep(Duration::from_millis(10));
    }
    kafka.proxy(1).close(true);
    let direct = kafka.client(Listener::Plain);
    assert!(read(&direct, "numbers").is_ok());
    kafka.proxy(1).close(false);
    let noted = load.finish(producer).noted();
    assert_read(&read(&kafka.client(Listener::Proxied), "numbers").unwrap(), &noted);
    crate::kafka::say(&format!(
        "kafka: up in {up:?}, {killed:?} after a kill, stopped in {stopped:?}, {started:?} after that; {} records",
        noted.entries.len()
    ));
}

#[test]
fn everybody_with_good_papers_comes_in_and_nobody_else() {
    let test = "everybody_with_good_papers_comes_in_and_nobody_else";
    let Some(kafka) = shared(test) else { return };
    let topic = kafka.topic("papers", 1);
    let mut producer = Producer::new(&kafka.client(Listener::Plain), &topic, 1, Shape::default());
    producer.write(10);
    let noted = producer.noted();
    kafka.set_user("carol", "carol-secret");
    for who in ["User:alice", "User:bob", "User:carol", "User:CN=client"] {
        kafka.allow(who, Operation::Read, Resource::Topic, &topic);
    }
    for listener in [Listener::Sasl, Listener::SaslTls] {
        for (mechanism, user) in
            [("PLAIN", "alice"), ("PLAIN", "bob"), ("SCRAM-SHA-256", "carol"), ("SCRAM-SHA-512", "alice")]
        {
            let config = kafka.login(listener, mechanism, user, &format!("{user}-secret"));
            assert_read(&read(&config, &topic).unwrap(), &noted);
        }
        assert_read(&read(&kafka.bearer(listener, "alice"), &topic).unwrap(), &noted);
        let mut config = kafka.client(listener);
        config.set("sasl.mechanism", "OAUTHBEARER").set("group.id", "bearers");
        // With commits the end of a client waits for a group that it has no right to.
        config.set("enable.partition.eof", "true").set("enable.auto.commit", "false");
        let token = Bearer(unsecured_token("alice", 3600));
        let consumer = BaseConsumer::from_config_and_context(&config, token).unwrap();
        assert_read(&read_as(&consumer, &topic).unwrap(), &noted);
    }
    assert_read(&read(&kafka.certified("client"), &topic).unwrap(), &noted);
    let login = |mechanism, user| kafka.login(Listener::Sasl, mechanism, user, "wrong");
    assert_refused(&login("SCRAM-SHA-256", "alice"), RDKafkaErrorCode::Authentication);
    assert_refused(&login("PLAIN", "mallory"), RDKafkaErrorCode::Authentication);
    for config in [kafka.certified("expired"), kafka.certified("stranger"), kafka.client(Listener::Mtls)] {
        assert_refused(&config, RDKafkaErrorCode::BrokerTransportFailure);
    }
    kafka.delete_user("carol");
    let carol = kafka.login(Listener::Sasl, "SCRAM-SHA-256", "carol", "carol-secret");
    assert_refused(&carol, RDKafkaErrorCode::Authentication);
}

/// The broker does not talk to this client, for this reason as librdkafka tells it.
#[track_caller]
fn assert_refused(config: &ClientConfig, reason: RDKafkaErrorCode) {
    let config = config.clone().set("group.id", "refused").clone();
    let (mut client, begun): (BaseConsumer, _) = (config.create().unwrap(), Instant::now());
    loop {
        match client.poll(Duration::from_secs(1)) {
            Some(Err(KafkaError::MessageConsumption(error))) if error == reason => break,
            Some(Err(KafkaError::MessageConsumption(RDKafkaErrorCode::AllBrokersDown))) | None => {}
            // It came in: the brokers have yet to hear that it may not.
            Some(Err(KafkaError::MessageConsumption(RDKafkaErrorCode::GroupAuthorizationFailed))) => {
                client = config.create().unwrap();
            }
            other => panic!("{other:?}"),
        }
        assert!(begun.elapsed() < PATIENCE, "it was not refused");
    }
}

#[test]
fn a_right_holds_until_it_is_taken_away() {
    let Some(kafka) = shared("a_right_holds_until_it_is_taken_away") else { return };
    let topic = kafka.topic("rights", 1);
    let bob = kafka.login(Listener::Sasl, "PLAIN", "bob", "bob-secret");
    assert!(read(&bob, &topic).is_err());
    kafka.allow("User:bob", Operation::Read, Resource::Topic, &topic);
    assert_eq!(read(&bob, &topic), Ok(vec![]));
    kafka.disallow("User:bob", Operation::Read, Resource::Topic, &topic);
    assert!(read(&bob, &topic).is_err());
    kafka.allow("User:bob", Operation::Write, Resource::Topic, &topic);
    kafka.allow("User:bob", Operation::Describe, Resource::Group, "bobs");
    let mut producer = Producer::new(&bob, &topic, 1, Shape::default());
    producer.write(1);
    assert_eq!(producer.noted().entries.len(), 1);
}

#[test]
fn aborted_and_hung_transactions_are_on_the_broker_and_nobody_who_reads_committed_sees_them() {
    let test = "aborted_and_hung_transactions_are_on_the_broker_and_nobody_who_reads_committed_sees_them";
    let Some(kafka) = shared(test) else { return };
    let topic = kafka.topic("transactions", 2);
    let mut config = kafka.client(Listener::Plain);
    let mut producer = Producer::new(config.set("transactional.id", &topic), &topic, 2, Shape::default());
    for outcome in [Outcome::Commit, Outcome::Abort, Outcome::Commit, Outcome::Abort, Outcome::Commit] {
        producer.begin();
        producer.write(50);
        producer.end(outcome);
    }
    producer.begin();
    producer.write(50);
    let mut producer = producer.hang();
    let (noted, aborted) = (producer.noted(), producer.aborted());
    assert_eq!((noted.entries.len(), aborted.entries.len()), (150, 150));
    let mut config = kafka.client(Listener::Plain);
    assert_read(&read(&config, &topic).unwrap(), &noted);
    let all = Noted { shape: noted.shape, entries: [noted.entries, aborted.entries].concat() };
    assert_read(&read(config.set("isolation.level", "read_uncommitted"), &topic).unwrap(), &all);
}

#[test]
fn records_topics_and_offsets_go_as_an_operator_says() {
    let Some(kafka) = shared("records_topics_and_offsets_go_as_an_operator_says") else { return };
    let topic = kafka.topic("operated", 1);
    let mut producer = Producer::new(&kafka.client(Listener::Plain), &topic, 1, Shape::default());
    producer.write(100);
    producer.flush();
    kafka.delete_records(&topic, 0, 40);
    assert_eq!(kafka.watermarks(&topic, 0), (40, 100));
    let left = producer.noted().counts_where(|entry| entry.offset >= 40);
    assert_eq!(left.records, 60);
    assert_eq!(left.codes(), codes_in(&read(&kafka.client(Listener::Plain), &topic).unwrap()));
    kafka.add_partitions(&topic, 2);
    producer.set_partitions(2);
    producer.write(50);
    producer.write_to(1);
    assert!(producer.noted().entries.iter().any(|entry| entry.partition == 1));

    let committed = Committed { offset: 70, metadata: "fl1;of a test".to_owned() };
    assert_eq!(kafka.committed("group", &topic, 0), None);
    kafka.commit("group", &topic, 0, &committed);
    assert_eq!(kafka.committed("group", &topic, 0), Some(committed.clone()));
    kafka.delete_offset("group", &topic, 0);
    assert_eq!(kafka.committed("group", &topic, 0), None);

    kafka.commit("group", &topic, 0, &committed);
    let id = kafka.topic_id(&topic);
    kafka.delete_topic(&topic);
    kafka.create_topic(&topic, 1, &[("max.message.bytes", "1000000")]);
    assert_eq!((id.len(), kafka.topic_id(&topic).len()), (22, 22));
    assert_ne!(id, kafka.topic_id(&topic));
    assert_eq!(kafka.watermarks(&topic, 0), (0, 0));
    assert_eq!(kafka.committed("group", &topic, 0), None);
}

#[test]
fn odd_records_are_taken_as_they_are() {
    let Some(kafka) = shared("odd_records_are_taken_as_they_are") else { return };
    let settings = [("max.message.bytes", "20000000"), ("message.timestamp.after.max.ms", "9000000000000")];
    kafka.create_topic("odd", 1, &settings);
    let huge = vec![b'x'; 10 << 20];
    let headers: [(&str, &[u8]); 2] = [("tenant", b"\xff\"} 1"), ("tenant", b"")];
    let odd = [
        Odd { payload: Some(&huge), ..Odd::default() },
        Odd { key: Some(b""), headers: &headers, timestamp: Some(1), ..Odd::default() },
        Odd { payload: Some(b""), timestamp: Some(9_000_000_000_000), ..Odd::default() },
    ];
    let mut config = kafka.client(Listener::Plain);
    let entries = put(&config, "odd", &odd);
    assert_eq!(entries.iter().map(|entry| entry.offset).collect::<Vec<_>>(), [0, 1, 2]);
    // One batch, which the broker takes for its few kB: readers unpack no more than `receive.message.max.bytes`, 100 MB.
    config.set("compression.type", "zstd").set("linger.ms", "2000");
    put(&config, "odd", &[Odd { payload: Some(&huge), ..Odd::default() }; 5]);
    kafka.create_topic("bomb", 1, &[]);
    put(&config, "bomb", &[Odd { payload: Some(&huge), ..Odd::default() }; 20]);
    let error = read(&kafka.client(Listener::Plain), "bomb").unwrap_err();
    assert_eq!(error, KafkaError::MessageConsumption(RDKafkaErrorCode::BadCompression));
    let read = read(&kafka.client(Listener::Plain), "odd").unwrap();
    assert_eq!((read.len(), read[1].headers.len()), (8, 2));
    assert!(read[0].payload.as_ref() == Some(&huge) && read[7].payload.as_ref() == Some(&huge));
    assert_eq!((&read[1].payload, read[2].payload.as_deref()), (&None, Some(&b""[..])));
}

#[test]
fn members_of_a_group_are_seen_and_stand_in_the_way_of_an_operator() {
    let test = "members_of_a_group_are_seen_and_stand_in_the_way_of_an_operator";
    let Some(kafka) = shared(test) else { return };
    let topic = kafka.topic("members", 1);
    assert_eq!(kafka.members("settled"), 0);
    let member: BaseConsumer = kafka.client(Listener::Plain).set("group.id", "settled").create().unwrap();
    member.subscribe(&[&topic]).unwrap();
    while kafka.members("settled") == 0 {
        assert!(member.poll(Duration::from_millis(50)).is_none());
    }
    assert_eq!(kafka.members("settled"), 1);
    let committed = Committed { offset: 0, metadata: String::new() };
    let refused = std::panic::catch_unwind(|| kafka.commit("settled", &topic, 0, &committed));
    assert!(refused.is_err());
}

#[test]
fn a_damaged_batch_is_served_and_only_who_checks_the_sum_sees_it() {
    let test = "a_damaged_batch_is_served_and_only_who_checks_the_sum_sees_it";
    let Some(kafka) = Cluster::start(test, 1, &Options::default()) else { return };
    let codecs = ["none", "lz4", "zstd"];
    let noted = codecs.map(|codec| {
        kafka.create_topic(codec, 1, &[]);
        let mut config = kafka.client(Listener::Plain);
        config.set("compression.type", codec).set("batch.num.messages", "10").set("linger.ms", "1000");
        let mut producer = Producer::new(&config, codec, 1, Shape::default());
        producer.write(100);
        producer.noted()
    });
    kafka.stop(1);
    let damaged = codecs.map(|codec| {
        let batches = batches(&kafka, 1, codec, 0);
        assert_eq!((batches.len(), batches[9].end, batches[5].is_control), (10, 100, false));
        match batches[5].codec {
            0 => batches[5].flip_payload(),
            3 => batches[5].flip_at(CRC),
            _ => batches[5].flip(),
        }
        batches[5].clone()
    });
    kafka.start_node(1);
    let config = kafka.client(Listener::Plain);
    let with_sums = { config.clone().set("check.crcs", "true").clone() };
    for ((codec, noted), damaged) in codecs.into_iter().zip(noted).zip(damaged) {
        let error = read(&with_sums, codec).unwrap_err();
        assert_eq!(error, KafkaError::MessageConsumption(RDKafkaErrorCode::BadMessage));
        let payloads = noted.payloads();
        let read = read(&config, codec);
        if codec == "zstd" && read.is_err() {
            continue; // it depends on the byte
        }
        let read = read.unwrap();
        let changed = read.iter().zip(&payloads).filter(|(read, noted)| read.payload != noted.2);
        let changed: Vec<i64> = changed.map(|(read, _)| read.offset).collect();
        match codec {
            "none" => assert_eq!(changed, [damaged.end - 1]),
            "lz4" => assert_eq!((changed, read.len()), (vec![], 100)),
            _ => assert!(changed.iter().all(|&offset| damaged.holds(offset))),
        }
    }
}

#[test]
fn a_broker_with_a_certificate_for_elsewhere_is_not_trusted() {
    let test = "a_broker_with_a_certificate_for_elsewhere_is_not_trusted";
    let options = Options { security: Security::Listeners("elsewhere"), ..Options::default() };
    let Some(kafka) = Cluster::start(test, 1, &options) else { return };
    let mut config = kafka.certified("client");
    assert_refused(&config, RDKafkaErrorCode::SSL);
    config.set("ssl.endpoint.identification.algorithm", "none");
    let client: BaseConsumer = config.create().unwrap();
    assert!(client.fetch_metadata(None, Duration::from_secs(20)).is_ok());
}

#[test]
fn the_mock_fails_as_it_is_told() {
    let mock = Mock::start(2);
    mock.create_topic("mocked", 2);
    let mut producer = Producer::new(&mock.client(), "mocked", 2, Shape::default());
    producer.write(20);
    let noted = producer.noted();
    assert_read(&read(&mock.client(), "mocked").unwrap(), &noted);
    mock.down(1);
    let first = mock.bootstrap().split(',').next().unwrap().to_owned();
    let one = mock.client().set("bootstrap.servers", first).clone();
    assert_refused(&one, RDKafkaErrorCode::BrokerTransportFailure);
    mock.up(1);
    mock.lead("mocked", 0, 2);
    mock.coordinate("group", 2);
    mock.slow(1, Duration::from_millis(20));
    assert_read(&read(&mock.client(), "mocked").unwrap(), &noted);
    mock.fail(RDKafkaApiKey::Metadata, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR__TRANSPORT; 3]);
    mock.heal(RDKafkaApiKey::Metadata);
    mock.topic_error("mocked", RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    assert!(read(&mock.client(), "mocked").is_err());
}

#[test]
fn the_mock_serves_a_batch_with_a_wrong_sum() {
    let mock = Mock::start(1);
    mock.create_topic("sums", 1);
    assert_eq!(mock.produce("sums", 0, &[b"one", b"two"], Checksum::Right), 0);
    let mut config = mock.client();
    config.set("check.crcs", "true");
    assert_eq!(read(&config, "sums").unwrap().len(), 2);
    assert_eq!(mock.produce("sums", 0, &[b"three", b"four"], Checksum::Wrong), 2);
    let error = read(&config, "sums").unwrap_err();
    assert_eq!(error, KafkaError::MessageConsumption(RDKafkaErrorCode::BadMessage));
    let read = read(&mock.client(), "sums").unwrap();
    assert_eq!(read[2].payload.as_deref(), Some(&b"three"[..]));
}

#[test]
#[ignore = "three nodes; tests/all.sh runs it alone"]
fn of_three_nodes_one_may_be_killed() {
    let Some(kafka) = Cluster::start("of_three_nodes_one_may_be_killed", 3, &Options::default()) else {
        return;
    };
    assert_eq!(kafka.nodes(), 3);
    kafka.create_topic("numbers", 6, &[]);
    let load = Load::new(1_000);
    let producer = Producer::new(&kafka.client(Listener::Plain), "numbers", 6, Shape::default()).run(&load);
    for node in 1..=3 {
        kafka.kill(node);
        std::thread::sleep(Duration::from_secs(5));
        crate::kafka::say(&format!("kafka: node {node} up {:?} after a kill", kafka.start_node(node)));
    }
    let noted = load.finish(producer).noted();
    assert_read(&read(&kafka.client(Listener::Plain), "numbers").unwrap(), &noted);
}
