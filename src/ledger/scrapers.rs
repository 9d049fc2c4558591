//! Who was shown which series, so that every scraper sees a series at 0 before it sees its first count: `increase()`
//! misses a series that is born with a value.
//!
//! A scraper's entry is one number: the births up to which a scrape of it was answered in full. All scrapers without an
//! entry share one more. Numbers are noted when an answer was fetched and count only from the next tick on, which is
//! their commit: what a crash can take back was never used. A series that is [`YOUNG_FOR`] old is shown to everybody.
//!
//! No shown value ever falls, because what a reader is shown ([`Scrapers::shown_to`]) only grows: the numbers do, and
//! what is old stays old; a new entry starts at the shared number, and an entry that leaves has been silent for so long that
//! everything it saw is old. Time comes in with the tick only, and a clock that steps back takes its
//! past along. The model of these rules is a test (`tests/zero_first.rs`).

use std::collections::VecDeque;
use std::net::IpAddr;

use super::births::Births;
use super::saved::{SavedScrapers, SavedZeroFirst, millis, reader, saved_reader};
use crate::event::Millis;

/// Milliseconds for which a series is young, and of silence after which an entry leaves.
const YOUNG_FOR: i64 = 300_000;
/// Births of ticks that are closer together than this share a mark. Milliseconds.
const MARK_EVERY: i64 = 1_000;
const ENTRIES_MAX: usize = 64;
/// Of a user agent, this much tells scrapers apart.
const USER_AGENT_BYTES_MAX: usize = 256;

/// Who is shown series at 0 before their first count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ZeroFirst {
    /// Clients that say they are scrapers.
    #[default]
    Scrapers,
    /// Every client.
    Always,
    Never,
}

impl ZeroFirst {
    /// The reader that a client is. `says_it_scrapes`: its request has `X-Prometheus-Scrape-Timeout-Seconds`, as those
    /// of Prometheus and its kin do.
    pub fn reader(self, says_it_scrapes: bool, address: IpAddr, user_agent: &str) -> Reader {
        match self {
            ZeroFirst::Never => Reader::Truth,
            ZeroFirst::Scrapers if !says_it_scrapes => Reader::Truth,
            ZeroFirst::Scrapers | ZeroFirst::Always => {
                let cut = user_agent.floor_char_boundary(USER_AGENT_BYTES_MAX);
                Reader::Scraper { address: address.to_canonical(), user_agent: user_agent[..cut].into() }
            }
        }
    }
}

/// Who looks at an exposition.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reader {
    /// Sees true values always and takes nothing away from others.
    Truth,
    /// Known by its address (no port) and its user agent. Two that share both are one.
    Scraper { address: IpAddr, user_agent: Box<str> },
}

/// All readers and the births as far as they matter. The fields but `noted` are what a commit makes durable.
#[derive(Debug, Clone, Default)]
pub(super) struct Scrapers {
    zero_first: ZeroFirst,
    pub(super) entries_max: usize,
    pub(super) entries: Vec<Entry>,
    /// Of all scrapers without an entry.
    pub(super) shared: Births,
    /// Series up to here are old and shown to everybody.
    grown: Births,
    /// Later series, oldest first.
    young: VecDeque<Mark>,
    last_tick: Option<Millis>,
    /// Answers since the last tick.
    pub(super) noted: Noted,
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    reader: Reader,
    births: Births,
    /// The tick that committed its last answer.
    pub(super) last: Millis,
}

/// Series up to `births` that no mark before this holds were born at that time, or less than [`MARK_EVERY`] later.
#[derive(Debug, Clone, Copy)]
struct Mark {
    births: Births,
    at: Millis,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Noted {
    entries: Vec<(Reader, Births)>,
    shared: Births,
}

impl Scrapers {
    pub fn new(zero_first: ZeroFirst) -> Scrapers {
        Scrapers { zero_first, entries_max: ENTRIES_MAX, ..Scrapers::default() }
    }

    /// Who is a scraper changes with it, so that nobody knows any more what a reader was shown: from now on everybody
    /// has seen what is there.
    pub fn set_zero_first(&mut self, zero_first: ZeroFirst, births: Births) {
        if self.zero_first != zero_first {
            self.zero_first = zero_first;
            self.shared = births;
            self.entries.iter_mut().for_each(|entry| entry.births = births);
        }
    }

    pub fn saved(&self) -> SavedScrapers {
        let entries = self
            .entries
            .iter()
            .filter_map(|entry| Some((saved_reader(&entry.reader)?, entry.births.0, entry.last.0)));
        SavedScrapers {
            zero_first: match self.zero_first {
                ZeroFirst::Scrapers => SavedZeroFirst::Scrapers,
                ZeroFirst::Always => SavedZeroFirst::Always,
                ZeroFirst::Never => SavedZeroFirst::Never,
            },
            entries: entries.collect(),
            shared: self.shared.0,
            grown: self.grown.0,
            young: self.young.iter().map(|mark| (mark.births.0, mark.at.0)).collect(),
            last_tick: millis(self.last_tick),
        }
    }

    pub fn restored(saved: SavedScrapers) -> Scrapers {
        let entries = saved.entries.into_iter().map(|(who, births, last)| Entry {
            reader: reader(who),
            births: Births(births),
            last: Millis(last),
        });
        let young =
            saved.young.into_iter().map(|(births, at)| Mark { births: Births(births), at: Millis(at) });
        let zero_first = match saved.zero_first {
            SavedZeroFirst::Scrapers => ZeroFirst::Scrapers,
            SavedZeroFirst::Always => ZeroFirst::Always,
            SavedZeroFirst::Never => ZeroFirst::Never,
        };
        Scrapers {
            entries: entries.collect(),
            shared: Births(saved.shared),
            grown: Births(saved.grown),
            young: young.collect(),
            last_tick: saved.last_tick.map(Millis),
            ..Scrapers::new(zero_first)
        }
    }

    pub fn zero_first(&self) -> ZeroFirst {
        self.zero_first
    }

    pub fn shown_to(&self, reader: &Reader) -> Births {
        if self.zero_first == ZeroFirst::Never || *reader == Reader::Truth {
            return Births::ALL;
        }
        let seen = self.entry(reader).map_or(self.shared, |entry| entry.births);
        seen.max(self.grown)
    }

    pub fn answered(&mut self, reader: &Reader, births: Births) {
        if self.zero_first == ZeroFirst::Never || *reader == Reader::Truth {
            return;
        }
        if let Some((_, noted)) = self.noted.entries.iter_mut().find(|(noted, _)| noted == reader) {
            *noted = births.max(*noted);
        } else if self.entry(reader).is_some() || self.has_room() {
            self.noted.entries.push((reader.clone(), births));
        } else {
            self.noted.shared = self.noted.shared.max(births);
        }
    }

    /// `births` so far. What was noted counts from now on.
    pub fn tick(&mut self, births: Births, now: Millis) {
        if self.last_tick.is_some_and(|last| now < last) {
            self.step_back(now);
        }
        self.last_tick = Some(now);
        self.mark(births, now);
        while let Some(mark) = self.young.front().filter(|mark| since(mark.at, now) >= YOUNG_FOR) {
            self.grown = mark.births;
            self.young.pop_front();
        }
        self.commit(now);
        self.entries.retain(|entry| since(entry.last, now) <= YOUNG_FOR);
    }

    pub(super) fn commit(&mut self, now: Millis) {
        let noted = std::mem::take(&mut self.noted);
        // Before the entries: a new one starts at what it saw without one.
        let shared = self.shared;
        for (reader, births) in noted.entries {
            match self.entries.iter_mut().find(|entry| entry.reader == reader) {
                Some(entry) => {
                    entry.births = entry.births.max(births);
                    entry.last = now;
                }
                None => self.entries.push(Entry { reader, births: births.max(shared), last: now }),
            }
        }
        self.shared = shared.max(noted.shared);
    }

    fn mark(&mut self, births: Births, now: Millis) {
        let marked = self.young.back().map_or(self.grown, |mark| mark.births);
        if births <= marked {
            return;
        }
        match self.young.back_mut() {
            Some(mark) if since(mark.at, now) < MARK_EVERY => mark.births = births,
            _ => self.young.push_back(Mark { births, at: now }),
        }
    }

    /// Nothing was born or said in the future.
    fn step_back(&mut self, now: Millis) {
        let past = self.young.partition_point(|mark| mark.at <= now);
        if let Some(latest) = self.young.back().copied().filter(|_| past < self.young.len()) {
            self.young.truncate(past);
            self.young.push_back(Mark { at: now, ..latest });
        }
        for entry in &mut self.entries {
            entry.last = entry.last.min(now);
        }
    }

    pub(super) fn entry(&self, reader: &Reader) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.reader == *reader)
    }

    pub(super) fn has_room(&self) -> bool {
        let new = self.noted.entries.iter().filter(|(reader, _)| self.entry(reader).is_none()).count();
        self.entries.len() + new < self.entries_max
    }
}

/// Milliseconds.
fn since(Millis(then): Millis, Millis(now): Millis) -> i64 {
    now.saturating_sub(then)
}
