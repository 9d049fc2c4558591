//! Text for people: labels in a column, everything else wrapped beside it. All that comes in is escaped here.

use std::fmt::Write;

use crate::commands::escape::Escaped;
use crate::commands::output;

/// Columns of a line.
const WIDTH: usize = 96;
/// Columns of the labels.
const LABEL: usize = 10;

pub struct Page {
    text: String,
    bold: bool,
}

impl Page {
    pub fn for_stdout() -> Page {
        Page { text: String::new(), bold: output::wants_colour(&std::io::stdout()) }
    }

    #[cfg(test)]
    pub fn plain() -> Page {
        Page { text: String::new(), bold: false }
    }

    pub fn done(self) -> String {
        self.text
    }

    pub fn title(&mut self, text: &str) {
        let escaped = Escaped(text.as_bytes()).to_string();
        let title = if self.bold { format!("\x1b[1m{escaped}\x1b[0m") } else { escaped };
        self.text.push_str(&title);
        self.text.push('\n');
    }

    pub fn blank(&mut self) {
        self.text.push('\n');
    }

    /// A label, and text beside it; an empty label goes on with the one above.
    pub fn row(&mut self, label: &str, text: &str) {
        self.labelled(label, 0, text);
    }

    /// Text further in, its later lines two columns more.
    pub fn sub(&mut self, indent: usize, text: &str) {
        self.labelled("", indent, text);
    }

    /// A text that is to be copied: one line, not wrapped.
    pub fn verbatim(&mut self, text: &str) {
        let _ = writeln!(self.text, "{:LABEL$}{}", "", Escaped(text.as_bytes()));
    }

    fn labelled(&mut self, label: &str, indent: usize, text: &str) {
        let escaped = Escaped(text.as_bytes()).to_string();
        let hanging = if indent > 0 { 2 } else { 0 };
        let mut lines = wrapped(&escaped, WIDTH - LABEL - indent, hanging).into_iter();
        let first = lines.next().unwrap_or_default();
        let pad = " ".repeat(LABEL.saturating_sub(label.chars().count()) + indent);
        let label =
            if self.bold && !label.is_empty() { format!("\x1b[1m{label}\x1b[0m") } else { label.to_owned() };
        let _ = writeln!(self.text, "{}", format!("{label}{pad}{first}").trim_end());
        for line in lines {
            let _ = writeln!(self.text, "{:indent$}{line}", "", indent = LABEL + indent);
        }
    }
}

/// Lines of at most `width` characters, broken at blanks, or anywhere in a word that is longer than a line.
fn wrapped(text: &str, width: usize, hanging: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut len = 0;
    for word in text.split(' ') {
        let mut word: Vec<char> = word.chars().collect();
        if len > 0 && len + 1 + word.len() > width {
            lines.push(std::mem::take(&mut line));
            line.extend(std::iter::repeat_n(' ', hanging));
            len = hanging;
        } else if !(lines.is_empty() && line.is_empty()) {
            line.push(' ');
            len += 1;
        }
        while len + word.len() > width.max(hanging + 1) {
            let rest = word.split_off(width.max(hanging + 1) - len);
            line.extend(word);
            lines.push(std::mem::take(&mut line));
            line.extend(std::iter::repeat_n(' ', hanging));
            len = hanging;
            word = rest;
        }
        len += word.len();
        line.extend(word);
    }
    lines.push(line);
    lines
}

/// The head of a text that may be long.
pub fn short(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_wrapped_beside_its_label_and_escaped() {
        let mut page = Page::plain();
        page.row("Record", &format!("{}\x1b[2J{}", "word ".repeat(30), "x".repeat(200)));
        let text = page.done();
        assert!(text.lines().count() > 3, "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert!(text.contains("\\x1b[2J") && !text.contains('\x1b'), "{text}");
        assert!(text.lines().skip(1).all(|line| line.starts_with("          ")), "{text}");
    }

    #[test]
    fn no_word_is_lost_in_wrapping() {
        let text = "a bb  ccc dddd eeeee";
        for width in 1..30 {
            let joined: String = wrapped(text, width, 0).concat().split(' ').collect();
            assert_eq!(joined, "abbcccddddeeeee", "{width}");
        }
    }
}
