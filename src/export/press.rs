//! Scrapes that wait, and who renders for them: one thread at a time, off the event loop, and only while somebody waits.
//!
//! Scrapes that wait at the same time for the same view share one rendering and one compression. A rendering begins after
//! all who share it have asked, so that nobody is shown less than what was committed before he asked. Nothing is kept
//! for later: a scrape that comes when nobody waits is rendered anew.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::ask::Ask;
use super::prints::{Print, Prints};
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
    pub sheets: Arc<Print>,
    pub reader: Reader,
    /// When it was rendered.
    pub births: Births,
}

#[derive(Debug, Default)]
pub(super) struct Press {
    queue: Mutex<Queue>,
    pub prints: Arc<Prints>,
}

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
        Turn { press: self, was_whole: false }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Nothing that can panic is done under the lock.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to render. Should rendering panic, those in line are told by the end of their channel and the next scrape
/// finds the press free.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    press: &'a Press,
    /// The last rendering was one of everything.
    was_whole: bool,
}

impl Turn<'_> {
    /// All who wait, once there is room for what the first of them wants. Nobody: the turn is over, and the next who comes
    /// begins another.
    ///
    /// Whoever wants everything, which scrapers do and all of them share, has every second rendering. Else the order is
    /// that of asking.
    pub fn next(&mut self) -> Option<Vec<Job>> {
        let mut jobs = loop {
            let has_room = self.press.prints.wait_for_room(|| self.press.queue().is_wanted());
            let mut queue = self.press.queue();
            queue.is_running = queue.is_wanted();
            // Whoever came after the wait was given up waits for room as well.
            if has_room || !queue.is_running {
                break std::mem::take(&mut queue.waiting);
            }
        };
        let whole = jobs.iter().position(|job| job.ask.filter.is_all());
        if let Some(whole) = whole.filter(|_| !self.was_whole) {
            jobs[..=whole].rotate_right(1);
        }
        self.was_whole = jobs.first()?.ask.filter.is_all();
        Some(jobs)
    }

    /// These wait on, before those who came later.
    pub fn put_back(&mut self, jobs: Vec<Job>) {
        self.press.queue().waiting.splice(..0, jobs);
    }
}

impl Queue {
    /// Forgets those who have gone.
    fn is_wanted(&mut self) -> bool {
        self.waiting.retain(|job| !job.reply.is_closed());
        !self.waiting.is_empty()
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            *self.press.queue() = Queue::default();
        }
    }
}
