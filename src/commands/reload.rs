//! What one reload does: the configuration file and the rule directories are read again, everything is built beside what
//! is in effect, and only when all of it holds is it put in place. Used by `run` and `demo`; `daemon` says when.

use std::sync::Arc;
use std::time::Instant;

use super::logging;
use super::output::{complain, counted, say};
use crate::config::{self, Changes, Flags, Settings};
use crate::daemon::{Reload, Reloaded};
use crate::export::Shared;
use crate::worker::EngineSlot;

/// A job for the daemon. `in_effect` is what it was started with; what `flags` say beats the file each time.
pub(super) fn job(
    flags: Flags,
    in_effect: Settings,
    shared: Arc<Shared>,
    engines: Arc<EngineSlot>,
) -> Reload {
    let mut in_effect = in_effect;
    Box::new(move || {
        let outcome = reload(&flags, &mut in_effect, &shared, &engines);
        match &outcome {
            Ok(report) => say(format_args!("{report}")),
            Err(why) => complain(format_args!("{why}")),
        }
        outcome
    })
}

fn reload(flags: &Flags, in_effect: &mut Settings, shared: &Shared, engines: &EngineSlot) -> Reloaded {
    let begun = Instant::now();
    let failed = |why: anyhow::Error| format!("not reloaded, what was in effect stays: {why:#}");
    let (next, warnings) = config::load_again(flags).map_err(failed)?;
    let engine = config::build_engine(&next).map_err(failed)?;
    // From here on nothing fails.
    let changes = in_effect.changes(&next);
    let code_book = engine.catalogue.info.clone();
    let codes = code_book.len();
    warnings.iter().for_each(super::output::warn);
    // First the books, so that they know each code that the new engine can find and have the room for it.
    let mut ledger = shared.ledger();
    ledger.relimit(next.ledger_limits());
    ledger.recatalogue(code_book, &config::catalogue_info(&engine));
    drop(ledger);
    engines.swap(engine);
    logging::change(&next.log);
    *in_effect = in_effect.clone().adopting(next);
    Ok(report(codes, &changes, begun))
}

fn report(codes: usize, changes: &Changes, begun: Instant) -> String {
    let codes = counted(codes as u64, "code", "codes");
    let mut text = format!("reloaded in {} ms: {codes} known", begun.elapsed().as_millis());
    if !changes.at_once.is_empty() {
        text.push_str(&format!("; changed: {}", changes.at_once.join(", ")));
    }
    for name in &changes.at_restart {
        text.push_str(&format!("; {name} needs a restart"));
    }
    text
}
