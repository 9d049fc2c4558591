//! A second member that comes and goes (K4), also while a commit is under way (K3): nothing stands still, all is exact.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::broker;
use super::instance::Instance;
use super::scene::{Scene, Writing};
use crate::proofs::scrape::Sheet;
use crate::proofs::{dice, figure, say};

const SESSION: u64 = 6_000;

/// The longest time that a partition stood still; `look` gives what the members expose.
fn longest_stop(look: impl Fn() -> Vec<Sheet>, is_over: &AtomicBool) -> Duration {
    let mut known: BTreeMap<String, (u64, Instant)> = BTreeMap::new();
    let mut longest = Duration::ZERO;
    while !is_over.load(Ordering::Relaxed) {
        for (partition, position) in
            look().iter().flat_map(|sheet| sheet.by("faultline_kafka_position", "partition"))
        {
            let (last, since) = known.entry(partition).or_insert((position, Instant::now()));
            if position > *last {
                longest = longest.max(since.elapsed());
                (*last, *since) = (position, Instant::now());
            }
        }
        thread::sleep(Duration::from_millis(50));
    }
    let still = known.values().map(|(_, since)| since.elapsed()).max().unwrap_or_default();
    assert_eq!(known.len(), 4, "{known:?}");
    longest.max(still)
}

#[test]
#[ignore = "runs alone; tests/all.sh does it"]
fn a_member_that_comes_and_goes_stops_nobody_and_changes_no_sum() {
    let Some(kafka) = broker("a_member_that_comes_and_goes_stops_nobody_and_changes_no_sum") else { return };
    let times = figure("KAFKA_MEMBERS", 20);
    let mut dice = dice(51);
    let mut scene = Scene::new(kafka, "members", 4);
    let setup = scene.setup().with_session(SESSION);
    for _ in 0..2 {
        scene.add_watched(setup.clone());
    }
    let [one, other] = scene.instances.as_mut_slice() else { unreachable!() };
    let looks = [one.address(), other.address()];
    one.start();
    let writing = Writing::start(kafka, &scene.topic, 4, 1_500);
    one.wait_for_records();
    let is_over = AtomicBool::new(false);
    let look = || looks.iter().filter_map(Instance::look_at).collect();
    let longest = thread::scope(|scope| {
        let watching = scope.spawn(|| longest_stop(look, &is_over));
        for time in 0..times {
            // Each second time the broker is silent while a commit is on its way and the group changes.
            let is_silent = time % 2 == 1;
            if is_silent {
                thread::sleep(Duration::from_millis(dice.below(1_000)));
                kafka.pause(1);
                other.start();
                thread::sleep(Duration::from_millis(1_200 + dice.below(1_200)));
                kafka.resume(1);
            } else {
                other.start();
            }
            other.wait_until("it has its share", |sheet| {
                sheet.sum("faultline_kafka_assigned_partitions", "") == 2
            });
            thread::sleep(Duration::from_millis(dice.below(2_000)));
            if is_silent {
                kafka.pause(1);
                thread::sleep(Duration::from_millis(500 + dice.below(1_000)));
                other.life().signal("-TERM");
                thread::sleep(Duration::from_millis(dice.below(1_000)));
                kafka.resume(1);
                other.leave();
            } else {
                other.stop();
            }
            one.wait_until("it has all again", |sheet| {
                sheet.sum("faultline_kafka_assigned_partitions", "") == 4
            });
        }
        thread::sleep(Duration::from_millis(1_500));
        is_over.store(true, Ordering::Relaxed);
        watching.join().unwrap()
    });
    let counts = writing.finish().noted().counts();
    other.start();
    scene.settle(&counts);
    let looks = scene.assert_nothing_fell();
    say(&format!(
        "proof members: {times} times one came and went, {} records; {looks} scrapes; no partition stood still for more \
         than {} ms",
        counts.records,
        longest.as_millis()
    ));
    assert!(longest < Duration::from_millis(SESSION + 1_000), "{longest:?}");
    scene.stop();
}
