//! What is wrong with a glob, where, and what may have been meant; in words for people.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt;

/// Bytes of a glob; no path is longer.
pub(super) const PATTERN_BYTES_MAX: usize = 4096;
/// Globs that one glob may stand for through braces that hold a `/`.
pub(super) const ALTERNATIVES_MAX: usize = 256;
/// Braces within braces.
pub(super) const BRACES_DEPTH_MAX: usize = 8;

/// A glob that is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadPattern {
    pub pattern: OsString,
    /// Bytes before what is wrong.
    pub at: usize,
    pub flaw: Flaw,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flaw {
    Empty,
    TooLong,
    /// It ends with `/`.
    Directory,
    OpenClass,
    OpenBrace,
    LoneBrace,
    DeepBraces,
    DanglingBackslash,
    SlashInClass,
    /// Names are compared byte by byte.
    WideClass,
    BackwardRange(char, char),
    TooManyAlternatives,
    NotUtf8,
    Other(String),
}

impl BadPattern {
    /// What may have been meant.
    pub fn hint(&self) -> String {
        let plain = |c| format!("a backslash makes a plain character of it: \\{c}");
        match &self.flaw {
            Flaw::Empty => "name a file, or many: /var/log/app/*.log".to_owned(),
            Flaw::TooLong => format!("at most {PATTERN_BYTES_MAX} bytes, as a path"),
            Flaw::Directory => {
                "it names a directory; write /* behind it for its files, /** for all below it".to_owned()
            }
            Flaw::OpenClass | Flaw::SlashInClass => plain('['),
            Flaw::OpenBrace => plain('{'),
            Flaw::LoneBrace => plain('}'),
            Flaw::DeepBraces => format!("braces go {BRACES_DEPTH_MAX} deep at most"),
            Flaw::DanglingBackslash => "two of them are a plain backslash".to_owned(),
            Flaw::WideClass => "write {ä,ö} instead of [äö]".to_owned(),
            Flaw::BackwardRange(from, to) => format!("write [{to}-{from}]"),
            Flaw::TooManyAlternatives => "write several globs".to_owned(),
            Flaw::NotUtf8 => "a name that is not UTF-8 can be named whole, or as *".to_owned(),
            Flaw::Other(_) => {
                "the characters *, ?, [, ] and braces are special; a backslash makes them plain".to_owned()
            }
        }
    }
}

impl fmt::Display for BadPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let before = String::from_utf8_lossy(&self.pattern.as_bytes()[..self.at.min(self.pattern.len())]);
        let place = before.chars().count() + 1;
        let shown = printable(&self.pattern);
        match &self.flaw {
            Flaw::Empty => write!(f, "the path is empty"),
            Flaw::TooLong => write!(f, "the path has {} bytes", self.pattern.len()),
            Flaw::Directory => write!(f, "`{shown}` ends with /"),
            flaw => {
                write!(f, "`{shown}` is no glob: ")?;
                match flaw {
                    Flaw::OpenClass => write!(f, "[ at character {place} has no ]"),
                    Flaw::OpenBrace => write!(f, "{{ at character {place} has no }}"),
                    Flaw::LoneBrace => write!(f, "}} at character {place} has no {{"),
                    Flaw::DeepBraces => write!(f, "the brace at character {place} is one too many"),
                    Flaw::DanglingBackslash => {
                        write!(f, "the backslash at character {place} has nothing to act on")
                    }
                    Flaw::SlashInClass => {
                        write!(f, "the [ ] at character {place} holds a /, which is in no name")
                    }
                    Flaw::WideClass => {
                        write!(f, "the [ ] at character {place} holds a character that is not ASCII")
                    }
                    Flaw::BackwardRange(from, to) => {
                        write!(f, "the range {from}-{to} at character {place} is backward")
                    }
                    Flaw::TooManyAlternatives => {
                        write!(f, "its braces stand for more than {ALTERNATIVES_MAX} globs")
                    }
                    Flaw::NotUtf8 => write!(f, "the part at character {place} is not UTF-8"),
                    Flaw::Other(why) => write!(f, "at character {place}: {why}"),
                    _ => Ok(()),
                }
            }
        }
    }
}

impl std::error::Error for BadPattern {}

/// Names may hold line breaks and what a terminal obeys.
fn printable(pattern: &OsStr) -> String {
    let mut text = String::new();
    for c in pattern.to_string_lossy().chars() {
        match c.is_control() {
            true => text.extend(c.escape_debug()),
            false => text.push(c),
        }
    }
    text
}
