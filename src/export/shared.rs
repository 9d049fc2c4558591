//! What the shell, the workers and the server hold in common: the ledger behind its lock, telemetry, readiness, and the
//! store, where there is one. Then deltas wait for the next commit, and the ledger holds what is durable and no more.
//!
//! Workers lock the ledger for the time of a commit, a scrape for the time that its rows take to write (label blocks are
//! ready, so that 100,000 series take some milliseconds), not for telemetry and not for compression. The event loop never
//! waits for it: what scrapers have fetched is written down beside it and handed in by the next who holds it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::ask::Ask;
use super::exposition::{View, Writer};
use super::fetch::{AnswerBody, Receipt};
use super::press::{Job, Press, Printed};
use super::sheets::gzip;
use crate::event::{Delta, Millis};
use crate::ledger::store::fresh_id;
use crate::ledger::{Births, Committer, Ledger, Outcome, Queue, Reader, Recovery, Store};
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
    durable: Option<Durable>,
    checks: Checks,
    ledger_id: [u8; 16],
}

/// Says what is wrong; `None`: nothing is.
pub type Check = Box<dyn Fn() -> Option<String> + Send + Sync>;

#[derive(Default)]
struct Checks(Mutex<Vec<Check>>);

impl std::fmt::Debug for Checks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Checks")
    }
}

/// What makes commits last.
#[derive(Debug)]
struct Durable {
    queue: Mutex<Queue>,
    /// Held over a write, by nobody else than who commits.
    committer: Mutex<Committer>,
    recovery: Recovery,
    /// Why the last commit failed.
    trouble: Mutex<Option<String>>,
    /// The number of the last delta that is durable.
    settled: Mutex<u64>,
    has_settled: Condvar,
}

/// A delta that was delivered: durable some time later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

/// Readers whose receipts are kept between two ticks; a scraper beyond them is shown zeros for longer.
const RECEIPTS_MAX: usize = 1_024;

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

/// A holder that panicked leaves what is still whole value by value.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

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
            durable: None,
            checks: Checks::default(),
            ledger_id: fresh_id(),
        }
    }

    /// Commits go to a store from now on; the ledger is the one that it gave ([`Store::ledger`]).
    pub fn with_store(self, store: Store) -> Shared {
        let (recovery, ledger_id) = (store.recovery().clone(), store.id());
        self.telemetry.ledger_damaged(recovery.damage.len());
        let durable = Durable {
            queue: Mutex::default(),
            committer: Mutex::new(Committer::new(store)),
            recovery,
            trouble: Mutex::default(),
            settled: Mutex::default(),
            has_settled: Condvar::new(),
        };
        Shared { durable: Some(durable), ledger_id, ..self }
    }

    /// Whether OpenMetrics has a line for the birth of each counter's series. By default not: scrapers that do not know
    /// what it is keep it as a series.
    pub fn with_openmetrics_created(self, has_created: bool) -> Shared {
        Shared { has_created, ..self }
    }

    /// Hold it for a commit or a look, never across a wait. A holder that panicked leaves a ledger that is still whole
    /// row by row, which is better than none.
    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        held(&self.ledger)
    }

    /// The number of the ledger, which no other has; without a store it ends with the process.
    pub fn ledger_id(&self) -> [u8; 16] {
        self.ledger_id
    }

    /// What the store found at the start; nothing without one.
    pub fn recovery(&self) -> Option<&Recovery> {
        self.durable.as_ref().map(|durable| &durable.recovery)
    }

    /// What a worker counted: part of the ledger at once, or, with a store, when it is committed.
    pub fn deliver(&self, delta: Delta) -> Ticket {
        self.telemetry.tick();
        match &self.durable {
            None => {
                self.ledger().commit(delta);
                Ticket(0)
            }
            Some(durable) => Ticket(held(&durable.queue).deliver(delta)),
        }
    }

    /// Whether the delta, and every one before it, is as durable as it will be. Waits at most `patience` for it.
    pub fn is_durable(&self, ticket: Ticket, patience: Duration) -> bool {
        let Some(durable) = &self.durable else { return true };
        let settled = held(&durable.settled);
        let waited = durable.has_settled.wait_timeout_while(settled, patience, |settled| *settled < ticket.0);
        *waited.unwrap_or_else(PoisonError::into_inner).0 >= ticket.0
    }

    /// [`Ledger::tick`], with what was fetched before it. For a ledger without a store.
    pub fn tick(&self, now: Millis) {
        let mut ledger = self.ledger();
        self.hand_in_receipts(&mut ledger);
        ledger.tick(now);
    }

    /// Makes durable what waits, and then part of the ledger; takes as long as the disk does. Without a store, a tick
    /// and no outcome.
    pub fn commit(&self, now: Millis) -> Option<Outcome> {
        let Some(durable) = &self.durable else {
            self.tick(now);
            return None;
        };
        let mut committer = held(&durable.committer);
        let receipts = std::mem::take(&mut *self.receipts());
        let mut queue = held(&durable.queue);
        receipts.into_iter().for_each(|(reader, births)| queue.answered(reader, births));
        drop(queue);
        let outcome = committer.commit(&self.ledger, &durable.queue, now);
        if !matches!(outcome, Outcome::Failed { .. }) {
            // Nobody else takes from the queue, and what a failed commit had taken is in this one.
            *held(&durable.settled) = held(&durable.queue).taken();
            durable.has_settled.notify_all();
        }
        match &outcome {
            Outcome::Idle => {}
            Outcome::Committed { bytes, .. } => {
                self.telemetry.ledger_committed(*bytes, now.0);
                *held(&durable.trouble) = None;
            }
            Outcome::Failed { error, .. } => {
                self.telemetry.ledger_failed();
                *held(&durable.trouble) = Some(error.to_string());
            }
        }
        Some(outcome)
    }

    /// Nobody commits any more, for this reason.
    pub fn give_up(&self, why: &str) {
        if let Some(durable) = &self.durable
            && held(&durable.trouble).replace(why.to_owned()).is_none()
        {
            self.telemetry.ledger_failed();
        }
    }

    /// Why counts cannot be made durable at present.
    pub fn trouble(&self) -> Option<String> {
        self.durable.as_ref().and_then(|durable| held(&durable.trouble).clone())
    }

    pub fn set_ready(&self, is_ready: bool) {
        self.is_ready.store(is_ready, Ordering::Release);
    }

    /// Why not, where it is not; an empty list: it is starting or leaving.
    pub fn readiness(&self) -> Result<(), Vec<String>> {
        if !self.is_ready.load(Ordering::Acquire) {
            return Err(Vec::new());
        }
        let reasons: Vec<String> = held(&self.checks.0).iter().filter_map(|check| check()).collect();
        if reasons.is_empty() { Ok(()) } else { Err(reasons) }
    }

    /// Something that has to be well for the process to be ready.
    pub fn add_check(&self, check: Check) {
        held(&self.checks.0).push(check);
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
                shared.note(reader, births);
            }
        }))
    }

    fn note(&self, reader: Reader, births: Births) {
        let mut receipts = self.receipts();
        if let Some((_, seen)) = receipts.iter_mut().find(|(noted, _)| *noted == reader) {
            *seen = births.max(*seen);
        } else if receipts.len() < RECEIPTS_MAX {
            receipts.push((reader, births));
        }
    }

    fn receipts(&self) -> MutexGuard<'_, Vec<(Reader, Births)>> {
        held(&self.receipts)
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
        // With a store they wait for the commit.
        if self.durable.is_none() {
            self.hand_in_receipts(&mut ledger);
        }
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
