//! A rotation happens while the tail looks: between its n-th call and the one before, for n = 1 and on until the look is
//! over, all of it at once or a step every few calls. Every line is counted once.

use std::time::Duration;

use super::compressed::gzip;
use super::scene::{FIRST, LIVE, Scene, Way, ways};
use crate::sim::Machine;

const SECOND: &str = "/logs/app.log.2";
const PACKED: &str = "/logs/app.log.1.gz";

type Act = Box<dyn FnOnce(&Machine) + Send>;

fn writing(path: &'static str, bytes: Vec<u8>) -> Act {
    Box::new(move |machine| machine.write(path, bytes))
}

fn renaming(from: &'static str, to: &'static str) -> Act {
    Box::new(move |machine| machine.rename(from, to))
}

fn cutting(path: &'static str) -> Act {
    Box::new(move |machine| machine.truncate(path, 0))
}

fn removing(path: &'static str) -> Act {
    Box::new(move |machine| machine.remove(path))
}

/// Calls between two steps of a rotation.
const GAPS: [u64; 5] = [0, 1, 2, 3, 8];

/// `prepare` makes what is there at the beginning of the look, and gives what happens in it.
fn at_every_call(prepare: impl Fn(&mut Scene) -> Vec<Act>) {
    for way in ways() {
        for gap in GAPS {
            // The last one: nothing of it happened in the look.
            let calls = (1..2000).find(|n| !played(way, *n, gap, &prepare));
            assert!(calls.expect("a look that ends") > 3, "{calls:?}");
        }
    }
}

/// Whether some of it happened while the tail looked.
fn played(way: Way, n: u64, gap: u64, prepare: &impl Fn(&mut Scene) -> Vec<Act>) -> bool {
    let mut scene = Scene::new(way, |_| {});
    let acts = prepare(&mut scene);
    let all = acts.len();
    for (place, act) in acts.into_iter().enumerate() {
        scene.machine.meanwhile(n + gap * place as u64, move |machine| {
            act(machine);
            machine.advance(Duration::from_micros(700));
        });
    }
    scene.following.step();
    let is_hit = scene.machine.catch_up() < all;
    scene.pass(3.0);
    scene.write(LIVE, 1);
    scene.check_of(format_args!("from call {n} on, every {gap}:"));
    assert!(scene.following.committed.lost.is_empty(), "from call {n} on, every {gap}: {way:?}");
    is_hit
}

/// Lines that were read, and some that were not.
fn begin(scene: &mut Scene) {
    scene.write(LIVE, 3);
    scene.pass(1.0);
    scene.write(LIVE, 2);
}

#[test]
fn a_copy_is_made_and_the_file_cut_off_within_a_look() {
    at_every_call(|scene| {
        begin(scene);
        let copy = |machine: &Machine| machine.copy(LIVE, FIRST);
        vec![Box::new(copy), cutting(LIVE), writing(LIVE, scene.lines(1)), writing(LIVE, scene.lines(2))]
    });
}

#[test]
fn a_copy_is_made_in_pieces_and_the_file_cut_off_within_a_look() {
    at_every_call(|scene| {
        begin(scene);
        let content = scene.machine.content(LIVE);
        let (one, rest) = content.split_at(content.len() / 3);
        let (two, three) = rest.split_at(rest.len() / 2 + 7);
        vec![
            writing(FIRST, one.to_vec()),
            writing(FIRST, two.to_vec()),
            writing(FIRST, three.to_vec()),
            cutting(LIVE),
            writing(LIVE, scene.lines(2)),
        ]
    });
}

#[test]
fn a_copy_that_is_there_in_part_is_finished_and_the_file_cut_off_within_a_look() {
    at_every_call(|scene| {
        begin(scene);
        let content = scene.machine.content(LIVE);
        let (one, two) = content.split_at(content.len() / 2);
        scene.put(FIRST, one);
        vec![writing(FIRST, two.to_vec()), cutting(LIVE), writing(LIVE, scene.lines(2))]
    });
}

#[test]
fn files_are_renamed_within_a_look() {
    at_every_call(|scene| {
        begin(scene);
        vec![
            renaming(LIVE, FIRST),
            writing(LIVE, scene.lines(2)),
            renaming(FIRST, SECOND),
            renaming(LIVE, FIRST),
            writing(FIRST, scene.lines(1)),
            writing(LIVE, scene.lines(3)),
        ]
    });
}

#[test]
fn a_rotated_file_is_compressed_within_a_look() {
    at_every_call(|scene| {
        begin(scene);
        scene.rename(LIVE, FIRST);
        scene.write(LIVE, 2);
        let packed = gzip(&scene.machine.content(FIRST));
        let (one, two) = packed.split_at(packed.len() / 2);
        vec![writing(PACKED, one.to_vec()), writing(PACKED, two.to_vec()), removing(FIRST)]
    });
}

#[test]
fn a_file_is_deleted_and_made_anew_with_its_number_within_a_look() {
    at_every_call(|scene| {
        scene.write(LIVE, 3);
        scene.settle();
        vec![removing(LIVE), writing(LIVE, scene.lines(1)), writing(LIVE, scene.lines(5))]
    });
}

#[test]
fn a_file_is_cut_off_and_written_anew_within_a_look() {
    at_every_call(|scene| {
        scene.write(LIVE, 3);
        scene.settle();
        vec![cutting(LIVE), writing(LIVE, scene.lines(1)), writing(LIVE, scene.lines(5))]
    });
}
