//! A configuration file and all that it includes → [`Loaded`]: settings, where each came from, and everything that is
//! wrong, over all files at once.
//!
//! Included files come first, in the order of the list, and the including file is put on top: what is said later beats
//! what was said earlier, sources and rule directories add up. An include stays at or below the directory of the file
//! that names it, so that a configuration cannot pull in what its owner does not own.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

use super::check::{self, Shape};
use super::read::{self, Kind};
use super::{Flags, Settings, SourceFrom, redact};
use crate::catalogue::compile::glob_matches;
use crate::catalogue::diagnostic::{Diagnostic, Locator, Step, quoted};
use crate::source::kafka::Build;

/// Files that include each other in a row, the first not counted.
const DEPTH_MAX: usize = 8;
/// Files of one configuration.
const FILES_MAX: usize = 256;
/// Entries of a directory that a glob looks at.
const ENTRIES_MAX: usize = 10_000;

/// Where settings stand that somebody may have to be led to; each is a finding without a message.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// Beside `Settings::sources`.
    pub sources: Vec<Diagnostic>,
    /// Beside `Settings::rules.dirs`.
    pub dirs: Vec<Diagnostic>,
}

impl Places {
    pub(super) fn of_source(&self, index: usize) -> String {
        self.sources.get(index).map(place).unwrap_or_default()
    }

    pub(super) fn of_dir(&self, index: usize) -> String {
        self.dirs.get(index).map(place).unwrap_or_default()
    }
}

/// Whole, however long; a finding escapes it when it is shown.
fn named(path: &Path) -> String {
    format!("`{}`", read::shown(path))
}

fn place(at: &Diagnostic) -> String {
    format!("{}:{}", at.file, at.line)
}

/// A whole configuration. With errors, what is wrong is missing from the settings.
#[derive(Debug, Default)]
pub struct Loaded {
    pub settings: Settings,
    pub places: Places,
    /// Every file that was read, the first one first.
    pub files: Vec<PathBuf>,
    pub errors: Vec<Diagnostic>,
    pub warnings: Vec<Diagnostic>,
}

/// Reads a configuration with its includes. `kind` is what the first file may be; the others are regular files.
pub fn load(path: &Path, kind: Kind) -> Loaded {
    let mut walk = Walk { loaded: Loaded::default(), way: Vec::new(), first: HashMap::new() };
    walk.file(path, kind, None);
    walk.loaded.built_as(Build::THIS)
}

/// As [`load`], for a text that was read already.
pub fn load_text(path: &Path, text: &str) -> Loaded {
    let mut walk = Walk { loaded: Loaded::default(), way: Vec::new(), first: HashMap::new() };
    walk.text(path, text);
    walk.loaded.built_as(Build::THIS)
}

impl Loaded {
    /// Adds what is asked for and a build does not have.
    fn built_as(mut self, build: Build) -> Loaded {
        for (source, place) in self.settings.sources.iter().zip(&self.places.sources) {
            let SourceFrom::Kafka(setting) = &source.from else { continue };
            if let Some((message, hint)) = build.lack(setting) {
                let finding = Diagnostic { message: message.to_owned(), ..place.clone() };
                self.errors.push(finding.with_hint(Some(hint.to_owned())));
            }
        }
        self
    }

    /// The flags on top.
    pub fn overridden_by(mut self, flags: &Flags) -> Loaded {
        self.settings = self.settings.overridden_by(flags);
        if !flags.inputs.is_empty() || flags.kafka_source.is_some() {
            self.places.sources.clear();
        }
        if !flags.rules_dirs.is_empty() {
            self.places.dirs.clear();
        }
        self
    }
}

struct Walk {
    loaded: Loaded,
    /// Files that include each other, down to the one at hand, as the system names them.
    way: Vec<PathBuf>,
    /// Included files and where.
    first: HashMap<PathBuf, String>,
}

impl Walk {
    /// `at` is the include that names the file; it gets what is wrong with the file as a whole.
    fn file(&mut self, path: &Path, kind: Kind, at: Option<&Diagnostic>) {
        match (read::config(path, kind), at) {
            (Ok(file), _) => self.text(path, &file.text),
            (Err(findings), None) => self.loaded.errors.extend(findings.into_vec()),
            (Err(findings), Some(at)) => {
                findings.into_vec().into_iter().for_each(|finding| match finding.excerpt.is_empty() {
                    true => self.error(
                        at,
                        format!("{}: {}", named(Path::new(&finding.file)), finding.message),
                        None,
                    ),
                    false => self.loaded.errors.push(finding),
                })
            }
        }
    }

    fn text(&mut self, path: &Path, text: &str) {
        self.loaded.files.push(path.to_owned());
        let name = read::shown(path);
        let dir = path.parent().unwrap_or(Path::new(""));
        match check::shape(&name, text) {
            Shape::Blank => {}
            Shape::Unreadable(findings) => self.loaded.errors.extend(findings),
            Shape::Read(raw, locator, found) => {
                self.way.push(path.canonicalize().unwrap_or_else(|_| path.to_owned()));
                for (n, entry) in raw.include.iter().enumerate() {
                    self.include(entry, n, &locator, dir);
                }
                self.way.pop();
                let Loaded { settings, places, errors, warnings, .. } = &mut self.loaded;
                let found = check::apply(settings, places, *raw, &locator, found, dir);
                errors.extend(found.errors);
                warnings.extend(found.warnings);
            }
        }
        let Loaded { places, errors, warnings, .. } = &mut self.loaded;
        let Places { sources, dirs } = places;
        redact::excerpts(&name, text, errors.iter_mut().chain(warnings).chain(sources).chain(dirs));
    }

    /// One entry of the list: a path, or a glob.
    fn include(&mut self, entry: &str, n: usize, locator: &Locator<'_>, dir: &Path) {
        let path = ["include".into(), Step::Index(n)];
        if locator.is_tainted(&path) {
            return;
        }
        let at = locator.finding(&path, String::new(), None);
        if let Some((message, hint)) = refusal(entry) {
            return self.error(&at, message, Some(hint));
        }
        let (paths, problem) = expand(dir, entry);
        if let Some(message) = problem {
            self.error(&at, message, None);
        } else if paths.is_empty() {
            let message = format!("warning: no file matches {}", quoted(entry));
            self.loaded.warnings.push(Diagnostic { message, ..at.clone() });
        }
        for path in paths {
            self.included(&path, dir, &at);
        }
    }

    fn included(&mut self, path: &Path, dir: &Path, at: &Diagnostic) {
        let shown = named(path);
        let real = match path.canonicalize() {
            Ok(real) => real,
            Err(error) => return self.error(at, format!("{shown}: {}", read::reason(&error)), None),
        };
        let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
        if !dir.canonicalize().is_ok_and(|dir| real.starts_with(dir)) {
            let hint = "files at or below the directory of this file are read, and no others";
            return self.error(at, format!("{shown} is a link that leads out of this directory"), Some(hint));
        }
        if self.way.contains(&real) {
            let message = format!("{shown} includes itself: {}", self.circle(&real));
            let hint = "a glob may take the file that it stands in: put the parts into a directory";
            return self.error(at, message, Some(hint));
        }
        if let Some(first) = self.first.get(&real) {
            return self.error(at, format!("{shown} is included twice; first at {first}"), None);
        }
        if self.way.len() > DEPTH_MAX {
            return self.error(at, format!("{shown}: more than {DEPTH_MAX} files include each other"), None);
        }
        if self.loaded.files.len() >= FILES_MAX {
            return self.error(at, format!("{shown}: a configuration has at most {FILES_MAX} files"), None);
        }
        self.first.insert(real, place(at));
        self.file(path, Kind::Regular, Some(at));
    }

    /// `a.yaml → b.yaml → a.yaml`
    fn circle(&self, real: &Path) -> String {
        let from = self.way.iter().position(|one| one == real).unwrap_or(0);
        let names = self.way[from..].iter().map(PathBuf::as_path).chain([real]);
        let names: Vec<String> =
            names.map(|path| path.file_name().unwrap_or_default().to_string_lossy().into_owned()).collect();
        names.join(" → ")
    }

    fn error(&mut self, at: &Diagnostic, message: String, hint: Option<&str>) {
        let error = Diagnostic { message, ..at.clone() }.with_hint(hint.map(str::to_owned));
        self.loaded.errors.push(error);
    }
}

/// What no include may be, whatever the file system says.
fn refusal(entry: &str) -> Option<(String, &'static str)> {
    let path = Path::new(entry);
    if entry.trim().is_empty() {
        return Some(("the path is empty".to_owned(), "name a file, or many: `conf.d/*.yaml`"));
    }
    if entry.contains('\0') {
        return Some(("the path holds a NUL".to_owned(), "no file has such a name"));
    }
    if path.is_absolute() {
        return Some((
            format!("{} is an absolute path", quoted(entry)),
            "name it as it lies below the directory of this file",
        ));
    }
    if path.components().any(|part| part == Component::ParentDir) {
        return Some((
            format!("{} leads out of this directory", quoted(entry)),
            "`..` is not followed: keep included files at or below the directory of this file",
        ));
    }
    if entry.contains("**") || entry.contains(['?', '[', '{']) {
        return Some((
            format!("{} is no glob that is read here", quoted(entry)),
            "`*` stands for any part of one name, as in `conf.d/*.yaml`; nothing else is special",
        ));
    }
    None
}

/// The files of an entry, sorted, and what went wrong. A path without `*` is taken as it is.
fn expand(dir: &Path, entry: &str) -> (Vec<PathBuf>, Option<String>) {
    if !entry.contains('*') {
        return (vec![dir.join(entry)], None);
    }
    let mut found = vec![dir.to_owned()];
    let parts: Vec<Component<'_>> = Path::new(entry).components().collect();
    for (n, part) in parts.iter().enumerate() {
        let part = part.as_os_str().to_string_lossy();
        let is_last = n + 1 == parts.len();
        let mut next = Vec::new();
        for place in found {
            if !part.contains('*') {
                next.push(place.join(&*part));
                continue;
            }
            match matching(&place, &part) {
                Ok(paths) => next.extend(paths),
                Err(message) => return (Vec::new(), Some(message)),
            }
            if next.len() > ENTRIES_MAX {
                let message = format!("{} matches more than {ENTRIES_MAX} paths", quoted(entry));
                return (Vec::new(), Some(message));
            }
        }
        next.retain(|path| if is_last { path.is_file() } else { path.is_dir() });
        found = next;
    }
    found.sort();
    (found, None)
}

/// What is right in a directory and matches; names with a leading dot only where the glob has one. No directory is no
/// match.
fn matching(dir: &Path, glob: &str) -> Result<Vec<PathBuf>, String> {
    let here = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    let Ok(entries) = std::fs::read_dir(here) else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for (n, entry) in entries.enumerate() {
        if n == ENTRIES_MAX {
            return Err(format!("{} has more than {ENTRIES_MAX} entries", named(dir)));
        }
        let Ok(entry) = entry else { continue };
        let name = entry.file_name();
        let text = name.to_string_lossy();
        if glob_matches(glob, &text) && (glob.starts_with('.') || !text.starts_with('.')) {
            found.push(dir.join(&name));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
