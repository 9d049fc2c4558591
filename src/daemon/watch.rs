//! Waits for the workers of all sources, tells what happens meanwhile, and leaves behind who is late to stop.
//!
//! A late worker of files is no failure where there is a state directory: its positions stand before what it did not
//! count, and the next start goes on there. What a stream gave cannot be had again.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::committing::Committing;
use super::{EndedMessage, Event, Feed, Reads};
use crate::config::TICK_INTERVAL;
use crate::event::Label;
use crate::export::Shared;
use crate::source::Stop;
use crate::worker::Ended;

/// A source whose worker was started.
pub(super) struct Watched {
    name: Label,
    /// What is not counted at the end is read again at the next start.
    is_read_again: bool,
    has_ended: bool,
}

impl Watched {
    pub fn new(feed: &Feed, shared: &Shared) -> Watched {
        let is_read_again = match feed.reads {
            Reads::Stream { .. } => false,
            Reads::Files(_) => shared.recovery().is_some(),
            // From the offset that the group holds at least.
            #[cfg(feature = "kafka")]
            Reads::Kafka(_) => true,
        };
        Watched { name: feed.name.as_str().into(), is_read_again, has_ended: false }
    }
}

/// Waits for workers, and tells what happens meanwhile.
pub(super) struct Watch<'c> {
    sources: Vec<Watched>,
    ended: Receiver<EndedMessage>,
    failed: bool,
    started: Instant,
    lifetime: Option<Duration>,
    leave_within: Duration,
    committing: &'c Committing,
}

impl Watch<'_> {
    /// Asks everybody to stop after `lifetime`. Who was asked to has `leave_within` for it.
    pub fn new(
        sources: Vec<Watched>,
        ended: Receiver<EndedMessage>,
        lifetime: Option<Duration>,
        leave_within: Duration,
        committing: &Committing,
    ) -> Watch<'_> {
        Watch { sources, ended, failed: false, started: Instant::now(), lifetime, leave_within, committing }
    }

    /// Tells whether anything failed.
    pub fn until_ended(
        mut self,
        shared: &Shared,
        stop: &Stop,
        tell: &mut impl FnMut(Event<'_>, &Shared),
    ) -> bool {
        let mut stopped_at = None;
        let mut next_second = self.started + TICK_INTERVAL;
        while self.sources.iter().any(|source| !source.has_ended) {
            let now = Instant::now();
            if self.lifetime.is_some_and(|lifetime| now >= self.started + lifetime) {
                stop.ask();
            }
            if stop.is_asked() && now >= *stopped_at.get_or_insert(now) + self.leave_within {
                self.leave_behind(shared, tell);
                break;
            }
            if now >= next_second {
                self.committing.tick();
                tell(Event::Second, shared);
                next_second = now + TICK_INTERVAL;
            }
            // Short enough to see a stop soon; workers wake up for it themselves.
            match self.ended.recv_timeout(Duration::from_millis(50)) {
                Ok((place, ended)) => self.one_ended(place, &ended, shared, stop, tell),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => unreachable!("who is gone has said how it ended"),
            }
        }
        self.failed
    }

    fn one_ended(
        &mut self,
        place: usize,
        ended: &Ended,
        shared: &Shared,
        stop: &Stop,
        tell: &mut impl FnMut(Event<'_>, &Shared),
    ) {
        let source = &mut self.sources[place];
        source.has_ended = true;
        shared.ledger().set_source_up(&source.name, false);
        self.committing.tick();
        match ended {
            Ended::Failed(_) => self.failed = true,
            Ended::TeeClosed => stop.ask(),
            Ended::Input | Ended::Asked => {}
        }
        tell(Event::SourceEnded { name: &source.name, ended }, shared);
    }

    /// Who did not stop in time. A failure where something that was read is neither counted nor read again.
    fn leave_behind(&mut self, shared: &Shared, tell: &mut impl FnMut(Event<'_>, &Shared)) {
        for source in self.sources.iter().filter(|source| !source.has_ended) {
            self.failed |= !source.is_read_again;
            tell(Event::SourceLate { name: &source.name, is_read_again: source.is_read_again }, shared);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::sync::{Arc, mpsc};

    use crate::ledger::{Ledger, Limits};
    use crate::telemetry::Telemetry;
    use crate::world;

    fn watched(name: &str, is_read_again: bool) -> Watched {
        Watched { name: name.into(), is_read_again, has_ended: false }
    }

    /// Of sources of which the first one ends when asked to and the others do not: whether it is a failure, and who was
    /// said to be late.
    fn stopped(sources: Vec<Watched>) -> (bool, Vec<String>) {
        let ledger = Ledger::new(Limits::default(), Default::default());
        let shared = Arc::new(Shared::new(ledger, Telemetry::of_this_build()));
        let committing = Committing::start(&shared, &world::real_clock()).unwrap();
        let stop = Stop::new().unwrap();
        stop.ask();
        let (sender, ended) = mpsc::channel();
        sender.send((0, Ended::Asked)).unwrap();
        let watch = Watch::new(sources, ended, None, Duration::from_millis(20), &committing);
        let mut late = Vec::new();
        let failed = watch.until_ended(&shared, &stop, &mut |event, _| {
            if let Event::SourceLate { name, is_read_again } = event {
                late.push(format!("{name} {is_read_again}"));
            }
        });
        (failed, late)
    }

    #[test]
    fn who_is_late_to_stop_is_a_failure_only_where_nobody_reads_it_again() {
        assert_eq!(stopped(vec![watched("a", false)]), (false, vec![]));
        let files = vec![watched("a", true), watched("b", true), watched("c", true)];
        assert_eq!(stopped(files), (false, vec!["b true".to_owned(), "c true".to_owned()]));
        let with_stdin = vec![watched("a", true), watched("b", true), watched("stdin", false)];
        assert_eq!(stopped(with_stdin), (true, vec!["b true".to_owned(), "stdin false".to_owned()]));
    }
}
