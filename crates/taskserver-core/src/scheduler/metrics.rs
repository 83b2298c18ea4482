//! The metrics of the tasks.
//!
//! What is counted, this process has done, and keeps. What is a task's state is told only by the process whose turn it is, the
//! leader for most: the last of a former leader would stay for ever.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;

use super::entry::{Entry, Standing};
use super::runner::Core;
use crate::task::{Outcome, Run};
use crate::{Metrics, Observed};

/// Upper bounds in seconds: from a query that takes no time to a run of a quarter of an hour.
const DURATIONS: [f64; 12] = [0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 900.0];

/// Upper bounds in seconds. The driver wakes on time; what runs can wait for is other runs.
const LATENESS: [f64; 9] = [0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0];

type Timings = Family<[(&'static str, String); 1], Histogram, fn() -> Histogram>;

/// What is counted.
pub(super) struct TaskMetrics {
    runs: Family<[(&'static str, String); 2], Counter>,
    durations: Timings,
    lateness: Timings,
}

impl TaskMetrics {
    pub(super) fn register(metrics: &Metrics) -> Self {
        let this = Self {
            runs: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(DURATIONS)),
            lateness: Family::new_with_constructor(|| Histogram::new(LATENESS)),
        };
        metrics.register("task_runs", "Runs of tasks that ended here, by outcome", this.runs.clone());
        let help = "How long runs took, waits between their attempts included";
        metrics.register("task_run_duration_seconds", help, this.durations.clone());
        let help = "How long after their scheduled time, and its jitter, runs began";
        metrics.register("task_run_lateness_seconds", help, this.lateness.clone());
        this
    }

    /// Lets a task be counted: from zero, so that its first failure is seen to be one more.
    pub(super) fn know(&self, task: &str) {
        for outcome in Outcome::OF_ENDED {
            drop(self.runs.get_or_create(&labels(task, outcome)));
        }
    }

    /// A run that was due begins.
    pub(super) fn began(&self, run: &Run, lateness: f64) {
        self.lateness.get_or_create(&[("task", run.task.clone())]).observe(lateness.max(0.0));
    }

    /// A run has ended, or was skipped.
    pub(super) fn ended(&self, run: &Run) {
        let Some(outcome) = run.outcome else { return };
        self.runs.get_or_create(&labels(&run.task, outcome)).inc();
        if let Some(duration) = run.duration.filter(|_| outcome != Outcome::Skipped) {
            self.durations.get_or_create(&[("task", run.task.clone())]).observe(duration.as_secs_f64());
        }
    }
}

fn labels(task: &str, outcome: Outcome) -> [(&'static str, String); 2] {
    [("task", task.to_owned()), ("outcome", outcome.label().to_owned())]
}

/// Registers what these tasks, and the history of their runs, tell of themselves.
pub(super) fn observe(core: &Arc<Core>, tasks: &BTreeMap<String, Arc<Entry>>, metrics: &Metrics) {
    // Weak: tasks may hold metrics.
    let tasks: Arc<[Weak<Entry>]> = tasks.values().map(Arc::downgrade).collect();
    type Gauge = (&'static str, &'static str, fn(&Standing) -> Option<f64>);
    let gauges: [Gauge; 7] = [
        ("task_running", "Runs in progress", |task| Some(task.running as f64)),
        ("task_paused", "Whether somebody paused the task", |task| Some(f64::from(u8::from(task.paused)))),
        ("task_consecutive_failures", "Runs in a row that failed, panicked or timed out", |task| {
            Some(task.consecutive_failures as f64)
        }),
        ("task_last_run_timestamp_seconds", "When the run that ended last began", |task| task.last_run),
        ("task_last_success_timestamp_seconds", "When a run last succeeded", |task| task.last_success),
        ("task_next_run_timestamp_seconds", "When the next run is due", |task| task.next_run),
        ("task_interval_seconds", "How long it is from the next run to the one after it", |task| task.interval),
    ];
    for (name, help, value) in gauges {
        let tasks = Arc::clone(&tasks);
        let observe = move || {
            let sample = |entry: Arc<Entry>| {
                let standing = entry.lock().standing()?;
                Some((vec![("task", entry.name.as_ref().to_owned())], value(&standing)?))
            };
            tasks.iter().filter_map(Weak::upgrade).filter_map(sample).collect()
        };
        metrics.register(name, help, Observed::gauge(observe));
    }
    let core = Arc::downgrade(core);
    let failures = move || {
        let failures = core.upgrade().map(|core| core.history_failures.load(Ordering::Relaxed));
        failures.map(|failures| (vec![], failures as f64)).into_iter().collect()
    };
    let help = "How many times the run history could not be written";
    metrics.register("task_history_failures", help, Observed::counter(failures));
}
