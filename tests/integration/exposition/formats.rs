//! Both formats as others read them: `promtool check metrics` the older, the strict parser of Python's `prometheus-client`
//! the newer. And that both say the same.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io::{ErrorKind, Write};
use std::process::{Command, Output, Stdio};

use faultline::event::CodeBook;
use faultline::export::{Filter, Format, View, render};
use faultline::ledger::{Ledger, Limits};
use faultline::telemetry::Telemetry;
use serde_json::Value;

use super::{Samples, full_ledger, parse};

const TEXT: View = View::whole(Format::Text);
const OPEN: View = View::whole(Format::OpenMetrics);

/// Runs a tool on a text; nothing when it is not installed, which is a failure where all of them are to be.
fn fed(tool: Option<&OsStr>, args: &[&str], test: &str, lacks: &str, text: &str) -> Option<Output> {
    let spawned = tool.ok_or(ErrorKind::NotFound.into()).and_then(|tool| {
        let piped = |_| Stdio::piped();
        Command::new(tool).args(args).stdin(piped(())).stdout(piped(())).stderr(piped(())).spawn()
    });
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) if error.kind() == ErrorKind::NotFound && std::env::var("CI").as_deref() != Ok("true") => {
            // Not with eprintln!, which the test harness keeps to itself.
            writeln!(std::io::stderr(), "SKIPPED {test}: {lacks}").expect("stderr is open");
            return None;
        }
        Err(error) => panic!("{tool:?} does not start: {error}"),
    };
    child.stdin.take().expect("it is piped").write_all(text.as_bytes()).expect("the tool reads all");
    Some(child.wait_with_output().expect("the tool ends"))
}

pub(crate) fn promtool_agrees(test: &str, text: &str) {
    let tool = Some(OsStr::new("promtool"));
    let lacks = "promtool is not installed";
    let Some(output) = fed(tool, &["check", "metrics"], test, lacks, text) else { return };
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success() && said.is_empty(), "{}\n{text}", String::from_utf8_lossy(&said));
}

#[test]
fn promtool_has_nothing_to_say_about_a_full_exposition() {
    let text = render(&TEXT, &full_ledger(), &Telemetry::of_this_build());
    promtool_agrees("promtool_has_nothing_to_say_about_a_full_exposition", &text);
}

/// Prints every family with its type and unit, and every sample, as JSON.
const PYTHON: &str = r#"
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
text = sys.stdin.buffer.read().decode("utf-8")
families = list(parse(text))
json.dump({
    "families": [[f.name, f.type, f.unit, f.documentation] for f in families],
    "samples": [[s.name, s.labels, s.value] for f in families for s in f.samples],
}, sys.stdout)
"#;

/// What the strict parser reads; nothing without the parser.
pub(crate) fn read_by_python(test: &str, text: &str) -> Option<(BTreeMap<String, [String; 3]>, Samples)> {
    let tool = std::env::var_os("FAULTLINE_TEST_PYTHON");
    let lacks = "FAULTLINE_TEST_PYTHON names no Python that has prometheus-client";
    let output = fed(tool.as_deref(), &["-c", PYTHON], test, lacks, text)?;
    assert!(output.status.success(), "{}\n{text}", String::from_utf8_lossy(&output.stderr));
    let read: Value = serde_json::from_slice(&output.stdout).expect("the script prints JSON");
    let text_of = |value: &Value| value.as_str().expect("a string").to_owned();
    let rows = |name: &str| read[name].as_array().expect("a list").clone();
    let families =
        rows("families").iter().map(|f| (text_of(&f[0]), [1, 2, 3].map(|i| text_of(&f[i])))).collect();
    let sample = |s: &Value| {
        let labels = s[1].as_object().expect("labels").iter().map(|(n, v)| (n.clone(), text_of(v)));
        ((text_of(&s[0]), labels.collect()), s[2].as_f64().expect("a number"))
    };
    Some((families, rows("samples").iter().map(sample).collect()))
}

/// Our own reading: all samples, and that families are whole, in one piece, and end.
fn parse_open(text: &str) -> (BTreeMap<String, [String; 3]>, Samples) {
    let body = text.strip_suffix("# EOF\n").expect("the end is told");
    assert!(!body.contains("# EOF"));
    let mut families = BTreeMap::new();
    let mut plain = String::new();
    let mut lines = body.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(help) = line.strip_prefix("# HELP ") else {
            plain.push_str(&format!("{line}\n"));
            continue;
        };
        let (name, help) = help.split_once(' ').expect("a help text");
        let after = |line: Option<&&str>, word: &str| {
            line.and_then(|line| Some(line.strip_prefix(&format!("# {word} {name} "))?.to_owned()))
        };
        let kind = after(lines.peek(), "TYPE").expect("a type follows");
        lines.next();
        let unit = after(lines.peek(), "UNIT").unwrap_or_default();
        if !unit.is_empty() {
            lines.next();
        }
        let suffix = match kind.as_str() {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        };
        let before = families.insert(name.to_owned(), [kind.clone(), unit, help.to_owned()]);
        assert!(before.is_none(), "{name} comes twice");
        // As the older format has it, so that one parser reads both.
        let kind = if kind == "counter" { "counter" } else { "gauge" };
        plain.push_str(&format!("# HELP {name}{suffix} {help}\n# TYPE {name}{suffix} {kind}\n"));
    }
    (families, parse(&plain))
}

#[test]
fn both_formats_say_the_same() {
    let (ledger, telemetry) = (full_ledger(), Telemetry::of_this_build());
    let changes = |(name, _): &(String, BTreeMap<String, String>)| name.starts_with("process_");
    let mut text = parse(&render(&TEXT, &ledger, &telemetry));
    let (families, mut open) = parse_open(&render(&OPEN, &ledger, &telemetry));
    assert_eq!(text.keys().collect::<Vec<_>>(), open.keys().collect::<Vec<_>>());
    assert!(text.keys().any(changes), "the process is told");
    text.retain(|key, _| !changes(key));
    open.retain(|key, _| !changes(key));
    assert_eq!(text, open);
    let of = |name: &str| families[name].each_ref().map(String::as_str);
    assert_eq!(of("faultline_code")[..2], ["info", ""]);
    assert_eq!(of("faultline_build")[..2], ["info", ""]);
    assert_eq!(of("faultline_errors")[..2], ["counter", ""]);
    assert_eq!(of("faultline_bytes")[..2], ["counter", "bytes"]);
    assert_eq!(of("faultline_pending_bytes")[..2], ["gauge", "bytes"]);
    assert_eq!(of("faultline_error_first_seen_timestamp_seconds")[..2], ["gauge", "seconds"]);
    assert_eq!(of("process_cpu_seconds")[..2], ["counter", "seconds"]);
}

/// The rule of the strict parser: what a family could call its samples is nobody else's name.
#[test]
fn no_name_of_the_ledger_meets_one_of_telemetry() {
    let telemetry = Telemetry::of_this_build();
    let (all, _) = parse_open(&render(&OPEN, &full_ledger(), &telemetry));
    let mut names = BTreeSet::new();
    for (family, [kind, ..]) in &all {
        let suffixes: &[&str] = match kind.as_str() {
            "counter" => &["", "_total", "_created"],
            "info" => &["", "_info"],
            _ => &[""],
        };
        for suffix in suffixes {
            assert!(names.insert(format!("{family}{suffix}")), "{family}{suffix} is taken");
        }
    }
    let counted: BTreeSet<_> = {
        let mut text = String::new();
        faultline::export::encode_ledger(&full_ledger(), &mut text);
        parse(&text).into_keys().map(|(name, _)| name).collect()
    };
    for family in telemetry.gather() {
        assert!(!counted.contains(&family.name), "{} is in both", family.name);
    }
}

#[test]
fn the_strict_parser_reads_what_we_wrote() {
    const SELF: &str = "the_strict_parser_reads_what_we_wrote";
    let empty = Ledger::new(Limits::default(), CodeBook::default());
    for ledger in [full_ledger(), empty] {
        let text = render(&OPEN, &ledger, &Telemetry::of_this_build());
        let (families, samples) = parse_open(&text);
        let Some((their_families, their_samples)) = read_by_python(SELF, &text) else { return };
        assert_eq!(their_samples, samples);
        assert_eq!(their_families, families);
    }
}

#[test]
fn births_of_counters_are_told_where_they_are_wanted() {
    const SELF: &str = "births_of_counters_are_told_where_they_are_wanted";
    let ledger = full_ledger();
    let text = render(&View { with_created: true, ..OPEN }, &ledger, &Telemetry::of_this_build());
    let lines: Vec<_> = text.lines().collect();
    let created =
        lines.iter().filter(|line| line.split(['{', ' ']).next().unwrap().ends_with("_created")).count();
    assert!(created > 20, "{text}");
    let place = lines.iter().position(|line| line.starts_with("faultline_foreign_total ")).unwrap();
    assert_eq!(lines[place + 1], "faultline_foreign_created 1700000000.250");
    assert!(!render(&OPEN, &ledger, &Telemetry::of_this_build()).contains("_created"));
    assert!(
        !render(&View { with_created: true, ..TEXT }, &ledger, &Telemetry::of_this_build())
            .contains("_created")
    );
    let Some((families, samples)) = read_by_python(SELF, &text) else { return };
    assert_eq!(samples.keys().filter(|(name, _)| name.ends_with("_created")).count(), created);
    assert!(families.keys().all(|name| !name.ends_with("_created")), "they belong to their counters");
}

#[test]
fn a_filtered_exposition_is_legal_and_so_is_an_empty_one() {
    const SELF: &str = "a_filtered_exposition_is_legal_and_so_is_an_empty_one";
    let (ledger, telemetry) = (full_ledger(), Telemetry::of_this_build());
    let filtered = |format, query| {
        let view = View { filter: Filter::of_query(query), ..View::whole(format) };
        render(&view, &ledger, &telemetry)
    };
    let few = "name[]=faultline_errors_total&name%5B%5D=faultline_build&name[]=process_cpu_seconds_total";
    let (families, samples) = parse_open(&filtered(Format::OpenMetrics, few));
    let names: Vec<_> = families.keys().map(String::as_str).collect();
    assert_eq!(names, ["faultline_build", "faultline_errors", "process_cpu_seconds"]);
    assert!(samples.len() > 3);
    let text = filtered(Format::Text, few);
    assert_eq!(parse(&text).keys().collect::<Vec<_>>(), samples.keys().collect::<Vec<_>>());
    promtool_agrees(SELF, &text);
    assert_eq!(filtered(Format::Text, "name[]=no_such_family"), "");
    assert_eq!(filtered(Format::OpenMetrics, "name[]=no_such_family"), "# EOF\n");
    for query in [few, "name[]="] {
        let text = filtered(Format::OpenMetrics, query);
        let Some((_, theirs)) = read_by_python(SELF, &text) else { return };
        assert_eq!(theirs.len(), text.lines().filter(|line| !line.starts_with('#')).count());
    }
}
