//! The real file system. Nothing here waits for a pipe's other end, takes a terminal, or follows a link unasked.
//!
//! A call that a signal interrupted is made again, except for the sync of a file: of that nobody knows what it did.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, DirEntryExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, FlockOperation, Mode, OFlags, SeekFrom, Statx, StatxFlags};
use rustix::io::{Errno, retry_on_intr};

use super::{Entry, File, FileId, Files, Kind, Links, Lock, Stat};

/// The machine's own.
#[derive(Debug, Clone, Copy, Default)]
pub struct Disk;

#[derive(Debug)]
struct Opened(OwnedFd);

#[derive(Debug)]
struct Held {
    /// Closing it gives the lock back.
    _file: OwnedFd,
}

impl Lock for Held {}

const OWNER_ONLY: Mode = Mode::RUSR.union(Mode::WUSR);

impl Files for Disk {
    fn stat(&self, path: &Path) -> io::Result<Stat> {
        // On an automounted path, looking mounts.
        match retry_on_intr(|| rustix::fs::statx(CWD, path, AtFlags::empty(), WANTED)) {
            Err(Errno::NOSYS) => Ok(stat_without_birth(&retry_on_intr(|| rustix::fs::stat(path))?)),
            found => Ok(stat_of(&found?)),
        }
    }

    fn link_target(&self, path: &Path) -> io::Result<Option<PathBuf>> {
        match fs::symlink_metadata(path)?.is_symlink() {
            true => fs::canonicalize(path).map(Some),
            false => Ok(None),
        }
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<Entry>> {
        fs::read_dir(directory)?
            .map(|entry| {
                let entry = entry?;
                let kind = entry.file_type().ok().map(|kind| match kind {
                    kind if kind.is_file() => Kind::Regular,
                    kind if kind.is_dir() => Kind::Directory,
                    kind if kind.is_symlink() => Kind::Link,
                    _ => Kind::Other,
                });
                Ok(Entry { inode: entry.ino(), name: entry.file_name(), kind })
            })
            .collect()
    }

    fn open(&self, path: &Path, links: Links) -> io::Result<Box<dyn File>> {
        let mut flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        if links == Links::Refuse {
            flags |= OFlags::NOFOLLOW;
        }
        Ok(Box::new(Opened(retry_on_intr(|| rustix::fs::open(path, flags, Mode::empty()))?)))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::APPEND | OFlags::CLOEXEC;
        Ok(Box::new(Opened(retry_on_intr(|| rustix::fs::open(path, flags, OWNER_ONLY))?)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = retry_on_intr(|| rustix::fs::open(directory, flags, Mode::empty()))?;
        match retry_on_intr(|| rustix::fs::fsync(&opened)) {
            // Some network and guest file systems sync no directories; there is nothing more to be had from them.
            Ok(()) | Err(Errno::INVAL | Errno::OPNOTSUPP) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn private_directory(&self, directory: &Path) -> io::Result<()> {
        // Without what follows the last name: `link/` is what the link leads to.
        let directory: PathBuf = directory.components().collect();
        let missing: Vec<&Path> = directory
            .ancestors()
            .take_while(|above| !above.as_os_str().is_empty() && !is_there(above))
            .collect();
        if !missing.is_empty() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(&directory)?;
        }
        for made in missing.iter().rev() {
            let above = made.parent().filter(|above| !above.as_os_str().is_empty());
            self.sync_directory(above.unwrap_or(Path::new(".")))?;
        }
        // Also what was just made: somebody else may have been first.
        refuse_what_is_not_private(&directory)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = retry_on_intr(|| rustix::fs::open(path, flags, OWNER_ONLY))?;
        retry_on_intr(|| rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive))?;
        Ok(Box::new(Held { _file: file }))
    }
}

impl File for Opened {
    fn stat(&self) -> io::Result<Stat> {
        match retry_on_intr(|| rustix::fs::statx(&self.0, c"", AtFlags::EMPTY_PATH, WANTED)) {
            Err(Errno::NOSYS) => Ok(stat_without_birth(&retry_on_intr(|| rustix::fs::fstat(&self.0))?)),
            found => Ok(stat_of(&found?)),
        }
    }

    fn read_at(&self, block: &mut [u8], offset: u64) -> io::Result<usize> {
        Ok(retry_on_intr(|| rustix::io::pread(&self.0, &mut *block, offset))?)
    }

    fn next_data(&self, offset: u64) -> io::Result<Option<u64>> {
        match rustix::fs::seek(&self.0, SeekFrom::Data(offset)) {
            Ok(place) => Ok(Some(place)),
            Err(Errno::NXIO) => Ok(None),
            // Unknown to this file system.
            Err(Errno::INVAL | Errno::OPNOTSUPP) => Ok(Some(offset)),
            Err(error) => Err(error.into()),
        }
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(retry_on_intr(|| rustix::io::write(&self.0, bytes))?)
    }

    fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fdatasync(&self.0)?)
    }
}

fn is_there(path: &Path) -> bool {
    !matches!(fs::symlink_metadata(path), Err(error) if error.kind() == io::ErrorKind::NotFound)
}

fn refuse_what_is_not_private(directory: &Path) -> io::Result<()> {
    let found = fs::symlink_metadata(directory)?;
    let us = rustix::process::geteuid().as_raw();
    let why = if found.is_symlink() {
        "is a symbolic link; name the directory itself".to_owned()
    } else if !found.is_dir() {
        "is no directory".to_owned()
    } else if found.uid() != us {
        format!("belongs to user {}, not to the user {us} that runs this", found.uid())
    } else if found.mode() & 0o077 != 0 {
        format!("can be entered by others (mode {:04o}); chmod 700 makes it private", found.mode() & 0o7777)
    } else {
        return Ok(());
    };
    Err(io::Error::new(io::ErrorKind::PermissionDenied, why))
}

const WANTED: StatxFlags = StatxFlags::BASIC_STATS.union(StatxFlags::BTIME);

fn stat_of(found: &Statx) -> Stat {
    let has_birth = StatxFlags::from_bits_retain(found.stx_mask).contains(StatxFlags::BTIME);
    Stat {
        id: FileId {
            device: device_of(found.stx_dev_major, found.stx_dev_minor),
            inode: found.stx_ino,
            born: has_birth.then(|| nanoseconds(found.stx_btime.tv_sec, found.stx_btime.tv_nsec.into())),
        },
        kind: kind_of(found.stx_mode.into()),
        len: found.stx_size,
        modified: nanoseconds(found.stx_mtime.tv_sec, found.stx_mtime.tv_nsec.into()),
        links: found.stx_nlink.into(),
    }
}

/// Where statx is unknown (Linux before 4.11) or a sandbox from before it forbids it, which rustix tells as `NOSYS` too.
fn stat_without_birth(found: &rustix::fs::Stat) -> Stat {
    // The fields' types differ between architectures.
    let number = |value: i128| i64::try_from(value).unwrap_or(i64::MAX);
    Stat {
        id: FileId {
            device: device_of(rustix::fs::major(found.st_dev), rustix::fs::minor(found.st_dev)),
            inode: found.st_ino,
            born: None,
        },
        kind: kind_of(found.st_mode),
        len: number(found.st_size.into()).unsigned_abs(),
        modified: nanoseconds(number(found.st_mtime.into()), number(found.st_mtime_nsec.into())),
        links: number(found.st_nlink.into()).unsigned_abs(),
    }
}

fn device_of(major: u32, minor: u32) -> u64 {
    u64::from(major) << 32 | u64::from(minor)
}

fn kind_of(mode: u32) -> Kind {
    match FileType::from_raw_mode(mode) {
        FileType::RegularFile => Kind::Regular,
        FileType::Directory => Kind::Directory,
        FileType::Symlink => Kind::Link,
        _ => Kind::Other,
    }
}

fn nanoseconds(seconds: i64, rest: i64) -> i64 {
    seconds.saturating_mul(1_000_000_000).saturating_add(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_birth_a_file_looks_the_same_otherwise() {
        let path = std::env::current_exe().unwrap();
        for path in [path.as_path(), Path::new("/dev/null"), Path::new("/")] {
            let mut told = Disk.stat(path).unwrap();
            told.id.born = None;
            assert_eq!(stat_without_birth(&rustix::fs::stat(path).unwrap()), told);
        }
    }

    #[test]
    fn what_was_there_before_1970_and_after_2554_is_no_overflow() {
        assert_eq!(nanoseconds(-1, 999_000_000), -1_000_000);
        assert_eq!(nanoseconds(i64::MAX, 1), i64::MAX);
        assert_eq!(nanoseconds(i64::MIN, 0), i64::MIN);
    }
}
