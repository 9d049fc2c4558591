use super::process::{run, run_without_input, stderr, stdout};

#[test]
fn every_command_has_help_with_examples() {
    for command in
        ["demo", "run", "scan", "classify", "explain", "check", "test", "state", "completions", "man"]
    {
        let output = run_without_input(&[command, "--help"]);
        assert_eq!(output.status.code(), Some(0));
        assert!(stdout(&output).contains("Examples:\n  "), "{command}");
    }
    assert!(stdout(&run_without_input(&["--help"])).contains("Exit codes: 0 "));
}

#[test]
fn the_version_names_the_commit() {
    let text = stdout(&run_without_input(&["--version"]));
    assert!(text.starts_with("faultline ") && text.contains("(commit "), "{text}");
}

#[test]
fn a_wrong_command_line_exits_with_2() {
    for args in [
        &["nonsense"][..],
        &[],
        &["scan", "--format", "xml"],
        &["scan", "--lines", "--format", "json"],
        &["run", "--web.listen-address", "nowhere"],
        &["demo", "--for", "soon"],
        &["scan", "--threads", "0"],
        &["run", "--input", "/var/log/[a"],
        &["run", "--input.start", "middle"],
        &["state"],
    ] {
        assert_eq!(run_without_input(args).status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn a_glob_that_is_none_is_refused_with_its_place_and_a_hint() {
    for (glob, expected) in [("/var/log/[a", "[ at character 10 has no ]"), ("/var/log/", "ends with /")] {
        let said = stderr(&run_without_input(&["run", "--input", glob]));
        assert!(said.contains(expected) && said.contains("hint: "), "{said}");
    }
}

#[test]
fn a_wrong_configuration_is_reported_whole_and_nothing_starts() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f.yaml");
    std::fs::write(&path, "web:\n  lingre: 3s\nlimits:\n  tenants_max: -1\n").unwrap();
    let output = run(&["scan", "--config.file", path.to_str().unwrap()], b"ERROR drm MDRM-508\n");
    let said = stderr(&output);
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(2), ""));
    assert!(said.starts_with(&format!("{}:2:3: ", path.display())), "the place does not come first: {said}");
    assert!(said.contains("did you mean `linger`?"), "{said}");
    assert!(said.ends_with("faultline: the configuration cannot be used; nothing was started\n"), "{said}");
    assert!(said.contains("f.yaml:4:"), "only the first error was reported: {said}");
    for wrong in ["/nowhere.yaml", dir.path().to_str().unwrap()] {
        assert_eq!(run(&["scan", "--config.file", wrong], b"").status.code(), Some(2), "{wrong}");
    }
}

#[test]
fn rule_directories_add_packs() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join("bad.yaml"),
        "schema: faultline.rules/v1\nprovider: {id: x}\ncatagory: y\n",
    )
    .unwrap();
    let output = run(&["classify", "--rules.dir", dir.path().to_str().unwrap()], b"x\n");
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(2), ""));
    let place = format!("{}:3:1: ", dir.path().join("bad.yaml").display());
    assert!(stderr(&output).starts_with(&place), "{}", stderr(&output));
}

#[test]
fn a_kafka_source_of_flags_is_in_the_settings_and_its_secrets_are_not() {
    let args = ["run", "--print-config", "--kafka.brokers", "kafka-1:9092", "--kafka.topics", "t,logs-*"];
    let wrong = run_without_input(&args);
    assert_eq!((wrong.status.code(), stdout(&wrong).as_str()), (Some(2), ""));
    assert!(stderr(&wrong).contains("--kafka.topics: a regex begins with `^`"), "{}", stderr(&wrong));
    let args = ["run", "--print-config", "--kafka.brokers", "kafka-1:9092", "--kafka.topics", "logs"];
    let set = [
        "--kafka.set",
        "sasl.password=KANARIK",
        "--kafka.set",
        "ssl.key.password=${KEY}",
        "--require-broker",
    ];
    let output = run_without_input(&[&args[..], &set[..]].concat());
    let (printed, said) = (stdout(&output), stderr(&output));
    assert!(!printed.contains("KANARIK") && !said.contains("KANARIK"), "{printed}{said}");
    if cfg!(feature = "kafka") {
        assert_eq!(output.status.code(), Some(0), "{said}");
        for line in
            ["group: \"faultline\"", "require_broker: true", "\"sasl.password\": \"***\"", "\"${KEY}\""]
        {
            assert!(printed.contains(line), "{line}: {printed}");
        }
    } else {
        assert_eq!(output.status.code(), Some(2));
        assert!(said.contains("this build of faultline has no Kafka in it"), "{said}");
    }
    for wrong in [&["--kafka.set", "KANARIK"][..], &["--kafka.brokers", "u:KANARIK@h"], &["--require-broker"]]
    {
        let output = run_without_input(&[&["run", "--kafka.topics", "logs"][..], wrong].concat());
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("--kafka.") && !said.contains("KANARIK"), "{said}");
    }
    let output = run(&["run", "--require-broker"], b"x\n");
    assert!(stderr(&output).contains("there is none"), "{}", stderr(&output));
}
