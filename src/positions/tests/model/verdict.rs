//! What became of each record.

use super::play::{Case, Play};

/// Added up over runs.
#[derive(Debug, Default, Clone)]
pub struct Verdict {
    pub runs: u64,
    pub records: u64,
    /// Records exposed more than once, and the runs in which that was so.
    pub twice: u64,
    pub runs_with_doubles: u64,
    /// Records that should have been exposed and never were.
    pub never: u64,
    pub runs_with_losses: u64,
    /// Runs that did not come to rest.
    pub unsettled: u64,
    /// Never exposed because they were deleted, and what the ledgers say of that.
    pub deleted_unread: u64,
    pub lost_records: u64,
    pub crashes: u64,
    pub lost_assignments: u64,
    /// Offsets of pending counts that a look settled.
    pub folded_by_a_look: u64,
    pub dropped: u64,
    pub set_back: u64,
    pub topics_recreated: u64,
    pub first_bad_seed: Option<u64>,
}

impl Verdict {
    pub fn add(&mut self, run: Verdict) {
        self.runs += 1;
        self.records += run.records;
        self.twice += run.twice;
        self.runs_with_doubles += u64::from(run.twice > 0);
        self.never += run.never;
        self.runs_with_losses += u64::from(run.never > 0);
        self.unsettled += run.unsettled;
        self.deleted_unread += run.deleted_unread;
        self.lost_records += run.lost_records;
        self.crashes += run.crashes;
        self.lost_assignments += run.lost_assignments;
        self.folded_by_a_look += run.folded_by_a_look;
        self.dropped += run.dropped;
        self.set_back += run.set_back;
        self.topics_recreated += run.topics_recreated;
        self.first_bad_seed = self.first_bad_seed.or(run.first_bad_seed);
    }

    pub fn assert_exact(&self) {
        assert!(self.records > 0 && self.twice == 0 && self.never == 0 && self.unsettled == 0, "{self:?}");
    }
}

/// The exposed ranges have to tile each log that still is there.
pub fn judge(play: &mut Play) {
    let mut exposed: Vec<Vec<u32>> = play.group.logs.iter().map(|log| vec![0; log.is_record.len()]).collect();
    let live = play.processes.iter().map(|process| &process.disk.exposed);
    for (log, from, to) in live.chain(&play.graveyard).flat_map(|ranges| &ranges.0) {
        exposed[*log][*from as usize..*to as usize].iter_mut().for_each(|times| *times += 1);
    }
    let saved = play.processes.iter().flat_map(|process| process.disk.saved.values());
    play.verdict.lost_records = saved.map(|(saved, _)| saved.state.lost_records).sum();
    let partition_of = |log| play.group.partitions.iter().find(|slot| slot.log == log);
    let verdict = &mut play.verdict;
    for (index, (log, exposed)) in play.group.logs.iter().zip(exposed).enumerate() {
        let is_added = partition_of(index).is_some_and(|slot| slot.is_added);
        let start = match play.case {
            Case::Latest => log.first_read.unwrap_or(log.high()),
            Case::Added if !is_added => log.first_read.unwrap_or(log.high()),
            Case::Retention => log.start.unwrap_or(log.high()),
            _ => 0,
        };
        for (offset, times) in (0..).zip(exposed).filter(|(offset, _)| log.is_record[*offset as usize]) {
            verdict.records += 1;
            verdict.twice += u64::from(times > 1 || (times > 0 && offset < start));
            if times == 0 && offset >= start && log.is_current {
                let is_deleted = offset < log.low;
                verdict.deleted_unread += u64::from(is_deleted);
                verdict.never += u64::from(!is_deleted);
            }
        }
    }
    let is_bad = verdict.twice + verdict.never + verdict.unsettled > 0
        || verdict.lost_records != verdict.deleted_unread;
    verdict.first_bad_seed = is_bad.then_some(play.seed);
}
