//! Framing, matcher, attribution and aggregation joined: bytes in, a [`Delta`] out.
//!
//! The matcher runs over whole stretches of complete events; bounds, wrappers and fields are looked up around its
//! candidates alone, so a line without a code costs the scanning of its bytes. What may still go on (the last event of
//! a chunk) is held back until more bytes or [`Pipeline::flush`] complete it: any chunking of the same bytes gives the
//! same faults. One pipeline serves any number of [`Stream`]s. Knows no file, clock or thread: arrival times are arguments.

mod stream;
mod records;

use std::ops::Range;
use std::sync::Arc;

use crate::aggregation::{self, Tally};
use crate::attribution::{Attributor, Lexicon, Notes};
use crate::catalogue::Catalogue;
use crate::catalogue::compile::LiteralId;
use crate::event::{CodeInfo, Delta, Judgement, Label, Millis, Origin, Record};
use crate::framing::{self, Tail, Wrapper};
use crate::matcher::{Candidate, Find, Matcher};

pub use records::{Batch, Framing, Messages};
pub use stream::{Pending, Stream};

/// A compiled catalogue and the matcher of its literals: built once, shared by all workers.
pub struct Engine {
    pub catalogue: Catalogue,
    pub matcher: Matcher,
    pub lexicon: Lexicon,
}

impl Engine {
    pub fn new(catalogue: Catalogue) -> Engine {
        let matcher = Matcher::new(&catalogue);
        let lexicon = Lexicon::of(&catalogue);
        Engine { catalogue, matcher, lexicon }
    }

    /// Literals that stand whole in a text, and how many bytes each takes.
    pub fn literals_in(&self, text: &[u8]) -> Vec<(LiteralId, usize)> {
        let mut found = Vec::new();
        self.matcher.find(&self.catalogue, text, &mut found);
        found.iter().map(|f| (f.literal, f.end - f.start)).collect()
    }

    /// Judges one whole record as [`Pipeline::classify`] does, and says how. `cut` says that its end was cut off.
    pub fn explain<'r>(&self, raw: &'r [u8], cut: bool, options: &Options) -> Explained<'r> {
        let mut candidates = Vec::new();
        self.matcher.candidates(&self.catalogue, raw, &mut candidates);
        let record = framing::record(raw);
        let (catalogue, origin) = (&self.catalogue, &options.origin);
        let (mut judgement, notes) =
            Attributor::noting().explain(catalogue, &self.lexicon, &self.matcher, &record, origin, cut);
        if candidates.is_empty() {
            judgement = Judgement::default();
        }
        let mut tally = Tally::new(options.source.clone(), options.tally);
        tally.tally(&judgement, lines_of(raw), None);
        Explained {
            wrappers: framing::layers(&raw[framing::line_around(raw, 0)]),
            lines: lines_of(raw),
            events: events_of(raw, options),
            candidates: candidates.len(),
            record,
            notes,
            judgement,
            counted: tally.take(),
        }
    }

    pub fn code_info(&self, provider: &str, code: &str) -> Option<&CodeInfo> {
        self.catalogue.info(provider, code)
    }
}

/// A judged record with everything that was decided on the way.
#[derive(Debug)]
pub struct Explained<'r> {
    /// Of the first line, outermost first.
    pub wrappers: Vec<Wrapper>,
    pub lines: u64,
    /// Records that [`Join::Events`] makes of these bytes.
    pub events: u64,
    /// Places of the raw bytes at which a literal may stand; without one nothing else is looked at.
    pub candidates: usize,
    pub record: Record<'r>,
    pub notes: Notes,
    pub judgement: Judgement,
    pub counted: Delta,
}

/// What one record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Join {
    /// A line.
    Lines,
    /// A line with what continues it: stack traces, indented lines.
    Events,
}

/// Whose time an event has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// When its bytes were read.
    Arrival,
    /// What the line itself says; `year` completes dates without one.
    Lines { year: Option<i16> },
}

#[derive(Debug, Clone)]
pub struct Options {
    /// The label `source` of what is counted.
    pub source: Label,
    pub join: Join,
    pub times: Times,
    /// A longer line keeps its head; the rest is skipped and counted. Bytes.
    pub line_bytes_max: usize,
    pub event_lines_max: usize,
    pub tally: aggregation::Limits,
    pub origin: Origin,
}

impl Options {
    pub fn new(source: Label) -> Options {
        Options {
            source,
            join: Join::Events,
            times: Times::Arrival,
            line_bytes_max: 1 << 20,
            event_lines_max: 512,
            tally: aggregation::Limits::default(),
            origin: Origin::default(),
        }
    }
}

/// Sees each record that has a verdict.
pub trait Observer {
    /// `line` is the number of the record's first line in its stream, from 1; `raw` its bytes.
    fn judged(&mut self, line: u64, raw: &[u8], judgement: &Judgement);
}

/// Sees nothing.
pub struct Ignore;

impl Observer for Ignore {
    fn judged(&mut self, _: u64, _: &[u8], _: &Judgement) {}
}

/// The most that is taken in at once: keeps the buffer near one chunk and one line.
const SLICE_BYTES: usize = 256 << 10;

pub struct Pipeline {
    engine: Arc<Engine>,
    options: Options,
    attributor: Attributor,
    tally: Tally,
    candidates: Vec<Candidate>,
    /// The buffer of the last stream that had little left to hold: the next one takes it.
    spare: Vec<u8>,
}

/// What a stream may hold in a buffer of its own size; with more it keeps the large one.
const HELD_SMALL: usize = 4 << 10;

impl Pipeline {
    pub fn new(engine: Arc<Engine>, options: Options) -> Pipeline {
        Pipeline {
            engine,
            tally: Tally::new(options.source.clone(), options.tally),
            options,
            attributor: Attributor::default(),
            candidates: Vec::new(),
            spare: Vec::new(),
        }
    }

    /// As many as asked for, with the same engine and options; nothing is counted in the others.
    pub fn several(self, count: usize) -> Vec<Pipeline> {
        let more = (1..count).map(|_| Pipeline::new(self.engine.clone(), self.options.clone()));
        let mut all: Vec<Pipeline> = more.collect();
        all.insert(0, self);
        all
    }

    /// A stream of the options' origin.
    pub fn stream(&self) -> Stream {
        Stream::new(self.options.origin.clone())
    }

    /// Takes in the next bytes of a stream; `now` is when they arrived.
    pub fn push(
        &mut self,
        stream: &mut Stream,
        bytes: &[u8],
        now: Option<Millis>,
        observer: &mut dyn Observer,
    ) {
        self.lend_buffer(stream);
        for slice in bytes.chunks(SLICE_BYTES.min(self.options.line_bytes_max.max(1))) {
            stream.take_in(slice, self.options.line_bytes_max);
            let complete = match self.options.join {
                Join::Lines => stream.line_start,
                Join::Events => framing::complete_to(&stream.buffer, self.limits(), Tail::More),
            };
            self.judge_to(stream, complete, now, observer);
        }
        self.take_buffer_back(stream);
    }

    /// So many zeros stand between two lines of the stream: they are no text, and are counted as left out.
    pub fn skip_hole(&mut self, stream: &mut Stream, bytes: u64) {
        stream.leave_out_hole(bytes);
        if stream.buffer.is_empty() {
            stream.let_go(0, &mut self.tally);
        }
    }

    /// Judges what is held back: the stream has ended, or has been silent for long enough.
    pub fn flush(&mut self, stream: &mut Stream, now: Option<Millis>, observer: &mut dyn Observer) {
        self.judge_to(stream, stream.buffer.len(), now, observer);
    }

    /// Judges the complete lines that are held back and leaves the one that is not finished.
    pub fn flush_lines(&mut self, stream: &mut Stream, now: Option<Millis>, observer: &mut dyn Observer) {
        self.judge_to(stream, stream.line_start, now, observer);
    }

    fn lend_buffer(&mut self, stream: &mut Stream) {
        if stream.buffer.capacity() < self.spare.capacity() {
            self.spare.clear();
            self.spare.extend_from_slice(&stream.buffer);
            std::mem::swap(&mut self.spare, &mut stream.buffer);
        }
    }

    /// Thousands of streams with a large buffer each would fill the memory.
    fn take_buffer_back(&mut self, stream: &mut Stream) {
        if stream.buffer.len() <= HELD_SMALL {
            let held = stream.buffer.as_slice().to_vec();
            self.spare = std::mem::replace(&mut stream.buffer, held);
        }
    }

    /// Judges by other rules from now on. What is held back is judged by them too, whole: candidates are looked for and
    /// judged at the same time, so no record sees two engines. Counts stay.
    pub fn set_engine(&mut self, engine: Arc<Engine>) {
        self.engine = engine;
    }

    /// What was counted since the last call.
    pub fn take_delta(&mut self) -> Delta {
        self.tally.take()
    }

    /// From now on counts go there; what was counted so far comes out.
    pub fn swap_tally(&mut self, tally: &mut Tally) {
        std::mem::swap(&mut self.tally, tally);
    }

    /// An empty tally of this pipeline's source, for who counts in several places.
    pub fn new_tally(&self) -> Tally {
        Tally::new(self.options.source.clone(), self.options.tally)
    }

    /// The counts, for what a source knows besides the bytes it pushes.
    pub fn tally(&mut self) -> &mut Tally {
        &mut self.tally
    }

    /// Judges one whole record, which may hold several lines; nothing is counted. Of one over the line limit the head is
    /// judged, as of a line that was cut.
    pub fn classify(&mut self, record: &[u8]) -> Judgement {
        let max = self.options.line_bytes_max;
        let cut = record.len() > max;
        let record = &record[..record.len().min(max)];
        let engine = Arc::clone(&self.engine);
        engine.matcher.candidates(&engine.catalogue, record, &mut self.candidates);
        if self.candidates.is_empty() {
            return Judgement::default();
        }
        let framed = framing::record(record);
        self.attributor.judge(
            &engine.catalogue,
            &engine.lexicon,
            &engine.matcher,
            &framed,
            &self.options.origin,
            cut,
        )
    }

    fn limits(&self) -> framing::Limits {
        framing::Limits {
            event_lines_max: self.options.event_lines_max,
            event_bytes_max: self.options.line_bytes_max,
        }
    }

    /// Judges and counts the events of `buffer[..end]`, then lets them go.
    fn judge_to(
        &mut self,
        stream: &mut Stream,
        end: usize,
        now: Option<Millis>,
        observer: &mut dyn Observer,
    ) {
        if end > 0 {
            let engine = Arc::clone(&self.engine);
            let mut candidates = std::mem::take(&mut self.candidates);
            engine.matcher.candidates(&engine.catalogue, &stream.buffer[..end], &mut candidates);
            let mut done = 0;
            for candidate in &candidates {
                if candidate.start >= done {
                    let event = self.event_around(stream, candidate.start, done, end);
                    self.count_lines(stream, done, event.start);
                    self.judge(&engine, stream, event.clone(), now, observer);
                    done = event.end;
                }
            }
            self.candidates = candidates;
            self.count_lines(stream, done, end);
            stream.let_go(end, &mut self.tally);
        }
    }

    fn event_around(&self, stream: &Stream, at: usize, floor: usize, end: usize) -> Range<usize> {
        let event = match self.options.join {
            Join::Lines => framing::line_around(&stream.buffer, at),
            Join::Events => framing::event_around(&stream.buffer, at, floor, self.limits()),
        };
        event.start..event.end.min(end)
    }

    fn judge(
        &mut self,
        engine: &Engine,
        stream: &mut Stream,
        event: Range<usize>,
        now: Option<Millis>,
        observer: &mut dyn Observer,
    ) {
        let raw = &stream.buffer[event.clone()];
        let record = framing::record(raw);
        let body_end = event.start + raw.strip_suffix(b"\n").unwrap_or(raw).len();
        let cut = stream.is_cut_at(body_end);
        let judgement = self.attributor.judge(
            &engine.catalogue,
            &engine.lexicon,
            &engine.matcher,
            &record,
            &stream.origin,
            cut,
        );
        let lines = lines_of(raw);
        if judgement.faults.is_empty() {
            self.tally.tally(&judgement, 0, None);
            self.tally.unmatched_lines(lines);
        } else {
            let at = match self.options.times {
                Times::Arrival => now,
                Times::Lines { year } => framing::timestamp(raw, year),
            };
            self.tally.tally(&judgement, lines, at);
            observer.judged(stream.lines_done + 1, raw, &judgement);
        }
        stream.lines_done += lines;
    }

    fn count_lines(&mut self, stream: &mut Stream, from: usize, to: usize) {
        let lines = lines_of(&stream.buffer[from..to]);
        self.tally.unmatched_lines(lines);
        stream.lines_done += lines;
    }
}

/// Records of `raw` when continued lines are joined.
fn events_of(raw: &[u8], options: &Options) -> u64 {
    let limits =
        framing::Limits { event_lines_max: options.event_lines_max, event_bytes_max: options.line_bytes_max };
    let (mut at, mut events) = (0, 0);
    while at < raw.len() {
        let end = framing::event_around(raw, at, at, limits).end;
        events += u64::from(!raw[at..end.max(at)].trim_ascii().is_empty());
        at = end.max(at + 1);
    }
    events
}

/// Line ends, and an unterminated last line.
fn lines_of(text: &[u8]) -> u64 {
    framing::count_lines(text) + u64::from(text.last().is_some_and(|b| *b != b'\n'))
}
