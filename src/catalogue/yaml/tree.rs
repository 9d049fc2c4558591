//! YAML text → a tree of nodes with their places, and what is wrong with it as YAML.
//!
//! One arena of nodes; an alias is the node it names, so a bomb of aliases takes no memory, and its weight is known
//! before anybody walks it. After a syntax error the tree holds what was read so far, its open ends marked, so that
//! the part before the error can still be checked. The only file that knows the YAML parser.

use super::{PROBLEMS_MAX, Problem};
use crate::catalogue::diagnostic::quoted;
use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, Span, Tag};
use std::borrow::Cow;
use std::collections::HashMap;

/// Lists and mappings inside each other, aliases followed.
const DEPTH_MAX: usize = 64;
/// Scalars, lists and mappings of one file, aliases followed.
const NODES_MAX: u64 = 4_000_000;

pub(super) type NodeId = u32;

/// A place of the file, both from 1; columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Mark {
    pub(super) line: u32,
    pub(super) column: u32,
}

#[derive(Debug)]
pub(super) enum Kind<'a> {
    Scalar {
        text: Cow<'a, str>,
        plain: bool,
    },
    List(Vec<NodeId>),
    /// Keys are scalars and differ.
    Map(Vec<(NodeId, NodeId)>),
}

#[derive(Debug)]
pub(super) struct Node<'a> {
    pub(super) kind: Kind<'a>,
    pub(super) mark: Mark,
    /// Whether its end was seen: a mapping that was cut may lack fields.
    pub(super) closed: bool,
    /// This node and all below it, aliases followed.
    weight: u64,
    height: usize,
}

#[derive(Debug)]
pub(super) struct Tree<'a> {
    nodes: Vec<Node<'a>>,
    pub(super) root: Option<NodeId>,
    pub(super) problems: Vec<Problem>,
}

impl<'a> Tree<'a> {
    pub(super) fn node(&self, id: NodeId) -> &Node<'a> {
        &self.nodes[id as usize]
    }

    pub(super) fn text(&self, id: NodeId) -> Option<&str> {
        match &self.node(id).kind {
            Kind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    pub(super) fn parse(text: &'a str) -> Tree<'a> {
        let mut builder = Builder {
            tree: Tree { nodes: Vec::with_capacity(text.len() / 12), root: None, problems: Vec::new() },
            open: Vec::new(),
            anchors: HashMap::new(),
            documents: 0,
        };
        let options = granit_parser::options! {
            emit_comments: false,
            disallow_directives: true,
            emit_unresolved_aliases: true,
            flow_nesting_limit: DEPTH_MAX,
            block_nesting_limit: DEPTH_MAX,
        };
        for next in Parser::new_from_str_with_options(text, options) {
            let step = match next {
                Ok((event, span)) => builder.take(event, span),
                Err(error) => Err(syntax_problem(&error)),
            };
            if let Err(problem) = step {
                builder.tree.problems.push(problem);
                builder.cut();
                break;
            }
        }
        builder.tree
    }
}

struct Builder<'a> {
    tree: Tree<'a>,
    open: Vec<Open>,
    anchors: HashMap<usize, NodeId>,
    documents: usize,
}

struct Open {
    id: NodeId,
    anchor: usize,
    /// Of a mapping: the key whose value comes next.
    key: Option<NodeId>,
}

impl<'a> Builder<'a> {
    fn take(&mut self, event: Event<'a>, span: Span) -> Result<(), Problem> {
        let mark = mark(span.start.line(), span.start.col());
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    let hint = "put the second one into a file of its own".to_string();
                    return Err(Problem::new(mark, "a second document in the file").hint(hint));
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                let text_tag = self.check_tag(tag.as_deref(), &span);
                let plain = style == ScalarStyle::Plain && !text_tag;
                let id = self.add(Kind::Scalar { text, plain }, mark)?;
                self.remember(anchor, id);
                self.place(id, mark)?;
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.check_tag(tag.as_deref(), &span);
                self.begin(Kind::List(Vec::new()), anchor, mark)?;
            }
            Event::MappingStart(_, anchor, tag) => {
                self.check_tag(tag.as_deref(), &span);
                self.begin(Kind::Map(Vec::new()), anchor, mark)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(true)?,
            Event::Alias(anchor) => self.follow(anchor, mark)?,
            Event::UnresolvedAlias(name) => {
                let message = format!("no anchor {} stands before this alias", quoted(&name));
                let hint = "quote a text that begins with `*`".to_string();
                self.complain(Problem::new(mark, message).hint(hint));
                let id = self.add(Kind::Scalar { text: "".into(), plain: false }, mark)?;
                self.place(id, mark)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Tags mean nothing here but `!!str`, which says true.
    fn check_tag(&mut self, tag: Option<&Tag>, span: &Span) -> bool {
        let Some(tag) = tag else { return false };
        let text = tag.is_yaml_core_schema_tag("str");
        if !text {
            let start = span.tag_start().unwrap_or(span.start);
            let message = format!("the tag {} is not known here", quoted(&tag.original()));
            let hint = "quote a text that begins with `!`".to_string();
            self.complain(Problem::new(mark(start.line(), start.col()), message).hint(hint));
        }
        text
    }

    fn add(&mut self, kind: Kind<'a>, mark: Mark) -> Result<NodeId, Problem> {
        let id = self.tree.nodes.len() as NodeId;
        if u64::from(id) >= NODES_MAX {
            return Err(too_many(mark));
        }
        self.tree.nodes.push(Node { kind, mark, closed: true, weight: 1, height: 1 });
        Ok(id)
    }

    fn remember(&mut self, anchor: usize, id: NodeId) {
        if anchor != 0 {
            self.anchors.insert(anchor, id);
        }
    }

    fn begin(&mut self, kind: Kind<'a>, anchor: usize, mark: Mark) -> Result<(), Problem> {
        let id = self.add(kind, mark)?;
        self.open.push(Open { id, anchor, key: None });
        Ok(())
    }

    /// Closes the innermost list or mapping. An anchor holds from here on, so no alias stands inside its own node.
    fn end(&mut self, closed: bool) -> Result<(), Problem> {
        let Some(done) = self.open.pop() else { return Ok(()) };
        let node = &mut self.tree.nodes[done.id as usize];
        node.closed = closed;
        let mark = node.mark;
        self.refuse_duplicates(done.id);
        self.remember(done.anchor, done.id);
        self.place(done.id, mark)
    }

    fn follow(&mut self, anchor: usize, mark: Mark) -> Result<(), Problem> {
        let Some(&id) = self.anchors.get(&anchor) else {
            return Err(Problem::new(mark, "an alias inside the very node that it names"));
        };
        self.place(id, mark)
    }

    /// Puts a finished node where the parser stands. `mark` is where it is used.
    fn place(&mut self, id: NodeId, mark: Mark) -> Result<(), Problem> {
        let (weight, height) = (self.tree.node(id).weight, self.tree.node(id).height);
        let is_text = self.tree.text(id).is_some();
        let Some(open) = self.open.last_mut() else {
            self.tree.root.get_or_insert(id);
            return Ok(());
        };
        let mut bad_key = false;
        let parent = &mut self.tree.nodes[open.id as usize];
        parent.weight = parent.weight.saturating_add(weight);
        parent.height = parent.height.max(height + 1);
        if parent.weight > NODES_MAX {
            return Err(too_many(mark));
        }
        if parent.height > DEPTH_MAX {
            return Err(too_deep(mark));
        }
        match (&mut parent.kind, open.key.take()) {
            (Kind::List(items), _) => items.push(id),
            (Kind::Map(entries), Some(key)) => entries.push((key, id)),
            (_, None) => {
                open.key = Some(id);
                bad_key = !is_text;
            }
            (Kind::Scalar { .. }, Some(_)) => unreachable!("only lists and mappings are opened"),
        }
        if bad_key {
            self.complain(Problem::new(mark, "expected a name before `:`, found a list or mapping"));
        }
        Ok(())
    }

    /// The first of equal keys stays. Entries whose key is no text go; that was reported when they came.
    fn refuse_duplicates(&mut self, id: NodeId) {
        let Kind::Map(entries) = &mut self.tree.nodes[id as usize].kind else { return };
        let entries = std::mem::take(entries);
        let mut kept = Vec::with_capacity(entries.len());
        let mut duplicates = Vec::new();
        {
            let mut seen: HashMap<&str, NodeId> = HashMap::with_capacity(entries.len());
            for (key, value) in entries {
                let Some(text) = self.tree.text(key) else { continue };
                match seen.get(text) {
                    Some(first) => duplicates.push((key, *first)),
                    None => {
                        seen.insert(text, key);
                        kept.push((key, value));
                    }
                }
            }
        }
        self.tree.nodes[id as usize].kind = Kind::Map(kept);
        for (key, first) in duplicates {
            let text = self.tree.text(key).unwrap_or_default();
            let line = self.tree.node(first).mark.line;
            let problem = Problem::new(self.tree.node(key).mark, format!("duplicate field {}", quoted(text)))
                .hint(format!("it is already given in line {line}"));
            self.complain(problem);
        }
    }

    fn complain(&mut self, problem: Problem) {
        if self.tree.problems.len() < PROBLEMS_MAX {
            self.tree.problems.push(problem);
        }
    }

    /// After an error: what is open ends here, without its end.
    fn cut(&mut self) {
        while !self.open.is_empty() {
            // a limit that is hit again says nothing new, and the node is left out
            let _ = self.end(false);
        }
    }
}

fn mark(line: usize, column_from_0: usize) -> Mark {
    Mark { line: line.max(1) as u32, column: column_from_0 as u32 + 1 }
}

fn too_many(mark: Mark) -> Problem {
    let hint = format!("at most {NODES_MAX} values a file, each alias counted as what it stands for");
    Problem::new(mark, "too many values in the file").hint(hint)
}

fn too_deep(mark: Mark) -> Problem {
    Problem::new(mark, "nested too deep").hint(format!("at most {DEPTH_MAX} levels"))
}

fn syntax_problem(error: &ScanError) -> Problem {
    let at = mark(error.marker().line(), error.marker().col());
    if let ErrorKind::RecursionLimitExceeded = error.kind() {
        return too_deep(at);
    }
    let problem = Problem::new(at, format!("YAML syntax: {}", error.kind()));
    match syntax_hint(error.kind()) {
        Some(hint) => problem.hint(hint.to_string()),
        None => problem,
    }
}

/// What usually is behind it.
fn syntax_hint(kind: &ErrorKind) -> Option<&'static str> {
    use ErrorKind as K;
    Some(match kind {
        K::TabNotAllowed | K::TabInBlockIndentation | K::TabInIndentation => {
            "indent with spaces, not with tabs"
        }
        K::MappingValueNotAllowed | K::InvalidColonPlacement => {
            "quote a text that holds `: `, and check the indentation of this line"
        }
        K::SimpleKeyExpected | K::InvalidSimpleKey | K::ExpectedBlockMappingKey => {
            "expected `name: value`; check the indentation of this line and of the one before"
        }
        K::ExpectedBlockSequenceEntry => "expected `- value`, indented as the items before it",
        K::UnclosedQuotedScalar | K::DocumentIndicatorInQuotedScalar => {
            "close the quote; inside single quotes write '' for one of them"
        }
        K::UnclosedFlowCollection { .. }
        | K::ExpectedFlowMappingSeparator
        | K::ExpectedFlowSequenceSeparator
        | K::MismatchedFlowCollectionEnd { .. } => {
            "close the bracket; quote a text that holds `,`, `[`, `]`, `{` or `}`"
        }
        K::UnknownQuotedScalarEscape => "write the text in single quotes, or `\\\\` for a backslash",
        K::InvalidTrailingSingleQuotedScalar | K::InvalidTrailingDoubleQuotedScalar => {
            "put the quotes around the whole text; inside single quotes write '' for one of them"
        }
        K::UnexpectedCharacter { .. } => "quote a text that begins with such a character",
        K::DirectiveDisallowed => "leave out lines that begin with `%`",
        _ => return None,
    })
}
