//! Compressed input: recognised by its first bytes, never by its name, and unpacked as a stream with a limit.
//!
//! What may come out is [`EXPANSION_FREE`] or `expansion_ratio_max` times what went in, whichever is more; past that
//! [`Unpacked::is_capped`] is true and nothing more is unpacked. Memory is the decoder's window, whatever is claimed.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;

/// Unpacked bytes that no ratio is asked of.
pub const EXPANSION_FREE: u64 = 256 * 1024 * 1024;

/// The largest window a zstd frame may ask for, as its own command line allows: 128 MiB.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    Plain,
    Gzip,
    Zstd,
}

impl Packing {
    /// What the first bytes of an input say; four are enough.
    pub fn recognise(head: &[u8]) -> Packing {
        match head {
            [0x1F, 0x8B, 0x08, ..] => Packing::Gzip,
            [0x28, 0xB5, 0x2F, 0xFD, ..] => Packing::Zstd,
            _ => Packing::Plain,
        }
    }
}

/// A reader that counts what passed through it, for others to see.
#[derive(Debug)]
pub struct Counted<R> {
    inner: R,
    passed: Arc<AtomicU64>,
}

impl<R> Counted<R> {
    pub fn new(inner: R, passed: Arc<AtomicU64>) -> Counted<R> {
        Counted { inner, passed }
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, block: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(block)?;
        self.passed.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

/// A compressed stream, unpacked.
pub struct Unpacked<R: Read> {
    decoder: Decoder<R>,
    packed: Arc<AtomicU64>,
    unpacked: u64,
    ratio_max: u64,
    free: u64,
    capped: bool,
}

enum Decoder<R: Read> {
    Gzip(Box<MultiGzDecoder<BufReader<Counted<R>>>>),
    Zstd(Box<zstd::stream::read::Decoder<'static, BufReader<Counted<R>>>>),
}

impl<R: Read> Unpacked<R> {
    /// `packed` counts the compressed bytes as they are read.
    pub fn gzip(inner: R, packed: Arc<AtomicU64>, ratio_max: u64) -> Unpacked<R> {
        let reader = BufReader::with_capacity(super::BLOCK_BYTES, Counted::new(inner, packed.clone()));
        Unpacked::new(Decoder::Gzip(Box::new(MultiGzDecoder::new(reader))), packed, ratio_max)
    }

    pub fn zstd(inner: R, packed: Arc<AtomicU64>, ratio_max: u64) -> io::Result<Unpacked<R>> {
        let reader = BufReader::with_capacity(super::BLOCK_BYTES, Counted::new(inner, packed.clone()));
        let mut decoder = zstd::stream::read::Decoder::with_buffer(reader)?;
        decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
        Ok(Unpacked::new(Decoder::Zstd(Box::new(decoder)), packed, ratio_max))
    }

    fn new(decoder: Decoder<R>, packed: Arc<AtomicU64>, ratio_max: u64) -> Unpacked<R> {
        Unpacked { decoder, packed, unpacked: 0, ratio_max, free: EXPANSION_FREE, capped: false }
    }

    /// Whether unpacking ended because too much came out.
    pub fn is_capped(&self) -> bool {
        self.capped
    }

    /// Reads the rest of the compressed bytes without unpacking them; says how many there were.
    pub fn drain(&mut self) -> io::Result<u64> {
        let reader = match &mut self.decoder {
            Decoder::Gzip(decoder) => decoder.get_mut(),
            Decoder::Zstd(decoder) => decoder.get_mut(),
        };
        let mut drained = 0;
        loop {
            let n = reader.fill_buf()?.len();
            if n == 0 {
                return Ok(drained);
            }
            reader.consume(n);
            drained += n as u64;
        }
    }
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, block: &mut [u8]) -> io::Result<usize> {
        let allowed = self.free.max(self.packed.load(Ordering::Relaxed).saturating_mul(self.ratio_max));
        if self.unpacked >= allowed {
            self.capped = true;
            return Ok(0);
        }
        let n = match &mut self.decoder {
            Decoder::Gzip(decoder) => decoder.read(block),
            Decoder::Zstd(decoder) => decoder.read(block),
        }?;
        self.unpacked += n as u64;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn read_all(mut unpacked: Unpacked<&[u8]>) -> (Vec<u8>, io::Result<()>, Unpacked<&[u8]>) {
        let mut all = Vec::new();
        let outcome = unpacked.read_to_end(&mut all).map(drop);
        (all, outcome, unpacked)
    }

    #[test]
    fn content_decides_what_an_input_is() {
        assert_eq!(Packing::recognise(&gzip(b"x")), Packing::Gzip);
        assert_eq!(Packing::recognise(&zstd::encode_all(&b"x"[..], 1).unwrap()), Packing::Zstd);
        assert_eq!(Packing::recognise(b"\x1F\x8Bplain"), Packing::Plain);
        assert_eq!(Packing::recognise(b""), Packing::Plain);
    }

    #[test]
    fn several_members_are_one_stream() {
        let packed = [gzip(b"one\n"), gzip(b"two\n")].concat();
        let (all, outcome, _) = read_all(Unpacked::gzip(&packed[..], Arc::default(), 250));
        assert_eq!((all, outcome.is_ok()), (b"one\ntwo\n".to_vec(), true));
        let packed =
            [zstd::encode_all(&b"one\n"[..], 1).unwrap(), zstd::encode_all(&b"two\n"[..], 1).unwrap()]
                .concat();
        let (all, outcome, _) = read_all(Unpacked::zstd(&packed[..], Arc::default(), 250).unwrap());
        assert_eq!((all, outcome.is_ok()), (b"one\ntwo\n".to_vec(), true));
    }

    #[test]
    fn a_cut_stream_gives_what_was_there_and_then_an_error() {
        let text: Vec<u8> = (0..20_000u32)
            .flat_map(|n| format!("line {}\n", n.wrapping_mul(2_654_435_761)).into_bytes())
            .collect();
        let packed = gzip(&text);
        let (all, outcome, _) = read_all(Unpacked::gzip(&packed[..packed.len() / 2], Arc::default(), 250));
        assert!(outcome.is_err() && !all.is_empty() && text.starts_with(&all), "{} bytes", all.len());
        let packed = zstd::encode_all(&text[..], 1).unwrap();
        let (all, outcome, _) =
            read_all(Unpacked::zstd(&packed[..packed.len() / 2], Arc::default(), 250).unwrap());
        assert!(outcome.is_err() && text.starts_with(&all), "{} bytes", all.len());
    }

    #[test]
    fn a_bomb_is_capped_and_the_rest_of_it_is_counted_without_unpacking() {
        let packed = gzip(&vec![0; 8 << 20]);
        let mut unpacked = Unpacked::gzip(&packed[..], Arc::default(), 2);
        unpacked.free = 64 * 1024;
        // A small buffer in front of the decoder, so that the ratio sees the input piece by piece.
        let (all, outcome, mut unpacked) = read_all(unpacked);
        assert!(outcome.is_ok() && unpacked.is_capped());
        assert!(all.len() < 1 << 20, "{} bytes came out", all.len());
        unpacked.drain().unwrap();
        assert_eq!(unpacked.packed.load(Ordering::Relaxed), packed.len() as u64);
    }
}
