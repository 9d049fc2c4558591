//! What a glob may lead to that is no file to read. A state of a newer version is in `cli::state`.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use super::Ground;
use super::daemon::{Address, Life};
use super::scrape::{lines_counted, next_commits, wait_until};
use super::writer::appending;
use crate::tools;

const LINE: &str = "ERROR drm licence failed: MDRM-501 seq=1 tenant=t1\n";

fn lines(here: &str, count: u64) {
    lines_counted(here, count);
    assert_eq!(next_commits(here, 2).sum("faultline_lines_total", ""), count);
}

fn append(ground: &Ground, name: &OsStr) {
    appending(&ground.logs().join(name)).write_all(LINE.as_bytes()).unwrap();
}

fn starting_with(said: &[String], text: &str) -> usize {
    said.iter().filter(|line| line.contains(text)).count()
}

#[test]
#[ignore = "runs alone; tests/all.sh does it"]
fn a_glob_that_matches_nothing_is_said_once_and_looked_at_again() {
    let ground = Ground::new();
    let life = Life::start(&ground.args("later/*.log"));
    let said = life.wait_for("WARN");
    assert!(said.contains("later/*.log"), "{said}");
    let here = life.address();
    next_commits(&here, 3);
    fs::create_dir(ground.log("later")).unwrap();
    append(&ground, OsStr::new("later/a.log"));
    lines(&here, 1);
    assert_eq!(starting_with(&life.said(), "WARN"), 1, "{:#?}", life.said());
}

#[test]
#[ignore = "runs alone; tests/all.sh does it"]
fn pipes_loops_and_directories_in_a_glob_are_passed_over_and_named() {
    let ground = Ground::new();
    assert!(Command::new("mkfifo").arg(ground.log("pipe.log")).status().unwrap().success());
    let _socket = std::os::unix::net::UnixListener::bind(ground.log("socket.log")).unwrap();
    symlink("loop.log", ground.log("loop.log")).unwrap();
    symlink("/dev/zero", ground.log("zero.log")).unwrap();
    fs::create_dir(ground.log("directory.log")).unwrap();
    symlink(".", ground.log("again")).unwrap();
    symlink("nowhere", ground.log("nothing.log")).unwrap();
    append(&ground, OsStr::new("a.log"));
    symlink("a.log", ground.log("b.log")).unwrap();
    let life = Life::start(&ground.args("**/*.log"));
    let here = life.address();
    lines(&here, 1);
    append(&ground, OsStr::new("a.log"));
    append(&ground, OsStr::new("directory.log/inner.log"));
    lines(&here, 3);
    let said = life.said();
    for name in ["pipe.log", "socket.log", "zero.log", "loop.log"] {
        assert_eq!(starting_with(&said, name), 1, "{name}: {said:#?}");
    }
    assert_eq!(starting_with(&said, "WARN"), 4, "{said:#?}");
    let (before, begun) = (life.ticks(), std::time::Instant::now());
    next_commits(&here, 3);
    let share = (life.ticks() - before) as f64 / begun.elapsed().as_secs_f64();
    assert!(share < 20.0, "{share} % of a core for nothing");
    life.stop();
}

#[test]
#[ignore = "runs alone; tests/all.sh does it"]
fn names_of_any_bytes_are_read_and_found_again() {
    let ground = Ground::new();
    let long = [b'x'; 251];
    let names: Vec<Vec<u8>> =
        [&b"\xff\xfe.log"[..], b"a\nb.log", b"%s%n.log", "r\u{e5}\u{1f525}.log".as_bytes(), b"\"\\{}.log"]
            .map(<[u8]>::to_vec)
            .into_iter()
            .chain([[&long[..], b".log"].concat()])
            .collect();
    let life = Life::start(&ground.args("*.log"));
    for name in &names {
        append(&ground, OsStr::from_bytes(name));
    }
    lines(&life.address(), names.len() as u64);
    life.kill();
    // Those that moved meanwhile as well.
    for name in &names {
        append(&ground, OsStr::from_bytes(name));
        let older = [name.as_slice(), b".1"].concat();
        if older.len() <= 255 {
            fs::rename(
                ground.logs().join(OsStr::from_bytes(name)),
                ground.logs().join(OsStr::from_bytes(&older)),
            )
            .unwrap();
        }
    }
    let life = Life::start(&ground.args("*.log"));
    lines(&life.address(), 2 * names.len() as u64);
    let here = life.address();
    let (status, text) = super::scrape::ask(&here, "/metrics", "").unwrap();
    assert_eq!(status, 200);
    assert!(!text.contains("%s%n"), "no series for each file");
    life.stop();
}

/// Root may read everything, so that the daemon is somebody else here.
#[test]
#[ignore = "runs alone; tests/all.sh does it"]
fn what_may_not_be_read_is_said_once_and_read_from_its_start_when_it_may() {
    const SELF: &str = "what_may_not_be_read_is_said_once_and_read_from_its_start_when_it_may";
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n");
    if !is_root {
        return tools::skip(SELF, "only root can run the daemon as somebody else");
    }
    if !tools::has(SELF, "setpriv") {
        return;
    }
    let ground = Ground::new();
    let allow = |path: &std::path::Path, mode: u32| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap()
    };
    allow(ground.root.path(), 0o755);
    fs::create_dir(ground.state()).unwrap();
    std::os::unix::fs::chown(ground.state(), Some(65534), Some(65534)).unwrap();
    allow(&ground.state(), 0o700);
    fs::create_dir(ground.log("closed")).unwrap();
    for name in ["open.log", "secret.log", "closed/inner.log"] {
        append(&ground, OsStr::new(name));
    }
    allow(&ground.log("secret.log"), 0o600);
    allow(&ground.log("closed"), 0o700);
    // The binary may stand where nobody may go.
    let binary = ground.root.path().join("faultline");
    fs::copy(env!("CARGO_BIN_EXE_faultline"), &binary).unwrap();
    allow(&binary, 0o755);
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]).arg(&binary);
    let life = Life::spawn(command, &ground.args("**/*.log"), &Address::default());
    let here = life.address();
    lines(&here, 1);
    let said = life.said();
    for name in ["secret.log", "closed"] {
        let named = said.iter().filter(|line| {
            line.contains("cannot be read: Permission denied") && line.contains(&format!("/{name}\""))
        });
        assert_eq!(named.count(), 1, "{name}: {said:#?}");
    }
    assert!(wait_until(&here, "a look", |_| true).sum("faultline_source_unreadable_files", "") >= 1);
    append(&ground, OsStr::new("secret.log"));
    allow(&ground.log("secret.log"), 0o644);
    allow(&ground.log("closed"), 0o755);
    lines(&here, 4);
    wait_until(&here, "all can be read", |sheet| sheet.sum("faultline_source_unreadable_files", "") == 0);
    life.stop();
}
