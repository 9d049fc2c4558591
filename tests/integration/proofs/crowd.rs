//! Very many files and few descriptors.

use std::fs;
use std::io::Write;
use std::process::Command;
use std::time::{Duration, Instant};

use super::daemon::{Address, Life};
use super::scrape::{next_commits, wait_for};
use super::writer::{CODES, Noted, appending};
use super::{Ground, dice, figure, say};

const DESCRIPTORS: usize = 1_024;
const PATIENCE: Duration = Duration::from_secs(180);
/// For which the daemon has nothing to do.
const IDLE: Duration = Duration::from_secs(10);

fn life(ground: &Ground, address: &Address) -> Life {
    let mut command = Command::new("sh");
    let limited = format!("ulimit -n {DESCRIPTORS} && exec \"$0\" \"$@\"");
    command.args(["-c", &limited, env!("CARGO_BIN_EXE_faultline")]);
    Life::spawn(command, &ground.args("**/*.log"), address)
}

#[test]
#[ignore = "runs alone; tests/all.sh does it"]
fn all_of_many_files_are_counted_with_few_descriptors_little_memory_and_nearly_no_work_when_idle() {
    let files = figure("FILES", 50_000);
    let active = files / 5;
    let mut dice = dice(7);
    let ground = Ground::new();
    let mut noted = Noted::default();
    let name = |file: usize| ground.log(&format!("d{}/f{file}.log", file / 1_000));
    let mut write = |file: usize, noted: &mut Noted| {
        let line = noted.line(file as u64, 0, dice.below(CODES.len() as u64) as usize);
        appending(&name(file)).write_all(line.as_bytes()).unwrap();
    };
    for file in 0..files {
        if file % 1_000 == 0 {
            fs::create_dir(name(file).parent().unwrap()).unwrap();
        }
        write(file, &mut noted);
    }
    let address = Address::default();
    let first = life(&ground, &address);
    let begun = Instant::now();
    let here = first.address();
    let counted = |here: &str, noted: &Noted| {
        wait_for(here, &format!("{} lines", noted.lines), PATIENCE, |sheet| {
            sheet.sum("faultline_lines_total", "") >= noted.lines
        })
    };
    counted(&here, &noted);
    let first_pass = begun.elapsed();
    for _ in 0..5 {
        for file in 0..active {
            write(file * 5, &mut noted);
        }
    }
    let begun = Instant::now();
    counted(&here, &noted);
    let active_pass = begun.elapsed();
    let sheet = next_commits(&here, 2);
    noted.assert_counted(&sheet);
    let most_open = sheet.sum("faultline_source_open_files", "");
    let before = first.ticks();
    std::thread::sleep(IDLE);
    let idle = (first.ticks() - before) as f64 / IDLE.as_secs_f64();
    let memory = first.memory_kb("VmHWM:");
    first.kill();

    // With a position of each file in the ledger: until the first new line is counted, and seen.
    write(files / 2, &mut noted);
    let begun = Instant::now();
    let second = life(&ground, &address);
    let here = second.address();
    let listens = begun.elapsed();
    counted(&here, &noted);
    let again = begun.elapsed();
    noted.assert_counted(&next_commits(&here, 3));
    say(&format!(
        "proof many files: {files} files ({active} active), {DESCRIPTORS} descriptors: all counted {:.1} s after the start, \
         5 lines in each active one {:.1} s after the last was written; {most_open} open; at most {} MiB; idle {idle:.1} % of \
         a core; start with {files} positions: listens after {} ms, first new line exposed after {} ms (a tick is 1 s), \
         at most {} MiB",
        first_pass.as_secs_f64(),
        active_pass.as_secs_f64(),
        memory / 1024,
        listens.as_millis(),
        again.as_millis(),
        second.memory_kb("VmHWM:") / 1024,
    ));
    assert!(memory < 256 * 1024, "{memory} kB");
    second.stop();
}
