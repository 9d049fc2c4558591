//! Arguments → command → exit code: 0 done, 1 it ran and something failed, 2 nothing was started, 3 `--fail-on` found it.

use std::process::ExitCode;

fn main() -> ExitCode {
    let invocation = faultline::cli::parse();
    faultline::commands::end(invocation.run())
}
