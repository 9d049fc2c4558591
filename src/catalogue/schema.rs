//! The text of a rule file, `faultline.rules/v1`, as serde sees it: four kinds of document, told apart by their top-level key.
//!
//! `provider` opens a pack, `overlay: true` an operator's overlay, `shared` a list of names that prove nobody,
//! `foreign` the markers of somebody who is not loaded. Unknown fields are refused everywhere. Checks that need more
//! than one field live in `load`, what the engine makes of it in `compile`. Documented for pack authors in `rules/README.md`.

mod either;
mod overlay;

use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;

pub use overlay::{Mapping, OriginTenant, Overlay, RuleOverride};

/// The only value of `schema:` that this version reads.
pub const SCHEMA: &str = "faultline.rules/v1";

/// One provider's catalogue of codes, or a part of it. Identity: `provider.id` or `provider.id/provider.pack`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pack {
    pub schema: String,
    pub provider: ProviderHead,
    /// Identity words: matched as whole words or word sequences, without case (`ast-ca` is also `AstCa`).
    #[serde(default)]
    pub names: Vec<String>,
    /// Where the facts come from; kept for people, not used by the engine.
    #[serde(default)]
    pub source: Option<Source>,
    #[serde(default)]
    pub code_syntax: Option<CodeSyntax>,
    /// Ways every rule of the pack is written.
    #[serde(default)]
    pub forms: Vec<Form>,
    #[serde(default)]
    pub tenant_allow: Option<String>,
    #[serde(default)]
    pub evidence: Evidence,
    /// Word or path found in the record → `endpoint` of the rules it narrows to; tried in the order of the file.
    #[serde(default)]
    pub endpoint_hints: Vec<EndpointHint>,
    /// First hit wins; tried after the tenant fields that every pack knows.
    #[serde(default)]
    pub tenant: Vec<TenantHint>,
    #[serde(default)]
    pub symptoms: Vec<Symptom>,
    #[serde(default)]
    pub rules: Vec<Rule>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderHead {
    /// `[a-z][a-z0-9-]*`: the metric label `provider`.
    pub id: String,
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub pack: Option<String>,
    #[serde(default)]
    pub operated_by: Option<OperatedBy>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OperatedBy {
    Them,
    Us,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Source {
    pub url: Option<String>,
    pub release: Option<String>,
    pub commit: Option<String>,
    pub rows: Option<u32>,
    pub note: Option<String>,
}

/// What a code of this provider looks like, so that one without a rule is counted as `_unknown`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeSyntax {
    /// The whole code; the engine adds the token boundaries.
    pub regex: String,
    pub unknown: UnknownCodes,
    /// What an unknown code needs besides an error position.
    #[serde(default)]
    pub needs: Needs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnknownCodes {
    Count,
    Ignore,
}

/// One matcher: exactly one of `fields`, `token`, `message`. In a form, `{code}`, `{wire}`, `{internal}`, `{name}` and
/// `{message}` stand for the rule's own text (a form whose text the rule does not have is skipped for that rule);
/// other `{x}`, `{x:list}`, `{x:any}` are placeholders of the text itself.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Form {
    /// Field name → value, all in one object, query string or logfmt line. A name may list alternatives (`a|b`) and
    /// may be dotted (`outcome.reason`); a value `*` is any value, a trailing `*` any rest.
    pub fields: Option<BTreeMap<String, Scalar>>,
    pub token: Option<String>,
    pub message: Option<String>,
    /// Where a token counts: `error` (positions E1 to E4, the default), `anywhere` (a unique token also outside),
    /// `fields` (E1 and E2 only), `query` (E2 in a query string or form body only).
    #[serde(rename = "in")]
    pub place: Option<Place>,
    pub needs: Needs,
    /// What the literal proves at most. `unique` and `shared` are computed, `phrase` and `word` are judgements.
    pub class: Option<ClassMark>,
    /// A text that proves the owner when it stands beside the token (`{name}`).
    pub beside: Option<String>,
    /// Only for rules whose code matches one of these globs.
    pub only: Vec<String>,
    /// Only for rules of these endpoints; a hit through this form says that it was one of them.
    pub endpoint: OneOrMany,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    Error,
    Anywhere,
    Fields,
    Query,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Needs {
    #[default]
    Nothing,
    /// An identity of the provider (a name in an identity field or place) or stronger.
    Identity,
    /// Host, identity or shape of the provider.
    Strong,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClassMark {
    /// Accepted for readability; the engine computes it.
    Unique,
    Phrase,
    Word,
}

/// A YAML scalar kept as its text: `510` and `"510"` are the same field value in a log, and both are read as `Int`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scalar {
    Int(i64),
    Text(String),
}

impl std::fmt::Display for Scalar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Scalar::Int(n) => n.fmt(f),
            Scalar::Text(s) => s.fmt(f),
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum OneOrMany {
    #[default]
    None,
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    pub fn as_slice(&self) -> &[String] {
        match self {
            OneOrMany::None => &[],
            OneOrMany::One(one) => std::slice::from_ref(one),
            OneOrMany::Many(many) => many,
        }
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Evidence {
    pub strong: StrongEvidence,
    pub weak: WeakEvidence,
    pub foreign: ForeignEvidence,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StrongEvidence {
    /// `okta.com` or `*.okta.com`: the domain and everything below it.
    pub hosts: Vec<String>,
    /// Prefixes of logger, class and package names (`com.kobil.`), case-sensitive.
    pub loggers: Vec<String>,
    /// Service names, whole, without case.
    pub services: Vec<String>,
    pub topics: Vec<String>,
    /// Prefixes of the value of `eventType`.
    pub event_types: Vec<String>,
    /// Fields of one object, by name; with a map, each value must match its regex as a whole.
    pub shapes: Vec<Shape>,
}

#[derive(Debug, Clone)]
pub enum Shape {
    Names(Vec<String>),
    Values(BTreeMap<String, Scalar>),
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WeakEvidence {
    pub fields: Vec<String>,
    pub url_paths: Vec<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ForeignEvidence {
    pub hosts: Vec<String>,
    /// Regexes.
    pub text: Vec<String>,
    pub loggers: Vec<String>,
    /// Field names.
    pub fields: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointHint {
    /// A text that stands in the record, with no letter or digit right behind it.
    pub text: String,
    pub endpoint: String,
}

/// Exactly one of `field`, `path`, `host`. `{t}` marks the tenant in a path or host.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TenantHint {
    pub field: Option<String>,
    pub path: Option<String>,
    pub host: Option<String>,
    /// Labels of the host that are no tenant (`www`, `login`).
    pub except: Vec<String>,
}

/// A text that hides the cause: the provider is known, the code stays open. Symptoms beat rules.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Symptom {
    pub id: String,
    /// A message with placeholders; `{http}` is a status of three digits.
    pub message: String,
    #[serde(default)]
    pub needs: Needs,
    /// One of these texts must stand in the record as well.
    #[serde(default)]
    pub needs_text: Vec<String>,
    pub candidates: Candidates,
    pub why: String,
}

/// Which rules may be behind a symptom: all given conditions hold.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Candidates {
    pub codes: Vec<String>,
    /// Endpoint, unless a hint in the record names another one.
    pub endpoint: Option<String>,
    /// `"{http}"`: the status that the message carries.
    pub http: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Unique in the provider; the rule id shown to people is `provider.id`.
    pub id: String,
    /// The metric label.
    pub code: String,
    /// The code as a response carries it; the label when a line settles no more than that.
    #[serde(default)]
    pub wire: Option<String>,
    /// The finer code or the bare number behind `{internal}`.
    #[serde(default)]
    pub internal: Option<String>,
    /// Symbolic name behind `{name}`; title for people.
    #[serde(default)]
    pub name: Option<String>,
    /// Texts behind `{message}`: the emitted text and its other spellings.
    #[serde(default)]
    pub message: OneOrMany,
    #[serde(default)]
    pub http: Vec<u16>,
    #[serde(default)]
    pub endpoint: Option<String>,
    /// The provider's own group; for people.
    #[serde(default)]
    pub section: Option<String>,
    pub category: Category,
    pub severity: Severity,
    pub retryable: bool,
    pub fault: FaultParty,
    /// What the rule's own texts prove at most; see [`ClassMark`].
    #[serde(default)]
    pub class: RuleClass,
    /// Matchers of this rule alone, besides the pack's forms.
    #[serde(default, rename = "match")]
    pub matchers: Option<Matchers>,
    /// Other spellings of the code, matched as the code is.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// The provider no longer documents it; a current rule wins over a retired one.
    #[serde(default)]
    pub retired: bool,
    #[serde(default)]
    pub meaning: Option<String>,
    pub remediation: String,
    #[serde(default)]
    pub note: Option<String>,
    #[serde(default)]
    pub tests: Vec<InlineTest>,
}

#[derive(Debug, Clone, Default)]
pub enum RuleClass {
    #[default]
    Computed,
    /// Holds for code and message.
    Both(ClassMark),
    Each(EachClass),
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EachClass {
    pub code: Option<ClassMark>,
    pub message: Option<ClassMark>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Matchers {
    pub any: Vec<Form>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    Request,
    Authentication,
    Authorization,
    UserAction,
    Token,
    KeyMaterial,
    Crypto,
    Resource,
    Configuration,
    RateLimit,
    Service,
    Internal,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Info,
    Warning,
    Error,
    Critical,
}

/// Who has to act: the application or the tenant's set-up, the provider, or a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FaultParty {
    Caller,
    Provider,
    User,
}

/// A record and what must come out. `expect` holds for this rule: `match` means this rule's code of this provider.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InlineTest {
    pub line: String,
    pub expect: Expect,
    /// Verdicts about another code than the rule's own.
    #[serde(default)]
    pub code: Option<String>,
    #[serde(default)]
    pub tenant: Option<String>,
    /// Where it stands; given by `load`.
    #[serde(skip)]
    pub place: FileLine,
}

/// A line of a file, from 1; 0 where nobody knows.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileLine {
    pub file: Arc<str>,
    pub line: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Expect {
    Match,
    Ambiguous,
    Foreign,
    None,
}

/// Names that many providers use, and so prove nobody (`shared: {id: iana-oauth}`).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SharedList {
    pub schema: String,
    pub shared: ListHead,
    #[serde(default)]
    pub source: Option<Source>,
    pub codes: Vec<String>,
}

/// Somebody who is not loaded: markers that prove a record is theirs, and the codes they share with packs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForeignList {
    pub schema: String,
    pub foreign: ListHead,
    #[serde(default)]
    pub source: Option<Source>,
    pub evidence: ForeignEvidence,
    #[serde(default)]
    pub codes: Vec<String>,
    #[serde(default)]
    pub tests: Vec<InlineTest>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListHead {
    pub id: String,
    #[serde(default)]
    pub name: Option<String>,
}

/// Overlaps of texts that somebody looked at, for `check --lint`; the engine does not use it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcceptedList {
    pub schema: String,
    pub accepted: Vec<Accepted>,
}

/// Exactly one of `same`, `part` and `message`, each with its list.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Accepted {
    /// A code of several `providers`.
    pub same: Option<String>,
    pub providers: Vec<String>,
    /// A code that stands in the longer ones of `of`.
    pub part: Option<String>,
    pub of: Vec<String>,
    /// `provider:code` whose message stands in a message or test line of those in `within`.
    pub message: Option<String>,
    pub within: Vec<String>,
    pub why: Option<String>,
}
