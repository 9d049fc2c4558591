//! Conjunctions of fields → hits: values that name a rule when they stand together in one object.
//!
//! The anchor's value was found by its text; here its path is followed up to the object it belongs to, and the other
//! pairs are asked for below that object. Rules that share their fields share one hit.

use super::hits::{Finder, Hit, Own, Unit, What};
use super::names::Field as Name;
use super::noting::At;
use super::position::Position;
use super::reading::Reading;
use super::trace::Trace;
use super::views::NodeId;
use crate::catalogue::compile::{Class, Conjunction, Expected, Pair};

impl<T: Trace> Finder<T> {
    pub(super) fn conjunction(&mut self, reading: &Reading<'_>, node: NodeId, field: usize, c: &Conjunction) {
        let anchor = &c.pairs[c.anchor];
        for path in &anchor.names {
            let Some(base) = base_of(reading, node, field, path) else { continue };
            if !reading.meets(c.needs, c.provider) || !says_error(reading, base, node, field, path) {
                continue;
            }
            let others = c.pairs.iter().enumerate().filter(|(i, _)| *i != c.anchor);
            if !others.clone().all(|(_, pair)| holds(reading, base, pair)) {
                continue;
            }
            let text = value_text(&anchor.value);
            let owner = Own { provider: c.provider, rules: vec![c.rule], endpoints: Vec::new() };
            let same = |h: &&mut Hit| {
                h.what == What::Fields
                    && h.unit == Unit::Object(base)
                    && h.text == text
                    && h.owned_by(c.provider)
            };
            if let Some(hit) = self.hits.iter_mut().find(same) {
                if !hit.owners[0].rules.contains(&c.rule) {
                    hit.owners[0].rules.push(c.rule);
                    self.trace.see(|notes| notes.more_rules(reading, hit));
                }
                continue;
            }
            let hit = Hit {
                what: What::Fields,
                text,
                owners: vec![owner],
                class: Class::Unique,
                position: Position::E1,
                code_field: true,
                unit: Unit::Object(base),
                node: base,
                at: 0,
                beside: None,
                needs_proof: false,
                tentative: false,
                literal_chars: 0,
            };
            self.trace.see(|notes| notes.hit(reading, &hit, At::Field(node, field)));
            self.hits.push(hit);
        }
    }
}

/// The object from which `path` leads to field `field` of `node`.
fn base_of(reading: &Reading<'_>, node: NodeId, field: usize, path: &[String]) -> Option<NodeId> {
    let views = reading.views;
    let key = views.slice(views.object_of(node)?.fields[field].key);
    if key == path.join(".").as_bytes() {
        return Some(node);
    }
    let (last, parents) = path.split_last()?;
    if key != last.as_bytes() {
        return None;
    }
    let mut at = node;
    for name in parents.iter().rev() {
        if views.slice(views.nodes[at].key) != name.as_bytes() {
            return None;
        }
        at = views.nodes[at].parent.filter(|&p| views.object_of(p).is_some())?;
    }
    Some(at)
}

/// A path that the pack spells out is an error position, a single field where it is one or another of its object is.
fn says_error(reading: &Reading<'_>, base: NodeId, node: NodeId, field: usize, path: &[String]) -> bool {
    let fields = |n: NodeId| reading.views.object_of(n).map(|o| &o.fields[..]).unwrap_or_default();
    let anchor = fields(node).get(field).is_some_and(|f| reading.field_position(node, f.name).is_some());
    path.len() > 1 || anchor || fields(base).iter().any(|f| f.name.is(Name::ERROR) && f.value.is_some())
}

/// One of the pair's fields stands in `base` with the expected value.
fn holds(reading: &Reading<'_>, base: NodeId, pair: &Pair) -> bool {
    pair.names
        .iter()
        .any(|path| values_at(reading, base, path).iter().any(|value| matches(&pair.value, value)))
}

fn values_at<'v>(reading: &Reading<'v>, base: NodeId, path: &[String]) -> Vec<&'v [u8]> {
    let views = reading.views;
    let Some(object) = views.object_of(base) else { return Vec::new() };
    let joined = path.join(".");
    let direct = object.fields.iter().filter(|f| views.slice(f.key) == joined.as_bytes());
    let mut values: Vec<&[u8]> = direct.filter_map(|f| f.value).map(|v| views.slice(v)).collect();
    if let [first, rest @ ..] = path
        && !rest.is_empty()
    {
        let inner = views.nodes[base].kids.iter().filter(|&&k| {
            views.object_of(k).is_some() && views.slice(views.nodes[k].key) == first.as_bytes()
        });
        values.extend(inner.flat_map(|&k| values_at(reading, k, rest)));
    }
    values
}

fn matches(expected: &Expected, value: &[u8]) -> bool {
    match expected {
        Expected::Exactly(text) => value == text.as_bytes(),
        Expected::Prefix(text) => value.starts_with(text.as_bytes()),
    }
}

fn value_text(expected: &Expected) -> String {
    match expected {
        Expected::Exactly(text) | Expected::Prefix(text) => text.clone(),
    }
}
