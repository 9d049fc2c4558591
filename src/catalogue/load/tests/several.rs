//! Many things at once, and overlays against packs.

use super::{expect, file, head, rule, unmark};
use crate::catalogue::load::load;

#[test]
fn every_error_of_a_file_is_reported_at_once() {
    let text = "schema: faultline.rules/v1
provider: {id: §Acme, §nam: A}
names: §acme
tenant_allow: §'('
forms:
  - {token: §'{cod}'}
rules:
  - id: r1
    code: c1
    category: §tokn
    severity: §eror
    retryable: §no
    fault: caller
    remediation: x
    §id: again
  - §code: c2
    category: token
    §sevrity: error
    retryable: false
    fault: caller
    http: [§a, §b, 400]
  - §just text
  - id: r3
    code: §_x
    category: token
    severity: error
    retryable: false
    fault: caller
    remediation: x
    class: {mesage: word}
";
    let text = text.replace("  - §code: c2", "  - §§code: c2").replace("{mesage", "{§mesage");
    expect(
        &text,
        &[
            ("`Acme` is no id", "small letter"),
            ("unknown field `nam`", "`name`"),
            ("expected a list for `names`", "[a, b]"),
            ("does not compile", ""),
            ("unknown placeholder `{cod}`", "`{code}`"),
            ("unknown value `tokn`", "`token`"),
            ("unknown value `eror`", "`error`"),
            ("expected `true` or `false`", "write `false`"),
            ("duplicate field `id`", "line 8"),
            ("missing field `id`", ""),
            ("missing field `remediation`", ""),
            ("unknown field `sevrity`", "`severity`"),
            ("expected a whole number for `http`, found the text `a`", ""),
            ("expected a whole number for `http`, found the text `b`", ""),
            ("expected a mapping for `rules`, found the text `just text`", "its fields"),
            ("`_x` begins with `_`", "faultline"),
            ("unknown field `mesage`", "`message`"),
        ],
    );
}

#[test]
fn what_stands_before_a_syntax_error_is_checked_too() {
    expect(
        &rule("§catagory: token\nhttp: §[401, 402\n"),
        &[("unknown field `catagory`", "`category`"), ("YAML syntax", "close the bracket")],
    );
}

#[test]
fn two_broken_files_are_reported_together_in_the_order_of_their_names() {
    let (first, _) = unmark(&rule("catagory: token"));
    let (second, _) = unmark(&head("names: [a\n").replace("acme", "other"));
    let findings = load(&[], &[file("b.yaml", first), file("a.yaml", second)]).unwrap_err();
    let files: Vec<_> = findings.iter().map(|one| one.file.as_str()).collect();
    assert_eq!(files, ["a.yaml", "b.yaml"], "{findings}");
    let shown = findings.to_string();
    assert!(shown.contains("b.yaml:11:5: unknown field `catagory`"), "{shown}");
    assert!(shown.contains("\nhint: did you mean `category`?\n"), "{shown}");
}

#[test]
fn a_broken_built_in_file_is_an_error_as_well() {
    let findings = load(&[file("builtin:x", head("nams: []\n"))], &[]).unwrap_err();
    assert_eq!(findings.len(), 1);
}

#[test]
fn a_thousand_refusals_of_one_kind_are_all_found() {
    // each is refused by a type of ours, which costs a pass of its own
    let forms: String = (0..300).map(|_| "  - {fields: {a: b}, endpoint: {x: y}}\n").collect();
    let findings = load(&[], &[file("f", head(&format!("forms:\n{forms}")))]).unwrap_err();
    assert_eq!(findings.len(), 300);
}

#[test]
fn a_flood_of_findings_is_cut() {
    let fields: String = (0..5000).map(|n| format!("x{n}: 1\n")).collect();
    let findings = load(&[], &[file("f", head(&fields))]).unwrap_err();
    assert_eq!(findings.len(), 1001);
    assert!(findings.to_string().lines().last().unwrap().starts_with("and 501 more"));
}

fn overlay(lines: &str) -> String {
    format!("schema: faultline.rules/v1\noverlay: true\nprovider: {{id: acme}}\n{lines}")
}

/// An overlay over a pack with the rules `r1` and `r2` of one code.
fn expect_overlay(marked: &str, said: &[(&str, &str)]) {
    let pack = rule("");
    let again = pack.split("rules:\n").nth(1).unwrap().replace("r1", "r2");
    let (text, places) = unmark(marked);
    let pack = file("pack.yaml", format!("{pack}{again}"));
    let findings = load(&[pack], &[file("o.yaml", text)]).unwrap_err();
    let found: Vec<_> = findings.iter().map(|one| (one.line, one.column)).collect();
    assert_eq!(found, places, "{findings}");
    for (one, (message, hint)) in findings.iter().zip(said) {
        assert!(one.message.contains(message), "expected {message}\n{one}");
        assert!(one.hint.as_deref().unwrap_or("").contains(hint), "expected {hint}\n{one}");
    }
}

#[test]
fn overlays_name_what_is_there() {
    expect_overlay(
        &overlay("").replace("acme", "§acmee"),
        &[("no pack is of `acmee`", "did you mean `acme`?")],
    );
    expect_overlay(&overlay("").replace("acme", "acme, pack: §x"), &[("no pack is `acme/x`", "")]);
    expect_overlay(
        &overlay("rules: [{id: §r3, remediation: x}]\n"),
        &[("`acme` has no rule `r3`", "did you mean `r1`?")],
    );
    expect_overlay(&overlay("rules: [§{id: r1}]\n"), &[("nothing is changed", "`severity`")]);
    expect_overlay(
        &overlay("rules: [{id: r1, remediation: x}, {id: §r1, remediation: y}]\n"),
        &[("changed twice", "one entry")],
    );
    expect_overlay(
        &overlay("rules: [{id: r1, severity: §info}]\n"),
        &[("not that of all rules of the code `c1`", "change `r2` as well")],
    );
    expect_overlay(&overlay("map: [§{tenant: a}]\n"), &[("a mapping needs one of `service`, `logger`", "")]);
    expect_overlay(&overlay("map: [§{service: a, path: /b}]\n"), &[("`service` and `path`", "")]);
    expect_overlay(&overlay("map: [{service: a, tenant: §_x}]\n"), &[("reserved", "")]);
    expect_overlay(
        &overlay("map: [§{service: a, namespace: b, pod: c}]\n"),
        &[("`service` and `namespace` and `pod`", "`container` may stand together, and with nothing else")],
    );
    expect_overlay(&overlay("map: [{namespace: §Drm, pod: c}]\n"), &[("fits no namespace", "small letters")]);
    expect_overlay(&overlay("map: [{namespace: §a_b}]\n"), &[("`a_b` fits no namespace", "")]);
    expect_overlay(
        &overlay("map: [{namespace: a, pod: §'x-?'}]\n"),
        &[("fits no pod", "`*` stands for any text")],
    );
    expect_overlay(&overlay("map: [{container: §/edge}]\n"), &[("`/edge` fits no container", "letters")]);
    expect_overlay(&overlay("map: [{container: §' '}]\n"), &[("an empty text", "")]);
    expect_overlay(&overlay("map: [{namespace: b, tenant: §_x}]\n"), &[("reserved", "")]);
    expect_overlay(
        &overlay("map: [{namespace: b, §tenant_from: x}]\n"),
        &[("unknown field `tenant_from`", "")],
    );
    expect_overlay(
        &overlay("tenant: [§{except: [a]}]\n"),
        &[("a tenant hint needs one of `namespace`, `container`", "")],
    );
    expect_overlay(
        &overlay("tenant: [§{namespace: '{t}', container: '{t}'}]\n"),
        &[("`namespace` and `container`; exactly one", "")],
    );
    expect_overlay(&overlay("tenant: [{namespace: §team}]\n"), &[("needs `{t}` once", "")]);
    expect_overlay(&overlay("tenant: [{container: §'{t}-{t}'}]\n"), &[("needs `{t}` once", "")]);
    expect_overlay(
        &overlay("tenant: [{namespace: §'team-*-{t}'}]\n"),
        &[("fits no namespace", "around `{t}`: small letters")],
    );
    expect_overlay(&overlay("map: [{path: §b/c.log}]\n"), &[("fits no file", "`*/b/c.log`")]);
    expect_overlay(
        &overlay("rules: [{id: §c1, remediation: x}]\n"),
        &[("`acme` has no rule `c1`", "a rule of it is `r1`")],
    );
}

#[test]
fn a_contradiction_is_reported_in_the_added_file() {
    let part =
        rule("").replace("id: acme", "id: acme, pack: more").replace("severity: error", "severity: info");
    let findings = load(&[file("builtin:acme", rule(""))], &[file("more.yaml", part)]).unwrap_err();
    let shown: Vec<_> =
        findings.iter().map(|one| (one.file.as_str(), one.line, one.message.as_str())).collect();
    assert_eq!(shown.len(), 2, "{findings}");
    assert_eq!((shown[0].0, shown[0].1), ("more.yaml", 4));
    assert!(shown[0].2.contains("duplicate id `r1`"));
    assert!(shown[1].2.contains("`severity` of code `c1` is `info` here, but `error` in rule `r1`"));
}
