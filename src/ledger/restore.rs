//! A ledger as a [`Snapshot`], a tick as [`Changes`], and both back: the same snapshot and the same changes in the same
//! order give the same ledger, whatever program run they come from.
//!
//! What a journal does not say is taken from the settings of today by [`Ledger::adopt`]: limits, rules, how the first
//! error is made visible. Read next: `store`.

use std::collections::BTreeMap;

use super::births::{Births, Register};
use super::family::{CodeKey, Family};
use super::labels;
use super::recent::Windows;
use super::saved::{
    Changes, SavedBirth, SavedDelta, SavedInfo, SavedKey, Snapshot, millis, reader, refused, saved_reader,
};
use super::scrapers::Scrapers;
use super::sources::Sources;
use super::{CatalogueInfo, Exposure, Ledger, Limits, Preinit, Reader};
use crate::event::{CodeBook, Delta, Label, Millis, reserved};

/// A snapshot that no ledger can have written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Contradicts(pub &'static str);

impl SavedKey for CodeKey {
    type Saved = [Label; 2];

    fn saved(&self) -> [Label; 2] {
        [&self.provider, &self.code].map(Label::clone)
    }

    fn restored([provider, code]: [Label; 2]) -> Self {
        CodeKey { provider, code }
    }
}

impl Snapshot {
    pub fn of(ledger: &Ledger) -> Snapshot {
        let mut tenants_admitted: Vec<Label> = ledger.tenants_admitted.iter().cloned().collect();
        tenants_admitted.sort_unstable();
        let info = |key: &CodeKey| ledger.code_book.get(&(key.provider.clone(), key.code.clone()));
        Snapshot {
            limits: [ledger.limits.tenants_max, ledger.limits.series_max, ledger.limits.sources_max]
                .map(|limit| limit as u64),
            births: ledger.register.births.0,
            started: millis(ledger.register.started),
            now: millis(ledger.register.now),
            own_birth: SavedBirth::of(ledger.own_birth),
            scrapers: ledger.scrapers.saved(),
            errors: ledger.errors.saved(),
            tenants: ledger.tenants.saved(),
            ambiguous: ledger.ambiguous.saved(),
            codes: ledger.codes.saved(),
            infos: ledger.codes.rows().iter().map(|row| info(&row.key).map(SavedInfo::of)).collect(),
            windows: ledger.windows.opened(),
            tenants_admitted,
            foreign: ledger.foreign,
            tenant_refused: ledger.tenant_refused.to_vec(),
            sources: ledger.sources.saved(),
            marks: ledger.marks.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
        }
    }

    pub fn ledger(self) -> Result<Ledger, Contradicts> {
        let [tenants_max, series_max, sources_max] = self.limits.map(|limit| limit as usize);
        let limits = Limits { tenants_max, series_max, sources_max };
        let twice = Contradicts("it names a series twice");
        let codes: Family<CodeKey> = Family::restored(usize::MAX, self.codes).ok_or(twice)?;
        if self.infos.len() != codes.rows().len() {
            return Err(Contradicts("its codes and their attributes are not equally many"));
        }
        let mut code_book = CodeBook::new();
        let mut code_info_blocks = Vec::with_capacity(self.infos.len());
        for (row, info) in codes.rows().iter().zip(self.infos) {
            let key = (row.key.provider.clone(), row.key.code.clone());
            let info = info.map(SavedInfo::info);
            code_info_blocks.push(info.as_ref().map(|info| labels::info_block(&key.0, &key.1, info)));
            code_book.extend(info.map(|info| (key, info)));
        }
        Ok(Ledger {
            limits,
            preinit: Preinit::default(),
            register: Register {
                births: Births(self.births),
                started: self.started.map(Millis),
                now: self.now.map(Millis),
            },
            scrapers: Scrapers::restored(self.scrapers),
            own_birth: self.own_birth.birth(),
            code_book,
            catalogue_block: None,
            errors: Family::restored(series_max, self.errors).ok_or(twice)?,
            tenants: Family::restored(series_max, self.tenants).ok_or(twice)?,
            ambiguous: Family::restored(series_max, self.ambiguous).ok_or(twice)?,
            codes,
            code_info_blocks,
            windows: Windows::opening(self.windows.iter()),
            tenants_admitted: self.tenants_admitted.into_iter().collect(),
            foreign: self.foreign,
            tenant_refused: refused(&self.tenant_refused),
            sources: Sources::restored(sources_max, self.sources),
            marks: BTreeMap::from_iter(self.marks),
            revision: 0,
        })
    }
}

impl Changes {
    /// What [`Ledger::apply`] is about to do to this ledger.
    pub fn of(ledger: &Ledger, deltas: &[Delta], answers: &[(Reader, Births)], now: Millis) -> Changes {
        let answers = answers.iter();
        Changes {
            now: now.0,
            described: ledger.describe(deltas),
            deltas: deltas.iter().map(SavedDelta::of).collect(),
            answers: answers.filter_map(|(who, births)| Some((saved_reader(who)?, births.0))).collect(),
        }
    }
}

impl Ledger {
    /// One tick: deltas in order, what scrapers fetched, and then time goes on.
    pub(super) fn apply(&mut self, deltas: Vec<Delta>, answers: &[(Reader, Births)], now: Millis) {
        deltas.into_iter().for_each(|delta| self.commit(delta));
        answers.iter().for_each(|(reader, births)| self.answered(reader, *births));
        self.tick(now);
    }

    pub(super) fn replay(&mut self, changes: Changes) {
        for ([provider, code], info) in changes.described {
            self.code_book.insert((provider, code), info.info());
        }
        let deltas = changes.deltas.into_iter().map(SavedDelta::delta).collect();
        let answers: Vec<_> =
            changes.answers.into_iter().map(|(who, births)| (reader(who), Births(births))).collect();
        self.apply(deltas, &answers, Millis(changes.now));
    }

    /// Attributes of codes that these deltas would bring for the first time.
    fn describe(&self, deltas: &[Delta]) -> Vec<([Label; 2], SavedInfo)> {
        let mut described = BTreeMap::new();
        for (key, _) in deltas.iter().flat_map(|delta| delta.errors.iter()) {
            let code = CodeKey { provider: key.provider.clone(), code: key.code.clone() };
            if &*key.code == reserved::OTHER || self.codes.contains(&code) {
                continue;
            }
            if let Some(info) = self.code_book.get(&(key.provider.clone(), key.code.clone())) {
                described.entry(code.saved()).or_insert_with(|| SavedInfo::of(info));
            }
        }
        described.into_iter().collect()
    }

    /// After a recovery: the settings of today, at the time of today. Levels and windows begin anew.
    pub(super) fn adopt(
        &mut self,
        limits: Limits,
        code_book: CodeBook,
        info: &CatalogueInfo,
        exposure: Exposure,
        now: Millis,
    ) {
        self.preinit = exposure.preinit;
        self.tick(now);
        self.forget_levels();
        self.scrapers.set_zero_first(exposure.zero_first, self.register.births);
        self.relimit(limits);
        self.recatalogue(code_book, info);
    }

    /// Windows are empty, and no source stands anywhere.
    pub(super) fn forget_levels(&mut self) {
        self.windows = Windows::opening(self.windows.opened().iter());
        self.sources.forget_levels();
    }

    /// Takes over what another one was told beside its deltas.
    pub(super) fn follow(&mut self, other: &Ledger) {
        if self.revision != other.revision {
            self.preinit = other.preinit;
            self.relimit(other.limits);
            self.adopt_rules(other.code_book.clone(), other.catalogue_block.clone());
            self.revision = other.revision;
        }
        self.sources.follow(&other.sources, &mut self.register);
    }
}
