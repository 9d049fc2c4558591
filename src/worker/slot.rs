//! The engine in effect, in one place that every worker looks at between two pushes.
//!
//! A reload puts a whole new engine here; nobody is interrupted and nothing is shared while it judges. A look costs one
//! atomic read where nothing has changed. An old engine is freed when the last worker has let go of it, which is within
//! a tick. Knows nothing of files: `daemon` brings the engines.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::pipeline::Engine;

pub struct EngineSlot {
    /// How often it was swapped.
    version: AtomicU64,
    engine: Mutex<Arc<Engine>>,
}

impl EngineSlot {
    pub fn new(engine: Arc<Engine>) -> Arc<EngineSlot> {
        Arc::new(EngineSlot { version: AtomicU64::new(0), engine: Mutex::new(engine) })
    }

    /// From now on `engine` is what workers take at their next look.
    pub fn swap(&self, engine: Arc<Engine>) {
        let mut held = self.engine.lock().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::replace(&mut *held, engine);
        self.version.fetch_add(1, Ordering::Release);
        drop(held);
        // Freeing an engine takes milliseconds; nobody waits for the lock meanwhile.
        drop(old);
    }

    pub fn engine(&self) -> Arc<Engine> {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// One worker's view of the slot.
pub(super) struct Look {
    slot: Arc<EngineSlot>,
    version_seen: u64,
}

impl Look {
    /// The worker has the engine that the slot was made with.
    pub fn new(slot: Arc<EngineSlot>) -> Look {
        Look { slot, version_seen: 0 }
    }

    /// The engine in effect where it is another one than at the last look.
    pub fn newer(&mut self) -> Option<Arc<Engine>> {
        let version = self.slot.version.load(Ordering::Acquire);
        if version == self.version_seen {
            return None;
        }
        // A swap between the two reads brings its engine now and is looked at once more later, which changes nothing.
        self.version_seen = version;
        Some(self.slot.engine())
    }
}
