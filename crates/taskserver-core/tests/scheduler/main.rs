//! The scheduler as a whole, in paused time: what runs when, and what becomes of it.
#![allow(clippy::unwrap_used)] // clippy allows it in test functions only, not in their helpers

mod clock;
mod control;
mod cron;
mod fixture;
mod history;
mod logs;
mod policy;
mod runs;
mod shutdown;
mod times;
