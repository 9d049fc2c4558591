//! SIGTERM under load: soon, and exact each time.

use std::time::Duration;

use super::daemon::{Address, Life};
use super::scrape::{Kind, Reader, files_known, lines_counted, next_commits};
use super::writer::{Load, Rotation, Writer, finish};
use super::{Ground, dice, figure, say};
use crate::cli::process::run_without_input;

#[test]
#[ignore = "runs alone; tests/all.sh does it"]
fn after_each_sigterm_counts_and_positions_agree_and_it_was_gone_within_two_seconds() {
    let stops = figure("STOPS", 200);
    let mut dice = dice(5);
    let ground = Ground::new();
    let address = Address::default();
    let reader = Reader::start(&address, Kind::Scraper, Duration::from_millis(30));
    // As much as is read in lives of half a second each: the last one has to catch up.
    let load = Load::new(200, 10_000, 3);
    let writers =
        Writer::each(&[Rotation::Rename, Rotation::Cascade, Rotation::CopyTruncate], &ground, &mut dice);
    let life = Life::start_at(&ground.args("*.log"), &address);
    files_known(&life.address(), 3);
    let writers = writers.into_iter().map(|writer| writer.run(&load)).collect();
    let mut took = vec![life.stop()];
    for stop in 1..stops {
        let life = Life::start_at(&ground.args("*.log"), &address);
        // One that stops at once would not have anything to say.
        life.address();
        std::thread::sleep(Duration::from_millis(dice.below(900)));
        took.push(life.stop());
        assert_state_agrees(&ground, stop);
    }
    let (noted, rotations) = finish(&load, writers);
    let life = Life::start_at(&ground.args("*.log"), &address);
    let here = life.address();
    lines_counted(&here, noted.lines);
    let sheet = next_commits(&here, 3);
    let report = reader.finish();
    took.sort_unstable();
    say(&format!(
        "proof SIGTERM: {stops} stops, {} lines in {rotations} generations; gone after {} ms (median), {} ms (99 of 100), \
         {} ms (longest)",
        noted.lines,
        took[took.len() / 2].as_millis(),
        took[took.len() * 99 / 100].as_millis(),
        took.last().unwrap().as_millis(),
    ));
    noted.assert_counted(&sheet);
    assert_eq!(report.troubles, Vec::<String>::new());
    noted.assert_seen(&report);
    assert!(*took.last().unwrap() < Duration::from_secs(2));
    life.stop();
}

/// Bytes counted are the bytes before the positions: no line is counted that will be read again, and none is passed over.
fn assert_state_agrees(ground: &Ground, stop: usize) {
    let state = ground.state();
    let output = run_without_input(&["state", "export", "--state.dir", state.to_str().unwrap()]);
    let export: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let number = |of: &serde_json::Value, name: &str| of[name].as_u64().unwrap();
    let positions = export["positions"].as_array().unwrap();
    let before: u64 = positions.iter().map(|position| number(position, "offset")).sum();
    let source = &export["sources"][0];
    assert_eq!(
        (number(source, "bytes"), number(source, "lost_bytes")),
        (before, 0),
        "stop {stop}: {positions:#?}"
    );
}
