//! kill -9 at any moment, while three writers write and rotate and two readers look.

use std::time::Duration;

use super::daemon::{Address, Life};
use super::scrape::{Kind, Reader, files_known, lines_counted, next_commits};
use super::writer::{Load, Rotation, Writer, finish};
use super::{Ground, dice, figure, say};

#[test]
#[ignore = "runs alone; tests/all.sh does it"]
fn after_every_kill_the_counters_equal_what_was_written_and_nobody_saw_one_fall() {
    let kills = figure("KILLS", 200);
    let mut dice = dice(1);
    let ground = Ground::new();
    let address = Address::default();
    let readers =
        [Kind::Scraper, Kind::Anybody].map(|kind| Reader::start(&address, kind, Duration::from_millis(30)));
    let load = Load::new(40, 6_000, 20);
    let writers =
        Writer::each(&[Rotation::Cascade, Rotation::CopyTruncate, Rotation::Mixed], &ground, &mut dice);
    // What is rotated before a daemon knows the file is nobody's: from the first commit on all of it counts.
    let life = Life::start_at(&ground.args("*.log"), &address);
    files_known(&life.address(), 3);
    let writers = writers.into_iter().map(|writer| writer.run(&load)).collect();
    std::thread::sleep(Duration::from_millis(dice.below(2_000)));
    life.kill();
    for _ in 0..kills {
        let life = Life::start_at(&ground.args("*.log"), &address);
        // A commit comes each second: most die before one, some behind several.
        let lives = if dice.chance(650) { 5 + dice.below(396) } else { 400 + dice.below(2_200) };
        std::thread::sleep(Duration::from_millis(lives));
        life.kill();
    }
    let (noted, rotations) = finish(&load, writers);
    let life = Life::start_at(&ground.args("*.log"), &address);
    let here = life.address();
    lines_counted(&here, noted.lines);
    // Time enough for a line to come twice.
    let sheet = next_commits(&here, 3);
    let reports = readers.map(Reader::finish);
    say(&format!(
        "proof kill -9: {kills} kills, {} lines in {rotations} generations; {} and {} scrapes, {} and {} cut off",
        noted.lines, reports[0].scrapes, reports[1].scrapes, reports[0].failed, reports[1].failed
    ));
    noted.assert_counted(&sheet);
    for report in &reports {
        assert_eq!(report.troubles, Vec::<String>::new());
        assert!(report.scrapes as usize > kills, "{} scrapes", report.scrapes);
    }
    noted.assert_seen(&reports[0]);
    life.stop();
}
