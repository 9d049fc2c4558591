//! The words of a line that may name who writes or who was talked to, by where and how they are written.
//!
//! Next to a level, in brackets, as a class, an exception, or the package of a stack frame. Two names that are joined prove
//! nobody. Whose names they are is the lexicon's.

use memchr::memmem;

use super::lexicon::Lexicon;
use crate::catalogue::compile::ProviderId;

/// One look each: every byte of a record that is judged is asked for.
const IDENTIFIER: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        table[byte] = b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'/' | b'$' | b'-' | b'@');
        byte += 1;
    }
    table
};

fn is_identifier(byte: u8) -> bool {
    IDENTIFIER[usize::from(byte)]
}

/// Identifier bytes, with `::` between them.
fn qualified_len(text: &[u8]) -> usize {
    let mut len = 0;
    loop {
        len += text[len..].iter().take_while(|b| is_identifier(**b)).count();
        let joined = text[len..].starts_with(b"::") && text.get(len + 2).is_some_and(u8::is_ascii_alphabetic);
        if len == 0 || !joined {
            return len;
        }
        len += 2;
    }
}

/// The last word before a level.
pub fn identifier_before(text: &[u8]) -> Option<&[u8]> {
    let end = text.iter().rposition(|b| is_identifier(*b))? + 1;
    let start = end - text[..end].iter().rev().take_while(|b| is_identifier(**b)).count();
    text[start..end].iter().any(u8::is_ascii_alphabetic).then(|| &text[start..end])
}

/// The first word behind a level, numbers and brackets passed over.
pub fn identifier_after(text: &[u8]) -> Option<&[u8]> {
    const PASSED_MAX: usize = 24;
    let skip = text.iter().take(PASSED_MAX).take_while(|b| !b.is_ascii_alphabetic() && **b != b'@').count();
    let passed = &text[..skip];
    let rest = &text[skip..];
    let good = passed.iter().all(|b| {
        b.is_ascii_whitespace()
            || b.is_ascii_digit()
            || matches!(b, b'[' | b']' | b'(' | b')' | b'>' | b':' | b',' | b'|' | b'-')
    });
    let len = rest.iter().take_while(|b| is_identifier(**b)).count();
    (good && len > 0).then(|| &rest[..len])
}

/// Bracketed words, qualified class names, exception names, packages of frames, `logger - `.
pub fn written_names<'l>(line: &'l [u8], out: &mut Vec<&'l [u8]>) {
    let mut at = 0;
    while at < line.len() {
        let len = qualified_len(&line[at..]);
        if len == 0 {
            at += 1;
            continue;
        }
        let word = &line[at..at + len];
        let before = at.checked_sub(1).map(|i| line[i]);
        let after = line.get(at + len).copied();
        let bracketed = matches!((before, after), (Some(b'['), Some(b']')) | (Some(b'('), Some(b')')));
        let frame = line[..at].trim_ascii() == b"at";
        let dashed = line[at + len..].starts_with(b" - ") && matches!(before, None | Some(b' ' | b']'));
        let named = (bracketed && word[0].is_ascii_alphabetic())
            || is_class_name(word)
            || is_exception(line, at, word)
            || frame
            || dashed;
        if named && memchr::memchr(b'/', word).is_none() {
            out.push(word);
        }
        out.extend(package_of(word));
        at += len;
    }
}

/// `a.b.C`: a dotted name whose last parts begin in upper case.
fn is_class_name(word: &[u8]) -> bool {
    let mut parts = word.split(|b| *b == b'.');
    let first = parts.next().unwrap_or_default();
    let rest: Vec<&[u8]> = parts.collect();
    let starts = |p: &[u8], f: fn(&u8) -> bool| p.first().is_some_and(f);
    memchr::memchr(b'/', word).is_none()
        && starts(first, |b| b.is_ascii_lowercase() || *b == b'_')
        && rest.iter().any(|p| starts(p, u8::is_ascii_uppercase))
}

/// `okta.OktaError` at the start of a line.
fn is_exception(line: &[u8], at: usize, word: &[u8]) -> bool {
    line[..at].trim_ascii().is_empty() && (word.ends_with(b"Exception") || word.ends_with(b"Error"))
}

/// The package that a file of a stack frame belongs to.
fn package_of(word: &[u8]) -> Option<&[u8]> {
    memchr::memchr(b'/', word)?;
    for root in [&b"node_modules/"[..], b"site-packages/", b"dist-packages/", b"/gems/"] {
        if let Some(found) = memmem::rfind(word, root) {
            let package = &word[found + root.len()..];
            let parts = if package.starts_with(b"@") { 2 } else { 1 };
            let end = package
                .iter()
                .enumerate()
                .filter(|(_, b)| **b == b'/')
                .nth(parts - 1)
                .map_or(package.len(), |(i, _)| i);
            return Some(&package[..end]);
        }
    }
    None
}

/// Two names joined by and, or, a comma or a slash prove nobody.
pub fn is_joined(lexicon: &Lexicon, line: &[u8], word: &[u8]) -> bool {
    let names = lexicon.names_in(word);
    if names.is_empty() {
        return false;
    }
    let start = word.as_ptr() as usize - line.as_ptr() as usize;
    joined_after(lexicon, &line[start + word.len()..], &names)
        || joined_before(lexicon, &line[..start], &names)
}

/// Somebody is named who is not named already.
fn is_other(found: &[ProviderId], names: &[ProviderId]) -> bool {
    found.iter().any(|p| !names.contains(p))
}

/// ` and okta …`
pub fn joined_after(lexicon: &Lexicon, rest: &[u8], names: &[ProviderId]) -> bool {
    let Some(rest) = after_joint(rest) else { return false };
    let len = rest.iter().take_while(|b| is_identifier(**b)).count();
    is_other(&lexicon.names_in(&rest[..len]), names)
}

/// `… okta and `
pub fn joined_before(lexicon: &Lexicon, text: &[u8], names: &[ProviderId]) -> bool {
    let trimmed = text.trim_ascii_end();
    let spaced = trimmed.len() < text.len();
    let head = [&b"and"[..], b"or", b"&", b",", b"/", b"+"].iter().find_map(|joint| {
        let head = trimmed.strip_suffix(*joint)?;
        let word = joint[0].is_ascii_alphabetic();
        (!word || (spaced && head.last().is_some_and(u8::is_ascii_whitespace))).then_some(head)
    });
    let Some(head) = head.map(<[u8]>::trim_ascii_end) else { return false };
    let len = head.iter().rev().take_while(|b| is_identifier(**b)).count();
    is_other(&lexicon.names_in(&head[head.len() - len..]), names)
}

fn after_joint(rest: &[u8]) -> Option<&[u8]> {
    let trimmed = rest.trim_ascii_start();
    let spaced = trimmed.len() < rest.len();
    [&b"and"[..], b"or", b"&", b",", b"/", b"+"].iter().find_map(|joint| {
        let tail = trimmed.strip_prefix(*joint)?;
        let word = joint[0].is_ascii_alphabetic();
        (!word || (spaced && tail.first().is_some_and(u8::is_ascii_whitespace)))
            .then(|| tail.trim_ascii_start())
    })
}
