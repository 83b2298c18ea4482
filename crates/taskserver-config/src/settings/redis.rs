use std::{collections::BTreeSet, str::FromStr};

use secrecy::SecretString;
use serde::Deserialize;

use super::separated;

/// Section `redis`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redis {
    /// Whether Redis is used at all.
    pub enabled: bool,
    /// Host name or IP address.
    pub address: String,
    /// TCP port.
    pub port: u16,
    /// The user's name; the default user, when none.
    pub username: Option<String>,
    /// Password as it is, not URL-encoded; none when it is empty.
    pub password: Option<SecretString>,
    /// How the connection is encrypted.
    pub tls: RedisTls,
    /// Sentinels that know where the server is, in place of `address` and `port`.
    #[serde(default)]
    pub sentinel: RedisSentinel,
    /// Nodes of a cluster, in place of `address` and `port`.
    #[serde(default, deserialize_with = "separated")]
    pub cluster: Vec<Endpoint>,
    /// The services whose events are published.
    #[serde(default, deserialize_with = "separated")]
    pub publish: BTreeSet<String>,
    /// The services whose events are received, beside those that this server has itself.
    #[serde(default, deserialize_with = "separated")]
    pub receive: BTreeSet<String>,
    /// The channel of the events.
    pub channel: String,
    /// How many events may wait while Redis is away.
    pub queue: usize,
    /// The most bytes that an event may have.
    pub max_message_bytes: usize,
}

/// Section `redis.tls`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedisTls {
    /// Whether the connection is encrypted.
    pub enabled: bool,
    /// Certificates (PEM) of the authorities that are trusted in place of the public ones.
    pub ca: Option<String>,
}

/// Section `redis.sentinel`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedisSentinel {
    /// The name of the master; Sentinels are used when there is one.
    pub master: Option<String>,
    /// Where Sentinels are.
    #[serde(default, deserialize_with = "separated")]
    pub addresses: Vec<Endpoint>,
    /// The password of the Sentinels themselves.
    pub password: Option<SecretString>,
}

/// A host's name or address, and a port: `redis.example:6379`, or `[::1]:6379`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The host's name or address.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl FromStr for Endpoint {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = "expected a host and its port, such as redis.example:6379 or [::1]:6379";
        let (host, port) = text.rsplit_once(':').ok_or(expected)?;
        let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let is_name = |host: &str| host.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c));
        let host = match address {
            Some(address) if address.parse::<std::net::Ipv6Addr>().is_ok() => address,
            None if !host.is_empty() && is_name(host) => host,
            _ => return Err(expected),
        };
        let port = port.parse().ok().filter(|port| *port != 0).ok_or(expected)?;
        Ok(Self { host: host.to_owned(), port })
    }
}
