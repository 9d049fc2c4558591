//! Configuration in three stages: text → `Raw` (serde, unknown fields refused) → [`Settings`] (checked, no I/O) → built
//! parts. Everything has a default, so that no file is needed; flags override what the file says.
//!
//! `raw` is the text's shape, `check` turns it into settings and reports every error at once, `units` reads sizes,
//! durations and addresses; `read` opens files, `include` follows them to a whole configuration and `build` makes the
//! engine. `changes` tells what a reload can put into effect, `print` writes settings as the text that gives them. The
//! documented file is `deploy/faultline.yaml`.

mod raw;
mod files;
mod check;
mod units;
pub mod read;
pub mod include;
mod build;
mod changes;
mod print;
mod quick;
mod redact;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::ledger::Exposure;
use crate::source::kafka;

pub use crate::source::kafka::{Secret, Start as KafkaStart};
pub use build::{Refused, build_engine, catalogue_info, load, load_again, load_rules, read_rules};
pub use changes::Changes;
pub use check::parse;
pub use files::{FilesSetting, ROTATE_WAIT, Start, check_glob};
pub use print::print;
pub use quick::KafkaFlags;
pub use units::{ListenAddress, parse_duration, parse_telemetry_path};

/// Where `/metrics` is served unless something else is said.
pub const LISTEN_ADDRESS: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 10510);

/// Path of the metrics unless something else is said.
pub const TELEMETRY_PATH: &str = "/metrics";

/// How often a worker hands over what it counted.
pub const TICK_INTERVAL: Duration = Duration::from_secs(1);

/// Everything that can be set, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub log: Log,
    pub web: Web,
    /// Empty: standard input.
    pub sources: Vec<SourceSetting>,
    pub state: State,
    /// What scrapers see before the first error.
    pub metrics: Exposure,
    pub limits: Limits,
    pub rules: Rules,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Log {
    pub level: LogLevel,
    pub format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    Debug,
    Info,
    Warn,
    Error,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Web {
    pub listen_addresses: Vec<ListenAddress>,
    /// Where the metrics are.
    pub telemetry_path: String,
    /// `POST /-/reload` and `POST /-/quit` do what they say.
    pub enable_lifecycle: bool,
    /// OpenMetrics says when each counter began.
    pub openmetrics_created: bool,
    /// How long to go on serving after the end of all input.
    pub linger: Duration,
}

/// One thing to read. `name` is the value of the metric label `source`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceSetting {
    pub name: String,
    pub from: SourceFrom,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceFrom {
    Stdin,
    Files(FilesSetting),
    Kafka(Box<kafka::Setting>),
}

impl SourceSetting {
    pub fn stdin() -> SourceSetting {
        SourceSetting { name: "stdin".to_owned(), from: SourceFrom::Stdin }
    }

    /// A path or glob; `-` is standard input, as everywhere.
    pub fn of_path(path: PathBuf) -> SourceSetting {
        if path.as_os_str() == "-" {
            return SourceSetting::stdin();
        }
        let name = path.to_string_lossy().into_owned();
        SourceSetting { name, from: SourceFrom::Files(FilesSetting::of_glob(path)) }
    }

    /// Its name does not depend on the group, so that counts stay what they are where a group is given another name.
    pub fn kafka(setting: kafka::Setting) -> SourceSetting {
        SourceSetting { name: "kafka".to_owned(), from: SourceFrom::Kafka(Box::new(setting)) }
    }

    /// Certainly reads something that the other reads, as far as their words go.
    pub fn shares_input(&self, other: &SourceSetting) -> bool {
        match (&self.from, &other.from) {
            (SourceFrom::Stdin, SourceFrom::Stdin) => true,
            (SourceFrom::Files(one), SourceFrom::Files(other)) => {
                one.include.iter().any(|glob| other.include.contains(glob))
            }
            (SourceFrom::Kafka(one), SourceFrom::Kafka(other)) => one.shares_topic(other),
            _ => false,
        }
    }

    /// Is of the same group as the other, as far as their words go.
    pub fn shares_group(&self, other: &SourceSetting) -> bool {
        match (&self.from, &other.from) {
            (SourceFrom::Kafka(one), SourceFrom::Kafka(other)) => {
                one.group == other.group && one.shares_broker(other)
            }
            _ => false,
        }
    }
}

/// Where counts and positions outlive the process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// `None`: nowhere.
    pub dir: Option<PathBuf>,
}

/// Bounds. Each has a counter for the times it was hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a line, or of lines joined to one event, that are looked at.
    pub line_bytes_max: usize,
    /// Lines that are joined to one event, such as a stack trace.
    pub event_lines_max: usize,
    /// Tenants with series of their own.
    pub tenants_max: usize,
    /// Series of each metric.
    pub series_max: usize,
    /// Values of the label `source`.
    pub sources_max: usize,
    /// Files that are held open at a time.
    pub open_files_max: usize,
    /// How many times its size a compressed input may unpack to, past the first 256 MiB.
    pub expansion_ratio_max: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// Directories of rule files that add to the built-in packs or replace them.
    pub dirs: Vec<PathBuf>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            log: Log { level: LogLevel::Info, format: LogFormat::Text },
            web: Web {
                listen_addresses: vec![LISTEN_ADDRESS.into()],
                telemetry_path: TELEMETRY_PATH.to_owned(),
                enable_lifecycle: false,
                openmetrics_created: false,
                linger: Duration::ZERO,
            },
            sources: Vec::new(),
            state: State::default(),
            metrics: Exposure::default(),
            limits: Limits {
                line_bytes_max: 1024 * 1024,
                event_lines_max: 512,
                tenants_max: 1_000,
                series_max: 10_000,
                sources_max: 1_000,
                open_files_max: 512,
                expansion_ratio_max: 250,
            },
            rules: Rules::default(),
        }
    }
}

/// What the command line says; everything it says beats the file.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    pub config_file: Option<PathBuf>,
    pub log_level: Option<LogLevel>,
    pub log_format: Option<LogFormat>,
    pub listen_addresses: Vec<ListenAddress>,
    pub telemetry_path: Option<String>,
    pub enable_lifecycle: Option<bool>,
    pub openmetrics_created: Option<bool>,
    pub linger: Option<Duration>,
    /// Globs, or `-`.
    pub inputs: Vec<PathBuf>,
    pub start: Option<Start>,
    /// A Kafka source in place of those of the file, as inputs are.
    pub kafka_source: Option<kafka::Setting>,
    /// Of all Kafka sources.
    pub kafka_start: Option<KafkaStart>,
    pub require_broker: bool,
    pub state_dir: Option<PathBuf>,
    /// What the service manager set aside; the file beats it.
    pub state_dir_offered: Option<PathBuf>,
    pub rules_dirs: Vec<PathBuf>,
}

impl Settings {
    pub fn overridden_by(mut self, flags: &Flags) -> Settings {
        self.log.level = flags.log_level.unwrap_or(self.log.level);
        self.log.format = flags.log_format.unwrap_or(self.log.format);
        self.web.telemetry_path = flags.telemetry_path.clone().unwrap_or(self.web.telemetry_path);
        self.web.enable_lifecycle = flags.enable_lifecycle.unwrap_or(self.web.enable_lifecycle);
        self.web.openmetrics_created = flags.openmetrics_created.unwrap_or(self.web.openmetrics_created);
        self.web.linger = flags.linger.unwrap_or(self.web.linger);
        if !flags.listen_addresses.is_empty() {
            self.web.listen_addresses = flags.listen_addresses.clone();
        }
        if !flags.inputs.is_empty() || flags.kafka_source.is_some() {
            self.sources = flags.inputs.iter().cloned().map(SourceSetting::of_path).collect();
            self.sources.extend(flags.kafka_source.clone().map(SourceSetting::kafka));
        }
        for source in &mut self.sources {
            match &mut source.from {
                SourceFrom::Stdin => {}
                SourceFrom::Files(files) => files.start = flags.start.unwrap_or(files.start),
                SourceFrom::Kafka(kafka) => {
                    kafka.start = flags.kafka_start.unwrap_or(kafka.start);
                    kafka.require_broker |= flags.require_broker;
                }
            }
        }
        let asked = flags.state_dir.clone().or(self.state.dir);
        self.state.dir = asked.or_else(|| flags.state_dir_offered.clone());
        if !flags.rules_dirs.is_empty() {
            self.rules.dirs = flags.rules_dirs.clone();
        }
        self
    }

    /// What to read and where to keep state, wherever the program goes on: paths that are not absolute begin at `dir`.
    pub fn seen_from(mut self, dir: &Path) -> Settings {
        for source in &mut self.sources {
            match &mut source.from {
                SourceFrom::Stdin => {}
                SourceFrom::Files(files) => *files = files.clone().seen_from(dir),
                SourceFrom::Kafka(kafka) => **kafka = (**kafka).clone().seen_from(dir),
            }
        }
        self.state.dir = self.state.dir.map(|path| dir.join(path));
        self
    }
}
