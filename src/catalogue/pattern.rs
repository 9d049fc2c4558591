//! A literal of a pack as the engine matches it: fixed text with bounded placeholders between.
//!
//! `{param}` and `{x}` is one token of 1 to 64 characters, `{x:list}` up to 200 without `]`, `{x:any}` up to 200;
//! `{0}` reads as a list inside brackets, else as any; `{http}` is a status. Matching is linear: each placeholder takes
//! the shortest text that lets the next fixed piece follow. Contract: section 3 of the attribution rules in `rules/README.md`.

/// The longest text of a `{x:list}` or `{x:any}` placeholder, in bytes.
const GAP_MAX: usize = 200;
/// The longest text of a token placeholder, in bytes.
const TOKEN_MAX: usize = 64;
/// A message with fewer literal characters never stands alone.
const LITERAL_CHARS_MIN: usize = 12;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Gap {
    /// `[A-Za-z0-9_.:-]{1,64}`
    Token,
    /// Up to 200 characters without `]`.
    List,
    /// Up to 200 characters.
    Any,
    /// Three digits, the first 1 to 5.
    Status,
}

/// Fixed pieces with a gap between each two: `pieces.len() == gaps.len() + 1`; the first and last piece may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pattern {
    pieces: Vec<Box<[u8]>>,
    gaps: Vec<Gap>,
    /// The final `.` may be missing.
    dot_optional: bool,
}

/// As a pack would write it; placeholders have lost their names.
impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, piece) in self.pieces.iter().enumerate() {
            if index > 0 {
                f.write_str("{…}")?;
            }
            f.write_str(&String::from_utf8_lossy(piece))?;
        }
        Ok(())
    }
}

impl Pattern {
    /// A text without placeholders.
    pub fn fixed(text: &str) -> Pattern {
        Pattern { pieces: vec![text.as_bytes().into()], gaps: Vec::new(), dot_optional: false }
    }

    /// A message of a rule: `{…}` are placeholders, a final full stop is optional unless `exact_end`.
    pub fn message(text: &str, exact_end: bool) -> Pattern {
        let mut pieces: Vec<Box<[u8]>> = Vec::new();
        let mut gaps = Vec::new();
        let mut piece = String::new();
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            let Some((name, after)) = placeholder(&rest[open..]) else {
                piece.push_str(&rest[..=open]);
                rest = &rest[open + 1..];
                continue;
            };
            piece.push_str(&rest[..open]);
            gaps.push(gap(name, piece.ends_with('['), after.starts_with(']')));
            pieces.push(std::mem::take(&mut piece).into_bytes().into());
            rest = after;
        }
        piece.push_str(rest);
        pieces.push(piece.into_bytes().into());
        let dot_optional = !exact_end && pieces.last().is_some_and(|last| last.ends_with(b"."));
        Pattern { pieces, gaps, dot_optional }
    }

    pub fn pieces(&self) -> &[Box<[u8]>] {
        &self.pieces
    }

    pub fn has_gaps(&self) -> bool {
        !self.gaps.is_empty()
    }

    /// Literal characters, spaces not counted.
    pub fn literal_chars(&self) -> usize {
        self.pieces
            .iter()
            .map(|p| String::from_utf8_lossy(p).chars().filter(|c| !c.is_whitespace()).count())
            .sum()
    }

    /// Too short to stand alone.
    pub fn is_short(&self) -> bool {
        self.literal_chars() < LITERAL_CHARS_MIN
    }

    /// Matches with piece `index` standing at `at` of `text`; gives where the whole literal begins and ends.
    pub fn match_at(&self, text: &[u8], index: usize, at: usize) -> Option<(usize, usize)> {
        let mut end = self.piece_end(text, index, at)?;
        for next in index + 1..self.pieces.len() {
            end = self.piece_after(text, next, end)?;
        }
        let mut start = at;
        for previous in (0..index).rev() {
            start = self.piece_before(text, previous, start)?;
        }
        Some((start, end))
    }

    /// The text of the `{http}` placeholder in a match at `start`, as a number.
    pub fn status(&self, text: &[u8], start: usize) -> Option<u16> {
        let index = self.gaps.iter().position(|gap| *gap == Gap::Status)?;
        let mut end = start + self.pieces[0].len();
        for next in 1..=index {
            end = self.piece_after(text, next, end)?;
        }
        std::str::from_utf8(text.get(end..end + 3)?).ok()?.parse().ok()
    }

    /// End of piece `index` at `at`, its final full stop optional where the pattern says so.
    fn piece_end(&self, text: &[u8], index: usize, at: usize) -> Option<usize> {
        let piece = &*self.pieces[index];
        let rest = text.get(at..)?;
        if rest.starts_with(piece) {
            return Some(at + piece.len());
        }
        let last = index + 1 == self.pieces.len();
        let short = &piece[..piece.len().saturating_sub(1)];
        (last && self.dot_optional && rest.starts_with(short)).then(|| at + short.len())
    }

    fn piece_after(&self, text: &[u8], index: usize, from: usize) -> Option<usize> {
        let (min, max) = reach(self.gaps[index - 1], &text[from.min(text.len())..], false);
        let piece = &*self.pieces[index];
        if piece.is_empty() || (self.dot_optional && piece == b".") {
            // A placeholder ends the pattern: the shortest text that ends at a word boundary.
            let end = (from + min..=from + max).find(|&end| !is_word(text.get(end).copied()))?;
            let dot = usize::from(
                !piece.is_empty() && text.get(end) == Some(&b'.') && !is_word(text.get(end + 1).copied()),
            );
            return (max >= min && max > 0).then_some(end + dot);
        }
        (from + min..=from + max).find_map(|at| self.piece_end(text, index, at))
    }

    fn piece_before(&self, text: &[u8], index: usize, to: usize) -> Option<usize> {
        let (min, max) = reach(self.gaps[index], &text[..to], true);
        let piece = &*self.pieces[index];
        if piece.is_empty() {
            let start = (min..=max).find(|&len| !is_word(to.checked_sub(len + 1).map(|i| text[i])))?;
            return (max >= min && max > 0).then(|| to - start);
        }
        (min..=max).find_map(|len| {
            let end = to.checked_sub(len)?;
            text[..end].ends_with(piece).then(|| end - piece.len())
        })
    }
}

/// A `{name}` at the start of `text`: the name and what follows.
fn placeholder(text: &str) -> Option<(&str, &str)> {
    let close = text.find('}')?;
    let name = &text[1..close];
    let good = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b':');
    good.then(|| (name, &text[close + 1..]))
}

fn gap(name: &str, after_bracket: bool, before_bracket: bool) -> Gap {
    match name.split_once(':') {
        Some((_, "list")) => Gap::List,
        Some(_) => Gap::Any,
        None if name == "http" => Gap::Status,
        None if name.bytes().all(|b| b.is_ascii_digit()) && after_bracket && before_bracket => Gap::List,
        None if name.bytes().all(|b| b.is_ascii_digit()) => Gap::Any,
        None => Gap::Token,
    }
}

/// The fewest and the most bytes that a gap may take at the start (or end, `backwards`) of `text`.
fn reach(gap: Gap, text: &[u8], backwards: bool) -> (usize, usize) {
    let (min, limit): (usize, usize) = match gap {
        Gap::Token => (1, TOKEN_MAX),
        Gap::List => (0, GAP_MAX),
        Gap::Any => (1, GAP_MAX),
        Gap::Status => (3, 3),
    };
    let allowed = |byte: &u8| match gap {
        Gap::Token => byte.is_ascii_alphanumeric() || b"_.:-".contains(byte),
        Gap::List => *byte != b']',
        Gap::Any => true,
        Gap::Status => byte.is_ascii_digit(),
    };
    let most = if backwards {
        text.iter().rev().take(limit).take_while(|b| allowed(b)).count()
    } else {
        text.iter().take(limit).take_while(|b| allowed(b)).count()
    };
    (min, most)
}

/// `[A-Za-z0-9_]`
pub fn is_word(byte: Option<u8>) -> bool {
    byte.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(pattern: &Pattern, text: &str) -> Option<(usize, usize)> {
        (0..text.len()).find_map(|at| {
            (0..pattern.pieces().len())
                .filter(|&i| !pattern.pieces()[i].is_empty())
                .find_map(|i| pattern.match_at(text.as_bytes(), i, at))
        })
    }

    #[test]
    fn a_placeholder_is_one_bounded_token() {
        let p = Pattern::message("Missing {param} from body", false);
        assert_eq!(find(&p, "x Missing client_assertion from body y"), Some((2, 36)));
        assert_eq!(find(&p, "Missing two words from body"), None);
    }

    #[test]
    fn a_numbered_placeholder_is_a_list_inside_brackets_and_any_text_elsewhere() {
        let list = Pattern::message("consent: [{0}].", false);
        assert_eq!(find(&list, "consent: [a, b]"), Some((0, 15)));
        assert_eq!(find(&list, "consent: [a] b]."), Some((0, 12)));
        let any = Pattern::message("The '{0}' user claim failed.", false);
        assert_eq!(find(&any, "The 'a b' user claim failed"), Some((0, 27)));
    }

    #[test]
    fn the_last_full_stop_is_optional_unless_asked_for() {
        assert!(find(&Pattern::message("Not here.", false), "Not here").is_some());
        assert!(find(&Pattern::message("Not here.", true), "Not here").is_none());
    }

    #[test]
    fn a_pattern_may_begin_or_end_with_a_placeholder() {
        let p = Pattern::message("{0} is not supported as a 'grant'. Failed: {1}", false);
        assert_eq!(find(&p, "(abc is not supported as a 'grant'. Failed: x1 y"), Some((1, 46)));
        assert!(find(&p, " is not supported as a 'grant'. Failed: ").is_none());
    }

    #[test]
    fn a_status_is_read_back() {
        let p = Pattern::message("Response Code: {http}| Message: {x:any}", false);
        let text = b"zz Response Code: 403| Message: Forbidden at";
        assert_eq!(p.match_at(text, 0, 3), Some((3, 41)));
        assert_eq!(p.status(text, 3), Some(403));
    }
}
