//! faultline beside a bare consumer that only counts bytes, and beside a loop that handles message by message, on the same
//! topics of the same real broker.
//!
//! `cargo bench --bench kafka -- [PAIRS] [WORD]` (default 10 pairs, all rows; some minutes each) fills topics and lets each
//! reader drain them in turn, each in a process of its own, from its first record to its last. A pair is one run of the
//! bare consumer and one of the other, one right after the other; the ratio is the median over the pairs: single pairs of
//! one program against itself ran from 0.5 to 1.8. Beside it the processor time of the threads that handle messages, and
//! of the whole process with the client library's own threads.
//! `cargo test --bench kafka` reads a small topic once with each and asserts that all have counted the same.
//!
//! Wants Java and Kafka's jars (`FAULTLINE_KAFKA_LIB`, see tests/kafka.sh), or `FAULTLINE_BENCH_BROKERS=host:port` of
//! brokers on this machine.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![expect(clippy::unwrap_used, reason = "whatever fails here ends the benchmark")]

#[path = "../tests/integration/kafka/mod.rs"]
#[expect(dead_code, reason = "the fixture of the tests has more than is wanted here")]
mod kafka;
#[path = "../tests/integration/tools.rs"]
mod tools;

use std::io::{Read as _, Write as _};
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use faultline::catalogue::{builtin, compile, load};
use faultline::config::TICK_INTERVAL;
use faultline::event::Millis;
use faultline::export::Shared;
use faultline::ledger::{Ledger, Limits};
use faultline::pipeline::{Engine, Ignore, Join, Options, Pipeline};
use faultline::source::Stop;
use faultline::source::kafka::value::Value;
use faultline::source::kafka::{Framing, Setting};
use faultline::telemetry::Telemetry;
use faultline::worker::EngineSlot;
use faultline::world;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use rdkafka::util::Timeout;

/// One topic to read.
#[derive(Debug, Clone, Copy)]
struct Row {
    name: &'static str,
    line_bytes: usize,
    /// 1: a line is a message.
    lines_per_message: usize,
    codec: &'static str,
    partitions: i32,
    consumers: u16,
    messages: u64,
}

const ROWS: [Row; 11] = [
    Row::new("200B", 200, 2_000_000),
    Row::new("1KB", 1_000, 800_000),
    Row::new("4KB", 4_000, 200_000),
    Row { codec: "lz4", ..Row::new("200B-lz4", 200, 2_000_000) },
    Row { codec: "zstd", ..Row::new("200B-zstd", 200, 2_000_000) },
    Row { lines_per_message: 300, ..Row::new("newline-60KB", 200, 8_000) },
    Row { partitions: 1, ..Row::new("scale-1x1", 200, 2_000_000) },
    Row { partitions: 256, ..Row::new("scale-256x1", 200, 2_000_000) },
    Row { partitions: 2, consumers: 2, ..Row::new("scale-2x2", 200, 2_000_000) },
    Row { partitions: 4, consumers: 2, ..Row::new("scale-4x2", 200, 2_000_000) },
    Row { partitions: 4, consumers: 4, ..Row::new("scale-4x4", 200, 2_000_000) },
];

impl Row {
    const fn new(name: &'static str, line_bytes: usize, messages: u64) -> Row {
        Row { name, line_bytes, lines_per_message: 1, codec: "none", partitions: 4, consumers: 1, messages }
    }
}

/// Who reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reader {
    /// `BaseConsumer::poll`, the length of each message.
    Bare,
    /// `BaseConsumer::poll`, each message detached, copied to a string and judged by itself.
    Each,
    Faultline,
    /// The same lines out of a file, by the same pipeline: what rows of many lines a message are beside.
    File,
}

impl Reader {
    fn name(self) -> &'static str {
        match self {
            Reader::Bare => "bare",
            Reader::Each => "each",
            Reader::Faultline => "faultline",
            Reader::File => "file",
        }
    }
}

/// What a run has measured.
#[derive(Debug, Clone, Copy, Default)]
struct Run {
    seconds: f64,
    /// Of the thread that handles messages, with its share of the client library.
    thread_ns: f64,
    /// Of all threads of the process.
    process_ns: f64,
    messages: u64,
    bytes: u64,
    /// Errors of providers that were found.
    hits: u64,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(place) = arguments.iter().position(|word| word == "--read") {
        return read_one(&arguments[place + 1..]);
    }
    let is_test = !arguments.iter().any(|word| word == "--bench");
    let words: Vec<&String> = arguments.iter().filter(|word| !word.starts_with("--")).collect();
    let pairs = words.iter().find_map(|word| word.parse().ok()).unwrap_or(10);
    let wanted = words.iter().find(|word| word.parse::<usize>().is_err());
    let cluster;
    let brokers = match std::env::var("FAULTLINE_BENCH_BROKERS") {
        Ok(brokers) => brokers,
        Err(_) => {
            let java: &[&str] = &["-Xmx1g", "-XX:+UseSerialGC"];
            let options = kafka::broker::Options { java, ..Default::default() };
            let Some(started) = kafka::broker::Cluster::start("kafka benchmark", 1, &options) else { return };
            cluster = started;
            cluster.bootstrap(kafka::properties::Listener::Plain)
        }
    };
    if is_test {
        return counts_agree(&brokers);
    }
    println!(
        "| topic | codec | messages | bare, messages/s | faultline, messages/s | faultline / bare | message by message / bare | thread, ns a message: bare, faultline | process, ns a message: bare, faultline |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for row in ROWS.iter().filter(|row| wanted.is_none_or(|word| row.name.contains(word.as_str()))) {
        compare(&brokers, row, pairs);
    }
}

fn counts_agree(brokers: &str) {
    for row in [Row::new("test", 200, 20_000), Row { lines_per_message: 50, ..Row::new("lines", 200, 500) }] {
        let topic = fill(brokers, &row);
        let runs =
            [Reader::Bare, Reader::Each, Reader::Faultline].map(|reader| run(brokers, &topic, &row, reader));
        let lines = row.messages * row.lines_per_message as u64;
        for run in runs {
            assert_eq!((run.messages, run.bytes), (row.messages, runs[0].bytes), "{row:?}");
        }
        assert_eq!((runs[1].hits, runs[2].hits), (lines / 100, lines / 100), "{row:?}");
    }
    println!("test result: ok. 1 passed; 0 failed");
}

fn compare(brokers: &str, row: &Row, pairs: usize) {
    let topic = fill(brokers, row);
    let mut ratios = [Vec::new(), Vec::new()];
    let (mut bare, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..pairs {
        for (place, reader) in [Reader::Faultline, Reader::Each].into_iter().enumerate() {
            let (one, other) = (run(brokers, &topic, row, Reader::Bare), run(brokers, &topic, row, reader));
            assert_eq!(one.bytes, other.bytes, "both have read everything");
            ratios[place].push(one.seconds / other.seconds);
            if reader == Reader::Faultline {
                bare.push(one);
                ours.push(other);
            }
        }
    }
    let speed =
        |runs: &[Run]| median(runs.iter().map(|run| run.messages as f64 / run.seconds / 1e6).collect());
    let each = |runs: &[Run], ns: fn(&Run) -> f64| {
        median(runs.iter().map(|run| ns(run) / run.messages as f64).collect())
    };
    let spread = |ratios: &[f64]| {
        let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        let most = ratios.iter().copied().fold(0.0, f64::max);
        format!("{:.2} [{least:.2} .. {most:.2}]", median(ratios.to_vec()))
    };
    println!(
        "| {} | {} | {} | {:.2} M | {:.2} M | {} | {} | {:.0}, {:.0} | {:.0}, {:.0} |",
        row.name,
        row.codec,
        row.messages,
        speed(&bare),
        speed(&ours),
        spread(&ratios[0]),
        spread(&ratios[1]),
        each(&bare, |run| run.thread_ns),
        each(&ours, |run| run.thread_ns),
        each(&bare, |run| run.process_ns),
        each(&ours, |run| run.process_ns),
    );
    if row.lines_per_message > 1 {
        beside_file(row, pairs, &ours);
    }
}

/// How long the thread of Kafka was at a byte, beside a thread that has the same lines from a file.
fn beside_file(row: &Row, pairs: usize, ours: &[Run]) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let mut line = 0;
    for _ in 0..row.messages {
        writeln!(file, "{}", payload(row, &mut line)).unwrap();
    }
    let path = file.path().to_str().unwrap();
    let files: Vec<Run> = (0..pairs).map(|_| run("", path, row, Reader::File)).collect();
    assert_eq!(files[0].hits, ours[0].hits, "the same lines");
    let byte = |runs: &[Run]| median(runs.iter().map(|run| run.thread_ns / run.bytes as f64).collect());
    println!(
        "{}: the thread took {:.2} ns a byte; with the same lines from a file, read included, {:.2}",
        row.name,
        byte(ours),
        byte(&files)
    );
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 }
}

/// A new topic with the row's messages.
fn fill(brokers: &str, row: &Row) -> String {
    let topic = format!("bench-{}-{}", row.name, std::process::id());
    let admin: rdkafka::admin::AdminClient<_> = client(brokers).create().unwrap();
    let new =
        rdkafka::admin::NewTopic::new(&topic, row.partitions, rdkafka::admin::TopicReplication::Fixed(1));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(admin.create_topics([&new], &Default::default())).unwrap();
    let mut config = client(brokers);
    config.set("compression.codec", row.codec).set("linger.ms", "20").set("batch.size", "500000");
    config.set("queue.buffering.max.messages", "200000").set("queue.buffering.max.kbytes", "200000");
    let producer: ThreadedProducer<rdkafka::producer::DefaultProducerContext> = config.create().unwrap();
    let mut line = 0_u64;
    for message in 0..row.messages {
        let payload = payload(row, &mut line);
        let partition = i32::try_from(message % row.partitions as u64).unwrap();
        let mut record: BaseRecord<'_, (), String> =
            BaseRecord::to(&topic).partition(partition).payload(&payload);
        while let Err((_, again)) = producer.send(record) {
            thread::sleep(Duration::from_millis(5));
            record = again;
        }
    }
    producer.flush(Timeout::Never).unwrap();
    topic
}

/// The lines of a message, of which one in a hundred holds a code; `line` counts them.
fn payload(row: &Row, line: &mut u64) -> String {
    let mut payload = String::new();
    for _ in 0..row.lines_per_message {
        if !payload.is_empty() {
            payload.push('\n');
        }
        let begin = payload.len();
        payload.push_str(&match *line % 100 {
            0 => {
                let tenant = *line % 7;
                format!("2026-11-21T10:00:00.000Z ERROR okta errorCode=E0000011 seq={line} tenant=t{tenant} ")
            }
            _ => format!("2026-11-21T10:00:00.000Z INFO request {line} handled in {} ms ", *line % 977),
        });
        while payload.len() - begin < row.line_bytes {
            let fill = format!("field{}=value{} ", payload.len() % 13, line.wrapping_mul(7919) % 100_003);
            payload.push_str(&fill);
        }
        payload.truncate(begin + row.line_bytes);
        *line += 1;
    }
    payload
}

fn client(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers);
    config
}

/// In a process of its own.
fn run(brokers: &str, topic: &str, row: &Row, reader: Reader) -> Run {
    let messages = row.messages.to_string();
    let (consumers, lines) = (row.consumers.to_string(), row.lines_per_message.to_string());
    let arguments = ["--read", reader.name(), brokers, topic, &messages, &consumers, &lines];
    let output = Command::new(std::env::current_exe().unwrap()).args(arguments).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let numbers: Vec<f64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    assert!(
        output.status.success() && numbers.len() == 6,
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Run {
        seconds: numbers[0],
        thread_ns: numbers[1],
        process_ns: numbers[2],
        messages: numbers[3] as u64,
        bytes: numbers[4] as u64,
        hits: numbers[5] as u64,
    }
}

fn read_one(arguments: &[String]) {
    let [reader, brokers, topic, messages, consumers, lines] = arguments else { panic!("{arguments:?}") };
    let (messages, lines) = (messages.parse().unwrap(), lines.parse::<u64>().unwrap());
    let run = match reader.as_str() {
        "bare" => bare(brokers, topic, messages),
        "file" => file(topic, messages),
        "each" => each(brokers, topic, messages),
        _ => ours(brokers, topic, messages, consumers.parse().unwrap(), lines),
    };
    let Run { seconds, thread_ns, process_ns, messages, bytes, hits } = run;
    println!("{seconds} {thread_ns} {process_ns} {messages} {bytes} {hits}");
}

fn group() -> String {
    format!("bench-{}", std::process::id())
}

fn consumer(brokers: &str, topic: &str) -> BaseConsumer {
    let mut config = client(brokers);
    config.set("group.id", group()).set("auto.offset.reset", "earliest").set("enable.auto.commit", "false");
    // As faultline has them.
    config.set("fetch.wait.max.ms", "100").set("fetch.message.max.bytes", "4194304");
    config.set("fetch.queue.backoff.ms", "20").set("queued.max.messages.kbytes", "65536");
    let consumer: BaseConsumer = config.create().unwrap();
    consumer.subscribe(&[topic]).unwrap();
    consumer
}

/// Where a run was at a moment.
struct Mark {
    at: Instant,
    threads: Vec<String>,
    process: Vec<String>,
    thread_ns: f64,
    process_ns: f64,
}

impl Mark {
    /// Now; `threads` are those that handle messages.
    fn now(threads: Vec<String>) -> Mark {
        let process = threads_of(|_| true);
        let (thread_ns, process_ns) = (time_of(&threads), time_of(&process));
        Mark { at: Instant::now(), threads, process, thread_ns, process_ns }
    }

    fn this_thread() -> Mark {
        Mark::now(vec!["/proc/thread-self/schedstat".to_owned()])
    }

    /// The times of a run since.
    fn elapsed(&self) -> Run {
        Run {
            seconds: self.at.elapsed().as_secs_f64(),
            thread_ns: time_of(&self.threads) - self.thread_ns,
            process_ns: time_of(&self.process) - self.process_ns,
            ..Run::default()
        }
    }
}

fn time_of(threads: &[String]) -> f64 {
    threads.iter().map(|path| thread_time(path)).sum()
}

/// Processor time of a thread. Nanoseconds.
fn thread_time(path: &str) -> f64 {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(0.0)
}

fn bare(brokers: &str, topic: &str, messages: u64) -> Run {
    let consumer = consumer(brokers, topic);
    let mut run = Run::default();
    let mut begun = Mark::this_thread();
    while run.messages < messages {
        let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) else { continue };
        if run.messages == 0 {
            begun = Mark::this_thread();
        }
        run.messages += 1;
        run.bytes += message.payload_len() as u64;
    }
    let Run { messages, bytes, .. } = run;
    Run { messages, bytes, ..begun.elapsed() }
}

fn engine() -> Arc<Engine> {
    let rules = load::load(builtin::files(), &[]).unwrap();
    Arc::new(Engine::new(compile(&rules)))
}

/// What tools do that turn each message into an event of their own.
fn each(brokers: &str, topic: &str, messages: u64) -> Run {
    let consumer = consumer(brokers, topic);
    let mut pipeline = Pipeline::new(engine(), Options { join: Join::Lines, ..Options::new("bench".into()) });
    let mut run = Run::default();
    let mut begun = Mark::this_thread();
    while run.messages < messages {
        let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) else { continue };
        if run.messages == 0 {
            begun = Mark::this_thread();
        }
        let message = message.detach();
        let text = String::from_utf8_lossy(message.payload().unwrap_or_default()).into_owned();
        for line in text.lines() {
            let mut stream = pipeline.stream();
            pipeline.push(&mut stream, line.as_bytes(), Some(Millis(0)), &mut Ignore);
            pipeline.flush(&mut stream, Some(Millis(0)), &mut Ignore);
        }
        run.messages += 1;
        run.bytes += text.len() as u64;
    }
    let times = begun.elapsed();
    let hits = pipeline.take_delta().errors.iter().map(|(_, seen)| seen.count).sum();
    Run { messages: run.messages, bytes: run.bytes, hits, ..times }
}

/// `path` stands in the place of a topic.
fn file(path: &str, messages: u64) -> Run {
    let mut pipeline = Pipeline::new(engine(), Options::new("bench".into()));
    let (mut stream, mut block, mut bytes) = (pipeline.stream(), vec![0; 256 << 10], 0);
    let mut file = std::fs::File::open(path).unwrap();
    let begun = Mark::this_thread();
    loop {
        let read = file.read(&mut block).unwrap();
        if read == 0 {
            break;
        }
        pipeline.push(&mut stream, &block[..read], Some(Millis(0)), &mut Ignore);
        bytes += read as u64;
    }
    pipeline.flush(&mut stream, Some(Millis(0)), &mut Ignore);
    let times = begun.elapsed();
    let hits = pipeline.take_delta().errors.iter().map(|(_, seen)| seen.count).sum();
    Run { messages, bytes, hits, ..times }
}

/// The consumers of the daemon, all of them, with its ledger in memory.
fn ours(brokers: &str, topic: &str, messages: u64, consumers: u16, lines: u64) -> Run {
    let topics = vec![faultline::source::kafka::topic::TopicName::parse(topic).unwrap()];
    let mut setting = Setting::of(vec![Value::literal(brokers)], topics, Value::literal(&group()));
    setting.consumers = consumers;
    setting.framing = if lines > 1 { Framing::Newline } else { Framing::None };
    let engine = engine();
    let ledger = Ledger::new(Limits::default(), engine.catalogue.info.clone());
    let shared = Arc::new(Shared::new(ledger, Telemetry::of_this_build()));
    let pipeline = Pipeline::new(engine.clone(), Options::new("bench".into()));
    let members = faultline::daemon::kafka::Members::of("bench", &setting).unwrap();
    let panels = members.panels();
    let workers = members
        .workers(
            pipeline,
            &shared,
            &EngineSlot::new(engine),
            &world::real_clock(),
            || Box::new(|| ()),
            TICK_INTERVAL,
        )
        .unwrap();
    let stop = Stop::new().unwrap();
    let sum = |of: fn(&faultline::source::kafka::Figures) -> u64| {
        panels.consumers.iter().map(|panel| of(&panel.figures())).sum::<u64>()
    };
    thread::scope(|scope| {
        let reading = scope.spawn(|| faultline::daemon::kafka::run(workers, &stop));
        while sum(|figures| figures.records) == 0 {
            thread::sleep(Duration::from_micros(100));
        }
        let begun = Mark::now(threads_of(is_consumer));
        while sum(|figures| figures.records) < messages {
            thread::sleep(Duration::from_micros(500));
        }
        let times = begun.elapsed();
        let bytes = sum(|figures| figures.bytes);
        stop.ask();
        reading.join().unwrap();
        let hits = shared.ledger().totals().errors;
        Run { messages, bytes, hits, ..times }
    })
}

/// What the kernel says of the times of those threads of this process whose names are `wanted`.
fn threads_of(wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let named = tasks.filter(|task| {
        std::fs::read_to_string(task.path().join("comm")).is_ok_and(|comm| wanted(comm.trim_end()))
    });
    named.map(|task| task.path().join("schedstat").display().to_string()).collect()
}

/// `kafka-0`
fn is_consumer(name: &str) -> bool {
    name.strip_prefix("kafka-").is_some_and(|number| number.parse::<u16>().is_ok())
}
