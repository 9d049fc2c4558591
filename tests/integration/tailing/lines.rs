//! A tail with the simplest sink there is, and what a ledger does for it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use faultline::event::{FilesStanding, LossReason, Mark, SkipReason};
use faultline::source::encoding::Text;
use faultline::source::paths::Paths;
use faultline::source::tail::{BLOCK_BYTES, Claims, Events, Holds, Setting, Sink, Start, Tail, marks_prefix};
use faultline::world::Moment;

use crate::sim::Machine;

pub const SOURCE: &str = "logs";

/// A file's bytes that are not judged: the last complete line, which may go on, and what is behind it.
#[derive(Debug, Default)]
pub struct Lane {
    bytes: Vec<u8>,
    holes: u64,
}

impl Lane {
    fn lines_end(&self) -> usize {
        self.bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1)
    }
}

/// What was counted, or what was counted since something else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counted {
    pub lines: BTreeMap<Vec<u8>, u64>,
    /// As they were judged.
    pub order: Vec<Vec<u8>>,
    pub lost: BTreeMap<&'static str, u64>,
    pub skipped: BTreeMap<&'static str, u64>,
    pub rotations: u64,
    pub truncations: u64,
}

impl Counted {
    pub fn add(&mut self, other: Counted) {
        self.order.extend(other.order);
        other.lines.into_iter().for_each(|(line, n)| *self.lines.entry(line).or_default() += n);
        other.lost.into_iter().for_each(|(reason, n)| *self.lost.entry(reason).or_default() += n);
        other.skipped.into_iter().for_each(|(reason, n)| *self.skipped.entry(reason).or_default() += n);
        self.rotations += other.rotations;
        self.truncations += other.truncations;
    }

    pub fn lost_bytes(&self) -> u64 {
        self.lost.values().sum()
    }
}

#[derive(Debug, Default)]
pub struct Lines {
    pub counted: Counted,
    marks: Vec<Mark>,
}

impl Lines {
    fn judge(&mut self, lane: &mut Lane, end: usize) {
        let judged: Vec<u8> = lane.bytes.drain(..end).collect();
        for line in judged.split_inclusive(|byte| *byte == b'\n') {
            *self.counted.lines.entry(line.to_vec()).or_default() += 1;
            self.counted.order.push(line.to_vec());
        }
        if lane.bytes.is_empty() {
            *self.counted.skipped.entry("hole").or_default() += std::mem::take(&mut lane.holes);
        }
    }
}

impl Sink for Lines {
    type Lane = Lane;

    fn open(&mut self, _: &Path, _: Option<Text>) -> Lane {
        Lane::default()
    }

    fn push(&mut self, lane: &mut Lane, bytes: &[u8], _: Moment) {
        lane.bytes.extend_from_slice(bytes);
        let end = lane.lines_end();
        let last = lane.bytes[..end.saturating_sub(1)].iter().rposition(|byte| *byte == b'\n');
        self.judge(lane, last.map_or(0, |last| last + 1));
    }

    fn skip(&mut self, lane: &mut Lane, reason: SkipReason, bytes: u64) {
        match reason {
            SkipReason::Hole if !lane.bytes.is_empty() => lane.holes += bytes,
            reason => *self.counted.skipped.entry(reason.name()).or_default() += bytes,
        }
    }

    fn pending(&self, lane: &Lane) -> u64 {
        lane.bytes.len() as u64 + lane.holes
    }

    fn holds(&self, lane: &Lane) -> Holds {
        let end = lane.lines_end();
        Holds { lines: end > 0, unfinished: end < lane.bytes.len() }
    }

    fn judge_lines(&mut self, lane: &mut Lane, _: Moment) {
        let end = lane.lines_end();
        self.judge(lane, end);
    }

    fn judge_all(&mut self, lane: &mut Lane, _: Moment) {
        let end = lane.bytes.len();
        self.judge(lane, end);
    }

    fn forget_unfinished(&mut self, lane: &mut Lane) -> u64 {
        let end = lane.lines_end();
        let unfinished = lane.bytes.len() - end;
        lane.bytes.truncate(end);
        unfinished as u64
    }

    fn lost(&mut self, reason: LossReason, bytes: u64) {
        if bytes > 0 {
            *self.counted.lost.entry(reason.name()).or_default() += bytes;
        }
    }

    fn rotated(&mut self) {
        self.counted.rotations += 1;
    }

    fn truncated(&mut self) {
        self.counted.truncations += 1;
    }

    fn mark(&mut self, mark: Mark) {
        self.marks.push(mark);
    }
}

/// One source that is followed on a machine, through all its lives.
pub struct Following {
    pub machine: Machine,
    pub setting: Setting,
    tail: Tail<Lines>,
    sink: Lines,
    claims: Claims,
    holder: usize,
    /// Delivered and not durable.
    delivered: (Counted, Vec<Mark>),
    /// Durable: what a crash leaves.
    pub committed: Counted,
    marks: BTreeMap<Box<str>, Box<[u8]>>,
    pub standing: FilesStanding,
    block: Vec<u8>,
}

pub fn setting(include: &[&str], start: Start) -> Setting {
    Setting {
        source: SOURCE.to_owned(),
        paths: Paths::new(include, &[]).unwrap(),
        start,
        rotate_wait: Duration::from_secs(5),
        partial_timeout: None,
        event_timeout: Duration::from_secs(1),
        open_files_max: 64,
        expansion_ratio_max: 250,
    }
}

impl Following {
    pub fn new(machine: &Machine, setting: Setting) -> Following {
        Following::among(machine, setting, Claims::default(), 0)
    }

    /// One of several sources of a process.
    pub fn among(machine: &Machine, setting: Setting, claims: Claims, holder: usize) -> Following {
        let marks = BTreeMap::new();
        let (tail, sink) = begin(machine, &setting, &claims, holder, &marks);
        Following {
            machine: machine.clone(),
            setting,
            tail,
            sink,
            claims,
            holder,
            delivered: Default::default(),
            committed: Counted::default(),
            marks,
            standing: FilesStanding::default(),
            block: vec![0; BLOCK_BYTES],
        }
    }

    /// Looks, reads all there is, and does what time brings.
    pub fn step(&mut self) {
        self.step_told(&Events { is_incomplete: true, ..Events::default() });
    }

    /// The same when nobody says that something happened.
    pub fn step_told(&mut self, events: &Events) {
        self.look(events);
        while self.read_some() {}
        self.settle();
    }

    pub fn look(&mut self, events: &Events) {
        let now = (self.machine.clock())();
        self.tail.look(now, events, &mut self.sink);
    }

    /// One block of each file.
    pub fn read_some(&mut self) -> bool {
        let clock = self.machine.clock();
        let until = clock().steady + Duration::from_secs(1);
        self.tail.read_some(&mut self.block, &clock, until, &mut self.sink)
    }

    pub fn settle(&mut self) {
        let now = (self.machine.clock())();
        self.tail.settle(now, &mut self.sink);
    }

    /// A worker's tick: what was counted and how far the files are, in one.
    pub fn deliver(&mut self) {
        self.standing = self.tail.report(&mut self.sink);
        self.delivered.0.add(std::mem::take(&mut self.sink.counted));
        self.delivered.1.append(&mut self.sink.marks);
    }

    /// The ledger's commit.
    pub fn commit(&mut self) {
        self.committed.add(std::mem::take(&mut self.delivered.0));
        for mark in std::mem::take(&mut self.delivered.1) {
            match mark.value {
                Some(value) => self.marks.insert(mark.key, value),
                None => self.marks.remove(&mark.key),
            };
        }
    }

    /// Kill -9: what was not committed is gone, and another life begins.
    pub fn crash(&mut self) {
        self.machine.kill();
        self.delivered = Default::default();
        // With others in the process it would be their end as well.
        self.claims = Claims::default();
        (self.tail, self.sink) = begin(&self.machine, &self.setting, &self.claims, self.holder, &self.marks);
    }

    /// SIGTERM: the last delta is committed.
    pub fn restart(&mut self) {
        self.deliver();
        self.commit();
        self.crash();
    }

    /// So many steps, with time between them.
    pub fn steps(&mut self, steps: u32, between: Duration) {
        for _ in 0..steps {
            self.step();
            self.machine.advance(between);
        }
    }

    /// Until everything that can be counted is.
    pub fn quiet(&mut self) {
        self.steps(40, Duration::from_millis(500));
        self.deliver();
        self.commit();
    }

    /// Positions that are durable.
    pub fn marks(&self) -> usize {
        self.marks.len()
    }

    /// How often a line was counted, its end included.
    pub fn count_of(&self, line: &str) -> u64 {
        self.committed.lines.get(line.as_bytes()).copied().unwrap_or(0)
    }
}

fn begin(
    machine: &Machine,
    setting: &Setting,
    claims: &Claims,
    holder: usize,
    marks: &BTreeMap<Box<str>, Box<[u8]>>,
) -> (Tail<Lines>, Lines) {
    let mut sink = Lines::default();
    let prefix = marks_prefix(SOURCE);
    let marks =
        marks.iter().filter(|(key, _)| key.starts_with(&prefix)).map(|(key, value)| (&**key, &**value));
    let tail = Tail::new(
        Arc::new(machine.process()),
        machine.clock(),
        setting.clone(),
        claims.clone(),
        holder,
        marks,
        &mut sink,
    );
    (tail, sink)
}
