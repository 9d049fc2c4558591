//! One worker is one thread that owns one source and one pipeline: it reads, pushes what it read through, and on every
//! tick hands over one [`Delta`]. No bytes leave its thread.
//!
//! An event that waits for its next line is judged when the source has been silent for [`EVENT_PATIENCE`]. A line
//! without its end is left alone much longer ([`LINE_PATIENCE`]): half a line is no line, and judging it would make
//! two of one. Between two pushes it takes the engine in effect from the [`EngineSlot`], so that a reload reaches it
//! without a pause. Time is an argument ([`Clock`]), so that tests need none. Read next: `daemon`.

mod slot;
mod files;
#[cfg(feature = "kafka")]
pub mod kafka;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::event::Delta;
use crate::pipeline::{Ignore, Pipeline, Stream};
use crate::source::encoding::Decoder;
use crate::source::tee::Tee;
use crate::source::{BLOCK_BYTES, Reading, Source, Stop};
use crate::world::{Clock, Moment};
use slot::Look;

pub use files::{FilesWorker, Lanes};
pub use slot::EngineSlot;

/// Silence after which a complete line stops waiting for lines that may belong to it.
pub const EVENT_PATIENCE: Duration = Duration::from_secs(1);
/// Silence after which a line without its end is judged as it is.
pub const LINE_PATIENCE: Duration = Duration::from_secs(10);
/// How long a worker goes on reading what is there already once it was asked to stop.
const STOP_GRACE: Duration = Duration::from_millis(500);

/// How a worker ended.
#[derive(Debug)]
pub enum Ended {
    /// The source has no more.
    Input,
    /// It was asked to.
    Asked,
    /// Nobody reads the copy any more.
    TeeClosed,
    /// The source, or the copy, failed.
    Failed(io::Error),
}

/// Where deltas go.
pub type Deliver = Box<dyn FnMut(Delta) + Send>;

pub struct Worker {
    source: Box<dyn Source>,
    pipeline: Pipeline,
    stream: Stream,
    deliver: Deliver,
    rules: Option<Look>,
    tee: Option<Tee<io::Stdout>>,
    clock: Clock,
    tick_interval: Duration,
    /// What reading left behind: between two calls of [`Worker::step`] nothing else changes it.
    decoder: Decoder,
    next_tick: Duration,
    last_bytes: Duration,
    stop_since: Option<Duration>,
}

impl Worker {
    pub fn new(
        source: Box<dyn Source>,
        pipeline: Pipeline,
        deliver: Deliver,
        clock: Clock,
        tick_interval: Duration,
    ) -> Worker {
        let now = clock().steady;
        Worker {
            source,
            stream: pipeline.stream(),
            pipeline,
            deliver,
            rules: None,
            tee: None,
            clock,
            tick_interval,
            decoder: Decoder::default(),
            next_tick: now + tick_interval,
            last_bytes: now,
            stop_since: None,
        }
    }

    /// Takes every new engine of the slot; the pipeline has the one that the slot was made with.
    pub fn with_rules_of(mut self, slot: Arc<EngineSlot>) -> Worker {
        self.rules = Some(Look::new(slot));
        self
    }

    /// Copies what is read to standard output.
    pub fn with_tee(mut self) -> Worker {
        self.tee = Some(Tee::new(io::stdout()));
        self
    }

    /// Reads until the end of the source or until asked to stop; then everything read is judged and delivered.
    pub fn run(mut self, stop: &Stop) -> Ended {
        let mut block = vec![0; BLOCK_BYTES];
        let ended = loop {
            if let Some(ended) = self.step(&mut block, stop) {
                break ended;
            }
        };
        let now = Some((self.clock)().wall);
        let left = self.decoder.finish();
        self.pipeline.push(&mut self.stream, left, now, &mut Ignore);
        self.pipeline.flush(&mut self.stream, now, &mut Ignore);
        self.deliver();
        ended
    }

    /// One read and what follows from it.
    fn step(&mut self, block: &mut [u8], stop: &Stop) -> Option<Ended> {
        let patience = self.patience();
        let read = self.source.read(block, patience, stop);
        // Behind the read: what came after a reload was reported is judged by its rules.
        self.take_new_rules();
        let now = (self.clock)();
        let ended = match read {
            Ok(Reading::Bytes(n)) => {
                self.push(&block[..n], now);
                self.copy(&block[..n], stop)
            }
            Ok(Reading::Silence) => {
                self.judge_what_waits(now);
                stop.is_asked().then_some(Ended::Asked)
            }
            Ok(Reading::End) => Some(Ended::Input),
            Err(error) => Some(Ended::Failed(error)),
        };
        self.tick_if_due();
        ended.or_else(|| self.stop_if_overdue(stop))
    }

    /// How long a read may wait: until the next tick, or until something that waits is to be judged.
    fn patience(&self) -> Duration {
        let now = (self.clock)().steady;
        let mut until = self.next_tick;
        if self.stream.pending_bytes() > 0 {
            until = until.min(self.last_bytes + self.silence_allowed());
        }
        until.saturating_sub(now)
    }

    fn silence_allowed(&self) -> Duration {
        if self.stream.is_at_line_end() { EVENT_PATIENCE } else { LINE_PATIENCE }
    }

    fn push(&mut self, bytes: &[u8], now: Moment) {
        let text = self.decoder.decode(bytes);
        self.last_bytes = now.steady;
        self.pipeline.tally().standing().last_read = Some(now.wall);
        self.pipeline.push(&mut self.stream, text, Some(now.wall), &mut Ignore);
    }

    fn judge_what_waits(&mut self, now: Moment) {
        let silent = now.steady.saturating_sub(self.last_bytes);
        if self.stream.pending_bytes() > 0 && silent >= self.silence_allowed() {
            self.pipeline.flush(&mut self.stream, Some(now.wall), &mut Ignore);
        }
    }

    /// Copies bytes out, ticking while the reader of the copy makes us wait.
    fn copy(&mut self, bytes: &[u8], stop: &Stop) -> Option<Ended> {
        let mut left = bytes;
        while !left.is_empty() {
            let patience = self.patience();
            let written = match &mut self.tee {
                None => return None,
                Some(tee) => tee.write(left, patience, stop),
            };
            match written {
                Ok(n) => left = &left[n..],
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Some(Ended::TeeClosed),
                Err(error) => return Some(Ended::Failed(error)),
            }
            self.take_new_rules();
            self.tick_if_due();
            if let Some(ended) = self.stop_if_overdue(stop) {
                return Some(ended);
            }
        }
        None
    }

    fn take_new_rules(&mut self) {
        if let Some(engine) = self.rules.as_mut().and_then(Look::newer) {
            self.pipeline.set_engine(engine);
        }
    }

    fn tick_if_due(&mut self) {
        let now = (self.clock)().steady;
        if now >= self.next_tick {
            self.deliver();
            self.next_tick = now + self.tick_interval;
        }
    }

    fn deliver(&mut self) {
        self.pipeline.tally().standing().pending_bytes = self.stream.pending_bytes();
        (self.deliver)(self.pipeline.take_delta());
    }

    /// After a stop, a source that never pauses is left all the same.
    fn stop_if_overdue(&mut self, stop: &Stop) -> Option<Ended> {
        if !stop.is_asked() {
            return None;
        }
        let now = (self.clock)().steady;
        let since = *self.stop_since.get_or_insert(now);
        if now.saturating_sub(since) < STOP_GRACE {
            return None;
        }
        Some(Ended::Asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;
    use std::sync::Mutex;

    use crate::catalogue::load::{self, RuleFile};
    use crate::catalogue::{builtin, compile};
    use crate::event::{Millis, SourceCounts};
    use crate::pipeline::{Engine, Options};

    /// What a scripted source does next; silence lets the time pass that the worker was ready to wait.
    enum Act {
        Give(&'static str),
        PassSeconds(u64),
        /// Another engine is put into the slot.
        Swap(Arc<Engine>),
        AskStop,
        Fail,
    }

    struct Script {
        acts: VecDeque<Act>,
        slot: Arc<EngineSlot>,
        time: Arc<Mutex<Duration>>,
        quiet: Duration,
    }

    impl Source for Script {
        fn read(&mut self, block: &mut [u8], patience: Duration, stop: &Stop) -> io::Result<Reading> {
            if self.quiet > Duration::ZERO {
                // At least a moment, as any wait takes.
                let step = patience.max(Duration::from_millis(1)).min(self.quiet);
                self.quiet -= step;
                *self.time.lock().unwrap() += step;
                return Ok(Reading::Silence);
            }
            match self.acts.pop_front() {
                None => Ok(Reading::End),
                Some(Act::Give(text)) => {
                    block[..text.len()].copy_from_slice(text.as_bytes());
                    Ok(Reading::Bytes(text.len()))
                }
                Some(Act::PassSeconds(seconds)) => {
                    self.quiet = Duration::from_secs(seconds);
                    Ok(Reading::Silence)
                }
                Some(Act::Swap(engine)) => {
                    self.slot.swap(engine);
                    Ok(Reading::Silence)
                }
                Some(Act::AskStop) => {
                    stop.ask();
                    Ok(Reading::Silence)
                }
                Some(Act::Fail) => Err(io::Error::other("gone")),
            }
        }
    }

    /// Runs a script; gives the deltas in order and how the worker ended.
    fn played(acts: impl IntoIterator<Item = Act>) -> (Vec<Delta>, Ended) {
        let rules = load::load(builtin::files(), &[]).unwrap();
        let slot = EngineSlot::new(Arc::new(Engine::new(compile(&rules))));
        played_with(&slot, acts)
    }

    fn played_with(slot: &Arc<EngineSlot>, acts: impl IntoIterator<Item = Act>) -> (Vec<Delta>, Ended) {
        let time = Arc::new(Mutex::new(Duration::ZERO));
        let acts = acts.into_iter().collect();
        let source = Script { acts, slot: slot.clone(), time: time.clone(), quiet: Duration::ZERO };
        let deltas = Arc::new(Mutex::new(Vec::new()));
        let clock: Clock = Arc::new(move || {
            let steady = *time.lock().unwrap();
            Moment { steady, wall: Millis(steady.as_millis() as i64) }
        });
        let pipeline = Pipeline::new(slot.engine(), Options::new("test".into()));
        let into = deltas.clone();
        let deliver: Deliver = Box::new(move |delta| into.lock().unwrap().push(delta));
        let worker = Worker::new(Box::new(source), pipeline, deliver, clock, Duration::from_secs(1))
            .with_rules_of(slot.clone());
        let ended = worker.run(&Stop::new().unwrap());
        let deltas = std::mem::take(&mut *deltas.lock().unwrap());
        (deltas, ended)
    }

    fn lines(deltas: &[Delta]) -> Vec<u64> {
        deltas.iter().map(|delta| delta.counts.lines).collect()
    }

    #[test]
    fn every_tick_delivers_what_was_counted_since_the_last_one() {
        use Act::*;
        let (deltas, ended) =
            played([Give("a\nb\n"), PassSeconds(3), Give("c\n"), PassSeconds(1), Give("d")]);
        assert!(matches!(ended, Ended::Input));
        assert!(deltas.len() >= 5, "{deltas:?}");
        assert_eq!(lines(&deltas).iter().sum::<u64>(), 4);
        assert_eq!(deltas.iter().map(|delta| delta.counts.bytes).sum::<u64>(), 7);
        assert_eq!(deltas.last().map(|delta| delta.standing.pending_bytes), Some(0));
    }

    #[test]
    fn half_a_line_waits_for_its_other_half_through_a_short_silence() {
        use Act::*;
        let (deltas, _) = played([Give("ERROR drm MDRM-5"), PassSeconds(5), Give("08 x\n"), PassSeconds(2)]);
        let codes: Vec<String> = deltas
            .iter()
            .flat_map(|delta| delta.errors.iter())
            .map(|(key, _)| key.code.to_string())
            .collect();
        assert_eq!(codes, ["MDRM-508"]);
    }

    #[test]
    fn what_waits_for_a_line_end_is_judged_after_a_long_silence_while_the_source_stays_open() {
        use Act::*;
        let (deltas, ended) = played([Give("ERROR drm MDRM-508"), PassSeconds(15), AskStop]);
        assert!(matches!(ended, Ended::Asked));
        let at = deltas.iter().position(|delta| !delta.errors.is_empty()).unwrap();
        assert!(at + 1 < deltas.len(), "only the last delta held it");
    }

    #[test]
    fn a_failing_source_still_delivers_what_was_read() {
        let (deltas, ended) = played([Act::Give("ERROR drm MDRM-508\nrest"), Act::Fail]);
        assert!(matches!(ended, Ended::Failed(_)));
        let counts: &SourceCounts = &deltas.last().unwrap().counts;
        assert_eq!((counts.lines, counts.matched), (2, 1));
    }

    /// Knows one code, of this category, and nothing else.
    fn engine_knowing(code: &str, category: &str) -> Arc<Engine> {
        let text = format!(
            "schema: faultline.rules/v1\n\
             provider: {{id: tollgate, name: Tollgate, operated_by: them}}\n\
             names: [tollgate]\n\
             source: {{url: \"https://docs.tollgate.example\", release: \"1\", rows: 1}}\n\
             forms:\n  - {{token: \"{{code}}\", in: anywhere}}\n\
             rules:\n  - id: only\n    code: {code}\n    category: {category}\n    severity: error\n    \
             retryable: true\n    fault: provider\n    remediation: Nothing; it is invented.\n    tests:\n      \
             - {{line: 'ERROR tollgate {code}', expect: match}}\n      \
             - {{line: 'ERROR tollgate {code}77', expect: none}}\n"
        );
        let file = RuleFile::from_bytes("tollgate.yaml".into(), text.into_bytes()).unwrap();
        let rules = load::load(&[], &[file]).unwrap_or_else(|findings| panic!("{findings}"));
        Arc::new(Engine::new(compile(&rules)))
    }

    fn errors(deltas: &[Delta]) -> Vec<(String, String, u64)> {
        let rows = deltas.iter().flat_map(|delta| delta.errors.iter());
        rows.map(|(key, seen)| (key.category.to_string(), key.code.to_string(), seen.count)).collect()
    }

    fn error(category: &str, code: &str, count: u64) -> (String, String, u64) {
        (category.to_owned(), code.to_owned(), count)
    }

    #[test]
    fn a_line_is_judged_by_the_rules_in_effect_when_it_is_complete() {
        use Act::*;
        let slot = EngineSlot::new(engine_knowing("TG-1001", "service"));
        let (deltas, _) = played_with(
            &slot,
            [
                Give("ERROR a tollgate TG-1001\nERROR b tollgate TG-1001\nnext\n"),
                Swap(engine_knowing("TG-1001", "token")),
                Give("ERROR c tollgate TG-1001\nnext\nERROR d tollgate TG-10"),
                Swap(engine_knowing("TG-1001", "request")),
                Give("01\nlast\n"),
            ],
        );
        assert_eq!(
            errors(&deltas),
            [error("service", "TG-1001", 2), error("token", "TG-1001", 1), error("request", "TG-1001", 1)]
        );
        assert_eq!(lines(&deltas).iter().sum::<u64>(), 7);
    }

    #[test]
    fn an_event_that_waits_through_a_swap_is_judged_by_the_new_rules_whole() {
        use Act::*;
        let (first, rest) = ("ERROR tollgate TG-1001 refused\n", "\tat x.Y: TG-2002\nnext\n");
        for (swapped, expected) in
            [(true, vec![error("token", "TG-2002", 1)]), (false, vec![error("service", "TG-1001", 1)])]
        {
            let slot = EngineSlot::new(engine_knowing("TG-1001", "service"));
            let new = swapped.then(|| Swap(engine_knowing("TG-2002", "token")));
            let acts = [Give(first)].into_iter().chain(new).chain([Give(rest)]);
            let (deltas, _) = played_with(&slot, acts);
            assert_eq!(errors(&deltas), expected);
            let counts = deltas.iter().fold((0, 0), |(lines, matched), delta| {
                (lines + delta.counts.lines, matched + delta.counts.matched)
            });
            assert_eq!(counts, (3, 1));
        }
    }

    #[test]
    fn an_old_engine_is_freed_when_its_worker_has_looked_even_where_nothing_is_read() {
        use Act::*;
        let old = engine_knowing("TG-1001", "service");
        let between = engine_knowing("TG-1001", "token");
        let held = [&old, &between].map(Arc::downgrade);
        let slot = EngineSlot::new(old);
        let last = engine_knowing("TG-1001", "request");
        let (sender, seen) = std::sync::mpsc::channel();
        struct Probe {
            inner: Script,
            held: [std::sync::Weak<Engine>; 2],
            sender: std::sync::mpsc::Sender<[bool; 2]>,
        }
        impl Source for Probe {
            fn read(&mut self, block: &mut [u8], patience: Duration, stop: &Stop) -> io::Result<Reading> {
                let alive = self.held.each_ref().map(|engine| engine.upgrade().is_some());
                self.sender.send(alive).expect("the test listens");
                self.inner.read(block, patience, stop)
            }
        }
        let inner = Script {
            acts: [Give("x\n"), Swap(between), Swap(last)].into(),
            slot: slot.clone(),
            time: Arc::default(),
            quiet: Duration::ZERO,
        };
        let pipeline = Pipeline::new(slot.engine(), Options::new("test".into()));
        let clock: Clock = Arc::new(|| Moment { steady: Duration::ZERO, wall: Millis(0) });
        let source = Box::new(Probe { inner, held, sender });
        Worker::new(source, pipeline, Box::new(|_| ()), clock, Duration::from_secs(1))
            .with_rules_of(slot)
            .run(&Stop::new().unwrap());
        let alive: Vec<[bool; 2]> = seen.iter().collect();
        // Before each of the four reads: the engines that the script itself still holds count as alive.
        assert_eq!(alive, [[true, true], [true, true], [false, true], [false, false]]);
    }
}
