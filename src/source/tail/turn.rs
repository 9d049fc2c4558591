//! A file was cut off, or its bytes were replaced in place: what was not read of it is looked for in a copy, and what is
//! found nowhere is counted as lost.

use std::io;
use std::path::PathBuf;

use super::followed::{Followed, Life, Look};
use super::names::Names;
use super::newcomer::bytes_before;
use super::print::{Head, Print, read_full};
use super::reader::Opened;
use super::reading::RETRY_AFTER;
use super::{Sink, Tail};
use crate::event::LossReason;
use crate::source::encoding::Text;
use crate::world::{File, FileId, Moment};

/// How it was noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// The file ends before the place up to which it was read.
    Shorter,
    /// Other bytes stand there.
    Replaced,
}

impl<S: Sink> Tail<S> {
    pub(super) fn cut(&mut self, number: u64, cut: Cut, now: Moment, sink: &mut S) {
        let goes_on = match cut {
            Cut::Replaced => Ok(false),
            Cut::Shorter => self.goes_on_at_its_end(number, now, sink),
        };
        let Ok(goes_on) = goes_on else {
            // Begun again, it would be counted twice if it was only made shorter.
            let file = self.followed.get_mut(&number).expect("it was cut");
            file.retry_at = Some(now.steady + RETRY_AFTER);
            self.retrying.insert(number);
            return;
        };
        let file = self.followed.get_mut(&number).expect("it was cut");
        if !goes_on && file.opened.is_none() && !file.is_at_base() {
            // Nobody writes rotated files anew: this one was deleted, and a new one has got its number.
            self.lost_its_number(number, now);
            self.next_scan = self.next_scan.min(self.scan_allowed_at);
            return;
        }
        sink.truncated();
        if !goes_on {
            let old = self.split_off(number, now, sink);
            let base: PathBuf = self.followed[&number].base.clone();
            // A copy was made before the cut, so that no plain one is in the making any more.
            self.is_all_settled = true;
            if let Some(names) = base.parent().and_then(|directory| Names::of(&*self.files, directory).ok()) {
                self.look_at_family(&base, &names, now, sink);
            }
            self.is_all_settled = false;
            // A copy that was met just now it went on in already.
            let is_fileless = self.followed[&old].id == nobodys_id(old) && self.followed[&old].is_live();
            if is_fileless && let Some(copy) = self.copy_to_read(old) {
                self.go_on_in_copy(old, copy, now, sink);
            }
        }
        self.moved.insert(number);
        self.enqueue(number);
    }

    /// A file that keeps its head and was only made shorter goes on at its new end. What was cut off is gone.
    fn goes_on_at_its_end(&mut self, number: u64, now: Moment, sink: &mut S) -> io::Result<bool> {
        let file = &self.followed[&number];
        let opened = match Opened::open(&*self.files, &file.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            other => other?,
        };
        let Some((opened, stat)) = opened.filter(|(_, stat)| stat.id == file.id && stat.len < file.read)
        else {
            return Ok(false);
        };
        let has_head = match stat.len < u64::from(file.head.len) {
            // Of a file that is shorter than its print all that was read is remembered while it is open.
            true => file.read == file.before.len() as u64 && begins(&*opened.file, &file.before, stat.len)?,
            false => file.head.len > 0 && file.head.is_in(&*opened.file)?,
        };
        if !has_head {
            return Ok(false);
        }
        let before = bytes_before(&*opened.file, stat.len)?;
        let file = self.followed.get_mut(&number).expect("it was cut");
        sink.judge_lines(&mut file.lane, now);
        let unfinished = sink.forget_unfinished(&mut file.lane);
        sink.lost(LossReason::Truncated, unfinished + file.known_len.saturating_sub(file.read));
        file.lane = sink.open(&file.path, Some(file.text));
        file.read = stat.len;
        file.check = Print::ending_at(stat.len, &before);
        (file.before, file.closed_at) = (before, None);
        (file.seen, file.known_len) = (Look::of(&stat), stat.len);
        (file.zeros_to, file.ended_at) = (0, None);
        if stat.len < u64::from(file.head.len) {
            file.head = Head::of(&file.before);
        }
        file.opened = Some(opened);
        Ok(true)
    }

    /// What the file was until now becomes a generation without a file, which waits for a copy to turn up; the file begins
    /// anew.
    fn split_off(&mut self, number: u64, now: Moment, sink: &mut S) -> u64 {
        self.kindred = None;
        let old = self.next_number;
        self.next_number += 1;
        let file = self.followed.get_mut(&number).expect("it was cut");
        let fresh = sink.open(&file.path, None);
        let mut position = file.position(0);
        (position.number, position.id) = (old, nobodys_id(old));
        let mut split = Followed::resumed(position, std::mem::replace(&mut file.lane, fresh));
        split.read = file.read;
        split.closed_at = Some(file.latest_check());
        (split.seen.len, split.known_len) = (file.known_len, file.known_len);
        split.last_bytes = file.last_bytes;
        split.is_cut = true;
        split.renamed_at = None;
        split.scan = self.scans;
        // What was seen was seen of the one that was cut off.
        (file.read, file.known_len, file.seen.len, file.zeros_to) = (0, 0, 0, 0);
        (file.head, file.check, file.text) = (Head::default(), Print::default(), Text::Unknown);
        (file.closed_at, file.ended_at) = (None, None);
        file.before.clear();
        for copy in self.copies_of(number) {
            self.set_life(copy, Life::Copy(old));
            self.moved.insert(copy);
        }
        for waiting in self.waiting.values_mut().filter(|waiting| waiting.part_of == Some(number)) {
            waiting.part_of = Some(old);
        }
        self.families.entry(split.base.clone()).or_default().generations.insert(old);
        self.followed.insert(old, split);
        self.set_life(old, Life::Gone(now.steady));
        self.holding.insert(old);
        self.moved.insert(old);
        old
    }

    pub(super) fn copies_of(&self, number: u64) -> Vec<u64> {
        let copies = self.copies.iter().copied();
        copies.filter(|copy| self.followed[copy].life == Life::Copy(number)).collect()
    }

    /// The copy to go on in: the youngest, and a plain one rather than a compressed one, which may be its copy. The others
    /// are copies of that one from now on.
    pub(super) fn copy_to_read(&mut self, number: u64) -> Option<u64> {
        let copies = self.copies_of(number);
        let chosen = copies.iter().copied().max_by_key(|copy| (!self.followed[copy].is_packed(), *copy))?;
        for copy in copies.into_iter().filter(|copy| *copy != chosen) {
            self.set_life(copy, Life::Copy(chosen));
            self.moved.insert(copy);
        }
        Some(chosen)
    }

    /// The file was cut off; what is missing in the copy as well is lost.
    fn go_on_in_copy(&mut self, number: u64, copy: u64, now: Moment, sink: &mut S) {
        let file = &self.followed[&number];
        let (read, known) = (file.read, file.known_len);
        self.hand_over(number, copy, now, sink);
        let copy = &self.followed[&copy];
        if !copy.is_packed() {
            sink.lost(LossReason::Truncated, known.saturating_sub(read.max(copy.seen.len)));
        }
        self.forget(number);
    }

    /// The copy is read on where the file was read up to, with what its lane holds; the file is left with an empty one
    /// and nothing to read.
    pub(super) fn hand_over(&mut self, number: u64, copy: u64, now: Moment, sink: &mut S) {
        self.kindred = None;
        let fresh = sink.open(&self.followed[&copy].path, None);
        let file = self.followed.get_mut(&number).expect("it was cut or is gone");
        let lane = std::mem::replace(&mut file.lane, fresh);
        let (read, text, head, check) = (file.read, file.text, file.head, file.check);
        (file.read, file.known_len) = (file.seen.len, file.seen.len);
        file.closed_at = None;
        self.set_life(number, Life::Ghost(now.steady));
        self.moved.insert(number);
        let held = self.files.stat(&self.followed[&copy].path).map(|stat| Look::of(&stat));
        let copied = self.followed.get_mut(&copy).expect("it was found");
        (copied.lane, copied.read, copied.text, copied.check) = (lane, read, text, check);
        if copied.is_packed() || copied.head.len == 0 {
            copied.head = head;
        }
        copied.seen = held.unwrap_or(copied.seen);
        copied.last_bytes = now.steady;
        copied.renamed_at = Some(now.steady);
        copied.opened = None;
        self.moved.insert(copy);
        self.holding.insert(copy);
        if copied.is_packed() || copied.seen.len >= read {
            let is_here = self.setting.paths.matches(&copied.path);
            self.set_life(copy, if is_here { Life::Here } else { Life::Gone(now.steady) });
            self.enqueue(copy);
            return;
        }
        // More was read than the copy has.
        sink.judge_lines(&mut copied.lane, now);
        let unfinished = sink.forget_unfinished(&mut copied.lane);
        sink.lost(LossReason::Truncated, unfinished);
        copied.read = copied.seen.len;
        copied.check = Print::default();
        let opened = Opened::open(&*self.files, &copied.path).ok().flatten();
        copied.head =
            opened.and_then(|(opened, _)| opened.raw_head().ok()).map_or(head, |head| Head::of(&head));
        copied.ended_at = Some(copied.seen);
        self.set_life(copy, Life::Done);
    }
}

/// Of a generation that has no file any more.
pub(super) fn nobodys_id(number: u64) -> FileId {
    FileId { device: u64::MAX, inode: number, born: None }
}

/// Whether the first `len` bytes of the file are those of `bytes`.
fn begins(file: &dyn File, bytes: &[u8], len: u64) -> io::Result<bool> {
    let Some(bytes) = usize::try_from(len).ok().and_then(|len| bytes.get(..len)) else { return Ok(false) };
    let mut head = vec![0; bytes.len()];
    Ok(len > 0 && read_full(file, &mut head, 0)? == bytes.len() && head == bytes)
}
