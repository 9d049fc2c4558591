//! The kernel that sees every byte: text → places where some bucket allows each of the next bytes.
//!
//! For 64 bytes at a time it looks each of the next [`WIDTH`] bytes up in the table of its position and joins the answers
//! with AND; what is left over are the buckets whose windows may begin there. AVX-512 VBMI looks up seven bits of a byte
//! at once, AVX2 two halves of four bits. All `unsafe` of the matcher is here; the safe twin is `Kernel::plain`.

#![cfg_attr(
    target_arch = "x86_64",
    expect(
        unsafe_code,
        reason = "vector instructions: 1.9 to 4.7 times the bytes a second of the automaton on logs with AVX-512, 1.2 to 1.4 with AVX2"
    )
)]

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

use super::classes::{Classes, Shape, WIDTH};

/// Bytes that one mask is for.
pub const BLOCK: usize = 64;
/// Blocks of one call, at most: few, so that a short text does not pay for empty buffers.
pub const BLOCKS_MAX: usize = 32;
/// Bytes that must follow the last block of a call.
pub const BEYOND: usize = WIDTH - 1;

/// Places at which a window may begin: for each block that has any, its number and a bit a byte.
pub struct Places {
    blocks: [(u32, u64); BLOCKS_MAX],
    len: usize,
}

impl Places {
    pub fn new() -> Places {
        Places { blocks: [(0, 0); BLOCKS_MAX], len: 0 }
    }

    pub fn count(&self) -> usize {
        self.blocks[..self.len].iter().map(|(_, mask)| mask.count_ones() as usize).sum()
    }

    /// Takes one place out of each block and gives it to `each`; false if there was none.
    ///
    /// How many places a block has is what a processor cannot foresee, so none of the branches here asks for it.
    #[inline(always)]
    pub fn next_round(&mut self, mut each: impl FnMut(usize)) -> bool {
        let mut left = 0;
        for index in 0..self.len {
            let (block, mask) = self.blocks[index];
            each(block as usize * BLOCK + mask.trailing_zeros() as usize);
            let rest = mask & (mask - 1);
            self.blocks[left] = (block, rest);
            left += usize::from(rest != 0);
        }
        let any = self.len > 0;
        self.len = left;
        any
    }

    #[cfg_attr(not(any(test, target_arch = "x86_64")), expect(dead_code, reason = "no kernel to call it"))]
    /// Without a branch on the mask: whether a block holds a place is what a processor cannot foresee.
    #[inline(always)]
    fn add(&mut self, block: usize, mask: u64) {
        self.blocks[self.len] = (block as u32, mask);
        self.len += usize::from(mask != 0);
    }
}

/// An instruction set that this processor has: only [`Kernel::detected`] makes one that is not plain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kernel(Set);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(test)]
    Plain(Shape),
}

impl Kernel {
    /// What this processor has, the fastest first.
    pub fn detected() -> Vec<Kernel> {
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        {
            let vbmi = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vbmi");
            let sets = [(vbmi, Set::Avx512), (is_x86_feature_detected!("avx2"), Set::Avx2)];
            sets.into_iter().filter(|(there, _)| *there).map(|(_, set)| Kernel(set)).collect()
        }
        #[cfg(not(all(target_arch = "x86_64", not(miri))))]
        Vec::new()
    }

    /// The same results byte by byte, for tests.
    #[cfg(test)]
    pub fn plain(shape: Shape) -> Kernel {
        Kernel(Set::Plain(shape))
    }

    /// The tables that it looks up.
    pub fn shape(self) -> Shape {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => Shape::SevenBits,
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => Shape::Nibbles,
            #[cfg(test)]
            Set::Plain(shape) => shape,
        }
    }

    /// The places in the first `blocks` blocks of `text`, which is at least [`BEYOND`] bytes longer.
    #[cfg_attr(
        not(any(test, target_arch = "x86_64")),
        expect(unused_variables, reason = "no kernel to give them to")
    )]
    pub fn places(self, classes: &Classes, text: &[u8], blocks: usize, out: &mut Places) {
        assert!(blocks <= BLOCKS_MAX && text.len() >= blocks * BLOCK + BEYOND, "no read past the text");
        out.len = 0;
        match self.0 {
            // SAFETY: made by `detected` alone, so the processor has the features; the length was checked above.
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => unsafe { avx512(classes, text, blocks, out) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => unsafe { avx2(classes, text, blocks, out) },
            #[cfg(test)]
            Set::Plain(shape) => plain(classes, shape, text, blocks, out),
        }
    }
}

#[cfg(test)]
fn plain(classes: &Classes, shape: Shape, text: &[u8], blocks: usize, out: &mut Places) {
    for block in 0..blocks {
        let fits = |i: usize| {
            let bytes = &text[block * BLOCK + i..];
            (0..WIDTH).fold(0xff, |buckets, k| buckets & classes.buckets(shape, k, bytes[k])) != 0
        };
        out.add(block, (0..BLOCK).fold(0, |mask, i| mask | u64::from(fits(i)) << i));
    }
}

/// How many blocks share one branch.
#[cfg(target_arch = "x86_64")]
const UNROLLED: usize = 4;

/// # Safety
/// `text` is `blocks * BLOCK + BEYOND` bytes or longer.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
unsafe fn avx512(classes: &Classes, text: &[u8], blocks: usize, out: &mut Places) {
    let mut tables = [(_mm512_setzero_si512(), _mm512_setzero_si512()); WIDTH];
    for (table, bytes) in tables.iter_mut().zip(&classes.seven_bits) {
        // SAFETY: a table is 128 bytes.
        *table = unsafe { (load512(&bytes[..64], 0), load512(&bytes[64..], 0)) };
    }
    let left = |at: usize| {
        let mut all = _mm512_set1_epi8(-1);
        for (k, (low, high)) in tables.iter().enumerate() {
            // SAFETY: `at + BLOCK + BEYOND` is within the text: the caller's promise.
            let bytes = unsafe { load512(text, at + k) };
            all = _mm512_and_si512(all, _mm512_permutex2var_epi8(*low, bytes, *high));
        }
        all
    };
    let mut block = 0;
    while block + UNROLLED <= blocks {
        let mut found = [_mm512_setzero_si512(); UNROLLED];
        for (n, found) in found.iter_mut().enumerate() {
            *found = left((block + n) * BLOCK);
        }
        let any = _mm512_or_si512(_mm512_or_si512(found[0], found[1]), _mm512_or_si512(found[2], found[3]));
        if _mm512_test_epi8_mask(any, any) != 0 {
            for (n, found) in found.iter().enumerate() {
                out.add(block + n, _mm512_test_epi8_mask(*found, *found));
            }
        }
        block += UNROLLED;
    }
    for block in block..blocks {
        let found = left(block * BLOCK);
        out.add(block, _mm512_test_epi8_mask(found, found));
    }
}

/// # Safety
/// `text` is `at + 64` bytes or longer.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn load512(text: &[u8], at: usize) -> __m512i {
    debug_assert!(at + 64 <= text.len());
    // SAFETY: the caller's promise; the load needs no alignment.
    unsafe { _mm512_loadu_si512(text.as_ptr().add(at).cast()) }
}

/// # Safety
/// `text` is `blocks * BLOCK + BEYOND` bytes or longer.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn avx2(classes: &Classes, text: &[u8], blocks: usize, out: &mut Places) {
    let mut tables = [(_mm256_setzero_si256(), _mm256_setzero_si256()); WIDTH];
    for (k, table) in tables.iter_mut().enumerate() {
        *table = (twice(&classes.low[k]), twice(&classes.high[k]));
    }
    let nibble = _mm256_set1_epi8(15);
    let left = |at: usize| {
        let mut all = _mm256_set1_epi8(-1);
        for (k, (low, high)) in tables.iter().enumerate() {
            debug_assert!(at + k + 32 <= text.len());
            // SAFETY: `at + 32 + BEYOND` is within the text: the caller's promise.
            let bytes = unsafe { _mm256_loadu_si256(text.as_ptr().add(at + k).cast()) };
            let low = _mm256_shuffle_epi8(*low, _mm256_and_si256(bytes, nibble));
            let high = _mm256_shuffle_epi8(*high, _mm256_and_si256(_mm256_srli_epi16::<4>(bytes), nibble));
            all = _mm256_and_si256(all, _mm256_and_si256(low, high));
        }
        all
    };
    let none = _mm256_setzero_si256();
    let bits = |found: __m256i| u64::from(!_mm256_movemask_epi8(_mm256_cmpeq_epi8(found, none)) as u32);
    for block in 0..blocks {
        let (head, tail) = (left(block * BLOCK), left(block * BLOCK + BLOCK / 2));
        let any = _mm256_or_si256(head, tail);
        if _mm256_testz_si256(any, any) == 0 {
            out.add(block, bits(head) | bits(tail) << 32);
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn twice(table: &[u8; 16]) -> __m256i {
    // SAFETY: the table is 16 bytes; the load needs no alignment.
    _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(table.as_ptr().cast()) })
}
