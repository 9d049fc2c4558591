//! How records stand in a file: lengths and checksums, knowing nothing of what is inside.
//!
//! ```text
//! header   magic 8 · format 4 · zeros 4 · ledger id 16 · generation 8 · check 16
//! record   length 4 · check of the length 4 · payload · check 16
//! ```
//!
//! Numbers are little-endian, checks the first bytes of a SHA-256 over the check before them and what they stand for:
//! each record vouches for all before it, and none can move to another place or file. The length has a check of its own,
//! so that a changed one is not taken for a file that ends early, and sizes out of a damaged file allocate nothing.

use std::io::{self, ErrorKind};

use sha2::{Digest, Sha256};

use crate::world::File;

const MAGIC: [u8; 8] = *b"FAULTLDG";
/// Of the records and of what they hold.
pub const FORMAT: u32 = 1;
pub const HEADER_BYTES: usize = 56;
const HEAD_BYTES: usize = 8;
const CHECK_BYTES: usize = 16;
/// Around a payload.
pub const FRAME_BYTES: usize = HEAD_BYTES + CHECK_BYTES;
/// Nobody writes more; the largest snapshots that limits allow in earnest are a tenth of it.
const PAYLOAD_BYTES_MAX: usize = 1 << 30;
/// A rest of zeros up to here is looked at to the end.
const ZEROS_BYTES_MAX: u64 = 1 << 20;

type Check = [u8; CHECK_BYTES];

/// What the beginning of a file says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub id: [u8; 16],
    pub generation: u64,
}

/// The check of the last record: the next one goes on from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chain(Check);

/// Why a file, or the rest of it, cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// A newer program wrote it.
    Newer(u32),
    /// It is something else, or not what was written.
    Broken(&'static str),
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Damage::Newer(format) => {
                write!(f, "a newer version wrote it (format {format}; this one knows {FORMAT})")
            }
            Damage::Broken(what) => f.write_str(what),
        }
    }
}

/// What follows in a file.
#[derive(Debug)]
pub enum Next {
    Payload(Vec<u8>),
    /// Nothing.
    End,
    /// A record that was never written to its end.
    Torn,
    Damaged(Damage),
}

fn check(domain: u8, chain: &Check, bytes: &[&[u8]]) -> Check {
    let mut digest = Sha256::new();
    digest.update([domain]);
    digest.update(chain);
    bytes.iter().for_each(|bytes| digest.update(bytes));
    let digest = digest.finalize();
    std::array::from_fn(|place| digest[place])
}

fn length_check(chain: &Check, length: [u8; 4]) -> [u8; 4] {
    let check = check(b'l', chain, &[&length]);
    std::array::from_fn(|place| check[place])
}

impl Header {
    pub fn write(&self, to: &mut Vec<u8>) -> Chain {
        self.write_as(FORMAT, to)
    }

    pub(super) fn write_as(&self, format: u32, to: &mut Vec<u8>) -> Chain {
        let from = to.len();
        to.extend(MAGIC);
        to.extend(format.to_le_bytes());
        to.extend([0; 4]);
        to.extend(self.id);
        to.extend(self.generation.to_le_bytes());
        let check = check(b'h', &Check::default(), &[&to[from..]]);
        to.extend(check);
        Chain(check)
    }

    fn read(bytes: &[u8; HEADER_BYTES]) -> Result<(Header, Chain), Damage> {
        let (said, checked) = bytes.split_at(HEADER_BYTES - CHECK_BYTES);
        let check = check(b'h', &Check::default(), &[said]);
        if said[..8] != MAGIC {
            return Err(Damage::Broken("it does not begin as a journal does"));
        }
        if check != checked {
            return Err(Damage::Broken("its header was changed"));
        }
        let four = |at: usize| std::array::from_fn(|place| said[at + place]);
        let eight = |at: usize| std::array::from_fn(|place| said[at + place]);
        match u32::from_le_bytes(four(8)) {
            FORMAT => {}
            newer => return Err(Damage::Newer(newer)),
        }
        let id = std::array::from_fn(|place| said[16 + place]);
        Ok((Header { id, generation: u64::from_le_bytes(eight(32)) }, Chain(check)))
    }
}

/// Adds a record behind the one that `chain` is of. An error where the payload is larger than any may be.
pub fn write_record(to: &mut Vec<u8>, chain: &mut Chain, payload: &[u8]) -> io::Result<()> {
    let length = u32::try_from(payload.len()).ok().filter(|length| *length as usize <= PAYLOAD_BYTES_MAX);
    let length = length.ok_or_else(|| io::Error::new(ErrorKind::FileTooLarge, "a record is too large"))?;
    let length = length.to_le_bytes();
    to.extend(length);
    to.extend(length_check(&chain.0, length));
    to.extend(payload);
    chain.0 = check(b'r', &chain.0, &[&length, payload]);
    to.extend(chain.0);
    Ok(())
}

/// Goes through a file. An error is the disk's, never the content's.
#[derive(Debug)]
pub struct Walk<'f> {
    file: &'f dyn File,
    len: u64,
    at: u64,
    chain: Chain,
}

impl<'f> Walk<'f> {
    pub fn begin(file: &'f dyn File, len: u64) -> io::Result<Result<(Header, Walk<'f>), Damage>> {
        let mut bytes = [0; HEADER_BYTES];
        if len < HEADER_BYTES as u64 || !read_exact(file, &mut bytes, 0)? {
            return Ok(Err(Damage::Broken("it is cut off in its header")));
        }
        let begun = Header::read(&bytes);
        Ok(begun.map(|(header, chain)| (header, Walk { file, len, at: HEADER_BYTES as u64, chain })))
    }

    /// Up to where everything checked.
    pub fn at(&self) -> u64 {
        self.at
    }

    pub fn next(&mut self) -> io::Result<Next> {
        let left = self.len - self.at;
        if left == 0 {
            return Ok(Next::End);
        }
        let mut head = [0; HEAD_BYTES];
        if left < HEAD_BYTES as u64 || !read_exact(self.file, &mut head, self.at)? {
            return Ok(Next::Torn);
        }
        let [length, said] = [0, 4].map(|at| -> [u8; 4] { std::array::from_fn(|place| head[at + place]) });
        if said != length_check(&self.chain.0, length) {
            // Space that a file was given and nothing written to.
            return Ok(match self.is_zero_from_here()? {
                true => Next::Torn,
                false => Next::Damaged(Damage::Broken("the length of a record was changed")),
            });
        }
        let payload_bytes = u32::from_le_bytes(length) as usize;
        let whole = (payload_bytes + FRAME_BYTES) as u64;
        if left < whole {
            return Ok(Next::Torn);
        }
        let mut payload = vec![0; payload_bytes + CHECK_BYTES];
        if !read_exact(self.file, &mut payload, self.at + HEAD_BYTES as u64)? {
            return Ok(Next::Torn);
        }
        let checked = payload.split_off(payload_bytes);
        let check = check(b'r', &self.chain.0, &[&length, &payload]);
        if check[..] != checked {
            return Ok(Next::Damaged(Damage::Broken("a record was changed")));
        }
        self.at += whole;
        self.chain = Chain(check);
        Ok(Next::Payload(payload))
    }

    fn is_zero_from_here(&self) -> io::Result<bool> {
        let left = self.len - self.at;
        if left > ZEROS_BYTES_MAX {
            return Ok(false);
        }
        let mut bytes = vec![1; left as usize];
        Ok(read_exact(self.file, &mut bytes, self.at)? && bytes.iter().all(|byte| *byte == 0))
    }
}

/// Whether there was as much.
fn read_exact(file: &dyn File, mut block: &mut [u8], mut at: u64) -> io::Result<bool> {
    while !block.is_empty() {
        match file.read_at(block, at) {
            Ok(0) => return Ok(false),
            Ok(n) => {
                block = &mut block[n..];
                at += n as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}
