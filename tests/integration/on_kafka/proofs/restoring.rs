//! The ledger and the group disagree (K18): a state directory that was set back, partitions that another instance had
//! meanwhile, an offset that somebody moved or deleted.

use std::path::Path;
use std::process::Command;

use super::broker;
use super::scene::{Counted, Scene};
use crate::kafka::admin::Committed;
use crate::kafka::broker::Cluster;
use crate::kafka::producer::Producer;
use crate::kafka::properties::Listener;
use crate::proofs::say;
use crate::proofs::scrape::Sheet;

const RECORDS: u64 = 5_000;

fn copy(from: &Path, to: &Path) {
    let _ = std::fs::remove_dir_all(to);
    let words = [from.to_str().unwrap(), to.to_str().unwrap()];
    assert!(Command::new("cp").arg("-a").args(words).status().unwrap().success());
}

/// A scene of one instance, and a producer of its topic.
fn begin<'k>(kafka: &'k Cluster, name: &str) -> (Scene<'k>, Producer) {
    let mut scene = Scene::new(kafka, name, 2);
    let setup = scene.setup().with_session(6_000);
    scene.add(setup);
    let producer = Producer::new(&kafka.client(Listener::Plain), &scene.topic, 2, super::scene::SHAPE);
    (scene, producer)
}

/// More is written, and counted by the first instance, which then leaves; what it has counted of all.
fn count_more(scene: &mut Scene<'_>, producer: &mut Producer, before: &Counted) -> Counted {
    let known = Counted::expected(&producer.noted().counts());
    producer.write(RECORDS);
    let all = Counted::expected(&producer.noted().counts());
    let mine = before.and(&known.until(&all));
    scene.instances[0].start();
    scene.settle_at(&mine);
    mine
}

#[test]
#[ignore = "runs alone; tests/all.sh does it"]
fn whoever_is_right_wins_when_the_ledger_and_the_group_disagree() {
    let test = "whoever_is_right_wins_when_the_ledger_and_the_group_disagree";
    let Some(kafka) = broker(test) else { return };
    std::thread::scope(|scope| {
        scope.spawn(|| set_back(kafka));
        scope.spawn(|| taken_over(kafka));
        scope.spawn(|| moved(kafka));
    });
    say("proof restoring: set back; set back and taken over; moved, and forgotten");
}

/// The group is ahead of the ledger, by the ledger's own stamp: the ledger's totals are one pass up to its position.
fn set_back(kafka: &Cluster) {
    let (mut scene, mut producer) = begin(kafka, "set-back");
    let then = count_more(&mut scene, &mut producer, &Counted::default());
    scene.instances[0].stop();
    let (state, kept) = (scene.instances[0].state(), scene.instances[0].state().with_extension("kept"));
    copy(&state, &kept);
    count_more(&mut scene, &mut producer, &then);
    scene.instances[0].stop();
    copy(&kept, &state);
    producer.write(RECORDS);
    let counts = producer.noted().counts();
    scene.instances[0].start();
    scene.settle(&counts);
    let said = scene.instances[0].life().said().join("\n");
    assert!(said.contains("the state directory was set back"), "{said}");
    // A crash in the middle of it changes nothing.
    scene.instances[0].stop();
    copy(&kept, &state);
    scene.instances[0].start();
    scene.instances[0].wait_for_records();
    scene.instances[0].kill();
    scene.instances[0].start();
    scene.settle(&counts);
    scene.instances[0].stop();
}

/// Another ledger has read on meanwhile: the group is right, and what the lost copy had counted is not counted again.
fn taken_over(kafka: &Cluster) {
    let (mut scene, mut producer) = begin(kafka, "taken-over");
    let then = count_more(&mut scene, &mut producer, &Counted::default());
    scene.instances[0].stop();
    let (state, kept) = (scene.instances[0].state(), scene.instances[0].state().with_extension("kept"));
    copy(&state, &kept);
    let lost = then.until(&count_more(&mut scene, &mut producer, &then));
    scene.instances[0].stop();
    // The other one reads on where the first one was.
    let setup = scene.setup().with_session(6_000);
    let mut first = scene.instances.remove(0);
    scene.add_as(1, setup);
    let known = Counted::expected(&producer.noted().counts());
    producer.write(RECORDS);
    let all = Counted::expected(&producer.noted().counts());
    scene.instances[0].start();
    scene.settle_at(&known.until(&all));
    scene.instances[0].stop();
    // Back from the older copy it goes on behind the other one.
    copy(&kept, &state);
    first.start();
    scene.instances[0].start();
    scene.instances.push(first);
    producer.write(RECORDS);
    let all = Counted::expected(&producer.noted().counts());
    scene.settle_at(&lost.until(&all));
    scene.stop();
}

/// An offset without a stamp is an operator's; no offset at all changes nothing for the one who had them.
fn moved(kafka: &Cluster) {
    let (mut scene, mut producer) = begin(kafka, "moved");
    let then = count_more(&mut scene, &mut producer, &Counted::default());
    scene.instances[0].stop();
    let known = Counted::expected(&producer.noted().counts());
    let from = kafka.watermarks(&scene.topic, 0).1;
    producer.write(RECORDS);
    let to = middle(kafka, &mut producer, &scene, from);
    kafka.commit(&scene.group, &scene.topic, 0, &Committed { offset: to, metadata: String::new() });
    let noted = producer.noted();
    let left = noted.counts_where(|entry| entry.partition != 0 || entry.offset < from || entry.offset >= to);
    let mine = then.and(&known.until(&Counted::expected(&left)));
    scene.instances[0].start();
    let sheets: Vec<Sheet> = scene.settle_at(&mine);
    assert_eq!(sheets[0].sum("faultline_kafka_offset_resets_total", "reason=\"operator\""), 1);
    scene.instances[0].stop();
    // Deleted, as after `offsets.retention.minutes`: the ledger knows.
    (0..2).for_each(|partition| kafka.delete_offset(&scene.group, &scene.topic, partition));
    let mine = count_more(&mut scene, &mut producer, &mine);
    scene.instances[0].kill();
    count_more(&mut scene, &mut producer, &mine);
    scene.instances[0].stop();
}

/// An offset between `from` and the end.
fn middle(kafka: &Cluster, producer: &mut Producer, scene: &Scene<'_>, from: i64) -> i64 {
    producer.flush();
    let (_, end) = kafka.watermarks(&scene.topic, 0);
    assert!(end > from + 100, "{from} to {end}");
    from.midpoint(end)
}
