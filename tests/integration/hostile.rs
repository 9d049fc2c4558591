//! Records that were written to cost much: a megabyte of hits must be judged in about the time of reading it, and codes
//! that stand inside of others must not trip anybody.

use std::time::{Duration, Instant};

use faultline::catalogue::load::RuleFile;
use faultline::pipeline::{Options, Pipeline};

use crate::cases::engine;

/// Each took minutes when every hit looked at the whole line again; now it is about a second of an idle machine.
const LONG: Duration = Duration::from_secs(120);

#[test]
fn a_line_full_of_hits_costs_little_more_than_one() {
    let engine = engine(&[]);
    for (head, unit) in [
        ("ERROR ", "x MDRM-508 went y "),
        ("", "x MDRM-508 went y "),
        ("ERROR ", "x MDRM-508 went; "),
        ("ERROR \n", "x MDRM-508 went\n"),
        ("ERROR ", "x,MDRM-508,y z"),
        ("ERROR ", "okta invalid_grant went, "),
        ("ERROR ", "error=invalid_grant "),
        ("", "{\"error\":\"invalid_grant\"} "),
        ("ERROR ", "MDRM-508 "),
        ("ERROR ", "The client_assertion token is expired.; "),
    ] {
        let mut line = head.to_owned();
        while line.len() + unit.len() < 1 << 20 {
            line.push_str(unit);
        }
        let mut pipeline = Pipeline::new(engine.clone(), Options::new("hostile".into()));
        let start = Instant::now();
        pipeline.classify(line.as_bytes());
        assert!(start.elapsed() < LONG, "{unit:?} took {:?}", start.elapsed());
    }
}

#[test]
fn a_code_inside_another_one_in_brackets_is_no_trouble() {
    let pack = "schema: faultline.rules/v1\nprovider: {id: nest}\nforms: [{token: \"{code}\", in: anywhere}]\nrules:\n".to_owned()
        + &["XQ1", "XQ1 YQ2"]
            .iter()
            .enumerate()
            .map(|(n, code)| {
                format!("  - {{id: r{n}, code: \"{code}\", category: token, severity: error, retryable: false, fault: caller, remediation: none}}\n")
            })
            .collect::<String>();
    let file = RuleFile::from_bytes("nest.yaml".into(), pack.into_bytes()).unwrap();
    let mut pipeline = Pipeline::new(engine(&[file]), Options::new("nested".into()));
    let faults = pipeline.classify(b"ERROR [XQ1 YQ2, other]").faults;
    assert!(faults.iter().any(|f| f.code.as_deref() == Some("XQ1 YQ2")), "{faults:?}");
}
