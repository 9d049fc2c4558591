//! Literals in the views → hits: what stands where, whose it may be, and in which error position.
//!
//! A message is looked for before URLs and bare pairs are read (a text may hold `kid=…`), a token in what is left of the
//! text, a conjunction in the fields of one object. The longest message of a provider wins; a code inside it is part of it.

use std::collections::HashMap;

use super::names::Field as Name;
use super::position::Position;
use super::prose;
use super::reading::Reading;
use super::views::{Format, Kind as NodeKind, MASK, NodeId, Object, Text};
use crate::catalogue::compile::squeeze;
use crate::catalogue::compile::{
    Class, Conjunction, Expected, Kind, LiteralId, Owner, Pair, ProviderId, Role, RuleId,
};
use crate::catalogue::schema::Needs;
use crate::event::Label;
use crate::matcher::{Find, Found, token_bounded};

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
pub struct Finder {
    found: Vec<Found>,
    pub hits: Vec<Hit>,
    pub signs: Vec<Sign>,
}

impl Finder {
    /// All hits of a record, in the order of its nodes.
    pub fn read(&mut self, reading: &Reading<'_>, matcher: &dyn Find) {
        self.hits.clear();
        self.signs.clear();
        for node in 0..reading.views.nodes.len() {
            match &reading.views.nodes[node].kind {
                NodeKind::Object(object) => self.object(reading, matcher, node, object),
                NodeKind::Text(text) => self.text(reading, matcher, node, text),
            }
        }
    }

    /// Values of fields that are a code as a whole, and conjunctions of fields.
    fn object(&mut self, reading: &Reading<'_>, matcher: &dyn Find, node: NodeId, object: &Object) {
        for (index, field) in object.fields.iter().enumerate() {
            let Some(span) = field.value else { continue };
            let value = trim_quotes(reading.views.slice(span));
            if let Some(conjunctions) = reading.catalogue.by_value.get(value) {
                for &c in conjunctions {
                    self.conjunction(reading, node, index, &reading.catalogue.conjunctions[c]);
                }
            }
            if field.listed || field.cut {
                continue;
            }
            if field.name.is(Name::NOWHERE) || object.format == Format::Envelope {
                continue;
            }
            let position = reading.field_position(node, field.name).unwrap_or(Position::Outside);
            // Numbers have no text of their own below them, so the literals are looked for here.
            let mut found = std::mem::take(&mut self.found);
            matcher.find(reading.catalogue, value, &mut found);
            for f in found.iter().filter(|f| f.start == 0 && f.end == value.len()) {
                let literal = &reading.catalogue.literals[f.literal];
                if literal.kind == Kind::Token {
                    let place = FieldAt { node, object, field: index, position, whole: true };
                    self.token(reading, f.literal, value, Spot::Field(place));
                }
            }
            self.found = found;
        }
    }

    fn conjunction(&mut self, reading: &Reading<'_>, node: NodeId, field: usize, c: &Conjunction) {
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
                }
                continue;
            }
            self.hits.push(Hit {
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
            });
        }
    }

    fn text(&mut self, reading: &Reading<'_>, matcher: &dyn Find, node: NodeId, text: &Text) {
        let views = reading.views;
        let name = views.nodes[node].name;
        let holder = views.holder(node);
        let in_envelope =
            holder.is_some_and(|o| views.object_of(o).is_some_and(|o| o.format == Format::Envelope));
        if name.is(Name::NOWHERE) || text.listed || in_envelope {
            return;
        }
        let field = holder.and_then(|o| reading.field_position(o, name));
        let in_query = holder.is_some_and(|o| views.object_of(o).is_some_and(|o| o.format == Format::Query));
        let mut found = std::mem::take(&mut self.found);
        let mut place =
            TextAt { node, text, holder, field, parameter: in_query && field.is_none(), kept: Vec::new() };
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
                continue;
            }
            kept.push(f);
        }
        for f in kept {
            if let Some(hit) = self.message(reading, &place, text, f, found, decoded) {
                let again = self
                    .hits
                    .iter()
                    .any(|h| h.node == hit.node && h.what == What::Message && h.text == hit.text);
                if !(decoded && again) {
                    self.hits.push(hit);
                }
                if !decoded {
                    place.kept.push((f.start, f.end));
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
    ) -> Option<Hit> {
        let literal = &reading.catalogue.literals[f.literal];
        let in_prose = reading.prose_position(place.node, text, f.start, f.end);
        let position = place.field.or(in_prose)?;
        let name = reading.views.nodes[place.node].name;
        let says = name.is(Name::ERROR) || name.is(Name::DETAIL) || name.is(Name::ANSWER);
        let one_word = !text.trim_ascii().iter().any(u8::is_ascii_whitespace);
        if place.holder.is_some() && !says && one_word {
            return None;
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
        if literal.short {
            // Legal as the whole value of a field that the pack names, beside strong evidence only.
            let key = last_name(reading.views.slice(reading.views.nodes[place.node].key));
            let named = |o: &&Owner| o.places.fields.iter().any(|p| p.name == key);
            let proven = |o: &&Owner| reading.meets_at(Needs::Strong, o.provider, place.node, f.start);
            owners.retain(|o| whole && named(o) && proven(o));
        }
        let everyday = (position != Position::E3 && !whole && !prose::fills_clause(text, f.start, f.end))
            || prose::behind_status(text, f.start);
        owners.retain(|o| o.class != Class::Word || !everyday);
        let class = owners.iter().map(|o| o.class).max()?;
        Some(Hit {
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

    /// Codes in running text.
    fn tokens(&mut self, reading: &Reading<'_>, place: &TextAt<'_>, text: &[u8], found: &[Found]) {
        let is_token = |f: &&Found| reading.catalogue.literals[f.literal].kind == Kind::Token;
        let lists = lists(text, found.iter().filter(is_token));
        let whole_value = place.holder.is_some().then(|| trim_quotes(text));
        for f in found.iter().filter(is_token) {
            let inside_message = place.kept.iter().any(|(a, b)| *a <= f.start && f.end <= *b);
            let cut = place.text.cut && f.end == text.len();
            let listed = lists.iter().any(|(a, b)| *a <= f.start && f.start < *b);
            // A value that is a code as a whole was judged with its field.
            let is_value = whole_value == Some(&text[f.start..f.end]);
            if inside_message || cut || listed || is_value {
                continue;
            }
            self.token(reading, f.literal, text, Spot::Prose { place, start: f.start, end: f.end });
        }
    }

    /// One token with the owners that look for it in this place.
    fn token(&mut self, reading: &Reading<'_>, id: LiteralId, text: &[u8], spot: Spot<'_, '_>) {
        let literal = &reading.catalogue.literals[id];
        let Some((position, code_field)) = spot.position(reading, text) else { return };
        let mut by_role: HashMap<(What, bool), Hit> = HashMap::new();
        for owner in &literal.owners {
            let tentative = !reading.meets_at(owner.needs, owner.provider, spot.node(), spot.at());
            let Some(endpoints) = spot.fits(reading, owner, position) else { continue };
            let what = match owner.role {
                Role::Wire => What::Wire,
                Role::Numbered => What::Numbered,
                Role::Internal => What::Internal,
                Role::Name => What::Name,
                Role::Message => continue,
            };
            let wire_too =
                literal.owners.iter().any(|o| o.provider == owner.provider && o.role == Role::Wire);
            let fills = spot.fills_clause(text);
            let everyday = owner.class == Class::Word
                && ((position != Position::E3 && !fills) || spot.behind_status(text));
            if (what == What::Internal && wire_too) || everyday {
                continue;
            }
            let hit = by_role.entry((what, tentative)).or_insert_with(|| Hit {
                tentative,
                what,
                text: lossy(literal.pattern.pieces()[0].as_ref()),
                owners: Vec::new(),
                class: owner.class,
                position,
                code_field,
                unit: spot.unit(reading),
                node: spot.node(),
                at: spot.at(),
                beside: None,
                needs_proof: false,
                literal_chars: 0,
            });
            hit.needs_proof = owner.needs != Needs::Nothing;
            hit.class = hit.class.max(owner.class);
            hit.beside =
                hit.beside.or_else(|| stands_beside(reading, owner, &spot, text).then_some(owner.provider));
            hit.owners.push(Own { provider: owner.provider, rules: owner.rules.clone(), endpoints });
        }
        let mut hits: Vec<Hit> = by_role.into_values().collect();
        hits.sort_by_key(|h| h.what);
        self.hits.extend(hits);
    }

    /// Codes of a known syntax that no rule has.
    fn unknown_codes(&mut self, reading: &Reading<'_>, place: &TextAt<'_>, text: &[u8], found: &[Found]) {
        for syntax in &reading.catalogue.syntaxes {
            if place.parameter || !reading.meets(syntax.needs, syntax.provider) {
                continue;
            }
            for code in syntax.regex.find_iter(text).take(64) {
                let (start, end) = (code.start(), code.end());
                let known = found.iter().any(|f| f.start == start && f.end == end);
                let cut = place.text.cut && end == text.len();
                if known || cut || !token_bounded(text, start, end) {
                    continue;
                }
                // A field that says nothing of an error holds a number of somebody's.
                let value =
                    place.holder.is_some() && place.field.is_none() && trim_quotes(text) == &text[start..end];
                if value {
                    continue;
                }
                let Some(in_prose) = reading.prose_position(place.node, text, start, end) else { continue };
                let position = place.field.unwrap_or(in_prose);
                if position == Position::Outside {
                    continue;
                }
                self.hits.push(Hit {
                    what: What::Numbered,
                    text: lossy(&text[start..end]),
                    owners: vec![Own { provider: syntax.provider, rules: Vec::new(), endpoints: Vec::new() }],
                    class: Class::Unique,
                    position,
                    code_field: false,
                    unit: place.unit(reading, start),
                    node: place.node,
                    at: start,
                    beside: None,
                    needs_proof: false,
                    tentative: false,
                    literal_chars: 0,
                });
            }
        }
    }
}

/// A text that is looked through.
struct TextAt<'t> {
    node: NodeId,
    text: &'t Text,
    /// The object whose field it is.
    holder: Option<NodeId>,
    /// The error position of that field.
    field: Option<Position>,
    /// The value of a query that is no error field: only unique tokens count.
    parameter: bool,
    /// Spans of messages, in which codes are not looked for again.
    kept: Vec<(usize, usize)>,
}

impl TextAt<'_> {
    /// The object of the field, or the clause of the text: clauses end at `;`, `->` and line ends.
    fn unit(&self, reading: &Reading<'_>, at: usize) -> Unit {
        if let Some(object) = self.holder {
            return Unit::Object(object);
        }
        let text = reading.views.slice(self.text.prose);
        let in_message = |i: usize| self.kept.iter().any(|(a, b)| *a <= i && i < *b);
        let ends = (0..at.min(text.len()))
            .filter(|&i| (matches!(text[i], b';' | b'\n') || text[i..].starts_with(b"->")) && !in_message(i));
        Unit::Clause(self.node, ends.count())
    }
}

/// A field whose value is looked at as a whole.
struct FieldAt<'o> {
    node: NodeId,
    object: &'o Object,
    field: usize,
    position: Position,
    whole: bool,
}

/// Where a token stands.
enum Spot<'a, 't> {
    Field(FieldAt<'a>),
    Prose { place: &'a TextAt<'t>, start: usize, end: usize },
}

impl Spot<'_, '_> {
    /// Its error position, and whether the field is one of codes.
    fn position(&self, reading: &Reading<'_>, text: &[u8]) -> Option<(Position, bool)> {
        match self {
            Spot::Field(f) => Some((f.position, f.object.fields[f.field].name.is(Name::CODE))),
            Spot::Prose { place, start, end } => {
                let in_prose = reading.prose_position(place.node, text, *start, *end)?;
                if place.parameter {
                    return Some((Position::Outside, false));
                }
                Some((
                    if in_prose == Position::Outside { place.field.unwrap_or(in_prose) } else { in_prose },
                    false,
                ))
            }
        }
    }

    /// Whether the owner's forms look here; with the endpoints that the form of a field names.
    fn fits(&self, reading: &Reading<'_>, owner: &Owner, position: Position) -> Option<Vec<Label>> {
        let places = &owner.places;
        if position == Position::Outside {
            return (places.anywhere && owner.class == Class::Unique).then(Vec::new);
        }
        if let Spot::Field(f) = self {
            let field = &f.object.fields[f.field];
            let key = last_name(reading.views.slice(field.key));
            let query = f.object.format == Format::Query;
            let fitting = places.fields.iter().filter(|p| p.name == key && (query || !p.query_only));
            let best = fitting.clone().find(|p| p.query_only).or_else(|| fitting.clone().next());
            if let Some(place) = best {
                return Some(place.endpoints.clone());
            }
        }
        places.prose.then(Vec::new)
    }

    /// `403 Forbidden`
    fn behind_status(&self, text: &[u8]) -> bool {
        matches!(self, Spot::Prose { start, .. } if prose::behind_status(text, *start))
    }

    fn fills_clause(&self, text: &[u8]) -> bool {
        match self {
            Spot::Field(f) => f.whole,
            Spot::Prose { start, end, .. } => prose::fills_clause(text, *start, *end),
        }
    }

    fn unit(&self, reading: &Reading<'_>) -> Unit {
        match self {
            Spot::Field(f) => Unit::Object(f.node),
            Spot::Prose { place, start, .. } => place.unit(reading, *start),
        }
    }

    fn node(&self) -> NodeId {
        match self {
            Spot::Field(f) => f.node,
            Spot::Prose { place, .. } => place.node,
        }
    }

    fn at(&self) -> usize {
        match self {
            Spot::Field(_) => 0,
            Spot::Prose { start, .. } => *start,
        }
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
    let literals = &reading.catalogue.literals;
    let shares = literals[k.literal]
        .owners
        .iter()
        .any(|a| literals[f.literal].owners.iter().any(|b| a.provider == b.provider));
    let chars = |f: &Found| literals[f.literal].pattern.literal_chars();
    let equal = k.end - k.start == f.end - f.start && chars(k) == chars(f);
    shares && k.start <= f.start && f.end <= k.end && !equal
}

/// Codes that make a list.
const CODES_MIN: usize = 3;

/// Spans of three or more codes with nothing but list marks between them, or between the same brackets and commas.
fn lists<'f>(text: &[u8], tokens: impl Iterator<Item = &'f Found>) -> Vec<(usize, usize)> {
    let mut all = Vec::new();
    let mut lists = Vec::new();
    let mut run: Vec<(usize, usize)> = Vec::new();
    let mut close = |run: &mut Vec<(usize, usize)>| {
        if run.len() >= CODES_MIN {
            lists.push((run[0].0, run[run.len() - 1].1));
        }
        run.clear();
    };
    for f in tokens {
        all.push((f.start, f.end));
        match run.last() {
            Some(&(start, end)) if f.start < end => {
                // A longer code at the same place.
                if f.start == start && f.end > end {
                    let last = run.len() - 1;
                    run[last].1 = f.end;
                }
                continue;
            }
            Some(&(_, end)) if !prose::is_list_gap(&text[end..f.start]) => close(&mut run),
            _ => {}
        }
        run.push((f.start, f.end));
    }
    close(&mut run);
    lists.extend(bracketed(text, &all));
    lists
}

/// `[a, b, more words, c]`: brackets around three or more codes.
fn bracketed(text: &[u8], tokens: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let mut lists: Vec<(usize, usize, usize)> = Vec::new();
    for &(start, end) in tokens {
        let open = text[..start].iter().rposition(|b| matches!(b, b'[' | b']')).filter(|&i| text[i] == b'[');
        match (open, lists.last_mut()) {
            (Some(open), Some(last)) if last.0 == open && text[last.1..start].contains(&b',') => {
                last.1 = end;
                last.2 += 1;
            }
            (Some(open), _) => lists.push((open, end, 1)),
            (None, _) => {}
        }
    }
    lists.into_iter().filter(|(_, _, codes)| *codes >= CODES_MIN).map(|(open, end, _)| (open, end)).collect()
}

/// A text that proves the owner stands near the token, or is the value of a field of the same object.
fn stands_beside(reading: &Reading<'_>, owner: &Owner, spot: &Spot<'_, '_>, text: &[u8]) -> bool {
    const BEFORE: usize = 40;
    const AFTER: usize = 60;
    let in_object = |object: NodeId, word: &[u8]| {
        let fields = reading.views.object_of(object).map(|o| &o.fields[..]).unwrap_or_default();
        fields.iter().any(|f| f.value.is_some_and(|v| reading.views.slice(v) == word))
    };
    owner.beside.iter().any(|word| {
        let word = word.as_bytes();
        match spot {
            Spot::Field(f) => in_object(f.node, word),
            Spot::Prose { place, start, end } => {
                let near = prose::clause_around(text, *start, *end, BEFORE, AFTER);
                let bounded = |at: usize| {
                    let free = |b: Option<&u8>| !b.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
                    free(at.checked_sub(1).and_then(|i| near.get(i))) && free(near.get(at + word.len()))
                };
                memchr::memmem::find_iter(near, word).any(bounded)
                    || place.holder.is_some_and(|o| in_object(o, word))
            }
        }
    })
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

/// The last part of a dotted field name, without case and separators.
fn last_name(key: &[u8]) -> String {
    squeeze(&lossy(key.rsplit(|b| *b == b'.').next().unwrap_or_default()))
}

fn trim_quotes(value: &[u8]) -> &[u8] {
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
