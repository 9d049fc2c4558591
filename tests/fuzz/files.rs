//! A seeded fuzz of the two readers of files that people write: the entries of `tests/cases/files`, bent at random, as a
//! configuration and as a rule file.
//!
//! Asserts that nothing panics, that what is refused has findings, each with a place inside the text, and that what is
//! said is bounded and holds nothing that a terminal obeys. `FAULTLINE_FUZZ_FILES` is how many texts (default 20,000),
//! `FAULTLINE_FUZZ_SEED` begins another stream; a failure names the seed and the number, and the same seed fails again.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

use faultline::catalogue::diagnostic::Diagnostics;
use faultline::catalogue::load::{RuleFile, load};
use faultline::config;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::files::bundle::{Kind, entries};
use crate::fuzz::setting;

/// What readers of YAML trip over.
const PIECES: &[&str] = &[
    "\n",
    "\r",
    "\r\n",
    "\t",
    " ",
    "  ",
    "\n\t",
    "\n ",
    ": ",
    ":",
    "- ",
    "-",
    "? ",
    "[",
    "]",
    "{",
    "}",
    ",",
    "#",
    " #",
    "\"",
    "'",
    "''",
    "\\",
    "\\x",
    "\\ud83d",
    "|",
    ">",
    "|2-",
    ">+",
    "&a ",
    "*a",
    "!!str ",
    "!x ",
    "%YAML 1.2\n",
    "---",
    "\n---\n",
    "\n...\n",
    "<<: *a",
    "~",
    "null",
    "true",
    "0x1",
    "\0",
    "\u{7f}",
    "\u{85}",
    "\u{a0}",
    "\u{2028}",
    "\u{feff}",
    "\u{1b}[2J",
    "ü",
    "日",
    "😀",
    "{code}",
    "{x:",
    "(?",
    "*",
    "schema",
    "rules:\n  - ",
    "faultline.rules/v1",
    "<<<<<<< a\n",
    "=======\n",
];

/// Generous: a debug build on a busy machine.
const ONE_MAX: Duration = Duration::from_secs(20);

fn below(dice: &mut ChaCha8Rng, bound: usize) -> usize {
    (dice.next_u64() % bound.max(1) as u64) as usize
}

fn bent(dice: &mut ChaCha8Rng, pool: &[(Kind, Vec<u8>)]) -> (Kind, Vec<u8>) {
    let (kind, mut text) = pool[below(dice, pool.len())].clone();
    for _ in 0..=below(dice, 4) {
        let at = below(dice, text.len() + 1);
        let end = (at + below(dice, 12)).min(text.len());
        match below(dice, 8) {
            0 => text.truncate(at),
            1 => drop(text.drain(at..end)),
            2 => {
                let again = text[at..end].to_vec();
                text.splice(at..at, again.repeat(1 + below(dice, 20)));
            }
            3 => text.splice(at..end, [dice.next_u64() as u8]).for_each(drop),
            4 => {
                let other = &pool[below(dice, pool.len())].1;
                let from = below(dice, other.len() + 1);
                let part = other[from..(from + 60).min(other.len())].to_vec();
                text.splice(at..at, part);
            }
            _ => text.splice(at..at, PIECES[below(dice, PIECES.len())].bytes()).for_each(drop),
        }
    }
    (kind, text)
}

fn read(kind: Kind, text: &[u8]) -> Result<(), Diagnostics> {
    let file = RuleFile::from_bytes("f.yaml".to_owned(), text.to_vec())?;
    match kind {
        Kind::Config => config::parse(&file.name, &file.text).map(drop),
        Kind::Rules => load(&[], &[file]).map(drop),
    }
}

/// Gives whether it was refused.
fn check(kind: Kind, text: &[u8]) -> bool {
    let Err(findings) = read(kind, text) else { return false };
    assert!(!findings.is_empty(), "refused without a finding");
    let shown = String::from_utf8_lossy(text);
    let shown = shown.strip_prefix('\u{feff}').unwrap_or(&shown);
    let lines: Vec<usize> =
        shown.replace("\r\n", "\n").split(['\n', '\r']).map(|line| line.chars().count()).collect();
    for one in findings.iter() {
        let line = lines.get(one.line.wrapping_sub(1));
        let inside = line.is_some_and(|columns| (1..=columns + 1).contains(&one.column));
        assert!(inside && !one.message.is_empty(), "no place of the text: {one}");
    }
    let said = findings.to_string();
    assert!(said.chars().all(|c| c == '\n' || !c.is_control()), "a raw control character: {said:?}");
    assert!(said.len() < 4 << 20, "{} bytes are said", said.len());
    true
}

#[test]
fn bent_files_are_read_or_refused_with_places() {
    let texts = setting("FAULTLINE_FUZZ_FILES").unwrap_or(20_000);
    let seed = setting("FAULTLINE_FUZZ_SEED").unwrap_or(0x5eed);
    let folders = ["syntax", "meaning", "valid"].into_iter().flat_map(entries);
    let files = folders.flat_map(|entry| entry.files.into_iter().map(move |(_, text)| (entry.kind, text)));
    let pool: Vec<(Kind, Vec<u8>)> = files.filter(|(_, text)| text.len() < 4000).collect();
    let (mut refused, mut most) = (0, Duration::ZERO);
    for number in 0..texts {
        let mut dice = ChaCha8Rng::seed_from_u64(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ number);
        let (kind, text) = bent(&mut dice, &pool);
        let start = Instant::now();
        match catch_unwind(AssertUnwindSafe(|| check(kind, &text))) {
            Ok(is_refused) => refused += u64::from(is_refused),
            Err(panic) => {
                eprintln!(
                    "FAULTLINE_FUZZ_SEED={seed}, text {number}, {kind:?}: {:?}",
                    String::from_utf8_lossy(&text)
                );
                resume_unwind(panic);
            }
        }
        most = most.max(start.elapsed());
    }
    println!("fuzz: seed {seed}, {texts} files, {refused} refused, the longest took {most:?}");
    assert!(most < ONE_MAX, "one took {most:?}");
    assert!(refused > texts / 2 && refused < texts, "{refused} of {texts} were refused: the fuzz is blind");
}

/// Each piece again and again up to the bound of a configuration: what is quadratic takes hours.
#[test]
fn long_files_of_one_piece_end_soon() {
    const BYTES: usize = 1 << 20;
    let mut most = (Duration::ZERO, "");
    for piece in PIECES.iter().copied().chain([
        "a: ",
        "a:\n",
        "- a\n",
        "[a,",
        "a: &a\n",
        "*a ",
        "\"a\" ",
        "'a'\n",
        "k\u{fc}: [x\n",
    ]) {
        let body = piece.repeat(BYTES / piece.len());
        for (kind, text) in [
            (Kind::Config, body.clone()),
            (Kind::Config, format!("log:\n  level: \"{body}")),
            (Kind::Rules, format!("schema: faultline.rules/v1\nprovider: {{id: a}}\nnames: [{body}")),
            (
                Kind::Rules,
                format!("schema: faultline.rules/v1\nprovider: {{id: a}}\nsource:\n  note: {body}\n"),
            ),
        ] {
            let start = Instant::now();
            check(kind, text.as_bytes());
            most = most.max((start.elapsed(), piece));
        }
    }
    println!(
        "long files: {} bytes each, the longest took {:?} ({:?} again and again)",
        BYTES, most.0, most.1
    );
    assert!(most.0 < ONE_MAX, "{most:?}");
}
