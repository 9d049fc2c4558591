//! Where a connection stands: what its client did last, and until when it may wait with the next step.
//!
//! [`Watched`] is the stream that hyper reads and writes; each step is noted in the connection's [`Standing`]. From it
//! come the timeouts (one clock for all of them: hyper's own covers the head only, and the pause before it with the same
//! time) and the order in which connections give way when there are too many, see `places`.

use std::io::{self, IoSlice};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use hyper::body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::fetch::{AnswerBody, Receipt};
use super::listen::Limits;
use crate::telemetry::Closed;

/// Who fetches less than this in `stall_timeout` has stopped fetching.
const STRIDE_BYTES: usize = 16 * 1024;

/// After the last answer of a connection, this much of what the client still sends is read before it is closed: closing
/// at once would make the system reset the connection, and the client might lose the answer.
const LEFTOVER_BYTES_MAX: usize = 64 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing came yet.
    Silent,
    /// A part of a request's head came.
    Head,
    /// We work on the answer.
    Serving,
    /// The client fetches the answer.
    Answering,
    /// Between two requests.
    Idle,
    /// Nothing more will be said; the client may read what was.
    Closing,
}

impl Phase {
    /// Whether a connection that is asked to leave for this is still where it was.
    fn suits(self, reason: Closed) -> bool {
        match reason {
            Closed::HeadTimeout | Closed::HeadEvicted => matches!(self, Phase::Silent | Phase::Head),
            Closed::IdleTimeout | Closed::IdleEvicted => self == Phase::Idle,
            Closed::AnswerTimeout | Closed::AnswerEvicted => self == Phase::Answering,
            Closed::Closing => self == Phase::Closing,
        }
    }
}

/// How a request's head is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Head {
    Clear,
    /// A line ends without a carriage return. Parsers differ about what it says, and somebody may live on that.
    Ambiguous,
}

pub(super) struct Standing {
    pub address: IpAddr,
    /// Told whenever it may be worth to look at all connections again.
    changed: Arc<Notify>,
    state: Mutex<State>,
    /// Of an answer that hyper has taken and the system not all of.
    receipt: Mutex<Option<Receipt>>,
    asked_to_leave: Notify,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct State {
    pub phase: Phase,
    /// Begin of the phase, but: `Head` counts from the accept if it is the first, `Answering` from the last stride of the
    /// answer that was fetched.
    pub since: Instant,
    /// Begin of the answer.
    pub answering_since: Instant,
    pub answer: Weight,
    pub fetched_bytes: usize,
    /// All of the answer was handed to hyper.
    pub is_given: bool,
    pub head: HeadBounds,
    /// Asked to leave, for this.
    pub leaving: Option<Closed>,
    /// What the client has not fetched by now is thrown away.
    pub is_cut: bool,
}

impl State {
    /// Of a connection that was accepted just now.
    pub fn new(now: Instant) -> State {
        State {
            phase: Phase::Silent,
            since: now,
            answering_since: now,
            answer: Weight::default(),
            fetched_bytes: 0,
            is_given: false,
            head: HeadBounds::default(),
            leaving: None,
            is_cut: false,
        }
    }
}

/// What an answer holds in memory. Answers with the same `id` share it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Weight {
    pub id: usize,
    pub bytes: usize,
}

/// Finds where heads end, so that half a head that came with the request before it is not taken for nothing.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct HeadBounds {
    is_inside: bool,
    is_line_empty: bool,
    last: u8,
    has_bare_line_feed: bool,
}

impl HeadBounds {
    fn read(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match byte {
                b'\n' => {
                    self.has_bare_line_feed |= self.last != b'\r';
                    self.is_inside &= !self.is_line_empty;
                    self.is_line_empty = true;
                }
                b'\r' => {}
                _ => (self.is_inside, self.is_line_empty) = (true, false),
            }
            self.last = *byte;
        }
    }
}

impl Standing {
    pub fn new(address: IpAddr, changed: Arc<Notify>, now: Instant) -> Standing {
        Standing {
            address,
            changed,
            state: Mutex::new(State::new(now)),
            receipt: Mutex::default(),
            asked_to_leave: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that can panic is done under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn look(&self) -> State {
        *self.state()
    }

    /// Bytes came.
    fn heard(&self, bytes: &[u8], now: Instant) {
        let mut state = self.state();
        state.head.read(bytes);
        match state.phase {
            Phase::Silent => state.phase = Phase::Head,
            Phase::Idle if state.head.is_inside => (state.phase, state.since) = (Phase::Head, now),
            _ => {}
        }
    }

    /// A whole head came.
    pub fn called(&self, now: Instant) -> Head {
        let mut state = self.state();
        (state.phase, state.since) = (Phase::Serving, now);
        if state.head.has_bare_line_feed { Head::Ambiguous } else { Head::Clear }
    }

    /// The answer is there to be fetched.
    pub fn answering(&self, answer: Weight, now: Instant) {
        let mut state = self.state();
        state.answer = answer;
        (state.phase, state.since, state.answering_since) = (Phase::Answering, now, now);
        (state.fetched_bytes, state.is_given) = (0, false);
        drop(state);
        self.changed.notify_waiters();
    }

    /// The last piece of the answer is on its way to the client.
    fn given(&self, receipt: Option<Receipt>) {
        *self.receipt() = receipt;
        self.state().is_given = true;
    }

    fn receipt(&self) -> MutexGuard<'_, Option<Receipt>> {
        self.receipt.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fetched(&self, bytes: usize, now: Instant) {
        let mut state = self.state();
        state.fetched_bytes += bytes;
        if state.fetched_bytes >= STRIDE_BYTES {
            (state.fetched_bytes, state.since) = (0, now);
        }
    }

    /// Everything that was to be written is.
    fn flushed(&self, now: Instant) {
        let mut state = self.state();
        if state.phase == Phase::Answering && state.is_given {
            state.phase = if state.head.is_inside { Phase::Head } else { Phase::Idle };
            state.since = now;
            drop(state);
            if let Some(receipt) = self.receipt().take() {
                receipt();
            }
        }
    }

    fn closing(&self, now: Instant) {
        let mut state = self.state();
        if state.phase != Phase::Closing {
            (state.phase, state.since) = (Phase::Closing, now);
        }
    }

    /// When the client has had time enough, and what for. Never while we work.
    pub fn deadline(&self, limits: &Limits) -> Option<(Instant, Closed)> {
        let State { phase, since, answering_since, .. } = self.look();
        Some(match phase {
            Phase::Silent => (since + limits.first_byte_timeout, Closed::HeadTimeout),
            Phase::Head => (since + limits.head_timeout, Closed::HeadTimeout),
            Phase::Idle => (since + limits.idle_timeout, Closed::IdleTimeout),
            Phase::Answering => {
                let (stalled, late) = (since + limits.stall_timeout, answering_since + limits.write_timeout);
                (stalled.min(late), Closed::AnswerTimeout)
            }
            Phase::Closing => (since + limits.closing_timeout, Closed::Closing),
            Phase::Serving => return None,
        })
    }

    /// Asks the connection to give way to another.
    pub fn ask_to_leave(&self, reason: Closed) {
        self.state().leaving = Some(reason);
        self.asked_to_leave.notify_one();
    }

    /// Waits until it is asked to leave. A step that the client takes meanwhile takes the question back.
    pub async fn left(&self) -> Closed {
        loop {
            self.asked_to_leave.notified().await;
            let mut state = self.state();
            match state.leaving {
                Some(reason) if state.phase.suits(reason) => return reason,
                _ => state.leaving = None,
            }
            drop(state);
            self.changed.notify_waiters();
        }
    }

    /// What the system still holds for the client is to go with the connection.
    pub fn cut(&self) {
        self.state().is_cut = true;
    }
}

/// A stream whose every step is noted.
pub(super) struct Watched {
    stream: TcpStream,
    standing: Arc<Standing>,
    leftover_bytes: usize,
}

impl Watched {
    pub fn new(stream: TcpStream, standing: Arc<Standing>) -> Watched {
        Watched { stream, standing, leftover_bytes: 0 }
    }

    fn wrote(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = written {
            self.standing.fetched(bytes, Instant::now());
        }
        written
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // Else the system would hold what a slow client has not fetched for minutes.
        if self.standing.look().is_cut {
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        let heard = &buf.filled()[before..];
        if !heard.is_empty() {
            self.standing.heard(heard, Instant::now());
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.wrote(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.wrote(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.standing.flushed(Instant::now());
        Poll::Ready(Ok(()))
    }

    /// Says that no more comes, then waits for the client to say the same.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.standing.look().phase != Phase::Closing {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            self.standing.closing(Instant::now());
        }
        let mut leftover = [0; 4096];
        while self.leftover_bytes < LEFTOVER_BYTES_MAX {
            let mut buf = ReadBuf::new(&mut leftover);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buf))?;
            if buf.filled().is_empty() {
                break;
            }
            self.leftover_bytes += buf.filled().len();
        }
        Poll::Ready(Ok(()))
    }
}

/// A body that tells when hyper has taken all of it, or lets go of it.
pub(super) struct Given {
    body: AnswerBody,
    standing: Arc<Standing>,
}

impl Given {
    pub fn new(body: AnswerBody, standing: Arc<Standing>) -> Given {
        Given { body, standing }
    }
}

impl Drop for Given {
    fn drop(&mut self) {
        self.standing.given(self.body.take_receipt());
    }
}

impl Body for Given {
    type Data = <AnswerBody as Body>::Data;
    type Error = <AnswerBody as Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn standing(now: Instant) -> Standing {
        Standing::new(IpAddr::from([127, 0, 0, 1]), Arc::default(), now)
    }

    fn after(now: Instant, millis: u64) -> Instant {
        now + Duration::from_millis(millis)
    }

    #[test]
    fn each_step_has_its_time() {
        let (limits, begin) = (Limits::default(), Instant::now());
        let it = standing(begin);
        let deadline = || it.deadline(&limits);
        assert_eq!(deadline(), Some((begin + limits.first_byte_timeout, Closed::HeadTimeout)));
        it.heard(b"GET / HT", after(begin, 100));
        assert_eq!(deadline(), Some((begin + limits.head_timeout, Closed::HeadTimeout)), "from the accept");
        it.heard(b"TP/1.1\r\n\r\n", after(begin, 200));
        it.called(after(begin, 200));
        assert_eq!(deadline(), None, "we work");
        it.flushed(after(begin, 250));
        assert_eq!(it.look().phase, Phase::Serving, "nothing was to be written yet");
        it.answering(Weight::default(), after(begin, 300));
        assert_eq!(deadline(), Some((after(begin, 300) + limits.stall_timeout, Closed::AnswerTimeout)));
        it.fetched(STRIDE_BYTES - 1, after(begin, 400));
        assert_eq!(it.look().since, after(begin, 300), "a stride is the least that counts");
        it.fetched(1, after(begin, 500));
        assert_eq!(it.look().since, after(begin, 500));
        it.fetched(STRIDE_BYTES, after(begin, 59_000));
        assert_eq!(deadline(), Some((after(begin, 300) + limits.write_timeout, Closed::AnswerTimeout)));
        it.flushed(after(begin, 59_100));
        assert_eq!(it.look().phase, Phase::Answering, "more of the answer is to come");
        it.given(None);
        it.flushed(after(begin, 59_200));
        assert_eq!(deadline(), Some((after(begin, 59_200) + limits.idle_timeout, Closed::IdleTimeout)));
        it.heard(b"\r\n", after(begin, 60_000));
        assert_eq!(it.look().phase, Phase::Idle, "an empty line is no request");
        it.heard(b"G", after(begin, 60_000));
        assert_eq!(deadline(), Some((after(begin, 60_000) + limits.head_timeout, Closed::HeadTimeout)));
        it.closing(after(begin, 61_000));
        it.closing(after(begin, 62_000));
        assert_eq!(deadline(), Some((after(begin, 61_000) + limits.closing_timeout, Closed::Closing)));
    }

    #[test]
    fn half_a_head_that_came_early_is_not_taken_for_an_idle_connection() {
        let now = Instant::now();
        for (ahead, phase) in [
            (&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..], Phase::Idle),
            (b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\n", Phase::Head),
            (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n\r\n", Phase::Idle),
        ] {
            let it = standing(now);
            it.heard(ahead, now);
            assert_eq!(it.called(now), Head::Clear);
            it.answering(Weight::default(), now);
            it.given(None);
            it.flushed(now);
            assert_eq!(it.look().phase, phase);
        }
    }

    #[test]
    fn a_line_without_a_carriage_return_is_seen_wherever_it_is_cut() {
        for head in [&b"GET / HTTP/1.1\nHost: x\r\n\r\n"[..], b"GET / HTTP/1.1\r\nHost: x\r\n\n"] {
            for cut in 0..head.len() {
                let now = Instant::now();
                let it = standing(now);
                it.heard(&head[..cut], now);
                it.heard(&head[cut..], now);
                assert_eq!(it.called(now), Head::Ambiguous, "{cut}");
            }
        }
    }

    #[tokio::test]
    async fn a_request_that_came_meanwhile_takes_the_question_back() {
        let it = standing(Instant::now());
        it.ask_to_leave(Closed::IdleEvicted);
        it.called(Instant::now());
        let mut changed = Box::pin(it.changed.notified());
        changed.as_mut().enable();
        {
            let mut left = std::pin::pin!(it.left());
            assert!(poll_once(left.as_mut()).is_pending());
        }
        changed.await;
        assert_eq!(it.look().leaving, None);
        it.answering(Weight::default(), Instant::now());
        it.ask_to_leave(Closed::AnswerEvicted);
        assert_eq!(it.left().await, Closed::AnswerEvicted);
    }

    fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(std::task::Waker::noop()))
    }
}
