//! Verdicts → counts.
