//! Deltas → the truth that is exposed: every series by its exact key, its label block rendered once, its limits kept.
//!
//! `births` numbers the series, `family` is one table of them, `labels` renders label blocks, `sources` holds what was
//! read per source, `scrapers` who was shown what, `recent` which tenants were seen lately; `view` lists everything as
//! metric families for an encoder, `reading` as rows for people, `worst_case` says how large that can get. A ledger is
//! memory; `store` makes it last: `saved` is what is written of it, `restore` the way there and back. The order of rows
//! is the order of their birth and never changes. Time comes in with [`Ledger::tick`] and with what deltas say, and in no
//! other way.

mod births;
mod labels;
mod family;
mod scrapers;
mod recent;
mod reading;
mod sources;
mod heads;
mod view;
mod worst_case;
mod saved;
mod restore;
pub mod store;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashSet};

use crate::event::{
    AmbiguousKey, CodeBook, Delta, ErrorKey, Label, Millis, Seen, TenantKey, TenantRefusal, reserved,
};
use births::{Birth, Register};
use family::{CodeKey, Family};
use recent::Windows;
use scrapers::Scrapers;
use sources::Sources;

pub use births::Births;
pub use heads::{Head, Kind};
pub use labels::block as label_block;
pub use reading::{SourceRow, Totals};
pub use scrapers::{Reader, ZeroFirst};
pub use store::{Committer, Look, Outcome, Queue, Recovery, Store, StoreError};
pub use view::{Encoder, Value};
pub use worst_case::{Known, WorstCase, series_worst_case};

/// Bounds on what is exposed. Counts that find no room are kept under `_other`; totals stay right.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Distinct tenants with series of their own, first come.
    pub tenants_max: usize,
    /// Series of each metric family. `_other` series count too, one for each provider and category, but find room always.
    pub series_max: usize,
    /// Distinct sources.
    pub sources_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { tenants_max: 1_000, series_max: 10_000, sources_max: 1_000 }
    }
}

/// Which series are there before they have counted anything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Preinit {
    /// Every provider and category, and the critical codes.
    #[default]
    Categories,
    /// Every code as well.
    Codes,
}

/// Which rules are in effect; for `faultline_catalogue_info`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogueInfo {
    pub version: Label,
    /// Of all rule files, in hexadecimal.
    pub sha256: Label,
}

/// How the first error is made visible.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exposure {
    pub zero_first: ZeroFirst,
    pub preinit: Preinit,
}

/// The severity of codes that are there from the start.
const CRITICAL: &str = "critical";

#[derive(Debug, Clone)]
pub struct Ledger {
    limits: Limits,
    preinit: Preinit,
    register: Register,
    scrapers: Scrapers,
    /// Of the counters that are there from the start.
    own_birth: Birth,
    code_book: CodeBook,
    /// The label block of `faultline_catalogue_info`.
    catalogue_block: Option<Box<str>>,
    errors: Family<ErrorKey>,
    tenants: Family<TenantKey>,
    ambiguous: Family<AmbiguousKey>,
    /// One row for each (provider, code) that has an error row: its attributes and when it was seen.
    codes: Family<CodeKey>,
    /// Label blocks of `faultline_code_info` by row of `codes`; `None` where no code book knew the code.
    code_info_blocks: Vec<Option<Box<str>>>,
    windows: Windows,
    tenants_admitted: HashSet<Label, foldhash::fast::RandomState>,
    foreign: u64,
    tenant_refused: [u64; TenantRefusal::ALL.len()],
    sources: Sources,
    /// What parts of the program keep here, by key.
    marks: BTreeMap<Box<str>, Box<[u8]>>,
    /// Grows with everything that a journal of deltas does not tell: it needs a snapshot then.
    revision: u64,
}

impl Ledger {
    /// [`Ledger::exposed`] as it is by default.
    pub fn new(limits: Limits, code_book: CodeBook) -> Ledger {
        Ledger::exposed(limits, code_book, Exposure::default())
    }

    /// Every (provider, category) of the code book starts at 0, so that a scraper sees a zero before the first error.
    pub fn exposed(limits: Limits, code_book: CodeBook, exposure: Exposure) -> Ledger {
        let mut register = Register::default();
        let own_birth = register.next();
        let mut ledger = Ledger {
            limits,
            preinit: exposure.preinit,
            register,
            scrapers: Scrapers::new(exposure.zero_first),
            own_birth,
            code_book,
            catalogue_block: None,
            errors: Family::new(limits.series_max),
            tenants: Family::new(limits.series_max),
            ambiguous: Family::new(limits.series_max),
            // Bounded by the errors: a code has its row beside a series of its own.
            codes: Family::new(usize::MAX),
            code_info_blocks: Vec::new(),
            windows: Windows::new(),
            tenants_admitted: HashSet::default(),
            foreign: 0,
            tenant_refused: Default::default(),
            sources: Sources::new(limits.sources_max),
            marks: BTreeMap::new(),
            revision: 0,
        };
        ledger.preinit();
        ledger
    }

    /// Says which rules are in effect, from the start.
    pub fn with_catalogue(mut self, info: &CatalogueInfo) -> Ledger {
        self.catalogue_block = Some(labels::catalogue_block(info));
        self
    }

    /// Another catalogue from now on: what it knows and was not there begins at 0, codes that were seen get its
    /// attributes. Counts stay, and so do the attributes of a seen code that it does not know.
    pub fn recatalogue(&mut self, code_book: CodeBook, info: &CatalogueInfo) {
        self.adopt_rules(code_book, Some(labels::catalogue_block(info)));
    }

    fn adopt_rules(&mut self, code_book: CodeBook, catalogue_block: Option<Box<str>>) {
        self.revision += 1;
        let mut old = std::mem::replace(&mut self.code_book, code_book);
        self.catalogue_block = catalogue_block;
        self.preinit();
        for (row, block) in self.codes.rows().iter().zip(&mut self.code_info_blocks) {
            let key = (row.key.provider.clone(), row.key.code.clone());
            match self.code_book.get(&key) {
                Some(info) => *block = Some(labels::info_block(&key.0, &key.1, info)),
                None => self.code_book.extend(old.remove_entry(&key)),
            }
        }
    }

    /// Other limits from now on. What has a series keeps it; a higher limit gives room to what comes next.
    pub fn relimit(&mut self, limits: Limits) {
        self.revision += 1;
        self.limits = limits;
        self.errors.set_rows_max(limits.series_max);
        self.tenants.set_rows_max(limits.series_max);
        self.ambiguous.set_rows_max(limits.series_max);
        self.sources.set_sources_max(limits.sources_max);
    }

    /// Series of the code book that are not there yet are born at 0, pairs first, in the order of their names.
    fn preinit(&mut self) {
        let nothing = Seen::default();
        let mut pairs: Vec<(Label, Label)> = Vec::new();
        let mut codes = Vec::new();
        for ((provider, code), info) in &self.code_book {
            pairs.push((provider.clone(), info.category.clone()));
            if self.preinit == Preinit::Codes || &*info.severity == CRITICAL {
                let (provider, category) = (provider.clone(), info.category.clone());
                codes.push(ErrorKey { provider, category, code: code.clone() });
            }
        }
        pairs.sort_unstable();
        pairs.dedup();
        codes.sort_unstable();
        for (provider, category) in pairs {
            self.windows.open(&provider);
            let code = reserved::OTHER.into();
            let key = ErrorKey { provider: provider.clone(), category: category.clone(), code };
            self.errors.add(key, &nothing, &mut self.register);
            let key = TenantKey { provider, category, tenant: reserved::NO_TENANT.into() };
            self.tenants.add(key, &nothing, &mut self.register);
        }
        for key in codes {
            self.errors.add(key, &nothing, &mut self.register);
        }
    }

    /// Once a second, more or less: time goes on, and what scrapers were shown since the last tick is committed.
    pub fn tick(&mut self, now: Millis) {
        if self.register.tick(now) {
            self.windows.step_back(now);
        }
        self.scrapers.tick(self.register.births, now);
    }

    /// Series that were born so far: what an answer that is rendered now can show.
    pub fn births(&self) -> Births {
        self.register.births
    }

    /// What of the counters to show to a reader; for [`Ledger::encode`]. Equal for readers who are to see the same.
    pub fn shown_to(&self, reader: &Reader) -> Births {
        self.scrapers.shown_to(reader)
    }

    /// The reader fetched an answer in full that was rendered when there were `births` ([`Ledger::births`], not what
    /// was shown). Counts from the next tick on.
    pub fn answered(&mut self, reader: &Reader, births: Births) {
        self.scrapers.answered(reader, births);
    }

    pub fn zero_first(&self) -> ZeroFirst {
        self.scrapers.zero_first()
    }

    /// Puts a source on the books: all of its series are there from now on, at 0. `source` as configured.
    pub fn open_source(&mut self, source: &str) {
        let births = self.register.births;
        self.sources.named(source, &mut self.register).up = true;
        self.revision += u64::from(self.register.births > births);
    }

    /// Whether the source can be read at present. `source` as configured.
    pub fn set_source_up(&mut self, source: &str, up: bool) {
        let births = self.register.births;
        self.sources.named(source, &mut self.register).up = up;
        self.revision += u64::from(self.register.births > births);
    }

    /// Adds a delta to the truth. Which newcomers still find room depends on the order of commits and, inside a delta,
    /// on the order in which its source named them.
    pub fn commit(&mut self, mut delta: Delta) {
        self.windows.commit(&mut delta, self.register.now);
        self.sources.commit(&delta, &mut self.register);
        for mark in std::mem::take(&mut delta.marks) {
            match mark.value {
                Some(value) => self.marks.insert(mark.key, value),
                None => self.marks.remove(&mark.key),
            };
        }
        self.foreign = self.foreign.saturating_add(delta.foreign);
        for (mine, theirs) in self.tenant_refused.iter_mut().zip(delta.tenant_refused) {
            *mine = mine.saturating_add(theirs);
        }
        for (key, seen) in delta.errors {
            self.commit_error(key, &seen);
        }
        for (key, seen) in delta.tenants {
            self.commit_tenant(key, &seen);
        }
        for (key, seen) in delta.ambiguous {
            self.ambiguous.add(key, &seen, &mut self.register);
        }
    }

    fn commit_error(&mut self, key: ErrorKey, seen: &Seen) {
        let row = self.errors.add(key, seen, &mut self.register);
        let (provider, code) = (row.key.provider.clone(), row.key.code.clone());
        if &*code != reserved::OTHER {
            self.commit_code(provider, code, seen);
        }
    }

    fn commit_code(&mut self, provider: Label, code: Label, seen: &Seen) {
        let codes_before = self.codes.rows().len();
        let key = CodeKey { provider: provider.clone(), code: code.clone() };
        self.codes.add(key, seen, &mut self.register);
        if self.codes.rows().len() > codes_before {
            let info = self.code_book.get(&(provider.clone(), code.clone()));
            self.code_info_blocks.push(info.map(|info| labels::info_block(&provider, &code, info)));
        }
    }

    fn commit_tenant(&mut self, key: TenantKey, seen: &Seen) {
        let is_reserved = [reserved::NO_TENANT, reserved::OTHER].contains(&&*key.tenant);
        if is_reserved || self.tenants_admitted.contains(&key.tenant) {
            self.tenants.add(key, seen, &mut self.register);
        } else if self.tenants_admitted.len() < self.limits.tenants_max && self.tenants.has_room() {
            self.tenants_admitted.insert(key.tenant.clone());
            self.tenants.add(key, seen, &mut self.register);
        } else {
            self.tenants.add_folded(key, seen, &mut self.register);
        }
    }
}
