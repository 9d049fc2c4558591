//! F19, F26 to F28, F30, F39: directories, permissions and names.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use faultline::source::paths::Paths;
use rustix::io::Errno;

use super::daemon::{Daemon, lines, machine};
use super::scene::{FIRST, LIVE, Scene, everywhere, without_crash};
use crate::sim::{Call, Fault};

fn follow(scene: &mut Scene, globs: &[&str]) {
    scene.following.setting.paths = Paths::new(globs, &[]).unwrap();
    scene.following.restart();
}

#[test]
fn f19_what_is_no_regular_file_is_passed_over() {
    everywhere(|scene| {
        follow(scene, &["/logs/**"]);
        scene.machine.fifo("/logs/pipe.log");
        scene.machine.symlink("/logs/one.log", "/logs/two.log");
        scene.machine.symlink("/logs/two.log", "/logs/one.log");
        scene.machine.symlink("/logs", "/logs/self");
        scene.machine.symlink("/nowhere", "/logs/dangling.log");
        scene.machine.mkdir("/logs/directory.log");
        scene.step();
        scene.write(LIVE, 1);
        scene.write("/logs/directory.log/inner", 1);
        scene.pass(2.0);
        scene.check_nothing_lost();
        assert_eq!(scene.following.standing.followed, 2, "{:?}", scene.way);
    });
}

#[test]
fn f19_a_file_that_becomes_a_pipe_is_given_up() {
    everywhere(|scene| {
        scene.write(LIVE, 2);
        scene.look();
        scene.rename(LIVE, FIRST);
        scene.machine.fifo(LIVE);
        scene.step();
        scene.pass(8.0);
        scene.remove(LIVE);
        scene.write(LIVE, 2);
        scene.pass(2.0);
        scene.check_nothing_lost();
    });
}

#[test]
fn f26_permission_that_is_lost_after_the_open_stops_nothing() {
    without_crash(|scene| {
        scene.write(LIVE, 2);
        scene.look();
        scene.machine.chmod(LIVE, 0);
        scene.write(LIVE, 2);
        scene.pass(3.0);
        let counted: u64 = scene.following.committed.lines.values().sum();
        assert_eq!(counted, 5, "{:?}", scene.way);
        scene.check_nothing_lost();
    });
}

#[test]
fn f26_with_a_crash_the_rest_comes_when_it_may_be_read_again() {
    everywhere(|scene| {
        scene.write(LIVE, 2);
        scene.look();
        scene.machine.chmod(LIVE, 0);
        scene.write(LIVE, 2);
        scene.pass(8.0);
        scene.machine.chmod(LIVE, 0o644);
        scene.pass(3.0);
        scene.check_nothing_lost();
    });
}

#[test]
fn f26_of_the_directory_too() {
    everywhere(|scene| {
        scene.write(LIVE, 2);
        scene.look();
        // Half a line stays half a line, however long it takes.
        let line = scene.line();
        let (half, rest) = line.split_at(20);
        scene.put(LIVE, half);
        scene.look();
        for mode in [0, 0o600, 0o300] {
            scene.machine.chmod("/logs", mode);
            scene.step();
            scene.pass(12.0);
            scene.machine.chmod("/logs", 0o755);
            scene.pass(2.0);
        }
        scene.put(LIVE, rest);
        scene.check_nothing_lost();
    });
}

#[test]
fn f27_what_may_not_be_opened_is_read_from_its_start_once_it_may() {
    everywhere(|scene| {
        follow(scene, &["/logs/**"]);
        scene.machine.write("/logs/secret.log", b"");
        scene.machine.chmod("/logs/secret.log", 0);
        scene.write("/logs/secret.log", 3);
        scene.pass(3.0);
        assert_eq!(scene.following.standing.unreadable, 1, "{:?}", scene.way);
        scene.write("/logs/secret.log", 1);
        scene.machine.chmod("/logs/secret.log", 0o600);
        scene.pass(3.0);
        assert_eq!(scene.following.standing.unreadable, 0, "{:?}", scene.way);
        scene.check_nothing_lost();
    });
}

#[test]
fn f27_a_directory_that_may_not_be_listed_is_looked_at_again() {
    everywhere(|scene| {
        follow(scene, &["/logs/**"]);
        scene.machine.mkdir("/logs/private");
        scene.machine.chmod("/logs/private", 0);
        scene.write("/logs/private/x.log", 2);
        scene.pass(3.0);
        scene.machine.chmod("/logs/private", 0o700);
        scene.pass(3.0);
        scene.check_nothing_lost();
    });
}

#[test]
fn f28_a_directory_that_is_removed_and_made_again() {
    everywhere(|scene| {
        follow(scene, &["/logs/*/*.log"]);
        for _ in 0..2 {
            scene.machine.mkdir("/logs/app");
            scene.write("/logs/app/x.log", 3);
            scene.settle();
            scene.remove("/logs/app/x.log");
            scene.machine.remove("/logs/app");
            scene.pass(1.0);
            scene.machine.mkdir("/logs/app");
            scene.write("/logs/app/x.log", 4);
            scene.pass(2.0);
            scene.remove("/logs/app/x.log");
            scene.remove("/logs/app");
        }
        scene.check_nothing_lost();
    });
}

#[test]
fn f28_a_directory_that_is_renamed_keeps_its_files() {
    everywhere(|scene| {
        follow(scene, &["/logs/**/*.log"]);
        scene.machine.mkdir("/logs/a");
        scene.write("/logs/a/x.log", 3);
        scene.write("/logs/a/y.log", 3);
        scene.pass(2.0);
        scene.rename("/logs/a", "/logs/b");
        scene.write("/logs/b/x.log", 2);
        scene.pass(2.0);
        scene.write("/logs/b/y.log", 2);
        scene.pass(8.0);
        scene.check_nothing_lost();
    });
}

#[test]
fn f30_a_stale_handle_is_opened_again_at_the_same_place() {
    everywhere(|scene| {
        scene.write(LIVE, 2);
        scene.look();
        for errno in [Errno::STALE, Errno::IO] {
            scene.machine.fail(&[Call::ReadAt], 1, 3, Fault::Error(errno));
            scene.write(LIVE, 2);
            scene.pass(5.0);
            scene.machine.heal();
            scene.machine.fail(&[Call::Stat], 1, 10, Fault::Error(errno));
            scene.write(LIVE, 2);
            scene.pass(5.0);
            scene.machine.heal();
        }
        scene.check_nothing_lost();
    });
}

#[test]
fn f30_an_error_that_lasts_for_minutes_takes_no_half_line_for_a_whole_one() {
    for calls in [&[Call::List][..], &[Call::Stat], &[Call::ReadAt], &[Call::Open], &Call::ALL] {
        everywhere(|scene| {
            scene.write(LIVE, 2);
            scene.look();
            let line = scene.line();
            let (half, rest) = line.split_at(20);
            scene.put(LIVE, half);
            scene.look();
            scene.machine.fail(calls, 1, u64::MAX, Fault::Error(Errno::IO));
            scene.pass(60.0);
            scene.machine.heal();
            scene.pass(3.0);
            scene.put(LIVE, rest);
            scene.pass(2.0);
            scene.check_nothing_lost();
        });
    }
}

#[test]
fn f30_what_a_server_renames_instead_of_deleting_is_read_to_its_end() {
    everywhere(|scene| {
        scene.look();
        scene.write(LIVE, 2);
        scene.look();
        scene.commit();
        scene.rename(LIVE, "/logs/.nfs000000000a1b2c3d00000001");
        scene.write(LIVE, 2);
        scene.pass(8.0);
        scene.remove("/logs/.nfs000000000a1b2c3d00000001");
        scene.pass(2.0);
        scene.check_nothing_lost();
    });
}

#[test]
fn f39_names_of_any_bytes_are_read_and_survive_restarts() {
    let machine = machine();
    let mut daemon = Daemon::start(&machine);
    let long = [b'n'; 255];
    let names: [&[u8]; 8] =
        [b"\xff\xfe.log", b"a\nb.log", b"%s%n%x.log", &long, b"\x1b[31m.log", b" ", b"-rf", b"\"'\\{}*.log"];
    for (n, name) in names.iter().enumerate() {
        machine.write(Path::new("/logs").join(OsStr::from_bytes(name)), lines(n as u64..n as u64 + 1));
    }
    daemon.pass(3);
    daemon.check(8);
    daemon = daemon.crash();
    for (n, name) in names.iter().enumerate() {
        machine.write(Path::new("/logs").join(OsStr::from_bytes(name)), lines(n as u64 + 8..n as u64 + 9));
    }
    daemon.pass(3);
    daemon.check(16);
}
