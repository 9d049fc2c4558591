//! The real engine against the reference on generated lines, and the reference against the case files.

use crate::reference::{Library, Mapped, Reference};
use faultline::event::{Fault, Verdict};
use serde_json::Value;

fn mapped(case: &Value) -> Vec<Mapped> {
    let text = |key: &str| case["mapping"][key].as_str().map(str::to_string);
    text("provider").map(|provider| Mapped { provider, service: text("service"), logger: text("logger"), host: text("host"), tenant: text("tenant") }).into_iter().collect()
}

/// What a case file expects of a line, against what came out: the fields that it names, one fault at most.
fn as_expected(expect: &Value, faults: &[Fault]) -> bool {
    let verdict = expect["verdict"].as_str().expect("a case names its verdict");
    if verdict == "none" {
        return faults.is_empty();
    }
    let [fault] = faults else { return false };
    let name = match fault.verdict {
        Verdict::Match => "match",
        Verdict::Ambiguous => "ambiguous",
        Verdict::Foreign => "foreign",
    };
    let says = |key: &str, value: &Option<std::sync::Arc<str>>, open: &str| expect[key].as_str().is_none_or(|wanted| wanted == value.as_deref().unwrap_or(open));
    let candidates: Vec<&str> = fault.candidates.iter().map(|candidate| &**candidate).collect();
    let wanted: Option<Vec<&str>> = expect["candidates"].as_array().map(|wanted| wanted.iter().filter_map(Value::as_str).collect());
    name == verdict
        && says("provider", &fault.provider, "")
        && says("code", &fault.code, "")
        && says("rule", &fault.rule, "")
        && says("category", &fault.category, "")
        && says("tenant", &fault.tenant, "-")
        && wanted.is_none_or(|wanted| wanted == candidates)
}

#[test]
fn the_reference_gets_every_case_right() {
    let reference = Reference::new(&Library::shipped());
    let folder = std::env::var("CASES").map(std::path::PathBuf::from).unwrap_or_else(|_| std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases"));
    let (mut failed, mut all) = (Vec::new(), 0);
    let mut files: Vec<_> = std::fs::read_dir(folder).expect("the case files").map(|entry| entry.expect("readable").path()).filter(|path| path.extension().is_some_and(|e| e == "jsonl")).collect();
    files.sort();
    for path in files {
        let text = std::fs::read_to_string(&path).expect("a readable case file");
        for line in text.lines() {
            let case: Value = serde_json::from_str(line).expect("a case is one JSON object");
            all += 1;
            let faults = reference.classify(case["line"].as_str().expect("a case has a line").as_bytes(), &mapped(&case));
            if !as_expected(&case["expect"], &faults) {
                failed.push(format!("{} {}\n   want {}\n   got {:?}", case["id"], case["line"], case["expect"], faults.iter().map(brief).collect::<Vec<_>>()));
            }
        }
    }
    assert!(failed.is_empty(), "{} of {all} cases differ:\n{}", failed.len(), failed.join("\n"));
}

fn brief(fault: &Fault) -> String {
    let text = |label: &Option<std::sync::Arc<str>>| label.as_deref().unwrap_or("").to_string();
    format!("{:?} {} {} wire={} {} tenant={} {:?} {}", fault.verdict, text(&fault.provider), text(&fault.code), text(&fault.wire_code), text(&fault.category), text(&fault.tenant), fault.candidates, text(&fault.rule))
}
