//! Hit → its owner, or nobody: what proves whose error it is.
//!
//! A unique literal of the same place decides, then a text beside the code, then the nearest evidence: the hit's own
//! object or clause, what encloses it, the record. On the way a host in the clause beats the name before the code, and
//! the name what stands farther. A tie proves nobody.

use std::collections::BTreeSet;

use super::evidence::{Evidence, Strength};
use super::hits::Hit;
use super::names::Field as Name;
use super::reading::Reading;
use super::settle::unique_words;
use super::views::{Format, NodeId};
use super::written::{joined_after, joined_before};
use crate::catalogue::compile::{Class, ProviderId};
use crate::catalogue::schema::Needs;

/// Who else may have said it: a mark of somebody not loaded beats every identity.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rival {
    Nobody,
    Foreign,
}

/// What proves a hit's owner.
pub(super) enum Proof {
    By(ProviderId, String, Near),
    /// Somebody else's identity, or a tie: farther evidence is hidden.
    Nobody(Doubt),
}

/// How far from the hit the proof stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Near {
    /// It is the hit itself.
    Itself,
    /// A unique literal in the same object or clause.
    Unit,
    /// A text beside the code.
    Beside,
    /// The nearest name before it.
    Before,
    Clause,
    /// The same object or text.
    Own,
    /// An object or text around it.
    Around,
    /// Anywhere in the record, its wrapper or source.
    Record,
}

/// Why nobody is proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    NoEvidence,
    /// As much speaks for one owner as for another.
    Tie,
    /// The nearest evidence names somebody who does not own the hit.
    SomebodyElse,
    /// Two names joined by and, or, a comma or a slash.
    Joined,
    /// A mark of somebody not loaded beats identities.
    Foreign,
}

/// The nearest name before a hit.
struct Left {
    node: NodeId,
    at: usize,
    names: Vec<ProviderId>,
}

impl Reading<'_> {
    pub(super) fn prove(&self, hit: &Hit, decisive: &BTreeSet<ProviderId>, rival: Rival) -> Proof {
        if let [one] = *decisive.iter().copied().collect::<Vec<_>>()
            && hit.owned_by(one)
        {
            let near = if hit.class == Class::Unique { Near::Itself } else { Near::Unit };
            return Proof::By(one, unique_words(hit), near);
        }
        if let Some(provider) = hit.beside {
            return Proof::By(provider, "name beside the code".to_owned(), Near::Beside);
        }
        let proof = self.nearest(hit, rival);
        match proof {
            Proof::Nobody(_) if hit.class == Class::Unique => {
                Proof::By(hit.owners[0].provider, unique_words(hit), Near::Itself)
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
                let near = if node == hit.node { Near::Own } else { Near::Around };
                return weigh(hit, &level, rival, near);
            }
        }
        // A shape never speaks for a sibling, a bare `name` only for what is below it.
        let record: Vec<&Evidence> =
            self.evidence.iter().filter(|e| e.strength != Strength::Shape && !e.local).collect();
        weigh(hit, &record, rival, Near::Record)
    }

    /// In the hit's clause a host beats the name before the code, then the name decides; in the rest of the text as well.
    fn name_or_host(&self, hit: &Hit, left: &Left, rival: Rival) -> Proof {
        let node = left.node;
        let at = self.views.place_in(hit.node, hit.at, node);
        let hosts: Vec<&Evidence> = self
            .evidence
            .iter()
            .filter(|e| e.node == Some(node) && e.strength == Strength::Host && hit.owned_by(e.provider))
            .collect();
        let near: Vec<&Evidence> =
            hosts.iter().copied().filter(|e| self.same_clause(node, e.at, at)).collect();
        if !near.is_empty() {
            return weigh(hit, &near, rival, Near::Clause);
        }
        if !self.same_clause(node, left.at, at) {
            // Somebody else's host in the hit's own clause hides a name in a farther one.
            let other = |e: &Evidence| {
                e.node == Some(node) && e.strength == Strength::Host && self.same_clause(node, e.at, at)
            };
            if self.evidence.iter().any(other) {
                return Proof::Nobody(Doubt::SomebodyElse);
            }
            if !hosts.is_empty() {
                return weigh(hit, &hosts, rival, Near::Own);
            }
        }
        let owners: Vec<ProviderId> = left.names.iter().copied().filter(|p| hit.owned_by(*p)).collect();
        match owners[..] {
            [one] if rival == Rival::Nobody => {
                Proof::By(one, "name before the code".to_owned(), Near::Before)
            }
            _ if left.names.is_empty() => Proof::Nobody(Doubt::Joined),
            [] => Proof::Nobody(Doubt::SomebodyElse),
            [_] => Proof::Nobody(Doubt::Foreign),
            _ => Proof::Nobody(Doubt::Tie),
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
        views.up(node).find_map(|above| {
            let text = views.text_of(above).filter(|_| !views.nodes[above].name.is(Name::NOWHERE))?;
            let prose = views.slice(text.prose);
            let end = views.place_in(node, at, above).min(prose.len());
            let (at, names) = self.last_name(&prose[..end], prose)?;
            self.failing(above, None, 0..0).then_some(Left { node: above, at, names })
        })
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
                joined_before(self.lexicon, &text[..start], names)
                    || joined_after(self.lexicon, &whole[end..], names)
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
}

/// The strongest evidence of one level; owners of the hit before others; a tie proves nobody.
fn weigh(hit: &Hit, level: &[&Evidence], rival: Rival, near: Near) -> Proof {
    let silenced = !level.is_empty();
    let level: Vec<&Evidence> = level
        .iter()
        .copied()
        .filter(|e| rival == Rival::Nobody || e.strength != Strength::Identity)
        .collect();
    let Some(best) = level.iter().map(|e| e.strength).min() else {
        return Proof::Nobody(if silenced { Doubt::Foreign } else { Doubt::NoEvidence });
    };
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
            Proof::By(one, words, near)
        }
        [] => Proof::Nobody(Doubt::SomebodyElse),
        _ => Proof::Nobody(Doubt::Tie),
    }
}
