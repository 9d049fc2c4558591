//! Which files an include takes, in which order they count, and what is refused with which place.

use super::*;
use crate::config::{FilesSetting, LogLevel, SourceFrom};
use std::fs;
use std::time::Duration;

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

fn loaded(dir: &tempfile::TempDir) -> Loaded {
    load(&dir.path().join("f.yaml"), Kind::Any)
}

/// `file:line:column message / hint`, paths as they are below the folder.
fn said(dir: &tempfile::TempDir, findings: &[Diagnostic]) -> Vec<String> {
    let root = format!("{}/", dir.path().display());
    let one = |found: &Diagnostic| {
        let hint = found.hint.as_deref().unwrap_or("-");
        format!("{}:{}:{} {} / {hint}", found.file, found.line, found.column, found.message)
            .replace(&root, "")
    };
    findings.iter().map(one).collect()
}

#[test]
fn the_including_file_beats_later_includes_beat_earlier_ones_and_lists_add_up() {
    let dir = folder(&[
        ("f.yaml", "include: [conf.d/*.yaml, last.yaml]\nlog: {level: error}\nsources: [{file: own.log}]\n"),
        (
            "conf.d/10-a.yaml",
            "log: {level: debug, format: json}\nweb: {linger: 1s}\nsources: [{file: a.log}]\n",
        ),
        ("conf.d/20-b.yaml", "web: {linger: 2s}\nrules: {dirs: [packs]}\n"),
        ("conf.d/.hidden.yaml", "nonsense: 1\n"),
        ("conf.d/readme.txt", "nonsense: 1\n"),
        ("last.yaml", "web: {linger: 3s}\nrules: {dirs: [packs]}\n"),
    ]);
    let loaded = loaded(&dir);
    assert_eq!(said(&dir, &loaded.errors), Vec::<String>::new());
    let settings = &loaded.settings;
    assert_eq!(settings.log.level, LogLevel::Error);
    assert_eq!(settings.log.format, crate::config::LogFormat::Json);
    assert_eq!(settings.web.linger, Duration::from_secs(3));
    let from: Vec<_> = settings.sources.iter().map(|source| source.from.clone()).collect();
    let file = |name: &str| SourceFrom::Files(FilesSetting::of_glob(dir.path().join(name)));
    assert_eq!(from, [file("conf.d/a.log"), file("own.log")]);
    assert_eq!(settings.rules.dirs, [dir.path().join("conf.d/packs"), dir.path().join("packs")]);
    assert_eq!(loaded.files.len(), 4);
    assert!(loaded.places.dirs[0].file.ends_with("20-b.yaml") && loaded.places.dirs[0].line == 2);
}

#[test]
fn a_finding_names_the_file_it_is_in() {
    let dir = folder(&[
        ("f.yaml", "include: [a.yaml]\nlog: {levle: error}\n"),
        ("a.yaml", "sub: 1\ninclude: [sub/b.yaml]\n"),
        ("sub/b.yaml", "web:\n  linger: soon\n"),
    ]);
    let errors = said(&dir, &loaded(&dir).errors);
    assert_eq!(errors.len(), 3, "{errors:?}");
    assert!(errors[0].starts_with("sub/b.yaml:2:11 "), "{errors:?}");
    assert!(errors[1].starts_with("a.yaml:1:1 unknown field `sub`"), "{errors:?}");
    assert!(errors[2].starts_with("f.yaml:2:7 unknown field `levle` / did you mean `level`?"), "{errors:?}");
}

#[test]
fn duplicates_over_files_name_both_places() {
    let dir = folder(&[
        (
            "f.yaml",
            "include: [a.yaml]\nsources:\n  - {file: x.log}\n  - {file: y.log, name: b}\nrules: {dirs: [r]}\n",
        ),
        ("a.yaml", "sources:\n  - {file: x.log, name: a}\n  - {file: z.log, name: b}\nrules: {dirs: [r]}\n"),
    ]);
    let errors = said(&dir, &loaded(&dir).errors);
    assert!(
        errors[0].starts_with("f.yaml:3:5 the same input is named twice; first at a.yaml:2"),
        "{errors:?}"
    );
    assert!(
        errors[1].starts_with("f.yaml:4:25 the name `b` is taken by the source at a.yaml:3"),
        "{errors:?}"
    );
    assert!(
        errors[2].starts_with("f.yaml:5:16 the directory is named twice; first at a.yaml:4"),
        "{errors:?}"
    );
    assert_eq!(errors.len(), 3);
}

#[test]
fn what_leads_out_of_the_directory_is_refused() {
    let outside = folder(&[("secret.yaml", "log: {level: debug}\n")]);
    let dir = folder(&[("f.yaml", "")]);
    std::os::unix::fs::symlink(outside.path().join("secret.yaml"), dir.path().join("link.yaml")).unwrap();
    std::os::unix::fs::symlink(outside.path(), dir.path().join("linked")).unwrap();
    for (entry, said_of_it) in [
        ("/etc/faultline.yaml", "is an absolute path"),
        ("../f.yaml", "leads out of this directory"),
        ("conf.d/../../f.yaml", "leads out of this directory"),
        ("link.yaml", "is a link that leads out"),
        ("linked/secret.yaml", "is a link that leads out"),
        ("link*.yaml", "is a link that leads out"),
        ("linked/*.yaml", "is a link that leads out"),
        ("conf.d/**/*.yaml", "is no glob"),
        ("", "the path is empty"),
    ] {
        fs::write(dir.path().join("f.yaml"), format!("include:\n  - {entry:?}\n")).unwrap();
        let loaded = loaded(&dir);
        let errors = said(&dir, &loaded.errors);
        assert_eq!(errors.len(), 1, "{entry}: {errors:?}");
        assert!(errors[0].starts_with("f.yaml:2:5 ") && errors[0].contains(said_of_it), "{errors:?}");
        assert_eq!(loaded.settings, Settings::default(), "{entry} was read");
    }
}

#[test]
fn a_link_that_stays_below_is_followed() {
    let dir = folder(&[("f.yaml", "include: [conf.d/*.yaml]\n"), ("real/a.yaml", "web: {linger: 9s}\n")]);
    fs::create_dir(dir.path().join("conf.d")).unwrap();
    std::os::unix::fs::symlink("../real/a.yaml", dir.path().join("conf.d/a.yaml")).unwrap();
    assert_eq!(loaded(&dir).settings.web.linger, Duration::from_secs(9));
}

#[test]
fn cycles_missing_files_and_second_inclusions_are_found_where_they_are_asked_for() {
    let dir = folder(&[
        ("f.yaml", "include:\n  - a.yaml\n  - nowhere.yaml\n  - b.yaml\n  - sub\n  - none/*.yaml\n"),
        ("a.yaml", "include: [b.yaml]\n"),
        ("b.yaml", "include: ['a.yaml', '*.yaml']\n"),
        ("sub/x.yaml", ""),
    ]);
    let loaded = loaded(&dir);
    let errors = said(&dir, &loaded.errors);
    assert!(
        errors[0].starts_with("b.yaml:1:11 `a.yaml` includes itself: a.yaml → b.yaml → a.yaml"),
        "{errors:#?}"
    );
    assert!(errors[1].starts_with("b.yaml:1:21 `a.yaml` includes itself"), "{errors:#?}");
    assert!(errors[2].starts_with("b.yaml:1:21 `b.yaml` includes itself"), "{errors:#?}");
    assert!(
        errors[3].starts_with("b.yaml:1:21 `f.yaml` includes itself: f.yaml → a.yaml → b.yaml → f.yaml"),
        "{errors:#?}"
    );
    assert!(errors[4].starts_with("f.yaml:3:5 `nowhere.yaml`: it does not exist"), "{errors:#?}");
    assert!(errors[5].starts_with("f.yaml:4:5 `b.yaml` is included twice; first at a.yaml:1"), "{errors:#?}");
    assert!(errors[6].starts_with("f.yaml:5:5 `sub`: it is a directory"), "{errors:#?}");
    assert_eq!(errors.len(), 7, "{errors:#?}");
    assert_eq!(said(&dir, &loaded.warnings), ["f.yaml:6:5 warning: no file matches `none/*.yaml` / -"]);
}

#[test]
fn depth_and_number_are_bounded() {
    let chain: Vec<(String, String)> =
        (0..12).map(|n| (format!("{n}.yaml"), format!("include: [{}.yaml]\n", n + 1))).collect();
    let dir = folder(&chain.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect::<Vec<_>>());
    let loaded = load(&dir.path().join("0.yaml"), Kind::Any);
    assert_eq!(loaded.files.len(), 9);
    let errors = said(&dir, &loaded.errors);
    assert_eq!(errors, ["8.yaml:1:11 `9.yaml`: more than 8 files include each other / -"]);

    let dir = folder(&[("f.yaml", "include: [conf.d/*.yaml]\n")]);
    fs::create_dir(dir.path().join("conf.d")).unwrap();
    (0..300).for_each(|n| fs::write(dir.path().join(format!("conf.d/{n:03}.yaml")), "").unwrap());
    let loaded = load(&dir.path().join("f.yaml"), Kind::Any);
    assert_eq!(loaded.files.len(), FILES_MAX);
    assert!(loaded.errors.iter().all(|error| error.message.ends_with("at most 256 files")));
    assert_eq!(loaded.errors.len(), 300 - (FILES_MAX - 1));
}
