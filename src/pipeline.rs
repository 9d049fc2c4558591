//! Framing, matcher, attribution and aggregation joined. A stand-in until the real one: every line is a record.

use std::sync::Arc;

use crate::aggregation::{Limits, Tally};
use crate::attribution::Attributor;
use crate::catalogue::Catalogue;
use crate::event::{CodeBook, CodeInfo, Delta, Judgement, Label, Millis, Origin, SkipReason};
use crate::framing;
use crate::matcher::Matcher;

#[derive(Default)]
pub struct Engine {
    catalogue: Catalogue,
    matcher: Option<Matcher>,
}

impl Engine {
    pub fn new(catalogue: Catalogue) -> Engine {
        let matcher = Some(Matcher::new(&catalogue));
        Engine { catalogue, matcher }
    }
    pub fn code_info(&self, provider: &str, code: &str) -> Option<&CodeInfo> {
        self.catalogue.info(provider, code)
    }
    pub fn code_book(&self) -> &CodeBook {
        &self.catalogue.info
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Join {
    Lines,
    Events,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    Arrival,
    Lines,
}

#[derive(Debug, Clone)]
pub struct Options {
    pub source: Label,
    pub join: Join,
    pub line_bytes_max: usize,
    pub times: Times,
    pub origin: Origin,
}

pub trait Observer {
    fn judged(&mut self, line_number: u64, raw: &[u8], judgement: &Judgement);
}

pub struct Ignore;
impl Observer for Ignore {
    fn judged(&mut self, _: u64, _: &[u8], _: &Judgement) {}
}

pub struct Pipeline {
    engine: Arc<Engine>,
    options: Options,
    attributor: Attributor,
    tally: Tally,
    partial: Vec<u8>,
    over: u64,
    lines: u64,
}

impl Pipeline {
    pub fn new(engine: Arc<Engine>, options: Options) -> Pipeline {
        let tally = Tally::new(options.source.clone(), Limits::default());
        let attributor = Attributor::default();
        Pipeline { engine, options, attributor, tally, partial: Vec::new(), over: 0, lines: 0 }
    }

    pub fn push(&mut self, bytes: &[u8], now: Option<Millis>, observer: &mut dyn Observer) {
        self.tally.bytes_read(bytes.len() as u64);
        for piece in bytes.split_inclusive(|&b| b == b'\n') {
            let room = self.options.line_bytes_max.saturating_sub(self.partial.len()).min(piece.len());
            self.partial.extend_from_slice(&piece[..room]);
            self.over += (piece.len() - room) as u64;
            if piece.ends_with(b"\n") {
                self.line(now, observer);
            }
        }
    }

    pub fn flush(&mut self, now: Option<Millis>, observer: &mut dyn Observer) {
        if !self.partial.is_empty() {
            self.line(now, observer);
        }
    }

    fn line(&mut self, now: Option<Millis>, observer: &mut dyn Observer) {
        self.lines += 1;
        let line = std::mem::take(&mut self.partial);
        if self.over > 0 {
            self.tally.oversized_lines(1);
            self.tally.bytes_skipped(SkipReason::Oversized, std::mem::take(&mut self.over));
        }
        let judgement = self.classify(&line);
        let at = match self.options.times {
            Times::Arrival => now,
            Times::Lines => framing::timestamp(&line, None),
        };
        self.tally.tally(&judgement, 1, at);
        if !judgement.faults.is_empty() {
            observer.judged(self.lines, line.strip_suffix(b"\n").unwrap_or(&line), &judgement);
        }
    }

    pub fn pending_bytes(&self) -> u64 {
        self.partial.len() as u64 + self.over
    }

    pub fn take_delta(&mut self) -> Delta {
        let pending = self.pending_bytes();
        self.tally.pending_bytes(pending);
        self.tally.take()
    }

    pub fn classify(&mut self, record: &[u8]) -> Judgement {
        let Some(matcher) = &self.engine.matcher else { return Judgement::default() };
        let record = framing::record(record);
        self.attributor.judge(&self.engine.catalogue, matcher, &record, &self.options.origin, false)
    }
}
