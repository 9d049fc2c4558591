//! The server over real loopback sockets: methods and paths, one connection for many requests, clients that are slow,
//! many or rude, and the shutdown. Clients block with a deadline of their own, so that a server that hangs is a failure.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use faultline::aggregation::{Limits as TallyLimits, Tally};
use faultline::event::{CodeBook, Judgement};
use faultline::export::{Format, Limits, Shared, bind, serve_with};
use faultline::ledger::{Ledger, Limits as LedgerLimits};
use faultline::telemetry::Telemetry;
use tokio::sync::oneshot;

use crate::exposition::{matched, parse};

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
    server_of(limits, Ledger::new(LedgerLimits::default(), CodeBook::default()))
}

pub(crate) fn server_of(limits: Limits, ledger: Ledger) -> Server {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let shared = Arc::new(Shared::new(ledger, Telemetry::of_this_build()));
    let listeners = bind(&["127.0.0.1:0".parse().unwrap()]).unwrap();
    let addr = listeners.addrs().unwrap()[0];
    let (stop, stopped) = oneshot::channel();
    let shutdown = async { stopped.await.unwrap_or(()) };
    let served = runtime.spawn(serve_with(limits, listeners, shared.clone(), shutdown));
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
        let mut stream = self.connect();
        write!(stream, "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        Answer::of(&String::from_utf8(bytes).unwrap())
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
        self.head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(n, _)| *n == name)
            .map(|(_, value)| value)
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

/// How many bytes come until the server closes.
fn read_to_close(stream: &mut TcpStream) -> usize {
    let (mut buffer, mut total) = ([0; 4096], 0);
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return total,
            Ok(bytes) => total += bytes,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return total,
            Err(error) => panic!("the server did not close: {error}"),
        }
    }
}

#[test]
fn every_method_and_path_has_its_answer() {
    let server = server(Limits::default());
    for (path, status) in
        [("/metrics", 200), ("/metrics?x=1", 200), ("/-/healthy", 200), ("/-/ready", 503), ("/", 200)]
    {
        let get = server.ask("GET", path);
        assert_eq!(get.status, status, "{path}");
        assert!(!get.body.is_empty());
        for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "FROBNICATE"] {
            let answer = server.ask(method, path);
            assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")), "{method} {path}");
        }
    }
    for path in ["/metrics/", "/METRICS", "/%6detrics", "//metrics", "/x", "/-/reload", "/../metrics"] {
        assert_eq!(server.ask("GET", path).status, 404, "{path}");
        assert_eq!(server.ask("POST", path).status, 404, "{path}");
    }
    server.shared.set_ready(true);
    assert_eq!(server.ask("GET", "/-/ready").status, 200);
}

#[test]
fn head_says_what_get_says_without_the_body() {
    let server = server(Limits::default());
    for path in ["/-/healthy", "/-/ready", "/", "/nothing"] {
        let (get, head) = (server.ask("GET", path), server.ask("HEAD", path));
        assert_eq!((head.status, head.body.as_str()), (get.status, ""), "{path}");
        let length = get.body.len().to_string();
        assert_eq!(
            [&get, &head].map(|answer| answer.header("content-length")),
            [Some(length.as_str()); 2],
            "{path}"
        );
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
    }
    let head = server.ask("HEAD", "/metrics");
    let content_type = Format::Text.content_type();
    assert_eq!((head.status, head.body.as_str(), head.header("content-type")), (200, "", Some(content_type)));
}

#[test]
fn every_answer_is_closed_to_scripts_frames_and_guessing() {
    let server = server(Limits::default());
    for path in ["/metrics", "/-/healthy", "/", "/nothing"] {
        let answer = server.ask("GET", path);
        let policy = answer.header("content-security-policy").expect("a policy");
        assert!(policy.starts_with("default-src 'none'"), "{path}: {policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("x-frame-options"), Some("DENY"));
    }
}

#[test]
fn a_scrape_is_an_exposition_of_the_exact_type_and_requests_are_counted() {
    let server = server(Limits::default());
    server.ask("GET", "/nothing");
    server.ask("POST", "/metrics");
    let scrape = server.ask("GET", "/metrics");
    assert_eq!(scrape.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let samples = parse(&scrape.body);
    let requests = |handler: &str, code: &str| {
        let labels = [("handler", handler), ("code", code)].map(|(n, v)| (n.to_owned(), v.to_owned()));
        samples.get(&("faultline_http_requests_total".to_owned(), labels.into())).copied()
    };
    assert_eq!(requests("/metrics", "200"), Some(0.0), "the scrape does not contain itself");
    assert_eq!(requests("/metrics", "405"), Some(1.0));
    assert_eq!(requests("other", "404"), Some(1.0));
}

#[test]
fn one_connection_carries_many_requests() {
    let server = server(Limits::default());
    let mut stream = server.connect();
    for path in ["/metrics", "/nothing", "/-/healthy", "/metrics"] {
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let answer = read_answer(&mut stream);
        assert_eq!(answer.status, if path == "/nothing" { 404 } else { 200 });
    }
    write!(stream, "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    assert_eq!(read_answer(&mut stream).body, "healthy\n");
    assert!(
        read_answer(&mut stream).body.starts_with("<!DOCTYPE html>"),
        "two requests at once are two answers"
    );
}

#[test]
fn a_client_that_says_nothing_is_let_go() {
    let server = server(Limits { first_byte_timeout: SOON, head_timeout: PATIENCE * 2, ..Limits::default() });
    assert_eq!(read_to_close(&mut server.connect()), 0);
}

#[test]
fn a_client_that_never_ends_its_request_is_let_go() {
    let server = server(Limits { first_byte_timeout: PATIENCE * 2, head_timeout: SOON, ..Limits::default() });
    let mut stream = server.connect();
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: x\r\nX-Slow: ").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap_or_default();
    assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn a_connection_that_is_done_is_not_kept_for_ever() {
    let server = server(Limits { first_byte_timeout: PATIENCE * 2, head_timeout: SOON, ..Limits::default() });
    let mut stream = server.connect();
    write!(stream, "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    assert_eq!(read_answer(&mut stream).status, 200);
    assert_eq!(read_to_close(&mut stream), 0);
}

/// More than the socket buffers of both ends hold.
pub(crate) fn large_ledger() -> Ledger {
    let limits = LedgerLimits { tenants_max: 1_000_000, series_max: 1_000_000, ..LedgerLimits::default() };
    let mut ledger = Ledger::new(limits, CodeBook::default());
    let mut tally = Tally::new("s".into(), TallyLimits { tenants_max: 1_000_000, rows_max: 1_000_000 });
    for i in 0..100_000 {
        let fault = matched("okta", "x", Some(&format!("{i:0>120}")));
        tally.tally(&Judgement { faults: vec![fault], tenant_refused: None }, 1, None);
    }
    ledger.commit(tally.take());
    ledger
}

#[test]
fn a_client_that_does_not_fetch_its_answer_loses_its_place_to_the_next() {
    let limits = Limits { connections_max: 1, write_timeout: SOON, ..Limits::default() };
    let server = server_of(limits, large_ledger());
    let mut lazy = server.connect();
    write!(lazy, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut first_byte = [0];
    lazy.read_exact(&mut first_byte).unwrap();
    assert_eq!(server.ask("GET", "/-/healthy").status, 200, "the only place is free again");
    let fetched = read_to_close(&mut lazy);
    assert!(fetched < 15_000_000, "the answer was cut, not finished: {fetched}");
}

#[test]
fn clients_over_the_limit_wait_in_line() {
    let server = server(Limits { connections_max: 2, ..Limits::default() });
    let mut held: Vec<_> = (0..2).map(|_| server.connect()).collect();
    for stream in &mut held {
        write!(stream, "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        assert_eq!(read_answer(stream).status, 200);
    }
    let mut third = server.connect();
    write!(third, "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    third.set_read_timeout(Some(SOON)).unwrap();
    let waiting = third.read(&mut [0]).expect_err("no place is free");
    assert!(matches!(waiting.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{waiting}");
    drop(held.pop());
    third.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(read_answer(&mut third).status, 200);
}

#[test]
fn a_head_over_eight_kibibytes_is_refused() {
    let server = server(Limits::default());
    let mut stream = server.connect();
    let head = format!("GET /metrics HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n", "x".repeat(9_000));
    stream.write_all(head.as_bytes()).unwrap();
    let mut first = [0; 12];
    stream.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 431");
    assert_eq!(server.ask("GET", "/-/healthy").status, 200);
}

#[test]
fn noise_is_answered_with_a_refusal_and_harms_nobody() {
    let server = server(Limits::default());
    for noise in
        [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"[..], b"GET\r\n\r\n", b"\0\0\0\0\r\n\r\n"]
    {
        let mut stream = server.connect();
        stream.write_all(noise).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap_or_default();
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"), "{answer:?}");
    }
    assert_eq!(server.ask("GET", "/-/healthy").status, 200);
}

#[test]
fn a_body_nobody_asked_for_is_not_waited_for() {
    let server = server(Limits::default());
    let mut stream = server.connect();
    write!(stream, "GET /-/healthy HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n").unwrap();
    assert_eq!(read_answer(&mut stream).status, 200);
    read_to_close(&mut stream);
}

#[test]
fn health_does_not_wait_for_whoever_holds_the_ledger() {
    let server = server(Limits::default());
    let held = server.shared.ledger();
    assert_eq!(server.ask("GET", "/-/healthy").status, 200);
    assert_eq!(server.ask("GET", "/-/ready").status, 503);
    drop(held);
}

#[test]
fn a_port_in_use_is_an_error_that_names_the_address() {
    let server = server(Limits::default());
    let free = "127.0.0.1:0".parse().unwrap();
    let error = bind(&[free, server.addr]).expect_err("the port is in use");
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    assert!(error.to_string().contains(&server.addr.to_string()), "{error}");
}

#[test]
fn a_shutdown_takes_less_than_a_second_whatever_clients_do() {
    let server = server(Limits::default());
    let _silent = server.connect();
    let mut half = server.connect();
    write!(half, "GET /metrics HT").unwrap();
    let mut idle = server.connect();
    write!(idle, "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    assert_eq!(read_answer(&mut idle).status, 200);
    let began = Instant::now();
    server.stop.send(()).unwrap();
    server.runtime.block_on(server.served).unwrap().unwrap();
    let took = began.elapsed();
    assert!(took < Duration::from_millis(1_500), "{took:?}, with half a second for a busy machine");
    assert_eq!(read_to_close(&mut idle), 0);
    let refused = TcpStream::connect(server.addr).expect_err("nobody listens any more");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}
