//! One pipeline's running counts: judgements in, one [`Delta`] a tick out.
//!
//! Runs for every hit record, so the usual case, a key that was seen before, costs three lookups by borrowed text and
//! allocates nothing. A record counts once, at its first line, under the best outcome among its verdicts; its further
//! lines are unmatched. All memory of a tick is bounded by [`Limits`]; what does not fit is folded into `_other`.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::label::{clean_name, clean_tenant};
use crate::event::{
    AmbiguousKey, Counts, Delta, ErrorKey, Fault, Judgement, Label, LossReason, Mark, Millis, Seen,
    SkipReason, Standing, TenantKey, TenantRefusal, Verdict, reserved,
};

/// Bounds of one delta.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Distinct tenants; of the rest only the counts are kept, under `_other`.
    pub tenants_max: usize,
    /// Rows of each table.
    pub rows_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { tenants_max: 65_536, rows_max: 262_144 }
    }
}

/// Providers whose tenants without a row are estimated each on its own; those of further ones only all together.
const FOLDED_PROVIDERS_MAX: usize = 32;

/// What became of a record, best first: the first line is counted under the least of its verdicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Matched,
    Ambiguous,
    Foreign,
    Unmatched,
}

#[derive(Debug)]
pub struct Tally {
    limits: Limits,
    delta: Delta,
    /// The named tenants of the delta.
    tenants: HashSet<Label, foldhash::fast::RandomState>,
}

impl Tally {
    /// `source` is the value of the label `source`, as configured; it is cleaned here.
    pub fn new(source: Label, limits: Limits) -> Tally {
        let delta = Delta { source: clean_name(&source), ..Delta::default() };
        Tally { limits, delta, tenants: HashSet::default() }
    }

    /// Counts one judged record: its verdicts, and its lines under their outcomes.
    ///
    /// `lines_of_record` are its physical lines (1 for a Kafka or `-0` record); 0 when they were counted before, then
    /// only the verdicts count. `at` is when the record arrived or says it was written.
    pub fn tally(&mut self, judgement: &Judgement, lines_of_record: u64, at: Option<Millis>) {
        let outcome =
            judgement.faults.iter().map(|fault| self.fault(fault, at)).min().unwrap_or(Outcome::Unmatched);
        if let Some(refusal) = judgement.tenant_refused {
            let place =
                TenantRefusal::ALL.iter().position(|r| *r == refusal).expect("ALL holds every refusal");
            bump(&mut self.delta.tenant_refused[place], 1);
        }
        if outcome != Outcome::Unmatched {
            self.delta.last_event = self.delta.last_event.max(at);
        }
        if lines_of_record > 0 {
            let counts = &mut self.delta.counts;
            bump(&mut counts.lines, lines_of_record);
            bump(&mut counts.unmatched, lines_of_record - 1);
            match outcome {
                Outcome::Matched => bump(&mut counts.matched, 1),
                Outcome::Ambiguous => bump(&mut counts.ambiguous_lines, 1),
                Outcome::Foreign => bump(&mut counts.foreign_lines, 1),
                Outcome::Unmatched => bump(&mut counts.unmatched, 1),
            }
        }
    }

    /// Counts one judged record whose lines were counted as unmatched before.
    pub fn tally_again(&mut self, judgement: &Judgement, at: Option<Millis>) {
        self.tally(judgement, 1, at);
        self.delta.counts.lines = self.delta.counts.lines.saturating_sub(1);
        self.delta.counts.unmatched = self.delta.counts.unmatched.saturating_sub(1);
    }

    /// Lines that hold no hit: counted as lines and as unmatched.
    pub fn unmatched_lines(&mut self, lines: u64) {
        bump(&mut self.delta.counts.lines, lines);
        bump(&mut self.delta.counts.unmatched, lines);
    }

    /// Lines that the source could not turn into text: counted as lines and as undecodable.
    pub fn undecodable_lines(&mut self, lines: u64) {
        bump(&mut self.delta.counts.lines, lines);
        bump(&mut self.delta.counts.undecodable, lines);
    }

    /// Lines that were cut at the line limit. They are lines with an outcome as well, which is counted apart.
    pub fn oversized_lines(&mut self, lines: u64) {
        bump(&mut self.delta.counts.oversized, lines);
    }

    /// Bytes that were judged or skipped.
    pub fn bytes_read(&mut self, bytes: u64) {
        bump(&mut self.delta.counts.bytes, bytes);
    }

    /// Bytes among them that nobody looked at.
    pub fn bytes_skipped(&mut self, reason: SkipReason, bytes: u64) {
        let place = SkipReason::ALL.iter().position(|r| *r == reason).expect("ALL holds every reason");
        bump(&mut self.delta.counts.skipped[place], bytes);
    }

    /// Bytes that were written and never read.
    pub fn bytes_lost(&mut self, reason: LossReason, bytes: u64) {
        let place = LossReason::ALL.iter().position(|r| *r == reason).expect("ALL holds every reason");
        bump(&mut self.delta.counts.lost[place], bytes);
    }

    /// A file was renamed or replaced, and another has its path.
    pub fn rotated(&mut self) {
        bump(&mut self.delta.counts.rotations, 1);
    }

    /// A file was cut off before the place up to which it was read.
    pub fn truncated(&mut self) {
        bump(&mut self.delta.counts.truncations, 1);
    }

    /// How the source stands at the moment.
    pub fn standing(&mut self) -> &mut Standing {
        &mut self.delta.standing
    }

    /// Something to keep with these counts.
    pub fn mark(&mut self, mark: Mark) {
        self.delta.marks.push(mark);
    }

    /// What was counted so far, without taking it.
    pub fn delta(&self) -> &Delta {
        &self.delta
    }

    /// What was counted since the last take. How the source stands stays until it is set anew.
    pub fn take(&mut self) -> Delta {
        self.tenants.clear();
        let next =
            Delta { source: self.delta.source.clone(), standing: self.delta.standing, ..Delta::default() };
        std::mem::replace(&mut self.delta, next)
    }

    /// A match without a settled provider and code is no match: it is counted as the ambiguity it is.
    fn fault(&mut self, fault: &Fault, at: Option<Millis>) -> Outcome {
        match (fault.verdict, &fault.provider, &fault.code) {
            (Verdict::Match, Some(provider), Some(code)) => {
                let category = fault.category.as_deref().unwrap_or(reserved::UNKNOWN);
                self.error([provider, category, code], at);
                self.tenant([provider, category, fault.tenant.as_deref().unwrap_or(reserved::NO_TENANT)], at);
                Outcome::Matched
            }
            (Verdict::Match | Verdict::Ambiguous, provider, code) => {
                self.ambiguous(provider.as_ref(), code.as_ref(), at);
                self.tenant_unmatched(fault.tenant.as_ref(), at);
                Outcome::Ambiguous
            }
            (Verdict::Foreign, _, _) => {
                bump(&mut self.delta.foreign, 1);
                self.tenant_unmatched(fault.tenant.as_ref(), at);
                Outcome::Foreign
            }
        }
    }

    fn error(&mut self, found: [&str; 3], at: Option<Millis>) {
        if !may_be_reserved(found) && add_known(&mut self.delta.errors, found, at) {
            return;
        }
        let [provider, category, code] = found.map(clean_name);
        let mut key = ErrorKey { provider, category, code };
        if !has_room(&self.delta.errors, &key, self.limits.rows_max) {
            key.code = reserved::OTHER.into();
        }
        self.delta.errors.add(key, &Seen::once(at));
    }

    fn tenant(&mut self, found: [&str; 3], at: Option<Millis>) {
        if !may_be_reserved(found) && add_known(&mut self.delta.tenants, found, at) {
            return;
        }
        let [provider, category] = [found[0], found[1]].map(clean_name);
        let mut key = TenantKey { provider, category, tenant: clean_tenant(found[2]) };
        if !has_room(&self.delta.tenants, &key, self.limits.rows_max) || !self.admits(&key.tenant) {
            let tenant = std::mem::replace(&mut key.tenant, reserved::OTHER.into());
            self.fold(&key.provider, &tenant, at);
        }
        self.delta.tenants.add(key, &Seen::once(at));
    }

    /// The tenant of an error that is not settled counts as active, and nothing more.
    fn tenant_unmatched(&mut self, tenant: Option<&Label>, at: Option<Millis>) {
        let (Some(tenant), Some(at)) = (tenant, at) else { return };
        let seen = &mut self.delta.tenants_unmatched;
        if !tenant.starts_with('_')
            && let Some(last) = seen.get_mut(tenant)
        {
            *last = at.max(*last);
            return;
        }
        let tenant = clean_tenant(tenant);
        if seen.len() >= self.limits.tenants_max && !seen.contains_key(&tenant) {
            self.fold(&reserved::OPEN.into(), &tenant, Some(at));
        } else if &*tenant != reserved::NO_TENANT {
            let last = seen.entry(tenant).or_insert(at);
            *last = at.max(*last);
        }
    }

    /// A named tenant without a row still counts as one that is there.
    fn fold(&mut self, provider: &Label, tenant: &Label, at: Option<Millis>) {
        let Some(at) = at else { return };
        if &**tenant == reserved::NO_TENANT {
            return;
        }
        let folded = &mut self.delta.tenants_folded;
        let provider = match folded.len() < FOLDED_PROVIDERS_MAX || folded.contains_key(provider) {
            true => provider.clone(),
            false => reserved::OPEN.into(),
        };
        folded.entry(provider).or_default().note(tenant, at);
    }

    /// Whether the tenant has a name in this delta; the first ones get one.
    fn admits(&mut self, tenant: &Label) -> bool {
        if &**tenant == reserved::NO_TENANT || self.tenants.contains(tenant) {
            return true;
        }
        self.tenants.len() < self.limits.tenants_max && self.tenants.insert(tenant.clone())
    }

    fn ambiguous(&mut self, provider: Option<&Label>, code: Option<&Label>, at: Option<Millis>) {
        let name = |part: Option<&Label>| match part {
            None => Arc::from(reserved::OPEN),
            Some(name) => clean_name(name),
        };
        let mut key = AmbiguousKey { provider: name(provider), code: name(code) };
        if !has_room(&self.delta.ambiguous, &key, self.limits.rows_max) {
            key.code = reserved::OTHER.into();
        }
        self.delta.ambiguous.add(key, &Seen::once(at));
    }
}

fn has_room<K: Clone + Eq + Hash>(counts: &Counts<K>, key: &K, rows_max: usize) -> bool {
    counts.len() < rows_max || counts.get(key).is_some()
}

fn bump(count: &mut u64, by: u64) {
    *count = count.saturating_add(by);
}

/// Such a value may be a row of our own (`_other`) without being meant: it takes the way through cleaning. `_unknown`
/// is meant where it is a row, and as a tenant it is none.
fn may_be_reserved(found: [&str; 3]) -> bool {
    found.iter().any(|part| part.starts_with('_') && *part != reserved::UNKNOWN)
}

/// Adds to a row that is there. Rows have clean keys only, so a text that equals one needs no cleaning.
fn add_known<K>(counts: &mut Counts<K>, found: [&str; 3], at: Option<Millis>) -> bool
where
    K: Clone + Eq + Hash + for<'a> Borrow<dyn Triple + 'a>,
{
    match counts.get_mut(&found as &dyn Triple) {
        None => false,
        Some(seen) => {
            seen.add(at);
            true
        }
    }
}

/// Three texts as a key, owned or not: looks a row up without making labels. Hashes and compares as the derived
/// impls of [`ErrorKey`] and [`TenantKey`] do, field by field.
trait Triple {
    fn texts(&self) -> [&str; 3];
}

impl Triple for [&str; 3] {
    fn texts(&self) -> [&str; 3] {
        *self
    }
}

impl Triple for ErrorKey {
    fn texts(&self) -> [&str; 3] {
        [&self.provider, &self.category, &self.code]
    }
}

impl Triple for TenantKey {
    fn texts(&self) -> [&str; 3] {
        [&self.provider, &self.category, &self.tenant]
    }
}

impl<'a> Borrow<dyn Triple + 'a> for ErrorKey {
    fn borrow(&self) -> &(dyn Triple + 'a) {
        self
    }
}

impl<'a> Borrow<dyn Triple + 'a> for TenantKey {
    fn borrow(&self) -> &(dyn Triple + 'a) {
        self
    }
}

impl Hash for dyn Triple + '_ {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.texts().iter().for_each(|text| text.hash(state));
    }
}

impl PartialEq for dyn Triple + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.texts() == other.texts()
    }
}

impl Eq for dyn Triple + '_ {}
