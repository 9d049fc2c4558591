//! Characters that must not stand in a text of YAML, looked for before it is parsed: what they do further on depends on
//! where they stand, and none of it is worth reporting.

use super::tree::Mark;
use super::{Problem, syntax};

/// A binary file has thousands.
const SAID_MAX: usize = 10;

/// One problem for each character that YAML does not allow, and for byte order marks that do not stand at the start.
pub(super) fn problems(text: &str) -> Vec<Problem> {
    if is_plain(text.as_bytes()) {
        return Vec::new();
    }
    let mut at = Mark::START;
    let bad = text.char_indices().filter(|(_, c)| !is_allowed(*c)).take(SAID_MAX);
    bad.map(|(byte, c)| {
        at = syntax::advance(at, text, byte);
        problem(at, c, text)
    })
    .collect()
}

/// Most files are ASCII.
fn is_plain(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~'))
}

/// `c-printable` of YAML 1.2.2, section 5.1, but for the byte order mark.
fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
        && c != '\u{feff}'
}

fn problem(at: Mark, c: char, text: &str) -> Problem {
    if c == '\u{feff}' {
        let hint =
            "take it out; it may stand at the start of a file only, and is left where two files are joined";
        return Problem::new(at, "a byte order mark inside the text").hint(hint.to_string());
    }
    let message = format!("the character U+{:04X} must not stand in a text of YAML", u32::from(c));
    let problem = Problem::new(at, message);
    if c == '\0' && text.bytes().filter(|byte| *byte == 0).count() * 3 >= text.len() {
        return problem.hint("this looks like UTF-16; save it as UTF-8".to_string());
    }
    match c < ' ' && c != '\0' {
        true => problem.hint("take it out, or write it as an escape between double quotes".to_string()),
        false => problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_many_scripts_has_no_problem() {
        assert!(problems("größe: 日本 😀 \u{85}\u{2028}\u{e000}\u{fffd}\r\n\tx").is_empty());
    }

    #[test]
    fn a_binary_file_is_not_listed_to_its_end() {
        assert_eq!(problems(&"\u{1}".repeat(1000)).len(), SAID_MAX);
    }
}
