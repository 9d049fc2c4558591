//! F1 to F6, F41: files are renamed, and others take their names.

use std::time::Duration;

use super::scene::{FIRST, LIVE, Scene, everywhere, without_crash};
use crate::sim::Holding;

const SECOND: &str = "/logs/app.log.2";
const THIRD: &str = "/logs/app.log.3";

fn rotations(scene: &Scene) -> u64 {
    scene.following.committed.rotations
}

#[test]
fn f01_rename_and_create_while_idle_loses_and_doubles_nothing() {
    everywhere(|scene| {
        scene.write(LIVE, 3);
        scene.look();
        scene.commit();
        scene.rename(LIVE, FIRST);
        scene.write(LIVE, 2);
        scene.pass(2.0);
        scene.write(LIVE, 1);
        scene.pass(2.0);
        scene.check_nothing_lost();
    });
}

#[test]
fn f01_lines_between_the_last_look_and_the_rename_are_counted() {
    everywhere(|scene| {
        scene.look();
        scene.write(LIVE, 3);
        scene.rename(LIVE, FIRST);
        scene.write(LIVE, 2);
        scene.look();
        scene.pass(2.0);
        scene.check_nothing_lost();
    });
}

#[test]
fn f01_a_rotation_is_counted_once() {
    without_crash(|scene| {
        scene.rename(LIVE, FIRST);
        scene.write(LIVE, 2);
        scene.pass(20.0);
        assert_eq!(rotations(scene), 1, "{:?}", scene.way);
    });
}

#[test]
fn f01_a_rotation_is_counted_once_over_restarts() {
    without_crash(|scene| {
        scene.rename(LIVE, FIRST);
        scene.write(LIVE, 2);
        scene.pass(1.0);
        for _ in 0..3 {
            scene.following.restart();
            scene.pass(1.0);
        }
        scene.pass(20.0);
        assert_eq!(rotations(scene), 1, "{:?}", scene.way);
    });
}

#[test]
fn f02_half_a_line_whose_rest_never_comes_is_counted_alone_after_the_rotate_wait() {
    everywhere(|scene| {
        scene.write(LIVE, 2);
        scene.look();
        let half = b"ERROR drm MDRM-508 seq=half".to_vec();
        scene.owe(&half);
        scene.put(LIVE, &half);
        scene.look();
        scene.rename(LIVE, FIRST);
        scene.write(LIVE, 2);
        scene.pass(3.0);
        scene.pass(6.0);
        scene.write(LIVE, 1);
        scene.check_nothing_lost();
    });
}

#[test]
fn f02_half_a_line_waits_for_the_whole_rotate_wait() {
    without_crash(|scene| {
        let half = b"ERROR drm MDRM-508 seq=half".to_vec();
        scene.owe(&half);
        scene.put(LIVE, &half);
        scene.look();
        scene.rename(LIVE, FIRST);
        let half = String::from_utf8(half).unwrap();
        scene.pass(4.0);
        assert_eq!(scene.following.count_of(&half), 0, "{:?}", scene.way);
        scene.pass(3.0);
        assert_eq!(scene.following.count_of(&half), 1, "{:?}", scene.way);
    });
}

#[test]
fn f03_a_writer_that_keeps_the_old_file_is_read_beside_the_new_one() {
    everywhere(|scene| {
        let mut stale = scene.machine.hold(LIVE, Holding::Append);
        scene.rename(LIVE, FIRST);
        scene.write(LIVE, 2);
        for _ in 0..4 {
            let lines = scene.lines(2);
            stale.write(&lines);
            scene.step();
            scene.pass(1.0);
            scene.write(LIVE, 1);
            scene.pass(2.0);
        }
        let line = scene.line();
        let (half, rest) = line.split_at(9);
        stale.write(half);
        scene.pass(2.0);
        stale.write(rest);
        scene.pass(2.0);
        scene.check_nothing_lost();
    });
}

#[test]
fn f03_the_old_descriptor_is_closed_once_its_writer_was_silent() {
    without_crash(|scene| {
        scene.rename(LIVE, FIRST);
        scene.write(LIVE, 1);
        scene.pass(8.0);
        let is_followed = scene.way.glob != LIVE;
        let most = if is_followed && scene.way.open_files_max > 1 { 2 } else { 1 };
        assert!(scene.machine.open_files() <= most, "{:?}", scene.way);
    });
}

fn rotate_thrice(scene: &mut Scene) -> Vec<Vec<u8>> {
    let mut generations = vec![scene.write(LIVE, 2)];
    scene.rename(LIVE, THIRD);
    scene.machine.advance(Duration::from_millis(30));
    generations.push(scene.write(LIVE, 3));
    scene.rename(LIVE, SECOND);
    scene.machine.advance(Duration::from_millis(30));
    generations.push(scene.write(LIVE, 4));
    scene.rename(LIVE, FIRST);
    scene.machine.advance(Duration::from_millis(30));
    generations.push(scene.write(LIVE, 2));
    generations
}

#[test]
fn f04_every_generation_of_several_rotations_between_two_looks_is_found() {
    everywhere(|scene| {
        rotate_thrice(scene);
        scene.look();
        scene.pass(2.0);
        scene.check_nothing_lost();
    });
}

#[test]
fn f04_generations_are_read_oldest_first() {
    without_crash(|scene| {
        let generations = rotate_thrice(scene);
        scene.check_nothing_lost();
        let order = &scene.following.committed.order;
        let first = |lines: &Vec<u8>| lines.split_inclusive(|byte| *byte == b'\n').next().unwrap().to_vec();
        let places: Vec<usize> = generations
            .iter()
            .map(|lines| order.iter().position(|line| *line == first(lines)).unwrap())
            .collect();
        assert!(places.is_sorted(), "{places:?} {:?}", scene.way);
    });
}

#[test]
fn f04_rotations_by_date_while_the_process_was_down_are_found() {
    for names in
        [["/logs/app.log-20261119", "/logs/app.log-20261120"], ["/logs/app-1.log", "/logs/app-2.log"]]
    {
        everywhere(|scene| {
            scene.write(LIVE, 2);
            scene.look();
            scene.rename(LIVE, names[0]);
            scene.machine.advance(Duration::from_secs(60));
            scene.write(LIVE, 3);
            scene.rename(LIVE, names[1]);
            scene.machine.advance(Duration::from_secs(60));
            scene.write(LIVE, 1);
            scene.following.crash();
            scene.pass(3.0);
            scene.check_nothing_lost();
        });
    }
}

#[test]
fn f06_rotated_names_that_the_glob_takes_are_the_files_that_they_were() {
    everywhere(|scene| {
        scene.write(LIVE, 2);
        scene.look();
        scene.rename(LIVE, FIRST);
        scene.write(LIVE, 1);
        scene.pass(1.0);
        scene.rename(FIRST, SECOND);
        scene.rename(LIVE, FIRST);
        scene.write(LIVE, 1);
        scene.pass(8.0);
        scene.rename(SECOND, THIRD);
        scene.rename(FIRST, SECOND);
        scene.rename(LIVE, FIRST);
        scene.write(LIVE, 1);
        scene.pass(1.0);
        scene.remove(THIRD);
        scene.pass(2.0);
        scene.check_nothing_lost();
    });
}

#[test]
fn f41_three_rotations_while_the_process_was_stopped_for_a_minute() {
    everywhere(|scene| {
        scene.look();
        for to in [THIRD, SECOND, FIRST] {
            scene.write(LIVE, 3);
            scene.rename(LIVE, to);
            scene.machine.advance(Duration::from_secs(20));
        }
        scene.write(LIVE, 1);
        scene.look();
        scene.pass(6.0);
        scene.check_nothing_lost();
    });
}
