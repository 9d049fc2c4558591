//! Any text → a label value: no control characters, at most [`LABEL_BYTES_MAX`] bytes, never one of our own reserved
//! values by accident.
//!
//! Cleaning is done once, where a value first becomes a key; the ledger takes keys as they are. Tenants come out of
//! log lines and are hostile; providers, codes and sources come from packs and settings and are cleaned all the same.

use crate::event::{Label, reserved};

/// Bytes of UTF-8, after cleaning.
pub const LABEL_BYTES_MAX: usize = 128;

/// A tenant as it was found → the label value; [`reserved::NO_TENANT`] when nothing printable is left.
///
/// ```
/// use faultline::aggregation::clean_tenant;
/// assert_eq!(&*clean_tenant("ac\u{7}me"), "acme");
/// assert_eq!(&*clean_tenant("_other"), "__other");
/// ```
pub fn clean_tenant(value: &str) -> Label {
    match escaped(printable(value)) {
        clean if clean.is_empty() => reserved::NO_TENANT.into(),
        clean => clean.into(),
    }
}

/// A provider, category, code or source → the label value. [`reserved::UNKNOWN`] stays what it is, because attribution
/// says so by that name, and stands for an empty value too.
pub fn clean_name(value: &str) -> Label {
    if value == reserved::UNKNOWN {
        return value.into();
    }
    match escaped(printable(value)) {
        clean if clean.is_empty() => reserved::UNKNOWN.into(),
        clean => clean.into(),
    }
}

fn printable(value: &str) -> String {
    let mut clean = String::with_capacity(value.len().min(LABEL_BYTES_MAX));
    for c in value.chars().filter(|c| !is_invisible(*c)) {
        if clean.len() + c.len_utf8() > LABEL_BYTES_MAX {
            break;
        }
        clean.push(c);
    }
    clean
}

/// Controls, and the format characters that reorder or break the text around them on a screen.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// One more `_` before a reserved word, however many it has already, so that two values never become one.
fn escaped(clean: String) -> String {
    let word = clean.trim_start_matches('_');
    let is_reserved = word.len() < clean.len()
        && [reserved::UNKNOWN, reserved::OTHER, reserved::OPEN].iter().any(|name| &name[1..] == word);
    match is_reserved {
        false => clean,
        true => printable(&format!("_{clean}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_real_value_never_turns_into_a_reserved_one() {
        for (value, label) in [
            ("_other", "__other"),
            ("__other", "___other"),
            ("_\u{0}other", "__other"),
            ("_open", "__open"),
            ("_unknown", "__unknown"),
            ("other", "other"),
            ("_others", "_others"),
            ("_", "_"),
        ] {
            assert_eq!(&*clean_tenant(value), label, "{value:?}");
        }
        assert_eq!(&*clean_name("_other"), "__other");
        assert_eq!(&*clean_name("_unknown"), "_unknown");
    }

    #[test]
    fn what_holds_nothing_printable_has_no_name() {
        assert_eq!(&*clean_tenant("\u{1b}\u{202e}\r\n"), "-");
        assert_eq!(&*clean_name(""), "_unknown");
    }

    #[test]
    fn a_long_value_is_cut_between_characters() {
        let label = clean_tenant(&"é".repeat(100));
        assert_eq!(&*label, "é".repeat(64));
        let label = clean_tenant(&format!("x{}", "é".repeat(100)));
        assert_eq!(label.len(), 127);
    }

    proptest! {
        #[test]
        fn a_label_is_short_printable_and_not_reserved(value in any::<String>()) {
            let label = clean_tenant(&value);
            prop_assert!(!label.is_empty() && label.len() <= LABEL_BYTES_MAX);
            prop_assert!(!label.chars().any(char::is_control));
            prop_assert!(![reserved::UNKNOWN, reserved::OTHER, reserved::OPEN].contains(&&*label));
        }

        #[test]
        fn two_values_near_the_reserved_words_stay_two(
            a in "_{0,3}(other|open|unknown)?", b in "_{0,3}(other|open|unknown)?",
        ) {
            prop_assume!(!a.is_empty() && !b.is_empty());
            prop_assert_eq!(a == b, clean_tenant(&a) == clean_tenant(&b));
        }
    }
}
