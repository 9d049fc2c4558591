//! What a real Prometheus makes of a real daemon: the first error, both formats, two servers side by side; `alerting` has
//! the alerts, `hostile` the label values that want to be something else.

mod alerting;
mod hostile;
mod server;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::time::Instant;

use self::server::{Job, Prometheus};
use crate::cli::process::{DEADLINE, Running, command, get};
use crate::tools;

/// None of them is critical: those are there at 0 from the start.
const CODES: [&str; 4] = ["MDRM-501", "MDRM-503", "MDRM-508", "MDRM-510"];

fn body(address: &str) -> String {
    get(address, "/metrics").split_once("\r\n\r\n").unwrap().1.to_owned()
}

/// One error of each code, each alone, each at another moment between two scrapes. Whoever looks without being a scraper
/// sees a series with its value or not at all.
fn write_single_errors(daemon: &mut Running, address: &str) {
    for code in CODES {
        daemon.write(format!("ERROR drm tenant=acme {code}\n").as_bytes());
        let series = format!("code=\"{code}\"}} ");
        let until = Instant::now() + DEADLINE;
        loop {
            let text = body(address);
            match text
                .lines()
                .find(|line| line.starts_with("faultline_errors_total{") && line.contains(&series))
            {
                Some(sample) => break assert!(sample.ends_with(" 1"), "{sample}"),
                None => assert!(Instant::now() < until, "{code} did not appear"),
            }
        }
    }
}

#[test]
fn a_single_error_between_two_scrapes_is_an_increase_and_without_the_zero_it_is_lost() {
    const SELF: &str = "a_single_error_between_two_scrapes_is_an_increase_and_without_the_zero_it_is_lost";
    if !tools::has(SELF, "prometheus") {
        return;
    }
    let config = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&config, "metrics:\n  zero_first: never\n").unwrap();
    let mut zero = Running::daemon(&[]);
    let mut never = Running::daemon(&["--config.file", config.path().to_str().unwrap()]);
    let addresses = [zero.address(), never.address()];
    let prometheus =
        Prometheus::start(&[Job::new("zero", &[&addresses[0]]), Job::new("never", &[&addresses[1]])], "");
    prometheus.wait_for("count(faultline_lines_total) == 2");
    write_single_errors(&mut zero, &addresses[0]);
    write_single_errors(&mut never, &addresses[1]);
    // The more samples, the less increase() has to guess at the edges of its range.
    for code in CODES {
        prometheus.wait_for(&format!(
            "count(count_over_time(faultline_errors_total{{code=\"{code}\"}}[1m]) >= 12) == 2"
        ));
        let increase = |job| {
            prometheus
                .value(&format!("increase(faultline_errors_total{{job=\"{job}\",code=\"{code}\"}}[1m])"))
        };
        let seen = increase("zero").unwrap();
        assert!((0.95..1.3).contains(&seen), "{code}: {seen}");
        assert_eq!(increase("never"), Some(0.0), "{code}: born at 1, it never grew");
        assert_eq!(
            prometheus.value(&format!("faultline_errors_total{{job=\"never\",code=\"{code}\"}}")),
            Some(1.0)
        );
        // No value that was shown fell, and nothing was shown but 0 and 1.
        assert_eq!(
            prometheus.value(&format!("resets(faultline_errors_total{{job=\"zero\",code=\"{code}\"}}[1m])")),
            Some(0.0)
        );
        assert_eq!(
            prometheus.value(&format!("changes(faultline_errors_total{{job=\"zero\",code=\"{code}\"}}[1m])")),
            Some(1.0)
        );
    }
    let all = prometheus.value("sum(increase(faultline_errors_total{job=\"zero\"}[1m]))").unwrap();
    let sent = CODES.len() as f64;
    assert!((sent * 0.95..sent * 1.2).contains(&all), "{all}");
    prometheus.assert_healthy();
}

/// Passes each request on with another `Accept`: this Prometheus cannot be told to ask for the text format.
fn text_only(daemon: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            // A scraper or a daemon that is gone ends the test elsewhere.
            let _ = pass_on(client, &daemon);
        }
    });
    address
}

fn pass_on(client: std::io::Result<TcpStream>, daemon: &str) -> std::io::Result<()> {
    let mut client = client?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let mut server = TcpStream::connect(daemon)?;
    write!(
        server,
        "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept: text/plain\r\n\
         User-Agent: text\r\nX-Prometheus-Scrape-Timeout-Seconds: 1\r\n\r\n"
    )?;
    std::io::copy(&mut server, &mut client)?;
    Ok(())
}

#[test]
fn both_formats_are_scraped_without_a_complaint_and_say_the_same() {
    const SELF: &str = "both_formats_are_scraped_without_a_complaint_and_say_the_same";
    if !tools::has(SELF, "prometheus") {
        return;
    }
    let mut daemon = Running::daemon(&[]);
    let address = daemon.address();
    let text = text_only(address.clone());
    let prometheus = Prometheus::start(&[Job::new("open", &[&address]), Job::new("text", &[&text])], "");
    prometheus.wait_for("count(faultline_lines_total) == 2");
    write_single_errors(&mut daemon, &address);
    daemon.write(
        &std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/readme/sample.log")).unwrap(),
    );
    let lines = 10 + CODES.len();
    prometheus.wait_for(&format!("count(faultline_lines_total == {lines}) == 2"));
    prometheus.wait_for("count by (code) (faultline_errors_total{code=\"invalid_sad\"} == 1) == 2");
    // OpenMetrics names a family without _total: so the first was negotiated, and the second was not.
    for (job, family) in [("open", "faultline_errors"), ("text", "faultline_errors_total")] {
        let metadata =
            prometheus.api(&format!("targets/metadata?match_target=%7Bjob=%22{job}%22%7D&metric={family}"));
        assert_eq!(metadata[0]["type"], "counter", "{job}: {metadata}");
    }
    let series = |job: &str| {
        let rows = prometheus.query(&format!(
            "{{job=\"{job}\",__name__=~\"faultline_.*\",__name__!~\".*(http|ticks|timestamp).*\"}}"
        ));
        let rows = rows.into_iter().map(|(mut labels, value)| {
            labels.retain(|name, _| !["job", "instance"].contains(&&**name));
            (labels, value.to_string())
        });
        rows.collect::<std::collections::BTreeMap<_, _>>()
    };
    let (open, text) = (series("open"), series("text"));
    assert!(open.len() > 100, "{}", open.len());
    assert_eq!(open, text);
    prometheus.assert_healthy();
}

#[test]
fn two_prometheus_side_by_side_both_see_the_zero_and_curl_sees_the_truth() {
    const SELF: &str = "two_prometheus_side_by_side_both_see_the_zero_and_curl_sees_the_truth";
    if !tools::has(SELF, "prometheus") {
        return;
    }
    // Two scrapers of one host are told apart by their address only.
    let mut with_both =
        command(&["run", "--web.listen-address", "127.0.0.1:0", "--web.listen-address", "[::1]:0"]);
    with_both.stdin(Stdio::piped());
    let mut daemon = Running::start(with_both);
    let addresses = [daemon.address(), daemon.address()];
    let fast = Prometheus::start(&[Job::new("faultline", &[&addresses[0]])], "");
    let slow = Prometheus::start(&[Job { interval: "2s", ..Job::new("faultline", &[&addresses[1]]) }], "");
    let both = [&fast, &slow];
    both.iter().for_each(|prometheus| prometheus.wait_for("faultline_lines_total"));
    write_single_errors(&mut daemon, &addresses[0]);
    for (prometheus, samples) in [(&fast, 12), (&slow, 5)] {
        for code in CODES {
            let series = format!("faultline_errors_total{{code=\"{code}\"}}");
            prometheus.wait_for(&format!("count_over_time({series}[1m]) >= {samples} and {series} == 1"));
            assert_eq!(prometheus.value(&format!("min_over_time({series}[1m])")), Some(0.0), "{code}");
            assert!(prometheus.value(&format!("increase({series}[1m])")) >= Some(0.95), "{code}");
        }
    }
    both.iter().for_each(|prometheus| prometheus.assert_healthy());
}
