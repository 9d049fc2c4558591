//! Texts of rule files → [`Rules`]: parsed, checked, later packs in the place of earlier ones; or every error of every file.
//!
//! The packs of the binary are linted by a test when they are built and not again at each start. What operators add is
//! linted in full, and checked against the rest (ids, overlays). Reads no file: `config` brings the texts.

use super::diagnostic::{Diagnostic, Diagnostics, Locator, SourceText, Step, nearest, quoted};
use super::schema::{AcceptedList, FileLine, ForeignList, Overlay, Pack, SharedList};
use super::{digest, lint};
use serde::de::DeserializeOwned;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

/// One rule file, read by somebody else.
#[derive(Debug, Clone)]
pub struct RuleFile {
    /// Shown in errors: a path, or the name of a built-in file.
    pub name: String,
    pub text: Cow<'static, str>,
}

impl RuleFile {
    /// Bytes as they were read; an error with the place of the first byte that is no UTF-8.
    pub fn from_bytes(name: String, bytes: Vec<u8>) -> Result<RuleFile, Diagnostics> {
        match String::from_utf8(bytes) {
            Ok(text) => Ok(RuleFile { name, text: Cow::Owned(text) }),
            Err(error) => {
                let good = error.utf8_error().valid_up_to();
                let head = std::str::from_utf8(&error.as_bytes()[..good]).expect("checked up to here");
                let text = String::from_utf8_lossy(error.as_bytes());
                let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
                let source = SourceText::new(&name, text);
                let good = head.strip_prefix('\u{feff}').unwrap_or(head).len();
                let finding =
                    source.finding_at(source.place_of(good), good, "the file is not UTF-8".to_string());
                Err(finding.with_hint(Some("save it as UTF-8".to_string())).into())
            }
        }
    }
}

/// What a rule file may be.
#[derive(Debug, Clone)]
pub enum Document {
    Pack(Box<Pack>),
    Overlay(Overlay),
    Shared(SharedList),
    Foreign(ForeignList),
    Accepted(AcceptedList),
}

impl Document {
    /// Documents of one identity replace each other; overlays have none, they add up.
    fn identity(&self) -> Option<String> {
        match self {
            Document::Pack(pack) => Some(format!("pack {}", pack_identity(pack))),
            Document::Overlay(_) | Document::Accepted(_) => None,
            Document::Shared(list) => Some(format!("shared list {}", list.shared.id)),
            Document::Foreign(list) => Some(format!("foreign list {}", list.foreign.id)),
        }
    }

    fn head(&self) -> &'static str {
        match self {
            Document::Pack(_) | Document::Overlay(_) => "provider",
            Document::Shared(_) => "shared",
            Document::Foreign(_) => "foreign",
            Document::Accepted(_) => "accepted",
        }
    }
}

/// `provider.id`, or `provider.id/provider.pack`.
pub fn pack_identity(pack: &Pack) -> String {
    match &pack.provider.pack {
        Some(part) => format!("{}/{part}", pack.provider.id),
        None => pack.provider.id.clone(),
    }
}

/// All that was loaded, in the order of the files; a replaced pack's place goes to the one that replaces it.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    pub packs: Vec<Pack>,
    pub overlays: Vec<Overlay>,
    pub shared: Vec<SharedList>,
    pub foreign: Vec<ForeignList>,
    /// Of the files, in hexadecimal: see `digest`.
    pub sha256: String,
    /// Where each pack comes from, in the order of `packs`.
    pub pack_files: Vec<String>,
    /// The same of `overlays`.
    pub overlay_files: Vec<String>,
}

/// Whether a file is linted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Linted when the binary was built.
    Shipped,
    Checked,
}

/// A document with the places of its text.
pub(super) struct Loaded<'f> {
    pub(super) name: &'f str,
    pub(super) document: Document,
    pub(super) at: Locator<'f>,
    pub(super) trust: Trust,
    pub(super) is_builtin: bool,
}

/// The built-in files, and over them what an operator adds: an added pack or list replaces the built-in one of the same
/// identity, two added ones of one identity are an error. Either everything holds or every finding comes back.
pub fn load(builtin: &[RuleFile], added: &[RuleFile]) -> Result<Rules, Diagnostics> {
    load_trusting(builtin, Trust::Shipped, added)
}

/// The same, with a word about the built-in files: whether they are linted again.
pub fn load_trusting(builtin: &[RuleFile], trust: Trust, added: &[RuleFile]) -> Result<Rules, Diagnostics> {
    let rules = collect(load_all(builtin, trust, added)?);
    Ok(Rules { sha256: digest::sha256(builtin.iter().chain(added)), ..rules })
}

/// The documents with their places.
pub(super) fn load_all<'f>(
    builtin: &'f [RuleFile],
    trust: Trust,
    added: &'f [RuleFile],
) -> Result<Vec<Loaded<'f>>, Diagnostics> {
    let mut findings = Vec::new();
    let mut all = Vec::new();
    let mut unread = 0;
    for (files, trust, is_builtin) in [(builtin, trust, true), (added, Trust::Checked, false)] {
        let mut set = Vec::with_capacity(files.len());
        for file in files {
            match parse(file, trust, &mut findings) {
                Some(loaded) => set.push(Loaded { is_builtin, ..loaded }),
                None => unread += 1,
            }
        }
        refuse_duplicates(&set, &mut findings);
        replace(&mut all, set);
    }
    if !added.is_empty() || trust == Trust::Checked {
        all.iter()
            .filter(|one| one.trust == Trust::Checked)
            .for_each(|one| lint::document(one, &mut findings));
        lint::across(&all, unread > 0, &mut findings);
    }
    if findings.is_empty() { Ok(all) } else { Err(Diagnostics::new(findings)) }
}

/// One file, by the key that says what it is.
fn parse<'f>(file: &'f RuleFile, trust: Trust, findings: &mut Vec<Diagnostic>) -> Option<Loaded<'f>> {
    let locator = Locator::parse(&file.name, &file.text);
    let keys = locator.top_keys();
    let (document, at) = if keys.contains(&"overlay") {
        read(locator, Document::Overlay)
    } else if keys.contains(&"provider") {
        read(locator, |pack| Document::Pack(Box::new(pack)))
    } else if keys.contains(&"shared") {
        read(locator, Document::Shared)
    } else if keys.contains(&"foreign") {
        read(locator, Document::Foreign)
    } else if keys.contains(&"accepted") {
        read(locator, Document::Accepted)
    } else {
        findings.extend_from_slice(&locator.findings);
        if locator.findings.is_empty() {
            findings.push(no_kind(&locator));
        }
        return None;
    };
    findings.extend_from_slice(&at.findings);
    Some(Loaded { name: &file.name, document: document?, at, trust, is_builtin: false })
}

fn read<'f, T: DeserializeOwned>(
    locator: Locator<'f>,
    document: impl Fn(T) -> Document,
) -> (Option<Document>, Locator<'f>) {
    let (value, at) = locator.read::<T>();
    (value.map(document), at)
}

fn no_kind(locator: &Locator<'_>) -> Diagnostic {
    if locator.is_empty() {
        return locator.finding(&[], "the file is empty".to_string(), None);
    }
    const KINDS: [&str; 5] = ["provider", "overlay", "shared", "foreign", "accepted"];
    let keys = locator.top_keys();
    let near = keys.iter().find_map(|key| nearest(key, KINDS).map(|kind| (*key, kind)));
    let message =
        "this is no rule file: expected one of the fields `provider` (a pack), `overlay`, `shared` \
                   and `foreign` at the top"
            .to_string();
    match near {
        Some((key, kind)) => {
            let hint = format!("did you mean {} where it says {}?", quoted(kind), quoted(key));
            locator.finding_at_key(key, message, Some(hint))
        }
        None => {
            let of_config = ["include", "log", "web", "sources", "limits"];
            let is_config = keys.iter().any(|key| of_config.contains(key)) || keys == ["rules"];
            let hint = match is_config {
                true => "this looks like a configuration, which is named by --config.file",
                false => "a pack begins with `schema: faultline.rules/v1`",
            };
            locator.finding(&[], message, Some(hint.to_string()))
        }
    }
}

/// Within one set nothing says which of two is meant.
fn refuse_duplicates(set: &[Loaded<'_>], findings: &mut Vec<Diagnostic>) {
    let mut seen: HashMap<String, &Loaded<'_>> = HashMap::new();
    for one in set {
        let Some(identity) = one.document.identity() else { continue };
        let path = [Step::Key(one.document.head())];
        if one.at.is_tainted(&path) {
            continue;
        }
        match seen.get(&identity) {
            Some(first) => {
                let hint = format!("it is already given in {}", first.name);
                findings.push(one.at.finding(&path, format!("duplicate {}", quoted(&identity)), Some(hint)));
            }
            None => {
                seen.insert(identity, one);
            }
        }
    }
}

fn replace<'f>(all: &mut Vec<Loaded<'f>>, set: Vec<Loaded<'f>>) {
    let mut places: HashMap<String, usize> =
        all.iter().enumerate().filter_map(|(n, one)| Some((one.document.identity()?, n))).collect();
    for one in set {
        match one.document.identity().and_then(|identity| places.remove(&identity)) {
            Some(place) => all[place] = one,
            None => all.push(one),
        }
    }
}

fn collect(mut all: Vec<Loaded<'_>>) -> Rules {
    all.iter_mut().for_each(place_tests);
    gather(all.into_iter().map(|one| (one.name, one.document)))
}

/// What [`collect`] gives, of documents that are still needed.
pub(super) fn rules_of(all: &[Loaded<'_>]) -> Rules {
    gather(all.iter().map(|one| (one.name, one.document.clone())))
}

fn gather<'f>(documents: impl Iterator<Item = (&'f str, Document)>) -> Rules {
    let mut rules = Rules::default();
    for (name, document) in documents {
        match document {
            Document::Pack(pack) => {
                rules.packs.push(*pack);
                rules.pack_files.push(name.to_owned());
            }
            Document::Overlay(overlay) => {
                rules.overlays.push(overlay);
                rules.overlay_files.push(name.to_owned());
            }
            Document::Shared(list) => rules.shared.push(list),
            Document::Foreign(list) => rules.foreign.push(list),
            Document::Accepted(_) => {}
        }
    }
    rules
}

/// Tells the inline tests where they stand.
fn place_tests(one: &mut Loaded<'_>) {
    let file: Arc<str> = one.name.into();
    let at = |path: &[Step<'_>]| FileLine { file: Arc::clone(&file), line: one.at.place(path).0 };
    match &mut one.document {
        Document::Pack(pack) => {
            for (n, rule) in pack.rules.iter_mut().enumerate() {
                for (m, test) in rule.tests.iter_mut().enumerate() {
                    test.place = at(&["rules".into(), n.into(), "tests".into(), m.into()]);
                }
            }
        }
        Document::Foreign(list) => {
            for (m, test) in list.tests.iter_mut().enumerate() {
                test.place = at(&["tests".into(), m.into()]);
            }
        }
        Document::Overlay(_) | Document::Shared(_) | Document::Accepted(_) => {}
    }
}

#[cfg(test)]
mod tests;
