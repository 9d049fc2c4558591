//! Counters of the process's own life, with fixed labels; never of what was read, that is in the Delta.
