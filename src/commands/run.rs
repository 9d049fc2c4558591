//! `run`: the daemon on standard input or on files. What is wrong is said before anything is read.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, anyhow};

use super::escape::Escaped;
use super::output::{bytes, complain, counted, grouped, say, time};
use super::{Exit, Outcome, Trouble, reload, state};
use crate::config::{self, FilesSetting, Flags, ListenAddress, Settings, SourceFrom, SourceSetting};
use crate::daemon::{self, Event, Feed, Finished, Parts, Reads};
use crate::event::{LossReason, Millis, SkipReason};
use crate::export::{self, Listeners, Shared};
use crate::ledger::{Store, Totals};
use crate::pipeline::{Engine, Join, Pipeline, Times};
use crate::source::kafka;
use crate::source::paths::Paths;
use crate::source::stdin::{self, Stdin};
use crate::source::tail;
use crate::telemetry::Telemetry;
use crate::worker::{EVENT_PATIENCE, Ended, EngineSlot};
use crate::world;

#[derive(Debug, Clone)]
pub struct Options {
    /// Copy standard input to standard output.
    pub tee: bool,
    /// What the settings were made of: a reload makes them again.
    pub flags: Flags,
}

pub fn run(settings: &Settings, options: &Options) -> Outcome {
    let sources = sources(settings, options)?;
    let engine = config::build_engine(settings).map_err(Trouble::NotStarted)?;
    let store = state::open(settings)?;
    let feeds = feeds(settings, options, &engine, &sources)?;
    let listeners = bind(&settings.web.listen_addresses).map_err(Trouble::NotStarted)?;
    let clock = world::real_clock();
    let shared = shared(settings, &engine, store, clock().wall);
    let engines = EngineSlot::new(engine);
    let parts = Parts {
        reload: reload::job(options.flags.clone(), settings.clone(), shared.clone(), engines.clone()),
        shared,
        listeners,
        telemetry_path: settings.web.telemetry_path.clone(),
        has_lifecycle: settings.web.enable_lifecycle,
        feeds,
        engines,
        clock,
        linger: settings.web.linger,
        lifetime: None,
    };
    let finished = daemon::run(parts, |event, _| tell(&event)).map_err(not_started)?;
    say_totals(&finished);
    Ok(if finished.failed { Exit::Failed } else { Exit::Done })
}

pub(super) fn not_started(error: io::Error) -> Trouble {
    match error.downcast() {
        Ok(unusable) => state::refused(unusable),
        Err(error) => Trouble::NotStarted(anyhow!(error).context("cannot start")),
    }
}

/// Writes the settings in effect as a configuration file that gives them again; starts nothing.
pub fn print_config(settings: &Settings) -> Outcome {
    let text = config::print(settings).map_err(Trouble::NotStarted)?;
    io::stdout().lock().write_all(text.as_bytes())?;
    Ok(Exit::Done)
}

/// What to read; standard input where nothing else is named.
fn sources(settings: &Settings, options: &Options) -> Result<Vec<SourceSetting>, Trouble> {
    let mut sources = settings.sources.clone();
    if sources.is_empty() {
        sources.push(SourceSetting::stdin());
    }
    for (place, source) in sources.iter().enumerate() {
        if sources[..place].iter().any(|other| source.shares_input(other)) {
            let name = Escaped(source.name.as_bytes());
            return Err(Trouble::not_started(format_args!(
                "{name} is named twice and would be counted twice"
            )));
        }
    }
    let reads_kafka = sources.iter().any(|source| matches!(source.from, SourceFrom::Kafka(_)));
    if options.flags.require_broker && !reads_kafka {
        let hint = "--require-broker is about Kafka sources, and there is none; add --kafka.brokers and --kafka.topics";
        return Err(Trouble::not_started(hint));
    }
    let reads_stdin = sources.iter().any(|source| source.from == SourceFrom::Stdin);
    if options.tee && !reads_stdin {
        let hint = "--tee copies standard input, which is not read when files are named; add --input -";
        return Err(Trouble::not_started(hint));
    }
    match stdin::kind() {
        stdin::Kind::Nothing if reads_stdin => Err(Trouble::not_started(
            "there is nothing to read: standard input is closed or /dev/null.\n\
             Pipe a log in:      some-service 2>&1 | faultline run\n\
             or name files:      faultline run --input /var/log/app.log\n\
             or see it at work:  faultline demo",
        )),
        stdin::Kind::Terminal if reads_stdin => {
            say(format_args!(
                "reading from this terminal: paste log lines, Ctrl-D ends. \
                 Usually it is: some-service 2>&1 | faultline run"
            ));
            Ok(sources)
        }
        _ => Ok(sources),
    }
}

fn feeds(
    settings: &Settings,
    options: &Options,
    engine: &Arc<Engine>,
    sources: &[SourceSetting],
) -> Result<Vec<Feed>, Trouble> {
    let here = std::env::current_dir().unwrap_or_default();
    let feed = |setting: &SourceSetting| {
        let reads = match &setting.from {
            SourceFrom::Stdin => Reads::Stream { source: Box::new(Stdin::open()), tee: options.tee },
            SourceFrom::Files(files) => Reads::Files(tailing(settings, setting, files, &here)?),
            SourceFrom::Kafka(kafka) => consuming(setting, kafka)?,
        };
        let of_pipeline = settings.pipeline(&setting.name, Join::Events, Times::Arrival);
        let pipeline = Pipeline::new(engine.clone(), of_pipeline);
        Ok(Feed { name: setting.name.clone(), reads, pipeline })
    };
    sources.iter().map(feed).collect()
}

/// How long the brokers of `--require-broker` may take to answer.
#[cfg(feature = "kafka")]
const BROKERS_WITHIN: std::time::Duration = std::time::Duration::from_secs(10);

#[cfg(feature = "kafka")]
fn consuming(source: &SourceSetting, setting: &kafka::Setting) -> Result<Reads, Trouble> {
    let name = Escaped(source.name.as_bytes());
    let members = daemon::kafka::Members::of(&source.name, setting)
        .map_err(|why| Trouble::not_started(format_args!("{name}: {why}")))?;
    if setting.require_broker {
        let answered = members.try_brokers(BROKERS_WITHIN);
        answered.map_err(|why| Trouble::not_started(format_args!("{name}: no broker answers: {why}")))?;
    }
    Ok(Reads::Kafka(Box::new(members)))
}

/// The configuration is refused before.
#[cfg(not(feature = "kafka"))]
fn consuming(source: &SourceSetting, _: &kafka::Setting) -> Result<Reads, Trouble> {
    Err(Trouble::not_started(format_args!("{:?}: this build reads no Kafka", source.name)))
}

fn tailing(
    settings: &Settings,
    source: &SourceSetting,
    files: &FilesSetting,
    here: &Path,
) -> Result<tail::Setting, Trouble> {
    let files = files.clone().seen_from(here);
    let paths = Paths::new(&files.include, &files.exclude)
        .map_err(|bad| Trouble::not_started(format_args!("{bad}\n  hint: {}", bad.hint())))?;
    Ok(tail::Setting {
        source: source.name.clone(),
        paths,
        start: files.start,
        rotate_wait: files.rotate_wait,
        partial_timeout: files.partial_timeout,
        event_timeout: EVENT_PATIENCE,
        open_files_max: settings.limits.open_files_max,
        expansion_ratio_max: settings.limits.expansion_ratio_max,
    })
}

pub(super) fn bind(addresses: &[ListenAddress]) -> anyhow::Result<Listeners> {
    let resolved = addresses
        .iter()
        .map(|address| address.resolve().with_context(|| format!("cannot listen on {address}")))
        .collect::<anyhow::Result<Vec<_>>>()?;
    export::bind(&resolved).map_err(|error| {
        let hint = match error.kind() {
            io::ErrorKind::AddrInUse => {
                "; another one is running there? Choose a port with --web.listen-address"
            }
            io::ErrorKind::PermissionDenied => "; ports below 1024 need a privilege",
            _ => "",
        };
        anyhow!("{error}{hint}")
    })
}

/// With a store, the books as they were committed last.
pub(super) fn shared(settings: &Settings, engine: &Engine, store: Option<Store>, now: Millis) -> Arc<Shared> {
    let telemetry = Telemetry::of_this_build();
    let shared = match store {
        None => Shared::new(settings.ledger(engine), telemetry),
        Some(mut store) => {
            let (code_book, info) = (engine.catalogue.info.clone(), config::catalogue_info(engine));
            let limits = settings.ledger_limits();
            let ledger = store.ledger(limits, code_book, &info, settings.metrics, now);
            Shared::new(ledger, telemetry).with_store(store)
        }
    };
    Arc::new(shared.with_openmetrics_created(settings.web.openmetrics_created))
}

pub(super) fn tell(event: &Event<'_>) {
    match event {
        Event::Listening(addresses) => {
            for address in *addresses {
                say(format_args!("listening on http://{address}"));
            }
        }
        Event::SourceEnded { name, ended: Ended::Failed(error) } => {
            complain(format_args!("{}: {error}; what came before it was counted", Escaped(name.as_bytes())));
        }
        Event::SourceEnded { name, ended } => tracing::debug!(source = ?name, ?ended, "a source ended"),
        Event::SourceLate { name, is_read_again: true } => say(format_args!(
            "{}: was still at work when it had to stop; what is not counted is read again at the next start",
            Escaped(name.as_bytes())
        )),
        Event::SourceLate { name, is_read_again: false } => complain(format_args!(
            "{}: did not stop in time; what was read and not counted is lost",
            Escaped(name.as_bytes())
        )),
        Event::Lingering(time) => {
            say(format_args!("all input has ended; serving for another {time:?}, Ctrl-C ends"));
        }
        Event::Second => {}
    }
}

pub(super) fn say_totals(finished: &Finished) {
    let Finished { totals, lines_before, failed } = finished;
    let Totals { counts, errors, ambiguous, foreign, tenants, .. } = totals;
    say(format_args!(
        "{} ({}) read{}: {} of known providers, {}; {} ambiguous, {} foreign; {} without any",
        counted(counts.lines, "line", "lines"),
        bytes(counts.bytes),
        since(totals, *lines_before),
        counted(*errors, "error", "errors"),
        counted(*tenants, "tenant", "tenants"),
        grouped(*ambiguous),
        grouped(*foreign),
        counted(counts.unmatched, "line", "lines"),
    ));
    if let Some(skipped) = by_reason(SkipReason::ALL.map(SkipReason::name).into_iter().zip(counts.skipped)) {
        say(format_args!("{skipped} were read and not looked at"));
    }
    if let Some(lost) = by_reason(LossReason::ALL.map(LossReason::name).into_iter().zip(counts.lost)) {
        say(format_args!("{lost} were lost before anybody read them"));
    }
    if *failed {
        complain(format_args!("not all sources were read to their end"));
    }
}

/// Whose totals they are, where others have counted before: those of `/metrics`.
fn since(totals: &Totals, lines_before: u64) -> String {
    match lines_before {
        0 => String::new(),
        before => format!(
            " since {} UTC, {} by this process",
            time(totals.since),
            grouped(totals.counts.lines.saturating_sub(before))
        ),
    }
}

/// `5.0 KiB (oversized 1.0 KiB, hole 4.0 KiB)`; nothing where all are 0.
fn by_reason(reasons: impl Iterator<Item = (&'static str, u64)>) -> Option<String> {
    let reasons: Vec<_> = reasons.filter(|(_, count)| *count > 0).collect();
    let named: Vec<String> =
        reasons.iter().map(|(name, count)| format!("{name} {}", bytes(*count))).collect();
    let sum = reasons.iter().fold(0_u64, |sum, (_, count)| sum.saturating_add(*count));
    (sum > 0).then(|| format!("{} ({})", bytes(sum), named.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_said_with_their_reasons_and_not_where_there_are_none() {
        assert_eq!(by_reason([("hole", 0)].into_iter()), None);
        let said = by_reason([("oversized", 1024), ("expansion", 0), ("hole", 4096)].into_iter());
        assert_eq!(said.as_deref(), Some("5.0 KiB (oversized 1.0 KiB, hole 4.0 KiB)"));
    }
}
