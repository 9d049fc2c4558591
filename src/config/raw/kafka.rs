//! `kafka` of a source as serde sees it. A text may be `{file: path}` everywhere; none is shown in `Debug` or in an error.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::source::kafka::REDACTED;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct RawKafka {
    pub brokers: Option<RawList>,
    pub topics: Option<RawList>,
    pub group: Option<RawValue>,
    pub start: Option<RawKafkaStart>,
    pub framing: Option<RawFraming>,
    pub envelope: Option<RawEnvelope>,
    pub tenant: Option<RawTenant>,
    pub rack: Option<RawValue>,
    pub instance_id: Option<RawValue>,
    pub consumers: Option<u64>,
    pub protocol: Option<RawGroupProtocol>,
    pub security: RawSecurity,
    pub prefetch_bytes_max: Option<String>,
    pub per_partition: Option<bool>,
    pub on_corrupt: Option<RawOnCorrupt>,
    pub stall_after: Option<String>,
    pub require_broker: Option<bool>,
    pub librdkafka: BTreeMap<String, RawValue>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct RawSecurity {
    pub protocol: Option<RawProtocol>,
    pub sasl: Option<RawSasl>,
    pub tls: Option<RawTls>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct RawSasl {
    pub mechanism: Option<RawMechanism>,
    pub username: Option<RawValue>,
    pub password: Option<RawValue>,
    pub token: Option<RawToken>,
    pub oidc: Option<RawOidc>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct RawToken {
    pub file: Option<String>,
    pub command: Option<Vec<String>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct RawOidc {
    pub client_id: Option<RawValue>,
    pub client_secret: Option<RawValue>,
    pub token_url: Option<RawValue>,
    pub scope: Option<RawValue>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct RawTls {
    pub ca: Option<RawValue>,
    pub cert: Option<RawValue>,
    pub key: Option<RawValue>,
    pub key_password: Option<RawValue>,
    pub verify: Option<bool>,
    pub verify_hostname: Option<bool>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum RawKafkaStart {
    Earliest,
    Latest,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum RawFraming {
    None,
    Newline,
    JsonArray,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum RawEnvelope {
    Auto,
    Raw,
    Filebeat,
    Fluentbit,
    Vector,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum RawTenant {
    Header(String),
    Key,
    Topic,
    Field(String),
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum RawGroupProtocol {
    Classic,
    Consumer,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum RawOnCorrupt {
    Stop,
    Skip,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum RawProtocol {
    Plaintext,
    Ssl,
    SaslPlaintext,
    SaslSsl,
}

#[derive(Debug, Clone, Copy, Deserialize)]
pub(in crate::config) enum RawMechanism {
    #[serde(rename = "PLAIN")]
    Plain,
    #[serde(rename = "SCRAM-SHA-256")]
    ScramSha256,
    #[serde(rename = "SCRAM-SHA-512")]
    ScramSha512,
    #[serde(rename = "OAUTHBEARER")]
    Oauthbearer,
}

/// A text, or where it stands.
#[derive(Clone)]
pub(in crate::config) enum RawValue {
    Text(String),
    File(String),
}

impl fmt::Debug for RawValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl<'de> Deserialize<'de> for RawValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<RawValue, D::Error> {
        deserializer.deserialize_any(OfValue)
    }
}

const EXPECTED: &str = "expected a text or `{file: path}`";

struct OfValue;

impl<'de> Visitor<'de> for OfValue {
    type Value = RawValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or `{file: path}`")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<RawValue, E> {
        Ok(RawValue::Text(text.to_owned()))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<RawValue, E> {
        Ok(RawValue::Text(value.to_string()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<RawValue, E> {
        Ok(RawValue::Text(number.to_string()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<RawValue, E> {
        Ok(RawValue::Text(number.to_string()))
    }

    /// It might not come out as it was written.
    fn visit_f64<E: Error>(self, _: f64) -> Result<RawValue, E> {
        Err(E::custom(format_args!("{EXPECTED}: put quotes around a number with a point")))
    }

    fn visit_unit<E: Error>(self) -> Result<RawValue, E> {
        Err(E::custom(format_args!("{EXPECTED}, found nothing")))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<RawValue, A::Error> {
        while list.next_element::<serde::de::IgnoredAny>()?.is_some() {}
        Err(A::Error::custom(format_args!("{EXPECTED}, found a list")))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawValue, A::Error> {
        let mut file = None;
        let mut is_more = false;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "file" => file = Some(map.next_value::<String>()?),
                _ => {
                    is_more = true;
                    map.next_value::<serde::de::IgnoredAny>()?;
                }
            }
        }
        match file {
            Some(path) if !is_more => Ok(RawValue::File(path)),
            _ => Err(A::Error::custom(format_args!(
                "{EXPECTED}; a variable is `${{NAME}}`, in quotes where brackets are around it"
            ))),
        }
    }
}

/// A list of texts, or one text with commas.
#[derive(Debug, Clone)]
pub(in crate::config) enum RawList {
    Text(RawValue),
    List(Vec<RawValue>),
}

impl<'de> Deserialize<'de> for RawList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<RawList, D::Error> {
        deserializer.deserialize_any(OfList)
    }
}

struct OfList;

impl<'de> Visitor<'de> for OfList {
    type Value = RawList;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of texts, or one text with commas")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<RawList, E> {
        Ok(RawList::Text(RawValue::Text(text.to_owned())))
    }

    fn visit_unit<E: Error>(self) -> Result<RawList, E> {
        Ok(RawList::List(Vec::new()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<RawList, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(RawList::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RawList, A::Error> {
        OfValue.visit_map(map).map(RawList::Text)
    }
}
