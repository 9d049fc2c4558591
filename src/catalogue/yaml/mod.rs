//! YAML text → a value of any type that serde can read, with every error of the text and not the first.
//!
//! `tree` makes nodes with places of the text, `read` gives them to serde and, where a value does not fit, notes it and
//! goes on with a stand-in, `session` runs that until nothing new is found. Stricter than YAML at large: unknown
//! fields are refused whatever the type says, only `true` and `false` are booleans, tags and merge keys are refused.

mod failure;
mod read;
mod session;
mod tree;

use super::diagnostic::{Diagnostic, Diagnostics, SourceText};
use serde::de::DeserializeOwned;
use std::collections::HashSet;
use tree::{Kind, Mark, NodeId, Tree};

/// Bytes of one file.
pub const FILE_BYTES_MAX: usize = 16 << 20;
/// Findings of one file; a file with more is not the file that somebody meant to write.
const PROBLEMS_MAX: usize = 1000;

/// One step on the way from the document to a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

impl<'a> From<&'a str> for Step<'a> {
    fn from(key: &'a str) -> Step<'a> {
        Step::Key(key)
    }
}

impl From<usize> for Step<'_> {
    fn from(index: usize) -> Self {
        Step::Index(index)
    }
}

/// A finding before its excerpt is cut.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Problem {
    mark: Mark,
    message: String,
    hint: Option<String>,
}

impl Problem {
    fn new(mark: Mark, message: impl Into<String>) -> Problem {
        Problem { mark, message: message.into(), hint: None }
    }

    fn hint(mut self, hint: String) -> Problem {
        self.hint = Some(hint);
        self
    }
}

/// The value of a whole text, or all that is wrong with it. `name` stands in the findings.
pub fn parse_yaml<T: DeserializeOwned>(name: &str, text: &str) -> Result<T, Diagnostics> {
    parse_yaml_located(name, text).map(|(value, _)| value)
}

/// As [`parse_yaml`], and the places of its values, for checks that serde cannot make.
pub fn parse_yaml_located<'t, T: DeserializeOwned>(
    name: &'t str,
    text: &'t str,
) -> Result<(T, Locator<'t>), Diagnostics> {
    let locator = Locator::parse(name, text);
    let (value, locator) = locator.read::<T>();
    match value {
        Some(value) if locator.findings.is_empty() => Ok((value, locator)),
        _ => Err(Diagnostics::new(locator.findings)),
    }
}

/// A parsed text that can say where a value stands.
#[derive(Debug)]
pub struct Locator<'t> {
    source: SourceText<'t>,
    tree: Tree<'t>,
    /// What serde did not get because it did not fit.
    dropped: HashSet<NodeId>,
    /// Where something was found, by node marks.
    pub(super) findings: Vec<Diagnostic>,
}

impl<'t> Locator<'t> {
    pub(super) fn parse(name: &'t str, text: &'t str) -> Locator<'t> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let source = SourceText::new(name, text);
        if text.len() > FILE_BYTES_MAX {
            let message = format!("the file has {} bytes, at most {FILE_BYTES_MAX} are read", text.len());
            let findings = vec![source.finding((1, 1), message)];
            return Locator { source, tree: Tree::parse(""), dropped: HashSet::new(), findings };
        }
        let mut tree = Tree::parse(text);
        let problems = std::mem::take(&mut tree.problems);
        let mut locator = Locator { source, tree, dropped: HashSet::new(), findings: Vec::new() };
        problems.into_iter().for_each(|problem| locator.add(problem));
        locator
    }

    /// The value as far as it can be read; what is wrong is in `findings`. With findings, parts are stand-ins.
    pub(super) fn read<T: DeserializeOwned>(mut self) -> (Option<T>, Locator<'t>) {
        if self.tree.root.is_none() {
            if self.findings.is_empty() {
                self.add(Problem::new(Mark { line: 1, column: 1 }, "the file is empty"));
            }
            return (None, self);
        }
        let outcome = session::read::<T>(&self.tree);
        self.dropped = outcome.dropped;
        outcome.problems.into_iter().for_each(|problem| self.add(problem));
        if outcome.value.is_none() && self.findings.is_empty() {
            self.add(Problem::new(Mark { line: 1, column: 1 }, "the file cannot be read"));
        }
        (outcome.value, self)
    }

    fn add(&mut self, problem: Problem) {
        let place = (problem.mark.line as usize, problem.mark.column as usize);
        if self.findings.len() < PROBLEMS_MAX {
            let finding = self.source.finding(place, problem.message).with_hint(problem.hint);
            self.findings.push(finding);
        } else if self.findings.len() == PROBLEMS_MAX {
            let message = "too many findings in this file; the rest is left out";
            self.findings.push(self.source.finding(place, message.to_string()));
        }
    }

    /// The top-level keys in the order of the file; none if the document is no mapping.
    pub(super) fn top_keys(&self) -> Vec<&str> {
        self.top_entries().iter().filter_map(|(key, _)| self.tree.text(*key)).collect()
    }

    /// A finding at a top-level key itself.
    pub(super) fn finding_at_key(&self, name: &str, message: String, hint: Option<String>) -> Diagnostic {
        let key = self.top_entries().iter().find(|(key, _)| self.tree.text(*key) == Some(name));
        let place = key.map_or((1, 1), |(key, _)| self.mark_of(*key));
        self.source.finding(place, message).with_hint(hint)
    }

    fn top_entries(&self) -> &[(NodeId, NodeId)] {
        match self.tree.root.map(|root| &self.tree.node(root).kind) {
            Some(Kind::Map(entries)) => entries,
            _ => &[],
        }
    }

    /// A finding at the value at `path`, or at the deepest part of the way to it that is there.
    pub fn finding(&self, path: &[Step<'_>], message: String, hint: Option<String>) -> Diagnostic {
        self.source.finding(self.place(path), message).with_hint(hint)
    }

    /// Line and column of the value at `path`, or of the deepest part of the way to it that is there.
    pub fn place(&self, path: &[Step<'_>]) -> (usize, usize) {
        let nodes = self.walk(path);
        nodes.last().map_or((1, 1), |id| self.mark_of(*id))
    }

    /// Whether nothing was found while reading.
    pub(super) fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    /// Whether the first `units` steps of the path lead to a part that something was found in already, so that its
    /// value may be a stand-in.
    pub(super) fn is_tainted(&self, path: &[Step<'_>], units: usize) -> bool {
        if self.findings.is_empty() {
            return false;
        }
        let nodes = self.walk(&path[..units.min(path.len())]);
        let Some(&unit) = nodes.last() else { return true };
        if nodes.len() <= units.min(path.len()) {
            return true;
        }
        self.holds_finding(unit)
    }

    fn holds_finding(&self, id: NodeId) -> bool {
        let from = self.mark_of(id);
        let to = self.last_mark(id);
        self.findings.iter().any(|f| (f.line, f.column) >= from && (f.line, f.column) <= to)
            || !self.tree.node(id).closed
    }

    /// Where the last value inside begins.
    fn last_mark(&self, mut id: NodeId) -> (usize, usize) {
        loop {
            let last = match &self.tree.node(id).kind {
                Kind::Scalar { .. } => None,
                Kind::List(items) => items.last(),
                Kind::Map(entries) => entries.last().map(|(_, value)| value),
            };
            match last {
                Some(last) => id = *last,
                None => return self.mark_of(id),
            }
        }
    }

    fn mark_of(&self, id: NodeId) -> (usize, usize) {
        let mark = self.tree.node(id).mark;
        (mark.line as usize, mark.column as usize)
    }

    /// The nodes on the way, the document first; shorter than the path if it leads nowhere.
    fn walk(&self, path: &[Step<'_>]) -> Vec<NodeId> {
        let mut nodes: Vec<NodeId> = self.tree.root.into_iter().collect();
        for step in path {
            let Some(&last) = nodes.last() else { break };
            let next = match (&self.tree.node(last).kind, step) {
                (Kind::Map(entries), Step::Key(name)) => entries
                    .iter()
                    .find(|(key, _)| self.tree.text(*key) == Some(name))
                    .map(|(_, value)| *value),
                (Kind::List(items), Step::Index(index)) => {
                    items.iter().filter(|item| !self.dropped.contains(item)).nth(*index).copied()
                }
                _ => None,
            };
            match next {
                Some(next) => nodes.push(next),
                None => break,
            }
        }
        nodes
    }
}
