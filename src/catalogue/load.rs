//! Stand-in until the loader lands.
use super::schema::*;
#[derive(Debug, Clone, Default)]
pub struct Rules {
    pub packs: Vec<Pack>,
    pub overlays: Vec<Overlay>,
    pub shared: Vec<SharedList>,
    pub foreign: Vec<ForeignList>,
}
