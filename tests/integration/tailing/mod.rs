//! The tail against a machine in memory: what is written, rotated, cut off and crashed is counted line by line, and every
//! line has to come out exactly once.
//!
//! `lines` is a sink that knows lines and nothing else, and the ledger of such a tail: what was delivered is committed
//! later, and a crash takes back what was not. `random` plays writers and rotations from a seed, `cases` are the fifty
//! faults that every tail has to stand.

mod lines;
mod random;
mod unseen;
mod cases;
mod exact;
