//! The tables, and the services over them.

use taskserver_core::{Field, FieldType, Method, Schema};
use taskserver_store::{Migration, Store, TableService};

/// The path of the service of the alerts, and their table.
pub const ALERT: &str = "alert";

/// The path of the service of the reports, and their table.
pub const REPORT: &str = "report";

/// The path of the service that shows how it stands with the receivers, and their table.
pub const ALERT_RECEIVER: &str = "alert-receiver";

/// The path of the service that shows what became of each delivery, and their table.
pub const ALERT_DELIVERY_LOG: &str = "alert-delivery-log";

/// The table of what is known of the groups.
pub(crate) const GROUP: &str = "alert-group";

/// The table of the outbox.
pub(crate) const DELIVERY: &str = "alert-delivery";

/// The most characters that a column of text holds, messages apart.
pub(crate) const MAX_TEXT: usize = 255;

/// The most bytes of a message that are kept: all databases hold as many, and all receivers can do with as much.
pub(crate) const MAX_MESSAGE: usize = 256 * 1024;

/// The steps that make the tables, for [`Store::migrate_with`].
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        name: "alerts-0001",
        sqlite: include_str!("migrations/0001_alerts_sqlite.sql"),
        postgres: include_str!("migrations/0001_alerts_postgres.sql"),
        mysql: include_str!("migrations/0001_alerts_mysql.sql"),
    },
    Migration {
        name: "alerts-0002",
        sqlite: include_str!("migrations/0002_report_data_sqlite.sql"),
        postgres: include_str!("migrations/0002_report_data_postgres.sql"),
        mysql: include_str!("migrations/0002_report_data_mysql.sql"),
    },
    Migration {
        name: "alerts-0003",
        sqlite: include_str!("migrations/0003_delivery_log_sqlite.sql"),
        postgres: include_str!("migrations/0003_delivery_log_postgres.sql"),
        mysql: include_str!("migrations/0003_delivery_log_mysql.sql"),
    },
];

/// The services over the alerts, the reports, the receivers and the deliveries, by their paths. All are read only.
#[must_use]
pub fn alert_services(store: &Store) -> Vec<(&'static str, TableService)> {
    let service = |table, schema| (table, TableService::new(store.clone(), table, schema, &Method::READS));
    vec![
        service(ALERT, alert_schema()),
        service(REPORT, report_schema()),
        service(ALERT_RECEIVER, receiver_schema()),
        service(ALERT_DELIVERY_LOG, delivery_log_schema()),
    ]
}

const COUNT: FieldType = FieldType::Integer { min: 0, max: i64::MAX };
const LONG_TEXT: FieldType = FieldType::String { max: u32::MAX };

fn text(name: &str) -> Field {
    Field::required(name, FieldType::TEXT)
}

fn time(name: &str) -> Field {
    Field::required(name, FieldType::DateTime)
}

/// The fields of an alert.
///
/// - `source`, `rule`, `group` and `cluster` are its [`Key`](crate::Key).
/// - `events` is how often what it is about has happened, `title` and `message` are about the last time.
/// - `state` is `firing` or `resolved`; where it has a `resolveAt`, it will be resolved then, unless there are further events.
/// - `deliveries` is how often a receiver was told of it.
#[must_use]
pub fn alert_schema() -> Schema {
    Schema::new([
        Field::required("id", FieldType::ID),
        text("source"),
        text("rule"),
        text("group"),
        Field::nullable("cluster", FieldType::TEXT),
        Field::nullable("namespace", FieldType::TEXT),
        text("level"),
        text("title"),
        Field::required("message", LONG_TEXT),
        text("state"),
        time("firstSeen"),
        time("lastSeen"),
        Field::required("events", COUNT),
        Field::nullable("resolveAt", FieldType::DateTime),
        Field::nullable("resolvedAt", FieldType::DateTime),
        Field::required("deliveries", COUNT),
        time("createdAt"),
        time("updatedAt"),
    ])
}

/// The fields of a report. `data` is JSON, as text.
#[must_use]
pub fn report_schema() -> Schema {
    Schema::new([
        Field::required("id", FieldType::ID),
        text("source"),
        text("name"),
        text("title"),
        Field::required("markdown", LONG_TEXT),
        Field::nullable("data", LONG_TEXT),
        time("createdAt"),
        time("updatedAt"),
    ])
}

/// The fields of a receiver, whose name is its `id`.
///
/// - `deliveredAt` is when it was told something last.
/// - `failures` is how often in a row it could not be, `lastError` why; it is tried again at `nextAttemptAt`.
#[must_use]
pub fn receiver_schema() -> Schema {
    Schema::new([
        text("id"),
        Field::required("failures", COUNT),
        Field::nullable("nextAttemptAt", FieldType::DateTime),
        Field::nullable("lastError", LONG_TEXT),
        Field::nullable("deliveredAt", FieldType::DateTime),
        time("updatedAt"),
    ])
}

/// The fields of a delivery: that a receiver is told that an alert is firing or resolved, or of a report (`kind`).
///
/// - `subject` is the id of the alert or the report.
/// - `state` is `delivered`, `waiting` (it was tried in vain, and is tried again) or `given up` (the receiver does not take it).
/// - `attempts` is how often it was tried, the last time at `updatedAt`; `lastError` is why that was in vain.
#[must_use]
pub fn delivery_log_schema() -> Schema {
    Schema::new([
        Field::required("id", FieldType::ID),
        text("subject"),
        text("kind"),
        text("receiver"),
        text("state"),
        Field::required("attempts", COUNT),
        Field::nullable("lastError", LONG_TEXT),
        time("updatedAt"),
    ])
}
