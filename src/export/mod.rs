//! The truth → the world: exposition text, HTTP.
