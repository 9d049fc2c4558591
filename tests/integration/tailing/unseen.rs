//! Generations that came and went between two looks, so that nothing that is followed tells of them.

use std::time::Duration;

use faultline::source::tail::Start;

use super::lines::{Following, setting};
use crate::sim::Machine;

fn started() -> (Machine, Following) {
    let machine = Machine::new(1);
    machine.mkdir("/logs");
    machine.write("/logs/app.log", b"one\n");
    let mut following = Following::new(&machine, setting(&["/logs/app.log"], Start::Beginning));
    following.quiet();
    (machine, following)
}

#[test]
fn a_file_that_was_made_and_rotated_away_between_two_looks_is_read() {
    let (machine, mut following) = started();
    machine.rename("/logs/app.log", "/logs/app.log.1");
    // Nothing has the name at this look, and nothing has it at the next.
    following.steps(2, Duration::from_secs(2));
    machine.write("/logs/app.log", b"two\n");
    machine.rename("/logs/app.log", "/logs/app.log.2");
    following.quiet();
    assert_eq!([following.count_of("one\n"), following.count_of("two\n")], [1, 1]);
}

#[test]
fn a_file_that_was_empty_filled_copied_and_cut_off_between_two_looks_is_read() {
    let (machine, mut following) = started();
    machine.truncate("/logs/app.log", 0);
    following.quiet();
    machine.write("/logs/app.log", b"two\n");
    machine.copy("/logs/app.log", "/logs/app.log.1");
    machine.truncate("/logs/app.log", 0);
    machine.write("/logs/app.log", b"three and more\n");
    following.quiet();
    assert_eq!([following.count_of("two\n"), following.count_of("three and more\n")], [1, 1]);
}

#[test]
fn a_rotation_is_counted_once_whatever_restarts_and_renames_follow() {
    for glob in ["/logs/app.log", "/logs/app.log*"] {
        let machine = Machine::new(1);
        machine.mkdir("/logs");
        machine.write("/logs/app.log", b"one\n");
        let mut following = Following::new(&machine, setting(&[glob], Start::Beginning));
        following.quiet();
        for turn in 0..3 {
            for place in (1..=turn).rev() {
                machine.rename(format!("/logs/app.log.{place}"), format!("/logs/app.log.{}", place + 1));
            }
            machine.rename("/logs/app.log", "/logs/app.log.1");
            if turn == 1 {
                following.restart();
            }
            machine.write("/logs/app.log", format!("line {turn}\n").as_bytes());
            following.step();
            following.restart();
            following.step();
            following.quiet();
            following.crash();
            following.quiet();
        }
        assert_eq!(following.committed.rotations, 3, "{glob}");
    }
}
