//! What a scan says at its end: a table for people, one JSON object, or an exposition.

use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;

use super::tally::{RowKey, Tally};
use super::{Format, Options, Problem};
use crate::commands::output::{bytes, counted, grouped, seconds, time, time_rfc3339};
use crate::commands::table::{Align, Heading, render};
use crate::event::{CodeInfo, Seen, SkipReason};
use crate::export;

/// Codes whose remediation is shown.
const ADVICE_MAX: usize = 5;

pub fn write(
    out: &mut impl Write,
    options: &Options,
    tally: &Tally,
    problems: &[Problem],
    took: Duration,
) -> io::Result<()> {
    match options.format {
        Format::Table => table(out, options, tally, took),
        Format::Json => json(out, tally, problems),
        Format::Prometheus => {
            let mut text = String::new();
            export::encode_ledger(tally.ledger(), &mut text);
            out.write_all(text.as_bytes())
        }
    }
}

fn table(out: &mut impl Write, options: &Options, tally: &Tally, took: Duration) -> io::Result<()> {
    errors(out, options, tally)?;
    advice(out, tally)?;
    unsettled(out, tally)?;
    totals(out, tally, took)
}

fn errors(out: &mut impl Write, options: &Options, tally: &Tally) -> io::Result<()> {
    let rows = tally.rows();
    if rows.is_empty() {
        return writeln!(out, "No provider's error was found.\n");
    }
    let columns = [
        ("PROVIDER", Align::Left),
        ("CATEGORY", Align::Left),
        ("CODE", Align::Left),
        ("TENANT", Align::Left),
        ("COUNT", Align::Right),
        ("FIRST (UTC)", Align::Left),
        ("LAST (UTC)", Align::Left),
    ];
    let shown = if options.top == 0 { rows.len() } else { options.top.min(rows.len()) };
    let cells = rows[..shown].iter().map(|(key, seen)| {
        let RowKey { provider, category, code, tenant } = key;
        let labels = [provider, category, code, tenant].map(|label| label.to_string());
        labels.into_iter().chain([grouped(seen.count), time(seen.first), time(seen.last)]).collect()
    });
    out.write_all(render(&columns, cells, Heading::for_stream(&io::stdout())).as_bytes())?;
    if shown < rows.len() {
        let more: u64 = rows[shown..].iter().map(|(_, seen)| seen.count).sum();
        let left = counted((rows.len() - shown) as u64, "row", "rows");
        writeln!(out, "… {left} more with {}; --top 0 shows all", counted(more, "error", "errors"))?;
    }
    writeln!(out)
}

/// What to do about the most frequent codes.
fn advice(out: &mut impl Write, tally: &Tally) -> io::Result<()> {
    let ledger = tally.ledger();
    let mut codes: Vec<_> = ledger
        .errors()
        .filter_map(|(key, seen)| Some((key, seen, ledger.code_info(&key.provider, &key.code)?)))
        .collect();
    codes.sort_by(|(a, seen_a, _), (b, seen_b, _)| seen_b.count.cmp(&seen_a.count).then_with(|| a.cmp(b)));
    if codes.is_empty() {
        return Ok(());
    }
    writeln!(out, "What to do")?;
    for (key, seen, CodeInfo { severity, remediation, .. }) in codes.into_iter().take(ADVICE_MAX) {
        let count = grouped(seen.count);
        writeln!(out, "  {} {} ({count}, {severity}): {remediation}", key.provider, key.code)?;
    }
    writeln!(out)
}

fn unsettled(out: &mut impl Write, tally: &Tally) -> io::Result<()> {
    let ledger = tally.ledger();
    let mut rows: Vec<_> = ledger.ambiguous().collect();
    rows.sort_by(|(a, seen_a), (b, seen_b)| seen_b.count.cmp(&seen_a.count).then_with(|| a.cmp(b)));
    if !rows.is_empty() {
        let all: u64 = rows.iter().map(|(_, seen)| seen.count).sum();
        writeln!(
            out,
            "Ambiguous: {} whose provider or code is not settled (_open)",
            counted(all, "error", "errors")
        )?;
        let cells = rows.iter().take(10).map(|(key, seen)| {
            vec![format!("  {}", key.provider), key.code.to_string(), grouped(seen.count)]
        });
        let columns = [("  PROVIDER", Align::Left), ("CODE", Align::Left), ("COUNT", Align::Right)];
        out.write_all(render(&columns, cells, Heading::for_stream(&io::stdout())).as_bytes())?;
        if rows.len() > 10 {
            writeln!(out, "  … {} more", counted(rows.len() as u64 - 10, "row", "rows"))?;
        }
        writeln!(out)?;
    }
    if ledger.foreign() > 0 {
        let foreign = counted(ledger.foreign(), "error", "errors");
        writeln!(out, "Foreign: {foreign} of somebody whose catalogue is not loaded\n")?;
    }
    Ok(())
}

fn totals(out: &mut impl Write, tally: &Tally, took: Duration) -> io::Result<()> {
    let totals = tally.ledger().totals();
    let counts = &totals.counts;
    let read = counted(counts.lines, "line", "lines");
    writeln!(out, "{read}, {} in {}", bytes(counts.bytes), seconds(took))?;
    writeln!(
        out,
        "{} with an error, {} ambiguous, {} foreign, {} without",
        grouped(counts.matched),
        grouped(counts.ambiguous_lines),
        grouped(counts.foreign_lines),
        grouped(counts.unmatched),
    )?;
    if counts.oversized > 0 {
        writeln!(out, "{} cut at the line limit", counted(counts.oversized, "line was", "lines were"))?;
    }
    for (reason, skipped) in SkipReason::ALL.iter().zip(counts.skipped).filter(|(_, skipped)| *skipped > 0) {
        writeln!(out, "{} not looked at: {}", bytes(skipped), reason.name())?;
    }
    Ok(())
}

#[derive(Serialize)]
struct Report<'a> {
    lines: u64,
    bytes: u64,
    lines_matched: u64,
    lines_ambiguous: u64,
    lines_foreign: u64,
    lines_unmatched: u64,
    lines_undecodable: u64,
    lines_oversized: u64,
    bytes_skipped: serde_json::Map<String, serde_json::Value>,
    errors: Vec<ErrorRow<'a>>,
    ambiguous: Vec<AmbiguousRow<'a>>,
    foreign: u64,
    problems: Vec<ProblemRow<'a>>,
}

#[derive(Serialize)]
struct ErrorRow<'a> {
    provider: &'a str,
    category: &'a str,
    code: &'a str,
    tenant: &'a str,
    count: u64,
    first: Option<String>,
    last: Option<String>,
    severity: Option<&'a str>,
    remediation: Option<&'a str>,
}

#[derive(Serialize)]
struct AmbiguousRow<'a> {
    provider: &'a str,
    code: &'a str,
    count: u64,
}

#[derive(Serialize)]
struct ProblemRow<'a> {
    input: &'a str,
    message: &'a str,
}

fn json(out: &mut impl Write, tally: &Tally, problems: &[Problem]) -> io::Result<()> {
    let ledger = tally.ledger();
    let counts = ledger.totals().counts;
    let mut ambiguous: Vec<_> = ledger.ambiguous().collect();
    ambiguous.sort_by(|(a, _), (b, _)| a.cmp(b));
    let report = Report {
        lines: counts.lines,
        bytes: counts.bytes,
        lines_matched: counts.matched,
        lines_ambiguous: counts.ambiguous_lines,
        lines_foreign: counts.foreign_lines,
        lines_unmatched: counts.unmatched,
        lines_undecodable: counts.undecodable,
        lines_oversized: counts.oversized,
        bytes_skipped: SkipReason::ALL
            .iter()
            .map(|r| r.name().to_owned())
            .zip(counts.skipped.map(Into::into))
            .collect(),
        errors: tally.rows().into_iter().map(|(key, seen)| error_row(tally, key, seen)).collect(),
        ambiguous: ambiguous
            .into_iter()
            .map(|(key, seen)| AmbiguousRow { provider: &key.provider, code: &key.code, count: seen.count })
            .collect(),
        foreign: ledger.foreign(),
        problems: problems.iter().map(|p| ProblemRow { input: &p.input, message: &p.message }).collect(),
    };
    serde_json::to_writer_pretty(&mut *out, &report)?;
    writeln!(out)
}

fn error_row<'a>(tally: &'a Tally, key: &'a RowKey, seen: &Seen) -> ErrorRow<'a> {
    let info = tally.ledger().code_info(&key.provider, &key.code);
    ErrorRow {
        provider: &key.provider,
        category: &key.category,
        code: &key.code,
        tenant: &key.tenant,
        count: seen.count,
        first: time_rfc3339(seen.first),
        last: time_rfc3339(seen.last),
        severity: info.map(|info| &*info.severity),
        remediation: info.map(|info| &*info.remediation),
    }
}
