//! The end of a run: everybody is there, nothing fails, until nothing is left to do.

use super::play::{Case, Play, Rules};
use super::process::Process;

impl Play {
    pub fn settle(&mut self) {
        self.is_quiet = true;
        self.group.partitions.iter_mut().for_each(|slot| slot.is_there = true);
        for process in 0..self.processes.len() {
            if !self.processes[process].is_up {
                self.restart(process);
            }
        }
        let known: Vec<u32> =
            self.processes.iter().flat_map(|p| &p.workers).filter_map(|w| w.member).collect();
        while !self.ghosts.is_empty() {
            self.ghost();
        }
        let dead =
            self.group.members.iter().copied().filter(|member| !known.contains(member)).collect::<Vec<_>>();
        dead.into_iter().for_each(|member| self.group.kick(member));
        for _ in 0..200 {
            (0..self.processes.len()).for_each(|process| self.round(process));
            if self.is_over() {
                return;
            }
        }
        self.verdict.unsettled += 1;
    }

    fn round(&mut self, process: usize) {
        for partition in 0..self.group.partitions.len() {
            self.give(partition);
        }
        for worker in 0..self.processes[process].workers.len() {
            self.poll(process, worker);
            for partition in 0..self.group.partitions.len() {
                self.read(process, worker, partition);
            }
            self.transact(process, worker);
            let all = self.processes[process].queue.len();
            self.processes[process].write(all);
            self.tell(process);
            self.send(process, worker);
            (0..3).for_each(|_| self.network(process, worker));
            self.leave(process, worker);
        }
        self.look(process);
        while !self.processes[process].looks.is_empty() {
            self.apply_look(process);
        }
    }

    fn is_over(&self) -> bool {
        (0..self.group.partitions.len()).all(|partition| self.is_read(partition))
            && self.processes.iter().all(Process::is_settled)
    }

    /// Its owner has it, knows the log that it reads, and the group has the end of it.
    fn is_read(&self, partition: usize) -> bool {
        let slot = &self.group.partitions[partition];
        let high = self.group.logs[slot.log].high();
        let owners = self.processes.iter().flat_map(|process| &process.workers);
        let mut held = owners
            .filter(|worker| worker.member == slot.owner)
            .filter_map(|worker| worker.held.get(&partition));
        held.any(|held| held.next == high && (held.log == slot.log || self.rules == Rules::NoTopicId))
            && !slot.is_called_back
            && match &slot.stored {
                Some(stored) => stored.offset == high,
                None => matches!(self.case, Case::Expired | Case::ExpiredAmongMany),
            }
    }
}
