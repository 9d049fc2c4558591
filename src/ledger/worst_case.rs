//! How large an exposition can get: for the limit on the side of the scraper, which fails the whole scrape when it is hit.
//!
//! The sum of what limits allow, and of what rules and sources can bring about at all, whichever is less. It holds as
//! long as rules and sources stay; series of rules that are gone after a reload come on top. A test fills a ledger to
//! the brim and compares.

use super::Limits;
use super::family::FOLDED_ROWS_MAX;
use super::heads::{self, *};
use super::recent::{PROVIDERS_MAX, WINDOWS};
use super::view::{OVERFLOWS, TABLES};
use crate::event::{LossReason, SkipReason, TenantRefusal};

/// What the rules know, in numbers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known {
    pub providers: usize,
    /// Different (provider, category).
    pub categories: usize,
    /// Different (provider, category, code).
    pub errors: usize,
    /// Different (provider, code).
    pub codes: usize,
    /// Providers whose unknown codes are counted.
    pub unknown: usize,
    /// Different texts that may stand as a code without a provider.
    pub open: usize,
}

/// Samples by metric, in the order of an exposition, and in all. What the process tells of itself comes on top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorstCase {
    pub metrics: Vec<(&'static str, usize)>,
    pub total: usize,
}

/// With so many sources.
pub fn series_worst_case(limits: Limits, known: Known, sources: usize) -> WorstCase {
    let sources_own = sources.min(limits.sources_max);
    let sources = sources.min(limits.sources_max.saturating_add(1));
    let providers = if known.providers > PROVIDERS_MAX { PROVIDERS_MAX + 1 } else { known.providers };
    let metrics: Vec<_> = heads::ALL
        .into_iter()
        .map(|head| {
            let samples = match head {
                AMBIGUOUS => ambiguous(limits, known),
                CATALOGUE_INFO | FOREIGN | LABEL_VALUES | LABEL_VALUES_LIMIT => 1,
                CODE_INFO => codes(limits, known).min(known.codes),
                ERRORS => errors(limits, known),
                FIRST_SEEN | LAST_SEEN => codes(limits, known),
                OVERFLOW => OVERFLOWS,
                BEHIND | FILES | OPEN_FILES | PENDING | UNREADABLE | UP => sources_own,
                SERIES | SERIES_LIMIT => TABLES,
                LOST => sources * LossReason::ALL.len(),
                SKIPPED => sources * SkipReason::ALL.len(),
                TENANT_ERRORS => tenants(limits, known),
                TENANT_REJECTED => TenantRefusal::ALL.len(),
                TENANTS_ACTIVE => WINDOWS.len(),
                TENANTS_AFFECTED => providers * WINDOWS.len(),
                _ => sources,
            };
            (head.name, samples)
        })
        .collect();
    WorstCase { total: metrics.iter().map(|(_, samples)| samples).sum(), metrics }
}

/// The open code of each provider, the open provider of each code, and both open; `_other` of each provider on top.
fn ambiguous(limits: Limits, known: Known) -> usize {
    let named = known.providers + known.open + 1;
    named.min(limits.series_max + (known.providers + 1).min(named.saturating_sub(limits.series_max)))
}

/// Each category has its `_other` from the start, so that only unknown codes can bring one more.
fn errors(limits: Limits, known: Known) -> usize {
    let all = known.categories + known.errors + known.unknown;
    all.min(limits.series_max.max(known.categories) + known.unknown)
}

/// A code is described when it has an error row that is not `_other`.
fn codes(limits: Limits, known: Known) -> usize {
    (known.codes + known.unknown).min(limits.series_max.saturating_sub(known.categories))
}

/// Each tenant and `-` under each category, and `_other` of each category on top.
fn tenants(limits: Limits, known: Known) -> usize {
    let categories = known.categories + known.unknown;
    let named = categories.saturating_mul(limits.tenants_max.saturating_add(1));
    named.min(limits.series_max) + categories.min(FOLDED_ROWS_MAX + 1)
}
