//! `check`: what is wrong is all said at once, with its place first; what is right is counted. Nothing else happens.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

use super::process::{run_without_input, stderr, stdout};

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

fn check(dir: &Path, args: &[&str]) -> Output {
    let mut command = super::process::command(&["check"]);
    command.args(args).current_dir(dir).output().unwrap()
}

/// What stands at the beginning of a line and names a place.
fn places(text: &str) -> Vec<&str> {
    let is_place = |line: &&str| line.split(':').nth(2).is_some_and(|column| column.parse::<usize>().is_ok());
    text.lines().filter(is_place).collect()
}

const OVERLAY: &str =
    "schema: faultline.rules/v1\noverlay: true\nprovider: {id: okta}\nmap: [{host: login.acme.example}]\n";

fn pack(provider: &str, code: &str) -> String {
    format!(
        "schema: faultline.rules/v1\nprovider: {{id: {provider}}}\nforms: [{{fields: {{error: '{{code}}'}}}}]\nrules:\n  \
         - {{id: a, code: {code}, category: token, severity: error, retryable: false, fault: caller, remediation: Wait., \
         tests: [{{line: 'level=error svc={provider} error={code}', expect: ambiguous}}]}}\n"
    )
}

#[test]
fn everything_that_is_wrong_in_all_files_is_said_at_once_with_its_place_first() {
    let dir = folder(&[
        ("f.yaml", "web: {lingre: 3s}\nlimits:\n  tenants_max: -1\nrules: {dirs: [nowhere]}\n"),
        ("ov.yaml", "schema: faultline.rules/v1\noverlay: true\nprovider: {id: otka}\nmap: [{servce: x}]\n"),
        ("broken.yaml", "schema: faultline.rules/v1\nprovider: {id: [\n"),
    ]);
    let output = check(dir.path(), &["f.yaml", "ov.yaml", "broken.yaml", "missing.yaml"]);
    let said = stderr(&output);
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(2), ""), "{said}");
    let places = places(&said);
    for start in [
        "broken.yaml:",
        "f.yaml:1:7: unknown field `lingre`",
        "f.yaml:3:16: ",
        "f.yaml:4:16: `nowhere`: it does not exist",
        "missing.yaml:1:1: it does not exist",
        "ov.yaml:4:8: unknown field `servce`",
    ] {
        assert!(places.iter().any(|line| line.starts_with(start)), "{start}: {said}");
    }
    assert_eq!(said.lines().next(), places.first().copied(), "the first line is a place");
    assert_eq!(said.lines().last(), Some(&*format!("{} errors, 0 warnings", places.len())), "{said}");
    assert!(
        said.contains("hint: did you mean `linger`?") && said.contains("hint: did you mean `service`?"),
        "{said}"
    );
}

#[test]
fn what_is_right_is_counted_and_exits_with_0() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = check(root, &["deploy/faultline.yaml", "rules/packs", "tests/cases/packs/tollgate.yaml"]);
    let said = stdout(&output);
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
    assert!(said.starts_with("1 configuration file and 7 rule files checked: 7 packs with "), "{said}");
    assert!(
        said.contains("faultline_tenant_errors_total  ") && said.ends_with("0 errors, 0 warnings\n"),
        "{said}"
    );
    let output = check(root, &[]);
    assert_eq!(output.status.code(), Some(0));
    assert!(stdout(&output).starts_with("the built-in rules checked: 6 packs"), "{}", stdout(&output));
}

#[test]
fn the_worst_case_of_series_follows_the_limits() {
    let dir = folder(&[("f.yaml", "limits: {tenants_max: 3, series_max: 500}\n")]);
    let total = |args: &[&str]| -> u64 {
        let answer: Value = serde_json::from_slice(&check(dir.path(), args).stdout).unwrap();
        answer["summary"]["series"]["total"].as_u64().unwrap()
    };
    let (few, many) = (total(&["--format", "json", "f.yaml"]), total(&["--format", "json"]));
    assert!(few > 500 && few < 4_000 && many > 10_000, "{few} {many}");
}

#[test]
fn machines_get_one_object() {
    let dir = folder(&[
        ("f.yaml", "sources: [{file: nowhere.log}]\n"),
        ("ov.yaml", "overlay: true\nprovider: {id: okta}\n"),
    ]);
    let output = check(dir.path(), &["--format", "json", "f.yaml", "ov.yaml"]);
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(2), ""));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((answer["errors"].as_u64(), answer["warnings"].as_u64()), (Some(1), Some(1)));
    let found = &answer["findings"][0];
    assert_eq!(
        (&found["severity"], &found["file"], &found["line"], &found["message"]),
        (&"error".into(), &"ov.yaml".into(), &1.into(), &"missing field `schema`".into())
    );
    assert_eq!(answer["findings"][1]["severity"], "warning");
    assert_eq!(answer["findings"][1]["message"], "`nowhere.log`: it does not exist");
}

#[test]
fn sources_are_not_opened_and_ports_not_bound() {
    let dir = folder(&[]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let pipe = dir.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let text = format!(
        "web: {{listen_addresses: ['{address}']}}\nsources: [{{file: pipe}}, {{file: later.log}}, {{stdin: true}}]\n"
    );
    fs::write(dir.path().join("f.yaml"), text).unwrap();
    // Opening the pipe would wait for a writer, for ever.
    let output = check(dir.path(), &["--config.file", "f.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(places(&stderr(&output)), ["f.yaml:2:25: warning: `later.log`: it does not exist"]);
    assert!(stdout(&output).ends_with("0 errors, 1 warning\n"));
    fs::create_dir(dir.path().join("rules")).unwrap();
    assert!(
        std::process::Command::new("mkfifo").arg(dir.path().join("rules/x.yaml")).status().unwrap().success()
    );
    let output = check(dir.path(), &["--rules.dir", "rules"]);
    assert!(stderr(&output).starts_with("rules/x.yaml:1:1: it is no regular file"), "{}", stderr(&output));
}

#[test]
fn an_included_file_is_named_where_it_is_wrong_and_run_refuses_it_in_the_same_words() {
    let dir = folder(&[
        ("f.yaml", "include: [conf.d/*.yaml, gone.yaml]\nlog: {level: warn}\n"),
        ("conf.d/a.yaml", "web:\n  linger: soon\n"),
    ]);
    let file = dir.path().join("f.yaml").display().to_string();
    let output = run_without_input(&["check", "--config.file", &file]);
    let said = stderr(&output);
    let found = places(&said);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(found.len(), 2, "{said}");
    assert!(found[0].contains("/conf.d/a.yaml:2:11: ") && found[1].contains("/f.yaml:1:26: "), "{said}");
    let refused = run_without_input(&["scan", "--config.file", &file, "/dev/null"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(found.iter().all(|line| stderr(&refused).contains(line)), "{}", stderr(&refused));
    fs::write(dir.path().join("gone.yaml"), "").unwrap();
    fs::write(dir.path().join("conf.d/a.yaml"), "sources: [{file: a.log}]\n").unwrap();
    let output = run_without_input(&["check", "--config.file", &file]);
    assert!(stdout(&output).starts_with("3 configuration files checked: "), "{}", stdout(&output));
    assert!(stderr(&output).contains("conf.d/a.yaml:1:11: warning: "), "{}", stderr(&output));
}

#[test]
fn a_typo_in_an_overlay_says_what_was_likely_meant() {
    for (from, to, place, hint) in [
        ("id: okta", "id: oktta", "3:16", "did you mean `okta`?"),
        ("host:", "hosst:", "4:8", "did you mean `host`?"),
        ("overlay: true", "overlay: yes", "2:10", ""),
        (
            "map:",
            "rules: [{id: invalid_grant.invalid_gran, severity: info}]\nmap:",
            "4:14",
            "did you mean `invalid_grant.invalid_grant`?",
        ),
        ("map:", "rules: [{id: core.E0000004, severty: info}]\nmap:", "4:29", "did you mean `severity`?"),
        ("id: okta", "id: okta, operated_by: uss", "3:35", "did you mean `us`?"),
        ("login.acme.example}", "login.acme.example, tenant: 'a b'}", "4:42", "a letter or digit, then"),
        ("login.acme.example}", "'https://login.acme.example/'}", "4:14", "a domain and nothing else"),
    ] {
        let dir = folder(&[("ov.yaml", &OVERLAY.replacen(from, to, 1))]);
        let output = check(dir.path(), &["ov.yaml"]);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{to}");
        assert!(said.starts_with(&format!("ov.yaml:{place}: ")) && said.contains(hint), "{to}: {said}");
    }
    let dir = folder(&[("ov.yaml", OVERLAY)]);
    assert_eq!(check(dir.path(), &["ov.yaml"]).status.code(), Some(0));
}

#[test]
fn the_shipped_rules_are_clean_under_the_lint() {
    let output = check(Path::new("/"), &["--lint"]);
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
    assert!(stdout(&output).contains(" accepted overlaps\n0 errors, 0 warnings\n"), "{}", stdout(&output));
}

#[test]
fn an_overlap_is_an_error_until_it_is_accepted_and_its_hint_accepts_it() {
    let dir = folder(&[("rules/tollgate.yaml", &pack("tollgate", "invalid_client"))]);
    assert_eq!(check(dir.path(), &["rules"]).status.code(), Some(0), "without --lint it is none");
    let output = check(dir.path(), &["--lint", "rules"]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said.starts_with(
            "rules/tollgate.yaml:5:19: `invalid_client` is a code of `bankid` too, builtin:packs/bankid.yaml:"
        ),
        "{said}"
    );
    assert_eq!(places(&said).len(), 1, "{said}");
    let accepted = said.lines().find_map(|line| line.split_once("in a rule file: ")).unwrap().1;
    fs::write(dir.path().join("rules/accepted.yaml"), format!("schema: faultline.rules/v1\n{accepted}\n"))
        .unwrap();
    let output = check(dir.path(), &["--lint", "rules"]);
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
    fs::write(dir.path().join("rules/tollgate.yaml"), pack("tollgate", "toll_refused")).unwrap();
    let output = check(dir.path(), &["--lint", "rules"]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2));
    assert!(said.starts_with("rules/accepted.yaml:2:"), "{said}");
    assert!(said.contains("this overlap is accepted, but there is none\n"), "{said}");
}

#[test]
fn a_pack_that_takes_a_shipped_ones_place_makes_no_shipped_acceptance_wrong() {
    let dir = folder(&[("rules/bankid.yaml", &pack("bankid", "only_this_code_of_a_test"))]);
    let output = check(dir.path(), &["--lint", "rules"]);
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
}

#[test]
fn warnings_of_the_lint_are_no_errors() {
    let text = pack("tollgate", "toll_refused");
    let dir = folder(&[("t.yaml", text.split(", tests:").next().unwrap()), ("u.yaml", "")]);
    let fixed = format!("{}}}\n", fs::read_to_string(dir.path().join("t.yaml")).unwrap());
    fs::write(dir.path().join("t.yaml"), fixed).unwrap();
    let output = check(dir.path(), &["--lint", "t.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(places(&stderr(&output)), ["t.yaml:5:10: warning: rule `a` has no test"]);
    assert!(stdout(&output).ends_with("0 errors, 1 warning\n"));
}

#[test]
fn whatever_a_file_holds_the_answer_is_a_place_and_never_a_panic() {
    let dir = folder(&[("cases.jsonl", "{}\n"), ("deep.yaml", &"[".repeat(200_000)), ("empty.yaml", "")]);
    fs::write(dir.path().join("bytes.yaml"), (0..=255u8).collect::<Vec<_>>()).unwrap();
    fs::write(dir.path().join("large.yaml"), vec![b'#'; 17 << 20]).unwrap();
    fs::write(dir.path().join("esc\u{1b}[2J.yaml"), "a\u{1b}[31m: [\n").unwrap();
    let names: Vec<PathBuf> =
        fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name().into()).collect();
    for name in names {
        let output = check(dir.path(), &[name.to_str().unwrap()]);
        let said = stderr(&output);
        if name.as_os_str() == "empty.yaml" {
            assert_eq!(output.status.code(), Some(0), "an empty configuration is one: {said}");
            continue;
        }
        assert_eq!(output.status.code(), Some(2), "{name:?}: {said}");
        assert!(said.lines().next().is_some_and(|line| !places(line).is_empty()), "{name:?}: {said}");
        assert!(!said.contains('\u{1b}') && !said.contains("panicked"), "{name:?}: {said}");
    }
}

#[test]
fn a_directory_whose_files_lie_deeper_is_warned_of() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("packs")).unwrap();
    let output = run_without_input(&["check", dir.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0));
    let said = stderr(&output);
    assert!(
        said.contains("no rule file is in it") && said.contains("directories below it are not"),
        "{said}"
    );
}

#[test]
fn globs_that_match_nothing_now_are_warned_of_and_wrong_ones_are_errors() {
    let sources =
        "sources:\n  - file: 'logs/*.log'\n  - files: ['logs/*.txt', 'none/*.log', 'missing']\n    name: b\n";
    let dir = folder(&[("f.yaml", sources), ("logs/a.log", "x\n")]);
    let output = check(dir.path(), &["f.yaml"]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert_eq!(places(&said).len(), 3, "{said}");
    for text in
        ["logs/*.txt`: no file matches now", "none`: it does not exist", "missing`: it does not exist"]
    {
        assert!(said.contains(text), "{text:?} is missing: {said}");
    }
    let dir = folder(&[("f.yaml", "sources:\n  - file: 'logs/{a,b.log'\n")]);
    let output = check(dir.path(), &["f.yaml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).starts_with("f.yaml:2:11: "), "{}", stderr(&output));
}
