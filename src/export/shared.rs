//! What the shell, the workers and the server hold in common: the ledger behind its lock, telemetry, readiness.
//!
//! Workers lock the ledger for the time of a commit, a scrape for the time that its rows take to write (label blocks are
//! ready, so that 100,000 series take some milliseconds), not for telemetry and not for compression. The event loop never
//! waits for it: what scrapers have fetched is written down beside it and handed in by the next who holds it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::ask::Ask;
use super::exposition::{View, Writer};
use super::fetch::{AnswerBody, Receipt};
use super::press::{Job, Press, Printed};
use super::sheets::gzip;
use crate::event::Millis;
use crate::ledger::{Births, Ledger, Reader};
use crate::telemetry::Telemetry;

#[derive(Debug)]
pub struct Shared {
    ledger: Mutex<Ledger>,
    pub telemetry: Telemetry,
    is_ready: AtomicBool,
    has_created: bool,
    press: Press,
    /// Of answers that were fetched, until somebody who holds the ledger hands them in.
    receipts: Mutex<Vec<(Reader, Births)>>,
}

/// What is said to an [`Ask`].
pub struct Answer {
    pub content_type: &'static str,
    /// The value of `Content-Encoding`, if there is one.
    pub content_encoding: Option<&'static str>,
    pub body: AnswerBody,
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
            receipts: Mutex::default(),
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

    /// [`Ledger::tick`], with what was fetched before it.
    pub fn tick(&self, now: Millis) {
        let mut ledger = self.ledger();
        self.hand_in_receipts(&mut ledger);
        ledger.tick(now);
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
        let printed = printed.await.map_err(|_| Unrendered)?;
        Ok(Answer {
            content_type: ask.format.content_type(),
            content_encoding: ask.is_gzip.then_some("gzip"),
            body: AnswerBody::of_sheets(printed.sheets.clone(), self.receipt(ask, printed)),
        })
    }

    /// The ledger is told of it later: whoever sends a body runs on the event loop and does not wait for the ledger.
    fn receipt(self: &Arc<Self>, ask: Ask, Printed { reader, births, .. }: Printed) -> Option<Receipt> {
        if reader == Reader::Truth || !ask.shows_all() {
            return None;
        }
        let shared = self.clone();
        Some(Box::new(move || {
            if !ask.is_over() {
                shared.receipts().push((reader, births));
            }
        }))
    }

    fn receipts(&self) -> MutexGuard<'_, Vec<(Reader, Births)>> {
        self.receipts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hand_in_receipts(&self, ledger: &mut Ledger) {
        let receipts = std::mem::take(&mut *self.receipts());
        for (reader, births) in receipts {
            ledger.answered(&reader, births);
        }
    }

    /// Renders until nobody waits.
    fn print(&self) {
        let mut turn = self.press.turn();
        while let Some(jobs) = turn.next() {
            let others = self.print_one(jobs);
            turn.put_back(others);
        }
    }

    /// Renders what the first one wants, for all who want the same; returns the others.
    fn print_one(&self, jobs: Vec<Job>) -> Vec<Job> {
        let Some(first) = jobs.first() else { return jobs };
        let mut ledger = self.ledger();
        self.hand_in_receipts(&mut ledger);
        let (births, zero_first) = (ledger.births(), ledger.zero_first());
        let shown = |ask: &Ask| {
            let shown = ledger.shown_to(&ask.reader(zero_first));
            // A scraper that has seen all there is shares with those who are shown all.
            if shown >= births { Births::ALL } else { shown }
        };
        let ask = &first.ask;
        let view = View {
            format: ask.format,
            filter: ask.filter.clone(),
            with_created: self.has_created,
            shown: shown(ask),
        };
        let sees_it =
            |ask: &Ask| ask.format == view.format && ask.filter == view.filter && shown(ask) == view.shown;
        let (mine, others): (Vec<_>, Vec<_>) = jobs.into_iter().partition(|job| sees_it(&job.ask));
        let mut writer = Writer::new(&view);
        writer.ledger(&ledger);
        drop(ledger);
        writer.telemetry(&self.telemetry);
        let sheets = writer.finish();
        let prints = &self.press.prints;
        let zipped = mine.iter().any(|job| job.ask.is_gzip).then(|| prints.add(gzip(&sheets)));
        let plain = prints.add(sheets);
        for job in mine {
            let sheets = zipped.as_ref().filter(|_| job.ask.is_gzip).unwrap_or(&plain).clone();
            let reader = job.ask.reader(zero_first);
            // Refused when the client has gone.
            let _ = job.reply.send(Printed { sheets, reader, births });
        }
        others
    }
}
