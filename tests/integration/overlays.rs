//! What overlays promise, through the real binary; the worked examples of `rules/README.md`; and the walk of
//! `rules/overlays.md`, whose commands run as they are written and answer what is written below them.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use faultline::catalogue::{builtin, load};
use faultline::event::Origin;
use faultline::pipeline::{Engine, Options, Pipeline};
use serde_json::Value;

use crate::cli::process::{run, run_without_input, stderr, stdout};

fn document(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("rules").join(name)).unwrap()
}

fn overlay(provider: &str, rest: &str) -> String {
    format!("schema: faultline.rules/v1\noverlay: true\nprovider: {provider}\n{rest}\n")
}

/// A directory with one overlay.
fn rules(text: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("overlay.yaml"), text).unwrap();
    dir
}

/// `verdict provider code tenant` of a line's only verdict.
fn judged(rules: Option<&Path>, line: &str) -> String {
    let mut args = vec!["classify", "-0"];
    args.extend(rules.iter().flat_map(|dir| ["--rules.dir", dir.to_str().unwrap()]));
    let output = run(&args, line.as_bytes());
    assert!(output.status.success(), "{}", stderr(&output));
    let answer: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let all = answer["matches"].as_array().unwrap();
    assert!(all.len() <= 1, "{answer}");
    let words =
        ["verdict", "provider", "code", "tenant"].map(|key| all.first().and_then(|m| m[key].as_str()));
    words.into_iter().flatten().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

#[test]
fn services_loggers_hosts_and_names_prove_a_provider_and_give_a_tenant() {
    let ast = |map: &str| overlay("{id: ast-ca}", &format!("map: [{map}]"));
    let okta = |map: &str| overlay("{id: okta}", &format!("map: [{map}]"));
    let open_ast = "ambiguous 510-4011 -";
    let open_okta = "ambiguous invalid_grant -";
    for (text, line, without, with) in [
        (
            ast("{service: trust-issuer}"),
            "ERROR trust-issuer: signing failed, 510-4011",
            open_ast,
            "match ast-ca 510-4011 -",
        ),
        (ast("{service: trust-issuer}"), "ERROR trust-issuer2: signing failed, 510-4011", open_ast, open_ast),
        (
            ast("{service: Trust-Issuer, tenant: t-1}"),
            r#"{"level":"error","service":"trust-issuer","code":"510-4011"}"#,
            open_ast,
            "match ast-ca 510-4011 t-1",
        ),
        (
            ast("{service: trust-issuer, tenant: t-1}"),
            r#"{"level":"error","service":"trust-issuer","code":"510-4011","tenant":"own"}"#,
            "ambiguous 510-4011 own",
            "match ast-ca 510-4011 own",
        ),
        (
            ast("{service: trust-issuer}"),
            "<11>Nov 20 09:14:03 web-1 trust-issuer[77]: signing failed: 510-4011",
            open_ast,
            "match ast-ca 510-4011 -",
        ),
        (
            ast("{logger: com.acme.trust., tenant: t-2}"),
            "2026-11-20 09:14:03,117 ERROR [http-1] com.acme.trust.Issuer - signing failed: 510-4011",
            open_ast,
            "match ast-ca 510-4011 t-2",
        ),
        (
            ast("{logger: com.acme.trust.}"),
            "2026-11-20 09:14:03,117 ERROR [http-1] com.acme.Issuer - signing failed: 510-4011",
            open_ast,
            open_ast,
        ),
        (
            okta("{host: Login.Acme.example, tenant: acme}"),
            "ERROR POST https://eu.LOGIN.acme.example/oauth2/v1/token failed: invalid_grant",
            open_okta,
            "match okta invalid_grant acme",
        ),
        (
            okta("{host: login.acme.example, tenant: acme}"),
            "ERROR POST https://notlogin.acme.example/oauth2/v1/token failed: invalid_grant",
            open_okta,
            open_okta,
        ),
        (
            okta("{host: acme.okta.com, tenant: mapped}"),
            "ERROR POST https://notacme.okta.com/oauth2/v1/token failed: invalid_grant",
            "match okta invalid_grant notacme",
            "match okta invalid_grant notacme",
        ),
        (
            overlay("{id: okta}", "names: [corner-shop]"),
            "ERROR corner-shop login failed: invalid_grant",
            open_okta,
            "match okta invalid_grant -",
        ),
    ] {
        let dir = rules(&text);
        assert_eq!(judged(None, line), without, "{line}");
        assert_eq!(judged(Some(dir.path()), line), with, "{line} with {text}");
    }
}

#[test]
fn a_mapping_does_not_speak_against_somebody_elses_mark() {
    let dir = rules(&overlay("{id: okta}", "map: [{service: sso-a}]"));
    let line = r#"{"level":"error","service":"sso-a","url":"https://accounts.google.com/token","error":"invalid_grant"}"#;
    assert_eq!(judged(Some(dir.path()), line), "foreign -");
}

#[test]
fn a_path_is_the_whole_one_wherever_the_program_was_started() {
    let dir = tempfile::tempdir().unwrap();
    let logs = dir.path().canonicalize().unwrap().join("trust");
    fs::create_dir(&logs).unwrap();
    fs::write(logs.join("a.log"), "ERROR signing failed, 510-4011\n").unwrap();
    fs::write(logs.join("a.txt"), "ERROR signing failed, 510-4011\n").unwrap();
    let map = format!("map: [{{path: \"{}/*.log\", tenant: t-9}}]", logs.display());
    let rules = rules(&overlay("{id: ast-ca}", &map));
    let scan = |name: &str| {
        let mut command = crate::cli::process::command(&["scan", "--format", "json"]);
        command.args(["--rules.dir", rules.path().to_str().unwrap(), name]).current_dir(&logs);
        let answer: Value = serde_json::from_slice(&command.output().unwrap().stdout).unwrap();
        let error = &answer["errors"][0];
        [&error["provider"], &error["code"], &error["tenant"]]
            .map(|value| value.as_str().unwrap_or("").to_owned())
    };
    assert_eq!(scan("a.log"), ["ast-ca", "510-4011", "t-9"]);
    assert_eq!(scan("a.txt"), ["", "", ""]);
}

#[test]
fn a_topic_proves_a_provider_and_gives_a_tenant() {
    let text = overlay("{id: ast-ca}", "map: [{topic: trust-*, tenant: t-8}]");
    let file = load::RuleFile::from_bytes("overlay.yaml".into(), text.into_bytes()).unwrap();
    let rules = load::load(builtin::files(), &[file]).unwrap();
    let engine = Arc::new(Engine::new(faultline::catalogue::compile(&rules)));
    let tenant = |topic: &str| {
        let origin = Origin { topic: Some(topic.into()), ..Origin::default() };
        let mut pipeline = Pipeline::new(Arc::clone(&engine), Options { origin, ..Options::new("t".into()) });
        let faults = pipeline.classify(b"ERROR signing failed, 510-4011").faults;
        (faults[0].provider.as_deref().map(str::to_owned), faults[0].tenant.as_deref().map(str::to_owned))
    };
    assert_eq!(tenant("trust-logs"), (Some("ast-ca".into()), Some("t-8".into())));
    assert_eq!(tenant("other"), (None, None));
}

/// Provider, code and tenant of a line from a file at `path`, as `explain` tells.
fn explained(rules: &Path, path: &str, line: &str) -> Value {
    let flags = ["--rules.dir", rules.to_str().unwrap(), "--format", "json"];
    let output = run_without_input(&[&["explain", "--line", line, "--path", path][..], &flags[..]].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    serde_json::from_str(&stdout(&output)).unwrap()
}

fn of_fault(answer: &Value) -> String {
    let fault = &answer["verdict"][0];
    ["verdict", "provider", "tenant"].map(|key| fault[key].as_str().unwrap_or("")).join(" ")
}

const POD_UID: &str = "0f6bd0e5-6b9d-4dfb-a5b0-6d8a3f7b7c11";

#[test]
fn names_of_a_container_prove_a_provider_and_give_a_tenant_where_an_overlay_says_so() {
    let line = "ERROR signing failed, 510-4011";
    let own = "ERROR signing failed, 510-4011 tenant=own";
    let pod = |namespace: &str, pod: &str, container: &str| {
        format!("/var/log/pods/{namespace}_{pod}_{POD_UID}/{container}/0.log.20261120-101010")
    };
    let acme = pod("team-acme", "issuer-x", "trust");
    for (text, path, line, judged) in [
        ("", &*acme, line, "ambiguous  -"),
        ("map: [{namespace: team-*}]", &acme, line, "match ast-ca -"),
        ("map: [{namespace: team-*, tenant: t-1}]", &acme, line, "match ast-ca t-1"),
        ("map: [{pod: issuer-*}]", &acme, line, "match ast-ca -"),
        ("map: [{container: trust}]", &acme, line, "match ast-ca -"),
        ("map: [{container: trus}]", &acme, line, "ambiguous  -"),
        ("map: [{namespace: team-*, pod: issuer-*, container: trust}]", &acme, line, "match ast-ca -"),
        ("map: [{namespace: team-*, pod: other-*, container: trust}]", &acme, line, "ambiguous  -"),
        ("map: [{namespace: team-*, container: trust}]", "/var/log/app.log", line, "ambiguous  -"),
        ("tenant: [{namespace: 'team-{t}'}]", &acme, line, "ambiguous  -"),
        ("map: [{container: trust}]\ntenant: [{namespace: 'team-{t}'}]", &acme, line, "match ast-ca acme"),
        ("map: [{container: trust}]\ntenant: [{namespace: 'team-{t}'}]", &acme, own, "match ast-ca own"),
        (
            "map: [{container: trust, tenant: t-1}]\ntenant: [{namespace: '{t}'}]",
            &acme,
            line,
            "match ast-ca t-1",
        ),
        (
            "map: [{container: trust}]\ntenant: [{namespace: 'team-{t}', except: [acme]}, {container: '{t}'}]",
            &acme,
            line,
            "match ast-ca trust",
        ),
        (
            "map: [{container: trust}]\ntenant: [{namespace: 'team-{t}'}]",
            &pod("team-", "i", "trust"),
            line,
            "ambiguous  -",
        ),
        (
            "map: [{container: trust}]\ntenant: [{namespace: '{t}'}]",
            &pod("s1234567d", "i", "trust"),
            line,
            "match ast-ca -",
        ),
    ] {
        let dir = rules(&overlay("{id: ast-ca}", text));
        assert_eq!(of_fault(&explained(dir.path(), path, line)), judged, "{path} with {text}");
    }
}

#[test]
fn hostile_parts_of_a_path_are_no_names_and_never_a_label() {
    let dir = rules(&overlay("{id: ast-ca}", "map: [{namespace: '*'}]\ntenant: [{namespace: '{t}'}]"));
    let long = "n".repeat(64);
    for namespace in [&*long, "a\"b", "a\nb", "a}b", "a\u{1b}[31mb", "_other", "", "..", "a b", "\u{202e}b"] {
        let path = format!("/var/log/pods/{namespace}_issuer_{POD_UID}/trust/0.log");
        let answer = explained(dir.path(), &path, "ERROR signing failed, 510-4011");
        assert_eq!(of_fault(&answer), "ambiguous  -", "{namespace:?}");
        assert!(answer["origin"]["namespace"].is_null(), "{answer}");
    }
}

#[test]
fn a_container_of_docker_is_known_by_the_name_beside_its_log() {
    let id = "4f66ad9a0b2e4d4f66ad9a0b2e4d4f66ad9a0b2e4d4f66ad9a0b2e4d4f66ad9a";
    let root = tempfile::tempdir().unwrap();
    let home = root.path().join("containers").join(id);
    fs::create_dir_all(&home).unwrap();
    let log = home.join(format!("{id}-json.log"));
    fs::write(&log, "{\"log\":\"ERROR signing failed, 510-4011\\n\",\"stream\":\"stderr\"}\n").unwrap();
    let scan = |map: &str| {
        let dir = rules(&overlay("{id: ast-ca}", map));
        let flags = ["--rules.dir", dir.path().to_str().unwrap(), log.to_str().unwrap()];
        let output = run_without_input(&[&["scan", "--format", "json"][..], &flags[..]].concat());
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        let error = &answer["errors"][0];
        [&error["provider"], &error["tenant"]].map(|value| value.as_str().unwrap_or("").to_owned())
    };
    let by_name = "map: [{container: acme-issuer-*}]\ntenant: [{container: '{t}-issuer-1'}]";
    let by_id = "map: [{container: 4f66ad9a0b2e*}]\ntenant: [{container: '{t}'}]";
    assert_eq!(scan(by_name), ["", ""], "docker's file is not there");
    assert_eq!(scan(by_id), ["ast-ca", "-"], "an id is nobody's name");
    fs::write(home.join("config.v2.json"), format!(r#"{{"ID":"{id}","Name":"/acme-issuer-1"}}"#)).unwrap();
    assert_eq!(scan(by_name), ["ast-ca", "acme"]);
    assert_eq!(scan(by_id), ["ast-ca", "acme-issuer-1"]);
}

#[test]
fn severity_remediation_name_and_operator_are_what_the_overlay_says() {
    let text = overlay(
        "{id: verimatrix, name: Our DRM, operated_by: us}",
        "rules: [{id: MDRM-500, severity: info, remediation: Nothing at all.}]",
    );
    let dir = rules(&text);
    let flag = ["--rules.dir", dir.path().to_str().unwrap()];
    let scan =
        |flags: &[&str], more: &[&str]| run(&[&["scan"], more, flags].concat(), b"ERROR drm MDRM-500\n");
    assert!(stdout(&scan(&flag, &[])).contains("verimatrix MDRM-500 (1, info): Nothing at all."));
    assert_eq!(scan(&flag, &["--fail-on", "warning"]).status.code(), Some(0));
    assert_eq!(scan(&[], &["--fail-on", "warning"]).status.code(), Some(3));
    let explained = |flags: &[&str]| stdout(&run_without_input(&[&["explain", "MDRM-500"], flags].concat()));
    assert!(explained(&flag).contains("it is our own"), "{}", explained(&flag));
    assert!(explained(&[]).contains("the provider has to mend it"), "{}", explained(&[]));
    let file = load::RuleFile::from_bytes("overlay.yaml".into(), text.into_bytes()).unwrap();
    let catalogue = faultline::catalogue::compile(&load::load(builtin::files(), &[file]).unwrap());
    let provider = catalogue.providers.iter().find(|provider| &*provider.id == "verimatrix").unwrap();
    assert!(provider.operated_by_us && provider.name == "Our DRM");
    let theirs = overlay("{id: ast-ca, operated_by: them}", "");
    let file = load::RuleFile::from_bytes("overlay.yaml".into(), theirs.into_bytes()).unwrap();
    let catalogue = faultline::catalogue::compile(&load::load(builtin::files(), &[file]).unwrap());
    assert!(
        !catalogue.providers.iter().any(|provider| provider.operated_by_us),
        "the CA is somebody else's now"
    );
}

/// Blocks of a language in a part of a document.
fn blocks<'t>(text: &'t str, language: &str) -> Vec<&'t str> {
    let fence = format!("```{language}\n");
    text.split(&*fence).skip(1).filter_map(|rest| rest.split("\n```").next()).collect()
}

#[test]
fn the_packs_and_lists_of_the_documentation_pass_their_tests() {
    let readme = document("README.md");
    let dir = tempfile::tempdir().unwrap();
    let files =
        blocks(&readme, "yaml").into_iter().filter(|text| text.starts_with("schema: faultline.rules/"));
    for (n, text) in
        files.filter(|text| !text.contains("\noverlay: true\n") && !text.contains("iana-oauth")).enumerate()
    {
        fs::write(dir.path().join(format!("{n}.yaml")), text).unwrap();
    }
    let path = dir.path().to_str().unwrap();
    for (command, said) in [("check", "0 errors, 0 warnings"), ("test", "10 passed, 0 failed")] {
        let output = run_without_input(&[command, path]);
        assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
        assert!(stdout(&output).contains(said), "{}", stdout(&output));
    }
}

#[test]
fn the_worked_examples_of_the_documentation_do_what_it_says() {
    let readme = document("README.md");
    let part = readme.split("\n## Overlays\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let overlays = blocks(part, "yaml");
    let lines: Vec<&str> = part
        .split("\n```\n")
        .filter(|block| block.contains("510-4011") || block.contains("access_denied"))
        .collect();
    let lines: Vec<&str> = lines.into_iter().filter(|block| block.lines().count() == 1).collect();
    assert_eq!((overlays.len(), lines.len()), (3, 2), "{part}");
    let all = rules(overlays[0]);
    let output = run_without_input(&["check", all.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    for (text, line, without, with) in [
        (overlays[1], lines[0], "ambiguous access_denied -", "match okta access_denied acme"),
        (overlays[2], lines[1], "ambiguous 510-4011 -", "match ast-ca 510-4011 -"),
    ] {
        let dir = rules(text);
        assert_eq!(judged(None, line), without);
        assert_eq!(judged(Some(dir.path()), line), with);
    }
    let okta = rules(overlays[1]);
    for (host, verdict) in
        [("eu.login", "match okta access_denied acme"), ("shop-login", "ambiguous access_denied -")]
    {
        assert_eq!(judged(Some(okta.path()), &lines[0].replace("//login", &format!("//{host}"))), verdict);
    }
    let accepted = blocks(readme.split("### Overlaps").nth(1).unwrap(), "yaml")[0];
    load::load(&[], &[load::RuleFile::from_bytes("a.yaml".into(), accepted.into()).unwrap()]).unwrap();
}

/// Commands of a console block, each with the answer that is written below it.
fn commands(block: &str) -> Vec<(String, String)> {
    let mut commands: Vec<(String, String)> = Vec::new();
    let mut lines = block.lines();
    while let Some(line) = lines.next() {
        match line.strip_prefix("$ ") {
            Some(command) => {
                let mut command = command.to_owned();
                if command.ends_with("<<'EOF'") {
                    for line in lines.by_ref() {
                        command.push('\n');
                        command.push_str(line);
                        if line == "EOF" {
                            break;
                        }
                    }
                }
                commands.push((command, String::new()));
            }
            None => {
                let answer = &mut commands.last_mut().expect("an answer has a command").1;
                answer.push_str(line);
                answer.push('\n');
            }
        }
    }
    commands
}

/// Times differ from run to run, and the sizes of the catalogue from release to release.
fn steady(answer: &str) -> String {
    let is_size = |line: &str| {
        line.starts_with("faultline_")
            || line.contains(" other metrics ")
            || line.starts_with("in all, ")
            || line.contains(" checked: ")
            || (line.ends_with(" passed, 0 failed") && line.len() > "99 passed, 0 failed".len())
            || line.contains(" B in ")
    };
    let mask = |line: &str| -> String {
        let masked: String = line.chars().map(|c| if c.is_ascii_digit() { '#' } else { c }).collect();
        masked
            .replace([',', '.'], "")
            .split_whitespace()
            .map(|word| word.replace('#', ""))
            .collect::<Vec<_>>()
            .join(" ")
    };
    answer
        .lines()
        .map(|line| if is_size(line) { mask(line) } else { line.trim_end().to_owned() } + "\n")
        .collect()
}

#[test]
fn the_walk_from_an_ambiguous_line_to_its_overlay_answers_what_is_written() {
    let walk = document("overlays.md");
    let dir = tempfile::tempdir().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_faultline")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let all: Vec<(String, String)> = blocks(&walk, "console").into_iter().flat_map(commands).collect();
    assert!(all.len() > 10, "{all:?}");
    for (command, written) in all {
        let script = format!("exec 2>&1\n{command}");
        let mut shell = Command::new("bash");
        shell.args(["-c", &script]).env("PATH", &path).env_remove("COLUMNS").current_dir(dir.path());
        let answer = stdout(&shell.output().unwrap());
        assert_eq!(steady(&answer), steady(&written), "$ {command}");
    }
}
