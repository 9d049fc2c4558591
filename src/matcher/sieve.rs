//! Text → candidates by a vector kernel: coarse places, then a bitmap, then the windows themselves, byte for byte.
//!
//! Gives what the automaton gives for any text. The kernel works on stripes; one that is so full of places that
//! looking at each would cost more than the automaton goes to the automaton. The end of the text is copied into a padded
//! buffer, so nothing is read past it. Read `simd` for the kernel, `classes` for its tables.

use std::ops::Range;

use super::classes::Classes;
use super::prefilter::{Automaton, Candidate, Prefilter};
use super::simd::{BEYOND, BLOCK, BLOCKS_MAX, Kernel, Places};

/// Bytes by which a place is told from others, where the window has so many.
const KEY: usize = 4;
/// A byte more, of windows longer than that: halves what common words bring up.
const LONG_KEY: u64 = 0xff_ffff_ffff;
const BITMAP_BITS: u32 = 16;
const SLOT_BITS: u32 = 12;
/// Bytes a place that is looked at one by one; with more places the automaton is as fast.
const PLACE_BYTES: usize = 8;
/// The same for places that the bitmaps let through: what stands there is compared, at about 50 ns if nothing repeats.
const LIKELY_BYTES: usize = 32;
/// Places of a stripe, at most.
const PLACES_MAX: usize = BLOCKS_MAX * BLOCK / PLACE_BYTES;

pub struct Sieve {
    kernel: Kernel,
    classes: Classes,
    /// Hashes of the keys of windows as long as a key.
    keys: Vec<u64>,
    /// And of those that are longer.
    long_keys: Vec<u64>,
    /// The first two bytes of the windows that are shorter than a key.
    pairs: Vec<u64>,
    /// Where the windows of a slot begin in `windows`; one more at the end.
    slots: Vec<u32>,
    windows: Vec<Anchored>,
    /// Windows shorter than a key.
    short: Vec<Anchored>,
    texts: Vec<Box<[u8]>>,
    len_max: usize,
}

/// A window by the byte of it that the kernel finds.
#[derive(Clone, Copy)]
struct Anchored {
    /// Its first eight bytes and which of them count.
    head: u64,
    mask: u64,
    window: u32,
    offset: u32,
    len: u32,
}

impl Sieve {
    pub fn new(kernel: Kernel, texts: &[Box<[u8]>]) -> Sieve {
        let bitmap = vec![0; 1 << (BITMAP_BITS - 6)];
        let mut sieve = Sieve {
            kernel,
            classes: Classes::of(texts, kernel.shape()),
            keys: bitmap.clone(),
            long_keys: bitmap.clone(),
            pairs: bitmap,
            slots: Vec::new(),
            windows: Vec::new(),
            short: Vec::new(),
            texts: texts.into(),
            len_max: texts.iter().map(|text| text.len()).max().unwrap_or(1),
        };
        let mut keyed: Vec<(usize, Anchored)> =
            texts.iter().enumerate().filter_map(|(window, text)| sieve.enter(window, text)).collect();
        keyed.sort_by_key(|(slot, _)| *slot);
        sieve.slots =
            (0..=1 << SLOT_BITS).map(|s| keyed.partition_point(|(slot, _)| *slot < s) as u32).collect();
        sieve.windows = keyed.into_iter().map(|(_, anchored)| anchored).collect();
        sieve
    }

    /// Marks a window in the bitmaps and gives its slot, or puts it with the short ones.
    fn enter(&mut self, window: usize, text: &[u8]) -> Option<(usize, Anchored)> {
        let offset = self.classes.offsets[window];
        let anchored = Anchored::new(window, offset, text);
        let bytes = first(&text[offset..]);
        match text.len() {
            ..KEY => {
                self.short.push(anchored);
                (0..=u16::MAX)
                    .filter(|pair| pair.to_le_bytes().iter().zip(text).all(|(a, b)| a == b))
                    .for_each(|pair| set(&mut self.pairs, usize::from(pair)));
                return None;
            }
            KEY => set(&mut self.keys, hash(bytes as u32)),
            _ => set(&mut self.long_keys, long_hash(bytes)),
        }
        Some((slot(bytes as u32), anchored))
    }

    /// All windows of `text`, in any order; `automaton` is of the same windows.
    pub fn scan(&self, automaton: &Automaton, text: &[u8], out: &mut Vec<Candidate>) {
        out.clear();
        let (mut places, mut likely) = (Places::new(), [0; PLACES_MAX]);
        let mut at = 0;
        while let Some(blocks) = (text.len() - at).checked_sub(BEYOND).map(|n| (n / BLOCK).min(BLOCKS_MAX))
            && blocks > 0
        {
            self.kernel.places(&self.classes, &text[at..], blocks, &mut places);
            self.look(automaton, text, at..at + blocks * BLOCK, &mut places, &mut likely, out);
            at += blocks * BLOCK;
        }
        // Less than a block and what must follow it.
        let mut padded = [0; 2 * BLOCK + BEYOND];
        padded[..text.len() - at].copy_from_slice(&text[at..]);
        let blocks = (text.len() - at).div_ceil(BLOCK);
        self.kernel.places(&self.classes, &padded, blocks, &mut places);
        self.look(automaton, text, at..text.len(), &mut places, &mut likely, out);
    }

    /// Looks at the places of the stripe `range` of `text`.
    fn look(
        &self,
        automaton: &Automaton,
        text: &[u8],
        range: Range<usize>,
        places: &mut Places,
        likely: &mut [u16; PLACES_MAX],
        out: &mut Vec<Candidate>,
    ) {
        if places.count() > (range.len() / PLACE_BYTES).max(BLOCK) {
            self.hand_over(automaton, text, range, out);
            return;
        }
        let mut len = 0;
        while places.next_round(|at| {
            likely[len] = at as u16;
            len += self.likely(first_at(text, range.start + at));
        }) {}
        if len > (range.len() / LIKELY_BYTES).max(BLOCK / LIKELY_BYTES * 2) {
            self.hand_over(automaton, text, range, out);
            return;
        }
        for &at in &likely[..len] {
            self.verify(text, range.start + at as usize, out);
        }
    }
}

impl Sieve {
    /// Whether a window may have these bytes at the place that the kernel finds: 1 or 0.
    #[inline(always)]
    fn likely(&self, bytes: u64) -> usize {
        has(&self.keys, hash(bytes as u32))
            | has(&self.long_keys, long_hash(bytes))
            | has(&self.pairs, (bytes & 0xffff) as usize)
    }

    /// The windows with the byte that the kernel finds in `range`, by the automaton.
    #[cold]
    fn hand_over(&self, automaton: &Automaton, text: &[u8], range: Range<usize>, out: &mut Vec<Candidate>) {
        let from = range.start.saturating_sub(self.len_max);
        let to = text.len().min(range.end + self.len_max);
        let mut found = Vec::new();
        automaton.scan(&text[from..to], &mut found);
        let placed = found.into_iter().map(|c| Candidate { start: c.start + from, ..c });
        out.extend(placed.filter(|c| range.contains(&(c.start + self.classes.offsets[c.window]))));
    }

    /// The windows of which the kernel finds the byte at `at`.
    #[inline(always)]
    fn verify(&self, text: &[u8], at: usize, out: &mut Vec<Candidate>) {
        let bytes = first_at(text, at);
        let slot = slot(bytes as u32);
        let (from, to) = (self.slots[slot] as usize, self.slots[slot + 1] as usize);
        for anchored in &self.windows[from..to] {
            self.verify_one(anchored, text, at, out);
        }
        if has(&self.pairs, (bytes & 0xffff) as usize) == 1 {
            for anchored in &self.short {
                self.verify_one(anchored, text, at, out);
            }
        }
    }

    #[inline(always)]
    fn verify_one(&self, anchored: &Anchored, text: &[u8], at: usize, out: &mut Vec<Candidate>) {
        let Some(start) = at.checked_sub(anchored.offset as usize) else { return };
        if (first_at(text, start) ^ anchored.head) & anchored.mask == 0 {
            let (window, end) = (anchored.window as usize, start + anchored.len as usize);
            if end <= text.len() && (anchored.len <= 8 || text[start..end] == *self.texts[window]) {
                out.push(Candidate { start, window });
            }
        }
    }
}

impl Anchored {
    fn new(window: usize, offset: usize, text: &[u8]) -> Anchored {
        let mask = first(&[0xff; 8][..text.len().min(8)]);
        Anchored {
            head: first(text),
            mask,
            window: window as u32,
            offset: offset as u32,
            len: text.len() as u32,
        }
    }
}

/// The first eight bytes, as far as there are so many; zeros behind.
fn first(text: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    let len = text.len().min(8);
    bytes[..len].copy_from_slice(&text[..len]);
    u64::from_le_bytes(bytes)
}

/// The eight bytes at `at`, with zeros behind the end.
#[inline(always)]
fn first_at(text: &[u8], at: usize) -> u64 {
    match text.get(at..at + 8) {
        Some(bytes) => u64::from_le_bytes(bytes.try_into().expect("eight bytes")),
        None => first(text.get(at..).unwrap_or_default()),
    }
}

fn hash(key: u32) -> usize {
    (key.wrapping_mul(0x9e37_79b1) >> (32 - BITMAP_BITS)) as usize
}

fn long_hash(bytes: u64) -> usize {
    ((bytes & LONG_KEY).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - BITMAP_BITS)) as usize
}

fn slot(key: u32) -> usize {
    ((key ^ (key >> 15)).wrapping_mul(0x85eb_ca6b) >> (32 - SLOT_BITS)) as usize
}

fn set(bitmap: &mut [u64], bit: usize) {
    bitmap[bit / 64] |= 1 << (bit % 64);
}

#[inline(always)]
fn has(bitmap: &[u64], bit: usize) -> usize {
    (bitmap[bit / 64] >> (bit % 64) & 1) as usize
}
