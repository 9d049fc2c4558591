//! Copytruncate, byte for byte: what is lost is said, and what nobody can know has a bound.
//!
//! A file is copied and then cut to nothing; what is written between the two stands in no copy. Of those bytes
//!
//! - those that were read before the cut are counted;
//! - those that a look at the file saw, or that were read without the end of their line, are lost and counted as lost;
//! - those that were written behind the last look are not known to anybody but the writer: all of them, or none, as they
//!   are written here in one piece.
//!
//! Each file is a source of its own, so that each is judged by its own numbers.

use std::fs::{self, File};
use std::io::Write;
use std::time::{Duration, Instant};

use super::daemon::{Address, Life};
use super::scrape::{Sheet, next_commits, wait_for};
use super::writer::{CODES, Noted, appending};
use super::{Ground, dice, figure, say};
use crate::cli::process::DEADLINE;

/// So many files take part in each round.
const AT_ONCE: usize = 10;

/// What stands between the copy and the cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gap {
    Nothing,
    /// Lines that the daemon had time to read.
    Read,
    /// A line without its end, which it had time to read.
    HalfLine,
    /// Lines that it had hardly time to see, in one piece.
    Hasty,
}

const GAPS: [Gap; 4] = [Gap::Nothing, Gap::Read, Gap::HalfLine, Gap::Hasty];

/// Of one file, all rounds together.
#[derive(Debug, Default, Clone)]
struct Account {
    written: u64,
    truncations: u64,
    /// What has to be lost, by what is known.
    lost: u64,
    /// What may be lost, or counted, or unknown.
    open: u64,
    /// Of that, what turned out to be unknown.
    unknown: u64,
}

fn of_source(sheet: &Sheet, name: &str, file: usize) -> u64 {
    sheet.sum(name, &format!("source=\"f{file}\""))
}

#[test]
#[ignore = "runs alone; tests/all.sh does it"]
fn what_a_truncation_takes_is_counted_to_the_byte_where_it_was_seen() {
    let rounds = figure("TRUNCATIONS", 500).div_ceil(AT_ONCE);
    let mut dice = dice(4);
    let ground = Ground::new();
    let configuration = ground.root.path().join("faultline.yaml");
    let mut text = "sources:\n".to_owned();
    for file in 0..AT_ONCE {
        text += &format!("  - {{file: 'logs/f{file}.log', name: f{file}, start: beginning}}\n");
    }
    fs::write(&configuration, text).unwrap();
    let mut files: Vec<File> =
        (0..AT_ONCE).map(|file| appending(&ground.log(&format!("f{file}.log")))).collect();
    let state = ground.state();
    let args = ["--config.file", configuration.to_str().unwrap(), "--state.dir", state.to_str().unwrap()];
    let address = Address::default();
    let life = Life::start_at(&args.map(str::to_owned), &address);
    let here = life.address();
    let mut accounts = vec![Account::default(); AT_ONCE];
    let mut kinds = [0; GAPS.len()];
    let mut unknown = (0, 0);
    let mut lines = Noted::default();
    let begun = Instant::now();
    for round in 0..rounds {
        let mut some = |dice: &mut crate::sim::dice::Dice, most: u64| -> String {
            (0..1 + dice.below(most))
                .map(|_| lines.line(dice.below(1 << 40), 0, dice.below(CODES.len() as u64) as usize))
                .collect()
        };
        let gaps: Vec<Gap> = files.iter().map(|_| *dice.pick(&GAPS)).collect();
        for (file, account) in files.iter_mut().zip(&mut accounts) {
            let text = some(&mut dice, 300);
            file.write_all(text.as_bytes()).unwrap();
            account.written += text.len() as u64;
        }
        // Half of the rounds copy what is read already, half what is being read.
        if dice.coin() {
            settled(&here, &accounts, &[0; AT_ONCE], round);
        }
        for (number, file) in files.iter_mut().enumerate() {
            let copied = ground.log(&format!("f{number}.log.{}", round + 1));
            fs::copy(ground.log(&format!("f{number}.log")), copied).unwrap();
            let gap = match gaps[number] {
                Gap::Read => some(&mut dice, 50),
                Gap::HalfLine => format!("ERROR drm half a line {}", dice.roll()),
                Gap::Nothing | Gap::Hasty => continue,
            };
            file.write_all(gap.as_bytes()).unwrap();
            match gaps[number] {
                Gap::HalfLine => accounts[number].lost += gap.len() as u64,
                _ => accounts[number].written += gap.len() as u64,
            }
        }
        settled(&here, &accounts, &[0; AT_ONCE], round);
        // The half lines are held by now; the hasty ones are written to a daemon that stands still, which gets a moment.
        life.signal("-STOP");
        let mut pieces = [0; AT_ONCE];
        for (number, file) in files.iter_mut().enumerate().filter(|(number, _)| gaps[*number] == Gap::Hasty) {
            let text = some(&mut dice, 8_000);
            file.write_all(text.as_bytes()).unwrap();
            pieces[number] = text.len() as u64;
            accounts[number].open += pieces[number];
        }
        life.signal("-CONT");
        std::thread::sleep(Duration::from_micros(dice.below(9_000)));
        life.signal("-STOP");
        for (number, file) in files.iter_mut().enumerate() {
            file.set_len(0).unwrap();
            accounts[number].truncations += 1;
        }
        life.signal("-CONT");
        settled(&here, &accounts, &pieces, round);
        let sheet = next_commits(&here, 1);
        for (number, account) in accounts.iter_mut().enumerate() {
            kinds[GAPS.iter().position(|gap| *gap == gaps[number]).unwrap()] += 1;
            let counted = of_source(&sheet, "faultline_bytes_total", number);
            let lost = of_source(&sheet, "faultline_source_lost_bytes_total", number);
            let accounted = counted + lost + account.unknown;
            let all = account.written + account.lost + account.open;
            let what = format!(
                "round {round}, f{number}, {:?}: counted {counted}, lost {lost}, {account:?}",
                gaps[number]
            );
            assert!(accounted <= all, "twice: {what}");
            // In one piece behind the last look, or known in full.
            assert!(
                all - accounted == 0 || all - accounted == pieces[number],
                "{} are missing: {what}",
                all - accounted
            );
            if all > accounted {
                unknown.0 += 1;
                unknown.1 += pieces[number];
                account.unknown += pieces[number];
            }
            if account.open == 0 {
                assert_eq!((counted, lost), (account.written, account.lost), "{what}");
            }
        }
    }
    let sheet = next_commits(&here, 2);
    let lost = sheet.sum("faultline_source_lost_bytes_total", "");
    let all: u64 = accounts.iter().map(|account| account.written + account.lost + account.open).sum();
    let counted = sheet.sum("faultline_bytes_total", "");
    say(&format!(
        "proof copytruncate: {} truncations ({kinds:?} of {GAPS:?}): {all} bytes written, {counted} counted, {lost} lost and \
         said so, {} written behind the last look ({} times); {:.0} s",
        rounds * AT_ONCE,
        unknown.1,
        unknown.0,
        begun.elapsed().as_secs_f64()
    ));
    assert_eq!(counted + lost + unknown.1, all);
    let truncations = sheet.sum("faultline_source_truncations_total", "");
    assert_eq!(truncations as usize, rounds * AT_ONCE);
    life.stop();
}

/// Everything is counted that has to be (which the last pieces need not), and all truncations were seen.
fn settled(here: &str, accounts: &[Account], pieces: &[u64; AT_ONCE], round: usize) {
    wait_for(here, &format!("round {round}: {accounts:#?}"), DEADLINE, |sheet| {
        accounts.iter().enumerate().all(|(number, account)| {
            let counted = of_source(sheet, "faultline_bytes_total", number);
            let lost = of_source(sheet, "faultline_source_lost_bytes_total", number);
            let pending = of_source(sheet, "faultline_pending_bytes", number);
            let behind = of_source(sheet, "faultline_source_behind_bytes", number);
            of_source(sheet, "faultline_source_truncations_total", number) == account.truncations
                && counted + lost + pending + account.unknown + pieces[number]
                    >= account.written + account.lost + account.open
                && behind == 0
        })
    });
}
