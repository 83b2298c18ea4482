//! Taking jobs.

use std::time::Duration;

use taskserver_store::{Backend, StoreError, Transaction};

use super::{JOB, cell, later, moment, now, push_in, texts};
use crate::{AttemptId, Taken, Wanted};

pub(super) async fn take(transaction: &mut Transaction, wanted: &Wanted<'_>) -> Result<Vec<Taken>, StoreError> {
    let mut sql = transaction.sql();
    let backend = sql.backend();
    let columns = ["id", "attempt", "name", "payload", "maxAttempts", "runAt"];
    let columns = texts(backend, &columns);
    sql.push(&format!("SELECT {columns}, {} FROM ", backend.as_text(now(backend)))).name(JOB);
    if backend == Backend::Mysql {
        // The order of this index is the order that is asked for; without statistics MySQL may think otherwise.
        sql.push(" FORCE INDEX (").name("job_queued").push(")");
    }
    sql.push(" WHERE ")
        .name("queue")
        .push(" = ")
        .text(wanted.queue)
        .push(" AND ")
        .name("state")
        .push(" = 'queued' AND ");
    push_in(&mut sql, "name", wanted.names.iter().copied());
    sql.push(" AND ").name("runAt").push(&format!(" <= {} ORDER BY ", now(backend)));
    sql.name("priority").push(", ").name("runAt").push(", ").name("id");
    sql.push(&format!(" LIMIT {}{}", wanted.limit, backend.skip_locked()));
    let rows = transaction.load(sql).await?;
    let taken = rows.into_iter().map(taken).collect::<Result<Vec<_>, _>>()?;
    if taken.is_empty() {
        return Ok(taken);
    }
    let mut sql = transaction.sql();
    sql.push("UPDATE ").name(JOB).push(" SET ").name("state").push(" = 'running', ");
    sql.name("attempt").push(" = ").name("attempt").push(" + 1, ").name("worker").push(" = ").text(wanted.worker);
    sql.push(", ").name("startedAt").push(&format!(" = {}, ", now(backend)));
    sql.name("leaseUntil").push(&format!(" = {} WHERE ", later(backend, wanted.lease)));
    push_in(&mut sql, "id", taken.iter().map(|taken| &*taken.attempt.job));
    transaction.execute(sql).await?;
    Ok(taken)
}

fn taken(row: Vec<Option<String>>) -> Result<Taken, StoreError> {
    let attempt: u32 = cell(&row, 1)?;
    let moment = |index: usize| row.get(index)?.as_deref().and_then(moment);
    let waited = moment(6).zip(moment(5)).map(|(now, since)| now.duration_since(since));
    Ok(Taken {
        attempt: AttemptId { job: cell::<String>(&row, 0)?.into(), number: attempt + 1 },
        name: cell(&row, 2)?,
        payload: cell(&row, 3)?,
        max_attempts: cell(&row, 4)?,
        waited: waited.and_then(|waited| Duration::try_from(waited).ok()).unwrap_or_default(),
    })
}
