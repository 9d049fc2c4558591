//! Records whose bounds are known, such as the messages of a topic: judged without any stream around them.
//!
//! Small ones are gathered behind one another, so that one scan serves many ([`Batch`]); a large one is judged where it
//! lies. Nothing is held back: what is given is judged and counted when the call returns. A record that holds no code
//! costs its bytes in the scan, and being counted. Read next: `super`, whose engine and tally these are.

use std::ops::Range;

use super::{Ignore, Pipeline, lines_of};
use crate::event::{Millis, Origin, SkipReason};
use crate::framing::{self, Wrapping};

/// What one of the given texts is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// A record, whatever line ends stand in it.
    Whole,
    /// Lines; an event ends with them.
    Lines,
}

/// What is known of all records of a call.
#[derive(Clone, Copy)]
pub struct Messages<'m> {
    pub framing: Framing,
    pub wrapping: Wrapping,
    pub origin: &'m Origin,
    /// The tenant that was named beside a record: the number of its message and its text. Asked for hits alone.
    pub tenant: &'m dyn Fn(usize, &[u8]) -> Option<String>,
    /// When they were read.
    pub now: Millis,
}

/// Records behind one another. Keeps its memory from one use to the next.
#[derive(Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    records: Vec<Piece>,
}

#[derive(Debug, Clone, Copy)]
struct Piece {
    /// One past its last byte; a `\n` that is no part of it follows.
    end: usize,
    /// The number of the message that it is from.
    message: usize,
}

impl Batch {
    /// A record of the message with this number; numbers ascend.
    pub fn push(&mut self, record: &[u8], message: usize) {
        self.bytes.extend_from_slice(record);
        self.records.push(Piece { end: self.bytes.len(), message });
        // No literal stands across two records.
        self.bytes.push(b'\n');
    }

    /// Bytes that it holds.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.records.clear();
    }
}

impl Pipeline {
    /// Judges and counts all records of the batch and empties it. Each is at most as long as a line may be.
    pub fn push_batch(&mut self, batch: &mut Batch, messages: &Messages<'_>) {
        let engine = self.engine.clone();
        let mut candidates = std::mem::take(&mut self.candidates);
        engine.matcher.candidates(&engine.catalogue, &batch.bytes, &mut candidates);
        let mut found = candidates.iter().map(|candidate| candidate.start).peekable();
        let mut start = 0;
        for piece in &batch.records {
            let text = start..piece.end;
            while found.next_if(|at| *at < text.start).is_some() {}
            self.count_text(&batch.bytes[text.clone()], messages);
            match messages.framing {
                _ if found.peek().is_none_or(|at| *at >= text.end) => {}
                Framing::Whole => self.judge_text(&batch.bytes[text], piece.message, messages),
                Framing::Lines => {
                    let within = std::iter::from_fn(|| found.next_if(|at| *at < piece.end));
                    let within = within.map(|at| at - text.start);
                    self.judge_lines(&batch.bytes[text.clone()], within, piece.message, messages);
                }
            }
            start = piece.end + 1;
        }
        self.candidates = candidates;
        batch.clear();
    }

    /// Judges and counts one record where it lies, of any length: a longer one than a line may be is cut.
    pub fn push_message(&mut self, text: &[u8], message: usize, messages: &Messages<'_>) {
        let line_bytes_max = self.options.line_bytes_max;
        if messages.framing == Framing::Lines && text.len() > line_bytes_max {
            return self.push_as_stream(text, messages);
        }
        let kept = &text[..text.len().min(line_bytes_max)];
        if kept.len() < text.len() {
            let left_out = (text.len() - kept.len()) as u64;
            self.tally.bytes_read(left_out);
            self.tally.bytes_skipped(SkipReason::Oversized, left_out);
            self.tally.oversized_lines(1);
        }
        let engine = self.engine.clone();
        let mut candidates = std::mem::take(&mut self.candidates);
        engine.matcher.candidates(&engine.catalogue, kept, &mut candidates);
        self.count_text(kept, messages);
        match messages.framing {
            _ if candidates.is_empty() => {}
            Framing::Whole => self.judge_cut(kept, kept.len() < text.len(), message, messages),
            Framing::Lines => {
                let found = candidates.iter().map(|candidate| candidate.start);
                self.judge_lines(kept, found, message, messages);
            }
        }
        self.candidates = candidates;
    }

    /// Lines that may be too long have their limits kept by a stream.
    fn push_as_stream(&mut self, text: &[u8], messages: &Messages<'_>) {
        let mut stream = super::Stream::new(messages.origin.clone());
        self.push(&mut stream, text, Some(messages.now), &mut Ignore);
        self.flush(&mut stream, Some(messages.now), &mut Ignore);
    }

    /// All lines of a text as lines without a verdict; a verdict takes its line back.
    fn count_text(&mut self, text: &[u8], messages: &Messages<'_>) {
        self.tally.bytes_read(text.len() as u64);
        self.tally.unmatched_lines(match messages.framing {
            Framing::Whole => 1,
            Framing::Lines => lines_of(text),
        });
    }

    fn judge_lines(
        &mut self,
        text: &[u8],
        found: impl Iterator<Item = usize>,
        message: usize,
        messages: &Messages<'_>,
    ) {
        let mut done = 0;
        for at in found {
            if at >= done {
                let event: Range<usize> = framing::event_around(text, at, done, self.limits());
                self.judge_text(&text[event.clone()], message, messages);
                done = event.end;
            }
        }
    }

    fn judge_text(&mut self, text: &[u8], message: usize, messages: &Messages<'_>) {
        self.judge_cut(text, false, message, messages);
    }

    fn judge_cut(&mut self, text: &[u8], cut: bool, message: usize, messages: &Messages<'_>) {
        let engine = self.engine.clone();
        let unwrapped = framing::unwrap_message(text, messages.wrapping);
        let mut record = framing::record(unwrapped.as_deref().unwrap_or(text));
        if let Some(tenant) = (messages.tenant)(message, text) {
            record.envelope.structured.push((TENANT.to_owned(), tenant));
        }
        let judgement = self.attributor.judge(
            &engine.catalogue,
            &engine.lexicon,
            &engine.matcher,
            &record,
            messages.origin,
            cut,
        );
        self.tally.tally_again(&judgement, Some(messages.now));
    }
}

/// The field that attribution looks for, as in structured data.
const TENANT: &str = "tenant";

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::catalogue::{builtin, compile, load};
    use crate::event::Delta;
    use crate::pipeline::{Engine, Join, Options};
    use proptest::prelude::*;

    const NOW: Millis = Millis(1_000);

    fn engine() -> Arc<Engine> {
        static ENGINE: std::sync::OnceLock<Arc<Engine>> = std::sync::OnceLock::new();
        let make = || Arc::new(Engine::new(compile(&load::load(builtin::files(), &[]).unwrap())));
        ENGINE.get_or_init(make).clone()
    }

    fn pipeline(line_bytes_max: usize) -> Pipeline {
        let options = Options { join: Join::Events, line_bytes_max, ..Options::new("s".into()) };
        Pipeline::new(engine(), options)
    }

    fn told(delta: &Delta) -> String {
        format!("{:?} {:?} {:?} {:?}", delta.counts, delta.errors, delta.tenants, delta.ambiguous)
            .replace(|c: char| c.is_control(), "")
    }

    fn rows(delta: &Delta) -> Vec<(String, u64)> {
        let mut rows: Vec<_> =
            delta.errors.iter().map(|(key, seen)| (format!("{key:?}"), seen.count)).collect();
        rows.extend(delta.tenants.iter().map(|(key, seen)| (format!("{key:?}"), seen.count)));
        rows.extend(delta.ambiguous.iter().map(|(key, seen)| (format!("{key:?}"), seen.count)));
        rows.push((format!("{:?}", delta.counts), delta.foreign));
        rows.sort();
        rows
    }

    fn messages<'m>(framing: Framing, origin: &'m Origin) -> Messages<'m> {
        Messages { framing, wrapping: Wrapping::Raw, origin, tenant: &|_, _| None, now: NOW }
    }

    fn batched(texts: &[String], framing: Framing, line_bytes_max: usize) -> Delta {
        let (mut pipeline, mut batch, origin) =
            (pipeline(line_bytes_max), Batch::default(), Origin::default());
        texts.iter().enumerate().for_each(|(n, text)| batch.push(text.as_bytes(), n));
        pipeline.push_batch(&mut batch, &messages(framing, &origin));
        assert!(batch.is_empty());
        pipeline.take_delta()
    }

    fn in_place(texts: &[String], framing: Framing, line_bytes_max: usize) -> Delta {
        let (mut pipeline, origin) = (pipeline(line_bytes_max), Origin::default());
        for (n, text) in texts.iter().enumerate() {
            pipeline.push_message(text.as_bytes(), n, &messages(framing, &origin));
        }
        pipeline.take_delta()
    }

    /// As a file of one message would be read.
    fn streamed(texts: &[String], line_bytes_max: usize) -> Delta {
        let mut pipeline = pipeline(line_bytes_max);
        for text in texts {
            let mut stream = pipeline.stream();
            pipeline.push(&mut stream, text.as_bytes(), Some(NOW), &mut Ignore);
            pipeline.flush(&mut stream, Some(NOW), &mut Ignore);
        }
        pipeline.take_delta()
    }

    fn line() -> impl Strategy<Value = String> {
        prop_oneof![
            Just("ERROR okta errorCode=E0000011 tenant=acme".to_owned()),
            Just("INFO nothing at all".to_owned()),
            Just("\tat com.acme.Okta.call(Okta.java:7) E0000011".to_owned()),
            Just("ERROR okta said {\"errorCode\":\"E0000004\",\"tenant\":\"t2\"}".to_owned()),
            Just("E0000011".to_owned()),
            Just(String::new()),
            "[ -~]{0,40}",
        ]
    }

    fn text() -> impl Strategy<Value = String> {
        (proptest::collection::vec(line(), 1..5), any::<bool>())
            .prop_map(|(lines, ends)| lines.join("\n") + if ends { "\n" } else { "" })
    }

    proptest! {
        #[test]
        fn gathered_or_in_place_or_as_a_file_the_lines_of_a_message_give_the_same(
            texts in proptest::collection::vec(text(), 0..8),
        ) {
            let expected = rows(&streamed(&texts, 1 << 20));
            prop_assert_eq!(rows(&batched(&texts, Framing::Lines, 1 << 20)), expected.clone());
            prop_assert_eq!(rows(&in_place(&texts, Framing::Lines, 1 << 20)), expected);
        }

        #[test]
        fn gathered_or_in_place_a_whole_message_gives_the_same_and_counts_once(
            texts in proptest::collection::vec(text(), 0..8),
        ) {
            let delta = batched(&texts, Framing::Whole, 1 << 20);
            prop_assert_eq!(delta.counts.lines, texts.len() as u64);
            prop_assert_eq!(delta.counts.bytes, texts.iter().map(String::len).sum::<usize>() as u64);
            prop_assert_eq!(rows(&in_place(&texts, Framing::Whole, 1 << 20)), rows(&delta));
        }

        #[test]
        fn a_line_over_the_limit_is_cut_as_in_a_file(texts in proptest::collection::vec(text(), 0..4), max in 8_usize..64) {
            prop_assert_eq!(rows(&in_place(&texts, Framing::Lines, max)), rows(&streamed(&texts, max)), "{}", told(&streamed(&texts, max)));
        }
    }

    #[test]
    fn no_code_is_found_across_two_messages_and_one_of_many_lines_is_one_record() {
        let texts = ["ERROR okta errorCode=E00".to_owned(), "00011 x".to_owned()];
        assert_eq!(batched(&texts, Framing::Whole, 1 << 20).errors.len(), 0);
        let trace = ["ERROR okta failed\n\n\nlater: errorCode=E0000011\n".to_owned()];
        let delta = batched(&trace, Framing::Whole, 1 << 20);
        assert_eq!((delta.counts.lines, delta.counts.matched), (1, 1));
    }

    #[test]
    fn a_message_over_the_limit_is_cut_and_what_is_left_out_is_counted() {
        let long = [format!("ERROR okta errorCode=E0000011 {}", "x".repeat(100))];
        let counts = in_place(&long, Framing::Whole, 64).counts;
        assert_eq!((counts.matched, counts.oversized, counts.lines), (1, 1, 1));
        assert_eq!((counts.bytes, counts.skipped[0]), (long[0].len() as u64, long[0].len() as u64 - 64));
    }

    #[test]
    fn a_tenant_that_is_named_beside_a_message_counts_where_the_message_names_none() {
        let (mut pipeline, mut batch, origin) = (pipeline(1 << 20), Batch::default(), Origin::default());
        let tenant =
            |n: usize, _: &[u8]| ["beside", "a@b.example", "x"].get(n).map(|name| (*name).to_owned());
        let messages = Messages { tenant: &tenant, ..messages(Framing::Whole, &origin) };
        for (n, text) in [
            "ERROR okta errorCode=E0000011",
            "ERROR okta errorCode=E0000011",
            "ERROR okta errorCode=E0000011 tenant=own",
        ]
        .iter()
        .enumerate()
        {
            batch.push(text.as_bytes(), n);
        }
        pipeline.push_batch(&mut batch, &messages);
        let delta = pipeline.take_delta();
        let mut tenants: Vec<_> =
            delta.tenants.iter().map(|(key, seen)| (key.tenant.to_string(), seen.count)).collect();
        tenants.sort();
        assert_eq!(tenants, [("-".to_owned(), 1), ("beside".to_owned(), 1), ("own".to_owned(), 1)]);
        assert_eq!(delta.tenant_refused.iter().sum::<u64>(), 1, "an address is no tenant");
    }
}
