//! Who may come in and who may not: every mechanism, every refusal with its reason, what heals it, and no secret told.

use std::time::Duration;

use super::{Daemon, Ground, Source};
use crate::kafka::admin::{Operation, Resource};
use crate::kafka::broker::{Cluster, Options, Security, shared};
use crate::kafka::client::unsecured_token;
use crate::kafka::noted::{Noted, Shape};
use crate::kafka::producer::Producer;
use crate::kafka::properties::Listener;

/// A topic with fifty records.
fn written(kafka: &Cluster, name: &str) -> (String, Noted) {
    let topic = kafka.topic(name, 1);
    let mut producer = Producer::new(&kafka.client(Listener::Plain), &topic, 1, Shape::default());
    producer.write(50);
    (topic, producer.noted())
}

fn may_read(kafka: &Cluster, principal: &str, topic: &str, group: &str) {
    kafka.allow(principal, Operation::Read, Resource::Topic, topic);
    kafka.allow(principal, Operation::Read, Resource::Group, group);
}

/// `security` with a name and a password.
fn login(kafka: &Cluster, listener: Listener, mechanism: &str, user: &str, password: &str) -> String {
    let sasl = format!("{{mechanism: {mechanism}, username: {user}, password: {password:?}}}");
    match listener {
        Listener::SaslTls => {
            format!("security: {{protocol: sasl_ssl, sasl: {sasl}, tls: {{ca: {:?}}}}}", ca(kafka))
        }
        _ => format!("security: {{protocol: sasl_plaintext, sasl: {sasl}}}"),
    }
}

fn ca(kafka: &Cluster) -> String {
    kafka.tls.as_ref().expect("it is a secure one").text("ca", "pem")
}

/// `security` with a certificate, if with any.
fn certified(kafka: &Cluster, authority: &str, name: Option<&str>) -> String {
    let tls = kafka.tls.as_ref().expect("it is a secure one");
    let own = name.map_or_else(String::new, |name| {
        format!(", cert: {:?}, key: {:?}", tls.text(name, "crt"), tls.text(name, "key"))
    });
    format!("security: {{protocol: ssl, tls: {{ca: {:?}{own}}}}}", tls.text(authority, "pem"))
}

fn source(kafka: &Cluster, listener: Listener, topic: &str, group: &str, security: &str) -> Source {
    Source::new(&kafka.bootstrap(listener), topic).group(group).with(security)
}

#[test]
fn with_good_papers_of_every_kind_records_are_read_and_no_secret_is_told() {
    let test = "with_good_papers_of_every_kind_records_are_read_and_no_secret_is_told";
    let Some(kafka) = shared(test) else { return };
    let (topic, noted) = written(kafka, "good-papers");
    let carol = format!("carol-{topic}");
    kafka.set_user(&carol, "canary-of-carol");
    for who in ["User:alice", "User:bob", &format!("User:{carol}"), "User:CN=client"] {
        kafka.allow(who, Operation::Read, Resource::Topic, &topic);
        for number in 0..8 {
            kafka.allow(who, Operation::Read, Resource::Group, &format!("{topic}-{number}"));
        }
    }
    let ground = Ground::new();
    let token = unsecured_token("alice", 3600);
    std::fs::write(ground.path("token"), &token).unwrap();
    std::fs::write(ground.path("password"), "canary-of-carol\n").unwrap();
    let bearer = |from: &str| {
        format!("security: {{protocol: sasl_plaintext, sasl: {{mechanism: OAUTHBEARER, token: {from}}}}}")
    };
    let of_file = format!(
        "security: {{protocol: sasl_plaintext, sasl: {{mechanism: SCRAM-SHA-256, username: {carol}, password: {{file: {:?}}}}}}}",
        ground.text("password")
    );
    let cases = [
        (Listener::Sasl, login(kafka, Listener::Sasl, "PLAIN", "bob", "bob-secret")),
        (Listener::SaslTls, login(kafka, Listener::SaslTls, "PLAIN", "alice", "alice-secret")),
        (Listener::SaslTls, login(kafka, Listener::SaslTls, "SCRAM-SHA-512", "alice", "alice-secret")),
        (Listener::SaslTls, login(kafka, Listener::SaslTls, "SCRAM-SHA-256", &carol, "canary-of-carol")),
        (Listener::Sasl, of_file),
        (Listener::Sasl, bearer(&format!("{{file: {:?}}}", ground.text("token")))),
        (Listener::Sasl, bearer(&format!("{{command: [cat, {:?}]}}", ground.text("token")))),
        (Listener::Mtls, certified(kafka, "ca", Some("client"))),
    ];
    let daemons: Vec<(Ground, Daemon)> = cases
        .iter()
        .enumerate()
        .map(|(number, (listener, security))| {
            let ground = Ground::new();
            let group = format!("{topic}-{number}");
            let daemon = ground.start(&source(kafka, *listener, &topic, &group, security));
            (ground, daemon)
        })
        .collect();
    for (_, daemon) in &daemons {
        let sheet = daemon.counted(&noted.counts());
        daemon.wait_until_ready();
        assert_eq!(sheet.sum("faultline_kafka_auth_failures_total", ""), 0);
        daemon.assert_tells_none_of(&[
            "alice-secret",
            "bob-secret",
            "canary-of-carol",
            &token,
            "PRIVATE KEY",
        ]);
    }
}

/// How one is refused.
struct Case {
    name: &'static str,
    listener: Listener,
    security: String,
    /// What the reason has to say, each of it.
    says: &'static [&'static str],
}

#[test]
fn who_is_refused_serves_says_why_and_tells_no_secret() {
    let test = "who_is_refused_serves_says_why_and_tells_no_secret";
    let Some(kafka) = shared(test) else { return };
    let (topic, _) = written(kafka, "bad-papers");
    let ground = Ground::new();
    std::fs::write(ground.path("foreign"), "canary-that-is-no-token").unwrap();
    let bearer = |from: &str| {
        format!("security: {{protocol: sasl_plaintext, sasl: {{mechanism: OAUTHBEARER, token: {from}}}}}")
    };
    let wrong_ca = login(kafka, Listener::SaslTls, "PLAIN", "alice", "canary-1");
    let wrong_ca = wrong_ca.replace(&ca(kafka), &kafka.tls.as_ref().unwrap().text("other-ca", "pem"));
    let case = |name, listener, security: String, says| Case { name, listener, security, says };
    let cases = [
        case(
            "a wrong password",
            Listener::Sasl,
            login(kafka, Listener::Sasl, "SCRAM-SHA-512", "alice", "canary-1"),
            &["uthentication failed"],
        ),
        case(
            "a wrong password of PLAIN through TLS",
            Listener::SaslTls,
            login(kafka, Listener::SaslTls, "PLAIN", "alice", "canary-1"),
            &["uthentication failed"],
        ),
        case(
            "a user who is not there",
            Listener::Sasl,
            login(kafka, Listener::Sasl, "SCRAM-SHA-256", "mallory", "canary-1"),
            &["uthentication failed"],
        ),
        case("a wrong authority", Listener::SaslTls, wrong_ca, &["certificate verify failed", "tls.ca"]),
        case("no certificate", Listener::Mtls, certified(kafka, "ca", None), &["tls.cert"]),
        case(
            "one that has expired",
            Listener::Mtls,
            certified(kafka, "ca", Some("expired")),
            &["certificate"],
        ),
        case("a stranger's", Listener::Mtls, certified(kafka, "ca", Some("stranger")), &["certificate"]),
        case(
            "no TLS where there is TLS",
            Listener::Mtls,
            "start: earliest".to_owned(),
            &["security.protocol"],
        ),
        case(
            "no SASL where there is SASL",
            Listener::Sasl,
            "start: earliest".to_owned(),
            &["security.protocol"],
        ),
        case(
            "TLS where there is none",
            Listener::Plain,
            certified(kafka, "ca", None),
            &["security.protocol"],
        ),
        case("no token", Listener::Sasl, bearer("{file: /does/not/exist/token}"), &["/does/not/exist/token"]),
        case(
            "no command",
            Listener::Sasl,
            bearer("{command: [/does/not/exist, canary-2]}"),
            &["/does/not/exist"],
        ),
        case("a command that fails", Listener::Sasl, bearer("{command: ['false']}"), &["false", "failed"]),
        case(
            "a token of somebody else's",
            Listener::Sasl,
            bearer(&format!("{{file: {:?}}}", ground.text("foreign"))),
            &["uthentication"],
        ),
    ];
    let daemons: Vec<(&Case, Ground, Daemon)> = cases
        .iter()
        .map(|case| {
            let ground = Ground::new();
            let daemon = ground.start(&source(kafka, case.listener, &topic, &topic, &case.security));
            (case, ground, daemon)
        })
        .collect();
    let mut troubles = Vec::new();
    for (case, _, daemon) in &daemons {
        let seen = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let why = daemon.wait_for_reason(case.says);
            crate::kafka::say(&format!("kafka: {}: {}", case.name, why.trim()));
            let sheet = daemon.sheet();
            assert_eq!(sheet.sum("faultline_kafka_up", ""), 0);
            assert_eq!(sheet.sum("faultline_lines_total", ""), 0);
            daemon.assert_tells_none_of(&["canary-1", "canary-2", "canary-that"]);
        }));
        if seen.is_err() {
            troubles.push((case.name, daemon.why_not(), daemon.life.said()));
        }
    }
    assert!(troubles.is_empty(), "{troubles:#?}");
    // All of them are in trouble for a while now: nobody spins, nobody floods the log.
    let before: Vec<u64> = daemons.iter().map(|(_, _, daemon)| daemon.life.ticks()).collect();
    std::thread::sleep(Duration::from_secs(2));
    for ((case, _, daemon), before) in daemons.into_iter().zip(before) {
        let busy = daemon.life.ticks() - before;
        assert!(busy < 60, "{}: {busy} hundredths of 2 s", case.name);
        let said = daemon.life.said();
        let warnings =
            said.iter().filter(|line| line.contains("WARN") && line.contains("Kafka cannot be read"));
        assert!(warnings.clone().count() <= 3, "{}: {:#?}", case.name, warnings.collect::<Vec<_>>());
        let left = daemon.stop();
        assert!(left < Duration::from_secs(5), "{}: {left:?}", case.name);
    }
}

#[test]
fn what_was_refused_is_read_when_the_cause_goes() {
    let test = "what_was_refused_is_read_when_the_cause_goes";
    let Some(kafka) = shared(test) else { return };
    let (topic, noted) = written(kafka, "healed");
    let group = |name: &str| format!("{topic}-{name}");
    let bob = || login(kafka, Listener::Sasl, "PLAIN", "bob", "bob-secret");
    let start = |name: &str, security: &str| {
        let ground = Ground::new();
        let daemon = ground.start(&source(kafka, Listener::Sasl, &topic, &group(name), security));
        (ground, daemon)
    };
    let dave = format!("dave-{topic}");
    let principal = format!("User:{dave}");
    may_read(kafka, &principal, &topic, &group("user"));
    let token = Ground::new();
    may_read(kafka, "User:alice", &topic, &group("token"));
    let from = format!(
        "security: {{protocol: sasl_plaintext, sasl: {{mechanism: OAUTHBEARER, token: {{file: {:?}}}}}}}",
        token.text("token")
    );
    // Nothing for the group, nothing for the topic; a user who is not there yet, a token neither.
    let (_g1, no_group) = start("group", &bob());
    let (_g2, no_user) =
        start("user", &login(kafka, Listener::Sasl, "SCRAM-SHA-256", &dave, "canary-of-dave"));
    let (_g3, no_token) = start("token", &from);
    no_group.wait_for_reason(&["uthorization failed"]);
    no_user.wait_for_reason(&["uthentication failed"]);
    no_token.wait_for_reason(&["token"]);

    kafka.set_user(&dave, "canary-of-dave");
    std::fs::write(token.path("token"), unsecured_token("alice", 3600)).unwrap();
    kafka.allow("User:bob", Operation::Read, Resource::Group, &group("group"));
    no_user.counted(&noted.counts());
    no_user.wait_until_ready();
    no_user.assert_tells_none_of(&["canary-of-dave"]);
    no_token.counted(&noted.counts());
    no_token.wait_until_ready();
    // The group is his, the topic is not.
    no_group.wait_for_reason(&["opic authorization failed", &topic]);
    kafka.allow("User:bob", Operation::Describe, Resource::Topic, &topic);
    std::thread::sleep(Duration::from_secs(2));
    no_group.wait_for_reason(&["opic authorization failed", &topic]);
    kafka.allow("User:bob", Operation::Read, Resource::Topic, &topic);
    no_group.counted(&noted.counts());
    no_group.wait_until_ready();
    let said = no_group.life.said();
    assert!(said.iter().any(|line| line.contains("Kafka is read again")), "{said:#?}");
}

#[test]
fn a_topic_that_nobody_made_is_named() {
    let Some(kafka) = shared("a_topic_that_nobody_made_is_named") else { return };
    let topic = format!("{}-x", kafka.topic("nobody-made", 1));
    let ground = Ground::new();
    let daemon = ground.start(&Source::new(&kafka.bootstrap(Listener::Plain), &topic));
    daemon.wait_for_reason(&[&topic]);
    daemon.wait("it is missing", |sheet| sheet.sum("faultline_kafka_topic_missing", "") == 1);
    kafka.create_topic(&topic, 1, &[]);
    let mut producer = Producer::new(&kafka.client(Listener::Plain), &topic, 1, Shape::default());
    producer.write(50);
    let sheet = daemon.counted(&producer.noted().counts());
    assert_eq!(sheet.sum("faultline_kafka_topic_missing", ""), 0);
    daemon.wait_until_ready();
}

#[test]
fn a_broker_with_a_certificate_for_elsewhere_is_read_by_who_does_not_mind() {
    let test = "a_broker_with_a_certificate_for_elsewhere_is_read_by_who_does_not_mind";
    let options = Options { security: Security::Listeners("elsewhere"), ..Options::default() };
    let Some(kafka) = Cluster::start(test, 1, &options) else { return };
    let (topic, noted) = written(&kafka, "elsewhere");
    may_read(&kafka, "User:CN=client", &topic, &topic);
    let papers = certified(&kafka, "ca", Some("client"));
    let (ground, other) = (Ground::new(), Ground::new());
    let careful = ground.start(&source(&kafka, Listener::Mtls, &topic, &topic, &papers));
    careful.wait_for_reason(&["certificate verify failed", "another host"]);
    let careless = papers.replace("tls: {", "tls: {verify_hostname: false, ");
    let careless = other.start(&source(&kafka, Listener::Mtls, &topic, &topic, &careless));
    careless.counted(&noted.counts());
    assert_eq!(careful.sheet().sum("faultline_lines_total", ""), 0);
}

#[test]
fn a_broker_whose_certificate_has_expired_is_not_read_until_it_has_another() {
    let test = "a_broker_whose_certificate_has_expired_is_not_read_until_it_has_another";
    let options = Options { security: Security::Listeners("outdated"), ..Options::default() };
    let Some(kafka) = Cluster::start(test, 1, &options) else { return };
    let (topic, noted) = written(&kafka, "outdated");
    may_read(&kafka, "User:CN=client", &topic, &topic);
    let ground = Ground::new();
    let papers = certified(&kafka, "ca", Some("client"));
    let daemon = ground.start(&source(&kafka, Listener::Mtls, &topic, &topic, &papers));
    daemon.wait_for_reason(&["certificate verify failed", "has expired"]);
    let tls = kafka.tls.as_ref().expect("it is a secure one");
    std::fs::copy(tls.key_store("broker"), tls.path("outdated", "pem")).unwrap();
    kafka.kill(1);
    kafka.start_node(1);
    daemon.counted(&noted.counts());
    daemon.wait_until_ready();
}

/// A token server on this port: gives tokens of ten seconds to who knows the secret, and counts them. Ends with the process.
#[cfg(feature = "oidc")]
fn token_server(secret: &'static str) -> (u16, std::sync::Arc<std::sync::atomic::AtomicUsize>) {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::sync::atomic::Ordering;

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // What stands in `Authorization: Basic`.
    let known = crate::kafka::client::base64_url(format!("faultline:{secret}").as_bytes());
    let given = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = given.clone();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let (mut head, mut line, mut length) = (String::new(), String::new(), 0);
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                head.push_str(&line);
                line.clear();
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            assert!(head.starts_with("POST /token ") && body.starts_with(b"grant_type=client_credentials"));
            let (status, answer) = match head.contains(&known) {
                true => {
                    counter.fetch_add(1, Ordering::SeqCst);
                    let token = unsecured_token("alice", 10);
                    (
                        "200 OK",
                        format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":10}}"#),
                    )
                }
                false => ("401 Unauthorized", r#"{"error":"invalid_client"}"#.to_owned()),
            };
            let length = answer.len();
            let answer = format!(
                "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{answer}"
            );
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (port, given)
}

#[cfg(feature = "oidc")]
#[test]
fn a_token_of_a_token_server_opens_and_its_refusal_is_told_without_the_secret() {
    let test = "a_token_of_a_token_server_opens_and_its_refusal_is_told_without_the_secret";
    let Some(kafka) = shared(test) else { return };
    let topic = kafka.topic("token-server", 1);
    let mut producer = Producer::new(&kafka.client(Listener::Plain), &topic, 1, Shape::default());
    producer.write(50);
    may_read(kafka, "User:alice", &topic, &topic);
    let (port, given) = token_server("canary-good");
    let fetched = |secret: &str| {
        let oidc = format!(
            "{{client_id: faultline, client_secret: {secret}, token_url: 'http://127.0.0.1:{port}/token'}}"
        );
        format!("security: {{protocol: sasl_plaintext, sasl: {{mechanism: OAUTHBEARER, oidc: {oidc}}}}}")
    };
    let (ground, other) = (Ground::new(), Ground::new());
    let refused = other.start(&source(kafka, Listener::Sasl, &topic, &topic, &fetched("canary-bad")));
    refused.wait_for_reason(&["token"]);
    refused.assert_tells_none_of(&["canary-bad"]);
    let daemon = ground.start(&source(kafka, Listener::Sasl, &topic, &topic, &fetched("canary-good")));
    daemon.counted(&producer.noted().counts());
    daemon.wait_until_ready();
    daemon.wait("the token is fetched again", |_| given.load(std::sync::atomic::Ordering::SeqCst) >= 3);
    producer.write(50);
    daemon.counted(&producer.noted().counts());
    daemon.assert_tells_none_of(&["canary-good"]);
}
