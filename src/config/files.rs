//! What a source of files is told: which, from where on, and how long it waits for what may still come.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::source::paths;

pub use crate::source::tail::Start;

/// How long a file that was rotated away is read on, unless something else is said.
pub const ROTATE_WAIT: Duration = Duration::from_secs(5);

/// Files that are read as they grow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilesSetting {
    /// Globs as [`paths`] reads them; never empty.
    pub include: Vec<PathBuf>,
    pub exclude: Vec<PathBuf>,
    pub start: Start,
    /// How long a file is read on that was renamed or deleted, after it last grew.
    pub rotate_wait: Duration,
    /// How long a line without its end waits before it counts as it is; `None` waits for ever.
    pub partial_timeout: Option<Duration>,
}

impl FilesSetting {
    pub fn of_glob(glob: PathBuf) -> FilesSetting {
        FilesSetting {
            include: vec![glob],
            exclude: Vec::new(),
            start: Start::Auto,
            rotate_wait: ROTATE_WAIT,
            partial_timeout: None,
        }
    }

    /// Globs that are not absolute begin at `dir`.
    pub fn seen_from(mut self, dir: &Path) -> FilesSetting {
        self.include.iter_mut().for_each(|glob| *glob = paths::below(dir, glob));
        self.exclude.iter_mut().for_each(|glob| *glob = paths::excluding_below(dir, glob));
        self
    }

    /// The one path that it is about, where nothing in it is a glob.
    pub fn only_path(&self) -> Option<PathBuf> {
        match &self.include[..] {
            [one] if self.exclude.is_empty() => paths::literal(one),
            _ => None,
        }
    }
}

/// Whether a flag may say it; `-` is standard input.
pub fn check_glob(glob: &Path) -> Result<(), paths::BadPattern> {
    match glob.as_os_str() == "-" {
        true => Ok(()),
        false => paths::Paths::new(&[glob], &[]).map(|_| ()),
    }
}
