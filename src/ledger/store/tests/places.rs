//! Directories that are not ours, files that come and go, and what people see and do.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;
use crate::event::reserved;
use crate::ledger::store::{FORMAT, StoreError, look, reset};
use crate::world::Disk;

fn open(directory: &Path) -> Result<Store, StoreError> {
    Store::open(Arc::new(Disk), directory)
}

#[test]
fn a_second_process_is_refused_and_a_third_after_the_first_is_not() {
    let scratch = tempfile::tempdir().unwrap();
    let directory = scratch.path().join("a/state");
    let held = open(&directory).unwrap();
    assert_eq!(fs::metadata(&directory).unwrap().permissions().mode() & 0o777, 0o700);
    let refused = open(&directory).unwrap_err();
    assert_eq!(
        refused.to_string(),
        format!("{}: another process uses this state directory", directory.display())
    );
    assert!(matches!(reset(&Disk, &directory), Err(StoreError::Held { .. })));
    drop(held);
    open(&directory).unwrap();
}

#[test]
fn a_directory_that_others_may_use_or_that_is_none_is_refused_with_path_and_reason() {
    let scratch = tempfile::tempdir().unwrap();
    let [shared, link, file] = ["shared", "link", "file"].map(|name| scratch.path().join(name));
    fs::create_dir(&shared).unwrap();
    fs::set_permissions(&shared, fs::Permissions::from_mode(0o770)).unwrap();
    let own = scratch.path().join("own");
    drop(open(&own).unwrap());
    symlink(&own, &link).unwrap();
    fs::write(&file, "x").unwrap();
    for (path, reason) in [(&shared, "0770"), (&link, "symbolic link"), (&file, "no directory")] {
        let error = open(path).unwrap_err();
        assert!(matches!(error, StoreError::NotPrivate { .. }), "{error:?}");
        let said = error.to_string();
        assert!(said.starts_with(&path.display().to_string()) && said.contains(reason), "{said}");
    }
    let below = file.join("state");
    let said = open(&below).unwrap_err().to_string();
    assert!(said.contains("cannot make or use the directory"), "{said}");
}

#[test]
fn files_are_ours_alone_and_links_in_their_place_are_not_followed() {
    let scratch = tempfile::tempdir().unwrap();
    let directory = scratch.path().join("state");
    let mut store = open(&directory).unwrap();
    let ledger = store.ledger(limits(), book(&[]), &catalogue("1"), Exposure::default(), Millis(1));
    let target = scratch.path().join("target");
    fs::write(&target, "precious").unwrap();
    symlink(&target, directory.join("ledger.new")).unwrap();
    let mut committer = Committer::new(store);
    let (books, queue) = (Mutex::new(ledger), Mutex::new(Queue::default()));
    assert!(is_committed(&committer.commit(&books, &queue, Millis(1))));
    assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
    let path = path_of(&directory, 1);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    drop(committer);
    fs::rename(&path, scratch.path().join("elsewhere")).unwrap();
    symlink(scratch.path().join("elsewhere"), &path).unwrap();
    let said = open(&directory).unwrap_err().to_string();
    assert!(said.starts_with(&format!("{}: cannot read", path.display())), "{said}");
}

#[test]
fn a_long_file_is_followed_by_a_new_one_and_only_the_previous_stays() {
    let memory = Memory::default();
    let mut life = Life::begin(&memory);
    life.tick();
    let value: Box<[u8]> = vec![7; 1 << 20].into();
    for _ in 0..12 {
        let mark = Mark { key: "tail/s/1".into(), value: Some(value.clone()) };
        life.deliver(Delta { source: "s".into(), marks: vec![mark], ..Delta::default() });
        assert!(is_committed(&life.tick()));
    }
    assert_eq!(memory.names(), [3, 4].map(|n| format!("ledger-{n:020}.journal")), "of 4 generations");
    let state = life.state();
    drop(life);
    assert_eq!(recovered(&memory).0, state);
}

#[test]
fn an_idle_ledger_is_not_written_every_second() {
    let memory = Memory::default();
    let mut life = Life::begin(&memory);
    life.tick();
    let mut written = 0;
    for _ in 0..20 {
        life.deliver(Delta { source: "s".into(), ..Delta::default() });
        written += u64::from(is_committed(&life.tick()));
    }
    assert_eq!(written, 4);
    life.now -= 60_000;
    assert!(is_committed(&life.tick()), "a clock that steps back is written down");
}

#[test]
fn people_see_what_is_committed_beside_a_running_daemon() {
    let memory = Memory::default();
    assert!(matches!(look(&memory, &directory()), Err(StoreError::Nothing { .. })));
    let mut life = Life::begin(&memory);
    life.tick();
    life.count("x", 3);
    let calls = memory.names();
    let seen = look(&memory, &directory()).unwrap();
    assert_eq!(memory.names(), calls, "looking writes nothing");
    assert_eq!((seen.generation, seen.records, seen.written_at), (1, 2, Some(1_002_000)));
    assert_eq!((seen.totals.errors, seen.sources[0].lost_bytes, seen.errors[0].seen.count), (3, 3, 3));
    assert_eq!((seen.marks[0].key.as_str(), seen.marks[0].value.len()), ("tail/s/0", 16));
    assert_eq!(
        shown(&seen.ledger)[0].len() + 1,
        shown(&life.books.lock().unwrap())[0].len(),
        "without the rules' line"
    );
    let path = newest(&memory);
    let mut bytes = memory.read(&path);
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    memory.write(&path, bytes);
    let seen = look(&memory, &directory()).unwrap();
    assert!(seen.damage[0].contains("a record was changed"), "{:?}", seen.damage);
    assert_eq!((seen.totals.errors, seen.id.len()), (0, 32));
}

#[test]
fn a_reset_forgets_everything_and_only_without_a_daemon() {
    let memory = Memory::default();
    let mut life = Life::begin(&memory);
    life.tick();
    assert!(matches!(reset(&memory, &directory()), Err(StoreError::Held { .. })));
    drop(life);
    assert_eq!(reset(&memory, &directory()).unwrap(), 1);
    assert!(recovered(&memory).0.is_empty() && memory.names().is_empty());
}

#[test]
fn deltas_that_wait_are_one_a_source_and_bounded() {
    let mut queue = Queue::default();
    assert!(!queue.has_counts());
    queue.deliver(Delta { source: "s".into(), ..Delta::default() });
    assert!(!queue.has_counts(), "how a source stands is no count");
    for n in 0..10 {
        queue.deliver(delta("s", "x", 1, n));
        queue.deliver(delta("t", "x", 1, n));
    }
    for n in 0..5 {
        let mut many = Delta { source: "s".into(), ..Delta::default() };
        for tenant in 0..60_000 {
            let [provider, category] = ["p", "token"].map(Label::from);
            let tenant: Label = format!("{n}-{tenant}").into();
            many.tenants_unmatched.insert(tenant.clone(), Millis(1));
            many.ambiguous
                .add(AmbiguousKey { provider: provider.clone(), code: tenant.clone() }, &Seen::once(None));
            many.errors.add(
                ErrorKey { provider: provider.clone(), category: category.clone(), code: tenant.clone() },
                &Seen::once(None),
            );
            many.tenants.add(TenantKey { provider, category, tenant }, &Seen::once(None));
        }
        queue.deliver(many);
    }
    (0..3_000).for_each(|n| {
        queue.answered(
            Reader::Scraper { address: IpAddr::V4(Ipv4Addr::from(n / 2)), user_agent: "p".into() },
            Births(u64::from(n)),
        )
    });
    assert!(queue.has_counts());
    let (deltas, answers) = queue.take();
    let [s, t] = &deltas[..] else { panic!("{} deltas", deltas.len()) };
    assert_eq!((s.counts.lines, t.counts.lines, s.marks.len()), (10, 10, 1));
    assert_eq!(s.marks[0].value.as_deref(), Some(&9_i64.to_le_bytes()[..]));
    assert!(s.tenants.len() < 262_200 && s.tenants_unmatched.len() <= 65_536, "{}", s.tenants.len());
    let other = s.tenants.iter().find(|(key, _)| &*key.tenant == reserved::OTHER).unwrap();
    assert_eq!(s.tenants.iter().map(|(_, seen)| seen.count).sum::<u64>(), 300_010);
    assert!(other.1.count > 0);
    assert!(s.errors.len() < 262_200 && s.ambiguous.len() < 262_200, "{}", s.errors.len());
    assert_eq!(s.errors.iter().map(|(_, seen)| seen.count).sum::<u64>(), 300_010);
    assert_eq!(s.ambiguous.iter().map(|(_, seen)| seen.count).sum::<u64>(), 300_010);
    assert_eq!((answers.len(), answers[0].1), (1_024, Births(1)));
}

/// A journal as it was written when this format was new: a snapshot, counts of two sources, answers to a scraper, a mark
/// that went away. Whoever turns this red reads it no longer, and raises [`FORMAT`] or keeps a way to read it.
#[test]
fn a_journal_of_this_format_is_read_by_whoever_comes_later() {
    let memory = Memory::default();
    memory.write(&path_of(&directory(), 1), include_bytes!("format-1.journal").to_vec());
    assert_eq!(FORMAT, 1);
    let seen = look(&memory, &directory()).unwrap();
    assert_eq!((seen.damage, seen.records, seen.written_at), (vec![], 5, Some(1_005_000)));
    let totals = (seen.totals.lines, seen.totals.errors, seen.totals.ambiguous, seen.totals.foreign);
    assert_eq!((totals, seen.totals.tenants), ((10, 10, 10, 3), 2));
    let sources: Vec<_> =
        seen.sources.iter().map(|s| (&*s.name, s.lines, s.lost_bytes, s.last_event)).collect();
    assert_eq!(sources, [("s", 3, 3, Some(1_001_000)), ("t", 7, 7, Some(1_003_000))]);
    let marks: Vec<_> = seen.marks.iter().map(|mark| (mark.key.as_str(), mark.value.as_str())).collect();
    assert_eq!(marks, [("tail/t/0", "f84d0f0000000000")]);
    let x = seen.errors.iter().find(|row| row.code == "x").unwrap();
    assert_eq!((x.seen.count, x.seen.first, x.seen.last), (3, Some(1_000_995), Some(1_001_000)));
    let lines = shown(&seen.ledger);
    let value = |reader: usize, code: &str| {
        let block = format!("faultline_errors_total{{provider=\"p\",category=\"token\",code=\"{code}\"}} ");
        lines[reader].iter().find_map(|line| line.strip_prefix(&block)).unwrap().to_owned()
    };
    let (truth, fetched, another) = (0, 2, 3);
    assert_eq!(
        [truth, fetched, another].map(|reader| value(reader, "x")),
        ["Whole(3)", "Whole(3)", "Whole(0)"]
    );
    assert_eq!(
        [truth, fetched, another].map(|reader| value(reader, "z")),
        ["Whole(7)", "Whole(0)", "Whole(0)"]
    );
}
