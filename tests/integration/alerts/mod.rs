//! The alerts that are shipped: promtool agrees with them, each has cases that fire, stay quiet and resolve, its texts are
//! pinned, its runbook section is there, and it asks for nothing that the daemon does not expose.

mod files;
mod promql;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use self::files::{Case, RuleFile, Text, case_files, case_paths, repository};
use self::promql::{Selector, queries, scan};
use crate::cli::process::{Running, get, wait_for_sample};
use crate::exposition::{Samples, parse};
use crate::tools;

const RULES: &str = "deploy/prometheus/faultline.rules.yml";
const RUNBOOK: &str = "deploy/prometheus/runbook.md";

/// Runs promtool; what it said when it was not content.
fn promtool(args: &[&str], directory: &Path) -> Result<String, String> {
    let output = Command::new("promtool").args(args).current_dir(directory).output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    if output.status.success() { Ok(said) } else { Err(said) }
}

#[test]
fn promtool_agrees_with_the_rules_and_the_scrape_configuration() {
    if !tools::has("promtool_agrees_with_the_rules_and_the_scrape_configuration", "promtool") {
        return;
    }
    let directory = repository("deploy/prometheus");
    let said =
        promtool(&["check", "config", "prometheus.yml"], &directory).unwrap_or_else(|said| panic!("{said}"));
    let rules = RuleFile::read().rules().count();
    assert!(said.contains(&format!("SUCCESS: {rules} rules found")), "{said}");
}

#[test]
fn every_case_of_promtool_holds() {
    if !tools::has("every_case_of_promtool_holds", "promtool") {
        return;
    }
    let paths = case_paths();
    assert!(paths.len() >= 10, "{paths:?}");
    std::thread::scope(|scope| {
        let half = |odd: usize| {
            let paths = &paths;
            move || {
                for path in paths.iter().skip(odd).step_by(2) {
                    let file = path.to_str().unwrap();
                    promtool(&["test", "rules", file], &repository("."))
                        .unwrap_or_else(|said| panic!("{said}"));
                }
            }
        };
        scope.spawn(half(0));
        scope.spawn(half(1));
    });
}

#[test]
fn every_alert_has_a_case_that_fires_one_that_stays_quiet_and_one_that_resolves() {
    let (rules, files) = (RuleFile::read(), case_files());
    let cases: Vec<&Case> = files.iter().flat_map(|file| &file.tests).collect();
    for (alert, _) in rules.alerts() {
        let own = |holds: fn(&Case, &str) -> bool| {
            cases.iter().any(|case| case.is_about(alert) && holds(case, alert))
        };
        assert!(
            own(|case, alert| case.promql_expr_test.iter().any(|check| check.fires(alert))),
            "{alert} never fires"
        );
        assert!(
            own(|case, alert| case.promql_expr_test.iter().all(|check| !check.fires(alert))),
            "{alert} has no near miss"
        );
        assert!(own(resolves), "{alert} never resolves");
    }
    for case in cases {
        let (about, _) = case.name.split_once(": ").expect("a name says what it is about");
        for name in about.split(", ") {
            assert!(rules.alerts().any(|(alert, _)| alert == name), "no alert {name}: {}", case.name);
        }
        assert!(!case.input_series.is_empty() && !case.promql_expr_test.is_empty(), "{}", case.name);
    }
}

fn resolves(case: &Case, alert: &str) -> bool {
    let fired =
        case.promql_expr_test.iter().filter(|check| check.fires(alert)).map(|check| check.minutes()).max();
    let quiet =
        case.promql_expr_test.iter().filter(|check| !check.fires(alert)).map(|check| check.minutes()).max();
    fired.is_some_and(|fired| quiet > Some(fired))
}

/// A check that looks at one alert only would not see another that should be silent.
#[test]
fn every_check_compares_all_alerts_that_fire() {
    let rules = RuleFile::read();
    let groups: Vec<&str> = rules.groups.iter().map(|group| group.name.as_str()).collect();
    for file in case_files() {
        assert_eq!(file.group_eval_order, groups, "recording rules come before those that use them");
        assert_eq!(file.rule_files, [format!("../../{RULES}")]);
        assert!(
            file.evaluation_interval.ends_with('m')
                && file.tests.iter().all(|case| case.interval.ends_with('m'))
        );
        for check in file.tests.iter().flat_map(|case| &case.promql_expr_test) {
            assert_eq!(
                check.expr,
                "max by (alertname, provider, tenant, source, code, metric, label) (ALERTS{alertstate=\"firing\"})"
            );
            assert!(check.exp_samples.iter().all(|sample| sample.value == 1.0));
        }
    }
}

#[test]
fn every_alert_says_what_it_is_what_to_do_and_where_to_read_on() {
    let (rules, files) = (RuleFile::read(), case_files());
    let runbook = fs::read_to_string(repository(RUNBOOK)).unwrap();
    let pinned: BTreeSet<&str> = files
        .iter()
        .flat_map(|file| &file.tests)
        .flat_map(|case| &case.alert_rule_test)
        .filter(|text| {
            let is_whole =
                |text: &Text| text.exp_labels.contains_key("severity") && text.exp_annotations.len() == 4;
            text.exp_alerts.iter().any(is_whole) && text.eval_time.ends_with('m')
        })
        .map(|text| text.alertname.as_str())
        .collect();
    for (alert, rule) in rules.alerts() {
        assert!(alert.starts_with("Faultline"), "{alert}");
        let severity = rule.labels.get("severity").map(String::as_str);
        assert!(matches!(severity, Some("critical" | "warning" | "info")), "{alert}: {severity:?}");
        assert!(
            severity != Some("critical") || rule.lasting.is_some(),
            "{alert} wakes somebody for a moment's value"
        );
        let annotations: Vec<_> = rule.annotations.keys().map(String::as_str).collect();
        assert_eq!(annotations, ["description", "remediation", "runbook_url", "summary"], "{alert}");
        assert_eq!(rule.annotations["runbook_url"], format!("{RUNBOOK}#{}", alert.to_lowercase()));
        assert!(runbook.contains(&format!("\n## {alert}\n")), "{RUNBOOK} has no section {alert}");
        assert!(pinned.contains(alert), "no case shows the texts of {alert}");
    }
    let sections = runbook.lines().filter_map(|line| line.strip_prefix("## "));
    assert!(
        sections.eq(rules.alerts().map(|(alert, _)| alert)),
        "sections in the order of the file, and no other"
    );
    for text in files.iter().flat_map(|file| &file.tests).flat_map(|case| &case.alert_rule_test) {
        for value in text.exp_alerts.iter().flat_map(|text| text.exp_annotations.values()) {
            assert!(
                !value.is_empty()
                    && !value.contains("error expanding template")
                    && !value.contains("<no value>"),
                "{value}"
            );
        }
    }
}

/// What the head of the file tells operators to run.
#[test]
fn the_changes_that_the_head_of_the_file_shows_leave_it_valid() {
    if !tools::has("the_changes_that_the_head_of_the_file_shows_leave_it_valid", "promtool") {
        return;
    }
    let text = fs::read_to_string(repository(RULES)).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let copy = scratch.path().join("faultline.rules.yml");
    fs::write(&copy, &text).unwrap();
    let commands: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("#   sed ")).collect();
    assert_eq!(commands.len(), 2);
    for command in commands {
        let done = Command::new("sh")
            .args(["-c", &format!("sed {command}")])
            .current_dir(&scratch)
            .status()
            .unwrap();
        assert!(done.success());
    }
    let changed = fs::read_to_string(&copy).unwrap();
    let body = |text: &str| text.split_once("\ngroups:\n").unwrap().1.to_owned();
    assert!(!body(&changed).contains("by (job") && !body(&changed).contains("on (job"), "{changed}");
    assert_eq!(body(&changed).matches("runbook_url: https://").count(), RuleFile::read().alerts().count());
    promtool(&["check", "rules", "faultline.rules.yml"], scratch.path())
        .unwrap_or_else(|said| panic!("{said}"));
    let case = fs::read_to_string(repository("tests/alerts/outage.yml")).unwrap();
    let case = case
        .replace("../../deploy/prometheus/", "")
        .replace("runbook_url: '", "runbook_url: 'https://git.example.com/faultline/blob/main/");
    fs::write(scratch.path().join("outage.yml"), case).unwrap();
    promtool(&["test", "rules", "outage.yml"], scratch.path()).unwrap_or_else(|said| panic!("{said}"));
}

/// What the sample of the README and a few more lines lead to.
fn exposed() -> Samples {
    let mut daemon = Running::daemon(&[]);
    let address = daemon.address();
    daemon.write(&fs::read(repository("tests/cases/readme/sample.log")).unwrap());
    daemon.write(b"ERROR drm tenant=acme MDRM-599\n{\"level\":\"error\",\"errorCode\":\"E0000009\",\"errorSummary\":\"Internal Server Error\",\"errorId\":\"x\"}\n");
    wait_for_sample(&address, "faultline_lines_total{source=\"stdin\"} 12");
    let scrape = get(&address, "/metrics");
    parse(scrape.split_once("\r\n\r\n").unwrap().1)
}

/// Labels that Prometheus adds.
const OF_A_TARGET: [&str; 2] = ["job", "instance"];

#[test]
fn no_expression_and_no_case_asks_for_what_is_not_exposed() {
    let (rules, samples) = (RuleFile::read(), exposed());
    let mut exposed = BTreeMap::<&str, BTreeMap<&str, BTreeSet<&str>>>::new();
    for (name, labels) in samples.keys() {
        let family = exposed.entry(name).or_default();
        for (label, value) in labels {
            family.entry(label).or_default().insert(value);
        }
    }
    for input in case_files().iter().flat_map(|file| &file.tests).flat_map(|case| &case.input_series) {
        let selector = scan(&input.series).selectors.remove(0);
        assert!(!input.values.is_empty());
        if selector.name != "up" {
            let family =
                exposed.get(&*selector.name).unwrap_or_else(|| panic!("{} is not exposed", selector.name));
            for (label, ..) in selector.matchers.iter().filter(|(label, ..)| !OF_A_TARGET.contains(&&**label))
            {
                assert!(family.contains_key(&**label), "{} has no label {label}", selector.name);
            }
        }
    }
    let recorded: BTreeSet<&str> = rules.rules().filter_map(|rule| rule.record.as_deref()).collect();
    let mut asked_for = 0;
    for rule in rules.rules() {
        let in_texts = rule.annotations.values().flat_map(|template| queries(template));
        for expression in std::iter::once(rule.expr.clone()).chain(in_texts) {
            let asked = scan(&expression);
            for selector in &asked.selectors {
                asked_for += 1;
                if selector.name == "up" || recorded.contains(&*selector.name) {
                    continue;
                }
                let family = exposed.get(&*selector.name);
                check_matchers(
                    selector,
                    family.unwrap_or_else(|| panic!("{} is not exposed", selector.name)),
                );
            }
            for label in &asked.labels {
                let of_target = OF_A_TARGET.contains(&&**label);
                assert!(
                    of_target || exposed.values().any(|family| family.contains_key(&**label)),
                    "label {label}"
                );
            }
        }
    }
    assert!(asked_for > 60, "{asked_for}");
}

fn check_matchers(selector: &Selector, family: &BTreeMap<&str, BTreeSet<&str>>) {
    // Values that are there in some expositions only.
    const RESERVED: [&str; 4] = ["-", "_other", "_unknown", "rate_limit"];
    for (label, operator, value) in &selector.matchers {
        if OF_A_TARGET.contains(&&**label) {
            continue;
        }
        let values = family.get(&**label).unwrap_or_else(|| panic!("{} has no label {label}", selector.name));
        let asked: Vec<&str> = if operator.ends_with('~') { value.split('|').collect() } else { vec![value] };
        for value in asked.into_iter().filter(|value| *value != "x") {
            assert!(
                values.contains(value) || RESERVED.contains(&value),
                "{}{{{label}=\"{value}\"}} is not exposed: {values:?}",
                selector.name
            );
        }
    }
}
