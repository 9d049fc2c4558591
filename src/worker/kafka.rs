//! The worker of one member of a consumer group: one thread, one client, one pipeline, a lane for each partition.
//!
//! It reads what was fetched, partition by partition, polls the client in between and acts on what that says
//! (`membership`), and hands counts and positions over once a tick (`settling`): to the ledger first, to the group when
//! the ledger has them, and what the group has accepted is folded with the next tick. Which of that is right is decided by
//! [`crate::positions`]; here it is done. Consumers of one source share one book. Nothing is read that has no place to be
//! counted: while the client waits for us, the rest of the group and the brokers wait, and memory does not grow.

mod marks;
mod lane;
mod corrupt;
mod membership;
mod settling;
mod standing;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Ended, EngineSlot, Look};
use crate::event::{Delta, Label, Millis};
use crate::export::{Shared, Ticket};
use crate::pipeline::{Batch, Pipeline};
use crate::positions::{Book, Commit, LedgerId, Sum, TopicPartition};
use crate::source::Stop;
use crate::source::kafka::{Client, Code, Messages, Panel, Polled, Setting, Topic};
use crate::world::{Clock, Moment};
use lane::{Lane, Shapes};

pub use marks::{MARKS, all_kept};

/// Messages that one look at a partition takes at most.
const MESSAGES_MAX: usize = 1_024;
/// The longest wait for something to happen; a partition's queue wakes nobody.
const NAP_MAX: Duration = Duration::from_millis(50);
const NAP_MIN: Duration = Duration::from_millis(1);
/// How long the end may take: what is not done by then is done by the stamp, at the next start.
const LEAVE_WITHIN: Duration = Duration::from_millis(800);

/// The positions of one source, and what waits to be counted: shared by its consumers.
#[derive(Clone)]
pub struct Positions {
    source: Label,
    book: Arc<Mutex<Book<Delta>>>,
    /// How many partitions a topic had when it was seen first.
    first_partitions: Arc<Mutex<BTreeMap<String, usize>>>,
}

impl Positions {
    /// As the ledger has them.
    pub fn of(source: &str, shared: &Shared) -> Result<Positions, String> {
        let id = shared.ledger_id().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let me = LedgerId::new(&id).expect("hexadecimal digits are a name");
        let ledger = shared.ledger();
        let kept = marks::kept(source, ledger.marks(&marks::prefix(source)))?;
        let first_partitions = marks::first_partitions(source, ledger.marks(&marks::topics_prefix(source)));
        drop(ledger);
        let book = Book::restore(me, kept).map_err(|damage| damage.to_string())?;
        Ok(Positions {
            source: source.into(),
            book: Arc::new(Mutex::new(book)),
            first_partitions: Arc::new(Mutex::new(first_partitions)),
        })
    }

    fn first_partitions(&self) -> MutexGuard<'_, BTreeMap<String, usize>> {
        self.first_partitions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn book(&self) -> MutexGuard<'_, Book<Delta>> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sum for Delta {
    fn merge(&mut self, later: Delta) {
        crate::ledger::store::merge_bounded(self, later);
    }

    fn is_nothing(&self) -> bool {
        !self.has_counts()
    }
}

/// What came of a look at a partition.
#[derive(Debug, Default)]
pub(super) struct Reading {
    records: usize,
    /// What stood in a message's place.
    error: Option<Code>,
    /// Records came while the end of a bad batch was looked for.
    found_readable: bool,
}

/// What a worker is made of.
pub struct Member {
    pub setting: Arc<Setting>,
    pub client: Client,
    /// Names, and regular expressions of the client's.
    pub subscriptions: Vec<String>,
    /// Of the consumers of its source, from 0.
    pub number: usize,
    pub positions: Positions,
    pub panel: Arc<Panel>,
    pub shared: Arc<Shared>,
    /// Asks for a commit of the ledger soon.
    pub hurry: Box<dyn Fn() + Send>,
    pub pipeline: Pipeline,
    pub clock: Clock,
    pub tick_interval: Duration,
}

pub struct KafkaWorker {
    member: Member,
    rules: Option<Look>,
    shapes: Shapes,
    batch: Batch,
    messages: Messages,
    lanes: Vec<Lane>,
    /// Of the transaction that is not durable yet.
    ticket: Option<Ticket>,
    /// What the group has not answered yet, and since when.
    in_flight: Option<(Vec<Commit>, Duration)>,
    /// No commit before that.
    retry_at: Duration,
    /// No look at what nobody owns before that.
    look_at: Duration,
    /// No question for the ids of topics before that; one is asked already.
    ids_at: Duration,
    /// How long an answer to it is waited for.
    ids_within: Duration,
    /// What the brokers said last.
    topics: BTreeMap<String, Topic>,
    next_tick: Duration,
    watched: BTreeMap<TopicPartition, standing::Watched>,
    last_read: Option<Millis>,
}

impl KafkaWorker {
    pub fn new(member: Member) -> KafkaWorker {
        let now = (member.clock)().steady;
        KafkaWorker {
            shapes: Shapes::of(&member.setting),
            rules: None,
            batch: Batch::default(),
            messages: Messages::with_room_for(MESSAGES_MAX),
            lanes: Vec::new(),
            ticket: None,
            in_flight: None,
            retry_at: now,
            look_at: now,
            ids_at: now + settling::IDS_EVERY,
            ids_within: membership::ANSWER_WITHIN,
            topics: BTreeMap::new(),
            next_tick: now + member.tick_interval,
            watched: BTreeMap::new(),
            last_read: None,
            member,
        }
    }

    pub fn with_rules_of(mut self, slot: Arc<EngineSlot>) -> KafkaWorker {
        self.rules = Some(Look::new(slot));
        self
    }

    /// Reads until asked to stop, or until the client has failed for good.
    pub fn run(mut self, stop: &Stop) -> Ended {
        let ended = self.read_on(stop);
        // A client whose messages are held does not go.
        self.messages.let_go();
        // Without its brokers librdkafka takes 15 s to go; the group finds out by itself that we are gone.
        if !self.member.client.is_closed() {
            std::mem::forget(self.member.client);
        }
        ended
    }

    fn read_on(&mut self, stop: &Stop) -> Ended {
        let names: Vec<&str> = self.member.subscriptions.iter().map(String::as_str).collect();
        let subscribed = self.member.client.subscribe(&names);
        if let Err(why) = subscribed {
            return Ended::Failed(io::Error::other(format!("cannot subscribe: {why}")));
        }
        let mut nap = NAP_MIN;
        loop {
            self.take_new_rules();
            let read = self.read_some();
            nap = if read > 0 { NAP_MIN } else { NAP_MAX.min(nap * 2) };
            let now = (self.member.clock)();
            let patience = match read {
                0 => nap.min(self.next_tick.saturating_sub(now.steady)),
                _ => Duration::ZERO,
            };
            match self.member.client.poll(patience) {
                Polled::Nothing => {}
                Polled::Changed(change) => self.change(change, stop),
                Polled::Fatal(why) => {
                    self.member.panel.reports.fatal(&why);
                    self.leave();
                    return Ended::Failed(io::Error::other(format!("the client has failed for good: {why}")));
                }
            }
            let now = (self.member.clock)();
            self.take_replies(now, stop);
            if now.steady >= self.next_tick {
                self.tick(now);
                self.next_tick = now.steady + self.member.tick_interval;
            }
            self.move_on(now);
            if stop.is_asked() {
                self.leave();
                return Ended::Asked;
            }
        }
    }

    fn take_new_rules(&mut self) {
        if let Some(engine) = self.rules.as_mut().and_then(Look::newer) {
            self.member.pipeline.set_engine(engine);
        }
    }

    /// One batch of each partition that may be read; how many records that was.
    fn read_some(&mut self) -> usize {
        let now = (self.member.clock)();
        let mut records = 0;
        let mut events = Vec::new();
        for lane in self.lanes.iter_mut().filter(|lane| lane.may_read) {
            if self.member.client.read(&lane.at, &mut self.messages) == 0 {
                continue;
            }
            let figures = &mut self.member.panel.figures();
            let reading = lane.take(
                &self.messages,
                &self.shapes,
                &mut self.batch,
                &mut self.member.pipeline,
                figures,
                now.wall,
            );
            records += reading.records;
            if reading.error.is_some() || reading.found_readable {
                events.push((lane.at.clone(), reading));
            }
        }
        if records > 0 {
            self.last_read = Some(now.wall);
            self.member.panel.reports.flows();
        }
        for (at, reading) in events {
            match reading.error {
                _ if reading.found_readable => self.found_readable(&at),
                Some(code) => self.partition_failed(&at, code),
                None => {}
            }
        }
        records
    }

    fn lane(&mut self, at: &TopicPartition) -> Option<&mut Lane> {
        self.lanes.iter_mut().find(|lane| lane.at == *at)
    }

    fn now(&self) -> Moment {
        (self.member.clock)()
    }
}
