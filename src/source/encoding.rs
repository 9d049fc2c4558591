//! UTF-16 with a byte-order mark becomes UTF-8 here, so that every later room sees one encoding. Anything else passes
//! untouched and uncopied. Half pairs and lone surrogates become U+FFFD; a half unit at the end does too.

/// What the bytes of a file are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Text {
    /// Too few of them were seen.
    #[default]
    Unknown,
    /// Or anything else that passes as it is.
    Utf8,
    /// Begins with a byte-order mark; little end first.
    Utf16Le,
    Utf16Be,
    /// Not for people.
    Binary,
}

/// Of the head of a file, this much is looked at for zeros.
const ZEROS_WITHIN: usize = 1024;

impl Text {
    /// What the first bytes of a file say; all of them, or a few hundred. Zeros among other bytes make it binary: zeros
    /// before all else are a hole, and zeros behind it may be overwritten yet.
    pub fn of_head(head: &[u8]) -> Text {
        match head {
            [] | [0xFE | 0xFF] => Text::Unknown,
            [0xFF, 0xFE, ..] => Text::Utf16Le,
            [0xFE, 0xFF, ..] => Text::Utf16Be,
            _ => {
                let Some(first) = head.iter().position(|byte| *byte != 0) else { return Text::Unknown };
                let text = &head[first..head.len().min(first + ZEROS_WITHIN)];
                let last = text.iter().rposition(|byte| *byte != 0).unwrap_or(0);
                if text[..last].contains(&0) { Text::Binary } else { Text::Utf8 }
            }
        }
    }
}

/// Looks at the first two bytes of a stream and then decodes, or does not.
#[derive(Debug, Default)]
pub struct Decoder {
    state: State,
    text: Vec<u8>,
}

#[derive(Debug, Default)]
enum State {
    /// No byte was seen yet.
    #[default]
    Start,
    /// One byte that may open a mark.
    Held(u8),
    Plain,
    Utf16(Utf16),
}

#[derive(Debug)]
struct Utf16 {
    unit: fn([u8; 2]) -> u16,
    odd: Option<u8>,
    high: Option<u16>,
}

impl Decoder {
    /// Goes on in the middle of a stream.
    pub fn resumed(text: Text) -> Decoder {
        let state = match text {
            Text::Utf16Le => State::Utf16(Utf16::new(u16::from_le_bytes)),
            Text::Utf16Be => State::Utf16(Utf16::new(u16::from_be_bytes)),
            Text::Unknown | Text::Utf8 | Text::Binary => State::Plain,
        };
        Decoder { state, text: Vec::new() }
    }

    /// Whether its text is not as long as what it was decoded from.
    pub fn has_wide_text(&self) -> bool {
        matches!(self.state, State::Utf16(_))
    }

    /// Bytes of the stream for a piece of its text that has so many bytes and UTF-16 units, and for what is held back
    /// here behind it.
    pub fn stream_bytes(&self, text_bytes: u64, units: u64) -> u64 {
        match &self.state {
            State::Start | State::Plain => text_bytes,
            State::Held(_) => text_bytes + 1,
            State::Utf16(utf16) => {
                2 * units + u64::from(utf16.odd.is_some()) + 2 * u64::from(utf16.high.is_some())
            }
        }
    }

    /// The bytes in UTF-8, as far as they can be decided.
    pub fn decode<'a>(&'a mut self, bytes: &'a [u8]) -> &'a [u8] {
        if matches!(self.state, State::Plain) || bytes.is_empty() {
            return bytes;
        }
        self.text.clear();
        let mut rest = bytes;
        if let State::Start = self.state {
            if !matches!(bytes[0], 0xFE | 0xFF) {
                self.state = State::Plain;
                return bytes;
            }
            self.state = State::Held(bytes[0]);
            rest = &bytes[1..];
        }
        if let (State::Held(first), Some(&second)) = (&self.state, rest.first()) {
            match [*first, second] {
                [0xFF, 0xFE] => self.state = State::Utf16(Utf16::new(u16::from_le_bytes)),
                [0xFE, 0xFF] => self.state = State::Utf16(Utf16::new(u16::from_be_bytes)),
                [first, _] => {
                    self.state = State::Plain;
                    self.text.push(first);
                    self.text.extend_from_slice(rest);
                    return &self.text;
                }
            }
            rest = &rest[1..];
        }
        if let State::Utf16(utf16) = &mut self.state {
            utf16.decode(rest, &mut self.text);
        }
        &self.text
    }

    /// What is left when nothing more comes.
    pub fn finish(&mut self) -> &[u8] {
        self.text.clear();
        match &mut self.state {
            State::Held(first) => self.text.push(*first),
            State::Utf16(utf16) if utf16.odd.is_some() || utf16.high.is_some() => {
                push(char::REPLACEMENT_CHARACTER, &mut self.text)
            }
            _ => {}
        }
        self.state = State::Plain;
        &self.text
    }
}

impl Utf16 {
    fn new(unit: fn([u8; 2]) -> u16) -> Utf16 {
        Utf16 { unit, odd: None, high: None }
    }

    fn decode(&mut self, bytes: &[u8], text: &mut Vec<u8>) {
        for &byte in bytes {
            let Some(first) = self.odd.take() else {
                self.odd = Some(byte);
                continue;
            };
            self.push_unit((self.unit)([first, byte]), text);
        }
    }

    fn push_unit(&mut self, unit: u16, text: &mut Vec<u8>) {
        const LOST: char = char::REPLACEMENT_CHARACTER;
        match (self.high.take(), unit) {
            (Some(high), 0xDC00..=0xDFFF) => {
                let point = 0x1_0000 + ((u32::from(high) - 0xD800) << 10) + (u32::from(unit) - 0xDC00);
                push(char::from_u32(point).unwrap_or(LOST), text);
            }
            (lone, _) => {
                if lone.is_some() {
                    push(LOST, text);
                }
                match unit {
                    // A high half may still meet its low half.
                    0xD800..=0xDBFF => self.high = Some(unit),
                    _ => push(char::from_u32(u32::from(unit)).unwrap_or(LOST), text),
                }
            }
        }
    }
}

fn push(character: char, text: &mut Vec<u8>) {
    text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Decodes in chunks of the given size.
    fn decoded(bytes: &[u8], size: usize) -> Vec<u8> {
        let mut decoder = Decoder::default();
        let mut text = Vec::new();
        for chunk in bytes.chunks(size.max(1)) {
            text.extend_from_slice(decoder.decode(chunk));
        }
        text.extend_from_slice(decoder.finish());
        text
    }

    fn utf16(text: &str, mark: [u8; 2], bytes_of: fn(u16) -> [u8; 2]) -> Vec<u8> {
        mark.into_iter().chain(text.encode_utf16().flat_map(bytes_of)).collect()
    }

    proptest! {
        #[test]
        fn utf16_of_either_order_becomes_its_text_in_any_chunking(text in "\\PC{0,40}", size in 1usize..9) {
            prop_assert_eq!(decoded(&utf16(&text, [0xFF, 0xFE], u16::to_le_bytes), size), text.as_bytes());
            prop_assert_eq!(decoded(&utf16(&text, [0xFE, 0xFF], u16::to_be_bytes), size), text.as_bytes());
        }

        #[test]
        fn bytes_without_a_mark_pass_untouched(bytes: Vec<u8>, size in 1usize..9) {
            prop_assume!(!bytes.starts_with(&[0xFF, 0xFE]) && !bytes.starts_with(&[0xFE, 0xFF]));
            prop_assert_eq!(decoded(&bytes, size), bytes);
        }

        #[test]
        fn broken_utf16_becomes_valid_text(bytes: Vec<u8>, size in 1usize..9) {
            let marked = [&[0xFF, 0xFE], &bytes[..]].concat();
            prop_assert!(String::from_utf8(decoded(&marked, size)).is_ok());
        }
    }

    #[test]
    fn lone_halves_are_replaced_and_the_text_around_them_stays() {
        let units = [0x41, 0xD800, 0x42, 0xDC00, 0x43, 0xD801];
        let bytes: Vec<u8> =
            [0xFF, 0xFE].into_iter().chain(units.iter().flat_map(|u: &u16| u.to_le_bytes())).collect();
        assert_eq!(decoded(&bytes, 3), "A\u{FFFD}B\u{FFFD}C\u{FFFD}".as_bytes());
    }
}
