//! Does the place where a literal stands say that something failed? Error positions E1 to E4 of the contract, and the
//! places where a code means nothing at all.

use super::levels::{level_of, level_word, statuses_of};
use super::literals::Catalogue;
use super::pairs::{FIELD, OBJECT};
use super::views::{Body, Object, Style, Text, Views, line_number, normal, says_something};
use super::wrappers::Unwrapped;
use regex::Regex;
use std::sync::LazyLock;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// Nothing says that something failed; a unique token counts nevertheless.
    Outside,
    /// E1 and E2: the value of an error field; `code_field` where the field holds codes.
    Field { code_field: bool, style: Style },
    /// E3: `[code] text` and the like.
    Written,
    /// E4: prose of a failing record.
    Prose,
}

pub struct Places<'a> {
    pub views: &'a Views,
    pub record: &'a Unwrapped,
    pub catalogue: &'a Catalogue,
}

const ERROR_KEYS: [&str; 9] = [
    "error",
    "err",
    "errorcode",
    "errcode",
    "errortype",
    "errormessage",
    "errordescription",
    "errorsummary",
    "exception",
];
const CODE_KEYS: [&str; 5] = ["error", "err", "code", "errorcode", "errcode"];
const TELLING_KEYS: [&str; 7] = ["code", "message", "msg", "reason", "detail", "description", "title"];
const BELOW: [&str; 7] = ["error", "err", "body", "response", "resp", "data", "upstream"];

macro_rules! pattern {
    ($seen:vis $name:ident, $text:expr) => {
        $seen static $name: LazyLock<Regex> = LazyLock::new(|| Regex::new($text).expect("valid"));
    };
}
pattern!(NONE_OF_IT, r#"(?i)(?:^|[^A-Za-z0-9_])(?:0|no|without)\s+["'`]?$"#);
pattern!(pub NAME_OF_A_THING, r#"(?i)\b(?:branch|topic|bucket|metric|test|file)[=: ]\s*["'`]?$"#);
pattern!(
    AFTER_AN_ERROR_WORD,
    r#"(?i)(?:\b(?:error|err|error[ _-]?code|errcode|exception|cause)\s*[:=]\s*["'(\[]?)$"#
);
pattern!(AFTER_A_CLASS, r#"[A-Za-z0-9_$.]*(?:Exception|Error)(?::\s*|\s*\()["']?$"#);
pattern!(
    BETWEEN_CODES,
    r#"^[\s,\[\](){}"'`]*(?:\b(?:and|or)\b|,(?:\s*["'`]?[A-Za-z0-9_.:-]+["'`]?\s*,)+)?[\s,\[\](){}"'`]*$"#
);
pattern!(
    FAILURE_WORD,
    r"(?i:\b(?:error|failed|failure|rejected|refused|denied|exception|panic|unable|cannot)\b)|[A-Za-z0-9]*[a-z0-9](?:Exception|Error)\b"
);
pattern!(
    STATUS,
    r#"(?:\bHTTP(?:/\d(?:\.\d)?"?)?|\bstatus(?: code)?[:=]?|->|=>|\bupstream|\banswered|Response Code:)\s*([1-5]\d\d)\b|\b([45]\d\d) from\b"#
);

impl Places<'_> {
    /// Where `start..end` of a text stands; `None` is nowhere.
    pub fn position(&self, view: usize, start: usize, end: usize) -> Option<Position> {
        let text = self.views.text(view)?;
        if self.means_nothing(view, text, start, end) {
            return None;
        }
        let owner = self.views.owner(view);
        if let Some(position) = owner.and_then(|owner| self.field_position(owner, &self.views.all[view].key))
        {
            return Some(position);
        }
        let object = owner.and_then(|owner| self.views.object(owner));
        let bare = |text: &str| text.trim().trim_matches(['"', '\'']).to_string();
        let whole = bare(&text.prose) == bare(&text.readable[start..end]);
        let sentence = text.readable[start..end].ends_with('.');
        match object.map(|object| object.style) {
            Some(Style::Query) => return Some(Position::Outside),
            Some(Style::Elements) if whole => {
                let code_field = CODE_KEYS.contains(&normal(&self.views.all[view].key).as_str());
                return Some(match code_field {
                    true => Position::Field { code_field, style: Style::Elements },
                    false => Position::Written,
                });
            }
            // a value of one word is no prose, but a sentence of one word is
            Some(_) if whole && !sentence && !text.readable[start..end].contains(char::is_whitespace) => {
                return Some(Position::Outside);
            }
            _ => {}
        }
        if written(text, start, end) {
            return Some(Position::Written);
        }
        Some(if self.failing(view, start, end) { Position::Prose } else { Position::Outside })
    }

    fn means_nothing(&self, view: usize, text: &Text, start: usize, end: usize) -> bool {
        let (before, after) = (&text.prose[..start], &text.prose[end..]);
        let near = &before[before.char_indices().rev().nth(60).map_or(0, |(at, _)| at)..];
        let segment = before.ends_with(['/', '#', '\\'])
            || (after.starts_with('/') && after[1..].starts_with(|c: char| c.is_ascii_alphanumeric()));
        let key = after.starts_with('=')
            || (before.ends_with('"')
                && after.strip_prefix('"').is_some_and(|after| after.trim_start().starts_with(':')));
        // `test_errors[invalid_client]`: a parameter of a test, an index
        let index = before
            .strip_suffix('[')
            .is_some_and(|before| before.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_'));
        let cut = text.cut && after.trim().is_empty();
        let named = NONE_OF_IT.is_match(near) || NAME_OF_A_THING.is_match(near);
        segment || key || index || cut || named || self.enumerated(view, text, start)
    }

    /// In a list of three or more bare codes.
    fn enumerated(&self, view: usize, text: &Text, start: usize) -> bool {
        if let Some((object, field)) = self.field_of(view) {
            let array = |other: &&super::views::Field| {
                other.array == field.array && self.catalogue.is_code(&other.value)
            };
            if field.array.is_some() && object.fields.iter().filter(array).count() >= 3 {
                return true;
            }
        }
        let mut codes: Vec<(usize, usize)> =
            text.tokens.iter().map(|(start, end, _)| (*start, *end)).collect();
        for syntax in self.catalogue.packs.iter().filter_map(|pack| pack.syntax.as_ref()) {
            let whole = |found: &(usize, usize)| super::literals::whole_token(&text.prose, found.0, found.1);
            codes.extend(
                syntax.find_iter(&text.prose).map(|found| (found.start(), found.end())).filter(whole),
            );
        }
        codes.sort_unstable();
        codes.dedup();
        let mut run: Vec<(usize, usize)> = Vec::new();
        for code in codes {
            let joined = run
                .last()
                .is_some_and(|last| code.0 > last.1 && BETWEEN_CODES.is_match(&text.prose[last.1..code.0]));
            if !joined {
                if run.len() >= 3 && run.iter().any(|code| code.0 <= start && start < code.1) {
                    return true;
                }
                run.clear();
            }
            run.push(code);
        }
        run.len() >= 3 && run.iter().any(|code| code.0 <= start && start < code.1)
    }

    /// The field whose value a text is.
    fn field_of(&self, view: usize) -> Option<(&Object, &super::views::Field)> {
        let owner = self.views.owner(view)?;
        let object = self.views.object(owner)?;
        let chain: Vec<usize> = self.views.up(view).take_while(|above| *above != owner).collect();
        object
            .fields
            .iter()
            .find(|field| field.view.is_some_and(|view| chain.contains(&view)))
            .map(|field| (object, field))
    }

    /// E1 and E2: what the name of a field says.
    pub fn field_position(&self, object_view: usize, name: &str) -> Option<Position> {
        let object = self.views.object(object_view)?;
        let mut path: Vec<String> = name.rsplit('.').map(normal).collect();
        path.extend(self.views.path(object_view));
        let last = path.first()?.clone();
        // `error.code` in one name, or `code` in the object under `error`; the parameters of an address stand for themselves
        let joinable = name.contains('.') || object.style != Style::Query;
        let joined =
            path.get(1).filter(|_| joinable).map(|above| format!("{above}{last}")).unwrap_or_default();
        let code_field = CODE_KEYS.contains(&last.as_str()) || joined == "errorcode" || joined == "errcode";
        let position = Some(Position::Field { code_field, style: object.style });
        if is_error_key(&last) || is_error_key(&joined) {
            return position;
        }
        if object.style == Style::Query || !TELLING_KEYS.contains(&last.as_str()) {
            return None;
        }
        let beside = object.fields.iter().any(|field| {
            let nested = field.view.is_some_and(|view| self.views.object(view).is_some());
            (is_error_key(&field.last) || is_error_key(&field.normal))
                && (nested || says_something(&field.value))
        });
        let failed = beside
            || statuses_of(object).iter().any(|status| *status >= 400)
            || level_of(object) == Some(true);
        let below = path[1..].iter().any(|above| BELOW.contains(&above.as_str()));
        (failed || below).then_some(position?)
    }

    /// The nearest level is warn or worse; without any level, a failure word or a status of 400 or more says so.
    pub fn failing(&self, view: usize, start: usize, end: usize) -> bool {
        let mut at = start;
        for above in self.views.up(view) {
            let level = match (self.views.text(above), self.views.object(above)) {
                (Some(text), _) => self.level_in(text, at),
                (_, Some(object)) => level_of(object),
                _ => None,
            };
            if let Some(bad) = level {
                return bad;
            }
            at = self.views.all[above].at;
        }
        self.record
            .failing
            .or_else(|| self.level_elsewhere())
            .unwrap_or_else(|| self.failure_beside(view, start, end))
    }

    /// A level in a part of the record that does not enclose the place: one that is bad is enough.
    fn level_elsewhere(&self) -> Option<bool> {
        let said: Vec<bool> = self
            .views
            .all
            .iter()
            .filter(|view| !view.dead && !view.below_query)
            .filter_map(|view| match &view.body {
                Body::Object(object) if object.style != Style::Query => level_of(object),
                _ => None,
            })
            .collect();
        (!said.is_empty()).then(|| said.contains(&true))
    }

    /// A status of 400 or more anywhere, or a failure word in the own text (not in the literal itself) or around it.
    fn failure_beside(&self, view: usize, start: usize, end: usize) -> bool {
        let own =
            |above: usize, found: &regex::Match| above == view && found.start() < end && start < found.end();
        let word = |above: usize| {
            self.views
                .text(above)
                .is_some_and(|text| FAILURE_WORD.find_iter(&text.prose).any(|found| !own(above, &found)))
        };
        self.statuses().iter().any(|status| *status >= 400) || self.views.up(view).any(word)
    }

    /// The level of the line at `at`, else of the nearest line above that has one.
    fn level_in(&self, text: &Text, at: usize) -> Option<bool> {
        let lines: Vec<&str> = text.prose.split('\n').collect();
        let own = line_number(&text.prose, at);
        (0..=own.min(lines.len() - 1)).rev().find_map(|line| {
            let pairs = text
                .line_objects
                .get(&(line * 2))
                .and_then(|object| self.views.object(*object))
                .and_then(level_of);
            pairs.or_else(|| level_word(lines[line]).map(|(bad, ..)| bad))
        })
    }

    /// All statuses that the record names, in fields and texts.
    pub fn statuses(&self) -> Vec<u16> {
        let of = |view: &super::views::View| match &view.body {
            Body::Text(text) => statuses_in(text),
            Body::Object(object) => statuses_of(object),
        };
        self.views.all.iter().filter(|view| !view.dead && !view.below_query).flat_map(of).collect()
    }
}

fn statuses_in(text: &Text) -> Vec<u16> {
    let number = |found: regex::Captures| {
        found.get(1).or(found.get(2)).and_then(|status| status.as_str().parse().ok())
    };
    STATUS.captures_iter(&text.prose).filter_map(number).collect()
}

pub fn is_error_key(name: &str) -> bool {
    ERROR_KEYS.contains(&name) || name == "cause"
}

/// E3, by what stands right before and behind.
fn written(text: &Text, start: usize, end: usize) -> bool {
    let (before, after) = (&text.prose[..start], &text.prose[end..]);
    let near = &before[before.char_indices().rev().nth(60).map_or(0, |(at, _)| at)..];
    let speaks = |rest: &str| {
        rest.starts_with(char::is_whitespace)
            && rest.trim_start().starts_with(|c: char| c.is_alphanumeric() || "'\"".contains(c))
    };
    let bracketed = before.ends_with('[') && after.strip_prefix(']').is_some_and(speaks);
    let quoted = before.ends_with('"')
        && after
            .strip_prefix('"')
            .is_some_and(|rest| rest.starts_with(char::is_whitespace) && rest.trim_start().starts_with('"'));
    bracketed
        || quoted
        || AFTER_AN_ERROR_WORD.is_match(near)
        || AFTER_A_CLASS.is_match(near)
        || cell(text, start, end)
}

/// The whole cell of a line with at least four cells and no blank behind a comma.
fn cell(text: &Text, start: usize, end: usize) -> bool {
    let line_start = text.prose[..start].rfind('\n').map_or(0, |at| at + 1);
    let line_end = text.prose[end..].find('\n').map_or(text.prose.len(), |at| end + at);
    let cells: Vec<&str> = text.prose[line_start..line_end].split(',').collect();
    let own = cells.iter().any(|cell| cell.trim().trim_matches('"') == &text.prose[start..end]);
    cells.len() >= 4 && own && cells[1..].iter().all(|cell| !cell.starts_with(' '))
}

/// `403 Forbidden`: a reason phrase behind its status number is no name and no message.
pub fn behind_status(text: &Text, start: usize) -> bool {
    let head = text.prose[..start].trim_end_matches([':', ' ', '\t']);
    let number = &head[head.trim_end_matches(|c: char| c.is_ascii_digit()).len()..];
    number.len() == 3 && number.starts_with(['4', '5'])
}

/// In prose a word literal counts only if it fills its clause.
pub fn fills_clause(text: &Text, start: usize, end: usize) -> bool {
    const SEPARATORS: &str = ":;,|()[]{}<>\"'`!?\n.";
    let separates = |c: char| SEPARATORS.contains(c) || c == OBJECT || c == FIELD;
    let blank = |c: char| c == ' ' || c == '\t';
    let before = text.prose[..start].trim_end_matches(blank);
    let after = text.prose[end..].trim_start_matches(blank);
    let opened = before.is_empty()
        || before.ends_with(separates)
        || before.ends_with(" -")
        || before.ends_with("->")
        || before.ends_with("=>")
        || before.ends_with('=');
    let closed = after.is_empty()
        || after.starts_with(separates)
        || after.starts_with("- ")
        || after.starts_with("->")
        || text.prose[..end].ends_with('.');
    opened && closed
}
