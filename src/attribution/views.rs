//! A record as a tree of readings: texts and objects, each below the place where it stands.
//!
//! A [`Text`] keeps its words with everything parsed out of it masked (`prose`); an [`Object`] is a set of named values,
//! whatever syntax it was written in. Every string value is a text again, so an object inside a string inside an
//! object is three levels of the same tree. All bytes live in one arena, nodes refer to it by [`Span`]. Bounded in depth,
//! nodes, and bytes. `objects`, `pairs` and `links` add the readings; nothing here knows providers or evidence.

use super::names::{self, Field as FieldName};
use super::pairs::LineObjects;

/// Texts inside texts: decodings deep.
pub const TEXT_DEPTH_MAX: usize = 8;
/// Objects inside objects.
pub const OBJECT_DEPTH_MAX: usize = 64;
const NODES_MAX: usize = 8192;
/// Arena bytes for each byte of the record.
const GROWTH_MAX: usize = 24;
/// What replaces bytes of a text that were read as something else; no log text holds it.
pub const MASK: u8 = 0x01;

pub type NodeId = usize;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    pub start: usize,
    pub end: usize,
}

impl Span {
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JSON, or an object as Node, Python or Ruby print it.
    Object,
    /// `k=v` and `k="v"` of one line.
    Pairs,
    /// A query string or form body.
    Query,
    Xml,
    /// What a removed wrapper said.
    Envelope,
}

#[derive(Debug)]
pub struct Node {
    pub parent: Option<NodeId>,
    /// Where it stands in the parent's prose, of a pair's value where its key does; 0 for other values.
    pub at: usize,
    /// The field that holds it.
    pub key: Span,
    pub name: FieldName,
    pub kind: Kind,
    pub kids: Vec<NodeId>,
}

#[derive(Debug)]
pub enum Kind {
    Text(Text),
    Object(Object),
}

#[derive(Debug, Default)]
pub struct Text {
    /// As it stands, quotes folded.
    pub whole: Span,
    /// What is left when everything is masked that was read as something else; same length as `messages`.
    pub prose: Span,
    /// With only objects and quoted pairs masked: messages are looked for before URLs and `k=v` are read.
    pub messages: Span,
    /// `prose` form-decoded, where it holds percent escapes.
    pub decoded: Option<Span>,
    /// The line was cut here: what stands at the very end may go on.
    pub cut: bool,
    /// One of three or more scalars of an array.
    pub listed: bool,
}

#[derive(Debug)]
pub struct Object {
    pub format: Format,
    pub fields: Vec<Field>,
    /// Host and path of the URL that carries a query.
    pub url: Option<(Span, Span)>,
}

#[derive(Debug, Clone, Copy)]
pub struct Field {
    pub key: Span,
    pub name: FieldName,
    /// `None` for null, booleans and containers.
    pub value: Option<Span>,
    /// One of three or more scalars of an array.
    pub listed: bool,
    /// The value was cut off.
    pub cut: bool,
    /// Where its key stands in the text; of pairs only.
    pub at: usize,
}

#[derive(Debug, Default)]
pub struct Views {
    pub bytes: Vec<u8>,
    pub nodes: Vec<Node>,
    bytes_max: usize,
    /// Work that failed readings may still cost, in bytes.
    pub(super) patience: usize,
    /// The record may hold SQL.
    pub(super) sql: bool,
    pub(super) scratch: super::objects::Scratch,
}

/// Where a new text comes from.
#[derive(Clone, Copy, Default)]
pub(super) struct Place {
    pub parent: Option<NodeId>,
    pub key: Span,
    pub name: FieldName,
    pub at: usize,
    pub depth: usize,
    pub cut: bool,
    pub listed: bool,
}

impl Views {
    /// Reads a record anew; `cut` says that its end was cut off.
    pub fn read(&mut self, text: &[u8], structured: &[(String, String)], cut: bool) {
        self.bytes.clear();
        self.nodes.clear();
        self.bytes_max = text.len().saturating_mul(GROWTH_MAX) + (64 << 10);
        self.patience = text.len().saturating_mul(8) + (16 << 10);
        self.sql = super::pairs::may_hold_sql(text);
        let root = self.text(text, Place { cut, ..Place::default() });
        if !structured.is_empty() {
            let object = self.object(Some(root), Span::default(), 0, Format::Envelope);
            for (key, value) in structured {
                self.string_field(
                    object,
                    key.as_bytes(),
                    value.as_bytes(),
                    Place { depth: 1, ..Place::default() },
                );
            }
        }
    }

    pub fn slice(&self, span: Span) -> &[u8] {
        &self.bytes[span.start..span.end]
    }

    pub fn text_of(&self, node: NodeId) -> Option<&Text> {
        match &self.nodes[node].kind {
            Kind::Text(text) => Some(text),
            Kind::Object(_) => None,
        }
    }

    pub fn object_of(&self, node: NodeId) -> Option<&Object> {
        match &self.nodes[node].kind {
            Kind::Object(object) => Some(object),
            Kind::Text(_) => None,
        }
    }

    /// The node, its parent, and so on to the root.
    pub fn up(&self, node: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        std::iter::successors(Some(node), |&n| self.nodes[n].parent)
    }

    /// Where the place `at` of `node` lies in the prose of the text `above` it.
    pub fn place_in(&self, node: NodeId, at: usize, above: NodeId) -> usize {
        let mut at = at;
        for n in self.up(node).take_while(|n| *n != above) {
            let pairs = self.object_of(n).is_some_and(|o| o.format == Format::Pairs);
            if !pairs || at == 0 {
                at = self.nodes[n].at;
            }
        }
        at
    }

    /// The object whose field this text is.
    pub fn holder(&self, text: NodeId) -> Option<NodeId> {
        self.nodes[text].parent.filter(|&p| self.object_of(p).is_some())
    }

    pub(super) fn full(&self) -> bool {
        self.nodes.len() >= NODES_MAX || self.bytes.len() >= self.bytes_max
    }

    pub(super) fn keep(&mut self, bytes: &[u8]) -> Span {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        Span { start, end: self.bytes.len() }
    }

    fn node(&mut self, parent: Option<NodeId>, key: Span, name: FieldName, at: usize, kind: Kind) -> NodeId {
        let id = self.nodes.len();
        self.nodes.push(Node { parent, at, key, name, kind, kids: Vec::new() });
        if let Some(parent) = parent {
            self.nodes[parent].kids.push(id);
        }
        id
    }

    pub(super) fn object(&mut self, parent: Option<NodeId>, key: Span, at: usize, format: Format) -> NodeId {
        let name = names::field(self.slice(key));
        self.node(parent, key, name, at, Kind::Object(Object { format, fields: Vec::new(), url: None }))
    }

    pub(super) fn field(&mut self, object: NodeId, key: &[u8], value: Option<&[u8]>, listed: bool) -> Span {
        let key = self.keep(key);
        let value = value.filter(|v| !is_no_value(v)).map(|v| self.keep(v));
        let name = names::field(self.slice(key));
        if let Kind::Object(o) = &mut self.nodes[object].kind {
            o.fields.push(Field { key, name, value, listed, cut: false, at: 0 });
        }
        key
    }

    /// A field whose value is a string: kept as a value, and read as a text of its own.
    pub(super) fn string_field(&mut self, object: NodeId, key: &[u8], value: &[u8], place: Place) {
        if self.full() {
            return;
        }
        let key = self.field(object, key, Some(value), place.listed);
        let mut name = FieldName::default();
        if let Kind::Object(o) = &mut self.nodes[object].kind {
            let field = o.fields.last_mut().expect("just pushed");
            (field.cut, field.at) = (place.cut, place.at);
            name = field.name;
        }
        if !value.is_empty() {
            let decoded = super::links::encoded_url(value);
            let value = decoded.as_deref().unwrap_or(value);
            self.text(value, Place { parent: Some(object), key, name, ..place });
        }
    }

    /// Reads a text and everything in it.
    pub(super) fn text(&mut self, text: &[u8], place: Place) -> NodeId {
        let id = self.node(
            place.parent,
            place.key,
            place.name,
            place.at,
            Kind::Text(Text { cut: place.cut, listed: place.listed, ..Text::default() }),
        );
        if self.full() || (!text.iter().any(|b| is_marker(*b)) && !super::pairs::is_help(text)) {
            let whole = self.keep(text);
            if let Kind::Text(t) = &mut self.nodes[id].kind {
                (t.whole, t.prose, t.messages) = (whole, whole, whole);
            }
            return id;
        }
        let whole = self.keep(&fold(text));
        let readable = place.depth < TEXT_DEPTH_MAX;
        // Objects are read first: their own quoting needs the backslashes that folding takes away.
        let mut work = text.to_vec();
        let mut lines =
            if readable { self.read_objects(id, &mut work, place) } else { LineObjects::default() };
        let mut work = fold(&work);
        let messages = if work[..] == *self.slice(whole) { whole } else { self.keep(&work) };
        if readable {
            self.queries(id, &mut work, place.depth);
            self.elements(id, &mut work, place.depth);
            self.bare_pairs(id, &mut work, place.depth, &mut lines);
        }
        let prose = if work[..] == *self.slice(messages) { messages } else { self.keep(&work) };
        let decoded = (memchr::memchr(b'%', &work).is_some())
            .then(|| super::links::form_decode(&work))
            .flatten()
            .map(|d| self.keep(&d));
        if let Kind::Text(t) = &mut self.nodes[id].kind {
            *t = Text { whole, prose, messages, decoded, cut: place.cut, listed: place.listed };
        }
        id
    }

    /// Masks what was read as an object or quoted pair; gives the pairs' objects, to which bare pairs are added.
    fn read_objects(&mut self, id: NodeId, work: &mut [u8], place: Place) -> LineObjects {
        self.strict_objects(id, work, place.depth);
        super::pairs::mask_nowhere(work, self.sql);
        let mut lines = LineObjects::default();
        self.quoted_pairs(id, work, place, &mut lines);
        self.escaped_objects(id, work, place.depth);
        self.printed_objects(id, work, place);
        lines
    }
}

/// Bytes without which a text is nothing but prose as it stands.
fn is_marker(byte: u8) -> bool {
    matches!(byte, b'{' | b'=' | b'?' | b'<' | b'|' | b'%' | b'\\' | b'&' | b'\n')
}

/// `null`, `none`, empty and `0` say that there is no error.
fn is_no_value(value: &[u8]) -> bool {
    value.is_empty()
        || value == b"0"
        || value.eq_ignore_ascii_case(b"null")
        || value.eq_ignore_ascii_case(b"none")
}

/// Quotes that an encoding left behind, as plain quotes: `\u0027`, `&#39;`, `&#x27;`, `&apos;`, `\'`, `&quot;`.
pub fn fold(text: &[u8]) -> Vec<u8> {
    const SPELLINGS: [(&[u8], u8); 8] = [
        (b"\\u0027", b'\''),
        (b"&#39;", b'\''),
        (b"&#x27;", b'\''),
        (b"&#X27;", b'\''),
        (b"&apos;", b'\''),
        (b"\\'", b'\''),
        (b"&quot;", b'"'),
        (b"&#34;", b'"'),
    ];
    if memchr::memchr2(b'\\', b'&', text).is_none() {
        return text.to_vec();
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr2(b'\\', b'&', rest) {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        match SPELLINGS.iter().find(|(spelling, _)| rest.starts_with(spelling)) {
            Some((spelling, plain)) => {
                out.push(*plain);
                rest = &rest[spelling.len()..];
            }
            None => {
                out.push(rest[0]);
                rest = &rest[1..];
            }
        }
    }
    out.extend_from_slice(rest);
    out
}

/// Masks `work[from..to]`.
pub(super) fn mask(work: &mut [u8], from: usize, to: usize) {
    work[from..to].fill(MASK);
}
