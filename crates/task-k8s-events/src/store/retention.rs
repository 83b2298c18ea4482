//! Retention: the rows that are too old or too many are deleted, a few at a time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use taskserver_core::{Task, TaskConfig, TaskContext, TaskError};
use taskserver_store::{DELETE_BATCH, Key, Sql, Store, StoreError};

use super::schema::{K8S_EVENT, K8S_EVENT_COUNT, K8S_EVENT_GAP};

/// The name of the maintenance task.
const NAME: &str = "kubernetes-events-maintenance";

/// What the rows are known by.
const ID: Key<'static> = Key::Text("id");

/// The type of the events that are kept as warnings; all others are kept as normal ones.
const WARNING: &str = "Warning";

/// What is kept of one type of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Keep {
    /// Events that happened last so long ago at most; `None` for any age.
    pub max_age: Option<Duration>,
    /// The newest so many; `None` for any number.
    pub max_rows: Option<u64>,
}

/// What is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventRetention {
    /// Of the type `Normal`, and of any that is not known.
    pub normal: Keep,
    /// Of the type `Warning`.
    pub warning: Keep,
    /// Counts by reason and piece of time, for so long; `None` for any time. They may outlive the events.
    pub counts: Option<Duration>,
}

impl Default for EventRetention {
    /// Normal events for 30 days, warnings for 90, and a million of each; counts for 32 days, a little longer than the longest chart.
    fn default() -> Self {
        let days = |days: u64| Some(Duration::from_secs(days * 24 * 60 * 60));
        let keep = |max_age| Keep { max_age, max_rows: Some(1_000_000) };
        Self { normal: keep(days(30)), warning: keep(days(90)), counts: days(32) }
    }
}

/// How many rows were deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PrunedEvents {
    /// Events, because of their age.
    pub too_old: u64,
    /// Events, because there were too many.
    pub too_many: u64,
    /// Gaps that ended before every event that is kept.
    pub gaps: u64,
}

/// Which events a retention is about.
#[derive(Clone, Copy)]
enum Kind {
    Normal,
    Warning,
}

/// The task that enforces an [`EventRetention`].
pub struct RetentionTask {
    store: Store,
    retention: Arc<Mutex<EventRetention>>,
}

impl RetentionTask {
    /// Enforces what `retention` says at the time of each run, so that it can be changed meanwhile.
    #[must_use]
    pub fn new(store: Store, retention: Arc<Mutex<EventRetention>>) -> Self {
        Self { store, retention }
    }
}

impl Task for RetentionTask {
    type Output = PrunedEvents;

    fn name(&self) -> &str {
        NAME
    }

    fn defaults(&self) -> TaskConfig {
        TaskConfig::every(Duration::from_secs(3600))
    }

    async fn run(&self, context: &TaskContext) -> Result<PrunedEvents, TaskError> {
        let retention = *self.retention.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(prune(&self.store, retention, context.app().clock().now()).await?)
    }
}

/// Deletes what is not kept. Whoever stops waiting in the middle has lost nothing: the next call goes on.
async fn prune(store: &Store, retention: EventRetention, now: Timestamp) -> Result<PrunedEvents, StoreError> {
    let mut pruned = PrunedEvents::default();
    let since = |age: Duration| now.checked_sub(age).ok();
    for (kind, keep) in [(Kind::Normal, retention.normal), (Kind::Warning, retention.warning)] {
        if let Some(since) = keep.max_age.and_then(since) {
            pruned.too_old += store.delete_in_batches(K8S_EVENT, ID, &too_old(store, kind, since)).await?;
        }
        if let Some(rows) = keep.max_rows {
            pruned.too_many += store.delete_in_batches(K8S_EVENT, ID, &too_many(store, kind, rows)).await?;
        }
    }
    if let Some(since) = retention.counts.and_then(since) {
        store.delete_in_batches(K8S_EVENT_COUNT, ID, &begun(store, since)).await?;
    }
    let ages = [retention.normal.max_age, retention.warning.max_age];
    if let [Some(normal), Some(warning)] = ages
        && let Some(since) = since(normal.max(warning))
    {
        pruned.gaps += store.delete_in_batches(K8S_EVENT_GAP, ID, &ended(store, since)).await?;
    }
    Ok(pruned)
}

/// The ids of a batch of events that happened last before a moment.
fn too_old(store: &Store, kind: Kind, since: Timestamp) -> Sql {
    let mut sql = ids(store, K8S_EVENT);
    push_kind(&mut sql, kind);
    sql.push(" AND ").name("time").push(" < ").moment(since);
    locked(sql)
}

/// The ids of a batch of events that are not among the newest.
fn too_many(store: &Store, kind: Kind, rows: u64) -> Sql {
    let mut sql = ids(store, K8S_EVENT);
    push_kind(&mut sql, kind);
    let nulls = if store.backend() == taskserver_store::Backend::Postgres { " NULLS LAST" } else { "" };
    sql.push(" ORDER BY ")
        .name("time")
        .push(&format!(" DESC{nulls} LIMIT {DELETE_BATCH} OFFSET {}", rows.min(i64::MAX as u64)));
    sql
}

/// The ids of a batch of gaps that ended before a moment.
fn ended(store: &Store, since: Timestamp) -> Sql {
    let mut sql = ids(store, K8S_EVENT_GAP);
    sql.name("to").push(" < ").moment(since);
    locked(sql)
}

/// The ids of a batch of counts of times that began before a moment.
fn begun(store: &Store, since: Timestamp) -> Sql {
    let mut sql = ids(store, K8S_EVENT_COUNT);
    sql.name("start").push(" < ").moment(since);
    locked(sql)
}

/// So many of them as are deleted at once, kept from changing.
fn locked(mut sql: Sql) -> Sql {
    let lock = sql.backend().skip_locked();
    sql.push(&format!(" LIMIT {DELETE_BATCH}{lock}"));
    sql
}

fn ids(store: &Store, table: &str) -> Sql {
    let mut sql = store.sql();
    let id = store.backend().as_text(&store.quote("id"));
    sql.push(&format!("SELECT {id} FROM ")).name(table).push(" WHERE ");
    sql
}

fn push_kind(sql: &mut Sql, kind: Kind) {
    let operator = match kind {
        Kind::Normal => " <> ",
        Kind::Warning => " = ",
    };
    sql.name("type").push(operator).text(WARNING);
}
