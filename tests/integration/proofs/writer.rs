//! Writes numbered lines, rotates in every way there is, and notes what it wrote.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::Ground;
use super::scrape::{Report, Sheet};
use crate::sim::dice::Dice;

pub const CODES: [&str; 5] = ["MDRM-501", "MDRM-503", "MDRM-508", "MDRM-510", "MDRM-1000"];

/// What was written. A tenant meets one code only, so that counts by code and by tenant say it all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Noted {
    pub lines: u64,
    pub bytes: u64,
    pub codes: BTreeMap<String, u64>,
    pub tenants: BTreeMap<String, u64>,
}

impl Noted {
    pub fn add(&mut self, other: &Noted) {
        self.lines += other.lines;
        self.bytes += other.bytes;
        for (into, from) in [(&mut self.codes, &other.codes), (&mut self.tenants, &other.tenants)] {
            from.iter().for_each(|(key, count)| *into.entry(key.clone()).or_default() += count);
        }
    }

    /// Notes a line with one of the codes, and gives it.
    pub fn line(&mut self, seq: u64, writer: usize, code: usize) -> String {
        let (code, tenant) = (CODES[code], format!("t{}", writer * CODES.len() + code));
        let line = format!("ERROR drm licence failed: {code} seq={seq} tenant={tenant}\n");
        self.lines += 1;
        self.bytes += line.len() as u64;
        *self.codes.entry(code.to_owned()).or_default() += 1;
        *self.tenants.entry(tenant).or_default() += 1;
        line
    }

    /// All of it was counted, each line once, and nothing else.
    #[track_caller]
    pub fn assert_counted(&self, sheet: &Sheet) {
        assert_eq!(sheet.by("faultline_errors_total", "code"), self.codes, "by code");
        assert_eq!(sheet.by("faultline_tenant_errors_total", "tenant"), self.tenants, "by tenant");
        assert_eq!(sheet.by("faultline_errors_total", "provider").len(), 1);
        assert_eq!(sheet.sum("faultline_lines_total", ""), self.lines, "lines");
        assert_eq!(sheet.sum("faultline_bytes_total", ""), self.bytes, "bytes");
        assert_eq!(sheet.sum("faultline_source_lost_bytes_total", ""), 0, "lost bytes");
    }

    /// And this is how much the counters grew before the eyes of a scraper.
    #[track_caller]
    pub fn assert_seen(&self, report: &Report) {
        assert_eq!(report.increase_by("faultline_errors_total", "code"), self.codes, "increase by code");
        assert_eq!(
            report.increase_by("faultline_tenant_errors_total", "tenant"),
            self.tenants,
            "increase by tenant"
        );
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// `app.log` to `app.log.1`, that to `app.log.2`, and so on.
    Cascade,
    /// `app.log` to `app.log-20000001`.
    Rename,
    /// The content to `app.log.N`, nothing being written meanwhile.
    CopyTruncate,
    /// One or the other.
    Mixed,
}

pub struct Writer {
    path: PathBuf,
    file: File,
    rotation: Rotation,
    number: usize,
    dice: Dice,
    seq: u64,
    generations: u64,
    pub noted: Noted,
}

impl Writer {
    pub fn new(path: &Path, number: usize, rotation: Rotation, dice: Dice) -> Writer {
        let file = appending(path);
        let noted = Noted::default();
        Writer { path: path.to_owned(), file, rotation, number, dice, seq: 0, generations: 0, noted }
    }

    /// One for each, on files of their own.
    pub fn each(rotations: &[Rotation], ground: &Ground, dice: &mut Dice) -> Vec<Writer> {
        let numbered = rotations.iter().enumerate();
        numbered
            .map(|(number, rotation)| {
                Writer::new(&ground.log(&format!("w{number}.log")), number, *rotation, dice.split())
            })
            .collect()
    }

    fn line(&mut self) -> String {
        self.seq += 1;
        let code = self.dice.below(CODES.len() as u64) as usize;
        self.noted.line(self.seq, self.number, code)
    }

    /// Some lines, in one call or torn.
    pub fn write(&mut self, lines: u64) {
        let text: String = (0..lines).map(|_| self.line()).collect();
        let cut = if self.dice.chance(300) { self.dice.below(text.len() as u64) as usize } else { 0 };
        self.file.write_all(&text.as_bytes()[..cut]).unwrap();
        self.file.write_all(&text.as_bytes()[cut..]).unwrap();
    }

    fn named(&self, ending: &str) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(ending);
        name.into()
    }

    pub fn rotate(&mut self) {
        self.generations += 1;
        match self.rotation {
            Rotation::Cascade => {
                for older in (1..self.generations).rev() {
                    fs::rename(self.named(&format!(".{older}")), self.named(&format!(".{}", older + 1)))
                        .unwrap();
                }
                self.rename(".1");
            }
            Rotation::Rename => self.rename(&format!("-{}", 20_000_000 + self.generations)),
            Rotation::CopyTruncate => self.copy_and_truncate(),
            Rotation::Mixed if self.dice.coin() => self.copy_and_truncate(),
            Rotation::Mixed => self.rename(&format!(".{}", self.generations)),
        }
    }

    fn rename(&mut self, ending: &str) {
        fs::rename(&self.path, self.named(ending)).unwrap();
        // Whoever rotates tells the writer, who may take his time and still writes to the old file.
        if self.dice.chance(300) {
            let lines = self.dice.below(20);
            self.write(lines);
        }
        self.file = appending(&self.path);
    }

    fn copy_and_truncate(&mut self) {
        fs::copy(&self.path, self.named(&format!(".{}", self.generations))).unwrap();
        self.file.set_len(0).unwrap();
    }

    /// Writes until it is told to stop; now and then rotates. Gives what it noted, or stops for a while when told to.
    pub fn run(mut self, load: &Load) -> JoinHandle<Writer> {
        let load = load.clone();
        std::thread::spawn(move || {
            while !load.is_over.load(Ordering::Relaxed) {
                let lines = 1 + self.dice.below(load.lines_max);
                self.write(lines);
                if self.dice.chance(load.rotations) {
                    self.rotate();
                }
                std::thread::sleep(Duration::from_micros(self.dice.below(2 * load.pause_micros)));
            }
            self
        })
    }

    pub fn generations(&self) -> u64 {
        self.generations
    }
}

/// How busy writers are, and until when.
#[derive(Debug, Clone)]
pub struct Load {
    pub is_over: Arc<AtomicBool>,
    pub lines_max: u64,
    /// On average.
    pub pause_micros: u64,
    /// In so many of 1,000 turns.
    pub rotations: u64,
}

impl Load {
    pub fn new(lines_max: u64, pause_micros: u64, rotations: u64) -> Load {
        Load { is_over: Arc::default(), lines_max, pause_micros, rotations }
    }
}

/// The writers' end: what all of them noted, and how often they rotated.
pub fn finish(load: &Load, writers: Vec<JoinHandle<Writer>>) -> (Noted, u64) {
    load.is_over.store(true, Ordering::Relaxed);
    let mut noted = Noted::default();
    let mut rotations = 0;
    for writer in writers {
        let writer = writer.join().unwrap();
        noted.add(&writer.noted);
        rotations += writer.generations();
    }
    (noted, rotations)
}

pub fn appending(path: &Path) -> File {
    OpenOptions::new().append(true).create(true).open(path).unwrap()
}
