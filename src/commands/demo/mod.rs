//! `demo`: the whole daemon on a built-in log stream, through the same path as `run`.
//!
//! `script` reads the built-in lines, `stream` writes them as a source, `board` shows what was counted.

mod script;
mod stream;
mod board;

use std::io;
use std::time::Duration;

use super::run::{bind, not_started, say_totals, shared, tell};
use super::{Exit, Outcome, Trouble, output, reload};
use crate::config::{self, Flags, Settings};
use crate::daemon::{self, Event, Feed, Parts, Reads};
use crate::export::Listeners;
use crate::pipeline::{Join, Pipeline, Times};
use crate::worker::EngineSlot;
use crate::world;
use board::Board;
use stream::Stream;

#[derive(Debug, Clone)]
pub struct Options {
    /// Ends by itself after this time.
    pub lifetime: Option<Duration>,
    /// What the settings were made of: a reload makes them again.
    pub flags: Flags,
}

pub fn run(settings: &Settings, options: &Options) -> Outcome {
    let engine = config::build_engine(settings).map_err(Trouble::NotStarted)?;
    let listeners = bind_anywhere(settings)?;
    let address = listeners.addrs().ok().and_then(|addresses| addresses.first().copied());
    let pipeline = Pipeline::new(engine.clone(), settings.pipeline("demo", Join::Events, Times::Arrival));
    let reads = Reads::Stream { source: Box::new(Stream::start()), tee: false };
    let feed = Feed { name: "demo".to_owned(), reads, pipeline };
    let clock = world::real_clock();
    // Invented lines are kept nowhere.
    let shared = shared(settings, &engine, None, clock().wall);
    let engines = EngineSlot::new(engine);
    let parts = Parts {
        reload: reload::job(options.flags.clone(), settings.clone(), shared.clone(), engines.clone()),
        shared,
        listeners,
        telemetry_path: settings.web.telemetry_path.clone(),
        has_lifecycle: settings.web.enable_lifecycle,
        feeds: vec![feed],
        engines,
        clock,
        linger: Duration::ZERO,
        lifetime: options.lifetime,
    };
    output::say(format_args!("a built-in log of five services is being read; every line of it is invented"));
    if let Some(address) = address {
        output::say(format_args!(
            "look at http://{address}{}, or curl it; Ctrl-C ends",
            settings.web.telemetry_path
        ));
    }
    let mut board = Board::new(io::stdout());
    let mut broken = None;
    let finished = daemon::run(parts, |event, shared| match event {
        Event::Second if broken.is_none() => broken = board.second(&shared.ledger()).err(),
        event => tell(&event),
    })
    .map_err(not_started)?;
    say_totals(&finished);
    match broken {
        Some(error) => Err(error.into()),
        None if finished.failed => Ok(Exit::Failed),
        None => Ok(Exit::Done),
    }
}

/// The addresses that are set. Where none is and the usual one is taken, any free port: a demo is to be seen.
fn bind_anywhere(settings: &Settings) -> Result<Listeners, Trouble> {
    let addresses = &settings.web.listen_addresses;
    let error = match bind(addresses) {
        Ok(listeners) => return Ok(listeners),
        Err(error) if *addresses != Settings::default().web.listen_addresses => {
            return Err(Trouble::NotStarted(error));
        }
        Err(error) => error,
    };
    let elsewhere: Vec<_> = addresses.iter().map(config::ListenAddress::with_any_port).collect();
    let listeners = bind(&elsewhere).map_err(|_| Trouble::NotStarted(error))?;
    let wanted: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    output::say(format_args!("{} is taken; the demo takes a free port instead", wanted.join(", ")));
    Ok(listeners)
}
