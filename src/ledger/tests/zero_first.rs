//! Random lives of a ledger and of those who scrape it. What each of them saw is remembered: no value may ever fall, a
//! scraper that is known sees a zero before the first count, the truth is always the truth.
//!
//! Everything that a tick did not commit is lost in a crash. The rules are broken on purpose at the end, to show that
//! broken rules are found.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use super::{error, limited, seen};
use crate::event::{Delta, Millis};
use crate::ledger::{Births, Encoder, Head, Ledger, Reader, Value, ZeroFirst};

/// Numbers that are the same on every machine (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }
}

/// How the rules are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rules {
    Ours,
    /// Who finds no room throws out an entry at once.
    EntriesThrownOutAtOnce,
    /// What was answered counts before it is committed.
    NumbersCountAtOnce,
    /// An entry leaves while series that it knows of are young.
    EntriesLeaveEarly,
}

/// What may happen.
#[derive(Debug, Clone, Copy)]
struct Scene {
    rules: Rules,
    scrapers: u64,
    entries_max: usize,
    /// The clock steps, both ways.
    is_clock_wild: bool,
    /// Deltas are made durable when they come, else with the next tick.
    commits_between_ticks: bool,
    steps: u64,
}

impl Scene {
    fn has_room_for_all(&self) -> bool {
        self.scrapers <= self.entries_max as u64
    }
}

const SERIES: u64 = 12;

/// A process that scrapes.
struct Scraper {
    reader: Reader,
    /// Nobody else has its address and user agent.
    is_alone: bool,
    /// The highest value of each series.
    saw: [Option<u64>; SERIES as usize],
}

/// An answer that is on its way.
struct Answer {
    reader: Reader,
    births: Births,
    series: u64,
}

#[derive(Default)]
struct Faults {
    falls: u64,
    missing_zeros: u64,
    untrue: u64,
    zeros: u64,
}

struct World {
    scene: Scene,
    random: Random,
    now: i64,
    live: Ledger,
    /// What a crash leaves.
    saved: Ledger,
    /// Committed counts by series, and when it was born.
    truth: [u64; SERIES as usize],
    born: [i64; SERIES as usize],
    uncommitted: [u64; SERIES as usize],
    scrapers: Vec<Scraper>,
    on_their_way: Vec<Answer>,
    /// Series that answers held in full, by reader, before a tick and committed by one.
    noted: HashMap<Reader, u64>,
    told: HashMap<Reader, u64>,
    faults: Faults,
}

impl World {
    fn new(scene: Scene, seed: u64) -> World {
        let mut live = limited(10, 100);
        live.scrapers.entries_max = scene.entries_max;
        let now = 1_000_000;
        live.tick(Millis(now));
        let scrapers = (0..scene.scrapers).map(|place| {
            // Two agents on one address, one agent on two; the last two processes cannot be told apart.
            let place = if place + 1 == scene.scrapers { place - 1 } else { place };
            let address = IpAddr::V4(Ipv4Addr::from(u32::try_from(place / 2).expect("they are few")));
            let user_agent = if place % 2 == 0 { "Prometheus/3" } else { "vmagent" };
            let is_alone = place + 2 < scene.scrapers;
            let reader = ZeroFirst::Scrapers.reader(true, address, user_agent);
            Scraper { reader, is_alone, saw: Default::default() }
        });
        World {
            scene,
            random: Random(seed),
            now,
            saved: live.clone(),
            live,
            truth: Default::default(),
            born: [i64::MAX; SERIES as usize],
            uncommitted: Default::default(),
            scrapers: scrapers.collect(),
            on_their_way: Vec::new(),
            noted: HashMap::new(),
            told: HashMap::new(),
            faults: Faults::default(),
        }
    }

    fn live_on(mut self) -> Faults {
        for _ in 0..self.scene.steps {
            match self.random.below(100) {
                0..35 => self.count(),
                35..55 => self.tick(),
                55..88 => self.scrape(),
                88..92 => self.arrive(),
                92..95 => self.crash(),
                _ => {}
            }
            self.pass_time();
        }
        self.faults
    }

    fn pass_time(&mut self) {
        self.now += self.random.one_of(&[0, 300, 1_000, 5_000, 15_000, 15_000, 60_000]);
        if self.scene.is_clock_wild && self.random.chance(3) {
            self.now +=
                self.random.one_of(&[200_000, 400_000, 4_000_000, -1_000, -100_000, -400_000, -4_000_000]);
        }
    }

    fn count(&mut self) {
        self.uncommitted[self.random.below(SERIES) as usize] += 1 + self.random.below(3);
        if self.scene.commits_between_ticks && self.random.chance(50) {
            self.commit_counts();
            self.save();
        }
    }

    fn commit_counts(&mut self) {
        let mut delta = Delta { source: "s".into(), ..Delta::default() };
        for (series, count) in self.uncommitted.iter_mut().enumerate() {
            let count = std::mem::take(count);
            if count > 0 {
                delta.errors.add(error("p", "c", &series.to_string()), &seen(count));
                self.truth[series] += count;
                self.born[series] = self.born[series].min(self.now);
            }
        }
        self.live.commit(delta);
    }

    fn tick(&mut self) {
        self.commit_counts();
        self.live.tick(Millis(self.now));
        for (reader, series) in self.noted.drain() {
            *self.told.entry(reader).or_default() |= series;
        }
        self.save();
    }

    /// What was noted is never part of it.
    fn save(&mut self) {
        self.saved = self.live.clone();
        self.saved.scrapers.noted = Default::default();
    }

    fn crash(&mut self) {
        self.live = self.saved.clone();
        self.uncommitted = Default::default();
        self.on_their_way.clear();
        self.noted.clear();
    }

    fn scrape(&mut self) {
        let who = self.random.below(self.scene.scrapers) as usize;
        let reader = self.scrapers[who].reader.clone();
        self.break_rules_before(&reader);
        let shown = values(&self.live, self.live.shown_to(&reader));
        let truth = values(&self.live, self.live.shown_to(&Reader::Truth));
        self.faults.untrue +=
            (0..SERIES as usize).filter(|s| truth[*s].unwrap_or(0) != self.truth[*s]).count() as u64;
        let mut series = 0;
        for (place, shown) in shown.into_iter().enumerate() {
            let Some(value) = shown else { continue };
            series |= 1 << place;
            self.look(who, place, value);
        }
        let answer = Answer { reader, births: self.live.births(), series };
        match self.random.below(100) {
            0..70 => self.answered(answer),
            70..85 => self.on_their_way.push(answer),
            // It came to nothing as far as we know, and the scraper saw it all the same.
            _ => {}
        }
    }

    fn look(&mut self, who: usize, series: usize, value: u64) {
        let scraper = &mut self.scrapers[who];
        let saw = scraper.saw[series];
        let was_told = self.told.get(&scraper.reader).is_some_and(|told| told & 1 << series != 0);
        let age = self.now - self.born[series];
        self.faults.falls += u64::from(saw.is_some_and(|saw| value < saw));
        // Nothing is ever shown but 0 and the truth, and no zero to whom the commit of an answer has told.
        let entry = self.live.scrapers.entry(&scraper.reader);
        let is_known = entry.is_some();
        let is_untrue = value != self.truth[series] && (value != 0 || was_told && is_known);
        self.faults.untrue += u64::from(is_untrue);
        self.faults.zeros += u64::from(value == 0);
        // An entry that began when others had no room may know of series that its holder never saw.
        let is_new = entry.is_some_and(|entry| {
            if self.scene.has_room_for_all() { !was_told } else { self.born[series] > entry.last.0 }
        });
        let must_be_zero = saw.is_none() && is_new && scraper.is_alone && age < 299_000;
        self.faults.missing_zeros += u64::from(must_be_zero && value > 0 && !self.scene.is_clock_wild);
        scraper.saw[series] = saw.max(Some(value));
    }

    fn arrive(&mut self) {
        if !self.on_their_way.is_empty() {
            let place = self.random.below(self.on_their_way.len() as u64) as usize;
            let answer = self.on_their_way.swap_remove(place);
            self.answered(answer);
        }
    }

    fn answered(&mut self, answer: Answer) {
        self.live.answered(&answer.reader, answer.births);
        if self.scene.rules == Rules::NumbersCountAtOnce {
            self.live.scrapers.commit(Millis(self.now));
        }
        *self.noted.entry(answer.reader).or_default() |= answer.series;
    }

    fn break_rules_before(&mut self, reader: &Reader) {
        let scrapers = &mut self.live.scrapers;
        match self.scene.rules {
            Rules::EntriesThrownOutAtOnce if scrapers.entry(reader).is_none() && !scrapers.has_room() => {
                scrapers.entries.pop();
            }
            Rules::EntriesLeaveEarly => {
                let now = self.now;
                scrapers.entries.retain(|entry| now - entry.last.0 < 100_000);
            }
            _ => {}
        }
    }
}

/// By series; `None` is not there.
fn values(ledger: &Ledger, shown: Births) -> [Option<u64>; SERIES as usize] {
    struct Errors([Option<u64>; SERIES as usize], bool);
    impl Encoder for Errors {
        fn family(&mut self, head: Head) {
            self.1 = head.name == "faultline_errors_total";
        }

        fn sample(&mut self, block: &str, value: Value) {
            let code = block.strip_prefix(r#"{provider="p",category="c",code=""#);
            if let (true, Some(code), Value::Whole(count)) = (self.1, code, value) {
                let series: usize = code.trim_end_matches("\"}").parse().expect("codes are numbers here");
                self.0[series] = Some(count);
            }
        }
    }
    let mut errors = Errors(Default::default(), false);
    ledger.encode(shown, &mut errors);
    errors.0
}

const SMALL: Scene = Scene {
    rules: Rules::Ours,
    scrapers: 6,
    entries_max: 3,
    is_clock_wild: false,
    commits_between_ticks: false,
    steps: 250,
};

/// Runs with a fall, with a missing zero, with an untrue value; and all zeros that were shown.
fn runs(runs: u64, scene: impl Fn(u64) -> Scene) -> [u64; 4] {
    let mut sums = [0; 4];
    for seed in 0..runs {
        let faults = World::new(scene(seed), seed).live_on();
        let found = [faults.falls.min(1), faults.missing_zeros.min(1), faults.untrue.min(1), faults.zeros];
        sums.iter_mut().zip(found).for_each(|(sum, found)| *sum += found);
    }
    sums
}

#[test]
fn no_scraper_sees_a_value_fall_and_each_that_is_known_sees_the_zero() {
    let all = |seed| Scene {
        entries_max: [1, 3, 64][seed as usize % 3],
        is_clock_wild: seed & 1 == 1,
        commits_between_ticks: seed & 2 == 2,
        ..SMALL
    };
    let [falls, missing_zeros, untrue, zeros] = runs(6_000, all);
    assert_eq!([falls, missing_zeros, untrue], [0; 3], "runs with a fall, a missing zero, an untrue value");
    assert!(zeros > 50_000, "{zeros}");
}

#[test]
fn more_scrapers_than_entries_see_no_fall_either() {
    let many = |seed| Scene {
        scrapers: 80,
        entries_max: 64,
        is_clock_wild: seed & 1 == 1,
        commits_between_ticks: seed & 2 == 2,
        steps: 1_500,
        ..SMALL
    };
    let [falls, missing_zeros, untrue, _] = runs(200, many);
    assert_eq!([falls, missing_zeros, untrue], [0; 3]);
}

#[test]
fn broken_rules_are_found() {
    for rules in [Rules::EntriesThrownOutAtOnce, Rules::NumbersCountAtOnce, Rules::EntriesLeaveEarly] {
        let [falls, ..] = runs(600, |_| Scene { rules, ..SMALL });
        assert!(falls > 5, "{rules:?}: {falls} runs with a fall");
    }
}
