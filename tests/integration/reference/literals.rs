//! Packs → literals: every form of every rule written out, with what it needs and what it proves.

use super::packs::Library;
use super::patterns::{Pattern, Stop};
use super::views::normal;
use faultline::catalogue::schema::{
    ClassMark, ForeignEvidence, Form, Needs, OneOrMany, Pack, Place, Rule, RuleClass, Shape, UnknownCodes,
};
use memchr::memmem::Finder;
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What a literal proves (section 4 of the contract); the weaker, the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    Unique,
    Shared,
    Phrase,
    Word,
}

pub struct Catalogue {
    /// Provider ids; packs of one provider share an index.
    pub providers: Vec<String>,
    pub packs: Vec<PackFacts>,
    pub rows: Vec<Row>,
    /// By text.
    pub tokens: Vec<Token>,
    pub messages: Vec<Message>,
    pub fields: Vec<FieldsForm>,
    pub foreign: Vec<ForeignMarkers>,
}

/// A rule of a pack.
pub struct Row {
    pub provider: usize,
    pub rule: Rule,
}

impl Row {
    /// `provider.id`
    pub fn id(&self, catalogue: &Catalogue) -> String {
        format!("{}.{}", catalogue.providers[self.provider], self.rule.id)
    }
}

/// What a pack says besides its rules.
pub struct PackFacts {
    pub provider: usize,
    pub pack: Pack,
    /// Code syntax, with the token boundaries left to the search.
    pub syntax: Option<Regex>,
    pub shapes: Vec<Vec<(String, Option<Regex>)>>,
    pub symptoms: Vec<Pattern>,
    pub tenant_allow: Option<Regex>,
}

/// One text that is a code (or a symbolic name) somewhere, and all rules it may mean.
pub struct Token {
    pub text: String,
    finder: Finder<'static>,
    pub uses: Vec<TokenUse>,
    /// A symbolic name only: never part of an enumeration of codes.
    pub name_only: bool,
}

pub struct TokenUse {
    pub provider: usize,
    pub row: usize,
    pub place: Place,
    pub needs: Needs,
    pub beside: Option<String>,
    pub class: Class,
}

pub struct Message {
    pub pattern: Pattern,
    pub provider: usize,
    pub rows: Vec<usize>,
    pub needs: Needs,
    pub class: Class,
}

/// One `fields` matcher with one rule's texts in it.
pub struct FieldsForm {
    /// The same for all rules that are written by one form of a pack.
    pub form: usize,
    pub provider: usize,
    pub row: usize,
    pub pairs: Vec<FieldPair>,
    pub place: Option<Place>,
    pub needs: Needs,
    /// The value that is the code, where there is one; else the message.
    pub literal: String,
    pub is_code: bool,
    pub class: Class,
}

/// A field name of a form, without case and separators.
pub struct FieldName {
    pub whole: String,
    /// Of `outcome.reason`: outer and inner name.
    pub dotted: Option<(String, String)>,
}

impl FieldName {
    fn new(name: &str) -> FieldName {
        FieldName {
            whole: normal(name),
            dotted: name.split_once('.').map(|(outer, inner)| (normal(outer), normal(inner))),
        }
    }
}

pub struct FieldPair {
    /// Alternatives.
    pub names: Vec<FieldName>,
    pub wanted: Wanted,
    /// Holds the rule's code or message, not a constant of the form.
    pub telling: bool,
}

pub enum Wanted {
    Any,
    Prefix(String),
    Text(String),
    Message(Box<Pattern>),
}

pub struct ForeignMarkers {
    pub hosts: Vec<String>,
    pub loggers: Vec<String>,
    pub texts: Vec<Regex>,
    pub fields: Vec<String>,
}

impl Catalogue {
    pub fn compile(library: &Library) -> Catalogue {
        let mut catalogue = Catalogue {
            providers: Vec::new(),
            packs: Vec::new(),
            rows: Vec::new(),
            tokens: Vec::new(),
            messages: Vec::new(),
            fields: Vec::new(),
            foreign: Vec::new(),
        };
        let mut gathered = Gathered::default();
        for pack in &library.packs {
            catalogue.add_pack(pack, &mut gathered);
        }
        for list in &library.foreign {
            catalogue.foreign.push(ForeignMarkers::new(&list.evidence));
        }
        let lists = library
            .shared
            .iter()
            .flat_map(|list| &list.codes)
            .chain(library.foreign.iter().flat_map(|list| &list.codes));
        catalogue.settle(gathered, lists.cloned().collect());
        catalogue
    }

    fn add_pack(&mut self, pack: &Pack, gathered: &mut Gathered) {
        let id = &pack.provider.id;
        let provider = self.providers.iter().position(|known| known == id).unwrap_or_else(|| {
            self.providers.push(id.clone());
            self.providers.len() - 1
        });
        self.foreign.push(ForeignMarkers::new(&pack.evidence.foreign));
        self.packs.push(PackFacts::new(provider, pack));
        let first = self.rows.len();
        self.rows.extend(pack.rules.iter().map(|rule| Row { provider, rule: rule.clone() }));
        for form in &pack.forms {
            gathered.forms += 1;
            for (row, rule) in pack.rules.iter().enumerate().filter(|(_, rule)| applies(form, rule)) {
                gathered.write_out(form, rule, provider, first + row);
            }
        }
        for (row, rule) in pack.rules.iter().enumerate() {
            for form in rule.matchers.iter().flat_map(|matchers| &matchers.any) {
                gathered.forms += 1;
                gathered.write_out(form, rule, provider, first + row);
            }
        }
    }

    /// Computes who shares what, and orders the literals.
    fn settle(&mut self, gathered: Gathered, listed: BTreeSet<String>) {
        let mut owners: HashMap<String, BTreeSet<usize>> = HashMap::new();
        for (text, one) in &gathered.tokens {
            owners.entry(text.clone()).or_default().insert(one.provider);
        }
        for one in gathered.fields.iter().filter(|one| one.is_code) {
            owners.entry(one.literal.clone()).or_default().insert(one.provider);
        }
        for (text, _, provider, ..) in &gathered.messages {
            owners.entry(text.clone()).or_default().insert(*provider);
        }
        let shared =
            |text: &str| owners.get(text).is_some_and(|owners| owners.len() > 1) || listed.contains(text);
        let class = |mark: Class, text: &str| if shared(text) { mark.max(Class::Shared) } else { mark };

        let mut tokens: BTreeMap<String, Vec<TokenUse>> = BTreeMap::new();
        for (text, mut one) in gathered.tokens {
            one.class = class(one.class, &text);
            tokens.entry(text).or_default().push(one);
        }
        for (text, uses) in tokens {
            let finder = Finder::new(&text).into_owned();
            let name_only = !gathered.code_texts.contains(&text);
            self.tokens.push(Token { text, finder, uses, name_only });
        }
        let mut messages: BTreeMap<(String, usize, bool), Message> = BTreeMap::new();
        for (text, needs, provider, row, mark) in gathered.messages {
            let key = (text.clone(), provider, needs == Needs::Nothing);
            let class = class(mark, &text);
            let stop = if class == Class::Word { Stop::Required } else { Stop::Optional };
            let message = messages.entry(key).or_insert_with(|| Message {
                pattern: Pattern::new(&text, stop),
                provider,
                rows: Vec::new(),
                needs,
                class,
            });
            message.rows.push(row);
            message.class = message.class.max(class);
        }
        self.messages = messages.into_values().filter(|message| !message.pattern.short).collect();
        for mut one in gathered.fields {
            one.class = class(one.class, &one.literal);
            self.fields.push(one);
        }
    }

    /// Whole messages in a text: start, end, index.
    pub fn messages_in(&self, text: &str) -> Vec<(usize, usize, usize)> {
        let mut found = Vec::new();
        for (index, message) in self.messages.iter().enumerate() {
            found.extend(message.pattern.find_in(text).into_iter().map(|(start, end)| (start, end, index)));
        }
        found
    }

    /// Whole tokens in a text: start, end, index.
    pub fn tokens_in(&self, text: &str) -> Vec<(usize, usize, usize)> {
        let mut found = Vec::new();
        for (index, token) in
            self.tokens.iter().enumerate().filter(|(_, token)| token.text.len() <= text.len())
        {
            for start in token.finder.find_iter(text.as_bytes()) {
                let end = start + token.text.len();
                if whole_token(text, start, end) {
                    found.push((start, end, index));
                }
            }
        }
        found
    }

    pub fn token(&self, text: &str) -> Option<&Token> {
        self.tokens
            .binary_search_by(|token| token.text.as_str().cmp(text))
            .ok()
            .map(|index| &self.tokens[index])
    }

    /// A whole text is a code of a pack, or of a known syntax.
    pub fn is_code(&self, text: &str) -> bool {
        let text = text.trim();
        let listed = self.token(text).is_some_and(|token| !token.name_only);
        listed
            || self
                .packs
                .iter()
                .filter_map(|pack| pack.syntax.as_ref())
                .any(|syntax| syntax.find(text).is_some_and(|found| found.range() == (0..text.len())))
    }
}

/// Not glued to a letter, digit or `_`, nor by `-` or `.` to a letter or digit.
pub fn whole_token(text: &str, start: usize, end: usize) -> bool {
    let bytes = text.as_bytes();
    let before = |back: usize| start.checked_sub(back).map(|at| bytes[at]);
    let free = |near: Option<u8>, far: Option<u8>| {
        let word = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let joined =
            matches!(near, Some(b'-' | b'.')) && far.is_some_and(|byte| byte.is_ascii_alphanumeric());
        !word(near) && !joined
    };
    free(before(1), before(2)) && free(bytes.get(end).copied(), bytes.get(end + 1).copied())
}

impl PackFacts {
    fn new(provider: usize, pack: &Pack) -> PackFacts {
        let regex = |text: &str| Regex::new(text).expect("a regex of a pack compiles");
        let shape = |shape: &Shape| match shape {
            Shape::Names(names) => names.iter().map(|name| (name.clone(), None)).collect(),
            Shape::Values(values) => values
                .iter()
                .map(|(name, value)| (name.clone(), Some(regex(&format!("^(?:{value})$")))))
                .collect(),
        };
        PackFacts {
            provider,
            syntax: pack.code_syntax.as_ref().map(|syntax| regex(&syntax.regex)),
            shapes: pack.evidence.strong.shapes.iter().map(shape).collect(),
            symptoms: pack
                .symptoms
                .iter()
                .map(|symptom| Pattern::new(&symptom.message, Stop::Optional))
                .collect(),
            tenant_allow: pack.tenant_allow.as_deref().map(regex),
            pack: Pack { rules: Vec::new(), ..pack.clone() },
        }
    }

    pub fn counts_unknown(&self) -> Option<Needs> {
        self.pack
            .code_syntax
            .as_ref()
            .filter(|syntax| syntax.unknown == UnknownCodes::Count)
            .map(|syntax| syntax.needs)
    }
}

impl ForeignMarkers {
    fn new(evidence: &ForeignEvidence) -> ForeignMarkers {
        ForeignMarkers {
            hosts: evidence.hosts.clone(),
            loggers: evidence.loggers.clone(),
            texts: evidence
                .text
                .iter()
                .map(|text| Regex::new(text).expect("a regex of a list compiles"))
                .collect(),
            fields: evidence.fields.clone(),
        }
    }
}

/// `only` and `endpoint` of a form.
fn applies(form: &Form, rule: &Rule) -> bool {
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
struct Gathered {
    tokens: Vec<(String, TokenUse)>,
    code_texts: BTreeSet<String>,
    messages: Vec<(String, Needs, usize, usize, Class)>,
    fields: Vec<FieldsForm>,
    forms: usize,
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
    fn write_out(&mut self, form: &Form, rule: &Rule, provider: usize, row: usize) {
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
