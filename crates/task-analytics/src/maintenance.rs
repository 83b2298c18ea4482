//! Retention: the rows that are too old or too many are removed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::Serialize;
use taskserver_core::{Task, TaskConfig, TaskContext, TaskError};

/// The name of the maintenance task.
const NAME: &str = "analytics-maintenance";

/// What is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    /// Rows up to this age; `None` for any age.
    pub max_age: Option<Duration>,
    /// The newest so many rows of each metric; `None` for any number.
    pub max_rows: Option<u64>,
}

/// How many rows were removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pruned {
    /// Because of their age.
    pub too_old: u64,
    /// Because there were too many of their metric.
    pub too_many: u64,
}

/// Removes rows.
#[async_trait]
pub trait RowPruner: Send + Sync + 'static {
    /// Removes the rows that were created before this moment.
    ///
    /// # Errors
    /// Why not all of them could be removed. Those that were stay so.
    async fn prune_older_than(&self, moment: Timestamp) -> Result<u64, TaskError>;

    /// Removes all but the newest `rows` rows of each metric.
    ///
    /// # Errors
    /// Why not all of them could be removed. Those that were stay so.
    async fn prune_all_but(&self, rows: u64) -> Result<u64, TaskError>;
}

/// The task that enforces a [`Retention`].
pub struct MaintenanceTask<P> {
    pruner: P,
    retention: Arc<Mutex<Retention>>,
}

impl<P: RowPruner> MaintenanceTask<P> {
    /// Enforces what `retention` says at the time of each run, so that it can be changed meanwhile.
    #[must_use]
    pub fn new(pruner: P, retention: Arc<Mutex<Retention>>) -> Self {
        Self { pruner, retention }
    }
}

impl<P: RowPruner> Task for MaintenanceTask<P> {
    type Output = Pruned;

    fn name(&self) -> &str {
        NAME
    }

    fn defaults(&self) -> TaskConfig {
        TaskConfig::every(Duration::from_secs(3600))
    }

    async fn run(&self, context: &TaskContext) -> Result<Pruned, TaskError> {
        let Retention { max_age, max_rows } = *self.retention.lock().unwrap_or_else(PoisonError::into_inner);
        let mut pruned = Pruned::default();
        if let Some(oldest) = max_age.and_then(|age| context.app().clock().now().checked_sub(age).ok()) {
            pruned.too_old = self.pruner.prune_older_than(oldest).await?;
        }
        if let Some(rows) = max_rows {
            pruned.too_many = self.pruner.prune_all_but(rows).await?;
        }
        Ok(pruned)
    }
}
