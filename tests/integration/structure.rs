//! The shape of the house, read from the sources: which room may use which, what the pure rooms must not know, how long
//! a file may get, which libraries have one home. The tables are decisions: change one on purpose, with the reason in
//! the commit.
//!
//! The reading is textual: comments are cut, `use` trees are spread out, paths in running code count as well.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms in the order of `src/lib.rs`, each with the rooms that it uses. Arrows point up this list only.
const ROOMS: &[(&str, &[&str])] = &[
    ("event", &[]),
    ("telemetry", &[]),
    ("world", &["event"]),
    ("positions", &[]),
    ("catalogue", &["event"]),
    ("source", &["event", "telemetry", "world", "positions"]),
    ("framing", &["event"]),
    ("matcher", &["catalogue"]),
    ("attribution", &["event", "catalogue", "matcher"]),
    ("aggregation", &["event"]),
    ("ledger", &["event", "world", "aggregation"]),
    ("export", &["event", "telemetry", "ledger"]),
    ("pipeline", &["event", "catalogue", "framing", "matcher", "attribution", "aggregation"]),
    ("proving", &["event", "catalogue", "pipeline"]),
    (
        "worker",
        &["event", "world", "positions", "source", "framing", "aggregation", "ledger", "export", "pipeline"],
    ),
    ("config", &["catalogue", "source", "ledger", "export", "pipeline"]),
    ("daemon", &["event", "world", "source", "ledger", "export", "pipeline", "worker", "config"]),
    (
        "commands",
        &[
            "event",
            "telemetry",
            "world",
            "positions",
            "catalogue",
            "source",
            "framing",
            "attribution",
            "ledger",
            "export",
            "pipeline",
            "proving",
            "worker",
            "config",
            "daemon",
        ],
    ),
    ("cli", &["event", "catalogue", "config", "commands"]),
];

/// Nobody else touches where bytes come from and where numbers go.
const MAY_TOUCH_THE_WORLD: &[&str] = &["worker", "daemon", "config", "commands"];

/// Bytes and values in, values out.
const PURE: &[&str] = &[
    "event",
    "positions",
    "catalogue",
    "framing",
    "matcher",
    "attribution",
    "aggregation",
    "pipeline",
    "proving",
];

/// What a pure room must not know.
const WORLD: &[&str] = &[
    "std::fs",
    "std::net",
    "std::thread",
    "std::time",
    "std::env",
    "std::process",
    "std::os",
    "std::io",
    "std::sync::Mutex",
    "std::sync::RwLock",
    "std::sync::mpsc",
    "tokio",
    "tracing",
    "rustix",
    "jiff::Timestamp::now",
    "jiff::Zoned::now",
    "Timestamp::now",
    "Zoned::now",
    "println!",
    "eprintln!",
];

/// A library's one home, as files or rooms below `src`.
const HOMES: &[(&str, &[&str])] = &[
    ("clap", &["cli.rs", "cli/"]),
    ("prometheus", &["telemetry.rs"]),
    ("hyper", &["export/"]),
    ("hyper_util", &["export/"]),
    ("tokio", &["export/", "daemon.rs"]),
    ("rustix", &["world/", "source/", "export/listen.rs"]),
    ("flate2", &["source/", "export/"]),
    ("zstd", &["source/"]),
    ("indicatif", &["commands/"]),
    ("comfy_table", &["commands/"]),
    ("simd_json", &["attribution/"]),
    ("serde_json", &["commands/", "proving/", "source/origin.rs", "source/kafka/"]),
    ("globset", &["source/paths/"]),
    ("granit_parser", &["catalogue/"]),
    ("strsim", &["catalogue/"]),
    ("sha2", &["catalogue/", "ledger/store/frame.rs", "source/tail/print.rs"]),
    ("aho_corasick", &["catalogue/review/", "matcher/", "attribution/"]),
    ("regex_syntax", &["matcher/"]),
    ("rand_chacha", &["commands/demo/"]),
    ("postcard", &["ledger/store/", "source/tail/position.rs", "positions/tests/", "worker/kafka/"]),
    ("rdkafka", &["source/kafka/"]),
    ("anyhow", &["main.rs", "daemon.rs", "config/", "commands/"]),
];

/// Lines of a file without its tests.
const LINES_MAX: usize = 450;

/// Files that are longer today, with the length that they may not outgrow.
const LONGER: &[(&str, usize)] = &[("catalogue/schema.rs", 520)];

/// Modules under `#[cfg(test)]` that are not called `tests`.
const TEST_FILES: &[&str] = &["framing/traces.rs"];

struct File {
    /// Below `src`, with slashes.
    name: String,
    text: String,
    /// Without comments and without tests.
    code: String,
}

impl File {
    /// The room that the file is in, or the file's own name.
    fn room(&self) -> &str {
        self.name.split('/').next().expect("a name has a first part").trim_end_matches(".rs")
    }

    fn is_tests(&self) -> bool {
        self.name.ends_with("tests.rs")
            || self.name.contains("/tests/")
            || TEST_FILES.contains(&self.name.as_str())
    }
}

fn source_files() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    gather(&root, &mut paths);
    paths.sort();
    let files: Vec<File> = paths.iter().map(|path| file(&root, path)).collect();
    assert!(files.len() > 80, "only {} files", files.len());
    files
}

fn gather(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            gather(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

fn file(root: &Path, path: &Path) -> File {
    let text = fs::read_to_string(path).unwrap();
    let name = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
    let code = code_of(&text);
    File { name, text, code }
}

/// Up to the inline tests, without comments. A `//` inside a string cuts that line short, which hides nothing that a
/// path could stand in.
fn code_of(text: &str) -> String {
    let untested = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    untested.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// All paths of the `use` items, groups spread out: `use a::{b, c::d};` gives `a::b` and `a::c::d`.
fn used_paths(code: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for item in code.split("use ").skip(1) {
        let tree = item.split(';').next().unwrap_or_default();
        spread("", &tree.split_whitespace().collect::<Vec<_>>().join(" "), &mut paths);
    }
    paths
}

fn spread(before: &str, tree: &str, paths: &mut Vec<String>) {
    let Some((head, group)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or_default().trim();
        if !path.is_empty() {
            paths.push(format!("{before}{path}"));
        }
        return;
    };
    let group = group.trim_end().trim_end_matches(',').trim_end().strip_suffix('}').unwrap_or(group);
    let (mut depth, mut from) = (0, 0);
    for (at, character) in group.char_indices().chain([(group.len(), ',')]) {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                spread(&format!("{before}{}", head.trim()), group[from..at].trim(), paths);
                from = (at + 1).min(group.len());
            }
            _ => {}
        }
    }
}

/// Whether `path` stands in `code` as a path of its own, not as the end of another.
fn names(code: &str, path: &str) -> bool {
    let joins = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    code.match_indices(path).any(|(at, _)| {
        let goes_on = code[at + path.len()..].chars().next().is_some_and(|c| c.is_alphanumeric() || c == '_');
        !code[..at].chars().next_back().is_some_and(joins) && !goes_on
    })
}

/// The rooms that a file uses, in `use` items and in running code.
fn rooms_used(file: &File) -> BTreeSet<String> {
    let mut paths = used_paths(&file.code);
    for (at, _) in file.code.match_indices("crate::") {
        let path: String =
            file.code[at..].chars().take_while(|c| c.is_alphanumeric() || "_:".contains(*c)).collect();
        paths.push(path);
    }
    let to_the_root = "super::".repeat(module_depth(&file.name));
    let room = |path: &String| {
        let inside = path.strip_prefix("crate::").or_else(|| path.strip_prefix(&to_the_root))?;
        let name = inside.split("::").next()?.to_owned();
        (!name.is_empty() && name != "super").then_some(name)
    };
    paths.iter().filter_map(room).filter(|room| room != file.room()).collect()
}

/// How many `super::` lead from a file to the root of the crate.
fn module_depth(name: &str) -> usize {
    name.trim_end_matches("/mod.rs").split('/').count()
}

fn assert_none(violations: Vec<String>) {
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

fn is_room(name: &str) -> bool {
    ROOMS.iter().any(|(room, _)| *room == name)
}

#[test]
fn the_reader_of_use_lines_sees_every_way_to_write_one() {
    let code = code_of(
        "use crate::{event::Label, ledger::{self, Limits as L}};\nuse std::{\n    fs,\n    io::{Read, Write},\n};\n\
         // use crate::export;\nfn f() { crate::source::open() }\n#[cfg(test)]\nmod tests {\n use crate::daemon;\n}\n",
    );
    assert_eq!(
        used_paths(&code),
        [
            "crate::event::Label",
            "crate::ledger::self",
            "crate::ledger::Limits",
            "std::fs",
            "std::io::Read",
            "std::io::Write"
        ]
    );
    let of = |name: &str, text: &str| {
        let file = File { name: name.into(), text: text.into(), code: code_of(text) };
        rooms_used(&file).into_iter().collect::<Vec<_>>()
    };
    assert_eq!(of("framing/mod.rs", &code), ["event", "ledger", "source"]);
    assert_eq!(of("pipeline.rs", "use super::export;"), ["export"]);
    assert_eq!(
        of("framing/a/b.rs", "use super::super::super::export::x;\nuse super::super::lines;"),
        ["export"]
    );
    assert!(names("let x = std::fs::read(p);", "std::fs") && !names("mystd::fs::x", "std::fs"));
    assert!(!names("std::fsx::y", "std::fs"));
}

#[test]
fn rooms_are_declared_in_reading_order() {
    let tour = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let declared: Vec<&str> =
        tour.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    assert_eq!(declared, ROOMS.iter().map(|(room, _)| *room).collect::<Vec<_>>());
}

#[test]
fn the_table_of_arrows_points_up_only() {
    for (place, (room, uses)) in ROOMS.iter().enumerate() {
        for used in *uses {
            let above = ROOMS[..place].iter().any(|(other, _)| other == used);
            assert!(above, "{room} -> {used} does not point up");
            let is_world = ["source", "export"].contains(used);
            assert!(!is_world || MAY_TOUCH_THE_WORLD.contains(room), "{room} -> {used} touches the world");
        }
    }
}

#[test]
fn imports_are_those_of_the_table_and_no_others() {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut violations = Vec::new();
    for file in source_files().iter().filter(|file| is_room(file.room()) && !file.is_tests()) {
        let (_, allowed) = ROOMS.iter().find(|(room, _)| *room == file.room()).expect("filtered above");
        for used in rooms_used(file) {
            if !allowed.contains(&used.as_str()) {
                violations.push(format!("src/{}: {} -> {used} is not in the table", file.name, file.room()));
            }
            found.entry(file.room().to_owned()).or_default().insert(used);
        }
    }
    for (room, allowed) in ROOMS {
        let unused = allowed.iter().filter(|used| !found.get(*room).is_some_and(|f| f.contains(**used)));
        violations.extend(unused.map(|used| format!("{room} -> {used} is in the table and nobody needs it")));
    }
    assert_none(violations);
}

#[test]
fn pure_rooms_know_nothing_of_the_world() {
    let mut violations = Vec::new();
    for file in source_files().iter().filter(|file| PURE.contains(&file.room()) && !file.is_tests()) {
        let paths = used_paths(&file.code);
        for word in WORLD {
            let used = paths.iter().any(|path| path == word || path.starts_with(&format!("{word}::")));
            if used || names(&file.code, word) {
                violations.push(format!("src/{} knows {word}", file.name));
            }
        }
    }
    assert_none(violations);
}

#[test]
fn each_library_stays_at_home_and_none_is_forgotten() {
    let files = source_files();
    let mut violations = Vec::new();
    for (library, homes) in HOMES {
        let path = format!("{library}::");
        let users = files.iter().filter(|file| {
            used_paths(&file.code).iter().any(|used| used.starts_with(&path))
                || file.code.contains(&format!(" {path}"))
        });
        for file in users.filter(|file| !homes.iter().any(|home| file.name.starts_with(home))) {
            violations.push(format!("src/{} uses {library}, which lives in {homes:?}", file.name));
        }
    }
    for library in dependencies() {
        if !files.iter().any(|file| {
            names(&file.text, &format!("{library}::")) || file.text.contains(&format!("{library}::"))
        }) {
            violations.push(format!("{library} is a dependency that nothing under src uses"));
        }
    }
    assert_none(violations);
}

/// Names of `[dependencies]` as paths write them.
fn dependencies() -> Vec<String> {
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    let table = manifest.split("\n[dependencies]\n").nth(1).expect("there are dependencies");
    let lines = table.lines().take_while(|line| !line.starts_with('['));
    let names: Vec<String> =
        lines.filter_map(|line| Some(line.split_once(" = ")?.0.trim().replace('-', "_"))).collect();
    assert!(names.len() > 10, "{names:?}");
    names
}

#[test]
fn every_dependency_says_in_a_line_what_it_is_for() {
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    let mut table = "";
    let mut violations = Vec::new();
    for line in manifest.lines() {
        table = line.strip_prefix('[').map_or(table, |name| name);
        let is_dependency = table.contains("dependencies") && line.contains(" = ");
        if is_dependency && !line.contains(" # ") {
            violations.push(format!("Cargo.toml: no reason beside {line}"));
        }
    }
    assert_none(violations);
}

#[test]
fn every_module_opens_with_what_it_is() {
    let files = source_files();
    let silent = files.iter().filter(|file| !file.is_tests() && !file.text.starts_with("//! "));
    assert_none(silent.map(|file| format!("src/{} does not open with //!", file.name)).collect());
}

#[test]
fn files_stay_short() {
    let mut violations = Vec::new();
    for file in source_files().iter().filter(|file| !file.is_tests()) {
        let lines = file.code.lines().count();
        let longer = LONGER.iter().find(|(name, _)| *name == file.name).map(|(_, most)| *most);
        if lines > longer.unwrap_or(LINES_MAX) {
            violations.push(format!("src/{} has {lines} lines without its tests", file.name));
        }
        if longer.is_some() && lines <= LINES_MAX {
            violations.push(format!("src/{} is short enough now; take it off the list", file.name));
        }
    }
    assert_none(violations);
}

/// What a provider is called stands in `rules/`; code that named one would be knowledge in the wrong place.
#[test]
fn no_provider_is_named_in_the_code() {
    let mut ids = BTreeSet::new();
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("rules/packs")).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        let id = text.split("provider: {id: ").nth(1).or_else(|| text.split("provider:\n  id: ").nth(1));
        let id = id.expect("a pack has a provider").split([',', '\n', '}']).next().unwrap();
        ids.insert(id.trim().to_owned());
    }
    assert!(ids.len() >= 5, "{ids:?}");
    let mut violations = Vec::new();
    for file in source_files().iter().filter(|file| !file.is_tests() && file.name != "catalogue/builtin.rs") {
        for (number, line) in file.code.lines().enumerate() {
            let line = line.to_lowercase();
            for id in ids.iter().filter(|id| line.contains(id.as_str())) {
                violations.push(format!("src/{}:{} names {id}", file.name, number + 1));
            }
        }
    }
    assert_none(violations);
}
