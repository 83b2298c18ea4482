//! Retention: what is too old is deleted, a few rows at a time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use taskserver_core::{Task, TaskConfig, TaskContext, TaskError};
use taskserver_store::{Sql, Store, StoreError};

use crate::COMPONENT;
use crate::alerts::RESOLVED;
use crate::row::columns;
use crate::schema::{ALERT, DELIVERY, GROUP, REPORT};

/// How many rows one statement deletes at most, so that none holds the table for long.
const BATCH: usize = 500;

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
        pruned.deliveries = delete(store, DELIVERY, "seq", "createdAt", since, None).await?;
        if pruned.deliveries > 0 {
            tracing::error!(
                component = COMPONENT, deliveries = pruned.deliveries, max_age = ?retention.max_delivery_age,
                "deliveries were given up: their receivers could not be told for too long"
            );
        }
    }
    if let Some(since) = since(retention.max_age) {
        pruned.alerts = delete(store, ALERT, "id", "updatedAt", since, Some(("state", Some(RESOLVED)))).await?;
        pruned.reports = delete(store, REPORT, "id", "createdAt", since, None).await?;
        delete(store, GROUP, "id", "updatedAt", since, Some(("alert", None))).await?;
    }
    Ok(pruned)
}

/// Deletes the rows of which a time is before a moment, and a column has a value, batch by batch.
async fn delete(
    store: &Store,
    table: &str,
    key: &str,
    time: &str,
    since: Timestamp,
    only: Option<(&str, Option<&str>)>,
) -> Result<u64, StoreError> {
    let condition = |sql: &mut Sql| {
        sql.push(" WHERE ").name(time).push(" < ").moment(since);
        match only {
            Some((column, Some(value))) => sql.push(" AND ").name(column).push(" = ").text(value),
            Some((column, None)) => sql.push(" AND ").name(column).push(" IS NULL"),
            None => sql,
        };
    };
    let mut deleted = 0;
    loop {
        let mut sql = store.sql();
        let columns = columns(&sql, &[key]);
        sql.push(&format!("SELECT {columns} FROM ")).name(table);
        condition(&mut sql);
        sql.push(&format!(" LIMIT {BATCH}"));
        let keys: Vec<String> = store.load(sql).await?.into_iter().flatten().flatten().collect();
        if keys.is_empty() {
            return Ok(deleted);
        }
        let found = keys.len();
        let mut sql = store.sql();
        sql.push("DELETE FROM ").name(table);
        // Again, because a row may have changed since.
        condition(&mut sql);
        sql.push(" AND ").name(key).push(" IN (");
        for (index, value) in keys.into_iter().enumerate() {
            sql.push(if index == 0 { "" } else { ", " });
            match value.parse() {
                Ok(seq) if key == "seq" => sql.integer(seq),
                _ => sql.text(value),
            };
        }
        sql.push(")");
        let mut transaction = store.begin().await?;
        let result = transaction.execute(sql).await;
        deleted += transaction.conclude(result).await?;
        if found < BATCH {
            return Ok(deleted);
        }
    }
}
