//! What the engine knows: providers, rules, the literals it looks for with their owners, and what is said of each code.
//!
//! Plain tables, filled once by `compile` and read by `matcher` and `attribution`. Providers, rules and literals are named
//! by their place in the tables.

use std::collections::HashMap;

use crate::catalogue::pattern::Pattern;
use crate::catalogue::schema::{self, Candidates, Needs, Severity};
use crate::event::{CodeBook, CodeInfo, Label};

pub type ProviderId = usize;
pub type RuleId = usize;
pub type LiteralId = usize;

/// Everything that was loaded, ready to match and judge with.
#[derive(Debug, Default)]
pub struct Catalogue {
    pub providers: Vec<Provider>,
    pub rules: Vec<Rule>,
    pub literals: Vec<Literal>,
    pub conjunctions: Vec<Conjunction>,
    /// Anchor value → conjunctions.
    pub by_value: HashMap<Box<[u8]>, Vec<usize>, foldhash::fast::RandomState>,
    /// Tokens by their text, for values that are one as a whole.
    pub tokens: HashMap<Box<[u8]>, LiteralId, foldhash::fast::RandomState>,
    pub syntaxes: Vec<Syntax>,
    pub foreign: Foreign,
    /// What is said of each code, for people and for `faultline_code_info`.
    pub info: CodeBook,
    /// Of the rule files that this was made of, in hexadecimal.
    pub sha256: Label,
}

#[derive(Debug)]
pub struct Provider {
    pub id: Label,
    pub name: String,
    pub operated_by_us: bool,
    /// Lower-case letters and digits of each identity name, separators dropped (`astca`).
    pub names: Vec<String>,
    /// Lower-case domains; everything below one counts.
    pub hosts: Vec<String>,
    pub loggers: Vec<String>,
    pub event_types: Vec<String>,
    pub shapes: Vec<Vec<(String, Option<regex::bytes::Regex>)>>,
    pub url_paths: Vec<String>,
    pub tenant_allow: Option<regex::Regex>,
    /// Text → endpoint, in order.
    pub endpoint_hints: Vec<(String, Label)>,
    pub tenant_fields: Vec<String>,
    pub tenant_paths: Vec<(String, String)>,
    /// Host with `{t}` as (prefix, suffix), labels that are no tenant.
    pub tenant_hosts: Vec<(String, String, Vec<String>)>,
    pub symptoms: Vec<Symptom>,
    pub maps: Vec<schema::Mapping>,
    /// Names of the origin that hold a tenant, in order.
    pub tenant_origins: Vec<TenantOrigin>,
    /// Category of every rule, sorted: the label pairs that start at 0.
    pub categories: Vec<Label>,
}

/// A part of where a record comes from that overlays may read a tenant from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OriginPart {
    Namespace,
    Container,
}

#[derive(Debug)]
pub struct TenantOrigin {
    pub part: OriginPart,
    /// What stands around the tenant.
    pub before: String,
    pub after: String,
    pub except: Vec<String>,
}

#[derive(Debug)]
pub struct Rule {
    /// `provider.id`
    pub id: Label,
    pub provider: ProviderId,
    pub code: Label,
    pub wire: Option<Label>,
    pub internal: Option<Label>,
    pub name: Option<Label>,
    pub category: Label,
    pub severity: Severity,
    pub endpoint: Option<Label>,
    pub http: Vec<u16>,
    pub retired: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    Unique,
    Shared,
    Phrase,
    Word,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A whole token, or the whole value of an error field.
    Token,
    /// A text, perhaps with placeholders.
    Message,
    /// What hides a cause; `owners` is empty.
    Symptom(ProviderId, usize),
}

/// A text that the engine looks for, and whose it may be.
#[derive(Debug)]
pub struct Literal {
    pub pattern: Pattern,
    pub kind: Kind,
    pub owners: Vec<Owner>,
    /// Never stands alone: only as a whole field value beside strong evidence.
    pub short: bool,
}

/// What part of a rule a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// The code as a response carries it (`{wire}`, `{code}`); several rules may stand behind it.
    Wire,
    /// A code of the provider's own syntax, with its number (`510-4011`, `MDRM-508`).
    Numbered,
    /// `{internal}` alone.
    Internal,
    Name,
    Message,
}

#[derive(Debug)]
pub struct Owner {
    pub provider: ProviderId,
    pub role: Role,
    pub rules: Vec<RuleId>,
    pub class: Class,
    pub places: Places,
    pub needs: Needs,
    /// Texts that prove the owner when one stands beside the token.
    pub beside: Vec<Label>,
}

/// Where a token of an owner counts.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// As the value of an error-code field; with the endpoints that the form of that field names.
    pub fields: Vec<FieldPlace>,
    /// In E3 and E4 as well.
    pub prose: bool,
    /// Outside error positions as well, if unique.
    pub anywhere: bool,
}

#[derive(Debug, Clone)]
pub struct FieldPlace {
    /// Field name without case and separators.
    pub name: String,
    pub query_only: bool,
    pub endpoints: Vec<Label>,
}

/// Pairs that must stand in one object.
#[derive(Debug)]
pub struct Conjunction {
    pub provider: ProviderId,
    pub rule: RuleId,
    pub needs: Needs,
    pub pairs: Vec<Pair>,
    /// The pair whose value is looked up in [`Catalogue::by_value`].
    pub anchor: usize,
}

#[derive(Debug)]
pub struct Pair {
    /// Alternatives, each a path of exact field names.
    pub names: Vec<Vec<String>>,
    pub value: Expected,
}

#[derive(Debug)]
pub enum Expected {
    Exactly(String),
    Prefix(String),
}

impl std::fmt::Display for Expected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Expected::Exactly(text) => f.write_str(text),
            Expected::Prefix(text) => write!(f, "{text}*"),
        }
    }
}

#[derive(Debug)]
pub struct Syntax {
    pub provider: ProviderId,
    /// Matches the whole code; boundaries are the engine's.
    pub regex: regex::bytes::Regex,
    pub source: String,
    pub needs: Needs,
}

#[derive(Debug)]
pub struct Symptom {
    pub id: String,
    pub needs: Needs,
    pub needs_text: Vec<String>,
    pub candidates: Candidates,
    pub why: String,
}

/// Markers of those who are not loaded.
#[derive(Debug, Default)]
pub struct Foreign {
    pub hosts: Vec<String>,
    pub loggers: Vec<String>,
    pub text: Vec<regex::bytes::Regex>,
    pub fields: Vec<String>,
}

impl Catalogue {
    /// What is known of a code that an event was counted under; `None` for `_unknown` and the like.
    pub fn info(&self, provider: &str, code: &str) -> Option<&CodeInfo> {
        self.info.get(&(Label::from(provider), Label::from(code)))
    }

    /// Rules as `provider:code`, for candidates.
    pub fn candidate(&self, rule: RuleId) -> Label {
        let rule = &self.rules[rule];
        format!("{}:{}", self.providers[rule.provider].id, rule.code).into()
    }
}
