//! What operators do to a job.

use taskserver_store::{Backend, StoreError, Transaction};

use super::finish::push_end;
use super::{JOB, cell, notify, now, state};
use crate::JobState;

pub(super) async fn cancel(transaction: &mut Transaction, id: &str) -> Result<Option<JobState>, StoreError> {
    let found = find(transaction, id).await?;
    if let Some((state, _)) = found
        && !matches!(state, JobState::Succeeded | JobState::Dead | JobState::Cancelled)
    {
        let mut sql = transaction.sql();
        push_end(&mut sql, "cancelled");
        sql.push(" WHERE ").name("id").push(" = ").text(id);
        transaction.execute(sql).await?;
    }
    Ok(found.map(|(state, _)| state))
}

pub(super) async fn retry(transaction: &mut Transaction, id: &str) -> Result<Option<JobState>, StoreError> {
    let found = find(transaction, id).await?;
    if let Some((JobState::Dead | JobState::Cancelled | JobState::Scheduled, queue)) = &found {
        let mut sql = transaction.sql();
        let now = now(sql.backend());
        sql.push("UPDATE ").name(JOB).push(" SET ").name("state").push(" = 'queued', ").name("runAt");
        sql.push(&format!(" = {now}, ")).name("finishedAt").push(" = NULL, ").name("maxAttempts").push(" = CASE WHEN ");
        sql.name("maxAttempts").push(" > ").name("attempt").push(" THEN ").name("maxAttempts").push(" ELSE ");
        sql.name("attempt").push(" + 1 END WHERE ").name("id").push(" = ").text(id);
        transaction.execute(sql).await?;
        notify(transaction, [queue.as_str()]).await?;
    }
    Ok(found.map(|(state, _)| state))
}

/// The state and queue of a job, which is locked until the transaction ends.
async fn find(transaction: &mut Transaction, id: &str) -> Result<Option<(JobState, String)>, StoreError> {
    let mut sql = transaction.sql();
    let backend = sql.backend();
    let columns = ["state", "queue"].map(|column| backend.as_text(&backend.quote(column))).join(", ");
    sql.push(&format!("SELECT {columns} FROM ")).name(JOB).push(" WHERE ").name("id").push(" = ").text(id);
    if backend != Backend::Sqlite {
        sql.push(" FOR UPDATE");
    }
    let row = transaction.load(sql).await?.into_iter().next();
    row.map(|row| Ok((state(&cell::<String>(&row, 0)?)?, cell(&row, 1)?))).transpose()
}
