//! [`Settings`] → the text of a configuration file that gives the same settings again, whole: defaults are written out.
//!
//! What is written is read back before it is given out, so that a setting that no file can say (a path that is no text)
//! is an error and never a file that says something else. Secrets are not written: what stands in the environment or in
//! a file is named as it was, what stood in the text is `***`, which no configuration may say.

mod kafka;

use std::fmt::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow};

use super::{
    FilesSetting, Limits, Log, LogFormat, LogLevel, Rules, Settings, SourceFrom, SourceSetting, State, Web,
};
use crate::ledger::{Exposure, Preinit, ZeroFirst};
use kafka::Shown;

/// The text. Paths come out absolute, so that the file can stand anywhere; reads the working directory for that.
pub fn print(settings: &Settings) -> anyhow::Result<String> {
    let settings = with_absolute_paths(settings.clone())?;
    let whole = text(&settings, Shown::Whole)?;
    match super::parse("the printed configuration", &whole) {
        Ok(read) if read == settings => text(&settings, Shown::Redacted),
        Ok(_) => Err(anyhow!("these settings cannot be written as a configuration file")),
        Err(findings) => Err(anyhow!("these settings cannot be written as a configuration file\n{findings}")),
    }
}

fn with_absolute_paths(settings: Settings) -> anyhow::Result<Settings> {
    let here = std::env::current_dir().context("the working directory")?;
    let mut settings = settings.seen_from(&here);
    let make_absolute = |path: &mut PathBuf| -> anyhow::Result<()> {
        *path = std::path::absolute(&*path).with_context(|| format!("{path:?}"))?;
        Ok(())
    };
    settings.state.dir.iter_mut().chain(&mut settings.rules.dirs).try_for_each(make_absolute)?;
    Ok(settings)
}

fn text(settings: &Settings, shown: Shown) -> anyhow::Result<String> {
    let Settings { log, web, metrics, sources, state, limits, rules } = settings;
    let mut text = String::from("# The settings in effect: file, flags and defaults. Paths are absolute.\n");
    if shown == Shown::Redacted && kafka::has_secret(sources) {
        text.push_str("# A secret is not shown: write it as ${NAME} or {file: path} where *** stands.\n");
    }
    write_log(&mut text, log)?;
    write_web(&mut text, web)?;
    write_metrics(&mut text, metrics)?;
    write_sources(&mut text, sources, shown)?;
    write_state(&mut text, state)?;
    write_limits(&mut text, limits)?;
    let Rules { dirs } = rules;
    write!(text, "\nrules:\n  dirs:")?;
    list(&mut text, dirs, |dir| Ok(quoted(utf8(dir)?)))?;
    Ok(text)
}

fn write_log(text: &mut String, Log { level, format }: &Log) -> fmt::Result {
    let level = match level {
        LogLevel::Debug => "debug",
        LogLevel::Info => "info",
        LogLevel::Warn => "warn",
        LogLevel::Error => "error",
    };
    let format = match format {
        LogFormat::Text => "text",
        LogFormat::Json => "json",
    };
    write!(text, "\nlog:\n  level: {level}\n  format: {format}\n")
}

fn write_web(text: &mut String, web: &Web) -> anyhow::Result<()> {
    let Web { listen_addresses, telemetry_path, enable_lifecycle, openmetrics_created, linger } = web;
    write!(text, "\nweb:\n  listen_addresses:")?;
    list(text, listen_addresses, |address| Ok(quoted(&address.to_string())))?;
    writeln!(text, "  telemetry_path: {}", quoted(telemetry_path))?;
    writeln!(text, "  enable_lifecycle: {enable_lifecycle}\n  openmetrics_created: {openmetrics_created}")?;
    Ok(writeln!(text, "  linger: {}", quoted(&duration(*linger)))?)
}

fn write_metrics(text: &mut String, Exposure { zero_first, preinit }: &Exposure) -> fmt::Result {
    let zero_first = match zero_first {
        ZeroFirst::Scrapers => "scrapers",
        ZeroFirst::Always => "always",
        ZeroFirst::Never => "never",
    };
    let preinit = match preinit {
        Preinit::Categories => "categories",
        Preinit::Codes => "codes",
    };
    write!(text, "\nmetrics:\n  zero_first: {zero_first}\n  preinit: {preinit}\n")
}

fn write_sources(text: &mut String, sources: &[SourceSetting], shown: Shown) -> anyhow::Result<()> {
    write!(text, "\n# None is standard input.\nsources:")?;
    list(text, sources, |SourceSetting { name, from }| {
        Ok(match from {
            SourceFrom::Stdin if name == "stdin" => "{stdin: true}".to_owned(),
            SourceFrom::Stdin => format!("{{stdin: true, name: {}}}", quoted(name)),
            SourceFrom::Files(setting) => files(name, setting)?,
            SourceFrom::Kafka(setting) => kafka::kafka(name, setting, shown)?,
        })
    })
}

fn files(name: &str, setting: &FilesSetting) -> anyhow::Result<String> {
    let FilesSetting { include, exclude, start, rotate_wait, partial_timeout } = setting;
    let globs = |globs: &[PathBuf]| -> anyhow::Result<String> {
        let globs: Vec<String> =
            globs.iter().map(|glob| Ok(quoted(utf8(glob)?))).collect::<anyhow::Result<_>>()?;
        Ok(format!("[{}]", globs.join(", ")))
    };
    let indent = "\n      ";
    Ok([
        format!("name: {}", quoted(name)),
        match &include[..] {
            [one] => format!("file: {}", quoted(utf8(one)?)),
            several => format!("files: {}", globs(several)?),
        },
        format!("exclude: {}", globs(exclude)?),
        format!("start: {}", start.name()),
        format!("rotate_wait: {}", quoted(&duration(*rotate_wait))),
        format!(
            "partial_timeout: {}",
            partial_timeout.map_or("\"off\"".to_owned(), |time| quoted(&duration(time)))
        ),
    ]
    .join(indent))
}

fn write_state(text: &mut String, State { dir }: &State) -> anyhow::Result<()> {
    match dir {
        None => {
            writeln!(text, "\n# Without a directory, counts and positions live in memory only.\nstate: {{}}")?
        }
        Some(dir) => writeln!(text, "\nstate:\n  dir: {}", quoted(utf8(dir)?))?,
    }
    Ok(())
}

fn write_limits(text: &mut String, limits: &Limits) -> fmt::Result {
    let Limits {
        line_bytes_max,
        event_lines_max,
        tenants_max,
        series_max,
        sources_max,
        open_files_max,
        expansion_ratio_max,
    } = limits;
    writeln!(text, "\nlimits:\n  line_bytes_max: {}", size(*line_bytes_max))?;
    writeln!(text, "  event_lines_max: {event_lines_max}\n  tenants_max: {tenants_max}")?;
    writeln!(text, "  series_max: {series_max}\n  sources_max: {sources_max}")?;
    writeln!(text, "  open_files_max: {open_files_max}\n  expansion_ratio_max: {expansion_ratio_max}")
}

/// Behind a key that ends with its colon.
fn list<T>(
    text: &mut String,
    items: &[T],
    item: impl Fn(&T) -> anyhow::Result<String>,
) -> anyhow::Result<()> {
    if items.is_empty() {
        text.push_str(" []");
    }
    for one in items {
        write!(text, "\n    - {}", item(one)?)?;
    }
    text.push('\n');
    Ok(())
}

fn utf8(path: &Path) -> anyhow::Result<&str> {
    path.to_str().ok_or_else(|| anyhow!("{path:?} is not UTF-8 and cannot stand in a configuration file"))
}

/// A double-quoted YAML scalar of printable ASCII and what else is a letter to people.
fn quoted(value: &str) -> String {
    let mut text = String::from("\"");
    for c in value.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            ' '..='~' => text.push(c),
            c if c.is_alphanumeric() => text.push(c),
            c => text.push_str(&format!("\\U{:08X}", u32::from(c))),
        }
    }
    text.push('"');
    text
}

fn size(bytes: usize) -> String {
    match bytes {
        _ if bytes > 0 && bytes.is_multiple_of(1 << 20) => format!("{}MiB", bytes >> 20),
        _ if bytes > 0 && bytes.is_multiple_of(1 << 10) => format!("{}KiB", bytes >> 10),
        _ => bytes.to_string(),
    }
}

fn duration(duration: Duration) -> String {
    match jiff::SignedDuration::try_from(duration) {
        Ok(duration) => format!("{duration:#}"),
        // Beyond what a file can say; reading it back tells.
        Err(_) => format!("{}s", duration.as_secs()),
    }
}
