//! The one integration binary: cases are files under `tests/cases`, servers are real.

mod cases;
mod exposition;
mod http;
mod reference;
mod generate;
mod differential;
