//! What a server listens on, and the bounds within which it serves.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Where a server listens and what it takes from its clients. Every bound has a default.
///
/// ```
/// use taskserver_http::HttpOptions;
///
/// let options = HttpOptions { max_connections: 64, ..HttpOptions::new("[::1]:0".parse()?) };
/// assert_eq!(options.max_body_bytes, 1024 * 1024);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpOptions {
    /// The address that is listened on. Port 0 lets the system choose a free one.
    pub address: SocketAddr,
    /// How this server calls itself in its answers, such as the name of its pod: tells replicas apart.
    pub identity: String,
    /// How many connections may be open at once, at least 1. Further ones wait, unaccepted, until one closes.
    pub max_connections: usize,
    /// How long a client may take to send the head of a request, from its first byte to its last; a new connection's first
    /// head counts from the connection's beginning. Later the connection is closed.
    pub header_timeout: Duration,
    /// How long a connection may have no request in progress before it is closed.
    pub idle_timeout: Duration,
    /// How long a request may take from the end of its head to the beginning of its answer. Later it is answered with 408.
    pub request_timeout: Duration,
    /// How long requests in progress may take to finish once the server was told to stop. Later they are cut off.
    pub drain_timeout: Duration,
    /// How many bytes the head of a request may have. Fewer than 8192 are treated as 8192. A larger head is answered with 431.
    pub max_header_bytes: usize,
    /// How many header fields an HTTP/1 request may have; more are answered with 431. For HTTP/2, `max_header_bytes` bounds
    /// them, where each counts 32 bytes more than its name and value have.
    pub max_headers: usize,
    /// How many bytes the body of a request may have. A larger one is answered with 413.
    pub max_body_bytes: usize,
    /// How many requests may be in progress at once on one HTTP/2 connection.
    pub max_concurrent_streams: u32,
    /// How often an HTTP/2 connection is pinged, in order to notice a client that is gone.
    pub ping_interval: Duration,
    /// How long an HTTP/2 client may take to answer a ping. Later the connection is closed.
    pub ping_timeout: Duration,
}

impl HttpOptions {
    /// The defaults for an address.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self { address, ..Self::default() }
    }
}

impl Default for HttpOptions {
    /// Port 5050 of every address.
    fn default() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 5050)),
            identity: "taskserver".to_owned(),
            max_connections: 1024,
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            request_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(5),
            max_header_bytes: 16 * 1024,
            max_headers: 100,
            max_body_bytes: 1024 * 1024,
            max_concurrent_streams: 100,
            ping_interval: Duration::from_secs(30),
            ping_timeout: Duration::from_secs(10),
        }
    }
}
