//! The binary under attack: half-open and silent connections by the thousand and readers of one byte at a time, each of
//! which comes again when it is thrown out, beside scrapers that want an answer every time and a log that goes on.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::ChildStdin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::cli::process::{DEADLINE, Running, command, wait_for_sample};

const TENANTS: usize = 20_000;
const SCRAPES: usize = 80;
const SCRAPE_INTERVAL: Duration = Duration::from_millis(100);
/// In this time all bad clients come; who is thrown out comes again after it. With 2,200 clients this is a new connection
/// each millisecond: a request has 64 of them to follow its connection before that is pushed out by others.
const REVENGE: Duration = Duration::from_secs(2);
const ANSWER_WITHIN: Duration = Duration::from_millis(500);
const RSS_GROWTH_MAX: u64 = 32 * 1024 * 1024;

#[derive(Debug, Clone, Copy)]
enum Bad {
    Silent,
    HalfOpen,
    /// Asks for the metrics and reads them a byte at a time.
    Slow,
    /// The same, and each time with a filter that nobody else has.
    Picky,
}

/// Keeps its connections open until dropped.
struct Flood {
    runtime: Option<tokio::runtime::Runtime>,
    connections: Arc<AtomicU64>,
}

impl Flood {
    fn start(address: SocketAddr, clients: &[(Bad, usize)]) -> Flood {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let connections = Arc::new(AtomicU64::new(0));
        for (bad, number) in clients {
            for place in 0..*number {
                let (bad, connections) = (*bad, connections.clone());
                let first = REVENGE.mul_f64(place as f64 / *number as f64);
                runtime.spawn(async move {
                    tokio::time::sleep(first).await;
                    loop {
                        // Refused, reset, closed: all the same to somebody who comes again.
                        let _ = pester(bad, address, &connections).await;
                        tokio::time::sleep(REVENGE).await;
                    }
                });
            }
        }
        Flood { runtime: Some(runtime), connections }
    }

    fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }
}

async fn pester(bad: Bad, address: SocketAddr, connections: &AtomicU64) -> std::io::Result<()> {
    let socket = tokio::net::TcpSocket::new_v4()?;
    if matches!(bad, Bad::Slow | Bad::Picky) {
        socket.set_recv_buffer_size(1)?;
    }
    let stream = socket.connect(address).await?;
    let number = connections.fetch_add(1, Ordering::Relaxed);
    stream.writable().await?;
    let request = match bad {
        Bad::Silent => String::new(),
        Bad::HalfOpen => "GET /metrics HTTP/1.1\r\nHost: x\r\nX-A: ".into(),
        Bad::Slow => "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n".into(),
        Bad::Picky => format!(
            "GET /metrics?name[]=faultline_tenant_errors_total&name[]=x{number} HTTP/1.1\r\nHost: x\r\n\r\n"
        ),
    };
    // A new connection takes so little at once.
    stream.try_write(request.as_bytes())?;
    loop {
        stream.readable().await?;
        match stream.try_read(&mut [0]) {
            Ok(0) => return Ok(()),
            Ok(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

/// How a scraper holds its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Habit {
    /// A new one for each scrape.
    Anew,
    /// One for all; a new one where the server closed it before it answered, as HTTP clients do.
    Kept,
}

struct Scraper {
    address: SocketAddr,
    habit: Habit,
    stream: Option<TcpStream>,
    times: Vec<Duration>,
    retries: usize,
}

impl Scraper {
    fn new(address: SocketAddr, habit: Habit) -> Scraper {
        Scraper { address, habit, stream: None, times: Vec::new(), retries: 0 }
    }

    /// A whole exposition, or the test fails. The time has everything in it.
    fn scrape(&mut self) -> String {
        let began = Instant::now();
        let kept = self.stream.take().filter(|_| self.habit == Habit::Kept);
        let answer = match kept.map(|stream| self.ask(stream)) {
            Some(Ok(answer)) => answer,
            _ => {
                let stream = TcpStream::connect(self.address).unwrap();
                stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
                self.ask(stream).unwrap_or_else(|error| {
                    // On a busy machine we ourselves may be too late with the request.
                    assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{:?}: {error}", self.habit);
                    self.retries += 1;
                    let stream = TcpStream::connect(self.address).unwrap();
                    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
                    self.ask(stream).unwrap()
                })
            }
        };
        self.times.push(began.elapsed());
        answer
    }

    /// An error says that nothing came; an answer that was cut fails the test.
    fn ask(&mut self, mut stream: TcpStream) -> std::io::Result<String> {
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: good\r\n\r\n")?;
        let (mut answer, mut piece) = (Vec::new(), vec![0; 65536]);
        let mut whole = usize::MAX;
        while answer.len() < whole {
            let came = answer.len();
            match stream.read(&mut piece) {
                Ok(0) if came == 0 => return Err(ErrorKind::ConnectionReset.into()),
                Err(error) if came == 0 => return Err(error),
                Ok(bytes) if bytes > 0 => answer.extend_from_slice(&piece[..bytes]),
                end => panic!("{:?}: the answer was cut after {came} of {whole} bytes: {end:?}", self.habit),
            }
            if whole == usize::MAX
                && let Some(head) = answer.windows(4).position(|four| four == b"\r\n\r\n")
            {
                let text = String::from_utf8_lossy(&answer[..head]).into_owned();
                assert!(text.starts_with("HTTP/1.1 200"), "{text}");
                let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
                whole = head + 4 + length.parse::<usize>().unwrap();
            }
        }
        self.stream = Some(stream);
        let text = String::from_utf8(answer).unwrap();
        Ok(text.split_once("\r\n\r\n").unwrap().1.to_owned())
    }

    /// Says the least, the median and the most; gives the median.
    fn report(&mut self, what: &str) -> Duration {
        self.times.sort_unstable();
        let (times, retries) = (&self.times, self.retries);
        let (least, median, most) = (times[0], times[times.len() / 2], times[times.len() - 1]);
        let habit = self.habit;
        let text = format!(
            "{} scrapes, {retries} retries, min {least:?}, median {median:?}, max {most:?}",
            times.len()
        );
        writeln!(std::io::stdout().lock(), "{what}, {habit:?}: {text}").unwrap();
        median
    }
}

/// Lines with a code and a tenant each, as fast as they are taken, until told to stop.
struct Log {
    stop: Arc<AtomicBool>,
    lines: Arc<AtomicU64>,
    writer: thread::JoinHandle<ChildStdin>,
}

impl Log {
    fn start(mut input: ChildStdin) -> Log {
        let (stop, lines) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let (stopped, written) = (stop.clone(), lines.clone());
        let writer = thread::spawn(move || {
            let blocks: Vec<String> = (0..TENANTS).collect::<Vec<_>>().chunks(100).map(block).collect();
            for block in blocks.iter().cycle() {
                // Every tenant once, then on until told otherwise.
                let is_round_done = written.load(Ordering::Relaxed) >= TENANTS as u64;
                if is_round_done && stopped.load(Ordering::Relaxed) {
                    break;
                }
                input.write_all(block.as_bytes()).unwrap();
                written.fetch_add(100, Ordering::Relaxed);
                if is_round_done {
                    thread::sleep(Duration::from_millis(2));
                }
            }
            input
        });
        Log { stop, lines, writer }
    }

    fn lines(&self) -> u64 {
        self.lines.load(Ordering::Relaxed)
    }

    /// All that was written.
    fn end(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        drop(self.writer.join().unwrap());
        self.lines.load(Ordering::Relaxed)
    }
}

fn block(tenants: &[usize]) -> String {
    let line = |tenant: &usize| {
        format!(
            "{{\"ts\":\"2026-03-01T10:00:01.220Z\",\"level\":\"error\",\"tenant\":\"{}\",\
             \"url\":\"https://acme.okta.com/oauth2/v1/token\",\"error\":\"invalid_client\",\
             \"error_description\":\"The client_assertion token is expired.\"}}\n",
            name(*tenant)
        )
    };
    tenants.iter().map(line).collect()
}

fn name(tenant: usize) -> String {
    format!("tenant-with-a-rather-long-name-of-its-own-{tenant:0>5}")
}

fn allow_files(wanted: u64) {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < wanted) {
        let current = limit.maximum.map_or(wanted, |most| most.min(wanted));
        setrlimit(Resource::Nofile, Rlimit { current: Some(current), ..limit }).unwrap();
    }
}

/// Memory in use, where the system tells.
fn resident_bytes(daemon: &Running) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024)
}

/// A daemon with a large exposition.
fn large_daemon() -> (Running, SocketAddr, Log, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("faultline.yaml");
    std::fs::write(&config, "limits: {tenants_max: 100000, series_max: 100000}\n").unwrap();
    let mut daemon = Running::daemon(&["--web.linger", "10m", "--config.file", config.to_str().unwrap()]);
    let address = daemon.address();
    let log = Log::start(daemon.take_input());
    let last = format!("tenant=\"{}\"", name(TENANTS - 1));
    let address: SocketAddr = address.parse().unwrap();
    let mut scraper = Scraper::new(address, Habit::Kept);
    let until = Instant::now() + DEADLINE;
    while !scraper.scrape().contains(&last) {
        assert!(Instant::now() < until, "{last} does not appear");
    }
    (daemon, address, log, folder)
}

#[test]
fn two_thousand_bad_clients_keep_no_scraper_waiting_and_no_line_uncounted() {
    attacked_by(&[(Bad::HalfOpen, 1_000), (Bad::Silent, 1_000), (Bad::Slow, 200)]);
}

#[test]
fn slow_readers_who_want_something_else_each_share_the_memory_for_answers() {
    attacked_by(&[(Bad::Picky, 200)]);
}

/// Scrapes in peace and under attack, while lines are counted.
#[expect(clippy::print_stdout, reason = "what it measured")]
fn attacked_by(bad: &[(Bad, usize)]) {
    allow_files(4_096);
    let (mut daemon, address, log, _folder) = large_daemon();
    let mut scrapers = [Scraper::new(address, Habit::Anew), Scraper::new(address, Habit::Kept)];
    let mut rounds = |what: &str| {
        let (began, lines) = (Instant::now(), log.lines());
        let (mut most, mut bytes) = (0, 0);
        for _ in 0..SCRAPES {
            let next = Instant::now() + SCRAPE_INTERVAL;
            for scraper in &mut scrapers {
                bytes = scraper.scrape().len();
            }
            most = most.max(resident_bytes(&daemon).unwrap_or(0));
            thread::sleep(next.saturating_duration_since(Instant::now()));
        }
        let rate = (log.lines() - lines) as f64 / began.elapsed().as_secs_f64();
        println!("{what}: {bytes} bytes a scrape, {rate:.0} lines a second, {} MiB resident", most >> 20);
        let medians = scrapers.each_mut().map(|scraper| scraper.report(what));
        for scraper in &mut scrapers {
            assert!(scraper.retries <= SCRAPES / 20, "{:?}: {} retries", scraper.habit, scraper.retries);
            scraper.times.clear();
        }
        (most, medians)
    };
    let (before, _) = rounds("in peace");
    let flood = Flood::start(address, bad);
    let (after, medians) = rounds("under attack");
    let least = bad.iter().map(|(_, number)| *number as u64).sum();
    assert!(flood.connections() >= least, "only {} bad connections", flood.connections());
    println!(
        "{} bad connections, {} KiB more resident",
        flood.connections(),
        after.saturating_sub(before) >> 10
    );
    for median in medians {
        assert!(median < ANSWER_WITHIN, "{median:?}");
    }
    assert!(after < before + RSS_GROWTH_MAX, "{before} bytes resident before, {after} under attack");
    let lines = log.end();
    daemon.wait_for("all input has ended");
    wait_for_sample(&address.to_string(), &format!("faultline_lines_total{{source=\"stdin\"}} {lines}"));
    wait_for_sample(&address.to_string(), &format!("faultline_matched_total{{source=\"stdin\"}} {lines}"));
    drop(flood);
}

#[test]
fn a_daemon_without_file_descriptors_goes_on_answering() {
    for files in [128, 32] {
        let mut run = command(&["run"]);
        let binary = run.get_program().to_owned();
        run = std::process::Command::new("sh");
        run.args(["-c", &format!("ulimit -n {files}; exec \"$0\" \"$@\"")]).arg(binary);
        run.args(["run", "--web.listen-address", "127.0.0.1:0", "--web.linger", "10m"]);
        run.stdin(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        let mut daemon = Running::start(run);
        let address: SocketAddr = daemon.address().parse().unwrap();
        daemon.write(b"nothing in it\n");
        let flood = Flood::start(address, &[(Bad::Silent, 200), (Bad::HalfOpen, 100), (Bad::Slow, 20)]);
        let mut scraper = Scraper::new(address, Habit::Anew);
        let mut last = String::new();
        while scraper.times.len() < 20 || flood.connections() < 300 {
            last = scraper.scrape();
        }
        let median = scraper.report(&format!("{files} files"));
        assert!(median < ANSWER_WITHIN, "{median:?}");
        let failures =
            last.lines().find_map(|l| l.strip_prefix("faultline_http_accept_failures_total ")).unwrap();
        println!("{failures} accepts failed");
        assert!(files == 128 || failures != "0", "the limit was not reached");
        drop(flood);
        daemon.end_input();
        daemon.wait_for("all input has ended");
    }
}
