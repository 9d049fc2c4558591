//! Everything a scan counted: the ledger, with limits of its own, and one table more, of errors by code AND tenant,
//! which the metrics do not have.

use crate::catalogue::schema::Severity;
use crate::config::Settings;
use crate::event::{Counts, Delta, Fault, Judgement, Label, Seen, Verdict, reserved};
use crate::framing;
use crate::ledger::Ledger;
use crate::pipeline::Engine;

/// Rows of errors by code and tenant; counts of further tenants go to `_other`.
const ROWS_MAX: usize = 100_000;

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowKey {
    pub provider: Label,
    pub category: Label,
    pub code: Label,
    pub tenant: Label,
}

/// Errors by provider, category, code and tenant, in the order of their first appearance.
#[derive(Debug, Default)]
pub struct Rows(Counts<RowKey>);

impl Rows {
    /// Counts the matches of a record at the time that the record says; `year` completes dates without one.
    pub fn count(&mut self, raw: &[u8], judgement: &Judgement, year: Option<i16>) {
        let mut matches = judgement.faults.iter().filter(|fault| fault.verdict == Verdict::Match).peekable();
        if matches.peek().is_none() {
            return;
        }
        let at = framing::timestamp(raw, year);
        for fault in matches {
            self.add(key(fault), &Seen { count: 1, first: at, last: at });
        }
    }

    fn add(&mut self, mut key: RowKey, seen: &Seen) {
        if self.0.len() >= ROWS_MAX && self.0.get(&key).is_none() {
            key.tenant = reserved::OTHER.into();
        }
        self.0.add(key, seen);
    }

    fn merge(&mut self, other: Rows) {
        other.0.into_iter().for_each(|(key, seen)| self.add(key, &seen));
    }

    /// Bytes, roughly.
    pub fn weight(&self) -> usize {
        self.0.len() * 200
    }
}

fn key(fault: &Fault) -> RowKey {
    let known = |label: &Option<Label>, unknown: &str| label.clone().unwrap_or_else(|| unknown.into());
    RowKey {
        provider: known(&fault.provider, reserved::UNKNOWN),
        category: known(&fault.category, reserved::UNKNOWN),
        code: known(&fault.code, reserved::UNKNOWN),
        tenant: known(&fault.tenant, reserved::NO_TENANT),
    }
}

pub struct Tally {
    ledger: Ledger,
    rows: Rows,
    has_input: bool,
}

impl Tally {
    pub fn new(settings: &Settings, engine: &Engine) -> Tally {
        Tally { ledger: settings.ledger(engine), rows: Rows::default(), has_input: false }
    }

    /// In the order of the input.
    pub fn add(&mut self, delta: Delta, rows: Rows) {
        self.has_input = true;
        self.ledger.commit(delta);
        self.rows.merge(rows);
    }

    /// Whether any input could be opened.
    pub fn has_input(&self) -> bool {
        self.has_input
    }

    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    #[cfg(test)]
    pub fn lines(&self) -> u64 {
        self.ledger.totals().counts.lines
    }

    /// Most frequent first.
    pub fn rows(&self) -> Vec<(&RowKey, &Seen)> {
        let mut rows: Vec<_> = self.rows.0.iter().collect();
        rows.sort_unstable_by(|(a, seen_a), (b, seen_b)| {
            seen_b.count.cmp(&seen_a.count).then_with(|| a.cmp(b))
        });
        rows
    }

    /// Whether a code of this severity, or a worse one, was counted.
    pub fn reaches(&self, least: Severity) -> bool {
        self.ledger.errors().any(|(key, _)| {
            let info = self.ledger.code_info(&key.provider, &key.code);
            info.and_then(|info| severity(&info.severity)).is_some_and(|severity| severity >= least)
        })
    }
}

/// The inverse of the name a label carries.
fn severity(name: &str) -> Option<Severity> {
    [
        ("info", Severity::Info),
        ("warning", Severity::Warning),
        ("error", Severity::Error),
        ("critical", Severity::Critical),
    ]
    .into_iter()
    .find_map(|(known, severity)| (known == name).then_some(severity))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judgement(tenant: &str) -> Judgement {
        let fault = Fault {
            verdict: Verdict::Match,
            provider: Some("p".into()),
            code: Some("c".into()),
            wire_code: None,
            category: Some("k".into()),
            tenant: Some(tenant.into()),
            candidates: vec![],
            rule: None,
            evidence: vec![],
            role: Default::default(),
        };
        Judgement { faults: vec![fault], tenant_refused: None }
    }

    #[test]
    fn tenants_past_the_limit_are_counted_together() {
        let mut rows = Rows::default();
        for tenant in 0..ROWS_MAX + 5 {
            rows.count(b"", &judgement(&tenant.to_string()), None);
        }
        let mut all = Rows::default();
        all.merge(rows);
        let other = all.0.iter().find(|(key, _)| &*key.tenant == reserved::OTHER).map(|(_, seen)| seen.count);
        assert_eq!((all.0.len(), other), (ROWS_MAX + 1, Some(5)));
        assert_eq!(all.0.iter().map(|(_, seen)| seen.count).sum::<u64>(), ROWS_MAX as u64 + 5);
    }
}
