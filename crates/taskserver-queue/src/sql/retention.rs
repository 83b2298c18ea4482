//! Gives up jobs that ended long ago.

use std::time::Duration;

use serde_json::{Value, json};
use taskserver_core::{Task, TaskConfig, TaskContext, TaskError};
use taskserver_store::{Store, StoreError, Transaction};

use super::{JOB, earlier, lock, now, push_in, transact};

/// How many rows one transaction deletes at most, so that none holds the table for long.
const BATCH: usize = 500;

/// A task that deletes, once a minute, the jobs that ended long ago.
pub struct JobRetention {
    store: Store,
    finished: Option<Duration>,
    dead: Option<Duration>,
}

impl JobRetention {
    /// Keeps jobs that succeeded or were cancelled for a day, and dead ones for 30 days.
    #[must_use]
    pub fn new(store: &Store) -> Self {
        let day = Duration::from_secs(24 * 60 * 60);
        Self { store: store.clone(), finished: Some(day), dead: Some(day * 30) }
    }

    /// Keeps jobs that succeeded or were cancelled for so long after their end; `None` for any time.
    #[must_use]
    pub fn finished(mut self, age: Option<Duration>) -> Self {
        self.finished = age;
        self
    }

    /// Keeps dead jobs for so long after their end; `None` for any time.
    #[must_use]
    pub fn dead(mut self, age: Option<Duration>) -> Self {
        self.dead = age;
        self
    }

    async fn prune(&self, states: &str, age: Duration) -> Result<u64, StoreError> {
        let mut deleted = 0;
        loop {
            match transact!(self.store, transaction => prune(transaction, states, age))? {
                0 => return Ok(deleted),
                rows => deleted += rows,
            }
        }
    }
}

/// Deletes a batch of jobs in these states that ended so long ago, and answers how many they were.
async fn prune(transaction: &mut Transaction, states: &str, age: Duration) -> Result<u64, StoreError> {
    let mut sql = transaction.sql();
    let backend = sql.backend();
    let (id, now) = (backend.as_text(&backend.quote("id")), now(backend));
    sql.push(&format!("SELECT {id} FROM ")).name(JOB).push(" WHERE ").name("finishedAt");
    sql.push(&format!(" <= {} AND ", earlier(backend, age))).name("state").push(&format!(" IN ({states}) AND ("));
    // A key with a window outlives the end of its job.
    sql.name("uniqueUntil").push(" IS NULL OR ").name("uniqueUntil").push(&format!(" <= {now})"));
    sql.push(&format!(" LIMIT {BATCH}{}", lock(backend)));
    let ids: Vec<String> = transaction.load(sql).await?.into_iter().flatten().flatten().collect();
    if ids.is_empty() {
        return Ok(0);
    }
    let mut sql = transaction.sql();
    sql.push("DELETE FROM ").name(JOB).push(" WHERE ");
    push_in(&mut sql, "id", ids);
    transaction.execute(sql).await
}

impl Task for JobRetention {
    type Output = Value;

    fn name(&self) -> &str {
        "job-retention"
    }

    fn defaults(&self) -> TaskConfig {
        TaskConfig::every(Duration::from_secs(60))
    }

    async fn run(&self, _: &TaskContext) -> Result<Value, TaskError> {
        let mut deleted = 0;
        if let Some(age) = self.finished {
            deleted += self.prune("'succeeded', 'cancelled'", age).await?;
        }
        if let Some(age) = self.dead {
            deleted += self.prune("'dead'", age).await?;
        }
        Ok(json!({ "deleted": deleted }))
    }
}
