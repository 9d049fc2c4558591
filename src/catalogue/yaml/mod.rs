//! YAML text → a value of any type that serde can read, with every error of the text and not the first.
//!
//! `plant` makes a `tree` of nodes with places of the text, `read` gives them to serde and, where a value does not fit,
//! notes it and goes on with a stand-in, `session` runs that until nothing new is found. `syntax` says what is no YAML,
//! where a person would look for it. Stricter than YAML at large: unknown fields are refused whatever the type says,
//! only `true` and `false` are booleans, tags, merge keys and byte order marks inside the text are refused.

mod tree;
mod plant;
mod characters;
mod syntax;
mod quotes;
mod words;
mod looks;
mod session;
mod read;
mod containers;
mod failure;

use super::diagnostic::{Diagnostic, Diagnostics, SourceText};
use serde::de::DeserializeOwned;
use tree::{Kind, Mark, NodeId, Tree};

/// Bytes of one file.
pub const FILE_BYTES_MAX: usize = 16 << 20;
/// Findings of one file; a file with more is not the file that somebody meant to write.
pub(super) const PROBLEMS_MAX: usize = 1000;

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
    let (value, locator) = read_yaml::<T>(name, text);
    match value {
        Some(value) if locator.findings.is_empty() => Ok((value, locator)),
        _ => Err(Diagnostics::new(locator.findings)),
    }
}

/// The value as far as it can be read, for callers that go on checking what is good: what is wrong is in
/// [`Locator::findings`], and where [`Locator::is_tainted`] holds the value is a stand-in.
pub fn read_yaml<'t, T: DeserializeOwned>(name: &'t str, text: &'t str) -> (Option<T>, Locator<'t>) {
    Locator::parse(name, text).read::<T>()
}

/// Whether a text is YAML without any content: comments, markers, or `null`.
pub fn says_nothing(text: &str) -> bool {
    let locator = Locator::parse("", text);
    let is_nothing = match locator.tree.root.map(|root| locator.tree.kind(root)) {
        None => true,
        Some(Kind::Scalar { text, plain }) => *plain && read::is_nothing(text),
        Some(_) => false,
    };
    is_nothing && locator.is_clean()
}

/// The top-level keys of a text, as far as it can be read.
pub fn top_keys(text: &str) -> Vec<String> {
    Locator::parse("", text).top_keys().into_iter().map(str::to_owned).collect()
}

/// A parsed text that can say where a value stands.
#[derive(Debug)]
pub struct Locator<'t> {
    source: SourceText<'t>,
    tree: Tree<'t>,
    /// Of the reading, not of later checks.
    pub(super) findings: Vec<Diagnostic>,
}

impl<'t> Locator<'t> {
    pub(super) fn parse(name: &'t str, text: &'t str) -> Locator<'t> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let source = SourceText::new(name, text);
        if text.len() > FILE_BYTES_MAX {
            let message = format!("the file has {} bytes, at most {FILE_BYTES_MAX} are read", text.len());
            let findings = vec![source.finding((1, 1), message)];
            return Locator { source, tree: plant::plant(""), findings };
        }
        let characters = characters::problems(text);
        if !characters.is_empty() {
            let mut locator = Locator { source, tree: plant::plant(""), findings: Vec::new() };
            characters.into_iter().for_each(|problem| locator.add(problem));
            return locator;
        }
        let mut tree = plant::plant(text);
        let problems = std::mem::take(&mut tree.problems);
        let mut locator = Locator { source, tree, findings: Vec::new() };
        problems.into_iter().for_each(|problem| locator.add(problem));
        locator
    }

    /// The value as far as it can be read; what is wrong is in `findings`. With findings, parts are stand-ins.
    pub(super) fn read<T: DeserializeOwned>(mut self) -> (Option<T>, Locator<'t>) {
        if self.tree.root.is_none() {
            if self.findings.is_empty() {
                self.add(Problem::new(Mark::START, "the file is empty"));
            }
            return (None, self);
        }
        let outcome = session::read::<T>(&self.tree);
        self.tree.remove(&outcome.dropped);
        outcome.problems.into_iter().for_each(|problem| self.add(problem));
        if outcome.value.is_none() && self.findings.is_empty() {
            self.add(Problem::new(Mark::START, "the file cannot be read"));
        }
        (outcome.value, self)
    }

    fn add(&mut self, problem: Problem) {
        if self.findings.len() < PROBLEMS_MAX {
            let finding = self.finding_at(problem.mark, problem.message).with_hint(problem.hint);
            self.findings.push(finding);
        } else if self.findings.len() == PROBLEMS_MAX {
            let message = "too many findings in this file; the rest is left out";
            self.findings.push(self.finding_at(problem.mark, message.to_string()));
        }
    }

    fn finding_at(&self, mark: Mark, message: String) -> Diagnostic {
        self.source.finding_at(mark.place(), mark.byte as usize, message)
    }

    /// The top-level keys in the order of the file; none if the document is no mapping.
    pub(super) fn top_keys(&self) -> Vec<&str> {
        self.top_entries().iter().filter_map(|(key, _)| self.tree.text(*key)).collect()
    }

    /// A finding at a top-level key itself.
    pub(super) fn finding_at_key(&self, name: &str, message: String, hint: Option<String>) -> Diagnostic {
        let key = self.top_entries().iter().find(|(key, _)| self.tree.text(*key) == Some(name));
        let mark = key.map_or(Mark::START, |(key, _)| self.mark_of(*key));
        self.finding_at(mark, message).with_hint(hint)
    }

    fn top_entries(&self) -> &[(NodeId, NodeId)] {
        match self.tree.root.map(|root| &self.tree.node(root).kind) {
            Some(Kind::Map(entries)) => entries,
            _ => &[],
        }
    }

    /// A finding at the value at `path`, or at the deepest part of the way to it that is there.
    pub fn finding(&self, path: &[Step<'_>], message: String, hint: Option<String>) -> Diagnostic {
        let mark = self.walk(path).last().map_or(Mark::START, |id| self.mark_of(*id));
        self.finding_at(mark, message).with_hint(hint)
    }

    /// Line and column of the value at `path`, or of the deepest part of the way to it that is there.
    pub fn place(&self, path: &[Step<'_>]) -> (usize, usize) {
        self.walk(path).last().map_or((1, 1), |id| self.mark_of(*id).place())
    }

    /// What was found while reading.
    pub fn findings(&self) -> &[Diagnostic] {
        &self.findings
    }

    /// Whether nothing was found while reading.
    pub(super) fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    /// Whether something was found in the value at `path` already, or it is not there: what serde got may be a stand-in.
    pub fn is_tainted(&self, path: &[Step<'_>]) -> bool {
        if self.findings.is_empty() {
            return false;
        }
        let nodes = self.walk(path);
        match nodes.last() {
            Some(last) if nodes.len() == path.len() + 1 => self.holds_finding(*last),
            _ => true,
        }
    }

    /// Whether the text has nothing but blanks and comments.
    pub(super) fn is_empty(&self) -> bool {
        self.tree.root.is_none()
    }

    fn holds_finding(&self, id: NodeId) -> bool {
        let from = self.mark_of(id).place();
        let to = self.last_mark(id).place();
        let inside = |place: (usize, usize)| place >= from && place <= to;
        self.findings.iter().any(|f| inside((f.line, f.column)))
            || self.tree.holes.iter().take(PROBLEMS_MAX).any(|hole| inside(self.mark_of(*hole).place()))
            || !self.tree.node(id).closed
    }

    /// Where the last value inside begins.
    fn last_mark(&self, mut id: NodeId) -> Mark {
        loop {
            let last = match &self.tree.node(id).kind {
                // what an alias names stands elsewhere
                Kind::Scalar { .. } | Kind::Alias(_) => None,
                Kind::List(items) => items.last(),
                Kind::Map(entries) => entries.last().map(|(_, value)| value),
            };
            match last {
                Some(last) => id = *last,
                None => return self.mark_of(id),
            }
        }
    }

    fn mark_of(&self, id: NodeId) -> Mark {
        self.tree.node(id).mark
    }

    /// The nodes on the way, the document first; shorter than the path if it leads nowhere.
    fn walk(&self, path: &[Step<'_>]) -> Vec<NodeId> {
        let mut nodes: Vec<NodeId> = self.tree.root.into_iter().collect();
        for step in path {
            let Some(&last) = nodes.last() else { break };
            let next = match (self.tree.kind(last), step) {
                (Kind::Map(entries), Step::Key(name)) => entries
                    .iter()
                    .find(|(key, _)| self.tree.text(*key) == Some(name))
                    .map(|(_, value)| *value),
                (Kind::List(items), Step::Index(index)) => items.get(*index).copied(),
                // one text where a list of them may stand
                (Kind::Scalar { .. }, Step::Index(0)) => Some(last),
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde::{Deserialize, Deserializer, de::Error};
    use std::collections::BTreeMap;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Settings {
        listen: String,
        tick: Seconds,
        #[serde(default)]
        level: Option<Level>,
        #[serde(default)]
        sink: Option<Sink>,
        #[serde(default)]
        limits: BTreeMap<String, u64>,
        #[serde(default)]
        ratio: Option<f64>,
        #[serde(default)]
        pair: Option<(u8, String)>,
    }

    #[derive(Debug, PartialEq)]
    struct Seconds(u64);

    impl<'de> Deserialize<'de> for Seconds {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Seconds, D::Error> {
            let text = String::deserialize(deserializer)?;
            let number = text.strip_suffix('s').and_then(|number| number.parse().ok());
            number.map(Seconds).ok_or_else(|| D::Error::custom("expected seconds, like `15s`"))
        }
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Level {
        Info,
        Debug,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Sink {
        Null,
        File { path: String },
        Many(Vec<String>),
    }

    fn findings(text: &str) -> Vec<String> {
        let findings = parse_yaml::<Settings>("c.yaml", text).expect_err(text);
        let line = |one: &Diagnostic| {
            let hint = one.hint.as_deref().unwrap_or("-");
            format!("{}:{} {} / {hint}", one.line, one.column, one.message)
        };
        findings.iter().map(line).collect()
    }

    #[test]
    fn a_whole_file_becomes_its_value() {
        let text = "listen: a:1\ntick: 5s\nlevel: debug\nsink: {file: {path: /x}}\nlimits: {a: 1}\nratio: 2\npair: [7, x]\n";
        let settings: Settings = parse_yaml("c", text).unwrap_or_else(|findings| panic!("{findings}"));
        assert_eq!(settings.tick, Seconds(5));
        assert_eq!(settings.sink, Some(Sink::File { path: "/x".into() }));
        assert_eq!(
            (settings.ratio, settings.limits["a"], settings.pair),
            (Some(2.0), 1, Some((7, "x".into())))
        );
        let settings: Settings =
            parse_yaml("c", "listen: a\ntick: 5s\nlevel: ~\nsink: {many: [a]}\n").unwrap();
        assert_eq!((settings.level, settings.sink), (None, Some(Sink::Many(vec!["a".into()]))));
    }

    #[test]
    fn what_a_type_of_ours_refuses_is_named_with_its_field_and_the_rest_is_still_read() {
        assert_eq!(
            findings("tick: soon\nlevel: dbug\nlimits: {a: x, b: -1}\nratio: .nan\npair: [300, x]\n"),
            [
                "1:1 missing field `listen` / -",
                "1:7 `tick`: expected seconds, like `15s` / -",
                "2:8 unknown value `dbug` for `level` / did you mean `debug`?",
                "3:13 expected a whole number for `limits`, found the text `x` / -",
                "3:19 expected a number from 0 to 18446744073709551615 for `limits`, found the number -1 / -",
                "4:8 expected a number for `ratio`, found the text `.nan` / -",
                "5:8 expected a number from 0 to 255 for `pair`, found the number 300 / -",
            ]
            .map(|line| line.replace("for `limits`", "for `b`").replacen(
                "for `b`, found the text",
                "for `a`, found the text",
                1
            ))
        );
        assert_eq!(
            findings("listen: a\ntick: 1s\npair: [1]\n"),
            ["3:7 `pair`: invalid length 1, expected a tuple of size 2 / -"]
        );
    }

    #[test]
    fn unknown_fields_are_refused_although_the_type_does_not_say_so() {
        assert_eq!(
            findings("listen: a\ntick: 1s\nlisten_adress: b\nlevle: info\n"),
            [
                "3:1 unknown field `listen_adress` / known fields: `listen`, `tick`, `level`, `sink`, `limits`, `ratio`, `pair`",
                "4:1 unknown field `levle` / did you mean `level`?",
            ]
        );
    }

    #[test]
    fn variants_with_fields_are_checked_inside() {
        assert_eq!(
            findings("listen: a\ntick: 1s\nsink: {file: {pth: /x}}\n"),
            ["3:15 unknown field `pth` / did you mean `path`?"]
        );
        assert_eq!(findings("listen: a\ntick: 1s\nsink: {file: {}}\n"), ["3:14 missing field `path` / -"]);
        assert_eq!(
            findings("listen: a\ntick: 1s\nsink: {fil: {}}\n"),
            ["3:8 unknown value `fil` for `sink` / did you mean `file`?"]
        );
        assert_eq!(
            findings("listen: a\ntick: 1s\nsink: file\n"),
            ["3:7 expected a value behind the name for `sink`, found the text `file` / write `{file: …}`"]
        );
        assert_eq!(
            findings("listen: a\ntick: 1s\nsink: {null: {a: b}}\n"),
            ["3:14 expected nothing for `sink`, found a mapping / this value takes no fields"]
        );
    }

    #[test]
    fn a_locator_says_where_a_value_stands() {
        let text = "listen: a\ntick: 1s\nsink:\n  many:\n    - x\n    - y\n";
        let (_, at) = parse_yaml_located::<Settings>("c", text).unwrap();
        assert_eq!(at.place(&["sink".into(), "many".into(), 1.into()]), (6, 7));
        assert_eq!(at.place(&["sink".into(), "nothing".into()]), (4, 3), "the deepest part that is there");
        let one = at.finding(&["listen".into()], "port missing".into(), None);
        assert_eq!(one.to_string(), "c:1:9: port missing\n 1 | listen: a\n   |         ^\n");
    }
}
