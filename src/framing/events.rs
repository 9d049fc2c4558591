//! Which lines are one event: its bounds around a hit, and how much of a buffer is complete.
//!
//! The events of a text are what a walk from its first byte gives: an event ends where the next line starts one
//! (`starts.rs`) or where it would outgrow its limits. Both functions give exactly the events of that walk and touch
//! only what they need of it. Cost is linear over a buffer if the end of each event is the floor of the next call.

use std::ops::Range;

use super::lines::{line_end, line_start};
use super::starts::{Start, Tail, starts_at};

/// An event that would outgrow these is cut at a line's end, counted from its head; the rest is an event of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub event_lines_max: usize,
    /// A single line is never cut here: that is done by whoever reads it, at the same number.
    pub event_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { event_lines_max: 512, event_bytes_max: 1024 * 1024 }
    }
}

/// More lines than a decision looks at behind a line, and the last one, which may be unfinished.
const UNDECIDED_LINES_MAX: usize = 6;

/// The event that holds byte `at`, its last `\n` included. `floor` is an offset known to start an event (0 does), not
/// behind `at`. The whole buffer is wanted, with what is not complete yet: the last lines of a complete event may
/// depend on it. Correct for every `at` before [`complete_to`] of the same buffer.
pub fn event_around(text: &[u8], at: usize, floor: usize, limits: Limits) -> Range<usize> {
    let Some(last) = text.len().checked_sub(1) else { return 0..0 };
    let at = at.min(last);
    let floor = floor.min(at);
    let mut head = line_start(text, at).max(floor);
    while starts_at(text, head, floor, Tail::End) != Start::Yes {
        head = line_start(text, head - 1).max(floor);
    }
    loop {
        let end = event_end(text, head, limits, Tail::End).unwrap_or(text.len());
        if at < end {
            return head..end;
        }
        head = end;
    }
}

/// The largest offset before which every event is complete. What follows has to be kept and given again with more
/// bytes behind it: its last event may go on. That is at most one event within `limits` and one unfinished line, so
/// whoever cuts lines at a limit has a bounded buffer. `text` begins with an event.
pub fn complete_to(text: &[u8], limits: Limits, tail: Tail) -> usize {
    if tail == Tail::End {
        return text.len();
    }
    let mut head = last_certain_head(text);
    while let Some(end) = event_end(text, head, limits, tail) {
        head = end;
    }
    head
}

/// The first line at or behind `from` that starts an event whatever stands before: where a scan may begin in the
/// middle of a text, with the same events from there on. `None` if there is none, or if more bytes have to decide.
pub fn resume_at(text: &[u8], from: usize, tail: Tail) -> Option<usize> {
    let mut line = if from == 0 { 0 } else { line_end(text, from - 1) };
    while line < text.len() {
        match starts_at(text, line, 0, tail) {
            Start::Yes => return Some(line),
            Start::No => line = line_end(text, line),
            Start::Undecided => return None,
        }
    }
    None
}

/// The last line that starts an event for certain, with nothing undecided before it.
fn last_certain_head(text: &[u8]) -> usize {
    let mut found = None;
    let mut line = line_start(text, text.len());
    let mut lines_seen = 0;
    loop {
        match starts_at(text, line, 0, Tail::More) {
            Start::Yes => found = found.or(Some(line)),
            Start::No => {}
            Start::Undecided => found = None,
        }
        lines_seen += 1;
        match found {
            Some(head) if lines_seen >= UNDECIDED_LINES_MAX => return head,
            _ if line == 0 => return found.unwrap_or(0),
            _ => line = line_start(text, line - 1),
        }
    }
}

/// The end of the event that starts at `head`; `None` if more bytes decide, or if nothing follows.
fn event_end(text: &[u8], head: usize, limits: Limits, tail: Tail) -> Option<usize> {
    let mut end = line_end(text, head);
    let mut lines = 1;
    loop {
        if end == text.len() && (head == end || text[end - 1] != b'\n') {
            return None;
        }
        let next = line_end(text, end);
        if lines >= limits.event_lines_max || next - head > limits.event_bytes_max {
            return Some(end);
        }
        if end == text.len() {
            return None;
        }
        match starts_at(text, end, head, tail) {
            Start::Yes => return Some(end),
            Start::Undecided => return None,
            Start::No => (lines, end) = (lines + 1, next),
        }
    }
}
