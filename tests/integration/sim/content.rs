//! The bytes of one file: pages that were written, holes where none were, and which of them would outlive the power.

use std::collections::BTreeMap;

use super::dice::Dice;

/// What ext4 allots at once, and so the grain of its holes.
pub const PAGE: u64 = 4096;

#[derive(Debug, Clone, Default)]
pub struct Content {
    /// A page may be kept shorter than it is; the rest of it is zeros.
    pages: BTreeMap<u64, Vec<u8>>,
    len: u64,
    /// So many bytes survive a loss of power, less what is `doubtful`.
    lasting: u64,
    /// Ranges whose sync failed: the kernel calls them clean and may have dropped them.
    doubtful: Vec<(u64, u64)>,
}

impl Content {
    pub fn len(&self) -> u64 {
        self.len
    }

    pub fn write(&mut self, at: u64, bytes: &[u8]) {
        let mut at = at;
        let mut rest = bytes;
        while !rest.is_empty() {
            let inside = usize::try_from(at % PAGE).expect("less than a page");
            let (now, later) = rest.split_at(rest.len().min(PAGE as usize - inside));
            let page = self.pages.entry(at / PAGE).or_default();
            if page.len() < inside + now.len() {
                page.resize(inside + now.len(), 0);
            }
            page[inside..inside + now.len()].copy_from_slice(now);
            at += now.len() as u64;
            rest = later;
        }
        if !bytes.is_empty() {
            self.len = self.len.max(at);
        }
    }

    pub fn read(&self, at: u64, block: &mut [u8]) -> usize {
        let count = usize::try_from(self.len.saturating_sub(at)).unwrap_or(usize::MAX).min(block.len());
        let block = &mut block[..count];
        block.fill(0);
        let end = at + count as u64;
        for (number, page) in self.pages.range(at / PAGE..end.div_ceil(PAGE)) {
            let start = number * PAGE;
            let (from, to) = (start.max(at), (start + page.len() as u64).min(end));
            if from < to {
                let place =
                    |absolute: u64, origin: u64| usize::try_from(absolute - origin).expect("in range");
                block[place(from, at)..place(to, at)]
                    .copy_from_slice(&page[place(from, start)..place(to, start)]);
            }
        }
        count
    }

    pub fn set_len(&mut self, len: u64) {
        self.pages.split_off(&len.div_ceil(PAGE));
        if let Some(page) = self.pages.get_mut(&(len / PAGE)) {
            page.truncate(usize::try_from(len % PAGE).expect("less than a page"));
        }
        self.len = len;
        self.lasting = self.lasting.min(len);
        self.doubtful.retain(|(from, _)| *from < len);
    }

    /// As `SEEK_DATA`: `None` behind the last data.
    pub fn next_data(&self, at: u64) -> Option<u64> {
        let (number, _) = self.pages.range(at / PAGE..).next()?;
        Some((number * PAGE).max(at)).filter(|place| *place < self.len)
    }

    pub fn synced(&mut self) {
        self.lasting = self.len;
    }

    /// Whether the bytes that no sync covered yet are still there from now on is up to chance; no later sync helps them.
    pub fn sync_failed(&mut self) {
        if self.lasting < self.len {
            self.doubtful.push((self.lasting, self.len));
        }
    }

    /// The cache is gone, the power was not: only what failed to sync may be missing.
    pub fn forget_the_doubtful(&mut self, dice: &mut Dice) {
        for (from, to) in std::mem::take(&mut self.doubtful) {
            let to = to.min(self.len);
            match dice.below(3) {
                0 => {}
                1 => self.zero(from, to),
                _ if to == self.len => self.set_len(from + dice.below(to - from)),
                _ => self.zero(from + dice.below(to - from), to),
            }
        }
    }

    /// What is left of the unsynced bytes: all, none, a part up to any byte, or some pages and zeros between them.
    pub fn lose_power(&mut self, dice: &mut Dice) {
        let lasting = self.lasting;
        let unsynced = self.len - lasting;
        match dice.below(4) {
            0 => {}
            1 => self.set_len(lasting),
            2 => self.set_len(lasting + dice.below(unsynced + 1)),
            _ => {
                self.set_len(lasting + dice.below(unsynced + 1));
                let mut at = lasting;
                while at < self.len {
                    let end = (at / PAGE * PAGE + PAGE).min(self.len);
                    if dice.coin() {
                        self.zero(at, end);
                    }
                    at = end;
                }
            }
        }
        self.forget_the_doubtful(dice);
        self.synced();
    }

    fn zero(&mut self, from: u64, to: u64) {
        let mut at = from;
        while at < to {
            let end = (at / PAGE * PAGE + PAGE).min(to);
            if let Some(page) = self.pages.get_mut(&(at / PAGE)) {
                let first = usize::try_from(at % PAGE).expect("less than a page").min(page.len());
                let last = (first + usize::try_from(end - at).expect("a page")).min(page.len());
                page[first..last].fill(0);
            }
            at = end;
        }
    }
}
