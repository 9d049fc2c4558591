//! Error positions: where a code or text says that something failed (E1 to E4), and where it says nothing at all.

use std::ops::Range;

use super::names::Field as Name;
use super::prose;
use super::reading::Reading;
use super::views::{Format, NodeId};

/// Where a hit stands. Section 4 of the attribution rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Position {
    /// The value of an error field.
    E1,
    /// The value of an error field in a query string, form body or list of pairs.
    E2,
    /// A written form.
    E3,
    /// Prose of a failing record.
    E4,
    /// None of them.
    Outside,
}

/// Why a code at some place of a text means nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nowhere {
    /// A path segment or fragment.
    Path,
    Key,
    /// Dots behind it say that it goes on.
    Cut,
    /// `test_errors[code]`
    Index,
    /// The name of a branch, topic, bucket, metric, test or file.
    Named,
    /// `0`, `no` or `without` stands before it.
    Negated,
}

/// What says that a record failed, or that it did not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// A level, and whether it is warn or worse.
    Level(bool),
    /// A status of 400 or more.
    Status,
    /// A word such as `failed`.
    Word,
    /// Nothing does.
    Nothing,
}

impl Failure {
    pub fn holds(self) -> bool {
        !matches!(self, Failure::Level(false) | Failure::Nothing)
    }
}

impl Reading<'_> {
    /// The error position of a field's value; `None` where the field says nothing of an error.
    pub fn field_position(&self, object: NodeId, name: Name) -> Option<Position> {
        let views = self.views;
        let format = views.object_of(object)?.format;
        if name.is(Name::NOWHERE) || format == Format::Envelope {
            return None;
        }
        if name.is(Name::ERROR) {
            return Some(if matches!(format, Format::Query | Format::Pairs) {
                Position::E2
            } else {
                Position::E1
            });
        }
        match format {
            Format::Query => None,
            Format::Xml => Some(Position::E3),
            _ if !name.is(Name::DETAIL) => None,
            _ => self.is_error_object(object).then_some(Position::E1),
        }
    }

    /// An object with an error field, a bad level or status, or below a field that holds an answer.
    fn is_error_object(&self, object: NodeId) -> bool {
        let views = self.views;
        let Some(o) = views.object_of(object) else { return false };
        let holds_object = |key| {
            views.nodes[object]
                .kids
                .iter()
                .any(|&k| views.object_of(k).is_some() && views.nodes[k].key == key)
        };
        let has_error =
            o.fields.iter().any(|f| f.name.is(Name::ERROR) && (f.value.is_some() || holds_object(f.key)));
        has_error
            || self.object_level(object) == Some(true)
            || self.object_status(object).is_some_and(|s| s >= 400)
            || views.up(object).any(|n| views.nodes[n].name.is(Name::ANSWER))
    }

    /// What the level field of an object says.
    pub fn object_level(&self, object: NodeId) -> Option<bool> {
        let o = self.views.object_of(object).filter(|o| o.format != Format::Query)?;
        let field = o.fields.iter().rev().find(|f| f.name.is(Name::LEVEL) && f.value.is_some())?;
        super::names::level(self.views.slice(field.value?))
    }

    fn object_status(&self, object: NodeId) -> Option<u16> {
        let o = self.views.object_of(object)?;
        o.fields
            .iter()
            .filter(|f| f.name.is(Name::STATUS))
            .find_map(|f| http_status(self.views.slice(f.value?)))
    }

    /// The nearest level: the text's own line, the pairs beside it, enclosing objects and texts, the wrapper.
    pub fn level_of(&self, node: NodeId, line: Option<&[u8]>) -> Option<bool> {
        let views = self.views;
        for n in views.up(node) {
            let Some(text) = views.text_of(n) else {
                if let Some(level) = self.object_level(n) {
                    return Some(level);
                }
                continue;
            };
            let pairs = |&&k: &&NodeId| views.object_of(k).is_some_and(|o| o.format == Format::Pairs);
            if let Some(level) = views.nodes[n].kids.iter().filter(pairs).find_map(|&k| self.object_level(k))
            {
                return Some(level);
            }
            let prose_text = views.slice(text.prose);
            let head = &prose_text[..prose_text.len().min(prose::LEVEL_WITHIN)];
            let first_line = || head.split(|b| *b == b'\n').next().unwrap_or_default();
            let own = if n == node { line } else { None };
            let level = prose::level(own.unwrap_or_else(first_line))
                .or_else(|| if n == node { prose::level(prose_text) } else { None });
            if let Some((failing, _)) = level {
                return Some(failing);
            }
        }
        self.record.envelope.failing
    }

    /// Level warn or worse, or no level and a status of 400 or more or a failure word.
    /// `own` is where the literal stands in the text of `node`: its own words do not make its record fail.
    pub fn failing(&self, node: NodeId, line: Option<&[u8]>, own: Range<usize>) -> bool {
        self.failure(node, line, own).holds()
    }

    /// The same with what says so.
    pub fn failure(&self, node: NodeId, line: Option<&[u8]>, own: Range<usize>) -> Failure {
        if let Some(failing) = self.level_of(node, line).or_else(|| self.level_elsewhere()) {
            return Failure::Level(failing);
        }
        if self.statuses.iter().any(|s| *s >= 400) {
            return Failure::Status;
        }
        let views = self.views;
        let said = views.up(node).any(|n| {
            let Some(prose_text) = views.text_of(n).map(|t| views.slice(t.prose)) else { return false };
            let own = if n == node && own.end <= prose_text.len() { own.clone() } else { 0..0 };
            self.says_failure_around(n, prose_text, own)
        });
        if said { Failure::Word } else { Failure::Nothing }
    }

    /// A failure word in the prose of node `n`, but for `own`. The first one is looked for once for all hits.
    fn says_failure_around(&self, n: NodeId, text: &[u8], own: Range<usize>) -> bool {
        let is_word = |at: usize| text.get(at).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
        let cuts = |at: usize| at > 0 && is_word(at - 1) && is_word(at);
        if cuts(own.start) || cuts(own.end) {
            return prose::says_failure(&text[..own.start]) || prose::says_failure(&text[own.end..]);
        }
        let first = || prose::failure_word(text);
        let first = self.failure_words.borrow_mut().entry(n).or_insert_with(first).clone();
        match first {
            None => false,
            Some(first) if first.end <= own.start || first.start >= own.end => true,
            Some(_) => prose::says_failure(&text[own.end..]),
        }
    }

    /// Levels of objects that do not enclose the place: one that is bad is enough.
    fn level_elsewhere(&self) -> Option<bool> {
        *self.levels_of_objects.get_or_init(|| {
            let levels = (0..self.views.nodes.len())
                .filter(|&n| self.views.object_of(n).is_some())
                .filter_map(|n| self.object_level(n));
            levels.reduce(|a, b| a || b)
        })
    }

    /// The position of `start..end` in the prose of a text, or why a code there means nothing.
    pub fn prose_position(
        &self,
        node: NodeId,
        text: &[u8],
        start: usize,
        end: usize,
    ) -> Result<Position, Nowhere> {
        let before = &text[..start];
        let after = &text[end..];
        if let Some(why) = nowhere(before, after) {
            return Err(why);
        }
        if prose::negated(text, start) {
            return Err(Nowhere::Negated);
        }
        let line = self.line_around(text, start..end);
        if written_form(before, after) || line.is_row && fills_cell(before, after) {
            return Ok(Position::E3);
        }
        Ok(if self.failing(node, Some(&text[line.range]), start..end) {
            Position::E4
        } else {
            Position::Outside
        })
    }

    /// Looked for once for all hits of a line.
    fn line_around(&self, text: &[u8], hit: Range<usize>) -> Line {
        let mut last = self.last_line.borrow_mut();
        let known = last.take().filter(|line| {
            line.of == text.as_ptr_range() && line.range.start <= hit.start && hit.end <= line.range.end
        });
        if let Some(line) = known {
            return last.insert(line).clone();
        }
        let is_one = !text[hit.clone()].contains(&b'\n');
        let range = prose::line_around(text, hit);
        let line = Line { of: text.as_ptr_range(), is_row: is_row(&text[range.clone()]), range };
        // Two lines are the line of no other hit.
        *last = is_one.then(|| line.clone());
        line
    }
}

/// A line of a text, which is known by where it lies: it outlives the reading.
#[derive(Debug, Clone)]
pub(super) struct Line {
    of: Range<*const u8>,
    range: Range<usize>,
    is_row: bool,
}

/// A status in a field of that name.
pub fn http_status(value: &[u8]) -> Option<u16> {
    let status: u16 = std::str::from_utf8(value).ok()?.trim().parse().ok()?;
    (100..600).contains(&status).then_some(status)
}

/// A path segment, a fragment, a key, the name of a branch, topic, bucket, metric, test or file.
fn nowhere(before: &[u8], after: &[u8]) -> Option<Nowhere> {
    let path = matches!(before.last(), Some(b'/' | b'#'))
        || (after.first() == Some(&b'/')
            && after.get(1).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_'));
    let quoted_key =
        matches!(after.first(), Some(b'"' | b'\'')) && after[1..].trim_ascii_start().first() == Some(&b':');
    let key = after.first() == Some(&b'=') && after.get(1) != Some(&b'>') || quoted_key;
    let cut = after.starts_with(b"...") || after.starts_with("…".as_bytes());
    // `test_errors[invalid_client]` names a test.
    let index =
        before.last() == Some(&b'[') && before.len() > 1 && before[before.len() - 2].is_ascii_alphanumeric();
    match () {
        () if path => Some(Nowhere::Path),
        () if key => Some(Nowhere::Key),
        () if cut => Some(Nowhere::Cut),
        () if index => Some(Nowhere::Index),
        () if is_named(before) => Some(Nowhere::Named),
        () => None,
    }
}

pub(super) fn is_named(before: &[u8]) -> bool {
    const KINDS: [&[u8]; 6] = [b"branch", b"topic", b"bucket", b"metric", b"test", b"file"];
    let trimmed = before.trim_ascii_end();
    let trimmed = trimmed
        .strip_suffix(b"\"")
        .or_else(|| trimmed.strip_suffix(b"'"))
        .unwrap_or(trimmed)
        .trim_ascii_end();
    let (word_end, marked) = match trimmed.last() {
        Some(b':' | b'=') => (trimmed.len() - 1, true),
        _ => (trimmed.len(), trimmed.len() < before.len()),
    };
    let word = prose::last_word(&trimmed[..word_end]).map(|r| &trimmed[r]);
    marked && word.is_some_and(|w| KINDS.iter().any(|k| w.eq_ignore_ascii_case(k)))
}

/// `[code] text`, `"code" "text"`, `SomeError: code`, `SomeException(code`, `error: code`, `error code: code`.
fn written_form(before: &[u8], after: &[u8]) -> bool {
    match before.last() {
        Some(b'[') if after.first() == Some(&b']') => {
            return after[1..].iter().any(|b| !b.is_ascii_whitespace());
        }
        Some(b'"') if after.first() == Some(&b'"') => {
            let rest = after[1..].trim_ascii_start();
            if rest.len() + 1 < after.len() && rest.first() == Some(&b'"') {
                return true;
            }
        }
        _ => {}
    }
    let head = before.strip_suffix(b"\"").unwrap_or(before).trim_ascii_end();
    let (name, colon) = match head.split_last() {
        Some((b':' | b'=', rest)) => (rest, true),
        Some((b'(', rest)) => (rest.trim_ascii_end(), false),
        _ => return false,
    };
    let name = name.strip_suffix(b" code").or_else(|| name.strip_suffix(b" Code")).unwrap_or(name);
    let Some(word) = prose::last_word(name).map(|r| &name[r]) else { return false };
    word.ends_with(b"Exception") || word.ends_with(b"Error") || (colon && word.eq_ignore_ascii_case(b"error"))
}

/// Four or more cells; a row has no blanks behind its commas.
fn is_row(line: &[u8]) -> bool {
    memchr::memchr_iter(b',', line).nth(2).is_some() && memchr::memmem::find(line, b", ").is_none()
}

/// Nothing but a comma, the end of the line or quotes beside it.
fn fills_cell(before: &[u8], after: &[u8]) -> bool {
    let before = before.strip_suffix(b"\"").unwrap_or(before);
    let after = after.strip_prefix(b"\"").unwrap_or(after);
    matches!(before.last(), None | Some(b',' | b'\n')) && matches!(after.first(), None | Some(b',' | b'\n'))
}
