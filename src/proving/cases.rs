//! Case files: JSON Lines, one record a line with every verdict that it must give. Described in `tests/cases/README.md`.
//!
//! Reads the text, reports every mistake with its place, and compares verdicts exactly: no more and no fewer.

use std::collections::HashMap;
use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::Expected;
use crate::catalogue::diagnostic::{Diagnostic, Diagnostics, SourceText, quoted, suggest};
use crate::catalogue::schema::FileLine;
use crate::event::{Fault, Label, Verdict, reserved};

/// One record and what must come of it.
#[derive(Debug, Clone)]
pub struct Case {
    pub place: FileLine,
    pub id: String,
    pub title: Option<String>,
    pub line: String,
    pub mapping: Option<CaseMapping>,
    /// All verdicts of the record, in any order; none: it gives nothing.
    pub expect: Vec<CaseVerdict>,
}

/// What an operator's overlay says, for one case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseMapping {
    pub service: String,
    pub provider: String,
    #[serde(default)]
    pub tenant: Option<String>,
}

/// Only what is given is compared.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseVerdict {
    verdict: CaseKind,
    #[serde(default)]
    provider: Option<String>,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    category: Option<String>,
    #[serde(default)]
    tenant: Option<String>,
    #[serde(default)]
    rule: Option<String>,
    #[serde(default)]
    candidates: Option<Vec<String>>,
    /// For people.
    #[serde(default, rename = "marker")]
    _marker: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum CaseKind {
    Match,
    Ambiguous,
    Foreign,
    None,
}

/// A line of the file as serde sees it.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    id: String,
    #[serde(default)]
    title: Option<String>,
    line: String,
    #[serde(default)]
    mapping: Option<CaseMapping>,
    expect: OneOrAll,
    #[serde(default, rename = "why")]
    _why: Option<String>,
    #[serde(default, rename = "basis")]
    _basis: Option<String>,
}

impl Line {
    /// Nothing is expected that would not be compared.
    fn checked(self) -> Result<Line, String> {
        let verdicts = &self.expect.0;
        if verdicts.len() > 1 && verdicts.iter().any(|one| one.verdict == CaseKind::None) {
            return Err("the verdict `none` stands beside others".to_owned());
        }
        verdicts.iter().try_for_each(CaseVerdict::check)?;
        Ok(self)
    }
}

/// One verdict, or a list of them.
struct OneOrAll(Vec<CaseVerdict>);

impl<'de> Deserialize<'de> for OneOrAll {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<OneOrAll, D::Error> {
        deserializer.deserialize_any(Verdicts).map(OneOrAll)
    }
}

/// Reads either, so that an error inside keeps its own words and place.
struct Verdicts;

impl<'de> Visitor<'de> for Verdicts {
    type Value = Vec<CaseVerdict>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a verdict, as in {\"verdict\": \"none\"}, or a list of them")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Vec<CaseVerdict>, A::Error> {
        CaseVerdict::deserialize(MapAccessDeserializer::new(map)).map(|one| vec![one])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Vec<CaseVerdict>, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(list))
    }
}

const KEYS: [&str; 14] = [
    "id",
    "title",
    "line",
    "mapping",
    "expect",
    "why",
    "basis",
    "verdict",
    "provider",
    "code",
    "category",
    "tenant",
    "candidates",
    "rule",
];
const VERDICTS: [&str; 4] = ["match", "ambiguous", "foreign", "none"];

/// The cases of a file, or all that is wrong with it. `name` stands in the findings.
pub fn read(name: &str, text: &str) -> Result<Vec<Case>, Diagnostics> {
    let source = SourceText::new(name, text);
    let mut cases = Vec::new();
    let mut findings = Vec::new();
    for (n, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let read = serde_json::from_str::<Line>(line);
        match read.and_then(|read| read.checked().map_err(serde::de::Error::custom)) {
            Ok(line) => cases.push(Case {
                place: FileLine { file: name.into(), line: n + 1 },
                id: line.id,
                title: line.title,
                line: line.line,
                mapping: line.mapping,
                expect: line.expect.0,
            }),
            Err(error) => findings.push(explain(&source, n + 1, line, &error)),
        }
    }
    if findings.is_empty() { Ok(cases) } else { Err(Diagnostics::new(findings)) }
}

/// Ids that stand twice, over all files: a failure is named by its id.
pub fn duplicates(cases: &[Case]) -> Vec<Diagnostic> {
    let mut first: HashMap<&str, &FileLine> = HashMap::new();
    let mut findings = Vec::new();
    for case in cases {
        if let Some(other) = first.insert(&case.id, &case.place) {
            findings.push(Diagnostic {
                file: case.place.file.to_string(),
                line: case.place.line,
                column: 1,
                message: format!(
                    "the id {} is taken by the case at {}:{}",
                    quoted(&case.id),
                    other.file,
                    other.line
                ),
                hint: Some("give each case its own, and never use one again".to_owned()),
                excerpt: String::new(),
            });
        }
    }
    findings
}

fn explain(source: &SourceText<'_>, line: usize, written: &str, error: &serde_json::Error) -> Diagnostic {
    // serde_json counts bytes.
    let before = written.as_bytes().get(..error.column().saturating_sub(1)).unwrap_or(written.as_bytes());
    let column = String::from_utf8_lossy(before).chars().count() + 1;
    let text = error.to_string();
    let message = text.split(" at line ").next().unwrap_or(&text);
    let unknown = |what: &str| message.strip_prefix(what)?.split('`').next();
    let (message, hint) = if let Some(key) = unknown("unknown field `") {
        (format!("unknown field {}", quoted(key)), suggest(key, KEYS, "fields"))
    } else if let Some(value) = unknown("unknown variant `") {
        (format!("unknown verdict {}", quoted(value)), suggest(value, VERDICTS, "verdicts"))
    } else {
        (message.to_owned(), None)
    };
    source.finding((line, column), message).with_hint(hint)
}

impl Case {
    /// Verdicts that must come and did not, and verdicts that came and must not; both empty where all is well.
    pub(super) fn differences<'f>(&self, found: &'f [Fault]) -> (Vec<Expected>, Vec<&'f Fault>) {
        let expect: Vec<&CaseVerdict> =
            self.expect.iter().filter(|one| one.verdict != CaseKind::None).collect();
        let fits = |one: &CaseVerdict, fault: &Fault| one.fits(fault);
        let mut missing: Vec<Expected> = expect
            .iter()
            .filter(|one| !found.iter().any(|fault| fits(one, fault)))
            .map(|one| one.shown())
            .collect();
        let mut surplus: Vec<&Fault> =
            found.iter().filter(|fault| !expect.iter().any(|one| fits(one, fault))).collect();
        if missing.is_empty() && surplus.is_empty() && expect.len() != found.len() {
            missing = expect.iter().map(|one| one.shown()).collect();
            surplus = found.iter().collect();
        }
        (missing, surplus)
    }
}

impl CaseVerdict {
    /// Only fields that a fault of that verdict has.
    fn check(&self) -> Result<(), String> {
        let who = self.provider.is_some()
            || self.code.is_some()
            || self.category.is_some()
            || self.tenant.is_some();
        let idle = match self.verdict {
            CaseKind::Match if self.candidates.is_some() => "candidates",
            CaseKind::Ambiguous if self.rule.is_some() => "rule",
            CaseKind::Foreign | CaseKind::None if who || self.rule.is_some() || self.candidates.is_some() => {
                "provider, code, category, tenant, rule or candidates"
            }
            _ => return Ok(()),
        };
        let verdict = VERDICTS[self.verdict as usize];
        Err(format!("a verdict `{verdict}` has no {idle} to compare"))
    }

    fn fits(&self, fault: &Fault) -> bool {
        let is = |expected: &Option<String>, found: &Option<Label>| {
            expected.as_deref().is_none_or(|text| text == found.as_deref().unwrap_or_default())
        };
        let tenant = || {
            self.tenant.as_deref().is_none_or(|t| t == fault.tenant.as_deref().unwrap_or(reserved::NO_TENANT))
        };
        let rest = || {
            is(&self.provider, &fault.provider)
                && is(&self.code, &fault.code)
                && is(&self.category, &fault.category)
                && tenant()
        };
        match (self.verdict, fault.verdict) {
            (CaseKind::Foreign, Verdict::Foreign) => true,
            (CaseKind::Match, Verdict::Match) => rest() && is(&self.rule, &fault.rule),
            (CaseKind::Ambiguous, Verdict::Ambiguous) => {
                let same = |all: &Vec<String>| {
                    all.iter().map(String::as_str).eq(fault.candidates.iter().map(|c| &**c))
                };
                rest() && self.candidates.as_ref().is_none_or(same)
            }
            _ => false,
        }
    }

    fn shown(&self) -> Expected {
        let verdict = match self.verdict {
            CaseKind::Match => Some(Verdict::Match),
            CaseKind::Ambiguous => Some(Verdict::Ambiguous),
            CaseKind::Foreign => Some(Verdict::Foreign),
            CaseKind::None => None,
        };
        Expected {
            verdict,
            provider: self.provider.clone(),
            code: self.code.clone(),
            category: self.category.clone(),
            tenant: self.tenant.clone(),
            rule: self.rule.clone(),
            candidates: self.candidates.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_of_a_file_has_its_place() {
        let text = "{\"id\": \"A-1\", \"line\": \"x\", \"expect\": {\"verdict\": \"none\"}}\n\n\
            {\"id\": \"A-2\", \"line\": \"x\", \"expct\": {}}\n{\"id\": \"A-3\"\n\
            {\"id\": \"A-4\", \"line\": \"x\", \"expect\": {\"verdict\": \"mach\"}}\n";
        let findings = read("c.jsonl", text).unwrap_err();
        let said: Vec<String> = findings
            .iter()
            .map(|f| format!("{}:{} {} / {}", f.line, f.column, f.message, f.hint.as_deref().unwrap_or("-")))
            .collect();
        assert!(said[0].ends_with("unknown field `expct` / did you mean `expect`?"), "{said:?}");
        assert!(
            said[0].starts_with("3:") && said[1].starts_with("4:") && said[2].starts_with("5:"),
            "{said:?}"
        );
        assert!(said[2].contains("unknown verdict `mach` / did you mean `match`?"), "{said:?}");
    }

    #[test]
    fn what_would_not_be_compared_is_refused() {
        for (expect, said) in [
            (r#"{"verdict":"match","candidates":["x"]}"#, "a verdict `match` has no candidates to compare"),
            (r#"{"verdict":"ambiguous","rule":"x"}"#, "a verdict `ambiguous` has no rule to compare"),
            (r#"{"verdict":"foreign","code":"x"}"#, "a verdict `foreign` has no provider, code"),
            (r#"[{"verdict":"none"},{"verdict":"match"}]"#, "the verdict `none` stands beside others"),
        ] {
            let findings = read("c.jsonl", &format!("{{\"id\":\"A\",\"line\":\"x\",\"expect\":{expect}}}\n"));
            let findings = findings.unwrap_err().into_vec();
            assert!(findings[0].message.starts_with(said), "{}", findings[0].message);
        }
    }

    #[test]
    fn columns_are_characters() {
        let findings =
            read("c.jsonl", "{\"id\":\"é-éé\",\"line\":\"x\",\"expct\":1}").unwrap_err().into_vec();
        assert_eq!((findings[0].line, findings[0].column), (1, 31));
    }

    #[test]
    fn an_id_that_stands_twice_names_both_places() {
        let text = "{\"id\": \"A-1\", \"line\": \"x\", \"expect\": []}\n".repeat(2);
        let found = duplicates(&read("c.jsonl", &text).unwrap());
        assert_eq!(found[0].message, "the id `A-1` is taken by the case at c.jsonl:1");
        assert_eq!((found.len(), found[0].line), (1, 2));
    }
}
