//! The slow, obviously right reading of the attribution contract: the real engine is compared with it.
//!
//! One record → wrappers off (`wrappers`) → every reading of its text as a tree (`views`, `objects`) → every literal
//! of every pack looked for in every reading, one after the other (`literals`, `hits`) → does the place say that
//! something failed (`positions`) → who was talked to there (`evidence`) → verdicts (`decide`) → whose traffic
//! (`tenant`). It shares no code with the engine but the text of the rule files and the nouns of `event`, knows no
//! provider by name, and has no prefilter: where it is fast, that is luck.

pub mod packs;
mod wrappers;
mod objects;
mod pairs;
mod views;
mod patterns;
mod literals;
mod hits;
mod positions;
mod evidence;
mod decide;
mod tenant;

use faultline::event::Fault;
pub use literals::Catalogue;
pub use packs::Library;

/// What an operator says about a service, logger or host: whose it is, and which tenant's.
#[derive(Debug, Clone, Default)]
pub struct Mapped {
    pub provider: String,
    pub service: Option<String>,
    pub logger: Option<String>,
    pub host: Option<String>,
    pub tenant: Option<String>,
}

pub struct Reference {
    catalogue: Catalogue,
}

impl Reference {
    pub fn new(library: &Library) -> Reference {
        Reference { catalogue: Catalogue::compile(library) }
    }

    /// All that the contract says of one whole record; no order is promised.
    pub fn classify(&self, record: &[u8], mapping: &[Mapped]) -> Vec<Fault> {
        let unwrapped = wrappers::unwrap(record);
        let views = views::Views::read(&unwrapped, &self.catalogue);
        let hits = hits::find(&views, &unwrapped, &self.catalogue);
        if hits.is_empty() {
            return Vec::new();
        }
        let evidence = evidence::Evidence::collect(&views, &unwrapped, &self.catalogue, mapping);
        decide::decide(&views, &unwrapped, &evidence, hits, &self.catalogue, mapping)
    }
}
