//! The case files under `tests/cases` through the real engine: each record must give exactly the verdicts it expects.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use faultline::catalogue::load::{RuleFile, Rules, load};
use faultline::event::{Fault, Verdict};
use faultline::pipeline::{Engine, Options, Pipeline};
use serde_json::Value;

/// The rule files of the repository, and overlays besides.
pub fn rules(overlays: &[RuleFile]) -> Rules {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
    let mut files = Vec::new();
    for folder in ["packs", "shared", "foreign"] {
        let mut paths: Vec<PathBuf> =
            std::fs::read_dir(root.join(folder)).unwrap().map(|e| e.unwrap().path()).collect();
        paths.sort();
        files.extend(
            paths
                .into_iter()
                .map(|p| RuleFile::from_bytes(p.display().to_string(), std::fs::read(&p).unwrap()).unwrap()),
        );
    }
    load(&files, overlays).unwrap_or_else(|d| panic!("{d}"))
}

pub fn engine(overlays: &[RuleFile]) -> Arc<Engine> {
    Arc::new(Engine::new(faultline::catalogue::compile(&rules(overlays))))
}

pub struct Case {
    pub file: String,
    pub id: String,
    pub line: String,
    pub mapping: Option<Value>,
    pub expect: Vec<Value>,
}

pub fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "jsonl"));
    paths.sort();
    paths.iter().flat_map(|p| read(p)).collect()
}

fn read(path: &Path) -> Vec<Case> {
    let file = path.file_name().unwrap().to_string_lossy().into_owned();
    let text = std::fs::read_to_string(path).unwrap();
    let case = |line: &str| {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{file}: {e}: {line}"));
        let expect = match &value["expect"] {
            Value::Array(all) => all.clone(),
            one => vec![one.clone()],
        };
        Case {
            file: file.clone(),
            id: value["id"].as_str().unwrap().to_owned(),
            line: value["line"].as_str().unwrap().to_owned(),
            mapping: value.get("mapping").filter(|m| !m.is_null()).cloned(),
            expect: expect.into_iter().filter(|e| e["verdict"] != "none").collect(),
        }
    };
    text.lines().filter(|l| !l.trim().is_empty()).map(case).collect()
}

/// An operator's overlay that says what a case's `mapping` says.
pub fn overlay(mapping: &Value) -> RuleFile {
    let tenant = mapping["tenant"].as_str().map(|t| format!(", tenant: \"{t}\"")).unwrap_or_default();
    let text = format!(
        "schema: faultline.rules/v1\noverlay: true\nprovider: {{id: {}}}\nmap:\n  - {{service: {}{tenant}}}\n",
        mapping["provider"].as_str().unwrap(),
        mapping["service"].as_str().unwrap()
    );
    RuleFile::from_bytes("overlay.yaml".into(), text.into_bytes()).unwrap()
}

/// Whether a fault is what was expected, as far as the expectation says.
fn fits(expect: &Value, fault: &Fault) -> bool {
    let text = |label: &Option<faultline::event::Label>| label.as_deref().unwrap_or_default().to_owned();
    let same = |key: &str, value: &str| expect.get(key).is_none_or(|e| e == value);
    let verdict = match fault.verdict {
        Verdict::Match => "match",
        Verdict::Ambiguous => "ambiguous",
        Verdict::Foreign => "foreign",
    };
    let candidates = || {
        expect.get("candidates").is_none_or(|c| {
            *c == Value::from(fault.candidates.iter().map(|l| l.to_string()).collect::<Vec<_>>())
        })
    };
    expect["verdict"] == verdict
        && (fault.verdict == Verdict::Foreign
            || same("provider", &text(&fault.provider))
                && same("code", &text(&fault.code))
                && same("category", &text(&fault.category))
                && same("tenant", fault.tenant.as_deref().unwrap_or("-"))
                && (fault.verdict == Verdict::Ambiguous && candidates()
                    || fault.verdict == Verdict::Match && same("rule", &text(&fault.rule))))
}

fn fits_all(expect: &[Value], faults: &[Fault]) -> bool {
    expect.len() == faults.len()
        && expect.iter().all(|e| faults.iter().any(|f| fits(e, f)))
        && faults.iter().all(|f| expect.iter().any(|e| fits(e, f)))
}

fn show(fault: &Fault) -> String {
    format!(
        "{:?} {:?} {:?} {:?} tenant={:?} rule={:?} {:?} {:?}",
        fault.verdict,
        fault.provider,
        fault.code,
        fault.category,
        fault.tenant,
        fault.rule,
        fault.candidates,
        fault.evidence
    )
}

#[test]
fn every_case_file_gives_the_verdicts_it_expects() {
    let plain = engine(&[]);
    let mut failures = Vec::new();
    let mut counts: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for case in cases() {
        let engine = case.mapping.as_ref().map_or_else(|| Arc::clone(&plain), |m| engine(&[overlay(m)]));
        let mut pipeline = Pipeline::new(engine, Options::new("cases".into()));
        let got = pipeline.classify(case.line.as_bytes()).faults;
        let count = counts.entry(case.file.clone()).or_default();
        count.0 += 1;
        if !fits_all(&case.expect, &got) {
            count.1 += 1;
            let expect: Vec<String> = case.expect.iter().map(Value::to_string).collect();
            let got: Vec<String> = got.iter().map(show).collect();
            failures.push(format!(
                "{} {}\n  line   {:?}\n  expect {}\n  got    {}",
                case.file,
                case.id,
                case.line,
                expect.join("\n         "),
                got.join("\n         ")
            ));
        }
    }
    let total: usize = counts.values().map(|c| c.0).sum();
    assert!(total >= 400, "only {total} cases");
    assert!(
        failures.is_empty(),
        "{}\n{} of {total} cases fail: {counts:?}",
        failures.join("\n"),
        failures.len()
    );
}

#[test]
fn every_inline_test_of_the_packs_gives_what_it_expects() {
    let rules = rules(&[]);
    let engine = Arc::new(Engine::new(faultline::catalogue::compile(&rules)));
    let report = faultline::proving::prove(&rules, &engine);
    let show_failure = |f: &faultline::proving::Failure| {
        format!(
            "{} expected {}\n  line {:?}\n  got  {}",
            f.rule,
            f.expected,
            f.line,
            f.found.iter().map(show).collect::<Vec<_>>().join("\n       ")
        )
    };
    let failures: Vec<String> = report.failures.iter().map(show_failure).collect();
    assert!(report.passed + failures.len() > 1000, "only {} tests", report.passed);
    assert!(
        failures.is_empty(),
        "{}\n{} of {} fail",
        failures.join("\n"),
        failures.len(),
        report.passed + failures.len()
    );
}
