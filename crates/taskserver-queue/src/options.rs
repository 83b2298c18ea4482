//! How the workers of a process work, which can change while they do.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::watch;

/// How the workers of a process work.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// How many jobs one statement takes, ends or renews at most. Default: 500, enough to make little of the statement's own cost.
    pub batch_size: u32,
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
            batch_size: 500,
            count_interval: Duration::from_secs(15),
        }
    }
}

impl WorkerOptions {
    /// How many jobs of a queue run here at once; `is_known` says whether a kind of job goes there by itself.
    pub(crate) fn concurrency_of(&self, queue: &str, is_known: bool) -> usize {
        self.queues.get(queue).copied().unwrap_or(if is_known { self.concurrency } else { 0 })
    }
}

/// Changes how workers work while they do.
#[derive(Debug, Clone)]
pub struct WorkerControl(watch::Sender<WorkerOptions>);

impl WorkerControl {
    pub(crate) fn new(options: WorkerOptions) -> Self {
        Self(watch::Sender::new(options))
    }

    /// Lets the workers go on like this. Where there are to be fewer slots, jobs that run are left alone. A shorter lease holds for
    /// what is taken from now on.
    pub fn set(&self, options: WorkerOptions) {
        self.0.send_if_modified(|current| {
            let is_new = *current != options;
            *current = options;
            is_new
        });
    }

    pub(crate) fn options(&self) -> WorkerOptions {
        self.0.borrow().clone()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<WorkerOptions> {
        self.0.subscribe()
    }
}
