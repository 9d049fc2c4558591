//! The model writer: what services and log rotation do to files. Nothing of it fails but by a test's own mistake, and
//! then it says so at once.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rustix::io::Errno;

use super::content::Content;
use super::tree::{Body, Directory, Effect, Key, Place, Who, error};
use super::{Machine, NANOSECONDS, State};

/// How a writer has its file open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holding {
    /// `O_APPEND`.
    Append,
    /// Writes where it stands, whoever truncated meanwhile.
    InPlace,
}

/// A writer's descriptor; follows its file through renames and deletion. Not good after a loss of power.
#[derive(Debug)]
pub struct Held {
    state: Arc<Mutex<State>>,
    id: u64,
    node: Key,
    holding: Holding,
    place: u64,
}

impl Held {
    pub fn write(&mut self, bytes: &[u8]) {
        let mut state = self.state.lock().unwrap();
        assert!(state.descriptors.contains_key(&self.id), "this writer lost its power");
        if self.holding == Holding::Append {
            self.place = state.tree.stat(self.node).len;
        }
        state.write(self.node, self.place, bytes).unwrap();
        self.place += bytes.len() as u64;
    }

    pub fn truncate(&self, len: u64) {
        let mut state = self.state.lock().unwrap();
        assert!(state.descriptors.contains_key(&self.id), "this writer lost its power");
        state.set_len(self.node, len).unwrap();
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Ok(mut state) = self.state.lock() {
            state.close(self.id);
        }
    }
}

impl Machine {
    /// Appends, to a new file where none is.
    pub fn write(&self, path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) {
        let mut state = self.state();
        let key = state.regular(path.as_ref()).unwrap();
        let at = state.tree.stat(key).len;
        state.write(key, at, bytes.as_ref()).unwrap();
    }

    /// Leaves a hole where `at` is behind the end.
    pub fn write_at(&self, path: impl AsRef<Path>, at: u64, bytes: impl AsRef<[u8]>) {
        let mut state = self.state();
        let key = state.regular(path.as_ref()).unwrap();
        state.write(key, at, bytes.as_ref()).unwrap();
    }

    /// Opens, and makes the file where there is none. In place it begins at the start.
    pub fn hold(&self, path: impl AsRef<Path>, holding: Holding) -> Held {
        let mut state = self.state();
        let node = state.regular(path.as_ref()).unwrap();
        let id = state.descriptor(None, node);
        Held { state: self.0.clone(), id, node, holding, place: 0 }
    }

    /// Longer makes a hole.
    pub fn truncate(&self, path: impl AsRef<Path>, len: u64) {
        let mut state = self.state();
        let key = state.tree.find(path.as_ref(), true, Who::Writer).unwrap();
        state.set_len(key, len).unwrap();
    }

    pub fn try_rename(&self, from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<()> {
        self.state().rename(from.as_ref(), to.as_ref(), Who::Writer)
    }

    pub fn rename(&self, from: impl AsRef<Path>, to: impl AsRef<Path>) {
        self.try_rename(from, to).unwrap();
    }

    /// A file or an empty directory.
    pub fn try_remove(&self, path: impl AsRef<Path>) -> io::Result<()> {
        self.state().remove(path.as_ref(), Who::Writer)
    }

    pub fn remove(&self, path: impl AsRef<Path>) {
        self.try_remove(path).unwrap();
    }

    /// The content, holes too, into a new or emptied file.
    pub fn copy(&self, from: impl AsRef<Path>, to: impl AsRef<Path>) {
        let mut state = self.state();
        let from = state.tree.find(from.as_ref(), true, Who::Writer).unwrap();
        let copied = state.tree.content_mut(from).unwrap().clone();
        let to = state.regular(to.as_ref()).unwrap();
        let now = state.now();
        state.tree.node_mut(to).modified = now;
        *state.tree.content_mut(to).unwrap() = copied;
    }

    pub fn symlink(&self, to: impl AsRef<Path>, at: impl AsRef<Path>) {
        let body = Body::Link(to.as_ref().to_owned());
        self.state().make_new(at.as_ref(), |_| body, 0o777).unwrap();
    }

    /// A second name.
    pub fn link(&self, from: impl AsRef<Path>, to: impl AsRef<Path>) {
        let mut state = self.state();
        let node = state.tree.find(from.as_ref(), false, Who::Writer).unwrap();
        let place = state.free_place(to.as_ref()).unwrap();
        let effect = Effect { directory: place.directory, name: place.name, node: Some(node) };
        state.change(vec![effect], Who::Writer);
    }

    /// Without its parents; mode 0755.
    pub fn mkdir(&self, path: impl AsRef<Path>) {
        let body = |parent| Body::Directory(Directory { parent, ..Directory::default() });
        self.state().make_new(path.as_ref(), body, 0o755).unwrap();
    }

    /// A pipe, a device, a socket.
    pub fn fifo(&self, path: impl AsRef<Path>) {
        self.state().make_new(path.as_ref(), |_| Body::Other, 0o644).unwrap();
    }

    /// The process is no root: it needs 0400 to open and to list, 0100 to go through a directory, 0200 to change its
    /// names.
    pub fn chmod(&self, path: impl AsRef<Path>, mode: u32) {
        self.of(path.as_ref(), |node| node.mode = mode);
    }

    /// Belongs to somebody else from now on.
    pub fn chown(&self, path: impl AsRef<Path>) {
        self.of(path.as_ref(), |node| node.foreign = true);
    }

    /// Milliseconds since 1970.
    pub fn set_modified(&self, path: impl AsRef<Path>, milliseconds: i64) {
        self.of(path.as_ref(), |node| node.modified = milliseconds * NANOSECONDS);
    }

    /// All of a file, as root sees it.
    pub fn content(&self, path: impl AsRef<Path>) -> Vec<u8> {
        let mut state = self.state();
        let key = state.tree.find(path.as_ref(), true, Who::Writer).unwrap();
        let content = state.tree.content_mut(key).unwrap();
        let mut bytes = vec![0; usize::try_from(content.len()).unwrap()];
        content.read(0, &mut bytes);
        bytes
    }

    /// For tests of damage: any bytes of a file, as if they had always been so.
    pub fn overwrite(&self, path: impl AsRef<Path>, bytes: &[u8]) {
        let mut state = self.state();
        let key = state.tree.find(path.as_ref(), true, Who::Writer).unwrap();
        let content = state.tree.content_mut(key).unwrap();
        content.set_len(0);
        content.write(0, bytes);
        content.synced();
    }

    /// All paths below a directory but directories, sorted.
    pub fn names(&self, directory: impl AsRef<Path>) -> Vec<PathBuf> {
        let state = self.state();
        let mut found = Vec::new();
        let mut todo = vec![directory.as_ref().to_owned()];
        while let Some(above) = todo.pop() {
            let key = state.tree.find(&above, true, Who::Writer).unwrap();
            for name in state.tree.directory(key).unwrap().names.keys() {
                let path = above.join(name);
                let below = state.tree.find(&path, false, Who::Writer).unwrap();
                if state.tree.directory(below).is_ok() { &mut todo } else { &mut found }.push(path);
            }
        }
        found.sort_by(|one, other| one.as_os_str().as_bytes().cmp(other.as_os_str().as_bytes()));
        found
    }

    fn of(&self, path: &Path, change: impl FnOnce(&mut super::tree::Node)) {
        let mut state = self.state();
        let key = state.tree.find(path, true, Who::Writer).unwrap();
        change(state.tree.node_mut(key));
    }
}

impl State {
    fn free_place(&self, path: &Path) -> io::Result<Place> {
        let place = self.tree.resolve(path, false, Who::Writer)?;
        if place.node.is_some() { error(Errno::EXIST) } else { Ok(place) }
    }

    fn make_new(&mut self, path: &Path, body: impl FnOnce(Key) -> Body, mode: u32) -> io::Result<Key> {
        let place = self.free_place(path)?;
        let body = body(place.directory);
        Ok(self.make(place, body, mode, Who::Writer))
    }

    fn regular(&mut self, path: &Path) -> io::Result<Key> {
        let place = self.tree.resolve(path, true, Who::Writer)?;
        match place.node {
            Some(key) => self.tree.content_mut(key).map(|_| key),
            None => Ok(self.make(place, Body::Regular(Content::default()), 0o644, Who::Writer)),
        }
    }

    fn write(&mut self, key: Key, at: u64, bytes: &[u8]) -> io::Result<()> {
        let now = self.now();
        self.tree.content_mut(key)?.write(at, bytes);
        self.tree.node_mut(key).modified = now;
        Ok(())
    }

    fn set_len(&mut self, key: Key, len: u64) -> io::Result<()> {
        let now = self.now();
        self.tree.content_mut(key)?.set_len(len);
        self.tree.node_mut(key).modified = now;
        Ok(())
    }
}
