//! How often events happened by reason and piece of time, so that a chart reads some hundred rows and not a million events.
//!
//! The counts are written in the transaction of the events that they count, by what an event has happened *more* than the stored version
//! of it: each time is counted once, whatever is listed again. An event counts in the piece of time in which it happened last. Counts
//! are kept apart from the events and may outlive them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use taskserver_core::{Field, FieldType, Schema};
use taskserver_store::{Backend, Sql, StoreError, Transaction};
use uuid::{Uuid, uuid};

use super::Outcome;
use super::schema::{K8S_EVENT_COUNT, MAX_TEXT};
use crate::Change;

/// The lengths of the pieces of time, in seconds: an hour, six hours, a day.
pub const COUNT_PERIODS: [i64; 3] = [3600, 21_600, 86_400];

/// The namespace of the ids of counts (a random UUID, fixed for ever).
const NAMESPACE: Uuid = uuid!("b1a9d3f4-52f1-4d5c-9f0e-6a4d3f1f7c11");
/// The most that one event counts at once: reporters write what they like.
const MOST: i64 = 1_000_000_000;
/// How many rows one statement writes.
const BATCH: usize = 500;

/// What is counted: the reason, the type, the length of a piece of time and its start, in seconds.
type Key<'a> = (&'a str, &'a str, i64, i64);

/// The fields of a count: of the events with this `reason` and `type` in the piece of time of `period` seconds from `start` on.
#[must_use]
pub fn count_schema() -> Schema {
    Schema::new([
        Field::required("id", FieldType::ID),
        Field::required("reason", FieldType::TEXT),
        Field::required("type", FieldType::TEXT),
        Field::required("period", FieldType::INT),
        Field::required("start", FieldType::DateTime),
        Field::required("count", FieldType::Integer { min: 0, max: i64::MAX }),
    ])
}

/// Counts what storing has found to be new.
pub(super) async fn add(
    transaction: &mut Transaction,
    changes: &[Change],
    outcomes: &[Outcome],
) -> Result<(), StoreError> {
    let mut counts: BTreeMap<Key<'_>, i64> = BTreeMap::new();
    for (change, outcome) in changes.iter().zip(outcomes) {
        let (Outcome::Created { occurrences } | Outcome::Updated { occurrences }) = *outcome else { continue };
        if occurrences > 0 {
            let event = &change.event;
            let second = event.time().as_second();
            for period in COUNT_PERIODS {
                let start = second.div_euclid(period) * period;
                *counts.entry((&event.reason, &event.type_, period, start)).or_default() += occurrences.min(MOST);
            }
        }
    }
    let counts: Vec<_> = counts.into_iter().collect();
    for batch in counts.chunks(BATCH) {
        transaction.execute(upsert(transaction.sql(), batch)).await?;
    }
    Ok(())
}

fn upsert(mut sql: Sql, counts: &[(Key<'_>, i64)]) -> Sql {
    let backend = sql.backend();
    sql.push("INSERT INTO ").name(K8S_EVENT_COUNT).push(" (id, reason, ").name("type").push(", ").name("period");
    sql.push(", ").name("start").push(", ").name("count").push(") VALUES ");
    for (index, ((reason, kind, period, start), count)) in counts.iter().enumerate() {
        let (reason, kind) = (bounded(reason), bounded(kind));
        let id = Uuid::new_v5(&NAMESPACE, format!("{reason}\0{kind}\0{period}\0{start}").as_bytes());
        sql.push(if index == 0 { "(" } else { ", (" }).text(id.to_string()).push(", ").text(reason).push(", ");
        sql.text(kind).push(", ").integer(*period).push(", ");
        sql.moment(Timestamp::from_second(*start).unwrap_or(Timestamp::MIN)).push(", ").integer(*count).push(")");
    }
    let count = backend.quote("count");
    let table = backend.quote(K8S_EVENT_COUNT);
    sql.push(&match backend {
        Backend::Sqlite | Backend::Postgres => {
            format!(" ON CONFLICT (id) DO UPDATE SET {count} = {table}.{count} + excluded.{count}")
        }
        Backend::Mysql => format!(" ON DUPLICATE KEY UPDATE {count} = {count} + VALUES({count})"),
    });
    sql
}

/// As much of a text as a column holds, without what no database stores.
fn bounded(text: &str) -> String {
    text.chars().filter(|character| *character != '\0').take(MAX_TEXT as usize).collect()
}
