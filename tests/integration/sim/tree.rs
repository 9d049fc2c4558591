//! Names, inodes and devices, and the way from a path to a node as Linux walks it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use faultline::world::{Entry, FileId, Kind, Stat};
use rustix::io::Errno;

use super::content::Content;

/// Of a node; never given twice, unlike an inode's number.
pub type Key = u64;

#[derive(Debug, Clone)]
pub struct Node {
    pub device: usize,
    pub number: u64,
    /// Nanoseconds since 1970.
    pub born: i64,
    pub modified: i64,
    pub mode: u32,
    /// Belongs to another user than the process.
    pub foreign: bool,
    /// Made by the model writer.
    pub by_writer: bool,
    pub links: u64,
    pub open: u64,
    /// Names that a loss of power may bring back.
    pub lasting: u64,
    pub body: Body,
}

#[derive(Debug, Clone)]
pub enum Body {
    Regular(Content),
    Directory(Directory),
    Link(PathBuf),
    Other,
}

#[derive(Debug, Clone, Default)]
pub struct Directory {
    pub names: BTreeMap<OsString, Key>,
    /// After a loss of power, before what is pending.
    pub lasting: BTreeMap<OsString, Key>,
    pub parent: Key,
}

#[derive(Debug, Clone)]
pub struct Device {
    pub id: u64,
    pub root: Key,
    pub births: bool,
    pub read_only: bool,
    free: BTreeSet<u64>,
    next: u64,
}

/// A name in a directory. Changes to names are lists of these.
#[derive(Debug, Clone)]
pub struct Effect {
    pub directory: Key,
    pub name: OsString,
    pub node: Option<Key>,
}

/// Where a path leads: the directory and the name that would be made, removed or replaced, and what is there.
#[derive(Debug, Clone)]
pub struct Place {
    pub directory: Key,
    pub name: OsString,
    pub node: Option<Key>,
}

/// Who asks. The model writer is root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    Process,
    Writer,
}

#[derive(Debug, Clone, Default)]
pub struct Tree {
    pub nodes: BTreeMap<Key, Node>,
    pub devices: Vec<Device>,
    /// From a covered directory to the root that covers it.
    pub mounts: BTreeMap<Key, Key>,
    /// Changes of names that no sync of their directory covered yet, in order.
    pub pending: Vec<Vec<Effect>>,
    next_key: Key,
}

pub const READ: u32 = 4;
pub const WRITE: u32 = 2;
pub const ENTER: u32 = 1;

pub fn error<T>(errno: Errno) -> io::Result<T> {
    Err(io::Error::from_raw_os_error(errno.raw_os_error()))
}

impl Tree {
    pub fn add_device(&mut self, id: u64, now: i64) -> usize {
        let device = self.devices.len();
        self.devices.push(Device { id, root: 0, births: true, read_only: false, free: [2].into(), next: 12 });
        let root = self.make(device, Body::Directory(Directory::default()), 0o755, Who::Writer, now);
        self.node_mut(root).links = 1;
        self.directory_mut(root).expect("just made").parent = root;
        self.devices[device].root = root;
        device
    }

    /// A second one with the same inode numbers and nothing else in common.
    pub fn copy_device(&mut self, of: usize, id: u64) -> usize {
        let device = self.devices.len();
        let keys: Vec<Key> =
            self.nodes.iter().filter(|(_, node)| node.device == of).map(|(k, _)| *k).collect();
        let offset = self.next_key - keys.first().copied().unwrap_or_default();
        let moved = |key: &Key| key + offset;
        for key in keys {
            let mut node = self.nodes[&key].clone();
            (node.device, node.open) = (device, 0);
            if let Body::Directory(directory) = &mut node.body {
                directory.names.values_mut().for_each(|key| *key = moved(key));
                directory.lasting.values_mut().for_each(|key| *key = moved(key));
                directory.parent = moved(&directory.parent);
            }
            self.next_key = self.next_key.max(moved(&key) + 1);
            self.nodes.insert(moved(&key), node);
        }
        let copied = Device { id, root: moved(&self.devices[of].root), ..self.devices[of].clone() };
        self.devices.push(copied);
        device
    }

    /// Gets the lowest number that is free, which is that of the file deleted last more often than not.
    pub fn make(&mut self, device: usize, body: Body, mode: u32, who: Who, now: i64) -> Key {
        let home = &mut self.devices[device];
        let number = home.free.pop_first().unwrap_or_else(|| {
            home.next += 1;
            home.next - 1
        });
        let key = self.next_key;
        self.next_key += 1;
        let node = Node {
            device,
            number,
            born: now,
            modified: now,
            mode,
            foreign: false,
            by_writer: who == Who::Writer,
            links: 0,
            open: 0,
            lasting: 0,
            body,
        };
        self.nodes.insert(key, node);
        key
    }

    pub fn node(&self, key: Key) -> &Node {
        self.nodes.get(&key).expect("nodes live as long as something leads to them")
    }

    pub fn node_mut(&mut self, key: Key) -> &mut Node {
        self.nodes.get_mut(&key).expect("nodes live as long as something leads to them")
    }

    pub fn directory(&self, key: Key) -> io::Result<&Directory> {
        match &self.node(key).body {
            Body::Directory(directory) => Ok(directory),
            _ => error(Errno::NOTDIR),
        }
    }

    pub fn directory_mut(&mut self, key: Key) -> io::Result<&mut Directory> {
        match &mut self.node_mut(key).body {
            Body::Directory(directory) => Ok(directory),
            _ => error(Errno::NOTDIR),
        }
    }

    pub fn content_mut(&mut self, key: Key) -> io::Result<&mut Content> {
        match &mut self.node_mut(key).body {
            Body::Regular(content) => Ok(content),
            Body::Directory(_) => error(Errno::ISDIR),
            _ => error(Errno::INVAL),
        }
    }

    /// Drops each node once no name, no descriptor and no loss of power can lead to it; its number is free then.
    pub fn collect(&mut self, keys: Vec<Key>) {
        for key in keys {
            let Some(node) = self.nodes.get(&key) else { continue };
            if node.links == 0 && node.open == 0 && node.lasting == 0 {
                let (device, number) = (node.device, node.number);
                self.nodes.remove(&key);
                self.devices[device].free.insert(number);
            }
        }
    }

    pub fn renumber(&mut self) {
        for (at, device) in self.devices.iter_mut().enumerate() {
            let taken: BTreeSet<u64> =
                self.nodes.values().filter(|node| node.device == at).map(|node| node.number).collect();
            device.next = taken.last().map_or(12, |last| last + 1).max(12);
            device.free = (12..device.next).filter(|number| !taken.contains(number)).collect();
        }
    }

    pub fn stat(&self, key: Key) -> Stat {
        let node = self.node(key);
        let device = &self.devices[node.device];
        let (kind, len) = match &node.body {
            Body::Regular(content) => (Kind::Regular, content.len()),
            Body::Directory(directory) => (Kind::Directory, 32 * directory.names.len() as u64),
            Body::Link(to) => (Kind::Link, to.as_os_str().len() as u64),
            Body::Other => (Kind::Other, 0),
        };
        let born = device.births.then_some(node.born);
        let id = FileId { device: device.id, inode: node.number, born };
        Stat { id, kind, len, modified: node.modified, links: node.links }
    }

    pub fn entries(&self, directory: Key) -> io::Result<Vec<Entry>> {
        let entry = |(name, key): (&OsString, &Key)| {
            let found = self.stat(*key);
            Entry { name: name.clone(), inode: found.id.inode, kind: Some(found.kind) }
        };
        Ok(self.directory(directory)?.names.iter().map(entry).collect())
    }

    pub fn may(&self, who: Who, key: Key, what: u32) -> io::Result<()> {
        let node = self.node(key);
        let bits = if node.foreign { node.mode } else { node.mode >> 6 };
        if what & WRITE != 0 && self.devices[node.device].read_only {
            return error(Errno::ROFS);
        }
        if who == Who::Process && bits & what != what { error(Errno::ACCESS) } else { Ok(()) }
    }

    /// The root mounted over it, or itself.
    fn surface(&self, key: Key) -> Key {
        self.mounts.get(&key).map_or(key, |over| self.surface(*over))
    }

    fn parent(&self, key: Key) -> io::Result<Key> {
        let covered = self.mounts.iter().find(|(_, over)| **over == key).map(|(below, _)| *below);
        match covered {
            Some(below) => self.parent(below),
            None => Ok(self.directory(key)?.parent),
        }
    }

    /// What the path leads to; an error where nothing is there.
    pub fn find(&self, path: &Path, follow: bool, who: Who) -> io::Result<Key> {
        self.resolve(path, follow, who)?.node.map_or_else(|| error(Errno::NOENT), Ok)
    }

    pub fn resolve(&self, path: &Path, follow: bool, who: Who) -> io::Result<Place> {
        let raw = path.as_os_str().as_bytes();
        if raw.is_empty() {
            return error(Errno::NOENT);
        }
        let must_be_directory = raw.ends_with(b"/") || raw.ends_with(b"/.");
        let place = self.walk(path, follow || must_be_directory, who)?;
        match place.node {
            Some(key) if must_be_directory => self.directory(key).map(|_| place),
            _ => Ok(place),
        }
    }

    /// Without recursion; more than 40 links are a loop.
    fn walk(&self, path: &Path, follow: bool, who: Who) -> io::Result<Place> {
        let root = self.surface(self.devices[0].root);
        let mut todo: VecDeque<OsString> = parts(path).collect();
        let mut links = 0;
        let mut place = Place { directory: root, name: OsString::new(), node: Some(root) };
        while let Some(name) = todo.pop_front() {
            if name == "/" {
                place = Place { directory: root, name: OsString::new(), node: Some(root) };
                continue;
            }
            let Some(directory) = place.node else { return error(Errno::NOENT) };
            let names = &self.directory(directory)?.names;
            self.may(who, directory, ENTER)?;
            if name.len() > 255 {
                return error(Errno::NAMETOOLONG);
            }
            let node = match name.as_bytes() {
                b".." => Some(self.surface(self.parent(directory)?)),
                _ => names.get(&name).map(|key| self.surface(*key)),
            };
            if let Some(Body::Link(to)) = node.map(|key| &self.node(key).body)
                && (follow || !todo.is_empty())
            {
                links += 1;
                if links > 40 {
                    return error(Errno::LOOP);
                }
                parts(to).rev().for_each(|part| todo.push_front(part));
                // What the link says begins in the link's own directory.
                place = Place { directory, name, node: Some(directory) };
                continue;
            }
            place = Place { directory, name, node };
        }
        Ok(place)
    }

    pub fn is_inside(&self, key: Key, directory: Key) -> bool {
        let mut at = key;
        loop {
            if at == directory {
                return true;
            }
            match self.parent(at) {
                Ok(above) if above != at => at = above,
                _ => return false,
            }
        }
    }

    /// The path of a directory, without links and mounts seen from above.
    pub fn path_of(&self, directory: Key) -> io::Result<PathBuf> {
        let root = self.surface(self.devices[0].root);
        let mut names = Vec::new();
        let mut at = directory;
        while at != root {
            let above = self.surface(self.parent(at)?);
            let mut entries = self.directory(above)?.names.iter();
            let (name, _) = entries
                .find(|(_, key)| self.surface(**key) == at)
                .expect("who has a parent has a name in it");
            names.push(name.clone());
            at = above;
        }
        Ok(names.into_iter().rev().fold(PathBuf::from("/"), |path, name| path.join(name)))
    }

    /// Changes names now. `lasts`: no loss of power undoes it.
    pub fn change(&mut self, effects: Vec<Effect>, lasts: bool, now: i64) {
        let mut gone = Vec::new();
        for Effect { directory, name, node } in &effects {
            self.node_mut(*directory).modified = now;
            if let Some(key) = node {
                self.node_mut(*key).links += 1;
                self.node_mut(*key).lasting += 1;
                if let Ok(moved) = self.directory_mut(*key) {
                    moved.parent = *directory;
                }
            }
            let names = &mut self.directory_mut(*directory).expect("names are in directories").names;
            let before = match node {
                Some(key) => names.insert(name.clone(), *key),
                None => names.remove(name),
            };
            if let Some(before) = before {
                self.node_mut(before).links -= 1;
                gone.push(before);
            }
        }
        if lasts {
            self.settle(|directory, name| {
                effects.iter().any(|e| e.directory == directory && e.name == *name)
            });
            gone.extend(self.make_lasting(effects));
        } else {
            self.pending.push(effects);
        }
        self.collect(gone);
    }
}

fn parts(path: &Path) -> impl DoubleEndedIterator<Item = OsString> {
    path.components().filter(|part| !matches!(part, Component::CurDir)).map(|part| match part {
        Component::RootDir => OsString::from("/"),
        part => OsStr::to_os_string(part.as_os_str()),
    })
}
