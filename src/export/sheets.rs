//! A body in pieces of some tens of kilobytes: written piece by piece, so that a large one is never copied to grow, and
//! sent piece by piece, so that what a client has fetched is known to that grain. Also its gzip form.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::body::Bytes;

/// A piece is finished by the first write that takes it here. Small enough that a slow client's connection holds
/// little, large enough that 10 MB are some hundred writes to a socket.
const SHEET_BYTES: usize = 64 * 1024;

/// Room for what a write may add to a piece that was just short of finished.
const SHEET_SLACK: usize = 2 * 1024;

/// A body that is being written.
#[derive(Debug, Default)]
pub(super) struct Sheets {
    full: Vec<Bytes>,
    open: Vec<u8>,
}

impl Sheets {
    /// To write a line to; between two calls nothing is split.
    pub fn room(&mut self) -> &mut Vec<u8> {
        if self.open.len() >= SHEET_BYTES {
            self.full.push(Bytes::from(std::mem::take(&mut self.open)));
        }
        if self.open.capacity() == 0 {
            self.open.reserve_exact(SHEET_BYTES + SHEET_SLACK);
        }
        &mut self.open
    }

    /// The pieces, none of them empty.
    pub fn finish(mut self) -> Vec<Bytes> {
        if !self.open.is_empty() {
            self.open.shrink_to_fit();
            self.full.push(Bytes::from(self.open));
        }
        self.full
    }
}

impl Write for Sheets {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.room();
        let taken = bytes.len().min(room.capacity() - room.len());
        room.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Level 1: an exposition shrinks tenfold by it, and the next levels take twice the time for a tenth of that.
pub(super) fn gzip(sheets: &[Bytes]) -> Vec<Bytes> {
    let mut encoder = GzEncoder::new(Sheets::default(), Compression::new(1));
    for sheet in sheets {
        encoder.write_all(sheet).expect("sheets take all bytes");
    }
    encoder.finish().expect("sheets take all bytes").finish()
}

pub(super) fn length(sheets: &[Bytes]) -> usize {
    sheets.iter().map(Bytes::len).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn pieces_end_between_two_writes_and_none_is_empty() {
        let mut sheets = Sheets::default();
        let mut expected = Vec::new();
        for number in 0..40_000 {
            let line = format!("line {number}\n");
            sheets.room().extend_from_slice(line.as_bytes());
            expected.extend_from_slice(line.as_bytes());
        }
        let pieces = sheets.finish();
        assert!(pieces.len() > 5, "{}", pieces.len());
        assert!(pieces.iter().all(|piece| piece.ends_with(b"\n") && piece.len() < SHEET_BYTES + SHEET_SLACK));
        assert_eq!(pieces.concat(), expected);
        assert_eq!(length(&pieces), expected.len());
        assert!(Sheets::default().finish().is_empty());
    }

    #[test]
    fn gzip_comes_back_whole() {
        for lines in [0, 1, 30_000] {
            let mut sheets = Sheets::default();
            for number in 0..lines {
                writeln!(sheets.room(), "line {}", number * 7919 % 10_007).unwrap();
            }
            let plain = sheets.finish();
            let mut back = Vec::new();
            flate2::read::GzDecoder::new(&*gzip(&plain).concat()).read_to_end(&mut back).unwrap();
            assert_eq!(back, plain.concat());
        }
    }
}
