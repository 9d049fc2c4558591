//! What a Kafka source is told: which topics of which brokers, as which group, what a message is, how to log in.
//!
//! Data only. Texts that may stand in the environment or in a file are [`Value`]s and are looked up when a client is
//! built, see `properties`.

use std::collections::BTreeMap;
use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::properties::Trouble;
use super::topic::{TopicName, check_topic};
use super::value::{REDACTED, Value};

/// Bytes that are read ahead for each partition, unless something else is said.
pub const PREFETCH_BYTES_MAX: u64 = 16 << 20;

/// How long a partition may lag and stand still until it counts as stalled, unless something else is said.
pub const STALL_AFTER: Duration = Duration::from_secs(60);

/// The group, unless something else is said on the command line.
pub const GROUP: &str = "faultline";

/// The port of brokers that are named without one.
const BROKER_PORT: u16 = 9092;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// `host` or `host:port`; one of them is enough to find the others.
    pub brokers: Vec<Value>,
    pub topics: Vec<TopicName>,
    pub group: Value,
    pub start: Start,
    pub framing: Framing,
    pub envelope: Envelope,
    pub tenant: Option<TenantFrom>,
    /// Brokers of the same rack are read from where the cluster allows it.
    pub rack: Option<Value>,
    /// A member that comes back under this name keeps its partitions. With several consumers each adds its number.
    pub instance_id: Option<Value>,
    /// Threads of this process that share the partitions; at least 1.
    pub consumers: u16,
    pub protocol: GroupProtocol,
    pub security: Security,
    /// Read ahead for each partition. Memory is at most partitions × (this + one fetch of 4 MiB).
    pub prefetch_bytes_max: u64,
    /// Metrics by topic and partition.
    pub per_partition: bool,
    pub on_corrupt: OnCorrupt,
    pub stall_after: Duration,
    /// No broker answers at the start: the process leaves.
    pub require_broker: bool,
    /// What the client library is told besides, by its own names.
    pub librdkafka: BTreeMap<String, Value>,
}

/// Where a partition is begun for which neither the group nor the ledger has a position. It is resolved by us, once, and
/// written down before the first record: the library would skip what was lost and what came between two tries.
///
/// Earliest by default: what a topic holds when a group is new was never counted, and a first start that counts too much
/// of the past is seen at once, where one that skips it is not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Start {
    #[default]
    Earliest,
    Latest,
}

/// How many records a message holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Framing {
    /// One, whatever is in it.
    #[default]
    None,
    /// One a line.
    Newline,
    /// One for each element of a JSON array.
    JsonArray,
}

/// Which shipper wrapped the line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Envelope {
    /// Told by its fields.
    #[default]
    Auto,
    /// None did.
    Raw,
    Filebeat,
    Fluentbit,
    Vector,
}

/// Where the tenant of a message stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TenantFrom {
    Header(String),
    Key,
    /// The group `tenant` of the regex that the topic matches.
    Topic,
    /// A path into the JSON of the payload: names with dots between them.
    Field(String),
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum GroupProtocol {
    #[default]
    Classic,
    /// KIP-848; brokers from 4.0 on.
    Consumer,
}

/// A batch that cannot be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnCorrupt {
    /// Its partition stands still and says so.
    #[default]
    Stop,
    /// Its partition goes on behind it; what was passed over is counted.
    Skip,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Security {
    pub protocol: Protocol,
    pub sasl: Option<Sasl>,
    pub tls: Tls,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Protocol {
    #[default]
    Plaintext,
    Ssl,
    SaslPlaintext,
    SaslSsl,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sasl {
    Password {
        mechanism: PasswordMechanism,
        username: Value,
        password: Value,
    },
    /// OAUTHBEARER, the token fetched by us.
    Token(TokenFrom),
    /// OAUTHBEARER, the token fetched by the client library; only in builds with the feature `oidc`.
    Oidc(Oidc),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordMechanism {
    Plain,
    ScramSha256,
    ScramSha512,
}

/// What prints the token, or holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenFrom {
    /// Read anew for each token.
    File(PathBuf),
    /// A program and its arguments, no shell; it prints the token.
    Command(Vec<String>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Oidc {
    pub client_id: Value,
    pub client_secret: Value,
    pub token_url: Value,
    pub scope: Option<Value>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// `None`: those that the system trusts.
    pub ca: Option<Pem>,
    pub cert: Option<Pem>,
    pub key: Option<Pem>,
    pub key_password: Option<Value>,
    /// The broker's certificate is checked.
    pub verify: bool,
    /// And that it is for the host that was dialled.
    pub verify_hostname: bool,
}

impl Default for Tls {
    fn default() -> Tls {
        Tls { ca: None, cert: None, key: None, key_password: None, verify: true, verify_hostname: true }
    }
}

/// Certificates or a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pem {
    /// A file that the client library reads itself.
    Path(PathBuf),
    /// The text in PEM, or what turns out to be a path once it is looked up.
    Text(Value),
}

/// What a text in PEM begins with.
pub const PEM_BEGIN: &str = "-----BEGIN ";

/// The names that the configuration has for each variant.
macro_rules! names {
    ($($type:ident { $($variant:ident $name:literal),+ })+) => {$(
        impl $type {
            pub const ALL: &[$type] = &[$($type::$variant),+];

            pub fn name(self) -> &'static str {
                match self {
                    $($type::$variant => $name),+
                }
            }
        }
    )+};
}

names! {
    Start { Earliest "earliest", Latest "latest" }
    Framing { None "none", Newline "newline", JsonArray "json_array" }
    Envelope { Auto "auto", Raw "raw", Filebeat "filebeat", Fluentbit "fluentbit", Vector "vector" }
    GroupProtocol { Classic "classic", Consumer "consumer" }
    OnCorrupt { Stop "stop", Skip "skip" }
    Protocol { Plaintext "plaintext", Ssl "ssl", SaslPlaintext "sasl_plaintext", SaslSsl "sasl_ssl" }
    PasswordMechanism { Plain "PLAIN", ScramSha256 "SCRAM-SHA-256", ScramSha512 "SCRAM-SHA-512" }
}

impl Protocol {
    pub fn has_sasl(self) -> bool {
        matches!(self, Protocol::SaslPlaintext | Protocol::SaslSsl)
    }

    pub fn has_tls(self) -> bool {
        matches!(self, Protocol::Ssl | Protocol::SaslSsl)
    }
}

impl Sasl {
    pub fn mechanism(&self) -> &'static str {
        match self {
            Sasl::Password { mechanism, .. } => mechanism.name(),
            Sasl::Token(_) | Sasl::Oidc(_) => "OAUTHBEARER",
        }
    }
}

impl Setting {
    /// Topics of brokers, everything else as it is without being said.
    pub fn of(brokers: Vec<Value>, topics: Vec<TopicName>, group: Value) -> Setting {
        Setting {
            brokers,
            topics,
            group,
            start: Start::default(),
            framing: Framing::default(),
            envelope: Envelope::default(),
            tenant: None,
            rack: None,
            instance_id: None,
            consumers: 1,
            protocol: GroupProtocol::default(),
            security: Security::default(),
            prefetch_bytes_max: PREFETCH_BYTES_MAX,
            per_partition: true,
            on_corrupt: OnCorrupt::default(),
            stall_after: STALL_AFTER,
            require_broker: false,
            librdkafka: BTreeMap::new(),
        }
    }

    /// Where the token comes from that we fetch for the client, if we do.
    pub fn token(&self) -> Option<&TokenFrom> {
        match &self.security.sasl {
            Some(Sasl::Token(from)) => Some(from),
            _ => None,
        }
    }

    /// The group's name, looked up.
    pub fn group_name(&self) -> Result<String, Trouble> {
        let name = self.group.resolve("group")?.reveal().to_owned();
        check_name(&name).map_err(|why| Trouble::value("group", why))?;
        Ok(name)
    }

    /// The brokers, looked up; a variable may name several with commas between them.
    pub fn broker_names(&self) -> Result<Vec<String>, Trouble> {
        let mut names = Vec::new();
        for broker in &self.brokers {
            for one in broker.resolve("brokers")?.reveal().split(',').map(str::trim) {
                check_broker(one).map_err(|why| Trouble::value("brokers", why))?;
                names.push(one.to_owned());
            }
        }
        Ok(names)
    }

    /// What the client subscribes to.
    pub fn subscriptions(&self) -> Result<Vec<String>, Trouble> {
        let subscription = |topic: &TopicName| match topic {
            TopicName::Pattern(pattern) => Ok(pattern.subscription().to_owned()),
            TopicName::Name(name) => {
                let name = name.resolve("topics")?.reveal().to_owned();
                check_topic(&name).map_err(|why| Trouble::value("topics", &why))?;
                Ok(name)
            }
        };
        self.topics.iter().map(subscription).collect()
    }

    /// The tenant that a topic's name says, where it is asked to.
    pub fn tenant_of_topic<'t>(&self, topic: &'t str) -> Option<&'t str> {
        let patterns = self.topics.iter().filter_map(|name| match name {
            TopicName::Pattern(pattern) => Some(pattern),
            TopicName::Name(_) => None,
        });
        matches!(self.tenant, Some(TenantFrom::Topic)).then_some(patterns)?.find_map(|one| one.tenant(topic))
    }

    /// Names a broker that the other names, as far as their words go.
    pub fn shares_broker(&self, other: &Setting) -> bool {
        let others: Vec<String> = other.brokers.iter().flat_map(same_broker).collect();
        self.brokers.iter().flat_map(same_broker).any(|broker| others.contains(&broker))
    }

    /// Certainly reads something that the other reads.
    pub fn shares_topic(&self, other: &Setting) -> bool {
        self.shares_broker(other) && self.topics.iter().any(|topic| other.topics.contains(topic))
    }

    /// Paths that are not absolute begin at `dir`.
    pub fn seen_from(mut self, dir: &Path) -> Setting {
        let Setting { brokers, topics, group, rack, instance_id, security, librdkafka, .. } = &mut self;
        let names = topics.iter_mut().filter_map(|topic| match topic {
            TopicName::Name(name) => Some(name),
            TopicName::Pattern(_) => None,
        });
        let mut values: Vec<&mut Value> = brokers.iter_mut().chain(names).collect();
        values.push(group);
        values.extend(rack.iter_mut().chain(instance_id).chain(librdkafka.values_mut()));
        let Security { protocol: _, sasl, tls } = security;
        match sasl {
            None | Some(Sasl::Token(TokenFrom::Command(_))) => {}
            Some(Sasl::Token(TokenFrom::File(path))) => *path = dir.join(&*path),
            Some(Sasl::Password { mechanism: _, username, password }) => values.extend([username, password]),
            Some(Sasl::Oidc(Oidc { client_id, client_secret, token_url, scope })) => {
                values.extend([client_id, client_secret, token_url]);
                values.extend(scope);
            }
        }
        values.extend(&mut tls.key_password);
        for pem in [&mut tls.ca, &mut tls.cert, &mut tls.key].into_iter().flatten() {
            match pem {
                Pem::Path(path) => *path = dir.join(&*path),
                Pem::Text(text) => values.push(text),
            }
        }
        for value in values {
            *value = std::mem::replace(value, Value::Text(Vec::new())).seen_from(dir);
        }
        self
    }
}

/// As it is compared: with its port, in small letters.
fn same_broker(broker: &Value) -> Vec<String> {
    let Some(text) = broker.written() else { return vec![format!("{broker:?}")] };
    let one = |one: &str| {
        let one = one.trim().to_lowercase();
        let has_port =
            one.rsplit_once(':').is_some_and(|(host, _)| !host.starts_with('[') || host.ends_with(']'));
        if has_port { one } else { format!("{one}:{BROKER_PORT}") }
    };
    text.split(',').map(one).collect()
}

/// `host`, `host:port`, `[v6]` or `[v6]:port`. The error does not show the text: it may hold a password.
pub fn check_broker(text: &str) -> Result<(), &'static str> {
    let host_of = |host: &str| -> Result<(), &'static str> {
        match host.strip_prefix('[').map(|rest| rest.strip_suffix(']')) {
            Some(Some(v6)) if v6.parse::<Ipv6Addr>().is_ok() => Ok(()),
            Some(_) => Err("there is no IPv6 address between the brackets"),
            None if host.is_empty() => Err("there is no host before the port"),
            None if host.contains(['[', ']']) => Err("a bracket stands where none belongs"),
            None if host.contains(':') => Err("write an IPv6 address in brackets: `[::1]:9092`"),
            None => Ok(()),
        }
    };
    if text.is_empty() {
        return Err("there is nothing: `host:9092` is expected");
    }
    if text == REDACTED {
        return Err("it is what is printed in place of a secret");
    }
    if text.contains("://") {
        return Err("write `host:port` without a scheme; TLS and SASL are `security.protocol`");
    }
    if text.contains('@') {
        return Err("a broker has no user or password; that is `security.sasl`");
    }
    if text.contains(|c: char| c.is_whitespace() || c.is_control() || "/,;?#\\\"'".contains(c)) {
        return Err("a host has no blanks, control characters, `/`, `;` or quotes in it");
    }
    match text.rsplit_once(':') {
        Some((host, port)) if !text.ends_with(']') => match port.parse::<u16>() {
            Ok(1..) if port.bytes().all(|byte| byte.is_ascii_digit()) => host_of(host),
            _ => Err("the port is no number from 1 to 65535"),
        },
        _ => host_of(text),
    }
}

/// A group, rack or member.
pub fn check_name(name: &str) -> Result<(), &'static str> {
    match name {
        "" => Err("it is empty"),
        REDACTED => Err("it is what is printed in place of a secret"),
        _ if name.len() > 255 => Err("it has more than 255 bytes"),
        _ if name.contains(char::is_control) => Err("it holds a control character"),
        _ => Ok(()),
    }
}
