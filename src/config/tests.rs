//! What a configuration may say, what is refused with place and hint, and that the example equals the defaults.

mod kafka;

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
    let text = "log: {level: debug, format: json}\nweb: {listen_addresses: [':1', 'localhost:2'], linger: 30s, \
        telemetry_path: /a/metrics, enable_lifecycle: true, openmetrics_created: true}\n\
        sources:\n  - {file: /var/log/a.log, name: app}\n  - {stdin: true}\n  \
        - {files: [/b/*.log, /c], exclude: ['*.gz', '/b/x*'], start: end, rotate_wait: 0, partial_timeout: 30s}\n\
        state: {dir: /var/lib/faultline}\n\
        metrics: {zero_first: always, preinit: codes}\n\
        limits: {line_bytes_max: 64KiB, event_lines_max: 7, tenants_max: 5, series_max: 200, sources_max: 3, open_files_max: 8, expansion_ratio_max: 9}\n\
        rules: {dirs: [/etc/faultline/rules]}\n";
    let settings = parse("f", text).unwrap();
    assert_eq!(settings.log, Log { level: LogLevel::Debug, format: LogFormat::Json });
    assert_eq!(settings.web.linger, Duration::from_secs(30));
    assert_eq!(settings.web.telemetry_path, "/a/metrics");
    assert!(settings.web.enable_lifecycle && settings.web.openmetrics_created);
    assert_eq!(
        settings.web.listen_addresses.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [":1", "localhost:2"]
    );
    let app = FilesSetting::of_glob("/var/log/a.log".into());
    let app = SourceSetting { name: "app".into(), from: SourceFrom::Files(app) };
    let many = FilesSetting {
        include: vec!["/b/*.log".into(), "/c".into()],
        exclude: vec!["*.gz".into(), "/b/x*".into()],
        start: Start::End,
        rotate_wait: Duration::ZERO,
        partial_timeout: Some(Duration::from_secs(30)),
    };
    let many = SourceSetting { name: "/b/*.log".into(), from: SourceFrom::Files(many) };
    assert_eq!(settings.sources, [app, SourceSetting::stdin(), many]);
    assert_eq!(settings.state.dir, Some("/var/lib/faultline".into()));
    assert_eq!(settings.metrics, Exposure { zero_first: ZeroFirst::Always, preinit: Preinit::Codes });
    let limits = Limits {
        line_bytes_max: 65536,
        event_lines_max: 7,
        tenants_max: 5,
        series_max: 200,
        sources_max: 3,
        open_files_max: 8,
        expansion_ratio_max: 9,
    };
    assert_eq!(settings.limits, limits);
    assert_eq!(settings.rules.dirs, [PathBuf::from("/etc/faultline/rules")]);
}

#[test]
fn every_wrong_value_is_reported_with_its_place() {
    let text = "web:\n  listen_addresses: ['nowhere']\n  linger: soon\n  telemetry_path: /-/metrics\nsources:\n  - {file: a, stdin: true}\n  - {file: b}\n  \
        - {file: c, name: b}\nlimits:\n  line_bytes_max: 3\n  tenants_max: 99999999\n";
    let findings = parse("f.yaml", text).unwrap_err();
    let places: Vec<(usize, usize)> = findings.iter().map(|finding| (finding.line, finding.column)).collect();
    assert_eq!(
        places.iter().map(|(line, _)| *line).collect::<Vec<_>>(),
        [2, 3, 4, 6, 8, 10, 11],
        "{findings}"
    );
    assert!(places.iter().all(|(_, column)| *column > 1), "{findings}");
}

#[test]
fn what_is_wrong_with_files_is_said_where_it_stands() {
    let text = "sources:\n\
        - file: '/a/[b'\n\
        - files:\n  - /a/*.log\n  - '/b/{c'\n\
        - {file: /c, exclude: ['*.gz', 'x]', 'y}']}\n\
        - {files: []}\n\
        - {file: /d, files: [/e]}\n\
        - {file: /f, start: middle}\n\
        - {file: /g, rotate_wait: 2h}\n\
        - {file: /h, partial_timeout: 1ms}\n\
        - {file: /i, partial_timeout: never}\n\
        - {stdin: true, start: end}\n\
        - {file: /j/}\n\
        state: {dir: ''}\n";
    let findings = parse("f.yaml", text).unwrap_err();
    let lines: Vec<usize> = findings.iter().map(|finding| finding.line).collect();
    assert_eq!(lines, [2, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15], "{findings}");
    let shown = findings.to_string();
    for expected in [
        "`/a/[b` is no glob: [ at character 4 has no ]",
        "`y}` is no glob: } at character 2 has no {",
        "standard input has no `start`",
        "`/j/` ends with /",
        "from 0s to 1h",
        "from 100ms to 24h, or off",
    ] {
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
}

#[test]
fn relative_globs_begin_where_they_stand_and_excludes_of_names_stay() {
    let text =
        "sources: [{file: 'logs/./*.log', exclude: ['*.gz', '**/old/*', 'logs/x']}]\nstate: {dir: s}\n";
    let settings = parse("f", text).unwrap().seen_from("/a/[b]".as_ref());
    let SourceFrom::Files(files) = &settings.sources[0].from else { panic!("it names files") };
    assert_eq!(settings.sources[0].name, "logs/./*.log");
    assert_eq!(files.include, [PathBuf::from("/a/\\[b\\]/logs/*.log")]);
    assert_eq!(files.exclude, ["*.gz", "**/old/*", "/a/\\[b\\]/logs/x"].map(PathBuf::from));
    assert_eq!(settings.state.dir, Some("/a/[b]/s".into()));
}

#[test]
fn a_flag_beats_the_file_and_the_file_beats_what_the_service_manager_offers() {
    let offered = Flags { state_dir_offered: Some("/offered".into()), ..Flags::default() };
    let asked = Flags { state_dir: Some("/asked".into()), start: Some(Start::End), ..offered.clone() };
    let text = "state: {dir: /file}\nsources: [{file: /a, start: beginning}, {stdin: true}]\n";
    let file = || parse("f", text).unwrap();
    let dir = |settings: Settings| settings.state.dir.unwrap();
    assert_eq!(dir(Settings::default().overridden_by(&offered)), PathBuf::from("/offered"));
    assert_eq!(dir(file().overridden_by(&offered)), PathBuf::from("/file"));
    assert_eq!(dir(file().overridden_by(&asked)), PathBuf::from("/asked"));
    let start = |settings: &Settings| match &settings.sources[0].from {
        SourceFrom::Files(files) => files.start,
        _ => panic!("it names files"),
    };
    assert_eq!(start(&file().overridden_by(&offered)), Start::Beginning);
    assert_eq!(start(&file().overridden_by(&asked)), Start::End);
    let inputs = Flags { inputs: vec!["/b/*".into()], ..asked };
    assert_eq!(start(&file().overridden_by(&inputs)), Start::End);
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
    let file = parse(
        "f",
        "web: {linger: 1s, telemetry_path: /a, enable_lifecycle: true, openmetrics_created: true}\n\
        sources: [{stdin: true}]\nlog: {level: error}\n",
    )
    .unwrap();
    let flags = Flags {
        linger: Some(Duration::from_secs(2)),
        telemetry_path: Some("/b".into()),
        enable_lifecycle: Some(false),
        inputs: vec!["a.log".into(), "-".into()],
        listen_addresses: vec![":0".parse().unwrap()],
        ..Flags::default()
    };
    let settings = file.overridden_by(&flags);
    assert_eq!(settings.web.linger, Duration::from_secs(2));
    assert_eq!(settings.log.level, LogLevel::Error);
    assert_eq!(settings.web.telemetry_path, "/b");
    assert!(!settings.web.enable_lifecycle && settings.web.openmetrics_created);
    assert_eq!(settings.web.listen_addresses[0].to_string(), ":0");
    assert_eq!(settings.sources, [SourceSetting::of_path("a.log".into()), SourceSetting::stdin()]);
}

#[test]
fn the_worst_case_of_the_built_in_rules_holds_what_is_there_from_the_start() {
    let settings = Settings::default();
    let engine = build_engine(&settings).unwrap();
    let metrics = settings.series_worst_case(&engine.catalogue, 1).metrics;
    let of = |name| metrics.iter().find(|(metric, _)| *metric == name).unwrap().1;
    let codes = engine.catalogue.info.len();
    assert_eq!(of("faultline_code_info"), codes);
    assert!(of("faultline_errors_total") > codes && of("faultline_errors_total") < 10_000);
    assert_eq!(of("faultline_tenants_affected"), 5 * 3);
    assert_eq!(of("faultline_lines_total"), 1);
    assert_eq!(engine.catalogue.sha256.len(), 64);
}

#[test]
fn what_changed_is_named_and_what_can_wait_for_no_restart_is_taken() {
    let text = "log: {level: debug, format: json}\nweb: {listen_addresses: [':1'], linger: 30s, telemetry_path: /a, \
        enable_lifecycle: true, openmetrics_created: true}\nmetrics: {zero_first: never, preinit: codes}\nsources: [{stdin: true}]\nstate: {dir: /s}\n\
        limits: {line_bytes_max: 64KiB, event_lines_max: 7, tenants_max: 5, series_max: 200, sources_max: 3, open_files_max: 8, expansion_ratio_max: 9}\n\
        rules: {dirs: [/etc/faultline/rules]}\n";
    let (old, new) = (Settings::default(), parse("f", text).unwrap());
    assert_eq!(old.changes(&old), Changes::default());
    let changes = old.changes(&new);
    let at_restart = [
        "web.listen_addresses",
        "web.telemetry_path",
        "web.enable_lifecycle",
        "web.openmetrics_created",
        "web.linger",
        "metrics.zero_first",
        "metrics.preinit",
        "sources",
        "state.dir",
        "limits.line_bytes_max",
        "limits.event_lines_max",
        "limits.open_files_max",
        "limits.expansion_ratio_max",
    ];
    assert_eq!(changes.at_restart, at_restart);
    let all = changes.at_once.len() + changes.at_restart.len();
    assert_eq!(all, 19, "{changes:?}");
    let adopted = old.adopting(new.clone());
    assert_eq!(adopted.changes(&new), Changes { at_once: Vec::new(), at_restart: at_restart.to_vec() });
}

#[test]
fn each_setting_is_a_change_by_the_name_that_the_file_gives_it() {
    let of = |text: &str| Settings::default().changes(&parse("f", text).unwrap());
    for (section, setting, value) in [
        ("log", "level", "warn"),
        ("log", "format", "json"),
        ("web", "listen_addresses", "[':1']"),
        ("web", "telemetry_path", "/a"),
        ("web", "enable_lifecycle", "true"),
        ("web", "openmetrics_created", "true"),
        ("web", "linger", "1s"),
        ("metrics", "zero_first", "always"),
        ("metrics", "preinit", "codes"),
        ("limits", "line_bytes_max", "2KiB"),
        ("limits", "event_lines_max", "1"),
        ("limits", "tenants_max", "1"),
        ("limits", "series_max", "101"),
        ("state", "dir", "/s"),
        ("limits", "sources_max", "1"),
        ("limits", "open_files_max", "1"),
        ("limits", "expansion_ratio_max", "1"),
        ("rules", "dirs", "[x]"),
    ] {
        let Changes { at_once, at_restart } = of(&format!("{section}: {{{setting}: {value}}}\n"));
        assert_eq!([at_once, at_restart].concat(), [format!("{section}.{setting}")]);
    }
    assert_eq!(of("sources: [{stdin: true}]").at_restart, ["sources"]);
}

#[test]
fn the_defaults_are_printed_as_settings_that_the_example_has() {
    let text = print(&Settings::default()).unwrap();
    assert_eq!(parse("f", &text).unwrap(), Settings::default());
    let names = |text: &str| -> Vec<String> {
        let key = |line: &str| Some(line.trim().split_once(':')?.0.to_owned());
        text.lines().filter(|line| !line.trim().starts_with(['#', '-'])).filter_map(key).collect()
    };
    let (printed, shown) = (names(&text), names(EXAMPLE));
    assert!(printed.len() > 10 && printed.iter().all(|name| shown.contains(name)), "{printed:?} {shown:?}");
}

#[test]
fn settings_that_no_file_can_say_are_not_printed_as_others() {
    use std::os::unix::ffi::OsStrExt;
    let no_text = PathBuf::from(std::ffi::OsStr::from_bytes(b"/a\xff.log"));
    let no_name = SourceSetting { name: "n".repeat(200), from: SourceFrom::Stdin };
    let twice = ["/x/a.log", "/x/./a.log"].map(|path| SourceSetting::of_path(path.into()));
    for sources in [vec![SourceSetting::of_path(no_text)], vec![no_name], twice.into()] {
        let settings = Settings { sources, ..Settings::default() };
        assert!(print(&settings).is_err(), "{settings:?}");
    }
}

mod printing {
    use super::*;
    use proptest::prelude::*;

    fn log() -> impl Strategy<Value = Log> {
        use LogFormat::*;
        use LogLevel::*;
        let level = prop::sample::select(vec![Debug, Info, Warn, Error]);
        (level, prop::sample::select(vec![Text, Json])).prop_map(|(level, format)| Log { level, format })
    }

    fn web() -> impl Strategy<Value = Web> {
        let address = prop_oneof![
            any::<std::net::SocketAddr>().prop_map(|address| match address {
                // A scope is no part of what a file says.
                std::net::SocketAddr::V6(v6) => std::net::SocketAddr::from((*v6.ip(), v6.port())),
                v4 => v4,
            }
            .into()),
            ("[a-z\"\\\\#%&'*!|{}-]{0,12}", any::<u16>()).prop_map(|(host, port)| format!("{host}:{port}")
                .parse::<ListenAddress>()
                .expect("it is one")),
        ];
        let linger = any::<(u32, u32)>()
            .prop_map(|(seconds, nanos)| Duration::new(seconds.into(), nanos % 1_000_000_000));
        let path = "(/[a-z$&'()*+,;=:@!~_-][a-z.$&'()*+,;=:@!~_-]{0,9}){1,3}"
            .prop_filter("it is taken", |path| parse_telemetry_path(path).is_ok());
        (prop::collection::vec(address, 1..4), path, any::<[bool; 2]>(), linger).prop_map(
            |(listen_addresses, telemetry_path, [enable_lifecycle, openmetrics_created], linger)| Web {
                listen_addresses,
                telemetry_path,
                enable_lifecycle,
                openmetrics_created,
                linger,
            },
        )
    }

    fn metrics() -> impl Strategy<Value = Exposure> {
        use crate::ledger::{Preinit, ZeroFirst};
        let zero_first = prop::sample::select(vec![ZeroFirst::Scrapers, ZeroFirst::Always, ZeroFirst::Never]);
        (zero_first, prop::sample::select(vec![Preinit::Categories, Preinit::Codes]))
            .prop_map(|(zero_first, preinit)| Exposure { zero_first, preinit })
    }

    /// Absolute and in normal form, which is what comes out.
    fn path() -> impl Strategy<Value = PathBuf> {
        "(/[a-zé🦀 :#'\"\\\\{}\\[\\],&*!|>%@`~\u{feff}-]{1,12}){1,4}".prop_map(PathBuf::from)
    }

    /// Seen from a directory, as they come out of a file.
    fn globs(min: usize) -> impl Strategy<Value = Vec<PathBuf>> {
        let glob = prop::sample::select(vec!["app.log", "*.log", "**/x", "[ab]?.{log,txt}", "a\\*b"]);
        let glob = (path(), glob).prop_map(|(dir, glob)| crate::source::paths::below(&dir, glob.as_ref()));
        prop::collection::vec(glob, min..3)
    }

    fn files() -> impl Strategy<Value = FilesSetting> {
        let exclude = prop_oneof![globs(0), Just(vec!["*.gz".into(), "**/old".into()])];
        let partial = prop::option::of((100_u64..86_400_000).prop_map(Duration::from_millis));
        let wait = (0_u64..3_600_000_000).prop_map(Duration::from_micros);
        (globs(1), exclude, prop::sample::select(&Start::ALL[..]), wait, partial).prop_map(
            |(include, exclude, start, rotate_wait, partial_timeout)| FilesSetting {
                include,
                exclude,
                start,
                rotate_wait,
                partial_timeout,
            },
        )
    }

    fn sources() -> impl Strategy<Value = Vec<SourceSetting>> {
        let from = prop_oneof![Just(SourceFrom::Stdin), files().prop_map(SourceFrom::Files)];
        let source = (from, "[a-zé🦀 :#'\"\\\\{},&*!|>%@`~\u{feff}-]{1,30}")
            .prop_map(|(from, name)| SourceSetting { name, from });
        prop::collection::vec(source, 0..5).prop_map(|sources| {
            let mut kept: Vec<SourceSetting> = Vec::new();
            for source in sources {
                if !kept.iter().any(|other| other.name == source.name || other.shares_input(&source)) {
                    kept.push(source);
                }
            }
            kept
        })
    }

    fn state() -> impl Strategy<Value = State> {
        prop::option::of(path()).prop_map(|dir| State { dir })
    }

    fn limits() -> impl Strategy<Value = Limits> {
        let bytes = prop_oneof![1024_usize..=64 << 20, (1_usize..=64).prop_map(|mebi| mebi << 20)];
        (
            bytes,
            1_usize..=100_000,
            0_usize..=1_000_000,
            100_usize..=10_000_000,
            1_usize..=1_000_000,
            (1_usize..=1_000_000, 1_u64..=1_000_000),
        )
            .prop_map(
                |(
                    line_bytes_max,
                    event_lines_max,
                    tenants_max,
                    series_max,
                    sources_max,
                    (open_files_max, expansion_ratio_max),
                )| {
                    Limits {
                        line_bytes_max,
                        event_lines_max,
                        tenants_max,
                        series_max,
                        sources_max,
                        open_files_max,
                        expansion_ratio_max,
                    }
                },
            )
    }

    fn rules() -> impl Strategy<Value = Rules> {
        prop::collection::hash_set(path(), 0..4).prop_map(|dirs| Rules { dirs: dirs.into_iter().collect() })
    }

    proptest! {
        #[test]
        fn what_is_printed_gives_the_same_settings_again(
            (log, web, metrics, sources, state, limits, rules) in
                (log(), web(), metrics(), sources(), state(), limits(), rules()),
        ) {
            let settings = Settings { log, web, metrics, sources, state, limits, rules };
            let text = print(&settings).map_err(|error| TestCaseError::fail(format!("{error:#}")))?;
            prop_assert_eq!(parse("f", &text).unwrap(), settings);
        }
    }
}
