//! Completions and man pages say what the command line takes: bash really completes, groff really sets the page.

use std::process::{Command, Stdio};

use super::process::{run_without_input, stderr, stdout};

const COMMANDS: [&str; 7] = ["demo", "run", "scan", "classify", "explain", "check", "test"];

/// What bash offers for the last of these words.
fn completed(words: &[&str]) -> Vec<String> {
    let script = stdout(&run_without_input(&["completions", "bash"]));
    let asked = format!(
        "{script}\nCOMP_WORDS=({}); COMP_CWORD={}; _faultline faultline {:?} {:?}; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(" "),
        words.len() - 1,
        words[words.len() - 1],
        words[words.len() - 2],
    );
    let output = Command::new("bash").args(["--norc", "-c", &asked]).output().expect("bash is there");
    assert!(output.status.success(), "{output:?}");
    stdout(&output).lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_flags_and_values() {
    assert_eq!(completed(&["faultline", "sc"]), ["scan"]);
    assert_eq!(completed(&["faultline", "scan", "--fail"]), ["--fail-on"]);
    assert_eq!(completed(&["faultline", "scan", "--fail-on", ""]), ["info", "warning", "error", "critical"]);
}

#[test]
fn every_shell_gets_a_script_that_knows_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = stdout(&run_without_input(&["completions", shell]));
        let missing: Vec<_> = COMMANDS.iter().filter(|command| !script.contains(**command)).collect();
        assert!(missing.is_empty(), "{shell} does not know {missing:?}");
    }
    assert_eq!(run_without_input(&["completions", "cmd"]).status.code(), Some(2));
}

#[test]
fn a_man_page_is_set_without_a_warning_and_names_what_help_names() {
    for args in [&["man"][..], &["man", "run"], &["man", "scan"]] {
        let output = run_without_input(args);
        let page = output.stdout.clone();
        let set = Command::new("groff")
            .args(["-man", "-Tutf8", "-P-cbou", "-ww", "-rLL=100n"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let Ok(mut set) = set else {
            println!("SKIPPED man_page: groff is not installed");
            return;
        };
        std::io::Write::write_all(&mut set.stdin.take().unwrap(), &page).unwrap();
        let set = set.wait_with_output().unwrap();
        assert_eq!((set.status.code(), stderr(&set).as_str()), (Some(0), ""), "{args:?}");
        let text = stdout(&set);
        let help = stdout(&run_without_input(&[&args[1..], &["-h"]].concat()));
        let flags: Vec<_> = help
            .lines()
            .filter_map(|line| line.split_whitespace().find(|word| word.starts_with("--")))
            .map(|flag| flag.split(['[', '=', ',']).next().unwrap().to_owned())
            .collect();
        assert!(flags.len() >= 5, "{flags:?}");
        for flag in flags {
            assert!(text.contains(&flag), "{args:?} does not name {flag}:\n{text}");
        }
    }
    let unknown = run_without_input(&["man", "nonsense"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(stderr(&unknown).contains("demo, run, scan"), "{}", stderr(&unknown));
}
