//! The command line on paper: shell completions and man pages, made from the flags themselves so that they cannot differ
//! from what is parsed. Needs no settings; everything goes to standard output.

use std::io::Write;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::Cli;
use crate::commands::{Exit, Outcome, Trouble};

/// Print what makes a shell complete commands and flags
///
/// The script goes to standard output, to be put where the shell looks for it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  faultline completions bash > /etc/bash_completion.d/faultline\n  \
    faultline completions zsh > \"${fpath[1]}/_faultline\"\n  \
    faultline completions fish > ~/.config/fish/completions/faultline.fish")]
pub(super) struct Completions {
    /// The shell that is to read it
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Print a man page
///
/// The page of the program, or of one of its commands, in the form that man reads.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  faultline man | man -l -\n  faultline man scan | man -l -\n  \
    faultline man > /usr/local/share/man/man1/faultline.1")]
pub(super) struct Man {
    /// A command of this program; without it, the program itself
    #[arg(value_name = "COMMAND")]
    command: Option<String>,
}

impl Completions {
    pub(super) fn print(&self) -> Outcome {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "faultline", &mut script);
        print(&script)
    }
}

impl Man {
    pub(super) fn print(&self) -> Outcome {
        let mut program = Cli::command().disable_help_subcommand(true);
        program.build();
        let page = match &self.command {
            None => program,
            Some(name) => match program.find_subcommand(name) {
                Some(command) => command.clone(),
                None => {
                    let names: Vec<_> = program.get_subcommands().map(clap::Command::get_name).collect();
                    return Err(Trouble::not_started(format_args!(
                        "{name:?} is no command; there are {}",
                        names.join(", ")
                    )));
                }
            },
        };
        let mut roff = Vec::new();
        let source = concat!("faultline ", env!("CARGO_PKG_VERSION"));
        clap_mangen::Man::new(page).manual("faultline manual").source(source).render(&mut roff)?;
        print(&roff)
    }
}

fn print(text: &[u8]) -> Outcome {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text)?;
    stdout.flush()?;
    Ok(Exit::Done)
}
