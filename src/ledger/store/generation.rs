//! One file of a journal: begun as a whole under a temporary name, then appended to, once a tick; and read again.
//!
//! A file has its name only when its snapshot is durable, so that one without a snapshot is a damaged one. After an
//! error nobody knows what of the last write is on the disk: [`Generation`] is not used again, a new one is begun.

use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::super::saved::{Changes, Record, Snapshot};
use super::frame::{self, Chain, Damage, Header, Next, Walk};
use crate::ledger::Ledger;
use crate::world::{File, Files, Kind, Links};

const PREFIX: &str = "ledger-";
const SUFFIX: &str = ".journal";
const DIGITS: usize = 20;
/// No number of ours is as large; a file that says so is somebody else's.
const GENERATION_MAX: u64 = 1 << 62;
const TEMPORARY: &str = "ledger.new";

pub fn path_of(directory: &Path, generation: u64) -> PathBuf {
    directory.join(format!("{PREFIX}{generation:0DIGITS$}{SUFFIX}"))
}

pub fn temporary(directory: &Path) -> PathBuf {
    directory.join(TEMPORARY)
}

/// The generation whose name it is.
pub fn generation_of(name: &OsStr) -> Option<u64> {
    let digits = name.to_str()?.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
    let is_ours = digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|generation| is_ours && *generation <= GENERATION_MAX)
}

/// Generations of a directory, newest first.
pub fn list(files: &dyn Files, directory: &Path) -> io::Result<Vec<u64>> {
    let entries = files.list(directory)?;
    let mut found: Vec<u64> = entries.iter().filter_map(|entry| generation_of(&entry.name)).collect();
    found.sort_unstable_by(|a, b| b.cmp(a));
    Ok(found)
}

/// The file that is appended to.
#[derive(Debug)]
pub struct Generation {
    file: Box<dyn File>,
    chain: Chain,
    pub bytes: u64,
    pub snapshot_bytes: u64,
}

impl Generation {
    /// A file that holds a snapshot and, if given, what came after it. Durable when this returns.
    pub fn begin(
        files: &dyn Files,
        directory: &Path,
        header: Header,
        snapshot: Snapshot,
        changes: Option<Changes>,
    ) -> io::Result<Generation> {
        let mut bytes = Vec::new();
        let mut chain = header.write(&mut bytes);
        frame::write_record(&mut bytes, &mut chain, &encode(&Record::Snapshot(Box::new(snapshot)))?)?;
        let snapshot_bytes = bytes.len() as u64;
        if let Some(changes) = changes {
            frame::write_record(&mut bytes, &mut chain, &encode(&Record::Changes(Box::new(changes)))?)?;
        }
        let file = publish(files, directory, header.generation, &bytes).inspect_err(|_| {
            // On a disk that is full it would keep the room that others wait for. Where it cannot go, the next one says so.
            let _ = files.remove(&temporary(directory));
        })?;
        Ok(Generation { file, chain, bytes: bytes.len() as u64, snapshot_bytes })
    }

    /// Durable when this returns; after an error it must not be used again.
    pub fn append(&mut self, changes: Changes) -> io::Result<()> {
        let mut bytes = Vec::new();
        frame::write_record(&mut bytes, &mut self.chain, &encode(&Record::Changes(Box::new(changes)))?)?;
        append_all(&mut *self.file, &bytes)?;
        self.file.sync()?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }
}

/// Written whole under a temporary name, durable, and then there under its own.
fn publish(files: &dyn Files, directory: &Path, generation: u64, bytes: &[u8]) -> io::Result<Box<dyn File>> {
    let temporary = temporary(directory);
    // Left over from one that was killed; where it cannot go, the next call says so.
    let _ = files.remove(&temporary);
    let mut file = files.create(&temporary)?;
    append_all(&mut *file, bytes)?;
    file.sync()?;
    files.rename(&temporary, &path_of(directory, generation))?;
    files.sync_directory(directory)?;
    Ok(file)
}

fn encode(record: &Record) -> io::Result<Vec<u8>> {
    postcard::to_stdvec(record).map_err(io::Error::other)
}

fn decode(payload: &[u8]) -> Option<Record> {
    match postcard::take_from_bytes(payload) {
        Ok((record, [])) => Some(record),
        _ => None,
    }
}

fn append_all(file: &mut dyn File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.append(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(n) => bytes = &bytes[n..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// What a file holds, up to the first record that does not check.
#[derive(Debug)]
pub struct Held {
    pub header: Header,
    pub ledger: Ledger,
    /// Bytes that are good, of so many.
    pub bytes: u64,
    pub file_bytes: u64,
    pub records: u64,
    pub end: End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Clean,
    /// The last record was never written to its end: nothing of it was ever shown.
    Torn,
    Damaged(Damage),
}

/// A file without a snapshot that can be used.
#[derive(Debug, Clone, Copy)]
pub struct Useless {
    pub damage: Damage,
    /// Where the header is good.
    pub header: Option<Header>,
}

pub fn read(files: &dyn Files, directory: &Path, generation: u64) -> io::Result<Result<Held, Useless>> {
    let path = path_of(directory, generation);
    let useless = |damage, header| Ok(Err(Useless { damage, header }));
    let file = files.open(&path, Links::Refuse)?;
    let stat = file.stat()?;
    if stat.kind != Kind::Regular {
        return useless(Damage::Broken("it is no regular file"), None);
    }
    let (header, mut walk) = match Walk::begin(&*file, stat.len)? {
        Ok(begun) => begun,
        Err(damage) => return useless(damage, None),
    };
    if header.generation != generation {
        return useless(Damage::Broken("its name is another one's"), None);
    }
    let snapshot = match walk.next()? {
        Next::Payload(payload) => decode(&payload),
        Next::End | Next::Torn => {
            return useless(Damage::Broken("it is cut off in its snapshot"), Some(header));
        }
        Next::Damaged(damage) => return useless(damage, Some(header)),
    };
    let Some(Record::Snapshot(snapshot)) = snapshot else {
        return useless(Damage::Broken("it does not begin with a snapshot"), Some(header));
    };
    let mut ledger = match snapshot.ledger() {
        Ok(ledger) => ledger,
        Err(contradicts) => return useless(Damage::Broken(contradicts.0), Some(header)),
    };
    let mut records = 0;
    let mut bytes = walk.at();
    let end = loop {
        match walk.next()? {
            Next::Payload(payload) => match decode(&payload) {
                Some(Record::Changes(changes)) => ledger.replay(*changes),
                _ => break End::Damaged(Damage::Broken("a record holds something else")),
            },
            Next::End => break End::Clean,
            Next::Torn => break End::Torn,
            Next::Damaged(damage) => break End::Damaged(damage),
        }
        records += 1;
        bytes = walk.at();
    };
    Ok(Ok(Held { header, ledger, bytes, file_bytes: stat.len, records, end }))
}
