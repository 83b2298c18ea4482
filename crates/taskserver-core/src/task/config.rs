//! A task's configuration.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Backoff, Cron, Missed, Overlap, Policy, Recurrence, Schedule};

/// When and how a task runs. Plain data: it can be built here, read from settings, and changed while the app runs.
///
/// ```
/// use std::time::Duration;
/// use taskserver_core::{Overlap, TaskConfig};
///
/// # fn main() -> Result<(), taskserver_core::TaskConfigError> {
/// let often = TaskConfig::every(Duration::from_secs(60)).jitter(Duration::from_secs(5)).overlap(Overlap::QueueOne);
/// let nightly = TaskConfig::cron_in("0 3 * * *", "Europe/Berlin")?.timeout(Duration::from_secs(3600)).retries(3);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskConfig {
    /// When it runs.
    pub schedule: Schedule,
    /// How its runs are handled.
    pub policy: Policy,
    /// Whether the schedule is followed. A disabled task can still be run by hand.
    pub enabled: bool,
}

impl TaskConfig {
    fn new(recurrence: Recurrence) -> Self {
        Self { schedule: Schedule::new(recurrence), policy: Policy::default(), enabled: true }
    }

    /// Runs at every multiple of `interval` since the Unix epoch.
    #[must_use]
    pub fn every(interval: Duration) -> Self {
        Self::new(Recurrence::Interval { every: interval })
    }

    /// Runs at the times of a [cron expression](Cron) in UTC.
    ///
    /// # Errors
    /// [`TaskConfigError::Cron`] if the expression is malformed or never matches.
    pub fn cron(expression: &str) -> Result<Self, TaskConfigError> {
        Ok(Self::new(Recurrence::Cron(Cron::new(expression)?)))
    }

    /// Runs at the times of a [cron expression](Cron) in the time zone with this IANA name.
    ///
    /// # Errors
    /// As [`cron`](Self::cron), and [`TaskConfigError::TimeZone`] if the system knows no such time zone.
    pub fn cron_in(expression: &str, time_zone: &str) -> Result<Self, TaskConfigError> {
        Ok(Self::new(Recurrence::Cron(Cron::new(expression)?.in_time_zone(time_zone)?)))
    }

    /// Runs only when asked to.
    #[must_use]
    pub fn manual() -> Self {
        Self::new(Recurrence::Manual)
    }

    /// Sets [`Schedule::run_on_start`].
    #[must_use]
    pub fn run_on_start(mut self, run_on_start: bool) -> Self {
        self.schedule.run_on_start = run_on_start;
        self
    }

    /// Sets [`Schedule::jitter`].
    #[must_use]
    pub fn jitter(mut self, jitter: Duration) -> Self {
        self.schedule.jitter = jitter;
        self
    }

    /// Sets [`Schedule::offset`].
    #[must_use]
    pub fn offset(mut self, offset: Duration) -> Self {
        self.schedule.offset = offset;
        self
    }

    /// Sets [`Policy::concurrency`].
    #[must_use]
    pub fn concurrency(mut self, runs: u32) -> Self {
        self.policy.concurrency = runs;
        self
    }

    /// Sets [`Policy::overlap`].
    #[must_use]
    pub fn overlap(mut self, overlap: Overlap) -> Self {
        self.policy.overlap = overlap;
        self
    }

    /// Sets [`Policy::missed`].
    #[must_use]
    pub fn missed(mut self, missed: Missed) -> Self {
        self.policy.missed = missed;
        self
    }

    /// Sets [`Policy::timeout`]; `None` lets an attempt take as long as it likes.
    #[must_use]
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.policy.timeout = timeout.into();
        self
    }

    /// Sets [`Policy::retries`].
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Self {
        self.policy.retries = retries;
        self
    }

    /// Sets [`Policy::backoff`].
    #[must_use]
    pub fn backoff(mut self, base: Duration, max: Duration) -> Self {
        self.policy.backoff = Backoff { base, max };
        self
    }

    /// Sets [`enabled`](Self::enabled).
    #[must_use]
    pub fn enabled(mut self, enabled: bool) -> Self {
        self.enabled = enabled;
        self
    }

    /// Checks that a scheduler can follow this configuration.
    ///
    /// # Errors
    /// The first impossible value.
    pub fn validate(&self) -> Result<(), TaskConfigError> {
        self.schedule.validate()?;
        self.policy.validate()
    }
}

/// What is impossible in a [`TaskConfig`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TaskConfigError {
    /// A cron expression cannot be followed.
    #[error("the cron expression `{expression}` is invalid: {reason}")]
    Cron {
        /// The expression.
        expression: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The system does not know a time zone.
    #[error(
        "the time zone `{name}` is unknown; give an IANA name, such as `Europe/Berlin`, and make sure that the system's \
         time zone database is installed"
    )]
    TimeZone {
        /// The name that was given.
        name: String,
    },
    /// An interval is too short.
    #[error("an interval of {interval:?} is too short; the shortest is 1ms")]
    IntervalTooShort {
        /// The interval.
        interval: Duration,
    },
    /// The jitter is too long.
    #[error("a jitter of {jitter:?} is too long; it must be shorter than {period:?}")]
    JitterTooLong {
        /// The jitter.
        jitter: Duration,
        /// The interval, or a day for a cron expression.
        period: Duration,
    },
    /// The offset is too long.
    #[error("an offset of {offset:?} is too long; it must be shorter than {period:?}")]
    OffsetTooLong {
        /// The offset.
        offset: Duration,
        /// The interval, or a day for a cron expression.
        period: Duration,
    },
    /// The concurrency is zero.
    #[error("a concurrency of 0 would never run the task; to switch it off, disable it")]
    NoConcurrency,
    /// The timeout is zero.
    #[error("a timeout of 0s would end every run at once; leave it out for none")]
    NoTime,
    /// The number of missed runs to make up for is out of range.
    #[error("{max} missed runs cannot be made up for; give a number from 1 to 1000")]
    MissedOutOfRange {
        /// The number.
        max: u32,
    },
}
