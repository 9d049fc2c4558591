//! A state directory: counts go on after a restart, nobody shares it, damage is said, and people can look at it and
//! forget it. What is written and when is the ledger's own to test.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::process::{Running, command, get, run, run_without_input, stderr, stdout, wait_for_sample};

const LINE: &[u8] = b"ERROR drm MDRM-508\n";
const FREE: [&str; 2] = ["--web.listen-address", "127.0.0.1:0"];

fn counted(times: u32) -> String {
    let labels = "provider=\"verimatrix\",category=\"entitlement\",code=\"MDRM-508\"";
    let text = stdout(&run(&["classify"], LINE));
    let verdict: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    let category = verdict["matches"][0]["category"].as_str().unwrap().to_owned();
    format!("faultline_errors_total{{{}}} {times}", labels.replace("entitlement", &category))
}

/// A directory that is there already, and private.
fn private() -> (TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state");
    fs::create_dir(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (dir, path)
}

fn run_on(state: &str, input: &[u8]) -> Output {
    let output = run(&["run", "--state.dir", state, FREE[0], FREE[1]], input);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    output
}

fn state(verb: &str, directory: &str, args: &[&str]) -> Output {
    run_without_input(&[&["state", verb, "--state.dir", directory], args].concat())
}

fn journals(state: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(state).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|end| end == "journal")).collect();
    found.sort();
    found
}

/// Nothing was started, and these texts say why.
#[track_caller]
fn assert_refused(output: &Output, texts: &[&str]) {
    let said = stderr(output);
    assert_eq!((output.status.code(), stdout(output).as_str()), (Some(2), ""), "{said}");
    texts.iter().for_each(|text| assert!(said.contains(text), "{text:?} is missing: {said}"));
}

#[test]
fn counts_go_on_where_the_last_process_ended() {
    let (_dir, path) = private();
    run_on(&path, LINE);
    let mut daemon = Running::daemon(&["--state.dir", &path]);
    let address = daemon.address();
    assert!(get(&address, "/metrics").lines().any(|line| line == counted(1)), "they begin where they were");
    daemon.write(LINE);
    wait_for_sample(&address, &counted(2));
    wait_for_sample(&address, "faultline_lines_total{source=\"stdin\"} 2");
    daemon.signal("-KILL");
    daemon.exit_code();
    let mut again = Running::daemon(&["--state.dir", &path]);
    let address = again.address();
    assert!(get(&address, "/metrics").lines().any(|line| line == counted(2)), "what was shown is kept");
    assert!(!again.heard().iter().any(|line| line.contains("memory only")), "{:?}", again.heard());
}

#[test]
fn the_totals_at_the_end_are_those_of_the_metrics_and_say_since_when_where_others_counted_before() {
    let (_dir, path) = private();
    let first = stderr(&run_on(&path, &LINE.repeat(2)));
    assert!(first.contains("2 lines (38 B) read: 2 errors of known providers"), "{first}");
    let second = stderr(&run_on(&path, LINE));
    let (_, since) = second.split_once("3 lines (57 B) read since 20").unwrap_or_else(|| panic!("{second}"));
    assert!(since.contains(" UTC, 1 by this process: 3 errors of known providers"), "{second}");
}

#[test]
fn damage_is_said_also_by_a_start_that_fails_for_another_reason() {
    let (_dir, path) = private();
    run_on(&path, LINE);
    let journal = journals(&path).pop().unwrap();
    // Shorter than its header: nothing in it can be used.
    fs::write(&journal, "no journal").unwrap();
    let mut other = Running::daemon(&[]);
    let refused = run(&["run", "--state.dir", &path, FREE[0], &other.address()], LINE);
    assert_refused(&refused, &["damaged state", journal.to_str().unwrap(), "counted from 0"]);
}

#[test]
fn without_a_directory_it_is_said_once_that_counts_live_in_memory_only() {
    let said = stderr(&run(&["run", FREE[0], FREE[1]], LINE));
    assert_eq!(said.matches("memory only").count(), 1, "{said}");
}

#[test]
fn the_first_directory_of_the_service_manager_is_taken_where_nobody_names_one() {
    let (dir, path) = private();
    let offered = format!("{path}:{}", dir.path().join("other").display());
    let with = |args: &[&str]| {
        let mut command = command(args);
        command.env("STATE_DIRECTORY", &offered).output().unwrap()
    };
    let log = dir.path().join("app.log");
    fs::write(&log, LINE).unwrap();
    let printed = stdout(&with(&["run", "--print-config"]));
    assert!(printed.contains(&format!("state:\n  dir: \"{path}\"\n")), "{printed}");
    let printed = stdout(&with(&["run", "--print-config", "--state.dir", "/asked"]));
    assert!(printed.contains("dir: \"/asked\""), "{printed}");
    run_on(&path, LINE);
    let shown = with(&["state", "show"]);
    assert!(stdout(&shown).contains("verimatrix"), "{}", stderr(&shown));
}

#[test]
fn the_link_that_the_service_manager_names_leads_to_its_directory_and_links_that_people_name_do_not() {
    let (dir, path) = private();
    let link = dir.path().join("link");
    symlink(&path, &link).unwrap();
    let link = link.to_str().unwrap();
    let log = dir.path().join("app.log");
    fs::write(&log, LINE).unwrap();
    let mut offered = command(&["run", FREE[0], FREE[1], "--input", log.to_str().unwrap()]);
    offered.env("STATE_DIRECTORY", link);
    let mut daemon = Running::start(offered);
    daemon.address();
    daemon.signal("-TERM");
    assert_eq!(daemon.exit_code(), Some(0));
    assert_eq!(journals(&path).len(), 1);
    assert_refused(&run(&["run", "--state.dir", link, FREE[0], FREE[1]], LINE), &[link, "symbolic link"]);
}

#[test]
fn a_second_daemon_is_refused_with_the_name_of_the_directory() {
    let (_dir, path) = private();
    let mut first = Running::daemon(&["--state.dir", &path]);
    first.address();
    let second = run(&["run", "--state.dir", &path, FREE[0], FREE[1]], LINE);
    assert_refused(&second, &[&path, "another process uses", "--state.dir"]);
    assert_refused(&state("reset", &path, &["--yes"]), &[&path, "another process uses"]);
    assert_eq!(state("show", &path, &[]).status.code(), Some(0));
}

#[test]
fn a_directory_that_is_not_private_is_refused_with_what_to_do() {
    let (dir, path) = private();
    let run_on = |path: &str| run(&["run", "--state.dir", path, FREE[0], FREE[1]], LINE);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    assert_refused(&run_on(&path), &[&path, "0755", "chmod 700"]);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    let link = dir.path().join("link");
    symlink(&path, &link).unwrap();
    assert_refused(&run_on(link.to_str().unwrap()), &["/link", "symbolic link"]);
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    assert_refused(&run_on(file.to_str().unwrap()), &["/file: is no directory\n", "hint: it has to be"]);
    let below = file.join("below");
    assert_refused(&run_on(below.to_str().unwrap()), &["/file/below", "Not a directory", "hint:"]);
    let dangling = dir.path().join("dangling");
    symlink("/nowhere/at/all", &dangling).unwrap();
    assert_refused(&run_on(dangling.to_str().unwrap()), &["/dangling", "symbolic link"]);
    assert_refused(
        &run_on("/proc/nowhere/state"),
        &["/proc/nowhere/state", "No such file", "is the path right"],
    );
    assert!(journals(&path).is_empty());
}

#[test]
fn a_directory_above_that_is_not_there_is_made_private_too() {
    let (_dir, path) = private();
    let below = Path::new(&path).join("a/b");
    run_on(below.to_str().unwrap(), LINE);
    for made in [&below, below.parent().unwrap()] {
        assert_eq!(fs::metadata(made).unwrap().permissions().mode() & 0o777, 0o700);
    }
}

#[test]
fn a_first_commit_that_fails_is_refused_with_path_and_reason_said_once() {
    let (_dir, path) = private();
    // Nothing can be written under the name that new files have while they are written.
    fs::create_dir_all(Path::new(&path).join("ledger.new/x")).unwrap();
    let refused = run(&["run", "--state.dir", &path, FREE[0], FREE[1]], LINE);
    assert_refused(&refused, &[&format!("state directory {path}: cannot write: File exists"), "hint:"]);
    assert_eq!(stderr(&refused).matches("File exists").count(), 1, "{}", stderr(&refused));
}

#[test]
fn a_directory_of_the_configuration_begins_where_the_file_lies() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("f.yaml");
    fs::write(&file, "state: {dir: counts}\n").unwrap();
    let file = file.to_str().unwrap();
    let output = run(&["run", "--config.file", file, FREE[0], FREE[1]], LINE);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let made = dir.path().join("counts");
    assert_eq!(fs::metadata(&made).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(journals(made.to_str().unwrap()).len(), 1);
    let shown = run_without_input(&["state", "show", "--config.file", file]);
    assert!(stdout(&shown).contains("1 line"), "{}", stdout(&shown));
}

#[test]
fn show_is_a_page_and_export_is_json_of_the_same() {
    let (_dir, path) = private();
    run_on(&path, &LINE.repeat(3));
    let page = stdout(&state("show", &path, &[]));
    for text in [
        &path,
        "last commit  20",
        "3 errors of known providers",
        "stdin",
        "generation 1",
        "positions    0 files",
    ] {
        assert!(page.contains(text), "{text:?} is missing:\n{page}");
    }
    assert!(!page.contains('\x1b'), "{page:?}");
    let export = state("export", &path, &[]);
    let json: Value = serde_json::from_str(&stdout(&export)).unwrap();
    assert_eq!((&json["version"], &json["totals"]["errors"]), (&1.into(), &3.into()));
    assert_eq!(json["directory"], Value::from(path.as_str()));
    let counted = json["errors"].as_array().unwrap().iter().find(|error| error["count"] == 3).unwrap();
    assert_eq!((&counted["provider"], &counted["code"]), (&"verimatrix".into(), &"MDRM-508".into()));
    let help = stdout(&run_without_input(&["state", "export", "--help"]));
    for key in json.as_object().unwrap().keys() {
        assert!(help.contains(key.as_str()), "the help does not name {key}");
    }
}

#[test]
fn the_position_of_a_file_is_shown_with_its_name_spelled_out() {
    let (dir, path) = private();
    let log = dir.path().join("a\x1b[31m.log");
    fs::write(&log, LINE.repeat(2)).unwrap();
    let glob = dir.path().join("*.log");
    let mut daemon = Running::daemon(&[
        "--state.dir",
        &path,
        "--input",
        glob.to_str().unwrap(),
        "--input.start",
        "beginning",
    ]);
    wait_for_sample(&daemon.address(), &counted(2));
    daemon.signal("-TERM");
    assert_eq!(daemon.exit_code(), Some(0));
    let page = stdout(&state("show", &path, &[]));
    let row = page.lines().find(|line| line.contains("a\\x1b[31m.log")).unwrap_or_else(|| panic!("{page}"));
    assert!(row.contains("38") && row.ends_with("0 B  open"), "{row}");
    let json: Value = serde_json::from_str(&stdout(&state("export", &path, &[]))).unwrap();
    let [position] = &json["positions"].as_array().unwrap()[..] else { panic!("{json}") };
    assert_eq!((&position["offset"], &position["stage"]), (&38.into(), &"open".into()));
    assert_eq!(position["path"], Value::from(log.to_str().unwrap()));
    // It goes on there, and does not begin again.
    fs::OpenOptions::new().append(true).open(&log).and_then(|mut file| file.write_all(LINE)).unwrap();
    let mut again = Running::daemon(&["--state.dir", &path, "--input", glob.to_str().unwrap()]);
    wait_for_sample(&again.address(), &counted(3));
}

#[test]
fn reset_asks_to_be_sure_and_then_forgets_everything() {
    let (_dir, path) = private();
    run_on(&path, LINE);
    assert_refused(&state("reset", &path, &[]), &[&path, "--yes"]);
    assert_eq!(journals(&path).len(), 1);
    let reset = state("reset", &path, &["--yes"]);
    assert_eq!(reset.status.code(), Some(0));
    assert!(stderr(&reset).contains("1 file was removed"), "{}", stderr(&reset));
    assert!(journals(&path).is_empty());
    assert!(stderr(&state("reset", &path, &["--yes"])).contains("nothing was removed"));
    assert_refused(&state("show", &path, &[]), &[&path, "there is no state"]);
}

#[test]
fn a_state_command_without_a_directory_says_how_to_name_one() {
    let without = |verb| command(&["state", verb]).env_remove("STATE_DIRECTORY").output().unwrap();
    for verb in ["show", "export", "reset"] {
        assert_refused(&without(verb), &["--state.dir"]);
    }
    assert_refused(&state("show", "/nowhere/at/all", &[]), &["/nowhere/at/all", "there is no state"]);
}

#[test]
fn damage_is_said_loudly_and_counted_and_what_is_good_is_used() {
    let (_dir, path) = private();
    run_on(&path, LINE);
    let journal = journals(&path).pop().unwrap();
    let whole = fs::read(&journal).unwrap();
    // In the last record: the snapshot before it is good.
    let mut changed = whole.clone();
    let at = whole.len() - 40;
    changed[at] ^= 1;
    fs::write(&journal, changed).unwrap();
    let shown = state("show", &path, &[]);
    assert_eq!(shown.status.code(), Some(1), "{}", stdout(&shown));
    assert!(stdout(&shown).contains("DAMAGED") && stderr(&shown).contains("damaged state"));
    assert_damaged_start(&path, "damaged state");
}

#[test]
fn a_state_of_a_newer_version_is_said_and_kept() {
    let (_dir, path) = private();
    run_on(&path, LINE);
    let journal = journals(&path).pop().unwrap();
    let mut bytes = fs::read(&journal).unwrap();
    bytes[8..12].copy_from_slice(&2_u32.to_le_bytes());
    let mut digest = Sha256::new();
    digest.update([b'h']);
    digest.update([0; 16]);
    digest.update(&bytes[..40]);
    bytes[40..56].copy_from_slice(&digest.finalize()[..16]);
    fs::write(&journal, &bytes).unwrap();
    let name = journal.file_name().unwrap().to_str().unwrap();
    assert_refused(&state("show", &path, &[]), &[name, "a newer version wrote it (format 2"]);
    assert_damaged_start(&path, "a newer version wrote it");
    let aside = Path::new(&path).join(format!("{name}.newer"));
    assert_eq!(fs::read(aside).unwrap(), bytes);
}

#[track_caller]
fn assert_damaged_start(path: &str, text: &str) {
    let mut daemon = Running::daemon(&["--state.dir", path]);
    daemon.wait_for(text);
    let address = daemon.address();
    wait_for_sample(&address, "faultline_ledger_damaged_total 1");
    daemon.signal("-TERM");
    assert_eq!(daemon.exit_code(), Some(0));
}
