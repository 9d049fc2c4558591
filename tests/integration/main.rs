//! The one integration binary: cases are files under `tests/cases`, servers are real.

#![expect(clippy::unwrap_used, reason = "what a test stands on panics where it breaks")]

mod cases;
mod cli;
mod exposition;
mod http;
mod packs;
mod readme;
mod structure;

#[path = "../fuzz/chunks.rs"]
mod fuzz;
