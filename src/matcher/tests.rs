//! The vector kernels against the automaton: the same candidates for any text.
//!
//! Runs each kernel that this processor has, and the same tables byte by byte, so that it says something anywhere.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::classes::Shape;
use super::prefilter::{Automaton, Candidate, Prefilter, Scanner};
use super::simd::{BLOCK, BLOCKS_MAX, Kernel};
use super::window::Windows;
use crate::catalogue::{builtin, compile::compile, load};

/// All lengths from a byte to more than the kernel compares at once, letters of several bytes, shared beginnings.
const ODD: &[&str] =
    &["q", "~z", "510", "51", "E082", "€", "é1", "510-10", "naïve", "stdout P ", "a-window-of-many-bytes"];

struct Engines {
    windows: Vec<Box<[u8]>>,
    automaton: Automaton,
    scanners: Vec<(Kernel, Scanner)>,
}

impl Engines {
    fn new(windows: Vec<Box<[u8]>>) -> Engines {
        let mut kernels = Kernel::detected();
        kernels.extend([Kernel::plain(Shape::SevenBits), Kernel::plain(Shape::Nibbles)]);
        let scanners = kernels.into_iter().map(|k| (k, Scanner::with(&windows, Some(k)))).collect();
        Engines { automaton: Automaton::new(&windows), scanners, windows }
    }

    fn agree(&self, text: &[u8]) {
        let mut expected = Vec::new();
        self.automaton.scan(text, &mut expected);
        expected.sort_unstable();
        for (kernel, scanner) in &self.scanners {
            let mut found = vec![Candidate { start: 7, window: 7 }];
            scanner.scan(text, &mut found);
            found.sort_unstable();
            assert_eq!(found, expected, "{kernel:?} in {} bytes: {}", text.len(), text.escape_ascii());
        }
    }

    /// `text` with each of `windows` in turn so that it begins `before` bytes before `at`.
    fn agree_around(&self, text: &[u8], at: usize) {
        for (index, window) in self.windows.iter().enumerate() {
            let from = at - index % (window.len() + 1);
            let mut text = text.to_vec();
            text[from..from + window.len()].copy_from_slice(window);
            self.agree(&text);
        }
    }
}

static ODD_ONES: LazyLock<Engines> =
    LazyLock::new(|| Engines::new(ODD.iter().map(|w| w.as_bytes().into()).collect()));

static BUILT_IN: LazyLock<Engines> = LazyLock::new(|| {
    let rules = load::load(builtin::files(), &[]).unwrap_or_else(|findings| panic!("{findings}"));
    let mut windows = Windows::of(&compile(&rules)).texts().to_vec();
    windows.truncate(if cfg!(miri) { 60 } else { usize::MAX });
    Engines::new(windows)
});

/// Whole windows, parts of them and other bytes, one behind the other.
fn texts(windows: &'static [Box<[u8]>], pieces_max: usize) -> impl Strategy<Value = Vec<u8>> {
    let window = move || (0..windows.len()).prop_map(move |i| windows[i].to_vec());
    let part = (window(), 0..8_usize, 0..8_usize).prop_map(|(w, from, to)| {
        let from = from.min(w.len());
        w[from..w.len().saturating_sub(to).max(from)].to_vec()
    });
    let other = prop::collection::vec(any::<u8>(), 0..80);
    let piece = prop_oneof![3 => window(), 3 => part, 1 => other, 1 => "[ a-z0-9\"]{0,80}".prop_map(String::into_bytes)];
    prop::collection::vec(piece, 0..pieces_max).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 400 }))]

    #[test]
    fn any_text_gives_the_candidates_of_the_automaton(text in texts(&BUILT_IN.windows, 40), odd in texts(&ODD_ONES.windows, 40)) {
        BUILT_IN.agree(&text);
        ODD_ONES.agree(&odd);
    }

    #[test]
    fn texts_longer_than_a_stripe_do_too(text in texts(&BUILT_IN.windows, 600), blank in 0..9000_usize) {
        let spaced = [text.as_slice(), &vec![b' '; blank], &text].concat();
        BUILT_IN.agree(&spaced);
    }
}

#[test]
fn every_length_and_every_alignment_is_read_to_its_end() {
    let text: Vec<u8> = ODD
        .iter()
        .cycle()
        .take(100)
        .enumerate()
        .flat_map(|(i, w)| [&b" x-"[..i % 4], w.as_bytes()].concat())
        .collect();
    for from in 0..if cfg!(miri) { 3 } else { 65 } {
        for len in 0..200 {
            ODD_ONES.agree(&text[from..from + len]);
        }
    }
}

#[test]
fn a_window_across_a_border_of_blocks_or_stripes_is_found_once() {
    let stripe = BLOCK * BLOCKS_MAX;
    let blank = vec![b' '; stripe + 3 * BLOCK];
    for at in [BLOCK, stripe - BLOCK, stripe, stripe + BLOCK] {
        ODD_ONES.agree_around(&blank, at);
    }
    // A stripe full of windows goes to the automaton, the ones beside it do not.
    let full: Vec<u8> = b"510-10 51 q E082 ".iter().copied().cycle().take(stripe).collect();
    for text in [[&full[..], &blank].concat(), [&blank[..stripe], &full, &blank].concat()] {
        for at in [stripe, 2 * stripe] {
            ODD_ONES.agree_around(&text, at);
        }
    }
}

#[test]
fn every_built_in_window_is_found_alone() {
    for window in &BUILT_IN.windows {
        BUILT_IN.agree(window);
    }
}
