//! A server which all tests of a process share, or all processes if the environment names one.

use std::sync::OnceLock;

use super::Server;
use crate::skip;

pub(super) struct Shared {
    /// What the server is called, for messages.
    pub(super) name: &'static str,
    /// The environment variable that names a running server.
    pub(super) variable: &'static str,
    pub(super) start: fn() -> Result<Server, String>,
    pub(super) server: OnceLock<Result<Found, String>>,
}

pub(super) struct Found {
    url: String,
    /// Of this process, if it had to start one. Statics are not dropped: the server ends by itself when the process does.
    _server: Option<Server>,
}

impl Shared {
    pub(super) fn url(&self) -> Option<&str> {
        let found = self.server.get_or_init(|| match std::env::var(self.variable) {
            Ok(url) => Ok(Found { url, _server: None }),
            Err(_) => (self.start)().map(|server| Found { url: server.url().to_owned(), _server: Some(server) }),
        });
        found
            .as_ref()
            .map(|found| found.url.as_str())
            .map_err(|reason| skip(self.name, &format!("{reason}; {} may name a server", self.variable)))
            .ok()
    }
}

/// A server which only the calling test has, or `None` after saying that the test is skipped.
pub(super) fn own(name: &str, start: impl FnOnce() -> Result<Server, String>) -> Option<Server> {
    start().map_err(|reason| skip(name, &reason)).ok()
}
