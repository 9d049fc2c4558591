//! Runs the inline tests of rule files through the pipeline: does each line give the verdict its rule promises?
//!
//! A pack's test speaks of its own rule: `match` is this rule's code of this provider, `ambiguous` that this rule is
//! among the candidates. Judged as one record each, wrappers included. Pure; `commands` and tests report the failures.

use std::sync::Arc;

use crate::catalogue::load::Rules;
use crate::catalogue::schema::{Expect, InlineTest};
use crate::event::{Fault, Verdict, reserved};
use crate::pipeline::{Engine, Options, Pipeline};

/// A test whose line gave something else.
#[derive(Debug)]
pub struct Failure {
    /// `provider.rule`, or `foreign/list`.
    pub rule: String,
    pub line: String,
    pub expected: String,
    pub found: Vec<Fault>,
}

/// What came of all inline tests.
#[derive(Debug, Default)]
pub struct Report {
    pub passed: usize,
    pub failures: Vec<Failure>,
}

/// Runs every inline test of `rules` on the engine that was built of them.
pub fn prove(rules: &Rules, engine: &Arc<Engine>) -> Report {
    let mut pipeline = Pipeline::new(Arc::clone(engine), Options::new("test".into()));
    let mut report = Report::default();
    for pack in &rules.packs {
        for rule in &pack.rules {
            for test in &rule.tests {
                let own = Own {
                    provider: &pack.provider.id,
                    code: test.code.as_deref().unwrap_or(&rule.code),
                    rule_code: &rule.code,
                };
                run(&mut pipeline, &mut report, format!("{}.{}", pack.provider.id, rule.id), test, Some(own));
            }
        }
    }
    for list in &rules.foreign {
        for test in &list.tests {
            run(&mut pipeline, &mut report, format!("foreign/{}", list.foreign.id), test, None);
        }
    }
    report
}

/// What a pack's test speaks of.
struct Own<'a> {
    provider: &'a str,
    code: &'a str,
    rule_code: &'a str,
}

fn run(pipeline: &mut Pipeline, report: &mut Report, rule: String, test: &InlineTest, own: Option<Own<'_>>) {
    let found = pipeline.classify(test.line.as_bytes()).faults;
    let good = match test.expect {
        Expect::None => found.is_empty(),
        Expect::Foreign => found.iter().any(|f| f.verdict == Verdict::Foreign),
        Expect::Match | Expect::Ambiguous => own.is_some_and(|own| found.iter().any(|f| fits(test, &own, f))),
    };
    if good {
        report.passed += 1;
    } else {
        report.failures.push(Failure { rule, line: test.line.clone(), expected: expected(test), found });
    }
}

fn fits(test: &InlineTest, own: &Own<'_>, fault: &Fault) -> bool {
    let tenant =
        test.tenant.as_deref().is_none_or(|t| t == fault.tenant.as_deref().unwrap_or(reserved::NO_TENANT));
    let candidate = format!("{}:{}", own.provider, own.rule_code);
    tenant
        && match (test.expect, fault.verdict) {
            (Expect::Match, Verdict::Match) => {
                fault.provider.as_deref() == Some(own.provider) && fault.code.as_deref() == Some(own.code)
            }
            (Expect::Ambiguous, Verdict::Ambiguous) => fault.candidates.iter().any(|c| **c == *candidate),
            _ => false,
        }
}

fn expected(test: &InlineTest) -> String {
    let mut text = format!("{:?}", test.expect).to_lowercase();
    for (name, value) in [("code", &test.code), ("tenant", &test.tenant)] {
        if let Some(value) = value {
            text.push_str(&format!(" {name} {value}"));
        }
    }
    text
}
