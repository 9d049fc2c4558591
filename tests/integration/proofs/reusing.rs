//! Files that are deleted and made anew, and that get the numbers of deleted ones from the file system: half of them
//! while nobody looks, the others while the daemon, which may keep few files open, takes most of them for still there.

use std::collections::HashSet;
use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Instant;

use super::daemon::{Address, Life};
use super::scrape::{lines_counted, next_commits};
use super::writer::{CODES, Noted, appending};
use super::{Ground, dice, figure, say};
use crate::sim::dice::Dice;
use crate::tools;

/// So many files take part in each round.
const AT_ONCE: usize = 50;
/// Descriptors for them. The number of an open file is free only when it is closed.
const OPEN_MAX: usize = 8;
/// Numbers that may be free before those of the files are, at most.
const HOLES_MAX: usize = 20_000;

struct Files<'a> {
    ground: &'a Ground,
    dice: Dice,
    noted: Noted,
    seq: u64,
    inodes: Vec<u64>,
    spares: usize,
}

impl Files<'_> {
    fn path(&self, file: usize) -> PathBuf {
        self.ground.log(&format!("f{file}.log"))
    }

    /// A new file with some lines: fewer than were read of the one before, or more, and some begin alike.
    fn make(&mut self, file: usize) {
        let mut made = appending(&self.path(file));
        for _ in 0..1 + self.dice.below(6) {
            self.seq += self.dice.below(2);
            let line = self.noted.line(self.seq, 0, self.dice.below(CODES.len() as u64) as usize);
            made.write_all(line.as_bytes()).unwrap();
        }
        self.inodes[file] = made.metadata().unwrap().ino();
    }

    /// File systems give the lowest number that is free. This leaves none below those of the files.
    fn fill_holes(&mut self) {
        let highest = *self.inodes.iter().max().expect("there are files");
        for _ in 0..HOLES_MAX {
            self.spares += 1;
            let spare = appending(&self.ground.log(&format!("spare{}", self.spares)));
            if spare.metadata().unwrap().ino() > highest {
                break;
            }
        }
    }

    /// Deletes each and makes it anew: one after the other, or all of them in another order. Gives how many got the
    /// number of one that was deleted now.
    fn remake(&mut self) -> usize {
        self.fill_holes();
        let deleted: HashSet<u64> = self.inodes.iter().copied().collect();
        let mut order: Vec<usize> = (0..AT_ONCE).collect();
        let is_each = self.dice.coin();
        if !is_each {
            order.iter().for_each(|file| fs::remove_file(self.path(*file)).unwrap());
            self.dice.shuffle(&mut order);
        }
        for file in order {
            if is_each {
                fs::remove_file(self.path(file)).unwrap();
            }
            self.make(file);
        }
        self.inodes.iter().filter(|inode| deleted.contains(inode)).count()
    }
}

#[test]
#[ignore = "runs alone; tests/all.sh does it"]
fn a_new_file_with_the_inode_of_an_old_one_is_read_from_its_start() {
    const SELF: &str = "a_new_file_with_the_inode_of_an_old_one_is_read_from_its_start";
    let rounds = figure("INODES", 5_000).div_ceil(AT_ONCE);
    let ground = Ground::new();
    let address = Address::default();
    let mut files = Files {
        ground: &ground,
        dice: dice(3),
        noted: Noted::default(),
        seq: 0,
        inodes: vec![0; AT_ONCE],
        spares: 0,
    };
    (0..AT_ONCE).for_each(|file| files.make(file));
    if files.remake() < AT_ONCE / 2 {
        let reason = "no freed inode number is given again here: set TMPDIR to a directory on ext4 or xfs";
        return tools::skip(SELF, reason);
    }
    // Those are gone and nobody saw them.
    files.noted = Noted::default();
    files.remake();
    let configuration = ground.root.path().join("faultline.yaml");
    fs::write(&configuration, format!("limits: {{open_files_max: {OPEN_MAX}}}\n")).unwrap();
    let mut args = ground.args("*.log");
    args.extend(["--config.file".to_owned(), configuration.to_str().unwrap().to_owned()]);
    let start = || Some(Life::start_at(&args, &address));
    let mut life = start();
    let (mut reused_up, mut reused_down, mut restarts) = (0, 0, 0);
    let begun = Instant::now();
    for round in 0..rounds {
        let here = life.as_ref().unwrap().address();
        files.noted.assert_counted(&lines_counted(&here, files.noted.lines));
        if round % 2 == 0 {
            reused_up += files.remake();
            continue;
        }
        restarts += 1;
        // What is counted is committed, so that a kill takes nothing back.
        let before = life.take().unwrap();
        if restarts % 2 == 0 {
            before.kill();
        } else {
            before.stop();
        }
        reused_down += files.remake();
        life = start();
    }
    let life = life.unwrap();
    lines_counted(&life.address(), files.noted.lines);
    let sheet = next_commits(&life.address(), 3);
    let cycles = rounds * AT_ONCE;
    say(&format!(
        "proof inode reuse: {cycles} files deleted and made anew, {reused_down} of {} with a number that was freed while \
         nobody looked, {reused_up} of {} while somebody did, {restarts} restarts, {:.0} s",
        rounds / 2 * AT_ONCE,
        rounds.div_ceil(2) * AT_ONCE,
        begun.elapsed().as_secs_f64()
    ));
    files.noted.assert_counted(&sheet);
    assert!(2 * (reused_up + reused_down) >= cycles, "numbers are hardly used again");
    life.stop();
}
