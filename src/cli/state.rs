//! The flags of `state`, and of whoever keeps one.

use std::ffi::OsStr;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::commands::state::Action;
use crate::config::Flags;

#[derive(Debug, Args)]
pub(super) struct Directory {
    /// Directory where counts and positions outlive the process [default: $STATE_DIRECTORY]
    ///
    /// Made where it is not there. It is private: mode 0700, of the user that runs this, no link, one daemon at a time.
    /// The first path of $STATE_DIRECTORY, as systemd sets it (with StateDirectoryMode=0700), is taken where neither this
    /// nor the configuration names one; without any, counts and positions live in memory only.
    #[arg(long = "state.dir", value_name = "DIR")]
    state_dir: Option<PathBuf>,
}

impl Directory {
    pub(super) fn set(&self, flags: &mut Flags) {
        flags.state_dir.clone_from(&self.state_dir);
        flags.state_dir_offered =
            std::env::var_os("STATE_DIRECTORY").and_then(|paths| first_path(&paths)).map(led_to);
    }
}

/// Of several with `:` between them.
fn first_path(paths: &OsStr) -> Option<PathBuf> {
    std::env::split_paths(paths).next().filter(|path| !path.as_os_str().is_empty())
}

/// systemd names a link where it runs a service as a user of the moment (`DynamicUser`); the directory is behind it.
fn led_to(path: PathBuf) -> PathBuf {
    let is_link = std::fs::symlink_metadata(&path).is_ok_and(|found| found.is_symlink());
    let behind = std::fs::canonicalize(&path).ok().filter(|_| is_link);
    behind.unwrap_or(path)
}

/// Look at the state that a daemon keeps, or forget it
///
/// The directory is the one of --state.dir, of the configuration (state.dir), or the first of $STATE_DIRECTORY.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  faultline state show --state.dir /var/lib/faultline\n  \
    faultline state export --config.file /etc/faultline/faultline.yaml | jq '.totals'\n  \
    systemctl stop faultline && faultline state reset --state.dir /var/lib/faultline")]
pub(super) struct State {
    #[command(subcommand)]
    action: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Show what is there: when it was written, counts by provider and source, how many positions, what is damaged
    ///
    /// May run beside a daemon; what that has not committed yet is not seen. Exit code 1 says that something is damaged.
    Show {
        #[command(flatten)]
        directory: Directory,
    },
    /// Write all of it to standard output as one JSON object
    ///
    /// Times are milliseconds since 1970 or null. Keys: version (1), directory, path, id, generation, bytes, records,
    /// written_at; damage and set_aside (texts); totals; sources; errors, tenants and ambiguous (label values, count,
    /// first, last); positions of files (source, path, offset, length, stage); partitions of Kafka sources (source, topic,
    /// partition, position, pending, lost); marks (key, value in hexadecimal). Keys may be added, and `version` grows
    /// when one goes. Exit code 1 says that something is damaged.
    Export {
        #[command(flatten)]
        directory: Directory,
    },
    /// Forget all counts and positions; refused while a daemon has the directory
    ///
    /// On a terminal it asks first, elsewhere it wants --yes. Files that were set aside because they were damaged stay.
    Reset {
        #[command(flatten)]
        directory: Directory,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

impl State {
    pub(super) fn directory(&self) -> &Directory {
        match &self.action {
            Verb::Show { directory } | Verb::Export { directory } | Verb::Reset { directory, .. } => {
                directory
            }
        }
    }

    pub(super) fn action(&self) -> Action {
        match self.action {
            Verb::Show { .. } => Action::Show,
            Verb::Export { .. } => Action::Export,
            Verb::Reset { yes, .. } => Action::Reset { is_sure: yes },
        }
    }
}
