//! `explain`: what a code means, or why a line was judged as it was.
//!
//! `codes` answers for codes, names, rule ids and messages, `line` tells the steps of one record's judgement in the order
//! in which they were taken, `overlay` looks for four lines of YAML that would settle it. Each answers in text (`page`)
//! and in JSON. The judgement is the engine's own: nothing here decides anything.

mod codes;
mod line;
mod line_outcome;
mod line_json;
mod overlay;
mod page;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;

use super::{Exit, Outcome, Trouble, output};
use crate::catalogue;
use crate::catalogue::load::{RuleFile, Rules};
use crate::config::{self, Settings};
use crate::event::Origin;
use crate::pipeline::{Engine, Join, Options as Pipeline, Times};
use crate::source::origin;
use crate::world::Disk;
use page::Page;

#[derive(Debug, Clone)]
pub struct Options {
    pub question: Question,
    pub format: Format,
}

#[derive(Debug, Clone)]
pub enum Question {
    Codes {
        questions: Vec<String>,
        /// Only rules of this provider.
        provider: Option<String>,
    },
    Line {
        /// `-` reads standard input; all of it is one record.
        text: OsString,
        /// The file that it came from.
        path: Option<PathBuf>,
        topic: Option<String>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Text,
    Json,
}

/// The rules as they were written and as the engine reads them.
struct Book {
    added: Vec<RuleFile>,
    rules: Rules,
    engine: Arc<Engine>,
}

impl Book {
    fn open(added: Vec<RuleFile>) -> anyhow::Result<Book> {
        let rules = config::load_rules(&added)?;
        let engine = Arc::new(Engine::new(catalogue::compile(&rules)));
        Ok(Book { added, rules, engine })
    }
}

pub fn run(settings: &Settings, options: &Options) -> Outcome {
    let added = config::read_rules(&settings.rules.dirs).map_err(Trouble::NotStarted)?;
    let book = Book::open(added).map_err(Trouble::NotStarted)?;
    match &options.question {
        Question::Codes { questions, provider } => {
            codes::run(&book, questions, provider.as_deref(), options.format)
        }
        Question::Line { text, path, topic } => {
            let (record, cut) = record(settings, text)?;
            // As `run` and `scan` name a file.
            let origin = path.as_ref().map_or_else(Origin::default, |path| origin::of_file(&Disk, path).0);
            let pipeline = Pipeline {
                origin: Origin { topic: topic.clone(), ..origin },
                ..settings.pipeline("explain", Join::Events, Times::Arrival)
            };
            let explained = book.engine.explain(&record, cut, &pipeline);
            let advice = overlay::advise(&book, &record, cut, &pipeline, &explained);
            let series = counted(settings, &book, &explained);
            let told = line::Told {
                book: &book,
                record: &record,
                origin: &pipeline.origin,
                cut,
                explained,
                advice,
                series,
            };
            match options.format {
                Format::Text => print(&line::text(&told, Page::for_stdout())),
                Format::Json => print(&format!("{:#}\n", line_json::json(&told))),
            }?;
            Ok(Exit::Done)
        }
    }
}

/// The bytes to judge, cut at the limit of a line, and whether they were.
fn record(settings: &Settings, text: &OsString) -> Result<(Vec<u8>, bool), Trouble> {
    let max = settings.limits.line_bytes_max;
    let mut record = Vec::new();
    if text == "-" {
        let stdin = io::stdin().lock();
        stdin
            .take(max as u64 + 1)
            .read_to_end(&mut record)
            .context("reading standard input")
            .map_err(Trouble::Failed)?;
    } else {
        record.extend_from_slice(text.as_encoded_bytes());
    }
    let cut = record.len() > max;
    record.truncate(max);
    Ok((record, cut))
}

/// The series that the record would raise, as a scrape shows them.
fn counted(settings: &Settings, book: &Book, explained: &crate::pipeline::Explained<'_>) -> Vec<String> {
    const SHOWN: [&str; 5] = [
        "faultline_errors_total",
        "faultline_tenant_errors_total",
        "faultline_ambiguous_total",
        "faultline_foreign_total",
        "faultline_tenant_rejected_total",
    ];
    let mut ledger = settings.ledger(&book.engine);
    ledger.commit(explained.counted.clone());
    let mut text = String::new();
    crate::export::encode_ledger(&ledger, &mut text);
    let raised = |line: &&str| {
        let name = line.split(['{', ' ']).next().unwrap_or_default();
        SHOWN.contains(&name) && !line.ends_with(" 0")
    };
    text.lines().filter(raised).map(str::to_owned).collect()
}

fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// A line on stderr for each question that has no answer.
fn complain(lines: &[String]) {
    lines.iter().for_each(|line| output::complain(format_args!("{line}")));
}
