//! `kafka` of a source → [`Setting`]. `security` of it is in `security`.
//!
//! Names of brokers, topics and groups are shown in findings; no text that may be a secret is.

use std::time::Duration;

use super::Check;
use crate::catalogue::diagnostic::{Step, nearest, quoted};
use crate::config::raw::kafka::{
    RawEnvelope, RawFraming, RawGroupProtocol, RawKafka, RawKafkaStart, RawList, RawOnCorrupt, RawTenant,
    RawValue,
};
use crate::config::units;
use crate::source::kafka::setting::{PREFETCH_BYTES_MAX, check_broker, check_name};
use crate::source::kafka::{
    Envelope, Framing, GroupProtocol, OnCorrupt, Part, REDACTED, Setting, Start, TenantFrom, TopicName,
    Value, caution, check_property, printable,
};

const CONSUMERS_MAX: u64 = 256;
const PREFETCH_BYTES_MIN: u64 = 1 << 20;
const PREFETCH_BYTES_MOST: u64 = 2 << 30;
const STALL_AFTER_MIN: Duration = Duration::from_secs(1);
const STALL_AFTER_MAX: Duration = Duration::from_secs(24 * 3600);
/// Of the name of a header, and of a path into JSON.
const TENANT_BYTES_MAX: usize = 255;

/// `sources`, index, `kafka`.
pub(super) type Place<'p> = [Step<'p>; 3];

/// The place of a setting below `kafka`.
pub(super) fn at<'p>(place: &Place<'p>, keys: &[&'p str]) -> Vec<Step<'p>> {
    place.iter().copied().chain(keys.iter().copied().map(Step::Key)).collect()
}

impl Check<'_, '_> {
    pub(super) fn kafka(&mut self, raw: RawKafka, place: &Place<'_>) -> Setting {
        let brokers = self.brokers(raw.brokers, place);
        let topics = self.topics(raw.topics, place);
        let group = match raw.group {
            Some(group) => self.name(group, "group", place),
            None => {
                let hint = "instances with one group share the partitions; write `group: faultline`";
                self.find(place, "a Kafka source needs a `group`", Some(hint.into()));
                Value::literal("")
            }
        };
        let mut setting = Setting::of(brokers, topics, group);
        setting.start = match raw.start {
            None | Some(RawKafkaStart::Earliest) => Start::Earliest,
            Some(RawKafkaStart::Latest) => Start::Latest,
        };
        setting.framing = match raw.framing {
            None | Some(RawFraming::None) => Framing::None,
            Some(RawFraming::Newline) => Framing::Newline,
            Some(RawFraming::JsonArray) => Framing::JsonArray,
        };
        setting.envelope = match raw.envelope {
            None | Some(RawEnvelope::Auto) => Envelope::Auto,
            Some(RawEnvelope::Raw) => Envelope::Raw,
            Some(RawEnvelope::Filebeat) => Envelope::Filebeat,
            Some(RawEnvelope::Fluentbit) => Envelope::Fluentbit,
            Some(RawEnvelope::Vector) => Envelope::Vector,
        };
        setting.tenant = raw.tenant.and_then(|tenant| self.tenant(tenant, &setting.topics, place));
        setting.rack = raw.rack.map(|rack| self.name(rack, "rack", place));
        setting.instance_id = raw.instance_id.map(|id| self.name(id, "instance_id", place));
        setting.protocol = match raw.protocol {
            None | Some(RawGroupProtocol::Classic) => GroupProtocol::Classic,
            Some(RawGroupProtocol::Consumer) => GroupProtocol::Consumer,
        };
        setting.on_corrupt = match raw.on_corrupt {
            None | Some(RawOnCorrupt::Stop) => OnCorrupt::Stop,
            Some(RawOnCorrupt::Skip) => OnCorrupt::Skip,
        };
        setting.per_partition = raw.per_partition.unwrap_or(setting.per_partition);
        setting.require_broker = raw.require_broker.unwrap_or(setting.require_broker);
        setting.consumers = self.consumers(raw.consumers, place);
        if let Some(size) = raw.prefetch_bytes_max {
            setting.prefetch_bytes_max = self.prefetch(&size, place);
        }
        if let Some(time) = raw.stall_after {
            match units::parse_duration(&time) {
                Ok(time) if (STALL_AFTER_MIN..=STALL_AFTER_MAX).contains(&time) => setting.stall_after = time,
                Ok(_) => {
                    let message = format!("{} is out of bounds", quoted(&time));
                    self.find(&at(place, &["stall_after"]), message, Some("from 1s to 24h".into()));
                }
                Err(why) => self.find(&at(place, &["stall_after"]), why, None),
            }
        }
        setting.security = self.security(raw.security, place);
        for (key, value) in raw.librdkafka {
            self.property(&mut setting, key, value, place);
        }
        if let Some((key, why)) = setting.conflict() {
            self.find(&at(place, &["librdkafka", &key]), format_args!("{}: {why}", quoted(&key)), None);
        }
        setting
    }

    fn brokers(&mut self, raw: Option<RawList>, place: &Place<'_>) -> Vec<Value> {
        let hint = "write `brokers: [host:9092]`; one of them is enough to find the others";
        let mut brokers = Vec::new();
        for (path, value) in self.list(raw, "brokers", hint, place) {
            let Some(value) = self.value(value, &path, Secrecy::Open) else { continue };
            if let Some(Err(why)) = value.as_literal().map(check_broker) {
                let hint = "write `host` or `host:port`, for example `kafka-1:9092`";
                self.find(&path, format_args!("this is no broker: {why}"), Some(hint.into()));
            }
            brokers.push(value);
        }
        brokers
    }

    fn topics(&mut self, raw: Option<RawList>, place: &Place<'_>) -> Vec<TopicName> {
        let hint = "write `topics: [logs]`, or a regex that begins with `^`";
        let mut topics: Vec<TopicName> = Vec::new();
        for (path, value) in self.list(raw, "topics", hint, place) {
            let RawValue::Text(text) = &value else {
                topics.extend(self.value(value, &path, Secrecy::Open).map(TopicName::Name));
                continue;
            };
            match TopicName::parse(text) {
                Err(why) => {
                    let what =
                        if text.starts_with('^') { "no regex that can be read here" } else { "no topic" };
                    self.find(&path, format_args!("{} is {what}: {why}", quoted(text)), None);
                }
                Ok(topic) if topics.contains(&topic) => {
                    self.find(&path, format_args!("the topic {} is named twice", quoted(text)), None);
                }
                Ok(topic) => topics.push(topic),
            }
        }
        topics
    }

    /// The entries of a list with the place of each; one text may have commas in it.
    fn list<'p>(
        &mut self,
        raw: Option<RawList>,
        key: &'p str,
        hint: &str,
        place: &Place<'p>,
    ) -> Vec<(Vec<Step<'p>>, RawValue)> {
        let path = at(place, &[key]);
        let entries: Vec<(Vec<Step<'p>>, RawValue)> = match raw {
            None => {
                let message = format!("a Kafka source needs `{key}`");
                self.find(place, message, Some(hint.into()));
                return Vec::new();
            }
            Some(RawList::Text(RawValue::Text(text))) if text.trim().is_empty() => Vec::new(),
            // In a regex a comma is its own.
            Some(RawList::Text(RawValue::Text(text))) if !text.starts_with('^') => {
                let one = |part: &str| (path.clone(), RawValue::Text(part.trim().to_owned()));
                text.split(',').map(one).collect()
            }
            Some(RawList::Text(value)) => vec![(path.clone(), value)],
            Some(RawList::List(values)) => {
                let one = |(n, value)| ([&path[..], &[Step::Index(n)]].concat(), value);
                values.into_iter().enumerate().map(one).collect()
            }
        };
        if entries.is_empty() {
            self.find(&path, format_args!("`{key}` names nothing"), Some(hint.into()));
        }
        entries
    }

    fn name(&mut self, raw: RawValue, key: &str, place: &Place<'_>) -> Value {
        let path = at(place, &[key]);
        let value = self.value(raw, &path, Secrecy::Open).unwrap_or_else(|| Value::literal("-"));
        if let Some(Err(why)) = value.as_literal().map(check_name) {
            self.find(&path, format_args!("this is no `{key}`: {why}"), None);
        }
        value
    }

    fn tenant(&mut self, raw: RawTenant, topics: &[TopicName], place: &Place<'_>) -> Option<TenantFrom> {
        let path = at(place, &["tenant"]);
        let mut named = |key: &str, name: &str, is_wrong: bool, hint: &str| {
            let is_bad = is_wrong || name.is_empty() || name.len() > TENANT_BYTES_MAX;
            if is_bad || name.contains(char::is_control) {
                let path = [&path[..], &[key.into()]].concat();
                self.find(&path, format_args!("{} is no {key}", quoted(name)), Some(hint.into()));
            }
        };
        match raw {
            RawTenant::Key => Some(TenantFrom::Key),
            RawTenant::Header(name) => {
                named("header", &name, false, "write the header's name, as in `{header: X-Tenant}`");
                Some(TenantFrom::Header(name))
            }
            RawTenant::Field(name) => {
                let has_gap = name.split('.').any(str::is_empty);
                named(
                    "field",
                    &name,
                    has_gap,
                    "write names with dots between them, as in `{field: labels.tenant}`",
                );
                Some(TenantFrom::Field(name))
            }
            RawTenant::Topic => {
                let names_tenant = |topic: &TopicName| match topic {
                    TopicName::Pattern(pattern) => pattern.names_tenant(),
                    TopicName::Name(_) => false,
                };
                if !topics.iter().any(names_tenant) {
                    let hint = "write one as `^logs-(?<tenant>[a-z]+)$`";
                    self.find(&path, "no regex of `topics` has a group named `tenant`", Some(hint.into()));
                }
                Some(TenantFrom::Topic)
            }
        }
    }

    fn consumers(&mut self, raw: Option<u64>, place: &Place<'_>) -> u16 {
        let consumers = raw.unwrap_or(1);
        if !(1..=CONSUMERS_MAX).contains(&consumers) {
            let hint =
                format!("from 1 to {CONSUMERS_MAX}; more than there are partitions have nothing to read");
            self.find(&at(place, &["consumers"]), format_args!("{consumers} is out of bounds"), Some(hint));
        }
        consumers.clamp(1, CONSUMERS_MAX) as u16
    }

    fn prefetch(&mut self, text: &str, place: &Place<'_>) -> u64 {
        let path = at(place, &["prefetch_bytes_max"]);
        match units::parse_size(text) {
            Ok(bytes) if !(PREFETCH_BYTES_MIN..=PREFETCH_BYTES_MOST).contains(&bytes) => {
                let message = format!("{} is out of bounds", quoted(text));
                self.find(&path, message, Some("from 1MiB to 2GiB, for each partition".into()));
            }
            // The client library counts in KiB.
            Ok(bytes) if !bytes.is_multiple_of(1024) => {
                let message = format!("{} is no whole number of KiB", quoted(text));
                self.find(&path, message, Some("write 16MiB".into()));
            }
            Ok(bytes) => return bytes,
            Err(why) => self.find(&path, why, None),
        }
        PREFETCH_BYTES_MAX
    }

    fn property(&mut self, setting: &mut Setting, key: String, raw: RawValue, place: &Place<'_>) {
        let path = at(place, &["librdkafka", &key]);
        let Some(value) = self.value(raw, &path, Secrecy::Unknown) else { return };
        if let Err(why) = check_property(&key, &value, setting.protocol) {
            return self.find(&path, format_args!("{} is not passed on: {why}", quoted(&key)), None);
        }
        if let Some(why) = caution(&key) {
            self.warn(&path, format_args!("{}: {why}", quoted(&key)));
        } else if !printable().any(|known| known == key)
            && let Some(near) = nearest(&key, printable())
            && !key.starts_with("ssl.")
            && !key.starts_with("sasl.")
        {
            self.warn(
                &path,
                format_args!("{} is not known here; did you mean {}?", quoted(&key), quoted(near)),
            );
        }
        setting.librdkafka.insert(key, value);
    }

    /// A text or a file. What is found never shows the text.
    pub(super) fn value(&mut self, raw: RawValue, path: &[Step<'_>], secrecy: Secrecy) -> Option<Value> {
        if self.locator.is_tainted(path) {
            return None;
        }
        let text = match raw {
            RawValue::File(file) if file.is_empty() || file.contains(char::is_control) => {
                let message = "behind `file` stands no path";
                self.find(path, message, Some("write `{file: /run/secrets/kafka}`".into()));
                return None;
            }
            RawValue::File(file) => return Some(Value::File(self.dir.join(file))),
            RawValue::Text(text) => text,
        };
        match Value::parse(&text) {
            Err(why) => {
                let hint = "write `${NAME}`, and `$${` for a plain `${`";
                self.find(path, why, Some(hint.into()));
                None
            }
            Ok(_) if text == REDACTED => {
                let message = "`***` is what is printed in place of a secret";
                let hint = "write it as `${NAME}` or `{file: path}`";
                self.find(path, message, Some(hint.into()));
                None
            }
            Ok(_) if text.is_empty() && secrecy != Secrecy::Unknown => {
                self.find(path, "the text is empty", Some("leave it out, or write something".into()));
                None
            }
            Ok(value) if secrecy != Secrecy::Pem && has_control(&value) => {
                let hint = "in double quotes `\\` begins an escape; single quotes take a text as it is";
                self.find(path, "the text holds a control character", Some(hint.into()));
                None
            }
            Ok(value) => Some(value),
        }
    }
}

/// What a text may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Secrecy {
    /// A name.
    Open,
    /// A password and the like.
    Secret,
    /// Certificates or a key: lines.
    Pem,
    /// Passed through: anything that is one line, or certificates.
    Unknown,
}

fn has_control(value: &Value) -> bool {
    let Value::Text(parts) = value else { return false };
    parts.iter().any(|part| match part {
        Part::Literal(text) => text.contains(char::is_control) && !text.contains("-----BEGIN "),
        Part::Env(_) => false,
    })
}
