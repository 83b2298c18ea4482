//! Storing new jobs.

use std::collections::BTreeSet;

use taskserver_store::{Backend, Sql, StoreError, Transaction};

use super::{JOB, SqlJobs, later, notify, now};
use crate::{Enqueued, JobState, MAX_PAYLOAD, NewJob, QueueError, Unique, When};

/// How many jobs one statement stores: their values are fewer than any database takes.
const BATCH: usize = 500;

/// How often a duplicate is looked for that ended just when it was found.
const TRIES: u32 = 10;

const COLUMNS: [&str; 11] =
    ["id", "name", "payload", "queue", "priority", "state", "runAt", "maxAttempts", "batch", "afterBatch", "createdAt"];

impl SqlJobs {
    /// Enqueues jobs as a part of the caller's transaction, which is of the same database: they exist if and when it is
    /// committed. On PostgreSQL the workers are told of them then; elsewhere they look for themselves.
    ///
    /// ```
    /// # use serde_json::json;
    /// # use taskserver_queue::{MIGRATIONS, NewJob, QueueError, SqlJobs};
    /// # use taskserver_store::{Store, StoreOptions};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let store = Store::new(StoreOptions::new("sqlite::memory:")?)?;
    /// # store.migrate().await?;
    /// # store.migrate_with(MIGRATIONS).await?;
    /// let mut transaction = store.begin().await?;
    /// let result = async {
    ///     let mut sql = transaction.sql();
    ///     sql.push("DELETE FROM ").name("monitoring");
    ///     transaction.execute(sql).await?;
    ///     SqlJobs::enqueue_in(&mut transaction, &[NewJob::named("rebuild-report", &json!({}))]).await
    /// }
    /// .await;
    /// let enqueued = transaction.conclude::<_, QueueError>(result).await?;
    /// assert!(!enqueued[0].duplicate);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Any [`QueueError`]: conclude the transaction with it.
    pub async fn enqueue_in(transaction: &mut Transaction, jobs: &[NewJob]) -> Result<Vec<Enqueued>, QueueError> {
        jobs.iter().try_for_each(|job| job.check(MAX_PAYLOAD))?;
        Ok(enqueue(transaction, jobs).await?)
    }
}

impl From<StoreError> for QueueError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.into())
    }
}

pub(super) async fn enqueue(transaction: &mut Transaction, jobs: &[NewJob]) -> Result<Vec<Enqueued>, StoreError> {
    let mut enqueued: Vec<Enqueued> =
        jobs.iter().map(|job| Enqueued { id: job.id.clone(), duplicate: false }).collect();
    let plain: Vec<&NewJob> = jobs.iter().filter(|job| job.unique.is_none()).collect();
    for jobs in plain.chunks(BATCH) {
        let mut sql = transaction.sql();
        push_insert(&mut sql, &COLUMNS);
        for (index, job) in jobs.iter().enumerate() {
            sql.push(if index == 0 { "(" } else { ", (" });
            push_values(&mut sql, job);
            sql.push(")");
        }
        transaction.execute(sql).await?;
    }
    for (job, enqueued) in jobs.iter().zip(&mut enqueued) {
        if let Some(unique) = &job.unique
            && let Some(id) = enqueue_unique(transaction, job, unique).await?
        {
            *enqueued = Enqueued { id, duplicate: true };
        }
    }
    let ready = jobs.iter().filter(|job| state(job) == JobState::Queued).map(|job| job.queue.as_str());
    notify(transaction, ready.collect::<BTreeSet<_>>()).await?;
    Ok(enqueued)
}

/// Stores a job unless there is one with its key; answers the id of that one.
///
/// The unique index decides, whoever comes at the same time: who stores second waits for the first to commit, and then finds it.
async fn enqueue_unique(
    transaction: &mut Transaction,
    job: &NewJob,
    unique: &Unique,
) -> Result<Option<String>, StoreError> {
    for _ in 0..TRIES {
        // A key whose window is over is free.
        let mut sql = transaction.sql();
        let now = now(sql.backend());
        sql.push("UPDATE ").name(JOB).push(" SET ").name("uniqueKey").push(" = NULL WHERE ");
        push_key(&mut sql, job, unique);
        sql.push(" AND ").name("uniqueUntil").push(&format!(" <= {now}"));
        transaction.execute(sql).await?;
        if insert_unique(transaction, job, unique).await? {
            return Ok(None);
        }
        let mut sql = transaction.sql();
        let id = sql.backend().as_text(&sql.backend().quote("id"));
        sql.push(&format!("SELECT {id} FROM ")).name(JOB).push(" WHERE ");
        push_key(&mut sql, job, unique);
        if sql.backend() == Backend::Mysql {
            // The row as it is, not as it was when the transaction began.
            sql.push(" LOCK IN SHARE MODE");
        }
        if let Some(id) = transaction.load(sql).await?.into_iter().flatten().flatten().next() {
            return Ok(Some(id));
        }
    }
    Err(StoreError::Locked(format!("others enqueue jobs with the unique key `{}` all the time", unique.key)))
}

/// Stores a job with a key; `false` if there is one with this key.
async fn insert_unique(transaction: &mut Transaction, job: &NewJob, unique: &Unique) -> Result<bool, StoreError> {
    let mut sql = transaction.sql();
    let backend = sql.backend();
    push_insert(&mut sql, &[&COLUMNS[..], &["uniqueKey", "uniqueUntil"]].concat());
    sql.push("(");
    push_values(&mut sql, job);
    sql.push(", ").text(&unique.key).push(", ");
    sql.push(&unique.window.map_or_else(|| "NULL".to_owned(), |window| later(backend, window))).push(")");
    if backend != Backend::Mysql {
        sql.push(" ON CONFLICT (").name("name").push(", ").name("uniqueKey").push(") WHERE ");
        sql.name("uniqueKey").push(" IS NOT NULL DO NOTHING");
    }
    match transaction.execute(sql).await {
        // MySQL undoes the statement alone; elsewhere this would be the end of the transaction.
        Err(StoreError::Duplicate(_)) if backend == Backend::Mysql => Ok(false),
        rows => Ok(rows? > 0),
    }
}

fn push_key(sql: &mut Sql, job: &NewJob, unique: &Unique) {
    sql.name("name").push(" = ").text(&job.name).push(" AND ").name("uniqueKey").push(" = ").text(&unique.key);
}

fn push_insert(sql: &mut Sql, columns: &[&str]) {
    sql.push("INSERT INTO ").name(JOB);
    for (index, column) in columns.iter().enumerate() {
        sql.push(if index == 0 { " (" } else { ", " }).name(column);
    }
    sql.push(") VALUES ");
}

fn push_values(sql: &mut Sql, job: &NewJob) {
    let backend = sql.backend();
    sql.text(&job.id).push(", ").text(&job.name).push(", ").text(&job.payload).push(", ").text(&job.queue);
    sql.push(&format!(", {}, '{}', ", job.priority, state(job)));
    match job.when {
        When::Now => sql.push(now(backend)),
        When::After(delay) => sql.push(&later(backend, delay)),
        When::At(moment) => sql.moment(moment),
    };
    sql.push(&format!(", {}, ", job.max_attempts.min(i32::MAX as u32)));
    for batch in [&job.batch, &job.after_batch] {
        match batch {
            Some(batch) => sql.text(batch),
            None => sql.push("NULL"),
        };
        sql.push(", ");
    }
    sql.push(now(backend));
}

fn state(job: &NewJob) -> JobState {
    match (&job.after_batch, job.when) {
        (Some(_), _) => JobState::Waiting,
        (None, When::Now) => JobState::Queued,
        (None, _) => JobState::Scheduled,
    }
}
