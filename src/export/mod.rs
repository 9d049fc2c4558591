//! The truth → the world: exposition text, HTTP.
//!
//! `ask` reads what a request wants with the help of `negotiation`, `exposition` writes it in one of the formats of `format`
//! on `sheets`, `press` lets those who wait share it, `prints` bounds what waits to be fetched, `fetch` is the body that a
//! client takes. `shared` is what the shell, the workers and the server hold in common. `routes` knows which path is whose,
//! `page` is the landing page, `http` answers a request, `connection` notes how far each client is, `places` decides who
//! gives way when there are too many, `listen` serves. No request can stop the scan.

mod format;
mod negotiation;
mod ask;
mod sheets;
mod exposition;
mod prints;
mod press;
mod fetch;
mod shared;
mod page;
mod connection;
mod places;
mod routes;
mod http;
mod listen;

pub use ask::{Ask, Filter};
pub use exposition::{View, encode_ledger, encode_telemetry, render};
pub use fetch::{AnswerBody, Receipt};
pub use format::Format;
pub use listen::{Limits, Listeners, bind, serve, serve_with};
pub use routes::{Lifecycle, Web, check_telemetry_path};
pub use shared::{Answer, Check, Shared, Ticket, Unrendered};
