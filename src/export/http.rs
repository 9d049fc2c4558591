//! A request → its answer: the metrics, `/-/healthy`, `/-/ready` and a landing page for GET and HEAD, which read and never
//! change; and the two requests that do change something, where [`Web::lifecycle`](super::routes::Web) allows them.
//!
//! Only the metrics look at the ledger, and not on the event loop. Bodies are not read: there is
//! nothing to say in one, and a connection that announced one ends with the answer.

use std::net::IpAddr;
use std::sync::Arc;

use hyper::body::{Body, Bytes};
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Version};

use super::ask::Ask;
use super::fetch::AnswerBody;
use super::page;
use super::places::Places;
use super::routes::Routes;
use super::shared::Shared;
use crate::telemetry::Handler;

/// Counts the request when its answer is ready: a scrape does not contain itself.
pub(super) async fn answer<B: Body>(
    shared: &Arc<Shared>,
    routes: &Arc<Routes>,
    places: &Places,
    request: &Request<B>,
    address: IpAddr,
) -> Response<AnswerBody> {
    let handler = routes.handler(request.uri().path());
    let mut response = match refusal(handler, request) {
        Some(refused) => refused,
        None => match handler {
            Handler::Metrics => places.making_room(scrape(shared, Ask::of(request, address))).await,
            Handler::Healthy => plain(StatusCode::OK, "healthy\n"),
            Handler::Ready => readiness(shared),
            Handler::Landing => {
                let path = &routes.web.telemetry_path;
                let html = page::landing(env!("CARGO_PKG_VERSION"), path);
                respond(StatusCode::OK, "text/html; charset=utf-8", AnswerBody::whole(html))
            }
            Handler::Reload | Handler::Quit => routes.act(handler, request.headers()).await,
            Handler::Other => plain(StatusCode::NOT_FOUND, "not found\n"),
        },
    };
    if has_body(request) || response.status() == StatusCode::BAD_REQUEST {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    shared.telemetry.request(handler, response.status().as_u16());
    response
}

async fn scrape(shared: &Arc<Shared>, ask: Ask) -> Response<AnswerBody> {
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

fn readiness(shared: &Shared) -> Response<AnswerBody> {
    let trouble = shared.trouble().map(|trouble| format!("counts go on, but cannot be committed: {trouble}"));
    let (reasons, is_ready) = match shared.readiness() {
        Ok(()) => (trouble.into_iter().collect(), true),
        Err(reasons) => (reasons.into_iter().chain(trouble).collect::<Vec<_>>(), false),
    };
    match (is_ready, reasons.is_empty()) {
        (true, true) => plain(StatusCode::OK, "ready\n"),
        (_, true) => plain(StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
        (_, false) => {
            plain(StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {}\n", reasons.join("\nnot ready: ")))
        }
    }
}

/// The answer to a request whose head may be read in two ways.
pub(super) fn ambiguous(shared: &Shared) -> Response<AnswerBody> {
    let mut refused = plain(StatusCode::BAD_REQUEST, "bad request: lines end with CR LF\n");
    refused.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    shared.telemetry.request(Handler::Other, refused.status().as_u16());
    refused
}

/// The answer to a request that does not get as far as its handler.
fn refusal<B: Body>(handler: Handler, request: &Request<B>) -> Option<Response<AnswerBody>> {
    if !has_one_host(request) {
        return Some(plain(StatusCode::BAD_REQUEST, "bad request: exactly one Host\n"));
    }
    if handler == Handler::Other {
        return None;
    }
    let (allowed, allow) = match handler {
        Handler::Reload | Handler::Quit => ([Method::POST, Method::PUT], "POST, PUT"),
        _ => ([Method::GET, Method::HEAD], "GET, HEAD"),
    };
    if !allowed.contains(request.method()) {
        let mut refused = plain(StatusCode::METHOD_NOT_ALLOWED, format!("{allow} only\n"));
        refused.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
        return Some(refused);
    }
    has_body(request).then(|| plain(StatusCode::PAYLOAD_TOO_LARGE, "a body is not wanted here\n"))
}

/// RFC 9112 §3.2: a request without one, or with several, is a bad one; HTTP/1.0 knew none.
fn has_one_host<B>(request: &Request<B>) -> bool {
    let hosts = request.headers().get_all(header::HOST).iter().count();
    hosts == 1 || hosts == 0 && request.version() < Version::HTTP_11
}

pub(super) fn has_body<B: Body>(request: &Request<B>) -> bool {
    !request.body().is_end_stream() || request.headers().contains_key(header::TRANSFER_ENCODING)
}

pub(super) fn plain(status: StatusCode, text: impl Into<Bytes>) -> Response<AnswerBody> {
    respond(status, "text/plain; charset=utf-8", AnswerBody::whole(text))
}

fn respond(status: StatusCode, content_type: &'static str, body: AnswerBody) -> Response<AnswerBody> {
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
