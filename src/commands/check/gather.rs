//! Names → what is to be checked together → findings.
//!
//! Each configuration is one whole: its settings, and the built-in rules with those of its directories and the rule
//! files that were named. Two configurations never meet, so they may well name the same sources.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Findings, Options, Series, Summary};
use crate::catalogue::builtin;
use crate::catalogue::diagnostic::{Diagnostic, top_keys};
use crate::catalogue::load::{self, RuleFile, Rules, Trust};
use crate::catalogue::{self, review};
use crate::config::include::{self, Loaded};
use crate::config::read::{self, Kind};
use crate::config::{Flags, Settings, SourceFrom};
use crate::ledger::WorstCase;
use crate::source::paths::{self, Paths};
use crate::world::Disk;

/// Top-level keys that rule files have and configurations have not, nor a likely misspelling of theirs.
const KEYS_OF_RULES: [&str; 12] = [
    "schema",
    "provider",
    "overlay",
    "shared",
    "foreign",
    "accepted",
    "code_syntax",
    "forms",
    "tenant_allow",
    "evidence",
    "endpoint_hints",
    "symptoms",
];

pub(super) fn check(flags: &Flags, options: &Options, findings: &mut Findings) -> Summary {
    let mut configs = Vec::new();
    let mut named = Vec::new();
    if let Some(path) = &flags.config_file {
        configs.push(include::load(path, Kind::Any));
    }
    for path in &options.files {
        take(path, &mut configs, &mut named, findings);
    }
    if configs.is_empty() {
        configs.push(Loaded::default());
    }
    let mut summary = Summary::default();
    let trust = if options.files.is_empty() { Trust::Checked } else { Trust::Shipped };
    for (n, loaded) in configs.into_iter().enumerate() {
        let loaded = loaded.overridden_by(flags);
        let files = files_of(&loaded, &named, findings);
        check_sources(&loaded, findings);
        let rules = check_rules(&files, trust, findings);
        if options.lint && rules.is_some() {
            summary.accepted_overlaps = Some(lint(&files, trust, findings));
        }
        if n == 0 && loaded.errors.is_empty() {
            summary.series = rules.as_ref().map(|rules| series(&loaded.settings, rules));
        }
        let rules = rules.unwrap_or_default();
        summary.config_files += loaded.files.len();
        summary.sources += loaded.settings.sources.len();
        if n == 0 {
            summary.rule_files = files.len();
            summary.packs = rules.packs.len();
            summary.rules = rules.packs.iter().map(|pack| pack.rules.len()).sum();
            summary.overlays = rules.overlays.len();
        }
        findings.errors.extend(loaded.errors);
        findings.warnings.extend(loaded.warnings);
    }
    summary
}

/// One name of the command line; a directory stands for the files that a rule directory would give.
fn take(
    path: &Path,
    configs: &mut Vec<Loaded>,
    named: &mut Vec<(PathBuf, RuleFile)>,
    findings: &mut Findings,
) {
    if path.is_dir() {
        match read::rule_paths(path) {
            Ok(paths) => {
                findings.warnings.extend(no_file(path, &paths));
                paths.iter().for_each(|path| take_file(path, Kind::Regular, configs, named, findings))
            }
            Err(found) => findings.errors.extend(found.into_vec()),
        }
    } else {
        take_file(path, Kind::Any, configs, named, findings);
    }
}

fn take_file(
    path: &Path,
    kind: Kind,
    configs: &mut Vec<Loaded>,
    named: &mut Vec<(PathBuf, RuleFile)>,
    findings: &mut Findings,
) {
    match read::text(path, kind) {
        Err(found) => findings.errors.extend(found.into_vec()),
        Ok(file) if read::is_cases(path) => {
            let message = "this is no configuration and no rule file".to_owned();
            let hint = "case files are run: faultline test FILE".to_owned();
            findings
                .errors
                .push(Diagnostic::new(&file.name, &file.text, (1, 1), message).with_hint(Some(hint)));
        }
        Ok(file) if is_rules(&file.text) => {
            let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
            if named.iter().all(|(other, _)| *other != real) {
                named.push((real, file));
            }
        }
        Ok(file) => configs.push(include::load_text(path, &file.text)),
    }
}

/// Told by the keys, as far as they can be read; else by what the lines begin with.
fn is_rules(text: &str) -> bool {
    let of_rules = |key: &str| KEYS_OF_RULES.contains(&key);
    let line_key =
        |line: &str| line.split_once(':').is_some_and(|(key, _)| of_rules(key.trim_matches(['"', '\''])));
    top_keys(text).iter().any(|key| of_rules(key)) || text.lines().any(line_key)
}

/// The rule files that belong to a configuration, and those that were named.
fn files_of(loaded: &Loaded, named: &[(PathBuf, RuleFile)], findings: &mut Findings) -> Vec<RuleFile> {
    let mut files = read_dirs(loaded, findings);
    let there: HashSet<PathBuf> = files.iter().map(|(path, _)| path.clone()).collect();
    files.extend(named.iter().filter(|(path, _)| !there.contains(path)).cloned());
    files.into_iter().map(|(_, file)| file).collect()
}

/// Nothing where there is an error.
fn check_rules(files: &[RuleFile], trust: Trust, findings: &mut Findings) -> Option<Rules> {
    match load::load_trusting(builtin::files(), trust, files) {
        Ok(rules) => Some(rules),
        Err(found) => {
            findings.errors.extend(found.into_vec());
            None
        }
    }
}

/// Gives the number of accepted overlaps.
fn lint(files: &[RuleFile], trust: Trust, findings: &mut Findings) -> usize {
    let mut builtin = builtin::files().to_vec();
    builtin.push(builtin::accepted_overlaps());
    match review::review(&builtin, trust, files) {
        Ok(review) => {
            findings.errors.extend(review.errors);
            findings.warnings.extend(review.warnings);
            review.accepted
        }
        Err(found) => {
            findings.errors.extend(found.into_vec());
            0
        }
    }
}

/// Without a source named, standard input is one.
fn series(settings: &Settings, rules: &Rules) -> Series {
    let sources = settings.sources.len().max(1);
    let WorstCase { metrics, total } = settings.series_worst_case(&catalogue::compile(rules), sources);
    Series { metrics, total }
}

/// The files of the rule directories. A directory that cannot be read is found where the configuration names it.
fn read_dirs(loaded: &Loaded, findings: &mut Findings) -> Vec<(PathBuf, RuleFile)> {
    let mut files = Vec::new();
    for (n, dir) in loaded.settings.rules.dirs.iter().enumerate() {
        let paths = match read::rule_paths(dir) {
            Ok(paths) => paths,
            Err(found) => {
                findings
                    .errors
                    .extend(found.into_vec().into_iter().map(|one| at(loaded.places.dirs.get(n), one)));
                continue;
            }
        };
        findings.warnings.extend(no_file(dir, &paths).map(|one| at(loaded.places.dirs.get(n), one)));
        for path in paths {
            match read::text(&path, Kind::Regular) {
                Ok(file) => files.push((path.canonicalize().unwrap_or(path), file)),
                Err(found) => findings.errors.extend(found.into_vec()),
            }
        }
    }
    files
}

/// A directory that gives nothing and has others below it is likely the wrong one.
fn no_file(dir: &Path, paths: &[PathBuf]) -> Option<Diagnostic> {
    let is_dir = |entry: io::Result<fs::DirEntry>| entry.is_ok_and(|entry| entry.path().is_dir());
    let has_dirs = || fs::read_dir(dir).is_ok_and(|mut entries| entries.any(is_dir));
    (paths.is_empty() && has_dirs()).then(|| {
        let hint = "*.yaml and *.yml right in it are read, directories below it are not";
        read::about(dir, "no rule file is in it".to_owned()).with_hint(Some(hint.to_owned()))
    })
}

/// A finding about a whole file at the place that names the file, if one does.
fn at(place: Option<&Diagnostic>, finding: Diagnostic) -> Diagnostic {
    match place {
        None => finding,
        Some(place) => {
            let message = format!("`{}`: {}", finding.file, finding.message);
            Diagnostic { message, hint: finding.hint, ..place.clone() }
        }
    }
}

/// Directories that a look for the files of one source takes here; it is a courtesy.
const DIRECTORIES_MAX: usize = 1_000;

/// A file may well appear later, so that none is there is no error.
fn check_sources(loaded: &Loaded, findings: &mut Findings) {
    for (source, place) in loaded.settings.sources.iter().zip(&loaded.places.sources) {
        let SourceFrom::Files(files) = &source.from else { continue };
        let warning = |message| Diagnostic { message: format!("warning: {message}"), ..place.clone() };
        for include in &files.include {
            if let Some(path) = paths::literal(include) {
                if let Err(finding) = read::presence(&path) {
                    let found = at(Some(place), finding);
                    findings.warnings.push(warning(found.message));
                }
                continue;
            }
            let globs = Paths::new(std::slice::from_ref(include), &files.exclude);
            let Ok(globs) = globs.map(|globs| globs.with_directories_max(DIRECTORIES_MAX)) else { continue };
            let found = globs.find(&Disk);
            let shown = include.display();
            findings.warnings.extend(
                found
                    .troubles
                    .iter()
                    .map(|(path, error)| warning(format!("`{}`: {}", path.display(), read::reason(error)))),
            );
            if found.files.is_empty() && found.troubles.is_empty() && !found.is_cut {
                findings.warnings.push(warning(format!("`{shown}`: no file matches now")));
            }
        }
    }
}
