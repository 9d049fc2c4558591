//! Scrapes that wait, and who renders for them: one thread at a time, off the event loop, and only while somebody waits.
//!
//! Scrapes that wait at the same time for the same view share one rendering and one compression. A rendering begins after
//! all who share it have asked, so that nobody is shown less than what was committed before he asked. Nothing is kept
//! for later: a scrape that comes when nobody waits is rendered anew.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::body::Bytes;
use tokio::sync::oneshot;

use super::ask::Ask;
use crate::ledger::{Births, Reader};

/// One scrape that waits.
#[derive(Debug)]
pub(super) struct Job {
    pub ask: Ask,
    pub reply: oneshot::Sender<Printed>,
}

/// What was rendered for a scrape.
#[derive(Debug, Clone)]
pub(super) struct Printed {
    pub sheets: Arc<[Bytes]>,
    pub reader: Reader,
    /// When it was rendered.
    pub births: Births,
}

#[derive(Debug, Default)]
pub(super) struct Press(Mutex<Queue>);

#[derive(Debug, Default)]
struct Queue {
    waiting: Vec<Job>,
    is_running: bool,
}

impl Press {
    /// Puts a scrape in line. Returns whether the caller has to see to it that somebody renders.
    pub fn enter(&self, job: Job) -> bool {
        let mut queue = self.queue();
        queue.waiting.push(job);
        !std::mem::replace(&mut queue.is_running, true)
    }

    /// For whoever renders, kept until he is done.
    pub fn turn(&self) -> Turn<'_> {
        Turn(self)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Nothing that can panic is done under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to render. Should rendering panic, those in line are told by the end of their channel and the next scrape
/// finds the press free.
#[derive(Debug)]
pub(super) struct Turn<'a>(&'a Press);

impl Turn<'_> {
    /// All who wait by now. Nobody: the turn is over, and the next who comes begins another.
    pub fn next(&mut self) -> Option<Vec<Job>> {
        let mut queue = self.0.queue();
        queue.is_running = !queue.waiting.is_empty();
        queue.is_running.then(|| std::mem::take(&mut queue.waiting))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            *self.0.queue() = Queue::default();
        }
    }
}
