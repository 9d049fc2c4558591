//! What is in a node's `server.properties`: small, quick, and every listener a test may want; and the ports for it.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::hash::{BuildHasher, RandomState};
use std::net::TcpListener;

use super::certificates::Certificates;

/// Where a client comes in. All but the first and the last need `Security::Listeners`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listener {
    /// Anybody, who may do anything: the test's own administration.
    Plain,
    /// PLAIN (alice, bob), SCRAM-SHA-256 and -512 (alice), OAUTHBEARER (unsecured tokens).
    Sasl,
    /// The same through TLS.
    SaslTls,
    /// TLS with a client certificate of the cluster's authority.
    Mtls,
    /// As `Plain`, through the node's proxy; needs `Way::Proxied`.
    Proxied,
}

impl Listener {
    pub const ALL: [Listener; 5] =
        [Listener::Plain, Listener::Sasl, Listener::SaslTls, Listener::Mtls, Listener::Proxied];

    /// What Kafka calls it in the properties.
    fn name(self) -> &'static str {
        match self {
            Listener::Proxied => "PROXIED",
            _ => self.protocol(),
        }
    }

    /// What clients call it: `security.protocol`.
    pub fn protocol(self) -> &'static str {
        match self {
            Listener::Plain | Listener::Proxied => "PLAINTEXT",
            Listener::Sasl => "SASL_PLAINTEXT",
            Listener::SaslTls => "SASL_SSL",
            Listener::Mtls => "SSL",
        }
    }
}

/// The ports of a node.
#[derive(Debug, Clone, Copy)]
pub struct Ports {
    pub controller: u16,
    /// As `Listener::ALL`; where the node listens.
    pub listeners: [u16; 5],
}

impl Ports {
    /// Free ones for so many nodes, below those that the system hands out: a node that is started again finds its own.
    pub fn free(nodes: usize) -> Vec<Ports> {
        let mut found = BTreeSet::new();
        let mut chance = RandomState::new().hash_one(std::process::id());
        while found.len() < nodes * 6 {
            chance = chance.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            let port = 20_000 + u16::try_from((chance >> 33) % 12_000).expect("small");
            if TcpListener::bind(("127.0.0.1", port)).is_ok() {
                found.insert(port);
            }
        }
        let found: Vec<u16> = found.into_iter().collect();
        let nodes = found.chunks(6);
        nodes
            .map(|all| Ports { controller: all[0], listeners: [all[1], all[2], all[3], all[4], all[5]] })
            .collect()
    }

    pub fn of(&self, listener: Listener) -> u16 {
        self.listeners[listener as usize]
    }
}

/// What is told to a node.
pub struct Node<'a> {
    /// From 1.
    pub id: usize,
    pub ports: &'a [Ports],
    /// Where the proxy of this node listens.
    pub proxy: Option<u16>,
    /// With the name of the broker's certificate.
    pub tls: Option<(&'a Certificates, &'a str)>,
    pub extra: &'a [(String, String)],
}

impl Node<'_> {
    /// The text of `server.properties`.
    pub fn properties(&self) -> String {
        let mut text = String::new();
        let mut set = |key: &str, value: &str| writeln!(text, "{key}={value}").expect("memory");
        self.addresses(&mut set);
        self.sizes(&mut set);
        if let Some((tls, certificate)) = self.tls {
            security(tls, certificate, &mut set);
        }
        self.extra.iter().for_each(|(key, value)| set(key, value));
        text
    }

    fn listeners(&self) -> impl Iterator<Item = Listener> {
        Listener::ALL.into_iter().filter(|listener| match listener {
            Listener::Plain => true,
            Listener::Proxied => self.proxy.is_some(),
            _ => self.tls.is_some(),
        })
    }

    fn addresses(&self, set: &mut impl FnMut(&str, &str)) {
        let ports = self.ports[self.id - 1];
        let at = |listener: Listener, port: u16| format!("{}://127.0.0.1:{port}", listener.name());
        let (mut listeners, mut advertised) = (Vec::new(), Vec::new());
        let mut protocols = vec!["CONTROLLER:PLAINTEXT".to_owned()];
        for listener in self.listeners() {
            let proxy = self.proxy.filter(|_| listener == Listener::Proxied);
            listeners.push(at(listener, ports.of(listener)));
            advertised.push(at(listener, proxy.unwrap_or(ports.of(listener))));
            protocols.push(format!("{}:{}", listener.name(), listener.protocol()));
        }
        listeners.push(format!("CONTROLLER://127.0.0.1:{}", ports.controller));
        let voters = self.ports.iter().enumerate();
        let voters = voters.map(|(at, ports)| format!("{}@127.0.0.1:{}", at + 1, ports.controller));
        set("process.roles", "broker,controller");
        set("node.id", &self.id.to_string());
        set("controller.quorum.voters", &voters.collect::<Vec<_>>().join(","));
        set("log.dirs", &format!("n{}", self.id));
        set("listeners", &listeners.join(","));
        set("advertised.listeners", &advertised.join(","));
        set("listener.security.protocol.map", &protocols.join(","));
        set("controller.listener.names", "CONTROLLER");
        set("inter.broker.listener.name", "PLAINTEXT");
    }

    /// Few threads, few partitions, short timeouts.
    fn sizes(&self, set: &mut impl FnMut(&str, &str)) {
        let (replicas, in_sync) = if self.ports.len() >= 3 { ("3", "2") } else { ("1", "1") };
        for topic in ["offsets.topic", "transaction.state.log", "share.coordinator.state.topic"] {
            set(&format!("{topic}.replication.factor"), replicas);
            set(&format!("{topic}.num.partitions"), "4");
            if topic != "offsets.topic" {
                set(&format!("{topic}.min.isr"), in_sync);
            }
        }
        set("default.replication.factor", replicas);
        set("min.insync.replicas", in_sync);
        SIZES.iter().for_each(|(key, value)| set(key, value));
    }
}

const SIZES: [(&str, &str); 19] = [
    ("auto.create.topics.enable", "false"),
    ("num.network.threads", "2"),
    ("num.io.threads", "4"),
    ("log.cleaner.dedupe.buffer.size", "4194304"),
    ("log.retention.check.interval.ms", "2000"),
    ("log.segment.delete.delay.ms", "1000"),
    ("message.max.bytes", "20000000"),
    ("replica.fetch.max.bytes", "20000000"),
    // A node that was killed is waited for so long, by others and by itself.
    ("broker.heartbeat.interval.ms", "500"),
    ("broker.session.timeout.ms", "3000"),
    ("group.initial.rebalance.delay.ms", "0"),
    ("group.min.session.timeout.ms", "1000"),
    ("group.consumer.session.timeout.ms", "6000"),
    ("group.consumer.min.session.timeout.ms", "1000"),
    ("group.consumer.heartbeat.interval.ms", "1000"),
    ("group.consumer.min.heartbeat.interval.ms", "500"),
    ("transaction.abort.timed.out.transaction.cleanup.interval.ms", "1000"),
    ("offsets.retention.check.interval.ms", "2000"),
    ("controlled.shutdown.enable", "true"),
];

fn security(tls: &Certificates, certificate: &str, set: &mut impl FnMut(&str, &str)) {
    set("sasl.enabled.mechanisms", "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER");
    set("ssl.client.auth", "required");
    set("listener.name.sasl_ssl.ssl.client.auth", "none");
    set("ssl.keystore.type", "PEM");
    set("ssl.keystore.location", &tls.key_store(certificate));
    set("ssl.truststore.type", "PEM");
    set("ssl.truststore.location", &tls.text("ca", "pem"));
    set("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer");
    set("super.users", "User:ANONYMOUS");
    let users = r#"user_alice="alice-secret" user_bob="bob-secret""#;
    let broker = r#"unsecuredLoginStringClaim_sub="broker""#;
    for listener in ["sasl_plaintext", "sasl_ssl"] {
        for (mechanism, module, options) in [
            ("plain", "plain.PlainLoginModule", users),
            ("scram-sha-256", "scram.ScramLoginModule", ""),
            ("scram-sha-512", "scram.ScramLoginModule", ""),
            ("oauthbearer", "oauthbearer.OAuthBearerLoginModule", broker),
        ] {
            let key = format!("listener.name.{listener}.{mechanism}.sasl.jaas.config");
            set(&key, &format!("org.apache.kafka.common.security.{module} required {options};"));
        }
    }
}
