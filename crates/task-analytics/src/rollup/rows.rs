//! The rows of roll-ups, and the statements about them.

use jiff::Timestamp;
use taskserver_store::{Backend, Sql, Store, StoreError};
use uuid::{Uuid, uuid};

use super::fold::{Key, Rollup, Rollups};
use super::{PERIODS, ROLLUP};
use crate::ANALYTICS;
use crate::sql::seconds;

/// The namespace of the ids of roll-ups (a random UUID, fixed for ever).
const NAMESPACE: Uuid = uuid!("0c5a5a0a-9f0f-4b51-a9d0-6d2a1c2f9be4");
/// How many rows one statement writes: SQLite takes 32766 values.
const BATCH: usize = 500;
const COLUMNS: [&str; 8] = ["id", "type", "period", "start", "last", "lastAt", "min", "max"];

/// Folds roll-ups into those that are stored, a batch in each transaction.
pub(super) async fn merge(store: &Store, rollups: &Rollups) -> Result<(), StoreError> {
    let rows: Vec<(&Key, &Rollup)> = rollups.0.iter().collect();
    for batch in rows.chunks(BATCH) {
        let mut transaction = store.begin().await?;
        let result = transaction.execute(upsert(store.backend(), batch)).await;
        transaction.conclude(result).await?;
    }
    Ok(())
}

fn upsert(backend: Backend, rows: &[(&Key, &Rollup)]) -> Sql {
    let mut sql = Sql::new(backend);
    sql.push("INSERT INTO ").name(ROLLUP);
    for (index, column) in COLUMNS.into_iter().enumerate() {
        sql.push(if index == 0 { " (" } else { ", " }).name(column);
    }
    sql.push(") VALUES ");
    for (index, (key, rollup)) in rows.iter().enumerate() {
        let id = Uuid::new_v5(&NAMESPACE, format!("{}@{}@{}", key.kind, key.period, key.start).as_bytes());
        let start = Timestamp::from_second(key.start).unwrap_or(Timestamp::MIN);
        sql.push(if index == 0 { "(" } else { ", (" }).text(id.to_string()).push(", ").text(&key.kind).push(", ");
        sql.integer(key.period).push(", ").moment(start).push(", ").integer(rollup.last).push(", ");
        sql.moment(rollup.last_at).push(", ").integer(rollup.min).push(", ").integer(rollup.max).push(")");
    }
    sql.push(match backend {
        Backend::Sqlite | Backend::Postgres => " ON CONFLICT (id) DO UPDATE SET ",
        Backend::Mysql => " ON DUPLICATE KEY UPDATE ",
    });
    let table = backend.quote(ROLLUP);
    let (new, old) = (
        |column: &str| match backend {
            Backend::Sqlite | Backend::Postgres => format!("excluded.{}", backend.quote(column)),
            Backend::Mysql => format!("VALUES({})", backend.quote(column)),
        },
        |column: &str| format!("{table}.{}", backend.quote(column)),
    );
    let mut set = |column: &str, wins: String, separator: &str| {
        let (name, new, old) = (backend.quote(column), new(column), old(column));
        sql.push(&format!("{name} = CASE WHEN {wins} THEN {new} ELSE {old} END{separator}"));
    };
    // MySQL changes the columns one after the other: the time of the last figure comes after what is decided by it.
    let is_later = format!("{} >= {}", new("lastAt"), old("lastAt"));
    set("last", is_later.clone(), ", ");
    set("lastAt", is_later, ", ");
    set("min", format!("{} < {}", new("min"), old("min")), ", ");
    set("max", format!("{} > {}", new("max"), old("max")), "");
    sql
}

/// Rolls up the figures that were created since a moment and whose ids begin between two texts (`None`: as low, or as high, as ids
/// go), in pieces of the shortest length.
pub(super) async fn read(
    store: &Store,
    (from, to): (Option<&str>, Option<&str>),
    since: Timestamp,
    into: &mut Rollups,
) -> Result<(), StoreError> {
    let backend = store.backend();
    let [kind, count, created, id] = ["type", "count", "createdAt", "id"].map(|name| backend.quote(name));
    let piece = whole_pieces(backend, &seconds(backend, &created), PERIODS[0]);
    let mut sql = store.sql();
    sql.push(&format!(
        "SELECT {}, {}, {}, {}, {} FROM (SELECT {kind}, {count}, {created}, {piece} AS piece, ROW_NUMBER() OVER \
         (PARTITION BY {kind}, {piece} ORDER BY {created} DESC, {count} DESC) AS place FROM ",
        backend.as_text(&kind),
        backend.as_text(&format!("MAX(CASE WHEN place = 1 THEN {count} END)")),
        backend.as_text(&format!("MAX({created})")),
        backend.as_text(&format!("MIN({count})")),
        backend.as_text(&format!("MAX({count})")),
    ));
    sql.name(ANALYTICS).push(&format!(" WHERE {kind} IS NOT NULL AND {count} IS NOT NULL AND {created} >= "));
    sql.moment(since);
    for (bound, operator) in [(from, ">="), (to, "<")] {
        if let Some(bound) = bound {
            sql.push(&format!(" AND {id} {operator} ")).text(bound);
        }
    }
    sql.push(&format!(") AS placed GROUP BY {kind}, piece"));
    let mut transaction = store.begin().await?;
    let rows = transaction.load(sql).await;
    for row in transaction.conclude(rows).await? {
        let [Some(kind), Some(last), Some(last_at), Some(min), Some(max)] = &row[..] else { continue };
        let number = |text: &String| text.parse::<i64>().ok();
        if let (Some(last), Some(last_at), Some(min), Some(max)) =
            (number(last), taskserver_store::read_moment(last_at), number(min), number(max))
        {
            into.add(kind, Rollup { last, last_at, min, max });
        }
    }
    Ok(())
}

/// How many whole pieces of this length there are in so many seconds.
fn whole_pieces(backend: Backend, seconds: &str, period: i64) -> String {
    match backend {
        Backend::Sqlite => format!("({seconds} / {period})"),
        Backend::Postgres => format!("FLOOR({seconds} / {period})"),
        Backend::Mysql => format!("({seconds} DIV {period})"),
    }
}

/// Deletes the roll-ups of pieces that began before a moment. A day's are some hundred.
pub(super) async fn prune(store: &Store, before: Timestamp) -> Result<u64, StoreError> {
    let mut sql = store.sql();
    sql.push("DELETE FROM ").name(ROLLUP).push(" WHERE ").name("start").push(" < ").moment(before);
    let mut transaction = store.begin().await?;
    let result = transaction.execute(sql).await;
    transaction.conclude(result).await
}
