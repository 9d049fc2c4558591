//! Placeholders and regexes of rule files.

use super::Report;
use crate::catalogue::diagnostic::{Step, nearest, quoted, suggest};

/// Literal characters, blanks not counted, that a message needs to stand alone.
pub(super) const LITERAL_CHARS_MIN: usize = 12;
/// Bytes of a compiled regex.
const REGEX_BYTES_MAX: usize = 1 << 20;
const REGEX_NEST_MAX: u32 = 64;

/// Stand for the text of the rule that a form is used for.
const RULE_TEXTS: [&str; 5] = ["code", "wire", "internal", "name", "message"];
const KINDS: [&str; 2] = ["list", "any"];

/// Where a text with placeholders stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Within {
    /// Tokens and field values: the rule's texts only.
    Form,
    /// Messages of forms: those, and placeholders of the text itself.
    FormMessage,
    /// Messages of rules and symptoms: placeholders of the text itself only.
    Message,
}

/// `{name}` or `{name:kind}`; any other brace is text.
pub(super) struct Placeholder<'a> {
    pub(super) name: &'a str,
    pub(super) kind: Option<&'a str>,
}

/// The placeholders of a text, and what remains without them.
pub(super) fn placeholders(text: &str) -> (Vec<Placeholder<'_>>, String) {
    let mut found = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        literal.push_str(&rest[..open]);
        let inner = &rest[open + 1..];
        let end = inner
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | ':')))
            .unwrap_or(inner.len());
        if end > 0 && inner[end..].starts_with('}') {
            let (name, kind) = match inner[..end].split_once(':') {
                Some((name, kind)) => (name, Some(kind)),
                None => (&inner[..end], None),
            };
            found.push(Placeholder { name, kind });
            rest = &inner[end + 1..];
        } else {
            literal.push('{');
            rest = inner;
        }
    }
    literal.push_str(rest);
    (found, literal)
}

/// Whether the text may be looked for by itself; a form with the rule's own text is judged by the rule.
pub(super) fn is_short(text: &str) -> bool {
    let (found, literal) = placeholders(text);
    let of_rule = found.iter().any(|one| one.kind.is_none() && RULE_TEXTS.contains(&one.name));
    !of_rule && literal.chars().filter(|c| !c.is_whitespace()).count() < LITERAL_CHARS_MIN
}

pub(super) fn check_placeholders(report: &mut Report<'_, '_>, path: &[Step<'_>], text: &str, within: Within) {
    for one in placeholders(text).0 {
        let of_rule = RULE_TEXTS.contains(&one.name);
        match one.kind {
            Some(kind) if !KINDS.contains(&kind) => {
                let message = format!("unknown kind {} of placeholder {}", quoted(kind), quoted(one.name));
                report.say(path, message, suggest(kind, KINDS, "kinds").as_deref());
            }
            Some(_) if within == Within::Form || (of_rule && within == Within::FormMessage) => {
                let message = format!("placeholder {} takes no kind here", quoted(one.name));
                let hint = "`{code}`, `{wire}`, `{internal}`, `{name}` and `{message}` stand for the rule's own text";
                report.say(path, message, Some(hint));
            }
            None if within == Within::Form && !of_rule => unknown(report, path, one.name),
            None if within == Within::FormMessage && !of_rule && nearest(one.name, RULE_TEXTS).is_some() => {
                unknown(report, path, one.name);
            }
            _ => {}
        }
    }
}

fn unknown(report: &mut Report<'_, '_>, path: &[Step<'_>], name: &str) {
    let hint = match nearest(name, RULE_TEXTS) {
        Some(near) => format!("did you mean `{{{near}}}`?"),
        None => "known here: `{code}`, `{wire}`, `{internal}`, `{name}`, `{message}`".to_string(),
    };
    report.say(path, format!("unknown placeholder {}", quoted(&format!("{{{name}}}"))), Some(&hint));
}

pub(super) fn check_regex(report: &mut Report<'_, '_>, path: &[Step<'_>], regex: &str) {
    let built = regex::bytes::RegexBuilder::new(regex)
        .size_limit(REGEX_BYTES_MAX)
        .dfa_size_limit(REGEX_BYTES_MAX)
        .nest_limit(REGEX_NEST_MAX)
        .build();
    match built {
        Ok(_) if regex.is_empty() => {
            report.say(path, "an empty regex matches everywhere", Some("leave it out"));
        }
        Ok(_) => {}
        Err(regex::Error::CompiledTooBig(_)) => {
            let hint = "repeat less: `{1,1000}` of a class is a thousand copies of it";
            let message =
                format!("the regex {} compiles to more than {REGEX_BYTES_MAX} bytes", quoted(regex));
            report.say(path, message, Some(hint));
        }
        Err(error) => {
            let text = error.to_string();
            let reason = text.lines().last().unwrap_or("").trim_start_matches("error: ");
            let hint = match reason.contains("look-around") || reason.contains("backreference") {
                true => Some("neither is there: they cost more than linear time"),
                false => None,
            };
            report.say(path, format!("the regex {} does not compile: {reason}", quoted(regex)), hint);
        }
    }
}

/// Whether a glob of `*` and literal text matches a whole text.
pub(super) fn glob_matches(glob: &str, text: &str) -> bool {
    let mut parts = glob.split('*');
    let first = parts.next().unwrap_or("");
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}
