//! `classify`: one JSON object for each record on stdout, in the order of the input, whatever the bytes are.
//!
//! Records are lines, or NUL-separated events; never joined, never decompressed or decoded: what comes in is judged as
//! it is. Output is held back while input is there to be read and flushed as soon as it pauses.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::Serialize;

use super::escape::Escaped;
use super::scan::verdict_name;
use super::{Exit, Outcome, Trouble, output};
use crate::config::{self, Settings};
use crate::event::{Fault, Judgement, Label, reserved};
use crate::pipeline::{Join, Pipeline, Times};
use crate::source::BLOCK_BYTES;
use crate::source::input;
use crate::source::stdin::{self, Stdin};

#[derive(Debug, Clone)]
pub struct Options {
    /// Files; `-` is standard input; none is standard input too.
    pub inputs: Vec<PathBuf>,
    pub separator: Separator,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Separator {
    LineFeed,
    Nul,
}

#[derive(Serialize)]
struct Answer<'a> {
    line: u64,
    matches: Vec<Match<'a>>,
}

#[derive(Serialize)]
struct Match<'a> {
    verdict: &'static str,
    provider: &'a str,
    code: &'a str,
    wire_code: &'a str,
    category: &'a str,
    tenant: &'a str,
    candidates: &'a [Label],
    rule: &'a str,
    evidence: &'a [String],
}

impl<'a> From<&'a Fault> for Match<'a> {
    fn from(fault: &'a Fault) -> Match<'a> {
        let settled = |label: &'a Option<Label>| label.as_deref().unwrap_or("");
        Match {
            verdict: verdict_name(fault.verdict),
            provider: settled(&fault.provider),
            code: settled(&fault.code),
            wire_code: settled(&fault.wire_code),
            category: settled(&fault.category),
            tenant: fault.tenant.as_deref().unwrap_or(reserved::NO_TENANT),
            candidates: &fault.candidates,
            rule: settled(&fault.rule),
            evidence: &fault.evidence,
        }
    }
}

pub fn run(settings: &Settings, options: &Options) -> Outcome {
    let mut inputs = options.inputs.clone();
    if inputs.is_empty() {
        if stdin::kind() == stdin::Kind::Terminal {
            output::say(format_args!("reading records from the terminal, Ctrl-D ends; or name files"));
        }
        inputs.push("-".into());
    }
    let engine = config::build_engine(settings).map_err(Trouble::NotStarted)?;
    let pipeline = Pipeline::new(engine, settings.pipeline("classify", Join::Lines, Times::Arrival));
    let mut classifier = Classifier {
        pipeline,
        // A byte more than is judged says that there is more.
        record_bytes_max: settings.limits.line_bytes_max + 1,
        separator: match options.separator {
            Separator::LineFeed => b'\n',
            Separator::Nul => 0,
        },
        count: 0,
        held: Vec::new(),
        out: BufWriter::with_capacity(64 * 1024, io::stdout()),
    };
    let mut read = 0;
    for path in &inputs {
        match Bytes::open(path) {
            Ok(bytes) => {
                read += 1;
                classifier.classify_all(bytes)?;
            }
            Err(error) => {
                output::complain(format_args!("{}: {error}", Escaped(path.as_os_str().as_encoded_bytes())))
            }
        }
    }
    classifier.out.flush()?;
    match read {
        0 => Err(Trouble::not_started("no input could be read")),
        n if n < inputs.len() => Ok(Exit::Failed),
        _ => Ok(Exit::Done),
    }
}

/// Raw bytes, and whether more of them are there at once.
enum Bytes {
    Stdin(Stdin),
    File(File),
}

impl Bytes {
    fn open(path: &Path) -> io::Result<Bytes> {
        if path.as_os_str() == "-" {
            return Ok(Bytes::Stdin(Stdin::open()));
        }
        input::open(path).map(Bytes::File)
    }

    fn would_wait(&self) -> bool {
        matches!(self, Bytes::Stdin(stdin) if !stdin.is_ready())
    }
}

impl Read for Bytes {
    fn read(&mut self, block: &mut [u8]) -> io::Result<usize> {
        loop {
            let outcome = match self {
                Bytes::Stdin(stdin) => stdin.read(block),
                Bytes::File(file) => file.read(block),
            };
            match outcome {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }
}

struct Classifier<W> {
    pipeline: Pipeline,
    record_bytes_max: usize,
    separator: u8,
    /// Records so far, over all inputs.
    count: u64,
    /// The head of a record whose end has not come yet; never much more than the limit.
    held: Vec<u8>,
    out: W,
}

impl<W: Write> Classifier<W> {
    fn classify_all(&mut self, mut bytes: Bytes) -> Result<(), Trouble> {
        let mut block = vec![0; BLOCK_BYTES];
        let mut in_record = false;
        loop {
            if bytes.would_wait() {
                self.out.flush()?;
            }
            let n = bytes.read(&mut block).context("reading the input").map_err(Trouble::Failed)?;
            if n == 0 {
                break;
            }
            in_record = self.push(&block[..n])?;
        }
        if in_record {
            let held = std::mem::take(&mut self.held);
            self.answer(&held)?;
        }
        Ok(())
    }

    /// Judges every record that ends in the block; true when the block ends inside a record.
    fn push(&mut self, block: &[u8]) -> io::Result<bool> {
        let mut from = 0;
        for end in memchr::memchr_iter(self.separator, block) {
            let piece = &block[from..end];
            if self.held.is_empty() {
                self.answer(&piece[..piece.len().min(self.record_bytes_max)])?;
            } else {
                self.hold(piece);
                let mut held = std::mem::take(&mut self.held);
                self.answer(&held)?;
                held.clear();
                self.held = held;
            }
            from = end + 1;
        }
        self.hold(&block[from..]);
        Ok(from < block.len() || !self.held.is_empty())
    }

    /// Keeps the head of a record; what is past the limit is let go.
    fn hold(&mut self, piece: &[u8]) {
        let room = self.record_bytes_max.saturating_sub(self.held.len());
        self.held.extend_from_slice(&piece[..piece.len().min(room)]);
    }

    fn answer(&mut self, record: &[u8]) -> io::Result<()> {
        self.count += 1;
        let judgement: Judgement = self.pipeline.classify(record);
        let answer = Answer { line: self.count, matches: judgement.faults.iter().map(Match::from).collect() };
        serde_json::to_writer(&mut self.out, &answer)?;
        self.out.write_all(b"\n")
    }
}
