//! Properties of the client library by its own names: which may be passed through, and which of their values may be shown.
//!
//! Secrets are told by a list of what is *not* one, so that a name that nobody thought of is kept.

use super::setting::GroupProtocol;
use super::value::Value;

/// Names that may not be passed through, why, and what to use.
const REFUSED: &[(&str, &str)] = &[
    ("enable.auto.commit", "positions are committed with the counts; leave it out"),
    ("auto.commit.enable", "positions are committed with the counts; leave it out"),
    ("auto.commit.interval.ms", "positions are committed with the counts; leave it out"),
    ("enable.auto.offset.store", "positions are committed with the counts; leave it out"),
    ("offset.store.method", "positions are committed with the counts; leave it out"),
    ("offset.store.path", "positions are committed with the counts; leave it out"),
    ("offset.store.sync.interval.ms", "positions are committed with the counts; leave it out"),
    ("auto.offset.reset", "the library would skip lost records in silence; use `start`"),
    ("enable.partition.eof", "where a partition ends is known without it; leave it out"),
    ("group.id", "use `group`"),
    ("bootstrap.servers", "use `brokers`"),
    ("metadata.broker.list", "use `brokers`"),
    ("group.instance.id", "use `instance_id`"),
    ("client.rack", "use `rack`"),
    ("group.protocol", "use `protocol`"),
    ("queued.max.messages.kbytes", "use `prefetch_bytes_max`"),
    ("allow.auto.create.topics", "reading makes no topics; make it with the tools of the broker"),
    ("topic.blacklist", "topics would be left out in silence; say it in the regex of `topics`"),
    ("plugin.library.paths", "it loads other programs' code into this one"),
    ("interceptors", "it is set in code only"),
    ("opaque", "it is set in code only"),
    ("default_topic_conf", "it is set in code only"),
    ("enabled_events", "it is set in code only"),
    ("ssl_engine_callback_data", "it is set in code only"),
    ("log.queue", "the log of the client is read by this program; leave it out"),
    ("sasl.oauthbearer.config", "tokens come from `security.sasl.token` or `security.sasl.oidc`"),
];

/// Names that are an error in the library with the protocol `consumer`.
const OF_CLASSIC: [&str; 4] =
    ["session.timeout.ms", "heartbeat.interval.ms", "partition.assignment.strategy", "group.protocol.type"];

/// Names that may be passed through by somebody who knows what it means.
const CAUTIONED: &[(&str, &str)] = &[
    ("isolation.level", "with `read_uncommitted` records of aborted transactions count"),
    ("max.poll.interval.ms", "a low value makes the group take partitions away while one batch is counted"),
];

/// Names whose values are no secret.
const PRINTABLE: &[&str] = &[
    "api.version.fallback.ms",
    "api.version.request",
    "api.version.request.timeout.ms",
    "broker.address.family",
    "broker.address.ttl",
    "broker.version.fallback",
    "builtin.features",
    "check.crcs",
    "client.dns.lookup",
    "client.id",
    "connections.max.idle.ms",
    "coordinator.query.interval.ms",
    "debug",
    "enable.metrics.push",
    "enable.random.seed",
    "enable.ssl.certificate.verification",
    "fetch.error.backoff.ms",
    "fetch.max.bytes",
    "fetch.message.max.bytes",
    "fetch.min.bytes",
    "fetch.queue.backoff.ms",
    "fetch.wait.max.ms",
    "group.protocol.type",
    "group.remote.assignor",
    "heartbeat.interval.ms",
    "https.ca.location",
    "isolation.level",
    "log.connection.close",
    "log.thread.name",
    "log_level",
    "max.in.flight",
    "max.in.flight.requests.per.connection",
    "max.partition.fetch.bytes",
    "max.poll.interval.ms",
    "message.copy.max.bytes",
    "message.max.bytes",
    "metadata.max.age.ms",
    "metadata.recovery.rebootstrap.trigger.ms",
    "metadata.recovery.strategy",
    "partition.assignment.strategy",
    "queued.min.messages",
    "receive.message.max.bytes",
    "reconnect.backoff.jitter.ms",
    "reconnect.backoff.max.ms",
    "reconnect.backoff.ms",
    "retry.backoff.max.ms",
    "retry.backoff.ms",
    "sasl.kerberos.keytab",
    "sasl.kerberos.min.time.before.relogin",
    "sasl.kerberos.principal",
    "sasl.kerberos.service.name",
    "sasl.mechanism",
    "sasl.mechanisms",
    "sasl.oauthbearer.client.id",
    "sasl.oauthbearer.method",
    "sasl.oauthbearer.scope",
    "sasl.username",
    "security.protocol",
    "session.timeout.ms",
    "socket.blocking.max.ms",
    "socket.connection.setup.timeout.ms",
    "socket.keepalive.enable",
    "socket.max.fails",
    "socket.nagle.disable",
    "socket.receive.buffer.bytes",
    "socket.send.buffer.bytes",
    "socket.timeout.ms",
    "ssl.ca.certificate.stores",
    "ssl.ca.location",
    "ssl.certificate.location",
    "ssl.cipher.suites",
    "ssl.crl.location",
    "ssl.curves.list",
    "ssl.endpoint.identification.algorithm",
    "ssl.engine.id",
    "ssl.engine.location",
    "ssl.key.location",
    "ssl.keystore.location",
    "ssl.providers",
    "ssl.sigalgs.list",
    "statistics.interval.ms",
    "topic.metadata.propagation.max.ms",
    "topic.metadata.refresh.fast.interval.ms",
    "topic.metadata.refresh.interval.ms",
    "topic.metadata.refresh.sparse",
];

/// Whether the value of a property may be shown.
pub fn is_printable(key: &str) -> bool {
    PRINTABLE.contains(&key)
}

/// Whether the value of a property has to be kept out of every text. What may not be passed through is ours, or has a setting
/// of its own, and is none: a group and a broker are named in reasons, and `error` is a word of many.
pub fn is_secret(key: &str) -> bool {
    let is_ours = REFUSED.iter().any(|(refused, _)| *refused == key) && key != "sasl.oauthbearer.config";
    !is_printable(key) && !is_ours
}

/// The properties that are known to be no secret, which is most of what there is.
pub fn printable() -> impl Iterator<Item = &'static str> {
    PRINTABLE.iter().copied()
}

/// Whether a property may be passed through; the error says why not and what to use.
pub fn check_property(key: &str, value: &Value, protocol: GroupProtocol) -> Result<(), &'static str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if key.is_empty() || !key.chars().all(is_name) {
        return Err("it is no name of a property");
    }
    if let Some((_, why)) = REFUSED.iter().find(|(refused, _)| *refused == key) {
        return Err(why);
    }
    if key.ends_with("_cb") || key.ends_with(".cb") {
        return Err("it is set in code only");
    }
    if protocol == GroupProtocol::Consumer && OF_CLASSIC.contains(&key) {
        return Err("with `protocol: consumer` the broker says it; leave it out");
    }
    if key == "partition.assignment.strategy" && value.as_literal() != Some("cooperative-sticky") {
        return Err("it is `cooperative-sticky`: the others take all partitions away at each change");
    }
    Ok(())
}

/// What somebody has to know who passes a property through.
pub fn caution(key: &str) -> Option<&'static str> {
    CAUTIONED.iter().find(|(cautioned, _)| *cautioned == key).map(|(_, why)| *why)
}

/// Two names of the library for the same thing.
pub(super) fn same_name(key: &str) -> &str {
    match key {
        "sasl.mechanisms" => "sasl.mechanism",
        "max.partition.fetch.bytes" => "fetch.message.max.bytes",
        "max.in.flight.requests.per.connection" => "max.in.flight",
        other => other,
    }
}
