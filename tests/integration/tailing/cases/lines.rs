//! F20 to F25, F34, F35, F48, F49: what a line is, and what none is.

use std::time::Duration;

use faultline::event::SkipReason;
use faultline::source::tail::Start;

use super::daemon::{Daemon, line, lines, machine};
use super::scene::{FIRST, LIVE, everywhere, without_crash};
use crate::tailing::lines::setting;

#[test]
fn f20_a_line_that_comes_in_two_parts_is_one_line() {
    everywhere(|scene| {
        let line = scene.line();
        for cut in [1, 14, line.len() - 1] {
            let line = scene.line();
            scene.put(LIVE, &line[..cut]);
            scene.pass(1.0);
            scene.put(LIVE, &line[cut..]);
            scene.look();
        }
        scene.put(LIVE, &line);
        scene.check_nothing_lost();
    });
}

/// A line in two parts with ten quiet seconds and perhaps a crash between them.
fn in_two_parts(first: &[u8], rest: &[u8], crash: bool) -> Daemon {
    let machine = machine();
    let mut daemon = Daemon::start(&machine);
    machine.write(LIVE, lines(0..2));
    daemon.pass(2);
    machine.write(LIVE, first);
    daemon.pass(30);
    assert_eq!((daemon.errors("MDRM-508"), daemon.counts().lines), (2, 2), "before its newline");
    if crash {
        daemon = daemon.crash();
    }
    machine.write(LIVE, rest);
    daemon.pass(3);
    daemon
}

#[test]
fn f20_nothing_is_said_before_the_newline_wherever_it_is_cut() {
    let line = "ERROR drm MDRM-508 réfusé seq=2 tenant=t2\r\n".as_bytes();
    for cut in 1..line.len() {
        for crash in [false, true] {
            let daemon = in_two_parts(&line[..cut], &line[cut..], crash);
            daemon.check(3);
            let counts = daemon.counts();
            assert_eq!((counts.lines, counts.bytes), (3, (lines(0..2).len() + line.len()) as u64), "{cut}");
        }
    }
}

#[test]
fn f20_a_code_that_goes_on_behind_the_cut_is_the_longer_one() {
    let daemon = in_two_parts(b"ERROR drm MDRM-50", b"8 seq=2 tenant=t2\n", false);
    daemon.check(3);
    let daemon = in_two_parts(b"ERROR drm MDRM-508", b"77 seq=2 tenant=t2\n", false);
    assert_eq!(daemon.errors("MDRM-508"), 2);
}

#[test]
fn f21_without_a_timeout_the_last_line_waits_for_its_end_through_restarts() {
    everywhere(|scene| {
        let line = scene.line();
        let (half, rest) = line.split_at(line.len() - 1);
        scene.put(LIVE, half);
        scene.look();
        scene.pass(60.0);
        let counted = String::from_utf8(half.to_vec()).unwrap();
        assert_eq!(scene.following.count_of(&counted), 0);
        scene.following.restart();
        scene.pass(2.0);
        scene.put(LIVE, rest);
        scene.pass(2.0);
        scene.check_nothing_lost();
    });
}

#[test]
fn f21_with_a_timeout_the_last_line_is_counted_once_it_is_over() {
    without_crash(|scene| {
        scene.following.setting.partial_timeout = Some(Duration::from_secs(3));
        scene.following.restart();
        let half = b"ERROR drm MDRM-508 seq=half".to_vec();
        scene.owe(&half);
        scene.put(LIVE, &half);
        scene.look();
        let half = String::from_utf8(half).unwrap();
        scene.pass(2.0);
        assert_eq!(scene.following.count_of(&half), 0, "{:?}", scene.way);
        scene.pass(2.0);
        scene.commit();
        assert_eq!(scene.following.count_of(&half), 1, "{:?}", scene.way);
        scene.following.restart();
        scene.pass(5.0);
        scene.check_nothing_lost();
    });
}

#[test]
fn f22_half_a_line_is_counted_once_over_kill_and_restart() {
    everywhere(|scene| {
        for _ in 0..3 {
            let line = scene.line();
            let (half, rest) = line.split_at(line.len() / 2);
            scene.write(LIVE, 1);
            scene.put(LIVE, half);
            scene.look();
            scene.commit();
            scene.following.crash();
            scene.pass(1.0);
            scene.put(LIVE, rest);
            scene.look();
        }
        scene.check_nothing_lost();
    });
}

#[test]
fn f23_of_a_line_of_a_gigabyte_the_head_counts_and_the_next_line_is_right() {
    // One in a megabyte stands for one in a gigabyte: the reader sees blocks, and the limit is small.
    let machine = machine();
    let mut daemon = Daemon::start_with(&machine, setting(&["/logs/*"], Start::Beginning), 4096).unwrap();
    machine.write(LIVE, "ERROR drm MDRM-508 seq=0 tenant=t0 ");
    let rest = vec![b'x'; 1 << 20];
    for part in 0..16 {
        machine.write(LIVE, &rest);
        daemon.step();
        if part % 5 == 4 {
            daemon.tick();
            daemon = daemon.crash();
        }
    }
    machine.write(LIVE, "\n");
    machine.write(LIVE, lines(1..3));
    daemon.pass(3);
    daemon.check(3);
    let counts = daemon.counts();
    assert_eq!((counts.lines, counts.oversized), (3, 1));
    assert!(daemon.skipped(SkipReason::Oversized) >= (16 << 20) - 4096);
    assert_eq!(counts.bytes, machine.content(LIVE).len() as u64);
}

#[test]
fn f24_lines_end_at_newlines_and_nowhere_else() {
    let machine = machine();
    let mut daemon = Daemon::start(&machine);
    let text = format!("{}\n\n\r\n{}\ra\r\u{2028}\u{85}b\n\x0c\x0b\n", lines(0..1), line(1).trim_end());
    machine.write(LIVE, &text);
    daemon.pass(3);
    let counts = daemon.counts();
    assert_eq!(counts.lines, text.matches('\n').count() as u64);
    assert_eq!((daemon.errors("MDRM-508"), counts.bytes), (2, text.len() as u64));
    everywhere(|scene| {
        let odd: [&[u8]; 3] = [b"\r\n", b"\xE2\x80\xA8\rx\n", b"\n"];
        odd.iter().for_each(|line| scene.owe(line));
        scene.put(LIVE, &odd.concat());
        scene.write(LIVE, 1);
        scene.check_nothing_lost();
    });
}

fn utf16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(unit).collect()
}

#[test]
fn f25_utf16_with_a_mark_is_read_cut_anywhere_and_over_crashes() {
    for unit in [u16::to_le_bytes as fn(u16) -> [u8; 2], u16::to_be_bytes] {
        let bytes = utf16(&format!("\u{feff}{}\u{1f600}\n", lines(0..3)), unit);
        for cut in 1..bytes.len() {
            let machine = machine();
            let mut daemon = Daemon::start(&machine);
            machine.write(LIVE, &bytes[..cut]);
            daemon.pass(2);
            if cut % 2 == 0 {
                daemon = daemon.crash();
            } else {
                daemon.step();
            }
            machine.write(LIVE, &bytes[cut..]);
            daemon.pass(2);
            if cut % 3 == 0 {
                daemon = daemon.crash();
            }
            daemon.pass(2);
            assert_eq!((daemon.errors("MDRM-508"), daemon.counts().lines), (3, 4), "cut at {cut}");
        }
    }
}

#[test]
fn f25_a_mark_of_utf8_harms_nothing_and_what_is_no_text_is_counted_and_not_read() {
    let machine = machine();
    let mut daemon = Daemon::start(&machine);
    machine.write(LIVE, "\u{feff}");
    machine.write(LIVE, lines(0..2));
    let unmarked = utf16(&lines(5..9), u16::to_le_bytes);
    machine.write("/logs/unmarked.log", &unmarked);
    let binary = [&b"\x7fELF\x02\0\0\0\x01"[..], line(7).as_bytes(), b"\0\0\xff\xfe\n"].concat();
    machine.write("/logs/core", &binary);
    daemon.pass(3);
    daemon.check(2);
    // A zero at the end may be overwritten yet.
    let unmarked = unmarked.len() - 1;
    assert_eq!(daemon.skipped(SkipReason::Undecodable), (unmarked + binary.len()) as u64);
    daemon = daemon.crash();
    machine.write("/logs/core", &binary);
    daemon.pass(3);
    daemon.check(2);
    assert_eq!(daemon.skipped(SkipReason::Undecodable), (unmarked + 2 * binary.len()) as u64);
}

#[test]
fn f34_a_sparse_file_of_eight_gigabytes_costs_a_few_calls() {
    everywhere(|scene| {
        scene.settle();
        scene.truncate(LIVE, 8 << 30);
        let before = scene.machine.calls();
        scene.pass(1.0);
        let line = scene.line();
        scene.machine.write_at(LIVE, 4 << 30, &line);
        scene.step();
        scene.pass(2.0);
        scene.truncate(LIVE, 9 << 30);
        scene.write(LIVE, 2);
        scene.pass(2.0);
        assert!(scene.machine.calls() - before < 600, "{}", scene.machine.calls() - before);
        scene.check_nothing_lost();
    });
}

#[test]
fn f35_zeros_at_the_end_are_no_line_and_are_read_when_something_stands_there() {
    everywhere(|scene| {
        scene.settle();
        let mut end = scene.machine.content(LIVE).len() as u64;
        // Made large beforehand, with zeros that are no hole.
        scene.put(LIVE, &vec![0; 100_000]);
        scene.look();
        for _ in 0..3 {
            let lines = scene.lines(2);
            scene.machine.write_at(LIVE, end, &lines);
            end += lines.len() as u64;
            scene.step();
            scene.pass(2.0);
        }
        scene.check_nothing_lost();
    });
}

#[test]
fn f48_an_event_that_a_rotation_cuts_is_not_joined_with_the_next_file() {
    for glob in ["/logs/app.log", "/logs/*"] {
        for crash in [false, true] {
            let machine = machine();
            let mut daemon =
                Daemon::start_with(&machine, setting(&[glob], Start::Beginning), 1 << 20).unwrap();
            machine.write(LIVE, format!("{}\tat a.b(C.java:1)\n", line(0)));
            daemon.step();
            daemon.tick();
            if crash {
                daemon = daemon.crash();
            }
            machine.rename(LIVE, FIRST);
            // On its own this belongs to nothing.
            machine.write(LIVE, format!("\tat x.y(Z.java:2) MDRM-508\n{}", line(1)));
            daemon.pass(9);
            let counts = daemon.counts();
            assert_eq!((counts.lines, counts.matched), (4, daemon.errors("MDRM-508")), "{glob}");
            assert!(daemon.of_tenant("t0") == 1 && daemon.of_tenant("t1") == 1, "{glob} {crash}");
        }
    }
}

fn cri(tag: char, text: &str) -> String {
    format!("2026-11-20T09:14:32.000000001Z stdout {tag} {text}\n")
}

#[test]
fn f49_parts_of_one_line_are_joined_over_looks_and_crashes() {
    for crash in [false, true] {
        let machine = machine();
        let mut daemon = Daemon::start(&machine);
        machine.write(LIVE, cri('F', line(0).trim_end()));
        machine.write(LIVE, cri('P', "ERROR drm MDRM-"));
        daemon.step();
        daemon.tick();
        if crash {
            daemon = daemon.crash();
        }
        machine.write(LIVE, cri('F', "508 seq=1 tenant=t1"));
        daemon.pass(3);
        daemon.check(2);
        assert_eq!(daemon.counts().lines, 3);
    }
}

#[test]
fn f49_a_part_whose_rest_stands_in_the_next_file_is_judged_alone() {
    let machine = machine();
    let mut daemon = Daemon::start(&machine);
    machine.write(LIVE, cri('P', "ERROR drm MDRM-508 seq=0 tenant=t0 and"));
    daemon.step();
    machine.rename(LIVE, FIRST);
    machine.write(LIVE, cri('F', "so on"));
    machine.write(LIVE, cri('F', line(1).trim_end()));
    daemon.pass(9);
    daemon.check(2);
    assert_eq!(daemon.counts().lines, 3);
}
