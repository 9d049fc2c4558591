//! Gives the binary its commit, for `--version` and `faultline_build_info`; "unknown" outside a git checkout.
//! Looked up again when HEAD moves, in a worktree too; without git only when this file changes.

use std::path::Path;
use std::process::Command;

fn main() {
    let commit = git(&["rev-parse", "--short=12", "HEAD"]).unwrap_or_else(|| "unknown".to_owned());
    println!("cargo:rustc-env=FAULTLINE_COMMIT={commit}");
    println!("cargo:rerun-if-changed=src/build.rs");
    // The log of HEAD grows with every commit, checkout and reset; a path that is not there would rebuild for ever.
    for name in ["HEAD", "logs/HEAD"] {
        if let Some(path) = git(&["rev-parse", "--git-path", name]).filter(|path| Path::new(path).exists()) {
            println!("cargo:rerun-if-changed={path}");
        }
    }
}

/// What git prints, if there is one and it is content.
fn git(arguments: &[&str]) -> Option<String> {
    let output =
        Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok().map(|text| text.trim().to_owned())
}
