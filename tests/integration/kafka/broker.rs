//! A cluster of one node or three: formatted, started, killed, started again on the same data and ports.
//!
//! A node is up when it answers a client, not when its process runs. A start that fails because somebody took a port is
//! tried with others.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::certificates::Certificates;
use super::process::{self, Process};
use super::properties::{self, Listener, Ports};
use super::proxy::Proxy;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// The plain listener alone.
    None,
    /// All listeners, and an authorizer: nobody but the plain listener's clients may do anything without an ACL. The
    /// name is that of the brokers' certificate: `broker`, `elsewhere` (for another host) or `outdated`.
    Listeners(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Direct,
    /// Each node has one listener more, and advertises the port of a proxy for it.
    Proxied,
}

#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    pub security: Security,
    pub way: Way,
    /// Options of Java. Compiling little starts in half the time, for benches it is the wrong choice.
    pub java: &'a [&'a str],
    /// Properties of the brokers, which win.
    pub extra: &'a [(&'a str, &'a str)],
}

impl Default for Options<'_> {
    fn default() -> Self {
        let java = &["-Xmx400m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];
        Options { security: Security::None, way: Way::Direct, java, extra: &[] }
    }
}

/// Nodes count from 1. Dropped, all are killed and their data removed.
pub struct Cluster {
    nodes: Vec<Node>,
    pub tls: Option<Certificates>,
    ports: Vec<Ports>,
    java: Vec<String>,
    root: tempfile::TempDir,
}

struct Node {
    id: usize,
    process: Mutex<Option<Process>>,
    proxy: Option<Proxy>,
}

/// For a start on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(120);

impl Cluster {
    /// `None` where there is no Kafka: `test` is skipped.
    pub fn start(test: &str, nodes: usize, options: &Options<'_>) -> Option<Cluster> {
        let lib = super::jars(test)?;
        let is_secure = options.security != Security::None;
        if is_secure && !crate::tools::has(test, "openssl") {
            return None;
        }
        for _ in 0..5 {
            let cluster = Cluster::prepare(&lib, nodes, options);
            let trouble = match cluster.run() {
                Ok(()) => return Some(cluster),
                Err(trouble) => trouble,
            };
            assert!(trouble.contains("Address already in use"), "Kafka does not start: {trouble}");
        }
        panic!("five times somebody took a port of Kafka's");
    }

    fn prepare(lib: &Path, count: usize, options: &Options<'_>) -> Cluster {
        let root = tempfile::Builder::new().prefix("faultline-kafka-").tempdir().unwrap();
        let (tls, certificate) = match options.security {
            Security::None => (None, ""),
            Security::Listeners(name) => (Some(Certificates::make(&root.path().join("tls"))), name),
        };
        let ports = Ports::free(count);
        let extra = options.extra.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let extra: Vec<(String, String)> = extra.collect();
        let nodes = (1..=count).map(|id| {
            let upstream = ports[id - 1].of(Listener::Proxied);
            let proxy = (options.way == Way::Proxied).then(|| Proxy::start(upstream));
            let told = properties::Node {
                id,
                ports: &ports,
                proxy: proxy.as_ref().map(Proxy::port),
                tls: tls.as_ref().map(|tls| (tls, certificate)),
                extra: &extra,
            };
            fs::write(root.path().join(format!("n{id}.properties")), told.properties()).unwrap();
            Node { id, process: Mutex::default(), proxy }
        });
        let nodes = nodes.collect();
        Cluster { nodes, tls, java: process::java(lib, options.java), ports, root }
    }

    fn run(&self) -> Result<(), String> {
        let format: Vec<Process> = self.nodes.iter().map(|node| self.format(node.id)).collect();
        for (node, process) in self.nodes.iter().zip(format) {
            if !process.wait() {
                return Err(self.log(node.id, 200));
            }
        }
        self.nodes.iter().for_each(|node| self.spawn(node));
        self.nodes.iter().try_for_each(|node| self.wait_for(node.id))
    }

    fn format(&self, id: usize) -> Process {
        let mut words = self.java.clone();
        // 22 characters of base64url.
        words.extend(
            ["kafka.tools.StorageTool", "format", "-t", "ZmF1bHRsaW5lLXRlc3RzMQ", "-c"].map(str::to_owned),
        );
        words.push(format!("n{id}.properties"));
        for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
            words.push("-S".to_owned());
            words.push(format!("{mechanism}=[name=alice,password=alice-secret]"));
        }
        Process::spawn(&words, self.root.path(), &self.log_path(id))
    }

    fn spawn(&self, node: &Node) {
        let mut words = self.java.clone();
        words.extend(["kafka.Kafka".to_owned(), format!("n{}.properties", node.id)]);
        let process = Process::spawn(&words, self.root.path(), &self.log_path(node.id));
        *node.process.lock().unwrap() = Some(process);
    }

    /// Until the node answers and knows itself, and where all run, all others.
    fn wait_for(&self, id: usize) -> Result<(), String> {
        let begun = Instant::now();
        loop {
            if !self.is_running(id) {
                return Err(self.log(id, 200));
            }
            let up = self.nodes_up(id);
            let running = self.nodes.iter().filter(|node| self.is_running(node.id)).count();
            if up.len() >= running && up.contains(&id) {
                return Ok(());
            }
            if begun.elapsed() > PATIENCE {
                return Err(format!("node {id} sees {up:?}\n{}", self.log(id, 30)));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn process(&self, id: usize) -> MutexGuard<'_, Option<Process>> {
        self.nodes[id - 1].process.lock().unwrap()
    }

    pub fn is_running(&self, id: usize) -> bool {
        self.process(id).as_mut().is_some_and(Process::is_running)
    }

    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// kill -9; what it had written stays with the system.
    pub fn kill(&self, id: usize) {
        self.process(id).take().expect("it runs").kill();
    }

    /// SIGTERM: partitions are handed over, segments are closed. How long it took to leave.
    pub fn stop(&self, id: usize) -> Duration {
        let begun = Instant::now();
        let mut process = self.process(id).take().expect("it runs");
        assert!(process.stop(Duration::from_secs(60)), "node {id} does not stop: {}", self.log(id, 30));
        begun.elapsed()
    }

    /// Again, on the same data and ports; waits until it answers. How long that took.
    pub fn start_node(&self, id: usize) -> Duration {
        let begun = Instant::now();
        assert!(!self.is_running(id), "node {id} runs");
        self.spawn(&self.nodes[id - 1]);
        self.wait_for(id).unwrap_or_else(|trouble| panic!("node {id} does not start again: {trouble}"));
        begun.elapsed()
    }

    /// SIGSTOP: it holds its connections and answers nobody.
    pub fn pause(&self, id: usize) {
        self.process(id).as_mut().expect("it runs").signal(Signal::STOP);
    }

    pub fn resume(&self, id: usize) {
        self.process(id).as_mut().expect("it runs").signal(Signal::CONT);
    }

    /// Where to begin for clients of a listener: all nodes.
    pub fn bootstrap(&self, listener: Listener) -> String {
        let at = self.nodes.iter().map(|node| self.address(node.id, listener));
        at.collect::<Vec<_>>().join(",")
    }

    pub fn address(&self, id: usize, listener: Listener) -> String {
        let proxy = self.nodes[id - 1].proxy.as_ref().filter(|_| listener == Listener::Proxied);
        let port = proxy.map_or(self.ports[id - 1].of(listener), Proxy::port);
        format!("127.0.0.1:{port}")
    }

    pub fn proxy(&self, id: usize) -> &Proxy {
        self.nodes[id - 1].proxy.as_ref().expect("`Way::Proxied` was asked for")
    }

    /// Where a node keeps its partitions.
    pub fn data(&self, id: usize) -> PathBuf {
        self.root.path().join(format!("n{id}"))
    }

    fn log_path(&self, id: usize) -> PathBuf {
        self.root.path().join(format!("n{id}.log"))
    }

    /// The last lines that a node said.
    pub fn log(&self, id: usize, lines: usize) -> String {
        process::tail(&self.log_path(id), lines)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for node in &self.nodes {
            if std::thread::panicking() {
                super::say(&format!("node {} said: {}", node.id, self.log(node.id, 20)));
            }
            drop(node.process.lock().map(|mut process| process.take()));
        }
    }
}

/// One node with all listeners for all tests of this process that do it no harm. It ends with the process.
pub fn shared(test: &str) -> Option<&'static Cluster> {
    static SHARED: OnceLock<Option<Cluster>> = OnceLock::new();
    let options = Options { security: Security::Listeners("broker"), ..Options::default() };
    // Those who come later ask for the reason themselves.
    super::jars(test)?;
    crate::tools::has(test, "openssl").then_some(())?;
    SHARED.get_or_init(|| Cluster::start(test, 1, &options)).as_ref()
}
