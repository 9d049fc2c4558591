//! `--kafka.…` → a Kafka source, for a start without a file.
//!
//! A message names the flag and never what stands behind it: a command line may hold a password.

use crate::source::kafka::setting::{GROUP, check_broker, check_name};
use crate::source::kafka::{REDACTED, Secret, Setting, Start, TopicName, Value, caution, check_property};

/// What the command line says of Kafka.
#[derive(Debug, Clone, Default)]
pub struct KafkaFlags {
    /// With commas between them.
    pub brokers: Option<String>,
    pub topics: Option<String>,
    pub group: Option<String>,
    pub start: Option<Start>,
    /// Each `key=value`.
    pub set: Vec<Secret>,
    pub require_broker: bool,
}

/// A source of flags, and what somebody has to know of it.
pub type Quick = (Option<Setting>, Vec<String>);

impl KafkaFlags {
    /// The source that the flags name, if they name one.
    pub fn source(&self) -> Result<Quick, String> {
        let Some(brokers) = &self.brokers else {
            let alone = [
                ("topics", self.topics.is_some()),
                ("group", self.group.is_some()),
                ("set", !self.set.is_empty()),
            ];
            return match alone.iter().find(|(_, is_said)| *is_said) {
                Some((flag, _)) => Err(format!(
                    "--kafka.{flag} needs --kafka.brokers\nhint: --kafka.brokers host:9092 --kafka.topics logs"
                )),
                None => Ok((None, Vec::new())),
            };
        };
        let Some(topics) = &self.topics else {
            return Err(
                "--kafka.brokers needs --kafka.topics\nhint: --kafka.topics logs, or a regex as '^logs-'"
                    .into(),
            );
        };
        let brokers = entries(brokers).map(broker).collect::<Result<Vec<_>, _>>()?;
        let topics = match topics.starts_with('^') {
            true => vec![topic(topics)?],
            false => entries(topics).map(topic).collect::<Result<Vec<_>, _>>()?,
        };
        let group =
            value(self.group.as_deref().unwrap_or(GROUP)).map_err(|why| format!("--kafka.group: {why}"))?;
        if let Some(Err(why)) = group.as_literal().map(check_name) {
            return Err(format!("--kafka.group: {why}"));
        }
        let mut setting = Setting::of(brokers, topics, group);
        setting.start = self.start.unwrap_or_default();
        setting.require_broker = self.require_broker;
        let mut cautions = Vec::new();
        for one in &self.set {
            let key = pass(&mut setting, one)?;
            cautions.extend(caution(&key).map(|why| format!("--kafka.set {key}: {why}")));
        }
        match setting.conflict() {
            Some((key, why)) => Err(format!("--kafka.set {key}: {why}")),
            None => Ok((Some(setting), cautions)),
        }
    }
}

fn entries(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim)
}

fn broker(text: &str) -> Result<Value, String> {
    let broker = value(text).map_err(|why| format!("--kafka.brokers: {why}"))?;
    match broker.as_literal().map(check_broker) {
        Some(Err(why)) => Err(format!(
            "--kafka.brokers: this is no broker: {why}\nhint: --kafka.brokers host:9092,other:9092"
        )),
        _ => Ok(broker),
    }
}

fn topic(text: &str) -> Result<TopicName, String> {
    TopicName::parse(text).map_err(|why| format!("--kafka.topics: {why}"))
}

fn value(text: &str) -> Result<Value, &'static str> {
    match Value::parse(text)? {
        _ if text == REDACTED => Err("`***` is what is printed in place of a secret"),
        value => Ok(value),
    }
}

/// Gives the key.
fn pass(setting: &mut Setting, one: &Secret) -> Result<String, String> {
    const HINT: &str = "hint: --kafka.set client.id=me, --kafka.set 'sasl.password=${PASSWORD}'";
    let Some((key, text)) = one.reveal().split_once('=') else {
        return Err(format!("--kafka.set: it is not KEY=VALUE\n{HINT}"));
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if key.is_empty() || !key.chars().all(is_name) {
        return Err(format!("--kafka.set: before the `=` stands no name of a property\n{HINT}"));
    }
    let file = text.strip_prefix("{file:").and_then(|rest| rest.strip_suffix('}')).map(str::trim);
    let value = match file {
        Some("") => Err("behind `file:` stands no path"),
        Some(path) => Ok(Value::File(path.into())),
        None => value(text),
    };
    let value = value.map_err(|why| format!("--kafka.set {key}: {why}"))?;
    check_property(key, &value, setting.protocol).map_err(|why| format!("--kafka.set {key}: {why}"))?;
    match setting.librdkafka.insert(key.to_owned(), value) {
        Some(_) => Err(format!("--kafka.set {key}: it is given twice")),
        None => Ok(key.to_owned()),
    }
}
