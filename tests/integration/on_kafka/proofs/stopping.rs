//! SIGTERM under load: soon, and exact each time; and while the broker is down.

use std::thread;
use std::time::Duration;

use super::broker;
use super::scene::{Scene, Writing};
use crate::proofs::scrape::Kind;
use crate::proofs::{dice, figure, say};

const WITHIN: Duration = Duration::from_millis(2_500);

fn times(took: &mut [Duration]) -> String {
    took.sort_unstable();
    let ms = |at: usize| took[at].as_millis();
    let (median, most, longest) = (ms(took.len() / 2), ms(took.len() * 99 / 100), ms(took.len() - 1));
    format!("gone after {median} ms (median), {most} ms (99 of 100), {longest} ms (longest)")
}

#[test]
#[ignore = "runs alone; tests/all.sh does it"]
fn after_each_sigterm_the_counts_are_exact_and_it_was_gone_soon() {
    let Some(kafka) = broker("after_each_sigterm_the_counts_are_exact_and_it_was_gone_soon") else { return };
    let stops = figure("KAFKA_STOPS", 200);
    let mut dice = dice(71);
    let mut scene = Scene::new(kafka, "stopped", 4);
    let setup = scene.setup().with_session(6_000);
    scene.add(setup);
    let instance = &mut scene.instances[0];
    instance.watched_by(Kind::Anybody);
    let writing = Writing::start(kafka, &scene.topic, 4, 3_000);
    let mut took = Vec::new();
    for _ in 0..stops {
        instance.start();
        // Some stop before they have read anything.
        let has_read = dice.chance(800);
        if has_read {
            instance.wait_for_records();
        }
        thread::sleep(Duration::from_millis(dice.below(900)));
        took.push(instance.stop());
    }
    let counts = writing.finish().noted().counts();
    instance.start();
    scene.settle(&counts);
    let looks = scene.assert_nothing_fell();
    say(&format!(
        "proof SIGTERM: {stops} stops, {} records; {looks} scrapes; {}",
        counts.records,
        times(&mut took)
    ));
    assert!(*took.last().unwrap() < WITHIN, "{took:?}");
    scene.instances[0].stop();
}

#[test]
#[ignore = "runs alone; tests/all.sh does it"]
fn a_stop_while_the_broker_is_down_is_soon_and_exact() {
    let Some(kafka) = broker("a_stop_while_the_broker_is_down_is_soon_and_exact") else { return };
    let stops = figure("KAFKA_DOWN", 20);
    let mut dice = dice(72);
    let mut scene = Scene::new(kafka, "down", 4);
    let setup = scene.setup().with_session(6_000);
    scene.add(setup);
    scene.instances[0].watched_by(Kind::Anybody);
    let writing = Writing::start(kafka, &scene.topic, 4, 2_000);
    let mut took = Vec::new();
    for stop in 0..stops {
        let instance = &mut scene.instances[0];
        instance.start();
        instance.wait_for_records();
        thread::sleep(Duration::from_millis(dice.below(1_500)));
        match stop % 2 {
            // It hears of nothing: the connection is there and nobody answers.
            0 => {
                kafka.pause(1);
                thread::sleep(Duration::from_millis(dice.below(2_500)));
                took.push(instance.stop());
                kafka.kill(1);
            }
            _ => {
                kafka.kill(1);
                thread::sleep(Duration::from_millis(dice.below(2_500)));
                took.push(instance.stop());
            }
        }
        kafka.start_node(1);
    }
    let counts = writing.finish().noted().counts();
    scene.instances[0].start();
    scene.settle(&counts);
    let looks = scene.assert_nothing_fell();
    say(&format!(
        "proof SIGTERM, broker down: {stops} stops, {} records; {looks} scrapes; {}",
        counts.records,
        times(&mut took)
    ));
    assert!(*took.last().unwrap() < WITHIN, "{took:?}");
    scene.instances[0].stop();
}
