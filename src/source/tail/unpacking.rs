//! Compressed files are unpacked as a stream, once; what was read before, in them or in the plain file that they are of, is
//! passed over.

use std::io;
use std::time::Duration;

use super::reading::{RETRY_AFTER, Turn};
use super::{Sink, Tail};
use crate::event::{LossReason, SkipReason};
use crate::source::encoding::Text;
use crate::source::packing::Packing;
use crate::world::Moment;

/// A compressed file that ends in the middle may still be written; it is damaged when it was the same for so long.
const DAMAGED_AFTER: Duration = Duration::from_secs(10);

impl<S: Sink> Tail<S> {
    pub(super) fn read_packed(&mut self, number: u64, block: &mut [u8], now: Moment, sink: &mut S) -> Turn {
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
}
