//! The rules file and the cases of `promtool test rules`, as far as tests ask about them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use faultline::catalogue::diagnostic::parse_yaml;
use serde::Deserialize;
use serde::de::DeserializeOwned;

pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[derive(Deserialize)]
pub struct RuleFile {
    pub groups: Vec<Group>,
}

#[derive(Deserialize)]
pub struct Group {
    pub name: String,
    pub rules: Vec<Rule>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Rule {
    pub record: Option<String>,
    pub alert: Option<String>,
    pub expr: String,
    #[serde(rename = "for")]
    pub lasting: Option<String>,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
}

impl RuleFile {
    pub fn read() -> RuleFile {
        read(&repository("deploy/prometheus/faultline.rules.yml"))
    }

    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.groups.iter().flat_map(|group| &group.rules)
    }

    pub fn alerts(&self) -> impl Iterator<Item = (&str, &Rule)> {
        self.rules().filter_map(|rule| rule.alert.as_deref().map(|name| (name, rule)))
    }
}

#[derive(Deserialize)]
pub struct CaseFile {
    pub rule_files: Vec<String>,
    pub evaluation_interval: String,
    pub group_eval_order: Vec<String>,
    pub tests: Vec<Case>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Case {
    /// The alerts that it is about, before a colon.
    pub name: String,
    pub interval: String,
    pub input_series: Vec<InputSeries>,
    pub promql_expr_test: Vec<Check>,
    pub alert_rule_test: Vec<TextCheck>,
}

#[derive(Deserialize)]
pub struct InputSeries {
    pub series: String,
    pub values: String,
}

/// All alerts that fire at a time.
#[derive(Deserialize)]
pub struct Check {
    pub expr: String,
    pub eval_time: String,
    pub exp_samples: Vec<Sample>,
}

#[derive(Deserialize)]
pub struct Sample {
    pub labels: String,
    pub value: f64,
}

#[derive(Deserialize)]
pub struct TextCheck {
    pub alertname: String,
    pub eval_time: String,
    pub exp_alerts: Vec<Text>,
}

#[derive(Deserialize)]
pub struct Text {
    pub exp_labels: BTreeMap<String, String>,
    pub exp_annotations: BTreeMap<String, String>,
}

impl Check {
    pub fn minutes(&self) -> u64 {
        self.eval_time.strip_suffix('m').and_then(|number| number.parse().ok()).expect("times are minutes")
    }

    pub fn fires(&self, alert: &str) -> bool {
        self.exp_samples.iter().any(|sample| sample.labels.contains(&format!("alertname=\"{alert}\"")))
    }
}

impl Case {
    pub fn is_about(&self, alert: &str) -> bool {
        let (about, _) = self.name.split_once(": ").expect("a name says what it is about");
        about.split(", ").any(|name| name == alert)
    }
}

pub fn case_paths() -> Vec<PathBuf> {
    let mut paths: Vec<_> =
        fs::read_dir(repository("tests/alerts")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

pub fn case_files() -> Vec<CaseFile> {
    case_paths().iter().map(|path| read(path)).collect()
}

fn read<T: DeserializeOwned>(path: &Path) -> T {
    let text = fs::read_to_string(path).unwrap();
    parse_yaml(&path.display().to_string(), &text).unwrap_or_else(|findings| panic!("{findings}"))
}
