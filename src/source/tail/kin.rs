//! Whose bytes an unknown file has: nobody's, or those of a generation of its family, wholly or as far as they were
//! copied yet.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::family;
use super::followed::{Followed, Life, Look};
use super::heads::Heads;
use super::newcomer::Newcomer;
use super::print::{Head, PRINT_BYTES, Print, read_full};
use super::reader::Opened;
use super::{Sink, Tail};
use crate::source::packing::Packing;
use crate::world::Moment;

/// A file that may be a copy in the making is left alone until it was the same for so long.
const SETTLED_AFTER: Duration = Duration::from_millis(1500);
/// Of two files that may be the same, this much is compared. Bytes.
const COMPARED_MAX: u64 = 1 << 20;

/// A file that is not told from a copy yet.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    /// Of its family.
    pub base: PathBuf,
    look: Look,
    since: Duration,
    /// That saw it last.
    pub scan: u64,
    /// The first scan of a start saw it.
    pub is_first: bool,
    /// The file whose first part it was when it was compared last.
    pub part_of: Option<u64>,
}

/// One family, as long as nothing is read.
#[derive(Debug, Default)]
pub(super) struct Kindred {
    base: PathBuf,
    heads: Heads,
    /// No name leads to them as far as is known, and no descriptor.
    lost: Vec<u64>,
}

impl Kindred {
    pub fn add<L>(&mut self, file: &Followed<L>) {
        if self.base == file.base {
            self.heads.add(file.number, file.head, file.latest_check());
        }
    }
}

/// Whose bytes an unknown file has.
pub(super) enum Kin {
    Nobodys,
    /// Not to be said yet.
    Unfinished,
    /// It holds a first part of this one.
    PartOf(u64),
    /// The same as this one as far as that was read.
    Of(u64),
}

impl Newcomer {
    fn has(&self, check: &Print) -> io::Result<bool> {
        match self.head.get(check.from() as usize..check.at as usize) {
            Some(bytes) => Ok(check.is_of(bytes)),
            None => check.is_in(&*self.opened.file),
        }
    }
}

impl<S: Sink> Tail<S> {
    /// An error where the bytes of the newcomer cannot be compared.
    pub(super) fn kin(&mut self, newcomer: &Newcomer, now: Moment) -> io::Result<Kin> {
        if newcomer.is_at_base {
            return Ok(Kin::Nobodys);
        }
        // What it may be a copy of cannot be read at the moment.
        if self.unreadable.contains(&newcomer.base) && !self.is_settled(newcomer, None, now) {
            return Ok(Kin::Unfinished);
        }
        let kin = match newcomer.packing {
            Packing::Plain => self.plain_kin(newcomer)?,
            _ => self.packed_kin(newcomer)?,
        };
        let part_of = match kin {
            Kin::PartOf(number) => Some(number),
            _ => None,
        };
        let is_in_the_making =
            matches!(kin, Kin::Unfinished | Kin::PartOf(_)) || newcomer.packing != Packing::Plain;
        if !is_in_the_making || self.is_settled(newcomer, part_of, now) {
            self.waiting.remove(&newcomer.stat.id);
            return Ok(match kin {
                // As much of a copy as there will ever be.
                Kin::PartOf(number) => Kin::Of(number),
                Kin::Unfinished => Kin::Nobodys,
                kin => kin,
            });
        }
        // Looked at again soon.
        self.next_scan = self.next_scan.min(now.steady + SETTLED_AFTER / 2);
        Ok(Kin::Unfinished)
    }

    /// Whether the file was the same for a while.
    fn is_settled(&mut self, newcomer: &Newcomer, part_of: Option<u64>, now: Moment) -> bool {
        let look = Look::of(&newcomer.stat);
        let base = newcomer.base.clone();
        let (scan, is_first) = (self.scans, self.is_first_scan);
        let fresh = Waiting { base, look, since: now.steady, scan, is_first, part_of };
        let waiting = self.waiting.entry(newcomer.stat.id).or_insert_with(|| fresh.clone());
        (waiting.scan, waiting.part_of) = (scan, part_of);
        if waiting.look != look {
            *waiting = Waiting { is_first: waiting.is_first, ..fresh };
        }
        (self.is_all_settled && newcomer.packing == Packing::Plain)
            || now.steady.saturating_sub(waiting.since) >= SETTLED_AFTER
    }

    fn plain_kin(&mut self, newcomer: &Newcomer) -> io::Result<Kin> {
        let len = newcomer.stat.len;
        for number in self.beginning_like(newcomer) {
            let file = &self.followed[&number];
            let check = file.latest_check();
            if !file.is_packed()
                && len >= check.at
                && is_born_behind(newcomer, file) != Some(false)
                && newcomer.has(&check)?
            {
                return Ok(Kin::Of(number));
            }
        }
        if len == 0 {
            return Ok(Kin::Unfinished);
        }
        Ok(self.copied_so_far(newcomer)?.map_or(Kin::Nobodys, Kin::PartOf))
    }

    /// Generations of the family that begin like the newcomer, the youngest first.
    pub(super) fn beginning_like(&mut self, newcomer: &Newcomer) -> Vec<u64> {
        let base = &newcomer.base;
        if self.kindred.as_ref().is_none_or(|kindred| kindred.base != *base) {
            let mut kindred = Kindred { base: base.clone(), ..Kindred::default() };
            for number in self.generations(base) {
                let file = &self.followed[&number];
                kindred.add(file);
                let is_lost = file.opened.is_none() && file.scan != self.scans;
                if matches!(file.life, Life::Gone(_)) && is_lost {
                    kindred.lost.push(number);
                }
            }
            self.kindred = Some(kindred);
        }
        self.kindred.as_ref().map(|kindred| kindred.heads.beginning_like(&newcomer.head)).unwrap_or_default()
    }

    /// The file of which the newcomer holds a first part. Only what is being written is copied; it may have been cut off,
    /// or deleted, since.
    fn copied_so_far(&self, newcomer: &Newcomer) -> io::Result<Option<u64>> {
        let head = Head::of(&newcomer.head);
        let was_part_of = self.waiting.get(&newcomer.stat.id).and_then(|waiting| waiting.part_of);
        let holder = self.holder_of(&newcomer.base);
        let fileless = self.fileless.iter().copied().rev();
        let lost = self.kindred.iter().flat_map(|kindred| &kindred.lost).rev().copied();
        for number in fileless.chain(lost).chain(holder).chain(was_part_of) {
            let Some(file) = self.followed.get(&number) else { continue };
            let order = is_born_behind(newcomer, file);
            if file.base != newcomer.base || file.is_packed() || !file.is_live() || order == Some(false) {
                continue;
            }
            if file.head.len > 0 && file.head.agrees(&head) == Some(false) {
                continue;
            }
            let is_part = match self.holds_first_part(file, newcomer)? {
                Some(holds) => holds,
                // Cut off since. So little may stand in two files by chance: who was there first has to be known.
                None => {
                    was_part_of == Some(number)
                        || file.head.len > 0
                            && newcomer.stat.len <= file.read.max(file.known_len)
                            && file.head.agrees_with(&newcomer.head).unwrap_or(order == Some(true))
                }
            };
            if is_part {
                return Ok(Some(number));
            }
        }
        Ok(None)
    }

    /// Whether the file begins with all that the newcomer holds; `None` where it is shorter, or not what it was.
    fn holds_first_part(&self, file: &Followed<S::Lane>, newcomer: &Newcomer) -> io::Result<Option<bool>> {
        let original = match &file.opened {
            Some(opened) => opened.file.clone(),
            None => match Opened::open(&*self.files, &file.path) {
                Ok(Some((original, _))) => original.file,
                // Nobody will ever tell.
                Ok(None) => return Ok(None),
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) =>
                {
                    return Ok(None);
                }
                Err(error) => return Err(error),
            },
        };
        let is_what_it_was = || {
            let stat = original.stat()?;
            Ok::<_, io::Error>(
                stat.id == file.id
                    && stat.len >= newcomer.stat.len
                    && file.head.is_in(&*original)?
                    && file.latest_check().is_in(&*original)?,
            )
        };
        if !is_what_it_was()? {
            return Ok(None);
        }
        let wanted = newcomer.stat.len.min(COMPARED_MAX) as usize;
        let (mut one, mut other) = (vec![0; wanted], vec![0; wanted]);
        let n = read_full(&*original, &mut one, 0)?;
        let m = read_full(&*newcomer.opened.file, &mut other, 0)?;
        // It may have been cut off between the two looks at it.
        let is_part = one[..n] == other[..m];
        Ok((is_part || is_what_it_was()?).then_some(is_part))
    }

    /// Only the heads are compared; the check follows where reading gets there.
    fn packed_kin(&self, newcomer: &Newcomer) -> io::Result<Kin> {
        let head = newcomer.opened.unpacked_head(newcomer.packing, self.setting.expansion_ratio_max)?;
        let plain_name =
            newcomer.path.file_name().map(|name| family::without_packing(name.as_encoded_bytes()));
        let head = Head::of(&head);
        let unlike = self.unlike.get(&newcomer.stat.id);
        let family = self.families.get(&newcomer.base);
        let generations = family.into_iter().flat_map(|family| &family.generations).rev();
        let alike = generations.copied().filter(|number| {
            let file = &self.followed[number];
            let is_unlike = unlike.is_some_and(|unlike| unlike.contains(&file.check));
            file.head.len > 0 && !is_unlike && file.head.agrees(&head) == Some(true)
        });
        // Of several the one that had this name without its ending.
        let is_named = |number: &u64| {
            self.followed[number].path.file_name().map(|name| name.as_encoded_bytes()) == plain_name
        };
        let mut alike: Vec<u64> = alike.collect();
        // Those first of which something may be missing, and those of which most is known.
        alike.sort_by_key(|number| {
            let file = &self.followed[number];
            (!file.is_live(), std::cmp::Reverse(file.read))
        });
        let named = alike.iter().copied().find(is_named);
        Ok(named.or(alike.first().copied()).map_or(Kin::Nobodys, Kin::Of))
    }

    /// The file that had this very path, when it was deleted and all that was read of it stands here as well: an editor
    /// has saved it.
    pub(super) fn replaced_by(&self, newcomer: &Newcomer) -> io::Result<Option<u64>> {
        let family = self.families.get(&newcomer.base);
        for &number in family.into_iter().flat_map(|family| &family.generations).rev() {
            let file = &self.followed[&number];
            let is_deleted = || match (&file.life, &file.opened) {
                (Life::Gone(_), Some(opened)) => opened.file.stat().is_ok_and(|stat| stat.links == 0),
                // Not opened since a restart: the path is all that is known of it.
                (Life::Gone(_), None) | (Life::Ghost(_), _) => true,
                _ => false,
            };
            if file.path == newcomer.path
                && is_deleted()
                && self.has_all_of(newcomer, number)?
                && !self.has_another_name(number)?
            {
                return Ok(Some(number));
            }
        }
        Ok(None)
    }

    /// Whether the file is still in its directory.
    fn has_another_name(&self, number: u64) -> io::Result<bool> {
        let file = &self.followed[&number];
        let Some(directory) = file.path.parent().filter(|_| !file.is_cut) else { return Ok(false) };
        let entries = self.files.list(directory)?;
        let mut alike = entries.iter().filter(|entry| entry.inode == file.id.inode);
        Ok(alike
            .any(|entry| self.files.stat(&directory.join(&entry.name)).is_ok_and(|stat| stat.id == file.id)))
    }

    /// Whether the newcomer holds what was read of the file, to the place of its check, and that is a full print. Less
    /// than that is enough where only the number of the device is another one, as after a restart of the machine.
    fn has_all_of(&self, newcomer: &Newcomer, number: u64) -> io::Result<bool> {
        let file = &self.followed[&number];
        let (old, new) = (file.id, newcomer.stat.id);
        let is_renumbered = (old.inode, old.born) == (new.inode, new.born) && old.device != new.device;
        Ok(!file.is_packed()
            && newcomer.packing == Packing::Plain
            && (file.check.len >= PRINT_BYTES as u16 || (is_renumbered && file.head.len > 0))
            && newcomer.stat.len >= file.read
            && file.head.is_of(&newcomer.head)
            && file.check.is_in(&*newcomer.opened.file)?)
    }
}

/// A copy is younger than what it is a copy of; a generation that we have missed is older than its successor. `None`
/// where nobody can say.
fn is_born_behind<L>(newcomer: &Newcomer, file: &Followed<L>) -> Option<bool> {
    match (newcomer.stat.id.born?, file.id.born?) {
        (newcomer, file) if newcomer == file => None,
        (newcomer, file) => Some(newcomer > file),
    }
}
