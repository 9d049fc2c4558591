//! Copies what was read to standard output, unchanged, without ever blocking its thread for long.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use super::Stop;
use super::wait::{self, Woken};

/// A pipe that is ready takes at least this much without blocking (`PIPE_BUF`).
const PIECE_BYTES: usize = 4096;

#[derive(Debug)]
pub struct Tee<W> {
    to: W,
}

impl<W: AsFd> Tee<W> {
    /// The caller is the only writer of `to`.
    pub fn new(to: W) -> Tee<W> {
        Tee { to }
    }

    /// Writes a piece of `bytes`; 0 when nothing could be written in the given time or before a stop.
    pub fn write(&mut self, bytes: &[u8], patience: Duration, stop: &Stop) -> io::Result<usize> {
        if wait::writable(self.to.as_fd(), patience, stop)? != Woken::Ready {
            return Ok(0);
        }
        match rustix::io::write(self.to.as_fd(), &bytes[..bytes.len().min(PIECE_BYTES)]) {
            Ok(n) => Ok(n),
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn a_full_pipe_gives_up_after_its_time_and_goes_on_when_read() {
        let stop = Stop::new().unwrap();
        let (mut reader, writer) = io::pipe().unwrap();
        let mut tee = Tee::new(writer);
        let bytes = [7; 100_000];
        let mut written = 0;
        loop {
            match tee.write(&bytes, Duration::ZERO, &stop).unwrap() {
                0 => break,
                n => written += n,
            }
        }
        assert!(written >= PIECE_BYTES);
        reader.read_exact(&mut vec![0; written]).unwrap();
        assert!(tee.write(&bytes, Duration::ZERO, &stop).unwrap() > 0);
        drop(reader);
        assert_eq!(tee.write(&bytes, Duration::ZERO, &stop).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
