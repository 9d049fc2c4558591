//! One face for the machine in memory and the real file system, so that one test runs on both.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use faultline::world::{Disk, Files};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use tempfile::TempDir;

use super::{Held, Holding, Machine};

/// What somebody else does to files, and the program's view of them.
pub trait Ground {
    fn files(&self) -> Arc<dyn Files>;
    /// Another process.
    fn other(&self) -> Arc<dyn Files>;
    /// An empty directory.
    fn root(&self) -> PathBuf;
    fn write(&self, path: &Path, bytes: &[u8]);
    fn write_at(&self, path: &Path, at: u64, bytes: &[u8]);
    fn truncate(&self, path: &Path, len: u64);
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    fn remove(&self, path: &Path) -> io::Result<()>;
    fn copy(&self, from: &Path, to: &Path);
    fn symlink(&self, to: &Path, at: &Path);
    fn link(&self, from: &Path, to: &Path);
    fn mkdir(&self, path: &Path);
    fn fifo(&self, path: &Path);
    fn chmod(&self, path: &Path, mode: u32);
    fn set_modified(&self, path: &Path, milliseconds: i64);
    fn hold(&self, path: &Path, holding: Holding) -> Box<dyn Hand>;
    /// Whether permissions bind the process.
    fn is_root(&self) -> bool;
}

/// A writer that keeps its file open.
pub trait Hand {
    fn write(&mut self, bytes: &[u8]);
    fn truncate(&mut self, len: u64);
}

impl Hand for Held {
    fn write(&mut self, bytes: &[u8]) {
        Held::write(self, bytes);
    }

    fn truncate(&mut self, len: u64) {
        Held::truncate(self, len);
    }
}

impl Hand for fs::File {
    fn write(&mut self, bytes: &[u8]) {
        self.write_all(bytes).unwrap();
    }

    fn truncate(&mut self, len: u64) {
        self.set_len(len).unwrap();
    }
}

pub struct InMemory(pub Machine, Arc<dyn Files>);

impl InMemory {
    pub fn new() -> InMemory {
        let machine = Machine::new(1);
        machine.mkdir("/t");
        let process = Arc::new(machine.process());
        InMemory(machine, process)
    }
}

impl Ground for InMemory {
    fn files(&self) -> Arc<dyn Files> {
        self.1.clone()
    }

    fn other(&self) -> Arc<dyn Files> {
        Arc::new(self.0.process())
    }

    fn root(&self) -> PathBuf {
        "/t".into()
    }

    fn write(&self, path: &Path, bytes: &[u8]) {
        self.0.write(path, bytes);
    }

    fn write_at(&self, path: &Path, at: u64, bytes: &[u8]) {
        self.0.write_at(path, at, bytes);
    }

    fn truncate(&self, path: &Path, len: u64) {
        self.0.truncate(path, len);
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.try_rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.try_remove(path)
    }

    fn copy(&self, from: &Path, to: &Path) {
        self.0.copy(from, to);
    }

    fn symlink(&self, to: &Path, at: &Path) {
        self.0.symlink(to, at);
    }

    fn link(&self, from: &Path, to: &Path) {
        self.0.link(from, to);
    }

    fn mkdir(&self, path: &Path) {
        self.0.mkdir(path);
    }

    fn fifo(&self, path: &Path) {
        self.0.fifo(path);
    }

    fn chmod(&self, path: &Path, mode: u32) {
        self.0.chmod(path, mode);
    }

    fn set_modified(&self, path: &Path, milliseconds: i64) {
        self.0.set_modified(path, milliseconds);
    }

    fn hold(&self, path: &Path, holding: Holding) -> Box<dyn Hand> {
        Box::new(self.0.hold(path, holding))
    }

    fn is_root(&self) -> bool {
        false
    }
}

pub struct OnDisk(TempDir);

impl OnDisk {
    pub fn new() -> OnDisk {
        OnDisk(tempfile::tempdir().unwrap())
    }
}

impl Ground for OnDisk {
    fn files(&self) -> Arc<dyn Files> {
        Arc::new(Disk)
    }

    fn other(&self) -> Arc<dyn Files> {
        Arc::new(Disk)
    }

    fn root(&self) -> PathBuf {
        self.0.path().into()
    }

    fn write(&self, path: &Path, bytes: &[u8]) {
        fs::File::options().append(true).create(true).open(path).unwrap().write_all(bytes).unwrap();
    }

    fn write_at(&self, path: &Path, at: u64, bytes: &[u8]) {
        let options = fs::File::options().write(true).create(true).truncate(false).clone();
        options.open(path).unwrap().write_all_at(bytes, at).unwrap();
    }

    fn truncate(&self, path: &Path, len: u64) {
        fs::File::options().write(true).open(path).unwrap().set_len(len).unwrap();
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        if fs::symlink_metadata(path)?.is_dir() { fs::remove_dir(path) } else { fs::remove_file(path) }
    }

    fn copy(&self, from: &Path, to: &Path) {
        fs::copy(from, to).unwrap();
    }

    fn symlink(&self, to: &Path, at: &Path) {
        symlink(to, at).unwrap();
    }

    fn link(&self, from: &Path, to: &Path) {
        fs::hard_link(from, to).unwrap();
    }

    fn mkdir(&self, path: &Path) {
        fs::create_dir(path).unwrap();
        self.chmod(path, 0o755);
    }

    fn fifo(&self, path: &Path) {
        mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    }

    fn chmod(&self, path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn set_modified(&self, path: &Path, milliseconds: i64) {
        let after = Duration::from_millis(milliseconds.unsigned_abs());
        let time = if milliseconds < 0 { UNIX_EPOCH - after } else { UNIX_EPOCH + after };
        fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
    }

    fn hold(&self, path: &Path, holding: Holding) -> Box<dyn Hand> {
        let mut options = fs::File::options();
        match holding {
            Holding::Append => options.append(true),
            Holding::InPlace => options.write(true).truncate(false),
        };
        Box::new(options.create(true).open(path).unwrap())
    }

    fn is_root(&self) -> bool {
        rustix::process::geteuid().is_root()
    }
}
