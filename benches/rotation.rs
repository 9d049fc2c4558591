//! faultline, rsyslog and mtail on the same rotations: what each lost and counted twice.
//!
//! `cargo bench --bench rotation -- [PERCENT] [SEED] [WORD]` (default 100, 42, all tests; some minutes) plays each test
//! whose name holds the word for each tool, side by side in directories of their own, and prints a Markdown table. Every
//! line has a number that all tools are told to keep: as tenant here, as label in mtail, as text in the file that rsyslog
//! writes. What is in none of them is lost, what is there n times is doubled n - 1 times. mtail forgets its counts when it
//! ends; for it those of the last scrape count, one before it is stopped and one a second where it is killed.
//! `cargo test --bench rotation` plays a tenth with faultline alone. Either way faultline has to be exact, but
//! for lines that were in no file any more when it could have read them.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![expect(clippy::unwrap_used, reason = "whatever fails here ends the benchmark")]

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Longer than faultline waits for the rest of a line in a renamed file.
const QUIET: Duration = Duration::from_secs(8);
/// What every tool needs to notice something while nothing else happens.
const PAUSE: Duration = Duration::from_millis(1500);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tool {
    Faultline,
    Rsyslog,
    Mtail,
}

type Counts = HashMap<u64, u64>;

/// A tool that reads `app.log` of a directory.
struct Reader {
    tool: Tool,
    dir: PathBuf,
    port: u16,
    child: Option<Child>,
    /// What a tool without memory had counted in earlier lives.
    past: Counts,
    scraped: Counts,
}

impl Reader {
    fn new(tool: Tool, dir: &Path) -> Reader {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let reader = Reader {
            tool,
            dir: dir.to_owned(),
            port,
            child: None,
            past: Counts::new(),
            scraped: Counts::new(),
        };
        let at = dir.display();
        fs::create_dir(dir.join("state")).unwrap();
        match tool {
            Tool::Faultline => {
                let limits = "limits: {tenants_max: 1000000, series_max: 1000000}\n";
                fs::write(dir.join("faultline.yaml"), limits).unwrap();
            }
            Tool::Mtail => {
                let program =
                    "counter lines by seq\n/MDRM-5\\d\\d seq=(?P<seq>\\d+) / {\n  lines[$seq]++\n}\n";
                fs::create_dir(dir.join("progs")).unwrap();
                fs::write(dir.join("progs/lines.mtail"), program).unwrap();
            }
            Tool::Rsyslog => {
                let config = format!(
                    "global(workDirectory=\"{at}/state\")\nmodule(load=\"imfile\")\n\
                     template(name=\"whole\" type=\"string\" string=\"%msg%\\n\")\n\
                     input(type=\"imfile\" file=\"{at}/logs/app.log\" tag=\"app\" ruleset=\"out\" \
                     freshStartTail=\"off\" reopenOnTruncate=\"on\" persistStateInterval=\"1\" \
                     persistStateAfterSubmission=\"on\")\n\
                     ruleset(name=\"out\") {{ if $msg contains \"MDRM-5\" then action(type=\"omfile\" \
                     file=\"{at}/out.log\" template=\"whole\") }}\n"
                );
                fs::write(dir.join("rsyslog.conf"), config).unwrap();
            }
        }
        reader
    }

    fn start(&mut self) {
        let path = |name: &str| self.dir.join(name).display().to_string();
        let log = path("logs/app.log");
        let mut command = match self.tool {
            Tool::Faultline => {
                let mut command = Command::new(env!("CARGO_BIN_EXE_faultline"));
                command.args(["run", "--input", &log, "--input.start", "beginning", "--log.level", "error"]);
                command.args(["--state.dir", &path("ledger"), "--config.file", &path("faultline.yaml")]);
                command.args(["--web.listen-address", &format!("127.0.0.1:{}", self.port)]);
                command
            }
            Tool::Rsyslog => {
                let mut command = Command::new("rsyslogd");
                command.args(["-n", "-f", &path("rsyslog.conf"), "-i", &path("rsyslog.pid")]);
                command
            }
            Tool::Mtail => {
                let mut command = Command::new("mtail");
                command.args(["-progs", &path("progs"), "-logs", &log, "-logtostderr"]);
                command.args(["-address", "127.0.0.1", "-port", &self.port.to_string()]);
                command
            }
        };
        let said = File::create(self.dir.join("said")).unwrap();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(said).spawn();
        self.child = Some(child.unwrap_or_else(|error| panic!("{:?}: {error}", self.tool)));
        if self.tool == Tool::Rsyslog {
            return sleep(Duration::from_millis(500));
        }
        let since = Instant::now();
        while self.page().is_none() {
            let ended = self.child.as_mut().and_then(|child| child.try_wait().unwrap());
            assert!(
                ended.is_none() && since.elapsed() < Duration::from_secs(60),
                "{:?} is not up",
                self.tool
            );
            sleep(Duration::from_millis(50));
        }
    }

    /// As its service manager stops it.
    fn stop(&mut self) {
        self.scrape();
        let mut child = self.child.take().unwrap();
        assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
        child.wait().unwrap();
        self.forget();
    }

    fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        if self.tool == Tool::Rsyslog {
            // Nobody else could remove it after a kill either.
            let _ = fs::remove_file(self.dir.join("rsyslog.pid"));
        }
        self.forget();
    }

    fn forget(&mut self) {
        if self.tool == Tool::Mtail {
            for (line, times) in self.scraped.drain() {
                *self.past.entry(line).or_default() += times;
            }
        }
    }

    fn page(&self) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
        stream.write_all(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
        let mut page = Vec::new();
        stream.read_to_end(&mut page).ok()?;
        let page = String::from_utf8_lossy(&page).into_owned();
        page.split_once("\r\n\r\n").map(|(_, body)| body.to_owned())
    }

    /// Looks at what it has now; a look that fails changes nothing.
    fn scrape(&mut self) {
        let (text, before, is_series) = match self.tool {
            Tool::Faultline => (self.page(), "tenant=\"t", "faultline_tenant_errors_total{"),
            Tool::Mtail => (self.page(), "seq=\"", "lines{"),
            Tool::Rsyslog => (fs::read_to_string(self.dir.join("out.log")).ok(), "seq=", ""),
        };
        let Some(text) = text else { return };
        let mut counts = Counts::new();
        for line in text.lines().filter(|line| line.starts_with(is_series)) {
            let Some((_, rest)) = line.split_once(before) else { continue };
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let Ok(number) = rest[..digits].parse() else { continue };
            let times = match self.tool {
                Tool::Rsyslog => 1,
                _ => {
                    line.rsplit(' ').next().and_then(|value| value.parse::<f64>().ok()).unwrap_or(0.0) as u64
                }
            };
            *counts.entry(number).or_default() += times;
        }
        self.scraped = counts;
    }

    fn counts(&mut self) -> Counts {
        self.scrape();
        let mut all = self.past.clone();
        for (line, times) in &self.scraped {
            *all.entry(*line).or_default() += times;
        }
        all
    }

    /// Until nothing was counted any more for a while.
    fn settled(&mut self) -> Counts {
        let (mut counts, mut since) = (self.counts(), Instant::now());
        while since.elapsed() < QUIET {
            sleep(Duration::from_millis(500));
            let now = self.counts();
            if now != counts {
                (counts, since) = (now, Instant::now());
            }
        }
        counts
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A service that logs numbered errors.
struct Service {
    logs: PathBuf,
    log: File,
    /// Lines that were begun.
    lines: u64,
    dice: ChaCha8Rng,
}

impl Service {
    fn path(&self, name: &str) -> PathBuf {
        self.logs.join(name)
    }

    fn open(logs: &Path) -> File {
        OpenOptions::new().append(true).create(true).open(logs.join("app.log")).unwrap()
    }

    fn line(&mut self) -> String {
        self.lines += 1;
        let (n, code) = (self.lines, 500 + self.lines % 9);
        format!(
            "2026-11-20T09:14:03Z ERROR drm licence failed: MDRM-{code} seq={n} tenant=t{n} and no more\n"
        )
    }

    fn write(&mut self, lines: u64) {
        for _ in 0..lines {
            let line = self.line();
            self.log.write_all(line.as_bytes()).unwrap();
        }
    }

    /// All in one system call.
    fn burst(&mut self, lines: u64) {
        let text: String = (0..lines).map(|_| self.line()).collect();
        self.log.write_all(text.as_bytes()).unwrap();
    }

    fn rename(&mut self, n: u64) {
        fs::rename(self.path("app.log"), self.path(&format!("app.log.{n}"))).unwrap();
    }

    fn reopen(&mut self) {
        self.log = Service::open(&self.logs);
    }

    fn rotate(&mut self, n: u64) {
        self.rename(n);
        self.reopen();
    }

    fn copy_and_truncate(logs: &Path, n: u64) {
        fs::copy(logs.join("app.log"), logs.join(format!("app.log.{n}"))).unwrap();
        OpenOptions::new().write(true).open(logs.join("app.log")).unwrap().set_len(0).unwrap();
    }

    /// Lines that no file holds any more.
    fn vanished(&self) -> u64 {
        let mut seen = vec![false; self.lines as usize + 1];
        for entry in fs::read_dir(&self.logs).unwrap() {
            let text = fs::read_to_string(entry.unwrap().path()).unwrap();
            for line in text.lines() {
                let number = line.split("seq=").nth(1).and_then(|rest| rest.split(' ').next());
                let number = number.and_then(|digits| digits.parse::<usize>().ok());
                number.into_iter().for_each(|n| seen[n] = true);
            }
        }
        seen[1..].iter().filter(|is_there| !**is_there).count() as u64
    }

    fn throw(&mut self, below: u64) -> u64 {
        self.dice.next_u64() % below
    }

    /// Writes a line every so often while something else is done.
    fn busy(&mut self, every: Duration, meanwhile: impl FnOnce(u64)) {
        let is_over = AtomicBool::new(false);
        let chance = self.dice.next_u64();
        thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    self.write(1);
                    sleep(every);
                }
            });
            meanwhile(chance);
            is_over.store(true, Ordering::Relaxed);
        });
    }
}

enum Play {
    /// One of the rotations, by its number from 1. Behind the last one some lines follow, and none may be lost.
    Each(fn(&mut Service, &mut Reader, u64)),
    /// All of them, of a number; says how many of the lines may be lost by anybody.
    Whole(fn(&mut Service, &mut Reader, u64) -> u64),
}

impl Play {
    fn run(&self, service: &mut Service, reader: &mut Reader, size: u64) -> u64 {
        match self {
            Play::Each(play) => {
                (1..=size).for_each(|n| play(service, reader, n));
                service.write(100);
                0
            }
            Play::Whole(play) => play(service, reader, size),
        }
    }
}

struct Test {
    name: &'static str,
    /// Rotations, in full size.
    size: u64,
    play: Play,
}

const TESTS: &[Test] = &[
    Test {
        name: "renamed while idle",
        size: 20,
        play: Play::Each(|service, _, n| {
            service.write(100);
            sleep(PAUSE);
            service.rotate(n);
        }),
    },
    Test {
        name: "renamed at once after a burst",
        size: 20,
        play: Play::Each(|service, _, n| {
            service.burst(500);
            service.rotate(n);
            sleep(PAUSE);
        }),
    },
    Test {
        name: "renamed in mid-line, the rest never comes",
        size: 20,
        play: Play::Each(|service, _, n| {
            service.write(99);
            let half = service.line();
            service.log.write_all(&half.as_bytes()[..half.len() - 5]).unwrap();
            sleep(PAUSE);
            service.rotate(n);
        }),
    },
    Test {
        name: "renamed 50 times a second, kept for 10 s",
        size: 500,
        play: Play::Whole(|service, _, size| {
            let start = Instant::now();
            let mut kept = Vec::new();
            for n in 1..=size {
                service.write(10);
                service.rotate(n);
                kept.push((n, Instant::now()));
                while kept.first().is_some_and(|(_, since)| since.elapsed() > Duration::from_secs(10)) {
                    fs::remove_file(service.path(&format!("app.log.{}", kept.remove(0).0))).unwrap();
                }
                sleep((Duration::from_millis(20) * n as u32).saturating_sub(start.elapsed()));
            }
            service.write(10);
            0
        }),
    },
    Test {
        name: "renamed, the old file is written for 2 s more",
        size: 10,
        play: Play::Each(|service, _, n| {
            service.write(100);
            service.rename(n);
            let new = Service::open(&service.logs);
            for _ in 0..20 {
                service.write(5);
                let line = service.line();
                (&new).write_all(line.as_bytes()).unwrap();
                sleep(Duration::from_millis(100));
            }
            service.log = new;
        }),
    },
    Test {
        name: "renamed after a burst, compressed at once",
        size: 20,
        play: Play::Each(|service, _, n| {
            service.burst(500);
            service.rotate(n);
            let rotated = service.path(&format!("app.log.{n}"));
            assert!(Command::new("gzip").arg(&rotated).status().unwrap().success());
            sleep(PAUSE);
        }),
    },
    Test {
        name: "copied and truncated, writer paused",
        size: 20,
        play: Play::Each(|service, _, n| {
            service.burst(500);
            Service::copy_and_truncate(&service.logs, n);
            sleep(PAUSE);
        }),
    },
    Test {
        name: "copied and truncated, writer active",
        size: 20,
        play: Play::Whole(|service, _, size| {
            let logs = service.logs.clone();
            service.busy(Duration::from_micros(200), |_| {
                for n in 1..=size {
                    sleep(PAUSE / 2);
                    Service::copy_and_truncate(&logs, n);
                }
            });
            service.vanished()
        }),
    },
    Test {
        name: "truncated, grown past the old end at once",
        size: 20,
        play: Play::Whole(|service, _, size| {
            for n in 1..=size {
                service.burst(50 + n);
                sleep(PAUSE);
                service.log.set_len(0).unwrap();
            }
            service.burst(100 + size);
            0
        }),
    },
    Test {
        name: "deleted and made again",
        size: 20,
        play: Play::Each(|service, _, _| {
            service.write(100);
            sleep(PAUSE);
            fs::remove_file(service.path("app.log")).unwrap();
            service.reopen();
        }),
    },
    Test {
        name: "the same while stopped, same inode, longer",
        size: 10,
        play: Play::Each(|service, reader, n| {
            service.burst(50 + n);
            sleep(PAUSE);
            reader.stop();
            let inode = fs::metadata(service.path("app.log")).unwrap().ino();
            service.log = File::open("/dev/null").unwrap();
            fs::remove_file(service.path("app.log")).unwrap();
            let mut spares = Vec::new();
            while {
                service.reopen();
                service.log.metadata().unwrap().ino() != inode && spares.len() < 1000
            } {
                let spare = service.path(&format!("spare.{}", spares.len()));
                fs::rename(service.path("app.log"), &spare).unwrap();
                spares.push(spare);
            }
            if service.log.metadata().unwrap().ino() != inode {
                println!("SKIPPED rotation: this file system does not give an inode's number to a new file");
            }
            spares.iter().for_each(|spare| fs::remove_file(spare).unwrap());
            service.burst(100 + n);
            reader.start();
            sleep(PAUSE);
        }),
    },
    Test {
        name: "stopped, renamed and written meanwhile, started",
        size: 10,
        play: Play::Each(|service, reader, n| {
            service.write(100);
            sleep(PAUSE);
            reader.stop();
            service.write(100);
            service.rotate(n);
            service.write(100);
            reader.start();
            sleep(PAUSE);
        }),
    },
    Test {
        name: "kill -9 while it is written, started again",
        size: 20,
        play: Play::Whole(|service, reader, size| {
            service.busy(Duration::from_millis(1), |chance| {
                let mut dice = ChaCha8Rng::seed_from_u64(chance);
                let mut throw = |below: u64| Duration::from_millis(dice.next_u64() % below);
                for _ in 0..size {
                    let until = Instant::now() + Duration::from_millis(300) + throw(2000);
                    while Instant::now() < until {
                        reader.scrape();
                        sleep(Duration::from_secs(1).min(until.saturating_duration_since(Instant::now())));
                    }
                    reader.kill();
                    sleep(throw(500));
                    reader.start();
                }
            });
            0
        }),
    },
];

struct Outcome {
    lines: u64,
    /// Lines that no file held any more.
    vanished: u64,
    lost: u64,
    doubled: u64,
}

fn play(test: &Test, tool: Tool, size: u64, seed: u64) -> Outcome {
    let dir = tempfile::tempdir().unwrap();
    let logs = dir.path().join("logs");
    fs::create_dir(&logs).unwrap();
    let mut service =
        Service { log: Service::open(&logs), logs, lines: 0, dice: ChaCha8Rng::seed_from_u64(seed) };
    let mut reader = Reader::new(tool, dir.path());
    reader.start();
    // From here on everybody reads.
    sleep(PAUSE);
    service.write(1);
    let since = Instant::now();
    while reader.counts().is_empty() {
        let said = fs::read_to_string(dir.path().join("said")).unwrap_or_default();
        assert!(since.elapsed() < Duration::from_secs(60), "{tool:?} reads nothing: {said}");
        sleep(Duration::from_millis(100));
    }
    // Their clocks shall not all begin with the test.
    sleep(Duration::from_millis(service.throw(300)));
    let vanished = test.play.run(&mut service, &mut reader, size);
    let counts = reader.settled();
    let times = |line: u64| counts.get(&line).copied().unwrap_or(0);
    let doubled = counts.values().map(|times| times.saturating_sub(1)).sum();
    let lost = (1..=service.lines).filter(|line| times(*line) == 0).count() as u64;
    Outcome { lines: service.lines, vanished, lost, doubled }
}

fn version(tool: Tool) -> Option<String> {
    let (program, flag) = match tool {
        Tool::Faultline => (env!("CARGO_BIN_EXE_faultline"), "--version"),
        Tool::Rsyslog => ("rsyslogd", "-v"),
        Tool::Mtail => ("mtail", "-version"),
    };
    let output = Command::new(program).arg(flag).output().ok()?;
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    let word = text.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    Some(word.to_owned())
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let is_test = !args.iter().any(|arg| arg == "--bench");
    let mut numbers = args.iter().filter_map(|arg| arg.parse::<u64>().ok());
    let percent = numbers.next().unwrap_or(if is_test { 10 } else { 100 });
    let seed = numbers.next().unwrap_or(42);
    let tools = [Tool::Faultline, Tool::Rsyslog, Tool::Mtail];
    let tools = if is_test { &tools[..1] } else { &tools };
    let versions: Vec<Option<String>> = tools.iter().map(|tool| version(*tool)).collect();
    let mut head = "| test | lines |".to_owned();
    for (tool, version) in tools.iter().zip(&versions) {
        let name = format!("{tool:?}").to_lowercase();
        write!(head, " {name} {} |", version.as_deref().unwrap_or("(not installed)")).unwrap();
    }
    println!("{head}\n|---|---:|{}", "---:|".repeat(tools.len()));
    let word = args.iter().find(|arg| !arg.starts_with('-') && arg.parse::<u64>().is_err());
    let tests: Vec<&Test> =
        TESTS.iter().filter(|test| word.is_none_or(|word| test.name.contains(word.as_str()))).collect();
    let outcome = |test: &Test, tool: Tool| play(test, tool, (test.size * percent / 100).max(1), seed);
    // A test has pauses enough for others beside it.
    let rows: Vec<Vec<Option<Outcome>>> = tests
        .chunks(if is_test { TESTS.len() } else { 2 })
        .flat_map(|tests| {
            thread::scope(|scope| {
                let start = |test: &&'static Test| {
                    let test = *test;
                    let of_tool = |(tool, version): (&Tool, &Option<String>)| {
                        let (tool, is_there) = (*tool, version.is_some());
                        is_there.then(|| scope.spawn(move || outcome(test, tool)))
                    };
                    tools.iter().zip(&versions).map(of_tool).collect::<Vec<_>>()
                };
                let running: Vec<_> = tests.iter().map(start).collect();
                let ended = |row: Vec<Option<thread::ScopedJoinHandle<'_, Outcome>>>| {
                    row.into_iter().map(|one| one.map(|thread| thread.join().unwrap())).collect()
                };
                running.into_iter().map(ended).collect::<Vec<Vec<Option<Outcome>>>>()
            })
        })
        .collect();
    let mut wrong = Vec::new();
    for (test, row) in tests.iter().zip(&rows) {
        let lines = row.iter().flatten().map(|one| one.lines);
        let (least, most) = (lines.clone().min().unwrap_or(0), lines.max().unwrap_or(0));
        let lines = if least == most { least.to_string() } else { format!("{least} to {most}") };
        let cells = row.iter().map(|cell| match cell {
            None => "-".to_owned(),
            Some(one) if one.lost + one.doubled == 0 => "exact".to_owned(),
            Some(one) if one.vanished > 0 => {
                format!("{} lost ({} were in no file), {} doubled", one.lost, one.vanished, one.doubled)
            }
            Some(one) => format!("{} lost, {} doubled", one.lost, one.doubled),
        });
        println!("| {} | {lines} | {} |", test.name, cells.collect::<Vec<_>>().join(" | "));
        let ours = row[0].as_ref().unwrap();
        if ours.lost > ours.vanished || ours.doubled > 0 {
            wrong.push(test.name);
        }
    }
    assert!(wrong.is_empty(), "faultline was not exact: {wrong:?}");
}
