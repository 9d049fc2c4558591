//! Sizes, durations and addresses as people write them.

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::str::FromStr;
use std::time::Duration;

use crate::catalogue::diagnostic::quoted;
use crate::export::check_telemetry_path;

/// `host:port`, or `:port` for all addresses of the machine. Names are looked up when it is bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenAddress {
    host: String,
    port: u16,
}

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = "write host:port or :port, for example 127.0.0.1:10510";
        let (host, port) = text.rsplit_once(':').ok_or_else(|| format!("there is no port; {expected}"))?;
        let port = port.parse().map_err(|_| format!("the port is no number from 0 to 65535; {expected}"))?;
        if host.contains(|c: char| c.is_whitespace() || c.is_control() || "/@".contains(c)) {
            return Err(format!("the host is no name or address; {expected}"));
        }
        let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        let is_v6 = host.contains(':');
        if is_v6 && host.parse::<std::net::Ipv6Addr>().is_err() {
            return Err(format!("the host is no IPv6 address; {expected}"));
        }
        if host.contains(['[', ']']) {
            return Err(format!("the host is no name or address; {expected}"));
        }
        Ok(ListenAddress { host: host.to_owned(), port })
    }
}

impl From<SocketAddr> for ListenAddress {
    fn from(address: SocketAddr) -> ListenAddress {
        ListenAddress { host: address.ip().to_string(), port: address.port() }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ListenAddress { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

impl ListenAddress {
    /// The socket address; asks the resolver for a name. `:port` is all IPv6 and IPv4 addresses of the machine, or the
    /// IPv4 ones where there is no IPv6.
    pub fn resolve(&self) -> io::Result<SocketAddr> {
        if self.host.is_empty() {
            let has_v6 = std::net::UdpSocket::bind("[::]:0").is_ok();
            let host: std::net::IpAddr = if has_v6 {
                std::net::Ipv6Addr::UNSPECIFIED.into()
            } else {
                std::net::Ipv4Addr::UNSPECIFIED.into()
            };
            return Ok(SocketAddr::new(host, self.port));
        }
        let nothing = || io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        (self.host.as_str(), self.port).to_socket_addrs()?.next().ok_or_else(nothing)
    }

    /// The same host, any free port.
    pub fn with_any_port(&self) -> ListenAddress {
        ListenAddress { host: self.host.clone(), port: 0 }
    }
}

/// `30s`, `1m30s`, `500ms`, `2h`; `0` is none.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    if text.trim() == "0" {
        return Ok(Duration::ZERO);
    }
    let wrong = || format!("{} is no duration; write 30s, 5m or 1h30m", quoted(text));
    let duration: jiff::SignedDuration = text.parse().map_err(|_| wrong())?;
    Duration::try_from(duration).map_err(|_| wrong())
}

/// A path for the metrics: `/metrics`, `/service/metrics`.
pub fn parse_telemetry_path(text: &str) -> Result<String, String> {
    match check_telemetry_path(text) {
        Ok(()) => Ok(text.to_owned()),
        Err(why) => Err(format!("{} cannot be the path of the metrics: {why}", quoted(text))),
    }
}

/// `1048576`, `64KiB`, `1 MiB`, `1GiB`; `k`, `M` and `G` (also with `B`) are powers of 1000.
pub(super) fn parse_size(text: &str) -> Result<u64, String> {
    let wrong = || format!("{} is no size; write a number of bytes, or 64KiB, 1MiB", quoted(text));
    let text = text.trim_matches(' ');
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().map_err(|_| wrong())?;
    let unit: u64 = match text[digits..].trim_start_matches(' ') {
        "" | "B" => 1,
        "k" | "kB" | "KB" => 1000,
        "M" | "MB" => 1000 * 1000,
        "G" | "GB" => 1000 * 1000 * 1000,
        "Ki" | "KiB" => 1024,
        "Mi" | "MiB" => 1024 * 1024,
        "Gi" | "GiB" => 1024 * 1024 * 1024,
        _ => return Err(wrong()),
    };
    number.checked_mul(unit).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_prometheus_writes_them() {
        let shown = |text: &str| text.parse::<ListenAddress>().map(|a| a.to_string());
        for same in ["127.0.0.1:10510", "localhost:0", ":9090", "[::1]:80"] {
            assert_eq!(shown(same).as_deref(), Ok(same));
        }
        for wrong in ["", "10510", "host:", "host:65536", "::1", "a b:1", "http://x:1", "[::1:80", "x:-1"] {
            assert!(shown(wrong).is_err(), "{wrong} was taken");
        }
    }

    #[test]
    fn durations_and_sizes_need_a_unit_that_exists() {
        assert_eq!(parse_duration("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse_duration("0"), Ok(Duration::ZERO));
        assert_eq!(
            ["1048576", "64KiB", "1 MiB", "2k"].map(parse_size),
            [Ok(1 << 20), Ok(65536), Ok(1 << 20), Ok(2000)]
        );
        for wrong in ["", "s", "-3s", "3 parsecs"] {
            assert!(parse_duration(wrong).is_err(), "{wrong} was taken");
        }
        for wrong in ["", "MiB", "-1", "1.5MiB", "99999999999GiB", "1 furlong"] {
            assert!(parse_size(wrong).is_err(), "{wrong} was taken");
        }
    }
}
