//! The files of one family, found by how they begin: with thousands of generations, and thousands of newcomers, not each
//! is compared with each.

use std::collections::{BTreeMap, HashMap};

use super::print::{Head, Print};

#[derive(Debug, Default)]
pub struct Heads {
    /// Shorter heads first.
    by_head: BTreeMap<Head, Vec<u64>>,
    /// By those beginnings of a head that are shorter than it, with what stands before the place up to which it was read.
    by_rung: HashMap<(usize, u64), Vec<(Print, u64)>>,
}

impl Heads {
    pub fn add(&mut self, number: u64, head: Head, check: Print) {
        self.by_head.entry(head).or_default().push(number);
        // Without a check nothing but a rung would be known of a file that holds less than the head.
        for rung in head.rungs().filter(|_| check.len > 0) {
            self.by_rung.entry(rung).or_default().push((check, number));
        }
    }

    /// Files whose head stands in the first bytes of another one, the youngest first. Where the bytes are fewer than a head,
    /// they are all of the other one: then files with that beginning whose check stands in it.
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
        let mut known = HashMap::new();
        let mut is_of = |check: &Print| {
            let range = check.from() as usize..check.at as usize;
            bytes.get(range).is_some_and(|part| {
                *known.entry((check.at, check.len)).or_insert_with(|| Print::ending_at(check.at, part).digest)
                    == check.digest
            })
        };
        let longest = Head::of(bytes).rungs().last();
        let alike = longest.and_then(|rung| self.by_rung.get(&rung)).into_iter().flatten();
        numbers.extend(alike.filter(|(check, _)| is_of(check)).map(|(_, number)| number));
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
        let mut other = text.clone();
        other[2] = b'x';
        let mut heads = Heads::default();
        for (number, len) in [(1, 3), (2, 40), (3, 200), (4, 256)] {
            heads.add(number, Head::of(&text[..len]), Print::ending_at(20, &text[..20]));
        }
        heads.add(5, Head::of(&other), Print::ending_at(20, &other[..20]));
        heads.add(6, Head::of(&other[..2]), Print::default());
        heads.add(7, Head::of(&text[..250]), Print::default());
        assert_eq!(heads.beginning_like(&text), [7, 6, 4, 3, 2, 1]);
        assert_eq!(heads.beginning_like(&text[..100]), [6, 4, 3, 2, 1]);
        assert_eq!(heads.beginning_like(&text[..19]), [6, 1]);
        assert_eq!(heads.beginning_like(&text[..7]), [6, 1]);
        assert_eq!(heads.beginning_like(&other[..20]), [6, 5]);
    }
}
