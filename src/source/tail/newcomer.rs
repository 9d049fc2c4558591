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
use super::kin::Kin;
use super::print::{Head, PRINT_BYTES, Print, read_full};
use super::reader::Opened;
use super::{Sink, Start, Tail};
use crate::event::LossReason;
use crate::source::encoding::Text;
use crate::source::packing::Packing;
use crate::world::{File, Moment, Stat};

/// Times of files lag behind the clock by as much. Nanoseconds.
const CLOCK_GRAIN: i64 = 20_000_000;
/// Of files that begin at their end: a line that is not finished is looked back for this far. Bytes.
const LINE_BACK_MAX: u64 = 1 << 20;

/// An unknown file that was opened.
pub(super) struct Newcomer {
    pub path: PathBuf,
    pub base: PathBuf,
    /// It has the base's path, or a link has it that leads there.
    pub is_at_base: bool,
    pub stat: Stat,
    pub opened: Opened,
    pub head: Vec<u8>,
    pub packing: Packing,
}

impl<S: Sink> Tail<S> {
    /// A file at one of the paths of the source.
    pub(super) fn newcomer(&mut self, path: PathBuf, stat: Stat, now: Moment, sink: &mut S) {
        if self.by_id.contains_key(&stat.id) {
            // Met on the way, when a file that was cut off was looked for in its copies.
            return;
        }
        let base = match self.files.link_target(&path) {
            Ok(Some(target)) => {
                let base = self.base_of(&target);
                if base == target {
                    self.links.insert(base.clone(), path.clone());
                }
                base
            }
            Ok(None) => self.base_of(&path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => {
                // Whose it is is not known.
                self.cannot_read(&path, &error);
                self.from_start.insert(path);
                return;
            }
        };
        let from_start = self.from_start.contains(&path);
        let is_first =
            self.is_first_scan || self.waiting.get(&stat.id).is_some_and(|waiting| waiting.is_first);
        let Some(newcomer) = self.opened_newcomer(path, base, &stat) else { return };
        if !self.claims.take(newcomer.stat.id, self.holder) {
            self.complain(&newcomer.path, format_args!("is read by another source already"));
            return;
        }
        let id = newcomer.stat.id;
        if !newcomer.is_at_base {
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
            self.from_start.insert(newcomer.path.clone());
            Kin::Unfinished
        });
        match kin {
            Kin::Unfinished | Kin::PartOf(_) => self.claims.give_back(id, self.holder),
            Kin::Of(number) => self.copy_of(number, newcomer, Life::Here, now, sink),
            Kin::Nobodys => {
                let is_old = is_first && !from_start;
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
        let since =
            self.since.map_or(i64::MAX, |at| at.0.saturating_mul(1_000_000).saturating_sub(CLOCK_GRAIN));
        // Not every compressor that keeps the time keeps all of it.
        let is_packed = path.file_name().is_some_and(family::names_a_packed_one);
        let since = if is_packed { since.saturating_sub(since.rem_euclid(1_000_000_000)) } else { since };
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
                let is_at_base = base == path || self.links.get(&base) == Some(&path);
                Some(Newcomer { path, base, is_at_base, stat, opened, head, packing })
            }
            Ok(None) => None,
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                self.cannot_read(&path, &error);
                self.from_start.insert(path);
                None
            }
        }
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
            if file.is_cut && newcomer.packing == Packing::Plain {
                // The copy was made before the cut: what it lacks is nowhere.
                let (known, there) = (file.known_len, newcomer.stat.len);
                sink.lost(LossReason::Truncated, known.saturating_sub(there));
                self.followed.get_mut(&number).expect("it was cut").known_len = there;
            }
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
        let Newcomer { path, base, stat, opened, head, packing, .. } = newcomer;
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
        if let Some(kindred) = &mut self.kindred {
            kindred.add(&file);
        }
        let family = self.families.entry(base).or_default();
        family.is_due |= self.since.is_some();
        family.generations.insert(number);
        self.by_id.insert(stat.id, number);
        if self.setting.paths.matches(&path) {
            self.by_path.insert(path.clone(), number);
        }
        self.from_start.remove(&path);
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
