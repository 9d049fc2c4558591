//! The real binary as a user runs it: output, exit codes, signals. Servers take free ports; every wait is for output and
//! has a deadline; only processes of our own are ended.

pub mod process;
mod check;
mod classify;
mod daemon;
mod explain;
mod hostile;
mod paper;
mod scan;
mod state;
mod test;
mod usage;
