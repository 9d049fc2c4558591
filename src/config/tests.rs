//! What a configuration may say, what is refused with place and hint, and that the example equals the defaults.

use super::*;
use crate::ledger::{Preinit, ZeroFirst};

const EXAMPLE: &str = include_str!("../../deploy/faultline.yaml");

#[test]
fn the_documented_example_says_the_defaults() {
    assert_eq!(parse("faultline.yaml", EXAMPLE).unwrap(), Settings::default());
}

#[test]
fn every_setting_of_the_text_is_in_the_documented_example() {
    // Debug prints each field of the shape as `name: value`.
    let shape = format!("{:?}", raw::Raw::default());
    let name_end = |part: &'static str| part.rsplit(|c: char| !c.is_ascii_lowercase() && c != '_').next();
    let shape: &'static str = shape.leak();
    let fields: Vec<&str> = shape.split(": ").filter_map(name_end).filter(|name| !name.is_empty()).collect();
    assert!(fields.len() > 10, "{shape}");
    for field in fields {
        assert!(EXAMPLE.contains(&format!("{field}:")), "{field} is missing");
    }
}

#[test]
fn a_file_of_comments_is_the_defaults() {
    for text in ["", "# nothing\n", "---\n\n"] {
        assert_eq!(parse("f", text).unwrap(), Settings::default(), "{text:?}");
    }
}

#[test]
fn all_values_are_taken() {
    let text = "log: {level: debug, format: json}\nweb: {listen_addresses: [':1', 'localhost:2'], linger: 30s}\n\
        sources:\n  - {file: /var/log/a.log, name: app}\n  - {stdin: true}\n\
        metrics: {zero_first: always, preinit: codes}\n\
        limits: {line_bytes_max: 64KiB, event_lines_max: 7, tenants_max: 5, series_max: 200, sources_max: 3, expansion_ratio_max: 9}\n\
        rules: {dirs: [/etc/faultline/rules]}\n";
    let settings = parse("f", text).unwrap();
    assert_eq!(settings.log, Log { level: LogLevel::Debug, format: LogFormat::Json });
    assert_eq!(settings.web.linger, Duration::from_secs(30));
    assert_eq!(
        settings.web.listen_addresses.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [":1", "localhost:2"]
    );
    let app = SourceSetting { name: "app".into(), from: SourceFrom::File("/var/log/a.log".into()) };
    assert_eq!(settings.sources, [app, SourceSetting::stdin()]);
    assert_eq!(settings.metrics, Exposure { zero_first: ZeroFirst::Always, preinit: Preinit::Codes });
    let limits = Limits {
        line_bytes_max: 65536,
        event_lines_max: 7,
        tenants_max: 5,
        series_max: 200,
        sources_max: 3,
        expansion_ratio_max: 9,
    };
    assert_eq!(settings.limits, limits);
    assert_eq!(settings.rules.dirs, [PathBuf::from("/etc/faultline/rules")]);
}

#[test]
fn every_wrong_value_is_reported_with_its_place() {
    let text = "web:\n  listen_addresses: ['nowhere']\n  linger: soon\nsources:\n  - {file: a, stdin: true}\n  - {file: b}\n  \
        - {file: c, name: b}\nlimits:\n  line_bytes_max: 3\n  tenants_max: 99999999\n";
    let findings = parse("f.yaml", text).unwrap_err();
    let places: Vec<(usize, usize)> = findings.iter().map(|finding| (finding.line, finding.column)).collect();
    assert_eq!(places.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 3, 5, 7, 9, 10], "{findings}");
    assert!(places.iter().all(|(_, column)| *column > 1), "{findings}");
}

#[test]
fn unknown_settings_are_refused_with_a_hint() {
    let findings = parse("f.yaml", "web:\n  lingre: 3s\nlimit: {}\n").unwrap_err().to_string();
    assert!(
        findings.contains("did you mean `linger`?") && findings.contains("did you mean `limits`?"),
        "{findings}"
    );
}

#[test]
fn flags_beat_the_file() {
    let file = parse("f", "web: {linger: 1s}\nsources: [{stdin: true}]\nlog: {level: error}\n").unwrap();
    let flags = Flags {
        linger: Some(Duration::from_secs(2)),
        inputs: vec!["a.log".into(), "-".into()],
        listen_addresses: vec![":0".parse().unwrap()],
        ..Flags::default()
    };
    let settings = file.overridden_by(&flags);
    assert_eq!(settings.web.linger, Duration::from_secs(2));
    assert_eq!(settings.log.level, LogLevel::Error);
    assert_eq!(settings.web.listen_addresses[0].to_string(), ":0");
    assert_eq!(settings.sources, [SourceSetting::of_path("a.log".into()), SourceSetting::stdin()]);
}
