//! Any bytes end soon, in a value or in findings.

use super::{HEAD, RULE, file, head, load};
use crate::catalogue::builtin;
use crate::catalogue::load::RuleFile;
use proptest::prelude::*;
use std::time::{Duration, Instant};

/// Generous: a debug build on a busy machine.
const BOUND: Duration = Duration::from_secs(20);

fn ends_with_findings(text: String) -> String {
    let start = Instant::now();
    let findings = load(&[], &[file("f", text)]).unwrap_err().to_string();
    assert!(start.elapsed() < BOUND, "{:?}", start.elapsed());
    findings
}

#[test]
fn deep_nesting_is_refused() {
    for text in ["[".repeat(10 << 20), "{a: ".repeat(2 << 20), "- ".repeat(4 << 20), "a: [".repeat(100_000)] {
        let said = ends_with_findings(text);
        assert!(said.contains("nested too deep") || said.contains("YAML syntax"), "{said}");
    }
    let blocks: String = (0..3000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    assert!(ends_with_findings(blocks).contains("nested too deep"));
}

#[test]
fn a_bomb_of_aliases_is_refused_before_it_goes_off() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..30 {
        let below = format!("*a{}", level - 1);
        text += &format!("a{level}: &a{level} [{}]\n", vec![below; 10].join(", "));
    }
    assert!(ends_with_findings(text).contains("too many values"));
    let mut deep = String::from("a0: &a0 [x]\n");
    for level in 1..200 {
        deep += &format!("a{level}: &a{level} [*a{}]\n", level - 1);
    }
    assert!(ends_with_findings(deep).contains("nested too deep"));
    assert!(ends_with_findings("a: &a [*a]\n".to_string()).contains("alias inside"));
}

#[test]
fn too_large_a_file_is_not_read() {
    assert!(ends_with_findings(" ".repeat(17 << 20)).contains("at most 16777216 are read"));
}

#[test]
fn large_and_wrong_files_end_soon() {
    let many_keys: String = (0..200_000).map(|n| format!("k{n}: {n}\n")).collect();
    ends_with_findings(head(&many_keys));
    ends_with_findings(head(&"names: [a]\n".repeat(200_000)));
    ends_with_findings(head(&format!("rules: [{}]\n", "{},".repeat(100_000))));
    ends_with_findings(head(&format!("forms: [{}]\n", "{endpoint: {}},".repeat(100_000))));
    ends_with_findings(head(&format!("names: [{}]\n", "'',".repeat(500_000))));
    ends_with_findings("\"".repeat(1 << 20));
    ends_with_findings("&a ".repeat(1 << 20));
    ends_with_findings("? ".repeat(1 << 20));
    ends_with_findings("a:\n".repeat(1 << 20));
    ends_with_findings(format!("{HEAD}{}: x\n", "k".repeat(4 << 20)));
    ends_with_findings(format!("{HEAD}tenant_allow: '{}'\n", "(".repeat(4 << 20)));
}

/// A shipped pack, or a small one, with some bytes changed.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let small = format!("{HEAD}forms: [{{token: 'x-{{code}}', in: error}}]\n{RULE}");
    let texts: Vec<String> = builtin::files()
        .iter()
        .map(|file| file.text.to_string())
        .filter(|text| text.len() < 4000)
        .chain([small])
        .collect();
    let edit = (
        any::<prop::sample::Index>(),
        prop_oneof![
            Just(b"\n".to_vec()),
            Just(b": ".to_vec()),
            Just(b"- ".to_vec()),
            Just(b"[".to_vec()),
            Just(b"}".to_vec()),
            Just(b"\"".to_vec()),
            Just(b"*".to_vec()),
            Just(b"&a ".to_vec()),
            Just(b"\t".to_vec()),
            Just(b"null".to_vec()),
            Just(b"| ".to_vec()),
            prop::collection::vec(any::<u8>(), 0..4),
        ],
        0usize..6,
    );
    (prop::sample::select(texts), prop::collection::vec(edit, 1..6)).prop_map(|(text, edits)| {
        let mut bytes = text.into_bytes();
        for (at, new, removed) in edits {
            let at = at.index(bytes.len() + 1);
            let end = (at + removed).min(bytes.len());
            bytes.splice(at..end, new);
        }
        bytes
    })
}

fn findings_are_well_formed(bytes: Vec<u8>) {
    let result = RuleFile::from_bytes("f".into(), bytes).and_then(|file| load(&[], &[file]).map(|_| ()));
    let Err(findings) = result else { return };
    assert!(!findings.is_empty());
    for one in findings.iter() {
        assert!(one.line >= 1 && one.column >= 1 && !one.message.is_empty(), "{one:?}");
        assert!(one.to_string().chars().all(|c| c == '\n' || !c.is_control()), "{one:?}");
    }
}

proptest! {
    #[test]
    fn any_bytes_end_in_a_value_or_in_findings(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        findings_are_well_formed(bytes);
    }

    #[test]
    fn any_text_of_yaml_signs_ends_in_a_value_or_in_findings(text in "[-:?&*!|>\\[\\]{},#%@`'\"\\\\ \n\tab0~<=é\u{2028}]{0,120}") {
        findings_are_well_formed(text.into_bytes());
    }

    #[test]
    fn any_change_to_a_rule_file_ends_in_a_value_or_in_findings(bytes in mutated()) {
        findings_are_well_formed(bytes);
    }
}
