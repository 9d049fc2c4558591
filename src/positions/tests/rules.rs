//! The rules one by one.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::positions::partition::PENDING_MAX;
use crate::positions::{
    Appeared, Assignment, Book, Commit, Damage, DropReason, Epoch, Found, GroupOffset, LedgerId, Left,
    Refused, ResetReason, Saved, Span, Start, State, Sum, TopicId, TopicPartition, Transaction,
};

/// What is counted here: a number.
impl Sum for u64 {
    fn merge(&mut self, later: u64) {
        *self += later;
    }

    fn is_nothing(&self) -> bool {
        *self == 0
    }
}

const OLD: Option<TopicId> = Some(TopicId(1));
const NEW: Option<TopicId> = Some(TopicId(2));

/// A book, its ledger on the disk, and a group that takes what it is told to.
struct Desk {
    book: Book<u64>,
    kept: BTreeMap<TopicPartition, (Saved, BTreeMap<u64, u64>)>,
    exposed: u64,
    epoch: Epoch,
}

impl Desk {
    fn new() -> Desk {
        Desk { book: Book::new(me()), kept: BTreeMap::new(), exposed: 0, epoch: Epoch(0) }
    }

    /// Partition 0 with a start at 100 that the group knows.
    fn reading() -> Desk {
        let mut desk = Desk::new();
        assert_eq!(desk.assign(GroupOffset::None, OLD).start, Start::Policy);
        desk.book.resolved(&at(), desk.epoch, 100).unwrap();
        desk.tick();
        desk.take_all();
        assert!(desk.book.may_read(&at(), desk.epoch));
        desk
    }

    fn assign(&mut self, group: GroupOffset, topic: Option<TopicId>) -> Assignment {
        self.assign_to(0, group, topic)
    }

    fn assign_to(&mut self, worker: usize, group: GroupOffset, topic: Option<TopicId>) -> Assignment {
        let assignment = self.book.assign(worker, &at(), group, topic, Appeared::WithTopic);
        self.epoch = assignment.epoch;
        assignment
    }

    fn count(&mut self, next_offset: i64, counts: u64) {
        self.book.count(&at(), self.epoch, next_offset, counts).unwrap();
    }

    fn keep(&mut self, transaction: Transaction<u64>) {
        self.exposed += transaction.folded;
        for write in transaction.writes {
            let kept = self.kept.entry(write.at).or_default();
            kept.0 = write.saved;
            write.removed.iter().for_each(|seq| {
                kept.1.remove(seq);
            });
            kept.1.extend(write.entry);
        }
    }

    /// A transaction, durable and told.
    fn tick(&mut self) {
        if let Some(transaction) = self.book.transact(0) {
            self.keep(transaction);
            self.book.durable(0);
        }
    }

    fn due(&mut self) -> Vec<(u64, i64)> {
        self.commits().iter().map(|commit| (commit.seq, commit.offset)).collect()
    }

    fn commits(&mut self) -> Vec<Commit> {
        self.book.commits(0, |_| true)
    }

    fn take_all(&mut self) {
        for commit in self.commits() {
            self.book.accepted(&commit).unwrap();
        }
    }

    fn crash(&mut self) {
        let all = self.kept.iter().map(|(at, (saved, counts))| (at.clone(), saved.clone(), counts.clone()));
        self.book = Book::restore(me(), all).unwrap();
    }

    fn saved(&self) -> Saved {
        self.book.saved().find(|(other, _)| **other == at()).expect("it is in the book").1
    }

    fn state(&self) -> State {
        self.saved().state
    }

    fn pending(&self) -> Vec<(u64, i64, i64)> {
        self.saved().pending.iter().map(|span| (span.seq, span.from, span.to)).collect()
    }
}

fn me() -> LedgerId {
    LedgerId::new("me").unwrap()
}

fn at() -> TopicPartition {
    TopicPartition { topic: Arc::from("orders"), partition: 0 }
}

fn group(offset: i64, metadata: &str) -> GroupOffset {
    GroupOffset::Some { offset, metadata: metadata.to_owned() }
}

#[test]
fn a_count_is_exposed_in_the_transaction_after_the_group_took_it() {
    let mut desk = Desk::reading();
    desk.count(110, 5);
    desk.tick();
    assert_eq!((desk.exposed, desk.pending()), (0, vec![(1, 100, 110)]));
    let commits = desk.commits();
    assert_eq!(commits[0].metadata, "fl1;me;1;;00000000000000000000000000000001");
    desk.book.accepted(&commits[0]).unwrap();
    assert_eq!(desk.exposed, 0);
    desk.tick();
    assert_eq!((desk.exposed, desk.pending()), (5, vec![]));
    assert!(desk.kept[&at()].1.is_empty());
    assert!(desk.book.is_settled(0) && desk.book.transact(0).is_none());
}

#[test]
fn nothing_is_sent_before_it_is_durable() {
    let mut desk = Desk::reading();
    desk.count(110, 5);
    assert_eq!(desk.due(), []);
    let transaction = desk.book.transact(0).unwrap();
    assert_eq!(desk.due(), []);
    desk.count(120, 1);
    assert!(desk.book.transact(0).is_none(), "one transaction at a time");
    desk.keep(transaction);
    desk.book.durable(0);
    assert_eq!(desk.due(), [(1, 110)]);
}

#[test]
fn an_open_entry_that_is_written_again_is_not_sent_until_that_is_durable() {
    let mut desk = Desk::reading();
    desk.count(110, 5);
    desk.tick();
    desk.count(120, 1);
    let transaction = desk.book.transact(0).unwrap();
    assert_eq!(transaction.writes[0].entry, Some((1, 6)));
    assert_eq!(desk.due(), []);
    desk.book.durable(0);
    assert_eq!(desk.due(), [(1, 120)]);
}

#[test]
fn what_was_sent_is_sent_again_unchanged_and_the_rest_is_one_entry() {
    let mut desk = Desk::reading();
    for tick in 1..1_000 {
        desk.count(100 + tick, 1);
        desk.tick();
        assert_eq!(desk.due(), [(1, 101)]);
        assert!(desk.pending().len() <= 2);
    }
    assert_eq!(desk.pending(), [(1, 100, 101), (2, 101, 1099)]);
    desk.take_all();
    assert_eq!(desk.due(), [(2, 1099)]);
    desk.tick();
    assert_eq!(desk.exposed, 1);
}

#[test]
fn nothing_is_merged_into_what_an_earlier_life_may_have_sent() {
    let mut desk = Desk::reading();
    desk.count(110, 5);
    desk.tick();
    desk.crash();
    assert_eq!(desk.assign(group(100, "fl1;me;0;"), OLD).start, Start::At(110));
    desk.count(120, 1);
    desk.tick();
    assert_eq!(desk.pending(), [(1, 100, 110), (2, 110, 120)]);
    assert_eq!(desk.due(), [(1, 110)]);
}

#[test]
fn the_list_has_a_limit_behind_which_counts_wait_in_memory() {
    let mut desk = Desk::reading();
    for life in 0..100 {
        desk.count(desk.state().position + 10, 1);
        desk.tick();
        assert!(desk.pending().len() <= PENDING_MAX);
        desk.crash();
        desk.assign(group(100, "fl1;me;0;"), OLD);
        assert_eq!(desk.state().position, 100 + 10 * (life + 1).min(PENDING_MAX as i64));
    }
    desk.count(2_000, 7);
    desk.tick();
    assert!(desk.book.wants_nothing(0) && !desk.book.is_settled(0));
    desk.take_all();
    desk.tick();
    assert_eq!((desk.exposed, desk.state().position), (PENDING_MAX as u64, 2_000));
}

#[test]
fn markers_move_the_position_and_idle_ticks_write_nothing() {
    let mut desk = Desk::reading();
    desk.count(113, 0);
    desk.tick();
    assert_eq!(desk.due(), [(1, 113)]);
    desk.take_all();
    desk.tick();
    desk.count(113, 0);
    assert!(desk.book.transact(0).is_none());
}

#[test]
fn records_before_the_position_and_of_an_old_assignment_are_refused() {
    let mut desk = Desk::reading();
    desk.count(110, 5);
    let before = Err(Refused::BeforePosition { position: 110 });
    assert_eq!(desk.book.count(&at(), desk.epoch, 109, 1), before);
    assert_eq!(desk.book.count(&at(), desk.epoch, 110, 1), before);
    let old = desk.epoch;
    desk.assign(group(100, "fl1;me;0;"), OLD);
    assert_eq!(desk.book.count(&at(), old, 120, 1), Err(Refused::OldEpoch));
    assert_eq!(desk.book.position(&at(), old), None);
    assert_eq!(desk.book.position(&at(), desk.epoch), Some(100), "what was not in the ledger is read again");
}

#[test]
fn a_resolved_start_is_durable_then_committed_then_read() {
    let mut desk = Desk::new();
    desk.assign(GroupOffset::None, OLD);
    assert_eq!(desk.book.count(&at(), desk.epoch, 5, 1), Err(Refused::NoPosition));
    assert!(desk.book.transact(0).is_none());
    desk.book.resolved(&at(), desk.epoch, 40).unwrap();
    assert!(desk.book.resolved(&at(), desk.epoch, 50).is_err());
    assert_eq!(desk.due(), []);
    let transaction = desk.book.transact(0).unwrap();
    assert_eq!(desk.due(), []);
    desk.keep(transaction);
    desk.book.durable(0);
    assert!(!desk.book.may_read(&at(), desk.epoch));
    desk.crash();
    assert_eq!(desk.assign(GroupOffset::None, OLD).start, Start::At(40), "latest is not resolved twice");
    assert_eq!(desk.due(), [(0, 40)]);
    desk.take_all();
    assert!(desk.book.may_read(&at(), desk.epoch));
}

#[test]
fn a_partition_added_to_a_known_topic_starts_at_the_earliest() {
    let mut book: Book<u64> = Book::new(me());
    let assignment = book.assign(0, &at(), GroupOffset::None, OLD, Appeared::Later);
    assert_eq!((assignment.start, assignment.note.found), (Start::Earliest, Found::Added));
}

#[test]
fn an_own_stamp_folds_what_it_covers_and_reading_goes_on() {
    let mut desk = two_entries();
    let assignment = desk.assign(group(110, "fl1;me;1;you:4"), OLD);
    assert_eq!(
        (assignment.start, assignment.note.found, assignment.note.folded),
        (Start::At(120), Found::Own, 10)
    );
    desk.tick();
    assert_eq!((desk.exposed, desk.pending()), (5, vec![(2, 110, 120)]));
    assert!(desk.commits()[0].metadata.starts_with("fl1;me;2;you:4;"));
}

#[test]
fn another_owners_list_folds_or_drops_what_is_pending() {
    let mut desk = two_entries();
    let assignment = desk.assign(group(150, "fl1;you;9;me:1,him:2"), OLD);
    assert_eq!(assignment.start, Start::At(150));
    let note = assignment.note;
    assert_eq!((note.folded, note.dropped, note.unread), (10, 10, 0));
    assert_eq!(note.found, Found::Other(LedgerId::new("you").unwrap()));
    desk.count(160, 3);
    desk.tick();
    assert_eq!((desk.exposed, desk.pending()), (5, vec![(3, 150, 160)]));
    assert_eq!(desk.kept[&at()].1, BTreeMap::from([(3, 3)]));
    assert_eq!(desk.state().dropped[DropReason::Overtaken as usize], 10);
    assert!(desk.commits()[0].metadata.starts_with("fl1;me;3;you:9,him:2;"));
}

#[test]
fn an_offset_without_a_stamp_is_an_operators() {
    let mut desk = two_entries();
    let assignment = desk.assign(group(7, ""), OLD);
    assert_eq!(
        (assignment.start, assignment.note.found, assignment.note.dropped),
        (Start::At(7), Found::Operator, 20)
    );
    assert_eq!(desk.state().resets[ResetReason::Operator as usize], 1);
    desk.assign(group(7, ""), OLD);
    assert_eq!(desk.state().resets[ResetReason::Operator as usize], 1, "the same move");
}

#[test]
fn a_ledger_that_was_set_back_wins_and_says_so() {
    let mut desk = two_entries();
    let assignment = desk.assign(group(500, "fl1;me;9;"), OLD);
    assert_eq!((assignment.start, assignment.note.found), (Start::At(120), Found::SetBack));
    desk.count(130, 1);
    desk.tick();
    assert_eq!((desk.exposed, desk.due()), (9, vec![(10, 130)]), "numbers are never used again");
}

#[test]
fn a_partition_that_a_set_back_ledger_does_not_know_starts_at_the_offset() {
    let mut desk = Desk::new();
    let assignment = desk.assign(group(500, "fl1;me;9;"), OLD);
    assert_eq!((assignment.start, assignment.note.found), (Start::At(500), Found::SetBack));
}

#[test]
fn an_expired_offset_keeps_the_last_owner_where_it_was() {
    let mut desk = two_entries();
    let assignment = desk.assign(GroupOffset::None, OLD);
    assert_eq!(
        (assignment.start, assignment.note.found, assignment.note.dropped),
        (Start::At(120), Found::Expired, 0)
    );
    assert_eq!(desk.due(), [(2, 120)]);
}

#[test]
fn an_expired_offset_sends_everybody_else_to_the_policy() {
    let mut desk = two_entries();
    desk.assign(group(150, "fl1;you;9;"), OLD);
    let assignment = desk.assign(GroupOffset::None, OLD);
    assert_eq!((assignment.start, assignment.note.found), (Start::Policy, Found::Expired));
    desk.book.resolved(&at(), desk.epoch, 300).unwrap();
    assert_eq!(desk.state().resets[ResetReason::Expired as usize], 1);
}

#[test]
fn a_topic_made_again_starts_at_the_earliest_and_folds_nothing() {
    for found in [
        GroupOffset::None,
        group(120, "fl1;me;2;"),
        group(500, "fl1;you;9;me:2;00000000000000000000000000000001"),
    ] {
        let mut desk = two_entries();
        let assignment = desk.assign(found, NEW);
        assert_eq!((assignment.start, assignment.note.found), (Start::Earliest, Found::Recreated));
        assert_eq!((assignment.note.folded, assignment.note.dropped), (0, 20));
        desk.book.resolved(&at(), desk.epoch, 0).unwrap();
        desk.tick();
        assert_eq!((desk.exposed, desk.state().topic, desk.due()), (0, NEW, vec![(2, 0)]));
    }
}

#[test]
fn an_offset_that_another_owner_left_in_the_new_topic_is_good() {
    let mut desk = two_entries();
    let assignment = desk.assign(group(30, "fl1;you;9;;00000000000000000000000000000002"), NEW);
    assert_eq!(assignment.start, Start::At(30));
    assert_eq!(desk.state().topic, NEW);
}

#[test]
fn a_topic_made_again_while_it_is_read_is_noticed_once_more_after_a_crash() {
    let mut desk = Desk::reading();
    desk.count(110, 5);
    desk.tick();
    desk.take_all();
    desk.count(120, 1);
    let old = desk.epoch;
    let assignment = desk.book.recreated(&at(), old, TopicId(2)).unwrap();
    assert_eq!(
        (assignment.start, assignment.note.dropped, assignment.note.unread),
        (Start::Earliest, 10, 10)
    );
    assert_eq!(desk.book.count(&at(), old, 130, 1), Err(Refused::OldEpoch));
    assert!(desk.book.transact(0).is_none(), "nothing is written before the start is known");
    desk.crash();
    assert_eq!(desk.assign(GroupOffset::None, NEW).note.found, Found::Recreated);
    desk.book.resolved(&at(), desk.epoch, 0).unwrap();
    desk.tick();
    assert_eq!((desk.exposed, desk.state().resets[ResetReason::Recreated as usize]), (0, 1));
}

#[test]
fn records_deleted_unread_are_lost_when_their_entry_is_folded() {
    let mut desk = Desk::reading();
    desk.count(110, 5);
    let assignment = desk.book.out_of_range(&at(), desk.epoch, (150, 200), OLD).unwrap();
    assert_eq!((assignment.start, assignment.note.found), (Start::At(150), Found::Deleted(40)));
    desk.epoch = assignment.epoch;
    desk.count(160, 2);
    desk.tick();
    assert_eq!(desk.saved().pending, [Span { seq: 1, from: 100, to: 160, lost: 40 }]);
    assert_eq!(desk.state().lost_records, 0);
    desk.take_all();
    desk.tick();
    assert_eq!((desk.exposed, desk.state().lost_records), (7, 40));
    assert_eq!(desk.state().resets[ResetReason::Retention as usize], 1);
}

#[test]
fn a_log_that_ends_before_the_position_is_another_or_was_cut() {
    for (topic, start, found) in [
        (NEW, Start::Earliest, Found::Recreated),
        (None, Start::Earliest, Found::Recreated),
        (OLD, Start::At(105), Found::Truncated),
    ] {
        let mut desk = Desk::reading();
        desk.count(110, 5);
        desk.tick();
        let assignment = desk.book.out_of_range(&at(), desk.epoch, (0, 105), topic).unwrap();
        assert_eq!((assignment.start, assignment.note.found, assignment.note.dropped), (start, found, 10));
    }
}

#[test]
fn a_position_inside_the_log_stays() {
    let mut desk = Desk::reading();
    desk.count(110, 5);
    let assignment = desk.book.out_of_range(&at(), desk.epoch, (0, 200), OLD).unwrap();
    assert_eq!((assignment.start, assignment.note.found), (Start::At(110), Found::Own));
}

#[test]
fn what_is_lost_leaves_its_pending_counts_for_a_later_look() {
    let mut desk = Desk::reading();
    desk.count(110, 5);
    desk.tick();
    let _ = desk.due();
    desk.count(130, 2);
    let commit = Commit { at: at(), epoch: desk.epoch, seq: 1, offset: 110, metadata: String::new() };
    assert_eq!(desk.book.lost(0, &[at()]), [Left { at: at(), unread: 20, pending: 1 }]);
    assert_eq!(desk.book.accepted(&commit), Err(Refused::OldEpoch), "the look says what became of it");
    let [(_, epoch)] = desk.book.unsettled()[..] else { panic!("one waits") };
    assert!(
        desk.book.settle(&at(), epoch, GroupOffset::None).is_ok_and(|note| note.folded + note.dropped == 0)
    );
    let note = desk.book.settle(&at(), epoch, group(140, "fl1;you;1;me:1")).unwrap();
    assert_eq!((note.folded, note.dropped), (10, 0));
    assert!(desk.book.unsettled().is_empty());
    let transaction = desk.book.transact(7).expect("any worker takes it to the ledger");
    assert_eq!(transaction.folded, 5);
}

#[test]
fn a_look_that_is_older_than_an_assignment_settles_nothing() {
    let mut desk = two_entries();
    let [(_, epoch)] = desk.book.unsettled()[..] else { panic!("one waits") };
    let look = group(150, "fl1;you;9;");
    desk.assign(group(100, "fl1;me;0;"), OLD);
    assert_eq!(desk.book.settle(&at(), epoch, look.clone()), Err(Refused::OldEpoch));
    assert_eq!(desk.book.settle(&at(), desk.epoch, look.clone()), Err(Refused::Owned));
    desk.book.release(0, &at());
    assert_eq!(desk.book.settle(&at(), epoch, look), Err(Refused::OldEpoch));
}

#[test]
fn an_offset_that_nobody_moved_since_drops_nothing_that_may_still_arrive() {
    let mut desk = Desk::new();
    desk.assign(group(100, "fl1;you;9;"), OLD);
    desk.count(110, 5);
    desk.tick();
    assert_eq!(desk.due(), [(1, 110)]);
    desk.crash();
    let [(_, epoch)] = desk.book.unsettled()[..] else { panic!("one waits") };
    let note = desk.book.settle(&at(), epoch, group(100, "fl1;you;9;")).unwrap();
    assert_eq!((note.found, note.dropped), (Found::Own, 0));
    desk.book.settle(&at(), epoch, group(110, "fl1;me;1;you:9")).unwrap();
    desk.tick();
    assert_eq!(desk.exposed, 5);
}

#[test]
fn a_late_commit_for_the_topic_before_settles_nothing() {
    let mut desk = Desk::reading();
    desk.book
        .recreated(&at(), desk.epoch, TopicId(2))
        .map(|assignment| desk.epoch = assignment.epoch)
        .unwrap();
    desk.book.resolved(&at(), desk.epoch, 0).unwrap();
    desk.tick();
    desk.take_all();
    desk.count(10, 3);
    desk.tick();
    desk.book.release(0, &at());
    let look = group(500, "fl1;me;1;;00000000000000000000000000000001");
    let note = desk.book.settle(&at(), desk.epoch, look).unwrap();
    assert_eq!((note.found, note.folded, desk.pending().len()), (Found::Own, 0, 1));
}

#[test]
fn what_one_worker_gave_to_the_ledger_no_other_writes_before_it_is_durable() {
    let mut desk = Desk::reading();
    desk.count(110, 5);
    let first = desk.book.transact(0).unwrap();
    let assignment = desk.assign_to(1, group(100, "fl1;me;0;"), OLD);
    assert_eq!(assignment.start, Start::At(110));
    desk.count(120, 1);
    assert!(desk.book.transact(1).is_none());
    assert_eq!(desk.book.release(0, &at()), None, "it is the other's now");
    desk.keep(first);
    desk.book.durable(0);
    let second = desk.book.transact(1).unwrap();
    assert_eq!(second.writes[0].entry, Some((1, 6)));
}

#[test]
fn a_start_that_nobody_resolved_leaves_nothing_behind() {
    let mut desk = Desk::new();
    desk.assign(GroupOffset::None, OLD);
    desk.book.lost(0, &[at()]);
    assert_eq!(desk.book.saved().count(), 0);
    assert!(desk.book.wants_nothing(0) && desk.book.is_settled(0));
}

#[test]
fn a_ledger_with_an_entry_that_is_not_whole_is_refused() {
    let saved = two_entries().saved();
    let restore = |counts| Book::<u64>::restore(me(), [(at(), saved.clone(), counts)]).map(|_| ());
    assert_eq!(restore(BTreeMap::from([(1, 5), (2, 4)])), Ok(()));
    assert_eq!(restore(BTreeMap::from([(1, 5)])), Err(Damage { at: at(), seq: 2 }));
    assert_eq!(restore(BTreeMap::from([(1, 5), (2, 4), (3, 1)])), Err(Damage { at: at(), seq: 3 }));
}

#[test]
fn hostile_offsets_and_stamps_do_not_overflow() {
    let mut desk = two_entries();
    desk.assign(group(i64::MAX, &format!("fl1;you;{};me:{}", 1_u64 << 62, 1_u64 << 62)), OLD);
    assert_eq!(desk.assign(group(-1, ""), OLD).note.found, Found::Expired);
    let assignment = desk.assign(group(0, &format!("fl1;me;{};", 1_u64 << 62)), OLD);
    desk.epoch = desk.book.out_of_range(&at(), assignment.epoch, (i64::MIN, i64::MIN), OLD).unwrap().epoch;
    desk.epoch = desk.book.out_of_range(&at(), desk.epoch, (i64::MAX, i64::MAX), OLD).unwrap().epoch;
    desk.tick();
    desk.take_all();
    desk.tick();
}

#[test]
fn saved_is_small_and_comes_back_as_it_was() {
    let saved = two_entries().saved();
    let bytes = postcard::to_stdvec(&saved).unwrap();
    assert!(bytes.len() < 80, "{}", bytes.len());
    assert_eq!(postcard::from_bytes::<Saved>(&bytes).unwrap(), saved);
    assert!(postcard::from_bytes::<LedgerId>(&postcard::to_stdvec("no;name").unwrap()).is_err());
}

/// Two entries of an earlier life, [100, 110) with 5 and [110, 120) with 4.
fn two_entries() -> Desk {
    let mut desk = Desk::reading();
    desk.count(110, 5);
    desk.tick();
    let _ = desk.due();
    desk.count(120, 4);
    desk.tick();
    desk.crash();
    desk
}
