//! Which files there are, under which names: one walk over all paths, then what changed since the last one.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::family::is_generation;
use super::followed::{Life, Look};
use super::names::Names;
use super::reader::Opened;
use super::turn::nobodys_id;
use super::{Sink, Tail};
use crate::source::packing::Packing;
use crate::world::{Kind, Moment, Stat};

/// A walk begins so long after the last one, unless something happens before.
const SCAN_EVERY: Duration = Duration::from_millis(1000);
/// Walks take at most this part of the time...
const SCAN_SHARE: u32 = 20;
/// ...or this, where events say that names changed...
const SCAN_SHARE_AWAKE: u32 = 4;
/// ...and never less often than this.
const SCAN_SELDOM: Duration = Duration::from_secs(10);
/// How often generations that are done are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// Deleted generations are remembered for so long, and so many of them.
const GHOSTS_FOR: Duration = Duration::from_secs(3600);
const GHOSTS_MAX: usize = 4096;
/// Beyond so many they are looked at again.
const PASSED_OVER_MAX: usize = 65_536;

/// For so long a directory's time of change does not say that it stayed the same. Nanoseconds.
const FRESH_FOR: i64 = 2_000_000_000;

impl<S: Sink> Tail<S> {
    /// Something happened at a path.
    pub(super) fn touched(&mut self, path: &Path, now: Moment) {
        match self.by_path.get(path) {
            Some(&number) => match self.files.stat(path) {
                Ok(stat) if stat.id == self.followed[&number].id && !self.is_doubtful(number, &stat) => {
                    return self.refresh(number, &stat);
                }
                _ => {}
            },
            // A generation that is new, or a copy before a truncation.
            None if !self.setting.paths.matches(path) && self.base_of(path) == path => return,
            None => {}
        }
        self.next_scan = self.next_scan.min(self.scan_allowed_at.max(now.steady));
    }

    pub(super) fn scan(&mut self, now: Moment, sink: &mut S) {
        let began = (self.clock)().steady;
        self.scans += 1;
        self.kindred = None;
        self.unreadable.clear();
        let ready_before = self.ready.len();
        let others = self.see_who_stayed();
        let newcomers = self.see_who_moved(others, now, sink);
        let missing =
            self.followed.values().filter(|file| file.life == Life::Here && file.scan != self.scans);
        for number in missing.map(|file| file.number).collect::<Vec<_>>() {
            if !self.is_only_hidden(number) {
                self.gone(number, now, sink);
            }
        }
        // Who holds a path first, then what those who left theirs are, then what may be a copy of one or the other.
        let (bases, generations): (Vec<_>, Vec<_>) =
            newcomers.into_iter().partition(|(path, _)| self.base_of(path) == *path);
        for (path, stat) in bases {
            self.newcomer(path, stat, now, sink);
        }
        for number in std::mem::take(&mut self.left) {
            self.verify(number, now, sink);
        }
        for (path, stat) in generations {
            self.newcomer(path, stat, now, sink);
        }
        if now.steady >= self.next_sweep {
            self.next_sweep = now.steady + SWEEP_EVERY;
            self.sweep(now);
        }
        self.see_unknown_generations(now);
        self.look_at_families(now, sink);
        // Generations that were missed: the oldest one first.
        let followed = &self.followed;
        self.ready.make_contiguous()[ready_before..].sort_by_key(|number| followed[number].seen.modified);
        let scans = self.scans;
        self.waiting.retain(|_, waiting| waiting.scan == scans);
        self.is_first_scan = false;
        self.since.get_or_insert(now.wall);
        let cost = (self.clock)().steady.saturating_sub(began);
        self.scan_allowed_at = now.steady + cost * SCAN_SHARE_AWAKE;
        self.next_scan = now.steady + (cost * SCAN_SHARE).clamp(SCAN_EVERY, SCAN_SELDOM);
    }

    /// Refreshes the files whose path still leads to them; gives the other paths.
    fn see_who_stayed(&mut self) -> Vec<(PathBuf, Stat)> {
        let found = self.setting.paths.find(&*self.files);
        for (path, error) in &found.troubles {
            self.cannot_read(path, error);
        }
        if found.is_cut {
            self.complain(
                Path::new(&self.setting.source.clone()),
                format_args!(
                    "there are more directories or files than can be looked at; those beyond are not followed"
                ),
            );
        }
        self.directories = found.directories;
        if self.is_first_scan && found.files.is_empty() && found.troubles.is_empty() {
            let source = PathBuf::from(&self.setting.source);
            self.complain(&source, format_args!("matches no file; files that appear are read"));
        }
        let mut others = Vec::new();
        for path in found.files {
            let stat = match self.files.stat(&path) {
                Ok(stat) => stat,
                // Gone between the two looks, or a link that leads nowhere at the moment.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => {
                    self.cannot_read(&path, &error);
                    continue;
                }
            };
            if stat.kind != Kind::Regular {
                self.is_no_file(&path, stat.kind);
                continue;
            }
            match self.by_id.get(&stat.id) {
                Some(&number) if self.followed[&number].path == path && !self.is_doubtful(number, &stat) => {
                    self.is_still_here(number, &stat);
                }
                _ => others.push((path, stat)),
            }
        }
        others
    }

    fn is_still_here(&mut self, number: u64, stat: &Stat) {
        let file = self.followed.get_mut(&number).expect("it was found by its id");
        file.scan = self.scans;
        if self.by_path.get(&file.path) != Some(&number) {
            self.by_path.insert(file.path.clone(), number);
        }
        if matches!(file.life, Life::Gone(_) | Life::Ghost(_)) {
            self.set_life(number, Life::Here);
            self.moved.insert(number);
            self.enqueue(number);
        }
        self.refresh(number, stat);
    }

    fn is_no_file(&mut self, path: &Path, kind: Kind) {
        match kind {
            Kind::Directory => {}
            _ => self.complain(path, format_args!("is no regular file and is not read")),
        }
    }

    /// Files under another name than before; gives the paths of unknown ones.
    fn see_who_moved(
        &mut self,
        others: Vec<(PathBuf, Stat)>,
        now: Moment,
        sink: &mut S,
    ) -> Vec<(PathBuf, Stat)> {
        let mut newcomers = Vec::new();
        let mut new_ids = HashSet::new();
        for (path, stat) in others {
            match self.by_id.get(&stat.id).copied() {
                // A second name of a file that was seen under its first one, or is just new.
                Some(number) if self.followed[&number].scan == self.scans => {}
                Some(number) if !self.is_the_same(number, &path, &stat) => {
                    self.lost_its_number(number, now);
                    // Whichever it is, it is none of those that a start finds.
                    self.was_unreadable.insert(path.clone());
                    newcomers.push((path, stat));
                }
                Some(number) => self.moved_to(number, path, &stat, now, sink),
                None if new_ids.insert(stat.id) => newcomers.push((path, stat)),
                None => {}
            }
        }
        // A base before its generations.
        newcomers.sort_by_key(|(path, _)| path.as_os_str().len());
        newcomers
    }

    /// Whether a rotated file changed of which nothing was read, so that nothing else notices when another file has its
    /// name and its number.
    fn is_doubtful(&self, number: u64, stat: &Stat) -> bool {
        let file = &self.followed[&number];
        let is_unread = matches!(file.life, Life::Copy(_)) || (file.head.len == 0 && file.path != file.base);
        is_unread && file.opened.is_none() && file.seen != Look::of(stat)
    }

    /// Whether a file with the number of one that we have is that one. A number is given to the next file at once, and
    /// times of birth are coarse or not known: only the content can tell a file under a new name from another one.
    fn is_the_same(&self, number: u64, path: &Path, stat: &Stat) -> bool {
        let file = &self.followed[&number];
        if file.opened.is_some() || (file.is_packed() && file.seen == Look::of(stat)) {
            return true;
        }
        if file.head.len == 0 {
            // Nothing of it was read, so that there is only its time of birth to go by, which is coarse.
            let was_empty = file.seen.len == 0 && stat.len > 0;
            if stat.id.born.is_none() || file.path == path || was_empty {
                return false;
            }
        }
        let ratio_max = self.setting.expansion_ratio_max;
        let holds = |opened: &Opened| match file.packing {
            Packing::Plain if file.head.len == 0 => {
                Ok(Packing::recognise(&opened.raw_head()?) == Packing::Plain)
            }
            Packing::Plain => Ok::<_, io::Error>(
                stat.len >= file.read
                    && file.head.is_in(&*opened.file)?
                    && file.latest_check().is_in(&*opened.file)?,
            ),
            packing => Ok(file.head.agrees_with(&opened.unpacked_head(packing, ratio_max)?) == Some(true)),
        };
        match Opened::open(&*self.files, path) {
            Ok(Some((opened, at_open))) if at_open.id == stat.id => holds(&opened).unwrap_or(true),
            // To be seen when it is read.
            _ => true,
        }
    }

    /// Another file has the number of this one, which is deleted therefore.
    pub(super) fn lost_its_number(&mut self, number: u64, now: Moment) {
        let file = &self.followed[&number];
        if let Life::Copy(_) = file.life {
            return self.forget(number);
        }
        let id = file.id;
        if self.by_path.get(&file.path) == Some(&number) {
            self.by_path.remove(&file.path);
        }
        self.by_id.remove(&id);
        self.claims.give_back(id, self.holder);
        let file = self.followed.get_mut(&number).expect("it was found by its id");
        file.id = nobodys_id(number);
        self.moved.insert(number);
        if self.followed[&number].is_live() {
            self.lost_its_path(number);
            self.set_life(number, Life::Gone(now.steady));
        } else {
            self.becomes_ghost(number, now);
        }
    }

    /// It is deleted. What was never read need not be remembered.
    pub(super) fn becomes_ghost(&mut self, number: u64, now: Moment) {
        match self.followed[&number].head.len {
            0 => self.forget(number),
            _ => self.set_life(number, Life::Ghost(now.steady)),
        }
    }

    fn moved_to(&mut self, number: u64, path: PathBuf, stat: &Stat, now: Moment, sink: &mut S) {
        let file = self.followed.get_mut(&number).expect("it was found by its id");
        file.scan = self.scans;
        if self.by_path.get(&file.path) == Some(&number) {
            self.by_path.remove(&file.path);
        }
        if file.life == Life::Here {
            file.renamed_at = Some(now.steady);
            self.left.extend(file.opened.is_some().then_some(number));
            sink.rotated();
            self.lost_its_path(number);
        }
        let file = self.followed.get_mut(&number).expect("it is there");
        file.path.clone_from(&path);
        if matches!(file.life, Life::Gone(_) | Life::Ghost(_)) {
            self.set_life(number, Life::Here);
            self.enqueue(number);
        }
        self.by_path.insert(path, number);
        self.moved.insert(number);
        self.refresh(number, stat);
    }

    /// Whether the walk did not find it, and yet nobody can say that it is not there: its directory cannot be listed or
    /// entered at the moment. It is read on as long as it is open.
    fn is_only_hidden(&mut self, number: u64) -> bool {
        let file = &self.followed[&number];
        if !self.setting.paths.matches(&file.path) {
            return false;
        }
        let stat = match self.files.stat(&file.path) {
            Ok(stat) if stat.id == file.id => Some(stat),
            Ok(_) => return false,
            Err(error) => match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => return false,
                _ => file.opened.as_ref().and_then(|opened| opened.file.stat().ok()),
            },
        };
        let file = self.followed.get_mut(&number).expect("it is followed");
        file.scan = self.scans;
        if let Some(stat) = stat {
            self.refresh(number, &stat);
        }
        true
    }

    /// None of the paths leads to it any more.
    fn gone(&mut self, number: u64, now: Moment, sink: &mut S) {
        let file = &self.followed[&number];
        if self.by_path.get(&file.path) == Some(&number) {
            self.by_path.remove(&file.path);
        }
        self.set_life(number, Life::Gone(now.steady));
        sink.rotated();
        self.lost_its_path(number);
        self.left.push(number);
        self.enqueue(number);
    }

    fn lost_its_path(&mut self, number: u64) {
        let file = &self.followed[&number];
        let family = self.families.entry(file.base.clone()).or_default();
        family.is_due = true;
    }

    /// Takes a look at the file into account; what changed is to be read.
    pub(super) fn refresh(&mut self, number: u64, stat: &Stat) {
        let file = self.followed.get_mut(&number).expect("whoever asks has found it");
        let look = Look::of(stat);
        let is_first = file.last_look_at.replace(look).is_none();
        if look == file.seen && !(is_first && file.behind() > 0) {
            return;
        }
        if look.len < file.seen.len {
            file.known_len = file.known_len.max(file.seen.len);
        }
        if file.read == 0 && file.life == Life::Here {
            // Written, copied and cut off before anybody read of it, for all that it shows.
            self.families.entry(file.base.clone()).or_default().is_due = true;
        }
        file.seen = look;
        file.is_head_due = true;
        file.zeros_to = 0;
        match file.life {
            Life::Here | Life::Gone(_) => self.enqueue(number),
            Life::Done | Life::Ghost(_)
                if file.ended_at != Some(look) && file.read != super::followed::UNREAD =>
            {
                self.set_life(number, Life::Here);
                self.moved.insert(number);
                self.enqueue(number);
            }
            Life::Done | Life::Ghost(_) | Life::Copy(_) => {
                self.moved.insert(number);
            }
        }
    }

    pub(super) fn enqueue(&mut self, number: u64) {
        let file = self.followed.get_mut(&number).expect("whoever asks has found it");
        if !std::mem::replace(&mut file.is_ready, true) {
            self.ready.push_back(number);
        }
    }

    /// Files that no path leads to: their descriptors and last names are looked at each time.
    pub(super) fn look_at_gone(&mut self, now: Moment) {
        let began = (self.clock)().steady;
        for number in self.gone.iter().copied().collect::<Vec<_>>() {
            let file = &self.followed[&number];
            let stat = match &file.opened {
                Some(opened) => opened.file.stat(),
                None => self.files.stat(&file.path),
            };
            match stat {
                Ok(stat) if stat.id == file.id && !self.is_doubtful(number, &stat) => {
                    self.refresh(number, &stat);
                }
                _ => self.families.entry(file.base.clone()).or_default().is_due = true,
            }
        }
        for number in self.retrying.iter().copied().collect::<Vec<_>>() {
            let Some(file) = self.followed.get_mut(&number) else {
                self.retrying.remove(&number);
                continue;
            };
            if file.retry_at.is_none_or(|retry| now.steady >= retry) {
                file.retry_at = None;
                self.retrying.remove(&number);
                self.enqueue(number);
            }
        }
        let cost = (self.clock)().steady.saturating_sub(began);
        self.gone_allowed_at = now.steady + cost * SCAN_SHARE;
    }

    /// A file may have come and been rotated away, or copied and cut off, between two walks, so that nothing that is
    /// followed tells of it: its family is due where a name in a directory that changed says so.
    fn see_unknown_generations(&mut self, now: Moment) {
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
        let known: HashSet<u64> = self.followed.values().map(|file| file.id.inode).collect();
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

    fn look_at_families(&mut self, now: Moment, sink: &mut S) {
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
                && (self.followed[&number].path != path || self.is_doubtful(number, &stat))
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

    pub(super) fn generations(&self, base: &Path) -> Vec<u64> {
        self.families.get(base).map(|family| family.generations.iter().copied().collect()).unwrap_or_default()
    }

    /// Generations that are done are looked for again; those that are deleted are forgotten after a while.
    fn sweep(&mut self, now: Moment) {
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

    pub(super) fn forget(&mut self, number: u64) {
        let Some(file) = self.followed.remove(&number) else { return };
        self.kindred = None;
        if self.by_id.get(&file.id) == Some(&number) {
            self.by_id.remove(&file.id);
            self.claims.give_back(file.id, self.holder);
        }
        if self.by_path.get(&file.path) == Some(&number) {
            self.by_path.remove(&file.path);
        }
        if let Some(family) = self.families.get_mut(&file.base) {
            family.generations.remove(&number);
            if family.generations.is_empty() {
                self.families.remove(&file.base);
            }
        }
        for numbers in [&mut self.gone, &mut self.fileless, &mut self.copies] {
            numbers.remove(&number);
        }
        self.moved.remove(&number);
        self.forgotten.push(number);
    }

    pub(super) fn cannot_read(&mut self, path: &Path, error: &io::Error) {
        self.unreadable.insert(path.to_owned());
        self.make_do(error);
        self.complain(path, format_args!("cannot be read: {error}; tried again from now on"));
    }
}
