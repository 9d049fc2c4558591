//! Evidence: hosts, identities and shapes that speak for a provider, and markers that speak for somebody not loaded.
//!
//! Each piece stands at a node of the views, so that nearer evidence can beat farther. What counts where is section 4
//! of the attribution rules; the words and hosts themselves are data of the packs.

use memchr::memmem;

use super::names::Field as Name;
use super::prose;
use super::reading::{Mark, Named, Reading};
use super::views::{Format, Kind, NodeId, Object, Text};
use super::written::{identifier_after, identifier_before, is_joined, written_names};
use crate::catalogue::compile::ProviderId;

/// How strong: a host beats an identity beats a shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    Host,
    Identity,
    Shape,
}

#[derive(Debug, Clone)]
pub struct Evidence {
    pub provider: ProviderId,
    pub strength: Strength,
    /// Where it stands; `None` is the record's wrapper or source.
    pub node: Option<NodeId>,
    /// Where in the prose of a text; 0 elsewhere.
    pub at: usize,
    /// In words, for people.
    pub words: String,
    /// The host itself, for its tenant label.
    pub host: Option<String>,
    /// `name` of an object, path and issuer of a query: speaks for that object and what is below it only.
    pub local: bool,
}

/// The longest text in words of a piece of evidence, in bytes.
const WORDS_MAX: usize = 96;
/// Lines of a text in which identities are looked for.
const LINES_MAX: usize = 256;
/// Identity places that an explanation keeps.
const NAMED_MAX: usize = 256;

impl<'a> Reading<'a> {
    pub(super) fn read_evidence(&mut self) {
        let views = self.views;
        // Most records name nobody and bear no mark: one look at the whole spares a look at every word.
        self.names_somebody = self.named.is_some()
            || self.lexicon.may_name(&self.record.text)
            || self.record.envelope.app.as_ref().is_some_and(|app| self.lexicon.may_name(app.as_bytes()))
            || self.catalogue.providers.iter().any(|p| !p.maps.is_empty());
        self.bears_foreign_text = self.catalogue.foreign.text.iter().any(|m| m.is_match(&self.record.text));
        for (node, n) in views.nodes.iter().enumerate() {
            match &n.kind {
                Kind::Object(object) => self.object_evidence(node, object),
                Kind::Text(text) => self.text_evidence(node, text),
            }
        }
        if let Some(app) = self.record.envelope.app.clone() {
            self.identity(None, "app", app.as_bytes());
        }
        self.origin_evidence();
    }

    fn object_evidence(&mut self, node: NodeId, object: &Object) {
        let views = self.views;
        for field in &object.fields {
            let Some(value) = field.value.map(|v| views.slice(v)) else { continue };
            let key = views.slice(field.key);
            let identity = field.name.is(Name::IDENTITY)
                || (field.name.is(Name::NAME) && self.views.nodes[node].name.is(Name::IDENTITY));
            if object.format != Format::Query && (identity || field.name.is(Name::NAME)) {
                let first = self.evidence.len();
                // `service: { name: … }` is the enclosing object's `service.name`.
                let nested = !field.name.is(Name::IDENTITY) && views.nodes[node].name.is(Name::IDENTITY);
                let speaker = views.nodes[node].parent.filter(|_| nested).unwrap_or(node);
                self.identity(Some(speaker), &String::from_utf8_lossy(key), value);
                self.evidence[first..].iter_mut().for_each(|e| e.local = !identity);
            }
            if let Some(field) = self.catalogue.foreign.fields.iter().find(|f| f.as_bytes() == key) {
                self.mark(node, format!("field {field}"));
            }
            if field.name.is(Name::EVENT_TYPE) {
                self.event_type(node, value);
            }
        }
        self.shapes(node, object);
        if let Some((host, path)) = object.url {
            self.url(node, object, host, path);
        }
    }

    fn event_type(&mut self, node: NodeId, value: &[u8]) {
        let catalogue = self.catalogue;
        for (provider, p) in catalogue.providers.iter().enumerate() {
            if let Some(prefix) = p.event_types.iter().find(|t| value.starts_with(t.as_bytes())) {
                self.note(provider, Strength::Shape, Some(node), format!("event type {prefix}*"));
            }
        }
    }

    fn shapes(&mut self, node: NodeId, object: &Object) {
        let catalogue = self.catalogue;
        for (provider, p) in catalogue.providers.iter().enumerate() {
            for shape in &p.shapes {
                let holds = |(name, regex): &(String, Option<regex::bytes::Regex>)| {
                    object.fields.iter().any(|f| {
                        self.views.slice(f.key) == name.as_bytes()
                            && regex
                                .as_ref()
                                .is_none_or(|r| f.value.is_some_and(|v| r.is_match(self.views.slice(v))))
                    })
                };
                if shape.iter().all(holds) {
                    let names: Vec<&str> = shape.iter().map(|(n, _)| n.as_str()).collect();
                    self.note(provider, Strength::Shape, Some(node), format!("shape {}", names.join("+")));
                }
            }
        }
    }

    /// The URL that carries a query: its host, the first two segments of its path if it carries an error, its issuer.
    fn url(&mut self, node: NodeId, object: &Object, host: super::views::Span, path: super::views::Span) {
        let views = self.views;
        self.hosts_in(Some(node), views.slice(host), true);
        if !object.fields.iter().any(|f| f.name.is(Name::ERROR)) {
            return;
        }
        // The path and the issuer speak for this query, not for what is around it.
        let first = self.evidence.len();
        for segment in views.slice(path).split(|b| *b == b'/').filter(|s| !s.is_empty()).take(2) {
            self.identity(Some(node), "path", segment);
        }
        for issuer in object.fields.iter().filter(|f| f.name.is(Name::ISSUER)).filter_map(|f| f.value) {
            self.hosts_in(Some(node), views.slice(issuer), true);
        }
        self.evidence[first..].iter_mut().for_each(|e| e.local = true);
    }

    fn text_evidence(&mut self, node: NodeId, text: &Text) {
        let views = self.views;
        let name = views.nodes[node].name;
        let is_query = |o: NodeId| views.object_of(o).is_some_and(|o| o.format == Format::Query);
        let in_query = views.holder(node).is_some_and(is_query);
        if in_query || name.is(Name::NOWHERE) {
            return;
        }
        let words = views.slice(text.prose);
        self.hosts_in(Some(node), words, views.holder(node).is_some());
        let catalogue = self.catalogue;
        let markers = if self.bears_foreign_text { &catalogue.foreign.text[..] } else { &[] };
        for marker in markers {
            if let Some(found) = marker.find(views.slice(text.whole)) {
                self.mark(node, format!("text {}", String::from_utf8_lossy(found.as_bytes())));
            }
        }
        if !self.names_somebody {
            return;
        }
        let body = views.nodes[node].key.is_empty() || name.is(Name::BODY);
        for line in words.split(|b| *b == b'\n').take(LINES_MAX) {
            self.line_identities(node, line, body);
        }
    }

    /// Words of a line that name who writes or who was talked to.
    fn line_identities(&mut self, node: NodeId, line: &[u8], body: bool) {
        let mut places: Vec<&[u8]> = Vec::new();
        if body && let Some((_, at)) = prose::level(line) {
            // A path or URL there is no name; the package of a file is looked for below.
            let plain = |word: &&[u8]| memchr::memchr(b'/', word).is_none();
            places.extend(identifier_before(&line[..at.start]).filter(plain));
            places.extend(identifier_after(&line[at.end..]).filter(plain));
        }
        written_names(line, &mut places);
        for place in places {
            if !is_joined(self.lexicon, line, place) {
                self.identity(Some(node), "text", place);
            }
        }
    }

    /// A value or word in an identity place: names, loggers, mapped services.
    fn identity(&mut self, node: Option<NodeId>, key: &str, value: &[u8]) {
        const NAME_MAX: usize = 256;
        if !self.names_somebody {
            return;
        }
        let is_name = |v: &[u8]| {
            memmem::find(v, b"://").is_none()
                && !v.iter().any(|b| matches!(b, b'{' | b'?' | b'\n'))
                && !v.iter().skip(1).any(|b| *b == b'@')
        };
        if value.len() > NAME_MAX || !is_name(value) {
            // A text or URL that stands in the field of a name is no name; the host of a URL speaks for itself.
            return;
        }
        if let Some(named) = self.named.as_mut().filter(|named| named.len() < NAMED_MAX) {
            let value = String::from_utf8_lossy(value).into_owned();
            named.push(Named { key: key.to_owned(), value });
        }
        let (catalogue, lexicon) = (self.catalogue, self.lexicon);
        let words = |what: &str| shorten(&format!("{what} {key}={}", String::from_utf8_lossy(value)));
        for provider in lexicon.names_in(value) {
            self.note(provider, Strength::Identity, node, words("identity"));
        }
        for (logger, provider) in lexicon.loggers.iter().filter(|(l, _)| holds_logger(value, l)) {
            match provider {
                Some(provider) => self.note(*provider, Strength::Identity, node, words("identity")),
                None => self.mark(node.unwrap_or(0), format!("logger {}", logger.trim_end_matches('.'))),
            }
        }
        for (provider, map) in
            catalogue.providers.iter().enumerate().flat_map(|(id, p)| p.maps.iter().map(move |m| (id, m)))
        {
            let service = map.service.as_ref().is_some_and(|s| s.as_bytes().eq_ignore_ascii_case(value));
            let logger = map.logger.as_ref().is_some_and(|l| holds_logger(value, l));
            if service {
                self.note(provider, Strength::Identity, node, words("mapped"));
            }
            if service || logger {
                self.mapped_tenants.extend(map.tenant.clone().map(|t| (provider, t)));
            }
        }
    }

    /// Hosts of packs and of those who are not loaded, anywhere in `text`.
    fn hosts_in(&mut self, node: Option<NodeId>, text: &[u8], value: bool) {
        if memchr::memchr(b'.', text).is_none() {
            return;
        }
        let (catalogue, lexicon) = (self.catalogue, self.lexicon);
        for found in lexicon.hosts(text, value) {
            let Some(provider) = found.provider else {
                self.mark(node.unwrap_or(0), format!("host {}", found.host));
                continue;
            };
            let below = |host: &String| is_below(&found.host, host);
            let maps = &catalogue.providers[provider].maps;
            let mapped =
                maps.iter().filter(|m| m.host.as_ref().is_some_and(below)).filter_map(|m| m.tenant.clone());
            self.mapped_tenants.extend(mapped.map(|t| (provider, t)));
            self.note(provider, Strength::Host, node, format!("host *.{}", found.domain));
            if let Some(last) = self.evidence.last_mut() {
                last.host = Some(found.host);
                last.at = found.at;
            }
        }
    }

    fn mark(&mut self, node: NodeId, words: String) {
        self.foreign.push(Mark { words, node });
    }

    pub(super) fn note(
        &mut self,
        provider: ProviderId,
        strength: Strength,
        node: Option<NodeId>,
        words: String,
    ) {
        self.evidence.push(Evidence { provider, strength, node, at: 0, words, host: None, local: false });
    }
}

/// Whether a host (small letters) is a domain or stands below it.
fn is_below(host: &str, domain: &str) -> bool {
    let domain = domain.trim_start_matches("*.").to_ascii_lowercase();
    host.strip_suffix(&*domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// The logger prefix stands in `value` at the start of a name.
fn holds_logger(value: &[u8], logger: &str) -> bool {
    let free = |at: usize| {
        at == 0 || !(value[at - 1].is_ascii_alphanumeric() || matches!(value[at - 1], b'.' | b'_'))
    };
    // Most values are shorter, which needs no searcher to know.
    value.len() >= logger.len() && memmem::find_iter(value, logger.as_bytes()).any(free)
}

pub(super) fn shorten(words: &str) -> String {
    let mut end = words.len().min(WORDS_MAX);
    while !words.is_char_boundary(end) {
        end -= 1;
    }
    words[..end].to_owned()
}
