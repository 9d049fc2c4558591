use super::process::{Running, command, run, run_without_input, stdout};
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

#[test]
fn the_answer_has_the_documented_shape_letter_for_letter() {
    let line = br#"{"tenant":"acme","url":"https://x.okta.com/oauth2/v1/token","error":"invalid_client","error_description":"The client_assertion token is expired."}"#;
    let text = stdout(&run(&["classify"], line));
    let shape = r#"{"line":1,"matches":[{"verdict":"match","provider":"okta","code":"client_assertion_expired_token","wire_code":"invalid_client","category":"authentication","tenant":"acme","candidates":[],"rule":"okta.invalid_client.client_assertion_expired_token","evidence":["#;
    assert!(text.starts_with(shape), "{text}");
    assert!(text.ends_with("]}]}\n"), "{text}");
}

#[test]
fn what_is_not_settled_is_empty_and_an_unknown_tenant_is_a_dash() {
    let text = stdout(&run(
        &["classify"],
        b"{\"level\":\"error\",\"error\":\"invalid_grant\",\"error_description\":\"bad code\"}\n",
    ));
    let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
    let fault = &answer["matches"][0];
    assert_eq!((fault["verdict"].as_str(), fault["provider"].as_str()), (Some("ambiguous"), Some("")));
    assert_eq!((fault["rule"].as_str(), fault["tenant"].as_str()), (Some(""), Some("-")));
    assert_eq!(fault["candidates"], serde_json::json!(["bankid:invalid_grant", "okta:invalid_grant"]));
}

#[test]
fn every_record_gets_one_line_whatever_its_bytes() {
    let mut input = b"hello\n\n\xff\xfe\x00\x80\n\x1f\x8b\x08 no gzip\nERROR drm MDRM-508\r\n".to_vec();
    input.extend_from_slice(&[b'['; 100_000]);
    input.extend_from_slice(b"\nERROR drm MDRM-503");
    let text = stdout(&run(&["classify"], &input));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 7);
    assert_eq!(lines[1], r#"{"line":2,"matches":[]}"#);
    assert!(lines[4].contains("\"MDRM-508\"") && lines[6].contains("\"MDRM-503\""), "{text}");
}

#[test]
fn records_may_end_with_nul_and_hold_lines() {
    let text = stdout(&run(&["classify", "-0"], b"one\nERROR drm MDRM-508\0\0two"));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(lines[0].contains("MDRM-508"), "{text}");
}

#[test]
fn a_record_over_the_limit_is_judged_by_its_head() {
    let mut input = b"ERROR drm MDRM-508 ".to_vec();
    input.resize(3 << 20, b'x');
    input.extend_from_slice(b" MDRM-503\nlast");
    let text = stdout(&run(&["classify"], &input));
    assert_eq!(text.lines().count(), 2);
    assert!(text.contains("MDRM-508") && !text.contains("MDRM-503"));
}

#[test]
fn an_answer_comes_as_soon_as_the_input_pauses() {
    let mut child = command(&["classify"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
    for number in 1..=3 {
        stdin.write_all(b"nothing\n").unwrap();
        let answer = answers.next().unwrap().unwrap();
        assert_eq!(answer, format!("{{\"line\":{number},\"matches\":[]}}"));
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_reader_that_has_enough_is_no_failure() {
    let mut child = Running::start({
        let mut command = command(&["classify"]);
        command.stdin(Stdio::piped());
        command
    });
    child.close_stdout();
    child.write(b"x\n");
    child.end_input();
    assert_eq!(child.exit_code(), Some(0));
}

#[test]
fn files_that_cannot_be_read_are_said() {
    assert_eq!(run_without_input(&["classify", "/nowhere"]).status.code(), Some(2));
    assert_eq!(run_without_input(&["classify", "/nowhere", "/dev/null"]).status.code(), Some(1));
}

#[test]
fn a_code_that_the_limit_cuts_in_two_is_no_other_code() {
    let limit = 1 << 20;
    for (tail, found) in [("MDRM-5081", false), ("MDRM-508", true)] {
        let mut input = b"ERROR drm ".to_vec();
        input.resize(limit - "MDRM-508".len() - 1, b'x');
        input.push(b' ');
        input.extend_from_slice(tail.as_bytes());
        let text = stdout(&run(&["classify"], &input));
        assert_eq!(text.contains("MDRM-508"), found, "{tail}: {text}");
    }
}
