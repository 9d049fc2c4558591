//! When each series was born: a number from one counter of the ledger, and a time.
//!
//! Series are born in the order of their numbers, so that "all series up to here" is one number ([`Births`]): what a
//! scraper has seen, what has come of age, and what an exposition shows. Series that are always born together (the
//! counters of one source, those without labels) share a number. Read next: `scrapers`.

use crate::event::Millis;

/// All series whose birth number is at most this. As a threshold of an exposition: counters that were born later are
/// shown as 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Births(pub u64);

impl Births {
    pub const NONE: Births = Births(0);
    /// Hides nothing.
    pub const ALL: Births = Births(u64::MAX);
}

/// The birth of one series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Birth {
    pub number: Births,
    /// The last tick before it; `None` before the first one.
    pub at: Option<Millis>,
}

impl Birth {
    /// What those see of a counter who have seen the series that `shown` says.
    pub fn shows(self, count: u64, shown: Births) -> u64 {
        if self.number > shown { 0 } else { count }
    }
}

/// Gives out births.
#[derive(Debug, Clone, Default)]
pub(super) struct Register {
    pub births: Births,
    /// The first tick.
    pub started: Option<Millis>,
    /// The last tick.
    pub now: Option<Millis>,
}

impl Register {
    /// Whether the clock stepped back since the last tick.
    pub fn tick(&mut self, now: Millis) -> bool {
        self.started.get_or_insert(now);
        self.now.replace(now).is_some_and(|last| now < last)
    }

    pub fn next(&mut self) -> Birth {
        self.births.0 += 1;
        Birth { number: self.births, at: self.now }
    }
}
