//! An open file that is followed: plain, read in place and checked with every read for being the one it was, or
//! compressed, unpacked as a stream.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use super::print::{PRINT_BYTES, read_full};
use crate::source::packing::{Packing, Unpacked};
use crate::world::{File, Files, Links, Stat};

/// What one read of a plain file found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// So many new bytes, which stand in the block behind those of the check.
    Bytes(usize),
    End,
    /// The file is shorter than what was read of it.
    CutOff,
    /// The bytes before the place are not those that were there.
    Replaced,
}

/// Reads on at `offset`, behind the bytes `before`, which are read again with the same call: where they differ, this
/// is not the file that it was.
pub fn read_on(file: &dyn File, block: &mut [u8], offset: u64, before: &[u8]) -> io::Result<Found> {
    let from = offset - before.len() as u64;
    let mut n = 0;
    // A read may be short without a reason; behind the check one byte is enough.
    while n <= before.len() {
        match file.read_at(&mut block[n..], from + n as u64) {
            Ok(0) => break,
            Ok(more) => n += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(match n.checked_sub(before.len()) {
        None => Found::CutOff,
        Some(_) if block[..before.len()] != *before => Found::Replaced,
        Some(0) => Found::End,
        Some(new) => Found::Bytes(new),
    })
}

/// Reads a file from a place of its own.
pub struct At {
    file: Arc<dyn File>,
    offset: u64,
}

impl Read for At {
    fn read(&mut self, block: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read_at(block, self.offset)?;
        self.offset += n as u64;
        Ok(n)
    }
}

pub struct Opened {
    pub file: Arc<dyn File>,
    /// Of a compressed file.
    pub unpacked: Option<Unpacked<At>>,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened").field("file", &self.file).finish_non_exhaustive()
    }
}

impl Opened {
    /// Opens what a path leads to. `Ok(None)` where it is no regular file.
    pub fn open(files: &dyn Files, path: &Path) -> io::Result<Option<(Opened, Stat)>> {
        let file: Arc<dyn File> = files.open(path, Links::Follow)?.into();
        let stat = file.stat()?;
        let is_regular = stat.kind == crate::world::Kind::Regular;
        Ok(is_regular.then_some((Opened { file, unpacked: None }, stat)))
    }

    /// The first bytes as they stand in the file.
    pub fn raw_head(&self) -> io::Result<Vec<u8>> {
        let mut head = vec![0; 4 * PRINT_BYTES];
        let n = read_full(&*self.file, &mut head, 0)?;
        head.truncate(n);
        Ok(head)
    }

    /// The first bytes of what it unpacks to, as far as they can be had. Errors are the system's, not the stream's.
    pub fn unpacked_head(&self, packing: Packing, ratio_max: u64) -> io::Result<Vec<u8>> {
        let mut opened = Opened { file: self.file.clone(), unpacked: None };
        let mut head = vec![0; PRINT_BYTES];
        let mut filled = 0;
        if opened.unpack(packing, ratio_max).is_ok() {
            while filled < head.len() {
                match opened.read_unpacked(&mut head[filled..]) {
                    Ok(n) if n > 0 => filled += n,
                    Err(error) if error.raw_os_error().is_some() => return Err(error),
                    _ => break,
                }
            }
        }
        head.truncate(filled);
        Ok(head)
    }

    /// Begins to unpack from the start.
    pub fn unpack(&mut self, packing: Packing, ratio_max: u64) -> io::Result<()> {
        let at = At { file: self.file.clone(), offset: 0 };
        let packed = Arc::default();
        self.unpacked = match packing {
            Packing::Plain => None,
            Packing::Gzip => Some(Unpacked::gzip(at, packed, ratio_max)),
            Packing::Zstd => Some(Unpacked::zstd(at, packed, ratio_max)?),
        };
        Ok(())
    }

    /// The next unpacked bytes; 0 at the end.
    pub fn read_unpacked(&mut self, block: &mut [u8]) -> io::Result<usize> {
        let Some(unpacked) = &mut self.unpacked else { return Ok(0) };
        loop {
            match unpacked.read(block) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }
}
