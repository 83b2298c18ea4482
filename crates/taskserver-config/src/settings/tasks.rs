use std::time::Duration;

use serde::Deserialize;

/// Section `tasks.<name>`: what configuration overrides of a task's own schedule and policy.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// Whether the task runs on its schedule.
    pub enabled: Option<bool>,
    /// Run at this interval. Never set together with `cron`.
    pub every: Option<Duration>,
    /// Run at the times of this cron pattern (five fields, or six with seconds first). Never set together with `every`.
    pub cron: Option<String>,
    /// The IANA time zone that `cron` is read in.
    pub time_zone: Option<String>,
    /// Whether the task also runs when the server starts.
    pub run_on_start: Option<bool>,
    /// Each run is delayed by a random time of at most this.
    pub jitter: Option<Duration>,
    /// Every run is delayed by this.
    pub offset: Option<Duration>,
    /// How many runs may be in progress at once.
    pub concurrency: Option<u32>,
    /// What happens when a run is due while as many as may be are in progress.
    pub overlap: Option<Overlap>,
    /// What happens to runs that were missed.
    pub missed: Option<Missed>,
    /// The most missed runs that are made up for.
    pub missed_max: Option<u32>,
    /// How long one attempt may take.
    pub timeout: Option<Duration>,
    /// How many times a failed run is tried again.
    pub retries: Option<u32>,
    /// The wait before the first retry; it doubles with each.
    pub retry_backoff: Option<Duration>,
    /// The longest wait between retries.
    pub retry_backoff_max: Option<Duration>,
}

/// What happens when a run is due while as many as may be are in progress.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// The new run is left out.
    Skip,
    /// The new run waits; at most one does.
    Queue,
    /// The oldest run is cancelled.
    Cancel,
}

/// What happens to runs that were missed, because the server was down or busy.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Missed {
    /// They are left out.
    Skip,
    /// One run stands for all of them.
    Once,
    /// Each is run, up to `missed_max`.
    All,
}
