//! Addresses → connections, each served on its own.
//!
//! Listeners are bound before anything else starts, so that a port in use is an error at the start. Connections, heads
//! and times are limited by [`Limits`].

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::connection::Paced;
use super::http::answer;
use super::routes::{Routes, Web};
use super::shared::Shared;

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
    let routes = Arc::new(Routes::new(web));
    let places = Arc::new(Semaphore::new(limits.connections_max));
    let (stop, stopped) = watch::channel(false);
    let mut listening = JoinSet::new();
    for listener in listeners.0 {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        listening.spawn(listen(
            listener,
            limits,
            places.clone(),
            shared.clone(),
            routes.clone(),
            stopped.clone(),
        ));
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
    routes: Arc<Routes>,
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
        let (shared, routes, stopped) = (shared.clone(), routes.clone(), stopped.clone());
        connections.spawn(async move {
            converse(accepted, limits, shared, routes, stopped).await;
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
    routes: Arc<Routes>,
    mut stopped: watch::Receiver<bool>,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    let stream = Paced::new(stream, limits.first_byte_timeout, limits.write_timeout);
    let service = service_fn(|request| {
        let (shared, routes) = (shared.clone(), routes.clone());
        async move { Ok::<_, Infallible>(answer(&shared, &routes, &request).await) }
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
