//! Levels and statuses: what a line or an object says about how bad it is.

use super::views::Object;
use regex::Regex;
use std::sync::LazyLock;

static LEVEL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\b(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|ERR|FATAL|CRITICAL|CRIT|ALERT|EMERG|PANIC|SEVERE)\b").expect("valid")
});
static LEVEL_BRACKETED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)[\[(<](trace|debug|info|notice|warn|warning|error|err|fatal|critical|crit|alert|emerg|panic|severe)[\])>]").expect("valid")
});
static LEVEL_FIRST: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^\s*(trace|debug|info|notice|warn|warning|error|fatal|critical|panic)\b\s*[:\-]?\s")
        .expect("valid")
});
static LEVEL_KLOG: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^\s*([IWEF])\d{4} \d\d:\d\d").expect("valid"));

const BAD: [&str; 13] = [
    "warn",
    "warning",
    "err",
    "error",
    "fatal",
    "crit",
    "critical",
    "panic",
    "alert",
    "emerg",
    "emergency",
    "severe",
    "dpanic",
];
const GOOD: [&str; 9] =
    ["info", "debug", "trace", "notice", "verbose", "fine", "information", "informational", "default"];

/// A level written in a line: warn or worse?, and where it stands.
pub fn level_word(line: &str) -> Option<(bool, usize, usize)> {
    // a level stands at the head of a line
    let line = &line[..line.floor_char_boundary(160)];
    if let Some(found) = LEVEL_KLOG.captures(line) {
        return Some((&found[1] != "I", 0, found[0].len()));
    }
    let free = |found: &regex::Match| {
        let glued =
            |c: Option<char>, with: &str| c.is_some_and(|c| c.is_ascii_alphanumeric() || with.contains(c));
        !glued(line[..found.start()].chars().next_back(), "_./-")
            && !glued(line[found.end()..].chars().next(), "_=/-")
    };
    let plain = LEVEL.find_iter(line).find(free).map(|found| (found.as_str(), found.start(), found.end()));
    let grouped = |pattern: &Regex| {
        pattern
            .captures(line)
            .and_then(|found| found.get(1))
            .map(|found| (found.as_str().to_string(), found.start(), found.end()))
    };
    let candidates = [
        plain.map(|(word, start, end)| (word.to_string(), start, end)),
        grouped(&LEVEL_BRACKETED),
        grouped(&LEVEL_FIRST),
    ];
    let (word, start, end) = candidates.into_iter().flatten().min_by_key(|(_, start, _)| *start)?;
    Some((BAD.contains(&word.to_lowercase().as_str()), start, end))
}

/// What the level field of an object says.
pub fn level_of(object: &Object) -> Option<bool> {
    let named =
        |name: &str| ["level", "lvl", "severity", "loglevel", "levelname", "priority"].contains(&name);
    let value = object.value(named)?.trim().to_lowercase();
    if let Ok(number) = value.parse::<u32>() {
        return Some(if number >= 10 { number >= 40 } else { number <= 4 });
    }
    let known = BAD.contains(&value.as_str()) || GOOD.contains(&value.as_str());
    known.then(|| BAD.contains(&value.as_str()))
}

pub fn statuses_of(object: &Object) -> Vec<u16> {
    let named = |name: &str| {
        name == "http" || name == "responsecode" || name.ends_with("status") || name.ends_with("statuscode")
    };
    object
        .fields
        .iter()
        .filter(|field| named(&field.normal))
        .filter_map(|field| field.value.trim().parse::<u16>().ok())
        .filter(|status| (100..600).contains(status))
        .collect()
}
