//! librdkafka's own broker, for tests that want it now and want it to fail: up in milliseconds, in the tests' process,
//! reached by any client by `bootstrap`.
//!
//! What it does not do: topics and partitions are made by calls here, not over the wire; no records are deleted, but of a
//! partition only 5 MB or 100,000 batches stay; no TLS, SASL or rights (push their errors); no CRC is checked on the way
//! in; offsets sent in transactions are not kept. A second member of a classic group joins only 1 s before its
//! `session.timeout.ms` is over, so set that to 4 to 6 s, and the first join takes 3 s. Never take away a partition's
//! leader while a client is there: that ends the process.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::mocking::{MockCluster, MockCoordinator};
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use super::batch::{self, Checksum};
use super::wire::Wire;

pub struct Mock {
    cluster: MockCluster<'static, DefaultProducerContext>,
}

impl Mock {
    /// Brokers count from 1.
    pub fn start(brokers: i32) -> Mock {
        Mock { cluster: MockCluster::new(brokers).unwrap() }
    }

    pub fn bootstrap(&self) -> String {
        self.cluster.bootstrap_servers()
    }

    pub fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.bootstrap());
        config
    }

    /// All partitions are led by broker 1.
    pub fn create_topic(&self, topic: &str, partitions: i32) {
        self.cluster.create_topic(topic, partitions, 1).unwrap();
        (0..partitions).for_each(|partition| self.lead(topic, partition, 1));
    }

    pub fn lead(&self, topic: &str, partition: i32, broker: i32) {
        self.cluster.partition_leader(topic, partition, Some(broker)).unwrap();
    }

    pub fn coordinate(&self, group: &str, broker: i32) {
        self.cluster.coordinator(MockCoordinator::Group(group.to_owned()), broker).unwrap();
    }

    /// Closes its connections and its port.
    pub fn down(&self, broker: i32) {
        self.cluster.broker_down(broker).unwrap();
    }

    pub fn up(&self, broker: i32) {
        self.cluster.broker_up(broker).unwrap();
    }

    pub fn slow(&self, broker: i32, round_trip: Duration) {
        self.cluster.broker_round_trip_time(broker, round_trip).unwrap();
    }

    /// The next requests of this kind fail so, one error each; `_TRANSPORT` ends the connection.
    pub fn fail(&self, request: RDKafkaApiKey, errors: &[RDKafkaRespErr]) {
        self.cluster.request_errors(request, errors);
    }

    pub fn heal(&self, request: RDKafkaApiKey) {
        self.cluster.clear_request_errors(request);
    }

    /// What is said of the topic to those who ask for it by metadata.
    pub fn topic_error(&self, topic: &str, error: RDKafkaRespErr) {
        self.cluster.topic_error(topic, error).unwrap();
    }

    /// A batch of payloads on a partition that broker 1 leads; gives its first offset.
    pub fn produce(&self, topic: &str, partition: i32, payloads: &[&[u8]], checksum: Checksum) -> i64 {
        let bootstrap = self.bootstrap();
        let first = bootstrap.split(',').next().expect("there is one");
        let batch = batch::encode(payloads, checksum);
        Wire::connect(first).produce(topic, partition, &batch).expect("broker 1 leads")
    }
}
