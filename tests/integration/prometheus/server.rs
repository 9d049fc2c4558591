//! A real Prometheus on a free port, with a directory of its own, and what it answers.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cli::process::DEADLINE;

/// Twice a tick of the daemon or more, so that a zero and its value come in one scrape after the other.
pub const SCRAPE_INTERVAL: &str = "500ms";

pub struct Prometheus {
    child: Child,
    address: String,
    _directory: tempfile::TempDir,
}

/// A job to scrape; several targets of one job are several instances.
pub struct Job<'a> {
    pub name: &'a str,
    pub targets: &'a [&'a str],
    pub interval: &'a str,
}

impl<'a> Job<'a> {
    pub fn new(name: &'a str, targets: &'a [&'a str]) -> Job<'a> {
        Job { name, targets, interval: SCRAPE_INTERVAL }
    }
}

impl Prometheus {
    /// Ready and scraping; `rules` is the text of a rules file.
    pub fn start(jobs: &[Job<'_>], rules: &str) -> Prometheus {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("rules.yml"), rules).unwrap();
        let jobs: Vec<Value> = jobs.iter().map(scrape_config).collect();
        let config = json!({
            "global": {"evaluation_interval": "1s"},
            "rule_files": ["rules.yml"],
            "scrape_configs": jobs,
        });
        // JSON is YAML.
        std::fs::write(directory.path().join("prometheus.yml"), config.to_string()).unwrap();
        for _ in 0..5 {
            // Somebody may take the port before the server does.
            let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
            let mut child = Command::new("prometheus")
                .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data", "--log.level=warn"])
                .arg(format!("--web.listen-address={address}"))
                .current_dir(&directory)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            if is_ready(&mut child, &address) {
                return Prometheus { child, address, _directory: directory };
            }
        }
        panic!("prometheus does not get ready");
    }

    /// An instant query: labels and value.
    pub fn query(&self, expression: &str) -> Vec<(BTreeMap<String, String>, f64)> {
        let data = self.api(&format!("query?query={}", encoded(expression)));
        let rows = data["result"].as_array().expect("a vector").clone();
        rows.iter()
            .map(|row| {
                let labels = row["metric"].as_object().expect("labels").iter();
                let labels = labels.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()));
                (labels.collect(), row["value"][1].as_str().unwrap().parse().unwrap())
            })
            .collect()
    }

    /// The only value of a query, if there is one.
    pub fn value(&self, expression: &str) -> Option<f64> {
        let rows = self.query(expression);
        assert!(rows.len() < 2, "{expression}: {rows:?}");
        rows.first().map(|(_, value)| *value)
    }

    /// Waits until a query has a result; a comparison has one when it holds.
    pub fn wait_for(&self, expression: &str) {
        self.wait_until(expression, || !self.query(expression).is_empty());
    }

    pub fn wait_until(&self, what: &str, is_so: impl Fn() -> bool) {
        let until = Instant::now() + DEADLINE;
        while !is_so() {
            assert!(
                Instant::now() < until,
                "{what} did not come: {} {:?}",
                self.api("targets"),
                self.query("sum by (__name__) ({__name__=~\"faultline_.*total\"})")
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// What stands under `data` in an answer of `/api/v1/`.
    pub fn api(&self, path: &str) -> Value {
        let answer = fetch(&self.address, &format!("/api/v1/{path}")).expect("prometheus answers");
        let mut answer: Value =
            serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error}: {answer}"));
        assert_eq!(answer["status"], "success", "{path}: {answer}");
        answer["data"].take()
    }

    /// That each scrape there was went well.
    pub fn assert_healthy(&self) {
        let failed = self.query("min_over_time(up[10m]) < 1");
        assert!(failed.is_empty(), "{failed:?}: {}", self.api("targets"));
        for target in self.api("targets?state=active")["activeTargets"].as_array().unwrap() {
            assert_eq!(
                (target["health"].as_str(), target["lastError"].as_str()),
                (Some("up"), Some("")),
                "{target}"
            );
        }
        // Series that a scrape could not store: twice in one exposition, out of order.
        for kept in ["scrape_samples_scraped", "scrape_samples_post_metric_relabeling"] {
            assert!(!self.query(kept).is_empty());
        }
        assert!(self.query("scrape_samples_scraped != scrape_samples_post_metric_relabeling").is_empty());
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn scrape_config(job: &Job<'_>) -> Value {
    json!({
        "job_name": job.name,
        "scrape_interval": job.interval,
        "scrape_timeout": job.interval,
        "static_configs": [{"targets": job.targets}],
    })
}

fn is_ready(child: &mut Child, address: &str) -> bool {
    let until = Instant::now() + DEADLINE;
    while Instant::now() < until && child.try_wait().unwrap().is_none() {
        if fetch(address, "/-/ready").is_ok() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let _ = child.kill();
    let _ = child.wait();
    false
}

/// The body of a 200; in HTTP/1.0, so that it comes in one piece.
fn fetch(address: &str, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    match text.split_once("\r\n\r\n") {
        Some((head, body)) if head.split(' ').nth(1) == Some("200") => Ok(body.to_owned()),
        _ => Err(std::io::Error::other(text)),
    }
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
