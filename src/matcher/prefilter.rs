//! The scan that sees every byte: by vector instructions where the processor has them, else by one automaton.
//!
//! [`Prefilter`] is the seam of the engines and [`Scanner`] the choice between them, made when the program runs. A
//! table-driven automaton waits for memory at each byte; walking eight stretches of the text in turn lets the waits
//! overlap (measured in `benches/`). Read `sieve` for the other engine; both give the same candidates.

use aho_corasick::automaton::{Automaton as _, StateID};
use aho_corasick::{Anchored, MatchKind, dfa};

use super::sieve::Sieve;
use super::simd::Kernel;

/// A window found in raw text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Candidate {
    pub start: usize,
    pub window: usize,
}

/// Finds every window in a text, whatever surrounds it.
pub trait Prefilter {
    /// All places, in any order; `out` is cleared.
    fn scan(&self, text: &[u8], out: &mut Vec<Candidate>);
}

/// The fastest engine that this processor has.
pub struct Scanner {
    automaton: Automaton,
    sieve: Option<Sieve>,
}

impl Scanner {
    pub fn new(windows: &[Box<[u8]>]) -> Scanner {
        Scanner::with(windows, Kernel::detected().first().copied())
    }

    /// With this kernel, or the automaton alone.
    pub fn with(windows: &[Box<[u8]>], kernel: Option<Kernel>) -> Scanner {
        Scanner {
            automaton: Automaton::new(windows),
            sieve: kernel.map(|kernel| Sieve::new(kernel, windows)),
        }
    }

    /// Calls `hit(window, start)` for each window of a part of a record.
    pub fn each(&self, text: &[u8], mut hit: impl FnMut(usize, usize)) {
        // Records that are looked at are rare in most streams: the kernel's tables are in the cache, of the automaton's
        // each step may be a wait for memory.
        match &self.sieve {
            Some(sieve) if text.len() >= KERNEL_BYTES_MIN => {
                let mut found = Vec::new();
                sieve.scan(&self.automaton, text, &mut found);
                found.iter().for_each(|c| hit(c.window, c.start));
            }
            _ => self.automaton.each(text, hit),
        }
    }
}

impl Prefilter for Scanner {
    fn scan(&self, text: &[u8], out: &mut Vec<Candidate>) {
        match &self.sieve {
            Some(sieve) => sieve.scan(&self.automaton, text, out),
            None => self.automaton.scan(text, out),
        }
    }
}

/// A text shorter than this is no work for a kernel.
const KERNEL_BYTES_MIN: usize = 32;
const LANES: usize = 8;

pub struct Automaton {
    dfa: dfa::DFA,
    start: StateID,
    lens: Vec<usize>,
    len_max: usize,
}

impl Automaton {
    pub fn new(windows: &[Box<[u8]>]) -> Automaton {
        let dfa = dfa::Builder::new()
            .match_kind(MatchKind::Standard)
            .start_kind(aho_corasick::StartKind::Unanchored)
            .prefilter(false)
            .build(windows)
            .expect("windows are short and few: far from the limits of state ids");
        let start = dfa.start_state(Anchored::No).expect("built for unanchored search");
        let lens: Vec<usize> = windows.iter().map(|w| w.len()).collect();
        let len_max = lens.iter().copied().max().unwrap_or(1);
        Automaton { dfa, start, lens, len_max }
    }

    /// Calls `hit(window, start)` for each window of `text`.
    pub fn each(&self, text: &[u8], mut hit: impl FnMut(usize, usize)) {
        let mut state = self.start;
        for (at, &byte) in text.iter().enumerate() {
            state = self.dfa.next_state(Anchored::No, state, byte);
            if self.dfa.is_special(state) && self.dfa.is_match(state) {
                for index in 0..self.dfa.match_len(state) {
                    let window = self.dfa.match_pattern(state, index).as_usize();
                    hit(window, at + 1 - self.lens[window]);
                }
            }
        }
    }

    /// The windows that end at `end` in `state`; those that end before `from` belong to another lane.
    #[cold]
    fn note(&self, state: StateID, end: usize, from: usize, out: &mut Vec<Candidate>) {
        if end > from && self.dfa.is_match(state) {
            for index in 0..self.dfa.match_len(state) {
                let window = self.dfa.match_pattern(state, index).as_usize();
                out.push(Candidate { start: end - self.lens[window], window });
            }
        }
    }
}

impl Prefilter for Automaton {
    fn scan(&self, text: &[u8], out: &mut Vec<Candidate>) {
        out.clear();
        let lane = text.len() / LANES;
        if lane < 4 * self.len_max {
            self.each(text, |window, start| out.push(Candidate { start, window }));
            return;
        }
        // Each lane but the first begins a window earlier, so that none is missed over the seam.
        let warm = self.len_max - 1;
        let from: [usize; LANES] = std::array::from_fn(|k| k * lane);
        let lanes: [&[u8]; LANES] = std::array::from_fn(|k| {
            &text[from[k].saturating_sub(warm)..if k + 1 == LANES { text.len() } else { from[k + 1] }]
        });
        let base: [usize; LANES] = std::array::from_fn(|k| from[k].saturating_sub(warm));
        let mut states = [self.start; LANES];
        let shared = lanes.iter().map(|l| l.len()).min().unwrap_or(0);
        #[expect(clippy::needless_range_loop, reason = "one place in all lanes at a time")]
        for at in 0..shared {
            for k in 0..LANES {
                states[k] = self.dfa.next_state(Anchored::No, states[k], lanes[k][at]);
                if self.dfa.is_special(states[k]) {
                    self.note(states[k], base[k] + at + 1, from[k], out);
                }
            }
        }
        for k in 0..LANES {
            for (at, &byte) in lanes[k].iter().enumerate().skip(shared) {
                states[k] = self.dfa.next_state(Anchored::No, states[k], byte);
                if self.dfa.is_special(states[k]) {
                    self.note(states[k], base[k] + at + 1, from[k], out);
                }
            }
        }
    }
}
