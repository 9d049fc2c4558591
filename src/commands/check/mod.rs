//! `check`: everything that is wrong with configurations and rule files, all at once. Opens no source and binds no port.
//!
//! `gather` reads what there is to check, `report` says what came of it. A configuration is checked with its includes and
//! its rule directories; rule files that are named go through the same door as if they lay in such a directory.

mod gather;
mod report;

use std::path::PathBuf;

use super::{Exit, Outcome};
use crate::catalogue::diagnostic::{Diagnostic, Diagnostics};
use crate::config::Flags;

#[derive(Debug, Clone)]
pub struct Options {
    /// Configurations and rule files, told apart by what stands in them; none: what the flags name.
    pub files: Vec<PathBuf>,
    /// Also what is allowed and yet likely a mistake.
    pub lint: bool,
    pub format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Findings on stderr, a summary on stdout.
    Text,
    /// One object on stdout.
    Json,
}

/// What was found.
#[derive(Debug, Default)]
struct Findings {
    errors: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
}

impl Findings {
    /// By file and place, each once.
    fn sorted(self) -> Findings {
        let sorted = |all| Diagnostics::new(all).into_vec();
        Findings { errors: sorted(self.errors), warnings: sorted(self.warnings) }
    }
}

/// What was looked at.
#[derive(Debug, Default, serde::Serialize)]
struct Summary {
    config_files: usize,
    /// Besides the built-in ones.
    rule_files: usize,
    packs: usize,
    rules: usize,
    overlays: usize,
    sources: usize,
    /// Overlaps between packs that the accepted list names; of a lint only.
    #[serde(skip_serializing_if = "Option::is_none")]
    accepted_overlaps: Option<usize>,
    /// How many samples /metrics can get at most, where nothing is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    series: Option<Series>,
}

/// In the order of an exposition.
#[derive(Debug, serde::Serialize)]
struct Series {
    metrics: Vec<(&'static str, usize)>,
    total: usize,
}

pub fn run(flags: &Flags, options: &Options) -> Outcome {
    let mut findings = Findings::default();
    let summary = gather::check(flags, options, &mut findings);
    let findings = findings.sorted();
    match options.format {
        Format::Text => report::text(&findings, &summary)?,
        Format::Json => report::json(&findings, &summary)?,
    }
    Ok(if findings.errors.is_empty() { Exit::Done } else { Exit::Wrong })
}
