//! The real file system. Nothing here waits for a pipe's other end, takes a terminal, or follows a link unasked.

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, DirEntryExt, MetadataExt};
use std::path::Path;

use rustix::fs::{AtFlags, FileType, FlockOperation, Mode, OFlags, SeekFrom, Statx, StatxFlags};
use rustix::io::Errno;

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
        let found = rustix::fs::statx(rustix::fs::CWD, path, AtFlags::empty(), WANTED)?;
        Ok(stat_of(&found))
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
        Ok(Box::new(Opened(rustix::fs::open(path, flags, Mode::empty())?)))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::APPEND | OFlags::CLOEXEC;
        Ok(Box::new(Opened(rustix::fs::open(path, flags, OWNER_ONLY)?)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        fs::File::open(directory)?.sync_all()
    }

    fn private_directory(&self, directory: &Path) -> io::Result<()> {
        let refused = |why: String| Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
        match fs::symlink_metadata(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
                match directory.parent().filter(|parent| !parent.as_os_str().is_empty()) {
                    Some(parent) => self.sync_directory(parent),
                    None => Ok(()),
                }
            }
            Err(error) => Err(error),
            Ok(found) if found.is_symlink() => {
                refused("is a symbolic link; name the directory itself".into())
            }
            Ok(found) if !found.is_dir() => refused("is no directory".into()),
            Ok(found) if found.uid() != rustix::process::geteuid().as_raw() => refused(format!(
                "belongs to user {}, not to the user {} that runs this",
                found.uid(),
                rustix::process::geteuid().as_raw()
            )),
            Ok(found) if found.mode() & 0o077 != 0 => refused(format!(
                "can be entered by others (mode {:04o}); chmod 700 makes it private",
                found.mode() & 0o7777
            )),
            Ok(_) => Ok(()),
        }
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::open(path, flags, OWNER_ONLY)?;
        rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Box::new(Held { _file: file }))
    }
}

impl File for Opened {
    fn stat(&self) -> io::Result<Stat> {
        let found = rustix::fs::statx(self.0.as_fd(), "", AtFlags::EMPTY_PATH, WANTED)?;
        Ok(stat_of(&found))
    }

    fn read_at(&self, block: &mut [u8], offset: u64) -> io::Result<usize> {
        Ok(rustix::io::pread(&self.0, block, offset)?)
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
        Ok(rustix::io::write(&self.0, bytes)?)
    }

    fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fdatasync(&self.0)?)
    }
}

const WANTED: StatxFlags = StatxFlags::BASIC_STATS.union(StatxFlags::BTIME);

fn stat_of(found: &Statx) -> Stat {
    let nanoseconds =
        |seconds: i64, rest: u32| seconds.saturating_mul(1_000_000_000).saturating_add(rest.into());
    let has_birth = StatxFlags::from_bits_retain(found.stx_mask).contains(StatxFlags::BTIME);
    Stat {
        id: FileId {
            device: u64::from(found.stx_dev_major) << 32 | u64::from(found.stx_dev_minor),
            inode: found.stx_ino,
            born: has_birth.then(|| nanoseconds(found.stx_btime.tv_sec, found.stx_btime.tv_nsec)),
        },
        kind: match FileType::from_raw_mode(found.stx_mode.into()) {
            FileType::RegularFile => Kind::Regular,
            FileType::Directory => Kind::Directory,
            FileType::Symlink => Kind::Link,
            _ => Kind::Other,
        },
        len: found.stx_size,
        modified: nanoseconds(found.stx_mtime.tv_sec, found.stx_mtime.tv_nsec),
        links: found.stx_nlink.into(),
    }
}
