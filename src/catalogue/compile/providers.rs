//! Heads of packs and overlays → providers and rules: names, evidence, tenants, and what is said of each code.
//!
//! Packs and overlays of one provider add to the same provider; several rules may share a code, and the current one
//! speaks for it. Names of categories, severities and parties as labels show them are here too.

use std::sync::{Arc, LazyLock};

use regex::Regex;

use super::Builder;
use super::model::{OriginPart, Provider, ProviderId, Rule, TenantOrigin};
use crate::catalogue::schema::{self, Category, FaultParty, Severity, Shape};
use crate::event::{CodeInfo, Label};

const TENANT_CHARS_MAX: usize = 63;

/// Whether a value may be a tenant where its pack has no `tenant_allow`: a letter or digit, then up to 62 letters, digits,
/// `.`, `_`, `:` and `-`.
pub fn is_tenant(value: &str) -> bool {
    // A bounded repetition would compile the classes of Unicode 62 times: 30 ms of each start.
    static SYNTAX: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"^[\p{L}\p{N}][\p{L}\p{N}._:-]*$").expect("a constant that compiles"));
    SYNTAX.is_match(value) && value.chars().count() <= TENANT_CHARS_MAX
}

impl Builder {
    /// The provider of a pack, made or added to.
    pub(super) fn provider(&mut self, pack: &schema::Pack) -> ProviderId {
        let id = self.provider_named(&pack.provider.id);
        let p = &mut self.out.providers[id];
        if let Some(name) = &pack.provider.name {
            p.name.clone_from(name);
        }
        p.operated_by_us |= pack.provider.operated_by == Some(schema::OperatedBy::Us);
        extend(&mut p.names, pack.names.iter().map(|n| squeeze(n)));
        let strong = &pack.evidence.strong;
        extend(&mut p.hosts, strong.hosts.iter().map(|h| domain(h)));
        extend(&mut p.loggers, strong.loggers.iter().cloned());
        extend(&mut p.event_types, strong.event_types.iter().cloned());
        extend(&mut p.url_paths, pack.evidence.weak.url_paths.iter().cloned());
        p.shapes.extend(strong.shapes.iter().map(shape));
        for service in &strong.services {
            p.maps.push(schema::Mapping { service: Some(service.clone()), ..Default::default() });
        }
        for topic in &strong.topics {
            p.maps.push(schema::Mapping { topic: Some(topic.clone()), ..Default::default() });
        }
        if let Some(allow) = &pack.tenant_allow {
            p.tenant_allow = Some(Regex::new(allow).expect("checked when loaded"));
        }
        p.endpoint_hints
            .extend(pack.endpoint_hints.iter().map(|h| (h.text.clone(), Label::from(&*h.endpoint))));
        for hint in &pack.tenant {
            tenant_hint(p, hint);
        }
        id
    }

    fn provider_named(&mut self, id: &str) -> ProviderId {
        if let Some(at) = self.out.providers.iter().position(|p| &*p.id == id) {
            return at;
        }
        self.out.providers.push(Provider {
            id: id.into(),
            name: id.to_owned(),
            operated_by_us: false,
            names: Vec::new(),
            hosts: Vec::new(),
            loggers: Vec::new(),
            event_types: Vec::new(),
            shapes: Vec::new(),
            url_paths: Vec::new(),
            tenant_allow: None,
            endpoint_hints: Vec::new(),
            tenant_fields: Vec::new(),
            tenant_paths: Vec::new(),
            tenant_hosts: Vec::new(),
            symptoms: Vec::new(),
            maps: Vec::new(),
            tenant_origins: Vec::new(),
            categories: Vec::new(),
        });
        self.out.providers.len() - 1
    }

    pub(super) fn rule(&mut self, provider: ProviderId, rule: &schema::Rule) {
        let id = &self.out.providers[provider].id;
        let category = Label::from(category_name(rule.category));
        let key = (id.clone(), Label::from(&*rule.code));
        // Several rules may share a code: what is said of it is the current one's.
        if !rule.retired || !self.out.info.contains_key(&key) {
            self.out.info.entry(key).or_insert_with(|| code_info(rule, &category));
        }
        self.out.rules.push(Rule {
            id: format!("{id}.{}", rule.id).into(),
            provider,
            code: (&*rule.code).into(),
            wire: rule.wire.as_deref().map(Label::from),
            internal: rule.internal.as_deref().map(Label::from),
            name: rule.name.as_deref().map(Label::from),
            category: category.clone(),
            severity: rule.severity,
            endpoint: rule.endpoint.as_deref().map(Label::from),
            http: rule.http.clone(),
            retired: rule.retired,
        });
        let categories = &mut self.out.providers[provider].categories;
        if let Err(at) = categories.binary_search(&category) {
            categories.insert(at, category);
        }
    }

    pub(super) fn overlay(&mut self, overlay: &schema::Overlay) {
        let id = self.provider_named(&overlay.provider.id);
        let p = &mut self.out.providers[id];
        if let Some(name) = &overlay.provider.name {
            p.name.clone_from(name);
        }
        if let Some(by) = overlay.provider.operated_by {
            p.operated_by_us = by == schema::OperatedBy::Us;
        }
        extend(&mut p.names, overlay.names.iter().map(|n| squeeze(n)));
        for map in &overlay.map {
            extend(&mut p.hosts, map.host.iter().map(|h| domain(h)));
            extend(&mut p.loggers, map.logger.iter().cloned());
            p.maps.push(map.clone());
        }
        p.tenant_origins.extend(overlay.tenant.iter().filter_map(tenant_origin));
        for change in &overlay.rules {
            self.override_rule(id, change);
        }
    }

    fn override_rule(&mut self, provider: ProviderId, change: &schema::RuleOverride) {
        let full = format!("{}.{}", self.out.providers[provider].id, change.id);
        let Some(rule) = self.out.rules.iter_mut().find(|r| *r.id == *full) else { return };
        let key = (self.out.providers[provider].id.clone(), rule.code.clone());
        if let (Some(info), Some(severity)) = (self.out.info.get_mut(&key), change.severity) {
            rule.severity = severity;
            info.severity = severity_name(severity).into();
        }
        if let (Some(info), Some(text)) = (self.out.info.get_mut(&key), &change.remediation) {
            info.remediation = (&**text).into();
        }
    }
}

pub(super) fn extend(into: &mut Vec<String>, from: impl Iterator<Item = String>) {
    for item in from {
        if !into.contains(&item) {
            into.push(item);
        }
    }
}

/// Lower-case letters and digits only.
pub fn squeeze(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

pub(super) fn domain(host: &str) -> String {
    host.strip_prefix("*.").unwrap_or(host).to_ascii_lowercase()
}

fn shape(shape: &Shape) -> Vec<(String, Option<regex::bytes::Regex>)> {
    match shape {
        Shape::Names(names) => names.iter().map(|n| (n.clone(), None)).collect(),
        Shape::Values(map) => map.iter().map(|(n, v)| (n.clone(), whole_regex(&v.to_string()))).collect(),
    }
}

fn whole_regex(text: &str) -> Option<regex::bytes::Regex> {
    (text != ".*").then(|| regex::bytes::Regex::new(&format!("^(?:{text})$")).expect("checked when loaded"))
}

fn tenant_hint(p: &mut Provider, hint: &schema::TenantHint) {
    if let Some(field) = &hint.field {
        extend(&mut p.tenant_fields, std::iter::once(field.clone()));
    }
    let around = |text: &String| text.split_once("{t}").map(|(a, b)| (a.to_owned(), b.to_owned()));
    if let Some(around) = hint.path.as_ref().and_then(around) {
        p.tenant_paths.push(around);
    }
    if let Some((before, after)) = hint.host.as_ref().and_then(around) {
        let known = p.tenant_hosts.iter().any(|(b, a, _)| *b == before && *a == after);
        if !known {
            p.tenant_hosts.push((before, after, hint.except.clone()));
        }
    }
}

fn tenant_origin(hint: &schema::OriginTenant) -> Option<TenantOrigin> {
    let namespace = hint.namespace.as_ref().map(|text| (OriginPart::Namespace, text));
    let (part, text) = namespace.or(hint.container.as_ref().map(|text| (OriginPart::Container, text)))?;
    let (before, after) = text.split_once("{t}")?;
    let (before, after) = (before.to_owned(), after.to_owned());
    Some(TenantOrigin { part, before, after, except: hint.except.clone() })
}

fn code_info(rule: &schema::Rule, category: &Label) -> CodeInfo {
    let title = rule.name.as_deref().or(rule.meaning.as_deref()).or(rule
        .message
        .as_slice()
        .first()
        .map(String::as_str));
    CodeInfo {
        category: category.clone(),
        severity: severity_name(rule.severity).into(),
        fault: fault_name(rule.fault).into(),
        retryable: if rule.retryable { "true" } else { "false" }.into(),
        title: title.unwrap_or(&rule.code).into(),
        remediation: Arc::from(&*rule.remediation),
    }
}

pub fn category_name(category: Category) -> &'static str {
    match category {
        Category::Request => "request",
        Category::Authentication => "authentication",
        Category::Authorization => "authorization",
        Category::UserAction => "user_action",
        Category::Token => "token",
        Category::KeyMaterial => "key_material",
        Category::Crypto => "crypto",
        Category::Resource => "resource",
        Category::Configuration => "configuration",
        Category::RateLimit => "rate_limit",
        Category::Service => "service",
        Category::Internal => "internal",
    }
}

pub fn severity_name(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
        Severity::Critical => "critical",
    }
}

fn fault_name(fault: FaultParty) -> &'static str {
    match fault {
        FaultParty::Caller => "caller",
        FaultParty::Provider => "provider",
        FaultParty::User => "user",
    }
}
