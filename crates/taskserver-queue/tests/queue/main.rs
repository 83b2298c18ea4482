//! The queue on all three databases.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails; clippy.toml excepts only the test functions")]

mod control;
mod enqueueing;
mod fixture;
mod life;
mod retention;
mod service;
mod workers;
