//! F7 to F12: files are cut off, copied before that or not.

use std::time::Duration;

use super::scene::{FIRST, LIVE, Scene, everywhere, without_crash};
use crate::sim::Holding;

fn lost_truncated(scene: &Scene) -> u64 {
    scene.following.committed.lost.get("truncated").copied().unwrap_or(0)
}

#[test]
fn f07_copytruncate_of_a_paused_writer_loses_and_doubles_nothing() {
    everywhere(|scene| {
        scene.write(LIVE, 3);
        scene.look();
        scene.write(LIVE, 2);
        scene.copy(LIVE, FIRST);
        scene.truncate(LIVE, 0);
        scene.write(LIVE, 2);
        scene.look();
        scene.pass(3.0);
        scene.write(LIVE, 1);
        scene.check_nothing_lost();
    });
}

#[test]
fn f07_looks_at_every_moment_of_a_copytruncate_change_nothing() {
    everywhere(|scene| {
        scene.write(LIVE, 3);
        scene.look();
        scene.commit();
        scene.write(LIVE, 2);
        scene.copy(LIVE, FIRST);
        scene.look();
        scene.truncate(LIVE, 0);
        scene.look();
        scene.write(LIVE, 2);
        scene.look();
        scene.pass(2.0);
        scene.check_nothing_lost();
    });
}

#[test]
fn f07_a_copy_that_is_made_in_pieces_is_one_all_the_same() {
    everywhere(|scene| {
        scene.write(LIVE, 4);
        scene.pass(1.0);
        let content = scene.machine.content(LIVE);
        let (half, rest) = content.split_at(content.len() / 2 + 3);
        scene.put(FIRST, half);
        scene.look();
        scene.put(FIRST, rest);
        scene.look();
        scene.truncate(LIVE, 0);
        scene.write(LIVE, 2);
        scene.pass(3.0);
        scene.check_nothing_lost();
    });
}

#[test]
fn f08_an_active_writer_loses_only_what_it_wrote_between_copy_and_cut() {
    without_crash(|scene| {
        scene.write(LIVE, 3);
        scene.look();
        scene.copy(LIVE, FIRST);
        let between = scene.write(LIVE, 4);
        // Nobody looks: of these no one knows that they were there.
        scene.truncate(LIVE, 0);
        scene.doubt(&between);
        scene.write(LIVE, 2);
        scene.check();
        assert!(scene.following.committed.lost_bytes() <= between.len() as u64, "{:?}", scene.way);
    });
}

#[test]
fn f08_bytes_whose_length_was_seen_and_that_are_cut_off_unread_are_counted_exactly() {
    without_crash(|scene| {
        scene.write(LIVE, 3);
        scene.look();
        scene.pass(2.0);
        let between = scene.write(LIVE, 4);
        let mut events = faultline::source::tail::Events::default();
        events.paths.insert(LIVE.into());
        scene.following.look(&events);
        scene.truncate(LIVE, 0);
        scene.forget(&between);
        scene.write(LIVE, 1);
        scene.check();
        assert_eq!(lost_truncated(scene), between.len() as u64, "{:?}", scene.way);
        assert_eq!(scene.following.committed.truncations, 1);
    });
}

#[test]
fn f08_with_a_crash_nothing_is_doubled_and_what_was_copied_is_counted() {
    everywhere(|scene| {
        scene.write(LIVE, 3);
        scene.look();
        scene.copy(LIVE, FIRST);
        let between = scene.write(LIVE, 4);
        scene.look();
        scene.doubt(&between);
        scene.truncate(LIVE, 0);
        scene.write(LIVE, 2);
        scene.pass(3.0);
        scene.check();
    });
}

#[test]
fn f09_a_hole_after_a_copytruncate_is_skipped_and_lines_behind_it_are_counted() {
    everywhere(|scene| {
        let mut held = scene.machine.hold(LIVE, Holding::InPlace);
        // It stands behind what is there.
        let first = scene.machine.content(LIVE);
        held.write(&first);
        for _ in 0..40 {
            let lines = scene.lines(10);
            held.write(&lines);
        }
        scene.step();
        scene.look();
        scene.copy(LIVE, FIRST);
        scene.truncate(LIVE, 0);
        scene.look();
        let lines = scene.lines(3);
        held.write(&lines);
        scene.step();
        scene.look();
        let lines = scene.lines(3);
        held.write(&lines);
        scene.step();
        scene.pass(3.0);
        scene.check_nothing_lost();
    });
}

#[test]
fn f09_a_hole_of_gigabytes_costs_a_few_calls() {
    without_crash(|scene| {
        scene.truncate(LIVE, 0);
        scene.look();
        let line = scene.line();
        scene.machine.write_at(LIVE, 8 << 30, &line);
        let before = scene.machine.calls();
        scene.look();
        scene.pass(2.0);
        assert!(scene.machine.calls() - before < 200, "{}", scene.machine.calls() - before);
        scene.check_nothing_lost();
        assert_eq!(scene.following.committed.skipped.get("hole"), Some(&(8 << 30)));
    });
}

#[test]
fn f10_truncated_and_grown_past_the_old_place_before_the_next_look() {
    everywhere(|scene| {
        scene.write(LIVE, 2);
        scene.settle();
        scene.truncate(LIVE, 0);
        scene.write(LIVE, 9);
        scene.look();
        scene.pass(2.0);
        scene.check_nothing_lost();
    });
}

#[test]
fn f10_the_same_where_the_first_line_is_always_the_same() {
    everywhere(|scene| {
        let header = format!("# {}\n", "header ".repeat(60)).into_bytes();
        // Counted as often as it was written: not by this oracle.
        scene.settle();
        scene.truncate(LIVE, 0);
        scene.settle();
        scene.put(LIVE, &header);
        scene.write(LIVE, 3);
        scene.settle();
        scene.truncate(LIVE, 0);
        scene.machine.write(LIVE, &header);
        let lines = scene.write(LIVE, 9);
        scene.pass(2.0);
        scene.following.quiet();
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            assert_eq!(scene.following.committed.lines.get(line), Some(&1), "{:?}", scene.way);
        }
        assert_eq!(scene.following.committed.lines.get(&header), Some(&2), "{:?}", scene.way);
        scene.following.committed.lines.remove(&header);
        scene.check_nothing_lost();
    });
}

#[test]
fn f10_the_same_where_all_lines_end_alike() {
    everywhere(|scene| {
        let end = "y".repeat(300);
        let write = |scene: &mut Scene, from: u32, to: u32| {
            for n in from..to {
                let line = format!("{n:08} ERROR drm MDRM-508 {end}\n").into_bytes();
                scene.owe(&line);
                scene.machine.write(LIVE, &line);
            }
            scene.step();
        };
        scene.settle();
        scene.truncate(LIVE, 0);
        scene.settle();
        write(scene, 0, 3);
        scene.settle();
        scene.truncate(LIVE, 0);
        write(scene, 3, 12);
        scene.look();
        scene.pass(2.0);
        scene.check_nothing_lost();
    });
}

#[test]
fn f11_truncated_and_written_to_the_same_size() {
    everywhere(|scene| {
        let lines = scene.write(LIVE, 3);
        scene.settle();
        let size = scene.machine.content(LIVE).len();
        scene.truncate(LIVE, 0);
        let mut others = scene.lines(3);
        let missing = size - others.len() - 1;
        others.extend(std::iter::repeat_n(b'y', missing));
        others.push(b'\n');
        let filler = [&b"y".repeat(missing)[..], b"\n"].concat();
        scene.owe(&filler);
        scene.put(LIVE, &others);
        assert_eq!(scene.machine.content(LIVE).len(), size);
        assert!(!lines.is_empty());
        scene.look();
        scene.pass(2.0);
        scene.check_nothing_lost();
    });
}

#[test]
fn f12_truncated_to_the_middle_goes_on_at_the_new_end() {
    without_crash(middle);
    // Of a file of a few bytes a new life knows only what all of them were.
    everywhere(|scene| {
        if scene.way.is_long {
            middle(scene);
        }
    });
}

fn middle(scene: &mut Scene) {
    scene.write(LIVE, 2);
    let kept = scene.machine.content(LIVE).len() as u64;
    scene.write(LIVE, 3);
    scene.settle();
    // Grown again before anybody looks, the lines up to the old length would be taken for known ones.
    scene.machine.truncate(LIVE, kept);
    scene.following.step();
    scene.commit();
    scene.write(LIVE, 2);
    scene.pass(2.0);
    scene.check_nothing_lost();
}

#[test]
fn f12_a_half_line_that_was_cut_off_is_dropped_and_counted_as_lost() {
    without_crash(|scene| {
        scene.write(LIVE, 2);
        let kept = scene.machine.content(LIVE).len() as u64;
        scene.put(LIVE, b"ERROR drm MDRM-5");
        scene.look();
        scene.machine.advance(Duration::from_secs(2));
        scene.truncate(LIVE, kept);
        scene.look();
        scene.write(LIVE, 2);
        scene.check();
        assert_eq!(lost_truncated(scene), 16, "{:?}", scene.way);
    });
}
