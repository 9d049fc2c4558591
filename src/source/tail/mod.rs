//! Follows the files of one source through rotation, truncation, deletion and restarts, and knows of each byte whether it
//! was read.
//!
//! [`Tail::look`] finds out what is there, [`Tail::read_some`] reads what is new, [`Tail::settle`] does what time brings,
//! [`Tail::report`] says how far every file is: in that order, again and again. What is read goes into a [`Sink`], which
//! has a lane for each file and knows how much of it is judged; a position is what was read minus what a lane still holds.
//!
//! A file is its device, its inode and its time of birth, and only as long as its head and the bytes before the place
//! up to which it was read are what they were (`print`, `identity`). A path is where a file was seen last, nothing more:
//! who is found under another name goes on there.
//!
//! `scan` walks the paths, `generations` looks for what was rotated away from them, `newcomer` takes up unknown files and
//! `kin` says whether they are new, missed by us and rotated already, or a copy of what we have; `turn` handles files
//! that were cut off. `reading` and `unpacking` read, `settling` does what time brings, `descriptors` counts open files,
//! `position` is what the ledger keeps. Everything goes through [`Files`] and takes the time as an argument.

mod family;
mod names;
mod position;
mod print;
mod heads;
mod reader;
mod followed;
mod claims;
mod identity;
mod scan;
mod generations;
mod newcomer;
mod kin;
mod turn;
mod descriptors;
mod reading;
mod unpacking;
mod settling;
mod report;
pub mod wake;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::encoding::Text;
use super::paths::Paths;
use crate::event::{LossReason, Mark, Millis, SkipReason};
use crate::world::{Clock, FileId, Files, Moment};
use followed::{Followed, Life, Look};
use kin::{Kindred, Waiting};
use print::Print;
use turn::nobodys_id;

pub use claims::Claims;
pub use position::{Position, Stage, prefix as marks_prefix};
pub use reading::BLOCK_BYTES;

/// Where the bytes of files go. A lane is what one file's bytes go into.
pub trait Sink {
    type Lane;

    /// A lane for a file. `text` says what it is when it is not read from its first byte.
    fn open(&mut self, path: &Path, text: Option<Text>) -> Self::Lane;
    fn push(&mut self, lane: &mut Self::Lane, bytes: &[u8], now: Moment);
    /// Bytes of the file that nobody looks at.
    fn skip(&mut self, lane: &mut Self::Lane, reason: SkipReason, bytes: u64);
    /// Bytes of the file that the lane was given and that are not judged yet.
    fn pending(&self, lane: &Self::Lane) -> u64;
    /// Whether some of them are complete lines, and whether some are a line without its end.
    fn holds(&self, lane: &Self::Lane) -> Holds;
    fn judge_lines(&mut self, lane: &mut Self::Lane, now: Moment);
    /// Judges a line without its end as well.
    fn judge_all(&mut self, lane: &mut Self::Lane, now: Moment);
    /// Forgets a line without its end; says how many bytes of the file that were.
    fn forget_unfinished(&mut self, lane: &mut Self::Lane) -> u64;
    fn lost(&mut self, reason: LossReason, bytes: u64);
    fn rotated(&mut self);
    fn truncated(&mut self);
    fn mark(&mut self, mark: Mark);
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holds {
    pub lines: bool,
    pub unfinished: bool,
}

/// Where to begin in files whose position is not known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Start {
    /// Files that are there at the first start from their end, others from their beginning.
    #[default]
    Auto,
    Beginning,
    /// Files that are there at a start from their end.
    End,
}

impl Start {
    pub const ALL: [Start; 3] = [Start::Auto, Start::Beginning, Start::End];

    pub fn name(self) -> &'static str {
        match self {
            Start::Auto => "auto",
            Start::Beginning => "beginning",
            Start::End => "end",
        }
    }
}

#[derive(Debug, Clone)]
pub struct Setting {
    /// The value of the label `source`, as configured.
    pub source: String,
    pub paths: Paths,
    pub start: Start,
    /// A file that was rotated is read on until it was silent for so long.
    pub rotate_wait: Duration,
    /// A line without its end is judged after so much silence.
    pub partial_timeout: Option<Duration>,
    /// Complete lines are judged after so much silence, although more could belong to them.
    pub event_timeout: Duration,
    /// Descriptors that files may hold. Those that cannot be let go without losing bytes may come on top.
    pub open_files_max: usize,
    pub expansion_ratio_max: u64,
}

/// What a watcher of directories says has happened since the last look.
#[derive(Debug, Default)]
pub struct Events {
    pub paths: HashSet<PathBuf>,
    /// More happened than is said.
    pub is_incomplete: bool,
}

/// How often files are looked at of which something is expected.
const WATCH_EVERY: Duration = Duration::from_millis(100);

/// A base path: the file that has it and those that had it are a family.
#[derive(Debug, Default)]
struct Family {
    /// Looked at again with the next scan.
    is_due: bool,
    generations: BTreeSet<u64>,
}

pub struct Tail<S: Sink> {
    files: Arc<dyn Files>,
    setting: Setting,
    clock: Clock,
    claims: Claims,
    /// Of the source among those that share the claims.
    holder: usize,
    followed: BTreeMap<u64, Followed<S::Lane>>,
    by_id: HashMap<FileId, u64>,
    /// The family that newcomers are compared with.
    kindred: Option<Kindred>,
    /// Who has a path now.
    by_path: HashMap<PathBuf, u64>,
    families: HashMap<PathBuf, Family>,
    /// Base paths that links lead to, and the links.
    links: HashMap<PathBuf, PathBuf>,
    /// Unknown files that are not told from copies yet.
    waiting: HashMap<FileId, Waiting>,
    /// Checks of generations that compressed files were found not to have.
    unlike: HashMap<FileId, Vec<Print>>,
    /// Files of families that are older than anything that could be missing.
    passed_over: HashMap<FileId, Look>,
    ready: VecDeque<u64>,
    /// Whose life is [`Life::Gone`].
    gone: BTreeSet<u64>,
    /// Those of them that were cut off, or lost their number to another file.
    fileless: BTreeSet<u64>,
    /// Whose life is [`Life::Copy`].
    copies: BTreeSet<u64>,
    /// Who is read again later.
    retrying: BTreeSet<u64>,
    /// Whose lanes hold something, perhaps.
    holding: BTreeSet<u64>,
    /// Who left its path in this walk, open: it may have been cut off before.
    left: Vec<u64>,
    /// Whose position changed since the last report.
    moved: BTreeSet<u64>,
    forgotten: Vec<u64>,
    next_number: u64,
    is_first_start: bool,
    /// The ledger was told of this start.
    was_started: bool,
    is_first_scan: bool,
    scans: u64,
    /// When the first one ended, in this life or an earlier one.
    since: Option<Millis>,
    next_scan: Duration,
    /// Those that are gone are looked at no earlier...
    gone_allowed_at: Duration,
    /// ...and nothing is settled.
    settle_allowed_at: Duration,
    /// A walk that an event asks for begins no earlier.
    scan_allowed_at: Duration,
    next_sweep: Duration,
    /// Nothing is in the making: whatever is there is taken as it is.
    is_all_settled: bool,
    /// Paths that are there and cannot be read, in the last scan.
    unreadable: HashSet<PathBuf>,
    /// Paths whose files are read from their beginning although a start finds them.
    from_start: HashSet<PathBuf>,
    /// Files that were open when they were counted last, and how many were opened since.
    open_counted: usize,
    opened_since: usize,
    /// As it was set, or less while the system has no more.
    open_files_max: usize,
    directories: Vec<PathBuf>,
    /// When a directory had changed last as its names were looked at, where that is certain. Nanoseconds since 1970.
    listed: HashMap<PathBuf, Option<i64>>,
    complained: HashSet<PathBuf>,
    last_read: Option<Millis>,
}

impl<S: Sink> Tail<S> {
    /// `marks` are those of the ledger that begin with [`marks_prefix`].
    pub fn new<'m>(
        files: Arc<dyn Files>,
        clock: Clock,
        setting: Setting,
        claims: Claims,
        holder: usize,
        marks: impl Iterator<Item = (&'m str, &'m [u8])>,
        sink: &mut S,
    ) -> Tail<S> {
        let mut tail = Tail {
            files,
            clock,
            claims,
            holder,
            followed: BTreeMap::new(),
            by_id: HashMap::new(),
            kindred: None,
            by_path: HashMap::new(),
            families: HashMap::new(),
            links: HashMap::new(),
            waiting: HashMap::new(),
            unlike: HashMap::new(),
            passed_over: HashMap::new(),
            ready: VecDeque::new(),
            gone: BTreeSet::new(),
            fileless: BTreeSet::new(),
            copies: BTreeSet::new(),
            retrying: BTreeSet::new(),
            holding: BTreeSet::new(),
            left: Vec::new(),
            moved: BTreeSet::new(),
            forgotten: Vec::new(),
            next_number: 1,
            is_first_start: true,
            was_started: false,
            is_first_scan: true,
            scans: 0,
            since: None,
            next_scan: Duration::ZERO,
            gone_allowed_at: Duration::ZERO,
            settle_allowed_at: Duration::ZERO,
            scan_allowed_at: Duration::ZERO,
            next_sweep: Duration::ZERO,
            is_all_settled: false,
            unreadable: HashSet::new(),
            from_start: HashSet::new(),
            open_counted: 0,
            opened_since: 0,
            open_files_max: setting.open_files_max,
            directories: Vec::new(),
            listed: HashMap::new(),
            complained: HashSet::new(),
            last_read: None,
            setting,
        };
        let started = position::started_key(&tail.setting.source);
        for (key, value) in marks {
            match Position::read(&tail.setting.source, key, value) {
                Some(position) => tail.resume(position, sink),
                None if key == started => {
                    tail.is_first_start = false;
                    tail.since = position::since(value);
                }
                None => tracing::warn!(
                    source = ?tail.setting.source, key,
                    "a position cannot be read: its file is taken for an unknown one"
                ),
            }
        }
        tail
    }

    /// A file of an earlier life. It is looked for under its path, then among its family.
    fn resume(&mut self, position: Position, sink: &mut S) {
        self.next_number = self.next_number.max(position.number + 1);
        self.claims.take(position.id, self.holder);
        let family = self.families.entry(position.base.clone()).or_default();
        family.is_due = true;
        family.generations.insert(position.number);
        let lane = sink.open(&position.path, (position.offset > 0).then_some(position.text));
        let file = Followed::resumed(position, lane);
        // Of two with one number the one that was there last has it.
        let known = self.by_id.entry(file.id).or_insert(file.number);
        if *known < file.number {
            *known = file.number;
        }
        if file.life == Life::Here {
            self.by_path.insert(file.path.clone(), file.number);
            if file.path != file.base && file.is_at_base() {
                self.links.insert(file.base.clone(), file.path.clone());
            }
        }
        let (number, life) = (file.number, file.life);
        self.followed.insert(number, file);
        self.set_life(number, life);
    }

    /// Directories in which files were found or may appear; to be watched.
    pub fn directories(&self) -> &[PathBuf] {
        &self.directories
    }

    /// Finds out what happened to files and their names. Walks all paths when it is time for that, or when `events` say
    /// more than that a file grew.
    pub fn look(&mut self, now: Moment, events: &Events, sink: &mut S) {
        if events.is_incomplete {
            self.next_scan = self.next_scan.min(now.steady);
        }
        for path in &events.paths {
            self.touched(path, now);
        }
        if now.steady >= self.gone_allowed_at {
            self.look_at_gone(now);
        }
        if now.steady >= self.next_scan {
            self.scan(now, sink);
        }
    }

    /// When there is something to do again without an event; on the clock's steady time.
    pub fn wants_to_look_at(&self, now: Moment) -> Duration {
        let is_watching = !(self.gone.is_empty()
            && self.retrying.is_empty()
            && self.holding.is_empty()
            && self.waiting.is_empty());
        if is_watching { self.next_scan.min(now.steady + WATCH_EVERY) } else { self.next_scan }
    }

    /// When bytes were read last.
    pub fn last_read(&self) -> Option<Millis> {
        self.last_read
    }

    fn set_life(&mut self, number: u64, life: Life) {
        let file = self.followed.get_mut(&number).expect("whoever asks has found it");
        file.life = life;
        let belongs = [
            (&mut self.gone, matches!(life, Life::Gone(_))),
            (&mut self.fileless, matches!(life, Life::Gone(_)) && file.id == nobodys_id(number)),
            (&mut self.copies, matches!(life, Life::Copy(_))),
        ];
        for (set, is_in) in belongs {
            match is_in {
                true => set.insert(number),
                false => set.remove(&number),
            };
        }
    }

    /// Says it once for each path. What is said is bounded too.
    fn complain(&mut self, path: &Path, what: std::fmt::Arguments<'_>) {
        const COMPLAINTS_MAX: usize = 10_000;
        if self.complained.len() < COMPLAINTS_MAX && self.complained.insert(path.to_owned()) {
            tracing::warn!(source = ?self.setting.source, ?path, "{what}");
        }
    }
}
