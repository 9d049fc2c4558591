//! Inputs → jobs, handed out in the order of the input. A job is a whole stream, or one block of a big plain file.
//!
//! What cannot be opened is a [`Problem`], and the others go on. No more than a few jobs are under way ahead of the
//! oldest unfinished one, so that what waits for its turn stays small.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use super::job::{Job, Work};
use super::ordered::Ordered;
use crate::commands::escape::Escaped;
use crate::event::Label;
use crate::framing::{self, Start, Tail};
use crate::source::blocks::{BlockReader, Blocks, View};
use crate::source::input::{self, Input, Origin};
use crate::source::packing::Packing;
use crate::source::stdin::Stdin;

/// Big enough that starting a block costs nothing, small enough that threads end together.
const BLOCK_BYTES: u64 = 8 * 1024 * 1024;

/// Something that was named and could not be read, or not to its end.
#[derive(Debug)]
pub struct Problem {
    pub input: Label,
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", Escaped(self.input.as_bytes()), self.message)
    }
}

pub struct Plan {
    state: Mutex<State>,
    problems: Mutex<Vec<Problem>>,
    passed: Arc<AtomicU64>,
    bytes_expected: Option<u64>,
    expansion_ratio_max: u64,
}

struct State {
    inputs: std::vec::IntoIter<PathBuf>,
    /// The big file whose blocks are being handed out.
    cut: Option<Cut>,
    next_index: u64,
    next_input: usize,
}

struct Cut {
    input: usize,
    name: Label,
    year: Option<i16>,
    file: Arc<File>,
    blocks: Blocks,
}

impl Plan {
    pub fn new(inputs: Vec<PathBuf>, expansion_ratio_max: u64) -> Plan {
        Plan {
            bytes_expected: bytes_expected(&inputs),
            state: Mutex::new(State { inputs: inputs.into_iter(), cut: None, next_index: 0, next_input: 0 }),
            problems: Mutex::default(),
            passed: Arc::default(),
            expansion_ratio_max,
        }
    }

    /// The next job, once it is near enough to the oldest unfinished one; nothing when all were handed out or nobody
    /// wants results any more.
    pub fn next_job<W: io::Write + Send>(&self, ordered: &Ordered<W>) -> Option<Job> {
        let job = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let job = self.cut_next(&mut state).or_else(|| self.open_next(&mut state))?;
            state.next_index += 1;
            job
        };
        ordered.admits(job.index).then_some(job)
    }

    fn cut_next(&self, state: &mut State) -> Option<Job> {
        let cut = state.cut.as_mut()?;
        match cut.blocks.next_block() {
            Ok(Some(range)) => {
                let work = Work::Block(BlockReader::new(cut.file.clone(), range));
                return Some(Job {
                    index: state.next_index,
                    input: cut.input,
                    name: cut.name.clone(),
                    year: cut.year,
                    work,
                });
            }
            Ok(None) => {}
            Err(error) => self.report(&cut.name, error),
        }
        state.cut = None;
        None
    }

    fn open_next(&self, state: &mut State) -> Option<Job> {
        loop {
            let path = state.inputs.next()?;
            let input = state.next_input;
            state.next_input += 1;
            let name: Label = name(&path).into();
            let year = year_of(&path);
            match self.open(&path) {
                Ok(Opened::Stream(stream)) => {
                    let work = Work::Stream(stream);
                    return Some(Job { index: state.next_index, input, name, year, work });
                }
                Ok(Opened::Plain(file, size)) => {
                    let file = Arc::new(file);
                    let blocks = Blocks::new(file.clone(), size, BLOCK_BYTES, find_start);
                    state.cut = Some(Cut { input, name, year, file, blocks });
                    if let Some(job) = self.cut_next(state) {
                        return Some(job);
                    }
                }
                Err(error) => self.report(&name, error),
            }
        }
    }

    fn open(&self, path: &Path) -> io::Result<Opened> {
        if path == Path::new("-") {
            let input =
                Input::new(Origin::Stdin(Stdin::open()), self.passed.clone(), self.expansion_ratio_max)?;
            return Ok(Opened::Stream(input));
        }
        let file = input::open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_file() && metadata.len() > 2 * BLOCK_BYTES && is_plain(&file)? {
            return Ok(Opened::Plain(file, metadata.len()));
        }
        let input = Input::new(Origin::File(file), self.passed.clone(), self.expansion_ratio_max)?;
        Ok(Opened::Stream(input))
    }

    pub fn report(&self, name: &Label, message: impl fmt::Display) {
        let problem = Problem { input: name.clone(), message: message.to_string() };
        self.problems.lock().unwrap_or_else(PoisonError::into_inner).push(problem);
    }

    pub fn into_problems(self) -> Vec<Problem> {
        self.problems.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes read so far, packed ones packed.
    pub fn bytes_passed(&self) -> u64 {
        self.passed.load(Ordering::Relaxed)
    }

    pub fn block_passed(&self, bytes: u64) {
        self.passed.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Known when every input is a regular file.
    pub fn bytes_expected(&self) -> Option<u64> {
        self.bytes_expected
    }
}

enum Opened {
    Stream(Input),
    Plain(File, u64),
}

/// Neither compressed nor in an encoding that is decoded: its bytes are the text.
fn is_plain(file: &File) -> io::Result<bool> {
    let mut head = [0; 4];
    let n = file.read_at(&mut head, 0)?;
    let head = &head[..n];
    let is_utf16 = head.starts_with(&[0xFF, 0xFE]) || head.starts_with(&[0xFE, 0xFF]);
    Ok(Packing::recognise(head) == Packing::Plain && !is_utf16)
}

fn name(path: &Path) -> String {
    if path == Path::new("-") { "stdin".to_owned() } else { path.to_string_lossy().into_owned() }
}

/// The year in which the file was written last, this year for anything else.
fn year_of(path: &Path) -> Option<i16> {
    let written = std::fs::metadata(path).ok().filter(|m| m.is_file()).and_then(|m| m.modified().ok());
    let at = jiff::Timestamp::try_from(written.unwrap_or_else(SystemTime::now)).ok()?;
    Some(at.to_zoned(jiff::tz::TimeZone::UTC).year())
}

fn bytes_expected(inputs: &[PathBuf]) -> Option<u64> {
    let size = |path: &PathBuf| std::fs::metadata(path).ok().filter(|m| m.is_file()).map(|m| m.len());
    inputs.iter().map(size).sum()
}

/// A line is certain when the few lines around it that framing looks at are in the view.
fn find_start(view: &View<'_>) -> Option<usize> {
    const LINES_BEFORE: usize = 5;
    let line_starts = || memchr::memchr_iter(b'\n', view.text).map(|end| end + 1);
    let first = if view.is_beginning { 0 } else { line_starts().next()? };
    let tail = if view.is_end { Tail::End } else { Tail::More };
    let needed = if view.is_beginning { 0 } else { LINES_BEFORE };
    line_starts()
        .skip(needed)
        .filter(|start| *start >= view.from && *start < view.text.len())
        .find(|start| framing::starts_at(view.text, *start, first, tail) == Start::Yes)
}
