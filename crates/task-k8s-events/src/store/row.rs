//! How events and gaps are written as rows.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use taskserver_store::{Backend, Sql};
use uuid::Uuid;

use super::schema::{K8S_EVENT, K8S_EVENT_GAP, MAX_TEXT};
use crate::event::bounded;
use crate::{Change, ChangeKind, Gap};

/// The namespace of the UUIDv5 that rows are known by.
const NAMESPACE: Uuid = Uuid::from_u128(0x6f1c_8f0e_3c5a_4d0b_9b7e_5a2d_0c41_77e9);

/// How many values a statement may have: SQLite takes 32766, the others 65535.
const MAX_VALUES: usize = 30_000;

/// How large the values of a statement may be, unless one row alone is larger: MySQL takes 4 MiB or more in a packet.
const MAX_BYTES: usize = 1024 * 1024;

/// A value of a column.
pub(super) enum Cell<'a> {
    Null,
    Text(Cow<'a, str>),
    Integer(i64),
    Moment(Timestamp),
}

/// A row: its columns, in the same order for every row of a table.
pub(super) type Row<'a> = Vec<(&'static str, Cell<'a>)>;

/// The id of an event.
pub(super) fn event_id(cluster: &str, uid: &str) -> String {
    id([cluster, uid])
}

/// An id that is made of these parts, none of which holds NUL.
pub(super) fn id<const N: usize>(parts: [&str; N]) -> String {
    Uuid::new_v5(&NAMESPACE, parts.join("\0").as_bytes()).to_string()
}

fn event_row<'a>(id: &'a str, change: &'a Change) -> Row<'a> {
    let event = &change.event;
    let involved = &event.involved;
    let received = Cell::Moment(event.received);
    vec![
        ("id", Cell::Text(id.into())),
        ("cluster", text(&event.cluster)),
        ("uid", text(&event.uid)),
        ("namespace", text(&event.namespace)),
        ("name", text(&event.name)),
        ("involvedKind", text(&involved.kind)),
        ("involvedNamespace", optional(&involved.namespace)),
        ("involvedName", text(&involved.name)),
        ("involvedUid", optional(&involved.uid)),
        ("involvedFieldPath", optional(&involved.field_path)),
        ("involvedApiVersion", optional(&involved.api_version)),
        ("type", text(&event.type_)),
        ("reason", text(&event.reason)),
        ("message", Cell::Text(without_nul(&event.message))),
        ("action", optional(&event.action)),
        ("count", integer(event.count)),
        ("seriesCount", integer(event.series.map(|series| series.count))),
        ("seriesLastObserved", moment(event.series.and_then(|series| series.last_observed))),
        ("firstSeen", moment(event.first_seen)),
        ("lastSeen", moment(event.last_seen)),
        ("eventTime", moment(event.event_time)),
        ("creationTime", moment(event.created)),
        ("sourceComponent", optional(&event.source_component)),
        ("sourceHost", optional(&event.source_host)),
        ("reportingComponent", optional(&event.reporting_component)),
        ("reportingInstance", optional(&event.reporting_instance)),
        ("time", Cell::Moment(storable(event.time()).unwrap_or(event.received))),
        ("occurrences", Cell::Integer(event.occurrences())),
        ("deletedAt", if change.kind == ChangeKind::Deleted { Cell::Moment(event.received) } else { Cell::Null }),
        ("createdAt", Cell::Moment(event.received)),
        ("updatedAt", received),
        // These two are last, because MySQL sets columns one after the other: see `replace_mysql`.
        (VERSION, text(event.resource_version.as_str())),
        (VERSION_NUMBER, integer(event.resource_version.number().and_then(|number| number.try_into().ok()))),
    ]
}

const VERSION: &str = "resourceVersion";
const VERSION_NUMBER: &str = "resourceVersionNumber";

/// The id of a gap: the same gap has the same one.
pub(super) fn gap_id(cluster: &str, gap: &Gap) -> String {
    let [from, to] = [gap.from.at.to_string(), gap.to.at.to_string()];
    id([cluster, gap.namespace.as_deref().unwrap_or_default(), &from, &to, &gap.why.to_string()])
}

fn gap_row<'a>(cluster: &'a str, gap: &'a Gap, now: Timestamp) -> Row<'a> {
    vec![
        ("id", Cell::Text(gap_id(cluster, gap).into())),
        ("cluster", text(cluster)),
        ("namespace", optional(&gap.namespace)),
        ("from", Cell::Moment(gap.from.at)),
        ("fromVersion", text(gap.from.resource_version.as_str())),
        ("to", Cell::Moment(gap.to.at)),
        ("toVersion", text(gap.to.resource_version.as_str())),
        ("why", Cell::Text(gap.why.to_string().into())),
        ("createdAt", Cell::Moment(now)),
        ("updatedAt", Cell::Moment(now)),
    ]
}

/// The statements that store these events: those that are new, and those of which the row is older. The database itself
/// compares the versions, for whoever else may write at the same time.
pub(super) fn upserts(backend: Backend, events: &[(&str, &Change)]) -> Vec<Sql> {
    let mut statements = Vec::new();
    let mut rows = events.iter().map(|(id, change)| event_row(id, change)).peekable();
    while let Some(first) = rows.peek() {
        let names: Vec<&'static str> = first.iter().map(|(name, _)| *name).collect();
        let mut sql = insert_into(backend, K8S_EVENT, &names);
        let (mut values, mut bytes) = (0, 0);
        while let Some(row) = rows.next_if(|row| {
            values += row.len();
            bytes += size(row);
            values == row.len() || (values <= MAX_VALUES && bytes <= MAX_BYTES)
        }) {
            sql.push(if values == row.len() { "" } else { ", " });
            push_values(&mut sql, row);
        }
        match backend {
            Backend::Sqlite | Backend::Postgres => replace(&mut sql, &names),
            Backend::Mysql => replace_mysql(&mut sql, &names),
        }
        statements.push(sql);
    }
    statements
}

/// The statement that stores a gap.
pub(super) fn insert_gap(backend: Backend, cluster: &str, gap: &Gap, now: Timestamp) -> Sql {
    insert(backend, K8S_EVENT_GAP, gap_row(cluster, gap, now))
}

/// The statement that stores a row.
pub(super) fn insert(backend: Backend, table: &str, row: Row<'_>) -> Sql {
    let names: Vec<&'static str> = row.iter().map(|(name, _)| *name).collect();
    let mut sql = insert_into(backend, table, &names);
    push_values(&mut sql, row);
    sql
}

fn insert_into(backend: Backend, table: &str, names: &[&str]) -> Sql {
    let mut sql = Sql::new(backend);
    sql.push("INSERT INTO ").name(table);
    for (index, name) in names.iter().enumerate() {
        sql.push(if index == 0 { " (" } else { ", " }).name(name);
    }
    sql.push(") VALUES ");
    sql
}

fn push_values(sql: &mut Sql, row: Row<'_>) {
    for (index, (_, cell)) in row.into_iter().enumerate() {
        sql.push(if index == 0 { "(" } else { ", " });
        match cell {
            Cell::Null => sql.push("NULL"),
            Cell::Text(text) => sql.text(text),
            Cell::Integer(number) => sql.integer(number),
            Cell::Moment(moment) => sql.moment(moment),
        };
    }
    sql.push(")");
}

/// The columns that a newer version of an event changes.
fn changing<'a>(names: &'a [&'static str]) -> impl Iterator<Item = &'static str> + 'a {
    names.iter().copied().filter(|name| !["id", "cluster", "uid", "createdAt"].contains(name))
}

/// What makes the insertion of an event that is there replace it by a newer version, on SQLite and PostgreSQL.
fn replace(sql: &mut Sql, names: &[&'static str]) {
    let backend = sql.backend();
    sql.push(" ON CONFLICT (id) DO UPDATE SET ");
    for (index, name) in changing(names).map(|name| backend.quote(name)).enumerate() {
        sql.push(if index == 0 { "" } else { ", " }).push(&format!("{name} = excluded.{name}"));
    }
    let [table, version, number] = [K8S_EVENT, VERSION, VERSION_NUMBER].map(|name| backend.quote(name));
    let newer = newer(
        [&format!("excluded.{version}"), &format!("{table}.{version}")],
        [&format!("excluded.{number}"), &format!("{table}.{number}")],
    );
    sql.push(&format!(" WHERE {newer}"));
}

/// The same for MySQL, which knows no condition there: each column is set to its new or its old value. It sets one after the
/// other, and a later one sees what the earlier are by then. So the version is compared before it is set; and after it, that it
/// is the new one says as much.
fn replace_mysql(sql: &mut Sql, names: &[&'static str]) {
    let [version, number] = [VERSION, VERSION_NUMBER].map(|name| Backend::Mysql.quote(name));
    let newer = newer([&format!("VALUES({version})"), &version], [&format!("VALUES({number})"), &number]);
    sql.push(" ON DUPLICATE KEY UPDATE ");
    for (index, name) in changing(names).enumerate() {
        let column = Backend::Mysql.quote(name);
        let condition = match name {
            VERSION_NUMBER => &format!("{version} = VALUES({version})"),
            _ => &newer,
        };
        sql.push(if index == 0 { "" } else { ", " });
        sql.push(&format!("{column} = IF({condition}, VALUES({column}), {column})"));
    }
}

/// The condition that a version replaces another one, as [`ResourceVersion::replaces`](crate::ResourceVersion::replaces) says.
fn newer([new, old]: [&str; 2], [new_number, old_number]: [&str; 2]) -> String {
    format!(
        "CASE WHEN {new_number} IS NOT NULL AND {old_number} IS NOT NULL THEN {new_number} > {old_number} \
         ELSE {new} <> {old} END"
    )
}

fn size(row: &Row<'_>) -> usize {
    row.iter().map(|(_, cell)| if let Cell::Text(text) = cell { text.len() } else { 8 }).sum()
}

pub(super) fn text(value: &str) -> Cell<'_> {
    Cell::Text(column_text(value))
}

fn optional(value: &Option<String>) -> Cell<'_> {
    value.as_deref().map_or(Cell::Null, text)
}

fn integer(value: Option<i64>) -> Cell<'static> {
    value.map_or(Cell::Null, Cell::Integer)
}

fn moment(value: Option<Timestamp>) -> Cell<'static> {
    value.and_then(storable).map_or(Cell::Null, Cell::Moment)
}

/// A text as a column holds it: no field of an event that the API server has checked is too long for one.
fn column_text(value: &str) -> Cow<'_, str> {
    match without_nul(value) {
        value if value.len() <= MAX_TEXT as usize => value,
        value => bounded(value.into_owned(), MAX_TEXT as usize).into(),
    }
}

/// PostgreSQL stores no NUL.
pub(super) fn without_nul(value: &str) -> Cow<'_, str> {
    if value.contains('\0') { value.replace('\0', "\u{fffd}").into() } else { value.into() }
}

/// A moment that all the databases can hold.
fn storable(moment: Timestamp) -> Option<Timestamp> {
    (1000..=9999).contains(&moment.to_zoned(TimeZone::UTC).year()).then_some(moment)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails; clippy.toml excepts only the test functions")]
mod tests {
    use taskserver_store::{Store, StoreError, StoreOptions};
    use taskserver_tests::for_each_backend;

    use super::*;
    use crate::store::MIGRATIONS;
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
                for upsert in upserts(store.backend(), &[("id", &change(version))]) {
                    transaction.execute(upsert).await.unwrap();
                }
                transaction.conclude(Ok::<_, StoreError>(())).await.unwrap();
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

    #[test]
    fn a_statement_is_bounded_in_values_and_in_bytes() {
        let small = change("1");
        let large = Change {
            event: crate::EventRecord { message: "x".repeat(400_000), ..small.event.clone() },
            kind: small.kind,
        };
        let statements = |changes: &[&Change]| {
            let events: Vec<(&str, &Change)> = changes.iter().map(|change| ("id", *change)).collect();
            upserts(Backend::Sqlite, &events)
                .iter()
                .map(|sql| sql.as_str().matches("), (").count() + 1)
                .collect::<Vec<_>>()
        };
        assert_eq!(statements(&[]), [0; 0]);
        assert_eq!(statements(&[&large; 5]), [2, 2, 1]);
        assert_eq!(statements(&[&small; 1000]), [909, 91]);
    }
}
