//! The worker of a source of files: one thread, one pipeline, a lane of its own for each file.
//!
//! It looks, reads, settles and, on every tick, hands over one [`Delta`] in which the counts and
//! the positions of the files belong together. What a file's lane still holds is not counted, and its position stays
//! before it.

use std::path::Path;
use std::time::Duration;

use super::{Deliver, EVENT_PATIENCE, Ended, EngineSlot, Look, STOP_GRACE};
use crate::event::{Delta, LossReason, Mark, SkipReason};
use crate::pipeline::{Engine, Ignore, Pipeline, Stream};
use crate::source::encoding::{Decoder, Text};
use crate::source::tail::wake::Wake;
use crate::source::tail::{BLOCK_BYTES, Events, Holds, Sink, Tail};
use crate::source::{Stop, origin};
use crate::world::{Clock, Files, Moment};
use std::sync::Arc;

/// What one file's bytes go through.
#[derive(Debug)]
pub struct Lane {
    decoder: Decoder,
    stream: Stream,
}

/// The pipeline as the tail sees it.
pub struct Lanes {
    pipeline: Pipeline,
    files: Arc<dyn Files>,
    /// Somebody was told that a container's name cannot be read.
    has_complained: bool,
}

impl Lanes {
    /// `files` are those that the tail reads.
    pub fn new(pipeline: Pipeline, files: Arc<dyn Files>) -> Lanes {
        Lanes { pipeline, files, has_complained: false }
    }

    /// What is judged from now on is judged by these rules.
    pub fn set_engine(&mut self, engine: Arc<Engine>) {
        self.pipeline.set_engine(engine);
    }

    /// What was counted since the last one, and how far the files were then.
    pub fn delta(&mut self, tail: &mut Tail<Lanes>) -> Delta {
        let files = tail.report(self);
        let pending_bytes = tail.pending_bytes(self);
        let standing = self.pipeline.tally().standing();
        (standing.files, standing.pending_bytes, standing.last_read) =
            (files, pending_bytes, tail.last_read());
        self.pipeline.take_delta()
    }
}

impl Sink for Lanes {
    type Lane = Lane;

    fn open(&mut self, path: &Path, text: Option<Text>) -> Lane {
        let decoder = text.map_or_else(Decoder::default, Decoder::resumed);
        let (origin, unnamed) = origin::of_file(&*self.files, path);
        if let Some(error) = unnamed.filter(|_| !self.has_complained) {
            self.has_complained = true;
            tracing::warn!(?path, "a container's name is not known, overlays see its id only: {error}");
        }
        Lane { decoder, stream: Stream::new(origin) }
    }

    fn push(&mut self, lane: &mut Lane, bytes: &[u8], now: Moment) {
        let text = lane.decoder.decode(bytes);
        self.pipeline.push(&mut lane.stream, text, Some(now.wall), &mut Ignore);
    }

    fn skip(&mut self, lane: &mut Lane, reason: SkipReason, bytes: u64) {
        match reason {
            SkipReason::Hole => self.pipeline.skip_hole(&mut lane.stream, bytes),
            reason => {
                self.pipeline.tally().bytes_read(bytes);
                self.pipeline.tally().bytes_skipped(reason, bytes);
            }
        }
    }

    fn pending(&self, lane: &Lane) -> u64 {
        match lane.decoder.has_wide_text() {
            false => lane.decoder.stream_bytes(lane.stream.pending_bytes(), 0),
            true => {
                let pending = lane.stream.pending();
                lane.decoder.stream_bytes(pending.bytes, pending.units)
            }
        }
    }

    fn holds(&self, lane: &Lane) -> Holds {
        Holds { lines: lane.stream.has_lines(), unfinished: !lane.stream.is_at_line_end() }
    }

    fn judge_lines(&mut self, lane: &mut Lane, now: Moment) {
        self.pipeline.flush_lines(&mut lane.stream, Some(now.wall), &mut Ignore);
    }

    fn judge_all(&mut self, lane: &mut Lane, now: Moment) {
        self.pipeline.push(&mut lane.stream, lane.decoder.finish(), Some(now.wall), &mut Ignore);
        self.pipeline.flush(&mut lane.stream, Some(now.wall), &mut Ignore);
    }

    fn forget_unfinished(&mut self, lane: &mut Lane) -> u64 {
        let before = self.pending(lane);
        lane.stream.drop_unfinished();
        before - self.pending(lane)
    }

    fn lost(&mut self, reason: LossReason, bytes: u64) {
        self.pipeline.tally().bytes_lost(reason, bytes);
    }

    fn rotated(&mut self) {
        self.pipeline.tally().rotated();
    }

    fn truncated(&mut self) {
        self.pipeline.tally().truncated();
    }

    fn mark(&mut self, mark: Mark) {
        self.pipeline.tally().mark(mark);
    }
}

/// With very many files behind, so long is read before a look at names, and at whether to stop.
const READ_WITHIN: Duration = Duration::from_millis(100);

pub struct FilesWorker {
    tail: Tail<Lanes>,
    lanes: Lanes,
    /// Without one only time wakes it.
    wake: Option<Wake>,
    deliver: Deliver,
    rules: Option<Look>,
    clock: Clock,
    tick_interval: Duration,
    /// Complete lines that wait for more are judged at the end: nobody will go on at the position before them.
    is_forgetful: bool,
}

impl FilesWorker {
    pub fn new(
        tail: Tail<Lanes>,
        lanes: Lanes,
        deliver: Deliver,
        clock: Clock,
        tick_interval: Duration,
    ) -> FilesWorker {
        FilesWorker {
            tail,
            lanes,
            wake: None,
            deliver,
            rules: None,
            clock,
            tick_interval,
            is_forgetful: false,
        }
    }

    pub fn woken_by(mut self, wake: Wake) -> FilesWorker {
        self.wake = Some(wake);
        self
    }

    pub fn with_rules_of(mut self, slot: Arc<EngineSlot>) -> FilesWorker {
        self.rules = Some(Look::new(slot));
        self
    }

    /// Without a state directory what is not judged at the end is not judged at all.
    pub fn forgetful(mut self) -> FilesWorker {
        self.is_forgetful = true;
        self
    }

    /// Reads until asked to stop.
    pub fn run(mut self, stop: &Stop) -> Ended {
        let mut block = vec![0; BLOCK_BYTES];
        let mut next_tick = (self.clock)().steady + self.tick_interval;
        let mut stop_at = None;
        loop {
            let now = (self.clock)();
            self.take_new_rules();
            let events = self.wake.as_mut().map_or_else(Events::default, Wake::events);
            self.tail.look(now, &events, &mut self.lanes);
            if let Some(wake) = &mut self.wake {
                wake.watch(self.tail.directories());
            }
            let until = next_tick.min(now.steady + READ_WITHIN);
            let has_more = self.tail.read_some(&mut block, &self.clock, until, &mut self.lanes);
            let now = (self.clock)();
            self.tail.settle(now, &mut self.lanes);
            if now.steady >= next_tick {
                self.deliver();
                next_tick = now.steady + self.tick_interval;
            }
            if stop.is_asked() {
                // What is left is read in the next life, where there is one that knows the position.
                let grace = if self.is_forgetful { STOP_GRACE } else { Duration::ZERO };
                let until = *stop_at.get_or_insert(now.steady + grace);
                if !has_more || now.steady >= until {
                    return self.end(now);
                }
            }
            if !has_more {
                let until = next_tick.min(self.tail.wants_to_look_at(now));
                self.wait(until.saturating_sub(now.steady), stop);
            }
        }
    }

    fn wait(&mut self, patience: Duration, stop: &Stop) {
        match &mut self.wake {
            Some(wake) => wake.wait(patience, stop),
            None => stop.sleep(patience.min(EVENT_PATIENCE)),
        }
    }

    fn end(mut self, now: Moment) -> Ended {
        if self.is_forgetful {
            self.tail.judge_lines(now, &mut self.lanes);
        }
        self.deliver();
        Ended::Asked
    }

    fn take_new_rules(&mut self) {
        if let Some(engine) = self.rules.as_mut().and_then(Look::newer) {
            self.lanes.set_engine(engine);
        }
    }

    fn deliver(&mut self) {
        (self.deliver)(self.lanes.delta(&mut self.tail));
    }
}
