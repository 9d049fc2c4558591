//! The text of a configuration file as serde sees it. Every field may be left out; what a value means is checked later.

pub(super) mod kafka;

use serde::Deserialize;

use kafka::RawKafka;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Raw {
    pub include: Vec<String>,
    pub log: RawLog,
    pub web: RawWeb,
    pub sources: Vec<RawSource>,
    pub state: RawState,
    pub metrics: RawMetrics,
    pub limits: RawLimits,
    pub rules: RawRules,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawLog {
    pub level: Option<RawLevel>,
    pub format: Option<RawFormat>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawLevel {
    Debug,
    Info,
    Warn,
    Error,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawFormat {
    Text,
    Json,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawWeb {
    pub listen_addresses: Option<Vec<String>>,
    pub telemetry_path: Option<String>,
    pub enable_lifecycle: Option<bool>,
    pub openmetrics_created: Option<bool>,
    pub linger: Option<String>,
}

/// Exactly one of `stdin`, `file`, `files` and `kafka`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawSource {
    pub name: Option<String>,
    pub stdin: Option<bool>,
    pub file: Option<String>,
    pub files: Option<Vec<String>>,
    pub kafka: Option<Box<RawKafka>>,
    pub exclude: Option<Vec<String>>,
    pub start: Option<RawStart>,
    pub rotate_wait: Option<String>,
    pub partial_timeout: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawStart {
    Auto,
    Beginning,
    End,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawState {
    pub dir: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawMetrics {
    pub zero_first: Option<RawZeroFirst>,
    pub preinit: Option<RawPreinit>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawZeroFirst {
    Scrapers,
    Always,
    Never,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawPreinit {
    Categories,
    Codes,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawLimits {
    pub line_bytes_max: Option<String>,
    pub event_lines_max: Option<u64>,
    pub tenants_max: Option<u64>,
    pub series_max: Option<u64>,
    pub sources_max: Option<u64>,
    pub open_files_max: Option<u64>,
    pub expansion_ratio_max: Option<u64>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawRules {
    pub dirs: Vec<String>,
}
