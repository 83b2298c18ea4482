//! How the workers of a process work.

use std::collections::BTreeMap;
use std::time::Duration;

/// How the workers of a process work.
#[derive(Debug, Clone)]
pub struct WorkerOptions {
    /// How many jobs of each queue run here at once, where [`queues`](Self::queues) does not say. Default: 10.
    pub concurrency: usize,
    /// How many jobs of these queues run here at once. Queues that are named here are worked on even if no kind of job goes there
    /// by itself; with 0, a queue is left to other replicas.
    pub queues: BTreeMap<String, usize>,
    /// How often to look for jobs where nothing tells of them, and for those whose time has come. Default: one second.
    pub poll_interval: Duration,
    /// How long an attempt belongs to its worker without a renewal: so long after a worker has died, its jobs are taken over.
    /// Attempts are renewed three times as often. Default: 30 seconds.
    pub lease: Duration,
    /// How often the jobs are counted, for metrics and health. Default: 15 seconds.
    pub count_interval: Duration,
}

impl Default for WorkerOptions {
    fn default() -> Self {
        Self {
            concurrency: 10,
            queues: BTreeMap::new(),
            poll_interval: Duration::from_secs(1),
            lease: Duration::from_secs(30),
            count_interval: Duration::from_secs(15),
        }
    }
}
