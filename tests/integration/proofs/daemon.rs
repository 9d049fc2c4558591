//! One life of the daemon after the other: started, killed, stopped.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use crate::cli::process::DEADLINE;

/// Where the daemon of the moment listens, for readers that outlive it.
#[derive(Debug, Clone, Default)]
pub struct Address(Arc<Mutex<Option<String>>>);

impl Address {
    pub fn get(&self) -> Option<String> {
        self.0.lock().unwrap().clone()
    }
}

#[derive(Default)]
struct Said {
    lines: Mutex<Vec<String>>,
    more: Condvar,
}

/// A running daemon. Dropped, it is killed.
pub struct Life {
    child: Child,
    said: Arc<Said>,
    address: Address,
}

impl Life {
    pub fn start(args: &[String]) -> Life {
        Life::start_at(args, &Address::default())
    }

    /// Tells where it listens as soon as it does.
    pub fn start_at(args: &[String], address: &Address) -> Life {
        Life::spawn(Command::new(env!("CARGO_BIN_EXE_faultline")), args, address)
    }

    /// `command` is the binary, or what runs it with the arguments that follow.
    pub fn spawn(mut command: Command, args: &[String], address: &Address) -> Life {
        command.args(["run", "--web.listen-address", "127.0.0.1:0"]).args(args);
        command.env_remove("STATE_DIRECTORY");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let said = Arc::new(Said::default());
        let (heard, here) = (said.clone(), address.clone());
        // A new life: what the one before said of its address is no more.
        *address.0.lock().unwrap() = None;
        let id = child.id();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some((_, at)) = line.split_once("listening on http://") {
                    // A process that is gone by now has nothing to say to the next one's readers.
                    if std::path::Path::new(&format!("/proc/{id}")).exists() {
                        *here.0.lock().unwrap() = Some(at.to_owned());
                    }
                }
                heard.lines.lock().unwrap().push(line);
                heard.more.notify_all();
            }
        });
        Life { child, said, address: address.clone() }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it listens.
    pub fn address(&self) -> String {
        self.wait_for("listening on http://");
        self.address.get().expect("it was said")
    }

    /// Waits for a line on stderr with `text`.
    pub fn wait_for(&self, text: &str) -> String {
        self.wait_for_nth(text, 1)
    }

    /// Waits until so many lines hold `text`; gives the last one of them.
    pub fn wait_for_nth(&self, text: &str, nth: usize) -> String {
        let until = Instant::now() + DEADLINE;
        let mut lines = self.said.lines.lock().unwrap();
        loop {
            if let Some(line) = lines.iter().filter(|line| line.contains(text)).nth(nth - 1) {
                return line.clone();
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{text:?} was not said: {lines:#?}");
            lines = self.said.more.wait_timeout(lines, left).unwrap().0;
        }
    }

    pub fn said(&self) -> Vec<String> {
        self.said.lines.lock().unwrap().clone()
    }

    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }

    /// kill -9.
    pub fn kill(mut self) {
        *self.address.0.lock().unwrap() = None;
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM; how long it took to leave. It leaves without complaint.
    pub fn stop(self) -> Duration {
        self.signal("-TERM");
        self.leave()
    }

    /// How long it takes from here on one that was told to.
    pub fn leave(mut self) -> Duration {
        let begun = Instant::now();
        *self.address.0.lock().unwrap() = None;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert_eq!(status.code(), Some(0), "{:#?}", self.said());
                return begun.elapsed();
            }
            assert!(begun.elapsed() < DEADLINE, "it still runs: {:#?}", self.said());
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// A line of `/proc/PID/status`, in kB.
    pub fn memory_kb(&self, name: &str) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap()
    }

    /// Processor time so far, in hundredths of a second.
    pub fn ticks(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.id())).unwrap();
        let fields: Vec<&str> = text.rsplit(") ").next().unwrap().split(' ').collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let said = self.said();
            super::say(&format!("it said last: {:#?}", &said[said.len().saturating_sub(60)..]));
        }
    }
}
