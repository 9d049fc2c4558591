//! What a scrape says: every label value comes back whole, the sums hold, limits keep totals right. What other
//! parsers say of it is in `formats`, who gets which form in `scraping`.
//!
//! The parser here is stricter than a scraper: it refuses whatever the text format 0.0.4 does not promise.

mod first_zero;
pub(crate) mod formats;
mod scraping;

use std::collections::{BTreeMap, BTreeSet};

use faultline::aggregation::{Limits as TallyLimits, Tally, clean_tenant};
use faultline::event::{
    CodeBook, CodeInfo, Fault, Judgement, Label, Millis, Role, SkipReason, Standing, TenantRefusal, Verdict,
};
use faultline::export::{Format, View, encode_ledger, render};
use faultline::ledger::{CatalogueInfo, Ledger, Limits};
use faultline::telemetry::Telemetry;
use proptest::prelude::*;

/// A sample by metric name and labels.
pub(crate) type Samples = BTreeMap<(String, BTreeMap<String, String>), f64>;

/// Panics with the line on anything that is not as it should be.
pub(crate) fn parse(text: &str) -> Samples {
    assert!(text.ends_with('\n'), "the last line has its end");
    let mut samples = Samples::new();
    let (mut family, mut finished) = (String::new(), BTreeSet::new());
    let mut lines = text.strip_suffix('\n').expect("checked above").split('\n');
    let mut has_samples = true;
    while let Some(line) = lines.next() {
        if let Some(head) = line.strip_prefix("# HELP ") {
            assert!(has_samples, "family {family} has no samples");
            let (name, help) = head.split_once(' ').expect("help has a text");
            assert!(finished.insert(name.to_owned()), "family {name} comes twice");
            assert!(!help.is_empty());
            let kind = lines.next().and_then(|line| line.strip_prefix(&format!("# TYPE {name} ")));
            assert!(matches!(kind, Some("counter" | "gauge")), "{name} is a {kind:?}");
            assert_eq!(kind == Some("counter"), name.ends_with("_total"), "{name}");
            (family, has_samples) = (name.to_owned(), false);
            continue;
        }
        let (name, labels, value) = parse_sample(line);
        assert_eq!(name, family, "a sample outside its family: {line:?}");
        has_samples = true;
        let value = value.parse().unwrap_or_else(|_| panic!("no number in {line:?}"));
        assert!(samples.insert((name, labels), value).is_none(), "a series comes twice: {line:?}");
    }
    samples
}

fn parse_sample(line: &str) -> (String, BTreeMap<String, String>, &str) {
    let name_ends =
        line.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').expect("a sample has a value");
    let (name, mut rest) = line.split_at(name_ends);
    let mut labels = BTreeMap::new();
    if let Some(block) = rest.strip_prefix('{') {
        let mut block = block;
        loop {
            let (label, value_on) = block.split_once("=\"").unwrap_or_else(|| panic!("no label in {line:?}"));
            assert!(is_label_name(label), "label {label:?} in {line:?}");
            let (value, after) = unescape(value_on, line);
            assert!(
                labels.insert(label.to_owned(), value).is_none(),
                "label {label} comes twice in {line:?}"
            );
            match after.split_at(1) {
                (",", more) => block = more,
                ("}", more) => {
                    rest = more;
                    break;
                }
                _ => panic!("what follows a value in {line:?}"),
            }
        }
    }
    (name.to_owned(), labels, rest.strip_prefix(' ').unwrap_or_else(|| panic!("no value in {line:?}")))
}

fn is_label_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// Up to the closing quote, and what follows it.
fn unescape<'a>(text: &'a str, line: &str) -> (String, &'a str) {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((place, c)) = chars.next() {
        match c {
            '"' => return (value, &text[place + 1..]),
            '\\' => value.push(match chars.next() {
                Some((_, '\\')) => '\\',
                Some((_, '"')) => '"',
                Some((_, 'n')) => '\n',
                other => panic!("escape {other:?} in {line:?}"),
            }),
            c => value.push(c),
        }
    }
    panic!("a value without an end in {line:?}")
}

/// The values of one family by one of its labels, added up over the others.
fn by_label(samples: &Samples, family: &str, label: &str) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for ((name, labels), value) in samples {
        if name == family {
            *sums.entry(labels[label].clone()).or_default() += *value as u64;
        }
    }
    sums
}

fn sum(samples: &Samples, family: &str) -> u64 {
    samples.iter().filter(|((name, _), _)| name == family).map(|(_, value)| *value as u64).sum()
}

pub(crate) fn matched(provider: &str, code: &str, tenant: Option<&str>) -> Fault {
    Fault {
        verdict: Verdict::Match,
        provider: Some(provider.into()),
        code: Some(code.into()),
        wire_code: None,
        category: Some("token".into()),
        tenant: tenant.map(Label::from),
        candidates: Vec::new(),
        rule: None,
        evidence: Vec::new(),
        role: Role::Outer,
    }
}

pub(crate) fn judged(fault: Fault) -> Judgement {
    Judgement { faults: vec![fault], tenant_refused: None }
}

fn code_book() -> CodeBook {
    let info = |title: &str| CodeInfo {
        category: "token".into(),
        severity: "warning".into(),
        fault: "caller".into(),
        retryable: "no".into(),
        title: title.into(),
        remediation: "Get a new token.".into(),
    };
    CodeBook::from([
        (("okta".into(), "invalid_token".into()), info("The \"token\" \\ is\ninvalid")),
        (("myinfo".into(), "invalid-dpop-proof".into()), info("Invalid DPoP Proof")),
    ])
}

fn ledger(tenants_max: usize, series_max: usize) -> Ledger {
    Ledger::new(Limits { tenants_max, series_max, ..Limits::default() }, code_book())
}

fn text_of(ledger: &Ledger) -> String {
    let mut text = String::new();
    encode_ledger(ledger, &mut text);
    text
}

/// Every family there is, with values that are hard to write.
fn full_ledger() -> Ledger {
    let info = CatalogueInfo { version: "0.1.0".into(), sha256: "0f".repeat(32).into() };
    let mut ledger = ledger(3, 100).with_catalogue(&info);
    let mut tally = Tally::new(r#"C:\logs\*.log "x""#.into(), TallyLimits::default());
    for tenant in ["a", "b\\", "c\"", "d", "_other", "é"] {
        tally.tally(
            &judged(matched("okta", "invalid_token", Some(tenant))),
            2,
            Some(Millis(1_700_000_000_123)),
        );
    }
    tally.tally(&judged(matched("myinfo", "_unknown", None)), 1, None);
    for (verdict, provider) in
        [(Verdict::Ambiguous, Some("okta")), (Verdict::Ambiguous, None), (Verdict::Foreign, None)]
    {
        let fault =
            Fault { verdict, provider: provider.map(Label::from), code: None, ..matched("", "", None) };
        let judgement = Judgement { faults: vec![fault], tenant_refused: Some(TenantRefusal::Uuid) };
        tally.tally(&judgement, 1, Some(Millis(1_700_000_001_000)));
    }
    tally.unmatched_lines(7);
    tally.undecodable_lines(1);
    tally.oversized_lines(1);
    tally.bytes_read(4096);
    tally.bytes_skipped(SkipReason::Oversized, 100);
    *tally.standing() =
        Standing { pending_bytes: 12, last_read: Some(Millis(1_700_000_002_000)), ..Standing::default() };
    ledger.tick(Millis(1_700_000_000_250));
    ledger.commit(tally.take());
    ledger
}

#[test]
fn a_full_exposition_has_every_family_once_and_reads_back() {
    let samples = parse(&render(&View::whole(Format::Text), &full_ledger(), &Telemetry::of_this_build()));
    let names: BTreeSet<_> = samples.keys().map(|(name, _)| name.as_str()).collect();
    let ours: Vec<_> = names.iter().filter(|name| name.starts_with("faultline_")).copied().collect();
    assert_eq!(
        ours,
        [
            "faultline_ambiguous_lines_total",
            "faultline_ambiguous_total",
            "faultline_build_info",
            "faultline_bytes_total",
            "faultline_catalogue_info",
            "faultline_code_info",
            "faultline_config_last_reload_success_timestamp_seconds",
            "faultline_config_last_reload_successful",
            "faultline_error_first_seen_timestamp_seconds",
            "faultline_error_last_seen_timestamp_seconds",
            "faultline_errors_total",
            "faultline_foreign_lines_total",
            "faultline_foreign_total",
            "faultline_http_accept_failures_total",
            "faultline_http_connections",
            "faultline_http_connections_closed_total",
            "faultline_http_requests_total",
            "faultline_label_overflow_total",
            "faultline_label_values",
            "faultline_label_values_limit",
            "faultline_ledger_commits_total",
            "faultline_ledger_damaged_total",
            "faultline_ledger_errors_total",
            "faultline_ledger_last_commit_timestamp_seconds",
            "faultline_ledger_size_bytes",
            "faultline_ledger_up",
            "faultline_lines_total",
            "faultline_matched_total",
            "faultline_oversized_total",
            "faultline_pending_bytes",
            "faultline_series",
            "faultline_series_limit",
            "faultline_skipped_bytes_total",
            "faultline_source_behind_bytes",
            "faultline_source_files",
            "faultline_source_last_event_timestamp_seconds",
            "faultline_source_last_read_timestamp_seconds",
            "faultline_source_lost_bytes_total",
            "faultline_source_open_files",
            "faultline_source_position_timestamp_seconds",
            "faultline_source_rotations_total",
            "faultline_source_truncations_total",
            "faultline_source_unreadable_files",
            "faultline_source_up",
            "faultline_tenant_errors_total",
            "faultline_tenant_rejected_total",
            "faultline_tenants_active",
            "faultline_tenants_affected",
            "faultline_ticks_total",
            "faultline_undecodable_total",
            "faultline_unmatched_total",
        ]
    );
    let (_, info) = samples.keys().find(|(name, _)| name == "faultline_code_info").expect("a code was seen");
    assert_eq!(info["title"], "The \"token\" \\ isinvalid");
    assert_eq!(
        by_label(&samples, "faultline_lines_total", "source"),
        [(r#"C:\logs\*.log "x""#.to_owned(), 24)].into()
    );
}

#[test]
fn tricks_in_a_tenant_end_up_as_one_plain_label_each() {
    let long = "x".repeat(10_000);
    let tricks: [(&str, &str); 22] = [
        (
            "acme\"} 1\nfaultline_errors_total{code=\"forged\"} 999",
            "acme\"} 1faultline_errors_total{code=\"forged\"} 999",
        ),
        ("a\n# TYPE faultline_errors_total gauge", "a# TYPE faultline_errors_total gauge"),
        ("\\", "\\"),
        ("\\n", "\\n"),
        ("\\\\n", "\\\\n"),
        ("\"", "\""),
        ("\\\"", "\\\""),
        ("{}", "{}"),
        (",=", ",="),
        ("a\0b", "ab"),
        ("\u{1b}[31mred\u{1b}[0m", "[31mred[0m"),
        ("\u{85}\u{9b}x", "x"),
        ("\u{202e}drow", "drow"),
        ("line\u{2028}sep", "linesep"),
        ("\r", "-"),
        ("", "-"),
        ("_other", "__other"),
        ("__other", "___other"),
        ("_unknown", "__unknown"),
        ("é日本\u{1f600}", "é日本\u{1f600}"),
        (" ", " "),
        (&long, &long[..128]),
    ];
    let mut tally = Tally::new("s".into(), TallyLimits::default());
    let mut expected = BTreeMap::<String, u64>::new();
    for (tenant, label) in tricks {
        tally.tally(&judged(matched("okta", "invalid_token", Some(tenant))), 1, None);
        *expected.entry(label.to_owned()).or_default() += 1;
    }
    let mut ledger = Ledger::new(Limits::default(), CodeBook::default());
    ledger.commit(tally.take());
    let samples = parse(&text_of(&ledger));
    assert_eq!(by_label(&samples, "faultline_tenant_errors_total", "tenant"), expected);
    assert_eq!(
        by_label(&samples, "faultline_errors_total", "code"),
        [("invalid_token".to_owned(), 22)].into()
    );
}

/// Numbers that are the same on every machine (xorshift).
fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[test]
fn ten_thousand_random_tenants_make_exactly_their_series() {
    let mut state = 0x9e37_79b9_7f4a_7c15;
    let mut tally = Tally::new("s".into(), TallyLimits::default());
    let mut expected = BTreeMap::<String, u64>::new();
    for _ in 0..10_000 {
        let bytes: Vec<u8> = match random(&mut state) % 3 {
            0 => (0..random(&mut state) % 200).map(|_| random(&mut state) as u8).collect(),
            1 => (0..random(&mut state) % 8)
                .map(|_| b"\"\\\n{},= _#-"[random(&mut state) as usize % 11])
                .collect(),
            _ => (0..random(&mut state) % 40).map(|_| 0x20 + (random(&mut state) % 0x5f) as u8).collect(),
        };
        let tenant = String::from_utf8_lossy(&bytes);
        tally.tally(&judged(matched("okta", "invalid_token", Some(&tenant))), 1, None);
        *expected.entry(clean_tenant(&tenant).to_string()).or_default() += 1;
    }
    assert!(expected.len() > 6_000, "most of {} are distinct", expected.len());
    let mut ledger = ledger(20_000, 20_000);
    ledger.commit(tally.take());
    let samples = parse(&text_of(&ledger));
    // The code book's other provider has its zero under the tenant that nobody named.
    let mut counted = by_label(&samples, "faultline_tenant_errors_total", "tenant");
    counted.retain(|_, count| *count > 0);
    assert_eq!(counted, expected);
    let series = samples.keys().filter(|(name, _)| name == "faultline_tenant_errors_total").count();
    assert_eq!(series, expected.len() + 1);
}

#[test]
fn tenants_and_codes_over_the_limits_are_in_other_and_no_count_is_lost() {
    let mut ledger = ledger(5, 20);
    let mut tally = Tally::new("s".into(), TallyLimits { tenants_max: 40, ..TallyLimits::default() });
    for i in 0..1_000 {
        let (code, tenant) = (format!("c{}", i % 50), format!("t{}", i % 100));
        tally.tally(&judged(matched("okta", &code, Some(&tenant))), 1, None);
        if i % 70 == 0 {
            ledger.commit(tally.take());
        }
    }
    ledger.commit(tally.take());
    let samples = parse(&text_of(&ledger));
    let tenants = by_label(&samples, "faultline_tenant_errors_total", "tenant");
    let names: Vec<_> = tenants.keys().map(String::as_str).collect();
    assert_eq!(names, ["-", "_other", "t0", "t1", "t2", "t3", "t4"]);
    let codes = by_label(&samples, "faultline_errors_total", "code");
    assert_eq!(codes.len(), 19, "20 series, of which two providers have their _other: {codes:?}");
    assert_eq!([tenants.values().sum::<u64>(), codes.values().sum::<u64>()], [1_000, 1_000]);
    let overflow = by_label(&samples, "faultline_label_overflow_total", "label");
    assert_eq!((overflow["tenant"], overflow["code"]), (tenants["_other"], codes["_other"]));
}

/// What a source did: read bytes, of which some were skipped and some wait; finish records.
#[derive(Debug, Clone)]
struct Step {
    source: usize,
    consumed: u64,
    skipped: u64,
    pending: u64,
    verdicts: Vec<Verdict>,
    lines_of_record: u64,
    unmatched: u64,
    undecodable: u64,
    is_tick: bool,
}

fn step() -> impl Strategy<Value = Step> {
    let verdict = prop_oneof![Just(Verdict::Match), Just(Verdict::Ambiguous), Just(Verdict::Foreign)];
    let bytes = (0..9u64, 0..9u64, 0..9u64);
    let lines = (proptest::collection::vec(verdict, 0..4), 1..4u64, 0..9u64, 0..2u64);
    (0..2usize, bytes, lines, any::<bool>()).prop_map(
        |(
            source,
            (consumed, skipped, pending),
            (verdicts, lines_of_record, unmatched, undecodable),
            is_tick,
        )| Step {
            source,
            consumed,
            skipped,
            pending,
            verdicts,
            lines_of_record,
            unmatched,
            undecodable,
            is_tick,
        },
    )
}

proptest! {
    #[test]
    fn lines_and_bytes_add_up_in_every_scrape(steps in proptest::collection::vec(step(), 1..60)) {
        let mut ledger = ledger(1_000, 1_000);
        let mut tallies = ["a", "b"].map(|source| Tally::new(source.into(), TallyLimits::default()));
        // Of each source: bytes consumed so far, and what of that is committed.
        let (mut consumed, mut committed) = ([0; 2], [0; 2]);
        for step in &steps {
            let tally = &mut tallies[step.source];
            // What is pending is counted when it is consumed.
            tally.bytes_read(step.consumed + step.skipped);
            consumed[step.source] += step.consumed;
            tally.bytes_skipped(SkipReason::Oversized, step.skipped);
            tally.standing().pending_bytes = step.pending;
            let faults = step.verdicts.iter().map(|verdict| Fault { verdict: *verdict, ..matched("okta", "x", None) });
            tally.tally(&Judgement { faults: faults.collect(), tenant_refused: None }, step.lines_of_record, None);
            tally.unmatched_lines(step.unmatched);
            tally.undecodable_lines(step.undecodable);
            if step.is_tick {
                ledger.commit(tally.take());
                committed[step.source] = consumed[step.source];
            }
            check_sums(&parse(&text_of(&ledger)), committed)?;
        }
        tallies.into_iter().for_each(|mut tally| ledger.commit(tally.take()));
        let samples = parse(&text_of(&ledger));
        check_sums(&samples, consumed)?;
        let expected: u64 = steps.iter().map(|s| s.lines_of_record + s.unmatched + s.undecodable).sum();
        prop_assert_eq!(sum(&samples, "faultline_lines_total"), expected);
        let verdicts = |verdict| steps.iter().flat_map(|s| &s.verdicts).filter(|v| **v == verdict).count() as u64;
        prop_assert_eq!(sum(&samples, "faultline_errors_total"), verdicts(Verdict::Match));
        prop_assert_eq!(sum(&samples, "faultline_tenant_errors_total"), verdicts(Verdict::Match));
        prop_assert_eq!(sum(&samples, "faultline_ambiguous_total"), verdicts(Verdict::Ambiguous));
        prop_assert_eq!(sum(&samples, "faultline_foreign_total"), verdicts(Verdict::Foreign));
    }
}

fn check_sums(samples: &Samples, consumed: [u64; 2]) -> Result<(), TestCaseError> {
    for (source, consumed) in ["a", "b"].into_iter().zip(consumed) {
        let of = |metric: &str| {
            by_label(samples, &format!("faultline_{metric}"), "source")
                .get(source)
                .copied()
                .unwrap_or_default()
        };
        let outcomes = ["matched", "ambiguous_lines", "foreign_lines", "undecodable", "unmatched"];
        let outcomes: u64 = outcomes.iter().map(|outcome| of(&format!("{outcome}_total"))).sum();
        prop_assert_eq!(of("lines_total"), outcomes);
        prop_assert_eq!(of("bytes_total"), consumed + of("skipped_bytes_total"));
    }
    Ok(())
}
