//! What an attempt knows of itself.

use std::sync::atomic::{AtomicBool, Ordering};

use taskserver_core::App;
use tokio_util::sync::CancellationToken;

use crate::{AttemptId, Queue};

/// What an attempt is given: the app, its own identity, and word of its end.
pub struct JobContext {
    pub(crate) app: App,
    pub(crate) queue: Queue,
    pub(crate) attempt: AttemptId,
    pub(crate) max_attempts: u32,
    pub(crate) cancellation: CancellationToken,
    /// The job was completed together with its effects.
    pub(crate) completed: AtomicBool,
}

impl JobContext {
    /// The app that the workers belong to.
    #[must_use]
    pub fn app(&self) -> &App {
        &self.app
    }

    /// The queue, to enqueue further jobs.
    #[must_use]
    pub fn queue(&self) -> &Queue {
        &self.queue
    }

    /// The job's id: the same in every attempt. As an idempotency key it keeps a service outside from doing a thing twice.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.attempt.job
    }

    /// Which attempt this is; the first is 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt.number
    }

    /// Whether the job is dead if this attempt fails.
    #[must_use]
    pub fn is_last_attempt(&self) -> bool {
        self.attempt.number >= self.max_attempts
    }

    /// The attempt's identity, by which its effects are fenced.
    #[must_use]
    pub fn attempt_id(&self) -> &AttemptId {
        &self.attempt
    }

    /// Resolves when this attempt is to end early: it took too long, the job was cancelled, another worker has taken it over, or
    /// the app is shutting down for good. The attempt then has one second to end by itself before it is dropped.
    pub async fn cancelled(&self) {
        self.cancellation.cancelled().await;
    }

    /// Whether this attempt is to end early.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancellation.is_cancelled()
    }

    pub(crate) fn is_completed(&self) -> bool {
        self.completed.load(Ordering::SeqCst)
    }
}
