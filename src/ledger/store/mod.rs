//! The journal of a ledger in a directory of its own: what was committed survives the process and the machine.
//!
//! `frame` is bytes and checks, `generation` one file, this file finds the newest state that can be trusted and begins
//! new files, `committer` writes a record a tick and goes on when the disk does not, `queue` keeps what waits for it,
//! `look` is for people. A file ends with the first byte that does not check: what follows it is never looked at.
//! Files that cannot be used are set aside under another name, so that nothing is destroyed.

mod frame;
mod generation;
mod queue;
mod committer;
mod look;
mod packed;
#[cfg(test)]
mod tests;

use std::ffi::OsStr;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::saved::{Changes, Snapshot};
use super::{CatalogueInfo, Exposure, Ledger, Limits};
use crate::event::{CodeBook, Millis};
use crate::world::{Files, Lock};
use frame::Header;
use generation::{End, Generation, path_of};

pub use committer::{Committer, Outcome};
pub use frame::FORMAT;
pub use look::{
    Look, LookedAmbiguous, LookedError, LookedMark, LookedSeen, LookedSource, LookedTenant, LookedTotals,
    look, reset,
};
pub use packed::{pack, unpack};
pub use queue::{Queue, merge_bounded};

const LOCK: &str = "lock";
/// Files that were set aside and are kept; of more the oldest go.
const ASIDE_MAX: usize = 4;
const ASIDE: [&str; 2] = ["damaged", "newer"];

/// A new file is begun where the old one is longer than this, and twice as long as its snapshot. At some hundred bytes a
/// tick it takes half a day to get there, and reading it at a start takes a fraction of a second.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// Why a state directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{}: another process uses this state directory", .path.display())]
    Held { path: PathBuf },
    /// The reason says what it is instead.
    #[error("{}: {reason}", .path.display())]
    NotPrivate { path: PathBuf, reason: String },
    #[error("{}: there is no state", .path.display())]
    Nothing { path: PathBuf },
    /// Looked at; a start sets such files aside.
    #[error("{}: no state can be used: {damage}", .path.display())]
    Unusable { path: PathBuf, damage: String },
    #[error("{}: cannot {doing}: {source}", .path.display())]
    Failed { path: PathBuf, doing: &'static str, source: io::Error },
}

/// What was found at the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovery {
    /// The generation that was taken; nothing where there was none.
    pub generation: Option<u64>,
    /// Records after its snapshot.
    pub records: u64,
    /// The last commit.
    pub written_at: Option<Millis>,
    /// The last record was never written to its end, as when the power fails. Nothing is lost by it.
    pub torn: bool,
    /// What was wrong, a sentence a file. Counts may have gone back to an earlier commit, together with positions.
    pub damage: Vec<String>,
}

/// A state directory that is ours as long as this lives.
#[derive(Debug)]
pub struct Store {
    files: Arc<dyn Files>,
    directory: PathBuf,
    _lock: Box<dyn Lock>,
    id: [u8; 16],
    /// Of the newest file of ours that is whole.
    newest: Option<u64>,
    /// The number of the next file.
    next: u64,
    recovery: Recovery,
    recovered: Option<Box<Ledger>>,
    /// To be set aside when its state is safe in a new file.
    suspect: Option<u64>,
}

fn failed(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Failed { path, doing, source }
}

impl Store {
    /// Takes the directory, made where it is not there, and reads what was committed last. Writes no state.
    pub fn open(files: Arc<dyn Files>, directory: &Path) -> Result<Store, StoreError> {
        let lock = take(&*files, directory)?;
        let mut store = Store {
            files,
            directory: directory.to_owned(),
            _lock: lock,
            id: fresh_id(),
            newest: None,
            next: 1,
            recovery: Recovery::default(),
            recovered: None,
            suspect: None,
        };
        store.recover()?;
        Ok(store)
    }

    /// The ledger's own number: stays with it from one process to the next.
    pub fn id(&self) -> [u8; 16] {
        self.id
    }

    /// What was found.
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// The ledger as it was committed last, or a new one, under the settings of today. Once.
    pub fn ledger(
        &mut self,
        limits: Limits,
        code_book: CodeBook,
        info: &CatalogueInfo,
        exposure: Exposure,
        now: Millis,
    ) -> Ledger {
        match self.recovered.take() {
            None => Ledger::exposed(limits, code_book, exposure).with_catalogue(info),
            Some(mut ledger) => {
                ledger.adopt(limits, code_book, info, exposure, now);
                *ledger
            }
        }
    }

    fn recover(&mut self) -> Result<(), StoreError> {
        let (files, directory) = (self.files.clone(), self.directory.clone());
        let found = generation::list(&*files, &directory).map_err(failed(&directory, "list"))?;
        let aside = files.list(&directory).map_err(failed(&directory, "list"))?;
        let aside = aside.iter().filter_map(|entry| aside_of(&entry.name)).max();
        self.next = found.first().copied().max(aside).map_or(1, |newest| newest + 1);
        let mut id = None;
        for generation in found {
            let path = path_of(&directory, generation);
            let read = generation::read(&*files, &directory, generation).map_err(failed(&path, "read"))?;
            let held = match read {
                Err(useless) => {
                    id = id.or(useless.header.map(|header| header.id));
                    self.useless(generation, useless.damage)?;
                    continue;
                }
                Ok(held) => held,
            };
            if id.is_some_and(|id| id != held.header.id) {
                self.useless(generation, frame::Damage::Broken("it belongs to another ledger"))?;
                continue;
            }
            self.id = held.header.id;
            self.newest = Some(generation);
            self.recovery.generation = Some(generation);
            self.recovery.records = held.records;
            self.recovery.written_at = held.ledger.register.now;
            self.recovery.torn = held.end == End::Torn;
            if let End::Damaged(damage) = held.end {
                self.suspect = Some(generation);
                self.recovery.damage.push(format!(
                    "{}: {damage}; it is used up to there ({} of {} bytes, {} commits)",
                    path.display(),
                    held.bytes,
                    held.file_bytes,
                    held.records
                ));
            }
            self.recovered = Some(Box::new(held.ledger));
            break;
        }
        Ok(())
    }

    /// A file that holds no state: it goes aside before anything else, an older one is looked at.
    fn useless(&mut self, generation: u64, damage: frame::Damage) -> Result<(), StoreError> {
        let path = path_of(&self.directory, generation);
        let aside = self.set_aside(generation, damage).map_err(failed(&path, "set aside"))?;
        self.recovery.damage.push(format!("{}: {damage}; set aside as {}", path.display(), aside.display()));
        Ok(())
    }

    fn set_aside(&self, generation: u64, damage: frame::Damage) -> io::Result<PathBuf> {
        let path = path_of(&self.directory, generation);
        let aside = path.with_added_extension(match damage {
            frame::Damage::Broken(_) => ASIDE[0],
            frame::Damage::Newer(_) => ASIDE[1],
        });
        self.files.rename(&path, &aside)?;
        self.files.sync_directory(&self.directory)?;
        Ok(aside)
    }

    /// A new file with all of `snapshot` and what came after it.
    fn begin(&mut self, snapshot: Snapshot, changes: Option<Changes>) -> io::Result<Generation> {
        let header = Header { id: self.id, generation: self.next };
        let begun = Generation::begin(&*self.files, &self.directory, header, snapshot, changes)?;
        let previous = self.newest.replace(self.next);
        self.next += 1;
        self.tidy(previous);
        Ok(begun)
    }

    /// What is left over from before goes; the previous generation stays. Failing harms nothing: the next time does it.
    fn tidy(&mut self, previous: Option<u64>) {
        if let Some(suspect) = self.suspect.take() {
            let _ = self.set_aside(suspect, frame::Damage::Broken(""));
        }
        let (Some(newest), Ok(entries)) = (self.newest, self.files.list(&self.directory)) else { return };
        let mut aside = Vec::new();
        for entry in entries {
            let is_old = |generation: u64| Some(generation) != previous && generation < newest;
            if generation::generation_of(&entry.name).is_some_and(is_old) {
                let _ = self.files.remove(&self.directory.join(&entry.name));
            } else if aside_of(&entry.name).is_some() {
                aside.push(entry.name);
            }
        }
        aside.sort_unstable();
        for name in aside.iter().rev().skip(ASIDE_MAX) {
            let _ = self.files.remove(&self.directory.join(name));
        }
    }
}

/// The generation of a file that was set aside.
fn aside_of(name: &OsStr) -> Option<u64> {
    let (journal, suffix) = name.to_str()?.rsplit_once('.')?;
    generation::generation_of(journal.as_ref()).filter(|_| ASIDE.contains(&suffix))
}

/// The directory as ours alone, and its lock.
fn take(files: &dyn Files, directory: &Path) -> Result<Box<dyn Lock>, StoreError> {
    let path = || directory.to_owned();
    files.private_directory(directory).map_err(|source| match source.raw_os_error() {
        None => StoreError::NotPrivate { path: path(), reason: source.to_string() },
        Some(_) => StoreError::Failed { path: path(), doing: "make or use the directory", source },
    })?;
    let lock = directory.join(LOCK);
    files.lock(&lock).map_err(|source| match source.kind() {
        ErrorKind::WouldBlock => StoreError::Held { path: path() },
        _ => StoreError::Failed { path: lock, doing: "lock", source },
    })
}

/// A number that no other ledger has. The standard library's hasher has 128 random bits of the system as its key.
pub fn fresh_id() -> [u8; 16] {
    let random = RandomState::new();
    let halves = [random.hash_one(0_u8).to_le_bytes(), random.hash_one(1_u8).to_le_bytes()];
    std::array::from_fn(|place| halves[place / 8][place % 8])
}
