//! Findings about a configuration that may hold secrets → the same findings without them.
//!
//! An excerpt shows a line of the file, and a line may hold a password, however it is misspelled or broken. So where a
//! text speaks of a login at all, a value is shown only behind a name that is known to hold no secret; this reads the
//! text by itself, as roughly as it must to work on what is no YAML.

mod scan;

use std::ops::Range;

use crate::catalogue::diagnostic::Diagnostic;
use crate::source::kafka::REDACTED;
use scan::{Scan, has_word, is_printable_name};

/// What a text speaks of that may hold a secret, in small letters.
const TELLTALES: [&str; 9] =
    ["kafka", "brokers", "sasl", "ssl", "password", "passwd", "secret", "token", "-----begin"];

/// What messages and hints quote that is ours and not the file's.
const WORDS: &str = " log web sources kafka security sasl tls oidc token password key key_password client_secret token_url \
    librdkafka state metrics limits rules true false null *** ";

/// Takes secrets out of the excerpts of those findings that are about the text `name`.
pub(super) fn excerpts<'d>(name: &str, text: &str, findings: impl IntoIterator<Item = &'d mut Diagnostic>) {
    let Some(masked) = Masked::new(text) else { return };
    for finding in findings {
        if finding.file == name && !finding.excerpt.is_empty() {
            masked.redact_excerpt(finding);
        }
    }
}

/// Takes secrets out of what the reader of YAML says, which quotes what it did not expect. What we say ourselves of a
/// value that was read is to be safe as it is.
pub(super) fn messages(text: &str, findings: &mut [Diagnostic]) {
    let Some(masked) = Masked::new(text) else { return };
    for finding in findings {
        let (start, line) = masked.line(finding.line);
        let column: usize = line.chars().take(finding.column - 1).map(char::len_utf8).sum();
        if masked.range_at(start + column).is_some() {
            finding.message = without_values(&finding.message);
            finding.hint = finding.hint.take().map(|hint| without_values(&hint));
        }
    }
}

struct Masked<'t> {
    text: &'t str,
    /// Offsets of the lines.
    starts: Vec<usize>,
    /// In order, apart from each other.
    ranges: Vec<Range<usize>>,
}

impl<'t> Masked<'t> {
    /// Nothing where the text speaks of no login.
    fn new(text: &'t str) -> Option<Masked<'t>> {
        let lower = text.to_lowercase();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let is_told = TELLTALES.iter().any(|telltale| lower.contains(telltale));
        is_told.then(|| Masked { text, starts: line_starts(text), ranges: Scan::new(text).run() })
    }

    /// A line without its end, and where it begins.
    fn line(&self, line: usize) -> (usize, &'t str) {
        let start = self.starts.get(line - 1).copied().unwrap_or(self.text.len());
        let end = self.starts.get(line).copied().unwrap_or(self.text.len());
        (start, self.text[start..end].trim_end_matches(['\n', '\r']))
    }

    fn redact_excerpt(&self, finding: &mut Diagnostic) {
        let (start, line) = self.line(finding.line);
        let (mut shown, mut column, mut hidden) = (String::new(), None, None);
        for (n, (at, c)) in line.char_indices().enumerate() {
            let range = self.range_at(start + at);
            let is_begun = range.is_some() && range == hidden;
            if n + 1 == finding.column {
                column = Some(shown.chars().count() + 1 - if is_begun { REDACTED.len() } else { 0 });
            }
            match range {
                None => shown.push(c),
                Some(_) if is_begun => {}
                Some(_) => shown.push_str(REDACTED),
            }
            hidden = range;
        }
        let column = column.unwrap_or_else(|| shown.chars().count() + 1);
        let before = "\n".repeat(finding.line - 1);
        finding.excerpt =
            Diagnostic::new("", &(before + &shown), (finding.line, column), String::new()).excerpt;
    }

    fn range_at(&self, byte: usize) -> Option<usize> {
        let n = self.ranges.partition_point(|range| range.end <= byte);
        self.ranges.get(n).filter(|range| range.contains(&byte)).map(|_| n)
    }
}

/// As excerpts count them: a CR alone ends a line as well.
fn line_starts(text: &str) -> Vec<usize> {
    let bytes = text.as_bytes();
    let ends = memchr::memchr2_iter(b'\n', b'\r', bytes).map(|end| end + 1);
    let ends = ends.filter(|end| bytes[end - 1] == b'\n' || bytes.get(*end) != Some(&b'\n'));
    std::iter::once(0).chain(ends).collect()
}

/// A message about a value that is not shown: what it quotes of the file is taken out.
fn without_values(message: &str) -> String {
    let message = match message.rsplit_once(", found the ") {
        Some((expected, _)) => return expected.to_owned(),
        None => message,
    };
    let parts: Vec<&str> = message.split('`').collect();
    let is_known = |part: &&str| {
        let is_sign = part.len() <= 2 && !part.contains(char::is_alphanumeric);
        is_sign || part.split([' ', ':', ',', '{', '}', '[', ']', '…']).all(is_word)
    };
    if parts.len() % 2 == 1 && parts.iter().skip(1).step_by(2).all(is_known) {
        return message.to_owned();
    }
    let (first, last) = (message.find('`'), message.rfind('`'));
    match (first, last) {
        (Some(first), Some(last)) => format!("{}`{REDACTED}`{}", &message[..first], &message[last + 1..]),
        _ => message.to_owned(),
    }
}

/// Of the words of a hint.
fn is_word(word: &str) -> bool {
    const OF_HINTS: [&str; 8] = ["", "value", "path", "path}", "$", "$$", "NAME", "a"];
    OF_HINTS.contains(&word) || is_printable_name(word) || has_word(WORDS, word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let masked = Masked { text, starts: line_starts(text), ranges: Scan::new(text).run() };
        let mut out = String::new();
        let mut hidden = None;
        for (at, c) in text.char_indices() {
            let range = masked.range_at(at);
            match range {
                None => out.push(c),
                Some(_) if range == hidden => {}
                Some(_) => out.push_str(REDACTED),
            }
            hidden = range;
        }
        out
    }

    #[test]
    fn values_are_shown_behind_names_that_hold_no_secret() {
        for (text, expected) in [
            ("kafka:\n  group: g # old: x\n", "kafka:\n  group: g ***\n"),
            ("  password: hunter 2\n  group: g", "  password: ***\n  group: g"),
            ("{group: g, pasword: 'a, ''b', topics: [a, b]}", "{group: g, pasword: ***, topics: [a, b]}"),
            ("{password: a,b}", "{password: ***,***}"),
            ("password: ab: cd\n", "password: ***\n"),
            ("password:\n  ab\n  cd\ngroup: g", "password:\n  ***\n  ***\ngroup: g"),
            ("- key: |\n    -----BEGIN\n    a: b\n\n    c\n  group: g", "- key: |***\n  group: g"),
            ("key: |\nMIIE\nabc=\n", "key: |\n***\n***\n"),
            ("brokers: [u:p@h:1]", "brokers: [***@h:1]"),
            ("\"sasl.password\": \"a\\\"b\"\n", "\"sasl.password\": ***\n"),
            ("\"client.id\": x\n", "\"client.id\": x\n"),
            ("password: \"never closed\ngroup: g", "password: ***\ngroup: g"),
            ("a\nb", "***\n***"),
            ("{b: [c:]}", "{b: [***:]}"),
            ("{ca: /c, key: #\"-----BEGIN \\\n   KANARIK\"}", "{ca: /c, key: ***\n   ***}"),
            ("{ca: /c, key #: \"-----BEGIN \\\n   KANARIK\"}", "{ca: /c, *** ***\n   ***}"),
            ("group: g\npassword:: x y\n", "group: g\npassword:: ***\n"),
            ("group: g\npassword x\n- y", "group: g\n***\n- ***"),
            ("topics:\n  - a\n  - b: x\n  - c", "topics:\n  - a\n  - b: ***\n  - ***"),
            ("{topics: [a, {b: x}, c], d}", "{topics: [a, {b: ***}, c], ***}"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn a_caret_stays_where_it_was_meant() {
        let text = "kafka: {password: hunter2, gruop: g}";
        let mut finding = Diagnostic::new("f", text, (1, 28), "unknown field `gruop`".into());
        messages(text, std::slice::from_mut(&mut finding));
        excerpts("f", text, [&mut finding]);
        assert_eq!(finding.excerpt, " 1 | kafka: {password: ***, gruop: ***}\n   |                        ^");
        assert_eq!((finding.column, finding.message.as_str()), (28, "unknown field `gruop`"));
        let mut inside =
            Diagnostic::new("f", text, (1, 19), "expected a list, found the text `hunter2`".into());
        messages(text, std::slice::from_mut(&mut inside));
        excerpts("f", text, [&mut inside]);
        assert_eq!(inside.excerpt, " 1 | kafka: {password: ***, gruop: ***}\n   |                   ^");
        assert_eq!(inside.message, "expected a list");
    }

    #[test]
    fn a_text_without_any_login_is_shown_as_it_is() {
        let text = "web: {lingre: 3s} # why\n";
        let one = Diagnostic::new("f", text, (1, 7), "unknown field `lingre`".into());
        let mut other = one.clone();
        messages(text, std::slice::from_mut(&mut other));
        excerpts("f", text, [&mut other]);
        assert_eq!(one, other);
    }

    #[test]
    fn a_message_keeps_what_is_ours() {
        for (message, expected) in [
            ("unknown value `hunter2` for `mechanism`", "unknown value `***`"),
            ("expected a list for `topics`", "expected a list for `topics`"),
            ("a `: ` inside a text", "a `: ` inside a text"),
            ("unknown field `a`b`c`", "unknown field `***`"),
            ("unknown field `a`b`", "unknown field `***`"),
        ] {
            assert_eq!(without_values(message), expected);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_walked_to_its_end(text in "([a-c:,{}\\[\\]'\"|>#é@ -]|\n|\r|\\\\|kafka|group: |password: |  ){0,40}") {
            let ranges = Scan::new(&text).run();
            for pair in ranges.windows(2) {
                proptest::prop_assert!(pair[0].end <= pair[1].start);
            }
            for range in &ranges {
                proptest::prop_assert!(text.get(range.clone()).is_some());
            }
            for (n, line) in text.split('\n').enumerate() {
                let mut finding = Diagnostic::new("f", &text, (1 + n, 1 + line.chars().count() / 2), "m".into());
                messages(&text, std::slice::from_mut(&mut finding));
                excerpts("f", &text, [&mut finding]);
            }
        }
    }
}
