//! One instance: a configuration and a state directory, and a daemon on them that is started, killed, stopped, frozen.

use std::fmt::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::proofs::daemon::{Address, Life};
use crate::proofs::scrape::{Kind, Reader, Sheet, look};

/// Who reads what.
#[derive(Debug, Clone)]
pub struct Setup {
    pub brokers: String,
    pub topic: String,
    pub group: String,
    /// A static member, which keeps its partitions through a restart.
    pub instance_id: Option<String>,
    pub consumers: usize,
    pub protocol: &'static str,
    pub properties: Vec<(&'static str, u64)>,
}

impl Setup {
    /// How soon a classic group gives up on a member that is silent.
    pub fn with_session(mut self, ms: u64) -> Setup {
        self.properties.extend([("session.timeout.ms", ms), ("heartbeat.interval.ms", ms / 4)]);
        self
    }

    /// How soon a member gives itself up that does not poll.
    pub fn with_poll_within(mut self, ms: u64) -> Setup {
        self.properties.push(("max.poll.interval.ms", ms));
        self
    }

    fn text(&self, state: &str) -> String {
        let mut text = "sources:\n  - name: logs\n    kafka:\n".to_owned();
        let mut add = |key: &str, value: &dyn std::fmt::Display| {
            writeln!(text, "      {key}: {value}").expect("memory");
        };
        add("brokers", &format_args!("'{}'", self.brokers));
        add("topics", &format_args!("[{}]", self.topic));
        add("group", &self.group);
        add("start", &"earliest");
        add("consumers", &self.consumers);
        add("protocol", &self.protocol);
        if let Some(id) = &self.instance_id {
            add("instance_id", id);
        }
        let properties = self.properties.iter().map(|(key, value)| format!("{key}: {value}"));
        let properties = properties.collect::<Vec<_>>().join(", ");
        add("librdkafka", &format_args!("{{{properties}}}"));
        write!(text, "state:\n  dir: '{state}'\n").expect("memory");
        text
    }
}

pub struct Instance {
    pub name: String,
    pub setup: Setup,
    dir: PathBuf,
    address: Address,
    life: Option<Life>,
    readers: Vec<Reader>,
    /// The last words of earlier lives.
    said: Vec<String>,
}

/// For a daemon that starts, on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(60);

impl Instance {
    /// `dir` is there and is its own.
    pub fn new(name: &str, setup: Setup, dir: PathBuf) -> Instance {
        Instance {
            name: name.to_owned(),
            setup,
            dir,
            address: Address::default(),
            life: None,
            readers: Vec::new(),
            said: Vec::new(),
        }
    }

    /// Somebody looks from here on, each 100 ms and through all lives.
    pub fn watched_by(&mut self, kind: Kind) {
        self.readers.push(Reader::start(&self.address, kind, Duration::from_millis(100)));
    }

    pub fn take_readers(&mut self) -> Vec<Reader> {
        std::mem::take(&mut self.readers)
    }

    pub fn state(&self) -> PathBuf {
        self.dir.join("state")
    }

    /// A new life, unless it lives.
    pub fn start(&mut self) {
        if self.life.is_none() {
            let file = self.dir.join("faultline.yaml");
            std::fs::write(&file, self.setup.text(self.state().to_str().unwrap())).unwrap();
            let args = ["--log.level", "debug", "--config.file", file.to_str().unwrap()].map(str::to_owned);
            self.life = Some(Life::start_at(&args, &self.address));
        }
    }

    pub fn life(&self) -> &Life {
        self.life.as_ref().expect("it runs")
    }

    fn end(&mut self) -> Option<Life> {
        let life = self.life.take()?;
        let said = life.said();
        self.said = said[said.len().saturating_sub(30)..].to_vec();
        Some(life)
    }

    /// kill -9, also of one that is frozen.
    pub fn kill(&mut self) {
        if let Some(life) = self.end() {
            life.kill();
        }
    }

    /// SIGTERM; how long it took. It leaves without complaint.
    pub fn stop(&mut self) -> Duration {
        self.life().address();
        self.end().expect("it runs").stop()
    }

    /// Waits for the end of one that was told to.
    pub fn leave(&mut self) {
        self.end().expect("it runs").leave();
    }

    /// SIGSTOP: it holds its connections and does nothing.
    pub fn freeze(&self) {
        self.life().signal("-STOP");
    }

    pub fn thaw(&self) {
        self.life().signal("-CONT");
    }

    /// What it exposes, if it does.
    pub fn sheet(&self) -> Option<Sheet> {
        Instance::look_at(&self.address)
    }

    /// Where it listens, in this life and in others, for those who look beside it.
    pub fn address(&self) -> Address {
        self.address.clone()
    }

    pub fn look_at(address: &Address) -> Option<Sheet> {
        look(&address.get()?).ok()
    }

    /// Looks until it is so.
    #[track_caller]
    pub fn wait_until(&self, what: &str, is_so: impl Fn(&Sheet) -> bool) -> Sheet {
        let begun = Instant::now();
        loop {
            let sheet = self.sheet();
            if let Some(sheet) = sheet.filter(&is_so) {
                return sheet;
            }
            assert!(begun.elapsed() < PATIENCE, "{} is not so: {what}\n{}", self.name, self.standing());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until this life has read something.
    pub fn wait_for_records(&self) {
        self.wait_until("it reads", |sheet| sheet.sum("faultline_kafka_records_total", "") > 0);
    }

    /// What it exposes of Kafka, and what it said.
    pub fn standing(&self) -> String {
        let mut text = format!("== {}\n", self.name);
        for (series, value) in self.sheet().iter().flat_map(|sheet| &sheet.series) {
            let is_told =
                ["faultline_kafka_", "faultline_lines_total"].iter().any(|name| series.starts_with(name));
            if is_told && *value != 0.0 {
                writeln!(text, "{series} {value}").expect("memory");
            }
        }
        let now = self.life.as_ref().map(Life::said).unwrap_or_default();
        for line in self.said.iter().chain(&now[now.len().saturating_sub(80)..]) {
            writeln!(text, "{line}").expect("memory");
        }
        text
    }
}
