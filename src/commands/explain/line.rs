//! One record's judgement as text, in the order in which it was made: record, readings, literals, evidence, verdict,
//! tenant, counts, and what would settle what is open (from the verdict on in `line_outcome`). Bounded however long
//! the record is.

use super::Book;
use super::line_outcome;
use super::overlay::{self, Advice};
use super::page::{Page, short};
use crate::attribution::{Notes, Position, Proven, Reason, Sighting, View, What};
use crate::commands::output::{bytes, counted, grouped};
use crate::event::Origin;
use crate::framing::Wrapper;
use crate::pipeline::Explained;

const VIEWS_SHOWN: usize = 16;
const FIELDS_SHOWN: usize = 16;
const SIGHTINGS_SHOWN: usize = 16;
const LET_GO_SHOWN: usize = 10;
const WITNESSES_SHOWN: usize = 12;
pub(super) const VALUE_SHOWN: usize = 160;
pub(super) const TEXT_SHOWN: usize = 320;

/// A judged record with what was found out besides.
pub struct Told<'t> {
    pub book: &'t Book,
    pub record: &'t [u8],
    pub origin: &'t Origin,
    pub cut: bool,
    pub explained: Explained<'t>,
    pub advice: Advice,
    /// Exposition lines of the series that go up.
    pub series: Vec<String>,
}

pub fn text(told: &Told<'_>, mut page: Page) -> String {
    record(&mut page, told);
    views(&mut page, told);
    literals(&mut page, told);
    evidence(&mut page, told);
    line_outcome::verdict(&mut page, told);
    line_outcome::tenant(&mut page, told);
    line_outcome::series(&mut page, told);
    line_outcome::advice(&mut page, told);
    page.done()
}

fn record(page: &mut Page, told: &Told<'_>) {
    let e = &told.explained;
    page.row(
        "Record",
        &format!("{}, {}", counted(e.lines, "line", "lines"), bytes(told.record.len() as u64)),
    );
    if told.cut {
        page.row("", "cut at the line limit; the rest was not looked at");
    }
    if let Some(who) = container(told.origin) {
        page.row("", &format!("the path says {who}"));
    }
    if e.events > 1 {
        page.row("", &format!("judged as one record; `run` and `scan` would read {} records here", e.events));
    }
    if !e.wrappers.is_empty() {
        let names: Vec<&str> = e.wrappers.iter().map(|w| wrapper(*w)).collect();
        let whose = if e.lines > 1 { " (of the first line)" } else { "" };
        page.row("", &format!("taken off{whose}: {}", names.join(", ")));
    }
    let envelope = &e.record.envelope;
    if let Some(app) = &envelope.app {
        page.row("", &format!("the wrapper names the app {app}"));
    }
    if let Some(failing) = envelope.failing {
        page.row(
            "",
            if failing {
                "the wrapper's level is warning or worse"
            } else {
                "the wrapper's level is notice or less"
            },
        );
    }
    for (key, value) in envelope.structured.iter().take(FIELDS_SHOWN) {
        page.row("", &format!("the wrapper says {key}={}", short(value, VALUE_SHOWN)));
    }
}

/// Whose log it is, as the path of a container's log tells.
fn container(origin: &Origin) -> Option<String> {
    let names = [("namespace", &origin.namespace), ("pod", &origin.pod), ("container", &origin.container)];
    let mut parts: Vec<String> =
        names.iter().filter_map(|(name, value)| Some(format!("{name} {}", value.as_ref()?))).collect();
    parts.extend(origin.container_id.as_ref().map(|id| format!("container id {}", short(id, 12))));
    (!parts.is_empty()).then(|| parts.join(", "))
}

pub fn wrapper(wrapper: Wrapper) -> &'static str {
    match wrapper {
        Wrapper::ByteOrderMark => "byte order mark",
        Wrapper::Cri => "CRI",
        Wrapper::Docker => "docker json-file",
        Wrapper::Syslog => "syslog",
        Wrapper::Colours => "colours",
    }
}

fn views(page: &mut Page, told: &Told<'_>) {
    let notes = &told.explained.notes;
    for (place, view) in notes.views.iter().take(VIEWS_SHOWN).enumerate() {
        let indent = 2 * view.depth.min(6);
        let head = match () {
            () if view.place.is_empty() || place == 0 => view.form.to_owned(),
            () if view.text.is_some() => view.place.clone(),
            () => format!("{}, {}", view.form, view.place),
        };
        let head = match &view.url {
            Some(url) if !url.is_empty() => format!("{head}, of {}", short(url, VALUE_SHOWN)),
            _ => head,
        };
        match place {
            0 => page.row("Read as", &head),
            _ => page.sub(indent, &head),
        }
        view_body(page, view, indent + 2);
    }
    let more = notes.views_left_out + notes.views.len().saturating_sub(VIEWS_SHOWN);
    if more > 0 {
        page.row("", &format!("… {} more", counted(more as u64, "part", "parts")));
    }
}

fn view_body(page: &mut Page, view: &View, indent: usize) {
    if let Some(text) = view.text.as_ref().filter(|t| !t.trim_matches(['·', ' ']).is_empty()) {
        page.sub(indent, &short(text, TEXT_SHOWN));
    }
    if let Some(decoded) = &view.decoded {
        page.sub(indent, &format!("decoded: {}", short(decoded, TEXT_SHOWN)));
    }
    for (key, value) in view.fields.iter().take(FIELDS_SHOWN) {
        page.sub(indent, &format!("{} = {}", short(key, VALUE_SHOWN), short(value, VALUE_SHOWN)));
    }
    let more = view.fields_left_out + view.fields.len().saturating_sub(FIELDS_SHOWN);
    if more > 0 {
        page.sub(indent, &format!("… {} more", counted(more as u64, "field", "fields")));
    }
}

fn literals(page: &mut Page, told: &Told<'_>) {
    let notes = &told.explained.notes;
    if notes.sightings.is_empty() {
        let why = match told.explained.candidates {
            0 => "no code, name or message of any pack stands in these bytes",
            _ => "no code, name or message of any pack stands there whole",
        };
        return page.row("Found", why);
    }
    let (hits, let_go): (Vec<&Sighting>, Vec<&Sighting>) =
        notes.sightings.iter().partition(|s| s.let_go.is_none());
    if hits.is_empty() {
        let settled = !told.explained.judgement.faults.is_empty();
        let head = if settled { "nothing that counts by itself:" } else { "nothing that counts:" };
        page.row("Found", head);
    }
    let shown = hits.iter().take(SIGHTINGS_SHOWN).chain(let_go.iter().take(LET_GO_SHOWN));
    for (place, sighting) in shown.enumerate() {
        let label = if place == 0 && !hits.is_empty() { "Found" } else { "" };
        literal(page, label, sighting);
    }
    let more = notes.sightings_left_out
        + hits.len().saturating_sub(SIGHTINGS_SHOWN)
        + let_go.len().saturating_sub(LET_GO_SHOWN);
    if more > 0 {
        page.row("", &format!("… {} more; --format json shows more", counted(more as u64, "text", "texts")));
    }
}

fn literal(page: &mut Page, label: &str, s: &Sighting) {
    let what = s.what.map_or("text", What::words);
    let owners: Vec<&str> = s.owners.iter().map(|o| &*o.provider).collect();
    let class = s.class.map(|c| format!("{}: ", c.words())).unwrap_or_default();
    let times = if s.times > 1 { format!(", {} times", grouped(s.times as u64)) } else { String::new() };
    let text = short(&s.text, VALUE_SHOWN);
    page.row(label, &format!("{what} {text} ({class}{}){times}", owners.join(", ")));
    let around = s.excerpt.as_ref().map(|e| format!(": {e}")).unwrap_or_default();
    page.sub(2, &format!("where   {}{around}", s.place));
    if let Some(position) = s.position.filter(|p| *p != Position::Outside) {
        let why = s.failure.map(|f| format!(": {}", f.words())).unwrap_or_default();
        page.sub(2, &format!("counts  {} {}{why}", position.name(), position.words()));
    }
    if let Some(why) = s.let_go {
        let failure = s.failure.filter(|_| why == Reason::Outside);
        let failure = failure.map(|f| format!(" ({})", f.words())).unwrap_or_default();
        page.sub(2, &format!("let go  {}{failure}", let_go(why)));
    }
    match &s.proof {
        Some(Proven::By { provider, words, near }) => {
            page.sub(2, &format!("proof   {provider}: {words} ({})", near.words()))
        }
        Some(Proven::Nobody(doubt)) => page.sub(2, &format!("proof   of nobody: {}", doubt.words())),
        None => {}
    }
    let rules: Vec<String> = s.owners.iter().flat_map(|o| o.rules.iter().map(ToString::to_string)).collect();
    let all: usize = s.owners.iter().map(|o| o.rules_count).sum();
    if (1..=4).contains(&all) {
        let label = if all > 1 { "rules" } else { "rule " };
        page.sub(2, &format!("{label}   {}", rules.join(", ")));
    } else if all > 4 {
        page.sub(2, &format!("rules   {}, … {} in all", rules[..3.min(rules.len())].join(", "), all));
    }
}

fn let_go(why: Reason) -> String {
    match why {
        Reason::OwnerProven | Reason::CodeBeside | Reason::InMessage | Reason::Covered => {
            format!("counts with another one: {}", why.words())
        }
        why => why.words().to_owned(),
    }
}

fn evidence(page: &mut Page, told: &Told<'_>) {
    let notes = &told.explained.notes;
    let mut label = "Evidence";
    let mut say = |page: &mut Page, text: &str| page.row(std::mem::take(&mut label), text);
    for w in notes.witnesses.iter().take(WITNESSES_SHOWN) {
        let own = if w.local { ", speaks for its own object only" } else { "" };
        say(
            page,
            &format!(
                "for {}: {} (strong, {}) in {}{own}",
                w.provider,
                short(&w.words, VALUE_SHOWN),
                w.strength.words(),
                w.place
            ),
        );
    }
    let more = notes.witnesses.len().saturating_sub(WITNESSES_SHOWN);
    if more > 0 {
        say(page, &format!("… {more} more pieces for providers"));
    }
    let owners = owners(notes, |_| true);
    for (provider, endpoint) in notes.endpoints.iter().filter(|(p, _)| owners.contains(&&**p)) {
        say(page, &format!("for {provider}: endpoint {endpoint} is named (weak, narrows its rules)"));
    }
    for (words, place) in notes.foreign.iter().take(WITNESSES_SHOWN) {
        say(
            page,
            &format!("against every name: {} of somebody not loaded, in {place}", short(words, VALUE_SHOWN)),
        );
    }
    for text in against(told) {
        say(page, &text);
    }
    for sign in notes.signs.iter().take(WITNESSES_SHOWN) {
        say(page, &format!("symptom {} of {} ({}): {}", sign.id, sign.provider, sign.why, sign.fate.words()));
    }
    if !notes.statuses.is_empty() {
        let all: Vec<String> = notes.statuses.iter().take(8).map(u16::to_string).collect();
        say(page, &format!("HTTP status {} (weak, narrows messages of several rules)", all.join(", ")));
    }
    if notes.witnesses.is_empty() && notes.foreign.is_empty() {
        let names: Vec<String> = notes
            .identities
            .iter()
            .filter(|i| overlay::is_name(i))
            .take(6)
            .map(|i| format!("{}={}", i.key, short(&i.value, 40)))
            .collect();
        let seen = match names.is_empty() {
            true => "nothing in the record names who writes or who was talked to".to_owned(),
            false => format!(
                "no host, name or shape of a provider; names seen, none of a provider's: {}",
                names.join(", ")
            ),
        };
        say(page, &seen);
    }
}

/// What speaks against each provider that a literal may be of.
fn against(told: &Told<'_>) -> Vec<String> {
    let notes = &told.explained.notes;
    let owners_all = owners(notes, |_| true);
    let proven = owners(notes, |s| matches!(s.proof, Some(Proven::By { .. })));
    let mut lines = Vec::new();
    let mut strangers: Vec<&str> = notes.witnesses.iter().map(|w| &*w.provider).collect();
    strangers.sort_unstable();
    strangers.dedup();
    strangers.retain(|p| !owners_all.is_empty() && !owners_all.contains(p));
    lines.extend(strangers.iter().map(|p| format!("against {p}: named, but what was found is not its code")));
    let rules = &told.book.engine.catalogue.rules;
    let settled = told.explained.judgement.faults.iter().filter_map(|f| f.rule.as_ref());
    for rule in settled.filter_map(|id| rules.iter().find(|r| r.id == *id)) {
        if !notes.statuses.is_empty()
            && !rule.http.is_empty()
            && !rule.http.iter().any(|s| notes.statuses.contains(s))
        {
            let http: Vec<String> = rule.http.iter().map(u16::to_string).collect();
            lines.push(format!(
                "against {}: its HTTP status is {}, another one stands here (weak, never a veto)",
                rule.id,
                http.join(", ")
            ));
        }
    }
    for owner in owners_all.into_iter().filter(|owner| !proven.contains(owner)) {
        let mut others: Vec<&str> =
            notes.witnesses.iter().map(|w| &*w.provider).filter(|p| *p != owner).collect();
        others.dedup();
        if !others.is_empty() && !notes.witnesses.iter().any(|w| &*w.provider == owner) {
            lines.push(format!("against {owner}: nothing names it, and {} is named", others.join(", ")));
        }
    }
    lines
}

/// Providers that a judged hit is proven to be of, or may be of.
fn owners(notes: &Notes, which: impl Fn(&Sighting) -> bool) -> Vec<&str> {
    let judged = notes.sightings.iter().filter(|s| s.proof.is_some() && which(s));
    let mut owners: Vec<&str> = Vec::new();
    for sighting in judged {
        match &sighting.proof {
            Some(Proven::By { provider, .. }) => owners.push(provider),
            _ => owners.extend(sighting.owners.iter().map(|o| &*o.provider)),
        }
    }
    owners.sort_unstable();
    owners.dedup();
    owners
}
