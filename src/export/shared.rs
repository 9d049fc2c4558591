//! What the shell, the workers and the server hold in common: the ledger behind its lock, telemetry, readiness.
//!
//! Workers lock the ledger for the time of a commit, a scrape for the time that its rows take to write (label blocks are
//! ready, so that 100,000 series take some milliseconds), not for telemetry and not for compression. The event loop never
//! waits for it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::ask::Ask;
use super::exposition::{View, Writer};
use super::fetch::Body;
use super::held::{Held, Shelf};
use super::press::{Job, Press, Printed};
use super::sheets::gzip;
use crate::ledger::Ledger;
use crate::telemetry::Telemetry;

#[derive(Debug)]
pub struct Shared {
    ledger: Mutex<Ledger>,
    pub telemetry: Telemetry,
    is_ready: AtomicBool,
    has_created: bool,
    press: Press,
    shelf: Shelf,
}

/// What is said to an [`Ask`].
pub struct Answer {
    pub content_type: &'static str,
    /// The value of `Content-Encoding`, if there is one.
    pub content_encoding: Option<&'static str>,
    pub body: Body,
}

/// Rendering failed, which it never should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unrendered;

impl Shared {
    /// Not ready yet.
    pub fn new(ledger: Ledger, telemetry: Telemetry) -> Shared {
        Shared {
            ledger: Mutex::new(ledger),
            telemetry,
            is_ready: AtomicBool::new(false),
            has_created: false,
            press: Press::default(),
            shelf: Shelf::default(),
        }
    }

    /// Whether OpenMetrics has a line for the birth of each counter's series. By default not: scrapers that do not know
    /// what it is keep it as a series.
    pub fn with_openmetrics_created(self, has_created: bool) -> Shared {
        Shared { has_created, ..self }
    }

    /// Hold it for a commit or a look, never across a wait. A holder that panicked leaves a ledger that is still whole
    /// row by row, which is better than none.
    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn set_ready(&self, is_ready: bool) {
        self.is_ready.store(is_ready, Ordering::Release);
    }

    pub fn is_ready(&self) -> bool {
        self.is_ready.load(Ordering::Acquire)
    }

    /// A whole exposition, rendered after the call began: never older than what was committed before it. Runs on tokio.
    pub async fn scrape(self: &Arc<Self>, ask: Ask) -> Result<Answer, Unrendered> {
        let (reply, printed) = oneshot::channel();
        if self.press.enter(Job { ask: ask.clone(), reply }) {
            let shared = self.clone();
            drop(tokio::task::spawn_blocking(move || shared.print()));
        }
        let Printed { body } = printed.await.map_err(|_| Unrendered)?;
        Ok(Answer {
            content_type: ask.format.content_type(),
            content_encoding: ask.is_gzip.then_some("gzip"),
            body: Body::held(body, None),
        })
    }

    /// Renders until nobody waits.
    fn print(&self) {
        let mut turn = self.press.turn();
        while let Some(mut jobs) = turn.next() {
            while !jobs.is_empty() {
                jobs = self.print_one(jobs);
            }
        }
    }

    /// Renders what the first one wants, for all who want the same; returns the others.
    fn print_one(&self, mut jobs: Vec<Job>) -> Vec<Job> {
        jobs.retain(|job| !job.reply.is_closed());
        let Some(first) = jobs.first() else { return jobs };
        let view = self.view(&first.ask);
        let (mine, others): (Vec<_>, Vec<_>) = jobs.into_iter().partition(|job| self.view(&job.ask) == view);
        let mut writer = Writer::new(&view);
        writer.ledger(&self.ledger());
        writer.telemetry(&self.telemetry);
        let sheets = writer.finish();
        let hold = |sheets| {
            let body = Held::new(sheets);
            self.shelf.put(&body);
            body
        };
        let zipped = mine.iter().any(|job| job.ask.is_gzip).then(|| hold(gzip(&sheets)));
        let plain = mine.iter().any(|job| !job.ask.is_gzip).then(|| hold(sheets));
        for job in mine {
            let body = if job.ask.is_gzip { &zipped } else { &plain };
            let body = body.clone().expect("made for whoever wants it");
            // Refused when the client has gone.
            let _ = job.reply.send(Printed { body });
        }
        others
    }

    fn view(&self, ask: &Ask) -> View {
        View { format: ask.format, filter: ask.filter.clone(), with_created: self.has_created }
    }
}
