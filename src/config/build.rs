//! Settings → built parts: reads the configuration file and the rule directories, compiles the engine.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow};

use super::{Flags, Settings, SourceFrom};
use crate::catalogue::diagnostic::Diagnostics;
use crate::catalogue::load::{self, RuleFile, Rules};
use crate::catalogue::{self, builtin};
use crate::event::Origin;
use crate::ledger::{self, CatalogueInfo, Known, Ledger, WorstCase};
use crate::pipeline::{Engine, Join, Options, Times};

/// A configuration file is small; a larger one is a mistake.
const CONFIG_BYTES_MAX: u64 = 1024 * 1024;

/// The settings of the file that the flags name, or the defaults; then the flags on top. Paths that the file names are
/// relative to the file.
pub fn load(flags: &Flags) -> anyhow::Result<Settings> {
    let settings = match &flags.config_file {
        None => Settings::default(),
        Some(path) => {
            let settings =
                super::parse(&path.to_string_lossy(), &read_config(path)?).map_err(wrong("configuration"))?;
            settings.relative_to(path.parent().unwrap_or(Path::new("")))
        }
    };
    Ok(settings.overridden_by(flags))
}

fn wrong(what: &'static str) -> impl Fn(Diagnostics) -> anyhow::Error {
    move |findings| {
        let findings = findings.to_string();
        anyhow!("the {what} cannot be used\n{}", findings.trim_end())
    }
}

fn read_config(path: &Path) -> anyhow::Result<String> {
    let shown = || format!("{path:?}");
    let metadata = std::fs::metadata(path).with_context(shown)?;
    if metadata.is_dir() {
        return Err(anyhow!("{}: is a directory; --config.file takes a file", shown()));
    }
    if metadata.len() > CONFIG_BYTES_MAX {
        return Err(anyhow!("{}: is no configuration file: it has {} bytes", shown(), metadata.len()));
    }
    let bytes = std::fs::read(path).with_context(shown)?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        anyhow!("{}: is not UTF-8 text (byte {at})", shown())
    })
}

/// The engine of the built-in packs and of the rule files in `rules.dirs`.
pub fn build_engine(settings: &Settings) -> anyhow::Result<Arc<Engine>> {
    let rules = load_rules(&read_rules(&settings.rules.dirs)?)?;
    Ok(Arc::new(Engine::new(catalogue::compile(&rules))))
}

/// The built-in packs with `added` over them.
pub fn load_rules(added: &[RuleFile]) -> anyhow::Result<Rules> {
    load::load(builtin::files(), added).map_err(wrong("rules"))
}

/// Every `*.yaml` and `*.yml` right in the directories, by name; files with a leading dot are left out. All that cannot
/// be read is said at once.
pub fn read_rules(dirs: &[PathBuf]) -> anyhow::Result<Vec<RuleFile>> {
    let mut files = Vec::new();
    let mut errors = Vec::new();
    for dir in dirs {
        match rule_paths(dir) {
            Ok(paths) => paths.into_iter().for_each(|path| match read_rule(&path) {
                Ok(file) => files.push(file),
                Err(error) => errors.push(error),
            }),
            Err(error) => errors.push(format!("{dir:?}: {error}")),
        }
    }
    if errors.is_empty() {
        return Ok(files);
    }
    Err(anyhow!("the rules cannot be read\n{}", errors.join("\n")))
}

fn rule_paths(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        let is_yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if is_yaml && !is_hidden && !path.is_dir() {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn read_rule(path: &Path) -> Result<RuleFile, String> {
    let bytes = std::fs::read(path).map_err(|error| format!("{path:?}: {error}"))?;
    RuleFile::from_bytes(path.to_string_lossy().into_owned(), bytes)
        .map_err(|findings| findings.to_string().trim_end().to_owned())
}

/// Which rules an engine has; the version is the program's, as that of the rules in it.
pub fn catalogue_info(engine: &Engine) -> CatalogueInfo {
    CatalogueInfo { version: env!("CARGO_PKG_VERSION").into(), sha256: engine.catalogue.sha256.clone() }
}

fn known(engine: &Engine) -> Known {
    let catalogue = &engine.catalogue;
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
    /// Paths that are not absolute begin at `dir`; names stay as they were written.
    fn relative_to(mut self, dir: &Path) -> Settings {
        for source in &mut self.sources {
            if let SourceFrom::File(path) = &mut source.from {
                *path = dir.join(&*path);
            }
        }
        for path in &mut self.rules.dirs {
            *path = dir.join(&*path);
        }
        self
    }

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
        Ledger::exposed(self.ledger_limits(), engine.catalogue.info.clone(), self.metrics)
            .with_catalogue(&catalogue_info(engine))
    }

    /// How large an exposition can get with these rules and this many sources.
    pub fn series_worst_case(&self, engine: &Engine, sources: usize) -> WorstCase {
        ledger::series_worst_case(self.ledger_limits(), known(engine), sources)
    }

    pub fn ledger_limits(&self) -> ledger::Limits {
        ledger::Limits {
            tenants_max: self.limits.tenants_max,
            series_max: self.limits.series_max,
            sources_max: self.limits.sources_max,
        }
    }
}
