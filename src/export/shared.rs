//! What the shell, the workers and the server hold in common: the ledger behind its lock, telemetry, readiness.
//!
//! Workers lock the ledger for the time of a commit, a scrape for the time of rendering (label blocks are ready, so
//! that 100,000 series take some milliseconds). Scrapes that wait at the same time share one rendering, so that any
//! number of them ask for the lock no more often than one after the other would.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hyper::body::Bytes;

use super::exposition::encode_ledger;
use crate::ledger::Ledger;
use crate::telemetry::Telemetry;

#[derive(Debug)]
pub struct Shared {
    ledger: Mutex<Ledger>,
    pub telemetry: Telemetry,
    is_ready: AtomicBool,
    /// Renderings begun so far.
    renderings: AtomicU64,
    rendered: tokio::sync::Mutex<Bytes>,
    bytes_expected: AtomicUsize,
}

impl Shared {
    /// Not ready yet.
    pub fn new(ledger: Ledger, telemetry: Telemetry) -> Shared {
        Shared {
            ledger: Mutex::new(ledger),
            telemetry,
            is_ready: AtomicBool::new(false),
            renderings: AtomicU64::new(0),
            rendered: tokio::sync::Mutex::default(),
            bytes_expected: AtomicUsize::new(0),
        }
    }

    /// Hold it for a commit or a look, never across a wait. A holder that panicked leaves a ledger that is still whole
    /// row by row, which is better than none.
    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn set_ready(&self, is_ready: bool) {
        self.is_ready.store(is_ready, Ordering::Release);
    }

    pub fn is_ready(&self) -> bool {
        self.is_ready.load(Ordering::Acquire)
    }

    /// A whole exposition, rendered after the call began: never older than what was committed before it.
    pub async fn exposition(&self) -> Bytes {
        let begun_before = self.renderings.load(Ordering::SeqCst);
        // All who wait for the same moment get as far as this before the first of them renders for all.
        tokio::task::yield_now().await;
        let mut rendered = self.rendered.lock().await;
        if self.renderings.load(Ordering::SeqCst) == begun_before {
            self.renderings.fetch_add(1, Ordering::SeqCst);
            *rendered = self.render();
        }
        rendered.clone()
    }

    fn render(&self) -> Bytes {
        let mut text = String::with_capacity(self.bytes_expected.load(Ordering::Relaxed));
        encode_ledger(&self.ledger(), &mut text);
        self.telemetry.encode(&mut text);
        self.bytes_expected.store(text.len() + text.len() / 8, Ordering::Relaxed);
        Bytes::from(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{CodeBook, Delta};
    use crate::ledger::Limits;
    use std::sync::Arc;

    #[tokio::test]
    async fn a_scrape_shows_what_was_committed_before_it() {
        let shared = Arc::new(Shared::new(
            Ledger::new(Limits::default(), CodeBook::default()),
            Telemetry::new("1", "c"),
        ));
        for foreign in 1..=3 {
            shared.ledger().commit(Delta { source: "s".into(), foreign: 1, ..Delta::default() });
            let scrapes: Vec<_> = (0..8)
                .map(|_| {
                    tokio::spawn({
                        let shared = shared.clone();
                        async move { shared.exposition().await }
                    })
                })
                .collect();
            for scrape in scrapes {
                let text = String::from_utf8(scrape.await.unwrap().to_vec()).unwrap();
                assert!(text.contains(&format!("\nfaultline_foreign_total {foreign}\n")), "{text}");
            }
        }
    }
}
