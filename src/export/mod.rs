//! The truth → the world: exposition text, HTTP.
//!
//! `ask` reads what a request wants with the help of `negotiation`, `exposition` writes it in one of the formats of `format`
//! on `sheets`, `press` lets those who wait share it, `held` bounds what is kept of it, `fetch` is the body that a client
//! takes. `shared` is what the shell, the workers and the server hold in common, `http` listens and answers,
//! `connection` keeps slow clients from holding a place, `page` is the landing page. No request can stop the scan.

mod format;
mod negotiation;
mod ask;
mod sheets;
mod exposition;
mod press;
mod held;
mod fetch;
mod shared;
mod page;
mod connection;
mod http;

pub use ask::{Ask, Filter};
pub use exposition::{View, encode_ledger, render};
pub use fetch::Body;
pub use format::Format;
pub use http::{Limits, Listeners, bind, serve, serve_with};
pub use shared::{Answer, Shared, Unrendered};
