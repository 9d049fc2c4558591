//! What is new in the files goes to their lanes: one block of each in turn, so that a firehose does not keep the others
//! waiting.

use std::io;
use std::time::Duration;

use super::followed::{Life, Look};
use super::newcomer::bytes_before;
use super::print::Print;
use super::reader::{Found, Opened, read_on};
use super::turn::Cut;
use super::{Sink, Tail};
use crate::event::{LossReason, SkipReason};
use crate::source::encoding::Text;
use crate::source::packing::Packing;
use crate::world::{Clock, Moment};

/// One read of one file, the bytes of the check included.
pub const BLOCK_BYTES: usize = 256 * 1024;

/// A file whose reading failed is left alone for so long.
pub(super) const RETRY_AFTER: Duration = Duration::from_secs(1);
/// A compressed file that ends in the middle may still be written; it is damaged when it was the same for so long.
const DAMAGED_AFTER: Duration = Duration::from_secs(10);

/// What time brings takes at most this part of it.
const SETTLE_SHARE: u32 = 20;

/// What one block of a file came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    More,
    Idle,
}

impl<S: Sink> Tail<S> {
    /// Reads one block of each file that has more, until `until`. Whether there is still more.
    pub fn read_some(&mut self, block: &mut [u8], clock: &Clock, until: Duration, sink: &mut S) -> bool {
        for _ in 0..self.ready.len() {
            let Some(number) = self.ready.pop_front() else { break };
            let Some(file) = self.followed.get_mut(&number) else { continue };
            file.is_ready = false;
            let now = clock();
            if file.is_live() && self.read_one(number, block, now, sink) == Turn::More {
                self.enqueue(number);
            }
            if now.steady >= until {
                break;
            }
        }
        !self.ready.is_empty()
    }

    fn read_one(&mut self, number: u64, block: &mut [u8], now: Moment, sink: &mut S) -> Turn {
        if self.followed[&number].opened.is_none() {
            match self.open(number, now, sink) {
                Ok(true) => {}
                Ok(false) => return Turn::Idle,
                Err(error) => return self.failed(number, &error, now),
            }
        }
        let file = self.followed.get_mut(&number).expect("it was opened");
        if file.is_packed() {
            return self.read_packed(number, block, now, sink);
        }
        let Some(opened) = &file.opened else { return Turn::Idle };
        let mut found = read_on(&*opened.file, block, file.read, &file.before);
        // The bytes before the place may be the same in another text: lines of one length with one end.
        if matches!(found, Ok(Found::Bytes(_) | Found::End))
            && std::mem::take(&mut file.is_head_due)
            && file.read > file.before.len() as u64
            && matches!(file.head.is_in(&*opened.file), Ok(false))
        {
            found = Ok(Found::Replaced);
        }
        match found {
            Err(error) => self.failed(number, &error, now),
            Ok(Found::CutOff) => self.was_cut(number, Cut::Shorter, now, sink),
            Ok(Found::Replaced) => self.was_cut(number, Cut::Replaced, now, sink),
            Ok(Found::End) => {
                file.known_len = file.read;
                file.ended_at = Some(file.seen);
                Turn::Idle
            }
            Ok(Found::Bytes(n)) => {
                let from = file.before.len();
                self.give(number, &block[from..from + n], now, sink)
            }
        }
    }

    fn was_cut(&mut self, number: u64, cut: Cut, now: Moment, sink: &mut S) -> Turn {
        self.cut(number, cut, now, sink);
        Turn::Idle
    }

    /// Opens a file that is closed; false where it cannot be read now. What has changed under its name is noticed here.
    fn open(&mut self, number: u64, now: Moment, sink: &mut S) -> io::Result<bool> {
        self.make_room();
        let file = self.followed.get_mut(&number).expect("it is ready");
        let opened = match Opened::open(&*self.files, &file.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            other => other?,
        };
        let Some((mut opened, stat)) = opened.filter(|(_, stat)| stat.id == file.id) else {
            // Its name leads elsewhere: the next walk will tell.
            self.next_scan = self.next_scan.min(self.scan_allowed_at);
            self.families.entry(file.base.clone()).or_default().is_due = true;
            return Ok(false);
        };
        file.seen = Look::of(&stat);
        if file.is_packed() {
            opened.unpack(file.packing, self.setting.expansion_ratio_max)?;
            file.unpacked = 0;
            file.before.clear();
            file.opened = Some(opened);
            return Ok(true);
        }
        let check = file.closed_at.unwrap_or(file.check);
        let is_same =
            stat.len >= file.read && file.head.is_in(&*opened.file)? && check.is_in(&*opened.file)?;
        if is_same {
            file.before = bytes_before(&*opened.file, file.read)?;
            file.closed_at = None;
            file.opened = Some(opened);
            return Ok(true);
        }
        let cut = if stat.len < file.read { Cut::Shorter } else { Cut::Replaced };
        self.cut(number, cut, now, sink);
        Ok(false)
    }

    /// Gives new bytes of a plain file to its lane. Zeros at the end are no text yet.
    fn give(&mut self, number: u64, new: &[u8], now: Moment, sink: &mut S) -> Turn {
        let file = self.followed.get_mut(&number).expect("it was read");
        if file.text == Text::Unknown {
            file.text = Text::of_head(&[&file.before[..], new].concat());
        }
        let is_wide = matches!(file.text, Text::Utf16Le | Text::Utf16Be);
        let text_end = new.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let text = if is_wide { new } else { &new[..text_end] };
        if text.is_empty() {
            return self.pass_over_zeros(number, new.len(), now, sink);
        }
        let zeros = text.iter().position(|byte| *byte != 0).unwrap_or(0);
        let (hole, text) = if is_wide { text.split_at(0) } else { text.split_at(zeros) };
        if !hole.is_empty() {
            sink.skip(&mut file.lane, SkipReason::Hole, hole.len() as u64);
            file.advance(hole);
        }
        match file.text {
            Text::Binary => sink.skip(&mut file.lane, SkipReason::Undecodable, text.len() as u64),
            _ => sink.push(&mut file.lane, text, now),
        }
        file.advance(text);
        file.zeros_to = 0;
        file.last_bytes = now.steady;
        file.seen.len = file.seen.len.max(file.read);
        file.known_len = file.seen.len;
        let (is_binary, path) = (file.text == Text::Binary, file.path.clone());
        let turn = if file.read < file.seen.len { Turn::More } else { Turn::Idle };
        self.last_read = Some(now.wall);
        self.moved.insert(number);
        self.holding.insert(number);
        if is_binary {
            self.complain(&path, format_args!("is no text; its bytes are counted as undecodable"));
        }
        turn
    }

    /// So many zeros stand at the place. They stay unread until something stands behind them: a file that was made large
    /// beforehand is written later.
    fn pass_over_zeros(&mut self, number: u64, zeros: usize, now: Moment, sink: &mut S) -> Turn {
        let file = self.followed.get_mut(&number).expect("it was read");
        let Some(opened) = &file.opened else { return Turn::Idle };
        let mut place = file.zeros_to.max(file.read + zeros as u64);
        let mut block = vec![0; BLOCK_BYTES];
        // As many blocks in one turn as cost about what one of text does.
        for _ in 0..16 {
            match opened.file.next_data(place) {
                Ok(Some(data)) => place = data,
                Ok(None) => {
                    // Nothing but a hole to the end.
                    file.zeros_to = file.seen.len.max(place);
                    file.known_len = file.seen.len;
                    return Turn::Idle;
                }
                Err(error) => return self.failed(number, &error, now),
            }
            match opened.file.read_at(&mut block, place) {
                Ok(0) => {
                    file.zeros_to = place;
                    file.known_len = file.seen.len;
                    return Turn::Idle;
                }
                Ok(n) => match block[..n].iter().position(|byte| *byte != 0) {
                    None => place += n as u64,
                    Some(text) => {
                        let hole = place + text as u64 - file.read;
                        sink.skip(&mut file.lane, SkipReason::Hole, hole);
                        file.advance_zeros(hole);
                        file.zeros_to = 0;
                        self.moved.insert(number);
                        self.holding.insert(number);
                        return Turn::More;
                    }
                },
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return self.failed(number, &error, now),
            }
        }
        file.zeros_to = place;
        Turn::More
    }

    fn read_packed(&mut self, number: u64, block: &mut [u8], now: Moment, sink: &mut S) -> Turn {
        let file = self.followed.get_mut(&number).expect("it was opened");
        let Some(opened) = &mut file.opened else { return Turn::Idle };
        let n = match opened.read_unpacked(block) {
            Ok(0) => return self.end_of_packed(number, now, sink),
            Ok(n) => n,
            Err(error) => return self.cannot_unpack(number, &error, now, sink),
        };
        let mut new = &block[..n];
        // What was read before, in this file or in the one that it is of, is passed over and compared.
        if file.unpacked < file.read {
            let known = new.len().min(usize::try_from(file.read - file.unpacked).unwrap_or(usize::MAX));
            let (old, rest) = new.split_at(known);
            if !file.pass_over(old) {
                return self.is_another(number, now);
            }
            new = rest;
        }
        if !new.is_empty() {
            if file.text == Text::Unknown {
                file.text = Text::of_head(&[&file.before[..], new].concat());
            }
            match file.text {
                Text::Binary => sink.skip(&mut file.lane, SkipReason::Undecodable, new.len() as u64),
                _ => sink.push(&mut file.lane, new, now),
            }
            file.advance(new);
            file.unpacked = file.read;
            file.last_bytes = now.steady;
            self.last_read = Some(now.wall);
            self.moved.insert(number);
            self.holding.insert(number);
        }
        Turn::More
    }

    /// The compressed file begins like the generation that it seemed to be, and is another: that one lost its file, and
    /// this one is compared with the others.
    fn is_another(&mut self, number: u64, now: Moment) -> Turn {
        let file = self.followed.get_mut(&number).expect("it was read");
        self.unlike.entry(file.id).or_default().push(file.check);
        file.opened = None;
        file.before.clear();
        file.packing = Packing::Plain;
        file.seen.len = file.known_len.max(file.read);
        self.lost_its_number(number, now);
        self.next_scan = self.next_scan.min(self.scan_allowed_at);
        Turn::Idle
    }

    fn end_of_packed(&mut self, number: u64, now: Moment, sink: &mut S) -> Turn {
        let file = self.followed.get_mut(&number).expect("it was read");
        if let Some(unpacked) = file.opened.as_mut().and_then(|opened| opened.unpacked.as_mut())
            && unpacked.is_capped()
            && let Ok(left) = unpacked.drain()
        {
            sink.skip(&mut file.lane, SkipReason::Expansion, left);
            let path = file.path.clone();
            self.complain(
                &path,
                format_args!("unpacks to far more than its size allows; the rest was not read"),
            );
        }
        let file = self.followed.get_mut(&number).expect("it was read");
        if file.unpacked < file.read && file.read != super::followed::UNREAD {
            if file.unpacked < file.head.len.into() && file.head.agrees_with(&file.before) == Some(false) {
                return self.is_another(number, now);
            }
            // Shorter than what was read of it elsewhere: nothing of it is new.
            file.known_len = file.read;
        }
        file.ended_at = Some(file.seen);
        file.opened = None;
        self.moved.insert(number);
        self.holding.insert(number);
        Turn::Idle
    }

    fn cannot_unpack(&mut self, number: u64, error: &io::Error, now: Moment, sink: &mut S) -> Turn {
        let file = self.followed.get_mut(&number).expect("it was read");
        let is_cut = error.kind() == io::ErrorKind::UnexpectedEof;
        file.opened = None;
        let since = *file.broken_since.get_or_insert((file.seen, now.steady));
        let is_same = since.0 == file.seen;
        if !is_same {
            file.broken_since = Some((file.seen, now.steady));
        }
        let is_kept_waiting = is_cut && (!is_same || now.steady.saturating_sub(since.1) < DAMAGED_AFTER);
        if is_kept_waiting {
            file.retry_at = Some(now.steady + RETRY_AFTER);
            self.retrying.insert(number);
            return Turn::Idle;
        }
        if !std::mem::replace(&mut file.is_damaged, true) {
            // How much the rest would unpack to nobody can say; it is at least what is there.
            sink.lost(LossReason::Damaged, if is_cut { 1 } else { file.seen.len.max(1) });
        }
        file.ended_at = Some(file.seen);
        let path = file.path.clone();
        self.holding.insert(number);
        self.moved.insert(number);
        self.complain(&path, format_args!("is damaged: {error}; what came before it was counted"));
        Turn::Idle
    }

    fn failed(&mut self, number: u64, error: &io::Error, now: Moment) -> Turn {
        self.make_do(error);
        let file = self.followed.get_mut(&number).expect("it was read");
        // What is wrong with a descriptor (a file server has forgotten it, for one) a new one may mend.
        if let Some(opened) = file.opened.take()
            && !opened.file.stat().is_ok_and(|stat| stat.links > 0)
        {
            // No name leads to it any more, as far as it says: there is no other one.
            file.opened = Some(opened);
        } else if !file.is_packed() && file.closed_at.is_none() && !file.before.is_empty() {
            file.closed_at = Some(Print::ending_at(file.read, &file.before));
        }
        file.retry_at = Some(now.steady + RETRY_AFTER);
        self.retrying.insert(number);
        let path = file.path.clone();
        if error.kind() == io::ErrorKind::PermissionDenied {
            self.unreadable.insert(path.clone());
        }
        self.complain(&path, format_args!("cannot be read on: {error}; tried again from now on"));
        Turn::Idle
    }

    /// What silence brings: complete lines are judged, half lines of files that were rotated away too, and files that were
    /// read to their end are let go.
    pub fn settle(&mut self, now: Moment, sink: &mut S) {
        if now.steady < self.settle_allowed_at {
            return;
        }
        let began = (self.clock)().steady;
        let silent_for = |since: Duration| now.steady.saturating_sub(since);
        for number in std::mem::take(&mut self.holding) {
            let Some(file) = self.followed.get_mut(&number) else { continue };
            let holds = sink.holds(&file.lane);
            if holds.lines && silent_for(file.last_bytes) >= self.setting.event_timeout {
                sink.judge_lines(&mut file.lane, now);
                self.moved.insert(number);
            }
            let is_over = |wait: Duration, since: Duration| silent_for(since.max(file.last_bytes)) >= wait;
            let is_left = file.renamed_at.is_some_and(|since| is_over(self.setting.rotate_wait, since));
            let is_late = self.setting.partial_timeout.is_some_and(|wait| is_over(wait, Duration::ZERO));
            let is_ended = file.is_packed() && file.ended_at == Some(file.seen) && !file.is_ready;
            if holds.unfinished && (is_left || is_late || is_ended) {
                sink.judge_all(&mut file.lane, now);
                self.moved.insert(number);
            }
            let holds = sink.holds(&file.lane);
            if holds.lines || holds.unfinished {
                self.holding.insert(number);
            }
        }
        for number in self.gone.iter().copied().collect::<Vec<_>>() {
            let file = &self.followed[&number];
            let Life::Gone(since) = file.life else { continue };
            // A file that may have its bytes is not told from others yet.
            let may_go_on =
                || file.behind() > 0 && self.waiting.values().any(|waiting| waiting.base == file.base);
            let is_waiting = file.is_ready || file.retry_at.is_some() || may_go_on();
            if !is_waiting && silent_for(since.max(file.last_bytes)) >= self.setting.rotate_wait {
                self.finish(number, now, sink);
            }
        }
        let cost = (self.clock)().steady.saturating_sub(began);
        self.settle_allowed_at = now.steady + cost * SETTLE_SHARE;
    }

    /// Judges the complete lines of all files: nobody will come back for them.
    pub fn judge_lines(&mut self, now: Moment, sink: &mut S) {
        for number in std::mem::take(&mut self.holding) {
            if let Some(file) = self.followed.get_mut(&number) {
                sink.judge_lines(&mut file.lane, now);
                self.moved.insert(number);
            }
        }
    }

    /// A file that no path leads to was silent for long enough.
    fn finish(&mut self, number: u64, now: Moment, sink: &mut S) {
        let is_there = self.followed[&number].opened.is_some() || self.still_leads_to(number);
        let file = self.followed.get_mut(&number).expect("it is gone, not forgotten");
        if file.behind() > 0 && is_there {
            // Not read to its end yet.
            self.enqueue(number);
            return;
        }
        let is_deleted = match &file.opened {
            Some(opened) => opened.file.stat().is_ok_and(|stat| stat.links == 0),
            None => !is_there,
        };
        if file.behind() > 0
            && let Some(copy) = self.copy_to_read(number)
        {
            self.hand_over(number, copy, now, sink);
        }
        let file = self.followed.get_mut(&number).expect("it is there still");
        if file.is_cut {
            sink.judge_lines(&mut file.lane, now);
            let unfinished = sink.forget_unfinished(&mut file.lane);
            sink.lost(LossReason::Truncated, unfinished + file.behind());
        } else {
            sink.lost(LossReason::Deleted, file.behind());
            sink.judge_all(&mut file.lane, now);
        }
        file.move_check(0);
        // What is lost stays lost, also should it turn up.
        file.read += file.behind();
        file.ended_at = Some(file.seen);
        file.opened = None;
        file.before = Vec::new();
        self.set_life(number, Life::Done);
        self.moved.insert(number);
        for copy in self.copies_of(number) {
            let is_here = self.setting.paths.matches(&self.followed[&copy].path);
            self.copy_is_done(number, copy, if is_here { Life::Here } else { Life::Gone(now.steady) });
        }
        if is_deleted {
            self.becomes_ghost(number, now);
        }
    }

    /// Where the system has no descriptors left, fewer are held for a while.
    pub(super) fn make_do(&mut self, error: &io::Error) {
        let none_left =
            [rustix::io::Errno::MFILE, rustix::io::Errno::NFILE].map(|errno| errno.raw_os_error());
        if error.raw_os_error().is_some_and(|errno| none_left.contains(&errno)) {
            self.open_counted = self.followed.values().filter(|file| file.opened.is_some()).count();
            self.opened_since = 0;
            self.open_files_max = (self.open_counted / 4 * 3).max(1);
            self.make_room();
        }
    }

    /// Closes files that have nothing new, those first that had nothing for longest, until there is room for one more.
    pub(super) fn make_room(&mut self) {
        // Counting takes a walk over all files: now and then is enough.
        self.opened_since += 1;
        let is_enough = self.open_counted + self.opened_since < self.open_files_max;
        if is_enough || self.opened_since < self.open_files_max / 8 {
            return;
        }
        self.opened_since = 0;
        self.open_counted = self.followed.values().filter(|file| file.opened.is_some()).count();
        if self.open_counted < self.open_files_max {
            return;
        }
        let mut idle: Vec<(Duration, u64)> = Vec::new();
        for file in self.followed.values() {
            let is_deleted = |opened: &Opened| !opened.file.stat().is_ok_and(|stat| stat.links > 0);
            let Some(opened) = &file.opened else { continue };
            if !file.is_ready
                && file.behind() == 0
                && !(matches!(file.life, Life::Gone(_)) && is_deleted(opened))
            {
                idle.push((file.last_bytes, file.number));
            }
        }
        idle.sort_unstable();
        let enough = self.open_counted - self.open_files_max + (self.open_files_max / 8).max(1);
        for (_, number) in idle.into_iter().take(enough) {
            let file = self.followed.get_mut(&number).expect("it was listed");
            file.opened = None;
            if !file.is_packed() {
                file.closed_at = Some(Print::ending_at(file.read, &file.before));
            }
            file.before = Vec::new();
            self.open_counted -= 1;
        }
    }
}
