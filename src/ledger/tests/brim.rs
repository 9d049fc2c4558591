//! A ledger filled to the brim against the worst case that was foretold.

use std::collections::{BTreeMap, HashMap};

use super::{Samples, info, seen};
use crate::event::{
    AmbiguousKey, CodeBook, Delta, ErrorKey, Label, Millis, SourceCounts, Standing, TenantKey, reserved,
};
use crate::ledger::{Births, CatalogueInfo, Exposure, Known, Ledger, Limits, Preinit, series_worst_case};

const PROVIDERS: usize = 4;
const CATEGORIES: usize = 3;
const CODES: usize = 5;
/// Tenants more than there is room for.
const BEYOND: usize = 5;

fn name(prefix: &str, number: usize) -> Label {
    format!("{prefix}{number}").into()
}

/// Every provider has every category, every category its codes.
fn code_book() -> CodeBook {
    let mut book = CodeBook::default();
    for provider in 0..PROVIDERS {
        for code in 0..CATEGORIES * CODES {
            let key = (name("p", provider), name("x", code));
            book.insert(key, info(&name("c", code % CATEGORIES)));
        }
    }
    book
}

fn known() -> Known {
    Known {
        providers: PROVIDERS,
        categories: PROVIDERS * CATEGORIES,
        errors: PROVIDERS * CATEGORIES * CODES,
        codes: PROVIDERS * CATEGORIES * CODES,
        unknown: PROVIDERS,
        open: CATEGORIES * CODES,
    }
}

/// Everything that these rules can bring about, unknown codes last, and more tenants and sources than there is room for.
fn fill(ledger: &mut Ledger, tenants: usize, sources: usize) {
    ledger.tick(Millis(1));
    let standing = Standing { last_read: Some(Millis(1)), ..Standing::default() };
    let mut delta = Delta { source: "s0".into(), standing, last_event: Some(Millis(1)), ..Delta::default() };
    let unknown = || Label::from(reserved::UNKNOWN);
    let mut errors: Vec<ErrorKey> = code_book()
        .into_iter()
        .map(|((provider, code), info)| ErrorKey { provider, category: info.category, code })
        .collect();
    errors.sort_unstable();
    errors.extend((0..PROVIDERS).map(|p| ErrorKey {
        provider: name("p", p),
        category: unknown(),
        code: unknown(),
    }));
    errors.iter().for_each(|key| delta.errors.add(key.clone(), &seen(1)));
    // Those who find room come first: who does not would take some of it for `_other`.
    let (first, rest) = (0..tenants.saturating_sub(BEYOND), tenants.saturating_sub(BEYOND)..tenants);
    for numbers in [first, rest] {
        for key in &errors {
            let names = numbers.clone().map(|n| name("t", n)).chain([reserved::NO_TENANT.into()]);
            for tenant in names {
                let (provider, category) = (key.provider.clone(), key.category.clone());
                delta.tenants.add(TenantKey { provider, category, tenant }, &seen(1));
            }
        }
    }
    let open = || Label::from(reserved::OPEN);
    let codes = (0..CATEGORIES * CODES).map(|n| name("x", n)).chain([open()]);
    for code in codes {
        delta.ambiguous.add(AmbiguousKey { provider: open(), code }, &seen(1));
    }
    for provider in 0..PROVIDERS {
        delta.ambiguous.add(AmbiguousKey { provider: name("p", provider), code: open() }, &seen(1));
    }
    ledger.commit(delta);
    for source in 0..sources {
        let counts = SourceCounts { lines: 1, unmatched: 1, ..SourceCounts::default() };
        let last_event = Some(Millis(1));
        ledger.commit(Delta { source: name("s", source), standing, counts, last_event, ..Delta::default() });
    }
}

fn samples_by_metric(ledger: &Ledger) -> HashMap<&'static str, usize> {
    let mut all = Samples::default();
    ledger.encode(Births::ALL, &mut all);
    let mut counts = HashMap::new();
    all.0.iter().for_each(|(name, ..)| *counts.entry(*name).or_default() += 1);
    counts
}

#[test]
fn a_full_ledger_has_as_many_samples_as_were_foretold() {
    let mut is_exact = BTreeMap::<&str, usize>::new();
    for (series_max, tenants_max, sources_max) in
        [(10_000, 1_000, 1_000), (10_000, 7, 3), (100, 7, 3), (60, 2, 1), (30, 0, 2), (12, 3, 2), (5, 3, 2)]
    {
        for preinit in [Preinit::Categories, Preinit::Codes] {
            let limits = Limits { tenants_max, series_max, sources_max };
            let exposure = Exposure { preinit, ..Exposure::default() };
            let info = CatalogueInfo { version: "1".into(), sha256: "0".into() };
            let mut ledger = Ledger::exposed(limits, code_book(), exposure).with_catalogue(&info);
            fill(&mut ledger, tenants_max.min(20) + BEYOND, 6);
            let counts = samples_by_metric(&ledger);
            let foretold = series_worst_case(limits, known(), 6);
            for (metric, samples) in &foretold.metrics {
                let real = counts.get(metric).copied().unwrap_or_default();
                assert!(real <= *samples, "{metric}: {real} of {samples} with {limits:?} {preinit:?}");
                *is_exact.entry(metric).or_default() += usize::from(real == *samples);
            }
            assert!(counts.values().sum::<usize>() <= foretold.total);
            let is_foretold = |metric| foretold.metrics.iter().any(|(name, _)| *name == metric);
            assert!(counts.keys().all(|metric| is_foretold(*metric)), "{counts:?}");
        }
    }
    // The bound is no more than it has to be: where things are full, it is what is there.
    for (metric, times) in is_exact {
        assert!(times >= 12, "{metric} was as foretold {times} times of 14");
    }
}
