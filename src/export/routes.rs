//! Which path is whose, where the metrics are, and who may reload or end the process.
//!
//! Paths are compared as they were sent: no decoding, no normalising, so that there is one way to write each.

use std::sync::Arc;

use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Response, StatusCode};
use tokio::sync::Semaphore;

use super::fetch::AnswerBody;
use super::http::plain;
use crate::telemetry::Handler;

const TELEMETRY_PATH_BYTES_MAX: usize = 256;

/// What the server offers.
pub struct Web {
    /// Where the metrics are: what [`check_telemetry_path`] accepts.
    pub telemetry_path: String,
    /// `None`: requests to reload or to quit are refused.
    pub lifecycle: Option<Lifecycle>,
}

/// What `POST /-/reload` and `POST /-/quit` do.
pub struct Lifecycle {
    /// Gives what was changed, or what is wrong with the new files when the old ones stay. May take its time: it is called
    /// on a thread of its own, once at a time.
    pub reload: Box<dyn Fn() -> Result<String, String> + Send + Sync>,
    /// Asks the process to end, and returns at once.
    pub quit: Box<dyn Fn() + Send + Sync>,
}

/// Whether the metrics may be served at `path`; if not, why.
pub fn check_telemetry_path(path: &str) -> Result<(), String> {
    if !path.starts_with('/') {
        return Err("it must begin with `/`".to_owned());
    }
    if path.len() > TELEMETRY_PATH_BYTES_MAX {
        return Err(format!("it is longer than {TELEMETRY_PATH_BYTES_MAX} bytes"));
    }
    // Clients encode, cut or resolve everything else before they send it.
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/-._~!$&'()*+,;=:@".contains(c);
    if let Some(odd) = path.chars().find(|c| !is_plain(*c)) {
        return Err(format!("{odd:?} cannot stand in it"));
    }
    if path.contains("//") || path.split('/').any(|segment| segment == "." || segment == "..") {
        return Err("empty, `.` and `..` parts cannot stand in it".to_owned());
    }
    if path == "/-" || path.starts_with("/-/") || handler(path).is_some_and(|taken| taken != Handler::Metrics)
    {
        return Err("the path is taken; `/`, `/healthz`, `/readyz` and what begins with `/-/` are".to_owned());
    }
    Ok(())
}

/// Of the paths that are always the same, and of the usual path of the metrics.
fn handler(path: &str) -> Option<Handler> {
    let path = match path {
        "/healthz" => "/-/healthy",
        "/readyz" => "/-/ready",
        path => path,
    };
    Handler::ALL.into_iter().find(|handler| handler.name() == path)
}

pub(super) struct Routes {
    pub web: Web,
    /// One reload at a time.
    reloading: Arc<Semaphore>,
}

impl Routes {
    pub fn new(web: Web) -> Routes {
        Routes { web, reloading: Arc::new(Semaphore::new(1)) }
    }

    pub fn handler(&self, path: &str) -> Handler {
        if path == self.web.telemetry_path {
            return Handler::Metrics;
        }
        handler(path).filter(|handler| *handler != Handler::Metrics).unwrap_or(Handler::Other)
    }

    /// Reloads or quits, or says why not.
    pub async fn act(self: &Arc<Self>, handler: Handler, headers: &HeaderMap) -> Response<AnswerBody> {
        let Some(lifecycle) = &self.web.lifecycle else {
            return plain(StatusCode::FORBIDDEN, "forbidden: this needs --web.enable-lifecycle\n");
        };
        if is_from_a_page(headers) {
            return plain(StatusCode::FORBIDDEN, "forbidden: not for pages in a browser\n");
        }
        if handler == Handler::Quit {
            (lifecycle.quit)();
            return plain(StatusCode::OK, "leaving\n");
        }
        let Ok(turn) = self.reloading.clone().try_acquire_owned() else {
            let mut busy = plain(StatusCode::SERVICE_UNAVAILABLE, "a reload is under way, ask again\n");
            busy.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            return busy;
        };
        let routes = self.clone();
        let reloaded = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            routes.web.lifecycle.as_ref().map_or(Ok(String::new()), |lifecycle| (lifecycle.reload)())
        });
        match reloaded.await {
            Ok(Ok(report)) => plain(StatusCode::OK, format!("{}\n", report.trim_end())),
            Ok(Err(reasons)) => plain(StatusCode::INTERNAL_SERVER_ERROR, format!("{}\n", reasons.trim_end())),
            Err(_) => plain(StatusCode::INTERNAL_SERVER_ERROR, "the reload broke off\n"),
        }
    }
}

/// Whether a page in a browser sent the request. No page of ours does, so none may: a browser names the page in `Origin`
/// with every POST and PUT, whatever the page is, and current ones send `Sec-Fetch-Site` with everything.
///
/// This holds against DNS rebinding as well (a page under a name that its owner points at us has an origin too), so there
/// is no check of `Host`. For reading there is none either: scrapers come under names that we cannot know, those of
/// services, containers and proxies, and what a rebound page could read is what anybody who reaches the port may read.
fn is_from_a_page(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ORIGIN) || headers.contains_key("sec-fetch-site")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metrics_may_be_at_any_plain_path_that_is_not_taken() {
        for path in ["/metrics", "/a", "/a/b/metrics", "/metrics/", "/-metrics", "/healthz2", "/~a/x.y_z-1"] {
            assert_eq!(check_telemetry_path(path), Ok(()), "{path}");
        }
        let long = format!("/{}", "x".repeat(256));
        for path in [
            "", "/", "metrics", "/healthz", "/readyz", "/-", "/-/", "/-/x", "/-/ready", "/a?b", "/a#b",
            "/%6d", "/a b", "/a//b", "//a", "/.", "/../a", "/a/./b", "/a\"", "/<a>", "/\u{e9}", "/a\n",
            "/a\\b", &long,
        ] {
            assert!(check_telemetry_path(path).is_err(), "{path} was taken");
        }
    }

    #[test]
    fn the_usual_path_is_nobodys_when_another_was_chosen() {
        let routes = |path: &str| Routes::new(Web { telemetry_path: path.to_owned(), lifecycle: None });
        assert_eq!(routes("/metrics").handler("/metrics"), Handler::Metrics);
        assert_eq!(routes("/a").handler("/a"), Handler::Metrics);
        assert_eq!(routes("/a").handler("/metrics"), Handler::Other);
        // The label of what is unknown is no path.
        assert_eq!(routes("/a").handler("other"), Handler::Other);
        assert_eq!(routes("/a").handler("/readyz"), Handler::Ready);
    }
}
