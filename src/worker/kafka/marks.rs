//! What the ledger keeps of a source's partitions, as marks, and back.
//!
//! `kafka/<source>/<topic>/<partition>` is where the partition stands, with its entries' numbers;
//! `kafka/<source>/<topic>/<partition>/<number>` are the counts of an entry that the group has not accepted as far as
//! this ledger knows. Both are written in the record that they belong to, so that no crash parts them.

use std::collections::BTreeMap;

use crate::event::{Delta, Mark};
use crate::ledger::store;
use crate::positions::{Saved, TopicPartition, Transaction};

/// The first byte of a partition's mark.
const FORM: u8 = 1;

/// What the keys of all partitions begin with.
pub const MARKS: &str = "kafka/";

/// What the keys of a source's marks begin with. A name may hold anything but control characters.
pub fn prefix(source: &str) -> String {
    format!("{MARKS}{}/", source.replace('/', "\u{1}"))
}

/// The partitions of all sources, for people; what cannot be read is left out.
pub fn all_kept<'m>(
    marks: impl Iterator<Item = (&'m str, &'m [u8])>,
) -> Vec<(String, TopicPartition, Saved)> {
    let one = |(key, value): (&str, &[u8])| {
        let mut parts = key.strip_prefix(MARKS)?.split('/');
        let (source, topic, partition) = (parts.next()?, parts.next()?, parts.next()?.parse().ok()?);
        let at = TopicPartition { topic: topic.into(), partition };
        let is_position = parts.next().is_none();
        is_position.then_some((source.replace('\u{1}', "/"), at, saved(value)?))
    };
    let mut found: Vec<_> = marks.filter_map(one).collect();
    found.sort_by(|(one, at, _), (other, beside, _)| (one, at).cmp(&(other, beside)));
    found
}

fn key(source: &str, at: &TopicPartition, entry: Option<u64>) -> Box<str> {
    let prefix = prefix(source);
    match entry {
        None => format!("{prefix}{at}"),
        Some(seq) => format!("{prefix}{at}/{seq}"),
    }
    .into()
}

/// The transaction as one delta: what it folds, and what it writes.
pub fn delta_of(source: &str, transaction: Transaction<Delta>) -> Delta {
    let mut delta = transaction.folded;
    delta.source = source.into();
    for write in transaction.writes {
        let mark = |entry, value| Mark { key: key(source, &write.at, entry), value };
        let saved = postcard::to_extend(&write.saved, vec![FORM]).expect("memory takes everything");
        delta.marks.push(mark(None, Some(saved.into())));
        for seq in write.removed {
            delta.marks.push(mark(Some(seq), None));
        }
        if let Some((seq, counts)) = &write.entry {
            delta.marks.push(mark(Some(*seq), Some(store::pack(counts).into())));
        }
    }
    delta
}

/// A partition as it was kept, with the counts of its entries.
pub type Kept = (TopicPartition, Saved, BTreeMap<u64, Delta>);

/// What the keys begin with under which the first number of a topic's partitions is kept.
pub fn topics_prefix(source: &str) -> String {
    format!("kafka-topics/{}/", source.replace('/', "\u{1}"))
}

/// A partition with a higher number than the topic had when it was seen first was added later.
pub fn first_partitions_mark(source: &str, topic: &str, count: usize) -> Mark {
    let key = format!("{}{topic}", topics_prefix(source)).into();
    Mark { key, value: Some(count.to_string().into_bytes().into()) }
}

/// By topic.
pub fn first_partitions<'m>(
    source: &str,
    marks: impl Iterator<Item = (&'m str, &'m [u8])>,
) -> BTreeMap<String, usize> {
    let prefix = topics_prefix(source);
    let read = |(key, value): (&str, &[u8])| {
        let count = std::str::from_utf8(value).ok()?.parse().ok()?;
        Some((key.strip_prefix(&prefix)?.to_owned(), count))
    };
    marks.filter_map(read).collect()
}

/// What a source's marks say. An error names the first that cannot be read.
pub fn kept<'m>(source: &str, marks: impl Iterator<Item = (&'m str, &'m [u8])>) -> Result<Vec<Kept>, String> {
    let prefix = prefix(source);
    let mut partitions: BTreeMap<TopicPartition, (Option<Saved>, BTreeMap<u64, Delta>)> = BTreeMap::new();
    for (key, value) in marks {
        let unreadable = || format!("what the ledger keeps under {key:?} cannot be read");
        let mut parts = key.strip_prefix(&prefix).ok_or_else(unreadable)?.split('/');
        let (topic, partition) = (parts.next(), parts.next().and_then(|number| number.parse().ok()));
        let (Some(topic), Some(partition)) = (topic, partition) else { return Err(unreadable()) };
        let held = partitions.entry(TopicPartition { topic: topic.into(), partition }).or_default();
        match parts.next() {
            None => held.0 = Some(saved(value).ok_or_else(unreadable)?),
            Some(seq) => {
                let seq = seq.parse().map_err(|_| unreadable())?;
                held.1.insert(seq, store::unpack(value).ok_or_else(unreadable)?);
            }
        }
    }
    let whole = partitions.into_iter().map(|(at, (saved, entries))| match saved {
        Some(saved) => Ok((at, saved, entries)),
        None => Err(format!("the ledger keeps counts of {at} and no position")),
    });
    whole.collect()
}

fn saved(value: &[u8]) -> Option<Saved> {
    let (form, rest) = value.split_first()?;
    let (saved, rest) = postcard::take_from_bytes(rest).ok()?;
    (*form == FORM && rest.is_empty()).then_some(saved)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{ErrorKey, Millis, Seen};
    use crate::positions::{Appeared, Book, GroupOffset, LedgerId};

    fn counted(lines: u64) -> Delta {
        let mut delta = Delta::default();
        delta.counts.lines = lines;
        let key = ErrorKey { provider: "p".into(), category: "c".into(), code: "1".into() };
        delta.errors.add(key, &Seen { count: lines, first: Some(Millis(1)), last: Some(Millis(2)) });
        delta
    }

    /// What a ledger has of marks when these deltas are committed.
    fn committed(deltas: impl IntoIterator<Item = Delta>) -> BTreeMap<Box<str>, Box<[u8]>> {
        let mut marks = BTreeMap::new();
        for mark in deltas.into_iter().flat_map(|delta| delta.marks) {
            match mark.value {
                Some(value) => marks.insert(mark.key, value),
                None => marks.remove(&mark.key),
            };
        }
        marks
    }

    fn read<'m>(
        marks: &'m BTreeMap<Box<str>, Box<[u8]>>,
        prefix: &str,
    ) -> impl Iterator<Item = (&'m str, &'m [u8])> {
        marks.iter().filter(move |(key, _)| key.starts_with(prefix)).map(|(key, value)| (&**key, &**value))
    }

    #[test]
    fn a_book_comes_back_from_its_marks_whatever_the_source_is_called() {
        let me = || LedgerId::new("me").unwrap();
        for source in ["kafka", "a/b", "kafka/kafka/0/0", "ü \"x\""] {
            let mut book: Book<Delta> = Book::new(me());
            let at = TopicPartition { topic: "logs.a-1".into(), partition: 3 };
            let assignment = book.assign(0, &at, GroupOffset::None, None, Appeared::WithTopic);
            book.resolved(&at, assignment.epoch, 5).unwrap();
            let mut deltas = vec![delta_of(source, book.transact(0).unwrap())];
            book.durable(0);
            let start = book.commits(0, |_| true);
            book.accepted(&start[0]).unwrap();
            book.count(&at, assignment.epoch, 12, counted(7)).unwrap();
            deltas.push(delta_of(source, book.transact(0).unwrap()));
            let marks = committed(deltas.iter().cloned());
            let kept = kept(source, read(&marks, &prefix(source))).unwrap();
            assert_eq!((kept.len(), kept[0].1.state.position, kept[0].2.len()), (1, 12, 1), "{source}");
            let back = Book::restore(me(), kept).unwrap();
            assert_eq!(back.saved().collect::<Vec<_>>(), book.saved().collect::<Vec<_>>());
            let shown = all_kept(read(&marks, MARKS));
            assert_eq!((shown[0].0.as_str(), &shown[0].1, shown.len()), (source, &at, 1));
            // Accepted: the counts are part of the delta now, and their mark is gone.
            book.durable(0);
            let commit = book.commits(0, |_| true);
            book.accepted(&commit[0]).unwrap();
            let folded = delta_of(source, book.transact(0).unwrap());
            assert_eq!((folded.counts.lines, &*folded.source), (7, source));
            deltas.push(folded);
            assert_eq!(committed(deltas).len(), 1);
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused_and_not_guessed() {
        let marks: BTreeMap<Box<str>, Box<[u8]>> =
            BTreeMap::from([("kafka/s/t/0".into(), [FORM + 1, 0, 0].into())]);
        assert!(kept("s", read(&marks, "kafka/s/")).is_err(), "another form");
        let entry: BTreeMap<Box<str>, Box<[u8]>> =
            BTreeMap::from([("kafka/s/t/0/1".into(), store::pack(&counted(1)).into())]);
        assert!(kept("s", read(&entry, "kafka/s/")).unwrap_err().contains("no position"));
    }

    #[test]
    fn the_first_number_of_partitions_is_kept_by_topic() {
        let mark = first_partitions_mark("a/b", "logs", 4);
        let value = mark.value.unwrap();
        let read = first_partitions("a/b", [(&*mark.key, &*value)].into_iter());
        assert_eq!(read, BTreeMap::from([("logs".to_owned(), 4)]));
    }
}
