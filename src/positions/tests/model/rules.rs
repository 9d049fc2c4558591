//! The rules that can be broken, as far as they lie in what the group says.

use super::play::{Play, Rules};
use crate::positions::stamp::Owner;
use crate::positions::{GroupOffset, Stamp};

impl Play {
    /// What the group has, or what a simpler stamp would have said.
    pub fn look_at(&self, process: usize, partition: usize) -> GroupOffset {
        let found = self.group.look(partition);
        let process = &self.processes[process];
        let (Some(stored), GroupOffset::Some { offset, metadata }) =
            (&self.group.partitions[partition].stored, &found)
        else {
            return found;
        };
        let Some(mut stamp) = Stamp::parse(metadata) else { return found };
        let offset = *offset;
        match self.rules {
            Rules::ResumeFromTheGroup => return GroupOffset::Some { offset, metadata: String::new() },
            Rules::StampWithoutList => stamp.before.clear(),
            Rules::StampOfTwo => stamp.before.truncate(1),
            Rules::StampOfTheTakeover if stamp.owner.ledger != process.disk.id => {
                let at = &self.group.partitions[partition].at;
                let saved = process.book.saved().find(|(other, _)| *other == at);
                let pending = saved.map(|(_, saved)| saved.pending).unwrap_or_default();
                let covered = pending.iter().rfind(|span| span.to <= stored.taken_over);
                let seq = covered.map_or(0, |span| span.seq);
                stamp.before = vec![Owner { ledger: process.disk.id.clone(), seq }];
            }
            _ => return found,
        }
        GroupOffset::Some { offset, metadata: stamp.to_string() }
    }
}
