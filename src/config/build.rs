//! Settings → built parts: reads the configuration and the rule directories, compiles the engine.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;

use super::read::{self, Kind};
use super::{Flags, Settings, include};
use crate::catalogue::diagnostic::{Diagnostic, Diagnostics};
use crate::catalogue::load::{self, RuleFile, Rules};
use crate::catalogue::{self, Catalogue, builtin};
use crate::ledger::{self, CatalogueInfo, Known, Ledger, WorstCase};
use crate::pipeline::{Engine, Join, Options, Times};
use crate::source::kafka::Build;

/// The settings of the file that the flags name and of what it includes, or the defaults; then the flags on top. Paths
/// that a file names are relative to that file. Also what is no mistake for certain, for people.
pub fn load(flags: &Flags) -> anyhow::Result<(Settings, Vec<Diagnostic>)> {
    load_from(flags, Kind::Any)
}

/// The same once more. A pipe has been read already, and an empty file is one that somebody is about to write: neither
/// means that the defaults are wanted now.
pub fn load_again(flags: &Flags) -> anyhow::Result<(Settings, Vec<Diagnostic>)> {
    let (settings, warnings) = load_from(flags, Kind::Regular)?;
    match flags.config_file.as_deref().map(|path| (path, std::fs::metadata(path))) {
        Some((path, Ok(metadata))) if metadata.len() == 0 => {
            let hint = "write a file beside it and rename that into place";
            let finding = read::about(path, "the file is empty".to_owned()).with_hint(Some(hint.to_owned()));
            Err(refusal("configuration", finding.into()))
        }
        _ => Ok((settings, warnings)),
    }
}

fn load_from(flags: &Flags, kind: Kind) -> anyhow::Result<(Settings, Vec<Diagnostic>)> {
    let (settings, warnings) = match &flags.config_file {
        None => Default::default(),
        Some(path) => {
            let loaded = include::load(path, kind);
            refuse("configuration", loaded.errors)?;
            (loaded.settings, loaded.warnings)
        }
    };
    if let Some((what, hint)) = flags.kafka_source.as_ref().and_then(|kafka| Build::THIS.lack(kafka)) {
        anyhow::bail!("{what}\nhint: {hint}");
    }
    let here = std::env::current_dir().context("the working directory")?;
    Ok((settings.overridden_by(flags).seen_from(&here), warnings))
}

fn refuse(what: &'static str, findings: Vec<Diagnostic>) -> anyhow::Result<()> {
    if findings.is_empty() { Ok(()) } else { Err(refusal(what, Diagnostics::new(findings))) }
}

fn refusal(what: &'static str, findings: Diagnostics) -> anyhow::Error {
    Refused { what, findings }.into()
}

/// Files that cannot be used. The findings come first, so that the first line names a place.
#[derive(Debug)]
pub struct Refused {
    what: &'static str,
    pub findings: Diagnostics,
}

impl Refused {
    pub fn consequence(&self) -> String {
        format!("the {} cannot be used", self.what)
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
    let rules = load_rules(&read_rules(&settings.rules.dirs)?)?;
    Ok(Arc::new(Engine::new(catalogue::compile(&rules))))
}

/// The built-in packs with `added` over them.
pub fn load_rules(added: &[RuleFile]) -> anyhow::Result<Rules> {
    load::load(builtin::files(), added).map_err(|found| refusal("rules", found))
}

/// The rule files of all directories. All that cannot be read is said at once.
pub fn read_rules(dirs: &[PathBuf]) -> anyhow::Result<Vec<RuleFile>> {
    let mut findings = Vec::new();
    let mut files = Vec::new();
    for dir in dirs {
        match read::rule_paths(dir) {
            Ok(paths) => paths.iter().for_each(|path| match read::text(path, Kind::Regular) {
                Ok(file) => files.push(file),
                Err(found) => findings.extend(found.into_vec()),
            }),
            Err(found) => findings.extend(found.into_vec()),
        }
    }
    refuse("rules", findings)?;
    Ok(files)
}

/// Which rules an engine has; the version is the program's, as that of the rules in it.
pub fn catalogue_info(engine: &Engine) -> CatalogueInfo {
    CatalogueInfo { version: env!("CARGO_PKG_VERSION").into(), sha256: engine.catalogue.sha256.clone() }
}

fn known(catalogue: &Catalogue) -> Known {
    let unknown: HashSet<_> = catalogue.syntaxes.iter().map(|syntax| syntax.provider).collect();
    let errors: HashSet<_> =
        catalogue.rules.iter().map(|rule| (rule.provider, &rule.category, &rule.code)).collect();
    let codes: HashSet<_> = catalogue.rules.iter().map(|rule| (rule.provider, &rule.code)).collect();
    let texts = catalogue.rules.iter().flat_map(|rule| std::iter::once(&rule.code).chain(&rule.wire));
    Known {
        providers: catalogue.providers.len(),
        categories: catalogue.providers.iter().map(|provider| provider.categories.len()).sum(),
        errors: errors.len(),
        codes: codes.len(),
        unknown: unknown.len(),
        open: texts.collect::<HashSet<_>>().len(),
    }
}

impl Settings {
    /// What a pipeline needs to know for one source; of what file it is, is not known here.
    pub fn pipeline(&self, source: &str, join: Join, times: Times) -> Options {
        Options {
            join,
            times,
            line_bytes_max: self.limits.line_bytes_max,
            event_lines_max: self.limits.event_lines_max,
            ..Options::new(source.into())
        }
    }

    /// Empty books: every known provider and category at 0.
    pub fn ledger(&self, engine: &Engine) -> Ledger {
        Ledger::exposed(self.ledger_limits(), engine.catalogue.info.clone(), self.metrics)
            .with_catalogue(&catalogue_info(engine))
    }

    /// How large an exposition can get with these rules and this many sources.
    pub fn series_worst_case(&self, catalogue: &Catalogue, sources: usize) -> WorstCase {
        ledger::series_worst_case(self.ledger_limits(), known(catalogue), sources)
    }

    pub fn ledger_limits(&self) -> ledger::Limits {
        ledger::Limits {
            tenants_max: self.limits.tenants_max,
            series_max: self.limits.series_max,
            sources_max: self.limits.sources_max,
        }
    }
}
