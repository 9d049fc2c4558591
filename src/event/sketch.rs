//! How many different names were seen since a point in time, in a fixed amount of memory (HyperLogLog).
//!
//! Each register keeps for each rank when it was seen last, so that one sketch answers every window. The estimate is
//! Ertl's (arXiv 1702.01284, section 4), which needs no table and has no bias at small numbers: its standard error is
//! 1.04 / √4096 = 1.6 %. Notes and merges come to the same sketch in any order. The hash is our own and the same
//! everywhere; who chooses names to fool it moves an estimate and nothing else.

use std::fmt;

use super::Millis;

/// Bits of the hash that choose a register.
const REGISTER_BITS: u32 = 12;
const REGISTERS: usize = 1 << REGISTER_BITS;
/// The last one stands for itself and all above.
const RANKS: usize = 20;

/// [`Sketch::BYTES`] of memory, from the first note on.
#[derive(Clone, PartialEq, Eq)]
pub struct Sketch {
    /// By rank, then by register: the second since 1970 in which it was seen last, at least 1; 0 is never.
    seconds: Box<[u32]>,
}

impl Default for Sketch {
    fn default() -> Self {
        Sketch { seconds: vec![0; RANKS * REGISTERS].into() }
    }
}

impl fmt::Debug for Sketch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sketch").field("latest", &self.latest()).finish_non_exhaustive()
    }
}

impl Sketch {
    pub const BYTES: usize = RANKS * REGISTERS * size_of::<u32>();

    pub fn note(&mut self, name: &str, at: Millis) {
        let hash = hash(name.as_bytes());
        let register = (hash >> (u64::BITS - REGISTER_BITS)) as usize;
        let rank = ((hash << REGISTER_BITS).leading_zeros() as usize).min(RANKS - 1);
        let cell = &mut self.seconds[rank * REGISTERS + register];
        *cell = second(at).max(1).max(*cell);
    }

    pub fn merge(&mut self, other: &Sketch) {
        for (mine, theirs) in self.seconds.iter_mut().zip(&other.seconds) {
            *mine = (*mine).max(*theirs);
        }
    }

    /// What was seen later was seen now.
    pub fn step_back(&mut self, now: Millis) {
        let now = second(now).max(1);
        self.seconds.iter_mut().for_each(|cell| *cell = (*cell).min(now));
    }

    /// When a name was seen last, to the second.
    pub fn latest(&self) -> Option<Millis> {
        let latest = self.seconds.iter().max().copied().filter(|second| *second > 0)?;
        Some(Millis(i64::from(latest) * 1_000))
    }

    /// Different names that were seen after that second, about.
    pub fn estimate(&self, after: Millis) -> u64 {
        let after = second(after);
        let mut best = [0_u8; REGISTERS];
        for (rank, cells) in self.seconds.chunks_exact(REGISTERS).enumerate() {
            for (best, cell) in best.iter_mut().zip(cells) {
                if *cell > after {
                    *best = rank as u8 + 1;
                }
            }
        }
        let mut registers = [0_u32; RANKS + 1];
        best.iter().for_each(|rank| registers[usize::from(*rank)] += 1);
        cardinality(&registers)
    }
}

/// From how many registers have each highest rank; 0 is an empty register.
fn cardinality(registers: &[u32; RANKS + 1]) -> u64 {
    let m = REGISTERS as f64;
    let mut z = m * tau(1.0 - f64::from(registers[RANKS]) / m);
    for count in registers[1..RANKS].iter().rev() {
        z = 0.5 * (z + f64::from(*count));
    }
    z += m * sigma(f64::from(registers[0]) / m);
    (m * m / (2.0 * std::f64::consts::LN_2 * z)).round() as u64
}

/// x + Σ x^(2^k) 2^(k-1), k from 1.
fn sigma(mut x: f64) -> f64 {
    if x >= 1.0 {
        return f64::INFINITY;
    }
    let (mut sum, mut weight) = (x, 1.0);
    loop {
        let before = sum;
        x *= x;
        sum += x * weight;
        weight *= 2.0;
        if sum == before {
            return sum;
        }
    }
}

/// (1 - x - Σ (1 - x^(2^-k))² 2^-k) / 3, k from 1.
fn tau(mut x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut sum, mut weight) = (1.0 - x, 1.0);
    loop {
        let before = sum;
        x = x.sqrt();
        weight *= 0.5;
        sum -= (1.0 - x) * (1.0 - x) * weight;
        if sum == before {
            return sum / 3.0;
        }
    }
}

fn second(Millis(millis): Millis) -> u32 {
    u32::try_from(millis.div_euclid(1_000).max(0)).unwrap_or(u32::MAX)
}

/// FNV-1a, its bits stirred.
fn hash(bytes: &[u8]) -> u64 {
    let mut hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    for factor in [0xff51_afd7_ed55_8ccd, 0xc4ce_b9fe_1a85_ec53] {
        hash = (hash ^ (hash >> 33)).wrapping_mul(factor);
    }
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const START: Millis = Millis(1_700_000_000_000);

    fn at(seconds: i64) -> Millis {
        Millis(START.0 + seconds * 1_000)
    }

    /// Three standard errors.
    fn assert_near(estimate: u64, real: u64) {
        let error = (estimate as f64 / real as f64 - 1.0).abs();
        assert!(error < 0.05, "{estimate} for {real}");
    }

    #[test]
    fn the_estimate_is_within_five_percent_whatever_names_look_like() {
        let shapes: [fn(u64) -> String; 4] = [
            |n| n.to_string(),
            |n| format!("tenant-{n:09}"),
            |n| format!("{:016x}.example.com", n.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
            |n| format!("{}{}", "é".repeat(40), n),
        ];
        for shape in shapes {
            let mut sketch = Sketch::default();
            let mut noted = 0;
            for goal in [100, 1_000, 5_000, 12_000, 50_000, 300_000] {
                (noted..goal).for_each(|n| sketch.note(&shape(n), START));
                noted = goal;
                assert_near(sketch.estimate(at(-1)), goal);
            }
        }
    }

    #[test]
    fn one_sketch_answers_every_window() {
        let mut sketch = Sketch::default();
        (0..20_000).for_each(|n| sketch.note(&n.to_string(), at(0)));
        (10_000..30_000).for_each(|n| sketch.note(&n.to_string(), at(100)));
        (0..6_000).for_each(|n| sketch.note(&n.to_string(), at(200)));
        assert_near(sketch.estimate(at(-1)), 30_000);
        assert_near(sketch.estimate(at(0)), 26_000);
        assert_near(sketch.estimate(at(100)), 6_000);
        assert_eq!(sketch.estimate(at(200)), 0);
        assert_eq!(sketch.latest(), Some(at(200)));
        sketch.step_back(at(150));
        assert_near(sketch.estimate(at(149)), 6_000);
        assert_eq!(sketch.estimate(at(150)), 0);
    }

    #[test]
    fn no_time_and_no_number_is_too_large() {
        let mut sketch = Sketch::default();
        assert_eq!((sketch.estimate(Millis(i64::MIN)), sketch.latest()), (0, None));
        sketch.note("a", Millis(i64::MIN));
        sketch.note("b", Millis(i64::MAX));
        assert_eq!((sketch.estimate(Millis(i64::MIN)), sketch.estimate(Millis(i64::MAX))), (2, 0));
        sketch.seconds.fill(1);
        assert!(sketch.estimate(Millis(0)) > 1 << 30);
    }

    proptest! {
        #[test]
        fn merging_is_order_free(
            notes in proptest::collection::vec(("[a-e]{1,2}", 0..9_i64), 0..40), cut in 0..40_usize,
        ) {
            let of = |notes: &mut dyn Iterator<Item = &(String, i64)>| {
                let mut sketch = Sketch::default();
                notes.for_each(|(name, second)| sketch.note(name, at(*second)));
                sketch
            };
            let cut = cut.min(notes.len());
            let whole = of(&mut notes.iter());
            let (mut head, tail) = (of(&mut notes[..cut].iter()), of(&mut notes[cut..].iter().rev()));
            let mut other = tail.clone();
            other.merge(&head);
            head.merge(&tail);
            prop_assert!(head == whole && other == whole);
        }
    }
}
