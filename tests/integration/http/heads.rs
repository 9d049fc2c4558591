//! What is no proper request: answered with a refusal or closed, and never a word about what came behind it.

use std::io::Write;

use faultline::export::{Lifecycle, Limits};

use super::{Answer, PATIENCE, Server, read_to_close, server, server_of};

/// What the server says to these bytes, with the client's side left open.
fn said(server: &Server, bytes: &[u8]) -> Option<(u16, String)> {
    let mut stream = server.connect();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // The server may close before all is written.
    let _ = stream.write_all(bytes);
    let answer = String::from_utf8(read_to_close(&mut stream)).unwrap();
    (!answer.is_empty()).then(|| (Answer::of(&answer).status, answer))
}

/// Two requests in one, for servers that find another end of the first than whoever sits in front of them.
const SMUGGLED: &str = "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n";

#[test]
fn a_request_that_may_be_read_in_two_ways_is_refused_and_ends_the_connection() {
    let server = server(Limits::default());
    let body = format!("{:x}\r\n{SMUGGLED}\r\n0\r\n\r\n", SMUGGLED.len());
    let length = SMUGGLED.len();
    for (shape, bytes) in [
        (
            "both lengths",
            format!(
                "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n{body}"
            ),
        ),
        (
            "both, turned",
            format!(
                "GET /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n{body}"
            ),
        ),
        ("chunks", format!("GET /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{body}")),
        (
            "no chunks",
            format!(
                "GET /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{SMUGGLED}"
            ),
        ),
        (
            "an unknown coding",
            format!("GET /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n{SMUGGLED}"),
        ),
        (
            "identity",
            format!("GET /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\n{SMUGGLED}"),
        ),
        (
            "two codings",
            format!(
                "GET /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n{SMUGGLED}"
            ),
        ),
        (
            "a blank before the colon",
            format!("GET /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n{SMUGGLED}"),
        ),
        ("chunks of old", format!("GET /metrics HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n{SMUGGLED}")),
        ("a body", format!("GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{SMUGGLED}")),
        (
            "a body of one",
            format!("GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx{SMUGGLED}"),
        ),
        (
            "a body, told twice",
            format!(
                "GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\nContent-Length: {length}\r\n\r\n{SMUGGLED}"
            ),
        ),
        (
            "two lengths",
            format!(
                "GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: {length}\r\n\r\n{SMUGGLED}"
            ),
        ),
        (
            "a list of lengths",
            format!("GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0, {length}\r\n\r\n{SMUGGLED}"),
        ),
        (
            "a signed length",
            format!("GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: +0\r\n\r\n{SMUGGLED}"),
        ),
        (
            "a negative length",
            format!("GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n{SMUGGLED}"),
        ),
        (
            "a length in hex",
            format!("GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0x0\r\n\r\n{SMUGGLED}"),
        ),
        (
            "a length without end",
            format!(
                "GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n{SMUGGLED}"
            ),
        ),
        ("a bare line feed", format!("GET /metrics HTTP/1.1\r\nHost: x\r\nX-A: b\nX-C: d\r\n\r\n{SMUGGLED}")),
        ("bare line feeds", format!("GET /metrics HTTP/1.1\nHost: x\n\n{SMUGGLED}")),
        ("a bare line feed at the end", format!("GET /metrics HTTP/1.1\r\nHost: x\r\n\n{SMUGGLED}")),
        ("a bare line feed at the begin", format!("\nGET /metrics HTTP/1.1\r\nHost: x\r\n\r\n{SMUGGLED}")),
        (
            "a bare carriage return",
            format!("GET /metrics HTTP/1.1\r\nHost: x\r\nX-A: b\rX-C: d\r\n\r\n{SMUGGLED}"),
        ),
        ("NUL in a value", format!("GET /metrics HTTP/1.1\r\nHost: x\r\nX-A: b\0c\r\n\r\n{SMUGGLED}")),
        ("NUL in a name", format!("GET /metrics HTTP/1.1\r\nHost: x\r\nX\0A: b\r\n\r\n{SMUGGLED}")),
        ("NUL in a path", format!("GET /met\0rics HTTP/1.1\r\nHost: x\r\n\r\n{SMUGGLED}")),
        ("NUL in a method", format!("G\0T /metrics HTTP/1.1\r\nHost: x\r\n\r\n{SMUGGLED}")),
        ("a folded line", format!("GET /metrics HTTP/1.1\r\nHost: x\r\nX-A: b\r\n c\r\n\r\n{SMUGGLED}")),
        ("a folded line at once", format!("GET /metrics HTTP/1.1\r\n Host: x\r\n\r\n{SMUGGLED}")),
        ("no colon", format!("GET /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding\r\n\r\n{SMUGGLED}")),
        ("no name", format!("GET /metrics HTTP/1.1\r\nHost: x\r\n: chunked\r\n\r\n{SMUGGLED}")),
        ("no host", format!("GET /metrics HTTP/1.1\r\nX: y\r\n\r\n{SMUGGLED}")),
        ("two hosts", format!("GET /metrics HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n{SMUGGLED}")),
        ("two blanks", format!("GET  /metrics HTTP/1.1\r\nHost: x\r\n\r\n{SMUGGLED}")),
        ("a tab", format!("GET\t/metrics HTTP/1.1\r\nHost: x\r\n\r\n{SMUGGLED}")),
        ("no path", format!("GET HTTP/1.1\r\nHost: x\r\n\r\n{SMUGGLED}")),
        ("no version", format!("GET /metrics\r\nHost: x\r\n\r\n{SMUGGLED}")),
        ("another version", format!("GET /metrics HTTP/1.2\r\nHost: x\r\n\r\n{SMUGGLED}")),
        ("a newer version", format!("GET /metrics HTTP/2.0\r\nHost: x\r\n\r\n{SMUGGLED}")),
        ("the newer preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned()),
        ("TLS", "\x16\x03\x01\x02\0\x01\0\x01\u{7f}\x03\x03\r\n\r\n".to_owned()),
        ("NULs", "\0\0\0\0\r\n\r\n".to_owned()),
    ] {
        if let Some((status, answer)) = said(&server, bytes.as_bytes()) {
            assert!([400, 405, 413].contains(&status), "{shape}: {answer}");
            assert!(!answer.contains("healthy"), "{shape}: {answer}");
            assert_eq!(answer.matches("HTTP/1.").count(), 1, "{shape}: {answer}");
        }
        assert_eq!(server.ask("GET", "/-/healthy").body, "healthy\n", "after {shape}");
    }
}

#[test]
fn a_head_over_eight_kibibytes_is_refused() {
    let server = server(Limits::default());
    let fits = format!("X-Long: {}\r\n", "x".repeat(7_500));
    assert_eq!(server.ask_with("GET", "/-/healthy", &fits).status, 200);
    for (shape, bytes) in [
        ("a value", format!("GET /metrics HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n", "x".repeat(9_000))),
        ("a name", format!("GET /metrics HTTP/1.1\r\nHost: x\r\n{}: x\r\n\r\n", "x".repeat(9_000))),
        ("a path", format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(9_000))),
        ("a method", format!("{} / HTTP/1.1\r\nHost: x\r\n\r\n", "X".repeat(9_000))),
        ("many", format!("GET /metrics HTTP/1.1\r\nHost: x\r\n{}\r\n", "X: y\r\n".repeat(120))),
        ("without end", format!("GET /metrics HTTP/1.1\r\nHost: x\r\nX-Long: {}", "x".repeat(60_000))),
        ("empty lines", "\r\n".repeat(30_000)),
    ] {
        let answer = said(&server, bytes.as_bytes());
        assert!(answer.as_ref().is_none_or(|(status, _)| [431, 414].contains(status)), "{shape}: {answer:?}");
        assert_eq!(server.ask("GET", "/-/healthy").status, 200, "after {shape}");
    }
}

#[test]
fn a_body_nobody_asked_for_is_not_waited_for() {
    let told = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let tell = told.clone();
    let reload = move || {
        tell.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Ok(String::new())
    };
    let lifecycle = Lifecycle { reload: Box::new(reload), quit: Box::new(|| ()) };
    let ledger = faultline::ledger::Ledger::new(Default::default(), Default::default());
    let server = server_of(Limits { connections_max: 1, ..Limits::default() }, ledger, Some(lifecycle));
    for (method, path) in
        [("GET", "/-/healthy"), ("POST", "/-/reload"), ("PUT", "/-/reload"), ("POST", "/-/quit")]
    {
        for head in [
            "Content-Length: 1000000000\r\n",
            "Transfer-Encoding: chunked\r\n",
            "Content-Length: 9\r\nExpect: 100-continue\r\n",
        ] {
            let mut stream = server.connect();
            write!(stream, "{method} {path} HTTP/1.1\r\nHost: x\r\n{head}\r\n").unwrap();
            // Chunks without end, until the server has enough.
            let mut endless = stream.try_clone().unwrap();
            std::thread::spawn(move || while endless.write_all(b"4\r\nabcd\r\n").is_ok() {});
            let answer = String::from_utf8(read_to_close(&mut stream)).unwrap();
            // A reset may overtake it.
            assert!(
                answer.is_empty() || answer.starts_with("HTTP/1.1 413"),
                "{method} {path} {head}: {answer}"
            );
        }
    }
    assert_eq!(told.load(std::sync::atomic::Ordering::Relaxed), 0);
    assert_eq!(server.ask_with("POST", "/-/reload", "Content-Length: 0\r\n").status, 200, "none is none");
}
