//! The flags of the commands for those who write configurations, rule files and cases.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::commands::{Outcome, check, logging, test};
use crate::config::{Flags, Settings};

/// Say everything that is wrong with configurations and rule files
///
/// Configuration, includes, packs and overlays: every mistake at once with file, line and column, then their number. Opens
/// no source and binds no port. Files are told apart by what stands in them; rule files are checked beside the built-in
/// packs as if they lay in a rule directory. Without a file: what --config.file and --rules.dir name.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  faultline check --config.file /etc/faultline/faultline.yaml\n  \
    faultline check faultline.yaml rules/our-names.yaml\n  faultline check --lint my-rules/\n  \
    faultline check --format json overlay.yaml | jq -r '.findings[].message'")]
pub(super) struct Check {
    /// Configurations, rule files, or directories of them
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Also say what is allowed and likely a mistake: texts of several packs, rules that nothing finds, wide hosts
    #[arg(long)]
    lint: bool,
    /// Findings on stderr as text, or one JSON object on stdout
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// Run the tests of rule files and case files
///
/// The tests that stand in rule files, and case files (*.jsonl: a record a line with the verdicts it must give). A directory
/// may hold both; its rule files are loaded beside the built-in ones, or in the place of those they replace. Without a
/// name, the tests of the built-in packs and of --rules.dir run. A failing test shows what was expected beside what came.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  faultline test\n  faultline test my-rules/\n  \
    faultline test my-rules/tollgate.yaml cases/tollgate.jsonl\n  faultline test my-rules/ --filter TG-1001\n\n\
    Exit codes: 0 all passed; 1 some failed; 2 nothing could be run.")]
pub(super) struct Test {
    /// Directories of rule files and case files, or such files
    #[arg(value_name = "DIR|FILE")]
    inputs: Vec<PathBuf>,
    /// Run only tests whose file, name or line holds this text
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
}

impl Check {
    /// Reads the configuration itself, to report what is wrong with it.
    pub(super) fn run(&self, flags: &Flags) -> Outcome {
        logging::start(&Settings::default().overridden_by(flags).log);
        let format = match self.format {
            Format::Text => check::Format::Text,
            Format::Json => check::Format::Json,
        };
        check::run(flags, &check::Options { files: self.files.clone(), lint: self.lint, format })
    }
}

impl Test {
    pub(super) fn run(self, settings: &Settings) -> Outcome {
        test::run(settings, &test::Options { inputs: self.inputs, filter: self.filter })
    }
}
