//! What runtimes and shippers put around a line comes off: CRI, docker json-file, syslog, one in another, colours,
//! BOM and CR. What the wrappers said beside the text is kept as an [`Envelope`].
//!
//! Text stays borrowed where only a prefix or suffix goes away, and whole where a line is in no wrapper. The formats
//! are in `cri.rs`, `docker.rs`, `syslog.rs` and `ansi.rs`.

use std::borrow::Cow;
use std::ops::Range;

use crate::event::{Envelope, Record};

use super::cri::{self, Stream};
use super::lines::{lines, trim_end};
use super::{ansi, docker, syslog};

/// Wrappers inside of wrappers that are taken off.
const DEPTH_MAX: usize = 4;

/// One line without its wrappers.
#[derive(Debug, Clone, Default)]
pub struct Unwrapped<'a> {
    pub text: Cow<'a, [u8]>,
    pub envelope: Envelope,
    pub part: Part,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Part {
    /// The line ends here.
    #[default]
    Last,
    /// The next line of the same stream carries on with the same line of text.
    More,
}

/// `line` with or without its line end.
pub fn unwrap_line(line: &[u8]) -> Unwrapped<'_> {
    let mut envelope = Envelope::default();
    let line = clean_ends(line);
    match outer(line) {
        Some((_, part, text)) => {
            Unwrapped { text: inner(text, DEPTH_MAX - 1, &mut envelope), envelope, part }
        }
        None => {
            let text = inner(Cow::Borrowed(line), DEPTH_MAX, &mut envelope);
            Unwrapped { text, envelope, part: Part::Last }
        }
    }
}

/// The lines of `event` without their wrappers, joined by `\n`; parts of one line joined by nothing. The envelope is
/// that of the first line, with the structured data of all.
pub fn record(event: &[u8]) -> Record<'_> {
    let body = &event[..event.iter().rposition(|byte| *byte != b'\n').map_or(0, |last| last + 1)];
    if memchr::memchr(b'\n', body).is_none() {
        let Unwrapped { text, envelope, .. } = unwrap_line(body);
        return Record { text, envelope };
    }
    let mut envelope = Envelope::default();
    let mut texts = Vec::new();
    for (depth, text) in logical_lines(body) {
        let mut own = Envelope::default();
        texts.push(inner(text, depth, &mut own));
        merge(&mut envelope, own);
    }
    let whole = texts.iter().map(|text| text.len() + 1).sum::<usize>() == body.len() + 1;
    if whole && texts.iter().all(|text| matches!(text, Cow::Borrowed(_))) {
        return Record { text: Cow::Borrowed(body), envelope };
    }
    let text = if texts.len() == 1 { texts.swap_remove(0) } else { Cow::Owned(texts.join(&b'\n')) };
    Record { text, envelope }
}

/// The lines with parts put together, and how many wrappers each may still be in.
fn logical_lines(body: &[u8]) -> Vec<(usize, Cow<'_, [u8]>)> {
    let mut found: Vec<(usize, Cow<'_, [u8]>)> = Vec::new();
    let mut open = [None; Slot::COUNT];
    for line in lines(body) {
        let line = clean_ends(line);
        let Some((slot, part, text)) = outer(line) else {
            found.push((DEPTH_MAX, Cow::Borrowed(line)));
            continue;
        };
        let index = match open[slot.index()] {
            Some(index) => {
                let whole: &mut (usize, Cow<'_, [u8]>) = &mut found[index];
                whole.1.to_mut().extend_from_slice(&text);
                index
            }
            None => {
                found.push((DEPTH_MAX - 1, text));
                found.len() - 1
            }
        };
        open[slot.index()] = (part == Part::More).then_some(index);
    }
    found
}

fn clean_ends(line: &[u8]) -> &[u8] {
    let line = trim_end(line);
    line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line)
}

/// A stream of lines of one format, whose parts belong together.
#[derive(Debug, Clone, Copy)]
enum Slot {
    Cri(Stream),
    Docker(Option<Stream>),
}

impl Slot {
    const COUNT: usize = 4;

    fn index(self) -> usize {
        match self {
            Slot::Cri(Stream::Out) => 0,
            Slot::Cri(Stream::Err) => 1,
            Slot::Docker(Some(Stream::Err)) => 2,
            Slot::Docker(_) => 3,
        }
    }

    fn wrapper(self) -> Wrapper {
        match self {
            Slot::Cri(_) => Wrapper::Cri,
            Slot::Docker(_) => Wrapper::Docker,
        }
    }
}

/// The wrapper that may cut a line into parts.
fn outer(line: &[u8]) -> Option<(Slot, Part, Cow<'_, [u8]>)> {
    let part = |partial: bool| if partial { Part::More } else { Part::Last };
    match line.first()? {
        b'0'..=b'9' => {
            let found = cri::cri(line)?;
            Some((Slot::Cri(found.stream), part(found.partial), Cow::Borrowed(&line[found.text..])))
        }
        b'{' => {
            let found = docker::docker(line)?;
            Some((Slot::Docker(found.stream), part(found.partial), docker::text(&line[found.log])))
        }
        _ => None,
    }
}

/// Up to `depth` wrappers off, then colours and a last CR.
fn inner<'a>(mut text: Cow<'a, [u8]>, depth: usize, envelope: &mut Envelope) -> Cow<'a, [u8]> {
    for _ in 0..depth {
        let Some(layer) = peel(&text) else { break };
        // An inner wrapper is nearer to the program that wrote the line.
        let outer = std::mem::replace(envelope, layer.envelope);
        merge(envelope, outer);
        text = layer.inner.of(text);
    }
    let text = ansi::strip(text);
    let length = text.strip_suffix(b"\r").map_or(text.len(), <[u8]>::len);
    Inner::Range(0..length).of(text)
}

/// What `envelope` does not say yet.
fn merge(envelope: &mut Envelope, other: Envelope) {
    envelope.app = envelope.app.take().or(other.app);
    envelope.failing = envelope.failing.or(other.failing);
    let room = syslog::STRUCTURED_MAX.saturating_sub(envelope.structured.len());
    envelope.structured.extend(other.structured.into_iter().take(room));
}

/// What stands around a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrapper {
    ByteOrderMark,
    Cri,
    Docker,
    Syslog,
    Colours,
}

/// What [`unwrap_line`] takes off, outermost first.
pub fn layers(line: &[u8]) -> Vec<Wrapper> {
    let whole = trim_end(line);
    let line = clean_ends(line);
    let mut found = Vec::new();
    found.extend((line.len() < whole.len()).then_some(Wrapper::ByteOrderMark));
    let (mut text, depth) = match outer(line) {
        Some((slot, _, text)) => {
            found.push(slot.wrapper());
            (text, DEPTH_MAX - 1)
        }
        None => (Cow::Borrowed(line), DEPTH_MAX),
    };
    for _ in 0..depth {
        let Some(layer) = peel(&text) else { break };
        found.push(layer.wrapper);
        text = layer.inner.of(text);
    }
    let coloured = text.len();
    found.extend((ansi::strip(text).len() < coloured).then_some(Wrapper::Colours));
    found
}

/// One wrapper taken off.
pub(super) struct Layer {
    wrapper: Wrapper,
    pub(super) inner: Inner,
    /// Where in the line the wrapper says when.
    pub(super) time: Option<Range<usize>>,
    envelope: Envelope,
}

pub(super) enum Inner {
    Range(Range<usize>),
    Owned(Vec<u8>),
}

impl Inner {
    pub(super) fn of(self, text: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
        match (self, text) {
            (Inner::Owned(inner), _) => Cow::Owned(inner),
            (Inner::Range(range), Cow::Borrowed(text)) => Cow::Borrowed(&text[range]),
            (Inner::Range(range), Cow::Owned(mut text)) => {
                text.truncate(range.end);
                text.drain(..range.start);
                Cow::Owned(text)
            }
        }
    }
}

/// The outermost wrapper of `text`, whichever it is.
pub(super) fn peel(text: &[u8]) -> Option<Layer> {
    let suffix = |begin: usize| Inner::Range(begin..text.len());
    match text.first()? {
        b'{' => {
            let found = docker::docker(text)?;
            let inner = match docker::text(&text[found.log.clone()]) {
                Cow::Borrowed(log) => Inner::Range(found.log.start..found.log.start + log.len()),
                Cow::Owned(log) => Inner::Owned(log),
            };
            let wrapper = Wrapper::Docker;
            Some(Layer { wrapper, inner, time: found.time, envelope: Envelope::default() })
        }
        b'0'..=b'9' => match cri::cri(text) {
            Some(cri) => Some(Layer {
                wrapper: Wrapper::Cri,
                inner: suffix(cri.text),
                time: Some(0..cri.time_end),
                envelope: Envelope::default(),
            }),
            None => syslog_layer(text),
        },
        _ => syslog_layer(text),
    }
}

fn syslog_layer(text: &[u8]) -> Option<Layer> {
    let found = syslog::syslog(text)?;
    let inner = Inner::Range(found.text..text.len());
    Some(Layer { wrapper: Wrapper::Syslog, inner, time: found.time, envelope: found.envelope })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(line: &[u8]) -> String {
        String::from_utf8(unwrap_line(line).text.into_owned()).expect("UTF-8")
    }

    #[test]
    fn every_wrapper_comes_off() {
        let table = [
            (
                "2026-11-20T09:14:32.000000001Z stderr F level=error drm=widevine\n",
                "level=error drm=widevine",
            ),
            ("{\"log\":\"a \\\"b\\\"\\n\",\"stream\":\"stdout\",\"time\":\"t\"}\r\n", "a \"b\""),
            (
                "<11>1 2026-11-20T09:14:38.500Z node7 ast-ca 2211 - [meta tenant=\"acme\"] 510-50020",
                "510-50020",
            ),
            ("\u{feff}\u{1b}[31mERROR\u{1b}[0m x\r\n", "ERROR x"),
            (
                "2026-11-20T09:14:32Z stdout F {\"log\":\"Nov 21 10:00:09 h a[9]: x\\n\",\"stream\":\"stdout\"}",
                "x",
            ),
            (
                "2026-11-20T09:14:32Z ERROR crm request rejected: 510-4001",
                "2026-11-20T09:14:32Z ERROR crm request rejected: 510-4001",
            ),
            ("", ""),
            ("\r\n", ""),
        ];
        for (line, expected) in table {
            assert_eq!(text(line.as_bytes()), expected, "{line:?}");
        }
    }

    #[test]
    fn what_came_off_is_named_from_the_outside_in() {
        let line = "\u{feff}2026-11-20T09:14:32Z stdout F {\"log\":\"Nov 21 10:00:09 h a[9]: \u{1b}[31mx\\n\",\"stream\":\"stdout\"}";
        let all = [Wrapper::ByteOrderMark, Wrapper::Cri, Wrapper::Docker, Wrapper::Syslog, Wrapper::Colours];
        assert_eq!(layers(line.as_bytes()), all);
        assert_eq!(layers(b"2026-11-20T09:14:32Z ERROR x"), []);
    }

    #[test]
    fn four_wrappers_come_off_and_a_fifth_stays() {
        let header = "Nov 21 10:00:09 h a[9]: ";
        assert_eq!(text(format!("{}x", header.repeat(4)).as_bytes()), "x");
        assert_eq!(text(format!("{}x", header.repeat(5)).as_bytes()), format!("{header}x"));
    }

    #[test]
    fn the_nearest_wrapper_speaks_for_the_line() {
        let line = b"<14>1 - h shipper - - [a k=\"1\"] <11>1 - h okta-agent - - [b l=\"2\"] x";
        let Unwrapped { text, envelope, .. } = unwrap_line(line);
        assert_eq!(*text, *b"x");
        assert_eq!((envelope.app.as_deref(), envelope.failing), (Some("okta-agent"), Some(true)));
        assert_eq!(envelope.structured.len(), 2);
    }

    #[test]
    fn parts_are_joined_by_nothing_and_lines_by_a_newline() {
        let event = b"2026-11-20T09:14:32Z stdout P {\"error\":\"inval\n\
            2026-11-20T09:14:32Z stderr F between\n\
            2026-11-20T09:14:32Z stdout P id_\n\
            2026-11-20T09:14:32Z stdout F grant\"}\n\
            2026-11-20T09:14:32Z stdout F \tat x\r\n";
        assert_eq!(*record(event).text, *b"{\"error\":\"invalid_grant\"}\nbetween\n\tat x");
        let open = b"2026-11-20T09:14:32Z stdout P half";
        assert_eq!(unwrap_line(open).part, Part::More);
        assert_eq!(*record(open).text, *b"half");
    }

    #[test]
    fn an_object_in_two_parts_is_unwrapped_when_it_is_whole() {
        let event = b"2026-11-20T09:14:32Z stdout P {\"log\":\"a \\\"b\n\
            2026-11-20T09:14:32Z stdout F \\\"\\n\",\"stream\":\"stdout\"}\n";
        assert_eq!(*record(event).text, *b"a \"b\"");
    }

    #[test]
    fn text_that_loses_only_its_ends_stays_borrowed() {
        let borrowed: [&[u8]; 5] = [
            b"ERROR x\r\n",
            b"2026-11-20T09:14:32Z stdout F x",
            b"{\"log\":\"plain\\n\",\"stream\":\"stdout\"}",
            b"<11>Nov 21 10:00:09 h a: x",
            b"java.lang.X: y\n\tat a.b(C.java:1)\n\tat a.c(C.java:2)\n",
        ];
        for event in borrowed {
            assert!(matches!(record(event).text, Cow::Borrowed(_)), "{}", event.escape_ascii());
        }
    }

    #[test]
    fn the_first_line_names_the_app_and_all_give_their_data() {
        let event = b"<11>1 - h one - - [a k=\"1\"] x\n<14>1 - h two - - [a k=\"2\"] y";
        let Record { text, envelope } = record(event);
        assert_eq!(*text, *b"x\ny");
        assert_eq!((envelope.app.as_deref(), envelope.failing), (Some("one"), Some(true)));
        assert_eq!(envelope.structured, [("k".into(), "1".into()), ("k".into(), "2".into())]);
    }
}
