//! Single records just as the caller says them: huge, empty, with headers nobody should believe, from another time.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};

use super::noted::Entry;
use super::producer::Acknowledged;

#[derive(Debug, Clone, Copy, Default)]
pub struct Odd<'a> {
    pub partition: i32,
    pub key: Option<&'a [u8]>,
    pub payload: Option<&'a [u8]>,
    pub headers: &'a [(&'a str, &'a [u8])],
    /// Milliseconds since 1970; now, if not said. A topic takes what is more than an hour ahead only with
    /// `message.timestamp.after.max.ms`.
    pub timestamp: Option<i64>,
}

/// In one batch, if `config` has a `linger.ms` and they fit; gives where the broker put them, in order. Says no to none of
/// them by its size: `message.max.bytes` is 1 GB here, before compression, and 20 MB at the broker, after it.
pub fn put(config: &ClientConfig, topic: &str, records: &[Odd<'_>]) -> Vec<Entry> {
    let mut config = config.clone();
    config.set("message.max.bytes", "1000000000").set("queue.buffering.max.kbytes", "2000000");
    config.set("batch.size", "1000000000");
    let client: ThreadedProducer<Acknowledged> =
        ThreadedProducer::from_config_and_context(&config, Acknowledged::default()).unwrap();
    for (number, odd) in records.iter().enumerate() {
        let mut record = BaseRecord::with_opaque_to(topic, number).partition(odd.partition);
        (record.key, record.payload, record.timestamp) = (odd.key, odd.payload, odd.timestamp);
        if !odd.headers.is_empty() {
            let none = OwnedHeaders::new();
            record.headers = Some(
                odd.headers
                    .iter()
                    .fold(none, |headers, (key, value)| headers.insert(Header { key, value: Some(*value) })),
            );
        }
        client.send(record).map_err(|(error, _)| error).unwrap();
    }
    client.flush(Duration::from_secs(120)).unwrap();
    let mut entries = client.context().take();
    entries.sort_by_key(|entry| entry.record);
    assert_eq!(entries.len(), records.len());
    entries
}
