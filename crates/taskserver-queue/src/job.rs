//! What a job is: a struct with a name and a `run`.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;
use taskserver_core::Backoff;

use crate::JobContext;

/// What a job fails with: any error. It is tried again, unless it is a [`Permanent`] one.
pub type JobError = Box<dyn std::error::Error + Send + Sync>;

/// A unit of work that is handed over: its fields are what it is about, and are kept as JSON until it runs.
///
/// The [front page](crate) has an example, and what a job should keep in mind.
pub trait Job: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The name by which workers know it: lower-case letters, digits and hyphens, at most 63 characters. A job that is stored
    /// outlives the program, so that a name keeps its meaning.
    const NAME: &'static str;
    /// The queue that it goes to unless whoever enqueues it says otherwise.
    const QUEUE: &'static str = DEFAULT_QUEUE;
    /// Of the jobs of a queue, those with the least number come first.
    const PRIORITY: i16 = 0;
    /// How often it is tried again when an attempt failed, timed out, panicked, or died with its worker. With 0 it runs at most
    /// once.
    const RETRIES: u32 = DEFAULT_RETRIES;
    /// How long one attempt may take.
    const TIMEOUT: Duration = Duration::from_secs(10 * 60);
    /// How long to wait before it is tried again.
    const BACKOFF: Backoff = Backoff { base: Duration::from_secs(1), max: Duration::from_secs(60 * 60) };

    /// What it works with, such as a client of some service: given when the job is [registered](crate::Jobs::register).
    type Environment: Send + Sync + 'static;

    /// Does the work. Implement it as `async fn`.
    fn run(
        &self,
        environment: &Self::Environment,
        context: &JobContext,
    ) -> impl Future<Output = Result<(), JobError>> + Send;
}

/// The queue of jobs that name no other.
pub const DEFAULT_QUEUE: &str = "default";

/// How often jobs are tried again that say nothing else: the database's own default for rows that are inserted by hand, too.
pub const DEFAULT_RETRIES: u32 = 10;

/// An error after which trying again is of no use: the job is dead at once.
///
/// ```
/// # use taskserver_queue::{JobError, Permanent};
/// fn check(address: &str) -> Result<(), JobError> {
///     if !address.contains('@') {
///         return Err(Permanent::new(format!("`{address}` is no address")).into());
///     }
///     Ok(())
/// }
/// # assert!(check("nobody").is_err());
/// ```
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Permanent(#[source] JobError);

impl Permanent {
    /// Marks an error, or a reason, as permanent.
    pub fn new(error: impl Into<JobError>) -> Self {
        Self(error.into())
    }
}

/// A kind of job whose type is erased: what a worker needs to run one from its payload.
#[derive(Clone)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) queue: &'static str,
    pub(crate) timeout: Duration,
    pub(crate) backoff: Backoff,
    run: Arc<Run>,
}

type Run = dyn Fn(String, Arc<JobContext>) -> BoxFuture<'static, Result<(), JobError>> + Send + Sync;

impl Kind {
    pub(crate) fn new<J: Job>(environment: J::Environment) -> Self {
        let environment = Arc::new(environment);
        let run = move |payload: String, context: Arc<JobContext>| -> BoxFuture<'static, Result<(), JobError>> {
            let environment = Arc::clone(&environment);
            Box::pin(async move {
                // What cannot be read will not be readable the next time either, by this version of the program; a newer
                // one may know better, so that it is tried again as any other failure.
                let job: J = serde_json::from_str(&payload)
                    .map_err(|error| format!("the payload is not what the job `{}` takes: {error}", J::NAME))?;
                job.run(&environment, &context).await
            })
        };
        Self { name: J::NAME, queue: J::QUEUE, timeout: J::TIMEOUT, backoff: J::BACKOFF, run: Arc::new(run) }
    }

    pub(crate) fn run(&self, payload: String, context: Arc<JobContext>) -> BoxFuture<'static, Result<(), JobError>> {
        (self.run)(payload, context)
    }
}
