//! Forms of a pack written out with a rule's own texts: tokens, messages and fields, not yet shared or ordered.

use super::literals::{Class, FieldName, FieldPair, FieldsForm, TokenUse, Wanted};
use super::patterns::{Pattern, Stop};
use faultline::catalogue::schema::{ClassMark, Form, Needs, OneOrMany, Place, Rule, RuleClass};
use std::collections::BTreeSet;

/// `only` and `endpoint` of a form.
pub fn applies(form: &Form, rule: &Rule) -> bool {
    let glob = |pattern: &String| match pattern.split_once('*') {
        Some((head, tail)) => {
            rule.code.starts_with(head)
                && rule.code.ends_with(tail)
                && rule.code.len() >= head.len() + tail.len()
        }
        None => rule.code == *pattern,
    };
    let endpoints = form.endpoint.as_slice();
    let listed = form.only.is_empty() || form.only.iter().any(glob);
    listed
        && (endpoints.is_empty()
            || rule.endpoint.as_ref().is_some_and(|endpoint| endpoints.contains(endpoint)))
}

#[derive(Default)]
pub struct Gathered {
    pub tokens: Vec<(String, TokenUse)>,
    pub code_texts: BTreeSet<String>,
    pub messages: Vec<(String, Needs, usize, usize, Class)>,
    pub fields: Vec<FieldsForm>,
    pub forms: usize,
}

/// The rule's own text behind a placeholder of a form; `None` for placeholders of the text itself.
fn own_texts(rule: &Rule, placeholder: &str) -> Option<Vec<String>> {
    Some(match placeholder {
        "{code}" => std::iter::once(rule.code.clone()).chain(rule.aliases.iter().cloned()).collect(),
        "{wire}" => rule.wire.iter().cloned().collect(),
        "{internal}" => rule.internal.iter().cloned().collect(),
        "{name}" => rule.name.iter().cloned().collect(),
        "{message}" => match &rule.message {
            OneOrMany::None => Vec::new(),
            many => many.as_slice().to_vec(),
        },
        _ => return None,
    })
}

const OWN: [&str; 5] = ["{code}", "{wire}", "{internal}", "{name}", "{message}"];

/// A text of a form with the rule's own texts in it, one for each spelling.
fn written_out(template: &str, rule: &Rule) -> Vec<String> {
    match OWN.iter().find(|own| template.contains(**own)) {
        Some(own) => {
            own_texts(rule, own).unwrap_or_default().iter().map(|text| template.replace(own, text)).collect()
        }
        None => vec![template.to_string()],
    }
}

fn mark(rule: Option<ClassMark>, form: Option<ClassMark>) -> Class {
    let class = |mark: Option<ClassMark>| match mark {
        Some(ClassMark::Word) => Class::Word,
        Some(ClassMark::Phrase) => Class::Phrase,
        Some(ClassMark::Unique) | None => Class::Unique,
    };
    class(rule).max(class(form))
}

impl Gathered {
    pub fn write_out(&mut self, form: &Form, rule: &Rule, provider: usize, row: usize) {
        let (code_mark, message_mark) = match &rule.class {
            RuleClass::Computed => (None, None),
            RuleClass::Both(mark) => (Some(*mark), Some(*mark)),
            RuleClass::Each(each) => (each.code, each.message),
        };
        if let Some(token) = &form.token {
            for text in written_out(token, rule) {
                let beside =
                    form.beside.as_ref().and_then(|beside| written_out(beside, rule).into_iter().next());
                let place = form.place.unwrap_or(Place::Error);
                if !token.contains("{name}") {
                    self.code_texts.insert(text.clone());
                }
                self.tokens.push((
                    text,
                    TokenUse {
                        provider,
                        row,
                        place,
                        needs: form.needs,
                        beside,
                        class: mark(code_mark, form.class),
                    },
                ));
            }
        }
        if let Some(message) = &form.message {
            for text in written_out(message, rule) {
                self.messages.push((text, form.needs, provider, row, mark(message_mark, form.class)));
            }
        }
        if let Some(fields) = &form.fields {
            self.fields_of(
                form,
                fields.iter().map(|(names, value)| (names.as_str(), value.to_string())).collect(),
                rule,
                provider,
                row,
            );
        }
    }

    fn fields_of(
        &mut self,
        form: &Form,
        fields: Vec<(&str, String)>,
        rule: &Rule,
        provider: usize,
        row: usize,
    ) {
        let (code_mark, message_mark) = match &rule.class {
            RuleClass::Computed => (None, None),
            RuleClass::Both(mark) => (Some(*mark), Some(*mark)),
            RuleClass::Each(each) => (each.code, each.message),
        };
        // the finest text of the rule that a field must hold is the literal
        let finest = |own: &&&str| fields.iter().any(|(_, value)| value.contains(**own));
        let telling = ["{internal}", "{code}", "{wire}", "{name}", "{message}"].iter().find(finest).copied();
        let spellings: Vec<Vec<String>> = fields.iter().map(|(_, value)| written_out(value, rule)).collect();
        let count = spellings.iter().map(Vec::len).max().unwrap_or(0);
        if spellings.iter().any(Vec::is_empty) {
            return;
        }
        for spelling in 0..count {
            let mut needs = form.needs;
            let (mut pairs, mut literal, mut is_code) = (Vec::new(), String::new(), true);
            for ((names, template), texts) in fields.iter().zip(&spellings) {
                let text = &texts[spelling.min(texts.len() - 1)];
                let wanted = match text.as_str() {
                    "*" => Wanted::Any,
                    text if template.contains("{message}")
                        || (text.contains('{') && !OWN.iter().any(|own| template.contains(own))) =>
                    {
                        let word = mark(message_mark, form.class) == Class::Word;
                        let pattern = Pattern::new(text, if word { Stop::Required } else { Stop::Optional });
                        if pattern.short {
                            needs = Needs::Strong;
                        }
                        Wanted::Message(Box::new(pattern))
                    }
                    text => text.strip_suffix('*').map_or_else(
                        || Wanted::Text(text.to_string()),
                        |head| Wanted::Prefix(head.to_string()),
                    ),
                };
                // a message without any text of its own tells nothing
                if matches!(&wanted, Wanted::Message(pattern) if pattern.literal_bytes == 0) {
                    return;
                }
                if telling.map_or(literal.is_empty(), |telling| template.contains(telling)) {
                    (literal, is_code) = (text.clone(), !template.contains("{message}"));
                }
                let own = OWN.iter().any(|own| template.contains(own)) || telling.is_none();
                pairs.push(FieldPair {
                    names: names.split('|').map(FieldName::new).collect(),
                    wanted,
                    telling: own,
                });
            }
            let class = if is_code { mark(code_mark, form.class) } else { mark(message_mark, form.class) };
            self.fields.push(FieldsForm {
                form: self.forms,
                provider,
                row,
                pairs,
                place: form.place,
                needs,
                literal,
                is_code,
                class,
            });
        }
    }
}
