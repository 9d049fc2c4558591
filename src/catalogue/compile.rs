//! Checked rule files → [`Catalogue`]: the tables that the matcher and attribution work with.
//!
//! Packs of one provider become one provider; every form of a pack is written out for every rule; equal texts become
//! one literal with its owners, and the class of each (unique, shared, phrase, word) is computed here. Knows nothing of
//! how text is scanned; `matcher` reads the literals, `attribution` the rest. No provider is named in code.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::load::Rules;
use super::pattern::Pattern;
use super::schema::{
    self, Candidates, Category, ClassMark, FaultParty, Form, Needs, Place, RuleClass, Scalar, Severity,
    Shape, UnknownCodes,
};
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
    pub by_value: HashMap<Box<[u8]>, Vec<usize>>,
    pub syntaxes: Vec<Syntax>,
    pub foreign: Foreign,
    /// What is said of each code, for people and for `faultline_code_info`.
    pub info: CodeBook,
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
    /// Category of every rule, sorted: the label pairs that start at 0.
    pub categories: Vec<Label>,
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

/// Makes the tables. The rules are already checked: what does not compile here was refused by `load`.
pub fn compile(rules: &Rules) -> Catalogue {
    let shared = rules.shared.iter().flat_map(|l| &l.codes);
    let foreign = rules.foreign.iter().flat_map(|l| &l.codes);
    let mut builder = Builder { shared: shared.chain(foreign).cloned().collect(), ..Builder::default() };
    for pack in &rules.packs {
        builder.pack(pack);
    }
    for overlay in &rules.overlays {
        builder.overlay(overlay);
    }
    for list in &rules.foreign {
        builder.foreign(&list.evidence);
    }
    builder.finish()
}

#[derive(Default)]
struct Builder {
    out: Catalogue,
    /// Names that prove nobody.
    shared: HashSet<String>,
    /// The pack at hand has a code syntax of its own.
    numbered: bool,
    /// (text, is message) → literal
    index: HashMap<(String, bool), LiteralId>,
}

impl Builder {
    fn pack(&mut self, pack: &schema::Pack) {
        let provider = self.provider(pack);
        self.numbered = pack.code_syntax.is_some();
        let first = self.out.rules.len();
        for rule in &pack.rules {
            self.rule(provider, rule);
        }
        for (offset, rule) in pack.rules.iter().enumerate() {
            let id = first + offset;
            for form in &pack.forms {
                if applies(form, rule) {
                    self.form(provider, id, rule, form);
                }
            }
            for form in rule.matchers.iter().flat_map(|m| &m.any) {
                self.form(provider, id, rule, form);
            }
        }
        self.symptoms(provider, pack);
        self.foreign(&pack.evidence.foreign);
        if let Some(syntax) = pack.code_syntax.as_ref().filter(|s| s.unknown == UnknownCodes::Count) {
            let regex =
                regex::bytes::Regex::new(&format!("(?-u){}", syntax.regex)).expect("checked when loaded");
            self.out.syntaxes.push(Syntax {
                provider,
                regex,
                source: syntax.regex.clone(),
                needs: syntax.needs,
            });
        }
    }

    /// The provider of a pack, made or added to.
    fn provider(&mut self, pack: &schema::Pack) -> ProviderId {
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
            p.tenant_allow = Some(regex::Regex::new(allow).expect("checked when loaded"));
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
            categories: Vec::new(),
        });
        self.out.providers.len() - 1
    }

    fn rule(&mut self, provider: ProviderId, rule: &schema::Rule) {
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

    /// Writes one form out for one rule.
    fn form(&mut self, provider: ProviderId, id: RuleId, rule: &schema::Rule, form: &Form) {
        if let Some(fields) = &form.fields {
            if fields.values().any(|v| v.to_string() == "{message}") {
                self.message_fields(provider, id, rule, form);
            } else if let Some((name, text, role)) = single_code_field(fields, rule) {
                self.code_field(provider, id, rule, form, &name, &text, role);
            } else {
                self.conjunction(provider, id, rule, form);
            }
        }
        if let Some(token) = &form.token {
            self.token(provider, id, rule, form, token);
        }
        if let Some(message) = &form.message {
            for text in messages(message, rule) {
                self.message(provider, id, rule, form, &text);
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one field")]
    fn code_field(
        &mut self,
        p: ProviderId,
        id: RuleId,
        rule: &schema::Rule,
        form: &Form,
        name: &str,
        text: &str,
        role: Role,
    ) {
        let class = self.class(text, form, mark_of(rule).code);
        let owner = self.owner(text, false, p, role, class, form.needs);
        let endpoints: Vec<Label> = form.endpoint.as_slice().iter().map(|e| Label::from(&**e)).collect();
        let query_only = form.place == Some(Place::Query);
        for name in name.split('|').map(squeeze) {
            let known = owner
                .places
                .fields
                .iter()
                .any(|f| f.name == name && f.query_only == query_only && f.endpoints == endpoints);
            if !known {
                owner.places.fields.push(FieldPlace { name, query_only, endpoints: endpoints.clone() });
            }
        }
        push_rule(owner, id);
    }

    fn token(&mut self, p: ProviderId, id: RuleId, rule: &schema::Rule, form: &Form, template: &str) {
        let role = match template {
            "{internal}" => Role::Internal,
            "{name}" => Role::Name,
            _ if self.numbered => Role::Numbered,
            _ => Role::Wire,
        };
        let Some(text) = fill(template, rule, None) else { return };
        let mut texts = vec![text];
        if matches!(template, "{code}" | "{wire}") {
            texts.extend(rule.aliases.iter().cloned());
        }
        for text in texts {
            let class = self.class(&text, form, if role == Role::Name { None } else { mark_of(rule).code });
            let beside = form.beside.as_deref().and_then(|b| fill(b, rule, None));
            let owner = self.owner(&text, false, p, role, class, form.needs);
            match form.place.unwrap_or(Place::Error) {
                Place::Error => owner.places.prose = true,
                Place::Anywhere => {
                    owner.places.prose = true;
                    owner.places.anywhere = true;
                }
                Place::Fields | Place::Query => {}
            }
            owner.class = owner.class.max(class);
            owner.beside.extend(beside.map(Label::from));
            push_rule(owner, id);
        }
    }

    fn message(&mut self, p: ProviderId, id: RuleId, rule: &schema::Rule, form: &Form, text: &str) {
        let mark = mark_of(rule).message;
        let class = self.class(text, form, mark);
        let owner = self.owner(text, true, p, Role::Message, class, form.needs);
        owner.class = owner.class.max(class);
        owner.places.prose = true;
        push_rule(owner, id);
    }

    /// The fields in which a message too short to stand alone is looked for; longer ones are found wherever they stand.
    fn message_fields(&mut self, p: ProviderId, id: RuleId, rule: &schema::Rule, form: &Form) {
        let Some(fields) = &form.fields else { return };
        for text in messages("{message}", rule) {
            let pattern = Pattern::message(&text, false);
            if !pattern.is_short() || pattern.literal_chars() == 0 {
                continue;
            }
            let class = self.class(&text, form, mark_of(rule).message);
            let owner = self.owner(&text, true, p, Role::Message, class, form.needs);
            owner.class = owner.class.max(class);
            for (names, _) in fields.iter().filter(|(_, v)| v.to_string() == "{message}") {
                let places = names.split('|').map(|n| FieldPlace {
                    name: squeeze(n),
                    query_only: false,
                    endpoints: Vec::new(),
                });
                owner.places.fields.extend(places);
            }
            push_rule(owner, id);
        }
    }

    fn conjunction(&mut self, provider: ProviderId, rule_id: RuleId, rule: &schema::Rule, form: &Form) {
        let Some(fields) = &form.fields else { return };
        let mut pairs = Vec::new();
        let mut anchor = None;
        for (names, value) in fields {
            let template = value.to_string();
            let names = names.split('|').map(|n| n.split('.').map(str::to_owned).collect()).collect();
            let Some(text) = fill(&template, rule, None) else { return };
            if template.contains('{') {
                anchor = Some(pairs.len());
            }
            let value = match text.strip_suffix('*') {
                Some(prefix) => Expected::Prefix(prefix.to_owned()),
                None => Expected::Exactly(text),
            };
            pairs.push(Pair { names, value });
        }
        let exact = |pair: &Pair| matches!(pair.value, Expected::Exactly(_));
        let Some(anchor) = anchor.filter(|&a| exact(&pairs[a])).or_else(|| pairs.iter().rposition(exact))
        else {
            return;
        };
        // The rule's finest code is the best anchor: prefer the pair that holds it.
        let anchor = pairs
            .iter()
            .position(|p| matches!((&p.value, &rule.internal), (Expected::Exactly(v), Some(i)) if v == i))
            .unwrap_or(anchor);
        if let Expected::Exactly(value) = &pairs[anchor].value {
            let value: Box<[u8]> = value.as_bytes().into();
            self.out.by_value.entry(value).or_default().push(self.out.conjunctions.len());
        }
        self.out.conjunctions.push(Conjunction { provider, rule: rule_id, needs: form.needs, pairs, anchor });
    }

    /// The class of a text as far as one rule says; sharing over packs is settled in `finish`.
    fn class(&self, text: &str, form: &Form, mark: Option<ClassMark>) -> Class {
        let marked = match form.class.or(mark) {
            Some(ClassMark::Word) => Class::Word,
            Some(ClassMark::Phrase) => Class::Phrase,
            Some(ClassMark::Unique) | None => Class::Unique,
        };
        if self.shared.contains(text) { Class::Shared } else { marked }
    }

    fn owner(
        &mut self,
        text: &str,
        message: bool,
        provider: ProviderId,
        role: Role,
        class: Class,
        needs: Needs,
    ) -> &mut Owner {
        let literals = &mut self.out.literals;
        let at = *self.index.entry((text.to_owned(), message)).or_insert_with(|| {
            let pattern =
                if message { Pattern::message(text, class == Class::Word) } else { Pattern::fixed(text) };
            let short = message && pattern.is_short();
            let kind = if message { Kind::Message } else { Kind::Token };
            literals.push(Literal { pattern, kind, owners: Vec::new(), short });
            literals.len() - 1
        });
        let owners = &mut literals[at].owners;
        let found = owners.iter().position(|o| o.provider == provider && o.role == role && o.needs == needs);
        let found = found.unwrap_or_else(|| {
            owners.push(Owner {
                provider,
                role,
                rules: Vec::new(),
                class,
                places: Places::default(),
                needs,
                beside: Vec::new(),
            });
            owners.len() - 1
        });
        &mut owners[found]
    }

    fn symptoms(&mut self, provider: ProviderId, pack: &schema::Pack) {
        for s in &pack.symptoms {
            let index = self.out.providers[provider].symptoms.len();
            self.out.literals.push(Literal {
                pattern: Pattern::message(&s.message, false),
                kind: Kind::Symptom(provider, index),
                owners: Vec::new(),
                short: false,
            });
            self.out.providers[provider].symptoms.push(Symptom {
                id: s.id.clone(),
                needs: s.needs,
                needs_text: s.needs_text.clone(),
                candidates: s.candidates.clone(),
                why: s.why.clone(),
            });
        }
    }

    fn overlay(&mut self, overlay: &schema::Overlay) {
        let id = self.provider_named(&overlay.provider.id);
        let p = &mut self.out.providers[id];
        if let Some(by) = overlay.provider.operated_by {
            p.operated_by_us = by == schema::OperatedBy::Us;
        }
        extend(&mut p.names, overlay.names.iter().map(|n| squeeze(n)));
        for map in &overlay.map {
            extend(&mut p.hosts, map.host.iter().map(|h| domain(h)));
            extend(&mut p.loggers, map.logger.iter().cloned());
            p.maps.push(map.clone());
        }
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

    fn foreign(&mut self, evidence: &schema::ForeignEvidence) {
        let f = &mut self.out.foreign;
        extend(&mut f.hosts, evidence.hosts.iter().map(|h| domain(h)));
        extend(&mut f.loggers, evidence.loggers.iter().cloned());
        extend(&mut f.fields, evidence.fields.iter().cloned());
        f.text
            .extend(evidence.text.iter().map(|t| regex::bytes::Regex::new(t).expect("checked when loaded")));
    }

    /// Sharing over packs, and a current rule wins over a retired one.
    fn finish(mut self) -> Catalogue {
        for literal in &mut self.out.literals {
            let wire = |o: &Owner| !matches!(o.role, Role::Internal | Role::Name);
            let providers: HashSet<ProviderId> =
                literal.owners.iter().filter(|o| wire(o)).map(|o| o.provider).collect();
            for owner in &mut literal.owners {
                if providers.len() > 1 && wire(owner) {
                    owner.class = Class::Shared;
                }
                if owner.rules.iter().any(|&r| !self.out.rules[r].retired) {
                    owner.rules.retain(|&r| !self.out.rules[r].retired);
                }
            }
        }
        self.out
    }
}

fn applies(form: &Form, rule: &schema::Rule) -> bool {
    let endpoints = form.endpoint.as_slice();
    let endpoint_fits = endpoints.is_empty() || rule.endpoint.as_ref().is_none_or(|e| endpoints.contains(e));
    let only_fits = form.only.is_empty() || form.only.iter().any(|glob| glob_matches(glob, &rule.code));
    endpoint_fits && only_fits
}

/// A glob with `*` for any text.
pub fn glob_matches(glob: &str, text: &str) -> bool {
    let mut pieces = glob.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else { return rest.is_empty() };
    for piece in pieces {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.len() >= last.len() && rest.ends_with(last)
}

/// A form of one field whose value is the rule's code: name, text, role.
fn single_code_field(
    fields: &std::collections::BTreeMap<String, Scalar>,
    rule: &schema::Rule,
) -> Option<(String, String, Role)> {
    let (name, value) = fields.iter().next().filter(|_| fields.len() == 1)?;
    let template = value.to_string();
    matches!(&*template, "{wire}" | "{code}").then_some(())?;
    if name.contains('.') {
        return None;
    }
    Some((name.clone(), fill(&template, rule, None)?, Role::Wire))
}

/// The texts behind a message template.
fn messages(template: &str, rule: &schema::Rule) -> Vec<String> {
    if !template.contains("{message}") {
        return fill(template, rule, None).into_iter().collect();
    }
    rule.message.as_slice().iter().filter_map(|m| fill(template, rule, Some(m))).collect()
}

/// A template with the rule's own texts in it; `None` when the rule lacks one.
fn fill(template: &str, rule: &schema::Rule, message: Option<&str>) -> Option<String> {
    let wire = rule.wire.as_deref();
    let texts: [(&str, Option<&str>); 5] = [
        ("{code}", Some(&rule.code)),
        ("{wire}", wire),
        ("{internal}", rule.internal.as_deref()),
        ("{name}", rule.name.as_deref()),
        ("{message}", message),
    ];
    let mut out = template.to_owned();
    for (placeholder, text) in texts {
        if template.contains(placeholder) {
            out = out.replace(placeholder, text?);
        }
    }
    Some(out)
}

fn mark_of(rule: &schema::Rule) -> schema::EachClass {
    match &rule.class {
        RuleClass::Computed => schema::EachClass::default(),
        RuleClass::Both(mark) => schema::EachClass { code: Some(*mark), message: Some(*mark) },
        RuleClass::Each(each) => *each,
    }
}

fn push_rule(owner: &mut Owner, id: RuleId) {
    if owner.rules.last() != Some(&id) && !owner.rules.contains(&id) {
        owner.rules.push(id);
    }
}

fn extend(into: &mut Vec<String>, from: impl Iterator<Item = String>) {
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

fn domain(host: &str) -> String {
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
