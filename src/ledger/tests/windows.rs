//! Tenants of late: exact while they are few, near the truth when they are many, sliding, bounded.

use std::collections::{BTreeSet, HashMap};

use proptest::prelude::*;

use super::{book, samples};
use crate::event::{Delta, Label, Millis, Seen, Sketch, TenantKey};
use crate::ledger::recent::{NAMES_MAX, PROVIDERS_MAX, Recent};
use crate::ledger::{Ledger, Limits, Value};

const START: i64 = 1_700_000_000_000;

fn at(seconds: i64) -> Millis {
    Millis(START + seconds * 1_000)
}

fn seen_at(seconds: i64) -> Seen {
    Seen::once(Some(at(seconds)))
}

fn delta(matched: &[(&str, &str, i64)]) -> Delta {
    let mut delta = Delta { source: "s".into(), ..Delta::default() };
    for (provider, tenant, seconds) in matched {
        let key = TenantKey { provider: (*provider).into(), category: "c".into(), tenant: (*tenant).into() };
        delta.tenants.add(key, &seen_at(*seconds));
    }
    delta
}

/// `affected` by provider and window, `active` under the empty name.
fn windows(ledger: &Ledger) -> HashMap<(String, String), u64> {
    let mut counts = HashMap::new();
    for family in ["faultline_tenants_affected", "faultline_tenants_active"] {
        for (block, value) in samples(ledger, family) {
            let mut texts = block.split('"').skip(1).step_by(2).map(str::to_owned);
            let (first, second) = (texts.next().expect("a window at least"), texts.next());
            let key = second.map_or((String::new(), first.clone()), |window| (first, window));
            let Value::Whole(count) = value else { panic!("{value:?}") };
            assert!(counts.insert(key, count).is_none());
        }
    }
    counts
}

fn of(ledger: &Ledger, provider: &str) -> [u64; 3] {
    let counts = windows(ledger);
    ["5m", "1h", "24h"].map(|window| counts[&(provider.to_owned(), window.to_owned())])
}

#[test]
fn known_providers_are_there_at_zero_and_named_tenants_of_any_verdict_are_active() {
    let mut ledger = Ledger::new(Limits::default(), book(&[("p", "x", "c"), ("q", "y", "c")]));
    assert_eq!([of(&ledger, "p"), of(&ledger, "q"), of(&ledger, "")], [[0; 3]; 3]);
    ledger.tick(at(100));
    let mut first = delta(&[("p", "a", 90), ("p", "b", 91), ("p", "a", 99), ("q", "a", 99), ("p", "-", 99)]);
    first.tenants_unmatched.insert("z".into(), at(99));
    first.tenants_unmatched.insert("a".into(), at(98));
    ledger.commit(first);
    assert_eq!([of(&ledger, "p"), of(&ledger, "q"), of(&ledger, "")], [[2; 3], [1; 3], [3; 3]]);
}

#[test]
fn windows_slide_with_the_tick() {
    let mut ledger = Ledger::new(Limits::default(), book(&[("p", "x", "c")]));
    ledger.tick(at(100));
    ledger.commit(delta(&[("p", "a", 10), ("p", "b", 100)]));
    for (now, counts) in
        [(309, [2, 2, 2]), (310, [1, 2, 2]), (400, [0, 2, 2]), (3_610, [0, 1, 2]), (86_500, [0; 3])]
    {
        ledger.tick(at(now));
        assert_eq!(of(&ledger, "p"), counts, "at {now}");
    }
    ledger.commit(delta(&[("p", "a", 86_500)]));
    assert_eq!(of(&ledger, "p"), [1; 3]);
}

#[test]
fn nothing_was_seen_in_the_future_even_when_the_clock_steps_back() {
    let mut ledger = Ledger::new(Limits::default(), book(&[("p", "x", "c")]));
    ledger.tick(at(1_000_000));
    ledger.commit(delta(&[("p", "a", 1_000_000), ("p", "b", 9_000_000)]));
    ledger.tick(at(100));
    assert_eq!(of(&ledger, "p"), [2; 3]);
    ledger.tick(at(400));
    assert_eq!(of(&ledger, "p"), [0, 2, 2]);
}

#[test]
fn without_a_tick_the_latest_record_says_what_time_it_is() {
    let mut ledger = Ledger::new(Limits::default(), book(&[]));
    ledger.commit(delta(&[("p", "a", 0), ("p", "b", 4_000), ("p", "c", 4_010)]));
    assert_eq!(of(&ledger, "p"), [2, 2, 3]);
}

#[test]
fn many_tenants_are_exact_where_they_can_be_and_near_the_truth_elsewhere() {
    let mut recent = Recent::default();
    let name = |n: i64| Label::from(format!("tenant-{n}"));
    for n in 0..NAMES_MAX as i64 {
        recent.note(&name(n), at(n));
    }
    assert_eq!(recent.since(at(-1)), NAMES_MAX as u64, "up to the limit nobody leaves");
    for n in NAMES_MAX as i64..50_000 {
        recent.note(&name(n), at(n));
    }
    for last in [1, 500, 2_000, 3_000] {
        assert_eq!(recent.since(at(49_999 - last)), last as u64, "the last {last} have names");
    }
    for last in [4_500, 10_000, 20_000, 50_000] {
        let estimate = recent.since(at(49_999 - last)) as f64;
        assert!((estimate / last as f64 - 1.0).abs() < 0.05, "{estimate} for {last}");
    }
}

#[test]
fn tenants_without_a_name_in_the_delta_count_as_well() {
    let mut ledger = Ledger::new(Limits::default(), book(&[("p", "x", "c")]));
    ledger.tick(at(100));
    let mut first = delta(&[("p", "a", 100)]);
    let sketch = |names: std::ops::Range<u32>| {
        let mut sketch = Sketch::default();
        names.for_each(|n| sketch.note(&n.to_string(), at(100)));
        sketch
    };
    first.tenants_folded.insert("p".into(), sketch(0..6_000));
    first.tenants_folded.insert("_open".into(), sketch(3_000..9_000));
    ledger.commit(first);
    let near = |counts: [u64; 3], real: f64| {
        assert!(
            counts.iter().all(|count| (*count as f64 / real - 1.0).abs() < 0.05),
            "{counts:?} for {real}"
        );
    };
    near(of(&ledger, "p"), 6_001.0);
    near(of(&ledger, ""), 9_001.0);
    ledger.tick(at(401));
    assert_eq!([of(&ledger, "p")[0], of(&ledger, "")[0]], [0; 2]);
    ledger.commit(delta(&[("p", "a", 401), ("p", "b", 401)]));
    assert_eq!(of(&ledger, "p")[0], 2, "a window after the crowd is exact again");
}

#[test]
fn providers_without_end_share_the_windows_of_other() {
    let mut ledger = Ledger::new(Limits::default(), book(&[]));
    for n in 0..200 {
        ledger.commit(delta(&[(&format!("p{n}"), &format!("t{n}"), 0)]));
    }
    let counts = windows(&ledger);
    assert_eq!(counts.len(), (PROVIDERS_MAX + 1 + 1) * 3);
    assert_eq!(of(&ledger, "_other"), [200 - PROVIDERS_MAX as u64; 3]);
    assert_eq!(of(&ledger, ""), [200; 3]);
}

#[test]
fn memory_does_not_grow_with_the_number_of_tenants() {
    let mut recent = Recent::default();
    for n in 0..100_000_i64 {
        recent.note(&n.to_string().into(), at(n % 7));
        assert!(recent.names() <= NAMES_MAX);
    }
    assert_eq!(Sketch::BYTES, 320 << 10);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever comes in whatever order: below the limit the answer is that of a list.
    #[test]
    fn few_tenants_are_counted_exactly(
        notes in proptest::collection::vec((0..300_u32, 0..5_000_i64), 1..600), after in 0..5_000_i64,
    ) {
        let mut recent = Recent::default();
        notes.iter().for_each(|(tenant, second)| recent.note(&tenant.to_string().into(), at(*second)));
        let real: BTreeSet<u32> = notes.iter().filter(|(_, s)| *s > after).map(|(tenant, _)| *tenant).collect();
        prop_assert_eq!(recent.since(at(after)), real.len() as u64);
    }
}
