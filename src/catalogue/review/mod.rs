//! What is allowed in rule files and yet likely a mistake, for `check --lint`: texts that stand in each other's way, rules
//! that nothing finds, evidence that is too wide, words that are missing.
//!
//! `overlaps` compares the texts of all packs against the overlaps that somebody accepted (`rules/accepted-overlaps.yaml`
//! and lists of the same kind in a rule directory), `advice` looks at each document. Errors and warnings are kept apart.
//! Runs on rules that are otherwise without a finding.

mod advice;
mod hosts;
mod overlaps;
mod texts;

use super::diagnostic::{Diagnostic, Diagnostics};
use super::load::{self, Document, Loaded, RuleFile, Trust};
use super::schema::Rule;

/// What a review found.
#[derive(Debug, Default)]
pub struct Review {
    pub errors: Vec<Diagnostic>,
    pub warnings: Vec<Diagnostic>,
    /// Overlaps that are accepted.
    pub accepted: usize,
}

impl Review {
    fn warn(&mut self, mut finding: Diagnostic) {
        finding.message.insert_str(0, "warning: ");
        self.warnings.push(finding);
    }
}

/// Reviews all rules together. `trust` says whether the built-in documents are judged by themselves as well, or only where
/// an added one meets them.
pub fn review(builtin: &[RuleFile], trust: Trust, added: &[RuleFile]) -> Result<Review, Diagnostics> {
    let all = load::load_all(builtin, trust, added)?;
    let mut review = Review::default();
    let is_whole = all.iter().filter(|one| one.is_builtin).count() == builtin.len();
    overlaps::check(&all, is_whole, &mut review);
    advice::check(&all, &mut review);
    Ok(review)
}

/// A rule where it stands.
#[derive(Clone, Copy)]
struct Site<'a> {
    loaded: &'a Loaded<'a>,
    provider: &'a str,
    rule: &'a Rule,
    at: usize,
}

impl<'a> Site<'a> {
    fn finding(&self, field: &str, message: String, hint: Option<String>) -> Diagnostic {
        self.loaded.at.finding(&["rules".into(), self.at.into(), field.into()], message, hint)
    }

    /// `file:line`
    fn place(&self, field: &str) -> String {
        let (line, _) = self.loaded.at.place(&["rules".into(), self.at.into(), field.into()]);
        format!("{}:{line}", self.loaded.name)
    }

    /// `provider:code`, as candidates are written.
    fn code(&self) -> String {
        format!("{}:{}", self.provider, self.rule.code)
    }
}

/// All rules in the order in which they are compiled.
fn sites<'a>(all: &'a [Loaded<'a>]) -> Vec<Site<'a>> {
    let mut sites = Vec::new();
    for loaded in all {
        if let Document::Pack(pack) = &loaded.document {
            let of_pack = pack.rules.iter().enumerate();
            sites.extend(of_pack.map(|(at, rule)| Site { loaded, provider: &pack.provider.id, rule, at }));
        }
    }
    sites
}

#[cfg(test)]
mod tests;
