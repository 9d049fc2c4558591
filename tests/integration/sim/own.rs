//! What no real file system does on demand: time that stands still, faults, crashes, numbers given again, other devices.

use std::io;
use std::path::Path;
use std::time::Duration;

use faultline::world::{File, Files, Links};
use rustix::io::Errno;

use super::{Call, Dice, Fault, Holding, Machine, Process};

fn code<T>(result: io::Result<T>) -> Option<Errno> {
    Some(Errno::from_io_error(&result.err()?).expect("an error of the system"))
}

fn open(process: &Process, path: &str) -> Box<dyn File> {
    process.open(Path::new(path), Links::Follow).unwrap()
}

fn append(process: &Process, path: &str, bytes: &[u8], sync: bool) {
    let mut file = process.create(Path::new(path)).unwrap();
    assert_eq!(file.append(bytes).unwrap(), bytes.len());
    if sync {
        file.sync().unwrap();
    }
}

#[test]
fn clocks_stand_until_they_are_moved_and_only_the_wall_steps() {
    let machine = Machine::new(1);
    let clock = machine.clock();
    let start = clock();
    machine.advance(Duration::from_millis(1500));
    assert_eq!(clock().steady - start.steady, Duration::from_millis(1500));
    assert_eq!(clock().wall.0 - start.wall.0, 1500);
    machine.step_wall(-86_400_000);
    assert_eq!(clock().steady - start.steady, Duration::from_millis(1500));
    assert_eq!(clock().wall.0 - start.wall.0, 1500 - 86_400_000);
}

#[test]
fn a_number_is_given_again_at_once_and_the_birth_tells_only_after_a_tick() {
    let machine = Machine::new(1);
    let process = machine.process();
    machine.write("/a", "one");
    let first = process.stat(Path::new("/a")).unwrap().id;
    machine.remove("/a");
    machine.advance(Duration::from_millis(1));
    machine.write("/a", "two");
    assert_eq!(process.stat(Path::new("/a")).unwrap().id, first);
    machine.remove("/a");
    machine.advance(Duration::from_millis(4));
    machine.write("/a", "three");
    let third = process.stat(Path::new("/a")).unwrap().id;
    assert_eq!((third.inode, third.born > first.born), (first.inode, true));
    machine.births(0, false);
    assert_eq!(process.stat(Path::new("/a")).unwrap().id.born, None);
}

#[test]
fn a_number_is_kept_while_somebody_has_the_file_open() {
    let machine = Machine::new(1);
    let process = machine.process();
    machine.write("/a", "one");
    let held = open(&process, "/a");
    machine.remove("/a");
    machine.write("/a", "two");
    let second = process.stat(Path::new("/a")).unwrap().id.inode;
    assert_ne!(second, held.stat().unwrap().id.inode);
    let first = held.stat().unwrap().id.inode;
    drop(held);
    machine.write("/b", "three");
    assert_eq!(process.stat(Path::new("/b")).unwrap().id.inode, first);
}

#[test]
fn mounts_cover_and_come_back_with_the_same_numbers() {
    let machine = Machine::new(1);
    let process = machine.process();
    machine.mkdir("/log");
    machine.write("/log/below", "x");
    let device = machine.add_device(0x0811);
    machine.mount(device, "/log");
    assert!(process.list(Path::new("/log")).unwrap().is_empty());
    machine.write("/log/a", "on the device");
    let there = process.stat(Path::new("/log/a")).unwrap().id;
    assert_eq!(there.device, 0x0811);
    assert_eq!(process.stat(Path::new("/log/../log/./a")).unwrap().id, there);
    assert_eq!(code(process.rename(Path::new("/log/a"), Path::new("/a"))), Some(Errno::XDEV));
    let held = open(&process, "/log/a");
    machine.unmount("/log");
    assert_eq!(code(process.stat(Path::new("/log/a"))), Some(Errno::NOENT));
    assert_eq!(machine.content("/log/below"), b"x");
    assert_eq!(held.stat().unwrap().id, there);
    machine.mount(device, "/log");
    assert_eq!(process.stat(Path::new("/log/a")).unwrap().id, there);
    machine.renumber_device(device, 0x0821);
    let other = machine.copy_device(device, 0x0831);
    machine.write("/log/a", " more");
    machine.unmount("/log");
    machine.mount(other, "/log");
    let copied = process.stat(Path::new("/log/a")).unwrap();
    assert_eq!((copied.id.inode, copied.id.device, copied.len), (there.inode, 0x0831, 13));
}

#[test]
fn a_read_only_device_refuses_every_change() {
    let machine = Machine::new(1);
    let process = machine.process();
    machine.write("/a", "x");
    let mut file = process.create(Path::new("/b")).unwrap();
    machine.read_only(0, true);
    assert_eq!(code(process.create(Path::new("/c"))), Some(Errno::ROFS));
    assert_eq!(code(process.rename(Path::new("/a"), Path::new("/c"))), Some(Errno::ROFS));
    assert_eq!(code(process.remove(Path::new("/a"))), Some(Errno::ROFS));
    assert_eq!(code(process.lock(Path::new("/a"))), Some(Errno::ROFS));
    assert_eq!(code(process.private_directory(Path::new("/d"))), Some(Errno::ROFS));
    assert_eq!(code(file.append(b"x")), Some(Errno::ROFS));
    assert!(process.open(Path::new("/a"), Links::Follow).is_ok());
}

#[test]
fn a_directory_of_somebody_else_is_not_private() {
    let machine = Machine::new(1);
    let process = machine.process();
    machine.mkdir("/state");
    machine.chmod("/state", 0o700);
    process.private_directory(Path::new("/state")).unwrap();
    machine.chown("/state");
    let refused = process.private_directory(Path::new("/state")).unwrap_err();
    assert!(refused.to_string().contains("another user"), "{refused}");
}

#[test]
fn descriptors_run_out_and_come_back() {
    let machine = Machine::new(1);
    let process = machine.process();
    machine.limit_descriptors(2);
    machine.write("/a", "x");
    let (one, lock) = (open(&process, "/a"), process.lock(Path::new("/lock")).unwrap());
    assert_eq!(code(process.open(Path::new("/a"), Links::Follow)), Some(Errno::MFILE));
    assert_eq!(code(process.create(Path::new("/b"))), Some(Errno::MFILE));
    assert_eq!(code(process.list(Path::new("/"))), Some(Errno::MFILE));
    assert_eq!(code(process.sync_directory(Path::new("/"))), Some(Errno::MFILE));
    assert_eq!((process.stat(Path::new("/a")).unwrap().len, machine.open_files()), (1, 2));
    drop(one);
    assert!(process.open(Path::new("/a"), Links::Follow).is_ok());
    drop(lock);
    assert_eq!(machine.open_files(), 0);
}

#[test]
fn a_listing_has_any_order_and_the_same_one_for_a_seed() {
    let orders = |seed| {
        let machine = Machine::new(seed);
        (0..6).for_each(|n| machine.write(format!("/{n}"), ""));
        let process = machine.process();
        let list = || process.list(Path::new("/")).unwrap().into_iter().map(|entry| entry.name);
        (0..5).map(|_| list().collect()).collect::<Vec<Vec<_>>>()
    };
    assert_eq!(orders(7), orders(7));
    assert!(orders(7).windows(2).any(|pair| pair[0] != pair[1]));
}

#[test]
fn every_kind_of_call_can_fail() {
    for call in Call::ALL {
        let machine = Machine::new(1);
        let process = machine.process();
        let mut file = process.create(Path::new("/a")).unwrap();
        file.append(b"xy").unwrap();
        machine.fail(&[call], 1, 1, Fault::Error(Errno::IO));
        let mut calls = || {
            [
                code(process.stat(Path::new("/a"))),
                code(process.link_target(Path::new("/a"))),
                code(process.list(Path::new("/"))),
                code(process.open(Path::new("/a"), Links::Follow)),
                code(process.create(Path::new("/c"))),
                code(file.read_at(&mut [0; 2], 0)),
                code(file.next_data(0)),
                code(file.append(b"x")),
                code(file.sync()),
                code(process.rename(Path::new("/c"), Path::new("/d"))),
                code(process.remove(Path::new("/d"))),
                code(process.sync_directory(Path::new("/"))),
                code(process.private_directory(Path::new("/p"))),
                code(process.lock(Path::new("/l"))),
            ]
        };
        assert_eq!(calls()[call as usize], Some(Errno::IO), "{call:?}");
        assert_eq!(machine.faults(), 1);
        drop(process.remove(Path::new("/c")));
        assert_eq!(calls(), [None; 14], "after {call:?}");
    }
}

#[test]
fn the_nth_call_fails_until_none_is_left() {
    let mut failed = Vec::new();
    for n in 1.. {
        let machine = Machine::new(1);
        let process = machine.process();
        machine.write("/a", "xy");
        machine.fail_at(n, Fault::Error(Errno::STALE));
        let run = || -> io::Result<()> {
            process.stat(Path::new("/a"))?;
            process.lock(Path::new("/l"))?;
            process.open(Path::new("/a"), Links::Follow)?.read_at(&mut [0; 2], 0)?;
            Ok(())
        };
        failed.push(code(run()));
        if machine.faults() == 0 {
            assert_eq!(machine.calls(), 4);
            break;
        }
    }
    let stale = Some(Errno::STALE);
    assert_eq!(failed, [stale, stale, stale, None], "no lock is stale");
}

#[test]
fn faults_go_on_for_a_time_or_come_by_chance_or_are_healed() {
    let machine = Machine::new(5);
    let process = machine.process();
    let mut file = process.create(Path::new("/a")).unwrap();
    machine.fail(&[Call::Append], 2, 2, Fault::Error(Errno::NOSPC));
    let said: Vec<_> = (0..4).map(|_| code(file.append(b"x"))).collect();
    assert_eq!(said, [None, Some(Errno::NOSPC), Some(Errno::NOSPC), None]);
    machine.fail_by_chance(&[Call::Append], 300, Fault::Error(Errno::IO));
    let failures = (0..1000).filter(|_| file.append(b"x").is_err()).count();
    assert!((200..400).contains(&failures), "{failures}");
    machine.heal();
    assert!((0..1000).all(|_| file.append(b"x").is_ok()));
    assert_eq!(machine.faults(), 0);
}

#[test]
fn short_reads_and_writes_do_a_part_and_never_nothing() {
    let machine = Machine::new(5);
    let process = machine.process();
    let mut file = process.create(Path::new("/a")).unwrap();
    machine.fail_by_chance(&Call::ALL, 1000, Fault::Short);
    let mut written = 0;
    for _ in 0..100 {
        let count = file.append(b"0123456789").unwrap();
        assert!((1..10).contains(&count));
        written += count as u64;
    }
    assert_eq!(file.stat().unwrap().len, written);
    assert!((1..10).contains(&file.read_at(&mut [0; 10], 0).unwrap()));
    assert_eq!(file.append(b"x").unwrap(), 1);
    assert_eq!(file.read_at(&mut [0; 1], written).unwrap(), 1);
}

#[test]
fn who_dies_in_a_call_did_it_in_part_or_not_and_does_nothing_later() {
    let mut lengths = Vec::new();
    for seed in 0..200 {
        let machine = Machine::new(seed);
        let process = machine.process();
        let mut file = process.create(Path::new("/a")).unwrap();
        let _lock = process.lock(Path::new("/l")).unwrap();
        machine.fail_at(1, Fault::Die);
        assert_eq!(code(file.append(b"0123456789")), Some(Errno::SRCH));
        assert!(!process.is_alive());
        assert_eq!(code(file.append(b"later")), Some(Errno::SRCH));
        assert_eq!(code(process.stat(Path::new("/a"))), Some(Errno::SRCH));
        assert_eq!(machine.open_files(), 0);
        machine.process().lock(Path::new("/l")).unwrap();
        lengths.push(machine.content("/a").len());
    }
    lengths.sort();
    lengths.dedup();
    assert_eq!(lengths, (0..=10).collect::<Vec<_>>());
}

#[test]
fn after_a_kill_everything_written_stays_and_writers_go_on() {
    let machine = Machine::new(1);
    let process = machine.process();
    let mut writer = machine.hold("/log", Holding::Append);
    append(&process, "/a", b"unsynced", false);
    let deleted = open(&process, "/log");
    let _lock = process.lock(Path::new("/l")).unwrap();
    machine.kill();
    assert_eq!(code(deleted.stat()), Some(Errno::SRCH));
    writer.write(b"goes on");
    assert_eq!(machine.content("/a"), b"unsynced");
    assert_eq!(machine.content("/log"), b"goes on");
    machine.process().lock(Path::new("/l")).unwrap();
}

#[test]
fn power_takes_what_was_not_synced_and_nothing_else() {
    let mut kept = [false; 4];
    for seed in 0..300 {
        let machine = Machine::new(1);
        let process = machine.process();
        machine.write("/log", "a line\n");
        let mut file = process.create(Path::new("/a")).unwrap();
        file.append(b"synced").unwrap();
        file.sync().unwrap();
        process.sync_directory(Path::new("/")).unwrap();
        file.append(&[b'x'; 9000]).unwrap();
        append(&process, "/new", b"content", true);
        machine.power_loss(seed);
        let content = machine.content("/a");
        assert_eq!(&content[..6], b"synced");
        assert!(content[6..].iter().all(|byte| b"\0x".contains(byte)));
        let is_there = machine.names("/").contains(&"/new".into());
        assert!(!is_there || machine.content("/new") == b"content");
        assert_eq!(machine.content("/log"), b"a line\n");
        let places = [content.len() == 6, content.len() == 9006, content.contains(&0), is_there];
        kept.iter_mut().zip(places).for_each(|(kept, now)| *kept |= now);
        // What came through lasts.
        machine.power_loss(seed + 1);
        assert_eq!(machine.content("/a"), content);
    }
    assert_eq!(kept, [true; 4]);
}

#[test]
fn names_are_undone_in_any_set_that_does_not_contradict_itself() {
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..500 {
        let machine = Machine::new(1);
        let process = machine.process();
        append(&process, "/old", b"1", true);
        process.sync_directory(Path::new("/")).unwrap();
        append(&process, "/tmp", b"2", true);
        process.rename(Path::new("/tmp"), Path::new("/new")).unwrap();
        process.remove(Path::new("/old")).unwrap();
        machine.power_loss(seed);
        let names: Vec<_> = machine.names("/").iter().map(|path| path.display().to_string()).collect();
        seen.insert(names.concat());
        if names.contains(&"/new".into()) {
            assert_eq!(machine.content("/new"), b"2");
        }
    }
    let all = ["", "/new", "/new/old", "/old", "/old/tmp", "/tmp"];
    assert_eq!(seen.iter().map(String::as_str).collect::<Vec<_>>(), all);
}

#[test]
fn a_synced_directory_keeps_its_names_whatever_comes() {
    for seed in 0..100 {
        let machine = Machine::new(1);
        let process = machine.process();
        process.private_directory(Path::new("/a/b")).unwrap();
        append(&process, "/a/b/tmp", b"whole", true);
        process.rename(Path::new("/a/b/tmp"), Path::new("/a/b/file")).unwrap();
        process.sync_directory(Path::new("/a/b")).unwrap();
        machine.power_loss(seed);
        assert_eq!(machine.names("/"), [Path::new("/a/b/file")]);
        assert_eq!(machine.content("/a/b/file"), b"whole");
    }
}

#[test]
fn logs_are_lost_only_where_a_test_asks_for_it() {
    let lost = |asked: bool| {
        (0..100).any(|seed| {
            let machine = Machine::new(1);
            if asked {
                machine.power_loss_takes_logs();
            }
            machine.write("/log", "old\n");
            machine.sync();
            machine.write("/log", "new\n");
            machine.rename("/log", "/log.1");
            machine.power_loss(seed);
            let path = machine.names("/").pop().unwrap();
            assert!(machine.content(&path).starts_with(b"old\n"));
            path != Path::new("/log.1") || machine.content("/log.1") != b"old\nnew\n"
        })
    };
    assert!(!lost(false));
    assert!(lost(true));
}

#[test]
fn what_failed_to_sync_may_be_gone_though_a_later_sync_succeeds() {
    let mut whole = [0; 2];
    for seed in 0..200 {
        let machine = Machine::new(seed);
        let process = machine.process();
        let mut file = process.create(Path::new("/a")).unwrap();
        process.sync_directory(Path::new("/")).unwrap();
        file.append(b"safe").unwrap();
        file.sync().unwrap();
        file.append(b"doubtful").unwrap();
        machine.fail_at(1, Fault::Error(Errno::IO));
        assert_eq!(code(file.sync()), Some(Errno::IO));
        file.append(b"more").unwrap();
        file.sync().unwrap();
        if Dice::new(seed).coin() {
            machine.kill();
        } else {
            machine.power_loss(seed);
        }
        let content = machine.content("/a");
        assert!(content.starts_with(b"safe") && content.ends_with(b"more"));
        whole[usize::from(content == b"safedoubtfulmore")] += 1;
    }
    assert!(whole.iter().all(|count| *count > 20), "{whole:?}");
}

#[test]
fn a_writer_that_lost_its_power_is_a_mistake_of_the_test() {
    let machine = Machine::new(1);
    let mut writer = machine.hold("/log", Holding::Append);
    machine.power_loss(1);
    let write = std::panic::AssertUnwindSafe(|| writer.write(b"x"));
    assert!(std::panic::catch_unwind(write).is_err());
}

#[test]
fn a_damaged_file_is_what_the_test_says() {
    let machine = Machine::new(1);
    machine.write("/a", "long content");
    machine.overwrite("/a", b"short");
    machine.power_loss(3);
    assert_eq!(machine.content("/a"), b"short");
}

#[test]
fn a_big_hole_costs_nothing_and_many_files_little() {
    let machine = Machine::new(1);
    machine.write_at("/sparse", 8 << 40, "end\n");
    machine.copy("/sparse", "/copy");
    let file = open(&machine.process(), "/copy");
    assert_eq!(file.next_data(0).unwrap(), Some(8 << 40));
    for number in 0..50_000 {
        machine.write(format!("/{number}"), "line\n");
    }
    for number in 0..50_000 {
        machine.remove(format!("/{number}"));
    }
    assert_eq!(machine.names("/").len(), 2);
}
