//! What an operator says of where a record was read: its topic, its path, the container that wrote it.
//!
//! Names of a path are chosen by others. They count only as an overlay says: which provider they speak for, and what of
//! them is a tenant.

use super::evidence::{Strength, shorten};
use super::reading::Reading;
use crate::catalogue::compile::{OriginPart, ProviderId, glob_matches};
use crate::catalogue::schema::Mapping;
use crate::event::Origin;

impl Reading<'_> {
    /// Mappings that hold for the source.
    pub(super) fn origin_evidence(&mut self) {
        let catalogue = self.catalogue;
        for (provider, p) in catalogue.providers.iter().enumerate() {
            for map in &p.maps {
                if let Some(words) = mapped_origin(map, self.origin) {
                    self.mapped_tenants.extend(map.tenant.clone().map(|t| (provider, t)));
                    self.note(provider, Strength::Identity, None, words);
                }
            }
        }
    }
}

/// The part of a namespace's or container's name that an overlay says is the tenant.
pub fn tenant(reading: &Reading<'_>, providers: &[ProviderId]) -> Option<(OriginPart, String)> {
    let hints = providers.iter().flat_map(|&p| &reading.catalogue.providers[p].tenant_origins);
    hints.into_iter().find_map(|hint| {
        let name = match hint.part {
            OriginPart::Namespace => reading.origin.namespace.as_deref(),
            OriginPart::Container => reading.origin.container.as_deref(),
        };
        let tenant = name?.strip_prefix(hint.before.as_str())?.strip_suffix(hint.after.as_str())?;
        let is_one = !tenant.is_empty() && !hint.except.iter().any(|except| except == tenant);
        is_one.then(|| (hint.part, tenant.to_owned()))
    })
}

/// In words, if the mapping is about where the record comes from.
fn mapped_origin(map: &Mapping, origin: &Origin) -> Option<String> {
    let fits = |glob: &Option<String>, value: &Option<String>| matches!((glob, value), (Some(g), Some(v)) if glob_matches(g, v));
    if fits(&map.path, &origin.path) || fits(&map.topic, &origin.topic) {
        return Some("source mapping".to_owned());
    }
    let container = || fits(&map.container, &origin.container) || fits(&map.container, &origin.container_id);
    let is_about_containers = map.namespace.is_some() || map.pod.is_some() || map.container.is_some();
    let holds = is_about_containers
        && (map.namespace.is_none() || fits(&map.namespace, &origin.namespace))
        && (map.pod.is_none() || fits(&map.pod, &origin.pod))
        && (map.container.is_none() || container());
    let given = [("namespace", &map.namespace), ("pod", &map.pod), ("container", &map.container)];
    let words = |(name, glob): (&str, &Option<String>)| glob.as_ref().map(|glob| format!("{name} {glob}"));
    holds.then(|| {
        shorten(&format!("mapped {}", given.into_iter().filter_map(words).collect::<Vec<_>>().join(", ")))
    })
}
