//! Finds a value in what `{:?}` prints, by its path: `rules.0.http` in `Pack { rules: [Rule { http: [401] }] }`.
//! One look for settings, packs, overlays and lists, and for every field that they will have.

/// The value at `path`, as it is printed. `Some(…)` is stepped through.
pub fn value_at<'t>(shown: &'t str, path: &str) -> Option<&'t str> {
    path.split('.').filter(|step| !step.is_empty()).try_fold(shown, |value, step| {
        let value = value.strip_prefix("Some(").map_or(value, |inner| &inner[..inner.len() - 1]);
        parts(value).into_iter().find(|(name, _)| name.trim_matches('"') == step).map(|(_, part)| part)
    })
}

/// Fields by name, items by number.
fn parts(value: &str) -> Vec<(String, &str)> {
    let open = value.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(value.len());
    let value = value[open..].trim_start();
    let Some(inner) = value.get(1..value.len().saturating_sub(1)) else { return Vec::new() };
    let is_named = value.starts_with('{');
    if !is_named && !value.starts_with(['[', '(']) {
        return Vec::new();
    }
    let items = split(inner, ',').into_iter().map(str::trim).filter(|item| !item.is_empty());
    let part = |(number, item): (usize, &'_ str)| -> (String, usize) {
        match is_named {
            true => (split(item, ':')[0].to_owned(), split(item, ':')[0].len() + 1),
            false => (number.to_string(), 0),
        }
    };
    items
        .enumerate()
        .map(|(number, item)| {
            let (name, behind) = part((number, item));
            (name, item[behind.min(item.len())..].trim())
        })
        .collect()
}

/// At the commas or colons that stand in no bracket and in no text.
fn split(text: &str, at: char) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut depth, mut start, mut in_text, mut escaped) = (0, 0, false, false);
    for (place, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if in_text => escaped = true,
            '"' => in_text = !in_text,
            _ if in_text => {}
            '{' | '[' | '(' => depth += 1,
            '}' | ']' | ')' => depth -= 1,
            _ if c == at && depth == 0 => {
                pieces.push(&text[start..place]);
                start = place + 1;
            }
            _ => {}
        }
    }
    pieces.push(&text[start..]);
    pieces
}

#[test]
fn a_value_is_found_in_what_debug_prints() {
    let shown =
        r#"Pack { id: "a, b: {", rules: [Rule { http: [401, 403], by: {"k": Some(Int(1))} }], last: None }"#;
    let found = |path| value_at(shown, path);
    assert_eq!(found("id"), Some(r#""a, b: {""#));
    assert_eq!(found("rules.0.http"), Some("[401, 403]"));
    assert_eq!(found("rules.0.http.1"), Some("403"));
    assert_eq!(found("rules.0.by.k"), Some("Some(Int(1))"));
    assert_eq!(found("last"), Some("None"));
    assert_eq!(found("rules.1"), None);
}
