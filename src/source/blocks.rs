//! Cuts a plain file into blocks that begin where an event begins, so that several threads count it as one would.
//!
//! A block begins at the first event start at or behind a multiple of the block size. Whether a line starts an event
//! is framing's to say, from the line's head alone; it comes in as an argument.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// How much of a line decides whether it starts an event.
pub const HEAD_BYTES: usize = 4096;

const WINDOW_BYTES: usize = 64 * 1024;

/// The blocks of one file, in order; none is empty.
#[derive(Debug)]
pub struct Blocks {
    file: Arc<File>,
    size: u64,
    block_bytes: u64,
    next: u64,
    starts_event: fn(&[u8]) -> bool,
}

impl Blocks {
    pub fn new(file: Arc<File>, size: u64, block_bytes: u64, starts_event: fn(&[u8]) -> bool) -> Blocks {
        Blocks { file, size, block_bytes: block_bytes.max(1), next: 0, starts_event }
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

    /// The first event start at or behind `from`, which is not 0; the size of the file where there is none.
    fn event_start(&self, from: u64) -> io::Result<u64> {
        // A line starts at `from` when the byte before it ends one.
        let mut at = from - 1;
        let mut window = vec![0; WINDOW_BYTES];
        loop {
            let n = read_at(&self.file, &mut window, at)?;
            if n == 0 {
                return Ok(self.size);
            }
            for line_end in memchr::memchr_iter(b'\n', &window[..n]) {
                let line_start = at + line_end as u64 + 1;
                if line_start >= self.size {
                    return Ok(self.size);
                }
                if self.is_event_start(line_start, &window[line_end + 1..n])? {
                    return Ok(line_start);
                }
            }
            at += n as u64;
        }
    }

    fn is_event_start(&self, line_start: u64, seen: &[u8]) -> io::Result<bool> {
        let head = &seen[..seen.len().min(HEAD_BYTES)];
        if let Some(end) = memchr::memchr(b'\n', head) {
            return Ok((self.starts_event)(&head[..end]));
        }
        if head.len() == HEAD_BYTES {
            return Ok((self.starts_event)(head));
        }
        let mut head = [0; HEAD_BYTES];
        let n = read_at(&self.file, &mut head, line_start)?;
        let end = memchr::memchr(b'\n', &head[..n]).unwrap_or(n);
        Ok((self.starts_event)(&head[..end]))
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

    fn begins_unindented(head: &[u8]) -> bool {
        !matches!(head.first(), None | Some(b' ' | b'\t'))
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
            let mut blocks = Blocks::new(file.clone(), text.len() as u64, block_bytes, begins_unindented);
            let mut read = Vec::new();
            while let Some(range) = blocks.next_block().unwrap() {
                prop_assert!(!range.is_empty());
                let start = range.start as usize;
                if start > 0 {
                    prop_assert_eq!(text[start - 1], b'\n');
                    prop_assert!(begins_unindented(&text[start..]));
                }
                BlockReader::new(file.clone(), range).read_to_end(&mut read).unwrap();
            }
            prop_assert_eq!(read, text);
        }
    }

    #[test]
    fn a_line_longer_than_every_window_is_one_block() {
        let text = [&b"a\n"[..], &vec![b'x'; 3 * WINDOW_BYTES], b"\nb\n"].concat();
        let mut blocks = Blocks::new(file_of(&text), text.len() as u64, 10, begins_unindented);
        assert_eq!(blocks.next_block().unwrap(), Some(0..text.len() as u64 - 2));
        assert_eq!(blocks.next_block().unwrap(), Some(text.len() as u64 - 2..text.len() as u64));
        assert_eq!(blocks.next_block().unwrap(), None);
    }
}
