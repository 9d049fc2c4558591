//! The case files under `tests/cases` through the real engine: each record must give exactly the verdicts it expects.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use faultline::catalogue::load::{RuleFile, Rules, load};
use faultline::event::Fault;
use faultline::pipeline::Engine;
use faultline::proving::{self, Case, Failure, Report};

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

/// All case files.
pub fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "jsonl"));
    paths.sort();
    let read = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        proving::read(&name, &std::fs::read_to_string(path).unwrap()).unwrap_or_else(|d| panic!("{d}"))
    };
    paths.iter().flat_map(read).collect()
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

fn show_failure(failure: &Failure) -> String {
    format!(
        "{}:{} {}\n  line     {:?}\n  expected {:?}\n  found    {}",
        failure.place.file,
        failure.place.line,
        failure.name,
        failure.line,
        failure.expected,
        failure.found.iter().map(show).collect::<Vec<_>>().join("\n           ")
    )
}

fn assert_passed(report: &Report, tests_min: usize) {
    let failures: Vec<String> = report.failures.iter().map(show_failure).collect();
    let total = report.passed + failures.len();
    assert!(total > tests_min, "only {total} tests");
    assert!(failures.is_empty(), "{}\n{} of {total} fail", failures.join("\n"), failures.len());
}

#[test]
fn every_case_file_gives_the_verdicts_it_expects() {
    let rules = rules(&[]);
    let engine = Arc::new(Engine::new(faultline::catalogue::compile(&rules)));
    let cases = cases();
    assert_eq!(proving::duplicates(&cases), []);
    let mut report = Report::default();
    proving::prove_cases(&rules, &engine, &cases, &mut report);
    assert_passed(&report, 1300);
}

#[test]
fn every_inline_test_of_the_packs_gives_what_it_expects() {
    let rules = rules(&[]);
    let engine = Arc::new(Engine::new(faultline::catalogue::compile(&rules)));
    assert_passed(&proving::prove(&rules, &engine), 1000);
}
