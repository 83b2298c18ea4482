//! Gives up old rows of the run history.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use taskserver_core::{Task, TaskConfig, TaskContext, TaskError};

use super::{TASK_RUN, rows};
use crate::control::{TASK_ACT, expired_acts};
use crate::{Key, Retention, Store, StoreError};

impl Store {
    /// Deletes the runs from the history that are not kept, in small batches, and answers how many they were. The last run of
    /// each task that stands for its scheduled time is kept in any case. Whoever stops waiting in the middle has lost nothing:
    /// the next call goes on.
    ///
    /// # Errors
    /// Any [`StoreError`]. What was deleted before the error stays so.
    pub async fn prune_task_runs(&self, keep: Retention) -> Result<u64, StoreError> {
        if keep == Retention::default() {
            return Ok(0);
        }
        self.delete_in_batches(TASK_RUN, Key::Text("id"), &rows::expired(self.backend(), keep)).await
    }

    /// Deletes the record of what people did to the tasks, as far as it is not kept. Otherwise as
    /// [`prune_task_runs`](Self::prune_task_runs).
    ///
    /// # Errors
    /// Any [`StoreError`]. What was deleted before the error stays so.
    pub async fn prune_task_acts(&self, keep: Retention) -> Result<u64, StoreError> {
        if keep == Retention::default() {
            return Ok(0);
        }
        self.delete_in_batches(TASK_ACT, Key::Text("id"), &expired_acts(self.backend(), keep)).await
    }
}

/// A task that prunes the run history, and the record of what people did to the tasks, once an hour.
pub struct RunRetention {
    store: Store,
    max_age: Option<Duration>,
    max_runs: Option<u64>,
}

impl RunRetention {
    /// Keeps runs for 30 days, and at most the newest thousand of each task.
    #[must_use]
    pub fn new(store: &Store) -> Self {
        Self { store: store.clone(), max_age: Some(Duration::from_secs(30 * 24 * 60 * 60)), max_runs: Some(1000) }
    }

    /// Keeps runs for so long; `None` for any time.
    #[must_use]
    pub fn max_age(mut self, age: Option<Duration>) -> Self {
        self.max_age = age;
        self
    }

    /// Keeps so many runs of each task; `None` for any number.
    #[must_use]
    pub fn max_runs(mut self, runs: Option<u64>) -> Self {
        self.max_runs = runs;
        self
    }

    fn keep(&self, now: Timestamp) -> Retention {
        // A time before all times keeps everything.
        let since = self.max_age.and_then(|age| now.checked_sub(age).ok());
        Retention { since, newest: self.max_runs }
    }
}

impl Task for RunRetention {
    type Output = Value;

    fn name(&self) -> &str {
        "task-run-retention"
    }

    fn defaults(&self) -> TaskConfig {
        TaskConfig::every(Duration::from_secs(3600)).jitter(Duration::from_secs(600))
    }

    async fn run(&self, context: &TaskContext) -> Result<Value, TaskError> {
        let keep = self.keep(context.app().clock().now());
        let (deleted, acts) = (self.store.prune_task_runs(keep).await?, self.store.prune_task_acts(keep).await?);
        Ok(json!({ "deleted": deleted, "acts": acts }))
    }
}
