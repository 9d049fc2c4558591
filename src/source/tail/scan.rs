//! Which files there are, under which names: one walk over all paths, then what changed since the last one.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::followed::{Life, Look};
use super::{Sink, Tail};
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
        self.ready.make_contiguous()[ready_before..]
            .sort_by_key(|number| followed.get(number).map(|file| file.seen.modified));
        let scans = self.scans;
        self.waiting.retain(|_, waiting| waiting.scan == scans);
        self.is_first_scan = false;
        if !self.waiting.values().any(|waiting| waiting.is_first) {
            // Whoever is met from now on is read from its start anyway.
            self.from_start.clear();
        }
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
        let beyond = self.links.keys().filter_map(|base| base.parent());
        self.directories.extend(beyond.map(Path::to_owned));
        self.directories.sort_unstable();
        self.directories.dedup();
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
        if file.is_at_base() {
            file.renamed_at = None;
        }
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
                    self.from_start.insert(path.clone());
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

    fn moved_to(&mut self, number: u64, path: PathBuf, stat: &Stat, now: Moment, sink: &mut S) {
        let file = self.followed.get_mut(&number).expect("it was found by its id");
        file.scan = self.scans;
        if self.by_path.get(&file.path) == Some(&number) {
            self.by_path.remove(&file.path);
        }
        if file.life == Life::Here {
            let leaves_base = file.renamed_at.replace(now.steady).is_none() && file.is_at_base();
            self.left.extend(file.opened.is_some().then_some(number));
            if leaves_base {
                sink.rotated();
            }
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
    pub(super) fn gone(&mut self, number: u64, now: Moment, sink: &mut S) {
        let file = &self.followed[&number];
        if self.by_path.get(&file.path) == Some(&number) {
            self.by_path.remove(&file.path);
        }
        // A generation of an earlier life was counted then.
        if file.renamed_at.is_none() && file.is_at_base() {
            sink.rotated();
        }
        self.set_life(number, Life::Gone(now.steady));
        self.lost_its_path(number);
        self.left.push(number);
        self.enqueue(number);
    }

    pub(super) fn lost_its_path(&mut self, number: u64) {
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

    pub(super) fn cannot_read(&mut self, path: &Path, error: &io::Error) {
        self.unreadable.insert(path.to_owned());
        self.make_do(error);
        self.complain(path, format_args!("cannot be read: {error}; tried again from now on"));
    }
}
