//! A server which all tests of a process share, or all processes if the environment names one.

use std::io::Write;
use std::sync::OnceLock;

use super::Server;

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

/// Says that the current test is skipped; panics if nothing may be skipped.
fn skip(name: &str, reason: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    let line = format!("SKIPPED {test}: needs {name}, but {reason}");
    assert!(std::env::var("TASKSERVER_TEST_REQUIRE_ALL").as_deref() != Ok("1"), "{line}");
    // Past the test harness, which would keep it to itself: a skipped test must be seen.
    let _ = writeln!(std::io::stderr(), "{line}");
}
