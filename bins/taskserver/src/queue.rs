//! The queue of jobs, as the settings have it, and the job that every server knows.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use taskserver_config::settings;
use taskserver_core::Metrics;
use taskserver_queue::{
    Job, JobContext, JobError, JobRetention, JobStoreError, Notifier, Queue, QueueLimits, SqlJobs, Woken, WorkerOptions,
};
use taskserver_redis::Redis;
use taskserver_store::{Backend, Store};

/// The channel over which replicas tell each other of jobs, where PostgreSQL does not.
const CHANNEL: &str = "taskserver-job";

/// The queue in the database, whose workers tell each other of jobs through Redis, if it is used.
pub(crate) fn queue(settings: &settings::Queue, store: &Store, redis: Option<&Redis>, metrics: &Metrics) -> Queue {
    let jobs = SqlJobs::new(store).keep_succeeded(settings.keep_succeeded);
    let redis = redis.filter(|_| store.backend() != Backend::Postgres);
    let notifier = redis.map(|redis| Arc::new(RedisNotifier(redis.clone())) as Arc<dyn Notifier>);
    let queue = Queue::notifying(jobs, notifier, metrics);
    queue.limit(limits(settings));
    queue
}

struct RedisNotifier(Redis);

#[async_trait]
impl Notifier for RedisNotifier {
    async fn notify(&self, queue: &str) -> Result<(), JobStoreError> {
        Ok(self.0.publish(CHANNEL, queue).await?)
    }

    async fn listen(&self, woken: &Woken) -> Result<(), JobStoreError> {
        Ok(self.0.listen(CHANNEL, woken).await?)
    }
}

pub(crate) fn retention(settings: &settings::Queue) -> JobRetention {
    JobRetention { finished: settings.retention, dead: settings.dead_retention }
}

pub(crate) fn limits(settings: &settings::Queue) -> QueueLimits {
    QueueLimits { max_jobs: settings.max_jobs, max_payload_bytes: settings.max_payload_bytes }
}

pub(crate) fn worker_options(settings: &settings::Queue) -> WorkerOptions {
    let concurrency = |queue: &settings::NamedQueue| queue.concurrency.unwrap_or(settings.concurrency);
    WorkerOptions {
        concurrency: settings.concurrency,
        queues: settings.queues.iter().map(|(name, queue)| (name.clone(), concurrency(queue))).collect(),
        poll_interval: settings.poll_interval,
        lease: settings.lease,
        batch_size: settings.batch_size,
        ..WorkerOptions::default()
    }
}

/// Writes a message to the log of whichever replica takes it: shows that the queue works, and how a job is written.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LogMessage {
    pub(crate) message: String,
}

impl Job for LogMessage {
    const NAME: &'static str = "log-message";
    type Environment = ();

    async fn run(&self, (): &(), _: &JobContext) -> Result<(), JobError> {
        tracing::info!("{}", self.message);
        Ok(())
    }
}
