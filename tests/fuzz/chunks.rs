//! A seeded fuzz of the whole pipeline: the lines of the case files, bent at random, whole and in random chunks.
//!
//! Asserts that nothing panics, that any chunking gives the same faults and the same counts, and that the sums hold:
//! lines are outcomes, bytes are accounted for, verdicts are table rows. Runs on stable, with debug assertions and
//! overflow checks. `FAULTLINE_FUZZ_RECORDS` is how many records (default 20,000), `FAULTLINE_FUZZ_SEED` begins another
//! stream; a failure names the seed and the batch, and the same seed fails again.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use faultline::event::{Delta, Judgement, Verdict};
use faultline::pipeline::{Engine, Join, Observer, Options, Pipeline, Times};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::cases::{cases, engine};

const BATCH_RECORDS: u64 = 64;

/// Bytes and pieces that readers of logs trip over.
const PIECES: &[&[u8]] = &[
    b"\0",
    b"\n",
    b"\r\n",
    b"\r",
    b"\"",
    b"\\",
    b"\\\"",
    b"\\\\\\\"",
    b"\\u00",
    b"\\u0022",
    b"{",
    b"}",
    b"[",
    b"]",
    b"{\"error\":{\"error\":",
    b"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    b"%",
    b"%2",
    b"%22",
    b"%5C%22",
    b"=",
    b"&",
    b":",
    b"; ",
    b"\x1b[31m",
    b"\x1b[",
    b"\xff",
    b"\xc3",
    b"\xf0\x9f",
    b"\xef\xbb\xbf",
    b"\xe2\x80\xa8",
    b"\t",
    b" at x.y.Z(Z.java:1)\n",
    b"\tat x.y.Z(Z.java:1)\n",
    b"Caused by: ",
    b"Traceback (most recent call last):\n",
    b"2026-01-02T03:04:05Z stdout P ",
    b"2026-01-02T03:04:05Z stderr F ",
    b"<11>1 - - app - - [x@1 y=\"",
    b"{\"log\":\"",
    b"error=",
    b"error_description=",
    b"\"tenant\":\"",
    b"tenant=",
    b"https://",
    b".okta.com/",
    b"&amp;",
    b"<error>",
    b",,,,",
    b"''",
    b"'",
    b"u'",
];

/// What one run over a batch saw.
#[derive(Debug, Default, PartialEq)]
struct Seen(Vec<(u64, Vec<u8>, Judgement)>);

impl Observer for Seen {
    fn judged(&mut self, line: u64, raw: &[u8], judgement: &Judgement) {
        self.0.push((line, raw.to_vec(), judgement.clone()));
    }
}

struct Dice(ChaCha8Rng);

impl Dice {
    /// 0 to `bound - 1`.
    fn below(&mut self, bound: usize) -> usize {
        (self.0.next_u64() % bound.max(1) as u64) as usize
    }

    fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }

    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let from = self.below(length + 1);
        from..from + self.below((length - from).min(40) + 1)
    }
}

fn bent(dice: &mut Dice, pool: &[Vec<u8>]) -> Vec<u8> {
    let mut record = pool[dice.below(pool.len())].clone();
    for _ in 0..dice.below(5) {
        bend(dice, pool, &mut record);
    }
    record
}

fn bend(dice: &mut Dice, pool: &[Vec<u8>], record: &mut Vec<u8>) {
    let at = dice.below(record.len() + 1);
    let range = dice.range(record.len());
    match dice.below(12) {
        0 if !record.is_empty() => {
            record[at.min(range.start).min(range.end.saturating_sub(1))] ^= 1 << dice.below(8)
        }
        0 | 1 => drop(record.drain(range)),
        2 => {
            let piece = record[range].repeat(1 + dice.below(4));
            record.splice(at..at, piece);
        }
        3 => {
            let other = &pool[dice.below(pool.len())];
            let from = dice.below(other.len() + 1);
            record.truncate(at);
            record.extend_from_slice(&other[from..]);
        }
        4 => record.truncate(at),
        5 => *record = escaped(record, |byte| matches!(byte, b'"' | b'\\'), b"{\"message\":\"", b"\"}"),
        6 => *record = percent(record),
        7 => {
            *record = escaped(
                record,
                |byte| matches!(byte, b'"' | b'\\'),
                b"{\"log\":\"",
                b"\\n\",\"stream\":\"stderr\"}",
            )
        }
        8 => drop(record.splice(0..0, *b"2026-01-02T03:04:05.6Z stderr F ")),
        _ => {
            let piece = dice.pick(PIECES);
            let times = if dice.below(20) == 0 { 300 } else { 1 };
            record.splice(at..at, piece.repeat(times));
        }
    }
    record.truncate(16 << 10);
}

fn escaped(text: &[u8], is_escaped: impl Fn(u8) -> bool, before: &[u8], behind: &[u8]) -> Vec<u8> {
    let mut out = before.to_vec();
    for &byte in text {
        match byte {
            b'\n' => out.extend_from_slice(b"\\n"),
            byte if is_escaped(byte) => out.extend_from_slice(&[b'\\', byte]),
            byte => out.push(byte),
        }
    }
    out.extend_from_slice(behind);
    out
}

fn percent(text: &[u8]) -> Vec<u8> {
    let one = |byte: &u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => vec![*byte],
        b' ' => vec![b'+'],
        byte => format!("%{byte:02X}").into_bytes(),
    };
    text.iter().flat_map(one).collect()
}

fn options(dice: &mut Dice) -> Options {
    Options {
        join: [Join::Events, Join::Lines][dice.below(2)],
        times: [Times::Arrival, Times::Lines { year: Some(2026) }][dice.below(2)],
        line_bytes_max: [1 << 10, 16 << 10, 1 << 20][dice.below(3)],
        event_lines_max: [2, 512][dice.below(2)],
        ..Options::new("fuzz".into())
    }
}

/// Pushes `input` in pieces of at most `piece_max` bytes, or whole.
fn run(
    engine: &Arc<Engine>,
    options: Options,
    input: &[u8],
    mut chunks: impl FnMut() -> usize,
) -> (Seen, Delta) {
    let mut pipeline = Pipeline::new(Arc::clone(engine), options);
    let mut stream = pipeline.stream();
    let mut seen = Seen::default();
    let mut total: Option<Delta> = None;
    let mut rest = input;
    while !rest.is_empty() {
        let (chunk, later) = rest.split_at(chunks().clamp(1, rest.len()));
        pipeline.push(&mut stream, chunk, None, &mut seen);
        let delta = pipeline.take_delta();
        match &mut total {
            Some(total) => total.merge(delta),
            None => total = Some(delta),
        }
        let total = total.as_ref().expect("just set");
        let pushed = (input.len() - later.len()) as u64;
        let counted = total.counts.bytes + stream.pending_bytes();
        assert_eq!(counted, pushed, "bytes are counted when they are judged, and wait until then");
        assert!(total.counts.skipped.iter().sum::<u64>() <= total.counts.bytes);
        rest = later;
    }
    pipeline.flush(&mut stream, None, &mut seen);
    let mut total = total.unwrap_or_default();
    total.merge(pipeline.take_delta());
    (seen, total)
}

fn assert_sums(input: &[u8], seen: &Seen, delta: &Delta) {
    let counts = &delta.counts;
    let ends = input.iter().filter(|byte| **byte == b'\n').count() as u64;
    assert_eq!(counts.lines, ends + u64::from(input.last().is_some_and(|byte| *byte != b'\n')), "lines");
    let outcomes = counts.matched
        + counts.ambiguous_lines
        + counts.foreign_lines
        + counts.undecodable
        + counts.unmatched;
    assert_eq!(counts.lines, outcomes, "a line has one outcome: {counts:?}");
    assert_eq!(counts.bytes, input.len() as u64, "bytes");
    let verdicts = |verdict| {
        let faults = seen.0.iter().flat_map(|(_, _, judgement)| &judgement.faults);
        faults.filter(|fault| fault.verdict == verdict).count() as u64
    };
    let errors: u64 = delta.errors.iter().map(|(_, seen)| seen.count).sum();
    let tenants: u64 = delta.tenants.iter().map(|(_, seen)| seen.count).sum();
    let ambiguous: u64 = delta.ambiguous.iter().map(|(_, seen)| seen.count).sum();
    assert_eq!((errors, tenants), (verdicts(Verdict::Match), verdicts(Verdict::Match)), "matches");
    assert_eq!(ambiguous, verdicts(Verdict::Ambiguous), "ambiguous");
    assert_eq!(delta.foreign, verdicts(Verdict::Foreign), "foreign");
    for label in
        delta.tenants.iter().map(|(key, _)| &key.tenant).chain(delta.errors.iter().map(|(key, _)| &key.code))
    {
        assert!(label.len() <= 128 && !label.chars().any(char::is_control), "label {label:?}");
    }
}

fn sorted(delta: &Delta) -> [Vec<String>; 3] {
    let mut rows = [
        delta.errors.iter().map(|row| format!("{row:?}")).collect::<Vec<_>>(),
        delta.tenants.iter().map(|row| format!("{row:?}")).collect(),
        delta.ambiguous.iter().map(|row| format!("{row:?}")).collect(),
    ];
    rows.iter_mut().for_each(|rows| rows.sort());
    rows
}

fn batch(engine: &Arc<Engine>, dice: &mut Dice, pool: &[Vec<u8>]) -> usize {
    let mut input = Vec::new();
    for _ in 0..BATCH_RECORDS {
        input.extend_from_slice(&bent(dice, pool));
        input.push(b'\n');
    }
    if dice.below(2) == 0 {
        input.pop();
    }
    let options = options(dice);
    let (whole, whole_delta) = run(engine, options.clone(), &input, || usize::MAX);
    assert_sums(&input, &whole, &whole_delta);
    let chunk_max = [1, 7, 64, 1000, 40_000][dice.below(5)];
    let (pieces, pieces_delta) = run(engine, options, &input, || 1 + dice.below(chunk_max));
    for (one, other) in whole.0.iter().zip(&pieces.0) {
        assert_eq!(one, other, "whole, then in chunks of at most {chunk_max} bytes");
    }
    assert_eq!(whole.0.len(), pieces.0.len(), "records with a verdict");
    assert_eq!(whole_delta.counts, pieces_delta.counts);
    assert_eq!(sorted(&whole_delta), sorted(&pieces_delta));
    whole.0.len()
}

pub fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.replace('_', "").parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

#[test]
fn bent_records_break_nothing_and_any_chunking_gives_the_same_faults() {
    let records = setting("FAULTLINE_FUZZ_RECORDS").unwrap_or(20_000);
    let seed = setting("FAULTLINE_FUZZ_SEED").unwrap_or(0x5eed);
    let engine = engine(&[]);
    let pool: Vec<Vec<u8>> = cases().into_iter().map(|case| case.line.into_bytes()).collect();
    let batches = records.div_ceil(BATCH_RECORDS);
    let mut hits = 0;
    for number in 0..batches {
        // A batch has dice of its own, so that one can be looked at alone.
        let mut dice = Dice(ChaCha8Rng::seed_from_u64(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ number));
        match catch_unwind(AssertUnwindSafe(|| batch(&engine, &mut dice, &pool))) {
            Ok(found) => hits += found,
            Err(panic) => {
                eprintln!("FAULTLINE_FUZZ_SEED={seed}, batch {number} of {batches}");
                resume_unwind(panic);
            }
        }
    }
    println!("fuzz: seed {seed}, {} records, {hits} with a verdict", batches * BATCH_RECORDS);
    assert!(hits as u64 > records / 20, "only {hits} records still have a verdict: the fuzz is blind");
}
