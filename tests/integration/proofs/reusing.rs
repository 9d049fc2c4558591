//! Files that are deleted and made anew under the same name, and that get the same inode from the file system: half of
//! them while nobody looks.

use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::time::Instant;

use super::daemon::{Address, Life};
use super::scrape::{lines_counted, next_commits};
use super::writer::{CODES, Noted, appending};
use super::{Ground, dice, figure, say};

/// So many files take part in each round.
const AT_ONCE: usize = 50;

#[test]
#[ignore = "runs alone; tests/all.sh does it"]
fn a_new_file_with_the_inode_of_an_old_one_is_read_from_its_start() {
    let rounds = figure("INODES", 5_000).div_ceil(AT_ONCE);
    let mut dice = dice(3);
    let ground = Ground::new();
    let address = Address::default();
    let path = |file: usize| ground.log(&format!("f{file}.log"));
    let mut noted = Noted::default();
    let mut seq = 0;
    let mut make = |file: usize, noted: &mut Noted| {
        let mut made = appending(&path(file));
        // Some are shorter than what was read of the one before, some longer, and some begin alike.
        for _ in 0..1 + dice.below(6) {
            seq += dice.below(2);
            let line = noted.line(seq, 0, dice.below(CODES.len() as u64) as usize);
            made.write_all(line.as_bytes()).unwrap();
        }
        made.metadata().unwrap().ino()
    };
    let mut inodes: Vec<u64> = (0..AT_ONCE).map(|file| make(file, &mut noted)).collect();
    let start = || Some(Life::start_at(&ground.args("*.log"), &address));
    let mut life = start();
    let (mut reused, mut restarts) = (0, 0);
    let begun = Instant::now();
    for round in 0..rounds {
        let here = life.as_ref().unwrap().address();
        noted.assert_counted(&lines_counted(&here, noted.lines));
        let is_down = round % 2 == 1;
        if is_down {
            restarts += 1;
            // What is counted is committed, so that a kill takes nothing back.
            let life = life.take().unwrap();
            if restarts % 2 == 0 {
                life.kill();
            } else {
                life.stop();
            }
        }
        for (file, inode) in inodes.iter_mut().enumerate() {
            fs::remove_file(path(file)).unwrap();
            let new = make(file, &mut noted);
            reused += usize::from(new == *inode);
            *inode = new;
        }
        if is_down {
            life = start();
        }
    }
    let life = life.unwrap();
    lines_counted(&life.address(), noted.lines);
    let sheet = next_commits(&life.address(), 3);
    say(&format!(
        "proof inode reuse: {} files deleted and made anew, {reused} with the same inode, {restarts} restarts, {:.0} s",
        rounds * AT_ONCE,
        begun.elapsed().as_secs_f64()
    ));
    noted.assert_counted(&sheet);
    life.stop();
}
