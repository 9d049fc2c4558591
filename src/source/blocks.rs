//! Cuts a plain file into blocks that begin where an event begins, so that several threads count it as one would.
//!
//! A block begins at the first certain event start at or behind a multiple of the block size. What starts an event is
//! framing's to say, from a line and a few around it; it comes in as an argument. Where nothing is certain the block
//! just becomes longer: blocks are streamed, so their size costs nothing.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Bytes before and behind a wished-for cut that are looked at; twice as many, and again, while nothing is certain.
const SPAN_BYTES: u64 = 64 * 1024;
const SPAN_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// A part of a file in which an event start is wanted.
#[derive(Debug)]
pub struct View<'a> {
    pub text: &'a [u8],
    /// Starts before this place are not wanted.
    pub from: usize,
    /// Whether the text begins where the file does; else it may begin inside a line.
    pub is_beginning: bool,
    /// Whether the text ends where the file does.
    pub is_end: bool,
}

/// The first line of the view, at or behind `from`, that certainly starts an event.
pub type FindStart = fn(&View<'_>) -> Option<usize>;

/// The blocks of one file, in order; none is empty.
#[derive(Debug)]
pub struct Blocks {
    file: Arc<File>,
    size: u64,
    block_bytes: u64,
    next: u64,
    find_start: FindStart,
}

impl Blocks {
    pub fn new(file: Arc<File>, size: u64, block_bytes: u64, find_start: FindStart) -> Blocks {
        Blocks { file, size, block_bytes: block_bytes.max(1), next: 0, find_start }
    }

    /// The next block, as offsets into the file.
    pub fn next_block(&mut self) -> io::Result<Option<Range<u64>>> {
        if self.next >= self.size {
            return Ok(None);
        }
        let start = self.next;
        self.next = match start.checked_add(self.block_bytes) {
            Some(wanted) if wanted < self.size => self.event_start(wanted)?,
            _ => self.size,
        };
        Ok(Some(start..self.next))
    }

    /// The first certain event start at or behind `from`; the size of the file where there is none.
    fn event_start(&self, mut from: u64) -> io::Result<u64> {
        let mut span = SPAN_BYTES;
        let mut window = Vec::new();
        loop {
            let at = from.saturating_sub(span);
            window.resize(usize::try_from(2 * span).expect("a span is a few MiB"), 0);
            let left = usize::try_from(self.size - at).unwrap_or(usize::MAX).min(window.len());
            let n = read_at(&self.file, &mut window[..left], at)?;
            let end = at + n as u64;
            let view = View {
                text: &window[..n],
                from: usize::try_from(from - at).expect("not more than the span"),
                is_beginning: at == 0,
                // A file that became shorter ends here too.
                is_end: end >= self.size || n < left,
            };
            match (self.find_start)(&view) {
                Some(start) => return Ok(at + start as u64),
                None if view.is_end => return Ok(self.size),
                None if span < SPAN_BYTES_MAX => span *= 2,
                None => from = end,
            }
        }
    }
}

/// Fills `window` from `offset`; less only at the end of the file.
fn read_at(file: &File, window: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < window.len() {
        match file.read_at(&mut window[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Reads one block of a file to its end; does not move the file's own position.
#[derive(Debug)]
pub struct BlockReader {
    file: Arc<File>,
    range: Range<u64>,
}

impl BlockReader {
    pub fn new(file: Arc<File>, range: Range<u64>) -> BlockReader {
        BlockReader { file, range }
    }
}

impl io::Read for BlockReader {
    fn read(&mut self, block: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.range.end - self.range.start).unwrap_or(usize::MAX);
        let wanted = left.min(block.len());
        let n = read_at(&self.file, &mut block[..wanted], self.range.start)?;
        self.range.start += n as u64;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::{Read, Write};

    /// Lines that are not indented start events, when the line before them is seen.
    fn unindented(view: &View<'_>) -> Option<usize> {
        let ends = memchr::memchr_iter(b'\n', view.text).map(|end| end + 1);
        let is_start =
            |start: usize| view.text.get(start).is_some_and(|byte| *byte != b' ' && *byte != b'\n');
        ends.filter(|start| *start >= view.from).find(|start| is_start(*start))
    }

    fn file_of(text: &[u8]) -> Arc<File> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text).unwrap();
        Arc::new(file)
    }

    proptest! {
        #[test]
        fn blocks_cover_the_file_and_begin_at_event_starts(
            lines in prop::collection::vec("[ ]{0,1}[a-z]{0,12}", 0..60),
            ended: bool,
            block_bytes in 1u64..80,
        ) {
            let mut text = lines.join("\n").into_bytes();
            if ended {
                text.push(b'\n');
            }
            let file = file_of(&text);
            let mut blocks = Blocks::new(file.clone(), text.len() as u64, block_bytes, unindented);
            let mut read = Vec::new();
            while let Some(range) = blocks.next_block().unwrap() {
                prop_assert!(!range.is_empty());
                let start = range.start as usize;
                if start > 0 {
                    prop_assert_eq!(text[start - 1], b'\n');
                    prop_assert!(!matches!(text[start], b' ' | b'\n'));
                }
                BlockReader::new(file.clone(), range).read_to_end(&mut read).unwrap();
            }
            prop_assert_eq!(read, text);
        }
    }

    #[test]
    fn a_line_longer_than_every_span_is_one_block() {
        let text = [&b"a\n"[..], &vec![b'x'; 3 * SPAN_BYTES_MAX as usize], b"\nb\n"].concat();
        let mut blocks = Blocks::new(file_of(&text), text.len() as u64, 10, unindented);
        assert_eq!(blocks.next_block().unwrap(), Some(0..text.len() as u64 - 2));
        assert_eq!(blocks.next_block().unwrap(), Some(text.len() as u64 - 2..text.len() as u64));
        assert_eq!(blocks.next_block().unwrap(), None);
    }
}
