//! Makes what waits durable, once a tick, and only then part of the ledger that everybody sees.
//!
//! One record a tick is written and synced without holding the ledger; then the ledger gets the same changes. What a
//! record cannot say (rules and limits of a reload) makes a new file with a snapshot. When the disk fails, the ledger
//! stays as it is and a copy beside it (the shadow) goes on counting; each tick a new file is tried with all of the
//! shadow, and when one is written the shadow becomes the ledger. Knows no clock and no thread.

use std::io;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::generation::Generation;
use super::{FILE_BYTES_MAX, Queue, Store, StoreError, failed};
use crate::event::{Delta, Millis};
use crate::ledger::saved::{Changes, Snapshot};
use crate::ledger::{Births, Ledger, Reader};

/// Time goes on in the ledger at least this often when nothing is counted. Milliseconds.
const IDLE_MAX: i64 = 5_000;

#[derive(Debug)]
pub struct Committer {
    store: Store,
    state: State,
    /// The ledger's revision that the last snapshot has.
    revision: u64,
    last: Option<Millis>,
}

#[derive(Debug)]
enum State {
    /// Nothing was written yet.
    Fresh,
    Open(Generation),
    Failing(Box<Failing>),
}

#[derive(Debug)]
struct Failing {
    shadow: Ledger,
    /// Series up to here are the same in the ledger and in the shadow.
    forked: Births,
}

impl Failing {
    /// The ledger as it is, and beside it what the deltas make of it.
    fn fork(books: &Mutex<Ledger>, deltas: Vec<Delta>, answers: &[(Reader, Births)], now: Millis) -> Failing {
        let mut shadow = lock(books).clone();
        let forked = shadow.births();
        shadow.apply(deltas, answers, now);
        Failing { shadow, forked }
    }
}

/// What came of a tick.
#[derive(Debug)]
pub enum Outcome {
    /// There was nothing to write.
    Idle,
    Committed {
        /// Of the file.
        bytes: u64,
        /// The time before it had failed.
        recovered: bool,
    },
    /// What everybody sees stays as it is; nothing that was counted is lost.
    Failed {
        error: StoreError,
        /// The time before it had not.
        began: bool,
    },
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Committer {
    /// The first commit begins a new file.
    pub fn new(store: Store) -> Committer {
        Committer { store, state: State::Fresh, revision: 0, last: None }
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Commits what waits, and that it is `now`. Takes both locks for moments only, never while it writes.
    pub fn commit(&mut self, books: &Mutex<Ledger>, queue: &Mutex<Queue>, now: Millis) -> Outcome {
        if self.is_idle(books, queue, now) {
            return Outcome::Idle;
        }
        let (deltas, answers) = lock(queue).take();
        self.last = Some(now);
        match mem::replace(&mut self.state, State::Fresh) {
            State::Failing(failing) => self.try_again(books, *failing, deltas, &answers, now),
            State::Fresh => self.write(books, None, deltas, &answers, now),
            State::Open(generation) => self.write(books, Some(generation), deltas, &answers, now),
        }
    }

    fn is_idle(&self, books: &Mutex<Ledger>, queue: &Mutex<Queue>, now: Millis) -> bool {
        let is_recent =
            self.last.is_some_and(|Millis(last)| (last..last.saturating_add(IDLE_MAX)).contains(&now.0));
        is_recent
            && matches!(self.state, State::Open(_))
            && !lock(queue).has_counts()
            && lock(books).revision == self.revision
    }

    fn write(
        &mut self,
        books: &Mutex<Ledger>,
        generation: Option<Generation>,
        deltas: Vec<Delta>,
        answers: &[(Reader, Births)],
        now: Millis,
    ) -> Outcome {
        let ledger = lock(books);
        let changes = Changes::of(&ledger, &deltas, answers, now);
        let goes_on = generation.filter(|generation| {
            let bytes_max = FILE_BYTES_MAX.max(2 * generation.snapshot_bytes);
            generation.bytes < bytes_max && ledger.revision == self.revision
        });
        let snapshot = goes_on.is_none().then(|| (ledger.revision, Snapshot::of(&ledger)));
        drop(ledger);
        let written = match (goes_on, snapshot) {
            (Some(mut generation), _) => generation.append(changes).map(|()| generation),
            (None, Some((revision, snapshot))) => {
                self.revision = revision;
                self.store.begin(snapshot, Some(changes))
            }
            (None, None) => unreachable!("there is a snapshot where no file goes on"),
        };
        match written {
            Ok(generation) => {
                let mut ledger = lock(books);
                if ledger.revision == self.revision {
                    ledger.apply(deltas, answers, now);
                    drop(ledger);
                    return self.committed(generation, false);
                }
                // A reload came meanwhile. Under its limits the same deltas may make other series than those that the
                // record stands for; none is shown before it is in a file.
                drop(ledger);
                let failing = Failing::fork(books, deltas, answers, now);
                self.publish(books, failing, false)
            }
            Err(error) => {
                let failing = Failing::fork(books, deltas, answers, now);
                self.failed(failing, error, true)
            }
        }
    }

    fn try_again(
        &mut self,
        books: &Mutex<Ledger>,
        mut failing: Failing,
        deltas: Vec<Delta>,
        answers: &[(Reader, Births)],
        now: Millis,
    ) -> Outcome {
        let Failing { shadow, forked } = &mut failing;
        shadow.follow(&lock(books));
        // Later series of the ledger that a reader saw are others than those of the shadow.
        let forked = *forked;
        let seen = |(reader, births): &(Reader, Births)| (reader.clone(), forked.min(*births));
        shadow.apply(deltas, &answers.iter().map(seen).collect::<Vec<_>>(), now);
        self.publish(books, failing, true)
    }

    /// Makes the shadow the ledger, once all of it is in a new file.
    fn publish(&mut self, books: &Mutex<Ledger>, mut failing: Failing, had_failed: bool) -> Outcome {
        let shadow = &mut failing.shadow;
        self.revision = shadow.revision;
        match self.store.begin(Snapshot::of(shadow), None) {
            Ok(generation) => {
                let mut ledger = lock(books);
                // A reload may have come meanwhile; then the revisions differ, and the next tick writes a snapshot.
                shadow.follow(&ledger);
                let old = mem::replace(&mut *ledger, failing.shadow);
                drop(ledger);
                drop(old);
                self.committed(generation, had_failed)
            }
            Err(error) => self.failed(failing, error, !had_failed),
        }
    }

    fn failed(&mut self, failing: Failing, error: io::Error, began: bool) -> Outcome {
        self.state = State::Failing(Box::new(failing));
        Outcome::Failed { error: failed(&self.store.directory, "write")(error), began }
    }

    fn committed(&mut self, generation: Generation, recovered: bool) -> Outcome {
        let bytes = generation.bytes;
        self.state = State::Open(generation);
        Outcome::Committed { bytes, recovered }
    }
}
