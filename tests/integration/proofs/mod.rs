//! The promises of files and the state directory, held by the real daemon: real files, real signals, real kills.
//!
//! Each proof is one test, seeded, and exact: what the writers noted is what is counted in the end, and the readers that
//! scrape all along see no counter fall. All of them, or one:
//!
//!   cargo test --release --test integration -- --nocapture proofs::
//!   FAULTLINE_PROOFS=full cargo test --release --test integration -- --nocapture proofs::killing
//!
//! Without `FAULTLINE_PROOFS=full` a tenth of each figure is run. One figure alone (full, tenth):
//!
//!   FAULTLINE_PROOF_KILLS         kill -9 while three writers rotate                             200, 20
//!   FAULTLINE_PROOF_SECONDS       a thousand renames a second for so long                         60, 6
//!   FAULTLINE_PROOF_INODES        files deleted and made anew, half of them while nobody runs   5000, 500
//!   FAULTLINE_PROOF_TRUNCATIONS   copies and truncations, byte for byte                          500, 50
//!   FAULTLINE_PROOF_STOPS         SIGTERM under load                                             200, 20
//!   FAULTLINE_PROOF_RELOADS       SIGHUP under load, each tenth configuration broken            1000, 100
//!   FAULTLINE_PROOF_FILES         files, a fifth of them active, with 1,024 descriptors        50000, 5000
//!   FAULTLINE_PROOF_SEED          another course of everything                                      1
//!
//! Files are made below `TMPDIR`. `daemon` runs the process, `scrape` reads what it exposes, `writer` writes and notes.

pub(crate) mod daemon;
pub(crate) mod scrape;
mod writer;
mod killing;
mod rotating;
mod reusing;
mod truncating;
mod stopping;
mod reloading;
mod crowd;
mod full;
mod odd;

use std::path::PathBuf;

use crate::sim::dice::Dice;

/// A figure of a proof: as the issue has it, or a tenth, or as asked for.
pub(crate) fn figure(name: &str, full: usize) -> usize {
    let asked = std::env::var(format!("FAULTLINE_PROOF_{name}")).ok();
    let is_full = std::env::var("FAULTLINE_PROOFS").as_deref() == Ok("full");
    asked.map_or(if is_full { full } else { full / 10 }, |text| text.parse().expect("a number"))
}

pub(crate) fn dice(salt: u64) -> Dice {
    let seed = std::env::var("FAULTLINE_PROOF_SEED").map_or(1, |text| text.parse().expect("a number"));
    Dice::new(seed ^ salt << 32)
}

/// What is measured is said past the test harness, which keeps output of tests that pass.
pub(crate) fn say(text: &str) {
    use std::io::Write;
    writeln!(std::io::stderr(), "{text}").expect("stderr is open");
}

/// A directory of logs and one of state.
struct Ground {
    root: tempfile::TempDir,
}

impl Drop for Ground {
    fn drop(&mut self) {
        // What a proof that failed has left is looked at by somebody.
        if std::thread::panicking() {
            self.root.disable_cleanup(true);
            say(&format!("kept: {}", self.root.path().display()));
        }
    }
}

impl Ground {
    fn new() -> Ground {
        let ground = Ground { root: tempfile::tempdir().unwrap() };
        std::fs::create_dir(ground.logs()).unwrap();
        ground
    }

    fn logs(&self) -> PathBuf {
        self.root.path().join("logs")
    }

    fn log(&self, name: &str) -> PathBuf {
        self.logs().join(name)
    }

    fn state(&self) -> PathBuf {
        self.root.path().join("state")
    }

    /// `--input` for these names, read from their beginning, and `--state.dir`.
    fn args(&self, glob: &str) -> Vec<String> {
        let text = |path: PathBuf| path.to_str().unwrap().to_owned();
        let input = text(self.log(glob));
        ["--input", &input, "--input.start", "beginning", "--state.dir", &text(self.state())]
            .map(str::to_owned)
            .to_vec()
    }
}
