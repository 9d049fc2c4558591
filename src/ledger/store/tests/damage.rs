//! Every length that a small store may be cut to and every bit of it that may flip: what comes back is a state that was
//! committed, never another one, and what was changed is noticed.

use super::*;
use crate::ledger::store::frame::{FRAME_BYTES, HEADER_BYTES, Header};

/// Two generations, and the state after each commit of the newest with the bytes that it takes; the first is the
/// snapshot's own, before its record.
struct Small {
    memory: Memory,
    previous: Vec<u8>,
    prefixes: Vec<(usize, Vec<u8>)>,
}

fn small() -> Small {
    let memory = Memory::default();
    let mut life = Life::begin(&memory);
    life.tick();
    life.count("x", 1);
    let previous = life.state();
    life.books.lock().unwrap().revision += 1;
    life.queue.lock().unwrap().answered(scraper(1), Births(3));
    life.count("y", 2);
    let path = newest(&memory);
    assert_eq!(path, path_of(&directory(), 2));
    let mut prefixes = vec![(0, previous.clone()), (memory.read(&path).len(), life.state())];
    for n in 0..3 {
        life.count(["x", "z", "x"][n], 1);
        prefixes.push((memory.read(&path).len(), life.state()));
    }
    drop(life);
    let bytes = memory.read(&path);
    let snapshot = u32::from_le_bytes(bytes[HEADER_BYTES..HEADER_BYTES + 4].try_into().unwrap());
    prefixes[0].0 = HEADER_BYTES + FRAME_BYTES + snapshot as usize;
    assert!(bytes.len() < 4_000, "{} bytes", bytes.len());
    Small { memory, previous, prefixes }
}

impl Small {
    /// The state of as much of the newest as is good, or of the previous generation.
    fn expected(&self, good: usize) -> &[u8] {
        let kept = self.prefixes.iter().rev().find(|(bytes, _)| *bytes <= good);
        kept.map_or(&self.previous, |(_, state)| state)
    }
}

/// Whoever goes on from it does so with a new file, and the next start finds nothing wrong.
fn assert_goes_on(memory: &Memory, what: &str) {
    let mut life = Life::begin_at(memory, 2_000_000);
    let before = life.total();
    assert!(is_committed(&life.tick()), "{what}");
    assert!(is_committed(&life.count("x", 5)), "{what}");
    assert_eq!(life.total(), before + 5, "{what}");
    let state = life.state();
    drop(life);
    let (found, recovery) = recovered(memory);
    assert!(found == state && recovery.damage.is_empty() && !recovery.torn, "{what}: {recovery:?}");
}

#[test]
fn whole_files_are_recovered_to_the_last_commit() {
    let small = small();
    let (found, recovery) = recovered(&small.memory);
    assert_eq!(found, small.prefixes.last().unwrap().1);
    assert_eq!((recovery.generation, recovery.records, recovery.torn), (Some(2), 4, false));
    assert_eq!(recovery.written_at, Some(Millis(1_006_000)));
    assert_goes_on(&small.memory, "undamaged");
}

#[test]
fn every_length_that_the_newest_is_cut_to_gives_a_committed_state() {
    let small = small();
    let path = path_of(&directory(), 2);
    let whole = small.memory.read(&path);
    for length in 0..whole.len() {
        let memory = small.memory.copy();
        memory.write(&path, whole[..length].to_vec());
        let (found, recovery) = recovered(&memory.copy());
        assert!(found == small.expected(length), "cut to {length}");
        let is_boundary = small.prefixes.iter().any(|(bytes, _)| *bytes == length);
        let has_snapshot = length >= small.prefixes[0].0;
        assert_eq!(recovery.torn, has_snapshot && !is_boundary, "cut to {length}");
        assert_eq!(recovery.damage.len(), usize::from(!has_snapshot), "cut to {length}");
        if length % 7 == 0 {
            assert_goes_on(&memory, &format!("cut to {length}"));
        }
    }
}

#[test]
fn every_bit_that_flips_in_the_newest_is_noticed() {
    let small = small();
    let path = path_of(&directory(), 2);
    let whole = small.memory.read(&path);
    let memory = small.memory.copy();
    for bit in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        memory.write(&path, bytes);
        let (found, recovery) = recovered(&memory.copy());
        assert_eq!(recovery.damage.len(), 1, "bit {bit}: {recovery:?}");
        assert!(found == small.expected(bit / 8), "bit {bit}");
        if bit % 97 == 0 {
            assert_goes_on(&memory.copy(), &format!("bit {bit}"));
        }
    }
}

#[test]
fn damage_of_the_previous_one_harms_nobody_and_of_both_is_a_loud_start_from_nothing() {
    let small = small();
    let [previous, newest] = [1, 2].map(|generation| path_of(&directory(), generation));
    let whole = small.memory.read(&previous);
    let last = &small.prefixes.last().unwrap().1;
    let memory = small.memory.copy();
    for bit in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        memory.write(&previous, bytes);
        let (found, recovery) = recovered(&memory);
        assert!(found == *last && recovery.damage.is_empty(), "bit {bit}");
    }
    memory.write(&newest, vec![7; 100]);
    memory.write(&previous, vec![]);
    let (found, recovery) = recovered(&memory.copy());
    assert!(found.is_empty() && recovery.generation.is_none());
    assert_eq!(recovery.damage.len(), 2, "{recovery:?}");
    assert!(recovery.damage[0].contains("/state/ledger-00000000000000000002.journal: it does not begin as"));
    assert_goes_on(&memory, "nothing");
    let kept: Vec<_> = memory.names().into_iter().filter(|name| name.ends_with(".damaged")).collect();
    assert_eq!(kept, [1, 2].map(|n| format!("ledger-{n:020}.journal.damaged")), "nothing is destroyed");
}

#[test]
fn when_both_are_damaged_a_flip_in_the_fallback_gives_what_was_before_it() {
    let small = small();
    let [previous, newest] = [1, 2].map(|generation| path_of(&directory(), generation));
    small.memory.write(&newest, Vec::new());
    let whole = small.memory.read(&previous);
    let first = {
        let memory = small.memory.copy();
        memory.write(&previous, whole[..whole.len() - 1].to_vec());
        recovered(&memory).0
    };
    for bit in 0..whole.len() * 8 {
        let memory = small.memory.copy();
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        memory.write(&previous, bytes);
        let (found, recovery) = recovered(&memory);
        assert_eq!(recovery.damage.len(), 2, "bit {bit}");
        assert!(found != small.previous, "bit {bit}: a changed record was taken");
        let is_in_last = found == first;
        assert!(is_in_last || found.is_empty() || recovery.records == 0, "bit {bit}");
    }
}

#[test]
fn space_that_was_never_written_is_torn_and_no_damage() {
    let small = small();
    let path = path_of(&directory(), 2);
    let mut bytes = small.memory.read(&path);
    bytes.extend([0; 5_000]);
    small.memory.write(&path, bytes);
    let (found, recovery) = recovered(&small.memory);
    assert!(found == small.prefixes.last().unwrap().1 && recovery.torn && recovery.damage.is_empty());
}

#[test]
fn what_a_newer_version_wrote_is_set_aside_and_kept() {
    let memory = Memory::default();
    for generation in 1..=9 {
        let mut header = Vec::new();
        Header { id: [1; 16], generation }.write_as(2, &mut header);
        memory.write(&path_of(&directory(), generation), header);
        let (found, recovery) = recovered(&memory);
        assert!(found.is_empty());
        assert!(recovery.damage[0].contains("a newer version wrote it (format 2"), "{recovery:?}");
    }
    assert_eq!(memory.names().len(), 9, "{:?}", memory.names());
    let mut life = Life::begin(&memory);
    life.tick();
    drop(life);
    let names = memory.names();
    let kept: Vec<_> = names.iter().filter(|name| name.ends_with(".newer")).collect();
    assert_eq!(
        kept,
        [6, 7, 8, 9].map(|n| format!("ledger-{n:020}.journal.newer")).iter().collect::<Vec<_>>()
    );
    assert_eq!(newest(&memory), path_of(&directory(), 10), "no number is used twice");
}

#[test]
fn the_file_of_another_ledger_is_no_fallback() {
    let (small, other) = (small(), small());
    let [previous, newest] = [1, 2].map(|generation| path_of(&directory(), generation));
    let mut bytes = small.memory.read(&newest);
    bytes[HEADER_BYTES + FRAME_BYTES] ^= 1;
    small.memory.write(&newest, bytes);
    small.memory.write(&previous, other.memory.read(&previous));
    let (found, recovery) = recovered(&small.memory);
    assert!(found.is_empty() && recovery.damage.len() == 2, "{recovery:?}");
    assert!(recovery.damage[1].contains("it belongs to another ledger"));
}

#[test]
fn a_file_under_the_name_of_another_generation_is_not_used() {
    let small = small();
    let bytes = small.memory.read(&path_of(&directory(), 1));
    small.memory.write(&path_of(&directory(), 3), bytes);
    let (found, recovery) = recovered(&small.memory);
    assert!(found == small.prefixes.last().unwrap().1);
    assert!(recovery.damage[0].contains("its name is another one's"), "{recovery:?}");
}
