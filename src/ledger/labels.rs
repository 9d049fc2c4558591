//! Names and values → the label block of a series, `{provider="okta",code="invalid_client"}`, rendered once at its birth.
//!
//! The block is the same in the text format and in OpenMetrics: `\`, `"` and line feed are escaped, nothing else is.

use super::CatalogueInfo;
use crate::aggregation::clean_name;
use crate::event::CodeInfo;

/// No labels, no block: the empty text.
pub fn block(labels: &[(&str, &str)]) -> Box<str> {
    let mut text =
        String::with_capacity(labels.iter().map(|(name, value)| name.len() + value.len() + 4).sum());
    for (name, value) in labels {
        text.push(if text.is_empty() { '{' } else { ',' });
        text.push_str(name);
        text.push_str("=\"");
        push_escaped(&mut text, value);
        text.push('"');
    }
    if !text.is_empty() {
        text.push('}');
    }
    text.into()
}

/// The attributes of a code come from a pack as they are and are cleaned here.
pub(super) fn info_block(provider: &str, code: &str, info: &CodeInfo) -> Box<str> {
    block(&[
        ("provider", provider),
        ("code", code),
        ("category", &clean_name(&info.category)),
        ("severity", &clean_name(&info.severity)),
        ("fault", &clean_name(&info.fault)),
        ("retryable", &clean_name(&info.retryable)),
        ("title", &clean_name(&info.title)),
    ])
}

pub(super) fn catalogue_block(info: &CatalogueInfo) -> Box<str> {
    block(&[("version", &clean_name(&info.version)), ("sha256", &clean_name(&info.sha256))])
}

fn push_escaped(text: &mut String, value: &str) {
    for c in value.chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            c => text.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::block;

    #[test]
    fn what_would_end_a_value_or_a_line_is_escaped() {
        assert_eq!(&*block(&[("a", "x\\\"\n} 1"), ("b", "")]), r#"{a="x\\\"\n} 1",b=""}"#);
        assert_eq!(&*block(&[]), "");
    }
}
