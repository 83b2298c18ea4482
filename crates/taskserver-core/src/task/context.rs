//! What a run knows of itself.

use std::sync::Arc;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::Trigger;
use crate::App;

/// What a run is given: the app, its own identity, and word of its cancellation.
pub struct TaskContext {
    pub(crate) app: App,
    pub(crate) task: Arc<str>,
    pub(crate) scheduled: Timestamp,
    pub(crate) trigger: Trigger,
    pub(crate) attempt: u32,
    pub(crate) term: Option<u64>,
    pub(crate) cancellation: CancellationToken,
}

impl TaskContext {
    /// The app that the task belongs to.
    #[must_use]
    pub fn app(&self) -> &App {
        &self.app
    }

    /// The task's name.
    #[must_use]
    pub fn task(&self) -> &str {
        &self.task
    }

    /// The time for which this run was scheduled: together with the task's name, the identity of the run.
    #[must_use]
    pub fn scheduled(&self) -> Timestamp {
        self.scheduled
    }

    /// Why this run takes place.
    #[must_use]
    pub fn trigger(&self) -> Trigger {
        self.trigger
    }

    /// Which attempt of the run this is; the first is 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// The term in which this process was elected to run the task: what only the leader may write is checked against it, in the
    /// same transaction. `None` without an election, and for a task that runs on every replica.
    #[must_use]
    pub fn term(&self) -> Option<u64> {
        self.term
    }

    /// Resolves when this attempt is to end early: it was cancelled, timed out, the app is shutting down for good, or this
    /// process leads no longer. The attempt then has one second to end by itself before it is dropped.
    pub async fn cancelled(&self) {
        self.cancellation.cancelled().await;
    }

    /// Whether this attempt is to end early.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancellation.is_cancelled()
    }
}
