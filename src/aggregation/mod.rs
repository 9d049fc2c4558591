//! Verdicts → counts: a [`Tally`] adds up what attribution says of each record and hands it over as one
//! [`crate::event::Delta`] a tick.
//!
//! `label` makes any text fit to be a label value, `tally` counts. Knows no clock and no ledger: which tenants get a
//! series of their own is decided once, in the ledger; here only the memory of one tick is bounded.

mod label;
mod tally;
#[cfg(test)]
mod tests;

pub use label::{LABEL_BYTES_MAX, clean_name, clean_tenant};
pub use tally::{Limits, Tally};
