//! The machine as far as the exact parts of the program see it: time and files, as arguments.
//!
//! Who keeps positions and counts right over crashes, rotations and full disks gets [`Files`] and a [`Clock`] and
//! nothing else of the machine, so that a test can hand in a world that loses power, fills its disk or fails the n-th
//! call, and replay it from a seed. `disk` is the real one. Knows nothing of logs, records or ledgers.

mod disk;

use std::ffi::OsString;
use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::event::Millis;

pub use disk::Disk;

/// What time it is, in the two ways that matter.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// Never goes back; from an origin of its own.
    pub steady: Duration,
    pub wall: Millis,
}

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Moment + Send + Sync>;

/// The machine's own clocks.
pub fn real_clock() -> Clock {
    let origin = Instant::now();
    Arc::new(move || Moment { steady: origin.elapsed(), wall: wall_clock() })
}

fn wall_clock() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Tells files apart while they exist. An inode's number may be given to a new file the moment the old one is deleted;
/// the time of birth is later then, by as little as the file system's clock can say, or the same within one tick of it.
/// A device's number is good until the machine restarts or the device is mounted again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId {
    pub device: u64,
    pub inode: u64,
    /// Nanoseconds since 1970; `None` where the file system does not say.
    pub born: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Regular,
    Directory,
    /// Only of a directory's entries: everything else follows links.
    Link,
    /// Pipes, devices, sockets.
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    pub id: FileId,
    pub kind: Kind,
    /// Bytes.
    pub len: u64,
    /// Nanoseconds since 1970.
    pub modified: i64,
    /// Names that the file has; 0 once it is deleted and only descriptors hold it.
    pub links: u64,
}

/// One name of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub name: OsString,
    /// A hint: of a mount point, and in some overlays, it is not the one that `stat` tells.
    pub inode: u64,
    /// `None` where the directory does not say.
    pub kind: Option<Kind>,
}

/// Whether the last part of a path may be a symbolic link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    Follow,
    Refuse,
}

/// Held while it lives; another process that wants the same gets [`io::ErrorKind::WouldBlock`].
pub trait Lock: Send + Sync + Debug {}

/// A file system. Errors are the system's own, untouched. What was done to names is durable after
/// [`Files::sync_directory`], what was written after [`File::sync`]; nothing is before.
pub trait Files: Send + Sync + Debug {
    /// Of what a path leads to, links followed.
    fn stat(&self, path: &Path) -> io::Result<Stat>;
    /// Where a symbolic link leads to in the end, without links on the way. `Ok(None)` of everything else.
    fn link_target(&self, path: &Path) -> io::Result<Option<PathBuf>>;
    /// The names in a directory, in no order, without `.` and `..`.
    fn list(&self, directory: &Path) -> io::Result<Vec<Entry>>;
    /// Opens for reading and never waits, whatever it is: who cannot read pipes looks at [`File::stat`] first.
    fn open(&self, path: &Path, links: Links) -> io::Result<Box<dyn File>>;
    /// A new, empty file for [`File::append`] that is its owner's alone; `AlreadyExists` where the name is taken, also
    /// by a link.
    fn create(&self, path: &Path) -> io::Result<Box<dyn File>>;
    /// Replaces what is at `to`, as one step.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    fn remove(&self, path: &Path) -> io::Result<()>;
    fn sync_directory(&self, directory: &Path) -> io::Result<()>;
    /// A directory that is its owner's alone (0700, ours, no link), made with its parents where it is not there. Refused
    /// with words for people where it is something else.
    fn private_directory(&self, directory: &Path) -> io::Result<()>;
    /// The lock of a file, made where it is not there; gone with its holder, however that ends.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>>;
}

/// An open file. All reads say where: nobody shares a place in it.
pub trait File: Send + Sync + Debug {
    fn stat(&self) -> io::Result<Stat>;
    /// Up to `block.len()` bytes from `offset` on; 0 at the end.
    fn read_at(&self, block: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Where the next data stands, at or behind `offset`; `None` when only a hole is left, or nothing. A file system
    /// that knows no holes says `offset`.
    fn next_data(&self, offset: u64) -> io::Result<Option<u64>>;
    /// Writes at the end; may write less than it was given.
    fn append(&mut self, bytes: &[u8]) -> io::Result<usize>;
    /// What was appended survives a crash from now on. After an error nobody knows what does: use another file.
    fn sync(&self) -> io::Result<()>;
}
