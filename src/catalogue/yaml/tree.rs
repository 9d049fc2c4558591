//! The nodes of a YAML text, with their places.
//!
//! One arena; an alias is a node of its own that names another, so a bomb of aliases takes no memory, and its weight is
//! known before anybody walks it. `plant` makes a tree of a text, `read` gives it to serde.

use super::Problem;
use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};

pub(super) type NodeId = u32;

/// A place of the file, both from 1; columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Mark {
    pub(super) line: u32,
    pub(super) column: u32,
    /// Offset in the text.
    pub(super) byte: u32,
}

impl Mark {
    pub(super) const START: Mark = Mark { line: 1, column: 1, byte: 0 };

    pub(super) fn place(self) -> (usize, usize) {
        (self.line as usize, self.column as usize)
    }
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
    /// Another node, which is no alias, by its name.
    Alias(NodeId),
}

#[derive(Debug)]
pub(super) struct Node<'a> {
    pub(super) kind: Kind<'a>,
    pub(super) mark: Mark,
    /// Whether its end was seen: a mapping that was cut may lack fields.
    pub(super) closed: bool,
    /// This node and all below it, aliases followed.
    pub(super) weight: u64,
    pub(super) height: usize,
}

#[derive(Debug)]
pub(super) struct Tree<'a> {
    pub(super) nodes: Vec<Node<'a>>,
    pub(super) root: Option<NodeId>,
    pub(super) problems: Vec<Problem>,
    /// Values that nobody can judge: what was wrong there was said.
    pub(super) holes: BTreeSet<NodeId>,
}

impl<'a> Tree<'a> {
    pub(super) fn node(&self, id: NodeId) -> &Node<'a> {
        &self.nodes[id as usize]
    }

    /// What stands there, an alias followed.
    pub(super) fn kind(&self, id: NodeId) -> &Kind<'a> {
        match &self.node(id).kind {
            Kind::Alias(target) => &self.node(*target).kind,
            kind => kind,
        }
    }

    /// Takes nodes out of the lists that hold them.
    pub(super) fn remove(&mut self, gone: &HashSet<NodeId>) {
        if gone.is_empty() {
            return;
        }
        for node in &mut self.nodes {
            if let Kind::List(items) = &mut node.kind {
                items.retain(|item| !gone.contains(item));
            }
        }
    }

    pub(super) fn text(&self, id: NodeId) -> Option<&str> {
        match self.kind(id) {
            Kind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }
}
