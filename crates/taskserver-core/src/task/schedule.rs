//! When a task runs: the arithmetic of scheduled times.
//!
//! Scheduled times are a pure function of the schedule, so that every replica and every restart agrees on them: intervals are
//! counted from the Unix epoch, not from the start of the process. Jitter moves the start of a run, never its scheduled time.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Cron, TaskConfigError};

/// When a task runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Schedule {
    /// The scheduled times, before the offset.
    pub recurrence: Recurrence,
    /// Whether the task also runs as soon as the scheduler starts, or this process begins to lead. That run takes the latest
    /// scheduled time that has passed (now, for a task without any), so that a restart within one interval repeats a run's
    /// identity instead of adding one. It stands for the runs that were missed before it, unless [each of them is made up
    /// for](crate::Missed::All), and is left out where the run history has a run of that time that succeeded.
    pub run_on_start: bool,
    /// The longest random delay of a run's start after its scheduled time. A run always starts before the next scheduled time.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub jitter: Duration,
    /// By how much all scheduled times are moved, so that tasks with equal schedules do not fire together.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub offset: Duration,
}

/// How scheduled times recur.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Recurrence {
    /// At every multiple of the interval since the Unix epoch.
    Interval {
        /// The interval, at least a millisecond.
        #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
        every: Duration,
    },
    /// At the times of a cron expression.
    Cron(Cron),
    /// Only when asked to.
    Manual,
}

const SHORTEST_INTERVAL: Duration = Duration::from_millis(1);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Schedule {
    /// A schedule without jitter and offset, which does not run on start.
    #[must_use]
    pub fn new(recurrence: Recurrence) -> Self {
        Self { recurrence, run_on_start: false, jitter: Duration::ZERO, offset: Duration::ZERO }
    }

    /// The first scheduled time after `after`; `None` if there is none.
    ///
    /// ```
    /// use std::time::Duration;
    /// use taskserver_core::{Recurrence, Schedule};
    ///
    /// let schedule = Schedule::new(Recurrence::Interval { every: Duration::from_secs(1800) });
    /// let next = schedule.next("2026-01-01T10:00:00Z".parse().unwrap()).unwrap();
    /// assert_eq!(next.to_string(), "2026-01-01T10:30:00Z");
    /// ```
    #[must_use]
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        match &self.recurrence {
            Recurrence::Interval { every } => self.aligned(*every, after, 1),
            Recurrence::Cron(cron) => self.add_offset(cron.next(self.subtract_offset(after)?)?),
            Recurrence::Manual => None,
        }
    }

    /// The latest scheduled time at or before `at`; `None` if there is none.
    #[must_use]
    pub fn previous(&self, at: Timestamp) -> Option<Timestamp> {
        match &self.recurrence {
            Recurrence::Interval { every } => self.aligned(*every, at, 0),
            Recurrence::Cron(cron) => self.add_offset(cron.previous(self.subtract_offset(at)?)?),
            Recurrence::Manual => None,
        }
    }

    /// When the run of `task` with this scheduled time starts: the scheduled time and the jitter, which is the same for the
    /// same run, however often it is asked for.
    #[must_use]
    pub fn start_of(&self, task: &str, scheduled: Timestamp) -> Timestamp {
        let Some(limit) = self.jitter_limit(scheduled) else { return scheduled };
        let jitter = SignedDuration::from_nanos_i128(scale(fraction(task, scheduled, 0), limit.as_nanos()));
        scheduled.checked_add(jitter).unwrap_or(scheduled)
    }

    pub(super) fn validate(&self) -> Result<(), TaskConfigError> {
        let period = match &self.recurrence {
            Recurrence::Interval { every } if *every < SHORTEST_INTERVAL => {
                return Err(TaskConfigError::IntervalTooShort { interval: *every });
            }
            Recurrence::Interval { every } => *every,
            Recurrence::Cron(_) => DAY,
            Recurrence::Manual => return Ok(()),
        };
        if self.jitter >= period {
            return Err(TaskConfigError::JitterTooLong { jitter: self.jitter, period });
        }
        if self.offset >= period {
            return Err(TaskConfigError::OffsetTooLong { offset: self.offset, period });
        }
        Ok(())
    }

    /// The scheduled time `steps` intervals after the latest at or before `at`.
    fn aligned(&self, every: Duration, at: Timestamp, steps: i128) -> Option<Timestamp> {
        let every = i128::try_from(every.as_nanos()).ok().filter(|every| *every > 0)?;
        let offset = i128::try_from(self.offset.as_nanos()).ok()?;
        let index = (at.as_nanosecond() - offset).div_euclid(every) + steps;
        Timestamp::from_nanosecond(index.checked_mul(every)?.checked_add(offset)?).ok()
    }

    fn add_offset(&self, time: Timestamp) -> Option<Timestamp> {
        time.checked_add(SignedDuration::try_from(self.offset).ok()?).ok()
    }

    fn subtract_offset(&self, time: Timestamp) -> Option<Timestamp> {
        time.checked_sub(SignedDuration::try_from(self.offset).ok()?).ok()
    }

    /// What the jitter of this run stays below, if it has any: the jitter, and the time until the next scheduled time, which
    /// an irregular cron expression may make shorter.
    fn jitter_limit(&self, scheduled: Timestamp) -> Option<Duration> {
        if self.jitter.is_zero() {
            return None;
        }
        let gap = self.next(scheduled).and_then(|next| Duration::try_from(next.duration_since(scheduled)).ok());
        Some(gap.map_or(self.jitter, |gap| gap.min(self.jitter)))
    }
}

/// A number that is spread evenly over all of `u64` and always the same for the same attempt of the same run.
pub(super) fn fraction(task: &str, scheduled: Timestamp, attempt: u32) -> u64 {
    let mut hasher = DefaultHasher::new();
    (task, scheduled.as_nanosecond(), attempt).hash(&mut hasher);
    hasher.finish()
}

/// The part of `limit` that `fraction` is of [`u64::MAX`]: at least zero and less than `limit`.
pub(super) fn scale(fraction: u64, limit: u128) -> i128 {
    // A limit below 2^64 ns (584 years) cannot overflow; a longer one is cut.
    let limit = u64::try_from(limit).unwrap_or(u64::MAX);
    i128::try_from((u128::from(fraction) * u128::from(limit)) >> 64).unwrap_or_default()
}
