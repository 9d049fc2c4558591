//! Deltas → the truth that is exposed: every series by its exact key, its label block rendered once, its limits kept.
//!
//! `family` is one table of series, `labels` renders label blocks, `sources` holds what was read per source, `view`
//! lists everything as metric families for an encoder, `reading` as rows for people. Memory only: what is committed
//! here is gone with the process. The order of rows is the order of their birth and never changes.

mod family;
mod labels;
mod reading;
mod sources;
mod view;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use crate::event::{
    AmbiguousKey, CodeBook, Delta, ErrorKey, Label, Seen, TenantKey, TenantRefusal, reserved,
};
use family::{CodeKey, Family};
use sources::Sources;

pub use reading::{SourceRow, Totals};
pub use view::{Encoder, Head, Kind, Value};

/// Bounds on what is exposed. Counts that find no room are kept under `_other`; totals stay right.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Distinct tenants with series of their own, first come.
    pub tenants_max: usize,
    /// Series of each metric family. The `_other` series come on top, one for each provider and category.
    pub series_max: usize,
    /// Distinct sources.
    pub sources_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { tenants_max: 1_000, series_max: 10_000, sources_max: 1_000 }
    }
}

#[derive(Debug)]
pub struct Ledger {
    limits: Limits,
    code_book: CodeBook,
    errors: Family<ErrorKey>,
    tenants: Family<TenantKey>,
    ambiguous: Family<AmbiguousKey>,
    /// One row for each (provider, code) that has an error row: its attributes and when it was seen.
    codes: Family<CodeKey>,
    /// Label blocks of `faultline_code_info`, of those codes that the code book knows.
    code_info_blocks: Vec<Box<str>>,
    tenants_admitted: HashSet<Label, foldhash::fast::RandomState>,
    foreign: u64,
    tenant_refused: [u64; TenantRefusal::ALL.len()],
    sources: Sources,
}

impl Ledger {
    /// Every (provider, category) of the code book starts at 0, so that a scraper sees a zero before the first error.
    pub fn new(limits: Limits, code_book: CodeBook) -> Ledger {
        let mut ledger = Ledger {
            limits,
            code_book,
            errors: Family::new(limits.series_max),
            tenants: Family::new(limits.series_max),
            ambiguous: Family::new(limits.series_max),
            codes: Family::new(limits.series_max),
            code_info_blocks: Vec::new(),
            tenants_admitted: HashSet::default(),
            foreign: 0,
            tenant_refused: Default::default(),
            sources: Sources::new(limits.sources_max),
        };
        ledger.begin_at_zero();
        ledger
    }

    fn begin_at_zero(&mut self) {
        let book = &self.code_book;
        let mut pairs: Vec<_> =
            book.iter().map(|((provider, _), info)| (provider.clone(), info.category.clone())).collect();
        pairs.sort_unstable();
        pairs.dedup();
        for (provider, category) in pairs {
            let key = ErrorKey {
                provider: provider.clone(),
                category: category.clone(),
                code: reserved::OTHER.into(),
            };
            self.errors.add(key, &Seen::default());
            let key = TenantKey { provider, category, tenant: reserved::NO_TENANT.into() };
            self.tenants.add(key, &Seen::default());
        }
    }

    /// Another catalogue from now on: its new (provider, category) pairs begin at 0, codes that were seen get its
    /// attributes. Counts stay, and so do the attributes of a seen code that it does not know.
    pub fn recatalogue(&mut self, code_book: CodeBook) {
        let mut old = std::mem::replace(&mut self.code_book, code_book);
        self.begin_at_zero();
        self.code_info_blocks.clear();
        for row in self.codes.rows() {
            let key = (row.key.provider.clone(), row.key.code.clone());
            if !self.code_book.contains_key(&key)
                && let Some(info) = old.remove(&key)
            {
                self.code_book.insert(key.clone(), info);
            }
            if let Some(info) = self.code_book.get(&key) {
                self.code_info_blocks.push(labels::info_block(&key.0, &key.1, info));
            }
        }
    }

    /// Other limits from now on. What has a series keeps it; a higher limit gives room to what comes next.
    pub fn relimit(&mut self, limits: Limits) {
        self.limits = limits;
        self.errors.set_rows_max(limits.series_max);
        self.tenants.set_rows_max(limits.series_max);
        self.ambiguous.set_rows_max(limits.series_max);
        self.codes.set_rows_max(limits.series_max);
        self.sources.set_sources_max(limits.sources_max);
    }

    /// Puts a source on the books: all of its series are there from now on, at 0. `source` as configured.
    pub fn open_source(&mut self, source: &str) {
        self.sources.named(source);
    }

    /// Whether the source can be read at present. `source` as configured.
    pub fn set_source_up(&mut self, source: &str, up: bool) {
        self.sources.named(source).up = up;
    }

    /// Adds a delta to the truth. Which newcomers still find room depends on the order of commits and, inside a delta,
    /// on the order in which its source named them.
    pub fn commit(&mut self, delta: Delta) {
        self.sources.commit(&delta);
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
            self.ambiguous.add(key, &seen);
        }
    }

    fn commit_error(&mut self, key: ErrorKey, seen: &Seen) {
        let row = self.errors.add(key, seen);
        let (provider, code) = (row.key.provider.clone(), row.key.code.clone());
        if &*code != reserved::OTHER {
            self.commit_code(provider, code, seen);
        }
    }

    fn commit_code(&mut self, provider: Label, code: Label, seen: &Seen) {
        let codes_before = self.codes.rows().len();
        self.codes.add(CodeKey { provider: provider.clone(), code: code.clone() }, seen);
        if self.codes.rows().len() > codes_before
            && let Some(info) = self.code_book.get(&(provider.clone(), code.clone()))
        {
            self.code_info_blocks.push(labels::info_block(&provider, &code, info));
        }
    }

    fn commit_tenant(&mut self, key: TenantKey, seen: &Seen) {
        let is_reserved = [reserved::NO_TENANT, reserved::OTHER].contains(&&*key.tenant);
        if is_reserved || self.tenants_admitted.contains(&key.tenant) {
            self.tenants.add(key, seen);
        } else if self.tenants_admitted.len() < self.limits.tenants_max && self.tenants.has_room() {
            self.tenants_admitted.insert(key.tenant.clone());
            self.tenants.add(key, seen);
        } else {
            self.tenants.add_folded(key, seen);
        }
    }
}
