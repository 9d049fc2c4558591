//! The command line: flags → [`Invocation`]. The only file that knows the argument parser. Flags with dots are spelled
//! as Prometheus spells its own. A usage error ends the process with 2, `--help` and `--version` with 0.

mod kafka;
mod paper;
mod rules;
mod state;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::catalogue::schema::Severity;
use crate::commands::escape::Escaped;
use crate::commands::state as state_command;
use crate::commands::{Outcome, Trouble, classify, demo, explain, logging, output, run, scan};
use crate::config::{self, Flags, KafkaFlags, ListenAddress, LogFormat, LogLevel, Start};
use crate::event::Verdict;

const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (commit ", env!("FAULTLINE_COMMIT"), ")");

const EXIT_CODES: &str = "Exit codes: 0 done; 1 it ran and something failed (one unreadable file beside others, a fatal \
    source); 2 nothing was started (usage, configuration, rules, port, no input); 3 scan --fail-on found what it looks for.";

/// Finds the error codes of third-party providers in service logs: whose they are, which tenants they hit, what to do.
///
/// Known providers: AST CA, Okta, Myinfo, BankID, Verimatrix.
#[derive(Debug, Parser)]
#[command(name = "faultline", version = VERSION, after_help = EXIT_CODES, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    global: Global,
}

#[derive(Debug, Args)]
struct Global {
    /// Configuration; flags beat it. Every setting is shown in deploy/faultline.yaml
    #[arg(long = "config.file", value_name = "FILE", global = true)]
    config_file: Option<PathBuf>,
    /// Directory of rule files that add to the built-in packs or replace them (repeatable)
    #[arg(long = "rules.dir", value_name = "DIR", global = true)]
    rules_dirs: Vec<PathBuf>,
    /// What our own log on stderr says at least [default: info]
    #[arg(long = "log.level", value_name = "LEVEL", global = true)]
    log_level: Option<Level>,
    /// How it says it [default: text]
    #[arg(long = "log.format", value_name = "FORMAT", global = true)]
    log_format: Option<TextOrJson>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum TextOrJson {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(Demo),
    Run(Run),
    Scan(Scan),
    Classify(Classify),
    Explain(Explain),
    Check(rules::Check),
    Test(rules::Test),
    State(state::State),
    Completions(paper::Completions),
    Man(paper::Man),
}

#[derive(Debug, Args)]
struct Web {
    /// host:port or :port to serve /metrics on (repeatable) [default: 127.0.0.1:10510]
    #[arg(long = "web.listen-address", value_name = "ADDRESS")]
    listen_addresses: Vec<ListenAddress>,
    /// Path of the metrics [default: /metrics]
    #[arg(long = "web.telemetry-path", value_name = "PATH", value_parser = config::parse_telemetry_path)]
    telemetry_path: Option<String>,
    /// Let POST and PUT /-/reload and /-/quit do what they say [default: false]
    #[arg(long = "web.enable-lifecycle", value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    enable_lifecycle: Option<bool>,
    /// OpenMetrics says when each counter began, in a _created line [default: false]
    #[arg(long = "web.openmetrics-created", value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    openmetrics_created: Option<bool>,
}

impl Web {
    fn set(&self, flags: &mut Flags) {
        flags.listen_addresses.clone_from(&self.listen_addresses);
        flags.telemetry_path.clone_from(&self.telemetry_path);
        flags.enable_lifecycle = self.enable_lifecycle;
        flags.openmetrics_created = self.openmetrics_created;
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum StartName {
    Auto,
    Beginning,
    End,
}

impl From<StartName> for Start {
    fn from(name: StartName) -> Start {
        match name {
            StartName::Auto => Start::Auto,
            StartName::Beginning => Start::Beginning,
            StartName::End => Start::End,
        }
    }
}

/// Show it at work on a built-in log stream
///
/// The whole daemon on a built-in, seeded log stream of all five providers and realistic noise, through the same path as
/// `run`. Ends with Ctrl-C, or after --for.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  faultline demo\n  faultline demo --for 30s --web.listen-address 127.0.0.1:9000\n  \
    curl http://127.0.0.1:10510/metrics"
)]
struct Demo {
    /// End after this time, for example 10s
    #[arg(long = "for", value_name = "DURATION", value_parser = config::parse_duration)]
    lifetime: Option<Duration>,
    #[command(flatten)]
    web: Web,
}

/// Read a log as it is written, count, and serve /metrics
///
/// Reads standard input, the files of --input as they grow, or the topics of --kafka.topics; with one of these, standard
/// input is not read unless - is named. At the end of the input the totals are said and the process leaves.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  some-service 2>&1 | faultline run\n  some-service 2>&1 | faultline run --tee | other\n  \
    faultline run --input '/var/log/app/**/*.log' --state.dir /var/lib/faultline\n  \
    faultline run --kafka.brokers kafka-1:9092 --kafka.topics logs --state.dir /var/lib/faultline\n  \
    faultline run --config.file faultline.yaml --log.format json\n  \
    zcat old.gz | faultline run --web.linger 30s     # serve the counts for another half minute"
)]
struct Run {
    /// Files to read as they grow, as a quoted glob; - is standard input (repeatable)
    ///
    /// `*` is any part of a name (a dot in front too), `**` any number of directories, `?` one byte, `[a-z]` one of a
    /// range, `{a,b}` one of several; a backslash makes a plain character of a special one. Quote it, or the shell
    /// replaces it by the files that are there now.
    #[arg(long = "input", value_name = "GLOB")]
    inputs: Vec<PathBuf>,
    /// Where files are begun whose position is not known [default: auto]
    ///
    /// auto: at the end of files that are there at the first start, at the beginning of files that appear later. Without
    /// a state directory every start is the first. It beats what the configuration says of its sources.
    #[arg(long = "input.start", value_name = "PLACE")]
    start: Option<StartName>,
    #[command(flatten)]
    kafka: kafka::Kafka,
    #[command(flatten)]
    state: state::Directory,
    /// Copy standard input to standard output unchanged
    #[arg(long)]
    tee: bool,
    /// Print the settings in effect (file, flags, defaults) as a configuration file, and start nothing
    #[arg(long = "print-config")]
    print_config: bool,
    #[command(flatten)]
    web: Web,
    /// Go on serving this long when all input has ended [default: 0s]
    #[arg(long = "web.linger", value_name = "DURATION", value_parser = config::parse_duration)]
    linger: Option<Duration>,
}

/// Read finished logs once and report
///
/// One pass over files or standard input, plain, gzip or zstd (told by content), then a report: errors by provider,
/// category, code and tenant with their first and last time, what to do, what stayed ambiguous.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  faultline scan /var/log/app.log /var/log/app.log.1.gz\n  \
    kubectl logs deploy/checkout | faultline scan\n  faultline scan --format json app.log | jq '.errors[0]'\n  \
    faultline scan --lines=ambiguous app.log\n  faultline scan --fail-on critical app.log || notify")]
struct Scan {
    /// Files; - is standard input, and so is none
    #[arg(value_name = "FILE")]
    inputs: Vec<PathBuf>,
    /// Threads that count [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Print each hit as `file:line: verdict provider code | line` instead of a report
    #[arg(long, value_name = "VERDICT", num_args = 0..=1, require_equals = true, default_missing_value = "all", conflicts_with = "format")]
    lines: Option<Lines>,
    /// Exit with 3 when a code of this severity or worse was found
    #[arg(long = "fail-on", value_name = "SEVERITY")]
    fail_on: Option<SeverityName>,
    /// Rows of the table; 0 shows all
    #[arg(long, value_name = "N", default_value_t = 50)]
    top: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
    Prometheus,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Lines {
    All,
    Match,
    Ambiguous,
    Foreign,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SeverityName {
    Info,
    Warning,
    Error,
    Critical,
}

/// Judge each record of the input, one JSON object a line
///
/// Exactly one JSON object on standard output for each record, in order. Records are lines, never joined, or with -0
/// whole events. `matches` is empty where there is nothing; what is not settled is "", an unknown tenant "-".
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tail -f app.log | faultline classify | jq -c 'select(.matches != [])'\n  \
    printf 'ERROR drm MDRM-508\\n' | faultline classify\n  \
    printf 'first line\\nsecond line of it\\0next event' | faultline classify -0"
)]
struct Classify {
    /// Files; - is standard input, and so is none
    #[arg(value_name = "FILE")]
    inputs: Vec<PathBuf>,
    /// Records end with NUL and may hold several lines
    #[arg(short = '0', long = "null")]
    null: bool,
}

/// Say what a code means, or why a line was judged as it was
///
/// With codes: meaning, whose fault it is, what to do, and what each is recognised by; a code of several providers is
/// shown for each. With --line: every step of one record's judgement, and what would settle what is ambiguous.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  faultline explain MDRM-508\n  faultline explain access_denied --format json\n  \
    faultline explain 'The client_assertion token is expired.'\n  \
    faultline explain --line 'ERROR drm licence failed: MDRM-508'\n  \
    tail -1 app.log | faultline explain --line - --path /var/log/app.log"
)]
struct Explain {
    /// Codes, names, rule ids (provider.id) or message texts, without case
    #[arg(value_name = "CODE", required_unless_present = "line", conflicts_with = "line")]
    codes: Vec<String>,
    /// Judge this record; - reads one from standard input, all its lines
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    line: Option<OsString>,
    /// Only codes of this provider
    #[arg(long, value_name = "ID", conflicts_with = "line")]
    provider: Option<String>,
    /// File that the line came from, as overlays map it
    #[arg(long, value_name = "FILE", requires = "line", conflicts_with = "codes")]
    path: Option<PathBuf>,
    /// Topic that the line came from, as overlays map it
    #[arg(long, value_name = "TOPIC", requires = "line", conflicts_with = "codes")]
    topic: Option<String>,
    #[arg(long, value_enum, default_value_t = TextOrJson::Text)]
    format: TextOrJson,
}

/// A command line that makes sense.
#[derive(Debug)]
pub struct Invocation(Cli);

/// Reads the arguments of the process; ends it where they are wrong or ask for help.
pub fn parse() -> Invocation {
    Invocation(Cli::parse())
}

impl Invocation {
    pub fn run(self) -> Outcome {
        let Cli { command, global } = self.0;
        let command = match command {
            Command::Completions(completions) => return completions.print(),
            Command::Man(man) => return man.print(),
            command => command,
        };
        let mut flags = Flags {
            config_file: global.config_file,
            rules_dirs: global.rules_dirs,
            log_level: global.log_level.map(Into::into),
            log_format: global.log_format.map(Into::into),
            ..Flags::default()
        };
        let mut kafka = KafkaFlags::default();
        match &command {
            Command::Demo(demo) => demo.web.set(&mut flags),
            Command::Run(run) => {
                run.web.set(&mut flags);
                flags.linger = run.linger;
                flags.inputs = run.inputs.clone();
                flags.start = run.start.map(Into::into);
                run.state.set(&mut flags);
                kafka = run.kafka.flags();
            }
            Command::State(state) => state.directory().set(&mut flags),
            // Reports what it finds in the configuration itself.
            Command::Check(check) => return check.run(&flags),
            _ => {}
        }
        let loaded = check_globs(&flags.inputs)
            .and_then(|()| set_kafka(&kafka, &mut flags))
            .and_then(|cautions| Ok((config::load(&flags).map_err(Trouble::NotStarted)?, cautions)));
        let ((settings, warnings), cautions) = loaded.inspect_err(|_| {
            // What is wrong with the file is said as the flags want it; the file has no say.
            logging::start(&config::Settings::default().overridden_by(&flags).log);
        })?;
        logging::start(&settings.log);
        warnings.iter().for_each(output::warn);
        cautions.iter().for_each(|caution| output::say(format_args!("{caution}")));
        match command {
            Command::Demo(demo) => demo::run(&settings, &demo::Options { lifetime: demo.lifetime, flags }),
            Command::Run(run) if run.print_config => run::print_config(&settings),
            Command::Run(run) => run::run(&settings, &run::Options { tee: run.tee, flags }),
            Command::Scan(scan) => scan::run(&settings, &scan.options()),
            Command::Classify(classify) => classify::run(&settings, &classify.options()),
            Command::Explain(explain) => explain::run(&settings, &explain.options()),
            Command::Test(test) => test.run(&settings),
            Command::State(state) => state_command::run(&settings, state.action()),
            Command::Check(_) | Command::Completions(_) | Command::Man(_) => {
                unreachable!("they need no settings and are done")
            }
        }
    }
}

/// Not left to the parser, which would print what stands behind a flag. Gives what somebody has to know.
fn set_kafka(kafka: &KafkaFlags, flags: &mut Flags) -> Result<Vec<String>, Trouble> {
    let (source, cautions) = kafka.source().map_err(Trouble::not_started)?;
    flags.kafka_source = source;
    flags.kafka_start = kafka.start;
    flags.require_broker = kafka.require_broker;
    Ok(cautions)
}

/// Not left to the parser, which would print names as they are.
fn check_globs(inputs: &[PathBuf]) -> Result<(), Trouble> {
    inputs.iter().try_for_each(|input| {
        config::check_glob(input).map_err(|bad| {
            let message = bad.to_string();
            let message = Escaped(message.as_bytes());
            Trouble::not_started(format_args!("--input: {message}\nhint: {}", bad.hint()))
        })
    })
}

impl Scan {
    fn options(self) -> scan::Options {
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
        scan::Options {
            inputs: self.inputs,
            threads: self.threads.map_or(cores, usize::from),
            format: match self.format {
                Format::Table => scan::Format::Table,
                Format::Json => scan::Format::Json,
                Format::Prometheus => scan::Format::Prometheus,
            },
            lines: self.lines.map(|lines| match lines {
                Lines::All => scan::Filter::All,
                Lines::Match => scan::Filter::Only(Verdict::Match),
                Lines::Ambiguous => scan::Filter::Only(Verdict::Ambiguous),
                Lines::Foreign => scan::Filter::Only(Verdict::Foreign),
            }),
            fail_on: self.fail_on.map(|severity| match severity {
                SeverityName::Info => Severity::Info,
                SeverityName::Warning => Severity::Warning,
                SeverityName::Error => Severity::Error,
                SeverityName::Critical => Severity::Critical,
            }),
            top: self.top,
        }
    }
}

impl Classify {
    fn options(self) -> classify::Options {
        let separator = if self.null { classify::Separator::Nul } else { classify::Separator::LineFeed };
        classify::Options { inputs: self.inputs, separator }
    }
}

impl Explain {
    fn options(self) -> explain::Options {
        let question = match self.line {
            Some(text) => explain::Question::Line { text, path: self.path, topic: self.topic },
            None => explain::Question::Codes { questions: self.codes, provider: self.provider },
        };
        let format = match self.format {
            TextOrJson::Text => explain::Format::Text,
            TextOrJson::Json => explain::Format::Json,
        };
        explain::Options { question, format }
    }
}

impl From<Level> for LogLevel {
    fn from(level: Level) -> LogLevel {
        match level {
            Level::Debug => LogLevel::Debug,
            Level::Info => LogLevel::Info,
            Level::Warn => LogLevel::Warn,
            Level::Error => LogLevel::Error,
        }
    }
}

impl From<TextOrJson> for LogFormat {
    fn from(format: TextOrJson) -> LogFormat {
        match format {
            TextOrJson::Text => LogFormat::Text,
            TextOrJson::Json => LogFormat::Json,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn lines_takes_its_verdict_behind_an_equals_sign_only() {
        let parsed = |args: &[&str]| match Cli::try_parse_from(args).unwrap().command {
            Command::Scan(scan) => (scan.lines.is_some(), scan.inputs.len()),
            _ => unreachable!("only scan is asked for"),
        };
        assert_eq!(parsed(&["faultline", "scan", "--lines", "match"]), (true, 1));
        assert_eq!(parsed(&["faultline", "scan", "--lines=match", "a.log"]), (true, 1));
    }
}
