//! Deltas → the truth that is exposed.
