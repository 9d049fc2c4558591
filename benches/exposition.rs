//! A scrape of 100,000 series beside the `prometheus` crate's own gathering and writing of the same series.
//!
//! `cargo bench --bench exposition -- [SERIES] [ROUNDS]` (default 100000, 15) takes turns between the two in one process
//! and prints CPU milliseconds per scrape (all threads; median, least to most), ratios round by round, and how much more
//! memory a scrape needs at its peak (a process of its own each, resident pages). Ours is the whole path of a request,
//! telemetry included. Labels are those of `faultline_tenant_errors_total`: three, lines as long as four of other
//! exporters; the crate pays for each label in each scrape and we do not. Asserts that both say the same to the byte,
//! never a time. `cargo test --bench exposition` only checks that, over fewer series. Linux only: reads /proc.
//! Compare ratios of one run; times of a shared machine mean little.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot measure ends")]

use std::fs;
use std::future::poll_fn;
use std::io::{Read, Write};
use std::net::IpAddr;
use std::pin::Pin;
use std::process::Command;
use std::sync::Arc;

use faultline::event::{CodeBook, Delta, Seen, TenantKey};
use faultline::export::{Ask, Shared};
use faultline::ledger::{Ledger, Limits};
use faultline::telemetry::Telemetry;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use hyper::Request;
use hyper::body::Body;
use prometheus::{IntCounterVec, Opts, Registry, TextEncoder};
use tokio::runtime::Runtime;

const PROVIDERS: [&str; 5] = ["northbank", "southbank", "eastbank", "westbank", "tollgate"];
const CATEGORIES: [&str; 4] = ["authentication", "configuration", "rate_limit", "user_action"];
const OPEN: &str = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

/// Label values and count of a series by its number; tenants are all different.
fn series(number: usize) -> ([String; 3], u64) {
    let tenant = format!("tenant-{number:08}.customers.example.com");
    let labels = [PROVIDERS[number % 5].to_owned(), CATEGORIES[number / 5 % 4].to_owned(), tenant];
    (labels, (number as u64).wrapping_mul(2_654_435_761) % 1_000_000)
}

/// Delta by delta, so that building leaves little free memory behind.
fn our_ledger(count: usize) -> Ledger {
    let limits = Limits { tenants_max: count, series_max: count, ..Limits::default() };
    let mut ledger = Ledger::new(limits, CodeBook::default());
    for from in (0..count).step_by(500) {
        let mut delta = Delta { source: "bench".into(), ..Delta::default() };
        for number in from..count.min(from + 500) {
            let ([provider, category, tenant], count) = series(number);
            let key =
                TenantKey { provider: provider.into(), category: category.into(), tenant: tenant.into() };
            delta.tenants.add(key, &Seen { count, ..Seen::default() });
        }
        ledger.commit(delta);
    }
    ledger
}

struct Ours {
    shared: Arc<Shared>,
    runtime: Runtime,
}

impl Ours {
    fn new(count: usize) -> Ours {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        Ours { shared: Arc::new(Shared::new(our_ledger(count), Telemetry::of_this_build())), runtime }
    }

    /// The body's pieces as a connection takes them, in all their bytes.
    fn scrape(&self, headers: &[(&str, &str)], mut take: impl FnMut(&[u8])) {
        let mut request = Request::get("/metrics");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let ask = Ask::of(&request.body(()).unwrap(), IpAddr::from([127, 0, 0, 1]));
        self.runtime.block_on(async {
            let mut body = self.shared.scrape(ask).await.unwrap().body;
            while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
                take(frame.unwrap().data_ref().unwrap());
            }
        });
    }

    fn text(&self, headers: &[(&str, &str)]) -> Vec<u8> {
        let mut text = Vec::new();
        self.scrape(headers, |piece| text.extend_from_slice(piece));
        text
    }
}

fn their_registry(count: usize) -> Registry {
    let opts = Opts::new("faultline_tenant_errors_total", "Matched errors by the tenant that they hit.");
    let counters = IntCounterVec::new(opts, &["provider", "category", "tenant"]).unwrap();
    for number in 0..count {
        let (labels, count) = series(number);
        counters.with_label_values(&labels).inc_by(count);
    }
    let registry = Registry::new();
    registry.register(Box::new(counters)).unwrap();
    registry
}

fn their_text(registry: &Registry) -> String {
    let mut text = String::new();
    TextEncoder::new().encode_utf8(&registry.gather(), &mut text).unwrap();
    text
}

fn zipped(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(1));
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn unzipped(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut text).unwrap();
    text
}

/// Tenant and value of each series, as they stand there; labels come in another order from the two.
fn values(text: &[u8]) -> Vec<(String, String)> {
    let text = std::str::from_utf8(text).unwrap();
    let samples = text.lines().filter(|line| line.starts_with("faultline_tenant_errors_total{"));
    let mut values: Vec<_> = samples
        .map(|line| {
            let (labels, value) = line.rsplit_once("} ").unwrap();
            let (_, tenant) = labels.split_once("tenant=\"").unwrap();
            (tenant.split('"').next().unwrap().to_owned(), value.to_owned())
        })
        .collect();
    values.sort_unstable();
    values
}

/// Both, in every form, say what was counted.
fn check(count: usize, ours: &Ours, registry: &Registry) {
    let mut expected: Vec<_> = (0..count).map(series).collect();
    expected.sort_unstable_by(|(a, _), (b, _)| a[2].cmp(&b[2]));
    let expected: Vec<_> =
        expected.into_iter().map(|([_, _, tenant], value)| (tenant, value.to_string())).collect();
    let gzip = ("accept-encoding", "gzip");
    let forms: [(&str, Vec<u8>); 5] = [
        ("theirs", their_text(registry).into_bytes()),
        ("text", ours.text(&[])),
        ("text, gzip", unzipped(&ours.text(&[gzip]))),
        ("openmetrics", ours.text(&[("accept", OPEN)])),
        ("openmetrics, gzip", unzipped(&ours.text(&[("accept", OPEN), gzip]))),
    ];
    for (form, text) in &forms {
        let values = values(text);
        assert_eq!(values.len(), count, "{form}");
        assert!(values == expected, "{form}: {:?}", values.iter().zip(&expected).find(|(a, b)| a != b));
    }
    println!(
        "{count} series, {} bytes of text; {} values equal to the byte in all forms",
        forms[1].1.len(),
        count
    );
}

/// CPU time of all threads that live, in milliseconds.
fn cpu_ms() -> f64 {
    let of_task = |task: fs::DirEntry| -> Option<u64> {
        fs::read_to_string(task.path().join("schedstat")).ok()?.split(' ').next()?.parse().ok()
    };
    let nanos: u64 = fs::read_dir("/proc/self/task").unwrap().flatten().filter_map(of_task).sum();
    nanos as f64 / 1e6
}

/// What is measured, and how to do it once.
type Form<'a> = (&'static str, Box<dyn FnMut() + 'a>);

struct Sampled {
    name: &'static str,
    ms: Vec<f64>,
}

/// Median, least and most.
fn spread(values: &[f64]) -> [f64; 3] {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    [sorted[sorted.len() / 2], sorted[0], sorted[sorted.len() - 1]]
}

fn measure(rounds: usize, ours: &Ours, registry: &Registry) {
    let gzip = ("accept-encoding", "gzip");
    let mut forms: [Form<'_>; 6] = [
        ("ours, text", Box::new(|| ours.scrape(&[], |_| {}))),
        ("theirs, text", Box::new(|| drop(std::hint::black_box(their_text(registry))))),
        ("ours, openmetrics", Box::new(|| ours.scrape(&[("accept", OPEN)], |_| {}))),
        ("ours, text, gzip", Box::new(|| ours.scrape(&[gzip], |_| {}))),
        ("ours, openmetrics, gzip", Box::new(|| ours.scrape(&[("accept", OPEN), gzip], |_| {}))),
        (
            "theirs, text, gzip",
            Box::new(|| drop(std::hint::black_box(zipped(their_text(registry).as_bytes())))),
        ),
    ];
    let mut sampled: Vec<_> =
        forms.iter().map(|(name, _)| Sampled { name, ms: Vec::with_capacity(rounds) }).collect();
    for round in 0..=rounds {
        for ((_, run), sampled) in forms.iter_mut().zip(&mut sampled) {
            let began = cpu_ms();
            run();
            let took = cpu_ms() - began;
            // The first of each warms up.
            if round > 0 {
                sampled.ms.push(took);
            }
        }
    }
    for Sampled { name, ms } in &sampled {
        let [median, least, most] = spread(ms);
        println!("{name:<26} {median:7.1} ms of CPU  ({least:.1} to {most:.1})");
    }
    for (us, them) in [(0, 1), (3, 5)] {
        let ratios: Vec<_> =
            sampled[us].ms.iter().zip(&sampled[them].ms).map(|(us, them)| us / them).collect();
        let [median, least, most] = spread(&ratios);
        println!("{} / {}: {median:.3}  ({least:.3} to {most:.3})", sampled[us].name, sampled[them].name);
    }
}

/// Kilobytes that `/proc/self/status` says.
fn status_kb(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':')).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// What one scrape needs at its peak on top of what was there, in a process that has done nothing else.
fn memory_of(what: &str, count: usize) {
    let peak = |run: &dyn Fn()| {
        // Resets the high-water mark.
        fs::write("/proc/self/clear_refs", "5").unwrap();
        let before = status_kb("VmRSS");
        run();
        let extra = status_kb("VmHWM").saturating_sub(before);
        println!("{what:<26} {:7.1} MiB more at the peak of a scrape", extra as f64 / 1024.0);
    };
    let gzip = ("accept-encoding", "gzip");
    match what {
        "theirs" => {
            let registry = their_registry(count);
            peak(&|| drop(std::hint::black_box(their_text(&registry))));
        }
        _ => {
            let ours = Ours::new(count);
            let headers: &[_] = match what {
                "ours, text" => &[],
                _ => &[("accept", OPEN), gzip],
            };
            peak(&|| ours.scrape(headers, |_| {}));
        }
    }
}

/// Each in a process of its own, whose allocator gives large blocks back at once.
fn measure_memory(count: usize) {
    for what in ["ours, text", "ours, openmetrics, gzip", "theirs"] {
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--memory-of", what, &count.to_string()])
            .env("MALLOC_MMAP_THRESHOLD_", "131072")
            .env("MALLOC_TRIM_THRESHOLD_", "0")
            .status()
            .unwrap();
        assert!(status.success());
    }
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, what, count] = &args[..]
        && flag == "--memory-of"
    {
        return memory_of(what, count.parse().unwrap());
    }
    // `cargo bench` adds --bench, `cargo test` nothing.
    let is_bench = args.iter().any(|arg| arg == "--bench");
    let mut numbers = args.iter().filter_map(|arg| arg.parse().ok());
    let count = numbers.next().unwrap_or(if is_bench { 100_000 } else { 2_000 });
    let rounds = numbers.next().unwrap_or(15).max(1);
    let (ours, registry) = (Ours::new(count), their_registry(count));
    check(count, &ours, &registry);
    if is_bench {
        measure(rounds, &ours, &registry);
        drop((ours, registry));
        measure_memory(count);
    }
}
