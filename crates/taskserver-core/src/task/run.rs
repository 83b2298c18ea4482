//! The record of a run and the state of a task, as servers show and tools read them.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::{Policy, Schedule};
use crate::Change;

/// One run of a task, with all its attempts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// The id of this record.
    pub id: Uuid,
    /// The task's name.
    pub task: String,
    /// The time for which the run was scheduled: together with the task's name, the run's identity.
    pub scheduled: Timestamp,
    /// Why it took place.
    pub trigger: Trigger,
    /// When it began, or was skipped.
    pub started: Timestamp,
    /// When it ended; `None` while it is in progress.
    pub finished: Option<Timestamp>,
    /// How long it took, waits between attempts included; `None` while it is in progress.
    #[serde(rename = "durationSeconds", with = "seconds")]
    pub duration: Option<Duration>,
    /// The number of attempts so far.
    pub attempt: u32,
    /// The process that ran it, by its [name among the replicas](crate::AppBuilder::instance).
    #[serde(default)]
    pub instance: String,
    /// The term in which the leader ran it; `None` without an election, and for a task that runs on every replica.
    #[serde(default)]
    pub term: Option<u64>,
    /// How it ended; `None` while it is in progress.
    pub outcome: Option<Outcome>,
    /// Whether it ended as it did, or never began, only because its process was ending or ceased to lead. Then it does not
    /// stand for its scheduled time: that time is [missed](crate::Missed).
    #[serde(default)]
    pub interrupted: bool,
    /// Why it did not succeed: the error with its causes, the panic's message, or why it was skipped.
    pub error: Option<String>,
    /// The task's output; `null` for none.
    pub result: Value,
}

impl Run {
    pub(crate) fn new(task: &str, scheduled: Timestamp, trigger: Trigger, now: Timestamp) -> Self {
        Self {
            id: Uuid::new_v4(),
            task: task.to_owned(),
            scheduled,
            trigger,
            started: now,
            finished: None,
            duration: None,
            attempt: 0,
            instance: String::new(),
            term: None,
            outcome: None,
            interrupted: false,
            error: None,
            result: Value::Null,
        }
    }
}

/// Why a run takes place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Trigger {
    /// Its scheduled time came.
    Schedule,
    /// The scheduler started, and the task runs on start.
    Start,
    /// Somebody asked for it.
    Manual,
    /// Its scheduled time passed unnoticed; it is made up for.
    Missed,
}

impl Trigger {
    /// Its name in a trace.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Start => "start",
            Self::Manual => "manual",
            Self::Missed => "missed",
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// It returned its output.
    Succeeded,
    /// It returned an error.
    Failed,
    /// It took too long.
    TimedOut,
    /// It was cancelled.
    Cancelled,
    /// It panicked.
    Panicked,
    /// It never began.
    Skipped,
    /// It was in progress when its process died or ceased to lead: how it went on is not known.
    Lost,
}

impl Outcome {
    /// How runs end in the eyes of the process that ran or skipped them.
    pub(crate) const OF_ENDED: [Self; 6] =
        [Self::Succeeded, Self::Failed, Self::TimedOut, Self::Cancelled, Self::Panicked, Self::Skipped];

    /// Its name as the label of a metric, and in a trace.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
            Self::Cancelled => "cancelled",
            Self::Panicked => "panicked",
            Self::Skipped => "skipped",
            Self::Lost => "lost",
        }
    }
}

/// How many runs ended how, since the process began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunCounts {
    /// Runs that succeeded.
    pub succeeded: u64,
    /// Runs that failed.
    pub failed: u64,
    /// Runs that timed out.
    pub timed_out: u64,
    /// Runs that were cancelled.
    pub cancelled: u64,
    /// Runs that panicked.
    pub panicked: u64,
    /// Runs that were skipped.
    pub skipped: u64,
}

impl RunCounts {
    pub(crate) fn add(&mut self, outcome: Outcome) {
        let count = match outcome {
            Outcome::Succeeded => &mut self.succeeded,
            Outcome::Failed => &mut self.failed,
            Outcome::TimedOut => &mut self.timed_out,
            Outcome::Cancelled => &mut self.cancelled,
            Outcome::Panicked => &mut self.panicked,
            Outcome::Skipped => &mut self.skipped,
            // Found by another process than the one that counts.
            Outcome::Lost => return,
        };
        *count += 1;
    }
}

/// A task as it is now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskStatus {
    /// The task's name.
    pub name: String,
    /// When it runs.
    pub schedule: Schedule,
    /// How its runs are handled.
    pub policy: Policy,
    /// Whether the configuration lets the schedule be followed.
    pub enabled: bool,
    /// Whether it runs on every replica, and not on the leader alone.
    #[serde(default)]
    pub every_replica: bool,
    /// Whether somebody paused it.
    pub paused: bool,
    /// Who paused it, when and why; `None` if it was paused for this process alone.
    #[serde(default)]
    pub paused_by: Option<Change>,
    /// Who gave it other scheduled times than its configuration does; `None` if it follows those.
    #[serde(default)]
    pub rescheduled_by: Option<Change>,
    /// The runs in progress, oldest first.
    pub running: Vec<Run>,
    /// How many runs wait for one in progress to end.
    pub waiting: usize,
    /// The scheduled time of the next run; `None` while the schedule is not followed, as on a replica that does not lead.
    pub next_run: Option<Timestamp>,
    /// The run that ended last; one that was skipped does not count.
    pub last_run: Option<Run>,
    /// When a run last succeeded; in another process, the scheduled time of that run.
    pub last_success: Option<Timestamp>,
    /// How the runs since the process began ended.
    pub runs: RunCounts,
    /// How many scheduled times passed before their runs could start.
    pub missed: u64,
    /// How many runs in a row failed, panicked or timed out.
    pub consecutive_failures: u64,
}

/// A duration as a number of seconds.
mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        duration.map(|duration| duration.as_secs_f64()).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        let seconds = Option::<f64>::deserialize(deserializer)?;
        seconds.map(Duration::try_from_secs_f64).transpose().map_err(serde::de::Error::custom)
    }
}
