//! The one integration binary: cases are files under `tests/cases`, servers are real.

mod cases;
mod encodings;
mod exposition;
mod http;
