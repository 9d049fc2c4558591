//! Reloads of the real binary: a thousand under a steady stream of lines, every tenth of a broken set of files, a storm of
//! signals, changed settings. `--tee` tells when a line was judged: what is copied was pushed through before.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::ChildStdout;

use crate::cli::process::{DEADLINE, Running, get, run_without_input, stderr, stdout, wait_for_sample};

/// Three versions of one pack: the same code in another category each.
const CATEGORIES: [&str; 3] = ["service", "authorization", "request"];

fn pack(category: &str) -> String {
    include_str!("../cases/packs/tollgate.yaml").replacen(
        "category: authorization",
        &format!("category: {category}"),
        1,
    )
}

fn overlay(severity: &str) -> String {
    format!(
        "schema: faultline.rules/v1\noverlay: true\nprovider: {{id: tollgate}}\n\
         rules:\n  - {{id: TG-1001, severity: {severity}}}\n"
    )
}

/// A configuration file and the rule directory that it names.
struct Files {
    root: tempfile::TempDir,
}

impl Files {
    fn new() -> Files {
        let files = Files { root: tempfile::tempdir().unwrap() };
        files.repair(CATEGORIES[0], "error");
        files
    }

    fn configuration(&self) -> PathBuf {
        self.root.path().join("faultline.yaml")
    }

    fn rules(&self) -> PathBuf {
        self.root.path().join("rules")
    }

    fn argument(&self) -> String {
        self.configuration().to_str().unwrap().to_owned()
    }

    /// All files as they should be, whatever they were.
    fn repair(&self, category: &str, severity: &str) {
        let _ = fs::remove_dir_all(self.rules());
        fs::create_dir(self.rules()).unwrap();
        fs::write(self.configuration(), "rules: {dirs: [rules]}\n").unwrap();
        fs::write(self.rules().join("tollgate.yaml"), pack(category)).unwrap();
        fs::write(self.rules().join("ours.yaml"), overlay(severity)).unwrap();
    }

    /// Another version of the pack in the place of this one; a reload sees the one or the other.
    fn replace(&self, category: &str) {
        let beside = self.rules().join(".tollgate.yaml");
        fs::write(&beside, pack(category)).unwrap();
        fs::rename(beside, self.rules().join("tollgate.yaml")).unwrap();
    }

    /// One of many ways to go wrong; gives what the report has to name.
    fn break_one(&self, way: usize) -> &'static str {
        let write = |name: &str, text: &[u8]| fs::write(self.rules().join(name), text).unwrap();
        let broken = |from: &str, to: &str| {
            let text = pack("service");
            assert!(text.contains(from), "{from}");
            write("tollgate.yaml", text.replacen(from, to, 1).as_bytes());
        };
        match way % WAYS {
            0 => broken("names: [tollgate]", "names: [tollgate"),
            1 => broken("names:", "nmaes:"),
            2 => broken("id: TG-2002", "id: TG-1001"),
            3 => broken(r"TG-\d{4}", r"TG-(\d{4}"),
            4 => write("tollgate.yaml", b""),
            5 => {
                fs::remove_file(self.rules().join("tollgate.yaml")).unwrap();
                std::os::unix::fs::symlink("tollgate.yaml", self.rules().join("tollgate.yaml")).unwrap();
            }
            6 => {
                fs::rename(self.rules(), self.root.path().join("elsewhere")).unwrap();
                fs::remove_dir_all(self.root.path().join("elsewhere")).unwrap();
                return "it does not exist";
            }
            7 => {
                let text = pack("service");
                write("tollgate.yaml", &text.as_bytes()[..text.len() / 2]);
            }
            8 => write("tollgate.yaml", b"schema: \xff\xfe\n"),
            9 => {
                write("twice.yaml", pack("service").as_bytes());
                return "twice.yaml";
            }
            10 => {
                write("ours.yaml", overlay("dreadful").as_bytes());
                return "ours.yaml:5:";
            }
            11 => {
                fs::write(self.configuration(), "rules: {dirs: [rules]}\nlimit: {}\n").unwrap();
                return "faultline.yaml:2:";
            }
            12 => {
                fs::remove_file(self.configuration()).unwrap();
                return "faultline.yaml";
            }
            _ => unreachable!("there are not more"),
        }
        "tollgate.yaml"
    }
}

const WAYS: usize = 13;

const SUCCESS_TIME: &str = "faultline_config_last_reload_success_timestamp_seconds";

/// A daemon that copies its input, and the reading end of the copy.
struct Daemon {
    running: Running,
    copy: ChildStdout,
    address: String,
}

impl Daemon {
    fn start(args: &[&str]) -> Daemon {
        let mut running = Running::daemon(&[&["--tee"], args].concat());
        let address = running.address();
        let copy = running.take_stdout();
        Daemon { running, copy, address }
    }

    /// Writes lines; all but the last of them were judged when this returns.
    fn feed(&mut self, lines: &str) {
        self.running.write(lines.as_bytes());
        self.read_copy(lines.len());
    }

    fn read_copy(&mut self, bytes: usize) {
        self.copy.read_exact(&mut vec![0; bytes]).unwrap();
    }

    /// Waits for the end of a reload; tells whether it took, and what was said in its first line.
    fn outcome(&mut self) -> Result<String, String> {
        let said = self.running.wait_for("reloaded");
        if said.contains("not reloaded") { Err(said) } else { Ok(said) }
    }
}

/// So many known lines, and one without a code that ends the last event.
fn lines(count: usize) -> String {
    "2026-03-01T10:00:00Z ERROR tollgate: error=TG-1001 merchant=acme refused\n".repeat(count)
        + "2026-03-01T10:00:01Z INFO all is well\n"
}

fn errors_by_category(exposition: &str) -> BTreeMap<String, u64> {
    let of_line = |line: &str| {
        let (labels, count) =
            line.strip_prefix("faultline_errors_total{provider=\"tollgate\",")?.split_once("} ")?;
        let category = labels.split('"').nth(1)?.to_owned();
        Some((category, count.parse::<u64>().ok()?)).filter(|(_, count)| *count > 0)
    };
    exposition.lines().filter_map(of_line).collect()
}

fn sample(exposition: &str, name: &str) -> f64 {
    let line = exposition.lines().find(|line| line.starts_with(&format!("{name} ")));
    line.unwrap_or_else(|| panic!("no {name}")).rsplit(' ').next().unwrap().parse().unwrap()
}

/// What the test expects of the counts, in lines.
#[derive(Default)]
struct Sent {
    lines: u64,
    errors: u64,
    /// Judged while one version was in effect and none was being loaded.
    settled: BTreeMap<String, u64>,
    /// Written while a version took another's place: of either.
    open: BTreeMap<String, u64>,
}

#[test]
fn a_thousand_reloads_under_load_lose_no_line_and_no_rule() {
    const RELOADS: usize = 1_000;
    let files = Files::new();
    let mut daemon = Daemon::start(&["--config.file", &files.argument()]);
    let mut sent = Sent::default();
    let (mut succeeded, mut failed) = (0, 0);
    let mut in_effect = 0;
    let mut memory_early = 0.0;
    for reload in 1..=RELOADS {
        let is_broken = reload % 10 == 0;
        let next = if is_broken { in_effect } else { reload % 3 };
        files.repair(CATEGORIES[next], if reload % 2 == 0 { "critical" } else { "warning" });
        let named = is_broken.then(|| files.break_one(reload / 10));
        // Lines flow before, at and after the swap, and one is torn apart by it.
        let during = lines(12);
        let (before, after) = during.split_at(during.len() / 2 + reload % 40);
        daemon.running.write(before.as_bytes());
        daemon.running.signal("-HUP");
        daemon.running.write(after.as_bytes());
        match (daemon.outcome(), named) {
            (Ok(_), None) => succeeded += 1,
            (Err(said), Some(named)) => {
                failed += 1;
                if !said.contains(named) {
                    daemon.running.wait_for(named);
                }
            }
            (outcome, named) => panic!("reload {reload}: {outcome:?}, expected {named:?}"),
        }
        daemon.read_copy(during.len());
        let into = if next == in_effect { &mut sent.settled } else { &mut sent.open };
        *into.entry(CATEGORIES[next].to_owned()).or_default() += 12;
        if next != in_effect {
            *sent.open.entry(CATEGORIES[in_effect].to_owned()).or_default() += 12;
        }
        in_effect = next;
        daemon.feed(&lines(8));
        *sent.settled.entry(CATEGORIES[in_effect].to_owned()).or_default() += 8;
        sent.errors += 20;
        sent.lines += 22;
        if is_broken {
            wait_for_sample(&daemon.address, "faultline_config_last_reload_successful 0");
        }
        if reload == RELOADS / 5 {
            memory_early = sample(&get(&daemon.address, "/metrics"), "process_resident_memory_bytes");
        }
    }
    assert_eq!((succeeded, failed), (RELOADS - RELOADS / 10, RELOADS / 10));
    wait_for_sample(&daemon.address, &format!("faultline_lines_total{{source=\"stdin\"}} {}", sent.lines));
    let exposition = get(&daemon.address, "/metrics");
    let counted = errors_by_category(&exposition);
    assert_eq!(counted.values().sum::<u64>(), sent.errors, "{counted:?}");
    for (category, count) in counted {
        let settled = sent.settled[&category];
        let most = settled + sent.open[&category];
        assert!((settled..=most).contains(&count), "{category}: {count} is not in {settled}..={most}");
    }
    let memory = sample(&exposition, "process_resident_memory_bytes");
    eprintln!("resident: {memory_early} after {}, {memory} after {RELOADS}", RELOADS / 5);
    assert!(memory < memory_early + 24e6, "{memory_early} has become {memory}");
    daemon.running.end_input();
    let said = daemon.running.wait_for("read:");
    assert!(said.contains("22,000 lines") && said.contains("20,000 errors"), "{said}");
    assert_eq!(daemon.running.exit_code(), Some(0));
}

#[test]
fn what_cannot_be_read_again_is_no_configuration() {
    let files = Files::new();
    let mut daemon = Daemon::start(&["--config.file", &files.argument()]);
    let mut refused = |why: &str| {
        daemon.running.signal("-HUP");
        let said = daemon.outcome().unwrap_err();
        assert!(said.contains(why), "{said}");
    };
    fs::write(files.argument(), "").unwrap();
    refused("the file is empty");
    fs::remove_file(files.argument()).unwrap();
    let made = std::process::Command::new("mkfifo").arg(files.argument()).status().unwrap();
    assert!(made.success());
    refused("it is no regular file");
}

#[test]
fn a_higher_limit_gives_room_to_the_codes_that_are_there_from_the_start() {
    let files = Files::new();
    let configure = |series_max: usize| {
        let text = format!("metrics: {{preinit: codes}}\nlimits: {{series_max: {series_max}}}\n");
        fs::write(files.configuration(), text).unwrap();
    };
    configure(100);
    let mut daemon = Daemon::start(&["--config.file", &files.argument()]);
    let series = |address: &str| {
        get(address, "/metrics").lines().filter(|line| line.starts_with("faultline_errors_total{")).count()
    };
    assert_eq!(series(&daemon.address), 100);
    configure(5_000);
    daemon.running.signal("-HUP");
    assert!(daemon.outcome().unwrap().contains("limits.series_max"));
    assert!(series(&daemon.address) > 500, "{}", series(&daemon.address));
}

#[test]
fn an_include_that_finds_nothing_is_said_at_the_start_and_at_a_reload() {
    let files = Files::new();
    fs::write(files.configuration(), "include: [conf.d/*.yml]\n").unwrap();
    fs::create_dir(files.root.path().join("conf.d")).unwrap();
    let mut daemon = Daemon::start(&["--config.file", &files.argument()]);
    let warnings = |daemon: &Daemon| {
        daemon.running.heard().iter().filter(|line| line.contains("no file matches")).count()
    };
    assert_eq!(warnings(&daemon), 1, "{:?}", daemon.running.heard());
    daemon.running.signal("-HUP");
    daemon.outcome().unwrap();
    assert_eq!(warnings(&daemon), 2, "{:?}", daemon.running.heard());
}

#[test]
fn a_storm_of_signals_is_a_few_reloads_and_the_last_files_count() {
    let files = Files::new();
    let mut daemon = Daemon::start(&["--rules.dir", files.rules().to_str().unwrap()]);
    daemon.feed(&lines(1));
    for round in 0..5 {
        files.replace(CATEGORIES[round % 2]);
        daemon.running.signals("-HUP", 100);
    }
    files.replace(CATEGORIES[2]);
    daemon.running.signal("-HUP");
    let mut sent = 1;
    while !errors_by_category(&get(&daemon.address, "/metrics")).contains_key(CATEGORIES[2]) {
        daemon.feed(&lines(1));
        sent += 1;
        assert!(sent < 1_000_000, "the last files did not come into effect");
    }
    daemon.running.end_input();
    let said = daemon.running.wait_for("read:").replace(',', "");
    assert!(said.contains(&format!(" {} lines ", 2 * sent)), "{sent} in {said}");
    assert!(said.contains(&format!(" {sent} error")), "{sent} in {said}");
    assert_eq!(daemon.running.exit_code(), Some(0));
    let reloads = daemon.running.heard().iter().filter(|line| line.contains("reloaded")).count();
    assert!((1..250).contains(&reloads), "{reloads} reloads for 501 signals");
}

#[test]
fn a_request_reloads_where_it_may_and_its_answer_says_what_the_log_says() {
    let files = Files::new();
    let mut daemon = Daemon::start(&["--config.file", &files.argument(), "--web.enable-lifecycle"]);
    fs::write(files.configuration(), "rules: {dirs: [rules]}\nweb: {linger: 1s}\n").unwrap();
    let answer = post(&daemon.address, "/-/reload");
    let said = daemon.outcome().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("web.linger needs a restart"), "{answer}");
    assert!(said.ends_with(answer.lines().last().unwrap()), "{said} {answer}");
    files.break_one(1);
    let answer = post(&daemon.address, "/-/reload");
    daemon.outcome().unwrap_err();
    let place = format!("{}:3:1: unknown field `nmaes`", files.rules().join("tollgate.yaml").display());
    assert!(
        answer.starts_with("HTTP/1.1 500") && answer.lines().any(|line| line.ends_with(&place)),
        "{answer}"
    );
    assert!(!answer.contains("nothing was started"), "{answer}");
    // The metric is there before the answer is.
    assert_eq!(sample(&get(&daemon.address, "/metrics"), "faultline_config_last_reload_successful"), 0.0);
    files.repair(CATEGORIES[0], "error");
    assert!(post(&daemon.address, "/-/reload").starts_with("HTTP/1.1 200"));
    assert_eq!(sample(&get(&daemon.address, "/metrics"), "faultline_config_last_reload_successful"), 1.0);
    let severity_of = |exposition: &str, severity: &str| {
        let attributes = format!("code=\"TG-1001\",category=\"service\",severity=\"{severity}\"");
        exposition.lines().any(|line| line.starts_with("faultline_code_info") && line.contains(&attributes))
    };
    daemon.feed(&lines(1));
    wait_for_sample(&daemon.address, "faultline_matched_total{source=\"stdin\"} 1");
    assert!(severity_of(&get(&daemon.address, "/metrics"), "error"));
    files.repair(CATEGORIES[0], "critical");
    assert!(post(&daemon.address, "/-/reload").starts_with("HTTP/1.1 200"));
    assert!(
        severity_of(&get(&daemon.address, "/metrics"), "critical"),
        "attributes of what was counted before"
    );
    assert!(post(&daemon.address, "/-/quit").starts_with("HTTP/1.1 200"));
    assert_eq!(daemon.running.exit_code(), Some(0));
}

/// The answer to a POST, head and all.
fn post(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    write!(stream, "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn without_a_file_and_without_rules_there_is_nothing_to_change_and_it_succeeds() {
    let mut daemon = Daemon::start(&[]);
    let since = sample(&get(&daemon.address, "/metrics"), SUCCESS_TIME);
    daemon.running.signal("-HUP");
    let said = daemon.outcome().unwrap();
    assert!(!said.contains("changed") && !said.contains("restart"), "{said}");
    daemon.running.signal("-HUP");
    daemon.outcome().unwrap();
    // The first one's time was noted before the second began.
    assert!(sample(&get(&daemon.address, "/metrics"), SUCCESS_TIME) > since);
}

#[test]
fn what_needs_a_restart_is_named_and_the_rest_takes_effect() {
    let files = Files::new();
    let mut daemon = Daemon::start(&["--config.file", &files.argument()]);
    wait_for_sample(&daemon.address, "faultline_series_limit{metric=\"faultline_errors_total\"} 10000");
    let text = "rules: {dirs: [rules]}\nlimits: {series_max: 500, line_bytes_max: 2KiB}\n\
        web: {linger: 1s, listen_addresses: [':1']}\nsources: [{stdin: true, name: other}]\nlog: {format: json}\n";
    // A flag names the address and beats the file, so the file's is no change.
    let expected = "changed: log.format, limits.series_max; web.linger needs a restart; sources needs a restart; \
        limits.line_bytes_max needs a restart";
    for expected in [expected, &expected.replace("changed: log.format, limits.series_max; ", "")] {
        fs::write(files.configuration(), text).unwrap();
        daemon.running.signal("-HUP");
        let said = daemon.outcome().unwrap();
        assert!(said.contains(expected), "{said}");
        let json: serde_json::Value = serde_json::from_str(&said).expect("the log is JSON now");
        assert_eq!(json["level"], "INFO");
    }
    wait_for_sample(&daemon.address, "faultline_series_limit{metric=\"faultline_errors_total\"} 500");
    fs::write(files.configuration(), "log: {level: error}\nlimit: 1\n").unwrap();
    daemon.running.signal("-HUP");
    let said = daemon.outcome().unwrap_err();
    assert!(said.contains("faultline.yaml:2:1"), "{said}");
    assert_eq!(serde_json::from_str::<serde_json::Value>(&said).unwrap()["level"], "ERROR");
}

#[test]
fn settings_are_printed_as_a_file_that_prints_itself() {
    let files = Files::new();
    let out = run_without_input(&[
        "run",
        "--print-config",
        "--config.file",
        &files.argument(),
        "--log.format",
        "json",
        "--input",
        "a.log",
    ]);
    assert_eq!((out.status.code(), stderr(&out)), (Some(0), String::new()));
    let printed = stdout(&out);
    assert!(printed.contains("format: json") && printed.contains("name: \"a.log\""), "{printed}");
    assert!(printed.contains(&format!("- \"{}\"", files.rules().display())), "{printed}");
    fs::write(files.configuration(), &printed).unwrap();
    let again = run_without_input(&["run", "--print-config", "--config.file", &files.argument()]);
    assert_eq!(stdout(&again), printed);
}
