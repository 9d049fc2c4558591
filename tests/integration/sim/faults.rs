//! Which call fails, and how: the n-th, from the n-th on, or one in so many.

use rustix::io::Errno;

use super::dice::Dice;

/// What is called, of a process. Calls of the model writer never fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    Stat,
    LinkTarget,
    List,
    Open,
    Create,
    ReadAt,
    NextData,
    Append,
    Sync,
    Rename,
    Remove,
    SyncDirectory,
    PrivateDirectory,
    Lock,
}

impl Call {
    pub const ALL: [Call; 14] = [
        Call::Stat,
        Call::LinkTarget,
        Call::List,
        Call::Open,
        Call::Create,
        Call::ReadAt,
        Call::NextData,
        Call::Append,
        Call::Sync,
        Call::Rename,
        Call::Remove,
        Call::SyncDirectory,
        Call::PrivateDirectory,
        Call::Lock,
    ];
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Error(Errno),
    /// A read or append does a part of what it was asked for.
    Short,
    /// The process ends before the call, after it, or in the middle of an append. All its later calls are ESRCH.
    Die,
}

impl Fault {
    /// Whether Linux does that to such a call; `size` in bytes, of reads and appends.
    fn fits(self, call: Call, size: usize) -> bool {
        use Call::{
            Append, Create, List, Lock, NextData, Open, PrivateDirectory, ReadAt, Rename, Stat, Sync,
            SyncDirectory,
        };
        match self {
            Fault::Short => matches!(call, ReadAt | Append) && size > 1,
            Fault::Error(Errno::NOSPC) => {
                matches!(call, Create | Append | Sync | Rename | SyncDirectory | PrivateDirectory | Lock)
            }
            Fault::Error(Errno::MFILE | Errno::NFILE) => {
                matches!(call, Open | Create | List | SyncDirectory | Lock)
            }
            Fault::Error(Errno::INTR) => {
                matches!(call, Open | Create | ReadAt | Append | Sync | SyncDirectory | Lock)
            }
            Fault::Error(Errno::STALE) => matches!(call, Stat | List | Open | ReadAt | NextData),
            Fault::Error(_) | Fault::Die => true,
        }
    }
}

#[derive(Debug)]
enum When {
    /// Counted from 1 among the calls that fit.
    Between {
        first: u64,
        last: u64,
        seen: u64,
    },
    Chance {
        per_mille: u64,
    },
}

#[derive(Debug)]
struct Rule {
    calls: Vec<Call>,
    fault: Fault,
    when: When,
}

#[derive(Debug, Default)]
pub struct Faults {
    rules: Vec<Rule>,
    calls: u64,
    done: u64,
}

impl Faults {
    /// The first of these calls that fails is the `first` one that fits, counted from 1; `times` in a row do.
    pub fn plan(&mut self, calls: &[Call], first: u64, times: u64, fault: Fault) {
        let when = When::Between { first, last: first.saturating_add(times).saturating_sub(1), seen: 0 };
        self.rules.push(Rule { calls: calls.to_vec(), fault, when });
    }

    pub fn plan_by_chance(&mut self, calls: &[Call], per_mille: u64, fault: Fault) {
        self.rules.push(Rule { calls: calls.to_vec(), fault, when: When::Chance { per_mille } });
    }

    pub fn heal(&mut self) {
        self.rules.clear();
        self.done = 0;
    }

    pub fn calls(&self) -> u64 {
        self.calls
    }

    pub fn done(&self) -> u64 {
        self.done
    }

    pub fn of(&mut self, call: Call, size: usize, dice: &mut Dice) -> Option<Fault> {
        self.calls += 1;
        let mut found = None;
        for rule in &mut self.rules {
            if !rule.calls.contains(&call) || !rule.fault.fits(call, size) {
                continue;
            }
            let is_hit = match &mut rule.when {
                When::Between { first, last, seen } => {
                    *seen += 1;
                    (*first..=*last).contains(seen)
                }
                When::Chance { per_mille } => dice.chance(*per_mille),
            };
            if is_hit {
                found = found.or(Some(rule.fault));
            }
        }
        self.done += u64::from(found.is_some());
        found
    }
}
