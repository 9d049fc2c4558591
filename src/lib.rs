//! # faultline: whose error is it, which tenants, since when, what to do
//!
//! The tour, in the order a byte travels:
//!
//! ```text
//!  stdin · files · kafka    pure: bytes in, values out, no clock, no I/O                            the world
//!  source ──bytes──▶ framing ──Record──▶ matcher ──Hit──▶ attribution ──Fault──▶ aggregation ──Delta──▶ ledger ──▶ export
//! ```
//!
//! One worker is one thread that owns one source and one [`pipeline`]: it reads, pushes what it read through, and on
//! every tick hands the ledger one [`event::Delta`]. No bytes cross a thread, only deltas do. The async runtime serves
//! HTTP, timers and signals and never touches log bytes.
//!
//! What holds everywhere: imports point up this list only (a test reads the `use` lines); the rooms from `framing` to
//! `aggregation`, `event`, `positions`, `catalogue` and `pipeline` know no file, network, thread, clock or environment;
//! a line that holds no code costs the scanning of its bytes and nothing else; a code that evidence does not pin to one
//! provider is counted as ambiguous, never guessed.

pub mod event;
pub mod telemetry;
pub mod world;
pub mod positions;
pub mod catalogue;
pub mod source;
pub mod framing;
pub mod matcher;
pub mod attribution;
pub mod aggregation;
pub mod ledger;
pub mod export;
pub mod pipeline;
pub mod proving;
pub mod worker;
pub mod config;
pub mod daemon;
pub mod commands;
pub mod cli;
