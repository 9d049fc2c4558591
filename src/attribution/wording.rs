//! Places, reasons and proofs of a judgement in words for people: short, lower case, ready to stand behind a label.

use super::evidence::Strength;
use super::hits::{What, lossy};
use super::notes::{Reason, SignFate};
use super::position::{Failure, Nowhere, Position};
use super::prove::{Doubt, Near};
use super::tenant::Source;
use super::views::{Format, NodeId, Views};
use crate::catalogue::compile::{Class, OriginPart};

/// Parts of a path that are shown; the outermost go first.
const PARTS_MAX: usize = 8;

/// What a node was read as.
pub(super) fn form(views: &Views, node: NodeId) -> &'static str {
    match views.object_of(node).map(|o| o.format) {
        None => "text",
        Some(Format::Object) => "object (JSON or printed)",
        Some(Format::Pairs) => "key=value pairs",
        Some(Format::Query) => "URL query or form",
        Some(Format::Xml) => "XML elements",
        Some(Format::Envelope) => "structured data of the wrapper",
    }
}

/// Where a node, or one of its fields, stands: `field msg > body.error`, `text of field msg`, `running text`.
pub(super) fn place(views: &Views, node: NodeId, field: Option<usize>) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut below_text = false;
    let push = |key: &[u8], behind_text: bool, parts: &mut Vec<String>| {
        if !key.is_empty() {
            let joint = if parts.is_empty() {
                ""
            } else if behind_text {
                " > "
            } else {
                "."
            };
            parts.push(format!("{}{joint}", lossy(key)));
        }
    };
    let object = field.and_then(|f| Some((views.object_of(node)?, f)));
    if let Some((object, f)) = object {
        push(views.slice(object.fields[f].key), false, &mut parts);
    }
    for n in views.up(node) {
        below_text = below_text || (views.text_of(n).is_some() && n != node);
        let key = views.slice(views.nodes[n].key);
        push(key, below_text, &mut parts);
        if !key.is_empty() {
            below_text = false;
        }
    }
    let whole = parts.len() <= PARTS_MAX;
    parts.truncate(PARTS_MAX);
    let path: String = parts.iter().rev().map(String::as_str).collect();
    let path = if whole { path } else { format!("…{path}") };
    match (object, views.holder(node).filter(|_| views.text_of(node).is_some())) {
        (Some((object, _)), _) => format!("{} {path}", carrier(object.format)),
        (None, Some(holder)) => {
            let format = views.object_of(holder).map_or(Format::Object, |o| o.format);
            format!("text of {} {path}", carrier(format))
        }
        (None, None) if path.is_empty() && views.text_of(node).is_none() => String::new(),
        (None, None) if path.is_empty() => "running text".to_owned(),
        (None, None) => format!("in {path}"),
    }
}

fn carrier(format: Format) -> &'static str {
    match format {
        Format::Object => "field",
        Format::Pairs => "pair",
        Format::Query => "query parameter",
        Format::Xml => "element",
        Format::Envelope => "structured data",
    }
}

pub(super) fn tenant_source(source: &Source<'_>) -> String {
    match source {
        Source::Field(name) => format!("field {name}"),
        Source::StructuredData(name) => format!("structured data {name}"),
        Source::Path => "a path that names a tenant".to_owned(),
        Source::Host => "the organisation's label of the host".to_owned(),
        Source::Mapping => "a mapping of an overlay".to_owned(),
        Source::Origin(OriginPart::Namespace) => {
            "the namespace of the container, as an overlay says".to_owned()
        }
        Source::Origin(OriginPart::Container) => "the name of the container, as an overlay says".to_owned(),
    }
}

impl Position {
    /// `E1` to `E4`, or `none`.
    pub fn name(self) -> &'static str {
        match self {
            Position::E1 => "E1",
            Position::E2 => "E2",
            Position::E3 => "E3",
            Position::E4 => "E4",
            Position::Outside => "none",
        }
    }

    pub fn words(self) -> &'static str {
        match self {
            Position::E1 => "the value of an error field",
            Position::E2 => "an error field of a query, form or pair list",
            Position::E3 => "written as an error is",
            Position::E4 => "running text of a failing record",
            Position::Outside => "no error position",
        }
    }
}

impl Failure {
    pub fn words(self) -> &'static str {
        match self {
            Failure::Level(true) => "its level is warn or worse",
            Failure::Level(false) => "its level says that nothing failed",
            Failure::Status => "it holds a status of 400 or more",
            Failure::Word => "it holds a failure word",
            Failure::Nothing => "no level, status or word says that anything failed",
        }
    }
}

impl What {
    pub fn words(self) -> &'static str {
        match self {
            What::Fields => "fields",
            What::Numbered | What::Wire => "code",
            What::Internal => "internal code",
            What::Message => "message",
            What::Name => "name",
        }
    }
}

impl Class {
    pub fn words(self) -> &'static str {
        match self {
            Class::Unique => "unique",
            Class::Shared => "shared",
            Class::Phrase => "phrase",
            Class::Word => "word",
        }
    }
}

impl Strength {
    pub fn words(self) -> &'static str {
        match self {
            Strength::Host => "host",
            Strength::Identity => "identity",
            Strength::Shape => "shape",
        }
    }
}

impl Near {
    pub fn words(self) -> &'static str {
        match self {
            Near::Itself => "only its owner writes it",
            Near::Unit => "in the same object or clause",
            Near::Beside => "right beside it",
            Near::Before => "the nearest name to its left",
            Near::Clause => "in its own clause",
            Near::Own => "in its own object or text",
            Near::Around => "in what encloses it",
            Near::Record => "elsewhere in the record, nothing nearer",
        }
    }
}

impl Doubt {
    pub fn words(self) -> &'static str {
        match self {
            Doubt::NoEvidence => "nothing in the record says whose it is",
            Doubt::Tie => "as much speaks for one owner as for another",
            Doubt::SomebodyElse => "the nearest evidence names somebody whose code it is not",
            Doubt::Joined => "two names are joined before it, which names nobody",
            Doubt::Foreign => "a mark of somebody not loaded beats a name",
        }
    }
}

impl Reason {
    pub fn words(self) -> &'static str {
        match self {
            Reason::Nowhere(why) => why.words(),
            Reason::FieldOfNames => "that field names files, paths, topics or tests, never errors",
            Reason::Wrapper => "what a wrapper says is evidence, never an error",
            Reason::Listed => "one of three or more codes in a list: documentation, not an error",
            Reason::Cut => "it stands at the cut end of the line and may go on",
            Reason::InMessage => "part of the message around it",
            Reason::Covered => "a longer message of the same provider stands there",
            Reason::OneWord => "the value of a field that says nothing of an error",
            Reason::Short => "too short: counts as a whole field value beside strong evidence only",
            Reason::Everyday => "everyday words: count only where they fill their clause or field",
            Reason::NoForm => "no pack looks for it in such a place",
            Reason::Outside => "no error position, and only unique codes count outside",
            Reason::PartOfWord => "part of a longer word or number",
            Reason::Masked => "stands in SQL, a metric selector, help text, a table or an encoding not read",
            Reason::NeedsEvidence => "its form needs evidence of its provider, and there is none",
            Reason::NeedsProof => "counts beside proof of its provider only",
            Reason::OwnerProven => "its provider is proven by a nearer hit in the same place",
            Reason::CodeBeside => "a code beside it says it already",
            Reason::WordUnproven => "everyday words, no proof of a provider, and no field of error codes",
            Reason::Symptom => "a symptom hides the real cause",
            Reason::Foreign => "marks of somebody not loaded, and nothing decisive for a pack",
        }
    }
}

impl Nowhere {
    pub fn words(self) -> &'static str {
        match self {
            Nowhere::Path => "a path segment or fragment",
            Nowhere::Key => "a key, not a value",
            Nowhere::Cut => "dots behind it say that it goes on",
            Nowhere::Index => "an index of a name, such as a test's",
            Nowhere::Named => "the name of a branch, topic, bucket, metric, test or file",
            Nowhere::Negated => "`0`, `no` or `without` stands before it",
        }
    }
}

impl SignFate {
    pub fn words(self) -> &'static str {
        match self {
            SignFate::Holds => "it hides the cause: the provider is known, the code stays open",
            SignFate::TextMissing => "not used: none of the texts it needs besides is there",
            SignFate::NoEvidence => "not used: no evidence of the provider",
            SignFate::UniqueBeside => "not used: a unique literal settles the code",
        }
    }
}
