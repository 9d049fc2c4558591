//! What is looked for: for each literal one short window inside a run that no encoding changes.
//!
//! Letters, digits, `_` and `-` stand for themselves in JSON, URLs, forms and XML, so a window of them is found in
//! every spelling of the literal. The rarest window wins, by a small model of log text. A literal without any such
//! character has its spellings written out. Windows are at most [`WINDOW_MAX`] bytes: the automaton stays in the cache.

use std::collections::HashMap;

use crate::catalogue::Catalogue;
use crate::catalogue::compile::{Expected, LiteralId};

/// Longest window, in bytes.
const WINDOW_MAX: usize = 8;
/// Shortest window where the literal gives the choice, in bytes.
const WINDOW_MIN: usize = 4;

/// Words that logs are full of: a window inside one of them is a poor one.
const COMMON: &[&str] = &[
    "access",
    "application",
    "authorization",
    "body",
    "client",
    "code",
    "configured",
    "connection",
    "error",
    "exception",
    "failed",
    "following",
    "from",
    "grant",
    "header",
    "headers",
    "host",
    "invalid",
    "message",
    "method",
    "missing",
    "must",
    "name",
    "null",
    "parameter",
    "password",
    "path",
    "please",
    "policy",
    "processing",
    "request",
    "requested",
    "required",
    "resource",
    "response",
    "scope",
    "server",
    "service",
    "session",
    "supported",
    "that",
    "time",
    "token",
    "type",
    "user",
    "value",
    "while",
    "with",
];

/// What a window leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    Literal {
        id: LiteralId,
        piece: usize,
    },
    /// The value or a field name of a conjunction; looked at in the parsed record.
    Field,
    /// The start of a code of a known syntax.
    Syntax,
    /// A marker after which a record is always looked at.
    Always,
}

#[derive(Debug, Clone)]
pub struct Entry {
    pub target: Target,
    /// Where the window stands in `text`.
    pub offset: usize,
    /// The whole text that holds the window: a piece of the literal, a value, a field name.
    pub text: Box<[u8]>,
}

#[derive(Debug, Default)]
pub struct Windows {
    texts: Vec<Box<[u8]>>,
    entries: Vec<Vec<Entry>>,
    index: HashMap<Box<[u8]>, usize>,
}

impl Windows {
    pub fn of(catalogue: &Catalogue) -> Windows {
        let mut windows = Windows::default();
        for (id, literal) in catalogue.literals.iter().enumerate() {
            windows.literal(id, literal.pattern.pieces());
        }
        for conjunction in &catalogue.conjunctions {
            windows.conjunction(&conjunction.pairs[conjunction.anchor]);
        }
        for syntax in &catalogue.syntaxes {
            for prefix in code_prefixes(&syntax.source) {
                windows.add(&prefix, Entry { target: Target::Syntax, offset: 0, text: prefix.clone() });
            }
        }
        // A container runtime cuts long lines anywhere, also inside a literal.
        for marker in [&b"stdout P "[..], b"stderr P "] {
            windows.add(marker, Entry { target: Target::Always, offset: 0, text: marker.into() });
        }
        windows
    }

    pub fn texts(&self) -> &[Box<[u8]>] {
        &self.texts
    }

    pub fn entries(&self, window: usize) -> &[Entry] {
        &self.entries[window]
    }

    fn literal(&mut self, id: LiteralId, pieces: &[Box<[u8]>]) {
        let best = (0..pieces.len())
            .filter_map(|piece| rarest(&pieces[piece]).map(|(range, cost)| (piece, range, cost)))
            .min_by(|a, b| a.2.total_cmp(&b.2));
        if let Some((piece, range, _)) = best {
            let entry = Entry {
                target: Target::Literal { id, piece },
                offset: range.start,
                text: pieces[piece].clone(),
            };
            self.add(&pieces[piece][range], entry);
            return;
        }
        let Some(piece) =
            (0..pieces.len()).max_by_key(|&i| pieces[i].len()).filter(|&i| !pieces[i].is_empty())
        else {
            return;
        };
        for spelling in spellings(&pieces[piece]) {
            self.add(
                &spelling,
                Entry { target: Target::Literal { id, piece }, offset: 0, text: spelling.clone() },
            );
        }
    }

    /// The anchor's value, or its field names where the value is too short to look for.
    fn conjunction(&mut self, anchor: &crate::catalogue::compile::Pair) {
        if let Expected::Exactly(value) = &anchor.value
            && value.len() >= WINDOW_MIN
            && let Some((range, _)) = rarest(value.as_bytes())
        {
            let entry = Entry { target: Target::Field, offset: range.start, text: value.as_bytes().into() };
            return self.add(&value.as_bytes()[range], entry);
        }
        for name in anchor.names.iter().filter_map(|path| path.last()) {
            if let Some((range, _)) = rarest(name.as_bytes()) {
                let entry =
                    Entry { target: Target::Field, offset: range.start, text: name.as_bytes().into() };
                self.add(&name.as_bytes()[range], entry);
            }
        }
    }

    fn add(&mut self, window: &[u8], entry: Entry) {
        let at = *self.index.entry(window.into()).or_insert_with(|| {
            self.texts.push(window.into());
            self.entries.push(Vec::new());
            self.texts.len() - 1
        });
        let known = self.entries[at]
            .iter()
            .any(|e| e.target == entry.target && e.text == entry.text && e.offset == entry.offset);
        if !known {
            self.entries[at].push(entry);
        }
    }
}

/// A byte that no encoding changes.
pub fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

/// The runs of plain bytes of `text`, in order.
pub fn runs(text: &[u8]) -> impl Iterator<Item = std::ops::Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text[at..].iter().position(|&b| is_plain(b))?;
        let len = text[start..].iter().take_while(|&&b| is_plain(b)).count();
        at = start + len;
        Some(start..at)
    })
}

/// The rarest window of `text` and how common it is expected to be (natural logarithm).
fn rarest(text: &[u8]) -> Option<(std::ops::Range<usize>, f64)> {
    let longest = runs(text).map(|r| r.len()).max()?;
    let shortest = longest.min(WINDOW_MIN);
    runs(text)
        .filter(|run| run.len() >= shortest)
        .flat_map(|run| {
            let len = run.len().min(WINDOW_MAX);
            (run.start..=run.end - len).map(move |start| start..start + len)
        })
        .map(|range| (range.clone(), commonness(text, &range)))
        .min_by(|a, b| a.1.total_cmp(&b.1))
}

/// Sum of log frequencies of the bytes, with a surcharge inside a common word.
fn commonness(text: &[u8], range: &std::ops::Range<usize>) -> f64 {
    let window = &text[range.clone()];
    let bytes: f64 = window.iter().map(|b| frequency(*b).ln()).sum();
    let lower = window.to_ascii_lowercase();
    let common = COMMON.iter().any(|word| {
        let word = word.as_bytes();
        memchr::memmem::find(word, &lower).is_some()
            || memchr::memmem::find(&lower, word).is_some() && lower.len() < word.len() + 3
    });
    if common { bytes + 9.0 } else { bytes }
}

/// About how often a byte stands in log text.
fn frequency(byte: u8) -> f64 {
    match byte {
        b'e' | b't' | b'a' | b'i' | b'o' | b'n' | b's' | b'r' => 0.05,
        b'0'..=b'9' => 0.03,
        b'-' | b'_' => 0.02,
        b'l' | b'd' | b'c' | b'u' | b'm' | b'p' | b'h' => 0.025,
        b'f' | b'g' | b'b' | b'v' | b'w' | b'y' | b'k' => 0.01,
        b'A'..=b'Z' => 0.006,
        _ => 0.003,
    }
}

/// What every code of a syntax begins with, four bytes each where the syntax allows.
fn code_prefixes(syntax: &str) -> Vec<Box<[u8]>> {
    let hir = regex_syntax::ParserBuilder::new()
        .unicode(false)
        .utf8(false)
        .build()
        .parse(syntax)
        .expect("checked when loaded");
    let mut extractor = regex_syntax::hir::literal::Extractor::new();
    extractor.limit_class(10).limit_literal_len(WINDOW_MIN).limit_total(20_000);
    let prefixes = extractor.extract(&hir);
    prefixes
        .literals()
        .unwrap_or_default()
        .iter()
        .map(|l| l.as_bytes().into())
        .filter(|l: &Box<[u8]>| !l.is_empty())
        .collect()
}

/// A text without plain bytes as JSON, URLs and forms write it.
fn spellings(text: &[u8]) -> Vec<Box<[u8]>> {
    let utf8 = String::from_utf8_lossy(text);
    let percent = |upper: bool| -> String {
        text.iter().map(|b| if upper { format!("%{b:02X}") } else { format!("%{b:02x}") }).collect()
    };
    let json = |upper: bool| -> String {
        let mut units = [0u16; 2];
        utf8.chars()
            .flat_map(|c| c.encode_utf16(&mut units).to_vec())
            .map(|u| if upper { format!("\\u{u:04X}") } else { format!("\\u{u:04x}") })
            .collect()
    };
    let mut all: Vec<Box<[u8]>> = vec![text.into()];
    all.extend(
        [percent(true), percent(false), json(true), json(false)].into_iter().map(|s| s.into_bytes().into()),
    );
    all.sort();
    all.dedup();
    all
}
