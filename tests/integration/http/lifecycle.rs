//! Reload and quit: who may, what is said, and that no page in a browser can.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use faultline::event::CodeBook;
use faultline::export::{Lifecycle, Limits};
use faultline::ledger::{Ledger, Limits as LedgerLimits};

use super::{Server, server_of};
use crate::cli::process::{Running, get};

#[derive(Clone, Default)]
struct Calls {
    reloads: Arc<AtomicUsize>,
    quits: Arc<AtomicUsize>,
}

impl Calls {
    fn so_far(&self) -> (usize, usize) {
        (self.reloads.load(Ordering::SeqCst), self.quits.load(Ordering::SeqCst))
    }
}

/// Every second reload finds something wrong.
fn server() -> (Server, Calls) {
    let calls = Calls::default();
    let (reloads, quits) = (calls.reloads.clone(), calls.quits.clone());
    let lifecycle = Lifecycle {
        reload: Box::new(move || match reloads.fetch_add(1, Ordering::SeqCst) % 2 {
            0 => Ok(String::new()),
            _ => Err("rules/a.yaml:3:5: <b>unknown</b> field\nrules/b.yaml:1:1: empty".to_owned()),
        }),
        quit: Box::new(move || {
            quits.fetch_add(1, Ordering::SeqCst);
        }),
    };
    let ledger = Ledger::new(LedgerLimits::default(), CodeBook::default());
    (server_of(Limits::default(), ledger, Some(lifecycle)), calls)
}

#[test]
fn a_reload_says_what_came_of_it() {
    let (server, calls) = server();
    assert_eq!(server.ask("POST", "/-/reload").status, 200);
    let failed = server.ask("PUT", "/-/reload");
    assert_eq!((failed.status, failed.header("content-type")), (500, Some("text/plain; charset=utf-8")));
    assert_eq!(failed.body, "rules/a.yaml:3:5: <b>unknown</b> field\nrules/b.yaml:1:1: empty\n");
    for method in ["GET", "HEAD", "DELETE", "OPTIONS"] {
        for path in ["/-/reload", "/-/quit"] {
            let answer = server.ask(method, path);
            assert_eq!((answer.status, answer.header("allow")), (405, Some("POST, PUT")), "{method} {path}");
        }
    }
    assert_eq!(calls.so_far(), (2, 0));
    assert_eq!(["POST", "PUT"].map(|method| server.ask(method, "/-/quit").status), [200, 200]);
    assert_eq!(calls.so_far(), (2, 2));
    assert_eq!(server.told("faultline_http_requests_total{code=\"500\",handler=\"/-/reload\"}"), 1);
}

#[test]
fn no_page_in_a_browser_can_reload_or_quit() {
    let (server, calls) = server();
    let own = format!("Origin: http://{}\r\n", server.addr);
    for headers in [
        "Origin: https://evil.example\r\n",
        "Origin: null\r\n",
        "Origin: \r\n",
        "origin: http://x\r\nSec-Fetch-Site: same-origin\r\n",
        "Sec-Fetch-Site: cross-site\r\n",
        "SEC-FETCH-SITE: same-site\r\n",
        &own,
    ] {
        for path in ["/-/reload", "/-/quit"] {
            let refused = server.ask_with("POST", path, headers);
            assert_eq!(refused.status, 403, "{headers}");
            assert!(refused.header("access-control-allow-origin").is_none());
        }
        assert_eq!(server.ask_with("GET", "/metrics", headers).status, 200, "reading is not changed by it");
    }
    // A page would have to ask before it sends such a request, and gets no leave.
    let asked =
        server.ask_with("OPTIONS", "/-/quit", "Origin: http://x\r\nAccess-Control-Request-Method: PUT\r\n");
    assert_eq!(asked.status, 405);
    assert!(asked.headers().all(|(name, _)| !name.starts_with("access-control")), "{}", asked.head);
    assert_eq!(calls.so_far(), (0, 0));
}

#[test]
fn the_daemon_quits_when_it_is_asked_to_and_may_be() {
    let mut daemon = Running::daemon(&["--web.enable-lifecycle", "--web.telemetry-path", "/a/metrics"]);
    let address = daemon.address();
    daemon.write(b"nothing in it\n");
    assert!(get(&address, "/a/metrics").starts_with("HTTP/1.1 200"));
    assert!(get(&address, "/metrics").starts_with("HTTP/1.1 404"));
    assert!(get(&address, "/-/quit").starts_with("HTTP/1.1 405"));
    assert!(post(&address, "/-/quit").starts_with("HTTP/1.1 200"));
    assert_eq!(daemon.exit_code(), Some(0));
}

#[test]
fn the_daemon_stays_when_nobody_may() {
    for flags in [&[][..], &["--web.enable-lifecycle=false"]] {
        let mut daemon = Running::daemon(flags);
        let address = daemon.address();
        for path in ["/-/quit", "/-/reload"] {
            let answer = post(&address, path);
            assert!(
                answer.starts_with("HTTP/1.1 403") && answer.contains("--web.enable-lifecycle"),
                "{answer}"
            );
        }
        assert!(get(&address, "/healthz").starts_with("HTTP/1.1 200"));
    }
}

fn post(address: &str, path: &str) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(super::PATIENCE)).unwrap();
    write!(stream, "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}
