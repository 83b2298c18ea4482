//! The server as its clients meet it: over real sockets.
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails; clippy.toml excepts only the test functions themselves"
)]

mod bounds;
mod client;
mod health;
mod hostile;
mod routes;
mod shutdown;
mod support;
mod tasks;
