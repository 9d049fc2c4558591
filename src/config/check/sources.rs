//! The list `sources` → [`SourceSetting`]s.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::Duration;

use super::Check;
use crate::catalogue::diagnostic::{Step, quoted};
use crate::config::files::{FilesSetting, Start};
use crate::config::raw::kafka::RawKafka;
use crate::config::raw::{RawSource, RawStart};
use crate::config::{SourceFrom, SourceSetting, units};
use crate::source::paths::Paths;

const ROTATE_WAIT_MAX: Duration = Duration::from_secs(3600);
const PARTIAL_TIMEOUT_MIN: Duration = Duration::from_millis(100);
const PARTIAL_TIMEOUT_MAX: Duration = Duration::from_secs(24 * 3600);

/// `sources`, index.
type Place<'p> = [Step<'p>; 2];

impl Check<'_, '_> {
    pub(super) fn sources(&mut self, raw: Vec<RawSource>, base: Vec<SourceSetting>) -> Vec<SourceSetting> {
        let mut sources = base;
        for (place, source) in raw.into_iter().enumerate() {
            let path = ["sources".into(), Step::Index(place)];
            let Some(source) = self.source(source, &path) else { continue };
            if let Some(first) = sources.iter().position(|other| other.name == source.name) {
                let message = format!(
                    "the name {} is taken by the source at {}",
                    quoted(&source.name),
                    self.places.of_source(first)
                );
                let hint = "the name is the metric label `source`; give each source its own";
                self.find(&[path[0], path[1], "name".into()], message, Some(hint.into()));
            } else if let Some(first) = sources.iter().position(|other| other.shares_input(&source)) {
                let message =
                    format!("the same input is named twice; first at {}", self.places.of_source(first));
                self.find(&path, message, Some("it would be counted twice".into()));
            } else if let Some(first) = sources.iter().position(|other| other.shares_group(&source)) {
                let message = format!(
                    "the group is that of the source at {}: they would take partitions from each other",
                    self.places.of_source(first)
                );
                let hint = "give each its own group; more threads for one source are `consumers`";
                self.find(&[path[0], path[1], "kafka".into(), "group".into()], message, Some(hint.into()));
            }
            self.places.sources.push(self.locator.finding(&path, String::new(), None));
            sources.push(source);
        }
        sources
    }

    fn source(&mut self, mut raw: RawSource, path: &Place<'_>) -> Option<SourceSetting> {
        if self.locator.is_tainted(path) {
            return None;
        }
        if let Some(kafka) = raw.kafka.take() {
            return self.kafka_source(*kafka, raw, path);
        }
        let (globs, key) = match (raw.stdin, raw.file.take(), raw.files.take()) {
            (Some(true), None, None) => {
                self.refuse_what_is_for_files(&raw, "standard input has", path);
                return Some(self.named(SourceSetting::stdin(), raw.name, path));
            }
            (None | Some(false), Some(file), None) if !file.is_empty() => (vec![file], "file"),
            (None | Some(false), None, Some(files)) if !files.is_empty() => (files, "files"),
            _ => {
                let message = "a source needs exactly one of `stdin: true`, `file`, `files` and `kafka`";
                let hint = "write `file: /var/log/app/*.log` or `stdin: true`";
                self.find(path, message, Some(hint.into()));
                return None;
            }
        };
        let setting = SourceSetting {
            // As it is written: a metric label that does not depend on where the file lies.
            name: globs[0].clone(),
            from: SourceFrom::Files(self.files(globs, key, &raw, path)),
        };
        Some(self.named(setting, raw.name, path))
    }

    fn named(&mut self, mut source: SourceSetting, name: Option<String>, path: &Place<'_>) -> SourceSetting {
        if let Some(name) = name {
            if name.is_empty() || name.len() > 128 || name.contains(char::is_control) {
                let message = format!("{} is no name", quoted(&name));
                let hint = "1 to 128 bytes without control characters: it is a metric label";
                self.find(&[path[0], path[1], "name".into()], message, Some(hint.into()));
            }
            source.name = name;
        }
        source
    }

    fn kafka_source(&mut self, kafka: RawKafka, raw: RawSource, path: &Place<'_>) -> Option<SourceSetting> {
        if raw.stdin == Some(true) || raw.file.is_some() || raw.files.is_some() {
            let message = "a source needs exactly one of `stdin: true`, `file`, `files` and `kafka`";
            self.find(path, message, Some("begin another source with `- `".into()));
            return None;
        }
        self.refuse_what_is_for_files(&raw, "beside `kafka` there is", path);
        let setting = self.kafka(kafka, &[path[0], path[1], "kafka".into()]);
        Some(self.named(SourceSetting::kafka(setting), raw.name, path))
    }

    fn refuse_what_is_for_files(&mut self, raw: &RawSource, what_has: &str, path: &Place<'_>) {
        for (name, is_said) in [
            ("exclude", raw.exclude.is_some()),
            ("start", raw.start.is_some()),
            ("rotate_wait", raw.rotate_wait.is_some()),
            ("partial_timeout", raw.partial_timeout.is_some()),
        ] {
            if is_said {
                let message = format!("{what_has} no `{name}`");
                self.find(&[path[0], path[1], name.into()], message, Some("it is for files".into()));
            }
        }
    }

    fn files(
        &mut self,
        globs: Vec<String>,
        key: &'static str,
        raw: &RawSource,
        path: &Place<'_>,
    ) -> FilesSetting {
        let mut files = FilesSetting::of_glob(PathBuf::new());
        files.include = globs.iter().map(PathBuf::from).collect();
        for (n, glob) in globs.iter().enumerate() {
            match key {
                "file" => self.glob(glob, &[path[0], path[1], key.into()]),
                _ => self.glob(glob, &[path[0], path[1], key.into(), Step::Index(n)]),
            }
        }
        for (n, glob) in raw.exclude.iter().flatten().enumerate() {
            self.glob(glob, &[path[0], path[1], "exclude".into(), Step::Index(n)]);
            files.exclude.push(glob.into());
        }
        files.start = match raw.start {
            None | Some(RawStart::Auto) => Start::Auto,
            Some(RawStart::Beginning) => Start::Beginning,
            Some(RawStart::End) => Start::End,
        };
        if let Some(text) = &raw.rotate_wait {
            let at = [path[0], path[1], "rotate_wait".into()];
            match units::parse_duration(text) {
                Ok(wait) if wait <= ROTATE_WAIT_MAX => files.rotate_wait = wait,
                Ok(_) => {
                    self.find(&at, format_args!("{text} is out of bounds"), Some("from 0s to 1h".into()))
                }
                Err(why) => self.find(&at, why, None),
            }
        }
        if let Some(text) = &raw.partial_timeout {
            let at = [path[0], path[1], "partial_timeout".into()];
            match units::parse_duration(text) {
                _ if text == "off" => {}
                Ok(time) if (PARTIAL_TIMEOUT_MIN..=PARTIAL_TIMEOUT_MAX).contains(&time) => {
                    files.partial_timeout = Some(time);
                }
                Ok(_) => {
                    let hint = "from 100ms to 24h, or off";
                    self.find(&at, format_args!("{text} is out of bounds"), Some(hint.into()));
                }
                Err(why) => self.find(&at, why, Some("`off` waits for the end of the line".into())),
            }
        }
        files.seen_from(self.dir)
    }

    fn glob(&mut self, glob: &str, path: &[Step<'_>]) {
        if glob.contains(char::is_control) {
            let message = format!("the path {} holds a control character", quoted(glob));
            let hint = "in double quotes `\\` begins an escape; write the path in single quotes";
            return self.find(path, message, Some(hint.into()));
        }
        if let Err(bad) = Paths::new(&[OsStr::new(glob)], &[]) {
            self.find(path, &bad, Some(bad.hint()));
        }
    }
}
