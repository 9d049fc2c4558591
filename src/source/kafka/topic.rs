//! Names of topics, and regexes over them.
//!
//! As with the client library a regex begins with `^` and is open at its end: `^logs-` takes every topic that begins so,
//! `^logs-[a-z]+$` says all. We match with one engine and the library with another (POSIX, extended), so that a regex may
//! hold only what both read alike, and named groups, which are taken out for the library.

use regex::Regex;

use super::value::Value;

/// A topic or many, as somebody named them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TopicName {
    Name(Value),
    Pattern(TopicPattern),
}

/// A regex over topics.
#[derive(Debug, Clone)]
pub struct TopicPattern {
    written: String,
    regex: Regex,
    posix: String,
}

/// What a regex may grow to.
const COMPILED_BYTES_MAX: usize = 1 << 20;

/// The name of the group whose text is a tenant.
const TENANT: &str = "tenant";

impl PartialEq for TopicPattern {
    fn eq(&self, other: &TopicPattern) -> bool {
        self.written == other.written
    }
}

impl Eq for TopicPattern {}

impl TopicName {
    /// A text that begins with `^` is a regex, any other a name. The error says why it is neither.
    pub fn parse(text: &str) -> Result<TopicName, String> {
        if text.starts_with('^') {
            return TopicPattern::new(text).map(TopicName::Pattern);
        }
        let name = Value::parse(text)?;
        match name.as_literal() {
            Some(name) => check_topic(name)?,
            None if text.contains(char::is_control) => return Err("it holds a control character".to_owned()),
            None => {}
        }
        Ok(TopicName::Name(name))
    }
}

/// What Kafka takes as the name of a topic.
pub fn check_topic(name: &str) -> Result<(), String> {
    let is_legal = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    match name {
        "" => Err("it is empty".to_owned()),
        "." | ".." => Err("Kafka has no topic of that name".to_owned()),
        _ if name.len() > 249 => Err("a topic has at most 249 characters".to_owned()),
        _ if name.contains(['*', '+', '(', '[', '^', '$']) => {
            Err("a regex begins with `^`: `^logs-.*`".to_owned())
        }
        _ if !name.chars().all(is_legal) => {
            Err("a topic has letters, digits, `.`, `_` and `-` in its name".to_owned())
        }
        _ => Ok(()),
    }
}

impl TopicPattern {
    fn new(text: &str) -> Result<TopicPattern, String> {
        let posix = posix(text)?;
        // Without the group, `^a|b` would find a b anywhere.
        let regex = regex::RegexBuilder::new(&format!("^(?:{})", &text[1..]))
            .size_limit(COMPILED_BYTES_MAX)
            .build()
            .map_err(|error| match error {
                regex::Error::CompiledTooBig(_) => "the regex is too large".to_owned(),
                other => reason(&other.to_string()),
            })?;
        Ok(TopicPattern { written: text.to_owned(), regex, posix })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// As the client library is told.
    pub fn subscription(&self) -> &str {
        &self.posix
    }

    pub fn is_match(&self, topic: &str) -> bool {
        self.regex.is_match(topic)
    }

    /// Whether it has a group named `tenant`.
    pub fn names_tenant(&self) -> bool {
        self.regex.capture_names().any(|name| name == Some(TENANT))
    }

    /// What the group named `tenant` finds in a topic.
    pub fn tenant<'t>(&self, topic: &'t str) -> Option<&'t str> {
        let tenant = self.regex.captures(topic)?.name(TENANT)?.as_str();
        (!tenant.is_empty()).then_some(tenant)
    }
}

/// The last line of the library's page of text, which says what is wrong.
fn reason(error: &str) -> String {
    let last = error.lines().rev().find_map(|line| line.trim().strip_prefix("error: "));
    last.map_or_else(|| "it is no regex".to_owned(), |why| format!("it is no regex: {why}"))
}

/// The same regex in extended POSIX, in a group behind its `^`.
fn posix(text: &str) -> Result<String, String> {
    let mut out = String::from("^(");
    let mut rest = &text[1..];
    let mut in_class = false;
    while let Some(c) = rest.chars().next() {
        let mut taken = c.len_utf8();
        match c {
            '\\' => {
                let escaped = rest[1..].chars().next().unwrap_or('\\');
                taken += escaped.len_utf8();
                match (escaped, in_class) {
                    ('d', false) => out.push_str("[0-9]"),
                    ('d', true) => out.push_str("0-9"),
                    ('w', false) => out.push_str("[0-9A-Za-z_]"),
                    ('w', true) => out.push_str("0-9A-Za-z_"),
                    (c, true) if "._".contains(c) => out.push(c),
                    (c, false) if c.is_ascii_punctuation() => out.extend(['\\', c]),
                    (c, _) => {
                        let c = c.escape_debug();
                        return Err(format!(
                            "`\\{c}` is not read the same by brokers' clients; of escapes `\\.`, `\\d` and `\\w` are"
                        ));
                    }
                }
            }
            '(' if !in_class && rest.starts_with("(?") => {
                taken = group(rest)?;
                out.push('(');
            }
            '[' if in_class => return Err("a `[` inside brackets is read differently by clients".to_owned()),
            '[' | ']' => {
                in_class = c == '[';
                out.push(c);
            }
            '*' | '+' | '?' | '}' if !in_class && rest[1..].starts_with(['?', '+']) => {
                return Err(format!(
                    "`{c}` with another repetition behind it is read differently by clients"
                ));
            }
            _ if c.is_control() => return Err("it holds a control character".to_owned()),
            _ => out.push(c),
        }
        rest = &rest[taken..];
    }
    out.push(')');
    Ok(out)
}

/// Bytes of `(?:`, `(?<name>` or `(?P<name>` at the front.
fn group(text: &str) -> Result<usize, String> {
    if text.starts_with("(?:") {
        return Ok(3);
    }
    let named = text.strip_prefix("(?<").or_else(|| text.strip_prefix("(?P<"));
    match named.and_then(|named| named.find('>').map(|end| text.len() - named.len() + end + 1)) {
        Some(bytes) => Ok(bytes),
        None => Err("flags of a regex, as `(?i)`, are not known to the client".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> TopicPattern {
        match TopicName::parse(text) {
            Ok(TopicName::Pattern(pattern)) => pattern,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn a_pattern_is_bound_at_its_front_and_open_at_its_end() {
        let logs = pattern("^logs-(?<tenant>[a-z]+)");
        assert_eq!(logs.tenant("logs-acme.eu"), Some("acme"));
        assert_eq!((logs.is_match("xlogs-acme"), logs.tenant("other")), (false, None));
        let either = pattern("^a|b$");
        assert_eq!(
            ["a1", "b", "ab", "1b", "b1"].map(|topic| either.is_match(topic)),
            [true, true, true, false, false]
        );
    }

    #[test]
    fn the_client_gets_a_pattern_without_what_it_does_not_know() {
        for (written, expected) in [
            ("^logs-(?<tenant>[^.]+)$", "^(logs-([^.]+)$)"),
            ("^(?P<tenant>\\w+)\\.(?:a|b)", "^(([0-9A-Za-z_]+)\\.(a|b))"),
            ("^v\\d[\\d\\w.-]{2}", "^(v[0-9][0-90-9A-Za-z_.-]{2})"),
        ] {
            assert_eq!(pattern(written).subscription(), expected);
        }
        for refused in
            ["^(?i)a", "^a\\b", "^a\\p{L}", "^a*?", "^[[:alpha:]]", "^a++", "^(", "^a\n", "^a{9999}{9999}"]
        {
            assert!(TopicName::parse(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn names_are_those_of_kafka() {
        for good in ["a", "a.b_c-9", "${TOPIC}", "logs.${REGION}"] {
            assert!(TopicName::parse(good).is_ok(), "{good}");
        }
        for wrong in ["", ".", "..", "a b", "logs-*", "a/b", "ö", "${", &"a".repeat(250)] {
            assert!(TopicName::parse(wrong).is_err(), "{wrong}");
        }
    }
}
