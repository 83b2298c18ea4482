//! The handle through which jobs are enqueued, cancelled and retried.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use taskserver_core::Metrics;
use tokio::sync::Notify;

use crate::metrics::QueueMetrics;
use crate::new_job::MAX_PAYLOAD;
use crate::{Enqueued, Job, JobState, JobStore, JobStoreError, NewJob, Notifier, QueueError, When};

/// What may be enqueued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueLimits {
    /// How many jobs one call may enqueue.
    pub max_jobs: usize,
    /// How many bytes the payload of a job may have, as JSON. More than [`MAX_PAYLOAD`] are never stored.
    pub max_payload_bytes: usize,
}

impl Default for QueueLimits {
    /// 10,000 jobs, of as many bytes as can be stored.
    fn default() -> Self {
        Self { max_jobs: 10_000, max_payload_bytes: MAX_PAYLOAD }
    }
}

/// The queue of a deployment: every process that shares the store of its jobs shares the queue. Cloning is cheap.
#[derive(Clone)]
pub struct Queue(Arc<Inner>);

struct Inner {
    store: Arc<dyn JobStore>,
    notifier: Option<Arc<dyn Notifier>>,
    wakes: Wakes,
    metrics: QueueMetrics,
    limits: Mutex<QueueLimits>,
}

impl Queue {
    /// A queue over this store, with metrics of its own in the registry.
    #[must_use]
    pub fn new(store: impl JobStore, metrics: &Metrics) -> Self {
        Self::notifying(store, None, metrics)
    }

    /// The same, with what tells other processes of jobs.
    #[must_use]
    pub fn notifying(store: impl JobStore, notifier: Option<Arc<dyn Notifier>>, metrics: &Metrics) -> Self {
        let metrics = QueueMetrics::register(metrics);
        let (wakes, limits) = (Wakes::default(), Mutex::default());
        Self(Arc::new(Inner { store: Arc::new(store), notifier, wakes, metrics, limits }))
    }

    /// Lets no more than this be enqueued from now on, through any clone of the queue.
    pub fn limit(&self, limits: QueueLimits) {
        *self.0.limits.lock().unwrap_or_else(PoisonError::into_inner) = limits;
    }

    /// Enqueues a job as its type says.
    ///
    /// # Errors
    /// Any [`QueueError`]. After one of the store's it is not known whether the job was enqueued.
    pub async fn enqueue<J: Job>(&self, job: &J) -> Result<Enqueued, QueueError> {
        self.enqueue_one(NewJob::of(job)?).await
    }

    /// Enqueues a job with a delay, a priority, a unique key and so on.
    ///
    /// # Errors
    /// As [`enqueue`](Self::enqueue).
    pub async fn enqueue_one(&self, job: NewJob) -> Result<Enqueued, QueueError> {
        let id = job.id.clone();
        let enqueued = self.enqueue_all(vec![job]).await?;
        enqueued.into_iter().next().ok_or(QueueError::NotFound(id))
    }

    /// Enqueues jobs, all or none, in as few statements as can be.
    ///
    /// # Errors
    /// As [`enqueue`](Self::enqueue).
    pub async fn enqueue_all(&self, jobs: Vec<NewJob>) -> Result<Vec<Enqueued>, QueueError> {
        let QueueLimits { max_jobs, max_payload_bytes } = *self.0.limits.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(first), true) = (jobs.first(), jobs.len() > max_jobs) {
            let reason = format!("{} jobs are enqueued at once; at most {max_jobs} may be", jobs.len());
            return Err(QueueError::Invalid { name: first.name.clone(), reason });
        }
        jobs.iter().try_for_each(|job| job.check(max_payload_bytes))?;
        let enqueued = self.0.store.enqueue(&jobs).await.map_err(QueueError::Store)?;
        for (job, enqueued) in jobs.iter().zip(&enqueued) {
            if !enqueued.duplicate {
                self.0.metrics.enqueued(&job.queue);
            }
        }
        let ready = jobs.iter().zip(&enqueued).filter(|(job, enqueued)| job.when == When::Now && !enqueued.duplicate);
        self.wake(&ready.map(|(job, _)| job.queue.as_str()).collect()).await;
        Ok(enqueued)
    }

    /// Cancels a job. An attempt that runs is told, wherever it runs, when its lease is next renewed; what it does after this
    /// call is refused, as far as it is fenced.
    ///
    /// # Errors
    /// [`QueueError::NotFound`], [`QueueError::State`] where it has come to its end, or the store's.
    pub async fn cancel(&self, id: &str) -> Result<(), QueueError> {
        let found = self.0.store.cancel(id).await;
        let may = |state| !matches!(state, JobState::Succeeded | JobState::Dead | JobState::Cancelled);
        changed(id, found, may, "it has come to its end, and there is nothing to cancel")
    }

    /// Runs a job that is dead or cancelled once more, or one that is scheduled at once.
    ///
    /// # Errors
    /// [`QueueError::NotFound`], [`QueueError::State`] where it needs no retry, or the store's.
    pub async fn retry(&self, id: &str) -> Result<(), QueueError> {
        let found = self.0.store.retry(id).await;
        let may = |state| matches!(state, JobState::Dead | JobState::Cancelled | JobState::Scheduled);
        changed(id, found, may, "only what is dead, cancelled or scheduled can be retried; enqueue another one")
    }

    /// Wakes the workers of these queues, here and elsewhere.
    pub(crate) async fn wake(&self, queues: &BTreeSet<&str>) {
        for queue in queues {
            self.0.wakes.wake(queue);
            if let Some(notifier) = &self.0.notifier
                && let Err(error) = notifier.notify(queue).await
            {
                tracing::debug!(queue, error, "other replicas were not told of jobs; they will find them by looking");
            }
        }
    }

    pub(crate) fn notifier(&self) -> Option<&dyn Notifier> {
        self.0.notifier.as_deref()
    }

    pub(crate) fn store(&self) -> &dyn JobStore {
        &*self.0.store
    }

    pub(crate) fn wakes(&self) -> &Wakes {
        &self.0.wakes
    }

    pub(crate) fn metrics(&self) -> &QueueMetrics {
        &self.0.metrics
    }
}

fn changed(
    id: &str,
    found: Result<Option<JobState>, JobStoreError>,
    may: impl Fn(JobState) -> bool,
    advice: &'static str,
) -> Result<(), QueueError> {
    match found.map_err(QueueError::Store)? {
        None => Err(QueueError::NotFound(id.to_owned())),
        Some(state) if may(state) => Ok(()),
        Some(state) => Err(QueueError::State { id: id.to_owned(), state: state.to_string(), advice }),
    }
}

/// Wakes the workers of this process.
#[derive(Default)]
pub(crate) struct Wakes(Mutex<BTreeMap<String, Arc<Notify>>>);

impl Wakes {
    /// What is notified when jobs of a queue become ready.
    pub(crate) fn of(&self, queue: &str) -> Arc<Notify> {
        let mut queues = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(queues.entry(queue.to_owned()).or_default())
    }

    /// A queue that nobody here works on is passed over.
    pub(crate) fn wake(&self, queue: &str) {
        let queues = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(notify) = queues.get(queue) {
            notify.notify_one();
        }
    }
}
