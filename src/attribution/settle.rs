//! Hits of a proven provider → its code; hits that nobody proved → what stays open.
//!
//! The finest hit speaks: a numbered code, fields, a message, a wire code, a name. Its rows are narrowed by wire code,
//! endpoint and status, never to nothing; one code is a match, several are candidates. The wording of the evidence is
//! here too.

use std::collections::BTreeSet;

use super::decide::Ruling;
use super::hits::{Hit, What};
use super::notes::Reason;
use super::reading::Reading;
use super::trace::Trace;
use crate::catalogue::compile::{Class, ProviderId, RuleId};
use crate::event::{Fault, Label, Role, Verdict, reserved};

impl Reading<'_> {
    /// One code of a proven provider, or what remains.
    pub(super) fn settle(&self, provider: ProviderId, hits: &[&Hit], words: &str, rulings: &mut Vec<Ruling>) {
        let of = |what: What| hits.iter().copied().filter(move |h| h.what == what);
        let numbered: Vec<&Hit> = of(What::Numbered).collect();
        if !numbered.is_empty() {
            for hit in numbered {
                rulings.push(self.numbered(provider, hit, words));
            }
            return;
        }
        let wires: BTreeSet<&str> = of(What::Wire).map(|h| &*h.text).collect();
        let fine: Vec<&Hit> = [What::Fields, What::Internal].into_iter().flat_map(of).collect();
        if !fine.is_empty() {
            for hit in fine {
                rulings.push(self.rows(provider, hit, rules_of(hit, provider), &wires, words, true));
            }
            return;
        }
        let longest = of(What::Message).max_by_key(|h| h.literal_chars);
        if let Some(longest) = longest {
            let same = of(What::Message)
                .filter(|h| h.literal_chars == longest.literal_chars && h.text == longest.text);
            let rules: Vec<RuleId> = same.flat_map(|h| rules_of(h, provider)).collect();
            rulings.push(self.rows(provider, longest, rules, &wires, words, true));
            return;
        }
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        for hit in of(What::Wire).filter(|h| seen.insert(&h.text)) {
            rulings.push(self.wire(provider, hit, words));
        }
        if seen.is_empty() {
            for hit in of(What::Name) {
                rulings.push(self.rows(provider, hit, rules_of(hit, provider), &wires, words, true));
            }
        }
    }

    fn numbered(&self, provider: ProviderId, hit: &Hit, words: &str) -> Ruling {
        let rules = rules_of(hit, provider);
        if rules.is_empty() {
            let unknown = Some(Label::from(reserved::UNKNOWN));
            let fault = Fault {
                verdict: Verdict::Match,
                provider: Some(self.catalogue.providers[provider].id.clone()),
                code: unknown.clone(),
                wire_code: Some(hit.text.as_str().into()),
                category: unknown,
                tenant: None,
                candidates: Vec::new(),
                rule: None,
                evidence: evidence_words(words, hit, "code without a rule"),
                role: Role::Outer,
            };
            return Ruling { fault, provider: Some(provider), node: hit.node };
        }
        self.rows(provider, hit, rules, &BTreeSet::new(), words, true)
    }

    /// A wire code alone: its own label where a rule has it, else what its rows leave.
    fn wire(&self, provider: ProviderId, hit: &Hit, words: &str) -> Ruling {
        let rules = rules_of(hit, provider);
        let own = rules.iter().copied().find(|&r| *self.catalogue.rules[r].code == *hit.text);
        let by_code =
            || self.catalogue.rules.iter().position(|r| r.provider == provider && *r.code == *hit.text);
        let several = rules.iter().any(|&r| *self.catalogue.rules[r].code != *hit.text);
        let Some(label) = own.or_else(by_code).filter(|_| several) else {
            let endpoints = hit
                .owners
                .iter()
                .find(|o| o.provider == provider)
                .map(|o| o.endpoints.clone())
                .unwrap_or_default();
            let rules = self.narrow(provider, rules, &endpoints, false);
            return self.rows(provider, hit, rules, &BTreeSet::new(), words, false);
        };
        let row = &self.catalogue.rules[label];
        let rule = (rules.len() == 1 && rules[0] == label).then(|| row.id.clone());
        self.matched(
            provider,
            hit,
            row.code.clone(),
            Some(row.wire.clone().unwrap_or_else(|| row.code.clone())),
            row.category.clone(),
            rule,
            words,
        )
    }

    /// What the rows of a hit leave after narrowing.
    fn rows(
        &self,
        provider: ProviderId,
        hit: &Hit,
        rules: Vec<RuleId>,
        wires: &BTreeSet<&str>,
        words: &str,
        by_status: bool,
    ) -> Ruling {
        let all = &self.catalogue.rules;
        let with_wire: Vec<RuleId> = rules
            .iter()
            .copied()
            .filter(|&r| all[r].wire.as_deref().is_some_and(|w| wires.contains(w)))
            .collect();
        let rules = if with_wire.is_empty() { rules } else { with_wire };
        let rules = self.narrow(provider, rules, &[], by_status && hit.what == What::Message);
        let codes: BTreeSet<&Label> = rules.iter().map(|&r| &all[r].code).collect();
        if codes.len() == 1 {
            let row = &all[rules[0]];
            let rule = (rules.len() == 1).then(|| row.id.clone());
            return self.matched(
                provider,
                hit,
                row.code.clone(),
                row.wire.clone(),
                row.category.clone(),
                rule,
                words,
            );
        }
        let shared: BTreeSet<Option<&Label>> = rules.iter().map(|&r| all[r].wire.as_ref()).collect();
        if let (1, Some(Some(wire))) = (shared.len(), shared.first().copied())
            && let Some(row) = all.iter().find(|r| r.provider == provider && r.code == *wire)
        {
            return self.matched(
                provider,
                hit,
                wire.clone(),
                Some(wire.clone()),
                row.category.clone(),
                None,
                words,
            );
        }
        let candidates = rules.iter().map(|&r| self.catalogue.candidate(r)).collect();
        let id = self.catalogue.providers[provider].id.clone();
        let fault = ambiguous(Some(id), None, candidates, evidence_words(words, hit, "several rules fit"));
        Ruling { fault, provider: Some(provider), node: hit.node }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one verdict")]
    fn matched(
        &self,
        provider: ProviderId,
        hit: &Hit,
        code: Label,
        wire: Option<Label>,
        category: Label,
        rule: Option<Label>,
        words: &str,
    ) -> Ruling {
        let fault = Fault {
            verdict: Verdict::Match,
            provider: Some(self.catalogue.providers[provider].id.clone()),
            code: Some(code),
            wire_code: wire,
            category: Some(category),
            tenant: None,
            candidates: Vec::new(),
            rule,
            evidence: evidence_words(words, hit, ""),
            role: Role::Outer,
        };
        Ruling { fault, provider: Some(provider), node: hit.node }
    }

    /// By endpoint, and by status where a message left several rows; never to nothing.
    fn narrow(
        &self,
        provider: ProviderId,
        rules: Vec<RuleId>,
        endpoints: &[Label],
        by_status: bool,
    ) -> Vec<RuleId> {
        let all = &self.catalogue.rules;
        let keep = |rules: Vec<RuleId>, fits: &dyn Fn(RuleId) -> bool| -> Vec<RuleId> {
            let kept: Vec<RuleId> = rules.iter().copied().filter(|&r| fits(r)).collect();
            if rules.len() < 2 || kept.is_empty() { rules } else { kept }
        };
        let mut rules = rules;
        rules.sort_unstable();
        rules.dedup();
        if !endpoints.is_empty() {
            rules = keep(rules, &|r| all[r].endpoint.as_ref().is_some_and(|e| endpoints.contains(e)));
        }
        if rules.len() > 1
            && let Some(endpoint) = self.endpoint(provider)
        {
            rules = keep(rules, &|r| all[r].endpoint.as_ref() == Some(endpoint));
        }
        if by_status {
            rules = keep(rules, &|r| all[r].http.iter().any(|s| self.statuses.contains(s)));
        }
        rules
    }

    /// The endpoint that a word or path of the record names.
    pub(super) fn endpoint(&self, provider: ProviderId) -> Option<&Label> {
        let text = &self.record.text;
        let hints = &self.catalogue.providers[provider].endpoint_hints;
        let stands = |hint: &str| {
            memchr::memmem::find_iter(text, hint.as_bytes())
                .any(|at| !text.get(at + hint.len()).is_some_and(u8::is_ascii_alphanumeric))
        };
        hints.iter().find(|(hint, _)| stands(hint)).map(|(_, endpoint)| endpoint)
    }

    /// Hits that nobody proved: an ambiguous verdict for a shared or phrase literal, and for a word in an error-code field.
    pub(super) fn leave_open<T: Trace>(&self, open: &[&Hit], rulings: &mut Vec<Ruling>, trace: &mut T) {
        let technical = |h: &&&Hit| matches!(h.class, Class::Shared | Class::Phrase);
        let is_code = |h: &&&Hit| h.what == What::Wire && (technical(h) || h.code_field);
        let codes: Vec<&&Hit> = open.iter().filter(is_code).collect();
        let texts: BTreeSet<&str> = codes.iter().map(|h| &*h.text).collect();
        for text in &texts {
            let same: Vec<&&&Hit> = codes.iter().filter(|h| h.text == *text).collect();
            let candidates = same
                .iter()
                .flat_map(|h| h.owners.iter())
                .map(|o| format!("{}:{text}", self.catalogue.providers[o.provider].id).into())
                .collect();
            let fault = ambiguous(
                None,
                Some((*text).into()),
                candidates,
                vec![format!("{} code, no proof of a provider", class_word(same[0].class))],
            );
            rulings.push(Ruling { fault, provider: None, node: same[0].node });
        }
        let coded = !texts.is_empty() || open.iter().any(|h| h.what == What::Numbered);
        let counts = |h: &&&Hit| h.what == What::Numbered || (h.what == What::Message && !coded);
        trace.see(|notes| {
            for hit in open.iter().filter(|h| !(is_code(h) || (counts(h) && technical(h)))) {
                notes.let_go(hit, if technical(&hit) { Reason::CodeBeside } else { Reason::WordUnproven });
            }
        });
        for hit in open.iter().filter(|h| counts(h) && technical(h)) {
            let rules = hit.owners.iter().flat_map(|o| o.rules.iter());
            let candidates: Vec<Label> = rules.map(|&r| self.catalogue.candidate(r)).collect();
            let code = (hit.what == What::Numbered)
                .then(|| self.catalogue.rules[hit.owners[0].rules[0]].code.clone());
            let fault =
                ambiguous(None, code, candidates, vec![format!("{}, no proof of a provider", hit_word(hit))]);
            rulings.push(Ruling { fault, provider: None, node: hit.node });
        }
    }
}

fn rules_of(hit: &Hit, provider: ProviderId) -> Vec<RuleId> {
    hit.owners.iter().filter(|o| o.provider == provider).flat_map(|o| o.rules.iter().copied()).collect()
}

pub(super) fn ambiguous(
    provider: Option<Label>,
    code: Option<Label>,
    mut candidates: Vec<Label>,
    evidence: Vec<String>,
) -> Fault {
    candidates.sort();
    candidates.dedup();
    Fault {
        verdict: Verdict::Ambiguous,
        provider,
        wire_code: code.clone(),
        code,
        category: None,
        tenant: None,
        candidates,
        rule: None,
        evidence,
        role: Role::Outer,
    }
}

fn class_word(class: Class) -> &'static str {
    match class {
        Class::Unique => "unique",
        Class::Shared => "shared",
        Class::Phrase => "common",
        Class::Word => "everyday",
    }
}

fn hit_word(hit: &Hit) -> String {
    let what = match hit.what {
        What::Fields => "fields",
        What::Message => "description",
        What::Name => "name",
        What::Numbered | What::Internal | What::Wire => "code",
    };
    format!("{} {what}", class_word(hit.class))
}

pub(super) fn unique_words(hit: &Hit) -> String {
    if hit.class == Class::Unique { hit_word(hit) } else { "unique text in the same place".to_owned() }
}

fn evidence_words(words: &str, hit: &Hit, more: &str) -> Vec<String> {
    let mut all = vec![words.to_owned(), hit_word(hit), more.to_owned()];
    all.retain(|w| !w.is_empty());
    all.dedup();
    all
}
