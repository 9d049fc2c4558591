//! The nouns: what flows between the rooms. Plain values, no behaviour beyond adding them up.
//!
//! A source reads bytes, framing cuts [`Record`]s out of them, attribution turns a hit record into [`Fault`]s,
//! aggregation adds faults up in a [`Delta`], the ledger folds deltas. Labels are shared strings (`Arc<str>`), so a
//! delta outlives the catalogue that named its codes. Imports nothing of ours; knows no clock: times are arguments.

mod origin;
mod sketch;
mod standing;

use std::borrow::{Borrow, Cow};
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::sync::Arc;

pub use origin::Origin;
pub use sketch::Sketch;
pub use standing::{FilesStanding, LossReason, Mark, SkipReason, SourceCounts, Standing};

/// A metric label value, or a name that may become one. UTF-8, cleaned of control characters, at most 128 bytes.
pub type Label = Arc<str>;

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub i64);

/// Label values that are ours alone; input never becomes one of them.
pub mod reserved {
    /// Provider certain, code not in the catalogue (its category too).
    pub const UNKNOWN: &str = "_unknown";
    /// Label overflow.
    pub const OTHER: &str = "_other";
    /// The unsettled part of an ambiguous count.
    pub const OPEN: &str = "_open";
    /// A tenant that nobody named.
    pub const NO_TENANT: &str = "-";
}

/// What is judged: one line or several joined, wrappers removed.
#[derive(Debug, Clone, Default)]
pub struct Record<'a> {
    /// The event's own text; joined lines are separated by `\n`, without a trailing one.
    pub text: Cow<'a, [u8]>,
    /// What the removed wrappers said.
    pub envelope: Envelope,
}

/// Facts that a wrapper (syslog, CRI, docker) carried beside the text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Envelope {
    /// Syslog app-name, or the tag before `[pid]:`.
    pub app: Option<String>,
    /// From a syslog priority: severity 0 to 4 (emergency to warning) is true, 5 to 7 false.
    pub failing: Option<bool>,
    /// Parameters of RFC 5424 structured data, in order, element ids left out.
    pub structured: Vec<(String, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// One provider is proven and one code of it is settled.
    Match,
    /// An error is there, but provider or code is not settled.
    Ambiguous,
    /// A shared or look-alike code next to proof of somebody not loaded.
    Foreign,
}

/// Whether an error stands on its own or below another one of the same record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Role {
    #[default]
    Outer,
    /// A cause inside a cause.
    Cause,
}

/// One verdict about one record. `None` is "not settled".
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    pub verdict: Verdict,
    pub provider: Option<Label>,
    pub code: Option<Label>,
    /// The code as the response carried it.
    pub wire_code: Option<Label>,
    pub category: Option<Label>,
    pub tenant: Option<Label>,
    /// Sorted `provider:code`; of an ambiguous verdict only.
    pub candidates: Vec<Label>,
    /// `provider.id` of the rule, where exactly one remains.
    pub rule: Option<Label>,
    /// Why, in words for people, strongest first.
    pub evidence: Vec<String>,
    pub role: Role,
}

/// Why a tenant value did not become a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TenantRefusal {
    /// `tenant_allow` does not match.
    Syntax,
    /// The shape of a national id.
    NationalId,
    Email,
    Uuid,
    Secret,
}

impl TenantRefusal {
    pub const ALL: [TenantRefusal; 5] = [
        TenantRefusal::Syntax,
        TenantRefusal::NationalId,
        TenantRefusal::Email,
        TenantRefusal::Uuid,
        TenantRefusal::Secret,
    ];

    /// The value of the label `reason`.
    pub fn name(self) -> &'static str {
        match self {
            TenantRefusal::Syntax => "syntax",
            TenantRefusal::NationalId => "national_id",
            TenantRefusal::Email => "email",
            TenantRefusal::Uuid => "uuid",
            TenantRefusal::Secret => "secret",
        }
    }
}

/// All that attribution says of one record.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Judgement {
    pub faults: Vec<Fault>,
    pub tenant_refused: Option<TenantRefusal>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ErrorKey {
    pub provider: Label,
    pub category: Label,
    pub code: Label,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TenantKey {
    pub provider: Label,
    pub category: Label,
    pub tenant: Label,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AmbiguousKey {
    /// Or [`reserved::OPEN`].
    pub provider: Label,
    /// Or [`reserved::OPEN`].
    pub code: Label,
}

/// What the catalogue says of one (provider, code) for people and for `faultline_code_info`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeInfo {
    pub category: Label,
    pub severity: Label,
    /// Who has to act.
    pub fault: Label,
    /// Whether trying again helps.
    pub retryable: Label,
    /// A few words for people.
    pub title: Label,
    /// What to do; not a metric label.
    pub remediation: Label,
}

/// [`CodeInfo`] by (provider, code). Its (provider, category) pairs are the series that start at 0.
pub type CodeBook = HashMap<(Label, Label), CodeInfo>;

/// How often, and between when and when as far as times are known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    pub count: u64,
    pub first: Option<Millis>,
    pub last: Option<Millis>,
}

impl Seen {
    /// One more, at a time if it is known.
    pub fn add(&mut self, at: Option<Millis>) {
        self.merge(&Seen::once(at));
    }

    pub fn once(at: Option<Millis>) -> Seen {
        Seen { count: 1, first: at, last: at }
    }

    /// Adds up counts and widens the span of time.
    pub fn merge(&mut self, other: &Seen) {
        self.count = self.count.saturating_add(other.count);
        self.first = match (self.first, other.first) {
            (Some(mine), Some(theirs)) => Some(mine.min(theirs)),
            (mine, theirs) => mine.or(theirs),
        };
        self.last = self.last.max(other.last);
    }
}

/// Rows by exact key, in the order in which they were first counted: the ledger admits newcomers in this order, so that
/// who finds room depends on the input and on nothing else. Keys are compared by value, whatever their hashes are.
#[derive(Debug, Clone)]
pub struct Counts<K> {
    index: HashMap<K, usize, foldhash::fast::RandomState>,
    rows: Vec<(K, Seen)>,
}

impl<K> Default for Counts<K> {
    fn default() -> Self {
        Counts { index: HashMap::default(), rows: Vec::new() }
    }
}

impl<K: Clone + Eq + Hash> Counts<K> {
    /// Adds to the key's row, or makes it as the last.
    pub fn add(&mut self, key: K, seen: &Seen) {
        match self.get_mut(&key) {
            Some(row) => row.merge(seen),
            None => {
                self.index.insert(key.clone(), self.rows.len());
                self.rows.push((key, *seen));
            }
        }
    }

    pub fn get<Q: ?Sized + Eq + Hash>(&self, key: &Q) -> Option<&Seen>
    where
        K: Borrow<Q>,
    {
        self.index.get(key).map(|place| &self.rows[*place].1)
    }

    pub fn get_mut<Q: ?Sized + Eq + Hash>(&mut self, key: &Q) -> Option<&mut Seen>
    where
        K: Borrow<Q>,
    {
        self.index.get(key).map(|place| &mut self.rows[*place].1)
    }
}

impl<K> Counts<K> {
    pub fn iter(&self) -> impl Iterator<Item = (&K, &Seen)> {
        self.rows.iter().map(|(key, seen)| (key, seen))
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

impl<K> IntoIterator for Counts<K> {
    type Item = (K, Seen);
    type IntoIter = std::vec::IntoIter<(K, Seen)>;

    fn into_iter(self) -> Self::IntoIter {
        self.rows.into_iter()
    }
}

/// What one worker counted since its last delta, and how far its source was when it had counted exactly that.
/// Deltas add up in any order to the same totals.
#[derive(Debug, Clone, Default)]
pub struct Delta {
    /// The value of the label `source`.
    pub source: Label,
    pub counts: SourceCounts,
    pub standing: Standing,
    /// In order: of two with one key the later one holds.
    pub marks: Vec<Mark>,
    pub errors: Counts<ErrorKey>,
    pub tenants: Counts<TenantKey>,
    pub ambiguous: Counts<AmbiguousKey>,
    /// Foreign verdicts.
    pub foreign: u64,
    /// By [`TenantRefusal`] in the order of `ALL`.
    pub tenant_refused: [u64; TenantRefusal::ALL.len()],
    /// Named tenants of records without a match, and when each was seen last.
    pub tenants_unmatched: HashMap<Label, Millis, foldhash::fast::RandomState>,
    /// Named tenants that found no room, by the provider of a match; of records without one under [`reserved::OPEN`].
    pub tenants_folded: BTreeMap<Label, Sketch>,
    /// When the last hit record arrived or says it was written.
    pub last_event: Option<Millis>,
}

impl Delta {
    /// Whether it says more than how a source stands, and than marks do.
    pub fn has_counts(&self) -> bool {
        self.counts != SourceCounts::default()
            || !self.errors.is_empty()
            || !self.tenants.is_empty()
            || !self.ambiguous.is_empty()
            || self.foreign > 0
            || self.tenant_refused != [0; TenantRefusal::ALL.len()]
    }

    /// Adds what was counted after this (or beside it). Totals do not depend on the order; `source` stays, new rows go
    /// on behind these, the other's marks behind these, and `standing` becomes the other's.
    pub fn merge(&mut self, other: Delta) {
        self.counts.merge(&other.counts);
        self.standing = other.standing;
        self.marks.extend(other.marks);
        other.errors.into_iter().for_each(|(key, seen)| self.errors.add(key, &seen));
        other.tenants.into_iter().for_each(|(key, seen)| self.tenants.add(key, &seen));
        other.ambiguous.into_iter().for_each(|(key, seen)| self.ambiguous.add(key, &seen));
        self.foreign = self.foreign.saturating_add(other.foreign);
        for (mine, theirs) in self.tenant_refused.iter_mut().zip(other.tenant_refused) {
            *mine = mine.saturating_add(theirs);
        }
        for (tenant, at) in other.tenants_unmatched {
            let last = self.tenants_unmatched.entry(tenant).or_insert(at);
            *last = at.max(*last);
        }
        for (provider, sketch) in other.tenants_folded {
            self.tenants_folded.entry(provider).or_default().merge(&sketch);
        }
        self.last_event = self.last_event.max(other.last_event);
    }
}
