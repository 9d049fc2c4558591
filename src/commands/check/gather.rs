//! Names → what is to be checked together → findings.
//!
//! Each configuration is one whole: its settings, and the built-in rules with those of its directories and the rule
//! files that were named. Two configurations never meet, so they may well name the same sources.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::{Findings, Options, Summary};
use crate::catalogue::builtin;
use crate::catalogue::diagnostic::{Diagnostic, top_keys};
use crate::catalogue::load::{self, RuleFile, Rules, Trust};
use crate::config::include::{self, Loaded};
use crate::config::read::{self, Kind};
use crate::config::{Flags, SourceFrom};

/// Top-level keys that rule files have and configurations have not.
const KEYS_OF_RULES: [&str; 16] = [
    "schema",
    "provider",
    "overlay",
    "shared",
    "foreign",
    "names",
    "source",
    "code_syntax",
    "forms",
    "tenant_allow",
    "evidence",
    "endpoint_hints",
    "tenant",
    "symptoms",
    "map",
    "codes",
];

pub(super) fn check(flags: &Flags, options: &Options, findings: &mut Findings) -> Summary {
    let mut configs = Vec::new();
    let mut named = Vec::new();
    if let Some(path) = &flags.config_file {
        configs.push(include::load(path));
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
        let (rules, files) = check_one(&loaded, &named, trust, findings);
        summary.config_files += loaded.files.len();
        summary.sources += loaded.settings.sources.len();
        if n == 0 {
            summary.rule_files = files;
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
        Ok(file) if is_cases(path) => {
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

fn is_cases(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "jsonl")
}

/// Told by the keys, as far as they can be read; else by what the lines begin with.
fn is_rules(text: &str) -> bool {
    let of_rules = |key: &str| KEYS_OF_RULES.contains(&key);
    let line_key =
        |line: &str| line.split_once(':').is_some_and(|(key, _)| of_rules(key.trim_matches(['"', '\''])));
    top_keys(text).iter().any(|key| of_rules(key)) || text.lines().any(line_key)
}

/// A configuration with the rules that belong to it; gives the rules and how many files of them were read.
fn check_one(
    loaded: &Loaded,
    named: &[(PathBuf, RuleFile)],
    trust: Trust,
    findings: &mut Findings,
) -> (Rules, usize) {
    check_sources(loaded, findings);
    let mut added = read_dirs(loaded, findings);
    let there: HashSet<PathBuf> = added.iter().map(|(path, _)| path.clone()).collect();
    added.extend(named.iter().filter(|(path, _)| !there.contains(path)).cloned());
    let files: Vec<RuleFile> = added.into_iter().map(|(_, file)| file).collect();
    let rules = load::load_trusting(builtin::files(), trust, &files);
    let rules = rules.unwrap_or_else(|found| {
        findings.errors.extend(found.into_vec());
        Rules::default()
    });
    (rules, files.len())
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
        for path in paths {
            match read::text(&path, Kind::Regular) {
                Ok(file) => files.push((path.canonicalize().unwrap_or(path), file)),
                Err(found) => findings.errors.extend(found.into_vec()),
            }
        }
    }
    files
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

/// A file may well appear later, so that it is missing is no error.
fn check_sources(loaded: &Loaded, findings: &mut Findings) {
    for (n, source) in loaded.settings.sources.iter().enumerate() {
        let SourceFrom::File(path) = &source.from else { continue };
        if let (Err(finding), Some(place)) = (read::presence(path), loaded.places.sources.get(n)) {
            let mut warning = at(Some(place), finding);
            warning.message.insert_str(0, "warning: ");
            findings.warnings.push(warning);
        }
    }
}
