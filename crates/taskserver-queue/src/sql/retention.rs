//! Gives up jobs that ended long ago.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use taskserver_core::{Task, TaskConfig, TaskContext, TaskError};
use taskserver_store::{DELETE_BATCH, Key, Sql, Store};

use super::{JOB, earlier, now};

/// How long jobs are kept after their end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobRetention {
    /// Those that succeeded or were cancelled; `None` for any time.
    pub finished: Option<Duration>,
    /// Those that are dead; `None` for any time.
    pub dead: Option<Duration>,
}

impl Default for JobRetention {
    /// A day, and 30 days.
    fn default() -> Self {
        let day = Duration::from_secs(24 * 60 * 60);
        Self { finished: Some(day), dead: Some(day * 30) }
    }
}

/// The task that enforces a [`JobRetention`], once a minute.
pub struct JobRetentionTask {
    store: Store,
    retention: Arc<Mutex<JobRetention>>,
}

impl JobRetentionTask {
    /// Enforces what `retention` says at the time of each run, so that it can be changed meanwhile.
    #[must_use]
    pub fn new(store: &Store, retention: Arc<Mutex<JobRetention>>) -> Self {
        Self { store: store.clone(), retention }
    }

    /// The ids of a batch of jobs in these states that ended so long ago.
    fn ended(&self, states: &str, age: Duration) -> Sql {
        let mut sql = self.store.sql();
        let backend = sql.backend();
        let (id, now) = (backend.as_text(&backend.quote("id")), now(backend));
        sql.push(&format!("SELECT {id} FROM ")).name(JOB).push(" WHERE ").name("finishedAt");
        sql.push(&format!(" <= {} AND ", earlier(backend, age))).name("state").push(&format!(" IN ({states}) AND ("));
        // A key with a window outlives the end of its job.
        sql.name("uniqueUntil").push(" IS NULL OR ").name("uniqueUntil").push(&format!(" <= {now})"));
        sql.push(&format!(" LIMIT {DELETE_BATCH}{}", backend.skip_locked()));
        sql
    }
}

impl Task for JobRetentionTask {
    type Output = Value;

    fn name(&self) -> &str {
        "job-retention"
    }

    fn defaults(&self) -> TaskConfig {
        TaskConfig::every(Duration::from_secs(60))
    }

    async fn run(&self, _: &TaskContext) -> Result<Value, TaskError> {
        let JobRetention { finished, dead } = *self.retention.lock().unwrap_or_else(PoisonError::into_inner);
        let mut deleted = 0;
        for (states, age) in [("'succeeded', 'cancelled'", finished), ("'dead'", dead)] {
            let Some(age) = age else { continue };
            deleted += self.store.delete_in_batches(JOB, Key::Text("id"), &self.ended(states, age)).await?;
        }
        Ok(json!({ "deleted": deleted }))
    }
}
