//! Texts that stand in each other's way, against the list of those that somebody looked at and accepted.
//!
//! Three kinds: the same code or message with several providers; a code that is the beginning, the end or a part of
//! another one; a message that stands in another rule's message or in a test line of another provider. The engine
//! settles all of them (whole tokens, the longest message, evidence), so none is an error of a pack; a new one is a
//! decision that somebody should have made. An accepted one that is no more goes from the list.

use std::collections::{BTreeMap, BTreeSet};

use super::texts::{self, Finder, Message, Tokens};
use super::{Review, Site, sites};
use crate::catalogue::diagnostic::{Diagnostic, Step, quoted};
use crate::catalogue::load::{Document, Loaded};
use crate::catalogue::schema::{Accepted, Expect};

/// Overlaps that are reported; more are a pack that was copied.
const REPORTED_MAX: usize = 1000;

/// What overlaps, as a list accepts it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Overlap<'a> {
    /// A text and one more provider that has it.
    Same(&'a str, &'a str),
    /// A code in a longer one.
    Part(&'a str, &'a str),
    /// `provider:code` whose message stands in one of the other.
    Message(String, String),
}

/// The place of an entry of a list: document, entry, element.
type Entry<'a> = (&'a Loaded<'a>, usize, &'static str, usize);

pub(super) fn check(all: &[Loaded<'_>], builtin_is_whole: bool, review: &mut Review) {
    let sites = sites(all);
    let mut accepted = accepted(all);
    let mut seen = BTreeSet::new();
    let mut report = |overlap: Overlap<'_>, finding: &dyn Fn() -> Diagnostic, review: &mut Review| {
        if !seen.insert(format!("{overlap:?}")) {
            return;
        }
        if let Some(entry) = accepted.get_mut(&format!("{overlap:?}")) {
            entry.1 = true;
            review.accepted += 1;
        } else if review.errors.len() < REPORTED_MAX {
            review.errors.push(finding());
        }
    };
    let tokens = texts::tokens(&sites);
    same(&tokens, review, &mut report);
    parts(&tokens, review, &mut report);
    messages(&texts::messages(&sites), &sites, review, &mut report);
    for ((loaded, entry, field, element), used) in accepted.values() {
        // A shipped list speaks of the shipped packs; where one was replaced it may well say too much.
        if !used && (builtin_is_whole || !loaded.is_builtin) {
            let path = ["accepted".into(), (*entry).into(), (*field).into(), Step::Index(*element)];
            let hint = "take it off the list";
            let message = "this overlap is accepted, but there is none".to_owned();
            review.errors.push(loaded.at.finding(&path, message, Some(hint.to_owned())));
        }
    }
}

type Report<'r> = dyn FnMut(Overlap<'_>, &dyn Fn() -> Diagnostic, &mut Review) + 'r;

/// Everything that is accepted, and whether it was met.
fn accepted<'a>(all: &'a [Loaded<'a>]) -> BTreeMap<String, (Entry<'a>, bool)> {
    let mut accepted = BTreeMap::new();
    for loaded in all {
        let Document::Accepted(list) = &loaded.document else { continue };
        for (n, entry) in list.accepted.iter().enumerate() {
            for (m, overlap) in overlaps_of(entry).into_iter().enumerate() {
                accepted.insert(format!("{overlap:?}"), ((loaded, n, field_of(entry), m), false));
            }
        }
    }
    accepted
}

fn overlaps_of(entry: &Accepted) -> Vec<Overlap<'_>> {
    if let Some(text) = &entry.same {
        return entry.providers.iter().map(|provider| Overlap::Same(text, provider)).collect();
    }
    if let Some(part) = &entry.part {
        return entry.of.iter().map(|of| Overlap::Part(part, of)).collect();
    }
    let message = entry.message.as_deref().unwrap_or_default();
    entry.within.iter().map(|other| Overlap::Message(message.to_owned(), other.clone())).collect()
}

fn field_of(entry: &Accepted) -> &'static str {
    match (&entry.same, &entry.part) {
        (Some(_), _) => "providers",
        (_, Some(_)) => "of",
        _ => "within",
    }
}

/// A finding about two rules stands at the one that came later, and names the other.
fn between(
    (here, field): (&Site<'_>, &str),
    (other, other_field): (&Site<'_>, &str),
    what: String,
    entry: String,
) -> Diagnostic {
    let message = format!("{what}, {}", other.place(other_field));
    let hint = format!("if both are meant, accept it in a rule file: accepted: [{entry}]");
    here.finding(field, message, Some(hint))
}

fn same(tokens: &Tokens<'_>, review: &mut Review, report: &mut Report<'_>) {
    for (text, owners) in tokens {
        let Some((first, first_field)) = owners.first() else { continue };
        let providers: BTreeSet<&str> = owners.iter().map(|(site, _)| site.provider).collect();
        if providers.len() < 2 {
            continue;
        }
        let all: Vec<&str> = providers.iter().copied().collect();
        for provider in &providers {
            let own = owners.iter().rev().find(|(site, _)| site.provider == *provider);
            let Some((here, field)) = own else { continue };
            let (other, other_field) = owners
                .iter()
                .find(|(site, _)| site.provider != *provider)
                .map_or((first, first_field), |(site, field)| (site, field));
            let finding = || {
                let what = format!("{} is a code of {} too", quoted(text), quoted(other.provider));
                let entry = format!("{{same: {text:?}, providers: [{}]}}", all.join(", "));
                between((here, field), (other, other_field), what, entry)
            };
            report(Overlap::Same(text, provider), &finding, review);
        }
    }
}

/// Pairs are found over the parts of the longer text, so the work grows with the length of the texts and not with the
/// square of their number.
fn parts(tokens: &Tokens<'_>, review: &mut Review, report: &mut Report<'_>) {
    for (longer, of_longer) in tokens {
        let ends: Vec<usize> = longer.char_indices().map(|(at, _)| at).chain([longer.len()]).collect();
        for (n, from) in ends.iter().enumerate() {
            for to in &ends[n + 1..] {
                let shorter = &longer[*from..*to];
                if shorter.len() == longer.len() {
                    continue;
                }
                let (Some(of_shorter), Some((here, field))) = (tokens.get(shorter), of_longer.first()) else {
                    continue;
                };
                let Some((other, other_field)) = of_shorter.first() else { continue };
                let finding = || {
                    let what = format!("{} holds the code {}", quoted(longer), quoted(shorter));
                    let entry = format!("{{part: {shorter:?}, of: [{longer:?}]}}");
                    between((here, field), (other, other_field), what, entry)
                };
                report(Overlap::Part(shorter, longer), &finding, review);
            }
        }
    }
}

fn messages(messages: &[Message<'_>], sites: &[Site<'_>], review: &mut Review, report: &mut Report<'_>) {
    let finder = Finder::new(messages);
    for longer in messages {
        for shorter in finder.find(&longer.sample()) {
            let shorter = &messages[shorter];
            let is_own = shorter.site.code() == longer.site.code();
            if shorter.text != longer.text && !is_own {
                let what = format!("this message holds that of {}", quoted(&shorter.site.code()));
                pair(shorter, &longer.site, "message", what, review, report);
            } else if shorter.site.provider != longer.site.provider {
                let what = format!("{} sends the same message", quoted(&shorter.site.code()));
                pair(shorter, &longer.site, "message", what, review, report);
            }
        }
    }
    for site in sites {
        for test in site.rule.tests.iter().filter(|test| test.expect == Expect::Match) {
            for shorter in finder.find(test.line.as_bytes()) {
                let shorter = &messages[shorter];
                if shorter.site.provider != site.provider {
                    let what = format!("a test line holds the message of {}", quoted(&shorter.site.code()));
                    pair(shorter, site, "tests", what, review, report);
                }
            }
        }
    }
}

fn pair(
    shorter: &Message<'_>,
    longer: &Site<'_>,
    field: &str,
    what: String,
    review: &mut Review,
    report: &mut Report<'_>,
) {
    let overlap = Overlap::Message(shorter.site.code(), longer.code());
    let finding = || {
        let entry = format!("{{message: {:?}, within: [{:?}]}}", shorter.site.code(), longer.code());
        between((longer, field), (&shorter.site, "message"), what.clone(), entry)
    };
    report(overlap, &finding, review);
}
