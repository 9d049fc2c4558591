//! Who was talked to: hosts, identities and shapes, each with the view it stands in, and who is proven at a place.
//!
//! The nearest place that says anything decides: own clause, own text, own object, then each enclosing text and object
//! outwards, at last the record. Inside a place a host beats an identity, an identity beats a shape; two owners of one
//! strength prove nobody. A foreign marker anywhere beats all identities.

use super::Mapped;
use super::hits::{Hit, clause};
use super::literals::Catalogue;
use super::marks::{Collector, Mark, Strength};
use super::names::names_in;
use super::positions::{NAME_OF_A_THING, Places};
use super::views::{Text, Views};
use super::wrappers::Unwrapped;
use faultline::catalogue::schema::Needs;
use regex::Regex;
use std::collections::BTreeSet;
use std::sync::LazyLock;

#[derive(Debug, Clone)]
pub struct Evidence {
    pub marks: Vec<Mark>,
    /// Tenants that an operator's mapping names, with the provider.
    pub mapped_tenants: Vec<(usize, String)>,
    /// Left out of the proofs: asks what would have come out without them.
    pub ignore_foreign: bool,
}

static WORD: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"[A-Za-z0-9_-]+").expect("valid"));
static JOINT: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?i)^\s*(?:,|/|&|,?\s*\b(?:and|or)\b)\s*$").expect("valid"));

impl Evidence {
    pub fn collect(views: &Views, record: &Unwrapped, catalogue: &Catalogue, mapping: &[Mapped]) -> Evidence {
        let collector = Collector::read(views, record, catalogue, mapping);
        Evidence { marks: collector.marks, mapped_tenants: collector.mapped_tenants, ignore_foreign: false }
    }

    /// Own hosts or shapes of loaded packs anywhere: what beats a foreign marker.
    pub fn beats_foreign(&self) -> bool {
        self.marks.iter().any(|mark| mark.provider.is_some() && mark.strength != Strength::Identity)
    }

    pub fn foreign(&self) -> bool {
        self.marks.iter().any(|mark| mark.provider.is_none())
    }

    /// Which of a literal's owners is proven where it stands, and by what.
    pub fn proof(&self, places: &Places, hit: &Hit, owners: &BTreeSet<usize>) -> Option<(usize, Strength)> {
        let (views, view) = (places.views, hit.view);
        let mut at = hit.start;
        for above in views.up(view) {
            let judged = match views.text(above) {
                Some(text) => {
                    let own = clause(text, at);
                    let in_clause = |mark: &&Mark| {
                        mark.view == Some(above)
                            && mark.strength != Strength::Shape
                            && clause(text, mark.at) == own
                    };
                    let end = if above == view { hit.end } else { at };
                    let failing = places.failing(above, at, end);
                    let name = left_name(places, above, text, at, failing);
                    let near_name = name.as_ref().filter(|name| clause(text, name.at) == own);
                    self.judge(in_clause, near_name, owners).or_else(|| {
                        let lines: Vec<usize> = text.line_objects.values().copied().collect();
                        let in_text = |mark: &&Mark| {
                            mark.view.is_some_and(|view| view == above || lines.contains(&view))
                        };
                        let in_text = |mark: &&Mark| in_text(mark) && mark.strength != Strength::Shape;
                        self.judge(in_text, name.as_ref(), owners)
                    })
                }
                None => {
                    self.judge(|mark| mark.view.is_some_and(|view| belongs(views, view, above)), None, owners)
                }
            };
            if let Some(judged) = judged {
                return judged.provider();
            }
            at = views.all[above].at;
        }
        self.judge(|mark| mark.strength != Strength::Shape && !mark.local, None, owners)?.provider()
    }

    /// What a form needs is what proves its owner where the hit stands.
    pub fn satisfies(hit: &Hit, proof: Option<(usize, Strength)>) -> bool {
        match (hit.needs, proof) {
            (Needs::Nothing, _) => true,
            (Needs::Identity, Some((proven, strength))) => {
                proven == hit.provider && strength != Strength::Shape
            }
            (Needs::Strong, Some((proven, _))) => proven == hit.provider,
            (_, None) => false,
        }
    }

    /// What the marks of one place say; `None` where they say nothing. Only an owner of the code can be proven: marks of
    /// others prove nobody, and hide what is farther. Beside foreign marks, wherever they stand, no identity proves.
    fn judge(
        &self,
        here: impl Fn(&&Mark) -> bool,
        name: Option<&LeftName>,
        owners: &BTreeSet<usize>,
    ) -> Option<Judged> {
        let foreign = self.foreign() && !self.ignore_foreign;
        let marks: Vec<&Mark> =
            self.marks.iter().filter(here).filter(|mark| mark.provider.is_some()).collect();
        if marks.is_empty() && name.is_none() {
            return None;
        }
        let settled = |strength: Strength| {
            let of: BTreeSet<usize> = marks
                .iter()
                .filter(|mark| mark.strength == strength)
                .filter_map(|mark| mark.provider)
                .collect();
            let mut proven = of.intersection(owners);
            match (proven.next(), proven.next()) {
                (None, _) => None,
                (Some(one), None) => Some(Judged::Proven(*one, strength)),
                _ => Some(Judged::Nobody),
            }
        };
        let shape = settled(Strength::Shape);
        if let Some(host) = settled(Strength::Host) {
            return Some(host);
        }
        if foreign {
            return Some(shape.unwrap_or(Judged::Nobody));
        }
        if let Some(name) = name {
            let mut proven = name.providers.intersection(owners);
            return Some(match (proven.next(), proven.next()) {
                (Some(one), None) => Judged::Proven(*one, Strength::Identity),
                _ => Judged::Nobody,
            });
        }
        Some(settled(Strength::Identity).or(shape).unwrap_or(Judged::Nobody))
    }
}

enum Judged {
    Proven(usize, Strength),
    Nobody,
}

impl Judged {
    fn provider(&self) -> Option<(usize, Strength)> {
        match self {
            Judged::Proven(provider, strength) => Some((*provider, *strength)),
            Judged::Nobody => None,
        }
    }
}

/// A view is the object itself, or one of the texts its fields hold.
fn belongs(views: &Views, view: usize, object: usize) -> bool {
    view == object || (views.text(view).is_some() && views.owner(view) == Some(object))
}

struct LeftName {
    at: usize,
    /// Nobody: two names joined. Several: one word that holds several names.
    providers: BTreeSet<usize>,
}

/// The nearest provider name to the left, in prose of a failing record.
fn left_name(places: &Places, view: usize, text: &Text, at: usize, failing: bool) -> Option<LeftName> {
    let above = &places.views.all[view];
    if above.below_query || above.dead || !failing {
        return None;
    }
    let prose = &text.prose[..at];
    let named: Vec<(usize, usize, BTreeSet<usize>)> = WORD
        .find_iter(prose)
        .map(|word| (word.start(), word.end(), names_in(places.catalogue, word.as_str())))
        .filter(|(_, _, providers)| !providers.is_empty())
        .collect();
    for (index, (start, end, providers)) in named.iter().enumerate().rev() {
        let earlier = index.checked_sub(1).map(|index| &named[index]);
        let joined = earlier.is_some_and(|(_, before, others)| {
            others != providers && JOINT.is_match(&prose[*before..*start])
        });
        if joined {
            return Some(LeftName { at: *start, providers: BTreeSet::new() });
        }
        let path = |c: Option<char>| c.is_some_and(|c| "/@\\".contains(c));
        let (left, right) = (&text.prose[..*start], &text.prose[*end..]);
        let dotted =
            left.strip_suffix('.').is_some_and(|left| left.ends_with(|c: char| c.is_ascii_alphanumeric()))
                || right
                    .strip_prefix('.')
                    .is_some_and(|right| right.starts_with(|c: char| c.is_ascii_alphanumeric()));
        let near = &left[left.char_indices().rev().nth(60).map_or(0, |(at, _)| at)..];
        if path(left.chars().next_back())
            || path(right.chars().next())
            || dotted
            || NAME_OF_A_THING.is_match(near)
        {
            continue;
        }
        return Some(LeftName { at: *start, providers: providers.clone() });
    }
    None
}
