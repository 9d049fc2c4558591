//! Globs → the files that are there. A look lists directories and nothing else: no file is opened, none is asked for
//! its kind that the directory tells.
//!
//! `*` stands for any part of a name, `?` for one byte, `[a-z]` and `[!a-z]` for one of some, `{a,b}` for one of several,
//! `**` as a whole name for any number of directories; a backslash makes a plain character of a special one. A dot in
//! front is nothing special: `*` takes `.hidden`, as Vector, Promtail and Filebeat do. Excluding globs are about whole
//! paths, and about names where they hold no `/`. Not known here: what is in a file, and whether it is one.

mod bad;
mod pattern;

use std::collections::{BTreeMap, HashMap};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::world::{FileId, Files, Kind};
use pattern::{Globs, Part, Spot};

pub use bad::{BadPattern, Flaw};
pub use pattern::{below, excluding_below, literal};

/// Directories of one look.
pub const DIRECTORIES_MAX: usize = 10_000;
/// Files of one look.
pub const FILES_MAX: usize = 1_000_000;
/// Directories within directories below where a glob begins.
pub const DEPTH_MAX: usize = 64;

/// What to read: compiled globs.
#[derive(Debug, Clone)]
pub struct Paths {
    includes: Globs,
    excludes: Globs,
    directories_max: usize,
}

/// What one look found.
#[derive(Debug, Default)]
pub struct Found {
    /// Sorted, each once. Where a directory does not say what an entry is, and for links, it may be anything: ask before
    /// opening. Pipes and devices that match are among them.
    pub files: Vec<PathBuf>,
    /// Where names that match may appear; sorted, each once.
    pub directories: Vec<PathBuf>,
    /// What could not be looked at, in the order of the walk.
    pub troubles: Vec<(PathBuf, io::Error)>,
    /// Not everything was looked at: [`DIRECTORIES_MAX`], [`FILES_MAX`] or [`DEPTH_MAX`].
    pub is_cut: bool,
}

impl Paths {
    pub fn new<P: AsRef<OsStr>>(includes: &[P], excludes: &[P]) -> Result<Paths, BadPattern> {
        let mut paths = Paths {
            includes: Globs::default(),
            excludes: Globs::default(),
            directories_max: DIRECTORIES_MAX,
        };
        includes.iter().try_for_each(|pattern| paths.includes.add(pattern.as_ref()))?;
        excludes.iter().try_for_each(|pattern| paths.excludes.add_excluding(pattern.as_ref()))?;
        Ok(paths)
    }

    pub fn with_directories_max(self, directories_max: usize) -> Paths {
        Paths { directories_max, ..self }
    }

    pub fn matches(&self, path: &Path) -> bool {
        self.includes.match_whole(path) && !self.excludes.match_whole(path)
    }

    /// Everything that matches now. A directory that several names lead to is looked at under one of them, the one
    /// without links if there is one, unless another name of it is asked for other files.
    pub fn find(&self, files: &dyn Files) -> Found {
        let mut walk = Walk {
            paths: self,
            files,
            left: BTreeMap::new(),
            seen: HashMap::new(),
            visits: 0,
            found: Found::default(),
        };
        walk.begin();
        while let Some((key, visit)) = walk.left.pop_first() {
            if walk.visits == self.directories_max || walk.found.files.len() >= FILES_MAX {
                walk.found.is_cut = true;
                break;
            }
            walk.visits += 1;
            walk.visit(&key.path, key.links, &visit);
        }
        let Walk { mut found, .. } = walk;
        for paths in [&mut found.files, &mut found.directories] {
            // By bytes: names of one directory stay together, and it is several times cheaper than part by part.
            paths.sort_by(|a, b| a.as_os_str().as_bytes().cmp(b.as_os_str().as_bytes()));
            paths.dedup();
        }
        found
    }
}

/// A directory to look at. Those without links on the way come first, and parents before what is in them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    links: u32,
    path: PathBuf,
}

/// What is wanted in a directory.
#[derive(Debug, Clone, Default)]
struct Visit {
    includes: Vec<Spot>,
    excludes: Vec<Spot>,
    depth: usize,
    /// A glob begins here: it is worth a word where it is not there.
    is_base: bool,
}

impl Visit {
    /// Finds nothing that `other` did not find in the same directory.
    fn is_part_of(&self, other: &Visit) -> bool {
        self.includes.iter().all(|spot| other.includes.contains(spot))
            && other.excludes.iter().all(|spot| self.excludes.contains(spot))
    }
}

struct Walk<'w> {
    paths: &'w Paths,
    files: &'w dyn Files,
    left: BTreeMap<Key, Visit>,
    /// Only the two numbers: the time of birth says nothing new of directories that exist together.
    seen: HashMap<(u64, u64), Vec<Visit>>,
    visits: usize,
    found: Found,
}

impl Walk<'_> {
    /// Puts the longest plain directory of each glob on the list.
    fn begin(&mut self) {
        for (glob, parts) in self.paths.includes.iter() {
            let plain = parts.iter().take_while(|part| matches!(part, Part::Literal(_))).count();
            let names = parts[..plain.min(parts.len() - 1)].iter().map(|part| match part {
                Part::Literal(name) => name.as_os_str(),
                _ => unreachable!("only plain parts were taken"),
            });
            let path: PathBuf = names.collect();
            let mut includes = Vec::new();
            self.paths.includes.reach((glob, plain.min(parts.len() - 1) as u32), &mut includes);
            let mut excludes = self.paths.excludes.start();
            for name in pattern::names(&path) {
                excludes = self.paths.excludes.enter(&excludes, name);
            }
            self.want(Key { links: 0, path }, Visit { includes, excludes, depth: 0, is_base: true });
        }
    }

    fn want(&mut self, key: Key, visit: Visit) {
        if visit.includes.is_empty() || self.paths.excludes.take_all(&visit.excludes) {
            return;
        }
        if visit.depth > DEPTH_MAX {
            self.found.is_cut = true;
            return;
        }
        let one = self.left.entry(key).or_insert_with(|| Visit { includes: Vec::new(), ..visit.clone() });
        one.includes.extend(visit.includes);
        one.includes.sort_unstable();
        one.includes.dedup();
        one.depth = one.depth.min(visit.depth);
        one.is_base |= visit.is_base;
    }

    fn visit(&mut self, path: &Path, links: u32, visit: &Visit) {
        let here = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        match self.files.stat(here) {
            Ok(stat) if stat.kind == Kind::Directory => {
                if !self.is_news(stat.id, visit) {
                    return;
                }
            }
            Ok(_) if visit.is_base => {
                return self.trouble(here, io::ErrorKind::NotADirectory.into());
            }
            Err(error) if visit.is_base || error.kind() != io::ErrorKind::NotFound => {
                return self.trouble(here, error);
            }
            // Gone since its parent was listed.
            _ => return,
        }
        self.found.directories.push(here.to_owned());
        let is_plain = |spot: &Spot| matches!(self.paths.includes.part(*spot), Part::Literal(_));
        if visit.includes.iter().all(is_plain) {
            return self.look_up(path, links, visit);
        }
        match self.files.list(here) {
            Ok(entries) => {
                for entry in entries {
                    self.entry(path, links, visit, &entry.name, entry.kind);
                }
            }
            Err(error) => self.trouble(here, error),
        }
    }

    /// The same directory with the same wishes is looked at once, whatever its name: links make no circles.
    fn is_news(&mut self, id: FileId, visit: &Visit) -> bool {
        let before = self.seen.entry((id.device, id.inode)).or_default();
        if before.iter().any(|other| visit.is_part_of(other)) {
            return false;
        }
        before.push(visit.clone());
        true
    }

    /// Asks for the few names that are wanted in a directory instead of listing it.
    fn look_up(&mut self, directory: &Path, links: u32, visit: &Visit) {
        let part = |spot: &Spot| match self.paths.includes.part(*spot) {
            Part::Literal(name) => Some(name.clone()),
            _ => None,
        };
        let mut names: Vec<OsString> = visit.includes.iter().filter_map(part).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            let path = directory.join(&name);
            match self.files.stat(&path) {
                Ok(stat) if stat.kind == Kind::Directory && self.is_named_whole(visit, &name) => {
                    self.trouble(&path, io::ErrorKind::IsADirectory.into());
                }
                Ok(stat) => self.entry(directory, links, visit, &name, Some(stat.kind)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => self.trouble(&path, error),
            }
        }
    }

    /// Some include is this very path and nothing else.
    fn is_named_whole(&self, visit: &Visit, name: &OsStr) -> bool {
        let includes = &self.paths.includes;
        let is_path = |spot: &&Spot| includes.is_path(**spot);
        visit.includes.iter().filter(is_path).any(|spot| includes.end_with(&[*spot], name))
    }

    fn entry(&mut self, directory: &Path, links: u32, visit: &Visit, name: &OsStr, kind: Option<Kind>) {
        let Paths { includes, excludes, .. } = self.paths;
        let is_wanted = includes.end_with(&visit.includes, name) && !excludes.end_with(&visit.excludes, name);
        let may_be_entered = matches!(kind, None | Some(Kind::Directory | Kind::Link));
        let inside = match may_be_entered {
            true => includes.enter(&visit.includes, name),
            false => Vec::new(),
        };
        if !is_wanted && inside.is_empty() {
            return;
        }
        let path = directory.join(name);
        let mut kind = kind;
        let is_link = kind == Some(Kind::Link);
        if !inside.is_empty() && kind != Some(Kind::Directory) {
            match self.files.stat(&path) {
                Ok(stat) => kind = Some(stat.kind),
                // The reader of a file meets it again and says so.
                Err(_) if is_wanted => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => self.trouble(&path, error),
            }
        }
        if kind == Some(Kind::Directory) {
            let excludes = excludes.enter(&visit.excludes, name);
            let key = Key { links: links + u32::from(is_link), path };
            self.want(key, Visit { includes: inside, excludes, depth: visit.depth + 1, is_base: false });
        } else if is_wanted {
            self.found.files.push(path);
        }
    }

    fn trouble(&mut self, path: &Path, error: io::Error) {
        self.found.troubles.push((path.to_owned(), error));
    }
}

#[cfg(test)]
mod tests;
