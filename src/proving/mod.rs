//! Runs the inline tests of rule files, and case files, through the pipeline: does each line give the verdict it promises?
//!
//! A pack's test speaks of its own rule: `match` is this rule's code of this provider, `ambiguous` that this rule is
//! among the candidates. A case names every verdict of its record. Judged as one record each, wrappers included. Pure:
//! `commands` reads the files and reports the failures. Read next: `cases`.

mod cases;

use std::collections::HashMap;
use std::sync::Arc;

pub use cases::{Case, CaseMapping, CaseVerdict, duplicates, read};

use crate::catalogue::load::Rules;
use crate::catalogue::schema::{Expect, FileLine, InlineTest, Mapping, Overlay, ProviderHead};
use crate::catalogue::{self, schema::SCHEMA};
use crate::event::{Fault, Label, Verdict, reserved};
use crate::pipeline::{Engine, Options, Pipeline};

/// A test or case whose line gave something else.
#[derive(Debug)]
pub struct Failure {
    pub place: FileLine,
    /// `provider.rule`, `foreign/list`, or a case's id and title.
    pub name: String,
    pub line: String,
    /// Of a case: what an overlay of its own said.
    pub mapping: Option<CaseMapping>,
    /// Of a case: the verdicts that did not come, and as `found` those that came instead.
    pub expected: Vec<Expected>,
    pub found: Vec<Fault>,
}

/// A verdict as somebody expects it; what is `None` was not said. `verdict: None` is no verdict at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected {
    pub verdict: Option<Verdict>,
    pub provider: Option<String>,
    pub code: Option<String>,
    pub category: Option<String>,
    pub tenant: Option<String>,
    pub rule: Option<String>,
    pub candidates: Option<Vec<String>>,
}

/// What came of the tests.
#[derive(Debug, Default)]
pub struct Report {
    pub passed: usize,
    pub failures: Vec<Failure>,
}

/// Which inline tests to run.
pub type Wanted<'w> = &'w dyn Fn(&FileLine, &str, &str) -> bool;

/// Runs every inline test of `rules` on the engine that was built of them.
pub fn prove(rules: &Rules, engine: &Arc<Engine>) -> Report {
    let mut report = Report::default();
    prove_some(rules, engine, &|_, _, _| true, &mut report);
    report
}

/// The same for those that are wanted, told by place, name and line.
pub fn prove_some(rules: &Rules, engine: &Arc<Engine>, wanted: Wanted<'_>, report: &mut Report) {
    let mut pipeline = pipeline(engine);
    for pack in &rules.packs {
        for rule in &pack.rules {
            let name = format!("{}.{}", pack.provider.id, rule.id);
            for test in rule.tests.iter().filter(|test| wanted(&test.place, &name, &test.line)) {
                let own = Own {
                    provider: &pack.provider.id,
                    code: test.code.as_deref().unwrap_or(&rule.code),
                    rule_code: &rule.code,
                };
                run(&mut pipeline, report, &name, test, Some(own));
            }
        }
    }
    for list in &rules.foreign {
        let name = format!("foreign/{}", list.foreign.id);
        for test in list.tests.iter().filter(|test| wanted(&test.place, &name, &test.line)) {
            run(&mut pipeline, report, &name, test, None);
        }
    }
}

/// Runs cases on an engine of `rules`; a case with a mapping on one that has it as an overlay besides.
pub fn prove_cases(rules: &Rules, engine: &Arc<Engine>, cases: &[Case], report: &mut Report) {
    let mut plain = pipeline(engine);
    let mut mapped: HashMap<&CaseMapping, Pipeline> = HashMap::new();
    for case in cases {
        let pipeline = match &case.mapping {
            None => &mut plain,
            Some(mapping) => mapped.entry(mapping).or_insert_with(|| {
                let mut rules = rules.clone();
                rules.overlays.push(overlay(mapping));
                pipeline(&Arc::new(Engine::new(catalogue::compile(&rules))))
            }),
        };
        let found = pipeline.classify(case.line.as_bytes()).faults;
        let (expected, surplus) = case.differences(&found);
        if expected.is_empty() && surplus.is_empty() {
            report.passed += 1;
            continue;
        }
        report.failures.push(Failure {
            place: case.place.clone(),
            name: case.title.as_ref().map_or(case.id.clone(), |title| format!("{} {title}", case.id)),
            line: case.line.clone(),
            mapping: case.mapping.clone(),
            expected,
            found: surplus.into_iter().cloned().collect(),
        });
    }
}

fn pipeline(engine: &Arc<Engine>) -> Pipeline {
    Pipeline::new(Arc::clone(engine), Options::new("test".into()))
}

fn overlay(mapping: &CaseMapping) -> Overlay {
    let map = Mapping {
        service: Some(mapping.service.clone()),
        tenant: mapping.tenant.clone(),
        ..Mapping::default()
    };
    let provider = ProviderHead { id: mapping.provider.clone(), name: None, pack: None, operated_by: None };
    Overlay {
        schema: SCHEMA.to_owned(),
        overlay: true,
        provider,
        names: Vec::new(),
        map: vec![map],
        tenant: Vec::new(),
        rules: Vec::new(),
    }
}

/// What a pack's test speaks of.
struct Own<'a> {
    provider: &'a str,
    code: &'a str,
    rule_code: &'a str,
}

fn run(pipeline: &mut Pipeline, report: &mut Report, name: &str, test: &InlineTest, own: Option<Own<'_>>) {
    let found = pipeline.classify(test.line.as_bytes()).faults;
    let good = match test.expect {
        Expect::None => found.is_empty(),
        Expect::Foreign => found.iter().any(|f| f.verdict == Verdict::Foreign),
        Expect::Match | Expect::Ambiguous => {
            own.as_ref().is_some_and(|own| found.iter().any(|f| fits(test, own, f)))
        }
    };
    if good {
        report.passed += 1;
    } else {
        report.failures.push(Failure {
            place: test.place.clone(),
            name: name.to_owned(),
            line: test.line.clone(),
            mapping: None,
            expected: expected(test, own.as_ref()).into_iter().collect(),
            found,
        });
    }
}

fn fits(test: &InlineTest, own: &Own<'_>, fault: &Fault) -> bool {
    let tenant =
        test.tenant.as_deref().is_none_or(|t| t == fault.tenant.as_deref().unwrap_or(reserved::NO_TENANT));
    let is_own = |candidate: &Label| {
        let code = candidate.strip_prefix(own.provider).and_then(|rest| rest.strip_prefix(':'));
        code.is_some_and(|code| code == own.code || code == own.rule_code)
    };
    tenant
        && match (test.expect, fault.verdict) {
            (Expect::Match, Verdict::Match) => {
                fault.provider.as_deref() == Some(own.provider) && fault.code.as_deref() == Some(own.code)
            }
            (Expect::Ambiguous, Verdict::Ambiguous) => fault.candidates.iter().any(is_own),
            _ => false,
        }
}

/// Nothing where no verdict is expected.
fn expected(test: &InlineTest, own: Option<&Own<'_>>) -> Option<Expected> {
    let tenant = test.tenant.clone();
    match (test.expect, own) {
        (Expect::None, _) => None,
        (Expect::Match, Some(own)) => Some(Expected {
            verdict: Some(Verdict::Match),
            provider: Some(own.provider.to_owned()),
            code: Some(own.code.to_owned()),
            tenant,
            ..Expected::default()
        }),
        (Expect::Ambiguous, Some(own)) => Some(Expected {
            verdict: Some(Verdict::Ambiguous),
            tenant,
            candidates: Some(vec![format!("{}:{}", own.provider, own.code)]),
            ..Expected::default()
        }),
        (Expect::Match, None) => Some(Expected { verdict: Some(Verdict::Match), ..Expected::default() }),
        (Expect::Ambiguous, None) => {
            Some(Expected { verdict: Some(Verdict::Ambiguous), ..Expected::default() })
        }
        (Expect::Foreign, _) => Some(Expected { verdict: Some(Verdict::Foreign), ..Expected::default() }),
    }
}
