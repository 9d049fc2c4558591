//! The names that rotation gives: `app.log.1`, `app.log-20261120.gz`, `app-2026-11-20.log` are all generations of
//! `app.log`. A name only makes a file a candidate; its content decides.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::source::packing::Packing;

/// Endings that a compressor adds. What it is in truth its first bytes say.
const PACKED: [&[u8]; 5] = [b".gz", b".zst", b".zstd", b".bz2", b".xz"];

/// What people and tools write instead of a number or a date.
const WORDS: [&[u8]; 6] = [b"old", b"bak", b"orig", b"prev", b"last", b"backup"];

/// A turn has no more parts than that; a hostile name has.
const TURNS_MAX: usize = 32;

/// Whether `name` may be an earlier generation of `base`. Both are names without a directory.
pub fn is_generation(base: &OsStr, name: &OsStr) -> bool {
    let (base, name) = (base.as_encoded_bytes(), name.as_encoded_bytes());
    if name == base || base.is_empty() {
        return false;
    }
    let plain = without_packing(name);
    plain == base || follows(base, plain) || stands_before_the_extension(base, plain)
}

/// Names that a file called `name` may be a generation of.
pub fn bases_of(name: &OsStr) -> Vec<OsString> {
    let plain = without_packing(name.as_encoded_bytes());
    let mut bases = Vec::new();
    let mut offer = |base: &[u8]| {
        let base = OsStr::from_bytes(base);
        if is_generation(base, name) {
            bases.push(base.to_owned());
        }
    };
    offer(plain);
    let extension = memchr::memrchr(b'.', plain).map(|dot| &plain[dot..]);
    for place in memchr::memrchr3_iter(b'.', b'-', b'_', plain).take(TURNS_MAX) {
        offer(&plain[..place]);
        if let Some(extension) = extension {
            offer(&[&plain[..place], extension].concat());
        }
    }
    bases
}

/// What the name says of the packing.
pub fn packing_of(path: &Path) -> Packing {
    match path.extension().map(OsStr::as_encoded_bytes) {
        Some(b"gz") => Packing::Gzip,
        Some(b"zst" | b"zstd") => Packing::Zstd,
        _ => Packing::Plain,
    }
}

/// Whether the name says that a compressor made the file.
pub fn names_a_packed_one(name: &OsStr) -> bool {
    without_packing(name.as_encoded_bytes()).len() < name.len()
}

/// The name without the ending of a compressor.
pub fn without_packing(name: &[u8]) -> &[u8] {
    PACKED
        .iter()
        .find_map(|ending| name.strip_suffix(*ending))
        .filter(|rest| !rest.is_empty())
        .unwrap_or(name)
}

/// `app.log.1`
fn follows(base: &[u8], name: &[u8]) -> bool {
    name.strip_prefix(base).is_some_and(is_turn)
}

/// `app-1.log`
fn stands_before_the_extension(base: &[u8], name: &[u8]) -> bool {
    let Some(dot) = memchr::memrchr(b'.', base).filter(|dot| *dot > 0) else { return false };
    let (stem, extension) = base.split_at(dot);
    let turn = name.strip_prefix(stem).and_then(|rest| rest.strip_suffix(extension));
    turn.is_some_and(is_turn)
}

/// A separator, then digits, dates or a word.
fn is_turn(turn: &[u8]) -> bool {
    let Some((separator, turn)) = turn.split_first() else { return false };
    if !matches!(separator, b'.' | b'-' | b'_') {
        return false;
    }
    let is_of_time = |byte: &u8| byte.is_ascii_digit() || b".-_:+TZ".contains(byte);
    WORDS.contains(&turn) || (turn.iter().any(u8::is_ascii_digit) && turn.iter().all(is_of_time))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(base: &str, name: &str) -> bool {
        is_generation(OsStr::new(base), OsStr::new(name))
    }

    #[test]
    fn the_names_of_common_rotations_are_generations() {
        for name in [
            "app.log.1",
            "app.log.12.gz",
            "app.log-20261120",
            "app.log-20261120.zst",
            "app.log.2026-11-20_10:00",
            "app.log.old",
            "app-2026-11-20.log",
            "app.3.log.gz",
            "app.log.gz",
            "app.log.20261120-101010.gz",
        ] {
            assert!(is("app.log", name), "{name}");
        }
        assert!(is("0.log", "0.log.20261120-101010"));
        assert!(is("messages", "messages-20261120"));
    }

    #[test]
    fn the_base_is_among_those_that_a_name_offers() {
        for name in ["app.log.1", "app.log-20261120.gz", "app-2026-11-20.log", "app.log.2026-11-20_10:00.zst"]
        {
            assert!(bases_of(OsStr::new(name)).contains(&"app.log".into()), "{name}");
        }
        assert_eq!(bases_of(OsStr::new("app.log")), Vec::<OsString>::new());
    }

    #[test]
    fn other_files_beside_it_are_none() {
        for name in [
            "app.log",
            "app.log.swp",
            "app.logs",
            "app.log.d",
            "app-error.log",
            "application.log",
            "app.log.1.tmp",
            "b.log.1",
            "app.log.",
            "app.log-",
            ".gz",
            "app.log~",
        ] {
            assert!(!is("app.log", name), "{name}");
        }
        assert!(!is("messages", "messages-audit"));
    }
}
