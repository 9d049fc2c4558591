//! The state in a directory as people and other programs may read it, and the way to forget it.
//!
//! Looking takes no lock and writes nothing: a daemon may be at work there. What it is about to write is not seen yet.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::generation::{self, End, Held, path_of};
use super::{StoreError, aside_of, failed, take};
use crate::event::{Millis, Seen};
use crate::ledger::Ledger;
use crate::world::Files;

/// Times that a file may vanish between its name and its content, because a daemon begins new ones.
const VANISHES_MAX: usize = 5;

#[derive(Debug, Serialize)]
pub struct Look {
    pub path: PathBuf,
    /// Of the ledger, in hexadecimal: the same as long as nobody resets it.
    pub id: String,
    pub generation: u64,
    /// Of the file, as far as it is good.
    pub bytes: u64,
    /// Commits after the snapshot that the file begins with.
    pub records: u64,
    /// The last commit; milliseconds since 1970.
    pub written_at: Option<i64>,
    /// What is wrong, a sentence a file; nothing of a last record that is being written.
    pub damage: Vec<String>,
    /// Names of files that were set aside because they were damaged or newer.
    pub set_aside: Vec<String>,
    pub totals: LookedTotals,
    pub sources: Vec<LookedSource>,
    pub errors: Vec<LookedError>,
    pub tenants: Vec<LookedTenant>,
    pub ambiguous: Vec<LookedAmbiguous>,
    pub marks: Vec<LookedMark>,
    /// All of it, to be rendered.
    #[serde(skip)]
    pub ledger: Ledger,
}

#[derive(Debug, Serialize)]
pub struct LookedTotals {
    pub lines: u64,
    pub bytes: u64,
    pub errors: u64,
    pub ambiguous: u64,
    pub foreign: u64,
    pub tenants: u64,
}

#[derive(Debug, Serialize)]
pub struct LookedSource {
    pub name: String,
    pub lines: u64,
    pub bytes: u64,
    pub matched: u64,
    pub ambiguous_lines: u64,
    pub foreign_lines: u64,
    pub undecodable: u64,
    pub unmatched: u64,
    pub oversized: u64,
    pub skipped_bytes: u64,
    pub lost_bytes: u64,
    pub rotations: u64,
    pub truncations: u64,
    /// Milliseconds since 1970.
    pub last_event: Option<i64>,
}

/// Counts and times of a row; milliseconds since 1970.
#[derive(Debug, Serialize)]
pub struct LookedSeen {
    pub count: u64,
    pub first: Option<i64>,
    pub last: Option<i64>,
}

#[derive(Debug, Serialize)]
pub struct LookedError {
    pub provider: String,
    pub category: String,
    pub code: String,
    #[serde(flatten)]
    pub seen: LookedSeen,
}

#[derive(Debug, Serialize)]
pub struct LookedTenant {
    pub provider: String,
    pub category: String,
    pub tenant: String,
    #[serde(flatten)]
    pub seen: LookedSeen,
}

#[derive(Debug, Serialize)]
pub struct LookedAmbiguous {
    pub provider: String,
    pub code: String,
    #[serde(flatten)]
    pub seen: LookedSeen,
}

#[derive(Debug, Serialize)]
pub struct LookedMark {
    pub key: String,
    /// In hexadecimal: only its owner knows what it means.
    pub value: String,
}

/// What is in a state directory.
pub fn look(files: &dyn Files, directory: &Path) -> Result<Look, StoreError> {
    for _ in 1..VANISHES_MAX {
        match look_once(files, directory) {
            Err(StoreError::Failed { source, .. }) if source.kind() == ErrorKind::NotFound => {}
            looked => return looked,
        }
    }
    look_once(files, directory)
}

fn look_once(files: &dyn Files, directory: &Path) -> Result<Look, StoreError> {
    let nothing = || StoreError::Nothing { path: directory.to_owned() };
    let entries = match files.list(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(nothing()),
        entries => entries.map_err(failed(directory, "list"))?,
    };
    let set_aside = entries.iter().filter(|entry| aside_of(&entry.name).is_some());
    let mut set_aside: Vec<_> = set_aside.map(|entry| entry.name.to_string_lossy().into_owned()).collect();
    set_aside.sort_unstable();
    let mut generations: Vec<u64> =
        entries.iter().filter_map(|entry| generation::generation_of(&entry.name)).collect();
    generations.sort_unstable();
    let mut damage = Vec::new();
    for generation in generations.into_iter().rev() {
        let path = path_of(directory, generation);
        match generation::read(files, directory, generation).map_err(failed(&path, "read"))? {
            Ok(held) => return Ok(look_at(path, held, damage, set_aside)),
            Err(useless) => damage.push(format!("{}: {}", path.display(), useless.damage)),
        }
    }
    match damage.is_empty() {
        true => Err(nothing()),
        false => Err(StoreError::Unusable { path: directory.to_owned(), damage: damage.join("; ") }),
    }
}

fn look_at(path: PathBuf, held: Held, mut damage: Vec<String>, set_aside: Vec<String>) -> Look {
    let Held { header, ledger, bytes, records, end, .. } = held;
    if let End::Damaged(what) = end {
        damage.push(format!("{}: {what}; it is good up to there", path.display()));
    }
    let totals = ledger.totals();
    let errors = ledger.errors().map(|(key, seen)| LookedError {
        provider: key.provider.to_string(),
        category: key.category.to_string(),
        code: key.code.to_string(),
        seen: LookedSeen::of(seen),
    });
    let tenants = ledger.tenants().map(|(key, seen)| LookedTenant {
        provider: key.provider.to_string(),
        category: key.category.to_string(),
        tenant: key.tenant.to_string(),
        seen: LookedSeen::of(seen),
    });
    let ambiguous = ledger.ambiguous().map(|(key, seen)| LookedAmbiguous {
        provider: key.provider.to_string(),
        code: key.code.to_string(),
        seen: LookedSeen::of(seen),
    });
    let marks = ledger.marks("");
    let marks = marks.map(|(key, value)| LookedMark { key: key.to_owned(), value: hexadecimal(value) });
    Look {
        path,
        id: hexadecimal(&header.id),
        generation: header.generation,
        bytes,
        records,
        written_at: ledger.register.now.map(|Millis(at)| at),
        damage,
        set_aside,
        totals: LookedTotals {
            lines: totals.counts.lines,
            bytes: totals.counts.bytes,
            errors: totals.errors,
            ambiguous: totals.ambiguous,
            foreign: totals.foreign,
            tenants: totals.tenants,
        },
        sources: sources(&ledger),
        errors: errors.collect(),
        tenants: tenants.collect(),
        ambiguous: ambiguous.collect(),
        marks: marks.collect(),
        ledger,
    }
}

impl LookedSeen {
    fn of(seen: &Seen) -> LookedSeen {
        let millis = |at: Option<Millis>| at.map(|Millis(at)| at);
        LookedSeen { count: seen.count, first: millis(seen.first), last: millis(seen.last) }
    }
}

fn sources(ledger: &Ledger) -> Vec<LookedSource> {
    let sources = ledger.sources().map(|row| LookedSource {
        name: row.name.to_string(),
        lines: row.counts.lines,
        bytes: row.counts.bytes,
        matched: row.counts.matched,
        ambiguous_lines: row.counts.ambiguous_lines,
        foreign_lines: row.counts.foreign_lines,
        undecodable: row.counts.undecodable,
        unmatched: row.counts.unmatched,
        oversized: row.counts.oversized,
        skipped_bytes: row.counts.skipped.iter().sum(),
        lost_bytes: row.counts.lost.iter().sum(),
        rotations: row.counts.rotations,
        truncations: row.counts.truncations,
        last_event: row.last_event.map(|Millis(at)| at),
    });
    sources.collect()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Forgets everything that was committed; positions too. Refused while a daemon has the directory. Files that were set
/// aside stay. Returns how many files are gone.
pub fn reset(files: &dyn Files, directory: &Path) -> Result<usize, StoreError> {
    match files.stat(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(StoreError::Nothing { path: directory.to_owned() });
        }
        found => found.map_err(failed(directory, "look at"))?,
    };
    let _lock = take(files, directory)?;
    // Oldest first: what is left when this ends early is the newest.
    let generations = generation::list(files, directory).map_err(failed(directory, "list"))?;
    for generation in generations.iter().rev() {
        let path = path_of(directory, *generation);
        files.remove(&path).map_err(failed(&path, "remove"))?;
    }
    files.sync_directory(directory).map_err(failed(directory, "sync"))?;
    Ok(generations.len())
}
