//! `run`: the daemon on standard input or on files. What is wrong is said before anything is read.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, anyhow};

use super::escape::Escaped;
use super::output::{bytes, complain, counted, grouped, say};
use super::{Exit, Outcome, Trouble, reload, state};
use crate::config::{self, Flags, ListenAddress, Settings, SourceFrom, SourceSetting};
use crate::daemon::{self, Event, Feed, Finished, Parts};
use crate::event::Millis;
use crate::export::{self, Listeners, Shared};
use crate::ledger::{Store, Totals};
use crate::pipeline::{Engine, Join, Pipeline, Times};
use crate::source::Source;
use crate::source::follow::FollowedFile;
use crate::source::stdin::{self, Stdin};
use crate::telemetry::Telemetry;
use crate::worker::{Ended, EngineSlot};
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
    let (feeds, unreadable) = open(settings, options, &engine, &sources)?;
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
    Ok(if finished.failed || unreadable > 0 { Exit::Failed } else { Exit::Done })
}

pub(super) fn not_started(error: io::Error) -> Trouble {
    Trouble::NotStarted(anyhow!(error).context("cannot start"))
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
    // One file has many paths.
    let real = |source: &SourceSetting| match &source.from {
        SourceFrom::Files(files) => files.only_path().map(|path| path.canonicalize().unwrap_or(path)),
        SourceFrom::Stdin => None,
    };
    let paths: Vec<Option<PathBuf>> = sources.iter().map(real).collect();
    for (place, source) in sources.iter().enumerate() {
        let is_taken = |(path, other): (&Option<PathBuf>, &SourceSetting)| {
            source.shares_input(other) || (path.is_some() && *path == paths[place])
        };
        if paths[..place].iter().zip(&sources).any(is_taken) {
            let name = Escaped(source.name.as_bytes());
            return Err(Trouble::not_started(format_args!(
                "{name} is named twice and would be counted twice"
            )));
        }
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

/// Opens what can be opened; the rest is said and counted. An error where nothing is left.
fn open(
    settings: &Settings,
    options: &Options,
    engine: &Arc<Engine>,
    sources: &[SourceSetting],
) -> Result<(Vec<Feed>, usize), Trouble> {
    let mut feeds = Vec::new();
    let mut unreadable = 0;
    for setting in sources {
        let (source, path): (Box<dyn Source>, _) = match &setting.from {
            SourceFrom::Stdin => (Box::new(Stdin::open()), None),
            SourceFrom::Files(files) => {
                let path = files.only_path().ok_or_else(|| {
                    let name = Escaped(setting.name.as_bytes());
                    Trouble::not_started(format_args!("{name}: globs are not followed yet; name one file"))
                })?;
                match FollowedFile::open(&path) {
                    Ok(file) => (Box::new(file), Some(path)),
                    Err(error) => {
                        complain(format_args!("{}: {error}", Escaped(path.as_os_str().as_encoded_bytes())));
                        unreadable += 1;
                        continue;
                    }
                }
            }
        };
        let settings = settings.pipeline(&setting.name, path.as_deref(), Join::Events, Times::Arrival);
        let pipeline = Pipeline::new(engine.clone(), settings);
        feeds.push(Feed { name: setting.name.clone(), source, pipeline, tee: options.tee && path.is_none() });
    }
    if feeds.is_empty() {
        return Err(Trouble::not_started("no input can be read; nothing was started"));
    }
    Ok((feeds, unreadable))
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
        Event::Lingering(time) => {
            say(format_args!("all input has ended; serving for another {time:?}, Ctrl-C ends"));
        }
        Event::Second => {}
    }
}

pub(super) fn say_totals(finished: &Finished) {
    let Totals { counts, errors, ambiguous, foreign, tenants, .. } = &finished.totals;
    say(format_args!(
        "{} ({}) read: {} of known providers, {}; {} ambiguous, {} foreign; {} without any",
        counted(counts.lines, "line", "lines"),
        bytes(counts.bytes),
        counted(*errors, "error", "errors"),
        counted(*tenants, "tenant", "tenants"),
        grouped(*ambiguous),
        grouped(*foreign),
        counted(counts.unmatched, "line", "lines"),
    ));
    let skipped: u64 = counts.skipped.iter().sum();
    if skipped > 0 {
        say(format_args!("{} were read and not looked at (lines over the limit)", bytes(skipped)));
    }
    if finished.failed {
        complain(format_args!("not all sources were read to their end"));
    }
}
