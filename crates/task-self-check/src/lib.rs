//! The self-check: a task that raises an alert when another one has not succeeded for several of its intervals, and resolves it when
//! that one succeeds again.
//!
//! # When a task is overdue
//! [`SelfCheckOptions::intervals`] counts the task's own scheduled times, be they of an interval or of a cron pattern: a task is overdue
//! if so many of them have passed since it succeeded last. A scheduled time counts once its run has had the
//! [`grace`](SelfCheckOptions::grace) to succeed, and the task's jitter with it. What succeeded before a restart, or on another leader,
//! is known from the run history; a task that has never succeeded counts from the first of its runs that the history knows, and
//! without one from the time at which this process first saw it.
//!
//! # What is not alerted
//! - A task that is paused or disabled: somebody knows, and its alert is resolved. When it is followed again, it counts from then on.
//! - A task that has no scheduled times.
//! - Whatever a process that has just begun to lead finds, before the grace is over: what was missed is being made up for.
//!
//! Of a task that runs on every replica, only the runs of the leader are known.
//!
//! Alerts are rows, written in the leader's term where the app elects one; they are there whether anybody is to be told of them or not.
#![deny(missing_docs)]

mod overdue;
mod task;

pub use task::{RULE, SOURCE, SelfCheck, SelfCheckOptions, SelfChecked};

/// The example of the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
