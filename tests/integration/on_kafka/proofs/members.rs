//! A second member that comes and goes (K4), also while a commit is under way (K3): nothing stands still, all is exact.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::broker;
use super::instance::Instance;
use super::scene::{Scene, Writing};
use crate::kafka::broker::Cluster;
use crate::proofs::scrape::Sheet;
use crate::proofs::{dice, figure, say};

const SESSION: u64 = 6_000;
/// Who is stopped while the broker is silent cannot say goodbye: the group notices that it is gone at the end of its session,
/// and the others at one of their next heartbeats, a quarter of a session each.
const UNNOTICED: u64 = SESSION + 3 * SESSION / 4;

/// Time that stands still while the broker is silent: nobody can read then.
struct Clock<'k> {
    kafka: &'k Cluster,
    begun: Instant,
    /// For how long it was silent, and since when it is.
    silent: Mutex<(Duration, Option<Instant>)>,
}

impl Clock<'_> {
    fn now(&self) -> Duration {
        let (sum, since) = *self.silent.lock().unwrap();
        self.begun.elapsed() - sum - since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    fn pause(&self) {
        self.silent.lock().unwrap().1 = Some(Instant::now());
        self.kafka.pause(1);
    }

    fn resume(&self) {
        self.kafka.resume(1);
        let mut silent = self.silent.lock().unwrap();
        let since = silent.1.take().expect("it was paused");
        silent.0 += since.elapsed();
    }
}

/// The longest time that a partition stood still, in rounds in which the broker answers all the time, and in the others.
#[derive(Debug, Clone, Copy, Default)]
struct Longest {
    answered: Duration,
    silent: Duration,
}

/// How long partitions stand still; `look` gives what the members expose.
fn longest_stop(
    look: impl Fn() -> Vec<Sheet>,
    clock: &Clock<'_>,
    is_silent: &AtomicBool,
    is_over: &AtomicBool,
) -> Longest {
    let mut known: BTreeMap<String, (u64, Duration, bool)> = BTreeMap::new();
    let mut longest = Longest::default();
    let mut note = |stood: Duration, is_silent: bool| {
        let known = if is_silent { &mut longest.silent } else { &mut longest.answered };
        *known = stood.max(*known);
    };
    while !is_over.load(Ordering::SeqCst) {
        let sheets = look();
        let (now, is_silent) = (clock.now(), is_silent.load(Ordering::SeqCst));
        for (partition, position) in
            sheets.iter().flat_map(|sheet| sheet.by("faultline_kafka_position", "partition"))
        {
            let (last, since, was_silent) = known.entry(partition).or_insert((position, now, is_silent));
            if position > *last {
                note(now.saturating_sub(*since), *was_silent || is_silent);
                (*last, *since, *was_silent) = (position, now, is_silent);
            }
        }
        thread::sleep(Duration::from_millis(50));
    }
    let now = clock.now();
    known.values().for_each(|(_, since, was_silent)| note(now.saturating_sub(*since), *was_silent));
    assert_eq!(known.len(), 4, "{known:?}");
    longest
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
    let (is_silent, is_over) = (AtomicBool::new(false), AtomicBool::new(false));
    let clock = Clock { kafka, begun: Instant::now(), silent: Mutex::default() };
    let look = || looks.iter().filter_map(Instance::look_at).collect();
    let longest = thread::scope(|scope| {
        let watching = scope.spawn(|| longest_stop(look, &clock, &is_silent, &is_over));
        for time in 0..times {
            // Each second time the broker is silent while a commit is on its way and the group changes.
            let silence = time % 2 == 1;
            is_silent.store(silence, Ordering::SeqCst);
            if silence {
                thread::sleep(Duration::from_millis(dice.below(1_000)));
                clock.pause();
                other.start();
                thread::sleep(Duration::from_millis(1_200 + dice.below(1_200)));
                clock.resume();
            } else {
                other.start();
            }
            other.wait_until("it has its share", |sheet| {
                sheet.sum("faultline_kafka_assigned_partitions", "") == 2
            });
            thread::sleep(Duration::from_millis(dice.below(2_000)));
            if silence {
                clock.pause();
                thread::sleep(Duration::from_millis(500 + dice.below(1_000)));
                other.life().signal("-TERM");
                thread::sleep(Duration::from_millis(dice.below(1_000)));
                clock.resume();
                other.leave();
            } else {
                other.stop();
            }
            one.wait_until("it has all again", |sheet| {
                sheet.sum("faultline_kafka_assigned_partitions", "") == 4
            });
        }
        thread::sleep(Duration::from_millis(1_500));
        is_over.store(true, Ordering::SeqCst);
        watching.join().unwrap()
    });
    let counts = writing.finish().noted().counts();
    other.start();
    scene.settle(&counts);
    let looks = scene.assert_nothing_fell();
    say(&format!(
        "proof members: {times} times one came and went, {} records; {looks} scrapes; no partition stood still for more \
         than {} ms, and {} ms besides the silence of a broker",
        counts.records,
        longest.answered.as_millis(),
        longest.silent.as_millis()
    ));
    assert!(longest.answered < Duration::from_millis(SESSION), "{longest:?}");
    assert!(longest.silent < Duration::from_millis(UNNOTICED), "{longest:?}");
    scene.stop();
}
