//! The one integration binary: cases are files under `tests/cases`, servers are real.

mod exposition;
mod http;
