//! A provider more is a file more: an invented pack goes through `rules.dirs` into the real binary and is counted
//! everywhere; a pack of a shipped identity takes the shipped one's place, whole.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use faultline::catalogue::{builtin, load};
use serde_json::Value;

use crate::cli::process::{Running, get, run, stderr, stdout, wait_for_sample};
use crate::exposition::parse;

const LINES: &str = "\
    2026-03-01T10:00:00Z level=error msg=\"payment refused\" error=TG-1001 merchant=acme\n\
    2026-03-01T10:00:01Z ERROR tollgate: [TG-2002] Ledger is being rebuilt\n\
    2026-03-01T10:00:02Z INFO deployed ledger-TG-200\n\
    2026-03-01T10:00:03Z WARN tollgate upstream said TG-9999\n";

/// A pack of an identity that is built in, with one code that is not.
const OTHER_BANKID: &str = "\
schema: faultline.rules/v1
provider: {id: bankid, name: BankID of the test, operated_by: them}
names: [bankid]
source: {url: \"https://docs.bankid.example\", release: \"1\", rows: 1}
forms:
  - {token: \"{code}\", in: anywhere}
rules:
  - id: only-this-one
    code: BID-REPLACED-7
    category: service
    severity: error
    retryable: true
    fault: provider
    remediation: Nothing; this code exists in a test alone.
    tests:
      - {line: 'ERROR bankid BID-REPLACED-7', expect: match}
      - {line: 'ERROR bankid BID-REPLACED-77', expect: none}
";

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn classified(arguments: &[&str], input: &str) -> Vec<Vec<Value>> {
    let output = run(arguments, input.as_bytes());
    assert!(output.status.success(), "{}", stderr(&output));
    let matches = |line: &str| {
        let answer: Value = serde_json::from_str(line).expect("a line is one JSON object");
        answer["matches"].as_array().expect("there is a list").clone()
    };
    stdout(&output).lines().map(matches).collect()
}

/// A configuration whose only content is one rule directory.
fn configuration(rules: &Path) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "rules: {{dirs: [{:?}]}}", rules.display().to_string()).unwrap();
    file
}

#[test]
fn a_sixth_provider_is_one_file_and_classify_knows_it() {
    let configuration = configuration(&repository("tests/cases/packs"));
    let file = configuration.path().to_str().unwrap();
    let found = classified(&["classify", "--config.file", file], LINES);
    let say = |matches: &Vec<Value>| {
        let one = |m: &Value| format!("{} {} {}", m["provider"], m["code"], m["tenant"]).replace('"', "");
        matches.iter().map(one).collect::<Vec<_>>().join("; ")
    };
    let said: Vec<String> = found.iter().map(say).collect();
    assert_eq!(said, ["tollgate TG-1001 acme", "tollgate TG-2002 -", "", "tollgate _unknown -"]);
    assert!(classified(&["classify"], LINES).iter().all(Vec::is_empty), "without the file nobody knows it");
}

#[test]
fn a_sixth_provider_is_counted_by_scan() {
    let rules = repository("tests/cases/packs");
    let arguments = ["scan", "--format", "prometheus", "--rules.dir", rules.to_str().unwrap()];
    let output = run(&arguments, LINES.as_bytes());
    assert!(output.status.success(), "{}", stderr(&output));
    assert_is_counted(&stdout(&output));
}

#[test]
fn a_sixth_provider_is_on_the_metrics_page_of_run() {
    let configuration = configuration(&repository("tests/cases/packs"));
    let file = configuration.path().to_str().unwrap();
    let mut daemon = Running::daemon(&["--config.file", file, "--web.linger", "10m"]);
    let address = daemon.address();
    let born = "faultline_errors_total{provider=\"tollgate\",category=\"service\",code=\"_other\"} 0";
    wait_for_sample(&address, born);
    daemon.write(LINES.as_bytes());
    daemon.end_input();
    daemon.wait_for("all input has ended");
    let answer = get(&address, "/metrics");
    assert_is_counted(answer.split_once("\r\n\r\n").expect("a head and a body").1);
}

fn assert_is_counted(text: &str) {
    let samples = parse(text);
    let count = |provider: &str, code: &str| {
        let is_it = |((name, labels), value): (&(String, _), &f64)| {
            let labels: &std::collections::BTreeMap<String, String> = labels;
            (name == "faultline_errors_total" && labels["provider"] == provider && labels["code"] == code)
                .then_some(*value)
        };
        samples.iter().filter_map(is_it).sum::<f64>()
    };
    for code in ["TG-1001", "TG-2002", "_unknown"] {
        assert_eq!(count("tollgate", code), 1.0, "{code} in {text}");
    }
    let tenant =
        "faultline_tenant_errors_total{provider=\"tollgate\",category=\"authorization\",tenant=\"acme\"} 1\n";
    assert!(text.contains(tenant), "{text}");
}

#[test]
fn a_pack_of_a_shipped_identity_takes_its_place_whole() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("bankid.yaml"), OTHER_BANKID).unwrap();
    let input = "ERROR bankid BID-REPLACED-7\n{\"level\":\"error\",\"url\":\"https://api.bankid.no/x\",\"error\":\"invalid_sad\"}\n";
    let shipped = classified(&["classify"], input);
    assert!(shipped[0].is_empty(), "{shipped:?}");
    assert_eq!(shipped[1][0]["code"], "invalid_sad", "{shipped:?}");
    let replaced = classified(&["classify", "--rules.dir", folder.path().to_str().unwrap()], input);
    assert_eq!(replaced[0][0]["code"], "BID-REPLACED-7", "{replaced:?}");
    assert!(replaced[1].iter().all(|m| m["provider"] != "bankid"), "{replaced:?}");
}

/// The inline tests of the invented packs hold, as those of the shipped ones do.
#[test]
fn the_invented_packs_prove_what_they_promise() {
    let mut added = Vec::new();
    for entry in fs::read_dir(repository("tests/cases/packs")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let name = path.display().to_string();
            added.push(load::RuleFile::from_bytes(name, fs::read(&path).unwrap()).unwrap());
        }
    }
    let rules = load::load(builtin::files(), &added).unwrap_or_else(|findings| panic!("{findings}"));
    let engine = faultline::pipeline::Engine::new(faultline::catalogue::compile(&rules));
    let report = faultline::proving::prove(&rules, &std::sync::Arc::new(engine));
    assert!(report.failures.is_empty(), "{:#?}", report.failures);
    assert!(report.passed > 1000, "only {} tests", report.passed);
}
