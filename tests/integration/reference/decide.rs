//! Hits and evidence → verdicts: who is proven where, which code is settled, what absorbs what.

use super::Mapped;
use super::evidence::Evidence;
use super::hits::{Hit, Kind, Unit};
use super::literals::{Catalogue, Class};
use super::positions::{Places, Position};
use super::tenant;
use super::views::Views;
use super::wrappers::Unwrapped;
use faultline::catalogue::schema::{Category, Needs};
use faultline::event::{Fault, Role, Verdict, reserved};
use std::collections::{BTreeMap, BTreeSet};

/// A verdict, and the place whose tenant is meant.
struct Found {
    verdict: Verdict,
    provider: Option<usize>,
    /// Empty where no provider is proven.
    provider_id: String,
    code: Option<String>,
    wire: Option<String>,
    category: Option<String>,
    candidates: BTreeSet<String>,
    rule: Option<String>,
    view: usize,
}

/// What a hit tells of a proven provider's rules, finest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Grade {
    /// A code of the provider's own syntax.
    Numbered,
    /// Several fields together, or an internal code.
    Fine,
    Message,
    Wire,
    Name,
}

pub fn decide(
    views: &Views,
    record: &Unwrapped,
    evidence: &Evidence,
    hits: Vec<Hit>,
    catalogue: &Catalogue,
    _: &[Mapped],
) -> Vec<Fault> {
    let places = Places { views, record, catalogue };
    let unique = |hit: &Hit| hit.class == Class::Unique && hit.needs == Needs::Nothing;
    let mut judge = Judge { places: &places, evidence: evidence.clone(), catalogue, record };
    if evidence.foreign() && !evidence.beats_foreign() && !hits.iter().any(unique) {
        judge.evidence.ignore_foreign = true;
        return if judge.all(&hits).is_empty() { Vec::new() } else { vec![foreign()] };
    }
    let found = absorbed(judge.all(&hits));
    found
        .into_iter()
        .map(|found| {
            let tenant = tenant::of(&places, evidence, found.view, found.provider);
            let label = |text: &String| text.as_str().into();
            Fault {
                verdict: found.verdict,
                provider: found.provider.map(|provider| label(&catalogue.providers[provider])),
                code: found.code.as_ref().map(label),
                wire_code: found.wire.as_ref().map(label),
                category: found.category.as_ref().map(label),
                tenant: tenant.as_ref().map(label),
                candidates: found.candidates.iter().map(label).collect(),
                rule: found.rule.as_ref().map(label),
                evidence: Vec::new(),
                role: Role::Outer,
            }
        })
        .collect()
}

fn foreign() -> Fault {
    Fault {
        verdict: Verdict::Foreign,
        provider: None,
        code: None,
        wire_code: None,
        category: None,
        tenant: None,
        candidates: Vec::new(),
        rule: None,
        evidence: Vec::new(),
        role: Role::Outer,
    }
}

struct Judge<'a> {
    places: &'a Places<'a>,
    evidence: Evidence,
    catalogue: &'a Catalogue,
    record: &'a Unwrapped,
}

impl Judge<'_> {
    fn all(&self, hits: &[Hit]) -> Vec<Found> {
        let mut units: BTreeMap<Unit, Vec<(&Hit, Option<usize>)>> = BTreeMap::new();
        for hit in hits {
            let same = |other: &&Hit| {
                other.unit == hit.unit && other.literal == hit.literal && other.is_code == hit.is_code
            };
            let owners: BTreeSet<usize> = hits.iter().filter(same).map(|other| other.provider).collect();
            let proof = self.evidence.proof(self.places, hit, &owners);
            if Evidence::satisfies(hit, proof) {
                units.entry(hit.unit).or_default().push((hit, proof.map(|(provider, _)| provider)));
            }
        }
        units.into_values().flat_map(|unit| self.unit(&unit)).collect()
    }

    /// One object or clause.
    fn unit(&self, hits: &[(&Hit, Option<usize>)]) -> Vec<Found> {
        let decisive: BTreeSet<usize> =
            hits.iter().filter(|(hit, _)| decides(hit)).map(|(hit, _)| hit.provider).collect();
        let owners = |of: &Hit| -> BTreeSet<usize> {
            hits.iter()
                .filter(|(hit, _)| hit.literal == of.literal && hit.is_code == of.is_code)
                .map(|(hit, _)| hit.provider)
                .collect()
        };
        let (mut groups, mut loose) = (BTreeMap::<usize, Vec<&Hit>>::new(), Vec::new());
        for (hit, proof) in hits {
            let only = decisive.first().filter(|only| decisive.len() == 1 && owners(hit).contains(only));
            let proven = match only {
                Some(only) => *only == hit.provider,
                None => decides(hit) || *proof == Some(hit.provider),
            };
            if proven {
                groups.entry(hit.provider).or_default().push(hit);
            } else {
                loose.push(*hit);
            }
        }
        loose.retain(|hit| !owners(hit).iter().any(|owner| groups.contains_key(owner)));
        let mut found: Vec<Found> =
            groups.iter().flat_map(|(provider, group)| self.proven(*provider, group)).collect();
        found.extend(self.unproven(&loose));
        found
    }

    fn proven(&self, provider: usize, hits: &[&Hit]) -> Vec<Found> {
        let symptoms: Vec<Found> = hits.iter().filter_map(|hit| self.symptom(hit)).collect();
        if !symptoms.is_empty() {
            return symptoms;
        }
        let unknown = hits.iter().filter(|hit| hit.kind == Kind::Unknown).map(|hit| Found {
            verdict: Verdict::Match,
            provider: Some(provider),
            provider_id: self.catalogue.providers[provider].clone(),
            code: Some(reserved::UNKNOWN.to_string()),
            wire: Some(hit.literal.clone()),
            category: Some(reserved::UNKNOWN.to_string()),
            candidates: BTreeSet::new(),
            rule: None,
            view: hit.view,
        });
        let mut found: Vec<Found> = unknown.collect();
        let only_numbered = !found.is_empty();
        let numbered = |hit: &&&Hit| !only_numbered || self.grade(hit) == Some(Grade::Numbered);
        found.extend(self.settle(provider, &hits.iter().filter(numbered).copied().collect::<Vec<_>>()));
        found
    }

    /// Which codes the hits of one proven provider settle: each code of its own syntax; else each rule that several
    /// fields or an internal code name; else the longest message; else each wire code; else each symbolic name.
    fn settle(&self, provider: usize, hits: &[&Hit]) -> Vec<Found> {
        let of = |grade: Grade| -> Vec<&Hit> {
            hits.iter().copied().filter(|hit| self.grade(hit) == Some(grade)).collect()
        };
        let wires: BTreeSet<&String> = of(Grade::Wire).iter().map(|hit| &hit.literal).collect();
        for grade in [Grade::Numbered, Grade::Fine] {
            let codes = self.rows_by_code(&of(grade));
            if !codes.is_empty() {
                return codes
                    .into_iter()
                    .map(|(rows, hit)| self.resolve(provider, self.wired(rows, &wires), hit, false))
                    .collect();
            }
        }
        let messages = of(Grade::Message);
        let longest = messages.iter().min_by_key(|hit| (std::cmp::Reverse(hit.weight), hit.view, hit.start));
        if let Some(longest) = longest {
            let same = messages.iter().filter(|hit| hit.literal == longest.literal);
            let rows: BTreeSet<usize> = same.flat_map(|hit| hit.rows.iter().copied()).collect();
            return vec![self.resolve(provider, self.wired(rows, &wires), longest, true)];
        }
        for grade in [Grade::Wire, Grade::Name] {
            let codes = self.rows_by_code(&of(grade));
            if !codes.is_empty() {
                return codes
                    .into_iter()
                    .map(|(rows, hit)| self.resolve(provider, rows, hit, false))
                    .collect();
            }
        }
        Vec::new()
    }

    /// Those of the rules whose wire code stands in the unit too, if any.
    fn wired(&self, mut rows: BTreeSet<usize>, wires: &BTreeSet<&String>) -> BTreeSet<usize> {
        keep(&mut rows, |row| {
            self.catalogue.rows[*row].rule.wire.as_ref().is_some_and(|wire| wires.contains(wire))
        });
        rows
    }

    /// How fine a hit of a proven provider tells the rule.
    fn grade(&self, hit: &Hit) -> Option<Grade> {
        let packs = || self.catalogue.packs.iter().filter(|pack| pack.provider == hit.provider);
        let whole = |syntax: &regex::Regex| {
            syntax.find(&hit.literal).is_some_and(|found| found.len() == hit.literal.len())
        };
        let wire =
            || hit.rows.iter().any(|row| self.catalogue.rows[*row].rule.wire.as_ref() == Some(&hit.literal));
        match hit.kind {
            Kind::Unknown | Kind::Symptom(..) => None,
            Kind::Message => Some(Grade::Message),
            Kind::Fields if !hit.is_code => Some(Grade::Message),
            Kind::Token if !hit.is_code => Some(Grade::Name),
            Kind::Token if packs().filter_map(|pack| pack.syntax.as_ref()).any(whole) => {
                Some(Grade::Numbered)
            }
            Kind::Fields if hit.paired => Some(Grade::Fine),
            Kind::Fields | Kind::Token => Some(if wire() { Grade::Wire } else { Grade::Fine }),
        }
    }

    /// Each code on the spot with the rules it may mean: what several fields forms agree on, else what tokens say.
    fn rows_by_code<'h>(&self, hits: &[&'h Hit]) -> Vec<(BTreeSet<usize>, &'h Hit)> {
        let literals: BTreeSet<&String> = hits.iter().map(|hit| &hit.literal).collect();
        let of = |literal: &String| {
            let own: Vec<&'h Hit> = hits.iter().copied().filter(|hit| hit.literal == *literal).collect();
            let mut forms: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
            for hit in own.iter().filter(|hit| hit.kind == Kind::Fields) {
                forms.entry(hit.form).or_default().extend(&hit.rows);
            }
            let everything = |kind: Kind| -> BTreeSet<usize> {
                own.iter().filter(|hit| hit.kind == kind).flat_map(|hit| hit.rows.iter().copied()).collect()
            };
            let agreed = forms
                .into_values()
                .reduce(|all, form| all.intersection(&form).copied().collect())
                .filter(|rows| !rows.is_empty());
            let fields = everything(Kind::Fields);
            let rows = agreed.unwrap_or(if fields.is_empty() { everything(Kind::Token) } else { fields });
            (rows, own[0])
        };
        literals.into_iter().map(of).collect()
    }

    /// Narrows rules by currency, endpoint and (of a message) status, and says what is settled.
    fn resolve(&self, provider: usize, mut rows: BTreeSet<usize>, hit: &Hit, from_message: bool) -> Found {
        let rule = |row: &usize| &self.catalogue.rows[*row].rule;
        keep(&mut rows, |row| !rule(row).retired);
        if let Some(endpoint) = self.hinted_endpoint(provider) {
            keep(&mut rows, |row| rule(row).endpoint.as_deref() == Some(endpoint));
        }
        if from_message && rows.len() > 1 {
            let statuses = self.places.statuses();
            keep(&mut rows, |row| rule(row).http.iter().any(|status| statuses.contains(status)));
        }
        let codes: BTreeSet<&String> = rows.iter().map(|row| &rule(row).code).collect();
        let wires: BTreeSet<Option<&String>> = rows.iter().map(|row| rule(row).wire.as_ref()).collect();
        let wire = wires.first().filter(|_| wires.len() == 1).copied().flatten();
        let (code, category) = match (codes.first(), wire) {
            (Some(code), _) if codes.len() == 1 => {
                ((*code).clone(), rule(rows.first().expect("one code, one row")).category)
            }
            (_, Some(wire)) => {
                let named =
                    self.catalogue.rows.iter().find(|row| row.provider == provider && row.rule.code == *wire);
                (
                    wire.clone(),
                    named.map_or(rule(rows.first().expect("a wire code is of a row")).category, |row| {
                        row.rule.category
                    }),
                )
            }
            _ => return self.open(Some(provider), codes.into_iter().cloned().collect(), hit),
        };
        let settled = (rows.len() == 1)
            .then(|| rows.first().map(|row| self.catalogue.rows[*row].id(self.catalogue)))
            .flatten();
        Found {
            verdict: Verdict::Match,
            provider: Some(provider),
            provider_id: self.catalogue.providers[provider].clone(),
            wire: wire.cloned().or_else(|| hit.is_code.then(|| code.clone())),
            code: Some(code),
            category: Some(category_name(category).to_string()),
            candidates: BTreeSet::new(),
            rule: settled,
            view: hit.view,
        }
    }

    fn open(&self, provider: Option<usize>, codes: BTreeSet<String>, hit: &Hit) -> Found {
        let id = &self.catalogue.providers[provider.unwrap_or(hit.provider)];
        Found {
            verdict: Verdict::Ambiguous,
            provider,
            provider_id: provider
                .map(|provider| self.catalogue.providers[provider].clone())
                .unwrap_or_default(),
            code: None,
            wire: None,
            category: None,
            candidates: codes.iter().map(|code| format!("{id}:{code}")).collect(),
            rule: None,
            view: hit.view,
        }
    }

    /// The first hint of the provider's packs that stands in the record, no letter or digit behind it.
    fn hinted_endpoint(&self, provider: usize) -> Option<&str> {
        let text = &self.record.text;
        let stands = |hint: &str| {
            text.match_indices(hint)
                .any(|(at, _)| !text[at + hint.len()..].starts_with(|c: char| c.is_ascii_alphanumeric()))
        };
        let packs = self.catalogue.packs.iter().filter(|pack| pack.provider == provider);
        packs
            .flat_map(|pack| &pack.pack.endpoint_hints)
            .find(|hint| stands(&hint.text))
            .map(|hint| hint.endpoint.as_str())
    }

    /// What may be behind a symptom, if its conditions hold.
    fn symptom(&self, hit: &Hit) -> Option<Found> {
        let Kind::Symptom(pack, index) = hit.kind else { return None };
        let symptom = &self.catalogue.packs[pack].pack.symptoms[index];
        if !symptom.needs_text.is_empty()
            && !symptom.needs_text.iter().any(|text| self.record.text.contains(text.as_str()))
        {
            return None;
        }
        let candidates = &symptom.candidates;
        let status = self.catalogue.packs[pack].symptoms[index].status_in(&hit.literal);
        let endpoint = candidates
            .endpoint
            .as_deref()
            .map(|endpoint| self.hinted_endpoint(hit.provider).unwrap_or(endpoint));
        let fits = |row: &&super::literals::Row| {
            let rule = &row.rule;
            let http = candidates.http.as_deref().is_none_or(|http| match http {
                "{http}" => status.is_some_and(|status| rule.http.contains(&status)),
                fixed => fixed.parse().is_ok_and(|status: u16| rule.http.contains(&status)),
            });
            let listed = candidates.codes.is_empty() || candidates.codes.contains(&rule.code);
            row.provider == hit.provider
                && !rule.retired
                && http
                && listed
                && endpoint.is_none_or(|endpoint| rule.endpoint.as_deref() == Some(endpoint))
        };
        let codes: BTreeSet<String> =
            self.catalogue.rows.iter().filter(fits).map(|row| row.rule.code.clone()).collect();
        (!codes.is_empty()).then(|| self.open(Some(hit.provider), codes, hit))
    }

    /// Hits whose owner nothing proves: a code with all its owners, or else the messages.
    fn unproven(&self, hits: &[&Hit]) -> Vec<Found> {
        let speaks = |hit: &&&Hit| match hit.class {
            Class::Shared | Class::Phrase => matches!(hit.kind, Kind::Token | Kind::Fields | Kind::Message),
            Class::Word => {
                hit.is_code
                    && hit.whole
                    && matches!(hit.position, Position::Field { code_field: true, .. })
                    && matches!(hit.kind, Kind::Token | Kind::Fields)
            }
            Class::Unique => false,
        };
        let speaking: Vec<&Hit> =
            hits.iter().filter(speaks).filter(|hit| hit.needs != Needs::Strong).copied().collect();
        let codes: BTreeSet<&String> =
            speaking.iter().filter(|hit| hit.is_code).map(|hit| &hit.literal).collect();
        if codes.is_empty() {
            let messages = speaking.iter().filter(|hit| !hit.is_code);
            return messages.map(|hit| self.open_of(&[hit])).collect();
        }
        codes
            .into_iter()
            .map(|code| {
                let own: Vec<&Hit> =
                    speaking.iter().filter(|hit| hit.is_code && hit.literal == *code).copied().collect();
                self.open_of(&own)
            })
            .collect()
    }

    /// Ambiguous between the owners of one literal. A code is not made finer by what stands beside it: that would need
    /// its owner.
    fn open_of(&self, hits: &[&Hit]) -> Found {
        let providers: BTreeSet<usize> = hits.iter().map(|hit| hit.provider).collect();
        let mut found = self.open(None, BTreeSet::new(), hits[0]);
        let mut labels = BTreeSet::new();
        for provider in providers {
            let mut rows: BTreeSet<usize> = hits
                .iter()
                .filter(|hit| hit.provider == provider)
                .flat_map(|hit| hit.rows.iter().copied())
                .collect();
            let id = &self.catalogue.providers[provider];
            if !hits[0].is_code {
                keep(&mut rows, |row| !self.catalogue.rows[*row].rule.retired);
                found
                    .candidates
                    .extend(rows.iter().map(|row| format!("{id}:{}", self.catalogue.rows[*row].rule.code)));
                continue;
            }
            let one = self.resolve(provider, rows, hits[0], false);
            labels.extend(one.code.clone());
            found.candidates.extend(one.code.iter().map(|code| format!("{id}:{code}")).chain(one.candidates));
        }
        if hits[0].is_code {
            found.code = labels.into_iter().next();
            found.wire = found.code.clone();
        }
        found
    }
}

/// Proves its owner by itself.
fn decides(hit: &Hit) -> bool {
    hit.decisive || (hit.class == Class::Unique && !matches!(hit.kind, Kind::Symptom(..)))
}

/// Keeps what fits, unless nothing does.
fn keep(rows: &mut BTreeSet<usize>, fits: impl Fn(&usize) -> bool) {
    if rows.iter().any(&fits) {
        rows.retain(fits);
    }
}

/// The same thing twice, and coarser readings of what stands finer in the record.
fn absorbed(found: Vec<Found>) -> Vec<Found> {
    let gone = |index: usize| {
        found.iter().enumerate().any(|(other, finer)| {
            other != index
                && absorbs(finer, &found[index])
                && !(absorbs(&found[index], finer) && index < other)
        })
    };
    let gone: Vec<bool> = (0..found.len()).map(gone).collect();
    found.into_iter().zip(gone).filter(|(_, gone)| !gone).map(|(found, _)| found).collect()
}

fn absorbs(finer: &Found, coarser: &Found) -> bool {
    match (finer.verdict, coarser.verdict) {
        (Verdict::Match, Verdict::Match) => {
            let same = finer.code == coarser.code
                && (finer.code.as_deref() != Some(reserved::UNKNOWN) || finer.wire == coarser.wire);
            let wire = coarser.code == coarser.wire && finer.wire == coarser.code;
            finer.provider == coarser.provider
                && ((same && (finer.rule.is_some() || coarser.rule.is_none())) || (!same && wire))
        }
        (Verdict::Match, Verdict::Ambiguous) => coarser.candidates.iter().any(|candidate| {
            [&finer.code, &finer.wire].iter().any(|code| {
                code.as_ref().is_some_and(|code| *candidate == format!("{}:{code}", finer.provider_id))
            })
        }),
        (Verdict::Ambiguous, Verdict::Ambiguous) => finer.candidates.is_subset(&coarser.candidates),
        _ => false,
    }
}

fn category_name(category: Category) -> &'static str {
    match category {
        Category::Request => "request",
        Category::Authentication => "authentication",
        Category::Authorization => "authorization",
        Category::UserAction => "user_action",
        Category::Token => "token",
        Category::KeyMaterial => "key_material",
        Category::Crypto => "crypto",
        Category::Resource => "resource",
        Category::Configuration => "configuration",
        Category::RateLimit => "rate_limit",
        Category::Service => "service",
        Category::Internal => "internal",
    }
}
