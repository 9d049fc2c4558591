//! The ledger's store on the machine in memory: whatever fails and whenever the power goes, what is found at the next
//! start is the sum of a beginning of what was handed over, whole deltas with their positions, and nothing that anybody
//! was shown is taken back.
//!
//! The model keeps in `history` what the ledger would hold after each commit that was tried, and knows where in it the
//! ledger that everybody sees stands.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use faultline::event::{CodeBook, CodeInfo, Delta, ErrorKey, Label, Mark, Millis, Seen, TenantKey};
use faultline::ledger::{
    Births, CatalogueInfo, Committer, Encoder, Exposure, Head, Kind, Ledger, Limits, Outcome, Queue, Reader,
    Store, StoreError, Value,
};
use faultline::world::Clock;
use rustix::io::Errno;

use super::{Call, Dice, Fault, Machine};

const STATE: &str = "/var/state";

/// Counters of a reader, by family and labels.
#[derive(Debug, Clone, Default, PartialEq)]
struct Counters {
    values: BTreeMap<String, u64>,
    family: &'static str,
    counts: bool,
}

impl Encoder for Counters {
    fn family(&mut self, head: Head) {
        (self.family, self.counts) = (head.name, head.kind == Kind::Counter);
    }

    fn sample(&mut self, block: &str, value: Value) {
        if let (true, Value::Whole(count)) = (self.counts, value) {
            self.values.insert(format!("{}{block}", self.family), count);
        }
    }
}

fn counters(ledger: &Ledger, shown: Births) -> BTreeMap<String, u64> {
    let mut counters = Counters::default();
    ledger.encode(shown, &mut counters);
    counters.values
}

/// What must be the same after a restart: every count and where the sources stood when it was that.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Truth {
    errors: BTreeMap<String, (u64, Option<Millis>, Option<Millis>)>,
    tenants: BTreeMap<String, u64>,
    lines: BTreeMap<String, u64>,
    marks: BTreeMap<String, Vec<u8>>,
}

impl Truth {
    fn of(ledger: &Ledger) -> Truth {
        let error = |(key, seen): (&ErrorKey, &Seen)| {
            (format!("{}/{}/{}", key.provider, key.category, key.code), (seen.count, seen.first, seen.last))
        };
        let tenant = |(key, seen): (&TenantKey, &Seen)| {
            (format!("{}/{}/{}", key.provider, key.category, key.tenant), seen.count)
        };
        let mark = |(key, value): (&str, &[u8])| (key.to_owned(), value.to_vec());
        Truth {
            errors: ledger.errors().map(error).collect(),
            tenants: ledger.tenants().map(tenant).collect(),
            lines: ledger.sources().map(|row| (row.name.to_string(), row.counts.lines)).collect(),
            marks: ledger.marks("").map(mark).collect(),
        }
    }
}

fn settings(round: u64) -> (Limits, CodeBook, CatalogueInfo) {
    let [category, severity, fault, retryable, title, remediation] =
        ["auth", "critical", "caller", "no", "Title", "Act."].map(Label::from);
    let info = CodeInfo { category, severity, fault, retryable, title, remediation };
    let mut book = CodeBook::new();
    for code in 0..=round % 4 {
        book.insert(("okta".into(), format!("E{code}").into()), info.clone());
    }
    let limits = Limits { tenants_max: 4, ..Limits::default() };
    (limits, book, CatalogueInfo { version: "1".into(), sha256: round.to_string().into() })
}

/// One run of the program.
struct Run {
    books: Mutex<Ledger>,
    queue: Mutex<Queue>,
    committer: Committer,
}

impl Run {
    fn start(machine: &Machine, round: u64) -> Result<Run, StoreError> {
        let mut store = Store::open(Arc::new(machine.process()), Path::new(STATE))?;
        let (limits, book, info) = settings(round);
        let ledger = store.ledger(limits, book, &info, Exposure::default(), machine.clock()().wall);
        Ok(Run {
            books: Mutex::new(ledger),
            queue: Mutex::new(Queue::default()),
            committer: Committer::new(store),
        })
    }
}

struct Model {
    machine: Machine,
    clock: Clock,
    dice: Dice,
    seed: u64,
    /// After each commit that was tried since the last start.
    history: Vec<Truth>,
    /// The place in `history` of what everybody sees.
    exposed: usize,
    /// With every commit that was tried.
    whole: Ledger,
    /// As the program's: what a source says between two commits is one delta.
    queue: Queue,
    /// What each reader was shown last.
    shown: BTreeMap<u64, BTreeMap<String, u64>>,
    round: u64,
    /// Bytes of a mark, large where files are to grow out of their limit.
    mark_bytes: u64,
}

fn reader(number: u64) -> Reader {
    match number {
        0 => Reader::Truth,
        _ => Reader::Scraper { address: [10, 0, 0, 1].into(), user_agent: number.to_string().into() },
    }
}

impl Model {
    fn new(seed: u64) -> Model {
        let machine = Machine::new(seed);
        machine.mkdir("/var");
        let (limits, book, _) = settings(0);
        let mut dice = Dice::new(seed);
        let mark_bytes = if dice.chance(50) { 400_000 } else { 16 };
        Model {
            clock: machine.clock(),
            machine,
            dice,
            seed,
            history: vec![Truth::default()],
            exposed: 0,
            whole: Ledger::new(limits, book),
            queue: Queue::default(),
            shown: BTreeMap::new(),
            round: 0,
            mark_bytes,
        }
    }

    fn delta(&mut self) -> Delta {
        let source = *self.dice.pick(&["app", "syslog"]);
        let mut delta = Delta { source: source.into(), ..Delta::default() };
        let lines = 1 + self.dice.below(5);
        let now = (self.clock)().wall;
        let seen = Seen { count: lines, first: Some(now), last: Some(now) };
        delta.counts.lines = lines;
        let code = format!("E{}", self.dice.below(6)).into();
        delta.errors.add(ErrorKey { provider: "okta".into(), category: "auth".into(), code }, &seen);
        let tenant = format!("t{}", self.dice.below(7)).into();
        delta.tenants.add(TenantKey { provider: "okta".into(), category: "auth".into(), tenant }, &seen);
        let key = format!("tail/{source}/{}", self.dice.below(3)).into();
        let value = self
            .dice
            .chance(900)
            .then(|| (0..self.mark_bytes.div_ceil(8)).flat_map(|_| self.dice.roll().to_le_bytes()).collect());
        delta.marks.push(Mark { key, value });
        delta
    }

    fn deliver(&mut self, run: &Run) {
        let delta = self.delta();
        self.queue.deliver(delta.clone());
        run.queue.lock().unwrap().deliver(delta);
    }

    fn work(&mut self, run: &Run) {
        for _ in 0..self.dice.below(3) {
            self.deliver(run);
        }
        if self.dice.chance(100) {
            self.round += 1;
            let (limits, book, info) = settings(self.round);
            let mut books = run.books.lock().unwrap();
            books.recatalogue(book, &info);
            books.relimit(limits);
        }
    }

    /// What a reader fetches is never less than before.
    fn look(&mut self, run: &Run) {
        let number = self.dice.below(3);
        let books = run.books.lock().unwrap();
        let now = counters(&books, books.shown_to(&reader(number)));
        let before = self.shown.entry(number).or_default();
        // One that never counted may go with its code when the rules change.
        for (series, value) in before.iter().filter(|(_, value)| **value > 0) {
            let seen = now.get(series);
            assert!(seen >= Some(value), "seed {}: {series}: {value}, then {seen:?}", self.seed);
        }
        *before = now;
        if self.dice.chance(800) {
            run.queue.lock().unwrap().answered(reader(number), books.births());
        }
    }

    fn commit(&mut self, run: &mut Run) -> Outcome {
        self.machine.advance(Duration::from_millis(500 + self.dice.below(1000)));
        self.queue.take().0.into_iter().for_each(|delta| self.whole.commit(delta));
        self.history.push(Truth::of(&self.whole));
        let outcome = run.committer.commit(&run.books, &run.queue, (self.clock)().wall);
        let exposed = Truth::of(&run.books.lock().unwrap());
        match outcome {
            Outcome::Failed { .. } => {}
            Outcome::Idle | Outcome::Committed { .. } => self.exposed = self.history.len() - 1,
        }
        assert_eq!(exposed, self.history[self.exposed], "seed {}: {outcome:?}", self.seed);
        outcome
    }

    /// As the daemon does: what is found is shown when it was written anew, and a start that cannot do that ends. What
    /// is found is what everybody saw, or a later commit that was tried.
    fn try_start(&mut self) -> Result<Run, StoreError> {
        let mut run = Run::start(&self.machine, self.round)?;
        let found = Truth::of(&run.books.lock().unwrap());
        let recovery = run.committer.store().recovery().clone();
        assert!(
            self.history[self.exposed..].contains(&found),
            "seed {}: {recovery:?}\nfound   {found:?}\nexposed {:?}",
            self.seed,
            self.history[self.exposed]
        );
        if let Outcome::Failed { error, .. } =
            run.committer.commit(&run.books, &run.queue, (self.clock)().wall)
        {
            return Err(error);
        }
        self.whole = run.books.lock().unwrap().clone();
        self.queue = Queue::default();
        self.history = vec![found];
        self.exposed = 0;
        Ok(run)
    }

    fn start(&mut self) -> Run {
        let seed = self.seed;
        self.try_start().unwrap_or_else(|error| panic!("seed {seed}: {error}"))
    }

    fn crash(&mut self) {
        if self.dice.coin() {
            self.machine.power_loss(self.dice.roll());
        } else {
            self.machine.kill();
        }
    }
}

fn fault(dice: &mut Dice) -> Fault {
    *dice.pick(&[
        Fault::Short,
        Fault::Error(Errno::NOSPC),
        Fault::Error(Errno::IO),
        Fault::Error(Errno::INTR),
        Fault::Error(Errno::MFILE),
    ])
}

/// A life of a state directory; how many commits did well.
fn life(seed: u64) -> u64 {
    let mut model = Model::new(seed);
    let mut commits = 0;
    for _ in 0..1 + model.dice.below(5) {
        let mut run = model.start();
        let failing = *model.dice.pick(&[0, 0, 20, 150, 600]);
        for _ in 0..1 + model.dice.below(3) {
            let fault = fault(&mut model.dice);
            model.machine.fail_by_chance(&Call::ALL, failing, fault);
        }
        if model.dice.coin() {
            let nth = 1 + model.dice.below(40);
            model.machine.fail_at(nth, Fault::Die);
        }
        for _ in 0..model.dice.below(20) {
            model.work(&run);
            model.look(&run);
            commits += u64::from(matches!(model.commit(&mut run), Outcome::Committed { .. }));
        }
        model.crash();
        drop(run);
        // Starts under faults; of one that fails nothing is lost.
        for _ in 0..model.dice.below(3) {
            drop(model.try_start());
            model.crash();
        }
        model.machine.heal();
    }
    commits
}

#[test]
fn any_crash_leaves_a_beginning_of_what_was_counted_and_no_less_than_was_shown() {
    let seeds =
        std::env::var("FAULTLINE_TEST_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(300);
    let commits: u64 = (0..seeds).map(life).sum();
    assert!(commits > 5 * seeds, "only {commits} commits in {seeds} lives");
}

/// Starts, counts, reloads, stops and starts again, with the n-th call failing; says whether one failed.
fn with_the_nth_failing(n: u64, fault: Fault) -> bool {
    let mut model = Model::new(n);
    model.machine.fail_at(n, fault);
    let mut failed = false;
    for _ in 0..2 {
        let mut run = match model.try_start() {
            Ok(run) => run,
            // The daemon says why and ends; somebody starts it again.
            Err(_) => {
                model.machine.kill();
                model.start()
            }
        };
        for step in 0..4 {
            model.deliver(&run);
            if step == 2 {
                model.round += 1;
                let (_, book, info) = settings(model.round);
                run.books.lock().unwrap().recatalogue(book, &info);
            }
            model.look(&run);
            failed |= matches!(model.commit(&mut run), Outcome::Failed { .. });
        }
        if failed && fault != Fault::Die {
            assert!(matches!(model.commit(&mut run), Outcome::Committed { .. } | Outcome::Idle), "call {n}");
        }
        if model.dice.coin() {
            model.machine.power_loss(n);
        } else {
            model.machine.kill();
        }
    }
    let hit = model.machine.faults() > 0;
    model.machine.heal();
    let run = model.start();
    if fault != Fault::Die {
        assert_eq!(run.committer.store().recovery().damage, Vec::<String>::new(), "call {n}, {fault:?}");
    }
    hit
}

#[test]
fn any_one_call_may_fail_and_the_next_tick_makes_it_good() {
    let errors = [Errno::NOSPC, Errno::IO, Errno::INTR, Errno::MFILE, Errno::ROFS].map(Fault::Error);
    for fault in errors.into_iter().chain([Fault::Short, Fault::Die]) {
        let last = (1..1000).find(|n| !with_the_nth_failing(*n, fault)).expect("a run without a fault");
        assert!(last > 10, "only {last} calls could fail with {fault:?}");
    }
}

#[test]
fn a_disk_that_stays_full_holds_what_is_shown_and_the_first_success_has_everything() {
    let mut model = Model::new(7);
    let mut run = model.start();
    model.work(&run);
    model.commit(&mut run);
    let before = model.exposed;
    model.machine.fail(&[Call::Append], 1, u64::MAX, Fault::Error(Errno::NOSPC));
    for tick in 0..50 {
        model.work(&run);
        model.deliver(&run);
        let Outcome::Failed { error: StoreError::Failed { source, .. }, began } = model.commit(&mut run)
        else {
            panic!("tick {tick}")
        };
        assert_eq!((source.kind(), began), (io::ErrorKind::StorageFull, tick == 0));
        model.look(&run);
    }
    assert_eq!(model.exposed, before);
    model.machine.heal();
    let Outcome::Committed { recovered: true, .. } = model.commit(&mut run) else { panic!("not recovered") };
    assert_eq!(model.exposed, model.history.len() - 1);
    model.machine.power_loss(7);
    model.start();
}
