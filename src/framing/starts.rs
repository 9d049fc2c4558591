//! Does an event start at this line? Answered from the line, at most four lines before and four behind it, each seen
//! through a window of 512 bytes (a docker object is read to its end first), so that the answer does not depend on
//! where a scan began.
//!
//! What makes that hold: a line starts an event unless something near says that it carries on. The line right before
//! is always visible (the first line of a text is a start by promise); whatever is looked at farther back can only
//! turn a start into a continuation. So a view that begins later sees at least the starts of one that begins earlier.

use std::borrow::Cow;

use super::cri::{self, Stream};
use super::levels::{self, Severity};
use super::lines::{line_end, line_start, trim_end};
use super::shapes::{Name, Shape, shape};
use super::{ansi, docker};

const LINES_AROUND_MAX: usize = 4;
const WINDOW_BYTES: usize = 512;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// An event starts at the line.
    Yes,
    /// The line belongs to the event before it.
    No,
    /// Bytes that are not here yet decide.
    Undecided,
}

/// What is behind the last byte of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// Nothing, ever.
    End,
    /// Perhaps more.
    More,
}

/// Whether an event starts at the line that begins at `line`. `floor` is the beginning of a line known to start an
/// event; nothing before it is looked at. With [`Tail::End`] never [`Start::Undecided`].
pub fn starts_at(text: &[u8], line: usize, floor: usize, tail: Tail) -> Start {
    if line <= floor {
        return Start::Yes;
    }
    let view = View { text, floor, tail };
    let (Ahead::Line(this), Some(before)) = (view.look(line), view.before(line)) else {
        return Start::Undecided;
    };
    match view.carries_part(&this, &before) {
        Some(start) => start,
        None if !this.output.may_follow(before.output) => Start::Yes,
        None => view.judge(&this, &before),
    }
}

/// Where a line came from. Lines of different outputs never belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Output {
    Plain,
    Cri(Stream),
    Docker(Option<Stream>),
}

impl Output {
    fn may_follow(self, before: Output) -> bool {
        match (self, before) {
            (Output::Docker(None), Output::Docker(_)) | (Output::Docker(_), Output::Docker(None)) => true,
            _ => self == before,
        }
    }

    fn is_wrapped(self) -> bool {
        self != Output::Plain
    }
}

/// One line seen through the window.
struct Look<'t> {
    begin: usize,
    end: usize,
    output: Output,
    partial: bool,
    text: Cow<'t, [u8]>,
    shape: Shape,
}

impl Look<'_> {
    fn is_indented(&self) -> bool {
        self.shape.is_indented(&self.text)
    }

    /// Of a log line; `None` of anything else, a line inside of a trace too.
    fn severity(&self) -> Option<Severity> {
        matches!(self.shape, Shape::Head | Shape::Plain).then(|| levels::log_line(&self.text))?
    }
}

enum Ahead<'t> {
    Line(Look<'t>),
    End,
    /// Not here yet, or not to its end.
    Missing,
}

struct View<'t> {
    text: &'t [u8],
    floor: usize,
    tail: Tail,
}

impl<'t> View<'t> {
    fn look(&self, begin: usize) -> Ahead<'t> {
        if begin >= self.text.len() {
            return if self.tail == Tail::End { Ahead::End } else { Ahead::Missing };
        }
        let end = line_end(self.text, begin);
        if self.tail == Tail::More && self.text[end - 1] != b'\n' {
            return Ahead::Missing;
        }
        Ahead::Line(look(self.text, begin, end))
    }

    fn before(&self, begin: usize) -> Option<Look<'t>> {
        if begin <= self.floor {
            return None;
        }
        let start = line_start(self.text, begin - 1).max(self.floor);
        Some(look(self.text, start, begin))
    }

    /// Parts of one long line: the rest of it carries on, and so does what another stream wrote in between.
    fn carries_part(&self, this: &Look<'t>, before: &Look<'t>) -> Option<Start> {
        if !this.output.is_wrapped() || !before.output.is_wrapped() {
            return None;
        }
        let (mut begin, mut own_seen, mut other_seen) = (this.begin, false, false);
        for distance in 1..=LINES_AROUND_MAX {
            let Some(earlier) = self.before(begin).filter(|earlier| earlier.output.is_wrapped()) else {
                break;
            };
            begin = earlier.begin;
            if this.output.may_follow(earlier.output) {
                if earlier.partial && !own_seen {
                    return Some(Start::No);
                }
                own_seen = true;
            } else if !other_seen {
                other_seen = true;
                let rest = LINES_AROUND_MAX - distance;
                if let Some(start) =
                    earlier.partial.then(|| self.awaits(this, earlier.output, rest)).flatten()
                {
                    return Some(start);
                }
            }
            if own_seen && other_seen {
                break;
            }
        }
        None
    }

    /// Whether a line of `output` comes within `lines_max` lines behind `this`.
    fn awaits(&self, this: &Look<'t>, output: Output, lines_max: usize) -> Option<Start> {
        let mut end = this.end;
        for _ in 0..lines_max {
            match self.look(end) {
                Ahead::Line(next) if output.may_follow(next.output) => return Some(Start::No),
                Ahead::Line(next) if next.output.is_wrapped() => end = next.end,
                Ahead::Line(_) | Ahead::End => return None,
                Ahead::Missing => return Some(Start::Undecided),
            }
        }
        None
    }

    fn judge(&self, this: &Look<'t>, before: &Look<'t>) -> Start {
        match this.shape {
            Shape::Indented | Shape::Frame | Shape::Cause | Shape::Trailer | Shape::PythonFile => Start::No,
            Shape::Caret | Shape::GoFile | Shape::Closer | Shape::Connector => Start::No,
            Shape::Blank => self.blank(this, before),
            Shape::Traceback => self.traceback(before),
            Shape::Goroutine => no_if(before.shape != Shape::Blank || self.behind_blank(before).is_some()),
            Shape::GoTrailer => no_if(before.is_indented() || before.shape == Shape::GoPanic),
            Shape::NodeVersion => no_if(before.shape == Shape::Blank && self.behind_blank(before).is_some()),
            Shape::RubyFrame => no_if(is_ruby(before.shape) || before.severity().is_some()),
            Shape::RubyError => no_if(before.shape == Shape::Frame),
            Shape::PhpTrace => no_if(this.text.starts_with(b"S") || before.shape == Shape::PhpTrace),
            Shape::Name(name) => self.name(name, this, before),
            Shape::Plain => self.plain(this, before),
            Shape::Head | Shape::Crash => Start::Yes,
            Shape::GoPanic | Shape::RustPanic | Shape::NodeSource => Start::Yes,
        }
    }

    /// The line before a blank line, if that is neither blank nor of another output.
    fn behind_blank(&self, blank: &Look<'t>) -> Option<Look<'t>> {
        self.before(blank.begin)
            .filter(|look| look.shape != Shape::Blank && blank.output.may_follow(look.output))
    }

    /// Blank lines end an event, except for those that the runtimes print inside of one.
    fn blank(&self, this: &Look<'t>, before: &Look<'t>) -> Start {
        match before.shape {
            Shape::Blank => return Start::Yes,
            Shape::Connector => return Start::No,
            _ => {}
        }
        match self.following(this) {
            Ahead::Line(next) => match next.shape {
                Shape::Goroutine | Shape::Connector | Shape::NodeVersion => Start::No,
                Shape::Name(name) => self.name_behind_blank(name, &next, before),
                _ => Start::Yes,
            },
            Ahead::End => Start::Yes,
            Ahead::Missing => Start::Undecided,
        }
    }

    /// A name, a blank line, and before that `before`: Node's uncaught errors, and Spring Boot's layout, which puts a
    /// blank line between a message and its trace.
    fn name_behind_blank(&self, name: Name, named: &Look<'t>, before: &Look<'t>) -> Start {
        match name {
            _ if before.shape == Shape::Caret => Start::No,
            Name::Qualified if before.severity() == Some(Severity::Failing) => {
                self.frame_ahead(named, LINES_AROUND_MAX - 1)
            }
            _ => Start::Yes,
        }
    }

    /// Python: `logging.exception` prints its line, then the trace; a chained trace follows its connecting line.
    fn traceback(&self, before: &Look<'t>) -> Start {
        if before.shape == Shape::Blank {
            return no_if(self.behind_blank(before).is_some_and(|look| look.shape == Shape::Connector));
        }
        no_if(before.severity() == Some(Severity::Failing))
    }

    fn name(&self, name: Name, this: &Look<'t>, before: &Look<'t>) -> Start {
        if self.ends_python_trace(before) {
            return Start::No;
        }
        if before.shape == Shape::Blank {
            let behind = self.behind_blank(before);
            return behind.map_or(Start::Yes, |behind| self.name_behind_blank(name, this, &behind));
        }
        if name == Name::Other {
            return self.plain(this, before);
        }
        match (before.severity(), name) {
            // A class without package is what Node prints, where a trace more often stands on its own.
            (Some(Severity::Failing), _) | (Some(_), Name::Qualified) => {
                self.frame_ahead(this, LINES_AROUND_MAX)
            }
            _ => Start::Yes,
        }
    }

    /// `  File "…"`, its source and its markers right before.
    fn ends_python_trace(&self, before: &Look<'t>) -> bool {
        let is_python = |look: &Look<'t>| matches!(look.shape, Shape::PythonFile | Shape::Caret);
        if !before.is_indented() {
            return false;
        }
        let mut python = is_python(before);
        let mut begin = before.begin;
        for _ in 1..LINES_AROUND_MAX {
            let Some(look) = self.before(begin).filter(|look| !python && look.is_indented()) else { break };
            python = is_python(&look) && before.output.may_follow(look.output);
            begin = look.begin;
        }
        python
    }

    /// Text at column 0: on its own, unless it stands inside of a trace.
    fn plain(&self, this: &Look<'t>, before: &Look<'t>) -> Start {
        match before.shape {
            Shape::RustPanic | Shape::NodeSource => return Start::No,
            Shape::Goroutine | Shape::GoFile | Shape::Frame => {
                return self.if_next(this, |next| next.shape == Shape::GoFile);
            }
            _ => {}
        }
        let mut begin = this.begin;
        for distance in 1..LINES_AROUND_MAX {
            let Some(look) = self.before(begin).filter(|look| this.output.may_follow(look.output)) else {
                break;
            };
            match look.shape {
                Shape::Plain | Shape::Name(Name::Other) => begin = look.begin,
                Shape::Name(_) | Shape::Cause | Shape::Crash => {
                    return self.frame_ahead(this, LINES_AROUND_MAX - distance);
                }
                _ => break,
            }
        }
        Start::Yes
    }

    /// No, if a stack frame follows within `lines_max` lines with nothing but the rest of a message before it.
    fn frame_ahead(&self, this: &Look<'t>, lines_max: usize) -> Start {
        let mut end = this.end;
        for _ in 0..lines_max {
            match self.look(end) {
                Ahead::Line(next) if !this.output.may_follow(next.output) => return Start::Yes,
                Ahead::Line(next) => match next.shape {
                    Shape::Frame | Shape::Cause => return Start::No,
                    Shape::Plain | Shape::Indented | Shape::Name(Name::Other) => end = next.end,
                    _ => return Start::Yes,
                },
                Ahead::End => return Start::Yes,
                Ahead::Missing => return Start::Undecided,
            }
        }
        Start::Yes
    }

    fn if_next(&self, this: &Look<'t>, belongs: impl Fn(&Look<'t>) -> bool) -> Start {
        match self.following(this) {
            Ahead::Line(next) => no_if(belongs(&next)),
            Ahead::End => Start::Yes,
            Ahead::Missing => Start::Undecided,
        }
    }

    /// The next line, if it is of the same output.
    fn following(&self, this: &Look<'t>) -> Ahead<'t> {
        match self.look(this.end) {
            Ahead::Line(next) if !this.output.may_follow(next.output) => Ahead::End,
            next => next,
        }
    }
}

fn no_if(carries_on: bool) -> Start {
    if carries_on { Start::No } else { Start::Yes }
}

fn is_ruby(shape: Shape) -> bool {
    matches!(shape, Shape::RubyFrame | Shape::RubyError)
}

fn look(text: &[u8], begin: usize, end: usize) -> Look<'_> {
    let line = trim_end(&text[begin..end]);
    let (output, partial, inner) = match cri::cri(line) {
        Some(cri) => {
            let rest = &line[cri.text..];
            (
                Output::Cri(cri.stream),
                cri.partial,
                docker_window(rest).map_or_else(|| window(rest), |found| found.2),
            )
        }
        None => docker_window(line).unwrap_or_else(|| (Output::Plain, false, window(line))),
    };
    let inner = ansi::strip(inner);
    let shape = shape(&inner);
    Look { begin, end, output, partial, text: inner, shape }
}

fn docker_window(line: &[u8]) -> Option<(Output, bool, Cow<'_, [u8]>)> {
    let found = docker::docker(line)?;
    let decoded = docker::decode(&line[found.log], WINDOW_BYTES);
    Some((Output::Docker(found.stream), found.partial, clip(decoded)))
}

fn window(line: &[u8]) -> Cow<'_, [u8]> {
    Cow::Borrowed(&line[..line.len().min(WINDOW_BYTES)])
}

/// A line end inside of the window is the one of the docker log string.
fn clip(text: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    let length = text.len().min(WINDOW_BYTES);
    let length = memchr::memchr(b'\n', &text[..length]).unwrap_or(length);
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[..length]),
        Cow::Owned(mut text) => {
            text.truncate(length);
            Cow::Owned(text)
        }
    }
}
