//! The real pipeline over a mixed log in memory: no errors, one in a hundred lines, nothing but errors.
//!
//! Each run asserts what it counted, so a bench cannot be fast by finding less. `cargo bench --bench pipeline` measures;
//! `cargo bench --profile dev --bench pipeline -- --test` runs each once and only checks the counts, as CI does.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use faultline::catalogue::{self, builtin, load};
use faultline::event::Delta;
use faultline::pipeline::{Engine, Ignore, Options, Pipeline};
use faultline::source::BLOCK_BYTES;

/// One line of each provider that is a match beyond doubt.
const ERRORS: [&str; 5] = [
    r#"{"level":"error","url":"https://acme.okta.com/api/v1/users","errorCode":"E0000011","errorSummary":"Invalid token provided"}"#,
    r#"2026-03-01T10:00:01.123Z ERROR sign o.s.Client - BankID answered {"errorCode":"invalid_sad","errorReference":"7f"}"#,
    r#"level=error service=drm tenant=studio msg="license refused" code=MDRM-508"#,
    r#"2026-03-01 10:00:02 ERROR [ast-ca] request failed: 510-4001"#,
    r#"[2026-03-01T10:00:03.100] [ERROR] MyInfoNodeJSConnector - getAccessToken - Error:  { status: 401, data: { code: 401, message: 'Invalid DPoP Proof' } }"#,
];

/// What the lines between them look like.
const NOISE: [&str; 8] = [
    r#"{"ts":"2026-03-01T10:00:00.001Z","level":"info","msg":"request done","method":"GET","path":"/v1/orders/81723","status":200,"ms":12}"#,
    r#"2026-03-01T10:00:00.002Z INFO  [http-nio-8080-exec-7] c.e.s.OrderService - order 81723 accepted for customer 5521"#,
    r#"10.1.2.3 - - [01/Mar/2026:10:00:00 +0000] "GET /assets/app.3f2a.js HTTP/1.1" 200 48211 "-" "Mozilla/5.0""#,
    r#"ts=2026-03-01T10:00:00Z level=debug caller=cache.go:88 msg="hit" key=session:77aa12 ttl=288s"#,
    r#"2026-03-01 10:00:00,003 WARNING worker.retry Retrying in 250 ms (attempt 2 of 5): connection reset by peer"#,
    r#"<134>Mar  1 10:00:00 gw01 haproxy[311]: 10.1.2.4:51233 fe be/s1 0/0/1/7/8 200 512 - - ---- 12/12/0/0/0 0/0"#,
    r#"{"level":"info","logger":"com.example.Signer","message":"signed 3 documents","tenant":"acme","span":"00f067aa0ba902b7"}"#,
    r#"[2026-03-01T10:00:00.004Z] "POST /graphql HTTP/2" 200 - via_upstream - "-" 812 5121 18 17 "10.1.2.5" "okhttp/4.12""#,
];

/// `lines` lines, every `spacing`th of them an error; 0 is none. And how many errors there are.
fn corpus(lines: usize, spacing: usize) -> (Vec<u8>, u64) {
    let mut text = Vec::new();
    let mut errors = 0;
    for number in 0..lines {
        let line = if spacing > 0 && number % spacing == spacing - 1 {
            errors += 1;
            ERRORS[errors as usize % ERRORS.len()]
        } else {
            NOISE[number % NOISE.len()]
        };
        text.extend_from_slice(line.as_bytes());
        text.push(b'\n');
    }
    (text, errors)
}

fn run(engine: &Arc<Engine>, text: &[u8]) -> Delta {
    let mut pipeline = Pipeline::new(Arc::clone(engine), Options::new("bench".into()));
    let mut stream = pipeline.stream();
    for block in text.chunks(BLOCK_BYTES) {
        pipeline.push(&mut stream, block, None, &mut Ignore);
    }
    pipeline.flush(&mut stream, None, &mut Ignore);
    pipeline.take_delta()
}

fn pipeline(criterion: &mut Criterion) {
    let rules = load::load(builtin::files(), &[]).unwrap_or_else(|findings| panic!("{findings}"));
    let engine = Arc::new(Engine::new(catalogue::compile(&rules)));
    let mut group = criterion.benchmark_group("pipeline");
    for (name, lines, spacing) in
        [("no errors", 100_000, 0), ("1 % errors", 100_000, 100), ("errors only", 10_000, 1)]
    {
        let (text, errors) = corpus(lines, spacing);
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.sample_size(20);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let delta = run(&engine, black_box(&text));
                assert_eq!(delta.counts.lines, lines as u64, "{name}");
                assert_eq!(delta.counts.matched, errors, "{name}: {:?} {:?}", delta.counts, delta.ambiguous);
                assert_eq!(delta.errors.iter().map(|(_, seen)| seen.count).sum::<u64>(), errors, "{name}");
            });
        });
    }
    group.finish();
}

criterion_group!(benches, pipeline);
criterion_main!(benches);
