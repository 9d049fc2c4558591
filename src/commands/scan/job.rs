//! One job: reads its bytes to the end and hands on what was counted, piece by piece.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use super::Filter;
use super::lines::Lines;
use super::ordered::{Ordered, Piece};
use super::plan::Plan;
use super::tally::Rows;
use crate::config::Settings;
use crate::event::{Delta, Judgement, Label, SkipReason};
use crate::pipeline::{Engine, Join, Observer, Options, Pipeline, Stream, Times};
use crate::source::BLOCK_BYTES;
use crate::source::blocks::BlockReader;
use crate::source::encoding::Decoder;
use crate::source::input::Input;
use crate::source::origin;
use crate::world::Disk;

/// How much is counted before it is handed on.
const PIECE_BYTES: usize = 8 * 1024 * 1024;

pub struct Job {
    /// Place in the order of all jobs.
    pub index: u64,
    /// Place of its input in the order of all inputs.
    pub input: usize,
    pub name: Label,
    /// Completes dates that name no year.
    pub year: Option<i16>,
    pub work: Work,
}

pub enum Work {
    Stream(Input),
    Block(BlockReader),
}

/// What a pipeline shows of the records it judged.
struct Finds {
    lines: Option<Lines>,
    rows: Rows,
    year: Option<i16>,
}

impl Observer for Finds {
    fn judged(&mut self, line_number: u64, raw: &[u8], judgement: &Judgement) {
        if let Some(lines) = &mut self.lines {
            lines.push(line_number, raw, judgement);
        }
        self.rows.count(raw, judgement, self.year);
    }
}

impl Job {
    /// Counts the job. Whatever happens, its last piece is delivered: the jobs behind it wait for that.
    pub fn count<W: io::Write + Send>(
        mut self,
        settings: &Settings,
        engine: &Arc<Engine>,
        filter: Option<Filter>,
        plan: &Plan,
        ordered: &Ordered<W>,
    ) {
        let (origin, _) = origin::of_file(&Disk, Path::new(&*self.name));
        let of_pipeline = settings.pipeline(&self.name, Join::Events, Times::Lines { year: self.year });
        let mut pipeline = Pipeline::new(engine.clone(), Options { origin, ..of_pipeline });
        let mut finds = Finds { lines: filter.map(Lines::new), rows: Rows::default(), year: self.year };
        let mut stream = pipeline.stream();
        let read = self.read(&mut pipeline, &mut stream, &mut finds, plan, ordered);
        pipeline.flush(&mut stream, None, &mut finds);
        let mut delta = pipeline.take_delta();
        match read.and_then(|()| self.left_behind()) {
            Ok(None) => {}
            Ok(Some(bytes)) => {
                add_skipped(&mut delta, bytes);
                plan.report(&self.name, "unpacks to far more than its size allows; the rest was not read");
            }
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            Err(error) => plan.report(&self.name, format_args!("{error}; what came before it was counted")),
        }
        // Refused only when nobody wants results any more.
        let _ = ordered.deliver(self.piece(delta, &mut finds, true));
    }

    fn read<W: io::Write + Send>(
        &mut self,
        pipeline: &mut Pipeline,
        stream: &mut Stream,
        finds: &mut Finds,
        plan: &Plan,
        ordered: &Ordered<W>,
    ) -> io::Result<()> {
        let mut decoder = Decoder::default();
        let mut block = vec![0; BLOCK_BYTES];
        let mut since_piece = 0;
        loop {
            let n = match &mut self.work {
                Work::Stream(input) => input.read(&mut block),
                Work::Block(reader) => reader.read(&mut block).inspect(|&n| plan.block_passed(n as u64)),
            }?;
            if n == 0 {
                pipeline.push(stream, decoder.finish(), None, finds);
                return Ok(());
            }
            // A block in the middle of a file opens with no mark.
            let text =
                if let Work::Stream(_) = self.work { decoder.decode(&block[..n]) } else { &block[..n] };
            pipeline.push(stream, text, None, finds);
            since_piece += n;
            if since_piece >= PIECE_BYTES || finds.lines.as_ref().is_some_and(Lines::is_big) {
                since_piece = 0;
                ordered.deliver(self.piece(pipeline.take_delta(), finds, false))?;
            }
        }
    }

    fn piece(&self, delta: Delta, finds: &mut Finds, is_last: bool) -> Piece {
        Piece {
            index: self.index,
            input: self.input,
            name: self.name.clone(),
            delta,
            lines: finds.lines.as_mut().map(Lines::take),
            rows: std::mem::take(&mut finds.rows),
            is_last,
        }
    }

    fn left_behind(&mut self) -> io::Result<Option<u64>> {
        match &mut self.work {
            Work::Stream(input) => input.left_behind(),
            Work::Block(_) => Ok(None),
        }
    }
}

fn add_skipped(delta: &mut Delta, bytes: u64) {
    let place = SkipReason::ALL.iter().position(|reason| *reason == SkipReason::Expansion);
    delta.counts.skipped[place.expect("ALL holds every reason")] += bytes;
    delta.counts.bytes += bytes;
}
