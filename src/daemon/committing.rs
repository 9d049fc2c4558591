//! The thread that commits: about once a second, when a worker has ended, and a last time at the end.
//!
//! A disk may take as long as it likes, and nobody waits for it: not the server, not the workers, not the way out.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::thread;
use std::time::{Duration, Instant};

use crate::export::Shared;
use crate::ledger::Outcome;
use crate::source::Stop;
use crate::world::Clock;

/// How long the last commit may take once somebody asked us to end. The server leaves meanwhile.
const LAST_COMMIT_WITHIN: Duration = Duration::from_millis(950);

pub(super) struct Committing {
    shared: Arc<Shared>,
    wake: Arc<SyncSender<()>>,
    /// Whether the last commit made everything durable, at the end of the thread.
    ended: Receiver<bool>,
}

/// The last commit, under way.
pub(super) struct LastCommit {
    ended: Receiver<bool>,
    begun: Instant,
    /// Once it is over.
    is_durable: Option<bool>,
}

impl Committing {
    pub fn start(shared: &Arc<Shared>, clock: &Clock) -> io::Result<Committing> {
        let (wake, woken) = mpsc::sync_channel(1);
        let (end, ended) = mpsc::channel();
        let (books, clock) = (shared.clone(), clock.clone());
        thread::Builder::new().name("committer".to_owned()).spawn(move || {
            while woken.recv().is_ok() {
                report(books.commit(clock().wall));
            }
            let last = books.commit(clock().wall);
            let is_durable = !matches!(last, Some(Outcome::Failed { .. }));
            report(last);
            // Nobody listens any more when the time was over.
            let _ = end.send(is_durable);
        })?;
        Ok(Committing { shared: shared.clone(), wake: Arc::new(wake), ended })
    }

    /// Asks for a commit. One that is under way, or asked for, is not waited for.
    pub fn tick(&self) {
        match self.wake.try_send(()) {
            Ok(()) | Err(TrySendError::Full(())) => {}
            Err(TrySendError::Disconnected(())) => self.shared.give_up("who commits has panicked"),
        }
    }

    /// The same for others.
    pub fn waker(&self) -> Box<dyn Fn() + Send> {
        // Who is left behind must not keep the last commit from being made.
        let wake = Arc::downgrade(&self.wake);
        Box::new(move || {
            let _ = wake.upgrade().map(|wake| wake.try_send(()));
        })
    }

    pub fn last_commit(self) -> LastCommit {
        LastCommit { ended: self.ended, begun: Instant::now(), is_durable: None }
    }
}

impl LastCommit {
    /// Until it is durable; not when, or once, somebody asks us to end.
    pub fn wait_unless(&mut self, stop: &Stop) {
        while !stop.is_asked() && !self.is_over(Duration::from_millis(20)) {}
    }

    /// Whether everything that was delivered before it is durable. Waits for it as long as there is time.
    pub fn settle(mut self) -> bool {
        let is_over = self.is_over(LAST_COMMIT_WITHIN.saturating_sub(self.begun.elapsed()));
        let is_settled = is_over && self.is_durable == Some(true);
        if !is_settled {
            tracing::error!("the last counts could not be committed and are not part of the state");
        }
        is_settled
    }

    fn is_over(&mut self, patience: Duration) -> bool {
        if self.is_durable.is_none() {
            self.is_durable = match self.ended.recv_timeout(patience) {
                Ok(is_durable) => Some(is_durable),
                Err(RecvTimeoutError::Timeout) => None,
                // It has panicked.
                Err(RecvTimeoutError::Disconnected) => Some(false),
            };
        }
        self.is_durable.is_some()
    }
}

fn report(outcome: Option<Outcome>) {
    match outcome {
        Some(Outcome::Failed { error, began: true }) => {
            tracing::error!("counts cannot be committed; they go on, what is exposed stands still: {error}");
        }
        Some(Outcome::Committed { recovered: true, .. }) => {
            tracing::info!("counts are committed again, none was lost");
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::{Path, PathBuf};
    use std::sync::Mutex;

    use crate::event::{CodeBook, Delta, Label, SourceCounts};
    use crate::ledger::{CatalogueInfo, Exposure, Limits, Store};
    use crate::telemetry::Telemetry;
    use crate::world::{self, Disk, Entry, File, Files, Links, Lock, Stat};

    /// A disk whose syncs wait as long as `door` is held.
    #[derive(Debug, Clone)]
    struct Slow {
        door: Arc<Mutex<()>>,
    }

    #[derive(Debug)]
    struct SlowFile(Box<dyn File>, Slow);

    impl Files for Slow {
        fn stat(&self, path: &Path) -> io::Result<Stat> {
            Disk.stat(path)
        }

        fn link_target(&self, path: &Path) -> io::Result<Option<PathBuf>> {
            Disk.link_target(path)
        }

        fn list(&self, directory: &Path) -> io::Result<Vec<Entry>> {
            Disk.list(directory)
        }

        fn open(&self, path: &Path, links: Links) -> io::Result<Box<dyn File>> {
            Disk.open(path, links)
        }

        fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
            Ok(Box::new(SlowFile(Disk.create(path)?, self.clone())))
        }

        fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
            Disk.rename(from, to)
        }

        fn remove(&self, path: &Path) -> io::Result<()> {
            Disk.remove(path)
        }

        fn sync_directory(&self, directory: &Path) -> io::Result<()> {
            Disk.sync_directory(directory)
        }

        fn private_directory(&self, directory: &Path) -> io::Result<()> {
            Disk.private_directory(directory)
        }

        fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
            Disk.lock(path)
        }
    }

    impl File for SlowFile {
        fn stat(&self) -> io::Result<Stat> {
            self.0.stat()
        }

        fn read_at(&self, block: &mut [u8], offset: u64) -> io::Result<usize> {
            self.0.read_at(block, offset)
        }

        fn next_data(&self, offset: u64) -> io::Result<Option<u64>> {
            self.0.next_data(offset)
        }

        fn append(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.append(bytes)
        }

        fn sync(&self) -> io::Result<()> {
            let _open = self.1.door.lock().unwrap();
            self.0.sync()
        }
    }

    fn shared(directory: PathBuf, door: &Arc<Mutex<()>>, clock: &Clock) -> Arc<Shared> {
        let mut store = Store::open(Arc::new(Slow { door: door.clone() }), &directory).unwrap();
        let info = CatalogueInfo { version: Label::from("0"), sha256: Label::from("0") };
        let now = clock().wall;
        let ledger = store.ledger(Limits::default(), CodeBook::new(), &info, Exposure::default(), now);
        Arc::new(Shared::new(ledger, Telemetry::of_this_build()).with_store(store))
    }

    fn lines(count: u64) -> Delta {
        let counts = SourceCounts { lines: count, unmatched: count, ..SourceCounts::default() };
        Delta { source: "s".into(), counts, ..Delta::default() }
    }

    #[test]
    fn a_disk_that_hangs_keeps_nobody_from_delivering_looking_and_leaving() {
        let (scratch, door, clock) =
            (tempfile::tempdir().unwrap(), Arc::new(Mutex::new(())), world::real_clock());
        let shared = shared(scratch.path().join("state"), &door, &clock);
        assert!(matches!(shared.commit(clock().wall), Some(Outcome::Committed { .. })));
        let closed = door.lock().unwrap();
        let committing = Committing::start(&shared, &clock).unwrap();
        shared.deliver(lines(1));
        let begun = Instant::now();
        (0..100).for_each(|_| committing.tick());
        shared.deliver(lines(2));
        assert_eq!(shared.ledger().totals().counts.lines, 0);
        let stop = Stop::new().unwrap();
        stop.ask();
        let mut last = committing.last_commit();
        last.wait_unless(&stop);
        assert!(!last.settle(), "it cannot be");
        assert!(begun.elapsed() < Duration::from_millis(1_500), "{:?}", begun.elapsed());
        drop(closed);
    }

    #[test]
    fn who_delivers_behind_the_last_commit_does_not_unsettle_it() {
        let (scratch, door, clock) =
            (tempfile::tempdir().unwrap(), Arc::new(Mutex::new(())), world::real_clock());
        let shared = shared(scratch.path().join("state"), &door, &clock);
        let committing = Committing::start(&shared, &clock).unwrap();
        shared.deliver(lines(1));
        let mut last = committing.last_commit();
        last.wait_unless(&Stop::new().unwrap());
        shared.deliver(lines(1));
        assert!(last.settle());
        assert_eq!(shared.ledger().totals().counts.lines, 1);
    }

    #[test]
    fn the_last_commit_has_everything_that_was_delivered() {
        let (scratch, door, clock) =
            (tempfile::tempdir().unwrap(), Arc::new(Mutex::new(())), world::real_clock());
        let shared = shared(scratch.path().join("state"), &door, &clock);
        let committing = Committing::start(&shared, &clock).unwrap();
        (0..10).for_each(|_| {
            shared.deliver(lines(1));
        });
        let mut last = committing.last_commit();
        last.wait_unless(&Stop::new().unwrap());
        assert!(last.settle());
        assert_eq!(shared.ledger().totals().counts.lines, 10);
        let held = crate::ledger::store::look(&Disk, &scratch.path().join("state")).unwrap();
        assert_eq!(held.totals.lines, 10);
    }
}
