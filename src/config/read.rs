//! Files of the configuration and of rules → their text. What cannot be read is a finding like any other, at the start of
//! the file; the callers that know who named the file put it there instead.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::redact;
use crate::catalogue::diagnostic::{Diagnostic, Diagnostics};
use crate::catalogue::load::RuleFile;

/// A configuration file is small; a larger one is a mistake.
pub(super) const CONFIG_BYTES_MAX: u64 = 1024 * 1024;
/// As much as the YAML reader takes, and a byte more so that it says so itself.
const RULES_BYTES_MAX: u64 = (16 << 20) + 1;

/// What may be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file that was found and not named.
    Regular,
    /// What somebody named himself: a pipe too, as in `--config.file <(…)`.
    Any,
}

/// How a path stands in findings.
pub(super) fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// A finding about a file as a whole, without an excerpt.
pub fn about(path: &Path, message: String) -> Diagnostic {
    Diagnostic { file: shown(path), line: 1, column: 1, message, hint: None, excerpt: String::new() }
}

/// Why a file or directory cannot be read, without the system's numbers.
pub fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "it does not exist".to_owned(),
        io::ErrorKind::PermissionDenied => "reading it is not permitted".to_owned(),
        io::ErrorKind::IsADirectory => "it is a directory".to_owned(),
        io::ErrorKind::NotADirectory => "a part of its path is no directory".to_owned(),
        _ => format!("it cannot be read: {error}"),
    }
}

/// The text of a configuration file.
pub(super) fn config(path: &Path, kind: Kind) -> Result<RuleFile, Diagnostics> {
    let bytes = bytes(path, CONFIG_BYTES_MAX + 1, kind)?;
    if bytes.len() as u64 > CONFIG_BYTES_MAX {
        let message = format!("this is no configuration file: it has more than {CONFIG_BYTES_MAX} bytes");
        return Err(about(path, message).into());
    }
    from_bytes(path, bytes)
}

/// The text of a rule file, or of a file that is one or the other.
pub fn text(path: &Path, kind: Kind) -> Result<RuleFile, Diagnostics> {
    from_bytes(path, bytes(path, RULES_BYTES_MAX, kind)?)
}

/// What is no UTF-8 may be a password.
fn from_bytes(path: &Path, bytes: Vec<u8>) -> Result<RuleFile, Diagnostics> {
    let name = shown(path);
    match std::str::from_utf8(&bytes) {
        Ok(_) => RuleFile::from_bytes(name, bytes),
        Err(_) => {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            RuleFile::from_bytes(name.clone(), bytes).map_err(|findings| {
                let mut findings = findings.into_vec();
                redact::excerpts(&name, &text, &mut findings);
                Diagnostics::new(findings)
            })
        }
    }
}

fn bytes(path: &Path, bytes_max: u64, kind: Kind) -> Result<Vec<u8>, Diagnostics> {
    let is_regular =
        || std::fs::metadata(path).map_or(true, |metadata| metadata.is_file() || metadata.is_dir());
    if kind == Kind::Regular && !is_regular() {
        return Err(about(path, "it is no regular file; reading it could wait forever".to_owned()).into());
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(bytes_max).read_to_end(&mut bytes))
        .map_err(|error| about(path, reason(&error)))?;
    Ok(bytes)
}

/// Every `*.yaml` and `*.yml` right in the directory, by name; files with a leading dot are left out.
pub fn rule_paths(dir: &Path) -> Result<Vec<PathBuf>, Diagnostics> {
    paths(dir, &|path| is_named(path, &["yaml", "yml"]))
}

/// The same and case files.
pub fn test_paths(dir: &Path) -> Result<Vec<PathBuf>, Diagnostics> {
    paths(dir, &|path| is_named(path, &["yaml", "yml"]) || is_cases(path))
}

/// `*.jsonl`
pub fn is_cases(path: &Path) -> bool {
    is_named(path, &["jsonl"])
}

fn is_named(path: &Path, extensions: &[&str]) -> bool {
    path.extension().is_some_and(|extension| extensions.iter().any(|one| extension == *one))
}

fn paths(dir: &Path, wanted: &dyn Fn(&Path) -> bool) -> Result<Vec<PathBuf>, Diagnostics> {
    let list = || -> io::Result<Vec<PathBuf>> {
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(dir)? {
            let path = entry?.path();
            let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
            if wanted(&path) && !is_hidden && !path.is_dir() {
                paths.push(path);
            }
        }
        paths.sort();
        Ok(paths)
    };
    list().map_err(|error| about(dir, reason(&error)).into())
}

/// That a file is there and is no directory; it is not opened.
pub fn presence(path: &Path) -> Result<(), Diagnostic> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Err(about(path, "it is a directory".to_owned())),
        Ok(_) => Ok(()),
        Err(error) => Err(about(path, reason(&error))),
    }
}
