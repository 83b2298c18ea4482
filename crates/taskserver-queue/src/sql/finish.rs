//! Storing how attempts ended, and renewing those that have not.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use taskserver_store::{Sql, StoreError, Transaction};

use super::schema::MAX_ERROR;
use super::{JOB, later, now, push_in};
use crate::{AttemptId, End};

/// Stores the ends of attempts, and answers those that are refused.
pub(super) async fn finish(
    transaction: &mut Transaction,
    ends: &[(AttemptId, End)],
    keep_succeeded: bool,
) -> Result<Vec<AttemptId>, StoreError> {
    let succeeded: Vec<&AttemptId> =
        ends.iter().filter(|(_, end)| *end == End::Succeeded).map(|(attempt, _)| attempt).collect();
    let mut refused = Vec::new();
    for (number, attempts) in by_number(&succeeded) {
        let mut changed = 0;
        if !keep_succeeded {
            let mut sql = transaction.sql();
            sql.push("DELETE FROM ").name(JOB);
            push_held(&mut sql, number, &attempts);
            // A key with a window outlives the job.
            sql.push(" AND ").name("uniqueUntil").push(" IS NULL");
            changed += transaction.execute(sql).await?;
        }
        if changed < attempts.len() as u64 {
            let mut sql = transaction.sql();
            push_end(&mut sql, "succeeded");
            push_held(&mut sql, number, &attempts);
            changed += transaction.execute(sql).await?;
        }
        if changed < attempts.len() as u64 {
            refused.extend(missing(transaction, number, &attempts, "succeeded").await?);
        }
    }
    for (attempt, end) in ends {
        let (mut sql, state) = (transaction.sql(), end_state(end));
        let backend = sql.backend();
        match end {
            End::Succeeded => continue,
            End::Retry { after, error } => {
                sql.push("UPDATE ").name(JOB).push(" SET ").name("state").push(" = 'scheduled', ");
                sql.name("leaseUntil").push(" = NULL, ").name("error").push(" = ").text(bounded(error)).push(", ");
                sql.name("runAt").push(&format!(" = {}", later(backend, *after)));
            }
            End::Dead { error } => {
                push_end(&mut sql, "dead");
                sql.push(", ").name("error").push(" = ").text(bounded(error));
            }
            End::GivenBack => {
                // The attempt is not the job's fault, and not counted: its number stays taken, so that there is one more.
                sql.push("UPDATE ").name(JOB).push(" SET ").name("state").push(" = 'queued', ");
                sql.name("leaseUntil")
                    .push(" = NULL, ")
                    .name("maxAttempts")
                    .push(" = ")
                    .name("maxAttempts")
                    .push(" + 1");
            }
        }
        push_held(&mut sql, attempt.number, &[attempt]);
        if transaction.execute(sql).await? == 0 {
            refused.extend(missing(transaction, attempt.number, &[attempt], state).await?);
        }
    }
    Ok(refused)
}

/// Renews leases, and answers the attempts whose job is no longer theirs.
pub(super) async fn renew(
    transaction: &mut Transaction,
    attempts: &[AttemptId],
    lease: Duration,
) -> Result<Vec<AttemptId>, StoreError> {
    let attempts: Vec<&AttemptId> = attempts.iter().collect();
    let mut lost = Vec::new();
    for (number, attempts) in by_number(&attempts) {
        let mut sql = transaction.sql();
        let until = later(sql.backend(), lease);
        sql.push("UPDATE ").name(JOB).push(" SET ").name("leaseUntil").push(&format!(" = {until}"));
        push_held(&mut sql, number, &attempts);
        if transaction.execute(sql).await? < attempts.len() as u64 {
            lost.extend(missing(transaction, number, &attempts, "running").await?);
        }
    }
    Ok(lost)
}

/// Attempts of the same number share a statement: nearly all are first ones.
fn by_number<'a>(attempts: &[&'a AttemptId]) -> BTreeMap<u32, Vec<&'a AttemptId>> {
    let mut groups: BTreeMap<u32, Vec<&AttemptId>> = BTreeMap::new();
    for &attempt in attempts {
        groups.entry(attempt.number).or_default().push(attempt);
    }
    groups
}

/// Begins the statement by which a job comes to its end.
pub(super) fn push_end(sql: &mut Sql, state: &str) {
    let now = now(sql.backend());
    sql.push("UPDATE ").name(JOB).push(" SET ").name("state").push(&format!(" = '{state}', "));
    sql.name("finishedAt").push(&format!(" = {now}, ")).name("leaseUntil").push(" = NULL, ");
    // A key with a window outlives the end of its job.
    sql.name("uniqueKey").push(" = CASE WHEN ").name("uniqueUntil").push(" IS NULL THEN NULL ELSE ");
    sql.name("uniqueKey").push(" END");
}

/// The fence: of these jobs, those that still run in this attempt.
pub(super) fn push_held(sql: &mut Sql, number: u32, attempts: &[&AttemptId]) {
    sql.push(" WHERE ").name("state").push(" = 'running' AND ");
    sql.name("attempt").push(&format!(" = {number} AND "));
    push_in(sql, "id", attempts.iter().map(|attempt| &*attempt.job));
}

/// Those attempts whose job is not in this state by them. A statement whose answer was lost is run again: what it has done then
/// is no refusal.
async fn missing(
    transaction: &mut Transaction,
    number: u32,
    attempts: &[&AttemptId],
    state: &str,
) -> Result<Vec<AttemptId>, StoreError> {
    let mut sql = transaction.sql();
    let id = sql.backend().as_text(&sql.backend().quote("id"));
    sql.push(&format!("SELECT {id} FROM ")).name(JOB).push(" WHERE ").name("state").push(&format!(" = '{state}' AND "));
    sql.name("attempt").push(&format!(" = {number} AND "));
    push_in(&mut sql, "id", attempts.iter().map(|attempt| &*attempt.job));
    let theirs: BTreeSet<String> = transaction.load(sql).await?.into_iter().flatten().flatten().collect();
    Ok(attempts.iter().filter(|attempt| !theirs.contains(&*attempt.job)).map(|&attempt| attempt.clone()).collect())
}

fn end_state(end: &End) -> &'static str {
    match end {
        End::Succeeded => "succeeded",
        End::Retry { .. } => "scheduled",
        End::Dead { .. } => "dead",
        End::GivenBack => "queued",
    }
}

/// The text without NUL, which PostgreSQL does not keep, and cut.
fn bounded(text: &str) -> String {
    text.chars().filter(|character| *character != '\0').take(MAX_ERROR).collect()
}
