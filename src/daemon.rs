//! The shell around the workers: threads, signals, the HTTP server, reloads, and the way out.
//!
//! Everything that can fail at the start fails before the first byte is read. Workers are threads of their own; tokio
//! runs in one more thread for HTTP and signals and never sees log bytes. Everybody is asked to finish through one
//! [`Stop`], and who does not in time is left behind, so that the process is gone within two seconds. Says nothing
//! itself: what happens is told to the command as [`Event`]s. `reload` has the order of reloads, `watch` the end of workers.

mod reload;
mod committing;
#[cfg(feature = "kafka")]
pub mod kafka;
mod watch;

use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::config::TICK_INTERVAL;
use crate::export::{self, Lifecycle, Listeners, Shared, Web};
use crate::ledger::{Outcome, Totals};
use crate::pipeline::Pipeline;
use crate::source::tail::wake::Wake;
use crate::source::tail::{self, Claims, Tail};
use crate::source::{Source, Stop};
use crate::worker::{Ended, EngineSlot, FilesWorker, Lanes, Worker};
use crate::world::{Clock, Disk};
use committing::Committing;
use reload::Reloads;
use watch::{Watch, Watched};

pub use reload::{Reload, Reloaded};

/// How long workers may take to finish once they were asked to. With the server's own second it stays under two.
const WORKERS_LEAVE_WITHIN: Duration = Duration::from_millis(900);

/// One source and the pipeline that judges it.
pub struct Feed {
    /// As configured: the value of the label `source`.
    pub name: String,
    pub reads: Reads,
    pub pipeline: Pipeline,
}

pub enum Reads {
    Stream {
        source: Box<dyn Source>,
        /// Copies what is read to standard output; at most one feed does.
        tee: bool,
    },
    Files(tail::Setting),
    /// The members of one consumer group, not subscribed yet.
    #[cfg(feature = "kafka")]
    Kafka(Box<kafka::Members>),
}

/// What a daemon is made of; everything in it is open and checked.
pub struct Parts {
    pub shared: Arc<Shared>,
    pub listeners: Listeners,
    /// Where the metrics are.
    pub telemetry_path: String,
    /// Requests may reload and end the process.
    pub has_lifecycle: bool,
    pub feeds: Vec<Feed>,
    /// Made with the engine that the pipelines have.
    pub engines: Arc<EngineSlot>,
    /// Puts its new engine into `engines`.
    pub reload: Reload,
    pub clock: Clock,
    /// Goes on serving this long after the end of all input.
    pub linger: Duration,
    /// Ends by itself after this time.
    pub lifetime: Option<Duration>,
}

/// What happens, in order.
pub enum Event<'a> {
    Listening(&'a [SocketAddr]),
    /// About once a second.
    Second,
    SourceEnded {
        name: &'a str,
        ended: &'a Ended,
    },
    /// It was asked to stop and still runs; nobody waits for it any longer.
    SourceLate {
        name: &'a str,
        is_read_again: bool,
    },
    /// All input has ended and the server goes on for this long.
    Lingering(Duration),
}

/// How it ended.
#[derive(Debug)]
pub struct Finished {
    /// Of the ledger: with a state directory, what earlier processes counted is in them.
    pub totals: Totals,
    /// What was there already when it started.
    pub lines_before: u64,
    /// A source failed, or did not stop in time and cannot be read again.
    pub failed: bool,
}

type EndedMessage = (usize, Ended);

/// Runs until all input has ended, a signal comes or the lifetime is over. An error says that nothing was started.
pub fn run(parts: Parts, mut tell: impl FnMut(Event<'_>, &Shared)) -> io::Result<Finished> {
    let Parts {
        shared,
        listeners,
        telemetry_path,
        has_lifecycle,
        feeds,
        engines,
        reload,
        clock,
        linger,
        lifetime,
    } = parts;
    let stop = Stop::new()?;
    let addresses = listeners.addrs()?;
    let reloads = start_reloads(reload, &shared, &clock)?;
    let web = Web { telemetry_path, lifecycle: has_lifecycle.then(|| lifecycle(&stop, &reloads)) };
    begin(&shared, &feeds, &clock)?;
    let lines_before = shared.ledger().totals().counts.lines;
    let committing = Committing::start(&shared, &clock)?;
    let server = Server::start(listeners, shared.clone(), web, stop.clone(), reloads.clone())?;
    tell(Event::Listening(&addresses), &shared);
    let sources = feeds.iter().map(|feed| Watched::new(feed, &shared)).collect();
    let ended = start_workers(feeds, &engines, &shared, &clock, &stop, &committing)?;
    shared.set_ready(true);
    let watch = Watch::new(sources, ended, lifetime, WORKERS_LEAVE_WITHIN, &committing);
    let failed = watch.until_ended(&shared, &stop, &mut tell);
    if !stop.is_asked() && !linger.is_zero() {
        tell(Event::Lingering(linger), &shared);
        linger_on(&committing, &stop, linger);
    }
    let mut last = committing.last_commit();
    last.wait_unless(&stop);
    shared.set_ready(false);
    stop.ask();
    reloads.end();
    server.leave();
    let is_settled = last.settle();
    let totals = shared.ledger().totals();
    Ok(Finished { totals, lines_before, failed: failed || !is_settled })
}

/// All sources are on the books and the first commit is durable before anybody reads or is shown anything.
fn begin(shared: &Shared, feeds: &[Feed], clock: &Clock) -> io::Result<()> {
    let now = clock().wall;
    if shared.recovery().is_none() {
        shared.tick(now);
    }
    feeds.iter().for_each(|feed| shared.ledger().open_source(&feed.name));
    match shared.commit(now) {
        Some(Outcome::Failed { error, .. }) => Err(io::Error::other(error)),
        _ => Ok(()),
    }
}

/// The start counts as a load that succeeded.
fn start_reloads(reload: Reload, shared: &Arc<Shared>, clock: &Clock) -> io::Result<Reloads> {
    let (shared, clock) = (shared.clone(), clock.clone());
    let since_1970 = move || Duration::from_millis(u64::try_from(clock().wall.0).unwrap_or(0));
    shared.telemetry.load_succeeded(since_1970());
    let reloads = Reloads::default();
    reloads.start(reload, move |outcome| match outcome {
        Ok(_) => shared.telemetry.load_succeeded(since_1970()),
        Err(_) => shared.telemetry.load_failed(),
    })?;
    Ok(reloads)
}

/// What requests may ask of the process: what SIGHUP and SIGTERM do.
fn lifecycle(stop: &Stop, reloads: &Reloads) -> Lifecycle {
    let (stop, reloads) = (stop.clone(), reloads.clone());
    Lifecycle { reload: Box::new(move || reloads.ask_and_wait()), quit: Box::new(move || stop.ask()) }
}

fn start_workers(
    feeds: Vec<Feed>,
    engines: &Arc<EngineSlot>,
    shared: &Arc<Shared>,
    clock: &Clock,
    stop: &Stop,
    committing: &Committing,
) -> io::Result<Receiver<EndedMessage>> {
    let (sender, receiver) = mpsc::channel();
    let claims = Claims::default();
    for (place, feed) in feeds.into_iter().enumerate() {
        let books = shared.clone();
        let deliver = Box::new(move |delta| {
            books.deliver(delta);
        });
        let job: Box<dyn FnOnce(&Stop) -> Ended + Send> = match feed.reads {
            Reads::Stream { source, tee } => {
                let worker = Worker::new(source, feed.pipeline, deliver, clock.clone(), TICK_INTERVAL)
                    .with_rules_of(engines.clone());
                let worker = if tee { worker.with_tee() } else { worker };
                Box::new(move |stop| worker.run(stop))
            }
            Reads::Files(setting) => {
                let mut lanes = Lanes::new(feed.pipeline, Arc::new(Disk));
                let tail = open_tail(setting, shared, clock, claims.clone(), place, &mut lanes);
                let worker = FilesWorker::new(tail, lanes, deliver, clock.clone(), TICK_INTERVAL)
                    .with_rules_of(engines.clone())
                    .woken_by(Wake::new()?);
                let worker = if shared.recovery().is_none() { worker.forgetful() } else { worker };
                Box::new(move |stop| worker.run(stop))
            }
            #[cfg(feature = "kafka")]
            Reads::Kafka(members) => {
                let workers = members.workers(
                    feed.pipeline,
                    shared,
                    engines,
                    clock,
                    || committing.waker(),
                    TICK_INTERVAL,
                )?;
                Box::new(move |stop| kafka::run(workers, stop))
            }
        };
        let (stop, sender): (Stop, Sender<EndedMessage>) = (stop.clone(), sender.clone());
        let spawned = thread::Builder::new().name(format!("worker-{place}")).spawn(move || {
            // Its last counts and positions are gone together. What it was about is on stderr already.
            let ended = catch_unwind(AssertUnwindSafe(|| job(&stop)))
                .unwrap_or_else(|_| Ended::Failed(io::Error::other("its worker panicked")));
            // Nobody listens any more when we were left behind.
            let _ = sender.send((place, ended));
        });
        spawned.map_err(|error| io::Error::new(error.kind(), format!("cannot start a thread: {error}")))?;
    }
    Ok(receiver)
}

/// Goes on where the ledger says.
fn open_tail(
    setting: tail::Setting,
    shared: &Shared,
    clock: &Clock,
    claims: Claims,
    place: usize,
    lanes: &mut Lanes,
) -> Tail<Lanes> {
    let prefix = tail::marks_prefix(&setting.source);
    let owned = |(key, value): (&str, &[u8])| (key.to_owned(), value.to_owned());
    // Copied: a container's file has its name looked up, and nobody waits for the ledger meanwhile.
    let marks: Vec<(String, Vec<u8>)> = shared.ledger().marks(&prefix).map(owned).collect();
    let marks = marks.iter().map(|(key, value)| (key.as_str(), value.as_slice()));
    Tail::new(Arc::new(Disk), clock.clone(), setting, claims, place, marks, lanes)
}

/// Serves on until the time is over or somebody asks to stop. Time goes on for the ledger too.
fn linger_on(committing: &Committing, stop: &Stop, linger: Duration) {
    let mut left = linger;
    while !stop.is_asked() && !left.is_zero() {
        committing.tick();
        let nap = left.min(TICK_INTERVAL);
        stop.sleep(nap);
        left -= nap;
    }
}

/// The thread that runs tokio: HTTP and signals.
struct Server {
    leave: oneshot::Sender<()>,
    thread: thread::JoinHandle<io::Result<()>>,
}

impl Server {
    /// Returns when signals are caught and the server takes requests.
    fn start(
        listeners: Listeners,
        shared: Arc<Shared>,
        web: Web,
        stop: Stop,
        reloads: Reloads,
    ) -> io::Result<Server> {
        let (leave, left) = oneshot::channel::<()>();
        let (started, is_started) = mpsc::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = thread::Builder::new().name("server".to_owned()).spawn(move || {
            runtime.block_on(async {
                let caught = catch_signals(stop, reloads);
                let is_caught = caught.is_ok();
                // The starter waits for this; it is there.
                let _ = started.send(caught);
                if !is_caught {
                    return Ok(());
                }
                let leaving = async {
                    // A starter that is gone wants us gone too.
                    let _ = left.await;
                };
                export::serve(listeners, shared, web, leaving).await
            })
        })?;
        is_started.recv().map_err(|_| io::Error::other("the server thread ended at its start"))??;
        Ok(Server { leave, thread })
    }

    fn leave(self) {
        // Refused when the server ended by itself.
        let _ = self.leave.send(());
        match self.thread.join() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the HTTP server failed"),
            Err(_) => tracing::warn!("the HTTP server panicked"),
        }
    }
}

/// The first SIGINT or SIGTERM asks everybody to finish, the second ends the process at once. SIGHUP reloads; where it
/// says that the terminal we were started on is gone, it asks to finish as well: nobody is left who could.
fn catch_signals(stop: Stop, reloads: Reloads) -> io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let had_terminal = has_terminal();
    tokio::spawn(async move {
        let mut is_first = true;
        loop {
            let number = tokio::select! {
                _ = interrupt.recv() => 2,
                _ = terminate.recv() => 15,
                _ = hang_up.recv() => {
                    match had_terminal && !has_terminal() {
                        true => stop.ask(),
                        false => reloads.ask(),
                    }
                    continue;
                }
            };
            if !std::mem::replace(&mut is_first, false) {
                #[expect(clippy::exit, reason = "somebody asked twice; nobody is left to hand a code to")]
                std::process::exit(128 + number);
            }
            stop.ask();
        }
    });
    Ok(())
}

/// A terminal that was closed is none any more.
fn has_terminal() -> bool {
    io::stdin().is_terminal() || io::stdout().is_terminal() || io::stderr().is_terminal()
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::catalogue::{builtin, compile, load};
    use crate::ledger::{Ledger, Limits};
    use crate::pipeline::{Engine, Options};
    use crate::source::Reading;
    use crate::telemetry::Telemetry;
    use crate::world;

    fn shared() -> Arc<Shared> {
        let ledger = Ledger::new(Limits::default(), Default::default());
        Arc::new(Shared::new(ledger, Telemetry::of_this_build()))
    }

    struct Panicking;

    impl Source for Panicking {
        fn read(&mut self, _: &mut [u8], _: Duration, _: &Stop) -> io::Result<Reading> {
            panic!("a worker of a test");
        }
    }

    #[test]
    fn a_worker_that_panics_is_a_source_that_failed_and_not_one_that_runs_on() {
        let rules = load::load(builtin::files(), &[]).unwrap();
        let engines = EngineSlot::new(Arc::new(Engine::new(compile(&rules))));
        let pipeline = Pipeline::new(engines.engine(), Options::new("s".into()));
        let reads = Reads::Stream { source: Box::new(Panicking), tee: false };
        let feeds = vec![Feed { name: "s".to_owned(), reads, pipeline }];
        let stop = Stop::new().unwrap();
        let (shared, clock) = (shared(), world::real_clock());
        let committing = Committing::start(&shared, &clock).unwrap();
        let ended = start_workers(feeds, &engines, &shared, &clock, &stop, &committing).unwrap();
        let (place, ended) = ended.recv().unwrap();
        assert!(
            place == 0 && matches!(&ended, Ended::Failed(error) if error.to_string().contains("panicked"))
        );
    }
}
