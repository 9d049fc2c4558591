//! Documents by themselves: rules that nothing finds or nothing tells apart, evidence that is too wide, tenants that never
//! become a label, rules without a test or without a word on what to do.

use std::collections::HashMap;

use super::hosts::is_wide;
use super::{Review, Site, sites};
use crate::catalogue::compile::{self, Catalogue, Kind, RuleId};
use crate::catalogue::diagnostic::{Diagnostic, Step, quoted};
use crate::catalogue::load::{self, Document, Loaded, Trust};
use crate::catalogue::schema::{ForeignEvidence, Overlay, Pack};

/// Characters of a remediation: it stands in alerts and on a page.
const REMEDIATION_CHARS_MAX: usize = 240;

/// Values that the engine never takes as a tenant, whatever `tenant_allow` says.
const PERSONAL: [(&str, &str); 2] =
    [("an e-mail address", "ada@example.com"), ("a UUID", "9a5b5c2b-e510-4012-8a4c-70fbb17032b5")];

pub(super) fn check(all: &[Loaded<'_>], review: &mut Review) {
    for loaded in all.iter().filter(|loaded| loaded.trust == Trust::Checked) {
        match &loaded.document {
            Document::Pack(pack) => check_pack(loaded, pack, review),
            Document::Overlay(overlay) => check_overlay(loaded, overlay, review),
            Document::Foreign(list) => check_foreign(loaded, &["evidence"], &list.evidence, review),
            Document::Shared(_) | Document::Accepted(_) => {}
        }
    }
    check_reach(all, review);
}

fn check_pack(loaded: &Loaded<'_>, pack: &Pack, review: &mut Review) {
    for (n, host) in pack.evidence.strong.hosts.iter().enumerate() {
        let path = ["evidence".into(), "strong".into(), "hosts".into(), Step::Index(n)];
        check_host(loaded, &path, host, review);
    }
    check_foreign(loaded, &["evidence", "foreign"], &pack.evidence.foreign, review);
    if let Some(allow) = &pack.tenant_allow {
        check_tenants(loaded, allow, review);
    }
    for (n, rule) in pack.rules.iter().enumerate() {
        let site = Site { loaded, provider: &pack.provider.id, rule, at: n };
        if rule.tests.is_empty() {
            let hint = "give it the line that it is for, and one that looks like it and is not";
            let message = format!("rule {} has no test", quoted(&rule.id));
            review.warn(site.finding("id", message, Some(hint.to_owned())));
        }
        let chars = rule.remediation.chars().count();
        if rule.remediation.trim().is_empty() {
            let message = format!("rule {} does not say what to do", quoted(&rule.id));
            review.errors.push(site.finding("remediation", message, None));
        } else if chars > REMEDIATION_CHARS_MAX {
            let message =
                format!("the remediation has {chars} characters, more than {REMEDIATION_CHARS_MAX}");
            let hint = "it stands in alerts: say what to do first, and put the rest into `note`";
            review.warn(site.finding("remediation", message, Some(hint.to_owned())));
        }
    }
}

fn check_overlay(loaded: &Loaded<'_>, overlay: &Overlay, review: &mut Review) {
    for (n, map) in overlay.map.iter().enumerate() {
        if let Some(host) = &map.host {
            check_host(loaded, &["map".into(), n.into(), "host".into()], host, review);
        }
    }
}

fn check_foreign(loaded: &Loaded<'_>, base: &[&str], evidence: &ForeignEvidence, review: &mut Review) {
    for (n, host) in evidence.hosts.iter().enumerate() {
        let mut path: Vec<Step<'_>> = base.iter().map(|key| Step::Key(key)).collect();
        path.extend(["hosts".into(), Step::Index(n)]);
        check_host(loaded, &path, host, review);
    }
}

fn check_host(loaded: &Loaded<'_>, path: &[Step<'_>], host: &str, review: &mut Review) {
    if is_wide(host) {
        let message = format!("{} is too wide: it proves somebody in other people's lines", quoted(host));
        let hint = "name the host that answers, or the domain of its owner".to_owned();
        review.errors.push(loaded.at.finding(path, message, Some(hint)));
    }
}

fn check_tenants(loaded: &Loaded<'_>, allow: &str, review: &mut Review) {
    let Ok(allow) = regex::Regex::new(allow) else { return };
    for (what, value) in PERSONAL.iter().filter(|(_, value)| allow.is_match(value)) {
        let message = format!("`tenant_allow` lets {what} pass, as in {}", quoted(value));
        let hint =
            "such a value is refused all the same; narrow the regex so that nobody counts on it".to_owned();
        review.warn(loaded.at.finding(&["tenant_allow".into()], message, Some(hint)));
    }
}

/// Rules that no text leads to, and rules that all texts share with another code.
fn check_reach(all: &[Loaded<'_>], review: &mut Review) {
    let catalogue = compile::compile(&load::rules_of(all));
    let sites = sites(all);
    let mut signs = signs(&catalogue);
    let mut first: HashMap<(&str, Vec<Sign>), &Site<'_>> = HashMap::new();
    for (id, site) in sites.iter().enumerate() {
        let mut sign = std::mem::take(&mut signs[id]);
        if sign.is_empty() {
            if site.loaded.trust == Trust::Checked {
                review.errors.push(unreachable(site));
            }
            continue;
        }
        sign.sort_unstable();
        sign.dedup();
        sign.push(Sign::Endpoint(site.rule.endpoint.clone().unwrap_or_default()));
        sign.push(Sign::Status(site.rule.http.clone()));
        match first.get(&(site.provider, sign.clone())) {
            Some(other) if other.rule.code != site.rule.code && site.loaded.trust == Trust::Checked => {
                review.warn(indistinct(site, other));
            }
            Some(_) => {}
            None => {
                first.insert((site.provider, sign), site);
            }
        }
    }
}

/// What leads to a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Sign {
    Literal(usize),
    /// Names and values of the fields.
    Fields(String),
    Endpoint(String),
    Status(Vec<u16>),
}

fn signs(catalogue: &Catalogue) -> Vec<Vec<Sign>> {
    let mut signs: Vec<Vec<Sign>> = vec![Vec::new(); catalogue.rules.len()];
    for (id, literal) in catalogue.literals.iter().enumerate() {
        if matches!(literal.kind, Kind::Symptom(..)) {
            continue;
        }
        let rules = literal.owners.iter().flat_map(|owner| &owner.rules);
        rules.for_each(|rule: &RuleId| signs[*rule].push(Sign::Literal(id)));
    }
    for conjunction in &catalogue.conjunctions {
        signs[conjunction.rule].push(Sign::Fields(format!("{:?}", conjunction.pairs)));
    }
    signs
}

fn unreachable(site: &Site<'_>) -> Diagnostic {
    let message = format!("no line can lead to rule {}", quoted(&site.rule.id));
    let hint = match site.rule.retired {
        true => "it is retired, and current rules have all of its texts",
        false => {
            "no form of the pack finds a text of it: give it `wire`, `message` or `match`, or the pack a form"
        }
    };
    site.finding("id", message, Some(hint.to_owned()))
}

fn indistinct(site: &Site<'_>, other: &Site<'_>) -> Diagnostic {
    let message = format!("nothing tells {} from {}", quoted(&site.rule.code), quoted(&other.rule.code));
    let hint = format!("lines of either are ambiguous; the other is {}", other.place("id"));
    site.finding("code", message, Some(hint))
}
