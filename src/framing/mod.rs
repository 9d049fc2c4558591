//! Bytes → records: line bounds, wrappers, stack traces as one event.
//!
//! Pure functions over `&[u8]`, called around a hit only. [`events`] says which lines belong together, [`wrappers`]
//! takes off what CRI, docker and syslog put around a line, [`time`] says when a line was written. Nothing here knows
//! where the bytes come from or what is looked for in them; nothing panics or stalls on any input.

pub mod lines;
mod ansi;
mod stamp;
mod levels;
mod cri;
mod docker;
mod syslog;
pub mod wrappers;
pub mod time;
mod shapes;
mod starts;
pub mod events;
pub mod json;
pub mod messages;
#[cfg(test)]
mod traces;
#[cfg(test)]
mod tests;

pub use events::{Limits, complete_to, event_around, resume_at};
pub use lines::{count_lines, line_around, line_end, line_start};
pub use messages::{Wrapping, unwrap_message};
pub use starts::{Start, Tail, starts_at};
pub use time::timestamp;
pub use wrappers::{Unwrapped, Wrapper, layers, record, unwrap_line};
