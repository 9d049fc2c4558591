//! Written times → fields: RFC 3339 and its looser kin, Apache's, syslog's and klog's. Each reader looks at the start
//! of its text only and says how many bytes it read. The calendar is jiff's; where to look is `time.rs`.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::event::Millis;

const MONTHS: [&[u8; 3]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

/// A time as written; not yet known to exist in the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    year: i16,
    month: i8,
    day: i8,
    hour: i8,
    minute: i8,
    second: i8,
    millis: i16,
    /// Seconds east of UTC; `None` where nothing is written, which reads as UTC.
    pub(super) offset: Option<i32>,
}

impl Stamp {
    /// `None` for the 30th of February and its like. A leap second is the one before it.
    pub(super) fn millis(self) -> Option<Millis> {
        let Stamp { year, month, day, hour, minute, second, .. } = self;
        let civil = DateTime::new(year, month, day, hour, minute, second.min(59), 0).ok()?;
        let utc = civil.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond();
        Some(Millis(utc + i64::from(self.millis) - i64::from(self.offset.unwrap_or(0)) * 1000))
    }
}

/// `2026-11-20T09:14:08.901+01:00`; also `/` in the date, a blank or comma before the time, a blank before the zone, a comma before the fraction.
pub(super) fn iso(text: &[u8]) -> Option<(Stamp, usize)> {
    let mut read = Reader { text, at: 0 };
    let year = read.digits(4)?;
    let separator = read.one_of(b"-/")?;
    let month = read.digits(2)?;
    read.one_of(&[separator])?;
    let day = read.digits(2)?;
    read.one_of(b"Tt ,")?;
    let clock = read.clock()?;
    let offset = read.offset();
    Some((clock.on(year, month, day, offset), read.at))
}

/// Apache's `20/Nov/2026:09:14:10 +0000`.
pub(super) fn clf(text: &[u8]) -> Option<(Stamp, usize)> {
    let mut read = Reader { text, at: 0 };
    let day = read.digits(2)?;
    read.one_of(b"/")?;
    let month = read.month()?;
    read.one_of(b"/")?;
    let year = read.digits(4)?;
    read.one_of(b":")?;
    let clock = read.clock()?;
    let offset = read.offset();
    Some((clock.on(year, month, day, offset), read.at))
}

/// Syslog's `Nov 21 10:00:00` and `Nov  1 10:00:00`, which name no year.
pub(super) fn bsd(text: &[u8], year: i16) -> Option<(Stamp, usize)> {
    let mut read = Reader { text, at: 0 };
    let month = read.month()?;
    read.one_of(b" ")?;
    let day = match read.one_of(b" ") {
        Some(_) => read.digits(1)?,
        None => read.digits(2).or_else(|| read.digits(1))?,
    };
    read.one_of(b" ")?;
    let clock = read.clock()?;
    Some((Stamp { year, ..clock.on(0, month, day, None) }, read.at))
}

/// klog's `E1121 10:00:02.100000`, which names no year.
pub(super) fn klog(text: &[u8], year: i16) -> Option<(Stamp, usize)> {
    let mut read = Reader { text, at: 0 };
    read.one_of(b"IWEF")?;
    let (month, day) = (read.digits(2)?, read.digits(2)?);
    read.one_of(b" ")?;
    let clock = read.clock()?;
    Some((Stamp { year, ..clock.on(0, month, day, None) }, read.at))
}

/// `09:14:08.901`, as logs that name no day begin.
pub(super) fn is_clock(text: &[u8]) -> bool {
    Reader { text, at: 0 }.clock().is_some()
}

/// `Nov 20, 2026 9:14:08 AM`, as java.util.logging begins.
pub(super) fn is_long_date(text: &[u8]) -> bool {
    let mut read = Reader { text, at: 0 };
    let mut date = || {
        read.month()?;
        read.one_of(b" ")?;
        read.digits(2).or_else(|| read.digits(1))?;
        read.one_of(b",")?;
        read.one_of(b" ")?;
        read.digits(4)
    };
    date().is_some()
}

struct Clock {
    hour: u32,
    minute: u32,
    second: u32,
    millis: i16,
}

impl Clock {
    /// Every field has at most four digits and so fits; jiff judges the ranges.
    fn on(&self, year: u32, month: u32, day: u32, offset: Option<i32>) -> Stamp {
        Stamp {
            year: year as i16,
            month: month as i8,
            day: day as i8,
            hour: self.hour as i8,
            minute: self.minute as i8,
            second: self.second as i8,
            millis: self.millis,
            offset,
        }
    }
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn one_of(&mut self, bytes: &[u8]) -> Option<u8> {
        let byte = *self.text.get(self.at)?;
        bytes.contains(&byte).then(|| {
            self.at += 1;
            byte
        })
    }

    /// Exactly `count` digits, at most 4; nothing is consumed otherwise.
    fn digits(&mut self, count: usize) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + count)?;
        if !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        self.at += count;
        Some(digits.iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0')))
    }

    fn month(&mut self) -> Option<u32> {
        let name = self.text.get(self.at..self.at + 3)?;
        let index = MONTHS.iter().position(|month| month[..] == *name)?;
        self.at += 3;
        Some(index as u32 + 1)
    }

    /// `hh:mm:ss` with any fraction, of which three digits count.
    fn clock(&mut self) -> Option<Clock> {
        let hour = self.digits(2)?;
        self.one_of(b":")?;
        let minute = self.digits(2)?;
        self.one_of(b":")?;
        let second = self.digits(2)?;
        if hour > 23 || minute > 59 || second > 60 || self.peek(0).is_some_and(|byte| byte.is_ascii_digit()) {
            return None;
        }
        Some(Clock { hour, minute, second, millis: self.fraction() })
    }

    fn fraction(&mut self) -> i16 {
        if !matches!(self.peek(0), Some(b'.' | b','))
            || !self.peek(1).is_some_and(|byte| byte.is_ascii_digit())
        {
            return 0;
        }
        self.at += 1;
        let (mut millis, mut weight) = (0, 100);
        while let Some(digit) = self.peek(0).filter(u8::is_ascii_digit) {
            millis += weight * i16::from(digit - b'0');
            weight /= 10;
            self.at += 1;
        }
        millis
    }

    /// `Z`, `+01:00`, `+0100`, `+01`, with a blank before or not, and ` UTC`.
    fn offset(&mut self) -> Option<i32> {
        let begin = self.at;
        let blank = self.one_of(b" ").is_some();
        let offset = match self.peek(0) {
            Some(b'Z' | b'z') if !blank => self.one_of(b"Zz").map(|_| 0),
            Some(b'+' | b'-') => self.signed_offset(blank),
            Some(b'U' | b'G') if blank && self.word(&[b"UTC", b"GMT"]) => Some(0),
            _ => None,
        };
        if offset.is_none() {
            self.at = begin;
        }
        offset
    }

    /// After a blank both hours and minutes have to be there: ` -12` is more often something else.
    fn signed_offset(&mut self, whole: bool) -> Option<i32> {
        let sign = if self.one_of(b"+-")? == b'-' { -1 } else { 1 };
        let hours = self.digits(2)? as i32;
        let colon = self.one_of(b":").is_some();
        let minutes = match self.digits(2) {
            Some(minutes) => minutes as i32,
            None if colon || whole => return None,
            None => 0,
        };
        let ends = !self.peek(0).is_some_and(|byte| byte.is_ascii_alphanumeric());
        (ends && hours <= 18 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
    }

    fn word(&mut self, words: &[&[u8; 3]]) -> bool {
        let here = self.text.get(self.at..self.at + 3);
        let ends = !self.peek(3).is_some_and(|byte| byte.is_ascii_alphanumeric());
        let found = ends && here.is_some_and(|here| words.iter().any(|word| word[..] == *here));
        self.at += if found { 3 } else { 0 };
        found
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.get(self.at + ahead).copied()
    }
}
