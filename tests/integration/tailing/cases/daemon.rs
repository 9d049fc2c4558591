//! All of the daemon that is exact, on one machine: tail, pipeline with the built-in rules, queue, committer, store,
//! ledger. What is missing are threads and the network.

use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use faultline::catalogue::{builtin, compile, load};
use faultline::event::{LossReason, SkipReason, SourceCounts};
use faultline::ledger::{
    CatalogueInfo, Committer, Exposure, Ledger, Limits, Outcome, Queue, Store, StoreError,
};
use faultline::pipeline::{Engine, Options, Pipeline};
use faultline::source::tail::{BLOCK_BYTES, Claims, Events, Setting, Start, Tail, marks_prefix};
use faultline::worker::Lanes;

use crate::sim::Machine;
use crate::tailing::lines::{SOURCE, setting};

pub const STATE: &str = "/var/state";

pub struct Daemon {
    pub machine: Machine,
    pub setting: Setting,
    pub line_bytes_max: usize,
    tail: Tail<Lanes>,
    lanes: Lanes,
    pub ledger: Mutex<Ledger>,
    queue: Mutex<Queue>,
    pub committer: Committer,
    block: Vec<u8>,
}

pub fn engine() -> Arc<Engine> {
    static ENGINE: OnceLock<Arc<Engine>> = OnceLock::new();
    let rules = || load::load(builtin::files(), &[]).expect("the built-in rules load");
    ENGINE.get_or_init(|| Arc::new(Engine::new(compile(&rules())))).clone()
}

/// One line with a code, of a tenant.
pub fn line(n: u64) -> String {
    format!("ERROR drm MDRM-508 seq={n} tenant=t{}\n", n % 3)
}

pub fn lines(numbers: std::ops::Range<u64>) -> String {
    numbers.map(line).collect()
}

/// A machine with the directories of logs and state.
pub fn machine() -> Machine {
    let machine = Machine::new(1);
    machine.mkdir("/logs");
    machine.mkdir("/var");
    machine
}

impl Daemon {
    /// Follows everything in `/logs`, from the start.
    pub fn start(machine: &Machine) -> Daemon {
        Daemon::start_with(machine, setting(&["/logs/**"], Start::Beginning), 1 << 20).unwrap()
    }

    pub fn start_with(
        machine: &Machine,
        setting: Setting,
        line_bytes_max: usize,
    ) -> Result<Daemon, StoreError> {
        let mut store = Store::open(Arc::new(machine.process()), Path::new(STATE))?;
        let info = CatalogueInfo { version: "1".into(), sha256: "1".into() };
        let now = machine.clock()().wall;
        let ledger = store.ledger(Limits::default(), Default::default(), &info, Exposure::default(), now);
        let options = Options { line_bytes_max, ..Options::new(SOURCE.into()) };
        let mut lanes = Lanes::new(Pipeline::new(engine(), options));
        let prefix = marks_prefix(SOURCE);
        let tail = Tail::new(
            Arc::new(machine.process()),
            machine.clock(),
            setting.clone(),
            Claims::default(),
            0,
            ledger.marks(&prefix),
            &mut lanes,
        );
        Ok(Daemon {
            machine: machine.clone(),
            setting,
            line_bytes_max,
            tail,
            lanes,
            ledger: Mutex::new(ledger),
            queue: Mutex::new(Queue::default()),
            committer: Committer::new(store),
            block: vec![0; BLOCK_BYTES],
        })
    }

    /// Kill -9, and another life.
    pub fn crash(self) -> Daemon {
        let (machine, setting, line_bytes_max) =
            (self.machine.clone(), self.setting.clone(), self.line_bytes_max);
        machine.kill();
        drop(self);
        Daemon::start_with(&machine, setting, line_bytes_max).unwrap()
    }

    /// SIGTERM.
    pub fn restart(mut self) -> Daemon {
        self.tick();
        self.crash()
    }

    /// A reload, with no rules at all.
    pub fn forget_rules(&mut self) {
        let rules = load::load(&[], &[]).expect("nothing is wrong with nothing");
        self.lanes.set_engine(Arc::new(Engine::new(compile(&rules))));
    }

    pub fn step(&mut self) {
        let clock = self.machine.clock();
        let events = Events { is_incomplete: true, ..Events::default() };
        self.tail.look(clock(), &events, &mut self.lanes);
        let until = clock().steady + Duration::from_secs(1);
        while self.tail.read_some(&mut self.block, &clock, until, &mut self.lanes) {}
        self.tail.settle(clock(), &mut self.lanes);
    }

    /// Hands over what was counted and commits it.
    pub fn tick(&mut self) -> Outcome {
        self.queue.lock().unwrap().deliver(self.lanes.delta(&mut self.tail));
        self.committer.commit(&self.ledger, &self.queue, self.machine.clock()().wall)
    }

    /// Seconds with two looks and a commit each.
    pub fn pass(&mut self, seconds: u32) {
        for _ in 0..seconds {
            for _ in 0..2 {
                self.step();
                self.machine.advance(Duration::from_millis(500));
            }
            self.tick();
        }
    }

    /// What is shown: how often a code was counted.
    pub fn errors(&self, code: &str) -> u64 {
        let ledger = self.ledger.lock().unwrap();
        ledger.errors().filter(|(key, _)| &*key.code == code).map(|(_, seen)| seen.count).sum()
    }

    pub fn of_tenant(&self, tenant: &str) -> u64 {
        let ledger = self.ledger.lock().unwrap();
        ledger.tenants().filter(|(key, _)| &*key.tenant == tenant).map(|(_, seen)| seen.count).sum()
    }

    /// What was read of the source.
    pub fn counts(&self) -> SourceCounts {
        let ledger = self.ledger.lock().unwrap();
        let found = ledger.sources().find(|row| **row.name == *SOURCE).map(|row| row.counts.clone());
        found.unwrap_or_default()
    }

    pub fn lost(&self, reason: LossReason) -> u64 {
        let place = LossReason::ALL.iter().position(|one| *one == reason).unwrap();
        self.counts().lost[place]
    }

    pub fn skipped(&self, reason: SkipReason) -> u64 {
        let place = SkipReason::ALL.iter().position(|one| *one == reason).unwrap();
        self.counts().skipped[place]
    }

    /// The lines of [`lines`] up to `end` were counted once each, whoever they are of.
    #[track_caller]
    pub fn check(&self, end: u64) {
        let counted = (self.errors("MDRM-508"), [0, 1, 2].map(|t| self.of_tenant(&format!("t{t}"))));
        let of = |tenant: u64| (0..end).filter(|n| n % 3 == tenant).count() as u64;
        assert_eq!(counted, (end, [0, 1, 2].map(of)));
    }
}
