//! `k=v`, `k="v"` and `k='v'` in running text: one object a line, as logfmt has it.
//!
//! Also masks what names codes without meaning an error: metric selectors, SQL, usage and help text, tables.

use std::sync::LazyLock;

use memchr::{memchr, memmem};
use regex::bytes::Regex;

use super::objects::unescape_once;
use super::views::{Format, MASK, NodeId, Place, Span, Views, fold, mask};

/// The object of each line that has pairs or elements, by the number of the line.
#[derive(Debug, Default)]
pub(super) struct LineObjects(Vec<(usize, NodeId)>);

impl Views {
    /// `k="v"`: the value is a text of its own.
    pub(super) fn quoted_pairs(
        &mut self,
        text: NodeId,
        work: &mut [u8],
        place: Place,
        lines: &mut LineObjects,
    ) {
        let mut at = 0;
        let mut line = Line::default();
        while let Some(equals) = memchr(b'=', &work[at..]).map(|i| at + i) {
            at = equals + 1;
            let Some(&quote @ (b'"' | b'\'')) = work.get(at) else { continue };
            let Some(key) = key_before(work, equals, b"$-.") else { continue };
            let (end, cut) = quoted_end(work, at, quote);
            let value = &work[at + 1..end];
            // An object that was read already stands in these quotes.
            if self.full() || (!value.is_empty() && value.iter().all(|b| *b == MASK)) {
                continue;
            }
            let value = if quote == b'"' { unescape_once(value) } else { fold(value) };
            let object = self.line_object(text, line.of(work, key), key, Format::Pairs, lines);
            let key_text = work[key..equals].to_vec();
            let at_place = Place { depth: place.depth + 1, cut, at: key, ..Place::default() };
            self.string_field(object, &key_text, &value, at_place);
            let end = (end + 1).min(work.len());
            mask(work, key, end);
            at = end;
        }
    }

    /// `k=v`: the value is plain text, or a URL that was encoded as a whole.
    pub(super) fn bare_pairs(
        &mut self,
        text: NodeId,
        work: &mut [u8],
        depth: usize,
        lines: &mut LineObjects,
    ) {
        let mut at = 0;
        let mut line = Line::default();
        while let Some(equals) = memchr(b'=', &work[at..]).map(|i| at + i) {
            at = equals + 1;
            let Some(key) = key_before(work, equals, b"$-.?&/") else { continue };
            let len = work[at..].iter().take_while(|b| !is_value_end(**b)).count();
            if self.full() || (len == 0 && work.get(at) == Some(&MASK)) {
                continue;
            }
            let value = work[at..at + len].to_vec();
            let cut = at + len == work.len() && self.text_of(text).is_some_and(|t| t.cut);
            let object = self.line_object(text, line.of(work, key), key, Format::Pairs, lines);
            let key_text = work[key..equals].to_vec();
            self.string_field(
                object,
                &key_text,
                &value,
                Place { depth: depth + 1, cut, at: key, ..Place::default() },
            );
            mask(work, key, at + len);
            at += len;
        }
    }

    /// `<tag>text</tag>`
    pub(super) fn elements(&mut self, text: NodeId, work: &mut [u8], depth: usize) {
        const TEXT_MAX: usize = 300;
        let mut at = 0;
        let mut line = Line::default();
        let mut lines = LineObjects::default();
        while let Some(open) = memchr(b'<', &work[at..]).map(|i| at + i) {
            at = open + 1;
            let name_len = work[at..]
                .iter()
                .take(64)
                .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b':' | b'.' | b'-'))
                .count();
            if name_len == 0 || work.get(at + name_len) != Some(&b'>') || self.full() {
                continue;
            }
            let start = at + name_len + 1;
            let len = work[start..].iter().take(TEXT_MAX).take_while(|b| **b != b'<' && **b != b'>').count();
            let name = work[at..at + name_len].to_vec();
            let close = [b"</", &name[..], b">"].concat();
            if len == 0 || !work[start + len..].starts_with(&close) {
                continue;
            }
            let value = work[start..start + len].trim_ascii().to_vec();
            let object = self.line_object(text, line.of(work, open), open, Format::Xml, &mut lines);
            self.string_field(object, &name, &value, Place { depth: depth + 1, ..Place::default() });
            mask(work, open, start + len + close.len());
            at = start + len;
        }
    }

    fn line_object(
        &mut self,
        text: NodeId,
        line: usize,
        at: usize,
        format: Format,
        lines: &mut LineObjects,
    ) -> NodeId {
        if let Some((_, id)) = lines.0.iter().find(|(l, _)| *l == line) {
            return *id;
        }
        let id = self.object(Some(text), Span::default(), at, format);
        lines.0.push((line, id));
        id
    }
}

/// Counts line ends as the scan goes on.
#[derive(Default)]
struct Line {
    at: usize,
    number: usize,
}

impl Line {
    fn of(&mut self, work: &[u8], position: usize) -> usize {
        if position > self.at {
            self.number += memchr::memchr_iter(b'\n', &work[self.at..position]).count();
            self.at = position;
        }
        self.number
    }
}

/// The key that ends at `equals`: `[A-Za-z_@][A-Za-z0-9_.@-]*`, not behind a word character or one of `not_behind`.
fn key_before(work: &[u8], equals: usize, not_behind: &[u8]) -> Option<usize> {
    let is_key = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'@' | b'-');
    let len = work[..equals].iter().rev().take(128).take_while(|b| is_key(**b)).count();
    let mut start = equals - len;
    // `--error=x` and `-Derror=x` are not keys of their own: the run must begin like a name.
    let begins = |b: u8| b.is_ascii_alphabetic() || b == b'_' || b == b'@';
    if start < equals && !begins(work[start]) {
        start = equals;
    }
    let before = start.checked_sub(1).map(|i| work[i]);
    (start < equals
        && !before.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_' || not_behind.contains(&b)))
    .then_some(start)
}

fn is_value_end(byte: u8) -> bool {
    byte.is_ascii_whitespace()
        || matches!(byte, b',' | b'"' | b'\'' | MASK | b'{' | b'}' | b'(' | b')' | b'[' | b']' | b';')
}

/// Where the quoted text that opens at `open` ends, and whether its quote is missing.
fn quoted_end(work: &[u8], open: usize, quote: u8) -> (usize, bool) {
    let mut at = open + 1;
    while at < work.len() {
        match work[at] {
            b'\\' => at += 1,
            b if b == quote => return (at, false),
            _ => {}
        }
        at += 1;
    }
    (work.len(), true)
}

/// Masks metric selectors, SQL, usage lines and tables: they name codes and mean no error.
pub(super) fn mask_nowhere(work: &mut [u8], sql: bool) {
    mask_selectors(work);
    if sql {
        mask_sql(work);
    }
    mask_lines(work);
}

/// `name{label="value"}`
fn mask_selectors(work: &mut [u8]) {
    let mut at = 0;
    while let Some(open) = memchr(b'{', &work[at..]).map(|i| at + i) {
        at = open + 1;
        let name = work[..open]
            .iter()
            .rev()
            .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b':'))
            .count();
        let Some(close) = work[at..].iter().take(4096).position(|b| matches!(b, b'{' | b'}')).map(|i| at + i)
        else {
            continue;
        };
        let inside = &work[at..close];
        if name > 0
            && work[close] == b'}'
            && (memmem::find(inside, b"=\"").is_some() || memmem::find(inside, b"=~\"").is_some())
        {
            mask(work, open - name, close + 1);
            at = close + 1;
        }
    }
}

static SQL_WORDS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("(?i-u)select|update|where").expect("a constant that compiles"));

/// Whether a record holds a word that SQL begins with: most do not, and are spared the closer look.
pub(super) fn may_hold_sql(text: &[u8]) -> bool {
    SQL_WORDS.is_match(text)
}

static SQL: LazyLock<Regex> = LazyLock::new(|| {
    let text = r#"(?i-u)\b(?:select\b[^;\n"]{1,400}?\bfrom\b|update\b[^;\n"]{1,200}?\bset\b|where\s+[\w.]+\s*(?:=|in\b|like\b|<|>|!))[^;\n"\x01{]*"#;
    Regex::new(text).expect("a constant that compiles")
});

fn mask_sql(work: &mut [u8]) {
    let mut at = 0;
    while let Some(found) = SQL.find_at(work, at).map(|m| m.range()) {
        at = found.end;
        mask(work, found.start, found.end);
    }
}

fn mask_lines(work: &mut [u8]) {
    let mut from = 0;
    while from < work.len() {
        let to = memchr(b'\n', &work[from..]).map_or(work.len(), |i| from + i);
        if is_help(&work[from..to]) {
            mask(work, from, to);
        } else if let Some(usage) = usage_at(&work[from..to]) {
            mask(work, from + usage, to);
        }
        from = to + 1;
    }
}

/// `usage:` in a line: what follows is help.
fn usage_at(line: &[u8]) -> Option<usize> {
    let stands = |at: usize| {
        line[at..at + 6].eq_ignore_ascii_case(b"usage:") && (at == 0 || !line[at - 1].is_ascii_alphanumeric())
    };
    memchr::memchr_iter(b':', line).filter_map(|colon| colon.checked_sub(5)).find(|&at| stands(at))
}

/// Usage and help text, comments of an exposition, rows of a table.
pub(super) fn is_help(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    let begins = |word: &[u8]| line.len() >= word.len() && line[..word.len()].eq_ignore_ascii_case(word);
    let option = line.starts_with(b"--") && line.get(2).is_some_and(u8::is_ascii_alphabetic);
    begins(b"usage:")
        || line.starts_with(b"# HELP ")
        || line.starts_with(b"# TYPE ")
        || option
        || (line.len() > 1 && line.starts_with(b"|") && line.ends_with(b"|"))
}
