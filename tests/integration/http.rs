//! The server over real loopback sockets. Clients block with a deadline of their own, so that a server that hangs is a
//! failure. `answers`: methods, paths, one connection for many requests, the shutdown; `lifecycle`: reload and quit;
//! `heads`: what is no proper request; `clients`: who is slow or one too many; `flood`: the binary under attack.

mod answers;
mod lifecycle;
mod heads;
pub(crate) mod clients;
mod flood;

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use faultline::event::CodeBook;
use faultline::export::{Lifecycle, Limits, Shared, Web, bind, serve_with};
use faultline::ledger::{Ledger, Limits as LedgerLimits};
use faultline::telemetry::Telemetry;
use tokio::sync::oneshot;

const SOON: Duration = Duration::from_millis(150);
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Server {
    addr: SocketAddr,
    pub(crate) shared: Arc<Shared>,
    stop: oneshot::Sender<()>,
    served: tokio::task::JoinHandle<std::io::Result<()>>,
    runtime: tokio::runtime::Runtime,
}

fn server(limits: Limits) -> Server {
    server_of(limits, Ledger::new(LedgerLimits::default(), CodeBook::default()), None)
}

pub(crate) fn server_of(limits: Limits, ledger: Ledger, lifecycle: Option<Lifecycle>) -> Server {
    server_at("/metrics", limits, ledger, lifecycle)
}

fn server_at(path: &str, limits: Limits, ledger: Ledger, lifecycle: Option<Lifecycle>) -> Server {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let shared = Arc::new(Shared::new(ledger, Telemetry::of_this_build()));
    let listeners = bind(&["127.0.0.1:0".parse().unwrap()]).unwrap();
    let addr = listeners.addrs().unwrap()[0];
    let (stop, stopped) = oneshot::channel();
    let shutdown = async { stopped.await.unwrap_or(()) };
    let web = Web { telemetry_path: path.to_owned(), lifecycle };
    let served = runtime.spawn(serve_with(limits, listeners, shared.clone(), web, shutdown));
    Server { addr, shared, stop, served, runtime }
}

impl Server {
    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.addr).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// A request on a connection of its own; the whole answer.
    fn ask(&self, method: &str, path: &str) -> Answer {
        self.ask_with(method, path, "")
    }

    /// `headers` end with CR LF each.
    fn ask_with(&self, method: &str, path: &str, headers: &str) -> Answer {
        let mut stream = self.connect();
        write!(stream, "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n").unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        Answer::of(&String::from_utf8(bytes).unwrap())
    }

    /// A connection that has had one answer and is kept.
    fn idle(&self) -> TcpStream {
        let mut stream = self.connect();
        write!(stream, "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        assert_eq!(read_answer(&mut stream).status, 200);
        stream
    }

    /// The value of a sample of the server's own counters.
    fn told(&self, sample: &str) -> u64 {
        let mut text = String::new();
        faultline::export::encode_telemetry(&self.shared.telemetry, &mut text);
        let line = text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {sample} in {text}")).parse().unwrap()
    }
}

#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn of(text: &str) -> Answer {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head in {text:?}"));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status line");
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers().find(|(n, _)| *n == name).map(|(_, value)| value)
    }

    fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.head.lines().filter_map(|line| line.split_once(": "))
    }
}

/// One answer of a connection that stays open.
fn read_answer(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        bytes.push(byte[0]);
    }
    let mut answer = Answer::of(&String::from_utf8(bytes).unwrap());
    let mut body =
        vec![0; answer.header("content-length").expect("the body's length is told").parse().unwrap()];
    stream.read_exact(&mut body).unwrap();
    answer.body = String::from_utf8(body).unwrap();
    answer
}

/// What comes until the server closes.
fn read_to_close(stream: &mut TcpStream) -> Vec<u8> {
    let (mut buffer, mut all) = ([0; 4096], Vec::new());
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return all,
            Ok(bytes) => all.extend_from_slice(&buffer[..bytes]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return all,
            Err(error) => panic!("the server did not close: {error}"),
        }
    }
}
