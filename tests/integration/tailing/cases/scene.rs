//! One case of a tail that is followed line by line: what a service writes, what a rotation does, when somebody looks.
//!
//! [`everywhere`] plays a case in every way that must not matter: the file system knows births or not, the glob takes
//! the rotated names or not, lines are long or short, many files may be open or one; and each of these again with a
//! crash after each single step, one that takes back what was read and one that does not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use faultline::source::tail::{Setting, Start};

use crate::sim::Machine;
use crate::tailing::lines::{Following, setting};

pub const LIVE: &str = "/logs/app.log";
pub const FIRST: &str = "/logs/app.log.1";

/// How a life ends between two steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// What was counted since the last commit is gone.
    Kill,
    /// A commit, then the end.
    Restart,
}

#[derive(Debug, Clone, Copy)]
pub struct Way {
    pub births: bool,
    pub glob: &'static str,
    pub is_long: bool,
    pub open_files_max: usize,
    /// Behind this step, counted from 1.
    pub end: Option<(u64, End)>,
}

pub struct Scene {
    pub machine: Machine,
    pub following: Following,
    pub way: Way,
    next_line: u64,
    /// Exactly once each.
    owed: BTreeSet<Vec<u8>>,
    /// Once or not at all.
    doubtful: BTreeSet<Vec<u8>>,
    steps: u64,
    is_checked: bool,
}

/// All ways without a crash.
pub fn ways() -> Vec<Way> {
    let mut ways = Vec::new();
    for bits in 0..16 {
        let on = |bit: u32| bits >> bit & 1 == 1;
        ways.push(Way {
            births: on(0),
            glob: if on(1) { LIVE } else { "/logs/app.log*" },
            is_long: on(2),
            open_files_max: if on(3) { 1 } else { 64 },
            end: None,
        });
    }
    ways
}

/// Plays a case in every way, and with a crash behind each of its steps.
pub fn everywhere(case: impl Fn(&mut Scene)) {
    for way in ways() {
        let steps = play(way, &case);
        for step in 1..=steps {
            for end in [End::Kill, End::Restart] {
                play(Way { end: Some((step, end)), ..way }, &case);
            }
        }
    }
}

/// In every way, without a crash: one would change the outcome.
pub fn without_crash(case: impl Fn(&mut Scene)) {
    for way in ways() {
        play(way, &case);
    }
}

fn play(way: Way, case: &impl Fn(&mut Scene)) -> u64 {
    let mut scene = Scene::new(way, |_| {});
    case(&mut scene);
    if !scene.is_checked {
        scene.check();
    }
    scene.steps
}

impl Scene {
    /// A source that was started before; its file has a line, which is committed.
    pub fn new(way: Way, set: impl Fn(&mut Setting)) -> Scene {
        let machine = Machine::new(1);
        machine.mkdir("/logs");
        machine.births(0, way.births);
        let mut setting = setting(&[way.glob], Start::Auto);
        setting.open_files_max = way.open_files_max;
        set(&mut setting);
        let following = Following::new(&machine, setting);
        let mut scene = Scene {
            machine,
            following,
            way: Way { end: None, ..way },
            next_line: 0,
            owed: BTreeSet::new(),
            doubtful: BTreeSet::new(),
            steps: 0,
            is_checked: false,
        };
        scene.look();
        scene.commit();
        scene.write(LIVE, 1);
        scene.look();
        scene.commit();
        scene.pass(0.5);
        (scene.way, scene.steps) = (way, 0);
        scene
    }

    /// Something happened; here the process may end.
    pub fn step(&mut self) {
        self.steps += 1;
        match self.way.end {
            Some((step, End::Kill)) if step == self.steps => self.following.crash(),
            Some((step, End::Restart)) if step == self.steps => self.following.restart(),
            _ => {}
        }
    }

    /// A line that has to be counted once, and is not written yet.
    pub fn line(&mut self) -> Vec<u8> {
        let n = self.next_line;
        self.next_line += 1;
        let filler = if self.way.is_long { format!("{} {n}", "x".repeat(400)) } else { String::new() };
        let line = format!("ERROR drm MDRM-508 seq={n} tenant=t{} {filler}\n", n % 3).into_bytes();
        self.owe(&line);
        line
    }

    pub fn lines(&mut self, count: u64) -> Vec<u8> {
        (0..count).flat_map(|_| self.line()).collect()
    }

    pub fn owe(&mut self, line: &[u8]) {
        self.owed.insert(line.to_vec());
    }

    /// These may be lost, if that is counted.
    pub fn doubt(&mut self, lines: &[u8]) {
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            self.owed.remove(line);
            self.doubtful.insert(line.to_vec());
        }
    }

    /// Nobody will see these.
    pub fn forget(&mut self, lines: &[u8]) {
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            self.owed.remove(line);
        }
    }

    /// So many lines at the end of a file.
    pub fn write(&mut self, path: impl AsRef<Path>, count: u64) -> Vec<u8> {
        let lines = self.lines(count);
        self.put(path, &lines);
        lines
    }

    pub fn put(&mut self, path: impl AsRef<Path>, bytes: &[u8]) {
        self.machine.write(path, bytes);
        self.step();
    }

    pub fn rename(&mut self, from: &str, to: &str) {
        self.machine.rename(from, to);
        self.step();
    }

    pub fn copy(&mut self, from: &str, to: &str) {
        self.machine.copy(from, to);
        self.step();
    }

    pub fn truncate(&mut self, path: &str, len: u64) {
        self.machine.truncate(path, len);
        self.step();
    }

    pub fn remove(&mut self, path: &str) {
        self.machine.remove(path);
        self.step();
    }

    pub fn look(&mut self) {
        self.following.step();
        self.step();
    }

    pub fn commit(&mut self) {
        self.following.deliver();
        self.following.commit();
        self.step();
    }

    /// Seconds, with two looks and a commit in each.
    pub fn pass(&mut self, seconds: f64) {
        for half in 0..(seconds * 2.0) as u64 {
            self.machine.advance(Duration::from_millis(500));
            self.following.step();
            if half % 2 == 1 {
                self.following.deliver();
                self.following.commit();
            }
        }
        self.step();
    }

    /// Everything is committed and may be destroyed.
    pub fn settle(&mut self) {
        self.pass(10.0);
    }

    /// Each line that is owed was counted once, and nothing else was.
    #[track_caller]
    pub fn check(&mut self) {
        self.check_of(format_args!(""));
    }

    #[track_caller]
    pub fn check_of(&mut self, what: std::fmt::Arguments<'_>) {
        self.is_checked = true;
        self.following.quiet();
        let shown = |line: &[u8]| String::from_utf8_lossy(&line[..line.len().min(60)]).into_owned();
        let counted: &BTreeMap<Vec<u8>, u64> = &self.following.committed.lines;
        for line in &self.owed {
            let n = counted.get(line).copied().unwrap_or(0);
            assert_eq!(n, 1, "{:?} was counted {n} times; {what} {:?}", shown(line), self.way);
        }
        for (line, n) in counted {
            let is_known = self.owed.contains(line) || (*n == 1 && self.doubtful.contains(line));
            assert!(is_known, "{:?} was counted {n} times; {what} {:?}", shown(line), self.way);
        }
    }

    /// And no byte was lost.
    #[track_caller]
    pub fn check_nothing_lost(&mut self) {
        self.check();
        let lost = &self.following.committed.lost;
        assert!(lost.is_empty(), "{lost:?}; {:?}", self.way);
    }
}
