//! The line prefix of the Kubernetes container runtimes: `2026-11-20T09:14:32.000000001Z stderr F text`. A long line
//! comes in parts (tag `P`), each with its own prefix; the last part has tag `F`. Ordinary lines are refused on their
//! first bytes. Format: kubernetes/design-proposals, "CRI: log management for container stdout/stderr streams".

use super::stamp;

/// Which output of a container a line went to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    Out,
    Err,
}

impl Stream {
    pub(super) fn named(name: &[u8]) -> Option<Stream> {
        match name {
            b"stdout" => Some(Stream::Out),
            b"stderr" => Some(Stream::Err),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cri {
    /// The time is the line's first `time_end` bytes.
    pub(super) time_end: usize,
    pub(super) stream: Stream,
    /// Tag `P`: the next line of the stream carries on.
    pub(super) partial: bool,
    /// Where the text begins.
    pub(super) text: usize,
}

/// `line` without its line end.
pub(super) fn cri(line: &[u8]) -> Option<Cri> {
    if line.len() < 28 || line[4] != b'-' || line[10] != b'T' {
        return None;
    }
    let (stamp, time_end) = stamp::iso(line)?;
    stamp.offset?;
    let rest = line[time_end..].strip_prefix(b" ")?;
    let stream = Stream::named(rest.get(..6)?)?;
    let tags = rest[6..].strip_prefix(b" ")?;
    let tags_end = memchr::memchr(b' ', &tags[..tags.len().min(64)]).unwrap_or(tags.len());
    let partial = match &tags[..tags_end] {
        [b'F'] | [b'F', b':', ..] => false,
        [b'P'] | [b'P', b':', ..] => true,
        _ => return None,
    };
    let text = (time_end + 8 + tags_end + 1).min(line.len());
    Some(Cri { time_end, stream, partial, text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_is_recognised_and_nothing_else() {
        let read =
            |line: &'static str| cri(line.as_bytes()).map(|cri| (cri.stream, cri.partial, &line[cri.text..]));
        let (out, err) = (Stream::Out, Stream::Err);
        let table = [
            ("2026-11-20T09:14:32.000000001Z stderr F level=error", Some((err, false, "level=error"))),
            ("2026-11-20T09:14:32.1+01:00 stdout P half", Some((out, true, "half"))),
            ("2026-11-20T09:14:32Z stdout F \tat x", Some((out, false, "\tat x"))),
            ("2026-11-20T09:14:32Z stdout F ", Some((out, false, ""))),
            ("2026-11-20T09:14:32Z stdout F", Some((out, false, ""))),
            ("2026-11-20T09:14:32Z stdout P:log a", Some((out, true, "a"))),
            ("2026-11-20T09:14:32Z stdout X a", None),
            ("2026-11-20T09:14:32Z stdin F aaaaa", None),
            ("2026-11-20T09:14:32 stdout F aaaaa", None),
            ("2026-11-20 09:14:32Z stdout F aaaa", None),
            ("2026-11-20T09:14:32Z ERROR crm request rejected", None),
        ];
        for (line, expected) in table {
            assert_eq!(read(line), expected, "{line}");
        }
    }
}
