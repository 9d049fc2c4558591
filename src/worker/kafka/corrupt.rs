//! A batch that cannot be unpacked or checked: librdkafka stands before it for ever.
//!
//! Its partition stands still and says so, or goes on behind it where the operator wants that. Where the batch ends is
//! known to nobody: a start inside of it fails as its first offset does, so the first offset that can be read is searched
//! for, in steps that double and then by halves. What is read while searching is thrown away and read again.

use super::KafkaWorker;
use super::membership::ANSWER_WITHIN;
use crate::positions::TopicPartition;
use crate::source::kafka::{Code, OnCorrupt, name_of};

/// A search for the first offset behind `from` that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Search {
    from: i64,
    /// The last offset that is known to be bad, and the first that is known to be good.
    bad: i64,
    good: Option<i64>,
    /// The one that is tried now.
    pub tried: i64,
    /// Of the log: a start behind it is answered by nothing, or as out of range, and says nothing of the batch.
    end: i64,
}

impl Search {
    fn begun(from: i64, end: i64) -> Result<Search, i64> {
        Search { from, bad: from, good: None, tried: from + 1, end }.within()
    }

    /// Whether the offset that was tried can be read: what to try next, or where to go on.
    fn learn(self, can_be_read: bool) -> Result<Search, i64> {
        self.learn_one(can_be_read)?.within()
    }

    /// Nothing is bad behind the end.
    fn within(mut self) -> Result<Search, i64> {
        while self.tried >= self.end {
            self = self.learn_one(true)?;
        }
        Ok(self)
    }

    fn learn_one(mut self, can_be_read: bool) -> Result<Search, i64> {
        match can_be_read {
            true => self.good = Some(self.tried),
            false => self.bad = self.tried.max(self.bad),
        }
        match self.good {
            Some(good) if good - self.bad <= 1 => return Err(good),
            Some(good) => self.tried = self.bad + (good - self.bad) / 2,
            None => self.tried = self.from + 2 * (self.bad - self.from).max(1),
        }
        Ok(self)
    }
}

impl KafkaWorker {
    /// The next batch of the partition cannot be read.
    pub(super) fn corrupt(&mut self, at: &TopicPartition, code: Code) {
        let skips = self.member.setting.on_corrupt == OnCorrupt::Skip;
        let Some(lane) = self.lane(at) else { return };
        if let Some(search) = lane.search {
            return self.learnt(at, search.learn(false));
        }
        let offset = lane.next;
        if lane.corrupt_at.replace(offset) != Some(offset) {
            self.member.panel.figures().corrupt_batches += 1;
            let (source, code) = (&*self.member.positions.source, name_of(code));
            match skips {
                true => {
                    tracing::error!(source, partition = %at, offset, code, "a batch cannot be read: looking for its end")
                }
                false => tracing::error!(
                    source, partition = %at, offset, code,
                    "a batch cannot be read: the partition stands still here. `on_corrupt: skip` passes it over"
                ),
            }
        }
        if skips {
            // What was read before it is counted by then: what lies between the position and the end of the search is lost.
            self.hand_in();
            let ends = self.member.client.watermarks(at, ANSWER_WITHIN);
            self.learnt(at, Search::begun(offset, ends.map_or(i64::MAX, |(_, high)| high)));
        }
    }

    /// Records came while searching: the offset that was tried can be read.
    pub(super) fn found_readable(&mut self, at: &TopicPartition) {
        if let Some(search) = self.lane(at).and_then(|lane| lane.search) {
            self.learnt(at, search.learn(true));
        }
    }

    /// librdkafka gave the partition up meanwhile: as a rule for the rubbish that it took for an offset before the start of
    /// now, which it does not tell from this one.
    pub(super) fn search_again(&mut self, at: &TopicPartition) {
        let Some(search) = self.lane(at).and_then(|lane| lane.search) else { return };
        match self.member.client.watermarks(at, ANSWER_WITHIN) {
            Ok((low, high)) if !(low..high).contains(&search.tried) => self.learnt(at, search.learn(true)),
            _ => self.reassign(at, search.tried),
        }
    }

    fn learnt(&mut self, at: &TopicPartition, next: Result<Search, i64>) {
        match next {
            Ok(search) => {
                if let Some(lane) = self.lane(at) {
                    lane.search = Some(search);
                }
                self.reassign(at, search.tried);
            }
            Err(good) => {
                if let Some(lane) = self.lane(at) {
                    lane.search = None;
                }
                self.pass_over(at, good);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_first_offset_behind_a_bad_batch_is_found_in_few_steps(
            from in 0_i64..1_000_000,
            len in 1_i64..100_000,
            behind in prop_oneof![Just(0), Just(1), 0_i64..100_000, Just(i64::MAX / 2)],
        ) {
            let (good, end) = (from + len, from + len + behind);
            let mut search = Search::begun(from, end);
            for _ in 0..40 {
                match search {
                    Err(found) => {
                        prop_assert_eq!(found, good);
                        return Ok(());
                    }
                    Ok(next) => {
                        prop_assert!((from + 1..end).contains(&next.tried), "there is nothing at {}", next.tried);
                        search = next.learn(next.tried >= good);
                    }
                }
            }
            prop_assert!(false, "not found");
        }
    }
}
