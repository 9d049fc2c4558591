//! The one integration binary: cases are files under `tests/cases`, servers are real.

#![expect(clippy::unwrap_used, reason = "what a test stands on panics where it breaks")]

mod cases;
mod encodings;
mod reference;
mod generate;
mod naive;
mod differential;
mod packs;
mod overlays;
mod readme;
mod structure;
mod hostile;
mod cli;
mod tools;
mod exposition;
mod http;
mod files;
mod alerts;
mod prometheus;
mod reload;
mod sim;
mod tailing;
#[cfg(feature = "kafka")]
mod kafka;
#[cfg(feature = "kafka")]
mod on_kafka;
mod proofs;

#[path = "../fuzz/chunks.rs"]
mod fuzz;
#[path = "../fuzz/files.rs"]
mod fuzz_files;
