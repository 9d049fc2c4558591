//! Our own log: text or JSON on stderr, never on stdout. Values that come from input are logged with `?`, which quotes
//! and escapes them; control characters of messages are escaped by the text form itself. Level and form can be changed
//! while it runs.

use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Layer, Layered, SubscriberExt};
use tracing_subscriber::registry::Registry;
use tracing_subscriber::reload::{self, Handle};
use tracing_subscriber::util::SubscriberInitExt;

use super::output;
use crate::config::{Log, LogFormat, LogLevel};

static IS_JSON: AtomicBool = AtomicBool::new(false);
static HANDLES: OnceLock<Handles> = OnceLock::new();

type Levelled = Layered<reload::Layer<LevelFilter, Registry>, Registry>;
type Form = Box<dyn Layer<Levelled> + Send + Sync>;

struct Handles {
    level: Handle<LevelFilter, Registry>,
    form: Handle<Form, Levelled>,
}

/// Whether everything on stderr is to be JSON.
pub fn is_json() -> bool {
    IS_JSON.load(Ordering::Relaxed)
}

/// To be called once, before anything is logged.
pub fn start(log: &Log) {
    let (level, level_handle) = reload::Layer::new(level(log.level));
    let (form, form_handle) = reload::Layer::new(form(log.format));
    IS_JSON.store(log.format == LogFormat::Json, Ordering::Relaxed);
    // A second start, which only tests could do, keeps the first.
    if tracing_subscriber::registry().with(level).with(form).try_init().is_ok() {
        let _ = HANDLES.set(Handles { level: level_handle, form: form_handle });
    }
}

/// Another level, another form, from the next message on.
pub fn change(log: &Log) {
    let Some(handles) = HANDLES.get() else { return };
    // Refused when the subscriber is gone, which is at the end of the process.
    let _ = handles.level.reload(level(log.level));
    if is_json() != (log.format == LogFormat::Json) {
        let _ = handles.form.reload(form(log.format));
        IS_JSON.store(log.format == LogFormat::Json, Ordering::Relaxed);
    }
}

fn level(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Error => LevelFilter::ERROR,
    }
}

fn form(format: LogFormat) -> Form {
    let layer = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_target(false);
    match format {
        LogFormat::Text => layer.with_ansi(output::wants_colour(&io::stderr())).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    }
}
