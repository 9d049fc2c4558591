//! Whose traffic: explicit field, structured data, `/tenants/{t}/`, label of the host, mapping; never a person.

use super::evidence::{Evidence, Strength};
use super::positions::Places;
use super::views::{Object, Style, says_something};
use regex::Regex;
use std::sync::LazyLock;

const FIELDS: [&str; 8] =
    ["tenant", "tenantId", "tenant_id", "org", "orgId", "org_id", "customer", "customer_id"];

static PATH: LazyLock<Regex> = LazyLock::new(|| Regex::new(r#"/tenants/([^/\s"'?#\\]+)/"#).expect("valid"));
static ALLOWED: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^[\p{L}\p{N}][\p{L}\p{N}._:-]{0,62}$").expect("valid"));
/// A Singapore NRIC or FIN, a Norwegian national id, a UUID, a long run of letters and digits, a JWT.
static PERSONAL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"^(?:[STFGMstfgm]\d{7}[A-Za-z]|\d{11}|[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}|eyJ.*)$",
    )
    .expect("valid")
});

/// The tenant of what was found at a view, for a provider where it is known; `None` is unknown or refused.
pub fn of(places: &Places, evidence: &Evidence, view: usize, provider: Option<usize>) -> Option<String> {
    let value = named(places, evidence, view, provider)?;
    let own_rule = provider.and_then(|provider| {
        places
            .catalogue
            .packs
            .iter()
            .filter(|pack| pack.provider == provider)
            .find_map(|pack| pack.tenant_allow.as_ref())
    });
    let allowed = own_rule.unwrap_or(&ALLOWED).is_match(&value);
    let secret = value.len() >= 32
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && value.bytes().any(|byte| byte.is_ascii_digit());
    (allowed && !secret && !PERSONAL.is_match(&value)).then_some(value)
}

/// The first value that anything names, allowed or not.
fn named(places: &Places, evidence: &Evidence, view: usize, provider: Option<usize>) -> Option<String> {
    let packs = || places.catalogue.packs.iter().filter(move |pack| Some(pack.provider) == provider);
    let hints: Vec<_> = packs().flat_map(|pack| &pack.pack.tenant).collect();
    let mut fields: Vec<&str> = FIELDS.to_vec();
    fields.extend(hints.iter().filter_map(|hint| hint.field.as_deref()));
    let in_object = |object: &Object| {
        let of = |name: &&str| {
            object.fields.iter().rev().find(|field| field.name == **name && says_something(&field.value))
        };
        fields.iter().find_map(of).map(|field| field.value.trim().to_string())
    };
    if let Some(value) = objects_outwards(places, view).find_map(in_object) {
        return Some(value);
    }
    let structured = |name: &&str| {
        places.record.structured.iter().rev().find(|(known, value)| known == name && says_something(value))
    };
    if let Some((_, value)) = fields.iter().find_map(structured) {
        return Some(value.clone());
    }
    if let Some(found) = PATH.captures(&places.record.text) {
        return Some(found[1].to_string());
    }
    for hint in &hints {
        if let Some(value) = hint.path.as_deref().and_then(|path| in_path(path, &places.record.text)) {
            return Some(value);
        }
    }
    let hosts = hosts_outwards(places, evidence, view, provider);
    let label =
        |host: &String| hints.iter().find_map(|hint| in_host(hint.host.as_deref()?, host, &hint.except));
    hosts.iter().find_map(label).or_else(|| {
        evidence.mapped_tenants.iter().find(|(of, _)| Some(*of) == provider).map(|(_, tenant)| tenant.clone())
    })
}

/// Objects whose fields may name a tenant: those that hold the view, outwards (of a line, its own pairs first), then all.
fn objects_outwards<'a>(places: &'a Places, view: usize) -> impl Iterator<Item = &'a Object> + 'a {
    let views = places.views;
    let mut order = Vec::new();
    let mut at = 0;
    for above in views.up(view) {
        match views.text(above) {
            Some(text) => {
                let line = super::views::line_number(&text.prose, at);
                order.extend([line * 2, line * 2 + 1].iter().filter_map(|line| text.line_objects.get(line)));
            }
            None => order.push(above),
        }
        at = views.all[above].at;
    }
    order.extend(0..views.all.len());
    order.into_iter().filter_map(|view| views.object(view)).filter(|object| object.style != Style::Query)
}

fn hosts_outwards(places: &Places, evidence: &Evidence, view: usize, provider: Option<usize>) -> Vec<String> {
    let own = || {
        evidence.marks.iter().filter(|mark| {
            mark.strength == Strength::Host && mark.provider.is_some() && mark.provider == provider
        })
    };
    let mut hosts = Vec::new();
    for above in places.views.up(view) {
        let belongs = |mark: &&super::evidence::Mark| {
            mark.view.is_some_and(|at| at == above || places.views.all[at].parent == Some(above))
        };
        hosts.extend(own().filter(belongs).filter_map(|mark| mark.host.clone()));
    }
    hosts.extend(own().filter_map(|mark| mark.host.clone()));
    hosts
}

/// `{t}.example.com` against a host: the one label.
fn in_host(pattern: &str, host: &str, except: &[String]) -> Option<String> {
    let (head, tail) = pattern.split_once("{t}")?;
    let label = host.strip_prefix(head)?.strip_suffix(tail)?;
    (!label.is_empty() && !label.contains('.') && !except.iter().any(|known| known == label))
        .then(|| label.to_string())
}

/// `/org/{t}/` anywhere in the record.
fn in_path(pattern: &str, text: &str) -> Option<String> {
    let (head, tail) = pattern.split_once("{t}")?;
    text.match_indices(head).find_map(|(at, _)| {
        let rest = &text[at + head.len()..];
        let end =
            rest.find(|c: char| c == '/' || c.is_whitespace() || "\"'?#\\".contains(c)).unwrap_or(rest.len());
        (end > 0 && rest[end..].starts_with(tail)).then(|| rest[..end].to_string())
    })
}
