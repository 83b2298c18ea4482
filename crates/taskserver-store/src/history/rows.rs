//! The rows of `task-run`, and the statements about them.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use taskserver_core::{Field, FieldType, LastRuns, LeadershipState, Outcome, Run, Schema};
use uuid::Uuid;

use super::TASK_RUN;
use crate::sql::{Row, bounded, read_moment};
use crate::{Backend, DELETE_BATCH, Retention, Sql, StoreError};

/// The columns, in the order in which rows are written and read.
const COLUMNS: [&str; 14] = [
    "id",
    "task",
    "scheduled",
    "trigger",
    "started",
    "finished",
    "durationMicros",
    "outcome",
    "interrupted",
    "attempt",
    "instance",
    "term",
    "result",
    "error",
];

/// The greatest length of a result as JSON, in bytes: a longer one is left out.
const MAX_RESULT: usize = 16 * 1024;
/// The greatest length of an error, in characters: a longer one is cut.
const MAX_ERROR: usize = 4000;
const MAX_INSTANCE: usize = 255;

/// What a run is that has a row, but that nobody carries out any more.
const LOST: &str = "its process died, or ceased to lead, while it was in progress";

/// The fields of the service `task-run`. `result` is JSON, as text.
pub(crate) fn task_run_schema() -> Schema {
    let number = FieldType::Integer { min: 0, max: i64::MAX };
    let name = FieldType::String { max: 16 };
    Schema::new([
        Field::required("id", FieldType::ID),
        Field::required("task", FieldType::String { max: 63 }),
        Field::required("scheduled", FieldType::DateTime),
        Field::required("trigger", name),
        Field::required("started", FieldType::DateTime),
        Field::nullable("finished", FieldType::DateTime),
        Field::nullable("durationMicros", number),
        Field::nullable("outcome", name),
        Field::required("interrupted", FieldType::Boolean),
        Field::required("attempt", number),
        Field::required("instance", FieldType::TEXT),
        Field::nullable("term", number),
        Field::nullable("result", FieldType::String { max: MAX_RESULT as u32 }),
        Field::nullable("error", FieldType::String { max: MAX_ERROR as u32 }),
    ])
}

/// Stores runs, each in the place of its older record if there is one. No two of them are the same.
pub(super) fn upsert(backend: Backend, runs: &[Run]) -> Sql {
    let mut sql = Sql::new(backend);
    sql.push("INSERT INTO ").name(TASK_RUN);
    for (index, column) in COLUMNS.into_iter().enumerate() {
        sql.push(if index == 0 { " (" } else { ", " }).name(column);
    }
    sql.push(") VALUES ");
    for (index, run) in runs.iter().enumerate() {
        sql.push(if index == 0 { "(" } else { ", (" });
        push_values(&mut sql, run);
        sql.push(")");
    }
    sql.push(match backend {
        Backend::Sqlite | Backend::Postgres => " ON CONFLICT (id) DO UPDATE SET ",
        Backend::Mysql => " ON DUPLICATE KEY UPDATE ",
    });
    for (index, column) in COLUMNS.into_iter().skip(1).map(|column| backend.quote(column)).enumerate() {
        sql.push(if index == 0 { "" } else { ", " });
        sql.push(&match backend {
            Backend::Sqlite | Backend::Postgres => format!("{column} = excluded.{column}"),
            Backend::Mysql => format!("{column} = VALUES({column})"),
        });
    }
    sql
}

fn push_values(sql: &mut Sql, run: &Run) {
    sql.text(run.id.to_string()).push(", ").text(&run.task).push(", ").moment(run.scheduled).push(", ");
    sql.text(name(json!(run.trigger))).push(", ").moment(run.started).push(", ");
    push_optional(sql, run.finished, Sql::moment);
    let micros = run.duration.map(|duration| i64::try_from(duration.as_micros()).unwrap_or(i64::MAX));
    push_optional(sql, micros, Sql::integer);
    push_optional(sql, run.outcome.map(|outcome| name(json!(outcome))), Sql::text);
    sql.push(if run.interrupted { "TRUE, " } else { "FALSE, " }).integer(run.attempt.into()).push(", ");
    sql.text(bounded(&run.instance, MAX_INSTANCE)).push(", ");
    push_optional(sql, run.term.and_then(|term| i64::try_from(term).ok()), Sql::integer);
    push_optional(sql, result(&run.result), Sql::text);
    match &run.error {
        Some(error) => sql.text(bounded(error, MAX_ERROR)),
        None => sql.push("NULL"),
    };
}

fn push_optional<T>(sql: &mut Sql, value: Option<T>, push: impl FnOnce(&mut Sql, T) -> &mut Sql) {
    match value {
        Some(value) => push(sql, value),
        None => sql.push("NULL"),
    }
    .push(", ");
}

fn result(result: &Value) -> Option<String> {
    if result.is_null() {
        return None;
    }
    let text = result.to_string();
    if text.len() <= MAX_RESULT {
        // PostgreSQL keeps no NUL; JSON writes it as an escape, which is kept.
        return Some(text);
    }
    Some(json!({ "omitted": format!("a result of {} bytes", text.len()) }).to_string())
}

/// The name that a trigger or an outcome has as JSON.
fn name(value: Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The runs of a task, newest first.
pub(super) fn recent(backend: Backend, task: &str, limit: usize) -> Sql {
    let columns: Vec<String> = COLUMNS.into_iter().map(|column| backend.as_text(&backend.quote(column))).collect();
    let mut sql = Sql::new(backend);
    sql.push(&format!("SELECT {} FROM ", columns.join(", "))).name(TASK_RUN).push(" WHERE ").name("task");
    sql.push(" = ").text(task).push(" ORDER BY ").name("started").push(" DESC, ").name("id").push(" DESC");
    sql.push(&format!(" LIMIT {limit}"));
    sql
}

/// Reads a row of [`recent`].
pub(super) fn run(Row(cells): Row) -> Result<Run, StoreError> {
    let broken = |column: &str| StoreError::Answer(format!("a row of `{TASK_RUN}` has no fitting `{column}`"));
    let cell = |column: &str| {
        let index = COLUMNS.iter().position(|name| *name == column);
        index.and_then(|index| cells.get(index)).and_then(Option::as_deref)
    };
    let text = |column| cell(column).ok_or_else(|| broken(column));
    let moment = |column| read_moment(text(column)?).ok_or_else(|| broken(column));
    let number = |column| cell(column).map(|text| text.parse::<u64>().map_err(|_| broken(column))).transpose();
    let outcome = |text: &str| serde_json::from_value::<Outcome>(text.into()).map_err(|_| broken("outcome"));
    Ok(Run {
        id: Uuid::parse_str(text("id")?).map_err(|_| broken("id"))?,
        task: text("task")?.to_owned(),
        scheduled: moment("scheduled")?,
        trigger: serde_json::from_value(text("trigger")?.into()).map_err(|_| broken("trigger"))?,
        started: moment("started")?,
        finished: cell("finished").map(|_| moment("finished")).transpose()?,
        duration: number("durationMicros")?.map(Duration::from_micros),
        attempt: number("attempt")?.and_then(|attempt| attempt.try_into().ok()).ok_or_else(|| broken("attempt"))?,
        instance: text("instance")?.to_owned(),
        term: number("term")?,
        outcome: cell("outcome").map(outcome).transpose()?,
        interrupted: matches!(text("interrupted")?, "1" | "true"),
        error: cell("error").map(str::to_owned),
        result: cell("result").map_or(Ok(Value::Null), serde_json::from_str).map_err(|_| broken("result"))?,
    })
}

/// What says of a row that it is of a run that ended and was not asked for by hand.
fn ended(backend: Backend) -> String {
    format!("{} IS NOT NULL AND {} <> 'manual'", backend.quote("outcome"), backend.quote("trigger"))
}

/// What is known of the last runs of each task until now.
pub(super) fn last_runs(backend: Backend, now: Timestamp) -> Sql {
    let [task, scheduled, outcome, interrupted] =
        ["task", "scheduled", "outcome", "interrupted"].map(|name| backend.quote(name));
    let of = |aggregate: &str, condition: &str| {
        backend.as_text(&format!("{aggregate}(CASE WHEN {condition} THEN {scheduled} END)"))
    };
    let mut sql = Sql::new(backend);
    sql.push(&format!(
        "SELECT {}, {}, {}, {}, {} FROM (SELECT * FROM ",
        backend.as_text(&format!("MIN({task})")),
        of("MAX", &format!("NOT {interrupted}")),
        of("MAX", &format!("{outcome} = 'succeeded'")),
        of("MIN", &interrupted),
        backend.as_text(&format!("MIN({scheduled})")),
    ));
    sql.name(TASK_RUN).push(&format!(" WHERE {} AND {scheduled} <= ", ended(backend))).moment(now);
    sql.push(&format!(") AS past GROUP BY {task}"));
    sql
}

/// The settled times after now, by task, earliest first.
pub(super) fn ahead(backend: Backend, now: Timestamp) -> Sql {
    let [task, scheduled, interrupted] = ["task", "scheduled", "interrupted"].map(|name| backend.quote(name));
    let mut sql = Sql::new(backend);
    sql.push(&format!("SELECT {}, {} FROM ", backend.as_text(&task), backend.as_text(&scheduled)));
    sql.name(TASK_RUN).push(&format!(" WHERE {} AND NOT {interrupted} AND {scheduled} > ", ended(backend)));
    sql.moment(now).push(&format!(" ORDER BY {scheduled} LIMIT {}", LastRuns::MOST_AHEAD));
    sql
}

/// Reads a row of [`ahead`].
pub(super) fn settled_ahead(Row(cells): Row) -> Result<(String, Timestamp), StoreError> {
    let broken = || StoreError::Answer(format!("a row of `{TASK_RUN}` is broken: {cells:?}"));
    let [Some(task), Some(scheduled)] = &cells[..] else { return Err(broken()) };
    Ok((task.clone(), read_moment(scheduled).ok_or_else(broken)?))
}

/// Reads a row of [`last_runs`].
pub(super) fn last_run(Row(cells): Row) -> Result<(String, LastRuns), StoreError> {
    let broken = || StoreError::Answer(format!("the last runs in `{TASK_RUN}` are broken: {cells:?}"));
    let [Some(task), settled, succeeded, interrupted, first] = &cells[..] else { return Err(broken()) };
    let moment = |cell: &Option<String>| cell.as_deref().map(|text| read_moment(text).ok_or_else(broken)).transpose();
    let (settled, succeeded, interrupted) = (moment(settled)?, moment(succeeded)?, moment(interrupted)?);
    Ok((task.clone(), LastRuns { settled, succeeded, interrupted, first: moment(first)?, ahead: Vec::new() }))
}

/// Marks as lost what is in progress, though it cannot be so now that the process of this name is `leading`. What the process
/// itself has in progress is left alone.
pub(super) fn recover(
    backend: Backend,
    instance: &str,
    leading: LeadershipState,
    in_progress: &[Uuid],
    now: Timestamp,
) -> Result<Sql, StoreError> {
    let mut sql = Sql::new(backend);
    sql.push("UPDATE ").name(TASK_RUN).push(" SET ").name("outcome").push(" = 'lost', ").name("interrupted");
    sql.push(" = TRUE, ").name("finished").push(" = ").moment(now).push(", ").name("error").push(" = ").text(LOST);
    sql.push(" WHERE ").name("outcome").push(" IS NULL");
    match leading {
        // There is no other process.
        LeadershipState::Always => {}
        LeadershipState::Following => {
            sql.push(" AND ").name("instance").push(" = ").text(bounded(instance, MAX_INSTANCE));
        }
        LeadershipState::Leading { term } => {
            let term = i64::try_from(term).map_err(|_| StoreError::Answer(format!("{term} is no term")))?;
            sql.push(" AND (").name("instance").push(" = ").text(bounded(instance, MAX_INSTANCE)).push(" OR ");
            sql.name("term").push(" < ").integer(term).push(")");
        }
    }
    for (index, id) in in_progress.iter().enumerate() {
        if index == 0 {
            sql.push(" AND ").name("id").push(" NOT IN (");
        } else {
            sql.push(", ");
        }
        sql.text(id.to_string());
    }
    sql.push(if in_progress.is_empty() { "" } else { ")" });
    Ok(sql)
}

/// The ids of a batch of rows that are not kept. The last run of each task is always kept that stands for its scheduled time:
/// what was missed is worked out from it.
pub(super) fn expired(backend: Backend, keep: Retention) -> Sql {
    let [id, task, scheduled, started, table] =
        ["id", "task", "scheduled", "started", TASK_RUN].map(|name| backend.quote(name));
    let settled = format!("{} AND NOT {}", ended(backend), backend.quote("interrupted"));
    let mut sql = Sql::new(backend);
    sql.push(&format!(
        "SELECT {id_text} FROM (SELECT {id}, {started}, \
         ROW_NUMBER() OVER (PARTITION BY {task} ORDER BY {started} DESC, {id} DESC) AS place, \
         ROW_NUMBER() OVER (PARTITION BY {task} ORDER BY CASE WHEN {settled} THEN 0 ELSE 1 END, {scheduled} DESC) \
         AS importance FROM {table}) AS placed WHERE importance > 1 AND (1 = 0",
        id_text = backend.as_text(&id),
    ));
    if let Some(since) = keep.since {
        sql.push(&format!(" OR {started} < ")).moment(since);
    }
    if let Some(newest) = keep.newest {
        sql.push(" OR place > ").integer(i64::try_from(newest).unwrap_or(i64::MAX));
    }
    sql.push(&format!(") LIMIT {DELETE_BATCH}"));
    sql
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_and_results_that_are_too_long_left_out() {
        assert_eq!(bounded("abc", 3), "abc");
        assert_eq!(bounded("äbcd", 3), "äb…");
        assert_eq!(bounded("a\0b", 3), "ab");
        assert_eq!(result(&Value::Null), None);
        assert_eq!(result(&json!({"rows": 3})).as_deref(), Some(r#"{"rows":3}"#));
        let long = json!("x".repeat(MAX_RESULT));
        assert_eq!(result(&long).as_deref(), Some(r#"{"omitted":"a result of 16386 bytes"}"#));
    }
}
