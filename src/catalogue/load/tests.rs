//! Broken files and what is said of them. A `§` in a text marks the place of a finding and is taken out before it is
//! read; the findings of a case are all there are, in the order of the file.

use super::*;

mod broken;
mod hostile;
mod several;

pub(super) const HEAD: &str = "schema: faultline.rules/v1\nprovider: {id: acme}\n";
pub(super) const RULE: &str = "rules:\n  - id: r1\n    code: c1\n    category: token\n    severity: error\n    \
                               retryable: false\n    fault: caller\n    remediation: Renew it.\n";

/// A pack that is well but for the given lines behind its head.
pub(super) fn head(lines: &str) -> String {
    format!("{HEAD}{lines}")
}

/// A pack with one rule that is well but for the given further lines of it.
pub(super) fn rule(lines: &str) -> String {
    let lines: Vec<String> = lines.lines().map(|line| format!("    {line}\n")).collect();
    format!("{HEAD}{RULE}{}", lines.concat())
}

pub(super) fn file(name: &str, text: impl Into<String>) -> RuleFile {
    RuleFile { name: name.to_string(), text: Cow::Owned(text.into()) }
}

/// Takes the marks out; the places that they stood at.
pub(super) fn unmark(marked: &str) -> (String, Vec<(usize, usize)>) {
    let mut text = String::new();
    let mut places = Vec::new();
    let (mut line, mut column) = (1, 1);
    for c in marked.chars() {
        match c {
            '§' => places.push((line, column)),
            _ => {
                text.push(c);
                (line, column) = if c == '\n' { (line + 1, 1) } else { (line, column + 1) };
            }
        }
    }
    (text, places)
}

/// Loads one marked file; place, message and hint of each finding must be as said. An empty hint is none.
pub(super) fn expect(marked: &str, said: &[(&str, &str)]) {
    let (text, places) = unmark(marked);
    let findings = match load(&[], &[file("f.yaml", text.clone())]) {
        Ok(_) => panic!("nothing was found in\n{text}"),
        Err(findings) => findings,
    };
    let found: Vec<_> = findings.iter().map(|one| (one.line, one.column)).collect();
    assert_eq!(found, places, "places in\n{text}\nfindings:\n{findings}");
    assert_eq!(findings.len(), said.len(), "{findings}");
    for (one, (message, hint)) in findings.iter().zip(said) {
        assert!(one.message.contains(message), "message: expected {message}\n{one}");
        match &one.hint {
            Some(given) if !hint.is_empty() => assert!(given.contains(hint), "hint: expected {hint}\n{one}"),
            given => assert!(given.is_none() && hint.is_empty(), "hint: expected {hint:?}\n{one}"),
        }
        let source = text.lines().nth(one.line - 1).unwrap_or("");
        if source.chars().all(|c| (' '..='~').contains(&c)) && source.len() < 80 {
            assert!(one.excerpt.contains(source), "{one}");
        }
        let caret = one.excerpt.lines().last().unwrap();
        assert!(caret.ends_with('^'), "{one}");
    }
}

#[test]
fn a_whole_pack_loads() {
    let text =
        rule("http: [401, 403]\nmessage: [A text of the wire, Another text of it]\nclass: {code: phrase}");
    let rules = load(&[], &[file("p.yaml", text)]).unwrap_or_else(|findings| panic!("{findings}"));
    assert_eq!(rules.packs[0].rules[0].http, [401, 403]);
    assert_eq!(rules.packs[0].rules[0].message.as_slice().len(), 2);
}

#[test]
fn numbers_are_texts_where_texts_are_meant() {
    let text = head("forms:\n  - {fields: {a: 510, b: \"510\", c: 007, d: x}}\n").replace("acme", "a1");
    let text = format!("{text}{}", RULE.replace("c1", "0510"));
    let rules = load(&[], &[file("p.yaml", text)]).unwrap_or_else(|findings| panic!("{findings}"));
    assert_eq!(rules.packs[0].rules[0].code, "0510");
    let fields = rules.packs[0].forms[0].fields.as_ref().unwrap();
    let texts: Vec<String> = fields.values().map(|value| value.to_string()).collect();
    assert_eq!(texts, ["510", "510", "007", "x"]);
    assert_eq!(fields["a"], fields["b"]);
}

#[test]
fn an_added_pack_takes_the_place_of_a_built_in_one() {
    let builtin = [file("b/one", head("")), file("b/two", head("").replace("acme", "other"))];
    let rules = load(&builtin, &[file("a", rule(""))]).unwrap();
    let ids: Vec<_> = rules.packs.iter().map(|pack| (pack.provider.id.as_str(), pack.rules.len())).collect();
    assert_eq!(ids, [("acme", 1), ("other", 0)]);

    let part = head("").replace("id: acme", "id: acme, pack: part");
    let rules = load(&builtin, &[file("a", part)]).unwrap();
    assert_eq!(rules.packs.len(), 3, "another part of the provider is no replacement");
}

#[test]
fn two_added_packs_of_one_identity_are_an_error() {
    let findings = load(&[], &[file("a", head("")), file("b", head(""))]).unwrap_err();
    let one = findings.iter().next().unwrap();
    assert_eq!((one.file.as_str(), one.line, one.column), ("b", 2, 11));
    assert!(one.message.contains("duplicate `pack acme`"), "{one}");
    assert_eq!(one.hint.as_deref(), Some("it is already given in a"));
}

#[test]
fn lists_replace_each_other_by_id_and_apart_from_packs() {
    let list = |kind: &str, codes: &str| {
        let evidence = if kind == "foreign" { "evidence: {}\n" } else { "" };
        format!("schema: faultline.rules/v1\n{kind}: {{id: acme}}\n{evidence}codes: {codes}\n")
    };
    let builtin = [file("s", list("shared", "[a]")), file("f", list("foreign", "[b]")), file("p", head(""))];
    let rules = load(&builtin, &[file("s2", list("shared", "[c, d]"))]).unwrap();
    assert_eq!(rules.shared[0].codes, ["c", "d"]);
    assert_eq!(rules.foreign[0].codes, ["b"]);
    assert_eq!(rules.packs.len(), 1);
}

#[test]
fn overlays_add_up() {
    let overlay = "schema: faultline.rules/v1\noverlay: true\nprovider: {id: acme}\nrules: [{id: r1, severity: info}]\n";
    let rules = load(&[file("p", rule(""))], &[file("o1", overlay), file("o2", overlay)]).unwrap();
    assert_eq!(rules.overlays.len(), 2);
}

#[test]
fn an_alias_stands_for_what_it_names() {
    let text = head("forms:\n  - &f {token: \"x-{code}\"}\n  - *f\n");
    let rules = load(&[], &[file("p", text)]).unwrap();
    assert_eq!(rules.packs[0].forms[1].token.as_deref(), Some("x-{code}"));
}

#[test]
fn a_byte_order_mark_and_crlf_do_no_harm() {
    let text = format!("\u{feff}{}", rule("http: [4000]").replace('\n', "\r\n"));
    let findings = load(&[], &[file("p", text)]).unwrap_err();
    let one = findings.iter().next().unwrap();
    assert_eq!((one.line, one.column), (11, 12), "{one}");
    assert!(one.excerpt.lines().next().unwrap().ends_with("http: [4000]"), "{one}");
}

#[test]
fn bytes_that_are_no_text_are_named_with_their_place() {
    let findings = RuleFile::from_bytes("x.yaml".into(), b"schema: a\nnam\xffe: b".to_vec()).unwrap_err();
    let one = findings.iter().next().unwrap();
    assert_eq!((one.line, one.column), (2, 4));
    assert!(one.message.contains("not UTF-8"));
    assert_eq!(RuleFile::from_bytes("x".into(), b"abc".to_vec()).unwrap().text, "abc");
}
