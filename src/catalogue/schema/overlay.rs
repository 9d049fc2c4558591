//! The document of an overlay: what operators know better than a pack. Documented for them in `rules/README.md`.

use serde::Deserialize;

use super::{ProviderHead, Severity};

/// What operators add to a pack without touching it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Overlay {
    pub schema: String,
    /// Always true; it is what makes the file an overlay.
    pub overlay: bool,
    pub provider: ProviderHead,
    #[serde(default)]
    pub names: Vec<String>,
    #[serde(default)]
    pub map: Vec<Mapping>,
    /// Where the tenant of the provider's records stands, besides the records themselves.
    #[serde(default)]
    pub tenant: Vec<OriginTenant>,
    #[serde(default)]
    pub rules: Vec<RuleOverride>,
}

/// Exactly one of `service`, `logger`, `host`, `topic`, `path` names what belongs to the provider, or one or more of
/// `namespace`, `pod`, `container` together do; `tenant` is optional.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mapping {
    pub service: Option<String>,
    pub logger: Option<String>,
    pub host: Option<String>,
    pub topic: Option<String>,
    /// A glob over the file's path.
    pub path: Option<String>,
    /// These three are globs, and all that are given must fit the container that wrote the log.
    pub namespace: Option<String>,
    pub pod: Option<String>,
    /// Its name, or the id that docker gave it.
    pub container: Option<String>,
    pub tenant: Option<String>,
}

/// Exactly one of `namespace` and `container`; `{t}` marks the tenant in the name.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OriginTenant {
    pub namespace: Option<String>,
    pub container: Option<String>,
    /// What may stand for `{t}` and is no tenant (`default`, `kube-system`).
    pub except: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleOverride {
    pub id: String,
    #[serde(default)]
    pub severity: Option<Severity>,
    #[serde(default)]
    pub remediation: Option<String>,
}
