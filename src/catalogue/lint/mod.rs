//! Checks that need more than one field, or more than one file: each finding is an error with its place.
//!
//! `pack` looks at one document, `across` at all of them together, `text` at regexes and placeholders. What the parser
//! already complained of is not judged again: its value may be a stand-in.

mod across;
mod pack;
mod text;

use super::diagnostic::{Diagnostic, Locator, Step, quoted};
use super::load::{Document, Loaded};
use super::schema::{AcceptedList, ForeignList, Mapping, Overlay, SCHEMA, SharedList};
use super::yaml::PROBLEMS_MAX;
use std::collections::HashSet;

pub(super) use across::across;

/// Bytes of a text that becomes a label value, or a part of one.
pub(super) const LABEL_BYTES_MAX: usize = 128;
/// Rules of all packs together.
pub(super) const RULES_MAX: usize = 100_000;

/// `steps!["rules", 3, "id"]`
macro_rules! steps {
    ($($step:expr),* $(,)?) => { &[$(crate::catalogue::diagnostic::Step::from($step)),*][..] };
}
use steps;

/// Everything that one document says about itself.
pub(super) fn document(loaded: &Loaded<'_>, findings: &mut Vec<Diagnostic>) {
    let mut report = Report::new(&loaded.at, findings);
    match &loaded.document {
        Document::Pack(pack) => pack::check(&mut report, pack),
        Document::Overlay(overlay) => check_overlay(&mut report, overlay),
        Document::Shared(list) => check_shared(&mut report, list),
        Document::Foreign(list) => check_foreign(&mut report, list),
        Document::Accepted(list) => check_accepted(&mut report, list),
    }
}

/// Collects the findings of one file.
struct Report<'r, 'f> {
    at: &'r Locator<'f>,
    findings: &'r mut Vec<Diagnostic>,
    said: usize,
}

impl<'r, 'f> Report<'r, 'f> {
    fn new(at: &'r Locator<'f>, findings: &'r mut Vec<Diagnostic>) -> Report<'r, 'f> {
        Report { at, findings, said: 0 }
    }

    fn say(&mut self, path: &[Step<'_>], message: impl Into<String>, hint: Option<&str>) {
        if self.said < PROBLEMS_MAX && !self.at.is_tainted(path) {
            self.said += 1;
            self.findings.push(self.at.finding(path, message.into(), hint.map(str::to_string)));
        }
    }

    fn schema(&mut self, schema: &str) {
        if schema != SCHEMA {
            let hint = format!("this version reads {}", quoted(SCHEMA));
            self.say(steps!["schema"], format!("unknown schema {}", quoted(schema)), Some(&hint));
        }
    }

    /// `[a-z][a-z0-9-]*`
    fn id(&mut self, path: &[Step<'_>], id: &str) {
        if id.starts_with('_') {
            return self.label(path, "an id", id);
        }
        let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !id.starts_with(|c: char| c.is_ascii_lowercase()) || !id.chars().all(good) {
            let message = format!("{} is no id", quoted(id));
            self.say(path, message, Some("a small letter, then small letters, digits and `-`"));
        } else {
            self.label(path, "an id", id);
        }
    }

    /// A text that becomes a label value.
    fn label(&mut self, path: &[Step<'_>], what: &str, value: &str) {
        if value.trim().is_empty() {
            self.say(path, format!("{what} is empty"), None);
        } else if value.starts_with('_') {
            let hint = "`_unknown`, `_other`, `_open` and the like are values that faultline itself gives";
            self.say(path, format!("{} begins with `_`, which is reserved", quoted(value)), Some(hint));
        } else if value.len() > LABEL_BYTES_MAX {
            let message = format!("{what} has {} bytes, at most {LABEL_BYTES_MAX} fit a label", value.len());
            self.say(path, message, None);
        } else if value.chars().any(char::is_control) {
            self.say(path, format!("{what} holds a control character: {}", quoted(value)), None);
        }
    }

    fn filled(&mut self, path: &[Step<'_>], value: &str) {
        if value.trim().is_empty() {
            self.say(path, "an empty text would be found everywhere", Some("leave it out"));
        }
    }

    fn all_filled(&mut self, base: &[Step<'_>], values: &[String]) {
        for (n, value) in values.iter().enumerate() {
            let mut path = base.to_vec();
            path.push(Step::Index(n));
            self.filled(&path, value);
        }
    }

    fn hosts(&mut self, base: &[Step<'_>], hosts: &[String]) {
        for (n, host) in hosts.iter().enumerate() {
            let mut path = base.to_vec();
            path.push(Step::Index(n));
            self.host(&path, host);
        }
    }

    fn host(&mut self, path: &[Step<'_>], host: &str) {
        let name = host.strip_prefix("*.").unwrap_or(host);
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        if name.is_empty() || name.starts_with('.') || !name.chars().all(good) {
            let hint =
                "a domain and nothing else, `example.com` or `*.example.com`: both mean it and all below it";
            self.say(path, format!("{} is no host", quoted(host)), Some(hint));
        }
    }

    /// A pattern over a name of Kubernetes or docker; `fixed` is what of it has to stand there as it is.
    fn origin_name(&mut self, path: &[Step<'_>], what: &str, pattern: &str, fixed: &str) {
        // Docker's containers may have more than those of Kubernetes.
        let good = |c: char| match what {
            "container" => c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'),
            "pod" => c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.'),
            _ => c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-',
        };
        let bytes_max = if what == "namespace" { 63 } else { 253 };
        if !fixed.chars().all(good) || fixed.len() > bytes_max {
            let hint = match what {
                "container" => "letters, digits, `-`, `_` and `.`",
                "pod" => "small letters, digits, `-` and `.`",
                _ => "small letters, digits and `-`",
            };
            let hint = match pattern.contains("{t}") {
                true => format!("around `{{t}}`: {hint}"),
                false => format!("{hint}; `*` stands for any text, nothing else is special"),
            };
            self.say(path, format!("{} fits no {what}", quoted(pattern)), Some(&hint));
        }
    }

    /// That exactly one of some fields is there.
    fn one_of(&mut self, path: &[Step<'_>], what: &str, fields: &[(&str, bool)]) {
        let given: Vec<String> = fields.iter().filter(|(_, is)| *is).map(|(name, _)| quoted(name)).collect();
        let all: Vec<String> = fields.iter().map(|(name, _)| quoted(name)).collect();
        match given.len() {
            1 => {}
            0 => self.say(path, format!("{what} needs one of {}", all.join(", ")), None),
            _ => self.say(path, format!("{what} has {}; exactly one is allowed", given.join(" and ")), None),
        }
    }
}

/// What a mapping is about: one place, or a container by up to three names.
fn check_place(report: &mut Report<'_, '_>, n: usize, map: &Mapping) {
    let keys = [
        ("service", &map.service),
        ("logger", &map.logger),
        ("host", &map.host),
        ("topic", &map.topic),
        ("path", &map.path),
        ("namespace", &map.namespace),
        ("pod", &map.pod),
        ("container", &map.container),
    ];
    let (places, names) = keys.split_at(5);
    let given: Vec<(&str, &String)> =
        keys.iter().filter_map(|(name, value)| Some((*name, value.as_ref()?))).collect();
    if given.is_empty() || names.iter().all(|(_, value)| value.is_none()) {
        report.one_of(steps!["map", n], "a mapping", &keys.map(|(name, value)| (name, value.is_some())));
    } else if places.iter().any(|(_, value)| value.is_some()) {
        let all: Vec<String> = given.iter().map(|(name, _)| quoted(name)).collect();
        report.say(
            steps!["map", n],
            format!("a mapping has {}; exactly one is allowed", all.join(" and ")),
            Some("`namespace`, `pod` and `container` may stand together, and with nothing else"),
        );
    }
    for (name, value) in given {
        report.filled(steps!["map", n, name], value);
        if matches!(name, "namespace" | "pod" | "container") && !value.trim().is_empty() {
            report.origin_name(steps!["map", n, name], name, value, &value.replace('*', ""));
        }
    }
}

fn check_overlay(report: &mut Report<'_, '_>, overlay: &Overlay) {
    report.schema(&overlay.schema);
    if !overlay.overlay {
        report.say(steps!["overlay"], "an overlay says `overlay: true`", Some("a pack has no such field"));
    }
    report.id(steps!["provider", "id"], &overlay.provider.id);
    pack::check_names(report, &overlay.names);
    for (n, map) in overlay.map.iter().enumerate() {
        check_place(report, n, map);
        if let Some(host) = &map.host {
            report.host(steps!["map", n, "host"], host);
        }
        if let Some(glob) = map.path.as_ref().filter(|glob| glob.contains(['?', '[', '{'])) {
            let message = format!("{} is no glob that is read here", quoted(glob));
            report.say(
                steps!["map", n, "path"],
                message,
                Some("`*` stands for any text; nothing else is special"),
            );
        }
        if let Some(glob) = map.path.as_ref().filter(|glob| !glob.is_empty() && !glob.starts_with(['/', '*']))
        {
            let hint = format!("write the whole path, or {}", quoted(&format!("*/{glob}")));
            let message = format!("{} fits no file: a path begins at the root", quoted(glob));
            report.say(steps!["map", n, "path"], message, Some(&hint));
        }
        if let Some(tenant) = &map.tenant {
            report.label(steps!["map", n, "tenant"], "a tenant", tenant);
        }
    }
    for (n, hint) in overlay.tenant.iter().enumerate() {
        let keys = [("namespace", &hint.namespace), ("container", &hint.container)];
        report.one_of(
            steps!["tenant", n],
            "a tenant hint",
            &keys.map(|(name, value)| (name, value.is_some())),
        );
        for (name, value) in keys.iter().filter_map(|(name, value)| Some((*name, value.as_ref()?))) {
            if value.matches("{t}").count() == 1 {
                report.origin_name(steps!["tenant", n, name], name, value, &value.replacen("{t}", "", 1));
            } else {
                let message = format!("{} needs `{{t}}` once, where the tenant stands", quoted(value));
                report.say(steps!["tenant", n, name], message, None);
            }
        }
        report.all_filled(steps!["tenant", n, "except"], &hint.except);
    }
    let mut seen = HashSet::new();
    for (n, change) in overlay.rules.iter().enumerate() {
        if !seen.insert(&change.id) {
            let message = format!("rule {} is changed twice", quoted(&change.id));
            report.say(steps!["rules", n, "id"], message, Some("put both changes into one entry"));
        }
        if change.severity.is_none() && change.remediation.is_none() {
            let message = format!("nothing is changed of rule {}", quoted(&change.id));
            report.say(steps!["rules", n], message, Some("give `severity`, `remediation` or both"));
        }
    }
}

fn check_shared(report: &mut Report<'_, '_>, list: &SharedList) {
    report.schema(&list.schema);
    report.id(steps!["shared", "id"], &list.shared.id);
    check_codes(report, &list.codes);
}

fn check_foreign(report: &mut Report<'_, '_>, list: &ForeignList) {
    report.schema(&list.schema);
    report.id(steps!["foreign", "id"], &list.foreign.id);
    check_codes(report, &list.codes);
    pack::check_foreign_evidence(report, steps!["evidence"], &list.evidence);
}

fn check_accepted(report: &mut Report<'_, '_>, list: &AcceptedList) {
    report.schema(&list.schema);
    for (n, entry) in list.accepted.iter().enumerate() {
        let kinds = [
            ("same", &entry.same, "providers", &entry.providers),
            ("part", &entry.part, "of", &entry.of),
            ("message", &entry.message, "within", &entry.within),
        ];
        report.one_of(
            steps!["accepted", n],
            "an accepted overlap",
            &kinds.map(|(name, text, ..)| (name, text.is_some())),
        );
        for (name, text, list_name, others) in kinds {
            if text.is_some() && others.is_empty() {
                let message = format!("{} needs {} beside it", quoted(name), quoted(list_name));
                report.say(steps!["accepted", n], message, None);
            } else if text.is_none() && !others.is_empty() {
                let message = format!("{} goes with {}", quoted(list_name), quoted(name));
                report.say(steps!["accepted", n, list_name], message, None);
            }
        }
    }
}

fn check_codes(report: &mut Report<'_, '_>, codes: &[String]) {
    let mut seen = HashSet::new();
    for (n, code) in codes.iter().enumerate() {
        report.label(steps!["codes", n], "a code", code);
        if !seen.insert(code) {
            report.say(steps!["codes", n], format!("{} is listed twice", quoted(code)), None);
        }
    }
}

/// Whether [`Report::label`] has nothing to say of it.
fn is_label(value: &str) -> bool {
    !value.trim().is_empty()
        && !value.starts_with('_')
        && value.len() <= LABEL_BYTES_MAX
        && !value.chars().any(char::is_control)
}
