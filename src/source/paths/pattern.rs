//! A glob as written → its parts, one for each name of a path, and the walk of several globs along a path at once
//! ([`Globs`]): which parts may match next. A part that is no glob is compared as bytes, so names need not be UTF-8.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};

use super::bad::{ALTERNATIVES_MAX, BRACES_DEPTH_MAX, BadPattern, Flaw, PATTERN_BYTES_MAX};

/// What one name has to be.
#[derive(Debug, Clone)]
pub(super) enum Part {
    Literal(OsString),
    /// `*`
    Any,
    /// `**`: any number of names, none too.
    Deep,
    Glob(GlobMatcher),
}

impl Part {
    pub(super) fn takes(&self, name: &OsStr) -> bool {
        match self {
            Part::Literal(literal) => literal == name,
            Part::Any | Part::Deep => true,
            Part::Glob(glob) => glob.is_match(name),
        }
    }
}

/// Globs beside each other.
#[derive(Debug, Clone, Default)]
pub(super) struct Globs(Vec<Vec<Part>>);

/// The part of a glob that the next name is held against: which glob, which part.
pub(super) type Spot = (u32, u32);

impl Globs {
    pub(super) fn add(&mut self, pattern: &OsStr) -> Result<(), BadPattern> {
        self.0.extend(parse(pattern)?);
        Ok(())
    }

    /// A glob without `/` is about the name of a file, wherever it lies.
    pub(super) fn add_excluding(&mut self, pattern: &OsStr) -> Result<(), BadPattern> {
        let is_name = !pattern.as_bytes().contains(&b'/');
        for mut parts in parse(pattern)? {
            if is_name && !matches!(parts.first(), Some(Part::Deep)) {
                parts.insert(0, Part::Deep);
            }
            self.0.push(parts);
        }
        Ok(())
    }

    pub(super) fn part(&self, (glob, at): Spot) -> &Part {
        &self.0[glob as usize][at as usize]
    }

    pub(super) fn is_last(&self, (glob, at): Spot) -> bool {
        at as usize + 1 == self.0[glob as usize].len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &[Part])> {
        (0..).zip(self.0.iter().map(Vec::as_slice))
    }

    /// Nothing is special in the glob of this spot: it is one path.
    pub(super) fn is_path(&self, (glob, _): Spot) -> bool {
        self.0[glob as usize].iter().all(|part| matches!(part, Part::Literal(_)))
    }

    /// Where all of them stand before the first name.
    pub(super) fn start(&self) -> Vec<Spot> {
        let mut spots = Vec::new();
        (0..).zip(&self.0).for_each(|(glob, _)| self.reach((glob, 0), &mut spots));
        settled(spots)
    }

    /// Puts a spot among `spots`, and the ones behind it that need no name to get to.
    pub(super) fn reach(&self, (glob, mut at): Spot, spots: &mut Vec<Spot>) {
        spots.push((glob, at));
        while matches!(self.part((glob, at)), Part::Deep) && !self.is_last((glob, at)) {
            at += 1;
            spots.push((glob, at));
        }
    }

    /// Where they stand behind the name of a directory.
    pub(super) fn enter(&self, spots: &[Spot], name: &OsStr) -> Vec<Spot> {
        let mut next = Vec::new();
        for spot in spots {
            match self.part(*spot) {
                Part::Deep => self.reach(*spot, &mut next),
                part if !self.is_last(*spot) && part.takes(name) => {
                    self.reach((spot.0, spot.1 + 1), &mut next);
                }
                _ => {}
            }
        }
        settled(next)
    }

    /// One of them ends with this name.
    pub(super) fn end_with(&self, spots: &[Spot], name: &OsStr) -> bool {
        spots.iter().any(|spot| self.is_last(*spot) && self.part(*spot).takes(name))
    }

    /// One of them takes whatever is below.
    pub(super) fn take_all(&self, spots: &[Spot]) -> bool {
        spots.iter().any(|spot| self.is_last(*spot) && matches!(self.part(*spot), Part::Deep))
    }

    pub(super) fn match_whole(&self, path: &Path) -> bool {
        let mut names = names(path).peekable();
        let mut spots = self.start();
        while let Some(name) = names.next() {
            if spots.is_empty() {
                return false;
            }
            if names.peek().is_none() {
                return self.end_with(&spots, name);
            }
            spots = self.enter(&spots, name);
        }
        false
    }
}

/// The root is a name too; `.` is none.
pub(super) fn names(path: &Path) -> impl Iterator<Item = &OsStr> {
    path.components().filter(|part| *part != Component::CurDir).map(|part| part.as_os_str())
}

fn settled(mut spots: Vec<Spot>) -> Vec<Spot> {
    spots.sort_unstable();
    spots.dedup();
    spots
}

/// One glob, or several where braces hold a `/`.
fn parse(pattern: &OsStr) -> Result<Vec<Vec<Part>>, BadPattern> {
    let bytes = pattern.as_bytes();
    let bad = |at, flaw| BadPattern { pattern: pattern.to_owned(), at, flaw };
    if bytes.is_empty() {
        return Err(bad(0, Flaw::Empty));
    }
    if bytes.len() > PATTERN_BYTES_MAX {
        return Err(bad(0, Flaw::TooLong));
    }
    let texts = spread(bytes).map_err(|(at, flaw)| bad(at, flaw))?;
    let split = |text: &Vec<u8>| {
        let bad = |(at, flaw)| BadPattern { pattern: OsString::from_vec(text.clone()), at, flaw };
        parts(text).map_err(bad)
    };
    texts.iter().map(split).collect()
}

/// The path that a pattern without anything special stands for.
pub fn literal(pattern: &Path) -> Option<PathBuf> {
    let mut globs = parse(pattern.as_os_str()).ok()?;
    let only = globs.pop().filter(|_| globs.is_empty())?;
    let name = |part: &Part| match part {
        Part::Literal(name) => Some(name.clone()),
        _ => None,
    };
    only.iter().map(name).collect()
}

/// The pattern as seen from `dir`, in whose own name nothing is special.
pub fn below(dir: &Path, pattern: &Path) -> PathBuf {
    let bytes = pattern.as_os_str().as_bytes();
    let is_absolute = match bytes.first() {
        Some(b'{') => spread(bytes).is_ok_and(|globs| globs.iter().all(|glob| glob.starts_with(b"/"))),
        first => first == Some(&b'/'),
    };
    if dir.as_os_str().is_empty() {
        return pattern.to_owned();
    }
    if is_absolute {
        return in_normal_form(bytes);
    }
    let mut whole = Vec::new();
    for byte in dir.as_os_str().as_bytes() {
        if b"\\*?[]{},".contains(byte) {
            whole.push(b'\\');
        }
        whole.push(*byte);
    }
    if whole.last() != Some(&b'/') {
        whole.push(b'/');
    }
    whole.extend_from_slice(bytes);
    in_normal_form(&whole)
}

/// The same for an excluding glob; one that is about names, or begins with `**`, is about all directories.
pub fn excluding_below(dir: &Path, pattern: &Path) -> PathBuf {
    let bytes = pattern.as_os_str().as_bytes();
    match bytes.starts_with(b"**") || !bytes.contains(&b'/') {
        true => pattern.to_owned(),
        false => below(dir, pattern),
    }
}

/// Without names that say nothing: `.`, and those of no length.
fn in_normal_form(pattern: &[u8]) -> PathBuf {
    let names: Vec<&[u8]> = pattern.split(|byte| *byte == b'/').collect();
    let (first, last) = (0, names.len() - 1);
    // An empty first name is the root, an empty last one a mistake that is to be found.
    let is_kept = |(n, name): &(usize, &&[u8])| match name {
        [] => *n == first || *n == last,
        name => *name != b".",
    };
    let kept: Vec<&[u8]> = names.iter().enumerate().filter(is_kept).map(|(_, name)| *name).collect();
    OsString::from_vec(kept.join(&b'/')).into()
}

type Wrong = (usize, Flaw);

/// What one step over a glob finds.
enum Token {
    Plain,
    Slash,
    Class,
    Open,
    Comma,
    Close,
    /// `*`, `?`
    Wild,
    Escaped,
}

/// The token at `at` and where the next one begins.
fn token(bytes: &[u8], at: usize) -> Result<(Token, usize), Wrong> {
    Ok(match bytes[at] {
        b'/' => (Token::Slash, at + 1),
        b'{' => (Token::Open, at + 1),
        b',' => (Token::Comma, at + 1),
        b'}' => (Token::Close, at + 1),
        b'*' | b'?' => (Token::Wild, at + 1),
        b'\\' if matches!(bytes.get(at + 1), None | Some(b'/')) => return Err((at, Flaw::DanglingBackslash)),
        b'\\' => (Token::Escaped, at + 2),
        b'[' => (Token::Class, class_end(bytes, at)?),
        _ => (Token::Plain, at + 1),
    })
}

/// Behind the `]` of the class that begins at `open`.
fn class_end(bytes: &[u8], open: usize) -> Result<usize, Wrong> {
    let mut at = open + 1;
    at += usize::from(matches!(bytes.get(at), Some(b'!' | b'^')));
    // The first one is a member.
    at += usize::from(bytes.get(at) == Some(&b']'));
    let length = bytes[at.min(bytes.len())..].iter().position(|byte| *byte == b']');
    let close = length.map(|length| at + length).ok_or((open, Flaw::OpenClass))?;
    let members = &bytes[open..close];
    if members.contains(&b'/') {
        return Err((open, Flaw::SlashInClass));
    }
    if members.is_ascii() { Ok(close + 1) } else { Err((open, Flaw::WideClass)) }
}

/// The glob without braces that hold a `/`: one for each of their alternatives.
fn spread(bytes: &[u8]) -> Result<Vec<Vec<u8>>, Wrong> {
    let mut left = vec![bytes.to_vec()];
    let mut done = Vec::new();
    while let Some(text) = left.pop() {
        match group_with_slash(&text)? {
            None => done.push(text),
            Some(Group { open, commas, close }) => {
                let ends: Vec<usize> = commas.iter().copied().chain([close]).collect();
                let starts = [open].into_iter().chain(commas);
                for (start, end) in starts.zip(ends).collect::<Vec<_>>().into_iter().rev() {
                    left.push([&text[..open], &text[start + 1..end], &text[close + 1..]].concat());
                }
            }
        }
        if left.len() + done.len() > ALTERNATIVES_MAX {
            return Err((0, Flaw::TooManyAlternatives));
        }
    }
    Ok(done)
}

struct Group {
    open: usize,
    commas: Vec<usize>,
    close: usize,
}

/// The first outermost group that holds a `/`; braces are checked on the way.
fn group_with_slash(bytes: &[u8]) -> Result<Option<Group>, Wrong> {
    let mut opens: Vec<usize> = Vec::new();
    let (mut commas, mut has_slash, mut found) = (Vec::new(), false, None);
    let mut at = 0;
    while at < bytes.len() {
        let (token, next) = token(bytes, at)?;
        match token {
            Token::Open if opens.len() == BRACES_DEPTH_MAX => return Err((at, Flaw::DeepBraces)),
            Token::Open => opens.push(at),
            Token::Comma if opens.len() == 1 => commas.push(at),
            Token::Slash => has_slash |= !opens.is_empty(),
            Token::Close => {
                let open = opens.pop().ok_or((at, Flaw::LoneBrace))?;
                if opens.is_empty() {
                    let group = Group { open, commas: std::mem::take(&mut commas), close: at };
                    if std::mem::take(&mut has_slash) && found.is_none() {
                        found = Some(group);
                    }
                }
            }
            _ => {}
        }
        at = next;
    }
    match opens.first() {
        Some(open) => Err((*open, Flaw::OpenBrace)),
        None => Ok(found),
    }
}

fn parts(bytes: &[u8]) -> Result<Vec<Part>, Wrong> {
    let mut parts = Vec::new();
    if bytes.first() == Some(&b'/') {
        parts.push(Part::Literal("/".into()));
    }
    let mut start = 0;
    while start < bytes.len() {
        let mut end = start;
        while end < bytes.len() && bytes[end] != b'/' {
            end = token(bytes, end)?.1;
        }
        let text = &bytes[start..end];
        if !text.is_empty() && text != b"." {
            parts.push(part(text).map_err(|flaw| (start, flaw))?);
        }
        start = end + 1;
    }
    match bytes.last() {
        _ if parts.is_empty() => Err((0, Flaw::Empty)),
        Some(b'/') => Err((bytes.len() - 1, Flaw::Directory)),
        _ => Ok(parts),
    }
}

fn part(text: &[u8]) -> Result<Part, Flaw> {
    match text {
        b"*" => return Ok(Part::Any),
        b"**" => return Ok(Part::Deep),
        _ => {}
    }
    let mut literal = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let (token, next) = token(text, at).map_err(|(_, flaw)| flaw)?;
        match token {
            Token::Escaped => literal.extend_from_slice(&text[at + 1..next]),
            Token::Plain | Token::Comma => literal.extend_from_slice(&text[at..next]),
            _ => return glob(text).map(Part::Glob),
        }
        at = next;
    }
    Ok(Part::Literal(OsString::from_vec(literal)))
}

fn glob(text: &[u8]) -> Result<GlobMatcher, Flaw> {
    let text = std::str::from_utf8(text).map_err(|_| Flaw::NotUtf8)?;
    let mut glob = GlobBuilder::new(text);
    match glob.literal_separator(true).backslash_escape(true).empty_alternates(true).build() {
        Ok(glob) => Ok(glob.compile_matcher()),
        Err(error) => Err(match error.kind() {
            globset::ErrorKind::InvalidRange(from, to) => Flaw::BackwardRange(*from, *to),
            kind => Flaw::Other(kind.to_string()),
        }),
    }
}
