//! An error of the YAML parser → a problem in words for people, at the place where one would look.
//!
//! The parser says where it gave up. The cause often stands before that: a quote or bracket that is not closed, a tab,
//! a line of the wrong indentation. What is wrong is judged by the line, not only by the kind of error.

use super::Problem;
use super::plant::{mark, too_deep};
use super::quotes::{Quote, ends_well, quotes, wrong_escape};
use super::tree::Mark;
use super::words::{CLOSE, no_entry_hint, usual_hint, words};
use granit_parser::{ErrorKind as K, ScanError};

/// How far the text was read without trouble.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    /// Behind the last thing that the parser gave.
    pub(super) end: Mark,
    /// The innermost bracket or brace that is open.
    pub(super) flow: Option<Mark>,
}

/// A problem before its line is counted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) byte: usize,
    message: String,
    hint: Option<String>,
}

impl Fault {
    pub(super) fn new(byte: usize, message: impl Into<String>) -> Fault {
        Fault { byte, message: message.into(), hint: None }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Fault {
        self.hint = Some(hint.into());
        self
    }
}

const SPACES: &str = "indent with spaces, not with tabs";
const CLOSE_QUOTE: &str = "close the quote; inside single quotes write '' for one of them";
const WHOLE: &str = "put the quotes around the whole text; inside single quotes write '' for one of them";

pub(super) fn problem(error: &ScanError, text: &str, seen: &Seen) -> Problem {
    let at = mark(error.marker());
    if let K::RecursionLimitExceeded = error.kind() {
        return too_deep(at);
    }
    let broken = Broken { text, at: (at.byte as usize).min(text.len()), seen, kind: error.kind() };
    let fault = broken.fault();
    let from = if (seen.end.byte as usize) <= fault.byte { seen.end } else { Mark::START };
    let problem = Problem::new(advance(from, text, fault.byte), format!("YAML syntax: {}", fault.message));
    Problem { hint: fault.hint, ..problem }
}

/// The mark of an offset behind another mark. A line ends with LF, CR LF or a lone CR.
pub(super) fn advance(from: Mark, text: &str, byte: usize) -> Mark {
    let mut mark = from;
    let mut chars = text[from.byte as usize..byte].chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' if chars.peek() == Some(&'\n') => {}
            '\n' | '\r' => (mark.line, mark.column) = (mark.line + 1, 1),
            _ => mark.column += 1,
        }
    }
    Mark { byte: byte as u32, ..mark }
}

/// The text, and where the parser stood when it gave up.
struct Broken<'b> {
    text: &'b str,
    at: usize,
    seen: &'b Seen,
    kind: &'b K,
}

impl<'b> Broken<'b> {
    fn fault(&self) -> Fault {
        let of_line = self.conflict().or_else(|| self.tab()).or_else(|| self.open_bracket());
        of_line.unwrap_or_else(|| self.by_kind())
    }

    fn by_kind(&self) -> Fault {
        match self.kind {
            K::UnclosedQuotedScalar | K::DocumentIndicatorInQuotedScalar | K::InvalidQuotedScalarIndent => {
                self.open_quote()
            }
            K::UnknownQuotedScalarEscape
            | K::InvalidQuotedScalarHexEscape
            | K::InvalidLowSurrogateHexEscape
            | K::InvalidLowSurrogate
            | K::MissingLowSurrogate
            | K::UnpairedLowSurrogate
            | K::InvalidUnicodeEscape => {
                wrong_escape(self.text, self.at).unwrap_or_else(|| Fault::new(self.at, "a wrong escape"))
            }
            K::InvalidTrailingSingleQuotedScalar | K::InvalidTrailingDoubleQuotedScalar => {
                self.behind_quote()
            }
            K::ZeroBlockScalarIndent | K::InvalidBlockScalarHeader => self.header(),
            K::ExpectedBlockMappingKey
            | K::ExpectedBlockSequenceEntry
            | K::SimpleKeyExpected
            | K::InvalidSimpleKey
            | K::BlockSequenceEntryNotAllowed
            | K::InvalidIndentation
            | K::ExpectedDocumentStart => self.level(),
            _ => self.plainly(),
        }
    }

    fn rest(&self) -> &'b str {
        &self.text[self.at..]
    }

    /// Where the line of an offset begins, and the line.
    fn line(&self, byte: usize) -> (usize, &'b str) {
        let bytes = self.text.as_bytes();
        let start = memchr::memrchr2(b'\n', b'\r', &bytes[..byte]).map_or(0, |end| end + 1);
        let end = memchr::memchr2(b'\n', b'\r', &bytes[byte..]).map_or(bytes.len(), |end| byte + end);
        (start, &self.text[start..end])
    }

    /// The last line before one that begins at `start` and is not blank.
    fn line_before(&self, start: usize) -> Option<(usize, &'b str)> {
        let end = self.text[..start].trim_end().len();
        (end > 0).then(|| self.line(end))
    }

    fn conflict(&self) -> Option<Fault> {
        let (start, line) = self.line(self.at);
        let marks = ["<<<<<<<", "=======", ">>>>>>>"];
        let begins = |line: &str| marks.iter().any(|mark| line.starts_with(mark));
        let before = self.line_before(start).filter(|(_, line)| begins(line));
        let byte = before.map(|(start, _)| start).or_else(|| begins(line).then_some(start))?;
        let hint = "keep one of the two sides and take out the lines of `<`, `=` and `>`";
        Some(Fault::new(byte, "a merge conflict that was not resolved").hint(hint))
    }

    /// A tab in the indentation of this line, or behind the dash of the one before.
    fn tab(&self) -> Option<Fault> {
        let (start, line) = self.line(self.at);
        let message = "a tab where only spaces indent";
        if let Some(tab) = tab_of_indentation(line) {
            return Some(Fault::new(start + tab, message).hint(SPACES));
        }
        let byte = match self.kind {
            K::TabInPlainScalar | K::TabAtBlockScalarStart => {
                let lines = self.text[start..].split_inclusive(['\n', '\r']).scan(start, |at, line| {
                    *at += line.len();
                    Some((*at - line.len(), line))
                });
                lines.skip(1).find_map(|(start, line)| Some(start + tab_of_indentation(line)?))?
            }
            K::ExpectedDocumentStart => {
                let (start, line) = self.line_before(start)?;
                start + tab_of_indentation(line)?
            }
            K::ExpectedBlockSequenceEntry | K::ExpectedBlockMappingKey | K::InvalidBlockEntryWhitespace => {
                let dash_tab = |(start, line): (usize, &str)| {
                    let indented = line.trim_start_matches([' ', '-', '?']);
                    let dashed = line.len() > indented.len() && indented.starts_with('\t');
                    dashed.then(|| start + line.len() - indented.len())
                };
                dash_tab((start, line)).or_else(|| self.line_before(start).and_then(dash_tab))?
            }
            K::TabNotAllowed | K::TabInBlockIndentation | K::TabInIndentation => self.at,
            _ => return None,
        };
        Some(Fault::new(byte, message).hint(SPACES))
    }

    /// Entries in block style go on while a bracket of an earlier line is open.
    fn open_bracket(&self) -> Option<Fault> {
        let open = self.seen.flow?.byte as usize;
        let (start, line) = self.line(self.at);
        let (open_start, open_line) = self.line(open);
        let indentation = |line: &str| line.len() - line.trim_start().len();
        let goes_on = open_start < start && indentation(line) <= indentation(open_line);
        let first = line.trim_start();
        let is_entry = first.starts_with("- ") || is_entry(first);
        let comma = matches!(
            self.kind,
            K::ExpectedFlowMappingSeparator | K::ExpectedFlowSequenceSeparator | K::InvalidColonPlacement
        );
        (comma && goes_on && is_entry).then(|| self.unclosed(open))
    }

    fn unclosed(&self, open: usize) -> Fault {
        let (start, line) = self.line(open);
        let bracket = self.text[open..].chars().next().unwrap_or('[');
        let fault = Fault::new(open, format!("the bracket `{bracket}` is not closed"));
        match line[open - start..].contains(" #") {
            true => fault.hint("` #` begins a comment; quote a text that holds it"),
            false => fault.hint(CLOSE),
        }
    }

    /// At the end of what is quoted, if it ends; else where it begins.
    fn open_quote(&self) -> Fault {
        let from = (self.seen.end.byte as usize).min(self.at);
        let around = |quote: &Quote| quote.end.is_none_or(|end| end > self.at);
        let quote = quotes(self.text, from, (self.at + 1).min(self.text.len())).into_iter().find(around);
        let Some(quote) = quote else {
            return Fault::new(self.at, "a quote that is not closed").hint(CLOSE_QUOTE);
        };
        let inside = &self.text[self.at..quote.end.unwrap_or(self.at)];
        let is_closed = quote.end.is_some_and(|end| ends_well(self.text, end));
        let is_text = !inside.lines().any(|line| is_entry(line.trim_start()));
        let is_marker = self.rest().starts_with("---") || self.rest().starts_with("...");
        if matches!(self.kind, K::InvalidQuotedScalarIndent) && is_closed && is_text && !is_marker {
            let message = "a quoted text goes on in a line that is not indented";
            return Fault::new(self.at, message)
                .hint("indent the lines in which the text goes on, or close the quote");
        }
        let message = match self.kind {
            _ if is_marker => "a quote that is not closed before the marker of a document",
            K::DocumentIndicatorInQuotedScalar => {
                "a quote that is not closed before the marker of a document"
            }
            _ => "a quote that is not closed",
        };
        Fault::new(quote.start, message).hint(CLOSE_QUOTE)
    }

    fn behind_quote(&self) -> Fault {
        let from = (self.seen.end.byte as usize).min(self.at);
        let quote = quotes(self.text, from, self.at).into_iter().rfind(|quote| quote.end.is_some());
        let several_lines = quote.filter(|quote| self.text[quote.start..self.at].contains(['\n', '\r']));
        let ends_with_comma = |text: &str| text.contains(':') || text.starts_with(['{', '[']);
        match (several_lines, self.rest().starts_with(':')) {
            (Some(quote), true) => Fault::new(quote.start, "a name before `:` has to stand in one line"),
            (Some(quote), false) => {
                let message = "a quote that is not closed where it should be; the next quote closes it";
                Fault::new(quote.start, message).hint(CLOSE_QUOTE)
            }
            _ if self.seen.flow.is_some() && ends_with_comma(self.line(self.at).1) => {
                Fault::new(self.at, "text behind a closing quote").hint(
                    "put a `,` between entries, or the quotes around the whole text; inside single quotes write '' for \
                     one of them",
                )
            }
            _ => Fault::new(self.at, "text behind a closing quote").hint(WHOLE),
        }
    }

    /// At the first character behind `|` or `>` that is none of a header.
    fn header(&self) -> Fault {
        let sign = &self.rest()[..1];
        let header = self.rest()[1..].find(|c: char| !c.is_ascii_digit() && !"+-".contains(c));
        let header = &self.rest()[1..1 + header.unwrap_or(self.rest().len() - 1)];
        if let Some(zero) =
            header.find('0').filter(|zero| !header[..*zero].contains(|c: char| c.is_ascii_digit()))
        {
            let message = format!("0 is no indentation of the text behind `{sign}`");
            return Fault::new(self.at + 1 + zero, message).hint("1 to 9, or none");
        }
        let kinds = header.bytes().map(|byte| byte.is_ascii_digit());
        let mut before = [false; 2];
        let good =
            kinds.take_while(|digit| !std::mem::replace(&mut before[usize::from(*digit)], true)).count();
        let behind = &self.rest()[1 + good..];
        let blank = behind.len() - behind.trim_start_matches([' ', '\t']).len();
        let message = format!("text on the line of a block header `{sign}`");
        let hint = "begin the text on the next line, or quote it where it begins with `|` or `>`";
        Fault::new(self.at + 1 + good + blank, message).hint(hint)
    }

    /// A line that fits nowhere, or text behind a value.
    fn level(&self) -> Fault {
        let (start, line) = self.line(self.at);
        let first = line.trim_start();
        let place = start + line.len() - first.len();
        let is_item = first.starts_with("- ") || first == "-";
        if self.at > place && !(is_item && self.at <= place + 2) {
            return self.behind_value();
        }
        if is_item {
            let message = "a list item where no list goes on: its indentation fits no list above";
            return Fault::new(place, message)
                .hint("items of one list begin in the same column; check the indentation");
        }
        if first.starts_with(['{', '[']) && place == start {
            let hint = "put it into a file of its own, or behind a `name: `";
            return Fault::new(place, "a second document in the file").hint(hint);
        }
        if first.starts_with('*') {
            let hint = "put a blank between an alias and its `:`, or quote a text that begins with `*`";
            return Fault::new(place, "expected `name: value`").hint(hint);
        }
        if is_entry(first) {
            let message = "the indentation of this line fits none of the lines above it";
            return Fault::new(place, message)
                .hint("entries of one mapping begin in the same column; check the indentation");
        }
        Fault::new(place, "expected `name: value`").hint(no_entry_hint(first))
    }

    fn behind_value(&self) -> Fault {
        let is_item = self.rest().starts_with("- ") || self.rest().trim_end() == "-";
        match self.kind {
            K::BlockSequenceEntryNotAllowed | K::InvalidIndentation if is_item => {
                let message = "a list item `- ` in the middle of a line";
                Fault::new(self.at, message)
                    .hint("begin the list on the next line, or quote a text that begins with `- `")
            }
            K::ExpectedDocumentStart | K::ExpectedBlockMappingKey | K::ExpectedBlockSequenceEntry => {
                let message = "text behind the end of a value";
                Fault::new(self.at, message)
                    .hint("quote the whole text, or begin the next entry on a line of its own")
            }
            _ => Fault::new(self.at, "expected `name: value`").hint(no_entry_hint(self.rest())),
        }
    }

    fn plainly(&self) -> Fault {
        let next = self.rest().chars().next();
        if let (
            Some(c @ (',' | '?')),
            K::UnexpectedEofBlockMapping
            | K::UnexpectedEofImplicitFlowMapping
            | K::ExpectedNodeContent
            | K::UnexpectedEofFlowMapping
            | K::UnexpectedEofFlowSequence
            | K::UnexpectedEofBlockSequence,
        ) = (next, self.kind)
        {
            let hint = "take out one comma, or quote a text that begins with it";
            return Fault::new(self.at, format!("nothing stands before the `{c}`")).hint(hint);
        }
        let fault = Fault::new(self.at, words(self.kind, next));
        let unclosed = matches!(self.kind, K::UnclosedFlowCollection { .. });
        match usual_hint(self.kind) {
            _ if unclosed && self.rest().starts_with(['[', '{']) => self.unclosed(self.at),
            Some(hint) => fault.hint(hint),
            None => fault,
        }
    }
}

/// Tabs before a comment and in a line of nothing else do no harm.
fn tab_of_indentation(line: &str) -> Option<usize> {
    let is_empty = line.trim_start().is_empty() || line.trim_start().starts_with('#');
    line.find(|c| c != ' ').filter(|at| line.as_bytes()[*at] == b'\t' && !is_empty)
}

/// `name: …`, where the name may be quoted.
fn is_entry(line: &str) -> bool {
    let name_end = match line.chars().next() {
        Some(quote @ ('"' | '\'')) => line[1..].find(quote).map_or(line.len(), |end| end + 2),
        _ => 0,
    };
    let rest = &line[name_end..];
    rest.trim_end().ends_with(':') || rest.contains(": ")
}
