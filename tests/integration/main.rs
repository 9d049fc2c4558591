//! The one integration binary: cases are files under `tests/cases`, servers are real.

mod cases;
mod cli;
mod exposition;
mod http;
