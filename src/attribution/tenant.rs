//! Which tenant a record is about: an explicit field, structured data, a path, the org label of a host, an operator's
//! mapping, a part of the name of a namespace or container that an operator says is the tenant.
//!
//! The first place that names one decides; a value that is not allowed there gives no tenant, nothing else is tried.
//! Shapes of national ids, e-mail addresses, UUIDs and secrets never become a label.

use regex::Regex;

use super::evidence::Evidence;
use super::hits::lossy;
use super::origins;
use super::reading::Reading;
use super::trace::Trace;
use super::views::{Format, NodeId};
use crate::catalogue::compile::{OriginPart, Provider, ProviderId, is_tenant};
use crate::event::{Label, TenantRefusal};

/// Fields that name a tenant in every record, in the order in which they are asked for.
const FIELDS: [&str; 8] =
    ["tenant", "tenantId", "tenant_id", "org", "orgId", "org_id", "customer", "customer_id"];
/// What stands before a tenant in a path.
const PATH: &[u8] = b"/tenants/";
const TENANT_MAX: usize = 128;

/// Which place named the tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source<'a> {
    Field(&'a str),
    StructuredData(&'a str),
    Path,
    Host,
    Mapping,
    Origin(OriginPart),
}

/// The tenant, or why its value was refused.
pub fn tenant<T: Trace>(
    reading: &Reading<'_>,
    providers: &[ProviderId],
    nearest: NodeId,
    trace: &mut T,
) -> Result<Option<Label>, TenantRefusal> {
    let rule = providers.iter().find_map(|&p| reading.catalogue.providers[p].tenant_allow.as_ref());
    let mapped = || reading.mapped_tenants.iter().find(|(p, _)| providers.contains(p));
    let found = field(reading, providers, nearest)
        .or_else(|| Some((Source::Path, path(reading, providers)?)))
        .or_else(|| Some((Source::Host, host(reading, providers, nearest)?)))
        .or_else(|| Some((Source::Mapping, mapped()?.1.clone())))
        .or_else(|| {
            let (part, name) = origins::tenant(reading, providers)?;
            Some((Source::Origin(part), name))
        });
    let Some((source, value)) = found else {
        trace.see(|notes| notes.tenant(None, Ok(())));
        return Ok(None);
    };
    let allowed = allowed(&value, rule);
    trace.see(|notes| notes.tenant(Some((&source, &value)), allowed));
    allowed.map(|()| Some(Label::from(&*value)))
}

/// Nearest object first, then the rest of the record; the last one where a key repeats in an object.
fn field<'a>(
    reading: &Reading<'a>,
    providers: &[ProviderId],
    nearest: NodeId,
) -> Option<(Source<'a>, String)> {
    let catalogue = reading.catalogue;
    let views = reading.views;
    let own = providers.iter().flat_map(|&p| catalogue.providers[p].tenant_fields.iter().map(String::as_str));
    let names: Vec<&'a str> = FIELDS.into_iter().chain(own).collect();
    let in_object = |node: NodeId| -> Option<(Source<'a>, String)> {
        let object = views
            .object_of(node)
            .filter(|o| !matches!(o.format, Format::Query | Format::Xml | Format::Envelope))?;
        names.iter().find_map(|name| {
            let field = object
                .fields
                .iter()
                .rev()
                .find(|f| f.value.is_some() && views.slice(f.key) == name.as_bytes())?;
            // `tenant=acme: text` names acme.
            let value = lossy(views.slice(field.value?));
            let end =
                if object.format == Format::Pairs { value.trim_end_matches(':').len() } else { value.len() };
            Some((Source::Field(name), value[..end].to_owned()))
        })
    };
    let beside = |node: NodeId| {
        views.nodes[node]
            .kids
            .iter()
            .copied()
            .filter(|&k| views.object_of(k).is_some_and(|o| o.format == Format::Pairs))
    };
    let near = views.up(nearest).find_map(|n| in_object(n).or_else(|| beside(n).find_map(in_object)));
    near.or_else(|| (0..views.nodes.len()).find_map(in_object)).or_else(|| envelope(reading, &names))
}

fn envelope<'a>(reading: &Reading<'_>, names: &[&'a str]) -> Option<(Source<'a>, String)> {
    names.iter().find_map(|name| {
        let structured = reading.record.envelope.structured.iter().rev();
        structured
            .clone()
            .find(|(key, value)| key == name && !value.is_empty())
            .map(|(_, value)| (Source::StructuredData(name), value.clone()))
    })
}

/// `/tenants/{t}/`, and the paths of the providers.
fn path(reading: &Reading<'_>, providers: &[ProviderId]) -> Option<String> {
    let text = &reading.record.text;
    let own = providers.iter().flat_map(|&p| &reading.catalogue.providers[p].tenant_paths);
    between(text, PATH, b"/").or_else(|| {
        own.into_iter().find_map(|(before, after)| between(text, before.as_bytes(), after.as_bytes()))
    })
}

fn between(text: &[u8], before: &[u8], after: &[u8]) -> Option<String> {
    let start = memchr::memmem::find(text, before)? + before.len();
    let ends =
        |b: &u8| b.is_ascii_whitespace() || matches!(b, b'/' | b'"' | b'\'' | b'?' | b'\\' | b',' | b'<');
    let len = text[start..]
        .iter()
        .take(TENANT_MAX)
        .position(ends)
        .unwrap_or(text.len().min(start + TENANT_MAX) - start);
    let closed = text[start + len..].starts_with(after);
    (len > 0 && closed).then(|| lossy(&text[start..start + len]))
}

/// The label of a host that the packs say is the tenant's; the host nearest to the error first.
fn host(reading: &Reading<'_>, providers: &[ProviderId], nearest: NodeId) -> Option<String> {
    let distance = |e: &Evidence| {
        reading
            .views
            .up(nearest)
            .position(|n| e.node.is_some_and(|at| at == n || reading.views.nodes[at].parent == Some(n)))
    };
    let mut hosts: Vec<&Evidence> =
        reading.evidence.iter().filter(|e| e.host.is_some() && providers.contains(&e.provider)).collect();
    hosts.sort_by_key(|e| distance(e).unwrap_or(usize::MAX));
    hosts.iter().find_map(|e| label_of(&reading.catalogue.providers[e.provider], e.host.as_deref()?))
}

fn label_of(provider: &Provider, host: &str) -> Option<String> {
    provider.tenant_hosts.iter().find_map(|(before, after, except)| {
        let label = host.strip_prefix(before.as_str())?.strip_suffix(after.as_str())?;
        let one = !label.is_empty() && !label.contains('.') && !except.iter().any(|e| e == label);
        one.then(|| label.to_owned())
    })
}

/// Whether a value may become a label. `rule` replaces the default syntax.
pub fn allowed(value: &str, rule: Option<&Regex>) -> Result<(), TenantRefusal> {
    if let Some(refusal) = sensitive(value) {
        return Err(refusal);
    }
    let fits = value.len() <= TENANT_MAX
        && rule.map_or_else(|| is_tenant(value), |rule| rule.is_match(value))
        && !value.chars().any(char::is_control);
    if fits { Ok(()) } else { Err(TenantRefusal::Syntax) }
}

fn sensitive(value: &str) -> Option<TenantRefusal> {
    let bytes = value.as_bytes();
    let digits = |b: &[u8]| !b.is_empty() && b.iter().all(u8::is_ascii_digit);
    let singapore = bytes.len() == 9
        && b"STFGMstfgm".contains(&bytes[0])
        && digits(&bytes[1..8])
        && bytes[8].is_ascii_alphabetic();
    if singapore || (bytes.len() == 11 && digits(bytes)) {
        return Some(TenantRefusal::NationalId);
    }
    if value.contains('@') {
        return Some(TenantRefusal::Email);
    }
    let groups: Vec<&str> = value.split('-').collect();
    let hex = |s: &str| s.bytes().all(|b| b.is_ascii_hexdigit());
    if groups.iter().map(|g| g.len()).eq([8, 4, 4, 4, 12]) && groups.iter().all(|g| hex(g)) {
        return Some(TenantRefusal::Uuid);
    }
    let mixed = value.bytes().any(|b| b.is_ascii_digit()) && value.bytes().any(|b| b.is_ascii_alphabetic());
    let secret = bytes.len() >= 32 && mixed && value.bytes().all(|b| b.is_ascii_alphanumeric());
    (secret || value.starts_with("eyJ")).then_some(TenantRefusal::Secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn personal_and_secret_values_never_become_a_label() {
        for (value, refusal) in [
            ("S1234567D", TenantRefusal::NationalId),
            ("01029912345", TenantRefusal::NationalId),
            ("bob@x.no", TenantRefusal::Email),
            ("9a5b5c2b-e510-4012-8a4c-70fbb17032b5", TenantRefusal::Uuid),
            ("0123456789abcdef0123456789abcdef", TenantRefusal::Secret),
            ("a b", TenantRefusal::Syntax),
            ("-", TenantRefusal::Syntax),
            ("_other", TenantRefusal::Syntax),
        ] {
            assert_eq!(allowed(value, None), Err(refusal), "{value}");
        }
        for value in ["acme-eu", "Öst-1", "42", "t.9:x_y", &"ö".repeat(63)] {
            assert_eq!(allowed(value, None), Ok(()), "{value}");
        }
        assert_eq!(allowed(&"ö".repeat(64), None), Err(TenantRefusal::Syntax), "too long");
    }
}
