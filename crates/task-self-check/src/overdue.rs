//! Which tasks are overdue.

use std::collections::HashMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use taskserver_core::{Recurrence, Schedule, TaskStatus};

use crate::SelfCheckOptions;

/// How it stands with a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It succeeds, or is not to be followed.
    Fine,
    /// Too early to tell: what was said of it before holds.
    Open,
    /// It has not succeeded for too long.
    Overdue,
}

/// Since when a task is watched.
struct Watched {
    since: Timestamp,
    is_followed: bool,
    /// Whether it was seen not to be followed before.
    resumed: bool,
}

/// What this process has seen of the tasks.
#[derive(Default)]
pub(crate) struct Watch(HashMap<String, Watched>);

impl Watch {
    /// Judges a task. `first_run` is the earliest scheduled time of it that is known.
    pub(crate) fn judge(
        &mut self,
        task: &TaskStatus,
        first_run: Option<Timestamp>,
        now: Timestamp,
        options: SelfCheckOptions,
    ) -> Verdict {
        let is_followed = task.enabled && !task.paused && task.schedule.recurrence != Recurrence::Manual;
        let watched = self.0.entry(task.name.clone()).or_insert(Watched { since: now, is_followed, resumed: false });
        if is_followed && !watched.is_followed {
            *watched = Watched { since: now, is_followed, resumed: true };
        }
        watched.is_followed = is_followed;
        if !is_followed {
            return Verdict::Fine;
        }
        let known = task.last_success.or(first_run).unwrap_or(watched.since);
        let counts_from = if watched.resumed { known.max(watched.since) } else { known };
        match latest_allowed(&task.schedule, now, options) {
            Some(latest) if counts_from < latest && before(now, options.grace) < watched.since => Verdict::Open,
            Some(latest) if counts_from < latest => Verdict::Overdue,
            _ => Verdict::Fine,
        }
    }
}

/// The scheduled time by which, or after which, a task must have succeeded; `None` if there have not been as many.
fn latest_allowed(schedule: &Schedule, now: Timestamp, options: SelfCheckOptions) -> Option<Timestamp> {
    let mut time = schedule.previous(before(before(now, options.grace), schedule.jitter))?;
    for _ in 1..options.intervals {
        time = schedule.previous(time.checked_sub(SignedDuration::from_nanos(1)).ok()?)?;
    }
    Some(time)
}

fn before(time: Timestamp, duration: Duration) -> Timestamp {
    time.checked_sub(duration).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use taskserver_core::TaskConfig;

    use super::*;

    fn latest(config: &TaskConfig, now: &str) -> String {
        let options = SelfCheckOptions { intervals: 3, grace: Duration::from_secs(300), ..SelfCheckOptions::default() };
        latest_allowed(&config.schedule, now.parse().unwrap(), options).unwrap().to_string()
    }

    #[test]
    fn scheduled_times_count_once_their_grace_and_jitter_have_passed() {
        let hourly = TaskConfig::every(Duration::from_secs(3600));
        assert_eq!(latest(&hourly, "2026-11-24T12:04:59Z"), "2026-11-24T09:00:00Z");
        assert_eq!(latest(&hourly, "2026-11-24T12:05:00Z"), "2026-11-24T10:00:00Z");
        let jittered = hourly.jitter(Duration::from_secs(600));
        assert_eq!(latest(&jittered, "2026-11-24T12:14:59Z"), "2026-11-24T09:00:00Z");
        assert_eq!(latest(&jittered, "2026-11-24T12:15:00Z"), "2026-11-24T10:00:00Z");
        let often = TaskConfig::every(Duration::from_secs(1));
        assert_eq!(latest(&often, "2026-11-24T12:05:00Z"), "2026-11-24T11:59:58Z");
    }

    #[test]
    fn a_cron_pattern_counts_by_its_own_times() {
        // On working days: on Monday, the third time back is that of Thursday.
        let weekdays = TaskConfig::cron_in("0 6 * * MON-FRI", "Europe/Berlin").unwrap();
        assert_eq!(latest(&weekdays, "2026-11-23T05:05:00Z"), "2026-11-19T05:00:00Z");
        assert_eq!(latest(&weekdays, "2026-11-23T05:04:00Z"), "2026-11-18T05:00:00Z");
    }
}
