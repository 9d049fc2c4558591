//! Where lines begin and end. A line ends at `\n` and nowhere else: a `\r` before it is no part of the text, a lone
//! `\r`, U+2028 and U+0085 are text like any other. Offsets are bytes into the given slice. Next: `events.rs`.

use std::ops::Range;

/// The number of `\n` in `bytes`; a last line without one is not counted.
pub fn count_lines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

/// The first byte of the line that holds byte `at`. A `\n` is the last byte of its own line.
pub fn line_start(text: &[u8], at: usize) -> usize {
    memchr::memrchr(b'\n', &text[..at.min(text.len())]).map_or(0, |newline| newline + 1)
}

/// One past the last byte of the line that holds byte `at`, its `\n` included.
pub fn line_end(text: &[u8], at: usize) -> usize {
    let at = at.min(text.len());
    memchr::memchr(b'\n', &text[at..]).map_or(text.len(), |newline| at + newline + 1)
}

/// The line that holds byte `at`, its `\n` included.
pub fn line_around(text: &[u8], at: usize) -> Range<usize> {
    line_start(text, at)..line_end(text, at)
}

/// Without the `\n` and one `\r` before it.
pub(super) fn trim_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The lines of `text` with their `\n`; nothing after a final `\n`.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (line, after) = rest.split_at(line_end(rest, 0));
        rest = after;
        Some(line)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_newline_ends_a_line() {
        assert_eq!(count_lines("a\r\u{2028}b\u{85}\n\nc".as_bytes()), 2);
        assert_eq!(lines(b"a\r\n\nb").collect::<Vec<_>>(), [&b"a\r\n"[..], b"\n", b"b"]);
        assert_eq!(lines(b"").count(), 0);
        assert_eq!(trim_end(b"a\r\n"), b"a");
        assert_eq!(trim_end(b"a\rb\r\r"), b"a\rb\r");
    }

    #[test]
    fn a_newline_belongs_to_the_line_it_ends() {
        let text = b"ab\ncd\n\nx";
        assert_eq!(line_around(text, 0), 0..3);
        assert_eq!(line_around(text, 2), 0..3);
        assert_eq!(line_around(text, 3), 3..6);
        assert_eq!(line_around(text, 6), 6..7);
        assert_eq!(line_around(text, 7), 7..8);
        assert_eq!(line_around(text, 99), 7..8);
    }
}
