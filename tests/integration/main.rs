//! The one integration binary: cases are files under `tests/cases`, servers are real.

mod reference;
mod differential;
