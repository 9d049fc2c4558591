//! Instances on one topic and in one group, a producer that notes, and what they should have counted together.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::instance::{Instance, Setup};
use crate::kafka::broker::Cluster;
use crate::kafka::noted::{Counts, Framing, PROVIDER, Shape, Tenant};
use crate::kafka::producer::{Load, Producer};
use crate::kafka::properties::Listener;
use crate::proofs::scrape::{Kind, Sheet};

/// For all that was written to be counted.
const PATIENCE: Duration = Duration::from_secs(90);

/// Some records have no code, a few no value.
pub const SHAPE: Shape = Shape {
    writer: 0,
    framing: Framing::None,
    tenant: Tenant::Line,
    line_bytes: 120,
    hits: 900,
    tombstones: 20,
};

/// A producer at work.
pub struct Writing {
    load: Load,
    thread: JoinHandle<Producer>,
}

impl Writing {
    pub fn start(kafka: &Cluster, topic: &str, partitions: i32, records_per_second: u64) -> Writing {
        let load = Load::new(records_per_second);
        let producer = Producer::new(&kafka.client(Listener::Plain), topic, partitions, SHAPE);
        Writing { thread: producer.run(&load), load }
    }

    pub fn finish(self) -> Producer {
        self.load.finish(self.thread)
    }
}

/// What some instances have counted, all together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counted {
    pub lines: u64,
    pub bytes: u64,
    pub providers: BTreeMap<String, u64>,
    pub codes: BTreeMap<String, u64>,
    pub tenants: BTreeMap<String, u64>,
}

impl Counted {
    pub fn of<'s>(sheets: impl IntoIterator<Item = &'s Sheet>) -> Counted {
        let mut sum = Counted::default();
        for sheet in sheets {
            sum.lines += sheet.sum("faultline_lines_total", "");
            sum.bytes += sheet.sum("faultline_bytes_total", "");
            add(&mut sum.providers, sheet.by("faultline_errors_total", "provider"));
            add(&mut sum.codes, sheet.by("faultline_errors_total", "code"));
            add(&mut sum.tenants, sheet.by("faultline_tenant_errors_total", "tenant"));
        }
        sum
    }

    /// A tenant meets one code only, so that counts by code and by tenant say it all.
    pub fn expected(counts: &Counts) -> Counted {
        let (codes, tenants) = (counts.codes(), counts.tenants());
        let providers = BTreeMap::from([(PROVIDER.to_owned(), codes.values().sum())]);
        Counted { lines: counts.lines, bytes: counts.bytes, providers, codes, tenants }
    }

    pub fn and(&self, more: &Counted) -> Counted {
        let mut sum = self.clone();
        (sum.lines, sum.bytes) = (self.lines + more.lines, self.bytes + more.bytes);
        let Counted { providers, codes, tenants, .. } = more.clone();
        for (all, more) in
            [(&mut sum.providers, providers), (&mut sum.codes, codes), (&mut sum.tenants, tenants)]
        {
            add(all, more);
        }
        sum
    }

    /// What is more in `other`.
    pub fn until(&self, other: &Counted) -> Counted {
        let less = |one: &BTreeMap<String, u64>, other: &BTreeMap<String, u64>| {
            let each = other.iter().map(|(key, n)| (key.clone(), n - one.get(key).unwrap_or(&0)));
            each.filter(|(_, n)| *n > 0).collect()
        };
        Counted {
            lines: other.lines - self.lines,
            bytes: other.bytes - self.bytes,
            providers: less(&self.providers, &other.providers),
            codes: less(&self.codes, &other.codes),
            tenants: less(&self.tenants, &other.tenants),
        }
    }
}

fn add(sum: &mut BTreeMap<String, u64>, more: BTreeMap<String, u64>) {
    more.into_iter().for_each(|(key, count)| *sum.entry(key).or_default() += count);
}

pub struct Scene<'k> {
    pub kafka: &'k Cluster,
    pub topic: String,
    pub group: String,
    pub partitions: i32,
    pub instances: Vec<Instance>,
    root: tempfile::TempDir,
}

impl<'k> Scene<'k> {
    /// A topic and a group of its own.
    pub fn new(kafka: &'k Cluster, name: &str, partitions: i32) -> Scene<'k> {
        let topic = kafka.topic(name, partitions);
        Scene::on(kafka, &topic, partitions)
    }

    /// A group of its own on a topic that is there.
    pub fn on(kafka: &'k Cluster, topic: &str, partitions: i32) -> Scene<'k> {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let group = format!("{topic}-group-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let root = tempfile::tempdir().unwrap();
        Scene { kafka, topic: topic.to_owned(), group, partitions, instances: Vec::new(), root }
    }

    pub fn writing(&self, records_per_second: u64) -> Writing {
        Writing::start(self.kafka, &self.topic, self.partitions, records_per_second)
    }

    /// A dynamic member; sees ends of logs soon, and a broker that is back.
    pub fn setup(&self) -> Setup {
        Setup {
            brokers: self.kafka.bootstrap(Listener::Plain),
            topic: self.topic.clone(),
            group: self.group.clone(),
            instance_id: None,
            consumers: 1,
            protocol: "classic",
            properties: vec![("statistics.interval.ms", 500), ("reconnect.backoff.max.ms", 1_000)],
        }
    }

    /// One more, not started yet.
    pub fn add(&mut self, setup: Setup) -> usize {
        self.add_as(self.instances.len(), setup)
    }

    /// `number` tells it from others that were here.
    pub fn add_as(&mut self, number: usize, setup: Setup) -> usize {
        let dir = self.root.path().join(format!("i{number}"));
        std::fs::create_dir(&dir).unwrap();
        self.instances.push(Instance::new(&format!("instance {number}"), setup, dir));
        self.instances.len() - 1
    }

    /// As `add`, with somebody who looks all along.
    pub fn add_watched(&mut self, setup: Setup) -> usize {
        let number = self.add(setup);
        self.instances[number].watched_by(Kind::Anybody);
        number
    }

    fn sheets(&self) -> Option<Vec<Sheet>> {
        self.instances.iter().map(Instance::sheet).collect()
    }

    /// Waits until all instances together have counted all of it and nothing waits any more, and looks again later; all
    /// of them run. Nothing else was counted.
    #[track_caller]
    pub fn settle(&self, noted: &Counts) -> Vec<Sheet> {
        self.settle_at(&Counted::expected(noted))
    }

    #[track_caller]
    pub fn settle_at(&self, expected: &Counted) -> Vec<Sheet> {
        let until = Instant::now() + PATIENCE;
        loop {
            let sheets = self.sheets().unwrap_or_default();
            let is_all = Counted::of(&sheets) == *expected;
            if is_all && self.is_quiet(&sheets) {
                break;
            }
            let is_too_much = Counted::of(&sheets).lines > expected.lines;
            if Instant::now() > until || is_too_much {
                let counted = Counted::of(&sheets);
                panic!("it should be\n{expected:#?}\nand is\n{counted:#?}\n{}", self.standing());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        self.look_later(expected)
    }

    fn is_quiet(&self, sheets: &[Sheet]) -> bool {
        let sum = |name: &str| sheets.iter().map(|sheet| sheet.sum(name, "")).sum::<u64>();
        let is_read = sum("faultline_kafka_assigned_partitions") == u64::try_from(self.partitions).unwrap();
        is_read && sum("faultline_kafka_lag_records") == 0 && sum("faultline_kafka_pending_records") == 0
    }

    /// For three ticks: time enough for something to come twice, or to be shown that should not be.
    #[track_caller]
    fn look_later(&self, expected: &Counted) -> Vec<Sheet> {
        let until = Instant::now() + Duration::from_secs(3);
        loop {
            let Some(sheets) = self.sheets() else { panic!("somebody is gone: {}", self.standing()) };
            let counted = Counted::of(&sheets);
            assert!(counted == *expected, "it was\n{expected:#?}\nand is\n{counted:#?}\n{}", self.standing());
            if Instant::now() >= until {
                return sheets;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Ends all readers: nobody saw a counter fall. How many looks that were.
    #[track_caller]
    pub fn assert_nothing_fell(&mut self) -> u64 {
        let mut looks = 0;
        for instance in &mut self.instances {
            for reader in instance.take_readers() {
                let report = reader.finish();
                looks += report.scrapes;
                assert_eq!(report.troubles, Vec::<String>::new(), "{}", instance.standing());
            }
        }
        looks
    }

    /// All that do not run.
    pub fn start(&mut self) {
        self.instances.iter_mut().for_each(Instance::start);
    }

    /// SIGTERM to all.
    pub fn stop(&mut self) {
        for instance in &mut self.instances {
            instance.stop();
        }
    }

    /// What the group holds and what the instances know of it.
    pub fn standing(&self) -> String {
        let mut text = String::new();
        for partition in 0..self.partitions {
            if (1..=self.kafka.nodes()).any(|node| self.kafka.is_running(node)) {
                let ends = self.kafka.watermarks(&self.topic, partition);
                let committed = self.kafka.committed(&self.group, &self.topic, partition);
                writeln!(text, "{}-{partition}: {ends:?}, {committed:?}", self.topic).expect("memory");
            }
        }
        self.instances.iter().for_each(|instance| text.push_str(&instance.standing()));
        text
    }
}
