//! Members that the group has given up on: frozen past `max.poll.interval.ms` (K16), or cut off from the broker and alive
//! while another one reads their partitions (K17). What they had not told the group is counted by the other, once.

use std::thread;
use std::time::Duration;

use super::broker;
use super::scene::{Scene, Writing};
use crate::kafka::properties::Listener;
use crate::proofs::scrape::Sheet;
use crate::proofs::{dice, figure, say};

#[test]
#[ignore = "runs alone; tests/all.sh does it"]
fn one_that_was_frozen_past_its_poll_interval_counts_nothing_twice() {
    let test = "one_that_was_frozen_past_its_poll_interval_counts_nothing_twice";
    let Some(kafka) = broker(test) else { return };
    let mut scene = Scene::new(kafka, "frozen", 4);
    let setup = scene.setup().with_session(6_000).with_poll_within(6_000);
    scene.add_watched(setup);
    let writing = scene.writing(1_500);
    let instance = &mut scene.instances[0];
    instance.start();
    instance.wait_for_records();
    thread::sleep(Duration::from_millis(1_300));
    instance.freeze();
    thread::sleep(Duration::from_millis(7_500));
    instance.thaw();
    let counts = writing.finish().noted().counts();
    let sheets = scene.settle(&counts);
    assert!(sheets[0].sum("faultline_kafka_rebalances_total", "lost") > 0, "{}", scene.standing());
    scene.assert_nothing_fell();
    scene.instances[0].stop();
}

#[test]
#[ignore = "runs alone; tests/all.sh does it"]
fn what_one_counted_while_it_was_cut_off_is_never_shown_once_another_reads_it() {
    let test = "what_one_counted_while_it_was_cut_off_is_never_shown_once_another_reads_it";
    let Some(kafka) = broker(test) else { return };
    let times = figure("KAFKA_ZOMBIES", 20);
    let mut dice = dice(61);
    let mut scene = Scene::new(kafka, "zombies", 4);
    let mut setup = scene.setup().with_session(2_000);
    scene.add_watched(setup.clone());
    setup.brokers = kafka.bootstrap(Listener::Proxied);
    scene.add_watched(setup);
    let writing = Writing::start(kafka, &scene.topic, 4, 2_000);
    scene.start();
    for _ in 0..times {
        let [other, zombie] = scene.instances.as_mut_slice() else { unreachable!() };
        let has = |share| move |sheet: &Sheet| sheet.sum("faultline_kafka_assigned_partitions", "") == share;
        zombie.wait_until("it has its share", has(2));
        thread::sleep(Duration::from_millis(500 + dice.below(1_500)));
        // Late answers: a commit may arrive and nobody here hears of it.
        kafka.proxy(1).delay(Duration::from_millis(dice.below(200)));
        thread::sleep(Duration::from_millis(dice.below(1_000)));
        kafka.proxy(1).close(true);
        other.wait_until("it reads all", has(4));
        thread::sleep(Duration::from_millis(dice.below(2_000)));
        if dice.chance(300) {
            zombie.kill();
            zombie.start();
        }
        kafka.proxy(1).delay(Duration::ZERO);
        kafka.proxy(1).close(false);
    }
    let counts = writing.finish().noted().counts();
    let sheets = scene.settle(&counts);
    let dropped = sheets.iter().map(|sheet| sheet.sum("faultline_kafka_pending_dropped_total", ""));
    let dropped: u64 = dropped.sum();
    let looks = scene.assert_nothing_fell();
    say(&format!(
        "proof zombies: {times} times one was cut off, {} records; {dropped} records of pending counts were dropped; \
         {looks} scrapes",
        counts.records
    ));
    assert!(dropped > 0, "nothing was pending: {}", scene.standing());
    scene.stop();
}
