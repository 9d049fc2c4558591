//! What the ledger keeps of a followed file, so that the next life goes on where this one's counts end.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::print::{Head, PRINT_BYTES, Print};
use crate::event::{Mark, Millis};
use crate::source::encoding::Text;
use crate::source::packing::Packing;
use crate::world::FileId;

/// One file of one source. Offsets are bytes as they were written; of a compressed file, bytes of what it unpacks to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// Tells the files of a source apart; never used again.
    pub number: u64,
    /// Where it was seen last.
    pub path: PathBuf,
    /// The path that it had when it was followed first: its family's.
    pub base: PathBuf,
    pub id: FileId,
    pub packing: Packing,
    pub text: Text,
    /// Everything before it is counted, nothing behind it is.
    pub offset: u64,
    pub head: Head,
    /// Ends at or before `offset`.
    pub check: Print,
    /// As it was looked at last.
    pub len: u64,
    /// Nanoseconds since 1970.
    pub modified: i64,
    pub stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// There may be more to read.
    Open,
    /// Read to its end and rotated away.
    Done,
    /// A copy of the file with this number, which is still being written and is read itself.
    Copy(u64),
    /// The file was cut off; a copy of what it was may turn up.
    Cut,
    /// A rotation took its path: nobody finishes its last line but for a short while.
    Renamed,
}

/// As it is written.
#[derive(Serialize, Deserialize)]
struct Saved {
    path: Vec<u8>,
    base: Vec<u8>,
    device: u64,
    inode: u64,
    born: Option<i64>,
    packing: u8,
    text: u8,
    offset: u64,
    head: Head,
    check: Print,
    len: u64,
    modified: i64,
    stage: Stage,
}

/// The first byte of a position. What another version has written is not guessed at.
const VERSION: u8 = 1;

const PACKINGS: [Packing; 3] = [Packing::Plain, Packing::Gzip, Packing::Zstd];
const TEXTS: [Text; 5] = [Text::Unknown, Text::Utf8, Text::Utf16Le, Text::Utf16Be, Text::Binary];

/// The beginning of the keys of a source's marks.
pub fn prefix(source: &str) -> String {
    format!("tail/{source}/")
}

/// Says that the source was started, and when.
pub fn started(source: &str, since: Millis) -> Mark {
    Mark { key: started_key(source).into(), value: Some(since.0.to_le_bytes().into()) }
}

/// When a mark with the [`started_key`] says that it was.
pub fn since(value: &[u8]) -> Option<Millis> {
    Some(Millis(i64::from_le_bytes(value.try_into().ok()?)))
}

pub fn started_key(source: &str) -> String {
    format!("{}started", prefix(source))
}

/// Takes the position of a file away.
pub fn forgotten(source: &str, number: u64) -> Mark {
    Mark { key: key(source, number), value: None }
}

fn key(source: &str, number: u64) -> Box<str> {
    format!("{}{number}", prefix(source)).into()
}

impl Position {
    pub fn mark(&self, source: &str) -> Mark {
        let place =
            |all: &[_], one| all.iter().position(|other| *other == one).expect("all are listed") as u8;
        let saved = Saved {
            path: self.path.as_os_str().as_bytes().to_vec(),
            base: self.base.as_os_str().as_bytes().to_vec(),
            device: self.id.device,
            inode: self.id.inode,
            born: self.id.born,
            packing: place(&PACKINGS, self.packing),
            text: TEXTS.iter().position(|text| *text == self.text).expect("all are listed") as u8,
            offset: self.offset,
            head: self.head,
            check: self.check,
            len: self.len,
            modified: self.modified,
            stage: self.stage,
        };
        let value = postcard::to_extend(&saved, vec![VERSION]).expect("numbers and bytes can be written");
        Mark { key: key(source, self.number), value: Some(value.into()) }
    }

    /// `None` of a mark that is no position of this source, or that no version of ours has written.
    pub fn read(source: &str, key: &str, value: &[u8]) -> Option<Position> {
        let number = key.strip_prefix(&prefix(source))?.parse().ok()?;
        let (&VERSION, saved) = value.split_first()? else { return None };
        let saved: Saved = postcard::from_bytes(saved).ok()?;
        let is_print = |len: u16| usize::from(len) <= PRINT_BYTES;
        if saved.check.at > saved.offset
            || u64::from(saved.check.len) > saved.check.at
            || !is_print(saved.check.len)
            || !is_print(saved.head.len)
        {
            return None;
        }
        Some(Position {
            number,
            path: path(saved.path),
            base: path(saved.base),
            id: FileId { device: saved.device, inode: saved.inode, born: saved.born },
            packing: *PACKINGS.get(usize::from(saved.packing))?,
            text: *TEXTS.get(usize::from(saved.text))?,
            offset: saved.offset,
            head: saved.head,
            check: saved.check,
            len: saved.len,
            modified: saved.modified,
            stage: saved.stage,
        })
    }
}

fn path(bytes: Vec<u8>) -> PathBuf {
    Path::new(&OsString::from_vec(bytes)).to_path_buf()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position() -> Position {
        Position {
            number: 7,
            path: path(b"/var/log/a\xFF.log.1".to_vec()),
            base: path(b"/var/log/a\xFF.log".to_vec()),
            id: FileId { device: 1, inode: 2, born: Some(-3) },
            packing: Packing::Zstd,
            text: Text::Utf16Be,
            offset: 1 << 40,
            head: Head::of(b"head"),
            check: Print::ending_at(1 << 39, b"check"),
            len: 5,
            modified: 6,
            stage: Stage::Copy(3),
        }
    }

    #[test]
    fn what_is_written_reads_back_for_its_own_source_only() {
        let mark = position().mark("a/b");
        let value = mark.value.unwrap();
        assert_eq!(Position::read("a/b", &mark.key, &value), Some(position()));
        assert_eq!(Position::read("a", &mark.key, &value), None);
        assert_eq!(Position::read("a/b", &started_key("a/b"), &[]), None);
    }

    /// What is in the state directories of this version has to stay readable.
    #[test]
    fn a_position_of_version_1_reads_as_it_was_written() {
        let written = "01112f7661722f6c6f672f61ff2e6c6f672e310f2f7661722f6c6f672f61ff2e6c6f67010201050203808080808020\
                       049fddb49bb3b49cbfe801000000000080808080801005a0ecf3c2f2ec86a09301050c0203";
        let value: Vec<u8> = (0..written.len())
            .step_by(2)
            .map(|place| u8::from_str_radix(&written[place..place + 2], 16).unwrap())
            .collect();
        assert_eq!(Position::read("s", "tail/s/7", &value), Some(position()));
        let newer: Vec<u8> = [&[2], &value[1..]].concat();
        assert_eq!(Position::read("s", "tail/s/7", &newer), None);
    }

    #[test]
    fn what_was_cut_or_says_nonsense_is_no_position() {
        let mark = position().mark("s");
        let value = mark.value.unwrap();
        for len in 0..value.len() {
            assert_eq!(Position::read("s", &mark.key, &value[..len]), None, "{len} bytes");
        }
        let beyond = Position { offset: 0, ..position() }.mark("s");
        assert_eq!(Position::read("s", &beyond.key, &beyond.value.unwrap()), None);
        let mut position = position();
        position.head.len = PRINT_BYTES as u16 + 1;
        let too_long = position.mark("s");
        assert_eq!(Position::read("s", &too_long.key, &too_long.value.unwrap()), None);
    }
}
