//! Topics of Apache Kafka, as a member of a consumer group.
//!
//! `setting` is what somebody asked for, as data; `value` is a text of it that may stand in the environment or in a file,
//! and the secret that comes of it; `topic` reads names and regexes of topics. `passthrough` says what librdkafka may
//! be told by its own names, `properties` makes of all that what it is told. `client` is the member, `native` its calls without a safe form, `token` its tokens. `reports` turns
//! what the client says of itself into a state and a reason, `statistics` into numbers; `figures` is what is exposed.
//! Where to begin and what counts is decided elsewhere: by [`crate::positions`], for whom `worker` acts.

pub mod value;
pub mod topic;
pub mod setting;
pub mod passthrough;
pub mod properties;
#[cfg(feature = "kafka")]
mod native;
#[cfg(feature = "kafka")]
mod token;
#[cfg(feature = "kafka")]
mod statistics;
#[cfg(feature = "kafka")]
mod reports;
#[cfg(feature = "kafka")]
mod figures;
#[cfg(feature = "kafka")]
mod client;
#[cfg(test)]
mod tests;

#[cfg(feature = "kafka")]
pub use client::{Change, Client, Polled};
#[cfg(feature = "kafka")]
pub use figures::{Figures, Panel, Panels, PartitionFigures};
#[cfg(feature = "kafka")]
pub use native::{Message, Messages, Offered, Reply, Topic};
pub use passthrough::{caution, check_property, is_printable, is_secret, printable};
pub use properties::{Build, Trouble};
#[cfg(feature = "kafka")]
pub use rdkafka::error::RDKafkaErrorCode as Code;
#[cfg(feature = "kafka")]
pub use reports::{Reports, name_of};
pub use setting::{
    Envelope, Framing, GroupProtocol, Oidc, OnCorrupt, PasswordMechanism, Pem, Protocol, Sasl, Security,
    Setting, Start, TenantFrom, Tls, TokenFrom,
};
#[cfg(feature = "kafka")]
pub use statistics::PartitionStatistics;
pub use topic::{TopicName, TopicPattern};
pub use value::{Part, REDACTED, Secret, Value};
