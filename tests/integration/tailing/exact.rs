//! Single decisions of the tail that played rotations reach seldom, with the exact counts that they come to.

use std::io::Write;
use std::time::Duration;

use faultline::source::tail::{Claims, Events, Start};

use super::lines::{Following, setting};
use crate::sim::{Holding, Machine};

const LIVE: &str = "/logs/app.log";
const FIRST: &str = "/logs/app.log.1";
const SECOND: &str = "/logs/app.log.2";
const WITH_GENERATIONS: &str = "/logs/app.log*";

fn empty() -> Machine {
    let machine = Machine::new(1);
    machine.mkdir("/logs");
    machine
}

/// A source whose file holds `content`, all of it read and committed.
fn followed(glob: &str, content: &[u8]) -> (Machine, Following) {
    let machine = empty();
    machine.write(LIVE, content);
    let mut following = Following::new(&machine, setting(&[glob], Start::Beginning));
    following.quiet();
    (machine, following)
}

fn long(word: &str) -> String {
    format!("{word} {}\n", "x".repeat(400))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn lost(following: &Following) -> Vec<(&'static str, u64)> {
    following.committed.lost.iter().map(|(reason, bytes)| (*reason, *bytes)).collect()
}

#[test]
fn of_two_copies_the_second_of_which_is_found_with_the_cut_one_is_read_on() {
    for glob in [LIVE, WITH_GENERATIONS] {
        let one = long("one");
        let (machine, mut following) = followed(glob, one.as_bytes());
        machine.copy(LIVE, FIRST);
        machine.write(LIVE, b"two\n");
        following.quiet();
        machine.copy(LIVE, SECOND);
        machine.truncate(LIVE, 0);
        machine.write(LIVE, b"three\n");
        following.quiet();
        let counts = [one.as_str(), "two\n", "three\n"].map(|line| following.count_of(line));
        assert_eq!(counts, [1, 1, 1], "{glob}");
        assert_eq!(lost(&following), [], "{glob}");
    }
}

#[test]
fn a_file_with_the_number_of_a_deleted_one_that_is_rotated_away_unseen_is_read() {
    let (machine, mut following) = followed(LIVE, b"one\n");
    machine.remove(LIVE);
    following.quiet();
    machine.write(LIVE, b"two\n");
    machine.rename(LIVE, FIRST);
    following.quiet();
    assert_eq!([following.count_of("one\n"), following.count_of("two\n")], [1, 1]);
}

#[test]
fn what_a_deleted_file_had_more_than_its_copy_is_counted_as_lost() {
    let (machine, mut following) = followed(LIVE, long("one").as_bytes());
    machine.chmod(LIVE, 0);
    following.restart();
    machine.write(LIVE, b"two\n");
    machine.copy(LIVE, FIRST);
    machine.chmod(FIRST, 0o644);
    following.quiet();
    machine.write(LIVE, b"three\n");
    following.quiet();
    machine.remove(LIVE);
    following.quiet();
    assert_eq!([following.count_of("two\n"), following.count_of("three\n")], [1, 0]);
    assert_eq!(lost(&following), [("deleted", 6)]);
}

#[test]
fn a_generation_that_only_begins_like_the_file_is_no_copy_of_it() {
    let header = long("header");
    let (machine, mut following) = followed(WITH_GENERATIONS, format!("{header}one\n").as_bytes());
    machine.write(FIRST, format!("{header}another one\n"));
    following.quiet();
    let counts = [header.as_str(), "one\n", "another one\n"].map(|line| following.count_of(line));
    assert_eq!(counts, [2, 1, 1]);
}

#[test]
fn generations_that_are_older_than_the_first_start_are_never_read() {
    let machine = empty();
    machine.write(FIRST, b"old\n");
    machine.write("/logs/app.log.2.gz", gzip(b"older\n"));
    machine.advance(Duration::from_secs(10));
    machine.write(LIVE, b"one\n");
    let mut following = Following::new(&machine, setting(&[LIVE], Start::Beginning));
    following.quiet();
    machine.rename("/logs/app.log.2.gz", "/logs/app.log.3.gz");
    machine.rename(FIRST, SECOND);
    machine.rename(LIVE, FIRST);
    machine.write(LIVE, b"two\n");
    following.quiet();
    following.restart();
    following.quiet();
    let counts = ["old\n", "older\n", "one\n", "two\n"].map(|line| following.count_of(line));
    assert_eq!(counts, [0, 0, 1, 1]);
}

#[test]
fn a_compressed_generation_whose_time_is_that_of_its_second_is_not_older_than_the_start() {
    let machine = empty();
    let wall = || (machine.clock())().wall.0;
    let to_the_next = 1000 - wall() % 1000;
    machine.advance(Duration::from_millis(to_the_next as u64 + 400));
    machine.write(LIVE, b"one\n");
    let mut following = Following::new(&machine, setting(&[LIVE], Start::Beginning));
    following.step();
    let second = wall() - wall() % 1000;
    machine.write("/logs/app.log.1.gz", gzip(b"two\n"));
    machine.set_modified("/logs/app.log.1.gz", second);
    following.quiet();
    assert_eq!(following.count_of("two\n"), 1);
}

#[test]
fn where_a_file_begins_depends_on_when_it_was_found() {
    for (start, counts) in [(Start::Auto, [0, 1, 1]), (Start::End, [0, 1, 0]), (Start::Beginning, [1, 1, 1])]
    {
        let machine = empty();
        machine.write("/logs/a.log", b"there\n");
        let mut following = Following::new(&machine, setting(&["/logs/*.log"], start));
        following.quiet();
        machine.write("/logs/b.log", b"appeared\n");
        following.quiet();
        following.restart();
        machine.write("/logs/c.log", b"while away\n");
        following.quiet();
        let counted = ["there\n", "appeared\n", "while away\n"].map(|line| following.count_of(line));
        assert_eq!(counted, counts, "{start:?}");
    }
}

#[test]
fn who_begins_at_the_end_begins_at_the_line_that_is_being_written() {
    let machine = empty();
    machine.write(LIVE, b"old\nhal");
    let mut following = Following::new(&machine, setting(&[LIVE], Start::End));
    following.step();
    machine.write(LIVE, b"f\n");
    following.quiet();
    assert_eq!([following.count_of("old\n"), following.count_of("half\n")], [0, 1]);
}

#[test]
fn who_begins_at_the_end_of_wide_text_begins_at_a_whole_unit() {
    let machine = empty();
    machine.write(LIVE, b"\xFF\xFEa\0\n\0b");
    let mut following = Following::new(&machine, setting(&[LIVE], Start::End));
    following.step();
    machine.write(LIVE, b"\0\n\0");
    following.quiet();
    assert_eq!(following.count_of("b\0\n"), 1);
}

#[test]
fn what_is_deleted_is_known_for_an_hour_and_forgotten_then() {
    let one = long("one");
    let (machine, mut following) = followed(WITH_GENERATIONS, one.as_bytes());
    machine.remove(LIVE);
    following.steps(50, Duration::from_secs(60));
    assert_eq!(following.marks(), 2, "the start and the file");
    // A backup of it.
    machine.write(FIRST, &one);
    following.quiet();
    assert_eq!(following.count_of(&one), 1);
    machine.remove(FIRST);
    following.steps(65, Duration::from_secs(60));
    following.quiet();
    assert_eq!(following.marks(), 1, "the start");
}

#[test]
fn of_two_sources_that_name_a_file_one_counts_it() {
    let machine = empty();
    machine.write(LIVE, b"one\n");
    let claims = Claims::default();
    let begin = |holder| {
        Following::among(&machine, setting(&["/logs/*.log"], Start::Beginning), claims.clone(), holder)
    };
    let (mut first, mut second) = (begin(0), begin(1));
    first.step();
    second.step();
    first.quiet();
    second.quiet();
    assert_eq!([first.count_of("one\n"), second.count_of("one\n")], [1, 0]);
}

#[test]
fn a_half_line_in_a_rotated_file_is_judged_after_the_rotate_wait_also_over_a_restart() {
    let (machine, mut following) = followed(WITH_GENERATIONS, b"one\nhalf");
    machine.rename(LIVE, FIRST);
    following.step();
    following.restart();
    following.quiet();
    assert_eq!([following.count_of("one\n"), following.count_of("half")], [1, 1]);
}

#[test]
fn the_last_line_of_a_compressed_file_needs_no_end() {
    let machine = empty();
    machine.write("/logs/all.gz", gzip(b"one\nhalf"));
    let mut following = Following::new(&machine, setting(&["/logs/*"], Start::Beginning));
    following.quiet();
    assert_eq!([following.count_of("one\n"), following.count_of("half")], [1, 1]);
}

#[test]
fn a_deleted_file_that_is_read_to_its_end_is_not_closed_for_others() {
    let machine = empty();
    machine.write(LIVE, b"one\n");
    let mut held = machine.hold(LIVE, Holding::Append);
    let mut setting = setting(&["/logs/*.log"], Start::Beginning);
    setting.open_files_max = 1;
    let mut following = Following::new(&machine, setting);
    following.step();
    machine.remove(LIVE);
    following.step();
    for name in ["b", "c"] {
        machine.write(format!("/logs/{name}.log"), b"other\n");
        following.step();
    }
    held.write(b"late\n");
    following.quiet();
    assert_eq!(
        [following.count_of("one\n"), following.count_of("late\n"), following.count_of("other\n")],
        [1, 1, 2]
    );
    assert_eq!(lost(&following), []);
}

#[test]
fn a_file_that_is_only_made_shorter_counts_as_truncated_once() {
    let (machine, mut following) = followed(LIVE, format!("{}two\n", long("one")).as_bytes());
    machine.truncate(LIVE, long("one").len() as u64);
    following.quiet();
    machine.write(LIVE, b"three\n");
    following.quiet();
    assert_eq!(following.committed.truncations, 1);
    assert_eq!(["two\n", "three\n"].map(|line| following.count_of(line)), [1, 1]);
    assert_eq!(lost(&following), []);
}

/// Sees how long the file is and reads nothing.
fn look_only(following: &mut Following) {
    let mut events = Events::default();
    events.paths.insert(LIVE.into());
    following.look(&events);
}

#[test]
fn what_could_not_be_read_before_it_was_deleted_is_lost_and_stays_lost() {
    let one = long("one");
    let (machine, mut following) = followed(LIVE, one.as_bytes());
    machine.chmod(LIVE, 0);
    following.restart();
    machine.write(LIVE, b"two\n");
    following.quiet();
    machine.remove(LIVE);
    following.quiet();
    assert_eq!(lost(&following), [("deleted", 4)]);
    machine.write(LIVE, b"three\n");
    following.quiet();
    machine.write(FIRST, format!("{one}two\n"));
    following.quiet();
    let counts = [one.as_str(), "two\n", "three\n"].map(|line| following.count_of(line));
    assert_eq!((counts, lost(&following)), ([1, 0, 1], vec![("deleted", 4)]));
}

#[test]
fn a_hole_within_one_block_is_counted() {
    let (machine, mut following) = followed(LIVE, b"one\n");
    machine.write_at(LIVE, 104, b"two\n");
    following.quiet();
    assert_eq!(following.count_of("two\n"), 1);
    assert_eq!(following.committed.skipped.get("hole"), Some(&100));
}

#[test]
fn damage_is_counted_once_however_often_the_file_is_touched() {
    let machine = empty();
    let mut packed = gzip(long("one").repeat(50).as_bytes());
    let middle = packed.len() / 2;
    packed[middle..].fill(0xFF);
    machine.write("/logs/all.gz", &packed);
    let mut following = Following::new(&machine, setting(&["/logs/*"], Start::Beginning));
    following.quiet();
    let damaged = lost(&following);
    assert_eq!(damaged.len(), 1, "{damaged:?}");
    machine.set_modified("/logs/all.gz", 1_000_000);
    following.quiet();
    assert_eq!(lost(&following), damaged);
}

#[test]
fn a_compressed_file_that_stops_in_the_middle_for_a_few_seconds_is_not_damaged() {
    let machine = empty();
    let packed = gzip(b"one\ntwo\n");
    let (begun, rest) = packed.split_at(packed.len() - 6);
    machine.write("/logs/all.gz", begun);
    let mut following = Following::new(&machine, setting(&["/logs/*"], Start::Beginning));
    following.steps(12, Duration::from_millis(500));
    machine.write("/logs/all.gz", rest);
    following.quiet();
    assert_eq!([following.count_of("one\n"), following.count_of("two\n")], [1, 1]);
    assert_eq!(lost(&following), []);
}

#[test]
fn a_compressed_file_that_only_begins_like_a_deleted_generation_is_read_wholly() {
    let header = long("header");
    let (machine, mut following) = followed(LIVE, format!("{header}one\n").as_bytes());
    machine.rename(LIVE, FIRST);
    machine.write(LIVE, b"live\n");
    following.quiet();
    machine.remove(FIRST);
    following.steps(70, Duration::from_secs(1));
    machine.write("/logs/app.log.1.gz", gzip(format!("{header}two\n").as_bytes()));
    following.quiet();
    let counts = [header.as_str(), "one\n", "two\n"].map(|line| following.count_of(line));
    assert_eq!(counts, [2, 1, 1]);
}

#[test]
fn what_is_cut_off_unread_is_counted_exactly() {
    let one = long("one");
    // With a copy made before or not, and a restart behind the cut or not.
    for (has_copy, restarts) in [(false, false), (false, true), (true, false), (true, true)] {
        let (machine, mut following) = followed(LIVE, one.as_bytes());
        if has_copy {
            machine.copy(LIVE, FIRST);
        }
        machine.write(LIVE, b"two\n");
        look_only(&mut following);
        machine.truncate(LIVE, 0);
        machine.write(LIVE, b"three\n");
        following.step();
        if restarts {
            following.restart();
        }
        following.quiet();
        let counts = [one.as_str(), "two\n", "three\n"].map(|line| following.count_of(line));
        assert_eq!(counts, [1, 0, 1], "copy {has_copy}, restart {restarts}");
        assert_eq!(lost(&following), [("truncated", 4)], "copy {has_copy}, restart {restarts}");
    }
}

#[test]
fn half_a_line_that_is_cut_off_is_lost_with_a_copy_that_lacks_it_and_without_one() {
    let one = long("one");
    for has_copy in [false, true] {
        let (machine, mut following) = followed(LIVE, one.as_bytes());
        if has_copy {
            machine.copy(LIVE, FIRST);
        }
        machine.write(LIVE, b"half");
        following.step();
        machine.truncate(LIVE, 0);
        machine.write(LIVE, b"two\n");
        following.quiet();
        let counts = [one.as_str(), "half", "two\n"].map(|line| following.count_of(line));
        assert_eq!(counts, [1, 0, 1], "copy {has_copy}");
        assert_eq!(lost(&following), [("truncated", 4)], "copy {has_copy}");
    }
}

#[test]
fn bytes_beyond_the_new_end_of_a_shortened_file_that_nobody_read_are_lost() {
    let one = long("one");
    let (machine, mut following) = followed(LIVE, format!("{one}two\n").as_bytes());
    machine.write(LIVE, b"more\n");
    look_only(&mut following);
    machine.truncate(LIVE, one.len() as u64);
    following.quiet();
    assert_eq!((following.committed.truncations, lost(&following)), (1, vec![("truncated", 5)]));
}
