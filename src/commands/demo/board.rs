//! What the demo shows: on a terminal a small table that is drawn over itself every second, else a line now and then.

use std::io::{self, IsTerminal, Write};

use crate::commands::output::{counted, grouped};
use crate::commands::table::{Align, Heading, render};
use crate::event::{Label, Seen};
use crate::ledger::Ledger;

/// Seconds between two lines where nobody watches.
const QUIET_SECONDS: u64 = 5;
const ROWS: usize = 10;
const REMEDIATION_CHARS_MAX: usize = 60;

pub struct Board<W> {
    out: W,
    seconds: u64,
    /// Lines of the table that stands on the terminal now.
    drawn: usize,
    is_watched: bool,
}

impl<W: Write + IsTerminal> Board<W> {
    pub fn new(out: W) -> Board<W> {
        let is_watched = out.is_terminal();
        Board { out, seconds: 0, drawn: 0, is_watched }
    }

    /// To be called once a second.
    pub fn second(&mut self, ledger: &Ledger) -> io::Result<()> {
        self.seconds += 1;
        if self.is_watched {
            return self.redraw(ledger);
        }
        if self.seconds.is_multiple_of(QUIET_SECONDS) {
            writeln!(self.out, "{}", line(ledger))?;
            self.out.flush()?;
        }
        Ok(())
    }

    fn redraw(&mut self, ledger: &Ledger) -> io::Result<()> {
        let text = table(ledger, Heading::for_stream(&self.out));
        let mut frame = String::new();
        if self.drawn > 0 {
            frame.push_str(&format!("\x1b[{}A", self.drawn));
        }
        for line in text.lines() {
            frame.push_str(line);
            // What is left of a longer line of the last frame.
            frame.push_str("\x1b[K\n");
        }
        frame.push_str("\x1b[J");
        self.drawn = text.lines().count();
        self.out.write_all(frame.as_bytes())?;
        self.out.flush()
    }
}

/// One provider's category.
struct Row {
    provider: Label,
    category: Label,
    errors: u64,
    top_code: Label,
    top_count: u64,
    tenants: Vec<(Label, u64)>,
}

fn rows(ledger: &Ledger) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for (key, Seen { count, .. }) in ledger.errors() {
        let (provider, category) = (&key.provider, &key.category);
        let place = rows.iter().position(|row| row.provider == *provider && row.category == *category);
        let place = place.unwrap_or_else(|| {
            let [provider, category, top_code] = [provider, category, &key.code].map(Label::clone);
            rows.push(Row { provider, category, errors: 0, top_code, top_count: 0, tenants: Vec::new() });
            rows.len() - 1
        });
        let row = &mut rows[place];
        row.errors += count;
        if *count > row.top_count {
            (row.top_code, row.top_count) = (key.code.clone(), *count);
        }
    }
    for (key, Seen { count, .. }) in ledger.tenants() {
        let row = rows.iter_mut().find(|row| row.provider == key.provider && row.category == key.category);
        if let Some(row) = row {
            row.tenants.push((key.tenant.clone(), *count));
        }
    }
    for row in &mut rows {
        row.tenants.sort_by(|(a, count_a), (b, count_b)| count_b.cmp(count_a).then_with(|| a.cmp(b)));
    }
    rows.sort_by(|a, b| {
        b.errors.cmp(&a.errors).then_with(|| (&a.provider, &a.category).cmp(&(&b.provider, &b.category)))
    });
    rows
}

fn table(ledger: &Ledger, heading: Heading) -> String {
    let columns = [
        ("PROVIDER", Align::Left),
        ("CATEGORY", Align::Left),
        ("ERRORS", Align::Right),
        ("TOP CODE", Align::Left),
        ("TENANTS", Align::Left),
        ("WHAT TO DO", Align::Left),
    ];
    let rows = rows(ledger);
    let cells = rows.iter().take(ROWS).map(|row| {
        let tenants: Vec<&str> = row.tenants.iter().take(2).map(|(tenant, _)| &**tenant).collect();
        let more = row.tenants.len().saturating_sub(tenants.len());
        let tenants = if more > 0 { format!("{} +{more}", tenants.join(" ")) } else { tenants.join(" ") };
        let advice = ledger.code_info(&row.provider, &row.top_code).map_or("", |info| &info.remediation);
        vec![
            row.provider.to_string(),
            row.category.to_string(),
            grouped(row.errors),
            shortened(&row.top_code, 36),
            tenants,
            shortened(advice, REMEDIATION_CHARS_MAX),
        ]
    });
    format!("\n{}\n{}\n", render(&columns, cells, heading), line(ledger))
}

fn shortened(text: &str, chars_max: usize) -> String {
    if text.chars().count() <= chars_max {
        return text.to_owned();
    }
    text.chars().take(chars_max - 1).chain(['…']).collect()
}

fn line(ledger: &Ledger) -> String {
    let totals = ledger.totals();
    let top = rows(ledger).into_iter().next();
    let top = top.map_or_else(String::new, |row| {
        format!("; most: {} {} ({})", row.provider, row.top_code, grouped(row.top_count))
    });
    format!(
        "{}: {} of known providers, {} ambiguous, {} foreign{top}",
        counted(totals.counts.lines, "line", "lines"),
        counted(totals.errors, "error", "errors"),
        grouped(totals.ambiguous),
        grouped(totals.foreign),
    )
}
