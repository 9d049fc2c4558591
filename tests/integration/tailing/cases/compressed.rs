//! F5, F36: generations that are compressed at once, and compressed files that are not what they should be.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::daemon::{Daemon, lines, machine};
use super::scene::{FIRST, LIVE, Scene, everywhere, without_crash};
use faultline::event::{LossReason, SkipReason};

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// What `gzip` does: the new file gets the times of the old one, which goes.
fn compress(scene: &mut Scene, name: &str, by: fn(&[u8]) -> Vec<u8>, ending: &str) {
    let to = format!("{name}.{ending}");
    let packed = by(&scene.machine.content(name));
    let (first, rest) = packed.split_at(packed.len() / 2);
    scene.put(&to, first);
    scene.put(&to, rest);
    scene.remove(name);
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

#[test]
fn f05_a_generation_that_is_compressed_at_once_is_read_to_its_end_and_not_again() {
    for (by, ending) in [(gzip as fn(&[u8]) -> Vec<u8>, "gz"), (zstd, "zst")] {
        everywhere(|scene| {
            scene.write(LIVE, 3);
            scene.look();
            scene.write(LIVE, 2);
            scene.rename(LIVE, FIRST);
            compress(scene, FIRST, by, ending);
            scene.write(LIVE, 2);
            scene.look();
            scene.pass(4.0);
            scene.write(LIVE, 1);
            scene.pass(8.0);
            scene.check_nothing_lost();
        });
    }
}

#[test]
fn f05_compressed_one_rotation_later() {
    everywhere(|scene| {
        scene.write(LIVE, 3);
        scene.look();
        scene.rename(LIVE, FIRST);
        scene.write(LIVE, 2);
        scene.pass(3.0);
        compress(scene, FIRST, gzip, "gz");
        scene.rename("/logs/app.log.1.gz", "/logs/app.log.2.gz");
        scene.rename(LIVE, FIRST);
        scene.write(LIVE, 2);
        scene.pass(12.0);
        scene.check_nothing_lost();
    });
}

#[test]
fn f05_without_looks_between_rename_and_gzip_while_the_process_is_down() {
    everywhere(|scene| {
        scene.write(LIVE, 3);
        scene.settle();
        scene.following.restart();
        scene.write(LIVE, 2);
        scene.rename(LIVE, FIRST);
        compress(scene, FIRST, gzip, "gz");
        scene.write(LIVE, 2);
        scene.pass(4.0);
        scene.check_nothing_lost();
    });
}

#[test]
fn f36_several_members_are_one_file() {
    everywhere(|scene| {
        if scene.way.glob == LIVE {
            return;
        }
        let (one, other) = (scene.lines(3), scene.lines(3));
        let packed = [gzip(&one), gzip(&other)].concat();
        scene.put("/logs/app.log-packed.gz", &packed);
        scene.pass(4.0);
        scene.check_nothing_lost();
    });
}

#[test]
fn f36_of_a_cut_member_what_is_there_is_counted_and_so_is_the_damage() {
    without_crash(|scene| {
        if scene.way.glob == LIVE {
            return;
        }
        let text = scene.lines(200);
        scene.doubt(&text);
        let mut packed = gzip(&text);
        packed.truncate(packed.len() - 20);
        scene.put("/logs/app.log-packed.gz", &packed);
        scene.pass(20.0);
        // The last line that came out may be half a one.
        scene.following.quiet();
        let counted = &mut scene.following.committed;
        counted.lines.retain(|line, _| line.ends_with(b"\n"));
        assert!(counted.lines.len() > 100, "{} {:?}", counted.lines.len(), scene.way);
        assert_eq!(counted.lost.keys().collect::<Vec<_>>(), [&"damaged"], "{:?}", scene.way);
        scene.check();
    });
}

#[test]
fn f36_garbage_behind_the_end_is_counted_and_harms_no_line() {
    without_crash(|scene| {
        if scene.way.glob == LIVE {
            return;
        }
        let text = scene.lines(5);
        let packed = [gzip(&text), b"this is no member of anything".to_vec()].concat();
        scene.put("/logs/app.log-packed.gz", &packed);
        scene.pass(20.0);
        scene.check();
        assert!(scene.following.committed.lost["damaged"] > 0, "{:?}", scene.way);
    });
}

#[test]
fn f36_a_file_that_is_all_damage_is_counted_once_over_restarts() {
    let machine = machine();
    let mut packed = gzip(lines(0..50).as_bytes());
    packed[12..].fill(0xAA);
    machine.write("/logs/broken.gz", &packed);
    machine.write("/logs/app.log", lines(0..3));
    let mut daemon = Daemon::start(&machine);
    daemon.pass(20);
    let lost = daemon.lost(LossReason::Damaged);
    assert!(lost > 0);
    for _ in 0..3 {
        daemon = daemon.restart();
        daemon.pass(20);
    }
    assert_eq!(daemon.lost(LossReason::Damaged), lost);
    daemon.check(3);
}

#[test]
fn f36_a_bomb_is_bounded_and_what_follows_in_other_files_is_counted() {
    let machine = machine();
    // 300 MiB of one line, past what is free.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let block = vec![b'a'; 1 << 20];
    (0..300).for_each(|_| encoder.write_all(&block).unwrap());
    let packed = encoder.finish().unwrap();
    machine.write("/logs/bomb.gz", &packed);
    machine.write("/logs/app.log", lines(0..3));
    let mut setting =
        crate::tailing::lines::setting(&["/logs/**"], faultline::source::tail::Start::Beginning);
    setting.expansion_ratio_max = 10;
    let mut daemon = Daemon::start_with(&machine, setting, 1 << 16).unwrap();
    daemon.pass(5);
    daemon.check(3);
    let counts = daemon.counts();
    assert!(counts.bytes < (260 << 20) + packed.len() as u64, "{}", counts.bytes);
    assert!(daemon.skipped(SkipReason::Expansion) > 0);
    machine.write("/logs/app.log", lines(3..5));
    daemon.pass(3);
    daemon.check(5);
}
