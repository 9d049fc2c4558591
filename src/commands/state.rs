//! `state`: what a state directory holds, as a page or as JSON, and the way to forget it. Looking writes nothing and may
//! be done beside a daemon; forgetting may not.

#[cfg(feature = "kafka")]
mod partitions;

use std::collections::BTreeMap;
use std::io::{self, BufRead, IsTerminal, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::escape::Escaped;
use super::output::{bytes, complain, counted, grouped, say, time};
use super::table::{Align, Heading, render};
use super::{Exit, Outcome, Trouble};
use crate::config::Settings;
use crate::event::Millis;
use crate::ledger::store::{self, Look, LookedError};
use crate::ledger::{Recovery, Store, StoreError};
use crate::source::packing::Packing;
use crate::source::tail::{Position, Stage};
use crate::world::Disk;

/// Of what `export` writes: grows when a key goes away or changes its meaning, not when one is added.
const EXPORT_VERSION: u32 = 1;

/// Files of the page; `export` has all.
const FILES_SHOWN: usize = 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Show,
    Export,
    Reset {
        /// Nobody has to be asked.
        is_sure: bool,
    },
}

pub fn run(settings: &Settings, action: Action) -> Outcome {
    let Some(directory) = &settings.state.dir else {
        return Err(Trouble::not_started(
            "no state directory is named; give --state.dir, or a configuration that says state.dir",
        ));
    };
    match action {
        Action::Show => show(directory),
        Action::Export => export(directory),
        Action::Reset { is_sure } => reset(directory, is_sure),
    }
}

/// The store of a daemon, if it has one. Reads what is there and holds the directory from now on.
pub(super) fn open(settings: &Settings) -> Result<Option<Store>, Trouble> {
    let Some(directory) = &settings.state.dir else {
        say(format_args!("no state directory is named: counts and positions live in memory only"));
        return Ok(None);
    };
    let store = Store::open(std::sync::Arc::new(Disk), directory).map_err(refused)?;
    report(store.recovery());
    Ok(Some(store))
}

/// At once: what could not be used is set aside by now, and a start that fails for another reason would be the last one
/// to know.
fn report(recovery: &Recovery) {
    for damage in &recovery.damage {
        tracing::error!("damaged state: {damage}");
    }
    match recovery.generation {
        Some(generation) => {
            tracing::info!(
                generation,
                commits = recovery.records,
                torn = recovery.torn,
                "going on with the state"
            );
        }
        None if recovery.damage.is_empty() => tracing::info!("there is no state yet; starting with none"),
        None => tracing::error!("no state can be used; everything is counted from 0"),
    }
}

/// Why a state directory cannot be used and what may help.
pub(super) fn refused(error: StoreError) -> Trouble {
    let hint = match &error {
        StoreError::Held { .. } => "stop that one first, or name another directory with --state.dir",
        StoreError::NotPrivate { .. } => {
            "it has to be a directory of mode 0700 (systemd: StateDirectoryMode=0700), of the user that runs this, no link"
        }
        StoreError::Nothing { .. } => "a daemon makes it: faultline run --state.dir DIR",
        StoreError::Unusable { .. } => "the next start of a daemon sets such files aside and begins anew",
        StoreError::Failed { source, .. } => hint_of(source.kind()),
    };
    Trouble::not_started(format_args!("state directory {}\nhint: {hint}", escaped(&error.to_string())))
}

fn hint_of(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::PermissionDenied => {
            "it has to belong to the user that runs this: install -d -m 700 -o USER DIR"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "make room there, or name a directory elsewhere with --state.dir"
        }
        io::ErrorKind::ReadOnlyFilesystem => "name a directory that can be written to with --state.dir",
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            "directories above it are made where that is possible; is the path right?"
        }
        _ => "where that cannot be mended, name another directory with --state.dir",
    }
}

fn escaped(text: &str) -> String {
    Escaped(text.as_bytes()).to_string()
}

fn shown(path: &Path) -> String {
    Escaped(path.as_os_str().as_bytes()).to_string()
}

fn show(directory: &Path) -> Outcome {
    let look = store::look(&Disk, directory).map_err(refused)?;
    let mut out = io::stdout().lock();
    out.write_all(page(directory, &look, Heading::for_stream(&io::stdout())).as_bytes())?;
    Ok(verdict(&look))
}

#[derive(Serialize)]
struct Export<'l> {
    version: u32,
    directory: String,
    #[serde(flatten)]
    look: &'l Look,
    positions: Vec<ExportedPosition>,
    #[cfg(feature = "kafka")]
    partitions: Vec<partitions::Partition>,
}

#[derive(Serialize)]
struct ExportedPosition {
    source: String,
    path: String,
    offset: u64,
    length: u64,
    stage: &'static str,
}

fn export(directory: &Path) -> Outcome {
    let mut look = store::look(&Disk, directory).map_err(refused)?;
    // JSON has no other names.
    look.path = PathBuf::from(look.path.to_string_lossy().into_owned());
    let positions = positions(&look).into_iter().map(|(source, position)| ExportedPosition {
        source,
        path: position.path.to_string_lossy().into_owned(),
        offset: position.offset,
        length: position.len,
        stage: stage(&position),
    });
    let positions = positions.collect();
    let directory = directory.to_string_lossy().into_owned();
    let export = Export {
        version: EXPORT_VERSION,
        directory,
        look: &look,
        positions,
        #[cfg(feature = "kafka")]
        partitions: partitions::of(&look),
    };
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &export).map_err(io::Error::from)?;
    out.write_all(b"\n")?;
    Ok(verdict(&look))
}

/// Of files, by source; what else is kept beside the counts is its owner's alone.
fn positions(look: &Look) -> Vec<(String, Position)> {
    let position = |(key, value): (&str, &[u8])| {
        let (source, _) = key.strip_prefix("tail/")?.rsplit_once('/')?;
        Some((source.to_owned(), Position::read(source, key, value)?))
    };
    look.ledger.marks("tail/").filter_map(position).collect()
}

fn stage(position: &Position) -> &'static str {
    match position.stage {
        Stage::Open | Stage::Renamed => "open",
        Stage::Done => "done",
        Stage::Copy(_) => "copy",
        Stage::Cut => "cut off",
    }
}

/// Damage is shown where people look, and told to programs.
fn verdict(look: &Look) -> Exit {
    for damage in &look.damage {
        complain(format_args!("damaged state: {}", escaped(damage)));
    }
    if look.damage.is_empty() { Exit::Done } else { Exit::Failed }
}

fn reset(directory: &Path, is_sure: bool) -> Outcome {
    let at = shown(directory);
    if !is_sure && !is_confirmed(&at)? {
        return Ok(Exit::Failed);
    }
    match store::reset(&Disk, directory).map_err(refused)? {
        0 => say(format_args!("{at}: there is no state; nothing was removed")),
        removed => say(format_args!(
            "{at}: {} removed; the next start counts from 0 and knows no position",
            counted(removed as u64, "file was", "files were")
        )),
    }
    Ok(Exit::Done)
}

fn is_confirmed(at: &str) -> Result<bool, Trouble> {
    if !io::stdin().is_terminal() {
        return Err(Trouble::not_started(format_args!(
            "{at}: all counts and positions would be forgotten; --yes says that this is meant"
        )));
    }
    write!(io::stderr(), "faultline: forget all counts and positions in {at}? [y/N] ")?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    let is_confirmed = matches!(answer.trim(), "y" | "Y" | "yes");
    if !is_confirmed {
        say(format_args!("{at}: nothing was removed"));
    }
    Ok(is_confirmed)
}

fn page(directory: &Path, look: &Look, heading: Heading) -> String {
    let (totals, positions) = (&look.totals, positions(look));
    let file = look.path.file_name().map(Path::new).map(shown).unwrap_or_default();
    let mut text = format!(
        "directory    {}\nledger       {}, generation {}\nfile         {file}, {} good, {}\nlast commit  {} UTC\n\
         read         {} ({}): {} of known providers, {}; {} ambiguous, {} foreign\npositions    {}\n",
        shown(directory),
        look.id,
        look.generation,
        bytes(look.bytes),
        counted(look.records, "commit since its snapshot", "commits since its snapshot"),
        time(look.written_at.map(Millis)),
        counted(totals.lines, "line", "lines"),
        bytes(totals.bytes),
        counted(totals.errors, "error", "errors"),
        counted(totals.tenants, "tenant", "tenants"),
        grouped(totals.ambiguous),
        grouped(totals.foreign),
        counted(positions.len() as u64, "file", "files"),
    );
    for damage in &look.damage {
        text.push_str(&format!("DAMAGED      {}\n", escaped(damage)));
    }
    for name in &look.set_aside {
        text.push_str(&format!("set aside    {}\n", escaped(name)));
    }
    if !look.errors.is_empty() {
        text.push('\n');
        text.push_str(&providers(&look.errors, heading));
    }
    if !look.sources.is_empty() {
        text.push('\n');
        text.push_str(&sources(look, heading));
    }
    if !positions.is_empty() {
        text.push('\n');
        text.push_str(&files(positions, heading));
    }
    #[cfg(feature = "kafka")]
    {
        let partitions = partitions::of(look);
        if !partitions.is_empty() {
            text.push('\n');
            text.push_str(&partitions::page(&partitions, heading));
        }
    }
    text
}

/// Bytes that were there at the last look and are not counted; what a compressed file unpacks to is not known.
fn behind(position: &Position) -> Option<u64> {
    let is_known = position.packing == Packing::Plain && position.stage == Stage::Open;
    is_known.then(|| position.len.saturating_sub(position.offset))
}

/// The files that are furthest behind.
fn files(mut positions: Vec<(String, Position)>, heading: Heading) -> String {
    let number = positions.len();
    positions.sort_by_key(|(_, position)| std::cmp::Reverse(behind(position)));
    let columns = [
        ("file", Align::Left),
        ("source", Align::Left),
        ("position", Align::Right),
        ("behind", Align::Right),
        ("stage", Align::Left),
    ];
    let rows = positions.iter().take(FILES_SHOWN).map(|(source, position)| {
        vec![
            shown(&position.path),
            escaped(source),
            grouped(position.offset),
            behind(position).map_or("-".to_owned(), bytes),
            stage(position).to_owned(),
        ]
    });
    let mut text = render(&columns, rows, heading);
    if number > FILES_SHOWN {
        text.push_str(&format!("and {} more, none further behind\n", grouped((number - FILES_SHOWN) as u64)));
    }
    text
}

fn providers(errors: &[LookedError], heading: Heading) -> String {
    #[derive(Default)]
    struct Row {
        count: u64,
        codes: u64,
        first: Option<i64>,
        last: Option<i64>,
    }
    let mut providers: BTreeMap<&str, Row> = BTreeMap::new();
    for error in errors.iter().filter(|error| error.seen.count > 0) {
        let row = providers.entry(&error.provider).or_default();
        row.count = row.count.saturating_add(error.seen.count);
        row.codes += 1;
        row.first = row.first.into_iter().chain(error.seen.first).min();
        row.last = row.last.max(error.seen.last);
    }
    let columns = [
        ("provider", Align::Left),
        ("errors", Align::Right),
        ("codes", Align::Right),
        ("first", Align::Left),
        ("last", Align::Left),
    ];
    let rows = providers.iter().map(|(provider, row)| {
        let times = [row.first, row.last].map(|at| time(at.map(Millis)));
        let [first, last] = times;
        vec![escaped(provider), grouped(row.count), grouped(row.codes), first, last]
    });
    render(&columns, rows, heading)
}

fn sources(look: &Look, heading: Heading) -> String {
    let columns = [
        ("source", Align::Left),
        ("lines", Align::Right),
        ("read", Align::Right),
        ("matched", Align::Right),
        ("lost", Align::Right),
        ("rotations", Align::Right),
        ("truncations", Align::Right),
        ("last event", Align::Left),
    ];
    let rows = look.sources.iter().map(|source| {
        vec![
            escaped(&source.name),
            grouped(source.lines),
            bytes(source.bytes),
            grouped(source.matched),
            bytes(source.lost_bytes),
            grouped(source.rotations),
            grouped(source.truncations),
            time(source.last_event.map(Millis)),
        ]
    });
    render(&columns, rows, heading)
}
