//! Bytes → records: line bounds, wrappers, stack traces as one event.
