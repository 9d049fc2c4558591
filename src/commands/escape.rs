//! Bytes of a log → text that is safe on a terminal: what would move the cursor, hide or reorder text is spelled out.

use std::fmt::{self, Write};

/// Shows control characters, text direction marks and bytes that are no UTF-8 as escapes; keeps tabs.
pub struct Escaped<'a>(pub &'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            let mut plain_from = 0;
            let text = chunk.valid();
            for (at, character) in text.char_indices().filter(|(_, c)| is_unsafe(*c)) {
                f.write_str(&text[plain_from..at])?;
                plain_from = at + character.len_utf8();
                match character {
                    '\n' => f.write_str("\\n")?,
                    '\r' => f.write_str("\\r")?,
                    c if u32::from(c) < 0x100 => write!(f, "\\x{:02x}", u32::from(c))?,
                    c => write!(f, "\\u{{{:x}}}", u32::from(c))?,
                }
            }
            f.write_str(&text[plain_from..])?;
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

fn is_unsafe(character: char) -> bool {
    match character {
        '\t' => false,
        '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}' => true,
        c => c.is_control(),
    }
}

/// The same, appended to bytes.
pub fn push_escaped(bytes: &[u8], to: &mut Vec<u8>) {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write!(text, "{}", Escaped(bytes));
    to.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_spelled_out() {
        let shown = Escaped(b"a\tb\x1b[31m\r\n\xff\xc3\xa9 \xe2\x80\xae\x00\x7f\xc2\x9b").to_string();
        assert_eq!(shown, "a\tb\\x1b[31m\\r\\n\\xffé \\u{202e}\\x00\\x7f\\x9b");
    }

    #[test]
    fn backslashes_and_quotes_stay_as_they_were_written() {
        assert_eq!(Escaped(br#"{"a":"\"x\""}"#).to_string(), r#"{"a":"\"x\""}"#);
    }
}
