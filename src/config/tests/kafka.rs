//! Kafka sources in a configuration and on the command line: what may be said, what is refused and where, and that no
//! secret comes out of any of it.

use super::super::*;
use crate::source::kafka::{
    Envelope, Framing, GroupProtocol, Oidc, OnCorrupt, PasswordMechanism, Pem, Protocol, Sasl, Security,
    Setting, Start, TenantFrom, Tls, TokenFrom, TopicName, Value,
};
use proptest::prelude::*;

const EXAMPLE: &str = include_str!("../../../deploy/faultline.yaml");

fn of(below: &str) -> Setting {
    let settings = parse("f", &text(below)).unwrap_or_else(|findings| panic!("{findings}"));
    match &settings.sources[..] {
        [SourceSetting { name, from: SourceFrom::Kafka(setting) }] if name == "kafka" => (**setting).clone(),
        other => panic!("{other:?}"),
    }
}

/// What is needed, with lines of `below` behind it from the sixth line on.
fn text(below: &str) -> String {
    let lines: String = below.lines().map(|line| format!("    {line}\n")).collect();
    format!("sources:\n- kafka:\n    brokers: [a]\n    topics: [t]\n    group: g\n{lines}")
}

fn value(text: &str) -> Value {
    Value::parse(text).unwrap()
}

fn base() -> Setting {
    Setting::of(vec![value("a")], vec![TopicName::parse("t").unwrap()], value("g"))
}

#[test]
fn brokers_topics_and_group_are_enough() {
    assert_eq!(of(""), base());
    let short = "sources: [{kafka: {brokers: 'a, b:1', topics: '^t,u', group: g}, name: n}]";
    let settings = parse("f", short).unwrap();
    let SourceFrom::Kafka(setting) = &settings.sources[0].from else { panic!("it is Kafka") };
    assert_eq!(setting.brokers, [value("a"), value("b:1")]);
    assert_eq!(setting.topics, [TopicName::parse("^t,u").unwrap()]);
    assert_eq!(settings.sources[0].name, "n");
}

#[test]
fn all_values_of_kafka_are_taken() {
    let setting = of(
        "start: latest\nframing: json_array\nenvelope: fluentbit\ntenant: {field: labels.tenant}\n\
        rack: eu-1a\ninstance_id: 'f-${HOSTNAME}'\nconsumers: 3\nprotocol: consumer\nsecurity: {protocol: ssl, \
        tls: {ca: /ca, cert: c.pem, key: {file: k.pem}, key_password: {file: /pw}, verify: false, verify_hostname: false}}\n\
        prefetch_bytes_max: 64MiB\nper_partition: false\non_corrupt: skip\nstall_after: 2m\nrequire_broker: true\n\
        librdkafka: {client.id: me, check.crcs: true, fetch.min.bytes: 65536, sasl.jaas: {file: j}}",
    );
    let librdkafka = [("client.id", "me"), ("check.crcs", "true"), ("fetch.min.bytes", "65536")];
    let librdkafka = librdkafka.map(|(key, text)| (key.to_owned(), value(text)));
    let expected = Setting {
        start: Start::Latest,
        framing: Framing::JsonArray,
        envelope: Envelope::Fluentbit,
        tenant: Some(TenantFrom::Field("labels.tenant".into())),
        rack: Some(value("eu-1a")),
        instance_id: Some(value("f-${HOSTNAME}")),
        consumers: 3,
        protocol: GroupProtocol::Consumer,
        security: Security {
            protocol: Protocol::Ssl,
            sasl: None,
            tls: Tls {
                ca: Some(Pem::Path("/ca".into())),
                cert: Some(Pem::Path("c.pem".into())),
                key: Some(Pem::Text(Value::File("k.pem".into()))),
                key_password: Some(Value::File("/pw".into())),
                verify: false,
                verify_hostname: false,
            },
        },
        prefetch_bytes_max: 64 << 20,
        per_partition: false,
        on_corrupt: OnCorrupt::Skip,
        stall_after: Duration::from_secs(120),
        require_broker: true,
        librdkafka: librdkafka.into_iter().chain([("sasl.jaas".into(), Value::File("j".into()))]).collect(),
        ..base()
    };
    assert_eq!(setting, expected);
    let seen = setting.seen_from("/etc".as_ref());
    assert_eq!(seen.security.tls.cert, Some(Pem::Path("/etc/c.pem".into())));
    assert_eq!(seen.security.tls.key, Some(Pem::Text(Value::File("/etc/k.pem".into()))));
    assert_eq!(seen.librdkafka["sasl.jaas"], Value::File("/etc/j".into()));
}

#[test]
fn a_login_says_what_its_mechanism_needs() {
    let sasl = |text: &str| of(&format!("security: {{sasl: {{{text}}}}}")).security;
    let password = |mechanism| Sasl::Password { mechanism, username: value("u"), password: value("${P}") };
    let plain = sasl("mechanism: PLAIN, username: u, password: '${P}'");
    assert_eq!(plain.protocol, Protocol::SaslSsl, "no password goes in the clear unasked");
    assert_eq!(plain.sasl, Some(password(PasswordMechanism::Plain)));
    let scram = sasl("mechanism: SCRAM-SHA-512, username: u, password: '${P}'");
    assert_eq!(scram.sasl, Some(password(PasswordMechanism::ScramSha512)));
    let token = |from| Some(Sasl::Token(from));
    assert_eq!(sasl("mechanism: OAUTHBEARER, token: {file: /t}").sasl, token(TokenFrom::File("/t".into())));
    assert_eq!(
        sasl("mechanism: OAUTHBEARER, token: {command: [get, -q]}").sasl,
        token(TokenFrom::Command(vec!["get".into(), "-q".into()]))
    );
    let oidc = Oidc {
        client_id: value("i"),
        client_secret: Value::File("/s".into()),
        token_url: value("https://t/x"),
        scope: Some(value("logs")),
    };
    assert_eq!(
        sasl("mechanism: OAUTHBEARER, oidc: {client_id: i, client_secret: {file: /s}, token_url: https://t/x, scope: logs}").sasl,
        Some(Sasl::Oidc(oidc))
    );
    assert_eq!(of("tenant: {header: X-Tenant}").tenant, Some(TenantFrom::Header("X-Tenant".into())));
    assert_eq!(of("tenant: key").tenant, Some(TenantFrom::Key));
}

/// What is said first of `kafka` that has these lines behind brokers, topics and group: `line:column message / hint`.
fn said(below: &str) -> String {
    first(&text(below))
}

fn first(text: &str) -> String {
    let findings = parse("f", text).expect_err(text);
    let one = findings.iter().next().expect("there is one");
    format!("{}:{} {} / {}", one.line, one.column, one.message, one.hint.as_deref().unwrap_or("-"))
}

#[test]
fn what_is_wrong_with_kafka_is_said_where_it_stands() {
    let mut wrong = Vec::new();
    let sasl = |text: &str| format!("security: {{sasl: {{{text}}}}}");
    let tls = |text: &str| format!("security: {{tls: {{{text}}}}}");
    let set = |text: &str| format!("librdkafka: {{{text}}}");
    for (below, expected) in CASES_BELOW
        .iter()
        .map(|(below, expected)| ((*below).to_owned(), *expected))
        .chain(SASL.iter().map(|(text, expected)| (sasl(text), *expected)))
        .chain(TLS.iter().map(|(text, expected)| (tls(text), *expected)))
        .chain(SET.iter().map(|(text, expected)| (set(text), *expected)))
    {
        let said = said(&below);
        let (line, what) = expected.split_once(": ").expect("a line stands before");
        if !said.starts_with(&format!("{line}:")) || !said.contains(what) {
            wrong.push(format!("{below}\n  {said}\n  {expected}"));
        }
    }
    for (text, expected) in WHOLE {
        let said = first(text);
        if !said.starts_with(expected) {
            wrong.push(format!("{text}\n  {said}\n  {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(CASES_BELOW.len() + SASL.len() + TLS.len() + SET.len() + WHOLE.len() > 60);
}

const WHOLE: &[(&str, &str)] = &[
    (
        "sources: [{kafka: {topics: [t], group: g}}]",
        "1:19 a Kafka source needs `brokers` / write `brokers: [host:9092]`",
    ),
    (
        "sources: [{kafka: {brokers: [a], group: g}}]",
        "1:19 a Kafka source needs `topics` / write `topics: [logs]`",
    ),
    ("sources: [{kafka: {brokers: [a], topics: [t]}}]", "1:19 a Kafka source needs a `group` / instances"),
    ("sources: [{kafka: {brokers: [], topics: [t], group: g}}]", "1:29 `brokers` names nothing"),
    ("sources: [{kafka: {brokers: '', topics: [t], group: g}}]", "1:29 `brokers` names nothing"),
    ("sources: [{kafka: {brokers: [a], topics: [], group: g}}]", "1:42 `topics` names nothing"),
    (
        "sources: [{kafka: {brokers: [a, b:0], topics: [t], group: g}}]",
        "1:33 this is no broker: the port is no number from 1 to 65535",
    ),
    ("sources: [{kafka: {brokers: [b:65536], topics: [t], group: g}}]", "1:30 this is no broker: the port"),
    ("sources: [{kafka: {brokers: 'a,,b', topics: [t], group: g}}]", "1:29 the text is empty"),
    (
        "sources: [{kafka: {brokers: ['kafka://a'], topics: [t], group: g}}]",
        "1:30 this is no broker: write `host:port` without a scheme",
    ),
    (
        "sources: [{kafka: {brokers: ['u:p@a'], topics: [t], group: g}}]",
        "1:30 this is no broker: a broker has no user",
    ),
    (
        "sources: [{kafka: {brokers: ['::1'], topics: [t], group: g}}]",
        "1:30 this is no broker: write an IPv6 address in brackets",
    ),
    (
        "sources: [{kafka: {brokers: [\"a\\tb\"], topics: [t], group: g}}]",
        "1:30 the text holds a control character",
    ),
    (
        "sources: [{kafka: {brokers: 3, topics: [t], group: g}}]",
        "1:29 `brokers`: expected a list of texts, or one text with commas, found the number 3",
    ),
    (
        "sources: [{kafka: {brokers: [a], topics: ['^(a'], group: g}}]",
        "1:43 `^(a` is no regex that can be read here: it is no regex: unclosed group",
    ),
    (
        "sources: [{kafka: {brokers: [a], topics: ['^(?i)a'], group: g}}]",
        "1:43 `^(?i)a` is no regex that can be read here: flags",
    ),
    (
        "sources: [{kafka: {brokers: [a], topics: ['logs-*'], group: g}}]",
        "1:43 `logs-*` is no topic: a regex begins with `^`",
    ),
    (
        "sources: [{kafka: {brokers: [a], topics: [a b], group: g}}]",
        "1:43 `a b` is no topic: a topic has letters",
    ),
    ("sources: [{kafka: {brokers: [a], topics: [t, t], group: g}}]", "1:46 the topic `t` is named twice"),
    ("sources: [{kafka: {brokers: [a], topics: [t], group: ''}}]", "1:54 the text is empty"),
    ("sources: [{kafka: {brokers: [a], topics: [t], group: '${G'}}]", "1:54 `${` is not closed with `}`"),
    (
        "sources: [{kafka: {brokers: [a], topics: [t], group: '${a-b}'}}]",
        "1:54 between `${` and `}` stands no name",
    ),
    ("sources: [{kafka: {brokers: [a], topics: [t], group: '***'}}]", "1:54 `***` is what is printed"),
    (
        "sources: [{kafka: {brokers: [a], topics: [t], group: [g]}}]",
        "1:54 `group`: expected a text or `{file: path}`, found a list",
    ),
    (
        "sources: [{kafka: {brokers: [a], topics: [t], group: {env: G}}}]",
        "1:54 `group`: expected a text or `{file: path}`; a variable is",
    ),
    (
        "sources: [{kafka: {brokers: [a], topics: [t], group: {file: ''}}}]",
        "1:54 behind `file` stands no path",
    ),
    (
        "sources: [{kafka: {brokers: [a], topics: [t], gruop: g}}]",
        "1:47 unknown field `gruop` / did you mean `group`?",
    ),
    (
        "sources: [{kafak: {brokers: [a], topics: [t], group: g}}]",
        "1:12 unknown field `kafak` / did you mean `kafka`?",
    ),
    (
        "sources: [{kafka: {brokers: [a], topics: [t], group: g}, stdin: true}]",
        "1:11 a source needs exactly one of",
    ),
    (
        "sources: [{kafka: {brokers: [a], topics: [t], group: g}, start: end}]",
        "1:65 beside `kafka` there is no `start`",
    ),
    (
        "sources:\n- kafka: {brokers: [a], topics: [t], group: g}\n- {name: n, kafka: {brokers: ['A:9092'], topics: [t], group: h}}",
        "3:3 the same input is named twice; first at f:2",
    ),
    (
        "sources:\n- kafka: {brokers: [a], topics: [t], group: g}\n- {name: n, kafka: {brokers: ['b', 'A:9092'], topics: [u], group: g}}",
        "3:67 the group is that of the source at f:2",
    ),
    (
        "sources:\n- kafka: {brokers: [a], topics: [t], group: g}\n- kafka: {brokers: [b], topics: [t], group: g}",
        "3:3 the name `kafka` is taken by the source at f:2",
    ),
];

const CASES_BELOW: &[(&str, &str)] = &[
    ("start: end", "6: unknown value `end` for `start`"),
    ("framing: lines", "6: unknown value `lines` for `framing`"),
    ("envelope: filebat", "6: did you mean `filebeat`?"),
    ("tenant: topic", "6: no regex of `topics` has a group named `tenant`"),
    ("tenant: {header: ''}", "6: `` is no header"),
    ("tenant: {field: a..b}", "6: `a..b` is no field"),
    ("tenant: header", "6: expected a value behind the name"),
    ("tenant: {hedaer: x}", "6: did you mean `header`?"),
    ("rack: ''", "6: the text is empty"),
    ("consumers: 0", "6: 0 is out of bounds / from 1 to 256"),
    ("consumers: 300", "6: 300 is out of bounds"),
    ("protocol: new", "6: unknown value `new` for `protocol`"),
    ("prefetch_bytes_max: 1k", "6: `1k` is out of bounds / from 1MiB"),
    ("prefetch_bytes_max: 2000001", "6: is no whole number of KiB"),
    ("prefetch_bytes_max: much", "6: is no size"),
    ("per_partition: maybe", "6: expected `true` or `false`"),
    ("on_corrupt: ignore", "6: unknown value `ignore`"),
    ("stall_after: 0", "6: `0` is out of bounds / from 1s to 24h"),
    ("stall_after: soon", "6: is no duration"),
    ("security: {protocol: sasl_ssl}", "6: `sasl_ssl` needs `sasl`"),
    ("security: {protocol: tls}", "6: unknown value"),
    (
        "security: {protocol: ssl, sasl: {mechanism: PLAIN, username: u, password: p}}",
        "6: `sasl` has no effect with `protocol: ssl`",
    ),
    (
        "security: {protocol: plaintext, tls: {ca: /ca}}",
        "6: `tls` has no effect with `protocol: plaintext` / write `protocol: ssl`",
    ),
    (
        "security: {protocol: sasl_plaintext, tls: {ca: /ca}, sasl: {mechanism: PLAIN, username: u, password: p}}",
        "6: `tls` has no effect with `protocol: sasl_plaintext` / write `protocol: sasl_ssl`",
    ),
    (
        "protocol: consumer\nlibrdkafka: {session.timeout.ms: 6000}",
        "7: is not passed on: with `protocol: consumer`",
    ),
    ("security: {protocol: ssl}\nlibrdkafka: {security.protocol: ssl}", "7: say it in one place"),
];

const SASL: &[(&str, &str)] = &[
    ("username: u", "6: `sasl` needs a `mechanism`"),
    ("mechanism: PLAIN, password: p", "6: PLAIN needs a `username`"),
    ("mechanism: PLAIN, username: u", "6: PLAIN needs a `password`"),
    ("mechanism: plain, username: u, password: p", "6: did you mean `PLAIN`?"),
    ("mechanism: GSSAPI", "6: unknown value `GSSAPI`"),
    ("mechanism: PLAIN, username: u, password: p, token: {file: t}", "6: PLAIN has no `token`"),
    ("mechanism: OAUTHBEARER", "6: OAUTHBEARER needs `token` or `oidc`"),
    ("mechanism: OAUTHBEARER, password: p, token: {file: t}", "6: OAUTHBEARER has no `password`"),
    ("mechanism: OAUTHBEARER, token: {}", "6: a token comes from exactly one of"),
    ("mechanism: OAUTHBEARER, token: {file: a, command: [b]}", "6: a token comes from exactly one of"),
    ("mechanism: OAUTHBEARER, token: {command: []}", "6: the command names no program"),
    ("mechanism: OAUTHBEARER, token: {file: a}, oidc: {}", "6: OAUTHBEARER takes one of"),
    ("mechanism: OAUTHBEARER, oidc: {client_id: i, client_secret: s}", "6: `oidc` needs a `token_url`"),
    ("mechanism: OAUTHBEARER, oidc: {client_id: i, client_secret: s, token_url: t}", "6: this is no address"),
    (
        "mechanism: SCRAM-SHA-256, username: u, password: '***'",
        "6: `***` is what is printed in place of a secret / write it as",
    ),
    ("mechanism: SCRAM-SHA-256, username: u, password: \"a\\nb\"", "6: the text holds a control character"),
    ("mechanism: SCRAM-SHA-256, username: u, password: 1.50", "6: put quotes around a number with a point"),
];

const TLS: &[(&str, &str)] = &[
    ("cert: /c", "6: `cert` is of no use without `key`"),
    ("key: /k", "6: `key` is of no use without `cert`"),
    ("key_password: p", "6: `key_password` is of no use without `key`"),
    ("ca: \"a\\nb\"", "6: this is no path and no text in PEM"),
    ("verfy: false", "6: did you mean `verify`?"),
];

const SET: &[(&str, &str)] = &[
    (
        "enable.auto.commit: true",
        "6: `enable.auto.commit` is not passed on: positions are committed with the counts",
    ),
    ("auto.offset.reset: latest", "6: use `start`"),
    ("group.id: x", "6: use `group`"),
    ("bootstrap.servers: x", "6: use `brokers`"),
    ("group.instance.id: x", "6: use `instance_id`"),
    ("queued.max.messages.kbytes: 1", "6: use `prefetch_bytes_max`"),
    ("rebalance_cb: x", "6: it is set in code only"),
    ("partition.assignment.strategy: mine", "6: it is `cooperative-sticky`"),
    ("security.protocol: SASL_SSL", "6: it needs a `sasl.mechanism`"),
    ("a b: x", "6: it is no name of a property"),
    ("sasl.password: '***'", "6: `***` is what is printed"),
];

#[test]
fn what_may_be_a_mistake_is_said_and_taken() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f.yaml");
    let below =
        "librdkafka:\n  isolation.level: read_uncommitted\n  fetch.wait.max.mss: 1\n  sasl.pasword: KANARIK";
    std::fs::write(&path, text(below)).unwrap();
    let loaded = include::load(&path, read::Kind::Regular);
    let said: Vec<String> =
        loaded.warnings.iter().map(|one| format!("{} {}", one.line, one.message)).collect();
    assert_eq!(
        said,
        [
            "8 warning: `fetch.wait.max.mss` is not known here; did you mean `fetch.wait.max.ms`?",
            "7 warning: `isolation.level`: with `read_uncommitted` records of aborted transactions count",
        ]
    );
    assert!(!format!("{loaded:?}").contains("KANARIK"));
    let lacks = crate::source::kafka::Build::THIS.lack(&base()).is_some();
    assert_eq!(!loaded.errors.is_empty(), lacks, "{:?}", loaded.errors);
    assert!(loaded.errors.iter().all(|one| one.line == 2 && one.hint.is_some()));
}

#[test]
fn a_password_that_is_no_utf_8_is_not_shown() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f.yaml");
    std::fs::write(&path, [text("librdkafka: {sasl.password: KANARIK").as_bytes(), b"\xe9}\n"].concat())
        .unwrap();
    let loaded = include::load(&path, read::Kind::Regular);
    assert!(loaded.errors[0].message.contains("not UTF-8"), "{:?}", loaded.errors);
    assert!(!format!("{:?}", loaded.errors).contains("KANARIK"), "{:?}", loaded.errors);
}

#[test]
fn every_setting_of_kafka_is_in_the_documented_example() {
    let start = EXAMPLE.find("#     - kafka:").expect("there is an example");
    let end = EXAMPLE.find("\nsources:").expect("it stands above its default");
    let text: String = EXAMPLE[start..end]
        .lines()
        .map(|line| format!("{}\n", line.strip_prefix("#   ").unwrap_or_default()))
        .collect();
    let settings =
        parse("example", &format!("sources:\n{text}")).unwrap_or_else(|found| panic!("{found}\n{text}"));
    assert!(matches!(settings.sources[0].from, SourceFrom::Kafka(_)));
    let shape = format!("{:?}", raw::kafka::RawKafka::default());
    let names: Vec<&str> = shape
        .split(": ")
        .filter_map(|part| part.rsplit(|c: char| !c.is_ascii_lowercase() && c != '_').next())
        .filter(|name| !name.is_empty())
        .collect();
    assert!(names.len() > 15, "{names:?}");
    let of_login = "mechanism username password token command oidc client_id client_secret token_url scope ca cert key \
        key_password verify verify_hostname file header field";
    for name in names.into_iter().chain(of_login.split_whitespace()) {
        assert!(EXAMPLE[start..end].contains(&format!("{name}:")), "{name} is missing");
    }
}

#[test]
fn what_stands_elsewhere_is_printed_as_it_was_and_a_secret_is_not() {
    let elsewhere =
        of("security: {protocol: sasl_ssl, sasl: {mechanism: PLAIN, username: u, password: '${P}'}}\n\
        librdkafka: {ssl.keystore.password: {file: /pw}, client.id: 'a-${X}-$${Y}'}");
    let settings = Settings { sources: vec![SourceSetting::kafka(elsewhere)], ..Settings::default() };
    let text = print(&settings).unwrap();
    assert_eq!(parse("f", &text).unwrap(), settings);
    assert!(!text.contains("***") && text.contains("\"${P}\"") && text.contains("{file: \"/pw\"}"), "{text}");

    let mut literal = settings;
    let SourceFrom::Kafka(setting) = &mut literal.sources[0].from else { panic!("it is Kafka") };
    setting.librdkafka.insert("ssl.key.pem".into(), value("KANARIK"));
    setting.librdkafka.insert("sasl.new.thing".into(), value("KANARIK${P}"));
    let text = print(&literal).unwrap();
    assert!(!text.contains("KANARIK") && text.contains("# A secret is not shown"), "{text}");
    assert_eq!(text.matches("\"***\"").count(), 2);
    let findings = parse("f", &text).unwrap_err();
    assert!(findings.iter().all(|one| one.message.contains("`***`")) && findings.len() == 2, "{findings}");
}

/// A secret in each place that takes one, a line each.
const SECRETS: &str = "security:\n  protocol: sasl_ssl\n  sasl:\n    mechanism: PLAIN\n    username: u\n    \
    password: KANARIK-KANARIK\n  tls: {ca: /ca, cert: /c, key_password: 'KANARIK, KANARIK', key: \"-----BEGIN \\\n      \
    KANARIK\"}\nlibrdkafka:\n  ssl.extra.pem: |\n    -----BEGIN PRIVATE KEY-----\n    KANARIK\n  sasl.jaas.config: {file: /x}\n  \
    ssl.keystore.password: \"KANARIK\"\n  my.unknown: KANARIK\n";

/// The same in one line.
const SECRETS_IN_BRACKETS: &str = "security: {sasl: {password: KANARIK, username: u, mechanism: PLAIN}, tls: {ca: /ca, \
    key: '-----BEGIN KANARIK', cert: /c, key_password: \"KANARIK\"}}\n\
    librdkafka: {client.id: x, my.unknown: [KANARIK], client.rack: y, other.unknown: KANARIK}";

#[test]
fn no_canary_sings() {
    let good = of(SECRETS);
    let settings = Settings { sources: vec![SourceSetting::kafka(good.clone())], ..Settings::default() };
    let shown = format!("{settings:?} {settings:#?} {}", print(&settings).unwrap());
    assert!(!shown.contains("KANARIK"), "{shown}");
    assert_eq!(shown.matches("\"***\"").count(), 6, "{shown}");
    for below in [
        "security: KANARIK",
        "security: {sasl: KANARIK}",
        "security: {sasl: [KANARIK]}",
        "security: {sasl: {mechanism: PLAIN, username: u, pasword: KANARIK}}",
        "security: {sasl: {mechanism: PLAIN, username: u, password: [KANARIK]}}",
        "security: {sasl: {mechanism: PLAIN, username: u, password: {fiel: KANARIK}}}",
        "security: {sasl: {mechanism: PLAN, username: u, password: KANARIK}}",
        "security: {sasl: {mechanism: PLAIN, username: u, password: KANARIK, KANARIK}}",
        "security: {sasl: {mechanism: PLAIN, username: u, password: 'KANARIK${'}}",
        "security: {sasl: {mechanism: PLAIN, username: u, password: \"KANARIK\\q\"}}",
        "security: {sasl: {mechanism: PLAIN, username: u, password: 'KANARIK}}",
        "security: {sasl: {mechanism: PLAIN, username: u, password: !KANARIK x}}",
        "security: {sasl: {mechanism: PLAIN, username: u, password: *KANARIK}}",
        "security: {sasl: {mechanism: PLAIN, username: u, password:KANARIK}}",
        "security:\n  sasl:\n    password=KANARIK",
        "security:\n  sasl:\n    password KANARIK",
        "security: {tls: {key: \"KANARIK\\nKANARIK\"}}",
        "security: {sasl: {mechanism: OAUTHBEARER, oidc: {client_id: a, client_secret: KANARIK}}}",
        "security: {sasl: {mechanism: OAUTHBEARER, oidc: {client_id: a, client_secret: s, token_url: 'https://u:KANARIK@t'}}}",
        "librdkafka: KANARIK",
        "librdkafka: [KANARIK]",
        "librdkafka: {group.id: x, sasl.password: KANARIK}",
        "librdkafka: {enable.auto.commit: KANARIK}",
        "librdkafka: {a.b: [KANARIK]}",
        "password: KANARIK",
    ] {
        let findings = parse("f", &text(below)).expect_err(below);
        let shown = format!("{findings} {findings:?}");
        assert!(!shown.contains("KANARIK"), "{below}\n{shown}");
    }
    let brokers =
        "sources: [{kafka: {brokers: ['u:KANARIK@h:1', 'kafka://u:KANARIK@h'], topics: [t], group: g}}]";
    let shown = format!("{0} {0:?}", parse("f", brokers).unwrap_err());
    assert!(!shown.contains("KANARIK"), "{shown}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(std::env::var("CASES").map_or(400, |n| n.parse().unwrap())))]

    /// Whatever slip of the finger a text has: a character too many, one too few, or another.
    #[test]
    fn no_canary_sings_whatever_is_mistyped(
        text in prop::sample::select(vec![text(SECRETS), text(SECRETS_IN_BRACKETS)]),
        at in 0_usize..1000,
        taken in 0_usize..2,
        put in prop::sample::select(vec!["", "x", " ", "\n", ":", ": ", "-", "- ", "{", "}", "[", "]", "'", "\"", "#", " #", "|", "*", "&", "!", ",", "\t", "\\", "`", "\u{1}"]),
    ) {
        let at = at % text.len();
        let (before, after) = text.split_at(at);
        let text = format!("{before}{put}{}", &after[taken.min(after.len())..]);
        let shown = match parse("f", &text) {
            Ok(settings) => format!("{settings:?}"),
            Err(findings) => format!("{findings} {findings:?}"),
        };
        prop_assert!(!shown.contains("KANARIK"), "{}\n{}", text, shown);
    }

    #[test]
    fn what_is_printed_of_kafka_gives_it_again(setting in settings()) {
        let settings = Settings { sources: vec![SourceSetting::kafka(setting)], ..Settings::default() };
        let text = print(&settings).map_err(|error| TestCaseError::fail(format!("{error:#}")))?;
        prop_assert_eq!(parse("f", &text).map_err(|found| TestCaseError::fail(format!("{found}\n{text}")))?, settings);
    }
}

/// What stands elsewhere, so that it is printed.
fn elsewhere() -> impl Strategy<Value = Value> {
    prop_oneof![
        "[A-Z_]{1,8}".prop_map(|name| Value::parse(&format!("${{{name}}}")).unwrap()),
        "/[a-z é'\"#:{}]{1,12}".prop_map(|path| Value::File(path.into())),
    ]
}

fn name() -> impl Strategy<Value = Value> {
    prop_oneof![elsewhere(), "[a-z $é'\"#:{}-]{1,12}".prop_map(|text| Value::literal(&text))]
}

fn sasl() -> impl Strategy<Value = Sasl> {
    let mechanism = prop::sample::select(PasswordMechanism::ALL);
    prop_oneof![
        (mechanism, name(), elsewhere()).prop_map(|(mechanism, username, password)| Sasl::Password {
            mechanism,
            username,
            password
        }),
        "/[a-z '\"]{1,9}".prop_map(|path| Sasl::Token(TokenFrom::File(path.into()))),
        prop::collection::vec("[a-z '\"$]{1,9}", 1..3)
            .prop_map(|words| Sasl::Token(TokenFrom::Command(words))),
        (name(), elsewhere(), prop::option::of(name())).prop_map(|(client_id, client_secret, scope)| {
            Sasl::Oidc(Oidc { client_id, client_secret, token_url: Value::literal("https://t/x"), scope })
        }),
    ]
}

fn security() -> impl Strategy<Value = Security> {
    let pem = prop_oneof![
        elsewhere().prop_map(Pem::Text),
        "/[a-z $é]{1,9}".prop_map(|path| Pem::Path(path.into())),
    ];
    let tls = (any::<[bool; 4]>(), pem, elsewhere()).prop_map(
        |([verify, verify_hostname, has_key, has_password], pem, password)| Tls {
            ca: Some(pem.clone()),
            cert: has_key.then(|| pem.clone()),
            key: has_key.then(|| pem.clone()),
            key_password: (has_key && has_password).then_some(password),
            verify,
            verify_hostname,
        },
    );
    (prop::sample::select(Protocol::ALL), sasl(), tls).prop_map(|(protocol, sasl, tls)| Security {
        protocol,
        sasl: protocol.has_sasl().then_some(sasl),
        tls: if protocol.has_tls() { tls } else { Tls::default() },
    })
}

fn settings() -> impl Strategy<Value = Setting> {
    let topics =
        prop::sample::subsequence(vec!["a", "b.c", "${T}", "^x-(?<tenant>[a-z\"]+)$", "^(?:a|b),c"], 1..4);
    let brokers = prop::collection::vec(prop::sample::select(vec!["a", "b:1", "[::1]:9092", "${B}"]), 1..3);
    let tenant = prop_oneof![
        Just(TenantFrom::Key),
        "[a-z '\"-]{1,9}".prop_map(TenantFrom::Header),
        "[a-z'\"]{1,4}(\\.[a-z]{1,4})?".prop_map(TenantFrom::Field),
    ];
    let modes = (
        prop::sample::select(Start::ALL),
        prop::sample::select(Framing::ALL),
        prop::sample::select(Envelope::ALL),
        prop::sample::select(OnCorrupt::ALL),
        prop::sample::select(GroupProtocol::ALL),
        any::<[bool; 2]>(),
    );
    let numbers = (1_u16..=256, 1024_u64..100_000, 1_u64..86_400);
    let passed = prop::collection::btree_map(
        prop::sample::select(vec!["client.id", "debug", "fetch.min.bytes"]),
        name(),
        0..3,
    );
    let hidden = prop::collection::btree_map("x\\.[a-z]{3,5}", elsewhere(), 0..3);
    let texts = (
        brokers,
        topics,
        name(),
        prop::option::of(name()),
        prop::option::of(name()),
        prop::option::of(tenant),
    );
    (texts, modes, numbers, security(), passed, hidden).prop_map(
        |(
            (brokers, topics, group, rack, instance_id, tenant),
            (start, framing, envelope, on_corrupt, protocol, [per_partition, require_broker]),
            (consumers, kibi, seconds),
            security,
            passed,
            hidden,
        )| Setting {
            brokers: brokers.into_iter().map(value).collect(),
            topics: topics.into_iter().map(|topic| TopicName::parse(topic).unwrap()).collect(),
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
            prefetch_bytes_max: kibi * 1024,
            per_partition,
            on_corrupt,
            stall_after: Duration::from_secs(seconds),
            require_broker,
            librdkafka: passed
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .chain(hidden)
                .collect(),
        },
    )
}

#[test]
fn flags_make_a_source_in_place_of_others() {
    let flags = KafkaFlags {
        brokers: Some("a, b:1".into()),
        topics: Some("t,u".into()),
        start: Some(KafkaStart::Latest),
        set: vec![
            "client.id=x=y".into(),
            "sasl.password={file: /pw}".into(),
            "isolation.level=read_uncommitted".into(),
        ],
        ..KafkaFlags::default()
    };
    let (source, cautions) = flags.source().unwrap();
    let source = source.unwrap();
    assert_eq!(source.group, value("faultline"));
    assert_eq!((source.brokers.len(), source.topics.len(), source.start), (2, 2, Start::Latest));
    assert_eq!(source.librdkafka["client.id"], value("x=y"));
    assert_eq!(source.librdkafka["sasl.password"], Value::File("/pw".into()));
    assert!(cautions.len() == 1 && cautions[0].starts_with("--kafka.set isolation.level: "));
    let file = parse("f", "sources: [{file: /x}]").unwrap();
    let all = Flags { kafka_source: Some(source), inputs: vec!["-".into()], ..Flags::default() };
    let names: Vec<String> =
        file.clone().overridden_by(&all).sources.into_iter().map(|one| one.name).collect();
    assert_eq!(names, ["stdin", "kafka"]);
}

#[test]
fn flags_of_every_kafka_source_reach_those_of_the_file() {
    let file = parse("f", &text("")).unwrap();
    let flags = Flags { kafka_start: Some(KafkaStart::Latest), require_broker: true, ..Flags::default() };
    let settings = file.overridden_by(&flags);
    let SourceFrom::Kafka(setting) = &settings.sources[0].from else { panic!("it is Kafka") };
    assert!(setting.start == Start::Latest && setting.require_broker);
    assert_eq!(
        KafkaFlags { start: Some(KafkaStart::Latest), ..KafkaFlags::default() }.source(),
        Ok((None, vec![]))
    );
}

#[test]
fn wrong_flags_are_named_and_not_shown() {
    let good = || KafkaFlags { brokers: Some("a".into()), topics: Some("t".into()), ..KafkaFlags::default() };
    let text = |text: &str| Some(text.to_owned());
    let set = |one: &str| KafkaFlags { set: vec![one.into()], ..good() };
    for (flags, expected) in [
        (KafkaFlags { brokers: None, ..good() }, "--kafka.topics needs --kafka.brokers"),
        (KafkaFlags { group: text("g"), ..KafkaFlags::default() }, "--kafka.group needs --kafka.brokers"),
        (
            KafkaFlags { set: vec!["KANARIK".into()], ..KafkaFlags::default() },
            "--kafka.set needs --kafka.brokers",
        ),
        (KafkaFlags { topics: None, ..good() }, "--kafka.brokers needs --kafka.topics"),
        (KafkaFlags { brokers: text("u:KANARIK@h"), ..good() }, "--kafka.brokers: this is no broker"),
        (KafkaFlags { brokers: text(""), ..good() }, "--kafka.brokers: this is no broker"),
        (KafkaFlags { topics: text("a b"), ..good() }, "--kafka.topics: a topic has letters"),
        (KafkaFlags { topics: text("^("), ..good() }, "--kafka.topics: it is no regex: unclosed group"),
        (KafkaFlags { group: text(""), ..good() }, "--kafka.group: it is empty"),
        (set("KANARIK"), "--kafka.set: it is not KEY=VALUE"),
        (set("=KANARIK"), "--kafka.set: before the `=`"),
        (set("KANARIK KANARIK=x"), "--kafka.set: before the `=`"),
        (set("sasl.password=KANARIK${"), "--kafka.set sasl.password: `${` is not closed"),
        (set("sasl.password=***"), "--kafka.set sasl.password: `***`"),
        (set("group.id=KANARIK"), "--kafka.set group.id: use `group`"),
        (set("security.protocol=sasl_ssl"), "--kafka.set security.protocol: it needs a `sasl.mechanism`"),
        (KafkaFlags { set: vec!["a=1".into(), "a=2".into()], ..good() }, "--kafka.set a: it is given twice"),
    ] {
        let said = flags.source().unwrap_err();
        assert!(said.starts_with(expected) && !said.contains("KANARIK"), "{said}");
        assert!(!format!("{:?}", flags.set).contains("KANARIK"));
    }
}

#[test]
fn another_kafka_source_waits_for_a_restart() {
    let (old, new) = (parse("f", &text("")).unwrap(), parse("f", &text("start: latest")).unwrap());
    assert_eq!(old.changes(&new).at_restart, ["sources"]);
}
