//! Counters of the process's own life, with fixed labels; never of what was read, that is in the Delta.
//!
//! The only file that knows the `prometheus` crate. That crate finds a child of a vector by one hash over its joined
//! label values and never compares the values, so that `code="40",tenant="12"` and `code="401",tenant="2"` become one
//! series (a test below shows it). Here every value is one of a few that we wrote ourselves; what comes out of logs is
//! kept by [`crate::ledger`].

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus::proto::MetricType;
use prometheus::{Gauge, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

/// Who answered an HTTP request: the values of the label `handler`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handler {
    Metrics,
    Healthy,
    Ready,
    Landing,
    Reload,
    Quit,
    /// Nobody: the path is unknown.
    Other,
}

impl Handler {
    pub const ALL: [Handler; 7] = [
        Handler::Metrics,
        Handler::Healthy,
        Handler::Ready,
        Handler::Landing,
        Handler::Reload,
        Handler::Quit,
        Handler::Other,
    ];

    /// The path that it answers unless another was chosen, which the label does not show.
    pub fn name(self) -> &'static str {
        match self {
            Handler::Metrics => "/metrics",
            Handler::Healthy => "/-/healthy",
            Handler::Ready => "/-/ready",
            Handler::Landing => "/",
            Handler::Reload => "/-/reload",
            Handler::Quit => "/-/quit",
            Handler::Other => "other",
        }
    }

    /// Status codes that are counted from 0, so that the first is seen: all but those that say the request is a bad one.
    fn codes(self) -> &'static [&'static str] {
        match self {
            Handler::Metrics => &["200", "500"],
            Handler::Healthy | Handler::Landing => &["200"],
            Handler::Ready => &["200", "503"],
            Handler::Reload => &["200", "403", "500", "503"],
            Handler::Quit => &["200", "403"],
            Handler::Other => &["400", "404"],
        }
    }
}

/// Why the server closed a connection on its own: the values of the label `reason`. A timeout ends
/// whoever takes too long, an eviction makes room for the next client when there are too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    HeadTimeout,
    IdleTimeout,
    AnswerTimeout,
    HeadEvicted,
    IdleEvicted,
    AnswerEvicted,
    /// The last answer was given; the client did not close its side.
    Closing,
}

impl Closed {
    pub const ALL: [Closed; 7] = [
        Closed::HeadTimeout,
        Closed::IdleTimeout,
        Closed::AnswerTimeout,
        Closed::HeadEvicted,
        Closed::IdleEvicted,
        Closed::AnswerEvicted,
        Closed::Closing,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Closed::HeadTimeout => "head_timeout",
            Closed::IdleTimeout => "idle_timeout",
            Closed::AnswerTimeout => "answer_timeout",
            Closed::HeadEvicted => "head_evicted",
            Closed::IdleEvicted => "idle_evicted",
            Closed::AnswerEvicted => "answer_evicted",
            Closed::Closing => "closing",
        }
    }
}

#[derive(Debug)]
pub struct Telemetry {
    registry: Registry,
    http_requests: IntCounterVec,
    http_connections: IntGauge,
    http_connections_closed: IntCounterVec,
    http_accept_failures: IntCounter,
    ticks: IntCounter,
    reload_successful: IntGauge,
    reload_success_time: Gauge,
    ledger: LedgerTelemetry,
    collectors: Collectors,
}

/// Gives families of its own when asked, at a time in seconds since 1970.
pub type Collector = Box<dyn Fn(f64) -> Vec<Gathered> + Send + Sync>;

#[derive(Default)]
struct Collectors(Mutex<Vec<Collector>>);

impl std::fmt::Debug for Collectors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Collectors")
    }
}

impl Collectors {
    fn held(&self) -> MutexGuard<'_, Vec<Collector>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Families of one name are one family.
    fn gather_into(&self, families: &mut Vec<Gathered>) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let gathered: Vec<Gathered> = self.held().iter().flat_map(|collect| collect(now)).collect();
        for family in gathered {
            match families.iter_mut().find(|known| known.name == family.name) {
                Some(known) => known.samples.extend(family.samples),
                None => families.push(family),
            }
        }
        families.sort_by(|one, other| one.name.cmp(&other.name));
    }
}

/// How it goes with making counts durable.
#[derive(Debug)]
struct LedgerTelemetry {
    up: IntGauge,
    commits: IntCounter,
    errors: IntCounter,
    damaged: IntCounter,
    size: IntGauge,
    last_commit: Gauge,
}

impl LedgerTelemetry {
    fn new(registry: &Registry) -> LedgerTelemetry {
        let telemetry = LedgerTelemetry {
            up: IntGauge::new(
                "faultline_ledger_up",
                "0 while counts cannot be written to the state directory and those exposed stand still; else 1, also without one.",
            )
            .expect("name is legal"),
            commits: IntCounter::new(
                "faultline_ledger_commits_total",
                "Commits that were written to the state directory.",
            )
            .expect("name is legal"),
            errors: IntCounter::new(
                "faultline_ledger_errors_total",
                "Commits that could not be written to the state directory; their counts go into the next that can.",
            )
            .expect("name is legal"),
            damaged: IntCounter::new(
                "faultline_ledger_damaged_total",
                "Files of the state directory that were found damaged, or of a newer version, at the start.",
            )
            .expect("name is legal"),
            size: IntGauge::new(
                "faultline_ledger_size_bytes",
                "Length of the file in the state directory that is written to; 0 without one.",
            )
            .expect("name is legal"),
            last_commit: Gauge::new(
                "faultline_ledger_last_commit_timestamp_seconds",
                "When counts were last written to the state directory; 0 without one.",
            )
            .expect("name is legal"),
        };
        telemetry.up.set(1);
        registry.register(Box::new(telemetry.up.clone())).expect("registered once");
        registry.register(Box::new(telemetry.commits.clone())).expect("registered once");
        registry.register(Box::new(telemetry.errors.clone())).expect("registered once");
        registry.register(Box::new(telemetry.damaged.clone())).expect("registered once");
        registry.register(Box::new(telemetry.size.clone())).expect("registered once");
        registry.register(Box::new(telemetry.last_commit.clone())).expect("registered once");
        telemetry
    }
}

impl Telemetry {
    /// `version` and `commit` are what `faultline_build_info` says.
    pub fn new(version: &str, commit: &str) -> Telemetry {
        let build_info = IntGaugeVec::new(
            Opts::new("faultline_build_info", "Version and commit of this program; the value is 1."),
            &["version", "commit"],
        )
        .expect("name and labels are legal");
        build_info.with_label_values(&[version, commit]).set(1);
        let http_requests = IntCounterVec::new(
            Opts::new("faultline_http_requests_total", "HTTP requests answered, by handler and status code."),
            &["handler", "code"],
        )
        .expect("name and labels are legal");
        for handler in Handler::ALL {
            for code in handler.codes() {
                http_requests.with_label_values(&[handler.name(), code]);
            }
        }
        let http_connections =
            IntGauge::new("faultline_http_connections", "Open HTTP connections.").expect("name is legal");
        let http_connections_closed = IntCounterVec::new(
            Opts::new(
                "faultline_http_connections_closed_total",
                "HTTP connections that the server closed on its own, by reason.",
            ),
            &["reason"],
        )
        .expect("name and label are legal");
        for reason in Closed::ALL {
            http_connections_closed.with_label_values(&[reason.name()]);
        }
        let http_accept_failures = IntCounter::new(
            "faultline_http_accept_failures_total",
            "HTTP connections that could not be accepted, for want of file descriptors mostly.",
        )
        .expect("name is legal");
        let ticks = IntCounter::new("faultline_ticks_total", "Deltas that workers handed to the ledger.")
            .expect("name is legal");
        let reload_successful = IntGauge::new(
            "faultline_config_last_reload_successful",
            "1 when the last load of configuration and rules succeeded, else 0; the start was one.",
        )
        .expect("name is legal");
        reload_successful.set(1);
        let reload_success_time = Gauge::new(
            "faultline_config_last_reload_success_timestamp_seconds",
            "When configuration and rules were last loaded with success.",
        )
        .expect("name is legal");
        let registry = Registry::new();
        registry.register(Box::new(build_info)).expect("registered once");
        registry.register(Box::new(http_requests.clone())).expect("registered once");
        registry.register(Box::new(http_connections.clone())).expect("registered once");
        registry.register(Box::new(http_connections_closed.clone())).expect("registered once");
        registry.register(Box::new(http_accept_failures.clone())).expect("registered once");
        registry.register(Box::new(ticks.clone())).expect("registered once");
        registry.register(Box::new(reload_successful.clone())).expect("registered once");
        registry.register(Box::new(reload_success_time.clone())).expect("registered once");
        #[cfg(target_os = "linux")]
        registry
            .register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))
            .expect("registered once");
        Telemetry {
            ledger: LedgerTelemetry::new(&registry),
            registry,
            http_requests,
            http_connections,
            http_connections_closed,
            http_accept_failures,
            ticks,
            reload_successful,
            reload_success_time,
            collectors: Collectors::default(),
        }
    }

    /// A part of the program with families of its own, whose names nobody else has.
    pub fn add_collector(&self, collector: Collector) {
        self.collectors.held().push(collector);
    }

    /// Of this build.
    pub fn of_this_build() -> Telemetry {
        Telemetry::new(env!("CARGO_PKG_VERSION"), env!("FAULTLINE_COMMIT"))
    }

    /// A request was answered with an HTTP status.
    pub fn request(&self, handler: Handler, status: u16) {
        self.http_requests.with_label_values(&[handler.name(), &status.to_string()]).inc();
    }

    /// So many connections are open.
    pub fn connections(&self, open: usize) {
        self.http_connections.set(i64::try_from(open).unwrap_or(i64::MAX));
    }

    /// The server closed a connection.
    pub fn connection_closed(&self, reason: Closed) {
        self.http_connections_closed.with_label_values(&[reason.name()]).inc();
    }

    /// A connection could not be accepted.
    pub fn accept_failed(&self) {
        self.http_accept_failures.inc();
    }

    /// A worker handed over a delta.
    pub fn tick(&self) {
        self.ticks.inc();
    }

    /// Configuration and rules were loaded and are in effect; `at` is the time since 1970.
    pub fn load_succeeded(&self, at: Duration) {
        self.reload_successful.set(1);
        self.reload_success_time.set(at.as_secs_f64());
    }

    /// They could not be loaded; what was in effect still is.
    pub fn load_failed(&self) {
        self.reload_successful.set(0);
    }

    /// A commit is durable in a file of so many bytes; `at` in milliseconds since 1970.
    pub fn ledger_committed(&self, bytes: u64, at: i64) {
        self.ledger.up.set(1);
        self.ledger.commits.inc();
        self.ledger.size.set(i64::try_from(bytes).unwrap_or(i64::MAX));
        self.ledger.last_commit.set(at as f64 / 1_000.0);
    }

    /// A commit could not be written.
    pub fn ledger_failed(&self) {
        self.ledger.up.set(0);
        self.ledger.errors.inc();
    }

    /// So many files were damaged at the start.
    pub fn ledger_damaged(&self, files: usize) {
        self.ledger.damaged.inc_by(files as u64);
    }

    /// All of it, families sorted by name, series by their labels. Reads `/proc/self`. The crate can write the text format
    /// 0.0.4 only, so that writing is left to whoever knows the formats.
    pub fn gather(&self) -> Vec<Gathered> {
        let mut families = self.registry.gather().iter().map(Gathered::of).collect();
        self.collectors.gather_into(&mut families);
        families
    }
}

/// A family of counters or of gauges, at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Gathered {
    /// A counter's ends in `_total`.
    pub name: String,
    pub help: String,
    pub is_counter: bool,
    /// Names and values of the labels, not escaped, and the number.
    pub samples: Vec<(Vec<(String, String)>, f64)>,
}

impl Gathered {
    fn of(family: &prometheus::proto::MetricFamily) -> Gathered {
        let is_counter = match family.get_field_type() {
            MetricType::COUNTER => true,
            MetricType::GAUGE => false,
            other => unreachable!("{other:?} is registered nowhere in this file"),
        };
        let samples = family.get_metric().iter().map(|metric| {
            let labels = metric.get_label().iter();
            let labels = labels.map(|pair| (pair.name().to_owned(), pair.value().to_owned()));
            let value =
                if is_counter { metric.get_counter().get_value() } else { metric.get_gauge().get_value() };
            (labels.collect(), value)
        });
        Gathered {
            name: family.name().to_owned(),
            help: family.help().to_owned(),
            is_counter,
            samples: samples.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined_value(labels: [&str; 2], sets: [[&str; 2]; 2]) -> (u64, u64) {
        let counters = IntCounterVec::new(Opts::new("c_total", "help"), &labels).unwrap();
        counters.with_label_values(&sets[0]).inc();
        counters.with_label_values(&sets[1]).inc_by(10);
        (counters.with_label_values(&sets[0]).get(), counters.with_label_values(&sets[1]).get())
    }

    #[test]
    fn what_we_may_answer_for_our_own_fault_is_counted_from_0() {
        let requests = Telemetry::new("1", "x").gather().into_iter();
        let requests = requests.filter(|f| f.name == "faultline_http_requests_total").flat_map(|f| f.samples);
        let known: Vec<String> = requests
            .filter(|(_, count)| *count == 0.0)
            .map(|(labels, _)| labels.into_iter().map(|(_, value)| value).collect::<Vec<_>>().join(" "))
            .collect();
        for wanted in ["500 /metrics", "503 /-/ready", "500 /-/reload"] {
            assert!(known.iter().any(|one| one == wanted), "{wanted} is not in {known:?}");
        }
    }

    /// Why errors and tenants are not kept by this crate. Should a newer version of it turn this test red, the crate
    /// has become exact, and the reason to keep our own store is its speed alone.
    #[test]
    fn the_prometheus_crate_merges_label_sets_whose_joined_values_are_equal() {
        assert_eq!(joined_value(["code", "tenant"], [["40", "12"], ["401", "2"]]), (11, 11));
        assert_eq!(joined_value(["code", "tenant"], [["40", "12"], ["40", "2"]]), (1, 10));
    }

    #[test]
    fn the_prometheus_crate_merges_values_with_equal_fnv_hashes() {
        assert_eq!(joined_value(["code", "tenant"], [["77kepQFQ8Kl", ""], ["!0IC=VloaY", ""]]), (11, 11));
    }

    #[test]
    fn handlers_and_status_codes_stay_apart() {
        let telemetry = Telemetry::new("1", "c");
        let statuses = [200, 404, 405, 503];
        let cases: Vec<_> = Handler::ALL.into_iter().flat_map(|h| statuses.map(|s| (h, s))).collect();
        for (times, (handler, status)) in cases.iter().enumerate() {
            (0..times).for_each(|_| telemetry.request(*handler, *status));
        }
        let families = telemetry.gather();
        let requests = families.iter().find(|family| family.name == "faultline_http_requests_total").unwrap();
        for (times, (handler, status)) in cases.iter().enumerate().skip(1) {
            let labels = [("code", status.to_string()), ("handler", handler.name().to_owned())];
            let sample = (labels.map(|(name, value)| (name.to_owned(), value)).to_vec(), times as f64);
            assert!(requests.samples.contains(&sample), "{sample:?} in {requests:?}");
        }
    }

    #[test]
    fn a_failed_load_leaves_the_time_of_the_last_good_one() {
        let telemetry = Telemetry::new("1", "c");
        let said = || {
            let families = telemetry.gather();
            let value = |name: &str| families.iter().find(|family| family.name == name).unwrap().samples[0].1;
            [
                value("faultline_config_last_reload_successful"),
                value("faultline_config_last_reload_success_timestamp_seconds"),
            ]
        };
        assert_eq!(said(), [1.0, 0.0]);
        telemetry.load_succeeded(Duration::from_millis(1_763_630_043_117));
        assert_eq!(said(), [1.0, 1_763_630_043.117]);
        telemetry.load_failed();
        assert_eq!(said(), [0.0, 1_763_630_043.117]);
        telemetry.load_succeeded(Duration::from_secs(1_763_630_100));
        assert_eq!(said(), [1.0, 1_763_630_100.0]);
    }

    #[test]
    fn build_and_process_are_told() {
        let telemetry = Telemetry::new("1.2.3", "abc");
        telemetry.tick();
        let families = telemetry.gather();
        let family = |name: &str| families.iter().find(|family| family.name == name).expect(name);
        let build = [("commit", "abc"), ("version", "1.2.3")].map(|(n, v)| (n.to_owned(), v.to_owned()));
        assert_eq!(family("faultline_build_info").samples, [(build.to_vec(), 1.0)]);
        assert_eq!(family("faultline_ticks_total").samples, [(vec![], 1.0)]);
        assert!(family("faultline_ticks_total").is_counter && !family("faultline_build_info").is_counter);
        #[cfg(target_os = "linux")]
        assert!(family("process_resident_memory_bytes").samples[0].1 > 0.0);
    }
}
