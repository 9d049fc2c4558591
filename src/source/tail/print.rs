//! What a file is recognised by besides its number: digests of a few hundred bytes at its head and before the place up
//! to which it was read. No text of a log is kept, so that none gets into the state directory.

use std::io;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::world::File;

/// Bytes of a print, where the file has so many.
pub const PRINT_BYTES: usize = 256;

/// The digest of the bytes from `at - len` to `at`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Print {
    pub at: u64,
    pub len: u16,
    pub digest: u64,
}

impl Print {
    /// Of the last [`PRINT_BYTES`] of `bytes`, which end at `at`.
    pub fn ending_at(at: u64, bytes: &[u8]) -> Print {
        let bytes = &bytes[bytes.len().saturating_sub(PRINT_BYTES)..];
        Print { at, len: u16::try_from(bytes.len()).expect("a print is short"), digest: digest(bytes) }
    }

    pub fn from(&self) -> u64 {
        self.at - u64::from(self.len)
    }

    /// Whether these bytes, from [`Print::from`] on, are those. No bytes are in every file.
    pub fn is_of(&self, bytes: &[u8]) -> bool {
        let len = usize::from(self.len);
        len == 0 || (bytes.len() >= len && digest(&bytes[..len]) == self.digest)
    }

    /// Whether the file has them in their place.
    pub fn is_in(&self, file: &dyn File) -> io::Result<bool> {
        let mut bytes = [0; PRINT_BYTES];
        let wanted = &mut bytes[..usize::from(self.len).min(PRINT_BYTES)];
        let n = read_full(file, wanted, self.from())?;
        Ok(self.is_of(&bytes[..n]))
    }
}

/// Shorter heads than the whole one, so that a file that holds less can be compared. Bytes.
const RUNGS: [usize; 5] = [8, 16, 32, 64, 128];

/// The digest of a file's first bytes, at most [`PRINT_BYTES`], as far as they were read; and those of its beginnings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Head {
    pub len: u16,
    digest: u64,
    rungs: [u64; RUNGS.len()],
}

impl Head {
    pub fn of(bytes: &[u8]) -> Head {
        let bytes = &bytes[..bytes.len().min(PRINT_BYTES)];
        let rungs = RUNGS.map(|rung| bytes.get(..rung).map_or(0, digest));
        Head { len: u16::try_from(bytes.len()).expect("a head is short"), digest: digest(bytes), rungs }
    }

    /// Its beginnings of fixed lengths, the shortest first: which one, and its digest.
    pub fn rungs(&self) -> impl Iterator<Item = (usize, u64)> {
        let len = self.len.into();
        self.rungs.into_iter().enumerate().filter(move |(place, _)| RUNGS[*place] <= len)
    }

    /// In the order of heads, no head of so many bytes or more stands before it.
    pub fn shortest_from(len: u16) -> Head {
        Head { len, ..Head::default() }
    }

    /// Whether the shorter one of two heads is a beginning of the other, as far as it can be told.
    pub fn agrees(&self, other: &Head) -> Option<bool> {
        if self.len == other.len {
            return Some(self.digest == other.digest);
        }
        let rung = RUNGS.iter().rposition(|rung| *rung <= self.len.min(other.len).into())?;
        Some(self.rungs[rung] == other.rungs[rung])
    }

    pub fn is_full(&self) -> bool {
        usize::from(self.len) == PRINT_BYTES
    }

    /// Whether a file that begins with these bytes begins with all of the head.
    pub fn is_of(&self, bytes: &[u8]) -> bool {
        bytes.get(..self.len.into()).is_some_and(|bytes| digest(bytes) == self.digest)
    }

    /// Whether a file that holds less begins alike; `None` where it is too little to say.
    pub fn agrees_with(&self, bytes: &[u8]) -> Option<bool> {
        if bytes.len() >= self.len.into() {
            return Some(self.is_of(bytes));
        }
        let rung = RUNGS.iter().rposition(|rung| *rung <= bytes.len())?;
        Some(digest(&bytes[..RUNGS[rung]]) == self.rungs[rung])
    }

    /// Whether the file begins with it.
    pub fn is_in(&self, file: &dyn File) -> io::Result<bool> {
        let mut bytes = [0; PRINT_BYTES];
        let n = read_full(file, &mut bytes[..self.len.into()], 0)?;
        Ok(self.is_of(&bytes[..n]))
    }
}

/// 0 of nothing, so that a print without bytes is in every file.
fn digest(bytes: &[u8]) -> u64 {
    if bytes.is_empty() {
        return 0;
    }
    let whole = Sha256::digest(bytes);
    u64::from_le_bytes(whole[..8].try_into().expect("eight bytes are eight"))
}

/// Reads until the block is full or the file ends.
pub fn read_full(file: &dyn File, block: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < block.len() {
        match file.read_at(&mut block[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_print_is_of_its_own_bytes_and_one_of_none_is_of_any() {
        let print = Print::ending_at(4, b"one\n");
        assert!(print.is_of(b"one\ntwo\n") && !print.is_of(b"One\n") && !print.is_of(b"one"));
        assert!(Print::default().is_of(b"") && Print::default().is_of(b"any"));
        let head = Head::of(&[b'x'; 40]);
        assert_eq!(head.agrees_with(&[b'x'; 39]), Some(true));
        assert_eq!(head.agrees_with(&[b'y'; 39]), Some(false));
        assert_eq!(head.agrees_with(b"xxx"), None);
    }
}
