//! The slow, obviously right matcher beside the real one: the same stream, once through the pipeline in random chunks,
//! once event by event with every literal looked for by plain search in every text.
//!
//! The plain side has no automaton, no windows, no candidates and no buffer: it walks the events from the first to the
//! last, reads each one, and tries each literal at each place where its longest piece stands. What both share, the
//! decision, is held by the cases and by the independent reading in `differential`. `FAULTLINE_NAIVE_LINES` is how many
//! lines (default 20,000), `FAULTLINE_NAIVE_SEED` another stream.

use std::sync::Arc;

use faultline::attribution::Attributor;
use faultline::catalogue::Catalogue;
use faultline::event::{Judgement, Origin};
use faultline::framing::{self, Tail};
use faultline::matcher::{Find, Found, bounded};
use faultline::pipeline::{Engine, Observer, Options, Pipeline};
use memchr::memmem::Finder;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::cases::engine;
use crate::generate::Generator;
use crate::reference::Library;

/// Every literal with a finder of its longest piece.
struct Naive {
    literals: Vec<(usize, usize, Finder<'static>)>,
}

impl Naive {
    fn new(catalogue: &Catalogue) -> Naive {
        let longest = |id: usize| {
            let pieces = catalogue.literals[id].pattern.pieces();
            let piece = (0..pieces.len()).max_by_key(|&i| pieces[i].len())?;
            // A final full stop may be missing, so it is not looked for.
            let text = pieces[piece].strip_suffix(b".").unwrap_or(&pieces[piece]);
            (!text.is_empty()).then(|| (id, piece, Finder::new(text).into_owned()))
        };
        Naive { literals: (0..catalogue.literals.len()).filter_map(longest).collect() }
    }
}

impl Find for Naive {
    fn find(&self, catalogue: &Catalogue, text: &[u8], out: &mut Vec<Found>) {
        out.clear();
        for (id, piece, finder) in &self.literals {
            let literal = &catalogue.literals[*id];
            if finder.needle().len() > text.len() {
                continue;
            }
            for at in finder.find_iter(text) {
                let whole = literal.pattern.match_at(text, *piece, at);
                if let Some((start, end)) =
                    whole.filter(|(start, end)| bounded(literal.kind, text, *start, *end))
                {
                    out.push(Found { literal: *id, start, end });
                }
            }
        }
        out.sort_unstable_by_key(|f| (f.start, f.end, f.literal));
        out.dedup();
    }
}

/// First line of an event and what was said of it.
type Verdicts = Vec<(u64, Judgement)>;

struct Keep(Verdicts);

impl Observer for Keep {
    fn judged(&mut self, line: u64, _: &[u8], judgement: &Judgement) {
        self.0.push((line, judgement.clone()));
    }
}

fn through_the_pipeline(engine: &Arc<Engine>, text: &[u8], dice: &mut ChaCha8Rng) -> Verdicts {
    let mut pipeline = Pipeline::new(Arc::clone(engine), Options::new("naive".into()));
    let mut stream = pipeline.stream();
    let mut keep = Keep(Vec::new());
    let mut rest = text;
    while !rest.is_empty() {
        let most = [7, 300, 9_000, 400_000][dice.next_u32() as usize % 4];
        let (chunk, tail) = rest.split_at(rest.len().min(1 + dice.next_u32() as usize % most));
        pipeline.push(&mut stream, chunk, None, &mut keep);
        rest = tail;
    }
    pipeline.flush(&mut stream, None, &mut keep);
    keep.0
}

fn one_by_one(engine: &Engine, naive: &Naive, text: &[u8]) -> Verdicts {
    let mut attributor = Attributor::default();
    let mut verdicts = Vec::new();
    let (mut head, mut line) = (0, 1);
    while head < text.len() {
        let event = framing::event_around(text, head, head, framing::Limits::default());
        let raw = &text[event.clone()];
        let record = framing::record(raw);
        let judgement =
            attributor.judge(&engine.catalogue, &engine.lexicon, naive, &record, &Origin::default(), false);
        if !judgement.faults.is_empty() {
            verdicts.push((line, judgement));
        }
        line += framing::count_lines(raw);
        head = event.end;
    }
    assert_eq!(framing::complete_to(text, framing::Limits::default(), Tail::End), text.len());
    verdicts
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |v| v.parse().unwrap_or_else(|_| panic!("{name}={v} is no number")))
}

#[test]
fn the_pipeline_and_a_plain_search_find_the_same_on_generated_lines() {
    const BATCH: u64 = 500;
    let (lines, seed) = (setting("FAULTLINE_NAIVE_LINES", 20_000), setting("FAULTLINE_NAIVE_SEED", 7));
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let engine = engine(&[]);
    let naive = Naive::new(&engine.catalogue);
    let run = |thread: u64| {
        let mut generator = Generator::new(seed * 1000 + thread, &Library::shipped());
        let mut dice = ChaCha8Rng::seed_from_u64(seed * 1000 + thread);
        let (mut done, mut verdicts) = (0, 0);
        while done < lines.div_ceil(threads) {
            let mut text = Vec::new();
            for index in 0..BATCH {
                text.extend(if index % 20 == 7 { generator.event() } else { generator.record() });
                text.push(b'\n');
            }
            done += BATCH;
            let real = through_the_pipeline(&engine, &text, &mut dice);
            let plain = one_by_one(&engine, &naive, &text);
            if real != plain {
                let only = |a: &Verdicts, b: &Verdicts| a.iter().find(|v| !b.contains(v)).cloned();
                let (real, plain) = (only(&real, &plain), only(&plain, &real));
                let line = real.iter().chain(&plain).map(|v| v.0).min().unwrap_or(1);
                let text: Vec<_> = text
                    .split(|b| *b == b'\n')
                    .skip(line as usize - 1)
                    .take(4)
                    .map(String::from_utf8_lossy)
                    .collect();
                panic!(
                    "seed {seed} thread {thread} by line {done}\n{text:#?}\nreal {real:?}\nplain {plain:?}"
                );
            }
            verdicts += real.len();
        }
        (done, verdicts)
    };
    let results: Vec<(u64, usize)> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads)
            .map(|t| {
                scope.spawn({
                    let run = &run;
                    move || run(t)
                })
            })
            .collect();
        handles.into_iter().map(|h| h.join().unwrap_or_else(|p| std::panic::resume_unwind(p))).collect()
    });
    let (done, verdicts) = results.iter().fold((0, 0), |(a, b), (c, d)| (a + c, b + d));
    println!("{done} lines, {verdicts} records with a verdict, 0 differences (seed {seed})");
    assert!(verdicts as u64 > done / 10, "the stream holds too few errors to prove anything");
}
