//! The daemon on Kafka as operators meet it: a configuration file in; `/metrics`, `/-/ready` and stderr out.
//!
//! `mocked` needs no Kafka. The others use the shared node, with topics and groups of their own, or one that they may stop.
//! Whatever is waited for is waited for by looking, at most [`PATIENCE`]. Everything runs with the log level `debug`, so
//! that what is said of a failure is much, and what must not be said has every chance to be.

mod mocked;
mod topics;
mod payloads;
mod tenants;
mod streams;
mod damaged;
mod papers;
mod refused;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::cli::process;
use crate::kafka::noted::Counts;
use crate::proofs::daemon::{Address, Life};
use crate::proofs::scrape::{self, Sheet};

const PATIENCE: Duration = Duration::from_secs(60);

/// A `kafka` source of a configuration file. Groups are called as the first topic is, if nothing else is said.
#[derive(Debug, Clone)]
struct Source {
    name: String,
    brokers: String,
    topics: Vec<String>,
    group: String,
    settings: Vec<String>,
    properties: BTreeMap<String, String>,
}

impl Source {
    /// With a client that tells and asks often.
    fn new(brokers: &str, topic: &str) -> Source {
        let quick = [
            ("statistics.interval.ms", "300"),
            ("topic.metadata.refresh.interval.ms", "1000"),
            ("session.timeout.ms", "6000"),
            ("heartbeat.interval.ms", "500"),
            ("reconnect.backoff.max.ms", "500"),
        ];
        Source {
            name: "kafka".to_owned(),
            brokers: brokers.to_owned(),
            topics: vec![topic.to_owned()],
            group: topic.trim_start_matches('^').to_owned(),
            settings: Vec::new(),
            properties: quick.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        }
    }

    fn name(mut self, name: &str) -> Source {
        name.clone_into(&mut self.name);
        self
    }

    fn topic(mut self, topic: &str) -> Source {
        self.topics.push(topic.to_owned());
        self
    }

    fn group(mut self, group: &str) -> Source {
        group.clone_into(&mut self.group);
        self
    }

    /// A line below `kafka`, such as `framing: newline`.
    fn with(mut self, line: &str) -> Source {
        self.settings.push(line.to_owned());
        self
    }

    /// A property of the client.
    fn set(mut self, key: &str, value: &str) -> Source {
        self.properties.insert(key.to_owned(), value.to_owned());
        self
    }

    /// An entry of `sources`.
    fn yaml(&self) -> String {
        let quoted = |texts: &[String]| format!("{texts:?}");
        let mut text = format!("  - name: {:?}\n    kafka:\n      brokers: {:?}\n", self.name, self.brokers);
        writeln!(text, "      topics: {}", quoted(&self.topics)).expect("memory");
        writeln!(text, "      group: {:?}", self.group).expect("memory");
        for line in &self.settings {
            writeln!(text, "      {line}").expect("memory");
        }
        text.push_str("      librdkafka:\n");
        for (key, value) in &self.properties {
            writeln!(text, "        {key}: {value:?}").expect("memory");
        }
        text
    }
}

/// A configuration file and a state directory: daemons that are started here one after the other are one instance.
struct Ground {
    root: tempfile::TempDir,
}

impl Ground {
    fn new() -> Ground {
        Ground { root: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().expect("made of text").to_owned()
    }

    fn args(&self, sources: &[Source]) -> Vec<String> {
        let yaml: String = sources.iter().map(Source::yaml).collect();
        std::fs::write(self.path("faultline.yaml"), format!("sources:\n{yaml}")).unwrap();
        let (config, state) = (self.text("faultline.yaml"), self.text("state"));
        ["--config.file", &config, "--state.dir", &state, "--log.level", "debug"].map(str::to_owned).to_vec()
    }

    /// Waits until it listens.
    fn start(&self, source: &Source) -> Daemon {
        self.start_with(&self.args(std::slice::from_ref(source)))
    }

    fn start_with(&self, args: &[String]) -> Daemon {
        let life = Life::start_at(args, &Address::default());
        let address = life.address();
        Daemon { life, address }
    }

    /// One that leaves by itself: its status and what it said.
    fn ends(&self, sources: &[Source], more: &[&str]) -> (i32, String) {
        let args = self.args(sources);
        let mut all = vec!["run", "--web.listen-address", "127.0.0.1:0"];
        all.extend(args.iter().map(String::as_str));
        all.extend(more);
        let mut child = process::command(&all).stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        let begun = Instant::now();
        while child.try_wait().unwrap().is_none() {
            if begun.elapsed() > PATIENCE {
                child.kill().unwrap();
                let said = process::stderr(&child.wait_with_output().unwrap());
                panic!("it does not leave by itself: {said}");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let output = child.wait_with_output().unwrap();
        (output.status.code().expect("not by a signal"), process::stderr(&output))
    }
}

/// One that runs.
struct Daemon {
    life: Life,
    address: String,
}

impl Daemon {
    fn sheet(&self) -> Sheet {
        scrape::sheet(&self.address)
    }

    fn page(&self, path: &str) -> (u16, String) {
        scrape::ask(&self.address, path, "").unwrap()
    }

    /// Why it is not ready, if it is not.
    fn why_not(&self) -> Option<String> {
        let (status, text) = self.page("/-/ready");
        (status != 200).then_some(text)
    }

    /// Looks until it is so.
    #[track_caller]
    fn wait(&self, what: &str, is_so: impl Fn(&Sheet) -> bool) -> Sheet {
        let until = Instant::now() + PATIENCE;
        loop {
            let seen = self.sheet();
            if is_so(&seen) {
                return seen;
            }
            if Instant::now() >= until {
                let is_told = |name: &str| name.starts_with("faultline_kafka_") || name.contains("_lines_");
                let told = seen.series.iter().filter(|(name, value)| is_told(name) && **value != 0.0);
                let told: BTreeMap<_, _> = told.collect();
                panic!("not so: {what}\n{:?}\n{told:#?}", self.why_not());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    #[track_caller]
    fn wait_until_ready(&self) {
        let begun = Instant::now();
        while let Some(why) = self.why_not() {
            assert!(begun.elapsed() < PATIENCE, "{why}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Looks until it is not ready and says so with each of these parts; it serves meanwhile.
    #[track_caller]
    fn wait_for_reason(&self, parts: &[&str]) -> String {
        let begun = Instant::now();
        loop {
            let why = self.why_not();
            if let Some(why) = why.as_ref().filter(|why| parts.iter().all(|part| why.contains(part))) {
                assert_eq!(self.page("/-/healthy").0, 200);
                return why.clone();
            }
            assert!(begun.elapsed() < PATIENCE, "it should say {parts:?}: {why:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Looks until it has so many partitions and knows where each one is begun.
    #[track_caller]
    fn wait_until_assigned(&self, partitions: usize) -> Sheet {
        self.wait(&format!("{partitions} partitions are assigned"), |sheet| {
            let assigned = sheet.sum("faultline_kafka_assigned_partitions", "");
            assigned == partitions as u64 && series(sheet, "faultline_kafka_position") == partitions
        })
    }

    /// Looks until all was read and is shown, then sees that it is what was noted: by code, by tenant and in all.
    #[track_caller]
    fn counted(&self, counts: &Counts) -> Sheet {
        let sheet = self.wait(&format!("{} lines are counted, no lag", counts.lines), |sheet| {
            sheet.sum("faultline_lines_total", "") >= counts.lines && is_quiet(sheet)
        });
        assert_eq!(sheet.sum("faultline_lines_total", ""), counts.lines);
        assert_eq!(sheet.by("faultline_errors_total", "code"), counts.codes());
        assert_eq!(sheet.by("faultline_tenant_errors_total", "tenant"), counts.tenants());
        sheet
    }

    /// None of these is anywhere in what it says or shows.
    #[track_caller]
    fn assert_tells_none_of(&self, secrets: &[&str]) {
        let mut told = self.life.said();
        told.extend(["/metrics", "/-/ready", "/"].map(|path| self.page(path).1));
        for (text, secret) in told.iter().flat_map(|text| secrets.iter().map(move |secret| (text, secret))) {
            assert!(!text.contains(secret), "{secret} is told: {text}");
        }
    }

    /// SIGTERM; how long it took to leave.
    fn stop(self) -> Duration {
        self.life.stop()
    }
}

fn series(sheet: &Sheet, name: &str) -> usize {
    let of = |series: &&String| series.strip_prefix(name).is_some_and(|rest| rest.starts_with('{'));
    sheet.series.keys().filter(of).count()
}

/// The ends of all its partitions are known and reached, and the group has taken it.
fn is_quiet(sheet: &Sheet) -> bool {
    let known = series(sheet, "faultline_kafka_lag_records");
    known > 0
        && known == series(sheet, "faultline_kafka_position")
        && sheet.sum("faultline_kafka_lag_records", "") == 0
        && sheet.sum("faultline_kafka_pending_records", "") == 0
}

fn both(one: &Counts, other: &Counts) -> Counts {
    let mut sum = one.clone();
    sum.add(other);
    sum
}
