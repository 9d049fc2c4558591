//! What the reference reads: the shipped packs, shared lists and foreign lists.

use faultline::catalogue::schema::{ForeignList, Pack, SharedList};

use crate::cases::rules;

#[derive(Default)]
pub struct Library {
    pub packs: Vec<Pack>,
    pub shared: Vec<SharedList>,
    pub foreign: Vec<ForeignList>,
}

impl Library {
    /// What the repository ships, under `rules/`.
    pub fn shipped() -> Library {
        let rules = rules(&[]);
        Library { packs: rules.packs, shared: rules.shared, foreign: rules.foreign }
    }
}
