//! How many files are open: as many as the setting says, or as the system has.

use std::io;
use std::time::Duration;

use super::followed::Life;
use super::print::Print;
use super::reader::Opened;
use super::{Sink, Tail};

impl<S: Sink> Tail<S> {
    /// Where the system has no descriptors left, fewer are held for a while.
    pub(super) fn make_do(&mut self, error: &io::Error) {
        let none_left =
            [rustix::io::Errno::MFILE, rustix::io::Errno::NFILE].map(|errno| errno.raw_os_error());
        if error.raw_os_error().is_some_and(|errno| none_left.contains(&errno)) {
            self.open_counted = self.followed.values().filter(|file| file.opened.is_some()).count();
            self.opened_since = 0;
            self.open_files_max = (self.open_counted / 4 * 3).max(1);
            self.make_room();
        }
    }

    /// Closes files that have nothing new, those first that had nothing for longest, until there is room for one more.
    pub(super) fn make_room(&mut self) {
        // Counting takes a walk over all files: now and then is enough.
        self.opened_since += 1;
        let is_enough = self.open_counted + self.opened_since < self.open_files_max;
        if is_enough || self.opened_since < self.open_files_max / 8 {
            return;
        }
        self.opened_since = 0;
        self.open_counted = self.followed.values().filter(|file| file.opened.is_some()).count();
        if self.open_counted < self.open_files_max {
            return;
        }
        let mut idle: Vec<(Duration, u64)> = Vec::new();
        for file in self.followed.values() {
            let is_deleted = |opened: &Opened| !opened.file.stat().is_ok_and(|stat| stat.links > 0);
            let Some(opened) = &file.opened else { continue };
            if !file.is_ready
                && file.behind() == 0
                && !(matches!(file.life, Life::Gone(_)) && is_deleted(opened))
            {
                idle.push((file.last_bytes, file.number));
            }
        }
        idle.sort_unstable();
        let enough = self.open_counted - self.open_files_max + (self.open_files_max / 8).max(1);
        for (_, number) in idle.into_iter().take(enough) {
            let file = self.followed.get_mut(&number).expect("it was listed");
            file.opened = None;
            if !file.is_packed() {
                file.closed_at = Some(Print::ending_at(file.read, &file.before));
            }
            file.before = Vec::new();
            self.open_counted -= 1;
        }
    }
}
