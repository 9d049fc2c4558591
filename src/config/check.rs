//! `Raw` → [`Settings`]: every value checked, every error reported with its place. No file is opened here.
//!
//! A text is applied onto settings: what it does not say stays as it is, which is how included files add up.

mod sources;
mod kafka;
mod security;

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use super::include::Places;
use super::raw::{
    Raw, RawFormat, RawLevel, RawLimits, RawLog, RawMetrics, RawPreinit, RawState, RawWeb, RawZeroFirst,
};
use super::{Limits, Log, LogFormat, LogLevel, Rules, Settings, State, Web, redact, units};
use crate::catalogue::diagnostic::{Diagnostic, Diagnostics, Locator, Step, quoted, read_yaml, says_nothing};
use crate::ledger::{Exposure, Preinit, ZeroFirst};

/// The settings of a configuration text, or all that is wrong with it. `name` stands in the findings; what the text
/// includes is not looked at, and paths stay as they are written.
pub fn parse(name: &str, text: &str) -> Result<Settings, Diagnostics> {
    let mut settings = Settings::default();
    let mut findings = match shape(name, text) {
        Shape::Blank => Vec::new(),
        Shape::Unreadable(findings) => findings,
        Shape::Read(raw, locator, found) => {
            apply(&mut settings, &mut Places::default(), *raw, &locator, found, Path::new("")).errors
        }
    };
    redact::excerpts(name, text, &mut findings);
    if findings.is_empty() { Ok(settings) } else { Err(Diagnostics::new(findings)) }
}

/// A configuration text as far as it can be read.
pub(super) enum Shape<'t> {
    /// Nothing is said, which is allowed.
    Blank,
    Unreadable(Vec<Diagnostic>),
    /// With what was found wrong while reading.
    Read(Box<Raw>, Locator<'t>, Vec<Diagnostic>),
}

pub(super) fn shape<'t>(name: &'t str, text: &'t str) -> Shape<'t> {
    if says_nothing(text) {
        return Shape::Blank;
    }
    let (raw, locator) = read_yaml::<Raw>(name, text);
    let mut found = locator.findings().to_vec();
    redact::messages(text, &mut found);
    match raw {
        Some(raw) => Shape::Read(Box::new(raw), locator, found),
        None => Shape::Unreadable(found),
    }
}

/// What is wrong with a text, and what is allowed and may be none of what was meant.
pub(super) struct Found {
    pub errors: Vec<Diagnostic>,
    pub warnings: Vec<Diagnostic>,
}

/// Puts what one text says onto `settings`; `found` is what reading found, and what is
/// given has it too. Paths that are not absolute
/// begin at `dir`; names stay as they were written.
pub(super) fn apply(
    settings: &mut Settings,
    places: &mut Places,
    raw: Raw,
    locator: &Locator<'_>,
    found: Vec<Diagnostic>,
    dir: &Path,
) -> Found {
    let mut check = Check { locator, findings: found, warnings: Vec::new(), places, dir };
    let base = std::mem::take(settings);
    *settings = check.settings(raw, base);
    Found { errors: check.findings, warnings: check.warnings }
}

struct Check<'c, 't> {
    locator: &'c Locator<'t>,
    findings: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
    places: &'c mut Places,
    dir: &'c Path,
}

impl Check<'_, '_> {
    fn settings(&mut self, raw: Raw, base: Settings) -> Settings {
        Settings {
            log: log(&raw.log, base.log),
            web: self.web(raw.web, base.web),
            sources: self.sources(raw.sources, base.sources),
            state: self.state(raw.state, base.state),
            metrics: metrics(&raw.metrics, base.metrics),
            limits: self.limits(&raw.limits, base.limits),
            rules: self.rules(raw.rules.dirs, base.rules),
        }
    }

    fn web(&mut self, raw: RawWeb, default: Web) -> Web {
        let mut web = default;
        if let Some(addresses) = raw.listen_addresses {
            if addresses.is_empty() {
                let hint = "leave it out for the default, or name at least one address";
                self.find(&["web".into(), "listen_addresses".into()], "the list is empty", Some(hint.into()));
            }
            web.listen_addresses = Vec::new();
            for (place, address) in addresses.iter().enumerate() {
                let path = ["web".into(), "listen_addresses".into(), place.into()];
                match address.parse() {
                    Ok(address) => web.listen_addresses.push(address),
                    Err(why) => {
                        self.find(&path, format_args!("{} is no address", quoted(address)), Some(why))
                    }
                }
            }
        }
        if let Some(path) = &raw.telemetry_path {
            match units::parse_telemetry_path(path) {
                Ok(path) => web.telemetry_path = path,
                Err(why) => self.find(&["web".into(), "telemetry_path".into()], why, None),
            }
        }
        web.enable_lifecycle = raw.enable_lifecycle.unwrap_or(web.enable_lifecycle);
        web.openmetrics_created = raw.openmetrics_created.unwrap_or(web.openmetrics_created);
        if let Some(linger) = &raw.linger {
            match units::parse_duration(linger) {
                Ok(duration) => web.linger = duration,
                Err(why) => self.find(&["web".into(), "linger".into()], why, None),
            }
        }
        web
    }

    fn state(&mut self, raw: RawState, default: State) -> State {
        match raw.dir {
            None => default,
            Some(dir) if dir.is_empty() || dir.contains(char::is_control) => {
                let message = format!("{} is no path of a directory", quoted(&dir));
                let hint = "leave it out to keep counts in memory only";
                self.find(&["state".into(), "dir".into()], message, Some(hint.into()));
                default
            }
            Some(dir) => State { dir: Some(self.dir.join(dir)) },
        }
    }

    fn rules(&mut self, raw: Vec<String>, base: Rules) -> Rules {
        let mut dirs = base.dirs;
        for (place, dir) in raw.into_iter().enumerate() {
            let path = ["rules".into(), "dirs".into(), Step::Index(place)];
            if self.locator.is_tainted(&path) {
                continue;
            }
            if dir.is_empty() {
                self.find(&path, "the path is empty", Some("`.` is the directory of this file".into()));
                continue;
            }
            let dir = self.dir.join(PathBuf::from(dir));
            if let Some(first) = dirs.iter().position(|other| *other == dir) {
                let message = format!("the directory is named twice; first at {}", self.places.of_dir(first));
                self.find(&path, message, None);
                continue;
            }
            self.places.dirs.push(self.locator.finding(&path, String::new(), None));
            dirs.push(dir);
        }
        Rules { dirs }
    }

    fn limits(&mut self, raw: &RawLimits, default: Limits) -> Limits {
        let mut limits = default;
        if let Some(size) = &raw.line_bytes_max {
            match units::parse_size(size) {
                Ok(bytes) => {
                    limits.line_bytes_max = self.bounded("line_bytes_max", bytes, 1024..=64 << 20) as usize
                }
                Err(why) => self.find(&["limits".into(), "line_bytes_max".into()], why, None),
            }
        }
        for (name, value, bounds, setting) in [
            ("event_lines_max", raw.event_lines_max, 1..=100_000, &mut limits.event_lines_max),
            ("tenants_max", raw.tenants_max, 0..=1_000_000, &mut limits.tenants_max),
            ("series_max", raw.series_max, 100..=10_000_000, &mut limits.series_max),
            ("sources_max", raw.sources_max, 1..=1_000_000, &mut limits.sources_max),
            ("open_files_max", raw.open_files_max, 1..=1_000_000, &mut limits.open_files_max),
        ] {
            if let Some(value) = value {
                *setting = self.bounded(name, value, bounds) as usize;
            }
        }
        if let Some(ratio) = raw.expansion_ratio_max {
            limits.expansion_ratio_max = self.bounded("expansion_ratio_max", ratio, 1..=1_000_000);
        }
        limits
    }

    fn bounded(&mut self, name: &str, value: u64, bounds: RangeInclusive<u64>) -> u64 {
        if !bounds.contains(&value) {
            let hint = format!("from {} to {}", bounds.start(), bounds.end());
            self.find(&["limits".into(), name.into()], format_args!("{value} is out of bounds"), Some(hint));
        }
        value.clamp(*bounds.start(), *bounds.end())
    }

    fn find(&mut self, path: &[Step<'_>], message: impl Display, hint: Option<String>) {
        if !self.locator.is_tainted(path) {
            self.findings.push(self.locator.finding(path, message.to_string(), hint));
        }
    }

    fn warn(&mut self, path: &[Step<'_>], message: impl Display) {
        self.warnings.push(self.locator.finding(path, format!("warning: {message}"), None));
    }
}

fn metrics(raw: &RawMetrics, default: Exposure) -> Exposure {
    Exposure {
        zero_first: raw.zero_first.map_or(default.zero_first, |mode| match mode {
            RawZeroFirst::Scrapers => ZeroFirst::Scrapers,
            RawZeroFirst::Always => ZeroFirst::Always,
            RawZeroFirst::Never => ZeroFirst::Never,
        }),
        preinit: raw.preinit.map_or(default.preinit, |mode| match mode {
            RawPreinit::Categories => Preinit::Categories,
            RawPreinit::Codes => Preinit::Codes,
        }),
    }
}

fn log(raw: &RawLog, default: Log) -> Log {
    Log {
        level: raw.level.map_or(default.level, |level| match level {
            RawLevel::Debug => LogLevel::Debug,
            RawLevel::Info => LogLevel::Info,
            RawLevel::Warn => LogLevel::Warn,
            RawLevel::Error => LogLevel::Error,
        }),
        format: raw.format.map_or(default.format, |format| match format {
            RawFormat::Text => LogFormat::Text,
            RawFormat::Json => LogFormat::Json,
        }),
    }
}
