//! The metrics of the queue. Their labels are bounded: queues that nobody here works on go by one name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use taskserver_core::Metrics;
use taskserver_core::prometheus_client::metrics::counter::Counter;
use taskserver_core::prometheus_client::metrics::family::Family;
use taskserver_core::prometheus_client::metrics::gauge::Gauge;
use taskserver_core::prometheus_client::metrics::histogram::Histogram;

use crate::{Depth, JobState};

type Labels<const N: usize> = [(&'static str, String); N];

/// The upper bounds of the histograms, in seconds.
const SECONDS: [f64; 12] = [0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 3600.0];

/// The label of every queue that nobody here works on.
const OTHER: &str = "other";

/// The states of jobs that are unfinished or dead.
const COUNTED: [JobState; 5] =
    [JobState::Scheduled, JobState::Waiting, JobState::Queued, JobState::Running, JobState::Dead];

pub(crate) struct QueueMetrics {
    enqueued: Family<Labels<1>, Counter>,
    finished: Family<Labels<2>, Counter>,
    duration: Family<Labels<1>, Histogram, fn() -> Histogram>,
    wait: Family<Labels<1>, Histogram, fn() -> Histogram>,
    depth: Family<Labels<2>, Gauge>,
    taken_over: Counter,
    /// The queues that are worked on here.
    queues: Mutex<BTreeSet<String>>,
}

impl QueueMetrics {
    pub(crate) fn register(metrics: &Metrics) -> Self {
        let histogram = || Family::new_with_constructor((|| Histogram::new(SECONDS)) as fn() -> Histogram);
        let this = Self {
            enqueued: Family::default(),
            finished: Family::default(),
            duration: histogram(),
            wait: histogram(),
            depth: Family::default(),
            taken_over: Counter::default(),
            queues: Mutex::default(),
        };
        let Self { enqueued, finished, duration, wait, depth, taken_over, .. } = &this;
        metrics.register("jobs_enqueued", "Jobs that this process has enqueued", enqueued.clone());
        metrics.register("jobs_finished", "Attempts of jobs that have ended here, by outcome", finished.clone());
        metrics.register("job_duration_seconds", "How long attempts took", duration.clone());
        metrics.register("job_wait_seconds", "How long jobs waited for a worker", wait.clone());
        metrics.register("jobs", "Jobs that are unfinished or dead, in the whole deployment", depth.clone());
        metrics.register(
            "jobs_taken_over",
            "Jobs of dead workers that this process made others' again",
            taken_over.clone(),
        );
        this
    }

    /// Gives a queue a label of its own, and counts it from zero.
    pub(crate) fn know(&self, queue: &str) {
        drop(self.enqueued.get_or_create(&[("queue", queue.to_owned())]));
        self.queues.lock().unwrap_or_else(PoisonError::into_inner).insert(queue.to_owned());
    }

    fn label(&self, queue: &str) -> String {
        let known = self.queues.lock().unwrap_or_else(PoisonError::into_inner).contains(queue);
        if known { queue } else { OTHER }.to_owned()
    }

    pub(crate) fn enqueued(&self, queue: &str) {
        self.enqueued.get_or_create(&[("queue", self.label(queue))]).inc();
    }

    pub(crate) fn waited(&self, queue: &str, time: Duration) {
        self.wait.get_or_create(&[("queue", self.label(queue))]).observe(time.as_secs_f64());
    }

    pub(crate) fn finished(&self, queue: &str, outcome: &str, duration: Duration) {
        let queue = self.label(queue);
        self.duration.get_or_create(&[("queue", queue.clone())]).observe(duration.as_secs_f64());
        self.finished.get_or_create(&[("queue", queue), ("outcome", outcome.to_owned())]).inc();
    }

    pub(crate) fn taken_over(&self, jobs: u64) {
        self.taken_over.inc_by(jobs);
    }

    pub(crate) fn depths(&self, depths: &[Depth]) {
        let queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let none = queues.iter().flat_map(|queue| COUNTED.map(|state| ((queue.clone(), state), 0)));
        let mut counts: BTreeMap<(String, JobState), u64> = none.collect();
        for depth in depths {
            *counts.entry((self.label(&depth.queue), depth.state)).or_default() += depth.jobs;
        }
        self.depth.clear();
        for ((queue, state), jobs) in counts {
            let jobs = i64::try_from(jobs).unwrap_or(i64::MAX);
            self.depth.get_or_create(&[("queue", queue), ("state", state.name().to_owned())]).set(jobs);
        }
    }
}
