//! Three nodes, one of which is killed while it leads and coordinates.

use std::thread;
use std::time::Duration;

use super::instance::Setup;
use super::scene::Scene;
use crate::kafka::broker::{Cluster, Options};
use crate::proofs::{dice, figure, say};
use crate::sim::dice::Dice;

/// Any of them, again and again.
fn kill_nodes(kafka: &Cluster, kills: usize, dice: &mut Dice) {
    for _ in 0..kills {
        thread::sleep(Duration::from_millis(1_000 + dice.below(4_000)));
        let node = 1 + usize::try_from(dice.below(kafka.nodes() as u64)).expect("small");
        kafka.kill(node);
        thread::sleep(Duration::from_millis(dice.below(5_000)));
        kafka.start_node(node);
    }
}

#[test]
#[ignore = "runs alone; tests/all.sh does it"]
fn counts_are_exact_when_any_node_of_three_is_killed() {
    let test = "counts_are_exact_when_any_node_of_three_is_killed";
    let Some(kafka) = Cluster::start(test, 3, &Options::default()) else { return };
    let kills = figure("KAFKA_NODES", 10);
    let mut scene = Scene::new(&kafka, "replicated", 6);
    let setup = scene.setup().with_session(6_000);
    scene.add_watched(setup.clone());
    scene.add_watched(Setup { consumers: 2, ..setup });
    scene.start();
    let writing = scene.writing(1_500);
    scene.instances[0].wait_for_records();
    kill_nodes(&kafka, kills, &mut dice(41));
    let counts = writing.finish().noted().counts();
    scene.settle(&counts);
    let looks = scene.assert_nothing_fell();
    say(&format!("proof three nodes: {kills} kills, {} records; {looks} scrapes", counts.records));
    scene.stop();
}
