//! Codes, names, rule ids, messages → cards: what it means, whose fault it is, what to do, and how it is recognised.
//!
//! Rules of one provider with the same code are one card, as they are one series. Codes that are only the wire code of
//! finer ones are listed with those.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::page::{Page, short};
use super::{Book, Format, complain, print};
use crate::catalogue::compile::{Class, Kind};
use crate::catalogue::load::pack_identity;
use crate::catalogue::lookup::{self, Answer, By, Sign};
use crate::catalogue::schema::Expect;
use crate::commands::escape::Escaped;
use crate::commands::{Exit, Outcome};
use crate::event::{CodeInfo, reserved};

const RULES_SHOWN: usize = 5;
const SIGNS_SHOWN: usize = 8;
const FINER_SHOWN: usize = 12;
const TEXT_SHOWN: usize = 300;

/// Everything said of one code of one provider.
struct Card<'r> {
    provider: &'r str,
    code: &'r str,
    info: Option<&'r CodeInfo>,
    answers: Vec<Answer<'r>>,
    /// Codes whose wire code it is.
    finer: Vec<&'r str>,
}

pub fn run(book: &Book, questions: &[String], provider: Option<&str>, format: Format) -> Outcome {
    if let Some(id) = provider.filter(|id| !book.rules.packs.iter().any(|p| p.provider.id == **id)) {
        complain(&[unknown_provider(book, id)]);
        return Ok(Exit::Failed);
    }
    let mut exit = Exit::Done;
    let mut page = Page::for_stdout();
    let mut all = Vec::new();
    for (place, question) in questions.iter().enumerate() {
        let cards = cards(book, question, provider);
        let reserved = reserved_meaning(question);
        if cards.is_empty() && reserved.is_none() {
            exit = Exit::Failed;
            complain(&unknown(book, question, provider));
        }
        match format {
            Format::Json => all.push(question_json(book, question, provider, &cards)),
            Format::Text if cards.is_empty() && reserved.is_none() => {}
            Format::Text => {
                if place > 0 {
                    page.blank();
                }
                match reserved {
                    Some(meaning) => {
                        page.title(question);
                        page.row("Means", meaning);
                    }
                    None => show(&mut page, book, question, &cards),
                }
            }
        }
    }
    match format {
        Format::Json => print(&format!("{:#}\n", Value::from(all)))?,
        Format::Text => print(&page.done())?,
    }
    Ok(exit)
}

fn unknown_provider(book: &Book, id: &str) -> String {
    let mut known: Vec<&str> = book.rules.packs.iter().map(|p| &*p.provider.id).collect();
    known.dedup();
    format!("no pack of provider {}; known: {}", Escaped(id.as_bytes()), known.join(", "))
}

fn cards<'r>(book: &'r Book, question: &str, provider: Option<&str>) -> Vec<Card<'r>> {
    let mut answers = lookup::find(&book.rules, &book.engine.catalogue, question, provider);
    if answers.is_empty() {
        let found = book.engine.literals_in(question.as_bytes()).into_iter();
        answers = lookup::of_messages(&book.rules, &book.engine.catalogue, found, provider);
    }
    let (wired, named): (Vec<Answer<'_>>, Vec<Answer<'_>>) =
        answers.into_iter().partition(|a| a.by == By::Wire);
    let mut cards: BTreeMap<(&str, &str), Card<'_>> = BTreeMap::new();
    let card = |answer: &Answer<'r>, code: &'r str| Card {
        provider: &answer.pack.provider.id,
        code,
        info: book.engine.code_info(&answer.pack.provider.id, code),
        answers: Vec::new(),
        finer: Vec::new(),
    };
    for answer in named {
        let (id, code) = (&*answer.pack.provider.id, &*answer.rule.code);
        cards.entry((id, code)).or_insert_with(|| card(&answer, code)).answers.push(answer);
    }
    for answer in wired {
        let wire = answer.rule.wire.as_deref().unwrap_or_default();
        let known = cards.entry((&answer.pack.provider.id, wire)).or_insert_with(|| card(&answer, wire));
        if !known.finer.contains(&&*answer.rule.code) {
            known.finer.push(&answer.rule.code);
        }
    }
    cards.into_values().collect()
}

/// What can be said of a code that nobody has.
fn unknown(book: &Book, question: &str, provider: Option<&str>) -> Vec<String> {
    let shown = Escaped(short(question, 80).as_bytes()).to_string();
    let mut lines = vec![format!("no pack has a code, name, rule or message “{shown}”")];
    for list in lookup::lists_with(&book.rules, question) {
        lines.push(format!("it stands in the list of {list}: known, and proof of nobody"));
    }
    let syntaxes = lookup::syntaxes(&book.rules, question);
    for (pack, syntax, counted) in &syntaxes {
        let id = &pack.provider.id;
        lines.push(match counted {
            true => format!(
                "it has the syntax of {id} ({syntax}): in an error it is counted as code _unknown of {id}"
            ),
            false => format!("it has the syntax of {id} ({syntax}), of which unknown codes are not counted"),
        });
    }
    if syntaxes.is_empty()
        && let Some(near) = lookup::suggestion(&book.rules, question, provider)
    {
        lines.push(format!("did you mean {}?", Escaped(near.as_bytes())));
    }
    lines
}

/// Values of the label `code` that are ours and no provider's.
fn reserved_meaning(code: &str) -> Option<&'static str> {
    Some(match code {
        reserved::UNKNOWN => {
            "an error of the provider with a code that its pack does not have; `scan --lines` shows the lines, a newer \
             release of the pack or a rule of your own names it"
        }
        reserved::OPEN => {
            "the part of an ambiguous error that is not settled; `explain --line` says what would settle it"
        }
        reserved::OTHER => {
            "what found no room under the limits; faultline_label_overflow_total counts it, `limits` in the \
             configuration raises them"
        }
        _ => return None,
    })
}

fn show(page: &mut Page, book: &Book, question: &str, cards: &[Card<'_>]) {
    for (place, card) in cards.iter().enumerate() {
        if place > 0 {
            page.blank();
        }
        show_card(page, book, card);
    }
    // All of them, also where the question was about one.
    let everybody = self::cards(book, question, None);
    let mut providers: Vec<&str> = everybody.iter().map(|card| card.provider).collect();
    providers.dedup();
    let lists = lookup::lists_with(&book.rules, question);
    if providers.len() > 1 || !lists.is_empty() {
        page.blank();
        let mut knowers: Vec<String> = providers.iter().map(|p| (*p).to_owned()).collect();
        knowers.extend(lists.iter().map(|list| format!("the list of {list}")));
        let who = knowers.join(", ");
        page.row(
            "Shared",
            &format!("{question} is known to {who}: alone it proves nobody and is ambiguous."),
        );
        page.row("", "A host, service name or error object of one of them in the same record decides, or an overlay that maps your service: faultline explain --line '…' says what a line lacks.");
    }
}

fn show_card(page: &mut Page, book: &Book, card: &Card<'_>) {
    page.title(&format!("{} {}", card.provider, card.code));
    let mut packs: Vec<String> =
        card.answers.iter().map(|a| format!("{} ({})", pack_identity(a.pack), a.file)).collect();
    packs.dedup();
    if !packs.is_empty() {
        page.row("Pack", &packs.join(", "));
    }
    if let (Some(info), false) = (card.info, card.answers.is_empty()) {
        show_info(page, book, card, info);
    }
    if !card.finer.is_empty() {
        let shown = card.finer[..card.finer.len().min(FINER_SHOWN)].join(", ");
        let more = card.finer.len().saturating_sub(FINER_SHOWN);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        page.row(
            "Finer",
            &format!("it is the wire code of {shown}{more}; a message or inner code settles which"),
        );
    }
    show_rules(page, card);
    show_signs(page, book, card);
    let tests = card.answers.iter().flat_map(|a| &a.rule.tests);
    let positive = |t: &&crate::catalogue::schema::InlineTest| matches!(t.expect, Expect::Match);
    let mut example = tests.clone().filter(positive).take(1).chain(tests.filter(|t| !positive(t)).take(1));
    for test in example.by_ref() {
        page.row("Example", &format!("{}:", expectation(test.expect)));
        page.verbatim(&short(&test.line, TEXT_SHOWN));
    }
    if let Some(source) = card.answers.iter().find_map(|a| a.pack.source.as_ref()) {
        let release = source.release.as_ref().map(|r| format!("release {r}"));
        let commit = source.commit.as_ref().map(|c| format!("commit {}", short(c, 10)));
        let parts = [source.url.clone(), release, commit];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        if !parts.is_empty() {
            page.row("Source", &parts.join(", "));
        }
    }
}

fn show_info(page: &mut Page, book: &Book, card: &Card<'_>, info: &CodeInfo) {
    let first = card.answers[0].rule;
    if let Some(meaning) = card.answers.iter().find_map(|a| a.rule.meaning.as_ref()) {
        page.row("Means", meaning);
    } else if *info.title != *card.code {
        page.row("Means", &info.title);
    }
    let providers = &book.engine.catalogue.providers;
    let ours = providers.iter().any(|p| *p.id == *card.provider && p.operated_by_us);
    page.row("Fault", &format!("{}: {}", info.fault, fault_words(&info.fault, ours)));
    page.row(
        "Retry",
        if &*info.retryable == "true" {
            "yes, trying again may help"
        } else {
            "no, trying again does not help"
        },
    );
    let section =
        first.section.as_ref().map(|s| format!("; section {s:?} of the provider")).unwrap_or_default();
    page.row("Severity", &format!("{}; category {}{section}", info.severity, info.category));
    page.row("To do", &info.remediation);
    for answer in &card.answers {
        for change in lookup::changes(&book.rules, answer) {
            let what = match (change.severity, change.remediation) {
                (true, true) => "severity and what to do are",
                (true, false) => "severity is",
                _ => "what to do is",
            };
            page.row("Overlay", &format!("{what} from {}", change.file));
        }
    }
    if let Some(note) = card.answers.iter().find_map(|a| a.rule.note.as_ref()) {
        page.row("Note", note);
    }
}

fn fault_words(fault: &str, ours: bool) -> &'static str {
    match fault {
        "caller" => "the application or the tenant's set-up has to change",
        "provider" if ours => "the service has to be mended, and it is our own",
        "provider" => "the provider has to mend it",
        _ => "a person has to do something",
    }
}

fn show_rules(page: &mut Page, card: &Card<'_>) {
    for (place, answer) in card.answers.iter().take(RULES_SHOWN).enumerate() {
        let rule = answer.rule;
        let http: Vec<String> = rule.http.iter().map(u16::to_string).collect();
        let facts = [
            (!http.is_empty()).then(|| format!("HTTP {}", http.join(", "))),
            rule.endpoint.as_ref().map(|e| format!("endpoint {e}")),
            rule.wire.as_ref().filter(|w| **w != rule.code).map(|w| format!("wire code {w}")),
            rule.internal.as_ref().filter(|i| !rule.code.ends_with(&***i)).map(|i| format!("inner code {i}")),
            rule.name.as_ref().map(|n| format!("name {n}")),
            (!rule.aliases.is_empty()).then(|| format!("also {}", rule.aliases.join(", "))),
            rule.retired.then(|| "retired: no longer documented".to_owned()),
        ];
        let facts: Vec<String> = facts.into_iter().flatten().collect();
        let facts = if facts.is_empty() { String::new() } else { format!(": {}", facts.join("; ")) };
        let label = if place == 0 { "Rule" } else { "" };
        page.row(label, &format!("{}.{}{facts}", card.provider, rule.id));
    }
    if card.answers.len() > RULES_SHOWN {
        page.row("", &format!("… {} more rules; --format json shows all", card.answers.len() - RULES_SHOWN));
    }
}

fn show_signs(page: &mut Page, book: &Book, card: &Card<'_>) {
    let mut lines: Vec<String> = Vec::new();
    for answer in &card.answers {
        let signs = lookup::signs(&book.rules, &book.engine.catalogue, answer.id);
        let conjunctions = lookup::conjunctions(&book.engine.catalogue, answer.id);
        let fields = conjunctions.iter().map(|fields| format!("fields {} in one object", fields.join(" + ")));
        for line in signs.iter().map(sign_words).chain(fields) {
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    if lines.is_empty() && !card.answers.is_empty() {
        lines.push("nothing of its own: a current rule has its texts".to_owned());
    }
    for (place, line) in lines.iter().take(SIGNS_SHOWN).enumerate() {
        page.row(if place == 0 { "Known by" } else { "" }, line);
    }
    if lines.len() > SIGNS_SHOWN {
        page.row("", &format!("… {} more; --format json shows all", lines.len() - SIGNS_SHOWN));
    }
}

fn sign_words(sign: &Sign) -> String {
    let kind = kind(sign);
    let with = if sign.shared_with.is_empty() { "lists".to_owned() } else { sign.shared_with.join(", ") };
    let class = match sign.class {
        _ if sign.short => "too short to stand alone: a whole field value beside other proof".to_owned(),
        Class::Unique => "unique: proves the provider by itself".to_owned(),
        Class::Shared => format!("shared with {with}: proves nobody by itself"),
        Class::Phrase => "phrase: others print it too, needs a host, name or shape beside it".to_owned(),
        Class::Word => "everyday word: counts only where it fills its field or clause, with proof".to_owned(),
    };
    let text = short(&sign.text, TEXT_SHOWN);
    if kind == "message" {
        format!("message “{text}” ({class})")
    } else {
        format!("{kind} {text} ({class})")
    }
}

fn kind(sign: &Sign) -> &'static str {
    match sign.kind {
        Kind::Token if sign.is_name => "name",
        Kind::Token => "code",
        _ => "message",
    }
}

fn expectation(expect: Expect) -> &'static str {
    match expect {
        Expect::Match => "match",
        Expect::Ambiguous => "ambiguous",
        Expect::Foreign => "foreign",
        Expect::None => "nothing",
    }
}

fn question_json(book: &Book, question: &str, provider: Option<&str>, cards: &[Card<'_>]) -> Value {
    let answers: Vec<Value> = cards.iter().map(|card| card_json(book, card)).collect();
    let syntaxes = lookup::syntaxes(&book.rules, question).into_iter().map(|(pack, syntax, counted)| {
        json!({"provider": pack.provider.id, "syntax": syntax, "unknown_codes_counted": counted})
    });
    let near = cards.is_empty().then(|| lookup::suggestion(&book.rules, question, provider)).flatten();
    json!({
        "question": question,
        "reserved": reserved_meaning(question),
        "answers": answers,
        "lists": lookup::lists_with(&book.rules, question),
        "syntax": syntaxes.collect::<Vec<_>>(),
        "did_you_mean": near,
    })
}

fn card_json(book: &Book, card: &Card<'_>) -> Value {
    let info = card.info.filter(|_| !card.answers.is_empty());
    json!({
        "provider": card.provider,
        "code": card.code,
        "category": info.map(|i| &*i.category),
        "severity": info.map(|i| &*i.severity),
        "fault": info.map(|i| &*i.fault),
        "retryable": info.map(|i| &*i.retryable == "true"),
        "title": info.map(|i| &*i.title),
        "remediation": info.map(|i| &*i.remediation),
        "wire_code_of": card.finer,
        "rules": card.answers.iter().map(|answer| rule_json(book, answer)).collect::<Vec<_>>(),
    })
}

fn rule_json(book: &Book, answer: &Answer<'_>) -> Value {
    let Answer { pack, rule, .. } = answer;
    let signs = lookup::signs(&book.rules, &book.engine.catalogue, answer.id).into_iter().map(|sign| {
        json!({
            "kind": kind(&sign),
            "text": sign.text,
            "class": sign.class.words(),
            "shared_with": sign.shared_with,
            "stands_alone": !sign.short,
        })
    });
    let changes = lookup::changes(&book.rules, answer).into_iter().map(
        |change| json!({"file": change.file, "severity": change.severity, "remediation": change.remediation}),
    );
    let tests = rule.tests.iter().map(|t| json!({"line": t.line, "expect": expectation(t.expect)}));
    let source = pack.source.as_ref();
    json!({
        "rule": format!("{}.{}", pack.provider.id, rule.id),
        "pack": pack_identity(pack),
        "file": answer.file,
        "wire_code": rule.wire,
        "internal_code": rule.internal,
        "name": rule.name,
        "aliases": rule.aliases,
        "messages": rule.message.as_slice(),
        "http": rule.http,
        "endpoint": rule.endpoint,
        "section": rule.section,
        "meaning": rule.meaning,
        "note": rule.note,
        "retired": rule.retired,
        "known_by": signs.collect::<Vec<_>>(),
        "known_by_fields": lookup::conjunctions(&book.engine.catalogue, answer.id),
        "overlays": changes.collect::<Vec<_>>(),
        "tests": tests.collect::<Vec<_>>(),
        "source": {
            "url": source.and_then(|s| s.url.as_ref()),
            "release": source.and_then(|s| s.release.as_ref()),
            "commit": source.and_then(|s| s.commit.as_ref()),
        },
    })
}
