//! Every literal in every view → hits: what it may mean, where it stands, what it proves.

use super::literals::{Catalogue, Class, FieldPair, FieldsForm, Wanted, whole_token};
use super::positions::{Places, Position, behind_status, fills_clause, is_error_key};
use super::views::{Field, Object, Style, Text, Views, line_number, says_something};
use super::wrappers::Unwrapped;
use faultline::catalogue::schema::{Needs, Place};

/// What is judged together: one object, or one clause of running text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unit {
    Clause(usize, usize),
    Object(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Fields,
    Message,
    Token,
    /// The provider's syntax, no row.
    Unknown,
    /// A text that hides the cause; index of the pack and of the symptom.
    Symptom(usize, usize),
}

#[derive(Debug, Clone)]
pub struct Hit {
    /// The text it stands in.
    pub view: usize,
    pub start: usize,
    pub end: usize,
    pub unit: Unit,
    pub provider: usize,
    pub kind: Kind,
    /// The code as it stands there; of messages, the message.
    pub literal: String,
    pub is_code: bool,
    pub rows: Vec<usize>,
    /// Of `Fields`: which form of the pack it was.
    pub form: usize,
    pub class: Class,
    pub position: Position,
    pub needs: Needs,
    /// Its form names several fields, none of which holds a message.
    pub paired: bool,
    /// The literal is all that its text says.
    pub whole: bool,
    /// The literal's own name stands beside it.
    pub decisive: bool,
    /// Letters that are the literal's own.
    pub weight: usize,
}

pub fn find(views: &Views, record: &Unwrapped, catalogue: &Catalogue) -> Vec<Hit> {
    let finder = HitFinder { places: Places { views, record, catalogue }, views, catalogue };
    let mut hits = Vec::new();
    for view in 0..views.all.len() {
        if views.all[view].dead {
            continue;
        }
        if let Some(text) = views.text(view) {
            let spans = finder.messages(view, text, &mut hits);
            finder.tokens(view, text, &spans, &mut hits);
            finder.unknown(view, text, &mut hits);
            finder.symptoms(view, text, &mut hits);
            written_together(&mut hits, view, text);
        } else if let Some(object) = views.object(view) {
            finder.fields(view, object, &mut hits);
        }
    }
    hits.retain(|hit| {
        hit.position != Position::Outside || (hit.class == Class::Unique && matches!(hit.kind, Kind::Token))
    });
    hits
}

struct HitFinder<'a> {
    places: Places<'a>,
    views: &'a Views,
    catalogue: &'a Catalogue,
}

impl HitFinder<'_> {
    fn unit(&self, view: usize, start: usize) -> Unit {
        if let Some(owner) = self.views.owner(view) {
            return Unit::Object(owner);
        }
        let (mut top, mut at) = (view, start);
        while let Some((above, place)) = self.views.text_above(top) {
            (top, at) = (above, place);
        }
        Unit::Clause(top, self.views.text(top).map_or(0, |text| clause(text, at)))
    }

    /// Whole messages, the longest of a provider where several overlap. Returns the spans that are taken.
    fn messages(&self, view: usize, text: &Text, hits: &mut Vec<Hit>) -> Vec<(usize, usize)> {
        let judged_inside =
            |start: usize, end: usize| text.inner.iter().any(|inner| inner.0 <= start && end <= inner.1);
        let found: Vec<_> =
            text.messages.iter().filter(|(start, end, _)| !judged_inside(*start, *end)).collect();
        let mut spans = Vec::new();
        for (start, end, index) in &found {
            let message = &self.catalogue.messages[*index];
            let beaten = found.iter().any(|(other_start, other_end, other)| {
                let longer = &self.catalogue.messages[*other];
                longer.provider == message.provider
                    && longer.pattern.literal_bytes > message.pattern.literal_bytes
                    && other_start < end
                    && start < other_end
            });
            if beaten {
                continue;
            }
            spans.push((*start, *end));
            let Some(position) = self.places.position(view, *start, *end) else { continue };
            if message.class == Class::Word && !word_counts(text, *start, *end, position) {
                continue;
            }
            hits.push(Hit {
                view,
                start: *start,
                end: *end,
                unit: self.unit(view, *start),
                provider: message.provider,
                kind: Kind::Message,
                literal: message.pattern.source.clone(),
                is_code: false,
                rows: message.rows.clone(),
                form: 0,
                class: message.class,
                position,
                needs: message.needs,
                paired: false,
                whole: text.prose.trim().len() == end - start,
                decisive: false,
                weight: message.pattern.literal_bytes,
            });
        }
        spans
    }

    fn tokens(&self, view: usize, text: &Text, messages: &[(usize, usize)], hits: &mut Vec<Hit>) {
        for (start, end, index) in text.tokens.iter().copied() {
            if messages.iter().any(|span| span.0 <= start && end <= span.1) {
                continue;
            }
            let Some(position) = self.places.position(view, start, end) else { continue };
            let token = &self.catalogue.tokens[index];
            for one in token.uses.iter().filter(|one| admitted(one.place, position)) {
                if one.class == Class::Word && !word_counts(text, start, end, position) {
                    continue;
                }
                let code = |row: usize| &self.catalogue.rows[row].rule;
                hits.push(Hit {
                    view,
                    start,
                    end,
                    unit: self.unit(view, start),
                    provider: one.provider,
                    kind: Kind::Token,
                    literal: token.text.clone(),
                    is_code: code(one.row).name.as_deref() != Some(token.text.as_str()),
                    rows: vec![one.row],
                    form: 0,
                    class: one.class,
                    position,
                    needs: one.needs,
                    paired: false,
                    whole: text.prose.trim().len() == end - start,
                    decisive: one
                        .beside
                        .as_deref()
                        .is_some_and(|name| self.stands_beside(name, view, text, start)),
                    weight: token.text.len(),
                });
            }
        }
    }

    /// A name in the same clause, or as the value of a field of the same object or line.
    fn stands_beside(&self, name: &str, view: usize, text: &Text, at: usize) -> bool {
        let own = clause(text, at);
        let here = text.prose.match_indices(name).any(|(start, _)| {
            whole_token(&text.prose, start, start + name.len()) && clause(text, start) == own
        });
        let line = line_number(&text.prose, at);
        let lines =
            [line * 2, line * 2 + 1].into_iter().filter_map(|line| text.line_objects.get(&line).copied());
        let mut objects =
            self.views.owner(view).into_iter().chain(lines).filter_map(|object| self.views.object(object));
        here || objects.any(|object| object.fields.iter().any(|field| field.value.trim() == name))
    }

    /// Codes of a known syntax without a row.
    fn unknown(&self, view: usize, text: &Text, hits: &mut Vec<Hit>) {
        for pack in &self.catalogue.packs {
            let (Some(syntax), Some(needs)) = (&pack.syntax, pack.counts_unknown()) else { continue };
            for found in syntax.find_iter(&text.prose) {
                let known = self
                    .catalogue
                    .token(found.as_str())
                    .is_some_and(|token| token.uses.iter().any(|one| one.provider == pack.provider));
                if known || !whole_token(&text.prose, found.start(), found.end()) {
                    continue;
                }
                let Some(position) = self.places.position(view, found.start(), found.end()) else { continue };
                // the value of a field that is no error field is no prose
                let value = self.views.owner(view).is_some() && text.prose.trim().len() == found.len();
                if value && position == Position::Prose {
                    continue;
                }
                hits.push(Hit {
                    view,
                    start: found.start(),
                    end: found.end(),
                    unit: self.unit(view, found.start()),
                    provider: pack.provider,
                    kind: Kind::Unknown,
                    literal: found.as_str().to_string(),
                    is_code: true,
                    rows: Vec::new(),
                    form: 0,
                    class: Class::Unique,
                    position,
                    needs,
                    paired: false,
                    whole: text.prose.trim().len() == found.len(),
                    decisive: false,
                    weight: found.len(),
                });
            }
        }
    }

    fn symptoms(&self, view: usize, text: &Text, hits: &mut Vec<Hit>) {
        for (pack_index, pack) in self.catalogue.packs.iter().enumerate() {
            for (index, symptom) in pack.symptoms.iter().enumerate() {
                for (start, end) in symptom.find_in(&text.readable) {
                    let Some(position) = self.places.position(view, start, end) else { continue };
                    hits.push(Hit {
                        view,
                        start,
                        end,
                        unit: self.unit(view, start),
                        provider: pack.provider,
                        kind: Kind::Symptom(pack_index, index),
                        literal: text.readable[start..end].to_string(),
                        is_code: false,
                        rows: Vec::new(),
                        form: 0,
                        class: Class::Phrase,
                        position,
                        needs: pack.pack.symptoms[index].needs,
                        paired: false,
                        whole: text.prose.trim().len() == end.saturating_sub(start),
                        decisive: false,
                        weight: 0,
                    });
                }
            }
        }
    }

    fn fields(&self, view: usize, object: &Object, hits: &mut Vec<Hit>) {
        let mut absent = None;
        for form in &self.catalogue.fields {
            // the rules of one form have the same fields: where one is missing, it is missing for all
            if absent == Some(form.form) {
                continue;
            }
            if form.pairs.iter().any(|pair| self.fields_named(pair, object).is_empty()) {
                absent = Some(form.form);
                continue;
            }
            if form.place == Some(Place::Query) && object.style != Style::Query {
                continue;
            }
            let Some((field, text_view)) = self.matched(form, object) else { continue };
            let Some(text) = self.views.text(text_view).filter(|text| !text.cut) else { continue };
            if self.views.all[text_view].dead {
                continue;
            }
            let Some(mut position) = self.places.position(text_view, 0, text.prose.len()) else { continue };
            // one error field of the object is enough
            let others = object
                .fields
                .iter()
                .filter(|field| position == Position::Outside && says_something(&field.value));
            let other = others.filter(|field| is_error_key(&field.last) || is_error_key(&field.normal));
            let style = object.style;
            if other.count() > 0 {
                position = Position::Field { code_field: true, style };
            }
            // a path that a pack writes out beside another field (`outcome.reason`) is an error position itself
            let dotted = form
                .pairs
                .iter()
                .any(|pair| pair.telling && pair.names.iter().any(|name| name.dotted.is_some()));
            let paired = dotted && form.pairs.len() > 1 && position == Position::Outside;
            hits.push(Hit {
                view: text_view,
                start: 0,
                end: text.prose.len(),
                unit: Unit::Object(view),
                provider: form.provider,
                kind: Kind::Fields,
                literal: if form.is_code { field.value.trim().to_string() } else { form.literal.clone() },
                is_code: form.is_code,
                rows: vec![form.row],
                form: form.form,
                class: form.class,
                position: if paired { Position::Field { code_field: false, style } } else { position },
                needs: form.needs,
                paired: form.pairs.len() > 1
                    && !form.pairs.iter().any(|pair| matches!(pair.wanted, Wanted::Message(_))),
                whole: true,
                decisive: false,
                weight: form.literal.len(),
            });
        }
    }

    /// All pairs of a form stand in the object: the field that tells the code or message, and the view of its value.
    fn matched<'v>(&'v self, form: &FieldsForm, object: &'v Object) -> Option<(&'v Field, usize)> {
        let mut telling = None;
        for pair in &form.pairs {
            let found =
                self.fields_named(pair, object).into_iter().find(|field| fits(&pair.wanted, field))?;
            if pair.telling
                && (telling.is_none() || matches!(&pair.wanted, Wanted::Text(text) if *text == form.literal))
            {
                telling = Some(found);
            }
        }
        let field = telling?;
        Some((field, field.view?))
    }

    /// Fields of an object under one of the pair's names; `a.b` is also the field `b` of the object under `a`.
    fn fields_named<'v>(&'v self, pair: &FieldPair, object: &'v Object) -> Vec<&'v Field> {
        let mut found = Vec::new();
        for name in &pair.names {
            let Some((outer, inner)) = &name.dotted else {
                found.extend(object.fields.iter().filter(|field| field.last == name.whole));
                continue;
            };
            found.extend(
                object.fields.iter().filter(|field| field.normal == name.whole && field.name.contains('.')),
            );
            let below = object
                .fields
                .iter()
                .filter(|field| field.normal == *outer)
                .filter_map(|field| self.views.object(field.view?));
            found.extend(below.flat_map(|below| below.fields.iter().filter(|field| field.normal == *inner)));
        }
        found
    }
}

fn fits(wanted: &Wanted, field: &Field) -> bool {
    let value = field.value.trim();
    says_something(value)
        && match wanted {
            Wanted::Any => true,
            Wanted::Prefix(head) => value.starts_with(head.as_str()),
            Wanted::Text(text) => value == text,
            Wanted::Message(pattern) => pattern.is_whole(value),
        }
}

/// An everyday word fills its clause or stands written, and is no reason phrase anywhere.
fn word_counts(text: &Text, start: usize, end: usize, position: Position) -> bool {
    !behind_status(text, start) && (position == Position::Written || fills_clause(text, start, end))
}

fn admitted(place: Place, position: Position) -> bool {
    match (place, position) {
        (Place::Anywhere, _) => true,
        (_, Position::Outside) => false,
        (Place::Error, _) => true,
        (Place::Fields, Position::Field { .. }) => true,
        (Place::Query, Position::Field { style, .. }) => style == Style::Query,
        (Place::Fields | Place::Query, _) => false,
    }
}

/// How many clauses end before `at`: `;`, `->` and line ends, but not those inside a message.
pub fn clause(text: &Text, at: usize) -> usize {
    let inside = |place: usize| text.messages.iter().any(|(start, end, _)| *start <= place && place < *end);
    let bytes = text.prose.as_bytes();
    (0..at.min(bytes.len()))
        .filter(|place| {
            let ends = matches!(bytes[*place], b';' | b'\n')
                || (bytes[*place] == b'-' && bytes.get(place + 1) == Some(&b'>'));
            ends && !inside(*place)
        })
        .count()
}

/// `code: text` with the code's own message, and the message behind `[code] ` or `"code" "`: both stand written.
fn written_together(hits: &mut [Hit], view: usize, text: &Text) {
    let pairs: Vec<(usize, usize)> =
        (0..hits.len()).flat_map(|code| (0..hits.len()).map(move |message| (code, message))).collect();
    for (code, message) in pairs {
        let (first, second) = (&hits[code], &hits[message]);
        let here = first.view == view
            && second.view == view
            && first.kind == Kind::Token
            && second.kind == Kind::Message;
        if !here || second.start < first.end || second.start > first.end + 4 {
            continue;
        }
        let gap = &text.readable[first.end..second.start];
        let own = second.rows.iter().any(|row| first.rows.contains(row));
        let colon = own && gap.starts_with(':') && gap[1..].trim().is_empty();
        let behind = first.position == Position::Written && (gap.starts_with(']') || gap.starts_with('"'));
        for index in [code, message] {
            let outside = matches!(hits[index].position, Position::Outside | Position::Prose);
            if (colon || behind) && outside {
                hits[index].position = Position::Written;
            }
        }
    }
}
