//! How clients of each kind come in, and a reader that takes a topic from its beginning to its end.

use std::time::{Duration, Instant};

use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::FromClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{Headers, Message};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use super::broker::Cluster;
use super::properties::Listener;

/// For an answer of a broker that may be starting.
pub const PATIENCE: Duration = Duration::from_secs(60);

impl Cluster {
    /// For a listener, without anybody's name.
    pub fn client(&self, listener: Listener) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.bootstrap(listener));
        config.set("security.protocol", listener.protocol());
        if let (true, Some(tls)) = (matches!(listener, Listener::SaslTls | Listener::Mtls), &self.tls) {
            config.set("ssl.ca.location", tls.text("ca", "pem"));
        }
        config
    }

    /// PLAIN: alice and bob. SCRAM-SHA-256 and -512: alice, and who was added. The password is NAME-secret.
    pub fn login(&self, listener: Listener, mechanism: &str, user: &str, password: &str) -> ClientConfig {
        let mut config = self.client(listener);
        config.set("sasl.mechanism", mechanism);
        config.set("sasl.username", user).set("sasl.password", password);
        config
    }

    /// OAUTHBEARER with tokens that librdkafka makes itself.
    pub fn bearer(&self, listener: Listener, principal: &str) -> ClientConfig {
        let mut config = self.client(listener);
        config.set("sasl.mechanism", "OAUTHBEARER").set("enable.sasl.oauthbearer.unsecure.jwt", "true");
        config.set("sasl.oauthbearer.config", format!("principal={principal}"));
        config
    }

    /// With one of the certificates: `client`, `expired`, `stranger`. Its principal is `User:CN=NAME`.
    pub fn certified(&self, name: &str) -> ClientConfig {
        let tls = self.tls.as_ref().expect("`Security::Listeners` was asked for");
        let mut config = self.client(Listener::Mtls);
        config.set("ssl.certificate.location", tls.text(name, "crt"));
        config.set("ssl.key.location", tls.text(name, "key"));
        config
    }

    /// The nodes that this one says are up; none where it does not answer.
    pub fn nodes_up(&self, id: usize) -> Vec<usize> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.address(id, Listener::Plain));
        let client: BaseConsumer = config.create().unwrap();
        let known = client.fetch_metadata(None, Duration::from_secs(1));
        known.map_or_else(
            |_| Vec::new(),
            |known| known.brokers().iter().map(|broker| usize::try_from(broker.id()).unwrap()).collect(),
        )
    }
}

/// Answers each question for a token with the same one: what the daemon's `token_file` does.
pub struct Bearer(pub String);

impl ClientContext for Bearer {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        let in_an_hour = std::time::SystemTime::now() + Duration::from_secs(3600);
        let lifetime_ms = in_an_hour.duration_since(std::time::UNIX_EPOCH)?.as_millis();
        Ok(OAuthToken {
            token: self.0.clone(),
            principal_name: "alice".into(),
            lifetime_ms: lifetime_ms.try_into()?,
        })
    }
}

impl rdkafka::consumer::ConsumerContext for Bearer {}

/// A token that nobody signed, as the brokers here take it; it lasts for so many seconds.
pub fn unsecured_token(principal: &str, seconds: u64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let claims = format!(r#"{{"sub":"{principal}","iat":{now},"exp":{}}}"#, now + seconds);
    format!("{}.{}.", base64_url(br#"{"alg":"none"}"#), base64_url(claims.as_bytes()))
}

/// Without padding.
pub fn base64_url(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0, |word, &byte| word << 8 | u32::from(byte)) << (8 * (3 - chunk.len()));
        for digit in 0..=chunk.len() {
            text.push(char::from(DIGITS[(word >> (18 - 6 * digit) & 63) as usize]));
        }
    }
    text
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    pub partition: i32,
    pub offset: i64,
    pub key: Option<Vec<u8>>,
    pub payload: Option<Vec<u8>>,
    pub headers: Vec<(String, Vec<u8>)>,
}

/// All that a topic holds for this client, which sees what was committed unless its settings say otherwise, partition by
/// partition; or the first error.
pub fn read(config: &ClientConfig, topic: &str) -> KafkaResult<Vec<Read>> {
    let mut config = config.clone();
    config.set("group.id", "readers-without-a-group").set("enable.auto.commit", "false");
    config
        .set("enable.partition.eof", "true")
        .set("auto.offset.reset", "error")
        .set("fetch.wait.max.ms", "10");
    read_as(&BaseConsumer::from_config(&config)?, topic)
}

/// By a consumer of the caller's, which has `enable.partition.eof`.
pub fn read_as<C: rdkafka::consumer::ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topic: &str,
) -> KafkaResult<Vec<Read>> {
    let begun = Instant::now();
    let known = loop {
        // Questions wait for a connection, and that for a token, which comes by a poll.
        let _ = consumer.poll(Duration::from_millis(10));
        match consumer.fetch_metadata(Some(topic), Duration::from_secs(1)) {
            Ok(known) => break known,
            Err(error) if begun.elapsed() > PATIENCE => return Err(error),
            Err(_) => {}
        }
    };
    let known = &known.topics()[0];
    if let Some(error) = known.error() {
        return Err(KafkaError::MetadataFetch(error.into()));
    }
    let mut from = TopicPartitionList::new();
    for partition in known.partitions() {
        from.add_partition_offset(topic, partition.id(), Offset::Beginning)?;
    }
    consumer.assign(&from)?;
    let mut read = Vec::new();
    let mut open = known.partitions().len();
    while open > 0 {
        assert!(begun.elapsed() < PATIENCE, "{open} partitions of {topic} do not end after {}", read.len());
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => read.push(Read {
                partition: message.partition(),
                offset: message.offset(),
                key: message.key().map(<[u8]>::to_vec),
                payload: message.payload().map(<[u8]>::to_vec),
                headers: message.headers().map_or_else(Vec::new, |headers| {
                    let headers = headers.iter();
                    headers.map(|h| (h.key.to_owned(), h.value.unwrap_or_default().to_vec())).collect()
                }),
            }),
            Some(Err(KafkaError::PartitionEOF(_))) => open -= 1,
            // A node that starts: librdkafka goes on by itself.
            Some(Err(error)) if is_passing(&error) => {}
            Some(Err(error)) => return Err(error),
            None => {}
        }
    }
    read.sort_by_key(|read| (read.partition, read.offset));
    Ok(read)
}

fn is_passing(error: &KafkaError) -> bool {
    use rdkafka::types::RDKafkaErrorCode as Code;
    let code = error.rdkafka_error_code();
    // Who reads this way asks nothing of a group.
    let of_group = code == Some(Code::GroupAuthorizationFailed);
    of_group
        || matches!(
            code,
            Some(Code::BrokerTransportFailure | Code::AllBrokersDown | Code::LeaderNotAvailable)
        )
}
