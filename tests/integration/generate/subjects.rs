//! What a record is about: the fields and texts of one rule as its pack writes them, or something close to it.

use super::dice::Dice;
use crate::reference::Library;
use faultline::catalogue::schema::{Form, OneOrMany, Rule};

pub struct Subject {
    /// Index of the provider's pack; none for codes of lists.
    pub pack: Option<usize>,
    /// Field name and value, at least one.
    pub pairs: Vec<(String, String)>,
    pub code: String,
    pub text: String,
    pub status: u16,
}

struct Source {
    rules: Vec<Rule>,
    forms: Vec<Form>,
}

pub struct Subjects {
    sources: Vec<Source>,
    listed: Vec<String>,
}

const CODE_KEYS: [&str; 13] = [
    "error",
    "error",
    "error_code",
    "errorCode",
    "code",
    "err",
    "reason",
    "error.code",
    "mdrm",
    "errcode",
    "event",
    "status_code",
    "Code",
];
const TEXT_KEYS: [&str; 12] = [
    "error_description",
    "error_description",
    "message",
    "msg",
    "errorSummary",
    "errorDescription",
    "error-description",
    "detail",
    "description",
    "note",
    "Message",
    "data",
];

impl Subjects {
    pub fn new(library: &Library) -> Subjects {
        let sources = library
            .packs
            .iter()
            .map(|pack| Source { rules: pack.rules.clone(), forms: pack.forms.clone() })
            .collect();
        let listed = library
            .shared
            .iter()
            .flat_map(|list| &list.codes)
            .chain(library.foreign.iter().flat_map(|list| &list.codes))
            .cloned()
            .collect();
        Subjects { sources, listed }
    }

    pub fn pick(&self, dice: &mut Dice) -> Subject {
        if dice.chance(4) {
            let code = dice.one_of(&self.listed).to_string();
            return Subject {
                pack: None,
                pairs: vec![(dice.pick(&CODE_KEYS).to_string(), code.clone())],
                code,
                text: "it did not work".into(),
                status: 400,
            };
        }
        let pack = dice.below(self.sources.len());
        let source = &self.sources[pack];
        let rule = &source.rules[dice.below(source.rules.len())];
        let mut subject = Subject {
            pack: Some(pack),
            pairs: Vec::new(),
            code: code_of(dice, rule),
            text: text_of(dice, rule),
            status: status_of(dice, rule),
        };
        if dice.chance(55) {
            subject.pairs = as_written(dice, source, rule).unwrap_or_default();
        }
        if subject.pairs.is_empty() {
            subject.pairs = loose(dice, &subject);
        }
        self.disturb(dice, &mut subject);
        subject
    }

    /// A code anywhere in the packs.
    pub fn code(&self, dice: &mut Dice) -> String {
        let source = &self.sources[dice.below(self.sources.len())];
        let rule = &source.rules[dice.below(source.rules.len())];
        code_of(dice, rule)
    }

    /// Near misses, other packs' codes, fields that belong to somebody else.
    fn disturb(&self, dice: &mut Dice, subject: &mut Subject) {
        if dice.chance(16) {
            subject.code = near_miss(dice, &subject.code);
            subject.text =
                if dice.chance(50) { near_miss(dice, &subject.text) } else { subject.text.clone() };
            let index = dice.below(subject.pairs.len());
            subject.pairs[index].1 = near_miss(dice, &subject.pairs[index].1);
        }
        if dice.chance(6) {
            let code = self.code(dice);
            add(subject, dice.pick(&CODE_KEYS), &code);
        }
        if dice.chance(10) {
            let extra = [
                ("errorReference", "REF77"),
                ("errorId", "oae77"),
                ("errorSummary", "x"),
                ("name", "batch"),
                ("subsystem", "510"),
                ("error_codes", "50076"),
                ("eventType", "app.oauth2.as.token.grant"),
                ("error", "null"),
                ("error", "none"),
                ("level", "info"),
                ("level", "error"),
                ("errorDescription", "no"),
            ];
            let (name, value) = extra[dice.below(extra.len())];
            add(subject, name, value);
        }
    }
}

/// No key twice in one object.
fn add(subject: &mut Subject, name: &str, value: &str) {
    if subject.pairs.iter().all(|(known, _)| known != name) {
        subject.pairs.push((name.to_string(), value.to_string()));
    }
}

fn loose(dice: &mut Dice, subject: &Subject) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let kind = dice.below(4);
    if kind != 1 && !subject.code.is_empty() {
        pairs.push((dice.pick(&CODE_KEYS).to_string(), subject.code.clone()));
    }
    if kind != 0 || pairs.is_empty() {
        pairs.push((dice.pick(&TEXT_KEYS).to_string(), subject.text.clone()));
    }
    pairs
}

/// One of the pack's forms with the rule's texts in it.
fn as_written(dice: &mut Dice, source: &Source, rule: &Rule) -> Option<Vec<(String, String)>> {
    let own: Vec<&Form> = rule.matchers.iter().flat_map(|matchers| &matchers.any).collect();
    let forms: Vec<&Form> = source.forms.iter().chain(own).collect();
    let form = *forms.get(dice.below(forms.len()))?;
    if let Some(token) = &form.token {
        let mut pairs = vec![(dice.pick(&CODE_KEYS).to_string(), filled(dice, token, rule)?)];
        if let Some(beside) = form.beside.as_ref().filter(|_| dice.chance(50)) {
            pairs.push(("name".to_string(), filled(dice, beside, rule)?));
        }
        return Some(pairs);
    }
    if let Some(message) = &form.message {
        return Some(vec![(dice.pick(&TEXT_KEYS).to_string(), filled(dice, message, rule)?)]);
    }
    let mut pairs = Vec::new();
    for (names, value) in form.fields.as_ref()? {
        let names: Vec<&str> = names.split('|').collect();
        let value = filled(dice, &value.to_string(), rule)?.replace('*', "as.token");
        pairs.push((dice.pick(&names).to_string(), value));
    }
    Some(pairs)
}

fn filled(dice: &mut Dice, template: &str, rule: &Rule) -> Option<String> {
    let mut out = template.to_string();
    for (mark, text) in [
        ("{code}", Some(&rule.code)),
        ("{wire}", rule.wire.as_ref()),
        ("{internal}", rule.internal.as_ref()),
        ("{name}", rule.name.as_ref()),
    ] {
        if out.contains(mark) {
            out = out.replace(mark, text?);
        }
    }
    if out.contains("{message}") {
        if matches!(rule.message, OneOrMany::None) {
            return None;
        }
        out = out.replace("{message}", &text_of(dice, rule));
    }
    Some(out)
}

fn code_of(dice: &mut Dice, rule: &Rule) -> String {
    let codes: Vec<&String> =
        [Some(&rule.code), rule.wire.as_ref(), rule.internal.as_ref(), rule.name.as_ref()]
            .into_iter()
            .flatten()
            .collect();
    let code = codes[dice.below(codes.len())].clone();
    match dice.below(20) {
        0 => code.replace('-', " "),
        1 => code.replace('-', "/"),
        _ => code,
    }
}

/// The rule's message with its placeholders filled.
fn text_of(dice: &mut Dice, rule: &Rule) -> String {
    let texts = rule.message.as_slice();
    let Some(text) = texts.get(dice.below(texts.len())) else {
        return rule.name.clone().unwrap_or_else(|| "something went wrong".to_string());
    };
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some((head, tail)) = rest.split_once('{') {
        out.push_str(head);
        let Some((_, behind)) = tail.split_once('}') else { break };
        let length = 1 + dice.below(9);
        out.push_str(&match dice.below(5) {
            0 => format!("{}, {}", dice.word(length), dice.word(3)),
            1 => format!("{}.{}", dice.word(length), dice.word(2)),
            2 => "client_assertion".to_string(),
            _ => dice.word(length),
        });
        rest = behind;
    }
    out.push_str(rest);
    if dice.chance(25) { out.trim_end_matches('.').to_string() } else { out }
}

fn status_of(dice: &mut Dice, rule: &Rule) -> u16 {
    match rule.http.get(dice.below(rule.http.len())) {
        Some(status) if dice.chance(70) => *status,
        _ => [200, 302, 400, 401, 403, 404, 500, 503][dice.below(8)],
    }
}

fn near_miss(dice: &mut Dice, text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let place = dice.below(letters.len());
    match dice.below(11) {
        0 => letters[..letters.len() - letters.len().min(1 + dice.below(3))].iter().collect(),
        1 => letters[letters.len().min(1 + dice.below(3))..].iter().collect(),
        // what bounds a sentence is nobody's promise but for letters, digits and `_`
        2 if text.contains(' ') => format!("{text}{}", dice.pick(&["s", "_total", "1", "_x"])),
        3 if text.contains(' ') => format!("{}{text}", dice.pick(&["x", "is_", "1"])),
        2 => format!("{text}{}", dice.pick(&["s", "_total", "-2", ".go", "1", "_x", ".", "é"])),
        3 => format!("{}{text}", dice.pick(&["x", "is_", "a-", "b.", "1"])),
        4 => text.to_uppercase(),
        5 => text.to_lowercase(),
        6 => letters
            .iter()
            .enumerate()
            .filter(|(index, _)| *index != place)
            .map(|(_, letter)| letter)
            .collect(),
        7 => text.replace('_', "-"),
        8 => letters
            .iter()
            .enumerate()
            .map(|(index, letter)| if index == place { 'q' } else { *letter })
            .collect(),
        9 => text.replace(' ', "  "),
        _ => text.replace('\'', "\\u0027"),
    }
}
