//! Names in a text: words and word sequences that are a provider's, and the words of a line that name its writer.

use super::levels::level_word;
use super::literals::Catalogue;
use regex::Regex;
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// Logger, class and exception names: dotted, the last or last but one part with a capital; or `SomethingException`.
static CLASS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"[A-Za-z_$][A-Za-z0-9_$]*(?:(?:\.|::)[A-Za-z_$][A-Za-z0-9_$]*)+|[A-Z][A-Za-z0-9_$]*(?:Exception|Error)\b").expect("valid")
});
static BRACKETED: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"[\[(]([A-Za-z][A-Za-z0-9_.:-]{1,60})[\])]").expect("valid"));
static DEPENDENCY: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"node_modules/((?:@[A-Za-z0-9_-]+/)?[A-Za-z0-9_.-]+)").expect("valid"));
static LOGGER_DASH: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?:^|[\] ])([A-Za-z][A-Za-z0-9_.$-]*) - ").expect("valid"));
static WORD_BEHIND: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^[\s\]\[()>:,|-]*(?:\d+ )?[\s\]\[()>:,|-]*([A-Za-z@][A-Za-z0-9_.$-]*)").expect("valid")
});
/// Providers whose name is a word, or a sequence of words, of a text: `MyInfo`, `bankid-csc`, `OktaTokenClient`.
pub fn names_in(catalogue: &Catalogue, text: &str) -> BTreeSet<usize> {
    let words = words_of(text);
    let mut found = BTreeSet::new();
    for pack in &catalogue.packs {
        for name in &pack.pack.names {
            let name: String = words_of(name).concat();
            let begins_here =
                |from: usize| (from + 1..=words.len()).any(|to| words[from..to].concat() == name);
            if !name.is_empty() && (0..words.len()).any(begins_here) {
                found.insert(pack.provider);
            }
        }
    }
    found
}

/// Split at everything that is no letter or digit, and at camel case; in lower case.
fn words_of(text: &str) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    let mut words = vec![String::new()];
    for (index, letter) in letters.iter().enumerate() {
        let before = index.checked_sub(1).map(|index| letters[index]);
        let behind = letters.get(index + 1);
        let starts = letter.is_ascii_uppercase()
            && before.is_some_and(|before| {
                before.is_ascii_lowercase()
                    || before.is_ascii_digit()
                    || (before.is_ascii_uppercase() && behind.is_some_and(char::is_ascii_lowercase))
            });
        if starts || !letter.is_ascii_alphanumeric() {
            words.push(String::new());
        }
        if letter.is_ascii_alphanumeric() {
            words.last_mut().expect("never empty").push(letter.to_ascii_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Words of a line that name who writes or who was called: around the level, in brackets, loggers, classes, packages.
pub fn names_of_line(line: &str, header: bool) -> Vec<String> {
    let mut names = Vec::new();
    let free = |start: usize, end: usize| {
        let glued = |c: Option<char>| c.is_some_and(|c| "/@\\".contains(c));
        !glued(line[..start].chars().next_back()) && !glued(line[end..].chars().next())
    };
    let mut add = |found: regex::Match| {
        if free(found.start(), found.end()) {
            names.push(found.as_str().to_string());
        }
    };
    for found in CLASS.find_iter(line) {
        let parts: Vec<&str> = found.as_str().split(['.', ':']).filter(|part| !part.is_empty()).collect();
        if parts.iter().rev().take(2).any(|part| part.starts_with(|c: char| c.is_ascii_uppercase())) {
            add(found);
        }
    }
    for pattern in [&*BRACKETED, &*DEPENDENCY] {
        pattern.captures_iter(line).filter_map(|found| found.get(1)).for_each(|found| {
            if pattern.as_str() == DEPENDENCY.as_str() || free(found.start(), found.end()) {
                names.push(found.as_str().to_string());
            }
        });
    }
    if header {
        LOGGER_DASH
            .captures_iter(line)
            .filter_map(|found| found.get(1))
            .filter(|found| free(found.start(), found.end()))
            .for_each(|found| names.push(found.as_str().to_string()));
        if let Some((_, start, end)) = level_word(line) {
            let before = line[..start].trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
            let from =
                before.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || "_.$-".contains(c)).len();
            let word = &before[from..];
            if word.starts_with(|c: char| c.is_ascii_alphabetic()) && free(from, before.len()) {
                names.push(word.to_string());
            }
            let behind = WORD_BEHIND.captures(&line[end..]).and_then(|found| found.get(1));
            let behind = behind.filter(|found| free(end + found.start(), end + found.end()));
            names.extend(behind.map(|found| found.as_str().to_string()));
        }
    }
    names
}
