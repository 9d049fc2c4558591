//! Running text → the fields written in it: quoted pairs, loose JSON members, query strings, bare pairs, XML elements,
//! and the stretches that can hold no error (SQL, metric selectors, usage lines, tables). Plain scans, left to right.

use super::objects::{self, ObjectRead, Value};
use regex::Regex;
use std::sync::LazyLock;

/// Stands in masked text for an object or a stretch that means nothing.
pub const OBJECT: char = '\x01';
/// Stands in masked text for a field that is read on its own.
pub const FIELD: char = '\x02';

/// What a scan took out of the text, `start..end`.
pub struct Claim {
    pub start: usize,
    pub end: usize,
    pub found: Found,
}

pub enum Found {
    /// An object, the key written right before it (`body={…}`), and how many levels of escapes were taken off.
    Object {
        key: String,
        members: Vec<(String, Value)>,
        unescaped: usize,
    },
    /// A field with a value of its own.
    Field {
        key: String,
        value: Value,
    },
    /// A query string or form body with its pairs decoded; `address` is what stands before the `?`.
    Query {
        address: Option<String>,
        pairs: Vec<(String, String)>,
    },
    Element {
        name: String,
        value: String,
    },
}

/// Objects and quoted fields, whichever begins first.
pub fn claims(text: &str) -> Vec<Claim> {
    let (mut claims, mut at, mut free_from) = (Vec::new(), 0, 0);
    while at < text.len() {
        let byte = text.as_bytes()[at];
        let claim = match byte {
            b'{' => object_at(text, at, free_from),
            b'"' | b'\\' => loose_member_at(text, at),
            b'=' => quoted_pair_at(text, at, free_from),
            _ => None,
        };
        match claim {
            Some(claim) => {
                (at, free_from) = (claim.end, claim.end);
                claims.push(claim);
            }
            // a run of backslashes is looked at once, at its start
            None if byte == b'\\' => at += text[at..].len() - text[at..].trim_start_matches('\\').len(),
            None => at += text[at..].chars().next().map_or(1, char::len_utf8),
        }
    }
    claims
}

fn object_at(text: &str, at: usize, free_from: usize) -> Option<Claim> {
    let key = match text[..at].strip_suffix('=') {
        Some(before) => key_before(before, before.len(), free_from).map_or("", |(_, key)| key),
        None => "",
    };
    let claim = |read: ObjectRead, end: usize, unescaped: usize| Claim {
        start: at,
        end,
        found: Found::Object { key: key.to_string(), members: read.members, unescaped },
    };
    if let Some(read) = objects::object(text, at) {
        let end = read.end;
        return Some(claim(read, end, 0));
    }
    // {\"key\": … in text that nobody decoded: one level off at a time
    let after = text[at + 1..].trim_start();
    if !after.trim_start_matches('\\').starts_with('"') || !after.starts_with('\\') {
        return None;
    }
    let mut rest = text[at..].to_string();
    let mut from: Vec<usize> = (0..=rest.len()).collect();
    for level in 1..=4 {
        let (plain, places) = objects::unescape(&rest);
        from = places.iter().map(|place| from[*place]).collect();
        rest = plain;
        if let Some(read) = objects::object(&rest, 0) {
            let end = at + from[read.end];
            return Some(claim(read, end, level));
        }
    }
    None
}

/// `"key": value`, also with every quote escaped alike, where no object could be read around it.
fn loose_member_at(text: &str, at: usize) -> Option<Claim> {
    static KEY: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"^"[^"\\\s]{1,64}"\s*:\s*(?:["{\[]|-?\d|true\b|false\b|null\b)"#).expect("valid")
    });
    static ESCAPED: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r#"^(\\+)"([^"\\\s]{1,64})(\\+)"\s*:\s*(?:(\\+)"([^"\\]*)(\\+)"|(-?[0-9.]+|true|false|null))"#,
        )
        .expect("valid")
    });
    let rest = &text[at..];
    if KEY.is_match(rest) {
        let ((key, value), end) = objects::loose_member(text, at)?;
        return Some(Claim { start: at, end, found: Found::Field { key, value } });
    }
    let found = ESCAPED.captures(rest)?;
    let slashes = |group: usize| found.get(group).map_or(found[1].len(), |slashes| slashes.len());
    if slashes(3) != found[1].len() || slashes(4) != found[1].len() || slashes(6) != found[1].len() {
        return None;
    }
    let value = match found.get(5) {
        Some(text) => Value::Text { text: text.as_str().to_string(), cut: false },
        None => Value::Bare(found[7].to_string()),
    };
    Some(Claim {
        start: at,
        end: at + found[0].len(),
        found: Found::Field { key: found[2].to_string(), value },
    })
}

/// `key="value"`, `key='value'`, `key=\"value\"` with the `=` at `at`.
fn quoted_pair_at(text: &str, at: usize, free_from: usize) -> Option<Claim> {
    let (start, key) = key_before(text, at, free_from)?;
    let after = &text[at + 1..];
    let slashes = after.len() - after.trim_start_matches('\\').len();
    let line_end = text[at..].find('\n').map_or(text.len(), |end| at + end);
    let open = at + 1 + slashes;
    let quote = text[open..line_end]
        .chars()
        .next()
        .filter(|quote| *quote == '"' || (*quote == '\'' && slashes == 0))?;
    let (value, end, cut) = if slashes == 0 {
        objects::quoted(&text[..line_end], open)
    } else {
        let close = format!("{}\"", "\\".repeat(slashes));
        let end = open + 1 + text[open + 1..line_end].find(&close)?;
        (text[open + 1..end].to_string(), end + close.len(), false)
    };
    if cut && quote == '\'' {
        return None;
    }
    // a quote that its line does not close is a cut only where the text ends
    let cut = cut && line_end == text.len();
    Some(Claim {
        start,
        end,
        found: Found::Field { key: key.to_string(), value: Value::Text { text: value, cut } },
    })
}

/// The key that ends at byte `end`: letters, digits and `_.@-`, not glued to a path, a query or a fragment.
fn key_before(text: &str, end: usize, free_from: usize) -> Option<(usize, &str)> {
    let head = &text[free_from.min(end)..end];
    let key = &head[head.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || "_.@-".contains(c)).len()..];
    let start = end - key.len();
    let glued = text[..start].chars().next_back().is_some_and(|before| "$?&/#%".contains(before));
    let named = key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '@');
    (named && !glued).then_some((start, key))
}

/// Stretches of text that name codes without saying that something failed. Quoted values are masked by `FIELD`
/// (their quotes stand), objects by `OBJECT`.
pub fn dead_stretches(text: &str) -> Vec<(usize, usize)> {
    static SELECTOR: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"[A-Za-z0-9_:.-]*[A-Za-z0-9_:]\{\s*[A-Za-z_][A-Za-z0-9_]*\s*(?:=~|!~|!=|=)\s*"[^{}]*\}"#)
            .expect("valid")
    });
    static SQL: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r"(?i)\b(?:select\b[^;\n\x01]{1,400}?\bfrom\b|update\s+\S{1,100}\s+set\b|where\s+[\w.]+\s*(?:=|in\b|like\b|<|>|!))[^;\n\x01\x22]*",
        )
        .expect("valid")
    });
    static LINE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?im)\busage:[^\n]*|^\s*# (?:HELP|TYPE)\b[^\n]*|^[ \t]*\|[^\n]*\|[ \t]*$")
            .expect("valid")
    });
    [&*SELECTOR, &*SQL, &*LINE]
        .iter()
        .flat_map(|dead| dead.find_iter(text))
        .map(|found| (found.start(), found.end()))
        .collect()
}

/// Query strings behind a `?`.
pub fn queries(text: &str) -> Vec<Claim> {
    let stops = |c: char| c.is_whitespace() || "\"'<>`".contains(c) || c == OBJECT || c == FIELD;
    let (mut claims, mut at) = (Vec::<Claim>::new(), 0);
    while let Some(mark) = text[at..].find('?').map(|found| at + found) {
        let address = &text[at..mark];
        let address = &address[address
            .rfind(|c: char| stops(c) || "=,;()[]{}".contains(c))
            .map_or(0, |stop| stop + address[stop..].chars().next().map_or(1, char::len_utf8))..];
        let end = text[mark..].find(stops).map_or(text.len(), |stop| mark + stop);
        let query = text[mark + 1..end].trim_end_matches([')', ']', '}', ',', ';', ':']);
        at = mark + 1;
        if query.contains('=') {
            at = mark + 1 + query.len();
            let pairs = query_pairs(query.split('#').next().unwrap_or(query));
            claims.push(Claim {
                start: mark,
                end: at,
                found: Found::Query { address: Some(address.to_string()), pairs },
            });
        }
    }
    claims
}

fn query_pairs(query: &str) -> Vec<(String, String)> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (key.to_string(), form_decoded(value)))
        .collect()
}

/// `+` → blank, `%xx` → its byte; bytes that are no UTF-8 become U+FFFD.
pub fn form_decoded(text: &str) -> String {
    let (bytes, mut out, mut at) = (text.as_bytes(), Vec::new(), 0);
    while at < bytes.len() {
        let hex = |byte: Option<&u8>| byte.and_then(|byte| (*byte as char).to_digit(16));
        match (bytes[at], hex(bytes.get(at + 1)), hex(bytes.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 2;
            }
            (b'+', ..) => out.push(b' '),
            (byte, ..) => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).replace(['\x01', '\x02'], "\x03")
}

/// Bare `key=value`, and form bodies (`a=1&error=x`). Where a message begins in a value and goes on behind it, the
/// message is the value.
pub fn bare_pairs(text: &str, messages: &[(usize, usize)]) -> Vec<Claim> {
    let (mut claims, mut free_from, mut at) = (Vec::<Claim>::new(), 0, 0);
    while let Some(equals) = text[at..].find('=').map(|found| at + found) {
        at = equals + 1;
        if text[at..].starts_with(['=', '>', '~']) {
            continue;
        }
        let Some((start, key)) = key_before(text, equals, free_from) else { continue };
        let mut end = at + bare_value(&text[at..]);
        if let Some(message) =
            messages.iter().find(|message| at <= message.0 && message.0 < end && end < message.1)
        {
            end = message.1;
        }
        if end == at {
            continue;
        }
        let value = &text[at..end];
        let found = if form_body(value) {
            Found::Query { address: None, pairs: query_pairs(&text[start..end]) }
        } else {
            Found::Field { key: key.to_string(), value: Value::Bare(value.to_string()) }
        };
        claims.push(Claim { start, end, found });
        (free_from, at) = (end, end);
    }
    claims
}

/// Length of an unquoted value: to a blank, quote, bracket or `;`, or a comma that separates it from what follows.
fn bare_value(rest: &str) -> usize {
    static SEPARATOR: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"^,(?:\s|,|$|[A-Za-z_@][A-Za-z0-9_.@-]*=)").expect("valid"));
    let stops = |(at, c): (usize, char)| {
        c.is_whitespace()
            || "\"'`{}()[];<>".contains(c)
            || c == OBJECT
            || c == FIELD
            || (c == ',' && SEPARATOR.is_match(&rest[at..]))
    };
    rest.char_indices().find(|next| stops(*next)).map_or(rest.len(), |(at, _)| at)
}

/// The rest of a form body: a value and at least one `&key=`.
fn form_body(value: &str) -> bool {
    value.split('&').skip(1).any(|pair| {
        pair.split_once('=').is_some_and(|(key, _)| {
            !key.is_empty() && key_before(key, key.len(), 0).is_some_and(|(start, _)| start == 0)
        })
    })
}

/// Innermost `<name>text</name>`.
pub fn elements(text: &str) -> Vec<Claim> {
    static OPEN: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"<([A-Za-z][A-Za-z0-9_:.-]*)(?:\s[^<>]*)?>([^<>]{1,300})</([A-Za-z0-9_:.-]+)>")
            .expect("valid")
    });
    let same = |found: &regex::Captures| found[1] == found[3];
    OPEN.captures_iter(text)
        .filter(same)
        .map(|found| {
            let whole = found.get(0).expect("group 0 is the match");
            let value = found[2]
                .replace("&quot;", "\"")
                .replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&apos;", "'")
                .replace("&amp;", "&");
            Claim {
                start: whole.start(),
                end: whole.end(),
                found: Found::Element { name: found[1].to_string(), value },
            }
        })
        .collect()
}

/// A value that is encoded as a whole: one run without blanks that holds percent escapes and is no plain address.
pub fn encoded_value(text: &str) -> bool {
    static ESCAPE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"%[0-9A-Fa-f]{2}").expect("valid"));
    let run = !text.contains(|c: char| c.is_whitespace() || "\"<>".contains(c) || c == OBJECT || c == FIELD);
    run && !text.contains("://") && !text.starts_with('/') && ESCAPE.is_match(text)
}
