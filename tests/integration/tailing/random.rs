//! Writers and rotations played from a seed. The oracle is the list of the lines that were written.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::time::Duration;

use faultline::source::tail::Start;
use faultline::world::Files;

use super::lines::{Following, setting};
use crate::sim::{Dice, Machine};

/// The globs that the played directory is followed by; the last one is a link's.
const GLOBS: [&str; 4] = ["/logs/app.log", "/logs/*.log", "/logs/app.log*", "/links/*.log"];
const LIVE: &str = "/logs/app.log";
const GENERATIONS_KEPT: usize = 4;

/// What is done to the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Acts {
    /// Renaming, and deletion of the oldest generation.
    Renames,
    /// Copytruncate, compression, truncation and deletion as well.
    All,
}

struct Play {
    acts: Acts,
    glob: &'static str,
    following: Following,
    machine: Machine,
    dice: Dice,
    next_line: u64,
    /// Lines that have to come out exactly once.
    owed: BTreeSet<Vec<u8>>,
    /// Lines that were destroyed before it is sure that they were read: once or not at all.
    doubtful: BTreeSet<Vec<u8>>,
    /// What each file holds that no older one does; the live one is the first.
    held: Vec<Vec<Vec<u8>>>,
    /// The names of the rotated ones, youngest first; a name that ends in `.gz` is compressed.
    rotated: Vec<String>,
    /// The line whose first bytes end the live file, and how many these are.
    half: Option<(Vec<u8>, usize)>,
    /// What stood of a line for a while.
    halves: BTreeMap<Vec<u8>, Vec<u8>>,
    trace: Vec<String>,
}

impl Play {
    fn new(seed: u64, acts: Acts) -> Play {
        let mut dice = Dice::new(seed);
        let machine = Machine::new(seed);
        machine.mkdir("/logs");
        machine.mkdir("/links");
        machine.symlink(LIVE, "/links/app.log");
        machine.births(0, dice.chance(700));
        let glob = *dice.pick(&GLOBS);
        let mut setting = setting(&[glob], if dice.coin() { Start::Auto } else { Start::Beginning });
        setting.open_files_max = *dice.pick(&[1, 2, 64]);
        let mut following = Following::new(&machine, setting);
        // The first start: nothing is there yet.
        following.step();
        following.deliver();
        following.commit();
        Play {
            acts,
            glob,
            following,
            machine,
            dice,
            next_line: 0,
            owed: BTreeSet::new(),
            doubtful: BTreeSet::new(),
            held: vec![Vec::new()],
            rotated: Vec::new(),
            half: None,
            halves: BTreeMap::new(),
            trace: vec![format!("glob {glob}")],
        }
    }

    fn said(&mut self, what: impl Into<String>) {
        self.trace.push(what.into());
    }

    fn act(&mut self) {
        // Everything takes its time; two files of one act may have one time of birth.
        self.machine.advance(Duration::from_millis(1 + self.dice.below(20)));
        let roll = self.dice.below(100);
        let roll = match (self.acts, roll) {
            (Acts::Renames, 44..57) => 0,
            (_, roll) => roll,
        };
        match roll {
            0..30 => self.write_lines(),
            30..36 => self.write_half(),
            36..44 => self.rename(),
            44..50 => self.copy_and_truncate(),
            50..53 => self.compress(),
            53..55 => self.truncate(),
            55..57 => self.delete(),
            57..75 => self.look(),
            75..83 => self.pass_time(),
            83..92 => self.commit(),
            92..97 => self.crash(),
            _ => {
                self.following.restart();
                self.said("restart");
            }
        }
    }

    fn new_line(&mut self) -> Vec<u8> {
        let number = self.next_line;
        self.next_line += 1;
        let longest = if self.dice.chance(50) { 2000 } else { 60 };
        let filler = "x".repeat(self.dice.below(longest) as usize);
        // The number first: one byte of a line says nothing, and a file of one byte may be any other.
        format!("{number:06} line {filler}\n").into_bytes()
    }

    fn put(&mut self, bytes: &[u8]) {
        self.machine.write(LIVE, bytes);
    }

    fn finish_half(&mut self) {
        if let Some((line, cut)) = self.half.take() {
            self.put(&line[cut..]);
        }
    }

    fn write_lines(&mut self) {
        self.finish_half();
        let count = 1 + self.dice.below(6);
        for _ in 0..count {
            let line = self.new_line();
            self.put(&line);
            self.held[0].push(line.clone());
            self.owed.insert(line);
        }
        self.said(format!("write {count}, the last is {}", self.next_line - 1));
    }

    fn write_half(&mut self) {
        if self.half.is_some() {
            return;
        }
        let line = self.new_line();
        let cut = 8 + self.dice.below(line.len() as u64 - 9) as usize;
        self.put(&line[..cut]);
        self.held[0].push(line.clone());
        self.owed.insert(line.clone());
        self.halves.insert(line.clone(), line[..cut].to_vec());
        self.half = Some((line, cut));
        self.said(format!("write {cut} bytes of {}", self.next_line - 1));
    }

    /// The half line stays one for ever.
    fn leave_half(&mut self) {
        if let Some((line, cut)) = self.half.take() {
            let half = line[..cut].to_vec();
            self.owed.remove(&line);
            // A rotated name that the glob matches may be a live file's that is seen for the first time.
            let is_sure = self.glob != GLOBS[2];
            if is_sure { &mut self.owed } else { &mut self.doubtful }.insert(half.clone());
            self.held[0].pop();
            self.held[0].push(half);
            self.said("its rest never comes");
        }
    }

    fn exists(&self) -> bool {
        self.machine.process().stat(LIVE.as_ref()).is_ok()
    }

    /// Names move up by one; the oldest goes.
    fn make_place(&mut self) {
        if self.rotated.len() >= GENERATIONS_KEPT {
            let name = self.rotated.pop().unwrap();
            if self.dice.chance(800) {
                self.read_everything();
            } else {
                self.doubt(self.held.len() - 1);
            }
            self.held.pop();
            self.machine.remove(&name);
            self.said(format!("remove {name}"));
        }
        for place in (0..self.rotated.len()).rev() {
            let ending = if self.rotated[place].ends_with(".gz") { ".gz" } else { "" };
            let to = format!("{LIVE}.{}{ending}", place + 2);
            self.machine.rename(&self.rotated[place], &to);
            self.rotated[place] = to;
        }
    }

    fn doubt(&mut self, place: usize) {
        for line in self.held[place].clone() {
            // Its rest may be destroyed before anybody sees it.
            self.doubtful.extend(self.halves.get(&line).cloned());
            if self.owed.remove(&line) {
                self.doubtful.insert(line);
            }
        }
    }

    /// So that what is destroyed next was counted for certain.
    fn read_everything(&mut self) {
        self.said("wait until all is read");
        self.following.steps(15, Duration::from_secs(1));
        self.following.deliver();
        self.following.commit();
    }

    fn rename(&mut self) {
        if !self.exists() {
            return;
        }
        self.make_place();
        let to = format!("{LIVE}.1");
        if self.half.is_some() && self.dice.coin() {
            // The service still has the old file.
            let (line, cut) = self.half.take().unwrap();
            self.machine.rename(LIVE, &to);
            if self.dice.coin() {
                self.following.step();
            }
            self.machine.write(&to, &line[cut..]);
            self.said("rename, then the old file gets the rest of its line");
        } else {
            self.leave_half();
            self.machine.rename(LIVE, &to);
            self.said("rename");
        }
        self.rotated.insert(0, to);
        self.held.insert(0, Vec::new());
    }

    fn copy_and_truncate(&mut self) {
        if !self.exists() {
            return;
        }
        self.make_place();
        let has_half = self.half.is_some();
        self.leave_half();
        let to = format!("{LIVE}.1");
        self.machine.copy(LIVE, &to);
        self.said("copy");
        let copied = std::mem::take(&mut self.held[0]);
        if self.dice.chance(300) {
            self.look();
        }
        if !has_half && self.dice.chance(300) {
            self.write_lines();
            if self.dice.coin() {
                self.look();
            }
            self.doubt(0);
        }
        self.machine.truncate(LIVE, 0);
        self.said("truncate");
        self.held[0].clear();
        self.held.insert(1, copied);
        self.rotated.insert(0, to);
    }

    fn compress(&mut self) {
        let plain: Vec<usize> =
            (0..self.rotated.len()).filter(|n| !self.rotated[*n].ends_with(".gz")).collect();
        if plain.is_empty() {
            return;
        }
        let place = *self.dice.pick(&plain);
        let name = self.rotated[place].clone();
        let modified = self.machine.process().stat(name.as_ref()).unwrap().modified;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&self.machine.content(&name)).unwrap();
        let packed = encoder.finish().unwrap();
        let to = format!("{name}.gz");
        let cut = self.dice.below(packed.len() as u64) as usize;
        self.machine.write(&to, &packed[..cut]);
        if self.dice.coin() {
            self.following.step();
        }
        self.machine.write(&to, &packed[cut..]);
        self.machine.set_modified(&to, modified / 1_000_000);
        if self.dice.coin() {
            self.following.step();
        }
        self.machine.remove(&name);
        self.rotated[place].clone_from(&to);
        self.said(format!("compress {name}"));
    }

    /// What the live file holds is in no file from now on.
    fn destroy(&mut self) {
        self.finish_half();
        if self.dice.coin() {
            self.read_everything();
        } else {
            self.doubt(0);
        }
        self.held[0].clear();
    }

    fn truncate(&mut self) {
        if self.exists() {
            self.destroy();
            self.machine.truncate(LIVE, 0);
            self.said("truncate without a copy");
        }
    }

    fn delete(&mut self) {
        if self.exists() {
            self.destroy();
            self.machine.remove(LIVE);
            self.said("delete");
        }
    }

    fn look(&mut self) {
        self.following.step();
        self.said("look");
    }

    fn pass_time(&mut self) {
        let time = Duration::from_millis(self.dice.below(4000));
        self.machine.advance(time);
        self.said(format!("{time:?} pass"));
    }

    fn commit(&mut self) {
        self.following.deliver();
        if self.dice.chance(700) {
            self.following.commit();
        }
        self.said("deliver and perhaps commit");
    }

    fn crash(&mut self) {
        self.following.crash();
        self.said("crash");
    }

    /// All that is wrong in the end.
    fn verdict(&mut self) -> Vec<String> {
        // What was rotated away before anybody saw it is found with the next file of its name.
        self.write_lines();
        self.following.quiet();
        let mut wrong = Vec::new();
        let counted: &BTreeMap<Vec<u8>, u64> = &self.following.committed.lines;
        let shown = |line: &[u8]| {
            format!("{} ({} bytes)", String::from_utf8_lossy(&line[..line.len().min(16)]), line.len())
        };
        for line in &self.owed {
            let n = counted.get(line).copied().unwrap_or(0);
            if n != 1 {
                wrong.push(format!("{:?} was counted {n} times", shown(line)));
            }
        }
        for (line, n) in counted {
            let is_known = self.owed.contains(line) || (self.doubtful.contains(line) && *n <= 1);
            if !is_known {
                wrong.push(format!("{:?} came out {n} times and was not written so", shown(line)));
            }
        }
        // Where nothing was destroyed, nothing is lost.
        if self.doubtful.is_empty() && self.following.committed.lost_bytes() > 0 {
            wrong.push(format!("lost: {:?}", self.following.committed.lost));
        }
        wrong
    }
}

fn play(seed: u64, acts: Acts) -> Result<u64, String> {
    // Few steps make short stories of failures, many make rare ones.
    let steps = 4 + seed % 90;
    let mut play = Play::new(seed, acts);
    for _ in 0..steps {
        play.act();
    }
    let wrong = play.verdict();
    if wrong.is_empty() {
        return Ok(play.next_line);
    }
    Err(format!("seed {seed}:\n  {}\n{}", play.trace.join("\n  "), wrong.join("\n")))
}

/// `FAULTLINE_SEEDS=from..to` plays others.
fn play_all(acts: Acts) {
    let seeds = std::env::var("FAULTLINE_SEEDS").unwrap_or_else(|_| "0..10000".to_owned());
    let (from, to) = seeds.split_once("..").expect("from..to");
    let mut lines = 0;
    let mut failures = Vec::new();
    for seed in from.parse().unwrap()..to.parse::<u64>().unwrap() {
        match play(seed, acts) {
            Ok(written) => lines += written,
            Err(failure) => failures.push(failure),
        }
    }
    let Some(shortest) = failures.iter().min_by_key(|failure| failure.len()) else {
        return assert!(lines > 0);
    };
    let seeds: Vec<_> = failures.iter().filter_map(|failure| failure.split(':').next()).take(20).collect();
    panic!("{} failed ({seeds:?}), the shortest:\n{shortest}", failures.len());
}

#[test]
fn every_line_of_played_renames_is_counted_once() {
    play_all(Acts::Renames);
}

#[test]
fn every_line_of_played_rotations_is_counted_once() {
    play_all(Acts::All);
}
