//! A file system in memory that keeps count of its calls and fails those that it is told to.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::world::{Entry, File, FileId, Files, Kind, Links, Lock, Stat};

type Bytes = Arc<Mutex<Vec<u8>>>;
type Hook = Box<dyn FnMut() + Send>;

#[derive(Clone, Default)]
pub struct Memory(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    files: BTreeMap<PathBuf, Bytes>,
    locked: HashSet<PathBuf>,
    calls: u64,
    failing: Range<u64>,
    fault: Fault,
    /// Called in the middle of every sync of a file.
    on_sync: Option<Hook>,
}

/// What a failing call does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Fault {
    #[default]
    Eio,
    Enospc,
    /// Of an append, a part is written first; of anything else as `Enospc`.
    Short,
    /// What was asked for is done, and an error is said all the same.
    DoneAndEio,
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Memory")
    }
}

#[derive(Debug)]
struct Opened {
    memory: Memory,
    bytes: Bytes,
}

#[derive(Debug)]
struct Held(Memory, PathBuf);

impl Lock for Held {}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.0.lock().unwrap().locked.remove(&self.1);
    }
}

impl Memory {
    pub fn files(&self) -> Arc<dyn Files> {
        Arc::new(self.clone())
    }

    /// A copy that lives on its own, without faults and locks.
    pub fn copy(&self) -> Memory {
        let copy = Memory::default();
        let files = self.0.lock().unwrap();
        let copied = files.files.iter();
        let copied =
            copied.map(|(path, bytes)| (path.clone(), Arc::new(Mutex::new(bytes.lock().unwrap().clone()))));
        copy.0.lock().unwrap().files = copied.collect();
        copy
    }

    pub fn fail(&self, calls: Range<u64>, fault: Fault) {
        let mut state = self.0.lock().unwrap();
        (state.failing, state.fault) = (calls, fault);
    }

    pub fn calls(&self) -> u64 {
        self.0.lock().unwrap().calls
    }

    pub fn on_sync(&self, hook: impl FnMut() + Send + 'static) {
        self.0.lock().unwrap().on_sync = Some(Box::new(hook));
    }

    pub fn names(&self) -> Vec<String> {
        let state = self.0.lock().unwrap();
        state.files.keys().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
    }

    pub fn read(&self, path: &Path) -> Vec<u8> {
        self.0.lock().unwrap().files[path].lock().unwrap().clone()
    }

    pub fn write(&self, path: &Path, bytes: Vec<u8>) {
        self.0.lock().unwrap().files.insert(path.to_owned(), Arc::new(Mutex::new(bytes)));
    }

    /// Counts a call; an error where it is one that fails. `act` is what it does.
    fn call<T>(&self, act: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.0.lock().unwrap();
        let call = state.calls;
        state.calls += 1;
        if !state.failing.contains(&call) {
            return act(&mut state);
        }
        match state.fault {
            Fault::Eio => Err(io::Error::from_raw_os_error(5)),
            Fault::Enospc | Fault::Short => Err(io::Error::from_raw_os_error(28)),
            Fault::DoneAndEio => {
                let _ = act(&mut state);
                Err(io::Error::from_raw_os_error(5))
            }
        }
    }
}

fn stat(bytes: &Bytes) -> Stat {
    Stat {
        id: FileId { device: 1, inode: Arc::as_ptr(bytes) as usize as u64, born: None },
        kind: Kind::Regular,
        len: bytes.lock().unwrap().len() as u64,
        modified: 0,
        links: 1,
    }
}

fn missing() -> io::Error {
    io::Error::from_raw_os_error(2)
}

impl Files for Memory {
    fn stat(&self, path: &Path) -> io::Result<Stat> {
        self.call(|state| match state.files.get(path) {
            Some(bytes) => Ok(stat(bytes)),
            None => Ok(Stat { kind: Kind::Directory, ..stat(&Bytes::default()) }),
        })
    }

    fn link_target(&self, _: &Path) -> io::Result<Option<PathBuf>> {
        Ok(None)
    }

    fn list(&self, _: &Path) -> io::Result<Vec<Entry>> {
        self.call(|state| {
            let names = state.files.keys().map(|path| path.file_name().unwrap().to_owned());
            Ok(names.map(|name| Entry { name, inode: 0, kind: None }).collect())
        })
    }

    fn open(&self, path: &Path, _: Links) -> io::Result<Box<dyn File>> {
        let bytes = self.call(|state| state.files.get(path).cloned().ok_or_else(missing))?;
        Ok(Box::new(Opened { memory: self.clone(), bytes }))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let bytes = self.call(|state| match state.files.contains_key(path) {
            true => Err(io::Error::from_raw_os_error(17)),
            false => Ok(state.files.entry(path.to_owned()).or_default().clone()),
        })?;
        Ok(Box::new(Opened { memory: self.clone(), bytes }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.call(|state| {
            let bytes = state.files.remove(from).ok_or_else(missing)?;
            state.files.insert(to.to_owned(), bytes);
            Ok(())
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.call(|state| state.files.remove(path).map(drop).ok_or_else(missing))
    }

    fn sync_directory(&self, _: &Path) -> io::Result<()> {
        self.call(|_| Ok(()))
    }

    fn private_directory(&self, _: &Path) -> io::Result<()> {
        self.call(|_| Ok(()))
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        self.call(|state| match state.locked.insert(path.to_owned()) {
            true => Ok(()),
            false => Err(io::ErrorKind::WouldBlock.into()),
        })?;
        Ok(Box::new(Held(self.clone(), path.to_owned())))
    }
}

impl File for Opened {
    fn stat(&self) -> io::Result<Stat> {
        self.memory.call(|_| Ok(stat(&self.bytes)))
    }

    fn read_at(&self, block: &mut [u8], offset: u64) -> io::Result<usize> {
        self.memory.call(|_| {
            let bytes = self.bytes.lock().unwrap();
            let rest = bytes.get(offset as usize..).unwrap_or_default();
            let n = rest.len().min(block.len());
            block[..n].copy_from_slice(&rest[..n]);
            Ok(n)
        })
    }

    fn next_data(&self, offset: u64) -> io::Result<Option<u64>> {
        Ok(Some(offset))
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let done = self.memory.call(|_| {
            // Never more than this at once: whoever writes has to go on.
            let n = bytes.len().min(300);
            self.bytes.lock().unwrap().extend(&bytes[..n]);
            Ok(n)
        });
        if done.is_err() && self.memory.0.lock().unwrap().fault == Fault::Short {
            self.bytes.lock().unwrap().extend(&bytes[..bytes.len() / 2]);
        }
        done
    }

    fn sync(&self) -> io::Result<()> {
        let hook = self.memory.0.lock().unwrap().on_sync.take();
        if let Some(mut hook) = hook {
            hook();
            self.memory.0.lock().unwrap().on_sync.get_or_insert(hook);
        }
        self.memory.call(|_| Ok(()))
    }
}
