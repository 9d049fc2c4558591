//! Standard input as a live source, and what kind of thing it is: a terminal, nothing at all, or something to read.

use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::time::Duration;

use super::wait::{self, Woken};
use super::{Reading, Source, Stop};

/// What a pipe is asked to hold: fewer wake-ups of the writer and of us.
#[cfg(target_os = "linux")]
const PIPE_BYTES: usize = 1024 * 1024;

/// What is behind standard input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Terminal,
    /// `/dev/null`, or closed: whoever started us gives no input.
    Nothing,
    Stream,
}

/// Looks at standard input without reading from it.
pub fn kind() -> Kind {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        return Kind::Terminal;
    }
    let Ok(own) = stdin.as_fd().try_clone_to_owned() else { return Kind::Nothing };
    let here = std::fs::File::from(own).metadata();
    let null = std::fs::metadata("/dev/null");
    match (here, null) {
        (Ok(here), Ok(null)) if here.file_type().is_char_device() && here.rdev() == null.rdev() => {
            Kind::Nothing
        }
        (Ok(_), _) => Kind::Stream,
        (Err(_), _) => Kind::Nothing,
    }
}

/// Reads descriptor 0 past the buffer of the standard library, which could hide bytes from `poll`.
#[derive(Debug)]
pub struct Stdin(());

impl Stdin {
    /// The caller is the only reader of standard input from here on.
    pub fn open() -> Stdin {
        // Refused for what is not a pipe and where a user's pipe budget is spent: then it stays as it is.
        #[cfg(target_os = "linux")]
        let _ = rustix::pipe::fcntl_setpipe_size(io::stdin().as_fd(), PIPE_BYTES);
        Stdin(())
    }

    /// Whether a read would return at once, with bytes or with the end.
    pub fn is_ready(&self) -> bool {
        wait::is_readable(io::stdin().as_fd())
    }
}

impl Source for Stdin {
    fn read(&mut self, block: &mut [u8], patience: Duration, stop: &Stop) -> io::Result<Reading> {
        read(io::stdin().as_fd(), block, patience, stop)
    }
}

impl io::Read for Stdin {
    fn read(&mut self, block: &mut [u8]) -> io::Result<usize> {
        loop {
            match rustix::io::read(io::stdin().as_fd(), &mut *block) {
                Err(rustix::io::Errno::INTR) => {}
                other => return Ok(other?),
            }
        }
    }
}

/// One read of a descriptor that may block: waits first, so that the read itself does not.
pub(super) fn read(
    fd: BorrowedFd<'_>,
    block: &mut [u8],
    patience: Duration,
    stop: &Stop,
) -> io::Result<Reading> {
    if wait::readable(fd, patience, stop)? != Woken::Ready {
        return Ok(Reading::Silence);
    }
    match rustix::io::read(fd, block) {
        Ok(0) => Ok(Reading::End),
        Ok(n) => Ok(Reading::Bytes(n)),
        Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => Ok(Reading::Silence),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_read_gives_what_is_there_then_silence_then_the_end() {
        let stop = Stop::new().unwrap();
        let (reader, mut writer) = io::pipe().unwrap();
        let mut block = [0; 16];
        writer.write_all(b"abc").unwrap();
        let first = read(reader.as_fd(), &mut block, Duration::ZERO, &stop).unwrap();
        assert_eq!((first, &block[..3]), (Reading::Bytes(3), &b"abc"[..]));
        assert_eq!(read(reader.as_fd(), &mut block, Duration::ZERO, &stop).unwrap(), Reading::Silence);
        drop(writer);
        assert_eq!(read(reader.as_fd(), &mut block, Duration::ZERO, &stop).unwrap(), Reading::End);
    }

    #[test]
    fn what_was_written_before_a_stop_is_still_read() {
        let stop = Stop::new().unwrap();
        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(b"abc").unwrap();
        stop.ask();
        let mut block = [0; 16];
        assert_eq!(
            read(reader.as_fd(), &mut block, Duration::from_secs(60), &stop).unwrap(),
            Reading::Bytes(3)
        );
        assert_eq!(
            read(reader.as_fd(), &mut block, Duration::from_secs(60), &stop).unwrap(),
            Reading::Silence
        );
    }
}
