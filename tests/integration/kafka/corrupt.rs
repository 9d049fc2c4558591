//! Damages a batch in the files of a node that is stopped. A broker checks what producers send, and what it recovers after
//! a kill; it trusts what it closed itself.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::batch::{ATTRIBUTES, LAST_DELTA, LENGTH, RECORDS};
use super::broker::Cluster;

/// A batch in a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    segment: PathBuf,
    at: u64,
    length: usize,
    /// Its first offset and the one behind its last.
    pub first: i64,
    pub end: i64,
    /// 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd.
    pub codec: u8,
    /// Of a transaction: markers are none that hold records.
    pub is_control: bool,
}

/// All batches of a partition, in order. The node is stopped.
pub fn batches(cluster: &Cluster, node: usize, topic: &str, partition: i32) -> Vec<Batch> {
    assert!(!cluster.is_running(node), "node {node} runs");
    let directory = cluster.data(node).join(format!("{topic}-{partition}"));
    let files = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path());
    let mut segments: Vec<PathBuf> = files.filter(|path| path.extension() == Some("log".as_ref())).collect();
    segments.sort();
    segments.iter().flat_map(|segment| in_segment(segment)).collect()
}

fn in_segment(segment: &Path) -> Vec<Batch> {
    let bytes = fs::read(segment).unwrap();
    let (mut found, mut at) = (Vec::new(), 0);
    while at + RECORDS <= bytes.len() {
        let number = |from: usize| i32::from_be_bytes(bytes[at + from..at + from + 4].try_into().unwrap());
        let first = i64::from_be_bytes(bytes[at..at + 8].try_into().unwrap());
        let length = LENGTH + 4 + usize::try_from(number(LENGTH)).unwrap();
        if length < RECORDS {
            break; // the rest was made in advance
        }
        found.push(Batch {
            segment: segment.to_owned(),
            at: at as u64,
            length,
            first,
            end: first + i64::from(number(LAST_DELTA)) + 1,
            codec: bytes[at + ATTRIBUTES + 1] & 7,
            is_control: bytes[at + ATTRIBUTES + 1] & 32 != 0,
        });
        at += length;
    }
    found
}

impl Batch {
    /// Another byte in the middle of its records, whatever it means there: most of all for compressed ones.
    pub fn flip(&self) {
        self.flip_at(RECORDS + (self.length - RECORDS) / 2);
    }

    /// Another last character of the payload of its last record, which has the offset `end - 1`, and no headers.
    pub fn flip_payload(&self) {
        assert_eq!(self.codec, 0, "it is compressed");
        self.flip_at(self.length - 2);
    }

    /// Another byte so far behind its beginning: at `batch::CRC` the records stay as they were.
    pub fn flip_at(&self, place: usize) {
        assert!(place < self.length);
        let mut file = File::options().read(true).write(true).open(&self.segment).unwrap();
        let mut byte = [0];
        file.seek(SeekFrom::Start(self.at + place as u64)).unwrap();
        file.read_exact(&mut byte).unwrap();
        byte[0] ^= 0x55;
        file.seek(SeekFrom::Start(self.at + place as u64)).unwrap();
        file.write_all(&byte).unwrap();
    }

    pub fn holds(&self, offset: i64) -> bool {
        (self.first..self.end).contains(&offset)
    }
}
