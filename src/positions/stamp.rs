//! What a commit to the group carries as metadata: who owns the partition, which of its entries the group has with this
//! very commit, and the same of the ledgers that owned it before.
//!
//! ```text
//! fl1;<ledger>;<seq>;<ledger>:<seq>,<ledger>:<seq>[;<topic id>]
//! ```
//!
//! The list is why a ledger that comes back knows whether its lost commit had arrived before others took over. Anybody
//! with the right to commit can write a stamp: text that is not ours is `None`, never an error.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::TopicId;

/// How many earlier owners a stamp names. A ledger that comes back after more loses what it had pending, and counts it.
pub const OWNERS_MAX: usize = 16;

/// Length of a ledger's name. With it a stamp has at most 3 + 65 + 20 + 16 · 85 + 33 + 1 = 1,482 characters: far below
/// the 4,095 that a broker takes (`offset.metadata.max.bytes`, which counts characters; one more is
/// `OffsetMetadataTooLarge`), also where somebody halved that setting.
pub const LEDGER_ID_MAX: usize = 64;

/// No number of a stamp is larger, so that counting on from it never overflows.
const SEQ_MAX: u64 = 1 << 62;

const FORM: &str = "fl1";

/// The name of a ledger: random, made with it. Letters, digits, `-` and `_`; 1 to [`LEDGER_ID_MAX`] of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LedgerId(Box<str>);

impl LedgerId {
    pub fn new(name: &str) -> Option<LedgerId> {
        let is_ours = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let fits = (1..=LEDGER_ID_MAX).contains(&name.len()) && name.bytes().all(is_ours);
        fits.then(|| LedgerId(name.into()))
    }
}

impl fmt::Display for LedgerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for LedgerId {
    type Error = &'static str;

    fn try_from(name: String) -> Result<LedgerId, Self::Error> {
        LedgerId::new(&name).ok_or("not the name of a ledger")
    }
}

impl From<LedgerId> for String {
    fn from(id: LedgerId) -> String {
        id.0.into()
    }
}

/// A ledger that owned the partition, and its newest entry that the group accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    pub ledger: LedgerId,
    pub seq: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    pub owner: Owner,
    /// Youngest first, each ledger once, at most [`OWNERS_MAX`].
    pub before: Vec<Owner>,
    /// The life of the topic that the owner believed to read.
    pub topic: Option<TopicId>,
}

impl Stamp {
    /// `None` for everything that [`Stamp`]'s `Display` would not write.
    pub fn parse(text: &str) -> Option<Stamp> {
        if text.len() > 4096 {
            return None;
        }
        let mut fields = text.split(';');
        if fields.next()? != FORM {
            return None;
        }
        let owner = Owner { ledger: LedgerId::new(fields.next()?)?, seq: parse_seq(fields.next()?)? };
        let before = parse_owners(fields.next()?)?;
        let topic = match fields.next() {
            Some(text) => Some(parse_topic(text)?),
            None => None,
        };
        let is_whole = fields.next().is_none() && before.iter().all(|other| other.ledger != owner.ledger);
        is_whole.then_some(Stamp { owner, before, topic })
    }

    /// Entries of `ledger` up to this are in the group; 0 when the stamp does not know it.
    pub fn accepted(&self, ledger: &LedgerId) -> u64 {
        let mut all = std::iter::once(&self.owner).chain(&self.before);
        all.find(|owner| owner.ledger == *ledger).map_or(0, |owner| owner.seq)
    }

    /// The list that `next` writes when it takes over from this owner.
    pub fn handed_on(self, next: &LedgerId) -> Vec<Owner> {
        let mut owners = self.before;
        owners.insert(0, self.owner);
        owners.retain(|owner| owner.ledger != *next);
        owners.truncate(OWNERS_MAX);
        owners
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{FORM};{};{};", self.owner.ledger, self.owner.seq)?;
        for (place, owner) in self.before.iter().enumerate() {
            let comma = if place > 0 { "," } else { "" };
            write!(f, "{comma}{}:{}", owner.ledger, owner.seq)?;
        }
        self.topic.map_or(Ok(()), |topic| write!(f, ";{:032x}", topic.0))
    }
}

fn parse_owners(text: &str) -> Option<Vec<Owner>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    let mut owners: Vec<Owner> = Vec::new();
    for part in text.split(',') {
        let (name, seq) = part.split_once(':')?;
        let owner = Owner { ledger: LedgerId::new(name)?, seq: parse_seq(seq)? };
        if owners.len() == OWNERS_MAX || owners.iter().any(|other| other.ledger == owner.ledger) {
            return None;
        }
        owners.push(owner);
    }
    Some(owners)
}

/// Digits alone, as they are written: no sign, no leading zero.
fn parse_seq(text: &str) -> Option<u64> {
    let is_plain =
        text.bytes().all(|byte| byte.is_ascii_digit()) && (text.len() == 1 || !text.starts_with('0'));
    text.parse().ok().filter(|seq| is_plain && *seq <= SEQ_MAX)
}

fn parse_topic(text: &str) -> Option<TopicId> {
    let is_plain = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    is_plain.then(|| u128::from_str_radix(text, 16).ok()).flatten().map(TopicId)
}
