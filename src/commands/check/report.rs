//! What was found, for people and for machines.

use std::io::{self, Write};

use serde::Serialize;

use super::{Findings, Summary};
use crate::catalogue::diagnostic::{Diagnostic, Diagnostics};
use crate::commands::output::{counted, grouped};
use crate::commands::table::{self, Align, Heading};

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
        "{} and {} checked: {} with {}, {}, {}",
        counted(number(summary.config_files), "configuration file", "configuration files"),
        counted(number(summary.rule_files), "rule file", "rule files"),
        counted(number(summary.packs), "pack", "packs"),
        counted(number(summary.rules), "rule", "rules"),
        counted(number(summary.overlays), "overlay", "overlays"),
        counted(number(summary.sources), "source", "sources"),
    )?;
    if let Some(series) = &summary.series {
        let columns = [("at most on /metrics", Align::Left), ("series", Align::Right)];
        let metrics =
            series.metrics.iter().map(|(name, most)| vec![(*name).to_owned(), grouped(number(*most))]);
        let total =
            vec!["in all, and what the process tells of itself".to_owned(), grouped(number(series.total))];
        out.write_all(table::render(&columns, metrics.chain([total]), Heading::Plain).as_bytes())?;
    }
    if let Some(accepted) = summary.accepted_overlaps {
        writeln!(out, "{}", counted(number(accepted), "accepted overlap", "accepted overlaps"))?;
    }
    writeln!(out, "{errors}, {warnings}")
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
