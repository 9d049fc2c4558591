//! Hits and evidence → verdicts: who is proven, which code is settled, what stays open.
//!
//! For each object or clause: the nearest evidence wins and a tie proves nobody; symptoms beat rules; rows are narrowed
//! by wire code, endpoint, and status; a coarser reading of the same error is absorbed by a finer one. Section 5 of the
//! attribution rules.

use std::collections::{BTreeMap, BTreeSet};

use super::evidence::{self, Evidence, Strength};
use super::hits::{Hit, Sign, Unit, What};
use super::names::Field as Name;
use super::reading::Reading;
use super::views::{Format, NodeId};
use crate::catalogue::compile::{Class, ProviderId, RuleId};
use crate::catalogue::schema::Needs;
use crate::event::{Fault, Label, Role, Verdict, reserved};

/// A verdict, and where in the record it was reached.
pub struct Ruling {
    pub fault: Fault,
    pub provider: Option<ProviderId>,
    pub node: NodeId,
}

/// The nearest name before a hit.
struct Left {
    node: NodeId,
    at: usize,
    names: Vec<ProviderId>,
}

/// Who else may have said it: a mark of somebody not loaded beats every identity.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rival {
    Nobody,
    Foreign,
}

/// What proves a hit's owner.
enum Proof {
    By(ProviderId, String),
    /// Somebody else's identity, or a tie: farther evidence is hidden.
    Nobody,
}

impl Reading<'_> {
    /// All verdicts of the record, in the order of its text.
    pub fn decide(&self, mut hits: Vec<Hit>, signs: &[Sign]) -> Vec<Ruling> {
        hits.retain(|h| h.position != super::position::Position::Outside || self.counts_outside(h));
        drop_tentative(&mut hits);
        let mut rulings = self.symptoms(signs, &mut hits);
        if hits.is_empty() && rulings.is_empty() {
            return rulings;
        }
        let masked = rulings.len();
        let mut units: BTreeMap<Unit, Vec<Hit>> = BTreeMap::new();
        for hit in &hits {
            units.entry(hit.unit).or_default().push(hit.clone());
        }
        for hits in units.values() {
            self.unit(hits, Rival::Nobody, &mut rulings);
        }
        let decisive = self.evidence.iter().any(|e| matches!(e.strength, Strength::Host | Strength::Shape))
            || hits.iter().any(|h| h.class == Class::Unique);
        if !self.foreign.is_empty() && rulings.len() > masked {
            if !decisive && masked == 0 {
                return vec![self.foreign_ruling(&hits)];
            }
            // Somebody of ours is proven somewhere in the record, but no identity beats the foreign mark.
            rulings.truncate(masked);
            for hits in units.values() {
                self.unit(hits, Rival::Foreign, &mut rulings);
            }
        }
        let mut rulings = absorb(rulings);
        mark_causes(self, &mut rulings);
        rulings
    }

    /// A unique token counts outside error positions too.
    fn counts_outside(&self, hit: &Hit) -> bool {
        hit.class == Class::Unique && matches!(hit.what, What::Numbered | What::Wire)
    }

    fn symptoms(&self, signs: &[Sign], hits: &mut Vec<Hit>) -> Vec<Ruling> {
        let mut rulings: Vec<Ruling> = Vec::new();
        for sign in signs {
            let provider = &self.catalogue.providers[sign.provider];
            let symptom = &provider.symptoms[sign.symptom];
            let named = symptom.needs_text.is_empty()
                || symptom
                    .needs_text
                    .iter()
                    .any(|t| memchr::memmem::find(&self.record.text, t.as_bytes()).is_some());
            let settled = hits.iter().any(|h| h.class == Class::Unique && h.owned_by(sign.provider));
            if !named
                || !self.meets(Needs::Identity, sign.provider)
                || !self.meets(symptom.needs, sign.provider)
                || settled
            {
                continue;
            }
            let candidates = self.symptom_candidates(sign);
            if !candidates.is_empty() {
                let evidence = vec![format!("symptom {}", symptom.id)];
                rulings.push(Ruling {
                    fault: ambiguous(Some(provider.id.clone()), None, candidates, evidence),
                    provider: Some(sign.provider),
                    node: 0,
                });
            }
        }
        for ruling in &rulings {
            hits.retain(|h| !ruling.provider.is_some_and(|p| h.owned_by(p)));
        }
        rulings
    }

    fn symptom_candidates(&self, sign: &Sign) -> Vec<Label> {
        let catalogue = self.catalogue;
        let provider = &catalogue.providers[sign.provider];
        let wanted = &provider.symptoms[sign.symptom].candidates;
        let endpoint = self
            .endpoint(sign.provider)
            .map(|e| e.to_string())
            .filter(|_| wanted.endpoint.is_some())
            .or_else(|| wanted.endpoint.clone());
        let status = wanted
            .http
            .as_ref()
            .and_then(|h| h.parse().ok())
            .or(sign.status.filter(|_| wanted.http.is_some()));
        let fits = |rule: &&crate::catalogue::compile::Rule| {
            rule.provider == sign.provider
                && (wanted.codes.is_empty() || wanted.codes.iter().any(|c| **c == *rule.code))
                && endpoint.as_ref().is_none_or(|e| rule.endpoint.as_deref() == Some(e))
                && (wanted.http.is_none() || status.is_some_and(|s| rule.http.contains(&s)))
        };
        catalogue.rules.iter().filter(fits).map(|r| format!("{}:{}", provider.id, r.code).into()).collect()
    }

    /// The hits of one object or clause: a verdict for each proven provider, then what is left open.
    fn unit(&self, hits: &[Hit], rival: Rival, rulings: &mut Vec<Ruling>) {
        let decisive: BTreeSet<ProviderId> = hits
            .iter()
            .filter(|h| h.class == Class::Unique && h.owners.len() == 1)
            .map(|h| h.owners[0].provider)
            .collect();
        let mut proven: BTreeMap<ProviderId, (Vec<&Hit>, String)> = BTreeMap::new();
        let mut open: Vec<&Hit> = Vec::new();
        for hit in hits {
            match self.prove(hit, &decisive, rival) {
                Proof::By(provider, words) => {
                    proven.entry(provider).or_insert_with(|| (Vec::new(), words)).0.push(hit)
                }
                Proof::Nobody => open.push(hit),
            }
        }
        for (&provider, (hits, words)) in &proven {
            self.settle(provider, hits, words, rulings);
        }
        open.retain(|h| !h.needs_proof && !h.owners.iter().any(|o| proven.contains_key(&o.provider)));
        self.leave_open(&open, rulings);
    }

    fn prove(&self, hit: &Hit, decisive: &BTreeSet<ProviderId>, rival: Rival) -> Proof {
        if let [one] = *decisive.iter().copied().collect::<Vec<_>>()
            && hit.owned_by(one)
        {
            return Proof::By(one, unique_words(hit));
        }
        if let Some(provider) = hit.beside {
            return Proof::By(provider, "name beside the code".to_owned());
        }
        let proof = self.nearest(hit, rival);
        match proof {
            Proof::Nobody if hit.class == Class::Unique => {
                Proof::By(hit.owners[0].provider, unique_words(hit))
            }
            proof => proof,
        }
    }

    /// The nearest evidence: own object or clause, what encloses it, the record.
    fn nearest(&self, hit: &Hit, rival: Rival) -> Proof {
        let name = self.name_to_the_left(hit.node, hit.at);
        for node in self.views.up(hit.node) {
            if let Some(left) = name.as_ref().filter(|left| left.node == node) {
                return self.name_or_host(hit, left, rival);
            }
            let around = self.nodes_of_level(node);
            let speaks = |e: &&Evidence| {
                e.node == Some(node)
                    || (e.node.is_some_and(|n| around.contains(&n))
                        && !e.local
                        && e.strength != Strength::Shape)
            };
            let level: Vec<&Evidence> = self.evidence.iter().filter(speaks).collect();
            if !level.is_empty() {
                return weigh(hit, &level, rival);
            }
        }
        // A shape never speaks for a sibling, a bare `name` only for what is below it.
        let record: Vec<&Evidence> =
            self.evidence.iter().filter(|e| e.strength != Strength::Shape && !e.local).collect();
        weigh(hit, &record, rival)
    }

    /// In the hit's clause a host beats the name before the code, then the name decides; in the rest of the text as well.
    fn name_or_host(&self, hit: &Hit, left: &Left, rival: Rival) -> Proof {
        let node = left.node;
        let at = self
            .views
            .up(hit.node)
            .take_while(|n| *n != node)
            .last()
            .map_or(hit.at, |below| self.views.nodes[below].at);
        let hosts: Vec<&Evidence> = self
            .evidence
            .iter()
            .filter(|e| e.node == Some(node) && e.strength == Strength::Host && hit.owned_by(e.provider))
            .collect();
        let near: Vec<&Evidence> =
            hosts.iter().copied().filter(|e| self.same_clause(node, e.at, at)).collect();
        if !near.is_empty() {
            return weigh(hit, &near, rival);
        }
        if !self.same_clause(node, left.at, at) {
            // Somebody else's host in the hit's own clause hides a name in a farther one.
            let other = |e: &Evidence| {
                e.node == Some(node) && e.strength == Strength::Host && self.same_clause(node, e.at, at)
            };
            if self.evidence.iter().any(other) {
                return Proof::Nobody;
            }
            if !hosts.is_empty() {
                return weigh(hit, &hosts, rival);
            }
        }
        let owners: Vec<ProviderId> = left.names.iter().copied().filter(|p| hit.owned_by(*p)).collect();
        match owners[..] {
            [one] if rival == Rival::Nobody => Proof::By(one, "name before the code".to_owned()),
            _ => Proof::Nobody,
        }
    }

    /// No `;`, `->` or line end between two places of a text.
    fn same_clause(&self, node: NodeId, one: usize, other: usize) -> bool {
        let text = self.views.text_of(node).map(|t| self.views.slice(t.prose)).unwrap_or_default();
        let between = text.get(one.min(other)..one.max(other).min(text.len())).unwrap_or_default();
        !between.iter().any(|b| matches!(b, b';' | b'\n')) && !between.windows(2).any(|w| w == b"->")
    }

    /// What a matcher needs of its provider holds: evidence anywhere in the record, or its name before the hit.
    pub fn meets_at(&self, needs: Needs, provider: ProviderId, node: NodeId, at: usize) -> bool {
        self.meets(needs, provider)
            || self.name_to_the_left(node, at).is_some_and(|left| left.names.contains(&provider))
    }

    /// A text with its pairs; an object with its plain values and the queries in them.
    fn nodes_of_level(&self, node: NodeId) -> Vec<NodeId> {
        let views = self.views;
        let format = |n: NodeId| views.object_of(n).map(|o| o.format);
        let kids = &views.nodes[node].kids;
        let mut around = vec![node];
        if views.text_of(node).is_some() {
            around.extend(kids.iter().filter(|&&k| format(k) == Some(Format::Pairs)));
            return around;
        }
        for &kid in kids.iter().filter(|&&k| views.text_of(k).is_some()) {
            around.push(kid);
            around.extend(views.nodes[kid].kids.iter().filter(|&&k| format(k) == Some(Format::Query)));
        }
        around
    }

    /// The nearest provider name to the left of the hit in prose of a failing record, and the text it stands in.
    /// No provider inside: two joined names, which prove nobody.
    fn name_to_the_left(&self, node: NodeId, at: usize) -> Option<Left> {
        let views = self.views;
        let mut at = at;
        for node in views.up(node) {
            if let Some(text) = views.text_of(node)
                && !views.nodes[node].name.is(Name::NOWHERE)
                && self.failing(node, None, 0..0)
            {
                let prose = views.slice(text.prose);
                if let Some((at, names)) = self.last_name(&prose[..at.min(prose.len())], prose) {
                    return Some(Left { node, at, names });
                }
            }
            at = views.nodes[node].at;
        }
        None
    }

    /// The last word of `text` that names a provider, and where it begins; nobody if it is joined with another name.
    fn last_name(&self, text: &[u8], whole: &[u8]) -> Option<(usize, Vec<ProviderId>)> {
        const LOOK_BACK: usize = 4096;
        let is_name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
        let floor = text.len().saturating_sub(LOOK_BACK);
        let mut end = text.len();
        while end > floor {
            if !is_name(text[end - 1]) {
                end -= 1;
                continue;
            }
            let start = end - text[..end].iter().rev().take_while(|b| is_name(**b)).count();
            let names = self.lexicon.names_in(&text[start..end]);
            let glued = |b: Option<&u8>| matches!(b, Some(b'/' | b'@' | b'\\'));
            let hidden = glued(text[..start].last())
                || glued(whole.get(end))
                || super::position::is_named(&text[..start]);
            let others = |names: &[ProviderId]| {
                evidence::joined_before(self.lexicon, &text[..start], names)
                    || evidence::joined_after(self.lexicon, &whole[end..], names)
            };
            if !names.is_empty() && hidden && others(&names) {
                return Some((start, Vec::new()));
            }
            if !names.is_empty() && !hidden {
                return Some((start, if others(&names) { Vec::new() } else { names }));
            }
            end = start;
        }
        None
    }

    /// One code of a proven provider, or what remains.
    fn settle(&self, provider: ProviderId, hits: &[&Hit], words: &str, rulings: &mut Vec<Ruling>) {
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
    fn endpoint(&self, provider: ProviderId) -> Option<&Label> {
        let text = &self.record.text;
        let hints = &self.catalogue.providers[provider].endpoint_hints;
        let stands = |hint: &str| {
            memchr::memmem::find_iter(text, hint.as_bytes())
                .any(|at| !text.get(at + hint.len()).is_some_and(u8::is_ascii_alphanumeric))
        };
        hints.iter().find(|(hint, _)| stands(hint)).map(|(_, endpoint)| endpoint)
    }

    /// Hits that nobody proved: an ambiguous verdict for a shared or phrase literal, and for a word in an error-code field.
    fn leave_open(&self, open: &[&Hit], rulings: &mut Vec<Ruling>) {
        let technical = |h: &&&Hit| matches!(h.class, Class::Shared | Class::Phrase);
        let codes: Vec<&&Hit> =
            open.iter().filter(|h| h.what == What::Wire && (technical(h) || h.code_field)).collect();
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

    fn foreign_ruling(&self, hits: &[Hit]) -> Ruling {
        let mut evidence = self.foreign.clone();
        evidence.sort();
        evidence.dedup();
        let fault = Fault {
            verdict: Verdict::Foreign,
            provider: None,
            code: None,
            wire_code: None,
            category: None,
            tenant: None,
            candidates: Vec::new(),
            rule: None,
            evidence,
            role: Role::Outer,
        };
        Ruling { fault, provider: None, node: hits.first().map_or(0, |h| h.node) }
    }
}

/// The strongest evidence of one level; owners of the hit before others; a tie proves nobody.
fn weigh(hit: &Hit, level: &[&Evidence], rival: Rival) -> Proof {
    let level: Vec<&Evidence> = level
        .iter()
        .copied()
        .filter(|e| rival == Rival::Nobody || e.strength != Strength::Identity)
        .collect();
    let Some(best) = level.iter().map(|e| e.strength).min() else { return Proof::Nobody };
    let strongest: BTreeSet<ProviderId> =
        level.iter().filter(|e| e.strength == best).map(|e| e.provider).collect();
    let owners_of = |set: &BTreeSet<ProviderId>| -> Vec<ProviderId> {
        set.iter().copied().filter(|p| hit.owned_by(*p)).collect()
    };
    let mut owners = owners_of(&strongest);
    let mut rivals = strongest;
    if owners.is_empty() {
        let any: BTreeSet<ProviderId> = level.iter().map(|e| e.provider).collect();
        owners = owners_of(&any);
        if !owners.is_empty() {
            rivals = any.into_iter().filter(|p| hit.owned_by(*p)).collect();
        }
    }
    match owners[..] {
        [one] if rivals.len() <= 1 || owners.len() == 1 => {
            let words = level.iter().find(|e| e.provider == one).map(|e| e.words.clone()).unwrap_or_default();
            Proof::By(one, words)
        }
        _ => Proof::Nobody,
    }
}

/// A hit whose form needs more than the record holds stays only where a unique literal beside it names one of its rules.
fn drop_tentative(hits: &mut Vec<Hit>) {
    let unique = |h: &&Hit| !h.tentative && h.class == Class::Unique && h.owners.len() == 1;
    let beside: Vec<(Unit, Vec<RuleId>)> =
        hits.iter().filter(unique).map(|h| (h.unit, h.owners[0].rules.clone())).collect();
    let names =
        |h: &Hit, rules: &[RuleId]| h.owners.iter().any(|o| o.rules.iter().any(|r| rules.contains(r)));
    hits.retain(|h| !h.tentative || beside.iter().any(|(unit, rules)| *unit == h.unit && names(h, rules)));
}

fn rules_of(hit: &Hit, provider: ProviderId) -> Vec<RuleId> {
    hit.owners.iter().filter(|o| o.provider == provider).flat_map(|o| o.rules.iter().copied()).collect()
}

fn ambiguous(
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

fn unique_words(hit: &Hit) -> String {
    if hit.class == Class::Unique { hit_word(hit) } else { "unique text in the same place".to_owned() }
}

fn evidence_words(words: &str, hit: &Hit, more: &str) -> Vec<String> {
    let mut all = vec![words.to_owned(), hit_word(hit), more.to_owned()];
    all.retain(|w| !w.is_empty());
    all.dedup();
    all
}

/// The same error read twice counts once: a finer match takes in the coarser ones.
fn absorb(rulings: Vec<Ruling>) -> Vec<Ruling> {
    let absorbed: Vec<bool> = (0..rulings.len())
        .map(|x| {
            (0..rulings.len()).any(|y| {
                y != x
                    && takes_in(&rulings[y].fault, &rulings[x].fault)
                    && (y < x || !takes_in(&rulings[x].fault, &rulings[y].fault))
            })
        })
        .collect();
    rulings.into_iter().zip(absorbed).filter(|(_, gone)| !gone).map(|(r, _)| r).collect()
}

/// `fine` says all that `coarse` says.
fn takes_in(fine: &Fault, coarse: &Fault) -> bool {
    match (fine.verdict, coarse.verdict) {
        (Verdict::Match, Verdict::Match) => {
            let same_code = fine.code == coarse.code;
            let wire_of_it = coarse.code == coarse.wire_code && fine.wire_code == coarse.wire_code;
            fine.provider == coarse.provider && (same_code || wire_of_it)
        }
        (Verdict::Match, Verdict::Ambiguous) => {
            let is = |code: &Option<Label>| {
                let (Some(provider), Some(code)) = (&fine.provider, code) else { return false };
                let label = format!("{provider}:{code}");
                coarse.candidates.iter().any(|c| **c == *label)
            };
            is(&fine.code) || is(&fine.wire_code)
        }
        (Verdict::Ambiguous, Verdict::Ambiguous) => {
            fine.candidates.iter().all(|c| coarse.candidates.contains(c))
        }
        _ => false,
    }
}

/// A fault below the object of another one is its cause.
fn mark_causes(reading: &Reading<'_>, rulings: &mut [Ruling]) {
    let nodes: Vec<NodeId> = rulings.iter().map(|r| r.node).collect();
    for ruling in rulings {
        let below = reading.views.up(ruling.node).skip(1).any(|n| n != 0 && nodes.contains(&n));
        ruling.fault.role = if below { Role::Cause } else { Role::Outer };
    }
}
