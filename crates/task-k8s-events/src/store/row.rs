//! How events and gaps are written as rows.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::tz::Offset;
use taskserver_store::{Backend, ColumnType, Value};
use uuid::Uuid;

use super::schema::{K8S_EVENT, MAX_TEXT};
use crate::event::bounded;
use crate::{Change, ChangeKind, Gap};

/// The namespace of the UUIDv5 that rows are known by.
const NAMESPACE: Uuid = Uuid::from_u128(0x6f1c_8f0e_3c5a_4d0b_9b7e_5a2d_0c41_77e9);

/// The id of an event.
pub(super) fn event_id(cluster: &str, uid: &str) -> String {
    id([cluster, uid])
}

/// An id that is made of these parts, none of which holds NUL.
fn id<const N: usize>(parts: [&str; N]) -> String {
    Uuid::new_v5(&NAMESPACE, parts.join("\0").as_bytes()).to_string()
}

/// The columns of an event.
pub(super) const EVENT_COLUMNS: [(&str, ColumnType); 33] = {
    use ColumnType::{Integer, Moment, Text};
    [
        ("id", Text),
        ("cluster", Text),
        ("uid", Text),
        ("namespace", Text),
        ("name", Text),
        ("involvedKind", Text),
        ("involvedNamespace", Text),
        ("involvedName", Text),
        ("involvedUid", Text),
        ("involvedFieldPath", Text),
        ("involvedApiVersion", Text),
        ("type", Text),
        ("reason", Text),
        ("message", Text),
        ("action", Text),
        ("count", Integer),
        ("seriesCount", Integer),
        ("seriesLastObserved", Moment),
        ("firstSeen", Moment),
        ("lastSeen", Moment),
        ("eventTime", Moment),
        ("creationTime", Moment),
        ("sourceComponent", Text),
        ("sourceHost", Text),
        ("reportingComponent", Text),
        ("reportingInstance", Text),
        ("time", Moment),
        ("occurrences", Integer),
        ("deletedAt", Moment),
        ("createdAt", Moment),
        ("updatedAt", Moment),
        // These two are last, because MySQL sets columns one after the other: see `replace_mysql`.
        (VERSION, Text),
        (VERSION_NUMBER, Integer),
    ]
};

/// The values of an event, in the order of the columns.
pub(super) fn event_values<'a>(id: &'a str, change: &'a Change) -> Vec<Value<'a>> {
    let event = &change.event;
    let involved = &event.involved;
    vec![
        Value::Text(id.into()),
        text(&event.cluster),
        text(&event.uid),
        text(&event.namespace),
        text(&event.name),
        text(&involved.kind),
        optional(&involved.namespace),
        text(&involved.name),
        optional(&involved.uid),
        optional(&involved.field_path),
        optional(&involved.api_version),
        text(&event.type_),
        text(&event.reason),
        Value::Text(without_nul(&event.message)),
        optional(&event.action),
        integer(event.count),
        integer(event.series.map(|series| series.count)),
        moment(event.series.and_then(|series| series.last_observed)),
        moment(event.first_seen),
        moment(event.last_seen),
        moment(event.event_time),
        moment(event.created),
        optional(&event.source_component),
        optional(&event.source_host),
        optional(&event.reporting_component),
        optional(&event.reporting_instance),
        Value::Moment(storable(event.time()).unwrap_or(event.received)),
        Value::Integer(event.occurrences()),
        if change.kind == ChangeKind::Deleted { Value::Moment(event.received) } else { Value::Null },
        Value::Moment(event.received),
        Value::Moment(event.received),
        text(event.resource_version.as_str()),
        integer(event.resource_version.number().and_then(|number| number.try_into().ok())),
    ]
}

const VERSION: &str = "resourceVersion";
const VERSION_NUMBER: &str = "resourceVersionNumber";

/// The id of a gap: the same gap has the same one.
pub(super) fn gap_id(cluster: &str, gap: &Gap) -> String {
    let [from, to] = [gap.from.at.to_string(), gap.to.at.to_string()];
    id([cluster, gap.namespace.as_deref().unwrap_or_default(), &from, &to, &gap.why.to_string()])
}

/// The columns of a gap.
pub(super) const GAP_COLUMNS: [(&str, ColumnType); 10] = {
    use ColumnType::{Moment, Text};
    [
        ("id", Text),
        ("cluster", Text),
        ("namespace", Text),
        ("from", Moment),
        ("fromVersion", Text),
        ("to", Moment),
        ("toVersion", Text),
        ("why", Text),
        ("createdAt", Moment),
        ("updatedAt", Moment),
    ]
};

/// The values of a gap, in the order of the columns.
pub(super) fn gap_values<'a>(cluster: &'a str, gap: &'a Gap, now: Timestamp) -> Vec<Value<'a>> {
    vec![
        Value::Text(gap_id(cluster, gap).into()),
        text(cluster),
        optional(&gap.namespace),
        Value::Moment(gap.from.at),
        text(gap.from.resource_version.as_str()),
        Value::Moment(gap.to.at),
        text(gap.to.resource_version.as_str()),
        Value::Text(gap.why.to_string().into()),
        Value::Moment(now),
        Value::Moment(now),
    ]
}

/// What makes the insertion of an event that is there replace it by a newer version. The database itself compares the versions,
/// for whoever else may write at the same time.
pub(super) fn on_conflict(backend: Backend) -> String {
    match backend {
        Backend::Sqlite | Backend::Postgres => replace(backend),
        Backend::Mysql => replace_mysql(),
    }
}

/// The columns that a newer version of an event changes.
fn changing() -> impl Iterator<Item = &'static str> {
    EVENT_COLUMNS.iter().map(|(name, _)| *name).filter(|name| !["id", "cluster", "uid", "createdAt"].contains(name))
}

fn replace(backend: Backend) -> String {
    let set = changing().map(|name| backend.quote(name)).map(|name| format!("{name} = excluded.{name}"));
    let [table, version, number] = [K8S_EVENT, VERSION, VERSION_NUMBER].map(|name| backend.quote(name));
    let newer = newer(
        [&format!("excluded.{version}"), &format!("{table}.{version}")],
        [&format!("excluded.{number}"), &format!("{table}.{number}")],
    );
    format!(" ON CONFLICT (id) DO UPDATE SET {} WHERE {newer}", set.collect::<Vec<_>>().join(", "))
}

/// MySQL knows no condition there: each column is set to its new or its old value. It sets one after the other, and a later one
/// sees what the earlier are by then. So the version is compared before it is set; and after it, that it is the new one says as
/// much.
fn replace_mysql() -> String {
    let [version, number] = [VERSION, VERSION_NUMBER].map(|name| Backend::Mysql.quote(name));
    let newer = newer([&format!("VALUES({version})"), &version], [&format!("VALUES({number})"), &number]);
    let same = format!("{version} = VALUES({version})");
    let set = changing().map(|name| {
        let column = Backend::Mysql.quote(name);
        let condition = if name == VERSION_NUMBER { &same } else { &newer };
        format!("{column} = IF({condition}, VALUES({column}), {column})")
    });
    format!(" ON DUPLICATE KEY UPDATE {}", set.collect::<Vec<_>>().join(", "))
}

/// The condition that a version replaces another one, as [`ResourceVersion::replaces`](crate::ResourceVersion::replaces) says.
fn newer([new, old]: [&str; 2], [new_number, old_number]: [&str; 2]) -> String {
    format!(
        "CASE WHEN {new_number} IS NOT NULL AND {old_number} IS NOT NULL THEN {new_number} > {old_number} \
         ELSE {new} <> {old} END"
    )
}

fn text(value: &str) -> Value<'_> {
    Value::Text(column_text(value))
}

fn optional(value: &Option<String>) -> Value<'_> {
    value.as_deref().map_or(Value::Null, text)
}

fn integer(value: Option<i64>) -> Value<'static> {
    value.map_or(Value::Null, Value::Integer)
}

fn moment(value: Option<Timestamp>) -> Value<'static> {
    value.and_then(storable).map_or(Value::Null, Value::Moment)
}

/// A text as a column holds it: no field of an event that the API server has checked is too long for one.
pub(super) fn column_text(value: &str) -> Cow<'_, str> {
    match without_nul(value) {
        value if value.len() <= MAX_TEXT as usize => value,
        value => bounded(value.into_owned(), MAX_TEXT as usize).into(),
    }
}

/// PostgreSQL stores no NUL.
fn without_nul(value: &str) -> Cow<'_, str> {
    if value.contains('\0') { value.replace('\0', "\u{fffd}").into() } else { value.into() }
}

/// A moment that all the databases can hold.
fn storable(moment: Timestamp) -> Option<Timestamp> {
    (1000..=9999).contains(&Offset::UTC.to_datetime(moment).year()).then_some(moment)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails; clippy.toml excepts only the test functions")]
mod tests {
    use taskserver_store::{Store, StoreOptions};
    use taskserver_tests::for_each_backend;

    use super::*;
    use crate::store::MIGRATIONS;
    use crate::store::write::insert_events;
    use crate::wire::record;
    use crate::{Change, CollectorOptions};

    fn change(version: &str) -> Change {
        let json =
            format!(r#"{{"metadata": {{"uid": "u", "resourceVersion": "{version}"}}, "message": "of {version}"}}"#);
        Change { kind: ChangeKind::Applied, event: record(&json, &CollectorOptions::default()).unwrap() }
    }

    for_each_backend! {
        async fn the_database_itself_keeps_the_newer_version(database: TestDatabase) {
            let store = Store::new(StoreOptions::new(database.url()).unwrap()).unwrap();
            store.migrate_with(MIGRATIONS).await.unwrap();
            for (version, kept) in [
                ("999", "999"),
                ("1000", "1000"),
                ("999", "1000"),
                ("1000", "1000"),
                ("x", "x"),
                ("x", "x"),
                ("7", "7"),
            ] {
                let mut transaction = store.begin().await.unwrap();
                let result = insert_events(&mut transaction, &[("id", &change(version))]).await;
                transaction.conclude(result).await.unwrap();
                let number = kept.parse::<u64>().map_or("NULL".to_owned(), |number| number.to_string());
                assert_eq!(
                    database.query(
                        r#"SELECT "resourceVersion", "message", "resourceVersionNumber" FROM "k8s-event""#
                    ),
                    [[kept.to_owned(), format!("of {kept}"), number]],
                    "after {version}"
                );
            }
        }
    }
}
