//! All documents together: ids, codes and endpoints of a provider over its packs, and overlays against them.

use super::{RULES_MAX, Report, steps};
use crate::catalogue::compile::is_tenant;
use crate::catalogue::diagnostic::{Diagnostic, Step, quoted, suggest};
use crate::catalogue::load::{Document, Loaded, pack_identity};
use crate::catalogue::schema::{Overlay, Pack, Rule, Severity};
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// One provider over all its packs.
#[derive(Default)]
struct Provider<'a> {
    packs: Vec<String>,
    ids: BTreeMap<&'a str, (&'a Loaded<'a>, usize)>,
    symptoms: HashMap<&'a str, &'a Loaded<'a>>,
    by_code: HashMap<&'a str, Vec<(&'a Loaded<'a>, usize, &'a Rule)>>,
    /// Codes, wire codes and aliases.
    names: BTreeSet<&'a str>,
    endpoints: BTreeSet<&'a str>,
    tenant_allow: Option<&'a str>,
    /// Something of it could not be read, so what seems to be missing may be there.
    partial: bool,
}

/// `unread`: some file could not be read at all.
pub(crate) fn across<'a>(all: &'a [Loaded<'a>], unread: bool, findings: &mut Vec<Diagnostic>) {
    let mut providers: BTreeMap<&str, Provider<'_>> = BTreeMap::new();
    let mut rules = 0;
    for (loaded, pack) in packs(all) {
        let report = &mut Report::new(&loaded.at, findings);
        let before = rules;
        rules += pack.rules.len();
        if before <= RULES_MAX && rules > RULES_MAX {
            let message = format!("with this rule there are more than {RULES_MAX}");
            report.say(steps!["rules", RULES_MAX - before], message, None);
        }
        let provider = providers.entry(&pack.provider.id).or_default();
        provider.packs.push(pack_identity(pack));
        provider.tenant_allow = pack.tenant_allow.as_deref().or(provider.tenant_allow);
        provider.partial |= !loaded.at.is_clean();
        gather(report, provider, loaded, pack);
    }
    for (loaded, pack) in packs(all) {
        let report = &mut Report::new(&loaded.at, findings);
        check_references(report, &providers[pack.provider.id.as_str()], pack);
    }
    for loaded in all {
        if let Document::Overlay(overlay) = &loaded.document {
            let report = &mut Report::new(&loaded.at, findings);
            check_overlay(report, &providers, overlay, unread);
        }
    }
}

fn packs<'a>(all: &'a [Loaded<'a>]) -> impl Iterator<Item = (&'a Loaded<'a>, &'a Pack)> {
    all.iter().filter_map(|loaded| match &loaded.document {
        Document::Pack(pack) => Some((loaded, pack.as_ref())),
        _ => None,
    })
}

/// Takes a pack in; complains where it contradicts the packs before.
fn gather<'a>(
    report: &mut Report<'_, '_>,
    provider: &mut Provider<'a>,
    loaded: &'a Loaded<'a>,
    pack: &'a Pack,
) {
    for (n, symptom) in pack.symptoms.iter().enumerate() {
        if let Some(first) = provider.symptoms.insert(&symptom.id, loaded) {
            let hint = format!("it is already used in {}", first.name);
            report.say(
                steps!["symptoms", n, "id"],
                format!("duplicate id {}", quoted(&symptom.id)),
                Some(&hint),
            );
        }
    }
    for (n, rule) in pack.rules.iter().enumerate() {
        if let Some((first, at)) = provider.ids.get(rule.id.as_str()) {
            let hint = format!("it is already used in {}", place(first, steps!["rules", *at, "id"]));
            report.say(steps!["rules", n, "id"], format!("duplicate id {}", quoted(&rule.id)), Some(&hint));
        } else {
            provider.ids.insert(&rule.id, (loaded, n));
        }
        let same_code = provider.by_code.entry(&rule.code).or_default();
        if let Some((first, at, other)) = same_code.first() {
            check_same(report, (n, rule), first, (*at, other));
        }
        same_code.push((loaded, n, rule));
        let names = [Some(&rule.code), rule.wire.as_ref()].into_iter().flatten().chain(&rule.aliases);
        provider.names.extend(names.map(String::as_str));
        provider.endpoints.extend(rule.endpoint.as_deref());
    }
}

fn place(loaded: &Loaded<'_>, path: &[Step<'_>]) -> String {
    format!("{}:{}", loaded.name, loaded.at.place(path).0)
}

/// Category, severity, retryable and fault are properties of the code: one series, one meaning.
fn check_same(
    report: &mut Report<'_, '_>,
    (n, rule): (usize, &Rule),
    first: &Loaded<'_>,
    (at, other): (usize, &Rule),
) {
    let differing = [
        ("category", word(rule.category), word(other.category)),
        ("severity", word(rule.severity), word(other.severity)),
        ("retryable", word(rule.retryable), word(other.retryable)),
        ("fault", word(rule.fault), word(other.fault)),
    ];
    for (field, here, there) in differing {
        if here != there && !first.at.is_tainted(steps!["rules", at, field]) {
            let message = format!(
                "{} of code {} is {} here, but {} in rule {}",
                quoted(field),
                quoted(&rule.code),
                quoted(&here),
                quoted(&there),
                quoted(&other.id)
            );
            let hint = format!(
                "rules of one code are one series and agree in it; the other is {}",
                place(first, steps!["rules", at])
            );
            report.say(steps!["rules", n, field], message, Some(&hint));
        }
    }
}

/// A value as the file spells it: `RateLimit` is `rate_limit`.
fn word(value: impl std::fmt::Debug) -> String {
    let mut out = String::new();
    for c in format!("{value:?}").chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

fn check_references(report: &mut Report<'_, '_>, provider: &Provider<'_>, pack: &Pack) {
    if provider.partial {
        return;
    }
    let endpoint = |report: &mut Report<'_, '_>, path: &[Step<'_>], name: &str| {
        if !provider.endpoints.contains(name) {
            let hint = suggest(name, provider.endpoints.iter().copied(), "endpoints");
            report.say(path, format!("no rule has the endpoint {}", quoted(name)), hint.as_deref());
        }
    };
    for (n, hint) in pack.endpoint_hints.iter().enumerate() {
        endpoint(report, steps!["endpoint_hints", n, "endpoint"], &hint.endpoint);
    }
    for (n, form) in pack.forms.iter().enumerate() {
        for (at, name) in form.endpoint.as_slice().iter().enumerate() {
            endpoint(report, steps!["forms", n, "endpoint", at], name);
        }
    }
    for (n, symptom) in pack.symptoms.iter().enumerate() {
        if let Some(name) = &symptom.candidates.endpoint {
            endpoint(report, steps!["symptoms", n, "candidates", "endpoint"], name);
        }
        for (at, code) in symptom.candidates.codes.iter().enumerate() {
            if !provider.names.contains(code.as_str()) {
                let hint = suggest(code, provider.names.iter().copied(), "codes");
                let path = steps!["symptoms", n, "candidates", "codes", at];
                report.say(path, format!("no rule has the code {}", quoted(code)), hint.as_deref());
            }
        }
    }
}

fn check_overlay(
    report: &mut Report<'_, '_>,
    providers: &BTreeMap<&str, Provider<'_>>,
    overlay: &Overlay,
    unread: bool,
) {
    let head = &overlay.provider;
    let Some(provider) = providers.get(head.id.as_str()) else {
        if !unread {
            let hint = suggest(&head.id, providers.keys().copied(), "providers");
            report.say(
                steps!["provider", "id"],
                format!("no pack is of {}", quoted(&head.id)),
                hint.as_deref(),
            );
        }
        return;
    };
    if provider.partial || unread {
        return;
    }
    if let Some(part) = &head.pack {
        let identity = format!("{}/{part}", head.id);
        if !provider.packs.contains(&identity) {
            let hint = suggest(&identity, provider.packs.iter().map(String::as_str), "packs");
            report.say(
                steps!["provider", "pack"],
                format!("no pack is {}", quoted(&identity)),
                hint.as_deref(),
            );
        }
    }
    check_tenants(report, provider, overlay);
    let changes: HashMap<&str, Severity> =
        overlay.rules.iter().filter_map(|change| Some((change.id.as_str(), change.severity?))).collect();
    for (n, change) in overlay.rules.iter().enumerate() {
        let Some((loaded, at)) = provider.ids.get(change.id.as_str()) else {
            let of_code = provider.ids.iter().find_map(|(id, (loaded, at))| {
                let Document::Pack(pack) = &loaded.document else { return None };
                let rule = &pack.rules[*at];
                (rule.code == change.id || rule.wire.as_deref() == Some(&change.id)).then_some(id)
            });
            let hint = match of_code {
                Some(id) => Some(format!("that is a code; a rule of it is {}", quoted(id))),
                None => suggest(&change.id, provider.ids.keys().copied(), "rules"),
            };
            let message = format!("{} has no rule {}", quoted(&head.id), quoted(&change.id));
            report.say(steps!["rules", n, "id"], message, hint.as_deref());
            continue;
        };
        let Document::Pack(pack) = &loaded.document else { continue };
        if let Some(severity) = change.severity {
            check_change(report, n, &changes, severity, &provider.by_code[pack.rules[*at].code.as_str()]);
        }
    }
}

/// A mapped tenant that may not become a label would be refused line by line, in silence.
fn check_tenants(report: &mut Report<'_, '_>, provider: &Provider<'_>, overlay: &Overlay) {
    // What does not compile was said where it stands.
    let Ok(rule) = provider.tenant_allow.map(Regex::new).transpose() else { return };
    let allows = |tenant: &str| rule.as_ref().map_or_else(|| is_tenant(tenant), |rule| rule.is_match(tenant));
    for (n, map) in overlay.map.iter().enumerate() {
        // What no label may be was said where it stands, too.
        let Some(tenant) = map.tenant.as_deref().filter(|tenant| super::is_label(tenant)) else { continue };
        if !allows(tenant) || tenant.contains('@') {
            let hint = match provider.tenant_allow {
                Some(allow) => format!("`tenant_allow` of the pack is {}", quoted(allow)),
                None => "a letter or digit, then up to 62 letters, digits, `.`, `_`, `:` and `-`".to_owned(),
            };
            let message = format!("{} cannot be the label of a tenant", quoted(tenant));
            report.say(steps!["map", n, "tenant"], message, Some(&hint));
        }
    }
}

/// A changed severity holds for all rules of its code, or the code would have two.
fn check_change(
    report: &mut Report<'_, '_>,
    n: usize,
    changes: &HashMap<&str, Severity>,
    severity: Severity,
    same_code: &[(&Loaded<'_>, usize, &Rule)],
) {
    let left: Vec<String> = same_code
        .iter()
        .filter(|(_, _, rule)| *changes.get(rule.id.as_str()).unwrap_or(&rule.severity) != severity)
        .map(|(_, _, rule)| quoted(&rule.id))
        .collect();
    if !left.is_empty() {
        let message =
            format!("this severity is not that of all rules of the code {}", quoted(&same_code[0].2.code));
        let hint = format!("change {} as well: rules of one code are one series", left.join(", "));
        report.say(steps!["rules", n, "severity"], message, Some(&hint));
    }
}
