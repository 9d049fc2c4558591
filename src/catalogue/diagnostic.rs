//! What is wrong in a text that somebody wrote, and where: one [`Diagnostic`] a finding, [`Diagnostics`] for all of them.
//!
//! Knows nothing of rules: the configuration file reports through it too. Names, messages and excerpts may hold any
//! bytes of the file, so everything that is printed is escaped. `parse_yaml` (from `yaml`) makes a value of a text
//! and finds every error of it, not the first.

use std::borrow::Cow;
use std::fmt::{self, Display, Write as _};

pub use super::yaml::{Locator, Step, parse_yaml, parse_yaml_located, read_yaml, says_nothing, top_keys};

/// Characters of a source line that an excerpt shows; a longer line is cut around the caret.
const EXCERPT_CHARS_MAX: usize = 100;
/// Characters of a quoted name or value inside a message.
const QUOTED_CHARS_MAX: usize = 60;
/// Candidates that a hint lists.
const LISTED_MAX: usize = 40;
/// Candidates that a misspelling is compared with.
const COMPARED_MAX: usize = 4000;
/// Findings that are printed; the rest is counted.
const PRINTED_MAX: usize = 500;

/// One finding. Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// A path or the name of a built-in file, as it was given.
    pub file: String,
    pub line: usize,
    pub column: usize,
    pub message: String,
    pub hint: Option<String>,
    /// The source line, escaped, and a caret line below it; empty where there is no such line.
    pub excerpt: String,
}

impl Diagnostic {
    /// A finding at a place of `text`; the excerpt is cut from there. For many findings of one text see [`SourceText`].
    pub fn new(file: &str, text: &str, place: (usize, usize), message: String) -> Diagnostic {
        SourceText::new(file, text).finding(place, message)
    }

    pub fn with_hint(mut self, hint: Option<String>) -> Diagnostic {
        self.hint = hint;
        self
    }
}

/// A text and where its lines begin, to cut many excerpts from.
#[derive(Debug)]
pub struct SourceText<'t> {
    file: &'t str,
    text: &'t str,
    /// Byte offsets.
    lines: Vec<usize>,
}

impl<'t> SourceText<'t> {
    pub fn new(file: &'t str, text: &'t str) -> SourceText<'t> {
        let bytes = text.as_bytes();
        // a CR alone ends a line as well, as YAML has it
        let ends = memchr::memchr2_iter(b'\n', b'\r', bytes).map(|end| end + 1);
        let ends = ends.filter(|end| bytes[end - 1] == b'\n' || bytes.get(*end) != Some(&b'\n'));
        SourceText { file, text, lines: std::iter::once(0).chain(ends).collect() }
    }

    /// `place` is line and column, both from 1.
    pub fn finding(&self, place: (usize, usize), message: String) -> Diagnostic {
        let source = self.line(place.0);
        let before: usize = source.chars().take(place.1.saturating_sub(1)).map(char::len_utf8).sum();
        let start = source.as_ptr().addr() - self.text.as_ptr().addr();
        self.finding_at(place, start + before, message)
    }

    /// Line and column of an offset.
    pub fn place_of(&self, byte: usize) -> (usize, usize) {
        let line = self.lines.partition_point(|start| *start <= byte);
        let start = self.lines[line - 1];
        (line, self.text[start..byte].chars().count() + 1)
    }

    /// The same where the offset in the text is known, which saves counting along a long line.
    pub fn finding_at(&self, (line, column): (usize, usize), byte: usize, message: String) -> Diagnostic {
        let source = self.line(line);
        let start = source.as_ptr().addr() - self.text.as_ptr().addr();
        let column_byte = byte.saturating_sub(start).min(source.len());
        let (before, after) = source.split_at_checked(column_byte).unwrap_or((source, ""));
        let excerpt = excerpt(line, before, after);
        Diagnostic { file: self.file.to_string(), line, column, message, hint: None, excerpt }
    }

    /// Without its end; empty behind the last one.
    fn line(&self, line: usize) -> &'t str {
        let start = self.lines.get(line.saturating_sub(1)).copied().unwrap_or(self.text.len());
        let end = self.lines.get(line).copied().unwrap_or(self.text.len());
        self.text[start..end].trim_end_matches(['\n', '\r'])
    }
}

impl Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = self.message.replace('\n', " ");
        writeln!(f, "{}:{}:{}: {}", printable(&self.file), self.line, self.column, printable(&message))?;
        if !self.excerpt.is_empty() {
            writeln!(f, "{}", self.excerpt)?;
        }
        match &self.hint {
            Some(hint) => writeln!(f, "hint: {}", printable(hint)),
            None => Ok(()),
        }
    }
}

/// All findings of all files, by file and place; never empty when it is an error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    pub fn new(mut all: Vec<Diagnostic>) -> Diagnostics {
        all.sort_by(|a, b| {
            (&a.file, a.line, a.column, &a.message).cmp(&(&b.file, b.line, b.column, &b.message))
        });
        all.dedup();
        Diagnostics(all)
    }

    pub fn into_vec(self) -> Vec<Diagnostic> {
        self.0
    }

    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Both together, sorted again.
    pub fn merged(self, other: Diagnostics) -> Diagnostics {
        Diagnostics::new(self.0.into_iter().chain(other.0).collect())
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(one: Diagnostic) -> Diagnostics {
        Diagnostics(vec![one])
    }
}

impl Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for diagnostic in self.0.iter().take(PRINTED_MAX) {
            diagnostic.fmt(f)?;
        }
        match self.0.len().checked_sub(PRINTED_MAX) {
            None | Some(0) => Ok(()),
            Some(more) => writeln!(f, "and {more} more"),
        }
    }
}

impl std::error::Error for Diagnostics {}

/// A name or value of the file inside a message: escaped, cut, between backticks.
pub fn quoted(text: &str) -> String {
    let mut out = String::from("`");
    for (n, c) in text.chars().enumerate() {
        if n == QUOTED_CHARS_MAX {
            out.push('…');
            break;
        }
        push_printable(&mut out, c);
    }
    out.push('`');
    out
}

/// ``did you mean `category`?`` for a near miss, else what is known in this place.
pub fn suggest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>, kind: &str) -> Option<String> {
    let known: Vec<&str> = known.into_iter().take(COMPARED_MAX).collect();
    if let Some(near) = nearest(word, known.iter().copied()) {
        return Some(format!("did you mean {}?", quoted(near)));
    }
    if known.is_empty() {
        return None;
    }
    let list: Vec<String> = known.iter().take(LISTED_MAX).map(|one| quoted(one)).collect();
    let rest = if known.len() > LISTED_MAX { ", …" } else { "" };
    Some(format!("known {kind}: {}{rest}", list.join(", ")))
}

/// The candidate that `word` is most likely a misspelling of.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const WORD_CHARS_MAX: usize = 64;
    if word.is_empty() || word.chars().count() > WORD_CHARS_MAX {
        return None;
    }
    let fold = |s: &str| s.to_lowercase().replace(['-', ' '], "_");
    let word = fold(word);
    let distance_max = (word.chars().count() / 3).clamp(1, 3);
    known
        .into_iter()
        .take(COMPARED_MAX)
        .filter(|one| one.len() <= 4 * WORD_CHARS_MAX)
        .map(|one| (distance(&word, &fold(one), distance_max), one))
        .filter(|(distance, _)| *distance <= distance_max)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, one)| one)
}

/// Edits between two words; at the bound where one is the beginning of the other, or the same parts in another order.
fn distance(word: &str, known: &str, bound: usize) -> usize {
    const BEGINNING_MIN: usize = 4;
    let edits = strsim::osa_distance(word, known);
    let begins = known.len() <= 2 * word.len() && word.len() >= BEGINNING_MIN && known.starts_with(word);
    let parts = |word: &str| {
        let mut parts: Vec<String> = word.split('_').map(str::to_owned).collect();
        parts.sort();
        parts
    };
    let turned = || word.contains('_') && word.len() == known.len() && parts(word) == parts(known);
    if edits > bound && (begins || turned()) { bound } else { edits }
}

/// The line with its number, cut around the place between `before` and `after`, and a caret below.
fn excerpt(line: usize, before: &str, after: &str) -> String {
    const BEFORE_MAX: usize = EXCERPT_CHARS_MAX * 2 / 3;
    let cut = before.char_indices().rev().nth(BEFORE_MAX - 1).map_or(0, |(at, _)| at);
    let mut shown = String::new();
    if cut > 0 {
        shown.push('…');
    }
    before[cut..].chars().for_each(|c| push_printable(&mut shown, c));
    let caret = " ".repeat(shown.chars().count());
    let mut rest = after.chars();
    let left = EXCERPT_CHARS_MAX - before[cut..].chars().count();
    rest.by_ref().take(left).for_each(|c| push_printable(&mut shown, c));
    if rest.next().is_some() {
        shown.push('…');
    }
    let number = line.to_string();
    let gutter = " ".repeat(number.len());
    format!(" {number} | {shown}\n {gutter} | {caret}^")
}

/// The text with everything escaped that a terminal or log could take for more than text.
fn printable(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|b| (0x20..0x7f).contains(&b)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    text.chars().for_each(|c| push_printable(&mut out, c));
    Cow::Owned(out)
}

fn push_printable(out: &mut String, c: char) {
    match c {
        '\t' => out.push_str("    "),
        '"' | '\'' | '\\' => out.push(c),
        _ => write!(out, "{}", c.escape_debug()).expect("a String takes every write"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_the_place_and_the_caret_stands_below_the_column() {
        let text = "schema: x\nrules:\n  - catagory: token\n";
        let one = Diagnostic::new("a.yaml", text, (3, 5), "unknown field `catagory`".into())
            .with_hint(suggest("catagory", ["code", "category"], "fields"));
        assert_eq!(
            one.to_string(),
            "a.yaml:3:5: unknown field `catagory`\n 3 |   - catagory: token\n   |     ^\nhint: did you mean `category`?\n"
        );
    }

    #[test]
    fn what_a_terminal_would_obey_is_escaped_everywhere() {
        let hostile = "a\u{1b}[2J\u{202e}\u{9b}b\r";
        let one = Diagnostic::new(hostile, hostile, (1, 8), format!("unknown {}", quoted(hostile)))
            .with_hint(Some(hostile.to_string()));
        let shown = one.to_string();
        assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{shown:?}");
        assert!(!shown.contains('\u{202e}'));
        let caret = shown.lines().nth(2).unwrap();
        let line = shown.lines().nth(1).unwrap();
        assert_eq!(line.chars().nth(caret.chars().count() - 1), Some('b'), "{shown}");
    }

    #[test]
    fn a_long_line_is_cut_around_the_caret() {
        let text = format!("{}X{}", "a".repeat(5000), "b".repeat(5000));
        let one = Diagnostic::new("f", &text, (1, 5001), "m".into());
        let lines: Vec<&str> = one.excerpt.lines().collect();
        assert!(lines[0].chars().count() < 120);
        assert_eq!(lines[0].chars().nth(lines[1].chars().count() - 1), Some('X'));
    }

    #[test]
    fn findings_come_out_by_file_and_place() {
        let at = |file: &str, line| Diagnostic::new(file, "", (line, 1), "m".into());
        let all = Diagnostics::new(vec![at("b", 1), at("a", 10), at("a", 9), at("a", 9)]);
        let order: Vec<_> = all.iter().map(|d| (d.file.as_str(), d.line)).collect();
        assert_eq!(order, [("a", 9), ("a", 10), ("b", 1)]);
    }

    #[test]
    fn a_suggestion_needs_a_near_miss() {
        assert_eq!(nearest("rate-limit", ["request", "rate_limit"]), Some("rate_limit"));
        assert_eq!(nearest("Error", ["error", "info"]), Some("error"));
        assert_eq!(nearest("alias", ["class", "aliases"]), Some("aliases"));
        assert_eq!(nearest("max_series", ["series_min", "series_max"]), Some("series_max"));
        assert_eq!(nearest("file", ["files_and_more"]), None);
        assert_eq!(nearest("code", ["kind", "level"]), None);
        assert_eq!(nearest("", ["a"]), None);
        assert_eq!(suggest("zzz", ["a", "b"], "values").as_deref(), Some("known values: `a`, `b`"));
    }
}
