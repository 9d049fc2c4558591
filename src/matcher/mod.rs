//! Chunk → hits: prefilter, then verify.
