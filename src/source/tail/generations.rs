//! What became of files that were rotated away: they are looked for in the directory of their family, known ones by their
//! numbers and unknown ones by their names.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::family::is_generation;
use super::followed::{Life, Look};
use super::names::Names;
use super::{Sink, Tail};
use crate::world::{Kind, Moment, Stat};

/// Deleted generations are remembered for so long, and so many of them.
const GHOSTS_FOR: Duration = Duration::from_secs(3600);
const GHOSTS_MAX: usize = 4096;
/// Beyond so many they are looked at again.
const PASSED_OVER_MAX: usize = 65_536;
/// For so long a directory's time of change does not say that it stayed the same. Nanoseconds.
const FRESH_FOR: i64 = 2_000_000_000;

impl<S: Sink> Tail<S> {
    /// A file may have come and been rotated away, or copied and cut off, between two walks, so that nothing that is
    /// followed tells of it: its family is due where a name in a directory that changed says so.
    pub(super) fn see_unknown_generations(&mut self, now: Moment) {
        let mut changed = Vec::new();
        for directory in &self.directories {
            let Ok(stat) = self.files.stat(directory) else { continue };
            // A change soon after another one may leave the same time.
            let is_fresh = stat.modified.saturating_add(FRESH_FOR) >= now.wall.0.saturating_mul(1_000_000);
            let known = self.listed.insert(directory.clone(), (!is_fresh).then_some(stat.modified)).flatten();
            if known != Some(stat.modified) {
                changed.push(directory.clone());
            }
        }
        if self.listed.len() > self.directories.len() {
            let directories: HashSet<&PathBuf> = self.directories.iter().collect();
            self.listed.retain(|directory, _| directories.contains(directory));
        }
        if changed.is_empty() {
            return;
        }
        // The number of a deleted one may be another file's by now.
        let there = self.followed.values().filter(|file| !matches!(file.life, Life::Ghost(_)));
        let known: HashSet<u64> = there.map(|file| file.id.inode).collect();
        for directory in changed {
            for entry in self.files.list(&directory).unwrap_or_default() {
                if known.contains(&entry.inode) {
                    continue;
                }
                let path = directory.join(&entry.name);
                let base = self.base_of(&path);
                let Some(family) =
                    self.families.get_mut(&base).filter(|family| base != path && !family.is_due)
                else {
                    continue;
                };
                let is_new = |stat: Stat| {
                    stat.kind == Kind::Regular && self.passed_over.get(&stat.id) != Some(&Look::of(&stat))
                };
                family.is_due = self.files.stat(&path).is_ok_and(is_new);
            }
        }
    }

    pub(super) fn look_at_families(&mut self, now: Moment, sink: &mut S) {
        let due: Vec<PathBuf> = self
            .families
            .iter_mut()
            .filter(|(_, family)| family.is_due)
            .map(|(base, _)| base.clone())
            .collect();
        let mut directories: HashMap<PathBuf, Option<Names>> = HashMap::new();
        for base in due {
            let Some(directory) = base.parent() else { continue };
            let names = directories
                .entry(directory.to_owned())
                .or_insert_with(|| Names::of(&*self.files, directory).ok());
            if let Some(names) = names {
                self.look_at_family(&base, names, now, sink);
            }
        }
    }

    /// Looks for the generations of a base path in its directory, known ones by their numbers and unknown ones by their
    /// names.
    pub(super) fn look_at_family(&mut self, base: &Path, names: &Names, now: Moment, sink: &mut S) {
        let (Some(directory), Some(name)) = (base.parent(), base.file_name()) else { return };
        let known = self.generations(base).into_iter().map(|number| self.followed[&number].id.inode);
        let mut members = Vec::new();
        for entry in names.of_family(name, known) {
            let path = directory.join(&entry.name);
            let Ok(stat) = self.files.stat(&path) else { continue };
            let mut known = self.by_id.get(&stat.id).copied();
            if let Some(number) = known
                && (!self.is_met_at(number, &path) || self.is_doubtful(number, &stat))
                && !self.is_the_same(number, &path, &stat)
            {
                self.lost_its_number(number, now);
                known = None;
            }
            match known {
                Some(number) => self.located(number, path, &stat),
                None if stat.kind != Kind::Regular => {}
                None if self.setting.paths.matches(&path) => self.newcomer(path, stat, now, sink),
                None if is_generation(name, &entry.name) => members.push((path, stat)),
                None => {}
            }
        }
        // Who was found under another name is not lost.
        self.kindred = None;
        self.families.entry(base.to_owned()).or_default().is_due = false;
        for number in self.generations(base) {
            let file = &self.followed[&number];
            match file.life {
                _ if file.scan == self.scans => {}
                Life::Done => self.becomes_ghost(number, now),
                // Nothing was read of it.
                Life::Copy(_) => self.forget(number),
                _ => {}
            }
        }
        members.sort_by_key(|(_, stat)| stat.modified);
        for (path, stat) in members {
            self.member(path, stat, base, now, sink);
        }
        // All that were in it may have been forgotten on the way.
        if self.families.get(base).is_some_and(|family| family.generations.is_empty() && !family.is_due) {
            self.families.remove(base);
            self.links.remove(base);
        }
    }

    fn located(&mut self, number: u64, path: PathBuf, stat: &Stat) {
        let file = self.followed.get_mut(&number).expect("it was found by its id");
        if file.scan == self.scans || file.life == Life::Here {
            return;
        }
        file.scan = self.scans;
        if file.path != path {
            file.path = path;
            self.moved.insert(number);
        }
        if let Life::Ghost(_) = file.life {
            self.set_life(number, Life::Done);
        }
        self.refresh(number, stat);
    }

    /// Whether the file is known under this path, or under a link that leads there.
    fn is_met_at(&self, number: u64, path: &Path) -> bool {
        let file = &self.followed[&number];
        file.path == path || (file.base == path && file.is_at_base())
    }

    pub(super) fn generations(&self, base: &Path) -> Vec<u64> {
        self.families.get(base).map(|family| family.generations.iter().copied().collect()).unwrap_or_default()
    }

    /// Generations that are done are looked for again; those that are deleted are forgotten after a while.
    pub(super) fn sweep(&mut self, now: Moment) {
        self.open_files_max = (2 * self.open_files_max).min(self.setting.open_files_max);
        let mut ghosts = Vec::new();
        for file in self.followed.values() {
            match file.life {
                Life::Ghost(since) => ghosts.push((since, file.number)),
                Life::Done | Life::Copy(_) if file.scan != self.scans => {
                    self.families.entry(file.base.clone()).or_default().is_due = true;
                }
                _ => {}
            }
        }
        ghosts.sort_unstable();
        let too_many = ghosts.len().saturating_sub(GHOSTS_MAX);
        if self.passed_over.len() > PASSED_OVER_MAX {
            self.passed_over.clear();
        }
        self.unlike.clear();
        for (place, (since, number)) in ghosts.into_iter().enumerate() {
            if place < too_many || now.steady.saturating_sub(since) >= GHOSTS_FOR {
                self.forget(number);
            }
        }
    }
}
