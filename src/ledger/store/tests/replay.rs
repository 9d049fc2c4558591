//! The same snapshot and the same records give the same ledger, at whatever point a life ends.

use proptest::prelude::*;

use super::*;
use crate::event::TenantRefusal;

#[derive(Debug, Clone)]
enum Step {
    Deliver { source: u8, name: u8, count: u64 },
    Unmark { source: u8 },
    Fetch { reader: u8 },
    Tick { after: i64 },
    Reload { rules: u8 },
    Relimit { tenants_max: usize },
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..5_u8, 0..12_u8, 0..5_u64)
            .prop_map(|(source, name, count)| Step::Deliver { source, name, count }),
        1 => (0..5_u8).prop_map(|source| Step::Unmark { source }),
        3 => (0..3_u8).prop_map(|reader| Step::Fetch { reader }),
        6 => prop_oneof![4 => Just(1_000_i64), 1 => Just(0), 1 => Just(400_000), 1 => Just(-30_000)]
            .prop_map(|after| Step::Tick { after }),
        1 => (0..3_u8).prop_map(|rules| Step::Reload { rules }),
        1 => (0..8_usize).prop_map(|tenants_max| Step::Relimit { tenants_max }),
        2 => Just(Step::Crash),
    ]
}

fn rules(rules: u8) -> CodeBook {
    let mut book = match rules {
        0 => book(&[("x", "warning"), ("y", "critical")]),
        1 => book(&[("n1", "warning"), ("n2", "critical"), ("n3", "info")]),
        _ => book(&[("y", "warning"), ("n1", "critical")]),
    };
    book.iter_mut().for_each(|(_, info)| info.title = format!("rules {rules}").into());
    book
}

fn live(steps: Vec<Step>) {
    let memory = Memory::default();
    let mut life = Life::begin(&memory);
    life.tick();
    let mut committed = life.books.lock().unwrap().clone();
    for step in steps {
        match step {
            Step::Deliver { source, name, count } => {
                let mut delta = delta(&format!("s{source}"), &format!("n{name}"), count, life.now);
                delta.tenant_refused = [1; TenantRefusal::ALL.len()];
                if name == 11 {
                    delta
                        .tenants_folded
                        .entry(format!("q{source}").into())
                        .or_default()
                        .note("t", Millis(life.now));
                }
                life.deliver(delta);
            }
            Step::Unmark { source } => {
                let mark = Mark { key: format!("tail/s{source}/0").into(), value: None };
                life.deliver(Delta { source: "s".into(), marks: vec![mark], ..Delta::default() });
            }
            Step::Fetch { reader } => {
                let births = life.books.lock().unwrap().births();
                life.queue.lock().unwrap().answered(scraper(reader), births);
            }
            Step::Tick { after } => {
                life.now += after - 1_000;
                if is_committed(&life.tick()) {
                    committed = life.books.lock().unwrap().clone();
                }
            }
            Step::Reload { rules: n } => {
                life.books.lock().unwrap().recatalogue(rules(n), &catalogue(&n.to_string()));
            }
            Step::Relimit { tenants_max } => {
                life.books.lock().unwrap().relimit(Limits { tenants_max, ..limits() });
            }
            Step::Crash => {
                let (now, memory) = (life.now, life.memory.clone());
                drop(life);
                let mut found = Store::open(memory.files(), &directory()).unwrap().recovered.unwrap();
                assert_eq!(state(&found), state(&committed));
                found.catalogue_block = committed.catalogue_block.clone();
                assert_eq!(shown(&found), shown(&committed));
                life = Life::begin_at(&memory, now);
                assert_eq!(life.recovery().damage, Vec::<String>::new());
                let before = committed.totals();
                assert_eq!(life.books.lock().unwrap().totals(), before);
                life.tick();
                committed = life.books.lock().unwrap().clone();
            }
        }
    }
    let memory = life.memory.clone();
    drop(life);
    assert_eq!(recovered(&memory).0, state(&committed));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn a_recovered_ledger_is_the_one_that_was_committed(steps in proptest::collection::vec(step(), 1..60)) {
        live(steps);
    }
}

#[test]
fn the_settings_of_today_hold_after_a_recovery() {
    let mut store = Store::open(after_a_life(2).files(), &directory()).unwrap();
    let exposure = Exposure { zero_first: ZeroFirst::Never, ..Exposure::default() };
    let today = Limits { series_max: 100, ..limits() };
    let ledger = store.ledger(today, rules(1), &catalogue("2"), exposure, Millis(5_000_000));
    let lines = &shown(&ledger)[0];
    for line in [
        r#"faultline_errors_total{provider="p",category="token",code="x"} Whole(2)"#,
        r#"faultline_errors_total{provider="p",category="token",code="n2"} Whole(0)"#,
        r#"faultline_catalogue_info{version="0",sha256="2"} Whole(1)"#,
        r#"faultline_series_limit{metric="faultline_errors_total"} Whole(100)"#,
        r#"faultline_source_up{source="s"} Whole(0)"#,
        r#"faultline_tenants_affected{provider="p",window="24h"} Whole(0)"#,
    ] {
        assert!(lines.iter().any(|shown| shown == line), "no {line} in {lines:#?}");
    }
    assert_eq!(ledger.zero_first(), ZeroFirst::Never);
    let marks: Vec<_> = ledger.marks("tail/").map(|(key, value)| (key, value.len())).collect();
    assert_eq!(marks, [("tail/s/0", 8)]);
    assert_eq!(
        (ledger.marks("tail/s/0").count(), ledger.marks("tail/t").count(), ledger.marks("u").count()),
        (1, 0, 0)
    );
}

/// Who is a scraper is another question then: nobody may be shown less than before.
#[test]
fn another_way_to_show_zeros_first_takes_no_value_back() {
    let mut store = Store::open(after_a_life(2).files(), &directory()).unwrap();
    let exposure = Exposure { zero_first: ZeroFirst::Always, ..Exposure::default() };
    let ledger = store.ledger(limits(), rules(0), &catalogue("1"), exposure, Millis(1_003_000));
    let line = r#"faultline_errors_total{provider="p",category="token",code="x"} Whole(2)"#;
    assert!(shown(&ledger)[1].iter().any(|shown| shown == line), "{:#?}", shown(&ledger)[1]);
}

#[test]
fn what_is_shown_after_a_reload_in_the_middle_of_a_commit_is_durable_under_the_new_limits() {
    let memory = Memory::default();
    let mut life = Life::begin(&memory);
    life.tick();
    let books = life.books.clone();
    let mut times = 0;
    memory.on_sync(move || {
        times += 1;
        if times == 1 {
            let mut ledger = books.lock().unwrap();
            ledger.relimit(Limits { series_max: 1, ..limits() });
            ledger.recatalogue(rules(1), &catalogue("2"));
        }
    });
    let before = newest(&memory);
    // The record gives it a series of its own, for which there is no room any more.
    assert!(matches!(life.count("z", 5), Outcome::Committed { recovered: false, .. }));
    let other = r#"faultline_errors_total{provider="p",category="token",code="_other"} Whole(5)"#;
    assert!(shown(&life.books.lock().unwrap())[0].iter().any(|line| line == other));
    assert!(newest(&memory) > before, "a snapshot has it");
    assert_eq!(recovered(&memory.copy()).0, life.state());
    life.count("z", 5);
    assert_eq!(recovered(&memory.copy()).0, life.state());
}

#[test]
fn a_disk_that_fails_after_a_reload_in_the_middle_of_a_commit_shows_nothing_and_loses_nothing() {
    let memory = after_a_life(1);
    let mut life = Life::begin(&memory);
    life.tick();
    let (books, files) = (life.books.clone(), memory.clone());
    let mut times = 0;
    memory.on_sync(move || {
        times += 1;
        if times == 1 {
            books.lock().unwrap().relimit(Limits { series_max: 1, ..limits() });
            // All that follows this sync.
            files.fail(files.calls() + 1..u64::MAX, Fault::Enospc);
        }
    });
    assert!(matches!(life.count("z", 5), Outcome::Failed { began: true, .. }));
    assert_eq!(life.total(), 1);
    assert!(matches!(life.count("z", 5), Outcome::Failed { began: false, .. }));
    assert_eq!(recovered(&memory.copy()).1.damage, Vec::<String>::new());
    memory.fail(0..0, Fault::Enospc);
    assert!(matches!(life.tick(), Outcome::Committed { recovered: true, .. }));
    assert_eq!((life.total(), recovered(&memory.copy()).0), (11, life.state()));
}

#[test]
fn nothing_is_shown_that_is_not_durable_and_nobody_waits_for_the_disk() {
    let memory = Memory::default();
    let mut life = Life::begin(&memory);
    life.tick();
    life.count("x", 1);
    let books = life.books.clone();
    memory.on_sync(move || {
        let ledger = books.try_lock().expect("a commit does not hold the ledger while it writes");
        assert_eq!(ledger.totals().errors, 1, "what is not durable is not shown");
    });
    assert!(is_committed(&life.count("x", 1)));
    assert_eq!(life.total(), 2);
}
