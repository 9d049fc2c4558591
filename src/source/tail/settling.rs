//! What time brings: complete lines are judged, lines without an end in files that were rotated away too, and files that
//! were read to their end are let go.

use std::time::Duration;

use super::followed::Life;
use super::{Sink, Tail};
use crate::event::LossReason;
use crate::world::Moment;

/// What time brings takes at most this part of it.
const SETTLE_SHARE: u32 = 20;

impl<S: Sink> Tail<S> {
    /// What silence brings: complete lines are judged, half lines of files that were rotated away too, and files that were
    /// read to their end are let go.
    pub fn settle(&mut self, now: Moment, sink: &mut S) {
        if now.steady < self.settle_allowed_at {
            return;
        }
        let began = (self.clock)().steady;
        let silent_for = |since: Duration| now.steady.saturating_sub(since);
        for number in std::mem::take(&mut self.holding) {
            let Some(file) = self.followed.get_mut(&number) else { continue };
            let holds = sink.holds(&file.lane);
            if holds.lines && silent_for(file.last_bytes) >= self.setting.event_timeout {
                sink.judge_lines(&mut file.lane, now);
                self.moved.insert(number);
            }
            let is_over = |wait: Duration, since: Duration| silent_for(since.max(file.last_bytes)) >= wait;
            let is_left = file.renamed_at.is_some_and(|since| is_over(self.setting.rotate_wait, since));
            let is_late = self.setting.partial_timeout.is_some_and(|wait| is_over(wait, Duration::ZERO));
            let is_ended = file.is_packed() && file.ended_at == Some(file.seen) && !file.is_ready;
            if holds.unfinished && (is_left || is_late || is_ended) {
                sink.judge_all(&mut file.lane, now);
                self.moved.insert(number);
            }
            let holds = sink.holds(&file.lane);
            if holds.lines || holds.unfinished {
                self.holding.insert(number);
            }
        }
        for number in self.gone.iter().copied().collect::<Vec<_>>() {
            let file = &self.followed[&number];
            let Life::Gone(since) = file.life else { continue };
            // A file that may have its bytes is not told from others yet.
            let may_go_on =
                || file.behind() > 0 && self.waiting.values().any(|waiting| waiting.base == file.base);
            let is_waiting = file.is_ready || file.retry_at.is_some() || may_go_on();
            if !is_waiting && silent_for(since.max(file.last_bytes)) >= self.setting.rotate_wait {
                self.finish(number, now, sink);
            }
        }
        let cost = (self.clock)().steady.saturating_sub(began);
        self.settle_allowed_at = now.steady + cost * SETTLE_SHARE;
    }

    /// Judges the complete lines of all files: nobody will come back for them.
    pub fn judge_lines(&mut self, now: Moment, sink: &mut S) {
        for number in std::mem::take(&mut self.holding) {
            if let Some(file) = self.followed.get_mut(&number) {
                sink.judge_lines(&mut file.lane, now);
                self.moved.insert(number);
            }
        }
    }

    /// A file that no path leads to was silent for long enough.
    fn finish(&mut self, number: u64, now: Moment, sink: &mut S) {
        let is_there = self.followed[&number].opened.is_some() || self.still_leads_to(number);
        let file = self.followed.get_mut(&number).expect("it is gone, not forgotten");
        if file.behind() > 0 && is_there {
            // Not read to its end yet.
            self.enqueue(number);
            return;
        }
        let is_deleted = match &file.opened {
            Some(opened) => opened.file.stat().is_ok_and(|stat| stat.links == 0),
            None => !is_there,
        };
        let reason = if file.is_cut { LossReason::Truncated } else { LossReason::Deleted };
        let (read, len) = (file.read, file.seen.len);
        if file.behind() > 0
            && let Some(copy) = self.copy_to_read(number)
        {
            self.hand_over(number, copy, now, sink);
            let copy = &self.followed[&copy];
            if !copy.is_packed() {
                sink.lost(reason, len.saturating_sub(read.max(copy.seen.len)));
            }
        }
        let file = self.followed.get_mut(&number).expect("it is there still");
        if file.is_cut {
            sink.judge_lines(&mut file.lane, now);
            let unfinished = sink.forget_unfinished(&mut file.lane);
            sink.lost(LossReason::Truncated, unfinished + file.behind());
        } else {
            sink.lost(LossReason::Deleted, file.behind());
            sink.judge_all(&mut file.lane, now);
        }
        file.move_check(0);
        // What is lost stays lost, also should it turn up.
        file.read += file.behind();
        file.ended_at = Some(file.seen);
        file.opened = None;
        file.before = Vec::new();
        self.set_life(number, Life::Done);
        self.moved.insert(number);
        for copy in self.copies_of(number) {
            let is_here = self.setting.paths.matches(&self.followed[&copy].path);
            self.copy_is_done(number, copy, if is_here { Life::Here } else { Life::Gone(now.steady) });
        }
        if is_deleted {
            self.becomes_ghost(number, now);
        }
    }
}
