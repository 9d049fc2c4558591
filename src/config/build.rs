//! Settings → built parts: reads the configuration and the rule directories, compiles the engine.

use std::path::Path;
use std::sync::Arc;

use super::read::{self, Kind};
use super::{Flags, Settings, include};
use crate::catalogue::diagnostic::{Diagnostic, Diagnostics};
use crate::catalogue::load::{self, RuleFile};
use crate::catalogue::{self, builtin};
use crate::event::Origin;
use crate::ledger::{self, Ledger};
use crate::pipeline::{Engine, Join, Options, Times};

/// The settings of the file that the flags name and of what it includes, or the defaults; then the flags on top. Paths
/// that a file names are relative to that file.
pub fn load(flags: &Flags) -> anyhow::Result<Settings> {
    let settings = match &flags.config_file {
        None => Settings::default(),
        Some(path) => {
            let loaded = include::load(path);
            refuse("configuration", loaded.errors)?;
            loaded.settings
        }
    };
    Ok(settings.overridden_by(flags))
}

fn refuse(what: &'static str, findings: Vec<Diagnostic>) -> anyhow::Result<()> {
    if findings.is_empty() { Ok(()) } else { Err(refusal(what, Diagnostics::new(findings))) }
}

fn refusal(what: &'static str, findings: Diagnostics) -> anyhow::Error {
    Refused { what, findings }.into()
}

/// Files that cannot be used. The findings come first, so that the first line names a place, and then what came of it.
#[derive(Debug)]
pub struct Refused {
    what: &'static str,
    pub findings: Diagnostics,
}

impl Refused {
    pub fn consequence(&self) -> String {
        format!("the {} cannot be used; nothing was started", self.what)
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.findings, self.consequence())
    }
}

impl std::error::Error for Refused {}

/// The engine of the built-in packs and of the rule files in `rules.dirs`.
pub fn build_engine(settings: &Settings) -> anyhow::Result<Arc<Engine>> {
    let mut findings = Vec::new();
    let added = read_rules(settings, &mut findings);
    refuse("rules", findings)?;
    let rules = load::load(builtin::files(), &added).map_err(|found| refusal("rules", found))?;
    Ok(Arc::new(Engine::new(catalogue::compile(&rules))))
}

/// The rule files of all directories; what cannot be read is said, all at once.
fn read_rules(settings: &Settings, findings: &mut Vec<Diagnostic>) -> Vec<RuleFile> {
    let mut files = Vec::new();
    for dir in &settings.rules.dirs {
        match read::rule_paths(dir) {
            Ok(paths) => paths.iter().for_each(|path| match read::text(path, Kind::Regular) {
                Ok(file) => files.push(file),
                Err(found) => findings.extend(found.into_vec()),
            }),
            Err(found) => findings.extend(found.into_vec()),
        }
    }
    files
}

impl Settings {
    /// What a pipeline needs to know for one source. `path` is the file that the operator may have mapped.
    pub fn pipeline(&self, source: &str, path: Option<&Path>, join: Join, times: Times) -> Options {
        Options {
            join,
            times,
            line_bytes_max: self.limits.line_bytes_max,
            event_lines_max: self.limits.event_lines_max,
            origin: Origin { path: path.map(|path| path.to_string_lossy().into_owned()), topic: None },
            ..Options::new(source.into())
        }
    }

    /// Empty books: every known provider and category at 0.
    pub fn ledger(&self, engine: &Engine) -> Ledger {
        Ledger::new(self.ledger_limits(), engine.catalogue.info.clone())
    }

    pub fn ledger_limits(&self) -> ledger::Limits {
        ledger::Limits {
            tenants_max: self.limits.tenants_max,
            series_max: self.limits.series_max,
            sources_max: self.limits.sources_max,
        }
    }
}
