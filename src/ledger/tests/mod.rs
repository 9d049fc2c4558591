//! Exact keys, limits, what starts at zero, and what does not depend on how the input was cut into deltas.

mod brim;
mod hostile;
mod windows;
mod zero_first;

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::{Births, CatalogueInfo, Encoder, Exposure, Head, Ledger, Limits, Preinit, Value, heads};
use crate::event::{
    AmbiguousKey, CodeBook, CodeInfo, Delta, ErrorKey, Label, LossReason, Millis, Seen, SkipReason,
    SourceCounts, TenantKey,
};

/// Sample by family and label block, in the order in which they came.
#[derive(Default)]
struct Samples(Vec<(&'static str, String, Value)>, &'static str);

impl Encoder for Samples {
    fn family(&mut self, head: Head) {
        self.1 = head.name;
    }

    fn sample(&mut self, block: &str, value: Value) {
        self.0.push((self.1, block.to_owned(), value));
    }
}

fn samples(ledger: &Ledger, family: &str) -> Vec<(String, Value)> {
    let mut all = Samples::default();
    ledger.encode(Births::ALL, &mut all);
    all.0.into_iter().filter(|(name, ..)| *name == family).map(|(_, block, value)| (block, value)).collect()
}

fn info(category: &str) -> CodeInfo {
    let [severity, fault, retryable, title, remediation] =
        ["warning", "caller", "no", "A \"title\"", "Do it."].map(Label::from);
    CodeInfo { category: category.into(), severity, fault, retryable, title, remediation }
}

fn book(codes: &[(&str, &str, &str)]) -> CodeBook {
    codes
        .iter()
        .map(|(provider, code, category)| (((*provider).into(), (*code).into()), info(category)))
        .collect()
}

fn catalogue(sha256: &str) -> CatalogueInfo {
    CatalogueInfo { version: "0".into(), sha256: sha256.into() }
}

fn error(provider: &str, category: &str, code: &str) -> ErrorKey {
    ErrorKey { provider: provider.into(), category: category.into(), code: code.into() }
}

fn seen(count: u64) -> Seen {
    Seen { count, first: Some(Millis(1000)), last: Some(Millis(2000)) }
}

fn errors(keys: impl IntoIterator<Item = (ErrorKey, u64)>) -> Delta {
    let mut delta = Delta { source: "s".into(), ..Delta::default() };
    keys.into_iter().for_each(|(key, count)| delta.errors.add(key, &seen(count)));
    delta
}

/// Each tenant once more, in this order.
fn tenants(names: &[&str]) -> Delta {
    let mut delta = Delta { source: "s".into(), ..Delta::default() };
    for name in names {
        let key = TenantKey { provider: "p".into(), category: "c".into(), tenant: (*name).into() };
        delta.tenants.add(key, &Seen::once(None));
    }
    delta
}

fn tenant_counts(ledger: &Ledger) -> BTreeMap<Arc<str>, u64> {
    ledger.tenants().map(|(key, seen)| (key.tenant.clone(), seen.count)).collect()
}

fn limited(tenants_max: usize, series_max: usize) -> Ledger {
    Ledger::new(Limits { tenants_max, series_max, ..Limits::default() }, CodeBook::default())
}

#[test]
fn label_sets_whose_joined_values_are_equal_stay_apart() {
    let mut ledger = limited(10, 100);
    ledger.commit(errors([(error("p", "40", "12"), 1), (error("p", "401", "2"), 10)]));
    let mut delta = Delta { source: "s".into(), ..Delta::default() };
    for (code, tenant, count) in [("40", "12", 1), ("401", "2", 10)] {
        let key = TenantKey { provider: "p".into(), category: code.into(), tenant: tenant.into() };
        delta.tenants.add(key, &seen(count));
        delta.ambiguous.add(AmbiguousKey { provider: code.into(), code: tenant.into() }, &seen(count));
    }
    ledger.commit(delta);
    let counts: Vec<_> = ledger.errors().map(|(key, seen)| (&*key.category, seen.count)).collect();
    assert_eq!(counts, [("40", 1), ("401", 10)]);
    let mut counts: Vec<_> = ledger.tenants().map(|(key, seen)| (&*key.tenant, seen.count)).collect();
    counts.sort_unstable();
    assert_eq!(counts, [("12", 1), ("2", 10)]);
    let counts: Vec<_> = ledger.ambiguous().map(|(key, seen)| (&*key.code, seen.count)).collect();
    assert_eq!(counts, [("12", 1), ("2", 10)]);
}

#[test]
fn strings_with_one_fnv_hash_stay_apart() {
    let (a, b) = ("77kepQFQ8Kl", "!0IC=VloaY");
    let fnv = |text: &str| {
        text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        })
    };
    assert_eq!(fnv(a), fnv(b), "the two are a collision at all");
    let mut ledger = limited(10, 100);
    ledger.commit(errors([(error("p", "c", a), 1), (error("p", "c", b), 10)]));
    ledger.commit(tenants(&[a, b, b]));
    let counts: BTreeMap<_, _> = ledger.errors().map(|(key, seen)| (&*key.code, seen.count)).collect();
    assert_eq!(counts, BTreeMap::from([(a, 1), (b, 10)]));
    assert_eq!(tenant_counts(&ledger), BTreeMap::from([(a.into(), 1), (b.into(), 2)]));
}

#[test]
fn known_pairs_start_at_zero_and_are_no_rows_for_people() {
    let ledger = Ledger::new(
        Limits::default(),
        book(&[("b", "x", "token"), ("a", "y", "token"), ("a", "z", "token")]),
    );
    let zero = |block: &str| (block.to_owned(), Value::Whole(0));
    assert_eq!(
        samples(&ledger, "faultline_errors_total"),
        [
            zero(r#"{provider="a",category="token",code="_other"}"#),
            zero(r#"{provider="b",category="token",code="_other"}"#)
        ]
    );
    assert_eq!(
        samples(&ledger, "faultline_tenant_errors_total"),
        [
            zero(r#"{provider="a",category="token",tenant="-"}"#),
            zero(r#"{provider="b",category="token",tenant="-"}"#)
        ]
    );
    assert_eq!((ledger.errors().count(), ledger.tenants().count()), (0, 0));
}

#[test]
fn a_code_is_described_from_its_first_event_on() {
    let mut ledger = Ledger::new(Limits::default(), book(&[("p", "x", "token"), ("p", "y", "token")]));
    assert_eq!(samples(&ledger, "faultline_code_info"), []);
    ledger.commit(errors([(error("p", "token", "x"), 2), (error("p", "_unknown", "_unknown"), 1)]));
    ledger.commit(errors([(error("p", "token", "x"), 1)]));
    let block = r#"{provider="p",code="x",category="token",severity="warning",fault="caller",retryable="no",title="A \"title\""}"#;
    assert_eq!(samples(&ledger, "faultline_code_info"), [(block.to_owned(), Value::Whole(1))]);
    let times = samples(&ledger, "faultline_error_last_seen_timestamp_seconds");
    assert_eq!(times.len(), 2);
    assert_eq!(times[0], (r#"{provider="p",code="x"}"#.to_owned(), Value::Time(Millis(2000))));
    assert_eq!(
        &*ledger.code_info(&"p".into(), &"x".into()).expect("it is in the book").remediation,
        "Do it."
    );
}

#[test]
fn another_catalogue_brings_its_zeros_and_words_and_takes_no_count_away() {
    let old = book(&[("p", "x", "token"), ("p", "gone", "token")]);
    let mut ledger = Ledger::new(Limits::default(), old).with_catalogue(&catalogue("1"));
    ledger.commit(errors([(error("p", "token", "x"), 2), (error("p", "token", "gone"), 1)]));
    let births = ledger.births();
    ledger.recatalogue(book(&[("p", "x", "service"), ("q", "y", "token")]), &catalogue("2"));
    assert!(ledger.births() > births, "new zeros are born");
    let whole = |block: &str, count| (block.to_owned(), Value::Whole(count));
    assert_eq!(
        samples(&ledger, "faultline_errors_total"),
        [
            whole(r#"{provider="p",category="token",code="_other"}"#, 0),
            whole(r#"{provider="p",category="token",code="x"}"#, 2),
            whole(r#"{provider="p",category="token",code="gone"}"#, 1),
            whole(r#"{provider="p",category="service",code="_other"}"#, 0),
            whole(r#"{provider="q",category="token",code="_other"}"#, 0),
        ]
    );
    assert_eq!(samples(&ledger, "faultline_catalogue_info"), [whole(r#"{version="0",sha256="2"}"#, 1)]);
    assert_eq!(samples(&ledger, "faultline_tenants_affected").len(), 2 * 3);
    let described = || -> Vec<String> {
        samples(&ledger, "faultline_code_info").into_iter().map(|(block, _)| block).collect()
    };
    assert!(described()[0].starts_with(r#"{provider="p",code="x",category="service""#), "{:?}", described());
    assert!(described()[1].starts_with(r#"{provider="p",code="gone",category="token""#), "{:?}", described());
    assert!(ledger.code_info(&"p".into(), &"gone".into()).is_some(), "people read of it too");
    ledger.commit(errors([(error("q", "token", "y"), 1)]));
    assert_eq!(samples(&ledger, "faultline_code_info").len(), 3);
}

#[test]
fn a_code_that_a_later_catalogue_knows_is_described_then() {
    let mut ledger = Ledger::new(Limits::default(), CodeBook::default());
    ledger.commit(errors([(error("p", "c", "x"), 1), (error("p", "c", "y"), 1)]));
    assert_eq!(samples(&ledger, "faultline_code_info"), []);
    ledger.recatalogue(book(&[("p", "y", "c")]), &catalogue("2"));
    assert_eq!(samples(&ledger, "faultline_code_info").len(), 1);
}

#[test]
fn a_lower_limit_takes_no_series_away_and_a_higher_one_gives_room() {
    let mut ledger = limited(3, 100);
    ledger.commit(tenants(&["a", "b"]));
    let limits = |tenants_max| Limits { tenants_max, series_max: 100, ..Limits::default() };
    ledger.relimit(limits(1));
    ledger.commit(tenants(&["a", "b", "c"]));
    let counts = |rows: &[(&str, u64)]| rows.iter().map(|(name, count)| ((*name).into(), *count)).collect();
    assert_eq!(tenant_counts(&ledger), counts(&[("a", 2), ("b", 2), ("_other", 1)]));
    ledger.relimit(limits(3));
    ledger.commit(tenants(&["c", "d"]));
    assert_eq!(tenant_counts(&ledger), counts(&[("a", 2), ("b", 2), ("c", 1), ("_other", 2)]));
}

#[test]
fn critical_codes_start_at_zero_and_with_codes_all_do() {
    let mut codes = book(&[("p", "x", "token"), ("p", "y", "token"), ("q", "z", "service")]);
    codes.get_mut(&("p".into(), "y".into())).expect("it is there").severity = "critical".into();
    let blocks = |preinit| -> Vec<String> {
        let exposure = Exposure { preinit, ..Exposure::default() };
        let ledger = Ledger::exposed(Limits::default(), codes.clone(), exposure);
        assert_eq!(samples(&ledger, "faultline_code_info"), [], "a code is described with its first event");
        samples(&ledger, "faultline_errors_total").into_iter().map(|(block, _)| block).collect()
    };
    let pairs = [
        r#"{provider="p",category="token",code="_other"}"#,
        r#"{provider="q",category="service",code="_other"}"#,
    ];
    let [x, y, z] = [
        r#"{provider="p",category="token",code="x"}"#,
        r#"{provider="p",category="token",code="y"}"#,
        r#"{provider="q",category="service",code="z"}"#,
    ];
    assert_eq!(blocks(Preinit::Categories), [pairs[0], pairs[1], y]);
    assert_eq!(blocks(Preinit::Codes), [pairs[0], pairs[1], x, y, z]);
}

#[test]
fn every_counter_is_hidden_from_those_who_have_seen_nothing_and_no_gauge_is() {
    let mut ledger = Ledger::new(Limits { series_max: 2, ..Limits::default() }, CodeBook::default())
        .with_catalogue(&catalogue("1"));
    let mut delta = errors((0..5).map(|n| (error("p", "c", &n.to_string()), 1)));
    delta.foreign = 1;
    delta.tenant_refused = [1; 5];
    delta.standing.pending_bytes = 1;
    delta.counts =
        SourceCounts { lines: 1, bytes: 2, unmatched: 1, skipped: [1; 4], ..SourceCounts::default() };
    ledger.commit(delta);
    let sum = |shown| {
        let mut all = Samples::default();
        ledger.encode(shown, &mut all);
        let of_kind = |kind| {
            let heads: Vec<_> =
                heads::ALL.into_iter().filter(|head| head.kind == kind).map(|head| head.name).collect();
            let values = all.0.iter().filter(|(name, ..)| heads.contains(name));
            values.map(|(.., value)| if let Value::Whole(count) = value { *count } else { 0 }).sum::<u64>()
        };
        [of_kind(super::Kind::Counter), of_kind(super::Kind::Gauge)]
    };
    let [truth, gauges] = sum(Births::ALL);
    assert!(truth > 15 && gauges > 15);
    assert_eq!(sum(Births::NONE), [0, gauges]);
    assert_eq!(sum(ledger.births()), [truth, gauges]);
}

#[test]
fn a_time_nobody_knows_is_not_exposed() {
    let mut ledger = limited(10, 100);
    let mut delta = errors([]);
    delta.errors.add(error("p", "c", "x"), &Seen::once(None));
    ledger.commit(delta);
    assert_eq!(samples(&ledger, "faultline_error_first_seen_timestamp_seconds"), []);
    assert_eq!(samples(&ledger, "faultline_source_last_event_timestamp_seconds"), []);
}

#[test]
fn the_first_tenants_of_the_input_get_the_room_and_nobody_else_does() {
    let mut ledger = limited(2, 100);
    ledger.commit(tenants(&["-", "z", "b", "a", "b"]));
    ledger.commit(tenants(&["a", "c", "z", "_other"]));
    let expected: BTreeMap<Label, u64> =
        [("-", 1), ("z", 2), ("b", 2), ("_other", 4)].map(|(name, count)| (name.into(), count)).into();
    assert_eq!(tenant_counts(&ledger), expected);
    assert_eq!(ledger.totals().tenants, 2);
    let tenant = |count| [(r#"{label="tenant"}"#.to_owned(), Value::Whole(count))];
    assert_eq!(samples(&ledger, "faultline_label_values"), tenant(2));
    assert_eq!(samples(&ledger, "faultline_label_values_limit"), tenant(2));
    let overflow = samples(&ledger, "faultline_label_overflow_total");
    assert_eq!(
        overflow[2],
        (r#"{metric="faultline_tenant_errors_total",label="tenant"}"#.to_owned(), Value::Whole(4))
    );
}

#[test]
fn codes_beyond_the_series_limit_are_folded_by_provider_and_category() {
    let mut ledger = limited(10, 3);
    ledger.commit(errors(
        (0..20).map(|i| (error("p", if i % 2 == 0 { "even" } else { "odd" }, &format!("{i:02}")), 1)),
    ));
    ledger.commit(errors([(error("p", "even", "00"), 5)]));
    let rows: Vec<_> = ledger.errors().map(|(key, seen)| (&*key.category, &*key.code, seen.count)).collect();
    assert_eq!(
        rows,
        [("even", "00", 6), ("odd", "01", 1), ("even", "02", 1), ("odd", "_other", 9), ("even", "_other", 8)]
    );
    assert_eq!(ledger.totals().errors, 25);
    assert_eq!(samples(&ledger, "faultline_label_overflow_total")[1].1, Value::Whole(17));
    let errors = r#"{metric="faultline_errors_total"}"#.to_owned();
    assert!(samples(&ledger, "faultline_series").contains(&(errors.clone(), Value::Whole(5))));
    assert!(samples(&ledger, "faultline_series_limit").contains(&(errors, Value::Whole(3))));
}

#[test]
fn even_providers_and_categories_without_end_are_bounded() {
    let mut ledger = limited(10, 100);
    ledger.commit(errors((0..5_000).map(|i| (error(&format!("p{i}"), "c", "x"), 1))));
    assert_eq!(samples(&ledger, "faultline_errors_total").len(), 100 + 1_000 + 1);
    assert_eq!(ledger.totals().errors, 5_000);
}

#[test]
fn a_source_is_there_with_all_its_series_before_it_says_anything() {
    let mut ledger = limited(10, 100);
    ledger.open_source("a\nb");
    ledger.set_source_up("a\nb", false);
    let mut all = Samples::default();
    ledger.encode(Births::ALL, &mut all);
    let of_source: Vec<_> =
        all.0.iter().filter(|(_, block, _)| block.starts_with(r#"{source="ab""#)).collect();
    assert_eq!(of_source.len(), 16 + SkipReason::ALL.len() + LossReason::ALL.len());
    assert!(of_source.iter().all(|(_, _, value)| *value == Value::Whole(0)), "{of_source:?}");
}

#[test]
fn sources_beyond_the_limit_share_a_row() {
    let mut ledger = Ledger::new(Limits { sources_max: 2, ..Limits::default() }, CodeBook::default());
    for name in ["a", "b", "c", "d", "a"] {
        let counts = SourceCounts { lines: 1, unmatched: 1, ..SourceCounts::default() };
        ledger.commit(Delta { source: name.into(), counts, ..Delta::default() });
    }
    let rows: Vec<_> = ledger.sources().map(|row| (&**row.name, row.counts.lines)).collect();
    assert_eq!(rows, [("_other", 2), ("a", 2), ("b", 1)]);
    assert_eq!(ledger.totals().counts.lines, 5);
    let of_sources =
        |family| samples(&ledger, family).into_iter().find(|(block, _)| block.contains("lines_total"));
    assert_eq!(of_sources("faultline_series").expect("it is there").1, Value::Whole(3));
    assert_eq!(of_sources("faultline_series_limit").expect("it is there").1, Value::Whole(2));
    assert_eq!(of_sources("faultline_label_overflow_total").expect("it is there").1, Value::Whole(2));
}

#[test]
fn families_come_sorted_and_each_once() {
    let mut ledger =
        Ledger::new(Limits::default(), book(&[("p", "x", "token")])).with_catalogue(&catalogue("1"));
    ledger.open_source("s");
    let mut delta = tenants(&["t"]);
    delta.errors.add(error("p", "token", "x"), &seen(1));
    delta.ambiguous.add(AmbiguousKey { provider: "_open".into(), code: "_open".into() }, &seen(1));
    delta.last_event = Some(Millis(1));
    delta.standing.last_read = Some(Millis(1));
    ledger.tick(Millis(1));
    ledger.commit(delta);
    let mut all = Samples::default();
    ledger.encode(Births::ALL, &mut all);
    let mut names: Vec<_> = all.0.iter().map(|(name, ..)| *name).collect();
    names.dedup();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(names, sorted);
    assert_eq!(names, heads::ALL.map(|head| head.name));
}

proptest! {
    /// Which tenants and series find room is a matter of the input alone, not of where a tick fell.
    #[test]
    fn admission_does_not_depend_on_how_the_input_was_cut(
        steps in proptest::collection::vec(("[pq]", "[a-h-]", any::<bool>()), 1..80),
    ) {
        let (mut whole, mut parts) = (limited(3, 6), limited(3, 6));
        let delta = |steps: &[(String, String, bool)]| {
            let mut delta = Delta { source: "s".into(), ..Delta::default() };
            for (provider, name, _) in steps {
                let (provider, name): (Label, Label) = (provider.as_str().into(), name.as_str().into());
                let key = TenantKey { provider: provider.clone(), category: "c".into(), tenant: name.clone() };
                delta.tenants.add(key, &seen(1));
                delta.errors.add(error(&provider, "c", &name), &seen(1));
                delta.ambiguous.add(AmbiguousKey { provider, code: name }, &seen(1));
            }
            delta
        };
        whole.commit(delta(&steps));
        steps.split_inclusive(|(.., is_cut)| *is_cut).for_each(|part| parts.commit(delta(part)));
        let all = |ledger: &Ledger| {
            let mut all = Samples::default();
            ledger.encode(Births::ALL, &mut all);
            all.0
        };
        prop_assert_eq!(all(&whole), all(&parts));
        let totals = whole.totals();
        prop_assert_eq!([totals.errors, totals.ambiguous], [steps.len() as u64; 2]);
        prop_assert_eq!(whole.tenants().map(|(_, seen)| seen.count).sum::<u64>(), steps.len() as u64);
    }
}
