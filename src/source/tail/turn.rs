//! A file was cut off, or its bytes were replaced in place: what was not read of it is looked for in a copy, and what is
//! found nowhere is counted as lost.

use std::path::PathBuf;

use super::followed::{Life, Look};
use super::newcomer::bytes_before;
use super::print::{Print, read_full};
use super::reader::Opened;
use super::reading::RETRY_AFTER;
use super::{Sink, Tail};
use crate::event::LossReason;
use crate::source::encoding::Text;
use crate::world::{File, Moment};

/// Looks at a family that fail before a file that was cut off is given up.
const CUT_TRIES: u32 = 5;

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
        let base: PathBuf = self.followed[&number].base.clone();
        self.heads = None;
        // A copy was made before the cut, so that nothing in the family is in the making any more.
        self.is_all_settled = true;
        let unseen = self.unseen;
        self.look_at_family(&base, now, sink);
        self.is_all_settled = false;
        let file = self.followed.get_mut(&number).expect("it was cut");
        if self.unseen > unseen && file.cut_tries < CUT_TRIES {
            // The copy may be there: begun again, the file could not be compared with it any more.
            file.cut_tries += 1;
            file.retry_at = Some(now.steady + RETRY_AFTER);
            self.retrying.insert(number);
            return;
        }
        file.cut_tries = 0;
        sink.truncated();
        let copy = self.copy_to_read(number);
        match copy {
            Some(copy) => self.go_on_in_copy(number, copy, now, sink),
            None => self.give_up_the_rest(number, now, sink),
        }
        self.begin_again(number, cut == Cut::Shorter && copy.is_none(), sink);
        self.moved.insert(number);
        self.enqueue(number);
    }

    /// The youngest copy; the older ones hold nothing that it does not.
    pub(super) fn copy_to_read(&mut self, number: u64) -> Option<u64> {
        let family = self.generations(&self.followed[&number].base);
        let copies: Vec<u64> =
            family.into_iter().filter(|copy| self.followed[copy].life == Life::Copy(number)).collect();
        let (youngest, older) = copies.split_last()?;
        for copy in older {
            self.set_life(*copy, Life::Done);
            self.moved.insert(*copy);
        }
        Some(*youngest)
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
    }

    /// The copy is read on where the file was read up to, with what its lane holds; the file is left with an empty one
    /// and nothing to read.
    pub(super) fn hand_over(&mut self, number: u64, copy: u64, now: Moment, sink: &mut S) {
        let fresh = sink.open(&self.followed[&copy].path, None);
        let file = self.followed.get_mut(&number).expect("it was cut or is gone");
        let lane = std::mem::replace(&mut file.lane, fresh);
        let (read, text, head, check) = (file.read, file.text, file.head, file.check);
        (file.read, file.known_len) = (file.seen.len, file.seen.len);
        self.moved.insert(number);
        let held = self.files.stat(&self.followed[&copy].path).map(|stat| Look::of(&stat));
        let copied = self.followed.get_mut(&copy).expect("it was found");
        (copied.lane, copied.read, copied.text, copied.head, copied.check) = (lane, read, text, head, check);
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
        copied.ended_at = Some(copied.seen);
        self.set_life(copy, Life::Done);
    }

    fn give_up_the_rest(&mut self, number: u64, now: Moment, sink: &mut S) {
        let file = self.followed.get_mut(&number).expect("it was cut");
        sink.judge_lines(&mut file.lane, now);
        let unfinished = sink.forget_unfinished(&mut file.lane);
        sink.lost(LossReason::Truncated, unfinished + file.known_len.saturating_sub(file.read));
    }

    /// From the start, or, where the file keeps its head and was only made shorter, from its end.
    fn begin_again(&mut self, number: u64, keeps_head: bool, sink: &mut S) {
        let file = self.followed.get_mut(&number).expect("it was cut");
        let (head, path) = (file.head, file.path.clone());
        let mut text = None;
        let mut place = 0;
        let reopened = Opened::open(&*self.files, &path).ok().flatten();
        let opened = reopened.filter(|(_, stat)| stat.id == file.id);
        let file_now = opened.as_ref().map(|(opened, stat)| (opened.file.clone(), *stat));
        if let Some((open, stat)) = &file_now {
            file.seen = Look::of(stat);
            let has_head = match stat.len < u64::from(head.len) {
                // Of a file that is shorter than its print all that was read is remembered while it is open.
                true => file.read == file.before.len() as u64 && begins(&**open, &file.before, stat.len),
                false => head.len > 0 && head.is_in(&**open).unwrap_or(false),
            };
            if keeps_head && has_head && stat.len < file.read {
                place = stat.len;
                text = Some(file.text);
            }
        }
        let before = match (&file_now, place) {
            (Some((open, _)), 1..) => bytes_before(&**open, place),
            _ => Ok(Vec::new()),
        };
        let Ok(before) = before else { return self.begin_again(number, false, sink) };
        file.lane = sink.open(&path, text);
        file.read = place;
        file.text = text.unwrap_or(Text::Unknown);
        if place < u64::from(file.head.len) {
            file.head = Print::of_head(&before);
        }
        file.check = Print::ending_at(place, &before);
        file.before = before;
        file.known_len = place;
        file.zeros_to = 0;
        file.ended_at = None;
        file.opened = match opened {
            Some((opened, _)) => Some(opened),
            // Deleted, or under another name: the descriptor leads to it still.
            None => file.opened.take(),
        };
    }
}

/// Whether the first `len` bytes of the file are those of `bytes`.
fn begins(file: &dyn File, bytes: &[u8], len: u64) -> bool {
    let Some(bytes) = usize::try_from(len).ok().and_then(|len| bytes.get(..len)) else { return false };
    let mut head = vec![0; bytes.len()];
    len > 0 && read_full(file, &mut head, 0).is_ok_and(|n| head[..n] == *bytes)
}
