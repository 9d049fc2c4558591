//! One file that is followed, or was and may still be met again.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::position::{Position, Stage};
use super::print::{Head, PRINT_BYTES, Print};
use super::reader::Opened;
use crate::source::encoding::Text;
use crate::source::packing::Packing;
use crate::world::{FileId, Stat};

/// How far a compressed file is that was there before we were: it is not read.
pub const UNREAD: u64 = u64::MAX;

/// What is known of a file's place in the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// One of its paths is among those of the source.
    Here,
    /// It is no more; some name or a descriptor may still lead to it. Since when.
    Gone(Duration),
    /// Read to its end, rotated away, and still there.
    Done,
    /// Another file that is followed holds the same bytes and is read.
    Copy(u64),
    /// Nothing leads to it; remembered, should its content turn up again. Since when.
    Ghost(Duration),
}

/// Length and time of change at a look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Look {
    pub len: u64,
    pub modified: i64,
}

impl Look {
    pub fn of(stat: &Stat) -> Look {
        Look { len: stat.len, modified: stat.modified }
    }
}

#[derive(Debug)]
pub struct Followed<L> {
    pub number: u64,
    pub path: PathBuf,
    /// The path under which its family is known.
    pub base: PathBuf,
    pub id: FileId,
    pub packing: Packing,
    pub text: Text,
    pub lane: L,
    /// Given to the lane so far. Bytes of the file; of a compressed one, of what it unpacks to.
    pub read: u64,
    pub head: Head,
    /// Ends at or before the position.
    pub check: Print,
    /// The last bytes before `read`; empty while the file is closed.
    pub before: Vec<u8>,
    pub life: Life,
    pub opened: Option<Opened>,
    pub seen: Look,
    /// The first look of this life was taken.
    pub last_look_at: Option<Look>,
    /// So long it certainly was since its beginning; what is missing of that when it is cut off is lost.
    pub known_len: u64,
    /// How far unpacking is; behind `read` while known bytes are passed over.
    pub unpacked: u64,
    /// The bytes before `read` when it was closed.
    pub closed_at: Option<Print>,
    /// Unpacking failed then for the first time.
    pub broken_since: Option<(Look, Duration)>,
    /// As it was when it was read to its end.
    pub ended_at: Option<Look>,
    /// Zeros were looked at up to here, behind `read`.
    pub zeros_to: u64,
    pub last_bytes: Duration,
    /// Given another name by a rotation: a line without its end is judged after a while.
    pub renamed_at: Option<Duration>,
    /// It was cut off and has no file any more.
    pub is_cut: bool,
    /// Reading failed; not again before.
    pub retry_at: Option<Duration>,
    pub is_ready: bool,
    /// It changed since its head was looked at last.
    pub is_head_due: bool,
    /// What unpacking found wrong was said.
    pub is_damaged: bool,
    /// The scan that compared it with what was read of it.
    pub verified: u64,
    /// The scan that saw it.
    pub scan: u64,
}

impl<L> Followed<L> {
    pub fn resumed(position: Position, lane: L) -> Followed<L> {
        let Position { number, path, base, id, packing, text, offset, head, check, len, modified, stage } =
            position;
        let life = match stage {
            Stage::Open | Stage::Renamed => Life::Here,
            Stage::Done => Life::Done,
            Stage::Copy(of) => Life::Copy(of),
            Stage::Cut => Life::Gone(Duration::ZERO),
        };
        let seen = Look { len, modified };
        Followed {
            number,
            path,
            base,
            id,
            packing,
            text,
            lane,
            read: offset,
            head,
            check,
            before: Vec::new(),
            life,
            opened: None,
            seen,
            last_look_at: None,
            known_len: len,
            unpacked: 0,
            closed_at: None,
            broken_since: None,
            ended_at: (stage == Stage::Done).then_some(seen),
            zeros_to: 0,
            last_bytes: Duration::ZERO,
            renamed_at: (stage == Stage::Renamed).then_some(Duration::ZERO),
            retry_at: None,
            is_ready: false,
            is_head_due: false,
            is_damaged: false,
            is_cut: stage == Stage::Cut,
            verified: 0,
            scan: 0,
        }
    }

    /// Nothing of it was read.
    pub fn new(number: u64, path: &Path, base: &Path, stat: &Stat, packing: Packing, lane: L) -> Followed<L> {
        let position = Position {
            number,
            path: path.to_owned(),
            base: base.to_owned(),
            id: stat.id,
            packing,
            text: Text::Unknown,
            offset: 0,
            head: Head::default(),
            check: Print::default(),
            len: 0,
            modified: stat.modified,
            stage: Stage::Open,
        };
        let seen = Look::of(stat);
        Followed { seen, last_look_at: Some(seen), ..Followed::resumed(position, lane) }
    }

    /// As it is kept, when the lane holds so many bytes.
    pub fn position(&self, pending: u64) -> Position {
        Position {
            number: self.number,
            path: self.path.clone(),
            base: self.base.clone(),
            id: self.id,
            packing: self.packing,
            text: self.text,
            offset: self.read.saturating_sub(pending),
            head: self.head,
            check: self.check,
            len: self.known_len.max(self.seen.len),
            modified: self.seen.modified,
            stage: match self.life {
                // Once is enough for a compressed file.
                Life::Here if self.is_packed() && pending == 0 && self.ended_at == Some(self.seen) => {
                    Stage::Done
                }
                Life::Gone(_) if self.is_cut => Stage::Cut,
                Life::Here if self.renamed_at.is_some() => Stage::Renamed,
                Life::Here | Life::Gone(_) => Stage::Open,
                Life::Done | Life::Ghost(_) => Stage::Done,
                Life::Copy(of) => Stage::Copy(of),
            },
        }
    }

    pub fn is_packed(&self) -> bool {
        self.packing != Packing::Plain
    }

    /// Whether its bytes may still be read.
    pub fn is_live(&self) -> bool {
        matches!(self.life, Life::Here | Life::Gone(_))
    }

    /// The latest check that is known: as far as it was read where it is open.
    pub fn latest_check(&self) -> Print {
        match (self.closed_at, self.before.is_empty() || self.is_packed()) {
            (Some(check), _) => check,
            (None, true) => self.check,
            (None, false) => Print::ending_at(self.read, &self.before),
        }
    }

    /// Bytes that are there and not read.
    pub fn behind(&self) -> u64 {
        match self.is_live() {
            false => 0,
            true if self.is_packed() => {
                if self.ended_at.is_some() {
                    0
                } else {
                    self.seen.len
                }
            }
            true => self.seen.len.saturating_sub(self.read.max(self.zeros_to)),
        }
    }

    /// `given` comes behind what was read.
    pub fn advance(&mut self, given: &[u8]) {
        self.grow_head(given);
        self.remember(given);
        self.read += given.len() as u64;
    }

    /// Passes over bytes of a compressed file that are known already; false where they are others.
    pub fn pass_over(&mut self, known: &[u8]) -> bool {
        let (from, to) = (self.unpacked, self.unpacked + known.len() as u64);
        let upto = |place: u64| {
            let new = &known[..(place - from) as usize];
            [&self.before[..], &new[new.len().saturating_sub(PRINT_BYTES)..]].concat()
        };
        let is_reached = |place: u64| from < place && place <= to;
        let is_same = |print: Print, bytes: Vec<u8>| {
            print.is_of(&bytes[bytes.len().saturating_sub(print.len.into())..])
        };
        let head = u64::from(self.head.len);
        if (is_reached(head) && !self.head.is_of(&upto(head)))
            || (is_reached(self.check.at) && !is_same(self.check, upto(self.check.at)))
        {
            return false;
        }
        self.remember(known);
        self.unpacked = to;
        true
    }

    /// So many zeros come behind what was read.
    pub fn advance_zeros(&mut self, zeros: u64) {
        let some = vec![0; PRINT_BYTES.min(usize::try_from(zeros).unwrap_or(PRINT_BYTES))];
        self.grow_head(&some);
        self.remember(&some);
        self.read += zeros;
    }

    /// The head as far as it was read; `new` comes next.
    fn grow_head(&mut self, new: &[u8]) {
        if self.head.is_full() || self.read != self.before.len() as u64 || new.is_empty() {
            return;
        }
        let head = [&self.before[..], &new[..new.len().min(PRINT_BYTES)]].concat();
        self.head = Head::of(&head);
    }

    /// Remembers the last bytes that were given.
    pub fn remember(&mut self, given: &[u8]) {
        let keep = PRINT_BYTES.saturating_sub(given.len()).min(self.before.len());
        self.before.drain(..self.before.len() - keep);
        self.before.extend_from_slice(&given[given.len().saturating_sub(PRINT_BYTES)..]);
    }

    /// Moves the check up to the position, as far as the remembered bytes reach.
    pub fn move_check(&mut self, pending: u64) {
        let is_at_place = !self.is_packed() || self.unpacked == self.read;
        let held = if is_at_place { self.before.len() as u64 } else { 0 };
        // Half a print behind the position is worth more than a whole one far before it.
        if pending < held && self.read >= held {
            let until = (held - pending) as usize;
            let check = Print::ending_at(self.read - pending, &self.before[..until]);
            if check.len >= self.check.len.min(PRINT_BYTES as u16 / 2) {
                self.check = check;
            }
        }
    }
}
