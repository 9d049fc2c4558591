//! How far every file is, for the ledger: together with the counts of the same bytes.

use super::followed::Life;
use super::position::{forgotten, started};
use super::{Sink, Tail};
use crate::event::FilesStanding;

impl<S: Sink> Tail<S> {
    /// Hands over the positions that changed since the last report, and says how the source stands. What the sink has
    /// counted when this returns belongs to exactly these positions.
    pub fn report(&mut self, sink: &mut S) -> FilesStanding {
        let source = &self.setting.source;
        if self.is_first_start
            && !self.was_started
            && let Some(since) = self.since
        {
            self.was_started = true;
            sink.mark(started(source, since));
        }
        for number in std::mem::take(&mut self.forgotten) {
            sink.mark(forgotten(source, number));
        }
        for number in std::mem::take(&mut self.moved) {
            if let Some(file) = self.followed.get_mut(&number) {
                let pending = sink.pending(&file.lane);
                file.move_check(pending);
                sink.mark(file.position(pending).mark(source));
            }
        }
        self.standing()
    }

    fn standing(&self) -> FilesStanding {
        let mut standing =
            FilesStanding { unreadable: self.unreadable.len() as u64, ..FilesStanding::default() };
        for file in self.followed.values() {
            standing.followed += u64::from(matches!(file.life, Life::Here | Life::Gone(_)));
            standing.open += u64::from(file.opened.is_some());
            standing.unreadable += u64::from(file.is_damaged);
            standing.behind_bytes += file.behind();
        }
        standing
    }

    /// Bytes that lanes hold.
    pub fn pending_bytes(&self, sink: &S) -> u64 {
        self.followed.values().map(|file| sink.pending(&file.lane)).sum()
    }
}
