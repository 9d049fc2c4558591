//! An ambiguous line → four lines of YAML that settle it, for what can be settled so.
//!
//! Nothing is suggested that was not tried: each overlay is loaded with all other rules and the same bytes are judged
//! again. Names in fields go first, then loggers, hosts, the source, and at last bare words.

use super::Book;
use crate::attribution::{Identity, Reason};
use crate::catalogue::load::RuleFile;
use crate::event::{Judgement, Label, Verdict};
use crate::pipeline::{Explained, Options};

/// Engines that are built in search of one that settles it.
const TRIALS_MAX: usize = 8;
const VALUE_MAX: usize = 128;

/// What would help.
#[derive(Debug, Default)]
pub struct Advice {
    /// The text of the overlay, written for the first of `providers`.
    pub overlay: Option<String>,
    /// Providers for which the same overlay settles it.
    pub providers: Vec<Label>,
    /// The place that it maps: `service "checkout-web"`.
    pub place: String,
    /// What the line is judged as with it, by provider.
    pub becomes: Vec<String>,
    /// Places that were tried in vain.
    pub tried: usize,
    /// Somebody's code waits for proof of its owner, so that an overlay may help.
    pub wanted: bool,
}

/// A place that an overlay can map.
struct Spot {
    key: &'static str,
    value: String,
    /// A container's name alone is anybody's.
    namespace: Option<String>,
}

pub fn advise(book: &Book, record: &[u8], cut: bool, options: &Options, explained: &Explained<'_>) -> Advice {
    let owners = owners(explained);
    let mut advice = Advice { wanted: !owners.is_empty(), ..Advice::default() };
    let Some(first) = owners.first() else { return advice };
    let judge = |text: &str| -> Option<Judgement> {
        let file = RuleFile { name: "suggested.yaml".to_owned(), text: text.to_owned().into() };
        let mut added = book.added.clone();
        added.push(file);
        let book = Book::open(added).ok()?;
        Some(book.engine.explain(record, cut, options).judgement)
    };
    for spot in spots(explained, record, options) {
        if advice.tried >= TRIALS_MAX {
            break;
        }
        advice.tried += 1;
        let settled = |provider: &Label| {
            let judgement = judge(&overlay(provider, &spot))?;
            settles(&explained.judgement, &judgement, provider)
        };
        let Some(verdict) = settled(first) else { continue };
        advice.overlay = Some(overlay(first, &spot));
        advice.place = match &spot.namespace {
            Some(namespace) => format!("{} {:?} of namespace {namespace:?}", spot.key, spot.value),
            None => format!("{} {:?}", spot.key, spot.value),
        };
        advice.providers.push(first.clone());
        advice.becomes.push(verdict);
        for provider in &owners[1..] {
            if let Some(verdict) = settled(provider) {
                advice.providers.push(provider.clone());
                advice.becomes.push(verdict);
            }
        }
        break;
    }
    advice
}

/// Providers that the open part of the judgement may be of; none where nothing is open or a mapping is no answer.
fn owners(explained: &Explained<'_>) -> Vec<Label> {
    let mut owners: Vec<Label> = Vec::new();
    let faults = &explained.judgement.faults;
    let open = faults.iter().filter(|f| f.verdict == Verdict::Ambiguous && f.provider.is_none());
    for candidate in open.flat_map(|f| &f.candidates) {
        owners.extend(candidate.split(':').next().map(Label::from));
    }
    if faults.is_empty() {
        let waits = |why: Option<Reason>| {
            matches!(
                why,
                Some(Reason::NeedsEvidence | Reason::NeedsProof | Reason::WordUnproven | Reason::Short)
            )
        };
        let waiting = explained.notes.sightings.iter().filter(|s| waits(s.let_go));
        owners.extend(waiting.flat_map(|s| s.owners.iter().map(|o| o.provider.clone())));
    }
    owners.sort();
    owners.dedup();
    owners
}

/// The code that `provider` has now and had not before.
fn settles(before: &Judgement, after: &Judgement, provider: &Label) -> Option<String> {
    let matched = |j: &Judgement| {
        j.faults
            .iter()
            .filter(|f| f.verdict == Verdict::Match && f.provider.as_ref() == Some(provider))
            .filter_map(|f| f.code.clone())
            .collect::<Vec<_>>()
    };
    let open = |j: &Judgement| {
        j.faults.iter().filter(|f| f.verdict == Verdict::Ambiguous && f.provider.is_none()).count()
    };
    let known = matched(before);
    let new = matched(after).into_iter().find(|code| !known.contains(code))?;
    let fewer = open(after) < open(before) || open(before) == 0;
    fewer.then(|| format!("{provider} {new}"))
}

fn overlay(provider: &str, spot: &Spot) -> String {
    let namespace = spot.namespace.as_ref().map(|name| format!("namespace: {}, ", scalar(name)));
    format!(
        "schema: faultline.rules/v1\noverlay: true\nprovider: {{id: {provider}}}\nmap: [{{{}{}: {}}}]\n",
        namespace.unwrap_or_default(),
        spot.key,
        scalar(&spot.value)
    )
}

/// Plain where that is plainly a text, else quoted.
fn scalar(value: &str) -> String {
    let plain = value.starts_with(|c: char| c.is_ascii_alphabetic())
        && value.len() > 4
        && value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/'));
    if plain { value.to_owned() } else { serde_json::Value::from(value).to_string() }
}

fn spots(explained: &Explained<'_>, record: &[u8], options: &Options) -> Vec<Spot> {
    let mut spots = Vec::new();
    let mut push = |key: &'static str, value: &str| {
        let fits = !value.is_empty() && value.len() <= VALUE_MAX && !value.contains(char::is_control);
        if fits && !spots.iter().any(|s: &Spot| s.key == key && s.value == value) {
            spots.push(Spot { key, value: value.to_owned(), namespace: None });
        }
    };
    let identities: Vec<&Identity> = explained.notes.identities.iter().filter(|i| is_name(i)).collect();
    let identities = &identities;
    let is_word = |i: &&&Identity| i.key == "text" || i.key == "path";
    let is_logger = |i: &&&Identity| i.key.to_ascii_lowercase().contains("logger");
    for i in identities.iter().filter(|i| !is_word(i) && !is_logger(i)) {
        push("service", &i.value);
    }
    for i in identities.iter().filter(|i| is_logger(i) || (is_word(i) && i.value.contains('.'))) {
        push("logger", &i.value);
    }
    for host in hosts(record) {
        push("host", &host);
    }
    let named = |value: &str| value.len() > 3 && value.contains(['-', '_', '@']);
    for i in identities.iter().filter(|i| is_word(i) && named(&i.value)) {
        push("service", &i.value);
    }
    options.origin.topic.iter().for_each(|topic| push("topic", topic));
    match &options.origin.container {
        // The path is another one after every start of the container.
        Some(container) => push("container", container),
        None => options.origin.path.iter().for_each(|path| push("path", path)),
    }
    for i in identities.iter().filter(|i| i.key == "text" && !i.value.contains(['.', '/'])) {
        push("service", &i.value);
    }
    for spot in spots.iter_mut().filter(|spot| spot.key == "container") {
        spot.namespace.clone_from(&options.origin.namespace);
    }
    spots
}

/// The end of a time stands where a name may stand as well; no name begins with a digit.
pub fn is_name(identity: &Identity) -> bool {
    let word = identity.key == "text";
    !word || identity.value.starts_with(|c: char| c.is_alphabetic() || matches!(c, '@' | '_'))
}

/// Hosts of URLs in the record, as they are written.
fn hosts(record: &[u8]) -> Vec<String> {
    let mut hosts = Vec::new();
    for at in memchr::memmem::find_iter(record, b"://").take(16) {
        let rest = &record[at + 3..];
        let len = rest.iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.')).count();
        let host = String::from_utf8_lossy(&rest[..len]).trim_matches(['.', '-']).to_ascii_lowercase();
        if host.contains('.') && host.contains(|c: char| c.is_ascii_alphabetic()) {
            hosts.push(host);
        }
    }
    hosts
}
