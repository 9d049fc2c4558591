//! `test`: the inline tests of rule files and the records of case files, for those who write packs and overlays.
//!
//! Directories and files that are named hold rule files, which are loaded beside the built-in ones or in their place, and
//! case files (`*.jsonl`); their tests run. Without a name the tests of everything that is loaded run.

mod failure;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Exit, Outcome, Trouble};
use crate::catalogue::diagnostic::{Diagnostic, Diagnostics};
use crate::catalogue::load::{self, RuleFile};
use crate::catalogue::schema::FileLine;
use crate::catalogue::{self, builtin};
use crate::config::Settings;
use crate::config::read::{self, Kind};
use crate::pipeline::Engine;
use crate::proving::{self, Case, Report};

#[derive(Debug, Clone)]
pub struct Options {
    /// Directories, rule files and case files.
    pub inputs: Vec<PathBuf>,
    /// Only tests whose place, name or line holds this text.
    pub filter: Option<String>,
}

/// What there is to load and to run.
#[derive(Default)]
struct Gathered {
    rules: Vec<RuleFile>,
    cases: Vec<Case>,
    findings: Vec<Diagnostic>,
    /// Where the rule files lie.
    dirs: Vec<PathBuf>,
    /// Files by the name that the system gives them: each counts once, however often it is named.
    taken: HashSet<PathBuf>,
}

pub fn run(settings: &Settings, options: &Options) -> Outcome {
    let mut gathered = Gathered::default();
    options.inputs.iter().for_each(|path| gathered.take(path, Kind::Any));
    gathered.findings.extend(proving::duplicates(&gathered.cases));
    let named: Vec<String> = gathered.rules.iter().map(|file| file.name.clone()).collect();
    for dir in &settings.rules.dirs {
        gathered.take_rules(dir, &options.inputs);
    }
    let rules = match load::load(builtin::files(), &gathered.rules) {
        Ok(rules) if gathered.findings.is_empty() => rules,
        Ok(_) => return Err(refuse(gathered.findings)),
        Err(found) => {
            gathered.findings.extend(found.into_vec());
            return Err(refuse(gathered.findings));
        }
    };
    let engine = Arc::new(Engine::new(catalogue::compile(&rules)));
    let filter = options.filter.as_deref().unwrap_or("");
    let passes = |place: &FileLine, name: &str, line: &str| {
        filter.is_empty() || place.file.contains(filter) || name.contains(filter) || line.contains(filter)
    };
    let is_meant =
        |place: &FileLine| options.inputs.is_empty() || named.iter().any(|name| **name == *place.file);
    let mut report = Report::default();
    let wanted = |place: &FileLine, name: &str, line: &str| is_meant(place) && passes(place, name, line);
    proving::prove_some(&rules, &engine, &wanted, &mut report);
    let named_so = |case: &Case| format!("{} {}", case.id, case.title.as_deref().unwrap_or(""));
    gathered.cases.retain(|case| passes(&case.place, &named_so(case), &case.line));
    proving::prove_cases(&rules, &engine, &gathered.cases, &mut report);
    tell(&report, &gathered.dirs, options)
}

impl Gathered {
    /// A name of the command line, or a file in a directory that is one.
    fn take(&mut self, path: &Path, kind: Kind) {
        if path.is_dir() {
            match read::test_paths(path) {
                Ok(paths) => paths.iter().for_each(|path| self.take(path, Kind::Regular)),
                Err(found) => self.findings.extend(found.into_vec()),
            }
            return;
        }
        if !self.taken.insert(path.canonicalize().unwrap_or_else(|_| path.to_owned())) {
            return;
        }
        match read::text(path, kind) {
            Err(found) => self.findings.extend(found.into_vec()),
            Ok(file) if read::is_cases(path) => match proving::read(&file.name, &file.text) {
                Ok(cases) => self.cases.extend(cases),
                Err(found) => self.findings.extend(found.into_vec()),
            },
            Ok(file) => {
                let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
                if !self.dirs.iter().any(|other| other == dir) {
                    self.dirs.push(dir.to_owned());
                }
                self.rules.push(file);
            }
        }
    }

    /// A rule directory of the settings, but for what was named besides.
    fn take_rules(&mut self, dir: &Path, inputs: &[PathBuf]) {
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let inputs: Vec<PathBuf> = inputs.iter().map(|path| real(path)).collect();
        if inputs.contains(&real(dir)) {
            return;
        }
        match read::rule_paths(dir) {
            Ok(paths) => {
                let others = paths.into_iter().filter(|path| !inputs.contains(&real(path)));
                others.for_each(|path| self.take(&path, Kind::Regular));
            }
            Err(found) => self.findings.extend(found.into_vec()),
        }
    }
}

fn refuse(findings: Vec<Diagnostic>) -> Trouble {
    let findings = Diagnostics::new(findings).to_string();
    Trouble::not_started(format_args!("nothing can be tested\n{}", findings.trim_end()))
}

/// The failures, one below the other, then the sum.
fn tell(report: &Report, dirs: &[PathBuf], options: &Options) -> Outcome {
    let failed = report.failures.len();
    if report.passed + failed == 0 {
        let hint = match &options.filter {
            Some(_) => "no test holds the text of --filter",
            None => "there is no test: rule files have `tests`, case files are named *.jsonl",
        };
        return Err(Trouble::not_started(hint));
    }
    failure::print(&report.failures, dirs)?;
    failure::sum(report.passed, failed)?;
    Ok(if failed > 0 { Exit::Failed } else { Exit::Done })
}
