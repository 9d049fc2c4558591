//! Forms of a pack × rules → literals and conjunctions: each form written out with the texts of each rule it applies to.
//!
//! A field with the code alone and a token become one literal per text; several fields become a conjunction with an
//! anchor; a message becomes a pattern. An owner stands once per literal, role and need, and gathers its rules.

use super::model::{
    Class, Conjunction, Expected, FieldPlace, Kind, Literal, Owner, Pair, Places, ProviderId, Role, RuleId,
};
use super::{Builder, squeeze};
use crate::catalogue::pattern::Pattern;
use crate::catalogue::schema::{self, ClassMark, Form, Needs, Place, RuleClass, Scalar};
use crate::event::Label;

impl Builder {
    /// Writes one form out for one rule.
    pub(super) fn form(&mut self, provider: ProviderId, id: RuleId, rule: &schema::Rule, form: &Form) {
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
}

pub(super) fn applies(form: &Form, rule: &schema::Rule) -> bool {
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
