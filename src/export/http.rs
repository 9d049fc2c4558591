//! The HTTP server: `/metrics`, `/-/healthy`, `/-/ready` and a landing page, for GET and HEAD; it reads and never changes.
//!
//! Listeners are bound before anything else starts, so that a port in use is an error at the start. Connections, heads
//! and times are limited by [`Limits`]; clients over the limit of connections wait in line. Each request looks at
//! the ledger for a short time at most, and `/-/healthy` not at all.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::{self, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::ask::Ask;
use super::connection::Paced;
use super::fetch::Body;
use super::page;
use super::shared::Shared;
use crate::telemetry::Handler;

/// Bytes of a request's head, method to blank line.
const HEAD_BYTES_MAX: usize = 8192;

/// After an accept that failed for want of something (file descriptors), before the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub connections_max: usize,
    /// From the accept to the first byte of a request.
    pub first_byte_timeout: Duration,
    /// For a request's head; also the longest pause between two requests of a connection.
    pub head_timeout: Duration,
    /// For an answer that the client is slow to fetch.
    pub write_timeout: Duration,
    /// For connections to end on their own after the shutdown began.
    pub shutdown_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connections_max: 64,
            first_byte_timeout: Duration::from_secs(5),
            head_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(30),
            shutdown_timeout: Duration::from_millis(900),
        }
    }
}

/// Bound and listening; clients wait in line until [`serve`] takes them.
#[derive(Debug)]
pub struct Listeners(Vec<TcpListener>);

impl Listeners {
    /// Where they listen: the ports that the system chose where 0 was asked for.
    pub fn addrs(&self) -> io::Result<Vec<SocketAddr>> {
        self.0.iter().map(TcpListener::local_addr).collect()
    }
}

/// Binds all addresses or none; the error names the address.
pub fn bind(addrs: &[SocketAddr]) -> io::Result<Listeners> {
    let listen = |addr: &SocketAddr| -> io::Result<TcpListener> {
        let listener = TcpListener::bind(addr)?;
        listener.set_nonblocking(true)?;
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
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    serve_with(Limits::default(), listeners, shared, shutdown).await
}

/// [`serve`] with other limits.
pub async fn serve_with(
    limits: Limits,
    listeners: Listeners,
    shared: Arc<Shared>,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let places = Arc::new(Semaphore::new(limits.connections_max));
    let (stop, stopped) = watch::channel(false);
    let mut listening = JoinSet::new();
    for listener in listeners.0 {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        listening.spawn(listen(listener, limits, places.clone(), shared.clone(), stopped.clone()));
    }
    drop(stopped);
    shutdown.await;
    stop.send_replace(true);
    let all_ended = async { while listening.join_next().await.is_some() {} };
    if timeout(limits.shutdown_timeout, all_ended).await.is_err() {
        tracing::debug!("connections were cut at the shutdown");
    }
    Ok(())
}

/// Accepts until stopped, then waits for its connections. Dropped, it drops them.
async fn listen(
    listener: tokio::net::TcpListener,
    limits: Limits,
    places: Arc<Semaphore>,
    shared: Arc<Shared>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener) => accepted,
            _ = stopped.wait_for(|stop| *stop) => break,
        };
        let place = tokio::select! {
            place = places.clone().acquire_owned() => place.expect("nobody closes the semaphore"),
            _ = stopped.wait_for(|stop| *stop) => break,
        };
        let (shared, stopped) = (shared.clone(), stopped.clone());
        connections.spawn(async move {
            converse(accepted, limits, shared, stopped).await;
            drop(place);
        });
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn accept(listener: &tokio::net::TcpListener) -> TcpStream {
    let mut is_told = false;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) => {
                if !std::mem::replace(&mut is_told, true) {
                    tracing::warn!(%error, "cannot accept a connection");
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// One connection: requests one after the other until either side has enough.
async fn converse(
    stream: TcpStream,
    limits: Limits,
    shared: Arc<Shared>,
    mut stopped: watch::Receiver<bool>,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    // Unknown when the client has gone already: then nobody is told anything.
    let address = stream.peer_addr().map_or(Ipv4Addr::UNSPECIFIED.into(), |peer| peer.ip());
    let stream = Paced::new(stream, limits.first_byte_timeout, limits.write_timeout);
    let service = service_fn(|request| {
        let shared = shared.clone();
        async move { Ok::<_, Infallible>(answer(&shared, &request, address).await) }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head_timeout)
            .max_buf_size(HEAD_BYTES_MAX)
            .serve_connection(TokioIo::new(stream), service)
    );
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        _ = stopped.wait_for(|stop| *stop) => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Counts the request when its answer is ready: a scrape does not contain itself.
async fn answer<B>(shared: &Arc<Shared>, request: &Request<B>, address: IpAddr) -> Response<Body> {
    let handler = route(request.uri().path());
    let is_reading = [Method::GET, Method::HEAD].contains(request.method());
    let mut response = match handler {
        Handler::Other => plain(StatusCode::NOT_FOUND, "not found\n"),
        _ if !is_reading => plain(StatusCode::METHOD_NOT_ALLOWED, "GET and HEAD only\n"),
        Handler::Metrics => scrape(shared, Ask::of(request, address)).await,
        Handler::Healthy => plain(StatusCode::OK, "healthy\n"),
        Handler::Ready if shared.is_ready() => plain(StatusCode::OK, "ready\n"),
        Handler::Ready => plain(StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
        Handler::Landing => {
            let html = page::landing(env!("CARGO_PKG_VERSION"), &shared.ledger());
            respond(StatusCode::OK, "text/html; charset=utf-8", Body::whole(html))
        }
    };
    if response.status() == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    shared.telemetry.request(handler, response.status().as_u16());
    response
}

fn route(path: &str) -> Handler {
    Handler::ALL.into_iter().find(|handler| handler.name() == path).unwrap_or(Handler::Other)
}

async fn scrape(shared: &Arc<Shared>, ask: Ask) -> Response<Body> {
    let Ok(answer) = shared.scrape(ask).await else {
        tracing::error!("an exposition could not be rendered");
        return plain(StatusCode::INTERNAL_SERVER_ERROR, "the exposition could not be rendered\n");
    };
    let mut response = respond(StatusCode::OK, answer.content_type, answer.body);
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
    if let Some(encoding) = answer.content_encoding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    response
}

fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    respond(status, "text/plain; charset=utf-8", Body::whole(text))
}

fn respond(status: StatusCode, content_type: &'static str, body: Body) -> Response<Body> {
    let length = body.length();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    for (name, value) in [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
