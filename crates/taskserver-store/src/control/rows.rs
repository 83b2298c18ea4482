//! The rows of `task-act` and `task-state`, and the statements about them.

use std::time::Duration;

use serde_json::json;
use taskserver_core::{Act, Action, Change, Field, FieldType, Recurrence, Schema, TaskState};
use uuid::Uuid;

use crate::leadership::server_time;
use crate::sql::{Row, bounded, read_moment};
use crate::{Backend, DELETE_BATCH, Retention, Sql, StoreError};

/// The path of the service over what people did to the tasks, and its table.
pub const TASK_ACT: &str = "task-act";

const TASK_STATE: &str = "task-state";

/// The columns of an act, in the order in which they are written and read.
const ACT: [&str; 11] =
    ["id", "task", "action", "recurrence", "by", "reason", "asked", "instance", "finished", "outcome", "detail"];

const STATE: [&str; 9] = [
    "task",
    "pausedBy",
    "pausedReason",
    "pausedAt",
    "recurrence",
    "rescheduledBy",
    "rescheduledReason",
    "rescheduledAt",
    "changed",
];

const MAX_NAME: usize = 255;
const MAX_TEXT: usize = 4000;

/// How many acts are taken up at once.
const TAKEN: usize = 100;

/// The fields of the service `task-act`. `recurrence` is JSON, as text.
pub(crate) fn task_act_schema() -> Schema {
    let (name, text) = (FieldType::String { max: 16 }, FieldType::String { max: MAX_TEXT as u32 });
    Schema::new([
        Field::required("id", FieldType::ID),
        Field::required("task", FieldType::String { max: 63 }),
        Field::required("action", name),
        Field::nullable("recurrence", text),
        Field::required("by", FieldType::TEXT),
        Field::nullable("reason", text),
        Field::required("asked", FieldType::DateTime),
        Field::required("instance", FieldType::TEXT),
        Field::nullable("takenBy", FieldType::TEXT),
        Field::nullable("finished", FieldType::DateTime),
        Field::nullable("outcome", name),
        Field::nullable("detail", text),
    ])
}

/// Records an act. The time at which it was asked is the database's.
pub(super) fn insert(backend: Backend, act: &Act) -> Sql {
    let mut sql = Sql::new(backend);
    sql.push("INSERT INTO ").name(TASK_ACT);
    for (index, column) in ACT.into_iter().enumerate() {
        sql.push(if index == 0 { " (" } else { ", " }).name(column);
    }
    sql.push(") VALUES (").text(act.id.to_string()).push(", ").text(&act.task).push(", ").text(act.action.name());
    sql.push(", ");
    text_or_null(&mut sql, recurrence_text(act)).push(", ").text(bounded(&act.by, MAX_NAME)).push(", ");
    text_or_null(&mut sql, reason_text(act)).push(&format!(", {}, ", server_time(backend)));
    sql.text(bounded(&act.instance, MAX_NAME)).push(", ");
    match act.finished {
        Some(_) => sql.push(server_time(backend)),
        None => sql.push("NULL"),
    };
    sql.push(", ");
    text_or_null(&mut sql, outcome_text(act)).push(", NULL)");
    sql
}

fn recurrence_text(act: &Act) -> Option<String> {
    act.recurrence.as_ref().map(|recurrence| json!(recurrence).to_string())
}

fn reason_text(act: &Act) -> Option<String> {
    act.reason.as_ref().map(|reason| bounded(reason, MAX_TEXT))
}

fn outcome_text(act: &Act) -> Option<String> {
    act.outcome.and_then(|outcome| json!(outcome).as_str().map(str::to_owned))
}

fn text_or_null(sql: &mut Sql, text: Option<String>) -> &mut Sql {
    match text {
        Some(text) => sql.text(text),
        None => sql.push("NULL"),
    }
}

/// Changes the state of an act's task, if the act does that. Only the columns that it is about: others may change the others
/// at the same time.
pub(super) fn change_state(backend: Backend, act: &Act) -> Option<Sql> {
    let change = Some(act);
    let (columns, change, times) = match act.action {
        Action::Pause => (["pausedBy", "pausedReason", "pausedAt"], change, None),
        Action::Resume => (["pausedBy", "pausedReason", "pausedAt"], None, None),
        Action::Schedule => {
            let change = change.filter(|act| act.recurrence.is_some());
            (["rescheduledBy", "rescheduledReason", "rescheduledAt"], change, Some(recurrence_text(act)))
        }
        Action::Trigger | Action::Cancel => return None,
    };
    let changes_times = times.is_some();
    let mut sql = Sql::new(backend);
    sql.push("INSERT INTO ").name(TASK_STATE).push(" (").name("task").push(", ").name("changed");
    for column in columns {
        sql.push(", ").name(column);
    }
    if changes_times {
        sql.push(", ").name("recurrence");
    }
    sql.push(") VALUES (").text(&act.task).push(", ").moment(act.asked).push(", ");
    text_or_null(&mut sql, change.map(|act| bounded(&act.by, MAX_NAME))).push(", ");
    text_or_null(&mut sql, change.and_then(reason_text)).push(", ");
    match change {
        Some(act) => sql.moment(act.asked),
        None => sql.push("NULL"),
    };
    if let Some(times) = times {
        text_or_null(sql.push(", "), times);
    }
    sql.push(match backend {
        Backend::Sqlite | Backend::Postgres => ") ON CONFLICT (task) DO UPDATE SET ",
        Backend::Mysql => ") ON DUPLICATE KEY UPDATE ",
    });
    let changed = ["changed"].into_iter().chain(columns).chain(changes_times.then_some("recurrence"));
    for (index, column) in changed.map(|column| backend.quote(column)).enumerate() {
        sql.push(if index == 0 { "" } else { ", " });
        sql.push(&match backend {
            Backend::Sqlite | Backend::Postgres => format!("{column} = excluded.{column}"),
            Backend::Mysql => format!("{column} = VALUES({column})"),
        });
    }
    Some(sql)
}

fn select(backend: Backend, columns: &[&str], table: &str) -> Sql {
    let columns: Vec<String> = columns.iter().map(|column| backend.as_text(&backend.quote(column))).collect();
    let mut sql = Sql::new(backend);
    sql.push(&format!("SELECT {} FROM ", columns.join(", "))).name(table);
    sql
}

pub(super) fn states(backend: Backend) -> Sql {
    select(backend, &STATE, TASK_STATE)
}

pub(super) fn by_id(backend: Backend, id: Uuid) -> Sql {
    let mut sql = select(backend, &ACT, TASK_ACT);
    sql.push(" WHERE ").name("id").push(" = ").text(id.to_string());
    sql
}

/// A row, if there is an act without an outcome.
pub(super) fn any_open(backend: Backend) -> Sql {
    let mut sql = select(backend, &["id"], TASK_ACT);
    sql.push(" WHERE ").name("finished").push(" IS NULL LIMIT 1");
    sql
}

/// The acts that wait for a leader, oldest first.
pub(super) fn waiting(backend: Backend) -> Sql {
    let mut sql = select(backend, &ACT, TASK_ACT);
    sql.push(" WHERE ").name("finished").push(" IS NULL ORDER BY ").name("asked").push(", ").name("id");
    sql.push(&format!(" LIMIT {TAKEN}"));
    sql
}

/// Marks as lost what was taken up and never concluded: there is one leader, which concludes what it takes before it takes more.
pub(super) fn lose(backend: Backend) -> Sql {
    let detail = "its leader died, or could not reach the database: whether it was done is not known";
    let mut sql = end(backend, "lost", detail);
    sql.push(" AND ").name("takenBy").push(" IS NOT NULL");
    sql
}

/// Marks as expired what has waited for too long.
pub(super) fn expire(backend: Backend, expiry: Duration) -> Sql {
    let seconds = expiry.as_secs();
    let mut sql = end(backend, "expired", "no leader has taken it up in time");
    sql.push(" AND ").name("takenBy").push(" IS NULL AND ").name("asked").push(" < ");
    sql.push(&match backend {
        Backend::Sqlite => format!("strftime('%Y-%m-%d %H:%M:%f', 'now', '-{seconds} seconds')"),
        Backend::Postgres => format!("{} - interval '{seconds} seconds'", server_time(backend)),
        Backend::Mysql => format!("{} - INTERVAL {seconds} SECOND", server_time(backend)),
    });
    sql
}

fn end(backend: Backend, outcome: &str, detail: &str) -> Sql {
    let mut sql = Sql::new(backend);
    sql.push("UPDATE ").name(TASK_ACT).push(" SET ").name("outcome").push(" = ").text(outcome).push(", ");
    sql.name("detail").push(" = ").text(detail).push(", ").name("finished");
    sql.push(&format!(" = {} WHERE ", server_time(backend))).name("finished").push(" IS NULL");
    sql
}

/// Gives acts to a leader.
pub(super) fn take(backend: Backend, acts: &[Act], instance: &str) -> Sql {
    let mut sql = Sql::new(backend);
    sql.push("UPDATE ").name(TASK_ACT).push(" SET ").name("takenBy").push(" = ").text(bounded(instance, MAX_NAME));
    sql.push(" WHERE ").name("id").push(" IN (");
    for (index, act) in acts.iter().enumerate() {
        sql.push(if index == 0 { "" } else { ", " }).text(act.id.to_string());
    }
    sql.push(")");
    sql
}

/// Records what came of an act.
pub(super) fn conclude(backend: Backend, act: &Act) -> Sql {
    let mut sql = Sql::new(backend);
    sql.push("UPDATE ").name(TASK_ACT).push(" SET ").name("outcome").push(" = ");
    text_or_null(&mut sql, outcome_text(act)).push(", ").name("detail").push(" = ");
    text_or_null(&mut sql, act.detail.as_ref().map(|detail| bounded(detail, MAX_TEXT))).push(", ").name("finished");
    sql.push(&format!(" = {} WHERE ", server_time(backend))).name("id").push(" = ").text(act.id.to_string());
    sql
}

/// Reads a row of acts.
pub(super) fn act(cells: Vec<Option<String>>) -> Result<Act, StoreError> {
    let broken = |column: &str| StoreError::Answer(format!("a row of `{TASK_ACT}` has no fitting `{column}`"));
    let cell = |column: &str| {
        let index = ACT.iter().position(|name| *name == column);
        index.and_then(|index| cells.get(index)).cloned().flatten()
    };
    let text = |column| cell(column).ok_or_else(|| broken(column));
    let outcome = |text: String| serde_json::from_value(text.into()).map_err(|_| broken("outcome"));
    Ok(Act {
        id: Uuid::parse_str(&text("id")?).map_err(|_| broken("id"))?,
        task: text("task")?,
        action: Action::named(&text("action")?).ok_or_else(|| broken("action"))?,
        recurrence: cell("recurrence").map(|text| recurrence(&text)).transpose()?,
        by: text("by")?,
        reason: cell("reason"),
        asked: read_moment(&text("asked")?).ok_or_else(|| broken("asked"))?,
        instance: text("instance")?,
        finished: cell("finished").map(|text| read_moment(&text).ok_or_else(|| broken("finished"))).transpose()?,
        outcome: cell("outcome").map(outcome).transpose()?,
        detail: cell("detail"),
    })
}

fn recurrence(text: &str) -> Result<Recurrence, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Answer(format!("'{text}' is no schedule: {error}")))
}

/// Reads a row of [`states`].
pub(super) fn state(Row(cells): Row) -> Result<TaskState, StoreError> {
    let broken = || StoreError::Answer(format!("a row of `{TASK_STATE}` is broken: {cells:?}"));
    let moment = |text: &String| read_moment(text).ok_or_else(broken);
    let change = |cells: &[Option<String>]| -> Result<Option<Change>, StoreError> {
        let [Some(by), reason, Some(at)] = cells else { return Ok(None) };
        Ok(Some(Change { by: by.clone(), reason: reason.clone(), at: moment(at)? }))
    };
    let [Some(task), _, _, _, times, _, _, _, Some(changed)] = &cells[..] else { return Err(broken()) };
    let times = times.as_deref().map(recurrence).transpose()?;
    Ok(TaskState {
        task: task.clone(),
        paused: change(&cells[1..4])?,
        rescheduled: change(&cells[5..8])?.zip(times),
        changed: moment(changed)?,
    })
}

/// The ids of a batch of acts that are not kept.
pub(crate) fn expired(backend: Backend, keep: Retention) -> Sql {
    let [id, task, asked, table] = ["id", "task", "asked", TASK_ACT].map(|name| backend.quote(name));
    let mut sql = Sql::new(backend);
    sql.push(&format!(
        "SELECT {} FROM (SELECT {id}, {asked}, ROW_NUMBER() OVER (PARTITION BY {task} ORDER BY {asked} DESC, {id} DESC) AS place \
         FROM {table} WHERE {} IS NOT NULL) AS placed WHERE 1 = 0",
        backend.as_text(&id),
        backend.quote("finished"),
    ));
    if let Some(since) = keep.since {
        sql.push(&format!(" OR {asked} < ")).moment(since);
    }
    if let Some(newest) = keep.newest {
        sql.push(" OR place > ").integer(i64::try_from(newest).unwrap_or(i64::MAX));
    }
    sql.push(&format!(" LIMIT {DELETE_BATCH}"));
    sql
}
