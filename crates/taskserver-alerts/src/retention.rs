//! Retention: what is too old is deleted, a few rows at a time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use taskserver_core::{Task, TaskConfig, TaskContext, TaskError};
use taskserver_store::{DELETE_BATCH, Key, Sql, Store, StoreError};

use crate::COMPONENT;
use crate::alerts::RESOLVED;
use crate::row::columns;
use crate::schema::{ALERT, ALERT_DELIVERY_LOG, DELIVERY, GROUP, REPORT};

/// What is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlertRetention {
    /// Alerts that were resolved, and reports, for so long; `None` for any time.
    pub max_age: Option<Duration>,
    /// What could not be delivered, for so long; `None` for any time.
    pub max_delivery_age: Option<Duration>,
}

impl Default for AlertRetention {
    /// 90 days, and 7 days.
    fn default() -> Self {
        let days = |days: u64| Some(Duration::from_secs(days * 24 * 60 * 60));
        Self { max_age: days(90), max_delivery_age: days(7) }
    }
}

/// How many rows were deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct PrunedAlerts {
    /// Alerts.
    pub alerts: u64,
    /// Reports.
    pub reports: u64,
    /// Deliveries that were given up.
    pub deliveries: u64,
}

/// The task that enforces an [`AlertRetention`].
pub struct AlertRetentionTask {
    store: Store,
    retention: Arc<Mutex<AlertRetention>>,
}

impl AlertRetentionTask {
    /// Enforces what `retention` says at the time of each run, so that it can be changed meanwhile.
    #[must_use]
    pub fn new(store: Store, retention: Arc<Mutex<AlertRetention>>) -> Self {
        Self { store, retention }
    }
}

impl Task for AlertRetentionTask {
    type Output = PrunedAlerts;

    fn name(&self) -> &str {
        "alerts-maintenance"
    }

    fn defaults(&self) -> TaskConfig {
        TaskConfig::every(Duration::from_secs(3600))
    }

    async fn run(&self, context: &TaskContext) -> Result<PrunedAlerts, TaskError> {
        let retention = *self.retention.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(prune(&self.store, retention, context.app().clock().now()).await?)
    }
}

/// Deletes what is not kept. Whoever stops waiting in the middle has lost nothing: the next call goes on.
async fn prune(store: &Store, retention: AlertRetention, now: Timestamp) -> Result<PrunedAlerts, StoreError> {
    let mut pruned = PrunedAlerts::default();
    let since = |age: Option<Duration>| age.and_then(|age| now.checked_sub(age).ok());
    if let Some(since) = since(retention.max_delivery_age) {
        let old = older(store, DELIVERY, "seq", "createdAt", since, "");
        pruned.deliveries = store.delete_in_batches(DELIVERY, Key::Integer("seq"), &old).await?;
        if pruned.deliveries > 0 {
            tracing::error!(
                component = COMPONENT, deliveries = pruned.deliveries, max_age = ?retention.max_delivery_age,
                "deliveries were given up: their receivers could not be told for too long"
            );
        }
    }
    if let Some(since) = since(retention.max_age) {
        let delete = async |table, time, condition: &str| {
            let old = older(store, table, "id", time, since, condition);
            store.delete_in_batches(table, Key::Text("id"), &old).await
        };
        pruned.alerts = delete(ALERT, "updatedAt", &format!(" AND state = '{RESOLVED}'")).await?;
        pruned.reports = delete(REPORT, "createdAt", "").await?;
        delete(ALERT_DELIVERY_LOG, "updatedAt", "").await?;
        delete(GROUP, "updatedAt", " AND alert IS NULL").await?;
    }
    Ok(pruned)
}

/// The keys of a batch of rows of which a time is before a moment, and for which a condition holds.
fn older(store: &Store, table: &str, key: &str, time: &str, since: Timestamp, condition: &str) -> Sql {
    let mut sql = store.sql();
    let (columns, lock) = (columns(&sql, &[key]), sql.backend().skip_locked());
    sql.push(&format!("SELECT {columns} FROM ")).name(table).push(" WHERE ").name(time).push(" < ").moment(since);
    sql.push(&format!("{condition} LIMIT {DELETE_BATCH}{lock}"));
    sql
}
