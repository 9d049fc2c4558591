//! Tenants out of log lines that want to break a label, forge a series or become somebody else's: every reader of both
//! formats gets exactly the series that the rules for tenants promise, with the values that were in the lines.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use faultline::aggregation::clean_tenant;

use super::server::{Job, Prometheus};
use super::{body, text_only};
use crate::cli::process::{Running, wait_for_sample};
use crate::exposition::formats::{promtool_agrees, read_by_python};
use crate::exposition::{Samples, parse};
use crate::tools;

const SELF: &str = "hostile_tenants_in_log_lines_make_exactly_their_series_for_every_reader";

const TRICKS: [&str; 36] = [
    "acme\"} 1 faultline_errors_total{code=\"forged\"} 999",
    "acme\",code=\"forged",
    "# TYPE faultline_errors_total gauge",
    "# EOF",
    "# {trace_id=\"x\"} 1",
    "\\",
    "\\\\",
    "\\n",
    "\\\\n",
    "\\\"",
    "\"",
    "\"\"",
    "'",
    "{}",
    "{{ $value }}",
    "${HOME}",
    "%s%n",
    ",=",
    " ",
    " lead and trail ",
    "_other",
    "__other",
    "_unknown",
    "_open",
    "-",
    "--",
    "NaN",
    "+Inf",
    "0",
    "null",
    "é日本\u{1f600}",
    "e\u{301}",
    "\u{202e}drow",
    "zero\u{200b}width",
    "\u{feff}bom",
    "<script>alert(1)</script>",
];

/// Numbers that are the same on every machine (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    /// Any bytes, little signs of the formats, or any ASCII that can be printed.
    fn bytes(&mut self) -> Vec<u8> {
        let kind = self.below(3);
        let length = self.below([60, 8, 40][kind as usize]);
        (0..length)
            .map(|_| match kind {
                0 => self.below(256) as u8,
                1 => b"\"\\\n{},= _#-'"[self.below(12) as usize],
                _ => 0x20 + self.below(0x5f) as u8,
            })
            .collect()
    }
}

/// The series that a tenant of a line gets: what is no value, personal, secret, too long or has controls is nobody; of the rest what cannot be seen is cut, and a reserved word gets one more `_`.
fn promised(tenant: &str) -> String {
    let bytes = tenant.as_bytes();
    let digits = |bytes: &[u8]| bytes.iter().all(u8::is_ascii_digit);
    let singapore = bytes.len() == 9
        && b"STFGMstfgm".contains(&bytes[0])
        && digits(&bytes[1..8])
        && bytes[8].is_ascii_alphabetic();
    let national = singapore || bytes.len() == 11 && digits(bytes);
    let secret = bytes.len() >= 32
        && bytes.iter().all(u8::is_ascii_alphanumeric)
        && bytes.iter().any(u8::is_ascii_digit)
        && bytes.iter().any(u8::is_ascii_alphabetic);
    let is_no_value = ["", "0", "null", "none"].contains(&&*tenant.to_ascii_lowercase());
    let is_refused = is_no_value
        || national
        || secret
        || tenant.starts_with("eyJ")
        || tenant.contains('@')
        || tenant.len() > 128
        || tenant.chars().any(char::is_control);
    if is_refused { "-".to_owned() } else { clean_tenant(tenant).to_string() }
}

/// A byte of a JSON string; what is no UTF-8 stays, as in the log of a service that does not check.
fn in_json(byte: u8) -> Vec<u8> {
    match byte {
        b'"' | b'\\' => vec![b'\\', byte],
        0..0x20 => format!("\\u{byte:04x}").into_bytes(),
        _ => vec![byte],
    }
}

/// The lines, and how often each tenant of them is to be counted.
fn lines() -> (Vec<u8>, BTreeMap<String, u64>) {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let random = (0..10_000).map(|_| dice.bytes());
    let mut lines = Vec::new();
    let mut expected = BTreeMap::new();
    for bytes in TRICKS.iter().map(|trick| trick.as_bytes().to_vec()).chain(random) {
        let tenant = String::from_utf8_lossy(&bytes).into_owned();
        lines.extend_from_slice(b"{\"level\":\"error\",\"error\":\"TG-1001\",\"tenant\":\"");
        lines.extend(bytes.iter().flat_map(|byte| in_json(*byte)));
        lines.extend_from_slice(b"\"}\n");
        *expected.entry(promised(&tenant)).or_default() += 1;
    }
    (lines, expected)
}

/// A pack that takes any tenant, and room for all of them.
fn configuration() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let pack =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/packs/tollgate.yaml")).unwrap();
    let open = pack.replace("\ntenant:\n", "\ntenant_allow: '(?s)^.*$'\ntenant:\n");
    assert_ne!(pack, open);
    fs::write(directory.path().join("tollgate.yaml"), open).unwrap();
    let config = format!(
        "limits: {{tenants_max: 20000, series_max: 20000}}\nrules: {{dirs: [{:?}]}}\n",
        directory.path().to_str().unwrap()
    );
    fs::write(directory.path().join("faultline.conf"), config).unwrap();
    directory
}

fn tenants(samples: &Samples) -> BTreeMap<String, u64> {
    let is_ours = |name: &str| name == "faultline_tenant_errors_total";
    let rows = samples.iter().filter(|((name, labels), _)| is_ours(name) && labels["provider"] == "tollgate");
    let mut counts = BTreeMap::new();
    for ((_, labels), value) in rows.filter(|((_, labels), _)| labels["category"] == "authorization") {
        assert!(counts.insert(labels["tenant"].clone(), *value as u64).is_none());
    }
    counts
}

/// Shows the first few differences, not ten thousand values.
fn assert_as_promised(found: &BTreeMap<String, u64>, expected: &BTreeMap<String, u64>, reader: &str) {
    let tenants: BTreeSet<&String> = found.keys().chain(expected.keys()).collect();
    let differ = tenants.into_iter().filter(|tenant| found.get(*tenant) != expected.get(*tenant));
    let differ: Vec<_> =
        differ.map(|tenant| (tenant, found.get(tenant), expected.get(tenant))).take(10).collect();
    assert!(differ.is_empty(), "{reader}: tenant, found, promised: {differ:?}");
}

#[test]
fn hostile_tenants_in_log_lines_make_exactly_their_series_for_every_reader() {
    if !tools::has(SELF, "prometheus") || !tools::has(SELF, "promtool") {
        return;
    }
    let directory = configuration();
    let config = directory.path().join("faultline.conf");
    let mut daemon = Running::daemon(&["--config.file", config.to_str().unwrap()]);
    let address = daemon.address();
    let text_address = text_only(address.clone());
    let prometheus = Prometheus::start(
        &[
            Job { interval: "2s", ..Job::new("open", &[&address]) },
            Job { interval: "2s", ..Job::new("text", &[&text_address]) },
        ],
        "",
    );
    prometheus.wait_for("count(faultline_lines_total) == 2");
    let (lines, expected) = lines();
    let sent: u64 = expected.values().sum();
    assert!(
        expected.len() > 4_000 && expected["-"] > 500,
        "{} series, {} nobody",
        expected.len(),
        expected["-"]
    );
    daemon.write(&lines);
    wait_for_sample(&address, &format!("faultline_lines_total{{source=\"stdin\"}} {sent}"));
    wait_for_sample(
        &address,
        &format!(
            "faultline_errors_total{{provider=\"tollgate\",category=\"authorization\",code=\"TG-1001\"}} {sent}"
        ),
    );

    let text = body(&address);
    let samples = parse(&text);
    assert_as_promised(&tenants(&samples), &expected, "our own");
    let codes: BTreeSet<_> = samples.keys().filter_map(|(_, labels)| labels.get("code")).collect();
    assert!(!codes.contains(&"forged".to_owned()), "{codes:?}");
    promtool_agrees(SELF, &text);
    if let Some((_, samples)) = read_by_python(SELF, &open_metrics(&address)) {
        assert_as_promised(&tenants(&samples), &expected, "python");
    }

    for job in ["open", "text"] {
        let ours = format!(
            "faultline_tenant_errors_total{{job=\"{job}\",provider=\"tollgate\",category=\"authorization\"}}"
        );
        prometheus.wait_for(&format!("sum({ours}) == {sent}"));
        let rows = prometheus.query(&ours);
        assert_eq!(rows.len(), expected.len(), "{job}");
        let stored: BTreeMap<_, _> =
            rows.into_iter().map(|(labels, value)| (labels["tenant"].clone(), value as u64)).collect();
        assert_as_promised(&stored, &expected, job);
    }
    prometheus.assert_healthy();
}

fn open_metrics(address: &str) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept: application/openmetrics-text;version=1.0.0\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("content-type: application/openmetrics-text; version=1.0.0"), "{head}");
    body.to_owned()
}
