//! The README says what is true: its example gives the output that it shows, its pack is the one that is tested, and
//! no metric, flag or exit code is left out.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cli::process::{Running, get, run, run_without_input, stdout};

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn readme() -> String {
    fs::read_to_string(repository("README.md")).unwrap()
}

fn assert_shows(text: &str) {
    let readme = readme();
    let missing: Vec<&str> = text
        .lines()
        .map(str::trim_end)
        .filter(|line| !readme.lines().any(|shown| shown.trim_end() == *line))
        .collect();
    assert!(missing.is_empty(), "README.md does not show:\n{}", missing.join("\n"));
}

#[test]
fn the_example_gives_the_output_that_is_shown() {
    let sample = repository("tests/cases/readme/sample.log");
    let text = fs::read_to_string(&sample).unwrap();
    assert_eq!(text.lines().count(), 10);
    assert_shows(&text);
    let report = stdout(&run_without_input(&["scan", sample.to_str().unwrap()]));
    let is_timed = |line: &&str| line.starts_with("10 lines");
    assert_shows(&report.lines().filter(|line| !is_timed(line)).collect::<Vec<_>>().join("\n"));
    let ambiguous = format!("{}\n", text.lines().nth(7).unwrap());
    assert_shows(&stdout(&run(&["classify"], ambiguous.as_bytes())));
    assert_shows(&stdout(&run(&["explain", "--line", "-"], ambiguous.as_bytes())));
}

#[test]
fn the_pack_is_the_one_that_is_tested() {
    let pack = fs::read_to_string(repository("tests/cases/packs/tollgate.yaml")).unwrap();
    assert!(readme().contains(&pack), "README.md and tests/cases/packs/tollgate.yaml differ");
}

#[test]
fn every_metric_of_a_scrape_is_named_and_no_other() {
    let mut daemon = Running::daemon(&["--web.linger", "10m"]);
    let address = daemon.address();
    daemon.write(&fs::read(repository("tests/cases/readme/sample.log")).unwrap());
    daemon.end_input();
    daemon.wait_for("all input has ended");
    let scrape = get(&address, "/metrics");
    let families: Vec<&str> =
        scrape.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    assert!(families.len() > 20, "{families:?}");
    let readme = readme();
    for family in families.iter().filter(|family| family.starts_with("faultline_")) {
        assert!(readme.contains(&format!("`{family}")), "README.md does not name {family}");
        let shows = |line: &str| line.strip_prefix(family).is_some_and(|rest| rest.starts_with(['{', ' ']));
        assert!(readme.lines().any(shows), "README.md shows no line of {family}");
    }
    for named in readme.split("`faultline_").skip(1) {
        let name: String = named.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        assert!(families.contains(&&*format!("faultline_{name}")), "README.md names faultline_{name}");
    }
}

#[test]
fn every_flag_is_named_and_no_other() {
    let mut flags = Vec::new();
    for command in ["demo", "run", "scan", "classify", "explain", "check", "test", "state reset"] {
        let words: Vec<&str> = command.split(' ').chain(["--help"]).collect();
        let help = stdout(&run_without_input(&words));
        let of_line = |line: &str| {
            let name: String =
                line.trim_start().split("--").nth(1)?.chars().take_while(is_of_a_flag).collect();
            line.trim_start().starts_with('-').then_some(name)
        };
        flags.extend(help.lines().filter_map(of_line));
    }
    assert!(flags.len() > 20, "{flags:?}");
    let readme = readme();
    let table = readme.split("## Commands").nth(1).and_then(|text| text.split("\n## ").next()).unwrap();
    for flag in flags.iter().filter(|flag| *flag != "help") {
        assert!(table.contains(&format!("`--{flag}")), "README.md does not name --{flag}");
    }
    for named in table.split("`--").skip(1) {
        let name: String = named.chars().take_while(is_of_a_flag).collect();
        assert!(name == "help" || name == "version" || flags.contains(&name), "README.md names --{name}");
    }
}

fn is_of_a_flag(c: &char) -> bool {
    c.is_ascii_alphanumeric() || *c == '.' || *c == '-'
}

#[test]
#[cfg(feature = "kafka")]
fn every_metric_of_a_kafka_source_is_explained_and_no_other() {
    use faultline::source::kafka::{Panel, Panels, Reports};
    use std::sync::Arc;

    let panel = Arc::new(Panel::new(Arc::new(Reports::new("s", []))));
    let names = |per_partition| {
        let consumers = vec![panel.clone()];
        let panels = Panels { source: "s".to_owned(), per_partition, consumers };
        panels.gather(0.0).into_iter().map(|family| family.name).collect::<Vec<_>>()
    };
    let shown = names(true);
    assert!(shown.len() > 25 && names(false).iter().all(|name| shown.contains(name)), "{shown:?}");
    let page = fs::read_to_string(repository("deploy/kafka.md")).unwrap();
    for name in &shown {
        assert!(page.contains(&format!("`{name}`")), "deploy/kafka.md does not name {name}");
    }
    let named = page.split('`').filter(|word| word.starts_with("faultline_"));
    let unknown: Vec<&str> = named.filter(|word| !shown.iter().any(|name| name == word)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}
