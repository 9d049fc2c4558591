//! Stack traces as the runtimes print them, in every wrapper; neighbours that stay apart; and the promise that the
//! events of a text are the same wherever a look begins and however its bytes arrive.

use std::ops::Range;

use proptest::prelude::*;

use super::traces::{NEIGHBOURS, TRACES};
use super::*;

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
