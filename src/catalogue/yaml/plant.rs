//! YAML text → a tree, and what is wrong with it as YAML.
//!
//! After a syntax error the tree holds what was read so far, its open ends marked, so that the part before the error can
//! still be checked; a value that the error may have cut or bent is a hole. This file and `syntax` with `words`,
//! which say what is wrong, are the only ones that know the YAML parser.

use super::syntax::{self, Seen};
use super::tree::{Kind, Mark, Node, NodeId, Tree};
use super::{PROBLEMS_MAX, Problem};
use crate::catalogue::diagnostic::{nearest, quoted};
use granit_parser::{Event, Marker, Parser, ScalarStyle, Span, Tag};
use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

/// Lists and mappings inside each other, aliases followed.
const DEPTH_MAX: usize = 64;
/// Scalars, lists and mappings of one file, aliases followed.
const NODES_MAX: u64 = 4_000_000;

/// Anchors that an unknown alias is compared with.
const ANCHORS_COMPARED_MAX: usize = 64;

pub(super) fn plant(text: &str) -> Tree<'_> {
    let mut builder = Builder {
        text,
        tree: Tree {
            nodes: Vec::with_capacity(text.len() / 12),
            root: None,
            problems: Vec::new(),
            holes: BTreeSet::new(),
        },
        open: Vec::new(),
        anchors: HashMap::new(),
        documents: 0,
        last: None,
        ended: Vec::new(),
        seen_to: Mark::START,
        is_cut: false,
        anchor_names: None,
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
            Err(error) => {
                let problem = syntax::problem(&error, text, &builder.seen());
                builder.unsettle(problem.mark);
                Err(problem)
            }
        };
        if let Err(problem) = step {
            builder.tree.problems.push(problem);
            builder.cut();
            break;
        }
    }
    builder.tree
}

struct Builder<'a> {
    text: &'a str,
    tree: Tree<'a>,
    open: Vec<Open>,
    anchors: HashMap<usize, NodeId>,
    documents: usize,
    /// The scalar that came last, and what ended behind it with the line of its end.
    last: Option<NodeId>,
    ended: Vec<(NodeId, u32)>,
    /// Behind the last event.
    seen_to: Mark,
    is_cut: bool,
    /// Those that an alias may mean, once somebody asked.
    anchor_names: Option<Vec<&'a str>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tagging {
    None,
    Text,
    Unknown,
}

struct Open {
    id: NodeId,
    anchor: usize,
    /// Of a mapping: the key whose value comes next.
    key: Option<NodeId>,
}

impl<'a> Builder<'a> {
    fn seen(&self) -> Seen {
        let open = self.open.iter().rev().map(|open| self.tree.node(open.id).mark);
        let is_flow = |mark: &Mark| self.text[mark.byte as usize..].starts_with(['[', '{']);
        Seen { end: self.seen_to, flow: open.into_iter().find(is_flow) }
    }

    /// After a syntax error: what may have been read wrongly because of it is not judged.
    fn unsettle(&mut self, at: Mark) {
        let ended = std::mem::take(&mut self.ended);
        let is_flow =
            |id: &NodeId| self.text[self.tree.node(*id).mark.byte as usize..].starts_with(['[', '{']);
        let beside = ended.iter().filter(|(id, line)| *line == at.line && is_flow(id)).map(|(id, _)| *id);
        let open = self.open.iter().map(|open| open.id).find(|id| is_flow(id));
        let holes: Vec<NodeId> = beside.chain(open).chain(self.last).collect();
        self.tree.holes.extend(holes);
        ended.iter().for_each(|(id, _)| self.tree.nodes[*id as usize].closed = false);
    }

    fn take(&mut self, event: Event<'a>, span: Span) -> Result<(), Problem> {
        let mark = mark(&span.start);
        self.take_at(event, span, mark)?;
        let end = self::mark(&span.end);
        if end.byte > self.seen_to.byte {
            self.seen_to = end;
        }
        Ok(())
    }

    fn take_at(&mut self, event: Event<'a>, span: Span, mark: Mark) -> Result<(), Problem> {
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    let hint = "put the second one into a file of its own".to_string();
                    return Err(Problem::new(mark, "a second document in the file").hint(hint));
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                let tag = self.check_tag(tag.as_deref(), &span);
                let is_empty = style == ScalarStyle::Plain && span.start.index() == span.end.index();
                let text = if is_empty { Cow::Borrowed("") } else { text };
                let plain = style == ScalarStyle::Plain && tag != Tagging::Text;
                let mark = match style {
                    ScalarStyle::Literal | ScalarStyle::Folded => self.sign_before(mark, b"|>"),
                    _ => mark,
                };
                let id = self.add(Kind::Scalar { text, plain }, mark)?;
                self.dig(id, tag);
                self.remember(anchor, id);
                (self.last, self.ended) = (Some(id), Vec::new());
                self.place(id, mark)?;
            }
            Event::SequenceStart(_, anchor, tag) => {
                let tag = self.check_tag(tag.as_deref(), &span);
                self.begin(Kind::List(Vec::new()), anchor, mark, tag)?;
            }
            Event::MappingStart(_, anchor, tag) => {
                let tag = self.check_tag(tag.as_deref(), &span);
                self.begin(Kind::Map(Vec::new()), anchor, mark, tag)?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let ending = self.open.last().map(|open| open.id);
                self.ended.extend(ending.map(|id| (id, self::mark(&span.end).line)));
                self.end(true)?;
            }
            Event::Alias(anchor) => self.follow(anchor, mark)?,
            Event::UnresolvedAlias(name) => {
                let message = format!("no anchor {} stands before this alias", quoted(&name));
                let anchors = self.anchor_names();
                let hint = match nearest(&name, anchors.iter().copied()) {
                    _ if anchors.contains(&&*name) => {
                        "its anchor stands further down; an alias comes behind its anchor".to_string()
                    }
                    Some(near) => format!("did you mean {}?", quoted(near)),
                    None => "quote a text that begins with `*`".to_string(),
                };
                self.complain(Problem::new(mark, message).hint(hint));
                let id = self.add(Kind::Scalar { text: "".into(), plain: false }, mark)?;
                self.tree.holes.insert(id);
                self.place(id, mark)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Where the sign stands that a value belongs to, which the parser says to begin at `mark`: the first such sign
    /// behind the last event that no comment holds.
    fn sign_before(&self, mark: Mark, signs: &[u8]) -> Mark {
        let bytes = self.text.as_bytes();
        let (from, to) = (self.seen_to.byte as usize, (mark.byte as usize).min(bytes.len()));
        let mut at = from;
        while at < to {
            let begins = at == 0 || b" \t\r\n".contains(&bytes[at - 1]);
            match bytes[at] {
                sign if begins && signs.contains(&sign) => {
                    return syntax::advance(self.seen_to, self.text, at);
                }
                b'#' if begins => {
                    at += memchr::memchr2(b'\n', b'\r', &bytes[at..]).unwrap_or(bytes.len() - at);
                }
                _ => at += 1,
            }
        }
        mark
    }

    /// Tags mean nothing here but `!!str`, which says true.
    fn check_tag(&mut self, tag: Option<&Tag>, span: &Span) -> Tagging {
        let Some(tag) = tag else { return Tagging::None };
        if tag.is_yaml_core_schema_tag("str") {
            return Tagging::Text;
        }
        let start = span.tag_start().unwrap_or(span.start);
        let name = tag.original();
        let message = format!("the tag {} is not known here", quoted(&name));
        let hint = match &*name {
            name if name.starts_with("!!") && !name.contains('/') => "leave it out: a value needs no tag",
            "!include" => {
                "files are named in `include:` of the configuration, and rule files by `rules.dirs`"
            }
            _ => "quote a text that begins with `!`",
        };
        self.complain(Problem::new(mark(&start), message).hint(hint.to_string()));
        Tagging::Unknown
    }

    /// What an unknown tag would make of a value nobody knows.
    fn dig(&mut self, id: NodeId, tag: Tagging) {
        if tag == Tagging::Unknown {
            self.tree.holes.insert(id);
        }
    }

    fn add(&mut self, kind: Kind<'a>, mark: Mark) -> Result<NodeId, Problem> {
        let id = self.tree.nodes.len() as NodeId;
        if u64::from(id) >= NODES_MAX {
            return Err(too_many(mark));
        }
        let height = usize::from(!matches!(kind, Kind::Scalar { .. }));
        self.tree.nodes.push(Node { kind, mark, closed: true, weight: 1, height });
        Ok(id)
    }

    fn remember(&mut self, anchor: usize, id: NodeId) {
        if anchor != 0 {
            self.anchors.insert(anchor, id);
        }
    }

    fn begin(&mut self, kind: Kind<'a>, anchor: usize, mark: Mark, tag: Tagging) -> Result<(), Problem> {
        if self.open.len() >= DEPTH_MAX {
            return Err(too_deep(mark));
        }
        let id = self.add(kind, mark)?;
        self.dig(id, tag);
        self.ended.clear();
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
            return Err(Problem::new(mark, "an alias inside the very value that it names"));
        };
        let target = match self.tree.node(id).kind {
            Kind::Alias(target) => target,
            _ => id,
        };
        let Node { closed, weight, height, .. } = *self.tree.node(target);
        let id = self.add(Kind::Alias(target), mark)?;
        let node = &mut self.tree.nodes[id as usize];
        (node.closed, node.weight, node.height) = (closed, weight, height);
        if self.tree.holes.contains(&target) {
            self.tree.holes.insert(id);
        }
        (self.last, self.ended) = (Some(id), Vec::new());
        self.place(id, mark)
    }

    /// Puts a finished node where the parser stands. `mark` is where it is used.
    fn place(&mut self, id: NodeId, mark: Mark) -> Result<(), Problem> {
        let (weight, height) = (self.tree.node(id).weight, self.tree.node(id).height);
        let is_text = self.tree.text(id).is_some();
        let is_nothing =
            matches!(&self.tree.node(id).kind, Kind::Scalar { text, plain: true } if text.is_empty());
        let (mut empty_value, mut empty_item) = (None, None);
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
            (Kind::List(items), _) => {
                items.push(id);
                empty_item = Some(id).filter(|_| is_nothing);
            }
            (Kind::Map(entries), Some(key)) => {
                entries.push((key, id));
                empty_value = Some((key, id)).filter(|_| is_nothing);
            }
            (_, None) => {
                open.key = Some(id);
                bad_key = !is_text;
            }
            (Kind::Scalar { .. } | Kind::Alias(_), Some(_)) => {
                unreachable!("only lists and mappings are opened")
            }
        }
        if let Some((key, id)) = empty_value {
            // a value that is not there is looked for at its name
            self.tree.nodes[id as usize].mark = self.tree.node(key).mark;
        }
        if let Some(id) = empty_item {
            self.tree.nodes[id as usize].mark = self.sign_before(mark, b"-");
        }
        if bad_key && !self.is_cut {
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

    /// Names in the whole file, collected once: there may be as many wrong aliases as lines.
    fn anchor_names(&mut self) -> &[&'a str] {
        let text = self.text;
        self.anchor_names.get_or_insert_with(|| anchor_names(text).take(ANCHORS_COMPARED_MAX).collect())
    }

    fn complain(&mut self, problem: Problem) {
        if self.tree.problems.len() < PROBLEMS_MAX {
            self.tree.problems.push(problem);
        }
    }

    /// After an error: what is open ends here, without its end.
    fn cut(&mut self) {
        self.is_cut = true;
        while !self.open.is_empty() {
            // a limit that is hit again says nothing new, and the node is left out
            let _ = self.end(false);
        }
    }
}

pub(super) fn mark(at: &Marker) -> Mark {
    // files are far smaller than 4 GiB; of text in memory the parser knows all offsets
    let byte = at.byte_offset().unwrap_or(0) as u32;
    Mark { line: at.line().max(1) as u32, column: at.col() as u32 + 1, byte }
}

/// What looks like the name of an anchor, in a text that has an alias too many.
fn anchor_names(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split([' ', '\t', '\r', '\n', '[', ']', '{', '}', ',']);
    words.filter_map(|word| word.strip_prefix('&')).filter(|name| !name.is_empty())
}

fn too_many(mark: Mark) -> Problem {
    let hint = format!("at most {NODES_MAX} values a file, each alias counted as what it stands for");
    Problem::new(mark, "too many values in the file").hint(hint)
}

pub(super) fn too_deep(mark: Mark) -> Problem {
    Problem::new(mark, "nested too deep").hint(format!("at most {DEPTH_MAX} levels"))
}
