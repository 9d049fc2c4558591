//! Codes → hits: tokens in running text and in whole fields, and codes of a known syntax that no rule has.
//!
//! A code inside a message is part of it, a cut one is none, and codes in a list are documentation. Each token makes one
//! hit for every role in which its owners look for it in that place.

use std::collections::HashMap;

use super::hits::{Finder, Hit, Own, What, lossy, trim_quotes};
use super::notes::Reason;
use super::noting::At;
use super::position::Position;
use super::prose;
use super::reading::Reading;
use super::spot::{Spot, TextAt, stands_beside};
use super::trace::Trace;
use crate::catalogue::compile::{Class, Kind, LiteralId, Role};
use crate::catalogue::schema::Needs;
use crate::matcher::{Found, token_bounded};

impl<T: Trace> Finder<T> {
    /// Codes in running text.
    pub(super) fn tokens(&mut self, reading: &Reading<'_>, place: &TextAt<'_>, text: &[u8], found: &[Found]) {
        let is_token = |f: &&Found| reading.catalogue.literals[f.literal].kind == Kind::Token;
        let lists = lists(text, found.iter().filter(is_token));
        let whole_value = place.holder.is_some().then(|| trim_quotes(text));
        for f in found.iter().filter(is_token) {
            let inside_message = place.kept.iter().any(|(a, b)| *a <= f.start && f.end <= *b);
            let cut = place.text.cut && f.end == text.len();
            let listed = lists.iter().any(|(a, b)| *a <= f.start && f.start < *b);
            // A value that is a code as a whole was judged with its field.
            let is_value = whole_value == Some(&text[f.start..f.end]);
            let why_not = match () {
                () if is_value => continue,
                () if inside_message => Some(Reason::InMessage),
                () if cut => Some(Reason::Cut),
                () if listed => Some(Reason::Listed),
                () => None,
            };
            if let Some(why) = why_not {
                let at = At::Text(place.node, text, f.start, f.end);
                self.trace.see(|notes| notes.dropped(reading, f.literal, at, why));
                continue;
            }
            self.token(reading, f.literal, text, Spot::Prose { place, start: f.start, end: f.end });
        }
    }

    /// One token with the owners that look for it in this place.
    pub(super) fn token(&mut self, reading: &Reading<'_>, id: LiteralId, text: &[u8], spot: Spot<'_, '_>) {
        let literal = &reading.catalogue.literals[id];
        let (position, code_field) = match spot.position(reading, text) {
            Ok(found) => found,
            Err(why) => {
                let why = Reason::Nowhere(why);
                self.trace.see(|notes| notes.dropped(reading, id, At::of(&spot, text), why));
                return;
            }
        };
        let mut why_not = Reason::NoForm;
        let mut by_role: HashMap<(What, bool), Hit> = HashMap::new();
        for owner in &literal.owners {
            let tentative = !reading.meets_at(owner.needs, owner.provider, spot.node(), spot.at());
            let Some(endpoints) = spot.fits(reading, owner, position) else {
                if position == Position::Outside {
                    why_not = Reason::Outside;
                }
                continue;
            };
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
                why_not = Reason::Everyday;
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
        if hits.is_empty() {
            self.trace.see(|notes| notes.dropped(reading, id, At::of(&spot, text), why_not));
        }
        self.trace.see(|notes| hits.iter().for_each(|hit| notes.hit(reading, hit, At::of(&spot, text))));
        self.hits.extend(hits);
    }

    /// Codes of a known syntax that no rule has.
    pub(super) fn unknown_codes(
        &mut self,
        reading: &Reading<'_>,
        place: &TextAt<'_>,
        text: &[u8],
        found: &[Found],
    ) {
        for (syntax, first) in reading.catalogue.syntaxes.iter().zip(&reading.lexicon.first_bytes) {
            let may_hold = || text.iter().any(|b| first[usize::from(*b)]);
            if place.parameter || !reading.meets(syntax.needs, syntax.provider) || !may_hold() {
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
                let at = At::Text(place.node, text, start, end);
                let position = match reading.prose_position(place.node, text, start, end) {
                    Ok(in_prose) => place.field.unwrap_or(in_prose),
                    Err(why) => {
                        let why = Reason::Nowhere(why);
                        self.trace.see(|notes| notes.dropped_code(reading, syntax.provider, at, why));
                        continue;
                    }
                };
                if position == Position::Outside {
                    self.trace.see(|notes| notes.dropped_code(reading, syntax.provider, at, Reason::Outside));
                    continue;
                }
                let hit = Hit {
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
                };
                self.trace.see(|notes| notes.hit(reading, &hit, at));
                self.hits.push(hit);
            }
        }
    }
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
    // The nearest bracket before the token at hand: tokens come in order, so each byte is looked at once.
    let (mut bracket, mut looked_at) = (None, 0);
    for &(start, end) in tokens {
        let nearer = memchr::memrchr2(b'[', b']', text.get(looked_at..start).unwrap_or_default());
        bracket = nearer.map(|i| looked_at + i).or(bracket);
        looked_at = looked_at.max(start);
        let open = bracket.filter(|&i| text[i] == b'[');
        let comma = |from: usize| memchr::memchr(b',', text.get(from..start).unwrap_or_default()).is_some();
        match (open, lists.last_mut()) {
            (Some(open), Some(last)) if last.0 == open && comma(last.1) => {
                last.1 = end;
                last.2 += 1;
            }
            (Some(open), _) => lists.push((open, end, 1)),
            (None, _) => {}
        }
    }
    lists.into_iter().filter(|(_, _, codes)| *codes >= CODES_MIN).map(|(open, end, _)| (open, end)).collect()
}
