//! One Java process under a small shell that kills it, and removes its files, when the process of the tests is gone:
//! nobody drops a static, and a test that is killed drops nothing.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// Descriptor 3 is the pipe whose other end the tests hold.
const WATCHED: &str = r#"
exec 3<&0
root=$1 log=$2
shift 2
"$@" </dev/null >>"$log" 2>&1 3<&- &
java=$!
echo $java
{
    read -r _ <&3
    trap '' TERM
    kill -9 $java
    while kill -0 $java; do sleep .05; done
    rm -rf "$root"
} >/dev/null 2>&1 &
watch=$!
exec 3<&- >/dev/null
wait $java
status=$?
kill $watch
exit $status
"#;

/// How Java is asked: the archive of loaded classes, where there is one, halves the time to start.
pub fn java(lib: &Path, options: &[&str]) -> Vec<String> {
    let mut words = vec!["java".to_owned()];
    words.extend(options.iter().map(|&option| option.to_owned()));
    words.push("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn".to_owned());
    words.push("-Dorg.slf4j.simpleLogger.showDateTime=true".to_owned());
    words.push("-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS".to_owned());
    words.push(format!("-XX:SharedArchiveFile={}", lib.join("kafka.jsa").display()));
    words.extend(["-Xshare:auto", "-Xlog:disable", "-cp"].map(str::to_owned));
    // Java expands the star.
    words.push(format!("{}/*", lib.display()));
    words
}

/// A process that runs. Dropped, it is killed.
pub struct Process {
    shell: Child,
    pid: Pid,
    /// Closed, it is the sign to kill and to remove; `Child::wait` would close it where it is.
    pipe: Option<ChildStdin>,
}

impl Process {
    /// Standard output and errors are appended to `log`. `root` is removed should the tests end before the process does.
    pub fn spawn(words: &[String], root: &Path, log: &Path) -> Process {
        let mut command = Command::new("sh");
        command.args(["-c", WATCHED, "sh"]).arg(root).arg(log).args(words).current_dir(root);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut shell = command.spawn().expect("sh starts");
        let mut said = String::new();
        let mut output = BufReader::new(shell.stdout.take().expect("it is piped"));
        output.read_line(&mut said).expect("the shell says the id");
        let pid = said.trim().parse().ok().and_then(Pid::from_raw).expect("an id");
        let pipe = shell.stdin.take().expect("it is piped");
        Process { shell, pid, pipe: Some(pipe) }
    }

    pub fn signal(&mut self, signal: Signal) {
        // The shell waits for it: as long as the shell runs, the id is taken.
        if self.is_running() {
            // It may end in this moment.
            let _ = kill_process(self.pid, signal);
        }
    }

    pub fn is_running(&mut self) -> bool {
        self.shell.try_wait().expect("it is ours").is_none()
    }

    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.shell.wait().expect("it is ours");
    }

    /// Whether it left by itself in time after it was told to.
    pub fn stop(&mut self, patience: Duration) -> bool {
        let begun = Instant::now();
        self.signal(Signal::TERM);
        while self.is_running() {
            if begun.elapsed() > patience {
                self.kill();
                return false;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        true
    }

    /// Waits for a process that ends by itself; whether it says that all is well.
    pub fn wait(mut self) -> bool {
        let status = self.shell.wait().expect("it is ours");
        status.success()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The last lines of a log.
pub fn tail(log: &PathBuf, lines: usize) -> String {
    let Ok(file) = File::open(log) else { return format!("{} was not written", log.display()) };
    let all: Vec<String> = BufReader::new(file).lines().map_while(Result::ok).collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

#[test]
fn a_process_ends_and_its_files_go_when_nobody_holds_the_pipe() {
    let root = tempfile::tempdir().unwrap();
    let words = ["sleep", "600"].map(str::to_owned);
    let mut process = Process::spawn(&words, root.path(), &root.path().join("log"));
    assert!(process.is_running() && root.path().exists());
    // As the system does for who was killed.
    drop(process.pipe.take());
    process.shell.wait().unwrap();
    let begun = Instant::now();
    while root.path().exists() {
        assert!(begun.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(10));
    }
}
