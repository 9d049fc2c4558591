//! `scan`: one pass over finished inputs, then a report. Plain big files are cut into blocks, several threads count,
//! and what they counted is put together in the order of the input, so that any number of threads says the same.
//!
//! `plan` turns inputs into jobs, `job` counts one of them, `ordered` puts results in order into a `tally`, `lines`
//! prints hits as a grep would, `report` prints the rest.

mod plan;
mod job;
mod ordered;
mod tally;
mod lines;
mod report;

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::output;
use super::{Exit, Outcome, Trouble};
use crate::catalogue::schema::Severity;
use crate::config::{self, Settings};
use crate::event::Verdict;
use crate::pipeline::Engine;
use crate::source::stdin;
use ordered::Ordered;
use plan::Plan;
use tally::Tally;

pub use lines::verdict_name;
pub use plan::Problem;

#[derive(Debug, Clone)]
pub struct Options {
    /// Files; `-` is standard input; none is standard input too, unless it is a terminal.
    pub inputs: Vec<PathBuf>,
    pub threads: usize,
    pub format: Format,
    /// Print hits instead of a report.
    pub lines: Option<Filter>,
    pub fail_on: Option<Severity>,
    /// Rows of the table; 0 is all of them.
    pub top: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Table,
    Json,
    Prometheus,
}

/// Which verdicts `--lines` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    All,
    Only(Verdict),
}

impl Filter {
    fn admits(self, verdict: Verdict) -> bool {
        self == Filter::All || self == Filter::Only(verdict)
    }
}

pub fn run(settings: &Settings, options: &Options) -> Outcome {
    let inputs = inputs(options)?;
    let engine = config::build_engine(settings).map_err(Trouble::NotStarted)?;
    let started = Instant::now();
    let plan = Plan::new(inputs, settings.limits.expansion_ratio_max);
    let ordered = Ordered::new(Tally::new(settings, &engine), io::BufWriter::new(io::stdout()));
    read_everything(settings, options, &engine, &plan, &ordered);
    let problems = plan.into_problems();
    for problem in &problems {
        output::complain(format_args!("{problem}"));
    }
    let (tally, mut out) = ordered.finish()?;
    if !tally.has_input() {
        return Err(Trouble::not_started("no input could be read; nothing was counted"));
    }
    if options.lines.is_none() {
        report::write(&mut out, options, &tally, &problems, started.elapsed())?;
    }
    out.flush()?;
    Ok(exit(options, &tally, &problems))
}

fn inputs(options: &Options) -> Result<Vec<PathBuf>, Trouble> {
    if !options.inputs.is_empty() {
        return Ok(options.inputs.clone());
    }
    if stdin::kind() == stdin::Kind::Terminal {
        let hint =
            "nothing to scan: name files (faultline scan app.log), or pipe something in (… | faultline scan)";
        return Err(Trouble::not_started(hint));
    }
    Ok(vec![PathBuf::from("-")])
}

fn exit(options: &Options, tally: &Tally, problems: &[Problem]) -> Exit {
    if !problems.is_empty() {
        return Exit::Failed;
    }
    let found = options.fail_on.is_some_and(|least| tally.reaches(least));
    if found { Exit::Found } else { Exit::Done }
}

fn read_everything<W: Write + Send>(
    settings: &Settings,
    options: &Options,
    engine: &Arc<Engine>,
    plan: &Plan,
    ordered: &Ordered<W>,
) {
    let bar = progress_bar(options, plan);
    std::thread::scope(|scope| {
        let work = || {
            while let Some(job) = plan.next_job(ordered) {
                job.count(settings, engine, options.lines, plan, ordered);
                bar.set_position(plan.bytes_passed());
            }
        };
        for _ in 1..options.threads.max(1) {
            scope.spawn(work);
        }
        work();
    });
    bar.finish_and_clear();
}

/// Shown on a terminal only, and not where the lines themselves go to one.
fn progress_bar(options: &Options, plan: &Plan) -> ProgressBar {
    let crowded = options.lines.is_some() && io::stdout().is_terminal();
    if crowded || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let template = match plan.bytes_expected() {
        Some(_) => "{bar:30} {percent:>3}%  {bytes} of {total_bytes}, {binary_bytes_per_sec}, {eta} left",
        None => "{spinner} {bytes}, {binary_bytes_per_sec}",
    };
    let style = ProgressStyle::with_template(template).expect("both templates are well formed");
    let bar = ProgressBar::with_draw_target(plan.bytes_expected(), ProgressDrawTarget::stderr_with_hz(10));
    bar.set_style(style);
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}
