use super::process::{Running, command, get, run, run_without_input, stderr, stdout, wait_for_sample};
use std::io::Write;
use std::process::Stdio;
use std::time::{Duration, Instant};

const FREE: [&str; 2] = ["--web.listen-address", "127.0.0.1:0"];
const SAMPLE: &str = r#"faultline_errors_total{provider="verimatrix",category="token",code="MDRM-508"} 1"#;

#[test]
fn standard_input_is_counted_served_and_summed_up() {
    let mut daemon = Running::daemon(&[]);
    let address = daemon.address();
    daemon.write(b"ERROR drm tenant=acme MDRM-508\nfine\n");
    wait_for_sample(&address, SAMPLE);
    assert!(get(&address, "/-/healthy").starts_with("HTTP/1.1 200"));
    assert!(get(&address, "/-/ready").starts_with("HTTP/1.1 200"));
    daemon.end_input();
    assert!(daemon.wait_for("2 lines").contains("1 error of known providers"));
    assert_eq!(daemon.exit_code(), Some(0));
}

#[test]
fn an_event_is_judged_while_the_source_stays_silent() {
    let mut daemon = Running::daemon(&[]);
    let address = daemon.address();
    // Without a line behind it nothing says that the event is over, except silence.
    daemon.write(b"ERROR drm MDRM-508\n");
    wait_for_sample(&address, SAMPLE);
}

#[test]
fn a_lingering_daemon_serves_until_a_signal_comes() {
    let mut daemon = Running::daemon(&["--web.linger", "10m"]);
    let address = daemon.address();
    daemon.write(b"ERROR drm MDRM-508\n");
    daemon.end_input();
    daemon.wait_for("serving for another");
    wait_for_sample(&address, SAMPLE);
    daemon.signal("-TERM");
    assert_eq!(daemon.exit_code(), Some(0));
}

#[test]
fn both_signals_finish_what_was_read_and_leave_within_two_seconds() {
    for signal in ["-TERM", "-INT"] {
        let mut daemon = Running::daemon(&[]);
        daemon.address();
        // The tee shows that the bytes were read.
        daemon.write(b"ERROR drm MDRM-508");
        let asked = Instant::now();
        daemon.signal(signal);
        let totals = daemon.wait_for("read:");
        assert!(totals.contains("1 line ") && totals.contains("1 error "), "{totals}");
        assert_eq!(daemon.exit_code(), Some(0));
        assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    }
}

#[test]
fn tee_copies_every_byte_and_a_gone_reader_ends_it_quietly() {
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let output = run(&["run", "--tee", FREE[0], FREE[1]], &bytes);
    assert!(output.stdout == bytes, "the copy differs");
    let mut daemon = Running::daemon(&["--tee"]);
    daemon.address();
    daemon.close_stdout();
    daemon.write(b"x\n");
    assert_eq!(daemon.exit_code(), Some(0));
}

#[test]
fn files_are_read_from_where_it_is_said_and_followed_and_standard_input_is_not() {
    let mut log = tempfile::NamedTempFile::new().unwrap();
    log.write_all(b"ERROR drm MDRM-508\n").unwrap();
    let path = log.path().to_str().unwrap().to_owned();
    let mut daemon = Running::daemon(&["--input", &path, "--input.start", "beginning"]);
    let address = daemon.address();
    daemon.write(b"ERROR drm MDRM-503\n");
    wait_for_sample(&address, SAMPLE);
    log.write_all(b"ERROR drm MDRM-508\n").unwrap();
    wait_for_sample(&address, &SAMPLE.replace("} 1", "} 2"));
    wait_for_sample(&address, &format!("faultline_lines_total{{source=\"{path}\"}} 2"));
    assert!(!get(&address, "/metrics").contains("MDRM-503"));
    daemon.signal("-TERM");
    assert_eq!(daemon.exit_code(), Some(0));
}

#[test]
fn one_missing_file_beside_others_is_said_and_looked_for() {
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut daemon = Running::daemon(&["--input", "/nowhere/a.log", "--input", log.path().to_str().unwrap()]);
    daemon.address();
    daemon.wait_for("/nowhere");
    daemon.signal("-TERM");
    assert_eq!(daemon.exit_code(), Some(0));
}

#[test]
fn nothing_is_started_without_a_source_a_port_or_a_right_setting() {
    let nothing = run_without_input(&["run", FREE[0], FREE[1]]);
    assert_eq!(nothing.status.code(), Some(2));
    assert!(stderr(&nothing).contains("faultline run --input"), "{}", stderr(&nothing));
    let mut first = Running::daemon(&[]);
    let address = first.address();
    let second = run(&["run", "--web.listen-address", &address], b"x\n");
    assert_eq!(second.status.code(), Some(2));
    assert!(stderr(&second).contains(&address) && stderr(&second).contains("--web.listen-address"));
    assert_eq!(
        run(&["run", "--tee", "--input", "/etc/passwd", FREE[0], FREE[1]], b"").status.code(),
        Some(2)
    );
}

#[test]
fn a_json_log_is_json_to_its_last_line() {
    let output = run(&["run", "--log.format", "json", FREE[0], FREE[1]], b"ERROR drm MDRM-508\n");
    let said = stderr(&output);
    assert!(said.lines().count() >= 2, "{said}");
    for line in said.lines() {
        assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{line}");
    }
}

#[test]
fn the_demo_ends_by_itself_and_counts_all_five_providers() {
    let mut demo = Running::start(command(&["demo", "--for", "8s", FREE[0], FREE[1]]));
    let address = demo.address();
    for provider in ["ast-ca", "bankid", "myinfo", "okta", "verimatrix"] {
        let until = Instant::now() + Duration::from_secs(7);
        let counts = |text: &str| {
            text.lines().any(|line| {
                line.starts_with(&format!("faultline_errors_total{{provider=\"{provider}\""))
                    && !line.ends_with(" 0")
            })
        };
        while !counts(&get(&address, "/metrics")) {
            assert!(Instant::now() < until, "{provider} was not counted");
        }
    }
    demo.wait_for("read:");
    assert_eq!(demo.exit_code(), Some(0));
}

#[test]
fn a_demo_takes_another_port_where_none_was_asked_for_and_says_so() {
    // If this fails, somebody else has it.
    let _taken = std::net::TcpListener::bind("127.0.0.1:10510");
    let mut demo = Running::start({
        let mut command = command(&["demo", "--for", "1s"]);
        command.stdout(Stdio::null());
        command
    });
    assert!(demo.wait_for("is taken").contains("127.0.0.1:10510"));
    assert!(!demo.address().ends_with(":10510"));
    assert_eq!(demo.exit_code(), Some(0));
}

#[test]
fn a_demo_starts_nothing_where_the_port_that_was_asked_for_is_taken() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = run(&["demo", "--for", "1s", "--web.listen-address", &address], b"");
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains(&address), "{}", stderr(&output));
}

#[test]
fn stdout_of_a_daemon_without_tee_stays_empty() {
    assert_eq!(stdout(&run(&["run", FREE[0], FREE[1]], b"ERROR drm MDRM-508\n")), "");
}

#[test]
fn one_file_with_two_names_is_not_counted_twice() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("app.log");
    std::fs::write(&file, "ERROR drm MDRM-508\n").unwrap();
    let again = dir.path().join("..").join(dir.path().file_name().unwrap()).join("app.log");
    let inputs = ["--input", file.to_str().unwrap(), "--input", again.to_str().unwrap()];
    let mut daemon = Running::daemon(&[&inputs[..], &["--input.start", "beginning"]].concat());
    let address = daemon.address();
    daemon.wait_for("is read by another source already");
    wait_for_sample(&address, SAMPLE);
}
