//! Each behaviour that the program stands on, once on the machine in memory and once on the real file system: where they
//! differ, what the simulation proves is worth nothing.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use faultline::world::{File, Files, Kind, Links, Lock, Stat};
use rustix::io::Errno;

use super::ground::{Ground, InMemory, OnDisk};
use super::{Dice, Holding};

/// Makes two tests of each function.
macro_rules! both {
    ($($name:ident)*) => {
        mod in_memory {
            $(#[test] fn $name() { super::$name(&super::InMemory::new()); })*
        }
        mod on_disk {
            $(#[test] fn $name() { super::$name(&super::OnDisk::new()); })*
        }
    };
}

both! {
    a_file_is_read_from_any_place
    what_is_not_there_says_so
    a_path_through_a_file_is_no_directory
    links_are_followed_or_refused
    a_loop_of_links_ends
    a_trailing_slash_asks_for_a_directory
    dots_go_up
    a_hard_link_is_the_same_file
    a_deleted_file_lives_as_long_as_it_is_open
    a_rename_replaces_and_keeps_the_identity
    what_a_rename_refuses
    a_directory_lists_its_names
    names_of_any_bytes
    a_pipe_is_other_and_does_not_block
    a_directory_opens_and_does_not_read
    holes_are_skipped
    a_truncated_file_has_a_hole_behind_its_new_end
    a_writer_in_place_leaves_a_hole_after_truncation
    a_held_writer_follows_its_file
    a_copy_is_another_file
    a_created_file_is_new_and_appends
    who_opens_for_reading_cannot_append
    a_lock_is_held_once
    a_private_directory_is_made_with_its_parents
    a_private_directory_is_not_a_link_a_file_or_open_to_others
    permissions_bind
    times_of_modification_are_what_was_set
    births_do_not_change
    directories_sync_and_files_do_not_as_directories
    a_directory_goes_when_it_is_empty
}

fn code<T>(result: io::Result<T>) -> Option<Errno> {
    Some(Errno::from_io_error(&result.err()?).expect("an error of the system"))
}

fn all_of(file: &dyn File) -> Vec<u8> {
    let mut bytes = vec![0; 100_000];
    let count = file.read_at(&mut bytes, 0).unwrap();
    bytes.truncate(count);
    bytes
}

fn read(files: &dyn Files, path: &Path) -> Vec<u8> {
    all_of(&*files.open(path, Links::Follow).unwrap())
}

fn names(files: &dyn Files, directory: &Path) -> Vec<OsString> {
    let mut names: Vec<OsString> =
        files.list(directory).unwrap().into_iter().map(|entry| entry.name).collect();
    names.sort();
    names
}

fn a_file_is_read_from_any_place(ground: &dyn Ground) {
    let (files, path) = (ground.files(), ground.root().join("a"));
    ground.write(&path, b"one\n");
    ground.write(&path, b"two\n");
    let file = files.open(&path, Links::Follow).unwrap();
    let mut block = [0; 5];
    assert_eq!(file.read_at(&mut block, 2).unwrap(), 5);
    assert_eq!(&block, b"e\ntwo");
    assert_eq!(file.read_at(&mut block, 7).unwrap(), 1);
    assert_eq!(file.read_at(&mut block, 8).unwrap(), 0);
    assert_eq!(file.read_at(&mut block, 1 << 40).unwrap(), 0);
    let stat = file.stat().unwrap();
    assert_eq!((stat.len, stat.kind, stat.links), (8, Kind::Regular, 1));
    assert_eq!(stat, files.stat(&path).unwrap());
}

fn what_is_not_there_says_so(ground: &dyn Ground) {
    let (files, root) = (ground.files(), ground.root());
    let missing = [root.join("no"), root.join("no/such/thing"), PathBuf::new()];
    for path in &missing {
        assert_eq!(code(files.stat(path)), Some(Errno::NOENT));
        assert_eq!(code(files.open(path, Links::Follow)), Some(Errno::NOENT));
        assert_eq!(code(files.open(path, Links::Refuse)), Some(Errno::NOENT));
        assert_eq!(code(files.list(path)), Some(Errno::NOENT));
        assert_eq!(code(files.remove(path)), Some(Errno::NOENT));
        assert_eq!(code(files.rename(path, &root.join("x"))), Some(Errno::NOENT));
        assert_eq!(code(files.sync_directory(path)), Some(Errno::NOENT));
    }
    assert_eq!(code(files.create(&root.join("no/file"))), Some(Errno::NOENT));
    assert_eq!(code(files.lock(&root.join("no/file"))), Some(Errno::NOENT));
    assert_eq!(code(files.stat(&root.join("n".repeat(256)))), Some(Errno::NAMETOOLONG));
    assert_eq!(code(files.stat(&root.join("n".repeat(255)))), Some(Errno::NOENT));
}

fn a_path_through_a_file_is_no_directory(ground: &dyn Ground) {
    let (files, root) = (ground.files(), ground.root());
    ground.write(&root.join("a"), b"x");
    assert_eq!(code(files.stat(&root.join("a/b"))), Some(Errno::NOTDIR));
    assert_eq!(code(files.open(&root.join("a/b"), Links::Follow)), Some(Errno::NOTDIR));
    assert_eq!(code(files.create(&root.join("a/b"))), Some(Errno::NOTDIR));
    assert_eq!(code(files.list(&root.join("a"))), Some(Errno::NOTDIR));
    assert_eq!(code(files.private_directory(&root.join("a/b"))), Some(Errno::NOTDIR));
}

fn links_are_followed_or_refused(ground: &dyn Ground) {
    let (files, root) = (ground.files(), ground.root());
    ground.mkdir(&root.join("d"));
    ground.write(&root.join("d/a"), b"x");
    ground.symlink(Path::new("d/a"), &root.join("relative"));
    ground.symlink(&root.join("d/a"), &root.join("absolute"));
    ground.symlink(Path::new("d"), &root.join("folder"));
    ground.symlink(Path::new("nothing"), &root.join("dangling"));
    let told = files.stat(&root.join("d/a")).unwrap();
    for path in ["relative", "absolute", "folder/a", "folder/../relative"] {
        assert_eq!(files.stat(&root.join(path)).unwrap(), told, "{path}");
        assert_eq!(read(&*files, &root.join(path)), b"x");
    }
    let real = files.link_target(&root.join("relative")).unwrap().unwrap();
    assert!(real.ends_with("d/a"), "{real:?}");
    for path in ["absolute", "folder/../relative"] {
        assert_eq!(files.link_target(&root.join(path)).unwrap().as_ref(), Some(&real), "{path}");
    }
    // Only the last part is asked about.
    assert_eq!(files.link_target(&root.join("folder/a")).unwrap(), None);
    assert_eq!(code(files.link_target(&root.join("dangling"))), Some(Errno::NOENT));
    assert_eq!(code(files.link_target(&root.join("missing"))), Some(Errno::NOENT));
    for path in ["relative", "absolute", "dangling"] {
        assert_eq!(code(files.open(&root.join(path), Links::Refuse)), Some(Errno::LOOP), "{path}");
        assert_eq!(code(files.create(&root.join(path))), Some(Errno::EXIST), "{path}");
        assert_eq!(code(files.lock(&root.join(path))), Some(Errno::LOOP), "{path}");
    }
    // Only the last part is refused.
    assert!(files.open(&root.join("folder/a"), Links::Refuse).is_ok());
    assert_eq!(code(files.open(&root.join("dangling"), Links::Follow)), Some(Errno::NOENT));
    assert_eq!(code(files.stat(&root.join("dangling"))), Some(Errno::NOENT));
    files.remove(&root.join("relative")).unwrap();
    assert_eq!(read(&*files, &root.join("d/a")), b"x");
    let kinds: BTreeMap<OsString, Option<Kind>> =
        files.list(&root).unwrap().into_iter().map(|entry| (entry.name, entry.kind)).collect();
    assert_eq!(kinds[&OsString::from("folder")], Some(Kind::Link));
    assert_eq!(kinds[&OsString::from("d")], Some(Kind::Directory));
}

fn a_loop_of_links_ends(ground: &dyn Ground) {
    let (files, root) = (ground.files(), ground.root());
    ground.symlink(Path::new("b"), &root.join("a"));
    ground.symlink(Path::new("a"), &root.join("b"));
    ground.mkdir(&root.join("d"));
    ground.symlink(Path::new(".."), &root.join("d/up"));
    assert_eq!(code(files.stat(&root.join("a"))), Some(Errno::LOOP));
    assert_eq!(code(files.open(&root.join("b"), Links::Follow)), Some(Errno::LOOP));
    assert_eq!(code(files.stat(&root.join("a/b"))), Some(Errno::LOOP));
    let rounds = |count: usize| root.join("d/up/".repeat(count));
    assert_eq!(files.stat(&rounds(40)).unwrap().id, files.stat(&root).unwrap().id);
    assert_eq!(code(files.stat(&rounds(41))), Some(Errno::LOOP));
    ground.write(&root.join("0"), b"end");
    for step in 1..=41 {
        ground.symlink(Path::new(&(step - 1).to_string()), &root.join(step.to_string()));
    }
    assert_eq!(read(&*files, &root.join("40")), b"end");
    assert_eq!(code(files.open(&root.join("41"), Links::Follow)), Some(Errno::LOOP));
}

fn a_trailing_slash_asks_for_a_directory(ground: &dyn Ground) {
    let (files, root) = (ground.files(), ground.root());
    ground.write(&root.join("a"), b"x");
    ground.mkdir(&root.join("d"));
    ground.symlink(Path::new("d"), &root.join("l"));
    assert_eq!(code(files.stat(&root.join("a/"))), Some(Errno::NOTDIR));
    assert_eq!(files.stat(&root.join("l/")).unwrap().id, files.stat(&root.join("d/.")).unwrap().id);
    assert!(files.open(&root.join("l/"), Links::Refuse).is_ok());
}

fn dots_go_up(ground: &dyn Ground) {
    let (files, root) = (ground.files(), ground.root());
    ground.mkdir(&root.join("d"));
    ground.mkdir(&root.join("e"));
    ground.write(&root.join("a"), b"x");
    ground.rename(&root.join("d"), &root.join("e/d")).unwrap();
    assert_eq!(read(&*files, &root.join("e/d/../../a")), b"x");
    assert_eq!(read(&*files, &root.join("./e/./../a")), b"x");
    assert_eq!(code(files.stat(&root.join("a/.."))), Some(Errno::NOTDIR));
    assert_eq!(files.stat(Path::new("/..")).unwrap().id, files.stat(Path::new("/")).unwrap().id);
}

fn a_hard_link_is_the_same_file(ground: &dyn Ground) {
    let (files, root) = (ground.files(), ground.root());
    ground.write(&root.join("a"), b"x");
    ground.link(&root.join("a"), &root.join("b"));
    ground.write(&root.join("b"), b"y");
    let stat = files.stat(&root.join("a")).unwrap();
    assert_eq!(stat, files.stat(&root.join("b")).unwrap());
    assert_eq!((stat.links, stat.len), (2, 2));
    // Of two names of one file a rename does nothing.
    files.rename(&root.join("a"), &root.join("b")).unwrap();
    assert_eq!(names(&*files, &root), ["a", "b"]);
    ground.remove(&root.join("a")).unwrap();
    assert_eq!(files.stat(&root.join("b")).unwrap().links, 1);
    assert_eq!(files.stat(&root.join("b")).unwrap().id, stat.id);
}

fn a_deleted_file_lives_as_long_as_it_is_open(ground: &dyn Ground) {
    let (files, path) = (ground.files(), ground.root().join("a"));
    let mut writer = ground.hold(&path, Holding::Append);
    writer.write(b"one\n");
    let file = files.open(&path, Links::Follow).unwrap();
    let id = file.stat().unwrap().id;
    ground.remove(&path).unwrap();
    writer.write(b"two\n");
    drop(writer);
    assert_eq!(file.stat().unwrap().links, 0);
    assert_eq!(all_of(&*file), b"one\ntwo\n");
    ground.write(&path, b"other\n");
    assert_ne!(files.stat(&path).unwrap().id.inode, id.inode, "a number that is in use was given away");
    assert_eq!(all_of(&*file), b"one\ntwo\n");
}

fn a_rename_replaces_and_keeps_the_identity(ground: &dyn Ground) {
    let (files, root) = (ground.files(), ground.root());
    ground.write(&root.join("a"), b"a");
    ground.write(&root.join("b"), b"b");
    let a = files.stat(&root.join("a")).unwrap().id;
    let replaced = files.open(&root.join("b"), Links::Follow).unwrap();
    files.rename(&root.join("a"), &root.join("b")).unwrap();
    assert_eq!(names(&*files, &root), ["b"]);
    assert_eq!(files.stat(&root.join("b")).unwrap().id, a);
    assert_eq!((replaced.stat().unwrap().links, all_of(&*replaced)), (0, b"b".to_vec()));
}

fn what_a_rename_refuses(ground: &dyn Ground) {
    let (files, root) = (ground.files(), ground.root());
    for directory in ["empty", "full", "full/below"] {
        ground.mkdir(&root.join(directory));
    }
    ground.write(&root.join("a"), b"a");
    let rename = |from: &str, to: &str| code(files.rename(&root.join(from), &root.join(to)));
    assert_eq!(rename("a", "empty"), Some(Errno::ISDIR));
    assert_eq!(rename("empty", "a"), Some(Errno::NOTDIR));
    assert_eq!(rename("empty", "full"), Some(Errno::NOTEMPTY));
    assert_eq!(rename("full", "full/below/deeper"), Some(Errno::INVAL));
    assert_eq!(rename("a", "no/a"), Some(Errno::NOENT));
    assert_eq!(rename("full", "empty"), None);
    assert_eq!(names(&*files, &root), ["a", "empty"]);
    assert_eq!(code(files.remove(&root.join("empty"))), Some(Errno::ISDIR));
}

fn a_directory_lists_its_names(ground: &dyn Ground) {
    let (files, root) = (ground.files(), ground.root());
    assert!(files.list(&root).unwrap().is_empty());
    for name in ["c", "a", "b"] {
        ground.write(&root.join(name), b"x");
    }
    assert_eq!(names(&*files, &root), ["a", "b", "c"]);
    for entry in files.list(&root).unwrap() {
        assert_eq!(entry.inode, files.stat(&root.join(&entry.name)).unwrap().id.inode);
        assert_eq!(entry.kind, Some(Kind::Regular));
    }
}

fn names_of_any_bytes(ground: &dyn Ground) {
    let (files, root) = (ground.files(), ground.root());
    for name in [b"\xff\xfe %s\n".to_vec(), vec![b'n'; 255], b" ".to_vec(), b"...".to_vec()] {
        let name = OsString::from_vec(name);
        ground.write(&root.join(&name), b"x");
        assert_eq!(names(&*files, &root), std::slice::from_ref(&name));
        assert_eq!(read(&*files, &root.join(&name)), b"x");
        files.remove(&root.join(&name)).unwrap();
    }
}

fn a_pipe_is_other_and_does_not_block(ground: &dyn Ground) {
    let (files, path) = (ground.files(), ground.root().join("p"));
    ground.fifo(&path);
    assert_eq!(files.stat(&path).unwrap().kind, Kind::Other);
    let file = files.open(&path, Links::Follow).unwrap();
    assert_eq!(file.stat().unwrap().kind, Kind::Other);
    assert_eq!(code(file.read_at(&mut [0; 8], 0)), Some(Errno::SPIPE));
    assert_eq!(code(file.next_data(0)), Some(Errno::SPIPE));
}

fn a_directory_opens_and_does_not_read(ground: &dyn Ground) {
    let (files, root) = (ground.files(), ground.root());
    let file = files.open(&root, Links::Follow).unwrap();
    assert_eq!(file.stat().unwrap().kind, Kind::Directory);
    assert_eq!(code(file.read_at(&mut [0; 8], 0)), Some(Errno::ISDIR));
}

/// What a hole's end is rounded to differs between file systems, so data stands far apart here.
fn holes_are_skipped(ground: &dyn Ground) {
    let (files, path) = (ground.files(), ground.root().join("a"));
    let far = 8 << 30;
    ground.write(&path, b"head");
    ground.write_at(&path, far, b"tail");
    let file = files.open(&path, Links::Follow).unwrap();
    assert_eq!(file.stat().unwrap().len, far + 4);
    assert_eq!(file.next_data(0).unwrap(), Some(0));
    assert_eq!(file.next_data(2).unwrap(), Some(2));
    assert_eq!(file.next_data(1 << 20).unwrap(), Some(far));
    assert_eq!(file.next_data(far + 3).unwrap(), Some(far + 3));
    assert_eq!(file.next_data(far + 4).unwrap(), None);
    assert_eq!(file.next_data(far + (1 << 30)).unwrap(), None);
    let mut block = [1; 8];
    assert_eq!(file.read_at(&mut block, far - 4).unwrap(), 8);
    assert_eq!(&block, b"\0\0\0\0tail");
    ground.truncate(&path, far - (1 << 20));
    assert_eq!(file.next_data(1 << 20).unwrap(), None);
}

fn a_truncated_file_has_a_hole_behind_its_new_end(ground: &dyn Ground) {
    let (files, path) = (ground.files(), ground.root().join("a"));
    ground.write(&path, &[b'x'; 10_000]);
    ground.truncate(&path, 3);
    ground.truncate(&path, 10_000);
    let bytes = read(&*files, &path);
    assert_eq!((bytes.len(), &bytes[..4]), (10_000, b"xxx\0".as_slice()));
    assert!(bytes[3..].iter().all(|byte| *byte == 0));
}

fn a_writer_in_place_leaves_a_hole_after_truncation(ground: &dyn Ground) {
    let (files, path) = (ground.files(), ground.root().join("a"));
    let mut writer = ground.hold(&path, Holding::InPlace);
    writer.write(&[b'x'; 9000]);
    ground.truncate(&path, 0);
    writer.write(b"on\n");
    let bytes = read(&*files, &path);
    assert_eq!((bytes.len(), &bytes[9000..]), (9003, b"on\n".as_slice()));
    assert!(bytes[..9000].iter().all(|byte| *byte == 0));
    let mut appends = ground.hold(&path, Holding::Append);
    appends.truncate(1);
    appends.write(b"again");
    assert_eq!(read(&*files, &path), b"\0again");
}

fn a_held_writer_follows_its_file(ground: &dyn Ground) {
    let (files, root) = (ground.files(), ground.root());
    let mut writer = ground.hold(&root.join("a"), Holding::Append);
    writer.write(b"1");
    ground.rename(&root.join("a"), &root.join("a.1")).unwrap();
    ground.write(&root.join("a"), b"new");
    writer.write(b"2");
    assert_eq!(read(&*files, &root.join("a.1")), b"12");
    assert_eq!(read(&*files, &root.join("a")), b"new");
}

fn a_copy_is_another_file(ground: &dyn Ground) {
    let (files, root) = (ground.files(), ground.root());
    ground.write(&root.join("a"), b"lines");
    ground.copy(&root.join("a"), &root.join("b"));
    ground.truncate(&root.join("a"), 0);
    assert_eq!(read(&*files, &root.join("b")), b"lines");
    assert_ne!(files.stat(&root.join("a")).unwrap().id, files.stat(&root.join("b")).unwrap().id);
}

fn a_created_file_is_new_and_appends(ground: &dyn Ground) {
    let (files, path) = (ground.files(), ground.root().join("a"));
    let mut file = files.create(&path).unwrap();
    assert_eq!(code(files.create(&path)), Some(Errno::EXIST));
    assert_eq!(file.append(b"one").unwrap(), 3);
    ground.truncate(&path, 1);
    assert_eq!(file.append(b"two").unwrap(), 3);
    file.sync().unwrap();
    assert_eq!(all_of(&*file), b"otwo");
    assert_eq!(file.append(b"").unwrap(), 0);
}

fn who_opens_for_reading_cannot_append(ground: &dyn Ground) {
    let (files, path) = (ground.files(), ground.root().join("a"));
    drop(files.create(&path).unwrap());
    let mut file = files.open(&path, Links::Refuse).unwrap();
    assert_eq!(code(file.append(b"x")), Some(Errno::BADF));
    file.sync().unwrap();
}

fn a_lock_is_held_once(ground: &dyn Ground) {
    let (files, other, path) = (ground.files(), ground.other(), ground.root().join("lock"));
    let held: Box<dyn Lock> = files.lock(&path).unwrap();
    assert_eq!(other.lock(&path).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    assert_eq!(files.lock(&path).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    drop(held);
    let held = other.lock(&path).unwrap();
    // A lock is of the file, not of its name.
    ground.remove(&path).unwrap();
    let second = files.lock(&path).unwrap();
    drop((held, second));
    ground.mkdir(&ground.root().join("d"));
    assert_eq!(code(files.lock(&ground.root().join("d"))), Some(Errno::ISDIR));
}

fn a_private_directory_is_made_with_its_parents(ground: &dyn Ground) {
    let (files, root) = (ground.files(), ground.root());
    files.private_directory(&root.join("a/b/c")).unwrap();
    assert_eq!(files.stat(&root.join("a/b/c")).unwrap().kind, Kind::Directory);
    files.private_directory(&root.join("a/b/c")).unwrap();
    files.private_directory(&root.join("a/b/c/")).unwrap();
    files.private_directory(&root.join("a/b")).unwrap();
    drop(files.create(&root.join("a/b/c/file")).unwrap());
    ground.symlink(&root.join("a/b"), &root.join("l"));
    files.private_directory(&root.join("l/d")).unwrap();
    assert_eq!(names(&*files, &root.join("a/b")), ["c", "d"]);
}

fn a_private_directory_is_not_a_link_a_file_or_open_to_others(ground: &dyn Ground) {
    let (files, root) = (ground.files(), ground.root());
    ground.mkdir(&root.join("open"));
    ground.mkdir(&root.join("private"));
    ground.chmod(&root.join("private"), 0o700);
    ground.write(&root.join("file"), b"");
    ground.symlink(Path::new("private"), &root.join("link"));
    ground.symlink(Path::new("nothing"), &root.join("dangling"));
    files.private_directory(&root.join("private")).unwrap();
    for (name, why) in [
        ("open", "others"),
        ("file", "no directory"),
        ("link", "symbolic link"),
        ("link/", "symbolic link"),
        ("link/.", "symbolic link"),
        ("dangling", "symbolic link"),
    ] {
        let refused = files.private_directory(&root.join(name)).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied, "{name}");
        assert!(refused.to_string().contains(why), "{name}: {refused}");
    }
}

fn permissions_bind(ground: &dyn Ground) {
    let (files, root) = (ground.files(), ground.root());
    if ground.is_root() {
        // All but root.
        ground.write(&root.join("a"), b"x");
        ground.chmod(&root.join("a"), 0o000);
        assert_eq!(read(&*files, &root.join("a")), b"x");
        return;
    }
    ground.mkdir(&root.join("d"));
    ground.write(&root.join("d/a"), b"x");
    let held = files.open(&root.join("d/a"), Links::Follow).unwrap();
    ground.chmod(&root.join("d/a"), 0o000);
    assert_eq!(code(files.open(&root.join("d/a"), Links::Follow)), Some(Errno::ACCESS));
    assert_eq!(files.stat(&root.join("d/a")).unwrap().len, 1);
    assert_eq!(all_of(&*held), b"x");
    ground.chmod(&root.join("d/a"), 0o400);
    assert_eq!(read(&*files, &root.join("d/a")), b"x");
    ground.chmod(&root.join("d"), 0o300);
    assert_eq!(code(files.list(&root.join("d"))), Some(Errno::ACCESS));
    assert_eq!(read(&*files, &root.join("d/a")), b"x");
    ground.chmod(&root.join("d"), 0o600);
    assert_eq!(code(files.stat(&root.join("d/a"))), Some(Errno::ACCESS));
    assert_eq!(names(&*files, &root.join("d")), ["a"]);
    ground.chmod(&root.join("d"), 0o500);
    assert_eq!(code(files.create(&root.join("d/b"))), Some(Errno::ACCESS));
    assert_eq!(code(files.remove(&root.join("d/a"))), Some(Errno::ACCESS));
    assert_eq!(code(files.rename(&root.join("d/a"), &root.join("b"))), Some(Errno::ACCESS));
    ground.chmod(&root.join("d"), 0o700);
}

fn times_of_modification_are_what_was_set(ground: &dyn Ground) {
    let (files, path) = (ground.files(), ground.root().join("a"));
    ground.write(&path, b"x");
    let written = files.stat(&path).unwrap().modified;
    for milliseconds in [0, -1000, 1_794_787_200_123, 4_000_000_000_000] {
        ground.set_modified(&path, milliseconds);
        assert_eq!(files.stat(&path).unwrap().modified, milliseconds * 1_000_000);
    }
    ground.write(&path, b"y");
    assert!(files.stat(&path).unwrap().modified >= written);
}

fn births_do_not_change(ground: &dyn Ground) {
    let (files, root) = (ground.files(), ground.root());
    ground.write(&root.join("a"), b"x");
    let id = files.stat(&root.join("a")).unwrap().id;
    ground.set_modified(&root.join("a"), 0);
    ground.write(&root.join("a"), b"more");
    ground.truncate(&root.join("a"), 0);
    ground.link(&root.join("a"), &root.join("b"));
    ground.remove(&root.join("a")).unwrap();
    files.rename(&root.join("b"), &root.join("c")).unwrap();
    assert_eq!(files.stat(&root.join("c")).unwrap().id, id);
}

fn directories_sync_and_files_do_not_as_directories(ground: &dyn Ground) {
    let (files, root) = (ground.files(), ground.root());
    ground.write(&root.join("a"), b"x");
    files.sync_directory(&root).unwrap();
    assert_eq!(code(files.sync_directory(&root.join("a"))), Some(Errno::NOTDIR));
}

fn a_directory_goes_when_it_is_empty(ground: &dyn Ground) {
    let (files, root) = (ground.files(), ground.root());
    ground.mkdir(&root.join("d"));
    ground.write(&root.join("d/a"), b"x");
    assert_eq!(code(ground.remove(&root.join("d"))), Some(Errno::NOTEMPTY));
    let held = files.open(&root.join("d/a"), Links::Follow).unwrap();
    ground.remove(&root.join("d/a")).unwrap();
    ground.remove(&root.join("d")).unwrap();
    assert_eq!(code(files.list(&root.join("d"))), Some(Errno::NOENT));
    assert_eq!(all_of(&*held), b"x");
}

/// What can be told of a file on both grounds.
type Looks = (Kind, u64, u64, Vec<u8>);

fn looks(stat: &Stat, file: &dyn File) -> Looks {
    match stat.kind {
        Kind::Regular => (stat.kind, stat.len, stat.links, all_of(file)),
        kind => (kind, 0, 0, Vec::new()),
    }
}

fn random_step(
    ground: &dyn Ground,
    hands: &mut BTreeMap<u64, Box<dyn super::ground::Hand>>,
    seed: u64,
) -> String {
    let (files, root) = (ground.files(), ground.root());
    let mut dice = Dice::new(seed);
    let names = ["a", "b", "d", "d/a", "d/b", "e", "e/a", "l", "l/a", "l/../b", "d/l"];
    let (one, other) = (root.join(dice.pick(&names)), root.join(dice.pick(&names)));
    let is_there = |path: &Path| {
        files
            .list(path.parent().expect("below the root"))
            .is_ok_and(|entries| entries.iter().any(|entry| Some(entry.name.as_os_str()) == path.file_name()))
    };
    let has_home = |path: &Path| files.list(path.parent().expect("below the root")).is_ok();
    let regular = |path: &Path| files.stat(path).is_ok_and(|stat| stat.kind == Kind::Regular);
    let bytes = vec![b'a' + (seed % 26) as u8; dice.below(9000) as usize];
    let said = match dice.below(15) {
        0 => code(ground.rename(&one, &other)),
        1 => code(files.rename(&one, &other)),
        2 => code(files.remove(&one)),
        3 => code(files.create(&one)),
        4 => code(files.list(&one)),
        5 if has_home(&one) && !is_there(&one) => {
            ground.mkdir(&one);
            None
        }
        6 if has_home(&one) && !is_there(&one) => {
            ground.symlink(Path::new(dice.pick(&["d", "../a", "e/a", "l", "nothing"])), &one);
            None
        }
        7 if regular(&one) && has_home(&other) && !is_there(&other) => {
            // Of a link the link itself would get the name.
            if files.open(&one, Links::Refuse).is_ok() {
                ground.link(&one, &other);
            }
            None
        }
        8..=9 if regular(&one) => {
            ground.write(&one, &bytes);
            None
        }
        10 if regular(&one) => {
            ground.truncate(&one, dice.below(20_000));
            None
        }
        11 if regular(&one) => {
            let holding = if dice.coin() { Holding::Append } else { Holding::InPlace };
            hands.insert(dice.below(3), ground.hold(&one, holding));
            None
        }
        12 => {
            if let Some(hand) = hands.get_mut(&dice.below(3)) {
                hand.write(&bytes);
            }
            None
        }
        13 => code(ground.remove(&one)),
        _ => {
            let links = if dice.coin() { Links::Follow } else { Links::Refuse };
            match files.open(&one, links) {
                Ok(file) => return format!("{:?}", looks(&file.stat().unwrap(), &*file)),
                Err(error) => code::<()>(Err(error)),
            }
        }
    };
    let seen: Vec<_> = names
        .iter()
        .map(|name| {
            let path = root.join(name);
            let found = files.stat(&path).map(|stat| {
                let same =
                    names.iter().find(|name| files.stat(&root.join(name)).is_ok_and(|s| s.id == stat.id));
                (looks(&stat, &*files.open(&path, Links::Follow).unwrap()), same)
            });
            found.map_err(|error| code::<()>(Err(error)))
        })
        .collect();
    format!("{said:?} {seen:?}")
}

#[test]
fn any_row_of_steps_ends_the_same_in_memory_and_on_disk() {
    for row in 0..60 {
        let (memory, disk) = (InMemory::new(), OnDisk::new());
        let (mut in_memory, mut on_disk) = (BTreeMap::new(), BTreeMap::new());
        for step in 0..60 {
            let seed = row * 1000 + step;
            let (one, other) =
                (random_step(&memory, &mut in_memory, seed), random_step(&disk, &mut on_disk, seed));
            if one != other {
                let at = one.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
                let near =
                    |text: &str| text.chars().skip(at.saturating_sub(200)).take(400).collect::<String>();
                panic!("row {row}, step {step}:\n{}\n{}", near(&one), near(&other));
            }
        }
    }
}
