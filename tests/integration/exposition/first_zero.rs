//! Zero first, from request to request: a scraper is shown a series at 0 before its first count, whoever else looks sees
//! the truth, and only an answer that was fetched in full moves a scraper on. The rules themselves are the ledger's.

use std::io::{Read, Write};
use std::sync::Arc;

use faultline::aggregation::{Limits as TallyLimits, Tally};
use faultline::event::{CodeBook, Millis};
use faultline::export::{Ask, Limits, Shared};
use faultline::ledger::{Exposure, Ledger, Limits as LedgerLimits, ZeroFirst};
use faultline::telemetry::Telemetry;

use super::scraping::{ask, fetched, piece};
use super::{judged, matched, parse};
use crate::http::clients::large_ledger;
use crate::http::server_of;

const SCRAPER: [(&str, &str); 2] =
    [("x-prometheus-scrape-timeout-seconds", "10"), ("user-agent", "Prometheus/3.7.3")];

fn shared(zero_first: ZeroFirst) -> Arc<Shared> {
    let exposure = Exposure { zero_first, ..Exposure::default() };
    let ledger = Ledger::exposed(LedgerLimits::default(), CodeBook::default(), exposure);
    let shared = Arc::new(Shared::new(ledger, Telemetry::of_this_build()));
    shared.tick(Millis(1_700_000_000_000));
    shared
}

/// Time does not go on: no series ever comes of age.
fn tick(shared: &Shared) {
    shared.tick(Millis(1_700_000_000_000));
}

fn error(shared: &Shared, code: &str) {
    let mut tally = Tally::new("s".into(), TallyLimits::default());
    tally.tally(&judged(matched("okta", code, None)), 1, None);
    shared.ledger().commit(tally.take());
}

fn shown_in(text: &str, code: &str) -> Option<f64> {
    let is_it = |labels: &std::collections::BTreeMap<_, _>| labels.get("code").is_some_and(|c| c == code);
    let samples = parse(text);
    let (_, value) =
        samples.iter().find(|((n, labels), _)| n == "faultline_errors_total" && is_it(labels))?;
    Some(*value)
}

async fn text(shared: &Arc<Shared>, ask: Ask) -> String {
    String::from_utf8(fetched(shared.scrape(ask).await.unwrap()).await).unwrap()
}

async fn shown(shared: &Arc<Shared>, headers: &[(&str, &str)], code: &str) -> Option<f64> {
    shown_in(&text(shared, ask("GET", "/metrics", headers)).await, code)
}

#[tokio::test]
async fn a_scraper_sees_zero_first_and_everybody_else_the_truth() {
    let shared = shared(ZeroFirst::Scrapers);
    let replica = [SCRAPER[0], ("user-agent", "Prometheus/3.7.3 (replica)")];
    assert_eq!(shown(&shared, &SCRAPER, "late").await, None);
    error(&shared, "late");
    assert_eq!(shown(&shared, &[("user-agent", "curl/8.14")], "late").await, Some(1.0));
    assert_eq!(shown(&shared, &SCRAPER, "late").await, Some(0.0));
    assert_eq!(shown(&shared, &SCRAPER, "late").await, Some(0.0), "nothing is committed before the tick");
    tick(&shared);
    error(&shared, "late");
    assert_eq!(shown(&shared, &replica, "late").await, Some(0.0), "the other one has not seen it");
    assert_eq!(shown(&shared, &SCRAPER, "late").await, Some(2.0));
    tick(&shared);
    assert_eq!(shown(&shared, &replica, "late").await, Some(2.0));
}

#[tokio::test]
async fn only_an_answer_that_was_fetched_in_full_moves_a_scraper_on() {
    let shared = shared(ZeroFirst::Scrapers);
    error(&shared, "late");
    let late = "/metrics?name[]=faultline_errors_total";
    let hurried = [("x-prometheus-scrape-timeout-seconds", "0"), SCRAPER[1]];
    for attempt in ["filtered", "head", "hung up", "too late", "not fetched"] {
        let scrape = |method, uri, headers| shared.scrape(ask(method, uri, headers));
        match attempt {
            "filtered" => {
                assert_eq!(shown_in(&text(&shared, ask("GET", late, &SCRAPER)).await, "late"), Some(0.0))
            }
            "head" => drop(fetched(scrape("HEAD", "/metrics", &SCRAPER).await.unwrap()).await),
            "hung up" => {
                let mut answer = scrape("GET", "/metrics", &SCRAPER).await.unwrap();
                assert!(piece(&mut answer.body).await.is_some());
            }
            "too late" => assert_eq!(shown(&shared, &hurried, "late").await, Some(0.0)),
            _ => drop(scrape("GET", "/metrics", &SCRAPER).await.unwrap()),
        }
        tick(&shared);
        assert_eq!(
            shown_in(&text(&shared, ask("GET", late, &SCRAPER)).await, "late"),
            Some(0.0),
            "{attempt}"
        );
    }
    assert_eq!(shown(&shared, &SCRAPER, "late").await, Some(0.0));
    tick(&shared);
    assert_eq!(shown_in(&text(&shared, ask("GET", late, &SCRAPER)).await, "late"), Some(1.0));
}

#[tokio::test]
async fn the_setting_decides_whom_it_is_for() {
    let curl = [("user-agent", "curl/8.14")];
    for (zero_first, to_curl, to_scraper) in
        [(ZeroFirst::Always, 0.0, 0.0), (ZeroFirst::Scrapers, 1.0, 0.0), (ZeroFirst::Never, 1.0, 1.0)]
    {
        let shared = shared(zero_first);
        error(&shared, "late");
        assert_eq!(shown(&shared, &curl, "late").await, Some(to_curl), "{zero_first:?}");
        assert_eq!(shown(&shared, &SCRAPER, "late").await, Some(to_scraper), "{zero_first:?}");
        tick(&shared);
        assert_eq!(shown(&shared, &curl, "late").await, Some(1.0), "{zero_first:?}");
        assert_eq!(shown(&shared, &SCRAPER, "late").await, Some(1.0), "{zero_first:?}");
    }
}

#[tokio::test]
async fn scrapers_that_are_to_see_different_things_share_nothing() {
    let shared = shared(ZeroFirst::Scrapers);
    error(&shared, "late");
    shown(&shared, &SCRAPER, "late").await;
    tick(&shared);
    let other = [SCRAPER[0], ("user-agent", "vmagent")];
    let scrapes = [&SCRAPER[..], &other, &[], &SCRAPER, &other, &[]].map(|headers| {
        let (shared, ask) = (shared.clone(), ask("GET", "/metrics", headers));
        tokio::spawn(async move { shown_in(&text(&shared, ask).await, "late") })
    });
    let mut seen = Vec::new();
    for scrape in scrapes {
        seen.push(scrape.await.unwrap());
    }
    assert_eq!(seen, [1.0, 0.0, 1.0, 1.0, 0.0, 1.0].map(Some));
}

/// Over a socket: the answer is larger than what the system takes for a client that does not read.
#[test]
fn a_scraper_that_hangs_up_halfway_is_shown_the_zero_again() {
    let server = server_of(Limits::default(), large_ledger(), None);
    let scrape = |bytes: u64| {
        let mut stream = server.connect();
        let [(timeout, seconds), (agent, name)] = SCRAPER;
        write!(
            stream,
            "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{timeout}: {seconds}\r\n{agent}: {name}\r\n\r\n"
        )
        .unwrap();
        let mut text = String::new();
        stream.take(bytes).read_to_string(&mut text).unwrap();
        text
    };
    let value = |text: &str| {
        let (_, body) = text.split_once("\r\n\r\n").unwrap();
        shown_in(body, "x")
    };
    server.shared.tick(Millis(0));
    scrape(1_000_000);
    server.shared.tick(Millis(0));
    assert_eq!(value(&scrape(u64::MAX)), Some(0.0));
    server.shared.tick(Millis(0));
    assert_eq!(value(&scrape(u64::MAX)), Some(100_000.0));
}
