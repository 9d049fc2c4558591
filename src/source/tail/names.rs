//! The names in one directory, found by inode and by the base of the family that they may belong to: one listing serves
//! all families of a directory.

use std::collections::{BTreeSet, HashMap};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;

use super::family;
use crate::world::{Entry, Files};

#[derive(Debug, Default)]
pub struct Names {
    entries: Vec<Entry>,
    by_inode: HashMap<u64, Vec<usize>>,
    by_base: HashMap<OsString, Vec<usize>>,
}

impl Names {
    pub fn of(files: &dyn Files, directory: &Path) -> io::Result<Names> {
        let mut names = Names { entries: files.list(directory)?, ..Names::default() };
        for (place, entry) in names.entries.iter().enumerate() {
            names.by_inode.entry(entry.inode).or_default().push(place);
            for base in family::bases_of(&entry.name) {
                names.by_base.entry(base).or_default().push(place);
            }
        }
        Ok(names)
    }

    /// Entries with one of the inodes, or with a name of the family.
    pub fn of_family(&self, base: &OsStr, inodes: impl Iterator<Item = u64>) -> Vec<&Entry> {
        let known = inodes.filter_map(|inode| self.by_inode.get(&inode)).flatten();
        let named = self.by_base.get(base).into_iter().flatten();
        let places: BTreeSet<usize> = known.chain(named).copied().collect();
        places.into_iter().map(|place| &self.entries[place]).collect()
    }
}
