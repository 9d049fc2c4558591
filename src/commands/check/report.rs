//! What was found, for people and for machines.

use std::io::{self, Write};

use serde::Serialize;

use super::{Findings, Series, Summary};
use crate::catalogue::diagnostic::{Diagnostic, Diagnostics};
use crate::commands::output::{counted, grouped};
use crate::commands::table::{self, Align, Heading};

/// Series of a metric that gets a row of its own.
const LARGE_MIN: usize = 100;

/// Findings on stderr, place first, errors before warnings, then their number; the summary on stdout.
pub(super) fn text(findings: &Findings, summary: &Summary) -> io::Result<()> {
    let mut err = io::stderr().lock();
    for part in [&findings.errors, &findings.warnings] {
        // A closed stderr is nobody's trouble.
        let _ = write!(err, "{}", Diagnostics::new(part.clone()));
    }
    let number = |many: usize| many as u64;
    let errors = counted(number(findings.errors.len()), "error", "errors");
    let warnings = counted(number(findings.warnings.len()), "warning", "warnings");
    if !findings.errors.is_empty() {
        let _ = writeln!(err, "{errors}, {warnings}");
        return Ok(());
    }
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{}: {} with {}, {}, {}",
        checked(summary),
        counted(number(summary.packs), "pack", "packs"),
        counted(number(summary.rules), "rule", "rules"),
        counted(number(summary.overlays), "overlay", "overlays"),
        counted(number(summary.sources), "source", "sources"),
    )?;
    if let Some(series) = &summary.series {
        out.write_all(worst_case(series).as_bytes())?;
    }
    if let Some(accepted) = summary.accepted_overlaps {
        writeln!(out, "{}", counted(number(accepted), "accepted overlap", "accepted overlaps"))?;
    }
    writeln!(out, "{errors}, {warnings}")
}

/// `1 configuration file and 2 rule files checked`
fn checked(summary: &Summary) -> String {
    let of = |number: usize, one, many| (number > 0).then(|| counted(number as u64, one, many));
    let files = [
        of(summary.config_files, "configuration file", "configuration files"),
        of(summary.rule_files, "rule file", "rule files"),
    ];
    let files: Vec<String> = files.into_iter().flatten().collect();
    if files.is_empty() {
        "the built-in rules checked".to_owned()
    } else {
        format!("{} checked", files.join(" and "))
    }
}

/// The metrics that can get large, the rest in one row, and the sum.
fn worst_case(Series { metrics, total }: &Series) -> String {
    let (large, small): (Vec<_>, Vec<_>) = metrics.iter().partition(|(_, most)| *most >= LARGE_MIN);
    let row = |name: String, most: usize| vec![name, grouped(most as u64)];
    let mut rows: Vec<_> = large.iter().map(|(name, most)| row((*name).to_owned(), *most)).collect();
    let rest = small.iter().map(|(_, most)| most).sum();
    rows.push(row(format!("{} other metrics", small.len()), rest));
    rows.push(row("in all, besides the process itself".to_owned(), *total));
    table::render(&[("on /metrics", Align::Left), ("series at most", Align::Right)], rows, Heading::Plain)
}

#[derive(Serialize)]
struct Answer<'a> {
    errors: usize,
    warnings: usize,
    findings: Vec<Finding<'a>>,
    summary: &'a Summary,
}

#[derive(Serialize)]
struct Finding<'a> {
    severity: &'static str,
    file: &'a str,
    line: usize,
    column: usize,
    message: &'a str,
    hint: Option<&'a str>,
}

/// One object, errors first.
pub(super) fn json(findings: &Findings, summary: &Summary) -> io::Result<()> {
    let one = |severity: &'static str| {
        move |found| {
            let Diagnostic { file, line, column, message, hint, .. }: &Diagnostic = found;
            let message = message.strip_prefix("warning: ").unwrap_or(message);
            Finding { severity, file, line: *line, column: *column, message, hint: hint.as_deref() }
        }
    };
    let errors = findings.errors.iter().map(one("error"));
    let answer = Answer {
        errors: findings.errors.len(),
        warnings: findings.warnings.len(),
        findings: errors.chain(findings.warnings.iter().map(one("warning"))).collect(),
        summary,
    };
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &answer)?;
    out.write_all(b"\n")
}
