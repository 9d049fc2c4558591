//! F31 to F33, F40: many files, and events that do not come.

use std::time::Duration;

use faultline::source::paths::Paths;
use faultline::source::tail::{BLOCK_BYTES, Events, Start};

use super::scene::{FIRST, LIVE, everywhere};
use crate::sim::Machine;
use crate::tailing::lines::{Following, setting};

#[test]
fn f31_events_that_are_lost_or_never_come_lose_nothing() {
    everywhere(|scene| {
        let nothing = Events::default();
        scene.write(LIVE, 2);
        scene.following.step_told(&nothing);
        scene.rename(LIVE, FIRST);
        scene.write(LIVE, 2);
        for _ in 0..6 {
            scene.machine.advance(Duration::from_millis(500));
            scene.following.step_told(&nothing);
        }
        scene.write(LIVE, 1);
        let all: u64 = scene.following.committed.lines.values().sum();
        scene.machine.advance(Duration::from_millis(1100));
        // An overflow: something happened, nobody says what.
        scene.following.step_told(&Events { is_incomplete: true, ..Events::default() });
        scene.pass(2.0);
        assert!(scene.following.committed.lines.values().sum::<u64>() > all || scene.way.end.is_some());
        scene.check_nothing_lost();
    });
}

/// Files of a directory, with `open_files_max` and as many descriptors of the system.
fn many(files: u64, descriptors: usize) -> (Machine, Following) {
    let machine = Machine::new(3);
    machine.mkdir("/logs");
    machine.limit_descriptors(descriptors);
    let mut setting = setting(&["/logs/*"], Start::Auto);
    setting.open_files_max = descriptors / 2;
    let mut following = Following::new(&machine, setting);
    following.step();
    following.deliver();
    following.commit();
    for n in 0..files {
        machine.write(format!("/logs/{n}.log"), format!("first {n}\n"));
    }
    (machine, following)
}

fn counted(following: &Following) -> (usize, u64) {
    (following.committed.lines.len(), following.committed.lines.values().sum())
}

#[test]
fn f32_ten_thousand_files_are_read_with_a_thousand_descriptors() {
    let (machine, mut following) = many(10_000, 1024);
    following.steps(3, Duration::from_secs(1));
    assert!(machine.open_files() <= 512, "{}", machine.open_files());
    for round in 0..2 {
        for n in 0..10_000 {
            machine.write(format!("/logs/{n}.log"), format!("round {round} {n}\n"));
        }
        following.steps(2, Duration::from_secs(1));
        assert!(machine.open_files() <= 512 + 64, "{}", machine.open_files());
        following.restart();
    }
    following.quiet();
    assert_eq!(counted(&following), (30_000, 30_000));
    assert!(following.committed.lost.is_empty());
}

#[test]
fn f32_files_that_rest_cost_a_look_at_each_and_nothing_else() {
    let (machine, mut following) = many(5_000, 1024);
    following.quiet();
    let before = machine.calls();
    following.steps(10, Duration::from_secs(1));
    let each = (machine.calls() - before) as f64 / 50_000.0;
    assert!(each < 1.01, "{each} calls for each file and look");
}

#[test]
fn f32_fewer_descriptors_than_it_was_told_to_use_only_make_it_slower() {
    let (machine, mut following) = many(300, 16);
    following.setting.open_files_max = 200;
    following.restart();
    following.steps(60, Duration::from_secs(1));
    for n in 0..300 {
        machine.write(format!("/logs/{n}.log"), format!("more {n}\n"));
    }
    following.steps(60, Duration::from_secs(1));
    following.quiet();
    assert_eq!(counted(&following), (600, 600));
}

#[test]
fn f33_files_that_come_and_go_all_the_time_leave_nothing_behind() {
    let machine = Machine::new(5);
    machine.mkdir("/logs");
    let mut setting = setting(&["/logs/*"], Start::Auto);
    setting.open_files_max = 256;
    let mut following = Following::new(&machine, setting);
    following.step();
    following.deliver();
    following.commit();
    let mut most = (0, 0);
    // A hundred a second, gone after three seconds.
    for n in 0..30_000u64 {
        machine.write(format!("/logs/job-{n:06}.log"), format!("job {n}\nend {n}\n"));
        if n >= 300 {
            machine.remove(format!("/logs/job-{:06}.log", n - 300));
        }
        machine.advance(Duration::from_millis(10));
        if n % 50 == 49 {
            following.step();
        }
        if n % 100 == 99 {
            following.deliver();
            following.commit();
            most = (most.0.max(machine.open_files()), most.1.max(following.marks()));
        }
    }
    following.quiet();
    assert_eq!(counted(&following), (60_000, 60_000));
    assert!(following.committed.lost.is_empty(), "{:?}", following.committed.lost);
    // Deleted ones are remembered, 4,096 of them and those of the minute between two sweeps.
    assert!(most.0 <= 300 && most.1 <= 4_096 + 6_000 + 1_000, "descriptors and marks: {most:?}");
}

#[test]
fn f40_a_firehose_does_not_keep_others_waiting() {
    let machine = Machine::new(6);
    machine.mkdir("/logs");
    let mut following = Following::new(&machine, setting(&["/logs/*"], Start::Beginning));
    let torrent: Vec<u8> = b"x\n".repeat(20 * BLOCK_BYTES);
    machine.write("/logs/a-firehose.log", &torrent);
    for n in 0..100 {
        machine.write(format!("/logs/slow-{n}.log"), format!("slow {n}\nend\n"));
    }
    following.look(&Events { is_incomplete: true, ..Events::default() });
    // Two turns: the first block of each, and no more of the firehose than that.
    assert!(following.read_some());
    assert!(following.read_some());
    following.deliver();
    following.commit();
    let slow = (0..100).filter(|n| following.count_of(&format!("slow {n}\n")) == 1).count();
    assert_eq!(slow, 100);
    assert!(following.count_of("x\n") <= BLOCK_BYTES as u64);
    following.quiet();
    assert_eq!(following.count_of("x\n"), torrent.len() as u64 / 2);
}

#[test]
fn f40_a_look_finds_the_slow_ones_also_while_the_firehose_is_never_read_to_its_end() {
    let machine = Machine::new(6);
    machine.mkdir("/logs");
    let mut setting = setting(&["/logs/*"], Start::Beginning);
    setting.paths = Paths::new(&["/logs/*"], &[]).unwrap();
    let mut following = Following::new(&machine, setting);
    machine.write("/logs/firehose.log", b"x\n".repeat(BLOCK_BYTES));
    for round in 0..20 {
        machine.write("/logs/firehose.log", b"x\n".repeat(BLOCK_BYTES));
        machine.write("/logs/slow.log", format!("slow {round}\nend\n"));
        following.look(&Events { is_incomplete: true, ..Events::default() });
        assert!(following.read_some());
        machine.advance(Duration::from_millis(500));
        following.deliver();
        following.commit();
        assert_eq!(following.count_of(&format!("slow {round}\n")), 1);
    }
}
