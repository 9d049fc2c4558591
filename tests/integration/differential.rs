//! The real engine against an independent reading of the same rules on generated lines, and that reading against the
//! case files.
//!
//! The two were written apart from the same text. Where the text leaves room they may part on a rare line; more than one
//! line in a thousand, or two different providers proven on more than one in twenty thousand, is a mistake on one side.
//! That no literal is missed and no bound is wrong is held to the last line by `naive`. `FAULTLINE_DIFF_LINES` is how
//! many lines (default 20,000), `FAULTLINE_DIFF_SEED` another stream, `FAULTLINE_DIFF_SHOWN` how many differences are shown.

use crate::cases;
use crate::generate::Generator;
use crate::reference::{Library, Mapped, Reference};
use faultline::catalogue::schema::{Expect, InlineTest};
use faultline::event::{Fault, Verdict};
use faultline::pipeline::{Options, Pipeline};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

fn mapped(case: &Value) -> Vec<Mapped> {
    let text = |key: &str| case["mapping"][key].as_str().map(str::to_string);
    text("provider")
        .map(|provider| Mapped {
            provider,
            service: text("service"),
            logger: text("logger"),
            host: text("host"),
            tenant: text("tenant"),
        })
        .into_iter()
        .collect()
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
    let says = |key: &str, value: &Option<Arc<str>>, open: &str| {
        expect[key].as_str().is_none_or(|wanted| wanted == value.as_deref().unwrap_or(open))
    };
    let candidates: Vec<&str> = fault.candidates.iter().map(|candidate| &**candidate).collect();
    let wanted: Option<Vec<&str>> =
        expect["candidates"].as_array().map(|wanted| wanted.iter().filter_map(Value::as_str).collect());
    expect["verdict"] == name
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
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let (mut differing, mut all) = (Vec::new(), 0);
    for path in std::fs::read_dir(folder)
        .expect("the case files")
        .map(|entry| entry.expect("a readable folder").path())
    {
        if path.extension().is_none_or(|extension| extension != "jsonl") {
            continue;
        }
        for line in std::fs::read_to_string(&path).expect("a readable case file").lines() {
            let case: Value = serde_json::from_str(line).expect("a case is one JSON object");
            all += 1;
            let faults = reference
                .classify(case["line"].as_str().expect("a case has a line").as_bytes(), &mapped(&case));
            if !as_expected(&case["expect"], &faults) {
                let got: Vec<String> = faults.iter().map(brief).collect();
                differing.push(format!(
                    "{} {}\n   want {}\n   got  {got:?}",
                    case["id"], case["line"], case["expect"]
                ));
            }
        }
    }
    assert!(all > 223, "only {all} cases were found");
    assert!(differing.is_empty(), "{} of {all} cases differ:\n{}", differing.len(), differing.join("\n"));
}

#[test]
fn the_reference_gets_every_inline_test_of_the_packs_right() {
    let library = Library::shipped();
    let reference = Reference::new(&library);
    let (mut failed, mut all) = (Vec::new(), 0);
    let mut check = |rule: String, test: &InlineTest, own: Option<(&str, &str)>| {
        all += 1;
        let faults = reference.classify(test.line.as_bytes(), &[]);
        let matched = |fault: &Fault| {
            let (provider, code) = own.expect("only packs expect matches");
            let code = test.code.as_deref().unwrap_or(code);
            let tenant =
                test.tenant.as_deref().is_none_or(|tenant| fault.tenant.as_deref().unwrap_or("-") == tenant);
            fault.verdict == Verdict::Match
                && fault.provider.as_deref() == Some(provider)
                && fault.code.as_deref() == Some(code)
                && tenant
        };
        let right = match test.expect {
            Expect::Match => faults.iter().any(matched),
            Expect::Ambiguous => faults.iter().any(|fault| fault.verdict == Verdict::Ambiguous),
            Expect::Foreign => faults.iter().any(|fault| fault.verdict == Verdict::Foreign),
            Expect::None => faults.is_empty(),
        };
        if !right {
            let got: Vec<String> = faults.iter().map(brief).collect();
            failed.push(format!("{rule} {:?}\n  {}\n  got {got:?}", test.expect, test.line));
        }
    };
    for pack in &library.packs {
        for rule in &pack.rules {
            let own = Some((pack.provider.id.as_str(), rule.code.as_str()));
            rule.tests.iter().for_each(|test| check(format!("{}.{}", pack.provider.id, rule.id), test, own));
        }
    }
    for list in &library.foreign {
        list.tests.iter().for_each(|test| check(list.foreign.id.clone(), test, None));
    }
    assert!(failed.is_empty(), "{} of {all} inline tests differ:\n{}", failed.len(), failed.join("\n"));
}

/// Compared of a fault: all but evidence and role.
fn brief(fault: &Fault) -> String {
    let text = |label: &Option<Arc<str>>| label.as_deref().unwrap_or("_").to_string();
    format!(
        "{:?} {} {} wire={} {} tenant={} {:?} {}",
        fault.verdict,
        text(&fault.provider),
        text(&fault.code),
        text(&fault.wire_code),
        text(&fault.category),
        text(&fault.tenant),
        fault.candidates,
        text(&fault.rule)
    )
}

fn sorted(faults: &[Fault]) -> Vec<String> {
    let mut all: Vec<String> = faults.iter().map(brief).collect();
    all.sort();
    all
}

/// Both sides prove somebody, and not one of them is the same.
fn are_rivals(real: &[String], plain: &[String]) -> bool {
    let proven = |all: &[String]| -> Vec<String> {
        all.iter()
            .filter_map(|one| one.strip_prefix("Match ")?.split(' ').next().map(str::to_owned))
            .collect()
    };
    let (real, plain) = (proven(real), proven(plain));
    !real.is_empty() && !plain.is_empty() && !real.iter().any(|p| plain.contains(p))
}

/// Both sides of the comparison.
struct Pair<'a> {
    reference: &'a Reference,
    pipeline: Pipeline,
}

impl Pair<'_> {
    fn differ(&mut self, record: &[u8]) -> Option<(Vec<String>, Vec<String>)> {
        let plain = self.reference.classify(record, &[]);
        self.differ_from(&plain, record)
    }

    fn differ_from(&mut self, plain: &[Fault], record: &[u8]) -> Option<(Vec<String>, Vec<String>)> {
        let (real, plain) = (sorted(&self.pipeline.classify(record).faults), sorted(plain));
        (real != plain).then_some((real, plain))
    }

    /// Verdicts and providers of both sides: what a shorter line must keep.
    fn kinds(&mut self, record: &[u8]) -> Option<(Vec<String>, Vec<String>)> {
        let kinds = |all: Vec<String>| all.iter().map(|one| one.split(' ').take(2).collect()).collect();
        self.differ(record).map(|(real, plain)| (kinds(real), kinds(plain)))
    }

    /// Leaves parts out, halves first, as long as the two still differ in the same way.
    fn shrunk(&mut self, record: &[u8]) -> Vec<u8> {
        let kinds = self.kinds(record);
        let mut record = record.to_vec();
        let mut part = record.len() / 2;
        while part > 0 {
            let mut at = 0;
            while at < record.len() {
                let mut shorter = record.clone();
                shorter.drain(at..(at + part).min(record.len()));
                if self.kinds(&shorter) == kinds {
                    record = shorter;
                } else {
                    at += part;
                }
            }
            part /= 2;
        }
        record
    }
}

/// Generated lines; the full run asks for a million.
fn wanted(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn the_engine_and_an_independent_reading_part_on_rare_lines_only() {
    let library = Library::shipped();
    let reference = Reference::new(&library);
    let engine = cases::engine(&[]);
    let (lines, seed) = (wanted("FAULTLINE_DIFF_LINES", 20_000), wanted("FAULTLINE_DIFF_SEED", 3));
    let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get()) as u64;
    let shown_max = wanted("FAULTLINE_DIFF_SHOWN", 12) as usize;
    let shrunk_max = shown_max.min(12);
    let (differences, verdicts) = (Mutex::new(Vec::new()), Mutex::new(BTreeMap::<String, u64>::new()));
    let rivals = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (library, reference, engine, differences, verdicts, rivals) =
                (&library, &reference, &engine, &differences, &verdicts, &rivals);
            scope.spawn(move || {
                let mut pair = Pair { reference, pipeline: Pipeline::new(Arc::clone(engine), Options::new("generated".into())) };
                let mut generator = Generator::new(seed.wrapping_mul(1000).wrapping_add(thread), library);
                let mut seen = BTreeMap::new();
                for index in 0..lines / threads + u64::from(thread < lines % threads) {
                    // one in twenty is an event of several lines
                    let record = if index % 20 == 19 { generator.event() } else { generator.record() };
                    let plain = reference.classify(&record, &[]);
                    let kind = plain.first().map_or("none".to_string(), |fault| format!("{:?} {}", fault.verdict, fault.provider.as_deref().unwrap_or("")));
                    *seen.entry(kind).or_default() += 1;
                    if let Some((real, plain)) = pair.differ_from(&plain, &record) {
                        rivals.fetch_add(u64::from(are_rivals(&real, &plain)), Ordering::Relaxed);
                        let mut differences = differences.lock().expect("no thread panics with it");
                        let small = if differences.len() < shrunk_max { pair.shrunk(&record) } else { Vec::new() };
                        let on_small = pair.differ(&small);
                        differences.push(format!(
                            "seed {seed} thread {thread} index {index}\n  line      {}\n  real      {real:?}\n  reference {plain:?}\n  shrunk    {}\n  real, reference there {on_small:?}",
                            String::from_utf8_lossy(&record),
                            String::from_utf8_lossy(&small)
                        ));
                    }
                }
                let mut verdicts = verdicts.lock().expect("no thread panics with it");
                seen.into_iter().for_each(|(kind, count): (String, u64)| *verdicts.entry(kind).or_default() += count);
            });
        }
    });
    let (differences, verdicts) =
        (differences.into_inner().expect("threads ended"), verdicts.into_inner().expect("threads ended"));
    let rivals = rivals.into_inner();
    println!(
        "{lines} lines, {} differences, {rivals} of them about the provider (seed {seed}); {verdicts:?}",
        differences.len()
    );
    let shown: Vec<&str> = differences.iter().take(shown_max).map(String::as_str).collect();
    let rare = differences.len() as u64 <= lines.div_ceil(1_000) && rivals <= lines.div_ceil(20_000);
    assert!(
        rare,
        "{lines} lines, {} differences, {rivals} about the provider\n{}",
        differences.len(),
        shown.join("\n")
    );
}
