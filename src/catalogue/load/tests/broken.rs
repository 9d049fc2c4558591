//! One broken thing a file.

use super::{expect, head, rule};

#[test]
fn syntax() {
    expect(&head("names: §[a, b\n"), &[("YAML syntax", "close the bracket")]);
    expect(&head("names: §\"a\n"), &[("YAML syntax", "close the quote")]);
    expect(&head("§\tnames: [a]\n"), &[("YAML syntax", "spaces")]);
    expect(&head("tenant_allow: a§: b\n"), &[("YAML syntax", "quote a text that holds `: `")]);
    expect(&head("names: §@a\n"), &[("YAML syntax", "quote")]);
    expect(&head("names: §[a}\n"), &[("YAML syntax", "close the bracket")]);
    expect(&head("tenant_allow: \"§\\d\"\n"), &[("YAML syntax", "single quotes")]);
    expect(&head("tenant_allow: 'it'§s'\n"), &[("YAML syntax", "around the whole text")]);
    expect(&head("names:\n  - a\n §- b\n"), &[("YAML syntax", "indentation")]);
    expect(&head("§%YAML 1.2\n"), &[("YAML syntax", "%")]);
    expect(&head("names: [§*nobody]\n"), &[("no anchor `nobody`", "quote")]);
    expect(&head("names: [§!thing a]\n"), &[("tag `!thing`", "quote")]);
    expect(&head("§---\nschema: x\n"), &[("second document", "file of its own")]);
}

#[test]
fn no_rule_file() {
    expect("§", &[("the file is empty", "")]);
    expect("§# only a comment\n", &[("the file is empty", "")]);
    expect("schema: faultline.rules/v1\n§providr: {id: a}\n", &[("no rule file", "did you mean `provider`")]);
    expect("§schema: faultline.rules/v1\nnames: [a]\n", &[("no rule file", "schema: faultline.rules/v1")]);
    expect("§- a\n- b\n", &[("no rule file", "schema:")]);
    expect("§just text\n", &[("no rule file", "schema:")]);
}

#[test]
fn unknown_fields() {
    expect(&rule("§catagory: token"), &[("unknown field `catagory`", "did you mean `category`?")]);
    expect(&head("§tenants: []\n"), &[("unknown field `tenants`", "did you mean `tenant`?")]);
    expect(&head("§zzzzz: 1\n"), &[("unknown field `zzzzz`", "known fields: `schema`, `provider`")]);
    expect(&head("").replace("{id", "{§ids: 1, id"), &[("unknown field `ids`", "did you mean `id`?")]);
    expect(&head("evidence: {strong: {§host: [a.b]}}\n"), &[("unknown field `host`", "`hosts`")]);
    expect(&head("forms: [{token: abc, §need: identity}]\n"), &[("unknown field `need`", "`needs`")]);
    expect(&rule("class: {code: word, §mesage: word}"), &[("unknown field `mesage`", "`message`")]);
    expect(&rule("§<<: {a: b}"), &[("unknown field `<<`", "merge keys")]);
    expect(
        &rule("tests: [{line: a, expect: none, §tenants: b}]"),
        &[("unknown field `tenants`", "`tenant`")],
    );
    expect(&rule("§Section: x"), &[("unknown field `Section`", "did you mean `section`?")]);
}

#[test]
fn unknown_values() {
    let with = |from: &str, to: &str| rule("").replace(from, to);
    expect(
        &with("category: token", "category: §tokn"),
        &[("unknown value `tokn` for `category`", "`token`?")],
    );
    expect(
        &with("category: token", "category: §rate-limit"),
        &[("`rate-limit`", "did you mean `rate_limit`?")],
    );
    expect(
        &with("severity: error", "severity: §Error"),
        &[("`Error` for `severity`", "did you mean `error`?")],
    );
    expect(
        &with("severity: error", "severity: §fatal"),
        &[("`fatal`", "known values: `info`, `warning`, `error`, `critical`")],
    );
    expect(&with("fault: caller", "fault: §us"), &[("`us` for `fault`", "`caller`")]);
    expect(&rule("class: §prase"), &[("unknown value `prase` for `class`", "did you mean `phrase`?")]);
    expect(&rule("class: {code: §wrd}"), &[("`wrd` for `code`", "did you mean `word`?")]);
    expect(&head("forms: [{token: abc, in: §fieldz}]\n"), &[("`fieldz` for `in`", "`fields`")]);
    expect(&rule("tests: [{line: a, expect: §mach}]"), &[("`mach` for `expect`", "`match`")]);
    expect(&head("").replace("id: acme", "id: acme, operated_by: §him"), &[("`him`", "`them`")]);
}

#[test]
fn wrong_types() {
    expect(&head("names: §acme\n"), &[("expected a list for `names`, found the text `acme`", "[a, b]")]);
    expect(&head("§names:\n"), &[("expected a list for `names`, found nothing", "[a, b]")]);
    expect(&head("names: [§[a]]\n"), &[("expected a text for `names`, found a list", "")]);
    expect(&head("evidence: §[a]\n"), &[("expected a mapping for `evidence`, found a list", "`strong`")]);
    expect(&head("rules: §{id: a}\n"), &[("expected a list for `rules`, found a mapping", "- a")]);
    expect(
        &head("rules: [§a]\n"),
        &[("expected a mapping for `rules`, found the text `a`", "its fields: `id`")],
    );
    expect(&rule("retired: §yes"), &[("expected `true` or `false` for `retired`", "write `true`")]);
    expect(&rule("retired: §\"true\""), &[("expected `true` or `false`", "leave out the quotes")]);
    expect(&rule("http: §401"), &[("expected a list for `http`, found the number 401", "[a, b]")]);
    expect(&rule("http: [§\"401\"]"), &[("expected a whole number for `http`", "leave out the quotes")]);
    expect(&rule("http: [§4.5]"), &[("expected a whole number for `http`, found the number 4.5", "")]);
    expect(&rule("http: [§0401]"), &[("expected a whole number", "leave out the leading zeros")]);
    expect(&rule("meaning: §{a: b}"), &[("expected a text for `meaning`, found a mapping", "")]);
    expect(&rule("name: §[a]"), &[("expected a text for `name`, found a list", "")]);
    expect(&rule("message: §{a: b}"), &[("expected a text or a list of texts, found a mapping", "")]);
    expect(&rule("class: §[word]"), &[("`class`: expected `unique`, `phrase` or `word`", "")]);
    expect(&rule("").replace("code: c1", "§code:"), &[("expected a text for `code`, found nothing", "\"\"")]);
    expect(&head("evidence: {strong: {shapes: [§a]}}\n"), &[("a list of field names, or a mapping", "")]);
    expect(&head("§[a]: b\n"), &[("expected a name before `:`", "")]);
}

#[test]
fn out_of_range() {
    expect(
        &rule("http: [§70000]"),
        &[("expected a number from 0 to 65535 for `http`, found the number 70000", "")],
    );
    expect(&rule("http: [§-1]"), &[("a number from 0 to 65535", "")]);
    expect(&rule("http: [200, §42]"), &[("42 is no HTTP status", "100 to 599")]);
    expect(&head("source: {rows: §-3}\n"), &[("a number from 0 to 4294967295 for `rows`", "")]);
    let long = "x".repeat(129);
    expect(&rule("").replace("code: c1", &format!("code: §{long}")), &[("129 bytes, at most 128", "")]);
}

#[test]
fn duplicates() {
    expect(&head("names: [a]\n§names: [b]\n"), &[("duplicate field `names`", "in line 3")]);
    expect(&rule("§code: c2"), &[("duplicate field `code`", "in line 5")]);
    expect(&head("forms: [{fields: {a: b, §a: c}}]\n"), &[("duplicate field `a`", "in line 3")]);
    let second = "- id: §r1\n  code: c2\n  category: token\n  severity: error\n  retryable: false\n  fault: caller\n  \
                  remediation: x"
        .replace('\n', "\n  ");
    let text = format!("{}  {second}\n", rule(""));
    expect(&text, &[("duplicate id `r1`", "f.yaml:4")]);
    let text = text.replace("§r1", "r2").replace("code: c2", "code: c1").replace(
        "error\n    retryable: false\n    fault: caller\n    remediation: x",
        "§info\n    retryable: §true\n    fault: caller\n    remediation: x",
    );
    expect(
        &text,
        &[
            ("`severity` of code `c1` is `info` here, but `error` in rule `r1`", "f.yaml:4"),
            ("`retryable` of code `c1` is `true` here, but `false`", "one series"),
        ],
    );
    let list = "schema: faultline.rules/v1\nshared: {id: x}\ncodes: [a, b, §a]\n";
    expect(list, &[("`a` is listed twice", "")]);
    let symptom = "id: s, message: A long enough text, candidates: {}, why: x";
    let text = head(&format!("symptoms: [{{{symptom}}}, {{{}}}]\n", symptom.replace("id: s", "id: §s")));
    expect(&text, &[("duplicate id `s`", "f.yaml")]);
}

#[test]
fn missing() {
    let without = |line: &str| rule("").replace(line, "");
    expect(&without("    fault: caller\n").replace("- id", "- §id"), &[("missing field `fault`", "")]);
    expect(&without("    retryable: false\n").replace("- id", "- §id"), &[("missing field `retryable`", "")]);
    expect("§provider: {id: acme}\n", &[("missing field `schema`", "")]);
    expect("schema: faultline.rules/v1\nprovider: §{name: A}\n", &[("missing field `id`", "")]);
    expect(&head("code_syntax: §{regex: a}\n"), &[("missing field `unknown`", "")]);
    expect("§schema: faultline.rules/v1\nshared: {id: a}\n", &[("missing field `codes`", "")]);
    expect("§schema: faultline.rules/v1\nforeign: {id: a}\n", &[("missing field `evidence`", "")]);
    expect("§schema: faultline.rules/v1\noverlay: true\n", &[("missing field `provider`", "")]);
    expect(&rule("match: §{}"), &[("missing field `any`", "")]);
}

#[test]
fn regexes() {
    expect(
        &head("tenant_allow: §'['\n"),
        &[("the regex `[` does not compile: unclosed character class", "")],
    );
    expect(&head("tenant_allow: §'(?=a)'\n"), &[("look-around", "linear time")]);
    expect(&head("tenant_allow: §'\\w{1000}{100}'\n"), &[("compiles to more than", "repeat less")]);
    expect(&head("tenant_allow: §''\n"), &[("an empty regex", "leave it out")]);
    expect(&head("code_syntax: {regex: §'a**)', unknown: count}\n"), &[("does not compile", "")]);
    expect(&head("evidence: {foreign: {text: [a, §'(']}}\n"), &[("does not compile: unclosed group", "")]);
    expect(&head("evidence: {strong: {shapes: [{a: §'('}]}}\n"), &[("does not compile: unclosed group", "")]);
    let nested = format!("tenant_allow: §'{}a{}'\n", "(".repeat(100), ")".repeat(100));
    expect(&head(&nested), &[("does not compile", "")]);
}

#[test]
fn forms() {
    expect(&head("forms: [§{class: word}]\n"), &[("a form needs one of `fields`, `token`, `message`", "")]);
    expect(&head("forms: [§{token: a, message: long enough text}]\n"), &[("has `token` and `message`", "")]);
    expect(
        &head("forms: [{token: §'x-{cod}'}]\n"),
        &[("unknown placeholder `{cod}`", "did you mean `{code}`?")],
    );
    expect(
        &head("forms: [{fields: {a: §'{x}'}}]\n"),
        &[("unknown placeholder `{x}`", "known here: `{code}`")],
    );
    expect(&head("forms: [{message: §'{mesage}'}]\n"), &[("unknown placeholder", "`{message}`")]);
    expect(&head("forms: [{message: §'a text of {x:lst} things'}]\n"), &[("unknown kind `lst`", "`list`")]);
    expect(&head("forms: [{token: §'{code:any}'}]\n"), &[("takes no kind here", "the rule's own text")]);
    expect(&head("forms: [{token: §''}]\n"), &[("empty text", "leave it out")]);
    expect(&head("forms: [{fields: §{a: '*'}}]\n"), &[("not `*`", "")]);
    expect(&rule("match: {any: [{message: §Not found.}]}"), &[("under 12 characters", "`fields`")]);
    expect(&rule("match: {any: [{message: §'{0} {x:any}'}]}"), &[("under 12 characters", "`fields`")]);
    expect(&rule("match: {any: §[]}"), &[("matches nothing", "")]);
    expect(&rule("message: [§'Wrong {x:foo}']"), &[("unknown kind `foo`", "known kinds")]);
    expect(
        &format!("{}forms: [{{token: a, only: [§'d*']}}]\n", rule("")),
        &[("no code of this pack matches `d*`", "")],
    );
    expect(
        &format!("{}forms: [{{token: a, endpoint: §tokn}}]\n", rule("endpoint: token")),
        &[("endpoint `tokn`", "`token`?")],
    );
}

#[test]
fn identities_and_labels() {
    expect(&head("").replace("acme", "§Acme"), &[("`Acme` is no id", "small letter")]);
    expect(&head("").replace("acme", "§_other"), &[("reserved", "_unknown")]);
    expect(&head("").replace("acme", "acme, pack: §a/b"), &[("`a/b` is no id", "small letter")]);
    expect(
        &rule("").replace("code: c1", "code: §_unknown"),
        &[("`_unknown` begins with `_`", "faultline itself")],
    );
    expect(&rule("").replace("code: c1", "code: §''"), &[("a code is empty", "")]);
    expect(&rule("wire: §\"a\\x1bb\""), &[("control character", "")]);
    expect(
        &head("").replace("faultline.rules/v1", "faultline.rules/v2").replace("schema: ", "schema: §"),
        &[("unknown schema `faultline.rules/v2`", "`faultline.rules/v1`")],
    );
    expect(&head("names: [§'-']\n"), &[("`-` is no word", "")]);
    expect(
        &head("evidence: {strong: {hosts: [§'https://a.b/']}}\n"),
        &[("is no host", "a domain and nothing else")],
    );
    expect(&head("evidence: {strong: {loggers: [§'']}}\n"), &[("found everywhere", "leave it out")]);
}

#[test]
fn tenants_and_symptoms() {
    expect(&head("tenant: [§{field: a, path: '/{t}/'}]\n"), &[("has `field` and `path`", "")]);
    expect(&head("tenant: [§{except: [a]}]\n"), &[("a tenant hint needs one of", "")]);
    expect(&head("tenant: [{host: §a.b.c}]\n"), &[("needs `{t}` once", "")]);
    let symptom = |candidates: &str| {
        let line = format!(
            "symptoms: [{{id: s, message: Response Code {{http}} was, candidates: {candidates}, why: x}}]\n"
        );
        format!(
            "{}{}",
            rule("endpoint: person"),
            line.replace("message: Response Code {http} was", "message: 'Response Code {http} was'")
        )
    };
    expect(&symptom("{codes: [§c2]}"), &[("no rule has the code `c2`", "did you mean `c1`?")]);
    expect(&symptom("{endpoint: §persn}"), &[("no rule has the endpoint `persn`", "did you mean `person`?")]);
    expect(&symptom("{http: §'{htp}'}"), &[("`{htp}` is no status", "`{http}`")]);
    expect(
        &format!("{}endpoint_hints: [{{text: a, endpoint: §b}}]\n", rule("endpoint: token")),
        &[("endpoint `b`", "known endpoints: `token`")],
    );
}

#[test]
fn overlays() {
    let overlay =
        |lines: &str| format!("schema: faultline.rules/v1\noverlay: true\nprovider: {{id: acme}}\n{lines}");
    expect(&overlay("").replace("id: acme", "id: §acme"), &[("no pack is of `acme`", "")]);
    expect(
        &overlay("").replace("true", "§false").replace("id: acme", "id: §acme"),
        &[("overlay: true", "no such field"), ("no pack", "")],
    );
    expect(
        &overlay("map: [{§servce: a}]\n").replace("id: acme", "id: §acme"),
        &[("no pack", ""), ("unknown field `servce`", "`service`")],
    );
}
