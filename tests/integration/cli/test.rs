//! `test`: inline tests and case files through the real binary; a failure tells where it stands and how to go on.

use std::fs;
use std::path::Path;
use std::process::Output;

use super::process::{stderr, stdout};

const PACK: &str = "\
schema: faultline.rules/v1
provider: {id: tollgate}
names: [tollgate]
forms:
  - {token: \"{code}\"}
rules:
  - id: refused
    code: TG-1001
    category: authorization
    severity: error
    retryable: false
    fault: caller
    remediation: Pay the toll.
    tests:
      - {line: 'ERROR tollgate: TG-1001', expect: match}
      - {line: \"ERROR it's TG-1001 again\", expect: match, tenant: acme}
      - {line: 'ERROR TG-10011', expect: none}
";

const CASES: &str = "\
{\"id\": \"T-1\", \"title\": \"the code alone\", \"line\": \"ERROR tollgate: TG-1001\", \"expect\": {\"verdict\": \"match\", \"provider\": \"tollgate\", \"code\": \"TG-1001\"}}

{\"id\": \"T-2\", \"line\": \"ERROR gate-7 error=access_denied\", \"mapping\": {\"service\": \"gate-7\", \"provider\": \"okta\", \"tenant\": \"t7\"}, \"expect\": [{\"verdict\": \"match\", \"provider\": \"okta\", \"tenant\": \"t7\"}]}
{\"id\": \"T-3\", \"line\": \"nothing here\", \"expect\": {\"verdict\": \"none\"}}
";

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

fn test(dir: &Path, args: &[&str]) -> Output {
    let mut command = super::process::command(&["test"]);
    command.args(args).current_dir(dir).output().unwrap()
}

fn sum(output: &Output) -> String {
    stdout(output).lines().last().unwrap_or_default().to_owned()
}

#[test]
fn without_a_name_the_tests_of_all_that_is_loaded_run() {
    let dir = folder(&[("tollgate.yaml", PACK)]);
    let passed = |args: &[&str]| {
        let output = test(dir.path(), args);
        let words: Vec<u32> = sum(&output).split(' ').filter_map(|word| word.parse().ok()).collect();
        (output.status.code(), words[0], words[1])
    };
    let (code, shipped, failed) = passed(&[]);
    assert!(code == Some(0) && shipped > 1000 && failed == 0);
    assert_eq!(passed(&["--rules.dir", "."]), (Some(1), shipped + 2, 1));
    assert_eq!(passed(&["."]), (Some(1), 2, 1), "what is named is what runs");
}

#[test]
fn a_failure_names_its_line_shows_both_sides_and_the_command_that_explains_it() {
    let dir = folder(&[("tollgate.yaml", PACK), ("cases.jsonl", CASES)]);
    let output = test(dir.path(), &["."]);
    let said = stdout(&output);
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(1), ""));
    assert!(said.starts_with("./tollgate.yaml:16: tollgate.refused\n"), "{said}");
    let rows: Vec<Vec<&str>> = said.lines().map(|line| line.split_whitespace().collect()).collect();
    for row in [
        &["line", "ERROR", "it's", "TG-1001", "again"][..],
        &["expected", "found"],
        &["verdict", "match", "match"],
        &["provider", "tollgate", "tollgate"],
        &["code", "TG-1001", "TG-1001"],
        &["!", "tenant", "acme", "-"],
    ] {
        assert!(rows.iter().any(|one| one == row), "{row:?}: {said}");
    }
    assert_eq!(sum(&output), "5 passed, 1 failed");
    let command = said.lines().find_map(|line| line.trim_start().strip_prefix("why")).unwrap().trim();
    assert_eq!(command, r"faultline explain --rules.dir . --line 'ERROR it'\''s TG-1001 again'");
    let program = Path::new(env!("CARGO_BIN_EXE_faultline")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let shell = std::process::Command::new("bash");
    let explained =
        { shell }.args(["-c", command]).env("PATH", path).current_dir(dir.path()).output().unwrap();
    assert_eq!(explained.status.code(), Some(0), "{}", stderr(&explained));
    assert!(stdout(&explained).contains("match tollgate") || stdout(&explained).contains("TG-1001"));
}

#[test]
fn a_verdict_too_many_and_one_too_few_are_failures() {
    let cases = "\
        {\"id\": \"A\", \"line\": \"ERROR drm MDRM-508\", \"expect\": {\"verdict\": \"none\"}}\n\
        {\"id\": \"B\", \"line\": \"all is well\", \"expect\": {\"verdict\": \"match\", \"provider\": \"okta\"}}\n\
        {\"id\": \"C\", \"line\": \"ERROR drm MDRM-508\", \"expect\": [{\"verdict\": \"match\"}, {\"verdict\": \"match\"}]}\n";
    let dir = folder(&[("c.jsonl", cases)]);
    let output = test(dir.path(), &["c.jsonl"]);
    assert_eq!(
        (output.status.code(), sum(&output).as_str()),
        (Some(1), "0 passed, 3 failed"),
        "{}",
        stdout(&output)
    );
    let rows: Vec<String> =
        stdout(&output).lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert!(rows.contains(&"! verdict nothing match verimatrix MDRM-508".to_owned()), "{rows:#?}");
    assert!(rows.contains(&"! verdict match okta nothing".to_owned()), "{rows:#?}");
}

#[test]
fn a_filter_picks_by_file_name_and_line() {
    let dir = folder(&[("tollgate.yaml", PACK), ("cases.jsonl", CASES)]);
    for (filter, expected) in [
        ("cases.jsonl", "3 passed, 0 failed"),
        ("T-2", "1 passed, 0 failed"),
        ("the code alone", "1 passed, 0 failed"),
        ("TG-10011", "1 passed, 0 failed"),
        ("tollgate.refused", "2 passed, 1 failed"),
    ] {
        assert_eq!(sum(&test(dir.path(), &[".", "--filter", filter])), expected, "{filter}");
    }
    let nothing = test(dir.path(), &[".", "--filter", "no such text"]);
    assert_eq!((nothing.status.code(), stdout(&nothing).as_str()), (Some(2), ""));
}

#[test]
fn a_pack_in_the_directory_takes_the_place_of_the_shipped_one() {
    let own = PACK.replace("tollgate", "verimatrix").replace(", tenant: acme", "");
    let cases = "{\"id\": \"A\", \"line\": \"ERROR drm MDRM-508\", \"expect\": {\"verdict\": \"none\"}}\n";
    let dir = folder(&[("own.yaml", &own), ("c.jsonl", cases)]);
    assert_eq!(sum(&test(dir.path(), &["."])), "4 passed, 0 failed");
}

#[test]
fn files_that_cannot_be_loaded_are_all_said_with_their_places() {
    let cases = format!("{CASES}{{\"id\": \"T-1\", \"line\": \"x\", \"expect\": []}}\n");
    let dir = folder(&[
        ("bad.yaml", &PACK.replace("category", "catgory")),
        ("cases.jsonl", &cases),
        ("more.jsonl", "{\"id\": \"M-1\", \"lnie\": \"x\", \"expect\": []}\n"),
    ]);
    let output = test(dir.path(), &[".", "nowhere"]);
    let said = stderr(&output);
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(2), ""), "{said}");
    for text in [
        "./bad.yaml:9:5: unknown field `catgory`",
        "did you mean `category`?",
        "./cases.jsonl:5:1: the id `T-1` is taken by the case at ./cases.jsonl:1",
        "./more.jsonl:1:",
        "unknown field `lnie`",
        "nowhere:1:1: it does not exist",
    ] {
        assert!(said.contains(text), "{text}: {said}");
    }
    let empty = folder(&[]);
    assert_eq!(test(empty.path(), &["."]).status.code(), Some(2), "nothing to run is no success");
}

#[test]
fn the_cases_of_this_repository_pass() {
    let output = test(Path::new(env!("CARGO_MANIFEST_DIR")), &["tests/cases", "tests/cases/packs"]);
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
}
