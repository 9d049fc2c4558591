//! Which source follows a file: two sources may name it, one counts it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::world::FileId;

/// Shared by all sources of files of a process.
#[derive(Debug, Clone, Default)]
pub struct Claims {
    holders: Arc<Mutex<HashMap<FileId, usize>>>,
}

impl Claims {
    /// Whether the file is the holder's from now on, or was before.
    pub fn take(&self, id: FileId, holder: usize) -> bool {
        *self.holders().entry(id).or_insert(holder) == holder
    }

    pub fn give_back(&self, id: FileId, holder: usize) {
        let mut holders = self.holders();
        if holders.get(&id) == Some(&holder) {
            holders.remove(&id);
        }
    }

    fn holders(&self) -> MutexGuard<'_, HashMap<FileId, usize>> {
        self.holders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
