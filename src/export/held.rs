//! Rendered bodies that clients are still fetching, and a bound on the memory of all of them.
//!
//! A body of 100,000 series has about 10 MB and a slow client may take half a minute for it. When more than
//! [`HELD_BYTES_MAX`] would be held, the oldest bodies are taken away from whoever still fetches them: these answers are cut,
//! which a client sees by their length. The newest is never taken.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use hyper::body::Bytes;

use super::sheets::length;

/// Bytes of all bodies that are held, as long as there is more than one.
const HELD_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The pieces of one body.
#[derive(Debug)]
pub(super) struct Held {
    bytes: usize,
    sheets: Mutex<Option<Arc<[Bytes]>>>,
}

/// The body was taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the memory of an answer that was fetched too slowly is needed for others")
    }
}

impl std::error::Error for Cut {}

impl Held {
    pub fn new(sheets: Vec<Bytes>) -> Arc<Held> {
        Arc::new(Held { bytes: length(&sheets), sheets: Mutex::new(Some(sheets.into())) })
    }

    /// Of the whole body, taken away or not.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// A piece by its place; `None` behind the last.
    pub fn sheet(&self, place: usize) -> Result<Option<Bytes>, Cut> {
        let sheets = self.sheets.lock().unwrap_or_else(PoisonError::into_inner);
        sheets.as_ref().map(|sheets| sheets.get(place).cloned()).ok_or(Cut)
    }

    fn take_away(&self) {
        *self.sheets.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// All bodies that somebody may still be fetching, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Shelf(Mutex<VecDeque<Weak<Held>>>);

impl Shelf {
    pub fn put(&self, body: &Arc<Held>) {
        self.put_within(body, HELD_BYTES_MAX);
    }

    fn put_within(&self, body: &Arc<Held>, bytes_max: usize) {
        let mut shelf = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut held: VecDeque<_> = shelf.drain(..).filter_map(|held| held.upgrade()).collect();
        let mut bytes = body.bytes + held.iter().map(|held| held.bytes).sum::<usize>();
        while bytes > bytes_max
            && let Some(oldest) = held.pop_front()
        {
            oldest.take_away();
            bytes -= oldest.bytes;
        }
        shelf.extend(held.iter().chain([body]).map(Arc::downgrade));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(bytes: usize) -> Arc<Held> {
        Held::new(vec![Bytes::from(vec![b'x'; bytes])])
    }

    #[test]
    fn the_oldest_bodies_give_way_and_those_that_are_done_count_for_nothing() {
        let shelf = Shelf::default();
        let [first, second, third] = [40, 40, 20].map(body);
        for held in [&first, &second, &third] {
            shelf.put_within(held, 100);
        }
        assert!([&first, &second, &third].iter().all(|held| held.sheet(0).is_ok()));
        drop(third);
        let fourth = body(20);
        shelf.put_within(&fourth, 100);
        assert!(first.sheet(0).is_ok(), "what the third held is free");
        let fifth = body(21);
        shelf.put_within(&fifth, 100);
        assert_eq!(first.sheet(0), Err(Cut));
        assert!([&second, &fourth, &fifth].iter().all(|held| held.sheet(0).is_ok()));
        let larger_than_all = body(1_000);
        shelf.put_within(&larger_than_all, 100);
        assert!([&second, &fourth, &fifth].iter().all(|held| held.sheet(0) == Err(Cut)));
        assert_eq!(larger_than_all.sheet(0).map(|sheet| sheet.map(|sheet| sheet.len())), Ok(Some(1_000)));
        assert_eq!((larger_than_all.sheet(1), first.bytes()), (Ok(None), 40));
    }
}
