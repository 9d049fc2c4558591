//! Waiting with a limit: for a descriptor to become readable or writable, for time to pass, or for [`Stop`].
//!
//! `Stop` is a flag and a pipe. Nothing is ever written to the pipe: asking to stop closes its writing end, which
//! wakes every poll on the reading end, now and later, in any number of threads.

use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Asks any number of threads to finish; cheap to clone.
#[derive(Debug, Clone)]
pub struct Stop {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    asked: std::sync::atomic::AtomicBool,
    reader: PipeReader,
    writer: Mutex<Option<PipeWriter>>,
}

impl Stop {
    pub fn new() -> io::Result<Stop> {
        let (reader, writer) = io::pipe()?;
        let writer = Mutex::new(Some(writer));
        Ok(Stop { shared: Arc::new(Shared { asked: Default::default(), reader, writer }) })
    }

    pub fn ask(&self) {
        self.shared.asked.store(true, std::sync::atomic::Ordering::SeqCst);
        drop(self.shared.writer.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    pub fn is_asked(&self) -> bool {
        self.shared.asked.load(std::sync::atomic::Ordering::SeqCst)
    }

    /// Waits until asked, at most `patience`.
    pub fn sleep(&self, patience: Duration) {
        // A failing poll only shortens the wait.
        let _ = wait(None, patience, self);
    }
}

/// What ended a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// The descriptor is ready, which includes its end and its errors.
    Ready,
    TimeUp,
    Stopped,
}

/// Waits until `fd` has bytes, is at its end or failed; at most `patience`, and not longer than `stop` allows.
/// What is ready is ready, also after a stop was asked for.
pub fn readable(fd: BorrowedFd<'_>, patience: Duration, stop: &Stop) -> io::Result<Woken> {
    wait(Some((fd, PollFlags::IN)), patience, stop)
}

/// Waits until `fd` takes bytes or failed.
pub fn writable(fd: BorrowedFd<'_>, patience: Duration, stop: &Stop) -> io::Result<Woken> {
    wait(Some((fd, PollFlags::OUT)), patience, stop)
}

/// Whether a read would return at once.
pub fn is_readable(fd: BorrowedFd<'_>) -> bool {
    let mut fds = [PollFd::from_borrowed_fd(fd, PollFlags::IN)];
    matches!(poll(&mut fds, Some(&timespec(Duration::ZERO))), Ok(ready) if ready > 0)
}

fn wait(fd: Option<(BorrowedFd<'_>, PollFlags)>, patience: Duration, stop: &Stop) -> io::Result<Woken> {
    let wake = PollFd::from_borrowed_fd(stop.shared.reader.as_fd(), PollFlags::IN);
    let outcome = match fd {
        None => poll(&mut [wake], Some(&timespec(patience))).map(|_| false),
        Some((fd, flags)) => {
            let mut fds = [wake, PollFd::from_borrowed_fd(fd, flags)];
            poll(&mut fds, Some(&timespec(patience))).map(|_| !fds[1].revents().is_empty())
        }
    };
    match outcome {
        Ok(true) => Ok(Woken::Ready),
        Ok(_) if stop.is_asked() => Ok(Woken::Stopped),
        Ok(false) | Err(rustix::io::Errno::INTR) => Ok(Woken::TimeUp),
        Err(error) => Err(error.into()),
    }
}

fn timespec(duration: Duration) -> Timespec {
    // A duration beyond what the kernel counts is as good as an hour: callers wait again.
    Timespec::try_from(duration).unwrap_or(Timespec { tv_sec: 3600, tv_nsec: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::time::Instant;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn asking_to_stop_ends_waits_in_other_threads_and_later_ones() {
        let stop = Stop::new().unwrap();
        let (reader, _writer) = io::pipe().unwrap();
        let started = Instant::now();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| readable(reader.as_fd(), LONG, &stop).unwrap());
            stop.ask();
            assert_eq!(waiting.join().unwrap(), Woken::Stopped);
        });
        stop.sleep(LONG);
        assert!(stop.is_asked());
        assert!(started.elapsed() < LONG);
    }

    #[test]
    fn bytes_and_the_end_make_a_pipe_readable_and_nothing_lets_time_pass() {
        let stop = Stop::new().unwrap();
        let (reader, mut writer) = io::pipe().unwrap();
        assert_eq!(readable(reader.as_fd(), Duration::ZERO, &stop).unwrap(), Woken::TimeUp);
        assert!(!is_readable(reader.as_fd()));
        writer.write_all(b"x").unwrap();
        assert_eq!(readable(reader.as_fd(), LONG, &stop).unwrap(), Woken::Ready);
        drop(writer);
        assert!(is_readable(reader.as_fd()));
    }
}
