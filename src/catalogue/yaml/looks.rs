//! What a text that does not fit looks like: a character that only looks like a blank, a colon without its blank, a
//! comment of another language. Each gives a hint.

use crate::catalogue::diagnostic::nearest;

/// What in a text without quotes is not what it looks like.
pub(super) fn hint(text: &str) -> Option<String> {
    let unseen = text.chars().find_map(|c| Some((c, unseen(c)?)));
    if let Some((c, name)) = unseen {
        let code = u32::from(c);
        return Some(format!("there is a {name} (U+{code:04X}) in it; write a blank, or take it out"));
    }
    if text.contains('\u{ff1a}') {
        return Some("there is a full-width colon (U+FF1A) in it; write `: `".to_string());
    }
    if text.starts_with(['\u{201c}', '\u{201d}', '\u{201e}', '\u{2018}', '\u{ab}']) {
        return Some("only `\"` and `'` are quotes".to_string());
    }
    let comment = ["//", "/*", ";", "<!--"].iter().any(|mark| text.starts_with(mark));
    if comment || text.contains(" // ") || text.contains(" /* ") {
        return Some("a comment begins with ` #`".to_string());
    }
    let hash = text.find('#').filter(|at| *at > 0);
    hash.map(|_| "a comment needs a blank before its `#`; quote a text that holds it".to_string())
}

fn unseen(c: char) -> Option<&'static str> {
    Some(match c {
        '\u{a0}' | '\u{202f}' => "no-break space",
        '\u{2000}'..='\u{200a}' | '\u{3000}' | '\u{205f}' => "space that is no blank",
        '\u{200b}'..='\u{200f}'
        | '\u{2060}'
        | '\u{ad}'
        | '\u{2066}'..='\u{2069}'
        | '\u{202a}'..='\u{202e}' => "character that is not seen",
        '\u{85}' | '\u{2028}' | '\u{2029}' => "line break that is none of YAML",
        _ => return None,
    })
}

/// For a text where a mapping belongs.
pub(super) fn no_mapping(text: &str) -> Option<String> {
    hint(text).or_else(|| missing_blank(text).then(|| "put a blank behind the `:`".to_string())).or_else(
        || {
            let name = text.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || "_-. ".contains(c));
            let equals = name.starts_with('=') && name.len() < text.len();
            equals.then(|| "write `name: value` with a `:` and a blank".to_string())
        },
    )
}

/// For a text where a list belongs.
pub(super) fn no_list(text: &str) -> Option<String> {
    let dash = text.starts_with('-') && text.len() > 1;
    let bullet = text.starts_with(['+', '•', '–', '—', '·']);
    match (dash, bullet) {
        (true, _) => Some("put a blank behind the `-`".to_string()),
        (_, true) => Some("begin each item with `- `".to_string()),
        _ => hint(text),
    }
}

/// For a text where a number belongs, without quotes or with them.
pub(super) fn no_number(text: &str, quoted: bool) -> Option<String> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits(text) {
        let zeros = text.starts_with('0') && text.len() > 1;
        return match quoted {
            true => Some("leave out the quotes".to_string()),
            false => zeros.then(|| "leave out the leading zeros".to_string()),
        };
    }
    let bare = text.replace(['_', ',', '\'', ' '], "");
    let grouped = text.starts_with(|c: char| c.is_ascii_digit()) && digits(&bare) && bare.len() < 20;
    grouped.then(|| format!("write `{bare}`"))
}

/// For a text where `true` or `false` belongs.
pub(super) fn no_bool(text: &str, quoted: bool) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    Some(match (lower.as_str(), quoted) {
        ("true" | "false", true) if text == lower => "leave out the quotes".to_string(),
        ("yes" | "on" | "y" | "1" | "true", _) => "write `true`".to_string(),
        ("no" | "off" | "n" | "0" | "false", _) => "write `false`".to_string(),
        _ => format!("did you mean `{}`?", nearest(&lower, ["true", "false"])?),
    })
}

/// Whether a text looks like `name:value`.
pub(super) fn missing_blank(text: &str) -> bool {
    let name = text.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '-' | '.'));
    name.is_some_and(|end| {
        let value = text[end..].strip_prefix(':').unwrap_or("");
        end > 0 && !value.is_empty() && !value.starts_with(['/', ' ', ':'])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_without_anything_odd_has_no_hint() {
        for text in ["info", "größe", "日本", "a=b", "https://a.b/c", "#a", "10:30", ""] {
            assert_eq!(hint(text), None, "{text}");
        }
        assert_eq!((no_mapping("https://a.b/c"), no_mapping("a b"), no_list("a")), (None, None, None));
        assert_eq!(
            (no_number("1.5", false), no_number("0x10", false), no_bool("maybe", false)),
            (None, None, None)
        );
    }
}
