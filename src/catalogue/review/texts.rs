//! The texts of all rules with the rules that have them: codes as tokens, messages as patterns.

use std::collections::{BTreeMap, BTreeSet};

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use super::Site;
use crate::catalogue::load::{Document, Loaded};
use crate::catalogue::pattern::Pattern;

/// A code, wire code, internal code, name or alias, and the rules that have it with the field it stands in.
pub(super) type Tokens<'a> = BTreeMap<&'a str, Vec<(Site<'a>, &'static str)>>;

/// A bare number means nothing by itself; the forms of its pack say what stands before it.
fn is_token(text: &str) -> bool {
    !text.is_empty() && !text.bytes().all(|b| b.is_ascii_digit())
}

pub(super) fn tokens<'a>(sites: &[Site<'a>]) -> Tokens<'a> {
    let mut tokens = Tokens::new();
    for site in sites {
        let rule = site.rule;
        let named = if uses_names(site.loaded) { rule.name.as_deref() } else { None };
        let fields = [
            ("code", Some(&*rule.code)),
            ("wire", rule.wire.as_deref()),
            ("internal", rule.internal.as_deref()),
            ("name", named),
        ];
        let aliases = rule.aliases.iter().map(|alias| ("aliases", Some(&**alias)));
        for (field, text) in fields.into_iter().chain(aliases) {
            let Some(text) = text.filter(|text| is_token(text)) else { continue };
            let owners = tokens.entry(text).or_default();
            if !owners.iter().any(|(other, _)| other.provider == site.provider && other.rule.id == rule.id) {
                owners.push((*site, field));
            }
        }
    }
    tokens
}

/// Whether a form of the pack looks for `{name}`; else a name is for people.
fn uses_names(loaded: &Loaded<'_>) -> bool {
    let Document::Pack(pack) = &loaded.document else { return false };
    pack.forms.iter().any(|form| form.token.as_deref() == Some("{name}"))
}

/// A message that may stand alone; of rules of one provider that have it, the first.
pub(super) struct Message<'a> {
    pub(super) site: Site<'a>,
    pub(super) text: &'a str,
    pub(super) pattern: Pattern,
    /// The longest fixed piece, and which it is.
    piece: usize,
}

pub(super) fn messages<'a>(sites: &[Site<'a>]) -> Vec<Message<'a>> {
    let mut messages = Vec::new();
    let mut seen = BTreeSet::new();
    for site in sites {
        for text in site.rule.message.as_slice() {
            let pattern = Pattern::message(text, false);
            if pattern.is_short() || !seen.insert((site.provider, text)) {
                continue;
            }
            let pieces = pattern.pieces().iter().enumerate();
            let piece = pieces.max_by_key(|(_, piece)| piece.len()).map_or(0, |(n, _)| n);
            messages.push(Message { site: *site, text, pattern, piece });
        }
    }
    messages
}

/// Finds all messages in a text, in one pass over it.
pub(super) struct Finder<'m, 'a> {
    messages: &'m [Message<'a>],
    pieces: AhoCorasick,
}

impl<'m, 'a> Finder<'m, 'a> {
    pub(super) fn new(messages: &'m [Message<'a>]) -> Finder<'m, 'a> {
        let pieces = messages.iter().map(|message| {
            let piece = &*message.pattern.pieces()[message.piece];
            // The last full stop of a message may be missing.
            piece.strip_suffix(b".").unwrap_or(piece)
        });
        let pieces = AhoCorasick::builder().kind(Some(AhoCorasickKind::NoncontiguousNFA)).build(pieces);
        Finder { messages, pieces: pieces.expect("texts of rule files are no larger than their files") }
    }

    /// Those that stand whole in the text, each once, in their order.
    pub(super) fn find(&self, text: &[u8]) -> BTreeSet<usize> {
        let is_there = |id: usize, at: usize| {
            let Message { pattern, piece, .. } = &self.messages[id];
            pattern.match_at(text, *piece, at).is_some_and(|(from, to)| is_whole(text, from, to))
        };
        let found =
            self.pieces.find_overlapping_iter(text).map(|found| (found.pattern().as_usize(), found.start()));
        found.filter(|(id, at)| is_there(*id, *at)).map(|(id, _)| id).collect()
    }
}

impl Message<'_> {
    /// The text with something in the place of each placeholder.
    pub(super) fn sample(&self) -> Vec<u8> {
        let mut sample = Vec::new();
        for (n, piece) in self.pattern.pieces().iter().enumerate() {
            if n > 0 {
                sample.extend_from_slice(b"500");
            }
            sample.extend_from_slice(piece);
        }
        sample
    }
}

/// No letter or digit goes on before or behind.
fn is_whole(text: &[u8], from: usize, to: usize) -> bool {
    let is_word = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    let goes_on = |inner: Option<&u8>, outer: Option<&u8>| is_word(inner) && is_word(outer);
    !goes_on(text.get(from), from.checked_sub(1).and_then(|at| text.get(at)))
        && !goes_on(to.checked_sub(1).and_then(|at| text.get(at)), text.get(to))
}
