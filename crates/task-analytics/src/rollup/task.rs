//! The task that fills the roll-ups with what they lack.

use std::time::Duration;

use serde::Serialize;
use taskserver_core::{Task, TaskConfig, TaskContext, TaskError};
use taskserver_store::Store;

use super::fold::Rollups;
use super::rows;

/// The name of the task.
const NAME: &str = "analytics-rollup";
/// The first digits of ids, which are UUIDs. What begins otherwise lies before the first, after the last, or between.
const DIGITS: [&str; 15] = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "a", "b", "c", "d", "e", "f"];
/// How many roll-ups are held in memory at most: so many figures have about 20 of their own.
const MOST: usize = 200_000;

/// For how long roll-ups are kept: a little longer than the longest chart.
const RETENTION: Duration = Duration::from_secs(32 * 24 * 60 * 60);

/// What a run has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Refilled {
    /// The roll-ups that were compared with what is stored.
    pub rollups: usize,
    /// The roll-ups that were deleted, because they are too old.
    pub deleted: u64,
}

/// Goes through the table of the figures, and folds all of them into the roll-ups.
pub struct RollupTask {
    store: Store,
    retention: Duration,
}

impl RollupTask {
    /// Fills the roll-ups of this database.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store, retention: RETENTION }
    }

    /// Keeps roll-ups for so long; for 32 days unless set, a little longer than the longest chart.
    #[must_use]
    pub fn retention(mut self, retention: Duration) -> Self {
        self.retention = retention;
        self
    }
}

impl Task for RollupTask {
    type Output = Refilled;

    fn name(&self) -> &str {
        NAME
    }

    fn defaults(&self) -> TaskConfig {
        TaskConfig::every(Duration::from_secs(24 * 60 * 60)).run_on_start(true)
    }

    async fn run(&self, context: &TaskContext) -> Result<Refilled, TaskError> {
        let since = context.app().clock().now().checked_sub(self.retention)?;
        let mut rollups = Rollups::default();
        let bounds = std::iter::once(None).chain(DIGITS.map(Some)).chain(std::iter::once(None));
        let bounds: Vec<Option<&str>> = bounds.collect();
        for part in bounds.windows(2) {
            rows::read(&self.store, (part[0], part[1]), since, &mut rollups).await?;
            if rollups.0.len() > MOST {
                return Err(format!("there are more than {MOST} roll-ups: the figures have too many types").into());
            }
        }
        rows::merge(&self.store, &rollups).await?;
        let deleted = rows::prune(&self.store, since).await?;
        Ok(Refilled { rollups: rollups.0.len(), deleted })
    }
}
