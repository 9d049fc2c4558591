//! What is asked in the proper way and what comes back.

use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use faultline::event::CodeBook;
use faultline::export::{Format, Limits, bind};
use faultline::ledger::{Ledger, Limits as LedgerLimits};

use super::{Answer, read_answer, read_to_close, server, server_at};
use crate::exposition::parse;

const READING: [&str; 2] = ["GET", "HEAD"];
const CHANGING: [&str; 2] = ["POST", "PUT"];
const OTHERS: [&str; 6] = ["DELETE", "PATCH", "OPTIONS", "TRACE", "FROBNICATE", "get"];

#[test]
fn every_method_and_path_has_its_answer() {
    let server = server(Limits::default());
    let reading = [
        ("/metrics", 200),
        ("/metrics?x=1", 200),
        ("/-/healthy", 200),
        ("/healthz", 200),
        ("/-/ready", 503),
        ("/readyz", 503),
        ("/", 200),
        ("http://elsewhere.example/metrics", 200),
        ("http://elsewhere.example", 200),
    ];
    for (path, status) in reading {
        for method in READING {
            let answer = server.ask(method, path);
            assert_eq!(
                (answer.status, answer.body.is_empty()),
                (status, method == "HEAD"),
                "{method} {path}"
            );
        }
        for method in CHANGING.iter().chain(&OTHERS) {
            let answer = server.ask(method, path);
            assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")), "{method} {path}");
        }
    }
    for path in ["/-/reload", "/-/quit"] {
        for method in READING.iter().chain(&OTHERS) {
            let answer = server.ask(method, path);
            assert_eq!((answer.status, answer.header("allow")), (405, Some("POST, PUT")), "{method} {path}");
        }
        for method in CHANGING {
            let answer = server.ask(method, path);
            assert_eq!(answer.status, 403, "{method} {path}");
            assert!(answer.body.contains("--web.enable-lifecycle"), "{}", answer.body);
        }
    }
    server.shared.set_ready(true);
    assert_eq!(["/-/ready", "/readyz"].map(|path| server.ask("GET", path).status), [200, 200]);
}

#[test]
fn there_is_one_way_to_write_each_path() {
    let server = server(Limits::default());
    for path in [
        "/metrics/",
        "/METRICS",
        "/%6detrics",
        "//metrics",
        "/x",
        "/../metrics",
        "/./metrics",
        "/metrics/..",
        "/metrics%2f",
        "/%2e%2e/metrics",
        "/..%2fmetrics",
        "/metrics;x",
        "/metrics%00",
        "/-/",
        "/-",
        "/-/healthy/",
        "/-/../metrics",
        "/..%2f..%2fetc/passwd",
        "/etc/passwd",
        "/\\metrics",
        "*",
        "/other",
        "/healthz/",
        "/-%2fquit",
    ] {
        for method in ["GET", "POST", "PUT", "DELETE"] {
            let status = server.ask(method, path).status;
            assert_eq!(status, 404, "{method} {path}");
        }
    }
    let connect = server.ask("CONNECT", "elsewhere.example:443");
    assert_eq!(connect.status, 404);
}

#[test]
fn the_metrics_are_where_they_were_put() {
    let ledger = Ledger::new(LedgerLimits::default(), CodeBook::default());
    let server = server_at("/a/b", Limits::default(), ledger, None);
    assert_eq!(
        ["/a/b", "/metrics", "/a", "/a/b/"].map(|path| server.ask("GET", path).status),
        [200, 404, 404, 404]
    );
    let page = server.ask("GET", "/").body;
    assert!(page.contains("href=\"/a/b\"") && !page.contains("/metrics"), "{page}");
    assert_eq!(
        server.told("faultline_http_requests_total{code=\"200\",handler=\"/metrics\"}"),
        1,
        "a fixed label"
    );
}

#[test]
fn head_says_what_get_says_without_the_body() {
    let server = server(Limits::default());
    for path in ["/-/healthy", "/-/ready", "/", "/nothing", "/metrics", "/-/reload"] {
        let (get, head) = (server.ask("GET", path), server.ask("HEAD", path));
        assert_eq!((head.status, head.body.as_str()), (get.status, ""), "{path}");
        assert_eq!(get.header("content-length"), Some(get.body.len().to_string().as_str()), "{path}");
        // Counters go on between the two, and so do clocks.
        let is_kept =
            |(name, _): &(&str, &str)| *name != "date" && (path != "/metrics" || *name != "content-length");
        let kept = |answer: &Answer| {
            answer.headers().filter(is_kept).map(|(n, v)| format!("{n}: {v}")).collect::<Vec<_>>()
        };
        assert_eq!(kept(&head), kept(&get), "{path}");
        assert!(head.header("content-length").is_some_and(|length| length != "0"), "{path}");
    }
    assert_eq!(server.ask("HEAD", "/metrics").header("content-type"), Some(Format::Text.content_type()));
}

#[test]
fn the_old_protocol_is_spoken_to_those_who_speak_it() {
    let server = server(Limits::default());
    let mut stream = server.connect();
    write!(stream, "GET /-/healthy HTTP/1.0\r\n\r\n").unwrap();
    let answer = Answer::of(&String::from_utf8(read_to_close(&mut stream)).unwrap());
    assert_eq!((answer.status, answer.body.as_str()), (200, "healthy\n"));
    assert!(answer.head.starts_with("HTTP/1.0 200"), "{}", answer.head);
    let mut stream = server.connect();
    for _ in 0..2 {
        write!(stream, "GET /-/healthy HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").unwrap();
        assert_eq!(read_answer(&mut stream).body, "healthy\n");
    }
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
    let mut idle = server.idle();
    let began = Instant::now();
    server.stop.send(()).unwrap();
    server.runtime.block_on(server.served).unwrap().unwrap();
    let took = began.elapsed();
    assert!(took < Duration::from_millis(1_500), "{took:?}, with half a second for a busy machine");
    assert_eq!(read_to_close(&mut idle), b"");
    let refused = TcpStream::connect(server.addr).expect_err("nobody listens any more");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}
