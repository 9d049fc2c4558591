//! Reads a tree as a type, again and again until every error is known.
//!
//! Most errors are noted by `read` on the way, which then goes on with a stand-in. What serde alone can see (a required
//! field, a value that a type of ours refuses) ends a pass: it is noted here and left out or stood in for in the next
//! one. Which fields a struct requires is learned once for all values of that struct, so passes are few.

use super::failure::{Failure, StructKey, What};
use super::looks;
use super::read::Reader;
use super::tree::{Kind, NodeId, Tree};
use super::{PROBLEMS_MAX, Problem};
use crate::catalogue::diagnostic::{nearest, quoted, suggest};
use serde::de::DeserializeOwned;
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};

/// Values that all passes over one file visit together.
const VISITS_MAX: u64 = 40_000_000;

pub(super) struct Outcome<T> {
    pub(super) value: Option<T>,
    pub(super) problems: Vec<Problem>,
    pub(super) dropped: HashSet<NodeId>,
}

/// What is known so far; shared by all readers of one file.
pub(super) struct Session<'t> {
    pub(super) tree: &'t Tree<'t>,
    problems: RefCell<(Vec<Problem>, HashSet<Problem>)>,
    dropped: HashSet<NodeId>,
    required: HashMap<StructKey, Vec<&'static str>>,
    /// The same for mappings that serde reads without saying which struct they are.
    required_at: HashMap<NodeId, Vec<&'static str>>,
    visits: Cell<u64>,
}

pub(super) fn read<'t, T: DeserializeOwned>(tree: &'t Tree<'t>) -> Outcome<T> {
    let mut session = Session {
        tree,
        problems: RefCell::default(),
        dropped: tree.holes.iter().copied().collect(),
        required: HashMap::new(),
        required_at: HashMap::new(),
        visits: Cell::new(0),
    };
    let root = tree.root.expect("asked by the caller");
    let value = loop {
        if session.dropped.contains(&root) {
            break None;
        }
        match T::deserialize(Reader::new(&session, root)) {
            Ok(value) => break Some(value),
            Err(failure) => {
                if !session.learn(failure, root) {
                    break None;
                }
            }
        }
    };
    let problems = session.problems.into_inner().0;
    Outcome { value, problems, dropped: session.dropped }
}

impl<'t> Session<'t> {
    pub(super) fn is_dropped(&self, id: NodeId) -> bool {
        !self.dropped.is_empty() && self.dropped.contains(&id)
    }

    pub(super) fn note(&self, problem: Problem) {
        let (list, known) = &mut *self.problems.borrow_mut();
        if list.len() <= PROBLEMS_MAX && known.insert(problem.clone()) {
            list.push(problem);
        }
    }

    /// One more value is read; an error when the bound on the whole work is hit.
    pub(super) fn visit(&self) -> Result<(), Failure> {
        self.visits.set(self.visits.get() + 1);
        if self.visits.get() > VISITS_MAX { Err(Failure::new(What::Exhausted)) } else { Ok(()) }
    }

    pub(super) fn required(
        &self,
        id: NodeId,
        key: Option<StructKey>,
    ) -> impl Iterator<Item = &'static str> + '_ {
        let by_type = key.and_then(|key| self.required.get(&key)).into_iter().flatten();
        let by_node = self.required_at.get(&id).into_iter().flatten();
        by_type.chain(by_node).copied()
    }

    /// Whether another pass is worth it.
    fn learn(&mut self, failure: Failure, root: NodeId) -> bool {
        let at = failure.at.unwrap_or(root);
        if self.problems.get_mut().0.len() > PROBLEMS_MAX {
            return false;
        }
        match failure.what {
            What::Exhausted => {
                let message = "too much is wrong in this file to read it to its end";
                self.note(Problem::new(self.tree.node(at).mark, message));
                return false;
            }
            What::MissingField(field) if !failure.stand_in => {
                let fields = match failure.lacking {
                    Some(key) => self.required.entry(key).or_default(),
                    None => self.required_at.entry(at).or_default(),
                };
                if !fields.contains(&field) {
                    fields.push(field);
                    return true;
                }
            }
            _ if failure.stand_in => {}
            What::MissingField(_) | What::Reported => {}
            What::UnknownField(name, known) => self.note(unknown_field(self.tree, at, &name, known)),
            What::UnknownVariant(name, known) => {
                self.note(unknown_value(self.tree, at, None, &name, known));
            }
            What::Message(message) => self.note(Problem::new(self.tree.node(at).mark, message)),
        }
        self.dropped.insert(at)
    }
}

pub(super) fn unknown_field(tree: &Tree<'_>, key: NodeId, name: &str, known: &[&'static str]) -> Problem {
    let mark = tree.node(key).mark;
    let hint = match name {
        "" => return Problem::new(mark, "no name before the `:`").hint("write `name: value`".to_string()),
        "<<" => Some("merge keys are not read; write the fields out".to_string()),
        _ if looks::missing_blank(name) => Some("put a blank behind the `:`".to_string()),
        _ if name.contains('=') => Some("write `name: value` with a `:` and a blank".to_string()),
        _ => suggest_or_look(tree, key, name, known, "fields"),
    };
    Problem { hint, ..Problem::new(mark, format!("unknown field {}", quoted(name))) }
}

pub(super) fn unknown_value(
    tree: &Tree<'_>,
    at: NodeId,
    field: Option<&str>,
    value: &str,
    known: &[&'static str],
) -> Problem {
    let place = field.map_or(String::new(), |name| format!(" for {}", quoted(name)));
    let problem = Problem::new(tree.node(at).mark, format!("unknown value {}{place}", quoted(value)));
    Problem { hint: suggest_or_look(tree, at, value, known, "values"), ..problem }
}

/// A near miss, else what is odd about a text without quotes, else what is known.
fn suggest_or_look(
    tree: &Tree<'_>,
    at: NodeId,
    word: &str,
    known: &[&'static str],
    kind: &str,
) -> Option<String> {
    let is_plain = matches!(tree.kind(at), Kind::Scalar { plain: true, .. });
    let look = || looks::hint(word).filter(|_| is_plain);
    match nearest(word, known.iter().copied()) {
        Some(_) => look().filter(|_| !word.is_ascii()),
        None => look(),
    }
    .or_else(|| suggest(word, known.iter().copied(), kind))
}
