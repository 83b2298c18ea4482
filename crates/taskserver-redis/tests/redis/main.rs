//! The adapter against real servers of Redis and real packages of the platform.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails; clippy.toml excepts only the test functions")]

mod channel;
mod fixture;
mod flatted;
mod node;
mod outage;
mod peers;
mod servers;
mod sync;
