//! The same kills of a consumer without our rules, and the same comparison: it has to be found wrong.
//!
//! It does what many do: it shows its counts, keeps them, tells the group each second how far it is, and goes on after a
//! crash from what the group has, with the counts that it kept.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::message::Message;

use super::killing::{Victim, kill};
use super::scene::{Counted, Scene};
use super::{broker, wait_until};
use crate::kafka::properties::Listener;
use crate::proofs::{dice, figure, say};

/// By code.
type Totals = BTreeMap<String, u64>;

struct Naive {
    config: ClientConfig,
    topic: String,
    /// What outlives it.
    disk: Arc<Mutex<Totals>>,
    life: Option<(Arc<AtomicBool>, JoinHandle<()>)>,
    /// Of this life.
    records: Arc<AtomicU64>,
}

impl Victim for Naive {
    fn live(&mut self) {
        self.records = Arc::default();
        let is_dead = Arc::new(AtomicBool::new(false));
        let (config, topic, disk) = (self.config.clone(), self.topic.clone(), self.disk.clone());
        let (records, over) = (self.records.clone(), is_dead.clone());
        let thread = std::thread::spawn(move || consume(&config, &topic, &disk, &records, &over));
        self.life = Some((is_dead, thread));
    }

    fn wait_for_records(&self) {
        wait_until("it reads", Duration::from_secs(60), || self.records.load(Ordering::Relaxed) > 0);
    }

    /// In the middle of whatever it does: nothing is kept and nothing is told to the group any more.
    fn die(&mut self) {
        let (is_dead, thread) = self.life.take().expect("it lives");
        is_dead.store(true, Ordering::SeqCst);
        thread.join().unwrap();
    }
}

fn consume(
    config: &ClientConfig,
    topic: &str,
    disk: &Mutex<Totals>,
    records: &AtomicU64,
    is_dead: &AtomicBool,
) {
    let consumer: BaseConsumer = config.create().unwrap();
    consumer.subscribe(&[topic]).unwrap();
    let mut totals = disk.lock().unwrap().clone();
    let (mut kept, mut committed) = (Instant::now(), Instant::now());
    while !is_dead.load(Ordering::SeqCst) {
        if let Some(Ok(message)) = consumer.poll(Duration::from_millis(10)) {
            let text = String::from_utf8_lossy(message.payload().unwrap_or_default()).into_owned();
            for rest in text.split("MDRM-").skip(1) {
                let code: String = rest.chars().take_while(char::is_ascii_digit).collect();
                *totals.entry(format!("MDRM-{code}")).or_default() += 1;
            }
            records.fetch_add(1, Ordering::Relaxed);
        }
        if kept.elapsed() > Duration::from_millis(100) {
            *disk.lock().unwrap() = totals.clone();
            kept = Instant::now();
        }
        if committed.elapsed() > Duration::from_secs(1) {
            *disk.lock().unwrap() = totals.clone();
            if is_dead.load(Ordering::SeqCst) {
                return;
            }
            // Nothing to commit, or no time for it: the next one has it.
            let _ = consumer.commit_consumer_state(CommitMode::Sync);
            committed = Instant::now();
        }
    }
}

#[test]
#[ignore = "runs alone; tests/all.sh does it"]
fn without_the_rules_the_same_kills_are_found_to_double() {
    let Some(kafka) = broker("without_the_rules_the_same_kills_are_found_to_double") else { return };
    let kills = figure("KAFKA_NAIVE", 200);
    let scene = Scene::new(kafka, "naive", 4);
    let mut config = kafka.client(Listener::Plain);
    config
        .set("group.id", &scene.group)
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest");
    let (topic, disk, records) = (scene.topic.clone(), Arc::default(), Arc::default());
    let mut naive = Naive { config, topic, disk, life: None, records };
    let writing = scene.writing(2_000);
    kill(&mut naive, kills, &mut dice(23));
    let counts = writing.finish().noted().counts();
    naive.live();
    wait_until("all is read", Duration::from_secs(90), || {
        (0..4).all(|partition| {
            let committed = kafka.committed(&scene.group, &scene.topic, partition);
            committed.is_some_and(|committed| committed.offset == kafka.watermarks(&scene.topic, partition).1)
        })
    });
    naive.die();
    let expected = Counted::expected(&counts).codes;
    let counted = naive.disk.lock().unwrap().clone();
    let more = |one: &Totals, other: &Totals| -> u64 {
        one.iter().map(|(code, n)| n.saturating_sub(*other.get(code).unwrap_or(&0))).sum()
    };
    let (doubled, lost) = (more(&counted, &expected), more(&expected, &counted));
    say(&format!(
        "proof kill -9, without the rules: {kills} kills, {} records, {doubled} counted twice, {lost} lost",
        counts.records
    ));
    assert!(doubled > 0, "the kills find nothing: {counted:?}");
}
