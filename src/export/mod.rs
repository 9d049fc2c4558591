//! The truth → the world: exposition text, HTTP.
//!
//! `exposition` writes the text format 0.0.4, `shared` is what the shell, the workers and the server hold in common,
//! `http` listens and answers, `connection` keeps slow clients from holding a place, `page` is the landing page.
//! Reads the ledger and never changes it; no request can stop the scan.

mod exposition;
mod shared;
mod page;
mod connection;
mod http;

pub use exposition::{CONTENT_TYPE, encode_ledger, render};
pub use http::{Limits, Listeners, bind, serve, serve_with};
pub use shared::Shared;
