//! Names and bytes that would move a cursor, hide text or forge a line of our log reach neither the terminal nor the log.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use super::process::command;

/// Colour, a forged line, a carriage return, text turned around, a byte that is no text, the C1 form of an escape.
const NAMES: [&[u8]; 6] = [
    b"a\x1b[31mb",
    b"a\nERROR forged",
    b"a\rb",
    "a\u{202e}gol.b".as_bytes(),
    b"a\xff\xfeb",
    b"a\xc2\x9b31mb",
];

fn within(dir: &Path, name: &[u8], ending: &str) -> PathBuf {
    let mut name = name.to_vec();
    name.extend_from_slice(ending.as_bytes());
    dir.join(OsStr::from_bytes(&name))
}

/// Runs with these arguments in both forms of the log, asserts that nothing raw comes out, and gives what was said.
fn said(args: &[&OsStr], exit_code: i32) -> [String; 2] {
    ["text", "json"].map(|format| {
        let output: Output = command(&["--log.level", "debug", "--log.format", format])
            .args(args)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stderr.clone()).expect("our log is UTF-8");
        assert_eq!(output.status.code(), Some(exit_code), "{args:?}: {text}");
        assert!(!text.is_empty(), "{args:?}");
        let raw: Vec<char> = text
            .chars()
            .filter(|c| (c.is_control() && *c != '\n') || ('\u{202a}'..='\u{202e}').contains(c))
            .collect();
        assert!(raw.is_empty(), "{args:?}: {raw:?} in {text}");
        assert!(!text.lines().any(|line| line.starts_with("ERROR forged")), "{args:?}: {text}");
        if format == "json" {
            for line in text.lines() {
                serde_json::from_str::<serde_json::Value>(line)
                    .unwrap_or_else(|error| panic!("{args:?}: {error}: {line}"));
            }
        }
        text
    })
}

#[test]
fn hostile_names_of_inputs_are_spelled_out() {
    let dir = tempfile::tempdir().unwrap();
    for name in NAMES {
        let missing = within(dir.path(), name, ".none");
        for text in said(&["scan".as_ref(), missing.as_os_str()], 2) {
            assert!(text.contains(".none"), "{text}");
        }
        said(&["classify".as_ref(), missing.as_os_str()], 2);
        said(
            &[
                "run".as_ref(),
                "--web.listen-address".as_ref(),
                "127.0.0.1:0".as_ref(),
                "--input".as_ref(),
                // No glob: one that is would be waited for.
                within(dir.path(), name, "[.none").as_os_str(),
            ],
            2,
        );
    }
}

#[test]
fn hostile_names_of_configuration_and_rules_are_spelled_out() {
    let dir = tempfile::tempdir().unwrap();
    for name in NAMES {
        let missing = within(dir.path(), name, ".yaml");
        said(&["scan".as_ref(), "--config.file".as_ref(), missing.as_os_str()], 2);
        said(&["scan".as_ref(), "--rules.dir".as_ref(), missing.as_os_str()], 2);
        let broken = within(dir.path(), name, "-broken.yaml");
        std::fs::write(&broken, b"limits: {tenants_max: \"\\e[31m\"}\n").unwrap();
        for text in said(&["scan".as_ref(), "--config.file".as_ref(), broken.as_os_str()], 2) {
            assert!(text.contains("-broken.yaml:1:"), "{text}");
        }
        let rules = within(dir.path(), name, ".rules");
        std::fs::create_dir(&rules).unwrap();
        std::fs::write(within(&rules, name, ".yaml"), b"schema: \"\\e]0;x\\a\"\n").unwrap();
        for text in said(&["scan".as_ref(), "--rules.dir".as_ref(), rules.as_os_str()], 2) {
            assert!(text.contains(".yaml:1:"), "{text}");
        }
    }
}
