//! Configurations that nobody starts with: every one is refused with the place of the mistake.

use super::{Ground, Source};

fn source() -> Source {
    Source::new("127.0.0.1:9", "logs").group("readers")
}

#[track_caller]
fn assert_refused(sources: &[Source], status: i32, parts: &[&str]) {
    let (left, said) = Ground::new().ends(sources, &[]);
    assert_eq!(left, status, "{said}");
    for part in parts {
        assert!(said.contains(part), "{part:?} is not said: {said}");
    }
    assert!(!said.contains("canary"), "{said}");
}

#[test]
fn what_the_client_does_not_know_or_may_not_be_told_is_refused_by_name() {
    // The client itself says what it knows of.
    assert_refused(&[source().set("no.such.key", "canary")], 2, &["no.such.key"]);
    assert_refused(&[source().set("fetch.wait.max.ms", "canary")], 2, &["fetch.wait.max.ms"]);
    for key in
        ["enable.auto.commit", "auto.offset.reset", "group.id", "enable.partition.eof", "bootstrap.servers"]
    {
        assert_refused(&[source().set(key, "canary")], 2, &[key, "faultline.yaml:"]);
    }
}

#[test]
fn what_is_no_regex_no_topic_or_no_broker_is_refused_with_its_place() {
    let of = |topic: &str| Source::new("127.0.0.1:9", topic).group("readers");
    assert_refused(&[of("^logs-([a-z+$")], 2, &["faultline.yaml:", "regex"]);
    assert_refused(&[of("logs 1")], 2, &["faultline.yaml:", "logs 1"]);
    assert_refused(&[of("logs").topic("logs")], 2, &["faultline.yaml:", "twice"]);
    assert_refused(&[Source::new("no broker", "logs").group("readers")], 2, &["faultline.yaml:", "broker"]);
    assert_refused(&[source().with("starts: earliest")], 2, &["faultline.yaml:", "starts"]);
    assert_refused(&[source().with("tenant: topic")], 2, &["faultline.yaml:", "tenant"]);
    let secret = "security: {sasl: {mechanism: SCRAM-SHA-1, username: u, password: canary}}";
    assert_refused(&[source().with(secret)], 2, &["faultline.yaml:", "SCRAM-SHA-512"]);
}

#[test]
fn two_sources_of_one_group_would_take_partitions_from_each_other() {
    let two = [source(), Source::new("127.0.0.1:9", "other").group("readers").name("second")];
    assert_refused(&two, 2, &["faultline.yaml:", "readers"]);
}

#[test]
fn papers_that_cannot_be_read_are_named() {
    let tls = "security: {protocol: ssl, tls: {ca: /does/not/exist.pem}}";
    assert_refused(&[source().with(tls)], 2, &["/does/not/exist.pem"]);
    let password = "security: {sasl: {mechanism: PLAIN, username: u, password: {file: /does/not/exist}}}";
    assert_refused(&[source().with(password)], 2, &["password", "/does/not/exist"]);
    let variable = "security: {sasl: {mechanism: PLAIN, username: u, password: '${NO_SUCH_VARIABLE}'}}";
    assert_refused(&[source().with(variable)], 2, &["password", "NO_SUCH_VARIABLE"]);
}
