//! Checked rule files → [`Catalogue`]: the tables that the matcher and attribution work with.
//!
//! Packs of one provider become one provider (`providers`); every form of a pack is written out for every rule (`forms`);
//! equal texts become one literal with its owners, and the class of each (unique, shared, phrase, word) is computed here.
//! `model` is what comes out. Knows nothing of how text is scanned; `matcher` reads the literals, `attribution` the rest.
//! No provider is named in code.

mod forms;
mod model;
mod providers;

use std::collections::{HashMap, HashSet};

use super::load::Rules;
use super::pattern::Pattern;
use super::schema::{self, UnknownCodes};
use forms::applies;
use providers::{domain, extend};

pub use forms::glob_matches;
pub use model::{
    Catalogue, Class, Conjunction, Expected, FieldPlace, Foreign, Kind, Literal, LiteralId, OriginPart,
    Owner, Pair, Places, Provider, ProviderId, Role, Rule, RuleId, Symptom, Syntax, TenantOrigin,
};
pub use providers::{category_name, is_tenant, severity_name, squeeze};

/// Makes the tables. The rules are already checked: what does not compile here was refused by `load`.
pub fn compile(rules: &Rules) -> Catalogue {
    let shared = rules.shared.iter().flat_map(|l| &l.codes);
    let foreign = rules.foreign.iter().flat_map(|l| &l.codes);
    let mut builder = Builder { shared: shared.chain(foreign).cloned().collect(), ..Builder::default() };
    for pack in &rules.packs {
        builder.pack(pack);
    }
    for overlay in &rules.overlays {
        builder.overlay(overlay);
    }
    for list in &rules.foreign {
        builder.foreign(&list.evidence);
    }
    builder.out.sha256 = rules.sha256.as_str().into();
    builder.finish()
}

#[derive(Default)]
struct Builder {
    out: Catalogue,
    /// Names that prove nobody.
    shared: HashSet<String>,
    /// The pack at hand has a code syntax of its own.
    numbered: bool,
    /// (text, is message) → literal
    index: HashMap<(String, bool), LiteralId>,
}

impl Builder {
    fn pack(&mut self, pack: &schema::Pack) {
        let provider = self.provider(pack);
        self.numbered = pack.code_syntax.is_some();
        let first = self.out.rules.len();
        for rule in &pack.rules {
            self.rule(provider, rule);
        }
        for (offset, rule) in pack.rules.iter().enumerate() {
            let id = first + offset;
            for form in &pack.forms {
                if applies(form, rule) {
                    self.form(provider, id, rule, form);
                }
            }
            for form in rule.matchers.iter().flat_map(|m| &m.any) {
                self.form(provider, id, rule, form);
            }
        }
        self.symptoms(provider, pack);
        self.foreign(&pack.evidence.foreign);
        if let Some(syntax) = pack.code_syntax.as_ref().filter(|s| s.unknown == UnknownCodes::Count) {
            let regex =
                regex::bytes::Regex::new(&format!("(?-u){}", syntax.regex)).expect("checked when loaded");
            self.out.syntaxes.push(Syntax {
                provider,
                regex,
                source: syntax.regex.clone(),
                needs: syntax.needs,
            });
        }
    }

    fn symptoms(&mut self, provider: ProviderId, pack: &schema::Pack) {
        for s in &pack.symptoms {
            let index = self.out.providers[provider].symptoms.len();
            self.out.literals.push(Literal {
                pattern: Pattern::message(&s.message, false),
                kind: Kind::Symptom(provider, index),
                owners: Vec::new(),
                short: false,
            });
            self.out.providers[provider].symptoms.push(Symptom {
                id: s.id.clone(),
                needs: s.needs,
                needs_text: s.needs_text.clone(),
                candidates: s.candidates.clone(),
                why: s.why.clone(),
            });
        }
    }

    fn foreign(&mut self, evidence: &schema::ForeignEvidence) {
        let f = &mut self.out.foreign;
        extend(&mut f.hosts, evidence.hosts.iter().map(|h| domain(h)));
        extend(&mut f.loggers, evidence.loggers.iter().cloned());
        extend(&mut f.fields, evidence.fields.iter().cloned());
        f.text
            .extend(evidence.text.iter().map(|t| regex::bytes::Regex::new(t).expect("checked when loaded")));
    }

    /// Sharing over packs, and a current rule wins over a retired one.
    fn finish(mut self) -> Catalogue {
        for literal in &mut self.out.literals {
            let wire = |o: &Owner| !matches!(o.role, Role::Internal | Role::Name);
            let providers: HashSet<ProviderId> =
                literal.owners.iter().filter(|o| wire(o)).map(|o| o.provider).collect();
            for owner in &mut literal.owners {
                if providers.len() > 1 && wire(owner) {
                    owner.class = Class::Shared;
                }
                if owner.rules.iter().any(|&r| !self.out.rules[r].retired) {
                    owner.rules.retain(|&r| !self.out.rules[r].retired);
                }
            }
        }
        let tokens = self.out.literals.iter().enumerate().filter(|(_, l)| l.kind == Kind::Token);
        self.out.tokens = tokens.map(|(id, l)| (l.pattern.pieces()[0].clone(), id)).collect();
        self.out
    }
}
