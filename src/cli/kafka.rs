//! The flags of `run` that name a Kafka source.

use clap::{Args, ValueEnum};

use crate::config::{KafkaFlags, KafkaStart, Secret};

#[derive(Debug, Args)]
pub(super) struct Kafka {
    /// Kafka brokers to start from, as host:port with commas between them
    ///
    /// With --kafka.topics they are a source, in place of those of the configuration, as --input is. What a quick start has
    /// no flag for stands in the configuration (`sources`, `kafka`).
    #[arg(long = "kafka.brokers", value_name = "LIST")]
    brokers: Option<String>,
    /// Topics with commas between them, or one regex that begins with ^
    #[arg(long = "kafka.topics", value_name = "LIST")]
    topics: Option<String>,
    /// Consumer group; instances with the same one share the partitions [default: faultline]
    #[arg(long = "kafka.group", value_name = "NAME")]
    group: Option<String>,
    /// Where partitions are begun that neither the group nor the state directory knows [default: earliest]
    ///
    /// It beats what the configuration says of its Kafka sources.
    #[arg(id = "kafka.start", long = "kafka.start", value_name = "PLACE")]
    start: Option<StartName>,
    /// A property of the Kafka client, as librdkafka calls it (repeatable)
    ///
    /// All users of a machine can see the command line: write a secret as '${NAME}', an environment variable, or as
    /// '{file: /path}', and quote it so that the shell leaves it alone.
    #[arg(long = "kafka.set", value_name = "KEY=VALUE")]
    set: Vec<Secret>,
    /// Leave when no Kafka broker answers at the start
    #[arg(long = "require-broker")]
    require_broker: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum StartName {
    Earliest,
    Latest,
}

impl Kafka {
    pub(super) fn flags(&self) -> KafkaFlags {
        KafkaFlags {
            brokers: self.brokers.clone(),
            topics: self.topics.clone(),
            group: self.group.clone(),
            start: self.start.map(|start| match start {
                StartName::Earliest => KafkaStart::Earliest,
                StartName::Latest => KafkaStart::Latest,
            }),
            set: self.set.clone(),
            require_broker: self.require_broker,
        }
    }
}
