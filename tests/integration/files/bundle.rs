//! Bundles under `tests/cases/files` → entries: the bytes of each file, where its findings stand and what they say.
//! The format is described in the README beside them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Config,
    Rules,
}

/// One finding that must come: where, and words of its message and hint.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Said {
    pub file: String,
    pub place: (usize, usize),
    pub words: String,
    /// None: not looked at. Empty: there is none.
    pub hint: Option<String>,
}

#[derive(Debug)]
pub struct Entry {
    /// `bundle: name`
    pub name: String,
    pub kind: Kind,
    pub said: Vec<Said>,
    /// Findings that are not listed may follow.
    pub more: bool,
    /// Path below the value that is read, and the value as `Debug` writes it.
    pub reads: Vec<(String, String)>,
    /// The first one is what the program is pointed at.
    pub files: Vec<(String, Vec<u8>)>,
    /// The first file is not written.
    pub absent: bool,
}

/// All entries of the bundles in one folder.
pub fn entries(folder: &str) -> Vec<Entry> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/files").join(folder);
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    let entries: Vec<Entry> = paths.iter().flat_map(|path| bundle(path)).collect();
    let mut names: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
    names.sort_unstable();
    names.windows(2).for_each(|two| assert_ne!(two[0], two[1], "two entries of one name"));
    entries
}

fn bundle(path: &Path) -> Vec<Entry> {
    let text = std::fs::read_to_string(path).unwrap();
    let bundle = path.file_stem().unwrap().to_string_lossy().into_owned();
    let mut snippets: HashMap<String, String> = HashMap::new();
    let mut entries = Vec::new();
    let mut parts = text.split("\n-- ");
    let head = parts.next().unwrap();
    let kind = head.lines().find_map(kind).unwrap_or_else(|| panic!("{bundle}: no @kind"));
    for part in parts {
        let (name, body) = part.split_once(" --\n").unwrap_or_else(|| panic!("{bundle}: header of {part}"));
        match name.strip_prefix('=') {
            Some(snippet) => {
                snippets.insert(snippet.to_owned(), body.trim_end_matches('\n').to_owned());
            }
            None => entries.push(entry(format!("{bundle}: {name}"), kind, body, &snippets)),
        }
    }
    entries
}

fn kind(line: &str) -> Option<Kind> {
    match line {
        "@kind config" => Some(Kind::Config),
        "@kind rules" => Some(Kind::Rules),
        _ => None,
    }
}

fn entry(name: String, kind_of_bundle: Kind, body: &str, snippets: &HashMap<String, String>) -> Entry {
    let mut entry = Entry {
        name,
        kind: kind_of_bundle,
        said: Vec::new(),
        more: false,
        reads: Vec::new(),
        files: Vec::new(),
        absent: false,
    };
    let mut sayings = Vec::new();
    let mut rest = body;
    while let Some((line, after)) = rest.split_once('\n').filter(|(line, _)| line.starts_with('@')) {
        rest = after;
        match (line.strip_prefix("@ "), kind(line), line) {
            (Some(read), ..) if read.contains(" == ") => {
                let (path, value) = read.split_once(" == ").unwrap();
                entry.reads.push((path.to_owned(), value.to_owned()));
            }
            (Some(said), ..) => sayings.push(said),
            (_, Some(kind), _) => entry.kind = kind,
            (_, _, "@more") => entry.more = true,
            (_, _, "@absent") => entry.absent = true,
            _ => panic!("{}: {line}", entry.name),
        }
    }
    let first = if entry.kind == Kind::Config { "f.yaml" } else { "r.yaml" };
    let mut places = Vec::new();
    let rest = format!("\n{}", rest.trim_end_matches('\n'));
    for (at, text) in rest.split("\n>> ").enumerate() {
        let (file, text) = match at {
            0 => (first, text.strip_prefix('\n').unwrap_or(text)),
            _ => text.split_once('\n').unwrap_or((text, "")),
        };
        let (bytes, marks) = bytes(&entry.name, text, snippets);
        places.extend(marks.iter().map(|mark| (file.to_owned(), place(&bytes, *mark))));
        entry.files.push((file.to_owned(), bytes));
    }
    assert_eq!(places.len(), sayings.len(), "{}: as many § as sayings", entry.name);
    for ((file, place), said) in places.into_iter().zip(sayings) {
        let (words, hint) = match said.rsplit_once(" | ") {
            Some((words, "-")) => (words, Some(String::new())),
            Some((words, hint)) => (words, Some(hint.to_owned())),
            None => (said, None),
        };
        entry.said.push(Said { file, place, words: words.to_owned(), hint });
    }
    entry
}

/// The bytes of a text in the notation of the bundles, and the offsets of its marks.
fn bytes(name: &str, text: &str, snippets: &HashMap<String, String>) -> (Vec<u8>, Vec<usize>) {
    let mut out = Vec::new();
    let mut marks = Vec::new();
    spell(name, &format!("{text}\n"), snippets, &mut out, &mut marks);
    (out, marks)
}

fn spell(
    name: &str,
    mut rest: &str,
    snippets: &HashMap<String, String>,
    out: &mut Vec<u8>,
    marks: &mut Vec<usize>,
) {
    while let Some(at) = rest.find(['§', '‹']) {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        if let Some(after) = rest[at..].strip_prefix('§') {
            marks.push(out.len());
            rest = after;
            continue;
        }
        let inner = &rest[at + '‹'.len_utf8()..];
        let (code, after) = inner.split_once('›').unwrap_or_else(|| panic!("{name}: no › behind ‹"));
        rest = after;
        if code == "cut" {
            rest = rest.strip_prefix('\n').unwrap_or_else(|| panic!("{name}: ‹cut› ends a line"));
        } else if let Some((times, what)) = code.split_once('×') {
            let what = what.replace('␤', "\n");
            out.extend_from_slice(what.repeat(times.parse().unwrap()).as_bytes());
        } else if let Some(snippet) = snippets.get(code) {
            spell(name, snippet, snippets, out, marks);
        } else {
            let byte = |hex: &str| u8::from_str_radix(hex, 16).unwrap_or_else(|_| panic!("{name}: ‹{code}›"));
            out.extend(code.split(' ').map(byte));
        }
    }
    out.extend_from_slice(rest.as_bytes());
}

/// Line and column of an offset, from 1, in characters. A line ends with LF, CR LF or a lone CR.
fn place(bytes: &[u8], at: usize) -> (usize, usize) {
    let head = bytes[..at].strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes[..at]);
    let head = String::from_utf8_lossy(head).replace("\r\n", "\n").replace('\r', "\n");
    let last = head.rsplit('\n').next().unwrap();
    (head.matches('\n').count() + 1, last.chars().count() + 1)
}
