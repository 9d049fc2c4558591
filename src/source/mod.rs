//! Where bytes come from. Live sources (stdin, followed files, the demo's stream) implement [`Source`] and are owned by
//! a worker; finished inputs of `scan` and `classify` are [`input::Input`]s, read once to their end.
//!
//! A source knows nothing of lines, records or codes. It waits with a limit, so that its worker can tick, and wakes
//! at once when [`Stop`] is asked for. Read next: `wait`, then `stdin`.

pub mod wait;
pub mod stdin;
pub mod tee;
pub mod tail;
pub mod kafka;
pub mod paths;
pub mod origin;
pub mod encoding;
pub mod packing;
pub mod input;
pub mod blocks;

use std::io;
use std::time::Duration;

pub use wait::Stop;

/// How many bytes one read asks for.
pub const BLOCK_BYTES: usize = 256 * 1024;

/// What one read brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// This many bytes stand at the front of the block; never 0.
    Bytes(usize),
    /// Nothing came in the given time, or somebody asked to stop.
    Silence,
    /// Nothing will ever come again.
    End,
}

/// A stream of bytes that may pause.
pub trait Source: Send {
    /// Reads what is there into the front of `block`; waits at most `patience` for it.
    fn read(&mut self, block: &mut [u8], patience: Duration, stop: &Stop) -> io::Result<Reading>;
}
