//! A record batch (version 2) byte by byte, with whatever checksum, for what no producer would send. The format is that of
//! Kafka's documentation, "Message Format".

/// Where in a batch its fields are.
pub const LENGTH: usize = 8;
pub const CRC: usize = 17;
pub const ATTRIBUTES: usize = 21;
pub const LAST_DELTA: usize = 23;
pub const RECORDS: usize = 61;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checksum {
    Right,
    Wrong,
}

/// A batch of payloads without keys, uncompressed.
pub fn encode(payloads: &[&[u8]], checksum: Checksum) -> Vec<u8> {
    let count = i32::try_from(payloads.len()).unwrap();
    let mut body = Vec::new();
    body.extend(0_i16.to_be_bytes()); // attributes
    body.extend((count - 1).to_be_bytes());
    // The time does not matter, its absence would.
    body.extend(1_700_000_000_000_i64.to_be_bytes().repeat(2));
    body.extend((-1_i64).to_be_bytes()); // producer
    body.extend((-1_i16).to_be_bytes());
    body.extend((-1_i32).to_be_bytes());
    body.extend(count.to_be_bytes());
    for (at, payload) in payloads.iter().enumerate() {
        let mut record = vec![0]; // attributes
        varint(0, &mut record); // time
        varint(at, &mut record);
        record.push(1); // no key: -1
        varint(payload.len(), &mut record);
        record.extend_from_slice(payload);
        varint(0, &mut record); // headers
        varint(record.len(), &mut body);
        body.extend(record);
    }
    let crc = crc32c(&body) ^ u32::from(checksum == Checksum::Wrong);
    let mut batch = 0_i64.to_be_bytes().to_vec();
    batch.extend(i32::try_from(body.len() + 9).unwrap().to_be_bytes());
    batch.extend((-1_i32).to_be_bytes()); // leader epoch
    batch.push(2);
    batch.extend(crc.to_be_bytes());
    batch.extend(body);
    batch
}

/// Zigzag of what is not negative.
fn varint(value: usize, to: &mut Vec<u8>) {
    let mut left = value << 1;
    while left > 127 {
        to.push(u8::try_from(left & 127).unwrap() | 128);
        left >>= 7;
    }
    to.push(u8::try_from(left).unwrap());
}

/// CRC-32C, bit by bit.
pub fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| crc >> 1 ^ (0x82f6_3b78 & (crc & 1).wrapping_neg()))
    })
}

#[test]
fn checksums_of_batches_are_castagnoli() {
    assert_eq!(crc32c(b"123456789"), 0xe306_9283);
}
