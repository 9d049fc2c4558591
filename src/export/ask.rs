//! A request for an exposition, read from its method, query and headers: which form, of what, for whom.
//!
//! Which reader of the ledger a client is stands in the header that scrapers send. Whatever is odd in a request is read as if it were not there; nobody is
//! refused for it.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use hyper::header::{self, HeaderMap, HeaderName};
use hyper::{Method, Request};

use super::format::{Format, family_name};
use super::negotiation;
use crate::ledger::{Reader, ZeroFirst};

/// Prometheus and its kin send it with every scrape, in seconds.
const SCRAPE_TIMEOUT: HeaderName = HeaderName::from_static("x-prometheus-scrape-timeout-seconds");

/// Which families are shown: all, or those that `?name[]=` names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter(Option<Vec<Box<str>>>);

impl Filter {
    pub const ALL: Filter = Filter(None);

    /// Of a query: `name[]=` as often as there are names, percent-encoded or not. Other parameters say nothing.
    pub fn of_query(query: &str) -> Filter {
        let names = query.split('&').filter_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(key) == "name[]").then(|| decoded(value).into_boxed_str())
        });
        let mut names: Vec<_> = names.collect();
        names.sort_unstable();
        names.dedup();
        Filter((!names.is_empty()).then_some(names))
    }

    pub fn is_all(&self) -> bool {
        self.0.is_none()
    }

    /// Whether a family is shown: asked for by the name of its samples, or by the name that OpenMetrics has for it.
    pub(super) fn takes(&self, name: &str) -> bool {
        let Some(names) = &self.0 else { return true };
        let has = |name: &str| names.binary_search_by(|named| (**named).cmp(name)).is_ok();
        has(name) || has(family_name(Format::OpenMetrics, name))
    }
}

/// `+` is a blank, `%xx` a byte; what is neither stays as it is. Bytes that are no UTF-8 become U+FFFD, which no name has.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        let byte = match (first, after) {
            (b'+', _) => b' ',
            (b'%', [high, low, after @ ..]) => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => {
                    rest = after;
                    high * 16 + low
                }
                _ => b'%',
            },
            (byte, _) => *byte,
        };
        bytes.push(byte);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn digit(hex: u8) -> Option<u8> {
    char::from(hex).to_digit(16).and_then(|digit| digit.try_into().ok())
}

/// What a request for an exposition said.
#[derive(Debug, Clone)]
pub struct Ask {
    pub(super) format: Format,
    pub(super) is_gzip: bool,
    pub(super) filter: Filter,
    user_agent: Box<str>,
    address: IpAddr,
    /// The request says that it is a scraper's.
    is_scraper: bool,
    /// A body is wanted, not only what would be said of it.
    is_get: bool,
    /// When the scraper has given up, if it told. It began to wait before we began to count.
    gives_up: Option<Instant>,
}

impl Ask {
    /// `address` is the other end of the connection.
    pub fn of<B>(request: &Request<B>, address: IpAddr) -> Ask {
        let headers = request.headers();
        let timeout = headers.get(SCRAPE_TIMEOUT);
        let seconds = timeout.and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let timeout_known = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        Ask {
            format: negotiation::format(joined(headers, &header::ACCEPT).as_deref()),
            is_gzip: negotiation::wants_gzip(joined(headers, &header::ACCEPT_ENCODING).as_deref()),
            filter: request.uri().query().map_or(Filter::ALL, Filter::of_query),
            user_agent: joined(headers, &header::USER_AGENT).unwrap_or_default().into(),
            address,
            is_scraper: timeout.is_some(),
            is_get: request.method() == Method::GET,
            gives_up: timeout_known.and_then(|timeout| Instant::now().checked_add(timeout)),
        }
    }

    pub(super) fn reader(&self, zero_first: ZeroFirst) -> Reader {
        zero_first.reader(self.is_scraper, self.address, &self.user_agent)
    }

    /// Whether an answer that is fetched in full may count as having shown the reader all series: nothing was filtered
    /// away, and there was a body. What does not count is shown as the reader's number says all the same: a filtered
    /// scrape never sees a value fall either, and takes no zero away from the unfiltered ones of the same reader. Who only
    /// ever filters is shown a series' value when it is five minutes old.
    pub(super) fn shows_all(&self) -> bool {
        self.is_get && self.filter.is_all()
    }

    /// The scraper has stopped to wait, as far as it told.
    pub(super) fn is_over(&self) -> bool {
        self.gives_up.is_some_and(|gives_up| Instant::now() >= gives_up)
    }
}

/// All headers of a name as one list; `None` when there is none. A head is limited, and so is this.
fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let values: Vec<_> =
        headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    (!values.is_empty()).then(|| values.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_decoded_and_select_by_either_name_of_a_family() {
        for (query, name, expected) in [
            ("", "faultline_errors_total", true),
            ("x=1&name=faultline_series", "faultline_errors_total", true),
            ("name[]=faultline_errors_total", "faultline_errors_total", true),
            ("name[]=faultline_errors", "faultline_errors_total", true),
            ("name%5B%5D=faultline%5ferrors", "faultline_errors_total", true),
            ("name[]=faultline_code", "faultline_code_info", true),
            ("name[]=faultline_code_info", "faultline_code_info", true),
            ("name[]=a&x&name[]=faultline_series&name[]=a", "faultline_series", true),
            ("name[]=faultline_error", "faultline_errors_total", false),
            ("name[]=faultline_errors_created", "faultline_errors_total", false),
            ("name[]=faultline_series", "faultline_series_limit", false),
            ("name[]=", "faultline_series", false),
            ("name[]", "faultline_series", false),
            ("name[]=%ff", "faultline_series", false),
            ("name[]=faultline_series%", "faultline_series", false),
            ("name[]=faultline_series%4", "faultline_series", false),
            ("name[]=faultline+series", "faultline_series", false),
        ] {
            assert_eq!(Filter::of_query(query).takes(name), expected, "{query} {name}");
        }
        assert_eq!(Filter::of_query("name[]=b&name[]=a&name[]=b"), Filter::of_query("name[]=a&y=2&name[]=b"));
        assert!(!Filter::of_query("name[]=").is_all() && Filter::of_query("name=x").is_all());
    }

    #[test]
    fn what_is_no_escape_stays_as_it_is() {
        for (text, expected) in
            [("%41+%zz%4", "A %zz%4"), ("%", "%"), ("%%41", "%A"), ("a%2Bb", "a+b"), ("%e9", "\u{fffd}")]
        {
            assert_eq!(decoded(text), expected);
        }
    }

    #[test]
    fn a_scraper_is_known_by_its_header() {
        let ask = |headers: &[(&str, &str)]| {
            let mut request = Request::builder().method(Method::GET).uri("/metrics?name[]=a");
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            Ask::of(&request.body(()).unwrap(), IpAddr::from([127, 0, 0, 1]))
        };
        let curl = ask(&[("user-agent", "curl/8"), ("accept", "*/*")]);
        assert!(!curl.is_scraper && curl.gives_up.is_none() && curl.is_get && !curl.is_gzip);
        for (seconds, is_known) in [
            ("10", true),
            ("0.5", true),
            ("", false),
            ("-1", false),
            ("x", false),
            ("1e99", false),
            ("NaN", false),
        ] {
            let ask =
                ask(&[("X-Prometheus-Scrape-Timeout-Seconds", seconds), ("user-agent", "Prometheus/3")]);
            assert!(ask.is_scraper, "{seconds}");
            assert_eq!((ask.gives_up.is_some(), &*ask.user_agent), (is_known, "Prometheus/3"), "{seconds}");
        }
        let several =
            ask(&[("accept", "text/plain;q=0.1"), ("accept", "application/openmetrics-text;q=0.2")]);
        assert_eq!(several.format, Format::OpenMetrics);
    }
}
