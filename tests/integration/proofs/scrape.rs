//! What a daemon exposes, and readers that look at it through all its lives.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::daemon::Address;
use crate::cli::process::DEADLINE;

/// Counters of the process's own life: they begin at 0 with each.
const OWN: [&str; 5] =
    ["process_", "faultline_http_", "faultline_ticks_", "faultline_ledger_", "faultline_kafka_"];

/// One exposition.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sheet {
    pub series: BTreeMap<String, f64>,
    counters: Vec<String>,
}

impl Sheet {
    fn parse(text: &str) -> Sheet {
        let mut sheet = Sheet::default();
        for line in text.lines() {
            match line.strip_prefix("# TYPE ") {
                Some(of) => {
                    sheet.counters.extend(of.strip_suffix(" counter").map(str::to_owned));
                }
                None if line.starts_with('#') => {}
                None => {
                    let (series, value) = line.rsplit_once(' ').unwrap();
                    sheet.series.insert(series.to_owned(), value.parse().unwrap());
                }
            }
        }
        sheet
    }

    /// Those that outlive the process, or those that do not.
    fn counters(&self, are_own: bool) -> impl Iterator<Item = (&String, f64)> {
        self.series.iter().filter_map(move |(series, value)| {
            let name = series.split('{').next().unwrap_or(series);
            let is_own = OWN.iter().any(|own| name.starts_with(own));
            let is_meant = is_own == are_own && self.counters.iter().any(|counter| counter == name);
            is_meant.then_some((series, *value))
        })
    }

    /// Which process this is of; two of one second differ in where they listen.
    fn life(&self, address: &str) -> String {
        format!("{address} {:?}", self.series.get("process_start_time_seconds"))
    }

    /// The sum over all series of a metric that hold `label`.
    pub fn sum(&self, name: &str, label: &str) -> u64 {
        let all = self.series.iter().filter(|(series, _)| {
            series.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('{'))
                && series.contains(label)
        });
        all.map(|(_, value)| *value as u64).sum()
    }

    /// What is not 0 of a metric, by one of its labels.
    pub fn by(&self, name: &str, label: &str) -> BTreeMap<String, u64> {
        let mut found = BTreeMap::new();
        for (series, value) in &self.series {
            let Some(labels) = series.strip_prefix(name).and_then(|rest| rest.strip_prefix('{')) else {
                continue;
            };
            let of = labels.split_once(&format!("{label}=\"")).and_then(|(_, rest)| rest.split('"').next());
            if *value > 0.0 {
                *found.entry(of.unwrap().to_owned()).or_default() += *value as u64;
            }
        }
        found
    }
}

/// Status and body of a GET; an answer that was cut short is an error, as it is for Prometheus.
pub fn ask(address: &str, path: &str, headers: &str) -> io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let cut = || io::Error::from(io::ErrorKind::UnexpectedEof);
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(cut)?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length").then(|| value.parse::<usize>().unwrap())
    });
    if length != Some(body.len()) {
        return Err(cut());
    }
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(cut)?;
    Ok((status, body.to_owned()))
}

/// As somebody looks who is no scraper, where perhaps nobody answers.
pub fn look(address: &str) -> io::Result<Sheet> {
    match ask(address, "/metrics", "")? {
        (200, body) => Ok(Sheet::parse(&body)),
        (status, _) => Err(io::Error::other(format!("status {status}"))),
    }
}

/// As somebody looks who is no scraper.
pub fn sheet(address: &str) -> Sheet {
    let (status, body) = ask(address, "/metrics", "").unwrap();
    assert_eq!(status, 200);
    Sheet::parse(&body)
}

/// Looks until it is so.
pub fn wait_until(address: &str, what: &str, is_so: impl Fn(&Sheet) -> bool) -> Sheet {
    wait_for(address, what, DEADLINE, is_so)
}

pub fn wait_for(address: &str, what: &str, patience: Duration, is_so: impl Fn(&Sheet) -> bool) -> Sheet {
    let until = Instant::now() + patience;
    loop {
        let seen = sheet(address);
        if is_so(&seen) {
            return seen;
        }
        if Instant::now() >= until {
            let said = ["_info", "_series", "process_", "_seen_", "_timestamp_", "_http_"];
            let is_told = |series: &str| !said.iter().any(|part| series.contains(part));
            let values = seen.series.iter().filter(|(series, value)| **value > 0.0 && is_told(series));
            panic!("not so: {what}\n{:#?}", values.collect::<BTreeMap<_, _>>());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Looks until so many files are followed.
pub fn files_known(address: &str, files: u64) -> Sheet {
    wait_until(address, "the files are known", |sheet| sheet.sum("faultline_source_files", "") == files)
}

/// Looks until so many lines are counted, or more.
pub fn lines_counted(address: &str, lines: u64) -> Sheet {
    wait_until(address, &format!("{lines} lines are counted"), |sheet| {
        sheet.sum("faultline_lines_total", "") >= lines
    })
}

/// Waits for a commit that begins after this call.
pub fn next_commits(address: &str, count: u64) -> Sheet {
    let now = sheet(address).sum("faultline_ticks_total", "");
    wait_until(address, "ticks go on", |sheet| sheet.sum("faultline_ticks_total", "") >= now + count)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Says that it scrapes.
    Scraper,
    /// Sees true values, at any time.
    Anybody,
}

/// What a reader saw of a series.
#[derive(Debug, Clone, Copy)]
struct Course {
    last: f64,
    /// As Prometheus adds it up: what a counter grew by, a fall being a new beginning at 0.
    increase: f64,
}

#[derive(Debug, Default)]
pub struct Report {
    courses: BTreeMap<String, Course>,
    /// Counters of the process that answers, and which one that is.
    own: (String, BTreeMap<String, f64>),
    pub scrapes: u64,
    /// Scrapes of all series that were cut short or refused.
    pub failed: u64,
    pub troubles: Vec<String>,
}

impl Report {
    fn take(&mut self, sheet: &Sheet, kind: Kind, address: &str) {
        self.scrapes += 1;
        let mut known = 0;
        self.take_own(sheet, address);
        for (series, value) in sheet.counters(false) {
            let Some(course) = self.courses.get_mut(series) else {
                if kind == Kind::Scraper && value != 0.0 {
                    self.troubles.push(format!("{series} is seen for the first time at {value}"));
                }
                self.courses.insert(series.clone(), Course { last: value, increase: 0.0 });
                known += 1;
                continue;
            };
            known += 1;
            if value < course.last {
                self.troubles.push(format!("{series} fell from {} to {value}", course.last));
                course.increase += value;
            } else {
                course.increase += value - course.last;
            }
            course.last = value;
        }
        if known < self.courses.len() {
            let gone = self.courses.keys().find(|series| !sheet.series.contains_key(*series));
            self.troubles.push(format!("{gone:?} and perhaps others are gone"));
        }
    }

    fn take_own(&mut self, sheet: &Sheet, address: &str) {
        let life = sheet.life(address);
        if self.own.0 != life {
            self.own = (life, BTreeMap::new());
        }
        for (series, value) in sheet.counters(true) {
            let last = self.own.1.insert(series.clone(), value).unwrap_or_default();
            if value < last {
                self.troubles.push(format!("{series} fell from {last} to {value} in one life"));
            }
        }
    }

    /// `increase()` over everything, of all series of a metric that grew, by one of its labels.
    pub fn increase_by(&self, name: &str, label: &str) -> BTreeMap<String, u64> {
        let series = self.courses.iter().map(|(series, course)| (series.clone(), course.increase)).collect();
        Sheet { series, counters: Vec::new() }.by(name, label)
    }
}

/// Scrapes whoever listens, again and again.
pub struct Reader {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Report>,
}

impl Reader {
    pub fn start(address: &Address, kind: Kind, every: Duration) -> Reader {
        let stop = Arc::new(AtomicBool::new(false));
        let (address, is_over) = (address.clone(), stop.clone());
        let headers = match kind {
            Kind::Scraper => "User-Agent: Prometheus/proof\r\nX-Prometheus-Scrape-Timeout-Seconds: 10\r\n",
            Kind::Anybody => "User-Agent: somebody\r\n",
        };
        let thread = std::thread::spawn(move || {
            let mut report = Report::default();
            while !is_over.load(Ordering::Relaxed) {
                if let Some(at) = address.get() {
                    match ask(&at, "/metrics", headers) {
                        Ok((200, body)) => report.take(&Sheet::parse(&body), kind, &at),
                        Ok((status, _)) => {
                            report.troubles.push(format!("a scrape was answered with {status}"))
                        }
                        Err(_) => report.failed += 1,
                    }
                }
                std::thread::sleep(every);
            }
            report
        });
        Reader { stop, thread }
    }

    pub fn finish(self) -> Report {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}
