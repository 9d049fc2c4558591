//! Literals in the views → hits: what stands where, whose it may be, and in which error position.
//!
//! A message is looked for before URLs and bare pairs are read (a text may hold `kid=…`), a token (`tokens`) in what is
//! left of the text, a conjunction (`conjunctions`) in the fields of one object. The longest message of a provider wins; a
//! code inside it is part of it.

use super::names::Field as Name;
use super::notes::Reason;
use super::noting::At;
use super::position::Position;
use super::prose;
use super::reading::Reading;
use super::spot::{FieldAt, Spot, TextAt};
use super::trace::{Silent, Trace};
use super::views::{Format, Kind as NodeKind, MASK, NodeId, Object, Text};
use crate::catalogue::compile::squeeze;
use crate::catalogue::compile::{Class, Kind, Owner, ProviderId, RuleId};
use crate::catalogue::schema::Needs;
use crate::event::Label;
use crate::matcher::{Find, Found};

/// What a hit is, finest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum What {
    /// Fields of one object that name a rule together.
    Fields,
    /// A code of the provider's own syntax.
    Numbered,
    Internal,
    Message,
    /// A code as a response carries it.
    Wire,
    Name,
}

/// Where the decision is taken: one object, or one clause of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unit {
    Object(NodeId),
    Clause(NodeId, usize),
}

#[derive(Debug, Clone)]
pub struct Own {
    pub provider: ProviderId,
    /// Empty: a code of the provider's syntax without a rule.
    pub rules: Vec<RuleId>,
    /// What the form of the field says the endpoint is.
    pub endpoints: Vec<Label>,
}

#[derive(Debug, Clone)]
pub struct Hit {
    pub what: What,
    /// The literal as it stands.
    pub text: String,
    pub owners: Vec<Own>,
    pub class: Class,
    pub position: Position,
    /// The value of an error-code field.
    pub code_field: bool,
    pub unit: Unit,
    pub node: NodeId,
    /// Where in the prose of `node`; 0 for values.
    pub at: usize,
    /// What its forms need besides is not in the record: it counts beside a unique literal of its owner only.
    pub tentative: bool,
    /// Looked for beside strong evidence only: without proof of its owner it is nothing.
    pub needs_proof: bool,
    /// Proven by a text beside it.
    pub beside: Option<ProviderId>,
    pub literal_chars: usize,
}

impl Hit {
    pub fn owned_by(&self, provider: ProviderId) -> bool {
        self.owners.iter().any(|o| o.provider == provider)
    }
}

/// A symptom that stands in the record.
#[derive(Debug)]
pub struct Sign {
    pub provider: ProviderId,
    pub symptom: usize,
    pub status: Option<u16>,
}

#[derive(Default)]
pub struct Finder<T = Silent> {
    found: Vec<Found>,
    pub hits: Vec<Hit>,
    pub signs: Vec<Sign>,
    pub trace: T,
}

impl<T: Trace> Finder<T> {
    /// All hits of a record, in the order of its nodes.
    pub fn read(&mut self, reading: &Reading<'_>, matcher: &dyn Find) {
        self.hits.clear();
        self.signs.clear();
        for node in 0..reading.views.nodes.len() {
            match &reading.views.nodes[node].kind {
                NodeKind::Object(object) => self.object(reading, node, object),
                NodeKind::Text(text) => self.text(reading, matcher, node, text),
            }
        }
    }

    /// Values of fields that are a code as a whole, and conjunctions of fields.
    fn object(&mut self, reading: &Reading<'_>, node: NodeId, object: &Object) {
        for (index, field) in object.fields.iter().enumerate() {
            let Some(span) = field.value else { continue };
            let value = trim_quotes(reading.views.slice(span));
            if let Some(conjunctions) = reading.catalogue.by_value.get(value) {
                for &c in conjunctions {
                    self.conjunction(reading, node, index, &reading.catalogue.conjunctions[c]);
                }
            }
            let why_not = match () {
                () if field.listed => Some(Reason::Listed),
                () if field.cut => Some(Reason::Cut),
                () if field.name.is(Name::NOWHERE) => Some(Reason::FieldOfNames),
                () if object.format == Format::Envelope => Some(Reason::Wrapper),
                () => None,
            };
            if let Some(why) = why_not {
                let token = || reading.catalogue.tokens.get(value);
                self.trace.see(|notes| {
                    token().into_iter().for_each(|&l| notes.dropped(reading, l, At::Field(node, index), why))
                });
                continue;
            }
            if let Some(&literal) = reading.catalogue.tokens.get(value) {
                let position = reading.field_position(node, field.name).unwrap_or(Position::Outside);
                let place = FieldAt { node, object, field: index, position, whole: true };
                self.token(reading, literal, value, Spot::Field(place));
            }
        }
    }

    fn text(&mut self, reading: &Reading<'_>, matcher: &dyn Find, node: NodeId, text: &Text) {
        let views = reading.views;
        let name = views.nodes[node].name;
        let holder = views.holder(node);
        let in_envelope =
            holder.is_some_and(|o| views.object_of(o).is_some_and(|o| o.format == Format::Envelope));
        let why_not = match () {
            () if name.is(Name::NOWHERE) => Some(Reason::FieldOfNames),
            () if text.listed => Some(Reason::Listed),
            () if in_envelope => Some(Reason::Wrapper),
            () => None,
        };
        if let Some(why) = why_not {
            self.trace.see(|notes| notes.passed_over(reading, matcher, node, text, why));
            return;
        }
        let field = holder.and_then(|o| reading.field_position(o, name));
        let in_query = holder.is_some_and(|o| views.object_of(o).is_some_and(|o| o.format == Format::Query));
        let mut found = std::mem::take(&mut self.found);
        let mut place = TextAt::new(node, text, holder, field, in_query && field.is_none());
        let messages = views.slice(text.messages);
        matcher.find(reading.catalogue, messages, &mut found);
        if !place.parameter {
            place = self.messages(reading, place, messages, &found, false);
        }
        if let Some(decoded) = text.decoded {
            let decoded = views.slice(decoded);
            matcher.find(reading.catalogue, decoded, &mut found);
            if !place.parameter {
                place = self.messages(reading, place, decoded, &found, true);
            }
        }
        let prose_text = views.slice(text.prose);
        if text.prose != text.messages || text.decoded.is_some() {
            matcher.find(reading.catalogue, prose_text, &mut found);
        }
        self.tokens(reading, &place, prose_text, &found);
        self.unknown_codes(reading, &place, prose_text, &found);
        self.found = found;
    }

    /// Messages and symptoms of one text; the longest of a provider wins.
    fn messages<'t>(
        &mut self,
        reading: &Reading<'_>,
        mut place: TextAt<'t>,
        text: &[u8],
        found: &[Found],
        decoded: bool,
    ) -> TextAt<'t> {
        let prose_text = reading.views.slice(place.text.prose);
        let literal = |f: &Found| &reading.catalogue.literals[f.literal];
        let mut longest: Vec<&Found> = found.iter().filter(|f| literal(f).kind == Kind::Message).collect();
        longest.sort_by_key(|f| {
            (std::cmp::Reverse(f.end - f.start), std::cmp::Reverse(literal(f).pattern.literal_chars()))
        });
        for f in found.iter().filter(|f| !decoded || f.end <= text.len()) {
            if let Kind::Symptom(provider, symptom) = literal(f).kind {
                self.signs.push(Sign { provider, symptom, status: literal(f).pattern.status(text, f.start) });
            }
        }
        let mut kept: Vec<&Found> = Vec::new();
        for f in longest {
            let masked =
                !decoded && prose_text.get(f.start..f.end).is_some_and(|p| p.iter().all(|b| *b == MASK));
            if masked || kept.iter().any(|k| covers(reading, k, f)) {
                let at = At::Text(place.node, text, f.start, f.end);
                self.trace.see(|notes| {
                    if !masked {
                        notes.dropped(reading, f.literal, at, Reason::Covered)
                    }
                });
                continue;
            }
            kept.push(f);
        }
        for f in kept {
            let hit = match self.message(reading, &place, text, f, found, decoded) {
                Ok(hit) => Some(hit),
                Err(why) => {
                    let at = At::Text(place.node, text, f.start, f.end);
                    self.trace.see(|notes| notes.dropped(reading, f.literal, at, why));
                    None
                }
            };
            if let Some(hit) = hit {
                let again = self
                    .hits
                    .iter()
                    .any(|h| h.node == hit.node && h.what == What::Message && h.text == hit.text);
                if !(decoded && again) {
                    let at = At::Text(place.node, text, f.start, f.end);
                    self.trace.see(|notes| notes.hit(reading, &hit, at));
                    self.hits.push(hit);
                }
                if !decoded {
                    place.keep(reading, f.start, f.end);
                }
            }
        }
        place
    }

    fn message(
        &mut self,
        reading: &Reading<'_>,
        place: &TextAt<'_>,
        text: &[u8],
        f: &Found,
        found: &[Found],
        decoded: bool,
    ) -> Result<Hit, Reason> {
        let literal = &reading.catalogue.literals[f.literal];
        let in_prose = reading.prose_position(place.node, text, f.start, f.end);
        let position = place.field.map_or(in_prose.map_err(Reason::Nowhere), Ok)?;
        let name = reading.views.nodes[place.node].name;
        let says = name.is(Name::ERROR) || name.is(Name::DETAIL) || name.is(Name::ANSWER);
        let one_word = !text.trim_ascii().iter().any(u8::is_ascii_whitespace);
        if place.holder.is_some() && !says && one_word {
            return Err(Reason::OneWord);
        }
        let behind = |code: &Found| {
            reading.catalogue.literals[code.literal].kind == Kind::Token
                && is_behind_code(text, f.start, code)
        };
        let position =
            if position == Position::Outside && found.iter().any(behind) { Position::E3 } else { position };
        let whole = place.holder.is_some()
            && text[..f.start].trim_ascii().is_empty()
            && text[f.end..].trim_ascii().is_empty();
        let mut owners: Vec<&Owner> = literal
            .owners
            .iter()
            .filter(|o| reading.meets_at(o.needs, o.provider, place.node, f.start))
            .collect();
        if owners.is_empty() {
            return Err(Reason::NeedsEvidence);
        }
        if literal.short {
            // Legal as the whole value of a field that the pack names, beside strong evidence only.
            let key = last_name(reading.views.slice(reading.views.nodes[place.node].key));
            let named = |o: &&Owner| o.places.fields.iter().any(|p| p.name == key);
            let proven = |o: &&Owner| reading.meets_at(Needs::Strong, o.provider, place.node, f.start);
            owners.retain(|o| whole && named(o) && proven(o));
            if owners.is_empty() {
                return Err(Reason::Short);
            }
        }
        let everyday = (position != Position::E3 && !whole && !prose::fills_clause(text, f.start, f.end))
            || prose::behind_status(text, f.start);
        owners.retain(|o| o.class != Class::Word || !everyday);
        let class = owners.iter().map(|o| o.class).max().ok_or(Reason::Everyday)?;
        Ok(Hit {
            what: What::Message,
            text: lossy(&text[f.start..f.end]),
            owners: owners
                .iter()
                .map(|o| Own { provider: o.provider, rules: o.rules.clone(), endpoints: Vec::new() })
                .collect(),
            class,
            position,
            code_field: false,
            unit: place.unit(reading, if decoded { 0 } else { f.start }),
            node: place.node,
            at: if decoded { 0 } else { f.start },
            beside: None,
            needs_proof: literal.short,
            tentative: false,
            literal_chars: literal.pattern.literal_chars(),
        })
    }
}

/// `[code] text` and `"code" "text"`: the text stands written behind its code.
fn is_behind_code(text: &[u8], start: usize, code: &Found) -> bool {
    if code.end >= start {
        return false;
    }
    let (before, between) = (text[..code.start].last(), &text[code.end..start]);
    let quoted = between.first() == Some(&b'"') && between.last() == Some(&b'"') && between.len() > 2;
    let bracketed = between.first() == Some(&b']') && between.len() > 1;
    let blank = |inside: &[u8]| inside.iter().all(u8::is_ascii_whitespace);
    (before == Some(&b'"') && quoted && blank(&between[1..between.len() - 1]))
        || (before == Some(&b'[') && bracketed && blank(&between[1..]))
}

/// `k` takes the place of `f`: the same provider, around it, and longer.
fn covers(reading: &Reading<'_>, k: &Found, f: &Found) -> bool {
    if f.start < k.start || k.end < f.end {
        return false;
    }
    let literals = &reading.catalogue.literals;
    let shares = literals[k.literal]
        .owners
        .iter()
        .any(|a| literals[f.literal].owners.iter().any(|b| a.provider == b.provider));
    let chars = |f: &Found| literals[f.literal].pattern.literal_chars();
    let equal = k.end - k.start == f.end - f.start && chars(k) == chars(f);
    shares && !equal
}

/// The last part of a dotted field name, without case and separators.
pub(super) fn last_name(key: &[u8]) -> String {
    squeeze(&lossy(key.rsplit(|b| *b == b'.').next().unwrap_or_default()))
}

pub(super) fn trim_quotes(value: &[u8]) -> &[u8] {
    let mut value = value.trim_ascii();
    while let [b'"' | b'\'', rest @ ..] = value {
        value = rest;
    }
    while let [rest @ .., b'"' | b'\''] = value {
        value = rest;
    }
    value
}

pub(super) fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
