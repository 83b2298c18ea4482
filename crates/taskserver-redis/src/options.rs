//! Where Redis is and how to log in.

use std::fmt;

use secrecy::SecretString;

/// Where Redis is, how to log in, and whether the connection is encrypted.
///
/// ```
/// use taskserver_redis::RedisOptions;
///
/// let standalone = RedisOptions::standalone("redis.example", 6379).with_password("secret").with_tls();
/// assert!(!format!("{standalone:?}").contains("secret"));
/// let sentinel = RedisOptions::sentinel("mymaster", [("a.example".into(), 26379), ("b.example".into(), 26379)]);
/// let cluster = RedisOptions::cluster([("a.example".into(), 6379), ("b.example".into(), 6379)]);
/// # let _ = (sentinel, cluster);
/// ```
#[derive(Debug, Clone)]
pub struct RedisOptions {
    pub(crate) servers: Servers,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<SecretString>,
    pub(crate) tls: Option<Tls>,
}

/// A host's name or address, and a port.
pub(crate) type Endpoint = (String, u16);

#[derive(Debug, Clone)]
pub(crate) enum Servers {
    /// The first of these that answers: one server, or the nodes of a cluster.
    Nodes(Vec<Endpoint>),
    /// The master of this name, as these Sentinels know it.
    Sentinel { master: String, sentinels: Vec<Endpoint>, password: Option<SecretString> },
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Tls {
    /// Certificates (PEM) that are trusted in place of the public ones.
    pub(crate) ca: Option<String>,
}

impl RedisOptions {
    /// One server.
    #[must_use]
    pub fn standalone(host: impl Into<String>, port: u16) -> Self {
        Self::cluster([(host.into(), port)])
    }

    /// A cluster, with some of its nodes. What is published at one node reaches the subscribers of all, so one is
    /// enough: the first that answers.
    #[must_use]
    pub fn cluster(nodes: impl IntoIterator<Item = (String, u16)>) -> Self {
        Self::at(Servers::Nodes(nodes.into_iter().collect()))
    }

    /// The master of this name, which some of these Sentinels know.
    #[must_use]
    pub fn sentinel(master: impl Into<String>, sentinels: impl IntoIterator<Item = (String, u16)>) -> Self {
        let sentinels = sentinels.into_iter().collect();
        Self::at(Servers::Sentinel { master: master.into(), sentinels, password: None })
    }

    fn at(servers: Servers) -> Self {
        Self { servers, username: None, password: None, tls: None }
    }

    /// The name of the user, where it is not the default user.
    #[must_use]
    pub fn with_username(mut self, username: impl Into<String>) -> Self {
        self.username = Some(username.into());
        self
    }

    /// The user's password as it is (not URL-encoded); an empty one is none.
    #[must_use]
    pub fn with_password(mut self, password: impl Into<String>) -> Self {
        self.password = secret(password);
        self
    }

    /// The password of the Sentinels themselves; without Sentinels it changes nothing.
    #[must_use]
    pub fn with_sentinel_password(mut self, secret_of_sentinels: impl Into<String>) -> Self {
        if let Servers::Sentinel { password, .. } = &mut self.servers {
            *password = secret(secret_of_sentinels);
        }
        self
    }

    /// Encrypts, and trusts certificates of the public authorities (those of Mozilla's list). Sentinels are encrypted
    /// too.
    #[must_use]
    pub fn with_tls(mut self) -> Self {
        self.tls.get_or_insert_default();
        self
    }

    /// Encrypts, and trusts only certificates of these authorities, in PEM.
    #[must_use]
    pub fn with_ca(mut self, pem: impl Into<String>) -> Self {
        self.tls = Some(Tls { ca: Some(pem.into()) });
        self
    }
}

fn secret(password: impl Into<String>) -> Option<SecretString> {
    Some(password.into()).filter(|password| !password.is_empty()).map(SecretString::from)
}

/// The servers as error messages name them: `redis.example:6379`, or `mymaster of a.example:26379, b.example:26379`.
impl fmt::Display for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let endpoints = match self {
            Self::Nodes(nodes) => nodes,
            Self::Sentinel { master, sentinels, .. } => {
                write!(f, "{master} of ")?;
                sentinels
            }
        };
        for (position, (host, port)) in endpoints.iter().enumerate() {
            let separator = if position == 0 { "" } else { ", " };
            write!(f, "{separator}{host}:{port}")?;
        }
        Ok(())
    }
}
