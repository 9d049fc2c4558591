//! What was decided about one record, step by step and in plain values: what `explain` shows.
//!
//! Filled by [`Trace::see`](super::Trace) while the record is judged, never by a second judgement. Everything is bounded
//! and owned; texts are cut, not escaped: whoever prints them does that. `noting` fills them in, `wording` has the words.

use super::evidence::Strength;
use super::hits::What;
use super::position::{Failure, Nowhere, Position};
use super::prove::{Doubt, Near};
use super::views::NodeId;
use crate::catalogue::compile::Class;
use crate::event::{Fault, Label, TenantRefusal};

/// Everything that was decided about one record.
#[derive(Debug, Default)]
pub struct Notes {
    /// How the record was read, in the order of reading; below `depth` others.
    pub views: Vec<View>,
    pub views_left_out: usize,
    /// HTTP statuses that the record names.
    pub statuses: Vec<u16>,
    /// Endpoints that a word or path of the record names, by provider.
    pub endpoints: Vec<(Label, Label)>,
    /// What speaks for loaded providers.
    pub witnesses: Vec<Witness>,
    /// Marks of somebody who is not loaded, and where they stand.
    pub foreign: Vec<(String, String)>,
    /// Everything that stands where a name may stand.
    pub identities: Vec<Identity>,
    /// Literals that stand in the record, and what became of each.
    pub sightings: Vec<Sighting>,
    pub sightings_left_out: usize,
    pub signs: Vec<SignNote>,
    /// Verdicts that a finer one took in.
    pub absorbed: Vec<Fault>,
    /// Of each verdict but foreign ones, in order.
    pub tenants: Vec<TenantNote>,
}

/// One reading of the record or of a part of it.
#[derive(Debug)]
pub struct View {
    pub depth: usize,
    /// What it was read as.
    pub form: &'static str,
    /// Where it stands; empty for the record itself.
    pub place: String,
    pub fields: Vec<(String, String)>,
    pub fields_left_out: usize,
    /// What is left of a text when all else is read.
    pub text: Option<String>,
    /// The same with percent escapes decoded.
    pub decoded: Option<String>,
    /// Host and path of the URL that carries a query.
    pub url: Option<String>,
}

/// A piece of evidence.
#[derive(Debug)]
pub struct Witness {
    pub provider: Label,
    pub strength: Strength,
    pub words: String,
    pub place: String,
    /// Speaks for its own object only.
    pub local: bool,
}

#[derive(Debug)]
pub struct Identity {
    /// A field's name, `text` or `path`.
    pub key: String,
    pub value: String,
}

/// A literal that stands in the record.
#[derive(Debug)]
pub struct Sighting {
    pub text: String,
    /// `None` when it was let go before it was a hit.
    pub what: Option<What>,
    pub class: Option<Class>,
    pub owners: Vec<Owned>,
    pub place: String,
    /// The words around it, of a hit in running text.
    pub excerpt: Option<String>,
    pub position: Option<Position>,
    /// What says that the record failed, of a hit in running text.
    pub failure: Option<Failure>,
    /// Why it counts for nothing by itself.
    pub let_go: Option<Reason>,
    pub proof: Option<Proven>,
    /// How often it stands in this place with the same fate.
    pub times: usize,
    pub(super) key: (String, NodeId, usize),
}

#[derive(Debug)]
pub enum Proven {
    By { provider: Label, words: String, near: Near },
    Nobody(Doubt),
}

/// Whose a literal is.
#[derive(Debug, PartialEq, Eq)]
pub struct Owned {
    pub provider: Label,
    /// The first of them.
    pub rules: Vec<Label>,
    pub rules_count: usize,
}

/// Why a literal that stands there is no error, or none of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    Nowhere(Nowhere),
    FieldOfNames,
    Wrapper,
    Listed,
    Cut,
    InMessage,
    Covered,
    OneWord,
    Short,
    Everyday,
    NoForm,
    Outside,
    PartOfWord,
    Masked,
    NeedsEvidence,
    NeedsProof,
    OwnerProven,
    CodeBeside,
    WordUnproven,
    Symptom,
    Foreign,
}

/// A symptom's text that stands in the record.
#[derive(Debug)]
pub struct SignNote {
    pub provider: Label,
    pub id: String,
    pub why: String,
    pub fate: SignFate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignFate {
    Holds,
    TextMissing,
    NoEvidence,
    UniqueBeside,
}

/// Where a verdict's tenant came from. A refused value is not repeated here.
#[derive(Debug)]
pub struct TenantNote {
    /// `None`: no place names one.
    pub source: Option<String>,
    pub value: Option<String>,
    pub refused: Option<TenantRefusal>,
}
