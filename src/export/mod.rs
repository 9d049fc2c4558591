//! The truth → the world: exposition text, HTTP.
//!
//! `exposition` writes the text format 0.0.4, `shared` is what the shell, the workers and the server hold in common,
//! `routes` knows which path is whose, `page` is the landing page, `http` answers a request, `connection` keeps slow clients
//! from holding a place, `listen` serves. Reads the ledger and never changes it; no request can stop the scan.

mod exposition;
mod shared;
mod page;
mod connection;
mod routes;
mod http;
mod listen;

pub use exposition::{CONTENT_TYPE, encode_ledger, render};
pub use listen::{Limits, Listeners, bind, serve, serve_with};
pub use routes::{Lifecycle, Web, check_telemetry_path};
pub use shared::Shared;
