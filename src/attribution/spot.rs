//! Where a literal stands: a field looked at as a whole, or a place in a text; and what that place makes of it.
//!
//! A spot knows its error position, its unit of decision (an object, or a clause of a text), and which forms of an owner
//! look there. It holds no literal itself.

use std::cell::OnceCell;

use super::hits::{Unit, last_name};
use super::names::Field as Name;
use super::position::{Nowhere, Position};
use super::prose;
use super::reading::Reading;
use super::views::{Format, NodeId, Object, Text};
use crate::catalogue::compile::{Class, Owner};
use crate::event::Label;

/// A text that is looked through.
pub(super) struct TextAt<'t> {
    pub(super) node: NodeId,
    pub(super) text: &'t Text,
    /// The object whose field it is.
    pub(super) holder: Option<NodeId>,
    /// The error position of that field.
    pub(super) field: Option<Position>,
    /// The value of a query that is no error field: only unique tokens count.
    pub(super) parameter: bool,
    /// Spans of messages, in which codes are not looked for again.
    pub(super) kept: Vec<(usize, usize)>,
    /// Where the clauses of the prose end, once somebody asked.
    pub(super) clause_ends: OnceCell<Vec<usize>>,
    /// Of those, the ones inside kept messages, sorted: they end nothing.
    pub(super) inside_messages: Vec<usize>,
}

impl<'t> TextAt<'t> {
    pub(super) fn new(
        node: NodeId,
        text: &'t Text,
        holder: Option<NodeId>,
        field: Option<Position>,
        parameter: bool,
    ) -> TextAt<'t> {
        let (clause_ends, kept, inside_messages) = (OnceCell::new(), Vec::new(), Vec::new());
        TextAt { node, text, holder, field, parameter, kept, clause_ends, inside_messages }
    }

    /// The object of the field, or the clause of the text: clauses end at `;`, `->` and line ends.
    pub(super) fn unit(&self, reading: &Reading<'_>, at: usize) -> Unit {
        if let Some(object) = self.holder {
            return Unit::Object(object);
        }
        let before = |ends: &[usize]| ends.partition_point(|end| *end < at);
        let ends = before(self.ends(reading)) - before(&self.inside_messages);
        Unit::Clause(self.node, ends)
    }

    /// Keeps the span of a message: no code is looked for in it and no clause ends there.
    pub(super) fn keep(&mut self, reading: &Reading<'_>, start: usize, end: usize) {
        self.kept.push((start, end));
        let ends = self.ends(reading);
        let (from, to) = (ends.partition_point(|e| *e < start), ends.partition_point(|e| *e < end));
        if from < to {
            let inside = ends[from..to].to_vec();
            self.inside_messages.extend(inside);
            self.inside_messages.sort_unstable();
            self.inside_messages.dedup();
        }
    }

    fn ends(&self, reading: &Reading<'_>) -> &[usize] {
        self.clause_ends.get_or_init(|| {
            let text = reading.views.slice(self.text.prose);
            let ends = |i: &usize| text[*i] != b'-' || text.get(i + 1) == Some(&b'>');
            memchr::memchr3_iter(b';', b'\n', b'-', text).filter(ends).collect()
        })
    }
}

/// A field whose value is looked at as a whole.
pub(super) struct FieldAt<'o> {
    pub(super) node: NodeId,
    pub(super) object: &'o Object,
    pub(super) field: usize,
    pub(super) position: Position,
    pub(super) whole: bool,
}

/// Where a token stands.
pub(super) enum Spot<'a, 't> {
    Field(FieldAt<'a>),
    Prose { place: &'a TextAt<'t>, start: usize, end: usize },
}

impl Spot<'_, '_> {
    /// Its error position, and whether the field is one of codes.
    pub(super) fn position(&self, reading: &Reading<'_>, text: &[u8]) -> Result<(Position, bool), Nowhere> {
        match self {
            Spot::Field(f) => Ok((f.position, f.object.fields[f.field].name.is(Name::CODE))),
            Spot::Prose { place, start, end } => {
                let in_prose = reading.prose_position(place.node, text, *start, *end)?;
                if place.parameter {
                    return Ok((Position::Outside, false));
                }
                Ok((
                    if in_prose == Position::Outside { place.field.unwrap_or(in_prose) } else { in_prose },
                    false,
                ))
            }
        }
    }

    /// Whether the owner's forms look here; with the endpoints that the form of a field names.
    pub(super) fn fits(
        &self,
        reading: &Reading<'_>,
        owner: &Owner,
        position: Position,
    ) -> Option<Vec<Label>> {
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
    pub(super) fn behind_status(&self, text: &[u8]) -> bool {
        matches!(self, Spot::Prose { start, .. } if prose::behind_status(text, *start))
    }

    pub(super) fn fills_clause(&self, text: &[u8]) -> bool {
        match self {
            Spot::Field(f) => f.whole,
            Spot::Prose { start, end, .. } => prose::fills_clause(text, *start, *end),
        }
    }

    pub(super) fn unit(&self, reading: &Reading<'_>) -> Unit {
        match self {
            Spot::Field(f) => Unit::Object(f.node),
            Spot::Prose { place, start, .. } => place.unit(reading, *start),
        }
    }

    pub(super) fn node(&self) -> NodeId {
        match self {
            Spot::Field(f) => f.node,
            Spot::Prose { place, .. } => place.node,
        }
    }

    pub(super) fn at(&self) -> usize {
        match self {
            Spot::Field(f) => f.object.fields[f.field].at,
            Spot::Prose { start, .. } => *start,
        }
    }
}

/// A text that proves the owner stands near the token, or is the value of a field of the same object.
pub(super) fn stands_beside(reading: &Reading<'_>, owner: &Owner, spot: &Spot<'_, '_>, text: &[u8]) -> bool {
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
