//! A finished input, read once to its end: a file or standard input, unpacked and decoded on the way.
//!
//! Plain regular files keep their size, so that `scan` may cut them into blocks; everything else is a stream.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::packing::{Counted, Packing, Unpacked};
use super::stdin::Stdin;

/// Opens a file for reading. A directory is refused here, where reading it would only say so later.
pub fn open(path: &Path) -> io::Result<File> {
    if std::fs::metadata(path)?.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "is a directory; name the files in it"));
    }
    File::open(path)
}

/// Where an input comes from.
#[derive(Debug)]
pub enum Origin {
    File(File),
    Stdin(Stdin),
}

impl Read for Origin {
    fn read(&mut self, block: &mut [u8]) -> io::Result<usize> {
        match self {
            Origin::File(file) => file.read(block),
            Origin::Stdin(stdin) => stdin.read(block),
        }
    }
}

/// The first bytes that were looked at, then the rest.
type Whole = io::Chain<io::Cursor<Vec<u8>>, Origin>;

/// An opened input, its packing known.
pub struct Input {
    reader: Reader,
    packing: Packing,
}

enum Reader {
    Plain(Counted<Whole>),
    Unpacked(Unpacked<Whole>),
}

impl Input {
    /// `passed` counts the bytes as they stand in the file, packed ones packed.
    pub fn new(mut origin: Origin, passed: Arc<AtomicU64>, expansion_ratio_max: u64) -> io::Result<Input> {
        let mut head = Vec::with_capacity(4);
        origin.by_ref().take(4).read_to_end(&mut head)?;
        let packing = Packing::recognise(&head);
        let whole = io::Cursor::new(head).chain(origin);
        let reader = match packing {
            Packing::Plain => Reader::Plain(Counted::new(whole, passed)),
            Packing::Gzip => Reader::Unpacked(Unpacked::gzip(whole, passed, expansion_ratio_max)),
            Packing::Zstd => Reader::Unpacked(Unpacked::zstd(whole, passed, expansion_ratio_max)?),
        };
        Ok(Input { reader, packing })
    }

    pub fn packing(&self) -> Packing {
        self.packing
    }

    /// After the end: how many compressed bytes were left because too much came out of those before them.
    pub fn left_behind(&mut self) -> io::Result<Option<u64>> {
        match &mut self.reader {
            Reader::Unpacked(unpacked) if unpacked.is_capped() => unpacked.drain().map(Some),
            _ => Ok(None),
        }
    }
}

impl Read for Input {
    fn read(&mut self, block: &mut [u8]) -> io::Result<usize> {
        loop {
            let outcome = match &mut self.reader {
                Reader::Plain(plain) => plain.read(block),
                Reader::Unpacked(unpacked) => unpacked.read(block),
            };
            match outcome {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }
}
