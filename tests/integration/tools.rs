//! Programs of others that tests run. Where one is missing, the test that asks is skipped by name; with CI=true it fails.

use std::io::Write;
use std::process::Command;

/// Whether `program` starts. `test` is the name of the one that asks.
pub fn has(test: &str, program: &str) -> bool {
    match Command::new(program).arg("--version").output() {
        Ok(_) => true,
        Err(error) => {
            skip(test, &format!("{program} does not start: {error}"));
            false
        }
    }
}

pub fn skip(test: &str, reason: &str) {
    assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{test}: {reason}");
    // Not with eprintln!, which the test harness keeps to itself.
    writeln!(std::io::stderr(), "SKIPPED {test}: {reason}").expect("stderr is open");
}
