//! A code, name, rule id or message → the rules it may mean: how people ask the catalogue.
//!
//! Compared without case; a quoted message is matched as a log line would be. Whatever overlays changed is said with the
//! file that did. Pure: reads what `load` and `compile` made.

use std::collections::{BTreeSet, HashSet};

use super::compile::{Catalogue, Class, Kind, Owner, Role, RuleId};
use super::diagnostic::nearest;
use super::load::Rules;
use super::schema::{Pack, Rule, UnknownCodes};

/// What about a rule answers the question, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    RuleId,
    Code,
    /// The code as it is written out (`510-4011`), an alias, the finer code, or the name.
    Spelling,
    /// The code that a response carries; the rule's own is finer.
    Wire,
    Message,
}

#[derive(Debug, Clone, Copy)]
pub struct Answer<'r> {
    pub id: RuleId,
    pub pack: &'r Pack,
    pub file: &'r str,
    pub rule: &'r Rule,
    pub by: By,
}

/// A text that a rule is recognised by.
#[derive(Debug)]
pub struct Sign {
    pub text: String,
    pub kind: Kind,
    /// It is the name of the code.
    pub is_name: bool,
    pub class: Class,
    /// Other providers and lists that know the same text.
    pub shared_with: Vec<String>,
    /// Too short to stand alone.
    pub short: bool,
}

/// What an overlay changed of a code.
#[derive(Debug)]
pub struct Change<'r> {
    pub file: &'r str,
    pub severity: bool,
    pub remediation: bool,
}

/// The rules that `question` may mean, those of `provider` only where one is given. In the order of the packs; only the
/// best kind of answer where one names the code itself, else all.
pub fn find<'r>(
    rules: &'r Rules,
    catalogue: &Catalogue,
    question: &str,
    provider: Option<&str>,
) -> Vec<Answer<'r>> {
    let question = question.trim();
    let (provider, question) = match question.split_once(':') {
        Some((id, code)) if provider.is_none() && rules.packs.iter().any(|p| same(&p.provider.id, id)) => {
            (Some(id), code.trim())
        }
        _ => (provider, question),
    };
    let fits = |pack: &Pack| provider.is_none_or(|p| same(p, &pack.provider.id));
    let spelt = spelt(catalogue, question);
    let answers: Vec<Answer<'r>> = all(rules)
        .filter(|(_, pack, _, _)| fits(pack))
        .filter_map(|(id, pack, file, rule)| {
            let by = answers_by(pack, rule, question).or(spelt.contains(&id).then_some(By::Spelling))?;
            Some(Answer { id, pack, file, rule, by })
        })
        .collect();
    if answers.iter().any(|a| a.by == By::RuleId) {
        return answers.into_iter().filter(|a| a.by == By::RuleId).collect();
    }
    answers
}

/// Every rule with its pack and file; the ids are those of the catalogue that was compiled of them.
pub fn all(rules: &Rules) -> impl Iterator<Item = (RuleId, &Pack, &str, &Rule)> {
    let packs = rules.packs.iter().zip(rules.pack_files.iter().map(String::as_str));
    let rules = packs.flat_map(|(pack, file)| pack.rules.iter().map(move |rule| (pack, file, rule)));
    rules.enumerate().map(|(id, (pack, file, rule))| (id, pack, file, rule))
}

fn same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

fn answers_by(pack: &Pack, rule: &Rule, question: &str) -> Option<By> {
    let is = |text: &Option<String>| text.as_deref().is_some_and(|text| same(text, question));
    let full = || {
        let head = question.get(..pack.provider.id.len()).is_some_and(|head| same(head, &pack.provider.id));
        head && question[pack.provider.id.len()..].strip_prefix('.').is_some_and(|id| same(id, &rule.id))
    };
    match () {
        () if full() || (same(&rule.id, question) && rule.id.contains('.')) => Some(By::RuleId),
        () if same(&rule.code, question) => Some(By::Code),
        () if is(&rule.internal) || is(&rule.name) || rule.aliases.iter().any(|a| same(a, question)) => {
            Some(By::Spelling)
        }
        () if is(&rule.wire) => Some(By::Wire),
        () if rule.message.as_slice().iter().any(|m| same(m, question)) => Some(By::Message),
        () => None,
    }
}

/// Rules with a token that is spelt so.
fn spelt(catalogue: &Catalogue, question: &str) -> BTreeSet<RuleId> {
    let is = |text: &[u8]| text.eq_ignore_ascii_case(question.as_bytes());
    let tokens = catalogue.tokens.iter().filter(|(text, _)| is(text)).map(|(_, id)| *id);
    let numbered = |o: &&Owner| o.role == Role::Numbered;
    tokens
        .flat_map(|id| catalogue.literals[id].owners.iter().filter(numbered).flat_map(|o| o.rules.clone()))
        .collect()
}

/// Rules whose messages `found` literals are; the longest literal of a provider speaks for it.
pub fn of_messages<'r>(
    rules: &'r Rules,
    catalogue: &Catalogue,
    found: impl Iterator<Item = (usize, usize)>,
    provider: Option<&str>,
) -> Vec<Answer<'r>> {
    let mut messages: Vec<(usize, usize)> =
        found.filter(|(literal, _)| catalogue.literals[*literal].kind == Kind::Message).collect();
    messages.sort_by_key(|(_, len)| std::cmp::Reverse(*len));
    let mut spoken: Vec<(usize, usize)> = Vec::new();
    let mut ids: BTreeSet<RuleId> = BTreeSet::new();
    for (literal, len) in messages {
        for owner in &catalogue.literals[literal].owners {
            let longer = spoken.iter().any(|(p, l)| *p == owner.provider && *l > len);
            if !longer {
                spoken.push((owner.provider, len));
                ids.extend(&owner.rules);
            }
        }
    }
    all(rules)
        .filter(|(id, pack, ..)| ids.contains(id) && provider.is_none_or(|p| same(p, &pack.provider.id)))
        .map(|(id, pack, file, rule)| Answer { id, pack, file, rule, by: By::Message })
        .collect()
}

/// The texts that a rule is recognised by; none of a retired rule whose texts a current one has.
pub fn signs(rules: &Rules, catalogue: &Catalogue, id: RuleId) -> Vec<Sign> {
    let mut signs = Vec::new();
    for literal in &catalogue.literals {
        let own: Vec<&Owner> = literal.owners.iter().filter(|o| o.rules.contains(&id)).collect();
        let Some(class) = own.iter().map(|o| o.class).max() else { continue };
        let text = literal.pattern.to_string();
        let provider = own[0].provider;
        let mut shared_with: Vec<String> = literal
            .owners
            .iter()
            .filter(|o| o.provider != provider)
            .map(|o| catalogue.providers[o.provider].id.to_string())
            .collect();
        shared_with.extend(lists_with(rules, &text));
        shared_with.dedup();
        let is_name = own.iter().all(|o| o.role == Role::Name);
        signs.push(Sign { text, kind: literal.kind, is_name, class, shared_with, short: literal.short });
    }
    signs
}

/// Names of the lists, shared or of somebody not loaded, that hold this very code.
pub fn lists_with(rules: &Rules, code: &str) -> Vec<String> {
    let shared = rules.shared.iter().map(|l| (&l.shared, &l.codes));
    let foreign = rules.foreign.iter().map(|l| (&l.foreign, &l.codes));
    shared
        .chain(foreign)
        .filter(|(_, codes)| codes.iter().any(|c| same(c, code)))
        .map(|(head, _)| head.name.clone().unwrap_or_else(|| head.id.clone()))
        .collect()
}

/// Fields that name a rule when they stand in one object, each as `name=value`.
pub fn conjunctions(catalogue: &Catalogue, id: RuleId) -> Vec<Vec<String>> {
    let names = |pair: &super::compile::Pair| {
        pair.names.iter().map(|path| path.join(".")).collect::<Vec<_>>().join("|")
    };
    let own = catalogue.conjunctions.iter().filter(|c| c.rule == id);
    own.map(|c| c.pairs.iter().map(|p| format!("{}={}", names(p), p.value)).collect()).collect()
}

/// What overlays changed of a rule, in their order.
pub fn changes<'r>(rules: &'r Rules, answer: &Answer<'_>) -> Vec<Change<'r>> {
    let overlays = rules.overlays.iter().zip(&rules.overlay_files);
    let own = overlays.filter(|(overlay, _)| overlay.provider.id == answer.pack.provider.id);
    own.flat_map(|(overlay, file)| overlay.rules.iter().map(move |change| (change, file)))
        .filter(|(change, _)| change.id == answer.rule.id)
        .map(|(change, file)| Change {
            file,
            severity: change.severity.is_some(),
            remediation: change.remediation.is_some(),
        })
        .collect()
}

/// The provider whose code syntax a text fits, with the syntax, and whether such a code is counted without a rule.
pub fn syntaxes<'r>(rules: &'r Rules, text: &str) -> Vec<(&'r Pack, &'r str, bool)> {
    let fits = |pattern: &str| {
        regex::Regex::new(&format!("(?i)^(?:{pattern})$")).is_ok_and(|syntax| syntax.is_match(text))
    };
    let packs = rules.packs.iter().filter_map(|pack| Some((pack, pack.code_syntax.as_ref()?)));
    packs
        .filter(|(_, syntax)| fits(&syntax.regex))
        .map(|(pack, syntax)| (pack, &*syntax.regex, syntax.unknown == UnknownCodes::Count))
        .collect()
}

/// The code, name or rule id that `question` may be a misspelling of.
pub fn suggestion<'r>(rules: &'r Rules, question: &str, provider: Option<&str>) -> Option<&'r str> {
    let mut known: Vec<&str> = Vec::new();
    let mut names: Vec<&str> = Vec::new();
    for (_, pack, _, rule) in all(rules) {
        if provider.is_none_or(|p| same(p, &pack.provider.id)) {
            let codes = [Some(&rule.code), rule.wire.as_ref(), rule.internal.as_ref()];
            known.extend(codes.into_iter().flatten().chain(&rule.aliases).map(String::as_str));
            names.extend(rule.name.as_deref());
        }
    }
    // The nearest of the first ones wins: codes before names.
    known.extend(names);
    let mut seen = HashSet::new();
    nearest(question, known.into_iter().filter(|text| seen.insert(*text)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{builtin, compile, load};

    fn loaded() -> (Rules, Catalogue) {
        let rules = load::load(builtin::files(), &[]).unwrap();
        let catalogue = compile(&rules);
        (rules, catalogue)
    }

    fn asked(question: &str, provider: Option<&str>) -> Vec<(String, By)> {
        let (rules, catalogue) = loaded();
        let found = find(&rules, &catalogue, question, provider);
        found.iter().map(|a| (format!("{}.{}", a.pack.provider.id, a.rule.id), a.by)).collect()
    }

    #[test]
    fn rule_numbers_are_those_of_the_catalogue() {
        let (rules, catalogue) = loaded();
        let ids: Vec<String> =
            all(&rules).map(|(_, p, _, r)| format!("{}.{}", p.provider.id, r.id)).collect();
        assert!(ids.iter().map(String::as_str).eq(catalogue.rules.iter().map(|r| &*r.id)));
    }

    #[test]
    fn a_code_is_found_without_case_by_every_name_it_has() {
        for question in
            ["MDRM-508", "mdrm-508", "MDRM 508", "508", "verimatrix:MDRM-508", "Verimatrix.mdrm-508"]
        {
            let found = asked(question, Some("verimatrix").filter(|_| !question.contains([':', '.'])));
            assert!(found.iter().any(|(id, _)| id == "verimatrix.MDRM-508"), "{question}: {found:?}");
        }
        assert_eq!(asked("510-4011", None).len(), 1);
        assert_eq!(asked("510/4011", None).len(), 1);
        let inner = asked("client_assertion_expired_token", None);
        assert_eq!(inner[0].1, By::Code, "{inner:?}");
    }

    #[test]
    fn a_code_of_several_providers_is_found_in_each_and_narrowed_to_one() {
        let providers = |found: Vec<(String, By)>| {
            let of = |(id, _): &(String, By)| id.split('.').next().unwrap_or_default().to_owned();
            found.iter().map(of).collect::<BTreeSet<_>>()
        };
        let all = providers(asked("access_denied", None));
        assert_eq!(all.into_iter().collect::<Vec<_>>(), ["bankid", "myinfo", "okta"]);
        assert_eq!(providers(asked("access_denied", Some("myinfo"))).len(), 1);
        assert!(asked("invalid_client", Some("okta")).iter().filter(|(_, by)| *by == By::Wire).count() > 10);
    }

    #[test]
    fn what_nobody_has_is_a_misspelling_or_fits_a_syntax() {
        let (rules, _) = loaded();
        assert!(asked("no_such_code_anywhere", None).is_empty());
        assert_eq!(suggestion(&rules, "acces_denied", None), Some("access_denied"));
        let syntax = syntaxes(&rules, "mdrm-999");
        assert_eq!(
            syntax.iter().map(|(p, _, counted)| (&*p.provider.id, *counted)).collect::<Vec<_>>(),
            [("verimatrix", true)]
        );
        assert_eq!(syntaxes(&rules, "510-99999").iter().map(|s| s.2).collect::<Vec<_>>(), [false]);
    }

    #[test]
    fn the_signs_of_a_rule_say_with_whom_they_are_shared() {
        let (rules, catalogue) = loaded();
        let id = find(&rules, &catalogue, "bankid.authorize.access_denied", None)[0].id;
        let signs = signs(&rules, &catalogue, id);
        let code = signs.iter().find(|s| s.text == "access_denied").unwrap();
        assert_eq!(code.class, Class::Shared);
        assert!(["myinfo", "okta"].iter().all(|p| code.shared_with.iter().any(|s| s == p)), "{code:?}");
    }
}
