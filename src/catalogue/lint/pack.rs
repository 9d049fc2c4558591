//! One pack by itself.

use super::text::{Within, check_placeholders, check_regex, glob_matches, is_short};
use super::{Report, steps};
use crate::catalogue::diagnostic::{Step, quoted, suggest};
use crate::catalogue::schema::{
    Evidence, ForeignEvidence, Form, Pack, Rule, Scalar, Shape, StrongEvidence, Symptom, TenantHint,
};

/// HTTP statuses.
const STATUSES: std::ops::RangeInclusive<u16> = 100..=599;

pub(super) fn check(report: &mut Report<'_, '_>, pack: &Pack) {
    report.schema(&pack.schema);
    report.id(steps!["provider", "id"], &pack.provider.id);
    if let Some(part) = &pack.provider.pack {
        report.id(steps!["provider", "pack"], part);
    }
    check_names(report, &pack.names);
    if let Some(syntax) = &pack.code_syntax {
        check_regex(report, steps!["code_syntax", "regex"], &syntax.regex);
    }
    if let Some(allow) = &pack.tenant_allow {
        check_regex(report, steps!["tenant_allow"], allow);
    }
    for (n, form) in pack.forms.iter().enumerate() {
        check_form(report, steps!["forms", n], form, &pack.rules);
    }
    check_evidence(report, &pack.evidence);
    for (n, hint) in pack.endpoint_hints.iter().enumerate() {
        report.filled(steps!["endpoint_hints", n, "text"], &hint.text);
    }
    pack.tenant.iter().enumerate().for_each(|(n, hint)| check_tenant(report, n, hint));
    pack.symptoms.iter().enumerate().for_each(|(n, symptom)| check_symptom(report, n, symptom));
    pack.rules.iter().enumerate().for_each(|(n, rule)| check_rule(report, n, rule));
}

pub(super) fn check_names(report: &mut Report<'_, '_>, names: &[String]) {
    for (n, name) in names.iter().enumerate() {
        if !name.bytes().any(|b| b.is_ascii_alphanumeric()) {
            report.say(steps!["names", n], format!("{} is no word", quoted(name)), None);
        }
    }
}

/// A path with one step more.
fn below<'a>(base: &[Step<'a>], step: impl Into<Step<'a>>) -> Vec<Step<'a>> {
    let mut path = base.to_vec();
    path.push(step.into());
    path
}

fn check_form(report: &mut Report<'_, '_>, base: &[Step<'_>], form: &Form, rules: &[Rule]) {
    let kinds = [
        ("fields", form.fields.is_some()),
        ("token", form.token.is_some()),
        ("message", form.message.is_some()),
    ];
    report.one_of(base, "a form", &kinds);
    if let Some(fields) = &form.fields {
        if !fields.values().any(|value| !matches!(value, Scalar::Text(text) if text == "*")) {
            report.say(&below(base, "fields"), "fields need one value that is not `*`", None);
        }
        for (name, value) in fields {
            let path = [base, steps!["fields", name.as_str()]].concat();
            if name.split('|').any(|one| one.trim().is_empty()) {
                report.say(&path, format!("a field without a name: {}", quoted(name)), None);
            }
            let text = value.to_string();
            report.filled(&path, &text);
            check_placeholders(report, &path, &text, Within::Form);
        }
    }
    if let Some(token) = &form.token {
        report.filled(&below(base, "token"), token);
        check_placeholders(report, &below(base, "token"), token, Within::Form);
    }
    if let Some(beside) = &form.beside {
        report.filled(&below(base, "beside"), beside);
        check_placeholders(report, &below(base, "beside"), beside, Within::Form);
    }
    if let Some(message) = &form.message {
        check_placeholders(report, &below(base, "message"), message, Within::FormMessage);
        if is_short(message) {
            let why = "the message has under 12 characters of its own, and may not stand alone";
            let hint = "put it into `fields`, beside a field that says whose it is";
            report.say(&below(base, "message"), why, Some(hint));
        }
    }
    for (n, glob) in form.only.iter().enumerate() {
        if !rules.is_empty() && !rules.iter().any(|rule| glob_matches(glob, &rule.code)) {
            let hint = suggest_code(glob, rules);
            let message = format!("no code of this pack matches {}", quoted(glob));
            report.say(&[base, steps!["only", n]].concat(), message, hint.as_deref());
        }
    }
}

fn suggest_code(code: &str, rules: &[Rule]) -> Option<String> {
    suggest(code, rules.iter().map(|rule| rule.code.as_str()), "codes")
        .filter(|hint| hint.starts_with("did you"))
}

fn check_evidence(report: &mut Report<'_, '_>, evidence: &Evidence) {
    let StrongEvidence { hosts, loggers, services, topics, event_types, shapes } = &evidence.strong;
    let strong = steps!["evidence", "strong"];
    report.hosts(&below(strong, "hosts"), hosts);
    for (name, list) in
        [("loggers", loggers), ("services", services), ("topics", topics), ("event_types", event_types)]
    {
        report.all_filled(&below(strong, name), list);
    }
    for (n, shape) in shapes.iter().enumerate() {
        let path = [strong, steps!["shapes", n]].concat();
        let names: Vec<&str> = match shape {
            Shape::Names(names) => names.iter().map(String::as_str).collect(),
            Shape::Values(values) => {
                for (name, value) in values {
                    check_regex(report, &below(&path, name.as_str()), &value.to_string());
                }
                values.keys().map(String::as_str).collect()
            }
        };
        if names.is_empty() || names.iter().any(|name| name.trim().is_empty()) {
            report.say(&path, "a shape needs the names of its fields", None);
        }
    }
    let weak = steps!["evidence", "weak"];
    report.all_filled(&below(weak, "fields"), &evidence.weak.fields);
    report.all_filled(&below(weak, "url_paths"), &evidence.weak.url_paths);
    check_foreign_evidence(report, steps!["evidence", "foreign"], &evidence.foreign);
}

pub(super) fn check_foreign_evidence(
    report: &mut Report<'_, '_>,
    base: &[Step<'_>],
    foreign: &ForeignEvidence,
) {
    report.hosts(&below(base, "hosts"), &foreign.hosts);
    report.all_filled(&below(base, "loggers"), &foreign.loggers);
    report.all_filled(&below(base, "fields"), &foreign.fields);
    for (n, regex) in foreign.text.iter().enumerate() {
        check_regex(report, &[base, steps!["text", n]].concat(), regex);
    }
}

fn check_tenant(report: &mut Report<'_, '_>, n: usize, hint: &TenantHint) {
    let keys = [("field", &hint.field), ("path", &hint.path), ("host", &hint.host)];
    report.one_of(steps!["tenant", n], "a tenant hint", &keys.map(|(name, value)| (name, value.is_some())));
    if let Some(field) = &hint.field {
        report.filled(steps!["tenant", n, "field"], field);
    }
    for (name, value) in [("path", &hint.path), ("host", &hint.host)] {
        let Some(value) = value else { continue };
        if value.matches("{t}").count() != 1 {
            let message = format!("{} needs `{{t}}` once, where the tenant stands", quoted(value));
            report.say(steps!["tenant", n, name], message, None);
        }
    }
}

fn check_symptom(report: &mut Report<'_, '_>, n: usize, symptom: &Symptom) {
    report.label(steps!["symptoms", n, "id"], "an id", &symptom.id);
    let message = steps!["symptoms", n, "message"];
    check_placeholders(report, message, &symptom.message, Within::Message);
    if is_short(&symptom.message) {
        let why = "the message has under 12 characters of its own, and may not stand alone";
        report.say(message, why, None);
    }
    report.all_filled(steps!["symptoms", n, "needs_text"], &symptom.needs_text);
    if let Some(http) = &symptom.candidates.http {
        let status = http.parse::<u16>().is_ok_and(|status| STATUSES.contains(&status));
        let from_text = http == "{http}" && symptom.message.contains("{http}");
        if !status && !from_text {
            let hint = "a status, or `{http}` where the message has that placeholder";
            let message = format!("{} is no status", quoted(http));
            report.say(steps!["symptoms", n, "candidates", "http"], message, Some(hint));
        }
    }
}

fn check_rule(report: &mut Report<'_, '_>, n: usize, rule: &Rule) {
    report.label(steps!["rules", n, "id"], "an id", &rule.id);
    report.label(steps!["rules", n, "code"], "a code", &rule.code);
    let labels = [
        ("wire", &rule.wire),
        ("internal", &rule.internal),
        ("endpoint", &rule.endpoint),
        ("section", &rule.section),
    ];
    for (name, value) in labels {
        if let Some(value) = value {
            report.label(steps!["rules", n, name], &format!("`{name}`"), value);
        }
    }
    for (at, status) in rule.http.iter().enumerate() {
        if !STATUSES.contains(status) {
            report.say(
                steps!["rules", n, "http", at],
                format!("{status} is no HTTP status"),
                Some("100 to 599"),
            );
        }
    }
    for (at, alias) in rule.aliases.iter().enumerate() {
        report.label(steps!["rules", n, "aliases", at], "an alias", alias);
    }
    for (at, message) in rule.message.as_slice().iter().enumerate() {
        let path = steps!["rules", n, "message", at];
        report.filled(path, message);
        check_placeholders(report, path, message, Within::Message);
    }
    if let Some(matchers) = &rule.matchers {
        if matchers.any.is_empty() {
            report.say(steps!["rules", n, "match", "any"], "`any` without a matcher matches nothing", None);
        }
        for (at, form) in matchers.any.iter().enumerate() {
            check_form(report, steps!["rules", n, "match", "any", at], form, &[]);
        }
    }
}
