//! One file a command: options in, exit code out. What the command line looks like is `cli`'s; a command gets checked
//! options and settings. Read next: `scan`, the largest.

pub mod escape;
pub mod output;
pub mod table;
pub mod logging;
mod reload;
pub mod classify;
pub mod scan;
pub mod run;
pub mod demo;
pub mod explain;
pub mod check;
pub mod test;
pub mod state;

use std::io;
use std::process::ExitCode;

/// How a command ended when nothing stopped it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Done,
    /// It ran and something failed; what, was said already.
    Failed,
    /// `--fail-on` found what it looks for.
    Found,
    /// What was checked is wrong; how, was said already.
    Wrong,
}

/// What stopped a command.
#[derive(Debug)]
pub enum Trouble {
    /// Nothing was started: usage, configuration, rules, a port or every named file.
    NotStarted(anyhow::Error),
    /// It ran and failed on the way.
    Failed(anyhow::Error),
}

pub type Outcome = Result<Exit, Trouble>;

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Trouble {
        Trouble::Failed(error.into())
    }
}

impl Trouble {
    pub fn not_started(message: impl std::fmt::Display) -> Trouble {
        Trouble::NotStarted(anyhow::anyhow!("{message}"))
    }

    /// Whoever read our output has enough; no failure and nothing to say.
    fn is_broken_pipe(&self) -> bool {
        let (Trouble::NotStarted(error) | Trouble::Failed(error)) = self;
        error.chain().any(|cause| {
            cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
        })
    }
}

/// Says what stopped a command, if anything did, and gives the exit code: 0, 1, 2 or 3.
pub fn end(outcome: Outcome) -> ExitCode {
    match outcome {
        Ok(Exit::Done) => ExitCode::SUCCESS,
        Ok(Exit::Failed) => ExitCode::from(1),
        Ok(Exit::Found) => ExitCode::from(3),
        Ok(Exit::Wrong) => ExitCode::from(2),
        Err(trouble) if trouble.is_broken_pipe() => ExitCode::SUCCESS,
        Err(Trouble::NotStarted(error)) => {
            match error.downcast_ref() {
                Some(refused) => output::refuse(refused),
                None => output::complain(format_args!("{error:#}")),
            }
            ExitCode::from(2)
        }
        Err(Trouble::Failed(error)) => {
            output::complain(format_args!("{error:#}"));
            ExitCode::from(1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn a_broken_pipe_is_no_failure_however_deep_it_is_wrapped() {
        let broken = io::Error::from(io::ErrorKind::BrokenPipe);
        let wrapped = Err::<(), _>(broken).context("writing the report").unwrap_err();
        assert!(Trouble::Failed(wrapped).is_broken_pipe());
        assert!(!Trouble::not_started("port in use").is_broken_pipe());
    }
}
