//! What was rendered and is not yet fetched by all who asked for it, bounded in memory: every slow reader may hold an
//! exposition of its own. Nothing more is rendered before it fits; `places` sees to it that it will.

use std::ops::Deref;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::body::Bytes;

use super::sheets::length;

/// Memory for prints. It is as much as three of the largest where that is more: one for the good, one that goes, one that
/// comes.
const BYTES_MAX: usize = 16 * 1024 * 1024;

/// How often who waits for room sees whether it is still wanted.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);

/// The sizes of all prints that somebody holds.
#[derive(Debug, Default)]
pub(super) struct Prints {
    held: Mutex<Vec<usize>>,
    freed: Condvar,
}

/// The sheets of one rendering, counted until the last who holds it lets go.
#[derive(Debug)]
pub(super) struct Print {
    sheets: Vec<Bytes>,
    bytes: usize,
    prints: Arc<Prints>,
}

/// Whether one more print fits beside those of these sizes.
pub(super) fn one_more_fits(held: impl IntoIterator<Item = usize>) -> bool {
    let (sum, largest) =
        held.into_iter().fold((0, 0), |(sum, largest), bytes| (sum + bytes, bytes.max(largest)));
    // The next is as large as the largest, most likely.
    sum + largest <= BYTES_MAX.max(3 * largest)
}

impl Prints {
    pub fn add(self: &Arc<Self>, sheets: Vec<Bytes>) -> Arc<Print> {
        let bytes = length(&sheets);
        self.held().push(bytes);
        Arc::new(Print { sheets, bytes, prints: self.clone() })
    }

    /// Waits until one more fits. False when it is not wanted any more.
    pub fn wait_for_room(&self, is_wanted: impl Fn() -> bool) -> bool {
        let mut held = self.held();
        while is_wanted() {
            if one_more_fits(held.iter().copied()) {
                return true;
            }
            held = self.freed.wait_timeout(held, LOOK_INTERVAL).unwrap_or_else(PoisonError::into_inner).0;
        }
        false
    }

    fn held(&self) -> MutexGuard<'_, Vec<usize>> {
        // Nothing that can panic is done under the lock.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Deref for Print {
    type Target = [Bytes];

    fn deref(&self) -> &[Bytes] {
        &self.sheets
    }
}

impl Drop for Print {
    fn drop(&mut self) {
        let mut held = self.prints.held();
        if let Some(place) = held.iter().position(|bytes| *bytes == self.bytes) {
            held.swap_remove(place);
        }
        drop(held);
        self.prints.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    #[test]
    fn small_prints_share_the_memory_and_of_large_ones_there_are_three() {
        assert!(one_more_fits([]));
        assert!(one_more_fits([4 * MIB; 3]));
        assert!(!one_more_fits([4 * MIB; 4]));
        assert!(one_more_fits([100 * MIB; 2]));
        assert!(!one_more_fits([100 * MIB; 3]));
        assert!(!one_more_fits([100 * MIB, 100 * MIB, 100 * MIB, 1]));
    }

    #[test]
    fn who_waits_for_room_gets_it_with_the_last_holder_of_a_print() {
        let prints = Arc::new(Prints::default());
        let sheet = Bytes::from(vec![b'x'; BYTES_MAX / 2]);
        let print = || prints.add(vec![sheet.clone()]);
        let (first, _second, _third) = (print(), print(), print());
        let shared = first.clone();
        assert!(!prints.wait_for_room(|| false));
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| prints.wait_for_room(|| true));
            drop(first);
            std::thread::sleep(3 * LOOK_INTERVAL);
            assert!(!waits.is_finished(), "somebody still fetches it");
            drop(shared);
            assert!(waits.join().unwrap());
        });
    }
}
