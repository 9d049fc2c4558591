//! A scrape from its request to its last byte: which form it gets, who shares a rendering, what a filter leaves.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::io::Read;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use faultline::event::{CodeBook, Delta};
use faultline::export::{Answer, AnswerBody, Ask, Format, Shared, Unrendered};
use faultline::ledger::{Ledger, Limits};
use faultline::telemetry::Telemetry;
use hyper::Request;
use hyper::body::{Body as _, Bytes};

use super::{full_ledger, parse};

const OPEN: &str = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

fn shared(ledger: Ledger) -> Arc<Shared> {
    Arc::new(Shared::new(ledger, Telemetry::of_this_build()))
}

fn empty() -> Ledger {
    Ledger::new(Limits::default(), CodeBook::default())
}

pub(super) fn ask(method: &str, uri: &str, headers: &[(&str, &str)]) -> Ask {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Ask::of(&request.body(()).unwrap(), IpAddr::from([192, 0, 2, 1]))
}

fn get(headers: &[(&str, &str)]) -> Ask {
    ask("GET", "/metrics", headers)
}

/// The next piece, as a connection takes it.
pub(super) async fn piece(body: &mut AnswerBody) -> Option<Bytes> {
    let frame = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await?;
    Some(frame.expect("nobody cuts it").into_data().expect("data only"))
}

pub(super) async fn fetched(answer: Answer) -> Vec<u8> {
    let (mut body, mut bytes) = (answer.body, Vec::new());
    let length = body.length();
    while let Some(piece) = piece(&mut body).await {
        bytes.extend_from_slice(&piece);
    }
    assert_eq!(bytes.len(), length, "the length is told beforehand");
    body.take_receipt().into_iter().for_each(|receipt| receipt());
    bytes
}

fn unzipped(bytes: &[u8]) -> String {
    let mut text = String::new();
    flate2::read::GzDecoder::new(bytes).read_to_string(&mut text).unwrap();
    text
}

#[tokio::test]
async fn the_form_is_what_was_asked_for() {
    let shared = shared(full_ledger());
    for (headers, format, encoding) in [
        (&[][..], Format::Text, None),
        (&[("accept", "*/*")], Format::Text, None),
        (&[("accept", OPEN), ("accept-encoding", "gzip")], Format::OpenMetrics, Some("gzip")),
        (
            &[("accept", "text/plain;q=0.2"), ("accept", "application/openmetrics-text")],
            Format::OpenMetrics,
            None,
        ),
        (
            &[("accept", "application/openmetrics-text;q=0"), ("accept-encoding", "*")],
            Format::Text,
            Some("gzip"),
        ),
        (&[("accept-encoding", "gzip;q=0"), ("accept", OPEN)], Format::OpenMetrics, None),
        (&[("accept-encoding", "identity;q=0"), ("accept-encoding", "br")], Format::Text, None),
    ] {
        let answer = shared.scrape(get(headers)).await.unwrap();
        assert_eq!(answer.content_type, format.content_type(), "{headers:?}");
        assert_eq!(answer.content_encoding, encoding, "{headers:?}");
        let bytes = fetched(answer).await;
        let text = if encoding.is_some() { unzipped(&bytes) } else { String::from_utf8(bytes).unwrap() };
        assert_eq!(text.ends_with("# EOF\n"), format == Format::OpenMetrics, "{headers:?}");
        assert!(text.contains("\nfaultline_errors_total{"), "{headers:?}");
    }
}

#[tokio::test]
async fn a_scrape_shows_what_was_committed_before_it() {
    let shared = shared(empty());
    for foreign in 1..=3 {
        shared.ledger().commit(Delta { source: "s".into(), foreign: 1, ..Delta::default() });
        let scrapes: Vec<_> = (0..24)
            .map(|number| {
                let headers: &[_] = match number % 3 {
                    0 => &[],
                    1 => &[("accept-encoding", "gzip")],
                    _ => &[("accept", OPEN), ("accept-encoding", "gzip")],
                };
                let (shared, ask) = (shared.clone(), get(headers));
                tokio::spawn(async move { fetched(shared.scrape(ask).await.unwrap()).await })
            })
            .collect();
        for (number, scrape) in scrapes.into_iter().enumerate() {
            let bytes = scrape.await.unwrap();
            let text = if number % 3 == 0 { String::from_utf8(bytes).unwrap() } else { unzipped(&bytes) };
            assert!(text.contains(&format!("\nfaultline_foreign_total {foreign}\n")), "{text}");
        }
    }
}

/// Scrapes that have all asked before the first of them can be rendered.
fn waiting(
    shared: &Arc<Shared>,
    scrapes: usize,
    ask: impl Fn(usize) -> Ask,
) -> Vec<Pin<Box<impl Future<Output = Result<Answer, Unrendered>>>>> {
    let held = shared.ledger();
    let mut waiting = Vec::new();
    for number in 0..scrapes {
        let mut scrape = Box::pin(shared.scrape(ask(number)));
        assert!(scrape.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        waiting.push(scrape);
    }
    drop(held);
    waiting
}

/// Where the first piece of a body lies: bodies that share a rendering share it.
async fn place(mut answer: Answer) -> *const u8 {
    piece(&mut answer.body).await.unwrap().as_ptr()
}

#[tokio::test]
async fn scrapes_that_wait_together_share_a_rendering_and_a_compression() {
    let shared = shared(full_ledger());
    let waiting = waiting(&shared, 64, |number| match number % 2 {
        0 => get(&[]),
        _ => get(&[("accept-encoding", "gzip")]),
    });
    let mut answers = Vec::new();
    for scrape in waiting {
        answers.push(scrape.await.unwrap());
    }
    let mut places = BTreeSet::new();
    for answer in answers {
        let key = (answer.content_encoding, answer.body.length());
        places.insert((key, place(answer).await));
    }
    // The renderer had taken the first of them, or some, when the ledger was freed; the rest shared.
    assert!((2..=4).contains(&places.len()), "{places:?}");
}

#[tokio::test]
async fn different_views_do_not_mix() {
    let shared = shared(full_ledger());
    let asks = [
        ask("GET", "/metrics", &[]),
        ask("GET", "/metrics?name[]=faultline_series", &[]),
        ask("GET", "/metrics?name%5B%5D=faultline_errors&name[]=faultline_series", &[("accept", OPEN)]),
        ask("GET", "/metrics?name[]=nothing", &[("accept", OPEN), ("accept-encoding", "gzip")]),
        ask("GET", "/metrics?name[]=nothing", &[]),
    ];
    let scrapes = asks.map(|ask| {
        tokio::spawn({
            let shared = shared.clone();
            async move { fetched(shared.scrape(ask).await.unwrap()).await }
        })
    });
    let mut bodies = Vec::new();
    for scrape in scrapes {
        bodies.push(scrape.await.unwrap());
    }
    let text = |place: usize| String::from_utf8(bodies[place].clone()).unwrap();
    assert!(parse(&text(0)).len() > 50);
    assert!(parse(&text(1)).keys().all(|(name, _)| name == "faultline_series"));
    let types: Vec<_> =
        bodies[2].split(|b| *b == b'\n').filter(|line| line.starts_with(b"# TYPE ")).collect();
    assert_eq!(types, [&b"# TYPE faultline_errors counter"[..], b"# TYPE faultline_series gauge"]);
    assert_eq!((unzipped(&bodies[3]).as_str(), bodies[4].len()), ("# EOF\n", 0));
}

#[tokio::test]
async fn a_scrape_that_nobody_waits_for_any_more_stops_nobody() {
    let shared = shared(full_ledger());
    for _ in 0..3 {
        drop(waiting(&shared, 2, |_| get(&[])));
        assert!(fetched(shared.scrape(get(&[])).await.unwrap()).await.len() > 1_000);
    }
}
