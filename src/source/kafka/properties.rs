//! A [`Setting`] → what the client library is told, by its own names, every text looked up: our defaults, then what was
//! set, then what was passed through, last what the correctness of counts rests on.
//!
//! What this build cannot do is said here too.

use std::ffi::OsString;
use std::fmt;
use std::path::Path;

use super::passthrough::{check_property, same_name};
use super::setting::{GroupProtocol, Oidc, PEM_BEGIN, Pem, Sasl, Setting, check_name};
use super::value::{Secret, Value};

/// What one fetch brings of a partition.
pub const FETCH_BYTES_MAX: u64 = 4 << 20;

/// What stands in the way of a client. Never holds a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// The setting, by the name it has in the configuration or in the client library.
    pub key: String,
    pub message: String,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.key, self.message)
    }
}

impl std::error::Error for Trouble {}

impl Trouble {
    pub(super) fn value(key: &str, why: &str) -> Trouble {
        Trouble { key: key.to_owned(), message: why.to_owned() }
    }

    pub(super) fn variable(key: &str, name: &str, why: &str) -> Trouble {
        Trouble { key: key.to_owned(), message: format!("the environment variable {name}: {why}") }
    }

    pub(super) fn file(key: &str, path: &Path, why: String) -> Trouble {
        Trouble { key: key.to_owned(), message: format!("the file {path:?}: {why}") }
    }
}

/// What is compiled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Build {
    pub kafka: bool,
    pub oidc: bool,
}

impl Build {
    pub const THIS: Build = Build { kafka: cfg!(feature = "kafka"), oidc: cfg!(feature = "oidc") };

    /// What a setting asks for that this build does not have, and which one has it.
    pub fn lack(self, setting: &Setting) -> Option<(&'static str, &'static str)> {
        if !self.kafka {
            return Some((
                "this build of faultline has no Kafka in it",
                "it was built without the feature `kafka`, which `cargo build` has by default",
            ));
        }
        let of_library =
            ["sasl.oauthbearer.method", "sasl.oauthbearer.token.endpoint.url"].iter().any(|key| {
                setting.librdkafka.get(*key).is_some_and(|value| value.as_literal() != Some("default"))
            });
        let is_asked = of_library || matches!(setting.security.sasl, Some(Sasl::Oidc(_)));
        (is_asked && !self.oidc).then_some((
            "this build of faultline fetches no token by OIDC",
            "a build with it is made by `cargo build --features oidc`; or let `security.sasl.token` name a file or a \
             command that has the token",
        ))
    }
}

/// A property before it is looked up.
enum Pending<'s> {
    Fixed(&'static str),
    Number(u64),
    Path(&'s Path),
    Value(&'s Value),
    /// A text in PEM, or a path to one.
    Pem(&'s Value),
}

impl Setting {
    /// What a client is told. `consumer` counts the clients of this source from 0.
    pub fn properties(&self, consumer: usize) -> Result<Vec<(String, Secret)>, Trouble> {
        self.properties_in(Build::THIS, consumer, &|name| std::env::var_os(name))
    }

    /// The same with another build and environment.
    pub fn properties_in(
        &self,
        build: Build,
        consumer: usize,
        environment: &dyn Fn(&str) -> Option<OsString>,
    ) -> Result<Vec<(String, Secret)>, Trouble> {
        if let Some((what, hint)) = build.lack(self) {
            return Err(Trouble::value("kafka", &format!("{what}; {hint}")));
        }
        if let Some((key, why)) = self.conflict() {
            return Err(Trouble::value(&key, why));
        }
        let mut list = List { entries: Vec::new(), environment };
        for (key, pending) in self.ours() {
            list.put(key, key, &pending)?;
        }
        for (key, named, pending) in self.typed() {
            list.put(key, named, &pending)?;
        }
        list.set("bootstrap.servers", self.brokers(environment)?);
        if let Some(member) = &self.instance_id {
            let member = named("instance_id", member, environment)?;
            let several = self.consumers > 1;
            list.set("group.instance.id", if several { format!("{member}-{consumer}") } else { member });
        }
        if let Some(rack) = &self.rack {
            list.set("client.rack", named("rack", rack, environment)?);
        }
        for (key, value) in &self.librdkafka {
            check_property(key, value, self.protocol).map_err(|why| Trouble::value(key, why))?;
            list.put(key, key, &Pending::Value(value))?;
        }
        list.set("group.id", named("group", &self.group, environment)?);
        for (key, value) in [
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            ("enable.partition.eof", "false"),
            ("auto.offset.reset", "error"),
        ] {
            list.set(key, value.to_owned());
        }
        Ok(list.entries)
    }

    fn brokers(&self, environment: &dyn Fn(&str) -> Option<OsString>) -> Result<String, Trouble> {
        let mut names = Vec::new();
        for broker in &self.brokers {
            let text = broker.resolve_with("brokers", environment)?;
            for one in text.reveal().split(',').map(str::trim) {
                super::setting::check_broker(one).map_err(|why| Trouble::value("brokers", why))?;
                names.push(one.to_owned());
            }
        }
        Ok(names.join(","))
    }

    /// Our defaults, where they differ from those of the library.
    fn ours(&self) -> Vec<(&'static str, Pending<'_>)> {
        use Pending::{Fixed, Number};
        let mut ours = vec![
            ("client.id", Fixed("faultline")),
            // What comes late is seen soon; a busy topic fills its fetches before that.
            ("fetch.wait.max.ms", Number(100)),
            ("fetch.message.max.bytes", Number(FETCH_BYTES_MAX)),
            ("queued.max.messages.kbytes", Number(self.prefetch_bytes_max.div_ceil(1024))),
            // A full local queue would put off the next fetch by a whole second.
            ("fetch.queue.backoff.ms", Number(20)),
            // New topics and partitions are seen that late.
            ("topic.metadata.refresh.interval.ms", Number(60_000)),
            ("statistics.interval.ms", Number(10_000)),
            ("socket.keepalive.enable", Fixed("true")),
            ("reconnect.backoff.max.ms", Number(10_000)),
        ];
        match self.protocol {
            GroupProtocol::Classic => {
                ours.push(("partition.assignment.strategy", Fixed("cooperative-sticky")))
            }
            GroupProtocol::Consumer => ours.push(("group.protocol", Fixed("consumer"))),
        }
        ours
    }

    /// What the typed settings of security come to: the name of the library, ours for errors, and the value.
    fn typed(&self) -> Vec<(&'static str, &'static str, Pending<'_>)> {
        use Pending::Fixed;
        let mut typed = Vec::new();
        let security = &self.security;
        let is_said = security.protocol != Default::default();
        if is_said {
            typed.push(("security.protocol", "security.protocol", Fixed(security.protocol.name())));
        }
        if let Some(sasl) = &security.sasl {
            typed.push(("sasl.mechanism", "security.sasl.mechanism", Fixed(sasl.mechanism())));
        }
        match &security.sasl {
            None | Some(Sasl::Token(_)) => {}
            Some(Sasl::Password { mechanism: _, username, password }) => {
                typed.push(("sasl.username", "security.sasl.username", Pending::Value(username)));
                typed.push(("sasl.password", "security.sasl.password", Pending::Value(password)));
            }
            Some(Sasl::Oidc(Oidc { client_id, client_secret, token_url, scope })) => {
                typed.push(("sasl.oauthbearer.method", "security.sasl.oidc", Fixed("oidc")));
                for (key, named, value) in [
                    ("sasl.oauthbearer.client.id", "security.sasl.oidc.client_id", Some(client_id)),
                    (
                        "sasl.oauthbearer.client.secret",
                        "security.sasl.oidc.client_secret",
                        Some(client_secret),
                    ),
                    ("sasl.oauthbearer.token.endpoint.url", "security.sasl.oidc.token_url", Some(token_url)),
                    ("sasl.oauthbearer.scope", "security.sasl.oidc.scope", scope.as_ref()),
                ] {
                    typed.extend(value.map(|value| (key, named, Pending::Value(value))));
                }
            }
        }
        let tls = &security.tls;
        for (path, text, named, pem) in [
            ("ssl.ca.location", "ssl.ca.pem", "security.tls.ca", &tls.ca),
            ("ssl.certificate.location", "ssl.certificate.pem", "security.tls.cert", &tls.cert),
            ("ssl.key.location", "ssl.key.pem", "security.tls.key", &tls.key),
        ] {
            match pem {
                Some(Pem::Path(at)) => typed.push((path, named, Pending::Path(at))),
                // Which of the two it is shows when it is looked up.
                Some(Pem::Text(value)) => typed.push((text, named, Pending::Pem(value))),
                None => {}
            }
        }
        if let Some(password) = &tls.key_password {
            typed.push(("ssl.key.password", "security.tls.key_password", Pending::Value(password)));
        }
        if !tls.verify {
            let key = "enable.ssl.certificate.verification";
            typed.push((key, "security.tls.verify", Fixed("false")));
        }
        if !tls.verify_hostname {
            let key = "ssl.endpoint.identification.algorithm";
            typed.push((key, "security.tls.verify_hostname", Fixed("none")));
        }
        typed
    }

    /// A property that was passed through and says again, or lacks, what `security` says.
    pub fn conflict(&self) -> Option<(String, &'static str)> {
        let typed: Vec<&str> = self.typed().into_iter().map(|(key, ..)| base(key)).collect();
        for key in self.librdkafka.keys() {
            if typed.contains(&base(key)) {
                return Some((key.clone(), "`security` says it already; say it in one place"));
            }
        }
        let has_sasl =
            |value: &Value| value.as_literal().is_some_and(|text| text.to_lowercase().starts_with("sasl_"));
        let key = "security.protocol";
        let names_mechanism = || self.librdkafka.keys().any(|key| same_name(key) == "sasl.mechanism");
        let lacks = self.librdkafka.get(key).is_some_and(has_sasl)
            && self.security.sasl.is_none()
            && !names_mechanism();
        lacks.then(|| (key.to_owned(), "it needs a `sasl.mechanism`; the library would take GSSAPI"))
    }
}

/// A certificate is one thing, wherever it stands.
fn base(key: &str) -> &str {
    let key = same_name(key);
    match key.strip_prefix("ssl.").and_then(|key| key.split('.').next()) {
        Some("ca" | "certificate") if key.ends_with(".location") || key.ends_with(".pem") => {
            key.trim_end_matches(".location").trim_end_matches(".pem")
        }
        Some("key") if key != "ssl.key.password" => "ssl.key",
        _ => key,
    }
}

fn named(
    key: &str,
    value: &Value,
    environment: &dyn Fn(&str) -> Option<OsString>,
) -> Result<String, Trouble> {
    let text = value.resolve_with(key, environment)?;
    check_name(text.reveal()).map_err(|why| Trouble::value(key, why))?;
    Ok(text.reveal().to_owned())
}

struct List<'e> {
    entries: Vec<(String, Secret)>,
    environment: &'e dyn Fn(&str) -> Option<OsString>,
}

impl List<'_> {
    /// A later one takes the place of an earlier one, under either of its names.
    fn set(&mut self, key: &str, value: impl Into<Secret>) {
        self.entries.retain(|(other, _)| same_name(other) != same_name(key));
        self.entries.push((key.to_owned(), value.into()));
    }

    fn put(&mut self, key: &str, named: &str, pending: &Pending<'_>) -> Result<(), Trouble> {
        let value = match pending {
            Pending::Fixed(text) => Secret::from(*text),
            Pending::Number(number) => Secret::from(number.to_string()),
            Pending::Path(path) => {
                let text = path.to_str().ok_or_else(|| Trouble::value(named, "the path is not UTF-8"))?;
                Secret::from(text)
            }
            Pending::Value(value) => value.resolve_with(named, self.environment)?,
            Pending::Pem(value) => {
                let text = value.resolve_with(named, self.environment)?;
                if !text.reveal().contains(PEM_BEGIN) {
                    if matches!(value, Value::File(_)) {
                        return Err(Trouble::value(named, "there is no text in PEM in the file"));
                    }
                    let path = key.strip_suffix(".pem").expect("a text goes to a key of texts");
                    self.set(&format!("{path}.location"), text);
                    return Ok(());
                }
                text
            }
        };
        self.set(key, value);
        Ok(())
    }
}
