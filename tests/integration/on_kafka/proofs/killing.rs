//! kill -9 at any moment, while a producer writes to four partitions and two readers look.

use std::thread;
use std::time::Duration;

use super::broker;
use super::instance::Instance;
use super::scene::{Counted, Scene, Writing};
use crate::kafka::broker::Cluster;
use crate::proofs::scrape::{Kind, Reader, Report};
use crate::proofs::{dice, figure, say};
use crate::sim::dice::Dice;

/// Something that is killed and lives again on what it left.
pub trait Victim {
    fn live(&mut self);
    /// Waits until this life has read something.
    fn wait_for_records(&self);
    fn die(&mut self);
}

impl Victim for Instance {
    fn live(&mut self) {
        self.start();
    }

    fn wait_for_records(&self) {
        Instance::wait_for_records(self);
    }

    fn die(&mut self) {
        self.kill();
    }
}

/// Half of the lives are counted from their beginning, half from the first record. A commit comes each second.
pub fn kill(victim: &mut impl Victim, kills: usize, dice: &mut Dice) {
    for _ in 0..kills {
        victim.live();
        if dice.coin() {
            victim.wait_for_records();
        }
        let longer = if dice.chance(250) { dice.below(1_500) } else { 0 };
        thread::sleep(Duration::from_millis(5 + dice.below(1_496) + longer));
        victim.die();
    }
}

#[test]
#[ignore = "runs alone; tests/all.sh does it"]
fn after_every_kill_the_counters_equal_what_was_written_and_nobody_saw_one_fall() {
    let test = "after_every_kill_the_counters_equal_what_was_written_and_nobody_saw_one_fall";
    let Some(kafka) = broker(test) else { return };
    let kills = figure("KAFKA_KILLS", 50);
    thread::scope(|scope| {
        scope.spawn(|| killed(kafka, Some("static"), kills));
        scope.spawn(|| killed(kafka, None, kills));
    });
}

fn killed(kafka: &Cluster, instance_id: Option<&str>, kills: usize) {
    let mut dice = dice(21 + u64::from(instance_id.is_some()));
    let mut scene = Scene::new(kafka, instance_id.unwrap_or("dynamic"), 4);
    // A static member is back before the group gives up on it; a dynamic one has to wait for that.
    let session = if instance_id.is_some() { 6_000 } else { 1_000 };
    let mut setup = scene.setup().with_session(session);
    setup.instance_id = instance_id.map(str::to_owned);
    scene.add(setup);
    let [instance] = scene.instances.as_mut_slice() else { unreachable!() };
    [Kind::Scraper, Kind::Anybody].into_iter().for_each(|kind| instance.watched_by(kind));
    let writing = Writing::start(kafka, &scene.topic, 4, 2_000);
    kill(instance, kills, &mut dice);
    let counts = writing.finish().noted().counts();
    instance.start();
    scene.settle(&counts);
    let readers = scene.instances[0].take_readers();
    let reports: Vec<Report> = readers.into_iter().map(Reader::finish).collect();
    say(&format!(
        "proof kill -9, {}: {kills} kills, {} records; {} and {} scrapes, {} and {} cut off",
        instance_id.unwrap_or("dynamic"),
        counts.records,
        reports[0].scrapes,
        reports[1].scrapes,
        reports[0].failed,
        reports[1].failed
    ));
    for report in &reports {
        assert_eq!(report.troubles, Vec::<String>::new(), "{}", scene.standing());
        assert!(report.scrapes as usize > kills, "{} scrapes", report.scrapes);
    }
    // How much the counters grew before the eyes of a scraper.
    let seen = [("faultline_errors_total", "code"), ("faultline_tenant_errors_total", "tenant")];
    let [codes, tenants] = seen.map(|(name, label)| reports[0].increase_by(name, label));
    let expected = Counted::expected(&counts);
    assert_eq!((codes, tenants), (expected.codes, expected.tenants), "{}", scene.standing());
    scene.instances[0].stop();
}
