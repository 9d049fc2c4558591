//! The body of an answer, piece by piece, and the word that it was fetched.
//!
//! hyper takes the next piece when less than 8 kB of what it took before still wait for the socket. The last piece is
//! therefore cut small: whoever made us hand it over had room for all but a few kilobytes. What the system holds for the
//! client is out of sight, so that "fetched" means "handed to the system before the client hung up".

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};

use super::held::{Cut, Held};

/// Bytes of the last piece of a body of several.
const TAIL_BYTES: usize = 1024;

/// What is done once all of a body was taken. Dropped undone when it was not.
pub(super) type Receipt = Box<dyn FnOnce() + Send>;

/// The body of any answer.
pub struct Body {
    from: From,
    sent: usize,
    length: usize,
    receipt: Option<Receipt>,
}

enum From {
    Whole(Bytes),
    Pieces { held: Arc<Held>, place: usize, tail: Option<Bytes> },
}

impl Body {
    pub(super) fn whole(bytes: impl Into<Bytes>) -> Body {
        let bytes = bytes.into();
        Body { sent: 0, length: bytes.len(), from: From::Whole(bytes), receipt: None }
    }

    pub(super) fn held(held: Arc<Held>, receipt: Option<Receipt>) -> Body {
        Body { sent: 0, length: held.bytes(), from: From::Pieces { held, place: 0, tail: None }, receipt }
    }

    /// In bytes, of all of it.
    pub fn length(&self) -> usize {
        self.length
    }

    fn next(&mut self) -> Option<Result<Bytes, Cut>> {
        let left = self.length - self.sent;
        let piece = match &mut self.from {
            _ if left == 0 => return None,
            From::Whole(bytes) => std::mem::take(bytes),
            From::Pieces { tail, .. } if tail.is_some() => tail.take()?,
            From::Pieces { held, place, tail } => match held.sheet(*place) {
                Ok(sheet) => {
                    *place += 1;
                    let mut sheet = sheet?;
                    if sheet.len() == left && left > TAIL_BYTES {
                        *tail = Some(sheet.split_off(left - TAIL_BYTES));
                    }
                    sheet
                }
                Err(cut) => return Some(Err(cut)),
            },
        };
        self.sent += piece.len();
        if self.sent == self.length
            && let Some(receipt) = self.receipt.take()
        {
            receipt();
        }
        Some(Ok(piece))
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        Poll::Ready(self.next().map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.sent == self.length
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact((self.length - self.sent) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn counted(held: &Arc<Held>) -> (Body, Arc<AtomicUsize>) {
        let times = Arc::new(AtomicUsize::new(0));
        let receipt = times.clone();
        (Body::held(held.clone(), Some(Box::new(move || _ = receipt.fetch_add(1, Ordering::SeqCst)))), times)
    }

    #[test]
    fn a_receipt_is_given_with_the_last_piece_and_not_before() {
        let held = Held::new(vec![Bytes::from(vec![b'a'; 5_000]), Bytes::from(vec![b'b'; 5_000])]);
        let (mut body, times) = counted(&held);
        let mut fetched = Vec::new();
        while fetched.len() < 10_000 {
            assert!(!body.is_end_stream());
            assert_eq!(times.load(Ordering::SeqCst), 0, "after {}", fetched.len());
            assert_eq!(body.size_hint().exact(), Some(10_000 - fetched.len() as u64));
            let piece = body.next().unwrap().unwrap();
            assert!(!piece.is_empty());
            fetched.extend_from_slice(&piece);
        }
        assert!(body.is_end_stream() && body.next().is_none());
        assert_eq!(times.load(Ordering::SeqCst), 1);
        assert_eq!(fetched, [vec![b'a'; 5_000], vec![b'b'; 5_000]].concat());
    }

    #[test]
    fn a_body_that_was_dropped_early_gives_none() {
        let held = Held::new(vec![Bytes::from(vec![b'a'; 5_000])]);
        let (mut body, times) = counted(&held);
        assert_eq!(body.next().unwrap().unwrap().len(), 5_000 - TAIL_BYTES);
        drop(body);
        assert_eq!(times.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn empty_and_whole_bodies_end() {
        assert!(Body::whole("").is_end_stream());
        assert!(Body::held(Held::new(Vec::new()), None).is_end_stream());
        let mut whole = Body::whole("healthy\n");
        assert_eq!((whole.length(), whole.next()), (8, Some(Ok(Bytes::from("healthy\n")))));
        assert!(whole.is_end_stream() && whole.next().is_none());
    }
}
