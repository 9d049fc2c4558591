use super::process::{run, run_without_input, stderr, stdout};
use serde_json::Value;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

const LOG: &str = "2026-11-20T09:00:00Z ERROR drm tenant=acme MDRM-508\n2026-11-20T09:00:01Z INFO fine\n\
    2026-11-20T09:00:02Z ERROR drm tenant=acme MDRM-508\n2026-11-20T09:00:03Z ERROR drm MDRM-503\n";

fn file(dir: &Path, name: &str, bytes: &[u8]) -> String {
    let path: PathBuf = dir.join(name);
    std::fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn report(args: &[&str]) -> (Value, Option<i32>, String) {
    let output = run_without_input(&[&["scan", "--format", "json"], args].concat());
    (serde_json::from_str(&stdout(&output)).unwrap_or_default(), output.status.code(), stderr(&output))
}

#[test]
fn the_table_has_counts_times_and_what_to_do() {
    let output = run(&["scan"], LOG.as_bytes());
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(0));
    let row = text.lines().find(|line| line.contains("MDRM-508") && line.contains("acme")).unwrap();
    let words: Vec<&str> = row.split_whitespace().collect();
    let expected =
        ["verimatrix", "token", "MDRM-508", "acme", "2", "2026-11-20", "09:00:00", "2026-11-20", "09:00:02"];
    assert_eq!(words, expected);
    assert!(text.contains("What to do\n  verimatrix MDRM-508 (2, warning): "), "{text}");
    assert!(text.contains("\n4 lines, "), "{text}");
    assert!(!text.contains('\x1b'), "colour without a terminal");
}

#[test]
fn plain_gzip_zstd_and_utf16_are_told_by_content() {
    let dir = tempfile::tempdir().unwrap();
    let utf16: Vec<u8> =
        [0xFF, 0xFE].into_iter().chain(LOG.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let files = [
        file(dir.path(), "plain", LOG.as_bytes()),
        file(dir.path(), "a", &gzip(LOG.as_bytes())),
        file(dir.path(), "b", &zstd::encode_all(LOG.as_bytes(), 3).unwrap()),
        file(dir.path(), "c", &utf16),
    ];
    for path in &files {
        let (report, code, said) = report(&[path]);
        assert_eq!((report["lines"].as_u64(), code), (Some(4), Some(0)), "{path}: {said}");
        assert_eq!(report["errors"][0]["count"], 2, "{path}");
    }
    let all: Vec<&str> = files.iter().map(String::as_str).collect();
    assert_eq!(report(&all).0["lines"], 16);
}

#[test]
fn a_cut_gzip_counts_what_was_there_and_fails() {
    let dir = tempfile::tempdir().unwrap();
    let mut text = String::new();
    (0..20_000_u32)
        .for_each(|n| writeln!(text, "{} ERROR drm MDRM-508", n.wrapping_mul(2_654_435_761)).unwrap());
    let packed = gzip(text.as_bytes());
    let cut = file(dir.path(), "cut.gz", &packed[..packed.len() / 2]);
    let (report, code, said) = report(&[&cut]);
    assert_eq!(code, Some(1));
    assert!(said.contains("cut.gz: ") && said.contains("was counted"), "{said}");
    assert!(report["lines"].as_u64().unwrap() > 1000, "{report}");
}

#[test]
fn a_bad_file_does_not_keep_the_others_from_being_read() {
    let dir = tempfile::tempdir().unwrap();
    let good = file(dir.path(), "good", LOG.as_bytes());
    let (report, code, said) = report(&["/nowhere/x.log", &good, dir.path().to_str().unwrap()]);
    assert_eq!((report["lines"].as_u64(), code), (Some(4), Some(1)));
    assert!(said.contains("/nowhere/x.log: No such file") && said.contains("is a directory"), "{said}");
    let nothing = run_without_input(&["scan", "/nowhere/x.log"]);
    assert_eq!(nothing.status.code(), Some(2));
}

#[test]
fn severity_decides_the_exit_code_when_asked() {
    let warning = b"ERROR drm MDRM-508\n";
    assert_eq!(run(&["scan", "--fail-on", "warning"], warning).status.code(), Some(3));
    assert_eq!(run(&["scan", "--fail-on", "critical"], warning).status.code(), Some(0));
    assert_eq!(run(&["scan"], warning).status.code(), Some(0));
}

#[test]
fn hits_are_printed_as_a_grep_would_and_escaped() {
    let input =
        b"fine\nERROR drm MDRM-508 \x1b[31mred\xff\nERROR api-gw upstream 401: JSON web token is expired\n";
    let text = stdout(&run(&["scan", "--lines"], input));
    assert_eq!(
        text,
        "stdin:2: match verimatrix MDRM-508 | ERROR drm MDRM-508 \\x1b[31mred\\xff\n\
         stdin:3: ambiguous - - | ERROR api-gw upstream 401: JSON web token is expired\n"
    );
    assert_eq!(stdout(&run(&["scan", "--lines=ambiguous"], input)).lines().count(), 1);
    assert_eq!(stdout(&run(&["scan", "--lines=foreign"], input)), "");
}

#[test]
fn any_number_of_threads_says_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let mut text = String::new();
    let mut number = 0;
    while text.len() < 40 << 20 {
        number += 1;
        let tenant = number % 1777;
        match number % 40 {
            0 => write!(text, "2026-11-20 09:00:00,000 ERROR [x] c.a.S - failed tenant=t{tenant}\nno.bankid.csc.CscException: certificate_expired\n\tat no.bankid.csc.Client.call(Client.java:31)\n\tat a.B.c(D.java:1)\n"),
            1 => writeln!(text, "2026-11-20T09:00:01Z ERROR drm tenant=t{tenant} MDRM-508"),
            _ => writeln!(text, "2026-11-20T09:00:02Z INFO request {number} served in {tenant} ms, nothing to see here"),
        }
        .unwrap();
    }
    let path = file(dir.path(), "big.log", text.as_bytes());
    let reports = ["1", "2", "5"].map(|threads| report(&["--threads", threads, &path]).0);
    assert_eq!(reports[0]["lines"].as_u64(), Some(text.lines().count() as u64));
    assert!(reports[0]["errors"].as_array().unwrap().len() > 1000);
    assert_eq!(reports[0], reports[1]);
    assert_eq!(reports[0], reports[2]);
    let lines = ["1", "3"]
        .map(|threads| stdout(&run_without_input(&["scan", "--lines", "--threads", threads, &path])));
    assert_eq!(lines[0].lines().count(), lines[1].lines().count());
    assert!(lines[0] == lines[1], "the lines differ");
    let scrapes = ["1", "3"].map(|threads| {
        stdout(&run_without_input(&["scan", "--format", "prometheus", "--threads", threads, &path]))
    });
    assert!(scrapes[0] == scrapes[1], "the expositions differ");
}

#[test]
fn an_exposition_is_one_of_the_formats() {
    let text = stdout(&run(&["scan", "--format", "prometheus"], LOG.as_bytes()));
    let sample = r#"faultline_errors_total{provider="verimatrix",category="token",code="MDRM-508"} 2"#;
    assert!(text.lines().any(|line| line == sample), "{text}");
}
