//! Addresses → connections, each served on its own.
//!
//! Listeners are bound before anything else starts, so that a port in use is an error at the start. Connections, heads
//! and times are limited by [`Limits`].

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep, sleep, timeout};

use super::connection::{Given, Head, Standing, Watched};
use super::http::{ambiguous, answer, has_body};
use super::places::{Place, Places, Shortage};
use super::routes::{Routes, Web};
use super::shared::Shared;
use crate::telemetry::Closed;

/// Bytes of a request's head, method to blank line.
const HEAD_BYTES_MAX: usize = 8192;

/// Clients that the system lets wait to be accepted; it may have a lower limit of its own. The standard library asks for
/// 128, which a burst fills before we wake up, and who finds no room tries again after a second at the earliest.
const QUEUE_MAX: i32 = 4096;

/// What the system takes of an answer before its client fetches any. Left to itself it takes up to 4 MB of each, and copying
/// so much for 64 slow readers kept everybody else waiting for more than a second.
const SEND_BUFFER_BYTES: usize = 128 * 1024;

/// How much is given to clients, of places and of time.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// With this many open, one gives way to each newcomer.
    pub connections_max: usize,
    /// From the accept to the first byte of a request.
    pub first_byte_timeout: Duration,
    /// For a request's head, from the accept or, between two requests, from its first byte.
    pub head_timeout: Duration,
    /// Between two requests of a connection. Longer than scrapers usually wait.
    pub idle_timeout: Duration,
    /// For some kilobytes of an answer (16) to be fetched.
    pub stall_timeout: Duration,
    /// For a whole answer to be fetched.
    pub write_timeout: Duration,
    /// For a client to close its side when we closed ours.
    pub closing_timeout: Duration,
    /// A client that took its last step less than this ago is busy: others give way first, and its answer is not cut.
    pub grace: Duration,
    /// But an answer that takes longer than this as a whole may be cut for others.
    pub long_answer: Duration,
    /// After the accept, nobody gives way before this: time for a request that is on its way. With `connections_max` places,
    /// a full queue of silent clients (4096) is through in less than half a second.
    pub settling: Duration,
    /// For connections to end on their own after the shutdown began.
    pub shutdown_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connections_max: 64,
            first_byte_timeout: Duration::from_secs(5),
            head_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(120),
            stall_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(60),
            closing_timeout: Duration::from_millis(250),
            grace: Duration::from_millis(100),
            long_answer: Duration::from_secs(2),
            settling: Duration::from_millis(7),
            shutdown_timeout: Duration::from_millis(900),
        }
    }
}

/// Bound and listening; clients wait in line until [`serve`] takes them.
#[derive(Debug)]
pub struct Listeners(Vec<std::net::TcpListener>);

impl Listeners {
    /// Where they listen: the ports that the system chose where 0 was asked for.
    pub fn addrs(&self) -> io::Result<Vec<SocketAddr>> {
        self.0.iter().map(std::net::TcpListener::local_addr).collect()
    }
}

/// Binds all addresses or none; the error names the address.
pub fn bind(addrs: &[SocketAddr]) -> io::Result<Listeners> {
    let listen = |addr: &SocketAddr| -> io::Result<std::net::TcpListener> {
        let listener = std::net::TcpListener::bind(addr)?;
        listener.set_nonblocking(true)?;
        rustix::net::listen(&listener, QUEUE_MAX)?;
        // What is accepted inherits it.
        rustix::net::sockopt::set_socket_send_buffer_size(&listener, SEND_BUFFER_BYTES)?;
        Ok(listener)
    };
    addrs
        .iter()
        .map(|addr| {
            listen(addr).map_err(|e| io::Error::new(e.kind(), format!("cannot listen on {addr}: {e}")))
        })
        .collect::<io::Result<_>>()
        .map(Listeners)
}

/// Serves until `shutdown` is done, then lets what is under way finish for less than a second. Runs on tokio with I/O
/// and time; an error means that the runtime did not take a listener.
pub async fn serve(
    listeners: Listeners,
    shared: Arc<Shared>,
    web: Web,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    serve_with(Limits::default(), listeners, shared, web, shutdown).await
}

/// [`serve`] with other limits.
pub async fn serve_with(
    limits: Limits,
    listeners: Listeners,
    shared: Arc<Shared>,
    web: Web,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let (stop, stopped) = watch::channel(false);
    let places = Places::new(limits, shared.clone());
    let server = Server { limits, shared, routes: Arc::new(Routes::new(web)), places, stopped };
    let mut listening = JoinSet::new();
    for listener in listeners.0 {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        listening.spawn(server.clone().listen(listener));
    }
    drop(server);
    shutdown.await;
    stop.send_replace(true);
    let all_ended = async { while listening.join_next().await.is_some() {} };
    if timeout(limits.shutdown_timeout, all_ended).await.is_err() {
        tracing::debug!("connections were cut at the shutdown");
    }
    Ok(())
}

/// What listeners and connections have in common.
#[derive(Clone)]
struct Server {
    limits: Limits,
    shared: Arc<Shared>,
    routes: Arc<Routes>,
    places: Arc<Places>,
    stopped: watch::Receiver<bool>,
}

impl Server {
    /// Accepts until stopped, then waits for its connections. Dropped, it drops them.
    ///
    /// Clients that come while nobody accepts wait in the system's queue, which a flood fills in an instant, and who finds
    /// it full waits for a second or more. So nothing here waits for a client.
    async fn listen(self, listener: TcpListener) {
        let mut stopped = self.stopped.clone();
        let mut connections = JoinSet::new();
        loop {
            let newcomer = async {
                let (stream, address) = self.accept(&listener).await;
                (stream, self.places.take(address.ip()).await)
            };
            let (stream, place) = tokio::select! {
                newcomer = newcomer => newcomer,
                _ = stopped.wait_for(|stop| *stop) => break,
            };
            connections.spawn(self.clone().converse(stream, place));
            while connections.try_join_next().is_some() {}
        }
        drop(listener);
        while connections.join_next().await.is_some() {}
    }

    async fn accept(&self, listener: &TcpListener) -> (TcpStream, SocketAddr) {
        loop {
            let error = match listener.accept().await {
                Ok(accepted) => return accepted,
                Err(error) => error,
            };
            if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset) {
                continue;
            }
            self.shared.telemetry.accept_failed();
            if self.places.fall_short(Instant::now()) == Shortage::New {
                tracing::warn!(%error, "cannot accept a connection; there will be fewer for a while");
            }
            self.places.make_room().await;
        }
    }

    /// One connection: requests one after the other until either side has enough.
    async fn converse(mut self, stream: TcpStream, place: Place) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot set TCP_NODELAY");
        }
        let standing = place.standing.clone();
        let io = TokioIo::new(Watched::new(stream, standing.clone()));
        let (shared, routes, places) = (self.shared.clone(), self.routes.clone(), self.places.clone());
        let address = standing.address;
        let service = service_fn(|request| {
            let (shared, routes, places) = (shared.clone(), routes.clone(), places.clone());
            let standing = standing.clone();
            async move {
                let response = match standing.called(Instant::now()) {
                    // Of a request with a body it cannot be told here; it is refused for its body.
                    Head::Ambiguous if !has_body(&request) => ambiguous(&shared),
                    _ => answer(&shared, &routes, &places, &request, address).await,
                };
                standing.answering(response.body().weight(), Instant::now());
                Ok::<_, Infallible>(response.map(|body| Given::new(body, standing)))
            }
        });
        // Heads have no timer of hyper's: `Standing::deadline` has all of them. Queued writes share an answer's bytes.
        let mut builder = http1::Builder::new();
        builder.header_read_timeout(None).max_buf_size(HEAD_BYTES_MAX).writev(true);
        let mut connection = pin!(builder.serve_connection(io, service));
        let mut clock = pin!(sleep(self.limits.first_byte_timeout));
        let mut is_stopping = false;
        let closed = loop {
            tokio::select! {
                biased;
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(%error, "a connection ended early");
                    }
                    break None;
                }
                reason = standing.left() => break Some(reason),
                reason = overdue(&standing, &self.limits, clock.as_mut()) => break Some(reason),
                _ = self.stopped.wait_for(|stop| *stop), if !is_stopping => {
                    is_stopping = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        };
        if let Some(reason) = closed {
            self.shared.telemetry.connection_closed(reason);
            // What an idle client was answered may still be on its way.
            if !matches!(reason, Closed::IdleTimeout | Closed::IdleEvicted | Closed::Closing) {
                standing.cut();
            }
        }
    }
}

/// Waits until the client has had time enough for the step that it is at.
async fn overdue(standing: &Standing, limits: &Limits, mut clock: Pin<&mut Sleep>) -> Closed {
    poll_fn(|cx| {
        // Nobody has to wake us when there is none: steps are taken in this task, which then asks again.
        let Some((deadline, reason)) = standing.deadline(limits) else { return Poll::Pending };
        if clock.deadline() != deadline {
            clock.as_mut().reset(deadline);
        }
        clock.as_mut().poll(cx).map(|()| reason)
    })
    .await
}
