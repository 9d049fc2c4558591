//! What the client library is told, and that nothing tells a secret.

use std::ffi::OsString;

use proptest::prelude::*;

use super::setting::check_broker;
use super::*;

const FULL: Build = Build { kafka: true, oidc: true };

fn setting() -> Setting {
    let topics = vec![TopicName::parse("logs").unwrap()];
    Setting::of(vec![Value::literal("a:9092"), Value::literal("b")], topics, Value::literal("g"))
}

fn environment(name: &str) -> Option<OsString> {
    match name {
        "HOST" => Some("h1".into()),
        "PASSWORD" => Some("canary".into()),
        "EMPTY" => Some("".into()),
        "PEM" => Some("-----BEGIN X-----".into()),
        "CA_PATH" => Some("/ca".into()),
        _ => None,
    }
}

fn told(setting: &Setting, consumer: usize) -> Vec<(String, String)> {
    let properties = setting.properties_in(FULL, consumer, &environment).unwrap();
    properties.into_iter().map(|(key, value)| (key, value.reveal().to_owned())).collect()
}

fn of<'p>(properties: &'p [(String, String)], key: &str) -> Option<&'p str> {
    properties.iter().find(|(other, _)| other == key).map(|(_, value)| value.as_str())
}

fn trouble(setting: &Setting) -> String {
    setting.properties_in(FULL, 0, &environment).unwrap_err().to_string()
}

#[test]
fn a_plain_setting_is_our_defaults_and_what_exactness_needs() {
    let told = told(&setting(), 0);
    for (key, value) in [
        ("bootstrap.servers", "a:9092,b"),
        ("group.id", "g"),
        ("client.id", "faultline"),
        ("fetch.wait.max.ms", "100"),
        ("fetch.message.max.bytes", "4194304"),
        ("queued.max.messages.kbytes", "16384"),
        ("fetch.queue.backoff.ms", "20"),
        ("topic.metadata.refresh.interval.ms", "60000"),
        ("statistics.interval.ms", "10000"),
        ("socket.keepalive.enable", "true"),
        ("partition.assignment.strategy", "cooperative-sticky"),
        ("enable.auto.commit", "false"),
        ("enable.auto.offset.store", "false"),
        ("auto.offset.reset", "error"),
    ] {
        assert_eq!(of(&told, key), Some(value), "{key}");
    }
    let last: Vec<&str> = told.iter().rev().take(5).map(|(key, _)| key.as_str()).collect();
    assert!(last.contains(&"group.id") && last.contains(&"auto.offset.reset"), "{last:?}");
    assert!(told.iter().all(|(key, _)| !key.starts_with("sasl.") && !key.starts_with("ssl.")), "{told:?}");
}

#[test]
fn what_is_passed_through_beats_our_defaults_under_either_of_its_names() {
    let mut setting = setting();
    for (key, value) in [("max.partition.fetch.bytes", "1000"), ("client.id", "${HOST}"), ("x.new", "1")] {
        setting.librdkafka.insert(key.into(), Value::parse(value).unwrap());
    }
    let told = told(&setting, 0);
    assert_eq!(of(&told, "max.partition.fetch.bytes"), Some("1000"));
    assert_eq!(of(&told, "fetch.message.max.bytes"), None);
    assert_eq!((of(&told, "client.id"), of(&told, "x.new")), (Some("h1"), Some("1")));
}

#[test]
fn members_of_one_process_differ_in_their_names() {
    let mut setting = setting();
    setting.instance_id = Some(Value::parse("f-${HOST}").unwrap());
    assert_eq!(of(&told(&setting, 0), "group.instance.id"), Some("f-h1"));
    setting.consumers = 2;
    assert_eq!(of(&told(&setting, 1), "group.instance.id"), Some("f-h1-1"));
}

#[test]
fn the_new_protocol_is_told_nothing_that_it_refuses() {
    let mut setting = setting();
    setting.protocol = GroupProtocol::Consumer;
    let told = told(&setting, 0);
    assert_eq!(of(&told, "group.protocol"), Some("consumer"));
    for key in ["session.timeout.ms", "heartbeat.interval.ms", "partition.assignment.strategy"] {
        assert_eq!(of(&told, key), None);
        assert!(check_property(key, &Value::literal("1"), GroupProtocol::Consumer).is_err());
    }
}

#[test]
fn a_login_names_its_mechanism_and_looks_its_password_up() {
    let mut setting = setting();
    setting.security.protocol = Protocol::SaslSsl;
    setting.security.sasl = Some(Sasl::Password {
        mechanism: PasswordMechanism::ScramSha512,
        username: Value::literal("u"),
        password: Value::parse("${PASSWORD}").unwrap(),
    });
    let told = told(&setting, 0);
    assert_eq!(of(&told, "security.protocol"), Some("sasl_ssl"));
    assert_eq!(of(&told, "sasl.mechanism"), Some("SCRAM-SHA-512"));
    assert_eq!((of(&told, "sasl.username"), of(&told, "sasl.password")), (Some("u"), Some("canary")));
}

#[test]
fn certificates_are_paths_or_texts() {
    let mut setting = setting();
    let value = |text: &str| Value::parse(text).unwrap();
    setting.security.protocol = Protocol::Ssl;
    setting.security.tls = Tls {
        ca: Some(Pem::Text(value("${CA_PATH}"))),
        cert: Some(Pem::Path("/cert".into())),
        key: Some(Pem::Text(value("${PEM}"))),
        key_password: Some(value("${PASSWORD}")),
        verify: false,
        verify_hostname: false,
    };
    let told = told(&setting, 0);
    for (key, expected) in [
        ("ssl.ca.location", "/ca"),
        ("ssl.certificate.location", "/cert"),
        ("ssl.key.pem", "-----BEGIN X-----"),
        ("ssl.key.password", "canary"),
        ("enable.ssl.certificate.verification", "false"),
        ("ssl.endpoint.identification.algorithm", "none"),
    ] {
        assert_eq!(of(&told, key), Some(expected), "{key}");
    }
    assert_eq!(of(&told, "ssl.ca.pem"), None);
}

#[test]
fn what_a_build_lacks_is_named_with_the_build_that_has_it() {
    let plain = setting();
    let none = Build { kafka: false, oidc: false };
    assert!(none.lack(&plain).unwrap().0.contains("no Kafka"));
    let mut oidc = setting();
    let value = |text: &str| Value::literal(text);
    oidc.security.protocol = Protocol::SaslSsl;
    oidc.security.sasl = Some(Sasl::Oidc(Oidc {
        client_id: value("i"),
        client_secret: value("s"),
        token_url: value("https://t"),
        scope: None,
    }));
    assert_eq!(of(&told(&oidc, 0), "sasl.oauthbearer.method"), Some("oidc"));
    let usual = Build { kafka: true, oidc: false };
    assert_eq!(usual.lack(&plain), None);
    let error = oidc.properties_in(usual, 0, &environment).unwrap_err().to_string();
    assert!(error.contains("cargo build --features oidc"), "{error}");
    let mut passed = setting();
    passed.librdkafka.insert("sasl.oauthbearer.method".into(), value("oidc"));
    assert!(usual.lack(&passed).is_some());
    passed.librdkafka.insert("sasl.oauthbearer.method".into(), value("default"));
    assert_eq!(usual.lack(&passed), None);
}

#[test]
fn what_correctness_owns_is_refused_with_a_way_out() {
    for key in [
        "enable.auto.commit",
        "enable.auto.offset.store",
        "auto.offset.reset",
        "offset.store.method",
        "enable.partition.eof",
        "group.id",
        "auto.commit.interval.ms",
        "bootstrap.servers",
        "metadata.broker.list",
        "group.instance.id",
        "client.rack",
        "group.protocol",
        "queued.max.messages.kbytes",
        "allow.auto.create.topics",
        "topic.blacklist",
        "rebalance_cb",
        "ssl.certificate.verify_cb",
        "a b",
    ] {
        let mut setting = setting();
        setting.librdkafka.insert(key.into(), Value::literal("canary"));
        let said = trouble(&setting);
        assert!(said.starts_with(&format!("`{key}`: ")) && !said.contains("canary"), "{said}");
    }
    for (value, is_taken) in
        [("cooperative-sticky", true), ("range", false), ("roundrobin", false), ("mine", false)]
    {
        let checked =
            check_property("partition.assignment.strategy", &Value::literal(value), GroupProtocol::Classic);
        assert_eq!(checked.is_ok(), is_taken, "{value}");
    }
    assert!(caution("isolation.level").is_some() && caution("max.poll.interval.ms").is_some());
}

#[test]
fn what_is_said_twice_or_lacks_its_mechanism_is_refused() {
    let mut setting = setting();
    setting.librdkafka.insert("security.protocol".into(), Value::literal("SASL_SSL"));
    assert!(trouble(&setting).contains("sasl.mechanism"));
    setting.librdkafka.insert("sasl.mechanisms".into(), Value::literal("PLAIN"));
    assert_eq!(setting.conflict(), None);
    setting.security.protocol = Protocol::Ssl;
    assert!(trouble(&setting).contains("in one place"));
    setting.librdkafka.clear();
    setting.security.tls.ca = Some(Pem::Path("/ca".into()));
    setting.librdkafka.insert("ssl.ca.pem".into(), Value::literal("x"));
    assert!(trouble(&setting).contains("in one place"));
}

#[test]
fn what_cannot_be_looked_up_is_named_and_not_shown() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        Value::File(path)
    };
    for (value, expected) in [
        (Value::parse("canary${NOWHERE}").unwrap(), "the environment variable NOWHERE: it is not set"),
        (Value::parse("${EMPTY}").unwrap(), "are empty"),
        (Value::File(dir.path().join("none")), "it does not exist"),
        (Value::File(dir.path().to_owned()), "it is no regular file"),
        (file("empty", b"\n"), "it is empty"),
        (file("nul", b"canary\0"), "it holds a NUL"),
        (file("bytes", b"canary\xff"), "it is not UTF-8"),
        (file("large", &vec![b'c'; (1 << 20) + 1]), "it has more than"),
    ] {
        let trouble = value.resolve_with("security.sasl.password", &environment).unwrap_err().to_string();
        assert!(trouble.starts_with("`security.sasl.password`: "), "{trouble}");
        assert!(trouble.contains(expected) && !trouble.contains("canary"), "{trouble}");
    }
    for (bytes, expected) in [(&b"pw"[..], "pw"), (b"pw\n", "pw"), (b"pw\r\n", "pw"), (b"p\n\n", "p\n")] {
        let found = file("good", bytes).resolve_with("k", &environment).unwrap();
        assert_eq!(found.reveal(), expected);
    }
}

#[test]
fn a_broker_is_a_host_and_maybe_a_port() {
    for good in ["a", "a:1", "a.b:65535", "10.0.0.1:9092", "[::1]", "[::1]:9092", "kafka_1:9092"] {
        assert_eq!(check_broker(good), Ok(()), "{good}");
    }
    for wrong in [
        "",
        "a:0",
        "a:65536",
        "a:",
        "a:x",
        "a:+1",
        ":9092",
        "::1",
        "[::1",
        "[x]:1",
        "a b",
        "a/b",
        "kafka://a",
        "u:p@a",
        "a\n",
        "***",
    ] {
        assert!(check_broker(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn brokers_are_the_same_with_their_port_and_without() {
    let of = |broker: &str| Setting { brokers: vec![Value::literal(broker)], ..setting() };
    assert!(of("B:9092").shares_broker(&setting()));
    assert!(of("x, b").shares_broker(&setting()));
    assert!(!of("b:9093").shares_broker(&setting()));
    assert!(of("[::1]").shares_broker(&of("[::1]:9092")));
}

#[test]
fn no_debug_form_tells_a_secret() {
    let mut setting = setting();
    let canary = || Value::literal("canary");
    setting.security.sasl = Some(Sasl::Oidc(Oidc {
        client_id: canary(),
        client_secret: canary(),
        token_url: canary(),
        scope: Some(canary()),
    }));
    setting.security.tls.key = Some(Pem::Text(canary()));
    setting.security.tls.key_password = Some(canary());
    setting.librdkafka.insert("a".into(), canary());
    assert!(!format!("{setting:?} {setting:#?}").contains("canary"));
    let properties = setting.properties_in(FULL, 0, &environment).unwrap();
    assert!(!format!("{properties:?}").contains("canary"));
    assert_eq!(format!("{} {:?}", Secret::from("canary"), Secret::from("canary")), "*** ***");
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(text in "([$]|[{]|[}]|[$][{]|[A-Z]{1,2}|[a-z. é]){0,20}") {
        if let Ok(value) = Value::parse(&text) {
            prop_assert_eq!(Value::parse(&value.written().unwrap()).unwrap(), value);
        }
        let literal = Value::literal(&text);
        let again = Value::parse(&literal.written().unwrap()).unwrap();
        prop_assert_eq!(again.as_literal(), Some(text.as_str()));
    }
}
