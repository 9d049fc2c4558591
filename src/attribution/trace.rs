//! Who watches attribution decide. Nobody does while logs are counted: [`Silent`] is compiled away, its closures are never
//! called. `explain` watches with [`Notes`], so that what it tells comes from the very run that gives the verdict.

use super::notes::Notes;

/// A watcher of one record's judgement.
pub trait Trace {
    /// Whether anybody listens.
    const ON: bool;

    /// Lets the watcher look at what is at hand.
    fn see(&mut self, look: impl FnOnce(&mut Notes));
}

/// Nobody.
#[derive(Debug, Default)]
pub struct Silent;

impl Trace for Silent {
    const ON: bool = false;

    #[inline(always)]
    fn see(&mut self, _: impl FnOnce(&mut Notes)) {}
}

impl Trace for Notes {
    const ON: bool = true;

    fn see(&mut self, look: impl FnOnce(&mut Notes)) {
        look(self);
    }
}
