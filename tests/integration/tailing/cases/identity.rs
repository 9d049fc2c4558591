//! F13 to F18, F29: which file is which.

use std::time::Duration;

use faultline::source::paths::Paths;

use super::scene::{FIRST, LIVE, Scene, everywhere, without_crash};
use crate::sim::Holding;

const TEMPORARY: &str = "/logs/.app.log.swp";

#[test]
fn f13_an_editor_that_saves_the_file_anew_doubles_nothing() {
    everywhere(|scene| {
        if !scene.way.is_long {
            // Less than a print proves nothing: see the next test.
            return;
        }
        scene.write(LIVE, 3);
        scene.settle();
        scene.copy(LIVE, TEMPORARY);
        scene.write(TEMPORARY, 2);
        scene.rename(TEMPORARY, LIVE);
        scene.look();
        scene.write(LIVE, 1);
        scene.pass(8.0);
        scene.check_nothing_lost();
    });
}

#[test]
fn f13_another_file_in_its_place_is_read_from_its_start() {
    everywhere(|scene| {
        scene.write(LIVE, 3);
        scene.settle();
        scene.write(TEMPORARY, 5);
        scene.rename(TEMPORARY, LIVE);
        scene.look();
        scene.write(LIVE, 1);
        scene.pass(8.0);
        scene.check_nothing_lost();
    });
}

#[test]
fn f14_deleted_and_made_again_with_the_same_inode() {
    everywhere(|scene| {
        for _ in 0..3 {
            scene.write(LIVE, 3);
            scene.settle();
            scene.remove(LIVE);
            scene.write(LIVE, 5);
            scene.look();
            scene.pass(1.0);
        }
        scene.check_nothing_lost();
    });
}

#[test]
fn f14_the_inode_is_reused_once_the_old_descriptor_is_closed() {
    everywhere(|scene| {
        for _ in 0..3 {
            scene.write(LIVE, 2);
            scene.settle();
            scene.remove(LIVE);
            scene.pass(10.0);
            scene.write(LIVE, 7);
            scene.pass(1.0);
        }
        scene.check_nothing_lost();
    });
}

#[test]
fn f15_the_same_while_the_process_is_down_and_the_new_file_is_longer() {
    everywhere(|scene| {
        scene.write(LIVE, 2);
        scene.settle();
        scene.following.restart();
        scene.remove(LIVE);
        scene.write(LIVE, 9);
        scene.look();
        scene.pass(2.0);
        scene.check_nothing_lost();
    });
}

#[test]
fn f15_shorter_or_just_as_long_makes_no_difference() {
    for count in [1, 3] {
        everywhere(|scene| {
            scene.write(LIVE, 2);
            scene.settle();
            scene.following.restart();
            scene.remove(LIVE);
            scene.machine.advance(Duration::from_secs(1));
            scene.write(LIVE, count);
            scene.pass(2.0);
            scene.check_nothing_lost();
        });
    }
}

fn deleted_while_behind(scene: &mut Scene) {
    scene.look();
    let mut held = scene.machine.hold(LIVE, Holding::Append);
    let lines = scene.lines(3);
    held.write(&lines);
    scene.remove(LIVE);
    scene.machine.advance(Duration::from_millis(100));
    let lines = scene.lines(2);
    held.write(&lines);
    scene.pass(2.0);
    drop(held);
}

#[test]
fn f16_a_file_deleted_while_we_are_behind_is_read_to_its_end() {
    without_crash(|scene| {
        deleted_while_behind(scene);
        scene.write(LIVE, 2);
        scene.check_nothing_lost();
    });
}

#[test]
fn f16_its_descriptor_is_released_without_any_new_event() {
    without_crash(|scene| {
        deleted_while_behind(scene);
        scene.pass(7.0);
        assert_eq!(scene.machine.open_files(), 0, "{:?}", scene.way);
        scene.check_nothing_lost();
    });
}

#[test]
fn f16_what_a_crash_makes_unreadable_is_counted_as_lost() {
    without_crash(|scene| {
        scene.settle();
        let lines = scene.write(LIVE, 3);
        scene
            .following
            .look(&faultline::source::tail::Events { paths: [LIVE.into()].into(), is_incomplete: false });
        scene.following.deliver();
        scene.following.commit();
        scene.remove(LIVE);
        scene.following.crash();
        scene.forget(&lines);
        scene.pass(12.0);
        scene.check();
        let lost = scene.following.committed.lost.get("deleted").copied().unwrap_or(0);
        // Where the position says how long the file was seen to be.
        assert!(lost == lines.len() as u64 || lost == 0, "{lost} {:?}", scene.way);
    });
}

/// Followed through a link.
fn linked(scene: &mut Scene) {
    scene.machine.mkdir("/data");
    scene.following.setting.paths = Paths::new(&["/logs/*.log*", "/logs/current"], &[]).unwrap();
    scene.following.restart();
    scene.write("/data/a", 2);
    scene.machine.symlink("/data/a", "/logs/current");
    scene.step();
    scene.pass(2.0);
}

#[test]
fn f17_a_link_that_is_switched_leads_from_the_end_of_one_file_to_the_start_of_the_other() {
    everywhere(|scene| {
        linked(scene);
        scene.write("/data/a", 2);
        scene.look();
        scene.write("/data/a", 1);
        scene.remove("/logs/current");
        scene.machine.symlink("/data/b", "/logs/current");
        scene.step();
        scene.pass(2.0);
        scene.write("/data/b", 4);
        scene.look();
        scene.pass(8.0);
        scene.write("/data/b", 1);
        scene.pass(2.0);
        scene.check_nothing_lost();
    });
}

#[test]
fn f17_a_file_that_is_rotated_where_the_link_leads_to_is_read_to_its_end() {
    everywhere(|scene| {
        linked(scene);
        scene.write("/data/a", 2);
        scene.look();
        scene.write("/data/a", 1);
        scene.rename("/data/a", "/data/a.20261120-101010");
        scene.write("/data/a", 4);
        scene.look();
        scene.pass(8.0);
        scene.write("/data/a", 1);
        scene.pass(2.0);
        scene.check_nothing_lost();
    });
}

#[test]
fn f18_a_file_with_several_names_is_counted_once() {
    everywhere(|scene| {
        scene.following.setting.paths = Paths::new(&["/logs/*.log*", "/other/**", "/bound/*"], &[]).unwrap();
        scene.following.restart();
        scene.machine.mkdir("/other");
        scene.machine.symlink(LIVE, "/logs/link.log");
        scene.machine.symlink("/logs", "/other/logs");
        scene.machine.link(LIVE, "/other/hard.log");
        scene.step();
        scene.write(LIVE, 2);
        scene.pass(2.0);
        scene.write("/other/hard.log", 2);
        scene.pass(2.0);
        scene.machine.remove("/other/hard.log");
        scene.machine.link(LIVE, "/logs/another.log");
        scene.step();
        scene.write("/logs/link.log", 1);
        scene.pass(2.0);
        scene.check_nothing_lost();
    });
}

#[test]
fn f18_a_file_seen_through_two_mounts_is_counted_once() {
    everywhere(|scene| {
        let device = scene.machine.add_device(0x0902);
        scene.machine.births(device, scene.way.births);
        scene.machine.mkdir("/logs/one");
        scene.machine.mkdir("/logs/two");
        scene.following.setting.paths = Paths::new(&["/logs/**/*.log"], &[]).unwrap();
        scene.following.restart();
        scene.machine.mount(device, "/logs/one");
        scene.machine.mount(device, "/logs/two");
        scene.write("/logs/one/x.log", 3);
        scene.pass(2.0);
        scene.write("/logs/two/x.log", 2);
        scene.pass(2.0);
        scene.machine.unmount("/logs/one");
        scene.step();
        scene.pass(2.0);
        scene.check_nothing_lost();
    });
}

#[test]
fn f29_another_device_with_the_same_inodes_holds_other_files() {
    everywhere(|scene| {
        let device = scene.machine.add_device(0x0902);
        scene.machine.births(device, scene.way.births);
        scene.machine.mkdir("/logs/disk");
        scene.following.setting.paths = Paths::new(&["/logs/**"], &[]).unwrap();
        scene.following.restart();
        scene.machine.mount(device, "/logs/disk");
        scene.write("/logs/disk/app.log", 3);
        scene.pass(2.0);
        scene.commit();
        let other = scene.machine.copy_device(device, 0x0903);
        scene.machine.unmount("/logs/disk");
        scene.pass(2.0);
        scene.machine.mount(other, "/logs/disk");
        // What stood there on the other device is not what was counted.
        scene.machine.truncate("/logs/disk/app.log", 0);
        scene.write("/logs/disk/app.log", 5);
        scene.pass(2.0);
        scene.check_nothing_lost();
    });
}

#[test]
fn f29_the_same_device_with_another_number_holds_the_same_files() {
    everywhere(|scene| {
        scene.write(LIVE, 3);
        scene.rename(LIVE, FIRST);
        scene.write(LIVE, 3);
        scene.settle();
        scene.following.restart();
        scene.machine.renumber_device(0, 0x0805);
        scene.write(LIVE, 2);
        scene.pass(8.0);
        scene.check_nothing_lost();
    });
}

#[test]
fn f29_unmounted_and_mounted_again_goes_on_where_it_was() {
    everywhere(|scene| {
        let device = scene.machine.add_device(0x0902);
        scene.machine.births(device, scene.way.births);
        scene.machine.mkdir("/logs/disk");
        scene.following.setting.paths = Paths::new(&["/logs/**"], &[]).unwrap();
        scene.following.restart();
        scene.machine.mount(device, "/logs/disk");
        scene.write("/logs/disk/app.log", 3);
        scene.pass(2.0);
        scene.commit();
        scene.machine.unmount("/logs/disk");
        scene.pass(8.0);
        scene.machine.mount(device, "/logs/disk");
        scene.write("/logs/disk/app.log", 2);
        scene.pass(3.0);
        scene.check_nothing_lost();
    });
}
