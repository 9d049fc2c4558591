//! A ledger that is committed to a store in memory, and what is left of it after everything that may happen.

mod memory;
mod damage;
mod faults;
mod replay;
mod places;

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::{Committer, Outcome, Queue, Recovery, Store, path_of};
use crate::event::{
    AmbiguousKey, CodeBook, CodeInfo, Delta, ErrorKey, Label, Mark, Millis, Seen, SourceCounts, TenantKey,
};
use crate::ledger::saved::Snapshot;
use crate::ledger::{
    Births, CatalogueInfo, Encoder, Exposure, Head, Ledger, Limits, Reader, Value, ZeroFirst,
};
use memory::{Fault, Memory};

fn directory() -> PathBuf {
    PathBuf::from("/state")
}

fn book(codes: &[(&str, &str)]) -> CodeBook {
    let info = |severity: &str| {
        let [severity, fault, retryable, title, remediation] =
            [severity, "caller", "no", "A title", "Do it."].map(Label::from);
        CodeInfo { category: "token".into(), severity, fault, retryable, title, remediation }
    };
    codes.iter().map(|(code, severity)| (("p".into(), (*code).into()), info(severity))).collect()
}

fn catalogue(sha256: &str) -> CatalogueInfo {
    CatalogueInfo { version: "0".into(), sha256: sha256.into() }
}

fn scraper(n: u8) -> Reader {
    ZeroFirst::Scrapers.reader(true, IpAddr::V4(Ipv4Addr::new(10, 0, 0, n)), "Prometheus/3")
}

/// Something of everything, so many lines of it.
fn delta(source: &str, name: &str, count: u64, at: i64) -> Delta {
    let mut delta = Delta { source: source.into(), foreign: 1, ..Delta::default() };
    delta.counts =
        SourceCounts { lines: count, matched: count, bytes: 10 * count, ..SourceCounts::default() };
    delta.counts.lost[1] = count;
    delta.tenant_refused[2] = 1;
    delta.last_event = Some(Millis(at));
    let seen = Seen { count, first: Some(Millis(at - 5)), last: Some(Millis(at)) };
    let [provider, category, name]: [Label; 3] = ["p", "token", name].map(Label::from);
    delta
        .errors
        .add(ErrorKey { provider: provider.clone(), category: category.clone(), code: name.clone() }, &seen);
    delta.ambiguous.add(AmbiguousKey { provider: "_open".into(), code: name.clone() }, &seen);
    delta.tenants.add(TenantKey { provider, category, tenant: name.clone() }, &seen);
    delta.marks =
        vec![Mark { key: format!("tail/{source}/0").into(), value: Some(Box::from(at.to_le_bytes())) }];
    delta
}

/// A ledger and its store, as the daemon holds them.
struct Life {
    memory: Memory,
    books: Arc<Mutex<Ledger>>,
    queue: Mutex<Queue>,
    committer: Committer,
    now: i64,
}

fn limits() -> Limits {
    Limits { tenants_max: 4, series_max: 8, sources_max: 3 }
}

impl Life {
    fn begin(memory: &Memory) -> Life {
        Life::begin_at(memory, 1_000_000)
    }

    fn begin_at(memory: &Memory, now: i64) -> Life {
        Life::try_begin(memory, now).unwrap()
    }

    fn try_begin(memory: &Memory, now: i64) -> Result<Life, super::StoreError> {
        let mut store = Store::open(memory.files(), &directory())?;
        let book = book(&[("x", "warning"), ("y", "critical")]);
        let ledger = store.ledger(limits(), book, &catalogue("1"), Exposure::default(), Millis(now));
        Ok(Life {
            memory: memory.clone(),
            books: Arc::new(Mutex::new(ledger)),
            queue: Mutex::default(),
            committer: Committer::new(store),
            now,
        })
    }

    fn deliver(&self, delta: Delta) {
        self.queue.lock().unwrap().deliver(delta);
    }

    fn tick(&mut self) -> Outcome {
        self.now += 1_000;
        self.committer.commit(&self.books, &self.queue, Millis(self.now))
    }

    /// One delta, one commit.
    fn count(&mut self, name: &str, count: u64) -> Outcome {
        self.deliver(delta("s", name, count, self.now));
        self.tick()
    }

    fn state(&self) -> Vec<u8> {
        state(&self.books.lock().unwrap())
    }

    fn recovery(&self) -> &Recovery {
        self.committer.store().recovery()
    }

    fn total(&self) -> u64 {
        self.books.lock().unwrap().totals().errors
    }
}

/// What a life leaves in which `x` was counted so often.
fn after_a_life(count: u64) -> Memory {
    let memory = Memory::default();
    let mut life = Life::begin(&memory);
    life.tick();
    life.count("x", count);
    memory
}

fn is_committed(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Committed { .. })
}

/// All that is kept of a ledger.
fn state(ledger: &Ledger) -> Vec<u8> {
    postcard::to_stdvec(&Snapshot::of(ledger)).unwrap()
}

/// What the store holds, before the settings of today.
fn recovered(memory: &Memory) -> (Vec<u8>, Recovery) {
    let store = Store::open(memory.files(), &directory()).unwrap();
    let recovery = store.recovery().clone();
    (store.recovered.as_deref().map(state).unwrap_or_default(), recovery)
}

#[derive(Default, Debug, PartialEq)]
struct Lines(Vec<String>, &'static str);

impl Encoder for Lines {
    fn family(&mut self, head: Head) {
        self.1 = head.name;
    }

    fn sample(&mut self, block: &str, value: Value) {
        self.0.push(format!("{}{block} {value:?}", self.1));
    }

    fn created(&mut self, block: &str, born: Millis) {
        self.0.push(format!("{}_created{block} {born:?}", self.1));
    }
}

/// What everybody is shown, without levels.
fn shown(ledger: &Ledger) -> Vec<Vec<String>> {
    let mut ledger = ledger.clone();
    ledger.forget_levels();
    let readers = [Reader::Truth, scraper(0), scraper(1), scraper(2)];
    let thresholds = readers.iter().map(|reader| ledger.shown_to(reader)).chain([Births::NONE]);
    let lines = |shown| {
        let mut lines = Lines::default();
        ledger.encode(shown, &mut lines);
        lines.0
    };
    thresholds.map(lines).collect()
}

/// The newest generation in it.
fn newest(memory: &Memory) -> PathBuf {
    let name = memory.names().into_iter().filter(|name| name.ends_with(".journal")).max().unwrap();
    Path::new("/state").join(name)
}
