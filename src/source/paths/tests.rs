//! Globs against real directories: what `find` finds is what walking everything and asking `matches` gives.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{PermissionsExt, symlink};

use globset::GlobBuilder;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::world::Disk;

fn tree(files: &[&str]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for file in files {
        let path = dir.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    dir
}

/// Patterns below a directory.
fn paths(dir: &TempDir, includes: &[&str], excludes: &[&str]) -> Paths {
    let whole = |pattern: &&str| below(dir.path(), Path::new(pattern));
    let excludes: Vec<PathBuf> = excludes
        .iter()
        .map(|pattern| if pattern.contains('/') { whole(pattern) } else { PathBuf::from(pattern) })
        .collect();
    Paths::new(&includes.iter().map(whole).collect::<Vec<_>>(), &excludes).unwrap()
}

fn inside(dir: &TempDir, paths: &[PathBuf]) -> Vec<String> {
    let name = |path: &PathBuf| path.strip_prefix(dir.path()).unwrap().to_string_lossy().into_owned();
    paths.iter().map(name).collect()
}

#[track_caller]
fn assert_finds(dir: &TempDir, includes: &[&str], excludes: &[&str], expected: &[&str]) {
    let found = paths(dir, includes, excludes).find(&Disk);
    assert_eq!(inside(dir, &found.files), expected, "{includes:?} without {excludes:?}");
    assert!(found.troubles.is_empty() && !found.is_cut, "{found:?}");
}

#[test]
fn a_glob_finds_files_as_people_expect() {
    let dir = tree(&[
        "app.log",
        "app.log.1",
        ".hidden.log",
        "a/app.log",
        "a/b/app.log",
        "a/b/c/other.log",
        "a[1].log",
        "a1.log",
        "ä.log",
        "nginx/access.log",
        "apache/x/error.log",
    ]);
    for (include, expected) in [
        ("*.log", vec![".hidden.log", "a1.log", "a[1].log", "app.log", "ä.log"]),
        ("app.log", vec!["app.log"]),
        ("app.log*", vec!["app.log", "app.log.1"]),
        ("a/**", vec!["a/app.log", "a/b/app.log", "a/b/c/other.log"]),
        ("a/**/app.log", vec!["a/app.log", "a/b/app.log"]),
        ("**/app.log", vec!["a/app.log", "a/b/app.log", "app.log"]),
        ("a/*/app.log", vec!["a/b/app.log"]),
        ("a/*", vec!["a/app.log"]),
        ("a[1].log", vec!["a1.log"]),
        ("a\\[1].log", vec!["a[1].log"]),
        ("a[[]1].log", vec!["a[1].log"]),
        ("a?.log", vec!["a1.log"]),
        ("a[!0].log", vec!["a1.log"]),
        ("{nginx/access,apache/*/error}.log", vec!["apache/x/error.log", "nginx/access.log"]),
        ("app.log{,.1}", vec!["app.log", "app.log.1"]),
        ("./a/./app.log", vec!["a/app.log"]),
        ("{ä,ö}.log", vec!["ä.log"]),
        ("a/../app.log", vec!["a/../app.log"]),
    ] {
        assert_finds(&dir, &[include], &[], &expected);
    }
}

#[test]
fn a_directory_name_with_special_characters_is_taken_as_it_is() {
    let dir = tree(&["[x]{y}*/app.log", "x/app.log"]);
    let base = dir.path().join("[x]{y}*");
    let paths = Paths::new(&[below(&base, Path::new("*.log"))], &[]).unwrap();
    assert_eq!(inside(&dir, &paths.find(&Disk).files), ["[x]{y}*/app.log"]);
    assert_eq!(literal(&below(&base, Path::new("app.log"))), Some(base.join("app.log")));
    assert_eq!(literal(&below(&base, Path::new("*.log"))), None);
}

#[test]
fn overlapping_globs_find_each_file_once() {
    let dir = tree(&["a/x.log", "a/b/x.log", "a/b/y.txt"]);
    let expected = ["a/b/x.log", "a/b/y.txt", "a/x.log"];
    assert_finds(&dir, &["**/*.log", "a/**", "a/b/x.log", "a/*/*.txt"], &[], &expected);
}

#[test]
fn what_is_excluded_is_not_found_and_its_directories_are_not_entered() {
    let dir = tree(&["a/x.log", "a/x.log.gz", "a/b/x.log", "a/b/c/x.log", "x.gz"]);
    assert_finds(&dir, &["**"], &["*.gz"], &["a/b/c/x.log", "a/b/x.log", "a/x.log"]);
    assert_finds(&dir, &["**"], &["a/*"], &["a/b/c/x.log", "a/b/x.log", "x.gz"]);
    assert_finds(&dir, &["**"], &["a/b/**"], &["a/x.log", "a/x.log.gz", "x.gz"]);
    let found = paths(&dir, &["**"], &["a/**"]).find(&Disk);
    assert_eq!(found.directories, [dir.path()]);
}

#[test]
fn links_to_directories_are_followed_and_never_in_a_circle() {
    let dir = tree(&["real/x.log", "real/deep/y.log", "other/z.txt"]);
    symlink(dir.path(), dir.path().join("real/up")).unwrap();
    symlink(dir.path().join("other"), dir.path().join("a-link")).unwrap();
    symlink("x.log", dir.path().join("real/current.log")).unwrap();
    symlink("self", dir.path().join("self")).unwrap();
    let found = paths(&dir, &["**/*.log"], &[]).find(&Disk);
    assert_eq!(inside(&dir, &found.files), ["real/current.log", "real/deep/y.log", "real/x.log"]);
    assert_eq!(inside(&dir, &found.troubles.iter().map(|one| one.0.clone()).collect::<Vec<_>>()), ["self"]);
    assert!(!found.is_cut);
    // Under its own name, though the link comes first by name; and by the link where only that is asked for.
    let all = paths(&dir, &["*/*.txt"], &[]).find(&Disk);
    assert_eq!(inside(&dir, &all.files), ["other/z.txt"]);
    assert_finds(&dir, &["a-link/*.txt"], &[], &["a-link/z.txt"]);
}

#[test]
fn a_directory_that_two_names_lead_to_gives_what_either_is_asked_for() {
    let dir = tree(&["real/x.log", "real/y.txt"]);
    symlink("real", dir.path().join("link")).unwrap();
    assert_finds(&dir, &["real/*.log", "link/**"], &[], &["link/x.log", "link/y.txt", "real/x.log"]);
    assert_finds(&dir, &["**"], &["real/*.txt"], &["link/x.log", "link/y.txt", "real/x.log"]);
}

#[test]
fn what_is_in_the_way_is_told_and_the_rest_goes_on() {
    let dir = tree(&["open/x.log", "file", "folder/x.log"]);
    let name = |found: &Found| {
        let of = |(path, error): &(PathBuf, io::Error)| {
            (inside(&dir, std::slice::from_ref(path))[0].clone(), error.kind())
        };
        found.troubles.iter().map(of).collect::<Vec<_>>()
    };
    let found = paths(&dir, &["open/*.log", "missing/*.log", "file/*.log", "folder"], &[]).find(&Disk);
    assert_eq!(inside(&dir, &found.files), ["open/x.log"]);
    let expected = [
        ("folder".to_owned(), io::ErrorKind::IsADirectory),
        ("file".to_owned(), io::ErrorKind::NotADirectory),
        ("missing".to_owned(), io::ErrorKind::NotFound),
    ];
    assert_eq!(name(&found), expected);
    // A file that is not there yet is no trouble.
    assert_finds(&dir, &["open/later.log"], &[], &[]);
}

#[test]
fn a_directory_without_permission_is_told_with_its_path() {
    let dir = tree(&["shut/x.log", "open/x.log"]);
    let shut = dir.path().join("shut");
    fs::set_permissions(&shut, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read_dir(&shut).is_ok() {
        println!("SKIPPED a_directory_without_permission_is_told_with_its_path: root reads everything");
        return;
    }
    let found = paths(&dir, &["*/*.log"], &[]).find(&Disk);
    fs::set_permissions(&shut, fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(inside(&dir, &found.files), ["open/x.log"]);
    assert_eq!(found.troubles[0].0, shut);
    assert_eq!(found.troubles[0].1.kind(), io::ErrorKind::PermissionDenied);
}

#[test]
fn names_that_are_not_utf8_are_found() {
    let dir = tree(&["x.log"]);
    let name = OsString::from_vec(b"n\xff\xfe\n.log".to_vec());
    fs::write(dir.path().join(&name), "").unwrap();
    let found = paths(&dir, &["*.log"], &[]).find(&Disk);
    assert_eq!(found.files, [dir.path().join(&name), dir.path().join("x.log")]);
    let whole = OsString::from_vec([dir.path().as_os_str().as_bytes(), b"/n\xff\xfe*.log"].concat());
    let BadPattern { flaw, .. } = Paths::new(&[whole], &[]).unwrap_err();
    assert_eq!(flaw, Flaw::NotUtf8);
}

#[test]
fn a_look_has_an_end() {
    let dir = tree(&["a/x", "b/x", "c/x"]);
    let found = paths(&dir, &["**"], &[]).with_directories_max(3).find(&Disk);
    assert!(found.is_cut);
    assert_eq!(inside(&dir, &found.files), ["a/x", "b/x"]);
    let deep = "d/".repeat(DEPTH_MAX + 1) + "x";
    let dir = tree(&[&deep, "y"]);
    let found = paths(&dir, &["**"], &[]).find(&Disk);
    assert!(found.is_cut);
    assert_eq!(inside(&dir, &found.files), ["y"]);
}

#[test]
fn plain_names_cost_no_listing() {
    let dir = tree(&["a/current/app.log", "b/current/app.log", "b/other"]);
    let found = paths(&dir, &["*/current/app.log"], &[]).find(&Disk);
    assert_eq!(inside(&dir, &found.files), ["a/current/app.log", "b/current/app.log"]);
    assert_eq!(found.directories.len(), 5);
}

#[test]
fn a_bad_glob_says_where_and_what_to_write() {
    let told = |pattern: &str| {
        let bad = Paths::new(&[pattern], &[]).unwrap_err();
        format!("{bad}; {}", bad.hint())
    };
    for (pattern, expected) in [
        ("", "the path is empty"),
        (
            "/a/[b",
            "`/a/[b` is no glob: [ at character 4 has no ]; a backslash makes a plain character of it: \\[",
        ),
        ("/ä/{b", "{ at character 4 has no }"),
        ("/a/b}", "} at character 5 has no {"),
        ("/a/b\\", "the backslash at character 5 has nothing to act on"),
        ("/a\\/b", "the backslash at character 3 has nothing to act on"),
        ("/a/[z-a]x", "the range z-a at character 4 is backward; write [a-z]"),
        ("/a/[b/c]", "the [ ] at character 4 holds a /"),
        ("/a/[äö]", "the [ ] at character 4 holds a character that is not ASCII; write {ä,ö}"),
        ("/a/", "`/a/` ends with /; it names a directory; write /* behind it"),
        ("/a\n\u{1b}/", "`/a\\n\\u{1b}/` ends with /"),
        ("{{{{{{{{{a}}}}}}}}}", "the brace at character 9 is one too many"),
    ] {
        assert!(told(pattern).contains(expected), "{pattern}: {}", told(pattern));
    }
    let many = "{a/b,c/d}".repeat(9);
    assert!(told(&many).contains("more than 256 globs"), "{}", told(&many));
    assert!(told(&"x".repeat(5000)).contains("5000 bytes"));
}

/// Everything below, links not followed.
fn everything(dir: &Path) -> Vec<PathBuf> {
    let mut left = vec![dir.to_owned()];
    let mut files = Vec::new();
    while let Some(dir) = left.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let entry = entry.unwrap();
            match entry.file_type().unwrap().is_dir() {
                true => left.push(entry.path()),
                false => files.push(entry.path()),
            }
        }
    }
    files
}

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "ab", "a.log", ".b", "b.log", "ba"]).prop_map(str::to_owned)
}

fn glob_of_a_name() -> impl Strategy<Value = String> {
    let glob =
        prop::sample::select(vec!["*", "**", "a*", "*.log", "?", "[ab]", "[!a]*", "{a,b}", "a**", "{a,.}b"]);
    prop_oneof![2 => name(), 3 => glob.prop_map(str::to_owned)]
}

fn glob() -> impl Strategy<Value = String> {
    prop::collection::vec(glob_of_a_name(), 1..5).prop_map(|parts| parts.join("/"))
}

fn some_tree() -> impl Strategy<Value = Vec<String>> {
    let path = prop::collection::vec(name(), 1..5).prop_map(|parts| parts.join("/"));
    prop::collection::vec(path, 0..12)
}

/// As many of the files as fit beside each other.
fn planted(files: &[String]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for file in files {
        let path = dir.path().join(file);
        if fs::create_dir_all(path.parent().unwrap()).is_ok() && !path.exists() {
            fs::write(path, "").unwrap();
        }
    }
    dir
}

fn strs(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_look_finds_what_a_look_at_everything_finds(
        files in some_tree(),
        includes in prop::collection::vec(glob(), 1..4),
        excludes in prop::collection::vec(glob(), 0..3),
    ) {
        let dir = planted(&files);
        let paths = paths(&dir, &strs(&includes), &strs(&excludes));
        let mut expected: Vec<PathBuf> =
            everything(dir.path()).into_iter().filter(|path| paths.matches(path)).collect();
        expected.sort_by(|a, b| a.as_os_str().cmp(b.as_os_str()));
        prop_assert_eq!(paths.find(&Disk).files, expected);
    }

    #[test]
    fn with_links_every_file_that_some_name_matches_is_found_under_one_of_them(
        files in some_tree(),
        links in prop::collection::vec((name(), name(), name()), 1..4),
        include in glob(),
    ) {
        let dir = planted(&files);
        for (at, link, to) in links {
            // Refused where there is no such directory, or something has the name.
            let _ = symlink(dir.path().join(to), dir.path().join(at).join(link));
        }
        let paths = paths(&dir, &[&include], &[]);
        let found = paths.find(&Disk);
        for path in &found.files {
            prop_assert!(paths.matches(path), "{:?}", path);
        }
        let reals = |paths: &mut dyn Iterator<Item = PathBuf>| -> BTreeSet<PathBuf> {
            paths.filter(|path| path.is_file()).map(|path| path.canonicalize().unwrap()).collect()
        };
        let all = through_links(dir.path(), 5);
        let expected = reals(&mut all.into_iter().filter(|path| paths.matches(path)));
        prop_assert!(reals(&mut found.files.iter().cloned()).is_superset(&expected));
    }

    #[test]
    fn a_path_matches_where_globset_says_so_of_the_whole(pattern in glob(), path in prop::collection::vec(name(), 1..5)) {
        let (pattern, path) = (format!("/{pattern}"), format!("/{}", path.join("/")));
        let whole = GlobBuilder::new(&pattern).literal_separator(true).build().unwrap().compile_matcher();
        let paths = Paths::new(&[&pattern], &[]).unwrap();
        prop_assert_eq!(paths.matches(Path::new(&path)), whole.is_match(&path), "{} {}", pattern, path);
    }

    #[test]
    fn no_pattern_makes_it_panic(pattern in "[a/*?{},!\\[\\]\\\\.^-]{0,24}") {
        if let Ok(paths) = Paths::new(&[&pattern], &[]) {
            paths.matches(Path::new("/a/a"));
        }
    }
}

/// Everything that can be named, links followed, names of at most this many parts.
fn through_links(dir: &Path, parts_max: usize) -> Vec<PathBuf> {
    let mut left = vec![(dir.to_owned(), 0)];
    let mut files = Vec::new();
    while let Some((dir, parts)) = left.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true if parts + 1 < parts_max => left.push((path, parts + 1)),
                true => {}
                false => files.push(path),
            }
        }
    }
    files
}
