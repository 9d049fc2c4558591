//! Pieces of results come from any thread at any time and are taken in the order of the input: printed, committed,
//! added up. The oldest unfinished job hands its pieces straight through; what others bring waits here, and they wait
//! themselves when that becomes much.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::lines::Lines;
use super::tally::{Rows, Tally};
use crate::event::{Delta, Label};

/// Jobs that may be under way at and behind the oldest unfinished one.
const JOBS_AHEAD_MAX: u64 = 64;
/// Bytes of lines and, roughly, of rows that one job may leave waiting.
const PARKED_BYTES_MAX: usize = 4 * 1024 * 1024;

pub struct Piece {
    pub index: u64,
    pub input: usize,
    pub name: Label,
    pub delta: Delta,
    pub lines: Option<Lines>,
    pub rows: Rows,
    pub is_last: bool,
}

impl Piece {
    fn weight(&self) -> usize {
        self.lines.as_ref().map_or(0, Lines::weight) + self.rows.weight()
    }
}

pub struct Ordered<W> {
    state: Mutex<State<W>>,
    turned: Condvar,
}

struct State<W> {
    head: u64,
    parked: BTreeMap<u64, Vec<Piece>>,
    tally: Tally,
    out: W,
    /// Lines of the current input before the current job.
    lines_before: u64,
    lines_of_job: u64,
    input: usize,
    broken: Option<io::Error>,
}

impl<W: io::Write + Send> Ordered<W> {
    pub fn new(tally: Tally, out: W) -> Ordered<W> {
        Ordered {
            state: Mutex::new(State {
                head: 0,
                parked: BTreeMap::new(),
                tally,
                out,
                lines_before: 0,
                lines_of_job: 0,
                input: 0,
                broken: None,
            }),
            turned: Condvar::new(),
        }
    }

    /// Waits until the job is near enough to the oldest unfinished one; false when nobody wants results any more.
    pub fn admits(&self, index: u64) -> bool {
        let mut state = self.lock();
        while state.broken.is_none() && index >= state.head + JOBS_AHEAD_MAX {
            state = self.turned.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.broken.is_none()
    }

    /// Takes a piece; each job's come in order. An error says that nobody wants results any more.
    pub fn deliver(&self, piece: Piece) -> io::Result<()> {
        let mut state = self.lock();
        loop {
            if state.broken.is_some() {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            if piece.index == state.head {
                break;
            }
            let parked = state.parked.entry(piece.index).or_default();
            let weight: usize = parked.iter().map(Piece::weight).sum();
            if weight + piece.weight() <= PARKED_BYTES_MAX || (piece.is_last && parked.is_empty()) {
                parked.push(piece);
                return Ok(());
            }
            state = self.turned.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.take_parked();
        state.take(piece);
        while state.parked.contains_key(&state.head) && state.take_parked() {}
        self.turned.notify_all();
        match state.broken {
            None => Ok(()),
            Some(_) => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// Everything that was taken, when all threads are done.
    pub fn finish(self) -> io::Result<(Tally, W)> {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        match state.broken {
            None => Ok((state.tally, state.out)),
            Some(error) => Err(error),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<W>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W: io::Write> State<W> {
    /// Takes what waits of the oldest job; true when that was all of it.
    fn take_parked(&mut self) -> bool {
        let head = self.head;
        for piece in self.parked.remove(&head).unwrap_or_default() {
            self.take(piece);
        }
        self.head > head
    }

    fn take(&mut self, piece: Piece) {
        if piece.input != self.input {
            self.input = piece.input;
            self.lines_before = 0;
        }
        if let Some(lines) = &piece.lines {
            let printed = lines.print(&piece.name, self.lines_before, &mut self.out);
            if let (Err(error), None) = (printed, &self.broken) {
                self.broken = Some(error);
            }
        }
        self.lines_of_job += piece.delta.counts.lines;
        self.tally.add(piece.delta, piece.rows);
        if piece.is_last {
            self.head += 1;
            self.lines_before += std::mem::take(&mut self.lines_of_job);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;
    use crate::config::Settings;
    use crate::event::SourceCounts;
    use crate::pipeline::Engine;

    fn engine() -> Engine {
        Engine::new(Catalogue::default())
    }

    fn piece(index: u64, input: usize, lines: u64, found: &str, is_last: bool) -> Piece {
        Piece {
            index,
            input,
            name: format!("f{input}").as_str().into(),
            delta: Delta { counts: SourceCounts { lines, ..Default::default() }, ..Delta::default() },
            lines: Some(Lines::of_text(1, found)),
            rows: Rows::default(),
            is_last,
        }
    }

    #[test]
    fn pieces_come_out_in_the_order_of_the_input_with_line_numbers_of_the_whole_file() {
        let settings = Settings::default();
        let ordered = Ordered::new(Tally::new(&settings, &engine()), Vec::new());
        ordered.deliver(piece(2, 1, 5, "third", true)).unwrap();
        ordered.deliver(piece(1, 0, 7, "second", true)).unwrap();
        ordered.deliver(piece(0, 0, 10, "first", false)).unwrap();
        ordered.deliver(piece(0, 0, 3, "first again", true)).unwrap();
        let (tally, out) = ordered.finish().unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "f0:1: first\nf0:1: first again\nf0:14: second\nf1:1: third\n"
        );
        assert_eq!(tally.lines(), 25);
    }

    #[test]
    fn a_broken_output_is_told_to_everybody() {
        struct Broken;
        impl io::Write for Broken {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let settings = Settings::default();
        let ordered = Ordered::new(Tally::new(&settings, &engine()), Broken);
        assert!(ordered.deliver(piece(0, 0, 1, "x", false)).is_err());
        assert!(!ordered.admits(0));
        assert!(ordered.deliver(piece(1, 0, 1, "x", true)).is_err());
        assert!(ordered.finish().is_err());
    }
}
