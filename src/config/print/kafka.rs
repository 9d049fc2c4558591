//! A Kafka source → its text in a configuration. What stands elsewhere is written as it was, a secret is not shown.

use super::{duration, quoted, size, utf8};
use crate::config::SourceSetting;
use crate::source::kafka::{
    Oidc, Pem, REDACTED, Sasl, Security, Setting, TenantFrom, Tls, TokenFrom, TopicName, Value, is_printable,
};

/// Whether secrets that stand in the settings are written out: to read them back and compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    Whole,
    Redacted,
}

/// Whether a secret stands in the settings themselves.
pub(super) fn has_secret(sources: &[SourceSetting]) -> bool {
    let hides = |source: &SourceSetting| match &source.from {
        crate::config::SourceFrom::Kafka(setting) => {
            kafka("", setting, Shown::Redacted).ok() != kafka("", setting, Shown::Whole).ok()
        }
        _ => false,
    };
    sources.iter().any(hides)
}

pub(super) fn kafka(name: &str, setting: &Setting, shown: Shown) -> anyhow::Result<String> {
    let Setting {
        brokers,
        topics,
        group,
        start,
        framing,
        envelope,
        tenant,
        rack,
        instance_id,
        consumers,
        protocol,
        security,
        prefetch_bytes_max,
        per_partition,
        on_corrupt,
        stall_after,
        require_broker,
        librdkafka,
    } = setting;
    let mut lines = vec![
        format!("brokers: {}", list(brokers.iter().map(open))?),
        format!("topics: {}", list(topics.iter().map(topic))?),
        format!("group: {}", open(group)?),
        format!("start: {}", start.name()),
        format!("framing: {}", framing.name()),
        format!("envelope: {}", envelope.name()),
    ];
    lines.extend(tenant.as_ref().map(|tenant| {
        format!(
            "tenant: {}",
            match tenant {
                TenantFrom::Key => "key".to_owned(),
                TenantFrom::Topic => "topic".to_owned(),
                TenantFrom::Header(name) => format!("{{header: {}}}", quoted(name)),
                TenantFrom::Field(path) => format!("{{field: {}}}", quoted(path)),
            }
        )
    }));
    for (key, value) in [("rack", rack), ("instance_id", instance_id)] {
        if let Some(value) = value {
            lines.push(format!("{key}: {}", open(value)?));
        }
    }
    lines.push(format!("consumers: {consumers}"));
    lines.push(format!("protocol: {}", protocol.name()));
    lines.push(format!("security: {}", of_security(security, shown)?));
    lines.push(format!("prefetch_bytes_max: {}", size(usize::try_from(*prefetch_bytes_max)?)));
    lines.push(format!("per_partition: {per_partition}"));
    lines.push(format!("on_corrupt: {}", on_corrupt.name()));
    lines.push(format!("stall_after: {}", quoted(&duration(*stall_after))));
    lines.push(format!("require_broker: {require_broker}"));
    lines.push("librdkafka:".to_owned());
    for (key, value) in librdkafka {
        let value = if is_printable(key) { open(value)? } else { secret(value, shown)? };
        lines.push(format!("  {}: {value}", quoted(key)));
    }
    if librdkafka.is_empty() {
        lines.pop();
        lines.push("librdkafka: {}".to_owned());
    }
    let indent = "\n        ";
    Ok(format!("name: {}\n      kafka:{indent}{}", quoted(name), lines.join(indent)))
}

fn of_security(Security { protocol, sasl, tls }: &Security, shown: Shown) -> anyhow::Result<String> {
    let mut parts = vec![format!("protocol: {}", protocol.name())];
    if let Some(sasl) = sasl {
        parts.push(format!("sasl: {}", of_sasl(sasl, shown)?));
    }
    if *tls != Tls::default() {
        parts.push(format!("tls: {}", of_tls(tls, shown)?));
    }
    Ok(mapping(&parts))
}

fn of_sasl(sasl: &Sasl, shown: Shown) -> anyhow::Result<String> {
    let mut parts = vec![format!("mechanism: {}", sasl.mechanism())];
    match sasl {
        Sasl::Password { mechanism: _, username, password } => {
            parts.push(format!("username: {}", open(username)?));
            parts.push(format!("password: {}", secret(password, shown)?));
        }
        Sasl::Token(TokenFrom::File(path)) => {
            parts.push(format!("token: {{file: {}}}", quoted(utf8(path)?)));
        }
        Sasl::Token(TokenFrom::Command(command)) => {
            let command = list(command.iter().map(|word| Ok(quoted(word))))?;
            parts.push(format!("token: {{command: {command}}}"));
        }
        Sasl::Oidc(Oidc { client_id, client_secret, token_url, scope }) => {
            let mut oidc = vec![
                format!("client_id: {}", open(client_id)?),
                format!("client_secret: {}", secret(client_secret, shown)?),
                // An address may have a key in its query.
                format!(
                    "token_url: {}",
                    if has_query(token_url) { secret(token_url, shown)? } else { open(token_url)? }
                ),
            ];
            if let Some(scope) = scope {
                oidc.push(format!("scope: {}", open(scope)?));
            }
            parts.push(format!("oidc: {}", mapping(&oidc)));
        }
    }
    Ok(mapping(&parts))
}

fn has_query(url: &Value) -> bool {
    url.written().is_some_and(|url| url.contains(['?', '@']))
}

fn of_tls(tls: &Tls, shown: Shown) -> anyhow::Result<String> {
    let Tls { ca, cert, key, key_password, verify, verify_hostname } = tls;
    let mut parts = Vec::new();
    for (name, pem) in [("ca", ca), ("cert", cert), ("key", key)] {
        match pem {
            None => {}
            Some(Pem::Path(path)) => parts.push(format!("{name}: {}", open(&Value::literal(utf8(path)?))?)),
            Some(Pem::Text(text)) if name == "key" => parts.push(format!("{name}: {}", secret(text, shown)?)),
            Some(Pem::Text(text)) => parts.push(format!("{name}: {}", open(text)?)),
        }
    }
    if let Some(password) = key_password {
        parts.push(format!("key_password: {}", secret(password, shown)?));
    }
    parts.push(format!("verify: {verify}"));
    parts.push(format!("verify_hostname: {verify_hostname}"));
    Ok(mapping(&parts))
}

fn topic(topic: &TopicName) -> anyhow::Result<String> {
    match topic {
        TopicName::Pattern(pattern) => Ok(quoted(pattern.as_str())),
        TopicName::Name(name) => open(name),
    }
}

/// What is no secret.
fn open(value: &Value) -> anyhow::Result<String> {
    match value {
        Value::File(path) => Ok(format!("{{file: {}}}", quoted(utf8(path)?))),
        text => Ok(quoted(&text.written().unwrap_or_default())),
    }
}

fn secret(value: &Value, shown: Shown) -> anyhow::Result<String> {
    match shown {
        Shown::Redacted if !value.stands_elsewhere() => Ok(quoted(REDACTED)),
        _ => open(value),
    }
}

fn list(items: impl Iterator<Item = anyhow::Result<String>>) -> anyhow::Result<String> {
    Ok(format!("[{}]", items.collect::<anyhow::Result<Vec<_>>>()?.join(", ")))
}

fn mapping(parts: &[String]) -> String {
    format!("{{{}}}", parts.join(", "))
}
