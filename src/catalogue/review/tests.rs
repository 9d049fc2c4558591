//! What a review finds in small packs, and that the shipped ones have nothing to find.

use super::*;
use crate::catalogue::builtin;
use std::borrow::Cow;

fn file(name: &str, text: &str) -> RuleFile {
    RuleFile { name: name.to_owned(), text: Cow::Owned(text.to_owned()) }
}

fn pack(provider: &str, rest: &str) -> RuleFile {
    let text = format!(
        "schema: faultline.rules/v1\nprovider: {{id: {provider}}}\nforms: [{{token: \"{{code}}\"}}, {{message: \"{{message}}\"}}]\n{rest}"
    );
    file(&format!("{provider}.yaml"), &text)
}

const MEANT: &str =
    "category: service, severity: error, retryable: true, fault: provider, remediation: Wait.";

fn rule(id: &str, more: &str) -> String {
    let test = format!("tests: [{{line: 'ERROR {id}', expect: match}}]");
    format!("  - {{id: {id}, code: {id}, {MEANT}, {test}{more}}}\n")
}

/// Errors and warnings as `line message`.
fn found(files: &[RuleFile]) -> (Vec<String>, Vec<String>) {
    let review = review(&[], Trust::Checked, files).unwrap_or_else(|findings| panic!("{findings}"));
    let lines = |all: &[Diagnostic]| {
        let mut lines: Vec<String> =
            all.iter().map(|f| format!("{}:{} {}", f.file, f.line, f.message)).collect();
        lines.sort();
        lines
    };
    (lines(&review.errors), lines(&review.warnings))
}

#[test]
fn the_shipped_rules_have_no_overlap_that_nobody_accepted_and_accept_none_that_is_not_there() {
    let mut files = builtin::files().to_vec();
    files.push(builtin::accepted_overlaps());
    let review = review(&files, Trust::Checked, &[]).unwrap_or_else(|findings| panic!("{findings}"));
    let shown = |all: Vec<Diagnostic>| Diagnostics::new(all).to_string();
    assert!(review.errors.is_empty(), "{}", shown(review.errors));
    assert!(review.warnings.is_empty(), "{}", shown(review.warnings));
    assert!(review.accepted > 250, "{}", review.accepted);
}

#[test]
fn a_code_of_two_providers_a_part_of_a_code_and_a_message_in_a_message_are_found_with_both_places() {
    let a = pack(
        "alpha",
        &format!(
            "rules:\n{}{}",
            rule("card_expired", ", message: 'The card of {name} has expired.'"),
            rule("card_expired_twice", ", message: 'Sorry: The card of {name} has expired. Twice.'")
        ),
    );
    let b = pack("beta", &format!("rules:\n{}", rule("card_expired", "")));
    let (errors, warnings) = found(&[a, b]);
    assert_eq!(
        errors,
        [
            "alpha.yaml:5 `card_expired` is a code of `beta` too, beta.yaml:5",
            "alpha.yaml:6 `card_expired_twice` holds the code `card_expired`, alpha.yaml:5",
            "alpha.yaml:6 this message holds that of `alpha:card_expired`, alpha.yaml:5",
            "beta.yaml:5 `card_expired` is a code of `alpha` too, alpha.yaml:5",
        ]
    );
    assert_eq!(warnings, Vec::<String>::new());
}

#[test]
fn what_is_accepted_is_silent_and_what_is_accepted_in_vain_is_an_error() {
    let a = pack("alpha", &format!("rules:\n{}", rule("card_expired", "")));
    let b = pack("beta", &format!("rules:\n{}", rule("card_expired", "")));
    let list = file(
        "list.yaml",
        "schema: faultline.rules/v1\naccepted:\n  - {same: card_expired, providers: [alpha, beta, gamma]}\n  \
         - {part: card, of: [card_expired]}\n  - {message: 'a:b', within: ['a:c']}\n",
    );
    let (errors, _) = found(&[a, b, list]);
    assert_eq!(
        errors,
        [
            "list.yaml:3 this overlap is accepted, but there is none",
            "list.yaml:4 this overlap is accepted, but there is none",
            "list.yaml:5 this overlap is accepted, but there is none",
        ]
    );
}

#[test]
fn a_line_of_another_provider_that_holds_the_message_is_found() {
    let a = pack("alpha", &format!("rules:\n{}", rule("a_1", ", message: 'The card has expired.'")));
    let b = pack(
        "beta",
        &format!(
            "rules:\n  - {{id: b_1, code: b_1, {MEANT}, tests: [{{line: 'ERROR b_1: The card has expired', expect: match}}]}}\n"
        ),
    );
    let (errors, _) = found(&[a, b]);
    assert_eq!(errors, ["beta.yaml:5 a test line holds the message of `alpha:a_1`, alpha.yaml:5"]);
}

#[test]
fn rules_that_nothing_finds_or_tells_apart_are_found() {
    let text = format!(
        "schema: faultline.rules/v1\nprovider: {{id: alpha}}\nforms: [{{message: \"{{message}}\"}}]\nrules:\n{}{}{}{}",
        rule("one", ", message: 'The card has expired.'"),
        rule("two", ", message: 'The card has expired.'"),
        rule("three", ""),
        rule("four", ", message: 'The card has expired.', retired: true"),
    );
    let (errors, warnings) = found(&[file("a.yaml", &text)]);
    assert_eq!(
        errors,
        ["a.yaml:7 no line can lead to rule `three`", "a.yaml:8 no line can lead to rule `four`"]
    );
    assert_eq!(warnings, ["a.yaml:6 warning: nothing tells `two` from `one`"]);
}

#[test]
fn wide_hosts_personal_tenants_and_missing_words_are_found() {
    let long = "Wait. ".repeat(50);
    let text = format!(
        "schema: faultline.rules/v1\nprovider: {{id: alpha}}\nforms: [{{token: \"{{code}}\"}}]\ntenant_allow: '^.+$'\n\
         evidence:\n  strong: {{hosts: ['*.com', alpha.example.com]}}\n  foreign: {{hosts: [gov.sg]}}\nrules:\n  \
         - {{id: x_1, code: x_1, {}}}\n  - {{id: x_2, code: x_2, {}, tests: [{{line: x_2, expect: none}}]}}\n",
        MEANT.replace("Wait.", "' '"),
        MEANT.replace("Wait.", &format!("'{long}'")),
    );
    let (errors, warnings) = found(&[file("a.yaml", &text)]);
    assert_eq!(errors.len(), 3, "{errors:?}");
    assert!(errors[0].starts_with("a.yaml:6 `*.com` is too wide"), "{errors:?}");
    assert!(errors[1].starts_with("a.yaml:7 `gov.sg` is too wide"), "{errors:?}");
    assert_eq!(errors[2], "a.yaml:9 rule `x_1` does not say what to do");
    assert_eq!(warnings.len(), 4, "{warnings:?}");
    assert!(warnings[0].contains("the remediation has 300 characters"), "{warnings:?}");
    assert!(warnings[1].contains("lets a UUID pass") && warnings[2].contains("lets an e-mail address pass"));
    assert_eq!(warnings[3], "a.yaml:9 warning: rule `x_1` has no test");
}
