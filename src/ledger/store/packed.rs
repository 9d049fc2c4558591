//! A delta as bytes, for who keeps one in a mark: counts that were read and are not part of the ledger yet.
//!
//! The form is that of a journal's delta, behind a number of its own. What a journal leaves out (windows, distinct tenants,
//! levels) is left out here as well: it fills anew.

use crate::event::Delta;
use crate::ledger::saved::SavedDelta;

/// The first byte.
const FORM: u8 = 1;

pub fn pack(delta: &Delta) -> Vec<u8> {
    postcard::to_extend(&SavedDelta::of(delta), vec![FORM]).expect("memory takes everything")
}

/// `None`: it is none, or one of another version.
pub fn unpack(bytes: &[u8]) -> Option<Delta> {
    let (form, rest) = bytes.split_first()?;
    let (saved, rest) = postcard::take_from_bytes::<SavedDelta>(rest).ok()?;
    (*form == FORM && rest.is_empty()).then(|| saved.delta())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{ErrorKey, Mark, Millis, Seen, SourceCounts};

    #[test]
    fn what_was_counted_comes_back_and_nothing_else_does() {
        let counts = SourceCounts { lines: 7, bytes: 9, matched: 2, ..SourceCounts::default() };
        let mark = Mark { key: "a/b".into(), value: Some([1, 2].into()) };
        let mut delta = Delta { source: "s".into(), counts, marks: vec![mark], ..Delta::default() };
        let key = ErrorKey { provider: "p".into(), category: "c".into(), code: "1".into() };
        delta.errors.add(key.clone(), &Seen::once(Some(Millis(5))));
        let packed = pack(&delta);
        let back = unpack(&packed).unwrap();
        assert_eq!((&back.source, &back.counts, &back.marks), (&delta.source, &delta.counts, &delta.marks));
        assert_eq!(back.errors.get(&key), delta.errors.get(&key));
        for cut in 0..packed.len() {
            assert!(unpack(&packed[..cut]).is_none(), "{cut}");
        }
        assert!(unpack(&[&packed[..], b"x"].concat()).is_none());
        assert!(unpack(&[&[2], &packed[1..]].concat()).is_none(), "another form");
    }
}
