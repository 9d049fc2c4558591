//! A machine in memory, for tests that crash, fail and rotate: `faultline::world` on a file system that does what Linux
//! does, with a clock that stands still until a test moves it.
//!
//! ```text
//! Machine ── process() ──▶ Process: Files   what the program sees; can be refused, cut short, killed
//!    │  ╰─── clock() ────▶ Clock
//!    ├ write, rename, truncate, hold …      what the logging service does; never fails
//!    ├ meanwhile                            what the service does between two calls of the program
//!    ├ fail_at, fail, fail_by_chance        faults
//!    ╰ kill, power_loss                     crashes: everything open is gone, a new process() starts
//! ```
//!
//! Everything follows from the seed and the order of calls. `agree` holds the machine against the real file system.

pub mod dice;
mod content;
mod tree;
mod crash;
mod faults;
mod process;
mod writer;
mod ground;
mod agree;
mod own;
mod store;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use faultline::event::Millis;
use faultline::world::{Clock, Moment};

pub use dice::Dice;
pub use faults::{Call, Fault};
pub use process::Process;
pub use writer::{Held, Holding};

use faults::Faults;
use tree::{Key, Tree, Who};

/// The grain of a file system's times: ext4 takes the time of the last tick.
const GRAIN: i64 = 4_000_000;
const NANOSECONDS: i64 = 1_000_000;

/// A handle; clones are the same machine.
#[derive(Debug, Clone)]
pub struct Machine(Arc<Mutex<State>>);

#[derive(Debug)]
pub(crate) struct State {
    tree: Tree,
    steady: Duration,
    /// Nanoseconds since 1970.
    wall: i64,
    dice: Dice,
    faults: Faults,
    descriptors: BTreeMap<u64, Descriptor>,
    descriptors_max: usize,
    next_id: u64,
    alive: BTreeSet<u64>,
    locks: BTreeMap<Key, u64>,
    spares_logs: bool,
    meanwhile: Vec<Meanwhile>,
}

/// Done before one of the calls of a process.
struct Meanwhile {
    /// Of all calls so far.
    call: u64,
    act: Box<dyn FnOnce(&Machine) + Send>,
}

impl std::fmt::Debug for Meanwhile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Meanwhile").field("call", &self.call).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Descriptor {
    /// `None`: the model writer.
    process: Option<u64>,
    node: Key,
}

impl Machine {
    /// An empty one: a root directory on one device, in November 2026.
    pub fn new(seed: u64) -> Machine {
        let mut state = State {
            tree: Tree::default(),
            steady: Duration::from_secs(1000),
            wall: 1_794_787_200_000 * NANOSECONDS,
            dice: Dice::new(seed),
            faults: Faults::default(),
            descriptors: BTreeMap::new(),
            descriptors_max: 1024,
            next_id: 1,
            alive: BTreeSet::new(),
            locks: BTreeMap::new(),
            spares_logs: true,
            meanwhile: Vec::new(),
        };
        let now = state.now();
        state.tree.add_device(0x0801, now);
        Machine(Arc::new(Mutex::new(state)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// A process that runs from now on until a [`Machine::kill`], a [`Machine::power_loss`] or a [`Fault::Die`].
    pub fn process(&self) -> Process {
        let mut state = self.state();
        let id = state.id();
        state.alive.insert(id);
        Process::new(self.0.clone(), id)
    }

    pub fn clock(&self) -> Clock {
        let state = self.0.clone();
        Arc::new(move || {
            let state = state.lock().unwrap();
            Moment { steady: state.steady, wall: Millis(state.wall.div_euclid(NANOSECONDS)) }
        })
    }

    /// Both clocks.
    pub fn advance(&self, by: Duration) {
        let mut state = self.state();
        state.steady += by;
        state.wall += i64::try_from(by.as_nanos()).expect("a test takes no centuries");
    }

    /// Somebody sets the wall clock.
    pub fn step_wall(&self, milliseconds: i64) {
        self.state().wall += milliseconds * NANOSECONDS;
    }

    /// The n-th call from now on that this can happen to, counted from 1. For "until nothing fails any more" see
    /// [`Machine::faults`].
    pub fn fail_at(&self, n: u64, fault: Fault) {
        self.fail(&Call::ALL, n, 1, fault);
    }

    /// The `first` of these calls from now on, counted from 1, and `times - 1` more.
    pub fn fail(&self, calls: &[Call], first: u64, times: u64, fault: Fault) {
        self.state().faults.plan(calls, first, times, fault);
    }

    pub fn fail_by_chance(&self, calls: &[Call], per_mille: u64, fault: Fault) {
        self.state().faults.plan_by_chance(calls, per_mille, fault);
    }

    /// Nothing fails any more.
    pub fn heal(&self) {
        self.state().faults.heal();
    }

    /// Before the n-th call from now on, counted from 1. Those of one call happen in the order they were planned in.
    pub fn meanwhile(&self, n: u64, act: impl FnOnce(&Machine) + Send + 'static) {
        let mut state = self.state();
        let call = state.faults.calls() + n;
        state.meanwhile.push(Meanwhile { call, act: Box::new(act) });
    }

    /// What was planned and has not happened yet happens now; how much that is.
    pub fn catch_up(&self) -> usize {
        let late = std::mem::take(&mut self.state().meanwhile);
        let count = late.len();
        late.into_iter().for_each(|late| (late.act)(self));
        count
    }

    /// Calls of all processes so far.
    pub fn calls(&self) -> u64 {
        self.state().faults.calls()
    }

    /// Faults that happened since the last [`Machine::heal`].
    pub fn faults(&self) -> u64 {
        self.state().faults.done()
    }

    /// Of each process; also while it lists and syncs a directory. 1,024 unless told.
    pub fn limit_descriptors(&self, max: usize) {
        self.state().descriptors_max = max;
    }

    /// Descriptors that processes hold.
    pub fn open_files(&self) -> usize {
        self.state().descriptors.values().filter(|descriptor| descriptor.process.is_some()).count()
    }

    /// All processes end; what they wrote stays, except for what failed to sync.
    pub fn kill(&self) {
        let mut state = self.state();
        let State { tree, dice, .. } = &mut *state;
        for node in tree.nodes.values_mut() {
            if let tree::Body::Regular(content) = &mut node.body {
                content.forget_the_doubtful(dice);
            }
        }
        for process in std::mem::take(&mut state.alive) {
            state.end(process);
        }
    }

    /// The machine stops and starts: no process, no descriptor, also none of the model writer; names and bytes that were
    /// not synced may be lost. Logs are spared unless [`Machine::power_loss_takes_logs`].
    pub fn power_loss(&self, seed: u64) {
        let mut state = self.state();
        state.alive.clear();
        state.descriptors.clear();
        state.locks.clear();
        let spares_logs = state.spares_logs;
        state.tree.lose_power(&mut Dice::new(seed), spares_logs);
    }

    /// To be said before anything is written: the model writer's files are as fragile as the program's.
    pub fn power_loss_takes_logs(&self) {
        self.state().spares_logs = false;
    }

    /// As `sync(1)`: all that is there survives a loss of power.
    pub fn sync(&self) {
        let mut state = self.state();
        state.tree.settle(|_, _| true);
        for node in state.tree.nodes.values_mut() {
            if let tree::Body::Regular(content) = &mut node.body {
                content.synced();
            }
        }
    }

    /// A device with an empty directory, not mounted yet. The first one is 0.
    pub fn add_device(&self, id: u64) -> usize {
        let mut state = self.state();
        let now = state.now();
        state.tree.add_device(id, now)
    }

    /// Another device with the same files under the same inode numbers.
    pub fn copy_device(&self, device: usize, id: u64) -> usize {
        self.state().tree.copy_device(device, id)
    }

    /// As `umount -l` and `mount` would, also over what is mounted already.
    pub fn mount(&self, device: usize, at: impl AsRef<Path>) {
        let mut state = self.state();
        let below = state.tree.find(at.as_ref(), true, Who::Writer).unwrap();
        let over = state.tree.devices[device].root;
        assert!(state.tree.directory(below).is_ok(), "no directory");
        state.tree.mounts.insert(below, over);
    }

    /// Descriptors into it stay good.
    pub fn unmount(&self, at: impl AsRef<Path>) {
        let mut state = self.state();
        let over = state.tree.find(at.as_ref(), true, Who::Writer).unwrap();
        let before = state.tree.mounts.len();
        state.tree.mounts.retain(|_, root| *root != over);
        assert!(state.tree.mounts.len() < before, "not mounted");
    }

    /// Another number for the same device, as after a restart of the machine.
    pub fn renumber_device(&self, device: usize, id: u64) {
        self.state().tree.devices[device].id = id;
    }

    /// Whether the file system knows when a file was born.
    pub fn births(&self, device: usize, known: bool) {
        self.state().tree.devices[device].births = known;
    }

    pub fn read_only(&self, device: usize, read_only: bool) {
        self.state().tree.devices[device].read_only = read_only;
    }
}

impl State {
    /// What happens before the next call.
    fn due(&mut self) -> Vec<Meanwhile> {
        let next = self.faults.calls() + 1;
        self.meanwhile.extract_if(.., |planned| planned.call <= next).collect()
    }

    fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id - 1
    }

    /// What files are stamped with.
    fn now(&self) -> i64 {
        self.wall.div_euclid(GRAIN) * GRAIN
    }

    fn descriptor(&mut self, process: Option<u64>, node: Key) -> u64 {
        let id = self.id();
        self.descriptors.insert(id, Descriptor { process, node });
        self.tree.node_mut(node).open += 1;
        id
    }

    /// Of a descriptor that may be gone already.
    fn close(&mut self, id: u64) {
        let Some(descriptor) = self.descriptors.remove(&id) else { return };
        self.locks.retain(|_, holder| *holder != id);
        self.tree.node_mut(descriptor.node).open -= 1;
        self.tree.collect(vec![descriptor.node]);
    }

    fn end(&mut self, process: u64) {
        self.alive.remove(&process);
        let held: Vec<u64> = self
            .descriptors
            .iter()
            .filter(|(_, descriptor)| descriptor.process == Some(process))
            .map(|(id, _)| *id)
            .collect();
        held.into_iter().for_each(|id| self.close(id));
    }
}
