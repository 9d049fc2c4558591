//! The shell: threads, signals, shutdown.
