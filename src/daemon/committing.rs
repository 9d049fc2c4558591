//! The thread that commits: about once a second, when a worker has ended, and a last time at the end.
//!
//! A disk may take as long as it likes, and nobody waits for it: not the server, not the workers, not the way out.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

use crate::export::Shared;
use crate::ledger::Outcome;
use crate::source::Stop;
use crate::world::Clock;

/// How long the last commit may take once somebody asked us to end. The server leaves meanwhile.
const LAST_COMMIT_WITHIN: Duration = Duration::from_millis(950);

pub(super) struct Committing {
    wake: SyncSender<()>,
    /// Never says anything; ends with the thread.
    ended: Receiver<()>,
}

/// The last commit, under way.
pub(super) struct LastCommit {
    ended: Receiver<()>,
    begun: Instant,
}

impl Committing {
    pub fn start(shared: &Arc<Shared>, clock: &Clock) -> io::Result<Committing> {
        report_recovery(shared);
        let (wake, woken) = mpsc::sync_channel(1);
        let (ends, ended) = mpsc::channel::<()>();
        let (shared, clock) = (shared.clone(), clock.clone());
        thread::Builder::new().name("committer".to_owned()).spawn(move || {
            let _ends = ends;
            while woken.recv().is_ok() {
                report(shared.commit(clock().wall));
            }
            report(shared.commit(clock().wall));
        })?;
        Ok(Committing { wake, ended })
    }

    /// Asks for a commit. One that is under way, or asked for, is not waited for.
    pub fn tick(&self) {
        // Refused when one waits already.
        let _ = self.wake.try_send(());
    }

    pub fn last_commit(self) -> LastCommit {
        LastCommit { ended: self.ended, begun: Instant::now() }
    }
}

impl LastCommit {
    /// Until it is durable; not when, or once, somebody asks us to end.
    pub fn wait_unless(&self, stop: &Stop) {
        while !stop.is_asked() && !self.is_over(Duration::from_millis(20)) {}
    }

    /// Whether everything that was counted is durable. Waits for it as long as there is time.
    pub fn is_settled(&self, shared: &Shared) -> bool {
        let is_over = self.is_over(LAST_COMMIT_WITHIN.saturating_sub(self.begun.elapsed()));
        let is_settled = is_over && shared.is_settled();
        if !is_settled {
            tracing::error!("the last counts could not be committed and are not part of the state");
        }
        is_settled
    }

    fn is_over(&self, patience: Duration) -> bool {
        self.ended.recv_timeout(patience) == Err(RecvTimeoutError::Disconnected)
    }
}

fn report_recovery(shared: &Shared) {
    let Some(recovery) = shared.recovery() else { return };
    for damage in &recovery.damage {
        tracing::error!("damaged state: {damage}");
    }
    match recovery.generation {
        Some(generation) => {
            tracing::info!(
                generation,
                commits = recovery.records,
                torn = recovery.torn,
                "going on with the state"
            );
        }
        None if recovery.damage.is_empty() => tracing::info!("there is no state yet; starting with none"),
        None => tracing::error!("no state can be used; everything is counted from 0"),
    }
}

fn report(outcome: Option<Outcome>) {
    match outcome {
        Some(Outcome::Failed { error, began: true }) => {
            tracing::error!("counts cannot be committed; they go on, what is exposed stands still: {error}");
        }
        Some(Outcome::Committed { recovered: true, .. }) => {
            tracing::info!("counts are committed again, none was lost");
        }
        _ => {}
    }
}
