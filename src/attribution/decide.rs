//! Hits and evidence → verdicts of a record: symptoms first, then each object and clause, then what counts twice.
//!
//! Symptoms beat rules. For each object or clause `prove` says whose a hit is and `settle` which code that makes; a mark
//! of somebody not loaded beats identities. At the end a coarser reading of the same error is absorbed by a finer one,
//! and a fault below another is its cause. Section 5 of the attribution rules.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::evidence::Strength;
use super::hits::{Hit, Sign, Unit, What};
use super::notes::{Reason, SignFate};
use super::position::Position;
use super::prove::{Proof, Rival};
use super::reading::Reading;
use super::settle::ambiguous;
use super::trace::Trace;
use super::views::NodeId;
use crate::catalogue::compile::{Class, ProviderId, RuleId};
use crate::catalogue::schema::Needs;
use crate::event::{Fault, Label, Role, Verdict};

/// A verdict, and where in the record it was reached.
pub struct Ruling {
    pub fault: Fault,
    pub provider: Option<ProviderId>,
    pub node: NodeId,
}

impl Reading<'_> {
    /// All verdicts of the record, in the order of its text.
    pub fn decide<T: Trace>(&self, mut hits: Vec<Hit>, signs: &[Sign], trace: &mut T) -> Vec<Ruling> {
        hits.retain(|h| {
            let stays = h.position != Position::Outside || self.counts_outside(h);
            trace.see(|notes| {
                if !stays {
                    notes.let_go(h, Reason::Outside)
                }
            });
            stays
        });
        drop_tentative(&mut hits, trace);
        let mut rulings = self.symptoms(signs, &mut hits, trace);
        if hits.is_empty() && rulings.is_empty() {
            return rulings;
        }
        let masked = rulings.len();
        let mut units: BTreeMap<Unit, Vec<Hit>> = BTreeMap::new();
        for hit in &hits {
            units.entry(hit.unit).or_default().push(hit.clone());
        }
        for hits in units.values() {
            self.unit(hits, Rival::Nobody, &mut rulings, trace);
        }
        let decisive = self.evidence.iter().any(|e| matches!(e.strength, Strength::Host | Strength::Shape))
            || hits.iter().any(|h| h.class == Class::Unique);
        if !self.foreign.is_empty() && rulings.len() > masked {
            if !decisive && masked == 0 {
                trace.see(|notes| hits.iter().for_each(|h| notes.let_go(h, Reason::Foreign)));
                return vec![self.foreign_ruling(&hits)];
            }
            // Somebody of ours is proven somewhere in the record, but no identity beats the foreign mark.
            rulings.truncate(masked);
            for hits in units.values() {
                self.unit(hits, Rival::Foreign, &mut rulings, trace);
            }
        }
        let mut rulings = absorb(rulings, trace);
        mark_causes(self, &mut rulings);
        rulings
    }

    /// A unique token counts outside error positions too.
    fn counts_outside(&self, hit: &Hit) -> bool {
        hit.class == Class::Unique && matches!(hit.what, What::Numbered | What::Wire)
    }

    fn symptoms<T: Trace>(&self, signs: &[Sign], hits: &mut Vec<Hit>, trace: &mut T) -> Vec<Ruling> {
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
            let met = self.meets(Needs::Identity, sign.provider) && self.meets(symptom.needs, sign.provider);
            let why_not = match () {
                () if !named => Some(SignFate::TextMissing),
                () if !met => Some(SignFate::NoEvidence),
                () if settled => Some(SignFate::UniqueBeside),
                () => None,
            };
            trace.see(|notes| notes.sign(self, sign, why_not.unwrap_or(SignFate::Holds)));
            if why_not.is_some() {
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
            hits.retain(|h| {
                let hidden = ruling.provider.is_some_and(|p| h.owned_by(p));
                trace.see(|notes| {
                    if hidden {
                        notes.let_go(h, Reason::Symptom)
                    }
                });
                !hidden
            });
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
    fn unit<T: Trace>(&self, hits: &[Hit], rival: Rival, rulings: &mut Vec<Ruling>, trace: &mut T) {
        let decisive: BTreeSet<ProviderId> = hits
            .iter()
            .filter(|h| h.class == Class::Unique && h.owners.len() == 1)
            .map(|h| h.owners[0].provider)
            .collect();
        let mut proven: BTreeMap<ProviderId, (Vec<&Hit>, String)> = BTreeMap::new();
        let mut open: Vec<&Hit> = Vec::new();
        for hit in hits {
            let proof = self.prove(hit, &decisive, rival);
            trace.see(|notes| notes.proof(self, hit, &proof));
            match proof {
                Proof::By(provider, words, _) => {
                    proven.entry(provider).or_insert_with(|| (Vec::new(), words)).0.push(hit)
                }
                Proof::Nobody(_) => open.push(hit),
            }
        }
        for (&provider, (hits, words)) in &proven {
            self.settle(provider, hits, words, rulings);
        }
        open.retain(|h| {
            let finer = h.owners.iter().any(|o| proven.contains_key(&o.provider));
            let why = if finer { Reason::OwnerProven } else { Reason::NeedsProof };
            trace.see(|notes| {
                if finer || h.needs_proof {
                    notes.let_go(h, why)
                }
            });
            !h.needs_proof && !finer
        });
        self.leave_open(&open, rulings, trace);
    }

    fn foreign_ruling(&self, hits: &[Hit]) -> Ruling {
        let mut evidence: Vec<String> = self.foreign.iter().map(|mark| mark.words.clone()).collect();
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

/// A hit whose form needs more than the record holds stays only where a unique literal beside it names one of its rules.
fn drop_tentative<T: Trace>(hits: &mut Vec<Hit>, trace: &mut T) {
    let unique = |h: &&Hit| !h.tentative && h.class == Class::Unique && h.owners.len() == 1;
    let beside: Vec<(Unit, Vec<RuleId>)> =
        hits.iter().filter(unique).map(|h| (h.unit, h.owners[0].rules.clone())).collect();
    let names =
        |h: &Hit, rules: &[RuleId]| h.owners.iter().any(|o| o.rules.iter().any(|r| rules.contains(r)));
    hits.retain(|h| {
        let stays = !h.tentative || beside.iter().any(|(unit, rules)| *unit == h.unit && names(h, rules));
        trace.see(|notes| {
            if !stays {
                notes.let_go(h, Reason::NeedsEvidence)
            }
        });
        stays
    });
}

/// Verdicts that may all be compared with each other.
const FEW: usize = 16;

/// The same error read twice counts once: a finer match takes in the coarser ones.
fn absorb<T: Trace>(mut rulings: Vec<Ruling>, trace: &mut T) -> Vec<Ruling> {
    // Equal verdicts of many hits first: what follows compares each with each.
    let mut seen = HashSet::new();
    if rulings.len() > FEW {
        rulings.retain(|Ruling { fault: f, .. }| {
            let candidates = f.candidates.clone();
            seen.insert((f.verdict, f.provider.clone(), f.code.clone(), f.wire_code.clone(), candidates))
        });
    }
    let absorbed: Vec<bool> = (0..rulings.len())
        .map(|x| {
            (0..rulings.len()).any(|y| {
                y != x
                    && takes_in(&rulings[y].fault, &rulings[x].fault)
                    && (y < x || !takes_in(&rulings[x].fault, &rulings[y].fault))
            })
        })
        .collect();
    trace.see(|notes| {
        rulings.iter().zip(&absorbed).filter(|(_, gone)| **gone).for_each(|(r, _)| notes.absorbed(&r.fault))
    });
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
