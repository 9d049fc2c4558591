//! A disk that is full or fails: counting goes on, what is shown stands still and never goes back, and it heals by itself.

use super::*;

const FAULTS: [Fault; 4] = [Fault::Eio, Fault::Enospc, Fault::Short, Fault::DoneAndEio];
const TICKS: u64 = 12;

/// A life with a roll, a reload and scrapes; calls from `from` on fail, so many of them. Returns the calls that it took.
fn live(from: u64, times: u64, fault: Fault) -> u64 {
    let memory = Memory::default();
    let mut life = Life::begin(&memory);
    assert!(is_committed(&life.tick()));
    let begun = memory.calls();
    memory.fail(begun + from..begun + from + times, fault);
    let what = format!("{times} calls from {from}, {fault:?}");
    let (mut delivered, mut shown, mut failed) = (0, 0, false);
    for tick in 0..TICKS {
        life.deliver(delta("s", ["x", "y", "z", "a", "b"][tick as usize % 5], 1, life.now));
        delivered += 1;
        if tick == 4 {
            let book = book(&[("x", "warning"), ("a", "critical")]);
            life.books.lock().unwrap().recatalogue(book, &catalogue("2"));
        }
        let births = life.books.lock().unwrap().births();
        life.queue.lock().unwrap().answered(scraper(1), births);
        let outcome = life.tick();
        let total = life.total();
        match outcome {
            Outcome::Committed { recovered, .. } => {
                assert_eq!(recovered, failed, "{what}, tick {tick}");
                failed = false;
                assert_eq!(total, delivered, "{what}: everything is shown again");
                assert_eq!(recovered_total(&memory), delivered, "{what}, tick {tick}");
            }
            Outcome::Failed { began, .. } => {
                assert_eq!(began, !failed, "{what}, tick {tick}");
                failed = true;
                assert_eq!(total, shown, "{what}: what is shown stands still");
                let kept = recovered_total(&memory);
                assert!((shown..=delivered).contains(&kept), "{what}, tick {tick}: {kept} of {shown}");
            }
            Outcome::Idle => panic!("there was something to commit"),
        }
        shown = total;
    }
    let took = memory.calls() - begun;
    memory.fail(0..0, fault);
    for _ in 0..2 {
        life.count("x", 1);
        delivered += 1;
    }
    assert_eq!(life.total(), delivered, "{what}");
    let state = life.state();
    drop(life);
    let (found, recovery) = recovered(&memory);
    assert!(found == state && recovery.damage.is_empty(), "{what}: {recovery:?}");
    let leftovers: Vec<_> = memory.names().into_iter().filter(|name| !name.ends_with(".journal")).collect();
    assert!(leftovers.is_empty(), "{what}: {leftovers:?}");
    took
}

/// Whatever a process that died now would have left.
fn recovered_total(memory: &Memory) -> u64 {
    let memory = memory.copy();
    let store = Store::open(memory.files(), &directory()).unwrap();
    assert!(store.recovery().damage.is_empty(), "{:?}", store.recovery());
    store.recovered.as_deref().unwrap().totals().errors
}

#[test]
fn each_call_may_fail_once_and_nothing_is_lost_or_taken_back() {
    for fault in FAULTS {
        let mut from = 0;
        while live(from, 1, fault) > from {
            from += 1;
        }
        assert!(from > 30, "{from} calls");
    }
}

#[test]
fn it_may_fail_for_long_and_nothing_is_lost_or_taken_back() {
    for fault in FAULTS {
        for times in [2, 3, 7, 40] {
            for from in 0..40 {
                live(from, times, fault);
            }
        }
    }
}

#[test]
fn each_call_of_a_start_may_fail_and_the_next_start_finds_everything() {
    let memory = after_a_life(3);
    let (state, _) = recovered(&memory);
    let mut failures = 0;
    for call in 0.. {
        let copy = memory.copy();
        copy.fail(call..call + 1, Fault::Eio);
        let begun = Life::try_begin(&copy, 2_000_000).map(|mut life| life.tick());
        let is_over = copy.calls() <= call;
        copy.fail(0..0, Fault::Eio);
        failures += u64::from(!matches!(begun, Ok(Outcome::Committed { .. })));
        let (found, recovery) = recovered(&copy);
        assert!(recovery.damage.is_empty(), "call {call}");
        assert!(found == state || begun.is_ok(), "call {call}");
        assert_eq!(recovered_total(&copy), 3, "call {call}");
        if is_over {
            break;
        }
    }
    assert!(failures > 5, "{failures}");
}

/// A series that is born while the disk fails has another number than one that a reload brought meanwhile.
#[test]
fn a_scraper_sees_zeros_first_of_what_was_born_while_the_disk_failed() {
    let memory = Memory::default();
    let mut life = Life::begin(&memory);
    life.tick();
    memory.fail(0..u64::MAX, Fault::Enospc);
    life.count("x", 5);
    life.books.lock().unwrap().recatalogue(book(&[("c", "critical"), ("d", "critical")]), &catalogue("2"));
    let births = life.books.lock().unwrap().births();
    life.queue.lock().unwrap().answered(scraper(1), births);
    life.tick();
    memory.fail(0..0, Fault::Enospc);
    life.tick();
    assert_eq!(life.total(), 5);
    let ledger = life.books.lock().unwrap();
    let threshold = ledger.shown_to(&scraper(1));
    let mut lines = Lines::default();
    ledger.encode(threshold, &mut lines);
    let line = r#"faultline_errors_total{provider="p",category="token",code="x"} Whole(0)"#;
    assert!(lines.0.iter().any(|shown| shown == line), "{:#?}", lines.0);
}

#[test]
fn what_is_told_while_the_disk_fails_holds_afterwards() {
    let memory = Memory::default();
    let mut life = Life::begin(&memory);
    life.books.lock().unwrap().open_source("s");
    life.tick();
    memory.fail(0..u64::MAX, Fault::Eio);
    life.count("x", 1);
    life.books.lock().unwrap().set_source_up("s", false);
    life.books.lock().unwrap().relimit(Limits { tenants_max: 77, ..limits() });
    life.tick();
    memory.fail(0..0, Fault::Eio);
    life.tick();
    let lines = {
        let mut lines = Lines::default();
        life.books.lock().unwrap().encode(Births::ALL, &mut lines);
        lines.0
    };
    for line in [
        r#"faultline_source_up{source="s"} Whole(0)"#,
        r#"faultline_label_values_limit{label="tenant"} Whole(77)"#,
        r#"faultline_lines_total{source="s"} Whole(1)"#,
    ] {
        assert!(lines.iter().any(|shown| shown == line), "no {line} in {lines:#?}");
    }
}

/// Of a new file and of a record: what may not be on the disk is not committed.
#[test]
fn a_sync_that_fails_is_no_commit() {
    for commits_before in 0..3 {
        let memory = Memory::default();
        let mut life = Life::begin(&memory);
        for _ in 0..commits_before {
            assert!(is_committed(&life.count("x", 1)));
        }
        let failing = memory.clone();
        memory.on_sync(move || failing.fail(failing.calls()..failing.calls() + 1, Fault::DoneAndEio));
        for _ in 0..3 {
            assert!(!is_committed(&life.count("x", 1)), "after {commits_before}");
            assert_eq!(life.total(), commits_before);
        }
        memory.on_sync(|| ());
        assert!(is_committed(&life.count("x", 1)));
        assert_eq!(life.total(), commits_before + 4);
    }
}
