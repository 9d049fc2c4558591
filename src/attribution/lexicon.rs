//! The words that evidence is made of, ready to be found: hosts, names, loggers of all packs in one pass each.

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use crate::catalogue::Catalogue;
use crate::catalogue::compile::ProviderId;
use crate::matcher::first_bytes;

/// Built once for a catalogue.
pub struct Lexicon {
    hosts: AhoCorasick,
    /// Of each pattern of `hosts`: the provider, or `None` for somebody who is not loaded.
    host_owners: Vec<(Option<ProviderId>, String)>,
    /// Squeezed names (`astca`) and whose they are.
    names: Vec<(Box<[u8]>, ProviderId)>,
    /// The first letters of every name, and every logger, without case.
    beginnings: AhoCorasick,
    /// Lower-case first letters of the names.
    initials: [bool; 256],
    pub loggers: Vec<(String, Option<ProviderId>)>,
    /// Of each syntax of the catalogue, the bytes that a code may begin with.
    pub first_bytes: Vec<[bool; 256]>,
}

/// A host of a known domain.
pub struct Host<'l> {
    pub provider: Option<ProviderId>,
    pub domain: &'l str,
    pub host: String,
    /// Where its domain begins.
    pub at: usize,
}

impl Lexicon {
    pub fn of(catalogue: &Catalogue) -> Lexicon {
        let mut host_owners = Vec::new();
        let mut names: Vec<(Box<[u8]>, ProviderId)> = Vec::new();
        let mut loggers = Vec::new();
        for (id, p) in catalogue.providers.iter().enumerate() {
            host_owners.extend(p.hosts.iter().map(|h| (Some(id), h.clone())));
            names.extend(p.names.iter().map(|n| (Box::from(n.as_bytes()), id)));
            loggers.extend(p.loggers.iter().map(|l| (l.clone(), Some(id))));
        }
        host_owners.extend(catalogue.foreign.hosts.iter().map(|h| (None, h.clone())));
        loggers.extend(catalogue.foreign.loggers.iter().map(|l| (l.clone(), None)));
        let hosts = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .match_kind(MatchKind::Standard)
            .ascii_case_insensitive(true)
            .build(host_owners.iter().map(|(_, h)| h))
            .expect("a few host names");
        let mut initials = [false; 256];
        for (name, _) in &names {
            initials[usize::from(name[0])] = true;
        }
        // The parts of a name may be written apart, a logger is always whole.
        let texts =
            names.iter().map(|(n, _)| &n[..n.len().min(3)]).chain(loggers.iter().map(|(l, _)| l.as_bytes()));
        let beginnings =
            AhoCorasick::builder().ascii_case_insensitive(true).build(texts).expect("a few short texts");
        let first_bytes = catalogue.syntaxes.iter().map(|syntax| first_bytes(&syntax.source)).collect();
        Lexicon { hosts, host_owners, names, beginnings, initials, loggers, first_bytes }
    }

    /// Whether a name or logger may stand in `text`, whole or in parts; most texts hold none.
    pub fn may_name(&self, text: &[u8]) -> bool {
        self.beginnings.is_match(text)
    }

    /// Hosts of known domains in `text`: of URLs, or, where `text` is the value of a field, standing at its start.
    pub fn hosts<'l>(&'l self, text: &'l [u8], value: bool) -> impl Iterator<Item = Host<'l>> + 'l {
        self.hosts.find_overlapping_iter(text).filter_map(move |found| {
            let (provider, domain) = &self.host_owners[found.pattern()];
            let host = host_around(text, found.start(), found.end(), value)?;
            Some(Host { provider: *provider, domain, host, at: found.start() })
        })
    }

    /// Providers whose names stand in `value` as whole words or word sequences: split at non-alphanumerics and camel
    /// case, neighbouring parts joined. Each once, in the order of the packs.
    pub fn names_in(&self, value: &[u8]) -> Vec<ProviderId> {
        const VALUE_MAX: usize = 1024;
        let value = &value[..value.len().min(VALUE_MAX)];
        let mut found = Vec::new();
        for start in 0..value.len() {
            if self.initials[usize::from(value[start].to_ascii_lowercase())] && starts_part(value, start) {
                let stands = |(name, _): &&(Box<[u8]>, ProviderId)| stands_at(value, start, name);
                found.extend(self.names.iter().filter(stands).map(|(_, provider)| *provider));
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// A part begins behind a non-alphanumeric, at `aB`, and at `ABc`.
fn starts_part(value: &[u8], at: usize) -> bool {
    let Some(before) = at.checked_sub(1).map(|i| value[i]) else { return true };
    if !before.is_ascii_alphanumeric() {
        return true;
    }
    let lower_next = value.get(at + 1).is_some_and(u8::is_ascii_lowercase);
    value[at].is_ascii_uppercase() && (!before.is_ascii_uppercase() || lower_next)
}

/// The letters and digits from `start` spell `name`, separators passed over, and a part ends behind them.
fn stands_at(value: &[u8], start: usize, name: &[u8]) -> bool {
    const SEPARATORS_MAX: usize = 3;
    let mut at = start;
    for (index, letter) in name.iter().enumerate() {
        if index > 0 {
            at += value[at..].iter().take(SEPARATORS_MAX).take_while(|b| !b.is_ascii_alphanumeric()).count();
        }
        if value.get(at).is_none_or(|b| b.to_ascii_lowercase() != *letter) {
            return false;
        }
        at += 1;
    }
    at == value.len() || !value[at].is_ascii_alphanumeric() || starts_part(value, at)
}

/// The whole host around a domain that stands at `start..end`: behind `://`, or first in the `value` of a field.
fn host_around(text: &[u8], start: usize, end: usize, value: bool) -> Option<String> {
    let is_host = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
    let after = (text.get(end).copied(), text.get(end + 1).copied());
    let goes_on = match after {
        (Some(b'.'), Some(next)) => next.is_ascii_alphanumeric(),
        (Some(b), _) => b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'@'),
        _ => false,
    };
    let labels = text[..start].iter().rev().take_while(|b| is_host(**b)).count();
    let whole_labels = labels == 0 || text[start - 1] == b'.';
    let first = start - labels;
    let written = text[..first].ends_with(b"://") || (value && text[..first].trim_ascii().is_empty());
    let host = || String::from_utf8_lossy(&text[first..end]).trim_matches(['.', '-']).to_ascii_lowercase();
    (!goes_on && whole_labels && written).then(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_whole_words_or_word_sequences() {
        let mut lexicon = Lexicon::of(&Catalogue::default());
        lexicon.names = vec![(Box::from(&b"bankid"[..]), 0), (Box::from(&b"astca"[..]), 1)];
        lexicon.initials[usize::from(b'b')] = true;
        lexicon.initials[usize::from(b'a')] = true;
        for (text, providers) in [
            ("bankid-csc", vec![0]),
            ("x.BankIdClient", vec![0]),
            ("BANKIDClient", vec![0]),
            ("bank_id", vec![0]),
            ("bankidx", vec![]),
            ("mybankid", vec![]),
            ("AstCaSigner and bankid", vec![0, 1]),
            ("fastca", vec![]),
        ] {
            assert_eq!(lexicon.names_in(text.as_bytes()), providers, "{text}");
        }
    }

    #[test]
    fn a_host_is_a_domain_with_all_its_labels() {
        let host = |text: &str, domain: &str, value| {
            let at = text.find(domain).expect("the domain stands there");
            host_around(text.as_bytes(), at, at + domain.len(), value)
        };
        assert_eq!(host("see https://Acme.okta.com/x", "okta.com", false).as_deref(), Some("acme.okta.com"));
        assert_eq!(host("acme.okta.com:443", "okta.com", true).as_deref(), Some("acme.okta.com"));
        for text in
            ["user@okta.com", "nokta.com", "okta.com.evil.example", "okta.computer", "x acme.okta.com"]
        {
            assert_eq!(host(text, "okta.com", true), None, "{text}");
        }
        assert_eq!(host("github.com/x/y.go", "github.com", false), None);
    }
}
