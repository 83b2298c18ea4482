//! The server as its clients meet it: over real sockets.
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails; clippy.toml excepts only the test functions themselves"
)]

mod authentication;
mod bounds;
mod client;
mod control;
mod events;
mod extras;
mod feathers;
mod health;
mod hostile;
mod openapi;
mod pages;
mod platform;
mod request_metrics;
mod rest;
mod routes;
mod shutdown;
mod support;
mod tasks;
