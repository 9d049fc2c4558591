//! The body of an answer, piece by piece, and the word that it was fetched.
//!
//! hyper takes the next piece when less than 8 kB of what it took before still wait for the socket. The last piece is
//! therefore cut small: whoever made us hand it over had room for all but a few kilobytes. What the system holds for the
//! client is out of sight, so that "fetched" means "handed to the system before the client hung up".

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, SizeHint};

use super::connection::Weight;
use super::prints::Print;
use super::sheets::length;

/// Bytes of the last piece of a body of several.
const TAIL_BYTES: usize = 1024;

/// What is done once all of a body was taken. Dropped undone when it was not.
pub(super) type Receipt = Box<dyn FnOnce() + Send>;

/// The body of any answer.
pub struct AnswerBody {
    from: From,
    sent: usize,
    length: usize,
    receipt: Option<Receipt>,
}

enum From {
    Whole(Bytes),
    Pieces { sheets: Arc<Print>, place: usize, tail: Option<Bytes> },
}

impl AnswerBody {
    pub(super) fn whole(bytes: impl Into<Bytes>) -> AnswerBody {
        let bytes = bytes.into();
        AnswerBody { sent: 0, length: bytes.len(), from: From::Whole(bytes), receipt: None }
    }

    pub(super) fn of_sheets(sheets: Arc<Print>, receipt: Option<Receipt>) -> AnswerBody {
        AnswerBody {
            sent: 0,
            length: length(&sheets),
            from: From::Pieces { sheets, place: 0, tail: None },
            receipt,
        }
    }

    /// In bytes, of all of it.
    pub fn length(&self) -> usize {
        self.length
    }

    /// What it holds as long as it is not fetched; bodies of the same sheets share it.
    pub(super) fn weight(&self) -> Weight {
        let id = match &self.from {
            From::Whole(bytes) => bytes.as_ptr().addr(),
            From::Pieces { sheets, .. } => Arc::as_ptr(sheets).addr(),
        };
        Weight { id, bytes: self.length }
    }

    fn next(&mut self) -> Option<Bytes> {
        let left = self.length - self.sent;
        let piece = match &mut self.from {
            _ if left == 0 => return None,
            From::Whole(bytes) => std::mem::take(bytes),
            From::Pieces { tail, .. } if tail.is_some() => tail.take()?,
            From::Pieces { sheets, place, tail } => {
                let mut sheet = sheets.get(*place)?.clone();
                *place += 1;
                if sheet.len() == left && left > TAIL_BYTES {
                    *tail = Some(sheet.split_off(left - TAIL_BYTES));
                }
                sheet
            }
        };
        self.sent += piece.len();
        if self.sent == self.length
            && let Some(receipt) = self.receipt.take()
        {
            receipt();
        }
        Some(piece)
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.next().map(|piece| Ok(Frame::data(piece))))
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
    use super::super::prints::Prints;
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn counted(sheets: &[Bytes]) -> (AnswerBody, Arc<AtomicUsize>) {
        let times = Arc::new(AtomicUsize::new(0));
        let receipt = times.clone();
        (
            AnswerBody::of_sheets(
                Arc::<Prints>::default().add(sheets.to_vec()),
                Some(Box::new(move || _ = receipt.fetch_add(1, Ordering::SeqCst))),
            ),
            times,
        )
    }

    #[test]
    fn a_receipt_is_given_with_the_last_piece_and_not_before() {
        let sheets = [Bytes::from(vec![b'a'; 5_000]), Bytes::from(vec![b'b'; 5_000])];
        let (mut body, times) = counted(&sheets);
        let mut fetched = Vec::new();
        while fetched.len() < 10_000 {
            assert!(!body.is_end_stream());
            assert_eq!(times.load(Ordering::SeqCst), 0, "after {}", fetched.len());
            assert_eq!(body.size_hint().exact(), Some(10_000 - fetched.len() as u64));
            let piece = body.next().unwrap();
            assert!(!piece.is_empty());
            fetched.extend_from_slice(&piece);
        }
        assert!(body.is_end_stream() && body.next().is_none());
        assert_eq!(times.load(Ordering::SeqCst), 1);
        assert_eq!(fetched, [vec![b'a'; 5_000], vec![b'b'; 5_000]].concat());
    }

    #[test]
    fn a_body_that_was_dropped_early_gives_none() {
        let sheets = [Bytes::from(vec![b'a'; 5_000])];
        let (mut body, times) = counted(&sheets);
        assert_eq!(body.next().unwrap().len(), 5_000 - TAIL_BYTES);
        drop(body);
        assert_eq!(times.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn empty_and_whole_bodies_end() {
        assert!(AnswerBody::whole("").is_end_stream());
        assert!(AnswerBody::of_sheets(Arc::<Prints>::default().add(Vec::new()), None).is_end_stream());
        let mut whole = AnswerBody::whole("healthy\n");
        assert_eq!((whole.length(), whole.next()), (8, Some(Bytes::from("healthy\n"))));
        assert!(whole.is_end_stream() && whole.next().is_none());
    }
}
