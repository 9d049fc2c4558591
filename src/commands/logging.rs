//! Our own log: text or JSON on stderr, never on stdout. Values that come from input are logged with `?`, which quotes
//! and escapes them; control characters of messages are escaped by the text form itself.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing_subscriber::filter::LevelFilter;

use super::output;
use crate::config::{Log, LogFormat, LogLevel};

static IS_JSON: AtomicBool = AtomicBool::new(false);

/// Whether everything on stderr is to be JSON.
pub fn is_json() -> bool {
    IS_JSON.load(Ordering::Relaxed)
}

/// To be called once, before anything is logged.
pub fn start(log: &Log) {
    let level = match log.level {
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Error => LevelFilter::ERROR,
    };
    IS_JSON.store(log.format == LogFormat::Json, Ordering::Relaxed);
    let builder = tracing_subscriber::fmt().with_max_level(level).with_writer(io::stderr).with_target(false);
    // A second start, which only tests could do, keeps the first.
    let _ = match log.format {
        LogFormat::Text => builder.with_ansi(output::wants_colour(&io::stderr())).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
}
