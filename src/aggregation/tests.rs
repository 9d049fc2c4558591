//! The tally against a plain count, its bounds, and deltas that add up in any order.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{Limits, Tally};
use crate::event::{
    AmbiguousKey, Counts, Delta, ErrorKey, Fault, Judgement, Label, Millis, Role, SkipReason, TenantKey,
    TenantRefusal, Verdict,
};

fn fault(verdict: Verdict, provider: Option<&str>, code: Option<&str>, tenant: Option<&str>) -> Fault {
    Fault {
        verdict,
        provider: provider.map(Label::from),
        code: code.map(Label::from),
        wire_code: None,
        category: provider.map(|_| "token".into()),
        tenant: tenant.map(Label::from),
        candidates: Vec::new(),
        rule: None,
        evidence: Vec::new(),
        role: Role::Outer,
    }
}

fn matched(code: &str, tenant: &str) -> Fault {
    fault(Verdict::Match, Some("okta"), Some(code), Some(tenant))
}

fn judged(faults: Vec<Fault>) -> Judgement {
    Judgement { faults, tenant_refused: None }
}

fn tally() -> Tally {
    Tally::new("s".into(), Limits::default())
}

fn sum<K>(counts: &Counts<K>) -> u64 {
    counts.iter().map(|(_, seen)| seen.count).sum()
}

fn tenants(delta: &Delta) -> BTreeMap<&str, u64> {
    delta.tenants.iter().map(|(key, seen)| (&*key.tenant, seen.count)).collect()
}

#[test]
fn a_record_counts_once_at_its_first_line_under_its_best_outcome() {
    let open = || fault(Verdict::Ambiguous, None, None, None);
    let foreign = || fault(Verdict::Foreign, None, None, None);
    for (faults, outcome) in [
        (vec![foreign(), open(), matched("a", "t"), matched("b", "t")], [1, 0, 0, 2]),
        (vec![foreign(), open()], [0, 1, 0, 2]),
        (vec![foreign()], [0, 0, 1, 2]),
        (vec![], [0, 0, 0, 3]),
    ] {
        let mut tally = tally();
        tally.tally(&judged(faults), 3, None);
        let counts = tally.take().counts;
        assert_eq!(counts.lines, 3);
        assert_eq!([counts.matched, counts.ambiguous_lines, counts.foreign_lines, counts.unmatched], outcome);
    }
}

#[test]
fn every_verdict_of_a_record_counts_though_its_lines_were_counted_before() {
    let mut tally = tally();
    let foreign = fault(Verdict::Foreign, None, None, None);
    tally.tally(&judged(vec![matched("a", "t"), matched("b", "t"), foreign.clone(), foreign]), 0, None);
    let delta = tally.take();
    assert_eq!(delta.counts, Default::default());
    assert_eq!((delta.errors.len(), delta.foreign, tenants(&delta)), (2, 2, BTreeMap::from([("t", 2)])));
}

#[test]
fn a_match_that_settles_no_code_is_ambiguous_and_its_open_parts_are_named_so() {
    let mut tally = tally();
    tally.tally(&judged(vec![fault(Verdict::Match, Some("okta"), None, None)]), 1, None);
    tally.tally(&judged(vec![fault(Verdict::Ambiguous, None, Some("invalid_grant"), None)]), 1, None);
    let delta = tally.take();
    let mut keys: Vec<_> = delta.ambiguous.iter().map(|(key, _)| (&*key.provider, &*key.code)).collect();
    keys.sort_unstable();
    assert_eq!(keys, [("_open", "invalid_grant"), ("okta", "_open")]);
    assert_eq!((delta.errors.len(), delta.counts.matched, delta.counts.ambiguous_lines), (0, 0, 2));
}

#[test]
fn tenants_beyond_the_limit_of_a_delta_are_folded_and_those_known_go_on() {
    let mut tally = Tally::new("s".into(), Limits { tenants_max: 2, ..Limits::default() });
    for tenant in ["b", "", "a", "c", "b", "_other", "d"] {
        tally.tally(&judged(vec![matched("x", tenant)]), 1, None);
    }
    let delta = tally.take();
    assert_eq!(tenants(&delta), BTreeMap::from([("-", 1), ("_other", 3), ("a", 1), ("b", 2)]));
    let order: Vec<_> = delta.tenants.iter().map(|(key, _)| &*key.tenant).collect();
    assert_eq!(order, ["b", "-", "a", "_other"], "in the order of the source");
    tally.tally(&judged(vec![matched("x", "d")]), 1, None);
    assert_eq!(tenants(&tally.take()), BTreeMap::from([("d", 1)]), "the next delta has its own room");
}

#[test]
fn no_table_of_a_delta_grows_beyond_its_rows_by_more_than_the_folded_one() {
    let mut tally = Tally::new("s".into(), Limits { tenants_max: 100, rows_max: 3 });
    for i in 0..10 {
        let (code, tenant) = (format!("c{i}"), format!("t{i}"));
        let open = fault(Verdict::Ambiguous, Some("okta"), Some(&code), None);
        tally.tally(&judged(vec![matched(&code, &tenant), open]), 1, None);
    }
    let delta = tally.take();
    assert_eq!([delta.errors.len(), delta.tenants.len(), delta.ambiguous.len()], [4, 4, 4]);
    assert_eq!(sum(&delta.errors), 10);
    assert_eq!(sum(&delta.tenants), 10);
    assert_eq!(sum(&delta.ambiguous), 10);
}

#[test]
fn tenants_without_a_row_are_still_seen() {
    let mut tally = Tally::new("s".into(), Limits { tenants_max: 2, ..Limits::default() });
    let at = |second: i64| Some(Millis(second * 1_000));
    let open = |tenant| fault(Verdict::Ambiguous, None, Some("x"), tenant);
    let foreign = |tenant| fault(Verdict::Foreign, None, None, tenant);
    for (fault, second) in [
        (matched("a", "m1"), 1),
        (matched("a", "m2"), 1),
        (matched("a", "m3"), 2),
        (matched("a", "m4"), 3),
        (matched("a", "-"), 9),
        (open(Some("o1")), 4),
        (open(Some("_other")), 5),
        (foreign(Some("o1")), 6),
        (foreign(Some("o1")), 3),
        (foreign(Some("o2")), 7),
        (foreign(None), 9),
        (open(Some("\u{0}")), 9),
    ] {
        tally.tally(&judged(vec![fault]), 1, at(second));
    }
    tally.tally(&judged(vec![open(Some("timeless")), matched("a", "timeless")]), 1, None);
    let delta = tally.take();
    let unmatched: BTreeMap<_, _> = delta.tenants_unmatched.iter().map(|(t, at)| (&**t, at.0)).collect();
    assert_eq!(unmatched, [("o1", 6_000), ("__other", 5_000)].into());
    let folded: BTreeMap<_, _> = delta
        .tenants_folded
        .iter()
        .map(|(provider, sketch)| (&**provider, (sketch.estimate(Millis(0)), sketch.estimate(Millis(2_000)))))
        .collect();
    assert_eq!(folded, [("okta", (2, 1)), ("_open", (1, 1))].into());
    assert!(tally.take().tenants_folded.is_empty());
}

#[test]
fn providers_without_end_get_no_sketch_each() {
    let mut tally = Tally::new("s".into(), Limits { tenants_max: 0, ..Limits::default() });
    for n in 0..100 {
        let fault = fault(Verdict::Match, Some(&format!("p{n}")), Some("x"), Some(&format!("t{n}")));
        tally.tally(&judged(vec![fault]), 1, Some(Millis(1_000)));
    }
    let folded = tally.take().tenants_folded;
    assert_eq!(folded.len(), 33);
    assert!(folded["_open"].estimate(Millis(0)).abs_diff(68) < 4, "{folded:?}");
}

#[test]
fn a_tenant_named_like_our_own_overflow_keeps_a_row_of_its_own() {
    let mut tally = Tally::new("s".into(), Limits { tenants_max: 1, ..Limits::default() });
    for tenant in ["_other", "x", "_other", "_oth\u{0}er"] {
        tally.tally(&judged(vec![matched("c", tenant)]), 1, None);
    }
    assert_eq!(tenants(&tally.take()), BTreeMap::from([("__other", 3), ("_other", 1)]));
}

#[test]
fn the_unknown_code_keeps_its_name_and_forged_names_do_not() {
    let mut tally = tally();
    for code in ["_unknown", "_other", "_unknown", "a\nb"] {
        tally.tally(&judged(vec![matched(code, "t")]), 1, None);
    }
    let delta = tally.take();
    let codes: BTreeMap<_, _> = delta.errors.iter().map(|(key, seen)| (&*key.code, seen.count)).collect();
    assert_eq!(codes, BTreeMap::from([("__other", 1), ("_unknown", 2), ("ab", 1)]));
}

#[test]
fn times_widen_and_only_records_with_an_error_are_events() {
    let mut tally = tally();
    for at in [Some(Millis(5)), None, Some(Millis(2)), Some(Millis(9))] {
        tally.tally(&judged(vec![matched("x", "t")]), 1, at);
    }
    tally.tally(&judged(vec![]), 1, Some(Millis(100)));
    let delta = tally.take();
    let seen = delta.errors.iter().next().expect("one code was counted").1;
    assert_eq!((seen.count, seen.first, seen.last), (4, Some(Millis(2)), Some(Millis(9))));
    assert_eq!(delta.last_event, Some(Millis(9)));
}

#[test]
fn a_take_leaves_nothing_but_the_source_and_how_it_stands() {
    let mut tally = tally();
    tally.tally(
        &Judgement { faults: vec![matched("x", "t")], tenant_refused: Some(TenantRefusal::Email) },
        1,
        None,
    );
    tally.bytes_read(10);
    tally.standing().pending_bytes = 4;
    assert_eq!(tally.take().tenant_refused, [0, 0, 1, 0, 0]);
    let next = tally.take();
    assert_eq!((&*next.source, next.standing.pending_bytes), ("s", 4));
    assert_eq!((next.counts, next.tenant_refused), Default::default());
    assert!(next.errors.is_empty() && next.tenants.is_empty());
}

/// What a tally may be told, in the order of the source.
#[derive(Debug, Clone)]
enum Step {
    Record(Judgement, u64, Option<Millis>),
    Unmatched(u64),
    Undecodable(u64),
    Skipped(SkipReason, u64),
}

fn step() -> impl Strategy<Value = Step> {
    let name = "(a|ab|b|_other|_unknown|\u{e9}|4|40|401|12|2)";
    let verdict = prop_oneof![Just(Verdict::Match), Just(Verdict::Ambiguous), Just(Verdict::Foreign)];
    let fault = (verdict, proptest::option::of(name), proptest::option::of(name), proptest::option::of(name))
        .prop_map(|(verdict, provider, code, tenant)| {
            fault(verdict, provider.as_deref(), code.as_deref(), tenant.as_deref())
        });
    let refusal = proptest::option::of(proptest::sample::select(TenantRefusal::ALL.as_slice()));
    let judgement = (proptest::collection::vec(fault, 0..4), refusal)
        .prop_map(|(faults, tenant_refused)| Judgement { faults, tenant_refused });
    prop_oneof![
        4 => (judgement, 0..4u64, proptest::option::of((0..50i64).prop_map(Millis)))
            .prop_map(|(judgement, lines, at)| Step::Record(judgement, lines, at)),
        1 => (0..5u64).prop_map(Step::Unmatched),
        1 => (0..5u64).prop_map(Step::Undecodable),
        1 => (proptest::sample::select(SkipReason::ALL.as_slice()), 0..5u64).prop_map(|(r, n)| Step::Skipped(r, n)),
    ]
}

fn count(tally: &mut Tally, step: &Step) {
    match step {
        Step::Record(judgement, lines, at) => tally.tally(judgement, *lines, *at),
        Step::Unmatched(lines) => tally.unmatched_lines(*lines),
        Step::Undecodable(lines) => tally.undecodable_lines(*lines),
        Step::Skipped(reason, bytes) => {
            tally.bytes_read(*bytes);
            tally.bytes_skipped(*reason, *bytes);
        }
    }
}

/// All of a delta that does not depend on an order.
fn totals(delta: &Delta) -> impl PartialEq + std::fmt::Debug + use<> {
    let sorted = |delta: &Delta| {
        let errors: BTreeMap<ErrorKey, _> = delta.errors.clone().into_iter().collect();
        let tenants: BTreeMap<TenantKey, _> = delta.tenants.clone().into_iter().collect();
        let ambiguous: BTreeMap<AmbiguousKey, _> = delta.ambiguous.clone().into_iter().collect();
        (errors, tenants, ambiguous)
    };
    (sorted(delta), delta.counts.clone(), delta.foreign, delta.tenant_refused, delta.last_event)
}

proptest! {
    #[test]
    fn deltas_add_up_to_the_same_totals_in_any_order(
        steps in proptest::collection::vec((step(), any::<bool>(), any::<u32>()), 0..60),
    ) {
        let (mut whole, mut parts) = (tally(), tally());
        let mut deltas = Vec::new();
        for (step, is_cut, place) in &steps {
            count(&mut whole, step);
            count(&mut parts, step);
            if *is_cut {
                deltas.push((*place, parts.take()));
            }
        }
        deltas.push((0, parts.take()));
        deltas.sort_by_key(|(place, _)| *place);
        let mut sum = Delta::default();
        deltas.into_iter().for_each(|(_, delta)| sum.merge(delta));
        prop_assert_eq!(totals(&sum), totals(&whole.take()));
    }

    #[test]
    fn deltas_merged_in_the_order_of_the_source_keep_its_order_of_rows(
        names in proptest::collection::vec(("[a-f]", any::<bool>()), 0..40),
    ) {
        let (mut whole, mut parts, mut sum) = (tally(), tally(), Delta::default());
        for (name, is_cut) in &names {
            for tally in [&mut whole, &mut parts] {
                tally.tally(&judged(vec![matched("x", name)]), 1, None);
            }
            if *is_cut {
                sum.merge(parts.take());
            }
        }
        sum.merge(parts.take());
        prop_assert!(sum.tenants.iter().eq(whole.take().tenants.iter()));
    }

    /// The lookup by borrowed text must find exactly what a lookup by owned labels would.
    #[test]
    fn rows_are_found_again_by_borrowed_text(
        keys in proptest::collection::vec(("[a-c]{1,2}", "[a-c]{1,2}", "[a-c]{1,2}"), 0..60),
    ) {
        let (mut tally, mut expected) = (tally(), BTreeMap::<_, u64>::new());
        for (provider, code, tenant) in &keys {
            let fault = fault(Verdict::Match, Some(provider), Some(code), Some(tenant));
            tally.tally(&judged(vec![fault]), 1, None);
            *expected.entry((provider.as_str(), code.as_str())).or_default() += 1;
        }
        let delta = tally.take();
        let counted: BTreeMap<_, _> =
            delta.errors.iter().map(|(key, seen)| ((&*key.provider, &*key.code), seen.count)).collect();
        prop_assert_eq!(counted, expected);
        prop_assert_eq!(sum(&delta.tenants), keys.len() as u64);
    }
}
