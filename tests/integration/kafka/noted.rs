//! The oracle: numbered records whose text follows from their number, and where the broker put each of them.
//!
//! What a topic should make a counter say is computed from both, for all records or for those that were left: not
//! deleted, not damaged, not aborted. Lines are those of the proofs of files, `ERROR drm … MDRM-5xx seq=<n> tenant=t<k>`.

use std::collections::BTreeMap;

/// Verimatrix's; as in the proofs of files.
pub const CODES: [&str; 5] = ["MDRM-501", "MDRM-503", "MDRM-508", "MDRM-510", "MDRM-1000"];
pub const PROVIDER: &str = "verimatrix";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// One line, without a newline.
    None,
    /// So many lines, a newline behind each.
    Newline(u64),
    /// So many lines, each a string of a JSON array.
    JsonArray(u64),
}

/// Where a record says whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tenant {
    /// `tenant=t3` in each line.
    Line,
    /// In a header of this name, and nowhere else.
    Header(&'static str),
    /// In the key, and nowhere else.
    Key,
}

/// How records look; the number of a record decides the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Tells producers of one topic apart: their tenants differ.
    pub writer: u64,
    pub framing: Framing,
    pub tenant: Tenant,
    /// Lines are filled up to so many bytes.
    pub line_bytes: usize,
    /// So many of 1,000 lines hold a code, the others none.
    pub hits: u64,
    /// So many of 1,000 records have no payload.
    pub tombstones: u64,
}

impl Default for Shape {
    fn default() -> Self {
        let (framing, tenant) = (Framing::None, Tenant::Line);
        Shape { writer: 0, framing, tenant, line_bytes: 0, hits: 1000, tombstones: 0 }
    }
}

/// Chance from a number: the same each time, another for each `salt`.
pub fn mixed(number: u64, salt: u64) -> u64 {
    let mixed = number.wrapping_add(salt << 56).wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

impl Shape {
    pub fn lines(&self) -> u64 {
        match self.framing {
            Framing::None => 1,
            Framing::Newline(lines) | Framing::JsonArray(lines) => lines,
        }
    }

    pub fn is_tombstone(&self, record: u64) -> bool {
        mixed(record, 1) % 1000 < self.tombstones
    }

    /// One for all lines of a record, as is the tenant: a tenant meets one code only.
    pub fn code(&self, record: u64) -> &'static str {
        CODES[self.code_at(record)]
    }

    fn code_at(&self, record: u64) -> usize {
        usize::try_from(mixed(record, 2) % CODES.len() as u64).unwrap()
    }

    pub fn tenant(&self, record: u64) -> String {
        format!("t{}", self.writer * CODES.len() as u64 + self.code_at(record) as u64)
    }

    fn is_hit(&self, line: u64) -> bool {
        mixed(line, 3) % 1000 < self.hits
    }

    /// `line` counts over all records.
    fn line(&self, record: u64, line: u64) -> String {
        let tenant = if self.tenant == Tenant::Line {
            format!(" tenant={}", self.tenant(record))
        } else {
            String::new()
        };
        let mut text = if self.is_hit(line) {
            format!("ERROR drm licence failed: {} seq={line}{tenant}", self.code(record))
        } else {
            format!("INFO  drm licence granted seq={line}{tenant}")
        };
        const FILL: &str = " took=17ms cache=warm";
        while text.len() < self.line_bytes {
            text.push_str(&FILL[..FILL.len().min(self.line_bytes - text.len())]);
        }
        text
    }

    /// `None` for a tombstone.
    pub fn payload(&self, record: u64) -> Option<String> {
        if self.is_tombstone(record) {
            return None;
        }
        let first = record * self.lines();
        let lines = (first..first + self.lines()).map(|line| self.line(record, line));
        Some(match self.framing {
            Framing::None => lines.collect(),
            Framing::Newline(_) => lines.map(|line| line + "\n").collect(),
            // Nothing in a line has to be escaped.
            Framing::JsonArray(_) => format!("[\"{}\"]", lines.collect::<Vec<_>>().join("\",\"")),
        })
    }
}

/// What counters should say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// With tombstones.
    pub records: u64,
    pub tombstones: u64,
    /// Of records that have any.
    pub lines: u64,
    /// Of payloads.
    pub bytes: u64,
    /// By provider, code and tenant.
    pub faults: BTreeMap<(String, String, String), u64>,
}

impl Counts {
    pub fn add(&mut self, other: &Counts) {
        self.records += other.records;
        self.tombstones += other.tombstones;
        self.lines += other.lines;
        self.bytes += other.bytes;
        other.faults.iter().for_each(|(key, count)| *self.faults.entry(key.clone()).or_default() += count);
    }

    fn add_record(&mut self, shape: &Shape, record: u64) {
        self.records += 1;
        let Some(payload) = shape.payload(record) else {
            self.tombstones += 1;
            return;
        };
        self.lines += shape.lines();
        self.bytes += payload.len() as u64;
        let first = record * shape.lines();
        let hits = (first..first + shape.lines()).filter(|&line| shape.is_hit(line)).count();
        if hits > 0 {
            let key = (PROVIDER.to_owned(), shape.code(record).to_owned(), shape.tenant(record));
            *self.faults.entry(key).or_default() += hits as u64;
        }
    }

    fn by(&self, part: impl Fn(&(String, String, String)) -> &String) -> BTreeMap<String, u64> {
        let mut by = BTreeMap::new();
        self.faults.iter().for_each(|(key, count)| *by.entry(part(key).clone()).or_default() += count);
        by
    }

    /// As `Sheet::by("faultline_errors_total", "code")` says it.
    pub fn codes(&self) -> BTreeMap<String, u64> {
        self.by(|key| &key.1)
    }

    /// As `Sheet::by("faultline_tenant_errors_total", "tenant")` says it.
    pub fn tenants(&self) -> BTreeMap<String, u64> {
        self.by(|key| &key.2)
    }
}

/// A record that the broker has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    pub partition: i32,
    pub offset: i64,
    pub record: u64,
}

/// What one producer wrote and the broker acknowledged.
#[derive(Debug, Clone)]
pub struct Noted {
    pub shape: Shape,
    /// In no order.
    pub entries: Vec<Entry>,
}

impl Noted {
    pub fn counts(&self) -> Counts {
        self.counts_where(|_| true)
    }

    /// Of those records alone that were left.
    pub fn counts_where(&self, is_left: impl Fn(&Entry) -> bool) -> Counts {
        let mut counts = Counts::default();
        let left = self.entries.iter().filter(|entry| is_left(entry));
        left.for_each(|entry| counts.add_record(&self.shape, entry.record));
        counts
    }

    /// What a reader should get, sorted by partition and offset.
    pub fn payloads(&self) -> Vec<(i32, i64, Option<Vec<u8>>)> {
        let mut entries = self.entries.clone();
        entries.sort_unstable();
        let payload = |record| self.shape.payload(record).map(String::into_bytes);
        entries.into_iter().map(|entry| (entry.partition, entry.offset, payload(entry.record))).collect()
    }
}
