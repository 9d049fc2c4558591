//! F37, F38, F42 to F47, F50: the clock, the state directory, the rules and ourselves.
//!
//! What the store does about every single fault is tested beside it (`ledger::store::tests`, `sim::store`) and what people
//! see of it in `cli::state` and `reload`; here it is one case each, from the line in the file to the number that is shown.

use std::time::Duration;

use faultline::ledger::{Outcome, StoreError};
use faultline::source::tail::Start;
use rustix::io::Errno;

use super::daemon::{Daemon, STATE, lines, machine};
use super::scene::{LIVE, everywhere};
use crate::sim::{Call, Fault};
use crate::tailing::lines::setting;

const DAY: i64 = 86_400_000;

#[test]
fn f37_times_of_files_and_clocks_that_jump_change_no_count() {
    everywhere(|scene| {
        for jump in [DAY, -2 * DAY, -365 * 30 * DAY, 365 * 60 * DAY, 1, -1] {
            scene.machine.step_wall(jump);
            scene.write(LIVE, 2);
            scene.pass(1.0);
        }
        for modified in [0, -1, i64::MAX / 1_000_000, i64::MIN / 1_000_000] {
            scene.write(LIVE, 1);
            scene.machine.set_modified(LIVE, modified);
            scene.pass(1.0);
        }
        scene.check_nothing_lost();
    });
}

#[test]
fn f37_a_rotation_across_a_clock_that_was_set_back_loses_nothing() {
    everywhere(|scene| {
        scene.write(LIVE, 2);
        scene.look();
        scene.commit();
        scene.machine.step_wall(-DAY);
        scene.write(LIVE, 2);
        scene.rename(LIVE, "/logs/app.log.1");
        scene.write(LIVE, 2);
        scene.pass(8.0);
        scene.check_nothing_lost();
    });
}

#[test]
fn f37_the_ledger_lives_through_jumps_too() {
    let machine = machine();
    let mut daemon = Daemon::start(&machine);
    for (n, jump) in [DAY, -2 * DAY, -365 * 30 * DAY, 365 * 60 * DAY].into_iter().enumerate() {
        let n = n as u64 * 3;
        machine.write(LIVE, lines(n..n + 3));
        daemon.pass(2);
        machine.step_wall(jump);
        daemon.pass(2);
        daemon = daemon.crash();
    }
    daemon.pass(2);
    daemon.check(12);
}

#[test]
fn f38_a_machine_that_slept_goes_on_where_it_was() {
    // Asleep the steady clock stands and the wall clock does not.
    everywhere(|scene| {
        scene.write(LIVE, 2);
        scene.look();
        scene.machine.step_wall(9 * 3_600_000);
        scene.write(LIVE, 2);
        scene.look();
        scene.machine.advance(Duration::from_secs(7 * 86_400));
        scene.write(LIVE, 2);
        scene.pass(2.0);
        scene.check_nothing_lost();
    });
}

#[test]
fn f42_a_full_disk_holds_what_is_shown_and_loses_nothing() {
    let machine = machine();
    let mut daemon = Daemon::start(&machine);
    machine.write(LIVE, lines(0..3));
    daemon.pass(2);
    daemon.check(3);
    machine.fail(&[Call::Append, Call::Create], 1, u64::MAX, Fault::Error(Errno::NOSPC));
    for n in 1..20 {
        machine.write(LIVE, lines(3 * n..3 * n + 3));
        daemon.step();
        machine.advance(Duration::from_secs(1));
        assert!(matches!(daemon.tick(), Outcome::Failed { .. }));
        daemon.check(3);
    }
    machine.heal();
    daemon.pass(2);
    daemon.check(60);
    daemon = daemon.crash();
    daemon.check(60);
    daemon.pass(2);
    daemon.check(60);
}

#[test]
fn f42_a_crash_while_the_disk_is_full_reads_again_what_was_not_written() {
    let machine = machine();
    let mut daemon = Daemon::start(&machine);
    machine.write(LIVE, lines(0..3));
    daemon.pass(2);
    machine.fail(&[Call::Append], 1, u64::MAX, Fault::Error(Errno::NOSPC));
    machine.write(LIVE, lines(3..9));
    daemon.pass(3);
    machine.rename(LIVE, "/logs/app.log.1");
    machine.write(LIVE, lines(9..12));
    daemon.pass(3);
    machine.heal();
    daemon = daemon.crash();
    daemon.check(3);
    daemon.pass(8);
    daemon.check(12);
}

#[test]
fn f43_a_sync_that_fails_is_no_commit_and_the_next_file_has_everything() {
    for n in 1..6 {
        for call in [Call::Sync, Call::SyncDirectory, Call::Rename] {
            let machine = machine();
            let mut daemon = Daemon::start(&machine);
            machine.write(LIVE, lines(0..3));
            machine.fail(&[call], n, 2, Fault::Error(Errno::IO));
            for part in 1..4 {
                machine.write(LIVE, lines(3 * part..3 * part + 3));
                daemon.pass(2);
            }
            machine.heal();
            daemon.pass(2);
            daemon.check(12);
            machine.power_loss(n);
            daemon = daemon.crash();
            daemon.pass(2);
            daemon.check(12);
        }
    }
}

fn newest(machine: &crate::sim::Machine) -> std::path::PathBuf {
    let mut names = machine.names(STATE).into_iter();
    names.rfind(|path| path.extension().is_some_and(|end| end == "journal")).unwrap()
}

#[test]
fn f44_a_torn_end_of_the_journal_is_read_again_from_the_files() {
    let machine = machine();
    let mut daemon = Daemon::start(&machine);
    for n in 0..4 {
        machine.write(LIVE, lines(3 * n..3 * n + 3));
        daemon.pass(2);
    }
    daemon.check(12);
    let path = newest(&machine);
    let whole = machine.content(&path);
    for cut in [1, 7, whole.len() / 3, whole.len() / 2] {
        machine.overwrite(&path, &whole[..whole.len() - cut]);
        daemon = daemon.crash();
        daemon.pass(3);
        daemon.check(12);
        machine.kill();
        for path in machine.names(STATE) {
            machine.remove(path);
        }
        machine.write(&path, &whole);
        machine.chmod(&path, 0o600);
    }
}

#[test]
fn f44_a_second_daemon_is_refused() {
    let machine = machine();
    let mut daemon = Daemon::start(&machine);
    machine.write(LIVE, lines(0..3));
    daemon.pass(2);
    let second = Daemon::start_with(&machine, setting(&["/logs/*"], Start::Auto), 4096);
    assert!(matches!(second, Err(StoreError::Held { .. })), "{:?}", second.as_ref().err());
    daemon.pass(2);
    daemon.check(3);
}

#[test]
fn f45_power_that_goes_at_any_moment_takes_nothing_that_was_shown() {
    for seed in 0..60 {
        let machine = machine();
        machine.sync();
        let mut daemon = Daemon::start(&machine);
        let mut shown = 0;
        for n in 0..5 {
            machine.write(LIVE, lines(3 * n..3 * n + 3));
            if n == 2 {
                machine.rename(LIVE, "/logs/app.log.1");
            }
            daemon.pass(2);
            shown = shown.max(daemon.errors("MDRM-508"));
            if seed % 5 == n {
                machine.power_loss(seed);
                daemon = daemon.crash();
                assert!(daemon.errors("MDRM-508") >= shown, "seed {seed}");
            }
        }
        daemon.pass(9);
        daemon.check(15);
    }
}

#[test]
fn f46_a_state_directory_that_cannot_be_used_is_refused_at_the_start() {
    // Exit code and words: `cli::state`.
    let machine = machine();
    machine.write(STATE, "a file");
    let started = Daemon::start_with(&machine, setting(&["/logs/*"], Start::Auto), 4096);
    assert!(started.is_err());
    machine.remove(STATE);
    machine.mkdir(STATE);
    let started = Daemon::start_with(&machine, setting(&["/logs/*"], Start::Auto), 4096);
    assert!(started.is_err(), "others may look into it");
    machine.chmod(STATE, 0o700);
    machine.write(LIVE, lines(0..3));
    let mut daemon = Daemon::start(&machine);
    daemon.pass(2);
    // One that fails later is a full disk.
    machine.chmod(STATE, 0);
    machine.write(LIVE, lines(3..6));
    daemon.pass(3);
    machine.chmod(STATE, 0o700);
    daemon.pass(2);
    daemon.check(6);
}

#[test]
fn f47_a_line_is_judged_by_one_version_of_the_rules() {
    // `reload::a_thousand_reloads_under_load_lose_no_line_and_no_rule` swaps them under load, and the worker's own tests
    // do it between the halves of a line; here between the parts of a file.
    let machine = machine();
    let mut daemon = Daemon::start(&machine);
    let half = lines(1..2);
    machine.write(LIVE, lines(0..1));
    machine.write(LIVE, &half[..17]);
    daemon.pass(2);
    daemon.forget_rules();
    machine.write(LIVE, &half[17..]);
    machine.write(LIVE, lines(2..3));
    daemon.pass(2);
    daemon.check(1);
    assert_eq!((daemon.counts().lines, daemon.counts().unmatched), (3, 2));
}

#[test]
fn f50_our_own_log_inside_the_glob_tells_of_no_line_that_would_be_counted() {
    // What we say of files are names, numbers and reasons, once each: reading it makes nobody say more.
    let machine = machine();
    let mut daemon = Daemon::start(&machine);
    machine.write(LIVE, lines(0..3));
    machine.write(
        "/logs/faultline.log",
        "2026-11-20T09:14:32Z  WARN faultline::source::tail: cannot be read: Permission denied; tried again from \
         now on source=\"logs\" path=\"/logs/MDRM-508.log\"\n\
         2026-11-20T09:14:33Z  INFO faultline::daemon: counted 3 errors of verimatrix\n",
    );
    daemon.pass(3);
    daemon.check(3);
    assert_eq!(daemon.counts().lines, 5);
}
