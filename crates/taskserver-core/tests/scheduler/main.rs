//! The scheduler as a whole, in paused time: what runs when, and what becomes of it.
#![allow(clippy::unwrap_used)] // clippy allows it in test functions only, not in their helpers

mod acts;
mod clock;
mod control;
mod cron;
mod durable;
mod election;
mod fixture;
mod history;
mod leader;
mod lease;
mod logs;
mod metrics;
mod missed;
mod policy;
mod runs;
mod shutdown;
mod times;
