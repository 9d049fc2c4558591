//! The flags: the only file that knows the argument parser.
