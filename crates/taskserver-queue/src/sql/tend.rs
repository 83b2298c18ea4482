//! Looking after the jobs of all workers.

use std::collections::BTreeSet;

use taskserver_store::{StoreError, Transaction};

use super::{JOB, cell, notify, now, push_in, state, texts};
use crate::{Depth, JobState, Tended};

/// How many jobs are looked after at once, of each kind: the rest is for the next look, or for another replica.
const BATCH: usize = 500;

/// The error of a job whose worker died in its last attempt.
const DIED: &str = "its worker died during the attempt, and it has no further one";

/// The states of which jobs are counted.
const COUNTED: [JobState; 5] =
    [JobState::Scheduled, JobState::Waiting, JobState::Queued, JobState::Running, JobState::Dead];

pub(super) async fn tend(transaction: &mut Transaction) -> Result<Tended, StoreError> {
    let mut ready = BTreeSet::new();
    let backend = transaction.sql().backend();
    let due = format!("{} = 'scheduled' AND {} <= {}", backend.quote("state"), backend.quote("runAt"), now(backend));
    let due = find(transaction, &due, "runAt").await?;
    let waiting = find(transaction, &batch_has_ended(transaction), "id").await?;
    for jobs in [&due, &waiting] {
        set(transaction, jobs, "queued").await?;
        ready.extend(jobs.iter().map(|job| job.queue.clone()));
    }
    let expired =
        format!("{} = 'running' AND {} <= {}", backend.quote("state"), backend.quote("leaseUntil"), now(backend));
    let expired = find(transaction, &expired, "leaseUntil").await?;
    let (others, last): (Vec<_>, Vec<_>) = expired.into_iter().partition(|job| job.attempt < job.max_attempts);
    set(transaction, &others, "queued").await?;
    ready.extend(others.iter().map(|job| job.queue.clone()));
    if !last.is_empty() {
        let mut sql = transaction.sql();
        super::finish::push_end(&mut sql, "dead");
        sql.push(", ").name("error").push(" = ").text(DIED).push(" WHERE ");
        push_in(&mut sql, "id", last.iter().map(|job| job.id.as_str()));
        transaction.execute(sql).await?;
    }
    notify(transaction, ready.iter().map(String::as_str)).await?;
    Ok(Tended { ready: ready.into_iter().collect(), taken_over: others.len() as u64, dead: last.len() as u64 })
}

/// A job that was found, and locked.
struct Found {
    id: String,
    queue: String,
    attempt: u32,
    max_attempts: u32,
}

async fn find(transaction: &mut Transaction, condition: &str, order: &str) -> Result<Vec<Found>, StoreError> {
    let mut sql = transaction.sql();
    let backend = sql.backend();
    let columns = texts(backend, &["id", "queue", "attempt", "maxAttempts"]);
    sql.push(&format!("SELECT {columns} FROM ")).name(JOB).push(&format!(" WHERE {condition} ORDER BY "));
    sql.name(order).push(&format!(" LIMIT {BATCH}{}", backend.skip_locked()));
    let found = |row: Vec<Option<String>>| {
        Ok(Found { id: cell(&row, 0)?, queue: cell(&row, 1)?, attempt: cell(&row, 2)?, max_attempts: cell(&row, 3)? })
    };
    transaction.load(sql).await?.into_iter().map(found).collect()
}

async fn set(transaction: &mut Transaction, jobs: &[Found], state: &str) -> Result<(), StoreError> {
    if jobs.is_empty() {
        return Ok(());
    }
    let mut sql = transaction.sql();
    sql.push("UPDATE ").name(JOB).push(" SET ").name("state").push(&format!(" = '{state}', "));
    sql.name("leaseUntil").push(" = NULL WHERE ");
    push_in(&mut sql, "id", jobs.iter().map(|job| job.id.as_str()));
    transaction.execute(sql).await.map(drop)
}

/// Of jobs that wait: that no job of their batch is unfinished.
fn batch_has_ended(transaction: &Transaction) -> String {
    let backend = transaction.sql().backend();
    let [job, state, batch, after, finished, run_at] =
        [JOB, "state", "batch", "afterBatch", "finishedAt", "runAt"].map(|name| backend.quote(name));
    format!(
        "{state} = 'waiting' AND {run_at} <= {now} AND NOT EXISTS \
         (SELECT 1 FROM {job} AS part WHERE part.{batch} = {job}.{after} AND part.{finished} IS NULL)",
        now = now(backend)
    )
}

/// Counts the jobs state by state, each by the index of its state: those that succeeded are many, and are not looked at.
pub(super) async fn depths(transaction: &mut Transaction) -> Result<Vec<Depth>, StoreError> {
    let mut sql = transaction.sql();
    let backend = sql.backend();
    let texts = ["queue", "name", "state"].map(|column| backend.as_text(&backend.quote(column))).join(", ");
    let groups = ["queue", "name", "state"].map(|column| backend.quote(column)).join(", ");
    let count = backend.as_text("COUNT(*)");
    for (index, state) in COUNTED.into_iter().enumerate() {
        sql.push(if index == 0 { "" } else { " UNION ALL " }).push(&format!("SELECT {texts}, {count} FROM "));
        sql.name(JOB).push(" WHERE ").name("state").push(&format!(" = '{state}' GROUP BY {groups}"));
    }
    let depth = |row: Vec<Option<String>>| {
        let state = state(&cell::<String>(&row, 2)?)?;
        Ok(Depth { queue: cell(&row, 0)?, name: cell(&row, 1)?, state, jobs: cell(&row, 3)? })
    };
    transaction.load(sql).await?.into_iter().map(depth).collect()
}
