//! The binary on one entry: what it said, its exit code, and what it cost in CPU time, read before it is reaped.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::bundle::{Entry, Kind};

pub struct Ended {
    pub code: Option<i32>,
    pub stderr: Vec<u8>,
    /// None where the system does not tell.
    pub cpu: Option<Duration>,
}

/// Writes the files of the entry into `dir` and lets the program check them.
pub fn run(entry: &Entry, dir: &Path) -> Ended {
    write(entry, dir);
    let mut command = Command::new(env!("CARGO_BIN_EXE_faultline"));
    command.arg("check").arg(match entry.kind {
        Kind::Config => "--config.file",
        Kind::Rules => "--rules.dir",
    });
    command.arg(match entry.kind {
        Kind::Config => dir.join("f.yaml"),
        Kind::Rules => dir.to_owned(),
    });
    let command = command.current_dir(dir).env("RUST_BACKTRACE", "1").env_remove("NO_COLOR");
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    end(child)
}

pub fn write(entry: &Entry, dir: &Path) {
    for (name, bytes) in entry.files.iter().skip(usize::from(entry.absent)) {
        let path = dir.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

fn end(mut child: Child) -> Ended {
    let mut stderr = Vec::new();
    std::io::Read::read_to_end(&mut child.stderr.take().unwrap(), &mut stderr).unwrap();
    let cpu = cpu_at_end(child.id());
    let status = child.wait().unwrap();
    Ended { code: status.code(), stderr, cpu }
}

/// Nanoseconds on a CPU are the first number of `schedstat`, still there while the ended process is not reaped. The
/// program checks files on its first thread.
fn cpu_at_end(id: u32) -> Option<Duration> {
    use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
    let pid = Pid::from_raw(i32::try_from(id).ok()?)?;
    waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT).ok()?;
    let text = std::fs::read_to_string(format!("/proc/{id}/schedstat")).ok()?;
    Some(Duration::from_nanos(text.split(' ').next()?.parse().ok()?))
}
