//! Where jobs are kept: the port to a database.
//!
//! A store decides by one clock, its own, so that the clocks of replicas need not agree. Whatever it changes about a job that
//! runs is fenced by the attempt: it counts only while the job is running in that very attempt.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::NewJob;

/// What a [`JobStore`] fails with: any error.
pub type JobStoreError = Box<dyn std::error::Error + Send + Sync>;

/// How it stands with a job. The [front page](crate#the-life-of-a-job) shows how one becomes another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// Its time has not come: it was enqueued with a delay, or failed and will be tried again.
    Scheduled,
    /// It waits for a batch to end.
    Waiting,
    /// It waits for a worker.
    Queued,
    /// A worker has taken it.
    Running,
    /// It succeeded.
    Succeeded,
    /// It failed, and is not tried again unless somebody asks for it: a dead letter.
    Dead,
    /// Somebody cancelled it.
    Cancelled,
}

impl JobState {
    /// Every state.
    pub const ALL: [Self; 7] =
        [Self::Scheduled, Self::Waiting, Self::Queued, Self::Running, Self::Succeeded, Self::Dead, Self::Cancelled];

    /// The state's name, such as `queued`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Waiting => "waiting",
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Dead => "dead",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The identity of one attempt of one job. The number grows with every attempt, whoever makes it: it is the fence.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttemptId {
    /// The job's id.
    pub job: Arc<str>,
    /// The number of the attempt; the first is 1.
    pub number: u32,
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "attempt {} of the job `{}`", self.number, self.job)
    }
}

/// A job that was enqueued, or found to be there already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enqueued {
    /// The id: of the earlier job, if this one would have been its duplicate.
    pub id: String,
    /// Whether there was such a job already, so that none was enqueued.
    pub duplicate: bool,
}

/// What a worker asks for.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    /// The queue.
    pub queue: &'a str,
    /// The kinds that the worker knows. Others stay where they are, for a replica that knows them.
    pub names: &'a [&'static str],
    /// How many at most.
    pub limit: usize,
    /// Who asks: the process among its replicas.
    pub worker: &'a str,
    /// How long the attempts belong to the worker unless it renews them.
    pub lease: Duration,
}

/// A job that was taken.
#[derive(Debug, Clone)]
pub struct Taken {
    /// The attempt, which begins now.
    pub attempt: AttemptId,
    /// The job's name.
    pub name: String,
    /// What it is about, as JSON.
    pub payload: String,
    /// How many attempts it gets.
    pub max_attempts: u32,
    /// How long it has waited since it could have run.
    pub waited: Duration,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The job has succeeded.
    Succeeded,
    /// It is to be tried again after a while.
    Retry {
        /// After how long.
        after: Duration,
        /// What went wrong.
        error: String,
    },
    /// It is not to be tried again.
    Dead {
        /// What went wrong.
        error: String,
    },
    /// The worker had to stop before the attempt came to its end, which is not the job's fault.
    GivenBack,
}

/// What a look after the jobs has changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tended {
    /// The queues in which jobs became ready to run.
    pub ready: Vec<String>,
    /// How many jobs were taken from dead workers to be tried again.
    pub taken_over: u64,
    /// How many jobs died with their worker in their last attempt.
    pub dead: u64,
}

/// How many jobs there are of a kind, in a queue, in a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Depth {
    /// The queue.
    pub queue: String,
    /// The name of the kind.
    pub name: String,
    /// The state.
    pub state: JobState,
    /// How many.
    pub jobs: u64,
}

/// What is called with the name of a queue in which jobs became ready.
pub type Woken = dyn Fn(&str) + Send + Sync;

/// Tells the workers of other processes that jobs are ready, where their store itself does not. What is not told, or not heard,
/// they find by looking, a little later.
#[async_trait]
pub trait Notifier: Send + Sync + 'static {
    /// Tells of jobs in a queue.
    async fn notify(&self, queue: &str) -> Result<(), JobStoreError>;

    /// Calls `woken` with the name of each queue that is told of, until the connection is lost.
    async fn listen(&self, woken: &Woken) -> Result<(), JobStoreError>;
}

/// Where jobs are kept.
///
/// A call that is dropped or fails may have taken effect: what was taken by nobody comes back when its lease has expired, and an
/// end may be told again.
#[async_trait]
pub trait JobStore: Send + Sync + 'static {
    /// Stores jobs, all or none, which are known to be valid; answers in their order.
    async fn enqueue(&self, jobs: &[NewJob]) -> Result<Vec<Enqueued>, JobStoreError>;

    /// Takes jobs that are ready, in the order of their priority and time, and begins an attempt of each.
    async fn take(&self, wanted: &Wanted<'_>) -> Result<Vec<Taken>, JobStoreError>;

    /// Stores how attempts ended. Answers those that were refused, because the job is no longer theirs.
    async fn finish(&self, ends: &[(AttemptId, End)]) -> Result<Vec<AttemptId>, JobStoreError>;

    /// Renews the leases of attempts. Answers those that are no longer the worker's.
    async fn renew(&self, attempts: &[AttemptId], lease: Duration) -> Result<Vec<AttemptId>, JobStoreError>;

    /// Readies the jobs whose time has come, or whose batch has ended, and takes over those of dead workers.
    async fn tend(&self) -> Result<Tended, JobStoreError>;

    /// Counts the jobs that have not come to their end, and the dead.
    async fn depths(&self) -> Result<Vec<Depth>, JobStoreError>;

    /// Cancels a job that has not come to its end; answers the state in which it was found, `None` where there is no such job.
    /// A job that runs is refused its end from then on.
    async fn cancel(&self, id: &str) -> Result<Option<JobState>, JobStoreError>;

    /// Readies a job that is dead, cancelled or not yet due, with an attempt to spare; answers as [`cancel`](Self::cancel).
    async fn retry(&self, id: &str) -> Result<Option<JobState>, JobStoreError>;

    /// Calls `woken` with the name of each queue in which jobs become ready, for as long as it is not dropped. A store that
    /// cannot tell never answers.
    async fn listen(&self, woken: &Woken) -> Result<(), JobStoreError> {
        let _ = woken;
        std::future::pending().await
    }
}
