//! `scan` beside ripgrep: the same file, the same literals, one thread each, whole processes in turn.
//!
//! `cargo bench --bench compare -- [MIB] [PERCENT] [RUNS]` (default 1024, 1, 5) writes a log of that size with that share
//! of error lines, made from the shipped packs, and prints the ratio of wall times, run by run and as a median: below 1
//! we are faster. ripgrep (`rg -c -F -f LITERALS FILE`) only counts lines; `scan` says whose errors they are. Asserts
//! that both see the errors. Compare ratios of one run only: absolute times mean nothing on a shared machine.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::fmt::Write as _;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use faultline::catalogue::schema::{Pack, Rule};
use faultline::catalogue::{builtin, load};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

const SEED: u64 = 42;
const SERVICES: [&str; 12] = [
    "checkout-web",
    "billing",
    "session-store",
    "edge-gw",
    "license-proxy",
    "sign-gateway",
    "kyc",
    "mailer",
    "catalog",
    "search",
    "worker",
    "tv-bff",
];
const WORDS: [&str; 40] = [
    "request",
    "done",
    "for",
    "user",
    "order",
    "accepted",
    "cache",
    "hit",
    "miss",
    "retrying",
    "after",
    "timeout",
    "payment",
    "sent",
    "to",
    "queue",
    "job",
    "started",
    "finished",
    "in",
    "connection",
    "pool",
    "size",
    "token",
    "refreshed",
    "session",
    "created",
    "expired",
    "webhook",
    "delivered",
    "endpoint",
    "config",
    "loaded",
    "client",
    "upload",
    "chunk",
    "index",
    "rebuilt",
    "profile",
    "updated",
];

/// A dice with the few throws that log lines are made of.
struct Dice(ChaCha8Rng);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0.next_u32() as usize % n
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    fn words(&mut self, n: usize) -> String {
        (0..n).map(|_| self.pick(&WORDS)).collect::<Vec<_>>().join(" ")
    }

    fn hex(&mut self) -> String {
        format!("{:016x}", self.0.next_u64())
    }
}

/// What a provider answers for a rule: its code and text in an object of its own fields.
fn answer(pack: &Pack, rule: &Rule) -> Option<String> {
    let message = rule.message.as_slice().first().filter(|m| !m.contains('{')).map(String::as_str);
    let text = serde_json::to_string(message.unwrap_or("refused")).ok()?;
    let wire = rule.wire.as_deref().unwrap_or_default();
    Some(match (&*pack.provider.id, pack.provider.pack.as_deref()) {
        (_, Some("core")) => {
            format!("{{\"errorCode\":\"{}\",\"errorSummary\":{text},\"errorId\":\"oae7\"}}", rule.code)
        }
        (_, Some("oauth2")) => format!("{{\"error\":\"{wire}\",\"error_description\":{text}}}"),
        ("bankid", _) => format!(
            "{{\"errorCode\":\"{}\",\"errorDescription\":\"no\",\"errorReference\":\"R9\"}}",
            rule.code
        ),
        _ if message.is_some() => format!("{{\"code\":\"{}\",\"message\":{text}}}", rule.code),
        _ => format!("{{\"error\":\"{}\"}}", rule.code),
    })
}

fn error_line(dice: &mut Dice, answers: &[(String, String)], out: &mut String) {
    let (provider, body) = &answers[dice.below(answers.len())];
    let (ms, status) = (dice.below(900), [400, 401, 403, 500, 503][dice.below(5)]);
    let escaped = serde_json::to_string(body).unwrap_or_default();
    let _ = match dice.below(4) {
        0 => writeln!(
            out,
            "{{\"time\":\"2026-11-20T09:14:{:02}.{ms:03}Z\",\"level\":\"error\",\"service\":\"{provider}-client\",\"tenant\":\"t-{}\",\"trace\":\"{}\",\"status\":{status},\"body\":{body}}}",
            dice.below(60),
            dice.below(200),
            dice.hex()
        ),
        1 => writeln!(
            out,
            "{{\"level\":\"warn\",\"logger\":\"com.acme.{provider}.Client\",\"msg\":\"{}\",\"org\":\"t-{}\",\"body\":{escaped}}}",
            dice.words(4),
            dice.below(200)
        ),
        2 => writeln!(
            out,
            "2026-11-20 09:14:08,{ms:03} ERROR [{provider}] c.a.Client - POST /v1/x -> {status} {body}"
        ),
        _ => writeln!(
            out,
            "ts=2026-11-20T09:14:12Z level=error svc={provider}-proxy tenant=t-{} status={status} body={escaped}",
            dice.below(200)
        ),
    };
}

const AGENT: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";

/// A line of a healthy service, about as long as service logs are (280 bytes in the mean).
fn noise_line(dice: &mut Dice, out: &mut String) {
    let (service, ms, n) = (dice.pick(&SERVICES), dice.below(900), 8 + dice.below(14));
    let _ = match dice.below(6) {
        0 | 1 => writeln!(
            out,
            "{{\"timestamp\":\"2026-11-20T09:14:{:02}.{ms:03}Z\",\"level\":\"{}\",\"service\":\"{service}\",\"tenant\":\"t-{}\",\"trace_id\":\"{}{}\",\"span_id\":\"{}\",\"msg\":\"{}\",\"duration_ms\":{ms},\"http\":{{\"method\":\"GET\",\"path\":\"/v2/{}/{}\",\"bytes\":{},\"user_agent\":\"okhttp/4.12\"}}}}",
            dice.below(60),
            dice.pick(&["INFO", "DEBUG", "WARN"]),
            dice.below(200),
            dice.hex(),
            dice.hex(),
            dice.hex(),
            dice.words(n),
            dice.pick(&WORDS),
            dice.below(999_999),
            dice.below(90_000)
        ),
        2 => writeln!(
            out,
            "10.{}.3.{} - - [20/Nov/2026:09:14:10 +0000] \"GET /api/v2/{}/{}?page={} HTTP/1.1\" 200 {ms} \"https://app.acme.example/{}\" \"{AGENT}\"",
            dice.below(200),
            dice.below(200),
            dice.pick(&WORDS),
            dice.below(999_999),
            dice.below(40),
            dice.pick(&WORDS)
        ),
        3 => writeln!(
            out,
            "2026-11-20T09:14:07.{ms:03}Z  INFO 1 --- [nio-8080-exec-{}] c.acme.{service}.web.RequestHandler : {} correlation={} {}",
            dice.below(20),
            dice.words(n),
            dice.hex(),
            dice.words(n)
        ),
        4 => writeln!(
            out,
            "ts=2026-11-20T09:14:12Z level=info svc={service} caller=handler.go:{} msg=\"{}\" request_id={} trace={} took={ms}ms region=eu-north-1",
            dice.below(900),
            dice.words(n + 8),
            dice.hex(),
            dice.hex()
        ),
        _ => writeln!(
            out,
            "Nov 20 09:14:09 node{} {service}[{}]: {} id={}",
            dice.below(9),
            dice.below(30_000),
            dice.words(2 * n),
            dice.hex()
        ),
    };
}

/// Writes the log and the literals; gives how many error lines there are.
fn corpus(log: &Path, literals: &Path, bytes: usize, percent: usize) -> std::io::Result<u64> {
    let rules = load::load(builtin::files(), &[]).unwrap_or_else(|findings| panic!("{findings}"));
    let (mut answers, mut texts) = (Vec::new(), std::collections::BTreeSet::new());
    for pack in &rules.packs {
        for rule in pack.rules.iter().filter(|r| !r.retired) {
            answers.extend(answer(pack, rule).map(|a| (pack.names[0].clone(), a)));
            let message =
                rule.message.as_slice().iter().flat_map(|m| m.split(['{', '}'])).max_by_key(|m| m.len());
            texts.extend(
                [Some(&*rule.code), rule.wire.as_deref(), message]
                    .into_iter()
                    .flatten()
                    .filter(|t| t.len() > 4)
                    .map(str::to_owned),
            );
        }
    }
    std::fs::write(literals, texts.into_iter().map(|t| t + "\n").collect::<String>())?;
    let mut out = BufWriter::new(std::fs::File::create(log)?);
    let mut dice = Dice(ChaCha8Rng::seed_from_u64(SEED));
    let (mut written, mut errors, mut line) = (0, 0, String::new());
    while written < bytes {
        line.clear();
        if dice.below(100) < percent {
            error_line(&mut dice, &answers, &mut line);
            errors += 1;
        } else {
            noise_line(&mut dice, &mut line);
        }
        written += line.len();
        out.write_all(line.as_bytes())?;
    }
    out.flush().map(|()| errors)
}

/// Wall time and output of a whole process.
fn timed(command: &mut Command) -> (Duration, String) {
    let begin = Instant::now();
    let out = command
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .unwrap_or_else(|e| panic!("{command:?}: {e}"));
    (begin.elapsed(), String::from_utf8_lossy(&out.stdout).into_owned())
}

fn main() {
    let numbers: Vec<usize> = std::env::args().filter_map(|a| a.parse().ok()).collect();
    if std::env::args().any(|a| a == "--test") {
        return println!("compare is run by hand: cargo bench --bench compare");
    }
    let number = |at: usize, default: usize| numbers.get(at).copied().unwrap_or(default);
    let (mib, percent, runs) = (number(0, 1024), number(1, 1), number(2, 5));
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let (log, literals) = (folder.join("compare.log"), folder.join("compare.literals"));
    let errors = corpus(&log, &literals, mib << 20, percent).expect("room for the log");
    let ours = || {
        timed(
            Command::new(env!("CARGO_BIN_EXE_faultline"))
                .args(["scan", "--threads", "1", "--format", "json"])
                .arg(&log),
        )
    };
    let theirs = || timed(Command::new("rg").args(["-j1", "-c", "-F", "-f"]).arg(&literals).arg(&log));
    let (_, found) = ours();
    let (_, counted) = theirs();
    let found: serde_json::Value = serde_json::from_str(&found).expect("scan prints JSON");
    println!(
        "{mib} MiB, {errors} error lines; rg counts {} of them; scan read {} lines",
        counted.trim(),
        found["lines"]
    );
    assert!(counted.trim().parse::<u64>().is_ok_and(|n| n >= errors / 2), "rg sees the errors");
    let mut ratios: Vec<f64> = (0..runs)
        .map(|_| {
            let (a, b) = (ours().0.as_secs_f64(), theirs().0.as_secs_f64());
            println!("scan {a:.3} s   rg {b:.3} s   ratio {:.2}", a / b);
            a / b
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    println!(
        "scan / rg, wall, one thread: median {:.2} [{:.2} .. {:.2}]",
        ratios[runs / 2],
        ratios[0],
        ratios[runs - 1]
    );
    std::fs::remove_file(&log).expect("our own file");
}
