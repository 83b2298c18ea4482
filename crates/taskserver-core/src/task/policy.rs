//! What happens when a run meets another, comes too late, takes too long or fails.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::TaskConfigError;
use super::schedule::{fraction, scale};

/// How the runs of a task are handled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    /// How many runs of the task may be in progress at once. Default: 1.
    pub concurrency: u32,
    /// What happens to a run that is due while as many are in progress. Default: [`Overlap::Skip`].
    pub overlap: Overlap,
    /// What happens to runs whose time has passed. Default: [`Missed::Once`].
    pub missed: Missed,
    /// How long one attempt may take. Default: ten minutes.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::optional")]
    pub timeout: Option<Duration>,
    /// How often a run that failed, panicked or timed out is tried again. Default: 0. The run is in progress until its last
    /// attempt has ended.
    pub retries: u32,
    /// How long to wait before trying again.
    pub backoff: Backoff,
}

/// What happens to a run that is due while its task runs already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Overlap {
    /// It is skipped.
    #[default]
    Skip,
    /// It waits for the run in progress to end. Only one run waits; a newer one takes its place.
    QueueOne,
    /// The oldest run in progress is cancelled, and the new one starts once it has ended.
    CancelOld,
}

/// What happens to runs that could not start in time, because the process slept, was suspended or was too busy, or because no
/// process was there to lead. The times that pass while a task is paused or disabled are not missed.
///
/// A run is missed if it cannot start before the next one is due, or is a minute late. What was missed before the process began
/// to lead is worked out from the run history, if that outlasts the process: it is all the scheduled times since the last one
/// that had a run, whoever ran it. A run that was lost, or cut short by the end of its process, does not count. A task of which
/// there is no run in the history has missed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Missed {
    /// They are skipped.
    Skip,
    /// One run, with the latest of the scheduled times, stands for all of them.
    #[default]
    Once,
    /// Each is made up for, in order, with as many at once as [`Policy::concurrency`] allows: the newest `max` of them.
    All {
        /// How many, from 1 to 1000.
        max: u32,
    },
}

/// The wait before a retry: it doubles from `base` up to `max`; a random part of up to a half is taken off, so that tasks that
/// failed together do not retry together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backoff {
    /// The wait before the first retry. Default: one second.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub base: Duration,
    /// The longest wait. Default: five minutes.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub max: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            concurrency: 1,
            overlap: Overlap::default(),
            missed: Missed::default(),
            timeout: Some(Duration::from_secs(10 * 60)),
            retries: 0,
            backoff: Backoff::default(),
        }
    }
}

impl Policy {
    pub(super) fn validate(&self) -> Result<(), TaskConfigError> {
        if self.concurrency == 0 {
            return Err(TaskConfigError::NoConcurrency);
        }
        if self.timeout.is_some_and(|timeout| timeout.is_zero()) {
            return Err(TaskConfigError::NoTime);
        }
        match self.missed {
            Missed::All { max } if !(1..=Missed::MOST).contains(&max) => Err(TaskConfigError::MissedOutOfRange { max }),
            _ => Ok(()),
        }
    }
}

impl Missed {
    /// The most runs that [`Missed::All`] makes up for.
    pub(crate) const MOST: u32 = 1000;
}

impl Default for Backoff {
    fn default() -> Self {
        Self { base: Duration::from_secs(1), max: Duration::from_secs(5 * 60) }
    }
}

impl Backoff {
    /// How long to wait after `attempt` (the first is 1) of a run has failed: always the same for the same attempt.
    #[must_use]
    pub fn delay(&self, task: &str, scheduled: Timestamp, attempt: u32) -> Duration {
        let doublings = attempt.saturating_sub(1).min(31);
        let full = self.base.saturating_mul(1 << doublings).min(self.max);
        let taken_off = scale(fraction(task, scheduled, attempt), (full / 2).as_nanos());
        full.saturating_sub(Duration::from_nanos(u64::try_from(taken_off).unwrap_or_default()))
    }
}
