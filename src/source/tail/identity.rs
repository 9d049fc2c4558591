//! Whether a file is still the one that it was. A number is given to the next file as soon as one is deleted, and times of
//! birth are coarse or not known, so that in doubt the content is looked at.

use std::io;
use std::path::Path;

use super::followed::{Life, Look};
use super::reader::Opened;
use super::turn::{Cut, nobodys_id};
use super::{Sink, Tail};
use crate::source::packing::Packing;
use crate::world::{Moment, Stat};

impl<S: Sink> Tail<S> {
    /// Whether a rotated file changed of which nothing was read, so that nothing else notices when another file has its
    /// name and its number.
    pub(super) fn is_doubtful(&self, number: u64, stat: &Stat) -> bool {
        let file = &self.followed[&number];
        let is_unread = matches!(file.life, Life::Copy(_)) || (file.head.len == 0 && file.path != file.base);
        is_unread && file.opened.is_none() && file.seen != Look::of(stat)
    }

    /// Whether a file with the number of one that we have is that one. A number is given to the next file at once, and
    /// times of birth are coarse or not known: only the content can tell a file under a new name from another one.
    pub(super) fn is_the_same(&self, number: u64, path: &Path, stat: &Stat) -> bool {
        let file = &self.followed[&number];
        if file.opened.is_some() || (file.is_packed() && file.seen == Look::of(stat)) {
            return true;
        }
        if file.head.len == 0 {
            // Nothing of it was read, so that there is only its time of birth to go by, which is coarse.
            let was_empty = file.seen.len == 0 && stat.len > 0;
            if stat.id.born.is_none() || file.path == path || was_empty {
                return false;
            }
        }
        let ratio_max = self.setting.expansion_ratio_max;
        let holds = |opened: &Opened| match file.packing {
            Packing::Plain if file.head.len == 0 => {
                Ok(Packing::recognise(&opened.raw_head()?) == Packing::Plain)
            }
            Packing::Plain => Ok::<_, io::Error>(
                stat.len >= file.read
                    && file.head.is_in(&*opened.file)?
                    && file.latest_check().is_in(&*opened.file)?,
            ),
            packing => Ok(file.head.agrees_with(&opened.unpacked_head(packing, ratio_max)?) == Some(true)),
        };
        match Opened::open(&*self.files, path) {
            Ok(Some((opened, at_open))) if at_open.id == stat.id => holds(&opened).unwrap_or(true),
            // To be seen when it is read.
            _ => true,
        }
    }

    /// Another file has the number of this one, which is deleted therefore.
    pub(super) fn lost_its_number(&mut self, number: u64, now: Moment) {
        let file = &self.followed[&number];
        if let Life::Copy(_) = file.life {
            return self.forget(number);
        }
        let id = file.id;
        if self.by_path.get(&file.path) == Some(&number) {
            self.by_path.remove(&file.path);
        }
        self.by_id.remove(&id);
        self.claims.give_back(id, self.holder);
        let file = self.followed.get_mut(&number).expect("it was found by its id");
        file.id = nobodys_id(number);
        self.moved.insert(number);
        if self.followed[&number].is_live() {
            self.lost_its_path(number);
            self.set_life(number, Life::Gone(now.steady));
        } else {
            self.becomes_ghost(number, now);
        }
    }

    /// It is deleted. What was never read need not be remembered.
    pub(super) fn becomes_ghost(&mut self, number: u64, now: Moment) {
        match self.followed[&number].head.len {
            0 => self.forget(number),
            _ => self.set_life(number, Life::Ghost(now.steady)),
        }
    }

    pub(super) fn forget(&mut self, number: u64) {
        let Some(file) = self.followed.remove(&number) else { return };
        self.kindred = None;
        if self.by_id.get(&file.id) == Some(&number) {
            self.by_id.remove(&file.id);
            self.claims.give_back(file.id, self.holder);
        }
        if self.by_path.get(&file.path) == Some(&number) {
            self.by_path.remove(&file.path);
        }
        if let Some(family) = self.families.get_mut(&file.base) {
            family.generations.remove(&number);
            if family.generations.is_empty() {
                self.families.remove(&file.base);
            }
        }
        for numbers in [&mut self.gone, &mut self.fileless, &mut self.copies] {
            numbers.remove(&number);
        }
        self.moved.remove(&number);
        self.forgotten.push(number);
    }

    /// Makes sure that what holds a base path is what it was, before others are compared with it.
    pub(super) fn verify_holder(&mut self, base: &Path, now: Moment, sink: &mut S) {
        if let Some(&number) = self.by_path.get(base) {
            self.verify(number, now, sink);
        }
    }

    /// Makes sure that a file is what it was, once in a walk.
    pub(super) fn verify(&mut self, number: u64, now: Moment, sink: &mut S) {
        let scans = self.scans;
        let Some(file) = self.followed.get_mut(&number) else { return };
        let is_due = file.is_live() && !file.is_packed() && file.head.len > 0;
        if !is_due || std::mem::replace(&mut file.verified, scans) == scans {
            return;
        }
        let opened = match &file.opened {
            Some(opened) => Some(opened.file.clone()),
            None => Opened::open(&*self.files, &file.path).ok().flatten().map(|(opened, _)| opened.file),
        };
        let Some((opened, stat)) = opened.and_then(|file| file.stat().ok().map(|stat| (file, stat))) else {
            return;
        };
        if stat.id != file.id {
            return;
        }
        let check = file.latest_check();
        let is_same = || Ok::<_, io::Error>(file.head.is_in(&*opened)? && check.is_in(&*opened)?);
        let cut = match stat.len < file.read {
            true => Cut::Shorter,
            // Who cannot be compared stays what it was.
            false if is_same().unwrap_or(true) => return,
            false => Cut::Replaced,
        };
        self.cut(number, cut, now, sink);
    }

    pub(super) fn still_leads_to(&self, number: u64) -> bool {
        let file = &self.followed[&number];
        self.files.stat(&file.path).is_ok_and(|stat| stat.id == file.id)
    }
}
