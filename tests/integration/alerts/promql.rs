//! What an expression asks for: names of series, labels that it matches and labels that it joins or sums by. A scanner,
//! not a parser: promtool has read every expression before.

/// One selector, as `name{label="value"}`.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Selector {
    pub name: String,
    /// Label, operator, value.
    pub matchers: Vec<(String, String, String)>,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Asked {
    pub selectors: Vec<Selector>,
    /// Of `by`, `on`, `ignoring` and `group_left`.
    pub labels: Vec<String>,
}

const LISTS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];
const WORDS: [&str; 16] = [
    "and",
    "or",
    "unless",
    "bool",
    "offset",
    "sum",
    "max",
    "min",
    "avg",
    "count",
    "group",
    "topk",
    "by",
    "on",
    "group_left",
    "without",
];

pub fn scan(expression: &str) -> Asked {
    let mut rest = expression;
    let mut asked = Asked::default();
    while let Some(first) = rest.chars().next() {
        match first {
            '#' => rest = rest.split_once('\n').map_or("", |(_, after)| after),
            '{' => panic!("a selector without a name: {rest}"),
            '0'..='9' => rest = rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '.'),
            'a'..='z' | 'A'..='Z' | '_' => rest = name(rest, &mut asked),
            _ => rest = &rest[first.len_utf8()..],
        }
    }
    asked
}

fn is_of_a_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == ':'
}

/// From a name to behind what belongs to it.
fn name<'a>(text: &'a str, asked: &mut Asked) -> &'a str {
    let (name, after) = text.split_at(text.find(|c| !is_of_a_name(c)).unwrap_or(text.len()));
    let next = after.trim_start();
    if LISTS.contains(&name) && next.starts_with('(') {
        let (list, after) = next[1..].split_once(')').expect("a list ends");
        asked.labels.extend(list.split(',').map(|label| label.trim().to_owned()));
        return after;
    }
    if next.starts_with('(') || WORDS.contains(&name) {
        return after;
    }
    let mut selector = Selector { name: name.to_owned(), matchers: Vec::new() };
    let rest = match after.strip_prefix('{') {
        Some(inside) => matchers(inside, &mut selector),
        None => after,
    };
    asked.selectors.push(selector);
    rest
}

/// From behind `{` to behind `}`.
fn matchers<'a>(mut text: &'a str, selector: &mut Selector) -> &'a str {
    loop {
        text = text.trim_start_matches([',', ' ']);
        if let Some(after) = text.strip_prefix('}') {
            return after;
        }
        let (label, after) = text.split_once(['=', '!']).expect("a matcher has an operator");
        let operator = &text[label.len()..][..text[label.len()..].find('"').expect("and a value")];
        let (value, after) = after.split_once('"').map(|(_, text)| quoted(text)).expect("quoted");
        selector.matchers.push((label.to_owned(), operator.to_owned(), value.to_owned()));
        text = after;
    }
}

/// Up to the closing quote, escapes as they are written, and what follows it.
fn quoted(text: &str) -> (&str, &str) {
    let mut is_escaped = false;
    let end = text.find(|c| {
        let ends = c == '"' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        ends
    });
    let end = end.expect("a value ends");
    (&text[..end], &text[end + 1..])
}

/// The expressions that a template of an annotation asks for, with `x` for each value that it fills in.
pub fn queries(template: &str) -> Vec<String> {
    let mut queries = Vec::new();
    for tail in template.split("printf \"").skip(1) {
        let mut query = String::new();
        let mut chars = tail.chars();
        while let Some(c) = chars.next().filter(|c| *c != '"') {
            match (c, c == '\\' || c == '%') {
                ('%', _) => match chars.next() {
                    Some('q') => query.push_str("\"x\""),
                    // A number for people.
                    _ => query.clear(),
                },
                (_, true) => query.extend(chars.next()),
                (c, _) => query.push(c),
            }
        }
        if query.contains('{') {
            queries.push(query);
        }
    }
    queries
}

#[test]
fn names_matchers_and_lists_are_found_and_nothing_else() {
    let asked = scan(
        "sum by (job, x) (rate(a_total{b=\"c|d\",e!~\"-|f\"}[5m] offset 1h) > 4 # not this{\n) and on (job) p:q:r",
    );
    let matcher = |label: &str, operator: &str, value: &str| (label.into(), operator.into(), value.into());
    let a = Selector {
        name: "a_total".into(),
        matchers: vec![matcher("b", "=", "c|d"), matcher("e", "!~", "-|f")],
    };
    assert_eq!(asked.selectors, [a, Selector { name: "p:q:r".into(), matchers: vec![] }]);
    assert_eq!(asked.labels, ["job", "x", "job"]);
    let template = r#"{{ $v | printf "%.0f" }} {{ range printf "f{j=%q,k=\"l\"}" $labels.j | query }}"#;
    assert_eq!(queries(template), [r#"f{j="x",k="l"}"#]);
}
