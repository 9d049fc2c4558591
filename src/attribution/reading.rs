//! All that one record says before any code is judged: its views, statuses, and evidence.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::ops::Range;

use super::evidence::Evidence;
use super::lexicon::Lexicon;
use super::names::Field as Name;
use super::position::{Line, http_status};
use super::prose;
use super::trace::Trace;
use super::views::{Kind, NodeId, Views};
use crate::catalogue::Catalogue;
use crate::catalogue::compile::ProviderId;
use crate::catalogue::schema::Needs;
use crate::event::{Origin, Record};

/// A marker of somebody who is not loaded, and where it stands.
#[derive(Debug, Clone)]
pub struct Mark {
    pub words: String,
    pub node: NodeId,
}

/// An identity place: field or kind of place, and what stands there.
#[derive(Debug, Clone)]
pub struct Named {
    pub key: String,
    pub value: String,
}

pub struct Reading<'a> {
    pub catalogue: &'a Catalogue,
    pub lexicon: &'a Lexicon,
    pub views: &'a Views,
    pub record: &'a Record<'a>,
    pub origin: &'a Origin,
    /// HTTP statuses anywhere in the record.
    pub statuses: Vec<u16>,
    pub evidence: Vec<Evidence>,
    /// Markers of those who are not loaded, as words.
    pub foreign: Vec<Mark>,
    /// Every place that may name somebody: of a reading that is explained only.
    pub named: Option<Vec<Named>>,
    /// The record may hold a name, logger or mapped service.
    pub(super) names_somebody: bool,
    /// It holds a text that only somebody who is not loaded writes.
    pub(super) bears_foreign_text: bool,
    /// What the levels of all objects say together, once somebody asked.
    pub(super) levels_of_objects: OnceCell<Option<bool>>,
    /// The first failure word of each text that was asked for it.
    pub(super) failure_words: RefCell<HashMap<NodeId, Option<Range<usize>>, foldhash::fast::RandomState>>,
    /// The line in which a hit was looked at last: those of a text come in order.
    pub(super) last_line: RefCell<Option<Line>>,
    /// Tenants of operator mappings that hold here.
    pub mapped_tenants: Vec<(ProviderId, String)>,
}

impl<'a> Reading<'a> {
    pub fn of<T: Trace>(
        catalogue: &'a Catalogue,
        lexicon: &'a Lexicon,
        views: &'a Views,
        record: &'a Record<'a>,
        origin: &'a Origin,
    ) -> Reading<'a> {
        let mut reading = Reading {
            catalogue,
            lexicon,
            views,
            record,
            origin,
            statuses: Vec::new(),
            evidence: Vec::new(),
            foreign: Vec::new(),
            named: T::ON.then(Vec::new),
            names_somebody: false,
            bears_foreign_text: false,
            levels_of_objects: OnceCell::new(),
            failure_words: RefCell::default(),
            last_line: RefCell::default(),
            mapped_tenants: Vec::new(),
        };
        reading.read_statuses();
        reading.read_evidence();
        reading
    }

    fn read_statuses(&mut self) {
        for node in 0..self.views.nodes.len() {
            self.statuses_of(node);
        }
    }

    fn statuses_of(&mut self, node: NodeId) {
        match &self.views.nodes[node].kind {
            Kind::Text(text) => prose::statuses(self.views.slice(text.whole), &mut self.statuses),
            Kind::Object(object) => {
                let fields = object.fields.iter().filter(|f| f.name.is(Name::STATUS));
                self.statuses.extend(fields.filter_map(|f| http_status(self.views.slice(f.value?))));
            }
        }
    }

    /// Whether the record holds what a matcher needs of its provider.
    pub fn meets(&self, needs: Needs, provider: ProviderId) -> bool {
        match needs {
            Needs::Nothing => true,
            Needs::Identity | Needs::Strong => self.evidence.iter().any(|e| e.provider == provider),
        }
    }
}
