//! A message of a pack, with its placeholders, as something that can be looked for in a text.

use memchr::memmem::Finder;
use regex::Regex;
use std::sync::LazyLock;

/// Letters of a message (blanks and placeholders not counted) below which it never stands alone.
pub const ALONE_MIN: usize = 12;

pub struct Pattern {
    pub source: String,
    /// Bytes outside placeholders: the longer literal wins.
    pub literal_bytes: usize,
    /// Fewer letters than `ALONE_MIN`.
    pub short: bool,
    /// The longest stretch without a placeholder: a text that does not contain it cannot hold the message.
    anchor: Finder<'static>,
    /// `None` where there is no placeholder and plain search says all.
    template: Option<Regex>,
    whole: Option<Regex>,
    stop: Stop,
}

/// Real lines cut the final `.` of a message; an everyday word without it is too little.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    Optional,
    Required,
}

static PLACEHOLDER: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\{([A-Za-z0-9_]+)(?::(list|any))?\}").expect("valid"));

impl Pattern {
    pub fn new(source: &str, stop: Stop) -> Pattern {
        let stretches: Vec<&str> = PLACEHOLDER.split(source).collect();
        let last = stretches.last().copied().unwrap_or_default();
        let optional = stop == Stop::Optional && last.ends_with('.');
        let sure = |stretch: &&'_ str| {
            if optional { stretch.strip_suffix('.').unwrap_or(stretch).len() } else { stretch.len() }
        };
        let anchor = stretches
            .iter()
            .max_by_key(|stretch| sure(stretch))
            .map(|stretch| &stretch[..sure(stretch)])
            .unwrap_or_default();
        let body = body(source, optional);
        let templated = stretches.len() > 1;
        let compile = |text: String| Regex::new(&text).expect("escaped text and known classes");
        Pattern {
            source: source.to_string(),
            literal_bytes: stretches.iter().map(|stretch| stretch.len()).sum(),
            short: stretches
                .iter()
                .flat_map(|stretch| stretch.chars())
                .filter(|c| !c.is_whitespace())
                .count()
                < ALONE_MIN,
            anchor: Finder::new(anchor).into_owned(),
            // behind a final `.` the word must not go on
            template: templated.then(|| {
                let end = match optional {
                    true => r"(?:$|[^A-Za-z0-9_.]|\.(?:$|[^A-Za-z0-9_]))",
                    false => r"(?-u:\b{end-half})",
                };
                compile(format!(r"(?-u:\b{{start-half}})({body}){end}"))
            }),
            whole: templated.then(|| compile(format!(r"^\s*(?:{body})\s*$"))),
            stop,
        }
    }

    /// Every place where the message stands whole: bounded by something that is no letter, digit or `_`.
    pub fn find_in(&self, text: &str) -> Vec<(usize, usize)> {
        if self.anchor.find(text.as_bytes()).is_none() {
            return Vec::new();
        }
        match &self.template {
            Some(template) => template
                .captures_iter(text)
                .filter_map(|found| found.get(1))
                .map(|found| (found.start(), found.end()))
                .collect(),
            None => self.plain_in(text),
        }
    }

    /// Without the final `.`, where it may be missing.
    fn bare(&self) -> &str {
        match self.stop {
            Stop::Optional => self.source.strip_suffix('.').unwrap_or(&self.source),
            Stop::Required => &self.source,
        }
    }

    /// The message would end with a `.`, but the word goes on behind it.
    fn goes_on(&self, text: &str, end: usize) -> bool {
        self.bare().len() < self.source.len()
            && text[end..]
                .strip_prefix('.')
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_'))
    }

    fn plain_in(&self, text: &str) -> Vec<(usize, usize)> {
        let word = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
        let bytes = text.as_bytes();
        let mut found = Vec::new();
        for start in self.anchor.find_iter(bytes) {
            let end = start + self.bare().len();
            let stop = self.bare().len() < self.source.len()
                && bytes.get(end) == Some(&b'.')
                && !word(bytes.get(end + 1));
            let glued =
                (start > 0 && word(bytes.get(start - 1))) || word(bytes.get(end)) || self.goes_on(text, end);
            if !glued {
                found.push((start, end + usize::from(stop)));
            }
        }
        found
    }

    /// The message is all that `value` says.
    pub fn is_whole(&self, value: &str) -> bool {
        match &self.whole {
            Some(whole) => whole.is_match(value),
            None => value.trim() == self.source || value.trim() == self.bare(),
        }
    }

    /// What a placeholder stands for in the first place where the message stands.
    pub fn status_in(&self, text: &str) -> Option<u16> {
        static STATUS: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\b[1-5]\d\d\b").expect("valid"));
        let (start, end) = *self.find_in(text).first()?;
        STATUS.find(&text[start..end])?.as_str().parse().ok()
    }
}

/// The regex of a message: `{x}` one bounded token, `{x:list}` to the next `]`, `{x:any}` and `{0}` anything short,
/// `{http}` a status. A final `.` may be missing.
fn body(source: &str, final_stop: bool) -> String {
    let (mut out, mut at) = (String::new(), 0);
    for found in PLACEHOLDER.captures_iter(source) {
        let whole = found.get(0).expect("group 0 is the match");
        out.push_str(&regex::escape(&source[at..whole.start()]));
        let bracketed = source[..whole.start()].ends_with('[') && source[whole.end()..].starts_with(']');
        let numbered = found[1].bytes().all(|byte| byte.is_ascii_digit());
        out.push_str(match (&found[1], found.get(2).map(|kind| kind.as_str())) {
            ("http", None) => r"[1-5][0-9]{2}",
            (_, Some("list")) => r"[^\]\n\x01\x02]{0,200}",
            (_, None) if numbered && bracketed => r"[^\]\n\x01\x02]{0,200}",
            (_, Some(_)) => r"[^\n\x01\x02]{1,200}?",
            (_, None) if numbered => r"[^\n\x01\x02]{1,200}?",
            (_, None) => r"[A-Za-z0-9_.:-]{1,64}",
        });
        at = whole.end();
    }
    let tail = &source[at..];
    out.push_str(&regex::escape(if final_stop { &tail[..tail.len() - 1] } else { tail }));
    out.push_str(if final_stop { r"\.?" } else { "" });
    out
}
