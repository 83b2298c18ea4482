use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use ipnet::IpNet;
use serde::Deserialize;

use super::separated;

/// Section `http`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// The address that is listened on; `::` is every address of both IP versions where the system is dual-stack.
    pub host: IpAddr,
    /// The port that is listened on; 0 lets the system choose a free one.
    pub port: u16,
    /// The port of what is for operators; `port`, when none.
    pub admin_port: Option<u16>,
    /// How many connections may be open at once on a port.
    pub max_connections: usize,
    /// How long a client may take to send the head of a request.
    pub header_timeout: Duration,
    /// How long a connection may be idle before it is closed.
    pub idle_timeout: Duration,
    /// How long a request may take from its head to the beginning of its answer.
    pub request_timeout: Duration,
    /// The most bytes that the head of a request may have.
    pub max_header_bytes: usize,
    /// The most header fields that a request may have.
    pub max_headers: usize,
    /// The most bytes that the body of a request may have.
    pub max_body_bytes: usize,
    /// How many requests may be in progress at once on one HTTP/2 connection.
    pub max_concurrent_streams: u32,
    /// How often an HTTP/2 connection is pinged.
    pub ping_interval: Duration,
    /// How long an HTTP/2 client may take to answer a ping.
    pub ping_timeout: Duration,
    /// From how many bytes on the body of an answer is compressed.
    pub compression_min_bytes: usize,
    /// How many records a page has where the caller does not say.
    pub page_size: u64,
    /// How many records a page has at most.
    pub max_page_size: u64,
    /// How many streams of events may be open at once.
    pub max_event_streams: usize,
    /// How long a stream of events may last.
    pub max_event_stream_age: Duration,
    /// How many events are kept for clients that come back or are slow.
    pub event_log_size: usize,
    /// The origins whose pages may read the answers; `*` is any.
    #[serde(default, deserialize_with = "separated")]
    pub cors_origins: Vec<String>,
    /// The networks of the proxies that are believed when they say for whom they ask.
    #[serde(default, deserialize_with = "separated")]
    pub trusted_proxies: Vec<IpNet>,
    /// Whether the metrics are for administrators only.
    pub protect_metrics: bool,
    /// Whether the tasks and the description of the services are for administrators only.
    pub protect_pages: bool,
    /// How long who has signed in on the pages stays so.
    pub session_lifetime: Duration,
    /// Whether callers from outside may write, where a service offers it.
    pub writes: bool,
    /// What services offer to whom, by the service's name.
    #[serde(default)]
    pub services: BTreeMap<String, HttpService>,
}

impl Http {
    /// The address to bind.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(self.host, self.port)
    }

    /// The address of what is for operators.
    #[must_use]
    pub fn admin_address(&self) -> SocketAddr {
        SocketAddr::new(self.host, self.admin_port.unwrap_or(self.port))
    }
}

/// Section `http.services.<name>`: what a service offers callers from outside.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpService {
    /// The methods that it offers; what it offers by itself, when none.
    #[serde(default, deserialize_with = "some_separated")]
    pub methods: Option<Vec<String>>,
    /// The scope that its methods need; `admin:admin`, when none.
    pub scope: Option<String>,
    /// The scopes of single methods, in place of `scope`.
    #[serde(default)]
    pub scopes: BTreeMap<String, String>,
}

fn some_separated<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    separated(deserializer).map(Some)
}
