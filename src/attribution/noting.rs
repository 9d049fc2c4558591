//! The judgement of one record, seen as it happens → [`Notes`]: every literal with its place and fate, all evidence.
//!
//! Called through `Trace::see` only. A literal is noted once for each place and role; what becomes of a hit later finds
//! its note again. Everything stops growing at a limit.

use super::hits::{Hit, Sign, What, lossy, trim_quotes};
use super::notes::{
    Identity, Notes, Owned, Proven, Reason, Sighting, SignFate, SignNote, TenantNote, View, Witness,
};
use super::position::{Failure, Position};
use super::prose;
use super::prove::Proof;
use super::reading::Reading;
use super::spot::Spot;
use super::tenant::Source;
use super::views::{Format, Kind, MASK, NodeId, Text, Views};
use super::wording;
use crate::catalogue::Catalogue;
use crate::catalogue::compile::{Kind as LiteralKind, LiteralId, Owner, ProviderId, RuleId};
use crate::event::{Fault, TenantRefusal};
use crate::matcher::{Find, Found, token_bounded};

const VIEWS_MAX: usize = 100;
const FIELDS_MAX: usize = 60;
const SIGHTINGS_MAX: usize = 200;
const WITNESSES_MAX: usize = 100;
const RULES_MAX: usize = 8;
/// Bytes of a text that are kept.
const TEXT_MAX: usize = 400;
const EXCERPT_EACH_SIDE: usize = 32;

/// Where a literal stands.
#[derive(Clone, Copy)]
pub(super) enum At<'t> {
    Field(NodeId, usize),
    /// Node, text that was looked through, start, end.
    Text(NodeId, &'t [u8], usize, usize),
}

impl<'t> At<'t> {
    pub(super) fn of(spot: &Spot<'_, '_>, text: &'t [u8]) -> At<'t> {
        match spot {
            Spot::Field(f) => At::Field(f.node, f.field),
            Spot::Prose { place, start, end } => At::Text(place.node, text, *start, *end),
        }
    }

    fn key(self, text: &str) -> (String, NodeId, usize) {
        match self {
            At::Field(node, _) => (text.to_owned(), node, 0),
            At::Text(node, _, start, _) => (text.to_owned(), node, start),
        }
    }
}

impl Notes {
    /// All that was read, before any code is judged.
    pub(super) fn reading(&mut self, reading: &Reading<'_>) {
        let views = reading.views;
        for node in 0..views.nodes.len() {
            match view(views, node) {
                Some(view) if self.views.len() < VIEWS_MAX => self.views.push(view),
                Some(_) => self.views_left_out += 1,
                None => {}
            }
        }
        let place = |node: Option<NodeId>| match node {
            Some(node) => match wording::place(views, node, None) {
                place if place.is_empty() => "an object of the record".to_owned(),
                place => place,
            },
            None => "the wrapper or the source".to_owned(),
        };
        for e in reading.evidence.iter().take(WITNESSES_MAX) {
            let witness = Witness {
                provider: reading.catalogue.providers[e.provider].id.clone(),
                strength: e.strength,
                words: shown(e.words.as_bytes()),
                place: place(e.node),
                local: e.local,
            };
            let known = self.witnesses.iter().any(|w| {
                (&w.provider, &w.words, &w.place) == (&witness.provider, &witness.words, &witness.place)
            });
            self.witnesses.extend((!known).then_some(witness));
        }
        for mark in reading.foreign.iter().take(WITNESSES_MAX) {
            let mark = (shown(mark.words.as_bytes()), place(Some(mark.node)));
            if !self.foreign.contains(&mark) {
                self.foreign.push(mark);
            }
        }
        for named in reading.named.iter().flatten() {
            let known = self.identities.iter().any(|i| i.key == named.key && i.value == named.value);
            let identity = Identity { key: named.key.clone(), value: named.value.clone() };
            self.identities.extend((!known).then_some(identity));
        }
        self.statuses = reading.statuses.clone();
        self.statuses.sort_unstable();
        self.statuses.dedup();
        for (id, provider) in reading.catalogue.providers.iter().enumerate() {
            let endpoint = reading.endpoint(id);
            self.endpoints.extend(endpoint.map(|e| (provider.id.clone(), e.clone())));
        }
    }

    /// A literal that became a hit.
    pub(super) fn hit(&mut self, reading: &Reading<'_>, hit: &Hit, at: At<'_>) {
        let owners: Vec<(ProviderId, &[RuleId])> =
            hit.owners.iter().map(|o| (o.provider, &o.rules[..])).collect();
        self.sight(
            reading.views,
            Sighting {
                what: Some(hit.what),
                class: Some(hit.class),
                owners: owned(reading.catalogue, owners),
                position: Some(hit.position),
                failure: failure(reading, at, hit.position),
                key: (hit.text.clone(), hit.node, hit.at),
                ..sighting(&hit.text)
            },
            at,
        );
    }

    /// Further rules that the same fields name.
    pub(super) fn more_rules(&mut self, reading: &Reading<'_>, hit: &Hit) {
        let owners = hit.owners.iter().map(|o| (o.provider, &o.rules[..])).collect();
        if let Some(known) = self.sighting_of(hit) {
            known.owners = owned(reading.catalogue, owners);
        }
    }

    /// A literal of the packs that did not become one.
    pub(super) fn dropped(&mut self, reading: &Reading<'_>, id: LiteralId, at: At<'_>, why: Reason) {
        let literal = &reading.catalogue.literals[id];
        let text = match at {
            At::Text(_, text, start, end) => lossy(&text[start..end]),
            At::Field(..) => lossy(&literal.pattern.pieces()[0]),
        };
        let position = (why == Reason::Outside).then_some(Position::Outside);
        self.sight(
            reading.views,
            Sighting {
                class: literal.owners.iter().map(|o: &Owner| o.class).max(),
                owners: owned(
                    reading.catalogue,
                    literal.owners.iter().map(|o| (o.provider, &o.rules[..])).collect(),
                ),
                position,
                failure: position.and_then(|p| failure(reading, at, p)),
                let_go: Some(why),
                key: at.key(&text),
                ..sighting(&text)
            },
            at,
        );
    }

    /// A code of a provider's syntax that no rule has, in a place where it means nothing.
    pub(super) fn dropped_code(&mut self, reading: &Reading<'_>, p: ProviderId, at: At<'_>, why: Reason) {
        let At::Text(_, text, start, end) = at else { return };
        let text = lossy(&text[start..end]);
        let position = (why == Reason::Outside).then_some(Position::Outside);
        self.sight(
            reading.views,
            Sighting {
                what: Some(What::Numbered),
                owners: owned(reading.catalogue, vec![(p, &[])]),
                position,
                failure: position.and_then(|p| failure(reading, at, p)),
                let_go: Some(why),
                key: at.key(&text),
                ..sighting(&text)
            },
            at,
        );
    }

    /// A text in which nothing counts: what stands in it all the same.
    pub(super) fn passed_over(
        &mut self,
        reading: &Reading<'_>,
        matcher: &dyn Find,
        node: NodeId,
        text: &Text,
        why: Reason,
    ) {
        let words = reading.views.slice(text.messages);
        let mut found = Vec::new();
        matcher.find(reading.catalogue, words, &mut found);
        let value = reading.views.holder(node).is_some().then(|| trim_quotes(words));
        for f in found.iter().take(SIGHTINGS_MAX) {
            // Whole values were looked at with their field.
            if value != Some(&words[f.start..f.end]) {
                self.dropped(reading, f.literal, At::Text(node, words, f.start, f.end), why);
            }
        }
    }

    /// The hit counts for nothing by itself.
    pub(super) fn let_go(&mut self, hit: &Hit, why: Reason) {
        if let Some(sighting) = self.sighting_of(hit) {
            sighting.let_go = Some(why);
        }
    }

    pub(super) fn proof(&mut self, reading: &Reading<'_>, hit: &Hit, proof: &Proof) {
        if let Some(sighting) = self.sighting_of(hit) {
            sighting.let_go = None;
            sighting.proof = Some(match proof {
                Proof::By(provider, words, near) => Proven::By {
                    provider: reading.catalogue.providers[*provider].id.clone(),
                    words: words.clone(),
                    near: *near,
                },
                Proof::Nobody(doubt) => Proven::Nobody(*doubt),
            });
        }
    }

    pub(super) fn sign(&mut self, reading: &Reading<'_>, sign: &Sign, fate: SignFate) {
        let provider = &reading.catalogue.providers[sign.provider];
        let symptom = &provider.symptoms[sign.symptom];
        if self.signs.len() < WITNESSES_MAX {
            let (id, why) = (symptom.id.clone(), symptom.why.clone());
            self.signs.push(SignNote { provider: provider.id.clone(), id, why, fate });
        }
    }

    pub(super) fn absorbed(&mut self, fault: &Fault) {
        if self.absorbed.len() < WITNESSES_MAX && !self.absorbed.contains(fault) {
            self.absorbed.push(fault.clone());
        }
    }

    pub(super) fn tenant(&mut self, found: Option<(&Source<'_>, &str)>, allowed: Result<(), TenantRefusal>) {
        if self.tenants.len() < SIGHTINGS_MAX {
            self.tenants.push(TenantNote {
                source: found.map(|(source, _)| wording::tenant_source(source)),
                value: found.filter(|_| allowed.is_ok()).map(|(_, value)| value.to_owned()),
                refused: allowed.err(),
            });
        }
    }

    /// Literals whose letters stand in the record and that nobody noted: parts of words, and what was masked.
    pub(super) fn misses(&mut self, catalogue: &Catalogue, record: &[u8], found: &[Found]) {
        const MISSES_MAX: usize = 32;
        let mut covered = 0;
        for f in found.iter().filter(|f| catalogue.literals[f.literal].kind == LiteralKind::Token) {
            let text = lossy(&record[f.start..f.end]);
            let whole = token_bounded(record, f.start, f.end);
            let noted = self.sightings.iter().any(|s| s.text.contains(&text));
            if f.start < covered || (whole && noted) || self.sightings.len() >= MISSES_MAX {
                continue;
            }
            covered = f.end;
            let at = At::Text(0, record, f.start, f.end);
            let owners =
                catalogue.literals[f.literal].owners.iter().map(|o| (o.provider, &o.rules[..])).collect();
            let note = Sighting {
                owners: owned(catalogue, owners),
                let_go: Some(if whole { Reason::Masked } else { Reason::PartOfWord }),
                place: "the record".to_owned(),
                excerpt: excerpt(record, f.start, f.end),
                key: at.key(&text),
                ..sighting(&text)
            };
            if !self.sightings.iter().any(|s| s.key == note.key) {
                self.sightings.push(note);
            }
        }
    }

    fn sight(&mut self, views: &Views, mut note: Sighting, at: At<'_>) {
        if self.sightings.iter().any(|s| s.key == note.key && s.what == note.what) {
            return;
        }
        let alike = |s: &&mut Sighting| {
            note.let_go.is_some() && s.let_go == note.let_go && s.text == note.text && s.key.1 == note.key.1
        };
        if let Some(alike) = self.sightings.iter_mut().find(alike) {
            alike.times += 1;
            return;
        }
        if self.sightings.len() >= SIGHTINGS_MAX {
            self.sightings_left_out += 1;
            return;
        }
        match at {
            At::Field(node, field) => note.place = wording::place(views, node, Some(field)),
            At::Text(node, text, start, end) => {
                note.place = wording::place(views, node, None);
                note.excerpt = excerpt(text, start, end);
            }
        }
        self.sightings.push(note);
    }

    fn sighting_of(&mut self, hit: &Hit) -> Option<&mut Sighting> {
        let same = |s: &&mut Sighting| {
            s.what == Some(hit.what) && s.key.0 == hit.text && (s.key.1, s.key.2) == (hit.node, hit.at)
        };
        self.sightings.iter_mut().find(same)
    }
}

fn sighting(text: &str) -> Sighting {
    Sighting {
        text: shown(text.as_bytes()),
        what: None,
        class: None,
        owners: Vec::new(),
        place: String::new(),
        excerpt: None,
        position: None,
        failure: None,
        let_go: None,
        proof: None,
        times: 1,
        key: (String::new(), 0, 0),
    }
}

fn owned(catalogue: &Catalogue, owners: Vec<(ProviderId, &[RuleId])>) -> Vec<Owned> {
    let mut all: Vec<Owned> = Vec::new();
    for (provider, rules) in owners {
        let id = &catalogue.providers[provider].id;
        let names = rules.iter().take(RULES_MAX).map(|&r| catalogue.rules[r].id.clone()).collect();
        match all.iter_mut().find(|o| o.provider == *id) {
            Some(known) if known.rules_count >= rules.len() => {}
            Some(known) => (known.rules, known.rules_count) = (names, rules.len()),
            None => all.push(Owned { provider: id.clone(), rules: names, rules_count: rules.len() }),
        }
    }
    all
}

/// Of running text only: a field does not ask whether the record failed.
fn failure(reading: &Reading<'_>, at: At<'_>, position: Position) -> Option<Failure> {
    let At::Text(node, text, start, end) = at else { return None };
    matches!(position, Position::E4 | Position::Outside).then(|| {
        let line = prose::line_around(text, start..end);
        reading.failure(node, Some(&text[line]), start..end)
    })
}

/// An object, or a text that says more than a field's value does.
fn view(views: &Views, id: NodeId) -> Option<View> {
    let node = &views.nodes[id];
    let mut view = View {
        depth: views.up(id).skip(1).filter(|&n| n != 0 || node.parent == Some(0)).count(),
        form: wording::form(views, id),
        place: wording::place(views, id, None),
        fields: Vec::new(),
        fields_left_out: 0,
        text: None,
        decoded: None,
        url: None,
    };
    match &node.kind {
        Kind::Text(text) => {
            if id != 0 && node.kids.is_empty() && text.decoded.is_none() {
                return None;
            }
            view.text = Some(shown(views.slice(text.prose)));
            view.decoded = text.decoded.map(|d| shown(views.slice(d)));
        }
        Kind::Object(object) => {
            let container = |f: &super::views::Field| {
                let below = |&k: &NodeId| views.object_of(k).is_some() && views.nodes[k].key == f.key;
                if node.kids.iter().any(below) { "(below)" } else { "-" }
            };
            let field = |f: &super::views::Field| {
                let value = f.value.map_or_else(|| container(f).to_owned(), |v| shown(views.slice(v)));
                (shown(views.slice(f.key)), value)
            };
            view.fields = object.fields.iter().take(FIELDS_MAX).map(field).collect();
            view.fields_left_out = object.fields.len().saturating_sub(FIELDS_MAX);
            let url = object.url.filter(|_| object.format == Format::Query);
            view.url = url.map(|(h, p)| shown(&[views.slice(h), views.slice(p)].concat()));
        }
    }
    Some(view)
}

fn excerpt(text: &[u8], start: usize, end: usize) -> Option<String> {
    let from = start.saturating_sub(EXCERPT_EACH_SIDE);
    let to = text.len().min(end + EXCERPT_EACH_SIDE);
    let line = prose::line_around(text, start..end);
    let (from, to) = (from.max(line.start), to.min(line.end));
    let mut words = String::new();
    words.push_str(if from > line.start { "…" } else { "" });
    words.push_str(&shown(&text[from..to]));
    words.push_str(if to < line.end { "…" } else { "" });
    (from < start || to > end).then_some(words)
}

/// The head of a text; what was read as something else is a dot.
fn shown(bytes: &[u8]) -> String {
    let cut = &bytes[..bytes.len().min(TEXT_MAX)];
    let mut words = String::with_capacity(cut.len());
    let mut masked = false;
    for chunk in cut.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c as u32 == u32::from(MASK) {
                true if masked => {}
                true => words.push('·'),
                false => words.push(c),
            }
            masked = c as u32 == u32::from(MASK);
        }
        if !chunk.invalid().is_empty() {
            words.push('\u{fffd}');
        }
    }
    if cut.len() < bytes.len() {
        words.push('…');
    }
    words
}
