//! Which bytes may stand where: windows sorted into eight buckets, so that few other texts fit any of them.
//!
//! Each window is represented by [`WIDTH`] bytes of it. A bucket allows a set of bytes at each position; windows that
//! are alike share one, so its sets stay small. The choice is greedy over a sample of places in log text and the words
//! that logs are full of: a window goes where it lets the fewest more of them through. Same windows, same tables; the
//! build is a part of each start.

use super::sample::SAMPLE;
use super::window::COMMON;

/// Bytes of a window that are looked at.
pub const WIDTH: usize = 5;
const BUCKETS: usize = 8;
/// Buckets in which windows shorter than [`WIDTH`] may be.
const OPEN_BUCKETS: usize = 3;
/// How often each window looks for a better place.
const SWEEPS: usize = 2;
/// Words of a set of sampled places: about one place a byte of the sample.
const WORDS: usize = 73;
/// How often each common word stands in the sample besides.
const COMMON_WEIGHT: usize = 2;
type Spots = [u64; WORDS];

/// What a table is indexed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// The low seven bits of a byte: exact for ASCII.
    SevenBits,
    /// Either half of a byte: a set of bytes widens to all pairs of its halves.
    Nibbles,
}

impl Shape {
    /// Tables a position has.
    fn halves(self) -> usize {
        match self {
            Shape::SevenBits => 1,
            Shape::Nibbles => 2,
        }
    }

    fn index(self, half: usize, byte: u8) -> usize {
        match (self, half) {
            (Shape::SevenBits, _) => usize::from(byte & 127),
            (Shape::Nibbles, 0) => usize::from(byte & 15),
            (Shape::Nibbles, _) => usize::from(byte >> 4),
        }
    }
}

/// The tables of a kernel: for each position and index one bit a bucket.
pub struct Classes {
    pub seven_bits: [[u8; 128]; WIDTH],
    pub low: [[u8; 16]; WIDTH],
    pub high: [[u8; 16]; WIDTH],
    /// For each window, which of its bytes is the first that is looked at.
    pub offsets: Vec<usize>,
}

impl Classes {
    pub fn of(windows: &[Box<[u8]>], shape: Shape) -> Classes {
        let mut choice = Choice::new(shape);
        let mut offsets = vec![0; windows.len()];
        let (short, mut long): (Vec<usize>, Vec<usize>) =
            (0..windows.len()).partition(|&i| windows[i].len() < WIDTH);
        for alike in alike(windows, short) {
            let bucket = choice.best_of_all(windows, &alike);
            alike.iter().for_each(|&i| choice.change(bucket, &windows[i], 1));
            choice.refresh(bucket);
        }
        long.sort_by_key(|&i| &windows[i]);
        let mut buckets = vec![None; windows.len()];
        for _ in 0..SWEEPS {
            for &index in &long {
                let window = &windows[index];
                if let Some(bucket) = buckets[index] {
                    choice.change(bucket, &window[offsets[index]..], -1);
                    choice.refresh(bucket);
                }
                let (offset, bucket) = choice.best(window);
                choice.change(bucket, &window[offset..], 1);
                choice.refresh(bucket);
                (offsets[index], buckets[index]) = (offset, Some(bucket));
            }
        }
        choice.tables(offsets)
    }

    /// The buckets that allow `byte` at a position.
    #[cfg(test)]
    pub fn buckets(&self, shape: Shape, position: usize, byte: u8) -> u8 {
        let index = |half| shape.index(half, byte);
        match shape {
            Shape::SevenBits => self.seven_bits[position][index(0)],
            Shape::Nibbles => self.low[position][index(0)] & self.high[position][index(1)],
        }
    }
}

/// Windows of the same length whose bytes are of the same kinds, the largest groups first.
///
/// A short window allows anything behind it, so whatever shares its bucket pays. One by one each would find another
/// bucket the best; together they fill few.
fn alike(windows: &[Box<[u8]>], mut short: Vec<usize>) -> Vec<Vec<usize>> {
    let kind = |b: &u8| (b.is_ascii_digit(), b.is_ascii_uppercase(), b.is_ascii_lowercase(), b.is_ascii());
    let kinds = |i: usize| windows[i].iter().map(kind).collect::<Vec<_>>();
    short.sort_by_cached_key(|&i| kinds(i));
    let mut groups: Vec<Vec<usize>> =
        short.chunk_by(|&a, &b| kinds(a) == kinds(b)).map(<[_]>::to_vec).collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.len()));
    groups
}

/// One table of a bucket: what it allows at a half of a position, and where in the sample that stands.
#[derive(Clone)]
struct Set {
    /// How many windows need each index.
    needed: [u16; 128],
    /// How many windows end before this position: with any, everything is allowed.
    open: u16,
    spots: Spots,
    /// The part of all text that is allowed.
    share: f64,
}

struct Choice {
    shape: Shape,
    /// Where in the sample an index stands, for each half of each position; and the part of all text that it is.
    stands: Vec<Vec<Spots>>,
    shares: Vec<Vec<f64>>,
    buckets: Vec<Vec<Set>>,
    /// What each bucket lets through.
    through: [f64; BUCKETS],
}

impl Choice {
    fn new(shape: Shape) -> Choice {
        let sets = WIDTH * shape.halves();
        let mut stands = vec![vec![[0; WORDS]; 128]; sets];
        let places = WORDS * 64;
        let words = COMMON.iter().flat_map(|word| [*word, " "].repeat(COMMON_WEIGHT));
        let sample: String = std::iter::once(SAMPLE).chain(words).collect();
        for place in 0..places {
            let from = place * (sample.len() - WIDTH) / places;
            for (set, stands) in stands.iter_mut().enumerate() {
                let byte = sample.as_bytes()[from + set / shape.halves()];
                stands[shape.index(set % shape.halves(), byte)][place / 64] |= 1 << (place % 64);
            }
        }
        let share = |spots: &Spots| (count(spots) as f64 + 1.0) / (places as f64 + 128.0);
        let shares = stands.iter().map(|indices| indices.iter().map(share).collect()).collect();
        let empty = Set { needed: [0; 128], open: 0, spots: [0; WORDS], share: 0.0 };
        Choice { shape, stands, shares, buckets: vec![vec![empty; sets]; BUCKETS], through: [0.0; BUCKETS] }
    }

    /// The bucket in which these short windows together cost least.
    fn best_of_all(&mut self, windows: &[Box<[u8]>], alike: &[usize]) -> usize {
        let mut best = (f64::INFINITY, 0);
        for bucket in 0..OPEN_BUCKETS {
            let before = self.through[bucket];
            alike.iter().for_each(|&i| self.change(bucket, &windows[i], 1));
            self.refresh(bucket);
            let cost = self.through[bucket] - before;
            if cost < best.0 {
                best = (cost, bucket);
            }
            alike.iter().for_each(|&i| self.change(bucket, &windows[i], -1));
            self.refresh(bucket);
        }
        best.1
    }

    /// Where a window costs least: which of its bytes is the first that counts, and the bucket.
    fn best(&self, window: &[u8]) -> (usize, usize) {
        let mut best = (f64::INFINITY, 0, 0);
        for offset in 0..=window.len() - WIDTH {
            for bucket in 0..BUCKETS {
                let cost = self.after(bucket, &window[offset..], best.0);
                if cost < best.0 {
                    best = (cost, offset, bucket);
                }
                if cost <= 0.0 {
                    return (offset, bucket);
                }
            }
        }
        (best.1, best.2)
    }

    /// How much more a bucket would let through with this window in it; `most` or more is not told exactly.
    fn after(&self, bucket: usize, window: &[u8], most: f64) -> f64 {
        let sets = &self.buckets[bucket];
        let mut share = 1.0;
        let mut fits = true;
        for (at, set) in sets.iter().enumerate() {
            let index =
                window.get(at / self.shape.halves()).map(|b| self.shape.index(at % self.shape.halves(), *b));
            share *= match index {
                _ if set.open > 0 => 1.0,
                Some(index) if set.needed[index] > 0 => set.share,
                Some(index) => {
                    fits = false;
                    set.share + self.shares[at][index]
                }
                None => {
                    fits = false;
                    1.0
                }
            };
        }
        if fits {
            return 0.0;
        }
        let estimate = share * UNSEEN * (WORDS * 64) as f64;
        if estimate - self.through[bucket] >= most {
            return most;
        }
        let mut left = [u64::MAX; WORDS];
        for (at, set) in sets.iter().enumerate() {
            if let Some(byte) = window.get(at / self.shape.halves()) {
                let index = self.shape.index(at % self.shape.halves(), *byte);
                join(&mut left, &set.spots, &self.stands[at][index]);
            }
        }
        count(&left) as f64 + estimate - self.through[bucket]
    }

    /// Puts a window in (`by` 1) or takes it out (-1); [`Choice::refresh`] must follow.
    fn change(&mut self, bucket: usize, window: &[u8], by: i16) {
        let halves = self.shape.halves();
        for (at, set) in self.buckets[bucket].iter_mut().enumerate() {
            let number = match window.get(at / halves) {
                Some(byte) => &mut set.needed[self.shape.index(at % halves, *byte)],
                None => &mut set.open,
            };
            *number = number.saturating_add_signed(by);
        }
    }

    fn refresh(&mut self, bucket: usize) {
        let mut left = [u64::MAX; WORDS];
        let mut share = 1.0;
        for (at, set) in self.buckets[bucket].iter_mut().enumerate() {
            (set.spots, set.share) = ([0; WORDS], 0.0);
            for (index, _) in set.needed.iter().enumerate().filter(|(_, n)| **n > 0) {
                set.spots.iter_mut().zip(&self.stands[at][index]).for_each(|(to, spots)| *to |= spots);
                set.share += self.shares[at][index];
            }
            if set.open > 0 {
                (set.spots, set.share) = ([u64::MAX; WORDS], 1.0);
            }
            left.iter_mut().zip(&set.spots).for_each(|(left, spots)| *left &= spots);
            share *= set.share;
        }
        self.through[bucket] = count(&left) as f64 + share * UNSEEN * (WORDS * 64) as f64;
    }

    fn tables(&self, offsets: Vec<usize>) -> Classes {
        let (seven_bits, low, high) = ([[0; 128]; WIDTH], [[0; 16]; WIDTH], [[0; 16]; WIDTH]);
        let mut classes = Classes { seven_bits, low, high, offsets };
        for (bucket, sets) in self.buckets.iter().enumerate() {
            for (at, set) in sets.iter().enumerate() {
                let table: &mut [u8] = match (self.shape, at % self.shape.halves()) {
                    (Shape::SevenBits, _) => &mut classes.seven_bits[at],
                    (Shape::Nibbles, 0) => &mut classes.low[at / 2],
                    (Shape::Nibbles, _) => &mut classes.high[at / 2],
                };
                for (entry, needed) in table.iter_mut().zip(&set.needed) {
                    *entry |= u8::from(*needed > 0 || set.open > 0) << bucket;
                }
            }
        }
        classes
    }
}

/// How much text that the sample does not know counts against the sample, by the frequency of single bytes.
const UNSEEN: f64 = 4.0;

fn join(left: &mut Spots, one: &Spots, other: &Spots) {
    for ((left, one), other) in left.iter_mut().zip(one).zip(other) {
        *left &= one | other;
    }
}

fn count(spots: &Spots) -> usize {
    spots.iter().map(|word| word.count_ones() as usize).sum()
}
