//! Runs the binary: to its end, or as a child whose output is waited for.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

/// Long enough for a machine that is busy with other tests.
pub const DEADLINE: Duration = Duration::from_secs(60);

pub fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_faultline"));
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs to the end with `input` on standard input.
pub fn run(args: &[&str], input: &[u8]) -> Output {
    let mut child = command(args).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // A child that does not want its input ends the pipe early.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

/// Runs to the end with nothing to read.
pub fn run_without_input(args: &[&str]) -> Output {
    command(args).output().unwrap()
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A running child. Dropped, it is killed.
pub struct Running {
    child: Child,
    said: Receiver<String>,
    heard: Vec<String>,
}

impl Running {
    pub fn start(mut command: Command) -> Running {
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (send, said) = mpsc::channel();
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| send.send(line)));
        Running { child, said, heard: Vec::new() }
    }

    /// The daemon on standard input and a free port.
    pub fn daemon(args: &[&str]) -> Running {
        let mut command = command(&["run", "--web.listen-address", "127.0.0.1:0"]);
        command.args(args).stdin(Stdio::piped());
        Running::start(command)
    }

    /// Waits for a line on stderr that holds `text`.
    pub fn wait_for(&mut self, text: &str) -> String {
        let until = Instant::now() + DEADLINE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.said.recv_timeout(left) {
                Ok(line) => self.heard.push(line),
                Err(_) => panic!("{text:?} was not said: {:?}", self.heard),
            }
            if self.heard.last().is_some_and(|line| line.contains(text)) {
                return self.heard.last().unwrap().clone();
            }
        }
    }

    /// `127.0.0.1:PORT`, once it listens.
    pub fn address(&mut self) -> String {
        let line = self.wait_for("listening on http://");
        line.split("http://").nth(1).unwrap().to_owned()
    }

    pub fn write(&mut self, bytes: &[u8]) {
        self.child.stdin.as_mut().unwrap().write_all(bytes).unwrap();
    }

    pub fn end_input(&mut self) {
        drop(self.child.stdin.take());
    }

    pub fn close_stdout(&mut self) {
        drop(self.child.stdout.take());
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Standard input, to be written by another thread; closed when dropped.
    pub fn take_input(&mut self) -> std::process::ChildStdin {
        self.child.stdin.take().unwrap()
    }

    pub fn take_stdout(&mut self) -> ChildStdout {
        self.child.stdout.take().unwrap()
    }

    pub fn signal(&self, name: &str) {
        self.signals(name, 1);
    }

    /// So many at once.
    pub fn signals(&self, name: &str, times: usize) {
        let pids = vec![self.child.id().to_string(); times];
        assert!(Command::new("kill").arg(name).args(pids).status().unwrap().success());
    }

    /// What it said so far, as far as somebody waited for it.
    pub fn heard(&self) -> &[String] {
        &self.heard
    }

    /// Waits for the end; gives the exit code.
    pub fn exit_code(&mut self) -> Option<i32> {
        let until = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < until, "it still runs: {:?}", self.heard);
            std::thread::yield_now();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The body of a GET, and its status line before it.
pub fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

/// Scrapes until the exposition holds `sample`.
pub fn wait_for_sample(address: &str, sample: &str) {
    let until = Instant::now() + DEADLINE;
    loop {
        let text = get(address, "/metrics");
        if text.lines().any(|line| line == sample) {
            return;
        }
        assert!(Instant::now() < until, "{sample} did not appear:\n{text}");
    }
}
