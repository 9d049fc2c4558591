//! Every view → marks: hosts, identities, shapes and foreign markers, each with the view it stands in.

use super::Mapped;
use super::literals::Catalogue;
use super::names::{names_in, names_of_line};
use super::positions::is_error_key;
use super::views::{Object, Style, Text, Views, normal};
use super::wrappers::Unwrapped;
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
/// `okta.com` or `*.okta.com`: the domain and everything below it.
pub fn below(host: &str, domain: &str) -> bool {
    let domain = domain.trim_start_matches("*.").to_ascii_lowercase();
    host == domain || host.strip_suffix(&domain).is_some_and(|head| head.ends_with('.'))
}

pub struct Collector<'a> {
    views: &'a Views,
    catalogue: &'a Catalogue,
    mapping: &'a [Mapped],
    pub marks: Vec<Mark>,
    /// Tenants that an operator's mapping names, with the provider.
    pub mapped_tenants: Vec<(usize, String)>,
}

impl<'a> Collector<'a> {
    /// Reads all views, and what the wrappers said.
    pub fn read(
        views: &'a Views,
        record: &Unwrapped,
        catalogue: &'a Catalogue,
        mapping: &'a [Mapped],
    ) -> Collector<'a> {
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
        collector
    }

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
                if joined(self.catalogue, line, &name) {
                    continue;
                }
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
            // a text in the field of a name is no name
            let text = field.value.len() > 256 || field.value.contains(['{', '\n']);
            if (known || last == "name") && !address && !text {
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

/// Two names joined prove nobody.
fn joined(catalogue: &Catalogue, line: &str, name: &str) -> bool {
    static JOINED: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"^(?:\s*[,&+]\s*|\s+(?:and|or)\s+)([A-Za-z0-9_.$-]+)").expect("valid"));
    let named = |text: &str| !names_in(catalogue, text).is_empty();
    named(name)
        && line
            .match_indices(name)
            .all(|(at, _)| JOINED.captures(&line[at + name.len()..]).is_some_and(|other| named(&other[1])))
}
