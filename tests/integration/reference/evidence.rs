//! Who was talked to: hosts, identities and shapes, each with the view it stands in, and who is proven at a place.
//!
//! The nearest place that says anything decides: own clause, own text, own object, then each enclosing text and object
//! outwards, at last the record. Inside a place a host beats a foreign marker (a shape beats that too), a foreign
//! marker beats an identity, an identity beats a shape; two owners of one strength prove nobody.

use super::Mapped;
use super::hits::clause;
use super::literals::Catalogue;
use super::positions::{NAME_OF_A_THING, Places, is_error_key, level_word};
use super::views::{Object, Style, Text, Views, normal};
use super::wrappers::Unwrapped;
use faultline::catalogue::schema::Needs;
use regex::Regex;
use std::collections::BTreeSet;
use std::sync::LazyLock;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strength {
    Host,
    Identity,
    Shape,
}

#[derive(Debug, Clone)]
pub struct Mark {
    /// `None`: somebody who is not loaded.
    pub provider: Option<usize>,
    pub strength: Strength,
    /// The text or object it stands in; `None` for what a wrapper said.
    pub view: Option<usize>,
    pub at: usize,
    /// Speaks for what stands with or below it only.
    pub local: bool,
    /// The host itself.
    pub host: Option<String>,
}

#[derive(Debug, Clone)]
pub struct Evidence {
    pub marks: Vec<Mark>,
    /// Tenants that an operator's mapping names, with the provider.
    pub mapped_tenants: Vec<(usize, String)>,
    /// Left out of the proofs: asks what would have come out without them.
    pub ignore_foreign: bool,
}

const IDENTITY_KEYS: [&str; 28] = [
    "service",
    "svc",
    "app",
    "application",
    "component",
    "module",
    "logger",
    "client",
    "connector",
    "idp",
    "provider",
    "vendor",
    "integration",
    "upstream",
    "issuer",
    "target",
    "peer",
    "servicename",
    "appname",
    "loggername",
    "container",
    "containername",
    "pod",
    "podname",
    "unit",
    "systemdunit",
    "syslogidentifier",
    "program",
];

static URL_HOST: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"://(?:[^\s/?#"'<>@\x01\x02]*@)?([A-Za-z0-9.-]+)"#).expect("valid"));
static BARE_HOST: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^((?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,})(?::\d+)?/?$").expect("valid"));
/// Logger, class and exception names: dotted, the last or last but one part with a capital; or `SomethingException`.
static CLASS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"[A-Za-z_$][A-Za-z0-9_$]*(?:(?:\.|::)[A-Za-z_$][A-Za-z0-9_$]*)+|[A-Z][A-Za-z0-9_$]*(?:Exception|Error)\b").expect("valid")
});
static BRACKETED: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"[\[(]([A-Za-z][A-Za-z0-9_.:-]{1,60})[\])]").expect("valid"));
static DEPENDENCY: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"node_modules/((?:@[A-Za-z0-9_-]+/)?[A-Za-z0-9_.-]+)").expect("valid"));
static LOGGER_DASH: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?:^|[\] ])([A-Za-z][A-Za-z0-9_.$]*) - ").expect("valid"));
static WORD_BEHIND: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^[\s\]\[()>:,|-]*(?:\d+ )?[\s\]\[()>:,|-]*([A-Za-z@][A-Za-z0-9_.$-]*)").expect("valid")
});
static WORD: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"[A-Za-z0-9_-]+").expect("valid"));
static JOINT: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?i)^\s*(?:,|/|&|,?\s*\b(?:and|or)\b)\s*$").expect("valid"));

impl Evidence {
    pub fn collect(views: &Views, record: &Unwrapped, catalogue: &Catalogue, mapping: &[Mapped]) -> Evidence {
        let mut collector =
            Collector { views, catalogue, mapping, marks: Vec::new(), mapped_tenants: Vec::new() };
        for view in 0..views.all.len() {
            if views.all[view].below_query || views.all[view].dead {
                continue;
            }
            match (views.text(view), views.object(view)) {
                (Some(text), _) => collector.text(view, text),
                (_, Some(object)) => collector.object(view, object),
                _ => {}
            }
        }
        let said = |(name, value): &(String, String)| {
            IDENTITY_KEYS.contains(&normal(name).as_str()).then(|| value.clone())
        };
        for value in record.app.iter().cloned().chain(record.structured.iter().filter_map(said)) {
            collector.identity(&value, None, 0, false);
        }
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
    pub fn proof(
        &self,
        places: &Places,
        view: usize,
        at: usize,
        owners: &BTreeSet<usize>,
    ) -> Option<(usize, Strength)> {
        let views = places.views;
        let failing = places.failing(view, at, at);
        let mut at = at;
        for above in views.up(view) {
            let judged = match views.text(above) {
                Some(text) => {
                    let own = clause(text, at);
                    let in_clause = |mark: &&Mark| {
                        mark.view == Some(above)
                            && mark.strength != Strength::Shape
                            && clause(text, mark.at) == own
                    };
                    let name = left_name(places, above, text, at, failing);
                    let near_name = name.as_ref().filter(|name| clause(text, name.at) == own);
                    self.judge(in_clause, near_name, owners).or_else(|| {
                        let lines: Vec<usize> = text.line_objects.values().copied().collect();
                        let in_text = |mark: &&Mark| {
                            mark.view.is_some_and(|view| {
                                view == above || lines.iter().any(|line| belongs(views, view, *line))
                            })
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

    pub fn satisfies(needs: Needs, proof: Option<(usize, Strength)>, provider: usize) -> bool {
        match (needs, proof) {
            (Needs::Nothing, _) => true,
            (Needs::Identity, Some((proven, strength))) => proven == provider && strength != Strength::Shape,
            (Needs::Strong, Some((proven, _))) => proven == provider,
            (_, None) => false,
        }
    }

    /// What the marks of one place say; `None` where they say nothing. Only an owner of the code can be proven: marks of
    /// others prove nobody, and hide what is farther.
    fn judge(
        &self,
        here: impl Fn(&&Mark) -> bool,
        name: Option<&LeftName>,
        owners: &BTreeSet<usize>,
    ) -> Option<Judged> {
        let marks: Vec<&Mark> = self
            .marks
            .iter()
            .filter(here)
            .filter(|mark| mark.provider.is_some() || !self.ignore_foreign)
            .collect();
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
        if marks.iter().any(|mark| mark.provider.is_none()) {
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

/// Providers whose name is a word, or a sequence of words, of a text: `MyInfo`, `bankid-csc`, `OktaTokenClient`.
pub fn names_in(catalogue: &Catalogue, text: &str) -> BTreeSet<usize> {
    let words = words_of(text);
    let mut found = BTreeSet::new();
    for pack in &catalogue.packs {
        for name in &pack.pack.names {
            let name: String = words_of(name).concat();
            let begins_here =
                |from: usize| (from + 1..=words.len()).any(|to| words[from..to].concat() == name);
            if !name.is_empty() && (0..words.len()).any(begins_here) {
                found.insert(pack.provider);
            }
        }
    }
    found
}

/// Split at everything that is no letter or digit, and at camel case; in lower case.
fn words_of(text: &str) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    let mut words = vec![String::new()];
    for (index, letter) in letters.iter().enumerate() {
        let before = index.checked_sub(1).map(|index| letters[index]);
        let behind = letters.get(index + 1);
        let starts = letter.is_ascii_uppercase()
            && before.is_some_and(|before| {
                before.is_ascii_lowercase()
                    || before.is_ascii_digit()
                    || (before.is_ascii_uppercase() && behind.is_some_and(char::is_ascii_lowercase))
            });
        if starts || !letter.is_ascii_alphanumeric() {
            words.push(String::new());
        }
        if letter.is_ascii_alphanumeric() {
            words.last_mut().expect("never empty").push(letter.to_ascii_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// `okta.com` or `*.okta.com`: the domain and everything below it.
pub fn below(host: &str, domain: &str) -> bool {
    let domain = domain.trim_start_matches("*.").to_ascii_lowercase();
    host == domain || host.strip_suffix(&domain).is_some_and(|head| head.ends_with('.'))
}

struct Collector<'a> {
    views: &'a Views,
    catalogue: &'a Catalogue,
    mapping: &'a [Mapped],
    marks: Vec<Mark>,
    mapped_tenants: Vec<(usize, String)>,
}

impl Collector<'_> {
    fn mark(
        &mut self,
        provider: Option<usize>,
        strength: Strength,
        view: Option<usize>,
        at: usize,
        local: bool,
    ) {
        self.marks.push(Mark { provider, strength, view, at, local, host: None });
    }

    /// The provider of an operator's entry that fits; its tenant is remembered.
    fn mapped(&mut self, mapped: &Mapped) -> Option<usize> {
        let provider = self.catalogue.providers.iter().position(|provider| *provider == mapped.provider)?;
        self.mapped_tenants.extend(mapped.tenant.iter().map(|tenant| (provider, tenant.clone())));
        Some(provider)
    }

    fn host(&mut self, host: &str, view: usize, at: usize, local: bool) {
        let host = host.trim_end_matches(['.', '-']).to_ascii_lowercase();
        let mut found: BTreeSet<Option<usize>> = BTreeSet::new();
        for pack in &self.catalogue.packs {
            if pack.pack.evidence.strong.hosts.iter().any(|domain| below(&host, domain)) {
                found.insert(Some(pack.provider));
            }
        }
        for mapped in self
            .mapping
            .iter()
            .filter(|mapped| mapped.host.as_deref().is_some_and(|domain| below(&host, domain)))
        {
            found.extend(self.mapped(mapped).map(Some));
        }
        if self
            .catalogue
            .foreign
            .iter()
            .any(|foreign| foreign.hosts.iter().any(|domain| below(&host, domain)))
        {
            found.insert(None);
        }
        for provider in found {
            self.marks.push(Mark {
                provider,
                strength: Strength::Host,
                view: Some(view),
                at,
                local,
                host: Some(host.clone()),
            });
        }
    }

    /// A service, logger, class or package name.
    fn identity(&mut self, value: &str, view: Option<usize>, at: usize, local: bool) {
        let mut found = names_in(self.catalogue, value);
        for pack in &self.catalogue.packs {
            let strong = &pack.pack.evidence.strong;
            let logger = strong.loggers.iter().any(|prefix| value.starts_with(prefix.as_str()));
            if logger || strong.services.iter().any(|service| value.eq_ignore_ascii_case(service)) {
                found.insert(pack.provider);
            }
        }
        for mapped in self.mapping {
            let service = mapped.service.as_deref() == Some(value);
            if service || mapped.logger.as_deref().is_some_and(|logger| value.starts_with(logger)) {
                found.extend(self.mapped(mapped));
            }
        }
        for provider in found {
            self.mark(Some(provider), Strength::Identity, view, at, local);
        }
        if self
            .catalogue
            .foreign
            .iter()
            .any(|foreign| foreign.loggers.iter().any(|prefix| value.starts_with(prefix.as_str())))
        {
            self.mark(None, Strength::Identity, view, at, local);
        }
    }

    fn text(&mut self, view: usize, text: &Text) {
        for found in URL_HOST.captures_iter(&text.prose) {
            let host = found.get(1).expect("the group is not optional");
            self.host(host.as_str(), view, host.start(), false);
        }
        if let (Some(_), Some(found)) = (self.views.owner(view), BARE_HOST.captures(text.prose.trim())) {
            self.host(&found[1], view, 0, false);
        }
        for foreign in &self.catalogue.foreign {
            if let Some(found) = foreign.texts.iter().find_map(|marker| marker.find(&text.readable)) {
                self.mark(None, Strength::Identity, Some(view), found.start(), false);
            }
        }
        let mut offset = 0;
        let speaks =
            ["", "log", "message", "msg", "event"].contains(&normal(&self.views.all[view].key).as_str());
        for line in text.prose.split('\n') {
            for name in names_of_line(line, speaks) {
                self.identity(&name, Some(view), offset, false);
            }
            offset += line.len() + 1;
        }
    }

    fn object(&mut self, view: usize, object: &Object) {
        if object.style == Style::Query {
            self.query(view, object);
            self.foreign_fields(view, object);
            return self.shapes(view, object);
        }
        for field in &object.fields {
            let at = field.view.map_or(0, |view| self.views.all[view].at);
            let address = field.value.contains("://") || field.value.contains(['?', '@']);
            let name = &field.normal;
            let last = normal(
                field.name.strip_suffix(".name").unwrap_or(&field.name).rsplit('.').next().unwrap_or(""),
            );
            let known = IDENTITY_KEYS.contains(&name.as_str()) || IDENTITY_KEYS.contains(&last.as_str());
            if (known || last == "name") && !address {
                self.identity(&field.value, Some(view), at, !known);
            }
            // {"idp": {"name": "okta"}}
            let nested =
                IDENTITY_KEYS.contains(&normal(&self.views.all[view].key).as_str()) && field.normal == "name";
            if let (true, Some(above)) = (nested, self.views.all[view].parent) {
                self.identity(&field.value, Some(above), at, false);
            }
        }
        self.foreign_fields(view, object);
        self.shapes(view, object);
    }

    fn foreign_fields(&mut self, view: usize, object: &Object) {
        let named =
            |name: &String| self.catalogue.foreign.iter().any(|foreign| foreign.fields.contains(name));
        if object.fields.iter().any(|field| named(&field.name)) {
            self.mark(None, Strength::Identity, Some(view), 0, false);
        }
    }

    fn shapes(&mut self, view: usize, object: &Object) {
        let mut found = BTreeSet::new();
        for pack in &self.catalogue.packs {
            let fits = |shape: &Vec<(String, Option<Regex>)>| {
                shape.iter().all(|(name, value)| {
                    object.fields.iter().any(|field| {
                        field.name == *name
                            && value.as_ref().is_none_or(|value| value.is_match(field.value.trim()))
                    })
                })
            };
            let prefixes = &pack.pack.evidence.strong.event_types;
            let event = object.fields.iter().any(|field| {
                field.normal == "eventtype"
                    && prefixes.iter().any(|prefix| field.value.starts_with(prefix.as_str()))
            });
            if event || pack.shapes.iter().any(fits) {
                found.insert(pack.provider);
            }
        }
        for provider in found {
            self.mark(Some(provider), Strength::Shape, Some(view), 0, true);
        }
    }

    /// The address that carries an error: names in its first two path segments, its host, its `iss`.
    fn query(&mut self, view: usize, object: &Object) {
        if !object.fields.iter().any(|field| is_error_key(&field.normal)) {
            return;
        }
        let path = match object.address.split_once("://") {
            Some((_, rest)) => rest.split_once('/').map_or("", |(_, path)| path),
            None => object.address.trim_start_matches('/'),
        };
        for segment in path.split('/').take(2) {
            self.identity(&super::pairs::form_decoded(segment), Some(view), 0, true);
        }
        if let Some(found) = URL_HOST.captures(&object.address) {
            self.host(&found[1], view, 0, true);
        }
        let issuer = object
            .fields
            .iter()
            .find(|field| field.name == "iss")
            .map(|field| field.value.clone())
            .unwrap_or_default();
        if let Some(found) = URL_HOST.captures(&issuer).or_else(|| BARE_HOST.captures(&issuer)) {
            self.host(&found[1], view, 0, true);
        }
    }
}

/// Words of a line that name who writes or who was called: around the level, in brackets, loggers, classes, packages.
fn names_of_line(line: &str, header: bool) -> Vec<String> {
    let mut names = Vec::new();
    let free = |start: usize, end: usize| {
        let glued = |c: Option<char>| c.is_some_and(|c| "/@\\".contains(c));
        !glued(line[..start].chars().next_back()) && !glued(line[end..].chars().next())
    };
    let mut add = |found: regex::Match| {
        if free(found.start(), found.end()) {
            names.push(found.as_str().to_string());
        }
    };
    for found in CLASS.find_iter(line) {
        let parts: Vec<&str> = found.as_str().split(['.', ':']).filter(|part| !part.is_empty()).collect();
        if parts.iter().rev().take(2).any(|part| part.starts_with(|c: char| c.is_ascii_uppercase())) {
            add(found);
        }
    }
    for pattern in [&*BRACKETED, &*DEPENDENCY] {
        pattern.captures_iter(line).filter_map(|found| found.get(1)).for_each(|found| {
            if pattern.as_str() == DEPENDENCY.as_str() || free(found.start(), found.end()) {
                names.push(found.as_str().to_string());
            }
        });
    }
    if header {
        LOGGER_DASH
            .captures_iter(line)
            .filter_map(|found| found.get(1))
            .filter(|found| free(found.start(), found.end()))
            .for_each(|found| names.push(found.as_str().to_string()));
        if let Some((_, start, end)) = level_word(line) {
            let before = line[..start].trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
            let from =
                before.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || "_.$-".contains(c)).len();
            let word = &before[from..];
            if word.starts_with(|c: char| c.is_ascii_alphabetic()) && free(from, before.len()) {
                names.push(word.to_string());
            }
            if let Some(found) = WORD_BEHIND.captures(&line[end..]).and_then(|found| found.get(1))
                && free(end + found.start(), end + found.end())
            {
                names.push(found.as_str().to_string());
            }
        }
    }
    names
}
