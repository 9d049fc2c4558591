//! A random model of a group: ledgers in processes that crash, workers that are fenced without knowing it, commits that
//! are delayed, refused or never answered. The oracle is the list of offsets that was exposed: each record once.
//!
//! What is assumed of the world, here as in `positions`: a request that was never answered is carried out before a later
//! one of its connection or not at all; those of a dead process may come late, and are fenced as the broker does.

mod dice;
mod group;
mod play;
mod process;
mod rest;
mod rules;
mod verdict;

use play::{Case, Play, Rules};
use verdict::Verdict;

/// Seeds of one case: `FAULTLINE_SEEDS=from..to`, else the first `usual`.
fn seeds(usual: u64) -> std::ops::Range<u64> {
    let Ok(text) = std::env::var("FAULTLINE_SEEDS") else { return 0..usual };
    let (from, to) = text.split_once("..").expect("from..to");
    from.parse().unwrap()..to.parse().unwrap()
}

fn play_all(case: Case, rules: Rules, usual: u64) -> Verdict {
    let mut sum = Verdict::default();
    for seed in seeds(usual) {
        sum.add(Play::new(seed, case, rules).run());
    }
    println!("{case:?} {rules:?}: {sum:?}");
    sum
}

#[test]
fn each_record_is_exposed_once_by_any_number_of_ledgers() {
    let sum = play_all(Case::Plain, Rules::All, 6_000);
    sum.assert_exact();
    assert!(
        sum.folded_by_a_look > 0 && sum.dropped > 0 && sum.crashes > 0 && sum.lost_assignments > 0,
        "{sum:?}"
    );
}

#[test]
fn each_record_is_exposed_once_from_where_latest_was_resolved() {
    play_all(Case::Latest, Rules::All, 2_000).assert_exact();
}

#[test]
fn partitions_that_are_added_are_read_from_their_first_record() {
    play_all(Case::Added, Rules::All, 1_000).assert_exact();
}

#[test]
fn records_that_were_deleted_unread_are_counted_as_lost_once() {
    let sum = play_all(Case::Retention, Rules::All, 2_000);
    sum.assert_exact();
    assert!(sum.deleted_unread > 0 && sum.deleted_unread == sum.lost_records, "{sum:?}");
}

#[test]
fn one_ledger_goes_on_where_it_was_when_the_group_forgets() {
    play_all(Case::Expired, Rules::All, 2_000).assert_exact();
}

#[test]
fn several_ledgers_lose_nothing_when_the_group_forgets() {
    let sum = play_all(Case::ExpiredAmongMany, Rules::All, 1_000);
    assert_eq!((sum.never, sum.unsettled), (0, 0), "{sum:?}");
}

#[test]
fn a_topic_made_again_is_read_once_from_its_first_record() {
    let sum = play_all(Case::Recreated, Rules::All, 2_000);
    sum.assert_exact();
    assert!(sum.topics_recreated > 0, "{sum:?}");
}

#[test]
fn a_topic_made_again_that_is_noticed_late_is_still_read_from_its_first_record() {
    let sum = play_all(Case::RecreatedUnnoticed, Rules::All, 1_000);
    assert_eq!((sum.never, sum.unsettled), (0, 0), "{sum:?}");
}

#[test]
fn a_ledger_that_was_set_back_reads_again_what_it_no_longer_shows() {
    play_all(Case::SetBack, Rules::All, 1_000).assert_exact();
}

#[test]
fn lost_disks_and_moved_offsets_never_double() {
    for case in [Case::DiskLost, Case::Operator] {
        let sum = play_all(case, Rules::All, 1_000);
        assert_eq!((sum.twice, sum.unsettled), (0, 0), "{sum:?}");
    }
}

#[test]
fn the_model_finds_doubles_where_reading_resumes_from_the_group_and_totals_are_kept() {
    assert!(play_all(Case::Plain, Rules::ResumeFromTheGroup, 200).twice > 0);
}

#[test]
fn the_model_finds_doubles_where_the_stamp_says_only_where_its_owner_took_over() {
    assert!(play_all(Case::Plain, Rules::StampOfTheTakeover, 1_000).twice > 0);
}

#[test]
fn the_model_finds_losses_and_no_doubles_where_the_stamp_has_no_list() {
    let sum = play_all(Case::Plain, Rules::StampWithoutList, 1_000);
    assert!(sum.never > 0 && sum.twice == 0, "{sum:?}");
}

#[test]
fn a_list_too_short_for_the_group_loses_and_never_doubles() {
    let sum = play_all(Case::Plain, Rules::StampOfTwo, 4_000);
    assert!(sum.never > 0 && sum.twice == 0, "{sum:?}");
}

#[test]
fn the_model_finds_doubles_where_a_worker_joins_again_with_a_commit_in_flight() {
    assert!(play_all(Case::Plain, Rules::JoinWithoutWaiting, 4_000).twice > 0);
}

#[test]
fn the_model_finds_losses_where_the_group_is_told_before_the_ledger() {
    assert!(play_all(Case::Plain, Rules::CommitBeforeTheLedger, 200).never > 0);
}

#[test]
fn the_model_finds_losses_where_latest_is_read_before_the_group_knows_the_start() {
    assert!(play_all(Case::Latest, Rules::ReadBeforeTheStart, 1_000).never > 0);
}

#[test]
fn the_model_finds_losses_where_nobody_asks_for_the_topic_id() {
    assert!(play_all(Case::Recreated, Rules::NoTopicId, 1_000).never > 0);
}
