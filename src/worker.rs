//! One source, one pipeline, the tick.
