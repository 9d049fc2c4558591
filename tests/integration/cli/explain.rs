use super::process::{run, run_without_input, stderr, stdout};
use serde_json::Value;

fn code(args: &[&str]) -> String {
    let output = run_without_input(&[&["explain"], args].concat());
    assert_eq!(output.status.code(), Some(0), "{args:?}: {}", stderr(&output));
    stdout(&output)
}

fn line(text: &str) -> String {
    code(&["--line", text])
}

fn json(args: &[&str]) -> Value {
    serde_json::from_str(&code(&[args, &["--format", "json"]].concat())).unwrap()
}

/// A text with every run of blanks and line ends as one blank: wrapping does not matter.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn assert_holds(text: &str, parts: &[&str]) {
    let flat = flat(text);
    for part in parts {
        assert!(flat.contains(part), "{part:?} is not in:\n{text}");
    }
}

#[test]
fn a_code_says_what_it_means_whose_fault_it_is_and_what_to_do() {
    for question in ["MDRM-508", "mdrm-508", "MDRM 508", "verimatrix.MDRM-508"] {
        let text = code(&[question]);
        assert!(text.starts_with("verimatrix MDRM-508\n"), "{question}: {text}");
        assert_holds(
            &text,
            &[
                "Pack verimatrix (builtin:packs/verimatrix.yaml)",
                "Means token has expired",
                "Fault caller: ",
                "Retry no,",
                "Severity warning; category token",
                "To do Issue a fresh JWT per playback",
                "HTTP 401",
                "code MDRM-508 (unique: ",
                "message “JSON web token is expired” (phrase: ",
                "Example match:",
                "Source https://docs.verimatrix.com/",
            ],
        );
    }
}

#[test]
fn a_code_of_several_providers_is_shown_for_each_and_said_to_be_ambiguous() {
    let text = code(&["access_denied"]);
    for head in ["bankid access_denied\n", "myinfo access_denied\n", "okta access_denied\n"] {
        assert!(text.contains(head), "{text}");
    }
    assert_holds(
        &text,
        &["known to bankid, myinfo, okta, the list of", "alone it proves nobody", "it is the wire code of"],
    );
    let one = code(&["ACCESS_DENIED", "--provider", "myinfo"]);
    assert!(one.starts_with("myinfo ") && !one.contains("\nokta "), "{one}");
    assert_holds(&one, &["known to bankid, myinfo, okta, the list of"]);
}

#[test]
fn values_of_our_own_are_explained_too() {
    assert_holds(
        &code(&["_unknown"]),
        &["_unknown Means an error of the provider with a code that its pack does not"],
    );
    assert_holds(&code(&["_open"]), &["`explain --line` says what would settle it"]);
    assert_holds(&code(&["_other"]), &["faultline_label_overflow_total"]);
    assert!(json(&["_other"])[0]["reserved"].as_str().unwrap().contains("no room"));
}

#[test]
fn a_relative_path_is_made_whole_as_overlays_see_it() {
    let text = code(&["--line", "ERROR request failed: invalid_grant", "--path", "app.log"]);
    let whole = std::env::current_dir().unwrap().join("app.log");
    assert_holds(&text, &[&format!("map: [{{path: \"{}\"}}]", whole.display())]);
}

#[test]
fn inner_codes_names_aliases_rules_and_messages_find_their_rule() {
    for (question, title) in [
        ("client_assertion_expired_token", "okta client_assertion_expired_token"),
        ("The client_assertion token is expired.", "okta client_assertion_expired_token"),
        ("okta.invalid_client.client_assertion_expired_token", "okta client_assertion_expired_token"),
        ("InvalidCsrSignature", "ast-ca 510-10"),
        ("510/10", "ast-ca 510-10"),
        ("E0000011", "okta E0000011"),
    ] {
        let text = code(&[question]);
        assert!(text.lines().any(|l| l == title), "{question}: {text}");
    }
}

#[test]
fn an_unknown_code_exits_with_1_and_says_what_may_be_meant() {
    let said = |question: &str| {
        let output = run_without_input(&["explain", question]);
        assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(1), ""), "{question}");
        stderr(&output)
    };
    assert!(said("acces_denied").contains("did you mean access_denied?"));
    assert!(said("MDRM-999").contains("counted as code _unknown of verimatrix"));
    assert!(said("510-99999").contains("unknown codes are not counted"));
    assert!(said("zzzzzzzzzzzz").contains("no pack has a code"));
    let hostile = said("\x1b[2Jx\u{202e}");
    assert!(hostile.contains("\\x1b[2Jx\\u{202e}") && !hostile.contains('\x1b'), "{hostile}");
    let both = run_without_input(&["explain", "MDRM-508", "nothing_like_it_at_all"]);
    assert_eq!(both.status.code(), Some(1));
    assert!(stdout(&both).starts_with("verimatrix MDRM-508"));
    let nobody = run_without_input(&["explain", "MDRM-508", "--provider", "acme"]);
    assert_eq!(nobody.status.code(), Some(1));
    assert!(stderr(&nobody).contains("no pack of provider acme; known: ast-ca, "), "{}", stderr(&nobody));
}

#[test]
fn a_wrong_question_is_a_usage_error() {
    for args in [&["explain"][..], &["explain", "x", "--line", "y"], &["explain", "x", "--path", "y"]] {
        assert_eq!(run_without_input(args).status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn an_overlay_is_reflected_and_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ours.yaml");
    std::fs::write(
        &file,
        "schema: faultline.rules/v1\noverlay: true\nprovider: {id: verimatrix}\n\
         rules: [{id: MDRM-508, severity: critical, remediation: Call the DRM team.}]\n",
    )
    .unwrap();
    let dir = dir.path().to_str().unwrap();
    let text = code(&["MDRM-508", "--rules.dir", dir]);
    let named = format!("Overlay severity and what to do are from {}", file.display());
    assert_holds(&text, &["Severity critical;", "To do Call the DRM team.", &named]);
    let config = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(config.path(), format!("rules:\n  dirs: [{dir:?}]\n")).unwrap();
    let text = code(&["MDRM-508", "--config.file", config.path().to_str().unwrap()]);
    assert_holds(&text, &["Call the DRM team."]);
    let plain = code(&["MDRM-509", "--rules.dir", dir]);
    assert!(!plain.contains("Overlay"), "{plain}");
}

#[test]
fn codes_are_answered_in_json_as_well() {
    let all = json(&["invalid_client", "MDRM-508"]);
    assert_eq!(all.as_array().unwrap().len(), 2);
    let providers: Vec<&str> =
        all[0]["answers"].as_array().unwrap().iter().map(|a| a["provider"].as_str().unwrap()).collect();
    assert_eq!(providers, ["bankid", "okta"]);
    let one = &all[1]["answers"][0];
    assert_eq!(
        (one["severity"].as_str(), one["retryable"].as_bool(), one["rules"][0]["rule"].as_str()),
        (Some("warning"), Some(false), Some("verimatrix.MDRM-508"))
    );
    let output = run_without_input(&["explain", "MDRM-999", "--format", "json"]);
    let nothing: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(nothing[0]["syntax"][0]["provider"], "verimatrix");
}

#[test]
fn a_match_is_told_step_by_step_in_the_order_of_the_decision() {
    let text = line(
        r#"{"level":"error","tenant":"acme","url":"https://x.okta.com/oauth2/v1/token","status":401,"body":"{\"error\":\"invalid_client\",\"error_description\":\"The client_assertion token is expired.\"}"}"#,
    );
    let labels: Vec<&str> = text
        .lines()
        .filter(|l| !l.starts_with(' ') && !l.is_empty())
        .map(|l| l[..10.min(l.len())].trim_end())
        .collect();
    assert_eq!(labels, ["Record", "Read as", "Found", "Evidence", "Verdict", "Tenant", "Counted"], "{text}");
    assert_holds(
        &text,
        &[
            "field body > error_description",
            "counts E1 the value of an error field",
            "for okta: host *.okta.com (strong, host) in text of field url",
            "match: okta client_assertion_expired_token",
            "wire code invalid_client",
            "acme: from field tenant",
            r#"faultline_errors_total{provider="okta",category="authentication",code="client_assertion_expired_token"} 1"#,
            r#"faultline_tenant_errors_total{provider="okta",category="authentication",tenant="acme"} 1"#,
        ],
    );
}

#[test]
fn wrappers_and_what_they_say_are_named() {
    let text = line(
        r#"<11>1 2026-11-20T09:14:38.500Z node7 ast-ca 2211 - [meta@32473 tenant="acme"] {"subsystem":510,"errorCode":50020}"#,
    );
    assert_holds(
        &text,
        &[
            "taken off: syslog",
            "the wrapper names the app ast-ca",
            "tenant=acme",
            "for ast-ca: identity app=ast-ca",
        ],
    );
}

#[test]
fn a_foreign_mark_is_shown_with_its_place() {
    let text = line("level=error svc=login host=login.microsoftonline.com error=access_denied");
    assert_holds(&text, &["somebody not loaded", "Verdict foreign:", "faultline_foreign_total 1"]);
}

#[test]
fn nothing_found_says_why() {
    assert_holds(
        &line("all is well"),
        &["Verdict none: nothing of any pack", "no code, name or message", "as an unmatched line only"],
    );
    assert_holds(
        &line("INFO token refresh answered invalid_grant"),
        &[
            "nothing that counts",
            "let go no error position",
            "its level says that nothing failed",
            "Verdict none:",
        ],
    );
}

#[test]
fn a_refused_tenant_is_not_repeated_where_the_reason_stands() {
    let text = line(r#"{"level":"error","tenant":"bob@example.org","app":"drm","code":"MDRM-508"}"#);
    assert_holds(&text, &["field tenant was refused, its value looks like an e-mail address (reason email)"]);
    assert!(text.contains("faultline_tenant_rejected_total{reason=\"email\"} 1"), "{text}");
}

#[test]
fn several_errors_in_one_record_are_all_told() {
    let text = line("ERROR okta access_denied -> bankid access_denied; drm MDRM-508");
    assert_holds(
        &text,
        &["match: okta access_denied", "match: bankid access_denied", "match: verimatrix MDRM-508"],
    );
}

#[test]
fn an_unknown_code_of_a_syntax_is_told() {
    assert_holds(
        &line("ERROR licence failed: MDRM-599"),
        &["match: verimatrix _unknown", "category _unknown"],
    );
}

#[test]
fn a_record_of_several_lines_comes_from_standard_input() {
    let input = b"2026-11-20 09:14:00 ERROR [okta-client] token failed\njava.lang.X: invalid_grant\n\tat a.b(C.java:1)\n";
    let output = run(&["explain", "--line", "-"], input);
    assert_eq!(output.status.code(), Some(0));
    assert_holds(&stdout(&output), &["Record 3 lines,", "match: okta invalid_grant"]);
    let two = run(&["explain", "--line", "-"], b"2026-11-20 09:14:00 ERROR a\n2026-11-20 09:14:01 ERROR b\n");
    assert_holds(&stdout(&two), &["would read 2 records here"]);
}

#[test]
fn a_suggested_overlay_settles_the_line_through_the_binary() {
    let ambiguous = r#"{"level":"error","service":"checkout-web","error":"invalid_grant"}"#;
    let told = json(&["--line", ambiguous]);
    assert_eq!(told["verdict"][0]["verdict"], "ambiguous");
    let settle = &told["to_settle"];
    let overlay = settle["overlay"].as_str().unwrap();
    assert!(line(ambiguous).contains("map: [{service: checkout-web}]"));
    assert_eq!(settle["providers"], serde_json::json!(["bankid", "okta"]));
    for provider in ["bankid", "okta"] {
        let dir = tempfile::tempdir().unwrap();
        let text = overlay.replace("{id: bankid}", &format!("{{id: {provider}}}"));
        std::fs::write(dir.path().join("ours.yaml"), text).unwrap();
        let dir = dir.path().to_str().unwrap();
        let output = run(&["classify", "--rules.dir", dir], ambiguous.as_bytes());
        let answer: Value = serde_json::from_str(&stdout(&output)).unwrap();
        let fault = &answer["matches"][0];
        assert_eq!((fault["verdict"].as_str(), fault["provider"].as_str()), (Some("match"), Some(provider)));
        assert_holds(
            &code(&["--line", ambiguous, "--rules.dir", dir]),
            &["match:", "mapped service=checkout-web"],
        );
    }
}

#[test]
fn a_file_that_an_overlay_maps_is_an_origin() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join("ours.yaml"),
        "schema: faultline.rules/v1\noverlay: true\nprovider: {id: okta}\nmap: [{path: \"/var/log/idp/*\", tenant: acme}]\n",
    )
    .unwrap();
    let dir = dir.path().to_str().unwrap();
    let bare = "ERROR failed with invalid_grant";
    assert_holds(&code(&["--line", bare, "--rules.dir", dir]), &["ambiguous: provider open, invalid_grant"]);
    let mapped = code(&["--line", bare, "--rules.dir", dir, "--path", "/var/log/idp/a.log"]);
    assert_holds(
        &mapped,
        &["match: okta invalid_grant", "source mapping", "acme: from a mapping of an overlay"],
    );
    let told = json(&["--line", bare, "--path", "/var/log/shop/a.log"]);
    assert_eq!(told["to_settle"]["maps"], "path \"/var/log/shop/a.log\"");
}

#[test]
fn hostile_bytes_and_a_mebibyte_are_answered_in_bounds() {
    let mut input = b"\x1b[31m\xff\x00\x9b ERROR \xe2\x80\xae {\"error\":\"invalid_grant\"} ".to_vec();
    input.resize(512 << 10, b'{');
    input.extend_from_slice(b"MDRM-508 ".repeat(70_000).as_slice());
    let output = run(&["explain", "--line", "-"], &input);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.len() < 64 << 10, "{} bytes", text.len());
    assert!(text.contains("cut at the line limit"), "{text}");
    assert!(text.chars().all(|c| c == '\n' || c == '\t' || !c.is_control()), "{text}");
    let output = run(&["explain", "--line", "-", "--format", "json"], &input);
    assert!(output.stdout.len() < 512 << 10, "{} bytes", output.stdout.len());
    let _: Value = serde_json::from_str(&stdout(&output)).unwrap();
}

#[test]
fn text_fits_a_terminal_and_has_no_colour_in_a_pipe() {
    for text in [code(&["access_denied"]), line("ERROR okta token refused: invalid_grant")] {
        assert!(!text.contains('\x1b'), "{text}");
        let long = |l: &&str| l.chars().count() > 100 && !l.contains("faultline_");
        // Lines to be copied are not broken.
        assert!(!text.lines().filter(long).any(|l| !l.starts_with("          ")), "{text}");
    }
}
