//! Files that people write, wrong and right: hundreds of entries as data under `tests/cases/files`, each read in this
//! process and by the real binary. A wrong one must be refused with the findings that its entry names, each at its
//! place; a right one must be taken and read as its entry says.
//!
//! `FAULTLINE_FILES=words` runs only the entries whose name holds the words, and prints what the binary said.

pub mod bundle;
mod child;
mod shown;

use std::path::Path;
use std::time::Duration;

use bundle::{Entry, Kind, Said, entries};
use child::Ended;
use faultline::catalogue::builtin;
use faultline::catalogue::diagnostic::{Diagnostic, Diagnostics};
use faultline::catalogue::load::{RuleFile, Rules, load};
use faultline::config::read;
use faultline::config::{self, Settings, include};

/// Bytes on stderr for one small file, whatever is in it.
const SAID_BYTES_MAX: usize = 256 * 1024;

#[test]
fn files_that_are_no_yaml_are_refused_at_the_place_of_the_error() {
    println!("{}", all("syntax", 500, refused));
}

#[test]
fn files_that_mean_nothing_are_refused_with_all_that_is_wrong() {
    println!("{}", all("meaning", 200, refused));
}

#[test]
fn files_that_look_odd_and_are_right_are_taken_as_they_are_meant() {
    println!("{}", all("valid", 200, taken));
}

fn refused(entry: &Entry, dir: &Path) -> Result<Ended, String> {
    let ended = child::run(entry, dir);
    refused_here(entry, dir)?;
    refused_by_the_binary(entry, dir, &ended)?;
    Ok(ended)
}

/// Runs every entry of a folder; all that fail are said together. Gives how long the binary took.
fn all(folder: &str, at_least: usize, check: impl Fn(&Entry, &Path) -> Result<Ended, String>) -> String {
    let only = std::env::var("FAULTLINE_FILES").ok();
    let entries = entries(folder);
    assert!(entries.len() >= at_least, "{folder}: {} of at least {at_least} entries", entries.len());
    let mut shown = String::new();
    let mut failed = Vec::new();
    let mut times: Vec<(Duration, &str)> = Vec::new();
    for entry in entries.iter().filter(|entry| only.as_ref().is_none_or(|only| entry.name.contains(only))) {
        let dir = tempfile::tempdir().unwrap();
        match check(entry, dir.path()) {
            Ok(ended) => {
                times.extend(ended.cpu.map(|cpu| (cpu, entry.name.as_str())));
                if only.is_some() {
                    shown += &format!("== {}\n{}", entry.name, String::from_utf8_lossy(&ended.stderr));
                }
            }
            Err(why) => failed.push(format!("== {}\n{why}", entry.name)),
        }
    }
    times.sort_unstable();
    if let (Some((middle, _)), Some((most, name))) = (times.get(times.len() / 2), times.last()) {
        shown += &format!("{folder}: {} files, CPU median {middle:?}, most {most:?} ({name})", times.len());
    }
    assert!(failed.is_empty(), "{} of {}:\n{}", failed.len(), entries.len(), failed.join("\n"));
    shown
}

/// The findings of the readers, all of them with their places.
fn refused_here(entry: &Entry, dir: &Path) -> Result<(), String> {
    let findings = match entry.kind {
        Kind::Config => config_findings(entry, dir),
        Kind::Rules => rules_of(entry).err(),
    };
    let Some(findings) = findings else { return Err("nothing is wrong with it".to_owned()) };
    let found: Vec<&Diagnostic> = findings.iter().collect();
    let mut said: Vec<&Said> = entry.said.iter().collect();
    said.sort_by(|a, b| (&a.file, a.place).cmp(&(&b.file, b.place)));
    let all = || format!("{findings}");
    if found.len() < said.len() || (found.len() > said.len() && !entry.more) {
        return Err(format!("{} findings, expected {}:\n{}", found.len(), said.len(), all()));
    }
    for (found, said) in found.iter().zip(said) {
        let Said { file, place, words, hint } = said;
        if !found.file.ends_with(file.as_str()) || (found.line, found.column) != *place {
            return Err(format!("expected {file}:{}:{} {words}\n{}", place.0, place.1, all()));
        }
        if !found.message.contains(words.as_str()) {
            return Err(format!("expected the words: {words}\n{}", all()));
        }
        let given = found.hint.as_deref();
        let fits = match hint.as_deref() {
            None => true,
            Some("") => given.is_none(),
            Some(hint) => given.is_some_and(|given| given.contains(hint)),
        };
        if !fits {
            return Err(format!("expected the hint: {hint:?}\n{}", all()));
        }
    }
    Ok(())
}

/// With what is included, where there is more than one file.
fn config_findings(entry: &Entry, dir: &Path) -> Option<Diagnostics> {
    if entry.files.len() > 1 || entry.absent {
        let errors = include::load(&dir.join(&entry.files[0].0), read::Kind::Regular).errors;
        return (!errors.is_empty()).then(|| Diagnostics::new(errors));
    }
    settings_of(entry, dir).err()
}

fn rules_of(entry: &Entry) -> Result<Rules, Diagnostics> {
    let mut added = Vec::new();
    let mut unread = Vec::new();
    for (name, bytes) in entry.files.iter().filter(|(name, _)| is_yaml(name)) {
        match RuleFile::from_bytes(name.clone(), bytes.clone()) {
            Ok(file) => added.push(file),
            Err(findings) => unread.extend(findings.iter().cloned()),
        }
    }
    // the built-in packs are needed where an overlay changes them; the binary has them in any case
    let overlays = added.iter().any(|file| file.text.contains("overlay"));
    let builtin = if overlays { builtin::files() } else { &[] };
    if unread.is_empty() { load(builtin, &added) } else { Err(Diagnostics::new(unread)) }
}

/// The place comes first, every finding is there, nothing panicked, nothing is raw.
fn refused_by_the_binary(entry: &Entry, dir: &Path, ended: &Ended) -> Result<(), String> {
    let text = String::from_utf8(ended.stderr.clone()).map_err(|_| "what it said is no UTF-8".to_owned())?;
    let wrong = |why: &str| Err(format!("the binary: {why}\n{text}"));
    if ended.code != Some(2) {
        return wrong(&format!("exit code {:?}", ended.code));
    }
    if text.contains("panicked") || text.contains("stack backtrace") {
        return wrong("it panicked");
    }
    if text.len() > SAID_BYTES_MAX || text.chars().any(|c| c != '\n' && c.is_control()) {
        return wrong("too much, or a raw control character");
    }
    let head = |said: &Said| {
        let path = dir.join(&said.file);
        format!("{}:{}:{}: ", path.display(), said.place.0, said.place.1)
    };
    let first =
        entry.said.iter().min_by_key(|said| (&said.file, said.place)).ok_or("an entry without a §")?;
    if !text.starts_with(&head(first)) {
        return wrong(&format!("the first line does not begin with {}", head(first)));
    }
    for said in &entry.said {
        let head = head(said);
        let is_there = |line: &str| line.starts_with(&head) && line.contains(&said.words);
        if !text.lines().any(is_there) {
            return wrong(&format!("no line {head}… {}", said.words));
        }
        if said.hint.as_ref().is_some_and(|hint| !hint.is_empty() && !text.contains(hint)) {
            return wrong(&format!("no hint {:?}", said.hint));
        }
    }
    Ok(())
}

fn taken(entry: &Entry, dir: &Path) -> Result<Ended, String> {
    child::write(entry, dir);
    let shown = match entry.kind {
        Kind::Config => settings_of(entry, dir).map(|settings| format!("{settings:?}")),
        Kind::Rules => rules_of(entry).map(|rules| added(&rules)),
    };
    let shown = shown.map_err(|findings| findings.to_string())?;
    if entry.reads.is_empty() {
        return Err("it says nothing of what is read".to_owned());
    }
    for (path, value) in &entry.reads {
        match shown::value_at(&shown, path) {
            Some(found) if found == value => {}
            found => return Err(format!("{path}\nexpected {value}\nfound    {found:?}\nin {shown}")),
        }
    }
    let ended = child::run(entry, dir);
    let said = String::from_utf8_lossy(&ended.stderr);
    let is_warning = |line: &str| line.starts_with([' ', 'h']) || line.contains(": warning: ");
    match ended.code {
        Some(0) if said.lines().all(is_warning) => Ok(ended),
        code => Err(format!("the binary: exit code {code:?}\n{said}")),
    }
}

/// What a directory of rules gives.
fn is_yaml(name: &str) -> bool {
    !name.starts_with('.') && (name.ends_with(".yaml") || name.ends_with(".yml"))
}

fn settings_of(entry: &Entry, dir: &Path) -> Result<Settings, Diagnostics> {
    if entry.files.iter().filter(|(name, _)| is_yaml(name)).count() > 1 {
        let loaded = include::load(&dir.join(&entry.files[0].0), read::Kind::Regular);
        return if loaded.errors.is_empty() {
            Ok(loaded.settings)
        } else {
            Err(Diagnostics::new(loaded.errors))
        };
    }
    let (name, bytes) = entry.files[0].clone();
    let file = RuleFile::from_bytes(name, bytes)?;
    config::parse(&file.name, &file.text)
}

/// What the entry's files brought: the last of each kind, and all packs by name.
fn added(rules: &Rules) -> String {
    let Rules { packs, overlays, shared, foreign, .. } = rules;
    let (pack, overlay) = (packs.last(), overlays.last());
    let (shared, foreign) = (shared.last(), foreign.last());
    format!("Added {{ pack: {pack:?}, overlay: {overlay:?}, shared: {shared:?}, foreign: {foreign:?} }}")
}
