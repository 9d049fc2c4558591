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

    /// Of the first [`PRINT_BYTES`] of `bytes`, which begin at 0.
    pub fn of_head(bytes: &[u8]) -> Print {
        let bytes = &bytes[..bytes.len().min(PRINT_BYTES)];
        Print::ending_at(bytes.len() as u64, bytes)
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

fn digest(bytes: &[u8]) -> u64 {
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
        let print = Print::of_head(b"one\n");
        assert!(print.is_of(b"one\ntwo\n") && !print.is_of(b"One\n") && !print.is_of(b"one"));
        assert!(Print::default().is_of(b"") && Print::default().is_of(b"any"));
    }
}
