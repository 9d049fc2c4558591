//! What the kernel says about directories. It only wakes: events may be lost, merged or late, and some file systems send
//! none, so whoever is woken looks for himself.

use std::collections::HashSet;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use rustix::event::EventfdFlags;

use super::Events;
use crate::source::wait::{self, Stop};

/// Paths that are remembered between two looks; with more, everything is looked at.
const PATHS_MAX: usize = 4096;

/// Watches directories and wakes who waits.
pub struct Wake {
    watcher: Option<RecommendedWatcher>,
    watched: HashSet<PathBuf>,
    shared: Arc<Shared>,
    has_complained: bool,
}

struct Shared {
    events: Mutex<Events>,
    bell: std::os::fd::OwnedFd,
}

impl Shared {
    fn note(&self, event: notify::Result<notify::Event>) {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Ok(event) if event.need_rescan() => events.is_incomplete = true,
            // Our own reads.
            Ok(event) if event.kind.is_access() => return,
            Ok(event) => events.paths.extend(event.paths),
            Err(_) => events.is_incomplete = true,
        }
        if events.paths.len() > PATHS_MAX {
            events.paths.clear();
            events.is_incomplete = true;
        }
        drop(events);
        // Full means that it rings already.
        let _ = rustix::io::write(&self.bell, &1u64.to_ne_bytes());
    }
}

impl Wake {
    /// Without a watcher where the system has none to give; then only time wakes.
    pub fn new() -> io::Result<Wake> {
        let bell = rustix::event::eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?;
        let shared = Arc::new(Shared { events: Mutex::default(), bell });
        let notes = shared.clone();
        let watcher = notify::recommended_watcher(move |event| notes.note(event));
        let mut wake = Wake { watcher: None, watched: HashSet::new(), shared, has_complained: false };
        match watcher {
            Ok(watcher) => wake.watcher = Some(watcher),
            Err(error) => wake.complain(&error),
        }
        Ok(wake)
    }

    /// Watches these directories and no others.
    pub fn watch(&mut self, directories: &[PathBuf]) {
        let Some(watcher) = &mut self.watcher else { return };
        let mut failed = None;
        for directory in directories {
            if self.watched.contains(directory) {
                continue;
            }
            match watcher.watch(directory, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.watched.insert(directory.clone());
                }
                Err(error) => failed = Some(error),
            }
        }
        if self.watched.len() > directories.len() {
            let wanted: HashSet<&Path> = directories.iter().map(PathBuf::as_path).collect();
            let gone: Vec<PathBuf> =
                self.watched.iter().filter(|path| !wanted.contains(path.as_path())).cloned().collect();
            for path in gone {
                // It is gone most of the time, and its watch with it.
                let _ = watcher.unwatch(&path);
                self.watched.remove(&path);
            }
        }
        if let Some(error) = failed {
            self.complain(&error);
        }
    }

    /// Waits until something happens, the time is over or a stop is asked for.
    pub fn wait(&mut self, patience: Duration, stop: &Stop) {
        // An error of the wait itself ends it early, and whoever waits looks again.
        let _ = wait::readable(self.shared.bell.as_fd(), patience, stop);
        let mut count = [0; 8];
        // Nothing to read when nobody rang.
        let _ = rustix::io::read(&self.shared.bell, &mut count);
    }

    /// What happened since the last call.
    pub fn events(&mut self) -> Events {
        let events = std::mem::take(&mut *self.shared.events.lock().unwrap_or_else(PoisonError::into_inner));
        for path in &events.paths {
            // A directory that was removed and is there again has no watch any more.
            if self.watched.contains(path) {
                if let Some(watcher) = &mut self.watcher {
                    let _ = watcher.unwatch(path);
                }
                self.watched.remove(path);
            }
        }
        events
    }

    fn complain(&mut self, error: &notify::Error) {
        if !std::mem::replace(&mut self.has_complained, true) {
            tracing::warn!(%error, "cannot watch all directories; changes are found by looking, about once a second");
        }
    }
}
