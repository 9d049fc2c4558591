//! What is looked for: for each literal one short window inside a run that no encoding changes.
//!
//! Letters, digits, `_` and `-` stand for themselves in JSON, URLs, forms and XML, so a window of them is found in
//! every spelling of the literal. The rarest window wins, by a small model of log text. A literal without any such
//! character has its spellings written out. Windows are at most [`WINDOW_MAX`] bytes: the automaton stays in the cache.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use crate::catalogue::Catalogue;
use crate::catalogue::compile::{Conjunction, Expected, LiteralId, Pair};

/// Longest window, in bytes.
const WINDOW_MAX: usize = 8;
/// Shortest window where the literal gives the choice, in bytes.
const WINDOW_MIN: usize = 4;

/// Words that logs are full of: a window inside one of them is a poor one.
pub(super) const COMMON: &[&str] = &[
    "access",
    "account",
    "application",
    "audience",
    "authorization",
    "body",
    "callback",
    "certificate",
    "challenge",
    "client",
    "code",
    "complete",
    "configuration",
    "configured",
    "connection",
    "consumed",
    "cookie",
    "create",
    "credential",
    "custom",
    "database",
    "denied",
    "device",
    "document",
    "email",
    "endpoint",
    "environment",
    "error",
    "event",
    "exceeded",
    "exception",
    "exchange",
    "expires",
    "failed",
    "following",
    "found",
    "from",
    "generate",
    "grant",
    "header",
    "headers",
    "host",
    "http",
    "https",
    "info",
    "invalid",
    "issuer",
    "json",
    "level",
    "logger",
    "message",
    "method",
    "missing",
    "must",
    "name",
    "null",
    "organisation",
    "organization",
    "parameter",
    "password",
    "path",
    "please",
    "policy",
    "post",
    "processing",
    "profile",
    "provider",
    "query",
    "redirect",
    "refresh",
    "rejected",
    "request",
    "requested",
    "required",
    "resource",
    "response",
    "scope",
    "server",
    "service",
    "session",
    "signature",
    "signing",
    "status",
    "successfully",
    "supplied",
    "supported",
    "tenant",
    "that",
    "thread",
    "time",
    "timestamp",
    "token",
    "trace",
    "type",
    "unsupported",
    "user",
    "value",
    "verifier",
    "verify",
    "while",
    "with",
];

/// Those of them that nearly every line has, also where nothing went wrong.
const EVERYDAY: &[&str] = &["http", "info", "level", "message", "post", "request", "status", "time", "user"];

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
    /// The run of plain bytes around the window.
    pub run: Range<usize>,
}

impl Entry {
    fn new(target: Target, offset: usize, text: &[u8]) -> Entry {
        let run = runs(text).find(|run| run.contains(&offset)).unwrap_or(offset..offset);
        Entry { target, offset, text: text.into(), run }
    }
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
            windows.conjunction(conjunction);
        }
        for syntax in &catalogue.syntaxes {
            for prefix in code_prefixes(&syntax.source) {
                windows.add(&prefix, Entry::new(Target::Syntax, 0, &prefix));
            }
        }
        // A container runtime cuts long lines anywhere, also inside a literal.
        for marker in [&b"stdout P "[..], b"stderr P "] {
            windows.add(marker, Entry::new(Target::Always, 0, marker));
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
            let entry = Entry::new(Target::Literal { id, piece }, range.start, &pieces[piece]);
            self.add(&pieces[piece][range], entry);
            return;
        }
        let Some(piece) =
            (0..pieces.len()).max_by_key(|&i| pieces[i].len()).filter(|&i| !pieces[i].is_empty())
        else {
            return;
        };
        for spelling in spellings(&pieces[piece]) {
            self.add(&spelling, Entry::new(Target::Literal { id, piece }, 0, &spelling));
        }
    }

    /// The rarest text of a conjunction that every spelling of it holds: a value, or the names that a pair may have.
    fn conjunction(&mut self, conjunction: &Conjunction) {
        let texts = |pair: &Pair| -> Vec<Box<[u8]>> {
            match &pair.value {
                Expected::Exactly(value) if value.len() >= WINDOW_MIN => vec![value.as_bytes().into()],
                _ => pair
                    .names
                    .iter()
                    .filter_map(|path| path.last())
                    .map(|name| name.as_bytes().into())
                    .collect(),
            }
        };
        let cost = |texts: &Vec<Box<[u8]>>| {
            texts.iter().map(|t| rarest(t).map_or(0.0, |r| r.1)).fold(f64::MIN, f64::max)
        };
        let best = conjunction.pairs.iter().map(texts).min_by(|a, b| cost(a).total_cmp(&cost(b)));
        for text in best.into_iter().flatten() {
            if let Some((range, _)) = rarest(&text) {
                let entry = Entry::new(Target::Field, range.start, &text);
                self.add(&text[range], entry);
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
pub fn runs(text: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text[at..].iter().position(|&b| is_plain(b))?;
        let len = text[start..].iter().take_while(|&&b| is_plain(b)).count();
        at = start + len;
        Some(start..at)
    })
}

static COMMON_WORDS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    AhoCorasick::builder().ascii_case_insensitive(true).build(COMMON).expect("a list of words")
});

/// What sharing four letters with a common word costs.
const COMMON_COST: f64 = 9.0;
/// And with an everyday one: more than any other word does.
const EVERYDAY_COST: f64 = 24.0;

/// The rarest window of `text` and how common it is expected to be (natural logarithm).
fn rarest(text: &[u8]) -> Option<(Range<usize>, f64)> {
    let longest = runs(text).map(|r| r.len()).max()?;
    let shortest = longest.min(WINDOW_MIN);
    let common: Vec<Common> = COMMON_WORDS
        .find_overlapping_iter(text)
        .map(|m| Common { range: m.range(), everyday: EVERYDAY.contains(&COMMON[m.pattern().as_usize()]) })
        .collect();
    runs(text)
        .filter(|run| run.len() >= shortest)
        .flat_map(|run| {
            let len = run.len().min(WINDOW_MAX);
            (run.start..=run.end - len).map(move |start| start..start + len)
        })
        .map(|range| (range.clone(), commonness(text, &range, &common)))
        .min_by(|a, b| a.1.total_cmp(&b.1))
}

/// A common word in a text.
struct Common {
    range: Range<usize>,
    everyday: bool,
}

/// Sum of log frequencies of the bytes, with a surcharge for what it shares with a common word.
fn commonness(text: &[u8], window: &Range<usize>, common: &[Common]) -> f64 {
    let bytes: f64 = text[window.clone()].iter().map(|b| frequency(*b)).sum();
    let shared = |word: &Range<usize>| window.end.min(word.end).saturating_sub(window.start.max(word.start));
    let within = common.iter().filter(|c| shared(&c.range) >= WINDOW_MIN.min(c.range.len()));
    bytes + within.map(|c| if c.everyday { EVERYDAY_COST } else { COMMON_COST }).fold(0.0, f64::max)
}

/// About how often a byte stands in log text (natural logarithm).
fn frequency(byte: u8) -> f64 {
    match byte {
        b'e' | b't' | b'a' | b'i' | b'o' | b'n' | b's' | b'r' => -3.00,
        b'0'..=b'9' => -3.51,
        b'-' | b'_' => -3.91,
        b'l' | b'd' | b'c' | b'u' | b'm' | b'p' | b'h' => -3.69,
        b'f' | b'g' | b'b' | b'v' | b'w' | b'y' | b'k' => -4.61,
        b'A'..=b'Z' => -5.12,
        _ => -5.81,
    }
}

/// What every code of a syntax begins with, four bytes each where the syntax allows.
fn code_prefixes(syntax: &str) -> Vec<Box<[u8]>> {
    let hir = parsed(syntax);
    let mut extractor = regex_syntax::hir::literal::Extractor::new();
    extractor.limit_class(10).limit_literal_len(WINDOW_MIN).limit_total(20_000);
    let prefixes = extractor.extract(&hir);
    prefixes
        .literals()
        .unwrap_or_default()
        .iter()
        .map(|l| l.as_bytes())
        .filter(|l| !l.is_empty())
        .map(Box::from)
        .collect()
}

fn parsed(expression: &str) -> regex_syntax::hir::Hir {
    let mut parser = regex_syntax::ParserBuilder::new().unicode(false).utf8(false).build();
    parser.parse(expression).expect("checked when loaded")
}

/// The bytes that a match of `expression` may begin with; all of them where that is not told.
pub fn first_bytes(expression: &str) -> [bool; 256] {
    let hir = parsed(expression);
    let mut extractor = regex_syntax::hir::literal::Extractor::new();
    let first = extractor.limit_class(256).limit_literal_len(1).limit_total(256).extract(&hir);
    let mut begins = [true; 256];
    if let Some(first) = first.literals().filter(|all| all.iter().all(|one| !one.as_bytes().is_empty())) {
        begins = [false; 256];
        first.iter().for_each(|one| begins[usize::from(one.as_bytes()[0])] = true);
    }
    begins
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

#[cfg(test)]
mod tests {
    use super::first_bytes;

    #[test]
    fn the_first_bytes_of_an_expression_are_those_of_its_matches() {
        let of = |expression: &str| -> String {
            let begins = first_bytes(expression);
            (0..=127_u8).filter(|byte| begins[usize::from(*byte)]).map(char::from).collect()
        };
        assert_eq!(of(r"E[0-9]{7}"), "E");
        assert_eq!(of(r"(?:510|402)-[0-9]+|MDRM-\d+"), "45M");
        assert_eq!(of(r"(?i:x)[a-c]"), "Xx");
        for any in [r"a*b*", r".x", r""] {
            assert_eq!(of(any).len(), if any == ".x" { 127 } else { 128 }, "{any}");
        }
    }
}
