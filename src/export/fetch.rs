//! The body of an answer, piece by piece, and what is to be done once it was fetched.
//!
//! What the system holds for the client is out of sight, so that "fetched" means "handed to the system before the client
//! hung up"; `connection` knows when that is.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, SizeHint};

use super::connection::Weight;
use super::prints::Print;
use super::sheets::length;

/// What is done once all of a body was fetched. Dropped undone when it was not.
pub type Receipt = Box<dyn FnOnce() + Send>;

/// The body of any answer.
pub struct AnswerBody {
    from: From,
    sent: usize,
    length: usize,
    receipt: Option<Receipt>,
}

enum From {
    Whole(Bytes),
    Pieces { sheets: Arc<Print>, place: usize },
}

impl AnswerBody {
    pub(super) fn whole(bytes: impl Into<Bytes>) -> AnswerBody {
        let bytes = bytes.into();
        AnswerBody { sent: 0, length: bytes.len(), from: From::Whole(bytes), receipt: None }
    }

    pub(super) fn of_sheets(sheets: Arc<Print>, receipt: Option<Receipt>) -> AnswerBody {
        AnswerBody { sent: 0, length: length(&sheets), from: From::Pieces { sheets, place: 0 }, receipt }
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
        let piece = match &mut self.from {
            _ if self.sent == self.length => return None,
            From::Whole(bytes) => std::mem::take(bytes),
            From::Pieces { sheets, place } => {
                *place += 1;
                sheets.get(*place - 1)?.clone()
            }
        };
        self.sent += piece.len();
        Some(piece)
    }

    /// To be called when all of it was handed to the system; `None` before all of it was taken from here.
    pub fn take_receipt(&mut self) -> Option<Receipt> {
        if self.sent == self.length { self.receipt.take() } else { None }
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

    #[test]
    fn a_receipt_is_given_when_all_was_taken_and_not_before() {
        let sheets = vec![Bytes::from(vec![b'a'; 5_000]), Bytes::from(vec![b'b'; 4_000])];
        let receipt: Receipt = Box::new(|| {});
        let mut body = AnswerBody::of_sheets(Arc::<Prints>::default().add(sheets), Some(receipt));
        let mut fetched = Vec::new();
        while fetched.len() < 9_000 {
            assert!(!body.is_end_stream());
            assert!(body.take_receipt().is_none(), "after {}", fetched.len());
            assert_eq!(body.size_hint().exact(), Some(9_000 - fetched.len() as u64));
            let piece = body.next().unwrap();
            assert!(!piece.is_empty());
            fetched.extend_from_slice(&piece);
        }
        assert!(body.is_end_stream() && body.next().is_none());
        assert!(body.take_receipt().is_some() && body.take_receipt().is_none());
        assert_eq!(fetched, [vec![b'a'; 5_000], vec![b'b'; 4_000]].concat());
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
