//! SIGHUP under load, with files and a state directory: nothing is lost, and a broken configuration leaves the old rules
//! in effect. What reloads do to lines on standard input is in `reload`, line by line.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::daemon::{Address, Life};
use super::scrape::{Kind, Reader, files_known, lines_counted, next_commits, wait_until};
use super::writer::{Load, Rotation, Writer, finish};
use super::{Ground, dice, figure, say};
use crate::sim::dice::Dice;

const SEVERITIES: [&str; 2] = ["error", "critical"];

/// A whole configuration: sources, and an overlay that changes the severity of one of the codes.
fn repair(root: &Path, severity: &str) {
    let logs = root.join("logs/*.log");
    let configuration = format!(
        "sources:\n  - {{file: '{}', name: logs, start: beginning}}\nstate: {{dir: '{}'}}\nrules: {{dirs: [rules]}}\n",
        logs.display(),
        root.join("state").display()
    );
    fs::write(root.join("faultline.yaml"), configuration).unwrap();
    let _ = fs::remove_dir_all(root.join("rules"));
    fs::create_dir(root.join("rules")).unwrap();
    let overlay = format!(
        "schema: faultline.rules/v1\noverlay: true\nprovider: {{id: verimatrix}}\n\
         rules:\n  - {{id: MDRM-501, severity: {severity}}}\n"
    );
    fs::write(root.join("rules/ours.yaml"), overlay).unwrap();
}

/// One of many ways to go wrong.
fn break_it(root: &Path, dice: &mut Dice) {
    let (configuration, overlay) = (root.join("faultline.yaml"), root.join("rules/ours.yaml"));
    let text = fs::read_to_string(&configuration).unwrap();
    match dice.below(7) {
        0 => fs::write(&configuration, text + "limit: {}\n").unwrap(),
        1 => fs::write(&configuration, &text[..text.len() - 2]).unwrap(),
        2 => fs::remove_file(&configuration).unwrap(),
        3 => fs::write(&configuration, text.replace("start: beginning", "start: middle")).unwrap(),
        4 => fs::write(&overlay, b"schema: \xff\xfe\n").unwrap(),
        5 => {
            fs::write(&overlay, fs::read_to_string(&overlay).unwrap() + "  - {id: MDRM-501, severity: bad}\n")
                .unwrap()
        }
        _ => fs::remove_dir_all(root.join("rules")).unwrap(),
    }
}

#[test]
#[ignore = "runs alone; tests/all.sh does it"]
fn reloads_under_load_lose_nothing_and_a_broken_one_keeps_the_old_rules() {
    let reloads = figure("RELOADS", 1_000);
    let mut dice = dice(6);
    let ground = Ground::new();
    let root = ground.root.path();
    repair(root, SEVERITIES[0]);
    let address = Address::default();
    let reader = Reader::start(&address, Kind::Scraper, Duration::from_millis(30));
    let load = Load::new(60, 3_000, 10);
    let writers =
        Writer::each(&[Rotation::Cascade, Rotation::CopyTruncate, Rotation::Mixed], &ground, &mut dice);
    let args = ["--config.file", root.join("faultline.yaml").to_str().unwrap()].map(str::to_owned);
    let life = Life::start_at(&args, &address);
    let here = life.address();
    files_known(&here, 3);
    let writers = writers.into_iter().map(|writer| writer.run(&load)).collect();
    let mut broken = 0;
    for reload in 1..=reloads {
        let severity = SEVERITIES[reload % 2];
        let is_broken = reload % 10 == 0;
        if is_broken {
            break_it(root, &mut dice);
            broken += 1;
        } else {
            repair(root, severity);
        }
        life.signal("-HUP");
        // The summary of each reload, good or bad, is one line.
        let said = life.wait_for_nth("reloaded", reload);
        assert_eq!(said.contains("not reloaded"), is_broken, "reload {reload}: {said}");
        let in_effect = if is_broken { SEVERITIES[(reload - 1) % 2] } else { severity };
        if reload % 10 < 2 {
            // Said first, exposed right after.
            let sheet = wait_until(&here, &format!("reload {reload} is exposed"), |sheet| {
                sheet.sum("faultline_config_last_reload_successful", "") == u64::from(!is_broken)
            });
            let series = |of: &str| {
                sheet.series.keys().any(|series| {
                    series.starts_with("faultline_code_info")
                        && series.contains("\"MDRM-501\"")
                        && series.contains(of)
                })
            };
            // An attribute of what was counted: there is none before the first line with it.
            if series("severity") {
                assert!(series(&format!("severity=\"{in_effect}\"")), "reload {reload}: {in_effect}");
            }
        }
    }
    let (noted, rotations) = finish(&load, writers);
    lines_counted(&here, noted.lines);
    let sheet = next_commits(&here, 3);
    let report = reader.finish();
    say(&format!(
        "proof SIGHUP: {reloads} reloads, {broken} of them broken, {} lines in {rotations} generations, {} scrapes",
        noted.lines, report.scrapes
    ));
    noted.assert_counted(&sheet);
    assert_eq!(report.troubles, Vec::<String>::new());
    noted.assert_seen(&report);
    life.stop();
}
