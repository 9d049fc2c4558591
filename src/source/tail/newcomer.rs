//! What an unknown file is: new, a generation that was rotated before we saw it, or a copy of bytes that we have.
//!
//! Only a file whose name says that it belongs to a family is compared with the family's generations, so that two files
//! with one head stay two files. Whoever holds the same bytes up to the place that was read goes on at that place: in a
//! copy when the original was cut off (`turn`), in the compressed file when the plain one is gone, in the new file
//! when an editor replaced the old one.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::family;
use super::followed::{Followed, Life, Look, UNREAD};
use super::heads::Heads;
use super::print::{Head, PRINT_BYTES, Print, read_full};
use super::reader::Opened;
use super::{Sink, Start, Tail};
use crate::source::encoding::Text;
use crate::source::packing::Packing;
use crate::world::{File, Moment, Stat};

/// Times of files lag behind the clock by as much. Nanoseconds.
const CLOCK_GRAIN: i64 = 20_000_000;
/// A file that may be a copy in the making is left alone until it was the same for so long.
const SETTLED_AFTER: Duration = Duration::from_millis(1500);
/// Of two files that may be the same, this much is compared. Bytes.
const COMPARED_MAX: u64 = 1 << 20;
/// Of files that begin at their end: a line that is not finished is looked back for this far. Bytes.
const LINE_BACK_MAX: u64 = 1 << 20;

/// A file that is not told from a copy yet.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    /// Of its family.
    pub base: PathBuf,
    look: Look,
    since: Duration,
    /// That saw it last.
    pub scan: u64,
    /// The first scan of a start saw it.
    is_first: bool,
    /// The file whose first part it was when it was compared last.
    pub part_of: Option<u64>,
}

/// One family, as long as nothing is read.
#[derive(Debug, Default)]
pub(super) struct Kindred {
    base: PathBuf,
    heads: Heads,
    /// No name leads to them as far as is known, and no descriptor.
    lost: Vec<u64>,
}

/// Whose bytes an unknown file has.
enum Kin {
    Nobodys,
    /// Not to be said yet.
    Unfinished,
    /// It holds a first part of this one.
    PartOf(u64),
    /// The same as this one as far as that was read.
    Of(u64),
}

/// An unknown file that was opened.
struct Newcomer {
    path: PathBuf,
    base: PathBuf,
    stat: Stat,
    opened: Opened,
    head: Vec<u8>,
    packing: Packing,
}

impl Newcomer {
    fn has(&self, check: &Print) -> io::Result<bool> {
        match self.head.get(check.from() as usize..check.at as usize) {
            Some(bytes) => Ok(check.is_of(bytes)),
            None => check.is_in(&*self.opened.file),
        }
    }
}

impl<S: Sink> Tail<S> {
    /// A file at one of the paths of the source.
    pub(super) fn newcomer(&mut self, path: PathBuf, stat: Stat, now: Moment, sink: &mut S) {
        if self.by_id.contains_key(&stat.id) {
            // Met on the way, when a file that was cut off was looked for in its copies.
            return;
        }
        let base = self.base_of(&path);
        let was_unreadable = self.was_unreadable.contains(&path);
        let is_first =
            self.is_first_scan || self.waiting.get(&stat.id).is_some_and(|waiting| waiting.is_first);
        let Some(newcomer) = self.opened_newcomer(path, base, &stat) else { return };
        if !self.claims.take(newcomer.stat.id, self.holder) {
            self.complain(&newcomer.path, format_args!("is read by another source already"));
            return;
        }
        let id = newcomer.stat.id;
        if newcomer.base != newcomer.path {
            self.verify_holder(&newcomer.base.clone(), now, sink);
            if self.by_id.contains_key(&id) {
                return;
            }
        }
        let kin = match self.replaced_by(&newcomer) {
            Ok(Some(number)) => return self.continue_in(number, newcomer, Life::Here, now),
            Ok(None) => self.kin(&newcomer, now),
            Err(error) => Err(error),
        };
        let kin = kin.unwrap_or_else(|error| {
            // Who cannot be compared may be known.
            self.cannot_read(&newcomer.path, &error);
            self.was_unreadable.insert(newcomer.path.clone());
            Kin::Unfinished
        });
        match kin {
            Kin::Unfinished | Kin::PartOf(_) => self.claims.give_back(id, self.holder),
            Kin::Of(number) => self.copy_of(number, newcomer, Life::Here, now, sink),
            Kin::Nobodys => {
                let is_old = is_first && !was_unreadable;
                let from_end = match self.setting.start {
                    Start::Auto => is_old && self.is_first_start,
                    Start::End => is_old,
                    Start::Beginning => false,
                };
                self.adopt(newcomer, Life::Here, from_end, sink);
            }
        }
    }

    /// A file in the directory of a family, with a name of the family, and with none of the source's paths.
    pub(super) fn member(&mut self, path: PathBuf, stat: Stat, base: &Path, now: Moment, sink: &mut S) {
        let look = Look::of(&stat);
        if self.passed_over.get(&stat.id) == Some(&look) {
            return;
        }
        // What was written since the source was started is known, or was missed.
        let since = self.since.map_or(i64::MAX, |at| at.0.saturating_mul(1_000_000) - CLOCK_GRAIN);
        // Not every compressor that keeps the time keeps all of it.
        let is_packed = path.file_name().is_some_and(family::names_a_packed_one);
        let since = if is_packed { since - since.rem_euclid(1_000_000_000) } else { since };
        let is_old = stat.modified < since;
        let Some(newcomer) = self.opened_newcomer(path, base.to_owned(), &stat) else { return };
        if !self.claims.take(newcomer.stat.id, self.holder) {
            return;
        }
        let id = newcomer.stat.id;
        self.verify_holder(base, now, sink);
        if self.by_id.contains_key(&id) {
            return;
        }
        let kin = self.kin(&newcomer, now);
        match kin.unwrap_or(Kin::Unfinished) {
            Kin::Unfinished | Kin::PartOf(_) => {
                self.claims.give_back(id, self.holder);
                self.families.entry(base.to_owned()).or_default().is_due = true;
            }
            Kin::Of(number) => self.copy_of(number, newcomer, Life::Gone(now.steady), now, sink),
            Kin::Nobodys if is_old => {
                self.claims.give_back(id, self.holder);
                self.passed_over.insert(id, look);
            }
            Kin::Nobodys => drop(self.adopt(newcomer, Life::Gone(now.steady), false, sink)),
        }
    }

    /// The base path of the family that a path belongs to by its name: the shortest that is known, or that the source could
    /// have. Its own where there is none.
    pub(super) fn base_of(&self, path: &Path) -> PathBuf {
        let Some(name) = path.file_name() else { return path.to_owned() };
        let bases = family::bases_of(name).into_iter().map(|base| path.with_file_name(base));
        let possible =
            bases.filter(|base| self.families.contains_key(base) || self.setting.paths.matches(base));
        // `app.log.1` may be one of `app.log.1.gz`, and is one of `app.log` itself.
        let base = possible.min_by_key(|base| base.as_os_str().len());
        base.unwrap_or_else(|| path.to_owned())
    }

    fn opened_newcomer(&mut self, path: PathBuf, base: PathBuf, stat: &Stat) -> Option<Newcomer> {
        self.make_room();
        let looked = Opened::open(&*self.files, &path).and_then(|opened| match opened {
            Some((opened, stat)) => Ok(Some((opened.raw_head()?, opened, stat))),
            None => Ok(None),
        });
        match looked {
            // Another file has the name by now: the next scan will see it.
            Ok(Some((.., at_open))) if at_open.id != stat.id => {
                self.next_scan = Duration::ZERO;
                None
            }
            Ok(Some((head, opened, stat))) => {
                let packing = match Packing::recognise(&head) {
                    // Too little to say: what it is named after is being written.
                    Packing::Plain if head.len() < 4 => family::packing_of(&path),
                    packing => packing,
                };
                Some(Newcomer { path, base, stat, opened, head, packing })
            }
            Ok(None) => None,
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                self.cannot_read(&path, &error);
                self.was_unreadable.insert(path);
                None
            }
        }
    }

    /// The file that had this very path, when it was deleted and all that was read of it stands here as well: an editor
    /// has saved it.
    fn replaced_by(&self, newcomer: &Newcomer) -> io::Result<Option<u64>> {
        let family = self.families.get(&newcomer.path);
        for &number in family.into_iter().flat_map(|family| &family.generations).rev() {
            let file = &self.followed[&number];
            let is_deleted = || match (&file.life, &file.opened) {
                (Life::Gone(_), Some(opened)) => opened.file.stat().is_ok_and(|stat| stat.links == 0),
                // Not opened since a restart: the path is all that is known of it.
                (Life::Gone(_), None) | (Life::Ghost(_), _) => true,
                _ => false,
            };
            if file.path == newcomer.path
                && is_deleted()
                && self.has_all_of(newcomer, number)?
                && !self.has_another_name(number)?
            {
                return Ok(Some(number));
            }
        }
        Ok(None)
    }

    /// Whether the file is still in its directory.
    fn has_another_name(&self, number: u64) -> io::Result<bool> {
        let file = &self.followed[&number];
        let Some(directory) = file.path.parent().filter(|_| !file.is_cut) else { return Ok(false) };
        let entries = self.files.list(directory)?;
        let mut alike = entries.iter().filter(|entry| entry.inode == file.id.inode);
        Ok(alike
            .any(|entry| self.files.stat(&directory.join(&entry.name)).is_ok_and(|stat| stat.id == file.id)))
    }

    /// Whether the newcomer holds what was read of the file, to the place of its check, and that is a full print. Less
    /// than that is enough where only the number of the device is another one, as after a restart of the machine.
    fn has_all_of(&self, newcomer: &Newcomer, number: u64) -> io::Result<bool> {
        let file = &self.followed[&number];
        let (old, new) = (file.id, newcomer.stat.id);
        let is_renumbered = (old.inode, old.born) == (new.inode, new.born) && old.device != new.device;
        Ok(!file.is_packed()
            && newcomer.packing == Packing::Plain
            && (file.check.len >= PRINT_BYTES as u16 || (is_renumbered && file.head.len > 0))
            && newcomer.stat.len >= file.read
            && file.head.is_of(&newcomer.head)
            && file.check.is_in(&*newcomer.opened.file)?)
    }

    /// An error where the bytes of the newcomer cannot be compared.
    fn kin(&mut self, newcomer: &Newcomer, now: Moment) -> io::Result<Kin> {
        if newcomer.base == newcomer.path {
            return Ok(Kin::Nobodys);
        }
        let kin = match newcomer.packing {
            Packing::Plain => self.plain_kin(newcomer)?,
            _ => self.packed_kin(newcomer)?,
        };
        let part_of = match kin {
            Kin::PartOf(number) => Some(number),
            _ => None,
        };
        let is_in_the_making =
            matches!(kin, Kin::Unfinished | Kin::PartOf(_)) || newcomer.packing != Packing::Plain;
        if !is_in_the_making || self.is_settled(newcomer, part_of, now) {
            self.waiting.remove(&newcomer.stat.id);
            return Ok(match kin {
                // As much of a copy as there will ever be.
                Kin::PartOf(number) => Kin::Of(number),
                Kin::Unfinished => Kin::Nobodys,
                kin => kin,
            });
        }
        // Looked at again soon.
        self.next_scan = self.next_scan.min(now.steady + SETTLED_AFTER / 2);
        Ok(Kin::Unfinished)
    }

    /// Whether the file was the same for a while.
    fn is_settled(&mut self, newcomer: &Newcomer, part_of: Option<u64>, now: Moment) -> bool {
        let look = Look::of(&newcomer.stat);
        let base = newcomer.base.clone();
        let (scan, is_first) = (self.scans, self.is_first_scan);
        let fresh = Waiting { base, look, since: now.steady, scan, is_first, part_of };
        let waiting = self.waiting.entry(newcomer.stat.id).or_insert_with(|| fresh.clone());
        (waiting.scan, waiting.part_of) = (scan, part_of);
        if waiting.look != look {
            *waiting = Waiting { is_first: waiting.is_first, ..fresh };
        }
        (self.is_all_settled && newcomer.packing == Packing::Plain)
            || now.steady.saturating_sub(waiting.since) >= SETTLED_AFTER
    }

    fn plain_kin(&mut self, newcomer: &Newcomer) -> io::Result<Kin> {
        let len = newcomer.stat.len;
        for number in self.beginning_like(newcomer) {
            let file = &self.followed[&number];
            let check = file.latest_check();
            if !file.is_packed()
                && len >= check.at
                && is_born_behind(newcomer, file) != Some(false)
                && newcomer.has(&check)?
            {
                return Ok(Kin::Of(number));
            }
        }
        if len == 0 {
            return Ok(Kin::Unfinished);
        }
        Ok(self.copied_so_far(newcomer)?.map_or(Kin::Nobodys, Kin::PartOf))
    }

    /// Generations of the family that begin like the newcomer, the youngest first.
    fn beginning_like(&mut self, newcomer: &Newcomer) -> Vec<u64> {
        let base = &newcomer.base;
        if self.kindred.as_ref().is_none_or(|kindred| kindred.base != *base) {
            let mut kindred = Kindred { base: base.clone(), ..Kindred::default() };
            for number in self.generations(base) {
                let file = &self.followed[&number];
                kindred.heads.add(number, file.head, file.latest_check());
                let is_lost = file.opened.is_none() && file.scan != self.scans;
                if matches!(file.life, Life::Gone(_)) && is_lost {
                    kindred.lost.push(number);
                }
            }
            self.kindred = Some(kindred);
        }
        self.kindred.as_ref().map(|kindred| kindred.heads.beginning_like(&newcomer.head)).unwrap_or_default()
    }

    /// The file of which the newcomer holds a first part. Only what is being written is copied; it may have been cut off,
    /// or deleted, since.
    fn copied_so_far(&self, newcomer: &Newcomer) -> io::Result<Option<u64>> {
        let head = Head::of(&newcomer.head);
        let was_part_of = self.waiting.get(&newcomer.stat.id).and_then(|waiting| waiting.part_of);
        let holder = self.by_path.get(&newcomer.base).copied();
        let fileless = self.fileless.iter().copied().rev();
        let lost = self.kindred.iter().flat_map(|kindred| &kindred.lost).rev().copied();
        for number in fileless.chain(lost).chain(holder).chain(was_part_of) {
            let Some(file) = self.followed.get(&number) else { continue };
            let order = is_born_behind(newcomer, file);
            if file.base != newcomer.base || file.is_packed() || !file.is_live() || order == Some(false) {
                continue;
            }
            if file.head.len > 0 && file.head.agrees(&head) == Some(false) {
                continue;
            }
            let is_part = match self.holds_first_part(file, newcomer)? {
                Some(holds) => holds,
                // Cut off since. So little may stand in two files by chance: who was there first has to be known.
                None => {
                    was_part_of == Some(number)
                        || file.head.len > 0
                            && newcomer.stat.len <= file.read.max(file.known_len)
                            && file.head.agrees_with(&newcomer.head).unwrap_or(order == Some(true))
                }
            };
            if is_part {
                return Ok(Some(number));
            }
        }
        Ok(None)
    }

    /// Whether the file begins with all that the newcomer holds; `None` where it is shorter, or not what it was.
    fn holds_first_part(&self, file: &Followed<S::Lane>, newcomer: &Newcomer) -> io::Result<Option<bool>> {
        let original = match &file.opened {
            Some(opened) => opened.file.clone(),
            None => match Opened::open(&*self.files, &file.path) {
                Ok(Some((original, _))) => original.file,
                // Nobody will ever tell.
                Ok(None) => return Ok(None),
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) =>
                {
                    return Ok(None);
                }
                Err(error) => return Err(error),
            },
        };
        let stat = original.stat()?;
        let is_whole = stat.id == file.id && stat.len >= newcomer.stat.len;
        if !is_whole || !file.head.is_in(&*original)? || !file.latest_check().is_in(&*original)? {
            return Ok(None);
        }
        let wanted = newcomer.stat.len.min(COMPARED_MAX) as usize;
        let (mut one, mut other) = (vec![0; wanted], vec![0; wanted]);
        let n = read_full(&*original, &mut one, 0)?;
        let m = read_full(&*newcomer.opened.file, &mut other, 0)?;
        Ok(Some(one[..n] == other[..m]))
    }

    /// Only the heads are compared; the check follows where reading gets there.
    fn packed_kin(&self, newcomer: &Newcomer) -> io::Result<Kin> {
        let head = newcomer.opened.unpacked_head(newcomer.packing, self.setting.expansion_ratio_max)?;
        let plain_name =
            newcomer.path.file_name().map(|name| family::without_packing(name.as_encoded_bytes()));
        let head = Head::of(&head);
        let unlike = self.unlike.get(&newcomer.stat.id);
        let family = self.families.get(&newcomer.base);
        let generations = family.into_iter().flat_map(|family| &family.generations).rev();
        let alike = generations.copied().filter(|number| {
            let file = &self.followed[number];
            let is_unlike = unlike.is_some_and(|unlike| unlike.contains(&file.check));
            file.head.len > 0 && !is_unlike && file.head.agrees(&head) == Some(true)
        });
        // Of several the one that had this name without its ending.
        let is_named = |number: &u64| {
            self.followed[number].path.file_name().map(|name| name.as_encoded_bytes()) == plain_name
        };
        let mut alike: Vec<u64> = alike.collect();
        // Those first of which something may be missing, and those of which most is known.
        alike.sort_by_key(|number| {
            let file = &self.followed[number];
            (!file.is_live(), std::cmp::Reverse(file.read))
        });
        let named = alike.iter().copied().find(is_named);
        Ok(named.or(alike.first().copied()).map_or(Kin::Nobodys, Kin::Of))
    }

    /// The newcomer has the bytes of a file that we have. Who reads on?
    fn copy_of(&mut self, number: u64, newcomer: Newcomer, life: Life, now: Moment, sink: &mut S) {
        let file = &self.followed[&number];
        let is_lost = match file.life {
            Life::Ghost(_) => true,
            // Closed, and its name leads to something else or nowhere.
            Life::Gone(_) => file.opened.is_none() && !self.still_leads_to(number),
            _ => false,
        };
        let has_more = newcomer.packing != Packing::Plain || newcomer.stat.len >= file.read;
        if is_lost && has_more {
            self.continue_in(number, newcomer, life, now);
            self.followed.get_mut(&number).expect("it goes on").renamed_at = Some(now.steady);
            return;
        }
        let origin = match file.life {
            Life::Copy(of) => of,
            _ => number,
        };
        let is_done = file.life == Life::Done;
        let copied = self.adopt(newcomer, Life::Copy(origin), false, sink);
        if is_done {
            self.copy_is_done(number, copied, life);
        }
    }

    /// The file was read to its end: nothing of the copy is new, if it is one.
    pub(super) fn copy_is_done(&mut self, number: u64, copy: u64, life: Life) {
        let file = &self.followed[&number];
        let (head, check, read, text) = (file.head, file.check, file.read, file.text);
        let has_its_name = |copy: &Followed<_>| {
            let plain = copy.path.file_name().map(|name| family::without_packing(name.as_encoded_bytes()));
            file.path.file_name().map(|name| name.as_encoded_bytes()) == plain
        };
        let is_certain =
            !self.followed[&copy].is_packed() || (head.is_full() && has_its_name(&self.followed[&copy]));
        let copied = self.followed.get_mut(&copy).expect("whoever asks has found it");
        copied.text = text;
        match copied.is_packed() || copied.seen.len >= read {
            true => (copied.check, copied.read) = (check, read),
            // It ends before the place.
            false => copied.read = copied.seen.len,
        }
        if copied.is_packed() {
            copied.head = head;
        }
        copied.known_len = copied.read;
        self.moved.insert(copy);
        if is_certain {
            copied.ended_at = Some(copied.seen);
            self.set_life(copy, Life::Done);
        } else {
            // Only its head was seen: unpacking it to the end tells.
            self.set_life(copy, life);
            self.enqueue(copy);
        }
    }

    pub(super) fn still_leads_to(&self, number: u64) -> bool {
        let file = &self.followed[&number];
        self.files.stat(&file.path).is_ok_and(|stat| stat.id == file.id)
    }

    /// The file goes on in another one that holds its bytes.
    fn continue_in(&mut self, number: u64, newcomer: Newcomer, life: Life, now: Moment) {
        let Newcomer { path, stat, opened, packing, head, .. } = newcomer;
        let file = self.followed.get_mut(&number).expect("it is followed");
        if packing == Packing::Plain {
            // It may hold less than what was known.
            file.head = Head::of(&head);
        }
        let old_id = std::mem::replace(&mut file.id, stat.id);
        file.path.clone_from(&path);
        file.packing = packing;
        file.seen = Look::of(&stat);
        file.last_look_at = Some(file.seen);
        file.opened = None;
        file.ended_at = None;
        file.scan = self.scans;
        file.last_bytes = now.steady;
        drop(opened);
        file.is_cut = false;
        file.closed_at = None;
        if self.by_id.get(&old_id) == Some(&number) {
            self.by_id.remove(&old_id);
            self.claims.give_back(old_id, self.holder);
        }
        self.by_id.insert(stat.id, number);
        if life == Life::Here {
            self.by_path.insert(path, number);
        }
        self.set_life(number, life);
        self.moved.insert(number);
        self.enqueue(number);
    }

    /// Follows a file from now on.
    fn adopt(&mut self, newcomer: Newcomer, life: Life, from_end: bool, sink: &mut S) -> u64 {
        let Newcomer { path, base, stat, opened, head, packing } = newcomer;
        let number = self.next_number;
        self.next_number += 1;
        let text = if packing == Packing::Plain { Text::of_head(&head) } else { Text::Unknown };
        let mut file = Followed::new(number, &path, &base, &stat, packing, sink.open(&path, None));
        if from_end && packing != Packing::Plain {
            file.read = UNREAD;
            file.life = Life::Done;
            file.ended_at = Some(file.seen);
        } else if from_end && stat.len > 0 {
            file.read = end_of_lines(&*opened.file, stat.len, text).unwrap_or(stat.len);
            file.text = text;
            file.lane = sink.open(&path, Some(text));
            file.head = Head::of(&head[..head.len().min(usize::try_from(file.read).unwrap_or(usize::MAX))]);
            file.before = bytes_before(&*opened.file, file.read).unwrap_or_default();
            file.check = Print::ending_at(file.read, &file.before);
        }
        if let Life::Copy(_) = life {
            // It is known by it until it is read.
            let unpacked = match packing {
                Packing::Plain => Ok(head),
                packing => opened.unpacked_head(packing, self.setting.expansion_ratio_max),
            };
            file.head = unpacked.map(|head| Head::of(&head)).unwrap_or_default();
        }
        let behind = file.read < stat.len;
        // With many new ones at once, those that have a name to be opened by again wait without a descriptor.
        let has_room = self.open_counted + self.opened_since <= self.open_files_max;
        let is_open = packing == Packing::Plain
            && behind
            && (matches!(life, Life::Gone(_)) || (life == Life::Here && has_room));
        file.opened = is_open.then_some(opened);
        if !is_open {
            file.before = Vec::new();
        }
        file.scan = self.scans;
        let life = if file.life == Life::Done { Life::Done } else { life };
        if let Some(kindred) = self.kindred.as_mut().filter(|kindred| kindred.base == base) {
            kindred.heads.add(number, file.head, file.check);
        }
        let family = self.families.entry(base).or_default();
        family.is_due |= self.since.is_some();
        family.generations.insert(number);
        self.by_id.insert(stat.id, number);
        if self.setting.paths.matches(&path) {
            self.by_path.insert(path.clone(), number);
        }
        self.was_unreadable.remove(&path);
        self.unlike.remove(&stat.id);
        self.followed.insert(number, file);
        self.set_life(number, life);
        self.moved.insert(number);
        if behind && matches!(life, Life::Here | Life::Gone(_)) {
            self.enqueue(number);
        }
        number
    }
}

/// A copy is younger than what it is a copy of; a generation that we have missed is older than its successor. `None`
/// where nobody can say.
fn is_born_behind<L>(newcomer: &Newcomer, file: &Followed<L>) -> Option<bool> {
    match (newcomer.stat.id.born?, file.id.born?) {
        (newcomer, file) if newcomer == file => None,
        (newcomer, file) => Some(newcomer > file),
    }
}

pub(super) fn bytes_before(file: &dyn File, place: u64) -> io::Result<Vec<u8>> {
    let len = place.min(PRINT_BYTES as u64);
    let mut before = vec![0; len as usize];
    let n = read_full(file, &mut before, place - len)?;
    if n < before.len() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(before)
}

/// Behind the last line end before `len`; `len` where there is none near.
fn end_of_lines(file: &dyn File, len: u64, text: Text) -> io::Result<u64> {
    if matches!(text, Text::Utf16Le | Text::Utf16Be) {
        return Ok(len & !1);
    }
    let mut block = vec![0; 64 << 10];
    let mut end = len;
    while end > 0 && len - end < LINE_BACK_MAX {
        let from = end.saturating_sub(block.len() as u64);
        let wanted = (end - from) as usize;
        let n = read_full(file, &mut block[..wanted], from)?;
        if let Some(place) = memchr::memrchr(b'\n', &block[..n]) {
            return Ok(from + place as u64 + 1);
        }
        end = from;
    }
    Ok(if end == 0 { 0 } else { len })
}
