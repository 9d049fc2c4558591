//! Stack traces as the runtimes print them, in every wrapper; neighbours that stay apart; and the promise that the
//! events of a text are the same wherever a look begins and however its bytes arrive.

use std::ops::Range;

use proptest::prelude::*;

use super::*;

/// Each is one event.
const TRACES: [(&str, &str); 20] = [
    (
        "java, logged",
        "2026-11-20 09:14:08,901 ERROR [okta-sync] c.a.sync.GroupJob - sync failed for tenant=acme-us\n\
         com.acme.http.UpstreamException: 403 from https://acme.oktapreview.com/oauth2/v1/token\n\
         \tat com.acme.http.Client.post(Client.java:88)\n\
         \tat java.base/java.lang.Thread.run(Thread.java:840)\n\
         Caused by: com.acme.http.BodyException: {\"error\":\"access_denied\"}\n\
         \tat com.acme.http.Body.read(Body.java:12)\n\
         \tSuppressed: java.io.IOException: closed\n\
         \t\tat com.acme.http.Body.close(Body.java:40)\n\
         \t... 14 more\n",
    ),
    (
        "java, a message of several lines",
        "2026-11-20 09:14:08,901 ERROR c.a.Job - failed\n\
         com.acme.http.BodyException: 400 Bad Request\n\
         body of the answer\n\
         invalid_grant it says\n\
         \tat com.acme.http.Client.post(Client.java:88)\n",
    ),
    (
        "java, Spring Boot's blank line",
        "2026-11-20T09:14:07.412Z ERROR 1 --- [nio-8080-exec-3] o.a.c.c.C.[dispatcherServlet] : Servlet threw\n\
         \n\
         org.springframework.security.oauth2.client.ClientAuthorizationException: [invalid_scope] no\n\
         \tat org.springframework.security.oauth2.client.A.b(A.java:1)\n",
    ),
    (
        "java, uncaught",
        "Exception in thread \"main\" java.lang.IllegalStateException: no\n\
         \tat com.acme.Main.main(Main.java:3)\n\
         Caused by: java.io.IOException\n\
         \t... 1 more\n",
    ),
    (
        "java, printed without a log line",
        "no.bankid.csc.CscException: certificate_expired\n\tat no.bankid.csc.Client.call(Client.java:31)\n",
    ),
    (
        "python, logging.exception",
        "2026-11-20 09:14:08,901 ERROR myinfo token call failed\n\
         Traceback (most recent call last):\n\
         \x20 File \"/srv/app.py\", line 3, in call\n\
         \x20   raise_for_status()\n\
         \x20   ^^^^^^^^^^^^^^^^^^\n\
         requests.exceptions.HTTPError: 401 Client Error\n",
    ),
    (
        "python, chained",
        "Traceback (most recent call last):\n\
         \x20 File \"/srv/app.py\", line 3, in call\n\
         \x20   d['x']\n\
         KeyError: 'x'\n\
         \n\
         During handling of the above exception, another exception occurred:\n\
         \n\
         Traceback (most recent call last):\n\
         \x20 File \"/srv/app.py\", line 5, in call\n\
         \x20 File \"/srv/bankid.py\", line 9, in f\n\
         \x20   g()\n\
         \x20 [Previous line repeated 996 more times]\n\
         bankid.errors.CscError: credential_expired\n\
         \n\
         The above exception was the direct cause of the following exception:\n\
         \n\
         Traceback (most recent call last):\n\
         \x20 File \"/srv/app.py\", line 7, in <module>\n\
         SystemExit\n",
    ),
    (
        "go, panic",
        "panic: runtime error: invalid memory address or nil pointer dereference\n\
         [signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x48e7b6]\n\
         \n\
         goroutine 1 [running]:\n\
         main.(*T).Do(0xc000012120, {0x1, 0x2})\n\
         \t/src/a.go:12 +0x1d\n\
         main.main()\n\
         \t/src/a.go:8 +0x1d\n\
         \n\
         goroutine 5 [chan receive, 2 minutes]:\n\
         main.f(...)\n\
         \t/src/a.go:3\n\
         created by main.main in goroutine 1\n\
         \t/src/a.go:9 +0x2\n\
         exit status 2\n",
    ),
    (
        "go, net/http",
        "2026/11/20 09:14:06 http: panic serving 10.0.0.1:3: boom\n\
         goroutine 7 [running]:\n\
         net/http.(*conn).serve.func1(0xc0000a0000)\n\
         \t/usr/local/go/src/net/http/server.go:1850 +0xbf\n\
         panic({0x6a4ec0, 0x73c6d0})\n\
         \t/usr/local/go/src/runtime/panic.go:890 +0x262\n",
    ),
    (
        "go, fatal error",
        "fatal error: all goroutines are asleep - deadlock!\n\
         \n\
         goroutine 1 [semacquire]:\n\
         sync.runtime_Semacquire(0x0?)\n\
         \t/usr/local/go/src/runtime/sema.go:62 +0x27\n\
         ...additional frames elided...\n\
         main.main()\n\
         \t/src/a.go:8 +0x1d\n",
    ),
    (
        ".net, logged",
        "2026-11-20 09:14:08.901 +00:00 [ERR] token call failed\n\
         System.AggregateException: One or more errors occurred. (boom)\n\
         \x20---> System.Net.Http.HttpRequestException: invalid_client\n\
         \x20  at Acme.Okta.Client.PostAsync() in /src/Client.cs:line 30\n\
         --- End of stack trace from previous location ---\n\
         \x20  --- End of inner exception stack trace ---\n\
         \x20  at Acme.Okta.Job.Run() in /src/Job.cs:line 3\n",
    ),
    (
        ".net, console logger",
        "fail: Acme.Okta.Job[13]\n\
         \x20     An unhandled exception.\n\
         \x20     System.InvalidOperationException: boom\n\
         \x20        at Acme.Okta.Job.Run() in /src/Job.cs:line 3\n",
    ),
    (
        ".net, unhandled",
        "Unhandled exception. System.InvalidOperationException: boom\n   at Acme.Main() in /src/a.cs:line 3\n",
    ),
    (
        "node, with its properties",
        "Error: Invalid Encyption key\n\
         \x20   at Object.getPersonData (/app/node_modules/myinfo-connector-v4-nodejs/index.js:120:13)\n\
         \x20   at async /app/index.js:3:7 {\n\
         \x20 code: 'ECONNREFUSED',\n\
         \x20 [cause]: Error: inner\n\
         \x20     at f (/app/a.js:1:1)\n\
         }\n",
    ),
    (
        "node, logged",
        "error: Unhandled rejection\nTypeError [ERR_INVALID_ARG]: no\n    at f (/app/a.js:1:1)\n    at g (/app/a.js:2:1)\n",
    ),
    (
        "node, uncaught",
        "/app/index.js:3\n\
         throw new Error('boom')\n\
         ^\n\
         \n\
         Error: boom\n\
         \x20   at Object.<anonymous> (/app/index.js:3:7)\n\
         \n\
         Node.js v20.1.0\n",
    ),
    (
        "ruby",
        "app.rb:5:in `rescue in charge': outer (RuntimeError)\n\
         \tfrom app.rb:20:in `<main>'\n\
         app.rb:3:in `charge': inner (KeyError)\n\
         \tfrom app.rb:20:in `<main>'\n",
    ),
    (
        "ruby, logged",
        "E, [2026-11-20T09:14:08.901 #12] ERROR -- : boom (RuntimeError)\n\
         app/a.rb:3:in `charge'\n\
         app/b.rb:4:in `<main>'\n",
    ),
    (
        "rust",
        "thread 'main' panicked at src/main.rs:2:5:\n\
         index out of bounds: the len is 3 but the index is 5\n\
         stack backtrace:\n\
         \x20  0: rust_begin_unwind\n\
         \x20            at /rustc/library/std/src/panicking.rs:697:5\n\
         note: run with `RUST_BACKTRACE=full` for a verbose backtrace.\n",
    ),
    (
        "json over several lines",
        "2026-11-20 09:14:08 INFO answer: {\n  \"error\": \"access_denied\",\n  \"list\": [\n    1\n  ]\n}\n",
    ),
];

/// Each line begins an event of its own.
const NEIGHBOURS: [&str; 12] = [
    "2026-11-20 09:14:08 ERROR a\n2026-11-20 09:14:08 ERROR b\n{\"a\":1}\n{\"b\":2}\n<11>x\nINFO c\nplain\nplain\n",
    "2026-11-20 09:14:08 INFO a\nTraceback (most recent call last):\n",
    "2026-11-20 09:14:08 ERROR a\n\n2026-11-20 09:14:08 ERROR b\n",
    "2026-11-20 09:14:08 ERROR a\ncom.acme.AException: no frame follows\nplain\n",
    "{\"level\":\"error\"}\ncom.acme.AException: x\n",
    "2026-11-20 09:14:08 INFO a\nError: x\n2026-11-20 09:14:08 INFO b\n",
    "2026-11-20T09:14:32Z stdout F a\n2026-11-20T09:14:32Z stderr F \tat x\n",
    "plain\n2026-11-20T09:14:32Z stdout F \tat x\n",
    "{\"log\":\"a\\n\",\"stream\":\"stdout\",\"time\":\"t\"}\n{\"log\":\"b\\n\",\"stream\":\"stdout\",\"time\":\"t\"}\n",
    "{\"log\":\"\\tat x\\n\",\"stream\":\"stdout\",\"kubernetes\":{}}\n{\"log\":\"\\tat x\\n\",\"stream\":\"stdout\",\"kubernetes\":{}}\n",
    "20/Nov/2026:09:14:10 +0000 a\n09:14:08.1 a\n[error] a\nE1121 10:00:02.1 a\nNov 21 10:00:00 h a: x\n INFO [main] a\n",
    "key: value\nOther.Word: x\nKeyError: y\nexit status 2\nNode.js v20\n#1 first\n#2 second\n",
];

/// The definition: the events of a text, one after the other from its first byte.
fn walk(text: &[u8], limits: Limits) -> Vec<Range<usize>> {
    let mut events = Vec::new();
    let (mut head, mut line, mut lines_seen) = (0, 0, 0);
    while line < text.len() {
        let end = line_end(text, line);
        let full = lines_seen >= limits.event_lines_max || end - head > limits.event_bytes_max;
        if line > head && (full || starts_at(text, line, head, Tail::End) == Start::Yes) {
            events.push(head..line);
            (head, lines_seen) = (line, 0);
        }
        (line, lines_seen) = (end, lines_seen + 1);
    }
    if head < text.len() {
        events.push(head..text.len());
    }
    events
}

fn json_escaped(line: &str) -> String {
    line.replace('\\', "\\\\").replace('"', "\\\"").replace('\t', "\\t")
}

/// The text as it is, and every line of it in each of the wrappers that go around lines.
fn wrapped(text: &str) -> [(&'static str, String); 5] {
    let each = |around: &dyn Fn(&str) -> String| text.lines().map(around).collect::<String>();
    let docker = |line: &str| {
        format!(
            "{{\"log\":\"{}\\n\",\"stream\":\"stderr\",\"time\":\"2026-11-20T09:14:32Z\"}}",
            json_escaped(line)
        )
    };
    [
        ("plain", text.to_string()),
        ("crlf", text.replace('\n', "\r\n")),
        ("cri", each(&|line| format!("2026-11-20T09:14:32.000000001Z stderr F {line}\n"))),
        ("docker", each(&|line| docker(line) + "\n")),
        ("docker in cri", each(&|line| format!("2026-11-20T09:14:32Z stdout F {}\n", docker(line)))),
    ]
}

#[test]
fn a_stack_trace_is_one_event_in_every_wrapper() {
    for (name, trace) in TRACES {
        for (wrapper, text) in wrapped(trace) {
            let before = wrapped("GET /before 200\n").into_iter().find(|(name, _)| *name == wrapper);
            let before = before.expect("the same wrappers").1;
            let after = before.replace("before", "after");
            let whole = format!("{before}{text}{after}");
            let expected = [
                0..before.len(),
                before.len()..before.len() + text.len(),
                before.len() + text.len()..whole.len(),
            ];
            assert_eq!(walk(whole.as_bytes(), Limits::default()), expected, "{name}, {wrapper}:\n{whole}");
            assert_eq!(*record(text.as_bytes()).text, *trace.trim_end().as_bytes(), "{name}, {wrapper}");
        }
    }
}

#[test]
fn ordinary_neighbours_stay_apart() {
    for text in NEIGHBOURS {
        let lines: Vec<_> =
            walk(text.as_bytes(), Limits::default()).into_iter().map(|event| &text[event]).collect();
        assert_eq!(lines, text.split_inclusive('\n').collect::<Vec<_>>());
    }
}

#[test]
fn two_traces_in_a_row_are_two_events() {
    for (name, trace) in TRACES {
        let head = "GET /between 200\n";
        let whole = format!("{trace}{head}{trace}");
        let walked = walk(whole.as_bytes(), Limits::default());
        assert_eq!(walked.len(), 3, "{name}: {walked:?}");
    }
}

#[test]
fn a_part_is_carried_on_by_its_stream_whatever_the_rest_looks_like() {
    let line = |stream: &str, tag: &str, text: &str| format!("2026-11-20T09:14:32Z {stream} {tag} {text}\n");
    let parts = line("stdout", "P", "ERROR a")
        + &line("stderr", "F", "between")
        + &line("stdout", "P", "ERROR b")
        + &line("stdout", "F", "2026-11-20 09:14:08 INFO c");
    let text = parts.clone() + &line("stdout", "F", "d");
    assert_eq!(walk(text.as_bytes(), Limits::default()), [0..parts.len(), parts.len()..text.len()]);
    // Nothing of the stream follows near enough.
    let alone = line("stdout", "P", "a") + &line("stderr", "F", "b").repeat(5);
    assert_eq!(walk(alone.as_bytes(), Limits::default()).len(), 6);
    let docker = |log: &str| format!("{{\"log\":\"{log}\",\"stream\":\"stdout\",\"time\":\"t\"}}\n");
    let long = docker(&"a".repeat(16 * 1024)) + &docker("ERROR rest\\n");
    let text = long.clone() + &docker("ERROR next\\n");
    assert_eq!(walk(text.as_bytes(), Limits::default()), [0..long.len(), long.len()..text.len()]);
    assert!(record(long.as_bytes()).text.ends_with(b"aaERROR rest"));
}

#[test]
fn a_long_event_is_cut_at_line_ends_counted_from_its_head() {
    let text = format!("ERROR head\n{}INFO next\n", "\tat x\n".repeat(10));
    let lines = Limits { event_lines_max: 4, event_bytes_max: 1000 };
    let counts = |limits| {
        walk(text.as_bytes(), limits)
            .into_iter()
            .map(|event| count_lines(&text.as_bytes()[event]))
            .collect::<Vec<_>>()
    };
    assert_eq!(counts(lines), [4, 4, 3, 1]);
    assert_eq!(counts(Limits { event_lines_max: 100, event_bytes_max: 24 }), [3, 4, 4, 1]);
    assert_eq!(counts(Limits { event_lines_max: 100, event_bytes_max: 1 }), [1; 12]);
}

#[test]
fn what_may_go_on_is_held_back() {
    let held =
        |text: &str| &text[complete_to(text.as_bytes(), Limits::default(), Tail::More)..] as *const str;
    let table = [
        ("ERROR a\nERROR b\n", "ERROR b\n"),
        ("ERROR a\nERROR b\nERR", "ERROR b\nERR"),
        ("ERROR a\n\tat x\n", "ERROR a\n\tat x\n"),
        ("INFO z\nERROR a\ncom.acme.AException: x\n", "ERROR a\ncom.acme.AException: x\n"),
        ("panic: a\n\n", "panic: a\n\n"),
        ("", ""),
        ("half", "half"),
    ];
    for (text, expected) in table {
        let kept = held(text);
        assert_eq!(kept, &text[text.len() - expected.len()..] as *const str, "{text:?}");
        assert_eq!(complete_to(text.as_bytes(), Limits::default(), Tail::End), text.len());
    }
}

#[test]
fn a_buffer_of_one_endless_event_stays_within_its_limits() {
    for unit in ["\tat x\n", "\n", "2026-11-20T09:14:32Z stdout P x\n", "}\n"] {
        let (mut buffer, limits) = (Vec::new(), Limits { event_lines_max: 8, event_bytes_max: 100 });
        for _ in 0..1000 {
            buffer.extend_from_slice(unit.as_bytes());
            let complete = complete_to(&buffer, limits, Tail::More);
            buffer.drain(..complete);
            assert!(buffer.len() <= limits.event_bytes_max.max(unit.len()), "{unit:?}");
        }
    }
}

/// Sizes at which anything quadratic would take hours.
#[test]
fn hostile_texts_take_one_pass() {
    let units = [
        "\tat x\n",
        "\n",
        " \n\n",
        "plain\n",
        "a.b.CError: x\n",
        "KeyError: x\n  x\n",
        "  File \"x\n",
        "^\n",
        "2026-11-20T09:14:32Z stdout P x\n2026-11-20T09:14:32Z stderr P x\n",
        "{\"log\":\"x\",\"time\":\"t\"}\n",
    ];
    for unit in units {
        let text = unit.repeat(8_000_000 / unit.len()).into_bytes();
        let mut floor = 0;
        while floor < text.len() {
            // Hits with many lines to walk back over, each from the end of the event before it.
            let hit = (floor + 20_000).min(text.len() - 1);
            let event = event_around(&text, hit, floor, Limits::default());
            assert!(event.start >= floor && event.contains(&hit));
            floor = event.end;
        }
        let last = event_around(&text, text.len() - 1, 0, Limits::default());
        assert_eq!(last.end, text.len());
        let complete = complete_to(&text, Limits::default(), Tail::More);
        assert!(text.len() - complete <= 1024 * 1024);
    }
}

#[test]
fn lines_of_a_megabyte_are_looked_at_by_their_ends_only() {
    let long = "x".repeat(1 << 20) + "\n";
    let text =
        (long.clone() + "\tat " + &long + "{\"log\":\"" + &long + "{\"a\":" + &"[".repeat(1 << 20) + "\n")
            .repeat(3);
    assert_eq!(walk(text.as_bytes(), Limits::default()).len(), 12);
    assert_eq!(record(text.as_bytes()).text.len(), text.len() - 1);
}

/// Lines that say something to the rules, in any order.
fn any_line() -> impl Strategy<Value = String> {
    let traces: Vec<String> = TRACES.iter().flat_map(|(_, text)| text.lines().map(String::from)).collect();
    let neighbours: Vec<String> = NEIGHBOURS.iter().flat_map(|text| text.lines().map(String::from)).collect();
    let line = prop_oneof![
        4 => prop::sample::select(traces),
        1 => prop::sample::select(neighbours),
        1 => Just(String::new()),
        1 => "[ \t]{0,3}[a-zA-Z.:{}^]{0,8}",
    ];
    (line, 0..14).prop_map(|(line, wrapper)| match wrapper {
        0 => format!("2026-11-20T09:14:32Z stdout P {line}"),
        1 => format!("2026-11-20T09:14:32Z stderr P {line}"),
        2 | 3 => format!("2026-11-20T09:14:32Z stdout F {line}"),
        4 => format!("2026-11-20T09:14:32Z stderr F {line}"),
        5 => format!("{{\"log\":\"{}\\n\",\"stream\":\"stdout\"}}", json_escaped(&line)),
        6 => format!("{{\"log\":\"{}\\n\",\"time\":\"t\"}}", json_escaped(&line)),
        7 => format!("\x1b[31m{line}\x1b[0m\r"),
        _ => line,
    })
}

fn any_text() -> impl Strategy<Value = Vec<u8>> {
    let lines = prop::collection::vec(any_line(), 0..40);
    (lines, any::<bool>()).prop_map(|(lines, ended)| {
        let text = lines.join("\n");
        (text + if ended { "\n" } else { "" }).into_bytes()
    })
}

fn any_limits() -> impl Strategy<Value = Limits> {
    prop_oneof![
        3 => Just(Limits::default()),
        2 => (1..12_usize, 1..400_usize).prop_map(|(event_lines_max, event_bytes_max)| Limits { event_lines_max, event_bytes_max }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn every_byte_is_in_the_event_that_a_walk_finds(text in any_text(), limits in any_limits()) {
        let walked = walk(&text, limits);
        for (index, event) in walked.iter().enumerate() {
            let floor = walked[index.saturating_sub(3)].start;
            for at in [event.start, event.start + (event.len() - 1) / 2, event.end - 1] {
                for floor in [0, floor, event.start] {
                    prop_assert_eq!(event_around(&text, at, floor, limits), event.clone());
                }
            }
        }
    }

    #[test]
    fn any_chunks_give_the_events_of_the_whole(
        text in any_text(), limits in any_limits(), cuts in prop::collection::vec(1..90_usize, 1..60),
    ) {
        let (mut found, mut buffer, mut offset, mut rest) = (Vec::new(), Vec::new(), 0, &text[..]);
        for cut in cuts.into_iter().chain([usize::MAX]) {
            let (chunk, after) = rest.split_at(cut.min(rest.len()));
            rest = after;
            buffer.extend_from_slice(chunk);
            let tail = if cut == usize::MAX { Tail::End } else { Tail::More };
            let complete = complete_to(&buffer, limits, tail);
            let mut floor = 0;
            while floor < complete {
                let event = event_around(&buffer, floor, floor, limits);
                prop_assert!(event.end <= complete, "{event:?} of {complete}");
                found.push(offset + event.start..offset + event.end);
                floor = event.end;
            }
            offset += complete;
            buffer.drain(..complete);
        }
        prop_assert_eq!(found, walk(&text, limits));
    }

    #[test]
    fn a_scan_resumes_at_an_event(text in any_text(), limits in any_limits(), from in 0..2000_usize) {
        let from = from.min(text.len());
        let walked = walk(&text, limits);
        if let Some(start) = resume_at(&text, from, Tail::End) {
            prop_assert!(start >= from);
            let index = walked.iter().position(|event| event.start == start);
            prop_assert!(index.is_some());
            let again: Vec<_> = walk(&text[start..], limits).into_iter().map(|event| event.start + start).collect();
            let rest: Vec<_> = walked[index.expect("just seen")..].iter().map(|event| event.start).collect();
            prop_assert_eq!(again, rest);
        }
    }

    #[test]
    fn nothing_panics_on_any_bytes(text in prop::collection::vec(any::<u8>(), 0..300), begin in any_line()) {
        let mut line = begin.into_bytes();
        line.extend_from_slice(&text);
        for text in [&text, &line] {
            let _ = (record(text), unwrap_line(text), timestamp(text, Some(2026)));
            let _ = (walk(text, Limits::default()), resume_at(text, 1, Tail::More));
        }
    }
}
