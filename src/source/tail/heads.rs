//! The files of one family, found by how they begin: with thousands of generations, and thousands of newcomers, not each
//! is compared with each.

use std::collections::{BTreeMap, HashMap};

use super::print::Head;

#[derive(Debug, Default)]
pub struct Heads {
    /// Shorter heads first.
    by_head: BTreeMap<Head, Vec<u64>>,
    /// By those beginnings of a head that are shorter than it.
    by_rung: HashMap<(usize, u64), Vec<u64>>,
}

impl Heads {
    pub fn add(&mut self, head: Head, number: u64) {
        self.by_head.entry(head).or_default().push(number);
        for rung in head.rungs() {
            self.by_rung.entry(rung).or_default().push(number);
        }
    }

    /// Files whose head stands in these first bytes of another one, and those with a longer head that begins like them;
    /// the youngest first.
    pub fn beginning_like(&self, bytes: &[u8]) -> Vec<u64> {
        let mut numbers: Vec<u64> = Vec::new();
        let mut len = 0;
        while let Some((next, _)) = self.by_head.range(Head::shortest_from(len + 1)..).next() {
            len = next.len;
            if usize::from(len) > bytes.len() {
                break;
            }
            let head = Head::of(&bytes[..len.into()]);
            numbers.extend(self.by_head.get(&head).into_iter().flatten());
        }
        let longest = Head::of(bytes).rungs().last();
        let longer = longest.and_then(|rung| self.by_rung.get(&rung));
        numbers.extend(longer.into_iter().flatten());
        numbers.sort_unstable_by(|one, other| other.cmp(one));
        numbers.dedup();
        numbers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shorter_and_longer_heads_are_found_and_others_are_not() {
        let text: Vec<u8> = (0..=255).collect();
        let mut heads = Heads::default();
        for (number, len) in [(1, 3), (2, 40), (3, 200), (4, 256)] {
            heads.add(Head::of(&text[..len]), number);
        }
        let mut other = text.clone();
        other[2] = b'x';
        heads.add(Head::of(&other), 5);
        heads.add(Head::of(&other[..2]), 6);
        assert_eq!(heads.beginning_like(&text), [6, 4, 3, 2, 1]);
        assert_eq!(heads.beginning_like(&text[..100]), [6, 4, 3, 2, 1]);
        assert_eq!(heads.beginning_like(&text[..40]), [6, 4, 3, 2, 1]);
        assert_eq!(heads.beginning_like(&text[..7]), [6, 1]);
        assert_eq!(heads.beginning_like(&other[..20]), [6, 5]);
    }
}
