//! Clients that are slow, silent, rude or one too many: each is let go in time, and none keeps another waiting.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use faultline::aggregation::{Limits as TallyLimits, Tally};
use faultline::event::{CodeBook, Delta, Judgement};
use faultline::export::{Lifecycle, Limits};
use faultline::ledger::{Ledger, Limits as LedgerLimits};

use super::{PATIENCE, SOON, read_answer, read_to_close, server, server_of};
use crate::exposition::matched;

/// Nobody is let go but by the limit that a test is about.
fn patient() -> Limits {
    Limits {
        first_byte_timeout: PATIENCE * 2,
        head_timeout: PATIENCE * 2,
        idle_timeout: PATIENCE * 2,
        stall_timeout: PATIENCE * 2,
        write_timeout: PATIENCE * 2,
        ..Limits::default()
    }
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

fn empty_ledger() -> Ledger {
    Ledger::new(LedgerLimits::default(), CodeBook::default())
}

/// Asks for the metrics, reads one byte of them.
fn lazy(mut stream: TcpStream) -> TcpStream {
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    stream.read_exact(&mut [0]).unwrap();
    stream
}

#[test]
fn a_client_that_says_nothing_is_let_go() {
    let server = server(Limits { first_byte_timeout: SOON, ..patient() });
    assert_eq!(read_to_close(&mut server.connect()), b"");
    assert_eq!(server.told("faultline_http_connections_closed_total{reason=\"head_timeout\"}"), 1);
}

#[test]
fn a_client_that_never_ends_its_request_is_let_go() {
    let server = server(Limits { head_timeout: SOON, ..patient() });
    let mut stream = server.connect();
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: x\r\nX-Slow: ").unwrap();
    // A byte now and then does not help: the time is that of the whole head.
    let mut dripping = stream.try_clone().unwrap();
    let began = Instant::now();
    std::thread::spawn(move || {
        while dripping.write_all(b"x").is_ok() {
            std::thread::yield_now();
        }
    });
    let answer = String::from_utf8(read_to_close(&mut stream)).unwrap();
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    assert!(began.elapsed() < PATIENCE);
    assert_eq!(server.ask("GET", "/-/healthy").status, 200);
}

#[test]
fn a_second_request_has_as_much_time_as_the_first_and_no_more() {
    let server = server(Limits { head_timeout: SOON, ..patient() });
    let mut stream = server.connect();
    // The first request and half of the second in one piece.
    write!(stream, "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\nGET /metr").unwrap();
    assert_eq!(read_answer(&mut stream).status, 200);
    assert_eq!(read_to_close(&mut stream), b"");
    assert_eq!(server.told("faultline_http_connections_closed_total{reason=\"head_timeout\"}"), 1);
}

#[test]
fn a_connection_that_is_done_is_not_kept_for_ever() {
    let server = server(Limits { idle_timeout: SOON, ..patient() });
    assert_eq!(read_to_close(&mut server.idle()), b"");
    assert_eq!(server.told("faultline_http_connections_closed_total{reason=\"idle_timeout\"}"), 1);
}

#[test]
fn a_client_that_does_not_fetch_its_answer_is_let_go() {
    for limits in [Limits { write_timeout: SOON, ..patient() }, Limits { stall_timeout: SOON, ..patient() }] {
        let server = server_of(limits, large_ledger(), None);
        let mut lazy = lazy(server.connect());
        while server.told("faultline_http_connections_closed_total{reason=\"answer_timeout\"}") == 0 {
            std::thread::yield_now();
        }
        let fetched = read_to_close(&mut lazy).len();
        assert!(fetched < 15_000_000, "the answer was cut, not finished: {fetched}");
    }
}

#[test]
fn one_too_many_takes_the_place_of_the_longest_idle() {
    let server = server(Limits { connections_max: 2, ..patient() });
    let mut held = [server.idle(), server.idle()];
    let mut third = server.idle();
    assert_eq!(read_to_close(&mut held[0]), b"");
    for stream in [&mut held[1], &mut third] {
        write!(stream, "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        assert_eq!(read_answer(stream).status, 200, "it was kept");
    }
    assert_eq!(server.told("faultline_http_connections_closed_total{reason=\"idle_evicted\"}"), 1);
    assert_eq!(server.told("faultline_http_connections"), 2);
}

#[test]
fn half_a_request_gives_way_before_a_connection_that_had_an_answer() {
    let server =
        server(Limits { connections_max: 3, grace: Duration::ZERO, settling: Duration::ZERO, ..patient() });
    let mut idle = server.idle();
    let mut half = server.connect();
    write!(half, "GET /metr").unwrap();
    let mut silent = server.connect();
    // Two newcomers push out two; both were worth less than the idle one.
    let mut kept = [server.idle(), server.idle()];
    assert_eq!((read_to_close(&mut half), read_to_close(&mut silent)), (vec![], vec![]));
    for stream in kept.iter_mut().chain([&mut idle]) {
        write!(stream, "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        assert_eq!(read_answer(stream).status, 200, "it was kept");
    }
    assert_eq!(server.told("faultline_http_connections_closed_total{reason=\"head_evicted\"}"), 2);
}

#[test]
fn clients_that_do_not_fetch_their_answers_keep_nobody_waiting() {
    let server = server_of(Limits { connections_max: 4, ..patient() }, large_ledger(), None);
    let _lazy: Vec<_> = (0..4).map(|_| lazy(server.connect())).collect();
    for _ in 0..8 {
        let answer = server.ask("GET", "/metrics");
        assert_eq!(answer.status, 200);
        assert_eq!(
            answer.header("content-length"),
            Some(answer.body.len().to_string().as_str()),
            "all of it"
        );
    }
    assert!(server.told("faultline_http_connections_closed_total{reason=\"answer_evicted\"}") >= 1);
}

#[test]
fn a_request_that_is_worked_on_keeps_its_place() {
    let (go_on, wait) = mpsc::sync_channel::<()>(0);
    let wait = std::sync::Mutex::new(wait);
    let (began, has_begun) = mpsc::channel();
    let reload = move || {
        began.send(()).map_err(|error| error.to_string())?;
        wait.lock().unwrap().recv_timeout(PATIENCE).map_err(|error| error.to_string())?;
        Ok(String::new())
    };
    let lifecycle = Lifecycle { reload: Box::new(reload), quit: Box::new(|| ()) };
    let limits = Limits { connections_max: 2, grace: Duration::ZERO, ..patient() };
    let server = server_of(limits, empty_ledger(), Some(lifecycle));
    let mut reloading = server.connect();
    write!(reloading, "POST /-/reload HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    has_begun.recv_timeout(PATIENCE).unwrap();
    for _ in 0..5 {
        assert_eq!(server.ask("GET", "/-/healthy").status, 200, "a reload keeps nobody waiting");
        assert_eq!(server.ask("GET", "/metrics").status, 200);
    }
    let busy = server.ask("POST", "/-/reload");
    assert_eq!((busy.status, busy.header("retry-after")), (503, Some("1")), "one at a time");
    go_on.send(()).unwrap();
    assert_eq!(read_answer(&mut reloading).status, 200);
}

/// Workers and requests share the ledger's lock.
#[test]
fn no_request_can_stop_the_scan() {
    const COMMITS: u64 = 300;
    let server = server_of(patient(), large_ledger(), None);
    let (stop, stopped) = (std::sync::atomic::AtomicBool::new(false), Instant::now());
    let mut waits: Vec<Duration> = Vec::new();
    let asked = std::thread::scope(|scope| {
        let askers: Vec<_> = ["/metrics", "/", "/metrics", "/", "/-/ready", "/"]
            .map(|path| {
                let (server, stop) = (&server, &stop);
                scope.spawn(move || {
                    let mut stream = server.connect();
                    let mut answers = 0;
                    while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
                        read_answer(&mut stream);
                        answers += 1;
                    }
                    answers
                })
            })
            .into_iter()
            .collect();
        for _ in 0..COMMITS {
            let began = Instant::now();
            server.shared.ledger().commit(Delta { source: "s".into(), foreign: 1, ..Delta::default() });
            waits.push(began.elapsed());
            std::thread::yield_now();
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        askers.into_iter().map(|asker| asker.join().unwrap()).collect::<Vec<u64>>()
    });
    waits.sort_unstable();
    let (median, most) = (waits[waits.len() / 2], waits[waits.len() - 1]);
    println!(
        "{COMMITS} commits beside {asked:?} answers in {:?}: median {median:?}, max {most:?}",
        stopped.elapsed()
    );
    assert!(asked.iter().sum::<u64>() > 0);
    assert!(most < Duration::from_secs(2), "a commit waited for {most:?}");
    let scrape = server.ask("GET", "/metrics").body;
    assert!(scrape.contains(&format!("\nfaultline_foreign_total {COMMITS}\n")));
}
