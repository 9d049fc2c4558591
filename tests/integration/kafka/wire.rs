//! Kafka's own words over a plain socket, for the few requests that rdkafka has no call for, and for those no decent
//! client would send. Requests as in the protocol guide of Apache Kafka 4.1 (kafka.apache.org/protocol).

use std::io::{Read, Write};
use std::net::TcpStream;

use super::client::PATIENCE;

/// From `flexible` versions on, lengths are unsigned varints plus one, and structures end with tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Classic,
    Flexible,
}

/// A connection to one broker.
pub struct Wire {
    stream: TcpStream,
    correlation: i32,
}

impl Wire {
    pub fn connect(address: &str) -> Wire {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Wire { stream, correlation: 0 }
    }

    /// The answer without its header.
    pub fn ask(&mut self, key: i16, version: i16, form: Form, body: &Body) -> Answer {
        self.correlation += 1;
        let mut head = Body::default().i16(key).i16(version).i32(self.correlation).string("faultline-tests");
        if form == Form::Flexible {
            head = head.tags();
        }
        let length = i32::try_from(head.0.len() + body.0.len()).unwrap();
        let all = [&length.to_be_bytes()[..], &head.0, &body.0].concat();
        self.stream.write_all(&all).unwrap();
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).unwrap();
        let mut bytes = vec![0; usize::try_from(i32::from_be_bytes(length)).unwrap()];
        self.stream.read_exact(&mut bytes).unwrap();
        let mut answer = Answer { bytes, at: 0 };
        assert_eq!(answer.i32(), self.correlation);
        if form == Form::Flexible {
            assert_eq!(answer.i8(), 0, "tags");
        }
        answer
    }

    /// Puts a batch as it is on a partition; `Ok` with its first offset, or the error's number. The broker has to lead.
    pub fn produce(&mut self, topic: &str, partition: i32, batch: &[u8]) -> Result<i64, i16> {
        let body = Body::default().null().i16(-1).i32(30_000);
        let body = body.i32(1).string(topic).i32(1).i32(partition).bytes(batch);
        let mut answer = self.ask(0, 3, Form::Classic, &body);
        answer.i32();
        answer.string();
        answer.i32();
        answer.i32();
        match (answer.i16(), answer.i64()) {
            (0, offset) => Ok(offset),
            (error, _) => Err(error),
        }
    }
}

/// A request, written field by field.
#[derive(Debug, Default)]
pub struct Body(Vec<u8>);

impl Body {
    fn put(mut self, bytes: &[u8]) -> Body {
        self.0.extend_from_slice(bytes);
        self
    }

    pub fn i8(self, value: i8) -> Body {
        self.put(&value.to_be_bytes())
    }

    pub fn i16(self, value: i16) -> Body {
        self.put(&value.to_be_bytes())
    }

    pub fn i32(self, value: i32) -> Body {
        self.put(&value.to_be_bytes())
    }

    pub fn string(self, text: &str) -> Body {
        self.i16(i16::try_from(text.len()).unwrap()).put(text.as_bytes())
    }

    /// No string.
    pub fn null(self) -> Body {
        self.i16(-1)
    }

    pub fn bytes(self, bytes: &[u8]) -> Body {
        self.i32(i32::try_from(bytes.len()).unwrap()).put(bytes)
    }

    pub fn raw(self, bytes: &[u8]) -> Body {
        self.put(bytes)
    }

    /// How many there are, in flexible versions. So small a number is one byte.
    pub fn count(self, count: usize) -> Body {
        assert!(count < 127);
        self.put(&[u8::try_from(count + 1).unwrap()])
    }

    /// A string or bytes in flexible versions.
    pub fn compact(self, bytes: &[u8]) -> Body {
        self.count(bytes.len()).put(bytes)
    }

    /// No tags.
    pub fn tags(self) -> Body {
        self.i8(0)
    }
}

/// Read field by field; panics where it ends too early.
pub struct Answer {
    bytes: Vec<u8>,
    at: usize,
}

impl Answer {
    pub fn take<const N: usize>(&mut self) -> [u8; N] {
        self.at += N;
        self.bytes[self.at - N..self.at].try_into().unwrap()
    }

    pub fn i8(&mut self) -> i8 {
        i8::from_be_bytes(self.take())
    }

    pub fn i16(&mut self) -> i16 {
        i16::from_be_bytes(self.take())
    }

    pub fn i32(&mut self) -> i32 {
        i32::from_be_bytes(self.take())
    }

    pub fn i64(&mut self) -> i64 {
        i64::from_be_bytes(self.take())
    }

    pub fn string(&mut self) -> Option<String> {
        let length = self.i16();
        usize::try_from(length).ok().map(|length| self.text(length))
    }

    /// A string in flexible versions, or how many there are.
    pub fn compact(&mut self) -> Option<String> {
        self.count().map(|length| self.text(length))
    }

    /// How many there are, in flexible versions; so small a number is one byte.
    pub fn count(&mut self) -> Option<usize> {
        let [count] = self.take();
        assert!(count < 128);
        usize::from(count).checked_sub(1)
    }

    fn text(&mut self, length: usize) -> String {
        self.at += length;
        String::from_utf8_lossy(&self.bytes[self.at - length..self.at]).into_owned()
    }
}
