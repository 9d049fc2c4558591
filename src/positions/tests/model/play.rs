//! One run: random steps, then quiet until everything is settled, then the verdict.

use super::dice::Dice;
use super::group::Group;
use super::process::{Disk, Flight, Held, Process, Ranges, Worker};
use super::verdict::{Verdict, judge};
use crate::positions::{Appeared, Assignment, Commit, Found, Note, Refused, Start, TopicId};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// 1 to 8 ledgers, crashes, kicks, rebalances, markers.
    Plain,
    /// The policy is `latest`.
    Latest,
    /// The same, and a partition is added.
    Added,
    /// The oldest records are deleted.
    Retention,
    /// One ledger; the group forgets its offsets.
    Expired,
    ExpiredAmongMany,
    /// The topic is made again, which each worker sees before it reads on.
    Recreated,
    /// And not until some time later.
    RecreatedUnnoticed,
    /// One ledger, which comes back from a backup.
    SetBack,
    DiskLost,
    /// Offsets are moved forward while nobody is there.
    Operator,
}

/// Which rule is broken, to see that the model notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rules {
    All,
    ResumeFromTheGroup,
    StampOfTheTakeover,
    StampWithoutList,
    /// The list names one earlier owner only.
    StampOfTwo,
    JoinWithoutWaiting,
    CommitBeforeTheLedger,
    ReadBeforeTheStart,
    NoTopicId,
}

pub struct Play {
    pub seed: u64,
    pub case: Case,
    pub rules: Rules,
    pub group: Group,
    pub processes: Vec<Process>,
    /// What lost disks and set back ledgers had exposed.
    pub graveyard: Vec<Ranges>,
    pub verdict: Verdict,
    pub dice: Dice,
    /// Requests of dead processes.
    pub ghosts: Vec<(u32, u64, Vec<Commit>)>,
    last_ledger: u64,
    last_topic: u128,
    /// How many of a thousand steps are failures.
    trouble: u64,
    /// No more failures.
    pub is_quiet: bool,
}

impl Play {
    pub fn new(seed: u64, case: Case, rules: Rules) -> Play {
        let mut dice = Dice::new(seed);
        let mut group = Group::new([1, 1, 1, 2, 3][dice.below(5)], TopicId(1));
        let is_alone = matches!(case, Case::Expired | Case::SetBack);
        let count = if is_alone { 1 } else { 1 + dice.below(8) };
        let mut processes = Vec::new();
        for number in 0..count {
            processes.push(Process::new(number as u64, 1 + usize::from(dice.percent(25)), dice.percent(40)));
        }
        if case == Case::Added {
            let last = group.partitions.len() - 1;
            group.partitions[last].is_there = last == 0;
            group.partitions[last].is_added = last > 0;
        }
        let (graveyard, ghosts, verdict) = (Vec::new(), Vec::new(), Verdict::default());
        let (last_ledger, last_topic, is_quiet) = (count as u64, 1, false);
        let trouble = [20, 50, 100, 150, 250][dice.below(5)];
        Play {
            seed,
            case,
            rules,
            group,
            processes,
            graveyard,
            verdict,
            dice,
            ghosts,
            last_ledger,
            last_topic,
            trouble,
            is_quiet,
        }
    }

    pub fn run(mut self) -> Verdict {
        let steps = 300 + self.dice.below(100 * (4 + self.processes.len()));
        for _ in 0..steps {
            self.step();
        }
        self.settle();
        judge(&mut self);
        self.verdict
    }

    fn step(&mut self) {
        let partition = self.dice.below(self.group.partitions.len());
        if self.dice.next() % 1000 < self.trouble {
            return self.fail(partition);
        }
        let (process, worker) = self.somebody(partition);
        if !self.processes[process].is_up {
            return if self.dice.percent(8) {
                self.restart(process)
            };
        }
        match self.dice.below(100) {
            0..8 => self.produce(partition),
            8..18 => self.give(partition),
            18..32 => self.poll(process, worker),
            32..46 => self.read(process, worker, partition),
            46..58 => self.transact(process, worker),
            58..68 => self.sync(process),
            68..74 => self.tell(process),
            74..82 => self.send(process, worker),
            82..92 => self.network(process, worker),
            92..94 => self.look(process),
            94..96 => self.apply_look(process),
            _ => self.leave(process, worker),
        }
    }

    /// Mostly the one that holds the partition.
    fn somebody(&mut self, partition: usize) -> (usize, usize) {
        let member = self.group.partitions[partition].owner.filter(|_| self.dice.percent(75));
        for (number, process) in self.processes.iter().enumerate() {
            let holds = |worker: &Worker| worker.member.is_some() && worker.member == member;
            if let Some(worker) = process.workers.iter().position(holds) {
                return (number, worker);
            }
        }
        let process = self.dice.below(self.processes.len());
        (process, self.dice.below(self.processes[process].workers.len()))
    }

    fn fail(&mut self, partition: usize) {
        let (process, _) = self.somebody(partition);
        match self.dice.below(100) {
            0..35 => self.call_back(partition),
            35..50 => self.kick(),
            50..80 => self.crash(process),
            80..90 => self.ghost(),
            _ => self.mishap(partition, process),
        }
    }

    fn produce(&mut self, partition: usize) {
        if self.group.partitions[partition].is_there {
            let markers = if self.case == Case::Retention { 0 } else { 15 };
            self.group.produce(partition, markers, &mut self.dice);
        }
    }

    pub fn give(&mut self, partition: usize) {
        if let Some(owner) = self.group.partitions[partition].owner
            && self.is_dead(owner)
            && self.dice.percent(30)
        {
            self.group.kick(owner);
        }
        let slot = &self.group.partitions[partition];
        if slot.owner.is_some() || !slot.is_there || self.group.members.is_empty() {
            return;
        }
        let chosen = self.dice.below(self.group.members.len());
        let member = self.group.members.iter().nth(chosen).copied().expect("one of them");
        self.group.give(partition, member);
    }

    fn is_dead(&self, member: u32) -> bool {
        let up = self.processes.iter().filter(|process| process.is_up);
        !up.flat_map(|process| &process.workers).any(|worker| worker.member == Some(member))
    }

    /// The group wants a partition back, to give it to another.
    fn call_back(&mut self, partition: usize) {
        let slot = &mut self.group.partitions[partition];
        slot.is_called_back = slot.owner.is_some();
    }

    pub fn kick(&mut self) {
        let members: Vec<u32> = self.group.members.iter().copied().collect();
        if !members.is_empty() {
            self.group.kick(members[self.dice.below(members.len())]);
        }
    }

    fn crash(&mut self, process: usize) {
        let durable = self.dice.below(self.processes[process].queue.len() + 1);
        let process = &mut self.processes[process];
        if !process.is_up {
            return;
        }
        self.verdict.crashes += 1;
        process.write(durable);
        process.queue.clear();
        process.confirmed.clear();
        process.looks.clear();
        process.is_up = false;
        for worker in &mut process.workers {
            worker.held.clear();
            if let Some(Flight::Travelling { member, generation, commits }) = worker.flight.take() {
                self.ghosts.push((member, generation, commits));
            }
        }
        if self.case == Case::DiskLost && self.dice.percent(40) {
            self.last_ledger += 1;
            let lost = std::mem::replace(&mut process.disk, Disk::new(self.last_ledger));
            self.graveyard.push(lost.exposed);
        }
        if self.case == Case::SetBack && self.dice.percent(40) && process.backup.is_some() {
            process.disk = process.backup.clone().expect("just seen");
        }
    }

    pub fn restart(&mut self, number: usize) {
        let process = &mut self.processes[number];
        process.is_up = true;
        process.book = process.disk.book();
        for worker in &mut process.workers {
            let old = worker.member.take().filter(|_| process.is_static);
            worker.member = old.and_then(|old| self.group.replace(old));
            worker.generation = self.group.generation;
        }
    }

    pub fn ghost(&mut self) {
        if let Some((member, generation, commits)) = self.ghosts.pop() {
            commits.iter().for_each(|commit| {
                self.group.commit(member, generation, commit);
            });
        }
    }

    /// What only some cases have.
    fn mishap(&mut self, partition: usize, process: usize) {
        match self.case {
            Case::Added => self.group.partitions.iter_mut().for_each(|slot| slot.is_there = true),
            Case::Retention => {
                let log = self.group.log(partition);
                log.low = self.dice.within(log.low, log.high() + 1);
            }
            Case::Expired | Case::ExpiredAmongMany => self.group.partitions[partition].stored = None,
            Case::Recreated | Case::RecreatedUnnoticed => {
                self.last_topic += 1;
                self.verdict.topics_recreated += 1;
                self.group.recreate(TopicId(self.last_topic));
            }
            Case::SetBack => {
                let process = &mut self.processes[process];
                let is_whole = process.disk.saved.len() == self.group.partitions.len();
                process.backup = is_whole.then(|| process.disk.clone());
            }
            Case::Operator => self.move_offset(partition),
            Case::Plain | Case::Latest | Case::DiskLost => {}
        }
    }

    fn move_offset(&mut self, partition: usize) {
        (0..self.processes.len()).for_each(|process| self.crash(process));
        self.group.members.clone().into_iter().for_each(|member| self.group.kick(member));
        let high = self.group.log(partition).high();
        if let Some(stored) = &mut self.group.partitions[partition].stored {
            stored.offset = self.dice.within(stored.offset, high.max(stored.offset) + 1);
            stored.metadata.clear();
        }
    }

    /// The worker hears from the group.
    pub fn poll(&mut self, process: usize, worker: usize) {
        let one = &mut self.processes[process].workers[worker];
        let Some(member) = one.member else {
            one.member = Some(self.group.join());
            one.generation = self.group.generation;
            return;
        };
        if !self.group.members.contains(&member) {
            return self.lose(process, worker);
        }
        one.generation = self.group.generation;
        for partition in 0..self.group.partitions.len() {
            let slot = &self.group.partitions[partition];
            let is_held = self.processes[process].workers[worker].held.contains_key(&partition);
            match (slot.owner == Some(member), is_held) {
                (true, false) if self.is_quiet || self.dice.percent(85) => {
                    self.assign(process, worker, partition)
                }
                (true, true) if slot.is_called_back => {
                    let held = self.processes[process].workers[worker].held.get_mut(&partition);
                    held.expect("is held").is_leaving = true;
                }
                _ => {}
            }
        }
    }

    fn lose(&mut self, process: usize, worker: usize) {
        if self.processes[process].workers[worker].flight.is_some() && self.rules != Rules::JoinWithoutWaiting
        {
            return self.network(process, worker);
        }
        self.verdict.lost_assignments += 1;
        let process = &mut self.processes[process];
        let one = &mut process.workers[worker];
        one.member = None;
        let all: Vec<_> =
            one.held.keys().map(|partition| self.group.partitions[*partition].at.clone()).collect();
        one.held.clear();
        process.book.lost(worker, &all);
    }

    fn assign(&mut self, process: usize, worker: usize, partition: usize) {
        let at = self.group.partitions[partition].at.clone();
        let group = self.look_at(process, partition);
        if self.rules == Rules::ResumeFromTheGroup {
            self.processes[process].expose_pending(&at);
        }
        let is_added = self.group.partitions[partition].is_added;
        let appeared = if is_added { Appeared::Later } else { Appeared::WithTopic };
        let topic = Some(self.group.log(partition).topic).filter(|_| self.rules != Rules::NoTopicId);
        let assignment = self.processes[process].book.assign(worker, &at, group, topic, appeared);
        self.begin(process, worker, partition, assignment);
    }

    fn begin(&mut self, process: usize, worker: usize, partition: usize, assignment: Assignment) {
        self.note(&assignment.note);
        let is_latest = matches!(self.case, Case::Latest | Case::Added);
        let log = self.group.log(partition);
        let (low, high) = (log.low, log.high());
        let next = match assignment.start {
            Start::At(offset) => offset,
            Start::Policy if is_latest => high,
            Start::Policy | Start::Earliest => low,
        };
        let slot = &self.group.partitions[partition];
        if !matches!(assignment.start, Start::At(_)) {
            self.processes[process]
                .book
                .resolved(&slot.at, assignment.epoch, next)
                .expect("it was asked for");
        }
        let held = Held { epoch: assignment.epoch, next, log: slot.log, is_leaving: false };
        self.processes[process].workers[worker].held.insert(partition, held);
    }

    fn note(&mut self, note: &Note) {
        self.verdict.folded_by_a_look += note.folded;
        self.verdict.dropped += note.dropped;
        self.verdict.set_back += u64::from(note.found == Found::SetBack);
    }

    pub fn read(&mut self, process: usize, worker: usize, partition: usize) {
        let log = self.group.partitions[partition].log;
        let at = self.group.partitions[partition].at.clone();
        let one = &mut self.processes[process];
        let Some(held) = one.workers[worker].held.get_mut(&partition).filter(|held| !held.is_leaving) else {
            return;
        };
        let (epoch, next) = (held.epoch, held.next);
        let Some(position) = one.book.position(&at, epoch) else {
            let taken = one.book.count(&at, epoch, next + 1, Ranges::default());
            return assert_eq!(taken, Err(Refused::OldEpoch), "seed {}", self.seed);
        };
        assert_eq!(position, next, "seed {}", self.seed);
        if !one.book.may_read(&at, epoch) && self.rules != Rules::ReadBeforeTheStart {
            return;
        }
        let topic = Some(self.group.logs[log].topic).filter(|_| self.rules != Rules::NoTopicId);
        let is_noticed = self.case != Case::RecreatedUnnoticed || self.is_quiet || self.dice.percent(10);
        let (low, high) = (self.group.logs[log].low, self.group.logs[log].high());
        let another = topic.filter(|_| held.log != log && is_noticed);
        let again = if let Some(topic) = another {
            one.book.recreated(&at, epoch, topic)
        } else if next < low || next > high {
            one.book.out_of_range(&at, epoch, (low, high), topic)
        } else {
            held.next = high.min(next + 1 + self.dice.below(5) as i64);
            let first_read = &mut self.group.logs[log].first_read;
            *first_read = Some(first_read.map_or(next, |first| first.min(next)));
            let counts = Ranges::read(&self.group, log, next, held.next);
            let taken = one.book.count(&at, epoch, held.next, counts);
            return assert_eq!(taken, Ok(()), "seed {}", self.seed);
        };
        self.begin(process, worker, partition, again.expect("the epoch is current"));
    }

    pub fn transact(&mut self, process: usize, worker: usize) {
        let process = &mut self.processes[process];
        if let Some(transaction) = process.book.transact(worker) {
            process.queue.push_back((worker, transaction));
            if self.rules == Rules::CommitBeforeTheLedger {
                process.book.durable(worker);
            }
        }
    }

    fn sync(&mut self, process: usize) {
        let durable = self.dice.below(self.processes[process].queue.len() + 1);
        self.processes[process].write(durable);
    }

    pub fn tell(&mut self, process: usize) {
        let process = &mut self.processes[process];
        process.confirmed.drain(..).for_each(|worker| process.book.durable(worker));
    }

    pub fn send(&mut self, process: usize, worker: usize) {
        let without = self.dice.below(8) as i32;
        let process = &mut self.processes[process];
        let one = &mut process.workers[worker];
        let Some(member) = one.member.filter(|_| one.flight.is_none()) else { return };
        let commits = process.book.commits(worker, |at| self.is_quiet || at.partition != without);
        if commits.is_empty() {
            return;
        }
        let generation = one.generation;
        one.flight = Some(if self.dice.percent(20) {
            Flight::Deferred(commits)
        } else {
            Flight::Travelling { member, generation, commits }
        });
    }

    pub fn network(&mut self, process: usize, worker: usize) {
        let process = &mut self.processes[process];
        let one = &mut process.workers[worker];
        one.flight = match (one.flight.take(), one.member) {
            (Some(Flight::Deferred(commits)), Some(member)) if self.is_quiet || self.dice.percent(40) => {
                Some(Flight::Travelling { member, generation: one.generation, commits })
            }
            (Some(Flight::Travelling { member, generation, mut commits }), _) => {
                let fate = if self.is_quiet { 0 } else { self.dice.below(100) };
                let partly = (60..70).contains(&fate);
                commits.retain(|commit| {
                    let is_lucky = !(partly && self.dice.percent(50));
                    fate < 85 && is_lucky && self.group.commit(member, generation, commit)
                });
                (fate < 70).then_some(Flight::Answered(commits))
            }
            (Some(Flight::Answered(commits)), _) => {
                for commit in commits {
                    let _ = process.book.accepted(&commit);
                }
                None
            }
            (other, _) => other,
        };
    }

    /// The worker gives back what it was asked for, settled or not.
    pub fn leave(&mut self, process: usize, worker: usize) {
        let process = &mut self.processes[process];
        let one = &mut process.workers[worker];
        let is_done = process.book.is_settled(worker) || self.dice.percent(25);
        let Some(member) = one.member.filter(|_| is_done && one.flight.is_none()) else { return };
        let leaving: Vec<usize> =
            one.held.iter().filter(|(_, held)| held.is_leaving).map(|(p, _)| *p).collect();
        for partition in leaving {
            one.held.remove(&partition);
            process.book.release(worker, &self.group.partitions[partition].at);
            self.group.unassigned(partition, member);
        }
    }

    pub fn look(&mut self, process: usize) {
        if !self.processes[process].is_up {
            return;
        }
        for (at, epoch) in self.processes[process].book.unsettled() {
            let group = self.look_at(process, at.partition as usize);
            self.processes[process].looks.push((at, epoch, group));
        }
    }

    pub fn apply_look(&mut self, process: usize) {
        if let Some((at, epoch, group)) = self.processes[process].looks.pop()
            && let Ok(note) = self.processes[process].book.settle(&at, epoch, group)
        {
            self.note(&note);
        }
    }
}
