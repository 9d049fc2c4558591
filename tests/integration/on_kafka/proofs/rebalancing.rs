//! Two groups of three instances read one topic while their members leave, die and freeze and their broker is killed.

use std::thread;
use std::time::Duration;

use super::broker;
use super::instance::Setup;
use super::scene::{Scene, Writing};
use crate::proofs::{dice, figure, say};
use crate::sim::dice::Dice;

const SESSION: u64 = 2_000;
const POLL: u64 = 3_000;

/// What happens to a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Leave,
    Kill,
    /// It is silent for so long: not long enough to matter, past the session, past `max.poll.interval.ms`.
    Freeze(u64),
    /// Killed while it was frozen.
    KillFrozen,
    /// Another one is killed while it is frozen.
    FreezeAndKill,
}

const ACTS: [Act; 7] = [
    Act::Leave,
    Act::Kill,
    Act::Freeze(SESSION / 2),
    Act::Freeze(SESSION + 900),
    Act::Freeze(POLL + 1_500),
    Act::KillFrozen,
    Act::FreezeAndKill,
];

/// All acts in each round, in another order; all members run in the end. How many acts that were.
fn play(scene: &mut Scene<'_>, rounds: usize, dice: &mut Dice) -> usize {
    let pause = |dice: &mut Dice, most| thread::sleep(Duration::from_millis(100 + dice.below(most)));
    for instance in &mut scene.instances {
        instance.start();
        pause(dice, 1_500);
    }
    let mut acts = ACTS;
    for _ in 0..rounds {
        dice.shuffle(&mut acts);
        for act in acts {
            pause(dice, 1_500);
            let mut order: Vec<usize> = (0..scene.instances.len()).collect();
            dice.shuffle(&mut order);
            let (one, other) = (order[0], order[1]);
            // A daemon that has yet to start takes no signals.
            scene.instances[one].life().address();
            match act {
                Act::Leave => {
                    scene.instances[one].stop();
                }
                Act::Kill => scene.instances[one].kill(),
                Act::Freeze(for_ms) => {
                    scene.instances[one].freeze();
                    thread::sleep(Duration::from_millis(for_ms + dice.below(500)));
                    scene.instances[one].thaw();
                }
                Act::KillFrozen => {
                    scene.instances[one].freeze();
                    pause(dice, SESSION + 1_000);
                    scene.instances[one].kill();
                }
                Act::FreezeAndKill => {
                    scene.instances[one].freeze();
                    pause(dice, SESSION);
                    scene.instances[other].kill();
                    pause(dice, SESSION);
                    scene.instances[one].thaw();
                }
            }
            if dice.coin() {
                pause(dice, SESSION + 1_000);
            }
            scene.start();
        }
    }
    rounds * acts.len()
}

#[test]
#[ignore = "runs alone; tests/all.sh does it"]
fn the_sum_over_instances_is_exact_when_members_and_the_broker_go_and_come() {
    let test = "the_sum_over_instances_is_exact_when_members_and_the_broker_go_and_come";
    let Some(kafka) = broker(test) else { return };
    let (number, outages) = (figure("KAFKA_REBALANCES", 10), figure("KAFKA_OUTAGES", 20));
    let mut classic = Scene::new(kafka, "rebalanced", 6);
    let setup = classic.setup().with_session(SESSION).with_poll_within(POLL);
    classic.add_watched(setup.clone());
    let fixed = Setup { instance_id: Some("fixed".to_owned()), ..setup.clone() };
    classic.add_watched(fixed);
    classic.add_watched(Setup { consumers: 2, ..setup });
    let mut modern = Scene::on(kafka, &classic.topic, 6);
    let mut setup = modern.setup();
    setup.protocol = "consumer";
    setup = setup.with_poll_within(POLL);
    for _ in 0..3 {
        modern.add_watched(setup.clone());
    }
    let writing = Writing::start(kafka, &classic.topic, 6, 1_500);
    let acts = thread::scope(|scope| {
        let one = scope.spawn(|| play(&mut classic, number, &mut dice(31)));
        let other = scope.spawn(|| play(&mut modern, number, &mut dice(32)));
        let mut chance = dice(33);
        for _ in 0..outages {
            thread::sleep(Duration::from_millis(1_000 + chance.below(5_000)));
            kafka.kill(1);
            thread::sleep(Duration::from_millis(chance.below(4_000)));
            kafka.start_node(1);
        }
        one.join().unwrap() + other.join().unwrap()
    });
    let counts = writing.finish().noted().counts();
    let sheets = [classic.settle(&counts), modern.settle(&counts)].concat();
    let dropped =
        sheets.iter().map(|sheet| sheet.sum("faultline_kafka_pending_dropped_total", "")).sum::<u64>();
    let looks = classic.assert_nothing_fell() + modern.assert_nothing_fell();
    say(&format!(
        "proof rebalances: {acts} acts in {number} rounds of two groups, {outages} outages, {} records; {looks} scrapes; \
         {dropped} records of pending counts were dropped for another owner",
        counts.records
    ));
    classic.stop();
    modern.stop();
}
