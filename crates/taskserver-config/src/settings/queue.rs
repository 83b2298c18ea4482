use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;

/// Section `queue`: the jobs that are handed over, and how this replica works on them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Queue {
    /// Whether this replica works on jobs at all.
    pub enabled: bool,
    /// How many jobs of each queue run here at once.
    pub concurrency: usize,
    /// How often to look for jobs where nothing tells of them.
    pub poll_interval: Duration,
    /// How long a job belongs to a worker that shows no sign of life.
    pub lease: Duration,
    /// How many jobs one statement takes, ends or renews at most.
    pub batch_size: u32,
    /// How many jobs may be enqueued at once.
    pub max_jobs: usize,
    /// How many bytes the payload of a job may have.
    pub max_payload_bytes: usize,
    /// Whether jobs that succeeded are kept at all.
    pub keep_succeeded: bool,
    /// How long jobs are kept that succeeded or were cancelled; for ever, when none.
    pub retention: Option<Duration>,
    /// How long dead jobs are kept; for ever, when none.
    pub dead_retention: Option<Duration>,
    /// What is different for single queues, by their names.
    #[serde(default)]
    pub queues: BTreeMap<String, NamedQueue>,
}

/// Section `queue.queues.<name>`: one queue.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamedQueue {
    /// How many jobs of the queue run here at once; `queue.concurrency`, when none. With 0, it is left to other replicas.
    pub concurrency: Option<usize>,
}
