//! What a client says of itself → whether data can flow, why not, and one log line a change of that.
//!
//! librdkafka repeats itself: two errors at once, then one every half minute, or twenty a second for hours; and the cause
//! of a refused handshake stands in a log line and in no error. So errors are counted, the last log line is kept, and
//! people are told when the state changes. A reason stays until data flows again: after a refusal librdkafka goes silent,
//! which is no sign of health. Nothing that was given as a secret leaves this file.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::RDKafkaErrorCode;

use super::statistics::Statistics;
use super::value::Secret;

/// A shorter secret would be found in words that are none.
const SECRET_BYTES_MIN: usize = 4;
const TEXT_BYTES_MAX: usize = 512;

/// Where librdkafka gives no cause.
const NO_CAUSE: &str = "no broker answers";

/// What kind of trouble a client is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// No broker can be reached, or none talks to us.
    Unreachable,
    /// Who we are, or what we want, is refused.
    Refused,
    /// The topic is not there.
    Missing,
    /// A broker's answer cannot be taken.
    Unusable,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Flow {
    /// Nothing was heard yet.
    Starting,
    Stuck {
        trouble: Trouble,
        reason: String,
        /// People were told. The cause may come a moment behind the error.
        is_said: bool,
    },
    Flowing,
}

#[derive(Debug)]
pub struct Reports {
    /// The value of the label `source`.
    source: String,
    secrets: Vec<String>,
    held: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    flow: Flow,
    last_log: String,
    errors: BTreeMap<String, u64>,
    refusals: u64,
    statistics: Statistics,
    fatal: Option<String>,
}

impl Reports {
    pub fn new<'s>(source: &str, secrets: impl IntoIterator<Item = &'s Secret>) -> Reports {
        let secrets = secrets.into_iter().map(|secret| secret.reveal().to_owned());
        let held = Held {
            flow: Flow::Starting,
            last_log: String::new(),
            errors: BTreeMap::new(),
            refusals: 0,
            statistics: Statistics::default(),
            fatal: None,
        };
        Reports {
            source: source.to_owned(),
            secrets: secrets.filter(|secret| secret.len() >= SECRET_BYTES_MIN).collect(),
            held: Mutex::new(held),
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A text as it may be shown: no secret, no control characters, not endless.
    pub fn clean(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            text = text.replace(secret.as_str(), "***");
        }
        let mut text = text.replace(char::is_control, " ");
        if text.len() > TEXT_BYTES_MAX {
            let end = (0..=TEXT_BYTES_MAX).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
            text.truncate(end);
            text.push('…');
        }
        text.trim().to_owned()
    }

    /// A log line of librdkafka's.
    pub(super) fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        // `[thrd:127.0.0.1:9092/bootstrap]: 127.0.0.1:9092/bootstrap: Connect to …`
        let text =
            message.split_once("]: ").filter(|_| message.starts_with('[')).map_or(message, |(_, rest)| rest);
        let text = self.clean(text);
        tracing::debug!(source = self.source, ?facility, "librdkafka: {text}");
        // Why a connection broke is often told at a lower level, and nowhere else.
        if (level as i32) <= RDKafkaLogLevel::Warning as i32 || facility == "FAIL" {
            self.held().last_log = text;
        }
    }

    /// An error of librdkafka's, which may be its own or a broker's.
    pub(super) fn error(&self, code: RDKafkaErrorCode, reason: &str) {
        let mut held = self.held();
        *held.errors.entry(name_of(code)).or_default() += 1;
        let Some(trouble) = trouble_of(code) else {
            tracing::debug!(source = self.source, "Kafka: {}", self.clean(reason));
            return;
        };
        held.refusals += u64::from(trouble == Trouble::Refused);
        let reason = self.said(code, reason, &held.last_log);
        self.get_stuck(held, trouble, reason);
    }

    /// Where librdkafka gives no cause, its last log line is one.
    fn said(&self, code: RDKafkaErrorCode, reason: &str, last_log: &str) -> String {
        let reason = match code {
            RDKafkaErrorCode::AllBrokersDown if !last_log.is_empty() => last_log.to_owned(),
            RDKafkaErrorCode::AllBrokersDown => NO_CAUSE.to_owned(),
            _ => self.clean(reason),
        };
        // Of a connection the log says more than the error; of anything else it was said before, and of something else.
        let is_of_connection = matches!(trouble_of(code), Some(Trouble::Unreachable | Trouble::Unusable));
        let has = |part: &str| reason.contains(part) || is_of_connection && last_log.contains(part);
        let hint = if has("Invalid response size") || code == RDKafkaErrorCode::BadMessage {
            "; a message is larger than librdkafka takes: raise `receive.message.max.bytes`"
        } else if has("alert bad certificate") || has("certificate required") || has("certificate unknown") {
            "; the broker refuses our client certificate, or there is none: see `tls.cert` and `tls.key`"
        } else if has("certificate verify failed") {
            "; the broker's certificate is signed by nobody we know, has expired, or is for another host: see `tls.ca`"
        } else if has("connecting to a PLAINTEXT listener")
            || has("connecting to a SSL listener")
            || has("in state APIVERSION_QUERY")
            || has("in state SSL_HANDSHAKE")
            || has("after 0ms in state UP")
        {
            "; does `security.protocol` fit the listener?"
        } else {
            ""
        };
        format!("{reason}{hint}")
    }

    fn get_stuck(&self, mut held: MutexGuard<'_, Held>, trouble: Trouble, reason: String) {
        let (is_repeated, was_said) = match &held.flow {
            // No broker at all is often what follows from a refusal, and says less.
            Flow::Stuck { trouble: Trouble::Refused, .. } if trouble == Trouble::Unreachable => return,
            Flow::Stuck { trouble: before, is_said, .. } if *before == trouble => (true, *is_said),
            Flow::Starting | Flow::Flowing | Flow::Stuck { .. } => (false, false),
        };
        let is_said = was_said || is_repeated || reason != NO_CAUSE;
        if is_said && !was_said {
            tracing::warn!(source = self.source, "Kafka cannot be read: {reason}");
        }
        held.flow = Flow::Stuck { trouble, reason, is_said };
    }

    /// No token for OAUTHBEARER is to be had.
    pub(super) fn no_token(&self, why: &str) {
        let held = self.held();
        self.get_stuck(held, Trouble::Refused, self.clean(why));
    }

    /// Something that we asked for is refused, or not there, as the answer to a question of ours says.
    pub fn refused(&self, code: RDKafkaErrorCode, what: &str) {
        self.error(code, &format!("{what}: {code}"));
    }

    /// Every ten seconds or so.
    pub(super) fn statistics(&self, json: &[u8]) {
        let Some(statistics) = Statistics::read(json) else { return };
        let mut held = self.held();
        let before = std::mem::replace(&mut held.statistics, statistics);
        let flows = match &held.flow {
            Flow::Flowing => return,
            Flow::Starting => held.statistics.is_member(),
            // Some partition's end is known that was not: a fetch was answered.
            Flow::Stuck { trouble: Trouble::Refused | Trouble::Missing | Trouble::Unusable, .. } => {
                held.statistics.has_fetched_more_than(&before)
            }
            Flow::Stuck { trouble: Trouble::Unreachable, .. } => {
                held.statistics.is_member() && held.statistics.brokers_up > 0 && before.brokers_up > 0
            }
        };
        drop(before);
        if flows {
            self.start_to_flow(held);
        }
    }

    /// The group has given us what we read. Whether we may read it shows when records come.
    pub fn joined(&self) {
        let held = self.held();
        if matches!(held.flow, Flow::Starting | Flow::Stuck { trouble: Trouble::Unreachable, .. }) {
            self.start_to_flow(held);
        }
    }

    /// Records were read, or there is nothing left to read.
    pub fn flows(&self) {
        let held = self.held();
        if held.flow != Flow::Flowing {
            self.start_to_flow(held);
        }
    }

    fn start_to_flow(&self, mut held: MutexGuard<'_, Held>) {
        let before = std::mem::replace(&mut held.flow, Flow::Flowing);
        if let Flow::Stuck { reason, is_said: true, .. } = before {
            tracing::info!(source = self.source, "Kafka is read again; it was not: {reason}");
        }
    }

    /// This client will never work again.
    pub fn fatal(&self, why: &str) {
        self.held().fatal = Some(self.clean(why));
    }

    /// `None`: data can flow.
    pub fn why_not(&self) -> Option<String> {
        let held = self.held();
        match (&held.fatal, &held.flow) {
            (Some(fatal), _) => Some(fatal.clone()),
            (None, Flow::Flowing) => None,
            (None, Flow::Stuck { reason, .. }) => Some(reason.clone()),
            (None, Flow::Starting) => Some("has not joined its consumer group yet".to_owned()),
        }
    }

    /// For metrics.
    pub fn snapshot(&self) -> Snapshot {
        let held = self.held();
        Snapshot {
            errors: held.errors.clone(),
            refusals: held.refusals,
            statistics: held.statistics.clone(),
            is_fatal: held.fatal.is_some(),
            is_topic_missing: matches!(held.flow, Flow::Stuck { trouble: Trouble::Missing, .. }),
        }
    }
}

/// What was reported so far.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// By librdkafka's name of the code, which is one of a few hundred.
    pub errors: BTreeMap<String, u64>,
    pub refusals: u64,
    pub statistics: Statistics,
    pub is_fatal: bool,
    pub is_topic_missing: bool,
}

/// As the code is called in librdkafka's Rust wrapper.
pub fn name_of(code: RDKafkaErrorCode) -> String {
    format!("{code:?}")
}

/// Errors that heal by themselves, such as those of a rebalance, are no trouble.
fn trouble_of(code: RDKafkaErrorCode) -> Option<Trouble> {
    use RDKafkaErrorCode as Code;
    match code {
        Code::AllBrokersDown | Code::BrokerTransportFailure | Code::Resolve | Code::OperationTimedOut => {
            Some(Trouble::Unreachable)
        }
        Code::Authentication
        | Code::SSL
        | Code::SaslAuthenticationFailed
        | Code::UnsupportedSASLMechanism
        | Code::IllegalSASLState
        | Code::TopicAuthorizationFailed
        | Code::GroupAuthorizationFailed
        | Code::ClusterAuthorizationFailed => Some(Trouble::Refused),
        Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition => Some(Trouble::Missing),
        Code::BadMessage | Code::MessageSizeTooLarge => Some(Trouble::Unusable),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use RDKafkaErrorCode as Code;

    fn reports() -> Reports {
        Reports::new("kafka", &[Secret::from("hunter2-secret"), Secret::from("abc")])
    }

    fn statistics(up: bool, steady: bool, end: i64) -> Vec<u8> {
        let (broker, group) = (if up { "UP" } else { "CONNECT" }, if steady { "steady" } else { "init" });
        format!(
            r#"{{"brokers":{{"b":{{"nodeid":1,"state":"{broker}","rtt":{{"avg":1500,"cnt":3}}}}}},"topics":{{"t":{{"partitions":{{
            "0":{{"partition":0,"fetchq_cnt":3,"fetchq_size":40,"lo_offset":0,"hi_offset":{end},"ls_offset":{end}}},
            "-1":{{"partition":-1,"fetchq_cnt":0,"fetchq_size":0,"lo_offset":-1001,"hi_offset":-1001,"ls_offset":-1001}}}}}}}},
            "cgrp":{{"state":"up","join_state":"{group}"}}}}"#
        )
        .into_bytes()
    }

    #[test]
    fn it_is_not_well_before_it_has_joined_and_a_reason_stays_until_data_flows() {
        let reports = reports();
        assert!(reports.why_not().unwrap().contains("not joined"));
        reports.joined();
        assert_eq!(reports.why_not(), None);
        reports.error(Code::TopicAuthorizationFailed, "Topic authorization failed");
        reports.joined();
        reports.statistics(&statistics(true, true, -1001));
        assert!(reports.why_not().unwrap().contains("authorization"), "nothing was fetched");
        reports.statistics(&statistics(true, true, 7));
        assert_eq!(reports.why_not(), None, "a fetch was answered");
        reports.error(Code::GroupAuthorizationFailed, "Group authorization failed");
        reports.flows();
        assert_eq!(reports.why_not(), None);
        assert_eq!(reports.snapshot().refusals, 2);
    }

    #[test]
    fn the_cause_of_no_broker_at_all_is_the_last_log_line_and_a_refusal_is_worth_more() {
        let reports = reports();
        reports.error(Code::AllBrokersDown, "1/1 brokers are down");
        assert_eq!(reports.why_not().as_deref(), Some(NO_CAUSE));
        reports.log(RDKafkaLogLevel::Error, "FAIL", "[thrd:x]: x/bootstrap: Connect to x failed: refused");
        reports.error(Code::AllBrokersDown, "1/1 brokers are down");
        assert_eq!(reports.why_not().as_deref(), Some("x/bootstrap: Connect to x failed: refused"));
        reports.error(Code::Authentication, "SASL authentication error: wrong password");
        reports.error(Code::AllBrokersDown, "1/1 brokers are down");
        assert!(reports.why_not().unwrap().contains("wrong password"));
        reports.statistics(&statistics(true, true, -1001));
        assert!(reports.why_not().is_some(), "no sign of data");
    }

    #[test]
    fn brokers_that_are_back_are_enough_where_nothing_was_refused() {
        let reports = reports();
        reports.joined();
        reports.error(Code::BrokerTransportFailure, "Connection refused");
        reports.statistics(&statistics(false, true, -1001));
        assert!(reports.why_not().is_some());
        for _ in 0..2 {
            reports.statistics(&statistics(true, true, -1001));
        }
        assert_eq!(reports.why_not(), None);
    }

    #[test]
    fn no_secret_and_no_control_character_is_shown() {
        let reports = reports();
        reports.error(Code::Authentication, "password hunter2-secret\n\u{1b}[31m of abc refused");
        let said = reports.why_not().unwrap();
        assert_eq!(said, "password ***  [31m of abc refused");
        assert!(reports.clean(&"x".repeat(10_000)).len() < 600);
    }

    #[test]
    fn noise_of_a_rebalance_is_counted_and_no_trouble() {
        let reports = reports();
        reports.joined();
        reports.error(Code::RebalanceInProgress, "Broker: Group rebalance in progress");
        assert_eq!(reports.why_not(), None);
        assert_eq!(reports.snapshot().errors["RebalanceInProgress"], 1);
    }

    #[test]
    fn what_has_failed_for_good_stays_so() {
        let reports = reports();
        reports.joined();
        reports.fatal("static member fenced");
        reports.flows();
        assert_eq!(reports.why_not().as_deref(), Some("static member fenced"));
        assert!(reports.snapshot().is_fatal);
    }

    #[test]
    fn numbers_are_read_and_unknown_ones_are_none() {
        let reports = reports();
        reports.statistics(&statistics(true, true, 9));
        let statistics = reports.snapshot().statistics;
        assert_eq!((statistics.brokers_up, statistics.round_trip_seconds), (1, 0.0015));
        let (at, one) = statistics.partitions.first_key_value().unwrap();
        assert_eq!((at.to_string().as_str(), one.queued_records, one.log_end), ("t/0", 3, Some(9)));
        assert_eq!(statistics.partitions.len(), 1, "the one without a number is librdkafka's own");
        reports.statistics(b"{no json");
    }
}
