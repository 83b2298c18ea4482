//! The tables of the collected events, and the services over them.

use taskserver_core::{Field, FieldType, Method, Schema};
use taskserver_store::{Migration, Store, TableService};

use super::count_schema;

/// The path of the service of the events, and their table.
pub const K8S_EVENT: &str = "k8s-event";

/// The path of the service of the gaps, and their table.
pub const K8S_EVENT_GAP: &str = "k8s-event-gap";

/// The path of the service of the counts by reason, and their table.
pub const K8S_EVENT_COUNT: &str = "k8s-event-count";

/// The table of the cursors.
pub(super) const CURSOR: &str = "k8s-event-cursor";

/// The steps that make the tables, for [`Store::migrate_with`].
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        name: "k8s-events-0001",
        sqlite: include_str!("migrations/0001_events_sqlite.sql"),
        postgres: include_str!("migrations/0001_events_postgres.sql"),
        mysql: include_str!("migrations/0001_events_mysql.sql"),
    },
    Migration {
        name: "k8s-event-counts-0001",
        sqlite: include_str!("migrations/counts_0001_sqlite.sql"),
        postgres: include_str!("migrations/counts_0001_postgres.sql"),
        mysql: include_str!("migrations/counts_0001_mysql.sql"),
    },
    Migration {
        name: "k8s-event-export-0001",
        sqlite: include_str!("migrations/export_0001_sqlite.sql"),
        postgres: include_str!("migrations/export_0001_postgres.sql"),
        mysql: include_str!("migrations/export_0001_mysql.sql"),
    },
];

/// The most characters that a column of text holds, the message apart.
pub(super) const MAX_TEXT: u32 = 255;

/// The services over the events, their gaps and their counts, by their paths. All are read only: the collector alone writes.
#[must_use]
pub fn event_services(store: &Store) -> Vec<(&'static str, TableService)> {
    let service = |table, schema| TableService::new(store.clone(), table, schema, &Method::READS);
    vec![
        (K8S_EVENT, service(K8S_EVENT, event_schema()).indexed(&["time"])),
        (K8S_EVENT_GAP, service(K8S_EVENT_GAP, gap_schema())),
        (K8S_EVENT_COUNT, service(K8S_EVENT_COUNT, count_schema())),
    ]
}

/// The fields of an event.
///
/// - `id` is made of `cluster` and `uid`.
/// - `time` is when it happened last, `occurrences` how often: as well as its reporter tells, whichever of the two APIs it
///   uses. What it told is in `count`, `seriesCount`, `seriesLastObserved`, `firstSeen`, `lastSeen` and `eventTime`;
///   `creationTime` is when the cluster stored it.
/// - `createdAt` is when it was received first, `updatedAt` when this state of it was.
/// - `deletedAt` is when it was seen to be deleted or to expire in the cluster.
#[must_use]
pub fn event_schema() -> Schema {
    let id = Field::required("id", FieldType::ID);
    let text = |name| Field::required(name, FieldType::TEXT);
    let optional = |name| Field::nullable(name, FieldType::TEXT);
    let number = |name| Field::nullable(name, NUMBER);
    let time = |name| Field::nullable(name, FieldType::DateTime);
    Schema::new([
        id,
        text("cluster"),
        text("uid"),
        text("namespace"),
        text("name"),
        text("resourceVersion"),
        text("involvedKind"),
        optional("involvedNamespace"),
        text("involvedName"),
        optional("involvedUid"),
        optional("involvedFieldPath"),
        optional("involvedApiVersion"),
        text("type"),
        text("reason"),
        Field::required("message", FieldType::String { max: u32::MAX }),
        optional("action"),
        number("count"),
        number("seriesCount"),
        time("seriesLastObserved"),
        time("firstSeen"),
        time("lastSeen"),
        time("eventTime"),
        time("creationTime"),
        optional("sourceComponent"),
        optional("sourceHost"),
        optional("reportingComponent"),
        optional("reportingInstance"),
        Field::required("time", FieldType::DateTime),
        Field::required("occurrences", NUMBER),
        time("deletedAt"),
        Field::required("createdAt", FieldType::DateTime),
        Field::required("updatedAt", FieldType::DateTime),
    ])
}

/// The fields of a [`Gap`](crate::Gap): up to `from` and after `to` everything is stored.
#[must_use]
pub fn gap_schema() -> Schema {
    Schema::new([
        Field::required("id", FieldType::ID),
        Field::required("cluster", FieldType::TEXT),
        Field::nullable("namespace", FieldType::TEXT),
        Field::required("from", FieldType::DateTime),
        Field::required("fromVersion", FieldType::TEXT),
        Field::required("to", FieldType::DateTime),
        Field::required("toVersion", FieldType::TEXT),
        Field::required("why", FieldType::TEXT),
        Field::required("createdAt", FieldType::DateTime),
        Field::required("updatedAt", FieldType::DateTime),
    ])
}

const NUMBER: FieldType = FieldType::Integer { min: i64::MIN, max: i64::MAX };
