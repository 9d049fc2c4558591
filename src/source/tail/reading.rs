//! What is new in the files goes to their lanes: one block of each in turn, so that a firehose does not keep the others
//! waiting.

use std::io;
use std::time::Duration;

use super::followed::Look;
use super::newcomer::bytes_before;
use super::print::Print;
use super::reader::{Found, Opened, read_on};
use super::turn::Cut;
use super::{Sink, Tail};
use crate::event::SkipReason;
use crate::source::encoding::Text;
use crate::world::{Clock, Moment};

/// One read of one file, the bytes of the check included.
pub const BLOCK_BYTES: usize = 256 * 1024;

/// A file whose reading failed is left alone for so long.
pub(super) const RETRY_AFTER: Duration = Duration::from_secs(1);
/// What one block of a file came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
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
    pub(super) fn open(&mut self, number: u64, now: Moment, sink: &mut S) -> io::Result<bool> {
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
}
