//! Counters of the process's own life, with fixed labels; never of what was read, that is in the Delta.
//!
//! The only file that knows the `prometheus` crate. That crate finds a child of a vector by one hash over its joined
//! label values and never compares the values, so that `code="40",tenant="12"` and `code="401",tenant="2"` become one
//! series (a test below shows it). Here every value is one of a few that we wrote ourselves; what comes out of logs is
//! kept by [`crate::ledger`].

use std::time::Duration;

use prometheus::{Gauge, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder};

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
}

#[derive(Debug)]
pub struct Telemetry {
    registry: Registry,
    http_requests: IntCounterVec,
    ticks: IntCounter,
    reload_successful: IntGauge,
    reload_success_time: Gauge,
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
        registry.register(Box::new(ticks.clone())).expect("registered once");
        registry.register(Box::new(reload_successful.clone())).expect("registered once");
        registry.register(Box::new(reload_success_time.clone())).expect("registered once");
        #[cfg(target_os = "linux")]
        registry
            .register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))
            .expect("registered once");
        Telemetry { registry, http_requests, ticks, reload_successful, reload_success_time }
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

    /// Configuration and rules were loaded and are in effect; `at` is the time since 1970.
    pub fn load_succeeded(&self, at: Duration) {
        self.reload_successful.set(1);
        self.reload_success_time.set(at.as_secs_f64());
    }

    /// They could not be loaded; what was in effect still is.
    pub fn load_failed(&self) {
        self.reload_successful.set(0);
    }

    /// Appends all of it in the text format 0.0.4, families sorted by name. Reads `/proc/self`.
    pub fn encode(&self, text: &mut String) {
        TextEncoder::new()
            .encode_utf8(&self.registry.gather(), text)
            .expect("only counters and gauges with samples are registered, and a String takes any text");
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
        let mut text = String::new();
        telemetry.encode(&mut text);
        for (times, (handler, status)) in cases.iter().enumerate().skip(1) {
            let line = format!(
                "faultline_http_requests_total{{code=\"{status}\",handler=\"{}\"}} {times}\n",
                handler.name()
            );
            assert!(text.contains(&line), "{line} in {text}");
        }
    }

    #[test]
    fn a_failed_load_leaves_the_time_of_the_last_good_one() {
        let telemetry = Telemetry::new("1", "c");
        let said = || {
            let mut text = String::new();
            telemetry.encode(&mut text);
            let value = |name: &str| {
                let line = text.lines().find(|line| line.starts_with(&format!("{name} ")));
                line.and_then(|line| line.split(' ').nth(1)).map(str::to_owned)
            };
            [
                value("faultline_config_last_reload_successful"),
                value("faultline_config_last_reload_success_timestamp_seconds"),
            ]
        };
        let is = |flag: &str, time: &str| [Some(flag.to_owned()), Some(time.to_owned())];
        assert_eq!(said(), is("1", "0"));
        telemetry.load_succeeded(Duration::from_millis(1_763_630_043_117));
        assert_eq!(said(), is("1", "1763630043.117"));
        telemetry.load_failed();
        assert_eq!(said(), is("0", "1763630043.117"));
        telemetry.load_succeeded(Duration::from_secs(1_763_630_100));
        assert_eq!(said(), is("1", "1763630100"));
    }

    #[test]
    fn build_and_process_are_told() {
        let telemetry = Telemetry::new("1.2.3", "abc");
        telemetry.tick();
        let mut text = String::new();
        telemetry.encode(&mut text);
        assert!(text.contains("faultline_build_info{commit=\"abc\",version=\"1.2.3\"} 1\n"), "{text}");
        assert!(text.contains("\nfaultline_ticks_total 1\n"), "{text}");
        #[cfg(target_os = "linux")]
        assert!(text.contains("\nprocess_resident_memory_bytes "), "{text}");
    }
}
