//! Counters of the process's own life, with fixed labels; never of what was read, that is in the Delta.
//!
//! The only file that knows the `prometheus` crate. That crate finds a child of a vector by one hash over its joined
//! label values and never compares the values, so that `code="40",tenant="12"` and `code="401",tenant="2"` become one
//! series (a test below shows it). Here every value is one of a few that we wrote ourselves; what comes out of logs is
//! kept by [`crate::ledger`].

use prometheus::proto::MetricType;
use prometheus::{IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry};

/// Who answered an HTTP request: the values of the label `handler`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handler {
    Metrics,
    Healthy,
    Ready,
    Landing,
    /// Nobody: the path is unknown.
    Other,
}

impl Handler {
    pub const ALL: [Handler; 5] =
        [Handler::Metrics, Handler::Healthy, Handler::Ready, Handler::Landing, Handler::Other];

    pub fn name(self) -> &'static str {
        match self {
            Handler::Metrics => "/metrics",
            Handler::Healthy => "/-/healthy",
            Handler::Ready => "/-/ready",
            Handler::Landing => "/",
            Handler::Other => "other",
        }
    }
}

#[derive(Debug)]
pub struct Telemetry {
    registry: Registry,
    http_requests: IntCounterVec,
    ticks: IntCounter,
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
            let code = if handler == Handler::Other { "404" } else { "200" };
            http_requests.with_label_values(&[handler.name(), code]);
        }
        let ticks = IntCounter::new("faultline_ticks_total", "Deltas that workers handed to the ledger.")
            .expect("name is legal");
        let registry = Registry::new();
        registry.register(Box::new(build_info)).expect("registered once");
        registry.register(Box::new(http_requests.clone())).expect("registered once");
        registry.register(Box::new(ticks.clone())).expect("registered once");
        #[cfg(target_os = "linux")]
        registry
            .register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))
            .expect("registered once");
        Telemetry { registry, http_requests, ticks }
    }

    /// Of this build.
    pub fn of_this_build() -> Telemetry {
        Telemetry::new(env!("CARGO_PKG_VERSION"), env!("FAULTLINE_COMMIT"))
    }

    /// A request was answered with an HTTP status.
    pub fn request(&self, handler: Handler, status: u16) {
        self.http_requests.with_label_values(&[handler.name(), &status.to_string()]).inc();
    }

    /// A worker handed over a delta.
    pub fn tick(&self) {
        self.ticks.inc();
    }

    /// All of it, families sorted by name, series by their labels. Reads `/proc/self`. The crate can write the text format
    /// 0.0.4 only, so that writing is left to whoever knows the formats.
    pub fn gather(&self) -> Vec<Gathered> {
        self.registry.gather().iter().map(Gathered::of).collect()
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
