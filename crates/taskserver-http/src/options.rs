//! What a server listens on, and the bounds within which it serves.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;

/// Which part of the surface a server has. Health is always there.
///
/// Where metrics and tasks are to have an address of their own, which is not reachable from outside, two servers of one app
/// each have a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Surface {
    /// All of it.
    #[default]
    Whole,
    /// The services, their events and their description.
    Services,
    /// The metrics, the tasks and the pages.
    Administration,
}

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
    /// What is answered there.
    pub surface: Surface,
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
    /// The proxies in front of this server. Only they are believed when they say from which address a request comes.
    pub trusted_proxies: Vec<IpNet>,
    /// From how many bytes on the body of an answer is compressed for clients that take gzip.
    pub compression_min_bytes: usize,
    /// How often an address may fail to authenticate in [`failed_attempts_window`](Self::failed_attempts_window). Until that is
    /// over, further attempts are answered with 429.
    pub max_failed_attempts: u32,
    /// For how long the failed attempts of an address count together, from the first on.
    pub failed_attempts_window: Duration,
    /// The origins whose pages may read the answers, such as `https://ir.example.com`; `*` is any. None by default.
    pub cors_origins: Vec<String>,
    /// Whether `/metrics` needs the scope `admin:admin`.
    pub protect_metrics: bool,
    /// Whether the pages, the tasks and the description of the services need the scope `admin:admin`.
    pub protect_pages: bool,
    /// Whether whoever holds the scope `admin:admin` or `task:write` may control the tasks.
    pub control: bool,
    /// How long an operator who has signed in to the pages stays so.
    pub session_lifetime: Duration,
    /// How many streams of events may be open at once. Further ones are answered with 429.
    pub max_event_streams: usize,
    /// How long a stream of events may last. Clients come back, are authenticated again, and go on where they were.
    pub max_event_stream_age: Duration,
    /// How many events are kept for clients that come back or are slow.
    pub event_log_size: usize,
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
            surface: Surface::Whole,
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
            trusted_proxies: Vec::new(),
            compression_min_bytes: 1024,
            max_failed_attempts: 20,
            failed_attempts_window: Duration::from_secs(60),
            cors_origins: Vec::new(),
            protect_metrics: false,
            protect_pages: false,
            control: false,
            session_lifetime: Duration::from_secs(8 * 60 * 60),
            max_event_streams: 100,
            max_event_stream_age: Duration::from_secs(15 * 60),
            event_log_size: 1024,
        }
    }
}
