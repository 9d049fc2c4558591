//! A thousand renames a second.

use std::collections::VecDeque;
use std::fs;
use std::io::Write;
use std::time::{Duration, Instant};

use super::daemon::{Address, Life};
use super::scrape::{Kind, Reader, files_known, next_commits, wait_until};
use super::writer::{CODES, Noted, appending};
use super::{Ground, dice, figure, say};

const A_SECOND: u32 = 1_000;
const KEPT: Duration = Duration::from_secs(10);

#[test]
#[ignore = "runs alone; tests/all.sh does it"]
fn a_thousand_generations_a_second_are_read_each_once() {
    let seconds = figure("SECONDS", 60);
    let mut dice = dice(2);
    let ground = Ground::new();
    let address = Address::default();
    let life = Life::start_at(&ground.args("app.log"), &address);
    let here = life.address();
    let reader = Reader::start(&address, Kind::Scraper, Duration::from_millis(250));
    let path = ground.log("app.log");
    // A file that is rotated before anybody saw its name belongs to no family.
    drop(appending(&path));
    files_known(&here, 1);
    let mut noted = Noted::default();
    let mut kept = VecDeque::new();
    let begun = Instant::now();
    let rotations = seconds as u64 * u64::from(A_SECOND);
    for generation in 0..rotations {
        let due = Duration::from_secs(1) * generation as u32 / A_SECOND;
        std::thread::sleep(due.saturating_sub(begun.elapsed()));
        let mut file = appending(&path);
        for _ in 0..=dice.below(3) {
            let line = noted.line(generation, 0, dice.below(CODES.len() as u64) as usize);
            file.write_all(line.as_bytes()).unwrap();
        }
        let old = ground.log(&format!("app.log.{generation}"));
        fs::rename(&path, &old).unwrap();
        kept.push_back((Instant::now(), old));
        while kept.front().is_some_and(|(since, _)| since.elapsed() >= KEPT) {
            fs::remove_file(kept.pop_front().unwrap().1).unwrap();
        }
    }
    let took = begun.elapsed();
    wait_until(&here, &format!("{} lines are counted", noted.lines), |sheet| {
        let lost = sheet.sum("faultline_source_lost_bytes_total", "");
        assert_eq!(lost, 0, "lost");
        sheet.sum("faultline_lines_total", "") >= noted.lines
    });
    let caught_up = begun.elapsed() - took;
    let sheet = next_commits(&here, 3);
    say(&format!(
        "proof rename: {rotations} renames in {:.1} s ({:.0} a second), kept {} s: {} lines, lost 0; all counted {:.1} s \
         later; {} ms of processor, {} kB at most",
        took.as_secs_f64(),
        rotations as f64 / took.as_secs_f64(),
        KEPT.as_secs(),
        noted.lines,
        caught_up.as_secs_f64(),
        life.ticks() * 10,
        life.memory_kb("VmHWM:"),
    ));
    noted.assert_counted(&sheet);
    let report = reader.finish();
    assert_eq!(report.troubles, Vec::<String>::new());
    noted.assert_seen(&report);
    life.stop();
}
