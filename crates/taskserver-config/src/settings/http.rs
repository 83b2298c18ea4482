use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use serde::Deserialize;

/// Section `http`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// The address that is listened on; `::` is every address of both IP versions where the system is dual-stack.
    pub host: IpAddr,
    /// The port that is listened on; 0 lets the system choose a free one.
    pub port: u16,
    /// How many connections may be open at once.
    pub max_connections: usize,
    /// How long a client may take to send the head of a request.
    pub header_timeout: Duration,
    /// How long a connection may be idle before it is closed.
    pub idle_timeout: Duration,
    /// How long a request may take from its head to the beginning of its answer.
    pub request_timeout: Duration,
    /// The most bytes that the head of a request may have.
    pub max_header_bytes: usize,
    /// The most bytes that the body of a request may have.
    pub max_body_bytes: usize,
    /// Whether callers from outside may write, where a service offers it.
    pub writes: bool,
}

impl Http {
    /// The address to bind.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(self.host, self.port)
    }
}
