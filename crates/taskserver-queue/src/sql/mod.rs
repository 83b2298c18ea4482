//! Jobs in a database: the table `job`.
//!
//! One code serves the three databases. What a worker takes, it locks first (`FOR UPDATE SKIP LOCKED`, so that workers pass each
//! other's rows over and never wait; on SQLite a transaction that writes is alone anyway) and then marks as its own, both in one
//! short transaction. Everything about an attempt that runs is changed under the condition that the row is still `running` in
//! that attempt. All times are the database's.
//!
//! - `schema` is the table: its migrations, and its fields.
//! - `enqueue`, `take`, `finish`, `tend` and `control` have the statements, by what they are for.
//! - `effects` lets a job's effects and its end be one transaction.
//! - `service` is the service `job`.
//! - `retention` gives up jobs that ended long ago.

mod control;
mod effects;
mod enqueue;
mod finish;
mod retention;
mod schema;
mod service;
mod take;
mod tend;

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use taskserver_store::{Backend, Sql, Store, StoreError, Transaction};

use crate::{AttemptId, Depth, End, Enqueued, JobState, JobStore, JobStoreError, NewJob, Taken, Tended, Wanted, Woken};

pub use effects::AttemptOver;
pub use retention::{JobRetention, JobRetentionTask};
pub use schema::{JOB, MIGRATIONS, job_schema};
pub use service::JobService;

/// The channel of PostgreSQL's notifications. What is told is the name of a queue.
const CHANNEL: &str = "taskserver-job";

/// How often a transaction is tried again that was the victim of a deadlock, or had to wait for another one too long.
const TRIES: u32 = 5;

/// Jobs in a database. Cloning is cheap.
#[derive(Clone)]
pub struct SqlJobs {
    store: Store,
    keep_succeeded: bool,
}

impl SqlJobs {
    /// The jobs in this database. Their table is made by the [`MIGRATIONS`].
    #[must_use]
    pub fn new(store: &Store) -> Self {
        Self { store: store.clone(), keep_succeeded: true }
    }

    /// Whether jobs that succeeded are kept, until a [`JobRetention`] gives them up. If not, they are deleted at once, which is
    /// the least work for the database. Default: they are kept.
    #[must_use]
    pub fn keep_succeeded(self, keep: bool) -> Self {
        Self { keep_succeeded: keep, ..self }
    }
}

/// Runs a transaction, and again if it was the victim of a deadlock: it has no effect then. (A macro, since the futures of async
/// closures cannot be known to be `Send`.)
macro_rules! transact {
    ($store:expr, $transaction:ident => $body:expr) => {{
        let mut tries = 0;
        loop {
            let mut begun = $store.begin_read_committed().await?;
            let $transaction = &mut begun;
            let result: Result<_, taskserver_store::StoreError> = $body.await;
            match begun.conclude(result).await {
                Err(taskserver_store::StoreError::Locked(reason)) if tries < $crate::sql::TRIES => {
                    tries += 1;
                    tracing::debug!(reason, tries, "the database was locked; trying again");
                }
                result => break result,
            }
        }
    }};
}

#[async_trait]
impl JobStore for SqlJobs {
    async fn enqueue(&self, jobs: &[NewJob]) -> Result<Vec<Enqueued>, JobStoreError> {
        Ok(transact!(self.store, transaction => enqueue::enqueue(transaction, jobs))?)
    }

    async fn take(&self, wanted: &Wanted<'_>) -> Result<Vec<Taken>, JobStoreError> {
        Ok(transact!(self.store, transaction => take::take(transaction, wanted))?)
    }

    async fn finish(&self, ends: &[(AttemptId, End)]) -> Result<Vec<AttemptId>, JobStoreError> {
        let keep = self.keep_succeeded;
        Ok(transact!(self.store, transaction => finish::finish(transaction, ends, keep))?)
    }

    async fn renew(&self, attempts: &[AttemptId], lease: Duration) -> Result<Vec<AttemptId>, JobStoreError> {
        Ok(transact!(self.store, transaction => finish::renew(transaction, attempts, lease))?)
    }

    async fn tend(&self) -> Result<Tended, JobStoreError> {
        Ok(transact!(self.store, transaction => tend::tend(transaction))?)
    }

    async fn depths(&self) -> Result<Vec<Depth>, JobStoreError> {
        Ok(transact!(self.store, transaction => tend::depths(transaction))?)
    }

    async fn cancel(&self, id: &str) -> Result<Option<JobState>, JobStoreError> {
        Ok(transact!(self.store, transaction => control::cancel(transaction, id))?)
    }

    async fn retry(&self, id: &str) -> Result<Option<JobState>, JobStoreError> {
        Ok(transact!(self.store, transaction => control::retry(transaction, id))?)
    }

    async fn listen(&self, woken: &Woken) -> Result<(), JobStoreError> {
        let Some(mut notifications) = self.store.listen(CHANNEL).await? else {
            return std::future::pending().await;
        };
        loop {
            let queue = notifications.next().await?;
            woken(&queue);
        }
    }
}

/// The present moment, as the columns have it: the same throughout a statement.
fn now(backend: Backend) -> &'static str {
    match backend {
        Backend::Sqlite => "strftime('%Y-%m-%d %H:%M:%f', 'now')",
        Backend::Postgres => "(statement_timestamp() AT TIME ZONE 'UTC')",
        Backend::Mysql => "UTC_TIMESTAMP(6)",
    }
}

/// The moment that is so much later than the present one.
fn later(backend: Backend, delay: Duration) -> String {
    shifted(backend, '+', delay)
}

/// The moment that is so much earlier than the present one.
fn earlier(backend: Backend, age: Duration) -> String {
    shifted(backend, '-', age)
}

fn shifted(backend: Backend, sign: char, distance: Duration) -> String {
    // A hundred years are as good as for ever, and no database overflows.
    let micros = distance.min(Duration::from_secs(100 * 366 * 24 * 60 * 60)).as_micros();
    match backend {
        Backend::Sqlite => {
            let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
            format!("strftime('%Y-%m-%d %H:%M:%f', 'now', '{sign}{seconds}.{fraction:06} seconds')")
        }
        Backend::Postgres => format!("({} {sign} INTERVAL '{micros} microseconds')", now(backend)),
        Backend::Mysql => format!("(UTC_TIMESTAMP(6) {sign} INTERVAL {micros} MICROSECOND)"),
    }
}

/// Columns as texts, to be selected. Each has a name of its own: PostgreSQL's cast would keep the column's, and an order by it
/// would be that of the texts, which no index has.
fn texts(backend: Backend, columns: &[&str]) -> String {
    let text = |(index, column): (usize, &&str)| format!("{} AS text{index}", backend.as_text(&backend.quote(column)));
    columns.iter().enumerate().map(text).collect::<Vec<_>>().join(", ")
}

/// Appends `column IN (…)`.
fn push_in<T: Into<String>>(sql: &mut Sql, column: &str, values: impl IntoIterator<Item = T>) {
    sql.name(column).push(" IN (");
    for (index, value) in values.into_iter().enumerate() {
        sql.push(if index == 0 { "" } else { ", " }).text(value);
    }
    sql.push(")");
}

/// Tells the workers of a queue, when the transaction is committed, where the database can.
async fn notify<'a>(
    transaction: &mut Transaction,
    queues: impl IntoIterator<Item = &'a str>,
) -> Result<(), StoreError> {
    if transaction.sql().backend() != Backend::Postgres {
        return Ok(());
    }
    for queue in queues {
        let mut sql = transaction.sql();
        sql.push(&format!("SELECT CAST(pg_notify('{CHANNEL}', ")).text(queue).push(") AS TEXT)");
        transaction.load(sql).await?;
    }
    Ok(())
}

/// A cell that must be there, and be of the type.
fn cell<T: std::str::FromStr>(row: &[Option<String>], index: usize) -> Result<T, StoreError> {
    let text = row.get(index).and_then(Option::as_deref);
    text.and_then(|text| text.parse().ok())
        .ok_or_else(|| StoreError::Answer(format!("a row of `{JOB}` has {text:?} where that cannot be")))
}

/// A moment as the databases write it.
fn moment(text: &str) -> Option<Timestamp> {
    text.parse::<jiff::civil::DateTime>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

fn state(text: &str) -> Result<JobState, StoreError> {
    JobState::ALL
        .into_iter()
        .find(|state| state.name() == text)
        .ok_or_else(|| StoreError::Answer(format!("a row of `{JOB}` has the state `{text}`, which is none")))
}
