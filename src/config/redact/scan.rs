//! A text of a configuration, whole or broken → where in it something stands that is not to be shown: comments, and every
//! value that does not stand behind a name that is known to hold no secret.

use std::ops::Range;

use crate::source::kafka::is_printable;

/// Settings whose values may be shown.
const PRINTABLE: &str = " include level format listen_addresses telemetry_path enable_lifecycle openmetrics_created linger \
    name stdin file files exclude start rotate_wait partial_timeout dir zero_first preinit line_bytes_max \
    event_lines_max tenants_max series_max sources_max open_files_max expansion_ratio_max dirs brokers topics group \
    framing envelope tenant header field rack instance_id consumers protocol mechanism username client_id scope command \
    ca cert verify verify_hostname prefetch_bytes_max per_partition on_corrupt stall_after require_broker ";

/// One walk over a text.
pub(super) struct Scan<'t> {
    text: &'t str,
    at: usize,
    /// Open brackets, and whether what stood before each was shown.
    brackets: Vec<(char, bool)>,
    /// What stands here belongs to a name whose values may be shown.
    is_open: bool,
    /// Column of the last name that began a line.
    indent: usize,
    ranges: Vec<Range<usize>>,
}

impl<'t> Scan<'t> {
    pub(super) fn new(text: &'t str) -> Scan<'t> {
        Scan { text, at: 0, brackets: Vec::new(), is_open: false, indent: 0, ranges: Vec::new() }
    }

    pub(super) fn run(mut self) -> Vec<Range<usize>> {
        // Where a name may stand; whether an item of a list does; where the line begins.
        let (mut is_entry, mut is_item, mut line) = (true, false, 0);
        let mut has_value = false;
        while let Some(c) = self.peek() {
            let in_brackets = !self.brackets.is_empty();
            match c {
                '\n' | '\r' => {
                    self.at += 1;
                    line = self.at;
                    if !in_brackets {
                        // A name with a value beside it has no list below it.
                        self.is_open &= !has_value;
                        (is_entry, is_item) = (true, false);
                    } else if matches!(self.brackets.last(), Some(('{', _))) {
                        self.is_open = false;
                    }
                }
                ' ' | '\t' => self.at += 1,
                '#' if self.is_apart(line) => self.hide_to(self.line_end()),
                '-' if is_entry && !in_brackets && self.is_blank_at(self.at + 1) => {
                    self.at += 1;
                    is_item = true;
                }
                '{' | '[' => {
                    self.brackets.push((c, self.is_open));
                    self.at += 1;
                    (is_entry, is_item) = (true, c == '[');
                }
                '}' | ']' if in_brackets => {
                    self.is_open = self.brackets.pop().is_some_and(|(_, before)| before);
                    self.at += 1;
                    (is_entry, has_value) = (false, true);
                }
                ',' if in_brackets => {
                    self.at += 1;
                    is_item = self.brackets.last().is_some_and(|(bracket, _)| *bracket == '[');
                    is_entry = true;
                }
                '|' | '>' if !is_entry && !in_brackets => {
                    self.block();
                    (is_entry, has_value) = (true, true);
                }
                _ if is_entry && self.name(line) => (is_entry, has_value) = (false, false),
                _ => {
                    // What is neither a name nor an item may be anything.
                    self.is_open &= !is_entry || is_item;
                    let mut end = self.value_end();
                    let line_end = self.line_end();
                    let is_quoted = c == '"' || c == '\'';
                    let is_odd = is_quoted && !self.is_closed(end, c, line_end)
                        || !is_quoted && self.text[self.at..end].contains(": ");
                    if self.is_open && is_odd {
                        // A quote too many, or a line that lost its end: each line is read by itself.
                        (self.is_open, end) = (false, line_end);
                    }
                    self.put(end);
                    // An item of a list leaves the name as it is.
                    (is_entry, has_value) = (false, !is_item);
                }
            }
        }
        self.ranges
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn is_blank_at(&self, at: usize) -> bool {
        self.text.as_bytes().get(at).is_none_or(|byte| b" \t\r\n".contains(byte))
    }

    /// Whether a blank or the beginning of the line stands before.
    fn is_apart(&self, line: usize) -> bool {
        self.at == line || self.is_blank_at(self.at - 1)
    }

    /// Whether a quoted text that ends there is what it looks like: closed, in this line, and nothing odd in or behind it.
    fn is_closed(&self, end: usize, quote: char, line_end: usize) -> bool {
        let Some(text) = self.text.get(self.at..end).filter(|_| end <= line_end && end > self.at + 1) else {
            return false;
        };
        let behind = self.text[end..line_end].trim_start();
        let ends_well = behind.is_empty() || behind.starts_with([',', ']', '}', '#']);
        text.ends_with(quote) && ends_well && !text.contains(": ")
    }

    /// Whether it ends words between brackets.
    fn is_sign(&self, c: char) -> bool {
        !self.brackets.is_empty() && ",{}[]".contains(c)
    }

    fn line_end(&self) -> usize {
        memchr::memchr2(b'\n', b'\r', &self.text.as_bytes()[self.at..])
            .map_or(self.text.len(), |n| self.at + n)
    }

    /// Takes a name and its colon, if they stand here.
    fn name(&mut self, line: usize) -> bool {
        let rest = &self.text[self.at..self.line_end()];
        let (name, behind) = match rest.chars().next() {
            Some(quote @ ('"' | '\'')) => {
                let Some(end) = rest[1..].find(quote) else { return false };
                (&rest[1..=end], end + 2)
            }
            _ => {
                let ends = |at: usize| {
                    let next = rest[at + 1..].chars().next();
                    next.is_none_or(|c| c.is_whitespace() || self.is_sign(c))
                };
                let stops = |(at, c): &(usize, char)| *c == ':' && ends(*at) || self.is_sign(*c);
                let end = rest.char_indices().find(stops).map_or(rest.len(), |(at, _)| at);
                (rest[..end].trim_end(), end)
            }
        };
        let colon = behind + rest[behind..].len() - rest[behind..].trim_start_matches(' ').len();
        let is_colon = rest[colon..].starts_with(':');
        let next = rest[colon..].chars().nth(1);
        let is_quoted = rest.starts_with(['"', '\'']);
        let is_end = is_quoted || next.is_none_or(|c| c.is_whitespace() || self.is_sign(c));
        if name.is_empty() || name.contains(" #") || !is_colon || !is_end {
            return false;
        }
        if self.brackets.is_empty() {
            self.indent = self.at - line;
        }
        self.is_open = is_printable_name(name);
        let in_list = matches!(self.brackets.last(), Some(('[', _)));
        if in_list && !self.is_open {
            self.hide_to(self.at + colon);
        } else {
            self.at += colon;
        }
        self.at += 1;
        true
    }

    /// The end of a quoted text or of words on this line.
    fn value_end(&self) -> usize {
        let rest = &self.text[self.at..];
        let bytes = rest.as_bytes();
        if let quote @ (b'"' | b'\'') = bytes[0] {
            let mut at = 1;
            while let Some(n) = memchr::memchr2(quote, b'\\', bytes.get(at..).unwrap_or_default()) {
                at += n;
                match bytes[at] {
                    b'\\' if quote == b'"' => at += 2,
                    b'\\' => at += 1,
                    _ if quote == b'\'' && bytes.get(at + 1) == Some(&b'\'') => at += 2,
                    _ => return self.at + at + 1,
                }
            }
            // No end: to that of the line, and what follows is read by itself.
            return self.line_end();
        }
        let line = &rest[..self.line_end() - self.at];
        // At least one character, whatever it is.
        let first = line.chars().next().map_or(1, char::len_utf8);
        let mut before = 'x';
        for (at, c) in line.char_indices() {
            let is_end = !self.brackets.is_empty() && (c == ',' || c == '}' || c == ']');
            if is_end || c == '#' && before.is_whitespace() {
                return self.at + line[..at].trim_end().len().max(first);
            }
            before = c;
        }
        self.at + line.trim_end().len().max(first)
    }

    /// A text in lines of its own: all that is deeper than the name before it. Nobody has to see it.
    fn block(&mut self) {
        self.at += 1;
        let mut end = self.line_end();
        while let Some(rest) = self.text.get(end..).filter(|rest| !rest.is_empty()) {
            let body = rest.trim_start_matches(['\n', '\r']);
            let line = self.text.len() - body.len();
            let depth = body.len() - body.trim_start_matches(' ').len();
            let is_blank = body.trim_start_matches(' ').starts_with(['\n', '\r']);
            if body.is_empty() || depth <= self.indent && !is_blank {
                break;
            }
            end = memchr::memchr2(b'\n', b'\r', body.as_bytes()).map_or(self.text.len(), |n| line + n);
        }
        self.hide_to(end);
    }

    fn put(&mut self, end: usize) {
        if self.is_open {
            self.hide_userinfo(end);
            self.at = end;
        } else {
            self.hide_to(end);
        }
    }

    fn hide_to(&mut self, end: usize) {
        if end > self.at {
            self.ranges.push(self.at..end);
        }
        self.at = end;
    }

    /// What stands before an `@`: people write `user:password@host`.
    fn hide_userinfo(&mut self, end: usize) {
        if let Some(sign) = self.text[self.at..end].rfind('@') {
            self.ranges.push(self.at..self.at + sign);
        }
    }
}

/// Whether the values of a setting or of a property of the client may be shown.
pub(super) fn is_printable_name(name: &str) -> bool {
    has_word(PRINTABLE, name) || is_printable(name)
}

pub(super) fn has_word(words: &str, word: &str) -> bool {
    words.split(' ').any(|known| !known.is_empty() && known == word)
}
