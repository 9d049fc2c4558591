//! Terminal escapes out: colours and cursor moves (CSI), titles and links (OSC and its kin), the short escapes.
//!
//! A sequence that is broken or unfinished loses its introducer only, so that no text hides behind it. One pass,
//! whatever the input: a string sequence is looked through up to the next escape and no further.

use std::borrow::Cow;

const ESC: u8 = 0x1b;
const BEL: u8 = 0x07;

/// `text` without escape sequences; borrowed when it holds none.
pub(super) fn strip(text: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    let Some(first) = memchr::memchr(ESC, &text) else { return text };
    let mut kept = text[..first].to_vec();
    let mut rest = &text[first..];
    while !rest.is_empty() {
        rest = &rest[sequence_bytes(rest)..];
        let plain = memchr::memchr(ESC, rest).unwrap_or(rest.len());
        kept.extend_from_slice(&rest[..plain]);
        rest = &rest[plain..];
    }
    Cow::Owned(kept)
}

/// How many bytes of `rest`, which begins with ESC, are no text. At least one.
fn sequence_bytes(rest: &[u8]) -> usize {
    match rest.get(1) {
        Some(b'[') => control_bytes(rest),
        Some(b']' | b'P' | b'X' | b'^' | b'_') => string_bytes(rest),
        Some(0x20..=0x2f) => 2 + usize::from(matches!(rest.get(2), Some(0x30..=0x7e))),
        Some(0x30..=0x7e) => 2,
        _ => 1,
    }
}

/// `ESC [ parameters intermediates final`.
fn control_bytes(rest: &[u8]) -> usize {
    let body = &rest[2..];
    let inner = body.iter().take_while(|byte| matches!(byte, 0x20..=0x3f)).count();
    match body.get(inner) {
        Some(0x40..=0x7e) => 2 + inner + 1,
        _ => 2,
    }
}

/// `ESC ] … BEL` or `ESC ] … ESC \`.
fn string_bytes(rest: &[u8]) -> usize {
    let body = &rest[2..];
    match memchr::memchr2(BEL, ESC, body) {
        Some(end) if body[end] == BEL => 2 + end + 1,
        Some(end) if body.get(end + 1) == Some(&b'\\') => 2 + end + 2,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        String::from_utf8(strip(Cow::Borrowed(text.as_bytes())).into_owned()).expect("escapes are ASCII")
    }

    #[test]
    fn escapes_go_and_text_stays() {
        let table = [
            ("\x1b[31mERROR\x1b[0m x", "ERROR x"),
            ("a\x1b[1;38;5;9mb\x1b[mc", "abc"),
            ("\x1b]0;title\x07after", "after"),
            ("\x1b]8;;https://x.okta.com\x1b\\link\x1b]8;;\x1b\\", "link"),
            ("\x1b(Btext\x1b=", "text"),
            ("\x1bP1$r0m\x1b\\x", "x"),
            ("no escape", "no escape"),
            // Broken ones hide nothing.
            ("\x1b]0;invalid_grant", "0;invalid_grant"),
            ("\x1b]a\x1b]b", "ab"),
            ("\x1b[12\u{e9}", "12\u{e9}"),
            ("end\x1b", "end"),
            ("end\x1b[", "end"),
        ];
        for (text, expected) in table {
            assert_eq!(plain(text), expected, "{text:?}");
        }
    }

    #[test]
    fn text_without_escapes_stays_borrowed() {
        assert!(matches!(strip(Cow::Borrowed(b"plain")), Cow::Borrowed(_)));
    }

    #[test]
    fn a_million_unfinished_sequences_are_one_pass() {
        for unit in ["\x1b]", "\x1b[", "\x1bP", "\x1b[0", "\x1b"] {
            let text = unit.repeat(1_000_000);
            assert!(strip(Cow::Borrowed(text.as_bytes())).len() <= text.len());
        }
    }
}
