//! A process of the machine: what the program under test is given as its file system.

use std::fmt::{self, Debug};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use faultline::world::{Entry, File, Files, Links, Lock, Stat};
use rustix::io::Errno;

use super::content::Content;
use super::faults::{Call, Fault};
use super::tree::{Body, Directory, ENTER, Effect, Key, Place, READ, WRITE, Who, error};
use super::{Machine, State};

#[derive(Clone)]
pub struct Process {
    state: Arc<Mutex<State>>,
    id: u64,
}

impl Debug for Process {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "process {}", self.id)
    }
}

/// A descriptor; closed when dropped.
#[derive(Debug)]
struct Opened {
    process: Process,
    id: u64,
    node: Key,
    writable: bool,
}

impl Drop for Opened {
    fn drop(&mut self) {
        // A test that panicked left it poisoned, and says so itself.
        if let Ok(mut state) = self.process.state.lock() {
            state.close(self.id);
        }
    }
}

#[derive(Debug)]
struct Locked {
    _file: Opened,
}

impl Lock for Locked {}

impl Process {
    pub(super) fn new(state: Arc<Mutex<State>>, id: u64) -> Process {
        Process { state, id }
    }

    pub fn is_alive(&self) -> bool {
        self.state.lock().unwrap().alive.contains(&self.id)
    }

    /// Every call goes through here. `work` gets how many of `size` bytes it may do.
    fn call<T>(
        &self,
        call: Call,
        size: usize,
        work: impl FnOnce(&mut State, usize) -> io::Result<T>,
    ) -> io::Result<T> {
        let due = self.state.lock().unwrap().due();
        let machine = Machine(self.state.clone());
        due.into_iter().for_each(|planned| (planned.act)(&machine));
        let mut state = self.state.lock().unwrap();
        if !state.alive.contains(&self.id) {
            return error(Errno::SRCH);
        }
        let mut dice = state.dice.split();
        match state.faults.of(call, size, &mut dice) {
            None => work(&mut state, size),
            Some(Fault::Error(errno)) => error(errno),
            Some(Fault::Short) => {
                let part = 1 + dice.below(size as u64 - 1);
                work(&mut state, usize::try_from(part).expect("less than the size"))
            }
            Some(Fault::Die) => {
                if dice.coin() {
                    let part = dice.below(size as u64 + 1);
                    // Nobody is left to see how it went.
                    drop(work(&mut state, usize::try_from(part).expect("at most the size")));
                }
                state.end(self.id);
                error(Errno::SRCH)
            }
        }
    }

    fn opened(&self, (id, node): (u64, Key), writable: bool) -> Opened {
        Opened { process: self.clone(), id, node, writable }
    }
}

impl State {
    fn room_for_descriptor(&self, process: u64) -> io::Result<()> {
        let open = self.descriptors.values().filter(|held| held.process == Some(process)).count();
        if open >= self.descriptors_max { error(Errno::MFILE) } else { Ok(()) }
    }

    /// A new node under a name that is free.
    pub(super) fn make(&mut self, place: Place, body: Body, mode: u32, who: Who) -> Key {
        let now = self.now();
        let device = self.tree.node(place.directory).device;
        let key = self.tree.make(device, body, mode, who, now);
        let effect = Effect { directory: place.directory, name: place.name, node: Some(key) };
        self.change(vec![effect], who);
        key
    }

    pub(super) fn change(&mut self, effects: Vec<Effect>, who: Who) {
        let (now, lasts) = (self.now(), who == Who::Writer && self.spares_logs);
        self.tree.change(effects, lasts, now);
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path, who: Who) -> io::Result<()> {
        let from = self.tree.resolve(from, false, who)?;
        let to = self.tree.resolve(to, false, who)?;
        let Some(node) = from.node else { return error(Errno::NOENT) };
        self.tree.may(who, from.directory, WRITE | ENTER)?;
        self.tree.may(who, to.directory, WRITE | ENTER)?;
        if self.tree.node(node).device != self.tree.node(to.directory).device {
            return error(Errno::XDEV);
        }
        let is_directory = self.tree.directory(node).is_ok();
        if is_directory && self.tree.is_inside(to.directory, node) {
            return error(Errno::INVAL);
        }
        if to.node.is_some_and(|there| there != node && self.tree.is_inside(from.directory, there)) {
            return error(Errno::NOTEMPTY);
        }
        match to.node {
            Some(there) if there == node => return Ok(()),
            Some(there) => match (is_directory, self.tree.directory(there)) {
                (false, Ok(_)) => return error(Errno::ISDIR),
                (true, Err(_)) => return error(Errno::NOTDIR),
                (true, Ok(directory)) if !directory.names.is_empty() => return error(Errno::NOTEMPTY),
                _ => {}
            },
            None => {}
        }
        let taken = Effect { directory: from.directory, name: from.name, node: None };
        let given = Effect { directory: to.directory, name: to.name, node: Some(node) };
        // Given first: no moment without a name.
        self.change(vec![given, taken], who);
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &Path, who: Who) -> io::Result<()> {
        let place = self.tree.resolve(path, false, who)?;
        let Some(node) = place.node else { return error(Errno::NOENT) };
        self.tree.may(who, place.directory, WRITE | ENTER)?;
        match (self.tree.directory(node), who) {
            (Ok(_), Who::Process) => return error(Errno::ISDIR),
            (Ok(directory), Who::Writer) if !directory.names.is_empty() => return error(Errno::NOTEMPTY),
            _ => {}
        }
        self.change(vec![Effect { directory: place.directory, name: place.name, node: None }], who);
        Ok(())
    }

    fn private_directory(&mut self, path: &Path) -> io::Result<()> {
        let refused = |why: &str| Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
        let plain: PathBuf = path.components().collect();
        match self.tree.find(&plain, false, Who::Process) {
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => {}
            Err(other) => return Err(other),
            Ok(key) => {
                let node = self.tree.node(key);
                return match node.body {
                    Body::Link(_) => refused("is a symbolic link"),
                    Body::Directory(_) if node.foreign => refused("belongs to another user"),
                    Body::Directory(_) if node.mode & 0o077 != 0 => refused("can be entered by others"),
                    Body::Directory(_) => Ok(()),
                    _ => refused("is no directory"),
                };
            }
        }
        let mut whole = PathBuf::new();
        for part in plain.components() {
            whole.push(part);
            let place = self.tree.resolve(&whole, true, Who::Process)?;
            if place.node.is_none() {
                self.tree.may(Who::Process, place.directory, WRITE | ENTER)?;
                let above = place.directory;
                let directory = Directory { parent: above, ..Directory::default() };
                self.make(place, Body::Directory(directory), 0o700, Who::Process);
                self.tree.settle(|directory, _| directory == above);
            }
        }
        Ok(())
    }
}

impl Files for Process {
    fn stat(&self, path: &Path) -> io::Result<Stat> {
        self.call(Call::Stat, 0, |state, _| Ok(state.tree.stat(state.tree.find(path, true, Who::Process)?)))
    }

    fn link_target(&self, path: &Path) -> io::Result<Option<PathBuf>> {
        self.call(Call::LinkTarget, 0, |state, _| {
            let key = state.tree.find(path, false, Who::Process)?;
            if !matches!(state.tree.node(key).body, Body::Link(_)) {
                return Ok(None);
            }
            let place = state.tree.resolve(path, true, Who::Process)?;
            if place.node.is_none() {
                return error(Errno::NOENT);
            }
            Ok(Some(state.tree.path_of(place.directory)?.join(place.name)))
        })
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<Entry>> {
        self.call(Call::List, 0, |state, _| {
            state.room_for_descriptor(self.id)?;
            let key = state.tree.find(directory, true, Who::Process)?;
            let mut entries = state.tree.entries(key)?;
            state.tree.may(Who::Process, key, READ)?;
            state.dice.shuffle(&mut entries);
            Ok(entries)
        })
    }

    fn open(&self, path: &Path, links: Links) -> io::Result<Box<dyn File>> {
        let opened = self.call(Call::Open, 0, |state, _| {
            state.room_for_descriptor(self.id)?;
            let key = state.tree.find(path, links == Links::Follow, Who::Process)?;
            if matches!(state.tree.node(key).body, Body::Link(_)) {
                return error(Errno::LOOP);
            }
            state.tree.may(Who::Process, key, READ)?;
            Ok((state.descriptor(Some(self.id), key), key))
        })?;
        Ok(Box::new(self.opened(opened, false)))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let opened = self.call(Call::Create, 0, |state, _| {
            state.room_for_descriptor(self.id)?;
            let place = state.tree.resolve(path, false, Who::Process)?;
            if place.node.is_some() {
                return error(Errno::EXIST);
            }
            state.tree.may(Who::Process, place.directory, WRITE | ENTER)?;
            let key = state.make(place, Body::Regular(Content::default()), 0o600, Who::Process);
            Ok((state.descriptor(Some(self.id), key), key))
        })?;
        Ok(Box::new(self.opened(opened, true)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.call(Call::Rename, 0, |state, _| state.rename(from, to, Who::Process))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.call(Call::Remove, 0, |state, _| state.remove(path, Who::Process))
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        self.call(Call::SyncDirectory, 0, |state, _| {
            state.room_for_descriptor(self.id)?;
            let key = state.tree.find(directory, true, Who::Process)?;
            state.tree.directory(key)?;
            state.tree.may(Who::Process, key, READ)?;
            state.tree.settle(|directory, _| directory == key);
            Ok(())
        })
    }

    fn private_directory(&self, directory: &Path) -> io::Result<()> {
        self.call(Call::PrivateDirectory, 0, |state, _| state.private_directory(directory))
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        let opened = self.call(Call::Lock, 0, |state, _| {
            state.room_for_descriptor(self.id)?;
            let place = state.tree.resolve(path, false, Who::Process)?;
            let key = match place.node {
                Some(key) if matches!(state.tree.node(key).body, Body::Link(_)) => {
                    return error(Errno::LOOP);
                }
                Some(key) if matches!(state.tree.node(key).body, Body::Directory(_)) => {
                    return error(Errno::ISDIR);
                }
                Some(key) => {
                    state.tree.may(Who::Process, key, READ | WRITE)?;
                    key
                }
                None => {
                    state.tree.may(Who::Process, place.directory, WRITE | ENTER)?;
                    state.make(place, Body::Regular(Content::default()), 0o600, Who::Process)
                }
            };
            if state.locks.contains_key(&key) {
                return error(Errno::WOULDBLOCK);
            }
            let id = state.descriptor(Some(self.id), key);
            state.locks.insert(key, id);
            Ok((id, key))
        })?;
        Ok(Box::new(Locked { _file: self.opened(opened, true) }))
    }
}

impl File for Opened {
    fn stat(&self) -> io::Result<Stat> {
        self.process.call(Call::Stat, 0, |state, _| Ok(state.tree.stat(self.node)))
    }

    fn read_at(&self, block: &mut [u8], offset: u64) -> io::Result<usize> {
        self.process.call(Call::ReadAt, block.len(), |state, size| {
            match &state.tree.node(self.node).body {
                Body::Regular(content) => Ok(content.read(offset, &mut block[..size])),
                Body::Directory(_) => error(Errno::ISDIR),
                // Most pipes and terminals; /dev/null would say 0.
                _ => error(Errno::SPIPE),
            }
        })
    }

    fn next_data(&self, offset: u64) -> io::Result<Option<u64>> {
        self.process.call(Call::NextData, 0, |state, _| match &state.tree.node(self.node).body {
            Body::Regular(content) => Ok(content.next_data(offset)),
            Body::Directory(_) => Ok(Some(offset)),
            _ => error(Errno::SPIPE),
        })
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.process.call(Call::Append, bytes.len(), |state, size| {
            if !self.writable {
                return error(Errno::BADF);
            }
            state.tree.may(Who::Writer, self.node, WRITE)?;
            let now = state.now();
            let content = state.tree.content_mut(self.node)?;
            content.write(content.len(), &bytes[..size]);
            state.tree.node_mut(self.node).modified = now;
            Ok(size)
        })
    }

    fn sync(&self) -> io::Result<()> {
        let result = self.process.call(Call::Sync, 0, |state, _| {
            if let Ok(content) = state.tree.content_mut(self.node) {
                content.synced();
            }
            Ok(())
        });
        if result.is_err() {
            let mut state = self.process.state.lock().unwrap();
            if state.alive.contains(&self.process.id)
                && let Ok(content) = state.tree.content_mut(self.node)
            {
                content.sync_failed();
            }
        }
        result
    }
}
